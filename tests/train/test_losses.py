import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.data.samples import UNKNOWN_PART
from renderih_lib.hand.skeleton import MIDDLE_MCP
from renderih_lib.nets.heads import DenseEvidence
from renderih_lib.nets.transhand import Prediction
from renderih_lib.train.losses import (
    OFFICIAL_FORM,
    OFFICIAL_WEIGHTS,
    PAPER_FORM,
    PAPER_WEIGHTS,
    LossForm,
    LossWeights,
    Target,
    edge_terms,
    heatmap_sum,
    loss_terms,
    part_sum,
    target_of,
    total_loss,
)

FORMS = {"means": LossForm(), "paper": PAPER_FORM, "official": OFFICIAL_FORM}


class Free(Prediction):
    """A prediction whose 2D is given, not a weak perspective of its 3D."""

    vertices_2d = keypoints_2d = None


def said(target: Target, noise: float = 0.0, seed: int = 0) -> Prediction:
    """The truth plus noise, as a prediction."""
    generator = torch.Generator().manual_seed(seed)

    def noisy(x):
        return x + noise * torch.randn(x.shape, generator=generator, dtype=x.dtype)

    prediction = Free(
        noisy(target.vertices),
        noisy(target.keypoints),
        noisy(target.relative),
        torch.zeros(len(target.valid), 2, 3),
        None,
    )
    prediction.vertices_2d, prediction.keypoints_2d = noisy(target.vertices_2d), noisy(target.keypoints_2d)
    return prediction


@pytest.fixture
def faces(hands):
    return torch.stack([hand.faces for hand in hands.hands])


@pytest.fixture
def batch(noise_batch):
    return noise_batch(3)


@pytest.fixture
def target(batch):
    return target_of(batch, 40, bone=None)


def test_targets_are_rooted_metres_and_crop_units(batch, target):
    assert target.keypoints[:, :, MIDDLE_MCP].abs().max() == 0
    expected = batch.keypoints[:, 1, 9] - batch.keypoints[:, 0, 9]
    torch.testing.assert_close(target.relative, expected)
    torch.testing.assert_close(target.keypoints_2d, batch.pixels / 20 - 1)


def test_normalised_targets_have_the_asked_mean_bone(batch):
    target = target_of(batch, 40, bone=0.095)
    length = (target.keypoints[:, :, 0] - target.keypoints[:, :, MIDDLE_MCP]).norm(dim=-1).mean(1)
    torch.testing.assert_close(length, torch.full((3,), 0.095))


def test_one_hand_without_its_wrist_is_scaled_by_the_other(batch):
    known = batch.keypoint_valid.clone()
    known[0, 0, 0] = False
    target = target_of(batch.replace(keypoint_valid=known), 40, bone=0.095)
    assert float((target.keypoints[0, 1, 0]).norm()) == pytest.approx(0.095, rel=1e-5)
    known[0, 1, 0] = False  # now nobody's size is known
    assert not target_of(batch.replace(keypoint_valid=known), 40, bone=0.095).rooted[0].any()
    assert target_of(batch.replace(keypoint_valid=known), 40, bone=None).rooted.all()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_truth_costs_nothing(target, faces, form):
    terms = loss_terms(said(target), target, faces, form)
    assert set(terms) == {name for name in vars(LossWeights()) if name not in ("heatmaps", "parts")}
    assert all(float(value) < 1e-3 * (form.reduction == "sum") + 1e-6 for value in terms.values())


def test_a_shift_costs_its_mean_coordinate(target, faces):
    moved = said(target._replace(keypoints=target.keypoints + torch.tensor([0.03, 0.0, 0.0])))
    assert loss_terms(moved, target, faces)["joints_3d"] == pytest.approx(0.01, rel=1e-4)


def test_the_papers_form_is_equations_10_to_12_written_as_loops(hands, target, faces):
    """Sums over both hands, all points and coordinates, of one image; averaged over images."""
    prediction = said(target, 0.01)
    terms = {name: float(value) for name, value in loss_terms(prediction, target, faces, PAPER_FORM).items()}
    images = len(target.valid)
    joint = {"3d": 0.0, "2d": 0.0}
    for b in range(images):
        for s in range(2):
            for i in range(21):
                joint["3d"] += float((prediction.keypoints - target.keypoints)[b, s, i].abs().sum())
                joint["2d"] += float((prediction.keypoints_2d - target.keypoints_2d)[b, s, i].abs().sum())
    smooth = 0.0
    truth, guess = target.vertices.double().numpy(), prediction.vertices.double().numpy()
    for b in range(images):
        for s, hand in enumerate(hands.hands):
            for face in hand.faces.numpy():
                a, c, d = truth[b, s, face]
                normal = np.cross(c - a, d - a)
                normal /= np.linalg.norm(normal)
                p = guess[b, s, face]
                smooth += sum(abs((p[(j + 1) % 3] - p[j]) @ normal) for j in range(3))
    assert terms["joints_3d"] == pytest.approx(joint["3d"] / images, rel=1e-4)
    assert terms["joints_2d"] == pytest.approx(joint["2d"] / images, rel=1e-4)
    assert terms["mesh_3d"] == pytest.approx(
        float((prediction.vertices - target.vertices).abs().sum()) / images, rel=1e-4
    )
    assert terms["smooth"] == pytest.approx(smooth / images, rel=1e-4)


