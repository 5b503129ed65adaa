import numpy as np
import pytest

from renderih_lib.render.environments import environments_in, shipped_environments


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
    assert all(path.is_file() for path in found.values())


def test_own_panoramas_come_from_a_folder(tmp_path):
    for name in ("b.hdr", "a.EXR", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert list(environments_in(tmp_path)) == ["a", "b"]


def test_a_folder_without_panoramas_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no panorama"):
        environments_in(tmp_path)


def test_panoramas_hold_more_light_than_a_photograph_could(cycles):
    light = cycles.panorama(shipped_environments()["sunset"])
    assert light.shape == (512, 1024, 3) and np.isfinite(light).all()
    luminance = light @ (0.2126, 0.7152, 0.0722)
    assert np.quantile(luminance, 0.999) > 256 * np.quantile(luminance, 0.01)  # of 8 bits
    assert luminance[:200].mean() > 2 * luminance[-200:].mean()  # the sky is at the top
