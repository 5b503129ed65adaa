"""Renders one shard of a plan, and resumes wherever it was stopped.

`python -m renderih_lib.render.worker --plan plan.parquet --shard 0 --out DIR`

Needs no scheduler and knows of none: any number of workers may run, one per shard; a second one at the same shard
waits for the first and then has nothing to do. A finished image waits in `DIR/shard-00000.staging/`; the shard itself
appears at the end, in one step. An image that fails is left out and named, with the reason, in `DIR/quarantine.jsonl`.
"""

import argparse
import errno
import json
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from renderih_lib.render.bodies.mesh import ArmPair
from renderih_lib.render.bodies.sleeves import Sleeve
from renderih_lib.render.cycles import DEVICES, ChildDied, CyclesProcess
from renderih_lib.render.frames import Frame, frame, plan_rows, read_plan
from renderih_lib.render.plan import HASHED, plan_info
from renderih_lib.render.shards import flat_column, is_done, shard_path, write_shard
from renderih_lib.render.sources import Sources
from renderih_lib.render.staging import Staging, compressed
from renderih_lib.repro import Meter, exit_code

ATTEMPTS = 3  # for an image during which Blender dies
FAILURE_SHARE = 0.5  # of a shard, above which something is wrong with all of it and not with single images
_LOW_DISK = 16 * 2**20


def render_shard(
    plan_path: Path,
    shard: int,
    out: Path,
    *,
    skins: Path | None = None,
    threads: int = 1,
    device: str = "cpu",
) -> dict:
    """Render, annotate and write one shard; returns its done-marker. A finished shard is checked and left alone.

    Args:
        skins: folder of skin textures; the plan's own if None. threads: CPU threads of Cycles.
        device: what Cycles renders on, one of `cycles.DEVICES`. Pictures of different devices differ in their noise.

    Raises:
        ValueError: if the plan has no such shard, or a folder that it names is missing.
        RuntimeError: if Cycles lacks the device, or too many images fail.
    """
    rows = read_plan(plan_path, shard)
    info = plan_info(rows)
    if len(rows) == 0:
        raise ValueError(f"{plan_path} has no shard {shard}")
    if not is_done(out, shard, info["hash"]):
        sources = Sources(plan_path, info, skins)
        staging = Staging(shard_path(out, shard, ".staging"), {"plan": info["hash"], "device": device})
        with staging.alone():
            if not is_done(out, shard, info["hash"]):
                _remove_scraps(out, shard)
                try:
                    with _Shard(info, shard, out, sources, staging, threads) as work:
                        work.run(rows)
                except FileNotFoundError:  # another worker, on a disk without locks, was faster
                    if not is_done(out, shard, info["hash"]):
                        raise
            staging.clear()
    return json.loads(shard_path(out, shard, ".json").read_text())


class _Pending:
    """An image on its way: its labels, and what Blender has to be told."""

    def __init__(self, item: Frame, work: "_Shard"):
        self.row, self.labels, self.sent = item.row, item.labels, False
        path = work.cycles.scratch / item.row["key"]
        self.files = path.with_suffix(".npz"), path.with_suffix(".png")
        self.job = item.job(work.arms, *self.files, work.sources)

    def clean(self) -> None:
        for path in self.files:
            path.unlink(missing_ok=True)


