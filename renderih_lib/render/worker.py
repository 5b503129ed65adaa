"""Renders one shard of a plan, and resumes wherever it was stopped.

`python -m renderih_lib.render.worker --plan plan.parquet --shard 0 --out DIR`

Needs no scheduler and knows of none: any number of workers may run, one per shard. A finished image waits in
`DIR/shard-00000.staging/`; the shard itself appears at the end, in one step. An image that fails is left out
and named, with the reason, in `DIR/quarantine.jsonl`.
"""

import argparse
import errno
import hashlib
import io
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image

from renderih_lib.render.annotate import Labels
from renderih_lib.render.cycles import ChildDied, CyclesProcess
from renderih_lib.render.environments import environments_in, shipped_environments
from renderih_lib.render.frames import Frame, frame, plan_rows
from renderih_lib.render.mesh import ArmPair
from renderih_lib.render.plan import HASHED, plan_info
from renderih_lib.render.shards import flat_column, is_done, sha256_of, shard_path, write_atomic, write_shard

ATTEMPTS = 3  # for an image during which Blender dies
FAILURE_SHARE = 0.01  # of a shard (but two images at least), above which something is wrong with all of it
JPEG_QUALITY = 95
_LOG_SECONDS, _LOW_DISK = 5.0, 16 * 2**20


def render_shard(
    plan_path: Path, shard: int, out: Path, *, skins: Path | None = None, threads: int = 1
) -> dict:
    """Render, annotate and write one shard; returns its done-marker. A finished shard is checked and left alone.

    Args:
        skins: folder of skin textures; the plan's own if None. threads: CPU threads of Cycles.

    Raises:
        ValueError: if the plan has no such shard, or a texture is not the one that was planned.
        RuntimeError: if too many images fail.
    """
    rows = pq.read_table(plan_path, filters=[("shard", "==", shard)])
    info = plan_info(rows)
    if len(rows) == 0:
        raise ValueError(f"{plan_path} has no shard {shard}")
    if is_done(out, shard, info["hash"]):
        return json.loads(shard_path(out, shard, ".json").read_text())
    out.mkdir(parents=True, exist_ok=True)
    with _Shard(info, shard, out, _skins_folder(plan_path, info, rows, skins), plan_path, threads) as work:
        return work.run(rows)


class _Finished(NamedTuple):
    """What the shard keeps of an image."""

    members: dict[str, bytes]
    keypoints_3d: np.ndarray
    keypoints_2d: np.ndarray
    keypoint_visible: np.ndarray
    hand_iou: float
    report: dict  # of Blender: exposure, seconds, version


class _Pending:
    """An image on its way: its labels, and its picture once there is one."""

    def __init__(self, item: Frame, picture: tuple[bytes, dict] | None, path: Path):
        self.frame, self.picture, self.trouble = item, picture, None
        self.members = encoded(item.labels)
        self.geometry_path, self.image_path = path.with_suffix(".npz"), path.with_suffix(".png")

    def send(self, work: "_Shard") -> None:
        job = self.frame.job(work.arms, self.geometry_path, self.image_path, work.skins, work.environments)
        work.cycles.send("render", **job)

    def finished(self) -> _Finished:
        labels, (image, report) = self.frame.labels, self.picture
        points = labels.keypoints_3d, labels.keypoints_2d, labels.visible
        return _Finished(self.members | {"image": image}, *points, labels.hand_iou, report)

    def clean(self) -> None:
        self.geometry_path.unlink(missing_ok=True)
        self.image_path.unlink(missing_ok=True)


class _Progress:
    """One line every few seconds."""

    def __init__(self, name: str, total: int):
        self.name, self.total, self.done = name, total, 0
        self.begin = self.last = time.monotonic()

    def step(self) -> None:
        self.done += 1
        now = time.monotonic()
        if now - self.last >= _LOG_SECONDS or self.done == self.total:
            self.last = now
            print(f"{self.name}: {self.done}/{self.total} images, {now - self.begin:.0f} s", flush=True)


