"""A dataset's folder as its makers lay it out: files are read without being run, and each fault is one clear error."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from numpy.lib import format as npy_format
from PIL import Image

from renderih_lib.hand.mano import plain_array, restricted_load
from renderih_lib.json_records import records

_HEADERS = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}


@dataclass(frozen=True)
class Tree:
    """The files below `root`, named by their paths relative to it.

    Every method raises FileNotFoundError if the file is not there and ValueError if it does not hold what the method
    promises; the message has the file, what was expected, and the page of docs/data that describes the layout.
    """

    root: Path
    asset: str  # its id in data_manifest.yaml

    def __post_init__(self):
        if not Path(self.root).is_dir():
            raise FileNotFoundError(self._message(str(self.root), "no such folder"))

    def error(self, name: str, problem: str) -> ValueError:
        """The error to raise about a file."""
        return ValueError(self._message(name, problem))

    def path(self, name: str) -> Path:
        return Path(self.root) / name

    def has(self, name: str) -> bool:
        return self.path(name).exists()

    def names(self, pattern: str, what: str) -> list[str]:
        """Names that match a glob pattern, sorted; `what` they are goes into the error if there is none."""
        root = Path(self.root)
        found = sorted(path.relative_to(root).as_posix() for path in root.glob(pattern))
        if not found:
            raise FileNotFoundError(self._message(pattern, f"nothing matches, expected {what}"))
        return found

    def bytes(self, name: str) -> bytes:
        try:
            return self.path(name).read_bytes()
        except OSError as error:
            raise FileNotFoundError(
                self._message(name, f"{error.strerror}; download and unpack it")
            ) from None

    def text(self, name: str) -> str:
        return self._parsed(name, "text", lambda data: data.decode())

    def image(self, name: str, *, preview: bool = False) -> np.ndarray:
        """A picture as (H, W, 3) uint8, RGB; a preview of a JPEG has an eighth of its size and is sooner decoded."""

        def read(data: bytes) -> np.ndarray:
            with Image.open(io.BytesIO(data)) as image:
                if preview:
                    image.draft("RGB", (image.width // 8, image.height // 8))
                return np.array(image.convert("RGB"))

        return self._parsed(name, "an image", read)

    def json(self, name: str, kind: type):
        """The content of a JSON file, a `kind` (dict or list)."""
        return self.checked(name, "the file", self._parsed(name, "JSON", json.loads), kind)

    def rows(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A JSON list of N equal tables as (N, *shape) float32; one table at a time, so that gigabytes fit."""
        rows = []
        for keys, values in self.records(name, 1):
            if not keys:
                raise self.error(name, f"the file: expected a list, got {type(values).__name__}")
            rows.append(self.numbers(name, f"entry {keys[0]}", values, shape).astype(np.float32))
        return np.array(rows, np.float32).reshape(-1, *shape)

    def records(self, name: str, depth: int) -> Iterator[tuple[tuple, object]]:
        """Keys and value of each entry of a JSON file, as `json_records.records` gives them."""
        try:
            yield from records(self.text(name), depth)
        except json.JSONDecodeError as error:
            raise self.error(name, _damage("JSON", error)) from None

    def yaml(self, name: str) -> dict:
        return self.checked(name, "the file", self._parsed(name, "YAML", yaml.safe_load), dict)

    def npz(self, name: str, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
        """Some arrays of an npz file."""

        def read(data: bytes) -> dict:
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                return {key: archive[key] if key in archive else None for key in keys}

        return self._parsed(name, "npz", read)

    def npy(self, name: str) -> np.ndarray:
        """The array of an npy file."""
        return self._parsed(name, "npy", lambda data: np.load(io.BytesIO(data), allow_pickle=False))

    def pickle(self, name: str) -> dict:
        """The dictionary of a pickle, by the restricted unpickler of `hand.mano`."""
        return self.checked(name, "the file", self._parsed(name, "", restricted_load), dict)

    def object_npy(self, name: str) -> dict:
        """The dictionary that `np.save` pickled into an npy file, by the restricted unpickler."""
        return self.checked(name, "the file", self._parsed(name, "npy", _unpickled_npy), dict)

    def checked(self, name: str, entry: str, value, kind: type):
        """`value` if it is a `kind`."""
        if not isinstance(value, kind):
            what = {dict: "named entries", list: "a list", str: "text"}[kind]
            raise self.error(name, f"{entry}: expected {what}, got {type(value).__name__}")
        return value

    def numbers(self, name: str, entry: str, values, shape: int | tuple[int, ...]) -> np.ndarray:
        """Finite numbers as float64: `shape` of them in any nesting if it is an int, else of this shape."""
        wanted = (shape,) if isinstance(shape, int) else shape
        try:
            plain = values if isinstance(values, list | tuple) else plain_array(values)
            numbers = np.asarray(plain, np.float64)
        except (TypeError, ValueError, LookupError):
            numbers = np.empty(0)
        numbers = numbers.ravel() if isinstance(shape, int) else numbers
        if numbers.shape != wanted or not np.isfinite(numbers).all():
            expected, got = f"finite numbers of shape {wanted}", f"shape {numbers.shape}"
            if isinstance(shape, int):
                expected, got = f"{shape} finite numbers", f"{len(numbers)} of them"
            shown = " ".join(repr(values).split())[:60]
            raise self.error(name, f"{entry}: expected {expected}, got {got}: {shown}")
        return numbers

    def _parsed(self, name: str, kind: str, parse):
        data = self.bytes(name)
        try:
            return parse(data)
        except Exception as error:  # damaged bytes make the parsers raise nearly anything
            raise self.error(name, _damage(kind, error)) from None

    def _message(self, name: str, problem: str) -> str:
        return f"{self.asset}: {name}: {problem}; see docs/data/{self.asset}.md"


def _unpickled_npy(data: bytes):
    file = io.BytesIO(data)
    shape, _, dtype = _HEADERS[npy_format.read_magic(file)](file)
    if shape or not dtype.hasobject:
        raise ValueError(f"expected one pickled dictionary, got {dtype} of shape {shape}")
    return restricted_load(file.read()).item()


def _damage(kind: str, error: Exception) -> str:
    """The problem with a file that a parser refused; without a `kind` the error says it all."""
    why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
    return (f"not readable as {kind} ({why})" if kind else str(error)) + "; unpack it again"
