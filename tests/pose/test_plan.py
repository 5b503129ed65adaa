import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.hand.anatomy import angle_excess
from renderih_lib.hand.pair import open_hand_pair
from renderih_lib.pose import plan
from renderih_lib.pose.augment import augment_pairs
from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.plan import draw_raw_pairs, main, make_plan, read_plan
from renderih_lib.pose.recorded import RecordedPoses
from renderih_lib.pose.store import read_poses, write_poses
from renderih_lib.scales import scale_by_name

FIELDS = ("angles", "wrist", "translation", "shape")


@pytest.fixture(scope="module")
def raw():
    return load_pose_library().natural_pairs(0, 3)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Folder with the plan of scale tiny."""
    folder = tmp_path_factory.mktemp("poses")
    assert main(["--scale", "tiny", "--out", str(folder / "plan.parquet")]) == 0
    return folder


def test_every_shard_mixes_interactions(raw):
    _, table = make_plan(raw, ["a", "b", "c"], copies=5, shard_pairs=6, seed=0)
    assert table["pose_id"].tolist() == list(range(15))
    assert table["raw_id"].tolist() == [0, 1, 2] * 5
    assert table["copy"].tolist() == np.repeat(range(5), 3).tolist()
    assert table["shard"].tolist() == [0] * 6 + [1] * 6 + [2] * 3
    assert table.groupby("shard")["source"].nunique().tolist() == [3, 3, 3]
    assert (table["source"] == np.array(["a", "b", "c"])[table["raw_id"]]).all()


def test_rows_are_the_copies_of_equation_1_in_another_order(raw):
    pose, table = make_plan(raw, ["a", "b", "c"], copies=4, shard_pairs=6, seed=7)
    rows = augment_pairs(raw, 4, 7)[torch.tensor((4 * table["raw_id"] + table["copy"]).tolist())]
    for name in FIELDS:
        assert torch.equal(getattr(pose, name), getattr(rows, name))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(1, 5))
def test_a_row_depends_on_seed_raw_pose_and_copy_alone_and_lies_inside_table_2(raw, seed, raws, copies):
    longest, everything = make_plan(raw, ["a", "b", "c"], copies=5, shard_pairs=4, seed=seed)
    pose, table = make_plan(raw[:raws], ["a", "b", "c"][:raws], copies, shard_pairs=3, seed=seed)
    assert (angle_excess(pose.angles) == 0).all()
    where = everything.set_index(["raw_id", "copy"]).loc[
        list(zip(table["raw_id"], table["copy"], strict=True))
    ]
    assert torch.equal(pose.angles, longest.angles[torch.tensor(where["pose_id"].tolist())])


def test_another_seed_gives_other_offsets(raw):
    first, second = (make_plan(raw, ["a", "b", "c"], 2, 6, seed)[0] for seed in (0, 1))
    assert not torch.equal(first.angles, second.angles) and torch.equal(first.wrist, second.wrist)


def test_the_plan_has_the_sizes_of_its_scale(tiny):
    sizes = scale_by_name("tiny")
    pose, table = read_plan(tiny / "plan.parquet")
    raw, sources = read_poses(tiny / "raw.parquet")
    assert len(pose) == sizes.pairs and table["shard"].nunique() == sizes.pose_shards
    assert len(raw) == sizes.raw_poses and sources["source"].nunique() == sizes.raw_poses
    for name in ("wrist", "translation", "shape"):  # only angles are augmented
        assert torch.equal(getattr(pose, name), getattr(raw, name)[torch.tensor(table["raw_id"].tolist())])
    assert (table["source"] == sources["source"].to_numpy()[table["raw_id"]]).all()


def test_the_same_command_makes_the_same_bytes(tiny, tmp_path):
    assert main(["--scale", "tiny", "--out", str(tmp_path / "deep" / "plan.parquet")]) == 0
    for name in ("plan.parquet", "raw.parquet"):
        assert (tmp_path / "deep" / name).read_bytes() == (tiny / name).read_bytes()


def test_recorded_pairs_come_before_the_library(monkeypatch):
    hands, library = open_hand_pair(), load_pose_library()
    pairs = library.natural_pairs(5, 4)
    recorded = RecordedPoses(
        pairs, [f"recorded/{i}" for i in range(4)], pairs.angles.flatten(0, 1), [], hands
    )
    monkeypatch.setattr(plan, "recorded_poses", lambda data_root: recorded if data_root == "there" else None)
    _, sources = draw_raw_pairs(3, 0, "there")
    assert len(set(sources)) == 3 and set(sources) <= set(recorded.pair_names)
    _, sources = draw_raw_pairs(3, 0)
    assert set(sources) <= set(library.interactions)


def test_single_hands_alone_leave_the_pairs_to_the_library(monkeypatch):
    pairs = load_pose_library().natural_pairs(5, 1)[:0]
    nothing = RecordedPoses(pairs, [], pairs.angles.flatten(0, 1), [], open_hand_pair())
    monkeypatch.setattr(plan, "recorded_poses", lambda data_root: nothing)
    assert len(draw_raw_pairs(2, 0)[0]) == 2


def test_too_few_recordings_are_one_clear_line(monkeypatch, capsys, tmp_path):
    pairs = load_pose_library().natural_pairs(5, 2)
    two = RecordedPoses(pairs, ["a", "b"], pairs.angles.flatten(0, 1), [], open_hand_pair())
    monkeypatch.setattr(plan, "recorded_poses", lambda data_root: two)
    assert main(["--scale", "tiny", "--out", str(tmp_path / "plan.parquet")]) == 1
    assert capsys.readouterr().err.startswith("error: 2 recorded pairs hold only 2")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_plan_is_refused_with_the_remedy(tiny, raw, tmp_path):
    with pytest.raises(ValueError, match="missing: make it with python -m renderih_lib.pose.plan"):
        read_plan(tmp_path / "plan.parquet")
    with pytest.raises(ValueError, match="no column 'raw_id'"):
        read_plan(tiny / "raw.parquet")
    whole = (tiny / "plan.parquet").read_bytes()
    for length in (0, 3, len(whole) // 2, len(whole) - 1):
        (tmp_path / "plan.parquet").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="cannot be read.*make it .* again"):
            read_plan(tmp_path / "plan.parquet")
    write_poses(tmp_path / "plan.parquet", raw, raw_id=[0, 1, 2], copy=[0] * 3, source=["a"] * 3)
    with pytest.raises(ValueError, match="no column 'shard'"):
        read_plan(tmp_path / "plan.parquet")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scale", "tiny", "--seed", "-1"], "seed is -1; give a non-negative integer"),
        (["--scale", "tiny", "--out", "{file}/plan.parquet"], "cannot write"),
    ],
)
def test_what_cannot_be_made_is_one_clear_line(arguments, message, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    arguments = [word.format(file=tmp_path / "file") for word in arguments]
    assert main(["--out", str(tmp_path / "plan.parquet"), *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and message in line


@pytest.mark.slow
def test_the_plan_of_the_paper_takes_minutes_and_less_than_two_gigabytes(tmp_path):
    path = tmp_path / "plan.parquet"
    program = f"""
import time
from renderih_lib.bench.timing import peak_gigabytes
from renderih_lib.pose.plan import main
assert main(["--scale", "paper", "--out", {str(path)!r}]) == 0
print(time.process_time(), peak_gigabytes())
"""
    answer = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    seconds, gigabytes = map(float, answer.stdout.splitlines()[-1].split())
    assert seconds < 300 and gigabytes < 2
    pose, table = read_plan(path)
    assert len(pose) == 110_400 and table["raw_id"].nunique() == 3_680 and table["copy"].nunique() == 30
    assert (angle_excess(pose.angles) == 0).all()
