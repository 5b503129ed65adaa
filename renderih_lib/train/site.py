"""Where runs of experiments find their data and leave results, how large they are, and on what they compute."""

import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from renderih_lib.data.samples import SampleBatch
from renderih_lib.data.sources import Source, hands_of, source_of
from renderih_lib.data.stream import crops
from renderih_lib.hand.mano import is_mano
from renderih_lib.hand.pair import HandPair
from renderih_lib.scales import Scale
from renderih_lib.train.augment import source_size
from renderih_lib.train.experiments import TESTS, Experiment, compared_roles
from renderih_lib.train.mixture import Dataset

_MANY = 20_000  # images that are worth several processes to decode them


@dataclass(frozen=True)
class Site:
    """The same for all runs of one call; what they load is kept for the next run."""

    sizes: Scale
    datasets: Path  # rendered shards
    out: Path
    data_root: str = ""  # real datasets
    device: str = "cpu"
    logs: Path | None = None  # for TensorBoard, a folder for each run
    compile: bool = False  # networks, by torch.compile

    def hands(self, run: Experiment) -> HandPair:
        """Those of a run and of all that it is compared with: MANO's if the real data of all are there, else open ones.

        Always the same object.
        """
        pair = hands_of(compared_roles(run), self.data_root)
        return _PAIRS.setdefault(is_mano(pair.right), pair)

    def source(self, role: str, hands: HandPair) -> Source:
        return _source(role, self.data_root, self.datasets, hands)

    def images(self, role: str, hands: HandPair) -> Dataset:
        """Square crops of a role to augment; those of a test set know how much the hands overlap (Figure 11)."""
        masks_of = hands if role in TESTS else None
        return _images(self.source(role, hands), source_size(self.sizes.image_size), self.device, masks_of)


_PAIRS: dict[bool, HandPair] = {}


@functools.cache
def _source(role: str, data_root: str, datasets: Path, hands: HandPair) -> Source:
    try:
        return source_of(role, data_root, datasets, hands, cache=datasets.parent / "tables")
    except FileNotFoundError as error:  # an input is wrong: not the output, of which a command would tell
        raise ValueError(str(error)) from None


@functools.cache
def _images(source: Source, size: int, device: str, masks_of: HandPair | None) -> Dataset:
    workers = os.cpu_count() if len(source.dataset) > _MANY else 0
    found = crops(source.dataset, size, workers=workers, masks_of=masks_of)
    return found.to(device) if isinstance(found, SampleBatch) else found


def test_set(
    role: str, sizes: Scale, datasets: Path, data_root: str, hands: HandPair
) -> tuple[Dataset, Source]:
    """The images of a run's `predictions-<role>.npz`, in its order, and where they come from.

    Args:
        hands: those of the network that is looked at.
    """
    site = Site(sizes, Path(datasets), Path(), data_root)
    return site.images(role, hands), site.source(role, hands)


def contents(source: Source) -> list[str]:
    """Name, length and hash of a set: of the done-markers of shards, which hold the hash of every image.

    A real set is known by its name and length alone.
    """
    digest, folder = hashlib.sha256(), getattr(source.dataset, "folder", None)
    for marker in sorted(folder.glob("shard-*.json")) if folder else ():
        digest.update(marker.read_bytes())
    return [source.name, str(len(source.dataset)), digest.hexdigest()]
