"""RenderIH's release layout: 256 x 256 crops, a pickled annotation and a pickled dictionary of hands per image.

    <split>/color_img/<id>.jpg
    <split>/color_annot/<id>.pkl      image, camera, MANO parameters
    <split>/ori_handdict/<id>.npy     vertices, joints and rotations of both hands, camera frame, metres

The release stores pickles, which are programs: read ours with nothing but the release's own loaders, or take another
format. Ids count from `FIRST_ID` because the release puts its images behind InterHand2.6M's.
"""

import io
import math
import pickle
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from renderih_lib.data.export_shots import ManoFits, Shots, write_bytes
from renderih_lib.hand.pair import open_hand_pair
from renderih_lib.hand.skeleton import SIDES
from renderih_lib.render.cameras import project, to_camera

FIRST_ID = 366_358  # training images of InterHand2.6M that come before
SIZE = 256  # pixels of a crop
FILL = 0.8  # share of the crop that the keypoints span
JPEG_QUALITY = 95
_CHUNK = 256  # images whose meshes are in memory at once


def crop_matrix(pixels: np.ndarray) -> np.ndarray:
    """(3, 3) from picture to crop: a square about the box of keypoints (..., 2), which fill `FILL` of it."""
    points = pixels.reshape(-1, 2)
    low, high = points.min(0), points.max(0)
    scale = SIZE * FILL / max(high - low)
    x, y = SIZE / 2 - scale * (low + high) / 2
    return np.array([[scale, 0, x], [0, scale, y], [0, 0, 1]])


def cropped(image: np.ndarray, crop: np.ndarray) -> Image.Image:
    """The part of a picture (H, W, 3) uint8 that `crop_matrix` describes; black beyond the border."""
    height, width = image.shape[:2]
    x, y = -crop[:2, 2] / crop[0, 0]
    side = SIZE / crop[0, 0]
    border = math.ceil(max(0, -x, -y, x + side - width, y + side - height))
    canvas = Image.new("RGB", (width + 2 * border, height + 2 * border))
    canvas.paste(Image.fromarray(image), (border, border))
    part = (x + border, y + border, x + border + side, y + border + side)
    return canvas.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=part)


def write_renderih(shots: Shots, folder: Path, fits: ManoFits | None = None) -> None:
    """Write one dataset in the release's layout into `folder`.

    Vertices and joints are those of the picture. Without `fits`, what only MANO can fill is None: `mano_params`, and
    `pose` and `shape` of a hand.
    """
    hands = open_hand_pair().double()
    for start in range(0, len(shots), _CHUNK):
        part = range(start, min(start + _CHUNK, len(shots)))
        pose = shots.pose(list(part))
        with torch.no_grad():
            vertices = hands(pose).vertices.numpy()
        found = fits(pose) if fits else [None] * len(part)
        for row, i in enumerate(part):
            name = str(FIRST_ID + int(shots.ids[i]))
            crop = crop_matrix(shots.pixels[i])
            K = crop @ shots.K[i]
            image, annotation, handdict = io.BytesIO(), _annotation(shots, i, K, found[row]), io.BytesIO()
            cropped(shots.pixels_of(i, "image"), crop).save(image, "JPEG", quality=JPEG_QUALITY)
            both = _handdict(shots, i, K, vertices[row], pose.wrist[row].numpy(), found[row])
            np.save(handdict, np.array(both, dtype=object), allow_pickle=True)
            write_bytes(folder / shots.split / "color_img" / f"{name}.jpg", image.getvalue())
            write_bytes(
                folder / shots.split / "color_annot" / f"{name}.pkl", pickle.dumps(annotation, protocol=4)
            )
            write_bytes(folder / shots.split / "ori_handdict" / f"{name}.npy", handdict.getvalue())


def _annotation(shots: Shots, i: int, K: np.ndarray, fit: dict | None) -> dict:
    """The content of color_annot; the release's `image` and `annotation` are InterHand2.6M's entries."""
    number = FIRST_ID + int(shots.ids[i])
    return {
        "inter_idx": number,
        "image": {"id": number, "file_name": f"color_img/{number}.jpg", "width": SIZE, "height": SIZE},
        "annotation": {"id": number, "image_id": number, "hand_type": "interacting"},
        "mano_params": fit and {side: _mano_params(fit[side]) for side in SIDES},
        "camera": {"R": shots.R[i], "t": shots.t[i][None], "camera": K},
    }


def _mano_params(hand: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {
        "oripose": hand["pose"],
        "pose": hand["coefficients"][None],
        "R": Rotation.from_rotvec(hand["pose"][:3]).as_matrix()[None],
        "shape": hand["shape"][None],
        "trans": hand["trans"][None],
    }


def _handdict(shots: Shots, i: int, K, vertices, wrist, fit: dict | None) -> dict:
    """The content of ori_handdict, from vertices (2, V, 3) and wrist rotations (2, 3, 3) in the world."""
    hands = {}
    for side, name in enumerate(SIDES):
        meshes = {
            "verts": to_camera(vertices[side], shots.R[i], shots.t[i]),
            "joints": shots.keypoints[i, side],
        }
        hands[name] = {"hms": [], "camera": K, "R": shots.R[i] @ wrist[side]}
        hands[name] |= {
            key: fit and fit[name][own] for key, own in (("pose", "coefficients"), ("shape", "shape"))
        }
        for kind, points in meshes.items():
            hands[name][f"{kind}3d"] = points.astype(np.float32)
            hands[name][f"{kind}2d"] = project(points, K).astype(np.float32)
    return hands
