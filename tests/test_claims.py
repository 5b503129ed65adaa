"""Published numbers and the claims ledger."""

import json
import re
from pathlib import Path

import pytest
import yaml

from renderih_lib.claims import (
    CLAIMS,
    Claim,
    judge,
    ledger,
    parsed_criterion,
    published,
    published_tables,
    read_claims,
)

ROOT = Path(__file__).parents[1]


def a_claim(criterion):
    return Claim("x", "A text.", "section 1", "01_topic", criterion, "none")


@pytest.fixture
def results(tmp_path):
    (tmp_path / "01_topic").mkdir()
    metrics = {"small": 1, "big": 2.5, "absent": None, "deep": {"number": 3}}
    (tmp_path / "01_topic" / "metrics.json").write_text(json.dumps(metrics))
    return tmp_path


@pytest.mark.parametrize("name", published_tables())
def test_published_tables_are_complete(name):
    table = published_tables()[name]
    assert set(table) == {"source", "unit", "columns", "rows"}
    assert all(len(row) == len(table["columns"]) for row in table["rows"].values())


def test_published_numbers_are_those_of_the_paper():
    assert published("Table 6", "TransHand, RenderIH pretraining", "MPJPE") == 9.64
    assert published("Table 6", "InterShape", "MPJPE") is None
    assert published("Poses", "kept after optimisation (%)") == 93


@pytest.mark.parametrize(
    "cell", [("Table 99", "a"), ("Table 4", "Nobody", "MPJPE"), ("Table 4", "Baseline", "CDev")]
)
def test_a_cell_that_is_not_printed_is_refused(cell):
    with pytest.raises(ValueError):
        published(*cell)


@pytest.mark.parametrize(
    ("criterion", "verdict"),
    [
        (("small", "<", "big"), "held"),
        (("small", ">", "big"), "did not hold"),
        (("small", "=", 1), "held"),
        (("big", ">=", 2.5), "held"),
        (("big", "<=", 2.4), "did not hold"),
        (("deep.number", ">", "big"), "held"),
        (("big.number", ">", 0), "not run"),
        (("absent", "<", 1), "not run"),
        (("small", "<", "unknown"), "not run"),
    ],
)
def test_a_claim_is_judged_by_its_criterion(results, criterion, verdict):
    assert judge(a_claim(criterion), results).verdict == verdict


def test_what_was_measured_is_said(results):
    assert judge(a_claim(("small", "<", "big")), results).measured == "small = 1, big = 2.5"
    assert judge(a_claim(("absent", "<", "big")), results).measured == "01_topic measured no absent"


def test_without_results_nothing_held(tmp_path):
    assert {verdict.verdict for verdict in ledger(tmp_path)} == {"not run"}


@pytest.mark.parametrize(
    ("text", "criterion"),
    [
        ("a.b < 2.5", ("a.b", "<", 2.5)),
        ("a.valid % >= a.b c", ("a.valid %", ">=", "a.b c")),
        ("n = published Poses / parts of a hand", ("n", "=", 16)),
        ("e < published Table 6 / TransHand / MPJPE", ("e", "<", 10.66)),
    ],
)
def test_a_criterion_is_metric_comparison_and_metric_or_number(text, criterion):
    assert parsed_criterion(text) == criterion


ENTRY = {
    "id": "x",
    "text": "A text.",
    "source": "section 1",
    "notebook": "01_topic",
    "criterion": "a < 1",
    "data": "none",
}


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([ENTRY, ENTRY], "claim x must have an id of its own"),
        ([ENTRY | {"author": "me"}], "claim x must have"),
        ([{name: ENTRY[name] for name in ENTRY if name != "source"}], "claim x must have"),
        ([ENTRY | {"criterion": "a is 1"}], "claim x: criterion 'a is 1' is not"),
        ([ENTRY | {"criterion": "__import__('os')"}], "is not METRIC"),
        ([ENTRY | {"criterion": "a < published Table 6 / InterShape / MPJPE"}], "prints no such number"),
        ([ENTRY | {"criterion": "a < published Poses / feet"}], "is not in published.yaml"),
        ([ENTRY | {"data": "some"}], "data is 'some'"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused_by_name(tmp_path, entries, words):
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump(entries))
    with pytest.raises(ValueError, match=re.escape(words)):
        read_claims(tmp_path / "claims.yaml")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_the_claims_notebook_writes_its_metrics(claim):
    source = (ROOT / "notebooks" / "src" / f"{claim.notebook}.py").read_text()
    for metric in (claim.criterion[0], claim.criterion[2]):
        assert not isinstance(metric, str) or metric.split(".")[-1] in source
