"""Charts and pictures of what was learned, for notebooks 14 to 19: gains, data sizes, occlusion, meshes over images."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from PIL import Image, ImageDraw

from renderih_lib import viz
from renderih_lib.data.samples import Sample
from renderih_lib.hand.pair import HandPair
from renderih_lib.hand.skeleton import KEYPOINT_BONES
from renderih_lib.nets.transhand import Prediction
from renderih_lib.render.raster import rasterize
from renderih_lib.train.comparison import Effect

#: Colour, marker and line of a way to train, by what its name begins with; none is a hand's colour.
STYLES = {
    "real": ("#4B4BB0", "o", "-"),
    "mixed": ("#CC79A7", "s", "--"),
    "pretrained": ("#009E73", "^", "-."),
    "synthetic": ("#8C5A2B", "D", ":"),
}
MEAN_POSE_COLOR = "#7B2D8B"
PLAIN = "#222222"
#: The strongest vertices are drawn alike from this quantile on: one that dominates would leave all others grey.
STRONGEST = 0.98
#: Where to look at hands that are given in the axes of their camera.
CAMERA_VIEWS = {
    "as photographed": viz.View((0, 0, -1), (0, -1, 0)),
    "from the side": viz.View((1, 0, 0), (0, -1, 0)),
    "from above": viz.View((0, -1, 0), (0, 0, 1)),
}
_STICK = 0.003  # metres, half as thick as a bone of a skeleton
_ROD = [[i, (i + 1) % 4, 4 + (i + 1) % 4] for i in range(4)] + [[i, 4 + (i + 1) % 4, 4 + i] for i in range(4)]


def style_of(name: str) -> dict:
    """Matplotlib's colour, marker and line style of a way to train."""
    color, marker, line = next(
        (s for start, s in STYLES.items() if name.startswith(start)), (PLAIN, "o", "-")
    )
    return {"color": color, "marker": marker, "ls": line}


def gain_chart(effects: Mapping[str, Effect], xlabel: str = "gain, mm", zero: float = 0.0):
    """A line for each effect with its interval; filled where the interval leaves `zero` out."""
    figure, axis = plt.subplots(figsize=(7.5, 0.8 + 0.36 * len(effects)))
    axis.axvline(zero, color="#999999", lw=1)
    for row, effect in enumerate(effects.values()):
        clear = effect.low > zero or effect.high < zero
        if np.isfinite([effect.low, effect.high]).all():
            axis.plot([effect.low, effect.high], [row, row], color=PLAIN, lw=1.6)
        axis.plot(effect.value, row, "o", color=PLAIN, mfc=PLAIN if clear else "white", ms=7)
    axis.set_yticks(range(len(effects)), list(effects))
    axis.set(xlabel=xlabel, ylim=(len(effects) - 0.5, -0.5))
    figure.tight_layout()
    return _closed(figure)


def size_chart(
    lines: Mapping[str, pd.DataFrame], levels: Mapping[str, float], xlabel: str, *, log: bool = False
):
    """MPJPE against the share of a dataset, percent.

    Args:
        lines: name -> frame with columns share (0 to 1), mean and sd (NaN for a single seed), mm.
        levels: name -> mm, drawn as level lines.
    """
    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    for name, line in lines.items():
        spread = line["sd"].fillna(0)
        axis.errorbar(100 * line["share"], line["mean"], spread, label=name, capsize=3, **style_of(name))
    for name, height in levels.items():
        color = MEAN_POSE_COLOR if "mean pose" in name else style_of(name)["color"]
        axis.axhline(height, color=color, lw=1, ls=(0, (1, 2)), label=name)
    if log:
        axis.set_xscale("log")
    shares = sorted({100 * share for line in lines.values() for share in line["share"]})
    axis.set_xticks(shares, [f"{share:g}" for share in shares])
    axis.minorticks_off()
    axis.set(xlabel=xlabel, ylabel="MPJPE, mm")
    axis.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return _closed(figure)


