"""What TransHand is trained towards (paper Eq. 10-12), and the dense terms that make a small run learn.

Only what is annotated counts: keypoints and meshes each have their own validity.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from renderih_lib.data.samples import UNKNOWN_PART, SampleBatch, project
from renderih_lib.hand.skeleton import KEYPOINT_COUNT, MIDDLE_MCP
from renderih_lib.nets.heads import cell_centres
from renderih_lib.nets.transhand import Prediction

DISTANCES = {
    "l1": torch.abs,
    "smooth_l1": lambda x: F.smooth_l1_loss(x, torch.zeros_like(x), reduction="none"),  # x² / 2 below 1
    "mse": torch.square,
}
REDUCTIONS = ("mean", "sum")


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms of `loss_terms`: 3D terms in metres, 2D terms in half crops."""

    joints_3d: float = 20.0  # Eq. 10, d = 3D
    joints_2d: float = 1.0  # Eq. 10, d = 2D
    mesh_3d: float = 20.0  # Eq. 11, d = 3D
    mesh_2d: float = 1.0  # Eq. 11, d = 2D
    smooth: float = 50.0  # Eq. 12
    relative: float = 5.0  # position of the left hand seen from the right
    edges: float = 0.0  # lengths of the mesh's edges; of the released code
    heatmaps: float = 1.0  # cross-entropy of each keypoint's place; ours
    parts: float = 1.0  # cross-entropy of each cell's part; ours

    def __post_init__(self):
        negative = [name for name, weight in asdict(self).items() if weight < 0]
        if negative:
            raise ValueError(f"loss weight {negative[0]} must not be negative")


#: Eq. 10-12 alone, each as the paper writes it; its weights are not told.
PAPER_WEIGHTS = LossWeights(
    joints_3d=1, joints_2d=1, mesh_3d=1, mesh_2d=1, smooth=1, relative=1, heatmaps=0, parts=0
)
#: Of the released code. `relative` is 100 of its mesh and 100 of its joints, which both lie in one hand's frame.
OFFICIAL_WEIGHTS = LossWeights(
    joints_3d=100,
    joints_2d=0,
    mesh_3d=100,
    mesh_2d=50,
    smooth=10,
    relative=200,
    edges=2000,
    heatmaps=0,
    parts=0,
)


@dataclass(frozen=True)
class LossForm:
    """How differences become a number. The default is the paper's L1, as means.

    A mean divides Eq. 10-12 by the number of annotated coordinates, so that a weight does not depend on the mesh,
    the batch or how much is annotated; "sum" takes the equations as written, per image.
    """

    distance_3d: str = "l1"  # a name in `DISTANCES`
    distance_2d: str = "l1"
    unit_edges: bool = False  # Eq. 12 on directions of edges, not on edges in metres
    reduction: str = "mean"  # or "sum"

    def __post_init__(self):
        for name in ("distance_3d", "distance_2d"):
            if getattr(self, name) not in DISTANCES:
                raise ValueError(f"{name} must be one of {tuple(DISTANCES)}, got {getattr(self, name)!r}")
        if self.reduction not in REDUCTIONS:
            raise ValueError(f"reduction must be one of {REDUCTIONS}, got {self.reduction!r}")


PAPER_FORM = LossForm(reduction="sum")
#: "Smooth L1" whose bend lies at one metre: in effect half a mean square.
OFFICIAL_FORM = LossForm(distance_3d="smooth_l1", distance_2d="mse", unit_edges=True)


