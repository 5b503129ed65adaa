"""The user study of Table 3: a page on which people rate pictures, and natural rates from their answers."""

import csv
import hashlib
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

#: The four kinds of Table 3, in the order in which the paper finds them natural.
KINDS = ("raw", "with_d", "without_d", "augmented")
ANSWERS = ("natural", "not natural")
#: Columns of the file of answers: one row per answer; `order` counts a rater's pictures from 1.
COLUMNS = ("rater", "picture", "kind", "order", "answer", "seconds")


@dataclass(frozen=True)
class Picture:
    """One picture to rate. Its id is made from its pixels, so it does not give the kind away."""

    kind: str
    png: bytes

    @property
    def id(self) -> str:
        return hashlib.sha256(self.png).hexdigest()[:12]


class RatingPage:
    """Shows pictures blind, one at a time and in random order, and saves every answer at once.

    `widget` is the page (ipywidgets): a field for the rater's name, then a picture with two buttons, reached with
    Tab and pressed with Space. A rater who comes back goes on where they stopped. Several raters share the file.

    Args:
        pictures: what to rate; the order depends on (seed, rater) alone.
        path: CSV file of answers with `COLUMNS`; made with the first answer.
        clock: seconds, for tests.

    Raises:
        ValueError: if a kind is not in `KINDS`, or two pictures are the same.
    """

    def __init__(
        self, pictures: list[Picture], path: Path, seed: int, clock: Callable[[], float] = time.monotonic
    ):
        self.pictures, self.path, self.seed, self._clock = list(pictures), Path(path), seed, clock
        if unknown := {p.kind for p in self.pictures} - set(KINDS):
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {', '.join(sorted(unknown))}")
        if len({p.id for p in self.pictures}) < len(self.pictures):
            raise ValueError("pictures holds the same picture twice; show each once")
        self.queue: list[tuple[int, Picture]] = []  # (order, picture) still to be rated
        self.widget = self._built()

    def start(self, rater: str) -> None:
        """Begin, or go on, as `rater`; the page itself calls this when a name is confirmed.

        Raises:
            ValueError: if the name is empty, or the file holds this rater's answers to other pictures.
        """
        self.rater = rater.strip()
        if not self.rater:
            raise ValueError("rater is empty; type a name or a number")
        order = rating_order(self.pictures, self.rater, self.seed)
        done = _answered(self.path, self.rater)
        if foreign := done - {picture.id for picture in order}:
            raise ValueError(
                f"{self.path} holds {len(foreign)} answers of {self.rater!r} to other pictures; "
                "move the file away or use another name"
            )
        self.queue = [(i, p) for i, p in enumerate(order, start=1) if p.id not in done]
        self._show()

    def answer(self, answer: str) -> None:
        """Save the answer to the picture that is shown, then show the next one; after the last, nothing happens."""
        if not self.queue:
            return
        order, picture = self.queue[0]
        seconds = round(self._clock() - self._since, 2)
        _append(self.path, (self.rater, picture.id, picture.kind, order, answer, seconds))
        self.queue.pop(0)
        self._show()

    def _built(self):
        import ipywidgets

        self.name = ipywidgets.Text(placeholder="your name or a number", description="Rater")
        self.begin = ipywidgets.Button(description="Start", button_style="primary")
        self.message = ipywidgets.Label("Do these hands look natural? Trust your first impression.")
        self.progress = ipywidgets.IntProgress(
            min=0, max=max(1, len(self.pictures)), description=f"0 / {len(self.pictures)}"
        )
        self.image = ipywidgets.Image(format="png", width=360)
        self.buttons = [
            ipywidgets.Button(description=text.capitalize(), tooltip="Tab to move here, Space to press")
            for text in ANSWERS
        ]
        self.rating = ipywidgets.VBox([self.progress, self.image, ipywidgets.HBox(self.buttons)])
        self.rating.layout.display = "none"
        self.begin.on_click(lambda _: self._begin())
        for button, text in zip(self.buttons, ANSWERS, strict=True):
            button.on_click(lambda _, text=text: self.answer(text))
        return ipywidgets.VBox([self.message, ipywidgets.HBox([self.name, self.begin]), self.rating])

    def _begin(self) -> None:
        try:
            self.start(self.name.value)
        except ValueError as error:
            self.message.value = str(error)

    def _show(self) -> None:
        done = len(self.pictures) - len(self.queue)
        self.progress.value, self.progress.description = done, f"{done} / {len(self.pictures)}"
        self.rating.layout.display = None if self.queue else "none"
        self.name.disabled = self.begin.disabled = bool(self.queue)
        self.message.value = "Do these hands look natural?" if self.queue else f"Thank you, {self.rater}!"
        self.image.value = self.queue[0][1].png if self.queue else b""
        self._since = self._clock()


