import numpy as np
import pytest
import torch

from renderih_lib.hand.pair import open_hand_pair
from renderih_lib.render.annotate import DEPTH_UNIT, FLESH, labels, mask_iou, silhouette, visible_keypoints
from renderih_lib.render.cameras import Camera, framing, look_at, to_camera
from renderih_lib.render.frames import frame, plan_rows, row_pose
from renderih_lib.render.mesh import FOREARM_LABELS

RECIPE = {"width": 200, "height": 150}


@pytest.fixture(scope="module")
def frames(tiny_plan, smooth_arms):
    from dataclasses import replace

    from tests.render.conftest import TINY

    plan = tiny_plan(recipe=replace(TINY, **RECIPE), draws=3)
    return [frame(row, smooth_arms) for row in plan_rows(plan)]


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


@pytest.fixture(scope="module")
def seen(frames, cycles, smooth_arms):
    """Labels and depth as Cycles sees them, for two frames."""
    return [cycles.seen(item.camera, smooth_arms.surface(item.cage)) for item in frames[:2]]


def test_silhouette_and_depth_agree_with_cycles(frames, seen):
    for item, (label, depth) in zip(frames, seen, strict=False):
        rendered = (label > 0) & (label < FOREARM_LABELS[0])
        ours = (item.labels.parts > 0) & (item.labels.parts < FOREARM_LABELS[0])
        assert mask_iou(rendered, ours) > 0.97
        both = rendered & ours
        assert (label == item.labels.parts)[both].mean() > 0.9  # borders of parts differ by a pixel
        gap = np.abs(depth - DEPTH_UNIT * item.labels.depth)[both]
        assert np.median(gap) < 5e-4 and np.percentile(gap, 95) < 5e-3


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
            assert (
                item.labels.amodal[side][row, column] > 0
            ).mean() > 0.75  # joints lie inside the flesh, tips at its edge


def test_a_visible_keypoint_needs_its_own_hand_right_in_front():
    parts, depth = np.zeros((4, 4), int), np.full((4, 4), 0.5)
    parts[0, :2], parts[1, :2] = 1, 17
    pixels = np.full((2, 21, 2), -5.0)
    points = np.full((2, 21, 3), 0.5)
    pixels[0, 0], pixels[0, 1], pixels[0, 2], pixels[0, 3] = (0.5, 0.5), (0.5, 1.5), (1.5, 0.5), (3.5, 3.5)
    points[0, 2, 2] = 0.5 + 2 * FLESH  # deep behind the surface
    seen = visible_keypoints(points, pixels, parts, depth)
    assert seen[0, :4].tolist() == [True, False, False, False]
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
        frame(row, smooth_arms)


def test_row_pose_gives_back_the_plans_pose(tiny_plan):
    row = plan_rows(tiny_plan())[1]
    pose = row_pose([row])
    assert pose.angles.shape == (1, 2, 15, 3) and pose.shape.shape == (1, 2, 10)
    assert torch.equal(pose.wrist.flatten(), torch.tensor(row["wrist"]))
