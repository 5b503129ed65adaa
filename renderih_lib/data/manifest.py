"""External assets: what they are, where they should be, and whether they are there (data_manifest.yaml)."""

import argparse
import itertools
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, ValidationError, model_validator

from renderih_lib.repro import project_root, sha256, write_json

MANIFEST = "data_manifest.yaml"
NOTES = "<!-- Below this line: written by hand, and kept. -->"  # in a page of docs/data
_ASSETS = Path(__file__).parents[1] / "assets"  # where shipped ones are


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class KnownFile(_Strict):
    """A file whose content is known: its size, and one of several accepted hashes."""

    path: str
    bytes: int = Field(gt=0)
    sha256: list[str] = Field(min_length=1)


class Probe(_Strict):
    """A cheap check of a big tree: at least so many paths match."""

    pattern: str
    at_least: int = Field(gt=0)


class Downloads(_Strict):
    """Single files that anyone may fetch: their names, and the address of each with {name} in it."""

    url: str = Field(pattern=r"^https?://[^{}]+\{name\}[^{}]*$")
    names: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_differ(self):
        if len(set(self.names)) < len(self.names):
            raise ValueError("downloads has a name twice")
        return self


class Asset(_Strict):
    """One external asset; the manifest's head explains the fields."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    access: Literal["shipped", "open", "registration", "unknown"]
    licence: str
    licence_verified: bool
    landing_page: HttpUrl
    env: str | None = Field(default=None, pattern=r"^RENDERIH_[A-Z0-9]+$")
    folder: str | None = None
    layout: list[str] = Field(min_length=1)
    required: list[str] = []
    files: list[KnownFile] = []
    probe: Probe | None = None
    downloads: Downloads | None = None
    notebooks: list[str] = Field(min_length=1)
    needed_for: str
    instead: str
    steps: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _has_a_place(self):
        if self.access != "shipped" and not (self.env and self.folder):
            raise ValueError(f"asset {self.id} needs env and folder, so that a user can say where it is")
        return self


class Manifest(_Strict):
    schema_: Literal[1] = Field(alias="schema")
    assets: list[Asset]

    @model_validator(mode="after")
    def _ids_differ(self):
        ids = [asset.id for asset in self.assets]
        if repeated := {name for name in ids if ids.count(name) > 1}:
            raise ValueError(f"asset ids appear twice: {', '.join(sorted(repeated))}")
        return self


@dataclass(frozen=True)
class State:
    """What was found of an asset; `detail` is the next step when missing, expected against found when wrong."""

    asset: Asset
    status: Literal["ok", "missing", "wrong"]
    detail: str
    path: Path | None = None


def load_manifest(path: Path | None = None) -> Manifest:
    """The validated manifest; ValueError names what is wrong in it, also for a key given twice."""
    path = path or project_root() / MANIFEST
    try:
        return Manifest.model_validate(yaml.load(path.read_text(), _UniqueKeyLoader))  # a safe loader
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path.name}: {place}: {first['msg']}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path.name}: {error}") from None


def asset_path(asset: Asset, data_root: str = "") -> Path | None:
    """Folder of an asset: its variable's, else the one below `data_root`; None when neither names a folder."""
    if asset.access == "shipped":
        return _ASSETS
    if named := os.environ.get(asset.env):
        return Path(named)
    below = Path(data_root) / asset.folder
    return below if data_root and below.exists() else None


def check_asset(asset: Asset, data_root: str = "", hashes: "HashCache | None" = None) -> State:
    """State of one asset. Sizes are compared first, hashes only where the manifest knows them."""
    path = asset_path(asset, data_root)
    if path is None or not path.exists():
        place = f"set {asset.env} to its folder, or put it into {asset.folder} below DATA_ROOT"
        return State(asset, "missing", f"{' '.join(asset.steps)} Then {place}.", path)
    problem = next(_problems(asset, path, hashes or HashCache(None)), None)
    return State(asset, "wrong", problem, path) if problem else State(asset, "ok", str(path), path)


def _problems(asset: Asset, folder: Path, hashes: "HashCache") -> Iterator[str]:
    for pattern in asset.required:
        if next(folder.glob(pattern), None) is None:
            yield f"expected {pattern} in {folder}, found none"
    for known in asset.files:
        path = folder / known.path
        size = path.stat().st_size if path.is_file() else None
        if size != known.bytes:
            yield f"expected {known.path} with {known.bytes} bytes, found {'none' if size is None else f'{size} bytes'}"
        elif (found := hashes.sha256(path)) not in known.sha256:
            yield f"expected {known.path} with sha256 {known.sha256[0][:12]}..., found {found[:12]}..."
    if asset.probe:
        found = len(list(itertools.islice(folder.glob(asset.probe.pattern), asset.probe.at_least)))
        if found < asset.probe.at_least:
            yield f"expected at least {asset.probe.at_least} of {asset.probe.pattern} in {folder}, found {found}"
    elif next(folder.iterdir(), None) is None:
        yield f"expected files in {folder}, found an empty folder"


