import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderih_lib.render.environments import (
    catalogue,
    check_panorama,
    dynamic_range,
    environments_in,
    kind_of,
    place_name,
    shipped_environments,
    thumbnail,
    view,
)


def test_bpy_brings_eight_panoramas():
    found = shipped_environments()
    assert sorted(found) == [
        "city",
        "courtyard",
        "forest",
        "interior",
        "night",
        "studio",
        "sunrise",
        "sunset",
    ]
    for path in found.values():
        check_panorama(path)


def test_own_panoramas_come_from_a_folder(tmp_path):
    for name in ("b.hdr", "a.EXR", "notes.txt", ".half.exr"):
        (tmp_path / name).write_bytes(b"x")
    assert list(environments_in(tmp_path)) == ["a", "b"]


def test_a_folder_without_panoramas_is_an_error(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ValueError, match="no panorama"):
            environments_in(folder)


def test_the_catalogue_joins_all_folders(tmp_path):
    generated, own = tmp_path / "generated", tmp_path / "own"
    for folder, name in ((generated, "room-0003"), (own, "my_garden")):
        folder.mkdir()
        (folder / f"{name}.exr").write_bytes(b"x")
    found = catalogue(generated, own)
    assert found.keys() == shipped_environments().keys() | {"room-0003", "my_garden"}
    assert [kind_of(name) for name in ("room-0003", "forest", "my_garden")] == ["room", "shipped", "own"]
    assert catalogue(None) == shipped_environments()


def test_two_panoramas_of_one_name_are_an_error(tmp_path):
    (tmp_path / "forest.hdr").write_bytes(b"x")
    with pytest.raises(ValueError, match="forest"):
        catalogue(None, tmp_path)


@given(st.sampled_from(["room", "sky", "dome"]), st.integers(0, 9999))
def test_names_tell_the_kind(kind, number):
    assert kind_of(place_name(kind, number)) == kind


def test_names_that_only_look_generated_are_own():
    assert {kind_of(name) for name in ("room-3", "cellar-0003", "room-00031", "room")} == {"own"}


@pytest.mark.parametrize("keep", [0, 1, 7, 300, 0.5, 0.999])
def test_a_truncated_panorama_is_named(tmp_path, keep):
    whole = shipped_environments()["city"].read_bytes()
    broken = tmp_path / "broken.exr"
    broken.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(ValueError, match="broken.exr"):
        check_panorama(broken)


def test_a_photograph_under_a_panoramas_name_is_named(tmp_path):
    for name in ("photo.hdr", "photo.exr"):
        (tmp_path / name).write_bytes(b"\xff\xd8\xff\xe0" + bytes(1000))
        with pytest.raises(ValueError, match=name):
            check_panorama(tmp_path / name)


def test_panoramas_hold_more_light_than_a_photograph_could(cycles):
    light = cycles.panorama(shipped_environments()["sunset"])
    assert light.shape == (512, 1024, 3) and np.isfinite(light).all()
    assert dynamic_range(light) > 1_000
    luminance = light @ (0.2126, 0.7152, 0.0722)
    assert luminance[:200].mean() > 2 * luminance[-200:].mean()  # the sky is at the top


def test_dynamic_range_is_that_of_the_light():
    light = np.ones((64, 128, 3))
    light[0, 0] = 5_000
    assert dynamic_range(light) == pytest.approx(5_000)
    assert dynamic_range(7 * light) == pytest.approx(5_000)


@given(st.floats(-3, 3), st.floats(-1.2, 1.2))
def test_a_view_looks_where_it_is_told(yaw, pitch):
    rows, columns = 180, 360
    elevation = np.pi * (0.5 - (np.arange(rows) + 0.5) / rows)[:, None]
    azimuth = 2 * np.pi * (0.5 - (np.arange(columns) + 0.5) / columns)
    light = np.stack(np.broadcast_arrays(np.cos(azimuth), np.sin(azimuth), np.sin(elevation)), -1)
    middle = view(light, yaw, pitch, 0.2, 3, 3)[1, 1]
    np.testing.assert_allclose(middle, [np.cos(yaw), np.sin(yaw), np.sin(pitch)], atol=0.01)


def test_a_view_is_not_mirrored():
    light = np.zeros((64, 128, 3))
    light[:32] += 1.0  # brighter above
    light[:, 64:] += 0.5  # and to the right
    seen = view(light, 0.0, 0.0, 1.0, 20, 20)[..., 0]
    assert (seen[:9] > seen[11:]).all() and (seen[:, 11:].mean() > seen[:, :9].mean())


@given(st.integers(10, 300), st.floats(1e-3, 1e3))
def test_a_thumbnail_does_not_depend_on_the_exposure(width, gain):
    light = np.random.default_rng(0).lognormal(size=(50, 100, 3)) * 10
    first, second = thumbnail(light, width), thumbnail(gain * light, width)
    assert first.shape[1] == min(width, 100) and first.dtype == np.uint8
    assert np.abs(first.astype(int) - second).max() <= 1
