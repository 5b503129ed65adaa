from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from renderih_lib.hand.pair import open_hand_pair
from renderih_lib.render.annotate import (
    DEPTH_UNIT,
    FLESH,
    corner_normals,
    labels,
    mask_iou,
    silhouette,
    visible_keypoints,
)
from renderih_lib.render.bodies.mesh import FOREARM_LABELS, Body
from renderih_lib.render.bodies.props import PROP_LABEL, placed, prop_mesh, touching_pose
from renderih_lib.render.bodies.sleeves import Sleeve
from renderih_lib.render.cameras import BLENDER_FROM_WORLD, Camera, framing, look_at, to_camera
from renderih_lib.render.cycles import camera_job, write_geometry
from renderih_lib.render.frames import frame, plan_rows, row_pose


@pytest.fixture(scope="module")
def frames(tiny_plan, smooth_arms):
    from tests.render.conftest import TINY

    plan = tiny_plan(recipe=replace(TINY, width=200, height=150, sleeve_share=0.0), draws=3)
    sleeve = Sleeve()
    return [frame(row, smooth_arms, sleeve) for row in plan_rows(plan)]


@pytest.fixture(scope="module")
def scene(smooth_arms, poses):
    """A cage, the keypoints and a camera that sees both hands."""
    mesh = smooth_arms.hands(poses[1:2])
    cage, keypoints = mesh.vertices[0].numpy().astype(float), mesh.keypoints[0].numpy().astype(float)
    middle = keypoints.reshape(-1, 3).mean(0)
    R, t = look_at(middle + [0.1, 0.3, 0.6], middle)
    K = framing(to_camera(keypoints.reshape(-1, 3), R, t), 200, 150, 0.75, True)
    return cage, keypoints, Camera(K, R, t, 200, 150)


def ball(at: np.ndarray, radius: float, label: int = PROP_LABEL) -> Body:
    mesh = trimesh.creation.icosphere(2, radius)
    return Body(mesh.vertices + at, mesh.faces, np.full(len(mesh.faces), label))


def test_visible_parts_are_a_share_of_the_amodal_ones(frames):
    for item in frames:
        parts = item.labels.parts.astype(int)
        for side in range(2):
            mine = (parts > 16 * side) & (parts <= 16 * side + 16)
            np.testing.assert_array_equal(parts[mine] - 16 * side, item.labels.amodal[side][mine])
        assert parts.max() <= FOREARM_LABELS[1]
        assert ((parts == 0) == (item.labels.depth == 0)).all()


def test_the_nearer_hand_hides_the_other(smooth_arms, poses):
    pose = poses[:1]
    cage = np.repeat(smooth_arms.cage_vertices(pose)[0][:1], 2, 0)  # the same arm twice, one behind the other
    R, t = look_at(np.array([0, 0, 0.8]), np.zeros(3))
    depth = to_camera(cage[0], R, t)[:, 2].mean()
    K = framing(to_camera(cage[0], R, t), 80, 60, 0.6, True)
    cage[1] -= 0.1 * depth * R[2]  # ten per cent nearer to the eye
    found = labels(smooth_arms, cage, np.zeros((2, 21, 3)) + [0, 0, 0.1], Camera(K, R, t, 80, 60))
    seen = found.parts[found.amodal[1] > 0]
    assert ((seen > 16) & (seen != FOREARM_LABELS[0])).all()
    assert found.amodal[0].any()


def test_a_prop_in_front_hides_hands_and_keypoints_but_not_their_amodal_masks(smooth_arms, scene):
    cage, keypoints, camera = scene
    eye = -camera.R.T @ camera.t
    at = keypoints[0, 9] + 0.3 * (eye - keypoints[0, 9])
    bare = labels(smooth_arms, cage, keypoints, camera)
    found = labels(smooth_arms, cage, keypoints, camera, [ball(at, 0.05)])
    hidden = found.parts == PROP_LABEL
    assert hidden.sum() > 300
    np.testing.assert_array_equal(found.amodal, bare.amodal)
    np.testing.assert_array_equal(found.parts[~hidden], bare.parts[~hidden])
    np.testing.assert_array_equal(found.depth[~hidden], bare.depth[~hidden])
    centre = DEPTH_UNIT * found.depth[hidden].min()
    assert centre == pytest.approx(to_camera(at, camera.R, camera.t)[2] - 0.05, abs=2e-3)
    assert not (found.visible & ~bare.visible).any() and not found.visible[0, 9]
    assert found.visible.sum() < bare.visible.sum()


