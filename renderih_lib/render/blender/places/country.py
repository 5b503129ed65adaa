"""Places in the country: a glade, a meadow, a desert, a winter's day.

Each fills the scene around the origin, with things within reach of the hands, and returns where the camera stands,
(3,) metres.
"""

import numpy as np

from renderih_lib.render.blender.places import buildings, grounds, outdoors, plants, seats, vehicles
from renderih_lib.render.blender.places.forms import Thing, box, tube
from renderih_lib.render.blender.places.grounds import (
    ground,
    leafage,
    mottled,
    strewn,
)
from renderih_lib.render.blender.places.layout import (
    beside,
    eye,
    hills,
    lamps,
    lawn,
    pick,
    scattered,
    turf,
    woods,
)
from renderih_lib.render.blender.places.plants import AUTUMN, GREENS
from renderih_lib.render.blender.surfaces import painted, shade


def clearing(scene, rng, today) -> np.ndarray:
    """A glade in a wood: ferns, stones, logs, leaves or needles on the ground."""
    fir = rng.random() < 0.4
    brown = ((0.05, 0.032, 0.018), (0.10, 0.065, 0.035), (0.04, 0.05, 0.018))

    def height(p):
        return 0.07 * np.sin(0.9 * p[:, 0] + 1.0) * np.sin(1.1 * p[:, 1]) + 0.02 * np.sin(
            3.1 * p[:, 0] + p[:, 1]
        )

    ground(scene, mottled(rng, brown, 0.9, 25.0, grain=70.0), height)
    dead = leafage(
        rng, pick(rng, ((0.16, 0.08, 0.03), (0.25, 0.12, 0.03), (0.12, 0.08, 0.045))), (0.35, 0.2, 0.06)
    )
    patch = [Thing().add(grounds.litter(rng, 420, 1.0, 0.055), dead).put(scene, 0, 0, -50) for _ in range(2)]
    strewn(scene, rng, patch, lambda p: rng.random(len(p)) < 0.8, 5.0, height=height)
    lawn(scene, rng, lambda p: rng.random(len(p)) < 0.35, 5.0, 0.12, height=height, dense=700)
    autumn = pick(rng, AUTUMN)
    kinds = (
        [plants.fir(rng, float(rng.uniform(9, 14))) for _ in range(2)]
        if fir
        else [
            plants.tree(rng, float(rng.uniform(9, 14)), pick(rng, ("round", "birch", "wide")), autumn=autumn)
            for _ in range(3)
        ]
    )
    scattered(scene, rng, kinds, 34, 6.0, 26, None, 3.6, height)
    scattered(scene, rng, kinds, 170, 22, 60, None, 2.4)
    bare = [tube([(0, 0, -0.2), (0.1, 0.05, 5), (0.2, -0.1, 16)], [0.2, 0.15, 0.1], 10)]
    trunk = Thing().add(bare[0], grounds.bark(rng, (0.12, 0.09, 0.06)))
    scattered(scene, rng, [trunk], 0 if fir else 14, 3.2, 22, None, 1.5, height)
    low = [
        plants.fern(rng, float(rng.uniform(0.5, 0.9))),
        plants.fern(rng, 0.6, (0.09, 0.13, 0.02)),
        plants.shrub(rng, 0.5),
        plants.tuft(rng, 0.4),
    ]
    scattered(scene, rng, low, 90, 1.3, 14, None, 0.55, height)
    close = [
        outdoors.rock(rng, 0.55),
        outdoors.log(rng, 2.2, 0.17),
        plants.fern(rng, 0.8),
        outdoors.rock(rng, 0.35),
        outdoors.stump(rng),
        plants.shrub(rng, 0.55),
    ]
    beside(scene, rng, [close[k] for k in rng.permutation(6)[:5]], 0.9, 2.0)
    if rng.random() < 0.25:
        seats.table(rng, False, 1.1).put(scene, 0, 0, 0, rng.uniform(0, 3))
    return eye(rng)


