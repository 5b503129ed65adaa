import math

import numpy as np
import pytest
import torch
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.hand.anatomy import TWIST
from renderih_lib.hand.model import mirrored_rotations
from renderih_lib.hand.pair import PairPose
from renderih_lib.pose.distance import ExactSkin, overlap_volume
from renderih_lib.pose.library import PALMS_TOGETHER
from renderih_lib.pose.validity import check_pairs, contact_anchors, input_problems


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
    table = check_pairs(pose, hands, volume=True)
    assert table.reason.tolist() == ["not finite", "valid"]
    assert np.isnan(table.volume_mm3[0]) and table.volume_mm3[1] == 0
    assert contact_anchors(pose, hands, torch.arange(778))[0] == 0


def test_a_whole_hand_turned_with_its_mate_measures_the_same(hands, touching_gap):
    pose = flat_pair(touching_gap - 0.003)
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0))).Q
    turn = turn * torch.linalg.det(turn)
    origin = torch.stack([hand.rest_joints[0] for hand in hands.hands])
    place = (pose.translation + origin) @ turn.T - origin
    turned = check_pairs(pose.replace(wrist=turn @ pose.wrist, translation=place), hands, volume=True).iloc[0]
    straight = check_pairs(pose, hands, volume=True).iloc[0]
    assert turned.depth_mm == pytest.approx(straight.depth_mm, abs=0.01)
    assert turned.volume_mm3 == pytest.approx(straight.volume_mm3, rel=0.02)


def test_the_mirrored_pair_measures_the_same(hands, touching_gap):
    pose = flat_pair(touching_gap - 0.003)
    pose.angles[0, 0, 3:6, 2] = 0.5
    mirrored = PairPose(
        pose.angles.flip(1),
        mirrored_rotations(pose.wrist).flip(1),
        (pose.translation * torch.tensor([-1.0, 1, 1])).flip(1),
        pose.shape.flip(1),
    )
    first, second = (check_pairs(p, hands).iloc[0] for p in (pose, mirrored))
    assert second.depth_mm == pytest.approx(first.depth_mm, abs=1e-4)
    assert second.contact_vertices == first.contact_vertices > 0


def test_signed_distance_knows_the_closed_wrist(hands):
    vertices, skin = hands.right.template.double().numpy(), ExactSkin(hands.right.faces.numpy())
    centre = vertices[skin.rims[0]].mean(0)
    points = np.stack([centre + [-0.03, 0, 0], centre + [0.03, 0, 0]])
    assert np.sign(skin.signed_distance(points, vertices)).tolist() == [-1, 1]


def test_contact_anchors_count_skin_within_five_millimetres(hands, touching_gap):
    anchors = torch.arange(778)
    counts = [
        contact_anchors(flat_pair(touching_gap + gap), hands, anchors)[0] for gap in (0.002, 0.0049, 0.006)
    ]
    assert counts[0] > counts[1] >= 1 and counts[2] == 0
    table = check_pairs(flat_pair(touching_gap + 0.002), hands)
    assert counts[0] == table.contact_vertices[0]


# Overlap volume


def box(size):
    mesh = trimesh.creation.box(size)
    return ExactSkin(mesh.faces), np.array(mesh.vertices, dtype=float)


@settings(max_examples=20, deadline=None)
@given(st.tuples(*[st.floats(-1.2, 1.2)] * 3))
def test_overlap_of_two_boxes_is_the_product_of_the_overlaps_of_their_sides(offset):
    skin, vertices = box((1, 1, 1))
    overlap = overlap_volume((skin, skin), (vertices, vertices + np.array(offset)), 0.01)
    assert overlap == pytest.approx(np.prod(np.maximum(1 - np.abs(offset), 0)), rel=1e-6, abs=1e-12)


def test_overlap_of_two_spheres_is_their_lens():
    mesh, gap = trimesh.creation.icosphere(4, 0.01), 0.008
    skin, vertices = ExactSkin(mesh.faces), np.array(mesh.vertices)
    lens = math.pi * (4 * 0.01 + gap) * (2 * 0.01 - gap) ** 2 / 12
    for axis in np.eye(3):
        moved = (vertices, vertices + gap * axis)
        assert overlap_volume((skin, skin), moved, 1e-4) == pytest.approx(lens, rel=0.01)


def test_overlap_of_a_hand_with_itself_is_its_volume(hands):
    """The volume of the closed mesh by the divergence theorem; the rest hand does not run through itself."""
    vertices, skin = hands.right.template.double().numpy(), ExactSkin(hands.right.faces.numpy())
    closed, faces = skin.closed(vertices)
    volume = np.linalg.det(closed[faces]).sum() / 6
    assert overlap_volume((skin, skin), (vertices, vertices)) == pytest.approx(volume, rel=5e-3)


def test_overlap_agrees_with_counting_points_inside_both_hands(hands, touching_gap):
    pair = hands(flat_pair(touching_gap - 0.008)).vertices[0].double().numpy()
    skins = [ExactSkin(hand.faces.numpy()) for hand in hands.hands]
    low, high = np.maximum(*pair.min(1)), np.minimum(*pair.max(1))
    points = low + (high - low) * np.random.default_rng(0).random((40_000, 3))
    for skin, vertices in zip(skins, pair, strict=True):
        points = points[skin.contains(points, vertices)]
    counted = len(points) / 40_000 * (high - low).prod()
    assert len(points) > 100
    assert overlap_volume(skins, pair) == pytest.approx(counted, rel=4 / len(points) ** 0.5)


def test_hands_apart_overlap_by_exactly_nothing(hands, touching_gap):
    for gap in (touching_gap + 0.002, 0.5):
        assert check_pairs(flat_pair(gap), hands, volume=True).volume_mm3[0] == 0


# Input problems


def test_a_sound_pair_has_no_problem():
    assert input_problems(PairPose.cat([flat_pair(0.05)] * 2)) == [None, None]
    assert input_problems(flat_pair(0.05)[:0]) == []


@pytest.mark.parametrize(
    "name, index, value, problem",
    [
        ("angles", (0, 3, 2), math.nan, "not finite"),
        ("translation", (1, 0), math.inf, "not finite"),
        ("shape", (1, 4), -math.inf, "not finite"),
        ("angles", (1, 0, 0), 3.2, "angle"),
        ("angles", (1, 0, 0), -3.2, "angle"),
        ("wrist", (0, 1, 1), 1.1, "rotation"),
        ("wrist", (0, 0, 0), -1.0, "rotation"),  # a reflection
        ("shape", (0, 0), 10.5, "shape"),
        ("translation", (0, 2), 1.1, "1 m apart"),
    ],
)
def test_every_problem_is_named_for_its_pair_alone(name, index, value, problem):
    pose = PairPose.cat([flat_pair(0.05)] * 3)
    getattr(pose, name)[(1, *index)] = value
    first, second, third = input_problems(pose)
    assert first is None and third is None and problem in second


def test_angles_outside_table_2_are_no_problem_of_the_input():
    pose = flat_pair(0.05)
    pose.angles[0, 0, 0, TWIST] = 3.0
    assert input_problems(pose) == [None]
