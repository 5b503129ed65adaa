"""Charts and pictures of notebooks 14 to 19: they show the numbers and the hands that they were given."""

import dataclasses

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgb

from renderih_lib import viz
from renderih_lib.hand.skeleton import KEYPOINT_BONES
from renderih_lib.nets.transhand import Prediction
from renderih_lib.train import figures
from renderih_lib.train.comparison import Effect
from renderih_lib.train.experiments import FIGURE_13

matplotlib.use("Agg")


@pytest.fixture(scope="module")
def vertices(hands):
    """Both rest hands side by side, (2, V, 3) metres, half a metre away."""
    rest = np.stack([hand.template.numpy() for hand in hands.hands])
    rest = rest - rest.mean(1, keepdims=True) + [[[-0.1, 0, 0.5]], [[0.1, 0, 0.5]]]
    return rest.astype(np.float32)


def effect(value, low, high):
    return Effect(value, low, high, "mm", 3, 9, "stand-in", "tiny")


def test_no_way_to_train_has_a_hands_colour_and_all_lines_of_figure_13_differ():
    used = [figures.style_of(name)["color"] for name in FIGURE_13]
    assert len(set(used)) == len(FIGURE_13)
    taken = {*used, figures.MEAN_POSE_COLOR, figures.PLAIN}
    assert not taken & set(viz.HAND_COLORS)


def test_gains_are_filled_only_where_the_interval_leaves_zero_out():
    effects = {"a": effect(1, 0.5, 1.5), "b": effect(1, -0.5, 2.5), "c": effect(1, -np.inf, np.inf)}
    axis = figures.gain_chart(effects).axes[0]
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    assert [dot.get_markerfacecolor() for dot in dots] == [figures.PLAIN, "white", "white"]
    bars = [line for line in axis.lines if len(line.get_xdata()) == 2 and line.get_linewidth() == 1.6]
    assert [list(bar.get_xdata()) for bar in bars] == [[0.5, 1.5], [-0.5, 2.5]]
    assert [text.get_text() for text in axis.get_yticklabels()] == list(effects)


def test_a_size_chart_holds_each_point_and_each_level():
    line = pd.DataFrame({"share": [0.01, 0.1, 1.0], "mean": [30.0, 25, 20], "sd": [1.0, np.nan, 0.5]})
    axis = figures.size_chart(
        {"real only": line}, {"mean pose": 50.0}, "share of real images, %", log=True
    ).axes[0]
    drawn = next(line for line in axis.lines if line.get_marker() == "o")
    np.testing.assert_allclose(drawn.get_xydata(), [[1, 30], [10, 25], [100, 20]])
    assert any(list(line.get_ydata()) == [50, 50] for line in axis.lines)
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["1", "10", "100"]


def test_occlusion_bars_are_the_means_with_half_a_standard_deviation(vertices):
    rows = [
        {"mask_iou": name, "images": 5, "mean_mm": mean, "sd_mm": 4.0}
        for name, mean in (("0", 9.0), ("0 - 1", 12.0))
    ]
    picture = {"0": np.ones((8, 8, 3))}
    axis = figures.occlusion_chart({"real only": rows, "mixed": rows}, picture).axes[0]
    assert [patch.get_height() for patch in axis.patches] == [9, 12, 9, 12]
    ends = axis.collections[0].get_segments()[0][:, 1]
    np.testing.assert_allclose(ends, [7, 11])
    assert len(axis.child_axes) == 1
    axis.figure.canvas.draw()
    assert axis.get_legend().get_window_extent().y0 >= axis.get_window_extent().y1 - 1  # on no bar


