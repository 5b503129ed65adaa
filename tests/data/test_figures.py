"""Charts of notebook 10: they show the numbers they were given."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from renderih_lib import viz
from renderih_lib.data import figures
from renderih_lib.data import statistics as stats
from renderih_lib.render.shards import read_annotations
from renderih_lib.scales import DATASETS

matplotlib.use("Agg")
NAMES = ("renderih-train", "studio-test")


@pytest.fixture(scope="module")
def rows(labelled_shards):
    return {"renderih-train": read_annotations(labelled_shards("renderih-train"))}


def test_every_dataset_has_a_colour_that_is_no_hands():
    colors = {figures.color_of(name).upper() for name in DATASETS}
    assert len(colors) == len({name.split("-")[0] for name in DATASETS})
    assert not colors & {color.upper() for color in viz.HAND_COLORS}


def test_picture_rows_show_square_pictures_in_order(rows):
    axes = figures.picture_rows(rows, columns=4).axes
    assert len(axes) == 4 and all(axis.images[0].get_array().shape == (48, 48, 3) for axis in axes)
    assert axes[0].get_title(loc="left") == "renderih-train"


def test_maps_hold_each_direction():
    points = np.array([[0, 1.0, 0], [-1.0, 0, 0], [0, 0, 1.0]])
    axis = figures.direction_maps({"studio-train": points}).axes[0]
    np.testing.assert_allclose(axis.collections[0].get_offsets()[1:], [[0, 0], [np.pi / 2, 0]], atol=1e-9)


def test_stacked_shares_are_as_long_as_their_numbers():
    overlap = pd.DataFrame({name: [0.1, 0.2, 0.3, 0.4] for name in NAMES}, index=list("abcd"))
    hidden = {name: pd.Series([0.1, 0.5, 0.9]) for name in NAMES}
    left, right = figures.occlusion_charts(overlap, hidden).axes
    assert [round(bar.get_width(), 6) for bar in left.patches] == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4]
    assert left.patches[-1].get_x() + left.patches[-1].get_width() == pytest.approx(1)
    assert [to_hex(box.get_facecolor()) for box in right.patches] == ["#009e73", "#4b4bb0"]


def test_light_charts_have_two_boxes_of_luminance_for_each_dataset(rows):
    table = stats.picture_statistics(row for _, row in rows["renderih-train"].iterrows())
    tones = pd.DataFrame({"renderih-train": [1.0, 0, 0, 0, 0, 0]}, index=list(stats.TONE_CLASSES))
    axes = figures.light_charts({"renderih-train": table}, tones).axes
    assert [len(axis.patches) for axis in axes] == [2, 1, 6]


def test_spectra_dash_test_sets():
    spectra = {name: stats.amplitude_bands(np.random.default_rng(0).random((3, 40, 40))) for name in NAMES}
    first, _ = figures.spectra_charts(spectra).axes
    assert [line.get_linestyle() for line in first.lines] == ["-", "--"]
    np.testing.assert_allclose(first.lines[0].get_ydata(), spectra["renderih-train"].variation)


def test_embeddings_put_seeds_in_lines_and_perplexities_in_columns():
    maps = {(value, seed): np.full((6, 2), 10.0 * value + seed) for value in (5, 30) for seed in (0, 1)}
    axes = figures.embeddings(maps, 2, {key: f"{key}" for key in maps}).axes
    assert [axis.collections[0].get_offsets()[0, 0] for axis in axes] == [50, 300, 51, 301]
    assert [len(dots.get_offsets()) for dots in axes[0].collections] == [4, 2]


def test_breadth_bars_are_the_numbers():
    kinds = dict(zip(figures.POSE_STYLES, (0.1, 0.2, 0.3), strict=True))
    sides = pd.DataFrame({name: [3.0, 2.0] for name in kinds}, index=[2, 3])
    first, second, third = figures.breadth_charts({"possible": kinds}, sides, kinds).axes
    assert (
        [bar.get_height() for bar in first.patches]
        == [bar.get_height() for bar in third.patches]
        == [0.1, 0.2, 0.3]
    )
    assert len(second.lines) == 3


def test_unpaired_hands_are_the_same_hands_in_another_order():
    places, order = np.arange(8.0), np.array([2, 0, 3, 1])
    paired, unpaired = figures.paired_hands({"natural": places}, order).axes
    np.testing.assert_array_equal(paired.collections[0].get_offsets(), [[0, 4], [1, 5], [2, 6], [3, 7]])
    np.testing.assert_array_equal(unpaired.collections[0].get_offsets(), [[0, 6], [1, 4], [2, 7], [3, 5]])