class _Shard:
    """One run over the rows of a shard."""

    def __init__(self, info: dict, shard: int, out: Path, sources: Sources, staging: Staging, threads: int):
        self.info, self.shard, self.out, self.sources, self.staging = info, shard, out, sources, staging
        self.arms, self.sleeve = ArmPair(info["recipe"]["levels"]), Sleeve()
        device = staging.made_from["device"]
        self.cycles = CyclesProcess(self.arms, info["recipe"], threads, device, self.sleeve)
        self.meter = Meter(f"shard {info['dataset']} {shard:05d}", None, "images")
        self.failed: dict[int, str] = {}
        self.rendered = 0

    def __enter__(self) -> "_Shard":
        return self

    def __exit__(self, *_):
        self.cycles.__exit__()

    def run(self, table: pa.Table) -> None:
        begin, cpu = time.perf_counter(), time.process_time()
        rows = plan_rows(table)
        self.meter.total = len(rows)
        current = None  # while Blender renders one image, the next is prepared and the one before it encoded
        for row in rows:
            if row["key"] in self.staging:
                self.meter.step()
                continue
            upcoming = self._prepared(row)
            report = self._report(current)
            self._send(upcoming)
            self._keep(current, report)
            current = upcoming
        self._keep(current, self._report(current))
        if len(self.failed) > FAILURE_SHARE * len(rows):
            last = max(self.failed)
            raise RuntimeError(f"{len(self.failed)} images failed; image {last}: {self.failed[last]}")
        self._write(table, begin, cpu)

    def _prepared(self, row: dict) -> _Pending | None:
        """The labels and the job of a row; None if the row is bad."""
        try:
            item = frame(row, self.arms, self.sleeve, self.info["recipe"]["normals"])
            if len(item.labels.hand_pixels) == 0:
                raise ValueError("no pixel shows a hand")
            return _Pending(item, self)
        except ValueError as error:
            return self._quarantine(row, str(error))

    def _send(self, pending: _Pending | None) -> None:
        if pending is None:
            return
        try:
            self.cycles.send("render", **pending.job)
            pending.sent = True
        except ChildDied:
            pass  # it is sent again when its picture is wanted

    def _report(self, pending: _Pending | None) -> dict | None:
        """Blender's report on an image, once it is rendered; None if there is none or it cannot be."""
        if pending is None:
            return None
        for _ in range(ATTEMPTS):
            try:
                if not pending.sent:
                    self.cycles.send("render", **pending.job)
                return self.cycles.receive() | {"blender": self.cycles.blender}
            except ValueError as error:
                if shutil.disk_usage(self.cycles.scratch).free < _LOW_DISK:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.cycles.scratch)) from None
                reason = str(error)
                break
            except ChildDied as error:
                reason, pending.sent = str(error), False
        pending.clean()
        return self._quarantine(pending.row, reason)

    def _keep(self, pending: _Pending | None, report: dict | None) -> None:
        if report is None:
            return
        row = pending.row
        size = row["width"], row["height"]
        try:
            image = compressed(pending.files[1], row["image_format"], row["jpeg_quality"], size)
        except ValueError as error:
            self._quarantine(row, str(error))
        else:
            self.staging.write(row["key"], image, pending.labels, report)
            self.rendered += 1
            self.meter.step()
        pending.clean()

    def _quarantine(self, row: dict, reason: str) -> None:
        self.failed[row["image_id"]] = reason
        entry = {"image_id": row["image_id"], "shard": self.shard}
        line = json.dumps(entry | {"plan": self.info["hash"], "reason": reason})
        path = self.out / "quarantine.jsonl"
        if line not in (path.read_text().splitlines() if path.exists() else []):
            with open(path, "a") as file:
                file.write(line + "\n")
        self.meter.step()

    def _write(self, table: pa.Table, begin: float, cpu: float) -> None:
        table = table.filter(pa.array([i not in self.failed for i in table["image_id"].to_pylist()]))
        keys = table["key"].to_pylist()
        headers = [self.staging.read(key)[0] for key in keys]
        for name in ("keypoints_3d", "keypoints_2d", "keypoint_visible"):
            table = table.append_column(name, flat_column(np.stack([header[name] for header in headers])))
        table = table.append_column(
            "hand_iou", pa.array([header["hand_iou"] for header in headers], pa.float32())
        )
        reports = [header["report"] for header in headers]
        table = table.append_column("exposure_ev", pa.array([report["exposure_ev"] for report in reports]))
        made = {"blender": reports[0]["blender"], "device": self.staging.made_from["device"]}
        plan = {name: self.info[name] for name in (*HASHED, "hash")} | made
        table = table.replace_schema_metadata({"plan": json.dumps(plan, sort_keys=True)})
        failed = {str(i): reason for i, reason in sorted(self.failed.items())}
        marker = {
            "plan_hash": self.info["hash"],
            "dataset": self.info["dataset"],
            **made,
            "quarantined": failed,
        }
        marker |= {"rendered": self.rendered, "seconds": time.perf_counter() - begin}  # by this run
        child = sum(report["cpu_seconds"] for report in reports)
        marker["cpu_seconds"] = (
            child + time.process_time() - cpu
        )  # by all runs in Blender, by this one beside it
        marker["render_seconds"] = sum(report["render_seconds"] for report in reports)
        marker["rss_mb"] = max(report["rss_mb"] for report in reports)
        write_shard(self.out, self.shard, (self.staging.read(key)[1] for key in keys), table, marker)


def _remove_scraps(out: Path, shard: int) -> None:
    """What a killed worker left half-written of a shard."""
    for path in out.glob(f".shard-{shard:05d}.*.tmp"):
        path.unlink(missing_ok=True)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m renderih_lib.render.worker", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--shard", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--skins", type=Path, help="folder of skin textures, if not where the plan says")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of Cycles")
    parser.add_argument("--device", choices=DEVICES, default="cpu", help="what Cycles renders on")
    options = parser.parse_args(argv)
    torch.set_num_threads(1)
    return exit_code(lambda: _render(options), options.out, f"shard {options.shard}")


def _render(options: argparse.Namespace) -> None:
    try:
        marker = render_shard(
            options.plan,
            options.shard,
            options.out,
            skins=options.skins,
            threads=options.threads,
            device=options.device,
        )
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    print(f"shard {options.shard}: {marker['count']} images, {len(marker['quarantined'])} left out")


if __name__ == "__main__":
    sys.exit(main())
