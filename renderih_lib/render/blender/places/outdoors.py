"""Built and natural things outdoors: lamps, stones, steps, planters, logs, bins, crates.

Each function returns a `forms.Thing` that stands on z = 0 around the origin and faces +y.
"""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.places.forms import Thing, box, cylinder, lathe, tube
from renderih_lib.render.blender.places.grounds import bark, mottled
from renderih_lib.render.blender.places.plants import bumps, lumpy
from renderih_lib.render.blender.surfaces import glowing, kelvin, metal, painted, shade, wood

PAINTS = (
    (0.02, 0.02, 0.022),
    (0.6, 0.6, 0.6),
    (0.25, 0.26, 0.28),
    (0.3, 0.012, 0.01),
    (0.015, 0.04, 0.15),
    (0.03, 0.1, 0.07),
    (0.75, 0.74, 0.7),
    (0.4, 0.24, 0.03),
    (0.08, 0.14, 0.18),
)
CLOTHS = (
    (0.36, 0.06, 0.045),
    (0.05, 0.11, 0.24),
    (0.06, 0.16, 0.09),
    (0.55, 0.51, 0.43),
    (0.5, 0.33, 0.08),
    (0.2, 0.06, 0.12),
    (0.3, 0.36, 0.38),
    (0.07, 0.07, 0.075),
)


def lamp_post(rng, glow: float = 0.0, height: float = 4.5) -> Thing:
    """A street lamp, of the lantern or of the arm kind; `glow` is its radiance."""
    iron, tint = painted(0.45), ((0.02, 0.02, 0.02), (0.3, 0.3, 0.3), (0.03, 0.06, 0.04))[rng.integers(3)]
    light = glowing(kelvin(float(rng.choice([2200, 3000, 4000]))), glow) if glow else painted(0.3)
    thing = Thing().add(
        lathe([(0.14, 0), (0.14, 0.1), (0.07, 0.3), (0.045, height - 0.3), (0.06, height)], 10), iron, tint
    )
    if rng.random() < 0.5:
        thing.add(lathe([(0.07, 0), (0.17, 0.42), (0.0, 0.43)], 8).at(0, 0, height), light, (0.6, 0.58, 0.5))
        return thing.add(lathe([(0.22, 0.42), (0.05, 0.6), (0, 0.72)], 8).at(0, 0, height), iron, tint)
    thing.add(tube([(0, 0, height), (0, 0.4, height + 0.35), (0, 1.3, height + 0.4)], 0.035, 6), iron, tint)
    thing.add(box((0.26, 0.6, 0.09), (0, 1.4, height + 0.4), 0.02), iron, tint)
    return thing.add(box((0.2, 0.5, 0.02), (0, 1.4, height + 0.375), 0), light, (0.7, 0.7, 0.65))


def rock(rng, size: float = 0.5, material=None) -> Thing:
    """A boulder, half bedded in."""
    axes = size * rng.uniform((0.7, 0.5, 0.4), (1.1, 0.9, 0.75))
    form = lumpy(rng, axes, 0.12, 14)
    cut = form.vertices + 0.06 * size * np.round(2 * bumps(rng, form.vertices / size, 2.5))[:, None] * (
        0.6,
        0.6,
        1.0,
    )
    return Thing().add(form._replace(vertices=cut).at(0, 0, 0.35 * axes[2]), material or stone(rng))


def stone(rng):
    """Weathered rock."""
    tone = np.array(
        ((0.3, 0.28, 0.25), (0.22, 0.22, 0.23), (0.42, 0.3, 0.2), (0.36, 0.35, 0.31))[rng.integers(4)]
    )
    return mottled(rng, (shade(tone, 0.4), shade(tone, 0.75), shade(tone, 1.1)), 2.2, 25.0, grain=25.0)


def steps(rng, width: float = 2.5, count: int = 5, material=None) -> Thing:
    """Stairs that rise towards -y, their foot at y = 0."""
    thing, body = Thing(), material or mottled(rng, ((0.25, 0.24, 0.22), (0.4, 0.38, 0.34)), 1.2, 4.0)
    for k in range(count):
        thing.add(box((width, 0.34 * (count - k), 0.16), (0, -0.17 * (count + k), 0.16 * k), 0.012), body)
    return thing


def planter(rng, plants: list[Thing], length: float = 1.6, height: float = 0.5) -> Thing:
    """A trough of concrete, wood or steel with plants."""
    body = (surfaces.concrete(rng), wood(rng, (0.28, 0.17, 0.09), 0.7), metal((0.3, 0.16, 0.09), 0.7))[
        rng.integers(3)
    ]
    thing = Thing().add(box((length, 0.5, height), (0, 0, 0), 0.012), body)
    thing.add(
        box((length - 0.08, 0.42, 0.02), (0, 0, height)),
        mottled(rng, ((0.03, 0.02, 0.012), (0.06, 0.04, 0.025)), 6.0),
    )
    for k, plant in enumerate(plants):
        thing.include(plant, (k + 0.5) / len(plants) * length - length / 2, 0, height, rng.uniform(0, 6))
    return thing


def log(rng, length: float = 2.0, radius: float = 0.16) -> Thing:
    """A felled trunk along x, with pale ends."""
    from renderih_lib.render.blender.places.grounds import bark

    t = np.linspace(-0.5, 0.5, 9)
    path = np.column_stack([length * t, rng.normal(0, 0.012, (9, 2))]) + (0, 0, 0.9 * radius)
    thing = Thing().add(tube(path, radius * rng.uniform(0.92, 1.08, 9), 14), bark(rng, (0.13, 0.09, 0.06)))
    for x, end in ((-0.5 * length, path[0]), (0.5 * length, path[-1])):
        disc = lathe([(0, 0), (0.95 * radius, 0.0), (0.97 * radius, 0.012), (0, 0.012)], 16).turned(
            np.pi / 2, "y"
        )
        thing.add(disc.at(x, end[1], end[2]), wood(rng, (0.5, 0.36, 0.2), 0.8))
    return thing


