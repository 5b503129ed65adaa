"""Capture domes for the `studio` domain: many small lights and cameras on a dark sphere of struts around the hands,
as hands of InterHand2.6M (Moon et al. 2020) are seen. All numbers vary from dome to dome."""

import numpy as np

from renderih_lib.render.blender import surfaces
from renderih_lib.render.blender.places.forms import Form, Thing, box, cylinder, lathe, tube
from renderih_lib.render.blender.places.grounds import copies
from renderih_lib.render.blender.surfaces import glowing, kelvin, metal, painted

FLOOR = 1.15  # metres below the middle of the dome, where the hands are


def build(scene, rng, number: int) -> np.ndarray:
    """Fill the scene with the dome `number`, which is all random; returns where the camera stands, (3,) metres."""
    radius = float(rng.uniform(1.5, 2.4))
    corners, edges, faces = geodesic(int(rng.integers(3, 5)))
    bright = rng.random() < 0.3  # aluminium rather than black
    strut = metal((0.5, 0.5, 0.51), 0.4) if bright else painted(0.5)
    tint = (0.02, 0.02, 0.022)
    frame = Thing()
    above = corners[:, 2] * radius > -FLOOR + 0.02
    for a, b in edges[above[edges].all(1)]:
        frame.add(tube([corners[a] * radius, corners[b] * radius], 0.014, 5), strut, tint)
    for corner in corners[above]:
        frame.add(box((0.05, 0.05, 0.05), corner * radius * 1.0 - (0, 0, 0.025), 0.01), strut, tint)
    frame.put(scene)
    _panels(scene, rng, corners, faces, radius)
    _lights(scene, rng, corners, edges, faces, radius)
    _cameras(scene, rng, corners, radius)
    _floor(scene, rng, radius)
    _cables(scene, rng, corners, radius)
    scene.cycles.max_bounces, scene.cycles.diffuse_bounces = 3, 2  # dark walls return little
    scene.cycles.denoising_prefilter, scene.cycles.denoising_quality = "FAST", "BALANCED"
    return np.array([*rng.normal(0, 0.05, 2), rng.normal(0, 0.04)])


