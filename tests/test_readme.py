"""The README's results are those of the committed figures."""

from pathlib import Path

import pytest

from renderih_lib.claims import Claim, Verdict, ledger
from renderih_lib.readme import BEGIN, END, results_text, with_results, write_results

ROOT = Path(__file__).parents[1]


def a_verdict(verdict, headline="", **measured):
    claim = Claim(
        "x",
        "1 Topic",
        "A text.",
        "section 1",
        "01_topic",
        ("a", "<", 1),
        "none",
        paper=0.5,
        headline=headline,
    )
    return Verdict(claim, verdict, **measured)


def test_the_readme_shows_the_committed_figures():
    text = (ROOT / "README.md").read_text()
    results = results_text(ledger(ROOT / "figures"))
    assert with_results(text, results) == text, "run `python -m renderih_lib.readme`"


def test_headlines_have_number_interval_and_verdict():
    seen = {"values": (0.52345,), "interval": "0.1 to 0.9, 3 seeds", "data": "stand-in", "scale": "demo"}
    text = results_text(
        [a_verdict("not run", "gain (mm)", note="needs scale gpu", **seen), a_verdict("held")]
    )
    assert "Of 2 claims of the papers: 1 held, 0 did not hold, 1 not run." in text
    assert "| 1 Topic | 1 | 0 | 1 |" in text
    row = "| gain (mm) | 0.5 | 0.523 (0.1 to 0.9, 3 seeds) | stand-in | demo | not run: needs scale gpu |"
    assert row in text and text.count("gain (mm)") == 1
    assert "What did not hold" not in text


def test_what_did_not_hold_is_listed():
    text = results_text([a_verdict("did not hold", measured="a = 2")])
    assert "- A text. Measured: `a = 2`, [01_topic](notebooks/01_topic.ipynb)." in text


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
    assert "0 held, 0 did not hold" in text
    write_results(tmp_path)
    assert (tmp_path / "README.md").read_text() == text
