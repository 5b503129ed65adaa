"""Pictures of hands: shaded meshes, contact sheets, keypoints. Right and left keep the same two colours."""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb

from renderih_lib.hand.model import HandMesh
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import KEYPOINT_BONES, SIDES
from renderih_lib.render.raster import rasterize

RIGHT_COLOR, LEFT_COLOR = "#D55E00", "#56B4E9"  # darker and lighter: they differ without colour too
HAND_COLORS = (RIGHT_COLOR, LEFT_COLOR)


class Surface(NamedTuple):
    """A mesh to draw."""

    vertices: np.ndarray  # (V, 3) metres
    faces: np.ndarray  # (F, 3) int
    color: object = "#C9B8A8"  # matplotlib colour, or (V, 3) / (F, 3) float in [0, 1]


class View(NamedTuple):
    """Where the eye is, seen from the middle of the picture, and which way is up."""

    eye: tuple[float, float, float]
    up: tuple[float, float, float]


#: Four sides of a right hand in its rest frame (fingers -x, back +y, thumb +z), fingers up.
VIEWS = {
    "back": View((0, 1, 0), (-1, 0, 0)),
    "palm": View((0, -1, 0), (-1, 0, 0)),
    "thumb": View((0, 0, 1), (-1, 0, 0)),
    "tips": View((-1, 0.4, 0.4), (0, 1, 0)),
}


def mirrored_view(view: View) -> View:
    """The same side of a left hand."""
    return View((-view.eye[0], *view.eye[1:]), (-view.up[0], *view.up[1:]))


def pair_surfaces(mesh: HandMesh, hands: HandPair, index: int = 0) -> list[Surface]:
    """Both hands of pair `index` of a posed batch (axis 1 = hand) in their colours."""
    return [
        Surface(_numpy(mesh.vertices[index, side]), _numpy(hand.faces), HAND_COLORS[side])
        for side, hand in enumerate(hands.hands)
    ]


def hand_surface(mesh: HandMesh, hand, index: int = 0, color=None) -> Surface:
    """One posed hand in its side's colour."""
    color = HAND_COLORS[SIDES.index(hand.side)] if color is None else color
    return Surface(_numpy(mesh.vertices[index]), _numpy(hand.faces), color)


def picture(
    surfaces: list[Surface],
    *,
    view: str | View = "back",
    size: tuple[int, int] = (256, 256),
    extent: float | None = None,
    center=None,
    points=None,
    point_color: str = "#7B2D8B",
    point_radius: float = 2.0,
) -> np.ndarray:
    """A shaded picture of meshes, white behind.

    Args:
        view: a name in `VIEWS` or a `View`. size: (width, height) pixels. extent: metres shown across the
            shorter side, fitted when None. center: (3,) metres, the middle of the bounding box when None.
        points: (P, 3) metres or None, drawn as dots where no surface hides them.

    Returns:
        (H, W, 3) float32 in [0, 1].
    """
    view = VIEWS[view] if isinstance(view, str) else view
    cloud = np.concatenate([s.vertices for s in surfaces])
    center = (cloud.min(0) + cloud.max(0)) / 2 if center is None else np.asarray(center)
    rotation = _look_rotation(view)
    if extent is None:
        extent = 2.15 * np.abs((cloud - center) @ rotation.T)[:, :2].max()
    width, height = 2 * size[0], 2 * size[1]  # twice the size, averaged below: smooth edges
    distance = 8 * extent
    focal = distance / extent * min(width, height)
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])

    def to_camera(xyz):
        return (xyz - center) @ rotation.T + [0, 0, distance]

    image, depth = _shaded(surfaces, to_camera, rotation, K, width, height)
    if points is not None and len(points):
        _dots(image, depth, to_camera(np.asarray(points)), K, point_color, 2 * point_radius)
    return image.reshape(size[1], 2, size[0], 2, 3).mean((1, 3)).astype(np.float32)


