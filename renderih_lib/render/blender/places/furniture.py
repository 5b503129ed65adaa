"""Furniture that stands on the floor: back at y = 0, front towards +y, centred in x (tables: centred in both)."""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.places.clutter import carton, jar, pot_plant
from renderih_lib.render.blender.places.forms import (
    Thing,
    block,
    box,
    cushion,
    cylinder,
    lathe,
    leaves,
    panel,
    tube,
)
from renderih_lib.render.blender.places.palettes import (
    BRIGHT,
    CLOTHS,
    DARK,
    PALE,
    WOODS,
    Finishes,
    artwork,
    pick,
    screen_image,
)


def table(rng, f: Finishes, size=(1.4, 0.8), height: float = 0.74, top=None) -> Thing:
    """A table with legs, trestles or one foot; `top` is the material of its top."""
    width, depth = size
    top = top or (f.wood, f.wood2, f.satin)[rng.integers(3)]
    tint, kind = pick(rng, PALE + WOODS), rng.integers(3)
    thing = Thing().add(box((width, depth, 0.03), (0, 0, height - 0.03)), top, tint)
    x, y = width / 2 - 0.06, depth / 2 - 0.06
    if kind == 0:
        legs, leg_tint = (f.wood, f.iron)[rng.integers(2)], pick(rng, DARK)
        for sx in (-x, x):
            for sy in (-y, y):
                thing.add(box((0.05, 0.05, height - 0.03), (sx, sy, 0)), legs, leg_tint)
        thing.add(box((2 * x, 0.02, 0.08), (0, -y, height - 0.11)), legs, leg_tint)
        thing.add(box((2 * x, 0.02, 0.08), (0, y, height - 0.11)), legs, leg_tint)
    elif kind == 1:
        for sx in (-x, x):
            thing.add(box((0.05, 2 * y, 0.03), (sx, 0, 0)), f.iron, DARK[0])
            thing.add(box((0.05, 2 * y, 0.03), (sx, 0, height - 0.06)), f.iron, DARK[0])
            for sy in (-y, y):
                thing.add(box((0.05, 0.03, height - 0.03), (sx, sy, 0)), f.iron, DARK[0])
    else:
        for sx in (-x, x):
            for sy in (-y, y):
                bar = [(0.8 * sx, 0.8 * sy, height - 0.03), (0.9 * sx, 0.9 * sy, height / 2), (sx, sy, 0.0)]
                thing.add(tube(bar, 0.022), f.wood2)
    return thing


def round_table(rng, f: Finishes, radius: float = 0.4, height: float = 0.74) -> Thing:
    """A bistro table on one foot."""
    top = (f.wood, f.gloss, surfaces.marble(rng, (0.7, 0.69, 0.66), (0.2, 0.2, 0.2)))[rng.integers(3)]
    thing = Thing().add(cylinder(radius, 0.025, (0, 0, height - 0.025), 40), top, pick(rng, PALE))
    thing.add(cylinder(0.035, height - 0.03), f.iron, DARK[0])
    return thing.add(lathe([(0, 0.0), (0.24, 0.0), (0.23, 0.015), (0.04, 0.05)], 28), f.iron, DARK[0])


def chair(rng, f: Finishes, style: int | None = None, tint=None) -> Thing:
    """A dining chair: wooden slats, padded, or a shell; it faces +y, the back rest is at y = 0."""
    style = int(rng.integers(3)) if style is None else style
    tint = tint or pick(rng, BRIGHT + CLOTHS)
    thing, seat, top = Thing(), 0.45, rng.uniform(0.8, 0.95)
    legs = (f.wood, f.iron)[rng.integers(2)]
    for x in (-0.19, 0.19):
        thing.add(
            tube([(x, 0.42, 0), (0.97 * x, 0.41, 0.2), (0.95 * x, 0.4, seat - 0.01)], 0.016), legs, DARK[0]
        )
        rear = top if style < 2 else seat
        thing.add(
            tube(
                [(x, 0.0, 0), (0.97 * x, 0.05, 0.25), (0.95 * x, 0.05, seat), (0.93 * x, 0.02, rear)], 0.016
            ),
            legs,
            DARK[0],
        )
    if style == 0:
        thing.add(box((0.42, 0.42, 0.025), (0, 0.24, seat - 0.01)), f.wood)
        for z in np.linspace(seat + 0.13, top - 0.06, int(rng.integers(2, 5))):
            thing.add(box((0.38, 0.015, 0.05), (0, 0.03, z)), f.wood)
    elif style == 1:
        cover = f.any_fabric()
        thing.add(cushion((0.44, 0.42, 0.08), (0, 0.25, seat - 0.03), 0.35), cover)
        thing.add(cushion((0.42, 0.07, top - seat - 0.08), (0, 0.05, seat + 0.08), 0.35), cover)
    else:
        thing.add(cushion((0.45, 0.43, 0.05), (0, 0.23, seat - 0.02), 0.4), f.satin, tint)
        thing.add(cushion((0.43, 0.05, top - seat), (0, 0.03, seat), 0.5), f.satin, tint)
    return thing


