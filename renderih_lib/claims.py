"""The claims ledger: what the papers say, what we measured, and whether it held."""

import json
import operator
import re
from dataclasses import MISSING, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from renderih_lib.scales import NAMES

_PUBLISHED, _CLAIMS = (Path(__file__).with_name(name) for name in ("published.yaml", "claims.yaml"))
_COMPARISONS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_KINDS = ("none", "real", "stand-in")
_ENDS = ("value", "low", "high")  # of an effect


@dataclass(frozen=True)
class Claim:
    """One claim and how it is judged.

    criterion: (metric of the notebook, comparison, another metric or a number); dots lead into nested metrics.
    data: "none" when it is about the method alone, "real" when it needs the paper's datasets, else "stand-in".
    """

    id: str
    section: str  # of the report
    text: str
    source: str  # where the paper says it
    notebook: str
    criterion: tuple[str, str, str | float]
    data: Literal["none", "real", "stand-in"]
    scale: str = "tiny"  # the smallest that can judge it: the paper's sizes count, and learning takes a GPU
    paper: tuple[float, ...] = ()  # the numbers that the paper prints for what the criterion compares
    needs: str = ""  # what this project lacks to test it
    headline: str = ""  # its name in the README's table, if it is in there


@dataclass(frozen=True)
class Verdict:
    """A claim with what was measured, which is shown even where it may not judge."""

    claim: Claim
    verdict: Literal["held", "did not hold", "not run"]
    note: str = ""  # why it was not run
    values: tuple[float, ...] = ()  # what the criterion compares, or the value of the effect
    measured: str = ""  # the same in words
    interval: str = ""  # 95 %, of an effect, and over what
    ends: tuple[float, ...] = ()  # of the interval
    data: str = ""
    scale: str = ""  # at which it was measured


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


def published_number(text: str) -> float:
    """The printed number of "TABLE / ROW" (/ COLUMN), or of one such cell minus another.

    Raises:
        ValueError: if the paper prints no such number.
    """
    cells = [published(*cell.split(" / ")) for cell in text.split(" - ")]
    if len(cells) > 2 or not all(isinstance(cell, (int, float)) for cell in cells):
        raise ValueError(f"{text!r}: the paper prints no such number")
    return cells[0] if len(cells) == 1 else round(cells[0] - cells[1], 6)


def read_claims(path: Path = _CLAIMS) -> tuple[Claim, ...]:
    """The claims of a file like claims.yaml, in its order.

    Raises:
        ValueError: naming the claim that lacks a field, has an unknown one, an id twice, or a criterion that is none.
    """
    claims = {}
    for section, entries in yaml.safe_load(path.read_text()).items():
        for entry in entries:
            name = entry.get("id", "without id")
            try:
                if name in claims:
                    raise ValueError("the id is there twice")
                claims[name] = _claim(entry | {"section": section})
            except ValueError as error:
                raise ValueError(f"{path.name}: claim {name}: {error}") from None
    return tuple(claims.values())


def _claim(entry: dict) -> Claim:
    known = {field.name: field.default for field in fields(Claim)}
    if wrong := {name for name, default in known.items() if default is MISSING} - set(entry):
        raise ValueError(f"lacks {', '.join(sorted(wrong))}")
    if wrong := set(entry) - set(known):
        raise ValueError(f"has no field {', '.join(sorted(wrong))}")
    printed = entry.get("paper") or re.findall(r" published (.*)", entry["criterion"])
    numbers = {"paper": tuple(map(published_number, [printed] if isinstance(printed, str) else printed))}
    claim = Claim(**entry | {"criterion": parsed_criterion(entry["criterion"])} | numbers)
    for name, value, choices in (("data", claim.data, _KINDS), ("scale", claim.scale, NAMES)):
        if value not in choices:
            raise ValueError(f"{name} is {value!r}, not one of {', '.join(choices)}")
    if claim.data == "real" and claim.criterion[0].rpartition(".")[2] not in _ENDS:
        raise ValueError("real data needs an effect, which says what it was measured on: METRIC.value")
    return claim


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
        return left, comparison, published_number(right.removeprefix("published "))
    number = yaml.safe_load(right)
    return left, comparison, number if isinstance(number, (int, float)) else right