def sheet(images, *, columns: int = 4, titles=None, width: float = 2.2, title_size: float = 9):
    """Pictures side by side in one figure, with a title above each."""
    rows = -(-len(images) // columns)
    height = width * images[0].shape[0] / images[0].shape[1] + (0.28 if titles else 0)
    figure, axes = plt.subplots(rows, columns, figsize=(columns * width, rows * height), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for i, image in enumerate(images):
        axes.flat[i].imshow(image)
        if titles:
            axes.flat[i].set_title(titles[i], fontsize=title_size)
    figure.tight_layout(pad=0.3)
    plt.close(figure)  # shown once, by whoever asked for it
    return figure


def draw_keypoints(axis, keypoints, *, size: float = 10, width: float = 1.6) -> None:
    """Draws 2D keypoints of both hands (2, 21, 2) pixels as skeletons in their colours on a matplotlib axis."""
    for hand, color in zip(np.asarray(keypoints), HAND_COLORS, strict=True):
        for a, b in KEYPOINT_BONES:
            axis.plot(*hand[[a, b]].T, color=color, lw=width, solid_capstyle="round")
        axis.scatter(*hand.T, s=size, color="white", edgecolors=color, linewidths=1, zorder=3)


def show_mesh(surfaces: list[Surface], **options):
    """A viewer to turn with the mouse (trimesh; works offline). Show a `picture` first: print needs it."""
    import trimesh

    scene = trimesh.Scene()
    for surface in surfaces:
        mesh = trimesh.Trimesh(surface.vertices, surface.faces, process=False)
        mesh.visual.face_colors = (*(int(255 * c) for c in to_rgb(surface.color)), 255)
        scene.add_geometry(mesh)
    return scene.show(**options)


def _shaded(surfaces, to_camera, rotation, K, width, height):
    """Lambert shading with a soft key light and a fill, over smooth normals; image (H, W, 3) and depth (H, W)."""
    offsets = np.cumsum([0] + [len(s.vertices) for s in surfaces])
    faces = np.concatenate([s.faces + o for s, o in zip(surfaces, offsets, strict=False)])
    cloud = np.concatenate([s.vertices for s in surfaces])
    colors = np.concatenate([_corner_colors(s) for s in surfaces])
    normals = vertex_normals(cloud, faces) @ rotation.T
    raster = rasterize(to_camera(cloud), faces, K, width, height)
    hit = raster.face >= 0
    seen, weights = raster.face[hit], raster.weights[hit][..., None]
    normal = (normals[faces[seen]] * weights).sum(1)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    key, fill = np.array([-0.45, -0.65, -0.62]), np.array([0.7, 0.2, -0.5])
    light = 0.34 + 0.62 * np.clip(normal @ key, 0, 1) + 0.22 * np.clip(normal @ fill, 0, 1)
    image = np.ones((height, width, 3))
    image[hit] = np.clip((colors[seen] * weights).sum(1) * light[:, None], 0, 1)
    return image, raster.depth


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3) of a mesh, faces weighted by area."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    face_normals = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], face_normals)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _corner_colors(surface: Surface) -> np.ndarray:
    """(F, 3 corners, 3) from one colour, a colour per vertex or a colour per face."""
    if isinstance(surface.color, str) or np.ndim(surface.color) == 1:
        return np.broadcast_to(to_rgb(surface.color), (len(surface.faces), 3, 3))
    colors = np.asarray(surface.color, dtype=float)
    if len(colors) == len(surface.vertices):
        return colors[surface.faces]
    return np.repeat(colors[:, None], 3, axis=1)


def _look_rotation(view: View) -> np.ndarray:
    """World to OpenCV camera rotation for an eye looking at the centre."""
    forward = -np.asarray(view.eye, dtype=float)
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, view.up)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def _dots(image, depth, points, K, color, radius) -> None:
    """Paints visible points into `image`, in place."""
    height, width = depth.shape
    pixels = points[:, :2] / points[:, 2:] * [K[0, 0], K[1, 1]] + [K[0, 2], K[1, 2]]
    grid = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1)
    for (u, v), z in zip(pixels, points[:, 2], strict=True):
        column, row = int(u), int(v)
        if 0 <= column < width and 0 <= row < height and z < depth[row, column] + 0.002:
            image[((grid - (u, v)) ** 2).sum(-1) < radius**2] = to_rgb(color)


def _numpy(tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
