"""Everything that decides what a training computes, and the named settings: paper, official, demo."""

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch

from renderih_lib.train.augment import RELEASED_AUGMENTATION, Augmentation
from renderih_lib.train.losses import (
    OFFICIAL_FORM,
    OFFICIAL_WEIGHTS,
    PAPER_FORM,
    PAPER_WEIGHTS,
    LossForm,
    LossWeights,
)

OPTIMIZERS = ("adam", "adamw")
SCHEDULES = ("constant", "cosine", "steps")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

#: Schedule "steps", of the released code: a tenth after 80 of 200 epochs, and never below a twentieth.
STEP_SHARE, STEP_FACTOR, STEP_FLOOR = 0.4, 0.1, 0.05


@dataclass(frozen=True)
class TrainSettings:
    """All that training depends on besides network and images.

    Raises:
        ValueError: if a name is unknown or a number is out of its range.
    """

    steps: int
    batch: int  # images in one step, of all processes together
    image_size: int  # pixels at the network's input
    seed: int = 0
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    schedule: str = "cosine"
    warmup: int = 100  # steps
    clip: float | None = 1.0  # largest gradient norm
    bone: float | None = None  # see `losses.target_of`
    form: LossForm = field(default_factory=LossForm)
    weights: LossWeights = field(default_factory=LossWeights)
    edges_after: float = 0.0  # share of the steps after which `weights.edges` counts
    augmentation: Augmentation = field(default_factory=Augmentation)
    precision: str = "float32"
    channels_last: bool = True  # memory layout of images and kernels
    compile: bool = False  # by torch.compile
    log_every: int = 10  # steps
    save_every: int = 250  # steps

    def __post_init__(self):
        choices = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": tuple(PRECISIONS)}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {allowed}, got {getattr(self, name)!r}")
        for name in ("steps", "batch", "log_every", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.image_size < 32 or self.image_size % 32:
            raise ValueError(f"image_size must be a multiple of 32, got {self.image_size}")

    @classmethod
    def preset(cls, name: str, *, steps: int, batch: int, image_size: int, **changes) -> "TrainSettings":
        """The settings called `name`, with `changes` to its fields.

        "paper" is section 5.1 and Eq. 10-12 as written: Adam at 1e-4, L1 sums; what it does not tell (weights,
        schedule) is left plain. "official" is what the released code does instead. "demo" learns from random
        weights in few steps. Paper and released code use batch 64 and 256 pixels.

        Raises:
            ValueError: if the name is unknown.
        """
        if name not in PRESETS:
            raise ValueError(f"preset must be one of {tuple(PRESETS)}, got {name!r}")
        chosen = PRESETS[name](steps) | changes
        return cls(steps=steps, batch=batch, image_size=image_size, **chosen)


def _paper(steps: int) -> dict:
    return {
        "optimizer": "adam",
        "learning_rate": 1e-4,
        "schedule": "constant",
        "warmup": 0,
        "clip": None,
        "form": PAPER_FORM,
        "weights": PAPER_WEIGHTS,
        "augmentation": RELEASED_AUGMENTATION,
    }


def _official(steps: int) -> dict:
    return {
        "optimizer": "adamw",
        "learning_rate": 3e-4,
        "weight_decay": 0.01,
        "schedule": "steps",
        "warmup": round(3 / 200 * steps),  # 3 of 200 epochs
        "clip": None,
        "bone": 0.095,
        "form": OFFICIAL_FORM,
        "weights": OFFICIAL_WEIGHTS,
        "edges_after": 50 / 200,
        "augmentation": RELEASED_AUGMENTATION,
    }


def _demo(steps: int) -> dict:
    return {"warmup": min(100, steps // 10), "augmentation": Augmentation(rotation=math.pi / 4)}


#: Name -> a function from the number of steps to the fields that differ from the defaults.
PRESETS = {"paper": _paper, "official": _official, "demo": _demo}


def learning_rate(settings: TrainSettings, step: int) -> float:
    """Rate of a step: linear warm-up, then constant, half a cosine down to zero, or steps down."""
    rate = settings.learning_rate * min(1.0, (step + 1) / max(settings.warmup, 1))
    done = step / settings.steps
    if settings.schedule == "cosine":
        rate *= 0.5 * (1 + math.cos(math.pi * done))
    if settings.schedule == "steps":
        rate *= max(STEP_FACTOR ** math.floor(done / STEP_SHARE), STEP_FLOOR)
    return rate


def make_optimizer(model: torch.nn.Module, settings: TrainSettings) -> torch.optim.Optimizer:
    """Adam or AdamW; in AdamW only matrices and kernels decay, not biases, norms and codes.

    Fused: one pass over all weights, on a CPU several times as fast as one operation after the other.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    if settings.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=settings.learning_rate, fused=True)
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)


def autocast(device: torch.device | str, precision: str) -> AbstractContextManager:
    """The context in which a network computes in `precision`, a name in `PRECISIONS`."""
    kind = torch.device(device).type
    return torch.autocast(kind, PRECISIONS[precision], enabled=precision != "float32")


def best_precision(device: torch.device | str = "cpu") -> str:
    """bfloat16 where the hardware multiplies it fast (CUDA, or a CPU with AVX-512 BF16), else float32."""
    fast = torch.device(device).type == "cuda" or torch.cpu._is_avx512_bf16_supported()
    return "bfloat16" if fast else "float32"
