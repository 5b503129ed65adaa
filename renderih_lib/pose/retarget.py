"""The pose of a pair on another pair of hands, or on the same hands at the mean shape."""

import torch
from torch import Tensor

from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.hand.skeleton import JOINT_NAMES

_KNUCKLE = JOINT_NAMES.index("middle_root")


def retargeted(pose: PairPose, hands: HandPair, target: HandPair) -> PairPose:
    """B pairs posed for `hands`, as they look on `target` at its mean shape.

    Angles and wrist orientations stay, and so does the place of the right wrist joint. The way from there to the
    left wrist joint is scaled by the size of the right hands, wrist to middle knuckle.
    """
    rest = torch.stack([hand.rest(pose.shape[:, side])[1] for side, hand in enumerate(hands.hands)], 1)
    mean = torch.stack([hand.rest_joints for hand in target.hands]).to(rest)
    wrists = pose.translation + rest[:, :, 0]
    scale = _reach(mean[0]) / _reach(rest[:, 0])
    left = wrists[:, 0] + scale[:, None] * (wrists[:, 1] - wrists[:, 0])
    return pose.replace(
        translation=torch.stack([wrists[:, 0], left], 1) - mean[:, 0],
        shape=pose.shape.new_zeros(len(pose), 2, target.right.shape_count),
    )


def _reach(joints: Tensor) -> Tensor:
    """Wrist to middle knuckle (...), metres, of joints (..., 16, 3)."""
    return (joints[..., _KNUCKLE, :] - joints[..., 0, :]).norm(dim=-1)
