"""Places in town: a street, a square, a car park, a market.

Each fills the scene around the origin, with things within reach of the hands, and returns where the camera stands,
(3,) metres.
"""

import numpy as np

from renderih_lib.render.blender.places import buildings, grounds, outdoors, plants, seats, vehicles
from renderih_lib.render.blender.places.forms import Thing, block, lathe
from renderih_lib.render.blender.places.grounds import (
    asphalt,
    copies,
    ground,
    mottled,
    paving,
    slab,
)
from renderih_lib.render.blender.places.layout import (
    SLABS,
    beside,
    eye,
    lamps,
    pick,
    row_of_houses,
    scattered,
    terrace_sets,
    woods,
)
from renderih_lib.render.blender.places.plants import AUTUMN


def street(scene, rng, today) -> np.ndarray:
    """A pavement between house fronts and parked cars."""
    lit = 0.45 * today.lamps
    ground(scene, asphalt(rng, rng.random() < 0.25))
    slabs = paving(rng, pick(rng, SLABS), pick(rng, ((0.4, 0.4), (0.6, 0.4), (0.2, 0.1))))
    slab(scene, slabs, (-70, -1.9), (70, 1.5), 0.12)
    slab(scene, slabs, (-70, 8.5), (70, 12), 0.12)
    row_of_houses(scene, rng, 1.9, -np.pi / 2, lit)
    row_of_houses(scene, rng, 12.0, np.pi / 2, lit)
    for angle in (0, np.pi):
        row_of_houses(scene, rng, 62, angle, lit, along=(-20, 30))
    for y, turn in ((2.6, 0.0), (7.4, np.pi)):
        x = -30 + rng.uniform(0, 3)
        while x < 32:
            if rng.random() < 0.75 and not (y < 3 and abs(x) < 0.3):
                vehicles.car(rng).put(scene, x, y + rng.normal(0, 0.06), 0, turn)
            x += rng.uniform(5.2, 6.5)
    trees = [
        plants.tree(rng, float(rng.uniform(5, 8)), "round", autumn=pick(rng, AUTUMN)).put(scene, 0, 0, -500)
    ]
    copies(scene, trees[0], [(x, 1.1, 0.1, rng.uniform(0, 6), 1.0) for x in (-12, -4.5, 4.5, 12)])
    lamps(scene, rng, today, [(-8.5, 1.2, 0), (2.2, 1.2, 0), (15, 1.2, 0), (-4, 9.0, np.pi), (8, 9.0, np.pi)])
    near = [
        outdoors.bollard(rng),
        vehicles.bicycle(rng),
        plants.potted(rng, 0.45, pick(rng, outdoors.CLOTHS)),
        outdoors.bin(rng),
    ]
    for thing, (x, y) in zip(
        [near[k] for k in rng.permutation(4)],
        ((-1.3, 0.9), (1.5, -1.2), (-1.6, -1.2), (1.0, 1.05)),
        strict=True,
    ):
        thing.put(scene, x, y, 0.12, rng.normal(0, 0.15))
    if rng.random() < 0.6:
        seats.table(rng, True, 0.7).put(scene, 0.75, -0.75, 0.12, 0)
        seats.chair(rng).put(scene, 1.35, -0.8, 0.12, np.pi / 2)
    return eye(rng) + (0, 0, 0.12)


def plaza(scene, rng, today) -> np.ndarray:
    """A paved square with a fountain or trees, cafés at its sides."""
    lit = 0.5 * today.lamps
    ground(
        scene,
        paving(
            rng,
            pick(rng, SLABS),
            pick(rng, ((0.1, 0.1), (0.5, 0.5), (0.8, 0.4), (0.3, 0.15))),
            pick(rng, (0.0, 0.5)),
        ),
    )
    side = rng.uniform(13, 24)
    for k in range(4):
        row_of_houses(scene, rng, side, k * np.pi / 2 + 0.15, lit, (2, 5), (-side - 2, side - 4), 3)
    middle = Thing()
    stone = outdoors.stone(rng)
    x, y = rng.uniform(5, 8) * np.array([np.cos(a := rng.uniform(0, 6.3)), np.sin(a)])
    middle.add(lathe([(2.2, 0), (2.2, 0.5), (2.0, 0.55), (1.9, 0.5), (1.9, 0.3)], 32), stone)
    middle.add(lathe([(1.92, 0.36), (0, 0.36)], 32), grounds.water(rng))
    middle.add(
        lathe(
            [
                (0.35, 0),
                (0.25, 1.2),
                (0.9, 1.5),
                (0.85, 1.55),
                (0.15, 1.45),
                (0.12, 2.2),
                (0.4, 2.4),
                (0, 2.45),
            ],
            24,
        ),
        stone,
    )
    middle.put(scene, x, y)
    trees = [plants.tree(rng, 5.5, "round", autumn=pick(rng, AUTUMN))]
    scattered(scene, rng, trees, 7, 5.5, 12, lambda p: np.hypot(*(p - (x, y))) > 4.5, 3)
    seats.table(rng, True, rng.uniform(0.7, 0.95)).put(scene, 0, 0, 0, rng.uniform(0, 6))
    beside(
        scene,
        rng,
        [
            seats.chair(rng),
            seats.chair(rng),
            outdoors.planter(rng, [plants.shrub(rng, 0.28, pick(rng, outdoors.CLOTHS)) for _ in range(3)]),
            seats.bench(rng),
        ],
        0.8,
        1.7,
    )
    terrace_sets(scene, rng, 5, 3.0, 8.0, lambda p: np.hypot(*(p - (x, y))) > 3.4)
    lamps(
        scene,
        rng,
        today,
        [(4.2 * np.cos(b), 4.2 * np.sin(b), b + np.pi / 2) for b in rng.uniform(0, 6.3) + np.arange(3) * 2.1],
    )
    return eye(rng, 1.02, 1.25)


