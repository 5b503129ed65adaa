"""What TransHand is trained towards (paper Eq. 10-12), and the dense terms that make a small run learn.

Each term is a mean where the paper writes a sum, so that its weight does not depend on the number of vertices
or the batch; hands that are not annotated count for nothing.
"""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from renderih_lib.data.samples import UNKNOWN_PART, SampleBatch, project
from renderih_lib.hand.skeleton import MIDDLE_MCP
from renderih_lib.nets.heads import cell_centres
from renderih_lib.nets.transhand import Prediction


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms of `loss_terms`, 3D terms per metre and 2D terms per half crop."""

    joints_3d: float = 20.0  # Eq. 10, d = 3D
    joints_2d: float = 1.0  # Eq. 10, d = 2D
    mesh_3d: float = 20.0  # Eq. 11, d = 3D
    mesh_2d: float = 1.0  # Eq. 11, d = 2D
    smooth: float = 50.0  # Eq. 12
    relative: float = 5.0  # position of the left hand seen from the right
    heatmaps: float = 1.0  # cross-entropy of each keypoint's place
    parts: float = 1.0  # cross-entropy of each cell's part

    def __post_init__(self):
        negative = [name for name, weight in asdict(self).items() if weight < 0]
        if negative:
            raise ValueError(f"loss weight {negative[0]} must not be negative")


#: The paper's terms alone.
PAPER_WEIGHTS = LossWeights(heatmaps=0.0, parts=0.0)


class Target(NamedTuple):
    """Truth in the form of `Prediction`."""

    vertices: Tensor  # (B, 2, V, 3) metres from each hand's middle MCP
    keypoints: Tensor  # (B, 2, 21, 3) metres from each hand's middle MCP
    relative: Tensor  # (B, 3) metres, left middle MCP minus right middle MCP
    vertices_2d: Tensor  # (B, 2, V, 2) in [-1, 1] across the crop
    keypoints_2d: Tensor  # (B, 2, 21, 2) in [-1, 1] across the crop
    parts: Tensor  # (B, H, W) uint8
    valid: Tensor  # (B, 2) bool


def target_of(batch: SampleBatch, size: int, *, bone: float | None) -> Target:
    """Targets of a batch whose K refers to crops of `size` pixels.

    Args:
        bone: metres to which the mean of both hands' wrist - middle MCP lengths is scaled (0.095 in the
            released code), or None to learn true sizes.
    """
    root = batch.keypoints[:, :, MIDDLE_MCP : MIDDLE_MCP + 1]
    factor = 1.0
    if bone is not None:
        length = (batch.keypoints[:, :, 0] - root[:, :, 0]).norm(dim=-1)
        known = batch.valid.float()
        factor = bone / ((length * known).sum(1) / known.sum(1).clamp(min=1))[:, None, None, None]
    return Target(
        vertices=(batch.vertices - root) * factor,
        keypoints=(batch.keypoints - root) * factor,
        relative=((root[:, 1:] - root[:, :1]) * factor)[:, 0, 0],
        vertices_2d=project(batch.vertices, batch.K[:, None]) * (2 / size) - 1,
        keypoints_2d=project(batch.keypoints, batch.K[:, None]) * (2 / size) - 1,
        parts=batch.parts,
        valid=batch.valid,
    )


def loss_terms(prediction: Prediction, target: Target, faces: Tensor) -> dict[str, Tensor]:
    """Every term of `LossWeights` that the prediction allows, unweighted scalars.

    Args:
        faces: (2, F, 3) int, of the right and left hand.
    """
    valid = target.valid.float()
    both = target.valid.all(1).float()
    terms = {
        "joints_3d": _l1(prediction.keypoints, target.keypoints, valid),
        "joints_2d": _l1(prediction.keypoints_2d, target.keypoints_2d, valid),
        "mesh_3d": _l1(prediction.vertices, target.vertices, valid),
        "mesh_2d": _l1(prediction.vertices_2d, target.vertices_2d, valid),
        "smooth": smoothness(prediction.vertices, target.vertices, faces, valid),
        "relative": _l1(prediction.relative, target.relative, both),
    }
    if prediction.evidence is not None:
        terms["heatmaps"] = heatmap_loss(prediction.evidence.heatmaps, target.keypoints_2d, valid)
        terms["parts"] = part_loss(prediction.evidence.parts, target.parts)
    return terms


def total_loss(terms: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """Weighted sum of terms."""
    scale = asdict(weights)
    return sum(scale[name] * term for name, term in terms.items())


def smoothness(vertices: Tensor, truth: Tensor, faces: Tensor, valid: Tensor) -> Tensor:
    """Eq. 12: mean |e . n|, metres, of predicted edges e and true unit normals n of the same faces.

    Args:
        vertices, truth: (B, 2, V, 3) metres. faces: (2, F, 3) int. valid: (B, 2) float.
    """
    sides = []
    for side in range(2):
        corners = truth[:, side, faces[side]]  # (B, F, 3, 3)
        normal = torch.linalg.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0])
        predicted = vertices[:, side, faces[side]]
        edges = predicted.roll(-1, 2) - predicted
        sides.append((edges * F.normalize(normal, dim=-1)[:, :, None]).sum(-1).abs().mean((1, 2)))
    return _mean(torch.stack(sides, 1), valid)


def heatmap_loss(logits: Tensor, places: Tensor, valid: Tensor, sigma: float = 0.75) -> Tensor:
    """Cross-entropy between softmax heat maps (B, 2, 21, H, W) and Gaussians at places (B, 2, 21, 2) in [-1, 1].

    Args:
        sigma: of the Gaussians, in cells. Keypoints outside the crop are left out.
    """
    height, width = logits.shape[-2:]
    cells = cell_centres(height, width).to(places)
    distance = (places[..., None, :] - cells).square().sum(-1) * (width / (2 * sigma)) ** 2 / 2
    wanted = (-distance).softmax(-1)
    inside = (places.abs() < 1).all(-1).float() * valid[..., None]
    return _mean(-(wanted * logits.flatten(-2).log_softmax(-1)).sum(-1), inside)


def part_loss(logits: Tensor, parts: Tensor) -> Tensor:
    """Cross-entropy of part logits (B, 35, H, W) with labels (B, H, W); zero if no pixel is labelled."""
    labels = parts.long()
    summed = F.cross_entropy(logits, labels, ignore_index=UNKNOWN_PART, reduction="sum")
    return summed / (labels != UNKNOWN_PART).sum().clamp(min=1)


def _l1(prediction: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Mean absolute difference of (*valid.shape, ...) where valid is 1."""
    return _mean((prediction - truth).abs().flatten(valid.dim()).mean(-1), valid)


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    return (values * weights).sum() / weights.sum().clamp(min=1)
