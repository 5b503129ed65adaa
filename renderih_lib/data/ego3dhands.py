"""Reader of Ego3DHands (Lin et al., WACV 2021), the static set: rendered pairs of hands on pasted backgrounds.

    <id>/color_new.png              the hands with background
    <id>/location_2d.npy            (2, 22, 2): row and column as fractions of the image, top left is (0, 0)
    <id>/location_3d_global.npy     (2, 22, 3): row, column, depth in centimetres from the camera

Hand 0 is the left one, joint 0 the elbow; the other 21 joints are in our order. A hand that is not in the image is
all zero. The files give no camera: its focal length follows from the 2D and 3D joints, its centre is the image's.
There are no meshes. Every hand is scaled until wrist to middle MCP measures 10 cm, so its size is not its own.
Layout and meaning are from the authors' README (github.com/AlextheEngineer/Ego3DHands); never run on the dataset
itself, see docs/data/ego3dhands.md.
"""

from pathlib import Path

import numpy as np

from renderih_lib.data.reader import FrameReader, LabelledHand
from renderih_lib.data.samples import Sample
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import KEYPOINT_COUNT

_PIXELS = 3.0  # a projected joint may lie this far from its 2D label, on average
_STORED = KEYPOINT_COUNT + 1  # with the elbow


class Ego3DHands(FrameReader):
    """Every instance below `root`, also those with one hand. One without any has no camera: it cannot be read.

    Raises:
        FileNotFoundError: if the folder is missing or holds no instance.
    """

    def __init__(self, root: str | Path, hands: HandPair):
        super().__init__(root, "ego3dhands", hands)
        names = self.tree.names("*/location_3d_global.npy", "one folder per instance")
        self.frames = [(number, name.split("/")[0]) for number, name in enumerate(names)]

    def _read(self, frame) -> Sample:
        number, frame = frame
        image = self.tree.image(f"{frame}/color_new.png")
        name = f"{frame}/location_3d_global.npy"
        fractions, places, sides = self._labels(frame)
        if not sides:
            raise self.tree.error(name, "the array: expected a hand, got zeros alone")
        height, width = image.shape[:2]
        pixels, points = fractions[..., ::-1] * [width, height], places[..., [1, 0, 2]] / 100
        return self._sample(
            name,
            {side: LabelledHand(points[side]) for side in sides},
            image=image,
            K=self._camera(name, pixels[sides], points[sides], width, height),
            pose_id=number,
            sample_id=frame,
        )

    def _shows_hand(self, frame) -> bool:
        *_, sides = self._labels(frame[1])
        return bool(sides)

    def _labels(self, instance: str) -> tuple[np.ndarray, np.ndarray, list[int]]:
        """Joints as stored, (2, 21, 2) and (2, 21, 3), but right hand first; and which hands are in the image."""
        names = [f"{instance}/location_{kind}.npy" for kind in ("2d", "3d_global")]
        fractions, places = (
            self.tree.numbers(name, "the array", self.tree.npy(name), (2, _STORED, count))[::-1, 1:]
            for name, count in zip(names, (2, 3), strict=True)
        )
        return fractions, places, [side for side in range(2) if fractions[side].any() and places[side].any()]

    def _camera(self, name: str, pixels, points, width: int, height: int) -> np.ndarray:
        """(3, 3): the focal length that brings points (H, 21, 3) closest to pixels (H, 21, 2)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            rays = points[..., :2] / points[..., 2:]
        offsets = pixels - [width / 2, height / 2]
        focal = (rays * offsets).sum() / (rays * rays).sum()
        apart = np.linalg.norm(focal * rays - offsets, axis=-1).mean()
        if not (focal > 0 and apart < _PIXELS):
            raise self.tree.error(
                name,
                f"joints project {apart:.1f} pixels from location_2d.npy on average, expected at most {_PIXELS:g}",
            )
        return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
