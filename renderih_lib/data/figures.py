"""Charts of datasets for notebook 10; a dataset has the colour of its domain, test sets are dashed."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from renderih_lib.render.shards import decoded, read_member

#: No colour of hands (`viz.HAND_COLORS`) among them.
DOMAIN_COLORS = {
    "gallery": "#000000",
    "renderih": "#009E73",
    "studio": "#4B4BB0",
    "tabletop": "#E69F00",
    "random": "#CC79A7",
    "objects": "#8C5A2B",
    "real": "#8A8A8A",
}
TONE_SHADES = ("#F5DCC8", "#E8BF9F", "#D2A07A", "#B07B52", "#7A4F31", "#40281A")
OVERLAP_SHADES = ("#E6E1DA", "#C2B8AA", "#8F8474", "#4A4238")
#: Raw, augmented and optimised poses: colour and marker.
POSE_STYLES = {"raw": ("black", "o"), "augmented": ("#999999", "s"), "optimised": ("#CC79A7", "^")}

_PLACES = {
    (-90, 0): "little finger",
    (0, 0): "fingertips",
    (90, 0): "thumb",
    (0, 76): "back",
    (0, -76): "palm",
}


def color_of(dataset: str) -> str:
    """Colour of a dataset, by its domain."""
    return DOMAIN_COLORS[dataset.split("-")[0]]


def picture_rows(rows: dict[str, pd.DataFrame], columns: int = 8):
    """A line of pictures for each dataset, evenly spread over its rows (of `shards.read_annotations`)."""
    figure, axes = plt.subplots(len(rows), columns, figsize=(1.05 * columns, 1.12 * len(rows)), squeeze=False)
    for line, (name, table) in zip(axes, rows.items(), strict=True):
        for axis in line:
            axis.axis("off")
        steps = np.unique(np.linspace(0, len(table) - 1, columns, dtype=int))
        for axis, (_, row) in zip(line, table.iloc[steps].iterrows(), strict=False):
            axis.imshow(_square(decoded(read_member(row))))
        line[0].set_title(name, fontsize=9, loc="left", color=color_of(name))
    figure.tight_layout(pad=0.3)
    return _closed(figure)


def direction_maps(directions: dict[str, np.ndarray]):
    """Equal-area maps of directions (N, 3) around a right hand in its rest frame, four a figure at most."""
    figure, axes = plt.subplots(2, 2, figsize=(9, 5.2), subplot_kw={"projection": "mollweide"})
    for axis, (name, points) in zip(axes.flat, directions.items(), strict=False):
        x, y, z = points[:800].T
        axis.scatter(np.arctan2(z, -x), np.arcsin(y), s=6, color=color_of(name), alpha=0.7, lw=0)
        axis.set_title(name, fontsize=9)
        axis.set_xticks(np.deg2rad([-90, 0, 90]), [])
        axis.set_yticks(np.deg2rad([-60, 0, 60]), [])
        axis.grid(alpha=0.3)
        for place, text in _PLACES.items():
            box = {"facecolor": "white", "edgecolor": "#999999", "lw": 0.5, "pad": 1.5}
            axis.text(*np.deg2rad(place), text, ha="center", va="center", fontsize=7, bbox=box)
    figure.tight_layout()
    return _closed(figure)


def occlusion_charts(overlap: pd.DataFrame, hidden: dict[str, pd.Series]):
    """Shares of overlap classes (rows) for datasets (columns), and hidden shares per image."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.2), sharey=True)
    _shares(axes[0], overlap, OVERLAP_SHADES, "IoU")
    _boxes(axes[1], hidden)
    axes[0].invert_yaxis()
    axes[1].set(xlabel="hidden share of the hand that is hidden more", xlim=(0, 1))
    figure.tight_layout()
    return _closed(figure)


def light_charts(pixels: dict[str, pd.DataFrame], tones: pd.DataFrame):
    """Luminance, contrast (columns of `statistics.picture_statistics`), and shares of tone classes (rows)."""
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.6), sharey=True)
    _boxes(axes[0], {name: table.hand for name, table in pixels.items()}, -0.2, 0.32)
    _boxes(axes[0], {name: table.surround for name, table in pixels.items()}, 0.2, 0.32, "white")
    axes[0].set(xlabel="luminance of hands (filled), surroundings (white)", xscale="log", xlim=(0.003, 1.2))
    axes[0].set_xticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
    _boxes(axes[1], {name: table.contrast_stops for name, table in pixels.items()})
    axes[1].set(xlabel="light to shade on the hands, stops")
    _shares(axes[2], tones, TONE_SHADES)
    axes[0].set_yticks(range(len(pixels)), list(pixels))
    axes[0].invert_yaxis()
    figure.tight_layout()
    return _closed(figure)


def spectra_charts(spectra: dict[str, pd.DataFrame]):
    """Variation of amplitudes over frequency (`statistics.amplitude_bands`), absolute and relative."""
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.4))
    for name, table in spectra.items():
        style = {"color": color_of(name), "ls": "--" if name.endswith("test") else "-", "label": name}
        axes[0].plot(table.frequency, table.variation, **style)
        axes[1].plot(table.frequency, table.relative, **style)
    axes[0].set(yscale="log", xlabel="cycles per pixel", ylabel="variation of the amplitude")
    axes[1].set(xlabel="cycles per pixel", ylabel="variation / mean amplitude")
    axes[0].legend(frameon=False, fontsize=7)
    figure.tight_layout()
    return _closed(figure)


