"""Garden and café furniture: tables with things on them, chairs, benches, parasols, market stalls; each faces +y."""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.places.forms import Form, Thing, block, box, cylinder, lathe, sheet, tube
from renderih_lib.render.blender.places.outdoors import CLOTHS
from renderih_lib.render.blender.places.plants import lumpy
from renderih_lib.render.blender.surfaces import glowing, kelvin, metal, painted, shade, wood

SEATS = (
    (0.03, 0.03, 0.03),
    (0.6, 0.59, 0.56),
    (0.28, 0.16, 0.08),
    (0.06, 0.12, 0.08),
    (0.3, 0.31, 0.32),
    *CLOTHS[:5],
)


def table(rng, round_top: bool | None = None, size: float = 1.1) -> Thing:
    """A garden or café table with things on it; its middle is kept free for the hands."""
    round_top = bool(rng.random() < 0.5) if round_top is None else round_top
    high, thing = float(rng.uniform(0.7, 0.76)), Thing()
    timber = tuple(rng.uniform(0.4, 1.3) * np.array((0.32, 0.2, 0.1)))
    cloth = CLOTHS[rng.integers(len(CLOTHS))]
    tops = (
        (surfaces.boards(rng, timber, 0.11, 1.3, roughness=0.6), surfaces.tiles(rng, shade(cloth, 1.5), (0.5, 0.48, 0.44), (0.05, 0.05), roughness=0.5),
         surfaces.speckled(rng, (0.4, 0.39, 0.37), 0.55), surfaces.fabric(rng, (0.6, 0.58, 0.54), cloth, "squares"), surfaces.concrete(rng))
        if round_top
        else (wood(rng, timber, 0.6), wood(rng, timber, 0.6), painted(0.6), metal((0.5, 0.5, 0.5), 0.5))
    )  # fmt: skip
    top = tops[rng.integers(len(tops))]
    tint = ((0.7, 0.7, 0.68), (0.04, 0.1, 0.06), (0.05, 0.05, 0.05), (0.1, 0.25, 0.3))[rng.integers(4)]
    if round_top:
        thing.add(cylinder(size / 2, 0.03, (0, 0, high - 0.03), 40), top, tint).add(
            cylinder(0.035, high - 0.03), painted(0.4), (0.03, 0.03, 0.03)
        )
        thing.add(lathe([(0.26, 0), (0.26, 0.02), (0.05, 0.06)], 24), painted(0.4), (0.03, 0.03, 0.03))
    else:
        for k in range(8):
            thing.add(box((1.5 * size, 0.1, 0.03), (0, (k - 3.5) * 0.115, high - 0.03), 0.005), top, tint)
        for x in (-0.65 * size, 0.65 * size):
            for y in (-0.35, 0.35):
                thing.add(box((0.07, 0.07, high - 0.03), (x, y, 0), 0.006), top, tint)
            thing.add(box((0.05, 0.75, 0.08), (x, 0, high - 0.12), 0.005), top, tint)
    for angle in rng.permutation(8)[: rng.integers(2, 5)] * np.pi / 4:
        reach = rng.uniform(0.3, 0.42) * size
        thing.include(
            tableware(rng), reach * np.cos(angle), 0.8 * reach * np.sin(angle), high, rng.uniform(0, 6.3)
        )
    return thing


