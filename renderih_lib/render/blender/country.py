"""Places in the country; as `town`, without the houses."""

import numpy as np

from renderih_lib.render.blender import grounds, outdoors, plants, surfaces, vehicles
from renderih_lib.render.blender.forms import Form, Thing, box, cylinder, tube
from renderih_lib.render.blender.grounds import (
    ground,
    leafage,
    mottled,
    slab,
    strewn,
)
from renderih_lib.render.blender.layout import GRASS, beside, eye, hills, lamps, lawn, pick, scattered, woods
from renderih_lib.render.blender.plants import AUTUMN, GREENS, bumps
from renderih_lib.render.blender.surfaces import painted, shade


def beach(scene, rng, today) -> np.ndarray:
    """Sand, the sea on one side, dunes on the other."""
    tone = np.array(pick(rng, ((0.5, 0.4, 0.27), (0.42, 0.36, 0.28), (0.58, 0.5, 0.38), (0.24, 0.22, 0.2))))

    def height(p):
        dunes = np.maximum(0, -p[:, 1] - 6) * 0.12 * (1 + 0.5 * np.sin(p[:, 0] * 0.11) * np.sin(p[:, 1] * 0.13 + 1))
        ripples = 0.012 * np.sin(7 * p[:, 1] + 2 * np.sin(1.3 * p[:, 0])) + 0.02 * np.sin(2.1 * p[:, 0] + 1.7 * p[:, 1])
        return np.minimum(dunes, 7) + ripples - 0.06 * np.maximum(0, p[:, 1] - 3.0) - 0.08 * np.maximum(0, p[:, 1] - 7)

    ground(scene, mottled(rng, (shade(tone, 0.75), tone, shade(tone, 1.15)), 1.1, 9.0, grain=140.0), height)
    sea = np.array([[-900, 6.5, -0.27], [900, 6.5, -0.27], [900, 1500, -0.27], [-900, 1500, -0.27]], float)
    Thing().add(Form(sea, np.array([[0, 1, 2, 3]])), grounds.water(rng, pick(rng, ((0.01, 0.05, 0.06), (0.02, 0.10, 0.11), (0.02, 0.035, 0.04))), 0.5, 220.0)).put(scene)
    for y in (5.6, 7.2, 9.5):
        t = np.linspace(-60, 60, 121)
        w = 0.25 + 0.15 * bumps(rng, t[:, None], 0.7)
        front = y + 0.6 * bumps(rng, t[:, None], 0.25) + 0.2 * bumps(rng, t[:, None], 1.4)
        foam = Form(np.concatenate([np.column_stack([t, front - w, 0 * t - 0.2]), np.column_stack([t, front + w, 0 * t - 0.2])]), np.array([[i, i + 1, i + 122, i + 121] for i in range(120)]))
        Thing().add(foam, mottled(rng, ((0.55, 0.55, 0.52), (0.8, 0.8, 0.78)), 3.0, 20.0)).put(scene)
    stone = outdoors.stone(rng)
    patch = [Thing().add(grounds.pebbles(rng, 60, 1.0, 0.014), stone).put(scene, 0, 0, -50), Thing().add(grounds.pebbles(rng, 12, 1.0, 0.022), painted(0.5), (0.6, 0.52, 0.42)).put(scene, 0, 0, -50)]
    strewn(scene, rng, patch, lambda p: rng.random(len(p)) < 0.75, 5.0, height=height)
    if rng.random() < 0.5:
        outdoors.table(rng, False, 0.9).put(scene, 0, 0, 0, rng.uniform(0, 3))
    close = [outdoors.rock(rng, 0.55, stone), outdoors.log(rng, 1.7, 0.11), outdoors.parasol(rng, 1.3), deck_chair(rng), plants.tuft(rng, 0.55, 260, (0.14, 0.16, 0.06)), vehicles.boat(rng), outdoors.fence(rng, 2.2, 0.9, "pickets")]
    beside(scene, rng, [close[k] for k in rng.permutation(7)[:5]], 1.1, 2.4)
    scattered(scene, rng, [plants.tuft(rng, 0.7, 200, (0.15, 0.17, 0.06), 0.3) for _ in range(2)], 120, 7, 40, lambda p: p[1] < -6, 0.5, height)
    scattered(scene, rng, [outdoors.rock(rng, 0.8, stone)], 14, 3, 30, lambda p: abs(p[1] - 4) < 5, 1.0)
    scattered(scene, rng, [outdoors.parasol(rng), deck_chair(rng)], 10, 4, 22, lambda p: -5 < p[1] < 3, 1.5, size=0.02)
    if rng.random() < 0.5:
        scattered(scene, rng, [plants.palm(rng, float(rng.uniform(5, 8)))], 8, 4, 25, lambda p: p[1] < -2, 3, height)
    hills(scene, rng, (0.12, 0.16, 0.15), 320, 45)
    return eye(rng, 1.0, 1.3)


