"""Runs experiments: trains each, measures it on the test sets, and keeps what tables and figures need.

`python -m renderih_lib.train.run --experiment real --seed 0 --scale demo --datasets runs/demo/datasets --out
runs/demo/experiments`, or `--experiment all --seed all --jobs 8 --budget-minutes 9`: the same command goes on where it
stopped. `OUT/NAME-SEED/` holds

- `metrics.json`  what was run, on which data, and every number; it appears last: a run without it is not finished
- `errors-<role>.npz`  per image of a test set: the errors of `evaluate.errors` in mm (mean over the image's hands; from
  the middle MCP, and `wrist_...`), the same of the mean pose (`mean_pose_...`), `pose_ids`, `ids`, `mask_iou`
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
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from renderih_lib import metrics
from renderih_lib.data.sources import Source, asset_folder
from renderih_lib.hand.pair import HandPair
from renderih_lib.nets.transhand import TransHand
from renderih_lib.render.shards import write_arrays, write_atomic
from renderih_lib.repro import Meter, end_with_parent, exit_code, write_json
from renderih_lib.scales import NAMES, scale_by_name
from renderih_lib.train import evaluate
from renderih_lib.train.curves import tensorboard
from renderih_lib.train.distributed import current_team, mean_over, processes
from renderih_lib.train.evaluate import Constant, Predictions
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
from renderih_lib.train.mixture import Dataset, Mixture, Subset, subset
from renderih_lib.train.settings import TrainSettings, best_precision
from renderih_lib.train.site import Site, contents
from renderih_lib.train.weights import FILE, load_model, load_weights, save_weights

#: Errors that hang on the root, kept for both roots.
_WRIST = ("mpjpe_mm", "smpjpe_mm", "mrrpe_mm")
_MEAN_POSE_IMAGES = 4_000  # from which a mean pose is taken, spread evenly over the training images
_MEASURED = 2_000  # test images at once
_SAVING_SECONDS = 30.0  # that a run may take to save when its command was killed


def run_experiment(run: Experiment, seed: int, site: Site, deadline: float = math.inf) -> bool:
    """Train, measure and keep one run, or go on with it; a finished one is left alone. Whether it is finished.

    Args:
        deadline: seconds since the epoch; a run that would pass it is saved for another call to go on with.

    Raises:
        ValueError: if data is missing or damaged, or the experiment that it starts from is not finished.
        SystemExit: after SIGTERM, when the run is saved.
    """
    folder, hands = site.out / f"{run.name}-{seed}", site.hands(run)
    team, settings = current_team(torch.device(site.device)), settings_of(run, seed, site)
    sources = {role: site.source(role, hands) for role in roles_of(run)}
    counts = image_counts(run, {role: len(source.dataset) for role, source in sources.items()})
    encoder = "" if run.after else _encoder(site)
    before = finished_key(site.out / f"{run.after}-{seed}") if run.after else ""
    computed = {"network": site.sizes.network, "changes": dict(run.changes), "hands": hands.right.name}
    computed |= {"encoder": encoder, "after": before, "settings": asdict(settings), "counts": counts}
    computed |= {"sets": {role: contents(sources[role]) for role in (*counts, *TESTS)}}
    key = hashlib.sha256(json.dumps(computed, sort_keys=True).encode()).hexdigest()[:12]
    if finished_key(folder) == key:
        return True
    model = TransHand(hands, site.sizes.network, seed=seed, **run.changes)
    if run.after:
        load_weights(model, site.out / f"{run.after}-{seed}" / FILE)
    elif encoder:
        model.backbone.load_folder(encoder)
    data = Mixture([subset(site.images(role, hands), count, seed) for role, count in counts.items()])
    unfinished = folder / f"unfinished-{key}"  # changed data or settings begin anew
    curve = train(
        model.to(site.device),
        data,
        settings,
        unfinished,
        stop=lambda: time.time() >= deadline,
        progress=lambda steps: _shown(f"experiment {run.name} {seed}", settings.steps, steps),
        on_row=[tensorboard(site.logs / folder.name)] if site.logs and team.leads else (),
    )
    if not curve or curve[-1]["step"] < settings.steps:
        return False
    if team.leads:
        save_weights(model, folder / FILE, hands, preset=site.sizes.network, changes=dict(run.changes))
        model = load_model(folder, hands).to(site.device)
        constants = never_looking(data, hands, settings)
        tests = {}
        for role in TESTS:
            answers = measured(model, site.images(role, hands), settings, constants)
            keep(answers, role, folder)
            known = {"n": len(answers["metrics"]), "poses": len(np.unique(answers["metrics"].pose_ids))}
            tests[role] = _told(sources[role]) | known | {name: means(said) for name, said in answers.items()}
        write_atomic(folder / "curve.jsonl", (unfinished / "curve.jsonl").read_bytes())
        record = {"experiment": run.name, "seed": seed, "scale": site.sizes.name, "key": key}
        record |= {"after": run.after, "steps": settings.steps, "batch": settings.batch}
        record |= {"settings": asdict(settings), "torch": torch.__version__}
        record |= {"network": site.sizes.network, "changes": dict(run.changes)}
        record |= {"encoder": run.after or ("ImageNet" if encoder else "random")}  # of its first weights
        record |= {"device": device_name(site.device), "seconds": round(curve[-1]["seconds"], 1)}
        sets = [{"role": role, **_told(sources[role]), "images": count} for role, count in counts.items()]
        write_json(folder / "metrics.json", record | {"train": sets, "tests": tests})
        for old in folder.glob("unfinished-*"):
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


def never_looking(data: Dataset, hands: HandPair, settings: TrainSettings) -> dict[str, Constant]:
    """The answers beside a network's: the mean pose of what it learned from, and the resting hand."""
    even = np.linspace(0, len(data) - 1, min(len(data), _MEAN_POSE_IMAGES)).astype(int)
    return {
        "mean_pose": evaluate.mean_pose(Subset(data, even), bone=settings.bone),
        "constant_hand": evaluate.canonical_hand(hands),
    }


