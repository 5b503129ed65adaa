"""A dataset as a sequence, and what the readers of other people's datasets share: samples of labelled hands, checked."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from renderih_lib.data.samples import Sample
from renderih_lib.hand.mano import is_mano
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import KEYPOINT_COUNT, KEYPOINT_NAMES, MIDDLE_MCP, SIDES
from renderih_lib.tree import Tree

_JOINTS = [i for i, name in enumerate(KEYPOINT_NAMES) if not name.endswith("tip")]
_PALM = (0.04, 0.16)  # metres from wrist to middle MCP that a hand can have
_APART = 0.01  # metres between labelled joints and those of the mesh, on average; fits differ by less


class Reader(ABC):
    """A dataset as a sequence of samples that are read when they are asked for."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def samples(self, indices: Iterable[int]) -> list[Sample]:
        """The samples at `indices`."""

    def __getitem__(self, index: int) -> Sample:
        return self.samples([index])[0]


class LabelledHand(NamedTuple):
    """What a dataset says of one hand: camera frame (OpenCV axes), metres."""

    keypoints: np.ndarray  # (21, 3), in the order of `KEYPOINT_NAMES`
    vertices: np.ndarray | None = None  # (778, 3), a mesh of MANO
    known: np.ndarray | None = None  # (21,) bool, which keypoints are labelled; None = all


class FrameReader(Reader):
    """A dataset that is read frame by frame: `frames` names them, `_read` makes a sample of one.

    Args:
        root: the dataset's folder.
        asset: its id in data_manifest.yaml.
        hands: samples have vertices only if these are MANO, the hand that all of these datasets were fitted with.

    Raises:
        FileNotFoundError: if the folder, or later a file, is not there.
        ValueError: later, if a file does not hold what the layout promises.
    """

    frames: Sequence

    def __init__(self, root: str | Path, asset: str, hands: HandPair):
        self.tree, self.hands = Tree(Path(root), asset), hands
        self.has_meshes = is_mano(hands.right) and is_mano(hands.left)

    def __len__(self) -> int:
        return len(self.frames)

    def samples(self, indices: Iterable[int]) -> list[Sample]:
        """The samples at `indices`."""
        return [self._read(self.frames[i]) for i in indices]

    def seen(self, indices: Iterable[int]) -> list[int]:
        """Those of `indices` whose frame has a hand that counts; opens the labels of each, and no image."""
        return [int(i) for i in indices if self._shows_hand(self.frames[i])]

    def keep_seen(self) -> None:
        """Leaves frames out of the sequence in which no hand counts: they can neither be cropped nor compared.

        Raises:
            ValueError: if no frame is left.
        """
        self.frames = [self.frames[i] for i in self.seen(range(len(self)))]
        if not self.frames:
            raise self.tree.error("labels", "expected a hand that counts, none of the frames has one")

    @abstractmethod
    def _read(self, frame) -> Sample: ...

    def _shows_hand(self, frame) -> bool:
        """Whether a hand of the frame counts; True without a look where every frame has one."""
        return True

    def _sample(
        self, name: str, labelled: Mapping[int, LabelledHand], *, image, K, pose_id: int, sample_id: str
    ) -> Sample:
        """A sample of the labelled hands (0 = right, 1 = left), whose labels stand in file `name`."""
        keypoints = np.zeros((2, KEYPOINT_COUNT, 3), np.float32)
        known = np.zeros((2, KEYPOINT_COUNT), bool)
        vertices = np.zeros((2, self.hands.right.vertex_count, 3), np.float32)
        for side, hand in labelled.items():
            known[side] = True if hand.known is None else hand.known
            keypoints[side][known[side]] = hand.keypoints[known[side]]
            self._check(name, side, keypoints[side], known[side])
            if hand.vertices is not None:
                vertices[side] = hand.vertices
                self._check_mesh(name, side, vertices[side], keypoints[side], known[side])
        return Sample(
            image=image,
            K=K.astype(np.float32),
            vertices=vertices if any(hand.vertices is not None for hand in labelled.values()) else None,
            keypoints=keypoints,
            valid=known.any(1),
            keypoint_valid=known,
            sample_id=f"{self.tree.asset}/{sample_id}",
            pose_id=pose_id,
            source=self.tree.asset,
        )

    def _check(self, name: str, side: int, keypoints: np.ndarray, known: np.ndarray) -> None:
        """Labels of another unit, axis or joint order than the reader expects do not pass as labels."""
        if (keypoints[known, 2] <= 0).any():
            raise self.tree.error(
                name, f"keypoints of the {SIDES[side]} hand lie behind the camera, expected OpenCV axes"
            )
        palm = np.linalg.norm(keypoints[MIDDLE_MCP] - keypoints[0])
        if known[[0, MIDDLE_MCP]].all() and not _PALM[0] < palm < _PALM[1]:
            raise self.tree.error(
                name,
                f"the {SIDES[side]} hand measures {palm:.3g} from wrist to middle MCP, expected "
                f"{_PALM[0]} to {_PALM[1]} metres",
            )

    def _check_mesh(self, name: str, side: int, vertices, keypoints, known) -> None:
        """The mesh and the keypoints of a hand are made from one fit: they agree up to the choice of tips."""
        regressed = self.hands.hands[side].keypoints_from_vertices(torch.from_numpy(vertices)).numpy()
        joints = [i for i in _JOINTS if known[i]]
        apart = np.linalg.norm(regressed[joints] - keypoints[joints], axis=-1).mean() if joints else 0.0
        if apart > _APART:
            raise self.tree.error(
                name,
                f"joints of the {SIDES[side]} hand lie {1000 * apart:.0f} mm from those of its mesh on average, "
                f"expected at most {1000 * _APART:.0f} mm",
            )


def camera_matrix(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    """(3, 3) intrinsics of a camera that counts pixel centres at integers; ours are at integers + 0.5."""
    return np.array([[fx, 0, cx + 0.5], [0, fy, cy + 0.5], [0, 0, 1]])


def opencv_from_opengl(points: np.ndarray) -> np.ndarray:
    """Points (..., 3) of a camera with y up that looks along -z, in OpenCV's axes."""
    return points * [1, -1, -1]
