"""Ways of training compared on the same test images: what one gains over another, how sure that is, and for what.

Reads the folders NAME-SEED that `train.run` leaves. A gain is the error without minus the error with what the paper
recommends, so it is positive where the paper is right.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from renderih_lib import metrics
from renderih_lib.scales import Scale
from renderih_lib.train.experiments import EXPERIMENTS, steps_of
from renderih_lib.train.tables import run_before, values_of

LEVEL = 0.95
#: From so many poses on an interval drawn from them is about as wide as it should be.
MANY_POSES = 20
#: A network whose error is not below this share of the mean pose's has hardly left it.
LEFT_THE_MEAN_POSE = 0.95


@dataclass(frozen=True)
class Trials:
    """Errors of every finished seed of one experiment on every image of one test set."""

    errors: np.ndarray  # (S, N) in `unit`, the mean of an image's hands, NaN where it does not count
    poses: np.ndarray  # (N,) images with the same label show the same pose
    ids: np.ndarray  # (N,) str
    mask_iou: np.ndarray  # (N,) how much the hands overlap in the image, NaN where unknown
    seeds: tuple[int, ...]
    real: bool  # whether the training sets and the test set are the gated ones
    scale: str
    unit: str = "mm"

    @property
    def mean(self) -> float:
        """Mean error."""
        return float(self.by_seed.mean())

    @property
    def by_seed(self) -> np.ndarray:
        """Mean error of each seed (S,)."""
        return np.array([metrics.mean_error(row) for row in self.errors])

    def within(self, chosen: np.ndarray) -> "Trials":
        """The images where `chosen` (N,) bool is true."""
        pick = np.flatnonzero(chosen)
        parts = {name: getattr(self, name)[pick] for name in ("poses", "ids", "mask_iou")}
        return replace(self, errors=self.errors[:, pick], **parts)


@dataclass(frozen=True)
class Effect:
    """A number and its 95 % interval, and what it was measured over."""

    value: float
    low: float
    high: float
    unit: str
    seeds: int
    poses: int
    data: str  # "real" only if all of it is, else "stand-in"
    scale: str  # of the runs

    def record(self) -> dict:
        """As `metrics.json` keeps it and the ledger reads it."""
        names = ("value", "low", "high", "unit", "over", "data", "scale")
        return {name: getattr(self, name) for name in names}

    @property
    def over(self) -> str:
        """What it was measured over, such as "3 seeds and 130 poses"."""
        counts = {"seed": self.seeds, "pose": self.poses}
        return " and ".join(f"{count} {name}{'s' * (count != 1)}" for name, count in counts.items())

    @property
    def direction(self) -> str:
        """Where the interval lies: "as the paper says", "the other way round" or "no difference to be seen"."""
        if self.low > 0:
            return "as the paper says"
        return "the other way round" if self.high < 0 else "no difference to be seen"

    def __str__(self) -> str:
        return f"{self.value:+.2f} {self.unit} ({self.low:+.2f} to {self.high:+.2f}, {self.over})"


def trials(folder: str | Path, experiment: str, test: str, metric: str) -> Trials:
    """All finished seeds of an experiment.

    Args:
        folder: of the runs, holding NAME-SEED. test: a role such as "interhand26m-test". metric: a name in
            errors-TEST.npz, e.g. "mpjpe_mm" or, from the wrist, "wrist_mpjpe_mm".

    Raises:
        FileNotFoundError: if no seed has finished. ValueError: if seeds saw different images, or a metric is unknown.
    """
    found = {}
    for path in Path(folder).glob(f"{experiment}-*/metrics.json"):
        seed = path.parent.name.removeprefix(f"{experiment}-")
        if seed.isdecimal():
            found[int(seed)] = path.parent
    if not found:
        raise FileNotFoundError(
            f"no run of experiment {experiment!r} has finished: run `make reproduce` first"
        )
    rows, records = [], []
    for run in (found[seed] for seed in sorted(found)):
        with np.load(run / f"errors-{test}.npz", allow_pickle=False) as archive:
            if metric not in archive.files:
                raise ValueError(f"metric must be one of {', '.join(archive.files)}, got {metric!r}")
            rows.append({name: archive[name] for name in (metric, "pose_ids", "ids", "mask_iou")})
        records.append(json.loads((run / "metrics.json").read_text()))
    if any(not np.array_equal(row["ids"], rows[0]["ids"]) for row in rows):
        raise ValueError(f"seeds of {experiment!r} were tested on different images of {test}; run them again")
    return Trials(
        errors=np.stack([row[metric] for row in rows]).astype(np.float64),
        poses=rows[0]["pose_ids"],
        ids=rows[0]["ids"],
        mask_iou=rows[0]["mask_iou"],
        seeds=tuple(sorted(found)),
        real=all(r["tests"][test]["real"] and _trained_on_real(Path(folder), r) for r in records),
        scale=records[0]["scale"],
    )


def gain(without: Trials, with_it: Trials, rng: np.random.Generator) -> Effect:
    """How much lower the error of the second is, paired by seed and image."""
    return level(combined((1.0, without), (-1.0, with_it)), rng)


def gains(
    folder: str | Path,
    without: str,
    with_it: str,
    test: str,
    names: Iterable[str],
    rng: Callable[..., np.random.Generator],
) -> dict[str, Effect]:
    """`gain` of one experiment over another in several metrics; one that no image counts for is left out.

    Args:
        rng: `repro.Run.rng`, called with what is compared.
    """
    found = {}
    for name in names:
        pair = [trials(folder, experiment, test, name) for experiment in (without, with_it)]
        if all(np.isfinite(trial.errors).any() for trial in pair):
            found[name] = gain(*pair, rng(without, with_it, test, name))
    return found


def level(trial: Trials, rng: np.random.Generator) -> Effect:
    """The mean error itself."""
    return _effect(trial, trial.mean, trial.errors - trial.mean, rng, trial.unit)


def ratio(numerator: Trials, denominator: Trials, rng: np.random.Generator) -> Effect:
    """Mean error over mean error; the interval by linearisation."""
    above, below = combined((1.0, numerator)), combined((1.0, denominator))
    joined = combined((1.0, numerator), (1.0, denominator))  # the same images and seeds, or an error
    above, below = (_of_seeds(one, joined.seeds) for one in (above, below))
    value = above.mean / below.mean
    return _effect(joined, value, (above.errors - value * below.errors) / below.mean, rng, "")


def contrast(trial: Trials, chosen: np.ndarray, others: np.ndarray, rng: np.random.Generator) -> Effect:
    """Mean over some images minus the mean over others (both (N,) bool), which may share poses.

    Only poses of these images are counted. The interval is infinite where a side shows a single pose, which says
    nothing about others.

    Raises:
        ValueError: if no image counts on one side.
    """
    known = np.isfinite(trial.errors).all(0)
    sides = chosen & known, others & known
    if not all(side.any() for side in sides):
        raise ValueError("a contrast needs images on both sides")
    used = sides[0] | sides[1]
    scores, means = np.zeros_like(trial.errors), []
    for sign, side in zip((1, -1), sides, strict=True):
        part = trial.errors[:, side]
        means.append(part.mean())
        scores[:, side] += sign * (part - part.mean()) * used.sum() / side.sum()
    scores[:, ~used] = np.nan
    effect = _effect(trial, float(means[0] - means[1]), scores, rng, trial.unit)
    if min(len(np.unique(trial.poses[side])) for side in sides) < 2:
        return replace(effect, low=-np.inf, high=np.inf)
    return effect


def combined(*weighted: tuple[float, Trials]) -> Trials:
    """Weighted sum of errors, image by image, over the seeds that all have.

    Raises:
        ValueError: if the trials are of other images or scales, or have no seed in common.
    """
    first = weighted[0][1]
    seeds = tuple(s for s in first.seeds if all(s in trial.seeds for _, trial in weighted))
    for _, trial in weighted:
        if not np.array_equal(trial.ids, first.ids) or trial.scale != first.scale:
            raise ValueError("trials can be compared on the same images and at the same scale only")
    if not seeds:
        raise ValueError("trials have no seed in common")
    errors = sum(weight * _of_seeds(trial, seeds).errors for weight, trial in weighted)
    return replace(first, errors=errors, seeds=seeds, real=all(trial.real for _, trial in weighted))


def caution(found: pd.DataFrame, experiment: str, test: str, effect: Effect) -> str:
    """What an experiment and an effect of it can judge, said in words from the numbers (`tables.results`)."""
    pa, constant = (mean_of(found, name, test, "pa_mpjpe_mm") for name in (experiment, "constant hand"))
    fingers = "learned more about fingers than a constant hand knows"
    if pa < constant:
        parts = [
            f"PA-MPJPE {pa:.1f} mm is below a constant hand's {constant:.1f} mm: this network has {fingers}"
        ]
    else:
        parts = [
            f"PA-MPJPE {pa:.1f} mm is not below a constant hand's {constant:.1f} mm: this network has not {fingers}, "
            f"so scale {effect.scale} cannot judge a claim about millimetres"
        ]
    error, mean = (mean_of(found, name, test, "mpjpe_mm") for name in (experiment, "mean pose"))
    if error > LEFT_THE_MEAN_POSE * mean:
        parts.append(
            f"MPJPE {error:.1f} mm is not even {1 - LEFT_THE_MEAN_POSE:.0%} below the mean pose's {mean:.1f} mm: it "
            "has hardly left it"
        )
    if 1 < effect.poses < MANY_POSES:
        parts.append(f"{effect.poses} poses are few: intervals are too narrow")
    if effect.seeds == 1:
        parts.append("with one seed the interval leaves out the luck of training")
    if effect.data != "real":
        parts.append("the data is our stand-in, so even a clear result says nothing about the real sets")
    return "; ".join(parts) + "."


def setup(found: pd.DataFrame, names: Iterable[str], sizes: Scale) -> pd.DataFrame:
    """What experiments learn from and are tested on, how many seeds ran, and for how many steps (`tables.results`)."""
    rows = {}
    for name in names:
        own = found[found["experiment"] == name]
        rows[name] = {
            "seeds": own["seed"].nunique(),
            "learns from": "; ".join(own["trained_on"].unique()),
            "steps": steps_of(EXPERIMENTS[name], sizes),
            "tested on": "; ".join(own["data"].unique()),
        }
    return pd.DataFrame(rows).T.rename_axis("experiment")


def tested_on(found: pd.DataFrame, test: str) -> str:
    """What the images of a test role are called in `tables.results`."""
    return "; ".join(found.loc[found["test"] == test, "data"].unique())


def mean_of(found: pd.DataFrame, experiment: str, test: str, metric: str) -> float:
    """Mean over seeds of a number in `tables.results`; NaN if there is none."""
    return float(values_of(found, experiment, test, metric)["value"].mean())


def _trained_on_real(folder: Path, record: dict) -> bool:
    """Whether all training sets of a run were the real ones, those of the run that it starts from included."""
    before = run_before(folder, record)
    own = all(part["real"] for part in record["train"])
    return own and (before is None or _trained_on_real(folder, before))


def _of_seeds(trial: Trials, seeds: tuple[int, ...]) -> Trials:
    rows = [trial.seeds.index(seed) for seed in seeds]
    return replace(trial, errors=trial.errors[rows], seeds=seeds)


def _effect(trial: Trials, value: float, scores: np.ndarray, rng: np.random.Generator, unit: str) -> Effect:
    """An effect whose scores (S, N) have mean zero: poses by bootstrap and seeds by Student's t, in quadrature."""
    seeds, poses = len(scores), len(np.unique(trial.poses[np.isfinite(scores).all(0)]))
    below = above = np.inf  # a single pose says nothing about others
    if poses > 1:
        low, high = metrics.cluster_interval(scores.mean(0), trial.poses, rng, level=LEVEL)
        below, above = max(0.0, -low), max(0.0, high)
    if seeds > 1:
        spread = np.std([metrics.mean_error(row) for row in scores], ddof=1) / np.sqrt(seeds)
        half = student.ppf((1 + LEVEL) / 2, seeds - 1) * spread
        below, above = np.hypot(below, half), np.hypot(above, half)
    data = "real" if trial.real else "stand-in"
    return Effect(value, float(value - below), float(value + above), unit, seeds, poses, data, trial.scale)
