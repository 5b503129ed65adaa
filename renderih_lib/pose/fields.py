"""How deep points lie inside a posed hand: one distance grid per nearly convex part, built once (paper Eq. 2-4).

The paper voxelises all 32 sub-meshes of a pair again at every step. Here each of the 16 parts has one grid, made in
the rest pose and carried along by the affine map that best moves the part's rest vertices onto the posed ones. A grid
cell knows its signed distance, which tells cheaply which points may be inside, and its nearest triangle. The depth
itself is then measured to that triangle where the pose has put it, so bent joints and other shapes cost no accuracy.
"""

import igl
import numpy as np
import torch
from torch import Tensor, nn

from renderih_lib.hand.anchors import vertex_normals
from renderih_lib.hand.model import HandModel
from renderih_lib.hand.parts import Part, hand_parts

#: Metres. How far grids reach beyond their part, and how far outside a point may seem and still be looked at.
PADDING, MARGIN = 0.006, 0.003


class ArticulatedField(nn.Module):
    """Depth of points inside one posed hand.

    Args:
        hand: whose rest mesh the grids are built on, once, on its mean shape.
        resolution: N, grid cells along each axis of a part's box.
    """

    def __init__(self, hand: HandModel, resolution: int = 32):
        super().__init__()
        template = hand.template.double().cpu().numpy()
        grids = [_part_grid(template, part, resolution) for part in hand_parts(hand)]
        fit, center, radius, origin, spacing, distance, nearest = (
            np.stack(arrays) for arrays in zip(*grids, strict=True)
        )
        self.resolution = resolution
        for name, array in {
            "fit": fit,  # (16, 4, V): affine map of a part = fit @ posed vertices
            "center": center,  # (16, 4) homogeneous, rest frame
            "radius": radius,  # (16,) metres
            "origin": origin,  # (16, 3) metres, first cell centre
            "spacing": spacing,  # (16, 3) metres between cell centres
            "distance": distance,  # (16, N^3) metres, negative inside
        }.items():
            self.register_buffer(name, torch.from_numpy(array.astype(np.float32)))
        self.register_buffer("nearest", torch.from_numpy(nearest.astype(np.int16)))  # (16, N^3, 3) vertices
        self.register_buffer("faces", hand.faces.clone())

    def depth(self, points: Tensor, vertices: Tensor) -> Tensor:
        """Ω of Eq. 2: depth (B, P) metres of points (B, P, 3) inside hands (B, V, 3); exactly zero outside.

        All in one frame, metres. Differentiable in both arguments; which triangle is nearest counts as constant,
        which leaves the first derivative exact.
        """
        with torch.no_grad():
            key, corners, weights = self._nearest(points, vertices)
        pair = key // points.shape[1]
        offset = (weights[..., None] * vertices[pair[:, None], corners]).sum(1) - points.flatten(0, 1)[key]
        direction = nn.functional.normalize(offset.detach(), dim=-1)
        depth = points.new_zeros(points.shape[:2]).flatten()
        return depth.index_put((key,), (offset * direction).sum(-1)).view(points.shape[:2])

    def _nearest(self, points: Tensor, vertices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For every point inside: its row among all B * P, and corners (M, 3) and weights (M, 3) of the nearest
        place on the skin."""
        key, part, cell = self._cells(points, vertices)
        near = self.distance[part, cell]
        best = near.new_full((points.shape[0] * points.shape[1],), torch.inf).scatter_reduce(0, key, near, "amin")
        maybe = best[key] < MARGIN
        key, part, cell = key[maybe], part[maybe], cell[maybe]
        corners = self.nearest[part, cell].long()
        pair = key // points.shape[1]
        places = points.flatten(0, 1)[key]
        weights, squared = closest_on_triangles(places, vertices[pair[:, None], corners])
        chosen = _first_smallest(squared, key, best.numel())
        key, pair, corners, weights, places = (x[chosen] for x in (key, pair, corners, weights, places))
        offset = (weights[..., None] * vertices[pair[:, None], corners]).sum(1) - places
        normals = vertex_normals(vertices, self.faces)[pair[:, None], corners]
        inside = (offset * (weights[..., None] * normals).sum(1)).sum(-1) > 0
        return key[inside], corners[inside], weights[inside]

    def _cells(self, points: Tensor, vertices: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """All (point, part) whose point lies in the part's box: row of the point, part, cell."""
        count = points.shape[1]
        motion = self.fit @ vertices[:, None]  # (B, 16, 4, 3)
        centers = (self.center[:, None] @ motion)[:, :, 0]
        reach = self.radius * motion[:, :, :3].flatten(2).norm(dim=-1) / 3**0.5
        pair, index, part = torch.nonzero(torch.cdist(points, centers) < reach[:, None], as_tuple=True)
        inverse = torch.linalg.inv_ex(motion[:, :, :3]).inverse
        local = ((points[pair, index] - motion[pair, part, 3])[:, None] @ inverse[pair, part])[:, 0]
        cell = ((local - self.origin[part]) / self.spacing[part]).round()
        boxed = ((cell >= 0) & (cell < self.resolution)).all(-1)
        x, y, z = cell[boxed].long().unbind(-1)
        flat = (x * self.resolution + y) * self.resolution + z
        return (pair * count + index)[boxed], part[boxed], flat


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
    places = torch.stack([torch.stack(x, -1) for x in ((s, t), (on_u, zero), (zero, on_v), (1 - along, along))], 1)
    gaps = w[:, None] - places @ torch.stack([u, v], 1)
    squared = gaps.square().sum(-1)
    squared[:, 0].masked_fill_(~inner, torch.inf)
    smallest, which = squared.min(1)
    s, t = places[torch.arange(len(places)), which].unbind(-1)
    return torch.stack([1 - s - t, s, t], -1), smallest


def _first_smallest(values: Tensor, group: Tensor, group_count: int) -> Tensor:
    """Positions of the smallest value of every group that occurs; of equal ones the first."""
    smallest = values.new_full((group_count,), torch.inf).scatter_reduce(0, group, values, "amin")
    ties = torch.nonzero(values == smallest[group])[:, 0]
    first = torch.full((group_count,), len(values), device=values.device)
    first = first.scatter_reduce(0, group[ties], ties, "amin")
    return first[first < len(values)]


def _part_grid(template: np.ndarray, part: Part, resolution: int) -> tuple:
    """Everything `ArticulatedField` keeps about one part, in the order in which it unpacks it."""
    skin = template[part.vertices]
    low, high = skin.min(0) - PADDING, skin.max(0) + PADDING
    axes = [np.linspace(low[i], high[i], resolution) for i in range(3)]
    cells = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    squared, face, _ = igl.point_mesh_squared_distance(cells, skin, part.faces)
    inside = igl.winding_number(part.closed_vertices(template), part.closed_faces, cells) > 0.5
    distance = np.where(inside, -1, 1) * np.sqrt(squared)
    fit = np.zeros((4, len(template)))
    fit[:, part.vertices] = np.linalg.pinv(np.column_stack([skin, np.ones(len(skin))]))
    center = (low + high) / 2
    radius = 1.1 * (np.linalg.norm(skin - center, axis=1).max() + PADDING)
    return fit, np.append(center, 1), radius, low, (high - low) / (resolution - 1), distance, part.vertices[part.faces[face]]
