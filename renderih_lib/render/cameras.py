"""Pinhole cameras: rigs of them around the two hands, what they see, and their twins in Blender.

The paper's rig is four circular tracks about the centre of the two hands (section 3.2, Figure 7).

World: metres, +y up. Camera: OpenCV, `x_cam = R x_world + t`, pixel centres at integers + 0.5.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

UP = np.array([0.0, 1.0, 0.0])

#: Tilt of each track's plane against the horizon, degrees. All planes hold the z axis: hands that meet along x
#: are then seen from front and back, from above and below, and seldom along the forearms.
TRACK_TILTS = (0, 45, 90, 135)

RIGS = ("tracks", "dome", "fixed", "first person")
DOME_CAMERAS = 96
_DOME_RADIUS = (1.0, 1.5)  # metres
_DOME_LOWEST = -0.35  # sine of the elevation below which a dome has no cameras

SENSOR_WIDTH = 36.0  # millimetres, of every camera made in Blender

#: Blender's world has z up.
BLENDER_FROM_WORLD = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


class Camera(NamedTuple):
    K: np.ndarray  # (3, 3) pixels
    R: np.ndarray  # (3, 3) world to camera
    t: np.ndarray  # (3,) metres
    width: int
    height: int


class Rig(NamedTuple):
    """C cameras around the centre of the two hands, in the order of (track, view)."""

    eyes: np.ndarray  # (C, 3) metres from the centre, at a recipe's radius of 1
    track: np.ndarray  # (C,) int
    view: np.ndarray  # (C,) int, counted on each track
    R: np.ndarray | None = None  # (C, 3, 3) world to camera; None looks at the centre


def rig_named(name: str, views_per_track: int) -> Rig:
    """One of `RIGS`.

    - "tracks": the paper's four circles with `views_per_track` views each, 10 when sparse.
    - "dome": a capture studio's `DOME_CAMERAS` cameras, 1 to 1.5 m away.
    - "fixed": one camera in front of the person and above the hands.
    - "first person": where the eyes of the person are, behind the wrists and above them. The person is at +z.

    Raises:
        ValueError: if there is no such rig, or a track has no view.
    """
    if name not in RIGS:
        raise ValueError(f"rig must be one of {RIGS}, got {name!r}")
    if views_per_track < 1:
        raise ValueError(f"views_per_track must be at least 1, got {views_per_track}")
    if name == "tracks":
        track, view = np.divmod(np.arange(4 * views_per_track), views_per_track)
        return Rig(track_directions(views_per_track).reshape(-1, 3), track, view)
    if name == "dome":
        return _one_track(_dome())
    if name == "fixed":
        return _one_track(0.8 * _direction(np.deg2rad([180.0]), np.deg2rad([50.0])))
    azimuth, elevation = np.meshgrid(np.deg2rad(np.linspace(-24, 24, 5)), np.deg2rad(np.linspace(25, 65, 5)))
    return _one_track(_direction(azimuth.ravel(), elevation.ravel()))


def recorded_cameras(path: Path) -> dict[str, dict[str, Camera]]:
    """InterHand2.6M's cameras by capture and name, in the world of the recording, from `*_camera.json`.

    The file has, by capture, `campos` and `princpt` and `focal` and `camrot`, each by camera: the centre (3) in
    millimetres, pixels (2) and (2), and the rotation (3, 3) from world to camera. It does not tell the size of the
    picture; twice the principal point is taken for it.

    Raises:
        ValueError: if the file is missing or not of that format.
    """
    try:
        captures = json.loads(Path(path).read_text())
        found = {
            capture: {
                name: _recorded_camera(
                    *(entry[part][name] for part in ("campos", "camrot", "focal", "princpt"))
                )
                for name in entry["campos"]
            }
            for capture, entry in captures.items()
        }
        if not any(found.values()):
            raise ValueError("no camera in it")
    except FileNotFoundError:
        raise ValueError(f"{path} is missing: give InterHand2.6M_*_camera.json") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path} has no cameras of InterHand2.6M ({error})") from None
    return {capture: cameras for capture, cameras in found.items() if cameras}


def recorded_rig(captures: dict[str, dict[str, Camera]]) -> Rig:
    """Recorded cameras (`recorded_cameras`) as a rig with one track for each capture.

    The centre of a capture is the point nearest to all of its optical axes, its up the mean up of its pictures.
    """
    rigs = [_centred(list(cameras.values())) for cameras in captures.values()]
    sizes = [len(eyes) for eyes, _ in rigs]
    eyes, R = (np.concatenate(parts) for parts in zip(*rigs, strict=True))
    view = np.concatenate([np.arange(size) for size in sizes])
    return Rig(eyes, np.repeat(np.arange(len(rigs)), sizes), view, R)


def track_directions(views: int) -> np.ndarray:
    """Unit vectors (4, views, 3) from the centre to evenly spaced cameras on the four tracks."""
    angle = 2 * np.pi * np.arange(views) / views
    tilt = np.deg2rad(TRACK_TILTS)[:, None]
    across = np.stack([np.cos(tilt) * np.sin(angle), np.sin(tilt) * np.sin(angle)], -1)
    return np.concatenate([across, np.broadcast_to(np.cos(angle), across.shape[:2])[..., None]], -1)


def look_at(eye: np.ndarray, target: np.ndarray, roll: float | np.ndarray = 0.0):
    """R (..., 3, 3) and t (..., 3) of cameras at `eye` that see `target` in the middle, upright, then rolled.

    Straight up and down, where "upright" means nothing, the top of the picture is -z.

    Args:
        eye, target: (..., 3) metres. roll: (...) radians.
    """
    eye = np.asarray(eye, float)
    forward = _unit(np.asarray(target, float) - eye)
    level = np.abs(forward[..., 1:2]) < 0.999
    right = _unit(np.cross(forward, np.where(level, UP, [0.0, 0.0, -1.0])))
    down = np.cross(forward, right)
    c, s = np.cos(roll)[..., None], np.sin(roll)[..., None]
    R = np.stack([c * right - s * down, s * right + c * down, forward], -2)
    return R, -(R @ eye[..., None])[..., 0]


def to_camera(points: np.ndarray, R: np.ndarray, t: np.ndarray) -> np.ndarray:
    """World points (..., 3) in the camera's frame."""
    return points @ R.T + t


