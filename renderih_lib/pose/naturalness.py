"""The natural discriminator: how natural a single-hand pose looks (paper section 3.1, Figure 4, Eq. 7-8)."""

import copy
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from renderih_lib.hand.anatomy import angle_limits
from renderih_lib.pose.augment import augment, uniforms
from renderih_lib.pose.library import PoseLibrary
from renderih_lib.repro import replacing

#: Root mean square offset, degrees, from which a pose counts as wholly unnatural.
UNNATURAL_OFFSET = 30.0


class Discriminator(nn.Module):
    """Probability that a hand pose is natural, from its 45 angles.

    Five hidden layers with one skip and a sigmoid (Figure 4). Left and right hands share it, since equal angles
    mean mirrored hands. Each angle is scaled by its range in Table 2; the 25 angles that Table 2 locks at zero
    are scaled by zero, because they are the anatomic loss's business and no training pose ever has them.
    """

    def __init__(self, width: int = 128):
        super().__init__()
        lowest, highest = angle_limits().flatten(0, 1).unbind(-1)
        span = highest - lowest
        self.register_buffer("middle", (lowest + highest) / 2)
        self.register_buffer("scale", torch.where(span > 0, 2 / span.clamp(min=1e-6), 0.0))
        self.first = nn.Linear(45, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(4))
        self.last = nn.Linear(width, 1)

    def forward(self, angles: Tensor) -> Tensor:
        """(...) in [0, 1] for angles (..., 15, 3) radians of either hand."""
        activate = nn.functional.leaky_relu
        first = activate(self.first((angles.flatten(-2) - self.middle) * self.scale))
        x = activate(self.hidden[0](first))
        x = activate(self.hidden[1](x)) + first
        for layer in self.hidden[2:]:
            x = activate(layer(x))
        return torch.sigmoid(self.last(x)[..., 0])


def adversarial_loss(model: Discriminator, angles: Tensor) -> Tensor:
    """Eq. 8 for each pair, (B,): how far both hands of angles (B, 2, 15, 3) are from looking natural."""
    return ((model(angles) - 1) ** 2).sum(-1)


def natural_probability(angles: Tensor, raw: Tensor) -> Tensor:
    """Label of an augmented pose (..., 15, 3): 1 without offset, falling to 0 at `UNNATURAL_OFFSET` rms."""
    free = angle_limits().diff(dim=-1)[..., 0].to(angles) > 0
    offset = (angles - raw)[..., free].square().mean(-1).sqrt()
    return (1 - offset / math.radians(UNNATURAL_OFFSET)).clamp(min=0)


def labelled_poses(poses: Tensor, copies: int, seed: int) -> tuple[Tensor, Tensor]:
    """Poses (N, 15, 3) augmented `copies` times each at random levels, and their labels.

    Returns:
        (N * copies, 15, 3) radians and `natural_probability` of each, (N * copies,). Row i depends on (seed, i).
    """
    raw = poses.repeat(copies, 1, 1)
    level = uniforms(seed, [(i, 0, 0) for i in range(len(raw))], 1)[:, 0]
    augmented = augment(raw, 1, seed, level)
    return augmented, natural_probability(augmented, raw)


def split_names(library: PoseLibrary, every: int = 5) -> tuple[list[str], list[str]]:
    """Names to train D with, and names kept from it: every fifth single pose and every fifth interaction.

    An interaction may show a single pose, so a pose that shares a hand with a kept one is in neither list.
    """
    hands = {name: pose.angles[None] for name, pose in library.singles.items()}
    hands |= {name: pose.angles for name, pose in library.interactions.items()}
    unseen = [*list(library.singles)[::every], *list(library.interactions)[::every]]
    kept = torch.cat([hands[name] for name in unseen])
    shows_kept = {
        name: (shown[:, None] - kept).abs().amax((-2, -1)).amin().item() < 1e-3
        for name, shown in hands.items()
    }
    return [name for name in hands if not shows_kept[name]], unseen