def test_an_overlay_paints_each_hand_where_its_vertices_are(hands, vertices):
    image = np.full((64, 64, 3), 128, np.uint8)
    pixels = vertices[..., :2] * 120 + 32
    picture = figures.overlay(image, pixels, vertices, hands, alpha=1.0)
    changed = np.abs(picture - 128 / 255).sum(-1) > 1e-6
    rows, columns = np.nonzero(changed)
    low, high = pixels.reshape(-1, 2).min(0), pixels.reshape(-1, 2).max(0)
    assert low[0] - 1 <= columns.min() and columns.max() <= high[0] + 1
    assert low[1] - 1 <= rows.min() and rows.max() <= high[1] + 1
    for side, where in ((0, columns < 32), (1, columns >= 32)):
        painted = picture[rows[where], columns[where]].mean(0)
        color = np.array(to_rgb(viz.HAND_COLORS[side]))
        np.testing.assert_allclose(painted / painted.max(), color / color.max(), atol=0.02)
    np.testing.assert_array_equal(image, 128)


def test_the_nearer_hand_hides_the_other(hands, vertices):
    near_right, near_left = vertices.copy(), vertices.copy()
    for near, side in ((near_right, 0), (near_left, 1)):
        near[:] = vertices[:1] * [[[1, 1, 1]]]
        near[side, :, 2] -= 0.2
    image = np.zeros((48, 48, 3), np.uint8)
    pixels = near_right[..., :2] * 120 + 32
    for near, side in ((near_right, 0), (near_left, 1)):
        picture = figures.overlay(image, pixels, near, hands, alpha=1.0)
        seen = picture[picture.any(-1)].mean(0)
        color = np.array(to_rgb(viz.HAND_COLORS[side]))
        np.testing.assert_allclose(seen / seen.max(), color / color.max(), atol=0.05)


def test_masks_mix_where_they_overlap():
    masks = np.zeros((2, 1, 4), bool)
    masks[0, 0, :2], masks[1, 0, 1:3] = True, True
    right, both, left, none = figures.mask_picture(masks)[0]
    colors = [np.array(to_rgb(color)) for color in viz.HAND_COLORS]
    np.testing.assert_allclose([right, both, left, none], [colors[0], sum(colors) / 2, colors[1], np.ones(3)])


def test_predicted_hands_stand_where_the_network_says(vertices):
    points = torch.from_numpy(vertices)[None]
    camera = torch.tensor([[[2.0, 0.1, 0.0], [2.0, -0.1, 0.0]]])
    said = Prediction(points, points[:, :, :21], torch.tensor([[0.3, 0.0, 0.1]]), camera, None)
    placed, pixels = figures.predicted_hands(said, 0, 64)
    np.testing.assert_allclose(placed[0], vertices[0])
    np.testing.assert_allclose(placed[1], vertices[1] + np.float32([0.3, 0, 0.1]))
    np.testing.assert_allclose(pixels[0], (2 * vertices[0, :, :2] + [0.1, 0] + 1) * 32, rtol=1e-5)


def test_views_of_a_camera_look_from_where_they_say(hands, vertices):
    front, side, above = figures.from_sides(vertices, hands, size=60)
    warm = {name: picture[..., 0] - picture[..., 2] for name, picture in (("front", front), ("side", side))}
    assert (
        warm["front"][:, :25].mean() > 0.02
    )  # x goes to the right, as in the image: the right hand is left of it
    assert warm["front"][:, 35:].mean() < -0.02
    assert warm["side"].mean() < -0.005  # from +x, the left hand is in front
    assert above.shape == (60, 60, 3)


def test_small_hands_look_small_beside_the_hands_whose_scale_they_are_drawn_at(hands, vertices):
    def covered(points, **options):
        return np.mean(
            [(picture < 0.99).any(-1).mean() for picture in figures.from_sides(points, hands, 120, **options)]
        )

    assert covered(0.5 * vertices) == pytest.approx(covered(vertices), rel=0.05)
    assert covered(0.5 * vertices, scale_of=vertices) == pytest.approx(covered(vertices) / 4, rel=0.3)


def test_shades_run_from_grey_to_the_colour():
    colors = figures.shades(np.array([1.0, 3.0]), viz.RIGHT_COLOR)
    np.testing.assert_allclose(colors, [[0.85] * 3, 0.9 * np.array(to_rgb(viz.RIGHT_COLOR))])
    assert np.isfinite(figures.shades(np.ones(3), viz.RIGHT_COLOR)).all()