class _Shard:
    """One run over the rows of a shard."""

    def __init__(self, info: dict, shard: int, out: Path, skins: Path, plan_path: Path, threads: int):
        self.info, self.shard, self.out, self.skins = info, shard, out, skins
        folder = info.get("environments_folder")
        self.environments = environments_in(plan_path.parent / folder) if folder else shipped_environments()
        self.staging = shard_path(out, shard, ".staging")
        self.staging.mkdir(exist_ok=True)
        self.arms = ArmPair(info["recipe"]["levels"])
        self.cycles = CyclesProcess(self.arms, info["recipe"], threads)
        self.failed: dict[int, str] = {}
        self.rendered = 0

    def __enter__(self) -> "_Shard":
        return self

    def __exit__(self, *_):
        self.cycles.__exit__()

    def run(self, table: pa.Table) -> dict:
        begin, cpu = time.perf_counter(), time.process_time()
        rows = plan_rows(table)
        log = _Progress(f"shard {self.shard}", len(rows))
        done, ahead = {}, None  # while Blender renders one image, the labels of the next are computed
        for row in rows:
            prepared = self._prepare(row)
            self._finish(ahead, done, log)
            ahead = prepared
            self._begin(ahead)
        self._finish(ahead, done, log)
        limit = max(2, round(FAILURE_SHARE * len(rows)))
        if len(self.failed) > limit or not done:
            raise RuntimeError(
                f"{len(self.failed)} images of shard {self.shard} failed; last: {_last(self.failed)}"
            )
        marker = self._write(table, done, begin, cpu)
        shutil.rmtree(self.staging, ignore_errors=True)
        return marker

    def _prepare(self, row: dict) -> _Pending | None:
        """Labels of a row, and its staged picture if an earlier run made it; None if the row is bad."""
        try:
            item = frame(row, self.arms)
            if len(item.labels.hand_pixels) == 0:
                raise ValueError("no pixel shows a hand")
        except ValueError as error:
            self._quarantine(row, str(error))
            return None
        return _Pending(item, self._staged(row), self.cycles.scratch / row["key"])

    def _begin(self, pending: _Pending | None) -> None:
        if pending is None or pending.picture is not None:
            return
        try:
            pending.send(self)
        except (ValueError, ChildDied) as error:
            pending.trouble = error

    def _finish(self, pending: _Pending | None, done: dict[int, _Finished], log: _Progress) -> None:
        if pending is None:
            return
        row = pending.frame.row
        for attempt in range(ATTEMPTS):
            try:
                if pending.picture is None:
                    pending.picture = self._rendered(pending, again=attempt > 0)
                done[row["image_id"]] = pending.finished()
                break
            except ValueError as error:
                self._quarantine(row, str(error))
                break
            except ChildDied as error:
                reason = str(error)
        else:
            self._quarantine(row, reason)
        pending.clean()
        log.step()

    def _rendered(self, pending: _Pending, again: bool) -> tuple[bytes, dict]:
        """Encoded image and Blender's report on it, staged."""
        if again:
            pending.send(self)
        elif pending.trouble:
            raise pending.trouble
        try:
            reply = self.cycles.receive()
        except ValueError:
            if shutil.disk_usage(self.cycles.scratch).free < _LOW_DISK:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.cycles.scratch)) from None
            raise
        self.rendered += 1
        row = pending.frame.row
        data = compressed(pending.image_path, row["image_format"], (row["width"], row["height"]))
        header = {"plan": self.info["hash"], "sha256": hashlib.sha256(data).hexdigest()}
        header |= reply | {"blender": self.cycles.blender}
        write_atomic(self.staging / row["key"], json.dumps(header).encode() + b"\n" + data)
        return data, header

    def _staged(self, row: dict) -> tuple[bytes, dict] | None:
        """What an earlier run left of this image, if it is whole and of this plan."""
        path = self.staging / row["key"]
        line, _, data = (path.read_bytes() if path.exists() else b"").partition(b"\n")
        try:
            header = json.loads(line)
        except ValueError:
            return None
        whole = hashlib.sha256(data).hexdigest() == header["sha256"]
        return (data, header) if whole and header["plan"] == self.info["hash"] else None

    def _quarantine(self, row: dict, reason: str) -> None:
        self.failed[row["image_id"]] = reason
        path = self.out / "quarantine.jsonl"
        entry = {
            "image_id": row["image_id"],
            "shard": self.shard,
            "plan": self.info["hash"],
            "reason": reason,
        }
        known = path.read_text().splitlines() if path.exists() else []
        line = json.dumps(entry)
        if line not in known:
            with open(path, "a") as file:
                file.write(line + "\n")

    def _write(self, table: pa.Table, done: dict, begin: float, cpu: float) -> dict:
        kept = table.filter(pa.array([i in done for i in table["image_id"].to_pylist()]))
        items = [done[i] for i in kept["image_id"].to_pylist()]
        for name in ("keypoints_3d", "keypoints_2d", "keypoint_visible"):
            kept = kept.append_column(name, flat_column(np.stack([getattr(item, name) for item in items])))
        kept = kept.append_column("hand_iou", pa.array([item.hand_iou for item in items], pa.float32()))
        reports = pd.DataFrame([item.report for item in items])
        kept = kept.append_column("exposure_ev", pa.array(reports["exposure_ev"].to_numpy()))
        made = {name: self.info[name] for name in (*HASHED, "hash")} | {"blender": reports["blender"][0]}
        kept = kept.replace_schema_metadata({"plan": json.dumps(made, sort_keys=True)})
        marker = {"plan_hash": self.info["hash"], "dataset": self.info["dataset"], "blender": made["blender"]}
        marker |= {"quarantined": {str(i): reason for i, reason in sorted(self.failed.items())}}
        marker |= {"rendered": self.rendered, "seconds": time.perf_counter() - begin}  # by this run
        marker["cpu_seconds"] = (
            reports["cpu_seconds"].sum() + time.process_time() - cpu
        )  # by all runs, from here
        marker |= {"render_seconds": reports["render_seconds"].sum(), "rss_mb": reports["rss_mb"].max()}
        return write_shard(self.out, self.shard, [item.members for item in items], kept, marker)


