"""Small trees in the layouts of the datasets, written from posed hands that are known, with pictures of them."""

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import yaml
from PIL import Image
from scipy.spatial.transform import Rotation

from renderih_lib.data import dexycb, ego3dhands, freihand, h2o3d, tzionas
from renderih_lib.hand.mano import as_released, mano_rotations
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import KEYPOINT_SOURCE
from renderih_lib.render.raster import rasterize

COLORS = np.array([[213, 94, 0], [86, 180, 233]])  # right, left
GROUND = 40
OPENGL = np.diag([1.0, -1.0, -1.0])  # from OpenCV's camera axes, and back
SERIALS = ("836212060125", "839512060362")


class Scene(NamedTuple):
    """Both hands in front of a camera, OpenCV axes, metres."""

    image: np.ndarray  # (H, W, 3) uint8
    K: np.ndarray  # (3, 3), pixel centres at integers + 0.5
    vertices: np.ndarray  # (2, 778, 3)
    keypoints: np.ndarray  # (2, 21, 3)
    pose: np.ndarray  # (2, 48) axis-angles, flat hand
    shape: np.ndarray  # (10,)
    translation: np.ndarray  # (2, 3)


def scene(hands: HandPair, seed: int, K, size: tuple[int, int], sides=(0, 1), depth: float = 0.6) -> Scene:
    """Hands with small finger angles, turned anyhow, `sides` of them drawn; the shape of the left one as released."""
    rng = np.random.default_rng(seed)
    pose = np.concatenate([rng.normal(0, 0.6, (2, 3)), rng.normal(0, 0.15, (2, 45))], 1)
    shape = rng.normal(size=10)
    models = (hands.right, as_released(hands.left))
    places = np.array([[-0.1, 0, depth], [0.1, 0, depth]]) + rng.normal(0, 0.01, (2, 3))
    if len(sides) == 1:
        places[:, 0] = 0
    meshes, translation = [], []
    for side, model in enumerate(models):
        rotations = mano_rotations(model, pose[side : side + 1], flat=True)
        one = torch.from_numpy(shape[None]).float()
        middle = model(rotations, one).vertices[0].mean(0).numpy()
        translation.append(places[side] - middle)
        meshes.append(model(rotations, one, torch.from_numpy(translation[-1][None]).float()))
    vertices = np.stack([mesh.vertices[0].numpy() for mesh in meshes]).astype(np.float64)
    keypoints = np.stack([mesh.keypoints[0].numpy() for mesh in meshes]).astype(np.float64)
    image = picture(hands, vertices, K, size, sides)
    return Scene(image, np.asarray(K, float), vertices, keypoints, pose, shape, np.array(translation))


def picture(hands: HandPair, vertices, K, size: tuple[int, int], sides=(0, 1)) -> np.ndarray:
    """The hands in flat colours, the nearer one in front."""
    image, nearest = np.full((size[1], size[0], 3), GROUND, np.uint8), np.full(size[::-1], np.inf)
    for side in sides:
        drawn = rasterize(vertices[side], hands.hands[side].faces.numpy(), np.asarray(K, float), *size)
        front = (drawn.face >= 0) & (drawn.depth < nearest)
        image[front], nearest[front] = COLORS[side], drawn.depth[front]
    return image


def share_on_hand(sample) -> float:
    """Share of a sample's keypoints that lie on a pixel in their hand's colour; all must be in the picture."""
    pixels, side = sample.pixels[sample.known], np.repeat([0, 1], sample.known.sum(1))
    assert (pixels >= 0).all() and (pixels < sample.image.shape[1::-1]).all()
    return float(on_hand(sample.image, pixels)[np.arange(len(side)), side].mean())


