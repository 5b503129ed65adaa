"""Two hands as one batch: axis 1 is the hand, 0 = right and 1 = left."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor, nn

from renderih_lib.hand.anatomy import joint_rotations, rest_frames
from renderih_lib.hand.model import HandMesh, HandModel
from renderih_lib.hand.open_hand import load_open_hand


@dataclass(frozen=True)
class PairPose:
    """Poses of B pairs of hands, axis 1 = (right, left)."""

    angles: Tensor  # (B, 2, 15, 3) radians, (twist, splay, bend) of `anatomy`
    wrist: Tensor  # (B, 2, 3, 3) orientation of the wrist, world frame
    translation: Tensor  # (B, 2, 3) metres, world frame, as in `HandModel.forward`
    shape: Tensor  # (B, 2, S) standard deviations

    def __len__(self) -> int:
        return len(self.angles)

    def __getitem__(self, index) -> "PairPose":
        return PairPose(*(getattr(self, f.name)[index] for f in fields(self)))

    def to(self, *args, **kwargs) -> "PairPose":
        return PairPose(*(getattr(self, f.name).to(*args, **kwargs) for f in fields(self)))

    def replace(self, **changes: Tensor) -> "PairPose":
        return replace(self, **changes)

    @staticmethod
    def cat(poses: "list[PairPose]") -> "PairPose":
        return PairPose(*(torch.cat([getattr(p, f.name) for p in poses]) for f in fields(PairPose)))


class HandPair(nn.Module):
    """A right and a left hand model posed together."""

    def __init__(self, right: HandModel, left: HandModel):
        super().__init__()
        self.right, self.left = right, left
        self.register_buffer("frames", torch.stack([rest_frames(right), rest_frames(left)]))

    @property
    def hands(self) -> tuple[HandModel, HandModel]:
        return self.right, self.left

    def forward(self, pose: PairPose) -> HandMesh:
        """Posed meshes with an extra hand axis: vertices (B, 2, V, 3), joints (B, 2, 16, 3), ..., metres."""
        meshes = [
            hand(
                joint_rotations(pose.angles[:, side], self.frames[side], pose.wrist[:, side]),
                pose.shape[:, side],
                pose.translation[:, side],
            )
            for side, hand in enumerate(self.hands)
        ]
        return HandMesh(*(torch.stack(parts, 1) for parts in zip(*meshes, strict=True)))


def open_hand_pair() -> HandPair:
    """The open hand twice: right, and its mirror image as left."""
    right = load_open_hand("right")
    return HandPair(right, right.mirrored())
