"""What a person wears: the garment of a seed, for the sleeve's shape and for its cloth. Needs NumPy alone."""

from typing import NamedTuple

import numpy as np

COLUMNS = 72  # of a sleeve's tube
CIRCUMFERENCE = 0.27  # metres of cloth around an arm, for patterns

FABRICS = ("knit", "denim", "stripes", "checks", "cotton", "fleece")


class Garment(NamedTuple):
    """One garment; lengths in metres."""

    fabric: str  # one of FABRICS
    gap: float  # between skin and cloth
    cuff_gap: float  # the same at the cuff
    cuff: float  # length of the band at the sleeve's end
    thickness: float  # of the cloth at its edge
    step: float  # by which the cuff is thicker than the cloth behind it
    fold: float  # amplitude of the folds along the arm
    bunch: float  # height of the creases across the arm, behind the cuff
    look: np.ndarray  # (8,) uniform numbers that colours and patterns are made of


#: fabric -> ranges of gap, cuff_gap, cuff, thickness, step, fold and bunch, millimetres
_RANGES = {
    "knit": ((7, 9), (5.0, 5.5), (35, 60), (2.4, 3.2), (0, 0.4), (1.0, 1.3), (1.0, 2.0)),
    "denim": ((7, 9), (6.0, 7.0), (38, 55), (2.0, 2.6), (1.4, 2.0), (1.2, 1.5), (0.6, 1.2)),
    "stripes": ((7, 9), (5.5, 6.5), (50, 65), (1.4, 1.8), (0.5, 0.9), (1.2, 1.5), (0.6, 1.4)),
    "checks": ((7, 9), (5.5, 6.5), (50, 65), (1.4, 1.8), (0.5, 0.9), (1.2, 1.5), (0.6, 1.4)),
    "cotton": ((6, 8), (5.0, 6.0), (18, 26), (1.4, 1.9), (0.2, 0.5), (1.1, 1.5), (0.5, 1.4)),
    "fleece": ((7, 9), (5.0, 6.0), (30, 50), (3.0, 3.8), (0.2, 0.8), (1.0, 1.3), (0.8, 1.6)),
}


def garment(seed: int) -> Garment:
    """The garment of a seed."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    fabric = FABRICS[rng.integers(len(FABRICS))]
    lengths = [1e-3 * rng.uniform(*limits) for limits in _RANGES[fabric]]
    return Garment(fabric, *lengths, rng.random(8))


class Rings(NamedTuple):
    """The rings of a sleeve, from deep inside over the edge and along the outer side to the closed end."""

    along: np.ndarray  # (R,) metres behind the edge
    layer: np.ndarray  # (R,) 0 on the inner side of the cloth, 1 on the outer
    radius: np.ndarray  # (R,) share of the tube's radius: 1, less where its far end closes


_INNER = (0.030, 0.020, 0.012, 0.006, 0.002)  # metres
_RIM = np.deg2rad((-90, -50, 0, 50, 90))
_CUFF = (0.02, 0.05, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 0.97, 1.0)  # shares of the cuff's length
_BEHIND = np.concatenate([[0.0012, 0.004, 0.008], np.arange(0.012, 0.45, 0.006)])  # metres behind the cuff
_END = ((0.012, 0.8), (0.020, 0.5), (0.024, 0.02))  # metres behind the last ring, share of the radius


def sleeve_rings(worn: Garment) -> Rings:
    """Where the rings of this garment's sleeve lie; as many for every garment."""
    half = worn.thickness / 2
    behind = worn.cuff + _BEHIND
    end, shrunk = np.array(_END).T
    along = np.concatenate(
        [
            _INNER,
            half - half * np.cos(_RIM),
            half + worn.cuff * np.array(_CUFF),
            half + behind,
            behind[-1] + end,
        ]
    )
    outside = np.ones(len(_CUFF) + len(_BEHIND) + len(_END))
    layer = np.concatenate([np.zeros(len(_INNER)), (1 + np.sin(_RIM)) / 2, outside])
    radius = np.ones(len(along))
    radius[-len(_END) :] = shrunk
    return Rings(along, layer, radius)
