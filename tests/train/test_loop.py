import dataclasses
import json
import os
import resource
import signal

import numpy as np
import pytest
import torch

from renderih_lib.train.augment import NO_AUGMENTATION
from renderih_lib.train.loop import TERMINATED, train
from renderih_lib.train.losses import LossWeights
from renderih_lib.train.mixture import Mixture
from renderih_lib.train.settings import TrainSettings, best_precision


@pytest.fixture(scope="module")
def data(noise_batch):
    return noise_batch(5)


def same(model, other) -> bool:
    pairs = zip(model.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def stop_at(step: int, action):
    """For `progress`: does `action` when this step is about to begin."""

    def steps(numbers):
        for number in numbers:
            if number == step:
                action()
            yield number

    return steps


def kill_oneself(number: int):
    return lambda: os.kill(os.getpid(), number)


def losses(curve) -> list[float]:
    return [row["loss"] for row in curve]


@pytest.mark.parametrize("precision", ["float32", pytest.param("float16", marks=pytest.mark.slow)])
def test_twenty_steps_equal_ten_a_kill_and_a_resumed_ten_bit_for_bit(
    make, data, short, tmp_path, in_child, precision
):
    """A power cut after step 13 leaves the checkpoint of step 10; another process goes on from there."""
    plan = dataclasses.replace(short, save_every=10, precision=precision)
    whole, resumed = make(), make(seed=1)  # other weights: the checkpoint must replace them
    mixture = Mixture([data, data[np.arange(3)]], weights=[1, 2])
    curve = train(whole, mixture, plan, tmp_path / "whole")
    killing = stop_at(13, kill_oneself(signal.SIGKILL))
    halves = tmp_path / "halves"
    code, _ = in_child(lambda: train(make(), mixture, plan, halves, progress=killing), tmp_path)
    assert code == -signal.SIGKILL
    assert torch.load(halves / "checkpoint.pt", weights_only=True)["step"] == 10
    again = train(resumed, mixture, plan, halves)
    assert same(whole, resumed) and losses(again) == losses(curve)
    assert [row["step"] for row in again] == list(range(1, 21))


@pytest.mark.slow
def test_dropout_is_the_same_after_a_resumption_and_disturbs_nobody(make, data, short, tmp_path):
    def dropping(seed=0):
        model = make(seed)
        model.start.mix.append(torch.nn.Dropout(0.5))
        return model

    whole, resumed, plain = dropping(), dropping(seed=1), make()
    outside = torch.get_rng_state()
    train(whole, data, short, tmp_path / "whole")
    assert torch.equal(torch.get_rng_state(), outside)
    train(dropping(), data, short, tmp_path / "halves", until=10)
    torch.rand(7)  # whatever happens outside
    train(resumed, data, short, tmp_path / "halves")
    assert same(whole, resumed)
    train(plain, data, short, tmp_path / "plain")
    assert not same(plain, whole)  # it did drop


def test_sigterm_saves_says_so_and_another_process_goes_on(make, data, short, tmp_path, in_child):
    whole, resumed = make(), make(seed=1)
    train(whole, data, short, tmp_path / "whole")
    halves = tmp_path / "halves"
    asking = stop_at(7, kill_oneself(signal.SIGTERM))
    code, printed = in_child(lambda: train(make(), data, short, halves, progress=asking), tmp_path)
    assert code == TERMINATED == 143
    assert "stopped by SIGTERM after step" in printed and "run the same command again" in printed
    assert 7 < torch.load(halves / "checkpoint.pt", weights_only=True)["step"] < 11
    train(resumed, data, short, halves)
    assert same(whole, resumed)


def test_sigterm_means_what_it_meant_before_once_training_is_over(make, data, short, tmp_path):
    former = signal.getsignal(signal.SIGTERM)
    train(make(), data, short, tmp_path, until=1)
    assert signal.getsignal(signal.SIGTERM) is former


def test_a_deadline_saves_and_returns(make, data, short, tmp_path):
    asked = iter([False, False, True, True, True])
    plan = dataclasses.replace(short, steps=6)
    curve = train(make(), data, plan, tmp_path, stop=lambda: next(asked))
    assert curve[-1]["step"] == 4  # asked at the third step, noticed after the fourth
    assert train(make(), data, plan, tmp_path)[-1]["step"] == plan.steps


def test_a_full_disk_leaves_the_old_checkpoint_whole(make, data, short, tmp_path, in_child):
    folder, plan = tmp_path / "run", dataclasses.replace(short, steps=6)
    train(make(), data, plan, folder, until=2)
    old = (folder / "checkpoint.pt").read_bytes()

    def with_little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        train(make(), data, plan, folder)

    code, printed = in_child(with_little_room, tmp_path)
    assert code == 1 and "OSError" in printed and "checkpoint.pt" in printed
    assert (folder / "checkpoint.pt").read_bytes() == old
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.pt", "curve.jsonl"]
    assert train(make(), data, plan, folder)[-1]["step"] == plan.steps


def test_a_finished_run_does_nothing_more(make, data, short, tmp_path):
    brief = dataclasses.replace(short, steps=2)
    train(make(), data, brief, tmp_path)
    curve = train(make(seed=5), data, brief, tmp_path, progress=lambda s: s if not len(s) else pytest.fail())
    assert len(curve) == 2


def test_the_loss_falls_on_images_seen_again_and_again(make, data, short, tmp_path):
    plan = dataclasses.replace(short, batch=5, learning_rate=3e-3, augmentation=NO_AUGMENTATION)
    curve = train(make(), data, plan, tmp_path)
    assert curve[-1]["loss"] < 0.9 * curve[0]["loss"]


def test_the_curve_is_json_lines_with_every_term_and_the_evaluation(make, data, short, tmp_path):
    seen = []
    plan = dataclasses.replace(short, steps=4)
    train(make(), data, plan, tmp_path, every=2, evaluate=lambda m: {"mm": 1.5}, on_row=[seen.append])
    rows = [json.loads(line) for line in (tmp_path / "curve.jsonl").read_text().splitlines()]
    told = {"step", "seconds", "learning_rate", "gradient_norm", "loss", *dataclasses.asdict(LossWeights())}
    assert told == set(rows[0]) and seen == rows
    assert [row["step"] for row in rows if "mm" in row] == [2, 4]


def test_a_loss_that_is_not_finite_names_the_images(make, data, short, tmp_path):
    broken = data.replace(keypoints=data.keypoints.clone())
    broken.keypoints[3] = float("nan")
    with pytest.raises(FloatingPointError, match=r"not finite at step \d+.*samples .*noise/3"):
        train(make(), broken, dataclasses.replace(short, log_every=7), tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_a_checkpoint_is_never_of_a_loss_that_is_not_finite(make, data, short, tmp_path):
    broken = data.replace(keypoints=torch.full_like(data.keypoints, float("nan")))
    for plan in (dataclasses.replace(short, log_every=9, save_every=1), dataclasses.replace(short, steps=1)):
        with pytest.raises(FloatingPointError, match="step 0"):
            train(make(), broken, plan, tmp_path)
        assert not (tmp_path / "checkpoint.pt").exists()


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_gradient_that_is_not_finite_stops_too_unless_float16_leaves_the_step_out(
    make, data, short, tmp_path, precision
):
    model = make()
    weight = next(model.parameters())
    before = weight.detach().clone()
    weight.register_hook(lambda gradient: gradient * float("inf"))
    plan = dataclasses.replace(short, steps=1, precision=precision)
    if precision == "float16":
        (row,) = train(model, data, plan, tmp_path)
        assert row["gradient_norm"] is None and torch.equal(weight, before)
        return
    with pytest.raises(FloatingPointError, match="gradient_norm is not finite at step 0.*samples noise/"):
        train(model, data, plan, tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_finetuning_begins_with_the_weights_of_pretraining_and_a_fresh_optimiser(make, data, short, tmp_path):
    """Two stages with other images and settings; the second resumes by itself, not from the first again."""
    first = make()
    train(first, data, dataclasses.replace(short, steps=3), tmp_path / "pretrain")
    gentle = dataclasses.replace(short, steps=6, learning_rate=1e-4, seed=5)
    stored = torch.load(tmp_path / "pretrain/checkpoint.pt", weights_only=True)["model"]

    def second():
        model = make(seed=9)
        model.load_state_dict(stored)
        return model

    whole, resumed = second(), second()
    assert same(whole, first)
    real = data[np.arange(2)]
    curve = train(whole, real, gentle, tmp_path / "whole")
    train(second(), real, gentle, tmp_path / "halves", until=3)
    train(resumed, real, gentle, tmp_path / "halves")
    assert same(whole, resumed) and not same(whole, first) and curve[0]["step"] == 1


@pytest.mark.parametrize("name", ["paper", "official", "demo"])
def test_every_preset_trains(make, data, tmp_path, name):
    plan = TrainSettings.preset(name, steps=4, batch=2, image_size=32, log_every=1)
    curve = train(make(), data, plan, tmp_path)
    assert len(curve) == 4 and np.isfinite(losses(curve)).all()


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_trains_too(make, data, short, tmp_path, precision):
    plan = dataclasses.replace(short, steps=3, precision=precision)
    assert np.isfinite(losses(train(make(), data, plan, tmp_path))).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["float16", best_precision("cuda")])
@pytest.mark.parametrize("compiled", [False, True])
def test_one_gpu_trains_in_half_precision(make, data, short, tmp_path, precision, compiled):
    plan = dataclasses.replace(short, steps=3, precision=precision, compile=compiled)
    curve = train(make().cuda(), data.to("cuda"), plan, tmp_path)
    assert np.isfinite(losses(curve)).all()
