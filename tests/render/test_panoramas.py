import json
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from renderih_lib.render import exr, panoramas
from renderih_lib.render.environments import dynamic_range, environments_in, shipped_environments
from renderih_lib.render.panoramas import make_panorama

NAME, WIDTH = "room-0004", 128


def command(out, *, name=NAME, width=WIDTH) -> list[str]:
    options = ["--name", name, "--width", str(width), "--seed", "0", "--out", str(out)]
    return [sys.executable, "-m", "renderih_lib.render.panoramas", *options]


def in_blender(code: str) -> dict:
    """What a piece of code prints as JSON in its last line, run in a process of its own."""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.strip().split("\n")[-1])


@pytest.fixture(scope="session")
def places(tmp_path_factory):
    """A function `(name, seed, width) -> path` that makes each panorama once."""
    root = tmp_path_factory.mktemp("places")
    return lambda name=NAME, seed=0, width=WIDTH: make_panorama(name, seed, width, root / f"{seed}-{width}")


@pytest.fixture
def quick(monkeypatch):
    """Puts a finished file in the place of Blender's render; returns the list of what was asked for."""
    asked = []

    def render(name, seed, width, threads, path):
        asked.append((name, seed, width))
        path.write_bytes(shipped_environments()["night"].read_bytes())

    monkeypatch.setattr(panoramas, "_render", render)
    return asked


