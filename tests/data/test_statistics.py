"""Statistics of datasets against slow twins, known cases, and what must not change them."""

import io

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.spatial import Delaunay
from scipy.spatial.transform import Rotation

from renderih_lib.data.statistics import (
    TONE_CLASSES,
    amplitude_bands,
    articulation,
    coverage,
    dataset_counts,
    distance_correlation,
    effective_dimension,
    evenly,
    grey_images,
    hull_sides,
    hull_volume,
    lab,
    linear,
    nearest,
    permuted_correlations,
    picture_statistics,
    principal_axes,
    sphere_cells,
    tone_classes,
    typology_angle,
    view_directions,
    view_table,
)
from renderih_lib.pose.library import load_pose_library
from renderih_lib.pose.validity import check_pairs
from renderih_lib.render.shards import decoded, read_annotations, read_member


def rng(*keys):
    return np.random.default_rng(keys)


# Pose space


def test_distances_of_articulations_are_root_mean_squares_over_keypoints(hands):
    pose = load_pose_library().natural_pairs(0, 4)
    vectors = articulation(pose, hands)
    upright = pose.replace(wrist=torch.eye(3).expand(4, 2, 3, 3), shape=torch.zeros_like(pose.shape))
    keypoints = 1000 * hands(upright).keypoints.numpy()
    keypoints -= keypoints[:, :, :1]
    for i in range(4):
        for j in range(4):
            moved = np.linalg.norm(keypoints[i] - keypoints[j], axis=-1)
            assert np.linalg.norm(vectors[i] - vectors[j]) == pytest.approx(
                np.sqrt((moved**2).mean()), abs=1e-3
            )


def test_place_shape_and_orientation_are_no_articulation(hands):
    pose = load_pose_library().natural_pairs(0, 2)
    other = pose.replace(translation=pose.translation + 1, shape=pose.shape + 1, wrist=pose.wrist.flip(0))
    np.testing.assert_array_equal(articulation(pose, hands), articulation(other, hands))


def test_mirrored_hands_are_one_point(hands):
    pose = load_pose_library().natural_pairs(0, 3)
    swapped = pose.replace(angles=pose.angles.flip(1))
    np.testing.assert_array_equal(
        articulation(swapped, hands), np.roll(articulation(pose, hands), 63, axis=1)
    )


def slow_coverage(reference, others, k):
    covered = 0
    for i, point in enumerate(reference):
        own = sorted(np.linalg.norm(point - other) for j, other in enumerate(reference) if j != i)
        covered += any(np.linalg.norm(point - other) <= own[k - 1] for other in others)
    return covered / len(reference)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.integers(5, 20), st.integers(1, 20), st.integers(1, 4))
def test_coverage_is_its_slow_twin(seed, references, others, k):
    points, more = rng(seed).normal(size=(references, 3)), rng(seed, 1).normal(size=(others, 3)) + 0.5
    assert coverage(points, more, k) == slow_coverage(points, more, k)


def test_a_set_covers_itself_and_a_far_one_covers_nothing():
    points = rng(0).normal(size=(50, 5))
    assert coverage(points, points) == 1 and coverage(points, points + 100) == 0
    assert coverage(points, points[:5]) < coverage(points, points[:25]) < 1


def test_coverage_needs_more_points_than_neighbours():
    with pytest.raises(ValueError, match="needs 3 neighbours for each of the 3"):
        coverage(np.zeros((3, 2)), np.zeros((9, 2)), 3)
    with pytest.raises(ValueError, match="needs 3 neighbours for each of the 6"):
        coverage(rng(0).random((6, 2)), np.zeros((9, 2)), 3, groups=(list("aaaabb"), list("ccccccccc")))


def test_points_of_one_group_do_not_cover_each_other():
    """As if each point were asked alone, with its own group taken out of both sets."""
    points, more = rng(0).normal(size=(24, 3)), rng(1).normal(size=(30, 3))
    labels, other_labels = rng(2).integers(0, 4, 24), rng(3).integers(0, 4, 30)
    hits = 0
    for point, label in zip(points, labels, strict=True):
        own = sorted(
            np.linalg.norm(point - p) for p, other in zip(points, labels, strict=True) if other != label
        )
        hits += (
            min(np.linalg.norm(point - p) for p, g in zip(more, other_labels, strict=True) if g != label)
            <= own[2]
        )
    assert coverage(points, more, 3, groups=(labels, other_labels)) == hits / 24


def test_nearest_is_the_smallest_of_all_distances():
    points, others = rng(0).normal(size=(7, 4)), rng(1).normal(size=(9, 4))
    slow = [min(np.linalg.norm(p - o) for o in others) for p in points]
    np.testing.assert_allclose(nearest(points, others), slow)


