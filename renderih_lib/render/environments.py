"""HDR panoramas: the eight CC0 ones that ship with bpy, the places we generate, and any folder of the user's own.

Found and checked without importing bpy.
"""

import importlib.util
from pathlib import Path

import numpy as np

from renderih_lib.render import exr

HDR_SUFFIXES = (".exr", ".hdr")
#: Kinds of generated places; their panoramas are called room-0003, sky-0007, dome-0001.
PLACES = ("room", "sky", "dome")
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # Rec.709


def catalogue(generated: Path | None, own: Path | None = None) -> dict[str, Path]:
    """Name -> file of every panorama: the shipped eight, the generated ones, the user's own.

    Raises:
        ValueError: if a folder has none, or a name of the user's is taken.
    """
    found = shipped_environments()
    for folder in (generated, own):
        more = environments_in(folder) if folder else {}
        if taken := found.keys() & more.keys():
            raise ValueError(
                f"{folder} has panoramas called as others: {', '.join(sorted(taken))}; rename them"
            )
        found |= more
    return found


def kind_of(name: str) -> str:
    """What a panorama shows, from its name: "room", "sky", "dome", "shipped" or "own"."""
    kind, _, number = name.partition("-")
    if kind in PLACES and len(number) == 4 and number.isdigit():
        return kind
    return "shipped" if name in shipped_environments() else "own"


def place_name(kind: str, number: int) -> str:
    """Name of a generated place."""
    return f"{kind}-{number:04d}"


def shipped_environments() -> dict[str, Path]:
    """Name -> file of the panoramas inside the installed bpy.

    Raises:
        ValueError: if bpy is not installed or has no panoramas.
    """
    spec = importlib.util.find_spec("bpy")
    if spec is None:
        raise ValueError("bpy is not installed; install the notebooks extra: pip install -e '.[notebooks]'")
    found = Path(spec.submodule_search_locations[0]).glob("*/datafiles/studiolights/world")
    folder = next((path for path in found if path.is_dir()), None)
    if folder is None:
        raise ValueError("this bpy has no panoramas (datafiles/studiolights/world); reinstall bpy 4.5")
    return environments_in(folder)


def environments_in(folder: Path) -> dict[str, Path]:
    """Name -> file of every .exr and .hdr panorama in a folder, sorted by name; hidden files are left out.

    Raises:
        ValueError: if there is none.
    """
    folder = Path(folder)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    files = [path for path in files if path.suffix.lower() in HDR_SUFFIXES and path.name[0] != "."]
    if not files:
        raise ValueError(f"{folder} has no panorama ({', '.join(HDR_SUFFIXES)})")
    return {path.stem: path for path in files}


def check_panorama(path: Path) -> None:
    """Look whether a panorama file is whole: the right kind, no chunk missing (EXR), not empty.

    Raises:
        ValueError: naming the file and what is wrong with it.
    """
    data = Path(path).read_bytes()
    if not data:
        raise ValueError(f"{path} is empty; make or fetch it again")
    if Path(path).suffix.lower() == ".hdr":
        whole = data.startswith((b"#?RADIANCE", b"#?RGBE")) and b"\n\n" in data
    else:
        whole = exr.is_whole(data)
    if not whole:
        raise ValueError(f"{path} is not a whole panorama; make or fetch it again")


def dynamic_range(light: np.ndarray) -> float:
    """The brightest light (H, W, 3) over what a thousandth of the panorama stays below, both as luminance."""
    luminance = light @ LUMINANCE
    return float(luminance.max() / max(np.quantile(luminance, 0.001), 1e-9))


def view(light: np.ndarray, yaw: float, pitch: float, fov: float, width: int, height: int) -> np.ndarray:
    """What a camera with a horizontal field of view sees of light (H, W, 3); angles in radians: (height, width, 3).

    Yaw 0 looks at the middle of the panorama and grows to its left; the pitch is upwards.
    """
    half = np.tan(fov / 2)
    x, y = np.meshgrid((np.arange(width) + 0.5) / width * 2 - 1, 1 - (np.arange(height) + 0.5) / height * 2)
    ray = np.stack([np.ones_like(x), -x * half, y * half * height / width], -1)
    for angle, (i, j) in ((pitch, (0, 2)), (yaw, (0, 1))):
        a, b = ray[..., i].copy(), ray[..., j].copy()
        ray[..., i], ray[..., j] = (
            np.cos(angle) * a - np.sin(angle) * b,
            np.sin(angle) * a + np.cos(angle) * b,
        )
    rows, columns = light.shape[:2]
    u = (0.5 - np.arctan2(ray[..., 1], ray[..., 0]) / (2 * np.pi)) * columns - 0.5
    v = (0.5 - np.arctan2(ray[..., 2], np.hypot(ray[..., 0], ray[..., 1])) / np.pi) * rows - 0.5
    left, top = np.floor(u).astype(int), np.floor(v).astype(int)
    u, v = (u - left)[..., None], (v - top)[..., None]

    def at(row, column):
        return light[np.clip(row, 0, rows - 1), column % columns]

    upper = at(top, left) * (1 - u) + at(top, left + 1) * u
    lower = at(top + 1, left) * (1 - u) + at(top + 1, left + 1) * u
    return upper * (1 - v) + lower * v


def thumbnail(light: np.ndarray, width: int | None = None) -> np.ndarray:
    """Light (H, W, 3) as a picture (h, w, 3) uint8 of at most a width: exposed for its geometric mean, bright parts rolled off.

    The curve is Narkowicz's fit of the ACES film response (2016).
    """
    if width and width < light.shape[1]:
        step = light.shape[1] / width
        rows, columns = ((np.arange(round(n / step)) * step).astype(int) for n in light.shape[:2])
        sums = np.add.reduceat(np.add.reduceat(light, rows, 0), columns, 1)
        light = sums / (
            np.diff([*rows, light.shape[0]])[:, None, None] * np.diff([*columns, light.shape[1]])[:, None]
        )
    luminance = light @ LUMINANCE
    x = light * 0.18 / np.exp(np.log(luminance + 1e-5).mean())
    x = np.clip(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), 0, 1)
    return np.rint(255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)).astype(np.uint8)
