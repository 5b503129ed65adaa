"""Every kind of damage is named, and after a repair the shard is made again."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest

from renderih_lib.render.audit import audit, main, missing_shards
from renderih_lib.render.plan import plan_info, write_plan
from renderih_lib.render.shards import MEMBERS, flat_column, shard_path, write_shard
from tests.conftest import png

SHARDS = 2


@pytest.fixture(scope="module")
def plan(tiny_plan):
    return tiny_plan(draws=4)


@pytest.fixture(scope="module")
def sound(tmp_path_factory, plan):
    """Two finished shards of noise, as the worker writes them, and their plan."""
    folder = tmp_path_factory.mktemp("sound")
    write_plan(folder / "plan.parquet", [plan], plan_info(plan))
    for shard in range(SHARDS):
        write_noise(folder, plan, shard)
    return folder


def write_noise(folder, plan, shard, skip=(), quarantined=(), **changes):
    """One finished shard; `skip` leaves images out."""
    rows = plan.filter(pa.array([s == shard for s in plan["shard"].to_pylist()]))
    rows = rows.filter(pa.array([i not in skip for i in rows["image_id"].to_pylist()]))
    rng, samples = np.random.default_rng(shard), []
    for row in rows.to_pylist():
        size = row["height"], row["width"]
        mask = png(rng.integers(0, 33, size, np.uint8))
        sample = {"image": png(rng.integers(0, 256, (*size, 3), np.uint8)), "parts": mask, "right": mask}
        samples.append(
            sample | {"left": mask, "depth": png(rng.integers(0, 9_000, size, np.uint16))} | changes
        )
    rows = rows.set_column(
        rows.schema.get_field_index("image_format"), "image_format", pa.array(["png"] * len(rows))
    )
    for name, shape in (("keypoints_3d", (2, 21, 3)), ("keypoints_2d", (2, 21, 2))):
        rows = rows.append_column(name, flat_column(rng.random((len(rows), *shape), np.float32)))
    info = {"plan_hash": plan_info(plan)["hash"], "quarantined": {str(i): "" for i in quarantined}}
    return write_shard(folder, shard, samples, rows.replace_schema_metadata(None), info)


@pytest.fixture
def copy(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "copy")


def test_sound_shards_have_no_faults(sound, capsys):
    assert audit(sound, sound / "plan.parquet") == {0: [], 1: []}
    assert main(["--shards", str(sound)]) == 0
    assert "2 of 2 finished shards are sound" in capsys.readouterr().out


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("suffix", [".tar", ".parquet"])
def test_any_flipped_byte_is_found(copy, suffix, seed):
    path = shard_path(copy, 1, suffix)
    data = bytearray(path.read_bytes())
    data[np.random.default_rng(seed).integers(len(data))] ^= 0x40
    path.write_bytes(data)
    faults = audit(copy)
    assert faults[0] == [] and f"{path.name} has changed" in faults[1][0]


@pytest.mark.parametrize("member", MEMBERS)
@pytest.mark.parametrize("damage", ["is truncated", "cannot be decoded"])
def test_a_picture_that_was_written_broken_is_found_although_all_hashes_agree(copy, plan, member, damage):
    whole = png(np.random.default_rng(0).integers(0, 99, (32, 40), np.uint8))
    write_noise(
        copy, plan, 1, **{member: whole[:-20] if damage == "is truncated" else whole[:200] + whole[-20:]}
    )
    faults = audit(copy)
    assert faults[0] == [] and damage in faults[1][0]


def test_a_picture_of_another_size_or_depth_is_found(copy, plan):
    write_noise(copy, plan, 1, depth=png(np.zeros((32, 40), np.uint8)))
    assert "uint8 (32, 40) instead of uint16 (32, 40)" in audit(copy)[1][0]
    write_noise(copy, plan, 1, parts=png(np.zeros((32, 41), np.uint8)))
    assert "instead of uint8 (32, 40)" in audit(copy)[1][0]


@pytest.mark.parametrize("cut", [1, 600, 5_000])
def test_a_truncated_tar_is_found(copy, cut):
    path = shard_path(copy, 0, ".tar")
    path.write_bytes(path.read_bytes()[:-cut])
    assert audit(copy)[0] and audit(copy)[1] == []


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", '{"plan_hash": "p", "count": 4}'])
def test_a_broken_done_marker_is_found(copy, text):
    shard_path(copy, 1, ".json").write_text(text)
    assert audit(copy) == {0: [], 1: ["its done-marker cannot be read"]}


def test_missing_files_are_named(copy):
    shard_path(copy, 0, ".tar").unlink()
    shard_path(copy, 1, ".parquet").unlink()
    assert audit(copy) == {0: ["shard-00000.tar is missing"], 1: ["shard-00001.parquet is missing"]}


def test_an_image_twice_is_found(copy):
    for suffix in (".tar", ".parquet"):
        shutil.copy(shard_path(copy, 0, suffix), shard_path(copy, 1, suffix))
    marker = json.loads(shard_path(copy, 0, ".json").read_text())
    shard_path(copy, 1, ".json").write_text(json.dumps(marker | {"shard": 1}))
    faults = audit(copy)
    assert faults[0] == [] and "rows of another shard" in faults[1]
    assert "image 0 is also in shard 0" in faults[1]
    assert sum("picture" in fault for fault in faults[1]) == 4


def test_what_the_plan_wants_has_to_be_there_or_in_quarantine(copy, plan):
    write_noise(copy, plan, 1, skip=[5])
    assert audit(copy) == {0: [], 1: []}
    assert audit(copy, copy / "plan.parquet") == {0: [], 1: ["image 5 is missing"]}
    write_noise(copy, plan, 1, skip=[5], quarantined=[5])
    assert audit(copy, copy / "plan.parquet") == {0: [], 1: []}


def test_shards_of_another_plan_are_found(copy, tiny_plan):
    write_noise(copy, tiny_plan(draws=4, seed=1), 1)
    assert audit(copy, copy / "plan.parquet")[1][-1] == "it was made from another plan"
    assert "another plan" in " ".join(sum(audit(copy).values(), []))


def test_unfinished_shards_are_listed(copy, capsys):
    shard_path(copy, 1, ".json").unlink()
    assert missing_shards(copy, copy / "plan.parquet") == [1]
    assert main(["--shards", str(copy)]) == 0
    assert "shard 00001: not finished" in capsys.readouterr().out


def test_a_repair_takes_away_the_done_marker_of_what_is_damaged_and_of_nothing_else(copy, capsys):
    path = shard_path(copy, 1, ".tar")
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["--shards", str(copy)]) == 1
    printed = capsys.readouterr()
    assert "shard 00001: shard-00001.tar has changed" in printed.out and "--repair" in printed.err
    assert main(["--shards", str(copy), "--repair"]) == 0
    assert [p.name for p in sorted(copy.glob("*.json"))] == ["shard-00000.json"]


def test_a_folder_without_shards_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no finished shard"):
        audit(tmp_path)


def test_a_file_that_is_no_plan_is_refused(copy):
    (copy / "plan.parquet").write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="is no Parquet file"):
        audit(copy, copy / "plan.parquet")
    shutil.copy(shard_path(copy, 0, ".parquet"), copy / "plan.parquet")
    with pytest.raises(ValueError, match="is no plan"):
        audit(copy, copy / "plan.parquet")
