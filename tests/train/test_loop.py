import dataclasses
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.nets.transhand import TransHand
from renderih_lib.train.loop import (
    TrainSettings,
    batch_indices,
    best_precision,
    learning_rate,
    run_key,
    train,
)
from renderih_lib.train.losses import LossWeights

SHORT = TrainSettings(steps=20, batch=2, image_size=32, warmup=2, log_every=1, save_every=100)


@pytest.fixture(scope="module")
def data(noise_batch):
    return noise_batch(5)


@pytest.fixture
def make(hands):
    return lambda seed=0, **changes: TransHand(hands, "tiny", seed=seed, **changes)


def test_twenty_steps_equal_ten_and_a_resumed_ten_bit_for_bit(make, data, tmp_path):
    whole, first, second = make(), make(), make(seed=1)
    curve = train(whole, data, SHORT, tmp_path / "whole")
    train(first, data, SHORT, tmp_path / "halves", until=10)
    resumed = train(
        second, data, SHORT, tmp_path / "halves"
    )  # other weights: the checkpoint must replace them
    for name, value in whole.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    assert [row["step"] for row in resumed] == list(range(1, 21))
    assert [row["loss"] for row in resumed] == [row["loss"] for row in curve]


def test_a_finished_run_does_nothing_more(make, data, tmp_path):
    short = dataclasses.replace(SHORT, steps=2)
    train(make(), data, short, tmp_path)
    model = make(seed=5)
    curve = train(
        model, data, short, tmp_path, progress=lambda steps: steps if not len(steps) else pytest.fail()
    )
    assert len(curve) == 2


def test_the_loss_falls_on_images_seen_again_and_again(make, data, tmp_path):
    calm = dataclasses.replace(
        SHORT.augmentation, rotation=0.0, scale=0.0, shift=0.0, flip=0.0, gain=0.0, brightness=0.0
    )
    plan = dataclasses.replace(SHORT, steps=20, batch=5, learning_rate=3e-3, augmentation=calm)
    curve = train(make(), data, plan, tmp_path)
    assert curve[-1]["loss"] < 0.9 * curve[0]["loss"]


def test_the_curve_is_json_lines_with_every_term_and_the_evaluation(make, data, tmp_path):
    train(
        make(), data, dataclasses.replace(SHORT, steps=4), tmp_path, every=2, evaluate=lambda m: {"mm": 1.5}
    )
    rows = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    assert {"step", "seconds", "loss", *dataclasses.asdict(LossWeights())} <= set(rows[0])
    assert [row["step"] for row in rows if "mm" in row] == [2, 4]


def test_other_settings_do_not_continue_a_run(make, data, tmp_path):
    train(make(), data, SHORT, tmp_path, until=1)
    with pytest.raises(ValueError, match="another learning_rate"):
        train(make(), data, dataclasses.replace(SHORT, learning_rate=1.0), tmp_path)


def test_a_loss_that_is_not_finite_names_the_images(make, data, tmp_path):
    broken = data.replace(keypoints=data.keypoints.clone())
    broken.keypoints[3] = float("nan")
    with pytest.raises(FloatingPointError, match=r"not finite at step \d+.*samples .*noise/3"):
        train(make(), broken, SHORT, tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_run_is_named_by_its_network_images_and_settings(make, data):
    key = run_key(make(), data, SHORT)
    brighter = data.replace(images=data.images.clone())
    brighter.images[2, 0, 0, 0] ^= 1
    others = [
        run_key(make(), brighter, SHORT),
        run_key(make(), data, dataclasses.replace(SHORT, seed=1)),
        run_key(make(lateral=False), data, SHORT),
    ]
    assert key == run_key(make(), data, SHORT) and len({key, *others}) == 4


def test_adam_is_the_papers_plain_adam(make, data, tmp_path):
    paper = dataclasses.replace(SHORT, steps=1, optimizer="adam", schedule="constant", warmup=0)
    train(make(), data, paper, tmp_path)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["optimizer"]["param_groups"][0]["weight_decay"] == 0


@settings(max_examples=25, deadline=None)
@given(count=st.integers(3, 50), batch=st.integers(1, 12), seed=st.integers(0, 5))
def test_an_epoch_shows_each_image_at_most_once(count, batch, seed):
    plan = dataclasses.replace(SHORT, batch=batch, seed=seed)
    steps = count // min(batch, count)
    seen = np.concatenate([batch_indices(count, plan, step) for step in range(steps)])
    assert len(set(seen.tolist())) == len(seen) == steps * min(batch, count)
    assert list(batch_indices(count, plan, 1)) == list(batch_indices(count, plan, 1))


def test_the_rate_warms_up_then_falls_to_nothing():
    plan = dataclasses.replace(SHORT, steps=100, warmup=10, learning_rate=1.0)
    rates = [learning_rate(plan, step) for step in range(100)]
    assert rates[0] < 0.11 and max(rates) == pytest.approx(1.0, abs=0.03) and rates[-1] < 1e-3
    assert learning_rate(dataclasses.replace(plan, schedule="constant"), 99) == 1.0


@pytest.mark.parametrize(
    "change, message",
    [
        ({"optimizer": "sgd"}, "optimizer"),
        ({"schedule": "step"}, "schedule"),
        ({"precision": "float16"}, "precision"),
        ({"image_size": 50}, "multiple of 32"),
    ],
)
def test_unknown_choices_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SHORT, **change)


def test_bfloat16_trains_too(make, data, tmp_path):
    curve = train(make(), data, dataclasses.replace(SHORT, steps=2, precision="bfloat16"), tmp_path)
    assert np.isfinite(curve[-1]["loss"]) and best_precision("cpu") in ("float32", "bfloat16")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_one_gpu_trains_in_bfloat16(make, data, tmp_path):
    plan = dataclasses.replace(SHORT, steps=3, precision=best_precision("cuda"))
    curve = train(make().cuda(), data.to("cuda"), plan, tmp_path)
    assert np.isfinite(curve[-1]["loss"])
