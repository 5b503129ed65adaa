"""Every training run that the tables and figures of section 5 need, each once, named by what it learns from.

Datasets are named by their role in the paper (`data.sources.ROLES`): the real ones where they are, else the rendered
stand-ins. All runs of a scale have the same number of steps, those before finetuning included.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from renderih_lib.scales import Scale

REAL, SYNTHETIC = "interhand26m-train", "renderih-train"
#: Other sets of hands, by what experiments call them.
OTHERS = {"h2o3d": "h2o3d-train", "ego3d": "ego3dhands-train", "renderih": SYNTHETIC}
#: Every run is measured on all of these.
TESTS = ("interhand26m-test", "tzionas-test")
#: Instead of a share: as many images as the smallest of `OTHERS` has, at most `MOST_EQUAL` (Tables 7 and 8).
EQUAL = "equal"
MOST_EQUAL = 40_000
#: Shares of the real images in Figure 13, as the paper has them, and of the synthetic ones in Figure 12.
REAL_SHARES = (0.01, 0.05, 0.1, 0.3, 0.5, 0.7, 1.0)
SYNTHETIC_SHARES = (0.1, 0.3, 0.5, 0.7, 1.0)


@dataclass(frozen=True)
class Experiment:
    """One run. Its sets are mixed as if they were one: each counts by its number of images, as in the paper."""

    name: str
    mix: Mapping[str, float | str]  # role -> share of its images in (0, 1], or `EQUAL`
    after: str = ""  # the experiment whose weights it starts from; "" is random weights
    part: float = 1.0  # of the scale's `experiment_steps`
    changes: Mapping = field(default_factory=dict)  # fields of `nets.presets.TransHandSizes`
    losses: Mapping = field(default_factory=dict)  # fields of `losses.LossWeights`


def _experiments() -> dict[str, Experiment]:
    runs = [
        Experiment("real-no-lateral", {REAL: 1.0}, changes={"lateral": False}),
        Experiment("real-no-local", {REAL: 1.0}, changes={"grid": 1}),  # one token of each image level
        Experiment("real-no-smooth", {REAL: 1.0}, losses={"smooth": 0.0}),
        Experiment("synthetic", {SYNTHETIC: 1.0}),
        Experiment("pretraining", {SYNTHETIC: 1.0}, part=0.5),
    ]
    for share in REAL_SHARES:
        runs += [
            Experiment(_named("real", share), {REAL: share}),
            Experiment(_named("mixed", share), {REAL: share, SYNTHETIC: 1.0}),
            Experiment(_named("finetuned", share), {REAL: share}, after="pretraining", part=0.5),
        ]
    for share in SYNTHETIC_SHARES[:-1]:
        runs.append(Experiment(_named("mixed-synthetic", share), {REAL: 1.0, SYNTHETIC: share}))
    for other, role in OTHERS.items():
        runs.append(Experiment(f"only-{other}", {role: EQUAL}))
        runs.append(Experiment(f"with-{other}", {REAL: 1.0, role: EQUAL}))
    return {run.name: run for run in runs}


def _named(kind: str, share: float) -> str:
    """ "mixed" for everything, "mixed-05" for 5 %."""
    return kind if share == 1 else f"{kind}-{round(100 * share):02d}"


EXPERIMENTS = _experiments()

#: Figure 12: share of the synthetic images, all real ones added -> experiment.
FIGURE_12 = {0.0: "real"} | {
    share: "mixed" if share == 1 else _named("mixed-synthetic", share) for share in SYNTHETIC_SHARES
}
#: Figure 13: line -> share of the real images -> experiment; without any, all three lines begin at "synthetic".
FIGURE_13 = {
    "real only": {share: _named("real", share) for share in REAL_SHARES},
    "mixed": {share: _named("mixed", share) for share in REAL_SHARES},
    "pretrained, then finetuned": {share: _named("finetuned", share) for share in REAL_SHARES},
}


def planned(sizes: Scale) -> list[Experiment]:
    """The experiments of a scale, those that others start from first; a small scale leaves points of curves out."""
    shares = {REAL: sizes.real_shares, SYNTHETIC: sizes.synthetic_shares}
    chosen = [
        run
        for run in EXPERIMENTS.values()
        if all(share in (1.0, EQUAL, *shares.get(role, ())) for role, share in run.mix.items())
    ]
    return sorted(chosen, key=lambda run: bool(run.after))


def experiment_by_name(name: str) -> Experiment:
    """The experiment; ValueError for a name that is none."""
    if name not in EXPERIMENTS:
        raise ValueError(f"experiment is {name!r}; choose one of {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]


def steps_of(run: Experiment, sizes: Scale) -> int:
    """Training steps of a run at a scale, without those of the run it starts from."""
    return max(1, round(run.part * sizes.experiment_steps))


def roles_of(run: Experiment) -> list[str]:
    """Every role whose images a run needs: to learn, to be measured, or to count them."""
    return sorted({*run.mix, *TESTS, *(OTHERS.values() if _of_equal_sets(run) else ())})


def compared_roles(run: Experiment) -> list[str]:
    """The roles that a run, or any run that tables and figures set beside it, learns from.

    Runs on as many images of each set (Tables 7 and 8) are compared with each other, all others with each other.
    """
    beside = (other for other in EXPERIMENTS.values() if _of_equal_sets(other) == _of_equal_sets(run))
    return sorted({role for other in beside for role in other.mix})


def image_counts(run: Experiment, available: Mapping[str, int]) -> dict[str, int]:
    """Role -> how many of its images a run learns from; `mixture.subset` says which.

    Args:
        available: images of each role of the run, and of all `OTHERS` if it asks for `EQUAL`.
    """
    counts = {}
    for role, share in run.mix.items():
        if share == EQUAL:
            counts[role] = min(MOST_EQUAL, *(available[other] for other in OTHERS.values()))
        else:
            counts[role] = max(1, round(share * available[role]))
    return counts


def _of_equal_sets(run: Experiment) -> bool:
    return EQUAL in run.mix.values()
