"""One training loop for the CPU and for one GPU, whose state is a step number and a few tensors.

Which images a step sees and how they are augmented follow from (seed, step) alone, so a run that stops and
resumes is the same run.
"""

import hashlib
import io
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from renderih_lib.data.samples import SampleBatch
from renderih_lib.nets.transhand import TransHand
from renderih_lib.render.shards import write_atomic
from renderih_lib.train.augment import Augmentation, augment
from renderih_lib.train.losses import LossWeights, loss_terms, target_of, total_loss

OPTIMIZERS = ("adam", "adamw")
SCHEDULES = ("constant", "cosine")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides what training computes. The paper: Adam, 1e-4, batch 64, 256 pixels, no schedule told."""

    steps: int
    batch: int
    image_size: int
    seed: int = 0
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    schedule: str = "cosine"
    warmup: int = 100  # steps
    clip: float = 1.0  # largest gradient norm
    bone: float | None = None  # see `losses.target_of`
    precision: str = "float32"
    weights: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)
    log_every: int = 10  # steps
    save_every: int = 250  # steps

    def __post_init__(self):
        choices = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")
        if self.image_size % 32:
            raise ValueError(f"image_size must be a multiple of 32, got {self.image_size}")


def train(
    model: TransHand,
    data: SampleBatch,
    settings: TrainSettings,
    folder: str | Path,
    *,
    until: int | None = None,
    every: int = 0,
    evaluate: Callable[[TransHand], dict[str, float]] | None = None,
    progress: Callable = iter,
) -> list[dict]:
    """Train a model on its device, resuming from `folder/checkpoint.pt` when there is one.

    Args:
        data: training images, where they are; any object with a length whose `[indices]` is a `SampleBatch` will do.
        folder: gets checkpoint.pt and curve.jsonl.
        until: stop (and save) after this step, to go on later; None trains to `settings.steps`.
        every, evaluate: each `every` steps and at the end the numbers of `evaluate(model)` join the curve.
        progress: wraps the range of steps, e.g. `run.progress`.

    Returns:
        The curve: a dict with "step", "seconds", "loss", its terms, and what `evaluate` gave.

    Raises:
        ValueError: if a checkpoint was made with other settings. FloatingPointError: if the loss stops being
            finite, with the ids of the batch.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    optimizer = make_optimizer(model, settings)
    state = load_checkpoint(folder, model, optimizer, settings)
    start, curve, before = state["step"], state["curve"], state["seconds"]
    last = settings.steps if until is None else min(until, settings.steps)
    began = time.perf_counter()
    model.train()
    for step in progress(range(start, last)):
        terms = train_step(model, optimizer, data, settings, step)
        done = step + 1
        measured = done == settings.steps or (every and done % every == 0)
        if done % settings.log_every == 0 or measured or done == last:
            row = {"step": done, "seconds": before + time.perf_counter() - began}
            row |= {name: float(value) for name, value in terms.items()}
            if measured and evaluate is not None:
                row |= evaluate(model)
                model.train()
            curve.append(row)
        if done % settings.save_every == 0 or done == last:
            save_checkpoint(
                folder, model, optimizer, settings, done, before + time.perf_counter() - began, curve
            )
    return curve


def train_step(
    model: TransHand, optimizer: torch.optim.Optimizer, data: SampleBatch, settings: TrainSettings, step: int
) -> dict[str, Tensor]:
    """One update; returns the loss and its terms."""
    device = next(model.parameters()).device
    batch = data[batch_indices(len(data), settings, step)].to(device)
    rng = np.random.default_rng(np.random.SeedSequence([settings.seed, 1, step]))
    images, batch = augment(batch, settings.augmentation, rng, settings.image_size)
    with torch.autocast(device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
        prediction = model(images)
    target = target_of(batch, settings.image_size, bone=settings.bone)
    terms = loss_terms(prediction, target, model.faces)
    loss = total_loss(terms, settings.weights)
    if not torch.isfinite(loss):
        bad = {name: float(value.detach()) for name, value in terms.items()}
        raise FloatingPointError(f"loss is not finite at step {step}: {bad}; samples {', '.join(batch.ids)}")
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(settings, step)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
    optimizer.step()
    return {"loss": loss.detach()} | {name: value.detach() for name, value in terms.items()}


def batch_indices(count: int, settings: TrainSettings, step: int) -> np.ndarray:
    """Indices (batch,) of a step: each epoch is a fresh shuffle of all images, cut into whole batches."""
    batch = min(settings.batch, count)
    epoch, place = divmod(step, count // batch)
    order = np.random.default_rng(np.random.SeedSequence([settings.seed, 0, epoch])).permutation(count)
    return order[place * batch : (place + 1) * batch]


def learning_rate(settings: TrainSettings, step: int) -> float:
    """Linear warm-up, then constant or half a cosine down to zero."""
    rate = settings.learning_rate * min(1.0, (step + 1) / max(settings.warmup, 1))
    if settings.schedule == "cosine":
        rate *= 0.5 * (1 + np.cos(np.pi * step / settings.steps))
    return float(rate)


def make_optimizer(model: TransHand, settings: TrainSettings) -> torch.optim.Optimizer:
    """Adam or AdamW; only matrices and kernels decay, not biases, norms and codes."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    if settings.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=settings.learning_rate)
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def save_checkpoint(folder, model, optimizer, settings, step: int, seconds: float, curve: list[dict]) -> None:
    """Model, optimiser, step and settings in `folder/checkpoint.pt`, and the curve; never half a file."""
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "seconds": seconds,
        "settings": asdict(settings),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_atomic(Path(folder) / "curve.jsonl", "".join(json.dumps(row) + "\n" for row in curve).encode())
    write_atomic(Path(folder) / "checkpoint.pt", buffer.getvalue())


def load_checkpoint(folder, model, optimizer, settings) -> dict:
    """Puts `folder/checkpoint.pt` into model and optimizer; step, seconds and curve to go on from.

    Raises:
        ValueError: if the checkpoint was made with other settings.
    """
    path = Path(folder) / "checkpoint.pt"
    if not path.exists():
        return {"step": 0, "seconds": 0.0, "curve": []}
    device = next(model.parameters()).device
    state = torch.load(path, map_location=device, weights_only=True)
    wanted = asdict(settings)
    changed = [name for name, value in state["settings"].items() if value != wanted.get(name)]
    if changed:
        raise ValueError(f"{path} was made with another {changed[0]}; delete it or train in another folder")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    lines = (Path(folder) / "curve.jsonl").read_text().splitlines()
    curve = [row for row in map(json.loads, lines) if row["step"] <= state["step"]]
    return {"step": state["step"], "seconds": state["seconds"], "curve": curve}


def run_key(model: TransHand, data: SampleBatch, settings: TrainSettings) -> str:
    """Twelve hex digits that name a run: architecture, images, labels and settings. Same key, same checkpoint."""
    digest = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode())
    digest.update(str(model).encode())
    for tensor in (data.images, data.keypoints, data.K):
        digest.update(tensor.cpu().contiguous().numpy().data)
    return digest.hexdigest()[:12]


def best_precision(device: str = "cpu") -> str:
    """bfloat16 where the hardware multiplies it fast (CUDA, or a CPU with AVX-512 BF16), else float32."""
    fast = torch.device(device).type == "cuda" or torch.cpu._is_avx512_bf16_supported()
    return "bfloat16" if fast else "float32"