def bollard(rng, height: float = 0.9) -> Thing:
    """A post of iron or stone."""
    profile = [
        (0.1, 0),
        (0.085, 0.1),
        (0.075, height - 0.12),
        (0.095, height - 0.1),
        (0.08, height - 0.02),
        (0, height),
    ]
    return Thing().add(
        lathe(profile, 16), painted(0.5), ((0.02, 0.02, 0.02), (0.33, 0.32, 0.3))[rng.integers(2)]
    )


def bin(rng) -> Thing:
    """A litter bin or a wheeled one."""
    tint = ((0.03, 0.08, 0.05), (0.05, 0.05, 0.05), (0.02, 0.05, 0.15), (0.3, 0.3, 0.3))[rng.integers(4)]
    if rng.random() < 0.5:
        return Thing().add(
            lathe([(0.2, 0.05), (0.25, 0.8), (0.27, 0.82), (0.2, 0.9), (0, 0.92)], 18), painted(0.4), tint
        )
    thing = Thing().add(box((0.5, 0.55, 0.9), (0, 0, 0.1), 0.03), painted(0.45), tint)
    return thing.add(box((0.54, 0.62, 0.07), (0, 0.02, 1.0), 0.02), painted(0.45), shade(tint, 1.4))


def coil(rng) -> Thing:
    """A coil of rope."""
    t = np.linspace(0, 10 * np.pi, 160)
    path = np.column_stack([(0.2 - 0.002 * t) * np.cos(t), (0.2 - 0.002 * t) * np.sin(t), 0.015 + 0.004 * t])
    return Thing().add(tube(path, 0.014, 6), surfaces.fabric(rng, (0.4, 0.32, 0.2)))


def crate(rng) -> Thing:
    """A slatted wooden box."""
    timber, thing = wood(rng, (0.36, 0.25, 0.14), 0.8), Thing()
    for z in (0.02, 0.14, 0.26):
        for y in (-0.2, 0.2):
            thing.add(box((0.6, 0.015, 0.09), (0, y, z), 0.003), timber)
        for x in (-0.29, 0.29):
            thing.add(box((0.015, 0.4, 0.09), (x, 0, z), 0.003), timber)
    return thing.add(box((0.58, 0.39, 0.015), (0, 0, 0.02)), timber)


def stump(rng) -> Thing:
    """What is left of a felled tree."""
    r = float(rng.uniform(0.2, 0.32))
    side = tube([(0, 0, -0.1), (0, 0, 0.08), (0, 0, 0.2), (0, 0, 0.42)], [1.6 * r, 1.15 * r, r, 0.98 * r], 16)
    return (
        Thing()
        .add(side, bark(rng, (0.11, 0.08, 0.055)))
        .add(cylinder(0.98 * r, 0.015, (0, 0, 0.41), 16), wood(rng, (0.45, 0.33, 0.2), 0.8))
    )


def wood_stack(rng) -> Thing:
    """Split logs piled up."""
    thing, side, end = (
        Thing(),
        bark(rng, (0.13, 0.10, 0.07)),
        wood(rng, (0.5, 0.36, 0.2), 0.8),
    )
    for row in range(6):
        for k in range(11 - row % 2):
            r = rng.uniform(0.055, 0.075)
            x, z = 0.14 * k - 0.7 + 0.07 * (row % 2), 0.07 + 0.125 * row
            thing.add(tube([(x, -0.22, z), (x, 0.22, z)], r, 9), side)
            thing.add(cylinder(r, 0.01, sides=9).turned(-np.pi / 2, "x").at(x, 0.222, z), end)
    return thing


def trolleys(rng) -> Thing:
    """Shopping trolleys, one in another."""
    wire, thing = painted(0.3, 0.8), Thing()
    for k in range(int(rng.integers(1, 4))):
        x = 0.28 * k
        for z, wide in ((0.5, 0.42), (0.66, 0.46), (0.82, 0.5), (0.98, 0.54)):
            line = [
                (x - 0.4, -wide / 2, z),
                (x + 0.4, -wide / 2.4, z),
                (x + 0.4, wide / 2.4, z),
                (x - 0.4, wide / 2, z),
                (x - 0.4, -wide / 2, z),
            ]
            thing.add(tube(line, 0.005, 4), wire, (0.6, 0.6, 0.6))
        for t in np.linspace(-0.4, 0.4, 12):
            thing.add(
                tube(
                    [(x + t, -0.26, 0.98), (x + t, -0.2, 0.5), (x + t, 0.2, 0.5), (x + t, 0.26, 0.98)],
                    0.003,
                    3,
                ),
                wire,
                (0.6, 0.6, 0.6),
            )
        for y in (-0.22, 0.22):
            thing.add(
                tube([(x - 0.45, y, 1.0), (x - 0.35, y, 0.2), (x + 0.42, y, 0.16)], 0.012, 6),
                wire,
                (0.5, 0.5, 0.5),
            )
            for wheel in (-0.33, 0.38):
                thing.add(
                    cylinder(0.06, 0.03, sides=12).turned(np.pi / 2, "x").at(x + wheel, y, 0.07),
                    painted(0.6),
                    (0.02, 0.02, 0.02),
                )
        thing.add(
            tube([(x - 0.45, -0.26, 1.02), (x - 0.45, 0.26, 1.02)], 0.018, 8), painted(0.4), (0.5, 0.03, 0.02)
        )
    return thing
