"""An automatic judge of naturalness that is not the discriminator: no network, and natural poses D never saw.

It stands in for the people of Table 3, who looked at pictures of meshes: a pair looks natural if no two fingers that
are neighbours stand in an odd combination, and no hand visibly runs through the other. "Since the perceptions of
'natural' may differ from human to human" (section 5.2), it is a panel of raters who look alike and differ in strictness.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from renderih_lib.hand.anatomy import BEND, joint_rotations
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.hand.skeleton import FINGERS, KEYPOINT_COUNT
from renderih_lib.pose.library import PoseLibrary
from renderih_lib.pose.naturalness import split_names
from renderih_lib.pose.validity import DEPTH_MM, check_pairs

#: Middle joint, end joint and tip of each finger, thumb to pinky: the keypoints that move against the palm.
_FINGER_KEYPOINTS = [[1 + 4 * finger + k for k in (1, 2, 3)] for finger in range(5)]
#: Groups of keypoints that are looked up in the bank together; a hand is as odd as its oddest group.
_GROUPS = {
    "neighbours": [a + b for a, b in zip(_FINGER_KEYPOINTS[:-1], _FINGER_KEYPOINTS[1:], strict=True)],
    "whole hand": [list(range(1, KEYPOINT_COUNT))],
}
#: What counts as odd. "neighbours" is the one to use; the other two show how much hangs on the choice.
DEFINITIONS = ("neighbours", "whole hand", "coupling")
#: Twenty raters, as in the paper, strict to lenient: the share of natural pairs that each accepts, 90 % on average.
PANEL = tuple(np.linspace(0.805, 0.995, 20).round(3).tolist())


@dataclass(frozen=True)
class Judge:
    """A panel that judges pairs by the oddness of their fingers and by how deep they go into each other.

    Definitions of oddness:
        neighbours: mean distance, mm, of the keypoints of two neighbouring fingers to those of the most similar hand
            of the bank; the worst of the four couples counts. A gesture that the bank lacks still passes if each
            couple of fingers stands in a way that the bank knows.
        whole hand: the same for all keypoints at once. Every new gesture is odd.
        coupling: largest departure, degrees, of a finger's end joint from 2/3 of its middle joint, the textbook
            coupling (J. Lin, Y. Wu and T. S. Huang, Modeling the Constraints of Human Hand Motion, 2000). No bank.

    Keypoints are relative to the wrist, on the mean shape of a right hand; equal angles mean mirrored hands.
    """

    bank: Tensor  # (N, 21, 3) mm
    hands: HandPair
    definition: str = DEFINITIONS[0]
    most_odd: np.ndarray | None = (
        None  # (R,) mm, or degrees for "coupling": the oddest that each rater accepts
    )
    deepest: np.ndarray | None = None  # (R,) mm: the deepest penetration that each rater accepts

    @staticmethod
    def of(natural: Tensor, hands: HandPair, definition: str = DEFINITIONS[0]) -> "Judge":
        """A judge, not yet calibrated, with natural hands (N, 15, 3) radians to compare with.

        Raises:
            ValueError: if the definition is unknown or there are no hands.
        """
        if definition not in DEFINITIONS:
            raise ValueError(f"definition must be one of {', '.join(DEFINITIONS)}, got {definition!r}")
        if natural.ndim != 3 or len(natural) == 0:
            raise ValueError(f"natural must be at least one hand (N, 15, 3), got {tuple(natural.shape)}")
        return Judge(_keypoints(natural, hands), hands, definition)

    def oddness(self, angles: Tensor) -> Tensor:
        """(...) mm, or degrees for "coupling", of hands (..., 15, 3) radians; larger is odder."""
        flat = angles.reshape(-1, *angles.shape[-2:]).float()
        if self.definition == "coupling":
            odd = _coupling(flat)
        else:
            keypoints = _keypoints(flat, self.hands)
            groups = [_nearest(keypoints[:, g], self.bank[:, g]) for g in _GROUPS[self.definition]]
            odd = torch.stack(groups, -1).amax(-1)
        return odd.view(angles.shape[:-2])

    def scores(self, pose: PairPose, depth_mm: np.ndarray | None = None) -> pd.DataFrame:
        """One row per pair: oddness of its odder hand, and depth_mm by `check_pairs` unless known already (B,)."""
        depth = check_pairs(pose, self.hands).depth_mm.to_numpy() if depth_mm is None else depth_mm
        return pd.DataFrame({"oddness": self.oddness(pose.angles).amax(1).numpy(), "depth_mm": depth})

    def calibrated(self, scores: pd.DataFrame, accept: Sequence[float] = PANEL) -> "Judge":
        """The judge with one rater for each share in `accept`, whose two thresholds, equally strict, let that share of
        natural pairs pass.

        A depth that the exact acceptance allows (`validity.DEPTH_MM`) is never held against a pair: nobody sees it.

        Args:
            scores: `scores` of natural pairs that are not among those to be judged.

        Raises:
            ValueError: if a share is not in (0, 1) or there are no scores.
        """
        if not all(0 < share < 1 for share in accept):
            raise ValueError(f"accept must hold shares between 0 and 1, got {tuple(accept)}")
        if scores.empty:
            raise ValueError("scores is empty; calibrate on at least one natural pair")
        worst = scores.rank(pct=True, method="max").max(axis=1)
        shares = worst.quantile(list(accept), interpolation="higher")
        limits = scores.quantile(shares.tolist(), interpolation="higher")
        deepest = limits.depth_mm.clip(lower=DEPTH_MM).to_numpy()
        return replace(self, most_odd=limits.oddness.to_numpy(), deepest=deepest)

    def approval(self, scores: pd.DataFrame) -> np.ndarray:
        """(B,) share of the raters to whom a pair looks natural, for rows of `scores`; 0 for what is not finite.

        Raises:
            ValueError: if the judge has not been calibrated.
        """
        if self.most_odd is None:
            raise ValueError("the judge has no thresholds yet; call calibrated first")
        odd, depth = scores.oddness.to_numpy()[:, None], scores.depth_mm.to_numpy()[:, None]
        return ((odd <= self.most_odd) & (depth <= self.deepest)).mean(1)


def calibrated_judges(
    bank: Tensor, natural: PairPose, hands: HandPair, accept: Sequence[float] = PANEL
) -> dict[str, Judge]:
    """One judge for each of `DEFINITIONS`, all with the bank (N, 15, 3) radians and calibrated on the same pairs.

    Neither may hold what is to be judged; of the poses that D learned from, the bank may hold none
    (`naturalness.split_names`).
    """
    depth = check_pairs(natural, hands).depth_mm.to_numpy()
    judges = {name: Judge.of(bank, hands, name) for name in DEFINITIONS}
    return {name: judge.calibrated(judge.scores(natural, depth), accept) for name, judge in judges.items()}


def held_out_judges(
    library: PoseLibrary,
    seed: int,
    pairs: int = 200,
    *,
    hands: Tensor | None = None,
    natural: PairPose | None = None,
) -> dict[str, Judge]:
    """`calibrated_judges` with a bank of the library's poses that D never saw, calibrated on `pairs` natural pairs of
    its other interactions.

    Args:
        hands: (N, 15, 3) radians, further natural hands that D never saw, for the bank.
        natural: pairs to calibrate on instead.
    """
    _, unseen = split_names(library)
    bank = library.natural_hands(seed + 4, 15 * pairs, unseen)
    if hands is not None:
        bank = torch.cat([bank, hands])
    if natural is None:
        others = [name for name in library.interactions if name not in unseen]
        natural = library.natural_pairs(seed + 5, pairs, names=others)
    return calibrated_judges(bank, natural, library.hands)


def clustered_rates(
    verdicts: Mapping[str, np.ndarray], raw_ids: Mapping[str, np.ndarray], draws: int = 4000, seed: int = 0
) -> pd.DataFrame:
    """Mean verdict per kind with a 95 % interval, by bootstrap over raw poses.

    Pairs made from one raw pose stand or fall together, so raw poses are drawn, with all that was made from them.

    Args:
        verdicts: kind -> (B,) bool, or `Judge.approval` in [0, 1]. raw_ids: kind -> (B,) int, the raw pose behind each.

    Returns:
        One row per kind: rate, low, high in [0, 1], n.
    """
    rates = _bootstrapped(verdicts, raw_ids, draws, seed)
    rows = {
        kind: (float(np.mean(verdict)), *np.nanquantile(rates[kind], (0.025, 0.975)), len(verdict))
        for kind, verdict in verdicts.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["rate", "low", "high", "n"])


def order_probabilities(
    verdicts: Mapping[str, np.ndarray], raw_ids: Mapping[str, np.ndarray], draws: int = 4000, seed: int = 0
) -> pd.Series:
    """For each two kinds that follow each other in `verdicts`: share of bootstrap draws (as in `clustered_rates`) in
    which the first has the higher rate. Near 1: the order is no accident of the raw poses."""
    rates = _bootstrapped(verdicts, raw_ids, draws, seed)
    kinds = list(verdicts)
    return pd.Series(
        {
            f"{a} > {b}": float((rates[a] > rates[b]).mean())
            for a, b in zip(kinds[:-1], kinds[1:], strict=True)
        }
    )


def _bootstrapped(verdicts: Mapping, raw_ids: Mapping, draws: int, seed: int) -> dict[str, np.ndarray]:
    """(draws,) rates of each kind; the same raw poses are drawn for all kinds. NaN where none of a kind was."""
    for kind, verdict in verdicts.items():
        if len(verdict) != len(raw_ids[kind]):
            raise ValueError(f"{kind!r} has {len(verdict)} verdicts and {len(raw_ids[kind])} raw_ids")
    known = np.unique(np.concatenate([np.asarray(raw_ids[kind]) for kind in verdicts]))
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(known), np.full(len(known), 1 / len(known)), draws)
    rates = {}
    for kind, verdict in verdicts.items():
        weights = drawn[:, np.searchsorted(known, raw_ids[kind])]
        with np.errstate(invalid="ignore"):
            rates[kind] = weights @ np.asarray(verdict, dtype=float) / weights.sum(1)
    return rates


@torch.no_grad()
def _keypoints(angles: Tensor, hands: HandPair) -> Tensor:
    """(N, 21, 3) mm relative to the wrist, mean shape, of hands (N, 15, 3) radians."""
    rotations = joint_rotations(angles.float(), hands.frames[0])
    parts = [hands.right(some).keypoints for some in rotations.split(1024)]
    keypoints = torch.cat(parts)
    return 1000 * (keypoints - keypoints[:, :1])


def _nearest(keypoints: Tensor, bank: Tensor) -> Tensor:
    """(N,) smallest mean distance of keypoints (N, K, 3) to those of a hand of bank (M, K, 3)."""
    # as good as exact, and never the matrix product's cancellation: a hand of the bank is at distance 0
    mode = "donot_use_mm_for_euclid_dist"
    total = sum(torch.cdist(keypoints[:, k], bank[:, k], compute_mode=mode) for k in range(bank.shape[1]))
    return total.amin(1) / bank.shape[1]


def _coupling(angles: Tensor) -> Tensor:
    """(N,) degrees: largest |end - 2/3 middle| over the four fingers of angles (N, 15, 3) radians."""
    bend = torch.rad2deg(angles[..., BEND]).view(-1, len(FINGERS), 3)
    fingers = [i for i, finger in enumerate(FINGERS) if finger != "thumb"]
    return (bend[:, fingers, 2] - 2 / 3 * bend[:, fingers, 1]).abs().amax(1)
