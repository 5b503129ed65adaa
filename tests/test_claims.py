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
    read_claims,
)

ROOT = Path(__file__).parents[1]


GAIN = {
    "value": 0.523,
    "low": 0.1,
    "high": 0.9456,
    "unit": "mm",
    "over": "3 seeds",
    "data": "real",
    "scale": "gpu",
}


def a_claim(criterion, **fields):
    return Claim("x", "1 Topic", "A text.", "section 1", "01_topic", criterion, **{"data": "none"} | fields)


@pytest.fixture
def results(tmp_path):
    (tmp_path / "01_topic").mkdir()
    metrics = {"small": 1, "big": 2.5, "absent": None, "deep": {"number": 3}, "gain": GAIN}
    (tmp_path / "01_topic" / "metrics.json").write_text(json.dumps(metrics))
    return tmp_path


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
    assert judge(a_claim(("absent", "<", "big")), results).note == "01_topic measured no absent"


@pytest.mark.parametrize(
    ("criterion", "verdict"),
    [
        (("gain.low", ">", 0), "held"),
        (("gain.low", ">", 0.5), "did not hold"),
        (("gain.value", ">", 0.5), "held"),
        (("gain.high", "<", 1), "held"),
    ],
)
def test_an_effect_is_judged_by_its_value_or_an_end_of_its_interval(results, criterion, verdict):
    found = judge(a_claim(criterion), results)
    assert (found.verdict, found.values, found.ends) == (verdict, (0.523,), (0.1, 0.9456))
    assert (found.measured, found.interval) == ("0.523 mm", "0.1 to 0.946, 3 seeds")
    assert (found.data, found.scale) == ("real", "gpu")


def test_a_large_number_is_told_in_full(results):
    metrics = {"gain": GAIN | {"value": 366_358, "unit": "images", "low": None, "high": None}}
    (results / "01_topic" / "metrics.json").write_text(json.dumps(metrics))
    assert judge(a_claim(("gain.value", ">", 1)), results).measured == "366,358 images"


def test_an_effect_without_an_interval_is_shown_and_not_judged(results):
    metrics = {"gain": GAIN | {"low": None, "high": None}}  # infinite: JSON has none
    (results / "01_topic" / "metrics.json").write_text(json.dumps(metrics))
    found = judge(a_claim(("gain.low", ">", 0)), results)
    assert (found.verdict, found.note) == ("not run", "too few images for an interval")
    assert (found.measured, found.interval, found.ends) == ("0.523 mm", "", ())


def write_scale(results, name):
    (results / "01_topic" / "provenance.json").write_text(json.dumps({"parameters": {"scale": name}}))


@pytest.mark.parametrize(("scale", "verdict"), [("demo", "not run"), ("gpu", "held"), ("paper", "held")])
def test_too_small_a_scale_shows_its_number_and_judges_nothing(results, scale, verdict):
    write_scale(results, scale)
    found = judge(a_claim(("small", "<", "big"), scale="gpu"), results)
    assert (found.verdict, found.measured, found.scale) == (verdict, "small = 1, big = 2.5", scale)
    assert found.note == ("needs scale gpu" if verdict == "not run" else "")


def test_an_effect_knows_its_own_scale(results):
    """A notebook may show what was trained at a larger scale than its own."""
    write_scale(results, "demo")
    assert judge(a_claim(("gain.low", ">", 0), scale="gpu"), results).verdict == "held"
    assert judge(a_claim(("gain.low", ">", 0), scale="paper"), results).note == "needs scale paper"


def test_a_number_that_a_small_scale_leaves_out_needs_the_larger_one(results):
    """Points of a curve are left out on purpose there; at the claim's own scale a missing number is a fault."""
    write_scale(results, "demo")
    found = judge(a_claim(("absent", "<", 1), scale="gpu", data="stand-in"), results)
    assert (found.verdict, found.note) == ("not run", "needs scale gpu")
    assert (found.measured, found.data, found.scale) == ("", "", "")
    write_scale(results, "gpu")
    found = judge(a_claim(("absent", "<", 1), scale="gpu", data="stand-in"), results)
    assert (found.verdict, found.note) == ("not run", "01_topic measured no absent")


def test_without_provenance_the_folders_name_is_the_scale(results):
    demo = results.rename(results.parent / "demo")
    assert judge(a_claim(("small", "<", "big"), scale="gpu"), demo).note == "needs scale gpu"


