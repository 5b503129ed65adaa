"""Looks at every finished shard of a folder, down to the pixels, and names what is wrong.

`python -m renderih_lib.render.audit --shards DIR [--repair]`

With `--repair` the done-marker of a damaged shard is removed: the next run of its worker makes the shard again, the
same as it should have been. The plan that was rendered is `DIR/plan.parquet`, or `--plan`.
"""

import argparse
import hashlib
import json
import sys
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from renderih_lib.render.frames import read_plan
from renderih_lib.render.plan import plan_info
from renderih_lib.render.shards import MEMBERS, OPTIONAL, decoded, shard_path
from renderih_lib.repro import Meter, exit_code, sha256

_FINITE = ("K", "R", "t", "angles", "wrist", "translation", "shape", "keypoints_3d", "keypoints_2d")
#: The last bytes of a whole picture, by its file's ending.
_ENDS = {"png": b"IEND\xaeB`\x82", "jpg": b"\xff\xd9"}


def audit(folder: Path, plan: Path | None = None) -> dict[int, list[str]]:
    """Faults of every finished shard, by its number; a sound shard has none.

    Args:
        plan: what was to be rendered; without it the shards are only compared with each other.

    Raises:
        ValueError: if no shard is finished, or the plan cannot be read.
    """
    numbers = sorted(int(path.stem.removeprefix("shard-")) for path in Path(folder).glob("shard-*.json"))
    if not numbers:
        raise ValueError(f"{folder} has no finished shard (shard-*.json); run the render worker first")
    planned = None
    if plan is not None:
        table = read_plan(plan, columns=["image_id", "shard"])
        planned = plan_info(table)["hash"], table.to_pandas()
    meter, faults, made = Meter("audit", len(numbers), "shards"), {}, {}
    for shard in numbers:
        faults[shard], made[shard] = shard_faults(folder, shard)
        meter.step()
    _compare(faults, made)
    if planned:
        _compare_with_plan(faults, made, *planned)
    return faults


def missing_shards(folder: Path, plan: Path) -> list[int]:
    """Shards of a plan that are not finished."""
    planned = read_plan(plan, columns=["shard"])["shard"].unique().to_pylist()
    return [shard for shard in sorted(planned) if not shard_path(folder, shard, ".json").exists()]


def shard_faults(folder: Path, shard: int) -> tuple[list[str], dict]:
    """What is wrong with one finished shard, and what it says about itself: plan hash, images, hash of each."""
    try:
        marker = json.loads(shard_path(folder, shard, ".json").read_text())
        made = {"plan": marker["plan_hash"], "images": marker["image_sha256"]}
        made["quarantined"] = {int(i) for i in marker["quarantined"]}
        count, hashes = marker["count"], {kind: marker[f"{kind}_sha256"] for kind in ("tar", "parquet")}
    except (ValueError, KeyError, TypeError):
        return ["its done-marker cannot be read"], {}
    faults = []
    for kind, recorded in hashes.items():
        path = shard_path(folder, shard, f".{kind}")
        if not path.is_file():
            faults.append(f"{path.name} is missing")
        elif sha256(path) != recorded:
            faults.append(f"{path.name} has changed since it was written")
    try:
        rows = pq.read_table(shard_path(folder, shard, ".parquet")).to_pandas()
        made["ids"] = rows["image_id"].tolist()
        faults += _row_faults(rows, shard, count)
        faults += _tar_faults(shard_path(folder, shard, ".tar"), rows, made["images"])
    except FileNotFoundError:
        pass  # named above
    except (OSError, ValueError, KeyError, tarfile.TarError) as error:
        faults.append(f"it cannot be read: {type(error).__name__}: {error}".split("\n")[0])
    return faults, made


def _row_faults(rows: pd.DataFrame, shard: int, count: int) -> list[str]:
    faults = []
    if len(rows) != count:
        faults.append(f"{len(rows)} rows instead of {count}")
    if (rows["shard"] != shard).any():
        faults.append("rows of another shard")
    for name in _FINITE:
        broken = ~np.isfinite(np.stack(rows[name].to_numpy()).astype(float)).all(1)
        faults += [f"image {key}: {name} is not finite" for key in rows["key"][broken]]
    return faults


