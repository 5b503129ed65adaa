"""Flexion: zero on the flat hand, grows with every bend, the same on both hands, and without a jump on the skin."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.hand.anatomy import BEND, SPLAY, TWIST, angle_limits
from renderih_lib.render.bodies.mesh import load_arm
from renderih_lib.render.skin.flexion import flexion, joint_shares

HIGHEST = angle_limits(torch.float64)[:, BEND, 1].numpy()


def bent(*shares):
    """Angles (2, 15, 3) with each hand's joints bent by a share of their range."""
    angles = np.zeros((2, 15, 3))
    for hand, share in enumerate(shares):
        angles[hand, :, BEND] = np.asarray(share) * HIGHEST
    return angles


def halves(values):
    return values[: len(values) // 2], values[len(values) // 2 :]


def test_the_flat_hand_has_none(smooth_arms):
    values = flexion(smooth_arms, np.zeros((2, 15, 3)))
    assert values.dtype == np.float32
    assert len(values) == smooth_arms.mesh.vertex_count
    assert not values.any()


def test_only_positive_bend_counts(smooth_arms):
    angles = bent(np.full(15, -0.5), np.zeros(15))
    angles[1, :, SPLAY], angles[1, :, TWIST] = 0.3, 0.2
    assert not flexion(smooth_arms, angles).any()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 14), st.floats(0.1, 1), st.floats(0.1, 1), st.integers(0, 2**32))
def test_it_grows_with_every_bend_and_stays_within_one(smooth_arms, joint, share, more, seed):
    start = np.random.default_rng(seed).uniform(-0.2, 1, 15)
    further = start.copy()
    start[joint], further[joint] = min(share, more), max(share, more)
    less, most = (flexion(smooth_arms, bent(s, s)) for s in (start, further))
    assert (most >= less - 1e-6).all()
    assert less.min() >= 0 and most.max() <= 1
    assert most.sum() > less.sum() or share == more


def test_mirrored_poses_give_mirrored_values(smooth_arms):
    pose, other = np.random.default_rng(0).uniform(0, 1, (2, 15))
    right, left = halves(flexion(smooth_arms, bent(pose, other)))
    swapped = halves(flexion(smooth_arms, bent(other, pose)))
    np.testing.assert_array_equal(right, swapped[1])
    np.testing.assert_array_equal(left, swapped[0])


def test_each_joint_bends_the_skin_round_it(smooth_arms):
    model = load_arm().model
    points, joints = model.template.numpy(), model.rest_joints.numpy()
    for joint in range(15):
        values = flexion(smooth_arms, bent(np.eye(15)[joint], np.zeros(15)))[: len(points)]
        away = np.linalg.norm(points - joints[joint + 1], axis=1)
        near = away < away.min() + 4e-3
        assert values[near].max() > 0.3 and values[near].max() > 0.7 * values.max()
        assert values[away > 0.05].max() < 0.05


def test_no_edge_of_the_skin_sees_a_jump(smooth_arms):
    """Values hang on vertices, which both sides of a UV cut share; here: neighbours differ little for their distance."""
    values = flexion(smooth_arms, bent(np.ones(15), np.ones(15)))
    quads = smooth_arms.mesh.quads
    places = smooth_arms.surface(np.stack([load_arm().model.template.numpy().astype(float)] * 2))
    edges = quads[:, [0, 1, 1, 2, 2, 3, 3, 0]].reshape(-1, 2)
    length = np.linalg.norm(places[edges[:, 0]] - places[edges[:, 1]], axis=1)
    step = np.abs(values[edges[:, 0]] - values[edges[:, 1]])
    assert (step < 0.02 + 400 * length).all()  # per metre: from 0 to 1 takes 2.5 mm or more
    assert step.max() < 0.5


def test_shares_of_joints_never_exceed_one():
    shares = joint_shares(load_arm().model)
    assert shares.min() >= 0 and shares.sum(1).max() <= 1 + 1e-9


def test_other_shapes_are_refused(smooth_arms):
    with pytest.raises(ValueError, match=r"angles must be \(2, 15, 3\)"):
        flexion(smooth_arms, np.zeros((15, 3)))
