"""The results in README.md, made from the ledger of the committed figures: `python -m renderih_lib.readme`."""

import collections
import sys
from pathlib import Path

from renderih_lib.claims import Verdict, ledger
from renderih_lib.report import numbers
from renderih_lib.repro import project_root, replacing

BEGIN = "<!-- results: made by `python -m renderih_lib.readme` from figures/, not by hand -->"
END = "<!-- end of results -->"
MOST_FAILURES = 8  # that are told one by one


def results_text(verdicts: list[Verdict]) -> str:
    """Markdown: how many claims held, those with a headline, and the first of the others that did not hold."""
    total = collections.Counter(verdict.verdict for verdict in verdicts)
    reasons = collections.Counter(map(_reason, (v for v in verdicts if v.verdict == "not run")))
    told = "; ".join(f"{reason}: {count}" for reason, count in reasons.most_common())
    lines = [
        f"Of {len(verdicts)} claims of the papers {total['held']} held, {total['did not hold']} did not hold and "
        f"{total['not run']} were not run{f' ({told})' if told else ''}."
    ]
    headlines = [_headline(verdict) for verdict in verdicts if verdict.claim.headline]
    lines += ["", *_table(["what", "paper", "here", "measured on", "verdict"], headlines)]
    failed = [v for v in verdicts if v.verdict == "did not hold" and not v.claim.headline]
    if failed:
        lines += ["", "Did not hold, beside those in the table:", "", *map(_failure, failed[:MOST_FAILURES])]
    if more := len(failed[MOST_FAILURES:]):
        lines += [f"- and {more} more in [the report](notebooks/99_report.ipynb)."]
    return "\n".join(lines)


def with_results(text: str, results: str) -> str:
    """The README's text with `results` between its two marks.

    Raises:
        ValueError: if a mark is missing.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError(f"README.md needs the lines {BEGIN!r} and {END!r}, once each")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{results}\n\n{END}{rest.split(END)[1]}"


def write_results(root: Path) -> None:
    """Bring the README of the project at `root` up to date with its figures."""
    path = root / "README.md"
    text = with_results(path.read_text(), results_text(ledger(root / "figures")))
    with replacing(path) as temporary:
        temporary.write_text(text)


def _reason(verdict: Verdict) -> str:
    return "this project lacks a network or a training" if verdict.claim.needs else verdict.note


def _headline(verdict: Verdict) -> list[str]:
    here = numbers(verdict.values) + (f" ({verdict.interval})" if verdict.interval else "")
    data = ", ".join(word for word in (verdict.data, verdict.scale) if word not in ("", "none"))
    said = verdict.verdict + (f": {verdict.note}" if verdict.note else "")
    return [verdict.claim.headline, numbers(verdict.claim.paper), here, data, said]


def _failure(verdict: Verdict) -> str:
    measured = verdict.measured + (f" ({verdict.interval})" if verdict.interval else "")
    notebook = verdict.claim.notebook
    return f"- {verdict.claim.text} Measured: `{measured}`, [{notebook}](notebooks/{notebook}.ipynb)."


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def main() -> int:
    try:
        write_results(project_root())
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
