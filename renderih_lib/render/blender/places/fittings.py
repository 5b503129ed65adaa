"""What belongs to the building: doors, windows' curtains, lamps, kitchens, bathrooms, stairs, boards on walls.

Wall things have their back at y = 0 and hang from z = 0 upwards; `glow` is a lamp's material.
"""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.places.clutter import bottle, carton, jar, tool, tumbler
from renderih_lib.render.blender.places.forms import (
    Form,
    Thing,
    block,
    box,
    cushion,
    cylinder,
    lathe,
    panel,
    sheet,
    tube,
)
from renderih_lib.render.blender.places.furniture import cabinet
from renderih_lib.render.blender.places.palettes import (
    BRIGHT,
    DARK,
    PALE,
    WOODS,
    Finishes,
    artwork,
    page_image,
    pick,
)


def door(rng, f: Finishes, width: float = 0.86) -> Thing:
    """A closed door with its frame."""
    leaf, tint = (f.satin, f.wood, f.wood2)[rng.integers(3)], pick(rng, PALE + WOODS)
    thing, half = Thing().add(box((width, 0.03, 2.02), (0, 0.02, 0)), leaf, tint), width / 2
    for x in (-half - 0.04, half + 0.04):
        thing.add(box((0.08, 0.06, 2.03), (x, 0.03, 0)), f.satin, PALE[0])
    thing.add(box((width + 0.16, 0.06, 0.08), (0, 0.03, 2.03)), f.satin, PALE[0])
    for z in (0.15, 1.1)[: int(rng.integers(0, 3))]:
        thing.add(box((0.7 * width, 0.02, 0.75), (0, 0.04, z)), leaf, tint)
    x = half - 0.07
    return thing.add(tube([(x, 0.03, 1.02), (x, 0.08, 1.02), (x - 0.11, 0.09, 1.02)], 0.01), f.steel)


def curtain(rng, width: float, height: float, material) -> Thing:
    """A hanging cloth in folds."""
    x = np.linspace(-width / 2, width / 2, 90)
    z = np.linspace(0, height, 5)
    waves = width / rng.uniform(0.09, 0.14)
    depth = 0.03 * np.sin(x / width * 2 * np.pi * waves) + 0.01 * np.sin(x / width * 17 + rng.uniform(0, 6))
    cloth = sheet(x, z, np.repeat(depth[:, None] + 0.06, 5, 1) * np.linspace(1.15, 0.85, 5))
    upright = cloth.vertices[:, [0, 2, 1]]
    return Thing().add(cloth._replace(vertices=upright), material)


def blind(rng, f: Finishes, width: float, height: float) -> Thing:
    """Venetian slats, half open."""
    thing, tint, tilt = Thing(), pick(rng, PALE + WOODS), rng.uniform(0.2, 0.9)
    for z in np.arange(0.03, height, 0.045):
        thing.add(box((width, 0.04, 0.002), chamfer=0).turned(tilt, "x").at(0, 0.05, z), f.satin, tint)
    return thing.add(box((width + 0.02, 0.05, 0.04), (0, 0.04, height)), f.satin, tint)


def radiator(f: Finishes, width: float) -> Thing:
    """A ribbed radiator."""
    thing = Thing()
    for x in np.arange(-width / 2, width / 2, 0.055):
        thing.add(box((0.045, 0.08, 0.55), (x, 0.07, 0.12), 0.015), f.gloss, PALE[0])
    return thing


def framed(rng, f: Finishes, width: float, height: float) -> Thing:
    """A picture in a frame."""
    thing = Thing().add(
        box((width, 0.025, height), (0, 0.0135, 0)),
        (f.wood, f.brass, f.satin)[rng.integers(3)],
        pick(rng, DARK + PALE),
    )
    margin = rng.choice([0.02, 0.06])
    thing.add(box((width - 0.03, 0.003, height - 0.03), (0, 0.027, 0.015), 0), f.matt, PALE[0])
    return thing.add(
        panel(width - 2 * margin, height - 2 * margin).at(0, 0.0295, margin),
        surfaces.pixels(artwork(rng), roughness=0.4),
    )


def mirror(f: Finishes, width: float, height: float) -> Thing:
    """A mirror with a thin frame."""
    thing = Thing().add(box((width, 0.02, height), (0, 0.011, 0)), f.brass)
    return thing.add(
        panel(width - 0.03, height - 0.03).at(0, 0.0215, 0.015), surfaces.metal((0.8, 0.82, 0.82), 0.02)
    )


