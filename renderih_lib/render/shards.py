"""Shards: a tar of images and masks, a Parquet file of annotations, and a JSON file that says the shard is done.

`shard-00000.tar` (WebDataset layout; key = image_id with 8 digits) holds per image

- `<key>.jpg`        RGB, 8 bit (`<key>.png` when the recipe asks for it)
- `<key>.parts.png`  visible parts, (H, W) uint8: 0 background, 1-16 right hand, 17-32 left hand (part = joint of
                     `JOINT_NAMES` + 1), 33 right forearm or sleeve, 34 left, 35 a prop, 36 a table
- `<key>.right.png`  parts of the right hand as if it were alone, (H, W) uint8, 0-16; `<key>.left.png` likewise
- `<key>.depth.png`  (H, W) uint16, units of 0.1 mm along the optical axis, 0 background
- `<key>.normals.png` (if the recipe asks for it) (H, W, 3) uint8, 128 + 127 n in the camera's frame, 0 background

`shard-00000.parquet` has one row per image, in the order of the tar. Lists are flat, of fixed length:

- `image_id`, `key`, `dataset`, `pose_id`, `shard`, `width`, `height`
- `K` (9), `R` (9), `t` (3) float64: OpenCV camera, pixels and metres
- `angles` (2*15*3), `wrist` (2*3*3), `translation` (2*3), `shape` (2*S) float32: the `PairPose`, world frame
- `keypoints_3d` (2*21*3) float32, metres, camera frame; `keypoints_2d` (2*21*2) float32, pixels
- `keypoint_visible` (2*21) bool; `hand_iou` float32, IoU of the two hands' masks as if each were alone
- everything else that the plan decided (skin, tone, environment, yaw, track, view, seed, ...) and `exposure_ev`
- `image_offset`, `image_size`, `parts_offset`, ... : where each member's bytes lie in the tar

Vertices are not stored: `HandPair.forward(pose)` followed by `R x + t` gives them exactly.
`shard-00000.json` is the only done-marker: a shard without it does not exist. Same plan, same bytes.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from renderih_lib.repro import replacing, sha256

#: Member name of the tar for each thing stored per image, without the key.
MEMBERS = {
    "image": "jpg",
    "parts": "parts.png",
    "right": "right.png",
    "left": "left.png",
    "depth": "depth.png",
}
#: The same for what only some recipes ask for.
OPTIONAL = {"normals": "normals.png"}


def shard_path(folder: Path, shard: int, suffix: str) -> Path:
    """`folder/shard-00000<suffix>`; suffix is ".tar", ".parquet" or ".json"."""
    return Path(folder) / f"shard-{shard:05d}{suffix}"


def read_annotations(folder: Path) -> pd.DataFrame:
    """Rows of every finished shard below folder, in order, with the path of their tar in column `tar`.

    Raises:
        ValueError: if no shard is finished.
    """
    tables = []
    for marker in sorted(Path(folder).glob("shard-*.json")):
        table = pq.read_table(marker.with_suffix(".parquet")).to_pandas()
        tables.append(table.assign(tar=str(marker.with_suffix(".tar"))))
    if not tables:
        raise ValueError(f"{folder} has no finished shard (shard-*.json); run the render worker first")
    return pd.concat(tables, ignore_index=True)


def read_member(row: pd.Series, name: str = "image") -> bytes:
    """Encoded bytes of one member (a key of `MEMBERS` or `OPTIONAL`) of one row of `read_annotations`."""
    with open(row["tar"], "rb") as file:
        file.seek(int(row[f"{name}_offset"]))
        return file.read(int(row[f"{name}_size"]))


def decoded(data: bytes) -> np.ndarray:
    """Pixels of an encoded image: (H, W, 3) uint8, or (H, W) uint8 or uint16 for masks and depth."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        array = np.array(image)
    return array.astype(np.uint16) if array.dtype == np.int32 else array


