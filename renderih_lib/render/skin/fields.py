"""What varies over skin, as functions of the place on the rest hand: never of UV, so that no seam can show.

Every field is a float32 array (T,) over the texels of `skin_texels`: roughly unit normal for blotches, 0..1 for
everything else.
"""

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.spatial import cKDTree

from renderih_lib.hand.skeleton import FINGERS, JOINT_NAMES
from renderih_lib.render.skin.noise import cells, gauss, noise, smoothstep
from renderih_lib.render.skin.texels import SkinTexels

THUMB = FINGERS.index("thumb")

# Lines of the palm and veins of the back as control points: first number 0 at the wrist to 1 at the middle
# knuckle, second -1 at the little to 1 at the index knuckle. Then width in mm and strength.
PALM_LINES = {
    "heart": ([(0.78, -1.55), (0.87, -0.8), (0.97, -0.1), (1.08, 0.3)], 0.75, 1.0),
    "head": ([(0.93, 1.4), (0.84, 0.7), (0.70, -0.2), (0.58, -1.0)], 0.65, 0.9),
    "life": ([(0.91, 1.4), (0.76, 0.7), (0.52, 0.3), (0.28, 0.15), (0.1, 0.3)], 0.75, 1.0),
    "fate": ([(0.18, 0.05), (0.5, -0.02), (0.82, -0.1)], 0.45, 0.5),
}
VEINS = (
    [(0.98, 0.5), (0.72, 0.35), (0.42, 0.1), (0.05, 0.45), (-0.45, 0.75), (-1.2, 0.6)],
    [(0.96, -0.15), (0.78, -0.3), (0.6, 0.0), (0.5, 0.18)],
    [(0.93, -0.75), (0.66, -0.7), (0.35, -0.45), (0.02, -0.75), (-0.5, -0.6), (-1.2, -0.5)],
    [(0.6, 0.95), (0.32, 0.85), (0.05, 0.9), (-0.3, 0.8)],
)


#: Millimetres that one unit of a field adds to the height where the nearest joint is bent all the way: creases of the
#: palm side deepen between pads of flesh, wrinkles and furrows of the back are pulled flat.
FOLDS = {"finger_creases": -0.50, "pads": 0.40, "palm_lines": -0.15, "wrinkles": 0.20, "lines": 0.03}


def folds(parts: dict[str, np.ndarray]) -> np.ndarray:
    """Height (T,) mm that full flexion adds, from the fields of a person."""
    return sum(height * parts[name] for name, height in FOLDS.items() if name in parts)


def common_folds(texels: SkinTexels) -> np.ndarray:
    """The folds of a hand whose wrinkles nobody knows: those of its palm side."""
    rng = np.random.default_rng(0)
    palm = palm_amount(texels, rng)
    creases, pads = finger_creases(texels, palm, rng)
    return folds({"finger_creases": creases, "pads": pads, "palm_lines": palm_lines(texels, palm, rng)})


def palm_amount(texels: SkinTexels, rng: np.random.Generator) -> np.ndarray:
    """1 where the skin is palmar, 0 on the back; fades over 55 mm of forearm (Figure 5's light palms)."""
    edge = texels.facing + 0.12 * noise(texels.points, 6.0, rng)
    forearm = smoothstep(-8.0, 47.0, texels.points[:, 0] + 4.0 * noise(texels.points, 14.0, rng))
    return (1 - smoothstep(-0.35, 0.35, edge)) * (1 - 0.9 * forearm)