def test_in_sums_the_relative_position_weighs_as_if_both_hands_shared_a_frame(target, faces):
    """In the right hand's frame an error of the relative position shifts every point of the left hand."""
    shift = torch.tensor([0.01, -0.02, 0.03])
    terms = loss_terms(said(target._replace(relative=target.relative + shift)), target, faces, PAPER_FORM)
    points = target.keypoints.shape[2] + target.vertices.shape[2]
    assert float(terms["relative"]) == pytest.approx(points * 0.06, rel=1e-4)


def test_the_released_form_is_half_a_mean_square_and_blind_to_scale(target, faces):
    wrong = said(target, 0.02)
    terms = loss_terms(wrong, target, faces, OFFICIAL_FORM)
    off = wrong.keypoints - target.keypoints
    torch.testing.assert_close(terms["joints_3d"], off.square().mean() / 2)
    off = wrong.vertices_2d - target.vertices_2d
    torch.testing.assert_close(terms["mesh_2d"], off.square().mean())
    doubled = said(target._replace(vertices=2 * target.vertices))
    assert loss_terms(doubled, target, faces, OFFICIAL_FORM)["smooth"] < 1e-9  # directions only
    assert loss_terms(doubled, target, faces, OFFICIAL_FORM)["edges"] > 1e-6
    assert OFFICIAL_WEIGHTS.joints_2d == 0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), form=st.sampled_from(list(FORMS.values())))
def test_what_is_not_annotated_neither_costs_nor_learns(noise_batch, hands, seed, form):
    faces = torch.stack([hand.faces for hand in hands.hands])
    rng = np.random.default_rng(seed)
    batch = noise_batch(3)
    known = torch.from_numpy(rng.random((3, 2, 21)) < 0.6)
    meshes = torch.from_numpy(rng.random((3, 2)) < 0.5)
    batch = batch.replace(
        valid=known.any(-1) | meshes,
        keypoint_valid=known,
        mesh_valid=meshes,
        keypoints=batch.keypoints * known[..., None],
        vertices=batch.vertices * meshes[..., None, None],
    )
    target = target_of(batch, 40, bone=None)
    assert all(torch.isfinite(x.float()).all() for x in target)
    prediction = said(target, 0.05, seed)
    for value in (*prediction[:3], prediction.vertices_2d, prediction.keypoints_2d):
        value.requires_grad_()
    terms = loss_terms(prediction, target, faces, form)
    total_loss(terms, PAPER_WEIGHTS).backward()
    rooted = known[:, :, MIDDLE_MCP]
    assert (prediction.keypoints.grad[~(known & rooted[..., None])] == 0).all()
    assert (prediction.keypoints_2d.grad[~known] == 0).all()
    assert (prediction.vertices.grad[~(meshes & rooted)] == 0).all()
    assert (prediction.vertices_2d.grad[~meshes] == 0).all()
    assert (prediction.relative.grad[~rooted.all(1)] == 0).all()
    assert all(torch.isfinite(value) for value in terms.values())


def test_a_mean_does_not_depend_on_how_much_is_annotated(target, faces):
    """A constant error of 1 cm costs 1 cm, whichever points are known; a sum counts the points."""
    moved = said(target._replace(keypoints=target.keypoints + 0.01))
    few = target.keypoint_valid.clone()
    few[:, 1, 10:] = False
    masked = target._replace(keypoint_valid=few)
    assert loss_terms(moved, masked, faces)["joints_3d"] == pytest.approx(0.01, rel=1e-4)
    assert loss_terms(moved, masked, faces, PAPER_FORM)["joints_3d"] == pytest.approx(0.03 * 31, rel=1e-4)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_mean_over_shares_with_joint_counts_is_the_loss_of_the_whole(noise_batch, hands, form):
    """What two processes compute: their gradients' mean is the gradient of the joined batch."""
    faces = torch.stack([hand.faces for hand in hands.hands])
    batch = noise_batch(4)
    known = batch.keypoint_valid.clone()
    known[0] = False
    known[1, 0, :7] = False
    meshes = batch.mesh_valid.clone()
    meshes[:2, 1] = False
    target = target_of(batch.replace(keypoint_valid=known, mesh_valid=meshes), 40, bone=None)
    prediction = said(target, 0.03)
    whole = loss_terms(prediction, target, faces, form)
    shares = [
        (_rows(prediction, part), Target(*(x[part] for x in target))) for part in (slice(0, 2), slice(2, 4))
    ]
    counts = []
    for share in shares:
        loss_terms(*share, faces, form, lambda c: counts.append(c) or c)
    joint = [loss_terms(*share, faces, form, lambda c: sum(counts) / 2) for share in shares]
    for name, value in whole.items():
        torch.testing.assert_close((joint[0][name] + joint[1][name]) / 2, value, rtol=1e-4, atol=1e-7)


