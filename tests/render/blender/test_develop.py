"""What a camera does to linear light, against slow or analytic twins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderih_lib.render.blender.backdrop import BRIGHTNESS, looked_up, pasted, view_directions
from renderih_lib.render.blender.develop import LUMINANCE, blurred, metered_exposure, sensed, vignette
from renderih_lib.render.cameras import Camera
from renderih_lib.render.cycles import camera_job

PLAIN = {"white_balance": (1, 1, 1), "psf_px": 0, "vignette": 0, "noise_iso": 0, "noise_seed": 0}


def light(seed=0, height=20, width=30):
    return np.random.default_rng(seed).random((height, width, 3), np.float32)


def test_a_perfect_camera_changes_nothing():
    np.testing.assert_array_equal(sensed(light(), PLAIN), light())


@given(st.floats(-6, 6), st.floats(0.05, 1))
def test_the_metered_pixels_come_out_as_bright_as_their_tone_asks(stops, tone):
    image, meter = np.ones((4, 5, 4)) * 2.0**stops, np.array([3, 7])
    exposed = image * 2.0 ** metered_exposure(image, meter, tone)
    assert exposed[0, 3, :3] @ LUMINANCE == pytest.approx(0.25 * tone**0.55)


def test_pixels_beside_the_hands_do_not_change_the_exposure():
    image, meter = np.ones((4, 5, 4)), np.array([3, 7])
    expected = metered_exposure(image, meter, 1)
    image.reshape(-1, 4)[~np.isin(np.arange(20), meter)] = 1e6
    assert metered_exposure(image, meter, 1) == expected
    with pytest.raises(ValueError, match="nothing to expose for"):
        metered_exposure(image, np.zeros(0, int), 1)


@given(st.floats(0.05, 1.5), st.integers(0, 100))
def test_the_lens_spreads_light_and_loses_none(sigma, seed):
    image = np.zeros((21, 25, 3), np.float32)
    image[8:13, 9:16] = light(seed, 5, 7)
    np.testing.assert_allclose(blurred(image, sigma).sum((0, 1)), image.sum((0, 1)), rtol=1e-5)


def test_a_point_becomes_a_gaussian():
    image = np.zeros((31, 31, 1), np.float32)
    image[15, 15] = 1
    spread = blurred(image, 1.5)[..., 0]
    y, x = np.mgrid[:31, :31] - 15
    expected = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    np.testing.assert_allclose(spread, expected / expected.sum(), atol=2e-3)


def test_corners_lose_what_the_vignette_says_and_the_middle_nothing():
    share = vignette(101, 151, 0.18)
    assert share[50, 75] == pytest.approx(1) and share.max() <= 1
    np.testing.assert_allclose(share[[0, 0, -1, -1], [0, -1, 0, -1]], 0.82, atol=0.005)
    np.testing.assert_array_equal(share, share[::-1, ::-1])


@pytest.mark.parametrize("level", [0.02, 0.18, 0.8])
def test_the_noise_has_the_variance_of_the_recipe(level):
    iso, flat = 0.002, np.full((300, 300, 3), level, np.float32)
    noise = sensed(flat, PLAIN | {"noise_iso": iso, "noise_seed": 7}) - flat
    assert noise.var() == pytest.approx(0.5 * iso * level + (1.2 * iso) ** 2, rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=3 * noise.std() / np.sqrt(noise.size))


def test_the_noise_depends_on_its_seed_alone():
    job = PLAIN | {"noise_iso": 0.002, "noise_seed": 7}
    np.testing.assert_array_equal(sensed(light(), job), sensed(light(), job))
    assert (sensed(light(), job) != sensed(light(), job | {"noise_seed": 8})).mean() > 0.9


def test_white_balance_scales_the_channels():
    warm = sensed(light(), PLAIN | {"white_balance": (1.08, 1, 0.92)})
    np.testing.assert_allclose(warm, light() * np.float32((1.08, 1, 0.92)))


def test_a_pasted_background_is_exposed_for_itself():
    """Where there is no hand, its median is the same however bright it or the light on the hands was."""
    pixels, exposure = np.zeros((20, 30, 4), np.float32), 3.0
    pixels[:5] = (0.1, 0.2, 0.3, 1)
    picture = pasted(pixels, 50 * light(), exposure) * 2**exposure
    np.testing.assert_allclose(picture[:5], np.float32((0.1, 0.2, 0.3)) * np.ones((5, 30, 1)) * 8, rtol=1e-6)
    scaled = 50 * light() * BRIGHTNESS / np.median(50 * light() @ LUMINANCE)
    np.testing.assert_allclose(picture[5:], scaled[5:], rtol=1e-5)


def test_the_background_is_seen_by_the_camera_of_the_image():
    """The direction of each pixel is K^-1 x, turned into the world."""
    K = np.array([[90.0, 0, 31.0], [0, 80.0, 14.0], [0, 0, 1]])
    R = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    R *= np.linalg.det(R)
    directions = view_directions(camera_job(Camera(K, R, np.zeros(3), 60, 40)))
    x, y = np.meshgrid(np.arange(60) + 0.5, np.arange(40) + 0.5)
    rays = np.stack([(x - 31) / 90, (y - 14) / 80, np.ones_like(x)], -1) @ R  # our world, +y up
    blender = np.stack([rays[..., 0], -rays[..., 2], rays[..., 1]], -1)
    np.testing.assert_allclose(directions, blender, atol=1e-9)


def test_a_panorama_is_looked_up_between_its_pixels():
    sky = light(3, 64, 128)
    row, column = np.mgrid[:63, :128]
    height = np.pi * (0.5 - (row + 0.5) / 64)
    around = 2 * np.pi * (0.5 - (column + 0.5) / 128)
    at = np.stack([np.cos(height) * np.cos(around), np.cos(height) * np.sin(around), np.sin(height)], -1)
    np.testing.assert_allclose(looked_up(sky, at, 0.0), sky[:63], atol=1e-5)
    turned = looked_up(sky, at, 2 * np.pi * 10 / 128)  # ten columns further
    np.testing.assert_allclose(turned, np.roll(sky, 10, 1)[:63], atol=1e-4)
