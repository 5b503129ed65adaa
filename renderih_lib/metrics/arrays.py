"""What every metric does first: NumPy arrays of the right shape, finite wherever they count."""

import numpy as np
import torch

from renderih_lib.hand.skeleton import KEYPOINT_COUNT, SIDES

MM = 1000.0


def keypoint_arrays(predicted, target, valid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predicted and true keypoints (N, 2, 21, 3) float64, zero where they do not count, and which count (N, 2, 21).

    Args:
        valid: (N, 2) hands or (N, 2, 21) keypoints, bool, or None when all count.

    Raises:
        ValueError: if a shape is wrong or a keypoint that counts is not finite.
    """
    shape = np.shape(target)
    for name, points in (("predicted", predicted), ("target", target)):
        if np.ndim(points) != 4 or np.shape(points)[1:] != (2, KEYPOINT_COUNT, 3):
            raise ValueError(
                f"{name} must have shape (N, 2, {KEYPOINT_COUNT}, 3), got {tuple(np.shape(points))}"
            )
    if len(predicted) != len(target):
        raise ValueError(f"predicted holds {len(predicted)} images, target {len(target)}")
    valid = np.ones(shape[:3], dtype=bool) if valid is None else array(valid).astype(bool)
    if valid.shape not in (shape[:2], shape[:3]):
        raise ValueError(f"valid must have shape {shape[:2]} or {shape[:3]}, got {valid.shape}")
    valid = np.broadcast_to(valid if valid.ndim == 3 else valid[..., None], shape[:3])
    return (
        finite_where("predicted", predicted, valid.any(2, keepdims=True)),
        finite_where("target", target, valid),
        valid,
    )


def finite_where(name: str, points, valid: np.ndarray) -> np.ndarray:
    """Points (N, 2, K, 3) float64 with zeros where `valid` (N, 2, K or 1) says that they do not count.

    Raises:
        ValueError: naming the first point that counts and is not finite.
    """
    points = np.where(valid[..., None], array(points).astype(np.float64), 0.0)
    if not np.isfinite(points).all():
        image, hand, point = np.argwhere(~np.isfinite(points))[0][:3]
        raise ValueError(
            f"{name} is not finite at sample {image}, {SIDES[hand]} hand, point {point}; "
            "mark it as not valid or repair it"
        )
    return points


def mean_where(values: np.ndarray, counts: np.ndarray, axis: int = -1) -> np.ndarray:
    """Mean along an axis of the values that count, NaN where none does."""
    number = counts.sum(axis)
    total = np.where(counts, values, 0.0).sum(axis)
    return np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)


def array(values) -> np.ndarray:
    """A tensor or sequence as a NumPy array."""
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