def occlusion_chart(bins: Mapping[str, list[dict]], examples: Mapping[str, np.ndarray] | None = None):
    """MPJPE in bins of the masks' IoU, error bars half a standard deviation to each side (Figure 11).

    Args:
        bins: way to train -> rows of `metrics.errors_by_bin`.
        examples: bin -> picture (H, W, 3) of two masks, shown below its bin.
    """
    names = [row["mask_iou"] for row in next(iter(bins.values()))]
    figure, axis = plt.subplots(figsize=(7.5, 3.6))
    width = 0.8 / len(bins)
    for offset, (way, rows) in enumerate(bins.items()):
        places = np.arange(len(rows)) + (offset - (len(bins) - 1) / 2) * width
        means, half = (np.array([row[key] for row in rows]) for key in ("mean_mm", "sd_mm"))
        hatch = ("", "//", "..", "xx")[offset % 4]
        look = {"color": style_of(way)["color"], "hatch": hatch, "edgecolor": "white"}
        axis.bar(places, means, 0.92 * width, yerr=0.5 * half, label=way, capsize=3, **look)
    counts = [row["images"] for row in next(iter(bins.values()))]
    axis.set_xticks(range(len(names)), [f"{name}\n{n} images" for name, n in zip(names, counts, strict=True)])
    axis.set(xlabel="IoU of the masks of both hands", ylabel="MPJPE, mm", xlim=(-0.5, len(names) - 0.5))
    # above the axes: inside it would lie on an error bar
    axis.legend(frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(bins))
    figure.tight_layout()
    for place, name in enumerate(names):
        if examples and name in examples:
            # x in data, y in shares of the axis
            inset = axis.inset_axes((place - 0.2, -0.62, 0.4, 0.3), transform=axis.get_xaxis_transform())
            inset.imshow(examples[name])
            inset.axis("off")
    return _closed(figure)


def overlay(image: np.ndarray, pixels: np.ndarray, vertices: np.ndarray, hands: HandPair, alpha: float = 0.8):
    """Both shaded meshes over an image: (H, W, 3) float in [0, 1].

    Args:
        image: (H, W, 3) uint8. pixels: (2, V, 2) where each vertex lies in it, by whatever camera.
        vertices: (2, V, 3) metres in camera axes; they give shading, and by z what hides what.
    """
    height, width = image.shape[:2]
    depth = vertices[..., 2:] - vertices[..., 2].min() + 1
    # The identity as camera projects these to the pixels.
    points = np.concatenate([pixels * depth, depth], -1).reshape(-1, 3)
    faces = _faces(hands)
    raster = rasterize(points, faces, np.eye(3), width, height)
    hit = raster.face >= 0
    normals = viz.vertex_normals(vertices.reshape(-1, 3).astype(np.float64), faces)
    seen = (normals[faces[raster.face[hit]]] * raster.weights[hit][..., None]).sum(1)
    light = 0.35 + 0.65 * np.clip(seen @ [-0.3, -0.5, -0.81], 0, 1)
    side = (raster.face[hit] >= len(hands.right.faces)).astype(int)
    colors = np.array([to_rgb(color) for color in viz.HAND_COLORS])[side] * light[:, None]
    picture = image / 255.0
    picture[hit] = (1 - alpha) * picture[hit] + alpha * colors
    return picture