def knuckles(texels: SkinTexels, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Reddened knuckles, and the wrinkles across them: borders of cells drawn out across the finger."""
    red, wrinkles = np.zeros((2, len(texels.index)), np.float32)
    for finger, level in _knuckle_joints():
        along, aside = texels.along[finger, level], texels.aside[finger, level]
        length, period = (4.5, 4.6, 3.0)[level], (1.9, 1.5, 1.1)[level] * rng.uniform(0.85, 1.2)
        width = 6.5 if level == 0 else 8.0
        near = np.abs(along) < 4 * length
        here = np.flatnonzero(near & (np.abs(aside) < 3 * width) & (texels.facing > 0))
        along, aside, points = along[here], aside[here], texels.points[here]
        across = gauss(aside, width) * smoothstep(0.0, 0.6, texels.facing[here])
        across *= 1.0 if level == 0 else smoothstep(0.2, 0.7, texels.fingers[finger, here])
        red[here] = np.maximum(red[here], across * gauss(along, 1.5 * length))
        warp = 0.8 * noise(points, 4.0, rng) + 0.25 * noise(points, 1.5, rng)
        bowed = along + warp - np.sign(along) * aside**2 / 40.0
        drawn = (2.0, 4.5, 4.0)[level] * period
        border = cells(np.stack([bowed / period, aside / drawn, points[:, 1] / drawn], 1), rng)[1]
        valleys = (1 - smoothstep(0.0, 0.42, border)) * smoothstep(-1.7, 0.5, noise(points, 3.5, rng))
        valleys *= across * gauss(along, length) * (0.6 if level == 0 else 1.0)
        wrinkles[here] = np.maximum(wrinkles[here], valleys)
    return red, wrinkles


def finger_creases(
    texels: SkinTexels, palm: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Creases across the palm side of each finger, and the pads of flesh beside them.

    One crease at the end joint, two at the middle one, one at the web.
    """
    creases, pads = np.zeros((2, len(texels.index)), np.float32)
    path = 0.45 * noise(texels.points, 6.0, rng) + 0.2 * noise(texels.points, 1.8, rng)
    depth = np.clip(0.8 + 0.25 * noise(texels.points, 4.0, rng), 0.3, 1)
    for finger in range(len(FINGERS)):
        own = smoothstep(0.25, 0.6, texels.fingers[finger])
        middle, end = texels.along[finger, 1], texels.along[finger, 2]
        length = float((middle - end).max())
        places = [(end, 0.0, 1.0), (end, 2.2, 0.35), (middle, -0.9, 0.8), (middle, 1.3, 1.0)]
        if finger != THUMB:
            places.append((middle, -0.98 * length, 1.0))
        for distance, place, strength in places:
            away = distance + path - place
            line = strength * (0.75 * gauss(away, 0.38) + 0.25 * gauss(away, 1.1))
            creases = np.maximum(creases, own * line)
            pads = np.maximum(pads, own * strength * gauss(np.abs(away) - 2.8, 1.4))
    inside = smoothstep(0.35, 0.75, palm)
    return creases * depth * inside, pads * inside


def palm_lines(texels: SkinTexels, palm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The four lines that palmists read, and short minor ones in random places."""
    out = np.zeros(len(texels.index), np.float32)
    here = np.flatnonzero((palm > 0.3) & (texels.points[:, 0] < 10))
    wobble = np.stack([0.9 * noise(texels.points[here], 10.0, rng) for _ in range(2)], 1)
    wobble += np.stack([0.2 * noise(texels.points[here], 2.0, rng) for _ in range(2)], 1)
    flat = texels.points[here][:, [0, 2]] + wobble
    lines = [
        (_jittered(points, 0.02, rng), width, strength) for points, width, strength in PALM_LINES.values()
    ]
    for _ in range(26):
        start = rng.uniform([0.1, -1.3], [0.95, 1.1])
        lines.append(([start, start + rng.normal(0, [0.09, 0.22])], 0.4, rng.uniform(0.15, 0.45)))
    for points, width, strength in lines:
        distance, taper = _curve_distance(_palm_to_mm(points, texels), flat, 3 * width)
        out[here] = np.maximum(out[here], strength * taper * gauss(distance, width))
    # the palm ends where the finger's own creases begin, and the lines with it
    return out * smoothstep(0.4, 0.8, palm) * (1 - smoothstep(0.7, 0.95, texels.fingers.sum(0)))


def wrist_creases(texels: SkinTexels, palm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two creases across the inside of the wrist."""
    x = texels.points[:, 0] + 0.8 * noise(texels.points, 9.0, rng) + 0.0025 * texels.points[:, 2] ** 2
    front = 1 - smoothstep(-0.5, 0.3, texels.facing)
    return np.maximum(gauss(x - 9.0, 0.8), 0.8 * gauss(x - 2.0, 0.8)) * front


def fingertips(texels: SkinTexels, palm: np.ndarray) -> np.ndarray:
    """Pink fingertips, stronger on the pad."""
    beyond = (
        smoothstep(6.0, 20.0, d) * own for d, own in zip(texels.along[:, 2], texels.fingers, strict=True)
    )
    return np.maximum.reduce(list(beyond)) * (0.7 + 0.3 * palm)


def veins(texels: SkinTexels, rng: np.random.Generator) -> np.ndarray:
    """Veins on the back of hand and forearm, interrupted so that no line runs on."""
    out = np.zeros(len(texels.index), np.float32)
    here = np.flatnonzero(texels.facing > 0)
    wobble = np.stack([2.0 * noise(texels.points[here], 14.0, rng) for _ in range(2)], 1)
    flat = texels.points[here][:, [0, 2]] + wobble
    for points in VEINS:
        width, strength = rng.uniform(1.3, 2.1), rng.uniform(0.5, 1.0)
        distance, taper = _curve_distance(_palm_to_mm(_jittered(points, 0.08, rng), texels), flat, 4 * width)
        out[here] = np.maximum(out[here], strength * taper * gauss(distance, width))
    breaks = smoothstep(-0.9, 0.9, noise(texels.points, 20.0, rng))
    return out * breaks * smoothstep(0.2, 0.7, texels.facing)


def tendons(texels: SkinTexels) -> np.ndarray:
    """The four extensor tendons, from the knuckles to where they gather at the wrist."""
    out = np.zeros(len(texels.index), np.float32)
    flat = texels.points[:, [0, 2]]
    gather = np.array([0.0, 2.0])
    for finger in range(len(FINGERS)):
        if finger == THUMB:
            continue
        knuckle = texels.joints[1 + 3 * finger, [0, 2]]
        along = (flat - knuckle) @ (gather - knuckle) / ((gather - knuckle) ** 2).sum()
        away = flat - knuckle - along[:, None] * (gather - knuckle)
        fade = smoothstep(0.05, 0.25, along) * (1 - smoothstep(0.6, 0.9, along))
        out = np.maximum(out, fade * gauss(np.linalg.norm(away, axis=1), 2.6))
    return out * smoothstep(0.4, 0.8, texels.facing)


def spots(texels: SkinTexels, count: int, rng: np.random.Generator) -> np.ndarray:
    """Moles and freckles on the back and the forearm."""
    out = np.zeros(len(texels.index), np.float32)
    back = np.flatnonzero((texels.facing > 0.2) & (texels.nail == 0))
    tree = cKDTree(texels.points[back])
    for centre in texels.points[rng.choice(back, count)]:
        near = back[tree.query_ball_point(centre, 4.0)]
        radius, depth = rng.uniform(0.5, 1.1), rng.uniform(0.25, 1.0) ** 2
        away = np.linalg.norm(texels.points[near] - centre, axis=1)
        out[near] = np.maximum(out[near], depth * (1 - smoothstep(0.6 * radius, 1.4 * radius, away)))
    return out


def nails(texels: SkinTexels) -> dict[str, np.ndarray]:
    """The plate, its lunula, its free edge, and the fold of skin round it."""
    along, across = texels.nail_place
    on = texels.nail > 0
    edge = np.abs(across) ** 3 + np.abs(np.minimum(2 * along - 1, 0)) ** 4 + np.maximum(along - 0.96, 0) * 8
    plate = on * (1 - smoothstep(0.86, 1.0, edge))
    return {
        "nail": plate,
        "lunula": plate * gauss(along - 0.06 + 0.22 * across**2, 0.11) * gauss(across, 0.6),
        "nail_edge": plate * smoothstep(0.82, 0.88, along + 0.12 * across**2),
        "nail_rim": on * gauss(edge - 0.97, 0.13),
    }


def dorsal_relief(
    texels: SkinTexels, palm: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Furrows between the small plates of hairy skin, and pores."""
    back = np.flatnonzero(palm < 0.9)
    points, bare = texels.points[back], 1 - palm[back]
    lines, pores = np.zeros((2, len(texels.index)), np.float32)
    warped = points + 0.35 * noise(points, 2.5, rng)[:, None]
    plates = (1.3 * rng.uniform(0.85, 1.25), 0.65)
    for size, strength in zip(plates, (1.0, 0.45), strict=True):
        centre, border = cells(warped / np.float32([size, size, 1.4 * size]), rng)
        valley = strength * (1 - smoothstep(0.0, 0.30, border))
        lines[back] = np.maximum(lines[back], seen(size / 3, texels) * valley)
        if size == plates[0]:
            pores[back] = bare * seen(0.4, texels) * gauss(centre, 0.15) * (noise(points, 2.0, rng) > 0)
    lines[back] *= bare * np.clip(0.8 + 0.35 * noise(points, 9.0, rng), 0.2, 1.5)
    return lines, pores


def palmar_relief(
    texels: SkinTexels, palm: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """The net of fine creases of the palm, and the papillary ridges, closed round each fingertip: -1..1."""
    inside = np.flatnonzero(palm > 0.1)
    points, bare = texels.points[inside], smoothstep(0.2, 0.8, palm[inside])
    net, ridges = np.zeros((2, len(texels.index)), np.float32)
    warped = points + 0.8 * noise(points, 5.0, rng)[:, None]
    border = cells(warped / np.float32([3.4, 3.4, 2.3]), rng)[1]
    broken = smoothstep(-0.4, 1.0, noise(points, 6.0, rng))
    net[inside] = bare * (1 - smoothstep(0.0, 0.13, border)) * broken * seen(0.25, texels)
    phase = points[:, 0] + 0.5 * points[:, 2] + 5.0 * noise(points, 22.0, rng)
    for finger in range(len(FINGERS)):
        along, aside = texels.along[finger, 2, inside] - 9.0, texels.aside[finger, 2, inside]
        tip = smoothstep(-9.0, -5.0, along) * (texels.fingers[finger, inside] > 0.5)
        phase += tip * (np.hypot(along, 1.3 * aside) - phase)
    period = 0.55
    ridges[inside] = bare * np.sin(2 * np.pi / period * (phase + 0.25 * noise(points, 3.0, rng)))
    return net, ridges * seen(period / 3, texels)  # a wave needs more texels than a line


def seen(width: float, texels: SkinTexels) -> float:
    """0..1: whether the texels are small enough to draw a detail of that width, in millimetres."""
    return float(smoothstep(0.5, 1.3, np.float64(width / texels.pitch)))


def _knuckle_joints() -> list[tuple[int, int]]:
    """(finger, level) of the joints that show a knuckle: all but the thumb's root, deep in the palm."""
    return [(finger, level) for finger in range(5) for level in range(3) if (finger, level) != (THUMB, 0)]


def _jittered(points, spread: float, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(points) + rng.normal(0, spread, np.shape(points))


def _palm_to_mm(points, texels: SkinTexels) -> np.ndarray:
    """Palm coordinates (P, 2) of `PALM_LINES` to millimetres (x, z) of the rest frame."""
    knuckle = {f: texels.joints[JOINT_NAMES.index(f"{f}_root"), [0, 2]] for f in ("index", "middle", "pinky")}
    forward = knuckle["middle"]
    aside = np.array([0.0, (knuckle["index"] - knuckle["pinky"])[1] / 2])
    points = np.asarray(points)
    return points[:, :1] * forward + (points[:, 1:] - 0.1) * aside


def _curve_distance(control: np.ndarray, points: np.ndarray, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Distance (T,) of points (T, 2) from a smooth curve, inf beyond reach, and a taper to 0 at its ends."""
    t = np.linspace(0, 1, len(control))
    samples = np.linspace(0, 1, 240)
    curve = make_interp_spline(t, control, k=min(3, len(control) - 1))(samples)
    distance, nearest = cKDTree(curve).query(points, distance_upper_bound=reach)
    ends = smoothstep(0.0, 0.12, samples) * (1 - smoothstep(0.85, 1.0, samples))
    return distance.astype(np.float32), np.append(ends, 0.0)[nearest].astype(np.float32)
