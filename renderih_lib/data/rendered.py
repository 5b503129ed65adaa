"""Reader of our own rendered shards (`renderih_lib.render.shards`): any image by its index."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from renderih_lib.data.reader import Reader
from renderih_lib.data.samples import PART_NAMES, Sample
from renderih_lib.hand.mano import is_mano
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.hand.skeleton import FINGER_JOINT_COUNT, KEYPOINT_COUNT
from renderih_lib.render.shards import decoded

#: What is read of each image's row, lists with their shape.
_LISTS = {"K": (3, 3), "R": (3, 3), "t": (1, 3), "keypoints_3d": (2, KEYPOINT_COUNT, 3)}
_POSE = {"angles": (2, FINGER_JOINT_COUNT, 3), "wrist": (2, 3, 3), "translation": (2, 3), "shape": (2, -1)}
_SINGLE = ("key", "dataset", "pose_id", "image_offset", "image_size", "parts_offset", "parts_size")
_OPTIONAL = ("hand_iou",)


class RenderedDataset(Reader):
    """The finished shards of one folder as a sequence of `Sample`.

    Args:
        folder: holds shard-*.tar, .parquet and .json.
        hands: the hand models that were rendered; they give the vertices, which shards do not store. With MANO's
            hands, which are others, samples have joints only.

    Raises:
        ValueError: if no shard is finished or a file is not what its done-marker promises.
    """

    is_cropped = True  # each image is a view of the hands already

    def __init__(self, folder: str | Path, hands: HandPair):
        self.folder = Path(folder)
        self.hands = None if is_mano(hands.right) else hands
        markers = sorted(self.folder.glob("shard-*.json"))
        if not markers:
            raise ValueError(
                f"{self.folder} has no finished shard (shard-*.json); run the render worker first"
            )
        self.tars = [marker.with_suffix(".tar") for marker in markers]
        if missing := next((tar for tar in self.tars if not tar.is_file()), None):
            raise ValueError(f"{missing} is missing although its shard is marked done; render it again")
        tables = [_columns(marker.with_suffix(".parquet"), self.hands is not None) for marker in markers]
        # Column of the tables -> array with a row per image.
        self.rows = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
        self.shard = np.repeat(np.arange(len(markers)), [len(table["key"]) for table in tables])

    def __len__(self) -> int:
        return len(self.shard)

    def samples(self, indices: Iterable[int]) -> list[Sample]:
        """The samples at `indices`, their meshes posed in one batch."""
        picked = np.asarray(list(indices), int)
        rows = {name: values[picked] for name, values in self.rows.items()}
        vertices = self.vertices(rows)
        return [
            Sample(
                image=self._decoded(index, "image"),
                K=rows["K"][i].astype(np.float32),
                vertices=None if vertices is None else vertices[i],
                keypoints=rows["keypoints_3d"][i],
                valid=np.ones(2, dtype=bool),
                sample_id=f"{rows['dataset'][i]}/{rows['key'][i]}",
                pose_id=int(rows["pose_id"][i]),
                source=str(rows["dataset"][i]),
                parts=_hand_parts(self._decoded(index, "parts")),
                mask_iou=float(rows["hand_iou"][i]),
            )
            for i, index in enumerate(picked)
        ]

    def encoded(self, index: int, name: str) -> bytes:
        """The "image" or "parts" of one image as it lies in its tar."""
        with open(self.tars[self.shard[index]], "rb") as file:
            file.seek(self.rows[f"{name}_offset"][index])
            return file.read(self.rows[f"{name}_size"][index])

    @torch.no_grad()
    def vertices(self, rows: dict[str, np.ndarray]) -> np.ndarray | None:
        """(N, 2, V, 3) float32 metres in each row's camera; rows are some of `self.rows`."""
        if self.hands is None:
            return None
        pose = PairPose(**{name: torch.from_numpy(rows[name]) for name in _POSE})
        world = self.hands(pose.to(torch.float32)).vertices.numpy()
        R, t = rows["R"][:, None], rows["t"][:, None]
        return (world @ np.swapaxes(R, -1, -2) + t).astype(np.float32)

    def _decoded(self, index: int, name: str) -> np.ndarray:
        try:
            return decoded(self.encoded(index, name))
        except OSError as error:
            key, tar = self.rows["key"][index], self.tars[self.shard[index]]
            raise ValueError(f"{name} {key} in {tar} cannot be decoded; render its shard again") from error


def _columns(path: Path, posed: bool) -> dict[str, np.ndarray]:
    """What is needed of one shard's table, each column an array."""
    lists = _LISTS | (_POSE if posed else {})
    there = pq.read_schema(path).names
    table = pq.read_table(path, columns=[*lists, *_SINGLE, *(name for name in _OPTIONAL if name in there)])
    columns = {name: _flat(table[name]).reshape(len(table), *shape) for name, shape in lists.items()}
    columns |= {name: table[name].to_numpy() for name in _SINGLE}
    columns |= {name: columns[name].astype(str) for name in ("key", "dataset")}
    unknown = np.full(len(table), math.nan)
    return columns | {name: table[name].to_numpy() if name in there else unknown for name in _OPTIONAL}


def _flat(column: pa.ChunkedArray) -> np.ndarray:
    """All numbers of a column of lists."""
    return np.concatenate([chunk.flatten().to_numpy(zero_copy_only=False) for chunk in column.chunks])


def _hand_parts(parts: np.ndarray) -> np.ndarray:
    """Labels as `PART_NAMES` has them: a prop is background, since it is no part of a hand."""
    return np.where(parts < len(PART_NAMES), parts, 0).astype(np.uint8)
