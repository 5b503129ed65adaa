"""Built things outdoors: buildings, walls, fences, seats, tables, lamps, cars, stalls, stones and steps.

Each function returns a `forms.Thing` that stands on z = 0 around the origin and faces +y.
"""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.forms import Form, Thing, block, box, cylinder, lathe, sheet, tube
from renderih_lib.render.blender.grounds import mottled, paving
from renderih_lib.render.blender.plants import bumps, lumpy
from renderih_lib.render.blender.surfaces import (
    Shader,
    brick,
    glowing,
    kelvin,
    metal,
    painted,
    plaster,
    shade,
    wood,
)

RENDERS = ((0.62, 0.55, 0.42), (0.7, 0.66, 0.6), (0.5, 0.28, 0.16), (0.42, 0.44, 0.46), (0.6, 0.42, 0.2), (0.3, 0.38, 0.4), (0.66, 0.5, 0.45))
BRICKS = ((0.28, 0.09, 0.05), (0.36, 0.18, 0.1), (0.2, 0.12, 0.09), (0.42, 0.33, 0.22))
PAINTS = ((0.02, 0.02, 0.022), (0.6, 0.6, 0.6), (0.25, 0.26, 0.28), (0.3, 0.012, 0.01), (0.015, 0.04, 0.15), (0.03, 0.1, 0.07), (0.75, 0.74, 0.7), (0.4, 0.24, 0.03), (0.08, 0.14, 0.18))
CLOTHS = ((0.36, 0.06, 0.045), (0.05, 0.11, 0.24), (0.06, 0.16, 0.09), (0.55, 0.51, 0.43), (0.5, 0.33, 0.08), (0.2, 0.06, 0.12), (0.3, 0.36, 0.38), (0.07, 0.07, 0.075))
SEATS = ((0.03, 0.03, 0.03), (0.6, 0.59, 0.56), (0.28, 0.16, 0.08), (0.06, 0.12, 0.08), (0.3, 0.31, 0.32), *CLOTHS[:5])


def panes(lit: float = 0.0):
    """Windows of a building: dark glass, some with curtains; a share of them is lit in the evening."""
    s = Shader("panes")
    each = s.node("NewGeometry", "Random Per Island")
    other = s.math("FRACT", s.math("MULTIPLY", each, 37.7))
    inside = s.ramp(other, (0.0, 0.01), (0.55, (0.03, 0.035, 0.04)), (0.6, (0.35, 0.33, 0.29)), (1.0, (0.5, 0.46, 0.4)))
    warm = s.ramp(other, (0.0, (1.0, 0.55, 0.22)), (0.7, (1.0, 0.72, 0.42)), (1.0, (0.75, 0.85, 1.0)))
    cloud = s.noise(s.inside(), 1.1, 2)
    light = s.math("MULTIPLY", s.math("LESS_THAN", each, lit), s.math("MULTIPLY", cloud, s.math("MULTIPLY_ADD", other, 2.0)))
    return s.finish(inside, 0.06, Specular_IOR_Level=0.8, Emission_Color=warm, Emission_Strength=light)


def front(width: float, height: float, columns, rows, reveal: float = 0.14) -> tuple[Form, Form]:
    """A wall in the xz plane with openings set back by `reveal`, and the panes in them.

    columns, rows: (N, 2) begin and end of the openings along x and z, metres; every column has every row.
    """
    columns, rows = np.asarray(columns, float), np.asarray(rows, float)
    xs = np.concatenate([[-width / 2], columns.ravel(), [width / 2]])
    zs = np.concatenate([[0], rows.ravel(), [height]])
    walls, glass = [], []
    for i in range(len(xs) - 1):
        for j in range(len(zs) - 1):
            a, b, c, d = xs[i], xs[i + 1], zs[j], zs[j + 1]
            near = np.array([(a, 0, c), (b, 0, c), (b, 0, d), (a, 0, d)])
            if i % 2 and j % 2:
                far = near - (0, reveal, 0)
                glass.append(far[::-1])
                walls += [np.array([near[k], near[k - 3], far[k - 3], far[k]])[::-1] for k in range(4)]
            else:
                walls.append(near[::-1])
    return tuple(Form(np.concatenate(q), np.arange(4 * len(q)).reshape(-1, 4)) for q in (walls, glass))