def meadow(scene, rng, today) -> np.ndarray:
    """Hilly pasture with tall grass and flowers, a fence, single trees."""
    slope = rng.uniform(2, 6)

    def height(p):
        far = np.maximum(0, np.linalg.norm(p, axis=1) - 5)
        return 0.05 * np.sin(0.8 * p[:, 0]) + np.minimum(far * 0.05, 4) * slope / 3 * (
            np.sin(0.045 * p[:, 0] + 1.0) * np.cos(0.05 * p[:, 1] + 0.5)
        )

    dry = rng.random() < 0.35
    tone = (0.2, 0.16, 0.06) if dry else pick(rng, GREENS)
    ground(scene, turf(rng, tone), height)
    lawn(scene, rng, lambda p: p[..., 0] < 99, 3.5, 0.14, tone, height, 1600)
    stems = [plants.tuft(rng, float(rng.uniform(0.3, 0.5)), 150, tone, 0.25) for _ in range(3)]
    for stem in stems:
        flower = np.column_stack([rng.normal(0, 0.16, (9, 2)), rng.uniform(0.25, 0.5, 9)])
        stem.add(
            plants.leaves_at(rng, np.repeat(flower, 7, 0) + rng.normal(0, 0.009, (63, 3)), 0.03, 0.7),
            painted(0.7),
            pick(rng, ((0.6, 0.03, 0.02), (0.75, 0.72, 0.65), (0.7, 0.5, 0.03), (0.2, 0.08, 0.4))),
        )
    scattered(scene, rng, stems, 260, 0.7, 9, None, 0.22, height)
    scattered(scene, rng, stems, 200, 9, 22, None, 0.5, height)
    y = rng.uniform(1.6, 2.4)
    for k in range(-6, 7):
        buildings.fence(rng, 3.6, 1.15, "rails").put(
            scene, 3.6 * k, -y, float(height(np.array([[3.6 * k, -y]]))[0]), rng.normal(0, 0.02)
        ) if k in (-1, 0, 1) or rng.random() < 0.8 else None
    close = [
        outdoors.rock(rng, 0.5),
        plants.shrub(rng, 0.6),
        buildings.wall(rng, 2.4, 0.8, 0.4),
        plants.shrub(rng, 0.45, (0.6, 0.1, 0.2)),
        outdoors.log(rng, 1.6),
        outdoors.rock(rng, 0.35),
    ]
    beside(scene, rng, [close[k] for k in rng.permutation(6)[:4]], 1.0, 2.2, rng.uniform(0.3, 2.0))
    scattered(
        scene,
        rng,
        [plants.tree(rng, 8, "wide", autumn=pick(rng, AUTUMN)), plants.tree(rng, 7, "round")],
        14,
        9,
        70,
        None,
        6,
        height,
    )
    woods(scene, rng, 90, 90, ("round", "fir"), far=170)
    hills(scene, rng, (0.06, 0.09, 0.05), 190, rng.uniform(25, 60))
    hills(scene, rng, (0.09, 0.12, 0.14), 300, rng.uniform(60, 130), 1.6)
    if rng.random() < 0.35:
        seats.table(rng, False, 1.2).put(scene, 0, 0, 0, rng.uniform(0, 3))
    return eye(rng)


