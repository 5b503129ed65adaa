"""What the tests of data/, nets/ and train/ share: small random samples, and shards written from them."""

import io

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from renderih_lib.data.samples import PART_NAMES, Sample, collate
from renderih_lib.hand.anatomy import angle_limits
from renderih_lib.hand.pair import HandPair, PairPose, open_hand_pair
from renderih_lib.render.shards import flat_column, write_shard

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def hands() -> HandPair:
    return open_hand_pair()


@pytest.fixture(scope="session")
def noise_samples(hands):
    """A function `(count, size, seed) -> list[Sample]`: noise images with exact labels."""
    return lambda count, size=40, seed=0: random_samples(hands, count, size, seed)


@pytest.fixture(scope="session")
def noise_batch(hands):
    """A function `(count, size, seed) -> SampleBatch`: noise images with exact labels."""
    return lambda count, size=40, seed=0: collate(random_samples(hands, count, size, seed), size)


@pytest.fixture(scope="session")
def write_noise_shard(hands):
    """A function `(folder, count, shard) -> (images, pose, R, t)` that writes one finished shard of noise images."""
    return lambda folder, count, shard=0: write_random_shard(folder, hands, count, shard)


def random_pose(rng: np.random.Generator, count: int, shapes: int) -> PairPose:
    """Pairs inside Table 2, wrists turned anyhow and 15 cm apart."""
    low, high = angle_limits().numpy()[..., 0], angle_limits().numpy()[..., 1]
    wrist = np.linalg.qr(rng.normal(size=(count, 2, 3, 3)))[0]
    wrist *= np.sign(np.linalg.det(wrist))[..., None, None]
    translation = np.array([[-0.075, 0, 0], [0.075, 0, 0]]) + rng.normal(0, 0.01, (count, 2, 3))
    arrays = (
        rng.uniform(low, high, (count, 2, *low.shape)),
        wrist,
        translation,
        rng.normal(size=(count, 2, shapes)),
    )
    return PairPose(*(torch.from_numpy(a).float() for a in arrays))


def random_samples(hands: HandPair, count: int, size: int = 40, seed: int = 0) -> list[Sample]:
    """Noise images with exact labels; the camera looks at the hands from 0.7 m."""
    rng = np.random.default_rng(seed)
    mesh = hands(random_pose(rng, count, hands.right.shape_count))
    K = np.array([[2.0 * size, 0, size / 2 + 1], [0, 2.0 * size, size / 2 - 2], [0, 0, 1]], np.float32)
    away = np.array([0, 0, 0.7], np.float32)
    return [
        Sample(
            image=rng.integers(0, 256, (size, size, 3), dtype=np.uint8),
            K=K,
            vertices=mesh.vertices[i].numpy() + away,
            keypoints=mesh.keypoints[i].numpy() + away,
            valid=np.ones(2, bool),
            sample_id=f"noise/{i}",
            pose_id=i // 2,
            source="noise",
            parts=rng.integers(0, len(PART_NAMES), (size, size), dtype=np.uint8),
        )
        for i in range(count)
    ]


def write_random_shard(folder, hands: HandPair, count: int, shard: int = 0, size: int = 32):
    """One finished shard of noise images; returns poses, world-to-camera rotations and translations."""
    rng = np.random.default_rng(shard)
    pose = random_pose(rng, count, hands.right.shape_count)
    R = np.linalg.qr(rng.normal(size=(count, 3, 3)))[0]
    R *= np.linalg.det(R)[:, None, None]
    t = np.tile([0.0, 0.0, 0.7], (count, 1))
    K = np.tile([[2.0 * size, 0, size / 2], [0, 2.0 * size, size / 2], [0, 0, 1]], (count, 1, 1))
    keypoints = hands(pose).keypoints.numpy() @ R[:, None].transpose(0, 1, 3, 2) + t[:, None, None]
    keys = [f"{shard * 100 + i:08d}" for i in range(count)]
    table = {
        "key": pa.array(keys),
        "image_format": pa.array(["png"] * count),
        "dataset": pa.array(["noise"] * count),
        "pose_id": pa.array(range(count)),
        "K": flat_column(K),
        "R": flat_column(R),
        "t": flat_column(t),
        "keypoints_3d": flat_column(keypoints.astype(np.float32)),
    }
    table |= {name: flat_column(value.numpy()) for name, value in vars(pose).items()}
    images = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    samples = [{"image": png(image), "parts": png(image[..., 0] % 35)} for image in images]
    for sample in samples:
        sample |= {name: sample["parts"] for name in ("right", "left", "depth")}
    write_shard(folder, shard, samples, pa.table(table), {"plan_hash": "noise"})
    return images, pose, R, t


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()
