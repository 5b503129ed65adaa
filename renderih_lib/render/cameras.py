"""Cameras on four circular tracks around the two hands, and their twins in Blender (paper section 3.2, Figure 7).

World: metres, +y up. Camera: OpenCV, `x_cam = R x_world + t`, pixel centres at integers + 0.5.
"""

from typing import NamedTuple

import numpy as np

UP = np.array([0.0, 1.0, 0.0])

#: Tilt of each track's plane against the horizon, degrees. All planes hold the z axis: hands that meet along x
#: are then seen from front and back, from above and below, and seldom along the forearms.
TRACK_TILTS = (0, 45, 90, 135)

SENSOR_WIDTH = 36.0  # millimetres, of every camera made in Blender

#: Blender's world has z up.
BLENDER_FROM_WORLD = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


class Camera(NamedTuple):
    K: np.ndarray  # (3, 3) pixels
    R: np.ndarray  # (3, 3) world to camera
    t: np.ndarray  # (3,) metres
    width: int
    height: int


def track_directions(views: int) -> np.ndarray:
    """Unit vectors (4, views, 3) from the centre to evenly spaced cameras on the four tracks."""
    angle = 2 * np.pi * np.arange(views) / views
    tilt = np.deg2rad(TRACK_TILTS)[:, None]
    across = np.stack([np.cos(tilt) * np.sin(angle), np.sin(tilt) * np.sin(angle)], -1)
    return np.concatenate([across, np.broadcast_to(np.cos(angle), across.shape[:2])[..., None]], -1)


def look_at(eye: np.ndarray, target: np.ndarray, roll: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """R (3, 3) and t (3,) of a camera at `eye` that sees `target` in its middle, upright, then rolled (radians).

    Straight up and down, where "upright" means nothing, the top of the picture is -z.
    """
    forward = np.asarray(target, float) - eye
    forward /= np.linalg.norm(forward)
    up = UP if abs(forward @ UP) < 0.999 else np.array([0.0, 0.0, -1.0])
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    upright = np.stack([right, np.cross(forward, right), forward])
    c, s = np.cos(roll), np.sin(roll)
    R = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ upright
    return R, -R @ eye


def to_camera(points: np.ndarray, R: np.ndarray, t: np.ndarray) -> np.ndarray:
    """World points (..., 3) in the camera's frame."""
    return points @ R.T + t


def project(points: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Pixels (..., 2) of points (..., 3) in the camera's frame; K (3, 3) without skew."""
    return points[..., :2] / points[..., 2:] * [K[0, 0], K[1, 1]] + K[:2, 2]


def framing(points: np.ndarray, width: int, height: int, fill: float, centred: bool) -> np.ndarray:
    """K (3, 3) that makes points (P, 3) in the camera's frame fill a share `fill` of the picture.

    centred: put their bounding box in the middle by moving the principal point, i.e. crop a larger picture;
    otherwise the principal point stays in the middle and the box may lie off it.
    """
    rays = points[:, :2] / points[:, 2:]
    low, high = rays.min(0), rays.max(0)
    middle = (low + high) / 2 if centred else np.zeros(2)
    half = np.maximum(high - middle, middle - low)
    focal = fill * min(width / 2 / half[0], height / 2 / half[1])
    cx, cy = np.array([width, height]) / 2 - focal * middle
    return np.array([[focal, 0, cx], [0, focal, cy], [0, 0, 1]])


def inside(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Whether world points (..., 3) fall into the picture: (...) bool."""
    points = to_camera(points, camera.R, camera.t)
    front = points[..., 2] > 0
    pixels = project(np.where(front[..., None], points, 1.0), camera.K)
    return front & ((pixels >= 0) & (pixels <= [camera.width, camera.height])).all(-1)


def hidden_by_forearm(
    eye: np.ndarray, points: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float = 0.04
) -> np.ndarray:
    """Whether a straight forearm of `radius` metres from start to end (3,) blocks the view of points (P, 3)."""
    return segment_distances(np.broadcast_to(eye, points.shape), points, start, end) < radius


def segment_distances(a0: np.ndarray, a1: np.ndarray, b0: np.ndarray, b1: np.ndarray) -> np.ndarray:
    """Smallest distance (N,) between the segments a0-a1 (N, 3) and the segment b0-b1 (3,)."""
    a, b, offset = a1 - a0, b1 - b0, a0 - b0
    aa, bb, ab = (a * a).sum(-1), b @ b, a @ b
    s = ((offset @ b) * ab - (a * offset).sum(-1) * bb) / np.maximum(aa * bb - ab**2, 1e-12)
    for _ in range(2):  # clamp one parameter, solve for the other, and once more
        s = np.clip(s, 0, 1)
        t = np.clip((offset @ b + s * ab) / bb, 0, 1)
        s = (t * ab - (a * offset).sum(-1)) / np.maximum(aa, 1e-12)
    s = np.clip(s, 0, 1)
    return np.linalg.norm(offset + s[..., None] * a - t[..., None] * b, axis=-1)


def blender_intrinsics(K: np.ndarray, width: int, height: int) -> dict[str, float]:
    """Blender's camera settings for K: lens (mm), shifts and pixel aspect, with `sensor_fit="HORIZONTAL"`.

    Holds for landscape and portrait, for a principal point anywhere, and for fx != fy.

    Raises:
        ValueError: if K has skew, which Blender cannot show.
    """
    if abs(K[0, 1]) > 1e-9:
        raise ValueError(f"K must have no skew, got K[0, 1] = {K[0, 1]}")
    fx, fy = K[0, 0], K[1, 1]
    return {
        "lens": fx * SENSOR_WIDTH / width,
        "shift_x": (width / 2 - K[0, 2]) / width,
        "shift_y": (K[1, 2] - height / 2) * (fx / fy) / width,
        "pixel_aspect_x": max(1.0, fy / fx),
        "pixel_aspect_y": max(1.0, fx / fy),
    }


def intrinsics_from_blender(settings: dict[str, float], width: int, height: int) -> np.ndarray:
    """K (3, 3) of Blender's settings: the inverse of `blender_intrinsics`."""
    fx = settings["lens"] * width / SENSOR_WIDTH
    ratio = settings["pixel_aspect_y"] / settings["pixel_aspect_x"]
    cx = width / 2 - settings["shift_x"] * width
    cy = height / 2 + settings["shift_y"] * width / ratio
    return np.array([[fx, 0, cx], [0, fx / ratio, cy], [0, 0, 1]])


def blender_pose(R: np.ndarray, t: np.ndarray) -> np.ndarray:
    """`matrix_world` (4, 4) of Blender's camera, which looks along -z with y up, in Blender's z-up world."""
    matrix = np.eye(4)
    matrix[:3, :3] = BLENDER_FROM_WORLD @ R.T @ np.diag([1.0, -1.0, -1.0])
    matrix[:3, 3] = BLENDER_FROM_WORLD @ (-R.T @ t)
    return matrix
