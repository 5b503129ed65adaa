"""What a training leaves on disk, so that it can go on."""

import hashlib
import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from renderih_lib.render.shards import write_atomic
from renderih_lib.train.learner import Learner
from renderih_lib.train.mixture import Dataset, sampler
from renderih_lib.train.settings import TrainSettings

#: Settings that may change when a training goes on, since they do not touch what it computes.
FREE = {"log_every", "save_every"}


class Progress(NamedTuple):
    """How far a training is. Its place among images and random numbers follows from (seed, step)."""

    step: int = 0  # steps done
    seconds: float = 0.0
    curve: tuple[dict, ...] = ()


def save_checkpoint(folder: Path, learner: Learner, data: Dataset, progress: Progress) -> None:
    """Writes `folder/curve.jsonl`, then `folder/checkpoint.pt`, each all at once: an old one stays until then."""
    state = learner.state() | {
        "step": progress.step,
        "seconds": progress.seconds,
        "sampler": sampler(data),
        "settings": asdict(learner.settings),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    lines = "".join(json.dumps(row) + "\n" for row in progress.curve)
    write_atomic(folder / "curve.jsonl", lines.encode())
    write_atomic(folder / "checkpoint.pt", buffer.getvalue())


def load_checkpoint(folder: Path, learner: Learner, data: Dataset) -> Progress:
    """Puts `folder/checkpoint.pt`, if it is there, into the learner.

    Raises:
        ValueError: if it was made with other settings, other numbers of images or another network.
    """
    path = folder / "checkpoint.pt"
    if not path.exists():
        return Progress()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever a damaged archive makes torch raise
        raise ValueError(f"{path} cannot be read; delete it and train again") from error
    stored = state["settings"] | {"mixture of images": state["sampler"]}
    wanted = asdict(learner.settings) | {"mixture of images": sampler(data)}
    changed = [name for name in wanted if stored.get(name) != wanted[name] and name not in FREE]
    if changed:
        raise ValueError(f"{path} was made with another {changed[0]}; delete it or train in another folder")
    try:
        learner.restore(state)
    except (RuntimeError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ValueError(f"{path} holds another network ({reason}); train in another folder") from error
    lines = (folder / "curve.jsonl").read_text().splitlines()
    curve = tuple(row for row in map(json.loads, lines) if row["step"] <= state["step"])
    return Progress(state["step"], state["seconds"], curve)


def run_key(model: nn.Module, data: Dataset, settings: TrainSettings) -> str:
    """Twelve hex digits that name a run: architecture, images, labels and settings. Same key, same checkpoint.

    Of the data it reads 500 images, spread evenly.
    """
    digest = hashlib.sha256(json.dumps([asdict(settings), len(data)], sort_keys=True).encode())
    digest.update(str(model).encode())
    batch = data[np.linspace(0, len(data) - 1, min(len(data), 500)).round().astype(int)]
    for tensor in (batch.images, batch.keypoints, batch.K):
        digest.update(tensor.cpu().contiguous().numpy().data)
    return digest.hexdigest()[:12]