def deck_chair(rng) -> Thing:
    """A folding chair with a striped cloth."""
    timber, thing = surfaces.wood(rng, (0.45, 0.3, 0.17), 0.6), Thing()
    cloth = surfaces.fabric(rng, pick(rng, outdoors.CLOTHS), (0.75, 0.73, 0.68), "stripes")
    for x in (-0.28, 0.28):
        thing.add(tube([(x, 0.5, 0.0), (x, -0.5, 0.85)], 0.02, 6), timber).add(tube([(x, -0.45, 0.0), (x, 0.45, 0.35)], 0.02, 6), timber)
    t = np.linspace(0, 1, 9)
    y, z = 0.42 - 0.9 * t, 0.34 + 0.5 * t - 0.75 * t * (1 - t)
    points = np.concatenate([np.column_stack([0 * t + x, y, z]) for x in (-0.27, 0.27)])
    return thing.add(Form(points, np.array([[i, i + 1, i + 10, i + 9] for i in range(8)]), True), cloth)


def clearing(scene, rng, today) -> np.ndarray:
    """A glade in a wood: ferns, stones, logs, leaves or needles on the ground."""
    fir = rng.random() < 0.4
    brown = ((0.05, 0.032, 0.018), (0.10, 0.065, 0.035), (0.04, 0.05, 0.018))

    def height(p):
        return 0.07 * np.sin(0.9 * p[:, 0] + 1.0) * np.sin(1.1 * p[:, 1]) + 0.02 * np.sin(3.1 * p[:, 0] + p[:, 1])

    ground(scene, mottled(rng, brown, 0.9, 25.0, grain=70.0), height)
    dead = leafage(rng, pick(rng, ((0.16, 0.08, 0.03), (0.25, 0.12, 0.03), (0.12, 0.08, 0.045))), (0.35, 0.2, 0.06))
    patch = [Thing().add(grounds.litter(rng, 420, 1.0, 0.055), dead).put(scene, 0, 0, -50) for _ in range(2)]
    strewn(scene, rng, patch, lambda p: rng.random(len(p)) < 0.8, 5.0, height=height)
    lawn(scene, rng, lambda p: rng.random(len(p)) < 0.35, 5.0, 0.12, height=height, dense=700)
    autumn = pick(rng, AUTUMN)
    kinds = [plants.fir(rng, float(rng.uniform(9, 14))) for _ in range(2)] if fir else [plants.tree(rng, float(rng.uniform(9, 14)), pick(rng, ("round", "birch", "wide")), autumn=autumn) for _ in range(3)]
    scattered(scene, rng, kinds, 60, 4.0, 26, None, 2.0, height)
    scattered(scene, rng, kinds, 110, 26, 70, None, 2.6)
    bare = [tube([(0, 0, -0.2), (0.1, 0.05, 5), (0.2, -0.1, 16)], [0.2, 0.15, 0.1], 10)]
    trunk = Thing().add(bare[0], grounds.bark(rng, (0.12, 0.09, 0.06)))
    scattered(scene, rng, [trunk], 26, 2.4, 18, None, 1.5, height)
    low = [plants.fern(rng, float(rng.uniform(0.5, 0.9))), plants.fern(rng, 0.6, (0.09, 0.13, 0.02)), plants.shrub(rng, 0.5), plants.tuft(rng, 0.4)]
    scattered(scene, rng, low, 90, 1.3, 14, None, 0.55, height)
    close = [outdoors.rock(rng, 0.55), outdoors.log(rng, 2.2, 0.17), plants.fern(rng, 0.8), outdoors.rock(rng, 0.35), stump(rng), plants.shrub(rng, 0.55)]
    beside(scene, rng, [close[k] for k in rng.permutation(6)[:5]], 0.9, 2.0)
    if rng.random() < 0.25:
        outdoors.table(rng, False, 1.1).put(scene, 0, 0, 0, rng.uniform(0, 3))
    return eye(rng)


