"""Random functions of the place in space: smooth noise, and cells with borders as skin has them."""

import numpy as np
from scipy.stats import special_ortho_group

LATTICE = 32  # cells after which a pattern repeats; the turned lattice hides it


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


def cells(points: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the nearest centre of a random cell, and how much farther the next one is: two (T,) float32.

    Worley's cellular noise; the second is 0 on the borders between cells. Centres lie in the unit cubes of a randomly
    turned lattice, off its regular places by up to 0.45. Only the eight nearest cubes are asked, which now and then
    misses the second centre; borders stay closed.

    Args:
        points: (T, 3) in units of the cells' size, which may differ per axis.
    """
    place = _placed(points, 1.0, rng)
    offset = rng.uniform(-0.45, 0.45, (3, LATTICE**3)).astype(np.float32)
    low = np.floor(place - np.float32(0.5))
    within = place - low - np.float32(0.5)  # from the middle of the lowest of the eight cubes
    low = low.astype(np.int32)
    steps = np.int32([[LATTICE**2], [LATTICE], [1]])
    ends = (low % LATTICE * steps, (low + 1) % LATTICE * steps)
    first, second = np.full((2, len(points)), np.inf, np.float32)
    for corner in np.ndindex(2, 2, 2):
        cube = sum(ends[side][axis] for axis, side in enumerate(corner))
        away = np.zeros(len(points), np.float32)
        for axis, side in enumerate(corner):
            away += (within[axis] - np.float32(side) - offset[axis][cube]) ** 2
        second = np.minimum(second, np.maximum(first, away))
        first = np.minimum(first, away)
    first, second = np.sqrt(first), np.sqrt(second)
    return first, second - first


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 below low, 1 above high, smooth between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def gauss(x: np.ndarray, sigma: float) -> np.ndarray:
    """1 at 0, falling like a normal density of that sigma."""
    return np.exp(-0.5 * (x / sigma) ** 2)


def _lattice_noise(points: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    lattice = rng.standard_normal(LATTICE**3).astype(np.float32)
    place = _placed(points, length, rng)
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


def _placed(points: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """Points (T, 3) in cells of a randomly turned and moved lattice: (3, T) float32."""
    turn = special_ortho_group.rvs(3, random_state=rng).astype(np.float32)
    return (points @ (turn / np.float32(length)) + rng.uniform(0, LATTICE, 3).astype(np.float32)).T.copy()


def _mixed(a, b, t):
    return a + (b - a) * t