def facade(rng, width: float, floors: int, lit: float = 0.0, wall=None, shop: bool | None = None) -> Thing:
    """A house front towards +y: windows with frames and sills, a ground floor with doors or a shop, a cornice."""
    storey, plinth = float(rng.uniform(2.8, 3.6)), 0.35
    shop = bool(rng.random() < 0.5) if shop is None else shop
    tint = RENDERS[rng.integers(len(RENDERS))]
    wall = wall or (plaster(rng, tint) if rng.random() < 0.6 else brick(rng, BRICKS[rng.integers(len(BRICKS))]))
    bays = max(1, int(width / rng.uniform(1.8, 3.2)))
    wide, high = float(rng.uniform(0.34, 0.62)) * width / bays, float(rng.uniform(0.45, 0.62)) * storey
    middles = (np.arange(bays) + 0.5) * width / bays - width / 2
    columns = np.column_stack([middles - wide / 2, middles + wide / 2])
    floor = storey * np.arange(1, floors) + plinth
    rows = np.column_stack([floor + 0.27 * storey, floor + 0.27 * storey + high])
    shops = np.clip(columns + (-0.12 * width / bays, 0.12 * width / bays), -width / 2 + 0.1, width / 2 - 0.1)
    height = plinth + storey * floors + float(rng.uniform(0.2, 0.6))
    glass, frame = panes(lit), painted(0.5)
    paint = ((0.7, 0.69, 0.66), (0.05, 0.05, 0.05), (0.2, 0.11, 0.06), (0.03, 0.09, 0.07))[rng.integers(4)]
    thing, ground_top = Thing(), plinth + storey
    lower = front(width, ground_top, shops if shop else columns, [(0.25 if shop else 1.2, 0.82 * ground_top)], 0.2)
    thing.add(lower[0], wall if not shop or rng.random() < 0.5 else plaster(rng, shade(tint, 0.5))).add(lower[1], panes(min(1.0, 2 * lit) if shop else lit))
    if floors > 1:
        upper = front(width, height - ground_top, columns, rows - ground_top)
        thing.add(upper[0].at(0, 0, ground_top), wall).add(upper[1].at(0, 0, ground_top), glass)
    bars = int(rng.integers(0, 3))
    for a, b in columns:
        for c, d in rows:
            thing.add(box((b - a + 0.16, 0.16, 0.06), ((a + b) / 2, 0.02, c - 0.06), 0), frame, shade(tint, 1.25))
            thing.add(block((a, -0.14, c), (a + 0.06, -0.1, d)), frame, paint).add(block((b - 0.06, -0.14, c), (b, -0.1, d)), frame, paint)
            thing.add(block((a, -0.14, d - 0.06), (b, -0.1, d)), frame, paint).add(block((a, -0.14, c), (b, -0.1, c + 0.06)), frame, paint)
            for k in range(bars):
                x = a + (b - a) * (k + 1) / (bars + 1)
                thing.add(block((x - 0.025, -0.14, c), (x + 0.025, -0.1, d)), frame, paint)
    thing.add(box((width, 0.5, 0.22), (0, 0, height), 0.03), frame, shade(tint, 1.2))
    thing.add(box((width, 0.16, 0.18), (0, 0, ground_top - 0.1), 0.02), frame, shade(tint, 1.1))
    door = float(middles[rng.integers(bays)])
    thing.add(block((door - 0.55, -0.1, 0), (door + 0.55, 0.06, 2.2)), frame, CLOTHS[rng.integers(len(CLOTHS))])
    thing.add(box((1.4, 0.5, 0.16), (door, 0.25, 0)), frame, (0.4, 0.39, 0.37))
    if shop:
        cloth = CLOTHS[rng.integers(len(CLOTHS))]
        for x in middles[rng.random(bays) < 0.7]:
            slope = sheet(np.linspace(-0.48, 0.48, 2) * width / bays, np.array([0.0, 1.1]), np.array([[0, -0.5]] * 2))
            thing.add(slope.at(x, 0.02, 0.95 * ground_top), frame, cloth)
            thing.add(block((x - 0.48 * width / bays, 1.11, 0.95 * ground_top - 0.7), (x + 0.48 * width / bays, 1.12, 0.95 * ground_top - 0.5)), frame, shade(cloth, 1.5))
    thing.add(block((-width / 2, -8, 0), (width / 2, -0.3, height)), wall)
    return thing


