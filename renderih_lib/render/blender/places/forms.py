"""Shapes of things as arrays, and the things themselves: several shapes with materials that become one object.

Lengths are metres, z points up; a thing stands on z = 0 with its back at y = 0 and its front towards +y.
"""

from typing import NamedTuple

import bpy
import numpy as np

CHAMFER = 0.004  # metres: no edge is so sharp that it has no highlight


class Form(NamedTuple):
    """A surface of four-cornered faces (a triangle repeats a corner)."""

    vertices: np.ndarray  # (V, 3)
    quads: np.ndarray  # (F, 4)
    smooth: bool = False
    uv: np.ndarray | None = None  # (F, 4, 2); None: projected, in metres

    def at(self, x: float, y: float, z: float = 0.0) -> "Form":
        """Moved."""
        return self._replace(vertices=self.vertices + (x, y, z))

    def turned(self, angle: float, axis: str = "z") -> "Form":
        """Turned about an axis of the frame, radians."""
        return self._replace(vertices=self.vertices @ turn(angle, axis).T)


def turn(angle: float, axis: str = "z") -> np.ndarray:
    """Rotation matrix (3, 3) about an axis."""
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[j, i], matrix[i, j] = np.sin(angle), -np.sin(angle)
    return matrix


def box(size, at=(0, 0, 0), chamfer: float = CHAMFER) -> Form:
    """A box of size (x, y, z) whose base is centred at `at`, with chamfered edges (0: sharp)."""
    half = np.asarray(size, float) / 2
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    centre = np.asarray(at, float) + (0, 0, half[2])
    chamfer = min(chamfer, 0.4 * half.min())
    if chamfer <= 0:
        return Form(centre + signs * half, _FACES)
    # Three vertices per corner: corner c, axis a is the corner pulled in along the two other axes.
    inward = half - chamfer * (1 - np.eye(3))
    vertices = centre + (signs[:, None] * inward).reshape(-1, 3)
    faces = [3 * face + axis for face, axis in zip(_FACES, (0, 0, 1, 1, 2, 2), strict=True)]
    return Form(vertices, np.concatenate([faces, _EDGES, _CORNERS]))


_FACES = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
_CORNERS = np.array([[3 * c, 3 * c + 1, 3 * c + 2, 3 * c + 2] for c in range(8)])
_EDGES = np.array(
    [
        [3 * c + a, 3 * c + b, 3 * (c + step) + b, 3 * (c + step) + a]
        for step, a, b in ((4, 1, 2), (2, 0, 2), (1, 0, 1))
        for c in range(8)
        if not c & step
    ]
)


def block(low, high, chamfer: float = 0.0) -> Form:
    """The box between two opposite corners."""
    low, high = np.asarray(low, float), np.asarray(high, float)
    size = high - low
    return box(size, (*((low + high) / 2)[:2], low[2]), chamfer)


def lathe(profile, sides: int = 20, at=(0, 0, 0)) -> Form:
    """A round thing: `profile` is a list of (radius, height) from below to above."""
    profile = np.asarray(profile, float)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], -1)
    vertices = np.concatenate(
        [np.concatenate([radius * ring, np.full((sides, 1), height)], 1) for radius, height in profile]
    )
    return Form(vertices + at, _strip(len(profile), sides), True)


def cylinder(radius: float, height: float, at=(0, 0, 0), sides: int = 20) -> Form:
    """A closed cylinder that stands on `at`."""
    edge = min(0.003, 0.2 * radius, 0.2 * height)
    return lathe(
        [(0, 0), (radius - edge, 0), (radius, edge), (radius, height - edge), (radius - edge, height), (0, height)],
        sides,
        at,
    )  # fmt: skip


