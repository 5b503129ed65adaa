import dataclasses
import functools

import pytest
import torch

from renderih_lib.train.distributed import Team
from renderih_lib.train.learner import Learner


@pytest.fixture(scope="module")
def data(noise_batch):
    return noise_batch(4)


def test_a_step_tells_the_loss_and_moves_every_weight(make, data, short):
    model = make()
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    numbers = Learner(model, short).step(data, 0)
    assert numbers["loss"] > 0 and numbers["gradient_norm"] > 0
    assert not any(value.requires_grad for value in numbers.values())
    still = [name for name, p in model.named_parameters() if torch.equal(p, before[name])]
    assert not still


def test_the_loss_is_the_weighted_sum_of_the_terms_told(make, data, short):
    numbers = Learner(make(), short).step(data, 0)
    weights = dataclasses.asdict(short.weights)
    total = sum(weights[name] * value for name, value in numbers.items() if name in weights)
    torch.testing.assert_close(numbers["loss"], total)


def test_gradients_are_clipped_only_if_asked(make, data, short):
    for clip in (1e-3, None):
        model = make()
        learner = Learner(model, dataclasses.replace(short, clip=clip))
        told = float(learner.step(data, 0)["gradient_norm"])
        left = torch.nn.utils.get_total_norm([p.grad for p in model.parameters()])
        assert float(left) == pytest.approx(told if clip is None else clip, rel=1e-2)


def test_the_rate_follows_the_schedule(make, data, short):
    learner = Learner(make(), short)
    learner.step(data, 0)
    assert learner.optimizer.param_groups[0]["lr"] == pytest.approx(short.learning_rate / 2)  # warm-up of two


def test_edge_lengths_may_count_late(make, short):
    weights = dataclasses.replace(short.weights, edges=7.0)
    learner = Learner(make(), dataclasses.replace(short, weights=weights, edges_after=0.25))
    assert [learner.weights(step).edges for step in (0, 4, 5, 19)] == [0, 0, 7, 7]


@pytest.mark.parametrize("channels_last", [True, False])
def test_the_memory_layout_is_as_asked_and_changes_nothing_else(make, data, short, channels_last):
    learner = Learner(make(), dataclasses.replace(short, channels_last=channels_last))
    images, _ = learner.inputs(data, 0)
    kernels = next(p for p in learner.model.parameters() if p.dim() == 4 and p.shape[1] > 1)
    for tensor in (images, kernels):
        assert tensor.is_contiguous(memory_format=torch.channels_last) == channels_last
    other = Learner(make(), dataclasses.replace(short, channels_last=not channels_last))
    torch.testing.assert_close(learner.step(data, 0)["loss"], other.step(data, 0)["loss"], rtol=1e-3, atol=0)


@pytest.mark.slow
def test_a_compiled_network_learns_the_same(make, data, short, monkeypatch):
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="aot_eager"))
    plain, compiled = (Learner(make(), dataclasses.replace(short, compile=c)) for c in (False, True))
    for step in range(2):
        told = [learner.step(data, step)["loss"] for learner in (plain, compiled)]
        torch.testing.assert_close(*told, rtol=1e-3, atol=0)
    assert compiled.state()["model"].keys() == plain.state()["model"].keys()


def test_a_share_is_augmented_as_in_the_joined_batch(make, data, short):
    learner = Learner(make(), short)
    whole, _ = learner.inputs(data, 3)
    learner.team = Team(rank=1, size=2)
    share, _ = learner.inputs(data[2:], 3)
    torch.testing.assert_close(share, whole[2:], atol=1e-5, rtol=0)


def test_state_goes_to_another_learner(make, data, short):
    plan = dataclasses.replace(short, precision="float16")
    first, second = Learner(make(), plan), Learner(make(seed=1), plan)
    first.step(data, 0)
    second.restore(first.state())
    told = [learner.step(data, 1)["loss"] for learner in (first, second)]
    assert torch.equal(*told) and first.scaler.get_scale() == second.scaler.get_scale()
