"""The 16-part split of a hand (paper section 3.1, Figure 2): one nearly convex sub-mesh per joint.

Part i belongs to joint i of `skeleton.JOINT_NAMES`: 0 is the palm, 1-3 the index from root to end, and so on.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from renderih_lib.hand.model import HandModel
from renderih_lib.hand.skeleton import JOINT_COUNT


@dataclass(frozen=True)
class Part:
    """One sub-mesh: skin (with an overlap of one ring) and the caps that close it.

    Distances should be measured to `faces`, the skin; `closed_faces` only tell inside from outside.
    """

    joint: int
    vertices: np.ndarray  # (P,) model vertices, ascending: the part's own and one ring beyond its border
    own: np.ndarray  # (P,) bool, False on the ring
    faces: np.ndarray  # (F, 3) skin faces, indices into `vertices`
    loops: tuple[np.ndarray, ...]  # border loops, indices into `vertices`
    closed_faces: np.ndarray  # (F + caps, 3) indices into `closed_vertices`

    def closed_vertices(self, vertices: np.ndarray) -> np.ndarray:
        """Points (..., P + L, 3) of the closed sub-mesh in a model's vertices (..., V, 3); the last L are cap centres."""
        skin = vertices[..., self.vertices, :]
        centres = [skin[..., loop, :].mean(-2, keepdims=True) for loop in self.loops]
        return np.concatenate([skin, *centres], axis=-2)


def hand_parts(model: HandModel) -> tuple[Part, ...]:
    """The 16 parts of a hand.

    Raises:
        ValueError: if a joint moves no vertex more than every other joint does.
    """
    labels, faces = part_of_vertex(model), model.faces.cpu().numpy()
    return tuple(_part(joint, labels, faces) for joint in range(JOINT_COUNT))


def part_of_vertex(model: HandModel) -> np.ndarray:
    """The part (V,) int64 each vertex belongs to: the joint that moves it most, compared with the most it moves
    any vertex (a thumb root moves its whole ball a little). Islands go to the part around them.

    Raises:
        ValueError: if a part has no vertex.
    """
    weights, faces = model.skin_weights.cpu().numpy(), model.faces.cpu().numpy()
    labels = (weights / weights.max(0).clip(min=1e-6)).argmax(1)
    for _ in range(len(labels)):
        stray = _strays(labels, faces)
        if not stray.any():
            break
        labels = _regrown(labels, stray, faces)
    empty = sorted(set(range(JOINT_COUNT)) - set(labels.tolist()))
    if empty:
        raise ValueError(f"skin_weights of {model.name} leave parts {empty} without a vertex")
    return labels


def part_of_face(model: HandModel) -> np.ndarray:
    """The part (F,) int64 each face belongs to: that of most of its corners, else of the heaviest skin weight."""
    labels, faces = part_of_vertex(model), model.faces.cpu().numpy()
    corners = labels[faces]
    weights = model.skin_weights.cpu().numpy()[faces, corners]
    agree = (corners[:, :, None] == corners[:, None, :]).sum(-1)
    return np.take_along_axis(corners, (agree + weights).argmax(1)[:, None], 1)[:, 0]


def _part(joint: int, labels: np.ndarray, faces: np.ndarray) -> Part:
    skin = faces[(labels[faces] == joint).any(1)]
    vertices, local = np.unique(skin, return_inverse=True)
    local = local.reshape(-1, 3)
    loops = border_loops(local)
    caps = [_fan(loop, len(vertices) + i) for i, loop in enumerate(loops)]
    return Part(joint, vertices, labels[vertices] == joint, local, loops, np.concatenate([local, *caps]))


def border_loops(faces: np.ndarray) -> tuple[np.ndarray, ...]:
    """Closed border loops of faces (F, 3), each in the direction of its faces and without repeated vertices."""
    opposite = {}
    for a, b, c in faces.tolist():
        opposite.update({(a, b): c, (b, c): a, (c, a): b})
    rim = sorted(edge for edge in opposite if edge[::-1] not in opposite)
    loops, seen = [], set()
    for edge in rim:
        walk = []
        while edge not in seen:
            seen.add(edge)
            walk.append(edge[0])
            a, b = edge
            c = opposite[a, b]
            while (c, b) in opposite:  # turn about b, through its faces, to the next rim edge
                c = opposite[c, b]
            edge = (b, c)
        loops += _simple_loops(walk)
    return tuple(np.array(loop) for loop in loops)


def _simple_loops(walk: list[int]) -> list[list[int]]:
    # A rim that touches itself is cut where it does, so that every edge of a cap has two faces.
    loops, path = [], []
    for vertex in walk:
        if vertex in path:
            start = path.index(vertex)
            loops.append(path[start:])
            path = path[:start]
        path.append(vertex)
    return loops + [path] if path else loops


def _fan(loop: np.ndarray, centre: int) -> np.ndarray:
    return np.stack([np.roll(loop, -1), loop, np.full_like(loop, centre)], 1)


def _strays(labels: np.ndarray, faces: np.ndarray) -> np.ndarray:
    # Vertices (V,) bool outside the largest connected piece of their part.
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = edges[labels[edges[:, 0]] == labels[edges[:, 1]]]
    count = len(labels)
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    _, piece = connected_components(graph, directed=False)
    size = np.bincount(piece)[piece]
    largest = np.zeros(JOINT_COUNT, dtype=size.dtype)
    np.maximum.at(largest, labels, size)
    return size < largest[labels]


def _regrown(labels: np.ndarray, stray: np.ndarray, faces: np.ndarray) -> np.ndarray:
    # Each stray vertex takes the commonest part among its settled neighbours.
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    edges = edges[stray[edges[:, 0]] & ~stray[edges[:, 1]]]
    votes = np.zeros((len(labels), JOINT_COUNT), dtype=np.int64)
    np.add.at(votes, (edges[:, 0], labels[edges[:, 1]]), 1)
    return np.where(votes.any(1), votes.argmax(1), labels)
