"""Cars, a bicycle and a rowing boat; each faces +x and stands on z = 0 around the origin."""

import numpy as np

from renderih_lib.render.blender.places.forms import Form, Thing, box, cylinder, lathe, tube
from renderih_lib.render.blender.places.outdoors import PAINTS
from renderih_lib.render.blender.surfaces import glowing, painted, shade, wood

#: Along the car from tail to nose: x, half width, height of the belt line, of the roof (0: no cabin there), metres.
BODIES = {
    "sedan": [(-2.25, 0.70, 0.80, 0), (-2.15, 0.80, 0.93, 0), (-1.55, 0.88, 0.97, 0), (-0.85, 0.89, 0.94, 1.40),
              (0.15, 0.89, 0.93, 1.43), (0.95, 0.89, 0.93, 0), (1.75, 0.86, 0.84, 0), (2.15, 0.78, 0.70, 0), (2.28, 0.66, 0.60, 0)],
    "hatchback": [(-1.95, 0.74, 0.85, 0), (-1.88, 0.82, 0.98, 0), (-1.45, 0.86, 1.0, 1.40), (-0.6, 0.87, 0.97, 1.49),
                  (0.15, 0.87, 0.95, 1.48), (0.95, 0.87, 0.96, 0), (1.6, 0.84, 0.86, 0), (1.9, 0.76, 0.72, 0), (2.02, 0.64, 0.6, 0)],
    "estate": [(-2.3, 0.76, 0.9, 0), (-2.25, 0.84, 1.02, 0), (-2.0, 0.9, 1.05, 1.55), (-0.8, 0.92, 1.03, 1.68),
               (0.25, 0.92, 1.02, 1.67), (1.05, 0.92, 1.05, 0), (1.8, 0.88, 1.0, 0), (2.2, 0.82, 0.86, 0), (2.32, 0.7, 0.7, 0)],
    "van": [(-2.5, 0.9, 1.15, 0), (-2.49, 0.94, 1.16, 2.1), (-1.2, 0.97, 1.15, 2.22), (0.4, 0.97, 1.13, 2.22),
            (1.2, 0.97, 1.12, 2.1), (1.95, 0.95, 1.15, 0), (2.3, 0.9, 1.02, 0), (2.5, 0.82, 0.8, 0), (2.55, 0.75, 0.7, 0)],
}  # fmt: skip
SILL = 0.24


def car(rng, kind: str | None = None, lit: float = 0.0) -> Thing:
    """A car of a kind in `BODIES`; `lit` is the radiance of its lamps."""
    kind = kind or ("sedan", "hatchback", "estate", "van")[rng.choice(4, p=(0.33, 0.35, 0.24, 0.08))]
    paint, tint = painted(0.22, 0.2, 1.0), PAINTS[rng.integers(len(PAINTS))]
    glass, dark = painted(0.05, 0.0, 1.0), painted(0.7)
    stations = np.array(BODIES[kind], float)
    body, cabin = _lofts(stations, closed=kind == "van")
    thing = Thing().add(body, paint, tint)
    for form, see_through in cabin:
        thing.add(form, glass if see_through else paint, (0.012, 0.014, 0.016) if see_through else tint)
    front, back = stations[-1], stations[0]
    radius = 0.33 if kind in ("sedan", "hatchback") else 0.37
    for x in (stations[1, 0] + 0.72, stations[-2, 0] - 0.6):
        for side in (-1, 1):
            out = side * (np.interp(x, stations[:, 0], stations[:, 1]) - 0.13)
            arch = lathe([(0, 0), (radius + 0.07, 0), (radius + 0.05, 0.145), (0, 0.15)], 22)
            tyre = lathe(
                [
                    (0.2, 0.0),
                    (radius - 0.03, 0),
                    (radius, 0.03),
                    (radius, 0.17),
                    (radius - 0.03, 0.2),
                    (0.22, 0.2),
                    (0.21, 0.17),
                ],
                24,
            )
            rim = lathe([(0.215, 0.17), (0.19, 0.185), (0.06, 0.17), (0, 0.18)], 7)
            for form, material, colour, shift in (
                (arch, dark, (0.006,) * 3, 0.0),
                (tyre, dark, (0.015,) * 3, -0.03),
                (rim, painted(0.25, 0.9), (0.5, 0.5, 0.5), -0.03),
            ):
                thing.add(
                    form.turned(-side * np.pi / 2, "x").at(x, out + side * shift, radius), material, colour
                )
    white, red = (
        glowing((1.0, 0.9, 0.7), lit) if lit else painted(0.08),
        glowing((1.0, 0.03, 0.01), 0.15 * lit) if lit else painted(0.12),
    )
    for side in (-1, 1):
        thing.add(
            box((0.16, 0.34, 0.13), (front[0] - 0.13, side * 0.53, front[2] + 0.02), 0.04),
            white,
            (0.75, 0.76, 0.78),
        )
        thing.add(
            box((0.14, 0.26, 0.2), (back[0] + 0.07, side * 0.6, back[2] - 0.1), 0.04), red, (0.3, 0.01, 0.01)
        )
        thing.add(
            box(
                (0.12, 0.2, 0.13),
                (stations[5, 0] - 0.12, side * (stations[5, 1] + 0.08), stations[5, 2] + 0.02),
                0.03,
            ),
            paint,
            tint,
        )
        thing.add(box((2.6, 0.02, 0.07), (0, side * (stations[4, 1] + 0.006), 0.5), 0.005), dark, (0.02,) * 3)
    for x, sign in ((front[0], 1), (back[0], -1)):
        thing.add(box((0.03, 0.5, 0.11), (x + sign * 0.015, 0, 0.45), 0.003), painted(0.4), (0.7, 0.7, 0.62))
        thing.add(box((0.05, 1.1, 0.12), (x - sign * 0.0, 0, 0.28), 0.01), dark, (0.02,) * 3)
    return thing


