"""Finished shards in the layouts that other code reads.

`python -m renderih_lib.data.export --format interhand|renderih|coco --shards DIR [DIR ...] --out DIR`
`python -m renderih_lib.data.export --format croissant --shards DIR [DIR ...] --out DIR`, an enclosing folder
"""

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from renderih_lib.data.export_coco import write_coco
from renderih_lib.data.export_croissant import write_croissant
from renderih_lib.data.export_interhand import write_interhand
from renderih_lib.data.export_renderih import write_renderih
from renderih_lib.data.export_shots import ManoFits, read_shots
from renderih_lib.repro import exit_code

#: Formats that are trees of files, and what writes one dataset into a tree.
TREES = {"interhand": write_interhand, "renderih": write_renderih, "coco": write_coco}
FORMATS = (*TREES, "croissant")


def export(
    format: str, shards: Sequence[str | Path], out: str | Path, mano: str | Path | None = None
) -> Path:
    """Export folders of finished shards, one dataset each; returns what was written.

    A tree appears at `out` when it is complete, or not at all.

    Args:
        shards: folders; each must be of another split ("train", "test": the end of the dataset's name).
        out: a new folder; for "croissant" the folder that gets croissant.json, which must contain the shards.
        mano: folder of MANO's files; adds MANO parameters to the formats that have a place for them.

    Raises:
        ValueError: if the format is unknown, `out` is there already, no shard is finished, splits repeat,
            or `mano` lacks a file.
    """
    folders, out = [Path(folder) for folder in shards], Path(out)
    if format not in FORMATS:
        raise ValueError(f"format is {format!r}; choose one of {', '.join(FORMATS)}")
    if format == "croissant":
        return write_croissant(folders, out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} is there already; name a new folder, or delete it")
    found = [read_shots(folder) for folder in folders]
    splits = [shots.split for shots in found]
    if repeated := {split for split in splits if splits.count(split) > 1}:
        raise ValueError(
            f"two of the folders are of split {repeated.pop()!r}; export them into different folders"
        )
    fits = ManoFits(mano) if mano else None
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        for shots in found:
            TREES[format](shots, temporary, fits)
        os.sync()  # once for all files, before the folder gets its name
        os.replace(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m renderih_lib.data.export", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--format", choices=FORMATS, required=True)
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="folders of finished shards")
    parser.add_argument(
        "--out", type=Path, required=True, help="a new folder; croissant: one around the shards"
    )
    parser.add_argument("--mano", type=Path, help="folder of MANO_RIGHT.pkl and MANO_LEFT.pkl")
    options = parser.parse_args(arguments)
    return exit_code(
        lambda: print("wrote", export(options.format, options.shards, options.out, options.mano)), options.out
    )


if __name__ == "__main__":
    sys.exit(main())
