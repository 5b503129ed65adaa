"""The strict runner: parameters, atomic results, failures, provenance."""

import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import pytest

from renderih_lib import runner
from renderih_lib.notebooks import library_files, notebook_from_source, sources

HEAD = """# %% [markdown]
# # A topic
# %% tags=["parameters"]
scale: str = "demo"  # its name
seed: int = 0  # root of all randomness
out_dir: str = "runs"  # where results go
data_root: str = ""  # gated datasets
share: float = 0.5  # of something
# %%
from renderih_lib import repro

run = repro.start("05_topic", scale=scale, seed=seed, out_dir=out_dir, data_root=data_root)
"""


@pytest.fixture
def notebook(tmp_path):
    """A function that writes a notebook with more cells and returns (its path, parameters)."""

    def write(*cells):
        path = tmp_path / "src" / "05_topic.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n# %%\n".join([HEAD, *cells]))
        return path, {"scale": "tiny", "out_dir": str(tmp_path / "runs")}

    return write


def results(tmp_path):
    return tmp_path / "runs" / "tiny" / "05_topic"


def test_a_finished_notebook_leaves_results_and_where_they_came_from(notebook, tmp_path):
    source, parameters = notebook("run.write_metrics({'number': seed + 1})")
    executed = runner.run_notebook(source, parameters | {"seed": 4}, threads=1)
    assert executed == results(tmp_path) / "executed.ipynb"
    cells = nbformat.read(executed, as_version=4)
    assert sources(cells) == sources(notebook_from_source(source))
    assert json.loads((executed.parent / "metrics.json").read_text()) == {"number": 5}
    record = json.loads((executed.parent / "provenance.json").read_text())
    assert record["parameters"] == parameters | {"seed": 4, "data_root": "", "share": 0.5}
    assert {entry["path"] for entry in record["outputs"]} == {"executed.ipynb", "metrics.json"}
    assert record["versions"]["torch"] and record["machine"]["cores"] >= 1 and record["seconds"] > 0
    assert not list(executed.parent.glob(".*.ipynb"))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"sed": 1}, "unknown parameter 'sed'; did you mean 'seed'?"),
        ({"seed": "1"}, "seed is '1'; it must be of type int"),
        ({"seed": True}, "seed is True; it must be of type int"),
        ({"share": "half"}, "share is 'half'; it must be of type float"),
        ({"scale": "huge"}, "scale is 'huge'; choose one of"),
        ({"access_token": "x"}, "looks like a secret"),
        ({"out_dir": "a{b}"}, "braces"),
    ],
)
def test_a_wrong_parameter_stops_before_anything_runs(notebook, tmp_path, monkeypatch, parameters, message):
    monkeypatch.chdir(tmp_path)
    source, right = notebook()
    with pytest.raises(ValueError) as error:
        runner.run_notebook(source, right | parameters)
    assert message in str(error.value)
    assert not results(tmp_path).exists()


def test_whole_numbers_serve_as_floats(notebook):
    source, _ = notebook()
    declared = runner.declared_parameters(notebook_from_source(source))
    assert runner.checked_parameters({"share": 1, "seed": 0}, declared) == {"share": 1}


def test_a_notebook_without_a_parameters_cell_is_refused(tmp_path):
    (tmp_path / "a.py").write_text("# %%\nx = 1\n")
    with pytest.raises(ValueError, match="0 cells tagged 'parameters'"):
        runner.run_notebook(tmp_path / "a.py", {})


def test_a_failed_cell_is_named_and_the_part_that_ran_is_kept(notebook, tmp_path, capsys):
    source, parameters = notebook(
        "# a comment\nrun.input('02_pose_augmentation', 'pairs.npz')", "print('never')"
    )
    (results(tmp_path)).mkdir(parents=True)
    (results(tmp_path) / "executed.ipynb").write_text("of an earlier run")
    options = [str(source), "--scale", "tiny", "--out-dir", parameters["out_dir"], "--threads", "1"]
    assert runner.main(options) == 1
    errors = capsys.readouterr().err.strip().splitlines()
    assert (
        "05_topic: cell 5 (run.input('02_pose_augmentation', 'pairs.npz')) failed: FileNotFoundError"
        in errors[-1]
    )
    assert "run notebook 02_pose_augmentation first" in errors[-1]
    assert (results(tmp_path) / "failed.ipynb").exists()
    assert not (results(tmp_path) / "executed.ipynb").exists()


def test_a_cell_that_takes_too_long_is_stopped(notebook, tmp_path):
    source, parameters = notebook("import time; time.sleep(60)", "print('never')")
    with pytest.raises(runner.NotebookError, match=r"cell 5 \(import time.*took longer than 1 s"):
        runner.run_notebook(source, parameters, timeout=1, threads=1)
    assert not (results(tmp_path) / "executed.ipynb").exists()


def test_a_killed_run_leaves_nothing_that_looks_finished(notebook, tmp_path):
    source, parameters = notebook("run.output('started').touch()", "import time; time.sleep(60)")
    command = [
        sys.executable,
        "-m",
        "renderih_lib.runner",
        source,
        "--scale",
        "tiny",
        "--out-dir",
        parameters["out_dir"],
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (results(tmp_path) / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    left = {path.name for path in results(tmp_path).iterdir()}
    assert "started" in left
    assert not left & {"executed.ipynb", "provenance.json"}


def test_equal_sources_give_equal_notebooks(notebook):
    source, _ = notebook("x = 1", "x = 1")
    first, second = (nbformat.writes(notebook_from_source(source)) for _ in range(2))
    assert first == second
    ids = [cell.id for cell in notebook_from_source(source).cells]
    assert len(set(ids)) == len(ids)


def test_library_files_follow_imports_through_modules_and_functions(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(
        "%matplotlib inline\ndef f():\n    from renderih_lib.hand import pair\nimport renderih_lib.metrics\n"
    )
    names = {file.name for file in library_files(path)}
    assert {"pair.py", "model.py", "skeleton.py", "keypoints.py", "__init__.py"} <= names
    assert "runner.py" not in names