def stump(rng) -> Thing:
    """What is left of a felled tree."""
    r = float(rng.uniform(0.2, 0.32))
    side = tube([(0, 0, -0.1), (0, 0, 0.08), (0, 0, 0.2), (0, 0, 0.42)], [1.6 * r, 1.15 * r, r, 0.98 * r], 16)
    return Thing().add(side, grounds.bark(rng, (0.11, 0.08, 0.055))).add(cylinder(0.98 * r, 0.015, (0, 0, 0.41), 16), surfaces.wood(rng, (0.45, 0.33, 0.2), 0.8))


def meadow(scene, rng, today) -> np.ndarray:
    """Hilly pasture with tall grass and flowers, a fence, single trees."""
    slope = rng.uniform(2, 6)

    def height(p):
        far = np.maximum(0, np.linalg.norm(p, axis=1) - 5)
        return 0.05 * np.sin(0.8 * p[:, 0]) + np.minimum(far * 0.05, 4) * slope / 3 * (np.sin(0.045 * p[:, 0] + 1.0) * np.cos(0.05 * p[:, 1] + 0.5))

    dry = rng.random() < 0.35
    tone = (0.2, 0.16, 0.06) if dry else pick(rng, GREENS)
    ground(scene, mottled(rng, ((0.16, 0.13, 0.05), (0.24, 0.19, 0.08), (0.12, 0.11, 0.04)) if dry else GRASS, 0.25, 25.0, grain=60.0), height)
    lawn(scene, rng, lambda p: p[..., 0] < 99, 3.5, 0.14, tone, height, 1600)
    stems = [plants.tuft(rng, float(rng.uniform(0.3, 0.5)), 150, tone, 0.25) for _ in range(3)]
    for stem in stems:
        flower = np.column_stack([rng.normal(0, 0.16, (9, 2)), rng.uniform(0.25, 0.5, 9)])
        stem.add(plants.leaves_at(rng, np.repeat(flower, 7, 0) + rng.normal(0, 0.009, (63, 3)), 0.03, 0.7), painted(0.7), pick(rng, ((0.6, 0.03, 0.02), (0.75, 0.72, 0.65), (0.7, 0.5, 0.03), (0.2, 0.08, 0.4))))
    scattered(scene, rng, stems, 260, 0.7, 9, None, 0.22, height)
    scattered(scene, rng, stems, 200, 9, 22, None, 0.5, height)
    y = rng.uniform(1.6, 2.4)
    for k in range(-6, 7):
        outdoors.fence(rng, 3.6, 1.15, "rails").put(scene, 3.6 * k, -y, float(height(np.array([[3.6 * k, -y]]))[0]), rng.normal(0, 0.02)) if k in (-1, 0, 1) or rng.random() < 0.8 else None
    close = [outdoors.rock(rng, 0.5), plants.shrub(rng, 0.6), outdoors.wall(rng, 2.4, 0.8, 0.4), plants.shrub(rng, 0.45, (0.6, 0.1, 0.2)), outdoors.log(rng, 1.6), outdoors.rock(rng, 0.35)]
    beside(scene, rng, [close[k] for k in rng.permutation(6)[:4]], 1.0, 2.2, rng.uniform(0.3, 2.0))
    scattered(scene, rng, [plants.tree(rng, 8, "wide", autumn=pick(rng, AUTUMN)), plants.tree(rng, 7, "round")], 14, 9, 70, None, 6, height)
    woods(scene, rng, 90, 90, ("round", "fir"), far=170)
    hills(scene, rng, (0.06, 0.09, 0.05), 190, rng.uniform(25, 60))
    hills(scene, rng, (0.09, 0.12, 0.14), 300, rng.uniform(60, 130), 1.6)
    if rng.random() < 0.35:
        outdoors.table(rng, False, 1.2).put(scene, 0, 0, 0, rng.uniform(0, 3))
    return eye(rng)


