"""One step of training, on a CPU, one GPU, or each of several."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from renderih_lib.data.samples import SampleBatch
from renderih_lib.nets.transhand import TransHand
from renderih_lib.train.augment import augmented, draws
from renderih_lib.train.distributed import current_team, mean_over, shared_network
from renderih_lib.train.losses import LossWeights, Target, loss_terms, target_of, total_loss
from renderih_lib.train.settings import TrainSettings, autocast, learning_rate, make_optimizer


class Learner:
    """A network with all that a step changes besides it: the optimiser, and the scaler of float16.

    Args:
        model: on its device. Under torchrun its batch norms become joint ones (`distributed.shared_network`).
    """

    def __init__(self, model: TransHand, settings: TrainSettings):
        self.model, self.settings = model, settings
        self.device = next(model.parameters()).device
        self.team = current_team(self.device)
        model.to(memory_format=self._layout)
        self.network = shared_network(model, self.team)
        if settings.compile:
            self.network = torch.compile(self.network)
        self.optimizer = make_optimizer(model, settings)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=settings.precision == "float16")

    def step(self, batch: SampleBatch, step: int) -> dict[str, Tensor]:
        """One update with this process's share of the step's images, `batch`, on the device.

        Returns:
            "loss", its terms unweighted, and "gradient_norm" before clipping: scalars on the device.
        """
        images, target = self.inputs(batch, step)
        with _randomness(self.device, self.settings.seed, step, self.team.rank):
            with autocast(self.device, self.settings.precision):
                prediction = self.network(images)
        form, average = self.settings.form, lambda counts: mean_over(self.team, counts)
        terms = loss_terms(prediction, target, self.model.faces, form, average)
        loss = total_loss(terms, self.weights(step))
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.settings, step)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        clip = math.inf if self.settings.clip is None else self.settings.clip
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        numbers = {"loss": loss} | terms | {"gradient_norm": norm}
        return {name: value.detach() for name, value in numbers.items()}

    def inputs(self, batch: SampleBatch, step: int) -> tuple[Tensor, Target]:
        """Augmented images (B, 3, S, S) and their targets; a share of a batch is augmented as in the whole."""
        count, size = len(batch), self.settings.image_size
        rng = np.random.default_rng(np.random.SeedSequence(self.settings.seed, spawn_key=(1, step)))
        drawn = draws(rng, count * self.team.size)[self.team.share(count * self.team.size)]
        images, batch = augmented(batch, self.settings.augmentation, drawn, size)
        return images.to(memory_format=self._layout), target_of(batch, size, bone=self.settings.bone)

    def weights(self, step: int) -> LossWeights:
        """The weights of a step: the edge term may set in late."""
        late = step >= self.settings.edges_after * self.settings.steps
        return self.settings.weights if late else replace(self.settings.weights, edges=0.0)

    def state(self) -> dict:
        """Everything that a step changes, to be saved."""
        parts = {"model": self.model, "optimizer": self.optimizer, "scaler": self.scaler}
        return {name: part.state_dict() for name, part in parts.items()}

    def restore(self, state: dict) -> None:
        """Takes up what `state` gave."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])

    @property
    def _layout(self) -> torch.memory_format:
        return torch.channels_last if self.settings.channels_last else torch.contiguous_format


@contextmanager
def _randomness(device: torch.device, seed: int, step: int, rank: int) -> Iterator[None]:
    """What layers draw inside (dropout) follows from the arguments, and draws outside are not disturbed.

    So there is no state of a generator that a checkpoint would have to keep.
    """
    words = np.random.SeedSequence(seed, spawn_key=(4, step, rank)).generate_state(1, np.uint64)
    own = int(words[0]) >> 1  # torch takes 63 bits
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.set_rng_state(torch.Generator().manual_seed(own).get_state())
        if device.type == "cuda":
            torch.cuda.set_rng_state(torch.Generator(device).manual_seed(own).get_state(), device)
        yield
