"""Random joint offsets inside Table 2 (paper Eq. 1)."""

import math

import numpy as np
import torch
from torch import Tensor

from renderih_lib.hand.anatomy import BEND, SPLAY, angle_limits
from renderih_lib.hand.pair import PairPose
from renderih_lib.hand.skeleton import FINGER_JOINT_COUNT, ROOT_JOINTS

#: Largest offsets of Eq. 1, degrees.
BEND_CAP, SPLAY_CAP = 90.0, 30.0


def offset_caps(dtype: torch.dtype = torch.float32) -> Tensor:
    """Largest offset of each angle, (15, 3) radians: bend everywhere, splay at the roots, twist never."""
    caps = torch.zeros(FINGER_JOINT_COUNT, 3, dtype=dtype)
    caps[:, BEND] = math.radians(BEND_CAP)
    caps[list(ROOT_JOINTS), SPLAY] = math.radians(SPLAY_CAP)
    return caps


def augment(angles: Tensor, count: int, seed: int, level: float | Tensor = 1.0) -> Tensor:
    """Poses of Eq. 1: `R_j R_b(offset) R_s(offset)` for every joint, restricted to Table 2.

    The bend offset turns about the joint's own bend axis, the one that Table 2 bounds, so offsets add in angle
    space and twist stays zero. That is Eq. 1 to the letter for every joint whose raw splay is zero: the ten
    middle and end joints always. At a splayed root the literal product would add twist, which section 3.1 rules
    out ("always keep twist = 0"). Each angle is drawn uniformly from the part of [raw - cap, raw + cap] that lies
    in Table 2, so the composed pose obeys the table, not only the offset. Raw angles outside the table are first
    moved to its edge.

    Args:
        angles: (N, 15, 3) radians, (twist, splay, bend).
        count: I of Eq. 1, poses made from each raw one.
        seed: root of the randomness; pose n, copy i depends on (seed, n, i) alone.
        level: in [0, 1], scales the caps; a number, or (N,) with one per raw pose.

    Returns:
        (N * count, 15, 3), the copies of a raw pose side by side.

    Raises:
        ValueError: if angles has another shape, count is not positive or a level is outside [0, 1].
    """
    if angles.ndim != 3 or angles.shape[1:] != (FINGER_JOINT_COUNT, 3):
        raise ValueError(f"angles must have shape (N, 15, 3), got {tuple(angles.shape)}")
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    level = torch.as_tensor(level, dtype=torch.float64)
    if not ((level >= 0) & (level <= 1)).all():
        raise ValueError("level must lie in [0, 1]")
    lowest, highest = angle_limits(torch.float64).unbind(-1)
    raw = angles.double().cpu().clamp(lowest, highest)
    reach = level.expand(len(raw))[:, None, None] * offset_caps(torch.float64)
    low, high = (raw - reach).clamp(min=lowest)[:, None], (raw + reach).clamp(max=highest)[:, None]
    keys = [(n, i) for n in range(len(raw)) for i in range(count)]
    draws = uniforms(seed, keys, raw[0].numel()).view(len(raw), count, *raw.shape[1:])
    augmented = (low + draws * (high - low)).flatten(0, 1).to(angles)
    return augmented.clamp(*angle_limits(angles.dtype).to(angles.device).unbind(-1))


def augment_pairs(pose: PairPose, count: int, seed: int) -> PairPose:
    """Both hands of B pairs augmented `count` times each; wrists, places and shapes stay. See `augment`."""
    angles = augment(pose.angles.flatten(0, 1), count, seed).unflatten(0, (len(pose), 2, count))
    repeated = pose[torch.arange(len(pose)).repeat_interleave(count)]
    return repeated.replace(angles=angles.transpose(1, 2).flatten(0, 1))


def uniforms(seed: int, keys, size: int) -> Tensor:
    """(len(keys), size) float64 in [0, 1): row k depends on (seed, *keys[k]) alone, not on its neighbours."""
    rows = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key)).random(size) for key in keys]
    return torch.from_numpy(np.array(rows).reshape(len(rows), size))