def desert(scene, rng, today) -> np.ndarray:
    """Dry land: sand or gravel, boulders, thorny shrubs, mesas far away."""
    tone = np.array(pick(rng, ((0.4, 0.2, 0.1), (0.45, 0.33, 0.2), (0.3, 0.24, 0.17), (0.5, 0.42, 0.3))))

    def height(p):
        far = np.maximum(0, np.linalg.norm(p, axis=1) - 8)
        return 0.03 * np.sin(1.3 * p[:, 0] + np.sin(p[:, 1])) + np.minimum(0.04 * far, 3) * np.sin(
            0.07 * p[:, 0] + 0.8
        ) * np.sin(0.06 * p[:, 1] + 0.4)

    ground(scene, mottled(rng, (shade(tone, 0.6), tone, shade(tone, 1.3)), 0.5, 15.0, grain=70.0), height)
    stone = mottled(rng, (shade(tone, 0.5), shade(tone, 0.9), shade(tone, 1.3)), 1.6, 30.0, grain=18.0)
    patch = [
        Thing()
        .add(grounds.pebbles(rng, 260, 1.0, 0.012), stone)
        .add(grounds.pebbles(rng, 14, 1.0, 0.035), stone)
        .put(scene, 0, 0, -50)
        for _ in range(2)
    ]
    strewn(scene, rng, patch, lambda p: rng.random(len(p)) < 0.85, 7.0, height=height)
    rocks = [outdoors.rock(rng, float(rng.uniform(0.3, 0.9)), stone) for _ in range(3)]
    beside(
        scene,
        rng,
        [*rocks, dry_shrub(rng), cactus(rng) if rng.random() < 0.6 else outdoors.rock(rng, 0.8, stone)],
        0.9,
        2.2,
    )
    scattered(scene, rng, rocks, 60, 3, 60, None, 1.5, height, 0.6)
    scattered(
        scene,
        rng,
        [dry_shrub(rng), dry_shrub(rng), plants.tuft(rng, 0.4, 150, (0.25, 0.2, 0.09), 0.2)],
        160,
        2.2,
        50,
        None,
        0.9,
        height,
        0.35,
    )
    scattered(scene, rng, [cactus(rng)], 16, 6, 60, None, 4, height, 0.3)
    hills(scene, rng, tuple(tone * 0.8), 120, rng.uniform(8, 25), 2.0)
    hills(scene, rng, tuple(0.6 * tone + (0.05, 0.07, 0.1)), 260, rng.uniform(40, 90), 2.5)
    if rng.random() < 0.3:
        vehicles.car(rng, "estate").put(scene, 3.4, -1.0, 0, rng.uniform(0, 6))
    return eye(rng)


def dry_shrub(rng) -> Thing:
    """A thorny bush, half bare."""
    wood, thing, tips = grounds.bark(rng, (0.16, 0.12, 0.08)), Thing(), []
    for _ in range(26):
        end = rng.normal(size=3) * (0.3, 0.3, 0.1) + (0, 0, rng.uniform(0.25, 0.6))
        thing.add(tube([(0, 0, 0), 0.55 * end + rng.normal(0, 0.05, 3), end], [0.012, 0.008, 0.003], 4), wood)
        tips.append(end * rng.uniform(0.6, 1.05, (45, 1)) + rng.normal(0, 0.05, (45, 3)))
    return thing.add(
        plants.leaves_at(rng, np.concatenate(tips), 0.022, 0.5), leafage(rng, (0.12, 0.13, 0.06))
    )


def cactus(rng) -> Thing:
    """A ribbed column with arms."""
    thing, green, high = Thing(), leafage(rng, (0.06, 0.10, 0.05)), float(rng.uniform(1.4, 2.6))
    thing.add(
        tube(
            [(0, 0, 0), (0, 0, 0.5 * high), (0, 0, 0.93 * high), (0, 0, high)], [0.15, 0.17, 0.13, 0.02], 14
        )._replace(smooth=False),
        green,
    )
    for side in (-1, 1):
        z = high * rng.uniform(0.3, 0.55)
        arm = [
            (0, 0, z),
            (side * 0.25, 0, z + 0.02),
            (side * 0.38, 0, z + 0.18),
            (side * 0.4, 0, z + 0.7),
            (side * 0.4, 0, z + 0.76),
        ]
        thing.add(tube(arm, [0.09, 0.09, 0.1, 0.08, 0.01], 12)._replace(smooth=False), green)
    return thing


