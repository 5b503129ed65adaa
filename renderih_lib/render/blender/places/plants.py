"""Plants: trees of several habits, hedges, shrubs, tall grass, flowers, pots."""

import numpy as np

from renderih_lib.render.blender.places.forms import Form, Thing, lathe, tube
from renderih_lib.render.blender.places.grounds import bark, blades, leafage
from renderih_lib.render.blender.surfaces import painted

GREENS = (
    (0.045, 0.11, 0.018),
    (0.07, 0.15, 0.025),
    (0.03, 0.075, 0.02),
    (0.10, 0.15, 0.035),
    (0.05, 0.10, 0.045),
)
UP = np.array((0.0, 0.0, 1.0))
AUTUMN = ((0.45, 0.16, 0.02), (0.5, 0.27, 0.03), (0.3, 0.05, 0.02), None, None, None)


def kites(centres, along, across, length, slim: float) -> Form:
    """One pointed quad per leaf: `along` and `across` (N, 3) unit directions, `slim` its width over its length."""
    tip = np.asarray(along) * np.broadcast_to(length, len(centres))[:, None] / 2
    side = np.asarray(across) * np.broadcast_to(length, len(centres))[:, None] * slim / 2
    vertices = np.stack(
        [centres - tip, centres + side - 0.15 * tip, centres + tip, centres - side - 0.15 * tip], 1
    )
    return Form(vertices.reshape(-1, 3), np.arange(4 * len(centres)).reshape(-1, 4))


def leaves_at(rng, centres, length: float, slim: float = 0.5, droop: float = 0.2) -> Form:
    """A leaf at each centre, any way round, hanging a little."""
    along = rng.normal(size=(len(centres), 3)) * (1, 1, 0.6) - (0, 0, droop)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, rng.normal(size=along.shape))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return kites(np.asarray(centres), along, across, length * rng.lognormal(0, 0.25, len(centres)), slim)


def lumpy(rng, size, lumps: float = 0.15, cells: int = 10, floor: float | None = None) -> Form:
    """A ball of half-axes `size` (3,) with lumps; what lies below `floor` is flattened to it. Stones, bushes."""
    polar, turn = np.linspace(0.02, np.pi - 0.02, cells + 1), np.arange(2 * cells) * np.pi / cells
    ball = np.stack(
        [
            np.outer(np.sin(polar), np.cos(turn)),
            np.outer(np.sin(polar), np.sin(turn)),
            np.outer(np.cos(polar), np.ones_like(turn)),
        ],
        -1,
    ).reshape(-1, 3)
    swell = 1 + lumps * (bumps(rng, ball, 1.8) + 0.5 * bumps(rng, ball, 4.5))
    points = ball * swell[:, None] * size
    if floor is not None:
        points[:, 2] = np.maximum(points[:, 2], floor)
    index = np.arange(len(ball)).reshape(cells + 1, -1)
    around = np.roll(index, -1, axis=1)
    return Form(points, np.stack([index[:-1], index[1:], around[1:], around[:-1]], -1).reshape(-1, 4), True)


def bumps(rng, points, frequency: float, waves: int = 10) -> np.ndarray:
    """Smooth noise of standard deviation 1 at points (N, D): waves of about `frequency` radians per metre."""
    ways = rng.normal(size=(waves, np.shape(points)[1])) * frequency
    return np.sin(points @ ways.T + rng.uniform(0, 2 * np.pi, waves)).sum(1) * np.sqrt(2 / waves)


