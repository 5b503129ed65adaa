"""Things for hands to touch: triangle meshes, their signed distances, and poses in contact with hands.

A prop's own frame: metres, origin in the middle of its bounding box, +y up. `size` (3,) is the bounding box along
x, y, z; a handle sticks out of it. Things of revolution are as deep as they are wide.
"""

from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from renderih_lib.render.bodies.mesh import FOREARM, Body, load_arm

PROP_LABEL, TABLE_LABEL = 35, 36  # of part images, after the forearms
TABLE = "table"

#: kind -> smallest and largest bounding box, millimetres
_SIZES = {
    "ball": ((45, 0, 0), (105, 0, 0)),
    "banana": ((150, 34, 32), (195, 44, 40)),
    "book": ((105, 14, 160), (165, 35, 220)),
    "bottle": ((55, 170, 0), (75, 235, 0)),
    "bowl": ((105, 48, 0), (150, 75, 0)),
    "box": ((45, 70, 28), (130, 190, 70)),
    "can": ((55, 90, 0), (75, 125, 0)),
    "mug": ((74, 80, 0), (90, 105, 0)),
    "pen": ((9, 130, 0), (16, 150, 0)),
    "phone": ((68, 8, 140), (78, 9, 160)),
    "tool": ((28, 180, 0), (36, 240, 0)),
    TABLE: ((1100, 30, 700), (1600, 45, 1000)),
}
KINDS = tuple(kind for kind in _SIZES if kind != TABLE)

#: Outlines of things of revolution, from the axis below to the axis above: radius as a share of half the width,
#: height as a share of the height, 0 to 1.
_OUTLINES = {
    "bottle": ((0, 0.02), (0.8, 0.01), (0.9, 0), (0.98, 0.015), (1, 0.04), (1, 0.30), (0.98, 0.32), (0.98, 0.56),
               (1, 0.58), (1, 0.64), (0.97, 0.70), (0.86, 0.76), (0.66, 0.81), (0.46, 0.85), (0.38, 0.88),
               (0.38, 0.905), (0.47, 0.91), (0.47, 0.985), (0.43, 1), (0, 1)),
    "can": ((0, 0.025), (0.78, 0.025), (0.82, 0), (0.87, 0), (0.95, 0.03), (1, 0.07), (1, 0.90), (0.95, 0.94),
            (0.88, 0.975), (0.90, 1), (0.86, 1), (0.83, 0.97), (0, 0.97)),
    "mug": ((0, 0.02), (0.82, 0.02), (0.86, 0), (0.94, 0.01), (0.99, 0.04), (1, 0.08), (1, 0.98), (0.985, 0.995),
            (0.955, 1), (0.93, 0.99), (0.92, 0.97), (0.92, 0.12), (0.88, 0.07), (0.8, 0.05), (0, 0.05)),
    "bowl": ((0, 0.05), (0.36, 0.05), (0.38, 0), (0.44, 0), (0.46, 0.05), (0.62, 0.12), (0.78, 0.26), (0.90, 0.47),
             (0.97, 0.72), (1, 0.97), (0.985, 1), (0.965, 0.98), (0.93, 0.73), (0.86, 0.50), (0.74, 0.30),
             (0.58, 0.17), (0.40, 0.115), (0, 0.10)),
    "pen": ((0, 0), (0.12, 0.004), (0.20, 0.02), (0.62, 0.09), (0.86, 0.11), (0.86, 0.40), (1, 0.405), (1, 0.97),
            (0.9, 0.993), (0.6, 1), (0, 1)),
    "tool": ((0, 0), (0.16, 0), (0.18, 0.01), (0.18, 0.49), (0.5, 0.495), (0.66, 0.51), (0.68, 0.56), (0.62, 0.60),
             (0.7, 0.64), (0.9, 0.70), (1, 0.77), (1, 0.88), (0.94, 0.94), (0.8, 0.98), (0.5, 1), (0, 1)),
}  # fmt: skip
_ROUNDING = {"box": 0.0008, "book": 0.0015, "phone": 0.0035, TABLE: 0.003}  # metres, of the edges of boxes

_SIDES = 48  # of things of revolution
_HANDLE = (0.30, 0.065)  # of a mug: radii of the ring and of its tube, as shares of the height
_BEND = 0.75  # radius of a banana's arc over its length

