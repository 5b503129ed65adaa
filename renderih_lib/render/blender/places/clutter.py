"""Small things that lie or stand on tables, shelves and worktops: each stands on z = 0 around the origin."""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.places.forms import (
    Thing,
    box,
    cushion,
    cylinder,
    lathe,
    leaves,
    panel,
    sheet,
    tube,
)
from renderih_lib.render.blender.places.palettes import (
    BRIGHT,
    CLOTHS,
    DARK,
    PALE,
    WOODS,
    Finishes,
    page_image,
    pick,
)


def cup(rng, f: Finishes) -> Thing:
    """A mug with coffee or tea."""
    r, h = rng.uniform(0.035, 0.045), rng.uniform(0.07, 0.11)
    thing = Thing()
    wall = [
        (0, 0.002),
        (0.8 * r, 0.002),
        (0.85 * r, 0.004),
        (r, 0.5 * h),
        (r, h),
        (r - 0.004, h),
        (r - 0.005, 0.01),
        (0, 0.01),
    ]
    tint = pick(rng, BRIGHT + PALE)
    thing.add(lathe(wall, 24), f.gloss, tint)
    turn = np.linspace(-1.3, 1.3, 9)
    ring = np.stack([r - 0.002 + 0.028 * np.cos(turn), 0 * turn, h * 0.52 + 0.027 * np.sin(turn)], 1)
    thing.add(tube(ring, 0.0055), f.gloss, tint)
    return thing.add(cylinder(r - 0.006, 0.004, (0, 0, 0.75 * h)), f.gloss, (0.05, 0.02, 0.008))


def tumbler(rng, f: Finishes) -> Thing:
    """A drinking glass, some with juice."""
    r, h = rng.uniform(0.028, 0.038), rng.uniform(0.09, 0.14)
    thing = Thing().add(
        lathe([(0, 0.004), (0.85 * r, 0), (r, h), (r - 0.003, h), (0.8 * r, 0.01), (0, 0.01)], 24), f.glass
    )
    if rng.random() < 0.6:
        tint = pick(rng, [BRIGHT[1], BRIGHT[0], PALE[0], (0.3, 0.12, 0.03)])
        thing.add(cylinder(0.8 * r, h * rng.uniform(0.3, 0.7), (0, 0, 0.012)), f.gloss, tint)
    return thing


def bottle(rng, f: Finishes) -> Thing:
    """Wine, oil, water or cleaner."""
    r, h = rng.uniform(0.028, 0.042), rng.uniform(0.18, 0.31)
    profile = [
        (0, 0),
        (r, 0.004),
        (r, 0.58 * h),
        (0.9 * r, 0.66 * h),
        (0.36 * r, 0.78 * h),
        (0.34 * r, 0.97 * h),
        (0, 0.97 * h),
    ]
    material = (f.green_glass, f.brown_glass, f.glass, f.gloss)[rng.integers(4)]
    thing = Thing().add(lathe(profile, 24), material, pick(rng, BRIGHT))
    if material is not f.gloss:  # what is in it
        thing.add(
            cylinder(0.93 * r, 0.5 * h, (0, 0, 0.004)),
            f.gloss,
            pick(rng, [(0.02, 0.03, 0.01), (0.2, 0.1, 0.01), (0.1, 0.01, 0.02)]),
        )
    thing.add(lathe([(1.01 * r, 0.18 * h), (1.01 * r, 0.48 * h)], 24), f.matt, pick(rng, PALE + BRIGHT))
    return thing.add(cylinder(0.4 * r, 0.06 * h, (0, 0, 0.95 * h)), f.satin, pick(rng, BRIGHT + DARK))


