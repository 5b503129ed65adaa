import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.hand.anatomy import angle_limits, joint_rotations, rest_frames
from renderih_lib.hand.pair import HandPair
from renderih_lib.pose.distance import ExactSkin
from renderih_lib.pose.fields import ArticulatedField, closest_on_triangles, pair_fields


@pytest.fixture(scope="module")
def field(hands):
    return ArticulatedField(hands.right).double()


def random_hands(hand, count, seed=0):
    """Vertices (count, V, 3) float64 of poses drawn evenly from Table 2, with random shapes."""
    generator = torch.Generator().manual_seed(seed)
    low, high = angle_limits().unbind(-1)
    angles = low + (high - low) * torch.rand(count, 15, 3, generator=generator)
    shape = torch.randn(count, hand.shape_count, generator=generator)
    return hand(joint_rotations(angles, rest_frames(hand)), shape).vertices.double()


def test_depth_agrees_with_exact_distance_inside_posed_hands(hands, field):
    """Points behind the wrist's rim are left out: there, inside and outside are a matter of definition."""
    skin, rng, errors, false = ExactSkin(hands.right.faces.numpy()), np.random.default_rng(0), [], []
    for vertices in random_hands(hands.right, 12):
        low, high = vertices.numpy().min(0), vertices.numpy().max(0)
        points = low + (high - low) * rng.random((1500, 3))
        exact = -skin.signed_distance(points, vertices.numpy()).clip(max=0)
        depth = field.depth(torch.from_numpy(points)[None], vertices[None])[0].numpy()
        errors.append(np.abs(depth - exact)[exact > 0])
        false.append((depth > 1e-4)[exact == 0])
    errors = 1000 * np.concatenate(errors)
    assert errors.mean() < 0.5 and np.percentile(errors, 95) < 2.0
    assert np.concatenate(false).mean() < 0.01


def test_mirrored_hands_share_their_grids_and_other_hands_have_their_own(hands):
    mirrored = pair_fields(hands)
    apart = [ArticulatedField(hand) for hand in hands.hands]
    for one, other in zip(mirrored, apart, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.buffers(), other.buffers(), strict=True))
    left = hands.right.mirrored()
    left.template = 1.1 * left.template
    own, expected = pair_fields(HandPair(hands.right, left))[1], ArticulatedField(left)
    assert torch.equal(own.distance, expected.distance) and not torch.equal(own.distance, apart[1].distance)


def test_points_far_away_have_exactly_no_depth(hands, field):
    vertices = random_hands(hands.right, 2)
    assert (field.depth(vertices + 1.0, vertices) == 0).all()


def test_depth_does_not_depend_on_where_the_hand_is(hands, field):
    vertices = random_hands(hands.right, 2)
    points = (
        vertices.mean(1, keepdim=True)
        + 0.02 * torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(1)).double()
    )
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)).double()).Q
    turn = turn * torch.linalg.det(turn)
    moved = field.depth(points @ turn.T + 0.3, vertices @ turn.T + 0.3)
    assert torch.allclose(moved, field.depth(points, vertices), atol=1e-9)


def test_depth_has_exact_gradients_in_points_and_vertices(hands, field):
    vertices = random_hands(hands.right, 1)
    wrist, knuckle = vertices[:, :1], vertices[:, 300:301]
    points = torch.lerp(wrist, knuckle, torch.linspace(0.3, 0.7, 5).double()[None, :, None]).contiguous()
    depth = field.depth(points, vertices)
    points = points[:, depth[0] > 1e-3]
    assert points.shape[1] >= 2
    points.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: field.depth(p, vertices), points, eps=1e-7, atol=1e-5)
    vertices.requires_grad_()
    direction = torch.randn(vertices.shape, generator=torch.Generator().manual_seed(0)).double()
    (gradient,) = torch.autograd.grad(field.depth(points, vertices).sum(), vertices)
    ahead, behind = (field.depth(points, vertices + s * 1e-7 * direction).sum() for s in (1, -1))
    assert (gradient * direction).sum().item() == pytest.approx((ahead - behind).item() / 2e-7, rel=1e-3)


def test_points_on_the_skin_and_deep_inside_have_a_bounded_gradient(hands, field):
    """The slope of a distance is at most 1; on the skin the depth is zero up to rounding."""
    vertices = random_hands(hands.right, 2)
    centre = vertices[:, :1].lerp(vertices.mean(1, keepdim=True), torch.linspace(0, 1, 30).double()[:, None])
    points = torch.cat([vertices[:, ::5], centre], 1).requires_grad_()
    depth = field.depth(points, vertices)
    (gradient,) = torch.autograd.grad(depth.sum(), points)
    assert gradient.isfinite().all() and (gradient.norm(dim=-1) <= 1 + 1e-9).all()
    on_skin, inside = depth[:, : -centre.shape[1]], depth[:, -centre.shape[1] :]
    # Only where the skin runs through itself at a bent joint may one of its own vertices lie inside.
    assert (on_skin < 1e-9).double().mean() > 0.8 and inside.max() > 0.004


def test_a_left_hand_is_the_exact_mirror_image_of_a_right_one(hands, field):
    flip = torch.tensor([-1.0, 1, 1], dtype=torch.float64)
    vertices = random_hands(hands.right, 3)
    points = vertices.roll(1, 0)
    mirrored = ArticulatedField(hands.left).double().depth(points * flip, vertices * flip)
    assert torch.equal(mirrored, field.depth(points, vertices)) and mirrored.max() > 0


def test_a_pose_is_not_changed_by_its_batch_mates(hands, field):
    vertices = random_hands(hands.right, 4)
    points = vertices.roll(1, 0)
    together = field.depth(points, vertices)
    alone = torch.cat([field.depth(points[i : i + 1], vertices[i : i + 1]) for i in range(4)])
    assert torch.allclose(together, alone, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_closest_place_on_a_triangle_beats_a_dense_sampling(seed):
    generator = torch.Generator().manual_seed(seed)
    triangle = torch.randn(1, 3, 3, generator=generator).double()
    point = 2 * torch.randn(1, 3, generator=generator).double()
    weights, squared = closest_on_triangles(point, triangle)
    assert (weights >= -1e-12).all() and weights.sum().item() == pytest.approx(1)
    steps = torch.linspace(0, 1, 60).double()
    s, t = torch.meshgrid(steps, steps, indexing="ij")
    inside = s + t <= 1
    samples = torch.stack([1 - s - t, s, t], -1)[inside] @ triangle[0]
    best = (samples - point).square().sum(-1).min()
    assert squared.item() <= best.item() + 1e-12
    assert ((weights @ triangle[0]) - point).square().sum().item() == pytest.approx(squared.item())
