"""How a place is laid out: what stands within reach, what is scattered around, what closes the horizon."""

import numpy as np

from renderih_lib.render.blender.places import buildings, grounds, outdoors, plants, seats
from renderih_lib.render.blender.places.forms import Form, Thing
from renderih_lib.render.blender.places.grounds import copies, leafage, mottled, strewn
from renderih_lib.render.blender.places.plants import GREENS, bumps
from renderih_lib.render.blender.surfaces import painted, shade

GRASS = ((0.045, 0.075, 0.015), (0.07, 0.10, 0.02), (0.10, 0.10, 0.035), (0.035, 0.06, 0.018))
SLABS = (
    ((0.22, 0.21, 0.19), (0.34, 0.32, 0.29)),
    ((0.16, 0.15, 0.15), (0.24, 0.23, 0.22)),
    ((0.3, 0.13, 0.08), (0.4, 0.2, 0.12)),
    ((0.4, 0.35, 0.27), (0.5, 0.45, 0.36)),
)
LAMP = 300.0  # radiance of a street lamp, where a night sky has 0.01


def pick(rng, options):
    return options[rng.integers(len(options))]


def eye(rng, low: float = 1.0, high: float = 1.35) -> np.ndarray:
    return np.array([*rng.normal(0, 0.04, 2), rng.uniform(low, high)])


def facing(angle: float) -> float:
    """Turn of a thing that stands in this direction and faces the origin."""
    return angle + np.pi / 2


def beside(scene, rng, things, near: float = 0.9, far: float = 2.4, turn: float | None = None) -> None:
    """Things all around within reach, each facing the middle and none nearer than half a metre."""
    turn = rng.uniform(0, 2 * np.pi) if turn is None else turn
    for k, thing in enumerate(things):
        angle = turn + 2 * np.pi * (k + rng.uniform(-0.22, 0.22)) / len(things)
        reach = max(rng.uniform(near, far), 0.5 + thing.bounds()[1, 1])
        thing.put(
            scene, reach * np.cos(angle), reach * np.sin(angle), 0.0, facing(angle) + rng.normal(0, 0.12)
        )


def scattered(
    scene,
    rng,
    things,
    count: int,
    near: float,
    far: float,
    allowed=None,
    gap: float = 1.0,
    height=None,
    size=0.2,
) -> None:
    """Copies of a few things at random between two distances, `gap` metres apart, where `allowed` (2,) -> bool."""
    items = [thing.put(scene, 0, 0, -50) for thing in things]
    for item in items:
        item.hide_render = True
    taken, rows = np.zeros((0, 2)), [[] for _ in items]
    for _ in range(6 * count):
        spot = np.sqrt(rng.uniform(near**2, far**2)) * np.array(
            [np.cos(a := rng.uniform(0, 2 * np.pi)), np.sin(a)]
        )
        if len(taken) >= count:
            break
        if (allowed is not None and not allowed(spot)) or (np.linalg.norm(taken - spot, axis=1) < gap).any():
            continue
        taken = np.vstack([taken, spot])
        z = 0.0 if height is None else float(height(spot[None])[0])
        rows[rng.integers(len(items))].append((*spot, z, rng.uniform(0, 2 * np.pi), rng.lognormal(0, size)))
    for item, places in zip(items, rows, strict=True):
        copies(scene, item, places)


def hills(scene, rng, colour, distance: float = 150.0, height: float = 25.0, roughness: float = 1.0) -> None:
    """A ring of hills on the horizon."""
    turn, share = np.linspace(0, 2 * np.pi, 181), np.linspace(0, 1, 7)
    circle = np.column_stack([np.cos(turn), np.sin(turn)])
    crest = (
        0.55
        + 0.25 * bumps(rng, circle, 2.0)
        + 0.1 * roughness * bumps(rng, circle, 7.0)
        + 0.04 * roughness * bumps(rng, circle, 22.0)
    )
    radius = distance * (1 + 0.5 * share)[:, None]
    z = height * np.maximum(crest, 0.08) * np.sin(share * np.pi / 2)[:, None] - 0.5
    vertices = np.stack([radius * circle[:, 0], radius * circle[:, 1], z], -1)
    index = np.arange(7 * 181).reshape(7, 181)
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    material = mottled(rng, (shade(colour, 0.6), colour, shade(colour, 1.4)), 0.04, 800.0, grain=0.5)
    Thing().add(Form(vertices.reshape(-1, 3), quads, True), material).put(scene)


