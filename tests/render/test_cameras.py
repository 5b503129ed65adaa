import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.render.cameras import (
    DOME_CAMERAS,
    RIGS,
    TRACK_TILTS,
    UP,
    Camera,
    blender_intrinsics,
    blender_pose,
    framing,
    inside,
    intrinsics_from_blender,
    look_at,
    project,
    recorded_cameras,
    recorded_rig,
    rig_named,
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


@given(seeds)
def test_many_cameras_look_as_each_alone(seed):
    rng = np.random.default_rng(seed)
    eyes, targets, rolls = (
        rng.normal(size=(3, 2, 3)),
        0.1 * rng.normal(size=(3, 2, 3)),
        rng.normal(size=(3, 2)),
    )
    R, t = look_at(eyes, targets, rolls)
    points = rng.normal(size=(3, 2, 9, 3)) * 0.1 + [0, 0, 0.7]
    K = framing(points, 60, 40, rng.uniform(0.5, 0.9, (3, 2)), True)
    for index in np.ndindex(3, 2):
        alone = look_at(eyes[index], targets[index], rolls[index])
        np.testing.assert_allclose(R[index], alone[0], atol=1e-12)
        np.testing.assert_allclose(t[index], alone[1], atol=1e-12)
        fill = np.ptp(project(points[index], K[index]), axis=0) / [60, 40]
        np.testing.assert_allclose(K[index], framing(points[index], 60, 40, fill.max(), True), atol=1e-9)


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


def test_inside_is_about_the_picture_and_the_front():
    R, t = look_at(np.array([0, 0, 1.0]), np.zeros(3))
    camera = Camera(np.array([[50, 0, 20], [0, 50, 15], [0, 0, 1.0]]), R, t, 40, 30)
    points = np.array([[0, 0, 0], [0.39, 0, 0], [0.41, 0, 0], [0, 0, 2.0]])
    assert inside(points, camera).tolist() == [True, True, False, False]


def test_the_tracks_have_as_many_views_as_asked_for():
    for views in (10, 60):
        rig = rig_named("tracks", views)
        assert len(rig.eyes) == 4 * views
        assert np.bincount(rig.track).tolist() == [views] * 4
        np.testing.assert_array_equal(rig.eyes.reshape(4, views, 3), track_directions(views))
        assert sorted(set(zip(rig.track, rig.view, strict=True))) == list(
            zip(rig.track, rig.view, strict=True)
        )


def test_a_dome_surrounds_the_hands_evenly():
    eyes = rig_named("dome", 10).eyes
    radius = np.linalg.norm(eyes, axis=1)
    directions = eyes / radius[:, None]
    assert len(eyes) == DOME_CAMERAS >= 80
    assert radius.min() > 0.999 and radius.max() <= 1.5 and np.ptp(radius) > 0.4
    nearest = np.sort(np.rad2deg(np.arccos(np.clip(directions @ directions.T, -1, 1))), axis=1)[:, 1]
    assert nearest.min() > 8 and nearest.max() < 22  # degrees to the next camera
    assert (directions[:, 1] < 0).any() and directions[:, 1].min() > -0.4


def test_first_person_eyes_are_behind_and_above_the_hands():
    eyes = rig_named("first person", 10).eyes
    assert (eyes[:, 1] > 0.3).all() and (eyes[:, 2] > 0.3).all()  # above, and where the person is
    assert len(rig_named("fixed", 10).eyes) == 1 and rig_named("fixed", 10).eyes[0, 2] < 0


def test_rigs_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match="rig must be one of"):
        rig_named("crane", 10)
    for name in RIGS:
        with pytest.raises(ValueError, match="views_per_track"):
            rig_named(name, 0)


def recorded_file(path, cameras, turn, shift):
    """InterHand2.6M's camera file with two captures: cameras around `shift` millimetres in a turned world."""
    rng, content = np.random.default_rng(0), {}
    for capture in ("0", "1"):
        entry = {"campos": {}, "camrot": {}, "focal": {}, "princpt": {}}
        for k in range(cameras):
            away = rng.normal(size=3)
            eye = away / np.linalg.norm(away) * rng.uniform(0.9, 1.4)
            R, _ = look_at(eye, np.zeros(3))
            name = f"4{capture}{k:04d}"
            entry["campos"][name] = (turn @ eye * 1000 + shift).tolist()
            entry["camrot"][name] = (R @ turn.T).tolist()
            entry["focal"][name], entry["princpt"][name] = [1200.0 + k, 1201.0 + k], [256.0, 167.0]
        content[capture] = entry
    path.write_text(json.dumps(content))


def test_recorded_cameras_follow_the_convention_of_the_dataset(tmp_path):
    path, shift = tmp_path / "camera.json", np.array([30.0, -80.0, 900.0])
    turn = look_at(np.array([1.0, 2.0, 0.5]), np.zeros(3), 0.3)[0]
    recorded_file(path, 20, turn, shift)
    cameras = recorded_cameras(path)
    entry = json.loads(path.read_text())["1"]
    assert {name: len(group) for name, group in cameras.items()} == {"0": 20, "1": 20}
    name, point = "410007", np.array([40.0, -60.0, 950.0])  # millimetres
    camera = cameras["1"][name]
    theirs = np.array(entry["camrot"][name]) @ (point - entry["campos"][name])  # x_cam = R (x - campos)
    np.testing.assert_allclose(to_camera(point / 1000, camera.R, camera.t), theirs / 1000, atol=1e-9)
    np.testing.assert_allclose(camera.K[[0, 1], [0, 1]], entry["focal"][name])
    assert (camera.width, camera.height) == (512, 334)


def test_recorded_cameras_stand_around_the_centre_with_up_above(tmp_path):
    path, turn = tmp_path / "camera.json", look_at(np.array([1.0, 2.0, 0.5]), np.zeros(3), 0.3)[0]
    recorded_file(path, 40, turn, np.array([30.0, -80.0, 900.0]))
    rig = recorded_rig(recorded_cameras(path))
    assert np.bincount(rig.track).tolist() == [40, 40]
    for eye, R in zip(rig.eyes, rig.R, strict=True):
        np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
        assert np.linalg.det(R) > 0
        np.testing.assert_allclose(R[2], -eye / np.linalg.norm(eye), atol=1e-6)  # they look at the centre
        assert 0.9 <= np.linalg.norm(eye) <= 1.4
    assert (-rig.R[:, 1] @ UP).mean() > 0.5


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "{",
        lambda text: "{}",
        lambda text: "[1, 2]",
        lambda text: text.replace("camrot", "rotation"),
        lambda text: text.replace("256.0", "NaN"),
        lambda text: text.replace("[256.0, ", "["),
    ],
)
def test_a_wrong_camera_file_is_one_clear_error(tmp_path, damage):
    path = tmp_path / "camera.json"
    recorded_file(path, 3, np.eye(3), np.zeros(3))
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match="camera.json has no cameras of InterHand2.6M"):
        recorded_cameras(path)


def test_a_missing_camera_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="gone.json is missing"):
        recorded_cameras(tmp_path / "gone.json")
