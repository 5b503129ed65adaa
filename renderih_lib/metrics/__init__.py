"""Errors of predicted two-hand keypoints and meshes in millimetres, with every protocol choice an argument.

Arrays are NumPy or torch: keypoints (N, 2, 21, 3) metres in camera axes, hand axis (right, left), order of
`skeleton.KEYPOINT_NAMES`; `valid` says what counts, hands (N, 2) or keypoints (N, 2, 21). Results are float64 NumPy
arrays with one error per keypoint, hand or image and NaN where it does not count, so that a reader can choose the mean.
"""

from renderih_lib.metrics.handedness import hands_found, hands_swapped
from renderih_lib.metrics.keypoints import (
    auc,
    keypoint_errors,
    mpjpe,
    mrrpe,
    pa_mpjpe,
    pck,
    procrustes,
    smpjpe,
)
from renderih_lib.metrics.means import (
    cluster_interval,
    mean_error,
    mean_of_hands,
    mean_of_keypoints,
    per_image,
)
from renderih_lib.metrics.meshes import CONTACT, bend_errors, contact_deviation, contact_pairs, mpvpe
from renderih_lib.metrics.occlusion import IOU_BINS, errors_by_bin, iou_bins
from renderih_lib.metrics.protocols import (
    BONE,
    JOINTS,
    MEANS,
    NORMS,
    PROTOCOLS,
    ROOTS,
    SCALES,
    TRUTHS,
    Protocol,
)

__all__ = [
    "BONE",
    "CONTACT",
    "IOU_BINS",
    "JOINTS",
    "MEANS",
    "NORMS",
    "PROTOCOLS",
    "ROOTS",
    "SCALES",
    "TRUTHS",
    "Protocol",
    "auc",
    "bend_errors",
    "cluster_interval",
    "contact_deviation",
    "contact_pairs",
    "errors_by_bin",
    "hands_found",
    "hands_swapped",
    "iou_bins",
    "keypoint_errors",
    "mean_error",
    "mean_of_hands",
    "mean_of_keypoints",
    "mpjpe",
    "mpvpe",
    "mrrpe",
    "pa_mpjpe",
    "pck",
    "per_image",
    "procrustes",
    "smpjpe",
]
