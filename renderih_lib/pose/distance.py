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
        closed, faces = vertices, [self.faces]
        for rim in self.rims:
            faces.append(np.column_stack([np.roll(rim, -1), rim, np.full_like(rim, len(closed))]))
            closed = np.concatenate([closed, vertices[rim].mean(0, keepdims=True)])
        inside = ((points >= vertices.min(0)) & (points <= vertices.max(0))).all(1)
        inside[inside] = igl.winding_number(closed, np.concatenate(faces), points[inside]) > 0.5
        return inside
