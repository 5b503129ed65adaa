"""One shard, whatever happens on the way: the same bytes, nothing twice, and the reason for what is left out."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import spearmanr

from renderih_lib.render import worker
from renderih_lib.render.audit import main as audit
from renderih_lib.render.bodies.mesh import ArmPair
from renderih_lib.render.bodies.sleeves import Sleeve
from renderih_lib.render.cycles import CyclesProcess
from renderih_lib.render.environments import shipped_environments
from renderih_lib.render.frames import frame, plan_rows
from renderih_lib.render.plan import plan_info, write_plan
from renderih_lib.render.shards import decoded, flat_column, read_annotations, read_member
from renderih_lib.render.sources import Sources
from renderih_lib.render.worker import main, render_shard
from renderih_lib.repro import sha256
from tests.render.conftest import TINY

FILES = ("shard-00000.tar", "shard-00000.parquet")


@pytest.fixture(scope="module")
def plan_path(tmp_path_factory, tiny_plan):
    return written(tmp_path_factory.mktemp("plan"), tiny_plan())


@pytest.fixture(scope="module")
def finished(tmp_path_factory, plan_path, skins):
    """A shard rendered without any trouble."""
    out = tmp_path_factory.mktemp("finished")
    return out, render_shard(plan_path, 0, out, skins=skins)


def written(folder, plan, **folders):
    write_plan(folder / "plan.parquet", [plan], plan_info(plan) | folders)
    return folder / "plan.parquet"


def changed(plan, name, values):
    """The plan with another column."""
    values = flat_column(values) if isinstance(values, np.ndarray) else pa.array(values)
    return plan.set_column(plan.schema.get_field_index(name), name, values)


def contents(out):
    return [(out / name).read_bytes() for name in FILES]


def words(plan_path, out, skins, *more):
    return ["--plan", str(plan_path), "--shard", "0", "--out", str(out), "--skins", str(skins), *more]


def started(plan_path, out, skins):
    """A worker process of its own."""
    command = [sys.executable, "-m", "renderih_lib.render.worker", *words(plan_path, out, skins)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)


def test_a_shard_holds_every_image_of_its_plan(finished, tiny_plan):
    out, marker = finished
    rows = read_annotations(out)
    assert rows["image_id"].tolist() == tiny_plan()["image_id"].to_pylist()
    assert marker["count"] == 4 and marker["quarantined"] == {} and marker["blender"].startswith("4.5")
    assert marker["device"] == "cpu" and marker["plan_hash"] == plan_info(tiny_plan())["hash"]
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
    assert render_shard(plan_path, 0, finished[0], skins=skins) == finished[1]


def test_a_shard_beyond_the_plan_is_refused(plan_path, tmp_path, skins):
    with pytest.raises(ValueError, match="has no shard 9"):
        render_shard(plan_path, 9, tmp_path, skins=skins)


def test_a_folder_that_the_plan_names_must_be_there(tiny_plan, tmp_path):
    path = written(tmp_path, tiny_plan(), environments_folder="places")
    with pytest.raises(ValueError, match="places is missing"):
        render_shard(path, 0, tmp_path / "out")


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/nothing"])
def test_a_place_that_cannot_be_written_is_one_clear_line(plan_path, skins, tmp_path, capsys, place):
    (tmp_path / "file").write_text("in the way")
    assert main(words(plan_path, tmp_path / place, skins)) == 1
    assert "shard 0: cannot write to" in capsys.readouterr().err


@pytest.mark.slow
def test_a_device_that_is_not_there_is_one_clear_line(plan_path, skins, tmp_path, capsys):
    """Rendering on the CPU instead would take days without a word."""
    if main(words(plan_path, tmp_path, skins, "--device", "cuda")) == 0:
        pytest.skip("this machine has a CUDA device")
    assert "Cycles finds no CUDA device" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.json*"))


@pytest.mark.slow
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


@pytest.mark.slow
def test_blender_killed_at_random_times_changes_nothing(finished, plan_path, skins, tmp_path, monkeypatch):
    start, rng, children = CyclesProcess.start, np.random.default_rng(0), []

    def doomed(self):
        start(self)
        children.append(self._process)
        if len(children) < worker.ATTEMPTS:  # an image may have as many
            threading.Timer(rng.uniform(0, 0.4), children[-1].kill).start()

    monkeypatch.setattr(CyclesProcess, "start", doomed)
    marker = render_shard(plan_path, 0, tmp_path, skins=skins)
    assert marker["quarantined"] == {} and len(children) > 1
    assert contents(tmp_path) == contents(finished[0])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_killed_at_any_time_the_shard_is_the_same(finished, plan_path, skins, tmp_path, seed):
    rng, kills = np.random.default_rng(seed), 0
    while True:
        process = started(plan_path, tmp_path, skins)
        try:
            assert process.wait(timeout=rng.uniform(2, 7) + 3 * kills) == 0
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
    assert contents(tmp_path) == contents(finished[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*FILES, "shard-00000.json"])


@pytest.mark.slow
def test_two_workers_at_one_shard_make_it_once(finished, plan_path, skins, tmp_path):
    pair = [started(plan_path, tmp_path, skins) for _ in range(2)]
    assert [process.wait(timeout=300) for process in pair] == [0, 0]
    assert json.loads((tmp_path / "shard-00000.json").read_text())["rendered"] == 4
    assert contents(tmp_path) == contents(finished[0])


@pytest.mark.slow
def test_on_a_disk_without_locks_two_workers_still_make_one_shard(
    finished, plan_path, skins, tmp_path, monkeypatch
):
    """The second one finishes while the first is at work: same bytes, and the first ends well."""
    from renderih_lib.render import staging

    def unsupported(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(staging.fcntl, "flock", unsupported)
    keep, met = worker._Shard._keep, []

    def overtaken(self, pending, report):
        keep(self, pending, report)
        if pending and not met:
            met.append(True)
            render_shard(plan_path, 0, tmp_path, skins=skins)

    monkeypatch.setattr(worker._Shard, "_keep", overtaken)
    render_shard(plan_path, 0, tmp_path, skins=skins)
    assert contents(tmp_path) == contents(finished[0])


@pytest.mark.slow
def test_staged_images_are_not_rendered_again(finished, plan_path, skins, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(worker, "write_shard", full)
    assert main(words(plan_path, tmp_path, skins)) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.json"))
    staged = sorted((tmp_path / "shard-00000.staging").iterdir())
    assert len(staged) == 4
    staged[0].write_bytes(staged[0].read_bytes()[:-3])  # one was truncated
    monkeypatch.undo()
    marker = render_shard(plan_path, 0, tmp_path, skins=skins)
    assert marker["rendered"] == 1
    assert contents(tmp_path) == contents(finished[0])


@pytest.mark.slow
def test_a_disk_that_is_full_or_read_only_leaves_no_done_marker_and_then_nothing_is_lost(
    finished, plan_path, skins, tmp_path, capsys
):
    mount = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(mount, stderr=subprocess.DEVNULL).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        assert main(words(plan_path, tmp_path, skins)) == 1
        assert "No space left on device" in capsys.readouterr().err
        assert not list(tmp_path.glob("*.json"))
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        assert main(words(plan_path, tmp_path, skins)) == 1
        assert "Read-only file system" in capsys.readouterr().err
        subprocess.run(["mount", "-o", "remount,rw,size=4m", str(tmp_path)], check=True)
        assert main(words(plan_path, tmp_path, skins)) == 0
        assert contents(tmp_path) == contents(finished[0])
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.slow
def test_what_the_audit_finds_damaged_is_made_again_the_same(finished, plan_path, skins, tmp_path):
    out = shutil.copytree(finished[0], tmp_path / "out")
    tar = out / FILES[0]
    data = bytearray(tar.read_bytes())
    data[700] ^= 1  # inside the first picture
    tar.write_bytes(data)
    assert audit(["--shards", str(out), "--plan", str(plan_path), "--repair"]) == 0
    assert not (out / "shard-00000.json").exists()
    render_shard(plan_path, 0, out, skins=skins)
    assert contents(out) == contents(finished[0])
    assert audit(["--shards", str(out), "--plan", str(plan_path)]) == 0


@pytest.mark.slow
def test_poison_is_left_out_with_its_reason_and_the_run_goes_on(tiny_plan, skins, tmp_path):
    """A pose that is no number, an empty texture, a broken panorama, a texture changed since it was planned."""
    folder, places = shutil.copytree(skins, tmp_path / "skins"), tmp_path / "places"
    places.mkdir()
    (folder / "empty.npz").write_bytes(b"")
    shutil.copy(folder / "light.npz", folder / "changed.npz")
    whole = next(iter(shipped_environments().values())).read_bytes()
    (places / "room-0000.exr").write_bytes(whole[: len(whole) // 3])
    info = {"skins": {path.stem: sha256(path) for path in sorted(folder.glob("*.npz"))}}
    places_used = shipped_environments() | {"room-0000": places / "room-0000.exr"}
    info["environments"] = {name: sha256(path) for name, path in places_used.items()}
    (folder / "changed.npz").write_bytes((folder / "dark.npz").read_bytes())

    plan = tiny_plan(draws=6, shard_images=12)
    angles = np.array(plan["angles"].to_pylist(), np.float32)
    angles[1, 3] = np.nan
    poison = {1: "not finite", 4: "empty", 7: "room-0000", 9: "changed is not the one that was planned"}
    plan = changed(plan, "angles", angles)
    plan = changed(plan, "skin", ["empty" if i == 4 else "changed" if i == 9 else "light" for i in range(12)])
    plan = changed(plan, "environment", ["room-0000" if i == 7 else "city" for i in range(12)])
    plan = plan.replace_schema_metadata({"plan": json.dumps(plan_info(plan) | info)})
    path = written(tmp_path, plan, skins_folder="skins", environments_folder="places")
    marker = render_shard(path, 0, tmp_path)
    assert sorted(map(int, marker["quarantined"])) == sorted(poison)
    entries = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    reasons = {entry["image_id"]: entry["reason"] for entry in entries}
    assert all(poison[i] in reasons[i] == marker["quarantined"][str(i)] for i in poison)
    assert read_annotations(tmp_path)["image_id"].tolist() == [i for i in range(12) if i not in poison]
    assert audit(["--shards", str(tmp_path)]) == 0


@pytest.mark.slow
def test_when_nearly_everything_fails_there_is_no_shard(tiny_plan, skins, tmp_path):
    plan = tiny_plan()
    path = written(tmp_path, changed(plan, "angles", np.full((4, 90), np.nan, np.float32)))
    with pytest.raises(RuntimeError, match="4 images failed; image 3: .*not finite"):
        render_shard(path, 0, tmp_path, skins=skins)
    assert not list(tmp_path.glob("shard-*.json"))


@pytest.mark.slow
def test_the_same_row_is_the_same_bytes_in_another_shard_and_process(finished, tiny_plan, skins, tmp_path):
    """Here image 3 is the first of its process, there it came after three others."""
    path = written(tmp_path, tiny_plan(shard_images=3))
    marker = render_shard(path, 1, tmp_path, skins=skins)
    assert marker["image_sha256"] == {"00000003": finished[1]["image_sha256"]["00000003"]}


@pytest.fixture
def jobs(tiny_plan, skins, plan_path, cycles, smooth_arms):
    """A function `(dataset, count, **recipe) -> [(frame, job)]` for the running Blender."""

    def make(dataset, count, **changes):
        plan, sleeve = tiny_plan(dataset, recipe=replace(TINY, **changes), draws=count), Sleeve()
        items = [frame(row, smooth_arms, sleeve) for row in plan_rows(plan)[:count]]
        sources = Sources(plan_path, plan_info(plan), skins)
        paths = [(cycles.scratch / f"{i}.npz", cycles.scratch / f"{i}.png") for i in range(count)]
        return [
            (item, item.job(smooth_arms, *path, sources)) for item, path in zip(items, paths, strict=True)
        ]

    return make


@pytest.mark.slow
def test_a_pasted_background_is_what_the_camera_would_have_seen(jobs, cycles):
    """Pasted with the yaw of the light, it is the world behind the hands again, up to its own exposure."""
    plain = {"noise_iso": 0, "vignette": 0, "psf_px": 0, "view_transform": "Standard", "f_stop": 0}
    for item, job in jobs("renderih-train", 3, width=96, height=72, sleeve_share=0.0):
        job |= plain | {"exposure_jitter": -2.0, "samples": 8}  # dark enough not to clip
        pictures = []
        for background in ("", job["environment"]):
            cycles.ask("render", **job | {"background": background, "background_yaw": job["environment_yaw"]})
            pictures.append(decoded(open(job["path"], "rb").read()).astype(float))
        free = (item.labels.parts == 0) & (pictures[1].max(-1) < 250) & (pictures[0].max(-1) < 250)
        world, pasted = (picture[free].mean(-1) for picture in pictures)
        if world.std() > 3:  # a wall says nothing
            assert spearmanr(world, pasted)[0] > 0.94  # Cycles also softens the borders of pixels


@pytest.mark.slow
def test_memory_stays_flat_over_many_exposures(jobs, cycles):
    memory, (_, job) = [], jobs("renderih-train", 1)[0]
    for i in range(60):
        memory.append(cycles.ask("render", **(job | {"exposure_jitter": 0.01 * i}))["rss_mb"])
    assert memory[-1] - memory[9] < 40  # a colour processor for each exposure would be 200 MB


@pytest.mark.slow
def test_a_child_whose_worker_is_gone_takes_its_files_along(tmp_path, tiny_plan):
    cycles = CyclesProcess(ArmPair(0), plan_info(tiny_plan())["recipe"])
    cycles.start()
    child, cycles._process = cycles._process, None
    child.stdin.close()  # what a dead parent leaves
    assert child.wait(timeout=60) == 0
    time.sleep(0.1)
    assert not cycles.scratch.exists()
