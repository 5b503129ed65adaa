"""Numbers about datasets: how much of pose space is covered, how hands depend on each other, views, light, spectra."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.spatial import ConvexHull
from scipy.spatial.distance import cdist, pdist, squareform
from torch import Tensor

from renderih_lib.data.samples import PART_NAMES
from renderih_lib.hand.pair import HandPair, PairPose
from renderih_lib.hand.skeleton import JOINT_COUNT, KEYPOINT_COUNT
from renderih_lib.pose.distinct import hand_keypoints
from renderih_lib.pose.validity import CONTACT_MM, DEPTH_MM, check_pairs
from renderih_lib.render.frames import row_pose
from renderih_lib.render.shards import decoded, read_member, stacked

#: Lower ends of the classes of the individual typology angle, degrees (Chardon et al. 1991; Del Bino et al. 2006).
TONE_CLASSES = {"very light": 55, "light": 41, "intermediate": 28, "tan": 10, "brown": -30, "dark": -90}

_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of linear Rec. 709
_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
_WHITE = np.array([0.95047, 1.0, 1.08883])  # D65
_FIRST_FOREARM = PART_NAMES.index("right_forearm")


def dataset_counts(rows: pd.DataFrame, hands: HandPair, pairs: int = 60) -> dict[str, float]:
    """How much of everything one or more datasets hold, counted in their rows (of `shards.read_annotations`).

    A person is a skin with a hand shape. Whether hands touch or penetrate each other is measured exactly
    (`validity.check_pairs`), on up to `pairs` posed pairs spread evenly over the dataset.
    """
    draws = rows.drop_duplicates(["dataset", "draw"])
    check = check_pairs(row_pose(evenly(draws, pairs).to_dict("records")), hands)
    persons = {(skin, shape.tobytes()) for skin, shape in zip(rows["skin"], rows["shape"], strict=True)}
    return {
        "images": len(rows),
        "pairs of hands": rows["pose_id"].nunique(),
        "persons": len(persons),
        "skins": rows["skin"].nunique(),
        "environments": rows["environment"].nunique(),
        "touching %": 100 * (check["contact_mm"] <= CONTACT_MM).mean(),
        "penetrating %": 100 * (check["depth_mm"] > DEPTH_MM).mean(),
        "deepest mm": check["depth_mm"].max(),
    }


def evenly(rows: pd.DataFrame, count: int) -> pd.DataFrame:
    """At most `count` rows, spread evenly from the first to the last."""
    return rows.iloc[np.unique(np.linspace(0, len(rows) - 1, count, dtype=int))]


# Pose space


def hand_vectors(angles: Tensor, hands: HandPair) -> np.ndarray:
    """Hands (N, 15, 3) radians as points (N, 63) whose distance is the root mean square over 21 keypoints, mm.

    Keypoints are in the wrist's frame at the mean shape. Either side is posed as a right hand, so mirrored poses are
    the same point.
    """
    return hand_keypoints(angles.float(), hands.right).flatten(1).numpy() / np.sqrt(KEYPOINT_COUNT)


def articulation(pose: PairPose, hands: HandPair) -> np.ndarray:
    """B pairs as points (B, 126), both hands' `hand_vectors`: root mean square over 42 keypoints, mm.

    Where the hands stand to each other does not count; augmentation (Eq. 1) does not change it.
    """
    both = [hand_vectors(pose.angles[:, side], hands) for side in range(2)]
    return np.concatenate(both, 1) / np.sqrt(2)


def nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance (P,) from each of points (P, D) to the nearest of others (O, D)."""
    return cdist(points, others).min(1)


