import pytest
import torch

from renderih_lib.data.samples import UNKNOWN_PART
from renderih_lib.hand.skeleton import MIDDLE_MCP
from renderih_lib.nets.transhand import Prediction
from renderih_lib.train.losses import (
    PAPER_WEIGHTS,
    LossWeights,
    heatmap_loss,
    loss_terms,
    part_loss,
    smoothness,
    target_of,
    total_loss,
)


class Perfect(Prediction):
    """The truth as a prediction; its 2D is the true 2D, not a weak perspective."""

    vertices_2d = keypoints_2d = None


def perfect(target) -> Prediction:
    said = Perfect(
        target.vertices, target.keypoints, target.relative, torch.zeros(len(target.valid), 2, 3), None
    )
    said.vertices_2d, said.keypoints_2d = target.vertices_2d, target.keypoints_2d
    return said


@pytest.fixture
def faces(hands):
    return torch.stack([hand.faces for hand in hands.hands])


@pytest.fixture
def target(noise_batch):
    return target_of(noise_batch(3), 40, bone=None)


def test_targets_are_rooted_metres_and_crop_units(noise_batch):
    batch = noise_batch(3)
    target = target_of(batch, 40, bone=None)
    assert target.keypoints[:, :, MIDDLE_MCP].abs().max() == 0
    expected = batch.keypoints[:, 1, 9] - batch.keypoints[:, 0, 9]
    torch.testing.assert_close(target.relative, expected)
    torch.testing.assert_close(target.keypoints_2d, batch.pixels / 20 - 1)


def test_normalised_targets_have_the_asked_mean_bone(noise_batch):
    target = target_of(noise_batch(3), 40, bone=0.095)
    length = (target.keypoints[:, :, 0] - target.keypoints[:, :, MIDDLE_MCP]).norm(dim=-1).mean(1)
    torch.testing.assert_close(length, torch.full((3,), 0.095))


def test_the_truth_costs_nothing(target, faces):
    terms = loss_terms(perfect(target), target, faces)
    assert all(float(value) < 1e-6 for value in terms.values())


def test_a_shift_costs_its_mean_coordinate(target, faces):
    said = perfect(target)
    moved = perfect(target._replace(keypoints=target.keypoints + torch.tensor([0.03, 0.0, 0.0])))
    assert loss_terms(moved, target, faces)["joints_3d"] == pytest.approx(0.01, rel=1e-4)
    assert loss_terms(said, target, faces)["joints_3d"] == 0


def test_hands_that_are_not_annotated_cost_nothing(target, faces):
    hidden = target._replace(valid=torch.tensor([[True, False]] * 3))
    wrong = hidden.vertices.clone()
    wrong[:, 1] += 1.0
    terms = loss_terms(perfect(hidden._replace(vertices=wrong)), hidden, faces)
    assert terms["mesh_3d"] == 0 and terms["smooth"] < 1e-6
    assert terms["relative"] == 0  # the relative position needs both hands


def test_smoothness_of_a_tilted_triangle():
    """Edges (1,0,0), (-1,1,h), (0,-1,-h) against the normal z: |e.n| = 0, h, h, whose mean is 2h/3."""
    flat = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]).expand(1, 2, 3, 3)
    bent = flat.clone()
    bent[:, :, 2, 2] = 0.6
    faces = torch.tensor([[[0, 1, 2]]]).expand(2, 1, 3)
    assert smoothness(bent, flat, faces, torch.ones(1, 2)) == pytest.approx(0.4)


def test_heat_maps_are_best_when_they_peak_at_the_place():
    places = torch.full((1, 2, 21, 2), 0.25)
    cost = []
    for column in range(4):
        logits = torch.zeros(1, 2, 21, 4, 4)
        logits[..., 2, column] = 5.0
        cost.append(float(heatmap_loss(logits, places, torch.ones(1, 2))))
    assert min(cost) == cost[2]


def test_keypoints_outside_the_crop_have_no_heat_map():
    places = torch.full((1, 2, 21, 2), 1.5)
    assert heatmap_loss(torch.randn(1, 2, 21, 4, 4), places, torch.ones(1, 2)) == 0


def test_unknown_parts_are_ignored():
    logits = torch.zeros(1, 35, 2, 2)
    parts = torch.tensor([[[0, UNKNOWN_PART], [3, 34]]], dtype=torch.uint8)
    assert part_loss(logits, parts) == pytest.approx(torch.log(torch.tensor(35.0)).item())
    assert part_loss(logits, torch.full_like(parts, UNKNOWN_PART)) == 0


def test_weights_multiply_and_the_papers_leave_dense_terms_out():
    terms = {"joints_3d": torch.tensor(2.0), "heatmaps": torch.tensor(5.0)}
    assert total_loss(terms, LossWeights(joints_3d=3.0, heatmaps=1.0)) == 11
    assert total_loss(terms, PAPER_WEIGHTS) == 2 * PAPER_WEIGHTS.joints_3d


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match="loss weight smooth"):
        LossWeights(smooth=-1.0)