def _rows(prediction: Prediction, part: slice) -> Prediction:
    rows = Free(*(x[part] if x is not None else None for x in prediction))
    rows.vertices_2d, rows.keypoints_2d = prediction.vertices_2d[part], prediction.keypoints_2d[part]
    return rows


def test_smoothness_of_a_tilted_triangle():
    """Edges (1,0,0), (-1,1,h), (0,-1,-h) against the normal z: e.n = 0, h, -h."""
    flat = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]).expand(1, 2, 3, 3)
    bent = flat.clone()
    bent[:, :, 2, 2] = 0.6
    faces = torch.tensor([[[0, 1, 2]]]).expand(2, 1, 3)
    across, longer = edge_terms(bent, flat, faces)
    torch.testing.assert_close(across[0, 0, 0], torch.tensor([0.0, 0.6, -0.6]))
    torch.testing.assert_close(longer[0, 0, 0], torch.tensor([0.0, 2.36**0.5 - 2**0.5, 1.36**0.5 - 1]))
    across, _ = edge_terms(bent, flat, faces, unit=True)
    torch.testing.assert_close(across[0, 0, 0], torch.tensor([0.0, 0.6 / 2.36**0.5, -0.6 / 1.36**0.5]))


def test_a_first_guess_of_one_point_has_a_gradient():
    vertices = torch.zeros(1, 2, 3, 3, requires_grad=True)
    truth = torch.eye(3).expand(1, 2, 3, 3)
    faces = torch.tensor([[[0, 1, 2]]]).expand(2, 1, 3)
    across, longer = edge_terms(vertices, truth, faces, unit=True)
    (across.abs().sum() + longer.abs().sum()).backward()
    assert torch.isfinite(vertices.grad).all()


@pytest.mark.parametrize("unit", [False, True])
def test_the_gradient_of_the_edge_terms_is_right(unit):
    generator = torch.Generator().manual_seed(0)
    vertices, truth = (torch.randn(2, 2, 5, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    faces = torch.tensor([[[0, 1, 2], [1, 3, 4]], [[2, 1, 0], [4, 3, 0]]])
    assert torch.autograd.gradcheck(
        lambda v: edge_terms(v, truth, faces, unit), vertices.requires_grad_(), atol=1e-6
    )


def test_heat_maps_are_best_when_they_peak_at_the_place():
    places = torch.full((1, 2, 21, 2), 0.25)
    cost = []
    for column in range(4):
        logits = torch.zeros(1, 2, 21, 4, 4)
        logits[..., 2, column] = 5.0
        cost.append(float(heatmap_sum(logits, places, torch.ones(1, 2, 21))[0]))
    assert min(cost) == cost[2]


def test_keypoints_outside_the_crop_or_unknown_have_no_heat_map():
    logits = torch.arange(1 * 2 * 21 * 4 * 4).float().view(1, 2, 21, 4, 4)
    outside = torch.full((1, 2, 21, 2), 1.5)
    assert heatmap_sum(logits, outside, torch.ones(1, 2, 21)) == (0, 0)
    valid = torch.ones(1, 2, 21)
    valid[0, 0] = 0
    total, count = heatmap_sum(logits, torch.zeros(1, 2, 21, 2), valid)
    assert count == 21 and total > 0


def test_unknown_parts_are_ignored():
    logits = torch.zeros(1, 35, 2, 2)
    parts = torch.tensor([[[0, UNKNOWN_PART], [3, 34]]], dtype=torch.uint8)
    total, count = part_sum(logits, parts)
    assert count == 3 and total / count == pytest.approx(torch.log(torch.tensor(35.0)).item())
    assert part_sum(logits, torch.full_like(parts, UNKNOWN_PART)) == (0, 0)


def test_dense_terms_come_with_evidence(target, faces):
    evidence = DenseEvidence(
        torch.zeros(3, 2, 21, 10, 10), torch.zeros(3, 35, 10, 10), torch.zeros(3, 2, 21, 5)
    )
    prediction = said(target)._replace(evidence=evidence)
    prediction.vertices_2d, prediction.keypoints_2d = target.vertices_2d, target.keypoints_2d
    fine = target._replace(parts=target.parts[:, ::4, ::4])
    terms = loss_terms(prediction, fine, faces)
    assert terms["heatmaps"] == pytest.approx(np.log(100), rel=1e-3)
    assert terms["parts"] == pytest.approx(np.log(35), rel=1e-3)


def test_weights_multiply_and_the_papers_leave_dense_terms_out():
    terms = {"joints_3d": torch.tensor(2.0), "heatmaps": torch.tensor(5.0)}
    assert total_loss(terms, LossWeights(joints_3d=3.0, heatmaps=1.0)) == 11
    assert total_loss(terms, PAPER_WEIGHTS) == 2 * PAPER_WEIGHTS.joints_3d


@pytest.mark.parametrize(
    "change, message",
    [
        ({"distance_3d": "l2"}, "distance_3d"),
        ({"distance_2d": ""}, "distance_2d"),
        ({"reduction": "max"}, "reduction"),
    ],
)
def test_unknown_forms_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(LossForm(), **change)


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match="loss weight smooth"):
        LossWeights(smooth=-1.0)
