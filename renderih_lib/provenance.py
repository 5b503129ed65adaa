"""Where a result came from: sources, parameters, inputs, versions, machine, times and hashes of one notebook's run."""

import datetime
import hashlib
import importlib.metadata
import platform
import resource
import shutil
import subprocess
import time
from pathlib import Path

from renderih_lib.repro import Run, project_root, sha256

PACKAGES = (
    "torch",
    "bpy",
    "numpy",
    "scipy",
    "pandas",
    "matplotlib",
    "trimesh",
    "libigl",
    "transformers",
    "papermill",
)
_WHOLE_HASH = 64 * 2**20  # bytes; larger files inside a folder count by name and size


def notebook_record(
    run: Run, source: Path, parameters: dict, executed, executed_path: Path, log: Path, begin: float
) -> dict:
    """The content of provenance.json. log: file that lists the inputs that were opened, one path a line."""
    inputs = sorted(set(log.read_text().splitlines())) if log.is_file() else []
    outputs = [
        path for path in sorted(run.folder.rglob("*")) if path.is_file() and not path.name.startswith(".")
    ]
    cells = [cell.metadata.papermill.duration for cell in executed.cells if cell.cell_type == "code"]
    return {
        "notebook": run.name,
        "source_sha256": sha256(source),
        "library_sha256": library_digest(source),
        "parameters": parameters,
        **git_state(),
        "versions": versions(),
        "machine": machine(),
        "inputs": [{"path": _below(run, Path(path)), "sha256": content_hash(Path(path))} for path in inputs],
        "start": _utc(begin),
        "end": _utc(time.time()),
        "seconds": round(time.time() - begin, 1),
        "cell_seconds": [round(seconds, 2) if seconds is not None else None for seconds in cells],
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
        "outputs": [
            {
                "path": "executed.ipynb",
                "bytes": executed_path.stat().st_size,
                "sha256": sha256(executed_path),
            },
            *({"path": _below(run, p), "bytes": p.stat().st_size, "sha256": sha256(p)} for p in outputs),
        ],
    }


def library_digest(source: Path) -> str:
    """SHA-256 over the library files that a notebook's source imports, directly or not."""
    from renderih_lib.notebooks import library_files  # jupytext: a GPU machine may lack it

    package = Path(__file__).parent
    listing = "".join(f"{path.relative_to(package)} {sha256(path)}\n" for path in library_files(source))
    return hashlib.sha256(listing.encode()).hexdigest()


def versions() -> dict[str, str | None]:
    """Python's and the main packages' versions; None for a package that is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = None
    return found


def machine() -> dict:
    """Names of the processor and of the NVIDIA GPUs, number of cores, and the system."""
    import os

    cpu = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).is_file():
        models = [
            line.split(":", 1)[1].strip()
            for line in info.read_text().splitlines()
            if line.startswith("model name")
        ]
        cpu = models[0] if models else cpu
    gpus: list[str] = []
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        answer = subprocess.run(query, capture_output=True, text=True, check=False)
        gpus = answer.stdout.split("\n")[:-1] if answer.returncode == 0 else []
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "gpus": gpus, "system": platform.system()}


def git_state() -> dict:
    """Commit of the working tree and whether tracked files differ from it; None where there is no git."""
    root = project_root()
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        return {
            "commit": commit,
            "dirty": bool(_git(root, "status", "--porcelain", "--untracked-files=no").strip()),
        }
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def content_hash(path: Path) -> str:
    """SHA-256 of a file, or of a folder's listing."""
    if path.is_file():
        return sha256(path)
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and not file.name.startswith(".")]
    rows = [(str(f.relative_to(path)), f.stat().st_size, f) for f in files]
    listing = "".join(f"{name} {size} {sha256(f) if size <= _WHOLE_HASH else ''}\n" for name, size, f in rows)
    return hashlib.sha256(listing.encode()).hexdigest()


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True).stdout


def _below(run: Run, path: Path) -> str:
    """Path relative to the notebook's folder or to all results, so that no machine's paths are stored."""
    for base in (run.folder, run.results):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return path.name


def _utc(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")
