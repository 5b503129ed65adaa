"""Two-hand poses on disk: one Parquet row per pair, fixed-size float lists, readable without this library."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from renderih_lib.hand.pair import PairPose
from renderih_lib.repro import replacing

#: What the numbers mean; stored in the file under "renderih".
CONVENTION = {
    "version": 1,
    "hands": "right, left",
    "angles": "(2, 15, 3) radians: index, middle, pinky, ring, thumb x root, middle, end; twist, splay, bend",
    "wrist": "(2, 3, 3) rotation of the wrist, rest to world",
    "translation": "(2, 3) metres, added to the turned hand, world",
    "shape": "(2, S) standard deviations",
}
_SHAPES = {"angles": (2, 15, 3), "wrist": (2, 3, 3), "translation": (2, 3)}


def write_poses(path: Path, pose: PairPose, **columns) -> None:
    """Write B pairs and any further columns (B,) as Parquet; `pose_id` counts from 0 unless given.

    An interrupted write leaves the old file.

    Raises:
        ValueError: if a column has another length than the poses or the name of a pose column.
    """
    extra = pd.DataFrame(
        {"pose_id": np.arange(len(pose), dtype=np.int64)} if "pose_id" not in columns else {}
    )
    for name, values in columns.items():
        if name in (*_SHAPES, "shape"):
            raise ValueError(f"column {name!r} is taken by the poses")
        if len(values) != len(pose):
            raise ValueError(f"column {name!r} has {len(values)} rows for {len(pose)} poses")
        extra[name] = np.asarray(values)
    table = pa.Table.from_pandas(extra, preserve_index=False)
    for name in (*_SHAPES, "shape"):
        tensor = getattr(pose, name).detach().cpu().float()
        flat = pa.array(tensor.flatten().numpy())
        table = table.append_column(
            name, pa.FixedSizeListArray.from_arrays(flat, math.prod(tensor.shape[1:]))
        )
    table = table.replace_schema_metadata(
        (table.schema.metadata or {}) | {b"renderih": json.dumps(CONVENTION)}
    )
    with replacing(Path(path)) as temporary:
        pq.write_table(table, temporary)


def read_poses(path: Path) -> tuple[PairPose, pd.DataFrame]:
    """The pairs of a file that `write_poses` wrote, and its other columns.

    Raises:
        ValueError: if the file lacks a pose column or follows another convention.
    """
    table = pq.read_table(path)
    found = json.loads((table.schema.metadata or {}).get(b"renderih", b"{}"))
    if found.get("version") != CONVENTION["version"]:
        raise ValueError(
            f"{path} holds no poses of version {CONVENTION['version']}: {found or 'no convention'}"
        )
    tensors = {}
    for name in (*_SHAPES, "shape"):
        if name not in table.column_names:
            raise ValueError(f"{path} has no column {name!r}")
        flat = table[name].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        tensors[name] = torch.from_numpy(flat.copy()).view(
            len(table), *_SHAPES.get(name, (2, table.schema.field(name).type.list_size // 2))
        )
    return PairPose(**tensors), table.drop_columns(list(tensors)).to_pandas()