def _tar_faults(path: Path, rows: pd.DataFrame, recorded: dict[str, str]) -> list[str]:
    """Every member is opened and compared with its row."""
    faults = []
    expected = [
        (row, name, f"{row['key']}.{row['image_format'] if name == 'image' else extension}")
        for _, row in rows.iterrows()
        for name, extension in (MEMBERS | OPTIONAL).items()
        if name in MEMBERS or f"{name}_offset" in rows
    ]
    with tarfile.open(path) as tar:
        members = tar.getmembers()
        names = [member.name for member in members]
        if names != [wanted for *_, wanted in expected]:
            return [f"{path.name} does not hold the pictures of its rows, each once and in order"]
        for (row, name, wanted), member in zip(expected, members, strict=True):
            if (member.offset_data, member.size) != (row[f"{name}_offset"], row[f"{name}_size"]):
                faults.append(f"{wanted}: its place is not where its row says")
            faults += _picture_faults(tar.extractfile(member).read(), name, row, wanted, recorded)
    return faults


def _picture_faults(data: bytes, name: str, row: pd.Series, wanted: str, recorded: dict) -> list[str]:
    if name == "image" and hashlib.sha256(data).hexdigest() != recorded.get(row["key"]):
        return [f"{wanted} has changed since it was written"]
    if not data.endswith(_ENDS[wanted.rsplit(".")[-1]]):  # Pillow forgives a missing end
        return [f"{wanted} is truncated"]
    try:
        pixels = decoded(data)
    except (OSError, ValueError, SyntaxError) as error:  # Pillow has a SyntaxError for broken PNG chunks
        return [f"{wanted} cannot be decoded: {error}"]
    shape = (row["height"], row["width"]) + ((3,) if name in ("image", "normals") else ())
    kind = np.uint16 if name == "depth" else np.uint8
    if pixels.shape != shape or pixels.dtype != kind:
        return [f"{wanted} is {pixels.dtype} {pixels.shape} instead of {np.dtype(kind)} {shape}"]
    return []


def _compare(faults: dict[int, list[str]], made: dict[int, dict]) -> None:
    """One plan, and no image twice."""
    plans = Counter(item["plan"] for item in made.values() if item)
    first: dict[object, int] = {}
    for shard, item in made.items():
        if item and item["plan"] != plans.most_common(1)[0][0]:
            faults[shard].append("it was made from another plan than most shards")
        for name, things in (("image", item.get("ids", [])), ("picture", item.get("images", {}).values())):
            for thing in things:
                if (name, thing) in first:
                    faults[shard].append(f"{name} {thing} is also in shard {first[name, thing]}")
                first.setdefault((name, thing), shard)


def _compare_with_plan(faults: dict, made: dict, plan_hash: str, rows: pd.DataFrame) -> None:
    """Every planned image is there or in quarantine."""
    planned = rows.groupby("shard")["image_id"].agg(set)
    for shard, item in made.items():
        if item and item["plan"] != plan_hash:
            faults[shard].append("it was made from another plan")
        elif "ids" in item:
            wanted = planned.get(shard, set())
            lost = sorted(wanted - set(item["ids"]) - item["quarantined"])
            extra = sorted(set(item["ids"]) - wanted)
            faults[shard] += [f"image {i} is missing" for i in lost] + [
                f"image {i} is not planned" for i in extra
            ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m renderih_lib.render.audit", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--shards", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--plan", type=Path, help="by default plan.parquet in that folder, if it is there")
    parser.add_argument("--repair", action="store_true", help="remove the done-markers of damaged shards")
    options = parser.parse_args(arguments)
    return exit_code(lambda: _audit(options), options.shards)


def _audit(options: argparse.Namespace) -> None:
    own = options.shards / "plan.parquet"
    plan = options.plan or (own if own.exists() else None)
    faults = audit(options.shards, plan)
    for shard, problems in faults.items():
        for problem in problems:
            print(f"shard {shard:05d}: {problem}")
    if plan:
        for shard in missing_shards(options.shards, plan):
            print(f"shard {shard:05d}: not finished")
    damaged = [shard for shard, problems in faults.items() if problems]
    if options.repair:
        for shard in damaged:
            shard_path(options.shards, shard, ".json").unlink()
    if damaged and not options.repair:
        raise ValueError(
            f"{len(damaged)} of {len(faults)} finished shards are damaged; --repair lets them be redone"
        )
    again = f"; {len(damaged)} to be made again" if damaged else ""
    print(f"{options.shards}: {len(faults) - len(damaged)} of {len(faults)} finished shards are sound{again}")


if __name__ == "__main__":
    sys.exit(main())