CLAIMS = read_claims()


def judge(claim: Claim, results: Path) -> Verdict:
    """The verdict on a claim from `results/<notebook>/metrics.json`.

    "not run", with a note, where a number is missing, and where it comes from too small a scale or from stand-ins
    for the data that the claim is about.
    """
    folder = results / claim.notebook
    if claim.needs:
        return Verdict(claim, "not run", f"needs {claim.needs}")
    if not (folder / "metrics.json").is_file():
        return Verdict(claim, "not run", f"{claim.notebook} has not run")
    metrics = json.loads((folder / "metrics.json").read_text())
    left, comparison, right = claim.criterion
    values = {name: _nested(metrics, name) for name in (left, right) if isinstance(name, str)}
    effect = _effect(metrics, left)
    missing = [name for name, value in values.items() if value is None]
    scale = _scale_of(folder)
    if effect:
        shown = _of_effect(effect)
    else:  # only an effect knows that its data is real
        told = "" if claim.data == "real" else claim.data
        shown = {} if missing else {"data": told, "scale": scale} | _of(values)
    scale = shown.get("scale", scale)
    small = scale in NAMES and NAMES.index(scale) < NAMES.index(claim.scale)
    if small or (claim.data == "real" and shown.get("data") != "real"):
        return Verdict(
            claim, "not run", f"needs scale {claim.scale}" if small else "needs the real data", **shown
        )
    if missing:
        lacks = f"{claim.notebook} measured no {' and no '.join(missing)}"
        return Verdict(claim, "not run", "too few images for an interval" if effect else lacks, **shown)
    holds = _COMPARISONS[comparison](values[left], values.get(right, right))
    return Verdict(claim, "held" if holds else "did not hold", **shown)


def _effect(metrics: dict, name: str) -> dict | None:
    """The effect whose value or end of interval a metric is."""
    parent, _, end = name.rpartition(".")
    effect = _nested(metrics, parent) if end in _ENDS else None
    whole = isinstance(effect, dict) and {"value", "unit", "data", "scale"} <= set(effect)
    return effect if whole and effect["value"] is not None else None


def _of(values: dict[str, float]) -> dict:
    """What a verdict shows of plain numbers."""
    words = ", ".join(f"{name} = {value:.4g}" for name, value in values.items())
    return {"values": tuple(values.values()), "measured": words}


def _of_effect(effect: dict) -> dict:
    """What a verdict shows of an effect, which has its own data and scale."""
    shown = {"values": (effect["value"],), "measured": f"{_short(effect['value'])} {effect['unit']}".strip()}
    if effect.get("low") is not None and effect.get("high") is not None:
        shown["ends"] = effect["low"], effect["high"]
        shown["interval"] = f"{_short(effect['low'])} to {_short(effect['high'])}, {effect['over']}"
    return shown | {"data": effect["data"], "scale": effect["scale"]}


def _short(value: float) -> str:
    """Three digits, and every one before the point: "0.523", "366,358"."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def _scale_of(folder: Path) -> str:
    """The scale of a notebook's run, from its provenance, else from the name of the folder of all results."""
    record = folder / "provenance.json"
    if record.is_file():
        return json.loads(record.read_text())["parameters"].get("scale", "")
    return folder.parent.name if folder.parent.name in NAMES else ""


def _nested(metrics: dict, name: str):
    for part in name.split("."):
        metrics = metrics.get(part) if isinstance(metrics, dict) else None
    return metrics


def ledger(results: Path) -> list[Verdict]:
    """The verdict on every claim, in the order of claims.yaml; results: `runs/<scale>`, or the committed `figures`."""
    return [judge(claim, results) for claim in CLAIMS]