def _lofts(stations: np.ndarray, closed: bool) -> tuple[Form, list[tuple[Form, bool]]]:
    """The painted body, and the parts of the cabin with whether they are glass."""
    rings = []
    for x, half, belt, _ in stations:
        tuck = 0.93 * half
        points = [
            (-tuck, SILL),
            (-half, 0.42),
            (-half, 0.62 * belt + 0.1),
            (-0.97 * half, belt - 0.05),
            (-0.9 * half, belt),
            (0, belt + 0.03),
        ]
        points += [(-y, z) for y, z in points[-2::-1]]
        rings.append([(x, y, z) for y, z in points])
    rings = np.array(rings)
    count, sides = rings.shape[:2]
    fine = np.linspace(
        0, count - 1, 4 * (count - 1) + 1
    )  # rounder than the stations: a smooth curve through them
    smooth = np.stack([_through(rings[..., axis], fine) for axis in range(3)], -1)
    index = np.arange(len(fine) * sides).reshape(len(fine), sides)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4)
    middle = np.array([[len(fine) * sides], [len(fine) * sides + 1]])
    caps = [
        [middle[e, 0], index[row, k], index[row, k + 1], index[row, k + 1]]
        for e, row in ((0, 0), (1, -1))
        for k in range(sides - 1)
    ]
    centres = smooth[[0, -1]].mean(1)
    body = Form(np.concatenate([smooth.reshape(-1, 3), centres]), np.concatenate([quads, caps]), True)
    roofs = np.flatnonzero(stations[:, 3])
    first, last = roofs[0], roofs[-1]
    low = stations[first - 1 : last + 2]
    rear, wind = low[0], low[-1]
    top, parts = stations[roofs], []
    edge = np.column_stack([top[:, 0], 0.76 * top[:, 1], top[:, 3] - 0.04])
    crown = np.column_stack([top[:, 0], np.zeros(len(top)), top[:, 3]])
    belt = np.column_stack([low[:, 0], 0.9 * low[:, 1], low[:, 2]])
    mirror = np.array((1, -1, 1))
    for i in range(len(top) - 1):
        for hand in (1, mirror):
            parts.append((_face(edge[i], edge[i + 1], crown[i + 1], crown[i], hand), False))
            parts.append(
                (
                    _face(belt[i + 1], belt[i + 2], edge[i + 1], edge[i], hand),
                    not (closed and i < len(top) - 2),
                )
            )
    for hand in (1, mirror):
        parts.append((_face(belt[0], belt[1], edge[0], edge[0], hand), not closed))
        parts.append((_face(belt[-2], belt[-1], edge[-1], edge[-1], hand), True))
        for foot, head in (
            (belt[0], edge[0]),
            (belt[-1], edge[-1]),
            (belt[len(belt) // 2], edge[len(edge) // 2]),
        ):
            parts.append(
                (tube([foot * hand, (foot + head) / 2 * hand + (0, 0, 0.015), head * hand], 0.035, 5), False)
            )
    for ends, roof, up in ((rear, edge[0], crown[0]), (wind, edge[-1], crown[-1])):
        base = np.array((ends[0], 0.9 * ends[1], ends[2]))
        for hand in (1, mirror):
            parts.append(
                (_face(base, base * (1, 0, 1) + (0, 0, 0.03), up, roof, hand), not (closed and ends is rear))
            )
    return body, parts


def _face(a, b, c, d, hand) -> Form:
    return Form(np.array([a, b, c, d]) * hand, np.array([[0, 1, 2, 3]]), False)


def _through(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Catmull-Rom curve through values (N, K) at positions 0..N-1, flat beyond the ends."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    i = np.minimum(at.astype(int), len(values) - 2)
    t = (at - i)[:, None]
    p0, p1, p2, p3 = (padded[i + k] for k in range(4))
    return p1 + 0.5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)))


