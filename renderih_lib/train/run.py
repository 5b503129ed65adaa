"""Runs experiments: trains each, measures it on the test sets, and keeps what tables and figures need.

`python -m renderih_lib.train.run --experiment real --seed 0 --scale demo --datasets runs/demo/datasets --out
runs/demo/experiments`, or `--experiment all --seed all --jobs 8 --budget-minutes 9`: the same command goes on where it
stopped. `OUT/NAME-SEED/` holds

- `metrics.json`  what was run, on which data, and every number; it appears last: a run without it is not finished
- `errors-<role>.npz`  per image of a test set: `measure.all_errors` in mm (mean over the image's hands; from the middle
  MCP and `wrist_...`; against annotated keypoints and `mesh_...`), the same of the mean pose (`mean_pose_...`),
  `pose_ids`, `ids`, `mask_iou`
- `predictions-<role>.npz`  keypoints, float16 (`evaluate.Predictions`)
- `model.safetensors`  the network, float16; what is measured is the network with these rounded weights
- `curve.jsonl`  losses by step
"""

import argparse
import hashlib
import json
import math
import multiprocessing
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from renderih_lib.data.sources import Source, asset_folder
from renderih_lib.hand.pair import HandPair
from renderih_lib.nets.transhand import TransHand
from renderih_lib.provenance import git_state
from renderih_lib.render.shards import write_atomic
from renderih_lib.repro import Meter, end_with_parent, exit_code, write_json
from renderih_lib.scales import NAMES, scale_by_name
from renderih_lib.train.curves import tensorboard
from renderih_lib.train.distributed import current_team, mean_over, processes
from renderih_lib.train.experiments import (
    TESTS,
    Experiment,
    experiment_by_name,
    image_counts,
    planned,
    roles_of,
    steps_of,
)
from renderih_lib.train.loop import train
from renderih_lib.train.measure import all_errors, keep, means, measured, never_looking
from renderih_lib.train.mixture import Mixture, subset
from renderih_lib.train.settings import TrainSettings, best_precision
from renderih_lib.train.site import Site, contents
from renderih_lib.train.weights import FILE, load_model, load_weights, save_weights

_SAVING_SECONDS = 30.0  # that a run may take to save when its command was killed


@dataclass(frozen=True)
class Job:
    """One run with one seed: what it computes with, read when it is first asked for, and the steps of it."""

    run: Experiment
    seed: int
    site: Site

    @property
    def folder(self) -> Path:
        return self.site.out / f"{self.run.name}-{self.seed}"

    @property
    def before(self) -> Path | None:
        """Folder of the run that it starts from."""
        return self.site.out / f"{self.run.after}-{self.seed}" if self.run.after else None

    @property
    def unfinished(self) -> Path:
        """Folder of checkpoints: changed data or settings begin anew."""
        return self.folder / f"unfinished-{self.key}"

    @cached_property
    def hands(self) -> HandPair:
        return self.site.hands(self.run)

    @cached_property
    def settings(self) -> TrainSettings:
        return settings_of(self.run, self.seed, self.site)

    @cached_property
    def sources(self) -> dict[str, Source]:
        return {role: self.site.source(role, self.hands) for role in roles_of(self.run)}

    @cached_property
    def counts(self) -> dict[str, int]:
        """Role -> images that it learns from."""
        return image_counts(self.run, {role: len(source.dataset) for role, source in self.sources.items()})

    @cached_property
    def images(self) -> Mixture:
        """What it learns from."""
        sets = ((self.site.images(role, self.hands), count) for role, count in self.counts.items())
        return Mixture([subset(images, count, self.seed) for images, count in sets])

    @cached_property
    def encoder(self) -> str:
        """Folder of ImageNet weights; "" where they are not there or not the first ones."""
        return "" if self.before else _encoder(self.site)

    @cached_property
    def key(self) -> str:
        """Twelve digits that name all that the result follows from."""
        computed = {"network": self.site.sizes.network, "changes": dict(self.run.changes)}
        computed |= {"hands": self.hands.right.name, "encoder": self.encoder}
        computed |= {"after": finished_key(self.before) if self.before else ""}
        computed |= {"settings": asdict(self.settings), "counts": self.counts}
        computed |= {"sets": {role: contents(self.sources[role]) for role in (*self.counts, *TESTS)}}
        return hashlib.sha256(json.dumps(computed, sort_keys=True).encode()).hexdigest()[:12]

    def first_network(self) -> TransHand:
        """The network before training."""
        model = TransHand(self.hands, self.site.sizes.network, seed=self.seed, **self.run.changes)
        if self.before:
            load_weights(model, self.before / FILE)
        elif self.encoder:
            model.backbone.load_folder(self.encoder)
        return model.to(self.site.device)

    def save(self, model: TransHand) -> None:
        how = {"preset": self.site.sizes.network, "changes": dict(self.run.changes)}
        save_weights(model, self.folder / FILE, self.hands, **how)

    def measure(self) -> dict[str, dict]:
        """Write errors and predictions of the network that is kept; test role -> every number."""
        model, tests = load_model(self.folder, self.hands).to(self.site.device), {}
        constants = never_looking(self.images, self.hands, self.settings)
        for role in TESTS:
            answers = measured(model, self.site.images(role, self.hands), self.settings, constants)
            found = {name: all_errors(said) for name, said in answers.items()}
            keep(answers, found, role, self.folder)
            known = {"n": len(answers["metrics"]), "poses": len(np.unique(answers["metrics"].pose_ids))}
            numbers = {name: means(errors) for name, errors in found.items()}
            tests[role] = _told(self.sources[role]) | known | numbers
        return tests

    def record(self, seconds: float) -> dict:
        """What was run, on what and from which code; `seconds` of training."""
        first = self.run.after or ("ImageNet" if self.encoder else "random")
        sets = [{"role": role, **_told(self.sources[role]), "images": n} for role, n in self.counts.items()]
        return {
            **{"experiment": self.run.name, "seed": self.seed, "scale": self.site.sizes.name},
            **{"key": self.key, "after": self.run.after, "encoder": first},  # of its first weights
            **{"steps": self.settings.steps, "batch": self.settings.batch, "settings": asdict(self.settings)},
            **{"network": self.site.sizes.network, "changes": dict(self.run.changes)},
            **{"hands": self.hands.right.name, "torch": torch.__version__, **git_state()},
            **{"device": device_name(self.site.device), "seconds": round(seconds, 1), "train": sets},
        }