def wall_shelf(rng, f: Finishes, width: float, kinds=(jar, carton, bottle, tumbler)) -> Thing:
    """A board with small things on it."""
    thing = Thing().add(box((width, 0.22, 0.025), (0, 0.112, 0)), f.wood)
    x = -width / 2 + 0.06
    while x < width / 2 - 0.06:
        item = kinds[rng.integers(len(kinds))](rng, f)
        low, high = item.bounds()
        if high[1] - low[1] < 0.2 and x + high[0] - low[0] < width / 2:
            thing.include(item, x - low[0], 0.11, 0.025)
        x += high[0] - low[0] + rng.uniform(0.005, 0.06)
    return thing


def pegboard(rng, f: Finishes, width: float = 1.6) -> Thing:
    """Tools that hang on a board."""
    thing = Thing().add(
        box((width, 0.018, 0.9), (0, 0.01, 0)), (f.wood2, f.satin)[rng.integers(2)], pick(rng, PALE + WOODS)
    )
    for row in (0.25, 0.68):
        for x in np.arange(-width / 2 + 0.1, width / 2 - 0.08, 0.13):
            hung = Thing()
            for form, *rest in tool(rng, f).pieces:
                hung.add(form.turned(np.pi / 2, "y").turned(np.pi / 2).at(x, 0.025, row), *rest)
            thing.include(hung, 0, 0)
    return thing


