"""RenderIH's own release (Li et al., ICCV 2023): 256 x 256 crops with two pickles each.

train/color_img/<id>.jpg
train/color_annot/<id>.pkl      MANO parameters in the world and the camera
train/ori_handdict/<id>.npy     vertices and joints of both hands, camera frame, metres, and K of the crop
"""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from renderih_lib.data.reader import Reader
from renderih_lib.data.samples import Sample
from renderih_lib.hand.model import HandModel
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import KEYPOINT_COUNT, SIDES
from renderih_lib.tree import Tree

ASSET = "renderih"
_TIPS = slice(4, None, 4)  # of the keypoints
_TIP_APART = 1e-3  # metres; the release's tip vertices are a hand model's own, but for one finger


class RenderIHRelease(Reader):
    """The release's images as a sequence of `Sample`, in the order of their ids.

    Vertices are given when they are those of `hands`, which the finger tips tell: with MANO's hands for the authors'
    files, with the open hands for files that `data.export_renderih` wrote. Views of one posed pair, whose MANO
    parameters are the same, share a pose id; without parameters each image is a pose of its own.

    Args:
        root: the folder above `train`. split: name of the folder below it; the authors have "train" alone.

    Raises:
        FileNotFoundError: if a folder or file is missing. ValueError: if one is not as described.
    """

    is_cropped = True

    def __init__(self, root: str | Path, hands: HandPair, split: str = "train"):
        self.tree, self.hands, self.split = Tree(Path(root), ASSET), hands, split
        names = self.tree.names(f"{split}/color_img/*.jpg", "the pictures of RenderIH")
        try:
            self.ids = np.sort([int(Path(name).stem) for name in names])
        except ValueError:
            raise self.tree.error(f"{split}/color_img", "expected pictures named <number>.jpg") from None

    def __len__(self) -> int:
        return len(self.ids)

    def samples(self, indices: Iterable[int]) -> list[Sample]:
        """The samples at `indices`."""
        return [self._sample(int(self.ids[index])) for index in indices]

    def _sample(self, number: int) -> Sample:
        name = f"{self.split}/ori_handdict/{number}.npy"
        both = self.tree.object_npy(name)
        hands = [self.tree.checked(name, side, both.get(side), dict) for side in SIDES]
        keypoints = self._points(name, hands, "joints3d", KEYPOINT_COUNT)
        return Sample(
            image=self.tree.image(f"{self.split}/color_img/{number}.jpg"),
            K=self.tree.numbers(name, "right/camera", hands[0].get("camera"), (3, 3)).astype(np.float32),
            vertices=self._vertices(name, hands, keypoints),
            keypoints=keypoints,
            valid=np.ones(2, bool),
            sample_id=f"{ASSET}/{self.split}/{number}",
            pose_id=self._pose_id(number),
            source=f"{ASSET}-{self.split}",
        )

    def _points(self, name: str, hands: list[dict], key: str, count: int) -> np.ndarray:
        """(2, count, 3) float32 metres, camera frame."""
        points = [
            self.tree.numbers(name, f"{side}/{key}", hand.get(key), (count, 3))
            for side, hand in zip(SIDES, hands, strict=True)
        ]
        return np.stack(points).astype(np.float32)

    def _vertices(self, name: str, hands: list[dict], keypoints: np.ndarray) -> np.ndarray | None:
        """(2, V, 3), or None if the mesh is not that of our hands."""
        if any(len(hand.get("verts3d", ())) != self.hands.right.vertex_count for hand in hands):
            return None
        vertices = self._points(name, hands, "verts3d", self.hands.right.vertex_count)
        fits = all(map(_shows, self.hands.hands, vertices, keypoints))
        return vertices if fits else None

    def _pose_id(self, number: int) -> int:
        name = f"{self.split}/color_annot/{number}.pkl"
        parameters = self.tree.pickle(name).get("mano_params")
        if parameters is None:
            return int(number)
        digest = 0
        for side in SIDES:
            hand = self.tree.checked(name, f"mano_params/{side}", parameters.get(side), dict)
            for key, count in (("oripose", 48), ("trans", 3)):
                values = self.tree.numbers(name, f"mano_params/{side}/{key}", hand.get(key), count)
                digest = zlib.crc32(values.astype(np.float32).tobytes(), digest)
        return digest


def _shows(hand: HandModel, vertices: np.ndarray, keypoints: np.ndarray) -> bool:
    """Whether vertices (V, 3) belong to a hand model: its tips are where the keypoints (21, 3) have them."""
    apart = np.linalg.norm(vertices[hand.tip_vertices.numpy()] - keypoints[_TIPS], axis=-1)
    return bool(np.median(apart) < _TIP_APART)
