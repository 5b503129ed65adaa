import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.hand.anatomy import angle_limits, joint_rotations, rest_frames
from renderih_lib.nets.coarsening import (
    farthest_points,
    inverse_distance_map,
    mesh_pyramid,
    surface_distances,
)


@pytest.fixture(scope="module")
def pyramid(hands):
    return mesh_pyramid(hands.right)


def test_levels_are_63_126_252_and_nested(pyramid, hands):
    assert [len(level) for level in pyramid.levels] == [63, 126, 252]
    assert set(pyramid.levels[0].tolist()) < set(pyramid.levels[1].tolist()) < set(pyramid.levels[2].tolist())
    assert [tuple(m.shape) for m in pyramid.upsample] == [
        (126, 63),
        (252, 126),
        (hands.right.vertex_count, 252),
    ]


def test_maps_keep_constants_and_copy_coarse_vertices(pyramid):
    for level, matrix in enumerate(pyramid.upsample):
        torch.testing.assert_close(matrix.sum(1), torch.ones(len(matrix)), atol=1e-4, rtol=0)
        kept = pyramid.levels[2] if level == 2 else slice(0, matrix.shape[1])
        torch.testing.assert_close(matrix[kept], torch.eye(matrix.shape[1]), atol=1e-6, rtol=0)


def test_252_vertices_carry_unseen_poses_within_a_millimetre(pyramid, hands):
    rng = np.random.default_rng(99)  # the fit used other poses
    low, high = angle_limits().numpy()[..., 0], angle_limits().numpy()[..., 1]
    angles = torch.from_numpy(rng.uniform(low, high, (16, *low.shape))).float()
    hand = hands.right
    vertices = hand(joint_rotations(angles, rest_frames(hand))).vertices
    error = (pyramid.upsample[2] @ vertices[:, pyramid.levels[2]] - vertices).norm(dim=-1)
    assert error.mean() < 0.5e-3 and error.quantile(0.99) < 3e-3


def test_levels_do_not_depend_on_the_run(pyramid, hands):
    again = mesh_pyramid(copy.deepcopy(hands.right))
    assert again is not pyramid
    assert all(torch.equal(a, b) for a, b in zip(pyramid.upsample, again.upsample, strict=True))


def test_distance_along_an_unfolded_strip_is_not_the_straight_line():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    distance = surface_distances(vertices, np.array([[0, 1, 2], [0, 2, 3]]))
    assert distance[1, 3] == pytest.approx(2) and distance[0, 2] == pytest.approx(2**0.5)


def test_separate_pieces_are_farther_than_anything_connected():
    vertices = np.array([[0, 0, 0], [5, 0, 0], [0, 1, 0], [0.1, 0, 1], [1, 0, 1], [0, 1, 1.0]])
    distance = surface_distances(vertices, np.array([[0, 1, 2], [3, 4, 5]]))
    assert np.isfinite(distance).all() and distance[0, 3] > distance[:3, :3].max()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(2, 12))
def test_each_point_is_no_farther_from_the_earlier_ones_than_the_one_before(seed, count):
    points = np.random.default_rng(seed).uniform(size=(30, 2))
    distance = np.linalg.norm(points[:, None] - points, axis=-1)
    chosen = farthest_points(distance, count)
    gaps = [distance[point, chosen[:i]].min() for i, point in enumerate(chosen) if i]
    assert len(set(chosen)) == count and gaps == sorted(gaps, reverse=True)


def test_interpolation_halfway_is_the_mean():
    weights = inverse_distance_map(np.array([[1.0, 1.0, 9.0], [0.0, 2.0, 9.0]]), neighbours=2)
    np.testing.assert_allclose(weights, [[0.5, 0.5, 0], [1, 0, 0]], atol=1e-8)


@pytest.mark.parametrize("levels", [(126, 63), (63, 63), (63, 5000)])
def test_impossible_levels_are_refused(hands, levels):
    with pytest.raises(ValueError, match="levels must increase"):
        mesh_pyramid(hands.right, levels)