def office_chair(rng, f: Finishes) -> Thing:
    """A swivel chair with arm rests."""
    tint, cover = pick(rng, DARK), (f.cloth, f.leather, f.any_fabric())[rng.integers(3)]
    thing = Thing().add(cylinder(0.03, 0.4, (0, 0.3, 0.06)), f.iron, tint)
    for angle in np.arange(5) * 1.257:
        foot = np.array([0.3 * np.cos(angle), 0.3 * np.sin(angle), 0])
        thing.add(
            tube([(0, 0.3, 0.1), foot * 0.5 + (0, 0.3, 0.085), foot + (0, 0.3, 0.06)], 0.018), f.iron, tint
        )
        thing.add(cushion((0.05, 0.05, 0.055), foot + (0, 0.3, 0), 1.0, 3), f.satin, tint)
    thing.add(cushion((0.48, 0.48, 0.09), (0, 0.3, 0.43), 0.4), cover)
    thing.add(cushion((0.44, 0.08, 0.58), (0, 0.06, 0.56), 0.4), cover)
    for x in (-0.27, 0.27):
        thing.add(box((0.03, 0.04, 0.22), (x, 0.28, 0.45)), f.satin, tint).add(
            box((0.05, 0.26, 0.025), (x, 0.3, 0.66)), f.satin, tint
        )
    return thing


def stool(rng, f: Finishes, height: float = 0.65) -> Thing:
    """A round stool."""
    thing = Thing().add(
        cylinder(0.17, 0.04, (0, 0.2, height - 0.04), 28),
        (f.wood, f.leather, f.satin)[rng.integers(3)],
        pick(rng, BRIGHT),
    )
    for angle in np.arange(4) * np.pi / 2 + 0.78:
        x, y = 0.19 * np.cos(angle), 0.19 * np.sin(angle)
        thing.add(
            tube(
                [
                    (0.6 * x, 0.6 * y + 0.2, height - 0.03),
                    (0.8 * x, 0.8 * y + 0.2, height / 2),
                    (x, y + 0.2, 0),
                ],
                0.014,
            ),
            f.iron,
            DARK[0],
        )
    return thing


def sofa(rng, f: Finishes, seats: int = 3) -> Thing:
    """A sofa, or an armchair with one seat, with cushions."""
    cover = f.cover if rng.random() < 0.8 else f.leather
    arm, depth, width = rng.uniform(0.14, 0.24), rng.uniform(0.85, 0.98), rng.uniform(0.6, 0.72)
    whole, back = seats * width + 2 * arm, rng.uniform(0.74, 0.9)
    thing = Thing().add(cushion((whole, depth, 0.28), (0, depth / 2, 0.1), 0.18), cover)
    thing.add(cushion((whole, 0.22, back - 0.12), (0, 0.11, 0.12), 0.25), cover)
    for x in (-(whole - arm) / 2, (whole - arm) / 2):
        thing.add(cushion((arm, depth, 0.5), (x, depth / 2, 0.1), 0.25), cover)
        for y in (0.08, depth - 0.08):
            thing.add(cylinder(0.025, 0.12, (x, y, 0)), f.wood2)
    for i in range(seats):
        x = (i - (seats - 1) / 2) * width
        thing.add(
            cushion((width - 0.01, depth - 0.25, 0.16), (x, 0.25 + (depth - 0.25) / 2, 0.34), 0.3), cover
        )
        thing.add(
            cushion((width - 0.03, 0.2, 0.42), (x, 0.0, 0.0), 0.4).turned(0.2, "x").at(0, 0.3, 0.46), cover
        )
        if rng.random() < 0.6:
            pillow = cushion((0.42, 0.13, 0.42), roundness=0.6).turned(0.35, "x").turned(rng.normal(0, 0.3))
            thing.add(pillow.at(x + rng.normal(0, 0.06), 0.5, 0.5), f.any_fabric())
    return thing