class HashCache:
    """SHA-256 of files, remembered while path, size and modification time stay the same."""

    def __init__(self, path: Path | None):
        self.path = path
        self.known: dict[str, str] = json.loads(path.read_text()) if path and path.is_file() else {}

    def sha256(self, path: Path) -> str:
        stat = path.stat()
        key = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
        if key not in self.known:
            self.known[key] = sha256(path)
            if self.path:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_json(self.path, self.known)
        return self.known[key]


def page(asset: Asset) -> str:
    """The text of docs/data/<id>.md above its hand-written notes."""
    verified = (
        "as stated in its own repository or files"
        if asset.licence_verified
        else "**not verified here: read the terms yourself**"
    )
    place = (
        f"`{asset.env}=/its/folder`, or `{asset.folder}/` below `DATA_ROOT`"
        if asset.env
        else "in this repository"
    )
    lines = [
        f"# {asset.title}",
        "",
        "<!-- Written from data_manifest.yaml: python -m renderih_lib.data.manifest --write-pages -->",
        "",
        "| | |",
        "|---|---|",
        f"| Licence | {asset.licence} ({verified}) |",
        f"| Access | {asset.access} |",
        f"| Page | <{asset.landing_page}> |",
        f"| Needed for | {asset.needed_for} |",
        f"| Without it | {asset.instead} |",
        f"| Notebooks | {_notebooks(asset)} |",
        f"| Where we look | {place} |",
        "",
        "## Steps",
        "",
        *(f"{number}. {step}" for number, step in enumerate(asset.steps, start=1)),
        f"{len(asset.steps) + 1}. `make data-check`, with your `DATA_ROOT=` if you use one, says whether it is complete.",
        "",
        "## Layout"
        if asset.required or asset.access == "shipped"
        else "## Layout (from public descriptions, not checked)",
        "",
        "```",
        *asset.layout,
        "```",
        "",
    ]
    if asset.downloads:
        lines += [
            "## Fetched by name",
            "",
            f"From `{asset.downloads.url}`, {len(asset.downloads.names)} files. Names and address were not tried here, "
            "so no hashes are known; a file is only looked at to be whole.",
            "",
            ", ".join(asset.downloads.names),
            "",
        ]
    return "\n".join(lines)


def _notebooks(asset: Asset) -> str:
    """The notebooks that use an asset; some are planned and not there yet."""
    sources = project_root() / "notebooks" / "src"
    planned = [name for name in asset.notebooks if not (sources / f"{name}.py").is_file()]
    return ", ".join(f"{name} (not written yet)" if name in planned else name for name in asset.notebooks)


def write_pages(manifest: Manifest, folder: Path) -> None:
    """One page per asset, and an index of them; what stands below `NOTES` in a page stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for asset in manifest.assets:
        path = folder / f"{asset.id}.md"
        _, mark, notes = (path.read_text() if path.is_file() else "").partition(NOTES)
        path.write_text(page(asset) + (f"\n{mark}{notes}" if mark else ""))
    (folder / "README.md").write_text(index_page(manifest))


def index_page(manifest: Manifest) -> str:
    """The text of docs/data/README.md."""
    rows = [
        f"| [{a.title}]({a.id}.md) | {a.licence} | {a.needed_for} | {a.instead} |" for a in manifest.assets
    ]
    head = ["# Data", "", "Everything runs without these; `make data-check` prints what was found.", ""]
    table = ["| asset | licence | needed for | without it |", "|---|---|---|---|", *rows, ""]
    overlays = (
        "Pages of datasets that have a reader show what it finds in the small trees of the tests;\n"
        "`READER_OVERLAYS=figures/readers .venv/bin/pytest tests/data -k looked_at` draws these pictures."
    )
    return "\n".join([*head, *table, overlays, ""])


class _UniqueKeyLoader(yaml.SafeLoader):
    """yaml.SafeLoader that refuses a key given twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if repeated := {key for key in keys if keys.count(key) > 1}:
            raise yaml.constructor.ConstructorError(
                None, None, f"key given twice: {repeated.pop()}", node.start_mark
            )
        return super().construct_mapping(node, deep)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        "python -m renderih_lib.data.manifest", description="State of every asset."
    )
    parser.add_argument("--data-root", default="")
    parser.add_argument("--write-pages", action="store_true", help="write docs/data instead of checking")
    options = parser.parse_args(arguments)
    manifest = load_manifest()
    if options.write_pages:
        write_pages(manifest, project_root() / "docs" / "data")
        return 0
    hashes = HashCache(project_root() / ".cache" / "hashes.json")
    states = [check_asset(asset, options.data_root, hashes) for asset in manifest.assets]
    for state in states:
        print(f"{state.status:<8} {state.asset.id:<18} {state.detail}")
        if state.status != "ok":
            print(f"{'':<27} affects {_notebooks(state.asset)}; without it: {state.asset.instead}")
    counts = {
        status: sum(state.status == status for state in states) for status in ("ok", "missing", "wrong")
    }
    print(", ".join(f"{count} {status}" for status, count in counts.items()) + ". Pages: docs/data.")
    return 1 if counts["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
