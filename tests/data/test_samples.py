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
    ],
)
def test_wrong_arrays_are_refused_by_name(noise_samples, change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} of sample noise/0"):
        dataclasses.replace(noise_samples(1)[0], **change)


def test_no_sample_makes_no_batch():
    with pytest.raises(ValueError, match="at least one"):
        collate([], 16)


def test_a_point_on_the_axis_projects_to_the_principal_point():
    K = torch.tensor([[100.0, 0, 31], [0, 90, 17], [0, 0, 1]])
    assert project(torch.tensor([[0.0, 0, 2]]), K).tolist() == [[31, 17]]
