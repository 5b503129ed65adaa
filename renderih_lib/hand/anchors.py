"""Anchors: the vertices that stand for the skin in the attraction loss (paper section 3.1, Figure 2)."""

from collections.abc import Sequence

import numpy as np
import torch
from scipy.sparse import coo_matrix, csr_matrix
from torch import Tensor

ANCHOR_COUNT = 108


def select_anchors(contact_frequency: np.ndarray, faces: np.ndarray, count: int = ANCHOR_COUNT) -> np.ndarray:
    """Anchor vertices (count,) int64 by the paper's two passes, most often touched first.

    First pass: take vertices by falling contact frequency and skip everything within 2 hops of a taken one. The
    whole hand is then within 2 hops of an anchor, but that alone gives fewer than 108 on a hand of 778. Second pass:
    go on with the vertices not yet taken, skipping direct neighbours only, until `count` is reached. Equal
    frequencies are taken in the order of the vertex index.

    Args:
        contact_frequency: (V,) real, finite; any scale. faces: (F, 3) int.

    Raises:
        ValueError: if contact_frequency is not finite, or the mesh has no room for `count` anchors 2 hops apart.
    """
    frequency = np.asarray(contact_frequency, dtype=np.float64)
    if frequency.ndim != 1 or not np.isfinite(frequency).all():
        raise ValueError("contact_frequency must be a finite number for each vertex")
    near = neighbours(np.asarray(faces), len(frequency))
    order = np.lexsort((np.arange(len(frequency)), -frequency))
    taken = []
    for hops in (2, 1):
        blocked = np.zeros(len(frequency), dtype=bool)
        blocked[_within(taken, near, hops)] = True
        for vertex in order:
            if len(taken) == count:
                break
            if not blocked[vertex]:
                taken.append(int(vertex))
                blocked[_within([vertex], near, hops)] = True
    if len(taken) < count:
        raise ValueError(
            f"count must be at most {len(taken)} on this mesh with anchors 2 hops apart, got {count}"
        )
    return np.array(taken)


def contact_frequency(
    vertices: Tensor, faces: Sequence[Tensor], *, distance: float = 0.02, normal_dot: float = -0.6
) -> Tensor:
    """How often each vertex touches the other hand, (V,) float64 in [0, 1], over poses and both hands.

    A vertex touches if some vertex of the other hand is nearer than `distance` and faces it.

    Args:
        vertices: (B, 2, V, 3) metres, hand axis (right, left), same vertex order on both hands.
        faces: (F, 3) int of the right and of the left hand.
        distance: metres. normal_dot: highest dot product of two normals that face each other.

    Raises:
        ValueError: if vertices has another shape.
    """
    if vertices.ndim != 4 or vertices.shape[1] != 2 or vertices.shape[3] != 3:
        raise ValueError(f"vertices must have shape (B, 2, V, 3), got {tuple(vertices.shape)}")
    vertices = vertices.double()  # a count must not hang on the last digit of a distance
    normals = [vertex_normals(vertices[:, side], faces[side]) for side in (0, 1)]
    count = vertices.new_zeros(vertices.shape[2])
    for (right, left), right_normals, left_normals in zip(vertices, *normals, strict=True):
        touching = (right_normals @ left_normals.T < normal_dot) & (torch.cdist(right, left) < distance)
        count += touching.any(1).double() + touching.any(0).double()
    return (count / (2 * len(vertices))).cpu()


def anchor_normals(vertices: Tensor, faces: Tensor, anchors: Tensor) -> Tensor:
    """Unit outward normals (..., A, 3) at anchors (A,) int of vertices (..., V, 3); differentiable.

    The area-weighted mean of the faces around each anchor, computed for these faces only.
    """
    slot = torch.full((vertices.shape[-2],), -1, device=faces.device)
    slot[anchors] = torch.arange(len(anchors), device=faces.device)
    face, corner = (slot[faces] >= 0).nonzero(as_tuple=True)
    a, b, c = (vertices[..., faces[face, k], :] for k in range(3))
    sums = vertices.new_zeros(*vertices.shape[:-2], len(anchors), 3)
    sums = sums.index_add(-2, slot[faces[face, corner]], torch.linalg.cross(b - a, c - a))
    return torch.nn.functional.normalize(sums, dim=-1)


def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit outward normals (..., V, 3) of vertices (..., V, 3) for faces (F, 3): `anchor_normals` at every vertex."""
    return anchor_normals(vertices, faces, torch.arange(vertices.shape[-2], device=faces.device))


def neighbours(faces: np.ndarray, vertex_count: int) -> csr_matrix:
    """Adjacency (V, V) of the mesh, row by row the direct neighbours of a vertex."""
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]).astype(np.int64)
    edges = np.concatenate([edges, edges[:, ::-1]])
    return coo_matrix((np.ones(len(edges), dtype=bool), edges.T), shape=(vertex_count, vertex_count)).tocsr()


def _within(start: Sequence[int], near: csr_matrix, hops: int) -> np.ndarray:
    # Vertices at most `hops` edges from any of `start`.
    found = np.asarray(start, dtype=np.int64)
    for _ in range(hops):
        found = np.union1d(found, near[found].indices)
    return found
