"""The surface that Cycles renders: two arms of quads, subdivided so that it agrees with the label mesh."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp

from renderih_lib.hand.model import HandMesh, HandModel
from renderih_lib.hand.open_hand import load_arrays
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.hand.parts import part_of_face
from renderih_lib.render.bodies.forearms import bent, forearm_bends

#: Metres of forearm added behind the asset's own, so that its cut end stays out of the picture.
EXTENSION = 0.30
EXTENSION_RINGS = 6

FOREARM = 16  # part number behind the 16 parts of the hand

#: Labels of the forearms in part images, after 1-16 (right hand) and 17-32 (left hand).
FOREARM_LABELS = (33, 34)


class Body(NamedTuple):
    """Something in the picture besides the arms: triangles (F, 3) of vertices (V, 3), metres, world, with labels."""

    vertices: np.ndarray
    triangles: np.ndarray
    labels: np.ndarray  # (F,) int, of part images


def joined(bodies: list[Body]) -> Body:
    """Several bodies as one."""
    starts = np.cumsum([0] + [len(body.vertices) for body in bodies])
    return Body(
        np.concatenate([body.vertices for body in bodies]),
        np.concatenate([body.triangles + start for body, start in zip(bodies, starts, strict=False)]),
        np.concatenate([body.labels for body in bodies]),
    )


@dataclass(frozen=True)
class QuadMesh:
    """Topology of a mesh of quads."""

    quads: np.ndarray  # (Q, 4) int, counter-clockwise from outside
    uv: np.ndarray  # (Q, 4, 2) float, per corner
    vertex_count: int

    def mirrored(self) -> "QuadMesh":
        """The same mesh after x -> -x: corners in reverse order."""
        return QuadMesh(self.quads[:, ::-1], self.uv[:, ::-1], self.vertex_count)

    def joined(self, other: "QuadMesh") -> "QuadMesh":
        """Both meshes as one; the vertices of `other` come after this one's."""
        return QuadMesh(
            np.concatenate([self.quads, other.quads + self.vertex_count]),
            np.concatenate([self.uv, other.uv]),
            self.vertex_count + other.vertex_count,
        )

    @property
    def triangles(self) -> np.ndarray:
        """(2Q, 3) int; triangles 2q and 2q + 1 make quad q."""
        return self.quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)


@dataclass(frozen=True)
class Arm:
    """The right arm in the rest pose: hand, wrist and a forearm made longer."""

    model: HandModel
    mesh: QuadMesh
    parts: np.ndarray  # (2Q,) int, of `mesh.triangles`: the joint 0-15 whose part it is, or FOREARM
    cut: np.ndarray  # vertex indices of the open end


@cache
def load_arm(extension: float = EXTENSION) -> Arm:
    """The open hand's render mesh with its forearm made `extension` metres longer."""
    arrays = load_arrays()
    quads, uv = arrays["render_quads"].astype(np.int64), arrays["render_uv"].astype(np.float64)
    template = arrays["render_template"].astype(np.float64)
    source = np.arange(len(template))  # vertex whose weights and shape directions each vertex has
    axis = template[boundary_edges(quads)[:, 0]].mean(0) - arrays["joints"][0]
    step = axis / np.linalg.norm(axis) * extension / EXTENSION_RINGS
    for _ in range(EXTENSION_RINGS):
        template, source, quads, uv = _extruded(template, source, quads, uv, step)
    mesh = QuadMesh(quads, uv, len(template))
    model = HandModel(
        template=template,
        faces=mesh.triangles,
        shape_dirs=arrays["render_shape_dirs"][source],
        joints=arrays["joints"],
        joint_dirs=arrays["joint_dirs"],
        skin_weights=arrays["render_skin_weights"][source],
        tip_vertices=arrays["label_vertices"][arrays["tip_vertices"]],
        name="open hand (arm)",
    )
    forearm = np.repeat(_forearm(quads, arrays["label_vertices"]), 2)
    parts = np.where(forearm, FOREARM, part_of_face(model))
    return Arm(model, mesh, parts, np.unique(boundary_edges(quads)))


