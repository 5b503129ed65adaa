"""Square crops about the hands: what the network sees of a picture, with the camera that belongs to it."""

import dataclasses
import math

import numpy as np
import torch

from renderih_lib.data.samples import UNKNOWN_PART, Sample, project

RATIO = 0.8  # share of the crop's side that the hands span, as in the released code
LARGEST = 20  # sides of the picture; a crop beyond is no sight of hands but a wrong label


def cropped(sample: Sample, ratio: float = RATIO) -> Sample:
    """The square about the projected hands, cut out pixel by pixel, so that K follows exactly.

    The longer side of the box about both hands, annotated keypoints and meshes, spans `ratio` of the crop (to a pixel:
    nothing is resampled here, see `collate`). Beyond the border the picture is black and its parts unknown.

    Raises:
        ValueError: if `ratio` is not in (0, 1], no keypoint is annotated, or the hands are not before the camera.
    """
    if not 0 < ratio <= 1:
        raise ValueError(f"ratio must be above 0 and at most 1, got {ratio}")
    x, y, side = _window(sample, ratio)
    K = sample.K.copy()
    K[:2, 2] -= (x, y)
    parts = None if sample.parts is None else _cut(sample.parts, x, y, side, UNKNOWN_PART)
    return dataclasses.replace(sample, image=_cut(sample.image, x, y, side, 0), K=K, parts=parts)


def _window(sample: Sample, ratio: float) -> tuple[int, int, int]:
    """Left, top and side of the square, whole pixels."""
    points = sample.keypoints[sample.known]
    if not len(points):
        raise ValueError(f"sample {sample.sample_id} has no annotated keypoint to crop about")
    if (meshed := sample.meshed).any():
        points = np.concatenate([points, sample.vertices[meshed].reshape(-1, 3)])
    pixels = project(torch.from_numpy(points), torch.from_numpy(sample.K)).numpy().astype(np.float64)
    low, high = pixels.min(0), pixels.max(0)
    side = max(1, math.ceil(max(high - low) / ratio))
    if (points[:, 2] <= 0).any() or side > LARGEST * max(sample.image.shape[:2]):
        raise ValueError(
            f"hands of sample {sample.sample_id} are not before its camera; its labels are wrong"
        )
    x, y = np.round((low + high - side) / 2).astype(int).tolist()
    return x, y, side


def _cut(array: np.ndarray, x: int, y: int, side: int, empty: int) -> np.ndarray:
    """(side, side, ...) of an image whose top left corner is at (x, y), which may lie outside."""
    height, width = array.shape[:2]
    out = np.full((side, side, *array.shape[2:]), empty, array.dtype)
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + side, width), min(y + side, height)
    if left < right and top < bottom:
        out[top - y : bottom - y, left - x : right - x] = array[top:bottom, left:right]
    return out