def encoded(labels: Labels) -> dict[str, bytes]:
    """Mask and depth images as PNG, by member name."""
    images = {
        "parts": labels.parts,
        "right": labels.amodal[0],
        "left": labels.amodal[1],
        "depth": labels.depth,
    }
    return {name: _png(image) for name, image in images.items()}


def compressed(path: Path, image_format: str, size: tuple[int, int]) -> bytes:
    """Blender's PNG, checked and encoded again without its metadata, so that equal pixels are equal bytes.

    Raises:
        ValueError: if the file is no complete picture of that size (width, height).
    """
    try:
        with Image.open(path) as image:
            pixels = image.convert("RGB")
    except OSError as error:
        raise ValueError(f"Blender's picture cannot be read: {error}") from None
    if pixels.size != tuple(size):
        raise ValueError(f"Blender's picture is {pixels.size}, not {tuple(size)}")
    buffer = io.BytesIO()
    if image_format == "jpg":
        pixels.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    else:
        pixels.save(buffer, "PNG")
    return buffer.getvalue()


def _png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def _skins_folder(plan_path: Path, info: dict, rows: pa.Table, skins: Path | None) -> Path:
    folder = skins if skins is not None else plan_path.parent / info.get("skins_folder", ".")
    for name in sorted(set(rows["skin"].to_pylist())):
        path = folder / f"{name}.npz"
        if not path.is_file():
            raise ValueError(f"{path} is missing; give the folder of the plan's skins with --skins")
        if sha256_of(path) != info["skins"][name]:
            raise ValueError(f"{path} is not the texture that was planned; make the plan again")
    return folder.resolve()


def _last(failed: dict[int, str]) -> str:
    image_id = max(failed)
    return f"image {image_id}: {failed[image_id]}"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--shard", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--skins", type=Path, help="folder of skin textures, if not where the plan says")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of Cycles")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    try:
        marker = render_shard(args.plan, args.shard, args.out, skins=args.skins, threads=args.threads)
    except (ValueError, RuntimeError) as error:
        sys.exit(f"shard {args.shard}: {error}")
    except OSError as error:
        sys.exit(f"shard {args.shard}: cannot write to {args.out}: {error.strerror or error}. Images that are "
                 "finished are kept; make room or allow writing, then run the same command again")  # fmt: skip
    print(f"shard {args.shard}: {marker['count']} images, {len(marker['quarantined'])} left out")


if __name__ == "__main__":
    main()
