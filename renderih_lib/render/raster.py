"""A z-buffer in NumPy: which face of a triangle mesh each pixel sees, and how far away it is.

Works on rays instead of projected corners (Olano and Greer, "Triangle Scan Conversion using 2D Homogeneous
Coordinates", 1997), so a face that reaches behind the camera needs no clipping.
"""

from dataclasses import dataclass

import numpy as np

NEAR = 1e-3  # metres; what is nearer is not drawn

_CHUNK = 2_000_000  # covered pixels that are in memory at once


@dataclass(frozen=True)
class Raster:
    depth: np.ndarray  # (H, W) float64, metres along the optical axis, inf where nothing is
    face: np.ndarray  # (H, W) int64, index of the face seen, -1 where nothing is
    planes: (
        np.ndarray
    )  # (F, 3, 3): times (x, y, 1), a barycentric weight of the face over the depth at a pixel

    @property
    def weights(self) -> np.ndarray:
        """(H, W, 3) float64, perspective-correct barycentric weights in the face seen; 0 where nothing is."""
        weights = np.zeros((*self.face.shape, 3))
        row, column = np.nonzero(self.face >= 0)
        centres = np.stack([column + 0.5, row + 0.5, np.ones(len(row))], 1)
        over_depth = np.einsum("nij,nj->ni", self.planes[self.face[row, column]], centres)
        weights[row, column] = over_depth * self.depth[row, column, None]
        return weights


def rasterize(points: np.ndarray, faces: np.ndarray, K: np.ndarray, width: int, height: int) -> Raster:
    """Depth, face and barycentric weights at every pixel centre.

    Args:
        points: (V, 3) metres, OpenCV camera frame. faces: (F, 3) int. K: (3, 3) intrinsics, pixel centres at
            integers + 0.5.
    """
    points = np.asarray(points, dtype=np.float64)
    edges, volume = _edges(points, faces, K)
    low, high = _rows(points, faces, K, height)
    high = np.where(volume != 0, high, low)
    face = np.full(height * width, -1, dtype=np.int64)
    nearness = np.zeros(height * width)  # 1 / z of the nearest hit so far
    rows = np.cumsum(high - low)
    for chunk in _chunks(rows, _CHUNK // width):
        _fill(chunk, edges, volume, low, high, width, face, nearness)
    depth = np.full(height * width, np.inf)
    np.divide(1.0, nearness, out=depth, where=face >= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        planes = edges / np.abs(volume)[:, None, None]
    return Raster(depth.reshape(height, width), face.reshape(height, width), planes)


def _edges(points: np.ndarray, faces: np.ndarray, K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Three functions of a pixel (x, y, 1) that are positive inside a face, (F, 3, 3), and six times the volume
    (F,) that the face spans with the camera.

    A point of a face is sum_i w_i p_i. Its ray r = p / z gives w_i / z = (p_j x p_k) . r / (p_0 . p_1 x p_2).
    Two faces that share an edge have exactly opposite functions there, so no pixel falls between them.
    """
    a, b, c = (points[faces[:, k]] for k in range(3))
    normals = np.stack([_cross(b, c), _cross(c, a), _cross(a, b)], 1)
    volume = (a * normals[:, 0]).sum(1)
    rays = np.array([[1 / K[0, 0], 0, -K[0, 2] / K[0, 0]], [0, 1 / K[1, 1], -K[1, 2] / K[1, 1]], [0, 0, 1.0]])
    return np.sign(volume)[:, None, None] * (normals @ rays), volume


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """`np.cross`, with _cross(a, b) exactly -_cross(b, a)."""
    (ax, ay, az), (bx, by, bz) = a.T, b.T
    return np.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], 1)


def _rows(points: np.ndarray, faces: np.ndarray, K: np.ndarray, height: int) -> tuple[np.ndarray, np.ndarray]:
    """First row and last row + 1 (F,) that each face may cover; none if all of it is behind the camera."""
    z = points[:, 2]
    behind = z <= NEAR
    y = points[:, 1] / np.where(behind, 1.0, z) * K[1, 1] + K[1, 2]
    top, bottom = (np.where(behind, limit, y)[faces] for limit in (-np.inf, np.inf))
    low = np.clip(np.ceil(top.min(1) - 0.5), 0, height).astype(np.int64)
    high = np.clip(np.floor(bottom.max(1) - 0.5) + 1, 0, height).astype(np.int64)
    return low, np.where(behind[faces].all(1), low, np.maximum(high, low))


def _fill(chunk, edges, volume, low, high, width, face, nearness):
    """Draws the faces of a chunk row by row and keeps the nearest hits, in place."""
    counts = (high - low)[chunk]
    owner = np.repeat(chunk, counts)
    y = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts - low[chunk], counts)
    slope = edges[owner, :, 0]
    offset = edges[owner, :, 1] * (y + 0.5)[:, None] + edges[owner, :, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        bound = -offset / slope
    left = np.where(slope > 0, bound, -np.inf).max(1)
    right = np.where(slope < 0, bound, np.inf).min(1)
    first = np.clip(np.ceil(left - 0.5), 0, width).astype(np.int64)
    last = np.clip(np.floor(right - 0.5) + 1, 0, width).astype(np.int64)
    outside = ((slope == 0) & (offset < 0)).any(1)
    length = np.where(outside, 0, np.maximum(last - first, 0))

    size = 1 / np.abs(volume[owner])
    step = slope.sum(1) * size  # of 1 / z, which is linear in the picture
    start = offset.sum(1) * size + step * (first + 0.5)
    run = np.repeat(np.arange(len(owner)), length)
    along = np.arange(len(run)) - np.repeat(np.cumsum(length) - length, length)
    near = start[run] + step[run] * along
    pixel = (y * width + first)[run] + along
    near = np.where(near < 1 / NEAR, near, 0)

    best = nearness.copy()
    np.maximum.at(best, pixel, near)
    wins = np.flatnonzero((near == best[pixel]) & (near > nearness[pixel]))[
        ::-1
    ]  # last write: the lowest face
    face[pixel[wins]] = owner[run[wins]]
    nearness[:] = best


def _chunks(rows: np.ndarray, limit: int):
    """Index ranges of faces with at most about `limit` rows together; rows (F,) are summed up."""
    start = 0
    while start < len(rows):
        done = rows[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(rows, done + limit, "right")))
        yield np.arange(start, end)
        start = end
