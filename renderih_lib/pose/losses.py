"""The terms of Eq. 9 but naturalness (Eq. 8, `naturalness.adversarial_loss`): each gives one number per pose.

No term looks at other poses of the batch, so a pose's result does not depend on its batch mates.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from renderih_lib.hand.anatomy import angle_excess

#: s of Eq. 5, metres: anchors farther apart than this do not attract.
ATTRACTION_REACH = 0.02
_LARGEST_TABLE = 2**22  # distances between anchors held at once


class AnchorPairs(NamedTuple):
    """N springs per pose, between anchors of the right and the left hand."""

    right: Tensor  # (B, N) int, index of an anchor
    left: Tensor  # (B, N) int
    stiffness: Tensor  # (B, N), k of Eq. 5; zero where there is no spring


def penetration_loss(depths: Tensor) -> Tensor:
    """L_p of Eq. 4, (B,) metres: sum of the depths (B, 2, P) of both hands' points inside the other hand.

    Every vertex counts once; in the paper's sum a vertex on the border of two parts counts twice.
    """
    return depths.sum((-2, -1))


def anatomy_loss(angles: Tensor) -> Tensor:
    """L_a of Eq. 6 for both hands, (B,) square radians, over twist, splay and bend of angles (B, 2, 15, 3)."""
    return angle_excess(angles).square().sum((-3, -2, -1))


def attraction_loss(anchors: Tensor, pairs: AnchorPairs) -> Tensor:
    """Sum of Eq. 5 over the pairs, (B,) square metres, for anchors (B, 2, A, 3)."""
    return 0.5 * (pairs.stiffness * _gap(anchors, pairs).square().sum(-1)).sum(-1)


def mutual_pairs(anchors: Tensor, normals: Tensor) -> AnchorPairs:
    """Anchors that are each other's nearest among those that face them (n·n < 0), one row per right anchor.

    Args:
        anchors: (B, 2, A, 3) metres. normals: (B, 2, A, 3), unit, outward.
    """
    rows = max(1, _LARGEST_TABLE // anchors.shape[2] ** 2)  # all 778 vertices as anchors must fit, too
    parts = [_mutual_pairs(*part) for part in zip(anchors.split(rows), normals.split(rows), strict=True)]
    return AnchorPairs(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))


def nearest_pairs(anchors: Tensor, normals: Tensor, count: int = 4, cosine: float = -0.6) -> AnchorPairs:
    """The released code's pairs: `count` nearest facing right anchors of every left one, one row per spring.

    Args:
        anchors: (B, 2, A, 3) metres. normals: (B, 2, A, 3), unit, outward.
        cosine: largest n·n at which two anchors count as facing.
    """
    distance = facing_distances(anchors, normals, cosine)
    reached, right = distance.topk(count, dim=1, largest=False)  # (B, count, A)
    left = torch.arange(anchors.shape[2], device=anchors.device).expand_as(right)
    return AnchorPairs(right.flatten(1), left.flatten(1), stiffness(reached).flatten(1))


def refreshed(pairs: AnchorPairs, anchors: Tensor) -> AnchorPairs:
    """The same springs with the stiffness of today's distances."""
    return pairs._replace(stiffness=stiffness(_gap(anchors, pairs).norm(dim=-1)))


def stiffness(distance: Tensor) -> Tensor:
    """k of Eq. 5: 1 at contact, falling as a cosine to 0 at `ATTRACTION_REACH` metres and beyond."""
    return 0.5 * torch.cos(torch.pi / ATTRACTION_REACH * distance.clamp(max=ATTRACTION_REACH)) + 0.5


def facing_distances(anchors: Tensor, normals: Tensor, cosine: float) -> Tensor:
    """Distances (B, A right, A left) in metres, infinite where n·n is not below `cosine`."""
    distance = torch.cdist(anchors[:, 0], anchors[:, 1], compute_mode="donot_use_mm_for_euclid_dist")
    facing = normals[:, 0] @ normals[:, 1].transpose(-1, -2) < cosine
    return distance.masked_fill(~facing, torch.inf)


def _mutual_pairs(anchors: Tensor, normals: Tensor) -> AnchorPairs:
    distance = facing_distances(anchors, normals, cosine=0.0)
    left = distance.argmin(2)
    back = distance.argmin(1).gather(1, left)
    right = torch.arange(anchors.shape[2], device=anchors.device).expand_as(left)
    reached = distance.gather(2, left[..., None])[..., 0]
    return AnchorPairs(right, left, torch.where(back == right, stiffness(reached), 0.0))


def _gap(anchors: Tensor, pairs: AnchorPairs) -> Tensor:
    """Vectors (B, N, 3) metres between the two ends of every spring."""
    rows = torch.arange(len(anchors), device=anchors.device)[:, None]
    return anchors[rows, 0, pairs.right] - anchors[rows, 1, pairs.left]
