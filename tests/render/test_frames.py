"""From a row of a plan to what Blender is told."""

import json

import numpy as np
import pytest

from renderih_lib.render.bodies.mesh import ArmPair
from renderih_lib.render.bodies.sleeves import Sleeve
from renderih_lib.render.frames import frame, plan_rows, read_plan
from renderih_lib.render.plan import plan_info, write_plan
from renderih_lib.render.sources import Sources


@pytest.fixture(scope="module")
def plan_path(tmp_path_factory, tiny_plan):
    path = tmp_path_factory.mktemp("plan") / "plan.parquet"
    plan = tiny_plan(draws=4)
    write_plan(path, [plan], plan_info(plan))
    return path


def test_a_shard_is_read_without_the_others(plan_path):
    rows = read_plan(plan_path, 1)
    assert rows["image_id"].to_pylist() == [4, 5, 6, 7]
    assert plan_info(rows) == plan_info(read_plan(plan_path, columns=["shard"]))


def test_a_row_becomes_the_same_job_every_time(plan_path, skins, tmp_path):
    row, info = plan_rows(read_plan(plan_path, 1))[2], plan_info(read_plan(plan_path, 1))
    made = []
    for _ in range(2):
        arms = ArmPair(0)
        paths = tmp_path / "geometry.npz", tmp_path / "image.png"
        job = frame(row, arms, Sleeve()).job(arms, *paths, Sources(plan_path, info, skins))
        with np.load(paths[0], allow_pickle=False) as arrays:
            made.append(
                (json.dumps(job, sort_keys=True), {name: arrays[name].tobytes() for name in arrays.files})
            )
    assert made[0] == made[1]


def test_a_pose_that_is_no_number_is_refused(plan_path):
    row = plan_rows(read_plan(plan_path, 0))[0]
    with pytest.raises(ValueError, match="pose of image 0 is not finite"):
        frame(row | {"wrist": [np.inf] * 18}, ArmPair(0), Sleeve())


def test_normals_are_drawn_on_request(plan_path):
    row, arms, sleeve = plan_rows(read_plan(plan_path, 0))[0], ArmPair(0), Sleeve()
    assert frame(row, arms, sleeve).labels.normals is None
    marks = frame(row, arms, sleeve, normals=True).labels
    np.testing.assert_array_equal(marks.normals.any(-1), marks.parts > 0)


def test_each_file_must_be_the_planned_one(plan_path, skins, tmp_path):
    info = plan_info(read_plan(plan_path, 0))
    sources = Sources(plan_path, info, skins)
    name = next(iter(info["skins"]))
    assert sources.skin(name) == skins.resolve() / f"{name}.npz"
    place = next(iter(info["environments"]))
    assert sources.environment(place).stem == place
    with pytest.raises(ValueError, match="environment nowhere is missing"):
        sources.environment("nowhere")
    (tmp_path / f"{name}.npz").write_bytes(b"")
    with pytest.raises(ValueError, match=f"skin {name} is not the one that was planned"):
        Sources(plan_path, info, tmp_path).skin(name)
