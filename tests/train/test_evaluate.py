"""Predictions, the constants beside them, and the one dictionary of all metrics."""

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from renderih_lib import metrics
from renderih_lib.nets.transhand import TransHand
from renderih_lib.train import evaluate
from renderih_lib.train.evaluate import Constant, Predictions, predict, summary


@pytest.fixture(scope="module")
def data(noise_batch):
    return noise_batch(6)


@pytest.fixture(scope="module")
def predictions(hands, data):
    return predict(TransHand(hands, "tiny"), data, 32, bone=None, precision="float32", batch=4, vertices=True)


class Said(NamedTuple):
    """The least that a network must say."""

    keypoints: Tensor
    relative: Tensor
    keypoints_2d: Tensor
    vertices: Tensor | None = None
    handedness: Tensor | None = None


class Stubborn(nn.Module):
    """A network that says the same for every image."""

    def __init__(self, answer: Constant, keypoint_map: Tensor, **more):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        keypoints = torch.from_numpy(answer.keypoints)
        roots = keypoints[:, 9:10]
        self.register_buffer("keypoint_map", keypoint_map)
        vertices = None if answer.vertices is None else torch.from_numpy(answer.vertices) - roots
        relative, places = (roots[1] - roots[0])[0], torch.from_numpy(answer.keypoints_2d)
        self.said = Said(keypoints - roots, relative, places, vertices, **more)

    def forward(self, images):
        return Said(*(None if x is None else x.expand(len(images), *x.shape) for x in self.said))


def perfect(predictions: Predictions) -> Predictions:
    said = predictions.replace(predicted=predictions.target, predicted_2d=predictions.target_2d)
    return evaluate.with_mesh_errors(said, said.target_vertices, said.target_vertices)


def test_truth_is_placed_from_the_right_middle_mcp(predictions, data):
    expected = data.keypoints - data.keypoints[:, :1, 9:10]
    np.testing.assert_allclose(predictions.target, expected.numpy(), atol=1e-6)
    assert np.abs(predictions.predicted[:, 0, 9]).max() < 1e-6
    expected = data.vertices - data.keypoints[:, :1, 9:10]
    np.testing.assert_allclose(predictions.target_vertices, expected.numpy(), atol=1e-6)


def test_predictions_do_not_depend_on_the_batch_size(hands, data, predictions):
    again = predict(TransHand(hands, "tiny"), data, 32, bone=None, precision="float32", batch=1)
    np.testing.assert_allclose(again.predicted, predictions.predicted, atol=1e-5)
    np.testing.assert_allclose(again.vertex_errors, predictions.vertex_errors, atol=0.02)
    assert again.target_vertices is None


def test_data_need_only_a_length_and_indices(hands, data, predictions):
    class Streamed:
        def __len__(self):
            return len(data)

        def __getitem__(self, indices):
            assert isinstance(indices, np.ndarray)
            return data[indices]

    again = predict(TransHand(hands, "tiny"), Streamed(), 32, bone=None, precision="float32", batch=4)
    np.testing.assert_array_equal(again.predicted, predictions.predicted)
    np.testing.assert_array_equal(again.ids, data.ids)
    for a, b in zip(
        evaluate.mean_pose(Streamed(), bone=None), evaluate.mean_pose(data, bone=None), strict=True
    ):
        np.testing.assert_array_equal(a, b)


def test_saved_predictions_come_back(predictions, tmp_path):
    predictions.save(tmp_path / "p.npz")
    loaded = Predictions.load(tmp_path / "p.npz")
    for name, value in vars(predictions).items():
        np.testing.assert_array_equal(getattr(loaded, name), value)


def test_half_precision_keeps_scores_within_a_tenth_of_a_millimetre(predictions, tmp_path):
    predictions.save(tmp_path / "p.npz", half=True)
    loaded = Predictions.load(tmp_path / "p.npz")
    assert loaded.predicted.dtype == np.float32 and loaded.handedness is None
    kept, now = summary(predictions), summary(loaded)
    assert all(now[name] == pytest.approx(kept[name], abs=0.1, nan_ok=True) for name in kept)
    whole = tmp_path / "whole.npz"
    predictions.save(whole)
    assert (tmp_path / "p.npz").stat().st_size < 0.6 * whole.stat().st_size