def row_of_books(
    rng, f: Finishes, thing: Thing, x0: float, x1: float, y: float, z: float, height: float
) -> None:
    """Fill a shelf from x0 to x1 with upright books, sometimes a gap with a thing in it; fronts at y."""
    x, hue, binder = x0, pick(rng, BRIGHT + CLOTHS), rng.random() < 0.12
    while x < x1 - 0.03:
        if rng.random() < 0.05 and x < x1 - 0.2:
            thing.include(jar(rng, f) if rng.random() < 0.5 else carton(rng, f), x + 0.11, y - 0.12, z)
            x += 0.24
            continue
        wide, tall = (0.06, 0.31) if binder else (rng.uniform(0.014, 0.05), rng.uniform(0.55, 0.97) * height)
        tall, deep = min(tall, 0.96 * height), rng.uniform(0.13, 0.21)
        hue = hue if rng.random() < 0.35 else pick(rng, BRIGHT + CLOTHS + PALE)
        if x + wide > x1:
            break
        thing.add(block((x, y - deep, z), (x + wide - 0.001, y, z + tall), 0.002), f.satin, hue)
        band = z + tall * rng.uniform(0.55, 0.85)
        thing.add(
            block((x + 0.002, y - 0.01, band), (x + wide - 0.003, y + 0.0006, band + 0.1 * tall)),
            f.matt,
            pick(rng, PALE + BRIGHT),
        )
        x += wide


def bookcase(
    rng, f: Finishes, width: float = 0.9, height: float = 2.0, depth: float = 0.3, fill: str = "books"
) -> Thing:
    """Shelves full of "books", "goods" (cartons and jars) or both ("mixed")."""
    thing, body, t = Thing(), (f.wood, f.wood2, f.satin)[rng.integers(3)], 0.022
    tint = pick(rng, PALE + WOODS)
    for x in (-width / 2, width / 2 - t):
        thing.add(block((x, 0, 0), (x + t, depth, height), 0.002), body, tint)
    thing.add(block((-width / 2, 0, 0.05), (width / 2, 0.012, height)), body, tint)
    levels = np.linspace(0.08, height - t, max(2, round(height / 0.36)) + 1)
    for z, above in zip(levels, np.append(levels[1:], 0), strict=True):
        thing.add(block((-width / 2 + t, 0.012, z - t), (width / 2 - t, depth - 0.004, z), 0.002), body, tint)
        gap = above - z - 2 * t
        if above and (fill == "books" or (fill == "mixed" and rng.random() < 0.55)):
            end = width / 2 - t if rng.random() < 0.6 else rng.uniform(0, width / 2 - t)
            row_of_books(rng, f, thing, -width / 2 + t, end, depth - rng.uniform(0.02, 0.07), z, gap)
        elif above:
            x = -width / 2 + 0.14
            while x < width / 2 - 0.14:
                item = (jar, carton, jar, pot_plant)[rng.integers(3 if gap < 0.36 else 4)](rng, f)
                low, high = item.bounds()
                if high[2] < gap and max(-low[1], high[1]) < depth / 2 - 0.02 and x + high[0] < width / 2 - t:
                    thing.include(item, x, depth / 2 + 0.02, z)
                x += high[0] - low[0] + rng.uniform(0.01, 0.08)
    return thing


def cabinet(
    rng,
    f: Finishes,
    width: float = 1.2,
    height: float = 0.8,
    depth: float = 0.45,
    rows: int = 1,
    columns: int = 3,
    top=None,
) -> Thing:
    """A sideboard, chest of drawers, wardrobe or kitchen unit: fronts in rows and columns with handles."""
    body, tint = (f.wood, f.wood2, f.satin, f.satin)[rng.integers(4)], pick(rng, PALE + WOODS + CLOTHS)
    grip = (f.steel, f.brass, f.iron)[rng.integers(3)]
    thing = Thing().add(block((-width / 2, 0, 0.06), (width / 2, depth - 0.02, height - 0.03)), body, tint)
    thing.add(block((-width / 2 + 0.02, 0.03, 0), (width / 2 - 0.02, depth - 0.07, 0.06)), f.satin, DARK[0])
    thing.add(
        block((-width / 2 - 0.01, 0, height - 0.03), (width / 2 + 0.01, depth, height), 0.003),
        top or body,
        tint,
    )
    wide, tall = width / columns, (height - 0.1) / rows
    for i in range(columns):
        for j in range(rows):
            x, z = -width / 2 + i * wide, 0.065 + j * tall
            thing.add(
                block(
                    (x + 0.003, depth - 0.02, z + 0.003),
                    (x + wide - 0.003, depth - 0.002, z + tall - 0.003),
                    0.003,
                ),
                body,
                tint,
            )
            if tall > 0.45:
                thing.add(
                    box(
                        (0.012, 0.025, 0.14),
                        (x + wide * (0.9 if i % 2 == 0 else 0.1), depth + 0.01, z + tall / 2),
                    ),
                    grip,
                )
            else:
                thing.add(
                    box((min(0.16, 0.5 * wide), 0.025, 0.012), (x + wide / 2, depth + 0.01, z + 0.75 * tall)),
                    grip,
                )
    return thing