def test_principal_axes_find_a_stretched_plane():
    turn = Rotation.random(random_state=0).as_matrix()
    points = rng(0).normal(size=(500, 3)) * [5, 2, 0.01] @ turn.T + 7
    mean, axes, share = principal_axes(points, 2)
    assert share > 0.9999 and abs(axes[:, 0] @ turn[:, 0]) > 0.99
    np.testing.assert_allclose(axes.T @ axes, np.eye(2), atol=1e-9)
    np.testing.assert_allclose(points.mean(0), mean)


def test_effective_dimension_counts_equal_directions():
    points = rng(0).normal(size=(20_000, 6)) * [1, 1, 1, 1e-3, 0, 0]
    assert effective_dimension(points) == pytest.approx(3, abs=0.02)
    turn = np.linalg.qr(rng(1).normal(size=(6, 6)))[0]
    assert effective_dimension(5 * points @ turn + 3) == pytest.approx(effective_dimension(points))


def test_hull_volumes_are_those_of_a_box_and_of_a_sum_of_simplices():
    corners = np.stack(np.meshgrid([0, 2], [0, 3], [0, 5]), -1).reshape(-1, 3)
    assert hull_volume(np.vstack([corners, corners.mean(0)])) == pytest.approx(30)
    points = rng(0).normal(size=(30, 3))
    pieces = points[Delaunay(points).simplices]
    slow = np.abs(np.linalg.det(pieces[:, 1:] - pieces[:, :1])).sum() / 6
    assert hull_volume(points) == pytest.approx(slow)
    with pytest.raises(ValueError, match="needs more than 3 points"):
        hull_volume(points[:3])


# Dependence


def slow_distance_correlation(x, y):
    n = len(x)

    def centred(points):
        a = [[np.linalg.norm(p - q) for q in points] for p in points]
        total = sum(map(sum, a)) / ((n - 1) * (n - 2))
        rows = [sum(row) / (n - 2) for row in a]
        return [[0 if i == j else a[i][j] - rows[i] - rows[j] + total for j in range(n)] for i in range(n)]

    def product(a, b):
        return sum(a[i][j] * b[i][j] for i in range(n) for j in range(n))

    a, b = centred(x), centred(y)
    return product(a, b) / np.sqrt(product(a, a) * product(b, b))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.integers(4, 12))
def test_distance_correlation_is_its_slow_twin(seed, count):
    x, y = rng(seed).normal(size=(count, 3)), rng(seed, 1).normal(size=(count, 2))
    assert distance_correlation(x, y) == pytest.approx(slow_distance_correlation(x, y))
    assert distance_correlation(x, y) == pytest.approx(distance_correlation(y, x))


def test_distance_correlation_of_copies_is_one_and_of_strangers_zero_in_the_mean():
    turn = Rotation.random(random_state=1).as_matrix()
    x = rng(0).normal(size=(60, 3))
    assert distance_correlation(x, 3 * x @ turn + 1) == pytest.approx(1)
    strangers = [
        distance_correlation(rng(i, 0).normal(size=(40, 45)), rng(i, 1).normal(size=(40, 45)))
        for i in range(60)
    ]
    assert abs(np.mean(strangers)) < 3 * np.std(strangers) / np.sqrt(60) + 0.005


def test_it_sees_dependence_that_has_no_linear_part():
    x = rng(0).uniform(-1, 1, size=(300, 1))
    chance = permuted_correlations(x, x**2, 99, rng(1))
    assert abs(np.corrcoef(x[:, 0], x[:, 0] ** 2)[0, 1]) < 0.15
    assert distance_correlation(x, x**2) > chance.max()


def test_permutations_are_the_correlations_of_permuted_pairs():
    x, y = rng(0).normal(size=(12, 2)), rng(1).normal(size=(12, 3))
    order = rng(5).permutation(12)
    assert permuted_correlations(x, y, 1, rng(5))[0] == pytest.approx(distance_correlation(x, y[order]))


# Views


def test_a_camera_before_the_back_of_the_hand_is_at_the_pole(hands):
    """A right hand in its rest orientation, seen from +y, +z and its fingertips (-x)."""
    eyes = {1: [0, 0.5, 0], 2: [0, 0, 0.5], 0: [-0.5, 0, 0]}
    pose = load_pose_library().natural_pairs(0, 1)
    keypoints = hands(pose).keypoints[0].numpy()
    turn = pose.wrist[0, 0].numpy()
    for axis, eye in eyes.items():
        place = turn @ eye + keypoints[0].mean(0)
        R = Rotation.random(random_state=axis).as_matrix()  # where the camera looks does not matter
        seen = (keypoints - place) @ R.T
        columns = {"keypoints_3d": [seen.ravel()], "R": [R.ravel()], "wrist": [pose.wrist[0].numpy().ravel()]}
        found = view_directions(pd.DataFrame(columns))
        np.testing.assert_allclose(found[0], np.array(eye) / 0.5, atol=1e-5)


