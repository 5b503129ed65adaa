"""Errors of a test set by every choice of `measure.AGAIN`, and what is kept of them."""

import numpy as np
import pytest

from renderih_lib import metrics
from renderih_lib.train import evaluate
from renderih_lib.train.evaluate import Predictions
from renderih_lib.train.measure import AGAIN, all_errors, keep, means, measured, never_looking
from renderih_lib.train.settings import TrainSettings

SETTINGS = TrainSettings(steps=1, batch=2, image_size=32, warmup=1)


@pytest.fixture
def answers(make, noise_batch, hands):
    """What an untrained network and two constants say about five images."""
    data = noise_batch(5)
    return measured(make(), data, SETTINGS, never_looking(data, hands, SETTINGS))


def test_other_roots_and_truths_are_those_of_evaluate(answers):
    found = all_errors(answers["metrics"])
    for start, choices in (("wrist_", {"root": "wrist"}), ("mesh_", {"truth": "regressed"})):
        alone = evaluate.errors(answers["metrics"], **choices)
        for name in AGAIN[start][1]:
            np.testing.assert_array_equal(found[f"{start}{name}"], alone[name])


def test_of_the_open_hand_both_truths_say_the_same_to_half_a_percent(answers):
    """So tables of stand-ins need one of them."""
    for said in answers.values():
        found = all_errors(said)
        for name in AGAIN["mesh_"][1]:
            assert means(found)[f"mesh_{name}"] == pytest.approx(means(found)[name], rel=0.005)


def test_keypoints_of_a_mesh_that_lies_elsewhere_change_only_their_own_errors(answers):
    said = answers["metrics"]
    moved = said.regressed.copy()
    moved[:, :, 12] += 0.021  # a fingertip of each hand
    before, after = all_errors(said), all_errors(said.replace(regressed=moved))
    for name, values in before.items():
        same = np.array_equal(after[name], values, equal_nan=True)
        assert same == (not name.startswith("mesh_") or "mrrpe" in name)


def test_without_true_meshes_their_errors_are_none_and_all_others_are_numbers(answers):
    said = answers["metrics"].replace(mesh_valid=np.zeros_like(answers["metrics"].mesh_valid))
    found = means(all_errors(said))
    for name in found:
        assert (found[name] is None) == name.startswith("mesh_") or "vpe" in name or "cdev" in name


def test_what_is_kept_is_one_error_of_each_image(answers, tmp_path):
    found = {name: all_errors(said) for name, said in answers.items()}
    keep(answers, found, "some-test", tmp_path)
    with np.load(tmp_path / "errors-some-test.npz") as kept:
        expected = metrics.per_image(found["mean_pose"]["mesh_wrist_mpjpe_mm"])
        np.testing.assert_allclose(kept["mean_pose_mesh_wrist_mpjpe_mm"], expected, rtol=1e-6)
        assert {len(kept[name]) for name in kept.files} == {5}
    again = Predictions.load(tmp_path / "predictions-some-test.npz")
    np.testing.assert_allclose(again.predicted, answers["metrics"].predicted, atol=1e-3)
