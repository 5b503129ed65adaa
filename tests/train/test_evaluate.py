import numpy as np
import pytest
import torch

from renderih_lib.nets.transhand import TransHand
from renderih_lib.train.evaluate import (
    Predictions,
    canonical_hand,
    constant,
    mean_pose,
    predict,
    summary,
    swap_rate,
)


@pytest.fixture(scope="module")
def data(noise_batch):
    return noise_batch(6)


@pytest.fixture(scope="module")
def predictions(hands, data):
    return predict(TransHand(hands, "tiny"), data, 32, bone=None, precision="float32", batch=4)


def test_truth_is_placed_from_the_right_middle_mcp(predictions, data):
    expected = data.keypoints - data.keypoints[:, :1, 9:10]
    np.testing.assert_allclose(predictions.target, expected.numpy(), atol=1e-6)
    assert np.abs(predictions.predicted[:, 0, 9]).max() < 1e-6


def test_predictions_do_not_depend_on_the_batch_size(hands, data, predictions):
    again = predict(TransHand(hands, "tiny"), data, 32, bone=None, precision="float32", batch=1)
    np.testing.assert_allclose(again.predicted, predictions.predicted, atol=1e-5)


def test_saved_predictions_come_back(predictions, tmp_path):
    predictions.save(tmp_path / "p.npz")
    loaded = Predictions.load(tmp_path / "p.npz")
    for name, value in vars(predictions).items():
        np.testing.assert_array_equal(getattr(loaded, name), value)


def test_the_truth_has_no_error_and_a_swap_of_hands_is_counted(predictions):
    truth = Predictions(
        **(vars(predictions) | {"predicted": predictions.target, "predicted_2d": predictions.target_2d})
    )
    numbers = summary(truth)
    assert numbers["mpjpe_mm"] == 0 and numbers["mrrpe_mm"] == 0 and numbers["swapped"] == 0
    assert numbers["pa_mpjpe_mm"] < 1e-6
    some = truth.target_2d.copy()
    some[:3] = some[:3, ::-1]
    assert swap_rate(Predictions(**(vars(truth) | {"predicted_2d": some}))) == 0.5


def test_the_mean_pose_is_the_best_constant(data, predictions):
    """The mean minimises squared error: any other constant is worse on the images it was taken from."""
    mean = mean_pose(data, bone=None)

    def squared(keypoints):
        said = constant(predictions, keypoints)
        local = said.predicted - said.predicted[:, :, 9:10] - (said.target - said.target[:, :, 9:10])
        return (local**2).sum()

    rng = np.random.default_rng(0)
    assert all(squared(mean) < squared(mean + rng.normal(0, 0.005, mean.shape)) for _ in range(5))
    assert summary(constant(predictions, mean))["mpjpe_mm"] > 5


def test_the_mean_pose_leaves_out_hands_that_are_not_annotated(data):
    known = torch.tensor([[True, True]] * 3 + [[True, False]] * 3)
    wild = data.replace(valid=known, keypoints=data.keypoints.clone())
    wild.keypoints[3:, 1] += torch.randn(3, 21, 3, generator=torch.Generator().manual_seed(0))
    sane = mean_pose(data[:3], bone=None)
    np.testing.assert_allclose(mean_pose(wild, bone=None)[1], sane[1], atol=1e-6)


def test_a_canonical_hand_is_the_rest_pose(hands):
    rest = canonical_hand(hands)
    np.testing.assert_allclose(rest[1], rest[0] * [-1, 1, 1], atol=1e-6)
