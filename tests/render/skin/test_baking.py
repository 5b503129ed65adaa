"""Skin textures: the same seed gives the same skin, no seam shows, and tones are where they should be."""

import json
import os

import numpy as np
import pytest
from scipy.spatial import cKDTree

from renderih_lib.render.skin import baking, fields
from renderih_lib.render.skin.files import made_from, read_skin, write_skin
from renderih_lib.render.skin.noise import cells, noise
from renderih_lib.render.skin.texels import skin_texels

SIZE = 256


@pytest.fixture(scope="module")
def texels():
    return skin_texels(SIZE)


@pytest.fixture(scope="module")
def people():
    return {tone: baking.bake_skin([0, 1], tone, SIZE) for tone in baking.TONES}


def values_at(texels, image):
    return image.reshape(SIZE * SIZE, -1)[texels.index]


def linear_to_lab(linear):
    """Written out the other way round, from the definition."""
    xyz = linear @ np.linalg.inv(np.array(baking.XYZ_TO_LINEAR)).T / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


def test_texels_lie_on_the_hand_and_know_back_from_palm(texels):
    hand = texels.points[:, 0] < -20
    fingers = texels.fingers[[0, 1, 2, 3]].sum(0) > 0.99
    assert 0.2 < len(texels.index) / SIZE**2 < 1
    back, palm = (
        texels.points[hand & ~fingers & side, 1].mean()
        for side in (texels.facing > 0.8, texels.facing < -0.8)
    )
    assert back > palm + 15  # millimetres: a palm is that thick
    nearest = cKDTree(texels.points).query(texels.joints)[0]
    assert (nearest < 25).all()  # every joint lies under skin


def test_distance_along_a_finger_is_zero_at_its_joint_and_grows_to_the_tip(texels):
    for finger in range(5):
        own = texels.fingers[finger] > 0.99
        root, middle, end = texels.along[finger]
        assert (root[own] > middle[own] - 1e-3).all() and (middle[own] > end[own]).all()
        assert 10 < end[own].max() < 40  # the last bone, millimetres
        assert np.abs(texels.aside[finger, 1, own]).max() < 16


def test_each_nail_is_on_the_back_of_its_fingertip(texels):
    assert set(np.unique(texels.nail)) == {0, 1, 2, 3, 4, 5}
    assert (texels.facing[texels.nail > 0] > 0).all()
    order = ("thumb", "index", "middle", "ring", "pinky")
    for number, name in enumerate(order, start=1):
        finger = fields.FINGERS.index(name)
        assert (texels.along[finger, 2][texels.nail == number] > 0).all()
        assert texels.fingers[finger][texels.nail == number].min() > 0.8


def test_the_same_seed_gives_the_same_skin_and_another_seed_another(people):
    again = baking.bake_skin([0, 1], "olive", SIZE)
    for a, b in zip(again, people["olive"], strict=True):
        np.testing.assert_array_equal(a, b)
    other = baking.bake_skin([0, 2], "olive", SIZE)
    assert np.abs(other.albedo - people["olive"].albedo).max() > 0.01


def test_global_randomness_changes_nothing(people):
    np.random.seed(1)  # noqa: NPY002
    np.testing.assert_array_equal(baking.bake_skin([0, 1], "olive", SIZE).albedo, people["olive"].albedo)


@pytest.mark.parametrize("tone", baking.TONES)
def test_maps_are_finite_and_physical(tone, people, texels):
    maps = people[tone]
    albedo = values_at(texels, maps.albedo)
    assert {values.dtype for values in maps} == {np.dtype(np.float32)}
    assert all(np.isfinite(values).all() for values in maps)
    assert 0.004 < albedo.min() and albedo.max() < 0.9  # skin reflects neither nothing nor all
    assert (albedo[:, 0] > albedo[:, 2]).mean() > 0.999  # and more red than blue
    assert np.abs(maps.height_mm).max() < 1.2
    assert np.abs(maps.folds_mm).max() < 0.8
    np.testing.assert_allclose(np.linalg.norm(values_at(texels, maps.normal), axis=1), 1, atol=1e-5)
    rough = values_at(texels, maps.roughness)
    assert 0.2 < rough.min() and rough.max() < 0.75


@pytest.mark.parametrize("tone", baking.TONES)
def test_the_back_of_the_hand_has_the_colour_that_was_asked_for(tone, people, texels):
    plain = (texels.facing > 0.7) & (texels.nail == 0) & (texels.fingers.sum(0) < 0.1)
    measured = linear_to_lab(values_at(texels, people[tone].albedo)[plain]).mean(0)
    asked = baking.person_tone(tone, np.random.default_rng([0, 1]))[0]
    np.testing.assert_allclose(measured, asked, atol=1.6)


