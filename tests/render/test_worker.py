import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest

from renderih_lib.render import worker
from renderih_lib.render.cycles import CyclesProcess
from renderih_lib.render.plan import plan_info, write_plan
from renderih_lib.render.shards import decoded, read_annotations, read_member
from renderih_lib.render.worker import main, render_shard
from tests.render.conftest import TINY

FILES = ("shard-00000.tar", "shard-00000.parquet")


@pytest.fixture(scope="module")
def plan_path(tmp_path_factory, tiny_plan):
    path = tmp_path_factory.mktemp("plan") / "plan.parquet"
    write_plan(path, tiny_plan())
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory, plan_path, skins):
    """A shard rendered without any trouble."""
    out = tmp_path_factory.mktemp("finished")
    return out, render_shard(plan_path, 0, out, skins=skins)


def contents(out):
    return [(out / name).read_bytes() for name in FILES]


def test_a_shard_holds_every_image_of_its_plan(finished, plan_path):
    out, marker = finished
    rows = read_annotations(out)
    assert rows["image_id"].tolist() == pq.read_table(plan_path)["image_id"].to_pylist()
    assert marker["count"] == 4 and marker["quarantined"] == {} and marker["blender"].startswith("4.5")
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "shard-00000.json"])
    for _, row in rows.iterrows():
        image = decoded(read_member(row))
        assert image.shape == (TINY.height, TINY.width, 3) and image.std() > 5
        assert decoded(read_member(row, "depth")).dtype == np.uint16
        parts = decoded(read_member(row, "parts"))
        assert parts.shape == image.shape[:2] and parts.any()


def test_hands_are_exposed_alike_in_any_light(finished):
    rows = read_annotations(finished[0])
    for _, row in rows.iterrows():
        image, parts = decoded(read_member(row)), decoded(read_member(row, "parts"))
        hand = np.median(image[(parts > 0) & (parts < 33)])
        assert 40 < hand < 230  # neither black nor burnt out, whatever the panorama
    assert rows["exposure_ev"].std() > 0.1


def test_a_finished_shard_is_left_alone(finished, plan_path, skins, monkeypatch):
    monkeypatch.setattr(worker, "frame", None)  # any work would fail
    assert render_shard(plan_path, 0, finished[0], skins=skins)["tar_sha256"] == finished[1]["tar_sha256"]


def test_blender_dying_midway_changes_nothing(finished, plan_path, skins, tmp_path, monkeypatch):
    receive, deaths = CyclesProcess.receive, []

    def dying(self):
        if len(deaths) < 2 and self.blender:
            deaths.append(self._process.pid)
            self._process.kill()
            self._process.wait()
            while os.read(self._replies.fileno(), 4096):  # its answer, if it was quicker
                pass
        return receive(self)

    monkeypatch.setattr(CyclesProcess, "receive", dying)
    marker = render_shard(plan_path, 0, tmp_path, skins=skins)
    assert len(set(deaths)) == 2 and marker["quarantined"] == {}
    assert contents(tmp_path) == contents(finished[0])


def test_staged_images_are_not_rendered_again(finished, plan_path, skins, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(worker, "write_shard", full)
    with pytest.raises(SystemExit, match="No space left on device.*same command again"):
        main(["--plan", str(plan_path), "--shard", "0", "--out", str(tmp_path), "--skins", str(skins)])
    assert not list(tmp_path.glob("*.json"))
    staged = sorted((tmp_path / "shard-00000.staging").iterdir())
    assert len(staged) == 4
    staged[0].write_bytes(staged[0].read_bytes()[:-3])  # one was truncated
    monkeypatch.undo()
    marker = render_shard(plan_path, 0, tmp_path, skins=skins)
    assert marker["rendered"] == 1
    assert contents(tmp_path) == contents(finished[0])


def test_a_poison_image_is_left_out_with_its_reason(tiny_plan, skins, tmp_path):
    plan = tiny_plan()
    rows = plan.to_pylist()
    bad = np.array([row["angles"] for row in rows], np.float32)
    bad[1, 3] = np.nan
    column = worker.flat_column(bad)
    plan = plan.set_column(plan.schema.get_field_index("angles"), "angles", column)
    write_plan(tmp_path / "plan.parquet", plan)
    marker = render_shard(tmp_path / "plan.parquet", 0, tmp_path, skins=skins)
    assert marker["count"] == 3 and "not finite" in marker["quarantined"]["1"]
    entry = json.loads((tmp_path / "quarantine.jsonl").read_text())
    assert entry["image_id"] == 1 and entry["reason"] == marker["quarantined"]["1"]
    assert read_annotations(tmp_path)["image_id"].tolist() == [0, 2, 3]


def test_a_texture_that_is_not_the_planned_one_is_refused(plan_path, tmp_path):
    with pytest.raises(ValueError, match="missing; give the folder"):
        render_shard(plan_path, 0, tmp_path / "out", skins=tmp_path)
    for name in ("dark", "light"):
        (tmp_path / f"{name}.npz").write_bytes(b"")
    with pytest.raises(ValueError, match="not the texture that was planned"):
        render_shard(plan_path, 0, tmp_path / "out", skins=tmp_path)


def test_a_shard_beyond_the_plan_is_refused(plan_path, tmp_path, skins):
    with pytest.raises(ValueError, match="has no shard 9"):
        render_shard(plan_path, 9, tmp_path, skins=skins)


def test_a_place_that_cannot_be_written_is_one_clear_line(plan_path, skins, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SystemExit, match="cannot write to"):
        main(
            ["--plan", str(plan_path), "--shard", "0", "--out", str(tmp_path / "file"), "--skins", str(skins)]
        )


@pytest.mark.slow
def test_memory_stays_flat_over_many_exposures(tiny_plan, skins):
    from renderih_lib.render.environments import shipped_environments
    from renderih_lib.render.frames import frame, plan_rows
    from renderih_lib.render.mesh import ArmPair

    plan, arms, memory = tiny_plan(), ArmPair(0), []
    item = frame(plan_rows(plan)[0], arms)
    with CyclesProcess(arms, plan_info(plan)["recipe"]) as cycles:
        paths = cycles.scratch / "geometry.npz", cycles.scratch / "image.png"
        job = item.job(arms, *paths, skins, shipped_environments())
        for i in range(60):
            memory.append(cycles.ask("render", **(job | {"exposure_jitter": 0.01 * i}))["rss_mb"])
    assert memory[-1] - memory[9] < 40  # a colour processor for each exposure would be 200 MB


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_killed_at_any_time_the_shard_is_the_same(finished, plan_path, skins, tmp_path, seed):
    rng = np.random.default_rng(seed)
    command = [sys.executable, "-m", "renderih_lib.render.worker", "--plan", plan_path, "--shard", "0"]
    command += ["--out", tmp_path, "--skins", skins]
    kills = 0
    while True:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            assert process.wait(timeout=rng.uniform(3, 9) + 4 * kills) == 0
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            time.sleep(0.1)
    assert contents(tmp_path) == contents(finished[0])
    assert plan_info(pq.read_table(plan_path))["hash"] == finished[1]["plan_hash"]