def run_experiment(run: Experiment, seed: int, site: Site, deadline: float = math.inf) -> bool:
    """Train, measure and keep one run, or go on with it; a finished one is left alone. Whether it is finished.

    Args:
        deadline: seconds since the epoch; a run that would pass it is saved for another call to go on with.

    Raises:
        ValueError: if data is missing or damaged, or the experiment that it starts from is not finished.
        SystemExit: after SIGTERM, when the run is saved.
    """
    job, team = Job(run, seed, site), current_team(torch.device(site.device))
    if finished_key(job.folder) == job.key:
        return True
    model = job.first_network()
    curve = train(
        model,
        job.images,
        job.settings,
        job.unfinished,
        stop=lambda: time.time() >= deadline,
        progress=lambda steps: _shown(f"experiment {run.name} {seed}", job.settings.steps, steps),
        on_row=[tensorboard(site.logs / job.folder.name)] if site.logs and team.leads else (),
    )
    if not curve or curve[-1]["step"] < job.settings.steps:
        return False
    if team.leads:
        job.save(model)
        tests = job.measure()
        write_atomic(job.folder / "curve.jsonl", (job.unfinished / "curve.jsonl").read_bytes())
        write_json(job.folder / "metrics.json", job.record(curve[-1]["seconds"]) | {"tests": tests})
        for old in job.folder.glob("unfinished-*"):
            shutil.rmtree(old)
    if team.size > 1:
        torch.distributed.barrier()  # another run may start from these weights
    return True


def settings_of(run: Experiment, seed: int, site: Site) -> TrainSettings:
    """How a run trains: as notebook 12, with the scale's steps and batch for experiments, and its own losses."""
    settings = TrainSettings.preset(
        site.sizes.training,
        steps=steps_of(run, site.sizes),
        batch=site.sizes.experiment_batch,
        image_size=site.sizes.image_size,
        seed=seed,
        precision=best_precision(site.device),
        compile=site.compile,
    )
    return replace(settings, weights=replace(settings.weights, **run.losses))


def finished_key(folder: Path) -> str:
    """Of the finished run in a folder, the twelve digits that name what it computed; "" if there is none."""
    try:
        return json.loads((folder / "metrics.json").read_text())["key"]
    except (FileNotFoundError, ValueError, KeyError):
        return ""