def split_recordings(
    angles: Tensor, names: list[str], count: int, seed: int, every: int = 5
) -> tuple[Tensor, Tensor]:
    """Recorded hands to train D with, and hands kept from it: those of every fifth recording, drawn at random.

    Neighbouring frames look alike, so a capture (InterHand2.6M), sequence (DexYCB) or image (FreiHAND) stays together.

    Args:
        angles: (N, 15, 3) radians, as recorded; moved inside Table 2. names: N of `recorded.RecordedPoses`.
        count: most hands to train with; chosen at random when there are more.

    Returns:
        (T, 15, 3) and (H, 15, 3) radians, H <= T / 4 or so.
    """
    recordings = ["/".join(name.split("/")[:3]) for name in names]
    rng = np.random.default_rng(seed)
    kept = set(rng.permutation(sorted(set(recordings)))[every - 1 :: every].tolist())
    order = rng.permutation(len(names))
    inside = angles.clamp(*angle_limits(angles.dtype).unbind(-1))
    seen, unseen = ([i for i in order if (recordings[i] in kept) == held] for held in (False, True))
    return inside[seen[:count]], inside[unseen[: max(1, count // 4)]]


def train_discriminator(
    poses: Tensor, steps: int, seed: int, held_out: Tensor | None = None, batch: int = 128, progress=iter
) -> tuple[Discriminator, list[dict]]:
    """A discriminator trained with the least squares loss (Eq. 7).

    Half of each batch is natural (label 1), half is augmented at a random level (`natural_probability`).

    Args:
        poses: (N, 15, 3) radians, natural poses of either hand.
        steps: number of Adam steps.
        held_out: (M, 15, 3) natural poses kept from training; adds "held_out_loss" and "auc" to the history, and
            the weights of the row with the lowest held-out loss are returned: a small library is soon learned by
            heart, and from then on the loss on other poses rises.
        progress: wraps the range of steps, e.g. tqdm.

    Returns:
        The model in evaluation mode, and a history with one row for every tenth of the steps.

    Raises:
        ValueError: if steps is not positive.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    model = _initialised(Discriminator(), seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1.0, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    batches = _batches(poses, *labelled_poses(poses, 8, seed), batch, seed)
    every = max(1, steps // 10)
    judged = (
        None
        if held_out is None
        else (held_out, *labelled_poses(held_out, 1, seed + 1), augment(held_out, 1, seed + 2))
    )
    history, running, best = [], [], None
    for step in progress(range(1, steps + 1)):
        angles, labels = next(batches)
        loss = (model(angles) - labels).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        running.append(loss.item())
        if step % every == 0 or step == steps:
            row = {"step": step, "loss": sum(running) / len(running)}
            history.append(row | (_scores(model, *judged) if judged else {}))
            running = []
            if judged and history[-1]["held_out_loss"] <= min(r["held_out_loss"] for r in history):
                best = copy.deepcopy(model.state_dict())
    if best is not None:
        model.load_state_dict(best)
    return model.eval(), history


def separation(model: Discriminator, natural: Tensor, unnatural: Tensor) -> float:
    """Area under the ROC curve: how surely a natural pose (M, 15, 3) scores above an unnatural one (K, 15, 3)."""
    from scipy.stats import rankdata

    with torch.no_grad():
        ranks = rankdata(torch.cat([model(natural), model(unnatural)]).numpy())
    above = ranks[: len(natural)].sum() - len(natural) * (len(natural) + 1) / 2
    return float(above / (len(natural) * len(unnatural)))


def reliability(answers: Tensor, labels: Tensor, bins: int = 10) -> pd.DataFrame:
    """Answers of D in [0, 1] against the labels they should equal, (N,) each, in bins of equal width of the answer.

    Returns:
        One row per bin that is not empty: mean answer, mean label, spread (standard deviation of the labels), count.
        A calibrated D has equal means; a bin's spread is what the pose alone cannot tell.
    """
    frame = pd.DataFrame({"answer": answers.numpy(), "label": labels.numpy()})
    groups = frame.groupby(np.minimum((frame.answer * bins).astype(int), bins - 1))
    return pd.DataFrame(
        {
            "answer": groups.answer.mean(),
            "label": groups.label.mean(),
            "spread": groups.label.std(ddof=0),
            "count": groups.size(),
        }
    ).reset_index(drop=True)


def save_discriminator(path: Path, model: Discriminator) -> None:
    """Write the weights as safetensors; an interrupted write leaves the old file."""
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(save(model.state_dict()))


def load_discriminator(path: Path) -> Discriminator:
    """The discriminator that `save_discriminator` wrote.

    Raises:
        ValueError: if the file is missing, cut short, or holds something else.
    """
    try:
        weights = load_file(path)
        model = Discriminator(width=len(weights["first.weight"]))
        model.load_state_dict(weights)
    except (OSError, SafetensorError, KeyError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(
            f"{path} holds no discriminator ({type(error).__name__}: {reason}); "
            "make it with notebook 06_natural_discriminator"
        ) from None
    if not all(weight.isfinite().all() for weight in weights.values()):
        raise ValueError(f"{path} holds a discriminator with weights that are not finite; train it again")
    return model.eval()


def _initialised(model: Discriminator, seed: int) -> Discriminator:
    """PyTorch's default initialisation of linear layers, from a seed of its own."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        bound = parameter.shape[-1] ** -0.5
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    return model


def _scores(
    model: Discriminator, natural: Tensor, augmented: Tensor, labels: Tensor, unnatural: Tensor
) -> dict[str, float]:
    """Eq. 7 on poses kept from training, and how well they stand out from poses augmented in full."""
    with torch.no_grad():
        loss = ((model(natural) - 1).square().mean() + (model(augmented) - labels).square().mean()) / 2
    return {"held_out_loss": loss.item(), "auc": separation(model, natural, unnatural)}


def _batches(
    natural: Tensor, augmented: Tensor, labels: Tensor, batch: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    half = batch // 2
    while True:
        real = torch.randint(len(natural), (half,), generator=generator)
        made = torch.randint(len(augmented), (batch - half,), generator=generator)
        yield torch.cat([natural[real], augmented[made]]), torch.cat([torch.ones(half), labels[made]])
