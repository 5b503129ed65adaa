import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from renderih_lib.hand.pair import PairPose
from renderih_lib.pose.store import read_poses, write_poses


def random_pairs(count, shapes=10):
    generator = torch.Generator().manual_seed(count)
    sizes = ((count, 2, 15, 3), (count, 2, 3, 3), (count, 2, 3), (count, 2, shapes))
    return PairPose(*(torch.randn(size, generator=generator) for size in sizes))


@pytest.mark.parametrize("count, shapes", [(5, 10), (1, 3), (0, 10)])
def test_poses_come_back_exactly(tmp_path, count, shapes):
    pose = random_pairs(count, shapes)
    write_poses(tmp_path / "poses.parquet", pose, depth_mm=np.arange(count) / 2, source=["clasp"] * count)
    again, rest = read_poses(tmp_path / "poses.parquet")
    for name in ("angles", "wrist", "translation", "shape"):
        assert torch.equal(getattr(pose, name), getattr(again, name))
    assert rest.columns.tolist() == ["pose_id", "depth_mm", "source"]
    assert rest.pose_id.tolist() == list(range(count))


def test_the_file_says_what_its_numbers_mean(tmp_path):
    write_poses(tmp_path / "poses.parquet", random_pairs(2), pose_id=[7, 9])
    schema = pq.read_schema(tmp_path / "poses.parquet")
    assert "radians" in json.loads(schema.metadata[b"renderih"])["angles"]
    assert str(schema.field("angles").type) == "fixed_size_list<element: float>[90]"
    assert str(schema.field("pose_id").type) == "int64"


def test_the_same_poses_make_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_poses(tmp_path / name, random_pairs(3), source=["x", "y", "z"])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_bad_columns_are_refused_and_leave_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="2 rows for 3 poses"):
        write_poses(tmp_path / "poses.parquet", random_pairs(3), depth_mm=[1, 2])
    with pytest.raises(ValueError, match="taken"):
        write_poses(tmp_path / "poses.parquet", random_pairs(3), angles=[1, 2, 3])
    assert not list(tmp_path.iterdir())


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "poses.parquet"
    write_poses(path, random_pairs(2))
    before = path.read_bytes()

    def torn(table, where):
        Path(where).write_bytes(b"PAR1 and then the disk was full")
        raise OSError("No space left on device")

    monkeypatch.setattr(pq, "write_table", torn)
    with pytest.raises(OSError, match="space"):
        write_poses(path, random_pairs(3))
    assert path.read_bytes() == before and [f.name for f in tmp_path.iterdir()] == ["poses.parquet"]


def test_other_parquet_files_are_refused(tmp_path):
    write_poses(tmp_path / "poses.parquet", random_pairs(2))
    table = pq.read_table(tmp_path / "poses.parquet")
    pq.write_table(table.replace_schema_metadata({}), tmp_path / "plain.parquet")
    pq.write_table(table.drop_columns(["wrist"]), tmp_path / "short.parquet")
    with pytest.raises(ValueError, match="no convention"):
        read_poses(tmp_path / "plain.parquet")
    with pytest.raises(ValueError, match="wrist"):
        read_poses(tmp_path / "short.parquet")