def skeletons(image: np.ndarray, pixels: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The bones of both hands over an image (H, W, 3) uint8, those with two known ends: (H, W, 3) float in [0, 1].

    Args:
        pixels: (2, 21, 2), where each keypoint lies. known: (2, 21) bool.
    """
    picture = Image.fromarray(image)
    pen, width = ImageDraw.Draw(picture), max(1, len(image) // 80)
    for hand, ends, color in zip(pixels, known, viz.HAND_COLORS, strict=True):
        for bone in KEYPOINT_BONES:
            if ends[list(bone)].all():
                pen.line([tuple(hand[end]) for end in bone], color, width)
    return np.asarray(picture) / 255


def true_overlay(sample: Sample, hands: HandPair) -> np.ndarray:
    """The true hands over their image: meshes where both hands have one, else what is known of the skeletons."""
    if not sample.meshed.all():
        return skeletons(sample.image, sample.pixels, sample.known)
    pixels = sample.vertices @ sample.K.T
    return overlay(sample.image, pixels[..., :2] / pixels[..., 2:], sample.vertices, hands)


def mask_picture(masks: np.ndarray) -> np.ndarray:
    """Masks (2, H, W) bool of both hands in their colours, mixed where they overlap, on white: (H, W, 3)."""
    weight = masks[..., None].astype(float)
    colors = np.array([to_rgb(color) for color in viz.HAND_COLORS])[:, None, None]
    mixed = (weight * colors).sum(0) / np.maximum(weight.sum(0), 1)
    return np.where(masks.any(0)[..., None], mixed, 1.0)


def predicted_hands(prediction: Prediction, index: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a network says that both hands of an image are.

    Returns:
        Vertices (2, V, 3) metres from the right middle MCP joint, and their places (2, V, 2) in a crop of
        `size` pixels.
    """
    vertices = prediction.vertices[index].cpu().numpy().copy()
    vertices[1] += prediction.relative[index].cpu().numpy()
    return vertices, (prediction.vertices_2d[index].cpu().numpy() + 1) * size / 2


def from_sides(
    vertices: np.ndarray, hands: HandPair, size: int = 220, *, scale_of: np.ndarray | None = None
) -> list[np.ndarray]:
    """Pictures of both hands (2, V, 3), in camera axes, from each of `CAMERA_VIEWS`.

    They fill the picture, or with `scale_of`, other hands (2, V, 3), are as large as beside these.
    """
    surfaces = [
        viz.Surface(points, hand.faces.numpy(), color)
        for points, hand, color in zip(vertices, hands.hands, viz.HAND_COLORS, strict=True)
    ]
    return _sides(surfaces, vertices if scale_of is None else scale_of, size)


def sticks_from_sides(keypoints: np.ndarray, known: np.ndarray, size: int = 220) -> list[np.ndarray]:
    """The same of what is known of two skeletons (2, 21, 3): truth without meshes."""
    surfaces = [
        _sticks(hand, ends, color)
        for hand, ends, color in zip(keypoints, known, viz.HAND_COLORS, strict=True)
        if ends.any()
    ]
    return _sides(surfaces, keypoints[known], size)


def _sides(surfaces: list[viz.Surface], filling: np.ndarray, size: int) -> list[np.ndarray]:
    extent = 1.1 * np.ptp(filling.reshape(-1, 3), axis=0).max()
    return [viz.picture(surfaces, view=v, size=(size, size), extent=extent) for v in CAMERA_VIEWS.values()]


def _sticks(keypoints: np.ndarray, known: np.ndarray, color: str) -> viz.Surface:
    """A square rod for each bone of a hand (21, 3) with two known ends."""
    corners, faces = [], []
    for start, end in (keypoints[list(bone)] for bone in KEYPOINT_BONES if known[list(bone)].all()):
        along = end - start
        side = np.cross(along, np.eye(3)[np.abs(along).argmin()])
        side /= max(np.linalg.norm(side), 1e-9)
        other = np.cross(along, side) / max(np.linalg.norm(along), 1e-9)
        ring = _STICK * np.array([side, other, -side, -other])
        faces += [[8 * len(corners) + i for i in face] for face in _ROD]
        corners.append(np.concatenate([start + ring, end + ring]))
    return viz.Surface(np.concatenate(corners), np.array(faces), color)


def shades(strength: np.ndarray, color: str) -> np.ndarray:
    """Colours (V, 3) from grey, where strength (V,) is least, to `color`, from its quantile `STRONGEST` on."""
    low, high = np.quantile(strength, (0, STRONGEST))
    share = np.clip((strength - low) / (high - low if high > low else 1.0), 0, 1)[:, None]
    return (1 - share) * 0.85 + share * np.array(to_rgb(color)) * 0.9


def picture_table(rows: list[list[np.ndarray]], names: list[str], columns: list[str], width: float = 1.7):
    """Pictures in lines with a name at the left of each and titles above the columns."""
    shape = (len(rows), max(map(len, rows)))
    figure, axes = plt.subplots(
        *shape, figsize=(width * shape[1] + 0.4, width * shape[0] + 0.3), squeeze=False
    )
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
        axis.set_frame_on(False)
    for line, pictures, name in zip(axes, rows, names, strict=True):
        line[0].set_ylabel(name, fontsize=8)
        for axis, picture in zip(line, pictures, strict=False):
            axis.imshow(picture)
    for axis, title in zip(axes[0], columns, strict=False):
        axis.set_title(title, fontsize=8)
    figure.tight_layout(pad=0.3)
    return _closed(figure)


def _faces(hands: HandPair) -> np.ndarray:
    """(F, 3) of both hands as one mesh, right vertices first."""
    return np.concatenate([hands.right.faces.numpy(), hands.left.faces.numpy() + hands.right.vertex_count])


def _closed(figure):
    plt.close(figure)  # shown once, by whoever asked for it
    return figure
