import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from renderih_lib.data.rendered import RenderedDataset
from renderih_lib.hand.mano import load_mano_pair
from renderih_lib.render.shards import decoded, read_annotations, read_member


@pytest.fixture
def folder(tmp_path, write_noise_shard):
    for shard, count in ((0, 3), (1, 2)):
        write_noise_shard(tmp_path, count, shard)
    return tmp_path


def test_any_index_gives_its_own_image(folder, hands, write_noise_shard, tmp_path_factory):
    images, *_ = write_noise_shard(tmp_path_factory.mktemp("again"), 2, 1)
    dataset = RenderedDataset(folder, hands)
    assert len(dataset) == 5
    np.testing.assert_array_equal(dataset[4].image, images[1])
    np.testing.assert_array_equal(dataset[3].parts, images[0][..., 0] % 35)
    assert dataset[4].sample_id == "noise/00000101"


def test_props_are_background_to_a_learner(labelled_shards, hands):
    """The renderer labels things that are no hands 35; networks have classes for hands and arms alone."""
    folder = labelled_shards("objects-train")
    stored = decoded(read_member(read_annotations(folder).iloc[0], "parts"))
    parts = RenderedDataset(folder, hands)[0].parts
    assert (stored == 35).any()
    np.testing.assert_array_equal(parts, np.where(stored == 35, 0, stored))


def test_vertices_agree_with_stored_keypoints(folder, hands):
    """Tips are vertices, so the recomputed mesh must meet the keypoints that the renderer wrote."""
    sample = RenderedDataset(folder, hands)[2]
    tips = hands.right.tip_vertices.numpy()
    np.testing.assert_allclose(sample.vertices[:, tips], sample.keypoints[:, 4::4], atol=1e-6)


def test_manos_hands_are_not_those_that_were_rendered(folder, mano_folder):
    """The shards hold poses of the open hand: a MANO mesh posed by them would not be in the picture."""
    sample = RenderedDataset(folder, load_mano_pair(mano_folder))[0]
    assert sample.vertices is None and sample.valid.all()


def test_overlap_of_the_masks_comes_from_the_table(folder, hands):
    """One of the two tables has the column that later renders have."""
    assert np.isnan(RenderedDataset(folder, hands)[4].mask_iou)
    path = folder / "shard-00001.parquet"
    table = pq.read_table(path)
    pq.write_table(table.append_column("hand_iou", pa.array([0.5, 0.125], pa.float32())), path)
    dataset = RenderedDataset(folder, hands)
    assert np.isnan(dataset[0].mask_iou) and dataset[4].mask_iou == 0.125


def test_reading_everything_equals_one_by_one(folder, hands):
    dataset = RenderedDataset(folder, hands)
    together = dataset.samples(range(5))
    assert [sample.sample_id for sample in together] == [dataset[i].sample_id for i in range(5)]
    np.testing.assert_allclose(together[3].vertices, dataset[3].vertices, atol=1e-6)
    assert [sample.pose_id for sample in together] == [0, 1, 2, 0, 1]


def test_a_shard_without_its_marker_does_not_exist(folder, hands):
    (folder / "shard-00000.json").unlink()
    assert len(RenderedDataset(folder, hands)) == 2


def test_an_empty_folder_says_what_to_run(tmp_path, hands):
    with pytest.raises(ValueError, match="no finished shard"):
        RenderedDataset(tmp_path, hands)


def test_a_lost_tar_is_named(folder, hands):
    (folder / "shard-00001.tar").unlink()
    with pytest.raises(ValueError, match=r"shard-00001\.tar is missing"):
        RenderedDataset(folder, hands)


def test_a_damaged_image_is_named(folder, hands):
    tar = folder / "shard-00000.tar"
    tar.write_bytes(b"\0" * tar.stat().st_size)
    with pytest.raises(ValueError, match="image 00000001 in .* cannot be decoded"):
        RenderedDataset(folder, hands)[1]
