"""Joints from posed vertices: sparse, non-negative weights fitted on random poses."""

import numpy as np
from scipy.optimize import nnls

from renderih_lib.hand.skeleton import JOINT_COUNT, PARENTS

_CANDIDATES = 90  # nearest vertices a joint may lean on
_SUM_WEIGHT = 10.0  # how strongly the weights of a joint are pulled to sum to 1, before that is made exact


def fit_joint_regressor(vertices: np.ndarray, joints: np.ndarray, skin_weights: np.ndarray) -> np.ndarray:
    """Weights (16, V), non-negative with rows summing to 1, such that `weights @ vertices` are the joints.

    Args:
        vertices: (B, V, 3) metres, posed and shaped. joints: (B, 16, 3) metres.
        skin_weights: (V, 16); a joint leans only on skin that moves with it or with its parent.
    """
    regressor = np.zeros((JOINT_COUNT, vertices.shape[1]))
    for joint in range(JOINT_COUNT):
        carried = skin_weights[:, joint] + (skin_weights[:, PARENTS[joint]] if joint else 0.0)
        distance = np.linalg.norm(vertices[0] - joints[0, joint], axis=-1)
        near = np.argsort(np.where(carried > 0.3, distance, np.inf), kind="stable")[:_CANDIDATES]
        points = vertices[:, near] - joints[:, joint, None]  # centred, so rows of one weight sum to zero
        system = np.swapaxes(points, 1, 2).reshape(-1, len(near))
        system = np.concatenate([system, np.full((1, len(near)), _SUM_WEIGHT)])
        target = np.zeros(len(system))
        target[-1] = _SUM_WEIGHT
        weights, _ = nnls(system, target, maxiter=50 * len(near))
        regressor[joint, near] = weights / weights.sum()
    return regressor