def house(rng, width: float = 9.0, depth: float = 7.0, lit: float = 0.0) -> Thing:
    """A detached house with a pitched roof."""
    tint = RENDERS[rng.integers(len(RENDERS))]
    wall = plaster(rng, tint) if rng.random() < 0.5 else brick(rng, BRICKS[rng.integers(len(BRICKS))])
    floors = int(rng.integers(1, 3))
    thing = facade(rng, width, floors, lit, wall, shop=False)
    eaves, rise = thing.bounds()[1, 2], float(rng.uniform(0.3, 0.5)) * depth
    roof = paving(rng, ((0.25, 0.07, 0.035), (0.4, 0.13, 0.06)) if rng.random() < 0.6 else ((0.05, 0.05, 0.055), (0.09, 0.09, 0.1)), (0.22, 0.3), 0.5, 0.012, 25.0)
    x, y = np.array([-width / 2 - 0.4, width / 2 + 0.4]), np.array([-depth - 0.5, -depth / 2, 0.5])
    thing.add(sheet(x, y, np.array([[0, rise, 0]] * 2)).at(0, 0, eaves), roof)
    gable = np.array([(0, -depth, 0), (0, 0, 0), (0, -depth / 2, rise), (0, -depth / 2, rise)], float)
    for side in (-1, 1):
        thing.add(Form(gable + (side * width / 2, 0, eaves - 0.1), np.array([[0, 1, 2, 3]])), wall)
        flank, glass = front(depth, eaves, [(-1.8, -0.8), (0.9, 1.9)], [(1.0, 2.2)])
        thing.add(flank.turned(-side * np.pi / 2).at(side * (width / 2 + 0.01), -depth / 2), wall)
        thing.add(glass.turned(-side * np.pi / 2).at(side * (width / 2 + 0.01), -depth / 2), panes(lit))
    return thing.add(box((0.7, 0.7, 1.6), (0.25 * width, -0.4 * depth, eaves + 0.4 * rise)), wall)


def wall(rng, length: float, height: float = 1.2, thick: float = 0.3, kind: str = "stone") -> Thing:
    """A free-standing wall along x of "stone", "brick" or "plaster", with coping stones."""
    if kind == "brick":
        body = brick(rng, BRICKS[rng.integers(len(BRICKS))])
    elif kind == "plaster":
        body = plaster(rng, RENDERS[rng.integers(len(RENDERS))])
    else:
        tone = np.array((0.3, 0.28, 0.24)) * rng.uniform(0.6, 1.3)
        body = paving(rng, (shade(tone, 0.55), shade(tone, 1.3)), (float(rng.uniform(0.25, 0.5)), 0.18), 0.5, 0.02, 30.0)
    thing = Thing().add(box((length, thick, height), (0, 0, 0), 0.01), body)
    cap = mottled(rng, ((0.22, 0.21, 0.19), (0.38, 0.36, 0.32)), 1.5, 3.0)
    for x in np.arange(-length / 2, length / 2 - 0.01, 0.6):
        end = min(x + 0.595, length / 2)
        thing.add(box((end - x, thick + 0.09, 0.07), ((x + end) / 2, 0, height), 0.012), cap)
    return thing


def fence(rng, length: float, height: float = 1.3, kind: str = "boards") -> Thing:
    """A fence along x of "boards", "pickets", "rails" or "iron"."""
    if kind == "iron":
        iron, tint, thing = painted(0.4), (0.02, 0.022, 0.02), Thing()
        for x in np.arange(-length / 2, length / 2, 0.13):
            thing.add(block((x - 0.009, -0.009, 0), (x + 0.009, 0.009, height)), iron, tint)
            thing.add(lathe([(0.02, 0), (0.0, 0.09)], 4).at(x, 0, height), iron, tint)
        for z in (0.12, height - 0.12):
            thing.add(block((-length / 2, -0.015, z), (length / 2, 0.015, z + 0.03)), iron, tint)
        return thing
    white = rng.random() < 0.35
    timber = wood(rng, (0.65, 0.63, 0.58) if white else tuple(rng.uniform(0.5, 1.2) * np.array((0.26, 0.16, 0.09))), 0.8)
    thing = Thing()
    for x in np.arange(-length / 2, length / 2 + 0.01, 1.8):
        thing.add(box((0.1, 0.1, height + 0.1), (x, -0.06, 0), 0.008), timber)
    for z in (0.25, 0.5, 0.75, 0.97) if kind == "rails" else (0.2, 0.8):
        thing.add(box((length, 0.04, 0.1), (0, -0.03, z * height - 0.1), 0.005), timber)
    if kind == "rails":
        return thing
    wide, gap = (0.14, 0.012) if kind == "boards" else (0.08, 0.06)
    for x in np.arange(-length / 2, length / 2, wide + gap):
        up = height + (rng.normal(0, 0.006) if kind == "boards" else 0.03 * np.cos(4 * x))
        board = box((wide, 0.022, up - 0.06), (0, 0, 0), 0.004)
        thing.add(board._replace(vertices=board.vertices[:, [0, 1, 2]]).at(x, 0.015 + rng.normal(0, 0.002), 0.05), timber)
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
        thing.add(tube([(x, -0.25, 0), (x, -0.22, 0.4), (x, -0.31, 0.62), (x, -0.4, 0.92)], 0.022, 6), iron, tint)
        thing.add(tube([(x, 0.2, 0), (x, 0.18, 0.4), (x, 0.2, 0.6), (x, -0.3, 0.66)], 0.022, 6), iron, tint)
        thing.add(tube([(x, 0.2, 0.39), (x, -0.25, 0.39)], 0.022, 6), iron, tint)
    return thing


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
        thing.add(cylinder(size / 2, 0.03, (0, 0, high - 0.03), 40), top, tint).add(cylinder(0.035, high - 0.03), painted(0.4), (0.03, 0.03, 0.03))
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
        thing.include(tableware(rng), reach * np.cos(angle), 0.8 * reach * np.sin(angle), high, rng.uniform(0, 6.3))
    return thing