def jar(rng, f: Finishes) -> Thing:
    """A jar or tin with a lid."""
    r, h = rng.uniform(0.03, 0.06), rng.uniform(0.08, 0.2)
    body, tint = ((f.gloss, f.satin, f.steel)[rng.integers(3)], pick(rng, BRIGHT + PALE + CLOTHS))
    thing = Thing().add(cylinder(r, 0.85 * h, sides=24), body, tint)
    return thing.add(
        cylinder(1.03 * r, 0.15 * h, (0, 0, 0.85 * h), 24),
        (f.wood, f.steel, f.satin)[rng.integers(3)],
        pick(rng, BRIGHT),
    )


def book(rng, f: Finishes, size=None) -> Thing:
    """A closed book that lies."""
    width, depth, height = size or (
        rng.uniform(0.13, 0.24),
        rng.uniform(0.18, 0.3),
        rng.uniform(0.012, 0.045),
    )
    tint = pick(rng, BRIGHT + CLOTHS)
    thing = Thing().add(box((width, depth, 0.003)), f.satin, tint)
    thing.add(box((width, depth, 0.003), (0, 0, height - 0.003)), f.satin, tint)
    thing.add(box((0.004, depth, height), (-width / 2, 0, 0)), f.satin, tint)
    thing.add(
        box((0.6 * width, 0.3 * depth, 0.0006), (0, 0.2 * depth, height), 0),
        f.satin,
        pick(rng, PALE + BRIGHT),
    )
    return thing.add(
        box((width - 0.008, depth - 0.01, height - 0.006), (0, 0, 0.003), 0.001), f.matt, PALE[3]
    )


def books(rng, f: Finishes) -> Thing:
    """A pile of two to five books."""
    thing, z = Thing(), 0.0
    width, depth = rng.uniform(0.17, 0.24), rng.uniform(0.22, 0.3)
    for _ in range(int(rng.integers(2, 6))):
        height = rng.uniform(0.015, 0.045)
        thing.include(book(rng, f, (width, depth, height)), 0, 0, z, rng.normal(0, 0.15))
        z, width, depth = z + height, width * rng.uniform(0.85, 1), depth * rng.uniform(0.85, 1)
    return thing


def open_book(rng, f: Finishes) -> Thing:
    """A book that somebody reads."""
    thing = Thing()
    t = np.linspace(0, 1, 9)
    for side in (-1, 1):
        rise = 0.004 + 0.022 * np.sqrt(t) * (1 - t) * 2
        pages = sheet(side * t * 0.15, np.array([-0.11, 0.11]), np.repeat(rise[:, None], 2, 1))
        uv = np.stack([np.abs(pages.vertices[:, 0]) / 0.15, (pages.vertices[:, 1] + 0.11) / 0.22], -1)[
            pages.quads
        ]
        thing.add(pages._replace(uv=uv), surfaces.pixels(page_image(rng), roughness=0.9))
    return thing.add(box((0.31, 0.23, 0.003)), f.satin, pick(rng, BRIGHT))


def papers(rng, f: Finishes) -> Thing:
    """Some printed sheets, one over the other."""
    thing = Thing()
    for i in range(int(rng.integers(2, 5))):
        page = panel(0.21, 0.297).turned(-np.pi / 2, "x").at(0, -0.148, 0.001 + 0.0015 * i)
        x, y = rng.normal(0, 0.03, 2)
        thing.add(
            page.turned(np.pi + rng.normal(0, 0.25)).at(x, y), surfaces.pixels(page_image(rng), roughness=0.9)
        )
    return thing


def pen(rng, f: Finishes) -> Thing:
    """A pen or pencil that lies."""
    along = np.array([[-0.07, 0, 0.005], [0.06, 0, 0.005], [0.065, 0, 0.005], [0.075, 0, 0.005]])
    return Thing().add(tube(along, 0.0045), f.satin, pick(rng, BRIGHT))


