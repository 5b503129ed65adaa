"""Bends two forearms apart at the wrist where they would pass through each other, as a person's wrists do.

A hand model has no wrist that bends: its forearm goes straight on. Hands that interact are close together, so
without this one pair in eight has forearms (and sleeves more) inside one another.
"""

import numpy as np
from scipy.spatial.transform import Rotation

LIMIT = np.deg2rad(25)  # of the bend of one wrist, well inside what wrists can do
BEND = (
    0.02,
    0.08,
)  # metres behind the wrist joint between which the forearm bends; the hand itself stays as it is

_PIVOT = sum(BEND) / 2
_SAMPLES = np.linspace(0.05, 1, 20)  # shares of a forearm's length
_ROOM = (
    0.062,
    0.115,
)  # metres between two forearms' axes that they and their sleeves need, at the wrist and beyond
_WIDENING = 0.15  # metres behind the wrist from which on they need all of it
_ROUNDS = 12


def forearm_bends(wrists: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Rotation vectors (2, 3), world frame, at most `LIMIT` long, that part two forearms; zero if they are apart.

    Args:
        wrists, ends: (2, 3) metres, world: wrist joints and the middles of the forearms' ends.
    """
    axes = ends - wrists
    lengths = np.linalg.norm(axes, axis=1)
    axes = axes / lengths[:, None]
    behind = _SAMPLES * lengths.min()
    room = np.interp(np.minimum.outer(behind, behind), (0, _WIDENING), _ROOM)
    bends = np.zeros((2, 3))
    for _ in range(_ROUNDS):
        turned = Rotation.from_rotvec(bends).apply(axes)
        points = wrists[:, None] + _PIVOT * axes[:, None] + (behind - _PIVOT)[:, None] * turned[:, None]
        apart = points[0][:, None] - points[1]
        distance = np.linalg.norm(apart, axis=-1)
        i, j = np.unravel_index((room - distance).argmax(), room.shape)
        lack = room[i, j] - distance[i, j]
        if lack < 1e-3:
            break
        away = apart[i, j] / distance[i, j] if distance[i, j] > 0.01 else _across(turned, wrists)
        for side, k, sign in ((0, i, 1), (1, j, -1)):
            lever = max(behind[k] - _PIVOT, 0.03)
            bends[side] += np.cross(turned[side], sign * away) * lack / 2 / lever
            bends[side] -= bends[side] @ axes[side] * axes[side]  # no twist
            bends[side] *= min(1, LIMIT / max(np.linalg.norm(bends[side]), 1e-9))
    return bends


def _across(axes: np.ndarray, wrists: np.ndarray) -> np.ndarray:
    """A unit vector across both forearms, from the second to the first."""
    normal = np.cross(*axes)
    if np.linalg.norm(normal) < 1e-6:
        normal = np.cross(axes[0], [0.31, 0.81, 0.5])
    return normal / np.linalg.norm(normal) * (1 if normal @ (wrists[0] - wrists[1]) >= 0 else -1)


def bent(points: np.ndarray, wrist: np.ndarray, end: np.ndarray, bend: np.ndarray) -> np.ndarray:
    """Points (N, 3) of a forearm bent along an arc behind the wrist: nothing is squeezed where it bends.

    Args:
        wrist, end: (3,) of the straight forearm. bend: (3,) rotation vector.
    """
    angle = np.linalg.norm(bend)
    if angle < 1e-6:
        return points
    axis = (end - wrist) / np.linalg.norm(end - wrist)
    along = (points - wrist) @ axis
    place = np.linspace(0, max(along.max(), BEND[1]), 200)
    turn = angle * _smoothstep((place - BEND[0]) / (BEND[1] - BEND[0]))
    steps = np.diff(place, prepend=0)
    aside = np.cross(bend / angle, axis)  # the axis bends towards it
    line = np.cumsum(steps * np.cos(turn))[:, None] * axis + np.cumsum(steps * np.sin(turn))[:, None] * aside
    middle = np.stack([np.interp(along, place, line[:, k]) for k in range(3)], 1)
    middle = np.where(along[:, None] < 0, along[:, None] * axis, middle)
    turns = Rotation.from_rotvec(np.interp(along, place, turn)[:, None] * bend / angle)
    return wrist + middle + turns.apply(points - wrist - along[:, None] * axis)


def _smoothstep(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
