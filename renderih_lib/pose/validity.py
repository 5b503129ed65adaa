"""Exact acceptance of optimised pairs, in millimetres and degrees on the posed meshes (supplement A)."""

import math

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from renderih_lib.hand.anatomy import angle_excess
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.pose.distance import ExactSkin, overlap_volume

#: A pair is valid if it goes at most this deep, leaves Table 2 by at most this much and comes at least this near.
#: The paper gives no thresholds; the released code allows 0.1 degrees and counts colliding triangles instead.
DEPTH_MM, EXCESS_DEG, CONTACT_MM = 2.0, 0.1, 5.0
#: What no pose of two interacting hands exceeds: radians, standard deviations, metres between the wrists.
LARGEST_ANGLE, LARGEST_SHAPE, LARGEST_DISTANCE = math.pi, 10.0, 1.0
_MEASURES = {"depth_mm": float, "contact_mm": float, "contact_vertices": int, "excess_deg": float}
_TURN_TOLERANCE = 1e-3  # of R^T R from the identity


@torch.no_grad()
def input_problems(pose: PairPose) -> list[str | None]:
    """Why each of B pairs cannot be optimised, in a few words; None for a sound one.

    Angles may leave Table 2, which is the optimisation's business, but not make more than half a turn.
    """
    numbers = torch.cat([x.flatten(1) for x in vars(pose).values()], 1)
    turn = pose.wrist.transpose(-1, -2) @ pose.wrist - torch.eye(3).to(pose.wrist)
    flaws = {
        "not finite": ~numbers.isfinite().all(1),
        "an angle beyond 180 degrees": (pose.angles.abs() > LARGEST_ANGLE).flatten(1).any(1),
        "a wrist that is no rotation": (turn.abs() > _TURN_TOLERANCE).flatten(1).any(1)
        | (torch.linalg.det(pose.wrist) < 0).any(1),
        "a shape beyond 10 standard deviations": (pose.shape.abs() > LARGEST_SHAPE).flatten(1).any(1),
        "wrists more than 1 m apart": pose.translation.diff(dim=1).norm(dim=-1)[:, 0] > LARGEST_DISTANCE,
    }
    found = torch.stack(list(flaws.values()), 1).tolist()
    return [next((name for name, flaw in zip(flaws, row, strict=True) if flaw), None) for row in found]


@torch.no_grad()
def check_pairs(pose: PairPose, hands: HandPair, *, volume: bool = False) -> pd.DataFrame:
    """One row per pair, never from the field that was optimised.

    Args:
        volume: adds the column volume_mm3, cubic millimetres that lie inside both hands.

    Columns:
        depth_mm: deepest place of either hand inside the other; vertices and edge midpoints are tested.
        contact_mm: smallest distance from those places to the other hand's skin, 0 if any lies inside.
        contact_vertices: vertices of both hands inside the other or at most `CONTACT_MM` from it.
        excess_deg: largest departure from Table 2 over all joints, both hands and all three angles.
        valid: bool. reason: "valid", or the first that applies of "not finite", "penetration", "angle limits",
            "no contact".

    Inside and outside come from the winding number of the hand with its wrist closed. Forearms are not looked at,
    nor is a hand tested against itself: skin folds at bent joints always overlap a little.
    """
    vertices, skins = _posed(pose, hands)
    excess = torch.rad2deg(angle_excess(pose.angles).abs().amax((1, 2, 3))).cpu().numpy()
    rows = []
    for pair, pair_excess in zip(vertices, excess, strict=True):
        if np.isfinite(pair).all():
            rows.append((*_measured(pair, skins), pair_excess))
        else:
            rows.append((np.nan, np.nan, 0, np.nan))
    table = pd.DataFrame(rows, columns=list(_MEASURES)).astype(_MEASURES)
    table["reason"] = [_reason(row) for row in table.itertuples()]
    table.insert(4, "valid", table["reason"] == "valid")
    if volume:
        overlaps = (overlap_volume(skins, pair) if np.isfinite(pair).all() else np.nan for pair in vertices)
        table["volume_mm3"] = 1e9 * np.fromiter(overlaps, float)
    return table


@torch.no_grad()
def contact_anchors(pose: PairPose, hands: HandPair, anchors: Tensor) -> np.ndarray:
    """(B,) int, how many of the anchors (A,) of both hands lie at most `CONTACT_MM` from the other hand's skin, or
    inside it; by exact distance. Zero for a pair that is not finite."""
    vertices, skins = _posed(pose, hands)
    counts = np.zeros(len(vertices), dtype=int)
    for i, pair in enumerate(vertices):
        for side, skin in enumerate(skins[::-1]) if np.isfinite(pair).all() else ():
            distance = skin.signed_distance(pair[side][anchors.cpu().numpy()], pair[1 - side])
            counts[i] += (1000 * distance <= CONTACT_MM).sum()
    return counts


def _posed(pose: PairPose, hands: HandPair) -> tuple[np.ndarray, list[ExactSkin]]:
    """Vertices (B, 2, V, 3) float64 metres and the two skins, whatever the device and precision of the hands."""
    vertices = hands(pose.to(hands.frames.device, hands.frames.dtype)).vertices
    return vertices.double().cpu().numpy(), [ExactSkin(hand.faces.cpu().numpy()) for hand in hands.hands]


def _measured(pair: np.ndarray, skins: list[ExactSkin]) -> tuple[float, float, int]:
    """Depth and gap in mm and number of vertices in contact for one pair (2, V, 3)."""
    depth, gap, touching = 0.0, np.inf, 0
    for side, skin in enumerate(skins):
        vertices = pair[side]
        points = np.concatenate([vertices, vertices[skin.edges].mean(1)])
        distance = 1000 * skins[1 - side].signed_distance(points, pair[1 - side])
        depth, gap = max(depth, -distance.min()), min(gap, max(distance.min(), 0))
        touching += int((distance[: len(vertices)] <= CONTACT_MM).sum())
    return depth, gap, touching


def _reason(row) -> str:
    if not np.isfinite(row.depth_mm):
        return "not finite"
    if row.depth_mm > DEPTH_MM:
        return "penetration"
    if row.excess_deg > EXCESS_DEG:
        return "angle limits"
    return "valid" if row.contact_mm <= CONTACT_MM else "no contact"
