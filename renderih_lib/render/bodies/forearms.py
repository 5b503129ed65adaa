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
    """Rotation vectors (..., 2, 3), world frame, at most `LIMIT` long, that part two forearms; zero if they are apart.

    Args:
        wrists, ends: (..., 2, 3) metres, world: wrist joints and the middles of the forearms' ends.
    """
    shape = np.shape(wrists)
    wrists, ends = (np.asarray(points, float).reshape(-1, 2, 3) for points in (wrists, ends))
    axes = ends - wrists
    lengths = np.linalg.norm(axes, axis=-1)
    axes = axes / lengths[..., None]
    behind = _SAMPLES * lengths.min(1)[:, None]  # (B, N)
    room = np.interp(np.minimum(behind[:, :, None], behind[:, None]), (0, _WIDENING), _ROOM)
    hinges = wrists + _PIVOT * axes
    bends, close = np.zeros_like(wrists), np.arange(len(wrists))
    for _ in range(_ROUNDS):
        turned = _turned(bends[close], axes[close])
        points = hinges[close][:, :, None] + (behind[close] - _PIVOT)[:, None, :, None] * turned[:, :, None]
        square = _squared_distances(points[:, 0], points[:, 1])
        lacks = (room[close] - np.sqrt(square)).reshape(len(close), -1)
        worst = lacks.argmax(1)
        i, j = np.unravel_index(worst, room.shape[1:])
        rows = np.arange(len(close))
        lack = lacks[rows, worst]
        still = lack >= 1e-3
        close, turned, i, j, lack, rows = (
            close[still],
            turned[still],
            i[still],
            j[still],
            lack[still],
            rows[still],
        )
        if len(close) == 0:
            break
        apart = points[rows, 0, i] - points[rows, 1, j]
        distance = np.linalg.norm(apart, axis=-1, keepdims=True)
        away = np.where(distance > 0.01, apart / np.maximum(distance, 1e-9), _across(turned, wrists[close]))
        for side, k, sign in ((0, i, 1), (1, j, -1)):
            lever = np.maximum(behind[close, k] - _PIVOT, 0.03)
            bend = bends[close, side] + np.cross(turned[:, side], sign * away) * (lack / 2 / lever)[:, None]
            bend -= (bend * axes[close, side]).sum(-1, keepdims=True) * axes[close, side]  # no twist
            size = np.linalg.norm(bend, axis=-1, keepdims=True)
            bends[close, side] = bend * np.minimum(1, LIMIT / np.maximum(size, 1e-9))
    return bends.reshape(shape)


def _turned(bends, axes):
    return Rotation.from_rotvec(bends.reshape(-1, 3)).apply(axes.reshape(-1, 3)).reshape(axes.shape)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(B, N, N) of points (B, N, 3) each."""
    return sum((a[:, :, None, k] - b[:, None, :, k]) ** 2 for k in range(3))


def _across(axes: np.ndarray, wrists: np.ndarray) -> np.ndarray:
    """Unit vectors (B, 3) across both forearms, from the second to the first."""
    normal = np.cross(axes[:, 0], axes[:, 1])
    parallel = np.linalg.norm(normal, axis=-1, keepdims=True) < 1e-6
    normal = np.where(parallel, np.cross(axes[:, 0], [0.31, 0.81, 0.5]), normal)
    towards = (normal * (wrists[:, 0] - wrists[:, 1])).sum(-1, keepdims=True)
    return normal / np.linalg.norm(normal, axis=-1, keepdims=True) * np.where(towards >= 0, 1, -1)


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