def board(rng, f: Finishes, width: float, dark: bool) -> Thing:
    """A blackboard with writing, or a whiteboard with notes."""
    thing = Thing().add(box((width, 0.025, 1.1), (0, 0.0135, 0)), (f.wood, f.steel)[rng.integers(2)])
    back = np.array([0.03, 0.045, 0.038] if dark else [0.72, 0.73, 0.74])
    image = np.tile(back, (110, int(100 * width), 1)) * rng.uniform(0.85, 1.1, (110, int(100 * width), 1))
    ink = np.array(
        [[0.6, 0.6, 0.55]] if dark else [[0.03, 0.05, 0.25], [0.35, 0.03, 0.03], [0.02, 0.02, 0.02]]
    )
    for _ in range(int(rng.integers(5, 12))):
        row, column = rng.integers(8, 95), rng.integers(4, image.shape[1] // 2)
        end, colour = rng.integers(column + 12, image.shape[1] - 4), ink[rng.integers(len(ink))]
        t = np.arange(column, end)
        word = (np.sin(t * 0.35 + rng.uniform(0, 9)) + np.sin(t * 0.13)) > -0.9
        wiggle = (row + 1.8 * np.sin(t * 1.9) + rng.normal(0, 0.8, len(t))).astype(int)
        image[wiggle[word], t[word]] = image[np.clip(wiggle[word] + 1, 0, 109), t[word]] = colour
    thing.add(
        panel(width - 0.05, 1.05).at(0, 0.0275, 0.025),
        surfaces.pixels(image.astype(np.float32), roughness=0.3 if not dark else 0.8),
    )
    for _ in range(0 if dark else int(rng.integers(2, 7))):
        note = panel(0.1, 0.1).at(rng.uniform(-0.45, 0.45) * width, 0.03, rng.uniform(0.2, 0.9))
        thing.add(note, f.matt, pick(rng, BRIGHT))
    return thing.add(box((0.8 * width, 0.07, 0.015), (0, 0.04, -0.03)), f.steel)


def notices(rng, f: Finishes, width: float = 0.9) -> Thing:
    """A cork board with sheets."""
    cork = surfaces.speckled(rng, (0.36, 0.2, 0.09), 0.9)
    thing = Thing().add(box((width, 0.02, 0.65), (0, 0.011, 0)), cork)
    for i, x in enumerate(np.arange(-width / 2 + 0.13, width / 2 - 0.1, 0.19)):
        z = 0.04 + 0.29 * (i % 2) + rng.uniform(0, 0.03)
        thing.add(panel(0.16, 0.22).at(x, 0.0225, z), surfaces.pixels(page_image(rng), roughness=0.9))
        thing.add(panel(0.08, 0.08).at(x, 0.0226, (z + 0.34) % 0.55), f.matt, pick(rng, BRIGHT))
    return thing


def pendant(rng, f: Finishes, glow, strength: float, drop: float) -> Thing:
    """A hanging lamp: its cord goes from z = 0 down to -drop, where the shade is.

    `glow(strength)` makes the material of a bulb of a radiance; a globe is larger and dimmer.
    """
    r, kind = rng.uniform(0.12, 0.24), rng.integers(3)
    thing = Thing().add(tube([(0, 0, 0), (0, 0, -drop / 2), (0, 0, -drop)], 0.004, 5), f.satin, DARK[0])
    tint, h = pick(rng, DARK + BRIGHT + PALE), rng.uniform(0.6, 1.1) * r
    if kind == 0:
        thing.add(
            lathe(
                [
                    (0.03, h),
                    (0.3 * r, 0.95 * h),
                    (0.8 * r, 0.5 * h),
                    (r, 0),
                    (0.985 * r, 0),
                    (0.78 * r, 0.48 * h),
                    (0.02, 0.9 * h),
                ],
                32,
                (0, 0, -drop - h),
            ),
            f.gloss,
            tint,
        )
        return thing.add(cushion((0.09, 0.09, 0.1), (0, 0, -drop - 0.75 * h), 1.0, 5), glow(strength))
    if kind == 1:
        return thing.add(
            cushion((1.2 * r, 1.2 * r, 1.2 * r), (0, 0, -drop - 1.2 * r), 1.0, 8), glow(0.1 * strength)
        )
    thing.add(cylinder(0.02, 0.07, (0, 0, -drop - 0.05)), f.brass)
    return thing.add(cushion((0.085, 0.085, 0.12), (0, 0, -drop - 0.16), 1.0, 6), glow(strength))


def floor_lamp(rng, f: Finishes, glow) -> Thing:
    """A standing lamp with a shade that is open above and below."""
    h, r = rng.uniform(1.4, 1.75), rng.uniform(0.17, 0.24)
    thing = Thing().add(
        lathe([(0, 0), (0.15, 0), (0.15, 0.015), (0.012, 0.03), (0.012, h - 0.1)], 24),
        (f.brass, f.iron)[rng.integers(2)],
        DARK[0],
    )
    thing.add(
        lathe([(r, h - 0.28), (0.7 * r, h), (0.69 * r, h), (0.99 * r, h - 0.28)], 32),
        f.shade,
    )
    return Thing().include(thing.add(cushion((0.07, 0.07, 0.1), (0, 0, h - 0.2), 1.0, 5), glow), 0, 0.25)


def ceiling_lamp(rng, f: Finishes, glow, kind: str) -> Thing:
    """A "panel", "tube", "spot" or round "dish" under the ceiling, which is z = 0."""
    if kind == "panel":
        thing = Thing().add(box((0.6, 0.6, 0.03), (0, 0, -0.03)), f.satin, PALE[0])
        return thing.add(box((0.56, 0.56, 0.004), (0, 0, -0.034), 0), glow)
    if kind == "tube":
        thing = Thing().add(box((1.25, 0.12, 0.05), (0, 0, -0.05)), f.satin, PALE[0])
        return thing.add(cylinder(0.016, 1.2, sides=10).turned(np.pi / 2, "y").at(-0.6, 0, -0.07), glow)
    if kind == "spot":
        thing = Thing().add(cylinder(0.045, 0.09, (0, 0, -0.09)), f.satin, pick(rng, DARK + PALE))
        return thing.add(cylinder(0.035, 0.003, (0, 0, -0.0935)), glow)
    return Thing().add(lathe([(0, -0.09), (0.12, -0.08), (0.19, -0.04), (0.2, 0.0)], 32), glow)


def kitchen(rng, f: Finishes, width: float) -> Thing:
    """A run of units under a worktop with sink, tap and hob."""
    top = (
        f.wood2,
        surfaces.speckled(rng, pick(rng, PALE + DARK)),
        surfaces.marble(rng, (0.65, 0.64, 0.6), (0.25, 0.24, 0.22)),
    )[rng.integers(3)]
    thing = cabinet(rng, f, width, 0.9, 0.62, int(rng.integers(1, 3)), max(2, round(width / 0.55)), top)
    sink, hob = -0.28 * width, 0.26 * width
    thing.add(block((sink - 0.24, 0.14, 0.9), (sink + 0.24, 0.5, 0.903), 0.001), f.steel)
    thing.add(block((sink - 0.21, 0.17, 0.9035), (sink + 0.21, 0.47, 0.904)), f.iron, (0.09, 0.09, 0.09))
    arc = np.linspace(0, np.pi, 10)
    spout = np.stack([np.full(10, sink), 0.19 - 0.09 * np.cos(arc), 1.16 + 0.09 * np.sin(arc)], 1)
    thing.add(tube(np.concatenate([[(sink, 0.1, 0.9)], spout, [(sink, 0.28, 1.1)]]), 0.013), f.steel)
    thing.add(
        block((hob - 0.29, 0.07, 0.9), (hob + 0.29, 0.57, 0.906), 0.002), f.gloss, (0.012, 0.012, 0.013)
    )
    for x, y, r in ((-0.14, 0.2, 0.08), (0.14, 0.2, 0.1), (-0.14, 0.44, 0.1), (0.14, 0.44, 0.08)):
        thing.add(lathe([(r, 0.9065), (r + 0.006, 0.9065)], 28, (hob + x, y, 0)), f.iron, (0.2, 0.2, 0.2))
    if rng.random() < 0.8:
        r = rng.uniform(0.1, 0.13)
        pot = [
            (0, 0.002),
            (r, 0),
            (r, 0.13),
            (r * 1.02, 0.135),
            (0.6 * r, 0.155),
            (0.012, 0.16),
            (0.015, 0.19),
            (0, 0.19),
        ]
        thing.add(
            lathe(pot, 28, (hob - 0.14, 0.44, 0.907)), (f.steel, f.gloss)[rng.integers(2)], pick(rng, BRIGHT)
        )
        thing.add(
            tube([(hob - 0.14 + r, 0.44, 1.01), (hob + r, 0.44, 1.02), (hob + 0.05 + r, 0.44, 1.02)], 0.009),
            f.satin,
            DARK[0],
        )
    front = block((hob - 0.28, 0.6, 0.28), (hob + 0.28, 0.628, 0.84), 0.004)
    thing.add(front, f.gloss, (0.02, 0.02, 0.022))
    return thing.add(
        tube([(hob - 0.22, 0.65, 0.78), (hob, 0.65, 0.78), (hob + 0.22, 0.65, 0.78)], 0.009), f.steel
    )


def fridge(rng, f: Finishes) -> Thing:
    """A fridge with magnets and notes."""
    tint, skin = ((f.gloss, f.satin, f.iron)[rng.integers(3)], pick(rng, PALE + PALE + BRIGHT))[::-1]
    thing = (
        Thing()
        .add(box((0.6, 0.6, 1.8), (0, 0.3, 0.02), 0.015), skin, tint)
        .add(box((0.58, 0.01, 0.012), (0, 0.602, 0.62), 0), f.satin, DARK[0])
    )
    for z, h in ((0.66, 0.5), (0.3, 0.28)):
        thing.add(box((0.02, 0.03, h), (0.24, 0.62, z)), f.steel)
    for _ in range(int(rng.integers(2, 8))):
        note = box(
            (rng.uniform(0.04, 0.14), 0.002, rng.uniform(0.04, 0.18)),
            (rng.uniform(-0.2, 0.13), 0.602, rng.uniform(0.75, 1.5)),
            0,
        )
        thing.add(note, f.matt, pick(rng, BRIGHT + PALE))
    return thing


def basin(rng, f: Finishes, width: float = 0.9) -> Thing:
    """A wash-stand with a bowl and a tap."""
    thing = cabinet(rng, f, width, 0.82, 0.48, 1, 2, f.gloss)
    r = 0.2
    thing.add(
        lathe(
            [(0, 0.82), (0.12, 0.82), (r, 0.93), (r - 0.012, 0.93), (0.1, 0.84), (0, 0.835)], 36, (0, 0.26, 0)
        ),
        f.gloss,
        PALE[0],
    )
    return thing.add(
        tube([(0, 0.05, 0.82), (0, 0.05, 1.05), (0, 0.12, 1.09), (0, 0.17, 1.05)], 0.014), f.steel
    )


def bath(f: Finishes, length: float = 1.7) -> Thing:
    """A bath tub."""
    thing = Thing().add(block((-length / 2, 0, 0), (length / 2, 0.05, 0.58), 0.01), f.gloss, PALE[0])
    thing.add(block((-length / 2, 0.7, 0), (length / 2, 0.75, 0.58), 0.01), f.gloss, PALE[0])
    for x in (-length / 2, length / 2 - 0.07):
        thing.add(block((x, 0.05, 0), (x + 0.07, 0.7, 0.58), 0.01), f.gloss, PALE[0])
    thing.add(block((-length / 2 + 0.07, 0.05, 0), (length / 2 - 0.07, 0.7, 0.2)), f.gloss, PALE[0])
    return thing.add(
        tube([(0, 0.02, 0.58), (0, 0.03, 0.75), (0, 0.15, 0.76), (0, 0.2, 0.72)], 0.016), f.steel
    )


def toilet(f: Finishes) -> Thing:
    """A toilet with its cistern."""
    thing = Thing().add(cushion((0.38, 0.18, 0.36), (0, 0.1, 0.42), 0.2), f.gloss, PALE[0])
    thing.add(
        lathe([(0, 0), (0.12, 0), (0.13, 0.2), (0.19, 0.38), (0.2, 0.4), (0, 0.4)], 28, (0, 0.42, 0)),
        f.gloss,
        PALE[0],
    )
    return thing.add(cushion((0.38, 0.46, 0.05), (0, 0.42, 0.4), 0.7), f.gloss, PALE[0]).add(
        box((0.2, 0.3, 0.36), (0, 0.2, 0)), f.gloss, PALE[0]
    )


def towel_rail(rng, f: Finishes) -> Thing:
    """Towels over a bar."""
    thing = Thing().add(tube([(-0.35, 0.07, 0.6), (0, 0.07, 0.6), (0.35, 0.07, 0.6)], 0.01), f.steel)
    for x in (-0.17, 0.17):
        thing.add(
            cushion((0.3, 0.05, rng.uniform(0.45, 0.62)), (x, 0.07, 0.02), 0.25),
            (f.linen, f.any_fabric())[rng.integers(2)],
        )
    return thing


def stairs(rng, f: Finishes, steps: int = 11, width: float = 1.0) -> Thing:
    """A flight that climbs along +x, with posts and a hand rail towards +y."""
    thing = Thing()
    for i in range(steps):
        low, high = (i * 0.26, 0.0, 0.0), ((i + 1) * 0.26, width, (i + 1) * 0.175 - 0.03)
        thing.add(block(low, high), f.satin, PALE[0])
        thing.add(
            block((i * 0.26 - 0.025, 0, high[2]), (high[0], width + 0.02, high[2] + 0.03), 0.004), f.wood
        )
        for x in (0.07, 0.2):
            thing.add(
                box((0.022, 0.022, 0.88), (i * 0.26 + x, width - 0.05, high[2] + 0.03)),
                (f.iron, f.satin)[int(width * 1000) % 2],
                DARK[0],
            )
    end = steps * 0.26
    rail = [
        (0, width - 0.05, 1.03),
        (end / 2, width - 0.05, 1.03 + end / 2 * 0.175 / 0.26),
        (end, width - 0.05, 1.03 + end * 0.175 / 0.26),
    ]
    return thing.add(tube(rail, 0.03), f.wood2).add(box((0.09, 0.09, 1.2), (-0.05, width - 0.05, 0)), f.wood2)


def coats(rng, f: Finishes) -> Thing:
    """Coats and bags on hooks."""
    thing = Thing().add(box((1.1, 0.025, 0.1), (0, 0.014, 1.1)), f.wood)
    for x in np.arange(-0.4, 0.5, 0.2):
        thing.add(tube([(x, 0.02, 1.13), (x, 0.07, 1.13), (x, 0.09, 1.17)], 0.007), f.brass)
        if rng.random() < 0.75:
            long = rng.uniform(0.5, 1.0)
            thing.add(
                cushion((rng.uniform(0.22, 0.36), 0.13, long), (x, 0.09, 1.12 - long), 0.6),
                (f.cloth, f.any_fabric(), f.leather)[rng.integers(3)],
            )
    return thing


def skirting(start, end, f: Finishes, tint) -> Form:
    """A board along the foot of a wall between two corners (2,)."""
    low, high = np.minimum(start, end), np.maximum(start, end)
    return block((*(low - 0.012), 0), (*(high + 0.012), 0.08), 0.004)
