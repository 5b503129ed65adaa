"""Errors of keypoints: MPJPE, SMPJPE, PA-MPJPE, PCK, AUC and MRRPE."""

import numpy as np

from renderih_lib.hand.skeleton import KEYPOINT_COUNT, SIDES
from renderih_lib.metrics.arrays import MM, array, keypoint_arrays, mean_where
from renderih_lib.metrics.means import mean_of_hands
from renderih_lib.metrics.protocols import BONE, JOINTS, NORMS, ROOTS, SCALES, checked_choice

_LEAST = 3  # keypoints: a similarity fits any two exactly


def keypoint_errors(predicted, target, valid=None, *, root: str, scale: str = "none") -> np.ndarray:
    """Distance of each keypoint from its true place after moving both roots to the origin (paper section 5.1).

    Args:
        predicted, target: (N, 2, 21, 3) metres.
        valid: (N, 2) hands or (N, 2, 21) keypoints, bool, or None when all count. A hand counts only if its root
            does (with scale "bone", both ends of the bone), and another keypoint besides.
        root: "wrist" or "middle_mcp". scale: "none" or "bone" (SMPJPE).

    Returns:
        (N, 2, 21) mm, NaN where not counted.

    Raises:
        ValueError: if a shape or choice is wrong, a keypoint that counts is not finite, or a predicted hand that
            counts has no bone to scale by.
    """
    predicted, target, valid = keypoint_arrays(predicted, target, valid)
    valid = valid & rooted(valid, root, scale)[..., None]
    valid = valid & (valid.sum(-1, keepdims=True) > 1)  # a root alone has no error to speak of
    ratio = bone_ratio(predicted, target, valid.any(-1), scale)
    errors = np.linalg.norm(relative(predicted, root) * ratio - relative(target, root), axis=-1)
    return MM * np.where(valid, errors, np.nan)


def mpjpe(
    predicted, target, valid=None, *, root: str, scale: str = "none", joints: str = "all"
) -> np.ndarray:
    """Mean per-joint position error of each hand, (N, 2) mm: the mean of its `keypoint_errors`.

    Args:
        joints: "all", or "without_root" to leave out the keypoint whose error is zero by construction.
    """
    checked_choice("joints", joints, JOINTS)
    errors = keypoint_errors(predicted, target, valid, root=root, scale=scale)
    if joints == "without_root":
        errors[..., ROOTS[root]] = np.nan
    return mean_of_hands(errors)


def smpjpe(predicted, target, valid=None, *, root: str, joints: str) -> np.ndarray:
    """`mpjpe` of predictions scaled per hand to the true wrist - middle MCP bone: (N, 2) mm."""
    return mpjpe(predicted, target, valid, root=root, scale="bone", joints=joints)


def pa_mpjpe(predicted, target, valid=None) -> np.ndarray:
    """Mean per-joint error of each hand after the best similarity (rotation, scale, shift): (N, 2) mm.

    A hand counts if at least three of its keypoints do; the root plays no part.
    """
    predicted, target, valid = keypoint_arrays(predicted, target, valid)
    valid = valid & (valid.sum(-1, keepdims=True) >= _LEAST)
    errors = np.linalg.norm(procrustes(predicted, target, valid) - target, axis=-1)
    return MM * mean_where(errors, valid)


def mrrpe(predicted, target, valid=None, *, root: str, norm: str = "euclidean") -> np.ndarray:
    """Mean relative-root position error: how wrong the left root is, seen from the right root.

    Args:
        root: "wrist" or "middle_mcp".
        norm: "euclidean" (the definition), or "released": the mean absolute coordinate that the released
            scripts print, half as large for errors of random direction.

    Returns:
        (N,) mm, NaN unless both roots are valid.
    """
    checked_choice("norm", norm, NORMS)
    at = ROOTS[checked_choice("root", root, ROOTS)]
    predicted, target, valid = keypoint_arrays(predicted, target, valid)
    wrong = (predicted[:, 1, at] - predicted[:, 0, at]) - (target[:, 1, at] - target[:, 0, at])
    errors = np.linalg.norm(wrong, axis=-1) if norm == "euclidean" else np.abs(wrong).mean(-1)
    return MM * np.where(valid[:, :, at].all(1), errors, np.nan)


