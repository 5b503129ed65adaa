"""Penetration as others compute it: voxel grids rebuilt from the posed hand at every step (paper Eq. 2-4).

Here for comparison: `PartVoxels` is Eq. 4 to the letter, `WholeHandVoxels` what the released code does.
Both answer `depth` like `fields.ArticulatedField`, so each can stand in for the others.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import igl
import numpy as np
import torch
from torch import Tensor

from renderih_lib.hand.model import HandModel
from renderih_lib.hand.parts import hand_parts
from renderih_lib.pose.distance import ExactSkin, pierced_lines

#: Side of the released code's cube over the largest extent of the hand.
CUBE_MARGIN = 1.1


class VoxelGrids(NamedTuple):
    """Ω of Eq. 2 on K grids of N x N x N cells per posed hand."""

    low: Tensor  # (B, K, 3) metres, centre of the first cell
    high: Tensor  # (B, K, 3) metres, centre of the last cell
    omega: Tensor  # (B, K, N, N, N) metres, indexed x, y, z


class VoxelField(ABC):
    """What the two references share: build grids from the posed vertices, read them between the cells."""

    def __init__(self, resolution: int):
        if resolution < 2:
            raise ValueError(f"resolution must be at least 2 cells, got {resolution}")
        self.resolution = resolution

    def depth(self, points: Tensor, vertices: Tensor) -> Tensor:
        """Depth (B, P) metres of points (B, P, 3) inside hands (B, V, 3), the largest over the grids; zero outside.

        Differentiable in points alone: the grids, and with them the hand that owns them, count as constant.

        Raises:
            ValueError: if a shape is wrong or a vertex is not finite.
        """
        return self.depths(points, vertices).amax(1)

    def depths(self, points: Tensor, vertices: Tensor) -> Tensor:
        """The same for each of the K grids, (B, K, P)."""
        if points.ndim != 3 or points.shape[-1] != 3 or len(points) != len(vertices):
            raise ValueError(
                f"points must have shape (B, P, 3) with B = {len(vertices)}, got {tuple(points.shape)}"
            )
        return trilinear(self.grids(vertices), points)

    @torch.no_grad()
    def grids(self, vertices: Tensor) -> VoxelGrids:
        """The grids of hands (B, V, 3), in their dtype."""
        expected = (len(vertices), self.vertex_count, 3)
        if vertices.shape != expected:
            raise ValueError(f"vertices must have shape {expected}, got {tuple(vertices.shape)}")
        if not vertices.isfinite().all():
            bad = (~vertices.isfinite()).flatten(1).any(1).nonzero()[:, 0].tolist()
            raise ValueError(f"vertices of hands {bad} are not finite; leave these poses out")
        built = [self._built(hand) for hand in vertices.detach().double().cpu().numpy()]
        return VoxelGrids(*(torch.from_numpy(np.stack(x)).to(vertices) for x in zip(*built, strict=True)))

    @abstractmethod
    def _built(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """low (K, 3), high (K, 3) and omega (K, N, N, N) of one hand (V, 3)."""


class PartVoxels(VoxelField):
    """Eq. 4: a grid for each of the 16 sub-meshes of the posed hand, over its own bounding box.

    A sub-mesh is closed by caps where it was cut, and distance is to the closed sub-mesh: near a cut, inside the
    finger, the depth is the distance to a cap rather than to the skin.
    """

    def __init__(self, hand: HandModel, resolution: int = 32):
        super().__init__(resolution)
        self.vertex_count = hand.vertex_count
        self.parts = hand_parts(hand)

    @property
    def memberships(self) -> Tensor:
        """(V,) int, to how many sub-meshes each vertex belongs: how often Eq. 4 counts it."""
        counts = np.zeros(self.vertex_count, dtype=np.int64)
        for part in self.parts:
            counts[part.vertices] += 1
        return torch.from_numpy(counts)

    def _built(self, vertices):
        low, high, omega = [], [], []
        for part in self.parts:
            mesh = part.closed_vertices(vertices)
            low.append(mesh.min(0))
            high.append(mesh.max(0))
            omega.append(_omega(mesh, part.closed_faces, low[-1], high[-1], self.resolution))
        return np.stack(low), np.stack(high), np.stack(omega)


class WholeHandVoxels(VoxelField):
    """The released code's way: one cube around the whole hand, its wrist closed.

    The released code keeps depths in half sides of the cube (0.01 is about 1 mm); here they are metres. It also
    tells inside by the parity of one ray, here the winding number does, so skin that overlaps itself stays inside.

    Args:
        shifted: compute Ω half a cell away from where it is read, as the released code does: its cell i lies at
            -1 + (2 i + 1) / (N - 1) of the cube but is read at -1 + 2 i / (N - 1).
    """

    def __init__(self, hand: HandModel, resolution: int = 32, shifted: bool = False):
        super().__init__(resolution)
        self.vertex_count, self.shifted = hand.vertex_count, shifted
        self.skin = ExactSkin(hand.faces.cpu().numpy())

    def _built(self, vertices):
        low, high = vertices.min(0), vertices.max(0)
        center, half = (low + high) / 2, CUBE_MARGIN * (high - low).max() / 2
        low, high = center - half, center + half
        shift = half / (self.resolution - 1) if self.shifted else 0.0
        omega = _omega(*self.skin.closed(vertices), low + shift, high + shift, self.resolution)
        return low[None], high[None], omega[None]


def literal_penetration_loss(voxels: Sequence[PartVoxels], vertices: Tensor) -> Tensor:
    """L_p of Eq. 4 to the letter, (B,) metres, for both hands of vertices (B, 2, V, 3); voxels: (right's, left's).

    A vertex counts once for every sub-mesh it belongs to, and once for every sub-mesh of the other hand it lies in.
    Only the vertex is pushed: the grids are constants.
    """
    total = vertices.new_zeros(len(vertices))
    for side in (0, 1):
        depths = voxels[1 - side].depths(vertices[:, side], vertices[:, 1 - side])
        total = total + (depths * voxels[side].memberships.to(depths)).sum((1, 2))
    return total


def trilinear(grids: VoxelGrids, points: Tensor) -> Tensor:
    """Values (B, K, P) of all grids at points (B, P, 3), linear between cell centres, zero away from the box."""
    batch, count = grids.low.shape[:2]
    place = (points[:, None] - grids.low[:, :, None]) / (grids.high - grids.low)[:, :, None]  # (B, K, P, 3)
    place = (2 * place - 1).flip(-1).reshape(batch * count, 1, 1, -1, 3)  # grid_sample wants z, y, x
    value = torch.nn.functional.grid_sample(
        grids.omega.flatten(0, 1)[:, None], place, padding_mode="zeros", align_corners=True
    )
    return value.reshape(batch, count, -1)


def winding_grid(vertices: np.ndarray, faces: np.ndarray, low, high, resolution: int) -> np.ndarray:
    """Winding number (N, N, N) int of a closed mesh at the cells of a grid, indexed x, y, z.

    Much cheaper than solid angles, and equal to them: along a line of cells it changes only where the line pierces
    the mesh.

    Args:
        vertices: (V, 3) metres. faces: (F, 3), counter-clockwise from outside, no edge open.
        low, high: (3,) metres, the first and the last cell centre.
    """
    spacing = (np.asarray(high) - low) / (resolution - 1)
    corner, count = (low - spacing / 2)[1:], np.array([resolution, resolution])
    line, x, change = pierced_lines(vertices, faces, corner, spacing[1:], count)
    level = np.ceil((x - low[0]) / spacing[0]).clip(0, resolution).astype(int)  # the first cell not before it
    changes = np.zeros((resolution + 1, resolution**2), dtype=np.int64)
    np.add.at(changes, (level, line), change)
    return changes.cumsum(0)[:-1].reshape(resolution, resolution, resolution)


def _omega(mesh: np.ndarray, faces: np.ndarray, low, high, resolution: int) -> np.ndarray:
    """Ω (N, N, N) metres of a closed mesh: distance to it where inside, else zero."""
    inside = winding_grid(mesh, faces, low, high, resolution) > 0
    cells = np.argwhere(inside) * ((high - low) / (resolution - 1)) + low
    omega = np.zeros(inside.shape)
    if len(cells):
        squared, _, _ = igl.point_mesh_squared_distance(
            cells, mesh, np.ascontiguousarray(faces, dtype=np.int64)
        )
        omega[inside] = np.sqrt(squared)
    return omega
