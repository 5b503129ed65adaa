"""Who may be seen where: train and test share no pose, no person and no place, whatever the domain.

Each split depends on the seed and on what is divided, not on the dataset: a test skin of one domain is a test skin
of all of them.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

SPLITS = ("train", "test")
TEST_SHARE = {"poses": 0.12, "skins": 0.25, "environments": 0.25}  # shares that only testing uses


def domain_and_split(dataset: str) -> tuple[str, str]:
    """("studio", "test") of "studio-test"; the gallery shows the paper's recipe on what may be trained on."""
    return ("renderih", "train") if dataset == "gallery" else tuple(dataset.split("-"))


def split_raw(count: int, split: str, seed: int) -> np.ndarray:
    """The raw_ids, in order, that a split may use out of natural pairs 0 ... count - 1.

    All pairs made from one raw pair share its shape: the hands of one person. So poses and shapes are divided at once.

    Raises:
        ValueError: if there are fewer than two.
    """
    if count < 2:
        raise ValueError(f"poses come from {count} natural pair; train and test need at least one each")
    order = _rng(seed, "poses").permutation(count)
    held_out = max(1, round(TEST_SHARE["poses"] * count))
    return np.sort(order[:held_out] if split == "test" else order[held_out:])


def split_skins(tones: Mapping[str, str], split: str, seed: int) -> list[str]:
    """Names, sorted, of the skins of one split; every tone that has two skins is in both.

    Args:
        tones: name -> tone group; one's own textures may all have the same.

    Raises:
        ValueError: if there are fewer than two skins.
    """
    if len(tones) < 2:
        raise ValueError(f"skins has {len(tones)} texture; train and test need at least one each")
    return _split_groups(tones, split, seed, "skins")


def split_environments(kinds: Mapping[str, str], split: str, seed: int) -> list[str]:
    """Names, sorted, of the panoramas of one split; every kind that has two of them is in both.

    Args:
        kinds: name -> kind (`environments.kind_of`).

    Raises:
        ValueError: if there are fewer than two panoramas.
    """
    if len(kinds) < 2:
        raise ValueError(f"environments has {len(kinds)} panorama; train and test need at least one each")
    return _split_groups(kinds, split, seed, "environments")


def _split_groups(group_of: Mapping[str, str], split: str, seed: int, what: str) -> list[str]:
    """Each group is divided apart from the others, so that more of one kind leave the rest where it was."""
    members = {group: [n for n in sorted(group_of) if group_of[n] == group] for group in _unique(group_of)}
    held_out: set[str] = set()
    for group, names in members.items():
        if len(names) > 1:
            held_out.update(_held_out(names, _rng(seed, what, group), TEST_SHARE[what]))
    if not held_out:  # one of each: no group can be in both
        held_out.update(_held_out(sorted(group_of), _rng(seed, what), TEST_SHARE[what]))
    return [name for name in sorted(group_of) if (name in held_out) == (split == "test")]


def _held_out(names: Sequence[str], rng: np.random.Generator, share: float) -> list[str]:
    count = max(1, round(share * len(names)))
    return [names[i] for i in rng.permutation(len(names))[:count]]


def _unique(group_of: Mapping[str, str]) -> Iterable[str]:
    return sorted(set(group_of.values()))


def _rng(seed: int, *words: str) -> np.random.Generator:
    """A stream of its own for each thing that is divided."""
    return np.random.default_rng(
        np.random.SeedSequence(seed, spawn_key=tuple(zlib.crc32(word.encode()) for word in words))
    )
