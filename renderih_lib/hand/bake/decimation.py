"""Half-edge collapse of the dense hand to MANO's counts: kept vertices do not move (Garland and Heckbert 1997)."""

import heapq
import itertools

import numpy as np

_QUALITY_WEIGHT, _LENGTH_WEIGHT, _BOUNDARY_WEIGHT = 1.0, 0.1, 10.0
_LOWEST_QUALITY, _LOWEST_COSINE = 0.35, 0.2


def decimated(
    poses: np.ndarray, faces: np.ndarray, vertex_count: int, boundary_count: int, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Collapse a disc-like mesh to exact counts, judging every collapse in several poses at once.

    Args:
        poses: (P, V, 3) metres, the first is the rest pose, where triangle quality is judged.
        faces: (F, 3) int. vertex_count, boundary_count: what must be left. kept: vertices never removed.

    Returns:
        vertices: (vertex_count,) indices of the vertices left, ascending.
        faces: (F', 3) into them.

    Raises:
        ValueError: if the guards leave no legal collapse before the counts are reached.
    """
    return _Collapser(poses * 1000.0, faces, kept).run(vertex_count, boundary_count)


class _Collapser:
    """Mesh connectivity and error quadrics during the collapse; lengths in millimetres."""

    def __init__(self, poses: np.ndarray, faces: np.ndarray, kept: np.ndarray):
        self.poses = np.swapaxes(poses, 0, 1).copy()  # (V, P, 3)
        self.rest = poses[0]
        self.faces = {i: tuple(face) for i, face in enumerate(faces.tolist())}
        self.faces_of = [set() for _ in range(len(self.rest))]
        for i, face in self.faces.items():
            for vertex in face:
                self.faces_of[vertex].add(i)
        self.protected = set(np.asarray(kept).tolist())
        self.boundary = boundary_loop(faces)
        self.boundary_set = set(self.boundary)
        self.quadrics = self._quadrics(faces)
        self.alive = len(self.rest)

    def run(self, vertex_count: int, boundary_count: int) -> tuple[np.ndarray, np.ndarray]:
        to_open = len(self.boundary_set) - boundary_count
        self._collapse_cheapest(sorted(self.boundary_set), self.alive - to_open, on_boundary=True)
        self._collapse_cheapest(range(len(self.rest)), vertex_count, on_boundary=False)
        vertices = np.array([v for v, around in enumerate(self.faces_of) if around])
        faces = np.searchsorted(vertices, np.array([self.faces[i] for i in sorted(self.faces)]))
        return vertices, faces

    def _collapse_cheapest(self, candidates, target: int, on_boundary: bool) -> None:
        """Collapse until `target` vertices are left; stale heap entries are re-evaluated when popped."""
        heap = []
        for vertex in candidates:
            self._push(heap, vertex, on_boundary)
        while self.alive > target:
            if not heap:
                raise ValueError(f"no legal collapse left at {self.alive} vertices, wanted {target}")
            cost, vertex, onto = heapq.heappop(heap)
            if not self.faces_of[vertex]:
                continue
            best = self._best(vertex, on_boundary)
            if best is None:
                continue
            if best[0] > cost:
                heapq.heappush(heap, (best[0], vertex, best[1]))
                continue
            for neighbour in self._collapse(vertex, best[1]):
                self._push(heap, neighbour, on_boundary)

    def _push(self, heap: list, vertex: int, on_boundary: bool) -> None:
        best = self._best(vertex, on_boundary)
        if best is not None:
            heapq.heappush(heap, (best[0], vertex, best[1]))

    def _collapse(self, vertex: int, onto: int) -> list[int]:
        """Move `vertex` onto its neighbour; returns the vertices whose costs change."""
        ring = self._ring(vertex)
        for i in list(self.faces_of[vertex]):
            face = self.faces[i]
            for corner in face:
                self.faces_of[corner].discard(i)
            if onto in face:
                del self.faces[i]
                continue
            self.faces[i] = tuple(onto if corner == vertex else corner for corner in face)
            for corner in self.faces[i]:
                self.faces_of[corner].add(i)
        self.quadrics[onto] += self.quadrics[vertex]
        self.boundary_set.discard(vertex)
        self.alive -= 1
        return sorted(ring)

    def _best(self, vertex: int, on_boundary: bool) -> tuple[float, int] | None:
        """Cheapest legal collapse of a vertex as (cost, onto), or None."""
        if vertex in self.protected or (vertex in self.boundary_set) != on_boundary:
            return None
        ring = self._ring(vertex)
        around = [self.faces[i] for i in sorted(self.faces_of[vertex])]
        options = [u for u in sorted(ring) if self._may_collapse(vertex, u, ring, around, on_boundary)]
        if not options:
            return None
        costs = self._costs(vertex, options, around)
        best = int(np.argmin(costs))
        return (float(costs[best]), options[best]) if np.isfinite(costs[best]) else None

    def _may_collapse(self, vertex: int, onto: int, ring: set, around: list, on_boundary: bool) -> bool:
        """Link condition, and boundary vertices slide only along the boundary."""
        shared = sum(onto in face for face in around)
        if on_boundary and (onto not in self.boundary_set or shared != 1):
            return False
        return len(ring & self._ring(onto)) == shared

    def _costs(self, vertex: int, options: list[int], around: list) -> np.ndarray:
        """Cost of moving a vertex onto each option; infinite where a face flips or degenerates."""
        corners = np.array(around)
        before = self.rest[corners]
        after = np.repeat(corners[None], len(options), axis=0)
        targets = np.array(options)
        after = np.where(after == vertex, targets[:, None, None], after)
        gone = (corners[None] == targets[:, None, None]).any(-1)  # (options, faces)
        normals, quality = _normals_and_quality(self.rest[after])
        old_normals, _ = _normals_and_quality(before)
        turned = (normals * old_normals).sum(-1) < _LOWEST_COSINE
        bad = (~gone & (turned | (quality < _LOWEST_QUALITY))).any(-1)
        worst = np.where(gone, 1.0, quality).min(-1)
        homogeneous = np.concatenate(
            [self.poses[targets], np.ones((len(options), self.poses.shape[1], 1))], axis=-1
        )
        error = np.einsum("opi,pij,opj->o", homogeneous, self.quadrics[vertex], homogeneous)
        length = ((self.rest[targets] - self.rest[vertex]) ** 2).sum(-1)
        cost = error + _QUALITY_WEIGHT * (1 - worst) ** 2 + _LENGTH_WEIGHT * length
        return np.where(bad, np.inf, cost)

    def _ring(self, vertex: int) -> set[int]:
        return set(itertools.chain.from_iterable(self.faces[i] for i in self.faces_of[vertex])) - {vertex}

    def _quadrics(self, faces: np.ndarray) -> np.ndarray:
        """Sum over the adjacent faces of area x squared distance to their plane, (V, P, 4, 4), per pose."""
        quadrics = np.zeros((*self.poses.shape[:2], 4, 4))
        corners = self.poses[faces]  # (F, 3, P, 3)
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(normal, axis=-1, keepdims=True)
        _add_planes(quadrics, faces, normal / area, corners[:, 0], area / 6)
        # Planes through the boundary edges, across their face, hold the rim in place.
        edges = {
            (min(a, b), max(a, b)) for a, b in zip(self.boundary, np.roll(self.boundary, -1), strict=True)
        }
        for face, face_normal in zip(faces.tolist(), normal / area, strict=True):
            for a, b in ((face[0], face[1]), (face[1], face[2]), (face[2], face[0])):
                if (min(a, b), max(a, b)) in edges:
                    edge = self.poses[b] - self.poses[a]
                    across = np.cross(edge, face_normal)
                    size = np.linalg.norm(across, axis=-1, keepdims=True)
                    _add_planes(
                        quadrics,
                        np.array([[a, b]]),
                        (across / size)[None],
                        self.poses[a][None],
                        _BOUNDARY_WEIGHT * (size**2)[None] / 6,
                    )
        return quadrics / self.poses.shape[1]


def boundary_loop(faces: np.ndarray) -> list[int]:
    """Vertices of the one boundary loop of a mesh (F, 3), in order.

    Raises:
        ValueError: if there is not exactly one loop.
    """
    edges = {(int(a), int(b)) for face in faces for a, b in zip(face, np.roll(face, -1), strict=True)}
    following = {a: b for a, b in edges if (b, a) not in edges}
    if not following:
        raise ValueError("the mesh has no boundary")
    loop = [min(following)]
    while following[loop[-1]] != loop[0]:
        loop.append(following[loop[-1]])
    if len(loop) != len(following):
        raise ValueError(
            f"the mesh has more than one boundary: {len(following)} edges, {len(loop)} in the first"
        )
    return loop


def _add_planes(quadrics, faces, normals, points, weights) -> None:
    """Add weighted plane quadrics (F, P, ...) to each corner of each face (F, C)."""
    planes = np.concatenate([normals, -(normals * points).sum(-1, keepdims=True)], axis=-1)
    outer = weights[..., None] * planes[..., :, None] * planes[..., None, :]
    for corner in range(faces.shape[1]):
        np.add.at(quadrics, faces[:, corner], outer)


def _normals_and_quality(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit normals (..., 3) and 4 sqrt(3) area / sum of squared edges of triangles (..., 3, 3)."""
    a, b, c = np.moveaxis(triangles, -2, 0)
    normal = np.cross(b - a, c - a)
    double_area = np.linalg.norm(normal, axis=-1, keepdims=True)
    squares = ((b - a) ** 2).sum(-1) + ((c - b) ** 2).sum(-1) + ((a - c) ** 2).sum(-1)
    quality = 2 * np.sqrt(3) * double_area[..., 0] / np.maximum(squares, 1e-12)
    return normal / np.maximum(double_area, 1e-12), quality
