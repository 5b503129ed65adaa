"""The whole graph at tiny, through the same Snakefile and driver as `make reproduce`."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from renderih_lib.claims import ledger
from renderih_lib.scales import scale_by_name
from renderih_lib.train.experiments import planned

ROOT = Path(__file__).parents[1]
NOTEBOOKS = [path.stem for path in sorted((ROOT / "notebooks" / "src").glob("*.py"))]
LONGEST_SECONDS = (
    15 * 60
)  # on a machine that may be busy; on two idle cores it should take less than eight minutes


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(results folder, command, what it printed) of a complete tiny run."""
    out = tmp_path_factory.mktemp("runs")
    command = [sys.executable, "-m", "renderih_lib.reproduce", "--scale", "tiny", "--out-dir", str(out)]
    begin = time.monotonic()
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout[-4000:] + answer.stderr[-4000:]
    assert time.monotonic() - begin < LONGEST_SECONDS
    return out / "tiny", command, answer.stdout


@pytest.mark.slow
def test_every_notebook_has_run_and_the_report_is_named(finished):
    results, _, printed = finished
    for name in NOTEBOOKS:
        record = json.loads((results / name / "provenance.json").read_text())
        assert record["parameters"]["scale"] == "tiny"
        assert (results / name / "executed.ipynb").exists()
        assert json.loads((results / name / "metrics.json").read_text())
    assert printed.strip().endswith("99_report/report.html")
    assert (results / "99_report" / "report.html").stat().st_size > 10_000


@pytest.mark.slow
def test_notebooks_name_the_inputs_that_they_read(finished):
    results, _, _ = finished
    wanted = {
        "07_pose_optimization": "poses",
        "13_metrics": "12_training",
        "15_mixing_real_and_synthetic": "experiments",
        "18_generalization": "experiments",
    }
    for notebook, needed in wanted.items():
        record = json.loads((results / notebook / "provenance.json").read_text())
        assert any(entry["path"].startswith(needed) for entry in record["inputs"]), notebook


@pytest.mark.slow
def test_every_experiment_of_the_scale_has_run(finished):
    results, _, _ = finished
    folders = {f"{run.name}-0" for run in planned(scale_by_name("tiny"))}
    assert {path.parent.name for path in results.glob("experiments/*/metrics.json")} == folders


@pytest.mark.slow
def test_notebooks_write_nowhere_else(finished):
    results, _, _ = finished
    known = {
        *NOTEBOOKS,
        "poses",
        "skins",
        "environments",
        "datasets",
        "experiments",
        "reproduce.log",
        "stages.json",
        ".reproduce",
    }
    assert {path.name for path in results.iterdir()} == known


@pytest.mark.slow
def test_every_claim_finds_its_number(finished):
    """But those that need real data, runs that scale tiny leaves out, or what its few poses and images do not have."""
    results, _, _ = finished
    absent = {"figure_9_hull", "synthetic_size", "diminishing", "one_percent", "ten_percent"}
    absent |= {"occlusion_least", "occlusion_most", "occlusion_trend", "tzionas_cdev", "pretrained_cdev"}
    real = {"real_variation", "test_images"}
    missing = {v.claim.id for v in ledger(results) if not v.values and not v.claim.needs}
    assert missing <= absent | real


@pytest.mark.slow
def test_every_picture_has_alt_text_and_a_caption(finished):
    from renderih_lib.report import pictures

    results, _, _ = finished
    for name in NOTEBOOKS:
        for picture in pictures(results / name / "executed.ipynb"):
            assert picture.alt.strip() and picture.caption.strip(), name


@pytest.mark.slow
def test_a_second_call_does_nothing(finished):
    _, command, _ = finished
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0 and answer.stdout.startswith("nothing to do")