def device_name(device: str) -> str:
    """What a device is called in results."""
    return torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else device


def _encoder(site: Site) -> str:
    """Folder of ImageNet weights for the ResNet-50 of the paper; "" where there is none, or the network is another."""
    if site.sizes.network not in ("paper", "official"):
        return ""
    return str(asset_folder("imagenet_weights", site.data_root) or "")


def _told(source: Source) -> dict:
    return {"data": source.name, "real": source.real}


def _shown(name: str, total: int, steps: range) -> Iterator[int]:
    meter = Meter(name, total, "steps")
    for step in steps:
        yield step
        meter.reach(step + 1)


# Many runs


def run_all(runs: list[tuple[Experiment, int]], site: Site, jobs: int, deadline: float = math.inf) -> int:
    """Do the runs, `jobs` at a time, those that others start from first; how many the deadline left unfinished."""
    waves = [[task for task in runs if bool(task[0].after) == later] for later in (False, True)]
    if jobs == 1:
        return [_unless_late(*task, site, deadline) for wave in waves for task in wave].count(False)
    done, threads = [], max(1, (os.cpu_count() or 1) // jobs)
    # Fresh interpreters: a fork cannot use a GPU that its parent has touched.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, spawn, initializer=_begin, initargs=(threads,)) as pool:
        for wave in waves:
            futures = [pool.submit(_unless_late, *task, site, deadline) for task in wave]
            done += [future.result() for future in futures]
    return done.count(False)


def _begin(threads: int) -> None:
    """Prepare a worker process, which must not outlive a command that was killed."""
    torch.set_num_threads(threads)
    end_with_parent(_save)


def _save() -> None:
    os.kill(os.getpid(), signal.SIGTERM)  # the training saves its run
    time.sleep(_SAVING_SECONDS)


def _unless_late(run: Experiment, seed: int, site: Site, deadline: float) -> bool:
    team = current_team(torch.device(site.device))
    late = mean_over(team, torch.tensor(float(time.time() >= deadline), device=team.device))
    return not late and run_experiment(run, seed, site, deadline)  # too late for one is too late for all


def _main(options: argparse.Namespace) -> None:
    if options.threads:
        torch.set_num_threads(options.threads)
    sizes = scale_by_name(options.scale)
    chosen = planned(sizes)
    if options.experiment != "all":
        chosen = [experiment_by_name(name) for name in options.experiment.split(",")]
    several = range(options.first_seed, options.first_seed + sizes.experiment_seeds)
    seeds = several if options.seed == "all" else [int(options.seed)]
    runs = [(run, seed) for seed in seeds for run in chosen]
    with processes(options.device) as team:
        if team.size > 1 and options.jobs > 1:
            raise ValueError("torchrun's processes share each run; leave out --jobs")
        site = Site(
            sizes,
            options.datasets,
            options.out,
            options.data_root,
            device=str(team.device),
            logs=options.tensorboard,
            compile=options.compile,
        )
        left = run_all(runs, site, options.jobs, time.time() + 60 * options.budget_minutes)
    more = f"; the same command goes on with the other {left}" if left else ""
    print(f"{len(runs) - left} of {len(runs)} runs are in {options.out}{more}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m renderih_lib.train.run", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--experiment", required=True, help="names with commas (train/experiments.py), or all"
    )
    parser.add_argument("--seed", default="0", help="a number, or all: as many as the scale has")
    parser.add_argument("--first-seed", type=int, default=0, help="of all")
    parser.add_argument("--scale", choices=NAMES, default="demo")
    parser.add_argument("--datasets", type=Path, required=True, help="folder of rendered datasets")
    parser.add_argument("--data-root", default="", help="folder of the real datasets, where there are any")
    parser.add_argument("--out", type=Path, required=True, help="gets a folder NAME-SEED for each run")
    found = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=found)
    parser.add_argument("--threads", type=int, default=0, help="of the CPU, for each run")
    parser.add_argument(
        "--compile", action="store_true", help="networks, by torch.compile: other runs than without"
    )
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    parser.add_argument("--tensorboard", type=Path, help="folder for TensorBoard logs")
    parser.add_argument("--budget-minutes", type=float, default=math.inf, help="then save, and end")
    options = parser.parse_args(arguments)
    return exit_code(lambda: _main(options), options.out, "experiment")


if __name__ == "__main__":
    sys.exit(main())
