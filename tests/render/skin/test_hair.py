"""Hair grows where people have it, and nowhere else."""

import numpy as np
import pytest

from renderih_lib.render.skin.hair import hair, hairiness
from renderih_lib.render.skin.texels import skin_texels

SIZE = 512


@pytest.fixture(scope="module")
def texels():
    return skin_texels(SIZE)


@pytest.fixture(scope="module")
def cover(texels):
    return hair(texels, 1.0, np.random.default_rng(0))


def test_no_hair_where_none_grows(texels, cover):
    hand = texels.points[:, 0] < -15
    last = np.zeros(len(cover), bool)
    for finger in range(5):
        last |= (texels.fingers[finger] > 0.9) & (texels.along[finger, 2] > 2)
    assert not cover[hand & (texels.facing < 0)].any()  # palm
    assert not cover[texels.nail > 0].any()
    assert cover[hand & last].mean() < 1e-3  # fingertips; a hair may lie over the joint
    assert not hairiness(texels)[hand & (texels.facing < 0.2)].any()


def test_hair_grows_on_forearm_back_and_first_phalanges(texels, cover):
    x, facing = texels.points[:, 0], texels.facing
    first = np.zeros(len(cover), bool)
    for finger in range(4):
        first |= (texels.along[finger, 0] > 15) & (texels.along[finger, 1] < -10) & (facing > 0.8)
    ulnar = (x < -20) & (x > -55) & (texels.points[:, 2] < -15) & (facing > 0.8)
    for place in ((x > 60) & (facing > 0.5), first & (texels.fingers.max(0) > 0.9), ulnar):
        assert place.sum() > 50 and cover[place].mean() > 0.01


def test_cover_is_a_share_and_grows_with_the_amount(texels, cover):
    assert cover.dtype == np.float32 and 0 <= cover.min() and 0.2 < cover.max() <= 1
    few = hair(texels, 0.2, np.random.default_rng(0))
    assert 0.1 * cover.sum() < few.sum() < 0.4 * cover.sum()
    assert not hair(texels, 0.0, np.random.default_rng(0)).any()


def test_hairs_are_thin_lines(texels, cover):
    """Erosion by one texel leaves nothing of them."""
    image = texels.image(cover).reshape(SIZE, SIZE) > 0.5 * cover.max()
    image[:, : SIZE // 50] = False
    thick = (
        image & np.roll(image, 1, 0) & np.roll(image, 1, 1) & np.roll(image, -1, 0) & np.roll(image, -1, 1)
    )
    assert image.sum() > 300 and thick.sum() < 0.05 * image.sum()


def test_the_same_seed_grows_the_same_hair(texels, cover):
    np.testing.assert_array_equal(hair(texels, 1.0, np.random.default_rng(0)), cover)
    assert (hair(texels, 1.0, np.random.default_rng(1)) != cover).any()
