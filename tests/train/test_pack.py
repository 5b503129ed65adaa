import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from renderih_lib.data.rendered import RenderedDataset
from renderih_lib.render.shards import flat_column
from renderih_lib.scales import STAND_INS
from renderih_lib.train.pack import main, pack

SIDE = 32  # pixels of the noise images


@pytest.fixture
def folder(tmp_path, write_noise_shard):
    """Two shards with the columns that the renderer writes and the noise lacks."""
    source = tmp_path / "noise"
    source.mkdir()
    for shard, count in ((0, 3), (1, 4)):
        write_noise_shard(source, count, shard)
        complete(source / f"shard-{shard:05d}.parquet")
    return source


def complete(path, width=SIDE):
    table = pq.read_table(path)
    count = len(table)
    columns = {"width": pa.array([width] * count), "height": pa.array([SIDE] * count)}
    columns |= {"keypoints_2d": flat_column(np.ones((count, 2, 21, 2), np.float32))}
    columns |= {"hand_iou": pa.array(np.linspace(0, 1, count), pa.float32())}
    for name, column in columns.items():
        table = table.append_column(name, column)
    pq.write_table(table, path)


def test_a_packed_set_reads_like_the_whole_one(folder, tmp_path, hands):
    pack(folder, tmp_path / "packed", 16, 90)
    before, after = RenderedDataset(folder, hands), RenderedDataset(tmp_path / "packed", hands)
    assert len(after) == len(before) == 7
    for i in (0, 6):
        assert after[i].sample_id == before[i].sample_id and after[i].image.shape == (16, 16, 3)
        np.testing.assert_allclose(after[i].pixels, before[i].pixels / 2, rtol=1e-5)
        np.testing.assert_array_equal(after[i].vertices, before[i].vertices)
        assert after[i].mask_iou == before[i].mask_iou
        assert set(np.unique(after[i].parts)) <= set(np.unique(before[i].parts))


def test_colours_survive_at_the_same_size(folder, tmp_path, hands):
    pack(folder, tmp_path / "packed", SIDE, 95)
    before, after = (RenderedDataset(path, hands)[2] for path in (folder, tmp_path / "packed"))
    np.testing.assert_array_equal(after.parts, before.parts)
    noise = np.abs(after.image.mean((0, 1)) - before.image.mean((0, 1)))
    assert noise.max() < 3


def test_fewer_images_are_spread_evenly(folder, tmp_path, hands):
    pack(folder, tmp_path / "packed", 16, 80, most=3)
    whole, few = RenderedDataset(folder, hands), RenderedDataset(tmp_path / "packed", hands)
    assert [few[i].sample_id for i in range(3)] == [whole[i].sample_id for i in (0, 3, 6)]


def test_packing_again_gives_the_same_bytes(folder, tmp_path):
    for name in ("a", "b"):
        pack(folder, tmp_path / name, 16, 80)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_pictures_that_are_not_square_are_refused(tmp_path, write_noise_shard):
    write_noise_shard(tmp_path, 2)
    complete(tmp_path / "shard-00000.parquet", width=48)
    with pytest.raises(ValueError, match="00000000.*not square"):
        pack(tmp_path, tmp_path / "packed", 16, 80)


def test_the_command_packs_every_set_that_experiments_use(tmp_path, write_noise_shard, capsys):
    for name in set(STAND_INS.values()):
        (tmp_path / "all" / name).mkdir(parents=True)
        write_noise_shard(tmp_path / "all" / name, 2)
        complete(tmp_path / "all" / name / "shard-00000.parquet")
    arguments = ["--datasets", str(tmp_path / "all"), "--scale", "tiny", "--out", str(tmp_path / "small")]
    assert main(arguments) == 0 and "MiB" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "small").iterdir()} == set(STAND_INS.values())


def test_a_missing_set_is_one_line(tmp_path, capsys):
    assert main(["--datasets", str(tmp_path), "--scale", "tiny", "--out", str(tmp_path / "small")]) == 1
    assert "no finished shard" in capsys.readouterr().err
