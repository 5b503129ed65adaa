"""COCO keypoints: one annotation per hand with its 21 keypoints, box and mask; category 1 = right, 2 = left hand.

    images/<split>/<image>.<jpg or png>
    annotations/hand_keypoints_<split>.json

COCO's `v` is 2 for a visible keypoint, 1 for a hidden one inside the picture, 0 (with x = y = 0) for one outside.
Coordinates count from the corner of the picture; the middle of the top-left pixel is (0.5, 0.5).
"""

from pathlib import Path

import numpy as np

from renderih_lib.data.export_shots import Shots, box, rounded, write_bytes, write_compact_json
from renderih_lib.hand.skeleton import JOINT_COUNT, KEYPOINT_BONES, KEYPOINT_NAMES, SIDES


def run_lengths(mask: np.ndarray) -> dict:
    """COCO's uncompressed RLE of a mask (H, W) bool: lengths of runs down the columns, the first of unset pixels."""
    flat = mask.T.ravel()
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    counts = np.diff([0, *changes, len(flat)]).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat[0] else counts}


def write_coco(shots: Shots, folder: Path, fits=None) -> None:
    """Write one dataset as COCO keypoints into `folder`; `fits` (MANO parameters) have no place in COCO.

    Box, area and mask are of what is visible of the hand; `amodal_bbox` is of the hand as if it were alone. Besides,
    an image has `camera` (K, R, t of `x_cam = R x_world + t`, metres) and an annotation `keypoints_3d` (21 x 3,
    millimetres, camera frame).
    """
    images, annotations = [], []
    pixels = shots.pixels
    for i, number in enumerate(shots.ids.tolist()):
        alone, parts = shots.masks(i), shots.pixels_of(i, "parts")
        height, width = parts.shape
        name = f"{number:08d}.{shots.rows['image_format'].iloc[i]}"
        write_bytes(folder / "images" / shots.split / name, shots.image(i))
        camera = {"K": rounded(shots.K[i], 6), "R": rounded(shots.R[i], 12), "t": rounded(shots.t[i], 8)}
        images.append({"id": number, "file_name": name, "width": width, "height": height, "camera": camera})
        inside = ((pixels[i] >= 0) & (pixels[i] < [width, height])).all(-1)
        flags = np.where(inside, 1 + shots.visible[i], 0)
        for side in range(2):
            mask = (parts > JOINT_COUNT * side) & (parts <= JOINT_COUNT * (side + 1))
            marked = np.column_stack([np.where(flags[side, :, None] > 0, pixels[i, side], 0), flags[side]])
            annotations.append(
                {
                    "id": 2 * number + side + 1,
                    "image_id": number,
                    "category_id": side + 1,
                    "keypoints": _triples(marked),
                    "num_keypoints": int((flags[side] > 0).sum()),
                    "bbox": box(mask),
                    "amodal_bbox": box(alone[side]),
                    "area": int(mask.sum()),
                    "segmentation": run_lengths(mask),
                    "iscrowd": 0,
                    "keypoints_3d": rounded(1000 * shots.keypoints[i, side], 5),
                }
            )
    info = {"description": f"{shots.dataset}: rendered interacting hands", "version": "1.0"}
    content = {"info": info, "images": images, "annotations": annotations, "categories": _categories()}
    write_compact_json(folder / "annotations" / f"hand_keypoints_{shots.split}.json", content)


def _triples(marked: np.ndarray) -> list:
    """x, y, v of (21, 3), flat; v stays an integer."""
    return [number for x, y, v in rounded(marked, 4) for number in (x, y, int(v))]


def _categories() -> list[dict]:
    bones = [[a + 1, b + 1] for a, b in KEYPOINT_BONES]
    common = {"supercategory": "hand", "keypoints": list(KEYPOINT_NAMES), "skeleton": bones}
    return [{"id": side + 1, "name": f"{name}_hand"} | common for side, name in enumerate(SIDES)]
