"""Predictions of a trained network, the trivial answers beside them, and every metric of both."""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from renderih_lib import metrics
from renderih_lib.data.samples import SampleBatch
from renderih_lib.hand.skeleton import SIDES
from renderih_lib.metrics.protocols import checked_choice
from renderih_lib.render.shards import write_arrays
from renderih_lib.train.augment import NO_AUGMENTATION, augment
from renderih_lib.train.losses import target_of
from renderih_lib.train.settings import autocast

#: Axes (root, scale) of `Predictions.vertex_errors`.
MESH_CHOICES = [(root, scale) for root in metrics.ROOTS for scale in metrics.SCALES]


@dataclass(frozen=True)
class Predictions:
    """What a network said about N images, beside the truth: all that the metrics of notebook 13 need.

    Metres, camera axes; both hands are placed so that the right middle MCP is the origin (each its own where only
    one is known). A hand whose middle MCP is not known does not count: what a network says is relative to it.
    Optional arrays are None where network or data have no such thing.
    """

    predicted: np.ndarray  # (N, 2, 21, 3) float32
    target: np.ndarray  # (N, 2, 21, 3) float32
    predicted_2d: np.ndarray  # (N, 2, 21, 2) float32, in [-1, 1] across the crop
    target_2d: np.ndarray  # (N, 2, 21, 2) float32
    valid: np.ndarray  # (N, 2, 21) bool, which keypoints count
    mesh_valid: np.ndarray  # (N, 2) bool, which hands have a true mesh that counts
    mask_iou: np.ndarray  # (N,) float32, how much the hands hide each other; NaN where unknown
    pose_ids: np.ndarray  # (N,) int64
    ids: np.ndarray  # (N,) str
    sources: np.ndarray  # (N,) str
    regressed: np.ndarray | None = (
        None  # (N, 2, 21, 3) float32, keypoints of the true mesh by the network's map
    )
    vertex_errors: np.ndarray | None = None  # (N, 2, 4) float32, MPVPE in mm by MESH_CHOICES
    contact_errors: np.ndarray | None = None  # (N, 2) float32, `metrics.contact_deviation` in mm
    handedness: np.ndarray | None = None  # (N,) float64, `metrics.hands_found`
    predicted_vertices: np.ndarray | None = None  # (N, 2, V, 3) float32, kept if asked for
    target_vertices: np.ndarray | None = None  # (N, 2, V, 3) float32

    def __len__(self) -> int:
        return len(self.ids)

    def replace(self, **changes) -> "Predictions":
        return replace(self, **changes)

    def without_vertices(self) -> "Predictions":
        """The same, meshes forgotten; their errors stay."""
        return self.replace(predicted_vertices=None, target_vertices=None)

    def truth(self, source: str) -> tuple[np.ndarray, np.ndarray]:
        """True keypoints (N, 2, 21, 3) by a name in `metrics.TRUTHS`, and which count (N, 2, 21).

        Raises:
            ValueError: if the name is unknown, or there are no true meshes to regress keypoints from.
        """
        if checked_choice("truth", source, metrics.TRUTHS) == "annotated":
            return self.target, self.valid
        if self.regressed is None:
            raise ValueError("these predictions have no true meshes to regress from; use truth='annotated'")
        return self.regressed, np.broadcast_to(self.mesh_valid[..., None], self.valid.shape)

    def save(self, path: str | Path, *, half: bool = False) -> None:
        """As `.npz`, complete or not at all; `half` stores points as float16 (within 0.13 mm up to half a metre)."""
        arrays = {name: value for name, value in vars(self).items() if value is not None}
        if half:
            points = [name for name, value in arrays.items() if value.dtype == np.float32 and value.ndim == 4]
            arrays |= {name: arrays[name].astype(np.float16) for name in points}
        write_arrays(Path(path), arrays)

    @staticmethod
    def load(path: str | Path) -> "Predictions":
        """What `save` wrote, points as float32.

        Raises:
            ValueError: if the file holds other arrays.
        """
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        try:
            return Predictions(
                **{n: a.astype(np.float32) if a.dtype == np.float16 else a for n, a in arrays.items()}
            )
        except TypeError as error:
            raise ValueError(
                f"{path} does not hold the arrays of Predictions; make it again ({error})"
            ) from None

    @staticmethod
    def cat(parts: "list[Predictions]") -> "Predictions":
        """Predictions for the images of all parts, in order."""
        columns = {field.name: [getattr(part, field.name) for part in parts] for field in fields(Predictions)}
        return Predictions(
            **{n: None if arrays[0] is None else np.concatenate(arrays) for n, arrays in columns.items()}
        )


