"""What a network, and answers that never look, say about a test set: every error of both, and the files of a run."""

from pathlib import Path

import numpy as np

from renderih_lib import metrics
from renderih_lib.hand.pair import HandPair
from renderih_lib.nets.transhand import TransHand
from renderih_lib.render.shards import write_arrays
from renderih_lib.train import evaluate
from renderih_lib.train.evaluate import Constant, Predictions
from renderih_lib.train.mixture import Dataset, Subset
from renderih_lib.train.settings import TrainSettings

_ROOTED = ("mpjpe_mm", "smpjpe_mm", "mrrpe_mm")
#: Errors once more by other choices: what their names begin with -> the choices, and the errors that these change.
#: "mesh_": against keypoints regressed from the true meshes, as the paper scores; not a number where there are none.
AGAIN = {
    "wrist_": ({"root": "wrist"}, _ROOTED),
    "mesh_": ({"truth": "regressed"}, ("pa_mpjpe_mm", *_ROOTED)),
    "mesh_wrist_": ({"root": "wrist", "truth": "regressed"}, _ROOTED),
}
_MEAN_POSE_IMAGES = 4_000  # from which a mean pose is taken, spread evenly over the training images
_MEASURED = 2_000  # test images at once


def never_looking(data: Dataset, hands: HandPair, settings: TrainSettings) -> dict[str, Constant]:
    """The answers beside a network's: the mean pose of what it learned from, and the resting hand."""
    even = np.linspace(0, len(data) - 1, min(len(data), _MEAN_POSE_IMAGES)).astype(int)
    return {
        "mean_pose": evaluate.mean_pose(Subset(data, even), bone=settings.bone),
        "constant_hand": evaluate.canonical_hand(hands),
    }


def measured(
    model: TransHand, data: Dataset, settings: TrainSettings, constants: dict[str, Constant]
) -> dict[str, Predictions]:
    """What the model ("metrics") and the answers that never look say about a test set."""
    parts: dict[str, list[Predictions]] = {"metrics": [], **{name: [] for name in constants}}
    for first in range(0, len(data), _MEASURED):  # meshes of a whole test set need not fit in memory
        part = data[np.arange(first, min(first + _MEASURED, len(data)))]
        protocol = {"bone": settings.bone, "precision": settings.precision}
        said = evaluate.predict(model, part, settings.image_size, vertices=True, **protocol)
        parts["metrics"].append(said.without_vertices())
        for name, answer in constants.items():
            parts[name].append(evaluate.constant(said, answer).without_vertices())
    return {name: Predictions.cat(several) for name, several in parts.items()}


def all_errors(predictions: Predictions) -> dict[str, np.ndarray]:
    """`evaluate.errors` and those of `AGAIN`, by name: (N, 2) or (N,), NaN where it does not count."""
    found = evaluate.errors(predictions)
    for start, (choices, names) in AGAIN.items():
        again = evaluate.errors(predictions, **choices)
        found |= {f"{start}{name}": again[name] for name in names}
    return found


def means(found: dict[str, np.ndarray]) -> dict[str, float | None]:
    """Mean of each of `all_errors`; None where nothing counts."""
    return {
        name: metrics.mean_error(values) if np.isfinite(values).any() else None
        for name, values in found.items()
    }


def keep(answers: dict[str, Predictions], found: dict[str, dict], role: str, folder: Path) -> None:
    """Write a test set's errors and predictions as `train.run` describes them.

    Args:
        answers: of `measured`. found: `all_errors` of each.
    """
    predictions = answers["metrics"]
    errors = {name: _of_images(values) for name, values in found["metrics"].items()}
    errors |= {f"mean_pose_{name}": _of_images(values) for name, values in found["mean_pose"].items()}
    known = {name: getattr(predictions, name) for name in ("pose_ids", "ids", "mask_iou")}
    write_arrays(folder / f"errors-{role}.npz", errors | known)
    predictions.save(folder / f"predictions-{role}.npz", half=True)


def _of_images(values: np.ndarray) -> np.ndarray:
    return metrics.per_image(values).astype(np.float32)
