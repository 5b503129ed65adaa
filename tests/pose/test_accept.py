import csv

import numpy as np
import pandas as pd
import pytest
import torch

from renderih_lib.pose.accept import counted_reasons, gather_shards, main
from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.plan import make_plan
from renderih_lib.pose.store import read_poses, write_poses
from renderih_lib.pose.worker import shard_path
from renderih_lib.repro import sha256, write_json

REASONS = ["valid", "penetration", "valid", "valid", "no contact", "valid"]


@pytest.fixture
def plan(tmp_path):
    pose, table = make_plan(load_pose_library().natural_pairs(0, 3), ["b", "a", "c"], 2, 4, seed=0)
    write_poses(tmp_path / "plan.parquet", pose, **table)
    return tmp_path / "plan.parquet"


def write_shards(plan, folder, /, order=(0, 1), reasons=REASONS, **made_from):
    """Finished shards as a worker writes them, with given verdicts; the pairs are as planned."""
    folder.mkdir(exist_ok=True)
    pose, table = read_poses(plan)
    table = table.assign(
        reason=reasons, before_reason="penetration", depth_mm=np.arange(6) / 4, naturalness=0.5
    )
    table["valid"] = table["reason"] == "valid"
    for shard in order:
        rows = np.flatnonzero(table["shard"] == shard)
        path = shard_path(folder, shard, ".parquet")
        write_poses(path, pose[torch.from_numpy(rows)], **table.iloc[rows])
        record = {"plan": sha256(plan), "discriminator": "d", "preset": "paper"} | made_from
        write_json(path.with_suffix(".json"), record | {"sha256": sha256(path)})
    return folder


def accepted(plan, folder, out):
    code = main(["--plan", str(plan), "--shards", str(folder), "--out", str(out)])
    return code, out


def test_the_valid_pairs_come_in_the_order_of_the_plan(plan, tmp_path):
    code, out = accepted(plan, write_shards(plan, tmp_path / "shards"), tmp_path / "deep" / "poses.parquet")
    assert code == 0
    kept = [i for i, reason in enumerate(REASONS) if reason == "valid"]
    pose, table = read_poses(out)
    assert table["pose_id"].tolist() == kept
    assert (
        table["depth_mm"].tolist() == [i / 4 for i in kept] and "valid" not in table and "reason" not in table
    )
    for name in ("angles", "wrist", "translation", "shape"):
        assert torch.equal(getattr(pose, name), getattr(read_poses(plan)[0], name)[kept])


def test_the_order_in_which_shards_were_made_changes_no_byte(plan, tmp_path):
    outs = [tmp_path / "forth" / "poses.parquet", tmp_path / "back" / "poses.parquet"]
    for out, order in zip(outs, [(0, 1), (1, 0)], strict=True):
        assert accepted(plan, write_shards(plan, out.parent, order), out)[0] == 0
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert (tmp_path / "forth" / "reasons.csv").read_bytes() == (
        tmp_path / "back" / "reasons.csv"
    ).read_bytes()


def test_reasons_are_counted_by_source_before_and_after(plan, tmp_path):
    _, out = accepted(plan, write_shards(plan, tmp_path / "shards"), tmp_path / "poses.parquet")
    with open(out.with_name("reasons.csv"), newline="") as file:
        rows = list(csv.DictReader(file))
    counted = {(row["source"], row["reason"]): (int(row["before"]), int(row["after"])) for row in rows}
    assert counted == {
        ("a", "no contact"): (0, 1),
        ("a", "penetration"): (2, 1),
        ("b", "penetration"): (2, 0),
        ("b", "valid"): (0, 2),
        ("c", "penetration"): (2, 0),
        ("c", "valid"): (0, 2),
    }


def test_every_pair_is_counted_once():
    rng = np.random.default_rng(0)
    verdicts = rng.choice(["valid", "penetration", "unsound"], (2, 200))
    table = pd.DataFrame(
        {"source": rng.choice(["a", "b"], 200), "before_reason": verdicts[0], "reason": verdicts[1]}
    )
    counts = counted_reasons(table)
    assert counts["before"].sum() == counts["after"].sum() == 200
    assert counts["after"].xs("unsound", level="reason").sum() == (verdicts[1] == "unsound").sum()


def test_a_shard_that_is_missing_damaged_or_stale_is_named_with_the_remedy(plan, tmp_path, capsys):
    folder = write_shards(plan, tmp_path / "shards")
    out = tmp_path / "poses.parquet"
    out.write_text("of an earlier run")

    def fault(*texts):
        assert accepted(plan, folder, out)[0] == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and "renderih_lib.pose.worker --plan" in line
        for text in texts:
            assert text in line
        assert out.read_text() == "of an earlier run"

    path, marker = folder / "shard-00001.parquet", folder / "shard-00001.json"
    data = path.read_bytes()
    path.write_bytes(data[:-5])
    fault("shard 1 is damaged. Make it")
    path.unlink()
    fault("shard 1 is not done")
    path.write_bytes(data)
    marker.write_text(marker.read_text()[:-10])
    fault("shard 1 has a damaged record")
    write_shards(plan, folder, order=[1], discriminator="other")
    fault("shard 1 was made from another discriminator")
    write_shards(plan, folder, order=[1], preset="official")
    fault("shard 1 was made from another preset")
    write_shards(plan, folder, order=[1], plan="other")
    (folder / "shard-00000.json").unlink()
    fault("shard 0 is not done; shard 1 was made from another plan. Make them")


def test_shards_of_another_plan_are_refused_although_they_fit(plan, tmp_path):
    folder = write_shards(plan, tmp_path / "shards")
    pose, table = read_poses(plan)
    write_poses(plan, pose.replace(angles=0.5 * pose.angles), **table)
    with pytest.raises(
        ValueError, match="shard 0 was made from another plan; shard 1 was made from another plan"
    ):
        gather_shards(plan, folder)


def test_no_valid_pair_at_all_is_one_clear_line(plan, tmp_path, capsys):
    folder = write_shards(plan, tmp_path / "shards", reasons=["penetration"] * 6)
    assert accepted(plan, folder, tmp_path / "poses.parquet")[0] == 1
    assert "none of the 6 pairs is valid" in capsys.readouterr().err
    assert not (tmp_path / "poses.parquet").exists()


def test_a_missing_plan_or_a_place_that_cannot_be_written_is_one_clear_line(plan, tmp_path, capsys):
    folder = write_shards(plan, tmp_path / "shards")
    assert accepted(tmp_path / "no.parquet", folder, tmp_path / "poses.parquet")[0] == 1
    assert "no.parquet is missing" in capsys.readouterr().err
    (tmp_path / "file").write_text("in the way")
    assert accepted(plan, folder, tmp_path / "file" / "poses.parquet")[0] == 1
    assert "cannot write" in capsys.readouterr().err