def woods(
    scene,
    rng,
    distance: float,
    count: int = 70,
    kinds=("round", "wide", "column"),
    autumn=None,
    far: float | None = None,
    allowed=None,
) -> None:
    """Trees in the distance."""
    things = [
        plants.tree(rng, float(rng.uniform(6, 10)), kind, autumn=autumn) if kind != "fir" else plants.fir(rng)
        for kind in kinds
    ]
    scattered(scene, rng, things, count, distance, far or 2.2 * distance, allowed, 3.0)


def row_of_houses(
    scene, rng, y: float, angle: float, lit: float, floors=(2, 6), along=(-45, 45), variants: int = 4
) -> None:
    """House fronts side by side at a distance, facing the origin from direction `angle`."""
    fronts = [
        (w := float(rng.uniform(7, 13)), buildings.facade(rng, w, int(rng.integers(*floors)), lit))
        for _ in range(variants)
    ]
    items = [(w, front.put(scene, 0, 0, -500)) for w, front in fronts]
    x, rows, k = along[0], [[] for _ in items], int(rng.integers(variants))
    ahead, aside = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    while x < along[1]:
        k = (k + int(rng.integers(1, variants))) % variants
        w = items[k][0]
        spot = y * ahead + (x + w / 2) * aside
        rows[k].append((*spot, 0.0, facing(angle), 1.0))
        x += w
    for (_, item), places in zip(items, rows, strict=True):
        copies(scene, item, places)


def terrace_sets(scene, rng, count: int, near: float, far: float, allowed=None) -> None:
    """Tables with chairs, some under parasols."""
    sets = []
    for _ in range(2):
        thing = Thing().include(seats.table(rng, size=0.8), 0, 0)
        for k in range(int(rng.integers(2, 4))):
            thing.include(
                seats.chair(rng), 0.75 * np.cos(k * 2.1), 0.75 * np.sin(k * 2.1), 0, facing(k * 2.1)
            )
        sets.append(thing.include(seats.parasol(rng), 0, 0) if rng.random() < 0.6 else thing)
    scattered(scene, rng, sets, count, near, far, allowed, 2.6, size=0.02)


def lawn(
    scene,
    rng,
    allowed,
    radius: float = 3.2,
    length: float = 0.05,
    colour=GREENS[0],
    height=None,
    dense: int = 3600,
) -> None:
    """Blades of grass where one stands, clover and daisies among them."""
    green = leafage(rng, colour, (0.22, 0.2, 0.07))
    patches = []
    for _ in range(2):
        thing = Thing().add(grounds.blades(rng, dense, 1.0, length, 0.0045, 0.7), green)
        if rng.random() < 0.6:
            spot = np.column_stack([rng.uniform(-0.5, 0.5, (40, 2)), length * rng.uniform(0.5, 1.0, 40)])
            thing.add(
                plants.leaves_at(rng, np.repeat(spot, 3, 0) + rng.normal(0, 0.006, (120, 3)), 0.014, 0.8),
                painted(0.8),
                pick(rng, ((0.75, 0.73, 0.66), (0.7, 0.55, 0.04), (0.08, 0.16, 0.04))),
            )
        patches.append(thing.put(scene, 0, 0, -50))
    strewn(scene, rng, patches, allowed, radius, height=height)


def turf(rng, colour):
    """The ground under a lawn, in the lawn's colour."""
    return mottled(
        rng,
        (shade(colour, 0.75), shade(colour, 1.15), shade((1.35 * colour[0], colour[1], colour[2]), 1.3)),
        0.35,
        18.0,
        grain=130.0,
    )


def lamps(scene, rng, today, spots) -> None:
    """Street lamps at spots (x, y, angle), lit in the evening."""
    items = [outdoors.lamp_post(rng, LAMP * today.lamps, float(rng.uniform(3.6, 5.5))).put(scene, 0, 0, -500)]
    copies(scene, items[0], [(x, y, 0, angle, 1.0) for x, y, angle in spots])
