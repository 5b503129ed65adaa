"""Places in town. Each fills the scene around the origin, with things within reach of the hands, and returns where
the camera stands, (3,) metres."""

import numpy as np

from renderih_lib.render.blender import grounds, outdoors, plants, surfaces, vehicles
from renderih_lib.render.blender.forms import Form, Thing, block, box, cylinder, lathe, tube
from renderih_lib.render.blender.grounds import (
    asphalt,
    copies,
    ground,
    leafage,
    mottled,
    paving,
    slab,
    strewn,
)
from renderih_lib.render.blender.layout import (
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
    terrace_sets,
    woods,
)
from renderih_lib.render.blender.plants import AUTUMN
from renderih_lib.render.blender.surfaces import painted


def park(scene, rng, today) -> np.ndarray:
    """A lawn with a path, benches, trees and flower beds."""
    autumn = pick(rng, AUTUMN)
    ground(scene, mottled(rng, GRASS[:3], 0.5, 18.0, grain=120.0))
    bend = rng.uniform(-0.03, 0.03)
    t = np.linspace(-60, 60, 61)
    middle = 1.9 + bend * 4 * np.sin(t * 0.12) * 8 * bend
    path = Form(np.concatenate([np.column_stack([t, middle + s, 0 * t + 0.015]) for s in (-1.0, 1.2)]), np.array([[i, i + 1, i + 62, i + 61] for i in range(60)]))
    Thing().add(path, mottled(rng, ((0.2, 0.16, 0.11), (0.34, 0.28, 0.2)), 0.8, 6.0, grain=90.0)).put(scene)
    free = lambda spots: spots[..., 1] < 0.75  # noqa: E731
    lawn(scene, rng, free)
    if autumn:
        patch = Thing().add(grounds.litter(rng, 90, 1.0, 0.055), leafage(rng, autumn, (0.12, 0.06, 0.02))).put(scene, 0, 0, -50)
        strewn(scene, rng, [patch], lambda spots: rng.random(len(spots)) < 0.7, 6.0)
    outdoors.bench(rng).put(scene, rng.uniform(-1.2, 1.2), -1.25, 0, 0)
    plants.hedge(rng, (3.4, 0.7, rng.uniform(0.7, 1.2))).put(scene, 2.7, -1.6, 0, rng.uniform(-0.3, 0.3) + np.pi / 2)
    bed = [plants.shrub(rng, 0.32, pick(rng, outdoors.CLOTHS)) for _ in range(3)]
    for k in range(9):
        bed[k % 3].put(scene, -1.6 - 0.45 * (k // 3), -1.3 + 0.5 * (k % 3), 0, rng.uniform(0, 6))
    outdoors.bin(rng).put(scene, 1.9, 0.55, 0, 0)
    outdoors.rock(rng, 0.4).put(scene, -1.3, 0.5, 0, rng.uniform(0, 6))
    trees = [plants.tree(rng, float(rng.uniform(6, 11)), pick(rng, ("round", "wide", "birch")), autumn=autumn) for _ in range(2)]
    scattered(scene, rng, trees, 26, 4.5, 40, lambda p: abs(p[1] - 2) > 2.2, 3.5)
    woods(scene, rng, 45, 70, ("round",), autumn)
    lamps(scene, rng, today, [(-9, 3.6, np.pi), (4, 3.6, np.pi), (17, 3.6, np.pi)])
    if rng.random() < 0.5:
        row_of_houses(scene, rng, 70, rng.uniform(0, 6.3), 0.4 * today.lamps, (4, 8))
    return eye(rng)


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
    trees = [plants.tree(rng, float(rng.uniform(5, 8)), "round", autumn=pick(rng, AUTUMN)).put(scene, 0, 0, -500)]
    copies(scene, trees[0], [(x, 1.1, 0.1, rng.uniform(0, 6), 1.0) for x in (-12, -4.5, 4.5, 12)])
    lamps(scene, rng, today, [(-8.5, 1.2, 0), (2.2, 1.2, 0), (15, 1.2, 0), (-4, 9.0, np.pi), (8, 9.0, np.pi)])
    near = [outdoors.bollard(rng), vehicles.bicycle(rng), plants.potted(rng, 0.45, pick(rng, outdoors.CLOTHS)), outdoors.bin(rng)]
    for thing, (x, y) in zip([near[k] for k in rng.permutation(4)], ((-1.3, 0.9), (1.5, -1.2), (-1.6, -1.2), (1.0, 1.05)), strict=True):
        thing.put(scene, x, y, 0.12, rng.normal(0, 0.15))
    if rng.random() < 0.6:
        outdoors.table(rng, True, 0.7).put(scene, 0.75, -0.75, 0.12, 0)
        outdoors.chair(rng).put(scene, 1.35, -0.8, 0.12, np.pi / 2)
    return eye(rng) + (0, 0, 0.12)


def plaza(scene, rng, today) -> np.ndarray:
    """A paved square with a fountain or trees, cafés at its sides."""
    lit = 0.5 * today.lamps
    ground(scene, paving(rng, pick(rng, SLABS), pick(rng, ((0.1, 0.1), (0.5, 0.5), (0.8, 0.4), (0.3, 0.15))), pick(rng, (0.0, 0.5))))
    side = rng.uniform(13, 24)
    for k in range(4):
        row_of_houses(scene, rng, side, k * np.pi / 2 + 0.15, lit, (2, 5), (-side - 2, side - 4), 3)
    middle = Thing()
    stone = outdoors.stone(rng)
    x, y = rng.uniform(5, 8) * np.array([np.cos(a := rng.uniform(0, 6.3)), np.sin(a)])
    middle.add(lathe([(2.2, 0), (2.2, 0.5), (2.0, 0.55), (1.9, 0.5), (1.9, 0.3)], 32), stone)
    middle.add(lathe([(1.92, 0.36), (0, 0.36)], 32), grounds.water(rng))
    middle.add(lathe([(0.35, 0), (0.25, 1.2), (0.9, 1.5), (0.85, 1.55), (0.15, 1.45), (0.12, 2.2), (0.4, 2.4), (0, 2.45)], 24), stone)
    middle.put(scene, x, y)
    trees = [plants.tree(rng, 5.5, "round", autumn=pick(rng, AUTUMN))]
    scattered(scene, rng, trees, 7, 5.5, 12, lambda p: np.hypot(*(p - (x, y))) > 4.5, 3)
    outdoors.table(rng, True, rng.uniform(0.7, 0.95)).put(scene, 0, 0, 0, rng.uniform(0, 6))
    beside(scene, rng, [outdoors.chair(rng), outdoors.chair(rng), outdoors.planter(rng, [plants.shrub(rng, 0.28, pick(rng, outdoors.CLOTHS)) for _ in range(3)]), outdoors.bench(rng)], 0.8, 1.7)
    terrace_sets(scene, rng, 5, 3.0, 8.0, lambda p: np.hypot(*(p - (x, y))) > 3.4)
    lamps(scene, rng, today, [(4.2 * np.cos(b), 4.2 * np.sin(b), b + np.pi / 2) for b in rng.uniform(0, 6.3) + np.arange(3) * 2.1])
    return eye(rng, 1.02, 1.25)


def garden(scene, rng, today) -> np.ndarray:
    """A back garden: lawn, house, fence or hedge all round, a table in reach."""
    ground(scene, mottled(rng, GRASS[:3], 0.7, 18.0, grain=130.0))
    patio = rng.random() < 0.5
    if patio:
        slab(scene, paving(rng, pick(rng, SLABS), (0.5, 0.5), 0.0), (-1.7, -1.6), (1.9, 8), 0.03)
    lawn(scene, rng, (lambda p: ~((abs(p[..., 0] - 0.1) < 2.1) & (p[..., 1] > -2))) if patio else (lambda p: p[..., 0] < 99), 3.6 if not patio else 4.2)
    outdoors.house(rng, float(rng.uniform(9, 13)), 8, 0.5 * today.lamps).put(scene, rng.uniform(-2, 2), rng.uniform(6.5, 9), 0, np.pi)
    kind, far = pick(rng, ("boards", "pickets", "hedge", "stone", "brick")), rng.uniform(4.5, 8)
    for k, angle in enumerate((np.pi, -np.pi / 2, 0)):
        if kind == "hedge":
            side = plants.hedge(rng, (2.0, 0.8, rng.uniform(1.4, 2.0)), 0.07)
            rows = [((far + 0.4 * k) * np.cos(angle) - j * 1.9 * np.sin(angle), (far + 0.4 * k) * np.sin(angle) + j * 1.9 * np.cos(angle), 0, angle + np.pi / 2, 1.0) for j in range(-6, 7)]
            copies(scene, side.put(scene, 0, 0, -500), rows)
        else:
            side = outdoors.fence(rng, 24, 1.7, kind) if kind in ("boards", "pickets") else outdoors.wall(rng, 24, 1.6, 0.3, kind)
            side.put(scene, far * np.cos(angle), far * np.sin(angle), 0, facing(angle))
    if rng.random() < 0.75:
        outdoors.table(rng, size=rng.uniform(0.9, 1.2)).put(scene, 0.05, 0, 0.03 * patio, rng.uniform(0, 3))
    flower = [pick(rng, outdoors.CLOTHS) for _ in range(3)]
    close = [outdoors.chair(rng), plants.potted(rng, 0.4, flower[0]), plants.shrub(rng, 0.6, flower[1]), outdoors.chair(rng), plants.hedge(rng, (1.1, 1.1, 1.0), rounded=0.9), plants.potted(rng, 0.55), outdoors.rock(rng, 0.35)]
    beside(scene, rng, [close[k] for k in rng.permutation(7)[:6]], 1.1, 2.2)
    beds = [plants.shrub(rng, float(rng.uniform(0.3, 0.7)), pick(rng, [*flower, None])) for _ in range(4)] + [plants.fern(rng, 0.8)]
    scattered(scene, rng, beds, 22, far - 1.6, far - 0.5, lambda p: p[1] < far - 2.5, 0.6)
    woods(scene, rng, far + 3, 14, ("round", "birch"), pick(rng, AUTUMN), far + 16, lambda p: p[1] < 4)
    woods(scene, rng, 35, 60, ("wide",), far=80)
    lamps(scene, rng, today, [(2.6, 3.6, 0.0)] if today.lamps else [])
    return eye(rng, 1.02, 1.25)


def courtyard(scene, rng, today) -> np.ndarray:
    """A courtyard: walls on all sides, doors, pots, steps, washing on a line."""
    lit = 0.4 * today.lamps
    ground(scene, paving(rng, pick(rng, SLABS), pick(rng, ((0.12, 0.12), (0.3, 0.15), (0.45, 0.45))), 0.5, 0.012))
    side = rng.uniform(3.0, 5.5)
    for k in range(4):
        if k == 2 and rng.random() < 0.5:
            outdoors.wall(rng, 2 * side + 2, 2.2, 0.3, pick(rng, ("stone", "brick", "plaster"))).put(scene, -side, 0, 0, facing(np.pi))
        else:
            angle = k * np.pi / 2
            outdoors.facade(rng, 2 * side + 1.5, int(rng.integers(1, 5)), lit, shop=False).put(scene, side * np.cos(angle), side * np.sin(angle), 0, facing(angle))
    if rng.random() < 0.6:
        outdoors.table(rng, size=rng.uniform(0.8, 1.1)).put(scene, 0, 0, 0, rng.uniform(0, 3))
    close = [plants.potted(rng, float(rng.uniform(0.3, 0.6)), pick(rng, [*outdoors.CLOTHS, None])) for _ in range(4)]
    close += [outdoors.chair(rng), outdoors.bench(rng), vehicles.bicycle(rng), outdoors.steps(rng, 1.6, 4)]
    beside(scene, rng, [close[k] for k in rng.permutation(8)[:7]], 1.0, 2.0)
    scattered(scene, rng, close[:2], 10, side - 1.2, side - 0.4, gap=0.5)
    line = [(-side, 0.8, 2.4), (0, 0.9, 2.2), (side, 1.0, 2.45)]
    Thing().add(tube(line, 0.004, 4), painted(0.6), (0.4, 0.4, 0.4)).put(scene)
    for x in np.arange(-side + 0.8, side - 0.8, 0.7):
        if rng.random() < 0.7:
            wide, drop = rng.uniform(0.35, 0.6), rng.uniform(0.5, 0.9)
            gx, gz = np.linspace(-wide / 2, wide / 2, 9), np.linspace(0, -drop, 7)
            wave = 0.03 * np.sin(gx[:, None] * 14 + rng.uniform(0, 6)) * -gz[None] * 2
            points = np.stack([np.broadcast_to(gx[:, None], wave.shape) + x, wave + 0.9, np.broadcast_to(gz[None] + 2.23, wave.shape)], -1)
            index = np.arange(63).reshape(9, 7)
            cloth = Form(points.reshape(-1, 3), np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4), True)
            Thing().add(cloth, surfaces.fabric(rng, pick(rng, outdoors.CLOTHS), None, pick(rng, ("plain", "stripes", "squares")))).put(scene)
    lamps(scene, rng, today, [(side - 0.6, side - 0.6, 3.9)] if today.lamps else [])
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
                vehicles.car(rng).put(scene, x + rng.normal(0, 0.1), y + rng.normal(0, 0.15), 0, turn + np.pi * (rng.random() < 0.3) + rng.normal(0, 0.02))
    if rng.random() < 0.8:
        vehicles.car(rng).put(scene, rng.uniform(-0.6, 0.6), rng.uniform(1.75, 2.1), 0, np.pi * (rng.random() < 0.5))
    kerb = paving(rng, pick(rng, SLABS), (0.2, 0.1))
    slab(scene, kerb, (-40, -2.6), (40, -1.0), 0.12)
    if rng.random() < 0.5:
        side = plants.hedge(rng, (2.0, 0.6, 0.9), 0.05).put(scene, 0, 0, -500)
        copies(scene, side, [(1.95 * k, -2.2, 0.1, 0, 1.0) for k in range(-12, 13) if k != 2])
    else:
        outdoors.wall(rng, 40, 0.8, 0.25, pick(rng, ("brick", "plaster", "stone"))).put(scene, 0, -2.4)
    for x in (-1.9, 1.5):
        outdoors.bollard(rng).put(scene, x, -0.75, 0)
    outdoors.bin(rng).put(scene, pick(rng, (-1.2, 1.1)), -1.5, 0.12, rng.normal(0, 0.2))
    trolleys(rng).put(scene, rng.uniform(1.6, 2.4), -0.2, 0, rng.uniform(0, 6))
    row_of_houses(scene, rng, 24, np.pi / 2, 0.6 * today.lamps, (1, 3))
    row_of_houses(scene, rng, 20, -np.pi / 2, 0.4 * today.lamps, (2, 7))
    scattered(scene, rng, [plants.tree(rng, 6, "round", autumn=pick(rng, AUTUMN))], 16, 9, 36, lambda p: abs(p[1] + 9) < 1.5, 4)
    woods(scene, rng, 40, 40, ("round",), far=70, allowed=lambda p: abs(p[0]) > 35)
    lamps(scene, rng, today, [(-6, -1.7, 0), (6.5, -1.7, 0), (0, 11, np.pi), (-14, 11, np.pi)])
    return eye(rng, 1.05, 1.4)


def trolleys(rng) -> Thing:
    """Shopping trolleys, one in another."""
    wire, thing = painted(0.3, 0.8), Thing()
    for k in range(int(rng.integers(1, 4))):
        x = 0.28 * k
        for z, wide in ((0.5, 0.42), (0.66, 0.46), (0.82, 0.5), (0.98, 0.54)):
            line = [(x - 0.4, -wide / 2, z), (x + 0.4, -wide / 2.4, z), (x + 0.4, wide / 2.4, z), (x - 0.4, wide / 2, z), (x - 0.4, -wide / 2, z)]
            thing.add(tube(line, 0.005, 4), wire, (0.6, 0.6, 0.6))
        for t in np.linspace(-0.4, 0.4, 12):
            thing.add(tube([(x + t, -0.26, 0.98), (x + t, -0.2, 0.5), (x + t, 0.2, 0.5), (x + t, 0.26, 0.98)], 0.003, 3), wire, (0.6, 0.6, 0.6))
        for y in (-0.22, 0.22):
            thing.add(tube([(x - 0.45, y, 1.0), (x - 0.35, y, 0.2), (x + 0.42, y, 0.16)], 0.012, 6), wire, (0.5, 0.5, 0.5))
            for wheel in (-0.33, 0.38):
                thing.add(cylinder(0.06, 0.03, sides=12).turned(np.pi / 2, "x").at(x + wheel, y, 0.07), painted(0.6), (0.02, 0.02, 0.02))
        thing.add(tube([(x - 0.45, -0.26, 1.02), (x - 0.45, 0.26, 1.02)], 0.018, 8), painted(0.4), (0.5, 0.03, 0.02))
    return thing


def market(scene, rng, today) -> np.ndarray:
    """Market stalls in a square."""
    ground(scene, paving(rng, pick(rng, SLABS), pick(rng, ((0.12, 0.12), (0.2, 0.1), (0.5, 0.5))), 0.5, 0.012))
    stalls = [outdoors.stall(rng) for _ in range(4)]
    for k, (x, y, turn) in enumerate(((0.2, 1.75, np.pi), (-2.9, 1.8, np.pi), (3.2, 1.9, np.pi), (0.4, -2.1, 0.0), (-2.8, -2.2, 0.0), (3.4, -2.0, 0.0))):
        stalls[k % 4].put(scene, x, y, 0, turn + rng.normal(0, 0.05))
    items = [stall.put(scene, 0, 0, -500) for stall in stalls]
    for k, (x, y) in enumerate((x, y) for y in (-6.5, 6.2) for x in np.arange(-12, 13, 3.4)):
        copies(scene, items[k % 4], [(x, y + rng.normal(0, 0.2), 0, np.pi * (y > 0), 1.0)])
    for x in (-1.7, 1.75):
        outdoors.planter(rng, [plants.shrub(rng, 0.25, pick(rng, outdoors.CLOTHS)) for _ in range(2)], 0.9, 0.35).put(scene, x, rng.uniform(-0.4, 0.4), 0, np.pi / 2)
    for k in range(4):
        row_of_houses(scene, rng, rng.uniform(12, 18), k * np.pi / 2, 0.5 * today.lamps, (2, 5), (-20, 18), 3)
    scattered(scene, rng, [plants.tree(rng, 6, "round")], 5, 8, 13, None, 5)
    lamps(scene, rng, today, [(-4.8, 0, np.pi / 2), (4.9, 0.1, -np.pi / 2), (0, 4.2, np.pi), (0, -4.3, 0)])
    return eye(rng, 1.05, 1.35)


def terrace(scene, rng, today) -> np.ndarray:
    """A terrace or roof deck with a railing and a view over land, town or sea."""
    floor = pick(rng, ("wood", "tiles", "stone"))
    deck = (
        surfaces.boards(rng, tuple(rng.uniform(0.5, 1.2) * np.array((0.3, 0.19, 0.11))), 0.12, 2.4, roughness=0.7)
        if floor == "wood"
        else surfaces.tiles(rng, pick(rng, ((0.4, 0.2, 0.11), (0.42, 0.39, 0.34), (0.2, 0.22, 0.22))), size=(0.3, 0.3), roughness=0.6)
        if floor == "tiles"
        else paving(rng, pick(rng, SLABS), (0.5, 0.5), 0.0)
    )
    wide, deep, down = rng.uniform(2.2, 4.0), rng.uniform(2.0, 3.2), -rng.uniform(2.5, 9)
    Thing().add(box((2 * wide, deep + 3, 0.25), (0, (3 - deep) / 2 - 0.0, -0.25)), deck).put(scene)
    outdoors.facade(rng, 2 * wide + 6, 2, 0.6 * today.lamps, shop=True).put(scene, 0, 3.0, 0, np.pi)
    rail, tint = painted(0.35, 0.3), pick(rng, ((0.02, 0.02, 0.02), (0.6, 0.6, 0.6), (0.65, 0.63, 0.58)))
    glazed, balusters = rng.random() < 0.35, Thing()
    for (ax, ay), (bx, by) in (((-wide, -deep), (wide, -deep)), ((-wide, -deep), (-wide, 3)), ((wide, -deep), (wide, 3))):
        n = int(np.hypot(bx - ax, by - ay) / (1.2 if glazed else 0.12))
        for t in np.linspace(0, 1, n + 1):
            balusters.add(cylinder(0.02 if glazed else 0.008, 0.98, (ax + t * (bx - ax), ay + t * (by - ay), 0), 6), rail, tint)
        balusters.add(tube([(ax, ay, 1.0), (bx, by, 1.0)], 0.026, 8), rail, tint)
        balusters.add(tube([(ax, ay, 0.1), (bx, by, 0.1)], 0.012, 6), rail, tint)
    balusters.put(scene)
    outdoors.table(rng, size=rng.uniform(0.8, 1.2)).put(scene, 0, 0, 0, rng.uniform(0, 3))
    close = [outdoors.chair(rng), outdoors.chair(rng), plants.potted(rng, 0.45, pick(rng, outdoors.CLOTHS)), plants.potted(rng, 0.55), plants.potted(rng, 0.35, pick(rng, outdoors.CLOTHS)), outdoors.planter(rng, [plants.shrub(rng, 0.25) for _ in range(3)])]
    beside(scene, rng, [close[k] for k in rng.permutation(6)], 1.0, 1.7)
    if rng.random() < 0.5:
        outdoors.parasol(rng, 1.4).put(scene, rng.uniform(0.9, 1.3), -1.0)
    view = pick(rng, ("land", "town", "sea"))
    ground(scene, grounds.water(rng, (0.01, 0.05, 0.07), 0.4, 250.0) if view == "sea" else mottled(rng, GRASS, 0.06, 40.0, grain=2.0), at=(0, 0, down))
    if view == "town":
        items = [outdoors.house(rng, float(rng.uniform(8, 12)), 8, 0.5 * today.lamps) for _ in range(4)]
        scattered(scene, rng, [Thing().include(item, 0, 0, down) for item in items], 70, 14, 120, lambda p: p[1] < 6, 9, lambda p: np.zeros(len(p)) + down, 0.08)
    trees = [plants.tree(rng, 9, "round", autumn=pick(rng, AUTUMN)), plants.tree(rng, 10, "column")]
    scattered(scene, rng, trees, 40, 7, 60, lambda p: p[1] < -4 or abs(p[0]) > wide + 2, 4, lambda p: np.zeros(len(p)) + down)
    hills(scene, rng, (0.06, 0.09, 0.06), 160, rng.uniform(15, 50))
    hills(scene, rng, (0.08, 0.11, 0.14), 300, rng.uniform(50, 110), 1.6)
    lamps(scene, rng, today, [(wide - 0.3, 2.5, np.pi)] if today.lamps else [])
    return eye(rng, 1.02, 1.25)