def encoded_image(image, kind: str, **options) -> bytes:
    """A Pillow image as a file of a kind, such as "JPEG" or "PNG"; options are those of its `save`."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def flat_column(array: np.ndarray) -> pa.Array:
    """A Parquet list column of fixed length from (N, ...), one flat list per row."""
    flat = np.ascontiguousarray(array).reshape(len(array), -1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1])


def stacked(column: pd.Series, *shape: int) -> np.ndarray:
    """The inverse of `flat_column` on a column read by pandas: (N, *shape)."""
    return np.stack(column.to_numpy()).reshape(len(column), *shape)


def write_shard(
    folder: Path,
    shard: int,
    samples: Iterable[dict[str, bytes]],
    annotations: pa.Table,
    info: dict,
    members: Iterable[str] = tuple(MEMBERS),
) -> dict:
    """Write one shard so that it either exists completely or not at all; same inputs, same bytes.

    Args:
        samples: per image, name of `MEMBERS`, or for all images of `OPTIONAL` too, -> encoded bytes; same order as the
            rows of `annotations`. Taken one by one, so that a shard needs no more memory than an image.
        annotations: must have the columns `key` and `image_format`; offsets are added here.
        info: what else the done-marker should tell.
        members: the names of `MEMBERS` that every image has; fewer make a shard that only trains.

    Returns:
        the content of the done-marker.
    """
    tar_path, images = shard_path(folder, shard, ".tar"), {}
    columns: dict[str, list[int]] = {}
    keys, formats = annotations["key"].to_pylist(), annotations["image_format"].to_pylist()
    with replacing(tar_path) as temporary:
        with open(temporary, "wb") as file:
            hashing = _HashingFile(file)
            # No times, no owners: the same images are the same bytes.
            with tarfile.open(fileobj=hashing, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for key, image_format, sample in zip(keys, formats, samples, strict=True):
                    images[key] = hashlib.sha256(sample["image"]).hexdigest()
                    for name, extension in (MEMBERS | OPTIONAL).items():
                        if name not in members and name not in sample:
                            continue
                        member = tarfile.TarInfo(f"{key}.{image_format if name == 'image' else extension}")
                        member.size = len(sample[name])
                        columns.setdefault(f"{name}_offset", []).append(file.tell() + tarfile.BLOCKSIZE)
                        columns.setdefault(f"{name}_size", []).append(member.size)
                        tar.addfile(member, io.BytesIO(sample[name]))
        tar_hash = hashing.digest.hexdigest()
        if sha256(temporary) != tar_hash:
            raise OSError(f"{temporary} does not read back as written; is the disk healthy?")
    for name, values in columns.items():
        annotations = annotations.append_column(name, pa.array(values, pa.int64()))
    parquet = io.BytesIO()
    pq.write_table(annotations, parquet, compression="zstd")
    marker = {
        "shard": shard,
        "count": len(images),
        "tar_sha256": tar_hash,
        "parquet_sha256": hashlib.sha256(parquet.getvalue()).hexdigest(),
        "image_sha256": images,
        **info,
    }
    write_atomic(shard_path(folder, shard, ".parquet"), parquet.getvalue())
    write_atomic(shard_path(folder, shard, ".json"), json.dumps(marker, indent=1).encode())
    return marker


class _HashingFile:
    """A file that knows the SHA-256 of what was written to it."""

    def __init__(self, file):
        self.file, self.digest, self.tell = file, hashlib.sha256(), file.tell

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self.file.write(data)


def is_done(folder: Path, shard: int, plan_hash: str) -> bool:
    """Whether the shard is finished, made from this plan, and its files still have the recorded hashes."""
    marker = shard_path(folder, shard, ".json")
    if not marker.exists():
        return False
    try:
        info = json.loads(marker.read_text())
    except ValueError:
        return False
    return info.get("plan_hash") == plan_hash and all(
        path.exists() and sha256(path) == info.get(f"{path.suffix[1:]}_sha256")
        for path in (marker.with_suffix(".tar"), marker.with_suffix(".parquet"))
    )


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Arrays as a compressed npz, by `write_atomic`."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomic(path, buffer.getvalue())


def write_atomic(path: Path, data: bytes) -> None:
    """Write, read back, fsync, rename: path never holds half a file."""
    with replacing(Path(path)) as temporary:
        temporary.write_bytes(data)
        if temporary.read_bytes() != data:
            raise OSError(f"{temporary} does not read back as written; is the disk healthy?")
