"""Labels of a rendered image, computed from the plan in NumPy and never read back from pixels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.render.cameras import Camera, project, to_camera
from renderih_lib.render.mesh import FOREARM, FOREARM_LABELS, ArmPair, Body
from renderih_lib.render.raster import rasterize

DEPTH_UNIT = 1e-4  # metres per step of the depth image
FLESH = 0.03  # metres: a joint lies at most this deep under the skin that shows it (the wrist: 20 to 28 mm)


class Labels(NamedTuple):
    """Everything known about one image besides its colours."""

    parts: (
        np.ndarray
    )  # (H, W) uint8, visible: 0 none, 1-16 right hand, 17-32 left, 33 and 34 forearms, then props
    amodal: np.ndarray  # (2, H, W) uint8, parts 1-16 of each hand as if it were alone
    depth: np.ndarray  # (H, W) uint16, in DEPTH_UNIT along the optical axis, 0 = nothing
    keypoints_3d: np.ndarray  # (2, 21, 3) float32, metres, camera frame
    keypoints_2d: np.ndarray  # (2, 21, 2) float32, pixels
    visible: np.ndarray  # (2, 21) bool, see `visible_keypoints`

    @property
    def hand_pixels(self) -> np.ndarray:
        """Indices of the pixels, row by row, that show a hand."""
        return np.flatnonzero((self.parts > 0) & (self.parts < FOREARM_LABELS[0]))

    @property
    def hand_iou(self) -> float:
        """Intersection over union of the two hands' masks, each as if alone (the paper's measure of occlusion)."""
        return mask_iou(self.amodal[0] > 0, self.amodal[1] > 0)


def labels(
    arms: ArmPair, cage: np.ndarray, keypoints: np.ndarray, camera: Camera, bodies: Sequence[Body] = ()
) -> Labels:
    """Labels of one image.

    Args:
        cage: (2, N, 3) metres, posed control points of both arms, world frame. keypoints: (2, 21, 3) likewise.
        bodies: sleeves and props, which may hide the hands.
    """
    parts, triangles = arms.arm.parts, (arms.arm.mesh.triangles, arms.arm.mesh.triangles[:, ::-1])
    amodal, layers, depths = [], [], []
    for side in range(2):
        points = to_camera(cage[side], camera.R, camera.t)
        hand, hand_depth = _drawn(points, triangles[side], parts, parts != FOREARM, camera)
        arm, arm_depth = _drawn(points, triangles[side], parts, parts == FOREARM, camera)
        amodal.append(hand)
        layers += [np.where(hand > 0, hand + 16 * side, 0), np.where(arm > 0, FOREARM_LABELS[side], 0)]
        depths += [hand_depth, arm_depth]
    for body in bodies:
        points = to_camera(body.vertices, camera.R, camera.t)
        drawn = rasterize(points, body.triangles, camera.K, camera.width, camera.height)
        layers.append(np.where(drawn.face >= 0, body.labels[drawn.face], 0))
        depths.append(drawn.depth)
    nearest = np.argmin(depths, axis=0)[None]
    seen = np.take_along_axis(np.stack(layers), nearest, 0)[0].astype(np.uint8)
    depth = np.take_along_axis(np.stack(depths), nearest, 0)[0]
    points = to_camera(keypoints, camera.R, camera.t)
    pixels = project(points, camera.K)
    return Labels(
        seen,
        np.stack(amodal).astype(np.uint8),
        np.where(np.isfinite(depth), np.rint(np.minimum(depth, 6.5) / DEPTH_UNIT), 0).astype(np.uint16),
        points.astype(np.float32),
        pixels.astype(np.float32),
        visible_keypoints(points, pixels, seen, depth),
    )


def _drawn(points, triangles, parts, chosen, camera) -> tuple[np.ndarray, np.ndarray]:
    """Part + 1 (H, W), 0 where nothing is, and depth (H, W) of some triangles alone."""
    drawn = rasterize(points, triangles[chosen], camera.K, camera.width, camera.height)
    return np.where(drawn.face >= 0, parts[chosen][drawn.face] + 1, 0), drawn.depth


def visible_keypoints(
    points: np.ndarray, pixels: np.ndarray, parts: np.ndarray, depth: np.ndarray
) -> np.ndarray:
    """Whether the skin over a keypoint is what the image shows there: (2, 21) bool.

    True when the keypoint lies inside the picture, its pixel belongs to the same hand, and that surface is at
    most `FLESH` in front of it.
    """
    height, width = parts.shape
    column, row = np.floor(pixels).astype(int)[..., 0], np.floor(pixels).astype(int)[..., 1]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    column, row = column.clip(0, width - 1), row.clip(0, height - 1)
    owner = (parts[row, column].astype(int) - 1) // 16
    same_hand = owner == np.arange(2)[:, None]
    return inside & same_hand & (depth[row, column] > points[..., 2] - FLESH)


def silhouette(hands: HandPair, pose: PairPose, camera: Camera) -> np.ndarray:
    """Pixels (H, W) bool that the meshes of both hands cover; `pose` is one pair (B = 1), world frame.

    With the label hands this is what a picture should show of the hands, where no forearm is in front.
    """
    vertices = hands(pose).vertices[0].numpy().reshape(-1, 3).astype(np.float64)
    faces = np.concatenate([hands.right.faces.numpy(), hands.left.faces.numpy() + hands.right.vertex_count])
    points = to_camera(vertices, camera.R, camera.t)
    return rasterize(points, faces, camera.K, camera.width, camera.height).face >= 0


def mask_iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boolean masks; 0 when both are empty."""
    union = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / union if union else 0.0
