"""How far the nearest joint is bent, at every vertex of the skin: where creases deepen and wrinkles go."""

from functools import cache

import numpy as np
import torch

from renderih_lib.hand.anatomy import BEND, angle_limits, rest_frames
from renderih_lib.hand.model import HandModel
from renderih_lib.hand.skeleton import FINGER_JOINT_COUNT
from renderih_lib.render.bodies.mesh import ArmPair, subdivision

MM = 1000.0
#: Millimetres of skin round a root, middle and end joint that move with it, on its twist, splay and bend axes:
#: along the finger, through it from the back to the palm, and to its side.
REACH = ((9.0, 18.0, 8.0), (6.5, 18.0, 9.0), (5.0, 18.0, 8.0))


def flexion(arms: ArmPair, angles) -> np.ndarray:
    """Bend of the joints near each vertex of `arms.mesh` as a share of their range.

    Zero for the flat hand, for joints bent backwards and far from joints; 1 at a joint bent to the end of its range
    (paper Table 2). Grows with every bend.

    Args:
        angles: (2, 15, 3) radians, (twist, splay, bend) of both hands.

    Returns:
        (2 * M,) float32, 0..1: the right hand's vertices, then the left's.

    Raises:
        ValueError: if angles have another shape.
    """
    angles = np.asarray(angles, dtype=np.float64)
    if angles.shape != (2, FINGER_JOINT_COUNT, 3):
        raise ValueError(f"angles must be (2, {FINGER_JOINT_COUNT}, 3), got {angles.shape}")
    bend = np.clip(angles[..., BEND] / angle_limits(torch.float64)[:, BEND, 1].numpy(), 0, 1)
    return (bend @ _shares(arms).T).ravel().astype(np.float32)


@cache
def _shares(arms: ArmPair) -> np.ndarray:
    """(M, 15): how much each joint counts at each vertex of one subdivided hand; rows sum to 1 at most."""
    levels = round(np.log(len(arms.mesh.quads) / len(arms.cage.quads)) / np.log(4))
    smooth, _ = subdivision(arms.arm.mesh, levels)
    return np.clip(smooth @ joint_shares(arms.arm.model), 0, 1)


def joint_shares(model: HandModel) -> np.ndarray:
    """How much each finger joint counts at each vertex of a model in its rest pose, (V, 15), rows at most 1."""
    points, joints = (x.numpy().astype(np.float64) * MM for x in (model.template, model.rest_joints))
    frames = rest_frames(model).numpy().astype(np.float64)
    weights = model.skin_weights.numpy()[:, 1:].reshape(len(points), -1, 3).sum(2)  # of whole fingers
    shares = np.empty((len(points), FINGER_JOINT_COUNT))
    for joint in range(FINGER_JOINT_COUNT):
        finger, level = divmod(joint, 3)
        away = (points - joints[joint + 1]) @ frames[joint] / REACH[level]
        own = 1.0 if level == 0 else weights[:, finger]
        shares[:, joint] = own * np.exp(-0.5 * (away**2).sum(1))
    return shares / np.maximum(shares.sum(1, keepdims=True), 1)