def test_cells_of_the_sphere_have_equal_areas():
    directions = rng(0).normal(size=(72_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    counts = np.bincount(sphere_cells(directions), minlength=72)
    assert len(counts) == 72 and abs(counts / 1000 - 1).max() < 0.15
    poles = sphere_cells(np.array([[0, 1.0, 0], [0, -1.0, 0], [-1.0, 0, 0], [0, 0, 1.0]]))
    assert poles[0] // 12 == 5 and poles[1] // 12 == 0 and poles[2] % 12 == 0 and poles[3] % 12 == 3


# Light and tone


def test_lab_has_the_published_values_of_the_primaries():
    """sRGB red, green, blue, white and middle grey in CIELAB (Bruce Lindbloom's calculator, D65, rounded)."""
    colors = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [119, 119, 119]]) / 255
    expected = [
        [53.24, 80.09, 67.20],
        [87.73, -86.18, 83.18],
        [32.30, 79.19, -107.86],
        [100, 0, 0],
        [50.03, 0, 0],
    ]
    np.testing.assert_allclose(lab(linear(colors)), expected, atol=0.06)


def test_lab_is_smooth_where_its_pieces_meet():
    grey = np.linspace(0, 0.02, 400)[:, None] * np.ones(3)
    steps = np.diff(lab(grey)[:, 0])
    assert (steps > 0).all() and np.abs(np.diff(steps)).max() < 0.01


def test_tone_classes_follow_the_typology_angle():
    angles = np.array([70, 50, 30, 20, 0, -60, -100])
    assert tone_classes(angles).tolist() == [*TONE_CLASSES, "dark"]
    light, dark = np.array([75.0, 8, 14]), np.array([30.0, 9, 12])
    assert tone_classes(typology_angle(np.stack([light, dark]))).tolist() == ["very light", "dark"]


def written(folder, image, parts, alone):
    """A row whose members are these arrays."""
    path, row = folder / "a.tar", {"key": "0", "tar": str(folder / "a.tar")}
    with open(path, "wb") as file:
        for name, array in {"image": image, "parts": parts, "right": alone[0], "left": alone[1]}.items():
            buffer = io.BytesIO()
            Image.fromarray(array).save(buffer, "PNG")
            row |= {f"{name}_offset": file.tell(), f"{name}_size": len(buffer.getvalue())}
            file.write(buffer.getvalue())
    return pd.Series(row)


def test_picture_statistics_of_a_picture_made_by_hand(tmp_path):
    image = np.full((8, 8, 3), 188, np.uint8)  # half of white's light
    parts, right, left = (np.zeros((8, 8), np.uint8) for _ in range(3))
    right[:4, :4] = left[:4, 2:6] = 1
    parts[:4, :4], parts[:4, 4:6], parts[4, 4], parts[5, 5] = 1, 17, 33, 35
    image[:4, :3], image[parts == 33] = 94, 0
    (row,) = picture_statistics([written(tmp_path, image, parts, (right, left))]).itertuples()
    dark = linear(np.array(94 / 255))
    assert row.hand == pytest.approx(0.5 * dark + 0.5 * linear(np.array(188 / 255)))
    assert row.surround == pytest.approx(0.5, abs=0.01)  # neither the hands nor the black forearm
    assert row.contrast_stops == pytest.approx(np.log2(0.5 / dark), abs=0.03)
    assert row.hand_share == 24 / 64 and row.hidden == 0.5 and row.chroma < 0.5


def test_a_picture_without_hands_is_named(tmp_path):
    empty = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match="image 0 of .* shows no hand"):
        picture_statistics([written(tmp_path, np.zeros((4, 4, 3), np.uint8), empty, (empty, empty))])


def test_statistics_of_rendered_shards_have_one_row_per_image(labelled_shards):
    rows = read_annotations(labelled_shards("renderih-train"))
    table = picture_statistics(row for _, row in rows.iterrows())
    assert len(table) == 4 and table.notna().all().all()
    assert table.hidden.between(0, 1).all() and table.hand_share.between(0.05, 0.95).all()
    assert decoded(read_member(rows.iloc[0])).shape[2] == 3


# Frequencies


def slow_bands(images, bands):
    size, found = images.shape[1], [[] for _ in range(bands)]
    wave = np.exp(-2j * np.pi * np.outer(np.arange(size), np.arange(size)) / size)
    spectra = np.array([np.abs(wave @ image @ wave) / size**2 for image in images])
    for y in range(size):
        for x in range(size):
            fy, fx = (f - size if f > size / 2 else f for f in (y, x))
            band = int(np.floor(np.sqrt(fy**2 + fx**2) / size * 2 * bands))
            if 0 < abs(fy) + abs(fx) and band < bands:
                found[band].append((spectra[:, y, x].mean(), spectra[:, y, x].std()))
    return [(np.mean([m for m, _ in ring]), np.mean([v for _, v in ring])) for ring in found]


