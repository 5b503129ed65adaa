"""Predictions of a trained network, the trivial baselines beside them, and how often the hands are swapped."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from renderih_lib import metrics
from renderih_lib.data.samples import SampleBatch
from renderih_lib.hand.skeleton import SIDES
from renderih_lib.render.shards import write_atomic
from renderih_lib.train.augment import NO_AUGMENTATION, augment
from renderih_lib.train.losses import target_of


@dataclass(frozen=True)
class Predictions:
    """Keypoints of N images, predicted and true: all that the metrics of notebook 13 need.

    Each hand is placed so that the right middle MCP is the origin; metres, camera axes.
    """

    predicted: np.ndarray  # (N, 2, 21, 3) float32
    target: np.ndarray  # (N, 2, 21, 3) float32
    predicted_2d: np.ndarray  # (N, 2, 21, 2) float32, in [-1, 1] across the crop
    target_2d: np.ndarray  # (N, 2, 21, 2) float32
    valid: np.ndarray  # (N, 2) bool
    pose_ids: np.ndarray  # (N,) int64
    ids: np.ndarray  # (N,) str

    def save(self, path: str | Path) -> None:
        """As `.npz`, complete or not at all."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **vars(self))
        write_atomic(Path(path), buffer.getvalue())

    @staticmethod
    def load(path: str | Path) -> "Predictions":
        with np.load(path, allow_pickle=False) as archive:
            return Predictions(**{name: archive[name] for name in archive.files})


@torch.no_grad()
def predict(
    model, data: SampleBatch, size: int, *, bone: float | None, precision: str, batch: int = 64
) -> Predictions:
    """Predictions for every image of `data`, resized to `size` pixels, nothing augmented.

    Args:
        bone, precision: as in `TrainSettings`. With `bone`, the true keypoints are scaled to it as well.
    """
    model.eval()
    device = next(model.parameters()).device
    rng = np.random.default_rng(0)  # draws nothing that matters: no augmentation
    rows = []
    for first in range(0, len(data), batch):
        images, part = augment(data[first : first + batch].to(device), NO_AUGMENTATION, rng, size)
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            prediction = model(images)
        target = target_of(part, size, bone=bone)
        rows.append(
            (
                _placed(prediction.keypoints, prediction.relative),
                _placed(target.keypoints, target.relative),
                prediction.keypoints_2d,
                target.keypoints_2d,
            )
        )
    arrays = [torch.cat(parts).float().cpu().numpy() for parts in zip(*rows, strict=True)]
    return Predictions(*arrays, data.valid.cpu().numpy(), data.pose_ids.cpu().numpy(), data.ids)


def mean_pose(data: SampleBatch, *, bone: float | None) -> np.ndarray:
    """Mean training keypoints (2, 21, 3) metres, each hand relative to its middle MCP, plus its mean place.

    In the form of `Predictions.predicted`: what one can say without looking at the image.
    """
    target = target_of(data, data.size, bone=bone)
    known = target.valid.float()[..., None, None]
    keypoints = (target.keypoints * known).sum(0) / known.sum(0).clamp(min=1)
    both = target.valid.all(1)
    return _placed(keypoints[None], target.relative[both].mean(0)[None])[0].numpy()


def constant(predictions: Predictions, keypoints: np.ndarray) -> Predictions:
    """The same images with `keypoints` (2, 21, 3) predicted for every one of them; 2D is left as it was."""
    repeated = np.broadcast_to(keypoints, predictions.target.shape).astype(np.float32)
    return Predictions(**(vars(predictions) | {"predicted": repeated}))


def canonical_hand(hands) -> np.ndarray:
    """Rest keypoints (2, 21, 3) metres of both hands: a constant whose PA-MPJPE shows how little PA asks."""
    return np.stack([hand(torch.eye(3).expand(1, 16, 3, 3)).keypoints[0].numpy() for hand in hands.hands])


def swap_rate(predictions: Predictions) -> float:
    """Share of images whose predicted 2D hands lie nearer to the *other* hand's truth than to their own."""
    both = predictions.valid.all(1)
    predicted, target = predictions.predicted_2d[both], predictions.target_2d[both]
    own = np.linalg.norm(predicted - target, axis=-1).mean((1, 2))
    other = np.linalg.norm(predicted - target[:, ::-1], axis=-1).mean((1, 2))
    return float((other < own).mean())


def summary(predictions: Predictions) -> dict[str, float]:
    """MPJPE, SMPJPE, PA-MPJPE, MRRPE in mm (middle MCP root, all 21 joints) and the swap rate."""
    args = (predictions.predicted, predictions.target, predictions.valid)
    choice = {"root": "middle_mcp", "joints": "all"}
    return {
        "mpjpe_mm": metrics.mean_error(metrics.mpjpe(*args, scale="none", **choice)),
        "smpjpe_mm": metrics.mean_error(metrics.smpjpe(*args, **choice)),
        "pa_mpjpe_mm": metrics.mean_error(metrics.pa_mpjpe(*args)),
        "mrrpe_mm": metrics.mean_error(metrics.mrrpe(*args, root="middle_mcp")),
        "swapped": swap_rate(predictions),
    }


def _placed(keypoints: torch.Tensor, relative: torch.Tensor) -> torch.Tensor:
    """Root-relative keypoints (B, 2, 21, 3) with the left hand moved by relative (B, 3)."""
    placed = keypoints.clone()
    placed[:, SIDES.index("left")] += relative[:, None]
    return placed
