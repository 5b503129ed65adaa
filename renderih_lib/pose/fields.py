"""How deep points lie inside a posed hand: one distance grid per nearly convex part, built once (paper Eq. 2-4).

The paper voxelises all 32 sub-meshes of a pair again at every step. Here each of the 16 parts has one grid, made in
the rest pose and carried along by the affine map that best moves the part's rest vertices onto the posed ones. A grid
cell knows its signed distance, which tells cheaply which points may be inside, and its nearest triangle. The depth
itself is then measured to that triangle where the pose has put it, so bent joints and other shapes cost no accuracy.
"""

import copy

import igl
import numpy as np
import torch
from scipy.spatial import ConvexHull
from torch import Tensor, nn

from renderih_lib.hand.anchors import vertex_normals
from renderih_lib.hand.model import MIRROR, HandModel
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.parts import Part, hand_parts
from renderih_lib.pose.distance import ExactSkin

#: Metres. How far grids reach beyond their part, and how far outside a point may seem and still be looked at.
PADDING, MARGIN = 0.006, 0.003


class ArticulatedField(nn.Module):
    """Depth of points inside one posed hand.

    A left hand's grids are built, and asked, in its mirror image: mirrored hands have exactly mirrored depths.

    Args:
        hand: whose rest mesh the grids are built on, once, on its mean shape.
        resolution: N, grid cells along each axis of a part's box.
    """

    def __init__(self, hand: HandModel, resolution: int = 24):
        super().__init__()
        left = hand.side == "left"
        hand = hand.mirrored() if left else hand
        template = hand.template.double().cpu().numpy()
        skin = ExactSkin(hand.faces.cpu().numpy())
        grids = [_part_grid(template, skin, part, resolution) for part in hand_parts(hand)]
        fit, center, radius, origin, spacing, distance, nearest = (
            np.stack(arrays) for arrays in zip(*grids, strict=True)
        )
        self.resolution = resolution
        for name, array in {
            "fit": fit,  # (16, 4, V): affine map of a part = fit @ posed vertices
            "center": center,  # (16, 3) metres, rest frame
            "radius": radius,  # (16,) metres
            "origin": origin,  # (16, 3) metres, first cell centre
            "spacing": spacing,  # (16, 3) metres between cell centres
            "distance": distance,  # (16, N^3) metres, negative inside
        }.items():
            self.register_buffer(name, torch.from_numpy(array.astype(np.float32)))
        self.register_buffer("flip", (MIRROR.diagonal() if left else torch.ones(3)).float())
        self.register_buffer("nearest", torch.from_numpy(nearest.astype(np.int16)))  # (16, N^3, 3) vertices
        self.register_buffer("normals", vertex_normals(hand.template, hand.faces))  # (V, 3), rest frame

    def depth(self, points: Tensor, vertices: Tensor) -> Tensor:
        """Ω of Eq. 2: depth (B, P) metres of points (B, P, 3) inside hands (B, V, 3); exactly zero outside.

        All in one frame, metres. Differentiable in both arguments; which triangle is nearest counts as constant,
        which leaves the first derivative exact.
        """
        points, vertices = points * self.flip, vertices * self.flip
        with torch.no_grad():
            key, corners, weights = self._nearest(points, vertices, *self._part_motions(vertices))
        pair = key // points.shape[1]
        offset = (weights[..., None] * vertices[pair[:, None], corners]).sum(1) - points.flatten(0, 1)[key]
        direction = nn.functional.normalize(offset.detach(), dim=-1)
        depth = points.new_zeros(points.shape[:2]).flatten()
        return depth.index_put((key,), (offset * direction).sum(-1)).view(points.shape[:2])

    def mirrored(self) -> "ArticulatedField":
        """The field of this hand's mirror image, without building grids again."""
        other = copy.deepcopy(self)
        other.flip = self.flip * MIRROR.diagonal().to(self.flip)
        return other

    def _part_motions(self, vertices: Tensor) -> tuple[Tensor, Tensor]:
        """Affine maps of the parts, rest to posed, as rows: matrices (B, 16, 3, 3) and offsets (B, 16, 3)."""
        motion = torch.einsum("krv,bvc->bkrc", self.fit, vertices)
        return motion[:, :, :3], motion[:, :, 3]

    def _nearest(self, points: Tensor, vertices: Tensor, linear: Tensor, shift: Tensor) -> tuple[Tensor, ...]:
        """For every point inside: its row among all B * P, and corners (M, 3) and weights (M, 3) of the nearest
        place on the skin."""
        inverse = torch.linalg.inv_ex(linear).inverse
        key, pair, part, cell = self._cells(points, linear, shift, inverse)
        near = self.distance[part, cell] < MARGIN
        rows = points.shape[0] * points.shape[1]
        maybe = _any(near, key, rows)[key]
        key, pair, part, cell, near = (x[maybe] for x in (key, pair, part, cell, near))
        corners = self.nearest[part, cell].long()
        places = points.flatten(0, 1)[key]
        weights, squared = closest_on_triangles(places, vertices[pair[:, None], corners])
        offset = (weights[..., None] * vertices[pair[:, None], corners]).sum(1) - places
        normal = (weights[..., None] * self.normals[corners]).sum(1)
        # Normals go by the transposed inverse of a row map; comparing in the rest frame saves turning them.
        inside = ((offset[:, None] @ inverse[pair, part])[:, 0] * normal).sum(-1) > 0
        chosen = _first_smallest(squared, key, rows)
        chosen = chosen[inside[chosen]]
        return key[chosen], corners[chosen], weights[chosen]

    def _cells(self, points: Tensor, linear: Tensor, shift: Tensor, inverse: Tensor) -> tuple[Tensor, ...]:
        """All (point, part) whose point lies in the part's box: row of the point, pair, part, cell."""
        centers = (self.center[:, None] @ linear)[:, :, 0] + shift
        reach = self.radius * linear.flatten(2).norm(dim=-1) / 3**0.5
        pair, index, part = torch.nonzero(torch.cdist(points, centers) < reach[:, None], as_tuple=True)
        local = ((points[pair, index] - shift[pair, part])[:, None] @ inverse[pair, part])[:, 0]
        cell = ((local - self.origin[part]) / self.spacing[part]).round()
        boxed = ((cell >= 0) & (cell < self.resolution)).all(-1)
        x, y, z = cell[boxed].long().unbind(-1)
        flat = (x * self.resolution + y) * self.resolution + z
        pair, index = pair[boxed], index[boxed]
        return pair * points.shape[1] + index, pair, part[boxed], flat


