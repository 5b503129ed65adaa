"""Exact acceptance of optimised pairs, in millimetres and degrees on the posed meshes (supplement A)."""

import numpy as np
import pandas as pd
import torch

from renderih_lib.hand.anatomy import angle_excess
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.pose.distance import ExactSkin

#: A pair is valid if it goes at most this deep, leaves Table 2 by at most this much and comes at least this near.
#: The paper gives no thresholds; the released code allows 0.1 degrees and counts colliding triangles instead.
DEPTH_MM, EXCESS_DEG, CONTACT_MM = 2.0, 0.1, 5.0


@torch.no_grad()
def check_pairs(pose: PairPose, hands: HandPair) -> pd.DataFrame:
    """One row per pair, never from the field that was optimised.

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
    vertices = hands(pose).vertices.double().cpu().numpy()
    excess = torch.rad2deg(angle_excess(pose.angles).abs().amax((1, 2, 3))).cpu().numpy()
    skins = [ExactSkin(hand.faces.cpu().numpy()) for hand in hands.hands]
    rows = []
    for pair, pair_excess in zip(vertices, excess, strict=True):
        if np.isfinite(pair).all():
            rows.append((*_measured(pair, skins), pair_excess))
        else:
            rows.append((np.nan, np.nan, 0, np.nan))
    table = pd.DataFrame(rows, columns=["depth_mm", "contact_mm", "contact_vertices", "excess_deg"])
    table["reason"] = [_reason(row) for row in table.itertuples()]
    table.insert(4, "valid", table["reason"] == "valid")
    return table


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
