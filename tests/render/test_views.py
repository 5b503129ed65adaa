from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.pose.library import load_pose_library
from renderih_lib.render.bodies.mesh import FOREARM, ArmPair, load_arm
from renderih_lib.render.cameras import Camera, Rig, framing, inside, look_at, project, rig_named, to_camera
from renderih_lib.render.recipes import recipe_for
from renderih_lib.render.views import (
    HIDDEN_LIMIT,
    THICKNESS,
    Wishes,
    centred_scenes,
    choose_views,
    outline,
    person_frames,
    placed_pairs,
    shoot,
    view_order,
)
from renderih_lib.scales import scale_by_name
from tests.conftest import random_pose

seeds = st.integers(0, 2**32 - 1)
CROP = recipe_for("renderih-train", scale_by_name("paper"))


@pytest.fixture(scope="module")
def natural():
    return load_pose_library().natural_pairs(7, 40)


@pytest.fixture(scope="module")
def cages(natural):
    return ArmPair(0).cage_vertices(natural)


def wishes(count, radius=0.7, fill=0.8, roll=0.1):
    zero = np.zeros((count, 3))
    return Wishes(*(np.full(count, x) for x in (radius, fill, roll)), zero, zero)


def hand_vertices():
    arm = load_arm()
    return np.unique(arm.mesh.triangles[arm.parts != FOREARM])