def test_a_file_of_other_arrays_is_refused(tmp_path):
    np.savez(tmp_path / "old.npz", predicted=np.zeros((1, 2, 21, 3)))
    with pytest.raises(ValueError, match="old.npz does not hold the arrays of Predictions"):
        Predictions.load(tmp_path / "old.npz")


def test_the_truth_has_no_error_and_a_swap_of_hands_is_counted(predictions):
    truth = perfect(predictions)
    numbers = summary(truth)
    exact = {"auc": 1.0} | dict.fromkeys(
        ("mpjpe_mm", "smpjpe_mm", "mrrpe_mm", "mpvpe_mm", "smpvpe_mm", "swapped"), 0.0
    )
    assert {name: numbers[name] for name in exact} == pytest.approx(exact, abs=1e-4)
    assert numbers["pa_mpjpe_mm"] < 1e-4
    some = truth.target_2d.copy()
    some[:3] = some[:3, ::-1]
    assert summary(truth.replace(predicted_2d=some))["swapped"] == 0.5


@pytest.mark.parametrize("root", metrics.ROOTS)
def test_errors_are_those_of_the_metrics(predictions, root):
    p = predictions
    got = evaluate.errors(p, root=root)
    given = (p.predicted, p.target, p.valid)
    meshes = (p.predicted_vertices, p.target_vertices)
    expected = {
        "mpjpe_mm": metrics.mpjpe(*given, root=root),
        "smpjpe_mm": metrics.mpjpe(*given, root=root, scale="bone"),
        "pa_mpjpe_mm": metrics.pa_mpjpe(*given),
        "mrrpe_mm": metrics.mrrpe(*given, root=root),
        "mrrpe_released_mm": metrics.mrrpe(*given, root=root, norm="released"),
        "mpvpe_mm": metrics.mpvpe(*meshes, *given, root=root, scale="none"),
        "smpvpe_mm": metrics.mpvpe(*meshes, *given, root=root, scale="bone"),
        "cdev_mm": metrics.contact_deviation(*meshes)[:, 0],
    }
    for name, values in expected.items():
        np.testing.assert_allclose(got[name], values, rtol=1e-5, err_msg=name)
    assert set(got) == {*expected, "auc", "swapped", "cdev_both_mm"}


def test_keypoints_and_meshes_that_are_not_annotated_do_not_count(hands, data):
    known, meshed = data.keypoint_valid.clone(), data.mesh_valid.clone()
    known[0, 1, 9], known[1, 0, 20], meshed[2, 0] = False, False, False
    keypoints = data.keypoints.clone()
    keypoints[1, 0, 20] = 0
    partly = data.replace(keypoint_valid=known, mesh_valid=meshed, keypoints=keypoints)
    model = TransHand(hands, "tiny")
    whole, part = (predict(model, d, 32, bone=None, precision="float32") for d in (data, partly))
    before, after = evaluate.errors(whole), evaluate.errors(part)
    assert np.argwhere(np.isnan(after["mpjpe_mm"])).tolist() == [[0, 1]]
    assert np.argwhere(np.isnan(after["mpvpe_mm"])).tolist() == [[0, 1], [2, 0]]
    assert np.flatnonzero(np.isnan(after["mrrpe_mm"])).tolist() == [0]
    unscaled = metrics.keypoint_errors(whole.predicted, whole.target, root="middle_mcp")[1, 0]
    assert after["mpjpe_mm"][1, 0] == pytest.approx(np.delete(unscaled, 20).mean(), rel=1e-5)
    np.testing.assert_allclose(after["mpjpe_mm"][3:], before["mpjpe_mm"][3:], rtol=1e-5)