def on_hand(image: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Whether pixels (N, 2) have the colour of the right and of the left hand, (N, 2); False outside the image."""
    columns, rows = np.floor(pixels).astype(int).T
    inside = (columns >= 0) & (columns < image.shape[1]) & (rows >= 0) & (rows < image.shape[0])
    seen = image[rows.clip(0, image.shape[0] - 1), columns.clip(0, image.shape[1] - 1)].astype(int)
    return inside[:, None] & (np.abs(seen[:, None] - COLORS).sum(-1) < 150)


def save_image(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, quality=95) if path.suffix == ".jpg" else Image.fromarray(image).save(
        path
    )


def save(path: Path, data: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def mano_order(keypoints: np.ndarray) -> np.ndarray:
    """Keypoints (21, ...) as MANO's 16 joints and the tips from thumb to little finger."""
    stored = np.empty_like(keypoints)
    stored[list(KEYPOINT_SOURCE)] = keypoints
    return stored


def write_tzionas(root: Path, hands: HandPair, count: int = 2, order=mano_order) -> list[Scene]:
    """Frames 5, 6, ... of sequence 01."""
    scenes = [scene(hands, i, tzionas.K, tzionas.SIZE) for i in range(count)]
    fits = (
        "IJCV16___Results_MANO___parms_for___joints21/IJCV16___fakeGT___IJCV___01___Model_Hand_{}___ncomps45"
    )
    for number, one in enumerate(scenes, start=5):
        save_image(root / f"01/1/rgb/{number:03d}.png", one.image)
        for side, letter in enumerate("RL"):
            fit = {"v": one.vertices[side], "J_transformed___j21": order(one.keypoints[side])}
            fit |= {"pose": one.pose[side], "betas": one.shape, "trans": one.translation[side], "ncomps": 45}
            save(root / fits.format(letter) / f"{number:03d}.pkl", pickle.dumps(fit, protocol=2))
    return scenes


def write_h2o3d(root: Path, hands: HandPair, count: int = 2, split: str = "train") -> list[Scene]:
    """One sequence."""
    K = np.array([[614.0, 0, 320.5], [0, 615, 241.5], [0, 0, 1]])
    scenes = [scene(hands, 10 + i, K, (640, 480)) for i in range(count)]
    save(root / f"{split}.txt", "\n".join(f"SB10/{i:04d}" for i in range(count)) + "\n")
    for i, one in enumerate(scenes):
        save_image(root / f"{split}/SB10/rgb/{i:04d}.jpg", one.image)
        save(root / f"{split}/SB10/meta/{i:04d}.pkl", pickle.dumps(h2o3d_meta(hands, one, split), protocol=2))
    return scenes


def h2o3d_meta(hands: HandPair, one: Scene, split: str = "train") -> dict:
    meta = {"camMat": one.K - np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]), "handBeta": one.shape}
    for side, name in enumerate(("right", "left")):
        joints = one.keypoints[side] @ OPENGL
        if split == "evaluation":
            meta[f"{name}HandJoints3D"] = joints[0]
            continue
        model = (hands.right, as_released(hands.left))[side]
        wrist = model.rest(torch.from_numpy(one.shape[None]).float())[1][0, 0].numpy()
        turned = OPENGL @ Rotation.from_rotvec(one.pose[side, :3]).as_matrix()
        pose = np.concatenate([Rotation.from_matrix(turned).as_rotvec(), one.pose[side, 3:]])
        meta[f"{name}HandJoints3D"] = mano_order(joints)
        meta[f"{name}HandPose"] = pose
        meta[f"{name}HandTrans"] = OPENGL @ (wrist + one.translation[side]) - wrist
        meta[f"jointValid{name.capitalize()}"] = np.ones(21)
        meta[f"poseValid{name.capitalize()}"] = np.ones(48)
    return meta


def write_ego3dhands(root: Path, hands: HandPair, count: int = 2) -> list[Scene]:
    """Instances 00000, 00001, ...; the hands are scaled until the palm measures 10 cm."""
    K = np.array([[188.0, 0, 240], [0, 188, 135], [0, 0, 1]])
    scenes = [scene(hands, 20 + i, K, (480, 270), depth=0.35) for i in range(count)]
    for i, one in enumerate(scenes):
        pixels = (one.keypoints @ K.T)[..., :2] / one.keypoints[..., 2:]
        palms = np.linalg.norm(one.keypoints[:, 9] - one.keypoints[:, 0], axis=-1)
        scaled = one.keypoints * (0.1 / palms)[:, None, None]
        save_image(root / f"{i:05d}/color_new.png", one.image)
        save_ego3dhands(root / f"{i:05d}", pixels / [480, 270], scaled)
        scenes[i] = one._replace(keypoints=scaled)
    return scenes


def save_ego3dhands(folder: Path, fractions: np.ndarray, points: np.ndarray) -> None:
    """Fractions (2, 21, 2) of width and height, and metres (2, 21, 3), as the dataset stores them."""
    rows, places = fractions[::-1, :, ::-1], 100 * points[::-1][..., [1, 0, 2]]
    for name, array in (("location_2d", rows), ("location_3d_global", places)):
        elbow = np.full((2, 1, array.shape[-1]), 7.0)
        np.save(folder / f"{name}.npy", np.concatenate([elbow, array], 1))