def bed(rng, f: Finishes, width: float = 1.6) -> Thing:
    """A made bed; its head is at y = 0."""
    thing = Thing().add(block((-width / 2, 0.03, 0.1), (width / 2, 2.05, 0.32), 0.01), f.wood)
    for x in (-width / 2 + 0.06, width / 2 - 0.06):
        for y in (0.1, 1.98):
            thing.add(box((0.07, 0.07, 0.1), (x, y, 0)), f.wood)
    thing.add(
        cushion((width + 0.04, 0.08, rng.uniform(0.8, 1.15)), (0, 0.04, 0.1), 0.15),
        (f.wood, f.cloth, f.leather)[rng.integers(3)],
    )
    thing.add(cushion((width - 0.02, 1.94, 0.24), (0, 1.05, 0.3), 0.15), f.linen)
    cover = f.any_fabric()
    thing.add(cushion((width + 0.08, 1.35, 0.3), (0, 1.42, 0.3), 0.2, 14), cover)
    thing.add(cushion((width + 0.06, 0.32, 0.1), (0, 0.8, 0.52), 0.45), f.linen)
    for x in np.linspace(-0.25, 0.25, 2) * width:
        thing.add(
            cushion((0.46 * width, 0.4, 0.17), roundness=0.5).turned(0.45, "x").at(x, 0.36, 0.5), f.linen
        )
        if rng.random() < 0.7:
            thing.add(
                cushion((0.42, 0.15, 0.42), roundness=0.6).turned(0.6, "x").at(x, 0.55, 0.52), f.any_fabric()
            )
    return thing


def rug(rng, size, round_one: bool = False) -> Thing:
    """A rug, centred."""
    pile = surfaces.carpet(
        rng, pick(rng, CLOTHS + PALE), pick(rng, CLOTHS + PALE) if rng.random() < 0.7 else None
    )
    if round_one:
        return Thing().add(cylinder(min(size) / 2, 0.012, sides=48), pile)
    border = surfaces.carpet(rng, pick(rng, CLOTHS))
    thing = Thing().add(box((*size, 0.01)), border)
    return thing.add(box((size[0] - 0.16, size[1] - 0.16, 0.012)), pile)


def tall_plant(rng, f: Finishes) -> Thing:
    """A plant that stands on the floor."""
    return Thing().include(pot_plant(rng, f, rng.uniform(0.8, 1.6)), 0, 0.35)


def tree_plant(rng, f: Finishes) -> Thing:
    """A small tree in a pot: a stem and a crown of some hundred leaves."""
    h = rng.uniform(1.3, 1.9)
    thing = Thing().add(
        lathe([(0, 0.004), (0.15, 0), (0.2, 0.34), (0.18, 0.34), (0.17, 0.3), (0, 0.3)], 28),
        (f.gloss, f.matt)[rng.integers(2)],
        pick(rng, PALE + DARK + [(0.4, 0.14, 0.07)]),
    )
    thing.add(tube([(0, 0, 0.28), (0.03, 0, 0.5 * h), (0, 0.02, 0.9 * h)], 0.018), f.wood2)
    count = 220
    out = rng.normal(0, 1, (count, 3))
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    centres = out * rng.uniform(0.1, 0.32, (count, 1)) * (1, 1, 1.2) + (0, 0, 0.85 * h)
    thing.add(leaves(centres, out, rng.uniform(0.08, 0.16, count), 0.05), f.leaf)
    return Thing().include(thing, 0, 0.5)


