import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.data.samples import PART_NAMES, UNKNOWN_PART
from renderih_lib.train.augment import (
    NO_AUGMENTATION,
    RELEASED_AUGMENTATION,
    SWAPPED_PARTS,
    Augmentation,
    augment,
    augmented,
    draws,
)

ONLY_PLACE = Augmentation(gain=0, brightness=0)


def turn_by(angle: float, **changes) -> Augmentation:
    """Settings whose draws are scaled so that a test can ask for about this angle."""
    return Augmentation(
        **({"rotation": angle, "scale": 0, "shift": 0, "flip": 0, "gain": 0, "brightness": 0} | changes)
    )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), flip=st.booleans(), rotation=st.floats(0, math.pi))
def test_labels_and_pixels_agree_after_any_augmentation(noise_batch, seed, flip, rotation):
    """A bright dot painted at each keypoint is found again at the keypoint that the labels claim."""
    batch = noise_batch(2, size=64, seed=seed % 5)
    point = batch.pixels[:, 0, 12] * 0 + 32.5 + torch.tensor([6.0, -9.0])  # a pixel centre off the middle
    images = torch.zeros_like(batch.images)
    images[:, :, 23, 38] = 255
    ray = torch.linalg.solve(batch.K, torch.cat([point, torch.ones(2, 1)], 1)[..., None])[..., 0]
    keypoints = (0.6 * ray)[:, None, None].expand(2, 2, 21, 3).clone()
    settings_ = Augmentation(rotation=rotation, flip=float(flip), gain=0, brightness=0)
    made, labels = augment(
        batch.replace(images=images, keypoints=keypoints), settings_, np.random.default_rng(seed), 64
    )
    mass = made[:, 0]
    total = mass.sum((1, 2))
    centres = torch.arange(64) + 0.5
    found = torch.stack([(mass.sum(1) * centres).sum(1), (mass.sum(2) * centres).sum(1)], 1) / total[:, None]
    assert (total > 0.5).all()
    torch.testing.assert_close(found, labels.pixels[:, 0, 0], atol=0.6, rtol=0)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_hands_stay_rigid(noise_batch, seed):
    batch = noise_batch(3)
    _, labels = augment(batch, Augmentation(flip=0), np.random.default_rng(seed), 32)
    before = (batch.vertices[:, 0, :50] - batch.vertices[:, 1, :50]).norm(dim=-1)
    after = (labels.vertices[:, 0, :50] - labels.vertices[:, 1, :50]).norm(dim=-1)
    torch.testing.assert_close(after, before)


def test_a_mirror_image_swaps_the_hands_and_is_a_real_hand(noise_batch, hands):
    batch = noise_batch(4)
    only_right = torch.tensor([[True, False]] * 4)
    batch = batch.replace(
        valid=only_right, mesh_valid=only_right, keypoint_valid=only_right[..., None].expand(4, 2, 21)
    )
    _, labels = augment(batch, turn_by(0, flip=1.0), np.random.default_rng(0), 40)
    torch.testing.assert_close(labels.vertices[:, 0], batch.vertices[:, 1] * torch.tensor([-1.0, 1, 1]))
    assert labels.valid.tolist() == labels.mesh_valid.tolist() == [[False, True]] * 4
    assert torch.equal(labels.keypoint_valid, labels.valid[..., None].expand(4, 2, 21))
    corners = labels.vertices[:, 0, hands.right.faces]  # outward winding of the right hand must fit
    volume = torch.linalg.det(corners - corners.mean((1, 2), keepdim=True)).sum(-1)
    own = batch.vertices[:, 0, hands.right.faces]
    assert (volume * torch.linalg.det(own - own.mean((1, 2), keepdim=True)).sum(-1) > 0).all()


def test_mirrored_part_names_change_sides():
    for part, name in enumerate(PART_NAMES):
        swapped = PART_NAMES[SWAPPED_PARTS[part]]
        other = {"right": "left", "left": "right"}.get(name.split("_")[0], "")
        assert swapped == (name if not other else name.replace(name.split("_")[0], other, 1))
    assert SWAPPED_PARTS[UNKNOWN_PART] == UNKNOWN_PART


def test_no_augmentation_only_rescales(noise_batch):
    batch = noise_batch(2, size=64)
    images, labels = augment(batch, NO_AUGMENTATION, np.random.default_rng(0), 64)
    torch.testing.assert_close(images, batch.images.float() / 255, atol=1e-4, rtol=0)
    torch.testing.assert_close(labels.pixels, batch.pixels, atol=1e-3, rtol=0)
    assert torch.equal(labels.parts, batch.parts[:, 2::4, 2::4])


def test_outside_the_picture_is_black_and_unknown(noise_batch):
    batch = noise_batch(1, size=64)
    batch = batch.replace(images=torch.full_like(batch.images, 200), parts=torch.ones_like(batch.parts))
    images, labels = augment(batch, turn_by(math.pi / 2), np.random.default_rng(3), 64)
    assert images.min() == 0 and images.max() > 0.7
    assert set(labels.parts.unique().tolist()) == {1, UNKNOWN_PART}


def test_the_same_seed_gives_the_same_images_and_another_seed_others(noise_batch):
    batch = noise_batch(3)
    first, again, other = (augment(batch, ONLY_PLACE, np.random.default_rng(s), 32)[0] for s in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 100), first=st.integers(0, 3))
def test_a_part_of_a_batch_is_augmented_as_in_the_whole(noise_batch, seed, first):
    """What each of several processes does with its share."""
    batch, drawn = noise_batch(4), draws(np.random.default_rng(seed), 4)
    part = slice(first, first + 1)
    whole = augmented(batch, Augmentation(), drawn, 32)
    share = augmented(batch[part], Augmentation(), drawn[part], 32)
    torch.testing.assert_close(share[0], whole[0][part], atol=1e-5, rtol=0)
    torch.testing.assert_close(share[1].keypoints, whole[1].keypoints[part])


def test_what_is_missing_stays_zero(noise_batch):
    batch = noise_batch(3)
    batch = batch.replace(vertices=torch.zeros_like(batch.vertices))
    _, labels = augment(batch, Augmentation(), np.random.default_rng(0), 32)
    assert (labels.vertices == 0).all()


def test_ids_and_sources_stay_with_their_images(noise_batch):
    batch = noise_batch(3)
    _, labels = augment(batch, Augmentation(), np.random.default_rng(0), 32)
    assert list(labels.ids) == list(batch.ids) and list(labels.sources) == list(batch.sources)
    assert torch.equal(labels.pose_ids, batch.pose_ids)


def test_the_released_code_turns_by_a_right_angle_and_does_not_shift():
    assert (RELEASED_AUGMENTATION.rotation, RELEASED_AUGMENTATION.shift) == (math.pi / 2, 0)


@pytest.mark.parametrize("size", [32, 64, 96])
def test_output_size_is_free(noise_batch, size):
    images, labels = augment(noise_batch(2), Augmentation(), np.random.default_rng(0), size)
    assert images.shape == (2, 3, size, size) and labels.parts.shape == (2, size // 4, size // 4)
