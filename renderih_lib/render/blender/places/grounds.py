"""What one stands on outdoors: earth, grass, sand, asphalt, paving, snow, water; and what lies about on it."""

import bpy
import numpy as np

from renderih_lib.render.blender.places.forms import Form, Thing, sheet
from renderih_lib.render.blender.shaders import Shader
from renderih_lib.render.blender.surfaces import shade

FAR = 420.0  # metres to the edge of the ground


def mottled(
    rng, colours, scale: float, relief: float = 6.0, roughness: float = 0.95, grain: float = 60.0, **inputs
):
    """Earth of several colours in patches of about 1 / `scale` metres, finer patches in them, and `grain` per metre."""
    s = Shader("mottled")
    where = s.inside(shift=tuple(rng.uniform(-50, 50, 3).tolist()))
    broad, middle, fine = (
        s.noise(where, scale, 6, 0.6, 0.6),
        s.noise(where, 5 * scale, 5),
        s.noise(where, grain, 4),
    )
    blend = s.math("ADD", s.math("MULTIPLY", broad, 0.65), s.math("MULTIPLY", middle, 0.35))
    stops = np.linspace(0.36, 0.64, len(colours))
    tone = s.ramp(blend, *zip(stops.tolist(), colours, strict=True))
    tone = s.mix(0.6, tone, s.ramp(fine, (0.28, 0.35), (0.72, 1.15)), "MULTIPLY")
    return s.finish(tone, roughness, s.math("ADD", fine, s.math("MULTIPLY", middle, 0.6)), relief, **inputs)


def asphalt(rng, wet: bool = False):
    """Stones in bitumen, worn and patched, with cracks; `wet` makes puddles."""
    s = Shader("asphalt")
    grey = float(rng.uniform(0.035, 0.13))
    where = s.inside(shift=tuple(rng.uniform(-50, 50, 3).tolist()))
    stones = s.node("TexVoronoi", 0, Vector=where, Scale=90.0)
    worn = s.noise(where, 0.6, 7, 0.5, 0.65)
    crack = s.node(
        "TexVoronoi",
        0,
        {"feature": "DISTANCE_TO_EDGE"},
        Vector=s.mix(0.15, where, s.node("TexNoise", 1, Vector=where, Scale=2.0)),
        Scale=0.35,
    )
    tone = s.ramp(
        worn,
        (0.3, shade((grey,) * 3, 0.6)),
        (0.5, (grey, grey, 1.04 * grey)),
        (0.7, shade((grey, 0.98 * grey, 0.93 * grey), 1.7)),
    )
    tone = s.mix(0.7, tone, s.ramp(stones, (0.0, 1.5), (0.5, 0.55)), "MULTIPLY")
    tone = s.mix(s.ramp(crack, (0.0, 1.0), (0.006, 0.0)), tone, (0.01, 0.01, 0.01))
    dry = s.ramp(worn, (0.42, 0.12), (0.5, 0.85)) if wet else 0.88
    return s.finish(tone, dry, stones, -2.5)


def paving(
    rng,
    colours,
    size=(0.4, 0.4),
    offset: float = 0.5,
    gap: float = 0.008,
    relief: float = 6.0,
    joint=(0.05, 0.045, 0.035),
):
    """Slabs or setts between two colours with sandy joints, none quite clean."""
    s = Shader("paving")
    flat = s.metres()
    bent = s.node(
        "VectorMath",
        0,
        {"operation": "MULTIPLY_ADD"},
        _0=s.node("TexNoise", 1, Vector=flat, Scale=7.0),
        _1=(0.5 * gap,) * 3,
        _2=flat,
    )
    common = dict(
        Vector=bent, Scale=1.0, Mortar_Size=gap, Mortar_Smooth=0.6, Brick_Width=size[0], Row_Height=size[1]
    )
    settings = {"offset": offset, "squash": 1.0}
    tone = s.node("TexBrick", 0, settings, **common, Color1=colours[0], Color2=colours[1], Mortar=joint)
    seam = s.node("TexBrick", 1, settings, **common)
    where = s.inside(shift=tuple(rng.uniform(-50, 50, 3).tolist()))
    stain, grain = s.noise(where, 0.9, 7, 0.7, 0.65), s.noise(where, 70.0, 4)
    tone = s.mix(0.75, tone, s.ramp(stain, (0.3, 0.5), (0.5, 0.95), (0.7, 1.1)), "MULTIPLY")
    tone = s.mix(0.5, tone, s.ramp(grain, (0.3, 0.55), (0.7, 1.15)), "MULTIPLY")
    height = s.math("SUBTRACT", s.math("MULTIPLY", grain, 0.25), seam)
    return s.finish(tone, s.ramp(stain, (0.3, 0.62), (0.7, 0.9)), height, relief)