def pair_fields(hands: HandPair) -> list[ArticulatedField]:
    """Fields of the right and the left hand; hands that mirror each other share the work of building."""
    right, left = hands.hands
    field, image = ArticulatedField(right), left.mirrored()
    alike = all(
        torch.equal(getattr(image, name), getattr(right, name))
        for name in ("template", "faces", "skin_weights")
    )
    return [field, field.mirrored() if alike else ArticulatedField(left)]


def closest_on_triangles(points: Tensor, triangles: Tensor) -> tuple[Tensor, Tensor]:
    """Barycentric weights (M, 3) of the places of triangles (M, 3, 3) nearest to points (M, 3), and the squared
    distances (M,)."""
    a, b, c = triangles.unbind(1)
    u, v, w = b - a, c - a, points - a
    uu, uv, vv, wu, wv = ((p * q).sum(-1) for p, q in ((u, u), (u, v), (v, v), (w, u), (w, v)))
    area = (uu * vv - uv * uv).clamp(min=1e-24)
    s, t = (vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area
    on_u = (wu / uu.clamp(min=1e-18)).clamp(0, 1)
    on_v = (wv / vv.clamp(min=1e-18)).clamp(0, 1)
    along = ((wv - wu + uu - uv) / (uu - 2 * uv + vv).clamp(min=1e-18)).clamp(0, 1)
    zero, inner = torch.zeros_like(s), (s >= 0) & (t >= 0) & (s + t <= 1)
    places = torch.stack(
        [torch.stack(x, -1) for x in ((s, t), (on_u, zero), (zero, on_v), (1 - along, along))], 1
    )
    gaps = w[:, None] - places @ torch.stack([u, v], 1)
    squared = gaps.square().sum(-1)
    squared[:, 0].masked_fill_(~inner, torch.inf)
    smallest, which = squared.min(1)
    s, t = places[torch.arange(len(places)), which].unbind(-1)
    return torch.stack([1 - s - t, s, t], -1), smallest


def _any(flags: Tensor, group: Tensor, group_count: int) -> Tensor:
    """Whether any flag of each group is set."""
    return flags.new_zeros(group_count).index_fill(0, group[flags], True)


def _first_smallest(values: Tensor, group: Tensor, group_count: int) -> Tensor:
    """Positions of the smallest value of every group that occurs; of equal ones the first."""
    smallest = values.new_full((group_count,), torch.inf).scatter_reduce(0, group, values, "amin")
    ties = torch.nonzero(values == smallest[group])[:, 0]
    first = torch.full((group_count,), len(values), device=values.device)
    first = first.scatter_reduce(0, group[ties], ties, "amin")
    return first[first < len(values)]


def _part_grid(template: np.ndarray, skin: ExactSkin, part: Part, resolution: int) -> tuple:
    """Everything `ArticulatedField` keeps about one part, in the order in which it unpacks it."""
    local = template[part.vertices]
    low, high = local.min(0) - PADDING, local.max(0) + PADDING
    axes = [np.linspace(low[i], high[i], resolution) for i in range(3)]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    # Cells inside the hand but beyond this part belong to a neighbour, which may bend away from here.
    walls = ConvexHull(local).equations
    mine = (cells @ walls[:, :3].T + walls[:, 3]).max(1) < MARGIN
    squared, face, _ = igl.point_mesh_squared_distance(cells, template, skin.faces)
    distance = np.where(mine, np.sqrt(squared), np.inf)
    distance[mine] *= np.where(skin.contains(cells[mine], template), -1, 1)
    fit = np.zeros((4, len(template)))
    fit[:, part.vertices] = np.linalg.pinv(np.column_stack([local, np.ones(len(local))]))
    center = (low + high) / 2
    radius = 1.1 * (np.linalg.norm(local - center, axis=1).max() + PADDING)
    spacing = (high - low) / (resolution - 1)
    return fit, center, radius, low, spacing, distance, skin.faces[face]
