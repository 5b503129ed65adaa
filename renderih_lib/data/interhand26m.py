"""InterHand2.6M v1.0 (Moon et al., ECCV 2020), 5 fps, as published: pictures and four JSON files per split.

    images/<split>/Capture<id>/<sequence>/cam<id>/image<frame>.jpg
    annotations/<split>/InterHand2.6M_<split>_{data,camera,joint_3d,MANO_NeuralAnnot}.json
    annotations/aid_human_annot_<split>.txt       for annotation "H" or "M" alone (distributed with InterWild)

Its world is in millimetres (MANO's translation in metres), `x_cam = camrot (x_world - campos)`, joints go tips first.
The principal point is taken as it is: nobody says whether it counts from the corner or the middle of a pixel.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from renderih_lib.data.export_interhand import TIP_FIRST
from renderih_lib.data.interhand26m_tables import FIT, Tables, read_tables
from renderih_lib.data.reader import Reader
from renderih_lib.data.samples import Sample
from renderih_lib.hand.mano import is_mano, mano_rotations
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import KEYPOINT_COUNT
from renderih_lib.metrics.protocols import checked_choice
from renderih_lib.tree import Tree

ASSET = "interhand26m"
SPLITS = ("train", "val", "test")
#: "annotated": triangulated skeleton joints. "mesh": regressed from MANO's fits, as the released evaluation does;
#: the two differ by millimetres.
KEYPOINTS = ("annotated", "mesh")

_OUR_ORDER = np.argsort(TIP_FIRST)  # place of each of our keypoints among the 21 tip-first joints


class InterHand26M(Reader):
    """One split as a sequence of `Sample` (whole pictures; `crops.cropped` cuts out the hands).

    A hand whose wrist is not annotated does not count: nothing about it can be said relative to its root. An image
    without a hand that counts is left out. Images of one time share a pose id, whatever their camera.

    Args:
        root: the folder above `images` and `annotations`.
        split: "train", "val" or "test".
        hands: MANO's hands give vertices (the fits assume the repaired left shape basis, `load_mano`'s default);
            with other hands samples have joints only.
        annotation, interacting: which images, see `ANNOTATIONS` and `INTERACTING` of `interhand26m_tables`.
        keypoints: one of `KEYPOINTS`.
        cache: a folder to keep the tables in, so that the JSON files are read only once; None: nowhere.

    Raises:
        ValueError: if a choice is unknown, "mesh" is asked for without MANO, no image is left, or a file is not as
            described; FileNotFoundError if it is missing. Both name the file relative to `root`.
    """

    def __init__(
        self,
        root: str | Path,
        split: str,
        hands: HandPair,
        annotation: str = "H+M",
        interacting: str = "released",
        keypoints: str = "annotated",
        cache: str | Path | None = None,
    ):
        checked_choice("split", split, SPLITS)
        checked_choice("keypoints", keypoints, KEYPOINTS)
        if keypoints == "mesh" and not is_mano(hands.right):
            raise ValueError(
                "keypoints of the mesh need MANO's hands: see docs/data/mano.md, or take 'annotated'"
            )
        self.tree, self.split, self.hands, self.keypoints = Tree(Path(root), ASSET), split, hands, keypoints
        tables = read_tables(self.tree, split, annotation, interacting, cache)
        self.tables: Tables = tables[self._known(tables).any((1, 2))]
        if not len(self):
            raise ValueError(f"no hand in InterHand2.6M's {split} split has {keypoints} keypoints")

    def __len__(self) -> int:
        return len(self.tables.names)

    def samples(self, indices: Iterable[int]) -> list[Sample]:
        """The samples at `indices`, their meshes posed in one batch."""
        rows = np.asarray(list(indices), int)
        points, known, vertices = self._labels(rows)
        K = self.tables.K[self.tables.camera[rows]].astype(np.float32)
        names = [self.tables.names[row].decode() for row in rows]
        return [
            Sample(
                image=self._image(row, names[i]),
                K=K[i],
                vertices=None if vertices is None else vertices[i],
                keypoints=points[i],
                valid=known[i].any(1),
                keypoint_valid=known[i],
                sample_id=f"{ASSET}/{self.split}/{Path(names[i]).with_suffix('')}",
                pose_id=int(self.tables.frame[row]),
                source=f"{ASSET}-{self.split}",
            )
            for i, row in enumerate(rows)
        ]

    def _labels(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Keypoints (N, 2, 21, 3) in the camera's frame, which are known (N, 2, 21), and vertices (N, 2, V, 3)."""
        tables = self.tables
        frames, cameras = tables.frame[rows], tables.camera[rows]
        known, vertices = self._known(tables[rows]), None
        if is_mano(self.hands.right):
            points, vertices = self._meshes(tables.fits[frames])
            vertices = _seen(vertices, tables.R[cameras], tables.t[cameras], tables.fitted[frames][..., None])
        if self.keypoints == "annotated":
            points = tables.joints[frames].reshape(-1, 2, KEYPOINT_COUNT, 3)[:, :, _OUR_ORDER]
        return _seen(points, tables.R[cameras], tables.t[cameras], known), known, vertices

    def _known(self, tables: Tables) -> np.ndarray:
        """Which keypoints of its images count, (N, 2, 21)."""
        if self.keypoints == "mesh":
            return np.repeat(tables.fitted[tables.frame][..., None], KEYPOINT_COUNT, -1)
        known = tables.joint_valid & tables.frame_valid[tables.frame]
        known = known.reshape(-1, 2, KEYPOINT_COUNT)[:, :, _OUR_ORDER]
        return known & known[..., :1]  # without its wrist a hand has no root

    @torch.no_grad()
    def _meshes(self, fits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Keypoints regressed from the meshes (N, 2, 21, 3), and vertices (N, 2, V, 3), metres in the world."""
        pose, shape, translation = np.split(fits, np.cumsum(list(FIT.values()))[:-1], axis=-1)
        points, vertices = [], []
        for side, hand in enumerate(self.hands.hands):
            rotations = mano_rotations(hand, pose[:, side]).float()
            mesh = hand(rotations, torch.from_numpy(shape[:, side]), torch.from_numpy(translation[:, side]))
            points.append(hand.keypoints_from_vertices(mesh.vertices).numpy())
            vertices.append(mesh.vertices.numpy())
        return np.stack(points, 1), np.stack(vertices, 1)

    def _image(self, row: int, name: str) -> np.ndarray:
        path = f"images/{self.split}/{name}"
        image = self.tree.image(path)
        width, height = self.tables.sizes[row]
        if image.shape[:2] != (height, width):
            found = f"{image.shape[1]} x {image.shape[0]}"
            raise self.tree.error(path, f"{found} pixels, its camera is for {width} x {height}")
        return image


def _seen(points: np.ndarray, R: np.ndarray, t: np.ndarray, known: np.ndarray) -> np.ndarray:
    """World points (N, 2, P, 3) in each image's camera, float32, zeros where not known (N, 2, P or 1)."""
    camera = points @ np.swapaxes(R, 1, 2)[:, None] + t[:, None, None]
    return np.where(known[..., None], camera, 0).astype(np.float32)