def tableware(rng) -> Thing:
    """One of: mug, plate with fruit, bottle, glass jar with flowers, books, lantern, bowl."""
    kind, gloss, tint = rng.integers(7), painted(0.2), CLOTHS[rng.integers(len(CLOTHS))]
    if kind == 0:
        cup = lathe([(0, 0), (0.035, 0), (0.04, 0.09), (0.036, 0.09), (0.033, 0.01), (0, 0.01)], 20)
        ear = tube([(0.038, 0, 0.075), (0.065, 0, 0.07), (0.065, 0, 0.03), (0.038, 0, 0.02)], 0.005, 6)
        return Thing().add(cup, gloss, tint).add(ear, gloss, tint)
    if kind in (1, 6):
        rim = [(0, 0.004), (0.07, 0.004), (0.12, 0.02), (0.12, 0.025), (0, 0.012)] if kind == 1 else [(0, 0), (0.06, 0.01), (0.13, 0.08), (0.125, 0.08), (0, 0.02)]
        thing = Thing().add(lathe(rim, 28), gloss, (0.7, 0.68, 0.64))
        fruit = ((0.6, 0.25, 0.02), (0.45, 0.03, 0.02), (0.35, 0.45, 0.04), (0.7, 0.55, 0.05))[rng.integers(4)]
        for k in range(4):
            thing.add(lumpy(rng, (0.036, 0.036, 0.034), 0.03, 8).at(0.045 * np.cos(1.6 * k), 0.045 * np.sin(1.6 * k), 0.05), painted(0.35), fruit)
        return thing
    if kind == 2:
        profile = [(0, 0), (0.037, 0), (0.037, 0.17), (0.014, 0.23), (0.014, 0.29), (0, 0.29)]
        return Thing().add(lathe(profile, 20), painted(0.08), ((0.01, 0.05, 0.02), (0.12, 0.04, 0.01), (0.3, 0.4, 0.42))[rng.integers(3)])
    if kind == 3:
        thing = Thing().add(lathe([(0, 0), (0.05, 0), (0.055, 0.07), (0.04, 0.13), (0.043, 0.14)], 18), painted(0.15), (0.2, 0.3, 0.32))
        for k in range(9):
            end = np.array([*rng.normal(0, 0.07, 2), rng.uniform(0.24, 0.34)])
            thing.add(tube([(0, 0, 0.1), 0.5 * end + (0, 0, 0.06), end], 0.002, 4), painted(0.6), (0.05, 0.12, 0.03))
            thing.add(lumpy(rng, (0.028, 0.028, 0.015), 0.35, 6).at(*end), painted(0.7), tint if k % 3 else (0.8, 0.75, 0.6))
        return thing
    if kind == 4:
        thing = Thing()
        for k in range(int(rng.integers(1, 4))):
            book = box((0.15, 0.21, 0.025), (0, 0, 0), 0.002).turned(rng.normal(0, 0.25))
            thing.add(book.at(0, 0, 0.025 * k), painted(0.5), CLOTHS[rng.integers(len(CLOTHS))])
        return thing
    thing = Thing().add(box((0.12, 0.12, 0.02)), painted(0.5), (0.03, 0.03, 0.03)).add(box((0.12, 0.12, 0.02), (0, 0, 0.2)), painted(0.5), (0.03, 0.03, 0.03))
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


