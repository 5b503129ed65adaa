"""Skins as files: the .npz that Cycles reads, PNG maps for other renderers, and maps that somebody painted.

python -m renderih_lib.render.skin.files template --size 2048 --out uv.png
python -m renderih_lib.render.skin.files import DIR --out skins
python -m renderih_lib.render.skin.files export skins/skin-00.npz --out maps
"""

import argparse
import io
import json
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from renderih_lib.hand.open_hand import load_arrays
from renderih_lib.hand.skeleton import FINGERS
from renderih_lib.render.shards import write_arrays, write_atomic
from renderih_lib.render.skin.fields import common_folds
from renderih_lib.render.skin.relief import height_from_normals, normals_from_height
from renderih_lib.render.skin.texels import SkinTexels, skin_texels

#: Names of the maps that somebody may paint: what follows `person_`, or stands in the person's folder.
BASECOLOR, ROUGHNESS, NORMAL = MAP_NAMES = ("basecolor", "roughness", "normal")
#: PNG modes that each may have, and how to say so.
FORMATS = {
    BASECOLOR: (("RGB",), "8-bit sRGB without alpha"),
    ROUGHNESS: (("L", "I;16"), "8- or 16-bit grey"),
    NORMAL: (("RGB",), "8-bit RGB without alpha"),
}
PLAIN_ROUGHNESS = 0.47  # of a person whose roughness is not given
LARGEST = 8192


class SkinMaps(NamedTuple):
    """Textures of one person; row 0 is v = 0, as in Blender's image buffers. Empty texels are 0."""

    albedo: np.ndarray  # (H, W, 3) float32, linear Rec. 709 reflectance
    height_mm: np.ndarray  # (H, W) float32, millimetres above the mesh
    roughness: np.ndarray  # (H, W) float32, of the Principled BSDF
    folds_mm: np.ndarray  # (H, W) float32, added to the height where the nearest joint is bent all the way
    normal: np.ndarray  # (H, W, 3) float32, tangent-space normals of the height


def write_skin(path: Path, maps: SkinMaps, made: dict | None = None) -> None:
    """Writes the maps as half floats, rounded to 0.001, into one .npz; the file appears complete or not at all.

    Args:
        made: what the skin was made from, for `made_from`.
    """
    arrays = {name: np.round(values, 3).astype(np.float16) for name, values in maps._asdict().items()}
    write_arrays(path, {"made": json.dumps(made, sort_keys=True)} | arrays)


def read_skin(path: Path) -> SkinMaps:
    """The maps in a file of `write_skin`, float32.

    Raises:
        ValueError: if a map is missing.
    """
    with np.load(path, allow_pickle=False) as maps:
        missing = [name for name in SkinMaps._fields if name not in maps.files]
        if missing:
            raise ValueError(f"{path} has no {missing[0]}; bake or import this skin again")
        return SkinMaps(*(maps[name].astype(np.float32) for name in SkinMaps._fields))


def made_from(path: Path) -> dict | None:
    """What `write_skin` noted in a file; None if there is no whole file."""
    try:
        with np.load(path, allow_pickle=False) as maps:
            return json.loads(str(maps["made"]))
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile):
        return None


