"""The plan of the pose optimisation: natural pairs, augmented by Eq. 1; everything random is decided here.

`python -m renderih_lib.pose.plan --scale demo --seed 0 --out runs/demo/poses/plan.parquet`
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from renderih_lib.hand.pair import PairPose, open_hand_pair
from renderih_lib.pose.augment import augment_pairs
from renderih_lib.pose.distinct import draw_distinct_pairs
from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.recorded import draw_recorded_pairs, recorded_poses
from renderih_lib.pose.store import read_poses, write_poses
from renderih_lib.repro import exit_code
from renderih_lib.scales import NAMES, scale_by_name

#: Columns of a plan beside the poses.
COLUMNS = ("pose_id", "raw_id", "copy", "source", "shard")


def draw_raw_pairs(count: int, seed: int, data_root: str = "") -> tuple[PairPose, list[str]]:
    """Distinct natural pairs, and the recording or the library's interaction behind each.

    Recorded ones when a dataset with pairs is there (`recorded_poses`), otherwise variations of the open library.

    Raises:
        ValueError: if there are not so many distinct ones, or a dataset is damaged.
    """
    recorded = recorded_poses(data_root)
    if recorded is not None and len(recorded.pairs):
        return draw_recorded_pairs(recorded, open_hand_pair(), seed, count)
    return draw_distinct_pairs(load_pose_library(), seed, count)


def make_plan(
    raw: PairPose, sources: list[str], copies: int, shard_pairs: int, seed: int
) -> tuple[PairPose, pd.DataFrame]:
    """Every raw pair augmented `copies` times by Eq. 1, in the order in which the pairs are optimised.

    Copy 0 of all raw pairs comes first, then copy 1, and so on: every shard mixes interactions. Row (raw, copy)
    depends on (seed, raw, copy) alone.

    Args:
        raw: R natural pairs. sources: R names, of the interaction or recording behind each.
        copies: I of Eq. 1. shard_pairs: rows of one shard; the last one may have fewer.

    Returns:
        R * copies pairs, and a table with one row for each: `COLUMNS`.
    """
    made = augment_pairs(raw, copies, seed)
    order = torch.arange(len(made)).view(len(raw), copies).T.flatten()
    table = pd.DataFrame(
        {
            "pose_id": np.arange(len(made)),
            "raw_id": np.tile(np.arange(len(raw)), copies),
            "copy": np.repeat(np.arange(copies), len(raw)),
            "source": np.tile(np.array(sources, dtype=str), copies),
            "shard": np.arange(len(made)) // shard_pairs,
        }
    )
    return made[order], table


def read_plan(path: Path) -> tuple[PairPose, pd.DataFrame]:
    """The pairs and the table of a plan on disk.

    Raises:
        ValueError: if there is no such file, it is damaged, or it is no plan.
    """
    remedy = "make it with python -m renderih_lib.pose.plan"
    try:
        pose, table = read_poses(path)
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: {remedy}") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({error}): {remedy} again") from None
    if lacking := [name for name in COLUMNS if name not in table]:
        raise ValueError(f"{path} is no plan, it has no column {lacking[0]!r}: {remedy}")
    return pose, table


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m renderih_lib.pose.plan", description=__doc__.splitlines()[0])
    parser.add_argument("--scale", choices=NAMES, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data-root", default="", help="folder of the gated datasets")
    parser.add_argument("--out", type=Path, required=True, help="plan.parquet; raw.parquet appears beside it")
    options = parser.parse_args(arguments)
    return exit_code(lambda: _write_plan(options), options.out)


def _write_plan(options: argparse.Namespace) -> None:
    if options.seed < 0:
        raise ValueError(f"seed is {options.seed}; give a non-negative integer")
    sizes = scale_by_name(options.scale)
    raw, sources = draw_raw_pairs(sizes.raw_poses, options.seed, options.data_root)
    pose, table = make_plan(raw, sources, sizes.augmentations, sizes.pose_shard, options.seed)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_poses(options.out.with_name("raw.parquet"), raw, source=sources)
    write_poses(options.out, pose, **table)
    print(f"{options.out}: {len(pose)} pairs from {len(raw)} raw ones, {table['shard'].nunique()} shards")


if __name__ == "__main__":
    sys.exit(main())