def pen_pot(rng, f: Finishes, brushes: bool = False) -> Thing:
    """Pens, brushes or wooden spoons in a pot."""
    scale = rng.uniform(1.0, 1.3)
    thing = Thing().add(
        lathe([(0, 0.003), (0.04, 0), (0.042, 0.1), (0.038, 0.1), (0.036, 0.01), (0, 0.01)], 20),
        f.gloss,
        pick(rng, BRIGHT),
    )
    for _ in range(int(rng.integers(5, 11))):
        lean, angle, length = rng.uniform(0.02, 0.035), rng.uniform(0, 6.3), scale * rng.uniform(0.14, 0.24)
        way = np.array([np.cos(angle) * lean, np.sin(angle) * lean, 0.1])
        top = way * length / 0.1
        thing.add(
            tube([-0.3 * way + (0, 0, 0.035), 0.5 * top, top], 0.004), f.satin, pick(rng, BRIGHT + WOODS)
        )
        if brushes:
            thing.add(tube([top, top * 1.08, top * 1.2], 0.007), f.matt, pick(rng, BRIGHT))
    return thing


def plate(rng, f: Finishes) -> Thing:
    """A plate with something to eat, a knife and a fork."""
    r = rng.uniform(0.09, 0.135)
    profile = [(0, 0.004), (0.6 * r, 0.003), (r, 0.02), (r, 0.024), (0.62 * r, 0.009), (0, 0.008)]
    thing = Thing().add(lathe(profile, 32), f.gloss, pick(rng, PALE + BRIGHT[:5]))
    for _ in range(int(rng.integers(0, 6))):
        x, y = rng.normal(0, 0.28 * r, 2)
        size = rng.uniform(0.02, 0.06, 3) * (1, 1, 0.6)
        thing.add(
            cushion(size, (x, y, 0.008), 0.9, 4),
            f.matt,
            pick(rng, [BRIGHT[1], BRIGHT[3], WOODS[1], WOODS[4], BRIGHT[0]]),
        )
    for x in (-1.2 * r, 1.2 * r):
        thing.add(box((0.012, 0.19, 0.003), (x, 0, 0), 0.001), f.steel)
    return thing


def bowl(rng, f: Finishes) -> Thing:
    """A bowl of fruit."""
    r = rng.uniform(0.1, 0.15)
    profile = [
        (0, 0.005),
        (0.45 * r, 0),
        (0.8 * r, 0.03),
        (r, 0.075),
        (0.97 * r, 0.075),
        (0.75 * r, 0.035),
        (0, 0.012),
    ]
    thing = Thing().add(
        lathe(profile, 32), (f.gloss, f.wood, f.steel)[rng.integers(3)], pick(rng, BRIGHT + PALE)
    )
    tint = pick(rng, [(0.6, 0.05, 0.03), (0.75, 0.28, 0.02), (0.3, 0.45, 0.04), (0.75, 0.6, 0.05)])
    for i in range(7):
        size, ring = rng.uniform(0.06, 0.075), 0.05 if i < 5 else 0.02
        x, y, z = ring * np.cos(i * 1.26), ring * np.sin(i * 1.26), 0.03 if i < 5 else 0.08
        thing.add(
            cushion((size, size, 0.92 * size), (x, y, z), 1.0, 5),
            f.gloss,
            tuple(np.array(tint) * rng.uniform(0.7, 1.2)),
        )
    return thing


def vase(rng, f: Finishes) -> Thing:
    """Flowers in a vase."""
    r, h = rng.uniform(0.04, 0.06), rng.uniform(0.14, 0.25)
    profile = [
        (0, 0.003),
        (0.7 * r, 0),
        (r, 0.4 * h),
        (0.5 * r, 0.85 * h),
        (0.6 * r, h),
        (0.5 * r, h),
        (0, 0.9 * h),
    ]
    thing = Thing().add(lathe(profile, 24), f.gloss, pick(rng, BRIGHT + PALE))
    tint = pick(rng, [(0.8, 0.1, 0.15), (0.85, 0.6, 0.05), (0.8, 0.75, 0.7), (0.5, 0.15, 0.6)])
    for _ in range(int(rng.integers(5, 10))):
        way = np.append(rng.normal(0, 0.3, 2), 1.0)
        top = (0, 0, 0.8 * h) + way / np.linalg.norm(way) * rng.uniform(0.14, 0.26)
        thing.add(
            tube([(0, 0, 0.8 * h), 0.5 * (top + (0, 0, 0.8 * h)), top], 0.002, 5), f.satin, (0.08, 0.2, 0.04)
        )
        thing.add(cushion((0.05, 0.05, 0.03), top - (0, 0, 0.01), 1.0, 4), f.matt, tint)
    directions = rng.normal(0, 1, (9, 3)) * (1, 1, 0.4) + (0, 0, 0.6)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return thing.add(leaves(np.tile([0, 0, h], (9, 1)), directions, 0.14, 0.035), f.leaf)


