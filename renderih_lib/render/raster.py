"""A z-buffer in NumPy: which face of a triangle mesh each pixel sees, and how far away it is."""

from typing import NamedTuple

import numpy as np

NEAR = 1e-3  # metres; faces reaching behind it are not drawn


class Raster(NamedTuple):
    depth: np.ndarray  # (H, W) float64, metres along the optical axis, inf where nothing is
    face: np.ndarray  # (H, W) int64, index of the face seen, -1 where nothing is
    weights: np.ndarray  # (H, W, 3) float64, perspective-correct barycentric weights in that face


def rasterize(points: np.ndarray, faces: np.ndarray, K: np.ndarray, width: int, height: int) -> Raster:
    """Depth, face and barycentric weights at every pixel centre.

    Args:
        points: (V, 3) metres, OpenCV camera frame. faces: (F, 3) int. K: (3, 3) intrinsics, pixel centres at
            integers + 0.5.
    """
    points = np.asarray(points, dtype=np.float64)
    z = points[:, 2]
    safe = np.where(z > NEAR, z, 1.0)
    pixels = points[:, :2] / safe[:, None] * [K[0, 0], K[1, 1]] + [K[0, 2], K[1, 2]]
    front = np.flatnonzero((z[faces] > NEAR).all(1))
    corners = pixels[faces[front]]  # (F, 3, 2)
    low = np.clip(np.ceil(corners.min(1) - 0.5), 0, [width, height]).astype(np.int64)
    high = np.clip(np.floor(corners.max(1) - 0.5) + 1, 0, [width, height]).astype(np.int64)
    span = np.maximum(high - low, 0)

    face = np.full(height * width, -1, dtype=np.int64)
    nearness = np.zeros(height * width)  # 1 / z of the nearest hit so far
    for chunk in _chunks(span.prod(1), limit=2_000_000):
        _splat(chunk, front, corners, 1.0 / safe[faces[front]], low, span, width, face, nearness)
    return _hits(face, nearness, pixels, faces, 1.0 / safe, width, height)


def _splat(chunk, front, corners, inverse_z, low, span, width, face, nearness):
    """Tests every pixel of the boxes of the faces in `chunk` and keeps the nearest hits, in place."""
    counts = span[chunk].prod(1)
    owner = np.repeat(chunk, counts)
    step = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    x = low[owner, 0] + step % span[owner, 0]
    y = low[owner, 1] + step // span[owner, 0]
    weights, area = _barycentric(corners[owner], np.stack([x, y], 1) + 0.5)
    inside = (weights >= 0).all(1) & (area != 0)
    owner, pixel = owner[inside], (y * width + x)[inside]
    near = (weights[inside] * inverse_z[owner]).sum(1)
    order = np.lexsort((-owner, near))  # the last write wins: nearest, then lowest face
    pixel, near, owner = pixel[order], near[order], front[owner[order]]
    best = np.zeros_like(nearness)
    best[pixel] = near
    candidate = np.full_like(face, -1)
    candidate[pixel] = owner
    closer = best > nearness
    nearness[closer], face[closer] = best[closer], candidate[closer]


def _hits(face, nearness, pixels, faces, inverse_z, width, height) -> Raster:
    depth, weights = np.full(len(face), np.inf), np.zeros((len(face), 3))
    hit = np.flatnonzero(face >= 0)
    depth[hit] = 1.0 / nearness[hit]
    centres = np.stack([hit % width, hit // width], 1) + 0.5
    flat, _ = _barycentric(pixels[faces[face[hit]]], centres)
    weights[hit] = flat * inverse_z[faces[face[hit]]] * depth[hit, None]
    return Raster(
        depth.reshape(height, width), face.reshape(height, width), weights.reshape(height, width, 3)
    )


def _barycentric(corners: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Screen-space weights (N, 3) of points (N, 2) in triangles (N, 3, 2), and twice the signed areas (N,)."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    area = _cross(b - a, c - a)
    safe = np.where(area == 0, 1.0, area)
    first, second = _cross(c - b, points - b) / safe, _cross(a - c, points - c) / safe
    return np.stack([first, second, 1.0 - first - second], 1), area


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def _chunks(sizes: np.ndarray, limit: int):
    """Index ranges of faces whose boxes hold at most about `limit` pixels together."""
    filled = np.flatnonzero(sizes)
    group = np.cumsum(sizes[filled]) // limit
    for number in np.unique(group):
        yield filled[group == number]