class Target(NamedTuple):
    """Truth in the form of `Prediction`, zero where it is not known."""

    vertices: Tensor  # (B, 2, V, 3) metres from each hand's middle MCP
    keypoints: Tensor  # (B, 2, 21, 3) metres from each hand's middle MCP
    relative: Tensor  # (B, 3) metres, left middle MCP minus right middle MCP
    vertices_2d: Tensor  # (B, 2, V, 2) in [-1, 1] across the crop
    keypoints_2d: Tensor  # (B, 2, 21, 2) in [-1, 1] across the crop
    parts: Tensor  # (B, H, W) uint8
    valid: Tensor  # (B, 2) bool
    keypoint_valid: Tensor  # (B, 2, 21) bool
    mesh_valid: Tensor  # (B, 2) bool
    rooted: Tensor  # (B, 2) bool: the hand's middle MCP and, where it is needed, its size are known


def target_of(batch: SampleBatch, size: int, *, bone: float | None) -> Target:
    """Targets of a batch whose K refers to crops of `size` pixels.

    Args:
        bone: metres to which the mean of both hands' wrist - middle MCP lengths is scaled (0.095 in the
            released code), or None to learn true sizes.
    """
    root = batch.keypoints[:, :, MIDDLE_MCP : MIDDLE_MCP + 1]
    rooted = batch.keypoint_valid[:, :, MIDDLE_MCP]
    factor = 1.0
    if bone is not None:
        length = (batch.keypoints[:, :, 0] - root[:, :, 0]).norm(dim=-1)
        known = rooted & batch.keypoint_valid[:, :, 0] & (length > 0)
        mean = (length * known).sum(1) / known.sum(1).clamp(min=1)
        rooted = rooted & known.any(1, keepdim=True)
        factor = (bone / torch.where(mean > 0, mean, bone))[:, None, None, None]
    points = batch.keypoint_valid[..., None]
    mesh = batch.mesh_valid[..., None, None]
    both = rooted.all(1)[:, None]
    return Target(
        vertices=(batch.vertices - root) * factor * (mesh & rooted[..., None, None]),
        keypoints=(batch.keypoints - root) * factor * (points & rooted[..., None, None]),
        relative=((root[:, 1:] - root[:, :1]) * factor)[:, 0, 0] * both,
        vertices_2d=(project(batch.vertices, batch.K[:, None]) * (2 / size) - 1) * mesh,
        keypoints_2d=(project(batch.keypoints, batch.K[:, None]) * (2 / size) - 1) * points,
        parts=batch.parts,
        valid=batch.valid,
        keypoint_valid=batch.keypoint_valid,
        mesh_valid=batch.mesh_valid,
        rooted=rooted,
    )


def loss_terms(
    prediction: Prediction,
    target: Target,
    faces: Tensor,
    form: LossForm = LossForm(),
    average: Callable[[Tensor], Tensor] = lambda counts: counts,
) -> dict[str, Tensor]:
    """Every term of `LossWeights` that the prediction allows, unweighted scalars.

    Args:
        faces: (2, F, 3) int, of the right and left hand.
        average: takes the counts (T,) by which the terms' sums are divided to their mean over all processes, so
            that the mean of the processes' gradients is the gradient of the joined batch.
    """
    points = target.keypoint_valid.float()
    meshes = target.mesh_valid.float()
    rooted = target.rooted.float()
    solid, both = meshes * rooted, rooted.prod(1)
    three, two = DISTANCES[form.distance_3d], DISTANCES[form.distance_2d]
    smooth, lengths = edge_terms(prediction.vertices, target.vertices, faces, form.unit_edges)
    joints, mesh = prediction.keypoints - target.keypoints, prediction.vertices - target.vertices
    joints_2d = prediction.keypoints_2d - target.keypoints_2d
    mesh_2d = prediction.vertices_2d - target.vertices_2d
    sums = {
        "joints_3d": _reduced(three(joints), points * rooted[..., None], form),
        "joints_2d": _reduced(two(joints_2d), points, form),
        "mesh_3d": _reduced(three(mesh), solid, form),
        "mesh_2d": _reduced(two(mesh_2d), meshes, form),
        "smooth": _reduced(three(smooth), solid, form),
        "relative": _reduced(three(prediction.relative - target.relative), both, form),
        "edges": _reduced(three(lengths), solid, form),
    }
    if form.reduction == "sum":
        # In one hand's frame, Eq. 10 and 11 would count the other's shift at every point.
        total, count = sums["relative"]
        sums["relative"] = total * (KEYPOINT_COUNT + prediction.vertices.shape[2]), count
    if prediction.evidence is not None:
        sums["heatmaps"] = heatmap_sum(prediction.evidence.heatmaps, target.keypoints_2d, points)
        sums["parts"] = part_sum(prediction.evidence.parts, target.parts)
    counts = average(torch.stack([count for _, count in sums.values()]))
    counts = torch.where(counts > 0, counts, torch.ones_like(counts))
    return {name: total / count for (name, (total, _)), count in zip(sums.items(), counts, strict=True)}


