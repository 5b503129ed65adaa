"""What varies over skin, as functions of the place on the rest hand: never of UV, so that no seam can show.

Every field is a float32 array (T,) over the texels of `skin_texels`: roughly unit normal for blotches, 0..1 for
everything else.
"""

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.spatial import cKDTree
from scipy.stats import special_ortho_group

from renderih_lib.hand.skeleton import FINGERS, JOINT_NAMES
from renderih_lib.render.skin_texels import SkinTexels

THUMB = FINGERS.index("thumb")
LATTICE = 32  # cells after which a noise repeats; the turned lattice hides it

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


def noise(points: np.ndarray, length: float, rng: np.random.Generator, octaves: int = 1) -> np.ndarray:
    """Smooth random function of the place, mean 0 and about unit spread: (T,) float32.

    Values at the corners of a randomly turned cubic lattice, blended by Perlin's quintic; further octaves halve
    length and amplitude.

    Args:
        points: (T, 3) mm. length: mm, edge of the largest cells.
    """
    total, power = np.zeros(len(points), np.float32), 0.0
    for octave in range(octaves):
        amplitude = 0.5**octave
        total += amplitude * _lattice_noise(points, length * amplitude, rng)
        power += amplitude**2
    return total / np.float32(0.62 * np.sqrt(power))  # 0.62: the blending's mean loss of spread


def _lattice_noise(points: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    lattice = rng.standard_normal(LATTICE**3).astype(np.float32)
    turn = special_ortho_group.rvs(3, random_state=rng).astype(np.float32)
    place = (points @ (turn / np.float32(length)) + rng.uniform(0, LATTICE, 3).astype(np.float32)).T.copy()
    floor = np.floor(place)
    low, t = floor.astype(np.int32) % LATTICE, place - floor
    steps = np.int32([[LATTICE**2], [LATTICE], [1]])
    ends = (low * steps, (low + 1) % LATTICE * steps)  # each (3, T)
    blend = t * t * t * (t * (t * 6 - 15) + 10)

    def along_z(x: int, y: int) -> np.ndarray:
        row = ends[x][0] + ends[y][1]
        return _mixed(lattice[row + ends[0][2]], lattice[row + ends[1][2]], blend[2])

    sides = (_mixed(along_z(x, 0), along_z(x, 1), blend[1]) for x in (0, 1))
    return _mixed(*sides, blend[0])


def palm_amount(texels: SkinTexels, rng: np.random.Generator) -> np.ndarray:
    """1 where the skin is palmar, 0 on the back; fades over 55 mm of forearm (Figure 5's light palms)."""
    edge = texels.facing + 0.12 * noise(texels.points, 6.0, rng)
    forearm = smoothstep(-8.0, 47.0, texels.points[:, 0] + 4.0 * noise(texels.points, 14.0, rng))
    return (1 - smoothstep(-0.35, 0.35, edge)) * (1 - 0.9 * forearm)


def knuckles(texels: SkinTexels, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Reddened knuckles and the wrinkles across them."""
    red, wrinkles = np.zeros((2, len(texels.index)), np.float32)
    back = smoothstep(0.0, 0.6, texels.facing)
    warp = 0.9 * noise(texels.points, 4.0, rng) + 0.35 * noise(texels.points, 1.5, rng)
    for finger, level in _knuckle_joints():
        along, aside = texels.along[finger, level], texels.aside[finger, level]
        length, period = (5.0, 4.6, 3.2)[level], (2.4, 1.75, 1.4)[level]
        across = gauss(aside, 6.5 if level == 0 else 8.0) * back
        across *= 1.0 if level == 0 else smoothstep(0.2, 0.7, texels.fingers[finger])
        red = np.maximum(red, across * gauss(along, 1.5 * length))
        bowed = along + warp - np.sign(along) * aside**2 / 40.0
        valleys = (1 - np.abs(np.sin(np.pi * bowed / period))) ** 2.2
        wrinkles = np.maximum(
            wrinkles, across * gauss(along, length) * valleys * (0.5 if level == 0 else 1.0)
        )
    return red, wrinkles


def finger_creases(texels: SkinTexels, palm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Creases across the palm side of each finger: one at the end joint, two at the middle, one at the web."""
    out = np.zeros(len(texels.index), np.float32)
    path = 0.45 * noise(texels.points, 6.0, rng) + 0.2 * noise(texels.points, 1.8, rng)
    for finger in range(len(FINGERS)):
        own = smoothstep(0.25, 0.6, texels.fingers[finger])
        middle, end = texels.along[finger, 1], texels.along[finger, 2]
        length = float((middle - end).max())
        places = [(end, 0.0), (middle, -0.9), (middle, 1.3)]
        if finger != THUMB:
            places.append((middle, -0.98 * length))
        for distance, place in places:
            out = np.maximum(out, own * gauss(distance + path - place, 0.55))
    return out * smoothstep(0.35, 0.75, palm)


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
    wobble = np.stack([1.6 * noise(texels.points[here], 16.0, rng) for _ in range(2)], 1)
    flat = texels.points[here][:, [0, 2]] + wobble
    for points in VEINS:
        width = rng.uniform(1.4, 2.0)
        distance, taper = _curve_distance(_palm_to_mm(_jittered(points, 0.07, rng), texels), flat, 4 * width)
        out[here] = np.maximum(out[here], taper * gauss(distance, width))
    breaks = smoothstep(-0.9, 0.7, noise(texels.points, 22.0, rng))
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
    """The plate, its lunula, its free edge and its rim."""
    along, across = texels.nail_place
    on = texels.nail > 0
    edge = np.abs(across) ** 3 + np.abs(2 * along - 1) ** 5
    plate = on * (1 - smoothstep(0.80, 1.05, edge))
    return {
        "nail": plate,
        "lunula": plate * gauss(along - 0.1, 0.14) * gauss(across, 0.55),
        "nail_edge": plate * smoothstep(0.84, 0.92, along),
        "nail_rim": on * gauss(edge - 0.95, 0.15),
    }


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def gauss(x: np.ndarray, sigma: float) -> np.ndarray:
    """1 at 0, falling like a normal density of that sigma."""
    return np.exp(-0.5 * (x / sigma) ** 2)


def _mixed(a, b, t):
    return a + (b - a) * t


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