def coverage(
    reference: np.ndarray, others: np.ndarray, neighbours: int = 3, *, groups: tuple | None = None
) -> float:
    """Share of reference points (R, D) with at least one of others (O, D) in their neighbourhood.

    A neighbourhood reaches to the k-th nearest other reference point (Naeem et al., ICML 2020, "coverage"). The value
    grows with O, so compare sets of equal size.

    Args:
        groups: labels (R,) and (O,); points of one group do not see each other. None: all do.

    Raises:
        ValueError: if a reference point has fewer than k others to see.
    """
    own, apart = cdist(reference, reference), cdist(reference, others)
    np.fill_diagonal(own, np.inf)
    if groups is not None:
        labels, other_labels = map(np.asarray, groups)
        own[labels[:, None] == labels] = np.inf
        apart[labels[:, None] == other_labels] = np.inf
    if (
        len(reference) <= neighbours
        or not np.isfinite(radius := np.sort(own, axis=1)[:, neighbours - 1]).all()
    ):
        raise ValueError(
            f"coverage needs {neighbours} neighbours for each of the {len(reference)} reference points"
        )
    return float((apart.min(1) <= radius).mean())


def principal_axes(points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean (D,), axes (D, count) of largest variance, and the share of the variance that they hold."""
    mean = points.mean(0)
    _, sizes, axes = np.linalg.svd(points - mean, full_matrices=False)
    variance = sizes**2
    return mean, axes[:count].T, float(variance[:count].sum() / variance.sum())


def effective_dimension(points: np.ndarray) -> float:
    """Over how many directions points (P, D) spread: squared sum of the covariance's eigenvalues over their sum of squares."""
    variances = np.linalg.svd(points - points.mean(0), compute_uv=False) ** 2
    return float(variances.sum() ** 2 / (variances**2).sum())


def hull_volume(points: np.ndarray) -> float:
    """Volume of the convex hull of points (P, D), in their unit to the power D.

    Raises:
        ValueError: if there are not more points than dimensions.
    """
    if len(points) <= points.shape[1]:
        raise ValueError(f"a hull in {points.shape[1]} dimensions needs more than {len(points)} points")
    return float(ConvexHull(points).volume)


def hull_sides(subsets: dict[str, list[np.ndarray]], most: int) -> pd.DataFrame:
    """Sizes of convex hulls on the first d principal axes of everything together, as the side of an equal cube.

    Args:
        subsets: kind -> random subsets (P, D), all of one size.

    Returns:
        a row for each d from 2 to `most`, fewer where a subset is too small; a column for each kind, in the unit of the
        points: the side of the mean volume over the subsets.
    """
    size = min(len(points) for several in subsets.values() for points in several)
    dimensions = range(2, min(most, size - 1) + 1)
    together = np.concatenate([points for several in subsets.values() for points in several])
    mean, axes, _ = principal_axes(together, max(dimensions))
    volumes = {
        kind: [
            np.mean([hull_volume((points - mean) @ axes[:, :d]) for points in several]) for d in dimensions
        ]
        for kind, several in subsets.items()
    }
    sides = pd.DataFrame(volumes, index=pd.Index(dimensions, name="axes"))
    return sides.pow(1 / sides.index.to_series(), axis=0)


# Dependence


def distance_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Bias-corrected distance correlation (squared) of paired points (N, D) and (N, E).

    Zero in the mean for independent points of any dimension, 1 when one is a rotated, scaled copy of the other
    (Székely and Rizzo 2013). Needs N > 3.
    """
    a, b = _centred_distances(x), _centred_distances(y)
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def permuted_correlations(x: np.ndarray, y: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`distance_correlation` of `count` random re-pairings of the same points: what chance gives."""
    a, b = _centred_distances(x), _centred_distances(y)
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    orders = (rng.permutation(len(x)) for _ in range(count))
    return np.array([(a * b[np.ix_(order, order)]).sum() / scale for order in orders])


def _centred_distances(points: np.ndarray) -> np.ndarray:
    """Distances (N, N) with row, column and whole means taken off so that products are unbiased (U-centring)."""
    distances, n = squareform(pdist(points.reshape(len(points), -1))), len(points)
    rows = distances.sum(0) / (n - 2)
    centred = distances - rows - rows[:, None] + distances.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    return centred


# Views


def view_directions(rows: pd.DataFrame) -> np.ndarray:
    """Unit vectors (N, 3) from the right hand to the camera, in the hand's rest frame: fingers -x, back +y, thumb +z.

    Args:
        rows: of `shards.read_annotations`.
    """
    keypoints = stacked(rows["keypoints_3d"], 2, KEYPOINT_COUNT, 3)[:, 0]
    towards = -keypoints.mean(1)  # the camera is at the origin of its frame
    turn = stacked(rows["R"], 3, 3) @ stacked(rows["wrist"], 2, 3, 3)[:, 0]  # rest to camera
    towards = np.einsum("nji,nj->ni", turn, towards)
    return towards / np.linalg.norm(towards, axis=1, keepdims=True)


def sphere_cells(directions: np.ndarray, bands: int = 6, sectors: int = 12) -> np.ndarray:
    """Cell (N,) of each direction (N, 3) among bands * sectors cells of equal area about the y axis."""
    band = np.clip((directions[:, 1] + 1) / 2 * bands, 0, bands - 1e-9).astype(int)
    angle = np.arctan2(directions[:, 2], -directions[:, 0])
    sector = ((angle / (2 * np.pi)) % 1 * sectors).astype(int) % sectors
    return band * sectors + sector


def view_table(directions: dict[str, np.ndarray], bands: int = 6, sectors: int = 12) -> pd.DataFrame:
    """How evenly the views of each dataset surround the hand, a row per dataset.

    Columns: images; cells seen % of `sphere_cells`; random directions %, what so many would reach; sees the back %,
    share of the views from the side of the back of the hand.
    """
    cells = bands * sectors
    rows = {
        name: {
            "images": len(points),
            "cells seen %": 100 * len(set(sphere_cells(points, bands, sectors))) / cells,
            "random directions %": 100 * (1 - (1 - 1 / cells) ** len(points)),
            "sees the back %": 100 * (points[:, 1] > 0).mean(),
        }
        for name, points in directions.items()
    }
    return pd.DataFrame(rows).T


# Light and tone


def linear(srgb: np.ndarray) -> np.ndarray:
    """Linear values of sRGB values, both in [0, 1]."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def lab(colors: np.ndarray) -> np.ndarray:
    """CIELAB (..., 3), D65, of linear Rec. 709 colours (..., 3)."""
    x, y, z = np.moveaxis(_cube_root(colors @ _XYZ.T / _WHITE), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def _cube_root(values: np.ndarray) -> np.ndarray:
    low = (6 / 29) ** 3
    return np.where(values > low, np.cbrt(np.maximum(values, low)), values * (29 / 6) ** 2 / 3 + 4 / 29)


def typology_angle(lab_colors: np.ndarray) -> np.ndarray:
    """Individual typology angle (...), degrees, of CIELAB colours (..., 3): the larger, the lighter the skin."""
    return np.degrees(np.arctan2(lab_colors[..., 0] - 50, lab_colors[..., 2]))


def tone_classes(angles: np.ndarray) -> np.ndarray:
    """Name (N,) in `TONE_CLASSES` of each typology angle (N,), degrees."""
    names, lower = list(TONE_CLASSES), np.array(list(TONE_CLASSES.values()))
    return np.array(names)[np.searchsorted(-lower, -np.maximum(angles, -90.0), side="left")]


def picture_statistics(rows: Iterable[pd.Series]) -> pd.DataFrame:
    """One row per image: what its pixels say about light, skin and occlusion.

    Columns:
        hand, surround: mean luminance of the hands, and of what is neither hand nor arm; 1 is white.
        contrast_stops: light against dark parts of the hands, 95th over 5th percentile of luminance, as a power of 2.
        lightness, chroma, hue_deg, typology_deg: of the mean colour of the hands, as it appears in the picture.
        hand_share: share of the picture that shows a hand. hidden: share of each hand's own silhouette that something
            covers, the larger of both hands.

    Raises:
        ValueError: if an image shows no hand.
    """
    return pd.DataFrame([_picture_statistics(row) for row in rows])


def _picture_statistics(row: pd.Series) -> dict[str, float]:
    image, parts, *alone = (decoded(read_member(row, name)) for name in ("image", "parts", "right", "left"))
    hands = (parts > 0) & (parts < _FIRST_FOREARM)
    if not hands.any():
        raise ValueError(f"image {row['key']} of {row['tar']} shows no hand")
    colors = linear(image / 255.0)
    luminance = colors @ _LUMINANCE
    low, high = np.maximum(np.quantile(luminance[hands], (0.05, 0.95)), 1e-3)
    lightness, a, b = lab(colors[hands].mean(0))
    behind = (parts == 0) | (parts >= len(PART_NAMES))
    return {
        "hand": luminance[hands].mean(),
        "surround": luminance[behind].mean() if behind.any() else np.nan,
        "contrast_stops": np.log2(high / low),
        "lightness": lightness,
        "chroma": np.hypot(a, b),
        "hue_deg": np.degrees(np.arctan2(b, a)),
        "typology_deg": typology_angle(np.array([lightness, a, b])),
        "hand_share": hands.mean(),
        "hidden": max(_hidden(parts, mask, side) for side, mask in enumerate(alone)),
    }


def _hidden(parts: np.ndarray, alone: np.ndarray, side: int) -> float:
    silhouette = alone > 0
    own = (parts > JOINT_COUNT * side) & (parts <= JOINT_COUNT * (side + 1))
    return 1 - (own & silhouette).sum() / max(silhouette.sum(), 1)


# Frequencies


def amplitude_bands(images: np.ndarray, bands: int = 16) -> pd.DataFrame:
    """Amplitude spectrum of square grey images (N, S, S) in [0, 1], in rings of equal width up to half a cycle per pixel.

    Columns: frequency (cycles per pixel, middle of the ring), amplitude (mean over images and the ring), variation
    (standard deviation over images, mean over the ring; Figure 2b of the synthetic-to-real paper), and
    relative (variation over amplitude). Amplitudes are divided by the number of pixels: a grey level g has g at 0.

    Raises:
        ValueError: if there are fewer than two images, they are not square, or too small for so many rings.
    """
    if images.ndim != 3 or len(images) < 2 or images.shape[1] != images.shape[2]:
        raise ValueError(f"expected two or more square grey images (N, S, S), got {images.shape}")
    size = images.shape[1]
    if size <= 2 * bands:
        raise ValueError(f"{bands} rings need images of more than {2 * bands} pixels, got {size}")
    amplitude = np.abs(np.fft.fft2(images)) / size**2
    steps = np.fft.fftfreq(size)
    radius = np.hypot(steps[:, None], steps)
    ring = np.floor(radius / 0.5 * bands).astype(int)
    mean, spread = amplitude.mean(0), amplitude.std(0)
    rows = []
    for band in range(bands):
        inside = (ring == band) & (radius > 0)  # at 0 is the brightness, which is no texture
        level, variation = mean[inside].mean(), spread[inside].mean()
        rows.append({"frequency": (band + 0.5) / bands / 2, "amplitude": level, "variation": variation})
    table = pd.DataFrame(rows)
    return table.assign(relative=table["variation"] / table["amplitude"])


def grey_images(rows: Iterable[pd.Series]) -> np.ndarray:
    """Grey values (N, S, S) float32 in [0, 1] of square pictures of one size, as stored (not linear)."""
    return np.stack([grey(decoded(read_member(row))) for row in rows])


def grey(pixels: np.ndarray) -> np.ndarray:
    """Grey values (...) float32 in [0, 1] of 8-bit pixels (..., 3), as stored (not linear)."""
    return pixels @ np.float32([0.299, 0.587, 0.114]) / 255
