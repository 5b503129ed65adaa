"""Places by the water: a beach, a jetty in a lake.

Each fills the scene around the origin, with things within reach of the hands, and returns where the camera stands,
(3,) metres.
"""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.places import buildings, grounds, outdoors, plants, seats, vehicles
from renderih_lib.render.blender.places.forms import Form, Thing, box, cylinder
from renderih_lib.render.blender.places.grounds import (
    ground,
    mottled,
    slab,
    strewn,
)
from renderih_lib.render.blender.places.layout import (
    GRASS,
    beside,
    eye,
    hills,
    pick,
    scattered,
    woods,
)
from renderih_lib.render.blender.places.plants import AUTUMN, bumps
from renderih_lib.render.blender.surfaces import painted, shade


def beach(scene, rng, today) -> np.ndarray:
    """Sand, the sea on one side, dunes on the other."""
    tone = np.array(pick(rng, ((0.5, 0.4, 0.27), (0.42, 0.36, 0.28), (0.58, 0.5, 0.38), (0.24, 0.22, 0.2))))

    def height(p):
        dunes = (
            np.maximum(0, -p[:, 1] - 6)
            * 0.12
            * (1 + 0.5 * np.sin(p[:, 0] * 0.11) * np.sin(p[:, 1] * 0.13 + 1))
        )
        ripples = 0.012 * np.sin(7 * p[:, 1] + 2 * np.sin(1.3 * p[:, 0])) + 0.02 * np.sin(
            2.1 * p[:, 0] + 1.7 * p[:, 1]
        )
        return (
            np.minimum(dunes, 7)
            + ripples
            - 0.06 * np.maximum(0, p[:, 1] - 3.0)
            - 0.08 * np.maximum(0, p[:, 1] - 7)
        )

    ground(scene, mottled(rng, (shade(tone, 0.75), tone, shade(tone, 1.15)), 1.1, 9.0, grain=140.0), height)
    sea = np.array([[-900, 6.5, -0.27], [900, 6.5, -0.27], [900, 1500, -0.27], [-900, 1500, -0.27]], float)
    Thing().add(
        Form(sea, np.array([[0, 1, 2, 3]])),
        grounds.water(
            rng, pick(rng, ((0.01, 0.05, 0.06), (0.02, 0.10, 0.11), (0.02, 0.035, 0.04))), 0.5, 220.0
        ),
    ).put(scene)
    for y in (5.6, 7.2, 9.5):
        t = np.linspace(-60, 60, 121)
        w = 0.25 + 0.15 * bumps(rng, t[:, None], 0.7)
        front = y + 0.6 * bumps(rng, t[:, None], 0.25) + 0.2 * bumps(rng, t[:, None], 1.4)
        foam = Form(
            np.concatenate(
                [np.column_stack([t, front - w, 0 * t - 0.2]), np.column_stack([t, front + w, 0 * t - 0.2])]
            ),
            np.array([[i, i + 1, i + 122, i + 121] for i in range(120)]),
        )
        Thing().add(foam, mottled(rng, ((0.55, 0.55, 0.52), (0.8, 0.8, 0.78)), 3.0, 20.0)).put(scene)
    stone = outdoors.stone(rng)
    patch = [
        Thing().add(grounds.pebbles(rng, 60, 1.0, 0.014), stone).put(scene, 0, 0, -50),
        Thing()
        .add(grounds.pebbles(rng, 12, 1.0, 0.022), painted(0.5), (0.6, 0.52, 0.42))
        .put(scene, 0, 0, -50),
    ]
    strewn(scene, rng, patch, lambda p: rng.random(len(p)) < 0.75, 5.0, height=height)
    if rng.random() < 0.5:
        seats.table(rng, False, 0.9).put(scene, 0, 0, 0, rng.uniform(0, 3))
    close = [
        outdoors.rock(rng, 0.55, stone),
        outdoors.log(rng, 1.7, 0.11),
        seats.parasol(rng, 1.3),
        seats.deck_chair(rng),
        plants.tuft(rng, 0.55, 260, (0.14, 0.16, 0.06)),
        vehicles.boat(rng),
        buildings.fence(rng, 2.2, 0.9, "pickets"),
    ]
    beside(scene, rng, [close[k] for k in rng.permutation(7)[:5]], 1.1, 2.4)
    scattered(
        scene,
        rng,
        [plants.tuft(rng, 0.7, 200, (0.15, 0.17, 0.06), 0.3) for _ in range(2)],
        120,
        7,
        40,
        lambda p: p[1] < -6,
        0.5,
        height,
    )
    scattered(scene, rng, [outdoors.rock(rng, 0.8, stone)], 14, 3, 30, lambda p: abs(p[1] - 4) < 5, 1.0)
    scattered(
        scene,
        rng,
        [seats.parasol(rng), seats.deck_chair(rng)],
        10,
        4,
        22,
        lambda p: -5 < p[1] < 3,
        1.5,
        size=0.02,
    )
    if rng.random() < 0.5:
        scattered(
            scene, rng, [plants.palm(rng, float(rng.uniform(5, 8)))], 8, 4, 25, lambda p: p[1] < -2, 3, height
        )
    hills(scene, rng, (0.12, 0.16, 0.15), 320, 45)
    return eye(rng, 1.0, 1.3)


