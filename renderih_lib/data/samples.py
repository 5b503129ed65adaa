"""One annotated image of two hands: the type that every dataset reader yields, and batches of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from renderih_lib.hand.mano import VERTEX_COUNT
from renderih_lib.hand.skeleton import JOINT_NAMES, KEYPOINT_COUNT, SIDES

#: Values of part masks: background, 16 parts of each hand named after their joints, and the forearms.
PART_NAMES = (
    "background",
    *(f"{side}_{joint}" for side in SIDES for joint in JOINT_NAMES),
    *(f"{side}_forearm" for side in SIDES),
)
UNKNOWN_PART = 255  # of pixels that nobody labelled


@dataclass(frozen=True)
class Sample:
    """One image and both hands in its camera's frame (OpenCV axes, metres), hand axis (right, left).

    Keypoints that are not annotated are zeros, and so are the vertices of a hand without a mesh.

    Raises:
        ValueError: if an array has another shape than written here, the image another type, or a number is not finite.
    """

    image: np.ndarray  # (H, W, 3) uint8, RGB
    K: np.ndarray  # (3, 3) float32, pixels
    vertices: np.ndarray | None  # (2, V, 3) float32, metres; None: joints only, or another hand model's mesh
    keypoints: np.ndarray  # (2, 21, 3) float32, metres
    valid: np.ndarray  # (2,) bool, which hands are annotated
    sample_id: str  # names the image in error messages and predictions
    pose_id: int  # images of the same pose share it: statistics draw whole poses
    source: str  # name of the dataset
    parts: np.ndarray | None = None  # (H, W) uint8, what each pixel shows (`PART_NAMES`), if anybody says so
    keypoint_valid: np.ndarray | None = None  # (2, 21) bool; None: every keypoint of a valid hand
    mask_iou: float = math.nan  # IoU of the two hands' masks, each as if alone: how much they overlap

    def __post_init__(self):
        shapes = {"K": (3, 3), "keypoints": (2, KEYPOINT_COUNT, 3), "valid": (2,)}
        if self.keypoint_valid is not None:
            shapes["keypoint_valid"] = (2, KEYPOINT_COUNT)
        for name, shape in shapes.items():
            if np.shape(getattr(self, name)) != shape:
                raise ValueError(
                    f"{name} of sample {self.sample_id} must have shape {shape}, got {np.shape(getattr(self, name))}"
                )
        if np.ndim(self.image) != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(f"image of sample {self.sample_id} must be (H, W, 3) uint8")
        if self.vertices is not None and (np.ndim(self.vertices) != 3 or self.vertices.shape[::2] != (2, 3)):
            raise ValueError(
                f"vertices of sample {self.sample_id} must be (2, V, 3), got {self.vertices.shape}"
            )
        for name in ("K", "keypoints", "vertices"):
            if (array := getattr(self, name)) is not None and not np.isfinite(array).all():
                raise ValueError(f"{name} of sample {self.sample_id} has numbers that are not finite")

    @property
    def known(self) -> np.ndarray:
        """Which keypoints are annotated, (2, 21) bool."""
        each = np.ones((2, KEYPOINT_COUNT), bool) if self.keypoint_valid is None else self.keypoint_valid
        return each & np.asarray(self.valid, bool)[:, None]

    @property
    def meshed(self) -> np.ndarray:
        """Which hands have vertices, (2,) bool."""
        valid = np.asarray(self.valid, bool)
        return valid & (False if self.vertices is None else self.vertices.any((1, 2)))

    @property
    def pixels(self) -> np.ndarray:
        """Keypoints in the image, (2, 21, 2) float32 pixels; zeros where not annotated."""
        return project(torch.from_numpy(self.keypoints), torch.from_numpy(self.K)).numpy()


@dataclass(frozen=True)
class SampleBatch:
    """B samples as tensors, square images of one size. A whole training set that fits in memory is one, too.

    What is not annotated is zero, also in pixels.
    """

    images: Tensor  # (B, 3, S, S) uint8
    K: Tensor  # (B, 3, 3) float32, pixels
    vertices: Tensor  # (B, 2, V, 3) float32, metres, camera frame
    keypoints: Tensor  # (B, 2, 21, 3) float32, metres, camera frame
    valid: Tensor  # (B, 2) bool: this hand is annotated
    parts: Tensor  # (B, S, S) uint8, `PART_NAMES` or `UNKNOWN_PART`
    pose_ids: Tensor  # (B,) int64
    ids: np.ndarray  # (B,) str
    keypoint_valid: Tensor  # (B, 2, 21) bool: this keypoint is annotated; False for a hand that is not valid
    mesh_valid: Tensor  # (B, 2) bool: this hand has vertices
    mask_iou: Tensor  # (B,) float32, NaN where nobody measured it
    sources: np.ndarray  # (B,) str, name of each sample's dataset

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index) -> "SampleBatch":
        """The samples at `index`, an array of int or a slice."""
        return SampleBatch(*(getattr(self, f.name)[index] for f in fields(self)))

    def replace(self, **changes) -> "SampleBatch":
        return replace(self, **changes)

    @staticmethod
    def cat(batches: "list[SampleBatch]") -> "SampleBatch":
        joined = ([getattr(batch, f.name) for batch in batches] for f in fields(SampleBatch))
        return SampleBatch(*(torch.cat(v) if isinstance(v[0], Tensor) else np.concatenate(v) for v in joined))

    def to(self, device) -> "SampleBatch":
        values = [getattr(self, f.name) for f in fields(self)]
        return SampleBatch(*(v.to(device) if isinstance(v, Tensor) else v for v in values))

    @property
    def size(self) -> int:
        return self.images.shape[-1]

    @property
    def pixels(self) -> Tensor:
        """Keypoints in the image, (B, 2, 21, 2) pixels."""
        return project(self.keypoints, self.K[:, None])


def collate(samples: Sequence[Sample], size: int) -> SampleBatch:
    """Samples resized to `size` x `size` pixels (area-averaging when they shrink) with their intrinsics.

    Missing meshes get as many vertices as the others have, as many as MANO when all are missing.

    Raises:
        ValueError: if there is no sample, an image is not square, or numbers of vertices differ.
    """
    if not len(samples):
        raise ValueError("collate needs at least one sample")
    resized = [_resized(sample, size) for sample in samples]
    images, parts, K = (np.stack(arrays) for arrays in zip(*resized, strict=True))
    valid = np.stack([s.valid for s in samples]).astype(bool)
    known = np.stack([s.known for s in samples])
    mesh_valid = np.stack([s.meshed for s in samples])
    vertex_count = next((s.vertices.shape[1] for s in samples if s.vertices is not None), VERTEX_COUNT)
    vertices = np.stack([_vertices(s, vertex_count) for s in samples])
    keypoints = np.stack([s.keypoints for s in samples])
    return SampleBatch(
        images=torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(),
        K=torch.from_numpy(K).float(),
        vertices=torch.from_numpy(vertices * mesh_valid[..., None, None]).float(),
        keypoints=torch.from_numpy(keypoints * known[..., None]).float(),
        valid=torch.from_numpy(valid),
        parts=torch.from_numpy(parts),
        pose_ids=torch.tensor([s.pose_id for s in samples]),
        ids=np.array([s.sample_id for s in samples]),
        keypoint_valid=torch.from_numpy(known),
        mesh_valid=torch.from_numpy(mesh_valid),
        mask_iou=torch.tensor([s.mask_iou for s in samples], dtype=torch.float32),
        sources=np.array([s.source for s in samples]),
    )


def project(points: Tensor, K: Tensor) -> Tensor:
    """Camera-frame points (..., N, 3) metres to pixels (..., N, 2), in the precision of the points; K is (..., 3, 3).

    A point that is missing, all zeros, has pixels (0, 0), so that masking it later gives 0 and not NaN.
    """
    image = points @ K.to(points.dtype).transpose(-1, -2)
    depth = image[..., 2:]
    return image[..., :2] / torch.where(depth == 0, torch.ones_like(depth), depth)


def _vertices(sample: Sample, count: int) -> np.ndarray:
    if sample.vertices is None:
        return np.zeros((2, count, 3), np.float32)
    if sample.vertices.shape[1] != count:
        raise ValueError(
            f"sample {sample.sample_id} has {sample.vertices.shape[1]} vertices per hand, the batch {count}; "
            "read it with the hand model of the others"
        )
    return sample.vertices


def _resized(sample: Sample, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    height, width = sample.image.shape[:2]
    if height != width:
        raise ValueError(f"sample {sample.sample_id} is {width} x {height} pixels; crop it to a square first")
    parts = np.full((height, width), UNKNOWN_PART, np.uint8) if sample.parts is None else sample.parts
    if height == size:
        return sample.image, parts, sample.K
    smooth = Image.Resampling.BOX if size < height else Image.Resampling.BILINEAR
    image = Image.fromarray(sample.image).resize((size, size), smooth)
    labels = Image.fromarray(parts).resize((size, size), Image.Resampling.NEAREST)
    return np.asarray(image), np.asarray(labels), np.diag([size / width, size / height, 1.0]) @ sample.K
