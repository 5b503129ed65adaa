"""Hairs on the back of hand, fingers and forearm: thin curved strokes that follow a direction field."""

from functools import lru_cache

import numpy as np
from scipy.spatial import cKDTree

from renderih_lib.hand.skeleton import FINGERS
from renderih_lib.render.skin.noise import gauss, noise, smoothstep
from renderih_lib.render.skin.texels import SkinTexels, skin_texels

THICKNESS = 0.09  # mm
STEP = 1.2  # mm between the points at which a hair may turn
DENSEST = 0.16  # hairs per mm2 where `hairiness` is 1
REACH = 4  # texels that one point of a hair touches
TOWARDS = (-0.78, 0.0, -0.62)  # hairs lie towards the fingertips and the little finger
TURN = 0.35  # radians by which that varies over the skin and from hair to hair


def hair(texels: SkinTexels, amount: float, rng: np.random.Generator) -> np.ndarray:
    """How much of each texel is covered by hair, (T,) float32 in 0..1.

    Args:
        amount: 0 for none, 1 for a very hairy person.
    """
    cover = np.zeros(len(texels.index), np.float32)
    hairy, tree = _hairy_texels(texels.size)
    area = texels.chart[0, hairy] * texels.chart[2, hairy]
    chance = hairiness(texels)[hairy] * area
    count = rng.poisson(amount * DENSEST * chance.sum())
    if count == 0:
        return cover
    roots = hairy[rng.choice(len(hairy), count, p=chance / chance.sum())]
    strands, width = _strands(texels, hairy, tree, roots, rng)
    distance, touched = tree.query(strands, k=REACH)
    touched = hairy[touched]
    pitch = np.sqrt(texels.chart[0, touched] * texels.chart[2, touched])
    stroke = gauss(distance, 0.55 * pitch) * np.minimum(1, width[:, None] * THICKNESS / pitch)
    np.maximum.at(cover, touched.ravel(), stroke.ravel().astype(np.float32))
    return cover


def hairiness(texels: SkinTexels) -> np.ndarray:
    """Relative density of hair, (T,) in 0..1: forearm, little finger's side of the back, first and middle phalanges."""
    x, _, z = texels.points.T
    out = smoothstep(0.0, 45.0, x) * (0.25 + 0.75 * smoothstep(-0.4, 0.5, texels.facing))
    back = smoothstep(0.45, 0.75, texels.facing) * (1 - smoothstep(0.2, 0.5, texels.fingers.sum(0)))
    out = np.maximum(out, 0.4 * back * (1 - smoothstep(-25.0, 20.0, z)) * smoothstep(-75.0, -55.0, x))
    for finger in range(len(FINGERS)):
        root, middle, end = texels.along[finger]
        own = smoothstep(0.6, 0.9, texels.fingers[finger]) * smoothstep(0.55, 0.85, texels.facing)
        first = smoothstep(9.0, 15.0, root) * (1 - smoothstep(-12.0, -7.0, middle))
        second = smoothstep(5.0, 8.0, middle) * (1 - smoothstep(-9.0, -6.0, end))
        out = np.maximum(out, own * np.maximum(0.75 * first, 0.15 * second))
    return out * (texels.nail == 0)


@lru_cache(maxsize=2)
def _hairy_texels(size: int) -> tuple[np.ndarray, cKDTree]:
    """Texels that hair may cover, and a tree of their places."""
    texels = skin_texels(size)
    hairy = np.flatnonzero((texels.facing > 0.2) | (texels.points[:, 0] > 0))
    hairy = hairy[texels.nail[hairy] == 0]
    return hairy, cKDTree(texels.points[hairy], balanced_tree=False, compact_nodes=False)


def _strands(
    texels: SkinTexels, hairy: np.ndarray, tree: cKDTree, roots: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points (P, 3) mm along all hairs and the width (P,) 0..1 of the hair there."""
    start = texels.points[roots].astype(np.float64)
    forearm = smoothstep(-10.0, 60.0, start[:, 0])
    length = (5.0 + 6.0 * forearm) * rng.lognormal(0, 0.25, len(roots))
    turn = TURN * (noise(texels.points[roots], 25.0, rng) + rng.standard_normal(len(roots)))
    curl = rng.normal(0, 0.05, len(roots))  # radians per mm
    here, points, widths = start, [], []
    for k in range(int(np.ceil(length.max() / STEP))):
        alive = length > k * STEP
        angle = turn + curl * k * STEP
        ahead = np.array(TOWARDS) * np.cos(angle)[:, None]
        ahead += np.array([TOWARDS[2], 0, -TOWARDS[0]]) * np.sin(angle)[:, None]
        there = texels.points[hairy[tree.query(here + STEP * ahead)[1]]].astype(np.float64)
        for share in np.arange(0, 1, texels.pitch / STEP):
            points.append((here + share * (there - here))[alive])
            widths.append((1 - 0.8 * ((k + share) * STEP / length) ** 2)[alive])
        here = there
    return np.concatenate(points), np.clip(np.concatenate(widths), 0.2, 1)
