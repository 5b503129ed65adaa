"""Pictures pasted behind the hands, as in data sets that were put together from two photographs."""

import numpy as np

from renderih_lib.render.blender.develop import LUMINANCE

BRIGHTNESS = 0.18  # median luminance of a pasted background, which another camera exposed


def pasted(pixels: np.ndarray, background: np.ndarray, exposure: float) -> np.ndarray:
    """Hands (H, W, 4), alpha premultiplied, over a background (H, W, 3) that is exposed for itself: (H, W, 3).

    The result still has to be brightened by `exposure` stops, which are metered on the hands.
    """
    own = BRIGHTNESS / max(float(np.median(background @ LUMINANCE)), 1e-6)
    return pixels[..., :3] + (1 - pixels[..., 3:]) * background * np.float32(own / 2.0**exposure)


def view_directions(job: dict) -> np.ndarray:
    """Where each pixel of a job's camera looks: (H, W, 3), not of unit length, Blender's world."""
    width, height, lens = job["width"], job["height"], job["lens"]
    side = job["sensor_width"] / lens["lens"]  # of the picture at distance 1, as wide as it is
    aspect = lens["pixel_aspect_y"] / lens["pixel_aspect_x"]
    x = ((np.arange(width) + 0.5) / width - 0.5 + lens["shift_x"]) * side
    y = ((0.5 - (np.arange(height) + 0.5) / height) * height * aspect / width + lens["shift_y"]) * side
    grid = np.stack([*np.meshgrid(x, y), np.full((height, width), -1.0)], -1)
    return grid @ np.array(job["camera_to_world"])[:3, :3].T


def looked_up(panorama: np.ndarray, directions: np.ndarray, yaw: float) -> np.ndarray:
    """Light (..., 3) of an equirect panorama (H, W, 3), top row first, in directions (..., 3), between its pixels.

    Turned by `yaw` as the world's Mapping node turns it: the direction is rotated about +z before the look-up.
    """
    height, width = panorama.shape[:2]
    x, y, z = np.moveaxis(directions, -1, 0)
    around = np.arctan2(y, x) + yaw
    column = (0.5 - around / (2 * np.pi)) % 1 * width - 0.5
    row = (np.arctan2(np.hypot(x, y), z) / np.pi * height - 0.5).clip(0, height - 1)
    left, top = np.floor(column).astype(int), np.floor(row).astype(int).clip(0, height - 2)
    across, down = (column - left)[..., None], (row - top)[..., None]
    right, left = (left + 1) % width, left % width
    upper = (1 - across) * panorama[top, left] + across * panorama[top, right]
    lower = (1 - across) * panorama[top + 1, left] + across * panorama[top + 1, right]
    return ((1 - down) * upper + down * lower).astype(np.float32)
