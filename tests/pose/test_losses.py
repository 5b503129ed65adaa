import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.hand.anatomy import BEND, SPLAY, TWIST, angle_limits
from renderih_lib.pose import losses
from renderih_lib.pose.losses import (
    AnchorPairs,
    anatomy_loss,
    attraction_loss,
    mutual_pairs,
    nearest_pairs,
    penetration_loss,
    refreshed,
    stiffness,
)
from renderih_lib.pose.naturalness import Discriminator, adversarial_loss


def facing_anchors(gap, count=3, spacing=0.05):
    """Two rows of anchors (1, 2, count, 3) that look at each other across `gap` metres, and their normals."""
    row = torch.zeros(count, 3, dtype=torch.float64)
    row[:, 0] = spacing * torch.arange(count)
    anchors = torch.stack([row, row + torch.tensor([0, gap, 0])])[None]
    normals = torch.zeros_like(anchors)
    normals[:, 0, :, 1], normals[:, 1, :, 1] = 1, -1
    return anchors, normals


def test_stiffness_is_one_at_contact_half_at_half_reach_and_zero_beyond():
    values = stiffness(torch.tensor([0.0, 0.01, 0.02, 0.5, math.inf]))
    assert values.tolist() == pytest.approx([1, 0.5, 0, 0, 0], abs=1e-7)


def test_attraction_equals_eq_5_by_hand():
    anchors, normals = facing_anchors(0.01)
    loss = attraction_loss(anchors, mutual_pairs(anchors, normals))
    assert loss.item() == pytest.approx(3 * 0.5 * 0.5 * 0.01**2)


def test_hands_farther_apart_than_the_reach_do_not_attract():
    anchors, normals = facing_anchors(0.021)
    assert attraction_loss(anchors, mutual_pairs(anchors, normals)).item() == 0


def test_anchors_that_look_away_form_no_pair():
    anchors, normals = facing_anchors(0.005)
    pairs = mutual_pairs(anchors, normals * torch.tensor([1.0, -1.0])[:, None, None])
    assert (pairs.stiffness == 0).all()


def test_pairs_are_mutual():
    anchors, normals = facing_anchors(0.005)
    anchors[0, 0, 1, 0] = 0.004  # now two right anchors have the same nearest left one
    pairs = mutual_pairs(anchors, normals)
    assert (pairs.stiffness[0] > 0).tolist() == [True, False, True]


def test_released_pairs_are_up_to_four_springs_per_left_anchor():
    anchors, normals = facing_anchors(0.005, count=6, spacing=0.004)
    pairs = nearest_pairs(anchors, normals)
    assert pairs.stiffness.shape == (1, 24)
    assert torch.bincount(pairs.left[0]).tolist() == [4] * 6


def test_refreshing_keeps_the_ends_and_takes_todays_distance():
    anchors, normals = facing_anchors(0.005)
    pairs = mutual_pairs(anchors, normals)
    anchors[:, 1, :, 1] = 0.01
    again = refreshed(pairs, anchors)
    assert torch.equal(again.left, pairs.left)
    assert again.stiffness[0].tolist() == pytest.approx([0.5] * 3)


def test_anatomy_is_zero_inside_table_2_and_square_outside():
    angles = torch.zeros(1, 2, 15, 3, dtype=torch.float64)
    assert anatomy_loss(angles).item() == 0
    angles[0, 0, 4, TWIST] = 0.2
    angles[0, 1, 1, SPLAY] = -0.1  # the middle joint of the index cannot splay
    assert anatomy_loss(angles).item() == pytest.approx(0.2**2 + 0.1**2)


@pytest.mark.parametrize("axis", [TWIST, SPLAY, BEND])
@pytest.mark.parametrize("end, sign", [(0, -1), (1, 1)])
def test_anatomy_bounds_both_ends_of_every_axis_of_every_joint(axis, end, sign):
    limits = angle_limits(torch.float64)
    for joint in range(15):
        angles = torch.zeros(1, 2, 15, 3, dtype=torch.float64)
        angles[0, 1, joint, axis] = limits[joint, axis, end]
        assert anatomy_loss(angles).item() == 0
        angles[0, 1, joint, axis] += sign * 0.05
        assert anatomy_loss(angles).item() == pytest.approx(0.05**2)


