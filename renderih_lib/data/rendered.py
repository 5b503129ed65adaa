"""Reader of our own rendered shards (`renderih_lib.render.shards`): any image by its index."""

import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from renderih_lib.data.samples import PART_NAMES, Sample, SampleBatch, collate
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.hand.skeleton import KEYPOINT_COUNT
from renderih_lib.render.shards import decoded, read_annotations, read_member, stacked


class RenderedDataset:
    """The finished shards of one folder as a sequence of `Sample`.

    Args:
        folder: holds shard-*.tar, .parquet and .json.
        hands: the hand models that were rendered; they give the vertices, which shards do not store.

    Raises:
        ValueError: if no shard is finished or a file is not what its done-marker promises.
    """

    def __init__(self, folder: str | Path, hands: HandPair):
        self.folder, self.hands = Path(folder), hands
        self.rows = read_annotations(self.folder)
        missing = sorted({tar for tar in self.rows["tar"] if not Path(tar).is_file()})
        if missing:
            raise ValueError(f"{missing[0]} is missing although its shard is marked done; render it again")

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        return self.samples([index])[0]

    def samples(self, indices: Iterable[int]) -> list[Sample]:
        """The samples at `indices`, their meshes posed in one batch."""
        rows = self.rows.iloc[list(indices)]
        vertices = self._vertices(rows)
        keypoints = stacked(rows["keypoints_3d"], 2, KEYPOINT_COUNT, 3)
        K = stacked(rows["K"], 3, 3).astype(np.float32)
        return [
            Sample(
                image=_image(row, "image"),
                K=K[i],
                vertices=vertices[i],
                keypoints=keypoints[i],
                valid=np.ones(2, dtype=bool),
                sample_id=f"{row['dataset']}/{row['key']}",
                pose_id=int(row["pose_id"]),
                source=row["dataset"],
                parts=_hand_parts(_image(row, "parts")),
                mask_iou=float(row.get("hand_iou", math.nan)),
            )
            for i, (_, row) in enumerate(rows.iterrows())
        ]

    def load(self, size: int, chunk: int = 256) -> SampleBatch:
        """Every image, `size` x `size` pixels, in memory: 12 KB of pixels and 19 KB of vertices each at 64."""
        indices = range(len(self))
        return SampleBatch.cat(
            [collate(self.samples(indices[i : i + chunk]), size) for i in range(0, len(self), chunk)]
        )

    @torch.no_grad()
    def _vertices(self, rows) -> np.ndarray:
        """(N, 2, V, 3) float32 metres in each row's camera."""
        pose = PairPose(
            angles=torch.from_numpy(stacked(rows["angles"], 2, 15, 3)),
            wrist=torch.from_numpy(stacked(rows["wrist"], 2, 3, 3)),
            translation=torch.from_numpy(stacked(rows["translation"], 2, 3)),
            shape=torch.from_numpy(stacked(rows["shape"], 2, self.hands.right.shape_count)),
        )
        world = self.hands(pose.to(torch.float32)).vertices.numpy()
        R, t = stacked(rows["R"], 1, 3, 3), stacked(rows["t"], 1, 1, 3)
        return (world @ np.swapaxes(R, -1, -2) + t).astype(np.float32)


def _hand_parts(parts: np.ndarray) -> np.ndarray:
    """Labels as `PART_NAMES` has them: a prop is background, since it is no part of a hand."""
    return np.where(parts < len(PART_NAMES), parts, 0).astype(np.uint8)


def _image(row, name: str) -> np.ndarray:
    data = read_member(row, name)
    try:
        return decoded(data)
    except OSError as error:
        raise ValueError(
            f"{name} {row['key']} in {row['tar']} cannot be decoded; render its shard again"
        ) from error
