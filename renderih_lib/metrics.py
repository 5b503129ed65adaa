"""Errors of predicted two-hand keypoints and meshes in millimetres, with every protocol choice an argument.

Arrays are NumPy or torch: keypoints (N, 2, 21, 3) metres in camera axes, hand axis (right, left), order of
`skeleton.KEYPOINT_NAMES`; `valid` (N, 2) bool says which hands count. Results are float64 NumPy arrays with one
error per hand or image and NaN where it does not count, so that a reader can choose the mean (`mean_error`).
"""

from collections.abc import Sequence

import numpy as np
import torch

from renderih_lib.hand.skeleton import KEYPOINT_COUNT, MIDDLE_MCP

#: Keypoint subtracted from each hand: 24 % of a published score can be this choice alone.
ROOTS = {"wrist": 0, "middle_mcp": MIDDLE_MCP}
#: "none" trusts the predicted size; "bone" gives each predicted hand the true length of the bone below (SMPJPE).
SCALES = ("none", "bone")
BONE = (0, MIDDLE_MCP)
#: Which keypoints enter the mean. The root's error is zero by construction; most papers count it all the same.
JOINTS = ("all", "without_root")
#: "euclidean" is the definition (Fan et al. 2021); "released" is what the RenderIH scripts print.
NORMS = ("euclidean", "released")

MM = 1000.0


def mpjpe(
    predicted, target, valid=None, *, root: str, scale: str = "none", joints: str = "all"
) -> np.ndarray:
    """Mean per-joint position error of each hand after moving its root to the origin (paper section 5.1).

    Args:
        predicted, target: (N, 2, 21, 3) metres.
        valid: (N, 2) bool, or None when every hand counts.
        root: "wrist" or "middle_mcp". scale: "none", or "bone" for SMPJPE. joints: "all" or "without_root".

    Returns:
        (N, 2) mm, NaN where not valid.

    Raises:
        ValueError: if a shape or choice is wrong, or a hand that counts is not finite or has no bone to scale by.
    """
    predicted, target, valid = _pair(predicted, target, valid)
    kept = _kept(joints, root)
    aligned = _relative(predicted, root) * _bone_ratio(predicted, target, valid, scale)
    errors = np.linalg.norm(aligned - _relative(target, root), axis=-1)[..., kept].mean(-1)
    return MM * np.where(valid, errors, np.nan)


def smpjpe(predicted, target, valid=None, *, root: str, joints: str) -> np.ndarray:
    """`mpjpe` of predictions scaled per hand to the true wrist - middle MCP bone: (N, 2) mm."""
    return mpjpe(predicted, target, valid, root=root, scale="bone", joints=joints)


def pa_mpjpe(predicted, target, valid=None) -> np.ndarray:
    """Mean per-joint error of each hand after the best similarity (rotation, scale, shift): (N, 2) mm."""
    predicted, target, valid = _pair(predicted, target, valid)
    errors = np.linalg.norm(procrustes(predicted, target) - target, axis=-1).mean(-1)
    return MM * np.where(valid, errors, np.nan)


def mpvpe(
    predicted_vertices,
    target_vertices,
    predicted_keypoints,
    target_keypoints,
    valid=None,
    *,
    root: str,
    scale: str,
) -> np.ndarray:
    """Mean per-vertex position error; vertices (N, 2, V, 3) metres are moved and scaled by their keypoints: (N, 2) mm."""
    predicted_keypoints, target_keypoints, valid = _pair(predicted_keypoints, target_keypoints, valid)
    predicted = _points("predicted_vertices", predicted_vertices, valid)
    target = _points("target_vertices", target_vertices, valid)
    if predicted.shape != target.shape:
        raise ValueError(f"predicted_vertices have shape {predicted.shape}, target_vertices {target.shape}")
    at = slice(_root(root), _root(root) + 1)
    ratio = _bone_ratio(predicted_keypoints, target_keypoints, valid, scale)
    moved = (predicted - predicted_keypoints[:, :, at]) * ratio - (target - target_keypoints[:, :, at])
    return MM * np.where(valid, np.linalg.norm(moved, axis=-1).mean(-1), np.nan)


def mrrpe(predicted, target, valid=None, *, root: str, norm: str = "euclidean") -> np.ndarray:
    """Mean relative-root position error: how wrong the left root is, seen from the right root.

    Args:
        root: "wrist" or "middle_mcp".
        norm: "euclidean" (the definition), or "released": the mean absolute coordinate that the released
            scripts print, half as large for errors of random direction.

    Returns:
        (N,) mm, NaN unless both hands are valid.
    """
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {NORMS}, got {norm!r}")
    predicted, target, valid = _pair(predicted, target, valid)
    at = _root(root)
    wrong = (predicted[:, 1, at] - predicted[:, 0, at]) - (target[:, 1, at] - target[:, 0, at])
    errors = np.linalg.norm(wrong, axis=-1) if norm == "euclidean" else np.abs(wrong).mean(-1)
    return MM * np.where(valid.all(1), errors, np.nan)


