"""The shipped hand: counts, anatomy and the agreement of its two meshes."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from renderih_lib.hand.open_hand import (
    OPEN_HAND_PATH,
    attribution,
    load_arrays,
    load_open_hand,
    load_render_hand,
)
from renderih_lib.hand.parts import border_loops
from renderih_lib.hand.skeleton import FINGERS, KEYPOINT_FINGERS, KEYPOINT_NAMES


def random_rotations(batch: int) -> torch.Tensor:
    vectors = 0.5 * np.random.default_rng(0).normal(size=(batch * 16, 3))
    return torch.from_numpy(Rotation.from_rotvec(vectors).as_matrix()).reshape(batch, 16, 3, 3)


def test_label_mesh_has_manos_counts(hand):
    assert hand.template.shape == (778, 3) and hand.faces.shape == (1538, 3) and hand.shape_count == 10
    (rim,) = border_loops(hand.faces.numpy())
    assert len(rim) == 16


def test_asset_is_small_and_says_where_it_comes_from():
    assert OPEN_HAND_PATH.stat().st_size <= 2**20
    assert "CC0" in str(attribution())


def test_skin_weights_sum_to_one_on_both_meshes(hand):
    for weights in (hand.skin_weights, load_render_hand().skin_weights):
        assert weights.min() >= 0
        assert torch.allclose(weights.sum(1), torch.ones(len(weights)).to(weights), atol=1e-5)


def test_fingers_are_straight_in_the_zero_pose(hand):
    points = hand(torch.eye(3).double().expand(1, 16, 3, 3)).keypoints[0]
    for finger in KEYPOINT_FINGERS:
        chain = points[[KEYPOINT_NAMES.index(f"{finger}_{level}") for level in ("root", "middle", "end")]]
        bones = torch.nn.functional.normalize(chain.diff(dim=0), dim=-1)
        assert torch.rad2deg(torch.arccos((bones[0] @ bones[1]).clamp(max=1))) < 1.0, finger


def test_rest_frame_is_the_documented_one(hand):
    assert hand.rest_joints[0].norm() < 1e-3  # origin at the wrist joint
    roots = {finger: hand.rest_joints[1 + 3 * f] for f, finger in enumerate(FINGERS)}
    assert all(root[0] < -0.01 for root in roots.values())
    assert roots["index"][2] > roots["middle"][2] > roots["ring"][2] > roots["pinky"][2]
    tips = hand.template[hand.tip_vertices]
    assert tips[2, 0] < roots["middle"][0]  # fingers to -x
    assert tips[0, 2] > tips[1, 2] > 0  # thumb side +z


def test_hand_length_is_an_adults_and_shape_spans_real_people(hand):
    rng = np.random.default_rng(0)
    _, joints = hand.rest(torch.zeros(1, 10).double())
    shapes = torch.from_numpy(rng.normal(size=(500, 10)))
    vertices, joints = hand.rest(shapes)
    length = (vertices[:, hand.tip_vertices[2]] - joints[:, 0]).norm(dim=-1)
    assert 0.175 < length.mean() < 0.200
    assert 0.007 < length.std() < 0.015
    assert length.min() > 0.140 and length.max() < 0.240


@pytest.mark.parametrize("side", ["right", "left"])
def test_render_mesh_contains_the_label_mesh_in_every_pose_and_shape(side):
    label, render = load_open_hand(side).double(), load_render_hand(side).double()
    ids = torch.from_numpy(load_arrays()["label_vertices"].astype(np.int64))
    shape = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 10)))
    pose = random_rotations(3)
    assert torch.allclose(label(pose, shape).vertices, render(pose, shape).vertices[:, ids], atol=1e-7)


def test_regressed_joints_stay_near_the_true_ones_on_posed_hands(hand):
    mesh = hand(random_rotations(20))
    error = (hand.keypoints_from_vertices(mesh.vertices) - mesh.keypoints).norm(dim=-1)
    assert error.mean() < 2e-3


def test_unknown_side_is_named():
    with pytest.raises(ValueError, match="side must be"):
        load_open_hand("both")