_CANDIDATES, _SAMPLES, _APPROACH, _SLIDE = 6, 160, 10, 10
_TOUCH = 0.0008  # metres between surfaces that counts as touching
_DEEPEST = -0.0015  # metres that a prop may reach into a hand
_CLOTH = 0.018  # metres below a forearm that a sleeve may need


def random_size(rng: np.random.Generator, kind: str) -> np.ndarray:
    """A believable bounding box (3,) in metres.

    Raises:
        ValueError: if there is no such kind.
    """
    low, high = np.array(_SIZES[_known(kind)]) / 1000
    x, y, z = rng.uniform(low, high)
    return np.array([x, y or x, z or x])


def prop_mesh(kind: str, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) in metres, in the prop's own frame, and triangles (F, 3), counter-clockwise from outside.

    Raises:
        ValueError: if there is no such kind.
    """
    size = np.asarray(size, float)
    if _known(kind) in _ROUNDING:
        return _rounded_box(size / 2, _ROUNDING[kind])
    if kind == "ball":
        height = np.linspace(-np.pi / 2, np.pi / 2, _SIDES // 2 + 1)
        return _lathe(np.stack([np.cos(height), np.sin(height)], 1) * size[0] / 2)
    if kind == "banana":
        return _pipe(*_banana(size))
    parts = [_lathe(_outline(kind, size))]
    if kind == "mug":
        parts.append(_pipe(*_handle(size)))
    starts = np.cumsum([0] + [len(vertices) for vertices, _ in parts])
    triangles = [faces + start for (_, faces), start in zip(parts, starts, strict=False)]
    return np.concatenate([vertices for vertices, _ in parts]), np.concatenate(triangles)


def prop_distance(kind: str, points: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Signed distance (...) in metres from points (..., 3) in the prop's own frame, negative inside.

    Raises:
        ValueError: if there is no such kind.
    """
    size, points = np.asarray(size, float), np.asarray(points, float)
    if _known(kind) in _ROUNDING:
        beyond = np.abs(points) - size / 2 + _ROUNDING[kind]
        return (
            np.linalg.norm(np.maximum(beyond, 0), axis=-1) + np.minimum(beyond.max(-1), 0) - _ROUNDING[kind]
        )
    if kind == "ball":
        return np.linalg.norm(points, axis=-1) - size[0] / 2
    if kind == "banana":
        return _pipe_distance(points, *_banana(size))
    radial = np.stack([np.hypot(points[..., 0], points[..., 2]), points[..., 1]], -1)
    distance = _polygon_distance(radial, _outline(kind, size))
    return np.minimum(distance, _pipe_distance(points, *_handle(size))) if kind == "mug" else distance


