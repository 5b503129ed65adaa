"""Frames, angles and limits: conventions that every later stage relies on."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from renderih_lib.hand.anatomy import (
    BEND,
    SPLAY,
    TABLE_2,
    TWIST,
    angle_excess,
    angle_limits,
    angles_from_degrees,
    angles_to_rotations,
    joint_rotations,
    rest_frames,
    rotations_to_angles,
)
from renderih_lib.hand.model import mirrored_rotations
from renderih_lib.hand.skeleton import FINGER_JOINT_NAMES, FINGERS, KEYPOINT_NAMES

FOUR_FINGERS = ("index", "middle", "ring", "pinky")

#: A point of the unit box (15, 3), spread over Table 2 by `in_table`.
unit_box = arrays(np.float64, (15, 3), elements=st.floats(0, 1))


def in_table(unit: np.ndarray) -> torch.Tensor:
    lowest, highest = angle_limits(torch.float64).unbind(-1)
    return lowest + torch.from_numpy(unit) * (highest - lowest)


def single_angle(joint: str, axis: int, degrees: float) -> torch.Tensor:
    angles = torch.zeros(1, 15, 3, dtype=torch.float64)
    angles[0, FINGER_JOINT_NAMES.index(joint), axis] = math.radians(degrees)
    return angles


def posed_tip(model, angles: torch.Tensor, finger: str) -> torch.Tensor:
    mesh = model(joint_rotations(angles, rest_frames(model)))
    return mesh.keypoints[0, KEYPOINT_NAMES.index(f"{finger}_tip")]


def palm_centre(model) -> torch.Tensor:
    roots = [1, 4, 7, 10]
    return (model.rest_joints[0] + model.rest_joints[roots].mean(0)) / 2


def test_table_2_is_the_papers():
    assert TABLE_2["thumb"]["root"] == {"bend": (-20, 40), "splay": (-30, 30)}
    assert TABLE_2["thumb"]["middle"] == {"bend": (-8, 50)}
    assert TABLE_2["index"]["middle"] == {"bend": (-4, 110)}
    assert TABLE_2["middle"]["root"] == {"bend": (-25, 80), "splay": (-15, 15)}
    assert TABLE_2["pinky"]["root"] == {"bend": (-22, 70), "splay": (-20, 30)}
    assert TABLE_2["ring"]["end"] == {"bend": (-8, 90)}


def test_limits_follow_the_joint_order_and_forbid_twist():
    degrees = torch.rad2deg(angle_limits(torch.float64))
    assert degrees.shape == (15, 3, 2)
    assert (degrees[:, TWIST] == 0).all()
    assert torch.allclose(
        degrees[FINGER_JOINT_NAMES.index("pinky_middle"), BEND], torch.tensor([-8.0, 90]).double()
    )
    assert torch.allclose(
        degrees[FINGER_JOINT_NAMES.index("ring_root"), SPLAY], torch.tensor([-25.0, 15]).double()
    )
    roots = [name.endswith("root") for name in FINGER_JOINT_NAMES]
    assert ((degrees[:, SPLAY] != 0).any(-1) == torch.tensor(roots)).all()


def test_frames_are_rotations_with_twist_along_the_bone(either_hand):
    frames = rest_frames(either_hand)
    assert torch.allclose(frames @ frames.mT, torch.eye(3).double().expand(15, 3, 3), atol=1e-12)
    assert torch.allclose(torch.linalg.det(frames), torch.ones(15).double())
    bone = either_hand.rest_joints[1] - either_hand.rest_joints[2]
    sign = 1 if either_hand.side == "right" else -1
    assert torch.allclose(frames[0, :, TWIST], sign * bone / bone.norm(), atol=1e-12)


@given(unit_box)
def test_angles_to_rotations_and_back_is_exact_over_table_2(hand, left_hand, unit):
    angles = in_table(unit)
    for model in (hand, left_hand):
        frames = rest_frames(model)
        back = rotations_to_angles(angles_to_rotations(angles, frames), frames)
        assert (back - angles).abs().max() < 1e-6


@settings(max_examples=50)
@given(unit_box)
def test_single_precision_round_trip_is_within_a_microradian(hand, unit):
    angles, frames = in_table(unit).float(), rest_frames(hand).float()
    back = rotations_to_angles(angles_to_rotations(angles, frames), frames)
    assert (back - angles).abs().max() < 2e-6


@given(arrays(np.float64, (15, 3), elements=st.floats(-1.5, 1.5)))
def test_round_trip_holds_with_twist_and_far_outside_the_table(hand, values):
    angles, frames = torch.from_numpy(values), rest_frames(hand)
    back = rotations_to_angles(angles_to_rotations(angles, frames), frames)
    assert (back - angles).abs().max() < 1e-6


@given(unit_box)
def test_rotations_are_proper(hand, unit):
    rotations = angles_to_rotations(in_table(unit), rest_frames(hand))
    assert torch.allclose(rotations @ rotations.mT, torch.eye(3).double().expand(15, 3, 3), atol=1e-12)
    assert torch.allclose(torch.linalg.det(rotations), torch.ones(15).double())


@given(arrays(np.float64, (15, 3), elements=st.floats(-1.5, 1.5)))
def test_rotation_convention_is_romas_bend_splay_twist(hand, values):
    roma = pytest.importorskip("roma")
    angles, frames = torch.from_numpy(values), rest_frames(hand)
    local = roma.euler_to_rotmat("ZYX", angles.flip(-1))  # capital letters: about the moving axes
    assert torch.allclose(frames @ local @ frames.mT, angles_to_rotations(angles, frames), atol=1e-12)


@given(st.floats(-25, 110), st.floats(-30, 30))
def test_splay_is_measured_independently_of_bend(hand, bend, splay):
    frames = rest_frames(hand)
    angles = single_angle("index_root", BEND, bend) + single_angle("index_root", SPLAY, splay)
    back = rotations_to_angles(angles_to_rotations(angles, frames), frames)
    assert abs(math.degrees(back[0, 0, SPLAY]) - splay) < 1e-6


@pytest.mark.parametrize("joint", FINGER_JOINT_NAMES)
def test_bend_closes_the_finger_on_both_hands(joint, either_hand):
    finger = joint.split("_")[0]
    centre = palm_centre(either_hand)
    flat = (posed_tip(either_hand, single_angle(joint, BEND, 0), finger) - centre).norm()
    bent = (posed_tip(either_hand, single_angle(joint, BEND, 30), finger) - centre).norm()
    straightened = (posed_tip(either_hand, single_angle(joint, BEND, -8), finger) - centre).norm()
    assert bent < flat - 1e-3 and straightened > flat - 2e-3


@pytest.mark.parametrize("finger", FOUR_FINGERS)
def test_positive_splay_moves_towards_the_thumb_on_both_hands(finger, either_hand):
    flat = posed_tip(either_hand, single_angle(f"{finger}_root", SPLAY, 0), finger)
    moved = posed_tip(either_hand, single_angle(f"{finger}_root", SPLAY, 10), finger)
    assert (moved - flat)[2] > 5e-3  # the thumb side is +z on both hands
    assert abs((moved - flat)[1]) < 3e-3  # and splay stays in the plane of the palm


def test_thumb_splay_moves_out_of_the_palm_plane(either_hand):
    low, high = (
        posed_tip(either_hand, single_angle("thumb_root", SPLAY, degrees), "thumb")[1]
        for degrees in (-20, 20)
    )
    assert low - high > 0.01  # negative lifts it to the back, positive takes it to the palm


@given(unit_box)
def test_equal_angles_give_mirrored_hands(hand, left_hand, unit):
    angles = in_table(unit)[None]
    right = joint_rotations(angles, rest_frames(hand))
    left = joint_rotations(angles, rest_frames(left_hand))
    assert torch.allclose(mirrored_rotations(right), left, atol=1e-12)


@given(unit_box)
def test_excess_is_zero_inside_the_table(unit):
    assert angle_excess(in_table(unit)).abs().max() < 1e-12


@given(arrays(np.float64, (15, 3), elements=st.floats(-3, 3)))
def test_excess_is_the_way_back_into_the_table(values):
    angles = torch.from_numpy(values)
    lowest, highest = angle_limits(torch.float64).unbind(-1)
    inside = angles - angle_excess(angles)
    assert torch.allclose(inside, torch.minimum(torch.maximum(angles, lowest), highest), atol=1e-12)


def test_gradients_of_angles_are_exact_and_finite_at_zero(hand):
    frames = rest_frames(hand)
    angles = torch.zeros(15, 3, dtype=torch.float64, requires_grad=True)
    rotations = angles_to_rotations(angles, frames)
    rotations_to_angles(rotations, frames).sum().backward()
    assert torch.allclose(angles.grad, torch.ones(15, 3).double(), atol=1e-9)
    start = in_table(np.full((15, 3), 0.3)).requires_grad_()
    assert torch.autograd.gradcheck(lambda a: angles_to_rotations(a, frames), start)
    assert torch.autograd.gradcheck(rotations_to_angles, (rotations.detach().requires_grad_(), frames))


def test_degrees_are_placed_on_the_named_finger():
    angles = torch.rad2deg(angles_from_degrees({"pinky": [5, 10, 20, 30]}))
    start = 3 * FINGERS.index("pinky")
    assert torch.allclose(angles[start : start + 3, BEND], torch.tensor([10.0, 20, 30]))
    assert torch.allclose(angles[start, SPLAY], torch.tensor(5.0))
    assert angles.count_nonzero() == 4


@pytest.mark.parametrize(
    "pose, message", [({"toe": [0, 0, 0, 0]}, "finger must be one of"), ({"index": [1, 2, 3]}, "index needs")]
)
def test_unknown_finger_or_wrong_count_is_named(pose, message):
    with pytest.raises(ValueError, match=message):
        angles_from_degrees(pose)
