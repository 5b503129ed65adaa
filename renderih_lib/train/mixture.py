"""Which images a step sees: one dataset, a part of one, or several mixed.

A dataset is anything with a length whose `[indices]` is a `SampleBatch`: a `SampleBatch` in memory, a stream of
shards, a `Subset`, a `Mixture`. Everything random follows from (seed, step) alone.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np

from renderih_lib.data.samples import SampleBatch


class Dataset(Protocol):
    def __len__(self) -> int: ...

    def __getitem__(self, indices: np.ndarray) -> SampleBatch: ...


class Subset:
    """The images `indices` of a dataset, in that order."""

    def __init__(self, data: Dataset, indices: Sequence[int]):
        self.data, self.indices = data, np.asarray(indices, np.int64)

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, indices: np.ndarray) -> SampleBatch:
        return self.data[self.indices[indices]]

    def prefetch(self, indices: np.ndarray) -> None:
        prefetch(self.data, self.indices[indices])


class Mixture:
    """Several datasets as one, numbered one after the other.

    Args:
        parts: the datasets; their meshes must have the same number of vertices.
        weights: share of each part in the images that are seen, in any unit; None takes all images equally
            often, so that larger parts weigh more.

    Raises:
        ValueError: if there is no part, a part is empty, or weights do not fit.
    """

    def __init__(self, parts: Sequence[Dataset], weights: Sequence[float] | None = None):
        self.parts = tuple(parts)
        self.counts = tuple(len(part) for part in parts)
        if not self.parts or min(self.counts) == 0:
            raise ValueError(f"a mixture needs parts that are not empty, got parts of {self.counts} images")
        shares = np.asarray(self.counts if weights is None else weights, float)
        if shares.shape != (len(parts),) or not np.isfinite(shares).all() or (shares <= 0).any():
            raise ValueError(f"weights must be {len(parts)} positive numbers, got {weights}")
        self.weights = tuple((shares / shares.sum()).tolist())
        if min(images_per_epoch(self.counts, self.weights)) == 0:
            raise ValueError(
                f"weights {weights} leave a part without images in an epoch of {len(self)}; raise its weight"
            )

    def __len__(self) -> int:
        return sum(self.counts)

    def __getitem__(self, indices: np.ndarray) -> SampleBatch:
        indices = np.asarray(indices)
        part, place = self.located(indices)
        chosen = np.unique(part)
        batches = [self.parts[k][place[part == k]] for k in chosen]
        order = np.concatenate([np.flatnonzero(part == k) for k in chosen])
        return SampleBatch.cat(batches)[np.argsort(order)]

    def located(self, indices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Number of the part of each index, and its index there."""
        ends = np.cumsum(self.counts)
        part = np.searchsorted(ends, indices, side="right")
        return part, indices - np.concatenate([[0], ends])[part]

    def prefetch(self, indices: np.ndarray) -> None:
        part, place = self.located(indices)
        for k in np.unique(part):
            prefetch(self.parts[k], place[part == k])


def subset(data: Dataset, count: int, seed: int) -> Subset:
    """`count` images of `data` by `subset_indices`."""
    return Subset(data, subset_indices(len(data), count, seed))


def subset_indices(total: int, count: int, seed: int) -> np.ndarray:
    """Sorted indices (count,) of `total` images, drawn from the seed; smaller subsets lie inside larger ones.

    Raises:
        ValueError: if `count` is not from 1 to `total`.
    """
    if not 1 <= count <= total:
        raise ValueError(f"a subset must have 1 to {total} images, got {count}")
    order = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,))).permutation(total)
    return np.sort(order[:count])


def prefetch(data: Dataset, indices: np.ndarray) -> None:
    """Tells a dataset that reads in the background that `indices` come next; others need not know."""
    if hasattr(data, "prefetch"):
        data.prefetch(indices)


def sampler(data: Dataset) -> dict[str, tuple]:
    """What decides, with seed and step, which images come next: how many each part has, and its weight."""
    return {"counts": getattr(data, "counts", (len(data),)), "weights": getattr(data, "weights", (1.0,))}


def batch_indices(data: Dataset, batch: int, seed: int, step: int) -> np.ndarray:
    """Indices (batch,) of a step, or fewer if `data` has fewer images.

    Each epoch is as many images as there are, shuffled and cut into whole batches. Of part k of a mixture it takes
    the share `weights[k]`: the next so many of an endless row of shuffles of that part, so that at the end of an
    epoch its images were taken equally often, give or take one. What is left over when an epoch is cut is skipped.
    """
    batch = min(batch, len(data))
    epoch, place = divmod(step, len(data) // batch)
    return _epoch(**sampler(data), seed=seed, epoch=epoch)[place * batch : (place + 1) * batch].copy()


def images_per_epoch(counts: Sequence[int], weights: Sequence[float]) -> np.ndarray:
    """How many images of each part one epoch takes: in all as many as there are, by largest remainder."""
    exact = np.asarray(weights) * sum(counts)
    taken = np.floor(exact + 1e-9).astype(int)
    rest = sum(counts) - taken.sum()
    taken[np.argsort(-(exact - taken), kind="stable")[:rest]] += 1
    return taken


@lru_cache(maxsize=4)
def _epoch(counts: tuple[int, ...], weights: tuple[float, ...], seed: int, epoch: int) -> np.ndarray:
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    taken = images_per_epoch(counts, weights)
    chosen = [
        start + _endless(count, seed, k, epoch * take, take)
        for k, (start, count, take) in enumerate(zip(starts, counts, taken, strict=True))
    ]
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, epoch)))
    order = rng.permutation(np.concatenate(chosen))
    order.setflags(write=False)  # it is shared
    return order


def _endless(count: int, seed: int, part: int, first: int, length: int) -> np.ndarray:
    """Numbers `first` to `first + length` of the row of shuffles of range(count), one after the other."""
    rounds = range(first // count, (first + length - 1) // count + 1) if length else ()
    shuffles = [
        np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3, part, r))).permutation(count)
        for r in rounds
    ]
    row = np.concatenate(shuffles) if shuffles else np.empty(0, np.int64)
    return row[first % count : first % count + length]