class ArmPair:
    """Both arms posed, smoothed and ready for Cycles.

    Args:
        levels: Catmull-Clark levels, 0 to leave the cage as it is.
    """

    def __init__(self, levels: int):
        arm = load_arm()
        self.arm, self.hands = arm, HandPair(arm.model, arm.model.mirrored())
        self.cage = arm.mesh.joined(arm.mesh.mirrored())
        hand = arm.mesh.triangles[arm.parts != FOREARM]
        self._forearm = np.setdiff1d(np.arange(arm.mesh.vertex_count), hand)
        self._smooth, self.mesh = subdivision(arm.mesh, levels)
        self.mesh = self.mesh.joined(self.mesh.mirrored())
        right = np.where(arm.parts == FOREARM, FOREARM_LABELS[0], arm.parts + 1)[::2]
        left = np.where(arm.parts == FOREARM, FOREARM_LABELS[1], arm.parts + 17)[::2]
        #: (Q,) what `shards` calls the part of each quad of `mesh`
        self.quad_labels = np.repeat(np.concatenate([right, left]), 4**levels)

    def cage_vertices(self, pose: PairPose) -> np.ndarray:
        """Posed control points (B, 2, N, 3), metres, world frame, forearms parted."""
        return self.parted(self.hands(pose))

    def parted(self, mesh: HandMesh) -> np.ndarray:
        """Control points (B, 2, N, 3) of B posed pairs with forearms bent apart; the hands stay as they are."""
        cages, wrists = (
            mesh.vertices.numpy().astype(np.float64),
            mesh.joints[:, :, 0].numpy().astype(np.float64),
        )
        ends = cages[:, :, self.arm.cut].mean(2)
        bends = forearm_bends(wrists, ends)
        for pair, side in np.argwhere(bends.any(-1)):
            straight = cages[pair, side, self._forearm]
            cages[pair, side, self._forearm] = bent(
                straight, wrists[pair, side], ends[pair, side], bends[pair, side]
            )
        return cages

    def label_bodies(self, cage: np.ndarray) -> list[Body]:
        """What part images are drawn of, from posed control points (2, N, 3): both hands, then both forearms."""
        parts, triangles = self.arm.parts, self.arm.mesh.triangles
        bodies = []
        for arm in (parts != FOREARM, parts == FOREARM):
            for side in range(2):
                faces = triangles[arm][:, ::-1] if side else triangles[arm]
                labels = np.where(parts[arm] == FOREARM, FOREARM_LABELS[side], parts[arm] + 1 + 16 * side)
                bodies.append(Body(cage[side], faces, labels))
        return bodies

    def surface(self, cage: np.ndarray) -> np.ndarray:
        """Vertices (2 * M, 3) of `self.mesh` for one pair's control points (2, N, 3)."""
        return np.concatenate([smoothed(self._smooth, hand) for hand in cage])


def smoothed(matrix: sp.csr_matrix, points: np.ndarray, share: float = 0.5, rounds: int = 5) -> np.ndarray:
    """Subdivided vertices (M, 3) of control points (N, 3), pushed out by a share of what smoothing shrinks.

    With share 0 the surface lies inside the mesh that the labels describe, with 1 (it passes through every
    control point) outside; half of it agrees best on average (measured in tests/render/test_mesh.py).
    """
    at_points = matrix[: len(points)]
    control = points
    for _ in range(rounds):
        control = control + (points - at_points @ control)
    return matrix @ (points + share * (control - points))


def subdivision(mesh: QuadMesh, levels: int) -> tuple[sp.csr_matrix, QuadMesh]:
    """Catmull-Clark as one matrix (M, N), and the finer mesh; vertex i of the coarse mesh stays vertex i."""
    matrix = sp.identity(mesh.vertex_count, format="csr")
    for _ in range(levels):
        step, mesh = _catmull_clark(mesh)
        matrix = step @ matrix
    return matrix.tocsr(), mesh


def boundary_edges(quads: np.ndarray) -> np.ndarray:
    """Directed edges (E, 2) that only one quad has, in that quad's direction."""
    edges = quads[:, [0, 1, 1, 2, 2, 3, 3, 0]].reshape(-1, 2)
    _, index, count = np.unique(np.sort(edges, 1), axis=0, return_inverse=True, return_counts=True)
    return edges[count[index.ravel()] == 1]