def test_a_set_without_meshes_has_scores_of_keypoints_alone(hands, data):
    bare = data.replace(
        vertices=torch.zeros_like(data.vertices), mesh_valid=torch.zeros_like(data.mesh_valid)
    )
    said = predict(TransHand(hands, "tiny"), bare, 32, bone=None, precision="float32")
    numbers = summary(said)
    assert np.isnan(numbers["mpvpe_mm"]) and np.isnan(numbers["cdev_mm"])
    assert np.isfinite(numbers["mpjpe_mm"])
    assert evaluate.mean_pose(bare, bone=None).vertices is None


def test_a_left_hand_alone_keeps_its_precision(hands, data, tmp_path):
    """Its place is not known, so it is put at the origin and not at the camera's."""
    alone = data.replace(valid=torch.tensor([[False, True]] * len(data)))
    said = predict(TransHand(hands, "tiny"), alone, 32, bone=None, precision="float32")
    np.testing.assert_allclose(said.target[:, 1, 9], 0, atol=1e-6)
    said.save(tmp_path / "p.npz", half=True)
    kept = Predictions.load(tmp_path / "p.npz")
    np.testing.assert_allclose(evaluate.errors(kept)["mpjpe_mm"], evaluate.errors(said)["mpjpe_mm"], atol=0.1)


def test_regressed_truth_is_the_networks_map_of_the_true_mesh(hands, predictions):
    expected = np.stack(
        [
            hand.keypoints_from_vertices(torch.from_numpy(predictions.target_vertices[:, side])).numpy()
            for side, hand in enumerate(hands.hands)
        ],
        1,
    )
    keypoints, valid = predictions.truth("regressed")
    np.testing.assert_allclose(keypoints, expected, atol=1e-6)
    assert valid.all()
    assert summary(predictions, truth="regressed")["mpjpe_mm"] != summary(predictions)["mpjpe_mm"]
    with pytest.raises(ValueError, match="no true meshes"):
        predictions.replace(regressed=None).truth("regressed")
    with pytest.raises(ValueError, match="truth must be"):
        predictions.truth("guessed")


def test_protocols_are_combinations_of_the_metrics(predictions):
    given = (predictions.predicted, predictions.target)
    interhand = evaluate.protocol_error(predictions, metrics.PROTOCOLS["InterNet"])
    assert interhand == pytest.approx(metrics.mean_error(metrics.mpjpe(*given, root="wrist")))
    strict = metrics.Protocol("middle_mcp", "bone", "without_root")
    expected = metrics.smpjpe(*given, root="middle_mcp", joints="without_root")
    assert evaluate.protocol_error(predictions, strict) == pytest.approx(metrics.mean_error(expected))
    ours = evaluate.protocol_error(predictions, metrics.PROTOCOLS["RenderIH"])
    assert ours == pytest.approx(summary(predictions, truth="regressed")["mpjpe_mm"])


def test_a_constant_is_a_network_that_always_says_the_same(hands, data, predictions):
    answer = evaluate.mean_pose(data, bone=None)
    network = Stubborn(answer, TransHand(hands, "tiny").keypoint_map)
    said = predict(network, data, 32, bone=None, precision="float32")
    found, expected = summary(evaluate.constant(predictions, answer)), summary(said)
    assert set(found) == set(expected)
    assert found == pytest.approx(expected, rel=1e-4, nan_ok=True)


def test_a_network_may_say_which_hands_there_are_and_have_no_mesh(hands, data):
    answer = evaluate.mean_pose(data, bone=None)._replace(vertices=None)
    network = Stubborn(answer, torch.zeros(0), handedness=torch.tensor([0.9, 0.6]))
    valid = data.valid.clone()
    valid[:2, 0] = False
    known = data.keypoint_valid.clone()
    known[3, 0, 9] = False  # a hand without a known root is there all the same
    said = predict(
        network, data.replace(valid=valid, keypoint_valid=known), 32, bone=None, precision="float32"
    )
    numbers = summary(said)
    assert numbers["handedness"] == pytest.approx(4 / 6)
    assert "mpvpe_mm" not in numbers and said.regressed is None


