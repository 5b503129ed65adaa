"""How fast, how exact and how steady the rendering is: the numbers that this project asks of itself."""

import dataclasses
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from renderih_lib.bench.plan import PAIRS, plan_speed
from renderih_lib.pose.library import load_pose_library
from renderih_lib.render.annotate import mask_iou
from renderih_lib.render.bodies.mesh import FOREARM_LABELS, ArmPair
from renderih_lib.render.bodies.sleeves import Sleeve
from renderih_lib.render.cameras import project, to_camera
from renderih_lib.render.choice import choice_for
from renderih_lib.render.cycles import CyclesProcess
from renderih_lib.render.environments import shipped_environments
from renderih_lib.render.frames import frame, plan_rows, read_plan
from renderih_lib.render.plan import plan_info, plan_tables, write_plan
from renderih_lib.render.recipes import recipe_for
from renderih_lib.render.skin.baking import write_skins
from renderih_lib.render.sources import Sources
from renderih_lib.render.worker import render_shard
from renderih_lib.repro import sha256
from renderih_lib.scales import scale_by_name

SEED = 0
#: Number -> (comparison, target, unit).
TARGETS = {
    "overhead_ratio": ("<=", 1.10, "times"),
    "speedup_vs_process_per_image": (">=", 1.5, "times"),
    "fast_cpu_s_per_image": ("<=", 0.5, "s"),
    "rss_growth_mb": ("<=", 30.0, "MB"),
    "psnr_db": (">=", 38.0, "dB"),
    "reproj_px_max": ("<=", 0.1, "px"),
    "mask_iou_min": (">=", 0.97, ""),
    "plan_1m_s": ("<=", 60.0, "s"),
    "plan_1m_mb": ("<=", 2_000.0, "MB"),
    "identical_bytes": (">=", 1, ""),
}
FAST = {"width": 256, "height": 256, "samples": 2}  # a crop to learn from
_SETTLED = 20  # images after which every texture and panorama is in memory


