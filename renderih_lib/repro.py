"""What every notebook starts with: its sizes, its random numbers, its folder, and how results are shown and kept."""

import base64
import contextlib
import hashlib
import io
import json
import math
import multiprocessing
import os
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from renderih_lib.scales import Scale, scale_by_name

#: Set by the runner: no live widgets, and a file to which every input that was opened is appended.
BATCH_VARIABLE = "RENDERIH_BATCH"
INPUTS_VARIABLE = "RENDERIH_INPUTS"

_LOG_SECONDS = (5.0, 300.0)  # between two progress lines in batch: at first, and at most
_LOG_GROWTH = 1.5  # of that time with every line
_EMBEDDED_WIDTH = 1_100  # pixels of a picture inside a notebook; the file keeps all of them
_EMBEDDED_BYTES = 100_000  # above this a picture is embedded as JPEG


def start(name: str, *, scale: str, seed: int = 0, out_dir: str = "runs", data_root: str = "") -> "Run":
    """Begin notebook `name` (its file name without the ending); a relative `out_dir` is the project's.

    Raises ValueError for an unknown scale or a seed that is no non-negative integer.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed is {seed!r}; give a non-negative integer")
    results = project_root() / out_dir / scale_by_name(scale).name
    run = Run(name, scale_by_name(scale), seed, results, data_root)
    run.folder.mkdir(parents=True, exist_ok=True)
    return run


@dataclass
class Run:
    """One notebook's run. `folder` is the only place it writes to."""

    name: str
    sizes: Scale
    seed: int
    results: Path  # of all notebooks at this scale
    data_root: str = ""
    metrics: dict = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.results / self.name

    def rng(self, *keys: int | str) -> np.random.Generator:
        """Generator that depends on nothing but the seed and `keys`: `rng(i)` for sample i, `rng("noise", i)`, ..."""
        words = [zlib.crc32(key.encode()) if isinstance(key, str) else int(key) for key in keys]
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=words))

    def output(self, relative: str) -> Path:
        """Path below this notebook's folder, its parent made."""
        path = self.folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def input(self, stage: str, relative: str = "") -> Path:
        """Path of what an earlier notebook (or `datasets`) made; FileNotFoundError says what to run first."""
        path = self.results / stage / relative
        if not path.exists():
            first = (
                f"notebook {stage}" if stage[:1].isdigit() else f"`make reproduce SCALE={self.sizes.name}`"
            )
            raise FileNotFoundError(
                f"{stage}/{relative} is missing for scale {self.sizes.name}: run {first} first"
            )
        if log := os.environ.get(INPUTS_VARIABLE):
            with open(log, "a") as file:
                file.write(f"{path}\n")
        return path

    def write_metrics(self, metrics: dict) -> None:
        """Add `metrics` (numbers, texts, lists and dicts of them) to metrics.json; what is not finite becomes null."""
        self.metrics |= _plain(metrics)
        write_json(self.output("metrics.json"), self.metrics)

    def show(self, figure, name: str, *, caption: str, alt: str) -> None:
        """Save `figures/{name}.png` and display it with its alt text, then the caption.

        figure: matplotlib figure, PIL image, or (H, W[, 3 or 4]) array, uint8 or float in [0, 1].
        """
        for argument, text in (("caption", caption), ("alt", alt)):
            if not text.strip():
                raise ValueError(f"{argument} of figure {name!r} is empty; say what it shows")
        image = _as_image(figure)
        with replacing(self.output(f"figures/{name}.png")) as temporary:
            image.save(temporary, format="PNG", optimize=True)
        mime, data = _embedded(image)
        bundle = {mime: base64.b64encode(data).decode(), "text/plain": alt}
        _display(bundle, metadata={mime: {"alt": alt}})
        _display({"text/markdown": f"*{caption}*", "text/plain": caption})

    def table(self, frame, name: str, *, caption: str) -> None:
        """Save a pandas frame as `figures/{name}.csv` and display it as an HTML table with its caption."""
        if not caption.strip():
            raise ValueError(f"caption of table {name!r} is empty; say what it shows")
        indexed = frame.index.name is not None
        with replacing(self.output(f"figures/{name}.csv")) as temporary:
            frame.to_csv(temporary, index=indexed)
        html = frame.to_html(index=indexed, border=0, na_rep="", float_format=lambda value: f"{value:.4g}")
        html = html.replace("<thead>", f"<caption>{caption}</caption>\n  <thead>").replace(
            "<th>", '<th scope="col">'
        )
        _display({"text/html": html, "text/plain": frame.to_string(index=indexed)})

    def progress(self, items: Iterable, total: int | None = None, desc: str = "") -> Iterator:
        """The same items, with a live bar, or in batch a line now and then."""
        total = len(items) if total is None and hasattr(items, "__len__") else total
        meter = self.meter(total, desc)
        for item in items:
            yield item
            meter.step()
        meter.close()

    def meter(self, total: int | None, desc: str = "") -> "Meter":
        """A progress bar that is moved by hand and shows numbers."""
        return Meter(desc or "step", total, live=not in_batch())