def rating_order(pictures: list[Picture], rater: str, seed: int) -> list[Picture]:
    """The pictures in the order in which `rater` sees them, however they were listed; depends on (seed, rater)."""
    key = int.from_bytes(hashlib.sha256(rater.encode()).digest()[:8], "little")
    listed = sorted(pictures, key=lambda picture: picture.id)
    return [listed[i] for i in np.random.default_rng([seed, key]).permutation(len(listed))]


def read_ratings(path: Path) -> pd.DataFrame:
    """The answers in a file of `RatingPage`, checked.

    Raises:
        ValueError: naming the file, the line and what is wrong: columns, kind, answer, a picture that one rater
            rated twice or that has two kinds.
    """
    path = Path(path)
    try:
        frame = pd.read_csv(path, dtype={"rater": str, "picture": str}, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no file of answers: {error}") from None
    return _checked(frame, str(path))


def natural_rates(answers: Path | pd.DataFrame, draws: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Share of pictures called natural, with 95 % intervals (Table 3).

    One rater: Wilson's interval over pictures. Several: bootstrap over raters and pictures together, since both are
    samples; where all agree, Wilson's for as many answers as there are raters or pictures, whichever is fewer.

    Returns:
        One row per kind that was rated, in the order of `KINDS`: rate, low, high in [0, 1], n answers, raters,
        pictures.

    Raises:
        ValueError: if the answers are malformed (`read_ratings`) or there are none.
    """
    checked = _checked(answers, "answers") if isinstance(answers, pd.DataFrame) else read_ratings(answers)
    if checked.empty:
        raise ValueError("there are no answers to analyse; rate some pictures first")
    rows = {}
    for kind in [k for k in KINDS if k in set(checked.kind)]:
        said = checked[checked.kind == kind]
        table = said.assign(yes=said.answer == ANSWERS[0]).pivot(
            index="rater", columns="picture", values="yes"
        )
        yes = table.to_numpy(dtype=float)  # NaN where a rater has not come that far
        rate, fewer = np.nanmean(yes), min(yes.shape)
        if len(yes) == 1:
            low, high = wilson_interval(rate, yes.shape[1])
        elif rate in (0, 1):
            low, high = wilson_interval(rate, fewer)
        else:
            low, high = _bootstrapped(yes, draws, seed)
        rows[kind] = (rate, low, high, len(said), *yes.shape)
    columns = ["rate", "low", "high", "n", "raters", "pictures"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("kind")


def wilson_interval(rate: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share seen in n independent answers."""
    middle, width = rate + z * z / (2 * n), z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (middle - width) / scale), min(1.0, (middle + width) / scale)


def _bootstrapped(yes: np.ndarray, draws: int, seed: int) -> tuple[float, float]:
    """95 % interval of the mean of yes (raters, pictures), NaN where missing, both axes drawn anew."""
    rng = np.random.default_rng(seed)
    raters, pictures = (rng.multinomial(n, np.full(n, 1 / n), draws) for n in yes.shape)
    answered = np.isfinite(yes)
    given = np.einsum("dr,rp,dp->d", raters, answered.astype(float), pictures)
    natural = np.einsum("dr,rp,dp->d", raters, np.where(answered, yes, 0), pictures)
    low, high = np.quantile(natural[given > 0] / given[given > 0], (0.025, 0.975))
    return float(low), float(high)


def _checked(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    if missing := [column for column in COLUMNS if column not in frame.columns]:
        raise ValueError(f"{name} lacks the columns {', '.join(missing)}; expected {', '.join(COLUMNS)}")
    for column, allowed in (("kind", KINDS), ("answer", ANSWERS)):
        wrong = ~frame[column].isin(allowed).to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f"{name}, line {row + 2}: {column} is {frame[column].iloc[row]!r}, not one of {', '.join(allowed)}"
            )
    twice = frame.duplicated(["rater", "picture"]).to_numpy()
    if twice.any():
        row = frame.iloc[int(twice.argmax())]
        raise ValueError(
            f"{name}, line {int(twice.argmax()) + 2}: {row.rater!r} rated picture {row.picture} twice"
        )
    kinds = frame.groupby("picture").kind.nunique()
    if (kinds > 1).any():
        raise ValueError(f"{name}: picture {kinds.idxmax()} has more than one kind")
    return frame


def _answered(path: Path, rater: str) -> set[str]:
    """Ids of the pictures that `rater` has rated; a line that a crash cut short is removed."""
    if not path.exists():
        return set()
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with open(path, "r+b") as file:
            file.truncate(content.rfind(b"\n") + 1)
    if path.stat().st_size == 0:
        return set()
    frame = read_ratings(path)
    return set(frame.picture[frame.rater == rater])


def _append(path: Path, row: tuple) -> None:
    """Add one row, on disk before this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if file.tell() == 0:
            writer.writerow(COLUMNS)
        writer.writerow(row)
        file.flush()
        os.fsync(file.fileno())
