"""Buildings and what bounds a plot: fronts with windows, houses, walls, fences; each faces +y."""

import numpy as np

from renderih_lib.render.blender.places.forms import Form, Thing, block, box, lathe, sheet
from renderih_lib.render.blender.places.grounds import mottled, paving
from renderih_lib.render.blender.places.outdoors import CLOTHS
from renderih_lib.render.blender.shaders import Shader
from renderih_lib.render.blender.surfaces import brick, metal, painted, plaster, shade, wood

RENDERS = (
    (0.62, 0.55, 0.42),
    (0.7, 0.66, 0.6),
    (0.5, 0.28, 0.16),
    (0.42, 0.44, 0.46),
    (0.6, 0.42, 0.2),
    (0.3, 0.38, 0.4),
    (0.66, 0.5, 0.45),
)
BRICKS = ((0.28, 0.09, 0.05), (0.36, 0.18, 0.1), (0.2, 0.12, 0.09), (0.42, 0.33, 0.22))


def panes(lit: float = 0.0, curtains: float = 0.45):
    """Windows of a building: dark glass, a share of them with curtains, another lit in the evening."""
    s = Shader("panes")
    each = s.node("NewGeometry", "Random Per Island")
    other = s.math("FRACT", s.math("MULTIPLY", each, 37.7))
    inside = s.ramp(
        other,
        (0.0, 0.01),
        (0.94 - curtains, (0.03, 0.035, 0.04)),
        (0.97 - curtains, (0.35, 0.33, 0.29)),
        (1.0, (0.5, 0.46, 0.4)),
    )
    warm = s.ramp(other, (0.0, (1.0, 0.55, 0.22)), (0.7, (1.0, 0.72, 0.42)), (1.0, (0.75, 0.85, 1.0)))
    room = s.noise(s.inside(), 1.3, 3, 0.5)
    goods = s.node(
        "TexBrick",
        0,
        Vector=s.metres(),
        Scale=1.0,
        Mortar_Size=0.03,
        Brick_Width=0.37,
        Row_Height=0.43,
        Color1=(0.25,) * 3,
        Color2=(1.1,) * 3,
        Mortar=(0.12,) * 3,
    )
    warm = s.mix(1.0, warm, s.mix(s.ramp(room, (0.4, 0.2), (0.6, 1.0)), (0.9, 0.9, 0.9), goods), "MULTIPLY")
    light = s.math(
        "MULTIPLY",
        s.math("LESS_THAN", each, lit),
        s.math("MULTIPLY", room, s.math("MULTIPLY_ADD", other, 1.2)),
    )
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
    wall = wall or (
        plaster(rng, tint) if rng.random() < 0.6 else brick(rng, BRICKS[rng.integers(len(BRICKS))])
    )
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
    lower = front(
        width, ground_top, shops if shop else columns, [(0.25 if shop else 1.2, 0.82 * ground_top)], 0.2
    )
    thing.add(lower[0], wall if not shop or rng.random() < 0.5 else plaster(rng, shade(tint, 0.5))).add(
        lower[1], panes(min(1.0, 2 * lit), 0.1) if shop else panes(lit)
    )
    if floors > 1:
        upper = front(width, height - ground_top, columns, rows - ground_top)
        thing.add(upper[0].at(0, 0, ground_top), wall).add(upper[1].at(0, 0, ground_top), glass)
    bars = int(rng.integers(0, 3))
    for a, b in columns:
        for c, d in rows:
            thing.add(
                box((b - a + 0.16, 0.16, 0.06), ((a + b) / 2, 0.02, c - 0.06), 0), frame, shade(tint, 1.25)
            )
            thing.add(block((a, -0.14, c), (a + 0.06, -0.1, d)), frame, paint).add(
                block((b - 0.06, -0.14, c), (b, -0.1, d)), frame, paint
            )
            thing.add(block((a, -0.14, d - 0.06), (b, -0.1, d)), frame, paint).add(
                block((a, -0.14, c), (b, -0.1, c + 0.06)), frame, paint
            )
            for k in range(bars):
                x = a + (b - a) * (k + 1) / (bars + 1)
                thing.add(block((x - 0.025, -0.14, c), (x + 0.025, -0.1, d)), frame, paint)
    thing.add(box((width, 0.5, 0.22), (0, 0, height), 0.03), frame, shade(tint, 1.2))
    thing.add(box((width, 0.16, 0.18), (0, 0, ground_top - 0.1), 0.02), frame, shade(tint, 1.1))
    door, top = float(middles[rng.integers(bays)]), 0.82 * ground_top
    if shop:
        for x in (door - 0.5, door + 0.5):
            thing.add(block((x - 0.04, -0.2, 0.1), (x + 0.04, -0.1, top)), frame, paint)
        thing.add(block((door - 0.5, -0.2, 2.1), (door + 0.5, -0.12, 2.18)), frame, paint)
    else:
        half, leaf = wide / 2 + 0.06, CLOTHS[rng.integers(len(CLOTHS))]
        thing.add(
            block((door - half - 0.1, -0.1, 0), (door + half + 0.1, 0.03, top + 0.1)),
            frame,
            shade(tint, 1.25),
        )
        for a, b in ((-half, -0.02), (0.02, half)) if wide > 1.3 else ((-half, half),):
            thing.add(block((door + a, 0, 0.16), (door + b, 0.05, top)), frame, leaf)
            for c, d in ((0.3, 0.42 * top), (0.48 * top, top - 0.15)):
                thing.add(
                    block((door + a + 0.1, 0.04, c), (door + b - 0.1, 0.065, d), 0.012),
                    frame,
                    shade(leaf, 1.2),
                )
        thing.add(box((0.03, 0.06, 0.14), (door + 0.08, 0.08, 1.05)), metal(roughness=0.3))
    thing.add(box((2 * wide, 0.5, 0.16), (door, 0.25, 0)), frame, (0.4, 0.39, 0.37))
    if shop:
        cloth = CLOTHS[rng.integers(len(CLOTHS))]
        for x in middles[rng.random(bays) < 0.7]:
            slope = sheet(
                np.linspace(-0.48, 0.48, 2) * width / bays, np.array([0.0, 1.1]), np.array([[0, -0.5]] * 2)
            )
            thing.add(slope.at(x, 0.02, 0.95 * ground_top), frame, cloth)
            thing.add(
                block(
                    (x - 0.48 * width / bays, 1.11, 0.95 * ground_top - 0.7),
                    (x + 0.48 * width / bays, 1.12, 0.95 * ground_top - 0.5),
                ),
                frame,
                shade(cloth, 1.5),
            )
    thing.add(block((-width / 2, -8, 0), (width / 2, -0.3, height)), wall)
    return thing


