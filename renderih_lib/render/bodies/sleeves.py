"""Sleeves: a tube of cloth around each forearm, from a cuff behind the wrist to beyond the forearm's end."""

from functools import cache

import numpy as np
import scipy.sparse as sp

from renderih_lib.render.bodies.garments import COLUMNS, Garment, garment, sleeve_rings
from renderih_lib.render.bodies.mesh import FOREARM_LABELS, Body, load_arm

BARE = (0.04, 0.15)  # metres between the wrist joint and the cuff's edge that a sleeve can have

_MEASURED = np.arange(0.03, 0.495, 0.01)  # metres behind the wrist at which the forearm is measured
_HARMONICS = 3  # of the arm's cross-section that cloth follows
_SAG = 0.35  # share of the gap by which cloth hangs lower than the arm
_COARSE = (3, 3)  # rings and columns that one face of the label mesh spans


class Sleeve:
    """Sleeves of one garment on both arms: the same faces whatever the garment, its length and the pose.

    `quads` (Q, 4) are counter-clockwise seen from outside the cloth; `ring` and `column` (Q, 4) tell each
    corner's place in the tube; `quad_labels` (Q,) are those of the forearms.
    """

    def __init__(self):
        count = len(sleeve_rings(garment(0)).along)
        quads, ring, column = _tube(np.arange(count), np.arange(COLUMNS + 1))
        self.quads = _both(quads, count)
        self.ring, self.column = (np.concatenate([x, x[:, ::-1]]) for x in (ring, column))
        self.quad_labels = np.repeat(FOREARM_LABELS, len(quads))
        rim = int(np.flatnonzero(sleeve_rings(garment(0)).layer == 0)[-1])
        outer = np.union1d(np.arange(rim, count, _COARSE[0]), np.arange(count - 4, count))  # the end is round
        coarse = _both(_tube(outer, np.arange(0, COLUMNS + 1, _COARSE[1]))[0], count)
        self._triangles = coarse[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
        self._triangle_labels = np.repeat(FOREARM_LABELS, len(self._triangles) // 2)

    def surface(self, cage: np.ndarray, bare: float, seed: int) -> np.ndarray:
        """Vertices (M, 3), metres, world, the right sleeve first.

        Args:
            cage: (2, N, 3) metres, posed control points of both arms, world frame, +y up.
            bare: metres of forearm between the wrist joint and the cuff's edge, within `BARE`.
            seed: of the garment and its folds.

        Raises:
            ValueError: if bare is out of range.
        """
        if not BARE[0] <= bare <= BARE[1]:
            raise ValueError(f"bare must be within {BARE} m, got {bare}")
        worn = garment(seed)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
        return np.concatenate([_cloth(arm, bare, worn, rng) for arm in cage]).reshape(-1, 3)

    def body(self, surface: np.ndarray) -> Body:
        """What `annotate.labels` needs of a surface (M, 3): its outer side in larger triangles."""
        return Body(surface, self._triangles, self._triangle_labels)


def _cloth(arm: np.ndarray, bare: float, worn: Garment, rng: np.random.Generator) -> np.ndarray:
    """Points (R, COLUMNS, 3) of one sleeve on one arm (N, 3)."""
    rings = sleeve_rings(worn)
    skin = _low_passed((_forearm_rings() @ arm).reshape(len(_MEASURED), COLUMNS, 3))
    centre = skin.mean(1)
    length = np.concatenate([[0], np.linalg.norm(np.diff(centre, axis=0), axis=1).cumsum()]) + _MEASURED[0]
    axis = (centre[-1] - centre[0]) / np.linalg.norm(centre[-1] - centre[0])
    skin = _at(skin, length, bare + rings.along)
    centre = skin.mean(1, keepdims=True)
    outwards = skin - centre
    outwards -= (outwards @ axis)[..., None] * axis
    outwards /= np.linalg.norm(outwards, axis=-1, keepdims=True)
    behind = np.maximum(rings.along - worn.cuff, 0)[:, None]  # the cuff
    eased = _smoothstep(behind / 0.03)
    offset = worn.cuff_gap + (worn.gap - worn.cuff_gap) * eased + worn.thickness * rings.layer[:, None]
    offset = offset + np.where(behind > 5e-4, 0, worn.step * rings.layer[:, None])
    offset = offset + _folds(rng, behind, worn) * rings.layer[:, None]
    sag = _SAG * (worn.cuff_gap + (worn.gap - worn.cuff_gap) * eased)[..., None] * [0, -1, 0]
    cloth = skin + offset[..., None] * outwards + sag
    return centre + rings.radius[:, None, None] * (cloth - centre)


def _folds(rng: np.random.Generator, behind: np.ndarray, worn: Garment) -> np.ndarray:
    """Height (R, COLUMNS) of the folds, metres: long ones along the arm, short ones across it near the cuff."""
    angle = 2 * np.pi * np.arange(COLUMNS) / COLUMNS

    def noise(waves: int, around: tuple[int, int], along: tuple[float, float]) -> np.ndarray:
        total = 0.0
        for _ in range(waves):
            turns, pitch = rng.integers(*around), 2 * np.pi / rng.uniform(*along)
            lean = rng.choice([-1, 1])
            total = total + np.sin(turns * angle + lean * pitch * behind + rng.uniform(0, 2 * np.pi))
        return total / np.sqrt(waves / 2)

    # 6 to 11 folds around 0.26 m are 24 to 43 mm wide; along the arm they are three times as long.
    long = 1 - 1.6 * np.abs(noise(7, (3, 6), (0.14, 0.3)))  # rounded valleys, crests where the noise is 0
    across = noise(6, (1, 5), (0.018, 0.035))
    near = behind / 0.02 * np.exp(1 - behind / 0.02)
    return worn.fold * long * _smoothstep(behind / 0.025) + worn.bunch * (0.8 + 0.5 * across) * near


@cache
def _forearm_rings() -> sp.csr_matrix:
    """Matrix (len(_MEASURED) * COLUMNS, N): rings of points on the forearm from an arm's control points."""
    arm = load_arm()
    points, triangles = arm.model.template.numpy().astype(float), arm.mesh.triangles
    wrist = arm.model.rest_joints[0].numpy().astype(float)
    axis = points[arm.cut].mean(0) - wrist
    axis /= np.linalg.norm(axis)
    down = np.cross(axis, np.cross([0.0, -1.0, 0.0], axis))  # the seam lies under the arm, palm side
    down /= np.linalg.norm(down)
    angle = 2 * np.pi * np.arange(COLUMNS) / COLUMNS
    rays = np.cos(angle)[:, None] * down + np.sin(angle)[:, None] * np.cross(axis, down)
    centres = (points[triangles] - wrist).mean(1)
    along = centres @ axis
    aside = np.linalg.norm(centres - along[:, None] * axis, axis=1)
    rows, columns, values = [], [], []
    for k, s in enumerate(_MEASURED):
        near = triangles[(np.abs(along - s) < 0.06) & (aside < 0.06)]
        middle = wrist + s * axis
        for _ in range(2):  # the second time from the middle of the arm
            face, weights = _ray_hits(middle, rays, points[near])
            middle = (points[near[face]] * weights[..., None]).sum(1).mean(0)
        rows.append(np.repeat(k * COLUMNS + np.arange(COLUMNS), 3))
        columns.append(near[face].ravel())
        values.append(weights.ravel())
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sp.csr_matrix(entries, (len(_MEASURED) * COLUMNS, len(points)))


def _ray_hits(origin: np.ndarray, rays: np.ndarray, corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The farthest triangle (A,) that each ray (A, 3) meets, with the barycentric weights (A, 3) of the hit."""
    a, ab, ac = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(rays[:, None], ac)
    scale = (across * ab).sum(-1)
    scale = np.where(np.abs(scale) < 1e-12, np.inf, scale)
    second = (across * (origin - a)).sum(-1) / scale
    turned = np.cross(origin - a, ab)
    third = (turned * rays[:, None]).sum(-1) / scale
    distance = (turned * ac).sum(-1) / scale
    hit = (second >= -1e-9) & (third >= -1e-9) & (second + third <= 1 + 1e-9) & (distance > 0)
    face = np.where(hit, distance, -np.inf).argmax(1)
    b, c = (np.take_along_axis(x, face[:, None], 1)[:, 0] for x in (second, third))
    return face, np.stack([1 - b - c, b, c], 1)


def _low_passed(rings: np.ndarray) -> np.ndarray:
    """Rings (S, COLUMNS, 3) without what is finer than cloth shows."""
    spectrum = np.fft.rfft(rings, axis=1)
    spectrum[:, _HARMONICS + 1 :] = 0
    smooth = np.fft.irfft(spectrum, rings.shape[1], axis=1)
    padded = np.concatenate([smooth[:1], smooth, smooth[-1:]])
    return (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4


def _at(rings: np.ndarray, length: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Rings (R, COLUMNS, 3) at lengths along the arm, straight on beyond its ends."""
    below = np.clip(np.searchsorted(length, wanted) - 1, 0, len(length) - 2)
    share = (wanted - length[below]) / (length[below + 1] - length[below])
    return rings[below] + share[:, None, None] * (rings[below + 1] - rings[below])


def _tube(rings: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Quads (Q, 4) between chosen rings and columns, with the ring and the column (Q, 4) of each corner."""
    i, j = np.meshgrid(np.arange(len(rings) - 1), np.arange(len(columns) - 1), indexing="ij")
    ring = np.stack([rings[i], rings[i], rings[i + 1], rings[i + 1]], -1).reshape(-1, 4)
    column = np.stack([columns[j], columns[j + 1], columns[j + 1], columns[j]], -1).reshape(-1, 4)
    return ring * COLUMNS + column % COLUMNS, ring, column


def _both(quads: np.ndarray, rings: int) -> np.ndarray:
    """The right sleeve's faces and, mirrored, the left one's."""
    return np.concatenate([quads, quads[:, ::-1] + rings * COLUMNS])


def _smoothstep(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