def procrustes(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Source points (..., K, 3) moved by the similarity that brings them nearest to target, never mirrored.

    Least squares over rotation, scale and shift (Umeyama 1991). Source points that all coincide end at the
    target's centre.
    """
    source_centre, target_centre = source.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    moved, wanted = source - source_centre, target - target_centre
    u, singular, vt = np.linalg.svd(np.swapaxes(moved, -1, -2) @ wanted)
    sign = np.where(
        np.linalg.det(u @ vt) < 0, -1.0, 1.0
    )  # a reflection would fit better: turn the weakest axis
    u[..., 2] *= sign[..., None]
    singular[..., 2] *= sign
    spread = (moved**2).sum((-1, -2))
    scale = np.divide(singular.sum(-1), spread, out=np.zeros_like(spread), where=spread > 0)
    return scale[..., None, None] * (moved @ (u @ vt)) + target_centre


def mean_error(errors: np.ndarray) -> float:
    """Mean over every hand or image that counts.

    Raises:
        ValueError: if none counts.
    """
    errors = np.asarray(errors, dtype=np.float64)
    if not np.isfinite(errors).any():
        raise ValueError("no valid hand to average over")
    return float(np.nanmean(errors))


def cluster_interval(
    errors: np.ndarray,
    clusters: Sequence,
    rng: np.random.Generator,
    *,
    level: float = 0.95,
    resamples: int = 2000,
) -> tuple[float, float]:
    """Bootstrap interval of the mean error when images share poses: whole clusters are drawn, not images.

    Args:
        errors: (N,) or (N, 2) mm, NaN where not valid.
        clusters: (N,) labels; images with the same label (the pose id) are drawn together.

    Returns:
        Lower and upper end, mm.

    Raises:
        ValueError: if lengths differ or fewer than two clusters hold a valid error.
    """
    errors = np.asarray(errors, dtype=np.float64).reshape(len(errors), -1)
    labels = np.unique(np.asarray(clusters), return_inverse=True)[1]
    if len(labels) != len(errors):
        raise ValueError(f"clusters must have length {len(errors)}, got {len(labels)}")
    counts = np.bincount(labels, np.isfinite(errors).sum(1))
    sums = np.bincount(labels, np.nan_to_num(errors).sum(1))[counts > 0]
    counts = counts[counts > 0]
    if len(counts) < 2:
        raise ValueError("an interval needs valid errors from at least two clusters")
    drawn = rng.integers(len(counts), size=(resamples, len(counts)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _pair(predicted, target, valid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if valid is None:
        valid = np.ones(np.shape(target)[:2], dtype=bool)
    valid = _array(valid).astype(bool)
    predicted, target = _points("predicted", predicted, valid), _points("target", target, valid)
    for name, points in (("predicted", predicted), ("target", target)):
        if points.shape[2] != KEYPOINT_COUNT:
            raise ValueError(f"{name} must have shape (N, 2, {KEYPOINT_COUNT}, 3), got {points.shape}")
    return predicted, target, valid


def _points(name: str, points, valid: np.ndarray) -> np.ndarray:
    """Float64 copy of (N, 2, K, 3) points with hands that do not count set to zero; finite, or a ValueError."""
    points = _array(points).astype(np.float64)
    if points.ndim != 4 or points.shape[1] != 2 or points.shape[3] != 3:
        raise ValueError(f"{name} must have shape (N, 2, points, 3), got {points.shape}")
    if valid.shape != points.shape[:2]:
        raise ValueError(f"valid must have shape {points.shape[:2]} to match {name}, got {valid.shape}")
    points = np.where(valid[..., None, None], points, 0.0)
    if not np.isfinite(points).all():
        sample, hand, point = np.argwhere(~np.isfinite(points))[0][:3]
        raise ValueError(
            f"{name} is not finite at sample {sample}, {('right', 'left')[hand]} hand, point {point}; "
            "mark that hand as not valid or repair it"
        )
    return points


def _array(values) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def _root(root: str) -> int:
    if root not in ROOTS:
        raise ValueError(f"root must be one of {tuple(ROOTS)}, got {root!r}")
    return ROOTS[root]


def _relative(points: np.ndarray, root: str) -> np.ndarray:
    at = _root(root)
    return points - points[:, :, at : at + 1]


def _kept(joints: str, root: str) -> list[int]:
    if joints not in JOINTS:
        raise ValueError(f"joints must be one of {JOINTS}, got {joints!r}")
    return [k for k in range(KEYPOINT_COUNT) if joints == "all" or k != _root(root)]


def _bone_ratio(predicted: np.ndarray, target: np.ndarray, valid: np.ndarray, scale: str) -> np.ndarray:
    """(N, 2, 1, 1) true bone length over predicted bone length; ones for scale "none"."""
    if scale not in SCALES:
        raise ValueError(f"scale must be one of {SCALES}, got {scale!r}")
    if scale == "none":
        return np.ones((*valid.shape, 1, 1))
    lengths = [np.linalg.norm(p[:, :, BONE[1]] - p[:, :, BONE[0]], axis=-1) for p in (predicted, target)]
    empty = valid & (lengths[0] == 0)
    if empty.any():
        sample, hand = np.argwhere(empty)[0]
        raise ValueError(
            f"predicted has no wrist - middle MCP bone to scale by at sample {sample}, "
            f"{('right', 'left')[hand]} hand; use scale='none'"
        )
    return np.divide(lengths[1], lengths[0], out=np.ones(valid.shape), where=valid)[..., None, None]
