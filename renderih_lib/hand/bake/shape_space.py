"""Ten shape components of a population of hands."""

import numpy as np

from renderih_lib.hand.bake.source import Hands

COMPONENTS = 10


def fit_shape_space(hands: Hands, hand_count: int) -> tuple[Hands, Hands, np.ndarray, np.ndarray]:
    """Mean and principal directions of S flat hands.

    The components are those of the hand's own points; the forearm follows by regression on them.

    Args:
        hands: S hands in the palm frame. hand_count: how many of the vertices are the hand's.

    Returns:
        mean: Hands of arrays (P, 3). directions: Hands of arrays (P, 3, 10), metres per standard deviation.
        variance: (10,) share of the total variance. scores: (S, 10) of the samples.
    """
    people = len(hands.vertices)
    mean = Hands(*(points.mean(axis=0) for points in hands))
    centred = Hands(*(points - average for points, average in zip(hands, mean, strict=True)))
    flat = np.concatenate([centred.vertices[:, :hand_count], centred.joints, centred.ends], axis=1)
    flat = flat.reshape(people, -1)
    # The Gram matrix of the people is the small side; eigh is deterministic but for the sign.
    values, vectors = np.linalg.eigh(flat @ flat.T)
    scores = vectors[:, ::-1][:, :COMPONENTS] * np.sqrt(people)
    directions = flat.T @ scores / people
    scores = scores * np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(COMPONENTS)])
    longer = -centred.ends[:, 1, 0] @ scores[:, :1]  # the first component is size: + is larger
    scores[:, :1] *= np.sign(longer)
    variance = values[::-1][:COMPONENTS] / values.sum()
    return mean, Hands(*(np.tensordot(c, scores, (0, 0)) / people for c in centred)), variance, scores
