"""The README's results are those of the committed figures."""

import re
from pathlib import Path

import pytest

from renderih_lib.claims import Claim, Verdict, ledger
from renderih_lib.readme import BEGIN, END, MOST_FAILURES, results_text, with_results, write_results
from renderih_lib.reproduce import expected_seconds
from renderih_lib.scales import DATASETS, NAMES, scale_by_name
from renderih_lib.train.experiments import planned

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def a_verdict(verdict, headline="", **measured):
    claim = Claim(
        "x",
        "1 Topic",
        "A text.",
        "section 1",
        "01_topic",
        ("a", "<", 1),
        "none",
        paper=(0.5,),
        headline=headline,
    )
    return Verdict(claim, verdict, **measured)


def test_the_readme_shows_the_committed_figures():
    results = results_text(ledger(ROOT / "figures"))
    assert with_results(README, results) == README, "run `python -m renderih_lib.readme`"


def test_headlines_have_number_interval_and_verdict():
    seen = {"values": (0.52345,), "interval": "0.1 to 0.9, 3 seeds", "data": "stand-in", "scale": "demo"}
    text = results_text(
        [a_verdict("not run", "gain (mm)", note="needs scale gpu", **seen), a_verdict("held")]
    )
    assert "2 claims of the papers 1 held, 0 did not hold and 1 were not run (needs scale gpu: 1)." in text
    row = "| gain (mm) | 0.5 | 0.5234 (0.1 to 0.9, 3 seeds) | stand-in, demo | not run: needs scale gpu |"
    assert row in text and text.count("gain (mm)") == 1
    assert "Did not hold" not in text


def test_numbers_that_are_compared_stand_together():
    text = results_text([a_verdict("held", "with and without", values=(1.0, 22.345))])
    assert "| with and without | 0.5 | 1 and 22.34 |" in text


def test_what_did_not_hold_is_listed_once():
    failed = a_verdict("did not hold", measured="a = 2")
    text = results_text([failed, a_verdict("did not hold", "gain (mm)", values=(2,))])
    assert text.count("- A text. Measured: `a = 2`, [01_topic](notebooks/01_topic.ipynb).") == 1
    text = results_text((MOST_FAILURES + 3) * [failed])
    assert text.count("- A text.") == MOST_FAILURES and "- and 3 more in [the report]" in text


def test_results_replace_what_was_between_the_marks_and_nothing_else():
    text = with_results(f"# Title\n\n{BEGIN}\nold\n{END}\n\nEnd.\n", "new")
    assert text == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nEnd.\n"
    assert with_results(text, "new") == text


@pytest.mark.parametrize("text", ["", BEGIN, END, f"{BEGIN}{BEGIN}{END}"])
def test_a_readme_without_its_marks_is_refused(text):
    with pytest.raises(ValueError, match="once each"):
        with_results(text, "new")


def test_the_readme_is_written_from_the_figures_of_its_project(tmp_path):
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}\n")
    write_results(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "0 held, 0 did not hold and" in text
    write_results(tmp_path)
    assert (tmp_path / "README.md").read_text() == text


def row(name):
    """Numbers of the README's row of a scale."""
    line = next(line for line in README.splitlines() if line.startswith(f"| `{name}` |"))
    return [int(number.replace(",", "")) for number in re.findall(r"\| ([\d,]+) (?=\|)", line)]


@pytest.mark.parametrize("name", NAMES)
def test_scales_have_the_sizes_that_the_readme_says(name):
    sizes = scale_by_name(name)
    images = sum(map(sizes.images, DATASETS))
    assert row(name) == [sizes.pairs, images, len(planned(sizes)) * sizes.experiment_seeds]


def test_the_readme_names_every_notebook():
    for path in (ROOT / "notebooks" / "src").glob("*.py"):
        assert f"](notebooks/{path.stem}.ipynb)" in README


@pytest.mark.parametrize("name", NAMES)
def test_times_are_those_that_were_measured(name):
    """`make notebooks` keeps the seconds of a whole run in durations.yaml."""
    line = next(line for line in README.splitlines() if line.startswith(f"| `{name}` |"))
    said = re.search(r"([\d.]+) (minutes|hours) on 2 cores", line)
    measured = expected_seconds(scale_by_name(name)).get("total")
    assert said or "not measured yet" in line
    if said and measured:
        assert float(said[1]) * {"minutes": 60, "hours": 3600}[said[2]] == pytest.approx(measured, rel=0.3)
