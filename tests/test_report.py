"""The report page and the publishing of executed notebooks."""

import json
import re

import nbformat
import pytest

from renderih_lib import publish, report
from renderih_lib.claims import Claim, Verdict
from renderih_lib.notebooks import notebook_from_source, sources

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SOURCE = '# %% tags=["parameters"]\nscale: str = "demo"  # name\n# %%\nprint(scale)\n'


def a_verdict(verdict="held", section="1 Topic", paper=(), metric="a", **measured):
    claim = Claim("x", section, "a < b", "section 1", "01_topic", (metric, "<", "b"), "none", paper=paper)
    return Verdict(claim, verdict, **measured)


@pytest.fixture
def project(tmp_path):
    """A project with one executed notebook that shows a picture."""
    source = tmp_path / "notebooks" / "src" / "01_topic.py"
    source.parent.mkdir(parents=True)
    source.write_text(SOURCE)
    folder = tmp_path / "runs" / "tiny" / "01_topic"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "dot.png").touch()
    (folder / "metrics.json").write_text(
        json.dumps({"error": {"mm": 1.23456}, "curve": list(range(9)), "who": "<me>"})
    )
    record = {"notebook": "01_topic", "parameters": {"seed": 0}, "seconds": 2.0, "peak_memory_mb": 100}
    record |= {
        "machine": {"gpus": [], "cpu": "a cpu"},
        "commit": "0123456789",
        "dirty": True,
        "source_sha256": "abcdef0123",
    }
    (folder / "provenance.json").write_text(json.dumps(record))
    notebook = notebook_from_source(source)
    injected = nbformat.v4.new_code_cell("scale = 'tiny'", metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(1, injected)
    data = {"image/png": PIXEL, "text/plain": "A dot."}
    metadata = {"image/png": {"alt": "A <dot>."}}
    picture = nbformat.v4.new_output("display_data", data, metadata=metadata)
    caption = nbformat.v4.new_output("display_data", {"text/plain": "One dot, & nothing else."})
    notebook.cells[2].outputs = [picture, caption]
    notebook.cells[2].metadata.papermill = {"duration": 1.0}
    nbformat.write(notebook, folder / "executed.ipynb")
    return tmp_path


def test_pictures_come_with_alt_text_and_caption(project):
    (picture,) = report.pictures(project / "runs/tiny/01_topic/executed.ipynb")
    assert (picture.mime, picture.data, picture.alt) == ("image/png", PIXEL, "A <dot>.")
    assert picture.caption == "One dot, & nothing else."


def test_the_page_is_self_contained_and_escapes_what_it_shows(project):
    page = report.report_html(project / "runs/tiny", [a_verdict(measured="a = 1, b = 2")], "Smoke numbers.")
    assert 'alt="A &lt;dot&gt;."' in page and "One dot, &amp; nothing else." in page and "a &lt; b" in page
    assert "<me>" not in page and "Smoke numbers." in page and "1.235" in page
    assert not re.search(r'(src|href)="http', page)


def test_the_page_groups_claims_by_section(project):
    verdicts = [a_verdict(section="3.1 Poses"), a_verdict("not run", "5.2 Mixing", note="needs scale gpu")]
    page = report.report_html(project / "runs/tiny", verdicts, "A note.")
    assert re.findall("<h3>(.*?)</h3>", page) == ["3.1 Poses", "5.2 Mixing"]
    assert '<td class="not-run">not run (needs scale gpu)</td>' in page


def test_verdicts_are_counted_by_section():
    verdicts = [a_verdict(section="b"), a_verdict("not run", "a"), a_verdict(section="b")]
    table = report.counts(verdicts)
    assert list(table.index) == ["b", "a"] and list(table.columns) == ["held", "did not hold", "not run"]
    assert table.to_numpy().tolist() == [[2, 0, 0], [0, 0, 1]]


def test_gains_are_drawn_with_their_intervals_beside_the_papers():
    seen = {"values": (0.5,), "ends": (0.1, 0.9), "metric": "gains.x.mpjpe_mm.low"}
    assert report.gains_figure([a_verdict(measured="a = 1")]) is None
    figure = report.gains_figure([a_verdict(paper=(0.7,), **seen), a_verdict("not run", **seen)])
    lines = [tuple(line.get_xdata()) for line in figure.axes[0].lines]
    assert lines[:5] == [(0.1, 0.9), (0.5,), (0.7,), (0.1, 0.9), (0.5,)]
    faces = [line.get_markerfacecolor() for line in figure.axes[0].lines]
    assert faces[1] != "white" and faces[4] == "white"
    seen["metric"] = "gains.x.bends_deg.low"
    assert report.gains_figure([a_verdict(**seen)]) is None  # the axis is in mm


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (3, "3"),
        (1_000_000, "1,000,000"),
        (98.0, "98"),
        (1.23456, "1.235"),
        (True, "True"),
        ("a", "a"),
    ],
)
def test_numbers_are_written_for_people(value, text):
    assert report.number(value) == text


