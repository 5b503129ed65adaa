"""The claims ledger: what the papers say, what we measured, and whether it held."""

import json
import operator
import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from renderih_lib.scales import NAMES

_PUBLISHED, _CLAIMS = (Path(__file__).with_name(name) for name in ("published.yaml", "claims.yaml"))
_COMPARISONS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@dataclass(frozen=True)
class Claim:
    """One claim and how it is judged.

    criterion: (metric of the notebook, comparison, another metric or a number); dots lead into nested metrics.
    data: "none" when it is about the method alone, "real" when real images or poses are needed, else "stand-in".
    """

    id: str
    text: str
    source: str  # where the paper says it
    notebook: str
    criterion: tuple[str, str, str | float]
    data: Literal["none", "real", "stand-in"]
    scale: str = "tiny"  # the smallest that can judge it: a count of the paper needs the paper's sizes


@dataclass(frozen=True)
class Verdict:
    """A claim with what was measured; `verdict` is "held", "did not hold" or "not run", `measured` says it in words."""

    claim: Claim
    verdict: Literal["held", "did not hold", "not run"]
    measured: str


@cache
def published_tables() -> dict:
    """published.yaml: table -> {source, unit, columns, rows}."""
    return yaml.safe_load(_PUBLISHED.read_text())


def published(table: str, row: str, column: str | None = None) -> float | None:
    """A printed number, None where the paper prints none; ValueError for a cell that is not in published.yaml.

    column: may be left out in a table of one column.
    """
    content = published_tables().get(table)
    if content is None or row not in content["rows"]:
        raise ValueError(f"{table!r}, row {row!r}, is not in published.yaml")
    columns = content["columns"]
    column = columns[0] if column is None and len(columns) == 1 else column
    if column not in columns:
        raise ValueError(f"{table!r} has no column {column!r}; it has {', '.join(columns)}")
    return content["rows"][row][columns.index(column)]


def read_claims(path: Path = _CLAIMS) -> tuple[Claim, ...]:
    """The claims of a file like claims.yaml, in its order.

    Raises:
        ValueError: naming the claim that lacks a field, has an unknown one, an id twice, or a criterion that is none.
    """
    claims = {}
    for entry in yaml.safe_load(path.read_text()):
        name = entry.get("id", "without id")
        if {"scale", *entry} != {field.name for field in fields(Claim)} or name in claims:
            raise ValueError(
                f"{path.name}: claim {name} must have an id of its own and the fields of the others"
            )
        try:
            claims[name] = Claim(**entry | {"criterion": parsed_criterion(entry["criterion"])})
        except ValueError as error:
            raise ValueError(f"{path.name}: claim {name}: {error}") from None
        if claims[name].data not in ("none", "real", "stand-in"):
            raise ValueError(f"{path.name}: claim {name}: data is {claims[name].data!r}")
        if claims[name].scale not in NAMES:
            raise ValueError(f"{path.name}: claim {name}: scale is {claims[name].scale!r}")
    return tuple(claims.values())


def parsed_criterion(text: str) -> tuple[str, str, str | float]:
    """("a.b", "<", 2.5) for "a.b < 2.5"; "published TABLE / ROW" (/ COLUMN) on the right becomes that number.

    Raises:
        ValueError: if it is not of that form, or the paper prints no such number.
    """
    match = re.fullmatch(r"(\S.*?) (=|<=|<|>=|>) (\S.*)", text)
    if not match:
        raise ValueError(f"criterion {text!r} is not METRIC = METRIC-OR-NUMBER, or with <, <=, >, >=")
    left, comparison, right = match.groups()
    if right.startswith("published "):
        number = published(*right.removeprefix("published ").split(" / "))
        if number is None:
            raise ValueError(f"criterion {text!r}: the paper prints no such number")
        return left, comparison, number
    number = yaml.safe_load(right)
    return left, comparison, number if isinstance(number, (int, float)) else right


CLAIMS = read_claims()


def judge(claim: Claim, results: Path) -> Verdict:
    """The verdict on a claim from `results/<notebook>/metrics.json`; `results` is named after its scale.

    A missing number and a scale that is too small mean "not run".
    """
    if results.name in NAMES and NAMES.index(results.name) < NAMES.index(claim.scale):
        return Verdict(claim, "not run", f"needs scale {claim.scale}")
    path = results / claim.notebook / "metrics.json"
    if not path.is_file():
        return Verdict(claim, "not run", f"{claim.notebook} has not run")
    metrics = json.loads(path.read_text())
    left, comparison, right = claim.criterion
    values = {name: _nested(metrics, name) for name in (left, right) if isinstance(name, str)}
    if missing := [name for name, value in values.items() if value is None]:
        return Verdict(claim, "not run", f"{claim.notebook} measured no {' and no '.join(missing)}")
    held = _COMPARISONS[comparison](values[left], values.get(right, right))
    measured = ", ".join(f"{name} = {value:.4g}" for name, value in values.items())
    return Verdict(claim, "held" if held else "did not hold", measured)


def _nested(metrics: dict, name: str):
    for part in name.split("."):
        metrics = metrics.get(part) if isinstance(metrics, dict) else None
    return metrics


def ledger(results: Path) -> list[Verdict]:
    """The verdict on every claim, in the order of claims.yaml."""
    return [judge(claim, results) for claim in CLAIMS]