class Constant(NamedTuple):
    """An answer that never looks at the image, in the form of one image of `Predictions`."""

    keypoints: np.ndarray  # (2, 21, 3) float32
    vertices: np.ndarray | None = None  # (2, V, 3) float32
    keypoints_2d: np.ndarray | None = None  # (2, 21, 2) float32


@torch.no_grad()
def predict(
    model, data, size: int, *, bone: float | None, precision: str, batch: int = 64, vertices: bool = False
) -> Predictions:
    """Predictions for every image of `data`, resized to `size` pixels, nothing augmented.

    Args:
        data: a `SampleBatch`, or anything with a length whose `[indices]` is one.
        bone, precision: as in `TrainSettings`. With `bone`, the true keypoints are scaled to it as well.
        vertices: whether to keep both meshes (37 KB an image); their errors are kept in any case.
    """
    model.eval()
    parts = []
    for indices in np.array_split(np.arange(len(data)), range(batch, len(data), batch)):
        part = _answers(model, data[indices], size, bone, precision)
        parts.append(part if vertices else part.without_vertices())
    return Predictions.cat(parts)


def _answers(model, batch: SampleBatch, size: int, bone: float | None, precision: str) -> Predictions:
    device = next(model.parameters()).device
    rng = np.random.default_rng(0)  # draws nothing that matters: no augmentation
    images, batch = augment(batch.to(device), NO_AUGMENTATION, rng, size)
    with autocast(device, precision):
        said = model(images)
    true = target_of(batch, size, bone=bone)
    counts = true.rooted & batch.valid
    valid, mesh_valid = batch.keypoint_valid & counts[..., None], batch.mesh_valid & counts
    both = counts.all(1)[:, None].float()
    moves = (said.relative.float() * both, true.relative * both)
    predicted, target = (_placed(a.keypoints.float(), b) for a, b in zip((said, true), moves, strict=True))
    answers = Predictions(
        *map(_numpy, (predicted, target, said.keypoints_2d.float(), true.keypoints_2d)),
        *map(_numpy, (valid, mesh_valid, batch.mask_iou, batch.pose_ids)),
        ids=batch.ids,
        sources=batch.sources,
    )
    if getattr(said, "handedness", None) is not None:
        found = metrics.hands_found(said.handedness.float(), batch.valid)
        answers = answers.replace(handedness=found)
    if said.vertices is None:
        return answers
    meshes = [_placed(a.vertices.float(), b) for a, b in zip((said, true), moves, strict=True)]
    regressed = model.keypoint_map @ meshes[1] if mesh_valid.any() else target
    return with_mesh_errors(answers.replace(regressed=_numpy(regressed)), *map(_numpy, meshes))