def tube(points, radius, sides: int = 8) -> Form:
    """A round bar along a line of points (N, 3), its radius a number or (N,)."""
    radius = np.broadcast_to(radius, len(points))
    points = np.asarray(points, float)
    tangent = np.gradient(points, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    across = np.cross(tangent, np.where(np.abs(tangent[:, 2:]) > 0.9, (1.0, 0, 0), (0, 0, 1.0)))
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    other = np.cross(tangent, across)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)[:, None]
    rings = [
        point + r * (np.cos(angle) * a + np.sin(angle) * b)
        for point, r, a, b in zip(points, radius, across, other, strict=True)
    ]
    caps = [np.repeat(points[:1], sides, 0)], [np.repeat(points[-1:], sides, 0)]
    return Form(np.concatenate(caps[0] + rings + caps[1]), _strip(len(points) + 2, sides)[:, ::-1], True)


def cushion(size, at=(0, 0, 0), roundness: float = 0.45, cells: int = 7) -> Form:
    """A soft box: a superellipsoid of exponent 2 / roundness, its base at `at`."""
    t = np.tan(np.linspace(-1, 1, cells + 1) * np.pi / 4)
    u, v = np.meshgrid(t, t, indexing="ij")
    grids, quads = [], []
    index = np.arange((cells + 1) ** 2).reshape(cells + 1, cells + 1)
    face = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4)
    for axis in range(3):
        for sign in (-1, 1):
            grid = np.stack([np.full_like(u, sign), u, v][-axis:] + [np.full_like(u, sign), u, v][:-axis], -1)
            quads.append(len(grids) * index.size + (face if sign > 0 else face[:, ::-1]))
            grids.append(grid.reshape(-1, 3))
    direction = np.concatenate(grids)
    power = 2 / roundness
    surface = direction / (np.abs(direction) ** power).sum(1, keepdims=True) ** (1 / power)
    half = np.asarray(size, float) / 2
    return Form(surface * half + np.asarray(at, float) + (0, 0, half[2]), np.concatenate(quads), True)


def sheet(x, y, height) -> Form:
    """A cloth over a grid: heights (len(x), len(y)) above z = 0."""
    gx, gy = np.meshgrid(x, y, indexing="ij")
    index = np.arange(gx.size).reshape(gx.shape)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4)
    return Form(np.stack([gx, gy, height], -1).reshape(-1, 3), quads, True)


def panel(width: float, height: float) -> Form:
    """An upright rectangle that faces +y, its base at the origin; UV 0..1, so that a picture is the right way round."""
    x = width / 2
    corners = np.array([[x, 0, 0], [-x, 0, 0], [-x, 0, height], [x, 0, height]])
    return Form(corners, np.array([[0, 1, 2, 3]]), uv=np.array([[[0, 0], [1, 0], [1, 1], [0, 1]]], float))


def leaves(centres, directions, length, width, droop: float = 0.3) -> Form:
    """Leaves of four faces each: from centres (N, 3) along unit directions (N, 3), bent down at the tip."""
    centres, directions = np.asarray(centres, float), np.asarray(directions, float)
    length, width = (np.broadcast_to(np.asarray(a, float), len(centres))[:, None] for a in (length, width))
    across = np.cross(directions, (0, 0, 1.0)) + 1e-6
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    rows = []
    for along, wide in ((0, 0.15), (0.3, 0.85), (0.65, 0.75), (1, 0.03)):
        middle = centres + directions * length * along - (0, 0, 1) * length * droop * along**2
        fold = (0, 0, 1) * width * wide * 0.25
        rows += [middle - across * width * wide / 2 + fold, middle, middle + across * width * wide / 2 + fold]
    vertices = np.stack(rows, 1).reshape(-1, 3)
    one = np.array(
        [[3 * i + j, 3 * i + j + 1, 3 * i + j + 4, 3 * i + j + 3] for i in range(3) for j in range(2)]
    )
    return Form(vertices, (12 * np.arange(len(centres))[:, None, None] + one).reshape(-1, 4), True)