def water(rng, colour=(0.02, 0.06, 0.07), waves: float = 1.2, relief: float = 60.0):
    """Still or choppy water that hides its ground."""
    s = Shader("water")
    where = s.inside((1.0, 0.45, 1.0), tuple(rng.uniform(-50, 50, 3).tolist()))
    broad, fine = s.noise(where, waves, 5, 0.8), s.noise(where, 6 * waves, 3)
    return s.finish(colour, 0.06, s.math("ADD", broad, s.math("MULTIPLY", fine, 0.2)), relief, IOR=1.33)


def bark(rng, colour):
    """Furrowed bark, its grooves along z."""
    s = Shader("bark")
    where = s.inside((9.0, 9.0, 1.6), tuple(rng.uniform(-50, 50, 3).tolist()))
    groove = s.noise(where, 2.5, 6, 1.2, 0.65)
    tone = s.ramp(groove, (0.36, shade(colour, 0.3)), (0.5, colour), (0.66, shade(colour, 1.8)))
    return s.finish(tone, 0.95, groove, 25.0)


def leafage(rng, colour, autumn=None):
    """Leaves, blades, needles: no two of one tone, and light comes through; `autumn` is the colour of some."""
    s = Shader("leafage")
    each = s.node("NewGeometry", "Random Per Island")
    tree = s.node("ObjectInfo", "Random")
    tone = s.ramp(
        each,
        (0.0, shade(colour, 0.45)),
        (0.55, colour),
        (0.85, shade((1.25 * colour[0], colour[1], colour[2]), 1.7)),
        (1.0, autumn or shade(colour, 1.2)),
    )
    tone = s.mix(0.6, tone, s.ramp(tree, (0.0, (0.8, 0.75, 0.7)), (1.0, (1.15, 1.05, 0.8))), "MULTIPLY")
    s.finish(tone, 0.55, Specular_IOR_Level=0.3)
    through = s.node("BsdfTranslucent", Color=s.mix(1.0, tone, (1.6, 1.9, 0.7), "MULTIPLY"))
    out = s.tree.nodes["Material Output"].inputs["Surface"]
    s.tree.links.new(s.node("MixShader", Fac=0.35, _1=s.surface.outputs[0], _2=through), out)
    return s.material


def ground(scene, material, height=None, radius: float = FAR, at=(0.0, 0.0, 0.0)):
    """A surface to the horizon, finer near the camera; height: function of points (N, 2) to metres."""
    steps = np.concatenate([np.linspace(0, 6, 25)[:-1], np.geomspace(6, radius, 24)])
    line = np.concatenate([-steps[:0:-1], steps])
    x, y = np.meshgrid(line, line, indexing="ij")
    z = (
        np.zeros_like(x)
        if height is None
        else height(np.column_stack([x.ravel(), y.ravel()])).reshape(x.shape)
    )
    return Thing().add(sheet(line, line, z), material).put(scene, *at)


def slab(scene, material, low, high, top: float = 0.0):
    """A flat rectangle of ground from corner `low` to corner `high` (2,), a hand's breadth thick."""
    x, y = (np.linspace(a, b, 2) for a, b in zip(low, high, strict=True))
    edge = Form(
        np.array(
            [
                [px, py, top - dz]
                for dz in (0, 0.3)
                for px, py in ((x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]))
            ]
        ),
        np.array([[0, 1, 2, 3], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]]),
    )
    return Thing().add(edge, material).put(scene)


def copies(scene, item, places) -> None:
    """More objects of the same mesh; places (N, 5): x, y, z, angle, scale."""
    for x, y, z, angle, scale in places:
        other = bpy.data.objects.new(item.name, item.data)
        other.location, other.rotation_euler, other.scale = (x, y, z), (0, 0, angle), (scale,) * 3
        scene.collection.objects.link(other)


