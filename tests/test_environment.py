"""Setting up: pyproject.toml and environment.yml agree, and what goes wrong with make is one clear line."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def load_make_venv():
    spec = importlib.util.spec_from_file_location("make_venv", ROOT / "tools" / "make_venv.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_venv = load_make_venv()


def make(target, folder, **variables):
    """`make target` in a folder with the real Makefile and setup, and nothing installed."""
    for name in ("Makefile", "pyproject.toml", "tools"):
        (folder / name).exists() or (folder / name).symlink_to(ROOT / name)
    assignments = [f"{name}={value}" for name, value in variables.items()]
    # `make test` runs this: its make must not pass its own flags and depth on
    own = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", target, *assignments], cwd=folder, env=own, capture_output=True, text=True)


def error_lines(answer):
    """What make said besides its own closing line."""
    return [line for line in answer.stderr.splitlines() if not line.startswith("make:")]


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def test_conda_and_pip_install_the_same():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    packages = [entry for entry in conda["dependencies"] if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
    assert "python=3.11" in packages
    torch = re.search(r"^TORCH +\?= (.+)$", MAKEFILE, re.M)[1]
    extras = re.search(r'"-e", "(\..+?)"', (ROOT / "tools" / "make_venv.py").read_text())[1]
    assert pip == [torch, f"-e {extras}"]


def test_the_pinned_set_lies_inside_what_the_library_allows():
    from packaging.requirements import Requirement

    pinned = {r.name: r for r in map(Requirement, PROJECT["optional-dependencies"]["notebooks"])}
    torch = Requirement(re.search(r"^TORCH +\?= (.+)$", MAKEFILE, re.M)[1])
    for allowed in map(Requirement, PROJECT["dependencies"]):
        exact = torch if allowed.name == "torch" else pinned.get(allowed.name)
        for specifier in exact.specifier if exact else ():
            assert allowed.specifier.contains(specifier.version.removesuffix(".*")), allowed.name


def test_every_target_but_help_and_clean_sets_up_first():
    targets = re.findall(r"^([a-z-]+):(.*?)##", MAKEFILE, re.M)
    without = {name for name, needs in targets if "$(READY)" not in needs}
    assert without == {"help", "clean"}
    phony = re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.M)[1].split()
    assert sorted(phony) == sorted(name for name, _ in targets)


def test_the_ci_runs_make_test():
    text = (ROOT / ".ci" / "run").read_text()
    assert text.startswith("#!/bin/sh\n") and "make test" in text
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


@pytest.mark.parametrize("version", ["3.9.2", "3.12.1", None])
def test_a_wrong_or_missing_python_is_one_line(tmp_path, version):
    python = tmp_path / "python-of-mine"
    if version:
        major, minor, _ = version.split(".")
        script(python, f"[ '{major}.{minor}' = '3.11' ]")  # what the version check asks
    answer = make("test", tmp_path, PYTHON=python)
    assert answer.returncode
    (line,) = error_lines(answer)
    assert "Python 3.11 is needed" in line and "PYTHON=" in line
    assert not (tmp_path / ".venv").exists()


PIP_FAILURES = {
    "WARNING: Retrying after connection broken by 'NewConnectionError(...)'\nERROR: No matching distribution found for x": "registry",
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device": "no space left",
    "ERROR: No matching distribution found for bpy==4.5.15": "no build of a package",
    "ERROR: something new": "ERROR: something new",
}


@pytest.mark.parametrize(("printed", "told"), PIP_FAILURES.items())
def test_a_failing_pip_is_one_line_with_its_cause_and_log(tmp_path, printed, told):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "printed").write_text(printed)
    script(tmp_path / ".venv" / "bin" / "python", f"cat '{tmp_path}/printed'; exit 1")
    answer = make("venv", tmp_path, PYTHON=sys.executable)
    assert answer.returncode
    (line,) = error_lines(answer)
    assert told in line and ".venv/pip.log" in line
    assert printed in (tmp_path / ".venv" / "pip.log").read_text()
    assert not (tmp_path / ".venv" / ".ready").exists()


def test_a_full_disk_is_one_line(tmp_path):
    with pytest.raises(make_venv.SetupError, match="GB of disk are needed .* are free: make room"):
        make_venv.make_venv(tmp_path / "deep" / ".venv", "torch", needed_gb=1e9)
    assert not (tmp_path / "deep").exists()


def test_torch_and_the_project_are_installed_once(tmp_path):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    script(tmp_path / ".venv" / "bin" / "python", f'echo "$@" >> "{tmp_path}/calls"')
    for _ in range(2):
        answer = make("venv", tmp_path, PYTHON=sys.executable, TORCH="torch==2.13.0 --index-url mirror")
        assert answer.returncode == 0, answer.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == [
        "-m pip install torch==2.13.0 --index-url mirror",
        "-m pip install -e .[notebooks,dev]",
    ]


def test_the_library_imports_fast_and_without_bpy():
    from renderih_lib.bench.hand import bench_import

    figures = bench_import()
    assert figures["import_seconds"] < 1
    assert not figures["imports_bpy"]