def export_maps(maps: SkinMaps, folder: Path, person: str) -> list[Path]:
    """Writes `person_basecolor.png` (sRGB), `_roughness.png` and `_normal.png` (OpenGL), 8 bit, top row v = 1."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    pictures = {
        BASECOLOR: srgb_from_linear(maps.albedo),
        ROUGHNESS: maps.roughness,
        NORMAL: np.where(maps.normal.any(-1, keepdims=True), maps.normal, [0, 0, 1]) / 2 + 0.5,
    }
    paths = []
    for name, picture in pictures.items():
        paths.append(Path(folder) / f"{person}_{name}.png")
        _write_png(paths[-1], Image.fromarray(np.round(picture[::-1] * 255).clip(0, 255).astype(np.uint8)))
    return paths


def painted_people(folder: Path) -> dict[str, dict[str, Path]]:
    """The maps found in a folder: person -> map name -> file.

    A person is a sub-folder with `basecolor.png`, or files `person_basecolor.png` and so on side by side. Roughness and
    normal maps may be missing.

    Raises:
        ValueError: if there is no person, or one has other maps but no base colour.
    """
    people: dict[str, dict[str, Path]] = {}
    for name in MAP_NAMES:
        for path in sorted(Path(folder).glob(f"*_{name}.png")):
            people.setdefault(path.name.removesuffix(f"_{name}.png"), {})[name] = path
        for path in sorted(Path(folder).glob(f"*/{name}.png")):
            people.setdefault(path.parent.name, {})[name] = path
    for person, files in people.items():
        if BASECOLOR not in files:
            raise ValueError(f"{next(iter(files.values()))} is there, but {person} has no {BASECOLOR}.png")
    if not people:
        raise ValueError(f"{folder} has neither person_{BASECOLOR}.png nor person/{BASECOLOR}.png")
    return people


def painted_skin(files: dict[str, Path]) -> SkinMaps:
    """The skin in one person's PNG files (see `painted_people`), painted on the layout of `uv_template`.

    Heights are integrated from the normals; folds are those of every hand's joints.

    Raises:
        ValueError: if a file is no PNG, not square, of another size than the base colour, of the wrong mode, no
            tangent-space normal map, or not painted on our layout.
    """
    color = _read_png(files[BASECOLOR], BASECOLOR)
    size = color.shape[0]
    texels = skin_texels(size)
    color = color.reshape(-1, 3)[texels.index]
    if (black := (color.max(1) < 0.02).mean()) > 0.05:
        raise ValueError(
            f"{files[BASECOLOR]} is black on {black:.0%} of the skin: paint it on the layout that "
            "`python -m renderih_lib.render.skin.files template` draws"
        )
    rough = np.full(len(texels.index), PLAIN_ROUGHNESS, np.float32)
    if ROUGHNESS in files:
        rough = _read_png(files[ROUGHNESS], ROUGHNESS, size).reshape(-1)[texels.index]
    height = np.zeros(len(texels.index), np.float32)
    if NORMAL in files:
        normals = 2 * _read_png(files[NORMAL], NORMAL, size).reshape(-1, 3)[texels.index] - 1
        if np.median(normals[:, 2]) < 0.5:
            raise ValueError(f"{files[NORMAL]} is no tangent-space normal map: those are mostly blue")
        height = height_from_normals(texels, normals)
    return skin_maps(texels, linear_from_srgb(color), height, rough, common_folds(texels))


def skin_maps(texels: SkinTexels, albedo, height, roughness, folds) -> SkinMaps:
    """Texel values (T, ...) as textures, with the normals of the height."""
    values = (albedo, height, roughness, folds, normals_from_height(texels, height))
    return SkinMaps(*(texels.image(np.asarray(v, np.float32)) for v in values))


def uv_template(size: int) -> Image.Image:
    """A picture (size x size) to paint over: the islands, their quads, and what lies where."""
    texels, arrays = skin_texels(size), load_arrays()
    shade = np.where(texels.points[:, :1] > 0, [[196, 214, 196]], [[222, 205, 188]])
    shade = shade + 22.0 * np.clip(-texels.facing, -1, 1)[:, None]  # palms lighter
    shade[texels.nail > 0] = (240, 214, 120)
    image = np.full((size * size, 3), 60, np.uint8)
    image[texels.index] = shade.clip(0, 255)
    picture = Image.fromarray(image.reshape(size, size, 3)[::-1])
    draw = ImageDraw.Draw(picture)
    for quad in arrays["render_uv"] * [1, -1] * size + [0, size]:
        draw.polygon([tuple(corner) for corner in quad], outline=(120, 110, 100))
    row, column = np.divmod(texels.index, size)
    areas = {
        "forearm": texels.points[:, 0] > 20,
        "palm": texels.points[:, 0] < 0,
        "back": texels.points[:, 0] < 0,
    }
    areas |= {finger: texels.fingers[f] > 0.9 for f, finger in enumerate(FINGERS)}
    sides = {"back": texels.facing > 0.8, "palm": texels.facing < -0.8}
    hand = texels.fingers.sum(0) < 0.1
    for name, area in areas.items():
        if name in sides:
            labels = [(name, area & sides[name] & hand)]
        else:
            labels = [(f"{name}, {side}", area & where) for side, where in sides.items()]
        for text, here in labels:
            draw.text(
                (np.median(column[here]), size - np.median(row[here])),
                text,
                fill=(30, 30, 30),
                anchor="mm",
                font_size=max(10, size // 70),
            )
    return picture


def srgb_from_linear(linear: np.ndarray) -> np.ndarray:
    """sRGB values in [0, 1] of linear ones."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear < 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


def linear_from_srgb(srgb: np.ndarray) -> np.ndarray:
    """The inverse of `srgb_from_linear`."""
    return np.where(srgb < 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _read_png(path: Path, name: str, size: int | None = None) -> np.ndarray:
    """Values in [0, 1], row 0 at v = 0."""
    modes, wanted = FORMATS[name]
    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.load()
    except OSError as error:
        raise ValueError(f"{path} cannot be read as PNG: {error}") from None
    if image.mode not in modes:
        raise ValueError(f"{path} must be {wanted}, not PNG mode {image.mode}")
    width, height = image.size
    if width != height or not 16 <= width <= LARGEST:
        raise ValueError(f"{path} must be square with 16 to {LARGEST} pixels a side, got {width} x {height}")
    if size not in (None, width):
        raise ValueError(f"{path} has {width} pixels a side, the base colour {size}: give all maps one size")
    pixels = np.asarray(image)
    return pixels[::-1].astype(np.float32) / (255 if pixels.dtype == np.uint8 else 65535)


def _write_png(path: Path, picture: Image.Image) -> None:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_atomic(path, buffer.getvalue())


def _import(args: argparse.Namespace) -> None:
    args.out.mkdir(parents=True, exist_ok=True)
    for person, files in painted_people(args.folder).items():
        maps = painted_skin(files)
        write_skin(args.out / f"{person}.npz", maps, {"painted": True, "size": maps.albedo.shape[0]})
        print(f"{person}.npz  {', '.join(files)}")


def _export(args: argparse.Namespace) -> None:
    for path in export_maps(read_skin(args.skin), args.out, args.skin.stem):
        print(path)


def _template(args: argparse.Namespace) -> None:
    _write_png(args.out, uv_template(args.size))


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    add = commands.add_parser("template", help="draw the layout to paint on")
    add.add_argument("--size", type=int, default=2048, help="pixels along each side")
    add.set_defaults(run=_template)
    imports = commands.add_parser("import", help="turn painted maps into skins")
    imports.add_argument(
        "folder", type=Path, help="folder of person_basecolor.png or person/basecolor.png, ..."
    )
    imports.set_defaults(run=_import)
    export = commands.add_parser("export", help="write a skin as PNG maps")
    export.add_argument("skin", type=Path)
    export.set_defaults(run=_export)
    for command in (add, imports, export):
        command.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except (ValueError, OSError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