def project(points: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Pixels (..., 2) of points (..., 3) in the camera's frame; K (3, 3) without skew."""
    return points[..., :2] / points[..., 2:] * [K[0, 0], K[1, 1]] + K[:2, 2]


def framing(points: np.ndarray, width: int, height: int, fill: float | np.ndarray, centred: bool):
    """K (..., 3, 3) that makes points (..., P, 3) in the camera's frame fill a share `fill` (...) of the picture.

    centred: put their bounding box in the middle by moving the principal point, i.e. crop a larger picture;
    otherwise the principal point stays in the middle and the box may lie off it.
    """
    rays = points[..., :2] / points[..., 2:]
    return fitted(rays.min(-2), rays.max(-2), width, height, fill, centred)


def fitted(
    low: np.ndarray, high: np.ndarray, width: int, height: int, fill: float | np.ndarray, centred: bool
):
    """`framing` of points whose x / z and y / z lie between low and high (..., 2)."""
    middle = (low + high) / 2 if centred else np.zeros_like(low)
    half = np.maximum(high - middle, middle - low)
    focal = fill * (np.array([width / 2, height / 2]) / half).min(-1)
    K = np.zeros((*focal.shape, 3, 3))
    K[..., 0, 0] = K[..., 1, 1] = focal
    K[..., :2, 2] = np.array([width, height]) / 2 - focal[..., None] * middle
    K[..., 2, 2] = 1
    return K


def inside(points: np.ndarray, camera: Camera) -> np.ndarray:
    """Whether world points (..., 3) fall into the picture: (...) bool."""
    points = to_camera(points, camera.R, camera.t)
    front = points[..., 2] > 0
    pixels = project(np.where(front[..., None], points, 1.0), camera.K)
    return front & ((pixels >= 0) & (pixels <= [camera.width, camera.height])).all(-1)


def segment_distances(a0: np.ndarray, a1: np.ndarray, b0: np.ndarray, b1: np.ndarray, axis: int = -1):
    """Smallest distance between the segments a0-a1 and b0-b1, whose coordinates lie along `axis`; broadcast."""

    def dot(p, q):
        return (p * q).sum(axis, keepdims=True)

    a, b, offset = a1 - a0, b1 - b0, a0 - b0
    aa, bb, ab = dot(a, a), dot(b, b), dot(a, b)
    offset_a, offset_b = dot(offset, a), dot(offset, b)
    s = (offset_b * ab - offset_a * bb) / np.maximum(aa * bb - ab**2, 1e-12)
    for _ in range(2):  # clamp one parameter, solve for the other, and once more
        s = np.clip(s, 0, 1)
        t = np.clip((offset_b + s * ab) / bb, 0, 1)
        s = (t * ab - offset_a) / np.maximum(aa, 1e-12)
    nearest = offset + np.clip(s, 0, 1) * a - t * b
    return np.sqrt(dot(nearest, nearest)).squeeze(axis)


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


def _one_track(eyes: np.ndarray) -> Rig:
    return Rig(eyes, np.zeros(len(eyes), int), np.arange(len(eyes)))


def _direction(azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """Unit vectors (..., 3): azimuth 0 is +z, elevation 90 degrees is up."""
    level = np.cos(elevation)
    return np.stack([level * np.sin(azimuth), np.sin(elevation), level * np.cos(azimuth)], -1)


def _dome() -> np.ndarray:
    """Even places (C, 3) on the upper part of a sphere whose radius varies: a spiral of golden angles."""
    steps = np.arange(DOME_CAMERAS)
    height = _DOME_LOWEST + (1 - _DOME_LOWEST) * (steps + 0.5) / DOME_CAMERAS
    share = steps * (np.sqrt(5) - 1) / 2 % 1
    near, far = _DOME_RADIUS
    radius = near + (far - near) * (steps * np.sqrt(2) % 1)
    return radius[:, None] * _direction(2 * np.pi * share, np.arcsin(height))


def _recorded_camera(position, rotation, focal, middle) -> Camera:
    position, R, focal, middle = (np.asarray(x, float) for x in (position, rotation, focal, middle))
    if [x.shape for x in (position, R, focal, middle)] != [(3,), (3, 3), (2,), (2,)]:
        raise ValueError("campos, camrot, focal, princpt must have 3, 3x3, 2, 2 numbers")
    numbers = np.concatenate([position, R.ravel(), focal, middle])
    if not np.isfinite(numbers).all() or not np.allclose(R @ R.T, np.eye(3), atol=1e-3) or focal.min() <= 0:
        raise ValueError("camrot is no rotation, or a number is not finite")
    K = np.array([[focal[0], 0, middle[0]], [0, focal[1], middle[1]], [0, 0, 1]])
    return Camera(K, R, -R @ position / 1000, *(round(2 * x) for x in middle))


def _centred(cameras: list[Camera]) -> tuple[np.ndarray, np.ndarray]:
    """Eyes (C, 3) and R (C, 3, 3) in a world with the centre of the capture at 0 and +y up."""
    R, t = np.stack([camera.R for camera in cameras]), np.stack([camera.t for camera in cameras])
    eyes, axes = -np.einsum("cji,cj->ci", R, t), R[:, 2]
    away = (
        np.eye(3) - axes[:, :, None] * axes[:, None]
    )  # what of a point's offset does not lie along each axis
    centre = np.linalg.lstsq(away.sum(0), np.einsum("cij,cj->i", away, eyes), rcond=None)[0]
    up = _unit(-R[:, 1].sum(0))
    back = _unit(np.cross(np.eye(3)[np.abs(up).argmin()], up))
    world = np.stack([np.cross(up, back), up, back])  # rows: the new axes
    return (eyes - centre) @ world.T, R @ world.T


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
