"""Painted maps: what comes in goes out again, and wrong files are named with the remedy."""

import os

import numpy as np
import pytest
from PIL import Image

from renderih_lib.render.skin import baking, files
from renderih_lib.render.skin.files import (
    export_maps,
    linear_from_srgb,
    painted_people,
    painted_skin,
    read_skin,
    srgb_from_linear,
    uv_template,
)
from renderih_lib.render.skin.texels import skin_texels

SIZE = 128


@pytest.fixture(scope="module")
def maps():
    return baking.bake_skin([0, 1], "olive", SIZE)


@pytest.fixture
def painted(maps, tmp_path):
    export_maps(maps, tmp_path, "anna")
    return tmp_path


def anna(folder):
    return painted_skin(painted_people(folder)["anna"])


def repaint(path, change):
    with Image.open(path) as image:
        image = change(image.copy())
    image.save(path)


def test_exported_maps_come_back(maps, painted):
    back, texels = anna(painted), skin_texels(SIZE)
    on_skin = [a.reshape(SIZE**2, -1)[texels.index] for a in (back.albedo, maps.albedo)]
    np.testing.assert_allclose(*on_skin, rtol=0.03, atol=2e-3)
    np.testing.assert_allclose(back.roughness, maps.roughness, atol=3e-3)
    slopes = [m.normal.reshape(-1, 3)[texels.index, :2].ravel() for m in (back, maps)]
    assert np.corrcoef(*slopes)[0, 1] > 0.85
    assert np.abs(back.folds_mm).max() > 0.05  # joints fold whoever painted the skin


def test_a_folder_per_person_is_the_same(painted, tmp_path):
    (tmp_path / "bea").mkdir()
    for name in files.MAP_NAMES:
        os.link(tmp_path / f"anna_{name}.png", tmp_path / "bea" / f"{name}.png")
    people = painted_people(tmp_path)
    assert set(people) == {"anna", "bea"}
    np.testing.assert_array_equal(painted_skin(people["bea"]).albedo, anna(tmp_path).albedo)


def test_base_colour_alone_is_enough(painted):
    (painted / "anna_roughness.png").unlink()
    (painted / "anna_normal.png").unlink()
    got = anna(painted)
    assert not got.height_mm.any()
    assert set(np.unique(got.roughness.round(3))) == {0, np.float32(files.PLAIN_ROUGHNESS)}


def test_sixteen_bit_roughness_is_read(painted):
    Image.fromarray(np.full((SIZE, SIZE), 32768, np.uint16)).save(painted / "anna_roughness.png")
    assert anna(painted).roughness.max() == pytest.approx(0.5, abs=1e-4)


WRONG = {
    "must be 8-bit sRGB without alpha": ("basecolor", lambda image: image.convert("RGBA")),
    "must be 8- or 16-bit grey": ("roughness", lambda image: image.convert("RGB")),
    "must be square": ("basecolor", lambda image: image.resize((SIZE, SIZE // 2))),
    "give all maps one size": ("normal", lambda image: image.resize((2 * SIZE, 2 * SIZE))),
    "is no tangent-space normal map": ("normal", lambda image: image.point(lambda value: value // 3)),
    "is black on": ("basecolor", lambda image: image.point(lambda value: 0)),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_maps_are_refused_with_their_name(painted, message):
    name, change = WRONG[message]
    repaint(painted / f"anna_{name}.png", change)
    with pytest.raises(ValueError, match=rf"anna_{name}\.png .*{message}"):
        anna(painted)


def test_files_that_are_no_png_are_refused(painted):
    path = painted / "anna_basecolor.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match="anna_basecolor.png cannot be read as PNG"):
        anna(painted)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="cannot be read as PNG"):
        anna(painted)


def test_a_folder_without_base_colours_is_refused(painted):
    (painted / "anna_basecolor.png").unlink()
    with pytest.raises(ValueError, match=r"anna has no basecolor\.png"):
        painted_people(painted)
    with pytest.raises(ValueError, match=r"neither person_basecolor\.png nor"):
        painted_people(painted / "nowhere")


def test_the_template_shows_where_the_skin_lies():
    texels, picture = skin_texels(SIZE), np.asarray(uv_template(SIZE))[::-1].astype(int)
    assert picture.shape == (SIZE, SIZE, 3)
    empty = np.ones(SIZE * SIZE, bool)
    empty[texels.index] = False
    dark = (picture.reshape(-1, 3) == 60).all(1)
    assert dark[empty].mean() > 0.8 and not dark[texels.index].any()


def test_srgb_and_back():
    values = np.linspace(0, 1, 101)
    np.testing.assert_allclose(srgb_from_linear(linear_from_srgb(values)), values, atol=1e-6)
    assert srgb_from_linear(np.array(0.2140411)) == pytest.approx(0.5, abs=1e-5)


def test_the_commands(painted, tmp_path, capsys):
    def run(*arguments):
        files.main([str(argument) for argument in arguments])

    run("import", painted, "--out", tmp_path / "skins")
    assert read_skin(tmp_path / "skins" / "anna.npz").albedo.shape == (SIZE, SIZE, 3)
    run("export", tmp_path / "skins" / "anna.npz", "--out", tmp_path / "maps")
    assert (tmp_path / "maps" / "anna_normal.png").exists()
    run("template", "--size", 64, "--out", tmp_path / "uv.png")
    assert Image.open(tmp_path / "uv.png").size == (64, 64)
    with pytest.raises(SystemExit) as end:
        run("import", tmp_path / "nowhere", "--out", tmp_path / "skins")
    assert end.value.code == 1 and "nowhere has neither" in capsys.readouterr().err