def pot_plant(rng, f: Finishes, size: float | None = None) -> Thing:
    """A house plant of a height in metres."""
    size = size or rng.uniform(0.2, 0.35)
    r, h = 0.28 * size + 0.02, 0.32 * size + 0.03
    pot = [(0, 0.003), (0.72 * r, 0), (r, h), (0.92 * r, h), (0.88 * r, 0.85 * h), (0, 0.85 * h)]
    thing = Thing().add(
        lathe(pot, 24), (f.gloss, f.matt)[rng.integers(2)], pick(rng, BRIGHT + PALE + [(0.4, 0.14, 0.07)] * 6)
    )
    thing.add(cylinder(0.88 * r, 0.01, (0, 0, 0.86 * h)), f.matt, (0.03, 0.02, 0.012))
    upright, count = rng.uniform(0.3, 1.6), int(rng.integers(24, 60))
    directions = rng.normal(0, 1, (count, 3)) * (1, 1, 0.35) + (0, 0, upright)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    start = np.stack(
        [np.zeros(count), np.zeros(count), rng.uniform(0.85 * h, max(0.86 * h, 0.55 * size), count)], 1
    )
    width = rng.choice([0.06, 0.16, 0.3]) * size
    thing.add(
        leaves(
            start, directions, rng.uniform(0.4, 0.8, count) * (size - 0.5 * h), width, rng.uniform(0.1, 0.7)
        ),
        f.leaf,
    )
    return thing.add(
        tube([(0, 0, 0.8 * h), (0, 0, h), (0, 0, 0.62 * size)], 0.012 * (1 + size)), f.matt, (0.1, 0.06, 0.03)
    )


def candle(rng, f: Finishes) -> Thing:
    """A candle that burns."""
    h = rng.uniform(0.06, 0.2)
    thing = Thing().add(cylinder(0.03, h), f.matt, PALE[0]).add(cylinder(0.045, 0.012), f.brass)
    return thing.add(
        lathe([(0, 0), (0.006, 0.008), (0.004, 0.022), (0, 0.035)], 10, (0, 0, h + 0.004)),
        surfaces.glowing((1.0, 0.55, 0.18), 250.0),
    )


def carton(rng, f: Finishes) -> Thing:
    """A box: cereals, tea, tissues, screws."""
    size = rng.uniform((0.08, 0.05, 0.06), (0.22, 0.14, 0.26))
    thing = Thing().add(box(size), f.satin, pick(rng, BRIGHT + WOODS))
    return thing.add(
        box((size[0] * 0.7, size[1] + 0.002, size[2] * 0.4), (0, 0, size[2] * 0.35), 0),
        f.satin,
        pick(rng, BRIGHT + PALE),
    )


def towel_pile(rng, f: Finishes) -> Thing:
    """Folded towels or clothes."""
    thing, z = Thing(), 0.0
    for _ in range(int(rng.integers(2, 5))):
        height = rng.uniform(0.03, 0.06)
        thing.add(
            cushion((0.3, 0.24, height), (0, 0, z), 0.3), (f.linen, f.any_fabric(), f.cloth)[rng.integers(3)]
        )
        z += 0.93 * height
    return thing