def strewn(scene, rng, patches, allowed, radius: float, side: float = 1.0, height=None) -> None:
    """Square patches of `side` metres laid out around the origin wherever `allowed` (N, 2) -> bool, each turned anew.

    The patches (objects) themselves are moved out of sight, below the ground.
    """
    steps = np.arange(-np.ceil(radius / side), np.ceil(radius / side) + 1) * side
    centres = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2)
    centres = centres[(np.linalg.norm(centres, axis=1) < radius) & allowed(centres)]
    z = np.zeros(len(centres)) if height is None else height(centres)
    which = rng.integers(len(patches), size=len(centres))
    angle = rng.integers(4, size=len(centres)) * np.pi / 2
    for k, patch in enumerate(patches):
        patch.hide_render = True
        rows = np.column_stack([centres, z, angle, np.ones(len(centres))])[which == k]
        copies(scene, patch, rows)


def blades(rng, count: int, side: float, length: float, width: float = 0.005, lean: float = 0.5) -> Form:
    """Grass on a square patch: each blade rises upright and bends over."""
    root = np.column_stack([rng.uniform(-side / 2, side / 2, (count, 2)), np.zeros(count)])
    long = length * rng.lognormal(0, 0.3, count)[:, None]
    angle = rng.uniform(0, 2 * np.pi, count)
    away = (
        np.column_stack([np.cos(angle), np.sin(angle), np.zeros(count)])
        * rng.uniform(0.1, 1, (count, 1))
        * lean
    )
    across = np.column_stack([-np.sin(angle), np.cos(angle), np.zeros(count)]) * width / 2
    middle, tip = root + long * (0.3 * away + (0, 0, 0.6)), root + long * (away + (0, 0, 1.0 - 0.3 * lean))
    vertices = np.stack([root - across, root + across, middle + 0.8 * across, middle - 0.8 * across, tip], 1)
    start = 5 * np.arange(count)[:, None]
    faces = np.concatenate([start + (0, 1, 2, 3), start + (3, 2, 4, 4)])
    return Form(vertices.reshape(-1, 3), faces)


def pebbles(rng, count: int, side: float, size: float) -> Form:
    """Stones on a square patch: lumpy boxes, mostly bedded in."""
    corner = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    ring = np.concatenate(
        [corner * 0.62, np.eye(3), -np.eye(3)]
    )  # a cube with a pulled-out middle on each side
    faces = []
    for axis in range(3):
        for sign in (1, -1):
            face = [k for k in range(8) if corner[k, axis] == sign]
            a, b, c, d = face[0], face[1], face[3], face[2]
            middle = 8 + axis + (0 if sign > 0 else 3)
            faces += [[middle, p, q, q] for p, q in ((a, b), (b, c), (c, d), (d, a))]
    radii = (
        size
        * rng.lognormal(0, 0.45, (count, 1, 1))
        * rng.uniform((0.6, 0.6, 0.4), (1.1, 1.1, 0.7), (count, 1, 3))
    )
    turn = rng.normal(size=(count, 3, 3))
    turn = np.linalg.qr(turn)[0]
    stones = ring * rng.uniform(0.8, 1.15, (count, len(ring), 1)) @ turn * radii
    stones += np.column_stack(
        [rng.uniform(-side / 2, side / 2, (count, 2)), radii[:, 0, 2] * rng.uniform(-0.2, 0.5, count)]
    )[:, None]
    return Form(
        stones.reshape(-1, 3),
        (len(ring) * np.arange(count)[:, None, None] + np.array(faces)).reshape(-1, 4),
        True,
    )


def litter(rng, count: int, side: float, size: float) -> Form:
    """Fallen leaves on a square patch."""
    from renderih_lib.render.blender.places.plants import kites

    centre = np.column_stack([rng.uniform(-side / 2, side / 2, (count, 2)), rng.uniform(0.004, 0.02, count)])
    angle = rng.uniform(0, 2 * np.pi, count)
    lift = rng.normal(0, 0.25, (count, 2))
    along = np.column_stack([np.cos(angle), np.sin(angle), lift[:, 0]])
    across = np.column_stack([-np.sin(angle), np.cos(angle), lift[:, 1]])
    return kites(centre, along, across, size * rng.lognormal(0, 0.3, count), 0.35)
