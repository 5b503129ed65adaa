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


@dataclass(frozen=True)
class Augmentation:
    """How far images vary; each amount is drawn uniformly from minus to plus its value (facts of the released code)."""

    rotation: float = math.pi / 2  # radians about the optical axis
    scale: float = 0.1  # relative
    shift: float = 0.05  # of the crop's side
    flip: float = 0.5  # probability of a mirror image, in which the hands change sides
    gain: float = 0.3  # of each colour channel, relative
    brightness: float = 0.05  # of full white


NO_AUGMENTATION = Augmentation(rotation=0, scale=0, shift=0, flip=0, gain=0, brightness=0)


def augment(
    batch: SampleBatch, settings: Augmentation, rng: np.random.Generator, size: int
) -> tuple[Tensor, SampleBatch]:
    """Images (B, 3, size, size) float32 in [0, 1], and the batch that belongs to them.

    Turning about the optical axis is a homography of the image and a rotation of the camera frame, so the 3D
    labels stay exact; the crop is then moved back to its centre by changing K alone. The returned batch has the
    new K, vertices, keypoints, valid and parts (at a quarter of the resolution); its images are the old ones.
    """
    count, device = len(batch), batch.images.device
    drawn = torch.from_numpy(rng.uniform(-1, 1, (count, 9))).float().to(device)
    mirrored = torch.from_numpy(rng.random(count) < settings.flip).to(device)
    turn = _turn(settings.rotation * drawn[:, 0])
    K = _intrinsics(batch, turn, 1 + settings.scale * drawn[:, 1], settings.shift * drawn[:, 2:4], size)
    to_new = K @ turn @ torch.linalg.inv(batch.K)  # pixel of the old image -> pixel of the new one
    flip = torch.eye(3, device=device).repeat(count, 1, 1)
    flip[mirrored, 0, 0], flip[mirrored, 0, 2] = -1.0, float(size)
    images, parts = _resampled(batch, torch.linalg.inv(flip @ to_new), size)
    gain, offset = 1 + settings.gain * drawn[:, 4:7], settings.brightness * drawn[:, 7]
    images = (images * gain[..., None, None] + offset[:, None, None, None]).clamp(0, 1)

    K[mirrored, 0, 2] = size - K[mirrored, 0, 2]
    side = torch.stack([mirrored.long(), 1 - mirrored.long()], 1)  # which old hand each new hand is
    row = torch.arange(count, device=device)[:, None]
    mirror = torch.ones(count, 1, 1, 3, device=device)
    mirror[mirrored, ..., 0] = -1.0
    turned = turn.transpose(-1, -2)[:, None]
    return images, batch.replace(
        K=K,
        vertices=((batch.vertices @ turned) * mirror)[row, side],
        keypoints=((batch.keypoints @ turned) * mirror)[row, side],
        valid=batch.valid[row, side],
        parts=torch.where(mirrored[:, None, None], SWAPPED_PARTS.to(device)[parts.long()], parts),
    )


def _turn(angle: Tensor) -> Tensor:
    """Rotations (B, 3, 3) about the optical axis by angle (B,) radians."""
    c, s, o = angle.cos(), angle.sin(), torch.zeros_like(angle)
    return torch.stack([c, -s, o, s, c, o, o, o, o + 1], -1).view(-1, 3, 3)


def _intrinsics(batch: SampleBatch, turn: Tensor, scale: Tensor, shift: Tensor, size: int) -> Tensor:
    """K of the new crop: scaled, with the old crop's centre (after the turn) moved to its middle plus shift."""
    zoom = scale * size / batch.size
    centre = batch.K.new_tensor([batch.size / 2, batch.size / 2, 1.0])
    moved = batch.K @ turn @ torch.linalg.inv(batch.K) @ centre
    K = batch.K.clone()
    K[:, :2, 2] -= moved[:, :2] / moved[:, 2:]
    K[:, :2] *= zoom[:, None, None]
    K[:, :2, 2] += size / 2 + shift * size
    return K


def _resampled(batch: SampleBatch, to_old: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Images (B, 3, size, size) in [0, 1], and parts (B, size / 4, size / 4) seen at the cell centres."""
    grid = _grid(to_old, size, size) * (2 / batch.size) - 1
    images = F.grid_sample(batch.images.float() / 255, grid, align_corners=False)
    coarse = _grid(to_old, size // 4, size) * (2 / batch.size) - 1
    shifted = batch.parts[:, None].float() - UNKNOWN_PART  # what lies outside becomes unknown
    parts = F.grid_sample(shifted, coarse, mode="nearest", align_corners=False) + UNKNOWN_PART
    return images, parts[:, 0].round().to(torch.uint8)


def _grid(to_old: Tensor, cells: int, size: int) -> Tensor:
    """Old pixels (B, cells, cells, 2) of the centres of cells x cells squares that tile the new image."""
    centres = (torch.arange(cells, device=to_old.device) + 0.5) * (size / cells)
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    points = torch.stack([x, y, torch.ones_like(x)], -1).view(1, -1, 3) @ to_old.transpose(-1, -2)
    return (points[..., :2] / points[..., 2:]).view(-1, cells, cells, 2)
