"""Reader of H2O-3D (Hampali et al., CVPR 2022): two hands and an object.

    train.txt, evaluation.txt             one <sequence>/<frame> a line
    <split>/<sequence>/rgb/<frame>.jpg
    <split>/<sequence>/meta/<frame>.pkl

A meta file is a pickle with `camMat` (3, 3) and, for each hand, `rightHandJoints3D` (21, 3) metres in MANO's order
(16 joints, then the tips from thumb to little finger), `rightHandPose` (48 axis-angles of a flat hand),
`rightHandTrans` (3) and `handBeta` (10) for both; `jointValidRight` (21) and `poseValidRight` (48) where the version
has them. All in OpenGL's camera axes. The evaluation split has the wrists alone. Layout and meaning are from the
authors' repository (github.com/shreyashampali/ho3d); never run on the dataset itself, see docs/data/h2o3d.md.
"""

from pathlib import Path

import numpy as np
import torch

from renderih_lib.data.reader import FrameReader, LabelledHand, camera_matrix, opencv_from_opengl
from renderih_lib.data.samples import Sample
from renderih_lib.hand.mano import as_released, mano_rotations
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import KEYPOINT_COUNT, KEYPOINT_SOURCE, SIDES

SPLITS = ("train", "evaluation")


class H2O3D(FrameReader):
    """The frames that `<split>.txt` lists, in its order.

    Raises:
        FileNotFoundError: if the folder or the list is missing.
        ValueError: if there is no such split, or a line of the list is no <sequence>/<frame>.
    """

    def __init__(self, root: str | Path, hands: HandPair, split: str = "train"):
        if split not in SPLITS:
            raise ValueError(f"split must be one of {SPLITS}, got {split!r}")
        super().__init__(root, "h2o3d", hands)
        self.split, self.frames = split, []
        if self.has_meshes:  # the authors pose the distributed files, left shape basis included
            self._models = (hands.right, as_released(hands.left))
        for number, line in enumerate(self.tree.text(f"{split}.txt").split(), start=1):
            if line.count("/") != 1:
                raise self.tree.error(
                    f"{split}.txt", f"line {number}: expected <sequence>/<frame>, got {line[:60]!r}"
                )
            self.frames.append((number - 1, *line.split("/")))

    def _read(self, frame) -> Sample:
        number, sequence, frame = frame
        name = self._meta(sequence, frame)
        meta = self.tree.pickle(name)
        K = self.tree.numbers(name, "camMat", meta.get("camMat"), (3, 3))
        labelled = {side: self._hand(name, meta, side) for side in range(2)}
        return self._sample(
            name,
            {side: hand for side, hand in labelled.items() if hand is not None},
            image=self.tree.image(f"{self.split}/{sequence}/rgb/{frame}.jpg"),
            K=camera_matrix(K[0, 0], K[1, 1], K[0, 2], K[1, 2]),
            pose_id=number,
            sample_id=f"{self.split}/{sequence}/{frame}",
        )

    def _hand(self, name: str, meta: dict, side: int) -> LabelledHand | None:
        """One hand's labels; None if the frame has none of it."""
        known = self._known(name, meta, side)
        if not known.any():
            return None
        entry = f"{SIDES[side]}HandJoints3D"
        if self.split == "evaluation":
            keypoints = np.zeros((KEYPOINT_COUNT, 3))
            keypoints[0] = opencv_from_opengl(self.tree.numbers(name, entry, meta[entry], 3))
            return LabelledHand(keypoints, None, known)
        keypoints = self.tree.numbers(name, entry, meta[entry], (KEYPOINT_COUNT, 3))
        keypoints = opencv_from_opengl(keypoints)[list(KEYPOINT_SOURCE)]
        vertices = None
        if self.has_meshes and self._flags(name, meta, f"poseValid{SIDES[side].capitalize()}", 48).all():
            vertices = self._vertices(name, meta, side)
        return LabelledHand(keypoints, vertices, known)

    def _shows_hand(self, frame) -> bool:
        _, sequence, frame = frame
        name = self._meta(sequence, frame)
        meta = self.tree.pickle(name)
        return any(self._known(name, meta, side).any() for side in range(2))

    def _meta(self, sequence: str, frame: str) -> str:
        return f"{self.split}/{sequence}/meta/{frame}.pkl"

    def _known(self, name: str, meta: dict, side: int) -> np.ndarray:
        """Which keypoints of a hand are labelled, (21,) bool."""
        if meta.get(f"{SIDES[side]}HandJoints3D") is None:
            return np.zeros(KEYPOINT_COUNT, bool)
        if self.split == "evaluation":
            return np.arange(KEYPOINT_COUNT) == 0  # the wrist alone
        key = f"jointValid{SIDES[side].capitalize()}"
        return self._flags(name, meta, key, KEYPOINT_COUNT)[list(KEYPOINT_SOURCE)]

    def _flags(self, name: str, meta: dict, key: str, count: int) -> np.ndarray:
        """(count,) bool; all True where the version of the dataset has no such flags."""
        return self.tree.numbers(name, key, meta[key], count) > 0 if key in meta else np.ones(count, bool)

    @torch.no_grad()
    def _vertices(self, name: str, meta: dict, side: int) -> np.ndarray:
        hand, model = SIDES[side], self._models[side]
        pose = self.tree.numbers(name, f"{hand}HandPose", meta.get(f"{hand}HandPose"), 48)
        shape = self.tree.numbers(name, "handBeta", meta.get("handBeta"), model.shape_count)
        place = self.tree.numbers(name, f"{hand}HandTrans", meta.get(f"{hand}HandTrans"), 3)
        mesh = model(
            mano_rotations(model, pose[None], flat=True),
            torch.from_numpy(shape[None]).float(),
            torch.from_numpy(place[None]).float(),
        )
        return opencv_from_opengl(mesh.vertices[0].numpy())
