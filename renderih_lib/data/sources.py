"""Where the images of each experiment come from: the real dataset when the user has it, else one rendered here."""

import importlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from renderih_lib.data.reader import FrameReader
from renderih_lib.data.rendered import RenderedDataset
from renderih_lib.hand.mano import load_mano_pair
from renderih_lib.hand.pair import HandPair, open_hand_pair
from renderih_lib.scales import STAND_INS


@dataclass(frozen=True)
class Role:
    """What a set of images is for, and the asset that has them; `scales.STAND_INS` has what stands in for it."""

    title: str  # of the real dataset
    asset: str | None = None  # its id in data_manifest.yaml; None: rendered here in any case
    reader: str = ""  # its class, "module:name" below renderih_lib.data
    options: tuple[tuple[str, str], ...] = ()  # of the reader


_INTERHAND = ("InterHand2.6M", "interhand26m", "interhand26m:InterHand26M")
ROLES = {
    "interhand26m-train": Role(*_INTERHAND, (("split", "train"),)),
    "interhand26m-test": Role(*_INTERHAND, (("split", "test"),)),
    "renderih-train": Role("RenderIH", "renderih", "renderih_release:RenderIHRelease"),
    "renderih-test": Role("RenderIH"),  # whose release has training images alone
    "tzionas-test": Role("Tzionas et al.", "tzionas", "tzionas:Tzionas"),
    "h2o3d-train": Role("H2O-3D", "h2o3d", "h2o3d:H2O3D"),
    "ego3dhands-train": Role("Ego3DHands", "ego3dhands", "ego3dhands:Ego3DHands"),
}


class Source(NamedTuple):
    """The images of a role."""

    dataset: object  # a sequence of `Sample` with `samples(indices)`
    real: bool  # whether it is the dataset that the paper used
    name: str  # as a table prints it


def source_of(
    role: str,
    data_root: str,
    datasets: str | Path,
    hands: HandPair,
    *,
    cache: str | Path | None = None,
) -> Source:
    """The real dataset of a role if its manifest's variable or `data_root` names it, else its stand-in.

    Real frames in which no hand counts are left out. Where each frame has its own file of labels, all of these are
    opened for that, once when the dataset is made.

    Args:
        role: a key of `ROLES`. data_root: folder of the gated datasets, or "".
        datasets: folder of the rendered datasets.
        hands: as the readers take them: MANO's for the meshes of real data, the open hands for those of stand-ins.
        cache: a folder to keep what is slow to read (InterHand2.6M's tables); None: nothing is kept.

    Raises:
        ValueError: if there is no such role, or the data are not as expected; FileNotFoundError if a file is missing.
    """
    chosen = role_by_name(role)
    if folder := asset_folder(chosen.asset, data_root):
        module, name = chosen.reader.split(":")
        reader = getattr(importlib.import_module(f"renderih_lib.data.{module}"), name)
        options = dict(chosen.options)
        if chosen.asset == "interhand26m":
            options["cache"] = cache
        dataset = reader(folder, hands=hands, **options)
        if isinstance(dataset, FrameReader):
            dataset.keep_seen()
        return Source(dataset, True, chosen.title)
    dataset = RenderedDataset(Path(datasets) / STAND_INS[role], hands)
    return Source(dataset, False, standin_name(role))


def role_by_name(role: str) -> Role:
    """The `Role` called `role`; ValueError for a name that is none of `ROLES`."""
    if role not in ROLES:
        raise ValueError(f"role is {role!r}; choose one of {', '.join(ROLES)}")
    return ROLES[role]


def standin_name(role: str) -> str:
    """What a table calls a stand-in, such as "studio (stand-in for InterHand2.6M)"; our RenderIH is no stand-in."""
    domain = STAND_INS[role].rsplit("-", 1)[0]
    return (
        f"{domain} (rendered here)"
        if domain == "renderih"
        else f"{domain} (stand-in for {ROLES[role].title})"
    )


def hands_of(roles: Iterable[str], data_root: str = "") -> HandPair:
    """MANO's hands if they are there and each role has its real data, else the open hands, which stand-ins show."""
    folders = [asset_folder(role_by_name(role).asset, data_root) for role in roles]
    mano = asset_folder("mano", data_root)
    if mano is None or not folders or None in folders:
        return open_hand_pair()
    return load_mano_pair(mano)


def asset_folder(asset: str | None, data_root: str) -> Path | None:
    """Folder of an asset of `data_manifest.yaml`; None when the user has not said where it is."""
    if asset is None or not (data_root or any(name.startswith("RENDERIH_") for name in os.environ)):
        return None
    from renderih_lib.data.manifest import asset_path, load_manifest  # pydantic: a GPU machine may lack it

    by_id = {entry.id: entry for entry in load_manifest().assets}
    return asset_path(by_id[asset], data_root)
