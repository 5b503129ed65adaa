"""Square crops of any dataset as batches: in memory when they fit, else decoded as they are asked for."""

import multiprocessing
import signal
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor

import numpy as np
import torch

from renderih_lib.data.crops import cropped
from renderih_lib.data.occlusion import with_mask_iou
from renderih_lib.data.samples import Sample, SampleBatch, collate
from renderih_lib.hand.pair import HandPair
from renderih_lib.repro import end_with_parent

MEMORY = 4e9  # bytes that a set may take to be kept in memory
_CHUNK = 64  # images that are decoded together
_AHEAD = 2  # batches that may wait for their turn


class CropStream:
    """Images `indices` of a dataset as square crops of `size` pixels: `[array or slice] -> SampleBatch`.

    The same indices and workers give the same bytes; with other workers vertices differ by a rounding, since they are
    posed in other groups. Use it in a `with`, or close it.

    Args:
        dataset: has a length and `samples(indices) -> list[Sample]`. If its `is_cropped` is true, images are taken as
            they are, else cut out by `crops.cropped`.
        indices: which images of the dataset, in this order; None: all.
        workers: processes that decode; 0: this one. They start with the first batch.
        masks_of: the dataset's hands, to measure each `mask_iou` that the dataset does not say; None: they stay unknown.

    Raises:
        ValueError: from `[...]`, naming the sample, if a picture or label is broken.
    """

    def __init__(
        self,
        dataset,
        size: int,
        indices: Sequence[int] | None = None,
        *,
        workers: int = 0,
        masks_of: HandPair | None = None,
    ):
        self.indices = np.arange(len(dataset)) if indices is None else np.asarray(indices, int)
        if not len(self.indices):
            raise ValueError("a stream needs at least one image")
        self.size, self.workers = size, workers
        self._load = _Loader(dataset, size, masks_of)
        self._pool: ProcessPoolExecutor | None = None
        self._ahead: dict[bytes, list[Future]] = {}

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index) -> SampleBatch:
        """The crops at `index`, an array of int or a slice."""
        picked = self.indices[index]
        if not self.workers:
            parts = [self._load(chunk) for chunk in _chunks(picked, -(-len(picked) // _CHUNK))]
        else:
            ordered = self._ahead.pop(picked.tobytes(), None) or self._order(picked)
            parts = [_batch(part.result()) for part in ordered]
        return SampleBatch.cat(parts)

    def prefetch(self, index) -> None:
        """Let the processes begin with the crops at `index`, which will be asked for soon."""
        key = self.indices[index]
        if self.workers and key.tobytes() not in self._ahead:
            while len(self._ahead) >= _AHEAD:  # never asked for
                self._ahead.pop(next(iter(self._ahead)))
            self._ahead[key.tobytes()] = self._order(key)

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self._ahead.clear()

    def __enter__(self) -> "CropStream":
        return self

    def __exit__(self, *_error) -> None:
        self.close()

    def _order(self, picked: np.ndarray) -> list[Future]:
        if self._pool is None:
            # A fresh interpreter each: a fork would copy locks that this process's threads hold.
            self._pool = ProcessPoolExecutor(
                self.workers,
                multiprocessing.get_context("spawn"),
                initializer=_begin,
                initargs=(self._load,),
            )
        return [self._pool.submit(_decode, chunk) for chunk in _chunks(picked, self.workers)]


def crops(
    dataset,
    size: int,
    indices: Sequence[int] | None = None,
    *,
    workers: int = 0,
    memory: float = MEMORY,
    masks_of: HandPair | None = None,
) -> SampleBatch | CropStream:
    """Square crops of a dataset's images `indices` (None: all), in memory if they take less than `memory` bytes.

    Either has a length, and `[array or slice]` gives a `SampleBatch`; arguments are as in `CropStream`.
    """
    stream = CropStream(dataset, size, indices, workers=workers, masks_of=masks_of)
    first = stream._load(stream.indices[:1])
    each = sum(v.nbytes for v in vars(first).values())
    if each * len(stream) > memory:
        return stream
    with stream:
        starts = range(0, len(stream), _CHUNK * max(workers, 1))
        return SampleBatch.cat([stream[start : start + starts.step] for start in starts])


class _Loader:
    """A dataset's images by their indices, as a batch of square crops."""

    def __init__(self, dataset, size: int, masks_of: HandPair | None):
        self.dataset, self.size, self.masks_of = dataset, size, masks_of

    def __call__(self, picked: np.ndarray) -> SampleBatch:
        samples: list[Sample] = self.dataset.samples(picked)
        if not getattr(self.dataset, "is_cropped", False):
            samples = [cropped(sample) for sample in samples]
        if self.masks_of is not None:
            samples = [with_mask_iou(sample, self.masks_of) for sample in samples]
        return collate(samples, self.size)


def _chunks(picked: np.ndarray, count: int) -> list[np.ndarray]:
    """At most `count` runs of about equal length."""
    return [chunk for chunk in np.array_split(picked, max(count, 1)) if len(chunk)]


_loader: _Loader | None = None  # of a worker process


def _begin(loader: _Loader) -> None:
    """Prepare a worker process."""
    global _loader
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    end_with_parent()
    _loader = loader


def _decode(picked: np.ndarray) -> dict[str, np.ndarray]:
    # Arrays and not tensors, which torch would pass through shared memory: containers have little of it.
    return {name: np.asarray(value) for name, value in vars(_loader(picked)).items()}


def _batch(arrays: dict[str, np.ndarray]) -> SampleBatch:
    kept = ("ids", "sources")
    return SampleBatch(**{k: v if k in kept else torch.from_numpy(v) for k, v in arrays.items()})