def touching_pose(
    rng: np.random.Generator, kind: str, size: np.ndarray, cage: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """R (3, 3) and t (3,) of a prop that hands hold or touch and that is nowhere more than 1.5 mm inside the arms.

    Some props are offered to a palm, as one grips them, others come from anywhere. Each is stopped by the first
    thing it meets and slides on towards the hand; the one with the most contact is kept. A table lies level under
    the hands, with its edge where forearms dip below its top.

    Args:
        cage: (2, N, 3) metres, world, +y up: control points of both arms, as `ArmPair.cage_vertices` gives them.

    Raises:
        ValueError: if there is no such kind.
    """
    cage = np.asarray(cage, float).reshape(2, -1, 3)
    if _known(kind) == TABLE:
        return _under(rng, size, cage)
    hands = cage[:, _vertices()[0]].reshape(-1, 3)
    few = hands[rng.choice(len(hands), _SAMPLES, replace=False)]
    offers = [
        (_gripped if k < _CANDIDATES // 2 else _anyhow)(rng, kind, size, cage, hands)
        for k in range(_CANDIDATES)
    ]
    R, aim, outwards = (np.stack(parts) for parts in zip(*offers, strict=True))
    t = aim + outwards * (np.linalg.norm(size) + np.ptp(hands, axis=0).max())
    for _ in range(_APPROACH):
        nearest = _proxy(kind, (few - t[:, None]) @ R, size).min(1)
        t = t - outwards * np.maximum(nearest, 0)[:, None]
    for _ in range(_SLIDE):
        t = _slid(kind, size, R, t, aim, few)
    contacts = (_proxy(kind, (few - t[:, None]) @ R, size) < 0.006).sum(1)
    best = int(contacts.argmax())
    return R[best], _settled(kind, size, R[best], t[best], outwards[best], cage.reshape(-1, 3))


def placed(kind: str, size: np.ndarray, R: np.ndarray, t: np.ndarray) -> Body:
    """A prop in the world, as `annotate.labels` wants it."""
    vertices, triangles = prop_mesh(kind, size)
    return Body(vertices @ R.T + t, triangles, np.full(len(triangles), prop_label(kind)))


def prop_label(kind: str) -> int:
    """What part images call a prop."""
    return TABLE_LABEL if kind == TABLE else PROP_LABEL


def _gripped(rng, kind, size, cage, hands):
    """Rotation, aim and side of a prop in a palm: its longest side across the hand, its shortest into the palm."""
    side = rng.integers(2)
    turn, palm = _palm(cage[side], side)
    fingers, palmar, across = turn @ [-1.0 if side == 0 else 1.0, 0, 0], -turn[:, 1], turn[:, 2]
    longest, shortest = int(np.argmax(size)), int(np.argmin(size))
    if longest == shortest:
        longest, shortest = 0, 1
    axes = np.zeros((3, 3))
    axes[:, longest] = across * rng.choice([-1, 1])
    axes[:, shortest] = palmar * (1 if kind == "bowl" else rng.choice([-1, 1]))
    third = 3 - longest - shortest
    axes[:, third] = np.cross(axes[:, (third + 1) % 3], axes[:, (third + 2) % 3])
    R = Rotation.from_rotvec(0.25 * rng.standard_normal(3)).as_matrix() @ axes
    outwards = palmar + 0.3 * rng.standard_normal(3)
    return R, palm + rng.uniform(0, 0.05) * fingers, outwards / np.linalg.norm(outwards)


def _anyhow(rng, kind, size, cage, hands):
    """Rotation, aim and side of a prop that comes from anywhere and touches any part of the hands."""
    outwards = rng.standard_normal(3)
    R = Rotation.random(random_state=rng).as_matrix()
    return R, hands[rng.integers(len(hands))], outwards / np.linalg.norm(outwards)


def _slid(kind, size, R, t, aim, points) -> np.ndarray:
    """K props moved 4 mm towards their aims, and then off what they run into."""
    away = aim - t
    t = t + away * np.minimum(1, 0.004 / np.linalg.norm(away, axis=1, keepdims=True).clip(1e-9))
    local = (points - t[:, None]) @ R
    distance = _proxy(kind, local, size)
    first = distance.argmin(1)
    hit = np.take_along_axis(local, first[:, None, None], 1)  # (K, 1, 3)
    depth = np.take_along_axis(distance, first[:, None], 1)
    slope = _proxy(kind, hit + 1e-5 * np.eye(3), size) - depth  # towards the outside, times 1e-5
    normal = slope / np.linalg.norm(slope, axis=1, keepdims=True).clip(1e-12)
    return t - np.maximum(-depth, 0) * (R @ normal[..., None])[..., 0]


def _settled(kind, size, R, t, outwards, points) -> np.ndarray:
    """t moved along a line until every point is in front of the surface and the nearest one touches it."""
    for _ in range(100):
        local = (points - t) @ R
        near = local[_proxy(kind, local, size) < 0.01]
        nearest = min(0.01, prop_distance(kind, near, size).min(initial=np.inf))
        if _DEEPEST <= nearest <= _TOUCH:
            break
        t = t - outwards * (nearest if nearest > 0 else min(1.3 * nearest, -_TOUCH))
    return t


def _under(rng, size, cage) -> tuple[np.ndarray, np.ndarray]:
    """Pose of a table: under the hands and under what of the forearms is above it, its edge towards their ends."""
    hands, forearms = (cage[:, part].reshape(-1, 3) for part in _vertices())
    away = (forearms.mean(0) - hands.mean(0)) * [1, 0, 1]
    away = away / np.linalg.norm(away) if np.linalg.norm(away) > 1e-3 else np.array([0.0, 0.0, 1.0])
    behind, least = forearms @ away, (hands @ away).max() + 0.04
    cloth = forearms[:, 1] - _CLOTH
    top = min(hands[:, 1].min(), cloth[behind < least].min(initial=np.inf))
    edge = min(behind[cloth < top].min(initial=np.inf), least + rng.uniform(0.05, 0.3))
    R = np.stack([np.cross([0.0, 1.0, 0.0], away), [0.0, 1.0, 0.0], away], 1)
    middle = hands.mean(0) + rng.uniform(-0.2, 0.2) * R[:, 0]
    middle = middle + (edge - size[2] / 2 - middle @ away) * away
    return R, np.array([middle[0], top - size[1] / 2, middle[2]])


@cache
def _vertices() -> tuple[np.ndarray, np.ndarray]:
    """Control points of an arm that belong to the hand, and those that belong to the forearm alone."""
    arm = load_arm()
    hand = np.unique(arm.mesh.triangles[arm.parts != FOREARM])
    return hand, np.setdiff1d(np.arange(arm.mesh.vertex_count), hand)


def _palm(arm: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """How the palm of a posed arm (N, 3) is turned from the rest frame (3, 3), and its middle (3,)."""
    rest = load_arm()
    palm = np.unique(rest.mesh.triangles[rest.parts == 0])
    before = rest.model.template.numpy()[palm].astype(float) * [1 - 2 * side, 1, 1]
    after = arm[palm]
    u, _, vt = np.linalg.svd((before - before.mean(0)).T @ (after - after.mean(0)))
    return vt.T @ np.diag([1, 1, np.linalg.det(vt.T @ u.T)]) @ u.T, after.mean(0)


def _proxy(kind: str, points: np.ndarray, size: np.ndarray) -> np.ndarray:
    """At most `prop_distance`: things of revolution fill their cylinders. Cheap enough to search with."""
    if kind not in _OUTLINES:
        return prop_distance(kind, points, size)
    beyond = np.stack(
        [np.hypot(points[..., 0], points[..., 2]) - size[0] / 2, np.abs(points[..., 1]) - size[1] / 2]
    )
    distance = np.hypot(*np.maximum(beyond, 0)) + np.minimum(beyond.max(0), 0)
    return np.minimum(distance, _pipe_distance(points, *_handle(size))) if kind == "mug" else distance


def _known(kind: str) -> str:
    if kind not in _SIZES:
        raise ValueError(f"kind must be one of {(*KINDS, TABLE)}, got {kind!r}")
    return kind


def _outline(kind: str, size: np.ndarray) -> np.ndarray:
    """Radius and height (N, 2) of a thing of revolution, metres."""
    radius, height = np.array(_OUTLINES[kind]).T
    return np.stack([radius * size[0] / 2, (height - 0.5) * size[1]], 1)


def _handle(size: np.ndarray):
    """A mug's handle as a pipe, see `_pipe`; its round ends reach to the inner side of the wall."""
    ring, tube = np.array(_HANDLE) * size[1]
    wall = (1 - _OUTLINES["mug"][-4][0]) * size[0] / 2
    centre = size[0] / 2 - 0.1 * ring
    turn = np.arccos((size[0] / 2 - wall + tube - centre) / ring)
    return np.array([centre, 0.0]), ring, 0.0, turn, lambda share: np.full(np.shape(share), tube)


def _banana(size: np.ndarray):
    """A banana as a pipe whose radius shrinks towards its ends, the middle of its bow below."""
    thick = size[2] / 2
    ring = _BEND * size[0]
    turn = 0.5 * (size[0] - 0.6 * thick) / ring

    def radius(share):
        share = np.abs(share)
        return thick * (1 - 0.25 * share**2 - 0.35 * np.clip((share - 0.5) / 0.5, 0, 1) ** 2)

    return np.array([0.0, ring - 0.1 * size[0]]), ring, -np.pi / 2, turn, radius


def _pipe_distance(points, centre, ring, middle, turn, radius) -> np.ndarray:
    """Distance from a pipe along an arc in the plane z = 0 whose radius depends on the share -1..1 of the arc."""
    x, y = points[..., 0] - centre[0], points[..., 1] - centre[1]
    angle = np.arctan2(y * np.cos(middle) - x * np.sin(middle), x * np.cos(middle) + y * np.sin(middle))
    angle = np.clip(angle, -turn, turn)
    nearest = ring * np.stack([np.cos(middle + angle), np.sin(middle + angle)], -1)
    flat = np.hypot(x - nearest[..., 0], y - nearest[..., 1])
    return np.hypot(flat, points[..., 2]) - radius(angle / turn)


def _pipe(centre, ring, middle, turn, radius, along: int = 24, around: int = 20):
    """The mesh of such a pipe, with round ends."""
    share = np.linspace(-1, 1, along)
    cap = np.linspace(0, np.pi / 2, 6)[1:]
    share = np.concatenate([-np.ones(5), share, np.ones(5)])
    beyond = np.concatenate(
        [-np.sin(cap)[::-1], np.zeros(along), np.sin(cap)]
    )  # of the radius, past the ends
    inward = np.concatenate([np.cos(cap)[::-1], np.ones(along), np.cos(cap)])
    angle, r = middle + turn * share, radius(share)
    out = np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1)
    forwards = np.stack([-np.sin(angle), np.cos(angle), 0 * angle], 1)
    spine = np.append(centre, 0.0) + ring * out + (beyond * r)[:, None] * forwards
    phi = 2 * np.pi * np.arange(around) / around
    circle = np.cos(phi)[:, None, None] * out + np.sin(phi)[:, None, None] * np.array([0.0, 0.0, -1.0])
    rings = spine + (inward * r)[:, None] * circle  # (around, along, 3)
    return rings.reshape(-1, 3), _sheet(around, len(share))[:, ::-1]


def _lathe(outline: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mesh of a thing of revolution about y."""
    phi = 2 * np.pi * np.arange(_SIDES) / _SIDES
    radius, height = outline.T
    x, z = radius * np.cos(phi)[:, None], radius * np.sin(phi)[:, None]
    rings = np.stack([x, np.broadcast_to(height, x.shape), z], -1)
    return rings.reshape(-1, 3), _sheet(_SIDES, len(outline))


def _sheet(around: int, along: int) -> np.ndarray:
    """Triangles of a grid of points (around, along) closed around; those without area at its ends are left out."""
    i, j = np.meshgrid(np.arange(around), np.arange(along - 1), indexing="ij")
    i, j, k = i.ravel(), j.ravel(), (i.ravel() + 1) % around
    a, b, c, d = i * along + j, i * along + j + 1, k * along + j + 1, k * along + j
    lower, upper = np.stack([a, b, c], 1), np.stack([a, c, d], 1)
    return np.concatenate([lower[j < along - 2], upper[j > 0]])


def _rounded_box(half: np.ndarray, rounding: float) -> tuple[np.ndarray, np.ndarray]:
    """A box with rounded edges, flat in between."""
    inner = half - rounding
    beyond = rounding * np.tan(np.deg2rad((0.0, 22.5, 45.0)))
    u, v = np.meshgrid(np.arange(5), np.arange(5), indexing="ij")
    corner = (u * 6 + v).ravel()[:, None] + np.array([0, 6, 7, 0, 7, 1])
    points, triangles = [], []
    for axis in range(3):
        ticks = [np.concatenate([-inner[k] - beyond[::-1], inner[k] + beyond]) for k in range(3)]
        for sign in (-1, 1):
            ticks[axis] = np.array([sign * half[axis]])
            order = np.roll(np.arange(3), -axis)
            grid = np.stack(np.meshgrid(*(ticks[k] for k in order), indexing="ij"), -1).reshape(-1, 3)
            points.append(grid[:, np.argsort(order)])
            faces = corner.reshape(-1, 3) + 36 * len(triangles)
            triangles.append(faces if sign > 0 else faces[:, ::-1])
    points = np.concatenate(points)
    core = np.clip(points, -inner, inner)
    away = points - core
    points = core + rounding * away / np.linalg.norm(away, axis=1, keepdims=True)
    _, first, same = np.unique(points.round(9), axis=0, return_index=True, return_inverse=True)
    return points[first], same.ravel()[np.concatenate(triangles)]


def _polygon_distance(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Signed distance (...) of points (..., 2), radius >= 0, from a polygon closed along the axis radius = 0."""
    a, b = outline[:-1], outline[1:]
    edge, away = b - a, points[..., None, :] - a
    share = np.clip((away * edge).sum(-1) / (edge * edge).sum(-1), 0, 1)
    nearest = away - share[..., None] * edge
    distance = np.sqrt((nearest * nearest).sum(-1).min(-1))
    y, x = points[..., None, 1], points[..., None, 0]
    spans = (a[:, 1] > y) != (b[:, 1] > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        crossing = a[:, 0] + (y - a[:, 1]) / edge[:, 1] * edge[:, 0]
    inside = (spans & (x < crossing)).sum(-1) % 2 == 1
    return np.where(inside, -distance, distance)
