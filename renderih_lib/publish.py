"""Put an executed run where it is committed: notebooks/*.ipynb, figures/<notebook>/, durations and the README's results.

With `--experiments` the numbers of training runs instead, which may come from another machine: figures/experiments/.
"""

import argparse
import collections
import json
import shutil
import statistics
import sys
from pathlib import Path

import nbformat
import yaml

from renderih_lib.notebooks import INJECTED, notebook_from_source, sources
from renderih_lib.readme import write_results
from renderih_lib.repro import project_root, replacing, sha256, write_json
from renderih_lib.reproduce import DURATIONS, stage_kind

MOST_BYTES = 1_500_000  # of a committed notebook
MOST_ARRAY_BYTES = 2_000_000  # of a committed file of a training run
#: What `runs.json` tells of a training run, from its metrics.json.
_ORIGIN = ("experiment", "seed", "scale", "device", "torch", "commit", "dirty", "seconds")


def publish(results: Path, root: Path) -> list[str]:
    """Copy every executed notebook below `results` into the project at `root`; the names of those copied.

    Raises ValueError when a notebook was made from another source than the project's, or is too big.
    """
    executed = sorted(results.glob("[0-9][0-9]_*/executed.ipynb"))
    if not executed:
        raise ValueError(f"{results} has no executed notebook: run `make reproduce` first")
    for path in executed:
        name = path.parent.name
        notebook = presentable(nbformat.read(path, as_version=4))
        if sources(notebook) != sources(notebook_from_source(root / "notebooks" / "src" / f"{name}.py")):
            raise ValueError(f"{name} has another source than its run: run `make reproduce` again")
        text = nbformat.writes(notebook) + "\n"
        if len(text) > MOST_BYTES:
            raise ValueError(
                f"{name} has {len(text) / 1e6:.1f} MB; notebooks stay below {MOST_BYTES / 1e6} MB"
            )
        with replacing(root / "notebooks" / f"{name}.ipynb") as temporary:
            temporary.write_text(text)
        _copy_figures(path.parent, root / "figures" / name)
    return [path.parent.name for path in executed]


def publish_experiments(results: Path, root: Path) -> list[dict]:
    """Copy what tables need of every finished run in `results`/experiments to figures/experiments/<scale> below `root`.

    That is metrics.json, and errors and predictions of up to `MOST_ARRAY_BYTES`, but no predictions on a gated test set.
    Runs of an earlier call are replaced.

    Returns:
        what `runs.json` beside the copies says of each: where it was computed, hashes of `files`, and `left_out`.

    Raises:
        ValueError: if no run is finished, or one is of another scale than the name of the folder `results`.
    """
    folders = [path.parent for path in sorted((results / "experiments").glob("*/metrics.json"))]
    if not folders:
        raise ValueError(
            f"{results} has no finished experiment: run `make experiments SCALE={results.name}` first"
        )
    runs = [_experiment(folder) for folder in folders]
    if wrong := [run for run in runs if run["scale"] != results.name]:
        raise ValueError(
            f"{wrong[0]['folder']} is of scale {wrong[0]['scale']}, in a folder of {results.name}"
        )
    target = root / "figures" / "experiments" / results.name
    shutil.rmtree(target, ignore_errors=True)
    for run, folder in zip(runs, folders, strict=True):
        (target / folder.name).mkdir(parents=True)
        for name in run["files"]:
            shutil.copyfile(folder / name, target / folder.name / name)
    write_json(target / "runs.json", runs)
    return runs


def _experiment(folder: Path) -> dict:
    metrics = json.loads((folder / "metrics.json").read_text())
    arrays = sorted([*folder.glob("errors-*.npz"), *folder.glob("predictions-*.npz")])
    # Predictions stand beside the labels that they were compared with, which gated sets do not let us pass on.
    gated = {f"predictions-{role}.npz" for role, test in metrics.get("tests", {}).items() if test["real"]}
    kept = [path for path in arrays if path.stat().st_size <= MOST_ARRAY_BYTES and path.name not in gated]
    return {
        "folder": folder.name,
        **{name: metrics.get(name) for name in _ORIGIN},
        "files": {path.name: sha256(path) for path in (folder / "metrics.json", *kept)},
        "left_out": [path.name for path in arrays if path not in kept],
    }


def presentable(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The executed notebook without papermill's notes and the cell it injected, which say where and when it ran."""
    notebook.cells = [cell for cell in notebook.cells if INJECTED not in cell.metadata.get("tags", [])]
    for part in (notebook, *notebook.cells):
        for key in ("papermill", "execution", "widgets"):
            part.metadata.pop(key, None)
    return notebook


def record_durations(results: Path) -> None:
    """Write the seconds of a finished run's stages (of shards their mean) into durations.yaml, which estimates read."""
    stages = collections.defaultdict(list)
    for stage, seconds in json.loads((results / "stages.json").read_text()).items():
        stages[stage_kind(stage)].append(seconds)
    measured = yaml.safe_load(DURATIONS.read_text()) or {}
    measured[results.name] = {stage: round(statistics.mean(seconds), 1) for stage, seconds in stages.items()}
    head = [line for line in DURATIONS.read_text().splitlines() if line.startswith("#")]
    with replacing(DURATIONS) as temporary:
        temporary.write_text("\n".join([*head, yaml.safe_dump(measured, sort_keys=True)]))


def _copy_figures(folder: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in [
        *sorted((folder / "figures").glob("*")),
        folder / "metrics.json",
        folder / "provenance.json",
    ]:
        shutil.copyfile(path, target / path.name)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m renderih_lib.publish", description=__doc__)
    parser.add_argument("--scale", default="demo")
    parser.add_argument("--out-dir", default="runs")
    parser.add_argument("--experiments", action="store_true", help="the training runs, and no notebook")
    options = parser.parse_args(arguments)
    root = project_root()
    results = root / options.out_dir / options.scale
    try:
        print(_experiments_published(results, root) if options.experiments else _published(results, root))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _published(results: Path, root: Path) -> str:
    names = publish(results, root)
    write_results(root)
    record_durations(results)
    return f"{len(names)} notebooks of {results.name} are in notebooks/, their figures in figures/"


def _experiments_published(results: Path, root: Path) -> str:
    runs = publish_experiments(results, root)
    left = sum(len(run["left_out"]) for run in runs)
    more = f", without {left} files that are large or hold gated labels: see runs.json" if left else ""
    return f"{len(runs)} runs are in figures/experiments/{results.name}{more}"


if __name__ == "__main__":
    sys.exit(main())