@pytest.mark.parametrize("place", ["zero", "lowest", "highest", "beyond"])
def test_anatomy_and_naturalness_have_exact_gradients_at_degenerate_poses(place):
    lowest, highest = angle_limits(torch.float64).unbind(-1)
    places = {"zero": 0 * lowest, "lowest": lowest, "highest": highest, "beyond": highest + 3.0}
    angles = places[place].expand(1, 2, 15, 3).clone().requires_grad_()
    assert torch.autograd.gradcheck(anatomy_loss, angles)
    model = Discriminator(width=8).double()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5, generator=torch.Generator().manual_seed(1))
    assert torch.autograd.gradcheck(lambda x: adversarial_loss(model, x), angles)


def test_penetration_has_exact_gradients_at_no_depth_too():
    depths = torch.tensor([[[0.0, 0.01], [0.0, 0.0]]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(penetration_loss, depths)


def test_pairs_do_not_depend_on_how_many_poses_are_looked_at_once(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    anchors = 0.03 * torch.randn(5, 2, 7, 3, generator=generator, dtype=torch.float64)
    normals = torch.nn.functional.normalize(torch.randn(anchors.shape, generator=generator).double(), dim=-1)
    together = mutual_pairs(anchors, normals)
    monkeypatch.setattr(losses, "_LARGEST_TABLE", 2 * 7 * 7)
    assert all(torch.equal(a, b) for a, b in zip(mutual_pairs(anchors, normals), together, strict=True))
    assert (together.stiffness > 0).any()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_mutual_pairs_equal_a_loop_over_all_anchors(seed):
    generator = torch.Generator().manual_seed(seed)
    anchors = 0.01 * torch.randn(1, 2, 6, 3, generator=generator, dtype=torch.float64)
    normals = torch.nn.functional.normalize(torch.randn(anchors.shape, generator=generator).double(), dim=-1)
    distance = {
        (i, j): math.dist(anchors[0, 0, i], anchors[0, 1, j])
        for i in range(6)
        for j in range(6)
        if normals[0, 0, i] @ normals[0, 1, j] < 0
    }
    expected = {
        (i, j)
        for (i, j), d in distance.items()
        if d == min(v for k, v in distance.items() if k[0] == i)
        and d == min(v for k, v in distance.items() if k[1] == j)
        and d < 0.02
    }
    pairs = mutual_pairs(anchors, normals)
    active = pairs.stiffness[0] > 0
    assert set(zip(pairs.right[0, active].tolist(), pairs.left[0, active].tolist(), strict=True)) == expected


@pytest.mark.parametrize("seed", range(2))
def test_every_loss_has_exact_gradients(seed):
    generator = torch.Generator().manual_seed(seed)
    angles = (2 * torch.randn(1, 2, 15, 3, generator=generator, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(anatomy_loss, angles)
    anchors = torch.randn(2, 2, 5, 3, generator=generator, dtype=torch.float64).requires_grad_()
    ends = torch.randint(5, (2, 2, 4), generator=generator)
    pairs = AnchorPairs(ends[0], ends[1], torch.rand(2, 4, generator=generator, dtype=torch.float64))
    assert torch.autograd.gradcheck(lambda x: attraction_loss(x, pairs), anchors)


def test_attraction_has_a_finite_gradient_where_anchors_coincide():
    anchors, normals = facing_anchors(0.0)
    pairs = mutual_pairs(anchors, normals)
    anchors.requires_grad_()
    (gradient,) = torch.autograd.grad(attraction_loss(anchors, pairs).sum(), anchors)
    assert (gradient == 0).all() and (pairs.stiffness == 1).all()
    assert torch.autograd.gradcheck(lambda x: attraction_loss(x, pairs), anchors)


def test_penetration_sums_both_hands_of_each_pose():
    assert penetration_loss(torch.tensor([[[1.0, 2.0], [3.0, 0.0]], [[0, 0], [0, 0]]])).tolist() == [6, 0]
