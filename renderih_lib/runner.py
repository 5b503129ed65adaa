"""Run one notebook in batch, strictly: `python -m renderih_lib.runner notebooks/src/07_x.py --scale tiny`.

A wrong parameter stops it before it starts, and executed.ipynb appears only when every cell has finished.
"""

import argparse
import ast
import difflib
import fcntl
import os
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from renderih_lib import provenance, repro
from renderih_lib.notebooks import INJECTED, notebook_from_source

_TYPES = {"str": str, "int": int, "float": (int, float), "bool": bool}
_SECRET = ("token", "password", "secret", "key")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class NotebookError(RuntimeError):
    """A notebook did not finish; the message names the cell, its first line and the error."""


def run_notebook(
    source: Path, parameters: dict, *, timeout: float | None = None, threads: int | None = None
) -> Path:
    """Execute `source` (py:percent) and return the path of its executed.ipynb.

    parameters: values for names of the parameters cell; what equals the default is not injected.
    timeout: seconds that one cell may take, default the scale's. threads: for numerical libraries, default all cores.
    Raises ValueError for an unknown parameter or a value of the wrong type, before anything runs, and
    NotebookError for a cell that fails; the part that ran is then kept as failed.ipynb.
    """
    source = Path(source).resolve()
    if not source.is_file():
        raise ValueError(f"{source.name} is no notebook source: there is no such file")
    notebook = notebook_from_source(source)
    declared = declared_parameters(notebook)
    changed = checked_parameters(parameters, declared)
    values = {name: declared[name]["value"] for name in declared} | changed
    run = repro.start(source.stem, **{k: values[k] for k in ("scale", "seed", "out_dir", "data_root")})
    if set("{}") & set(str(run.folder)):  # papermill formats its paths
        raise ValueError(f"out_dir {values['out_dir']!r} has braces in it; choose another folder")
    with _only_one_in(run.folder):
        return _execute(notebook, run, source, values, changed, timeout, threads)


def declared_parameters(notebook) -> dict[str, dict]:
    """Name -> {type, value} of the notebook's parameters cell; ValueError when there is not exactly one."""
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise ValueError(f"the notebook has {len(cells)} cells tagged 'parameters'; it must have one")
    from papermill.inspection import inspect_notebook

    return {
        name: {"type": declared["inferred_type_name"], "value": ast.literal_eval(declared["default"])}
        for name, declared in inspect_notebook(notebook).items()
    }


def checked_parameters(parameters: dict, declared: dict[str, dict]) -> dict:
    """The `parameters` that differ from their defaults; ValueError names what is unknown or has the wrong type."""
    for name, value in parameters.items():
        if any(word in name.lower() for word in _SECRET):
            raise ValueError(
                f"parameter {name!r} looks like a secret, and parameters are stored; use the environment"
            )
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=1, cutoff=0)
            raise ValueError(
                f"unknown parameter {name!r}; did you mean {close[0]!r}?" if close else f"{name!r} unknown"
            )
        wanted = _TYPES.get(declared[name]["type"])
        if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool)):
            raise ValueError(f"parameter {name} is {value!r}; it must be of type {declared[name]['type']}")
    return {name: value for name, value in parameters.items() if value != declared[name]["value"]}


def _execute(notebook, run, source, values, changed, timeout, threads) -> Path:
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    partial, inputs_log = run.folder / ".executed.partial.ipynb", run.folder / ".inputs.log"
    for leftover in (
        "executed.ipynb",
        "failed.ipynb",
        "provenance.json",
        "metrics.json",
        partial.name,
        inputs_log.name,
    ):
        (run.folder / leftover).unlink(missing_ok=True)
    shutil.rmtree(run.folder / "figures", ignore_errors=True)
    _prepare_environment(inputs_log, threads or len(os.sched_getaffinity(0)))
    timeout = timeout or 60 * run.sizes.cell_minutes
    begin, report, started = time.time(), _progress_reporter(run.name), []
    try:
        executed = papermill.execute_notebook(
            notebook,
            partial,
            changed,
            engine_name=_register_engine(report, started),
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=timeout,
            cwd=repro.project_root(),
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],  # else it warns about its local sockets
        )
    except (papermill.PapermillExecutionError, CellTimeoutError, DeadKernelError) as error:
        report("failed", final=True)
        raise NotebookError(_failure(run, partial, started[-1] if started else 0, error, timeout)) from None
    _check_finished(executed, run.name)
    record = provenance.notebook_record(run, source, values, executed, partial, inputs_log, begin)
    repro.write_json(run.folder / "provenance.json", record)
    inputs_log.unlink(missing_ok=True)
    with open(partial, "rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, run.folder / "executed.ipynb")
    report("finished", final=True)
    return run.folder / "executed.ipynb"


def _prepare_environment(inputs_log: Path, threads: int) -> None:
    os.environ |= {repro.BATCH_VARIABLE: "1", repro.INPUTS_VARIABLE: str(inputs_log)}
    os.environ |= {"PYTHONHASHSEED": "0", "PYDEVD_DISABLE_FILE_VALIDATION": "1", "JUPYTER_PLATFORM_DIRS": "1"}
    for variable in _THREAD_VARIABLES:
        os.environ[variable] = str(threads)


def _register_engine(report, started: list[int]) -> str:
    """papermill's engine, which also reports each code cell and adds its index to `started`."""
    from papermill.engines import NBClientEngine, papermill_engines

    class ReportingEngine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **kwargs):
            start_cell, total = nb_man.cell_start, len(nb_man.nb.cells)

            def cell_start(cell, cell_index=None, **more):
                if cell.cell_type == "code":
                    started.append(cell_index)
                    report(f"cell {cell_index + 1}/{total}")
                start_cell(cell, cell_index, **more)

            nb_man.cell_start = cell_start
            super().execute_managed_notebook(nb_man, kernel_name, **kwargs)

    papermill_engines.register("renderih", ReportingEngine)
    return "renderih"