def snow(scene, rng, today) -> np.ndarray:
    """A winter's day: snow on ground, walls and firs, bare trees, a hut."""

    def height(p):
        far = np.maximum(0, np.linalg.norm(p, axis=1) - 6)
        return (
            0.05 * np.sin(0.9 * p[:, 0] + 0.5 * p[:, 1])
            + 0.012 * np.sin(5 * p[:, 0]) * np.sin(4.3 * p[:, 1])
            + np.minimum(0.03 * far, 2) * np.sin(0.05 * p[:, 0] + 1) * np.sin(0.06 * p[:, 1])
        )

    white = mottled(
        rng,
        ((0.62, 0.66, 0.72), (0.78, 0.8, 0.83), (0.86, 0.87, 0.88)),
        0.9,
        14.0,
        0.7,
        90.0,
        Subsurface_Weight=0.0,
    )
    ground(scene, white, height)
    steps = Thing()
    for k in range(14):
        steps.add(
            box((0.13, 0.3, 0.03), (0.14 * (-1) ** k, 0.62 * k - 3, -0.012), 0.012),
            mottled(rng, ((0.4, 0.45, 0.55), (0.5, 0.55, 0.62)), 5.0) if k == 0 else steps.pieces[0][1],
        )
    steps.put(scene, rng.uniform(0.6, 1.0), 0, 0, rng.uniform(-0.4, 0.4))
    firs = [
        snowed(
            rng,
            plants.fir(rng, float(rng.uniform(5, 11)), pick(rng, ((0.02, 0.04, 0.025), (0.3, 0.34, 0.36)))),
        )
        for _ in range(3)
    ]
    scattered(scene, rng, firs, 40, 5, 45, None, 3, height, 0.3)
    scattered(scene, rng, firs, 80, 45, 110, None, 4, height, 0.2)
    scattered(
        scene, rng, [plants.tree(rng, 7, "bare"), plants.tree(rng, 9, "bare")], 16, 4, 40, None, 4, height
    )
    kind = pick(rng, ("pickets", "rails", "wall"))
    y = -rng.uniform(1.5, 2.4)
    side = buildings.wall(rng, 16, 0.9) if kind == "wall" else buildings.fence(rng, 16, 1.0, kind)
    snowed(rng, side).put(scene, 0, y, 0, rng.normal(0, 0.1))
    close = [
        snowed(rng, seats.bench(rng)),
        snowed(rng, outdoors.rock(rng, 0.5)),
        snowed(rng, plants.hedge(rng, (1.0, 1.0, 0.9), rounded=0.9)),
        snowed(rng, outdoors.log(rng)),
        snowed(rng, outdoors.wood_stack(rng)),
        snowed(rng, outdoors.stump(rng)),
    ]
    beside(scene, rng, [close[k] for k in rng.permutation(6)[:4]], 1.0, 2.2, rng.uniform(0, 1.5))
    if rng.random() < 0.4:
        snowed(rng, seats.table(rng, False, 1.1)).put(scene, 0, 0, 0, rng.uniform(0, 3))
    snowed(rng, buildings.house(rng, 8, 6, 0.6 * today.lamps)).put(
        scene, rng.uniform(-6, 6), rng.uniform(8, 14), 0, np.pi
    )
    lamps(scene, rng, today, [(-3.2, 1.8, np.pi), (5, 2.4, np.pi)])
    hills(scene, rng, (0.55, 0.6, 0.66), 220, rng.uniform(40, 120), 2.0)
    return eye(rng)


def snowed(rng, thing: Thing) -> Thing:
    """With snow on every face of the thing that looks up."""
    white, out = painted(0.75), Thing()
    for form, material, tint in thing.pieces:
        corner = form.vertices[form.quads]
        normal = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1])
        area = np.linalg.norm(normal, axis=1)
        up = normal[:, 2] > (0.55 if len(form.quads) > 5 else 0.3) * area
        flat = np.abs(normal[:, 2]) > 0.75 * area  # leaves face either way
        cover = flat if len(form.vertices) == 4 * len(form.quads) else up
        out.pieces.append((form, material, tint))
        if cover.any():
            out.add(
                form._replace(vertices=form.vertices + (0, 0, 0.012), quads=form.quads[cover]),
                white,
                (0.8, 0.82, 0.85),
            )
    return out
