import dataclasses

import pytest
import torch

from renderih_lib.train.losses import OFFICIAL_FORM, OFFICIAL_WEIGHTS, PAPER_FORM, PAPER_WEIGHTS
from renderih_lib.train.settings import (
    PRESETS,
    TrainSettings,
    autocast,
    best_precision,
    learning_rate,
    make_optimizer,
)

PLAN = TrainSettings(steps=100, batch=4, image_size=64, warmup=10, learning_rate=1.0)


def preset(name: str, **changes) -> TrainSettings:
    return TrainSettings.preset(name, steps=200, batch=64, image_size=256, **changes)


def test_the_paper_is_plain_adam_on_l1_sums():
    paper = preset("paper")
    assert (paper.optimizer, paper.learning_rate, paper.schedule) == ("adam", 1e-4, "constant")
    assert (paper.form, paper.weights, paper.bone) == (PAPER_FORM, PAPER_WEIGHTS, None)
    assert {learning_rate(paper, step) for step in (0, 100, 199)} == {1e-4}


def test_the_released_code_differs_where_the_facts_say():
    official = preset("official")
    assert (official.optimizer, official.learning_rate, official.weight_decay) == ("adamw", 3e-4, 0.01)
    assert (official.form, official.weights, official.bone) == (OFFICIAL_FORM, OFFICIAL_WEIGHTS, 0.095)
    assert official.warmup == 3 and official.edges_after == 0.25
    rates = [learning_rate(official, epoch) for epoch in (2, 79, 80, 159, 160, 199)]
    assert rates == pytest.approx([3e-4, 3e-4, 3e-5, 3e-5, 1.5e-5, 1.5e-5])  # tenths, not below a twentieth


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_changed(name):
    changed = preset(name, seed=7, learning_rate=0.5)
    assert (changed.seed, changed.learning_rate) == (7, 0.5)
    assert dataclasses.replace(changed, seed=0, learning_rate=preset(name).learning_rate) == preset(name)


def test_a_preset_that_does_not_exist_is_refused():
    with pytest.raises(
        ValueError, match=r"preset must be one of \('paper', 'official', 'demo'\), got 'best'"
    ):
        preset("best")


def test_the_rate_warms_up_then_falls_to_nothing():
    rates = [learning_rate(PLAN, step) for step in range(100)]
    assert rates[0] < 0.11 and max(rates) == pytest.approx(1.0, abs=0.03) and rates[-1] < 1e-3
    assert learning_rate(dataclasses.replace(PLAN, schedule="constant"), 99) == 1.0


@pytest.mark.parametrize(
    "change, message",
    [
        ({"optimizer": "sgd"}, "optimizer"),
        ({"schedule": "step"}, "schedule"),
        ({"precision": "float8"}, "precision"),
        ({"image_size": 50}, "multiple of 32"),
        ({"image_size": 0}, "multiple of 32"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"save_every": 0}, "save_every"),
    ],
)
def test_settings_that_cannot_be_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PLAN, **change)


def test_only_matrices_decay():
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.LayerNorm(3))
    groups = make_optimizer(model, PLAN).param_groups
    assert [(len(g["params"]), g["weight_decay"]) for g in groups] == [(1, 0.05), (3, 0.0)]
    (adam,) = make_optimizer(model, preset("paper")).param_groups
    assert adam["weight_decay"] == 0


@pytest.mark.parametrize(
    "name, dtype", [("float32", torch.float32), ("bfloat16", torch.bfloat16), ("float16", torch.float16)]
)
def test_a_network_computes_in_the_asked_precision(name, dtype):
    with autocast("cpu", name):
        assert torch.nn.Linear(2, 2)(torch.zeros(1, 2)).dtype == dtype


def test_the_best_precision_is_one_that_exists():
    assert best_precision("cpu") in ("float32", "bfloat16") and best_precision("cuda") == "bfloat16"
