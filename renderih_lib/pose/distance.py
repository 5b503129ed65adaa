"""Exact distance to the skin of one hand, by libigl: what the fast field is built from and judged against."""

import igl
import numpy as np

from renderih_lib.hand.parts import border_loops


class ExactSkin:
    """The skin of a hand model, prepared once for many poses. Its wrist is closed for telling inside from outside.

    Args:
        faces: (F, 3) int, counter-clockwise seen from outside.
    """

    def __init__(self, faces: np.ndarray):
        self.faces = np.ascontiguousarray(faces, dtype=np.int64)
        self.rims = border_loops(self.faces)
        edges = np.concatenate([self.faces[:, [0, 1]], self.faces[:, [1, 2]], self.faces[:, [2, 0]]])
        self.edges = np.unique(np.sort(edges, 1), axis=0)  # (E, 2)

    def signed_distance(self, points: np.ndarray, vertices: np.ndarray) -> np.ndarray:
        """(P,) metres from points (P, 3) to the skin of posed vertices (V, 3), negative inside.

        The cap of the wrist is no skin: near the wrist, too, the distance is to the skin alone.
        """
        squared, _, _ = igl.point_mesh_squared_distance(points, vertices, self.faces)
        return np.where(self.contains(points, vertices), -1, 1) * np.sqrt(squared)

    def contains(self, points: np.ndarray, vertices: np.ndarray) -> np.ndarray:
        """Whether points (P, 3) lie inside: winding number above 1/2, the rim closed by a fan about its centre."""
        inside = ((points >= vertices.min(0)) & (points <= vertices.max(0))).all(1)
        inside[inside] = igl.winding_number(*self.closed(vertices), points[inside]) > 0.5
        return inside

    def closed(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (V + rims, 3) and faces of the hand with its wrist closed."""
        places, faces = vertices, [self.faces]
        for rim in self.rims:
            faces.append(np.column_stack([np.roll(rim, -1), rim, np.full_like(rim, len(places))]))
            places = np.concatenate([places, vertices[rim].mean(0, keepdims=True)])
        return places, np.concatenate(faces)


def overlap_volume(
    skins: tuple[ExactSkin, ExactSkin], vertices: tuple[np.ndarray, np.ndarray], spacing: float = 5e-4
) -> float:
    """Cubic metres that lie inside both of two posed hands, vertices (V, 3) each.

    Summed over lines along x, `spacing` metres apart: along a line the winding numbers change only where it pierces
    the skin, so each line's share is exact. Inside means what it means to `ExactSkin.contains`.
    """
    low, high = np.maximum(*(v.min(0) for v in vertices)), np.minimum(*(v.max(0) for v in vertices))
    if (low >= high).any():
        return 0.0
    count = np.ceil((high - low)[1:] / spacing).astype(int)
    step = (high - low)[1:] / count
    hits = [pierced_lines(*s.closed(v), low[1:], step, count) for s, v in zip(skins, vertices, strict=True)]
    line, x = (np.concatenate([hit[i] for hit in hits]) for i in (0, 1))
    change = np.zeros((len(x), 2), dtype=int)  # of each hand's winding number, going up in x
    change[: len(hits[0][0]), 0], change[len(hits[0][0]) :, 1] = hits[0][2], hits[1][2]
    order = np.lexsort((x, line))
    line, x = line[order], x[order]
    inside = (change[order].cumsum(0)[:-1] > 0).all(1) & (line[1:] == line[:-1])
    return float(np.diff(x)[inside].sum() * step.prod())


def pierced_lines(
    vertices: np.ndarray, faces: np.ndarray, low: np.ndarray, step: np.ndarray, count: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where lines along x through the middles of `count` (2,) cells of the yz plane pierce a closed mesh: line (H,),
    counted along z first, x (H,) metres, and +1 where it goes in or -1 where it comes out (H,).

    The side of an edge is decided from its ends in the order of their indices, alike for both its triangles, and a
    line through an edge or a vertex counts as moved by next to nothing in y and by much less in z. Seen along x,
    vertices move by up to 2^-25 of the extent, which makes this exact: every line comes out as often as it goes in.

    Args:
        vertices: (V, 3) metres. faces: (F, 3), counter-clockwise from outside, no edge open.
        low, step: (2,) metres, y and z of the corner of the first cell, and sides of a cell.
    """
    flat = (vertices[:, 1:] - low) / step - 0.5  # lines run through the integers
    unit = 2.0 ** (np.ceil(np.log2(np.abs(flat).max(initial=1))) - 24)
    flat = np.rint(flat / unit) * unit  # so few digits that no cross product is rounded
    first = np.ceil(flat[faces].min(1)).clip(0).astype(int)
    size = (np.floor(flat[faces].max(1)).clip(max=count - 1).astype(int) + 1 - first).clip(0)
    total = size.prod(1)
    face = np.repeat(np.arange(len(faces)), total)
    rank = np.arange(len(face)) - np.repeat(total.cumsum() - total, total)
    place = first[face] + np.stack([rank // size[face, 1].clip(1), rank % size[face, 1].clip(1)], 1)
    area = np.empty((len(face), 3))  # signed, opposite each corner
    for k in range(3):
        start, end = faces[face, (k + 1) % 3], faces[face, (k + 2) % 3]
        swap = start > end
        a, b = flat[np.where(swap, end, start)], flat[np.where(swap, start, end)]
        along, across = b - a, place - a
        cross = along[:, 0] * across[:, 1] - along[:, 1] * across[:, 0]
        moved = np.where(
            along[:, 1] == 0, along[:, 0], -along[:, 1]
        )  # sign of the cross product next to here
        area[:, k] = np.where(swap, -1, 1) * np.where(cross == 0, 1e-200 * moved, cross)
    hit = (area > 0).all(1) | (area < 0).all(1)
    area, face, place = area[hit], face[hit], place[hit]
    x = (area * vertices[faces[face], 0]).sum(1) / area.sum(1)
    return place[:, 0] * count[1] + place[:, 1], x, np.where(area[:, 0] < 0, 1, -1)