def tableware(rng) -> Thing:
    """One of: mug, plate with fruit, bottle, glass jar with flowers, books, lantern, bowl."""
    kind, gloss, tint = rng.integers(7), painted(0.2), CLOTHS[rng.integers(len(CLOTHS))]
    if kind == 0:
        cup = lathe([(0, 0), (0.035, 0), (0.04, 0.09), (0.036, 0.09), (0.033, 0.01), (0, 0.01)], 20)
        ear = tube([(0.038, 0, 0.075), (0.065, 0, 0.07), (0.065, 0, 0.03), (0.038, 0, 0.02)], 0.005, 6)
        return Thing().add(cup, gloss, tint).add(ear, gloss, tint)
    if kind in (1, 6):
        rim = (
            [(0, 0.004), (0.07, 0.004), (0.12, 0.02), (0.12, 0.025), (0, 0.012)]
            if kind == 1
            else [(0, 0), (0.06, 0.01), (0.13, 0.08), (0.125, 0.08), (0, 0.02)]
        )
        thing = Thing().add(lathe(rim, 28), gloss, (0.7, 0.68, 0.64))
        fruit = ((0.6, 0.25, 0.02), (0.45, 0.03, 0.02), (0.35, 0.45, 0.04), (0.7, 0.55, 0.05))[
            rng.integers(4)
        ]
        for k in range(4):
            thing.add(
                lumpy(rng, (0.036, 0.036, 0.034), 0.03, 8).at(
                    0.045 * np.cos(1.6 * k), 0.045 * np.sin(1.6 * k), 0.05
                ),
                painted(0.35),
                fruit,
            )
        return thing
    if kind == 2:
        profile = [(0, 0), (0.037, 0), (0.037, 0.17), (0.014, 0.23), (0.014, 0.29), (0, 0.29)]
        return Thing().add(
            lathe(profile, 20),
            painted(0.08),
            ((0.01, 0.05, 0.02), (0.12, 0.04, 0.01), (0.3, 0.4, 0.42))[rng.integers(3)],
        )
    if kind == 3:
        thing = Thing().add(
            lathe([(0, 0), (0.05, 0), (0.055, 0.07), (0.04, 0.13), (0.043, 0.14)], 18),
            painted(0.15),
            (0.2, 0.3, 0.32),
        )
        for k in range(9):
            end = np.array([*rng.normal(0, 0.07, 2), rng.uniform(0.24, 0.34)])
            thing.add(
                tube([(0, 0, 0.1), 0.5 * end + (0, 0, 0.06), end], 0.002, 4), painted(0.6), (0.05, 0.12, 0.03)
            )
            thing.add(
                lumpy(rng, (0.019, 0.019, 0.011), 0.35, 6).at(*end),
                painted(0.7),
                tint if k % 3 else (0.8, 0.75, 0.6),
            )
        return thing
    if kind == 4:
        thing = Thing()
        for k in range(int(rng.integers(1, 4))):
            book = box((0.15, 0.21, 0.025), (0, 0, 0), 0.002).turned(rng.normal(0, 0.25))
            thing.add(book.at(0, 0, 0.025 * k), painted(0.5), CLOTHS[rng.integers(len(CLOTHS))])
        return thing
    thing = (
        Thing()
        .add(box((0.12, 0.12, 0.02)), painted(0.5), (0.03, 0.03, 0.03))
        .add(box((0.12, 0.12, 0.02), (0, 0, 0.2)), painted(0.5), (0.03, 0.03, 0.03))
    )
    for x in (-0.055, 0.055):
        for y in (-0.055, 0.055):
            thing.add(box((0.01, 0.01, 0.2), (x, y, 0), 0), painted(0.5), (0.03, 0.03, 0.03))
    return thing.add(cylinder(0.03, 0.08, (0, 0, 0.02)), painted(0.6), (0.75, 0.7, 0.6))


def chair(rng, tint=None) -> Thing:
    """A café or garden chair."""
    tint, bar, high = tint or SEATS[rng.integers(len(SEATS))], painted(0.4), 0.44
    thing = Thing().add(box((0.42, 0.4, 0.025), (0, 0, high), 0.006), bar, tint)
    for x in (-0.19, 0.19):
        thing.add(tube([(x, -0.19, 0), (x, -0.17, high), (x, -0.24, 0.86)], 0.013, 6), bar, tint)
        thing.add(tube([(x, 0.2, 0), (x, 0.17, high)], 0.013, 6), bar, tint)
    for k in range(4):
        thing.add(box((0.4, 0.014, 0.06), (0, -0.19 - 0.012 * k, 0.53 + 0.095 * k), 0.003), bar, tint)
    return thing


def bench(rng) -> Thing:
    """A park bench: wooden slats on iron or concrete."""
    timber, iron = wood(rng, tuple(rng.uniform(0.5, 1.2) * np.array((0.3, 0.17, 0.08))), 0.6), painted(0.4)
    tint = ((0.02, 0.02, 0.02), (0.02, 0.06, 0.03), (0.3, 0.3, 0.29))[rng.integers(3)]
    thing, long = Thing(), float(rng.uniform(1.5, 2.0))
    for k in range(5):
        thing.add(box((long, 0.075, 0.035), (0, -0.2 + 0.09 * k, 0.42 - 0.004 * k), 0.006), timber)
    for k in range(4):
        thing.add(box((long, 0.03, 0.08), (0, -0.28 - 0.025 * k, 0.52 + 0.1 * k), 0.006), timber)
    for x in (-0.4 * long, 0.4 * long):
        thing.add(
            tube([(x, -0.25, 0), (x, -0.22, 0.4), (x, -0.31, 0.62), (x, -0.4, 0.92)], 0.022, 6), iron, tint
        )
        thing.add(tube([(x, 0.2, 0), (x, 0.18, 0.4), (x, 0.2, 0.6), (x, -0.3, 0.66)], 0.022, 6), iron, tint)
        thing.add(tube([(x, 0.2, 0.39), (x, -0.25, 0.39)], 0.022, 6), iron, tint)
    return thing


