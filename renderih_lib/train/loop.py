"""The training loop. Its state is a step number and a few tensors: a run that stops and resumes is the same run.

Which images a step sees and how they are augmented follow from (seed, step) alone. Under torchrun every process
calls `train` with the same arguments.
"""

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from renderih_lib.nets.transhand import TransHand
from renderih_lib.train.checkpoint import Progress, load_checkpoint, save_checkpoint
from renderih_lib.train.distributed import mean_over
from renderih_lib.train.learner import Learner
from renderih_lib.train.mixture import Dataset, batch_indices, prefetch
from renderih_lib.train.settings import TrainSettings, learning_rate

TERMINATED = 128 + signal.SIGTERM  # what a process that was asked to stop exits with


def train(
    model: TransHand,
    data: Dataset,
    settings: TrainSettings,
    folder: str | Path,
    *,
    until: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    every: int = 0,
    evaluate: Callable[[TransHand], dict[str, float]] | None = None,
    progress: Callable = iter,
    on_row: Sequence[Callable[[dict], None]] = (),
) -> list[dict]:
    """Train a model on its device, resuming from `folder/checkpoint.pt` when there is one.

    To finetune, give a model that holds the weights of another training and a folder of its own.

    Args:
        data: training images, in memory or not, one set or a mixture (`mixture.Dataset`).
        folder: gets checkpoint.pt and curve.jsonl, from the first process alone.
        until: stop (and save) after this step, to go on later; None trains to `settings.steps`.
        stop: asked at every step; once it is true, training is saved a step later and returns.
        every, evaluate: each `every` steps and at the end the numbers of `evaluate(model)` join the curve; on the
            first process only.
        progress: wraps the range of steps, e.g. `run.progress`.
        on_row: called with each new row of the curve on the first process, e.g. `curves.LiveCurves` or
            `curves.tensorboard`.

    Returns:
        The curve: a dict with "step", "seconds", "learning_rate", "loss", its terms, "gradient_norm" (None where it
        overflowed), and what `evaluate` gave.

    Raises:
        ValueError: if a checkpoint was made with other settings, or the batch cannot be shared by the processes.
        FloatingPointError: if the loss or its gradient stops being finite, with the ids of the batch; nothing is
            saved.
        SystemExit: after SIGTERM, when the checkpoint is written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    learner = Learner(model, settings)
    done, seconds, rows = load_checkpoint(folder, learner, data)
    curve, began = list(rows), time.perf_counter() - seconds
    last = settings.steps if until is None else min(until, settings.steps)
    report, stopping = None, False
    model.train()
    with asked_to_stop() as asked:
        for step in progress(range(done, last)):
            earlier, report = report, _step(learner, data, step, bool(asked or stop()))
            # Reports are read one step late, so that a GPU need not wait for the next step's images.
            stopping = earlier is not None and earlier.read()["stop"] > 0
            done = step + 1
            ending = done == last or stopping
            measured = done == settings.steps or (every and done % every == 0)
            if done % settings.log_every == 0 or measured or ending:
                curve.append(_row(report, settings, time.perf_counter() - began))
                if measured and evaluate is not None and learner.team.leads:
                    curve[-1] |= evaluate(model)
                    model.train()
                for call in on_row if learner.team.leads else ():
                    call(curve[-1])
            if done % settings.save_every == 0 or ending:
                report.read()  # no checkpoint of a ruined network
                if learner.team.leads:
                    spent = time.perf_counter() - began
                    save_checkpoint(folder, learner, data, Progress(done, spent, tuple(curve)))
            if ending:
                break
    if asked:
        done_so_far = f"stopped by SIGTERM after step {done} of {settings.steps}"
        remedy = f"{folder / 'checkpoint.pt'} is complete: run the same command again to go on"
        print(f"{done_so_far}; {remedy}", file=sys.stderr, flush=True)
        raise SystemExit(TERMINATED)
    return curve


@dataclass
class Report:
    """What a step gave, as means over all processes; reading it waits for the device."""

    step: int
    ids: np.ndarray  # of this process's images
    names: tuple[str, ...]
    values: Tensor
    own: Tensor  # this process's loss
    watched: tuple[str, ...]  # names of the values that must be finite

    def read(self) -> dict[str, float]:
        """Loss, terms, gradient norm, and "stop": the share of processes that want to.

        Raises:
            FloatingPointError: if the loss or its gradient is not finite.
        """
        numbers = dict(zip(self.names, self.values.tolist(), strict=True))
        broken = [name for name in self.watched if not math.isfinite(numbers[name])]
        if broken:
            elsewhere = broken[0] == "loss" and math.isfinite(float(self.own))
            where = "in another process" if elsewhere else f"samples {', '.join(self.ids)}"
            raise FloatingPointError(f"{broken[0]} is not finite at step {self.step}: {numbers}; {where}")
        return numbers


@contextmanager
def asked_to_stop() -> Iterator[list[int]]:
    """A list that gets an entry at SIGTERM, which then does not end the process; only in the main thread."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    former = signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, former)


def _step(learner: Learner, data: Dataset, step: int, stop: bool) -> Report:
    """One update with this process's share of the step's images."""
    settings, team = learner.settings, learner.team

    def indices(step: int) -> np.ndarray:
        joined = batch_indices(data, settings.batch, settings.seed, step)
        return joined[team.share(len(joined))]

    batch = data[indices(step)]
    if step + 1 < settings.steps:
        prefetch(data, indices(step + 1))
    numbers = learner.step(batch.to(learner.device), step)
    values = torch.stack([*numbers.values(), torch.tensor(float(stop), device=learner.device)])
    # The scaler of float16 leaves out a step whose gradient overflowed; any other would ruin the weights.
    watched = ("loss",) if learner.scaler.is_enabled() else ("loss", "gradient_norm")
    return Report(step, batch.ids, (*numbers, "stop"), mean_over(team, values), numbers["loss"], watched)


def _row(report: Report, settings: TrainSettings, seconds: float) -> dict:
    """A row of the curve, fit for JSON."""
    row = {"step": report.step + 1, "seconds": seconds, "learning_rate": learning_rate(settings, report.step)}
    numbers = {name: value if math.isfinite(value) else None for name, value in report.read().items()}
    del numbers["stop"]
    return row | numbers
