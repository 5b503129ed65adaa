"""Where each texel of the skin atlas lies on the render hand in its rest pose."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.ndimage import distance_transform_edt

from renderih_lib.hand.anatomy import rest_frames
from renderih_lib.hand.open_hand import load_arrays, load_render_hand
from renderih_lib.hand.skeleton import FINGERS, JOINT_COUNT, KEYPOINT_FINGERS
from renderih_lib.render.raster import rasterize

MM = 1000.0
BLEED = 12  # texels painted beyond each UV island, at 1024, so that filtering never meets the background


class SkinTexels(NamedTuple):
    """The T texels that carry skin. Lengths are millimetres, axes those of the right hand's rest pose."""

    size: int
    index: np.ndarray  # (T,) int, place in the flattened image, whose row 0 is v = 0 (Blender's order)
    source: np.ndarray  # (size * size,) int, texel to copy from, -1 where the image stays empty
    points: np.ndarray  # (T, 3) float32
    facing: np.ndarray  # (T,) float32, normal against the local back of the hand: 1 back, -1 palm
    fingers: np.ndarray  # (5, T) float32, how much of each of `FINGERS` moves the texel
    along: np.ndarray  # (5, 3, T) float32, distance beyond each joint along its finger
    aside: np.ndarray  # (5, 3, T) float32, distance from the finger's line
    nail: np.ndarray  # (T,) uint8, 0 none, 1 thumb ... 5 pinky
    nail_place: np.ndarray  # (2, T) float32, cuticle 0 to tip 1, side to side -1..1
    joints: np.ndarray  # (16, 3) float32
    chart: np.ndarray  # (3, T) float32, mm per texel: stretch along u, shear, stretch along v (see `_chart`)

    @property
    def pitch(self) -> float:
        """Millimetres between texels of the hand."""
        return float(np.median(self.chart[0][self.points[:, 0] < 0]))

    def image(self, values: np.ndarray) -> np.ndarray:
        """Texel values (T, ...) as an image (size, size, ...), bled over the island edges, 0 elsewhere."""
        empty = np.zeros((1, *values.shape[1:]), values.dtype)  # what index -1 finds
        return np.concatenate([values, empty])[self.source].reshape(self.size, self.size, *values.shape[1:])


@lru_cache(maxsize=2)
def skin_texels(size: int) -> SkinTexels:
    """Texels of a size x size atlas; the left hand, a mirror image with the same UVs, shares them.

    Raises:
        ValueError: if size is below 16.
    """
    if size < 16:
        raise ValueError(f"size must be at least 16 texels, got {size}")
    arrays, hand = load_arrays(), load_render_hand("right")
    index, quad, corners, shares = _covered(arrays["render_uv"], size)
    quads = arrays["render_quads"].astype(np.int64)
    vertices = quads[quad[:, None], corners]  # (T, 3)

    def interpolated(values: np.ndarray) -> np.ndarray:
        return np.einsum("tk,tk...->t...", shares, values[vertices]).astype(np.float32)

    points = interpolated(arrays["render_template"] * MM)
    weights = interpolated(arrays["render_skin_weights"])
    normals = interpolated(_vertex_normals(arrays["render_template"], quads))
    joints = arrays["joints"].astype(np.float32) * MM
    frames = rest_frames(hand).numpy()
    backs = np.concatenate([[[0.0, 1.0, 0.0]], frames[:, :, 1]])
    facing = (normals * _unit(weights @ backs)).sum(1) / np.linalg.norm(normals, axis=1)
    along, aside = _finger_distances(points, joints, frames)
    nail = np.where(facing > 0, arrays["nail_quads"][quad], 0)  # some nail quads reach under the tip
    return SkinTexels(
        size=size,
        index=index,
        source=_bleed(index, size),
        points=points,
        facing=facing.astype(np.float32),
        fingers=weights[:, 1:].reshape(-1, len(FINGERS), 3).sum(2).T.copy(),
        along=along,
        aside=aside,
        nail=nail,
        nail_place=_nail_places(nail, along, aside),
        joints=joints,
        chart=_chart(arrays["render_template"][quads] * MM, arrays["render_uv"] * size)[
            :, quad + len(quads) * (corners[:, 1] == 2)
        ],
    )


