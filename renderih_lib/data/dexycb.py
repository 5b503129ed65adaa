"""Reader of DexYCB (Chao et al., CVPR 2021): one hand that grasps an object, seen from eight cameras.

    <date>-subject-<nn>/<sequence>/meta.yml             serials, num_frames, mano_sides, mano_calib
    <date>-subject-<nn>/<sequence>/<serial>/color_<frame>.jpg, labels_<frame>.npz
    calibration/intrinsics/<serial>_640x480.yml         color: fx, fy, ppx, ppy
    calibration/mano_<calib>/mano.yml                   betas

Labels: `joint_3d` (1, 21, 3) metres in the camera's frame and our order, all -1 where the camera does not see the
hand; `pose_m` (1, 51): wrist axis-angle, 45 coefficients of MANO's principal components, translation. Layout and
meaning are from the authors' toolkit (github.com/NVlabs/dex-ycb-toolkit, README, issues 23, 28 and 32); never run on
the dataset itself, see docs/data/dexycb.md. Poses as angles are read by `pose.recorded.read_dexycb`.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from renderih_lib.data.reader import FrameReader, LabelledHand, camera_matrix
from renderih_lib.data.samples import Sample
from renderih_lib.hand.mano import as_released, mano_rotations
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import KEYPOINT_COUNT, SIDES
from renderih_lib.pose.recorded import dexycb_side

_UNSEEN = -1  # joints of a hand that is not in the image
_POSE = 48


class Sequence(NamedTuple):
    """What meta.yml says of a recording."""

    name: str  # <date>-subject-<nn>/<sequence>
    side: int
    serials: tuple[str, ...]
    frame_count: int
    calibration: str  # of the subject's hand


class DexYCB(FrameReader):
    """Every frame of every camera of the sequences that match `pattern`, also those without a hand (`seen`).

    Frames of one sequence and moment share their pose_id.

    Raises:
        FileNotFoundError: if the folder, its calibration or a matching sequence is missing.
        ValueError: if a sequence's meta.yml or a calibration is not what the layout says.
    """

    def __init__(self, root: str | Path, hands: HandPair, pattern: str = "*-subject-*/*"):
        super().__init__(root, "dexycb", hands)
        metas = self.tree.names(f"{pattern}/meta.yml", "<date>-subject-<nn>/<sequence>")
        self.sequences = [self._sequence(meta) for meta in metas]
        self.frames = [
            (number, serial, frame)
            for number, sequence in enumerate(self.sequences)
            for serial in sequence.serials
            for frame in range(sequence.frame_count)
        ]
        self._moments = np.cumsum([0, *(sequence.frame_count for sequence in self.sequences)])
        self._K = {serial: self._camera(serial) for sequence in self.sequences for serial in sequence.serials}
        if self.has_meshes:  # labels were fitted with the distributed left shape basis (toolkit, issue 28)
            self._models = (hands.right, as_released(hands.left))
            self._shapes = {name: self._shape(name) for name in {s.calibration for s in self.sequences}}

    def _read(self, frame) -> Sample:
        number, serial, moment = frame
        sequence = self.sequences[number]
        folder, labels = f"{sequence.name}/{serial}", self._labels(frame)
        hand = self._hand(labels, sequence)
        return self._sample(
            labels,
            {} if hand is None else {sequence.side: hand},
            image=self.tree.image(f"{folder}/color_{moment:06d}.jpg"),
            K=self._K[serial],
            pose_id=int(self._moments[number]) + moment,
            sample_id=f"{folder}/{moment:06d}",
        )

    def _shows_hand(self, frame) -> bool:
        return self._keypoints(self._labels(frame)) is not None

    def _labels(self, frame: tuple[int, str, int]) -> str:
        number, serial, moment = frame
        return f"{self.sequences[number].name}/{serial}/labels_{moment:06d}.npz"

    def _sequence(self, meta: str) -> Sequence:
        content = self.tree.yaml(meta)
        serials, calibrations = (
            [str(value) for value in self.tree.checked(meta, key, content.get(key), list)]
            for key in ("serials", "mano_calib")
        )
        if len(calibrations) != 1:
            raise self.tree.error(meta, f"mano_calib: expected one name, got {calibrations!r}")
        count = int(self.tree.numbers(meta, "num_frames", [content.get("num_frames")], 1)[0])
        side = SIDES.index(dexycb_side(meta, self.tree))
        return Sequence(str(Path(meta).parent), side, tuple(serials), count, calibrations[0])

    def _camera(self, serial: str) -> np.ndarray:
        name = f"calibration/intrinsics/{serial}_640x480.yml"
        color = self.tree.checked(name, "color", self.tree.yaml(name).get("color"), dict)
        keys = ("fx", "fy", "ppx", "ppy")
        return camera_matrix(*self.tree.numbers(name, " ".join(keys), [color.get(key) for key in keys], 4))

    def _shape(self, calibration: str) -> np.ndarray:
        name = f"calibration/mano_{calibration}/mano.yml"
        return self.tree.numbers(
            name, "betas", self.tree.yaml(name).get("betas"), self.hands.right.shape_count
        )

    def _keypoints(self, labels: str) -> np.ndarray | None:
        """(21, 3), or None where the image does not show the hand."""
        joints = self.tree.npz(labels, ("joint_3d",))["joint_3d"]
        joints = self.tree.numbers(labels, "joint_3d", joints, (1, KEYPOINT_COUNT, 3))[0]
        return None if (joints == _UNSEEN).all() else joints

    def _hand(self, labels: str, sequence: Sequence) -> LabelledHand | None:
        keypoints = self._keypoints(labels)
        if keypoints is None:
            return None
        return LabelledHand(keypoints, self._vertices(labels, sequence) if self.has_meshes else None)

    @torch.no_grad()
    def _vertices(self, labels: str, sequence: Sequence) -> np.ndarray:
        pose = self.tree.npz(labels, ("pose_m",))["pose_m"]
        pose = self.tree.numbers(labels, "pose_m", pose, (1, _POSE + 3))
        model = self._models[sequence.side]
        mesh = model(
            mano_rotations(model, pose[:, :_POSE], coefficients=True),
            torch.from_numpy(self._shapes[sequence.calibration][None]).float(),
            torch.from_numpy(pose[:, _POSE:]).float(),
        )
        return mesh.vertices[0].numpy()
