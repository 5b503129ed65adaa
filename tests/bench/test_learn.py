import functools
import itertools

import pytest
import torch

from renderih_lib.bench.learn import TARGETS, alternating, bench_learn, gpu_gain, step_costs


def test_actions_take_turns_and_the_first_turn_does_not_count():
    calls, clock = [], itertools.accumulate([0, 100, 0, 50, 0, 1, 0, 7, 0, 3, 0, 9, 0, 2, 0, 8])
    durations = alternating(
        [lambda: calls.append("a"), lambda: calls.append("b")], 3, lambda: float(next(clock))
    )
    assert "".join(calls) == "ab" * 4
    assert durations == [2, 8]


@pytest.mark.slow
def test_a_step_costs_more_than_its_backbone_alone():
    figures = step_costs(2, 64, 2, preset="tiny")
    assert figures["step_ratio"] > 1 and figures["step_cpu_s"] > figures["backbone_cpu_s"] > 0


@pytest.mark.slow
def test_compiled_training_is_compared_with_plain_training(monkeypatch):
    # machine code for a CPU takes minutes to make; the graph alone is the same
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    figures = gpu_gain("cpu", 2, 64, 1, preset="tiny")
    assert figures["gpu_speedup"] == figures["gpu_step_float32_s"] / figures["gpu_step_s"] > 0


@pytest.mark.slow
def test_every_number_with_a_target_is_measured(monkeypatch):
    from renderih_lib.bench import learn

    tiny = lambda batch, side, rounds: step_costs(batch, side, rounds, preset="tiny")  # noqa: E731
    monkeypatch.setattr(learn, "step_costs", tiny)
    figures = bench_learn(batch=2, side=64, rounds=1, predictions=20)
    absent = set() if torch.cuda.is_available() else {"gpu_speedup"}
    assert set(TARGETS) - set(figures) == absent