def bicycle(rng) -> Thing:
    """A bicycle on its stand."""
    steel, tint, dark, thing = (
        painted(0.3, 0.3, 0.6),
        PAINTS[rng.integers(len(PAINTS))],
        painted(0.6),
        Thing(),
    )
    turn = np.linspace(0, 2 * np.pi, 25)
    for x in (-0.52, 0.52):
        thing.add(
            tube(np.column_stack([x + 0.33 * np.cos(turn), 0 * turn, 0.34 + 0.33 * np.sin(turn)]), 0.017, 6),
            dark,
            (0.012,) * 3,
        )
        for angle in np.arange(9) * np.pi / 9:
            spoke = 0.31 * np.array((np.cos(angle), 0, np.sin(angle)))
            thing.add(
                tube([(x, 0, 0.34) - spoke, (x, 0, 0.34) + spoke], 0.0016, 3), painted(0.3, 0.9), (0.6,) * 3
            )
    crank, seat, head, fork = (-0.08, 0, 0.3), (-0.25, 0, 0.82), (0.36, 0, 0.86), (0.4, 0, 0.72)
    for a, b in (
        (crank, seat),
        (seat, head),
        (crank, fork),
        (crank, (-0.52, 0, 0.34)),
        (seat, (-0.52, 0, 0.34)),
        (head, (0.52, 0, 0.34)),
        (seat, (-0.29, 0, 0.95)),
        (head, (0.34, 0, 1.0)),
    ):
        thing.add(tube([a, b], 0.016, 7), steel, tint)
    thing.add(
        tube([(0.2, -0.28, 1.0), (0.34, -0.15, 1.03), (0.34, 0.15, 1.03), (0.2, 0.28, 1.0)], 0.012, 6),
        dark,
        (0.02,) * 3,
    )
    thing.add(box((0.27, 0.15, 0.06), (-0.3, 0, 0.95), 0.02), dark, (0.04, 0.02, 0.01))
    return thing.add(
        cylinder(0.1, 0.01).turned(np.pi / 2, "x").at(-0.08, 0.05, 0.3), painted(0.3, 0.9), (0.4,) * 3
    )


def boat(rng) -> Thing:
    """A rowing boat drawn up on land or afloat."""
    t = np.linspace(-1, 1, 13)[:, None]
    beam = 0.72 * np.sqrt(1 - 0.97 * t**2) * np.where(t < 0, 0.9 + 0.1 * t, 1)
    sheer, arc = 0.5 + 0.22 * t**2, np.linspace(-np.pi / 2, np.pi / 2, 11)
    x, y = np.broadcast_to(1.9 * t, (13, 11)), beam * np.sin(arc)
    z = sheer * (1 - np.cos(arc) ** 0.8) + 0.05
    index = np.arange(143).reshape(13, 11)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4)
    outside, tint = np.stack([x, y, z], -1), PAINTS[rng.integers(3, len(PAINTS))]
    thing = Thing().add(Form(outside.reshape(-1, 3), quads, True), painted(0.45), tint)
    thing.add(
        Form((outside * (0.97, 0.94, 1) + (0, 0, 0.02)).reshape(-1, 3), quads, True),
        wood(rng, (0.35, 0.22, 0.12), 0.6),
    )
    for side in (0, 10):
        thing.add(tube(outside[:, side], 0.025, 6), painted(0.4), shade(tint, 0.5))
    for along in (-1.0, 0.1, 1.0):
        wide = 1.3 * np.interp(along / 1.9, t[:, 0], beam[:, 0])
        thing.add(box((0.24, wide, 0.03), (along, 0, 0.36), 0.005), wood(rng, (0.38, 0.25, 0.14), 0.6))
    return thing
