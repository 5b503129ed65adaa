"""One self-contained HTML page of a run: the claims, what every notebook measured, and its pictures."""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from renderih_lib.claims import Claim, Verdict

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0; font-size: .92rem }
th, td { border-bottom: 1px solid #ddd; padding: .3rem .7rem; text-align: left; vertical-align: top }
figure { margin: 1.5rem 0 } img { max-width: 100% } figcaption { color: #555; font-size: .92rem }
.held { color: #1b6e3c } .not-held { color: #a32020 } .not-run { color: #666 } .note { background: #fff4d6; padding: .6rem 1rem }
"""
_CLASS = {"held": "held", "did not hold": "not-held", "not run": "not-run"}


@dataclass(frozen=True)
class Picture:
    """A picture of an executed notebook: MIME type, base64 text, alt text and caption."""

    mime: str
    data: str
    alt: str
    caption: str


def pictures(executed: Path) -> list[Picture]:
    """The pictures that an executed notebook shows, in order."""
    found = []
    for cell in json.loads(executed.read_text())["cells"]:
        outputs = cell.get("outputs", [])
        for output, following in itertools.zip_longest(outputs, outputs[1:], fillvalue={}):
            for mime in ("image/png", "image/jpeg"):
                if data := output.get("data", {}).get(mime):
                    alt = output["metadata"].get(mime, {}).get("alt", "")
                    caption = "".join(following.get("data", {}).get("text/plain", ""))
                    found.append(Picture(mime, "".join(data), alt, caption))
    return found


def provenance_table(results: Path) -> pd.DataFrame:
    """One row per notebook that has run: how long, how much memory, from which commit and on what."""
    rows = []
    for path in sorted(results.glob("[0-9][0-9]_*/provenance.json")):
        record = json.loads(path.read_text())
        commit = (record["commit"] or "none")[:8] + (" + changes" if record["dirty"] else "")
        device = ", ".join(record["machine"]["gpus"]) or record["machine"]["cpu"]
        rows.append(
            {
                "notebook": record["notebook"],
                "seed": record["parameters"]["seed"],
                "seconds": record["seconds"],
                "memory (MB)": record["peak_memory_mb"],
                "device": device,
                "commit": commit,
                "source": record["source_sha256"][:8],
            }
        )
    return pd.DataFrame(rows)


def ledger_table(verdicts: list[Verdict]) -> pd.DataFrame:
    """The claims ledger as a table, one row per claim: what the paper prints, what we measured, and the verdict."""
    rows = [
        {
            "section": verdict.claim.section,
            "claim": verdict.claim.text,
            "where": verdict.claim.source,
            "criterion": " ".join(str(part) for part in verdict.claim.criterion),
            "paper": numbers(verdict.claim.paper),
            "measured": verdict.measured,
            "95 % interval": verdict.interval,
            "data": verdict.data,
            "scale": verdict.scale,
            "verdict": verdict.verdict + (f" ({verdict.note})" if verdict.note else ""),
            "notebook": verdict.claim.notebook,
        }
        for verdict in verdicts
    ]
    return pd.DataFrame(rows)


def counts(verdicts: list[Verdict]) -> pd.DataFrame:
    """How many claims of each section of the paper held, did not hold, and were not run."""
    found = pd.DataFrame([{"section": v.claim.section, "verdict": v.verdict} for v in verdicts])
    table = found.groupby(["section", "verdict"], sort=False).size().unstack(fill_value=0)
    return table.reindex(columns=list(_CLASS), fill_value=0).rename_axis(columns=None)


def gains_figure(verdicts: list[Verdict]):
    """Measured gains in mm with their 95 % intervals beside what the paper prints, one row each; None without gains.

    Hollow where the scale or the data may not judge the claim.
    """
    import matplotlib.pyplot as plt

    named = [(v, v.claim.criterion[0]) for v in verdicts if v.ends]
    shown = [v for v, name in named if name.startswith("gains.") and "_mm." in name]
    if not shown:
        return None
    figure, axis = plt.subplots(figsize=(9, 1 + 0.26 * len(shown)))
    for row, verdict in enumerate(shown):
        axis.plot(verdict.ends, (row, row), color="#222222", lw=1)
        face = "white" if verdict.verdict == "not run" else "#222222"
        axis.plot(verdict.values[0], row, "o", color="#222222", markerfacecolor=face, ms=5)
        for printed in verdict.claim.paper:
            axis.plot(printed, row, "D", color="#7B2D8B", markerfacecolor="none", ms=6)
    axis.axvline(0, color="#999999", lw=0.8)
    axis.set_xscale("symlog", linthresh=1)
    axis.set_xticks([-10, -3, -1, 0, 1, 3, 10, 30], ["-10", "-3", "-1", "0", "1", "3", "10", "30"])
    axis.set_yticks(range(len(shown)), [_row_name(verdict.claim) for verdict in shown])
    axis.tick_params(axis="y", labelsize=7)
    axis.invert_yaxis()
    axis.set_xlabel("gain, positive as the paper claims it (mm, linear up to 1)")
    return figure


def _row_name(claim: Claim) -> str:
    """ "tzionas mpjpe (Table 9)"."""
    place = claim.source.split(";")[0].split(", ")[-1]
    book = "suppl. " if claim.source.startswith("supplement") else ""
    return f"{claim.id.replace('_', ' ')} ({book}{place})"


def metrics_table(results: Path) -> pd.DataFrame:
    """Every number and text that the notebooks wrote: notebook, metric, value."""
    rows = []
    for path in sorted(results.glob("[0-9][0-9]_*/metrics.json")):
        for name, value in flat(json.loads(path.read_text())):
            rows.append({"notebook": path.parent.name, "metric": name, "value": value})
    return pd.DataFrame(rows, columns=["notebook", "metric", "value"])


def flat(value, prefix: str = "") -> list[tuple[str, object]]:
    """(dotted name, number or text) of nested metrics; longer lists are told by their length."""
    if isinstance(value, dict):
        return [
            item for key, inner in value.items() for item in flat(inner, f"{prefix}.{key}" if prefix else key)
        ]
    if isinstance(value, list):
        short = len(value) <= 4 and not any(isinstance(item, (dict, list)) for item in value)
        return [(prefix, ", ".join(number(item) for item in value) if short else f"{len(value)} values")]
    return [(prefix, number(value))]


def report_html(results: Path, verdicts: list[Verdict], note: str) -> str:
    """The page; note: what the numbers of this scale are good for."""
    title = f"RenderIH companion, scale {results.name}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="note">{escape(note)}</p>',
        "<h2>Claims</h2>",
        counts(verdicts).to_html(border=0, index_names=False),
    ]
    for section, own in itertools.groupby(verdicts, key=lambda verdict: verdict.claim.section):
        body += [f"<h3>{escape(section)}</h3>", _ledger(list(own))]
    metrics = metrics_table(results)
    for path in sorted(results.glob("[0-9][0-9]_*/executed.ipynb")):
        name = path.parent.name
        body.append(f"<h2>{escape(name)}</h2>")
        own = metrics[metrics.notebook == name][["metric", "value"]]
        if len(own):
            body.append(own.to_html(index=False, border=0))
        body += [_figure(picture) for picture in pictures(path)]
    body += ["<h2>Where it was made</h2>", provenance_table(results).to_html(index=False, border=0)]
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'


def _ledger(verdicts: list[Verdict]) -> str:
    names = ["claim", "where", "paper", "measured", "95 % interval", "data", "scale", "verdict"]
    table = ledger_table(verdicts)[names]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = []
    for verdict, texts in zip(verdicts, table.to_numpy(), strict=True):
        *cells, last = (escape(text) for text in texts)
        cells = "".join(f"<td>{cell}</td>" for cell in cells)
        rows.append(f'<tr>{cells}<td class="{_CLASS[verdict.verdict]}">{last}</td></tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _figure(picture: Picture) -> str:
    image = f'<img src="data:{picture.mime};base64,{picture.data}" alt="{escape(picture.alt)}">'
    return f"<figure>{image}<figcaption>{escape(picture.caption)}</figcaption></figure>"


def numbers(values: Sequence[float]) -> str:
    """Numbers that are compared: "11.08 and 2.672"."""
    return " and ".join(map(number, values))


def number(value) -> str:
    """A number as people read it: four digits of a fraction, all of a whole number, nothing for None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
    return "" if value is None else str(value)
