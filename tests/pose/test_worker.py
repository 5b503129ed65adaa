import errno
import json
import os
import signal
import subprocess
import sys
import time
from functools import cache, partial

import numpy as np
import pandas as pd
import pytest
import torch

from renderih_lib.pose import worker
from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.naturalness import Discriminator, save_discriminator
from renderih_lib.pose.optimize import PairTerms, optimize_pairs
from renderih_lib.pose.plan import make_plan
from renderih_lib.pose.store import read_poses, write_poses
from renderih_lib.pose.validity import check_pairs
from renderih_lib.pose.worker import main, optimize_shard, read_record, shard_fault
from renderih_lib.repro import sha256

PAIRS = 6  # of the plan, in shards of four and two


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Paths of a plan of two shards and of a discriminator that knows nothing."""
    folder = tmp_path_factory.mktemp("inputs")
    pose, table = make_plan(load_pose_library().natural_pairs(0, 3), ["a", "b", "c"], 2, 4, seed=0)
    write_poses(folder / "plan.parquet", pose, **table)
    save_discriminator(folder / "d.safetensors", Discriminator(8))
    return folder / "plan.parquet", folder / "d.safetensors"


@cache
def shared_terms(hands):
    return PairTerms(hands, Discriminator(8))


@pytest.fixture(scope="module")
def quick(hands):
    """Twelve iterations instead of 215, and fields that are built once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "open_hand_pair", lambda: hands)
        patch.setattr(worker, "PairTerms", lambda hands, model: shared_terms(hands))
        patch.setattr(worker, "optimize_pairs", partial(optimize_pairs, iterations=12))
        yield


@pytest.fixture(scope="module")
def finished(quick, inputs, tmp_path_factory):
    """Folder with both shards, made without any trouble."""
    folder = tmp_path_factory.mktemp("finished")
    for shard in range(2):
        optimize_shard(*inputs, shard, folder)
    return folder


def contents(folder, shards=(0, 1)):
    return [(folder / f"shard-{shard:05d}.parquet").read_bytes() for shard in shards]


def words(inputs, folder, *more):
    plan, discriminator = inputs
    command = ["--plan", str(plan), "--discriminator", str(discriminator), "--out", str(folder)]
    return [*command, "--shard", "0", "--device", "cpu", *more]


def test_a_shard_holds_every_pair_of_its_plan_judged_before_and_after(finished, inputs, hands):
    plan, rows = read_poses(inputs[0])
    for shard in range(2):
        pose, table = read_poses(finished / f"shard-{shard:05d}.parquet")
        mine = rows[rows["shard"] == shard]
        for name in ("pose_id", "raw_id", "copy", "source", "shard"):
            assert table[name].tolist() == mine[name].tolist()
        after = check_pairs(pose, hands)
        before = check_pairs(plan[torch.tensor(mine["pose_id"].tolist())], hands)
        for name in ("depth_mm", "contact_mm", "excess_deg"):
            np.testing.assert_allclose(table[name], after[name], atol=1e-6)
            np.testing.assert_allclose(table[f"before_{name}"], before[name], atol=1e-6)
        assert table["reason"].tolist() == after["reason"].tolist()
        assert table["naturalness"].between(0, 1).all()
    assert sorted(path.name for path in finished.iterdir()) == [
        f"shard-0000{shard}.{kind}" for shard in range(2) for kind in ("json", "parquet")
    ]


def test_the_record_says_what_the_shard_was_made_from(finished, inputs):
    record = read_record(finished, 0)
    assert record["plan"] == sha256(inputs[0]) and record["discriminator"] == sha256(inputs[1])
    assert record["sha256"] == sha256(finished / "shard-00000.parquet")
    assert record["pairs"] == sum(record["reasons"].values()) == 4
    assert record["preset"] == "paper" and record["problems"] == {}


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_any_batch_size_and_order_of_shards_makes_the_same_bytes(quick, finished, inputs, tmp_path, batch):
    for shard in (1, 0):
        optimize_shard(*inputs, shard, tmp_path, batch=batch)
    assert contents(tmp_path) == contents(finished)


def test_a_finished_shard_is_left_alone(finished, inputs, monkeypatch):
    monkeypatch.setattr(worker, "optimize_pairs", None)  # any work would fail
    assert optimize_shard(*inputs, 0, finished) == read_record(finished, 0)


def test_another_plan_discriminator_or_preset_makes_a_shard_again(quick, inputs, tmp_path):
    made_from = {"plan": sha256(inputs[0]), "discriminator": sha256(inputs[1]), "preset": "paper"}
    assert shard_fault(tmp_path, 0, made_from) == "is not done"
    optimize_shard(*inputs, 0, tmp_path)
    assert shard_fault(tmp_path, 0, made_from) == ""
    for name in made_from:
        assert shard_fault(tmp_path, 0, made_from | {name: "other"}) == f"was made from another {name}"
    optimize_shard(*inputs, 0, tmp_path, preset="official")
    assert shard_fault(tmp_path, 0, made_from | {"preset": "official"}) == ""


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove", "record"])
def test_a_damaged_shard_is_noticed_and_made_again(quick, finished, inputs, tmp_path, damage):
    optimize_shard(*inputs, 0, tmp_path)
    path, marker = tmp_path / "shard-00000.parquet", tmp_path / "shard-00000.json"
    data = bytearray(path.read_bytes())
    if damage == "truncate":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flip":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif damage == "remove":
        path.unlink()
    else:
        marker.write_text(marker.read_text()[:-20])
    assert shard_fault(tmp_path, 0, {}) in ("is damaged", "is not done", "has a damaged record")
    optimize_shard(*inputs, 0, tmp_path)
    assert contents(tmp_path, [0]) == contents(finished, [0])