def mean_pose(data, *, bone: float | None, batch: int = 256) -> Constant:
    """Mean training keypoints and mesh, each hand relative to its middle MCP, plus its mean place.

    The best constant in the mean square, where keypoints and hands that are not valid do not count.

    Args:
        data: as in `predict`. bone: as in `TrainSettings`.
    """
    sums = {}
    for indices in np.array_split(np.arange(len(data)), range(batch, len(data), batch)):
        part = data[indices]
        true = target_of(part, part.size, bone=bone)
        hands = true.rooted & part.valid
        terms = {
            "keypoints": (true.keypoints, part.keypoint_valid & hands[..., None]),
            "relative": (true.relative, hands.all(1)),
            "keypoints_2d": (true.keypoints_2d, part.keypoint_valid & part.valid[..., None]),
            "vertices": (true.vertices, (part.mesh_valid & hands)[..., None]),
        }
        for name, (values, counts) in terms.items():
            counts = counts[..., None].to(values)
            added = torch.where(counts > 0, values, 0.0).double().sum(0), counts.double().sum(0)
            sums[name] = [a + b for a, b in zip(sums.get(name, (0.0, 0.0)), added, strict=True)]
    means = {name: (total / number.clamp(min=1)).float() for name, (total, number) in sums.items()}
    placed = [_placed(means[name][None], means["relative"][None])[0] for name in ("keypoints", "vertices")]
    meshed = bool(sums["vertices"][1].all())
    return Constant(
        *map(_numpy, placed if meshed else [placed[0]]), keypoints_2d=_numpy(means["keypoints_2d"])
    )


def canonical_hand(hands) -> Constant:
    """Both hands at rest, wrists in one place: a constant whose PA-MPJPE shows how little PA asks."""
    meshes = [hand(torch.eye(3).expand(1, 16, 3, 3)) for hand in hands.hands]
    return Constant(
        *(np.stack([_numpy(getattr(m, n)[0]) for m in meshes]) for n in ("keypoints", "vertices"))
    )


def constant(predictions: Predictions, answer: Constant) -> Predictions:
    """The same images with one answer for every one of them.

    Its mesh has errors if `predictions` keeps the true meshes; without an answer in 2D, 2D is not a number.
    """
    said = predictions.replace(
        predicted=_repeated(answer.keypoints, predictions.target),
        predicted_2d=_repeated(
            np.nan if answer.keypoints_2d is None else answer.keypoints_2d, predictions.target_2d
        ),
        vertex_errors=None,
        contact_errors=None,
        handedness=None,
        predicted_vertices=None,
    )
    if answer.vertices is None or predictions.target_vertices is None:
        return said
    return with_mesh_errors(said, _repeated(answer.vertices, said.target_vertices), said.target_vertices)


def with_mesh_errors(answers: Predictions, predicted: np.ndarray, target: np.ndarray) -> Predictions:
    """The answers with meshes (N, 2, V, 3) metres, placed as their keypoints are, and the errors of these.

    MPVPE moves and scales a mesh by the annotated keypoints.
    """
    mesh_valid = answers.mesh_valid
    if not mesh_valid.any():  # then the true meshes may have another number of vertices, or none
        target = np.zeros_like(predicted)
    given = (predicted, target, answers.predicted, answers.target, answers.valid)
    found = [
        metrics.mpvpe(*given, root=root, scale=scale, mesh_valid=mesh_valid) for root, scale in MESH_CHOICES
    ]
    return answers.replace(
        vertex_errors=np.stack(found, -1).astype(np.float32),
        contact_errors=metrics.contact_deviation(predicted, target, mesh_valid).astype(np.float32),
        predicted_vertices=predicted,
        target_vertices=target,
    )