def desert(scene, rng, today) -> np.ndarray:
    """Dry land: sand or gravel, boulders, thorny shrubs, mesas far away."""
    tone = np.array(pick(rng, ((0.4, 0.2, 0.1), (0.45, 0.33, 0.2), (0.3, 0.24, 0.17), (0.5, 0.42, 0.3))))

    def height(p):
        far = np.maximum(0, np.linalg.norm(p, axis=1) - 8)
        return 0.03 * np.sin(1.3 * p[:, 0] + np.sin(p[:, 1])) + np.minimum(0.04 * far, 3) * np.sin(0.07 * p[:, 0] + 0.8) * np.sin(0.06 * p[:, 1] + 0.4)

    ground(scene, mottled(rng, (shade(tone, 0.6), tone, shade(tone, 1.3)), 0.5, 15.0, grain=70.0), height)
    stone = mottled(rng, (shade(tone, 0.5), shade(tone, 0.9), shade(tone, 1.3)), 1.6, 30.0, grain=18.0)
    patch = [Thing().add(grounds.pebbles(rng, 260, 1.0, 0.012), stone).add(grounds.pebbles(rng, 14, 1.0, 0.035), stone).put(scene, 0, 0, -50) for _ in range(2)]
    strewn(scene, rng, patch, lambda p: rng.random(len(p)) < 0.85, 7.0, height=height)
    rocks = [outdoors.rock(rng, float(rng.uniform(0.3, 0.9)), stone) for _ in range(3)]
    beside(scene, rng, [*rocks, dry_shrub(rng), cactus(rng) if rng.random() < 0.6 else outdoors.rock(rng, 0.8, stone)], 0.9, 2.2)
    scattered(scene, rng, rocks, 60, 3, 60, None, 1.5, height, 0.6)
    scattered(scene, rng, [dry_shrub(rng), dry_shrub(rng), plants.tuft(rng, 0.4, 150, (0.25, 0.2, 0.09), 0.2)], 160, 2.2, 50, None, 0.9, height, 0.35)
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
    return thing.add(plants.leaves_at(rng, np.concatenate(tips), 0.022, 0.5), leafage(rng, (0.12, 0.13, 0.06)))


def cactus(rng) -> Thing:
    """A ribbed column with arms."""
    thing, green, high = Thing(), leafage(rng, (0.06, 0.10, 0.05)), float(rng.uniform(1.4, 2.6))
    thing.add(tube([(0, 0, 0), (0, 0, 0.5 * high), (0, 0, 0.93 * high), (0, 0, high)], [0.15, 0.17, 0.13, 0.02], 14)._replace(smooth=False), green)
    for side in (-1, 1):
        z = high * rng.uniform(0.3, 0.55)
        arm = [(0, 0, z), (side * 0.25, 0, z + 0.02), (side * 0.38, 0, z + 0.18), (side * 0.4, 0, z + 0.7), (side * 0.4, 0, z + 0.76)]
        thing.add(tube(arm, [0.09, 0.09, 0.1, 0.08, 0.01], 12)._replace(smooth=False), green)
    return thing


