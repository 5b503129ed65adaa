"""Images on their way into a shard: encoded, and kept on disk until all of the shard are there."""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from renderih_lib.render.annotate import Labels
from renderih_lib.render.shards import encoded_image, write_atomic

#: Numbers of an image that its file in the staging folder keeps beside the pictures.
_NUMBERS = {"keypoints_3d": np.float32, "keypoints_2d": np.float32, "keypoint_visible": bool}
_NO_LOCKS = (
    errno.EBADF,
    errno.ENOLCK,
    errno.ENOTSUP,
    errno.EINVAL,
)  # what network disks without locks answer


class Staging:
    """The finished images of an unfinished shard, one file each: a JSON line, then the encoded pictures.

    Args:
        made_from: what a staged image must have been made from to be used again.
    """

    def __init__(self, folder: Path, made_from: dict):
        self.folder, self.made_from = folder, made_from

    def __contains__(self, key: str) -> bool:
        try:
            self.read(key)
        except ValueError:
            return False
        return True

    def write(self, key: str, image: bytes, labels: Labels, report: dict) -> None:
        """Keep an image with its labels and Blender's report."""
        members = {"image": image} | encoded(labels)
        data = b"".join(members.values())
        numbers = {name: np.asarray(value).tolist() for name, value in keypoints(labels).items()}
        header = {"made_from": self.made_from, "sha256": hashlib.sha256(data).hexdigest()}
        header |= {"sizes": {name: len(member) for name, member in members.items()}}
        header |= numbers | {"hand_iou": labels.hand_iou, "report": report}
        write_atomic(self.folder / key, json.dumps(header).encode() + b"\n" + data)

    def read(self, key: str) -> tuple[dict, dict[str, bytes]]:
        """What was kept of an image: its numbers and report, and its encoded pictures.

        Raises:
            ValueError: if it is not there, not whole, or made from something else.
        """
        path = self.folder / key
        line, _, data = (path.read_bytes() if path.exists() else b"").partition(b"\n")
        header = json.loads(line)
        if header["made_from"] != self.made_from or hashlib.sha256(data).hexdigest() != header["sha256"]:
            raise ValueError(f"{path} is damaged or of another plan")
        members, start = {}, 0
        for name, size in header["sizes"].items():
            members[name], start = data[start : start + size], start + size
        for name, kind in _NUMBERS.items():
            header[name] = np.array(header[name], kind)
        return header, members

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, no other worker of this machine is at this shard; waits for one that is.

        The lock ends with the process that holds it, however that dies. On a disk without locks two workers would
        only do the same work twice: their files are the same bytes, and each appears in one step.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
            self.folder.mkdir(exist_ok=True)  # whoever had the lock may have cleared it
            yield
        finally:
            os.close(handle)

    def clear(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def keypoints(labels: Labels) -> dict[str, np.ndarray]:
    """The keypoints of an image as its shard stores them."""
    return dict(zip(_NUMBERS, (labels.keypoints_3d, labels.keypoints_2d, labels.visible), strict=True))


def encoded(labels: Labels) -> dict[str, bytes]:
    """Masks, depth and, where there are any, normals as PNG, by member name."""
    images = {
        "parts": labels.parts,
        "right": labels.amodal[0],
        "left": labels.amodal[1],
        "depth": labels.depth,
    }
    if labels.normals is not None:
        images["normals"] = labels.normals
    return {name: encoded_image(Image.fromarray(image), "PNG") for name, image in images.items()}


def compressed(path: Path, image_format: str, quality: int, size: tuple[int, int]) -> bytes:
    """Blender's PNG, checked and encoded again without its metadata, so that equal pixels are equal bytes.

    Args:
        image_format: "png" or "jpg". quality: of JPEG, 1 to 95. size: width and height that the picture must have.

    Raises:
        ValueError: if the file is no complete picture of that size.
    """
    try:
        with Image.open(path) as image:
            pixels = image.convert("RGB")
    except OSError as error:
        raise ValueError(f"Blender's picture cannot be read: {error}") from None
    if pixels.size != tuple(size):
        raise ValueError(f"Blender's picture is {pixels.size}, not {tuple(size)}")
    if image_format == "jpg":
        return encoded_image(pixels, "JPEG", quality=quality, subsampling=0)
    return encoded_image(pixels, "PNG")
