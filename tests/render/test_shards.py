import errno
import json
import tarfile

import numpy as np
import pyarrow as pa
import pytest

from renderih_lib.render.shards import (
    MEMBERS,
    decoded,
    flat_column,
    is_done,
    read_annotations,
    read_member,
    stacked,
    write_atomic,
    write_shard,
)


def small_shard(folder, shard=0):
    keys = [f"{10 * shard + i:08d}" for i in range(3)]
    samples = [{name: f"{name} of {key}".encode() for name in MEMBERS} for key in keys]
    points = np.arange(3 * 2 * 4.0).reshape(3, 2, 4)
    table = pa.table({"key": keys, "image_format": ["jpg"] * 3, "points": flat_column(points)})
    return write_shard(folder, shard, samples, table, {"plan_hash": "p"}), samples, points


def test_what_is_written_can_be_read_by_row(tmp_path):
    _, samples, points = small_shard(tmp_path)
    rows = read_annotations(tmp_path)
    for i, sample in enumerate(samples):
        assert {name: read_member(rows.iloc[i], name) for name in MEMBERS} == sample
    np.testing.assert_array_equal(stacked(rows["points"], 2, 4), points)


def test_any_tar_reader_finds_the_members(tmp_path):
    small_shard(tmp_path)
    with tarfile.open(tmp_path / "shard-00000.tar") as tar:
        names = tar.getnames()
        assert names[:5] == [f"00000000.{extension}" for extension in MEMBERS.values()]
        assert {(m.mtime, m.uid, m.gid, m.uname) for m in tar.getmembers()} == {(0, 0, 0, "")}


def test_equal_content_is_equal_bytes(tmp_path):
    first, _, _ = small_shard(tmp_path / "..", 7)
    again, _, _ = small_shard(tmp_path, 7)
    assert first == again


def test_shards_are_read_in_order_and_only_when_done(tmp_path):
    small_shard(tmp_path, 1)
    small_shard(tmp_path, 0)
    assert read_annotations(tmp_path)["key"].tolist()[::3] == ["00000000", "00000010"]
    (tmp_path / "shard-00000.json").unlink()
    assert len(read_annotations(tmp_path)) == 3
    (tmp_path / "shard-00001.json").unlink()
    with pytest.raises(ValueError, match="no finished shard"):
        read_annotations(tmp_path)


@pytest.mark.parametrize("suffix", [".tar", ".parquet"])
def test_a_flipped_byte_undoes_a_shard(tmp_path, suffix):
    small_shard(tmp_path)
    assert is_done(tmp_path, 0, "p") and not is_done(tmp_path, 0, "other plan")
    path = tmp_path / f"shard-00000{suffix}"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert not is_done(tmp_path, 0, "p")


def test_a_full_disk_leaves_no_marker_and_no_scraps(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        small_shard(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_write_atomic_replaces_in_one_step(tmp_path):
    path = tmp_path / "file"
    write_atomic(path, b"old")
    write_atomic(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_depth_keeps_sixteen_bits(tmp_path):
    from tests.conftest import png

    depth = np.array([[0, 65535], [256, 7]], np.uint16)
    np.testing.assert_array_equal(decoded(png(depth)), depth)
    assert decoded(png(depth)).dtype == np.uint16


def test_the_marker_names_every_image(tmp_path):
    marker, samples, _ = small_shard(tmp_path)
    assert json.loads((tmp_path / "shard-00000.json").read_text()) == marker
    assert marker["count"] == 3 and len(set(marker["image_sha256"].values())) == 3


def test_normals_are_stored_when_there_are_any(tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    _, samples, _ = small_shard(plain)
    more = [sample | {"normals": f"normals {i}".encode()} for i, sample in enumerate(samples)]
    table = pa.table({"key": ["a", "b", "c"], "image_format": ["png"] * 3})
    write_shard(tmp_path, 0, iter(more), table, {"plan_hash": "p"})
    rows = read_annotations(tmp_path)
    assert [read_member(row, "normals") for _, row in rows.iterrows()] == [s["normals"] for s in more]
    assert [read_member(row, "depth") for _, row in rows.iterrows()] == [s["depth"] for s in samples]
    assert "normals_offset" not in read_annotations(plain)
