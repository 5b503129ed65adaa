"""Shards made small enough to travel to another machine that only trains: image and parts alone, at one size.

`python -m renderih_lib.train.pack --datasets runs/gpu/datasets --scale gpu --out packed/datasets`

The copies are shards like any other; a run reads them with `--datasets packed/datasets`. Images have the size that
training reads, so that nothing is resampled twice.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from renderih_lib.render.shards import (
    MEMBERS,
    OPTIONAL,
    decoded,
    encoded_image,
    flat_column,
    read_annotations,
    read_member,
    stacked,
    write_shard,
)
from renderih_lib.repro import Meter, exit_code
from renderih_lib.scales import NAMES, STAND_INS, scale_by_name
from renderih_lib.train.augment import source_size

_KEPT = ("image", "parts")


def pack(folder: Path, out: Path, size: int, quality: int, most: int | None = None) -> int:
    """Copy a dataset's finished shards into one shard of `size` pixels; bytes of what was written.

    Args:
        quality: of JPEG, 1 to 95. most: images to keep, spread evenly; None keeps all.

    Raises:
        ValueError: if no shard is finished or an image is not square.
    """
    rows = read_annotations(folder)
    if most is not None and most < len(rows):
        rows = rows.iloc[np.linspace(0, len(rows) - 1, most).round().astype(int)]
    wrong = rows[rows["width"] != rows["height"]]
    if len(wrong):
        raise ValueError(f"image {wrong['key'].iloc[0]} of {folder} is not square; only crops can be packed")
    out.mkdir(parents=True, exist_ok=True)
    info = {"packed_from": folder.name, "size": size, "quality": quality}
    write_shard(out, 0, _members(rows, size, quality), _annotations(folder, rows, size), info, members=_KEPT)
    return sum(path.stat().st_size for path in out.glob("shard-00000.*"))


def _members(rows: pd.DataFrame, size: int, quality: int) -> Iterator[dict[str, bytes]]:
    meter = Meter(str(rows["dataset"].iloc[0]), len(rows), "images")
    for _, row in rows.iterrows():
        image, parts = (Image.fromarray(decoded(read_member(row, name))) for name in _KEPT)
        colours = image.resize((size, size), Image.Resampling.BOX)
        labels = parts.resize((size, size), Image.Resampling.NEAREST)
        yield {
            "image": encoded_image(colours, "JPEG", quality=quality, optimize=True),
            "parts": encoded_image(labels, "PNG", optimize=True),
        }
        meter.step()


def _annotations(folder: Path, rows: pd.DataFrame, size: int) -> pa.Table:
    """The rows' columns with their types, the camera scaled to the new size."""
    tables = [pq.read_table(marker.with_suffix(".parquet")) for marker in sorted(folder.glob("shard-*.json"))]
    table = pa.concat_tables(tables).take(pa.array(rows.index.to_numpy()))
    places = {f"{name}_{kind}" for name in MEMBERS | OPTIONAL for kind in ("offset", "size")}
    table = table.drop_columns([name for name in table.column_names if name in places])
    zoom = size / rows["width"].to_numpy(float)
    K = stacked(rows["K"], 3, 3) * np.stack([zoom, zoom, np.ones_like(zoom)], -1)[..., None]
    pixels = stacked(rows["keypoints_2d"], 42, 2) * zoom[:, None, None]
    changed = {
        "K": flat_column(K),
        "keypoints_2d": flat_column(pixels.astype(np.float32)),
        "width": pa.array(np.full(len(rows), size)),
        "height": pa.array(np.full(len(rows), size)),
        "image_format": pa.array(["jpg"] * len(rows)),
    }
    for name, column in changed.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, column)
    return table


def _main(options: argparse.Namespace) -> None:
    size = options.size or source_size(scale_by_name(options.scale).image_size)
    total = 0
    for dataset in sorted(set(STAND_INS.values())):
        written = pack(options.datasets / dataset, options.out / dataset, size, options.quality, options.most)
        total += written
        print(f"{dataset}: {written / 2**20:.1f} MiB")
    print(f"{options.out}: {total / 2**20:.1f} MiB")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m renderih_lib.train.pack", description=__doc__.splitlines()[0])
    parser.add_argument("--datasets", type=Path, required=True, help="folder of rendered datasets")
    parser.add_argument("--scale", choices=NAMES, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, help="pixels, instead of what the scale's training reads")
    parser.add_argument("--quality", type=int, default=88, help="of JPEG")
    parser.add_argument("--most", type=int, help="images of each dataset")
    options = parser.parse_args(arguments)
    return exit_code(lambda: _main(options), options.out)


if __name__ == "__main__":
    sys.exit(main())