def lamp_post(rng, glow: float = 0.0, height: float = 4.5) -> Thing:
    """A street lamp, of the lantern or of the arm kind; `glow` is its radiance."""
    iron, tint = painted(0.45), ((0.02, 0.02, 0.02), (0.3, 0.3, 0.3), (0.03, 0.06, 0.04))[rng.integers(3)]
    light = glowing(kelvin(float(rng.choice([2200, 3000, 4000]))), glow) if glow else painted(0.3)
    thing = Thing().add(lathe([(0.14, 0), (0.14, 0.1), (0.07, 0.3), (0.045, height - 0.3), (0.06, height)], 10), iron, tint)
    if rng.random() < 0.5:
        thing.add(lathe([(0.07, 0), (0.17, 0.42), (0.0, 0.43)], 8).at(0, 0, height), light, (0.6, 0.58, 0.5))
        return thing.add(lathe([(0.22, 0.42), (0.05, 0.6), (0, 0.72)], 8).at(0, 0, height), iron, tint)
    thing.add(tube([(0, 0, height), (0, 0.4, height + 0.35), (0, 1.3, height + 0.4)], 0.035, 6), iron, tint)
    thing.add(box((0.26, 0.6, 0.09), (0, 1.4, height + 0.4), 0.02), iron, tint)
    return thing.add(box((0.2, 0.5, 0.02), (0, 1.4, height + 0.375), 0), light, (0.7, 0.7, 0.65))


def parasol(rng, radius: float = 1.5) -> Thing:
    """A sunshade on a pole with a foot."""
    cloth, second = surfaces.fabric(rng, CLOTHS[rng.integers(len(CLOTHS))]), 10
    profile = [(radius, 2.1), (0.6 * radius, 2.36), (0.02, 2.62)]
    thing = Thing().add(lathe(profile, second)._replace(smooth=False), cloth)
    thing.add(lathe([(radius, 2.1), (radius, 1.97)], second)._replace(smooth=False), cloth)
    thing.add(cylinder(0.024, 2.65), wood(rng, (0.4, 0.27, 0.15)))
    return thing.add(cylinder(0.25, 0.12), painted(0.7), (0.3, 0.3, 0.3))