def test_a_pair_that_is_not_finite_is_named_and_stops_nobody_else(quick, finished, inputs, tmp_path, capsys):
    pose, table = read_poses(inputs[0])
    pose.angles[2, 1, 4, 0] = torch.nan
    write_poses(tmp_path / "plan.parquet", pose, **table)
    assert main(words((tmp_path / "plan.parquet", inputs[1]), tmp_path)) == 0
    assert "shard 0: pair 2 left out: " in capsys.readouterr().err
    record = read_record(tmp_path, 0)
    assert list(record["problems"]) == ["2"] and record["reasons"]["unsound"] == 1
    made, judged = read_poses(tmp_path / "shard-00000.parquet")
    whole, expected = read_poses(finished / "shard-00000.parquet")
    others = [0, 1, 3]
    for name in ("angles", "wrist", "translation", "shape"):
        assert torch.equal(getattr(made, name)[others], getattr(whole, name)[others])
    pd.testing.assert_frame_equal(judged.iloc[others], expected.iloc[others], check_exact=True)
    assert not judged["valid"][2]


def test_what_cannot_be_read_is_one_clear_line(quick, inputs, tmp_path, capsys):
    plan, discriminator = inputs
    (tmp_path / "short.parquet").write_bytes(plan.read_bytes()[:2000])
    (tmp_path / "short.safetensors").write_bytes(discriminator.read_bytes()[:100])
    from safetensors.torch import save_file

    weights = Discriminator(8).state_dict()
    save_file(weights | {"last.weight": torch.zeros(2, 8)}, tmp_path / "shape.safetensors")
    save_file({"other": torch.zeros(3)}, tmp_path / "other.safetensors")
    for changed, message in [
        ((tmp_path / "no.parquet", discriminator), "no.parquet is missing: make it with"),
        ((tmp_path / "short.parquet", discriminator), "short.parquet cannot be read"),
        ((plan, tmp_path / "no.safetensors"), "no.safetensors holds no discriminator"),
        ((plan, tmp_path / "short.safetensors"), "short.safetensors holds no discriminator"),
        ((plan, tmp_path / "shape.safetensors"), "shape.safetensors holds no discriminator"),
        ((plan, tmp_path / "other.safetensors"), "other.safetensors holds no discriminator"),
    ]:
        assert main(words(changed, tmp_path / "out")) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: shard 0: ") and message in line
    assert main(words(inputs, tmp_path / "out", "--shard", "9")) == 1
    assert "has no shard 9, only 0 to 1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_one_clear_line(inputs, tmp_path, capsys):
    assert main(words(inputs, tmp_path, "--device", "cuda")) == 1
    assert "no CUDA device here: use --device cpu" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--batch", "0"], ["--threads", "x"], ["--preset", "best"]])
def test_wrong_options_are_refused(inputs, tmp_path, wrong, capsys):
    with pytest.raises(SystemExit) as end:
        main(words(inputs, tmp_path, *wrong))
    assert end.value.code == 2 and wrong[0] in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_one_clear_line(quick, inputs, tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(words(inputs, tmp_path / "file")) == 1
    assert "cannot write to" in capsys.readouterr().err


@pytest.mark.parametrize("written", [0, 1])  # files that still find room
def test_a_full_disk_is_one_clear_line_and_leaves_nothing_that_looks_done(
    quick, finished, inputs, tmp_path, monkeypatch, capsys, written
):
    syncs, fsync = [], os.fsync

    def full(descriptor):
        syncs.append(descriptor)
        if len(syncs) > written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert main(words(inputs, tmp_path)) == 1
    assert "No space left on device): make room" in capsys.readouterr().err
    assert not (tmp_path / "shard-00000.json").exists()
    assert main(words(inputs, tmp_path)) == 0
    assert contents(tmp_path, [0]) == contents(finished, [0])


@pytest.mark.slow
def test_killed_at_any_time_the_shard_is_the_same(inputs, tmp_path):
    undisturbed = tmp_path / "undisturbed"
    # a process of its own: nothing is patched there
    worker = [sys.executable, "-m", "renderih_lib.pose.worker"]
    subprocess.run([*worker, *words(inputs, undisturbed, "--batch", "4")], check=True)
    record = read_record(undisturbed, 0)
    command = [*worker, *words(inputs, tmp_path / "killed", "--batch", "1")]
    faults = []
    for seconds in (1, 4, 8):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        faults.append(shard_fault(tmp_path / "killed", 0, {}))
    assert faults[0] == "is not done"
    assert set(faults) <= {"is not done", ""}  # a fast machine is done before the last kill
    assert subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0
    assert contents(tmp_path / "killed", [0]) == contents(undisturbed, [0])
    again = read_record(tmp_path / "killed", 0)
    assert {k: again[k] for k in again if k != "seconds"} == {k: record[k] for k in record if k != "seconds"}
    assert sorted(path.name for path in (tmp_path / "killed").iterdir()) == [
        "shard-00000.json",
        "shard-00000.parquet",
    ]
    assert json.loads((tmp_path / "killed" / "shard-00000.json").read_text()) == again
