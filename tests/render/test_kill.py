"""Snakemake is killed while it renders; what is made afterwards is only what was not made yet."""

import contextlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.store import write_poses
from renderih_lib.render import plan
from renderih_lib.render.environments import shipped_environments
from renderih_lib.repro import sha256
from renderih_lib.scales import scale_by_name

ROOT = Path(__file__).parents[2]
SIZES, DATASET = scale_by_name("tiny"), "renderih-train"


@pytest.fixture(scope="module")
def planned(tmp_path_factory, skins):
    """A results folder whose dataset is planned from a few natural pairs, flat skins and the shipped places."""
    results = tmp_path_factory.mktemp("start") / "tiny"
    shutil.copytree(skins, results / "skins")
    pairs = load_pose_library().natural_pairs(0, SIZES.raw_poses)
    (results / "poses").mkdir()
    write_poses(results / "poses" / "poses.parquet", pairs, raw_id=np.arange(len(pairs)))
    (results / "environments").mkdir()
    for name, path in zip(SIZES.panoramas, shipped_environments().values(), strict=False):
        shutil.copy(path, results / "environments" / f"{name}.exr")
    out = results / "datasets" / DATASET / "plan.parquet"
    out.parent.mkdir(parents=True)
    folders = ["--skins", str(results / "skins"), "--environments", str(results / "environments")]
    words = ["--poses", str(results / "poses" / "poses.parquet"), *folders, "--out", str(out)]
    assert plan.main([*words, "--dataset", DATASET, "--scale", "tiny"]) == 0
    return results.parent


@pytest.fixture(scope="module")
def undisturbed(planned, tmp_path_factory):
    """Done-markers of the shards, made in peace."""
    out = tmp_path_factory.mktemp("undisturbed") / "runs"
    shutil.copytree(planned, out)
    command, markers = driver(out)
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return markers


def driver(out):
    """The command that renders all shards of the dataset below `out`, and nothing else, and their done-markers."""
    folder = out / "tiny" / "datasets" / DATASET
    markers = [folder / f"shard-{shard:05d}.json" for shard in range(SIZES.shards(DATASET))]
    command = [sys.executable, "-m", "renderih_lib.reproduce", "--scale", "tiny", "--out-dir", str(out)]
    return [*command, "--cores", "1", *map(str, markers), "--allowed-rules", "shard"], markers


def staged(marker):
    """Names of the finished images of a shard that is not finished."""
    return {path.name for path in marker.with_suffix(".staging").glob("*") if path.name.isdigit()}


def killed(planned, out, rng):
    """Kills Snakemake and its worker while they render below `out`.

    Returns the command that goes on, the markers, and how many images of each unfinished shard wait.
    """
    shutil.copytree(planned, out)
    command, markers = driver(out)
    process, finished = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL), rng.integers(1, 4)
    while not any(len(staged(marker)) >= finished for marker in markers):
        assert process.poll() is None
        time.sleep(0.02)
    for child in psutil.Process(process.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    assert process.wait() != 0
    return command, markers, {marker: len(staged(marker)) for marker in markers if not marker.exists()}


@pytest.mark.slow
def test_snakemake_killed_at_a_random_time_ends_with_the_same_shards_and_makes_nothing_twice(
    undisturbed, planned, tmp_path
):
    rng = np.random.default_rng(0)
    for attempt in range(5):  # a kill may come after the last image
        out = tmp_path / f"killed-{attempt}"
        command, markers, waiting = killed(planned, out, rng)
        if any(waiting.values()):
            break
    assert any(waiting.values())

    # Snakemake makes a shard again that it did not see finished, even if all files were there
    stages = out / "tiny" / "stages.json"
    acknowledged = stages.read_text() if stages.exists() else ""
    seen = [marker for marker in markers if f"shard {DATASET} {marker.stem[-5:]}" in acknowledged]
    written = {marker: marker.stat().st_mtime_ns for marker in seen}
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr

    for marker, whole in zip(markers, undisturbed, strict=True):
        for suffix in (".tar", ".parquet"):
            assert sha256(marker.with_suffix(suffix)) == sha256(whole.with_suffix(suffix))
    assert {path.name.split(".")[0] for path in markers[0].parent.iterdir()} == {
        "plan",
        *(marker.stem for marker in markers),
    }
    assert all(marker.stat().st_mtime_ns == written[marker] for marker in seen)
    for marker, count in waiting.items():
        record = json.loads(marker.read_text())
        assert record["rendered"] == record["count"] - count