def tree(rng, height: float = 7.0, habit: str = "round", leaf=None, autumn=None) -> Thing:
    """A tree of a habit: "round", "column", "wide", "bare", "birch"."""
    width = {"round": 0.36, "column": 0.13, "wide": 0.5, "bare": 0.35, "birch": 0.24}[habit] * height
    foot = {"round": 0.3, "column": 0.1, "wide": 0.33, "bare": 0.28, "birch": 0.3}[habit] * height
    colour = (
        (0.35, 0.33, 0.29)
        if habit == "birch"
        else tuple(rng.uniform(0.5, 1.3) * np.array((0.10, 0.075, 0.05)))
    )
    wood, thing = bark(rng, colour), Thing()
    girth = 0.018 * height * rng.uniform(0.8, 1.4)
    top = np.array([*rng.normal(0, 0.04 * height, 2), 0.86 * height])
    share = np.linspace(0, 1, 9)[:, None]
    stem = (
        share * top
        + np.column_stack([*(0.01 * height * rng.normal(size=(2, 9)).cumsum(1)), np.zeros(9)]) * share
    )
    thing.add(tube(stem, girth * np.concatenate([[1.5], np.linspace(1.05, 0.15, 8)]), 9), wood)
    tips = [stem[-1]]
    for turn in np.arange(14 if habit == "bare" else 10) * 2.4 + rng.uniform(0, 6):
        start = stem[0] + (stem[-1] - stem[0]) * rng.uniform(foot / top[2], 0.92)
        rise = (start[2] - foot) / (height - foot)
        reach = width * np.sqrt(max(0.08, 1 - (2 * rise - 0.75) ** 2)) * rng.uniform(0.6, 1)
        end = start + (
            np.cos(turn) * reach,
            np.sin(turn) * reach,
            rng.uniform(0.25, 0.75) * reach + 0.02 * height,
        )
        bend = (start + end) / 2 + (0, 0, 0.12 * reach) + rng.normal(0, 0.05 * reach, 3)
        thing.add(tube([start, bend, end], girth * np.array([0.5, 0.3, 0.1]), 5), wood)
        tips.append(end)
        for _ in range(5 if habit == "bare" else 3):
            twig = bend + (end - bend) * rng.uniform(-0.4, 0.9) + rng.normal(0, 0.28, 3) * reach
            thing.add(
                tube(
                    [bend, (bend + twig) / 2 + rng.normal(0, 0.06, 3), twig],
                    girth * np.array([0.28, 0.16, 0.06]),
                    4,
                ),
                wood,
            )
            tips.append(twig)
            if habit == "bare":
                for _ in range(4):
                    thin = twig + rng.normal(0, 0.22, 3) * reach + (0, 0, 0.1 * reach)
                    thing.add(
                        tube([(bend + twig) / 2, twig, thin], girth * np.array([0.14, 0.09, 0.03]), 3), wood
                    )
    if habit == "bare":
        return thing
    colour = leaf or GREENS[rng.integers(len(GREENS))]
    leafy = leafage(rng, colour, autumn)
    # Leaves sit in tufts around the twigs.
    tips, count = np.repeat(tips, 3, 0) + rng.normal(size=(3 * len(tips), 3)) * 0.2 * width, 18000
    way = rng.normal(size=(count, 3))
    way *= (rng.uniform(0.05, 1, count) ** 0.5 / np.linalg.norm(way, axis=1))[:, None]
    centres = tips[rng.integers(len(tips), size=count)] + way * (0.21 * width + 0.06) * (1.15, 1.15, 0.85)
    return thing.add(leaves_at(rng, centres, 0.011 * height + 0.035, 0.62, 0.4), leafy)


def fir(rng, height: float = 8.0, colour=(0.018, 0.045, 0.022)) -> Thing:
    """A conifer: whorls of drooping branches with needles."""
    thing = Thing().add(
        tube([(0, 0, 0), (0, 0, height)], [0.02 * height, 0.01]), bark(rng, (0.08, 0.05, 0.035))
    )
    centres, along = [], []
    for z in np.linspace(0.1, 0.985, 24) * height:
        reach = 0.27 * (height - z) + 0.05
        for turn in rng.uniform(0, 2 * np.pi, 9):
            out = np.array([np.cos(turn), np.sin(turn), 0.0])
            t = rng.uniform(0.05, 1, 42)[:, None]
            side = rng.normal(0, 0.09, (42, 1)) * reach * np.cross(out, (0, 0, 1.0))
            centres.append(
                (0, 0, z)
                + t * reach * out
                - (0, 0, 0.4 * reach) * t**1.5
                + side
                + rng.normal(0, 0.03, (42, 3))
            )
            along.append(out + rng.normal(0, 0.45, (42, 3)) - (0, 0, 0.35))
    centres, along = np.concatenate(centres), np.concatenate(along)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, rng.normal(0, 0.4, along.shape) + (0, 0, 1.0))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    return thing.add(kites(centres, along, across, 0.045 * height, 0.3), leafage(rng, colour))