def total_loss(terms: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """Weighted sum of terms."""
    scale = asdict(weights)
    return sum(scale[name] * term for name, term in terms.items())


def edge_terms(vertices: Tensor, truth: Tensor, faces: Tensor, unit: bool = False) -> tuple[Tensor, Tensor]:
    """e . n of Eq. 12, and by how much edges are too long: both (B, 2, F, 3), metres.

    e are the predicted edges of each face, n the unit normal of the same true face, so e . n should vanish.

    Args:
        vertices, truth: (B, 2, V, 3) metres. faces: (2, F, 3) int.
        unit: take e of length one, as the released code does.
    """
    predicted, corners = (
        torch.stack([points[:, side, faces[side]] for side in range(2)], 1) for points in (vertices, truth)
    )  # (B, 2, F, 3 corners, 3)
    edges, true_edges = predicted.roll(-1, -2) - predicted, corners.roll(-1, -2) - corners
    normal = F.normalize(torch.linalg.cross(true_edges[..., 0, :], true_edges[..., 1, :]), dim=-1, eps=1e-20)
    length, true_length = _length(edges), _length(true_edges)
    across = (edges * normal[..., None, :]).sum(-1)
    return across / length if unit else across, length - true_length


def heatmap_sum(logits: Tensor, places: Tensor, valid: Tensor, sigma: float = 0.75) -> tuple[Tensor, Tensor]:
    """Cross-entropies of softmax heat maps (B, 2, 21, H, W) and Gaussians at places (B, 2, 21, 2) in [-1, 1].

    Args:
        valid: (B, 2, 21) float. sigma: of the Gaussians, in cells.

    Returns:
        Their sum, and how many keypoints it is of; those outside the crop are left out.
    """
    height, width = logits.shape[-2:]
    cells = cell_centres(height, width).to(places)
    distance = (places[..., None, :] - cells).square().sum(-1) * (width / (2 * sigma)) ** 2 / 2
    wanted = (-distance).softmax(-1)
    inside = (places.abs() < 1).all(-1).float() * valid
    return (-(wanted * logits.flatten(-2).log_softmax(-1)).sum(-1) * inside).sum(), inside.sum()


def part_sum(logits: Tensor, parts: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropies of part logits (B, 35, H, W) with labels (B, H, W): their sum, and of how many cells."""
    labels = parts.long()
    total = F.cross_entropy(logits, labels, ignore_index=UNKNOWN_PART, reduction="sum")
    return total, (labels != UNKNOWN_PART).sum().to(total)


def _length(edges: Tensor) -> Tensor:
    """(..., 3) to (...), with a gradient at zero, where all vertices of a network's first guess may lie."""
    return (edges.square().sum(-1) + 1e-12).sqrt()


def _reduced(values: Tensor, weights: Tensor, form: LossForm) -> tuple[Tensor, Tensor]:
    """Sum of values (*weights.shape, ...) where weights is 1, and what to divide it by."""
    values = values.flatten(weights.dim())
    if form.reduction == "sum":
        return (values.sum(-1) * weights).sum(), values.new_full((), len(values))
    return (values.mean(-1) * weights).sum(), weights.sum()
