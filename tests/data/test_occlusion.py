"""Masks against a loop over pixels and faces, and what their IoU must be."""

from dataclasses import replace

import numpy as np
import pytest

from renderih_lib.data.occlusion import hand_masks, mask_iou, with_mask_iou


@pytest.fixture(scope="module")
def sample(noise_samples):
    return noise_samples(1, size=24)[0]


def covered(mesh, faces, K, size) -> np.ndarray:
    """Pixels whose centre lies in the projection of a face, by the signs of three areas each."""
    image = mesh @ K.T
    corners = (image[:, :2] / image[:, 2:])[faces]  # (F, 3, 2)
    out = np.zeros((size, size), dtype=bool)
    for row in range(size):
        for column in range(size):
            a, b, c = np.moveaxis(corners - [column + 0.5, row + 0.5], 1, 0)
            areas = np.stack([x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0] for x, y in ((a, b), (b, c), (c, a))])
            out[row, column] = ((areas > 0).all(0) | (areas < 0).all(0)).any()
    return out


def test_masks_equal_a_loop_over_pixels_and_faces(sample, hands):
    masks = hand_masks(sample, hands)
    for mask, mesh, hand in zip(masks, sample.vertices, hands.hands, strict=True):
        assert mask.any()
        np.testing.assert_array_equal(
            mask, covered(mesh.astype(float), hand.faces.numpy(), sample.K.astype(float), 24)
        )
    expected = (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum()
    assert mask_iou(sample, hands) == pytest.approx(expected)


def test_a_hand_hides_itself_and_nothing_far_away(sample, hands):
    right = sample.vertices[0]
    same = replace(sample, vertices=np.stack([right, right]))
    assert mask_iou(same, hands) == 1
    behind = replace(sample, vertices=np.stack([right, 2 * right]))  # twice as far, twice as large
    assert mask_iou(behind, hands) == 1  # amodal: what is in front does not matter
    apart = replace(sample, vertices=np.stack([right, right + np.float32([5, 0, 0])]))
    assert mask_iou(apart, hands) == 0


def test_without_both_meshes_the_iou_is_unknown(sample, hands):
    assert np.isnan(mask_iou(replace(sample, vertices=None), hands))
    assert np.isnan(mask_iou(replace(sample, valid=np.array([True, False])), hands))
    with pytest.raises(ValueError, match="no meshes"):
        hand_masks(replace(sample, vertices=None), hands)


def test_meshes_of_another_hand_model_are_refused(sample, hands):
    other = replace(sample, vertices=sample.vertices[:, 1:])
    with pytest.raises(ValueError, match="777 vertices, the hand model"):
        mask_iou(other, hands)


def test_a_sample_gets_its_iou_unless_the_dataset_says_it(sample, hands):
    assert with_mask_iou(replace(sample, mask_iou=np.nan), hands).mask_iou == mask_iou(sample, hands)
    assert with_mask_iou(replace(sample, mask_iou=0.123), hands).mask_iou == 0.123
