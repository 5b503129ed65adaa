"""What a camera does to linear light before the view transform: exposure, lens, sensor."""

import math

import numpy as np

LUMINANCE = np.float32((0.2126, 0.7152, 0.0722))
HAND_LUMINANCE = 0.25  # of light skin in the picture, linear
TONE_SHARE = 0.55  # exponent: 0 makes all skins equally bright, 1 leaves dark skin unreadable


def metered_exposure(pixels: np.ndarray, meter: np.ndarray, tone: float) -> float:
    """Stops that bring the median luminance of the pixels `meter` to what suits the skin they show.

    Args:
        pixels: (H, W, 4) linear. meter: indices of pixels, row by row. tone: luminance of the skin, 1 for light skin.

    Raises:
        ValueError: if there is no pixel to expose for.
    """
    if len(meter) == 0:
        raise ValueError("no pixel shows a hand: nothing to expose for")
    median = float(np.median(pixels.reshape(-1, pixels.shape[-1])[meter, :3] @ LUMINANCE))
    return math.log2(HAND_LUMINANCE * tone**TONE_SHARE / max(median, 1e-6))


def sensed(light: np.ndarray, job: dict) -> np.ndarray:
    """What lens and sensor make of light (H, W, 3), 0.18 a medium grey: (H, W, 3) float32.

    White balance, point spread, vignette and noise in this order; the noise has the variance
    0.5 iso L + (1.2 iso)^2 at luminance L and depends on the job's seed alone.
    """
    light = light * np.float32(job["white_balance"])
    light = blurred(light, job["psf_px"]) * vignette(*light.shape[:2], job["vignette"])[..., None]
    if iso := job["noise_iso"]:
        rng = np.random.default_rng(job["noise_seed"])
        deviation = np.sqrt(0.5 * iso * np.maximum(light, 0) + np.float32((1.2 * iso) ** 2))
        light = light + deviation * rng.standard_normal(light.shape, np.float32)
    return np.maximum(light, 0)


def blurred(image: np.ndarray, sigma: float) -> np.ndarray:
    """(H, W, C) float32 after a Gaussian of `sigma` pixels; outside, the border goes on."""
    if sigma <= 0:
        return image
    reach = max(1, math.ceil(3 * sigma))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).astype(np.float32)
    weights /= weights.sum()
    for axis in (0, 1):
        around = [(reach, reach) if i == axis else (0, 0) for i in range(3)]
        padded, size = np.pad(image, around, mode="edge"), image.shape[axis]
        image = sum(w * padded.take(range(k, k + size), axis) for k, w in enumerate(weights))
    return image


def vignette(height: int, width: int, loss: float) -> np.ndarray:
    """Share of the light (H, W) that arrives: 1 in the middle, 1 - loss in the corners, as the square between."""
    y, x = (np.arange(height) + 0.5) / height - 0.5, (np.arange(width) + 0.5) / width - 0.5
    away = (y[:, None] ** 2 * height**2 + x**2 * width**2) / ((height**2 + width**2) / 4)
    return (1 - loss * away).astype(np.float32)