def test_the_mean_pose_is_the_best_constant(data, predictions):
    """The mean minimises squared error: any other constant is worse on the images it was taken from."""
    mean = evaluate.mean_pose(data, bone=None)

    def squared(keypoints):
        said = evaluate.constant(predictions, Constant(keypoints))
        local = said.predicted - said.predicted[:, :, 9:10] - (said.target - said.target[:, :, 9:10])
        return (local**2).sum()

    rng = np.random.default_rng(0)
    best = squared(mean.keypoints)
    assert all(best < squared(mean.keypoints + rng.normal(0, 0.005, (2, 21, 3))) for _ in range(5))
    assert summary(evaluate.constant(predictions, mean))["mpjpe_mm"] > 5


def test_the_mean_pose_leaves_out_what_is_not_annotated(data):
    known = torch.tensor([[True, True]] * 3 + [[True, False]] * 3)
    wild = data.replace(valid=known, keypoints=data.keypoints.clone())
    wild.keypoints[3:, 1] += torch.randn(3, 21, 3, generator=torch.Generator().manual_seed(0))
    sane, mean = evaluate.mean_pose(data[:3], bone=None), evaluate.mean_pose(wild, bone=None)
    np.testing.assert_allclose(mean.keypoints[1], sane.keypoints[1], atol=1e-6)
    np.testing.assert_allclose(mean.vertices[1], sane.vertices[1], atol=1e-6)
    tips = data.keypoint_valid.clone()
    tips[3:, 0, 20] = False
    wild = data.replace(keypoint_valid=tips, keypoints=data.keypoints.clone())
    wild.keypoints[3:, 0, 20] = 0
    np.testing.assert_allclose(
        evaluate.mean_pose(wild, bone=None).keypoints[0, 20], sane.keypoints[0, 20], atol=1e-6
    )


def test_the_mean_pose_does_not_depend_on_the_batch(data):
    whole, parts = (evaluate.mean_pose(data, bone=0.095, batch=b) for b in (256, 4))
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_canonical_hand_is_the_rest_pose(hands):
    rest = evaluate.canonical_hand(hands)
    np.testing.assert_allclose(rest.keypoints[1], rest.keypoints[0] * [-1, 1, 1], atol=1e-6)
    np.testing.assert_allclose(rest.vertices[1], rest.vertices[0] * [-1, 1, 1], atol=1e-6)


def test_a_constant_without_2d_is_neither_swapped_nor_not(hands, predictions):
    said = evaluate.constant(predictions, evaluate.canonical_hand(hands))
    assert np.isnan(summary(said)["swapped"])


def test_intervals_hold_the_mean_and_differences_are_paired(predictions):
    worse = predictions.replace(predicted=predictions.predicted * np.float32(1.01))
    rng = np.random.default_rng(0)
    for name, (low, high) in evaluate.intervals(predictions, rng).items():
        if name != "swapped" and np.isfinite(low):
            assert low <= summary(predictions)[name] <= high, name
    value, low, high = evaluate.differences(worse, predictions, rng)["mpjpe_mm"]
    assert value == pytest.approx(summary(worse)["mpjpe_mm"] - summary(predictions)["mpjpe_mm"])
    spread = np.subtract(*evaluate.intervals(predictions, rng)["mpjpe_mm"][::-1])
    assert low <= value <= high and high - low < 0.2 * spread
    with pytest.raises(ValueError, match="same images"):
        evaluate.differences(predictions, predictions.replace(ids=predictions.ids[::-1]), rng)


def test_an_interval_of_one_pose_is_unknown(predictions):
    one = predictions.replace(pose_ids=np.zeros_like(predictions.pose_ids))
    assert np.isnan(evaluate.intervals(one, np.random.default_rng(0))["mpjpe_mm"]).all()


def test_joined_predictions_are_in_order(predictions):
    halves = [
        predictions.replace(**{n: v[part] for n, v in vars(predictions).items() if v is not None})
        for part in (slice(0, 2), slice(2, None))
    ]
    joined = Predictions.cat(halves)
    for name, value in vars(predictions).items():
        np.testing.assert_array_equal(getattr(joined, name), value)