def palm(rng, height: float = 6.0) -> Thing:
    """A palm: a bent stem and a head of fronds."""
    share = np.linspace(0, 1, 8)[:, None]
    top = np.array([*rng.normal(0, 0.12 * height, 2), height])
    stem = (
        share * top * (1, 1, 1)
        - (0, 0, 0)
        + (share * (1 - share)) * np.array([*rng.normal(0, 0.1 * height, 2), 0])
    )
    thing = Thing().add(tube(stem, np.linspace(0.17, 0.11, 8)), bark(rng, (0.2, 0.15, 0.1)))
    centres, along, across = [], [], []
    for turn in np.arange(22) * 2.4:
        out = np.array([np.cos(turn), np.sin(turn), 0.0])
        rise, long = rng.uniform(-0.2, 1.0), rng.uniform(0.32, 0.42) * height
        t = np.linspace(0.05, 1, 34)[:, None]
        rib = stem[-1] + out * long * t * 0.85 + UP * long * (rise * t - (0.5 + 0.4 * rise) * t**2)
        for hand in (-1, 1):
            leaf = (
                0.75 * out + hand * np.cross(out, (0, 0, 1.0)) - (0, 0, 0.45) + rng.normal(0, 0.06, (34, 3))
            )
            leaf /= np.linalg.norm(leaf, axis=1, keepdims=True)
            wide = np.cross(leaf, np.broadcast_to((0, 0, 1.0), leaf.shape))
            size = long * 0.3 * np.sin(np.pi * (0.12 + 0.8 * t))
            centres.append(np.concatenate([rib + leaf * size / 2, size], 1))
            along.append(leaf)
            across.append(wide / np.linalg.norm(wide, axis=1, keepdims=True))
    spot = np.concatenate(centres)
    fronds = kites(spot[:, :3], np.concatenate(along), np.concatenate(across), spot[:, 3], 0.13)
    return thing.add(fronds, leafage(rng, (0.05, 0.12, 0.025)))


def hedge(rng, size, leaf=0.045, colour=None, rounded: float = 0.0) -> Thing:
    """A clipped hedge or a box bush of `size` (3,) on the ground: leaves on and under its surface."""
    size = np.asarray(size, float)
    half, leafy = size / 2, leafage(rng, colour or GREENS[rng.integers(3)])
    area = 2 * (size[0] * size[2] + size[1] * size[2]) + size[0] * size[1]
    count = int(min(16000, 1.6 * area / (0.5 * leaf**2)))
    point = rng.uniform(-1, 1, (count, 3))
    axis = rng.choice(
        3, count, p=np.array([size[1] * size[2] * 2, size[0] * size[2] * 2, size[0] * size[1]]) / area
    )
    point[np.arange(count), axis] = np.where(axis == 2, 1, np.sign(point[np.arange(count), axis]))
    if rounded:
        point = point / ((np.abs(point) ** (2 / rounded)).sum(1, keepdims=True) ** (rounded / 2))
    point = point * half + (0, 0, half[2])
    point += rng.normal(0, 0.5 * leaf, point.shape) + 0.03 * bumps(rng, point, 3.0)[:, None]
    core = lumpy(rng, 0.93 * half, 0.02) if rounded else Form(_cube() * 0.95 * half, _CUBE)
    return Thing().add(core.at(0, 0, half[2]), leafy).add(leaves_at(rng, point, leaf, 0.55, 0.0), leafy)