def _forearm(quads: np.ndarray, label_vertices: np.ndarray) -> np.ndarray:
    """Which quads (Q,) lie between the open end and the wrist rim, where the label mesh ends."""
    forearm, ring = np.zeros(len(quads), bool), np.unique(boundary_edges(quads))
    while not np.isin(ring, label_vertices).any():
        touching = np.isin(quads, ring).any(1) & ~forearm
        forearm |= touching
        ring = np.setdiff1d(quads[touching], ring)
    return forearm


def _catmull_clark(mesh: QuadMesh) -> tuple[sp.csr_matrix, QuadMesh]:
    quads, n, q = mesh.quads, mesh.vertex_count, len(mesh.quads)
    sides = np.stack([quads, np.roll(quads, -1, 1)], -1).reshape(-1, 2)
    edges, edge_of, count = np.unique(np.sort(sides, 1), axis=0, return_inverse=True, return_counts=True)
    edge_of, e = edge_of.ravel(), len(edges)
    face_points = _average(q, n, np.repeat(np.arange(q), 4), quads.ravel())
    middles = _average(e, n, np.repeat(np.arange(e), 2), edges.ravel())
    faces_at_edge = _average(e, q, edge_of, np.repeat(np.arange(q), 4)) @ face_points
    inner = sp.diags((count == 2).astype(float))
    edge_points = inner @ (middles + faces_at_edge) / 2 + (sp.identity(e) - inner) @ middles

    rim = np.unique(edges[count == 1])
    on_rim = np.zeros(n)
    on_rim[rim] = 1
    ends, twice = edges.ravel(), np.repeat(np.arange(e), 2)
    degree = np.bincount(ends, minlength=n).clip(1)
    faces_at_vertex = _average(n, q, quads.ravel(), np.repeat(np.arange(q), 4)) @ face_points
    edges_at_vertex = _average(n, e, ends, twice) @ middles
    weight = sp.diags(1.0 / degree)
    smooth = weight @ (faces_at_vertex + 2 * edges_at_vertex) + sp.diags((degree - 3) / degree)
    keep = np.repeat(count == 1, 2)
    crease = 0.5 * sp.identity(n) + 0.5 * _average(n, e, ends[keep], twice[keep]) @ middles
    vertices = sp.diags(1 - on_rim) @ smooth + sp.diags(on_rim) @ crease

    sides_of = n + edge_of.reshape(q, 4)
    centre = np.repeat(n + e + np.arange(q)[:, None], 4, 1)
    finer = np.stack([quads, sides_of, centre, np.roll(sides_of, 1, 1)], -1).reshape(-1, 4)
    half = (mesh.uv + np.roll(mesh.uv, -1, 1)) / 2
    middle = np.repeat(mesh.uv.mean(1)[:, None], 4, 1)
    uv = np.stack([mesh.uv, half, middle, np.roll(half, 1, 1)], 2).reshape(-1, 4, 2)
    return sp.vstack([vertices, edge_points, face_points]).tocsr(), QuadMesh(finer, uv, n + e + q)


def _average(rows: int, columns: int, row: np.ndarray, column: np.ndarray) -> sp.csr_matrix:
    """Matrix that gives each row the mean of its listed columns; rows without any are zero."""
    total = np.bincount(row, minlength=rows)
    return sp.csr_matrix((1.0 / total[row], (row, column)), (rows, columns))


def _extruded(template, source, quads, uv, step):
    """One more ring of quads along the open end; its texture mirrors that of the ring before."""
    edges = boundary_edges(quads)
    rim = np.unique(edges)
    new = np.full(len(template), -1)
    new[rim] = len(template) + np.arange(len(rim))
    a, b = edges.T
    ring = np.stack([b, a, new[a], new[b]], 1)
    # For each boundary edge: its quad turned so that the edge is corners 0-1.
    sides = {(q[i], q[(i + 1) % 4]): (f, i) for f, q in enumerate(quads.tolist()) for i in range(4)}
    corner = [sides[tuple(edge)] for edge in edges.tolist()]
    turned = np.stack([np.roll(uv[f], -i, axis=0) for f, i in corner])
    return (
        np.concatenate([template, template[rim] + step]),
        np.concatenate([source, source[rim]]),
        np.concatenate([quads, ring]),
        np.concatenate([uv, turned[:, [1, 0, 3, 2]]]),
    )
