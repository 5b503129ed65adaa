"""A population of adult hands: who is sampled from Anny, and the proportions that Anny itself hardly varies."""

import numpy as np

from renderih_lib.hand.bake.source import Hands
from renderih_lib.hand.skeleton import FINGERS, JOINT_COUNT

#: One ordinary adult, for tests and pictures.
REFERENCE = {"gender": 0.5, "age": 0.8, "height": 0.37}

# Standard deviations of the proportions, as fractions.
_FINGER_LENGTH, _PALM_BREADTH, _PALM_THICKNESS = 0.025, 0.03, 0.04
_ONE_FINGER_LENGTH = {"index": 0.02, "middle": 0.012, "pinky": 0.03, "ring": 0.02, "thumb": 0.035}
_THICKNESS, _TAPER = 0.045, 0.06
_PALM_NARROWING = -0.025  # mean: Anny's palms are a little broad


def draw_adults(count: int, seed: int) -> dict[str, np.ndarray]:
    """Anny's parameters of `count` adults, half of them women; person i depends on (seed, i) only."""
    people = [_adult(np.random.default_rng(np.random.SeedSequence([seed, i])), i) for i in range(count)]
    return {name: np.array([person[name] for person in people]) for name in people[0]}


def _adult(rng: np.random.Generator, index: int) -> dict[str, float]:
    race = rng.dirichlet(np.ones(3))
    woman = index % 2
    return {
        "gender": woman + 0.1 * (1 - 2 * woman) * rng.random(),  # 0 man, 1 woman
        "age": rng.uniform(2 / 3, 0.9),  # older men shrink unrealistically
        "height": np.clip(rng.normal(0.38, 0.06), 0.1, 0.7),  # 0.5 would be a man of 1.90 m
        **{name: np.clip(rng.normal(0.5, 0.15), 0, 1) for name in ("muscle", "weight", "proportions")},
        **dict(zip(("african", "asian", "caucasian"), race, strict=True)),
        "r-hand-scale-incr": rng.normal((-0.15, -0.08)[woman], 0.09),  # hand lengths of men, women
        "r-hand-fingers-length-incr": 0.0,  # asymmetric in Anny; `with_proportions` does it
        "r-hand-fingers-diameter-incr": rng.normal(0, 0.2),
        "r-hand-fingers-distance-incr": rng.normal(0, 0.25),
        "measure-wrist-circ-incr": rng.normal(0, 0.2),
    }


def with_proportions(hands: Hands, weights: np.ndarray, seed: int) -> Hands:
    """Flat hands with random finger lengths, thickness, taper and palm breadth and thickness.

    Every change is carried by the skin weights and is linear in the points, so joints stay in line.

    Args:
        hands: S flat hands in the palm frame. weights: (N, 16) skin weights.
    """
    vertices, joints, ends = (points.copy() for points in hands)
    all_weights = np.concatenate([weights, np.eye(JOINT_COUNT), np.eye(JOINT_COUNT)[3::3]])
    points = np.concatenate([vertices, joints, ends], axis=1)
    for i, hand in enumerate(points):
        rng = np.random.default_rng(np.random.SeedSequence([seed, i]))
        points[i] = _reproportioned(hand, joints[i], ends[i], all_weights, rng)
    count = len(weights)
    return Hands(points[:, :count], points[:, count : count + JOINT_COUNT], points[:, count + JOINT_COUNT :])


def _reproportioned(points, joints, ends, weights, rng: np.random.Generator) -> np.ndarray:
    """Changes of one hand's points (P, 3) with weights (P, 16)."""
    length, thickness, taper = rng.normal(0, [_FINGER_LENGTH, _THICKNESS, _TAPER])
    breadth, palm_thickness = rng.normal([_PALM_NARROWING, 0], [_PALM_BREADTH, _PALM_THICKNESS])
    palm_length = -joints[4, 0]
    # The palm widens from nothing at the wrist, so that the forearm is left alone.
    profile = np.clip(-points[:, 0] / palm_length, 0, 1)
    moved = points + weights[:, :1] * profile[:, None] * points * [0.0, palm_thickness, breadth]
    for f, finger in enumerate(FINGERS):
        root, axis = joints[1 + 3 * f], ends[f] - joints[1 + 3 * f]
        span = np.linalg.norm(axis)
        axis = axis / span
        along = (points - root) @ axis
        across = points - root - along[:, None] * axis
        own = rng.normal(0, _ONE_FINGER_LENGTH[finger]) + (length if finger != "thumb" else 0.0)
        widened = thickness + taper * (0.5 - np.clip(along / span, 0, 1))
        carried = np.clip(-root[0] / palm_length, 0, 1) * root * [0.0, palm_thickness, breadth]
        change = carried + own * along[:, None] * axis + widened[:, None] * across
        moved += weights[:, 1 + 3 * f : 4 + 3 * f].sum(1, keepdims=True) * change
    return moved