def stall(rng) -> Thing:
    """A market stall: a table of crates with fruit under a striped roof."""
    timber, poles, thing = wood(rng, (0.32, 0.2, 0.1), 0.8), painted(0.4), Thing()
    cloth = surfaces.fabric(rng, CLOTHS[rng.integers(len(CLOTHS))], (0.75, 0.73, 0.68), "stripes")
    thing.add(box((2.4, 1.0, 0.05), (0, 0, 0.8), 0.01), timber).add(block((-1.2, 0.46, 0.25), (1.2, 0.5, 0.8)), cloth)
    for x in (-1.2, 1.2):
        for y in (-0.5, 0.5):
            thing.add(box((0.05, 0.05, 2.3), (x, y, 0), 0), poles, (0.5, 0.5, 0.5))
    thing.add(sheet(np.linspace(-1.35, 1.35, 3), np.array([-0.8, 0, 0.95]), np.array([[2.1, 2.55, 2.05]] * 3)), cloth)
    thing.add(block((-1.35, 0.94, 1.8), (1.35, 0.96, 2.05)), cloth)
    for k in range(8):
        x, y = -1.0 + 0.57 * (k % 4), -0.22 + 0.46 * (k // 4)
        thing.add(box((0.52, 0.4, 0.13), (x, y, 0.85 + 0.1 * (1 - k // 4)), 0.006), timber)
        fruit = ((0.6, 0.25, 0.02), (0.5, 0.03, 0.02), (0.25, 0.4, 0.04), (0.7, 0.5, 0.05), (0.1, 0.02, 0.12), (0.06, 0.18, 0.03))[rng.integers(6)]
        size = float(rng.uniform(0.028, 0.045))
        one = lumpy(rng, (size, size, size), 0.04, 6)
        for _ in range(34):
            px, py = rng.uniform(-0.22, 0.22), rng.uniform(-0.17, 0.17)
            thing.add(one.at(x + px, y + py, 0.99 + 0.1 * (1 - k // 4) + rng.uniform(0, 0.05)), painted(0.35), shade(fruit, rng.uniform(0.7, 1.2)))
    return thing


def rock(rng, size: float = 0.5, material=None) -> Thing:
    """A boulder, half bedded in."""
    axes = size * rng.uniform((0.7, 0.5, 0.4), (1.1, 0.9, 0.75))
    form = lumpy(rng, axes, 0.12, 14)
    cut = form.vertices + 0.06 * size * np.round(2 * bumps(rng, form.vertices / size, 2.5))[:, None] * (0.6, 0.6, 1.0)
    return Thing().add(form._replace(vertices=cut).at(0, 0, 0.35 * axes[2]), material or stone(rng))


def stone(rng):
    """Weathered rock."""
    tone = np.array(((0.3, 0.28, 0.25), (0.22, 0.22, 0.23), (0.42, 0.3, 0.2), (0.36, 0.35, 0.31))[rng.integers(4)])
    return mottled(rng, (shade(tone, 0.45), shade(tone, 0.9), shade(tone, 1.4)), 2.2, 25.0, grain=25.0)


def steps(rng, width: float = 2.5, count: int = 5, material=None) -> Thing:
    """Stairs that rise towards -y, their foot at y = 0."""
    thing, body = Thing(), material or mottled(rng, ((0.25, 0.24, 0.22), (0.4, 0.38, 0.34)), 1.2, 4.0)
    for k in range(count):
        thing.add(box((width, 0.34 * (count - k), 0.16), (0, -0.17 * (count + k), 0.16 * k), 0.012), body)
    return thing


def planter(rng, plants: list[Thing], length: float = 1.6, height: float = 0.5) -> Thing:
    """A trough of concrete, wood or steel with plants."""
    body = (surfaces.concrete(rng), wood(rng, (0.28, 0.17, 0.09), 0.7), metal((0.3, 0.16, 0.09), 0.7))[rng.integers(3)]
    thing = Thing().add(box((length, 0.5, height), (0, 0, 0), 0.012), body)
    thing.add(box((length - 0.08, 0.42, 0.02), (0, 0, height)), mottled(rng, ((0.03, 0.02, 0.012), (0.06, 0.04, 0.025)), 6.0))
    for k, plant in enumerate(plants):
        thing.include(plant, (k + 0.5) / len(plants) * length - length / 2, 0, height, rng.uniform(0, 6))
    return thing


def log(rng, length: float = 2.0, radius: float = 0.16) -> Thing:
    """A felled trunk along x, with pale ends."""
    from renderih_lib.render.blender.grounds import bark

    t = np.linspace(-0.5, 0.5, 9)
    path = np.column_stack([length * t, rng.normal(0, 0.012, (9, 2))]) + (0, 0, 0.9 * radius)
    thing = Thing().add(tube(path, radius * rng.uniform(0.92, 1.08, 9), 14), bark(rng, (0.13, 0.09, 0.06)))
    for x, end in ((-0.5 * length, path[0]), (0.5 * length, path[-1])):
        disc = lathe([(0, 0), (0.95 * radius, 0.0), (0.97 * radius, 0.012), (0, 0.012)], 16).turned(np.pi / 2, "y")
        thing.add(disc.at(x, end[1], end[2]), wood(rng, (0.5, 0.36, 0.2), 0.8))
    return thing


def bollard(rng, height: float = 0.9) -> Thing:
    """A post of iron or stone."""
    profile = [(0.1, 0), (0.085, 0.1), (0.075, height - 0.12), (0.095, height - 0.1), (0.08, height - 0.02), (0, height)]
    return Thing().add(lathe(profile, 16), painted(0.5), ((0.02, 0.02, 0.02), (0.33, 0.32, 0.3))[rng.integers(2)])


def bin(rng) -> Thing:
    """A litter bin or a wheeled one."""
    tint = ((0.03, 0.08, 0.05), (0.05, 0.05, 0.05), (0.02, 0.05, 0.15), (0.3, 0.3, 0.3))[rng.integers(4)]
    if rng.random() < 0.5:
        return Thing().add(lathe([(0.2, 0.05), (0.25, 0.8), (0.27, 0.82), (0.2, 0.9), (0, 0.92)], 18), painted(0.4), tint)
    thing = Thing().add(box((0.5, 0.55, 0.9), (0, 0, 0.1), 0.03), painted(0.45), tint)
    return thing.add(box((0.54, 0.62, 0.07), (0, 0.02, 1.0), 0.02), painted(0.45), shade(tint, 1.4))
