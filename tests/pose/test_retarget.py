"""A pair on other hands: the same angles and orientations, and the wrists as far apart as the hands are large."""

import pytest
import torch

from renderih_lib.hand.model import HandModel
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.retarget import retargeted

LIBRARY = load_pose_library()
HANDS = LIBRARY.hands


@pytest.fixture(scope="module")
def giants() -> HandPair:
    """The open hands at double size."""

    def double_size(hand: HandModel) -> HandModel:
        return HandModel(
            template=2 * hand.template,
            faces=hand.faces,
            shape_dirs=2 * hand.shape_dirs[..., :4],
            joints=2 * hand.rest_joints,
            joint_dirs=2 * hand.joint_dirs[..., :4],
            skin_weights=hand.skin_weights,
            tip_vertices=hand.tip_vertices,
            side=hand.side,
        )

    return HandPair(*(double_size(hand) for hand in HANDS.hands))


def test_pairs_of_double_size_are_the_pairs_enlarged_about_the_right_wrist(giants):
    pose = PairPose.cat([LIBRARY.pair(name) for name in list(LIBRARY.interactions)[:5]])
    large = giants(retargeted(pose, HANDS, giants))
    small = HANDS(pose)
    assert torch.allclose(large.vertices, 2 * small.vertices - small.joints[:, :1, :1], atol=1e-6)


def test_there_and_back_gives_the_pairs_at_the_mean_shape(giants):
    pose = LIBRARY.natural_pairs(0, 9)
    alike = retargeted(pose, HANDS, HANDS)
    assert alike.shape.abs().max() == 0 and pose.shape.abs().max() > 1
    there = retargeted(alike, HANDS, giants)
    assert there.shape.shape == (9, 2, 4)
    back = retargeted(there, giants, HANDS)
    for name in vars(pose):
        assert torch.allclose(getattr(back, name), getattr(alike, name), atol=1e-6), name


def test_orientation_and_place_of_the_right_wrist_stay(giants):
    pose = LIBRARY.natural_pairs(0, 9)
    there = retargeted(pose, HANDS, giants)
    assert torch.equal(there.angles, pose.angles) and torch.equal(there.wrist, pose.wrist)
    wrists = [hands(p).joints[:, 0, 0] for hands, p in ((HANDS, pose), (giants, there))]
    assert torch.allclose(*wrists, atol=1e-6)
