"""The results in README.md, made from the ledger of the committed figures: `python -m renderih_lib.readme`."""

import sys
from pathlib import Path

from renderih_lib.claims import Verdict, ledger
from renderih_lib.report import counts, number
from renderih_lib.repro import project_root, replacing

BEGIN = "<!-- results: made by `python -m renderih_lib.readme` from figures/, not by hand -->"
END = "<!-- end of results -->"


def results_text(verdicts: list[Verdict]) -> str:
    """Markdown: how many claims of each section held, the claims with a headline, and those that did not hold."""
    table = counts(verdicts)
    names = list(table.columns)
    total = table.sum()
    told = ", ".join(f"{total[name]} {name}" for name in names)
    rows = [[section, *map(str, row)] for section, *row in table.itertuples()]
    lines = [f"Of {len(verdicts)} claims of the papers: {told}.", "", *_table(["section", *names], rows), ""]
    headlines = [_headline(verdict) for verdict in verdicts if verdict.claim.headline]
    lines += _table(["what", "paper", "here", "data", "scale", "verdict"], headlines)
    failed = [verdict for verdict in verdicts if verdict.verdict == "did not hold"]
    if failed:
        lines += ["", "What did not hold:", "", *map(_failure, failed)]
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


def _headline(verdict: Verdict) -> list[str]:
    here = " and ".join(number(float(f"{value:.3g}")) for value in verdict.values)
    if verdict.interval:
        here += f" ({verdict.interval})"
    said = verdict.verdict + (f": {verdict.note}" if verdict.note else "")
    return [verdict.claim.headline, number(verdict.claim.paper), here, verdict.data, verdict.scale, said]


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
