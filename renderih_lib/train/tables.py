"""The tables of the paper with our numbers beside the published ones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from renderih_lib.claims import published_tables

#: What published columns call an error -> its name in metrics.json.
METRICS = {
    "PA-MPJPE": "pa_mpjpe_mm",
    "MPJPE": "mpjpe_mm",
    "SMPJPE": "smpjpe_mm",
    "MRRPE": "mrrpe_mm",
    "CDev": "cdev_mm",
}
#: What published columns call a test set -> its role.
SETS = {"InterHand2.6M": "interhand26m-test", "Tzionas": "tzionas-test"}
#: Answers that never look at the image, beside every table; the mean pose is that of the real training images.
NEVER_LOOKS = {"mean_pose": "mean pose", "constant_hand": "constant hand"}
NOT_RUN, NOT_MEASURED = "not run", "not measured"
#: End of a column's name: scored as the paper does, by keypoints regressed from the true meshes (`measure.AGAIN`).
BY_MESH = "keypoints of the mesh"


@dataclass(frozen=True)
class Table:
    """Which experiment fills which row of a published table; rows of networks that we do not have are left out."""

    test: str  # role, where the column does not name the set
    rows: Mapping[str, str | Mapping[str, str]]  # row -> experiment, or column -> experiment
    root: str = "middle_mcp"


_INTERHAND, _TZIONAS = SETS.values()
TABLES = {
    "Table 4": Table(_INTERHAND, {"Baseline": "real-no-lateral", "Baseline + CE": "real"}),
    "Table 5": Table(
        _INTERHAND,
        {"TransHand": {"trained on InterHand2.6M": "real", "mixed with RenderIH": "mixed"}},
    ),
    "Table 6": Table(_INTERHAND, {"TransHand": "real", "TransHand, RenderIH pretraining": "finetuned"}),
    "Table 7": Table(
        _INTERHAND, {"H2O-3D": "only-h2o3d", "Ego3DHands": "only-ego3d", "RenderIH": "only-renderih"}
    ),
    "Table 8": Table(
        _INTERHAND,
        {
            "H2O-3D + InterHand2.6M": "with-h2o3d",
            "Ego3DHands + InterHand2.6M": "with-ego3d",
            "RenderIH + InterHand2.6M": "with-renderih",
        },
    ),
    "Table 9": Table(_TZIONAS, {"InterHand2.6M": "real", "InterHand2.6M + RenderIH": "mixed"}),
    "Table S1": Table(_TZIONAS, {"InterHand2.6M": "real", "InterHand2.6M + RenderIH": "mixed"}, root="wrist"),
    "Figure 13": Table(
        _INTERHAND,
        {"RenderIH only": "synthetic", "RenderIH, then 1 % of InterHand2.6M": "finetuned-01"},
    ),
}


def results(folder: str | Path) -> pd.DataFrame:
    """Every number of every finished run below folder.

    Columns: experiment, seed, test (role), metric, value, data (name of the test set), real (whether it is the gated
    one), trained_on (all training sets, those of the run that it starts from first), scale. What never looks has rows of experiment "mean pose" and
    "constant hand", from the runs "real".

    Raises:
        FileNotFoundError: if no run is finished.
    """
    rows = []
    for path in sorted(Path(folder).glob("*-*/metrics.json")):
        record = json.loads(path.read_text())
        rows += _rows(record, _trained_on(Path(folder), record))
    if not rows:
        raise FileNotFoundError(f"{folder} has no finished run: run `make reproduce` first")
    return pd.DataFrame(rows)


def _trained_on(folder: Path, record: dict) -> str:
    sets = " + ".join(f"{part['images']:,} of {part['data']}" for part in record["train"])
    before = run_before(folder, record)
    return sets if before is None else f"{_trained_on(folder, before)}, then {sets}"


def run_before(folder: Path, record: dict) -> dict | None:
    """The metrics.json of the run that a run (its metrics.json) starts from; None if it starts from nothing."""
    if not record["after"]:
        return None
    return json.loads((folder / f"{record['after']}-{record['seed']}" / "metrics.json").read_text())


def _rows(record: dict, trained_on: str) -> list[dict]:
    rows = []
    for test, measured in record["tests"].items():
        shared = {"seed": record["seed"], "test": test, "data": measured["data"]}
        shared |= {"real": measured["real"], "trained_on": trained_on, "scale": record["scale"]}
        answers = {"metrics": record["experiment"]}
        if record["experiment"] == "real":
            answers |= NEVER_LOOKS
        for key, experiment in answers.items():
            for metric, value in measured[key].items():
                value = np.nan if value is None else value
                rows.append({"experiment": experiment, "metric": metric, "value": value, **shared})
    return rows


def beside_published(table: str, found: pd.DataFrame) -> pd.DataFrame:
    """A published table with ours beside it: mean, ± standard deviation where there are several seeds, mm.

    Columns: for each published one "<column>, paper" and "<column>, here", scored by annotated keypoints; where a real
    test set has meshes also "<column>, here, keypoints of the mesh", as the paper scores (a stand-in's say the same);
    then seeds, trained on and tested on. A network or an experiment that has not run says "not run". The last rows are
    answers that never look.

    Args:
        table: a name in `TABLES`. found: of `results`.
    """
    content, rows = published_tables()[table], {}
    columns = content["columns"]
    for row, printed in content["rows"].items():
        rows[row] = _row(found, columns, printed, [_cell(table, row, column) for column in columns])
    for name in NEVER_LOOKS.values():
        cells = [(name, *_cell(table, None, column)[1:]) for column in columns]
        rows[f"{name}, never looks"] = _row(found, columns, [None] * len(cells), cells)
    return pd.DataFrame(rows).T.rename_axis("as printed")


def _cell(table: str, row: str | None, column: str) -> tuple[str | None, str, str]:
    """Experiment (None if we have none), test role and metric of a published cell."""
    chosen = TABLES[table]
    experiment = chosen.rows.get(row)
    if isinstance(experiment, Mapping):
        experiment = experiment[column]
    first, last = column.split(" ")[0], column.split(" ")[-1]
    metric = METRICS.get(last, "mpjpe_mm")
    if chosen.root == "wrist" and metric != "pa_mpjpe_mm":  # alignment knows no root
        metric = f"wrist_{metric}"
    return experiment, SETS.get(first, chosen.test), metric


def values_of(found: pd.DataFrame, experiment: str | None, test: str, metric: str) -> pd.DataFrame:
    """The rows of `results` with a number of an experiment: one for each seed."""
    chosen = (found["experiment"] == experiment) & (found["test"] == test) & (found["metric"] == metric)
    return found[chosen]


def _row(found: pd.DataFrame, columns: list[str], printed: list, cells: list[tuple]) -> dict:
    row, values = {}, [values_of(found, *cell) for cell in cells]
    for column, number, ours, cell in zip(columns, printed, values, cells, strict=True):
        row[f"{column}, paper"] = np.nan if number is None else number
        row[f"{column}, here"] = mean_and_spread(ours["value"])
        experiment, test, metric = cell
        if _scored_by_mesh(found, test, metric):
            by_mesh = values_of(found, experiment, test, f"mesh_{metric}")
            row[f"{column}, here, {BY_MESH}"] = mean_and_spread(by_mesh["value"])
    everything = pd.concat(values)
    row["seeds"] = everything["seed"].nunique() or ""
    for name, key in (("trained on", "trained_on"), ("tested on", "data")):
        row[name] = "; ".join(everything[key].unique())
    return row


def _scored_by_mesh(found: pd.DataFrame, test: str, metric: str) -> bool:
    chosen = found["real"] & (found["test"] == test) & (found["metric"] == f"mesh_{metric}")
    return bool(found.loc[chosen, "value"].notna().any())


def mean_and_spread(values: pd.Series) -> str:
    """ "46.12", with "± 0.30", their standard deviation, where there are several.

    "not run" where there are none, "not measured" where all are NaN: CDev of hands that never touch.
    """
    if values.empty:
        return NOT_RUN
    values = values.dropna()
    if values.empty:
        return NOT_MEASURED
    spread = f" ± {values.std(ddof=1):.2f}" if len(values) > 1 else ""
    return f"{values.mean():.2f}{spread}"
