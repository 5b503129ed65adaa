"""Reader of FreiHAND (Zimmermann et al., ICCV 2019): single right hands.

    training/rgb/<i + 32560 version>.jpg      224 x 224 pixels, four versions of each image
    training_K.json                           (3, 3) of each of the 32,560 hands
    training_xyz.json                         (21, 3) metres, camera frame, in our order
    training_verts.json                       (778, 3) metres, vertices of MANO (version 2 of the dataset)

and the same with `evaluation`, 3,960 images in one version. Layout and meaning are from the authors' repository
(github.com/lmb-freiburg/freihand); never run on the dataset itself, see docs/data/freihand.md. Poses as angles are
read by `pose.recorded.read_freihand`.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from renderih_lib.data.reader import FrameReader, LabelledHand
from renderih_lib.data.samples import Sample
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import KEYPOINT_COUNT

SPLITS = ("training", "evaluation")
#: What was done to the green background of a training image, in the order of the files.
VERSIONS = ("gs", "hom", "sample", "auto")
_RIGHT = 0


class FreiHAND(FrameReader):
    """The hands of a split, in each of `versions` of their image; the evaluation split has the first one only.

    Image i of version v is sample `v * len(K) + i` when all versions are read. Vertices need training_verts.json.

    Raises:
        FileNotFoundError: if a file of labels is missing.
        ValueError: if there is no such split or version, or the label files do not fit together.
    """

    def __init__(
        self,
        root: str | Path,
        hands: HandPair,
        split: str = "training",
        versions: Sequence[str] | None = None,
    ):
        known = VERSIONS if split == "training" else VERSIONS[:1]
        versions = known if versions is None else tuple(versions)
        if split not in SPLITS:
            raise ValueError(f"split must be one of {SPLITS}, got {split!r}")
        if unknown := [version for version in versions if version not in known]:
            raise ValueError(f"versions of {split} must be among {known}, got {unknown[0]!r}")
        super().__init__(root, "freihand", hands)
        self.split = split
        self._K = self.tree.rows(f"{split}_K.json", (3, 3))
        self._keypoints = self._rows("xyz", KEYPOINT_COUNT)
        self._vertices = self._rows("verts", hands.right.vertex_count) if self.has_meshes else None
        self.frames = [(known.index(version), hand) for version in versions for hand in range(len(self._K))]

    def _rows(self, kind: str, count: int) -> np.ndarray:
        name = f"{self.split}_{kind}.json"
        rows = self.tree.rows(name, (count, 3))
        if len(rows) != len(self._K):
            raise self.tree.error(
                name, f"expected {len(self._K)} entries as in {self.split}_K.json, got {len(rows)}"
            )
        return rows

    def _read(self, frame) -> Sample:
        version, hand = frame
        name = f"{hand + version * len(self._K):08d}"
        vertices = None if self._vertices is None else self._vertices[hand]
        return self._sample(
            f"{self.split}_xyz.json: entry {hand}",
            {_RIGHT: LabelledHand(self._keypoints[hand], vertices)},
            image=self.tree.image(f"{self.split}/rgb/{name}.jpg"),
            K=self._K[hand],
            pose_id=hand,
            sample_id=f"{self.split}/{name}",
        )
