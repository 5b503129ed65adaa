"""Textures and panoramas that a plan names, found again and compared with what was planned."""

from pathlib import Path

from renderih_lib.render.environments import catalogue
from renderih_lib.repro import sha256


class Sources:
    """Files of a plan's skins and environments.

    Args:
        plan_path: the plan; its folders are relative to it. info: what it says about itself (`plan_info`).
        skins: folder of skin textures, if not where the plan says.

    Raises:
        ValueError: if a folder that the plan names is not there.
    """

    def __init__(self, plan_path: Path, info: dict, skins: Path | None = None):
        def folder(name: str) -> Path | None:
            path = (plan_path.parent / info[name]).resolve() if name in info else None
            if path and not path.is_dir():
                raise ValueError(
                    f"{path} is missing; make it again, or make the plan again with another folder"
                )
            return path

        self.skins = Path(skins).resolve() if skins else folder("skins_folder") or plan_path.parent.resolve()
        self.environments = catalogue(folder("environments_folder"), folder("own_environments_folder"))
        self._planned = {"skin": info["skins"], "environment": info["environments"]}
        self._checked: dict[Path, str] = {}

    def skin(self, name: str) -> Path:
        """The texture of a skin; ValueError if it is not the one that was planned."""
        return self._same("skin", name, self.skins / f"{name}.npz")

    def environment(self, name: str) -> Path:
        """The panorama of an environment; ValueError if it is not the one that was planned."""
        return self._same("environment", name, self.environments.get(name, Path(name)))

    def _same(self, kind: str, name: str, path: Path) -> Path:
        """Each file is read once, whatever comes of it."""
        if path not in self._checked:
            self._checked[path] = sha256(path) if path.is_file() else ""
        if self._checked[path] != self._planned[kind].get(name):
            trouble = "is not the one that was planned" if self._checked[path] else "is missing"
            raise ValueError(f"{kind} {name} {trouble} ({path.name}); put it back or make the plan again")
        return path