def snow(scene, rng, today) -> np.ndarray:
    """A winter's day: snow on ground, walls and firs, bare trees, a hut."""
    def height(p):
        far = np.maximum(0, np.linalg.norm(p, axis=1) - 6)
        return 0.05 * np.sin(0.9 * p[:, 0] + 0.5 * p[:, 1]) + 0.012 * np.sin(5 * p[:, 0]) * np.sin(4.3 * p[:, 1]) + np.minimum(0.03 * far, 2) * np.sin(0.05 * p[:, 0] + 1) * np.sin(0.06 * p[:, 1])

    white = mottled(rng, ((0.62, 0.66, 0.72), (0.78, 0.8, 0.83), (0.86, 0.87, 0.88)), 0.9, 14.0, 0.7, 90.0, Subsurface_Weight=0.0)
    ground(scene, white, height)
    steps = Thing()
    for k in range(14):
        steps.add(box((0.13, 0.3, 0.03), (0.14 * (-1) ** k, 0.62 * k - 3, -0.012), 0.012), mottled(rng, ((0.4, 0.45, 0.55), (0.5, 0.55, 0.62)), 5.0) if k == 0 else steps.pieces[0][1])
    steps.put(scene, rng.uniform(0.6, 1.0), 0, 0, rng.uniform(-0.4, 0.4))
    firs = [snowed(rng, plants.fir(rng, float(rng.uniform(5, 11)), pick(rng, ((0.02, 0.04, 0.025), (0.3, 0.34, 0.36))))) for _ in range(3)]
    scattered(scene, rng, firs, 40, 5, 45, None, 3, height, 0.3)
    scattered(scene, rng, firs, 80, 45, 110, None, 4, height, 0.2)
    scattered(scene, rng, [plants.tree(rng, 7, "bare"), plants.tree(rng, 9, "bare")], 16, 4, 40, None, 4, height)
    kind = pick(rng, ("pickets", "rails", "wall"))
    y = -rng.uniform(1.5, 2.4)
    side = outdoors.wall(rng, 16, 0.9) if kind == "wall" else outdoors.fence(rng, 16, 1.0, kind)
    snowed(rng, side).put(scene, 0, y, 0, rng.normal(0, 0.1))
    close = [snowed(rng, outdoors.bench(rng)), snowed(rng, outdoors.rock(rng, 0.5)), snowed(rng, plants.hedge(rng, (1.0, 1.0, 0.9), rounded=0.9)), snowed(rng, outdoors.log(rng)), snowed(rng, wood_stack(rng)), snowed(rng, stump(rng))]
    beside(scene, rng, [close[k] for k in rng.permutation(6)[:4]], 1.0, 2.2, rng.uniform(0, 1.5))
    if rng.random() < 0.4:
        snowed(rng, outdoors.table(rng, False, 1.1)).put(scene, 0, 0, 0, rng.uniform(0, 3))
    snowed(rng, outdoors.house(rng, 8, 6, 0.6 * today.lamps)).put(scene, rng.uniform(-6, 6), rng.uniform(8, 14), 0, np.pi)
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
            out.add(form._replace(vertices=form.vertices + (0, 0, 0.012), quads=form.quads[cover]), white, (0.8, 0.82, 0.85))
    return out


def wood_stack(rng) -> Thing:
    """Split logs piled up."""
    thing, side, end = Thing(), grounds.bark(rng, (0.13, 0.10, 0.07)), surfaces.wood(rng, (0.5, 0.36, 0.2), 0.8)
    for row in range(6):
        for k in range(11 - row % 2):
            r = rng.uniform(0.055, 0.075)
            x, z = 0.14 * k - 0.7 + 0.07 * (row % 2), 0.07 + 0.125 * row
            thing.add(tube([(x, -0.22, z), (x, 0.22, z)], r, 9), side)
            thing.add(cylinder(r, 0.01, sides=9).turned(-np.pi / 2, "x").at(x, 0.222, z), end)
    return thing


