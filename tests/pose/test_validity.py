import numpy as np
import pytest
import torch

from renderih_lib.hand.anatomy import TWIST
from renderih_lib.hand.pair import PairPose
from renderih_lib.pose.distance import ExactSkin
from renderih_lib.pose.library import PALMS_TOGETHER
from renderih_lib.pose.validity import check_pairs


def flat_pair(gap, wrist=PALMS_TOGETHER):
    """Two flat hands, the left one `gap` metres below the right one's palm."""
    return PairPose(
        torch.zeros(1, 2, 15, 3),
        torch.stack([torch.eye(3), wrist])[None],
        torch.tensor([[[0.0, 0, 0], [0, -gap, 0]]]),
        torch.zeros(1, 2, 10),
    )


@pytest.fixture(scope="module")
def touching_gap(hands):
    """The largest gap at which the flat hands (their thumbs) still overlap: 2 mm steps, then bisection."""

    def overlap(gap):
        return check_pairs(flat_pair(gap), hands).depth_mm[0] > 0

    low = next(gap for gap in np.arange(0.15, 0, -0.002).tolist() if overlap(gap))
    high = low + 0.002
    for _ in range(6):
        middle = (low + high) / 2
        low, high = (middle, high) if overlap(middle) else (low, middle)
    return high


def test_depth_and_gap_grow_as_hands_move(hands, touching_gap):
    deep = check_pairs(flat_pair(touching_gap - 0.004), hands).iloc[0]
    assert deep.reason == "penetration" and deep.contact_mm == 0 and 2 < deep.depth_mm <= 4.3
    near = check_pairs(flat_pair(touching_gap + 0.003), hands).iloc[0]
    assert near.valid and near.depth_mm == 0 and 1 < near.contact_mm <= 3.3
    far = check_pairs(flat_pair(touching_gap + 0.02), hands).iloc[0]
    assert far.reason == "no contact" and not far.valid and far.contact_vertices == 0


def test_any_angle_outside_table_2_is_refused_twist_included(hands, touching_gap):
    pose = flat_pair(touching_gap)
    pose.angles[0, 1, 3, TWIST] = np.radians(0.2)
    row = check_pairs(pose, hands).iloc[0]
    assert row.reason == "angle limits" and row.excess_deg == pytest.approx(0.2, rel=1e-3)


def test_a_pose_that_is_not_finite_is_refused_without_spoiling_others(hands, touching_gap):
    pose = PairPose.cat([flat_pair(touching_gap + 0.001)] * 2)
    pose.angles[0, 0, 0, 0] = torch.nan
    assert check_pairs(pose, hands).reason.tolist() == ["not finite", "valid"]


def test_a_whole_hand_turned_with_its_mate_measures_the_same(hands, touching_gap):
    pose = flat_pair(touching_gap - 0.003)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0))).Q
    turn = turn * torch.linalg.det(turn)
    origin = torch.stack([hand.rest_joints[0] for hand in hands.hands])
    place = (pose.translation + origin) @ turn.T - origin
    turned = check_pairs(pose.replace(wrist=turn @ pose.wrist, translation=place), hands).iloc[0]
    assert turned.depth_mm == pytest.approx(check_pairs(pose, hands).depth_mm[0], abs=0.01)


def test_signed_distance_knows_the_closed_wrist(hands):
    vertices, skin = hands.right.template.double().numpy(), ExactSkin(hands.right.faces.numpy())
    centre = vertices[skin.rims[0]].mean(0)
    points = np.stack([centre + [-0.03, 0, 0], centre + [0.03, 0, 0]])
    assert np.sign(skin.signed_distance(points, vertices)).tolist() == [-1, 1]