@pytest.mark.parametrize("name", ["room-3", "cellar-0001", "forest", "../room-0001", "room-0001.exr", ""])
def test_an_unknown_place_is_one_clear_error(name, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["panoramas", "--name", name, "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as error:
        panoramas.main()
    assert "no place is called" in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("width", [0, 63, 129, -256])
def test_an_impossible_width_is_an_error(width, tmp_path):
    with pytest.raises(ValueError, match="width"):
        make_panorama(NAME, 0, width, tmp_path)


def test_a_finished_panorama_is_left_alone_and_any_other_made_again(quick, tmp_path):
    path = make_panorama(NAME, 0, 64, tmp_path)
    assert make_panorama(NAME, 0, 64, tmp_path) == path and quick == [(NAME, 0, 64)]
    make_panorama(NAME, 1, 64, tmp_path)
    make_panorama(NAME, 1, 128, tmp_path)
    path.write_bytes(path.read_bytes()[:-1])
    make_panorama(NAME, 1, 128, tmp_path)
    path.write_bytes(b"")
    make_panorama(NAME, 1, 128, tmp_path)
    assert quick[1:] == [(NAME, 1, 64)] + 3 * [(NAME, 1, 128)]
    assert exr.is_whole(path.read_bytes()) and os.listdir(tmp_path) == [path.name]


def test_a_folder_that_cannot_be_written_is_an_error(quick, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(sys, "argv", ["panoramas", "--name", NAME, "--out", str(tmp_path / "file" / "out")])
    with pytest.raises(SystemExit, match="file"):
        panoramas.main()


def test_a_full_disk_leaves_nothing(quick, tmp_path, monkeypatch):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    render = panoramas._render

    def fill(*args):
        render(*args)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))

    monkeypatch.setattr(panoramas, "_render", fill)
    try:
        with pytest.raises(OSError, match="large"):
            make_panorama(NAME, 0, 64, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path) == []


def test_what_blender_said_last_is_in_the_error(tmp_path, monkeypatch):
    monkeypatch.setattr(panoramas.sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match=f"{NAME}.*status 1"):
        make_panorama(NAME, 0, 64, tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes(places, tmp_path):
    assert make_panorama(NAME, 0, WIDTH, tmp_path).read_bytes() == places().read_bytes()


@pytest.mark.slow
def test_a_place_has_more_light_than_a_photograph_could_hold(places, cycles):
    light = cycles.panorama(places())
    assert light.shape == (WIDTH // 2, WIDTH, 3) and np.isfinite(light).all()
    assert light.min() >= 0 and light.max() <= 60_000 and (light.sum(-1) < 1e-6).mean() < 1e-3
    assert dynamic_range(light) > 1_000


@pytest.mark.slow
def test_another_width_is_the_same_place_and_another_number_or_seed_is_not(places, cycles):
    def brightness(path):
        light = cycles.panorama(path) @ (0.2126, 0.7152, 0.0722)
        step = light.shape[1] // 64
        return np.log(light.reshape(32, step, 64, step).mean((1, 3)) + 1e-4).ravel()

    first = brightness(places())

    def alike(*other):
        return np.corrcoef(first, brightness(places(*other)))[0, 1]

    assert alike(NAME, 0, 2 * WIDTH) > 0.9
    assert alike(NAME, 1, WIDTH) < 0.6 and alike("room-0020", 0, WIDTH) < 0.6


@pytest.mark.slow
def test_a_killed_run_leaves_nothing_and_is_repeated(places, tmp_path):
    for seconds in (0.3, 2.5):  # of about ten that this width takes
        process = subprocess.Popen(command(tmp_path, width=512), stdout=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        with pytest.raises(ValueError, match="no panorama"):
            environments_in(tmp_path)
    subprocess.run(command(tmp_path), check=True, stdout=subprocess.DEVNULL)
    assert (tmp_path / f"{NAME}.exr").read_bytes() == places().read_bytes()


@pytest.mark.slow
def test_rooms_are_of_many_kinds_and_have_things_within_reach():
    found = in_blender("""
import json, time, bpy, numpy as np
from renderih_lib.render.blender.places import rooms
report = []
for number in range(len(rooms.KINDS)):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rng = np.random.default_rng(np.random.SeedSequence(5, spawn_key=(0, number)))
    start = time.process_time()
    camera = np.array(rooms.build(bpy.context.scene, rng, number))
    seconds = time.process_time() - start
    points = []
    for item in bpy.context.scene.objects:
        if item.type == "MESH":
            local = np.empty(3 * len(item.data.vertices), np.float32)
            item.data.vertices.foreach_get("co", local)
            bpy.context.view_layer.update()
            points.append(local.reshape(-1, 3) @ np.array(item.matrix_world)[:3, :3].T + item.location)
    away = np.concatenate(points) - camera
    distance = np.linalg.norm(away, axis=1)
    near = away[(distance < 1.2) & (distance > 0)]
    report.append({
        "nearest": float(distance.min()), "near": len(near), "seconds": seconds,
        "sides": len(set(np.floor(np.arctan2(near[:, 1], near[:, 0]) / (np.pi / 4)).tolist())),
        "objects": len(bpy.context.scene.objects),
    })
print(json.dumps(report))
""")
    assert len(found) >= 8
    for kind, room in enumerate(found):
        assert room["nearest"] > 0.1, (kind, room)  # nothing over the lens
        assert room["near"] > 200 and room["sides"] >= 4, (kind, room)  # clutter, on several sides
        assert room["objects"] >= 15, (kind, room)


@pytest.mark.slow
def test_no_two_things_stand_in_one_place():
    found = in_blender("""
import json, bpy, numpy as np
from renderih_lib.render.blender.places import furniture, shell
bpy.ops.wm.read_factory_settings(use_empty=True)
rng = np.random.default_rng(0)
room = shell.Room(bpy.context.scene, rng, (5, 6, 2.6), False)
room.windows(2)
room.look_from(2.5, 3.0, 1.2)
stood = []
for _ in range(40):
    thing = furniture.chair(rng, room.f) if rng.random() < 0.5 else furniture.table(rng, room.f, (1.0, 0.6))
    where = (*rng.uniform(0, 5, 2), rng.uniform(0, 6))
    if room.stand(thing, *where):
        stood.append(room.boxes(thing, *where[:2], 0.0, where[2]))
deepest = 0.0
for i, a in enumerate(stood):
    for b in stood[:i]:
        for p in a:
            for q in b:
                deepest = max(deepest, float((np.minimum(p[1], q[1]) - np.maximum(p[0], q[0])).min()))
print(json.dumps({"stood": len(stood), "deepest": deepest}))
""")
    assert 5 < found["stood"] < 40 and found["deepest"] < 0.009
