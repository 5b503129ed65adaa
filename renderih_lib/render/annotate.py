"""Labels of a rendered image, computed from the plan in NumPy and never read back from pixels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.render.bodies.mesh import FOREARM_LABELS, ArmPair, Body, joined
from renderih_lib.render.cameras import Camera, project, to_camera
from renderih_lib.render.raster import Raster, rasterize

DEPTH_UNIT = 1e-4  # metres per step of the depth image
SHARP = np.deg2rad(50)  # edges that bend more are not smoothed over in normals
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
    normals: np.ndarray | None = None  # (H, W, 3) uint8, 128 + 127 n in the camera's frame, 0 = nothing

    @property
    def hand_pixels(self) -> np.ndarray:
        """Indices of the pixels, row by row, that show a hand."""
        return np.flatnonzero((self.parts > 0) & (self.parts < FOREARM_LABELS[0]))

    @property
    def hand_iou(self) -> float:
        """Intersection over union of the two hands' masks, each as if alone (the paper's measure of occlusion)."""
        return mask_iou(self.amodal[0] > 0, self.amodal[1] > 0)


def labels(
    arms: ArmPair,
    cage: np.ndarray,
    keypoints: np.ndarray,
    camera: Camera,
    bodies: Sequence[Body] = (),
    normals: bool = False,
) -> Labels:
    """Labels of one image.

    Args:
        cage: (2, N, 3) metres, posed control points of both arms, world frame. keypoints: (2, 21, 3) likewise.
        bodies: sleeves and props, which may hide the hands; no mask of a hand as if alone depends on them.
        normals: whether to draw surface normals too.
    """
    hands = arms.label_bodies(cage)
    alone = [_drawn(hand, camera) for hand in hands[:2]]
    amodal = [drawn.label - 16 * side * (drawn.label > 0) for side, drawn in enumerate(alone)]
    layers = [*alone, _drawn(joined([*hands[2:], *bodies]), camera)]
    nearest = np.argmin([layer.raster.depth for layer in layers], axis=0)
    seen = np.choose(nearest, [layer.label for layer in layers])
    depth = np.choose(nearest, [layer.raster.depth for layer in layers])
    points = to_camera(keypoints, camera.R, camera.t)
    pixels = project(points, camera.K)
    return Labels(
        seen.astype(np.uint8),
        np.stack(amodal).astype(np.uint8),
        np.where(np.isfinite(depth), np.rint(np.minimum(depth, 6.5) / DEPTH_UNIT), 0).astype(np.uint16),
        points.astype(np.float32),
        pixels.astype(np.float32),
        visible_keypoints(points, pixels, seen, depth),
        _normal_image(layers, nearest) if normals else None,
    )


class _Layer(NamedTuple):
    """One thing drawn alone."""

    label: np.ndarray  # (H, W) int, 0 where it is not
    raster: Raster
    points: np.ndarray  # (V, 3) camera frame
    triangles: np.ndarray


def _drawn(body: Body, camera: Camera) -> _Layer:
    points = to_camera(body.vertices, camera.R, camera.t)
    drawn = rasterize(points, body.triangles, camera.K, camera.width, camera.height)
    return _Layer(np.where(drawn.face >= 0, body.labels[drawn.face], 0), drawn, points, body.triangles)


def _normal_image(layers: list[_Layer], nearest: np.ndarray) -> np.ndarray:
    """Normals (H, W, 3) uint8 of the side seen of whatever is nearest: 128 + 127 n, 0 where nothing is."""
    image = np.zeros((*nearest.shape, 3), np.uint8)
    for number, layer in enumerate(layers):
        shown = (nearest == number) & (layer.raster.face >= 0)
        face = layer.raster.face[shown]
        normal = corner_normals(layer.points, layer.triangles)[face]
        normal = np.einsum("nkc,nk->nc", normal, layer.raster.weights[shown])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True).clip(1e-12)
        a, b, c = (layer.points[layer.triangles[face, k]] for k in range(3))
        inside = (np.cross(b - a, c - a) * a).sum(1) > 0  # of a cuff
        image[shown] = np.rint(128 + 127 * np.where(inside[:, None], -normal, normal))
    return image


def corner_normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals (F, 3, 3) at the corners of triangles: of the faces that meet there and bend less than `SHARP`."""
    faces = np.cross(
        points[triangles[:, 1]] - points[triangles[:, 0]], points[triangles[:, 2]] - points[triangles[:, 0]]
    )
    flat = faces / np.linalg.norm(faces, axis=1, keepdims=True).clip(1e-20)
    order = np.argsort(triangles, axis=None, kind="stable")
    count = np.bincount(triangles.ravel(), minlength=len(points))
    start = np.cumsum(count) - count
    meeting = count[triangles.ravel()]  # faces at each corner
    corner = np.repeat(np.arange(triangles.size), meeting)
    step = np.arange(len(corner)) - np.repeat(np.cumsum(meeting) - meeting, meeting)
    other = order[start[triangles.ravel()[corner]] + step] // 3
    kept = (flat[corner // 3] * flat[other]).sum(1) > np.cos(SHARP)
    total = np.stack([np.bincount(corner[kept], faces[other[kept], k], triangles.size) for k in range(3)], 1)
    total /= np.linalg.norm(total, axis=1, keepdims=True).clip(1e-20)
    return total.reshape(-1, 3, 3)


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