def lakeside(scene, rng, today) -> np.ndarray:
    """A wooden jetty in reeds, water all round, woods on the other shore."""
    ground(scene, grounds.water(rng, pick(rng, ((0.012, 0.03, 0.03), (0.03, 0.04, 0.02), (0.01, 0.03, 0.05))), rng.uniform(0.5, 2.0), rng.uniform(15, 60)))
    timber = surfaces.wood(rng, tuple(rng.uniform(0.5, 1.1) * np.array((0.27, 0.2, 0.14))), 0.8)
    jetty = Thing()
    for x in np.arange(-16, 2.2, 0.15):
        jetty.add(box((0.138, 2.1 + rng.normal(0, 0.015), 0.035), (x, rng.normal(0, 0.008), 0.32 + rng.normal(0, 0.002)), 0.005), timber)
    for x in np.arange(-15.5, 2.3, 2.1):
        for y in (-0.98, 0.98):
            jetty.add(cylinder(0.08, 1.6 if rng.random() < 0.6 else 1.0, (x, y, -0.6), 12), timber)
    if rng.random() < 0.6:
        for x in np.arange(-15.5, 0.2, 2.1):
            jetty.add(box((0.07, 0.07, 0.95), (x, 1.0, 0.33), 0.006), timber)
        jetty.add(box((16, 0.05, 0.09), (-7.5, 1.0, 1.25), 0.006), timber).add(box((16, 0.04, 0.07), (-7.5, 1.0, 0.85), 0.006), timber)
    jetty.put(scene)
    vehicles.boat(rng).put(scene, rng.uniform(-0.5, 1.5), -1.9, -0.12, rng.normal(0, 0.15))
    close = [outdoors.bench(rng), plants.potted(rng, 0.4), coil(rng), crate(rng), outdoors.chair(rng), deck_chair(rng)]
    for k, (x, y) in zip(rng.permutation(6), ((-1.35, -0.45), (1.35, 0.3), (-1.5, 0.5)), strict=False):
        close[k].put(scene, x, y, 0.355, rng.uniform(0, 6))
    reeds = [plants.tuft(rng, 1.3, 110, (0.11, 0.13, 0.035), 0.4), plants.tuft(rng, 1.0, 110, (0.14, 0.13, 0.05), 0.4)]
    scattered(scene, rng, reeds, 200, 2.6, 22, lambda p: abs(p[1]) > 2.6 and p[0] < 1 + 2 * np.sin(p[1]), 0.35)
    shore = mottled(rng, GRASS[:3], 0.3, 20.0, grain=40.0)
    slab(scene, shore, (-60, -80), (-14, 80), 0.25)
    hills(scene, rng, (0.05, 0.075, 0.035), 75, 3.5)
    woods(scene, rng, 78, 150, ("round", "fir", "wide"), pick(rng, AUTUMN), 110)
    scattered(scene, rng, [plants.tree(rng, 8, "wide"), plants.tree(rng, 7, "birch")], 26, 16, 45, lambda p: p[0] < -15, 3)
    hills(scene, rng, (0.07, 0.10, 0.11), 240, rng.uniform(30, 90), 1.5)
    return eye(rng) + (0, 0, 0.36)


def coil(rng) -> Thing:
    """A coil of rope."""
    t = np.linspace(0, 10 * np.pi, 160)
    path = np.column_stack([(0.2 - 0.002 * t) * np.cos(t), (0.2 - 0.002 * t) * np.sin(t), 0.015 + 0.004 * t])
    return Thing().add(tube(path, 0.014, 6), surfaces.fabric(rng, (0.4, 0.32, 0.2)))


def crate(rng) -> Thing:
    """A slatted wooden box."""
    timber, thing = surfaces.wood(rng, (0.36, 0.25, 0.14), 0.8), Thing()
    for z in (0.02, 0.14, 0.26):
        for y in (-0.2, 0.2):
            thing.add(box((0.6, 0.015, 0.09), (0, y, z), 0.003), timber)
        for x in (-0.29, 0.29):
            thing.add(box((0.015, 0.4, 0.09), (x, 0, z), 0.003), timber)
    return thing.add(box((0.58, 0.39, 0.015), (0, 0, 0.02)), timber)