def deck_chair(rng) -> Thing:
    """A folding chair with a striped cloth."""
    timber, thing = wood(rng, (0.45, 0.3, 0.17), 0.6), Thing()
    cloth = surfaces.fabric(rng, CLOTHS[rng.integers(len(CLOTHS))], (0.75, 0.73, 0.68), "stripes")
    for x in (-0.28, 0.28):
        thing.add(tube([(x, 0.5, 0.0), (x, -0.5, 0.85)], 0.02, 6), timber).add(
            tube([(x, -0.45, 0.0), (x, 0.45, 0.35)], 0.02, 6), timber
        )
    t = np.linspace(0, 1, 9)
    y, z = 0.42 - 0.9 * t, 0.34 + 0.5 * t - 0.75 * t * (1 - t)
    points = np.concatenate([np.column_stack([0 * t + x, y, z]) for x in (-0.27, 0.27)])
    return thing.add(Form(points, np.array([[i, i + 1, i + 10, i + 9] for i in range(8)]), True), cloth)


def parasol(rng, radius: float = 1.5) -> Thing:
    """A sunshade on a pole with a foot."""
    cloth, second = surfaces.fabric(rng, CLOTHS[rng.integers(len(CLOTHS))]), 10
    profile = [(radius, 2.1), (0.6 * radius, 2.36), (0.02, 2.62)]
    thing = Thing().add(lathe(profile, second)._replace(smooth=False), cloth)
    thing.add(lathe([(radius, 2.1), (radius, 1.97)], second)._replace(smooth=False), cloth)
    thing.add(cylinder(0.024, 2.65), wood(rng, (0.4, 0.27, 0.15)))
    return thing.add(cylinder(0.25, 0.12), painted(0.7), (0.3, 0.3, 0.3))


def stall(rng) -> Thing:
    """A market stall: a table of crates with fruit and a string of bulbs under a striped roof."""
    timber, poles, thing = wood(rng, (0.32, 0.2, 0.1), 0.8), painted(0.4), Thing()
    cloth = surfaces.fabric(rng, CLOTHS[rng.integers(len(CLOTHS))], (0.75, 0.73, 0.68), "stripes")
    thing.add(box((2.4, 1.0, 0.05), (0, 0, 0.8), 0.01), timber).add(
        block((-1.2, 0.46, 0.25), (1.2, 0.5, 0.8)), cloth
    )
    for x in (-1.2, 1.2):
        for y in (-0.5, 0.5):
            thing.add(box((0.05, 0.05, 2.3), (x, y, 0), 0), poles, (0.5, 0.5, 0.5))
    thing.add(
        sheet(np.linspace(-1.35, 1.35, 3), np.array([-0.8, 0, 0.95]), np.array([[2.1, 2.55, 2.05]] * 3)),
        cloth,
    )
    thing.add(block((-1.35, 0.94, 1.8), (1.35, 0.96, 2.05)), cloth)
    for x in np.linspace(-1.1, 1.1, 6):
        thing.add(lumpy(rng, (0.022, 0.022, 0.03), 0.0, 6).at(x, 0.5, 2.0), glowing(kelvin(2700), 40.0))
    for k in range(8):
        x, y = -1.0 + 0.57 * (k % 4), -0.22 + 0.46 * (k // 4)
        thing.add(box((0.52, 0.4, 0.13), (x, y, 0.85 + 0.1 * (1 - k // 4)), 0.006), timber)
        fruit = (
            (0.6, 0.25, 0.02),
            (0.5, 0.03, 0.02),
            (0.25, 0.4, 0.04),
            (0.7, 0.5, 0.05),
            (0.1, 0.02, 0.12),
            (0.06, 0.18, 0.03),
        )[rng.integers(6)]
        size = float(rng.uniform(0.028, 0.045))
        one, at = (
            lumpy(rng, (size, size, size), 0.04, 6),
            rng.uniform((-0.22, -0.17, 0.0), (0.22, 0.17, 0.05), (34, 3)),
        )
        heap = one.vertices + (at + (x, y, 0.99 + 0.1 * (1 - k // 4)))[:, None]
        quads = one.quads + len(one.vertices) * np.arange(34)[:, None, None]
        for part in range(3):  # no two of a heap quite alike
            picked = Form(heap.reshape(-1, 3), quads[part::3].reshape(-1, 4), True)
            thing.add(picked, painted(0.35), shade(fruit, (0.75, 1.0, 1.2)[part]))
    return thing
