"""What exporters read: the images and annotations of a folder of finished shards, in the units they need."""

import json
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.spatial.transform import Rotation

from renderih_lib.hand.anatomy import joint_rotations
from renderih_lib.hand.mano import load_mano_pair, mano_pose_space
from renderih_lib.hand.pair import PairPose, open_hand_pair
from renderih_lib.hand.skeleton import FINGER_JOINT_COUNT, JOINT_COUNT, KEYPOINT_COUNT, SIDES
from renderih_lib.pose.retarget import retargeted
from renderih_lib.render.shards import decoded, read_annotations, read_member, stacked, write_atomic

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Shots:
    """N rendered images; arrays are float64, hand axis (right, left)."""

    rows: pd.DataFrame  # as `read_annotations` gives them
    ids: np.ndarray  # (N,) int, the number of each image in its dataset
    frames: np.ndarray  # (N,) int; images of one posed pair share it
    K: np.ndarray  # (N, 3, 3) pixels
    R: np.ndarray  # (N, 3, 3) world to camera
    t: np.ndarray  # (N, 3) metres
    keypoints: np.ndarray  # (N, 2, 21, 3) metres, camera frame
    visible: np.ndarray  # (N, 2, 21) bool

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def dataset(self) -> str:
        return str(self.rows["dataset"].iloc[0])

    @property
    def split(self) -> str:
        """ "train", "val" or "test", from the name of the dataset; a dataset without one is for training."""
        ending = self.dataset.rsplit("-", 1)[-1]
        return ending if ending in SPLITS else "train"

    @property
    def world(self) -> np.ndarray:
        """Keypoints in the world, (N, 2, 21, 3) metres."""
        return (self.keypoints - self.t[:, None, None]) @ self.R[:, None]

    @property
    def pixels(self) -> np.ndarray:
        """Keypoints in the picture, (N, 2, 21, 2); pixel centres at integers + 0.5."""
        image = self.keypoints @ np.swapaxes(self.K, 1, 2)[:, None]
        return image[..., :2] / image[..., 2:]

    @property
    def persons(self) -> list[int]:
        """A number for each image's person, i.e. skin and shape; equal persons of any dataset have equal numbers."""
        skins = self.rows["skin"] if "skin" in self.rows else [""] * len(self)
        shapes = stacked(self.rows["shape"], -1)
        return [
            zlib.crc32(shape.tobytes(), zlib.crc32(skin.encode()))
            for skin, shape in zip(skins, shapes, strict=True)
        ]

    def image(self, i: int) -> bytes:
        """The encoded picture i, as it lies in the shard."""
        return read_member(self.rows.iloc[i], "image")

    def pixels_of(self, i: int, name: str) -> np.ndarray:
        """Picture or mask i decoded; name is a key of `shards.MEMBERS`.

        Raises:
            ValueError: if it cannot be decoded.
        """
        row = self.rows.iloc[i]
        try:
            return decoded(read_member(row, name))
        except OSError as error:
            raise ValueError(
                f"{name} {row['key']} in {row['tar']} cannot be decoded; render its shard again"
            ) from error

    def masks(self, i: int) -> np.ndarray:
        """(2, H, W) bool: each hand as if it were alone."""
        return np.stack([self.pixels_of(i, side) > 0 for side in SIDES])

    def pose(self, rows=slice(None)) -> PairPose:
        """The posed pairs for the open hands, world frame, float64."""
        picked = self.rows.iloc[rows]
        shapes = {
            "angles": (2, FINGER_JOINT_COUNT, 3),
            "wrist": (2, 3, 3),
            "translation": (2, 3),
            "shape": (2, -1),
        }
        return PairPose(
            *(torch.from_numpy(stacked(picked[n], *s).astype(np.float64)) for n, s in shapes.items())
        )


def read_shots(folder: str | Path) -> Shots:
    """Every image of a folder of finished shards.

    Raises:
        ValueError: if no shard is finished, or the shards hold more than one dataset.
    """
    rows = read_annotations(Path(folder))
    if (count := rows["dataset"].nunique()) > 1:
        raise ValueError(f"{folder} holds shards of {count} datasets; export each from a folder of its own")
    ids = rows["key"].astype(int).to_numpy()
    keypoints = stacked(rows["keypoints_3d"], 2, KEYPOINT_COUNT, 3).astype(np.float64)
    return Shots(
        rows=rows,
        ids=ids,
        frames=rows["draw"].to_numpy() if "draw" in rows else ids,
        K=stacked(rows["K"], 3, 3).astype(np.float64),
        R=stacked(rows["R"], 3, 3).astype(np.float64),
        t=stacked(rows["t"], 3).astype(np.float64),
        keypoints=keypoints,
        visible=stacked(rows["keypoint_visible"], 2, KEYPOINT_COUNT).astype(bool),
    )


class ManoFits:
    """MANO parameters of our poses: the same angles on MANO's mean hands (`pose.retarget`).

    Args:
        folder: holds MANO_RIGHT.pkl and MANO_LEFT.pkl.

    Raises:
        ValueError: if a file is missing or is not MANO's.
    """

    def __init__(self, folder: str | Path):
        files = [Path(folder) / f"MANO_{side.upper()}.pkl" for side in SIDES]
        if missing := next((file for file in files if not file.is_file()), None):
            raise ValueError(f"{missing} is missing; get it from https://mano.is.tue.mpg.de")
        self.hands = load_mano_pair(folder).double()
        self.means, self.components = zip(*map(mano_pose_space, files, SIDES), strict=True)

    def __call__(self, pose: PairPose) -> list[dict[str, dict[str, np.ndarray]]]:
        """For each of B pairs, side -> arrays: `pose` (48,) axis-angles less MANO's mean pose, wrist first; `shape`
        (10,); `trans` (3,) metres, world; `coefficients` (45,) of MANO's principal components for the fingers.
        """
        pose = retargeted(pose, open_hand_pair().double(), self.hands)
        fits = [{} for _ in range(len(pose))]
        for side, name in enumerate(SIDES):
            rotations = joint_rotations(pose.angles[:, side], self.hands.frames[side], pose.wrist[:, side])
            turns = Rotation.from_matrix(rotations.numpy().reshape(-1, 3, 3)).as_rotvec()
            turns = turns.reshape(-1, 3 * JOINT_COUNT)
            turns[:, 3:] -= self.means[side]
            for b, fit in enumerate(fits):
                fit[name] = {
                    "pose": turns[b],
                    "shape": pose.shape[b, side].numpy(),
                    "trans": pose.translation[b, side].numpy(),
                    "coefficients": np.linalg.solve(self.components[side].T, turns[b, 3:]),
                }
        return fits


def write_compact_json(path: Path, value) -> None:
    """JSON without spaces, in one step; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(value, separators=(",", ":"), allow_nan=False).encode())


def write_bytes(path: Path, data: bytes) -> None:
    """A file of a folder that is not yet in its place; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def rounded(array: np.ndarray, digits: int) -> list:
    """Nested lists of an array, for JSON."""
    return np.round(np.asarray(array, np.float64), digits).tolist()


def box(masks: np.ndarray) -> list[float]:
    """x, y, width, height in pixels of the set pixels of (..., H, W) bool; zeros when there are none."""
    mask = masks.reshape(-1, *masks.shape[-2:]).any(0)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) == 0:
        return [0.0, 0.0, 0.0, 0.0]
    x, y = columns[0], rows[0]
    return [float(x), float(y), float(columns[-1] + 1 - x), float(rows[-1] + 1 - y)]
