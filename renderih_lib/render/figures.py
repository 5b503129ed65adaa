"""Pictures of rendered data for the notebooks: cameras around hands, keypoints, masks and depth over images."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from PIL import Image

from renderih_lib import viz
from renderih_lib.hand.pair import HandPair
from renderih_lib.render.bodies.mesh import load_arm
from renderih_lib.render.bodies.props import PROP_LABEL, TABLE_LABEL
from renderih_lib.render.cameras import to_camera, track_directions
from renderih_lib.render.frames import Frame, row_pose
from renderih_lib.render.raster import rasterize
from renderih_lib.render.shards import decoded, read_member
from renderih_lib.repro import replacing

GREY = "#6B6257"
DEPTH_RANGE = 0.35  # metres from the nearest point to the darkest colour


def tracks_figure(item: Frame, radius: float = 0.7):
    """The four camera tracks around one posed pair, ten views on each, and the camera that was taken."""
    figure = plt.figure(figsize=(6, 5.2))
    axis = figure.add_subplot(projection="3d", computed_zorder=False)
    triangles = load_arm().mesh.triangles
    for hand, color in zip(item.cage, viz.HAND_COLORS, strict=True):
        axis.plot_trisurf(*hand[:, [0, 2, 1]].T, triangles=triangles, color=color, lw=0)
    fine = radius * track_directions(120)
    for track, views in enumerate(radius * track_directions(10)):
        axis.plot(*np.vstack([fine[track], fine[track, :1]])[:, [0, 2, 1]].T, color=GREY, lw=0.8)
        axis.scatter(*views[:, [0, 2, 1]].T, s=14, color=GREY, label="views" if track == 0 else None)
    eye = -item.camera.R.T @ item.camera.t
    axis.scatter(*eye[[0, 2, 1]], s=90, marker="^", color="#CC79A7", label="the camera taken")
    axis.plot(*np.stack([eye, 0 * eye])[:, [0, 2, 1]].T, color="#CC79A7", lw=1, ls="--")
    axis.set(xlabel="x, m", ylabel="z, m", zlabel="y (up), m", box_aspect=(1, 1, 1))
    axis.set(xlim=(-0.75, 0.75), ylim=(-0.75, 0.75), zlim=(-0.75, 0.75))
    axis.legend(loc="upper left", fontsize=8)
    plt.close(figure)
    return figure


def picture_grid(rows: pd.DataFrame, columns: int, *, keypoints: bool = True, width=3.4, size=5, bones=1.6):
    """The images of some annotation rows without gaps, with or without their projected keypoints.

    Args:
        rows: of `shards.read_annotations`, all of one picture size. width: inches of one picture.
    """
    columns = min(columns, len(rows))
    shape, ratio = (-(-len(rows) // columns), columns), rows.iloc[0].height / rows.iloc[0].width
    figure, axes = plt.subplots(*shape, figsize=(columns * width, shape[0] * width * ratio), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, (_, row) in zip(axes.flat, rows.iterrows(), strict=False):
        axis.imshow(decoded(read_member(row)))
        if keypoints:
            viz.draw_keypoints(axis, row["keypoints_2d"].reshape(2, 21, 2), size=size, width=bones)
        axis.set(xlim=(0, row.width), ylim=(row.height, 0))
    figure.subplots_adjust(0, 0, 1, 1, 0.01, 0.01)
    plt.close(figure)
    return figure


def save_contact_sheet(rows: pd.DataFrame, columns: int, path: Path, width: int = 256) -> None:
    """The images of some annotation rows side by side as one JPEG, each `width` pixels wide.

    Args:
        rows: of `shards.read_annotations`, all of one picture size.
    """
    height = round(width * rows.iloc[0].height / rows.iloc[0].width)
    sheet = Image.new("RGB", (columns * width, -(-len(rows) // columns) * height), "white")
    for number, (_, row) in enumerate(rows.iterrows()):
        picture = Image.fromarray(decoded(read_member(row))).resize((width, height), Image.Resampling.LANCZOS)
        sheet.paste(picture, (number % columns * width, number // columns * height))
    with replacing(path) as temporary:
        sheet.save(temporary, format="JPEG", quality=90)


def label_picture(row: pd.Series) -> np.ndarray:
    """Visible parts over the image, each hand as if alone, and depth, side by side: (H, 4 W, 3) float in [0, 1]."""
    image = decoded(read_member(row)) / 255
    parts, right, left = (decoded(read_member(row, name)) for name in ("parts", "right", "left"))
    depth = decoded(read_member(row, "depth")) / 1e4
    over = np.where(parts[..., None] > 0, 0.35 * image + 0.65 * part_picture(parts), image)
    alone = part_picture(right), part_picture(np.where(left > 0, left.astype(int) + 16, 0))
    return np.concatenate([over, *alone, depth_picture(depth)], axis=1)


def part_picture(parts: np.ndarray) -> np.ndarray:
    """Colours (H, W, 3) of part labels (H, W): oranges right, blues left, grey forearms, green props, brown tables."""
    colors = np.full((TABLE_LABEL + 1, 4), 0.55)
    colors[PROP_LABEL, :3], colors[TABLE_LABEL, :3] = (0.0, 0.62, 0.45), (0.75, 0.66, 0.52)
    colors[0] = 1
    for side, name in enumerate(("Oranges", "Blues")):
        shades = 0.35 + 0.6 * ((5 * np.arange(16)) % 16) / 15
        colors[1 + 16 * side : 17 + 16 * side] = plt.get_cmap(name)(shades)
    return colors[parts, :3]


def depth_picture(depth: np.ndarray) -> np.ndarray:
    """Colours (H, W, 3) of depth (H, W) metres, yellow near and dark far; white where it is 0."""
    nearest = depth[depth > 0].min()
    colors = plt.get_cmap("cividis_r")((depth - nearest) / DEPTH_RANGE)[..., :3]
    return np.where(depth[..., None] > 0, colors, 1)


def facet_picture(hands: HandPair, item: Frame) -> np.ndarray:
    """The meshes of a frame seen by its camera, every face in one grey: (H, W, 3) float."""
    mesh = hands(row_pose([item.row])).vertices[0].numpy().reshape(-1, 3)
    faces = np.concatenate([hands.right.faces.numpy(), hands.left.faces.numpy() + hands.right.vertex_count])
    points = to_camera(mesh.astype(np.float64), item.camera.R, item.camera.t)
    normals = np.cross(*(points[faces[:, k]] - points[faces[:, 0]] for k in (1, 2)))
    shade = np.abs(normals[:, 2]) / np.linalg.norm(normals, axis=1)
    drawn = rasterize(points, faces, item.camera.K, item.camera.width, item.camera.height)
    return np.where(drawn.face >= 0, shade[drawn.face], 1)[..., None].repeat(3, -1)