def house(rng, width: float = 9.0, depth: float = 7.0, lit: float = 0.0) -> Thing:
    """A detached house with a pitched roof."""
    tint = RENDERS[rng.integers(len(RENDERS))]
    wall = plaster(rng, tint) if rng.random() < 0.5 else brick(rng, BRICKS[rng.integers(len(BRICKS))])
    floors = int(rng.integers(1, 3))
    thing = facade(rng, width, floors, lit, wall, shop=False)
    eaves, rise = thing.bounds()[1, 2], float(rng.uniform(0.3, 0.5)) * depth
    roof = paving(
        rng,
        ((0.25, 0.07, 0.035), (0.4, 0.13, 0.06))
        if rng.random() < 0.6
        else ((0.05, 0.05, 0.055), (0.09, 0.09, 0.1)),
        (0.22, 0.3),
        0.5,
        0.012,
        25.0,
    )
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
        body = paving(
            rng, (shade(tone, 0.55), shade(tone, 1.3)), (float(rng.uniform(0.25, 0.5)), 0.18), 0.5, 0.02, 30.0
        )
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
    timber = wood(
        rng, (0.65, 0.63, 0.58) if white else tuple(rng.uniform(0.5, 1.2) * np.array((0.26, 0.16, 0.09))), 0.8
    )
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
        thing.add(
            board._replace(vertices=board.vertices[:, [0, 1, 2]]).at(x, 0.015 + rng.normal(0, 0.002), 0.05),
            timber,
        )
    return thing
