"""Optimises one shard of a plan and judges every pair exactly; any number of workers may run, one per shard.

`python -m renderih_lib.pose.worker --plan plan.parquet --discriminator discriminator.safetensors --shard 0 --out DIR`

`DIR/shard-00000.parquet` holds every pair of the shard as the optimisation left it, with what the exact check says of
it before and after; `DIR/shard-00000.json` says that the shard is done and what it was made from. A worker that is
killed leaves nothing that looks finished: run it again.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from renderih_lib.hand.pair import HandPair, PairPose, open_hand_pair
from renderih_lib.pose.naturalness import Discriminator, load_discriminator
from renderih_lib.pose.optimize import ITERATIONS, PRESETS, PairTerms, optimize_pairs
from renderih_lib.pose.plan import read_plan
from renderih_lib.pose.store import write_poses
from renderih_lib.pose.validity import check_pairs
from renderih_lib.repro import Meter, exit_code, sha256, write_json

_CPU_BATCH = 64  # more pairs at once make a CPU no faster and take its memory
_CHECKED = 32  # pairs judged at once; fixed, so that rounding does not hang on the batch size


def optimize_shard(
    plan: Path,
    discriminator: Path,
    shard: int,
    out: Path,
    *,
    preset: str = "paper",
    batch: int = 32,
    device: str = "cpu",
) -> dict:
    """Optimise, judge and write one shard; returns its record. A finished shard is checked and left alone.

    The poses are the same bytes for any `batch`.

    Raises:
        ValueError: if the plan or the discriminator cannot be read, the plan has no such shard, or there is no such
            device.
    """
    pose, table = read_plan(plan)
    model = load_discriminator(discriminator)
    made_from = {"plan": sha256(plan), "discriminator": sha256(discriminator), "preset": preset}
    rows = np.flatnonzero(table["shard"] == shard)
    if len(rows) == 0:
        raise ValueError(f"{plan} has no shard {shard}, only 0 to {table['shard'].max()}")
    if not shard_fault(out, shard, made_from):
        return read_record(out, shard)
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is 'cuda', but torch finds no CUDA device here: use --device cpu")
    out.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    pose, table = pose[torch.from_numpy(rows)], table.iloc[rows].reset_index(drop=True)
    hands, name = open_hand_pair(), f"pose_shard {shard:05d}"
    size = batch if device == "cuda" else min(batch, _CPU_BATCH)
    optimized, problems = _optimized(pose, PairTerms(hands, model).to(device), preset, size, name)
    judged = _judged(optimized, hands, model, name)
    judged.loc[list(problems), ["valid", "reason"]] = False, "unsound"
    before = _judged(pose, hands, model, name)
    path = shard_path(out, shard, ".parquet")
    write_poses(path, optimized, **table, **judged, **before.add_prefix("before_"))
    reasons = judged["reason"].value_counts().to_dict()
    named = {str(table["pose_id"][row]): problem for row, problem in problems.items()}
    record = {"shard": shard, "pairs": len(rows), **made_from, "sha256": sha256(path), "reasons": reasons}
    record |= {"problems": named, "device": device, "seconds": round(time.perf_counter() - begin, 1)}
    write_json(shard_path(out, shard, ".json"), record)
    return record


def shard_path(folder: Path, shard: int, suffix: str) -> Path:
    """`folder/shard-00000<suffix>`; suffix is ".parquet" or ".json"."""
    return Path(folder) / f"shard-{shard:05d}{suffix}"


def read_record(folder: Path, shard: int) -> dict:
    """What the worker wrote down about a finished shard."""
    return json.loads(shard_path(folder, shard, ".json").read_text())


def shard_fault(folder: Path, shard: int, made_from: dict) -> str:
    """Why a shard cannot be used as one made from these hashes and this preset, in a few words; "" if it can."""
    try:
        record = read_record(folder, shard)
        found = sha256(shard_path(folder, shard, ".parquet"))
    except FileNotFoundError:
        return "is not done"
    except ValueError:
        return "has a damaged record"
    for name, value in made_from.items():
        if record.get(name) != value:
            return f"was made from another {name}"
    return "" if found == record.get("sha256") else "is damaged"


def _optimized(
    pose: PairPose, terms: PairTerms, preset: str, batch: int, name: str
) -> tuple[PairPose, dict[int, str]]:
    """The pairs after the optimisation, `batch` at a time, and what is wrong with those rows that were stopped."""
    poses, problems = [], []
    meter = Meter(name, len(pose), "pairs optimised")
    for start in range(0, len(pose), batch):
        part = pose[start : start + batch]

        def step(iteration, *_, begin=start, count=len(part)):
            meter.reach(begin + count * iteration // ITERATIONS)

        result = optimize_pairs(part, terms, preset=preset, on_step=step)
        meter.reach(start + len(part))
        poses.append(result.pose)
        problems += result.problems
    return PairPose.cat(poses), {row: problem for row, problem in enumerate(problems) if problem}


def _judged(pose: PairPose, hands: HandPair, model: Discriminator, name: str) -> pd.DataFrame:
    """The exact check of B pairs and their naturalness, the mean of D over both hands."""
    parts, meter = [], Meter(name, len(pose), "pairs judged")
    for start in range(0, len(pose), _CHECKED):
        part = pose[start : start + _CHECKED]
        with torch.no_grad():
            natural = model(part.angles).mean(1)
        parts.append(check_pairs(part, hands).assign(naturalness=natural.numpy()))
        meter.reach(start + len(part))
    return pd.concat(parts, ignore_index=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m renderih_lib.pose.worker", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--plan", type=Path, required=True, help="of renderih_lib.pose.plan")
    parser.add_argument("--discriminator", type=Path, required=True, help="of notebook 06")
    parser.add_argument("--shard", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="paper")
    parser.add_argument("--batch", type=_positive, default=32, help="pairs optimised together")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="by default cuda where there is one")
    parser.add_argument("--threads", type=_positive, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    return exit_code(lambda: _write_shard(options), options.out, f"shard {options.shard}")


def _write_shard(options: argparse.Namespace) -> None:
    record = optimize_shard(
        options.plan,
        options.discriminator,
        options.shard,
        options.out,
        preset=options.preset,
        batch=options.batch,
        device=options.device or ("cuda" if torch.cuda.is_available() else "cpu"),
    )
    for pose_id, problem in record["problems"].items():
        print(f"shard {options.shard}: pair {pose_id} left out: {problem}", file=sys.stderr)
    valid = record["reasons"].get("valid", 0)
    print(f"shard {options.shard}: {valid} of {record['pairs']} pairs are valid, {record['seconds']} s")


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return number


if __name__ == "__main__":
    sys.exit(main())
