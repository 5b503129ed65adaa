"""Which hands are there, and which is which."""

import numpy as np

from renderih_lib.metrics.arrays import array, mean_where


def hands_found(probabilities, present) -> np.ndarray:
    """Handedness: 1 where both answers "is there a right hand, a left hand" are right, else 0; (N,) float.

    Its mean is an accuracy; InterNet prints this number and its paper calls it average precision.

    Args:
        probabilities: (N, 2), from 0.5 on a hand is said to be there. present: (N, 2) bool.

    Raises:
        ValueError: if a shape is wrong.
    """
    probabilities, present = array(probabilities), array(present).astype(bool)
    if probabilities.shape != present.shape or probabilities.shape[1:] != (2,):
        raise ValueError(
            f"probabilities and present must be (N, 2), got {probabilities.shape} and {present.shape}"
        )
    return ((probabilities >= 0.5) == present).all(1).astype(np.float64)


def hands_swapped(predicted, target, valid) -> np.ndarray:
    """1 where the predicted hands lie nearer to the *other* hand's truth than to their own, else 0; (N,) float.

    For networks that always answer with two hands and so have no handedness to score.

    Args:
        predicted, target: (N, 2, 21, D) keypoints in one picture. valid: (N, 2, 21) bool.

    Returns:
        NaN where no keypoint counts on both hands, or the prediction is NaN.
    """
    predicted, target, valid = array(predicted), array(target), array(valid).astype(bool)
    common = valid.all(1)  # the same keypoints for both readings, so that neither has an advantage
    own, other = (
        mean_where(np.linalg.norm(predicted - true, axis=-1).mean(1), common)
        for true in (target, target[:, ::-1])
    )
    return np.where(np.isfinite(own), (other < own).astype(np.float64), np.nan)
