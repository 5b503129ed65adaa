"""InterHand2.6M's layout: pictures in a tree, annotations in four JSON files per split.

    images/<split>/Capture0/<dataset>/cam<image>/image<frame>.<jpg or png>
    annotations/skeleton.txt
    annotations/<split>/InterHand2.6M_<split>_{data,camera,joint_3d,MANO_NeuralAnnot}.json

Each image of ours has a camera of its own, so a camera is named after its image; the images of one posed pair share
a frame. 42 joints, right hand first, tips first; millimetres; `x_cam = camrot (x_world - campos)`.
"""

from pathlib import Path

import numpy as np

from renderih_lib.data.export_shots import ManoFits, Shots, box, rounded, write_bytes, write_compact_json
from renderih_lib.hand.skeleton import KEYPOINT_COUNT, SIDES

CAPTURE = "0"
_FIELD_DIGITS = {"campos": 5, "camrot": 12, "focal": 6, "princpt": 6}

#: InterHand2.6M's 21 joints as indices of our keypoints: thumb tip to root, index, middle, ring, pinky, wrist.
TIP_FIRST = (*(4 * finger + level for finger in range(5) for level in (4, 3, 2, 1)), 0)


def tip_first(points: np.ndarray) -> np.ndarray:
    """Our keypoints (..., 2, 21, D) in InterHand2.6M's order, (..., 42, D)."""
    ordered = points[..., TIP_FIRST, :]
    return ordered.reshape(*points.shape[:-3], 2 * KEYPOINT_COUNT, points.shape[-1])


def skeleton_lines() -> list[str]:
    """`skeleton.txt`: name, id and parent of the 42 joints."""
    lines = ["# joint_name joint_id joint_parent_id"]
    for side, letter in enumerate("rl"):
        first = side * KEYPOINT_COUNT
        wrist = first + KEYPOINT_COUNT - 1
        for finger, name in enumerate(("thumb", "index", "middle", "ring", "pinky")):
            for place in range(4):
                joint = first + 4 * finger + place
                lines.append(f"{letter}_{name}{4 - place} {joint} {joint + 1 if place < 3 else wrist}")
        lines.append(f"{letter}_wrist {wrist} -1")
    return lines


def write_interhand(shots: Shots, folder: Path, fits: ManoFits | None = None) -> None:
    """Write one dataset in InterHand2.6M's layout into `folder`.

    Without `fits` the MANO file has an entry for every frame, and null for both hands: no MANO fit is known.
    """
    annotations = folder / "annotations"
    write_bytes(annotations / "skeleton.txt", ("\n".join(skeleton_lines()) + "\n").encode())
    contents = {
        "data": _data(shots, folder / "images" / shots.split),
        "camera": {CAPTURE: _cameras(shots)},
        "joint_3d": {CAPTURE: _joints(shots)},
        "MANO_NeuralAnnot": {CAPTURE: _fits(shots, fits)},
    }
    for name, content in contents.items():
        path = annotations / shots.split / f"InterHand2.6M_{shots.split}_{name}.json"
        write_compact_json(path, content)


def _data(shots: Shots, folder: Path) -> dict:
    """COCO-style lists of images and annotations; writes the pictures."""
    images, annotations = [], []
    for i, (number, frame, person) in enumerate(zip(shots.ids, shots.frames, shots.persons, strict=True)):
        masks, number, frame = shots.masks(i), int(number), int(frame)
        ending = shots.rows["image_format"].iloc[i]
        name = f"Capture{CAPTURE}/{shots.dataset}/cam{number}/image{frame}.{ending}"
        write_bytes(folder / name, shots.image(i))
        image = {"id": number, "file_name": name, "width": masks.shape[2], "height": masks.shape[1]}
        image |= {"capture": int(CAPTURE), "subject": person, "seq_name": shots.dataset}
        images.append(image | {"camera": str(number), "frame_idx": frame})
        annotation = {"id": number, "image_id": number, "bbox": box(masks), "hand_type": "interacting"}
        annotations.append(annotation | {"joint_valid": [1] * (2 * KEYPOINT_COUNT), "hand_type_valid": 1})
    return {"images": images, "annotations": annotations}


def _cameras(shots: Shots) -> dict:
    cameras = {
        "campos": -1000 * np.einsum("nji,nj->ni", shots.R, shots.t),
        "camrot": shots.R,
        "focal": shots.K[:, (0, 1), (0, 1)],
        "princpt": shots.K[:, :2, 2],
    }
    return {
        name: dict(zip(map(str, shots.ids.tolist()), rounded(values, _FIELD_DIGITS[name]), strict=True))
        for name, values in cameras.items()
    }


def _joints(shots: Shots) -> dict:
    world = 1000 * tip_first(shots.world)
    rows = _first_rows(shots, world)
    valid = [[1]] * (2 * KEYPOINT_COUNT)
    common = {"joint_valid": valid, "hand_type": "interacting", "hand_type_valid": True}
    return {frame: {"world_coord": rounded(world[row], 5)} | common for frame, row in rows.items()}


def _fits(shots: Shots, fits: ManoFits | None) -> dict:
    rows = _first_rows(shots, shots.world * 1000)
    if fits is None:
        return {frame: dict.fromkeys(SIDES) for frame in rows}
    found = fits(shots.pose(list(rows.values())))
    return {
        frame: {
            side: {name: rounded(fit[side][name], 9) for name in ("pose", "shape", "trans")} for side in SIDES
        }
        for frame, fit in zip(rows, found, strict=True)
    }


def _first_rows(shots: Shots, world: np.ndarray) -> dict[str, int]:
    """The first image of each frame; world (N, ..., 3) millimetres must be the same in the others.

    Raises:
        ValueError: if images of one frame show different poses.
    """
    first = {}
    for i, frame in enumerate(shots.frames.tolist()):
        row = first.setdefault(str(frame), i)
        if np.abs(world[i] - world[row]).max() > 0.01:
            raise ValueError(
                f"images {shots.ids[row]} and {shots.ids[i]} share frame {frame} but not the pose"
            )
    return first