def test_a_prop_behind_hides_nothing(smooth_arms, scene):
    cage, keypoints, camera = scene
    at = keypoints[0, 9] - 0.6 * (-camera.R.T @ camera.t - keypoints[0, 9])
    bare = labels(smooth_arms, cage, keypoints, camera)
    found = labels(smooth_arms, cage, keypoints, camera, [ball(at, 0.1)])
    assert (found.parts == PROP_LABEL).any()
    np.testing.assert_array_equal(found.parts[bare.parts > 0], bare.parts[bare.parts > 0])
    np.testing.assert_array_equal(found.visible, bare.visible)


def test_a_sleeve_counts_as_its_forearm_and_leaves_the_hands_alone(smooth_arms, scene):
    cage, keypoints, camera = scene
    sleeve = Sleeve()
    bare = labels(smooth_arms, cage, keypoints, camera)
    worn = labels(smooth_arms, cage, keypoints, camera, [sleeve.body(sleeve.surface(cage, 0.05, 1))])
    np.testing.assert_array_equal(worn.amodal, bare.amodal)
    assert set(np.unique(worn.parts)) <= set(range(FOREARM_LABELS[1] + 1))
    for label in FOREARM_LABELS:  # cloth is thicker than the arm
        assert (worn.parts == label).sum() > (bare.parts == label).sum()
    gone = (bare.parts > 0) & (bare.parts < FOREARM_LABELS[0]) & (worn.parts != bare.parts)
    assert np.isin(worn.parts[gone], FOREARM_LABELS).all()


def test_normals_are_of_the_side_seen_and_agree_with_the_depth(smooth_arms, scene):
    cage, keypoints, camera = scene
    at = keypoints.reshape(-1, 3).mean(0) + 0.2 * camera.R[0]
    found = labels(smooth_arms, cage, keypoints, camera, [ball(at, 0.08)], normals=True)
    shown = found.parts > 0
    assert ((found.normals == 0).all(-1) == ~shown).all()
    normal = (found.normals[shown].astype(float) - 128) / 127
    np.testing.assert_allclose(np.linalg.norm(normal, axis=-1), 1, atol=0.02)
    row, column = np.nonzero(found.parts == PROP_LABEL)
    rays = np.stack([column + 0.5, row + 0.5, np.ones(len(row))], 1) @ np.linalg.inv(camera.K).T
    points = rays * (DEPTH_UNIT * found.depth[row, column])[:, None]
    exact = points - to_camera(at, camera.R, camera.t)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)  # facets lie a little inside the ball
    seen = (found.normals[row, column].astype(float) - 128) / 127
    assert np.median((seen * exact).sum(-1)) > 0.995
    assert labels(smooth_arms, cage, keypoints, camera).normals is None


def test_normals_are_smooth_over_a_ball_and_sharp_on_a_box():
    sphere, box = trimesh.creation.icosphere(2), trimesh.creation.box()
    np.testing.assert_allclose(
        corner_normals(sphere.vertices, sphere.faces), sphere.vertices[sphere.faces], atol=0.03
    )
    np.testing.assert_allclose(
        corner_normals(box.vertices, box.faces), np.repeat(box.face_normals[:, None], 3, 1), atol=1e-9
    )


@pytest.fixture(scope="module")
def seen(frames, cycles, smooth_arms):
    """Labels and depth as Cycles sees them, for two frames."""
    return [cycles.seen(item.camera, smooth_arms.surface(item.cage)) for item in frames[:2]]


def agree(found, label, depth, chosen) -> None:
    """Cycles' picture of some labels is the same as ours."""
    rendered, ours = chosen(label), chosen(found.parts.astype(int))
    assert mask_iou(rendered, ours) > 0.97
    both = rendered & ours
    assert (label == found.parts)[both].mean() > 0.9  # borders of parts differ by a pixel
    gap = np.abs(depth - DEPTH_UNIT * found.depth)[both]
    assert np.median(gap) < 5e-4 and np.percentile(gap, 95) < 5e-3


def test_silhouette_and_depth_agree_with_cycles(frames, seen):
    for item, (label, depth) in zip(frames, seen, strict=False):
        agree(item.labels, label, depth, lambda parts: (parts > 0) & (parts < FOREARM_LABELS[0]))


