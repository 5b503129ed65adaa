"""How many training samples one core reads from shards, decodes and augments each second."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from PIL import Image

from renderih_lib.data.rendered import RenderedDataset
from renderih_lib.data.samples import PART_NAMES, collate
from renderih_lib.data.stream import CropStream
from renderih_lib.hand.pair import HandPair, PairPose, open_hand_pair
from renderih_lib.pose.library import load_pose_library
from renderih_lib.render.cameras import framing, look_at, to_camera
from renderih_lib.render.raster import rasterize
from renderih_lib.render.shards import decoded, encoded_image, flat_column, write_shard
from renderih_lib.train.augment import Augmentation, augment

SIZE = 256
JPEG_QUALITY = 95  # of the rendered shards
_LIGHT = np.array([-0.3, -0.5, -0.8])


def sample_speed(count: int = 32, batches: int = 4, batch: int = 64) -> dict[str, float]:
    """Samples of 256 x 256 pixels a second, read, decoded, collated and augmented, and milliseconds of each step.

    All in CPU time of one thread.

    Args:
        count: different images in the shard. batches: how many, of `batch` samples drawn among them.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            hands = open_hand_pair()
            write_drawn_shard(Path(folder), hands, count, SIZE)
            return _speed(RenderedDataset(folder, hands), batches, batch)
    finally:
        torch.set_num_threads(threads)


def _speed(dataset: RenderedDataset, batches: int, batch: int) -> dict[str, float]:
    stream, rng = CropStream(dataset, SIZE), np.random.default_rng(0)
    order = [rng.integers(len(dataset), size=batch) for _ in range(batches)]
    loaded = [stream[picked] for picked in order]
    samples = dataset.samples(order[0])
    rows = {name: values[order[0]] for name, values in dataset.rows.items()}
    files = {name: [dataset.encoded(i, name) for i in order[0]] for name in ("image", "parts")}
    steps = {
        "decode_image_ms": lambda: [decoded(data) for data in files["image"]],
        "decode_parts_ms": lambda: [decoded(data) for data in files["parts"]],
        "pose_meshes_ms": lambda: dataset.vertices(rows),
        "collate_ms": lambda: collate(samples, SIZE),
        "augment_ms": lambda: augment(loaded[0], Augmentation(), rng, SIZE),
    }

    def everything():
        for picked in order:
            augment(stream[picked], Augmentation(), rng, SIZE)

    whole = cpu_seconds(everything) / (batch * batches)
    each = {name: 1000 * cpu_seconds(step) / batch for name, step in steps.items()}
    return {"samples_per_s_core": 1 / whole, "sample_ms": 1000 * whole} | each


def cpu_seconds(action: Callable[[], object], repeats: int = 3) -> float:
    """Least CPU time of `action`, after one call that is not counted: other work on the machine only adds to it."""
    action()
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        action()
        times.append(time.process_time() - begin)
    return min(times)


def write_drawn_shard(folder: Path, hands: HandPair, count: int, size: int) -> None:
    """One finished shard of natural pairs, drawn instead of rendered: JPEG and PNG members of the usual weight."""
    poses = load_pose_library().natural_pairs(0, count)
    with torch.no_grad():
        mesh = hands(poses)
    rng = np.random.default_rng(0)
    rows, members = [], []
    for vertices, keypoints in zip(mesh.vertices.numpy(), mesh.keypoints.numpy(), strict=True):
        middle = vertices.reshape(-1, 3).mean(0)
        R, t = look_at(middle + 0.6 * _direction(rng), middle, 0.0)
        seen = to_camera(vertices, R, t)
        K = framing(seen.reshape(-1, 3), size, size, 0.8, False)
        image, parts = drawn(seen, hands, K, size, size, rng)
        files = {
            "image": encoded_image(Image.fromarray(image), "JPEG", quality=JPEG_QUALITY),
            "parts": encoded_image(Image.fromarray(parts), "PNG"),
        }
        members.append(files | dict.fromkeys(("right", "left", "depth"), b""))
        rows.append((K, R, t, to_camera(keypoints, R, t).astype(np.float32)))
    lists = dict(zip(("K", "R", "t", "keypoints_3d"), map(np.stack, zip(*rows, strict=True)), strict=True))
    lists |= {name: getattr(poses, name).numpy() for name in PairPose.__dataclass_fields__}
    columns = {name: flat_column(values) for name, values in lists.items()}
    columns |= {
        name: pa.array([text] * count) for name, text in (("dataset", "drawn"), ("image_format", "jpg"))
    }
    columns |= {"key": pa.array([f"{i:08d}" for i in range(count)]), "pose_id": pa.array(range(count))}
    write_shard(folder, 0, members, pa.table(columns), {"plan_hash": "drawn"})


def drawn(
    vertices: np.ndarray, hands: HandPair, K: np.ndarray, width: int, height: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A picture (height, width, 3) uint8 of shaded hands before a soft background, and its parts (height, width).

    Args:
        vertices: (2, V, 3) metres, camera frame.
    """
    faces = np.concatenate(
        [hand.faces.numpy() + side * vertices.shape[1] for side, hand in enumerate(hands.hands)]
    )
    points = vertices.reshape(-1, 3)
    face = rasterize(points, faces, K, width, height).face
    corners = points[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    light = 0.35 + 0.65 * np.clip(normals @ _LIGHT, 0, 1)
    skin = rng.uniform(0.5, 0.9) * np.array([1.0, 0.75, 0.62])
    soft = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize(
        (width, height), Image.BICUBIC
    )
    hit = face >= 0
    image = np.where(hit[..., None], 255 * light[face][..., None] * skin, np.asarray(soft))
    image = image + rng.normal(0, 3, image.shape)  # grain, which is what JPEG spends its bytes on
    joint = np.concatenate(
        [hand.skin_weights.argmax(1).numpy() + 1 + 16 * side for side, hand in enumerate(hands.hands)]
    )
    parts = np.where(hit, joint[faces[face][..., 0]], PART_NAMES.index("background"))
    return image.clip(0, 255).astype(np.uint8), parts.astype(np.uint8)


def _direction(rng: np.random.Generator) -> np.ndarray:
    axis = rng.normal(size=3)
    return axis / np.linalg.norm(axis)