class Meter:
    """How far something is: lines ever rarer, such as "shard 3: 12/40 images, 8 s, loss 0.3", or live a bar.

    Args:
        total: None where nobody knows. unit: what is counted.
    """

    def __init__(self, name: str, total: int | None, unit: str = "", *, live: bool = False):
        self.name, self.total, self.unit, self.done = name, total, unit, 0
        self.begin = self.last = time.monotonic()
        self.wait = _LOG_SECONDS[0]
        self.bar = None
        if live:
            from tqdm.auto import tqdm

            self.bar = tqdm(total=total, desc=name, unit=unit or "it")

    def step(self, **numbers: float) -> None:
        """One more is done; the numbers are shown beside."""
        self.reach(self.done + 1, **numbers)

    def reach(self, done: int, **numbers: float) -> None:
        """So many are done; the numbers are shown beside."""
        more, self.done = done - self.done, done
        texts = {name: f"{number:.3g}" for name, number in numbers.items()}
        if self.bar is not None:
            self.bar.set_postfix(texts, refresh=False)
            self.bar.update(more)
            return
        now = time.monotonic()
        if now - self.last >= self.wait or (more and done == self.total):
            count = f"{done}/{self.total or '?'} {self.unit}".rstrip()
            shown = "".join(f", {name} {text}" for name, text in texts.items())
            print(f"{self.name}: {count}, {now - self.begin:.0f} s{shown}", flush=True)
            self.last, self.wait = now, min(_LOG_GROWTH * self.wait, _LOG_SECONDS[1])

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def in_batch() -> bool:
    """Whether the runner, not a person, runs this notebook."""
    return os.environ.get(BATCH_VARIABLE) == "1"


def project_root() -> Path:
    """The nearest folder, from the working one upwards, with a Snakefile; else the working folder."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "Snakefile").is_file()), here)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path next to `path` that becomes `path` when the block ends well, and is removed when not."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def exit_code(action: Callable[[], object], out: Path, task: str = "") -> int:
    """What a command ends with: 0, or 1 and one line when its input is wrong or `out` cannot be written."""
    try:
        action()
        return 0
    except ValueError as error:
        problem = str(error)
    except OSError as error:
        remedy = "make room or allow writing, then run the same command again"
        problem = f"cannot write to {out} ({error.strerror or error}): {remedy}"
    print(f"error: {task}: {problem}" if task else f"error: {problem}", file=sys.stderr)
    return 1


def end_with_parent(last: Callable[[], object] = lambda: None) -> None:
    """Let this process of `multiprocessing` end when the one that made it does, however that ends; `last` goes before."""

    def watch() -> None:
        multiprocessing.parent_process().join()
        last()
        os._exit(1)  # a pool would wait for work for ever

    threading.Thread(target=watch, daemon=True).start()


def write_json(path: Path, value) -> None:
    """Write `value` as JSON, all at once."""
    with replacing(Path(path)) as temporary:
        temporary.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n")


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(value):
    """JSON's types for numpy's and torch's numbers, in any nesting."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _as_image(figure) -> Image.Image:
    if isinstance(figure, Image.Image):
        return figure
    if hasattr(figure, "savefig"):
        import matplotlib.pyplot as plt

        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=120, bbox_inches="tight", metadata={"Software": None})
        plt.close(figure)  # else the notebook would show it a second time, without alt text
        return Image.open(buffer)
    array = np.asarray(figure)
    if array.dtype != np.uint8:
        array = (np.clip(array, 0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(array)


def _embedded(image: Image.Image) -> tuple[str, bytes]:
    """MIME type and bytes of the copy inside the notebook, kept small: whole notebooks stay below 1.5 MB."""
    if image.width > _EMBEDDED_WIDTH:
        image = image.resize(
            (_EMBEDDED_WIDTH, round(image.height * _EMBEDDED_WIDTH / image.width)), Image.LANCZOS
        )
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    if buffer.tell() <= _EMBEDDED_BYTES:
        return "image/png", buffer.getvalue()
    flat = Image.new("RGB", image.size, "white")
    flat.paste(image.convert("RGB"), mask=image.convert("RGBA").getchannel("A"))
    buffer = io.BytesIO()
    flat.save(buffer, format="JPEG", quality=75)
    return "image/jpeg", buffer.getvalue()


def _display(bundle: dict, metadata: dict | None = None) -> None:
    from IPython.display import display

    display(bundle, metadata=metadata or {}, raw=True)
