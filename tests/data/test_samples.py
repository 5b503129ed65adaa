import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.data.samples import UNKNOWN_PART, collate, project


def test_pixels_are_the_projected_keypoints(noise_samples):
    sample = noise_samples(1)[0]
    point = sample.keypoints[1, 7].astype(np.float64)
    u = sample.K[0, 0] * point[0] / point[2] + sample.K[0, 2]
    v = sample.K[1, 1] * point[1] / point[2] + sample.K[1, 2]
    np.testing.assert_allclose(sample.pixels[1, 7], [u, v], rtol=1e-5)


@settings(max_examples=10, deadline=None)
@given(size=st.sampled_from([8, 20, 40, 64]))
def test_resizing_moves_pixels_in_proportion(noise_samples, size):
    samples = noise_samples(2)
    batch = collate(samples, size)
    assert batch.images.shape == (2, 3, size, size)
    expected = np.stack([s.pixels for s in samples]) * size / 40
    np.testing.assert_allclose(batch.pixels.numpy(), expected, rtol=1e-4, atol=1e-3)


def test_shrinking_averages_areas(noise_samples):
    sample = noise_samples(1)[0]
    small = collate([sample], 20).images[0].permute(1, 2, 0).numpy()
    means = sample.image.reshape(20, 2, 20, 2, 3).mean((1, 3))
    assert np.abs(small - means).max() <= 1


def test_a_batch_of_batches_is_the_whole(noise_samples):
    whole = collate(noise_samples(5), 40)
    joined = type(whole).cat([whole[:2], whole[np.array([2, 3, 4])]])
    assert torch.equal(joined.vertices, whole.vertices) and list(joined.ids) == list(whole.ids)


def test_missing_part_masks_become_unknown(noise_samples):
    sample = dataclasses.replace(noise_samples(1)[0], parts=None)
    assert (collate([sample], 16).parts == UNKNOWN_PART).all()


def test_oblong_images_are_refused_by_name(noise_samples):
    sample = noise_samples(1)[0]
    sample = dataclasses.replace(sample, image=sample.image[:30], parts=None)
    with pytest.raises(ValueError, match="noise/0 is 40 x 30 pixels; crop it"):
        collate([sample], 16)


@pytest.mark.parametrize(
    "change",
    [
        {"K": np.eye(4, dtype=np.float32)},
        {"keypoints": np.zeros((21, 3), np.float32)},
        {"image": np.zeros((4, 4, 3), np.float32)},
        {"vertices": np.zeros((778, 3), np.float32)},
        {"keypoint_valid": np.ones(21, bool)},
        {"keypoints": np.full((2, 21, 3), np.nan, np.float32)},
        {"vertices": np.full((2, 778, 3), np.inf, np.float32)},
    ],
)
def test_wrong_arrays_are_refused_by_name(noise_samples, change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} of sample noise/0"):
        dataclasses.replace(noise_samples(1)[0], **change)


def test_growing_is_smooth(noise_samples):
    """Twice the size by interpolation: a ramp stays a ramp, without steps of two pixels."""
    ramp = np.broadcast_to(np.arange(0, 240, 6, dtype=np.uint8)[None, :, None], (40, 40, 3))
    sample = dataclasses.replace(noise_samples(1)[0], image=np.ascontiguousarray(ramp))
    row = collate([sample], 80).images[0, 0, 40].int()
    assert set((row[2:-1] - row[1:-2]).tolist()) == {3}


def partly(sample, **changes):
    """The sample with a right hand that has no mesh and a left hand of which only the wrist is annotated."""
    known = np.ones((2, 21), bool)
    known[1, 1:] = False
    vertices = sample.vertices * np.array([0, 1], np.float32)[:, None, None]
    return dataclasses.replace(sample, keypoint_valid=known, vertices=vertices, mask_iou=0.25, **changes)


def test_what_is_not_annotated_is_zero_and_marked(noise_samples):
    whole, bare = noise_samples(2)
    bare = dataclasses.replace(bare, vertices=None, valid=np.array([True, False]))
    batch = collate([whole, partly(whole), bare], 40)
    assert batch.mesh_valid.tolist() == [[True, True], [False, True], [False, False]]
    assert batch.keypoint_valid.sum(-1).tolist() == [[21, 21], [21, 1], [21, 0]]
    assert torch.equal(batch.keypoint_valid.any(-1), batch.valid)
    for values, known in ((batch.keypoints, batch.keypoint_valid), (batch.vertices, batch.mesh_valid)):
        assert (values[~known] == 0).all() and (values[known] != 0).any(-1).all()
    assert torch.isfinite(batch.pixels).all() and (batch.pixels[~batch.keypoint_valid] == 0).all()
    torch.testing.assert_close(batch.mask_iou, torch.tensor([np.nan, 0.25, np.nan]), equal_nan=True)
    assert batch.sources.tolist() == ["noise"] * 3


def test_samples_without_a_mesh_join_those_with_one(noise_samples):
    sample = noise_samples(1)[0]
    bare = dataclasses.replace(sample, vertices=None)
    both = torch.cat([collate([bare], 40).vertices, collate([sample], 40).vertices])
    assert torch.equal(both, collate([bare, sample], 40).vertices)


def test_meshes_of_two_models_make_no_batch(noise_samples):
    sample = noise_samples(1)[0]
    other = dataclasses.replace(sample, vertices=sample.vertices[:, :100], sample_id="other/0")
    with pytest.raises(ValueError, match="other/0 has 100 vertices per hand, the batch 778"):
        collate([sample, other], 40)


def test_no_sample_makes_no_batch():
    with pytest.raises(ValueError, match="at least one"):
        collate([], 16)


def test_a_point_on_the_axis_projects_to_the_principal_point():
    K = torch.tensor([[100.0, 0, 31], [0, 90, 17], [0, 0, 1]])
    assert project(torch.tensor([[0.0, 0, 2]]), K).tolist() == [[31, 17]]