def pck(errors: np.ndarray, thresholds) -> np.ndarray:
    """Share of correct keypoints at each threshold (T,): of each of the 42 keypoints, then their mean (InterShape).

    Args:
        errors: (N, 2, 21) mm of `keypoint_errors`. thresholds: (T,) mm; an error equal to one is correct.

    Raises:
        ValueError: if no keypoint counts.
    """
    columns = [column[np.isfinite(column)] for column in array(errors).reshape(-1, 2 * KEYPOINT_COUNT).T]
    shares = [
        np.searchsorted(np.sort(column), thresholds, side="right") / len(column)
        for column in columns
        if len(column)
    ]
    if not shares:
        raise ValueError("no valid keypoint to count")
    return np.mean(shares, axis=0)


def auc(errors: np.ndarray, limit: float = 50.0) -> np.ndarray:
    """Area under each hand's PCK curve from 0 to `limit` mm, over `limit`: (N, 2), 1 is perfect.

    Exactly the mean of 1 - min(error, limit) / limit; sampling the curve at 200 thresholds, as InterShape does,
    moves a keypoint's by at most 0.0026.

    Args:
        errors: (N, 2, 21) mm of `keypoint_errors`.
    """
    errors = array(errors)
    return mean_where(1 - np.minimum(errors, limit) / limit, np.isfinite(errors))


def procrustes(source: np.ndarray, target: np.ndarray, known: np.ndarray | None = None) -> np.ndarray:
    """Source points (..., K, 3) moved by the similarity that brings them nearest to target, never mirrored.

    Least squares over rotation, scale and shift (Umeyama 1991). Source points that all coincide end at the
    target's centre.

    Args:
        known: (..., K) bool, the points that decide the similarity; None when all do. All points are moved.
    """
    known = np.ones(source.shape[:-1], dtype=bool) if known is None else known
    weights = known[..., None].astype(np.float64)
    number = np.maximum(weights.sum(-2, keepdims=True), 1)
    centres = [(weights * points).sum(-2, keepdims=True) / number for points in (source, target)]
    moved, wanted = weights * (source - centres[0]), weights * (target - centres[1])
    u, singular, vt = np.linalg.svd(np.swapaxes(moved, -1, -2) @ wanted)
    # where a reflection would fit better, turn the weakest axis
    sign = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)
    u[..., 2] *= sign[..., None]
    singular[..., 2] *= sign
    spread = (moved**2).sum((-1, -2))
    scale = np.divide(singular.sum(-1), spread, out=np.zeros_like(spread), where=spread > 0)
    return scale[..., None, None] * ((source - centres[0]) @ (u @ vt)) + centres[1]


def rooted(valid: np.ndarray, root: str, scale: str) -> np.ndarray:
    """Hands (N, 2) whose keypoints (N, 2, 21) include the root and, for scale "bone", the ends of the bone."""
    checked_choice("root", root, ROOTS)
    checked_choice("scale", scale, SCALES)
    needed = [ROOTS[root], *(BONE if scale == "bone" else ())]
    return valid[..., needed].all(-1)


def relative(points: np.ndarray, root: str) -> np.ndarray:
    """Keypoints (N, 2, 21, 3) from their root."""
    return points - points[:, :, ROOTS[root], None]


def bone_ratio(predicted: np.ndarray, target: np.ndarray, valid: np.ndarray, scale: str) -> np.ndarray:
    """(N, 2, 1, 1) true bone length over predicted bone length where a hand is valid (N, 2); ones for scale "none"."""
    if scale == "none":
        return np.ones((*valid.shape, 1, 1))
    lengths = [np.linalg.norm(p[:, :, BONE[1]] - p[:, :, BONE[0]], axis=-1) for p in (predicted, target)]
    empty = valid & (lengths[0] == 0)
    if empty.any():
        image, hand = np.argwhere(empty)[0]
        raise ValueError(
            f"predicted has no wrist - middle MCP bone to scale by at sample {image}, "
            f"{SIDES[hand]} hand; use scale='none'"
        )
    return np.divide(lengths[1], lengths[0], out=np.ones(valid.shape), where=valid)[..., None, None]
