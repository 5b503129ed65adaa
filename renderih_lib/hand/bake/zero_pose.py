"""From Anny's relaxed rest hand to the zero pose: anatomical joint centres, then straight fingers in a flat palm."""

import numpy as np
import torch

from renderih_lib.hand.anatomy import BACK
from renderih_lib.hand.bake.source import Hands
from renderih_lib.hand.model import joint_transforms, skin
from renderih_lib.hand.skeleton import FINGERS, JOINT_COUNT, JOINT_NAMES

# Joint centres. Anny puts the knuckles at the webs and every finger joint too near the back of the hand.
# All moves are fractions of bone lengths, so that they follow the person.
_WRIST_SHIFT = 0.057  # towards the middle knuckle, of that distance
_ROOT_SHIFT = {"index": 0.42, "middle": 0.24, "pinky": 0.43, "ring": 0.28, "thumb": 0.30}  # of the first bone
#: Towards the palm at the root and at the tip, of the finger's length; in between along a straight line.
_DEPTH_SHIFT = {
    "index": (0.055, 0.030),
    "middle": (0.062, 0.025),
    "pinky": (0.085, 0.010),
    "ring": (0.068, 0.022),
    "thumb": (0.021, 0.021),
}
#: Degrees each finger is rolled about its line so that the nail faces the back of its bending plane.
_ROLL = {"index": 9.8, "middle": 5.0, "pinky": 3.5, "ring": 5.5, "thumb": 5.8}

#: Degrees by which the thumb's zero is turned from Anny's: splay, bend.
THUMB_TURN = (-12.0, 10.0)


def in_palm_frame(hands: Hands) -> Hands:
    """The same hands with the wrist at the origin, fingers to -x, back of the hand +y and thumb +z.

    x runs from the middle knuckle to the wrist; the index and pinky knuckles are level.
    """
    axes = palm_axes(hands.joints)
    origin = hands.joints[:, None, 0]
    return Hands(*((points - origin) @ axes for points in hands))


def palm_axes(joints: np.ndarray) -> np.ndarray:
    """Axes of the palm frame as columns, (S, 3, 3), from joints (S, 16, 3) in any frame."""
    index, middle, pinky = (
        joints[:, JOINT_NAMES.index(f"{name}_root")] for name in ("index", "middle", "pinky")
    )
    x = _unit(joints[:, 0] - middle)
    y = _unit(np.cross(index - pinky, x))
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def with_anatomical_joints(hands: Hands) -> Hands:
    """Hands whose joint centres are moved to anatomical places, and whose origin is the moved wrist."""
    joints, ends = hands.joints.copy(), hands.ends.copy()
    middle = JOINT_NAMES.index("middle_root")
    joints[:, 0] += _WRIST_SHIFT * (hands.joints[:, middle] - hands.joints[:, 0])
    for f, finger in enumerate(FINGERS):
        root, rest, end = joints[:, 1 + 3 * f], joints[:, 1 + 3 * f : 4 + 3 * f], ends[:, f]
        line = end - root
        palmar = -_unit(np.array(BACK[finger]) - _along(np.array(BACK[finger]), _unit(line)))
        depth = np.linalg.norm(line, axis=-1, keepdims=True) * palmar
        steps = np.linspace(*_DEPTH_SHIFT[finger], 4)[:, None]
        root_shift = _ROOT_SHIFT[finger] * (rest[:, 0] - rest[:, 1])
        rest += depth[:, None] * steps[:3]
        end += depth * steps[3]
        root += root_shift
    origin = joints[:, :1].copy()
    return Hands(hands.vertices - origin, joints - origin, ends - origin)


def flattened(hands: Hands, weights: np.ndarray, chunk: int = 100) -> Hands:
    """Hands with every finger straight and level with the palm, spread as Anny spreads them.

    Each person is straightened by their own rotations. The thumb is straightened and turned by `THUMB_TURN`.

    Args:
        hands: S hands in the palm frame. weights: (N, 16) skin weights.
    """
    rotations = torch.from_numpy(flattening_rotations(hands))
    parts = []
    for start in range(0, len(hands.vertices), chunk):
        batch = slice(start, start + chunk)
        vertices, joints, ends = (torch.from_numpy(points[batch]) for points in hands)
        transforms = joint_transforms(rotations[batch], joints)
        parts.append(
            Hands(
                skin(vertices, torch.from_numpy(weights), transforms).numpy(),
                skin(joints, torch.eye(JOINT_COUNT, dtype=joints.dtype), transforms).numpy(),
                skin(ends, torch.eye(JOINT_COUNT, dtype=joints.dtype)[3::3], transforms).numpy(),
            )
        )
    return Hands(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def flattening_rotations(hands: Hands) -> np.ndarray:
    """Local joint rotations (S, 16, 3, 3) that straighten each of S hands in the palm frame."""
    rotations = np.tile(np.eye(3), (len(hands.joints), JOINT_COUNT, 1, 1))
    for f, finger in enumerate(FINGERS):
        root = 1 + 3 * f
        chain = np.concatenate([hands.joints[:, root : root + 3], hands.ends[:, f : f + 1]], axis=1)
        first, second, third = np.moveaxis(_unit(np.diff(chain, axis=1)), 1, 0)
        if finger == "thumb":
            straight = _turn(first, np.array(BACK[finger]), *np.deg2rad(THUMB_TURN))
        else:
            # Level as Anny's line would be; ours rises from the deeper root to the tip.
            rise = _DEPTH_SHIFT[finger][0] - _DEPTH_SHIFT[finger][1]
            straight = _shortest_rotation(first, _unit(_unit(first * [1.0, 0.0, 1.0]) + [0.0, rise, 0.0]))
        rotations[:, root] = straight @ _rotation_about(first, np.deg2rad(_ROLL[finger]))
        rotations[:, root + 1] = _shortest_rotation(second, first)
        rotations[:, root + 2] = _shortest_rotation(third, second)
    return rotations


def _turn(bone: np.ndarray, back: np.ndarray, splay: float, bend: float) -> np.ndarray:
    """Rotation (S, 3, 3) by splay then bend in the anatomical frame of a bone direction (S, 3)."""
    x = -bone
    z = _unit(np.cross(x, back))
    frame = np.stack([x, np.cross(z, x), z], axis=-1)
    (cs, ss), (cb, sb) = ((np.cos(a), np.sin(a)) for a in (splay, bend))
    local = np.array([[cb, -sb, 0], [sb, cb, 0], [0, 0, 1]]) @ np.array(
        [[cs, 0, ss], [0, 1, 0], [-ss, 0, cs]]
    )
    return frame @ local @ np.swapaxes(frame, -1, -2)


def _shortest_rotation(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Rotations (S, 3, 3) that take unit vectors start to end (S, 3) by the smallest angle."""
    cross, cosine = np.cross(start, end), (start * end).sum(-1)
    skew = np.swapaxes(np.cross(cross[:, None], np.eye(3)), -1, -2)
    return np.eye(3) + skew + skew @ skew / (1 + cosine)[:, None, None]


def _rotation_about(axis: np.ndarray, angle: float) -> np.ndarray:
    """Rotations (S, 3, 3) about unit axes (S, 3)."""
    skew = np.swapaxes(np.cross(axis[:, None], np.eye(3)), -1, -2)
    return np.eye(3) + np.sin(angle) * skew + (1 - np.cos(angle)) * skew @ skew


def _along(vector: np.ndarray, unit: np.ndarray) -> np.ndarray:
    return (vector * unit).sum(-1, keepdims=True) * unit


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
