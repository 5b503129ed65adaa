"""Errors of meshes: MPVPE, CDev where the hands touch, and how their faces are bent against each other."""

import numpy as np
from scipy.spatial import cKDTree

from renderih_lib.metrics.arrays import MM, array, finite_where, keypoint_arrays
from renderih_lib.metrics.keypoints import bone_ratio, rooted
from renderih_lib.metrics.protocols import ROOTS

CONTACT = 0.003  # metres: true vertices that are closer touch (Fan et al. 2023)
_CHUNK = 64  # images at once: their vertices stay in the processor's cache


def mpvpe(
    predicted_vertices,
    target_vertices,
    predicted,
    target,
    valid=None,
    *,
    root: str,
    scale: str = "none",
    mesh_valid=None,
) -> np.ndarray:
    """Mean per-vertex position error of each hand, its vertices moved and scaled by its keypoints: (N, 2) mm.

    Args:
        predicted_vertices, target_vertices: (N, 2, V, 3) metres, in the frames of the keypoints.
        predicted, target, valid, root, scale: as in `keypoint_errors`.
        mesh_valid: (N, 2) bool, hands with a true mesh, or None when all have one.

    Returns:
        NaN where the mesh or the root is not valid.

    Raises:
        ValueError: as `keypoint_errors`, and if the meshes have different or wrong shapes or are not finite.
    """
    predicted, target, valid = keypoint_arrays(predicted, target, valid)
    meshes = _mesh_arrays(predicted_vertices, target_vertices, len(target))
    counts = rooted(valid, root, scale) & _hands("mesh_valid", mesh_valid, len(target))
    ratio, at = bone_ratio(predicted, target, counts, scale), ROOTS[root]
    errors = np.full(counts.shape, np.nan)
    for first in range(0, len(errors), _CHUNK):
        part = slice(first, first + _CHUNK)
        said, true = _finite_meshes(meshes, counts, part)
        away = (said - predicted[part, :, at, None]) * ratio[part] - (true - target[part, :, at, None])
        errors[part] = np.sqrt(np.einsum("nhvi,nhvi->nhv", away, away)).mean(-1)
    return MM * np.where(counts, errors, np.nan)


def contact_deviation(
    predicted_vertices, target_vertices, valid=None, *, within: float = CONTACT
) -> np.ndarray:
    """CDev: how far vertices that truly touch are apart in the prediction (Fan et al. 2023, hand to hand).

    A vertex of one hand touches if its nearest vertex of the other hand is closer than `within` in the truth; the
    deviation is the distance of the same two vertices in the prediction, which is neither moved nor scaled.

    Args:
        predicted_vertices, target_vertices: (N, 2, V, 3) metres, both hands in one frame.
        valid: (N, 2) bool, hands with a true mesh, or None when all have one. within: metres.

    Returns:
        (N, 2) mm: mean over the touching vertices of the right hand, each with its nearest of the left hand (what
        the released script reports), and the other way round. `per_image` of both is the symmetric form. NaN
        without contact, or unless both hands are valid.

    Raises:
        ValueError: if shapes are wrong or a mesh that counts is not finite.
    """
    meshes = _mesh_arrays(predicted_vertices, target_vertices, len(target_vertices))
    counts = np.repeat(_hands("valid", valid, len(meshes[1])).all(1)[:, None], 2, axis=1)
    deviation = np.full(counts.shape, np.nan)
    for first in range(0, len(counts), _CHUNK):
        said, true = _finite_meshes(meshes, counts, slice(first, first + _CHUNK))
        for i in np.flatnonzero(counts[first : first + _CHUNK, 0]):
            for hand in range(2):
                pairs = contact_pairs(true[i, hand], true[i, 1 - hand], within)
                if len(pairs):
                    apart = said[i, hand, pairs[:, 0]] - said[i, 1 - hand, pairs[:, 1]]
                    deviation[first + i, hand] = np.linalg.norm(apart, axis=-1).mean()
    return MM * deviation


