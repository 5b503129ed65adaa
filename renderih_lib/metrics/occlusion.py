"""Errors by how much the hands hide each other: bins of the IoU of their masks (paper section 5.2, Figure 11)."""

import numpy as np

from renderih_lib.metrics.arrays import array
from renderih_lib.metrics.protocols import checked_choice

#: Lower ends of the bins after the first, by the dataset for which the released scripts use them. A bin holds its
#: lower end, so the first of Tzionas holds only 0.
_EDGES = {"tzionas": (1e-9, 0.2, 0.4), "interhand26m": (0.33, 0.67)}
#: Names of the bins.
IOU_BINS = {
    "tzionas": ("0", "0 - 0.2", "0.2 - 0.4", "0.4 - 1"),
    "interhand26m": ("0 - 0.33", "0.33 - 0.67", "0.67 - 1"),
}


def iou_bins(mask_iou, bins: str) -> np.ndarray:
    """Number of each IoU's bin (N,) int in `IOU_BINS[bins]`, -1 where the IoU is NaN.

    Raises:
        ValueError: if the bins are unknown or an IoU is outside 0 to 1.
    """
    checked_choice("bins", bins, IOU_BINS)
    mask_iou = array(mask_iou).astype(np.float64)
    if ((mask_iou < 0) | (mask_iou > 1)).any():
        raise ValueError("mask_iou must be between 0 and 1, or NaN where unknown")
    return np.where(np.isnan(mask_iou), -1, np.digitize(mask_iou, _EDGES[bins]))


def errors_by_bin(errors, mask_iou, bins: str) -> list[dict]:
    """One row per bin: its name, images, mean_mm and sd_mm, NaN where nothing counts.

    The paper's error bars are 0.5 sd_mm long to each side, taken over keypoints and images.

    Args:
        errors: (N, 2, 21) or (N, 2) or (N,) mm, NaN where not counted. mask_iou: (N,).
    """
    errors, number = array(errors), iou_bins(mask_iou, bins)
    rows = []
    for index, name in enumerate(IOU_BINS[bins]):
        inside = errors[number == index]
        counted = inside[np.isfinite(inside)]
        mean, sd = (counted.mean(), counted.std()) if counted.size else (np.nan, np.nan)
        rows.append({"mask_iou": name, "images": len(inside), "mean_mm": float(mean), "sd_mm": float(sd)})
    return rows
