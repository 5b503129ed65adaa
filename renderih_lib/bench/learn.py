"""What learning costs: a step of TransHand beside its backbone's, samples from shards, evaluation, and a GPU's gain."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from renderih_lib.bench.samples import sample_speed, write_drawn_shard
from renderih_lib.bench.scores import evaluation_seconds
from renderih_lib.data.rendered import RenderedDataset
from renderih_lib.data.samples import SampleBatch
from renderih_lib.data.stream import CropStream
from renderih_lib.hand.pair import HandPair, open_hand_pair
from renderih_lib.nets.transhand import TransHand, make_backbone
from renderih_lib.repro import project_root
from renderih_lib.train.augment import source_size
from renderih_lib.train.learner import Learner
from renderih_lib.train.settings import TrainSettings, autocast, best_precision

SEED = 0
#: Number -> (comparison, target, unit): what this project asks of itself.
TARGETS = {
    "step_ratio": ("<=", 1.5, "times"),
    "samples_per_s_core": (">=", 250.0, "samples/s"),
    "eval_10k_s": ("<=", 20.0, "s"),
    "mpjpe_vs_meanpose": ("<=", 0.85, "times"),
    "gpu_speedup": (">=", 2.0, "times"),
}
_GPU_BATCH, _GPU_ROUNDS = 64, 20


def bench_learn(batch: int = 16, side: int = 256, rounds: int = 5, predictions: int = 10_000) -> dict:
    """Every number of `TARGETS`, those of a GPU only where there is one; on one CPU thread, in about 90 s."""
    torch.set_num_threads(1)
    figures = step_costs(batch, side, rounds) | sample_speed() | held_out()
    figures["eval_10k_s"] = evaluation_seconds(predictions)
    if torch.cuda.is_available():
        figures |= gpu_gain("cuda", _GPU_BATCH, side, _GPU_ROUNDS)
    return figures


def step_costs(batch: int, side: int, rounds: int, preset: str = "paper") -> dict:
    """Seconds of a training step of TransHand, of forward and backward of its backbone alone, and their ratio.

    A step augments, predicts, compares, goes back and updates. Both sides alternate, in the precision that
    training takes on this CPU; times are CPU time, which other work on the machine disturbs least.
    """
    precision, hands = best_precision("cpu"), open_hand_pair()
    learner, data = _learner(hands, preset, "cpu", batch, side, precision=precision)
    alone = make_backbone(learner.model.sizes).to(memory_format=torch.channels_last)
    images, _ = learner.inputs(data, 0)

    def backbone_alone():
        alone.zero_grad(set_to_none=True)
        with autocast("cpu", precision):
            maps = alone(images)
        maps[-1].float().mean().backward()

    step, backbone = alternating([lambda: learner.step(data, 0), backbone_alone], rounds, time.process_time)
    return {
        "step_ratio": step / backbone,
        "step_cpu_s": step,
        "backbone_cpu_s": backbone,
        "step_batch": batch,
        "step_precision": precision,
        "threads": torch.get_num_threads(),
    }


def held_out() -> dict:
    """MPJPE over the mean pose's on held-out images, as measured by the committed run of notebook 12, and its scale."""
    folder = project_root() / "figures" / "12_training"
    metrics, made = (json.loads((folder / f"{name}.json").read_text()) for name in ("metrics", "provenance"))
    return {
        "mpjpe_vs_meanpose": metrics["mpjpe_vs_meanpose"],
        "mpjpe_vs_meanpose_scale": made["parameters"]["scale"],
    }


def gpu_gain(device: str, batch: int, side: int, rounds: int, preset: str = "paper") -> dict:
    """Seconds of a training step on a GPU, plain float32 against compiled with half precision, and their ratio."""

    def clock() -> float:
        if device != "cpu":
            torch.cuda.synchronize(device)
        return time.perf_counter()

    hands, precision = open_hand_pair(), best_precision(device)
    ways = ({}, {"precision": precision, "compile": True})
    learners = [_learner(hands, preset, device, batch, side, **way) for way in ways]
    plain, fast = alternating(
        [lambda pair=pair: pair[0].step(pair[1], 0) for pair in learners], rounds, clock
    )
    return {
        "gpu_speedup": plain / fast,
        "gpu_step_s": fast,
        "gpu_images_per_s": batch / fast,
        "gpu_step_float32_s": plain,
        "gpu_batch": batch,
        "gpu_precision": precision,
        "gpu_name": torch.cuda.get_device_name(device) if device != "cpu" else "CPU",
    }


def alternating(actions: list[Callable[[], object]], rounds: int, clock: Callable[[], float]) -> list[float]:
    """Median duration of each action over rounds in which all take their turn, after one that is not counted."""
    times = [[] for _ in actions]
    for _ in range(1 + rounds):
        for action, durations in zip(actions, times, strict=True):
            begin = clock()
            action()
            durations.append(clock() - begin)
    return [statistics.median(durations[1:]) for durations in times]


def _learner(
    hands: HandPair, preset: str, device: str, batch: int, side: int, **changes
) -> tuple[Learner, SampleBatch]:
    """A TransHand about to be trained as the paper says, and a batch of drawn hands, a quarter larger than the input."""
    settings = TrainSettings.preset("paper", steps=1, batch=batch, image_size=side, **changes)
    model = TransHand(hands, preset, seed=SEED).to(device).train()
    return Learner(model, settings), drawn_batch(hands, batch, source_size(side)).to(device)


def drawn_batch(hands: HandPair, count: int, size: int) -> SampleBatch:
    """Pictures of `count` natural pairs with their labels, by way of a shard."""
    with tempfile.TemporaryDirectory() as folder:
        write_drawn_shard(Path(folder), hands, count, size)
        return CropStream(RenderedDataset(folder, hands), size)[np.arange(count)]