def test_metrics_are_told_flat(project):
    table = report.metrics_table(project / "runs/tiny")
    assert list(table.metric) == ["error.mm", "curve", "who"]
    assert list(table.value) == ["1.235", "9 values", "<me>"]


def test_provenance_has_a_row_per_notebook(project):
    (row,) = report.provenance_table(project / "runs/tiny").to_dict("records")
    assert (row["commit"], row["device"], row["source"]) == ("01234567 + changes", "a cpu", "abcdef01")


def test_published_notebooks_hold_what_the_author_wrote_and_no_machines_notes(project):
    assert publish.publish(project / "runs/tiny", project) == ["01_topic"]
    notebook = nbformat.read(project / "notebooks" / "01_topic.ipynb", as_version=4)
    assert sources(notebook) == [(cell.cell_type, cell.source) for cell in notebook.cells]
    assert "papermill" not in json.dumps(notebook)
    assert {path.name for path in (project / "figures/01_topic").iterdir()} == {
        "dot.png",
        "metrics.json",
        "provenance.json",
    }


def test_a_notebook_whose_source_changed_since_its_run_is_not_published(project):
    source = project / "notebooks" / "src" / "01_topic.py"
    source.write_text(SOURCE + "# %%\n1\n")
    with pytest.raises(ValueError, match="01_topic has another source than its run"):
        publish.publish(project / "runs/tiny", project)
    assert not (project / "notebooks" / "01_topic.ipynb").exists()


def test_a_big_notebook_is_not_published(project, monkeypatch):
    monkeypatch.setattr(publish, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match="notebooks stay below"):
        publish.publish(project / "runs/tiny", project)


def test_nothing_executed_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no executed notebook"):
        publish.publish(tmp_path, tmp_path)


def a_training_run(results, name, **told):
    folder = results / "experiments" / name
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"scale": results.name, "device": "a GPU"} | told))
    for kind, size in (("errors-a", 10), ("predictions-a", 20), ("predictions-b", 21)):
        (folder / f"{kind}.npz").write_bytes(size * b"x")
    (folder / "model.safetensors").touch()
    return folder


def test_of_training_runs_the_numbers_are_published_with_their_origin(tmp_path, monkeypatch):
    """Weights, large files and unfinished runs stay; a second call replaces the first."""
    monkeypatch.setattr(publish, "MOST_ARRAY_BYTES", 20)
    results = tmp_path / "runs" / "gpu"
    folder = a_training_run(results, "real-0", commit="0123", torch="2.13")
    (a_training_run(results, "real-1") / "metrics.json").unlink()
    (told,) = publish.publish_experiments(results, tmp_path)
    target = tmp_path / "figures/experiments/gpu"
    assert {path.name for path in (target / "real-0").iterdir()} == set(told["files"])
    assert set(told["files"]) == {"metrics.json", "errors-a.npz", "predictions-a.npz"}
    assert told["left_out"] == ["predictions-b.npz"] and not (target / "real-1").exists()
    assert (told["device"], told["commit"], told["torch"]) == ("a GPU", "0123", "2.13")
    assert json.loads((target / "runs.json").read_text()) == [told]
    folder.rename(folder.with_name("mixed-0"))
    publish.publish_experiments(results, tmp_path)
    assert {path.name for path in target.iterdir()} == {"mixed-0", "runs.json"}


def test_labels_of_gated_test_sets_are_not_published(tmp_path):
    results = tmp_path / "runs" / "gpu"
    a_training_run(results, "real-0", tests={"a": {"real": True}, "b": {"real": False}})
    (told,) = publish.publish_experiments(results, tmp_path)
    assert told["left_out"] == ["predictions-a.npz"] and "errors-a.npz" in told["files"]
    assert not (tmp_path / "figures/experiments/gpu/real-0/predictions-a.npz").exists()


def test_training_runs_of_another_scale_replace_nothing(tmp_path):
    results = tmp_path / "runs" / "gpu"
    with pytest.raises(ValueError, match="no finished experiment: run `make experiments SCALE=gpu`"):
        publish.publish_experiments(results, tmp_path)
    a_training_run(results, "real-0")
    publish.publish_experiments(results, tmp_path)
    a_training_run(results, "real-1", scale="demo")
    with pytest.raises(ValueError, match="real-1 is of scale demo, in a folder of gpu"):
        publish.publish_experiments(results, tmp_path)
    assert (tmp_path / "figures/experiments/gpu/real-0/errors-a.npz").is_file()


def test_durations_are_those_of_the_run(project, monkeypatch, tmp_path):
    durations = tmp_path / "durations.yaml"
    durations.write_text("# Measured.\ndemo:\n  a: 1.0\n")
    monkeypatch.setattr(publish, "DURATIONS", durations)
    (project / "runs/tiny/stages.json").write_text(
        json.dumps({"01_topic": 2.5, "shard train 00000": 4.0, "shard train 00001": 5.0})
    )
    publish.record_durations(project / "runs/tiny")
    assert (
        durations.read_text() == "# Measured.\ndemo:\n  a: 1.0\ntiny:\n  01_topic: 2.5\n  shard train: 4.5\n"
    )
