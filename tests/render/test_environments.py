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