def errors(
    predictions: Predictions, *, root: str = "middle_mcp", truth: str = "annotated"
) -> dict[str, np.ndarray]:
    """Every metric before its mean: (N, 2) for what each hand has, (N,) for what an image has; NaN where not counted.

    mpjpe_mm, smpjpe_mm, pa_mpjpe_mm, mrrpe_mm and mrrpe_released_mm as in `metrics`, over all 21 keypoints; auc, of
    PCK up to 50 mm of the unscaled prediction; swapped, whether the hands fit better when exchanged (2D). With
    meshes: mpvpe_mm, smpvpe_mm (scaled), cdev_mm (from right to left, as released), cdev_both_mm. With a network that
    says which hands there are: handedness, whether it is right about both.

    Args:
        root: a name in `metrics.ROOTS`; the paper's is "middle_mcp", its supplement's "wrist".
        truth: a name in `metrics.TRUTHS`.
    """
    target, valid = predictions.truth(truth)
    given = (predictions.predicted, target, valid)
    places = (predictions.predicted_2d, predictions.target_2d, predictions.valid)
    found = {
        "mpjpe_mm": metrics.mpjpe(*given, root=root),
        "smpjpe_mm": metrics.smpjpe(*given, root=root, joints="all"),
        "pa_mpjpe_mm": metrics.pa_mpjpe(*given),
        "mrrpe_mm": metrics.mrrpe(*given, root=root),
        "mrrpe_released_mm": metrics.mrrpe(*given, root=root, norm="released"),
        "auc": metrics.auc(metrics.keypoint_errors(*given, root=root)),
        "swapped": metrics.hands_swapped(*places),
    }
    if predictions.vertex_errors is not None:
        for name, scale in (("mpvpe_mm", "none"), ("smpvpe_mm", "bone")):
            found[name] = predictions.vertex_errors[..., MESH_CHOICES.index((root, scale))]
        found["cdev_mm"] = predictions.contact_errors[:, 0]
        found["cdev_both_mm"] = metrics.per_image(predictions.contact_errors)
    if predictions.handedness is not None:
        found["handedness"] = predictions.handedness
    return found


def summary(predictions: Predictions, **choices) -> dict[str, float]:
    """Mean of each of the `errors`, with the same choices; NaN where no hand or image counts."""
    return {name: _mean(values) for name, values in errors(predictions, **choices).items()}


def intervals(
    predictions: Predictions, rng: np.random.Generator, **choices
) -> dict[str, tuple[float, float]]:
    """95 % interval of each number of `summary`, poses drawn as a whole; NaN where fewer than two poses count."""
    return {
        name: _interval(values, predictions.pose_ids, rng)
        for name, values in errors(predictions, **choices).items()
    }


def differences(
    predictions: Predictions, others: Predictions, rng: np.random.Generator, **choices
) -> dict[str, tuple[float, float, float]]:
    """Mean minus the others' mean on the same images, and its paired 95 % interval, for each metric that both have.

    Raises:
        ValueError: if the two are of different images.
    """
    if not np.array_equal(predictions.ids, others.ids):
        raise ValueError("paired differences need predictions for the same images in the same order")
    ours, theirs = (errors(p, **choices) for p in (predictions, others))
    paired = {name: ours[name] - theirs[name] for name in ours if name in theirs}
    return {
        name: (_mean(values), *_interval(values, predictions.pose_ids, rng))
        for name, values in paired.items()
    }


def protocol_error(predictions: Predictions, protocol: metrics.Protocol) -> float:
    """MPJPE in mm by a protocol, e.g. one of `metrics.PROTOCOLS`."""
    given = (predictions.predicted, *predictions.truth(protocol.truth))
    found = metrics.keypoint_errors(*given, root=protocol.root, scale=protocol.scale)
    if protocol.joints == "without_root":
        found[..., metrics.ROOTS[protocol.root]] = np.nan
    if protocol.mean == "keypoints":
        return metrics.mean_of_keypoints(found)
    return metrics.mean_error(metrics.mean_of_hands(found))


def _placed(points: torch.Tensor, relative: torch.Tensor) -> torch.Tensor:
    """Root-relative points (B, 2, K, 3) with the left hand moved by relative (B, 3)."""
    placed = points.clone()
    placed[:, SIDES.index("left")] += relative[:, None]
    return placed


def _repeated(value, like: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.asarray(value, dtype=np.float32), like.shape)


def _mean(values: np.ndarray) -> float:
    return metrics.mean_error(values) if np.isfinite(values).any() else float("nan")


def _interval(values: np.ndarray, clusters: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    counted = np.isfinite(values).reshape(len(values), -1).any(1)
    if len(np.unique(clusters[counted])) < 2:
        return float("nan"), float("nan")
    return metrics.cluster_interval(values, clusters, rng)


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
