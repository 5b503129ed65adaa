"""Reader of the hand-hand sequences of Tzionas et al. (IJCV 2016) with MANO's fits: RenderIH's second test set.

    <sequence>/1/rgb/<frame>.png
    IJCV16___Results_MANO___parms_for___joints21/
        IJCV16___fakeGT___IJCV___<sequence>___Model_Hand_<L or R>___ncomps45/<frame>.pkl

A fit is a pickle with `v` (778, 3) and `J_transformed___j21` (21, 3), metres in the camera's frame. The camera is a
PrimeSense with f = 525, c = (319.5, 239.5) at 640 x 480. The 2D annotations (`joints_2D_GT`) are not read. Never run
on the dataset itself; see docs/data/tzionas.md for what that leaves open.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from renderih_lib.data.reader import FrameReader, LabelledHand, camera_matrix
from renderih_lib.data.samples import Sample
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import FINGERS, JOINT_COUNT, KEYPOINT_BONES, KEYPOINT_FINGERS, KEYPOINT_SOURCE

#: The sequences with two interacting hands and no object that RenderIH tests on, Walking to Hugging.
SEQUENCES = ("01", "02", "03", "04", "05", "06", "07")
K = camera_matrix(525, 525, 319.5, 239.5)
SIZE = (640, 480)

_FITS = "*Results_MANO*/*___{sequence}___Model_Hand_{letter}___*/*.pkl"
_FRAMES_APART = 1_000_000  # more than a sequence has frames

# Orders in which 21 joints of MANO are stored, as indices that bring them into ours.
_TIPS = [JOINT_COUNT + FINGERS.index(finger) for finger in KEYPOINT_FINGERS]
_ORDERS = (
    np.arange(len(KEYPOINT_SOURCE)),
    np.array(KEYPOINT_SOURCE),  # 16 joints, then the tips of thumb, index, middle, ring, pinky
    # 16 joints, then the tips in the order of the joints: index, middle, pinky, ring, thumb
    np.array([s if s < JOINT_COUNT else _TIPS[s - JOINT_COUNT] for s in KEYPOINT_SOURCE]),
)


class Tzionas(FrameReader):
    """Frames of `sequences` that have an image and a fit of both hands.

    Raises:
        FileNotFoundError: if the folder, a sequence or its fits are missing.
        ValueError: if a sequence has no frame with image and both fits.
    """

    def __init__(self, root: str | Path, hands: HandPair, sequences: Sequence[str] = SEQUENCES):
        super().__init__(root, "tzionas", hands)
        self.frames = [frame for sequence in sequences for frame in self._frames(sequence)]

    def _read(self, frame) -> Sample:
        sequence, number, image, fits = frame
        picture = self.tree.image(image)
        if picture.shape[1::-1] != SIZE:
            raise self.tree.error(
                image, f"expected {SIZE[0]} x {SIZE[1]} pixels, got {picture.shape[1]} x {picture.shape[0]}"
            )
        return self._sample(
            fits[0],
            {side: self._hand(fit) for side, fit in enumerate(fits)},
            image=picture,
            K=K,
            pose_id=_FRAMES_APART * int(sequence) + number,
            sample_id=f"{sequence}/{number:03d}",
        )

    def _frames(self, sequence: str) -> list[tuple[str, int, str, tuple[str, str]]]:
        """Sequence, number, image, and fits of the right and the left hand."""
        images = self._numbered(f"{sequence}/1/rgb/*.png", f"the images of sequence {sequence}")
        fits = [
            self._numbered(
                _FITS.format(sequence=sequence, letter=letter), f"MANO's fits of sequence {sequence}"
            )
            for letter in "RL"
        ]
        numbers = sorted(set(images) & set(fits[0]) & set(fits[1]))
        if not numbers:
            raise self.tree.error(
                f"{sequence}/1/rgb", "no image has the number of a fit, expected equal file names"
            )
        return [(sequence, n, images[n], (fits[0][n], fits[1][n])) for n in numbers]

    def _numbered(self, pattern: str, what: str) -> dict[int, str]:
        stems = {name: Path(name).stem for name in self.tree.names(pattern, what)}
        for name, stem in stems.items():
            if not stem.isdecimal():
                raise self.tree.error(name, "expected a frame's number as file name")
        return {int(stem): name for name, stem in stems.items()}

    def _hand(self, fit: str) -> LabelledHand:
        content = self.tree.pickle(fit)
        joints = self.tree.numbers(
            fit, "J_transformed___j21", content.get("J_transformed___j21"), (len(KEYPOINT_SOURCE), 3)
        )
        vertices = None
        if self.has_meshes:
            shape = (self.hands.right.vertex_count, 3)
            vertices = self.tree.numbers(fit, "v", content.get("v"), shape)
        return LabelledHand(joints[joint_order(joints)], vertices)


def joint_order(joints: np.ndarray) -> np.ndarray:
    """(21,) indices that bring 21 stored joints (21, 3) into our keypoints' order.

    The order in the files is not documented. Of those in use, the right one is that with the shortest bones.
    """
    a, b = np.array(KEYPOINT_BONES).T
    lengths = [np.linalg.norm(joints[order][a] - joints[order][b], axis=1).sum() for order in _ORDERS]
    return _ORDERS[int(np.argmin(lengths))]
