"""Two hands as one batch."""

import numpy as np
import torch

from renderih_lib.hand.anatomy import joint_rotations, rest_frames
from renderih_lib.hand.model import mirrored_rotations
from renderih_lib.hand.pair import HandPair, PairPose, open_hand_pair


def random_pairs(count: int, seed: int = 0) -> PairPose:
    rng = np.random.default_rng(seed)
    turn = torch.linalg.qr(torch.from_numpy(rng.normal(size=(count, 2, 3, 3))))[0]
    turn = turn * torch.linalg.det(turn)[..., None, None]
    numbers = [torch.from_numpy(rng.normal(size=(count, 2, *s))) for s in ((15, 3), (3,), (10,))]
    return PairPose(angles=0.4 * numbers[0], wrist=turn, translation=numbers[1], shape=numbers[2])


def test_each_hand_of_a_pair_is_posed_as_alone(hand, left_hand):
    pose = random_pairs(3)
    mesh = HandPair(hand, left_hand).double()(pose)
    assert mesh.vertices.shape == (3, 2, 778, 3) and mesh.keypoints.shape == (3, 2, 21, 3)
    for side, model in enumerate((hand, left_hand)):
        rotations = joint_rotations(pose.angles[:, side], rest_frames(model), pose.wrist[:, side])
        alone = model(rotations, pose.shape[:, side], pose.translation[:, side])
        assert torch.allclose(mesh.vertices[:, side], alone.vertices, atol=1e-12)
        assert torch.allclose(mesh.transforms[:, side], alone.transforms, atol=1e-12)


def test_equal_angles_and_mirrored_wrists_give_a_symmetric_pair(hand, left_hand):
    pose, flip = random_pairs(2), torch.tensor([-1.0, 1.0, 1.0]).double()
    right = PairPose(*(getattr(pose, name)[:, :1] for name in ("angles", "wrist", "translation", "shape")))
    symmetric = PairPose(
        right.angles.expand(-1, 2, -1, -1),
        torch.cat([right.wrist, mirrored_rotations(right.wrist)], 1),
        torch.cat([right.translation, right.translation * flip], 1),
        right.shape.expand(-1, 2, -1),
    )
    vertices = HandPair(hand, left_hand).double()(symmetric).vertices
    assert torch.allclose(vertices[:, 0] * flip, vertices[:, 1], atol=1e-12)


def test_poses_can_be_picked_joined_changed_and_cast():
    pose = random_pairs(4)
    joined = PairPose.cat([pose[:1], pose[1:]])
    assert len(pose[2:]) == 2 and len(joined) == 4
    assert torch.equal(joined.wrist, pose.wrist)
    assert torch.equal(pose[torch.tensor([3, 0])].angles, pose.angles[[3, 0]])
    moved = pose.replace(translation=pose.translation + 1)
    assert torch.equal(moved.angles, pose.angles) and not torch.equal(moved.translation, pose.translation)
    assert pose.to(torch.float32).shape.dtype == torch.float32


def test_open_pair_is_right_then_left():
    pair = open_hand_pair()
    assert [model.side for model in pair.hands] == ["right", "left"]
    mesh = pair(random_pairs(1).to(torch.float32))
    assert mesh.vertices.dtype == torch.float32


def test_gradients_reach_both_hands(hand, left_hand):
    pose = random_pairs(1)
    pose = pose.replace(angles=pose.angles.requires_grad_(), translation=pose.translation.requires_grad_())
    HandPair(hand, left_hand).double()(pose).vertices.square().sum().backward()
    assert (pose.angles.grad.abs().sum((0, 2, 3)) > 0).all()
    assert (pose.translation.grad.abs().sum((0, 2)) > 0).all()