def geodesic(frequency: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Corners (N, 3) on the unit sphere, edges (E, 2) and faces (F, 3) of an icosahedron with divided edges."""
    golden = (1 + 5**0.5) / 2
    base = np.array([(s, t * golden, 0) for s in (-1, 1) for t in (-1, 1)], float)
    base = np.concatenate([base, base[:, [2, 0, 1]], base[:, [1, 2, 0]]])
    span = np.linalg.norm(base[:, None] - base[None], axis=-1)
    near = (span > 0) & (span < 2.1)
    big = [
        (a, b, c)
        for a in range(12)
        for b in range(a)
        for c in range(b)
        if near[a, b] and near[b, c] and near[a, c]
    ]
    points, faces, known = [], [], {}

    def index(point):
        key = tuple(np.round(point, 5))
        if key not in known:
            known[key] = len(points)
            points.append(point)
        return known[key]

    for a, b, c in big:

        def grid(i, j, a=a, b=b, c=c):
            return index(base[a] + (base[b] - base[a]) * i / frequency + (base[c] - base[a]) * j / frequency)

        for i in range(frequency):
            for j in range(frequency - i):
                faces.append((grid(i, j), grid(i + 1, j), grid(i, j + 1)))
                if i + j < frequency - 1:
                    faces.append((grid(i + 1, j), grid(i + 1, j + 1), grid(i, j + 1)))
    faces = np.array(faces)
    edges = np.unique(
        np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [0, 2]]]), axis=1), axis=0
    )
    points = np.array(points)
    return points / np.linalg.norm(points, axis=1, keepdims=True), edges, faces


def _panels(scene, rng, corners, faces, radius: float) -> None:
    """Dark cloth behind the struts; through gaps one sees the room's black drapes."""
    grey = float(rng.uniform(0.006, 0.035))
    cloths = [surfaces.fabric(rng, (c, c, 1.06 * c)) for c in (grey, 0.5 * grey, 1.6 * grey)]
    groups, open_share = [[] for _ in cloths], rng.uniform(0.0, 0.3)
    for face in faces:
        if rng.random() > open_share:
            groups[rng.choice(3, p=(0.6, 0.2, 0.2))].append(face)
    thing = Thing()
    for cloth, group in zip(cloths, groups, strict=True):
        quads = np.array(group)[:, [0, 1, 2, 2]]
        thing.add(Form(corners * radius * 1.03, quads), cloth)
    thing.put(scene)
    fold = np.linspace(0, 2 * np.pi, 241)
    r = radius + 1.2 + 0.07 * np.sin(fold * 34 + np.sin(5 * fold)) + 0.04 * np.sin(fold * 71)
    rings = [
        np.column_stack([r * np.cos(fold), r * np.sin(fold), 0 * fold + z]) for z in (-FLOOR, radius + 0.8)
    ]
    index = np.arange(240)
    drape = Form(np.concatenate(rings), np.column_stack([index, index + 1, index + 242, index + 241]), True)
    black = surfaces.fabric(rng, (grey, grey, grey))
    room = (
        Thing()
        .add(drape, black)
        .add(box((2 * radius + 3, 2 * radius + 3, 0.05), (0, 0, radius + 0.8)), black)
    )
    for turn in rng.uniform(0, 2 * np.pi, 3):  # dim work lights between the dome and the drapes
        at = (radius + 0.9) * np.array([np.cos(turn), np.sin(turn)])
        room.add(box((0.3, 0.3, 0.04), (*at, radius + 0.7)), glowing(kelvin(4000), 1.5))
    room.put(scene)


def _lights(scene, rng, corners, edges, faces, radius: float) -> None:
    """Small lamps in housings over the sphere, some of them off; all alike in colour or of two kinds."""
    spots = np.concatenate([corners[edges].mean(1), corners[faces].mean(1)])
    spots /= np.linalg.norm(spots, axis=1, keepdims=True)
    spots = spots[rng.permutation(len(spots))[: rng.integers(130, 380)]]
    spots = spots[spots[:, 2] * radius > -FLOOR + 0.15]
    size, warmth = float(rng.uniform(0.012, 0.035)), float(rng.uniform(3800, 6500))
    # The lamps together give about the light of a bright room, whatever their number and size.
    strength = float(rng.uniform(2.5, 5.0)) * radius**2 / (len(spots) * size**2)
    shape = "bar" if rng.random() < 0.25 else "disc"
    kinds = []
    for share, temperature in (
        (1.0, warmth),
        (float(rng.uniform(0.4, 1.6)), warmth + rng.uniform(-600, 600)),
        (0.0, warmth),
    ):
        lamp = glowing(kelvin(temperature), share * strength) if share else painted(0.2)
        thing = Thing().add(
            lathe([(1.5 * size, -0.05), (1.6 * size, 0.0), (1.15 * size, 0.004)], 14),
            painted(0.5),
            (0.015, 0.015, 0.015),
        )
        face = (
            cylinder(size, 0.004, sides=14)
            if shape == "disc"
            else box((3.4 * size, 0.9 * size, 0.004), (0, 0, 0), 0)
        )
        kinds.append(thing.add(face, lamp, (0.5, 0.5, 0.48)).put(scene, 0, 0, -50))
    lean = float(rng.choice([0.0, rng.uniform(-0.9, 0.9)]))  # some rigs are brighter on one side
    kind = rng.choice(3, len(spots), p=(0.62, 0.2, 0.18))
    kind = np.where(rng.random(len(spots)) < lean * spots[:, 0], 2, kind)
    _aim(scene, kinds, kind, spots * (radius - 0.02))


def _cameras(scene, rng, corners, radius: float) -> None:
    """Cameras at the corners, looking inwards: black bodies with a lens that glints."""
    body = Thing().add(box((0.06, 0.05, 0.09), (0, 0, -0.09), 0.004), painted(0.5), (0.012, 0.012, 0.012))
    body.add(cylinder(0.026, 0.05, sides=16), painted(0.35), (0.008, 0.008, 0.008)).add(
        cylinder(0.02, 0.002, (0, 0, 0.05), 16), painted(0.02, 0.0, 1.0), (0.01, 0.008, 0.02)
    )
    body.add(
        cylinder(0.002, 0.002, (0.018, 0.018, 0.001), 6),
        glowing((0.1, 1.0, 0.15) if rng.random() < 0.5 else (1.0, 0.1, 0.05), 4.0),
    )
    spots = corners[
        (corners[:, 2] * radius > -FLOOR + 0.2) & (rng.random(len(corners)) < rng.uniform(0.5, 0.95))
    ]
    _aim(scene, [body.put(scene, 0, 0, -50)], np.zeros(len(spots), int), spots * (radius - 0.05))


def _aim(scene, items, kinds, spots) -> None:
    """Copies of the items at spots (N, 3), their z axis towards the middle."""
    from mathutils import Vector

    for item in items:
        item.hide_render = True
    for k, item in enumerate(items):
        chosen = spots[kinds == k]
        before = set(scene.collection.objects)
        copies(scene, item, np.column_stack([chosen, np.zeros(len(chosen)), np.ones(len(chosen))]))
        for other in set(scene.collection.objects) - before:
            other.rotation_euler = (-Vector(other.location)).to_track_quat("Z", "Y").to_euler()


def _floor(scene, rng, radius: float) -> None:
    """A dark platform with a stool, a stand or a low table for the hands, and a screen or two."""
    matt = (
        surfaces.carpet(rng, (0.02, 0.02, 0.022))
        if rng.random() < 0.5
        else surfaces.speckled(rng, (0.03, 0.03, 0.032), 0.6)
    )
    thing = (
        Thing()
        .add(cylinder(0.96 * radius, 0.06, (0, 0, -FLOOR), 48), matt)
        .add(cylinder(6.0, 0.02, (0, 0, -FLOOR - 0.05), 48), surfaces.concrete(rng, (0.03, 0.03, 0.03)))
    )
    if rng.random() < 0.8:
        thing.add(
            cylinder(0.2, 0.07, (0.62, 0.1, -FLOOR + 0.42), 28), surfaces.leather(rng, (0.015, 0.015, 0.015))
        )
        thing.add(cylinder(0.03, 0.42, (0.62, 0.1, -FLOOR), 12), metal(roughness=0.35)).add(
            cylinder(0.22, 0.03, (0.62, 0.1, -FLOOR + 0.06), 24), metal(roughness=0.4)
        )
    if rng.random() < 0.45:
        top = -float(rng.uniform(0.3, 0.42))
        thing.add(
            box((0.9, 0.6, 0.03), (0, 0, top - 0.03), 0.006), surfaces.fabric(rng, (0.012, 0.012, 0.013))
        )
        for x in (-0.42, 0.42):
            thing.add(
                box((0.04, 0.5, FLOOR + top - 0.03), (x, 0, -FLOOR), 0.004),
                painted(0.5),
                (0.015, 0.015, 0.015),
            )
    thing.put(scene)
    for angle in rng.uniform(0, 2 * np.pi, rng.integers(0, 3)):
        screen = Thing().add(box((0.55, 0.03, 0.34), (0, 0, 0), 0.006), painted(0.4), (0.01, 0.01, 0.01))
        screen.add(
            box((0.51, 0.004, 0.3), (0, 0.017, 0.02), 0),
            glowing((0.25, 0.3, 0.4), float(rng.uniform(0.05, 0.4))),
        )
        screen.add(box((0.04, 0.03, 0.9), (0, -0.02, -0.9), 0), painted(0.4), (0.01, 0.01, 0.01))
        r = 0.8 * radius
        screen.put(scene, r * np.cos(angle), r * np.sin(angle), -0.25, angle + np.pi / 2)


def _cables(scene, rng, corners, radius: float) -> None:
    """Cables that hang from corner to corner and down to the floor."""
    black, thing = painted(0.6), Thing()
    high = corners[corners[:, 2] > 0.1]
    for corner in high[rng.permutation(len(high))[:14]]:
        start = corner * (radius + 0.02)
        end = np.array([*(1.02 * radius * corner[:2] / np.linalg.norm(corner[:2])), rng.uniform(-FLOOR, 0)])
        t = np.linspace(0, 1, 12)[:, None]
        path = start + (end - start) * t + corner * (1, 1, 0) * 0.25 * radius * t * (1 - t)
        thing.add(tube(path, 0.006, 5), black, (0.012, 0.012, 0.012))
    thing.put(scene)
