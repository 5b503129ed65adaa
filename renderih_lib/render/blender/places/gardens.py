"""Places near the house: a park, a garden, a courtyard, a terrace.

Each fills the scene around the origin, with things within reach of the hands, and returns where the camera stands,
(3,) metres.
"""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.places import buildings, grounds, outdoors, plants, seats, vehicles
from renderih_lib.render.blender.places.forms import Form, Thing, box, cylinder, tube
from renderih_lib.render.blender.places.grounds import (
    copies,
    ground,
    leafage,
    mottled,
    paving,
    slab,
    strewn,
)
from renderih_lib.render.blender.places.layout import (
    GRASS,
    SLABS,
    beside,
    eye,
    facing,
    hills,
    lamps,
    lawn,
    pick,
    row_of_houses,
    scattered,
    turf,
    woods,
)
from renderih_lib.render.blender.places.plants import AUTUMN, GREENS
from renderih_lib.render.blender.surfaces import painted


def park(scene, rng, today) -> np.ndarray:
    """A lawn with a path, benches, trees and flower beds."""
    autumn = pick(rng, AUTUMN)
    green = pick(rng, GREENS)
    ground(scene, turf(rng, green))
    bend = rng.uniform(-0.03, 0.03)
    t = np.linspace(-60, 60, 61)
    middle = 1.9 + bend * 4 * np.sin(t * 0.12) * 8 * bend
    path = Form(
        np.concatenate([np.column_stack([t, middle + s, 0 * t + 0.015]) for s in (-1.0, 1.2)]),
        np.array([[i, i + 1, i + 62, i + 61] for i in range(60)]),
    )
    Thing().add(path, mottled(rng, ((0.2, 0.16, 0.11), (0.34, 0.28, 0.2)), 0.8, 6.0, grain=90.0)).put(scene)
    free = lambda spots: spots[..., 1] < 0.75  # noqa: E731
    lawn(scene, rng, free, colour=green)
    if autumn:
        patch = (
            Thing()
            .add(grounds.litter(rng, 90, 1.0, 0.055), leafage(rng, autumn, (0.12, 0.06, 0.02)))
            .put(scene, 0, 0, -50)
        )
        strewn(scene, rng, [patch], lambda spots: rng.random(len(spots)) < 0.7, 6.0)
    seats.bench(rng).put(scene, rng.uniform(-1.2, 1.2), -1.25, 0, 0)
    plants.hedge(rng, (3.4, 0.7, rng.uniform(0.7, 1.2))).put(
        scene, 2.7, -1.6, 0, rng.uniform(-0.3, 0.3) + np.pi / 2
    )
    bed = [plants.shrub(rng, 0.32, pick(rng, outdoors.CLOTHS)) for _ in range(3)]
    for k in range(9):
        bed[k % 3].put(scene, -1.6 - 0.45 * (k // 3), -1.3 + 0.5 * (k % 3), 0, rng.uniform(0, 6))
    outdoors.bin(rng).put(scene, 1.9, 0.55, 0, 0)
    outdoors.rock(rng, 0.4).put(scene, -1.3, 0.5, 0, rng.uniform(0, 6))
    trees = [
        plants.tree(rng, float(rng.uniform(6, 11)), pick(rng, ("round", "wide", "birch")), autumn=autumn)
        for _ in range(2)
    ]
    scattered(scene, rng, trees, 26, 4.5, 40, lambda p: abs(p[1] - 2) > 2.2, 3.5)
    woods(scene, rng, 28, 150, ("round", "wide"), autumn, 75)
    lamps(scene, rng, today, [(-9, 3.6, np.pi), (4, 3.6, np.pi), (17, 3.6, np.pi)])
    if rng.random() < 0.5:
        row_of_houses(scene, rng, 70, rng.uniform(0, 6.3), 0.4 * today.lamps, (4, 8))
    return eye(rng)


def garden(scene, rng, today) -> np.ndarray:
    """A back garden: lawn, house, fence or hedge all round, a table in reach."""
    green = pick(rng, GREENS)
    ground(scene, turf(rng, green))
    patio = rng.random() < 0.5
    if patio:
        slab(scene, paving(rng, pick(rng, SLABS), (0.5, 0.5), 0.0), (-1.7, -1.6), (1.9, 8), 0.03)
    lawn(
        scene,
        rng,
        (lambda p: ~((abs(p[..., 0] - 0.1) < 2.1) & (p[..., 1] > -2)))
        if patio
        else (lambda p: p[..., 0] < 99),
        3.6 if not patio else 4.2,
        colour=green,
    )
    buildings.house(rng, float(rng.uniform(9, 13)), 8, 0.5 * today.lamps).put(
        scene, rng.uniform(-2, 2), rng.uniform(6.5, 9), 0, np.pi
    )
    kind, far = pick(rng, ("boards", "pickets", "hedge", "stone", "brick")), rng.uniform(4.5, 8)
    for k, angle in enumerate((np.pi, -np.pi / 2, 0)):
        if kind == "hedge":
            side = plants.hedge(rng, (2.0, 0.8, rng.uniform(1.4, 2.0)), 0.07)
            rows = [
                (
                    (far + 0.4 * k) * np.cos(angle) - j * 1.9 * np.sin(angle),
                    (far + 0.4 * k) * np.sin(angle) + j * 1.9 * np.cos(angle),
                    0,
                    angle + np.pi / 2,
                    1.0,
                )
                for j in range(-6, 7)
            ]
            copies(scene, side.put(scene, 0, 0, -500), rows)
        else:
            side = (
                buildings.fence(rng, 24, 1.7, kind)
                if kind in ("boards", "pickets")
                else buildings.wall(rng, 24, 1.6, 0.3, kind)
            )
            side.put(scene, far * np.cos(angle), far * np.sin(angle), 0, facing(angle))
    if rng.random() < 0.75:
        seats.table(rng, size=rng.uniform(0.9, 1.2)).put(scene, 0.05, 0, 0.03 * patio, rng.uniform(0, 3))
    flower = [pick(rng, outdoors.CLOTHS) for _ in range(3)]
    close = [
        seats.chair(rng),
        plants.potted(rng, 0.4, flower[0]),
        plants.shrub(rng, 0.6, flower[1]),
        seats.chair(rng),
        plants.hedge(rng, (1.1, 1.1, 1.0), rounded=0.9),
        plants.potted(rng, 0.55),
        outdoors.rock(rng, 0.35),
    ]
    beside(scene, rng, [close[k] for k in rng.permutation(7)[:6]], 1.1, 2.2)
    beds = [plants.shrub(rng, float(rng.uniform(0.3, 0.7)), pick(rng, [*flower, None])) for _ in range(4)] + [
        plants.fern(rng, 0.8)
    ]
    scattered(scene, rng, beds, 22, far - 1.6, far - 0.5, lambda p: p[1] < far - 2.5, 0.6)
    woods(scene, rng, far + 3, 14, ("round", "birch"), pick(rng, AUTUMN), far + 16, lambda p: p[1] < 4)
    woods(scene, rng, 35, 60, ("wide",), far=80)
    lamps(scene, rng, today, [(2.6, 3.6, 0.0)] if today.lamps else [])
    return eye(rng, 1.02, 1.25)


def courtyard(scene, rng, today) -> np.ndarray:
    """A courtyard: walls on all sides, doors, pots, steps, washing on a line."""
    lit = 0.4 * today.lamps
    ground(
        scene, paving(rng, pick(rng, SLABS), pick(rng, ((0.12, 0.12), (0.3, 0.15), (0.45, 0.45))), 0.5, 0.012)
    )
    side = rng.uniform(3.0, 5.5)
    for k in range(4):
        if k == 2 and rng.random() < 0.5:
            buildings.wall(rng, 2 * side + 2, 2.2, 0.3, pick(rng, ("stone", "brick", "plaster"))).put(
                scene, -side, 0, 0, facing(np.pi)
            )
        else:
            angle = k * np.pi / 2
            buildings.facade(rng, 2 * side + 1.5, int(rng.integers(1, 5)), lit, shop=False).put(
                scene, side * np.cos(angle), side * np.sin(angle), 0, facing(angle)
            )
    if rng.random() < 0.6:
        seats.table(rng, size=rng.uniform(0.8, 1.1)).put(scene, 0, 0, 0, rng.uniform(0, 3))
    close = [
        plants.potted(rng, float(rng.uniform(0.3, 0.6)), pick(rng, [*outdoors.CLOTHS, None]))
        for _ in range(4)
    ]
    close += [seats.chair(rng), seats.bench(rng), vehicles.bicycle(rng), outdoors.steps(rng, 1.6, 4)]
    beside(scene, rng, [close[k] for k in rng.permutation(8)[:7]], 1.0, 2.0)
    scattered(scene, rng, close[:2], 10, side - 1.2, side - 0.4, gap=0.5)
    line = [(-side, 0.8, 2.4), (0, 0.9, 2.2), (side, 1.0, 2.45)]
    Thing().add(tube(line, 0.004, 4), painted(0.6), (0.4, 0.4, 0.4)).put(scene)
    for x in np.arange(-side + 0.8, side - 0.8, 0.7):
        if rng.random() < 0.7:
            wide, drop = rng.uniform(0.35, 0.6), rng.uniform(0.5, 0.9)
            gx, gz = np.linspace(-wide / 2, wide / 2, 9), np.linspace(0, -drop, 7)
            wave = 0.03 * np.sin(gx[:, None] * 14 + rng.uniform(0, 6)) * -gz[None] * 2
            points = np.stack(
                [
                    np.broadcast_to(gx[:, None], wave.shape) + x,
                    wave + 0.9,
                    np.broadcast_to(gz[None] + 2.23, wave.shape),
                ],
                -1,
            )
            index = np.arange(63).reshape(9, 7)
            cloth = Form(
                points.reshape(-1, 3),
                np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4),
                True,
            )
            Thing().add(
                cloth,
                surfaces.fabric(
                    rng, pick(rng, outdoors.CLOTHS), None, pick(rng, ("plain", "stripes", "squares"))
                ),
            ).put(scene)
    lamps(scene, rng, today, [(side - 0.6, side - 0.6, 3.9)] if today.lamps else [])
    return eye(rng, 1.02, 1.25)


def terrace(scene, rng, today) -> np.ndarray:
    """A terrace or roof deck with a railing and a view over land, town or sea."""
    floor = pick(rng, ("wood", "tiles", "stone"))
    deck = (
        surfaces.boards(
            rng, tuple(rng.uniform(0.5, 1.2) * np.array((0.3, 0.19, 0.11))), 0.12, 2.4, roughness=0.7
        )
        if floor == "wood"
        else surfaces.tiles(
            rng,
            pick(rng, ((0.4, 0.2, 0.11), (0.42, 0.39, 0.34), (0.2, 0.22, 0.22))),
            size=(0.3, 0.3),
            roughness=0.6,
        )
        if floor == "tiles"
        else paving(rng, pick(rng, SLABS), (0.5, 0.5), 0.0)
    )
    wide, deep, down = rng.uniform(2.2, 4.0), rng.uniform(2.0, 3.2), -rng.uniform(2.5, 9)
    Thing().add(box((2 * wide, deep + 3, 0.25), (0, (3 - deep) / 2 - 0.0, -0.25)), deck).put(scene)
    buildings.facade(rng, 2 * wide + 6, 2, 0.6 * today.lamps, shop=True).put(scene, 0, 3.0, 0, np.pi)
    rail, tint = painted(0.35, 0.3), pick(rng, ((0.02, 0.02, 0.02), (0.6, 0.6, 0.6), (0.65, 0.63, 0.58)))
    glazed, balusters = rng.random() < 0.35, Thing()
    for (ax, ay), (bx, by) in (
        ((-wide, -deep), (wide, -deep)),
        ((-wide, -deep), (-wide, 3)),
        ((wide, -deep), (wide, 3)),
    ):
        n = int(np.hypot(bx - ax, by - ay) / (1.2 if glazed else 0.12))
        for t in np.linspace(0, 1, n + 1):
            balusters.add(
                cylinder(0.02 if glazed else 0.008, 0.98, (ax + t * (bx - ax), ay + t * (by - ay), 0), 6),
                rail,
                tint,
            )
        balusters.add(tube([(ax, ay, 1.0), (bx, by, 1.0)], 0.026, 8), rail, tint)
        balusters.add(tube([(ax, ay, 0.1), (bx, by, 0.1)], 0.012, 6), rail, tint)
    balusters.put(scene)
    seats.table(rng, size=rng.uniform(0.8, 1.2)).put(scene, 0, 0, 0, rng.uniform(0, 3))
    close = [
        seats.chair(rng),
        seats.chair(rng),
        plants.potted(rng, 0.45, pick(rng, outdoors.CLOTHS)),
        plants.potted(rng, 0.55),
        plants.potted(rng, 0.35, pick(rng, outdoors.CLOTHS)),
        outdoors.planter(rng, [plants.shrub(rng, 0.25) for _ in range(3)]),
    ]
    beside(scene, rng, [close[k] for k in rng.permutation(6)], 1.0, 1.7)
    if rng.random() < 0.5:
        seats.parasol(rng, 1.4).put(scene, rng.uniform(0.9, 1.3), -1.0)
    view = pick(rng, ("land", "town", "sea"))
    ground(
        scene,
        grounds.water(rng, (0.01, 0.05, 0.07), 0.4, 250.0)
        if view == "sea"
        else mottled(rng, GRASS, 0.06, 40.0, grain=2.0),
        at=(0, 0, down),
    )
    if view == "town":
        items = [buildings.house(rng, float(rng.uniform(8, 12)), 8, 0.5 * today.lamps) for _ in range(4)]
        scattered(
            scene,
            rng,
            [Thing().include(item, 0, 0, down) for item in items],
            70,
            14,
            120,
            lambda p: p[1] < 6,
            9,
            lambda p: np.zeros(len(p)) + down,
            0.08,
        )
    trees = [plants.tree(rng, 9, "round", autumn=pick(rng, AUTUMN)), plants.tree(rng, 10, "column")]
    scattered(
        scene,
        rng,
        trees,
        0 if view == "sea" else 40,
        7,
        60,
        lambda p: p[1] < -4 or abs(p[0]) > wide + 2,
        4,
        lambda p: np.zeros(len(p)) + down,
    )
    hills(scene, rng, (0.06, 0.09, 0.06), 160, rng.uniform(15, 50))
    hills(scene, rng, (0.08, 0.11, 0.14), 300, rng.uniform(50, 110), 1.6)
    lamps(scene, rng, today, [(wide - 0.3, 2.5, np.pi)] if today.lamps else [])
    return eye(rng, 1.02, 1.25)
