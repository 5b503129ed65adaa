"""`make test-slurm`: all rendered shards of scale tiny, on Slurm with a node that dies midway, equal the laptop's.

Installs Debian's Slurm, starts a cluster of two nodes here, and ends it again, also when something fails. Needs root.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from cluster import Cluster, cluster, install

from renderih_lib.repro import sha256
from renderih_lib.scales import DATASETS, scale_by_name

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable  # of the project
#: The controller's own environment: its plugin needs numpy 2, Blender's module needs numpy 1.
CONTROLLER = ROOT / ".venv-slurm"
PACKAGES = ("snakemake==9.27.1", "snakemake-executor-plugin-slurm==2.8.0", "jupytext==1.19.6")
#: What the test's cluster lacks of a real one: accounts, and a database of finished jobs.
WITHOUT_ACCOUNTS = [
    "--slurm-no-account",
    "--slurm-status-command",
    "squeue",
    "--slurm-init-seconds-before-status-checks",
    "2",
]


def main() -> int:
    parser = argparse.ArgumentParser("make test-slurm", description=__doc__.splitlines()[0])
    parser.add_argument("--out-dir", default="runs", help="where the laptop's run is, or is made")
    parser.add_argument("--datasets", nargs="+", default=list(DATASETS))
    parser.add_argument("--keep", action="store_true", help="leave the logs and the results of the test")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("error: root is needed, to install and to start Slurm")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.chdir(ROOT)
    try:
        targets = laptop_run(options.out_dir, options.datasets)
        install()
        controller()
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {' '.join(map(str, error.cmd[:4]))} ... ended with status {error.returncode}")
    out_dir = f"{options.out_dir}/slurm"
    shutil.rmtree(out_dir, ignore_errors=True)
    copy_without_shards(Path(options.out_dir, "tiny"), Path(out_dir, "tiny"))
    logs = Path(tempfile.mkdtemp(prefix="slurm-"))
    begin = time.monotonic()
    try:
        with cluster(logs) as nodes:
            lost = slurm_run(
                nodes, [target.replace(options.out_dir, out_dir, 1) for target in targets], out_dir
            )
        print(f"node n2 died with job {', '.join(lost)}; all was done after {time.monotonic() - begin:.0f} s")
        count = compare(
            Path(options.out_dir, "tiny/datasets"), Path(out_dir, "tiny/datasets"), options.datasets
        )
    except (RuntimeError, AssertionError) as error:
        print(f"error: {error} (logs: {logs})", file=sys.stderr)
        return 1
    if not options.keep:
        shutil.rmtree(out_dir)
        shutil.rmtree(logs)
    print(f"{count} files of {len(targets)} shards are the same bytes on Slurm and on one machine")
    return 0


def laptop_run(out_dir: str, datasets: list[str]) -> list[str]:
    """The shards' done-markers, after making on this machine those that are missing or out of date."""
    sizes = scale_by_name("tiny")
    targets = [
        f"{out_dir}/tiny/datasets/{dataset}/shard-{shard:05d}.json"
        for dataset in datasets
        for shard in range(sizes.shards(dataset))
    ]
    command = [PYTHON, "-m", "renderih_lib.reproduce", "--scale", "tiny", "--out-dir", out_dir, *targets]
    subprocess.run(command, check=True)
    return targets


def controller() -> None:
    """Make the controller's environment, once."""
    if not (CONTROLLER / "bin" / "snakemake").exists():
        venv.create(CONTROLLER, with_pip=True)
        subprocess.run([CONTROLLER / "bin" / "python", "-m", "pip", "install", "-q", *PACKAGES], check=True)


def copy_without_shards(source: Path, target: Path) -> None:
    """A results folder as it is before the first image is rendered, times of change included."""
    shutil.copytree(
        source, target, ignore=shutil.ignore_patterns("shard-*", "quarantine.jsonl", "*.ipynb_checkpoints")
    )
    for path in (source / "poses").glob("shard-*"):
        shutil.copy2(path, target / "poses")


def slurm_run(nodes: Cluster, targets: list[str], out_dir: str) -> list[str]:
    """Make the shards through Slurm; when two jobs run, node n2 loses its power. The jobs that were lost."""
    command = [CONTROLLER / "bin" / "python", "-m", "snakemake", "--profile", "profiles/slurm", "--nolock"]
    command += ["--rerun-triggers", "mtime", "--latency-wait", "10", *WITHOUT_ACCOUNTS, *targets]
    command += ["--config", "scale=tiny", f"out_dir={out_dir}", f"python={PYTHON}"]
    environment = os.environ | {"USER": "root"}
    with open(nodes.folder / "snakemake.log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    try:
        started = lambda: nodes.running("n2") and list(Path(out_dir).rglob("shard-*.staging/*"))  # noqa: E731
        nodes.wait(
            lambda: process.poll() is not None or started(), 180, "a job on n2 that has rendered an image"
        )
        lost = nodes.running("n2")
        nodes.kill_node("n2")
        if process.wait(timeout=1200):
            raise RuntimeError("Snakemake failed")
        assert lost, "no job ran on n2 when it died"
        assert all(nodes.restarts(job) for job in lost), "a lost job was not queued again"
        assert nodes.states()["n2"].startswith("down"), "n2 came back from the dead"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return lost


def compare(laptop: Path, slurm: Path, datasets: list[str]) -> int:
    """How many files of finished shards there are; every one the same bytes in both folders.

    The done-marker holds seconds and memory beside the checksums, so of it only what does not are compared.

    Raises:
        AssertionError: naming a file that differs, or is there only once.
    """
    count = 0
    for dataset in datasets:
        ours, theirs = (
            {path.name: path for path in sorted((folder / dataset).glob("shard-*")) if path.suffix != ".json"}
            for folder in (laptop, slurm)
        )
        assert ours and set(ours) == set(theirs), f"{dataset}: {sorted(set(ours) ^ set(theirs))}"
        for name in ours:
            assert sha256(ours[name]) == sha256(theirs[name]), f"{dataset}/{name} differs"
        count += len(ours)
    return count


if __name__ == "__main__":
    sys.exit(main())