def lakeside(scene, rng, today) -> np.ndarray:
    """A wooden jetty in reeds, water all round, woods on the other shore."""
    ground(
        scene,
        grounds.water(
            rng,
            pick(rng, ((0.012, 0.03, 0.03), (0.03, 0.04, 0.02), (0.01, 0.03, 0.05))),
            rng.uniform(0.5, 2.0),
            rng.uniform(15, 60),
        ),
    )
    timber = surfaces.wood(rng, tuple(rng.uniform(0.5, 1.1) * np.array((0.27, 0.2, 0.14))), 0.8)
    jetty = Thing()
    for x in np.arange(-16, 2.2, 0.15):
        jetty.add(
            box(
                (0.138, 2.1 + rng.normal(0, 0.015), 0.035),
                (x, rng.normal(0, 0.008), 0.32 + rng.normal(0, 0.002)),
                0.005,
            ),
            timber,
        )
    for x in np.arange(-15.5, 2.3, 2.1):
        for y in (-0.98, 0.98):
            jetty.add(cylinder(0.08, 1.6 if rng.random() < 0.6 else 1.0, (x, y, -0.6), 12), timber)
    if rng.random() < 0.6:
        for x in np.arange(-15.5, 0.2, 2.1):
            jetty.add(box((0.07, 0.07, 0.95), (x, 1.0, 0.33), 0.006), timber)
        jetty.add(box((16, 0.05, 0.09), (-7.5, 1.0, 1.25), 0.006), timber).add(
            box((16, 0.04, 0.07), (-7.5, 1.0, 0.85), 0.006), timber
        )
    jetty.put(scene)
    vehicles.boat(rng).put(scene, rng.uniform(-0.5, 1.5), -1.9, -0.12, rng.normal(0, 0.15))
    close = [
        seats.bench(rng),
        plants.potted(rng, 0.4),
        outdoors.coil(rng),
        outdoors.crate(rng),
        seats.chair(rng),
        seats.deck_chair(rng),
    ]
    for k, (x, y) in zip(rng.permutation(6), ((-1.35, -0.45), (1.35, 0.3), (-1.5, 0.5)), strict=False):
        close[k].put(scene, x, y, 0.355, rng.uniform(0, 6))
    reeds = [
        plants.tuft(rng, 1.3, 110, (0.11, 0.13, 0.035), 0.4),
        plants.tuft(rng, 1.0, 110, (0.14, 0.13, 0.05), 0.4),
    ]
    scattered(
        scene, rng, reeds, 200, 2.6, 22, lambda p: abs(p[1]) > 2.6 and p[0] < 1 + 2 * np.sin(p[1]), 0.35
    )
    shore = mottled(rng, GRASS[:3], 0.3, 20.0, grain=40.0)
    slab(scene, shore, (-60, -80), (-14, 80), 0.25)
    hills(scene, rng, (0.05, 0.075, 0.035), 75, 3.5)
    woods(scene, rng, 78, 150, ("round", "fir", "wide"), pick(rng, AUTUMN), 110)
    scattered(
        scene,
        rng,
        [plants.tree(rng, 8, "wide"), plants.tree(rng, 7, "birch")],
        26,
        16,
        45,
        lambda p: p[0] < -15,
        3,
    )
    hills(scene, rng, (0.07, 0.10, 0.11), 240, rng.uniform(30, 90), 1.5)
    return eye(rng) + (0, 0, 0.36)