def test_the_outline_spans_the_hand(natural, cages):
    """The bound that `outline` states: the farthest vertex in any direction is one of it, or 5 mm farther at most."""
    directions = np.random.default_rng(5).normal(size=(60, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    scenes, middle = centred_scenes(natural)
    few = (directions @ (scenes.hands + middle[..., None])).max(-1)
    all_ = (cages[:, :, hand_vertices()].reshape(len(cages), -1, 3) @ directions.T).max(1)
    beyond = all_ - few
    assert beyond.min() > -1e-5
    assert beyond.max() < 0.005 and np.mean(beyond > 0.0003) < 0.01
    assert len(outline().hand) < 0.3 * len(hand_vertices())


def test_scenes_are_those_of_the_full_arm(natural, cages):
    arms = ArmPair(0)
    scenes, middle = centred_scenes(natural)
    mesh = arms.hands(natural)
    keypoints = mesh.keypoints.numpy().reshape(len(natural), -1, 3) - middle[:, None]
    np.testing.assert_allclose(scenes.keypoints.swapaxes(1, 2), keypoints, atol=1e-5)
    cuts = cages[:, :, arms.arm.cut].reshape(len(natural), -1, 3) - middle[:, None]
    straight = mesh.vertices[:, :, arms.arm.cut].flatten(1, 2).numpy() - middle[:, None]
    assert np.abs(straight - cuts).max() > 0.05  # some forearms are bent aside
    np.testing.assert_allclose(scenes.cuts.swapaxes(1, 2), cuts, atol=0.005)


@settings(max_examples=3, deadline=None)
@given(seeds)
def test_pairs_move_as_one_to_the_centre(seed):
    poses = random_pose(np.random.default_rng(seed), 3, 10)
    turn = torch.linalg.qr(torch.randn(3, 3, 3, generator=torch.manual_seed(seed % 1000))).Q
    turn = turn * torch.linalg.det(turn)[:, None, None]
    arms = ArmPair(0)
    before = torch.from_numpy(arms.cage_vertices(poses)).flatten(1, 2)
    scenes, middle = centred_scenes(poses)
    after = torch.from_numpy(arms.cage_vertices(placed_pairs(poses, middle, turn.numpy()))).flatten(1, 2)
    expected = (before - torch.from_numpy(middle)[:, None]) @ turn.double().transpose(1, 2)
    torch.testing.assert_close(after, expected, atol=1e-5, rtol=0)
    np.testing.assert_allclose(scenes.hands.min(-1) + scenes.hands.max(-1), 0, atol=1e-6)


def test_the_person_sits_upright_at_z(natural):
    scenes, _ = centred_scenes(natural)
    frames = person_frames(scenes)
    np.testing.assert_allclose(frames @ frames.swapaxes(1, 2), np.tile(np.eye(3), (40, 1, 1)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(frames), 1)
    seated = scenes.moved(frames, np.zeros((1, 3)))
    arms = (seated.ends - seated.starts).sum(-1)
    np.testing.assert_allclose(arms[:, :2], 0, atol=1e-5)  # both forearms together come from +z
    assert (arms[:, 2] > 0).all()
    right, left = seated.ends[..., 0], seated.ends[..., 1]
    assert (right[:, 0] > left[:, 0]).all()  # the right elbow is to the right
    np.testing.assert_allclose(right[:, 1], left[:, 1], atol=1e-5)  # and as high as the left one


def slow_shot(rig, cage, keypoints, starts, ends, camera, wish, recipe):
    """One view by the functions for single cameras, on every vertex of the hand: K, R, t and the fault."""
    eye = wish.radius[0] * rig.eyes[camera]
    R, t = look_at(eye, np.zeros(3), wish.roll[0])
    hand = to_camera(cage[:, hand_vertices()].reshape(-1, 3), R, t)
    K = framing(hand, recipe.width, recipe.height, wish.fill[0], recipe.centred)
    view = Camera(K, R, t, recipe.width, recipe.height)
    hidden = np.zeros(len(keypoints), bool)
    for start, end in zip(starts, ends, strict=True):
        along = start + np.linspace(0, 1, 80)[:, None] * (end - start)
        for k, point in enumerate(keypoints):
            line = point - eye
            share = np.clip((along - eye) @ line / (line @ line), 0, 1)
            hidden[k] |= np.linalg.norm(eye + share[:, None] * line - along, axis=1).min() < THICKNESS
    cut = inside(cage[:, load_arm().cut].reshape(-1, 3), view).mean()
    return K, R, t, max(0.0, hidden.mean() - HIDDEN_LIMIT) + cut


@pytest.mark.parametrize("centred", [True, False])
def test_views_equal_their_slow_twins(natural, cages, centred):
    recipe, rig = replace(CROP, centred=centred, width=512, height=334), rig_named("tracks", 10)
    scenes, middle = centred_scenes(natural)
    rng = np.random.default_rng(0)
    faults = []
    for pair in range(12):
        camera, one = int(rng.integers(40)), np.array([pair])
        shot = shoot(rig, scenes[one], np.array([camera]), wishes(1), recipe)
        points = (part[pair].T for part in (scenes.keypoints, scenes.starts, scenes.ends))
        cage = cages[pair] - middle[pair]
        K, R, t, fault = slow_shot(rig, cage, *points, camera, wishes(1), recipe)
        np.testing.assert_allclose(shot.R[0], R, atol=1e-12)
        np.testing.assert_allclose(shot.t[0], t, atol=1e-12)
        np.testing.assert_allclose(shot.K[0], K, rtol=0.02, atol=1)
        assert abs(shot.fault[0] - fault) < 0.05
        faults.append(fault)
    assert min(faults) == 0


@pytest.mark.parametrize("centred", [True, False])
def test_both_hands_are_in_the_picture_with_the_promised_fill(natural, cages, centred):
    recipe, rig = replace(CROP, centred=centred), rig_named("tracks", 10)
    scenes, middle = centred_scenes(natural)
    fill = np.linspace(0.6, 0.9, len(natural))
    shots = shoot(rig, scenes, np.arange(len(natural)) % 40, wishes(len(natural))._replace(fill=fill), recipe)
    for k in range(len(natural)):
        hand = (cages[k] - middle[k])[:, hand_vertices()].reshape(-1, 3)
        pixels = project(to_camera(hand, shots.R[k], shots.t[k]), shots.K[k]) / recipe.width
        spans = np.ptp(pixels, axis=0) if centred else 2 * np.abs(pixels - 0.5).max(0)
        assert fill[k] - 1e-3 < spans.max() < fill[k] + 0.02
        assert pixels.min() > 0 and pixels.max() < 1


@settings(max_examples=30, deadline=None)
@given(seeds, st.integers(1, 12))
def test_an_order_holds_every_camera_once_and_the_tracks_take_turns(seed, views):
    rig = rig_named("tracks", views)
    keys = np.random.default_rng(seed).random((3, len(rig.eyes) + 4))
    for order in view_order(rig, keys):
        assert sorted(order) == list(range(4 * views))
        assert all(len(set(rig.track[order[k : k + 4]])) == 4 for k in range(0, 4 * views, 4))


def test_good_views_come_first_and_none_twice(natural):
    rig, scenes = rig_named("tracks", 10), centred_scenes(natural)[0]
    order = view_order(rig, np.random.default_rng(1).random((len(natural), 44)))
    shots = choose_views(rig, scenes, order, wishes(8 * len(natural)), CROP)
    assert (shots.fault == 0).all()
    for k, chosen in enumerate(shots.camera.reshape(-1, 8)):
        assert len(set(chosen)) == 8
        faults = [shoot(rig, scenes[[k]], order[[k], c], wishes(1), CROP).fault[0] for c in range(40)]
        expected = [camera for camera, fault in zip(order[k], faults, strict=True) if fault == 0][:8]
        assert chosen.tolist() == expected


def test_the_least_bad_views_are_taken_when_no_good_one_is_left(natural):
    rig, scenes = rig_named("tracks", 3), centred_scenes(natural)[0][np.arange(5)]
    recipe, wide = replace(CROP, centred=False), wishes(5 * 12, fill=0.1)  # so wide that every cut end shows
    order = view_order(rig, np.random.default_rng(1).random((5, 16)))
    shots = choose_views(rig, scenes, order, wide, recipe)
    faults = shots.fault.reshape(5, 12)
    assert faults.min() > 0
    assert (np.diff(faults, axis=1) >= 0).all()
    assert all(sorted(chosen) == list(range(12)) for chosen in shots.camera.reshape(5, 12))


def test_a_rig_of_few_cameras_is_gone_round_again(natural):
    rig, scenes = rig_named("fixed", 10), centred_scenes(natural)[0][np.arange(4)]
    scenes = scenes.moved(person_frames(scenes), np.zeros((1, 3)))
    shots = choose_views(rig, scenes, np.zeros((4, 1), int), wishes(12), CROP)
    assert (shots.camera == 0).all()
    np.testing.assert_allclose(shots.R, np.tile(shots.R[:1], (12, 1, 1)))


def test_recorded_cameras_keep_their_rotation(natural):
    tracks = rig_named("tracks", 2)
    R, _ = look_at(tracks.eyes, np.array([0.02, 0.01, 0]), 0.2)
    rig, scenes = Rig(tracks.eyes, tracks.track, tracks.view, R), centred_scenes(natural)[0][np.arange(8)]
    shots = shoot(rig, scenes, np.arange(8), wishes(8, radius=1.0, roll=3.0), CROP)
    np.testing.assert_allclose(shots.R, R)
    np.testing.assert_allclose(-np.einsum("nji,nj->ni", shots.R, shots.t), rig.eyes, atol=1e-12)


@settings(deadline=None, max_examples=20)
@given(seeds)
def test_cameras_that_see_a_prop_before_the_hands_come_first(seed):
    rig, rng = rig_named("tracks", 10), np.random.default_rng(seed)
    keys, prop = rng.random((3, 44)), rng.normal(size=(3, 3)) * 0.1
    order, before = view_order(rig, keys), view_order(rig, keys, prop)
    for k in range(3):
        towards = rig.eyes @ prop[k] >= 0.5 * np.linalg.norm(prop[k]) * np.linalg.norm(rig.eyes, axis=1)
        seen = towards[before[k]]
        assert not (np.diff(seen.astype(int)) > 0).any()  # first all of one side, then the others
        assert [c for c in order[k] if towards[c]] == [
            c for c in before[k] if towards[c]
        ]  # in the same order
