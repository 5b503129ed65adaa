"""Gathers the valid pairs of all shards, in the order of the plan: the poses that are rendered (supplement A).

`python -m renderih_lib.pose.accept --plan plan.parquet --shards DIR --out poses.parquet`

`reasons.csv` beside the poses counts, for every source, what the exact check said before and after the optimisation.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from renderih_lib.hand.pair import PairPose
from renderih_lib.pose.plan import read_plan
from renderih_lib.pose.store import read_poses, write_poses
from renderih_lib.pose.worker import read_record, shard_fault, shard_path
from renderih_lib.repro import exit_code, replacing, sha256


def gather_shards(plan: Path, folder: Path) -> tuple[PairPose, pd.DataFrame]:
    """Every optimised pair of a plan, valid or not, in the plan's order, and what its shard says about it.

    Raises:
        ValueError: naming each shard that is missing, damaged or made from something else, and how to make it.
    """
    _, table = read_plan(plan)
    shards = [int(shard) for shard in np.unique(table["shard"])]
    if faults := _faults(sha256(plan), folder, shards):
        raise ValueError(
            f"{'; '.join(faults)}. Make {'it' if len(faults) == 1 else 'them'} with python -m "
            f"renderih_lib.pose.worker --plan {plan} --discriminator ... --shard N --out {folder}"
        )
    poses, tables = zip(*(read_poses(shard_path(folder, shard, ".parquet")) for shard in shards), strict=True)
    return PairPose.cat(list(poses)), pd.concat(tables, ignore_index=True)


def counted_reasons(table: pd.DataFrame) -> pd.DataFrame:
    """Rows (source, reason), columns "before" and "after": number of pairs with that verdict of the exact check."""
    counts = {
        name: table.groupby(["source", column]).size().rename_axis(["source", "reason"])
        for name, column in (("before", "before_reason"), ("after", "reason"))
    }
    return pd.DataFrame(counts).fillna(0).astype(int).sort_index()


def _faults(plan_hash: str, folder: Path, shards: list[int]) -> list[str]:
    """What is wrong, one text per shard; all must come from one plan, one discriminator and one preset."""
    faults, made_from = [], {"plan": plan_hash}
    for shard in shards:
        if fault := shard_fault(folder, shard, made_from):
            faults.append(f"shard {shard} {fault}")
        elif len(made_from) == 1:
            made_from |= {name: read_record(folder, shard)[name] for name in ("discriminator", "preset")}
    return faults


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m renderih_lib.pose.accept", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--plan", type=Path, required=True, help="of renderih_lib.pose.plan")
    parser.add_argument("--shards", type=Path, required=True, help="folder of renderih_lib.pose.worker")
    parser.add_argument(
        "--out", type=Path, required=True, help="poses.parquet; reasons.csv appears beside it"
    )
    options = parser.parse_args(arguments)
    return exit_code(lambda: _accept(options), options.out)


def _accept(options: argparse.Namespace) -> None:
    pose, table = gather_shards(options.plan, options.shards)
    valid = np.flatnonzero(table["valid"])
    if len(valid) == 0:
        raise ValueError(f"none of the {len(table)} pairs is valid: nothing can be rendered")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(options.out.with_name("reasons.csv")) as temporary:
        counted_reasons(table).to_csv(temporary)
    write_poses(options.out, pose[valid], **table.iloc[valid].drop(columns=["valid", "reason"]))
    share = 100 * len(valid) / len(table)
    print(f"{options.out}: {len(valid)} of {len(table)} pairs are valid ({share:.1f} %)")


if __name__ == "__main__":
    sys.exit(main())