def embeddings(maps: dict[tuple[int, int], np.ndarray], raw: int, notes: dict[tuple[int, int], str]):
    """Maps (perplexity, seed) -> points (N, 2), of which the first `raw` are raw poses; notes stand above them."""
    perplexities, seeds = (sorted({key[i] for key in maps}) for i in range(2))
    size = (3.2 * len(perplexities), 3.1 * len(seeds))
    figure, axes = plt.subplots(len(seeds), len(perplexities), figsize=size, squeeze=False)
    for (perplexity, seed), points in maps.items():
        axis = axes[seeds.index(seed), perplexities.index(perplexity)]
        axis.scatter(*points[raw:].T, s=6, color=POSE_STYLES["optimised"][0], label="optimised")
        axis.scatter(*points[:raw].T, s=10, color=POSE_STYLES["raw"][0], label="raw")
        axis.set_title(f"perplexity {perplexity}, seed {seed}: {notes[perplexity, seed]}", fontsize=8)
        axis.set(xticks=[], yticks=[])
    axes[0, 0].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return _closed(figure)


def breadth_charts(coverage: dict[str, dict], sides: pd.DataFrame, dimensions: dict[str, float]):
    """Coverage (target -> kind of poses -> share), hull sides (rows: number of axes) and effective dimensions."""
    figure, axes = plt.subplots(1, 3, figsize=(12.5, 3.2))
    for offset, (name, (color, marker)) in zip((-0.27, 0, 0.27), POSE_STYLES.items(), strict=True):
        heights = [shares[name] for shares in coverage.values()]
        axes[0].bar(np.arange(len(heights)) + offset, heights, 0.25, color=color, label=name)
        axes[1].plot(sides.index, sides[name], color=color, marker=marker)
    axes[0].set_xticks(range(len(coverage)), [f"{target} poses" for target in coverage])
    axes[0].set(ylabel="coverage", ylim=(0, 1))
    axes[0].legend(frameon=False, fontsize=8)
    axes[1].set(xlabel="principal axes", ylabel="side of the hull's cube, mm")
    axes[2].bar(
        list(POSE_STYLES),
        [dimensions[name] for name in POSE_STYLES],
        color=[c for c, _ in POSE_STYLES.values()],
    )
    axes[2].set(ylabel="effective dimension")
    figure.tight_layout()
    return _closed(figure)


def paired_hands(lines: dict[str, np.ndarray], order: np.ndarray):
    """Places of N right and then N left hands on a line, right against left: true pairs, and re-paired by `order`."""
    figure, axes = plt.subplots(1, 2 * len(lines), figsize=(3.1 * 2 * len(lines), 3.2), squeeze=False)
    for i, (name, places) in enumerate(lines.items()):
        right, left = np.split(places, 2)
        mixed = left[order[order < len(left)]]
        for axis, other, kind in zip(axes[0, 2 * i :], (left, mixed), ("paired", "unpaired"), strict=False):
            axis.scatter(right, other, s=8, color="#009E73" if kind == "paired" else "#999999")
            axis.set(title=f"{name}, {kind}", xlabel="right hand", xticks=[], yticks=[])
    axes[0, 0].set_ylabel("left hand")
    figure.tight_layout()
    return _closed(figure)


def _shares(axis, table: pd.DataFrame, shades, title: str | None = None) -> None:
    """Stacked bars: one for each column, one piece for each row."""
    start = np.zeros(table.shape[1])
    for shade, (label, share) in zip(shades, table.iterrows(), strict=True):
        axis.barh(table.columns, share, left=start, color=shade, label=label, edgecolor="white", lw=0.3)
        start += share.to_numpy()
    place = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "frameon": False, "fontsize": 8}
    axis.legend(title=title, ncols=min(4, len(table)), **place)
    axis.set(xlabel="share of the images", xlim=(0, 1))


def _boxes(axis, values: dict[str, pd.Series], shift=0.0, height=0.5, face: str | None = None) -> None:
    """A box for each dataset from the first to the third quartile, whiskers from 5 to 95 %."""
    for line, (name, column) in enumerate(values.items()):
        style = {"patch_artist": True, "orientation": "horizontal", "widths": height, "whis": (5, 95)}
        style |= {"showfliers": False, "medianprops": {"color": "black" if face == "white" else "white"}}
        drawn = axis.boxplot(column.dropna(), positions=[line + shift], manage_ticks=False, **style)
        drawn["boxes"][0].set(facecolor=face or color_of(name), edgecolor="black", lw=0.6)


def _square(picture: np.ndarray) -> np.ndarray:
    """The middle square of a picture that is wider than high."""
    spare = max(0, picture.shape[1] - picture.shape[0]) // 2
    return picture[:, spare : picture.shape[1] - spare]


def _closed(figure):
    plt.close(figure)  # shown once, by whoever asked for it
    return figure