def parking(scene, rng, today) -> np.ndarray:
    """A car park with marked bays, a hedge or wall, shops behind."""
    ground(scene, asphalt(rng, rng.random() < 0.35))
    white = mottled(rng, ((0.4, 0.4, 0.38), (0.6, 0.6, 0.57)), 3.0, 2.0, grain=30.0)
    stripes = Thing()
    for y in (1.9, -7.6, 13.5):
        for x in np.arange(-30, 31, 2.6):
            stripes.add(block((x - 0.05, y, 0.0), (x + 0.05, y + 4.8, 0.006)), white)
    stripes.put(scene)
    for y, turn in ((4.3, np.pi / 2), (-5.2, -np.pi / 2), (15.9, np.pi / 2)):
        for x in np.arange(-28.7, 30, 2.6):
            if rng.random() < 0.72 and np.hypot(x, y) > 2.8:
                vehicles.car(rng).put(
                    scene,
                    x + rng.normal(0, 0.1),
                    y + rng.normal(0, 0.15),
                    0,
                    turn + np.pi * (rng.random() < 0.3) + rng.normal(0, 0.02),
                )
    if rng.random() < 0.8:
        vehicles.car(rng).put(
            scene, rng.uniform(-0.6, 0.6), rng.uniform(1.75, 2.1), 0, np.pi * (rng.random() < 0.5)
        )
    kerb = paving(rng, pick(rng, SLABS), (0.2, 0.1))
    slab(scene, kerb, (-40, -2.6), (40, -1.0), 0.12)
    if rng.random() < 0.5:
        side = plants.hedge(rng, (2.0, 0.6, 0.9), 0.05).put(scene, 0, 0, -500)
        copies(scene, side, [(1.95 * k, -2.2, 0.1, 0, 1.0) for k in range(-12, 13) if k != 2])
    else:
        buildings.wall(rng, 40, 0.8, 0.25, pick(rng, ("brick", "plaster", "stone"))).put(scene, 0, -2.4)
    for x in (-1.9, 1.5):
        outdoors.bollard(rng).put(scene, x, -0.75, 0)
    outdoors.bin(rng).put(scene, pick(rng, (-1.2, 1.1)), -1.5, 0.12, rng.normal(0, 0.2))
    outdoors.trolleys(rng).put(scene, rng.uniform(1.6, 2.4), -0.2, 0, rng.uniform(0, 6))
    row_of_houses(scene, rng, 24, np.pi / 2, 0.6 * today.lamps, (1, 3))
    row_of_houses(scene, rng, 20, -np.pi / 2, 0.4 * today.lamps, (2, 7))
    scattered(
        scene,
        rng,
        [plants.tree(rng, 6, "round", autumn=pick(rng, AUTUMN))],
        16,
        9,
        36,
        lambda p: abs(p[1] + 9) < 1.5,
        4,
    )
    woods(scene, rng, 40, 40, ("round",), far=70, allowed=lambda p: abs(p[0]) > 35)
    lamps(scene, rng, today, [(-6, -1.7, 0), (6.5, -1.7, 0), (0, 11, np.pi), (-14, 11, np.pi)])
    return eye(rng, 1.05, 1.4)


def market(scene, rng, today) -> np.ndarray:
    """Market stalls in a square."""
    ground(
        scene, paving(rng, pick(rng, SLABS), pick(rng, ((0.12, 0.12), (0.2, 0.1), (0.5, 0.5))), 0.5, 0.012)
    )
    stalls = [seats.stall(rng) for _ in range(4)]
    for k, (x, y, turn) in enumerate(
        (
            (0.2, 1.75, np.pi),
            (-2.9, 1.8, np.pi),
            (3.2, 1.9, np.pi),
            (0.4, -2.1, 0.0),
            (-2.8, -2.2, 0.0),
            (3.4, -2.0, 0.0),
        )
    ):
        stalls[k % 4].put(scene, x, y, 0, turn + rng.normal(0, 0.05))
    items = [stall.put(scene, 0, 0, -500) for stall in stalls]
    for k, (x, y) in enumerate((x, y) for y in (-6.5, 6.2) for x in np.arange(-12, 13, 3.4)):
        copies(scene, items[k % 4], [(x, y + rng.normal(0, 0.2), 0, np.pi * (y > 0), 1.0)])
    for x in (-1.7, 1.75):
        outdoors.planter(
            rng, [plants.shrub(rng, 0.25, pick(rng, outdoors.CLOTHS)) for _ in range(2)], 0.9, 0.35
        ).put(scene, x, rng.uniform(-0.4, 0.4), 0, np.pi / 2)
    for k in range(4):
        row_of_houses(scene, rng, rng.uniform(12, 18), k * np.pi / 2, 0.5 * today.lamps, (2, 5), (-20, 18), 3)
    scattered(scene, rng, [plants.tree(rng, 6, "round")], 5, 8, 13, None, 5)
    lamps(scene, rng, today, [(-4.8, 0, np.pi / 2), (4.9, 0.1, -np.pi / 2), (0, 4.2, np.pi), (0, -4.3, 0)])
    return eye(rng, 1.05, 1.35)
