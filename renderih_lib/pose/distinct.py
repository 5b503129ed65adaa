"""Which poses are distinct: near duplicates removed, as many distinct pairs as asked (supplement section A).

The paper keeps 3,680 distinctive poses of InterHand2.6M and says no more; its released code has no such step.
Here two poses are as far apart as the keypoint that moved most: one finger that was lifted makes another pose,
although a mean over 42 keypoints would hardly notice it. Size, place and orientation of the pair do not count.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from renderih_lib.hand.anatomy import joint_rotations, rest_frames
from renderih_lib.hand.model import HandModel
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.pose.library import PoseLibrary
from renderih_lib.pose.retarget import retargeted

#: Two pairs are distinct if some keypoint differs by at least this much.
APART_MM = 10.0

_BLOCK = 512  # poses compared or posed at a time; changes memory and speed only
_DRAWS = 32  # natural pairs drawn per distinct pair asked for, before giving up


@torch.no_grad()
def pair_keypoints(pose: PairPose, hands: HandPair) -> Tensor:
    """Keypoints (B, 42, 3) of both hands, right first, mm, in the right wrist's frame and at the mean shape.

    The distance between the wrists is divided by the size of the right hand (wrist to middle knuckle, relative to
    the mean shape), so that equal poses of a small and a large person are equal.
    """
    starts = range(0, max(len(pose), 1), _BLOCK)
    return torch.cat([_pair_keypoints(pose[i : i + _BLOCK], hands) for i in starts])


@torch.no_grad()
def hand_keypoints(angles: Tensor, hand: HandModel) -> Tensor:
    """Keypoints (N, 21, 3) of hands (N, 15, 3) radians, mm, in the wrist's frame and at the mean shape."""
    frames = rest_frames(hand)
    blocks = [hand(joint_rotations(block, frames)).keypoints for block in angles.split(_BLOCK)]
    keypoints = torch.cat(blocks)
    return 1000 * (keypoints - keypoints[:, :1])


def pose_distances(first: Tensor, second: Tensor) -> Tensor:
    """Distance (N, M) mm of keypoints (N, K, 3) and (M, K, 3): that of the keypoint that differs most."""
    return torch.cdist(
        first.transpose(0, 1), second.transpose(0, 1), compute_mode="donot_use_mm_for_euclid_dist"
    ).amax(0)


def distinct_pairs(pose: PairPose, hands: HandPair, apart_mm: float = APART_MM) -> Tensor:
    """Indices (D,) of the distinct ones of B pairs, in order; see `distinct`."""
    return distinct(pair_keypoints(pose, hands), apart_mm)


def distinct_hands(angles: Tensor, hand: HandModel, apart_mm: float = APART_MM) -> Tensor:
    """Indices (D,) of the distinct ones of single hands (N, 15, 3) radians, in order; see `distinct`."""
    return distinct(hand_keypoints(angles, hand), apart_mm)


def distinct(keypoints: Tensor, apart_mm: float) -> Tensor:
    """Indices (D,) of poses (N, K, 3) mm to keep: each in turn, unless a kept one is nearer than `apart_mm`.

    So kept poses lie pairwise at least `apart_mm` apart, each dropped one is nearer than that to a kept one, and
    more poses at the end change nothing before.

    Raises:
        ValueError: if keypoints are not finite or `apart_mm` is not positive.
    """
    if not torch.isfinite(keypoints).all():
        bad = int((~torch.isfinite(keypoints)).flatten(1).any(1).nonzero()[0])
        raise ValueError(f"keypoints of pose {bad} are not finite")
    if not apart_mm > 0:
        raise ValueError(f"apart_mm must be positive, got {apart_mm}")
    return _distinct(keypoints, apart_mm, keypoints.new_empty(0, dtype=torch.long), 0)


def draw_distinct_pairs(
    library: PoseLibrary, seed: int, count: int, apart_mm: float = APART_MM, oriented: bool = True
) -> tuple[PairPose, list[str]]:
    """The first `count` distinct ones of `library.natural_pairs(seed, ...)`, and the interaction behind each.

    The first k pairs of a longer draw are the pairs of a draw of k.

    Raises:
        ValueError: if count is not positive, or the library does not vary enough for so many pairs so far apart.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    most = _DRAWS * count
    kept = first_distinct(
        lambda start, stop: pair_keypoints(library.natural_pairs(seed, stop)[start:], library.hands),
        most,
        count,
        apart_mm,
    )
    if len(kept) < count:
        raise ValueError(
            f"{most} natural pairs of {len(library.interactions)} interactions hold only {len(kept)} that lie "
            f"{apart_mm:g} mm apart, {count} were asked for: lower apart_mm, or add interactions to the library"
        )
    drawn = int(kept[-1]) + 1
    sources = library.pair_sources(drawn)
    return library.natural_pairs(seed, drawn, oriented)[kept], [sources[i] for i in kept.tolist()]


def first_distinct(
    keypoints_of: Callable[[int, int], Tensor], available: int, count: int, apart_mm: float
) -> Tensor:
    """Indices of the first `count` distinct poses of a long row, in order; fewer if the row has no more.

    Args:
        keypoints_of: function `(start, stop)` that gives the keypoints (stop - start, K, 3) mm of a part of the row,
            of which only as much is asked for as is needed.
        available: length of the row.
    """
    kept, keypoints = torch.empty(0, dtype=torch.long), None
    seen = 0
    while len(kept) < count and seen < available:
        drawn = min(max(2 * seen, count), available)
        fresh = keypoints_of(seen, drawn)
        keypoints = fresh if keypoints is None else torch.cat([keypoints, fresh])
        kept, seen = _distinct(keypoints, apart_mm, kept, seen), drawn
    return kept[:count]


def _distinct(keypoints: Tensor, apart_mm: float, kept: Tensor, start: int) -> Tensor:
    """Continues a selection: `kept` are the chosen ones before `start`."""
    for first in range(start, len(keypoints), _BLOCK):
        block = keypoints[first : first + _BLOCK]
        free = (~_near(block, keypoints[kept], apart_mm).any(1)).nonzero()[:, 0]
        near = _near(block[free], block[free], apart_mm)
        chosen: list[int] = []
        for i in range(len(free)):
            if not near[i, chosen].any():
                chosen.append(i)
        kept = torch.cat([kept, first + free[chosen]])
    return kept


def _near(first: Tensor, second: Tensor, apart_mm: float) -> Tensor:
    """Whether `pose_distances` is below `apart_mm`, (N, M) bool.

    The root mean square over the keypoints never exceeds the largest, and one product gives it for all pairs; the
    exact distance is then needed for few of them.
    """
    root_sum = torch.cdist(first.flatten(1), second.flatten(1))
    rows, columns = (root_sum < math.sqrt(first.shape[1]) * (apart_mm + 0.1)).nonzero(as_tuple=True)
    near = torch.zeros(len(first), len(second), dtype=torch.bool)
    near[rows, columns] = (first[rows] - second[columns]).norm(dim=-1).amax(1) < apart_mm
    return near


def _pair_keypoints(pose: PairPose, hands: HandPair) -> Tensor:
    keypoints = hands(retargeted(pose, hands, hands)).keypoints
    return 1000 * ((keypoints - keypoints[:, :1, :1]) @ pose.wrist[:, :1]).flatten(1, 2)
