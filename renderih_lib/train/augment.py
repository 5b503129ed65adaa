"""Augmentation of a batch that keeps image, camera and both hands in exact agreement."""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from renderih_lib.data.samples import PART_NAMES, UNKNOWN_PART, SampleBatch
from renderih_lib.hand.skeleton import JOINT_COUNT

#: What each part is called in the mirror.
SWAPPED_PARTS = torch.arange(256, dtype=torch.uint8)
SWAPPED_PARTS[1 : len(PART_NAMES)] = torch.cat(
    [
        torch.arange(1 + JOINT_COUNT, 1 + 2 * JOINT_COUNT),
        torch.arange(1, 1 + JOINT_COUNT),
        torch.tensor([len(PART_NAMES) - 1, len(PART_NAMES) - 2]),
    ]
).to(torch.uint8)

_NUMBERS = 9  # drawn for each image
_CPU_IMAGES = 8  # resampled together: what lies between fits into the processor's cache


@dataclass(frozen=True)
class Augmentation:
    """How far images vary; each amount is drawn uniformly from minus to plus its value.

    The paper tells none of it. The released code turns, scales, mirrors and recolours by these amounts and does
    not shift.
    """

    rotation: float = math.pi / 2  # radians about the optical axis
    scale: float = 0.1  # relative
    shift: float = 0.05  # of the crop's side
    flip: float = 0.5  # probability of a mirror image, in which the hands change sides
    gain: float = 0.3  # of each colour channel, relative
    brightness: float = 0.05  # of full white


RELEASED_AUGMENTATION = Augmentation(shift=0.0)
NO_AUGMENTATION = Augmentation(rotation=0, scale=0, shift=0, flip=0, gain=0, brightness=0)


def source_size(size: int) -> int:
    """Pixels of the crops to augment for inputs of `size` pixels: a quarter more, to have some to draw from."""
    return 5 * size // 4


def augment(
    batch: SampleBatch, settings: Augmentation, rng: np.random.Generator, size: int
) -> tuple[Tensor, SampleBatch]:
    """Images (B, 3, size, size) float32 in [0, 1], and the batch that belongs to them.

    Turning about the optical axis is an affine map of the image and a rotation of the camera frame, so the 3D
    labels stay exact; the crop is then moved back to its centre by changing K alone. The returned batch has the
    new K, vertices, keypoints, validity and parts (at a quarter of the resolution); its images are the old ones.
    """
    return augmented(batch, settings, draws(rng, len(batch)), size)


def draws(rng: np.random.Generator, count: int) -> np.ndarray:
    """What `augmented` needs for `count` images, one row each; rows of a part of a batch may be taken out."""
    return rng.random((count, _NUMBERS))


def augmented(
    batch: SampleBatch, settings: Augmentation, drawn: np.ndarray, size: int
) -> tuple[Tensor, SampleBatch]:
    """As `augment`, with the random numbers of `draws` given."""
    device = batch.images.device
    mirrored = torch.from_numpy(drawn[:, 0] < settings.flip).to(device)
    drawn = torch.from_numpy(2 * drawn[:, 1:] - 1).float().to(device)
    turn = _turn(settings.rotation * drawn[:, 0])
    K = _intrinsics(batch, turn, 1 + settings.scale * drawn[:, 1], settings.shift * drawn[:, 2:4], size)
    to_new = K @ turn @ _inverse(batch.K)  # pixel of the old image -> pixel of the new one
    flip = _mirror(mirrored)
    to_hand = (flip @ turn).transpose(-1, -2)[:, None]  # acts on rows
    flip[:, 0, 2] = size * mirrored  # of pixels: about the middle of the crop
    images, parts = _resampled(batch, _inverse(flip @ to_new), size)
    gain, offset = 1 + settings.gain * drawn[:, 4:7], settings.brightness * drawn[:, 7]
    images = images.mul_(gain[..., None, None] / 255).add_(offset[:, None, None, None]).clamp_(0, 1)

    K[:, 0, 2] = torch.where(mirrored, size - K[:, 0, 2], K[:, 0, 2])
    row = torch.arange(len(batch), device=device)[:, None]
    side = torch.stack([mirrored.long(), 1 - mirrored.long()], 1)  # which old hand each new hand is
    return images, batch.replace(
        K=K,
        vertices=(batch.vertices @ to_hand)[row, side],
        keypoints=(batch.keypoints @ to_hand)[row, side],
        valid=batch.valid[row, side],
        keypoint_valid=batch.keypoint_valid[row, side],
        mesh_valid=batch.mesh_valid[row, side],
        parts=torch.where(mirrored[:, None, None], SWAPPED_PARTS.to(device)[parts.long()], parts),
    )


def _turn(angle: Tensor) -> Tensor:
    """Rotations (B, 3, 3) about the optical axis by angle (B,) radians."""
    c, s, o = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return torch.stack([c, -s, o, s, c, o, o, o, o + 1], -1).view(-1, 3, 3)


def _mirror(mirrored: Tensor) -> Tensor:
    """diag(-1, 1, 1) where mirrored (B,), else the identity; (B, 3, 3)."""
    one = torch.ones(len(mirrored), device=mirrored.device)
    return torch.diag_embed(torch.stack([1 - 2.0 * mirrored, one, one], -1))


def _inverse(matrices: Tensor) -> Tensor:
    """Of matrices known to be regular: unlike `linalg.inv` it does not stop a GPU to look."""
    return torch.linalg.inv_ex(matrices).inverse


def _intrinsics(batch: SampleBatch, turn: Tensor, scale: Tensor, shift: Tensor, size: int) -> Tensor:
    """K of the new crop: scaled, with the old crop's centre (after the turn) moved to its middle plus shift."""
    zoom = scale * size / batch.size
    centre = batch.K.new_tensor([batch.size / 2, batch.size / 2, 1.0])
    moved = batch.K @ turn @ _inverse(batch.K) @ centre
    K = batch.K.clone()
    K[:, :2, 2] -= moved[:, :2]
    K[:, :2] *= zoom[:, None, None]
    K[:, :2, 2] += size / 2 + shift * size
    return K


def _resampled(batch: SampleBatch, to_old: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Images (B, 3, size, size) in [0, 255], and parts (B, size / 4, size / 4) seen at the cell centres.

    Args:
        to_old: (B, 3, 3), pixels of the new image to pixels of the old one; affine, since K and a turn about the
            optical axis keep the last coordinate.
    """
    theta = (_inverse(_from_unit(batch.size, to_old)) @ to_old @ _from_unit(size, to_old))[:, :2]
    count = len(batch)
    images = theta.new_empty(count, batch.images.shape[1], size, size)
    together = _CPU_IMAGES if theta.device.type == "cpu" else count
    for start in range(0, count, together):
        some = slice(start, start + together)
        grid = F.affine_grid(theta[some], (len(theta[some]), 1, size, size), align_corners=False)
        images[some] = F.grid_sample(batch.images[some].float(), grid, align_corners=False)
    coarse = F.affine_grid(theta, (count, 1, size // 4, size // 4), align_corners=False)
    shifted = batch.parts[:, None].float() - UNKNOWN_PART  # what lies outside becomes unknown
    parts = F.grid_sample(shifted, coarse, mode="nearest", align_corners=False) + UNKNOWN_PART
    return images, parts[:, 0].round().to(torch.uint8)


def _from_unit(size: int, like: Tensor) -> Tensor:
    """(3, 3): [-1, 1] across an image to its pixels."""
    half = size / 2
    return like.new_tensor([[half, 0.0, half], [0.0, half, half], [0.0, 0.0, 1.0]])