def _covered(uv: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Texels under the quads (Q, 4, 2): flat index, quad, that quad's three corners, barycentric weights."""
    flat = np.concatenate([uv.reshape(-1, 2), np.ones((uv.size // 2, 1))], 1)
    quads = np.arange(len(flat)).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    seen = rasterize(flat, triangles, np.diag([size, size, 1.0]), size, size)
    index = np.flatnonzero(seen.face >= 0)
    face = seen.face.reshape(-1)[index]
    corners = np.where((face < len(quads))[:, None], [0, 1, 2], [0, 2, 3])
    return index, face % len(quads), corners, seen.weights.reshape(-1, 3)[index]


def _chart(points: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """How the atlas lies on the skin: (3, 2Q) float32 for the two triangles of each quad.

    With orthonormal axes on the surface, the first along u, a step of one texel along u is (stretch_u, 0) mm and a step
    along v is (shear, stretch_v) mm.

    Args:
        points: (Q, 4, 3) mm. uv: (Q, 4, 2) texels.
    """
    points, uv = (np.concatenate([x[:, [0, 1, 2]], x[:, [0, 2, 3]]]).astype(np.float64) for x in (points, uv))
    edges, steps = points[:, 1:] - points[:, :1], uv[:, 1:] - uv[:, :1]  # edges = steps @ [per_u, per_v]
    per_u, per_v = np.moveaxis(np.linalg.pinv(steps) @ edges, 1, 0)
    stretch_u = np.maximum(np.linalg.norm(per_u, axis=1), 1e-6)
    shear = (per_u * per_v).sum(1) / stretch_u
    stretch_v = np.maximum(np.linalg.norm(np.cross(per_u, per_v), axis=1) / stretch_u, 1e-6)
    return np.stack([stretch_u, shear, stretch_v]).astype(np.float32)


def _bleed(index: np.ndarray, size: int) -> np.ndarray:
    texel = np.full(size * size, -1)
    texel[index] = np.arange(len(index))
    distance, (row, column) = distance_transform_edt(texel.reshape(size, size) < 0, return_indices=True)
    source = texel[(row * size + column).reshape(-1)]
    return np.where(distance.reshape(-1) <= max(2, BLEED * size / 1024), source, -1)


def _vertex_normals(points: np.ndarray, quads: np.ndarray) -> np.ndarray:
    a, b, c, d = (points[quads[:, k]] for k in range(4))
    normals = np.zeros_like(points)
    for k in range(4):
        np.add.at(normals, quads[:, k], np.cross(c - a, d - b))
    return _unit(normals)


def _finger_distances(
    points: np.ndarray, joints: np.ndarray, frames: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    along, aside = np.empty((2, JOINT_COUNT - 1, len(points)), np.float32)
    for joint in range(1, JOINT_COUNT):
        away = points - joints[joint]
        along[joint - 1] = -away @ frames[joint - 1, :, 0]  # the twist axis points back to the wrist
        aside[joint - 1] = away @ frames[joint - 1, :, 2]
    return along.reshape(5, 3, -1), aside.reshape(5, 3, -1)


def _nail_places(nail: np.ndarray, along: np.ndarray, aside: np.ndarray) -> np.ndarray:
    """Place on the nail (2, T): from cuticle 0 to tip 1, and from side to side -1..1; 0 off the nails."""
    places = np.zeros((2, len(nail)), np.float32)
    for number, finger in enumerate(KEYPOINT_FINGERS, start=1):
        here = np.flatnonzero(nail == number)
        if len(here):
            forward, sideways = (d[FINGERS.index(finger), 2, here] for d in (along, aside))
            places[0, here] = (forward - forward.min()) / max(np.ptp(forward), 1e-6)
            places[1, here] = 2 * (sideways - sideways.min()) / max(np.ptp(sideways), 1e-6) - 1
    return places


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