def _strip(rows: int, sides: int) -> np.ndarray:
    index = np.arange(rows * sides).reshape(rows, sides)
    around = np.roll(index, -1, axis=1)
    return np.stack([index[:-1], around[:-1], around[1:], index[1:]], -1).reshape(-1, 4)


class Thing:
    """Forms with materials. `tint` is a linear colour that materials made by `surfaces.painted` take on."""

    def __init__(self):
        self.pieces: list[tuple[Form, object, tuple]] = []

    def add(self, form: Form, material, tint=(0.5, 0.5, 0.5)) -> "Thing":
        """With one more form."""
        self.pieces.append((form, material, tuple(tint)))
        return self

    def include(self, other: "Thing", x: float, y: float, z: float = 0.0, angle: float = 0.0) -> "Thing":
        """With all of another thing, turned about z, then moved."""
        self.pieces += [(form.turned(angle).at(x, y, z), *rest) for form, *rest in other.pieces]
        return self

    def bounds(self) -> np.ndarray:
        """Lowest and highest corner, (2, 3)."""
        vertices = np.concatenate([form.vertices for form, *_ in self.pieces])
        return np.stack([vertices.min(0), vertices.max(0)])

    def put(self, scene, x: float = 0.0, y: float = 0.0, z: float = 0.0, angle: float = 0.0):
        """Becomes one object of the scene, turned about z, then moved; returns it.

        The UV map "metres" projects every face along the axis that its normal is nearest to.
        """
        materials = list(dict.fromkeys(material for _, material, _ in self.pieces))
        first = np.cumsum([0] + [len(form.vertices) for form, *_ in self.pieces])
        vertices = np.concatenate([form.vertices for form, *_ in self.pieces])
        quads = np.concatenate([form.quads + n for (form, *_), n in zip(self.pieces, first, strict=False)])
        count = [len(form.quads) for form, *_ in self.pieces]
        mesh = bpy.data.meshes.new("thing")
        mesh.vertices.add(len(vertices))
        mesh.loops.add(quads.size)
        mesh.polygons.add(len(quads))
        mesh.vertices.foreach_set("co", vertices.astype(np.float32).ravel())
        mesh.loops.foreach_set("vertex_index", quads.astype(np.int32).ravel())
        mesh.polygons.foreach_set("loop_start", np.arange(0, quads.size, 4, dtype=np.int32))
        smooth = np.repeat([form.smooth for form, *_ in self.pieces], count)
        mesh.polygons.foreach_set("use_smooth", smooth)
        slots = np.repeat([materials.index(material) for _, material, _ in self.pieces], count)
        mesh.polygons.foreach_set("material_index", slots.astype(np.int32))
        for material in materials:
            mesh.materials.append(material)
        uv = _uv(vertices, quads)
        for (form, *_), n in zip(self.pieces, np.cumsum([0] + count), strict=False):
            if form.uv is not None:
                uv[n : n + len(form.quads)] = form.uv
        mesh.uv_layers.new(name="metres").uv.foreach_set("vector", uv.astype(np.float32).ravel())
        tint = np.repeat([(*tint, 1.0) for *_, tint in self.pieces], count, axis=0)
        mesh.attributes.new("tint", "FLOAT_COLOR", "FACE").data.foreach_set(
            "color", tint.astype(np.float32).ravel()
        )
        mesh.update(calc_edges=True)
        item = bpy.data.objects.new("thing", mesh)
        item.location, item.rotation_euler = (x, y, z), (0, 0, angle)
        scene.collection.objects.link(item)
        return item


def _uv(vertices: np.ndarray, quads: np.ndarray) -> np.ndarray:
    corners = vertices[quads]
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
    axis = np.abs(normal).argmax(1)
    pair = np.array([[1, 2], [0, 2], [0, 1]])[axis]
    return np.take_along_axis(corners, np.broadcast_to(pair[:, None], (len(quads), 4, 2)), 2)