def test_sleeves_and_props_agree_with_cycles(smooth_arms, scene, cycles, tmp_path):
    cage, keypoints, camera = scene
    sleeve, size, geometry = Sleeve(), np.array([0.08, 0.1, 0.08]), tmp_path / "geometry.npz"
    for seed in range(2):
        cloth = sleeve.surface(cage, 0.06, seed)
        R, t = touching_pose(np.random.default_rng(seed), "mug", size, cage)
        bodies = [sleeve.body(cloth), placed("mug", size, R, t)]
        found = labels(smooth_arms, cage, keypoints, camera, bodies)
        write_geometry(geometry, smooth_arms.surface(cage), sleeve=cloth, prop=prop_mesh("mug", size))
        matrix = np.eye(4)
        matrix[:3] = BLENDER_FROM_WORLD @ np.column_stack([R, t])
        job = {
            "geometry": str(geometry),
            "prop": "mug",
            "prop_label": PROP_LABEL,
            "prop_matrix": matrix.tolist(),
        }
        label, depth = cycles.checked(camera_job(camera) | job)
        agree(found, label, depth, lambda parts: parts > 0)
        agree(found, label, depth, lambda parts: parts == PROP_LABEL)
        agree(found, label, depth, lambda parts: np.isin(parts, FOREARM_LABELS))


def test_silhouette_agrees_with_the_projected_label_mesh(frames, seen):
    hands = open_hand_pair()
    for item, (label, _) in zip(frames, seen, strict=False):
        drawn = silhouette(hands, row_pose([item.row]), item.camera)
        arm = label >= FOREARM_LABELS[0]  # where a forearm is in front, nothing can be compared
        assert mask_iou((label > 0) & ~arm, drawn & ~arm) > 0.95


def test_keypoints_project_onto_the_hand_they_belong_to(frames):
    for item in frames:
        points, pixels = item.labels.keypoints_3d.astype(float), item.labels.keypoints_2d
        homogeneous = points @ item.camera.K.T
        np.testing.assert_allclose(homogeneous[..., :2] / homogeneous[..., 2:], pixels, atol=1e-3)
        for side in range(2):
            column, row = np.floor(pixels[side]).astype(int).T
            inside = (column >= 0) & (column < item.camera.width) & (row >= 0) & (row < item.camera.height)
            mask = item.labels.amodal[side][row[inside], column[inside]] > 0
            assert mask.mean() > 0.75  # joints lie inside the flesh, tips at its edge


def test_a_visible_keypoint_needs_its_own_hand_right_in_front():
    parts, depth = np.zeros((4, 4), int), np.full((4, 4), 0.5)
    parts[0, :2], parts[1, :2], parts[2, :2] = 1, 17, PROP_LABEL
    pixels = np.full((2, 21, 2), -5.0)
    points = np.full((2, 21, 3), 0.5)
    pixels[0, :5] = (0.5, 0.5), (0.5, 1.5), (1.5, 0.5), (3.5, 3.5), (0.5, 2.5)
    points[0, 2, 2] = 0.5 + 2 * FLESH  # deep behind the surface
    seen = visible_keypoints(points, pixels, parts, depth)
    assert seen[0, :5].tolist() == [True, False, False, False, False]
    assert not seen[1].any()


def test_mask_iou():
    a, b = np.zeros((2, 4, 4), bool)
    assert mask_iou(a, b) == 0
    a[:2], b[1:3] = True, True
    assert mask_iou(a, b) == pytest.approx(1 / 3)
    assert mask_iou(a, a) == 1


def test_a_pose_that_is_not_finite_is_named(tiny_plan, smooth_arms):
    row = plan_rows(tiny_plan())[0]
    row["angles"] = [float("nan"), *row["angles"][1:]]
    with pytest.raises(ValueError, match="pose of image 0 is not finite"):
        frame(row, smooth_arms, Sleeve())


def test_row_pose_gives_back_the_plans_pose(tiny_plan):
    row = plan_rows(tiny_plan())[1]
    pose = row_pose([row])
    assert pose.angles.shape == (1, 2, 15, 3) and pose.shape.shape == (1, 2, 10)
    assert torch.equal(pose.wrist.flatten(), torch.tensor(row["wrist"]))
