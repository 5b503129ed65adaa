"""How well a field of depths agrees with exact signed distance: inside posed hands, and at the vertices of pairs."""

from typing import Protocol

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from renderih_lib.hand.anatomy import angle_limits, joint_rotations, rest_frames
from renderih_lib.hand.model import HandModel
from renderih_lib.pose.augment import uniforms
from renderih_lib.pose.distance import ExactSkin


class DepthField(Protocol):
    """What `fields.ArticulatedField` and both fields of `voxels` are."""

    def depth(self, points: Tensor, vertices: Tensor) -> Tensor: ...


def table_2_hands(hand: HandModel, seed: int, count: int) -> Tensor:
    """Vertices (count, V, 3) float64 metres of hands with angles drawn evenly from Table 2 and random shapes; hand i
    depends on (seed, i) alone."""
    low, high = angle_limits(torch.float64).unbind(-1)
    draws = uniforms(seed, [(i,) for i in range(count)], low.numel() + hand.shape_count)
    angles = low + (high - low) * draws[:, : low.numel()].view(count, *low.shape)
    shape = torch.from_numpy(ndtri(draws[:, low.numel() :].clamp(0.01, 0.99).numpy()))
    dtype = hand.template.dtype
    with torch.no_grad():
        posed = hand(joint_rotations(angles.to(dtype), rest_frames(hand)), shape.to(dtype))
    return posed.vertices.double()


def field_error(
    field: DepthField, hand: HandModel, seed: int = 0, poses: int = 100, points: int = 1500
) -> dict[str, float]:
    """Errors in millimetres of a field's depth at random points inside `poses` hands of `table_2_hands`.

    Points are drawn evenly from the bounding box of each hand, and those truly inside it are compared.

    Returns:
        field_mae_mm, field_p95_mm: mean and 95th percentile of |depth - exact| inside. field_false_percent: share of
        the points truly outside that the field puts more than 0.1 mm inside.
    """
    skin, errors, false = ExactSkin(hand.faces.cpu().numpy()), [], []
    hands = table_2_hands(hand, seed, poses)
    draws = uniforms(seed, [(i, 1) for i in range(poses)], 3 * points).view(poses, points, 3)
    for vertices, draw in zip(hands, draws, strict=True):
        low, high = vertices.amin(0), vertices.amax(0)
        places = low + (high - low) * draw
        exact = -skin.signed_distance(places.numpy(), vertices.numpy())
        with torch.no_grad():
            depth = field.depth(places[None], vertices[None])[0].numpy()
        errors.append(1000 * np.abs(depth - exact)[exact > 0])
        false.append(depth[exact <= 0] > 1e-4)
    errors = np.concatenate(errors)
    return {
        "field_mae_mm": float(errors.mean()),
        "field_p95_mm": float(np.percentile(errors, 95)),
        "field_false_percent": float(100 * np.concatenate(false).mean()),
    }


def exact_depths(vertices: Tensor, faces: tuple[Tensor, Tensor]) -> np.ndarray:
    """Depths (B, 2, V) metres of each hand's vertices in the other hand, exact, zero outside.

    Args:
        vertices: (B, 2, V, 3) metres. faces: of the right and of the left hand.
    """
    skins = [ExactSkin(f.cpu().numpy()) for f in faces]
    pairs = vertices.detach().double().cpu().numpy()
    signed = [[skins[1 - s].signed_distance(pair[s], pair[1 - s]) for s in (0, 1)] for pair in pairs]
    return np.maximum(-np.array(signed), 0)


def detection(depth: np.ndarray, exact: np.ndarray, threshold: float = 0.0) -> dict[str, float]:
    """How well `depth > threshold` finds the places where `exact > threshold` (metres, equal shapes).

    Returns:
        recall, precision and f1 in [0, 1] (nan where there is nothing to find or nothing found), mae_mm and p95_mm
        of |depth - exact| over the places that are truly deeper than the threshold.

    Raises:
        ValueError: if the shapes differ.
    """
    if depth.shape != exact.shape:
        raise ValueError(f"depth and exact must have one shape, got {depth.shape} and {exact.shape}")
    found, true = depth > threshold, exact > threshold
    hits = (found & true).sum()
    error = 1000 * np.abs(depth - exact)[true]
    return {
        "recall": _share(hits, true.sum()),
        "precision": _share(hits, found.sum()),
        "f1": _share(2 * hits, true.sum() + found.sum()),
        "mae_mm": float(error.mean()) if len(error) else float("nan"),
        "p95_mm": float(np.percentile(error, 95)) if len(error) else float("nan"),
    }


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")