def bend_errors(predicted_vertices, target_vertices, faces, mesh_valid=None) -> np.ndarray:
    """How far two faces with a common edge are bent otherwise than in the truth, mean over the surface: (N, 2) degrees.

    The bend is the angle between their normals, positive where the surface is convex. Where the hand is and how it is
    turned does not matter. Ours, for what Eq. 12 is to give.

    Args:
        predicted_vertices, target_vertices: (N, 2, V, 3) metres. faces: (2, F, 3) int.
        mesh_valid: (N, 2) bool, hands with a true mesh, or None when all have one.

    Returns:
        NaN where the mesh is not valid.

    Raises:
        ValueError: if shapes are wrong or a mesh that counts is not finite.
    """
    meshes = _mesh_arrays(predicted_vertices, target_vertices, len(target_vertices))
    counts = _hands("mesh_valid", mesh_valid, len(meshes[1]))
    errors = np.full(counts.shape, np.nan)
    for first in range(0, len(errors), _CHUNK):
        part = slice(first, first + _CHUNK)
        found = _finite_meshes(meshes, counts, part)
        for hand, corners in enumerate(array(faces)):
            said, true = (_bends(vertices[:, hand], corners) for vertices in found)
            apart = np.abs(said - true)
            errors[part, hand] = np.minimum(apart, 360 - apart).mean(-1)
    return np.where(counts, errors, np.nan)


def _bends(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Signed angle in degrees (N, P) at each inner edge of a mesh (N, V, 3) with faces (F, 3)."""
    edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    order = np.lexsort(edges.T)
    common = (edges[order[1:]] == edges[order[:-1]]).all(1)
    first, second = order[:-1][common] // 3, order[1:][common] // 3
    corners = vertices[:, faces]  # (N, F, 3, 3)
    normals = np.cross(corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :])
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-20)
    sine = np.linalg.norm(np.cross(normals[:, first], normals[:, second]), axis=-1)
    cosine = (normals[:, first] * normals[:, second]).sum(-1)
    centres = corners.mean(-2)
    opens = ((normals[:, second] - normals[:, first]) * (centres[:, second] - centres[:, first])).sum(-1)
    return np.degrees(np.copysign(np.arctan2(sine, cosine), opens))


def contact_pairs(points: np.ndarray, others: np.ndarray, within: float = CONTACT) -> np.ndarray:
    """Pairs (P, 2) of indices: each of points (V, 3) whose nearest of others (W, 3) is closer than `within`, metres."""
    low, high = others.min(0) - within, others.max(0) + within
    near = np.flatnonzero(((points > low) & (points < high)).all(1))
    if not len(near):
        return np.empty((0, 2), dtype=np.intp)
    low, high = points[near].min(0) - within, points[near].max(0) + within
    candidates = np.flatnonzero(((others > low) & (others < high)).all(1))
    if not len(candidates):
        return np.empty((0, 2), dtype=np.intp)
    distance, found = cKDTree(others[candidates]).query(points[near], distance_upper_bound=within)
    touching = distance < within
    return np.stack([near[touching], candidates[found[touching]]], 1)


def _mesh_arrays(predicted, target, count: int) -> tuple[np.ndarray, np.ndarray]:
    predicted, target = array(predicted), array(target)
    if target.ndim != 4 or target.shape[:2] != (count, 2) or target.shape[3] != 3:
        raise ValueError(f"target_vertices must have shape ({count}, 2, V, 3), got {target.shape}")
    if predicted.shape != target.shape:
        raise ValueError(f"predicted_vertices have shape {predicted.shape}, target_vertices {target.shape}")
    return predicted, target


def _finite_meshes(meshes, counts: np.ndarray, part: slice) -> list[np.ndarray]:
    names = ("predicted_vertices", "target_vertices")
    return [
        finite_where(name, mesh[part], counts[part][..., None])
        for name, mesh in zip(names, meshes, strict=True)
    ]


def _hands(name: str, valid, count: int) -> np.ndarray:
    valid = np.ones((count, 2), dtype=bool) if valid is None else array(valid).astype(bool)
    if valid.shape != (count, 2):
        raise ValueError(f"{name} must have shape {(count, 2)}, got {valid.shape}")
    return valid