def bench_render(
    images: int = 50,
    alone: int = 8,
    steady: int = 200,
    reference: int = 512,
    texture: int = 2_048,
    pairs: int = PAIRS,
    **size: int,
) -> dict:
    """Every number of `TARGETS` in one run, on the CPU with one thread; 20 to 40 minutes.

    Args:
        images: of the paper's size and of a crop, each in one shard. alone: of them, also in a process each, evenly chosen.
        steady: images over which memory may not grow. reference: samples of the picture that counts as free of noise.
        texture: pixels of a skin. pairs: of the big plan, ten views each. size: fields of the recipe of the
            paper's pictures, for smaller ones.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="renderih-bench-") as folder:
        folder = Path(folder)
        for _ in write_skins(folder / "skins", 4, texture, SEED):
            pass
        full = written_plan(folder / "full", "gallery", images, "gpu", **size)
        fast = written_plan(folder / "fast", "renderih-train", max(images, steady + 1), "gpu", **FAST)
        figures = shard_speed(full, "full") | shard_speed(fast, "fast", images)
        figures |= against_a_process_each(full, alone, figures["full_s_per_image"])
        with _Scene(full) as scene:
            figures |= {"psnr_db": scene.psnr(reference), "reproj_px_max": scene.projection_error()}
            figures["mask_iou_min"] = scene.least_iou(images)
        with _Scene(fast) as scene:
            figures["rss_growth_mb"] = scene.memory_growth(steady)
    return {"threads": 1, "images": images} | figures | plan_speed(pairs)


def written_plan(folder: Path, dataset: str, count: int, scale: str, **changes) -> Path:
    """A plan of `count` images of natural pairs, one shard, under the panoramas that ship with Blender."""
    recipe = dataclasses.replace(recipe_for(dataset, scale_by_name(scale)), **changes)
    poses = load_pose_library().natural_pairs(SEED, min(count, 40))
    ids = pd.DataFrame({"pose_id": np.arange(len(poses)), "raw_id": np.arange(len(poses))})
    skins = {path.stem: sha256(path) for path in sorted((folder.parent / "skins").glob("*.npz"))}
    places = {name: sha256(path) for name, path in shipped_environments().items()}
    choice = choice_for(
        poses, ids, dataset=dataset, recipe=recipe, skins=skins, environments=places, seed=SEED
    )
    tables = plan_tables(choice, draws=count, views=1, shard_images=count)
    path = folder / "plan.parquet"
    write_plan(path, tables, choice.info() | {"skins_folder": "../skins"})
    return path


def shard_speed(plan: Path, name: str, images: int | None = None) -> dict:
    """Seconds per image of a worker's shard, start included, against Cycles' own; CPU seconds without the start."""
    plan = first_images(plan, images) if images else plan
    begin = time.perf_counter()
    marker = render_shard(plan, 0, plan.parent / "shards")
    seconds, count = time.perf_counter() - begin, marker["count"]
    figures = {
        f"{name}_s_per_image": seconds / count,
        f"{name}_cpu_s_per_image": marker["cpu_seconds"] / count,
    }
    if name == "full":
        figures["overhead_ratio"] = seconds / marker["render_seconds"]
    return figures


def first_images(plan: Path, count: int) -> Path:
    """A plan of the first rows of another, one shard."""
    table = read_plan(plan).slice(0, count)
    info = plan_info(table)
    path = plan.parent / f"first-{count}" / "plan.parquet"
    write_plan(path, [table.replace_schema_metadata(None)], info | {"skins_folder": "../../skins"})
    return path


def against_a_process_each(plan: Path, count: int, together: float) -> dict:
    """Some of the images with a process for each: how much slower, and whether their bytes are the same."""
    table, kept = read_plan(plan), plan.parent / "shards" / "shard-00000.json"
    known, same, seconds = json.loads(kept.read_text())["image_sha256"], True, []
    for i in np.linspace(0, len(table) - 1, count).astype(int):
        path, row = plan.parent / f"alone-{i}" / "plan.parquet", table.slice(i, 1)
        write_plan(
            path, [row.replace_schema_metadata(None)], plan_info(table) | {"skins_folder": "../../skins"}
        )
        command = [sys.executable, "-m", "renderih_lib.render.worker", "--plan", path, "--shard", "0"]
        begin = time.perf_counter()
        subprocess.run([*command, "--out", path.parent], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - begin)
        (made,) = json.loads((path.parent / "shard-00000.json").read_text())["image_sha256"].items()
        same &= made in known.items()
    each = float(np.mean(seconds))
    return {
        "process_each_s_per_image": each,
        "speedup_vs_process_per_image": each / together,
        "identical_bytes": same,
    }


class _Scene:
    """The images of a plan in one running Blender."""

    def __init__(self, plan: Path):
        table = read_plan(plan)
        self.rows, self.info = plan_rows(table), plan_info(table)
        self.arms, self.sleeve = ArmPair(self.info["recipe"]["levels"]), Sleeve()
        self.sources = Sources(plan, self.info)
        self.cycles = CyclesProcess(self.arms, self.info["recipe"], sleeve=self.sleeve)

    def __enter__(self) -> "_Scene":
        return self

    def __exit__(self, *_):
        self.cycles.__exit__()

    def jobs(self, count: int) -> Iterator[tuple]:
        """(frame, job) of the first images, in turn: each one's files replace those of the last."""
        files = self.cycles.scratch / "bench.npz", self.cycles.scratch / "bench.png"
        for i in range(count):
            item = frame(self.rows[i % len(self.rows)], self.arms, self.sleeve)
            yield item, item.job(self.arms, *files, self.sources)

    def psnr(self, reference: int) -> float:
        """Mean over the shipped panoramas of the PSNR, dB, of a picture without sensor noise against one with
        `reference` samples and another seed."""
        values = []
        places = shipped_environments()
        for (_, job), place in zip(self.jobs(len(places)), places.values(), strict=True):
            job |= {"environment": str(place), "noise_iso": 0}
            pictures = []
            for more in ({}, {"samples": reference, "seed": job["seed"] + 1}):
                self.cycles.ask("render", **job | more)
                with Image.open(job["path"]) as image:
                    pictures.append(np.asarray(image, float))
            error = np.mean((pictures[0] - pictures[1]) ** 2)
            values.append(10 * np.log10(255**2 / max(error, 1e-12)))
        return float(np.mean(values))

    def projection_error(self, count: int = 20) -> float:
        """Largest distance, pixels, between our projection of keypoints and Blender's own."""
        worst = 0.0
        for item, _ in self.jobs(count):
            points = item.labels.keypoints_3d.reshape(-1, 3).astype(float)
            world = (points - item.camera.t) @ item.camera.R
            ours = project(to_camera(world, item.camera.R, item.camera.t), item.camera.K)
            worst = max(worst, np.abs(self.cycles.projected(item.camera, world) - ours).max())
        return float(worst)

    def least_iou(self, count: int) -> float:
        """Smallest IoU of both hands as Cycles sees them at pixel centres with the label mesh's projection."""
        overlaps = []
        for item, job in self.jobs(count):
            masks = [
                (p > 0) & (p < FOREARM_LABELS[0]) for p in (self.cycles.checked(job)[0], item.labels.parts)
            ]
            overlaps.append(mask_iou(*masks))
        return min(overlaps)

    def memory_growth(self, count: int) -> float:
        """Megabytes by which this process and Blender's grow over `count` images, after the first `_SETTLED`."""
        ours, blender = [], []
        for _, job in self.jobs(count):
            blender.append(self.cycles.ask("render", **job)["rss_mb"])
            ours.append(_resident_mb())
        settled = min(_SETTLED, count // 2)
        return float(sum(np.median(m[-10:]) - np.median(m[settled : settled + 10]) for m in (ours, blender)))


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20