def test_palms_are_lighter_than_backs_on_dark_skin_and_redder_on_light_skin(people, texels):
    hand = texels.points[:, 0] < -20
    for tone in baking.TONES:
        lab = linear_to_lab(values_at(texels, people[tone].albedo))
        back, palm = (
            lab[hand & side & (texels.nail == 0)].mean(0)
            for side in (texels.facing > 0.7, texels.facing < -0.7)
        )
        if tone in ("dark_brown", "black"):
            assert palm[0] > back[0] + 8
        else:
            assert palm[1] > back[1] + 1


def test_the_palm_ends_gradually_at_the_wrist(texels):
    palm = fields.palm_amount(texels, np.random.default_rng(0))
    inside = texels.facing < -0.6
    steps = [palm[inside & (np.abs(texels.points[:, 0] - x) < 4)].mean() for x in np.arange(-10, 65, 8)]
    assert steps[0] > 0.9 and steps[-1] < 0.15
    assert np.abs(np.diff(steps)).max() < 0.35  # no ring round the wrist


def test_no_seam_shows():
    """Colours differ little more across a cut of the atlas than between equally near texels beside it."""
    size = 512
    texels, albedo = skin_texels(size), baking.bake_skin(0, "white", size).albedo
    colors, place = albedo.reshape(-1, 3)[texels.index], np.stack(np.divmod(texels.index, size), 1)
    one, other = cKDTree(texels.points).query_pairs(1.0, output_type="ndarray").T
    turned = np.abs(texels.facing[one] - texels.facing[other])
    like_a_cut = (turned > 0.04) & (turned < 0.12) & (np.abs(texels.facing[one]) < 0.4)
    one, other = one[like_a_cut], other[like_a_cut]
    cut = np.abs(place[one] - place[other]).max(1) > 8
    assert cut.sum() > 200  # pairs that only a seam keeps apart
    jump = np.abs(colors[one] - colors[other]).max(1)
    unrelated = np.abs(colors[one] - np.roll(colors[one], 1000, 0)).max(1)
    assert jump[cut].mean() < 1.6 * jump[~cut].mean()
    assert jump[cut].mean() < 0.4 * unrelated.mean()


def test_textures_are_bled_beyond_their_islands(people, texels):
    outside = np.ones(SIZE * SIZE, bool)
    outside[texels.index] = False
    painted = people["white"].albedo.reshape(-1, 3).max(1) > 0
    assert painted[texels.index].all()
    assert (painted & outside).sum() > 1000
    assert not painted.all()


def test_noise_has_unit_spread_and_its_length():
    points = np.random.default_rng(0).uniform(0, 200, (40000, 3)).astype(np.float32)
    field = noise(points, 10.0, np.random.default_rng(1), octaves=2)
    assert abs(field.mean()) < 0.1 and field.std() == pytest.approx(1, abs=0.12)
    moved = noise(points + np.float32([0.5, 0, 0]), 10.0, np.random.default_rng(1), octaves=2)
    far = noise(points + np.float32([25, 0, 0]), 10.0, np.random.default_rng(1), octaves=2)
    assert np.corrcoef(field, moved)[0, 1] > 0.97
    assert abs(np.corrcoef(field, far)[0, 1]) < 0.1


def test_cells_have_borders_half_way_between_their_centres():
    points = np.random.default_rng(0).uniform(0, 20, (20000, 3)).astype(np.float32)
    centre, border = cells(points, np.random.default_rng(1))
    assert (centre >= 0).all() and centre.max() < 1.6 and (border >= 0).all()
    step = np.float32([1e-3, 0, 0])
    moved = cells(points + step, np.random.default_rng(1))
    assert np.abs(moved[0] - centre).max() < 1.1e-3  # a distance
    jumps = np.abs(moved[1] - border) > 2.1e-3
    assert jumps.mean() < 1e-3  # where the second centre is missed
    again = cells(points, np.random.default_rng(1))
    np.testing.assert_array_equal(again[1], border)


def test_lab_to_linear_agrees_with_the_definition():
    lab = np.random.default_rng(0).uniform([25, 0, 0], [80, 20, 25], (50, 3))
    np.testing.assert_allclose(linear_to_lab(baking.lab_to_linear(lab)), lab, atol=1e-6)
    np.testing.assert_allclose(baking.lab_to_linear(np.array([100.0, 0, 0])), 1, atol=2e-3)
    np.testing.assert_allclose(
        baking.lab_to_linear(np.array([70, 9.5, 14.5])), [0.565, 0.373, 0.285], atol=2e-3
    )


