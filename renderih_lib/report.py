"""One self-contained HTML page of a run: the claims, what every notebook measured, and its pictures."""

import itertools
import json
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd

from renderih_lib.claims import Verdict

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
    """The claims ledger as a table, one row per claim."""
    rows = [
        {
            "claim": verdict.claim.text,
            "where": verdict.claim.source,
            "criterion": " ".join(str(part) for part in verdict.claim.criterion),
            "measured": verdict.measured,
            "data": verdict.claim.data,
            "verdict": verdict.verdict,
            "notebook": verdict.claim.notebook,
        }
        for verdict in verdicts
    ]
    return pd.DataFrame(rows)


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
        return [(prefix, ", ".join(_number(item) for item in value) if short else f"{len(value)} values")]
    return [(prefix, _number(value))]


def report_html(results: Path, verdicts: list[Verdict], note: str) -> str:
    """The page; note: what the numbers of this scale are good for."""
    title = f"RenderIH companion, scale {results.name}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="note">{escape(note)}</p>',
        "<h2>Claims</h2>",
        _ledger(verdicts),
    ]
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
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("Claim", "Where", "Measured", "Data", "Verdict")
    )
    rows = []
    for verdict in verdicts:
        claim = verdict.claim
        cells = "".join(
            f"<td>{escape(text)}</td>" for text in (claim.text, claim.source, verdict.measured, claim.data)
        )
        rows.append(f'<tr>{cells}<td class="{_CLASS[verdict.verdict]}">{verdict.verdict}</td></tr>')
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _figure(picture: Picture) -> str:
    image = f'<img src="data:{picture.mime};base64,{picture.data}" alt="{escape(picture.alt)}">'
    return f"<figure>{image}<figcaption>{escape(picture.caption)}</figcaption></figure>"


def _number(value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