def test_one_strong_vertex_does_not_leave_the_others_grey():
    strength = np.append(np.linspace(0, 1, 99), 1000.0)
    colors = figures.shades(strength, viz.RIGHT_COLOR)
    full = 0.9 * np.array(to_rgb(viz.RIGHT_COLOR))
    np.testing.assert_allclose(colors[-1], full)
    np.testing.assert_allclose(colors[49], (0.85 + full) / 2, atol=0.02)


def test_a_picture_table_names_its_lines():
    rows = [[np.zeros((4, 4, 3))] * 3, [np.ones((4, 4, 3))]]
    axes = figures.picture_table(rows, ["best", "worst"], ["image", "truth", "side"]).axes
    assert [axes[0].get_ylabel(), axes[3].get_ylabel()] == ["best", "worst"]
    assert [len(axis.images) for axis in axes] == [1, 1, 1, 1, 0, 0]


@pytest.fixture
def joints(hands):
    """Both rest skeletons side by side, (2, 21, 3) metres, half a metre away."""
    rest = np.stack([hand.keypoints_from_vertices(hand.template).numpy() for hand in hands.hands])
    rest = rest - rest.mean(1, keepdims=True) + [[[-0.1, 0, 0.5]], [[0.1, 0, 0.5]]]
    return rest.astype(np.float32)


def test_a_skeleton_is_drawn_in_its_hands_colour_where_it_is_known():
    pixels = np.random.default_rng(0).uniform(5, 95, (2, 21, 2))
    known = np.zeros((2, 21), bool)
    known[0, :2] = True  # one bone of the right hand, and no other
    drawn = figures.skeletons(np.zeros((100, 100, 3), np.uint8), pixels, known)
    right, left = ((np.abs(drawn - to_rgb(color)) < 0.01).all(-1) for color in viz.HAND_COLORS)
    assert right.any() and not left.any()
    rows, columns = np.nonzero(right)
    low, high = pixels[0, :2].min(0) - 2, pixels[0, :2].max(0) + 2
    assert (np.stack([columns, rows], 1) >= low).all() and (np.stack([columns, rows], 1) <= high).all()


def test_rods_are_as_long_as_bones_and_closed_around_them(joints):
    known = np.ones((2, 21), bool)
    known[1, 4] = False  # a tip of the left hand
    right, left = (figures._sticks(joints[side], known[side], "red") for side in range(2))
    assert len(right.vertices) == 8 * 20 and len(left.vertices) == 8 * 19
    ends = right.vertices.reshape(20, 2, 4, 3)
    for (a, b), rod in zip(KEYPOINT_BONES, ends, strict=True):
        np.testing.assert_allclose(rod.mean(1), joints[0, [a, b]], atol=1e-6)
        radii = np.linalg.norm(rod - rod.mean(1, keepdims=True), axis=-1)
        np.testing.assert_allclose(radii, figures._STICK, rtol=1e-3)
    assert right.faces.max() == len(right.vertices) - 1


def test_truth_without_meshes_is_seen_from_the_same_sides(joints):
    pictures = figures.sticks_from_sides(joints, np.ones((2, 21), bool), 60)
    assert len(pictures) == len(figures.CAMERA_VIEWS)
    photographed = (pictures[0] < 0.99).any(-1)
    assert photographed[:, :30].any() and photographed[:, 30:].any()  # right hand at the left, and the other
    none = figures.sticks_from_sides(joints, np.stack([np.ones(21, bool), np.zeros(21, bool)]), 60)
    assert (none[0] < 0.99).any()


def test_true_hands_over_an_image_are_meshes_or_skeletons(noise_samples, hands):
    sample = noise_samples(1, 60)[0]
    bare = dataclasses.replace(sample, vertices=None)
    covered = [(figures.true_overlay(s, hands) != s.image / 255).any(-1).sum() for s in (sample, bare)]
    assert 0 < covered[1] < covered[0]
    skeleton = figures.skeletons(bare.image, bare.pixels, bare.known)
    np.testing.assert_array_equal(figures.true_overlay(bare, hands), skeleton)
