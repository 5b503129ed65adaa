"""HDR panoramas: the eight CC0 ones that ship with bpy, and any folder of the user's own.

Found without importing bpy.
"""

import importlib.util
from pathlib import Path

HDR_SUFFIXES = (".exr", ".hdr")


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
    """Name -> file of every .exr and .hdr panorama in a folder, sorted by name.

    Raises:
        ValueError: if there is none.
    """
    files = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in HDR_SUFFIXES)
    if not files:
        raise ValueError(f"{folder} has no panorama ({', '.join(HDR_SUFFIXES)})")
    return {path.stem: path for path in files}