def test_amplitude_bands_are_their_slow_twin():
    images = rng(0).random((3, 12, 12))
    table = amplitude_bands(images, 4)
    np.testing.assert_allclose(table[["amplitude", "variation"]], slow_bands(images, 4))
    np.testing.assert_allclose(table["frequency"], [0.0625, 0.1875, 0.3125, 0.4375])


@pytest.mark.parametrize(("cycles", "band"), [(2, 0), (8, 2), (15, 3)])
def test_a_wave_shows_in_its_own_ring(cycles, band):
    wave = np.cos(2 * np.pi * cycles * np.arange(32) / 32)
    images = np.stack([np.tile(0.5 + 0.1 * wave, (32, 1)), np.tile(0.5 + 0.3 * wave, (32, 1))])
    table = amplitude_bands(images, 4)
    assert table["amplitude"].argmax() == table["variation"].argmax() == band
    assert table["relative"][band] == pytest.approx(0.5)


def test_equal_pictures_do_not_vary_and_brightness_is_no_texture():
    picture = rng(0).random((32, 32)) * 0.5
    table = amplitude_bands(np.stack([picture, picture + 0.2]), 8)
    assert table["variation"].max() < 1e-12


@pytest.mark.parametrize(
    ("shape", "message"), [((1, 32, 32), "two or more"), ((3, 32, 30), "square"), ((3, 8, 8), "rings")]
)
def test_pictures_that_have_no_spectrum_are_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        amplitude_bands(np.zeros(shape))


def test_grey_images_are_in_the_unit_range(labelled_shards):
    rows = read_annotations(labelled_shards("renderih-test"))
    grey = grey_images(row for _, row in rows.iterrows())
    assert grey.shape == (4, 48, 64) and 0 <= grey.min() < grey.max() <= 1
    pixel = decoded(read_member(rows.iloc[2]))[5, 7]
    assert grey[2, 5, 7] == pytest.approx(pixel @ [0.299, 0.587, 0.114] / 255, abs=1e-6)


# Tables of several sets


def test_hull_sides_are_those_of_cubes():
    """Of points that fill a cube of side 2 in five dimensions, every hull has nearly that side; of half of it, half."""
    corners = np.stack(np.meshgrid(*[[-1.0, 1.0]] * 5), -1).reshape(-1, 5)
    corners *= [1.0, 1.0001, 1.0002, 1.0003, 1.0004]
    sides = hull_sides({"big": [corners], "small": [corners / 2, corners / 2]}, most=5)
    assert sides.index.tolist() == [2, 3, 4, 5] and list(sides) == ["big", "small"]
    assert sides["big"][5] == pytest.approx(2, rel=0.01)
    np.testing.assert_allclose(sides["big"], 2 * sides["small"])


def test_hull_sides_stop_where_points_run_out():
    assert hull_sides({"few": [rng(0).normal(size=(4, 9))]}, most=8).index.tolist() == [2, 3]


def test_view_tables_count_cells():
    points = np.array([[0, 1.0, 0], [0, 1.0, 0], [0, -1.0, 0]])
    table = view_table({"two": points, "all": rng(0).normal(size=(9_000, 3)) / 10})
    assert table.loc["two", "cells seen %"] == pytest.approx(200 / 72)
    assert table.loc["two", "random directions %"] == pytest.approx(100 * (1 - (71 / 72) ** 3))
    assert table.loc["two", "sees the back %"] == pytest.approx(200 / 3) and table.loc["two", "images"] == 3


def test_datasets_are_counted(labelled_shards, hands):
    rows = read_annotations(labelled_shards("renderih-train")).assign(environment=["a", "b", "a", "a"])
    counts = dataset_counts(rows, hands)
    assert [counts[k] for k in ("images", "pairs of hands", "persons", "skins", "environments")] == [
        4,
        2,
        2,
        2,
        2,
    ]
    check = check_pairs(read_shots_pose(rows), hands)
    assert (
        counts["deepest mm"] == check.depth_mm.max()
        and counts["touching %"] == 100 * (check.contact_mm <= 5).mean()
    )


def read_shots_pose(rows):
    from renderih_lib.render.frames import row_pose

    return row_pose(rows.iloc[[0, 2]].to_dict("records"))


@given(st.integers(1, 500), st.integers(1, 60))
def test_evenly_spread_rows_hold_both_ends(total, count):
    rows = evenly(pd.DataFrame({"i": range(total)}), count)
    assert len(rows) == min(total, count) and rows.i.is_unique and rows.i.iloc[0] == 0
    assert count == 1 or rows.i.iloc[-1] == total - 1