def shrub(rng, radius: float = 0.5, flower=None, colour=None, leaf: float = 0.05) -> Thing:
    """A loose round bush, with flowers of a colour if one is given."""
    count = int(3500 * min(2.0, radius / 0.5))
    way = rng.normal(size=(count, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    swell = 1 + 0.18 * bumps(rng, way, 2.5)
    point = way * (radius * swell * rng.uniform(0.35, 1, count) ** 0.4)[:, None] * (1, 1, 0.85) + (
        0,
        0,
        0.75 * radius,
    )
    point = point[point[:, 2] > 0.01]
    thing = Thing().add(
        leaves_at(rng, point, leaf, 0.45), leafage(rng, colour or GREENS[rng.integers(len(GREENS))])
    )
    thing.add(
        lumpy(rng, radius * np.array([0.6, 0.6, 0.5]), 0.15).at(0, 0, 0.6 * radius),
        leafage(rng, (0.012, 0.02, 0.008)),
    )
    if flower is not None:
        outside = point[rng.integers(len(point), size=120)] * (1.06, 1.06, 1.05)
        petals = np.repeat(outside, 5, 0) + rng.normal(0, 0.012, (600, 3))
        thing.add(leaves_at(rng, petals, 0.035, 0.8, -0.3), painted(0.6), flower)
    return thing


def fern(rng, size: float = 0.6, colour=(0.05, 0.12, 0.02)) -> Thing:
    """Arching fronds from one root: fern, or with a paler colour a tuft of dune grass."""
    t = np.linspace(0.1, 1, 16)[:, None]
    centres, along, across, length = [], [], [], []
    for turn in np.arange(13) * 2.4 + rng.uniform(0, 6):
        out = np.array([np.cos(turn), np.sin(turn), 0.0])
        rib = out * size * t * rng.uniform(0.6, 1) + UP * size * (1.1 * t - 0.75 * t**2)
        for hand in (-1, 1):
            leaf = 0.5 * out + hand * np.cross(out, (0, 0, 1.0)) + rng.normal(0, 0.1, (16, 3))
            leaf /= np.linalg.norm(leaf, axis=1, keepdims=True)
            centres.append(rib + leaf * 0.13 * size * (1.1 - t))
            along.append(leaf)
            across.append(np.broadcast_to(out, leaf.shape))
            length.append((0.3 * size * (1.15 - t))[:, 0])
    form = kites(
        np.concatenate(centres), np.concatenate(along), np.concatenate(across), np.concatenate(length), 0.32
    )
    return Thing().add(form, leafage(rng, colour))


def tuft(
    rng, height: float = 0.35, count: int = 120, colour=(0.09, 0.13, 0.03), spread: float = 0.18
) -> Thing:
    """Long grass."""
    return Thing().add(blades(rng, count, spread, height, 0.008, 0.8), leafage(rng, colour, (0.3, 0.24, 0.1)))


def potted(rng, size: float = 0.35, flower=None) -> Thing:
    """A plant in a clay, glazed or concrete pot, `size` metres wide."""
    pot = ((0.35, 0.13, 0.06), (0.3, 0.29, 0.27), (0.05, 0.09, 0.14), (0.5, 0.45, 0.38))[rng.integers(4)]
    r, h = size / 2, size * rng.uniform(0.75, 1.1)
    profile = [
        (0, 0),
        (0.7 * r, 0),
        (0.95 * r, 0.8 * h),
        (1.06 * r, 0.82 * h),
        (1.06 * r, h),
        (0.95 * r, h),
        (0.9 * r, 0.88 * h),
        (0, 0.88 * h),
    ]
    thing = Thing().add(lathe(profile, 20), painted(float(rng.uniform(0.25, 0.8))), pot)
    kind = rng.integers(3)
    plant = shrub(rng, 1.3 * r, flower, leaf=0.04) if kind else fern(rng, 2.6 * r)
    return thing.include(plant, 0, 0, 0.82 * h)


def _cube() -> np.ndarray:
    return np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)


_CUBE = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