def _progress_reporter(name: str):
    """Function that prints a line with a state and the time, on a terminal over the last one."""
    terminal, begin = sys.stdout.isatty(), time.monotonic()

    def report(state: str, final: bool = False) -> None:
        minutes, seconds = divmod(int(time.monotonic() - begin), 60)
        line = f"{name}: {state}, {minutes}:{seconds:02d}"
        if terminal:
            print(f"\r{line:<60}", end="\n" if final else "", flush=True)
        else:
            print(line, flush=True)

    return report


def _failure(run, partial: Path, index: int, error: Exception, timeout: float) -> str:
    """One line about the failed cell `index`; what ran is kept as failed.ipynb."""
    import nbformat
    from papermill.execute import remove_error_markers

    notebook = remove_error_markers(nbformat.read(partial, as_version=4))
    repro.write_json(run.folder / "failed.ipynb", notebook)
    partial.unlink()
    lines = [line for line in notebook.cells[index].source.splitlines() if line.strip() and line[0] != "#"]
    what = (
        f"{error.ename}: {error.evalue}" if hasattr(error, "evalue") else str(error).strip().splitlines()[0]
    )
    if type(error).__name__ == "CellTimeoutError":
        what = f"it took longer than {timeout:g} s"
    if type(error).__name__ == "DeadKernelError":
        what = "the kernel died (killed, or out of memory)"
    return f"{run.name}: cell {index + 1} ({lines[0] if lines else 'empty'}) failed: {what} [{run.folder / 'failed.ipynb'}]"


def _check_finished(notebook, name: str) -> None:
    for index, cell in enumerate(notebook.cells):
        if INJECTED in cell.metadata.get("tags", []):
            cell.id = "parameters"
        if cell.cell_type == "code" and cell.metadata.papermill.status != "completed":
            raise NotebookError(f"{name}: cell {index + 1} was never finished")


@contextmanager
def _only_one_in(folder: Path):
    """Wait until no other process runs the notebook of this folder."""
    with open(folder / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{folder.name}: another process runs this notebook, waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _parse_assignment(text: str):
    name, separator, value = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def main(arguments: list[str] | None = None) -> int:
    description = "Run one notebook in batch; a wrong parameter or a failed cell is one line and exit code 1."
    parser = argparse.ArgumentParser(
        "python -m renderih_lib.runner", description=description, allow_abbrev=False
    )
    parser.add_argument("source", type=Path, help="notebooks/src/NN_topic.py")
    parser.add_argument("--scale", default=None, help="tiny, demo, gpu or paper")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--out-dir", default=None)
    parser.add_argument("--data-root", default=None)
    parser.add_argument(
        "-p", dest="more", metavar="NAME=VALUE", type=_parse_assignment, action="append", default=[]
    )
    parser.add_argument("--timeout", type=float, default=None, help="seconds that one cell may take")
    parser.add_argument("--threads", type=int, default=None)
    options = parser.parse_args(arguments)
    named = {name: getattr(options, name) for name in ("scale", "seed", "out_dir", "data_root")}
    parameters = {name: value for name, value in named.items() if value is not None} | dict(options.more)
    try:
        run_notebook(options.source, parameters, timeout=options.timeout, threads=options.threads)
    except (ValueError, NotebookError) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
