import dataclasses

import numpy as np
import pytest
import torch

from renderih_lib.data import stream as module
from renderih_lib.data.crops import cropped
from renderih_lib.data.occlusion import mask_iou
from renderih_lib.data.rendered import RenderedDataset
from renderih_lib.data.samples import SampleBatch, collate
from renderih_lib.data.stream import CropStream, crops


class Whole:
    """Samples in memory as a dataset of whole pictures."""

    def __init__(self, samples):
        self.list = samples

    def __len__(self):
        return len(self.list)

    def samples(self, indices):
        return [self.list[i] for i in indices]


@pytest.fixture
def shards(tmp_path, hands, write_noise_shard):
    for shard, count in ((0, 3), (1, 4)):
        write_noise_shard(tmp_path, count, shard)
    return RenderedDataset(tmp_path, hands)


def assert_same(first: SampleBatch, second: SampleBatch) -> None:
    for name, value in vars(first).items():
        other = getattr(second, name)
        assert value.dtype == other.dtype, name
        if name == "vertices":  # posed in other groups
            torch.testing.assert_close(value, other, atol=1e-6, rtol=0)
        else:
            np.testing.assert_array_equal(np.asarray(value), np.asarray(other), err_msg=name)


def test_whole_pictures_are_cropped_about_the_hands(noise_samples):
    samples = [dataclasses.replace(s, image=s.image[:30], parts=s.parts[:30]) for s in noise_samples(4)]
    batch = CropStream(Whole(samples), 24)[np.array([2, 0])]
    assert_same(batch, collate([cropped(samples[2]), cropped(samples[0])], 24))


def test_rendered_crops_are_taken_as_they_are(shards):
    assert_same(CropStream(shards, 32)[1:3], collate(shards.samples([1, 2]), 32))


def test_how_much_hands_overlap_is_measured_in_the_crop_if_asked_for(noise_samples, hands):
    samples = [dataclasses.replace(s, image=s.image[:30], parts=s.parts[:30]) for s in noise_samples(3)]
    samples[1] = dataclasses.replace(samples[1], mask_iou=0.125)
    ious = crops(Whole(samples), 24, masks_of=hands).mask_iou
    expected = [mask_iou(cropped(samples[0]), hands), 0.125, mask_iou(cropped(samples[2]), hands)]
    np.testing.assert_allclose(ious, expected, rtol=1e-6)
    assert np.isnan(crops(Whole(samples), 24).mask_iou[[0, 2]]).all()


def test_indices_choose_among_the_images(shards):
    chosen = CropStream(shards, 16, [5, 1, 3])
    assert len(chosen) == 3
    assert chosen[np.array([2, 0])].ids.tolist() == [shards[3].sample_id, shards[5].sample_id]


def test_small_sets_are_kept_in_memory_and_large_ones_streamed(shards, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 2)
    kept = crops(shards, 16, [6, 0, 1])
    streamed = crops(shards, 16, [6, 0, 1], memory=3e4)
    assert isinstance(kept, SampleBatch) and isinstance(streamed, CropStream)
    picked = np.array([1, 2, 0, 0])
    assert_same(kept[picked], streamed[picked])


def test_without_processes_prefetching_changes_nothing(shards):
    stream = CropStream(shards, 16)
    stream.prefetch(slice(0, 2))
    assert_same(stream[0:2], collate(shards.samples([0, 1]), 16))


@pytest.mark.slow
def test_processes_give_the_same_batches_and_name_a_broken_image(shards, hands):
    order = [np.array([4, 0, 6, 1, 1]), np.array([2]), np.array([3, 5, 0])]
    alone = CropStream(shards, 16)
    with CropStream(shards, 16, workers=2) as stream:
        for step, picked in enumerate(order):
            stream.prefetch(order[(step + 1) % 3])  # the next one, and in the end one that nobody asks for
            assert_same(stream[picked], alone[picked])
        tar = shards.tars[1]
        tar.write_bytes(b"\0" * tar.stat().st_size)
        with pytest.raises(ValueError, match=r"image 00000101 in .*shard-00001.tar cannot be decoded"):
            stream[np.array([0, 4])]
        assert_same(stream[:3], alone[:3])  # the others go on
    assert stream._pool is None


def test_a_batch_does_not_depend_on_how_it_is_cut(shards, monkeypatch):
    whole = CropStream(shards, 16)[:]
    monkeypatch.setattr(module, "_CHUNK", 2)
    assert_same(CropStream(shards, 16)[:], whole)


def test_no_image_is_no_stream(shards):
    with pytest.raises(ValueError, match="at least one image"):
        CropStream(shards, 16, [])
