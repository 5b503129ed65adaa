"""Means of errors, and how sure they are when images share poses."""

from collections.abc import Sequence

import numpy as np

from renderih_lib.metrics.arrays import array, mean_where

_DRAWN = 2_000_000  # cluster numbers in memory at once


def mean_error(errors: np.ndarray) -> float:
    """Mean over every keypoint, hand or image that counts.

    Raises:
        ValueError: if none counts.
    """
    errors = np.asarray(errors, dtype=np.float64)
    if not np.isfinite(errors).any():
        raise ValueError("no valid hand to average over")
    return float(np.nanmean(errors))


def mean_of_hands(errors: np.ndarray) -> np.ndarray:
    """Mean of each hand's keypoints that count: (N, 2, 21) to (N, 2), NaN where none does."""
    errors = array(errors)
    return mean_where(errors, np.isfinite(errors))


def mean_of_keypoints(errors: np.ndarray) -> float:
    """InterNet's MPJPE: the mean over images of each of the 42 keypoints, then the mean of these.

    It equals `mean_error` of `mpjpe` where every keypoint of every hand counts.

    Args:
        errors: (N, 2, 21) mm of `keypoint_errors`.
    """
    errors = np.asarray(errors, dtype=np.float64)
    return mean_error(mean_where(errors, np.isfinite(errors), axis=0))


def per_image(errors: np.ndarray) -> np.ndarray:
    """Mean of each image's hands that count: errors (N, 2) or (N,) to (N,), NaN where none does."""
    errors = array(errors).reshape(len(errors), -1)
    return mean_where(errors, np.isfinite(errors))


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
    means, step = [], max(1, _DRAWN // len(counts))
    for first in range(0, resamples, step):
        drawn = rng.integers(len(counts), size=(min(step, resamples - first), len(counts)))
        means.append(sums[drawn].sum(1) / counts[drawn].sum(1))
    low, high = np.quantile(np.concatenate(means), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