def test_a_claim_about_real_data_is_not_judged_on_stand_ins(results):
    assert judge(a_claim(("gain.low", ">", 0), data="real"), results).verdict == "held"
    metrics = {"gain": GAIN | {"data": "stand-in"}}
    (results / "01_topic" / "metrics.json").write_text(json.dumps(metrics))
    found = judge(a_claim(("gain.low", ">", 0), data="real"), results)
    assert (found.verdict, found.note, found.measured) == ("not run", "needs the real data", "0.523 mm")
    assert judge(a_claim(("absent", ">", 0), data="real"), results).note == "needs the real data"


@pytest.mark.parametrize("metric", ["small", "deep.value"])
def test_a_number_that_does_not_say_its_data_never_judges_a_claim_about_real_data(results, metric):
    metrics = {"small": 1, "deep": {"value": 1}}
    (results / "01_topic" / "metrics.json").write_text(json.dumps(metrics))
    found = judge(a_claim((metric, ">", 0), data="real"), results)
    assert (found.verdict, found.note, found.data) == ("not run", "needs the real data", "")


def test_what_the_project_lacks_is_said(results):
    found = judge(a_claim(("gain.low", ">", 0), needs="a network"), results)
    assert (found.verdict, found.note, found.measured) == ("not run", "needs a network", "")


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


@pytest.mark.parametrize(
    ("fields", "paper"),
    [
        ({}, ()),
        ({"criterion": "n = published Poses / parts of a hand"}, (16,)),
        ({"paper": "Table 9 / InterHand2.6M / MRRPE"}, (11.1,)),
        ({"paper": "Table 4 / Baseline / MPJPE - Table 4 / Baseline + CE / MPJPE"}, (0.52,)),
        ({"paper": ["Table 3 / with D", "Table 3 / without D"]}, (81.25, 54.68)),
    ],
)
def test_a_claim_knows_what_the_paper_prints(tmp_path, fields, paper):
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump({"1 Topic": [ENTRY | fields]}))
    (claim,) = read_claims(tmp_path / "claims.yaml")
    assert (claim.paper, claim.section) == (paper, "1 Topic")


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
        ([ENTRY, ENTRY], "claim x: the id is there twice"),
        ([ENTRY | {"author": "me"}], "claim x: has no field author"),
        ([{name: ENTRY[name] for name in ENTRY if name != "source"}], "claim x: lacks source"),
        ([ENTRY | {"criterion": "a is 1"}], "claim x: criterion 'a is 1' is not"),
        ([ENTRY | {"criterion": "__import__('os')"}], "is not METRIC"),
        ([ENTRY | {"criterion": "a < published Table 6 / InterShape / MPJPE"}], "prints no such number"),
        ([ENTRY | {"criterion": "a < published Poses / feet"}], "is not in published.yaml"),
        ([ENTRY | {"paper": "Table 6 / InterShape / MPJPE"}], "prints no such number"),
        ([ENTRY | {"paper": "Table 1 in words / NYU / type"}], "prints no such number"),
        ([ENTRY | {"data": "some"}], "data is 'some'"),
        ([ENTRY | {"data": "real"}], "claim x: real data needs an effect"),
        ([ENTRY | {"scale": "huge"}], "scale is 'huge'"),
    ],
)
def test_a_claim_that_cannot_be_judged_is_refused_by_name(tmp_path, entries, words):
    (tmp_path / "claims.yaml").write_text(yaml.safe_dump({"1 Topic": entries}))
    with pytest.raises(ValueError, match=re.escape(words)):
        read_claims(tmp_path / "claims.yaml")


def test_learning_is_judged_on_a_gpu_only():
    """What a training trick is worth cannot be seen in one short training of a small network."""
    gains = [claim for claim in CLAIMS if claim.criterion[0].startswith(("gains.", "ratios."))]
    assert len(gains) > 30 and {claim.scale for claim in gains} == {"gpu"}


def test_what_is_compared_and_what_the_paper_prints_are_as_many_numbers():
    for claim in CLAIMS:
        compared = sum(isinstance(side, str) for side in (claim.criterion[0], claim.criterion[2]))
        assert len(claim.paper) in (0, compared), claim.id


def test_the_readmes_table_is_short():
    assert 10 <= sum(bool(claim.headline) for claim in CLAIMS) <= 16


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if not claim.needs], ids=lambda claim: claim.id)
def test_the_claims_notebook_writes_its_metrics(claim):
    """The last part of a metric's name stands in the notebook, of an effect (gains.NAME.metric.low, NAME.value) its name."""
    source = (ROOT / "notebooks" / "src" / f"{claim.notebook}.py").read_text()
    for metric in (claim.criterion[0], claim.criterion[2]):
        if isinstance(metric, str):
            parts = metric.split(".")
            effect = parts[:-1][:2] if parts[-1] in ("value", "low", "high") else parts
            assert effect[-1] in source
