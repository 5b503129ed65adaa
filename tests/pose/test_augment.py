"""Eq. 1: offsets inside the caps, poses inside Table 2."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.hand.anatomy import (
    BEND,
    SPLAY,
    TWIST,
    angle_excess,
    angle_limits,
    angles_to_rotations,
    rotations_to_angles,
)
from renderih_lib.hand.pair import PairPose
from renderih_lib.hand.skeleton import ROOT_JOINTS
from renderih_lib.pose.augment import augment, augment_pairs, offset_caps, uniforms

IDENTITY_FRAMES = torch.eye(3).expand(15, 3, 3)


def angles_inside(seed: int, count: int) -> torch.Tensor:
    lowest, highest = angle_limits().unbind(-1)
    return lowest + torch.rand(count, 15, 3, generator=torch.Generator().manual_seed(seed)) * (
        highest - lowest
    )


@given(seed=st.integers(0, 2**32 - 1), level=st.floats(0, 1), wild=st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_composed_pose_lies_inside_table_2(seed, level, wild):
    raw = (
        4 * torch.randn(5, 15, 3, generator=torch.Generator().manual_seed(seed))
        if wild
        else angles_inside(seed, 5)
    )
    augmented = augment(raw, 3, seed, level)
    assert angle_excess(augmented).abs().max() == 0
    measured = rotations_to_angles(
        angles_to_rotations(augmented.double(), IDENTITY_FRAMES.double()), IDENTITY_FRAMES.double()
    )
    assert angle_excess(measured).abs().max() < 1e-6


@given(seed=st.integers(0, 2**32 - 1), level=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_offsets_stay_within_the_caps_of_their_level(seed, level):
    raw = angles_inside(seed, 4)
    offset = (augment(raw, 2, seed, level) - raw.repeat_interleave(2, 0)).abs()
    assert (offset <= level * offset_caps() + 1e-5).all()


def test_only_roots_splay_and_nothing_twists():
    caps = offset_caps()
    others = [j for j in range(15) if j not in ROOT_JOINTS]
    assert (caps[:, TWIST] == 0).all() and (caps[others][:, SPLAY] == 0).all()
    torch.testing.assert_close(caps[list(ROOT_JOINTS), SPLAY], torch.full((5,), math.radians(30)))
    torch.testing.assert_close(caps[:, BEND], torch.full((15,), math.radians(90)))


def test_equals_the_literal_product_of_equation_1_where_the_raw_splay_is_zero():
    raw = angles_inside(1, 200) * torch.tensor([1.0, 0.0, 1.0])
    augmented = augment(raw, 1, 1)
    offset = augmented - raw
    bend, splay = torch.zeros_like(offset), torch.zeros_like(offset)
    bend[..., BEND], splay[..., SPLAY] = offset[..., BEND], offset[..., SPLAY]
    rotation = [angles_to_rotations(a, IDENTITY_FRAMES) for a in (raw, bend, splay, augmented)]
    torch.testing.assert_close(rotation[0] @ rotation[1] @ rotation[2], rotation[3], atol=1e-5, rtol=0)


def test_offsets_fill_the_whole_truncated_interval_evenly():
    raw = torch.zeros(1, 15, 3)
    bend = torch.rad2deg(augment(raw, 20_000, 3)[:, 0, BEND])  # index root: [-25, 70] cut from [-90, 90]
    assert bend.min() < -24.9 and bend.max() > 69.9
    counts = torch.histc(bend, bins=19, min=-25, max=70)
    assert (counts / counts.mean() - 1).abs().max() < 0.15


def test_copies_depend_on_their_own_number_only():
    raw = angles_inside(2, 6)
    many = augment(raw, 5, 7).unflatten(0, (6, 5))
    torch.testing.assert_close(augment(raw[:2], 3, 7).unflatten(0, (2, 3)), many[:2, :3], atol=0, rtol=0)
    assert (augment(raw, 5, 8).unflatten(0, (6, 5)) - many).abs().max() > 0.1


def test_level_zero_changes_nothing_and_levels_may_differ_per_pose():
    raw = angles_inside(3, 2)
    mixed = augment(raw, 2, 0, torch.tensor([0.0, 1.0]))
    torch.testing.assert_close(mixed[:2], raw[:1].expand(2, 15, 3), atol=1e-6, rtol=0)
    assert (mixed[2:] - raw[1:]).abs().max() > 0.1


def test_pairs_keep_their_wrists_and_augment_both_hands_differently():
    angles = angles_inside(4, 1).expand(6, 15, 3).reshape(3, 2, 15, 3)
    place = torch.arange(18.0).view(3, 2, 3)
    pose = PairPose(angles, torch.eye(3).expand(3, 2, 3, 3), place, torch.zeros(3, 2, 10))
    made = augment_pairs(pose, 4, 0)
    assert len(made) == 12 and made.angles.shape == (12, 2, 15, 3)
    torch.testing.assert_close(made.translation, place.repeat_interleave(4, 0))
    assert len({tuple(hand.flatten().tolist()) for hand in made.angles.flatten(0, 1)}) == 24


def test_a_longer_key_draws_other_numbers_also_when_it_ends_in_zero():
    draws = uniforms(3, [(4,), (4, 0), (4, 0, 0), ()], 2)
    assert draws.unique().numel() == 8


def test_uniforms_are_the_same_in_any_order():
    there = uniforms(5, [(i,) for i in range(8)], 3)
    back = uniforms(5, [(i,) for i in reversed(range(8))], 3)
    torch.testing.assert_close(there, back.flip(0), atol=0, rtol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.zeros(2, 16, 3), 1, 0), "angles must have shape"),
        ((torch.zeros(2, 15, 3), 0, 0), "count must be at least 1"),
        ((torch.zeros(2, 15, 3), 1, 0, 1.5), "level must lie in"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        augment(*arguments)
