"""The graph: it resolves, it knows what depends on what, and it resumes after a kill."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from renderih_lib.scales import DATASETS, scale_by_name
from renderih_lib.train.experiments import planned

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(set(re.findall(r'"(\d\d_\w+)"', (ROOT / "Snakefile").read_text())))
PRODUCTS = {
    "06_natural_discriminator": """
from renderih_lib.pose.naturalness import Discriminator, save_discriminator
save_discriminator(run.output("discriminator.safetensors"), Discriminator(8))
""",
    "07_pose_optimization": """
from renderih_lib.pose.store import read_poses
assert len(read_poses(run.input("poses", "plan.parquet"))[0]) == run.sizes.pairs
assert len(list(run.input("poses").glob("shard-*.json"))) == run.sizes.pose_shards
""",
}

SMALL_NOTEBOOK = """# %% tags=["parameters"]
scale: str = "demo"  # name
seed: int = 0  # root
out_dir: str = "runs"  # results
data_root: str = ""  # data
# %%
import os, time
from renderih_lib import repro
run = repro.start("{name}", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
run.write_metrics({{"seed": seed}})
{product}
# %%
slow = run.results.parent / "slow"
while slow.exists():
    time.sleep(0.1)
"""


def snakemake(*arguments, **options):
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--nolock", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)


@pytest.fixture
def small_graph(tmp_path):
    """Sources with the real names that do almost nothing, and a command to make targets with the real Snakefile.

    The poses between notebooks 06 and 07 are really planned and optimised, with a discriminator that knows nothing.
    """
    (tmp_path / "src").mkdir()
    for name in NOTEBOOKS:
        text = SMALL_NOTEBOOK.format(name=name, product=PRODUCTS.get(name, ""))
        (tmp_path / "src" / f"{name}.py").write_text(text)
    runs = tmp_path / "runs"
    targets = [f"{runs}/tiny/{name}/executed.ipynb" for name in ("00_start_here", "07_pose_optimization")]
    command = [
        sys.executable,
        "-m",
        "renderih_lib.reproduce",
        *targets,
        "--scale",
        "tiny",
        "--out-dir",
        str(runs),
    ]
    return [*command, "--sources", str(tmp_path / "src")], runs / "tiny"


def reproduce(command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def wait_for(condition, seconds=90):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_the_graph_has_every_notebook():
    assert NOTEBOOKS == [path.stem for path in sorted((ROOT / "notebooks" / "src").glob("*.py"))]


def test_the_graph_resolves_with_every_notebook_and_shard(tmp_path):
    answer = snakemake("--dry-run", "--config", "scale=demo", f"out_dir={tmp_path}")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    counts = {
        name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", answer.stdout + answer.stderr, re.M)
    }
    assert {name.removeprefix("notebook_") for name in counts if name.startswith("notebook_")} == set(
        NOTEBOOKS
    )
    assert counts["pose_shard"] == scale_by_name("demo").pose_shards
    assert counts["pose_plan"] == counts["poses"] == 1
    assert counts["shard"] == sum(scale_by_name("demo").shards(dataset) for dataset in DATASETS)
    assert counts["plan"] == len(DATASETS)
    assert counts["panorama"] == len(scale_by_name("demo").panoramas)
    assert counts["experiment"] == len(planned(scale_by_name("demo")))


def test_with_a_gpu_three_seeds_are_planned_and_finetuning_waits_for_pretraining(tmp_path):
    target = f"{tmp_path}/gpu/17_state_of_the_art/executed.ipynb"
    answer = snakemake("--dry-run", "--config", "scale=gpu", f"out_dir={tmp_path}", "--", target)
    wanted = re.findall(r"experiments/([\w-]+)/metrics.json", answer.stdout)
    names = ("real", "finetuned", "pretraining")
    assert set(wanted) == {f"{name}-{seed}" for name in names for seed in range(3)}
    jobs = answer.stdout.split("rule experiment:")[1:]
    (finetuning,) = [job for job in jobs if f"output: {tmp_path}/gpu/experiments/finetuned-1/" in job]
    assert "experiments/pretraining-1/metrics.json" in finetuning.split("output:")[0]


def test_datasets_can_be_rendered_alone(tmp_path):
    answer = snakemake("--dry-run", "--config", "scale=tiny", f"out_dir={tmp_path}", "--", "datasets")
    made = re.findall(r"datasets/([\w-]+)/shard-00000\.tar", answer.stdout)
    assert set(made) == set(DATASETS) - {"gallery"} and "notebook_12" not in answer.stdout


def test_an_unknown_scale_is_refused():
    answer = snakemake("--dry-run", "--config", "scale=huge")
    assert answer.returncode and "choose one of tiny, demo, gpu, paper" in answer.stdout + answer.stderr


@pytest.mark.slow
def test_a_second_call_does_nothing_and_a_changed_source_redoes_what_follows(small_graph):
    command, results = small_graph
    first = reproduce(command)
    assert first.returncode == 0 and "[6/6]" in first.stdout, first.stdout + first.stderr
    assert set(json.loads((results / "stages.json").read_text())) == {
        "00_start_here",
        "pose_plan",
        "06_natural_discriminator",
        "pose_shard 00000",
        "pose_shard 00001",
        "07_pose_optimization",
        "total",
    }
    assert "nothing to do" in reproduce(command).stdout
    source = results.parents[1] / "src" / "07_pose_optimization.py"
    source.write_text(source.read_text() + "\n# %%\nprint('more')\n")
    third = reproduce(command)
    assert "[1/1] 07_pose_optimization" in third.stdout, third.stdout


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["driver", "runner"])
def test_after_a_kill_only_the_killed_notebook_and_what_follows_is_redone(small_graph, victim):
    command, results = small_graph
    assert reproduce([*command[:3], f"{results}/00_start_here/executed.ipynb", *command[5:]]).returncode == 0
    before = (results / "00_start_here" / "executed.ipynb").stat().st_mtime_ns
    (results.parent / "slow").touch()  # now notebooks wait in their last cell
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    killed = results / "06_natural_discriminator"
    wait_for(lambda: (killed / "metrics.json").exists())
    words = ("renderih_lib.runner", killed.name, str(results.parent))
    os.kill(process.pid if victim == "driver" else process_of(*words), signal.SIGKILL)
    process.wait()
    assert not (killed / "executed.ipynb").exists()
    (results.parent / "slow").unlink()
    again = reproduce(command)
    assert again.returncode == 0, again.stdout + again.stderr
    assert "4 stages to do" in again.stdout
    assert (results / "07_pose_optimization" / "executed.ipynb").exists()
    assert (results / "00_start_here" / "executed.ipynb").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_killed_pose_shard_alone_is_made_again(small_graph):
    command, results = small_graph
    shards = [results / "poses" / f"shard-{shard:05d}.json" for shard in range(2)]
    first, both = ([*command[:3], *map(str, some), *command[5:]] for some in (shards[:1], shards))
    assert reproduce(first).returncode == 0
    before = shards[0].stat().st_mtime_ns
    process = subprocess.Popen(both, cwd=ROOT, stdout=subprocess.DEVNULL)
    words = ("renderih_lib.pose.worker", "--shard", str(results.parent))
    wait_for(lambda: process_of(*words))
    time.sleep(4)  # it takes more than ten seconds
    os.kill(process_of(*words), signal.SIGKILL)
    assert process.wait() != 0
    assert not shards[1].exists()
    again = reproduce(both)
    assert again.returncode == 0 and "1 stages to do" in again.stdout, again.stdout + again.stderr
    assert shards[0].stat().st_mtime_ns == before and shards[1].exists()


def process_of(*words):
    """Process id of the Python process whose command line has all of these words, or None."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().decode().replace("\0", " ")
        except OSError:
            continue
        if line.startswith(sys.executable) and all(word in line for word in words):
            return int(entry.parent.name)
    return None


@pytest.mark.slow
def test_a_failed_notebook_ends_with_one_line_about_it(small_graph):
    command, results = small_graph
    source = results.parents[1] / "src" / "06_natural_discriminator.py"
    source.write_text(source.read_text() + "\n# %%\n1 / 0\n")
    answer = reproduce(command)
    assert answer.returncode != 0
    lines = [line for line in answer.stdout.splitlines() if line.startswith("error: ")]
    assert (
        len(lines) == 1 and "06_natural_discriminator: cell" in lines[0] and "ZeroDivisionError" in lines[0]
    )
    assert "Traceback" not in answer.stdout + answer.stderr