def tool(rng, f: Finishes) -> Thing:
    """A hammer, a screwdriver, a spanner or a saw that lies along x."""
    kind, tint = rng.integers(4), pick(rng, BRIGHT)
    grip = tube([(-0.16, 0, 0.014), (-0.1, 0, 0.014), (-0.04, 0, 0.014)], 0.013)
    if kind == 0:
        thing = Thing().add(tube([(-0.16, 0, 0.014), (0, 0, 0.014), (0.12, 0, 0.014)], 0.012), f.wood)
        return thing.add(box((0.03, 0.11, 0.028), (0.13, 0, 0)), f.steel)
    if kind == 1:
        return (
            Thing()
            .add(grip, f.gloss, tint)
            .add(tube([(-0.04, 0, 0.014), (0.02, 0, 0.014), (0.1, 0, 0.014)], 0.004), f.steel)
        )
    if kind == 2:
        thing = Thing().add(box((0.2, 0.018, 0.007)), f.steel)
        return thing.add(
            lathe([(0.012, 0), (0.024, 0), (0.024, 0.009), (0.012, 0.009)], 12, (0.1, 0, 0)), f.steel
        )
    thing = Thing().add(box((0.12, 0.05, 0.024), (-0.18, 0, 0)), f.wood2)
    return thing.add(box((0.36, 0.07, 0.002), (0.05, 0, 0.01), 0), f.steel)


def basket(rng, f: Finishes) -> Thing:
    """A round basket or bin."""
    r, h = rng.uniform(0.12, 0.18), rng.uniform(0.15, 0.35)
    tint = pick(rng, WOODS + DARK)
    return Thing().add(
        lathe([(0, 0.01), (0.8 * r, 0), (r, h), (0.94 * r, h), (0.76 * r, 0.02), (0, 0.02)], 24), f.matt, tint
    )


def desk_lamp(rng, f: Finishes, lamp) -> Thing:
    """A shaded lamp; `lamp` is the glowing material of the bulb."""
    h, r = rng.uniform(0.3, 0.5), rng.uniform(0.1, 0.17)
    thing = Thing().add(
        lathe(
            [
                (0, 0),
                (0.07, 0),
                (0.07, 0.012),
                (0.03, 0.02),
                (0.045, 0.5 * h),
                (0.012, 0.62 * h),
                (0.012, 0.8 * h),
            ],
            20,
        ),
        (f.gloss, f.brass, f.wood)[rng.integers(3)],
        pick(rng, BRIGHT + PALE),
    )
    thing.add(lathe([(r, 0.62 * h), (0.65 * r, h), (0.64 * r, h), (0.99 * r, 0.62 * h)], 28), f.shade)
    return thing.add(cushion((0.05, 0.05, 0.07), (0, 0, 0.75 * h), 1.0, 4), lamp)


def scatter(rng, f: Finishes, kinds, area, z: float, count: int, keep=()) -> Thing:
    """Up to `count` things of `kinds` on a rectangle ((x0, y0), (x1, y1)) at height z, none over another.

    `keep` holds boxes (2, 3) that stay free.
    """
    (x0, y0), (x1, y1) = area
    whole, taken = Thing(), [np.asarray(box)[:, :2] for box in keep]
    for _ in range(count):
        thing = kinds[rng.integers(len(kinds))](rng, f)
        angle = rng.normal(0, 0.5) if rng.random() < 0.8 else rng.uniform(0, 6.3)
        turned = Thing().include(thing, 0, 0, 0, angle)
        low, high = turned.bounds()
        for _ in range(12):
            x, y = rng.uniform(x0, x1), rng.uniform(y0, y1)
            here = np.array([low[:2], high[:2]]) + (x, y)
            inside = (here[0] >= (x0, y0)).all() and (here[1] <= (x1, y1)).all()
            if inside and not any(
                (here[0] < b[1] + 0.008).all() and (b[0] < here[1] + 0.008).all() for b in taken
            ):
                whole.include(turned, x, y, z)
                taken.append(here)
                break
    return whole
