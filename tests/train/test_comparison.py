"""Comparisons of runs: paired, honest about seeds and poses, and readable from what runs leave behind."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from renderih_lib import metrics
from renderih_lib.scales import scale_by_name
from renderih_lib.train import comparison
from renderih_lib.train.comparison import Trials, caution, combined, contrast, gain, level, ratio, trials


def of(errors, poses=None, seeds=None, **changes):
    errors = np.atleast_2d(np.asarray(errors, dtype=float))
    count = errors.shape[1]
    fields = {
        "errors": errors,
        "poses": np.arange(count) if poses is None else np.asarray(poses),
        "ids": np.array([f"i{i}" for i in range(count)]),
        "mask_iou": np.linspace(0, 1, count),
        "seeds": tuple(range(len(errors))) if seeds is None else seeds,
        "real": False,
        "scale": "tiny",
    }
    return Trials(**fields | changes)


def rng(key=0):
    return np.random.default_rng(key)


def leave(folder, experiment, seed, errors, after="", real=True, ids=None, **more):
    """What `train.run` leaves of one run, as far as comparisons read it."""
    run = folder / f"{experiment}-{seed}"
    run.mkdir(parents=True)
    ids = np.array([f"i{i}" for i in range(len(errors))]) if ids is None else ids
    extra = {"pose_ids": np.arange(len(errors)), "ids": ids, "mask_iou": np.zeros(len(errors))}
    np.savez(run / "errors-interhand26m-test.npz", mpjpe_mm=np.asarray(errors, np.float32), **extra, **more)
    record = {"seed": seed, "scale": "tiny", "after": after, "train": [{"real": real}]}
    record["tests"] = {"interhand26m-test": {"real": True}}
    (run / "metrics.json").write_text(json.dumps(record))


@given(st.floats(-5, 5), st.integers(0, 5))
def test_a_gain_is_positive_where_the_second_is_better(shift, seed):
    errors = rng(seed).uniform(10, 50, (2, 30))
    found = gain(of(errors), of(errors - shift), rng())
    assert found.value == pytest.approx(shift, abs=1e-9)
    assert found.low == pytest.approx(shift, abs=1e-9) and found.high == pytest.approx(shift, abs=1e-9)


def test_pairing_removes_what_images_share():
    hard = rng().uniform(0, 100, 200)
    noise = rng(1).normal(0, 1, (2, 200))
    paired = gain(of(hard + noise[0]), of(hard + noise[1] - 1), rng())
    assert paired.high - paired.low < 0.6
    alone = level(of(hard + noise[0]), rng())
    assert alone.high - alone.low > 5


def test_one_seed_gives_the_interval_over_poses():
    difference = rng(2).normal(1, 3, 80)
    poses = np.repeat(np.arange(20), 4)
    found = gain(of(20 + difference, poses), of(np.full(80, 20.0), poses), rng(5))
    low, high = metrics.cluster_interval(difference, poses, rng(5))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.over == "1 seed and 20 poses"


def test_seeds_that_disagree_widen_the_interval_as_students_t_says():
    shifts = np.array([0.5, 1.5, 2.5])
    found = gain(of(10 + shifts[:, None] + np.zeros((3, 50))), of(np.full((3, 50), 10.0)), rng())
    wanted = ttest_1samp(shifts, 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert found.over == "3 seeds and 50 poses"


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    hits = 0
    for draw in range(200):
        noise = rng(draw)
        seeds = noise.normal(0, 1, (3, 1)) + noise.normal(0, 4, (1, 40)) + noise.normal(0, 1, (3, 40))
        found = gain(of(30 + 1 + seeds), of(np.full((3, 40), 30.0)), noise)
        hits += found.low <= 1 <= found.high
    assert 0.88 <= hits / 200 <= 1.0


def test_a_single_pose_says_nothing_about_others():
    found = gain(of([3.0, 4.0], [7, 7]), of([2.0, 2.0], [7, 7]), rng())
    assert found.value == 1.5 and found.low == -np.inf and found.high == np.inf
    assert found.direction == "no difference to be seen"


def test_only_seeds_that_both_have_are_compared():
    first, second = of([[10.0, 12], [90, 90]], seeds=(0, 1)), of([[9.0, 11]], seeds=(0,))
    assert gain(first, second, rng()).value == 1.0
    with pytest.raises(ValueError, match="no seed in common"):
        gain(first, of([[9.0, 11]], seeds=(5,)), rng())


def test_other_images_or_scales_are_refused():
    first = of([10.0, 12])
    for other in (of([1.0, 2, 3]), of([10.0, 12], ids=np.array(["i1", "i0"])), of([1.0, 2], scale="gpu")):
        with pytest.raises(ValueError, match="same images"):
            combined((1.0, first), (-1.0, other))


def test_a_difference_of_gains_is_one_combination():
    zero, half, everything = (of(rng(i).uniform(10, 20, (2, 12))) for i in range(3))
    diminishing = level(combined((1.0, zero), (-2.0, half), (1.0, everything)), rng())
    first, second = gain(zero, half, rng()), gain(half, everything, rng())
    assert diminishing.value == pytest.approx(first.value - second.value)


def test_ratio_is_the_ratio_of_means_and_its_interval_shrinks_with_agreement():
    base = rng().uniform(10, 50, (2, 60))
    exact = ratio(of(0.8 * base), of(base), rng())
    assert exact.value == pytest.approx(0.8) and exact.high - exact.low < 1e-9 and exact.unit == ""
    noisy = ratio(of(0.8 * base + rng(1).normal(0, 5, base.shape)), of(base), rng())
    assert noisy.low < noisy.value < noisy.high


def test_contrast_is_the_difference_of_the_means_and_knows_its_error():
    values = np.concatenate([rng(1).normal(5, 1, 100), rng(2).normal(2, 1, 300)])
    chosen = np.arange(400) < 100
    found = contrast(of(values), chosen, ~chosen, rng())
    assert found.value == pytest.approx(values[:100].mean() - values[100:].mean())
    expected = 1.96 * np.hypot(values[:100].std() / 10, values[100:].std() / np.sqrt(300))
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.15)
    with pytest.raises(ValueError, match="both sides"):
        contrast(of(values), chosen, chosen & False, rng())


def test_a_contrast_with_a_single_pose_on_one_side_is_not_certain():
    values, poses = rng().normal(5, 1, 41), np.append(np.arange(20).repeat(2), 20)
    alone = poses == 20
    for sides in ((alone, ~alone), (~alone, alone)):
        found = contrast(of(values, poses), *sides, rng())
        assert found.value == pytest.approx(values[sides[0]].mean() - values[sides[1]].mean())
        assert found.low == -np.inf and found.high == np.inf
        assert found.direction == "no difference to be seen"


def test_a_contrast_counts_only_the_poses_that_it_contrasts():
    values = rng().normal(5, 1, 400)
    number = np.arange(400) // 100
    found = contrast(of(values), number == 3, number == 0, rng())
    assert found.over == "1 seed and 200 poses"
    expected = 1.96 * np.hypot(values[number == 3].std(), values[number == 0].std()) / 10
    assert (found.high - found.low) / 2 == pytest.approx(expected, rel=0.2)


def test_images_that_do_not_count_are_left_out():
    with_gap = of([[1.0, np.nan, 3.0]])
    assert with_gap.mean == 2.0
    assert gain(with_gap, of([[0.0, np.nan, 1.0]]), rng()).value == 1.5
    chosen = np.array([True, True, False])
    assert contrast(with_gap, chosen, ~chosen, rng()).value == -2.0
    assert with_gap.within(chosen).errors.shape == (1, 2)


def test_trials_read_every_finished_seed_and_no_other_experiment(tmp_path):
    leave(tmp_path, "real", 1, [1.0, 2, 3])
    leave(tmp_path, "real", 0, [4.0, 5, 6])
    leave(tmp_path, "real-no-lateral", 0, [7.0, 8, 9])
    (tmp_path / "real-2").mkdir()  # not finished: no metrics.json
    found = trials(tmp_path, "real", "interhand26m-test", "mpjpe_mm")
    assert found.seeds == (0, 1) and found.by_seed.tolist() == [5.0, 2.0] and found.real
    with pytest.raises(FileNotFoundError, match="mixed"):
        trials(tmp_path, "mixed", "interhand26m-test", "mpjpe_mm")
    with pytest.raises(ValueError, match="mpjpe_mm"):
        trials(tmp_path, "real", "interhand26m-test", "beauty")


def test_a_run_is_real_only_if_the_run_it_starts_from_is(tmp_path):
    leave(tmp_path, "pretraining", 0, [1.0, 2], real=False)
    leave(tmp_path, "finetuned", 0, [1.0, 2], after="pretraining", real=True)
    assert not trials(tmp_path, "finetuned", "interhand26m-test", "mpjpe_mm").real


def test_seeds_tested_on_other_images_are_refused(tmp_path):
    leave(tmp_path, "real", 0, [1.0, 2])
    leave(tmp_path, "real", 1, [1.0, 2], ids=np.array(["x", "y"]))
    with pytest.raises(ValueError, match="different images"):
        trials(tmp_path, "real", "interhand26m-test", "mpjpe_mm")


def test_a_record_is_what_the_ledger_reads():
    record = gain(of([[3.0, 4]]), of([[2.0, 2]]), rng()).record()
    assert list(record) == ["value", "low", "high", "unit", "over", "data", "scale"]
    assert record["data"] == "stand-in" and record["scale"] == "tiny"


def numbers(network, constant, mpjpe=30.0, mean_pose=50.0):
    rows = [
        (network, "real", "pa_mpjpe_mm"),
        (network + 2, "real", "pa_mpjpe_mm"),
        (constant, "constant hand", "pa_mpjpe_mm"),
        (mpjpe, "real", "mpjpe_mm"),
        (mean_pose, "mean pose", "mpjpe_mm"),
    ]
    frame = pd.DataFrame(rows, columns=["value", "experiment", "metric"])
    return frame.assign(test="interhand26m-test")


def test_caution_names_every_reason_not_to_believe():
    weak = gain(of([[30.0, 31]]), of([[29.0, 30]]), rng())
    text = caution(numbers(20.0, 17.0, mpjpe=48.0), "real", "interhand26m-test", weak)
    assert (
        "21.0 mm is not below" in text
        and "cannot judge" in text
        and "one seed" in text
        and "stand-in" in text
        and "48.0 mm is not even 5% below the mean pose's 50.0 mm" in text
        and "2 poses are few" in text
    )
    real = of(np.full((3, 30), 8.0) + rng().random((3, 30)), real=True, scale="paper")
    text = caution(numbers(6.0, 17.0), "real", "interhand26m-test", gain(real, real, rng()))
    assert "cannot" not in text and "stand-in" not in text and "seed" not in text
    assert "mean pose" not in text and "few" not in text
    even = caution(numbers(16.0, 17.0), "real", "interhand26m-test", gain(real, real, rng()))
    assert "17.0 mm is not below" in even


def test_gains_leave_out_a_metric_that_counts_nowhere(tmp_path):
    leave(tmp_path, "real", 0, [4.0, 5, 6], cdev_mm=np.full(3, np.nan))
    leave(tmp_path, "mixed", 0, [3.0, 4, 5], cdev_mm=np.full(3, np.nan))
    found = comparison.gains(
        tmp_path, "real", "mixed", "interhand26m-test", ("mpjpe_mm", "cdev_mm"), lambda *keys: rng()
    )
    assert list(found) == ["mpjpe_mm"] and found["mpjpe_mm"].value == 1.0


def test_a_setup_says_what_was_learned_from_for_how_long_and_tested_on_what():
    row = {
        "experiment": "finetuned",
        "trained_on": "12 of renderih, then 9 of studio",
        "metric": "mpjpe_mm",
        "value": 1.0,
    }
    places = (("interhand26m-test", "studio"), ("tzionas-test", "tabletop"))
    rows = [row | {"seed": seed, "test": test, "data": data} for seed in (0, 1) for test, data in places]
    sizes = scale_by_name("tiny")
    table = comparison.setup(pd.DataFrame(rows), ["finetuned", "real"], sizes)
    assert table.loc["finetuned"].to_dict() == {
        "seeds": 2,
        "learns from": "12 of renderih, then 9 of studio",
        "steps": sizes.experiment_steps // 2,
        "tested on": "studio; tabletop",
    }
    assert table.loc["real", "seeds"] == 0 and table.loc["real", "learns from"] == ""
    assert comparison.tested_on(pd.DataFrame(rows), "tzionas-test") == "tabletop"