def measured(
    model: TransHand, data: Dataset, settings: TrainSettings, constants: dict[str, Constant]
) -> dict[str, Predictions]:
    """What the model ("metrics") and the answers that never look say about a test set."""
    parts: dict[str, list[Predictions]] = {"metrics": [], **{name: [] for name in constants}}
    for first in range(0, len(data), _MEASURED):  # meshes of a whole test set need not fit in memory
        part = data[np.arange(first, min(first + _MEASURED, len(data)))]
        protocol = {"bone": settings.bone, "precision": settings.precision}
        said = evaluate.predict(model, part, settings.image_size, vertices=True, **protocol)
        parts["metrics"].append(said.without_vertices())
        for name, answer in constants.items():
            parts[name].append(evaluate.constant(said, answer).without_vertices())
    return {name: Predictions.cat(several) for name, several in parts.items()}


def keep(answers: dict[str, Predictions], role: str, folder: Path) -> None:
    """Write a test set's errors and predictions; see the head of this module."""
    predictions = answers["metrics"]
    errors = image_errors(predictions)
    errors |= {f"mean_pose_{name}": values for name, values in image_errors(answers["mean_pose"]).items()}
    known = {name: getattr(predictions, name) for name in ("pose_ids", "ids", "mask_iou")}
    write_arrays(folder / f"errors-{role}.npz", errors | known)
    predictions.save(folder / f"predictions-{role}.npz", half=True)


def image_errors(predictions: Predictions) -> dict[str, np.ndarray]:
    """Name -> error of each image (N,) float32, NaN where it does not count; see the head of this module."""
    found, wrist = evaluate.errors(predictions), evaluate.errors(predictions, root="wrist")
    found |= {f"wrist_{name}": wrist[name] for name in _WRIST}
    return {name: metrics.per_image(values).astype(np.float32) for name, values in found.items()}


def means(predictions: Predictions) -> dict[str, float | None]:
    """`evaluate.summary`, and the errors from the wrist; None where nothing counts."""
    found, wrist = evaluate.summary(predictions), evaluate.summary(predictions, root="wrist")
    found |= {f"wrist_{name}": wrist[name] for name in _WRIST}
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


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
