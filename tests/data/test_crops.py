import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.data.crops import cropped
from renderih_lib.data.samples import UNKNOWN_PART, collate


def moved(sample, x: float, y: float, zoom: float = 1.0):
    """The same hands seen elsewhere in the picture, and larger."""
    K = sample.K.copy()
    K[:2] *= zoom
    K[:2, 2] += (x, y)
    return dataclasses.replace(sample, K=K)


@settings(max_examples=40, deadline=None)
@given(x=st.floats(-60, 60), y=st.floats(-60, 60), zoom=st.floats(0.5, 2), ratio=st.floats(0.3, 1))
def test_the_crop_is_a_window_of_the_picture_and_its_camera_follows(noise_samples, x, y, zoom, ratio):
    """Each pixel of the crop, moved by what K moved, is the pixel of the picture, or black outside of it."""
    sample = moved(noise_samples(1)[0], x, y, zoom)
    crop = cropped(sample, ratio)
    side = crop.image.shape[0]
    shift = sample.K[:2, 2] - crop.K[:2, 2]
    left, top = np.round(shift).astype(int)
    np.testing.assert_allclose(shift, [left, top], atol=1e-3)
    assert crop.image.shape == (side, side, 3) and crop.parts.shape == (side, side)
    rows, columns = np.mgrid[top : top + side, left : left + side]
    inside = (rows >= 0) & (rows < 40) & (columns >= 0) & (columns < 40)
    assert (crop.image[~inside] == 0).all() and (crop.parts[~inside] == UNKNOWN_PART).all()
    np.testing.assert_array_equal(crop.image[inside], sample.image[rows[inside], columns[inside]])
    np.testing.assert_array_equal(crop.parts[inside], sample.parts[rows[inside], columns[inside]])
    np.testing.assert_allclose(crop.pixels, sample.pixels - shift, atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(zoom=st.floats(0.5, 4), ratio=st.floats(0.3, 1))
def test_hands_fill_their_share_and_stand_in_the_middle(noise_samples, zoom, ratio):
    sample = moved(noise_samples(1)[0], 0, 0, zoom)
    crop = cropped(sample, ratio)
    side = len(crop.image)
    points = (crop.vertices @ crop.K.T).reshape(-1, 3)
    pixels = points[:, :2] / points[:, 2:]
    low, high = pixels.min(0), pixels.max(0)
    assert ratio * (side - 1) - 0.01 <= max(high - low) <= ratio * side + 0.01
    np.testing.assert_allclose((low + high) / 2, side / 2, atol=0.51)


def test_what_is_not_annotated_does_not_move_the_crop(noise_samples):
    sample = noise_samples(1)[0]
    right = dataclasses.replace(
        sample, valid=np.array([True, False]), vertices=sample.vertices * [[[1]], [[0]]]
    )
    alone = cropped(right)
    only = dataclasses.replace(right, keypoints=right.keypoints * [[[1]], [[0]]])
    np.testing.assert_array_equal(cropped(only).image, alone.image)
    assert len(alone.image) < len(cropped(sample).image)


def test_without_a_mesh_the_keypoints_are_cropped_about(noise_samples):
    sample = dataclasses.replace(noise_samples(1)[0], vertices=None)
    crop = cropped(sample, 1.0)
    side = len(crop.image)
    assert side - 1 <= np.ptp(crop.pixels.reshape(-1, 2), axis=0).max() <= side


def test_crops_of_any_shape_make_a_batch(noise_samples):
    samples = [dataclasses.replace(s, image=s.image[:30], parts=s.parts[:30]) for s in noise_samples(3)]
    crops = [cropped(sample) for sample in samples]
    batch = collate(crops, 32)
    for i, crop in enumerate(crops):
        expected = crop.pixels * 32 / len(crop.image)
        np.testing.assert_allclose(batch.pixels[i].numpy(), expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("ratio", [0, -1, 1.1, float("nan")])
def test_shares_beyond_the_crop_are_refused(noise_samples, ratio):
    with pytest.raises(ValueError, match="ratio must be"):
        cropped(noise_samples(1)[0], ratio)


def test_a_picture_without_a_labelled_hand_is_named(noise_samples):
    sample = dataclasses.replace(noise_samples(1)[0], valid=np.zeros(2, bool))
    with pytest.raises(ValueError, match="noise/0 has no annotated keypoint"):
        cropped(sample)


@pytest.mark.parametrize("depth", [-0.7, -0.0005])
def test_hands_behind_the_camera_are_a_wrong_label(noise_samples, depth):
    sample = noise_samples(1)[0]
    keypoints = sample.keypoints + np.float32([0, 0, depth - 0.7])
    with pytest.raises(ValueError, match="noise/0 are not before its camera"):
        cropped(dataclasses.replace(sample, vertices=None, keypoints=keypoints))
