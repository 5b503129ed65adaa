"""HDR panoramas: the eight CC0 ones that ship with bpy, the places we generate, and any folder of the user's own.

Found and checked without importing bpy.
"""

import importlib.util
import struct
from pathlib import Path

HDR_SUFFIXES = (".exr", ".hdr")
#: Kinds of generated places; their panoramas are called room-0003, sky-0007, dome-0001.
PLACES = ("room", "sky", "dome")


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
        whole = data[:4] == b"v/1\x01" and _has_all_chunks(data)
    if not whole:
        raise ValueError(f"{path} is not a whole panorama; make or fetch it again")


def _has_all_chunks(data: bytes) -> bool:
    """Whether every chunk that the table of an EXR file names lies inside the file.

    https://openexr.com/en/latest/OpenEXRFileLayout.html
    """
    tiled_or_parts = data[5] & 0b00011010
    if tiled_or_parts:
        return True  # other layouts: the reader must tell
    try:
        at, attributes = 8, {}
        while data[at]:
            name = data[at : (at := data.index(b"\0", at) + 1) - 1]
            at = data.index(b"\0", at) + 1  # the type
            (size,) = struct.unpack_from("<i", data, at)
            attributes[name] = data[at + 4 : (at := at + 4 + size)]
        low, high = struct.unpack_from("<4i", attributes[b"dataWindow"])[1::2]
        rows = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}[
            attributes[b"compression"][0]
        ]
        count = -(-(high - low + 1) // rows)
        for start in struct.unpack_from(f"<{count}Q", data, at + 1):
            (size,) = struct.unpack_from("<i", data, start + 4)
            if not 0 < start <= start + 8 + size <= len(data):
                return False
    except (struct.error, ValueError, KeyError, IndexError):
        return False
    return True
