"""Fingertip keypoints: skin vertices on the straight line of the finger's joints."""

from typing import NamedTuple

import numpy as np

from renderih_lib.hand.bake.source import Hands
from renderih_lib.hand.skeleton import FINGERS, KEYPOINT_FINGERS


class TipPoints(NamedTuple):
    """Where each finger's line leaves the skin, in the order of `KEYPOINT_FINGERS`."""

    vertices: np.ndarray  # (5,) the nearest corner of the triangle hit
    corners: np.ndarray  # (5, 3) that triangle
    shares: np.ndarray  # (5, 3) barycentric place in it


def tip_points(mean: Hands, triangles: np.ndarray, weights: np.ndarray) -> TipPoints:
    """Follow the last bones of the mean hand to the skin.

    Args:
        mean: arrays (P, 3). triangles: (F, 3). weights: (N, 16), to look only at each finger's last part.
    """
    hits = []
    for finger in KEYPOINT_FINGERS:
        last = _last_joint(finger)
        corners = triangles[(weights[triangles, last] > 0.9).all(axis=1)]
        axis = mean.ends[FINGERS.index(finger)] - mean.joints[last]
        hit, share = _ray_hit(mean.joints[last], axis, mean.vertices[corners])
        hits.append((corners[hit][share.argmax()], corners[hit], share))
    return TipPoints(*(np.array(column) for column in zip(*hits, strict=True)))


def slide_tips(points: TipPoints, mean: Hands, directions: Hands, weights: np.ndarray) -> None:
    """Move each tip vertex, in place, to where the line leaves the skin; in every shape it stays on the line."""
    for array in (mean.vertices, directions.vertices, weights):
        array[points.vertices] = np.einsum("ts,ts...->t...", points.shares, array[points.corners])
    for finger, tip in zip(KEYPOINT_FINGERS, points.vertices, strict=True):
        last = _last_joint(finger)
        bone = mean.joints[last] - mean.joints[last - 1]
        axis = bone / np.linalg.norm(bone)
        reach = (mean.vertices[tip] - mean.joints[last]) @ axis / np.linalg.norm(bone)
        # On the line to first order: last joint + reach x bone, and anything along the line.
        on_line = directions.joints[last] + reach * (directions.joints[last] - directions.joints[last - 1])
        directions.vertices[tip] = on_line + np.outer(axis, axis @ (directions.vertices[tip] - on_line))


def _last_joint(finger: str) -> int:
    return 3 * FINGERS.index(finger) + 3


def _ray_hit(start: np.ndarray, axis: np.ndarray, corners: np.ndarray) -> tuple[int, np.ndarray]:
    """Index of the triangle (F, 3, 3) that a ray meets last, and the barycentric shares (3,) of the place."""
    # start + t axis = sum of shares x corners, with the shares summing to one
    system = np.concatenate([np.swapaxes(corners, 1, 2), np.ones((len(corners), 1, 3))], axis=1)
    system = np.concatenate(
        [system, np.broadcast_to(np.append(-axis, 0.0)[:, None], (len(corners), 4, 1))], axis=2
    )
    solution = np.linalg.solve(system, np.broadcast_to(np.append(start, 1.0)[:, None], (len(corners), 4, 1)))[
        ..., 0
    ]
    inside = (solution[:, :3] >= 0).all(axis=1)
    hit = int(np.argmax(np.where(inside, solution[:, 3], -np.inf)))
    if not inside[hit]:
        raise ValueError("a finger's line does not leave through its tip: check the joint centres")
    return hit, solution[hit, :3]
