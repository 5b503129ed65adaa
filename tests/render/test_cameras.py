import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.render.cameras import (
    TRACK_TILTS,
    UP,
    Camera,
    blender_intrinsics,
    blender_pose,
    framing,
    hidden_by_forearm,
    inside,
    intrinsics_from_blender,
    look_at,
    project,
    segment_distances,
    to_camera,
    track_directions,
)

seeds = st.integers(0, 2**32 - 1)


def test_tracks_are_four_full_circles_that_meet_in_front():
    directions = track_directions(12)
    assert directions.shape == (4, 12, 3)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1)
    np.testing.assert_allclose(directions[:, 0], np.tile([0, 0, 1], (4, 1)), atol=1e-12)
    for track, tilt in zip(directions, TRACK_TILTS, strict=True):
        normal = [-np.sin(np.deg2rad(tilt)), np.cos(np.deg2rad(tilt)), 0]
        np.testing.assert_allclose(track @ normal, 0, atol=1e-12)  # a plane through the centre
        steps = (track * np.roll(track, 1, axis=0)).sum(-1)
        np.testing.assert_allclose(steps, np.cos(2 * np.pi / 12))  # evenly spaced


@given(seeds)
def test_look_at_sees_the_target_in_the_middle_and_up_above(seed):
    rng = np.random.default_rng(seed)
    eye, target = rng.normal(size=3), 0.1 * rng.normal(size=3)
    R, t = look_at(eye, target)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(R) > 0
    np.testing.assert_allclose(to_camera(target, R, t), [0, 0, np.linalg.norm(target - eye)], atol=1e-9)
    np.testing.assert_allclose(to_camera(eye, R, t), 0, atol=1e-9)
    assert (R @ UP)[1] < 0.05  # image y points down; near the poles nothing is upright


def test_look_at_from_the_poles_and_roll():
    for eye in ([0, 2.0, 0], [0, -2.0, 0]):
        R, t = look_at(np.array(eye), np.zeros(3))
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(t, [0, 0, 2], atol=1e-12)
    upright, _ = look_at(np.array([0, 0, 1.0]), np.zeros(3))
    rolled, _ = look_at(np.array([0, 0, 1.0]), np.zeros(3), roll=np.pi / 2)
    np.testing.assert_allclose(rolled @ UP, [1, 0, 0], atol=1e-12)  # up has turned to the right
    np.testing.assert_allclose(upright @ UP, [0, -1, 0], atol=1e-12)


@given(seeds)
def test_intrinsics_survive_the_way_to_blender_and_back(seed):
    rng = np.random.default_rng(seed)
    width, height = rng.integers(8, 2000, 2)
    fx, fy = rng.uniform(50, 5000, 2)
    K = np.array([[fx, 0, rng.uniform(-1, 2) * width], [0, fy, rng.uniform(-1, 2) * height], [0, 0, 1]])
    settings = blender_intrinsics(K, width, height)
    assert min(settings["pixel_aspect_x"], settings["pixel_aspect_y"]) == 1
    np.testing.assert_allclose(intrinsics_from_blender(settings, width, height), K, rtol=1e-9)


def test_skew_is_refused():
    with pytest.raises(ValueError, match="skew"):
        blender_intrinsics(np.array([[100, 1, 50], [0, 100, 50], [0, 0, 1.0]]), 100, 100)


@settings(max_examples=5, deadline=None)
@given(seeds, st.sampled_from([(51, 33), (33, 51), (40, 40)]))
def test_blender_projects_as_we_do(cycles, seed, size):
    rng = np.random.default_rng(seed)
    width, height = size
    R, t = look_at(rng.normal(size=3) + [0, 0, 2], 0.1 * rng.normal(size=3), rng.uniform(-3, 3))
    K = np.array([[rng.uniform(30, 90), 0, rng.uniform(0, width)], [0, rng.uniform(30, 90), rng.uniform(0, height)], [0, 0, 1]])  # fmt: skip
    points = 0.3 * rng.normal(size=(20, 3))
    ours = project(to_camera(points, R, t), K)
    np.testing.assert_allclose(cycles.projected(Camera(K, R, t, width, height), points), ours, atol=0.01)


def test_blender_pose_is_a_rigid_motion_to_z_up():
    R, t = look_at(np.array([0, 1.0, 2.0]), np.zeros(3))
    matrix = blender_pose(R, t)
    np.testing.assert_allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(matrix[:3, 3], [0, -2, 1], atol=1e-12)  # one metre up is z = 1


@given(seeds, st.floats(0.3, 0.95), st.booleans())
def test_framing_fills_the_wanted_share(seed, fill, centred):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(30, 3)) * 0.1 + [0.02, 0.03, 0.7]
    pixels = project(points, framing(points, 60, 40, fill, centred))
    spans = np.ptp(pixels, axis=0) if centred else 2 * np.abs(pixels - [30, 20]).max(0)
    np.testing.assert_allclose((spans / [60, 40]).max(), fill, rtol=1e-9)
    if centred:
        np.testing.assert_allclose((pixels.min(0) + pixels.max(0)) / 2, [30, 20], atol=1e-9)


@given(seeds)
def test_segment_distance_equals_a_dense_search(seed):
    rng = np.random.default_rng(seed)
    a0, a1, b0, b1 = rng.normal(size=(4, 3))
    share = np.linspace(0, 1, 200)[:, None]
    a, b = a0 + share * (a1 - a0), b0 + share * (b1 - b0)
    dense = np.linalg.norm(a[:, None] - b[None], axis=-1).min()
    exact = segment_distances(a0[None], a1[None], b0, b1)[0]
    assert dense - 0.05 <= exact <= dense + 1e-9


def test_a_forearm_hides_what_lies_behind_it_only():
    eye, points = np.array([0, 0, 1.0]), np.array([[0, 0, -0.2], [0.3, 0, 0], [0, 0, 0.6]])
    start, end = np.array([0, -0.3, 0.3]), np.array([0, 0.3, 0.3])
    assert hidden_by_forearm(eye, points, start, end).tolist() == [True, False, False]


def test_inside_is_about_the_picture_and_the_front():
    R, t = look_at(np.array([0, 0, 1.0]), np.zeros(3))
    camera = Camera(np.array([[50, 0, 20], [0, 50, 15], [0, 0, 1.0]]), R, t, 40, 30)
    points = np.array([[0, 0, 0], [0.39, 0, 0], [0.41, 0, 0], [0, 0, 2.0]])
    assert inside(points, camera).tolist() == [True, True, False, False]