def television(rng, f: Finishes) -> Thing:
    """A television on a low board."""
    width = rng.uniform(0.95, 1.4)
    height = 0.58 * width
    thing = cabinet(rng, f, width + 0.4, 0.48, 0.4, 1, 3)
    thing.add(box((0.5, 0.2, 0.015), (0, 0.2, 0.48)), f.satin, DARK[0])
    thing.add(box((width, 0.04, height), (0, 0.18, 0.53)), f.satin, DARK[0])
    picture = artwork(rng) if rng.random() < 0.5 else screen_image(rng)
    on = rng.random() < 0.5
    shown = surfaces.pixels(picture if on else 0.02 + 0 * picture, f.screen if on else 0.0, 0.15)
    return thing.add(panel(width - 0.03, height - 0.03).at(0, 0.201, 0.545), shown)


def rack(rng, f: Finishes, width: float = 1.2, height: float = 1.9, depth: float = 0.45) -> Thing:
    """A metal rack full of cartons, tins and boxes."""
    thing, tint = Thing(), pick(rng, BRIGHT + DARK)
    for x in (-width / 2, width / 2 - 0.035):
        for y in (0, depth - 0.035):
            thing.add(block((x, y, 0), (x + 0.035, y + 0.035, height)), f.iron, tint)
    for z in np.linspace(0.12, height - 0.03, 5):
        thing.add(block((-width / 2, 0, z - 0.03), (width / 2, depth, z)), f.iron, tint)
        x = -width / 2 + 0.06
        while x < width / 2 - 0.1 and z < height - 0.1:
            size = rng.uniform((0.1, 0.2, 0.08), (0.36, depth - 0.08, 0.32))
            size[0] = min(size[0], width / 2 - 0.05 - x)
            thing.add(
                box(size, (x + size[0] / 2, depth / 2, z)),
                (f.satin, f.matt)[rng.integers(2)],
                pick(rng, BRIGHT + WOODS + DARK),
            )
            thing.add(
                box(
                    (0.5 * size[0], 0.004, 0.3 * size[2]),
                    (x + size[0] / 2, depth / 2 + size[1] / 2, z + 0.3 * size[2]),
                    0,
                ),
                f.matt,
                PALE[0],
            )
            x += size[0] + rng.uniform(0.01, 0.12)
    return thing


def workbench(rng, f: Finishes, width: float = 1.9) -> Thing:
    """A bench with drawers and a vice."""
    thing = Thing().add(box((width, 0.7, 0.06), (0, 0.35, 0.84)), f.wood)
    for x in (-width / 2 + 0.06, width / 2 - 0.06):
        for y in (0.06, 0.64):
            thing.add(box((0.09, 0.09, 0.84), (x, y, 0)), f.wood2)
    thing.add(block((-width / 2, 0.04, 0.2), (width / 2, 0.62, 0.23)), f.wood2)
    thing.include(cabinet(rng, f, 0.5, 0.6, 0.55, 4, 1), width / 2 - 0.4, 0.05, 0.235)
    for _ in range(4):
        x, size = rng.uniform(-width / 2 + 0.2, width / 2 - 0.9), rng.uniform(0.15, 0.3, 3)
        thing.add(box(size, (x, 0.3, 0.23)), f.matt, pick(rng, BRIGHT + WOODS))
    thing.add(box((0.12, 0.1, 0.14), (-width / 2 + 0.2, 0.68, 0.86)), f.iron, pick(rng, BRIGHT))
    return thing.add(
        tube(
            [(-width / 2 + 0.2, 0.72, 0.9), (-width / 2 + 0.2, 0.82, 0.9), (-width / 2 + 0.2, 0.86, 0.9)],
            0.016,
        ),
        f.steel,
    )


def easel(rng, f: Finishes) -> Thing:
    """An easel with a canvas."""
    thing = Thing()
    for x in (-0.32, 0.32):
        thing.add(tube([(x, 0.45, 0), (0.5 * x, 0.27, 0.9), (0.1 * x, 0.1, 1.8)], 0.018), f.wood)
    thing.add(tube([(0, 0, 0), (0, 0.05, 0.9), (0, 0.1, 1.8)], 0.018), f.wood)
    wide, tall = rng.uniform(0.5, 0.9), rng.uniform(0.6, 0.9)
    thing.add(box((wide, 0.05, 0.03), (0, 0.34, 0.72)), f.wood)
    board = box((wide, 0.022, tall)).turned(0.2, "x").at(0, 0.32, 0.76)
    thing.add(board, f.matt, PALE[0])
    return thing.add(
        panel(wide, tall).at(0, 0.012, 0).turned(0.2, "x").at(0, 0.32, 0.76),
        surfaces.pixels(artwork(rng), roughness=0.7),
    )