def write_freihand(root: Path, hands: HandPair, count: int = 2, split: str = "training") -> list[Scene]:
    """Every version of `count` right hands."""
    K = np.array([[480.0, 0, 112], [0, 481, 111], [0, 0, 1]])
    scenes = [scene(hands, 30 + i, K, (224, 224), sides=(0,), depth=0.7) for i in range(count)]
    versions = freihand.VERSIONS if split == "training" else freihand.VERSIONS[:1]
    for version in range(len(versions)):
        for i, one in enumerate(scenes):
            save_image(root / f"{split}/rgb/{version * count + i:08d}.jpg", one.image)
    labels = {
        "K": [one.K.tolist() for one in scenes],
        "xyz": [one.keypoints[0].tolist() for one in scenes],
        "verts": [one.vertices[0].tolist() for one in scenes],
    }
    for name, content in labels.items():
        save(root / f"{split}_{name}.json", json.dumps(content))
    return scenes


def write_dexycb(root: Path, hands: HandPair, count: int = 2) -> list[Scene]:
    """A sequence of a right and one of a left hand, each with two cameras that see `count` - 1 frames, and one without."""
    K = np.array([[613.0, 0, 313.5], [0, 612, 245.5], [0, 0, 1]])
    scenes = []
    color = {"fx": 613.0, "fy": 612.0, "ppx": 313.0, "ppy": 245.0}
    for serial in SERIALS:
        path = root / f"calibration/intrinsics/{serial}_640x480.yml"
        save(path, yaml.safe_dump({"color": color, "depth": color}))
    for side, name in enumerate(("right", "left")):
        sequence, calibration = (
            f"20200709-subject-01/20200709_14150{side}",
            f"20200709_140042_subject-01_{name}",
        )
        meta = {
            "serials": list(SERIALS),
            "num_frames": count,
            "mano_sides": [name],
            "mano_calib": [calibration],
        }
        save(root / sequence / "meta.yml", yaml.safe_dump(meta))
        shape = None
        for serial in SERIALS:
            for frame in range(count):
                one = scene(hands, 40 + side, K, (640, 480), sides=(side,))
                shape, seen = one.shape, frame < count - 1
                scenes.append(one)
                save_image(root / sequence / serial / f"color_{frame:06d}.jpg", one.image)
                labels = dexycb_labels(hands, one, side, seen)
                np.savez(root / sequence / serial / f"labels_{frame:06d}.npz", **labels)
        save(root / f"calibration/mano_{calibration}/mano.yml", yaml.safe_dump({"betas": shape.tolist()}))
    return scenes


def dexycb_labels(hands: HandPair, one: Scene, side: int, seen: bool) -> dict[str, np.ndarray]:
    model = hands.hands[side]
    fingers = one.pose[side, 3:] - model.mean_pose.double().numpy()
    coefficients = np.linalg.solve(model.pose_components.double().numpy().T, fingers)
    pose = np.concatenate([one.pose[side, :3], coefficients, one.translation[side]])
    joints = one.keypoints[side] if seen else np.full((21, 3), -1)
    return {
        "pose_m": (pose * seen)[None].astype(np.float32),
        "joint_3d": joints[None].astype(np.float32),
        "seg": np.zeros((4, 4), np.uint8),
    }


class Layout(NamedTuple):
    """How a dataset is written and read, and the files of its first sample."""

    write: Callable
    reader: Callable
    image: str
    labels: str
    sides: tuple[int, ...] = (0, 1)  # labelled in the first sample


LAYOUTS = {
    "tzionas": Layout(
        write_tzionas,
        lambda root, hands: tzionas.Tzionas(root, hands, ("01",)),
        "01/1/rgb/005.png",
        "IJCV16___Results_MANO___parms_for___joints21/IJCV16___fakeGT___IJCV___01___Model_Hand_R___ncomps45/005.pkl",
    ),
    "h2o3d": Layout(write_h2o3d, h2o3d.H2O3D, "train/SB10/rgb/0000.jpg", "train/SB10/meta/0000.pkl"),
    "ego3dhands": Layout(
        write_ego3dhands, ego3dhands.Ego3DHands, "00000/color_new.png", "00000/location_3d_global.npy"
    ),
    "freihand": Layout(
        write_freihand, freihand.FreiHAND, "training/rgb/00000000.jpg", "training_xyz.json", (0,)
    ),
    "dexycb": Layout(
        write_dexycb,
        dexycb.DexYCB,
        f"20200709-subject-01/20200709_141500/{SERIALS[0]}/color_000000.jpg",
        f"20200709-subject-01/20200709_141500/{SERIALS[0]}/labels_000000.npz",
        (0,),
    ),
}
