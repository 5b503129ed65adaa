"""Coarse-to-fine levels of a hand mesh, 63 -> 126 -> 252 -> V vertices, computed from the hand itself.

MANO's usual levels come in a file; these are computed, so any hand model gets its own.
"""

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from renderih_lib.hand.anatomy import angle_limits, joint_rotations, rest_frames
from renderih_lib.hand.model import HandModel

LEVELS = (63, 126, 252)

_known: WeakKeyDictionary = WeakKeyDictionary()  # hand model -> {(levels, neighbours): its pyramid}


class MeshPyramid(NamedTuple):
    """Vertex subsets, coarse to fine, each inside the next, and the maps between them; rows of maps sum to 1."""

    levels: tuple[Tensor, ...]  # indices (63,), (126,), (252,) into the mesh
    upsample: tuple[Tensor, ...]  # (126, 63), (252, 126), (V, 252)


def mesh_pyramid(model: HandModel, levels: tuple[int, ...] = LEVELS, neighbours: int = 3) -> MeshPyramid:
    """Levels spread evenly along the surface and the interpolation from each to the next.

    Features go up by the inverse distance to the nearest coarse vertices along the surface, `neighbours` of them
    (one: they are copied, as in the released code). The last map carries coordinates and is fitted: each vertex is
    the affine combination of 10 near coarse vertices that reproduces it best over random poses and shapes. Computed
    once per hand model, in about a second.

    Raises:
        ValueError: if levels do not increase or the mesh has too few vertices.
    """
    if list(levels) != sorted(set(levels)) or levels[-1] > model.vertex_count:
        raise ValueError(f"levels must increase up to at most {model.vertex_count}, got {levels}")
    known = _known.setdefault(model, {})
    if (levels, neighbours) not in known:
        known[levels, neighbours] = _pyramid(model, levels, neighbours)
    return known[levels, neighbours]


def _pyramid(model: HandModel, levels: tuple[int, ...], neighbours: int) -> MeshPyramid:
    template = model.template.detach().cpu().double().numpy()
    distance = surface_distances(template, model.faces.cpu().numpy())
    order = farthest_points(distance, levels[-1])
    maps = [
        inverse_distance_map(distance[np.ix_(order[:fine], order[:coarse])], neighbours)
        for coarse, fine in zip(levels[:-1], levels[1:], strict=True)
    ]
    last = fitted_map(_posed_vertices(model), order, distance[:, order])
    return MeshPyramid(
        levels=tuple(torch.from_numpy(order[:count].copy()) for count in levels),
        upsample=tuple(torch.from_numpy(m).float() for m in (*maps, last)),
    )


def surface_distances(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Distances (V, V) in metres between vertices (V, 3), along the edges of faces (F, 3)."""
    edges = np.unique(
        np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1), axis=0
    )
    lengths = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    graph = coo_matrix((lengths, edges.T), shape=(len(vertices),) * 2).tocsr()
    distance = dijkstra(graph, directed=False)
    unreachable = ~np.isfinite(distance)
    if unreachable.any():  # separate pieces: straight lines, beyond everything reachable
        straight = np.linalg.norm(vertices[:, None] - vertices, axis=-1)
        distance[unreachable] = distance[~unreachable].max() + straight[unreachable]
    return distance


def farthest_points(distance: np.ndarray, count: int) -> np.ndarray:
    """`count` indices (count,), each the farthest from those before it; the first is the most central vertex."""
    chosen = [int(distance.sum(1).argmin())]
    nearest = distance[chosen[0]].copy()
    while len(chosen) < count:
        chosen.append(int(nearest.argmax()))
        np.minimum(nearest, distance[chosen[-1]], out=nearest)
    return np.array(chosen)


def inverse_distance_map(distance: np.ndarray, neighbours: int = 3) -> np.ndarray:
    """Interpolation (fine, coarse) from distances (fine, coarse); a vertex that is coarse itself is copied."""
    near = np.argsort(distance, axis=1, kind="stable")[:, :neighbours]
    weights = 1.0 / np.maximum(np.take_along_axis(distance, near, 1), 1e-9)
    result = np.zeros_like(distance)
    np.put_along_axis(result, near, weights / weights.sum(1, keepdims=True), 1)
    return result


def fitted_map(
    posed: np.ndarray, coarse: np.ndarray, distance: np.ndarray, neighbours: int = 10, ridge: float = 1e-6
) -> np.ndarray:
    """Affine map (V, C) from coarse to all vertices, by least squares over posed meshes.

    Args:
        posed: (P, V, 3) metres. coarse: (C,) indices. distance: (V, C) metres along the surface.
        ridge: metres squared per pose; pulls weights to the inverse-distance ones where poses do not decide.
    """
    prior = inverse_distance_map(distance)
    result = np.zeros_like(prior)
    near = np.argsort(distance, axis=1, kind="stable")[:, :neighbours]
    for vertex, columns in enumerate(near):
        offsets = posed[:, coarse[columns]] - posed[:, vertex, None]  # (P, k, 3): want weights @ offsets = 0
        gram = np.einsum("pkc,plc->kl", offsets, offsets) / len(posed) + ridge * np.eye(neighbours)
        start = np.linalg.solve(gram, ridge * prior[vertex, columns])
        ones = np.linalg.solve(gram, np.ones(neighbours))  # Lagrange multiplier: weights sum to 1
        result[vertex, columns] = start + ones * (1 - start.sum()) / ones.sum()
    result[coarse] = np.eye(len(coarse))
    return result


def _posed_vertices(model: HandModel, count: int = 64) -> np.ndarray:
    """Vertices (count, V, 3) of poses drawn uniformly inside Table 2 and shapes drawn within 2 sd."""
    rng = np.random.default_rng(0)
    low, high = angle_limits().numpy()[..., 0], angle_limits().numpy()[..., 1]
    angles = torch.from_numpy(rng.uniform(low, high, (count, *low.shape))).float()
    shape = torch.from_numpy(rng.uniform(-2, 2, (count, model.shape_count))).float()
    with torch.no_grad():
        device = model.template.device
        rotations = joint_rotations(angles.to(device), rest_frames(model))
        return model(rotations, shape.to(device)).vertices.cpu().double().numpy()