@pytest.mark.parametrize("tone", baking.TONES)
def test_people_stay_in_the_class_of_their_tone(tone):
    rng = np.random.default_rng(0)
    backs = np.stack([baking.person_tone(tone, rng)[0] for _ in range(200)])
    wanted = baking.typology(np.array(baking.TONES[tone].back))
    assert {baking.typology(lab) for lab in backs} == {wanted}
    assert backs.std(0).min() > 0.5  # and yet differ


def test_skins_survive_the_disk(tmp_path, people):
    path = tmp_path / "skin.npz"
    write_skin(path, people["yellow"])
    for stored, baked in zip(read_skin(path), people["yellow"], strict=True):
        np.testing.assert_allclose(stored, baked, atol=1.1e-3)  # rounded to 0.001, then half floats
    first = path.read_bytes()
    write_skin(path, people["yellow"])
    assert path.read_bytes() == first
    assert os.listdir(tmp_path) == ["skin.npz"]


def test_a_skin_without_all_maps_is_refused(tmp_path):
    np.savez(tmp_path / "old.npz", albedo=np.zeros((8, 8, 3)))
    with pytest.raises(ValueError, match="old.npz has no height_mm"):
        read_skin(tmp_path / "old.npz")


def test_finished_skins_are_left_alone_and_broken_or_other_ones_are_baked_again(tmp_path, monkeypatch):
    entries = list(baking.write_skins(tmp_path, 4, 64, 0))
    files = [tmp_path / entry["file"] for entry in entries]
    before = [file.read_bytes() for file in files]
    files[1].write_bytes(before[1][: len(before[1]) // 2])  # cut short
    files[2].write_bytes(b"")
    write_skin(files[3], baking.bake_skin(9, "white", 64), {"seed": 9})  # somebody else
    baked, bake = [], baking.bake_skin
    monkeypatch.setattr(baking, "bake_skin", lambda seed, *rest: baked.append(seed) or bake(seed, *rest))
    assert list(baking.write_skins(tmp_path, 4, 64, 0)) == entries
    assert baked == [[0, 1], [0, 2], [0, 3]]
    assert [file.read_bytes() for file in files] == before
    list(baking.write_skins(tmp_path, 1, 32, 0))
    assert baked[3:] == [[0, 0]]  # another size


def test_a_person_depends_on_the_seed_and_the_number_alone(tmp_path):
    few, many = (list(baking.write_skins(tmp_path / str(n), n, 32, 5)) for n in (2, 3))
    assert few == many[:2]
    for entry in few:
        assert (tmp_path / "2" / entry["file"]).read_bytes() == (tmp_path / "3" / entry["file"]).read_bytes()
    assert made_from(tmp_path / "2" / few[1]["file"])["seed"] == [5, 1]


def test_some_people_are_hairy_and_fair_hair_goes_with_fair_skin():
    for tone in baking.TONES:
        drawn = [baking.person_hair(tone, np.random.default_rng(k)) for k in range(200)]
        bald = np.mean([amount == 0 for _, amount in drawn])
        assert abs(bald - baking.HAIRLESS_SHARE) < 0.12
        assert any(color == "blond" for color, _ in drawn) == (tone in baking.FAIR)


def test_folds_deepen_creases_of_the_palm_and_smooth_the_back(texels):
    rng = np.random.default_rng(0)
    parts = baking.skin_fields(texels, rng)
    folds = fields.folds(parts)
    creased = (parts["finger_creases"] > 0.6) & (parts["pads"] < 0.3)
    wrinkled = (parts["wrinkles"] > 0.5) & (parts["palm"] < 0.1)
    assert creased.sum() > 20 and wrinkled.sum() > 20
    assert folds[creased].max() < -0.05
    assert folds[wrinkled].min() > 0.05
    flattened = baking.LAYERS["wrinkles"].height * parts["wrinkles"] + folds
    assert np.abs(flattened[wrinkled]).max() < 0.5 * np.abs(folds[wrinkled]).max()
    far = (np.abs(texels.along) > 15).all((0, 1)) & (parts["palm_lines"] < 1e-3)
    assert np.abs(folds[far]).max() < 0.06


def test_the_command_writes_skins_and_an_index(tmp_path):
    baking.main(["--count", "2", "--size", "64", "--seed", "3", "--out", str(tmp_path)])
    index = json.loads((tmp_path / "skins.json").read_text())
    assert [entry["tone"] for entry in index] == ["white", "light_european"]
    expected = baking.bake_skin([3, 1], "light_european", 64)
    got = read_skin(tmp_path / index[1]["file"])
    np.testing.assert_allclose(got.albedo, expected.albedo, atol=1e-3)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="tone must be one of"):
        baking.bake_skin(0, "green", SIZE)
    with pytest.raises(ValueError, match="size must be at least 16"):
        baking.bake_skin(0, "white", 8)
    with pytest.raises(ValueError, match="count must be at least 1"):
        next(baking.write_skins("nowhere", 0, 64, 0))
