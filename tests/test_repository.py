"""Rules that hold for every file of the project."""

import ast
import re
import statistics
import subprocess
from functools import cache
from pathlib import Path

import nbformat
import pytest

from renderih_lib.notebooks import KERNEL, notebook_from_source, sources
from renderih_lib.publish import MOST_BYTES

ROOT = Path(__file__).parents[1]
LIBRARY = sorted((ROOT / "renderih_lib").rglob("*.py"))
NOTEBOOK_SOURCES = sorted((ROOT / "notebooks" / "src").glob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONGEST_MODULE = 420

#: Calls that draw from hidden global state or run code from data, by dotted name.
_GLOBAL_RANDOMNESS = re.compile(
    r"^(np|numpy)\.random\.(?!default_rng$|Generator$|SeedSequence$|PCG64$|Philox$)\w+$|^random\.\w+$"
)
_TORCH_DRAWS = {
    f"torch.{name}" for name in ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial")
}
_TORCH_SEEDS = {"torch.manual_seed", "torch.seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all"}
_FORBIDDEN = {"pickle.load", "pickle.loads", "yaml.load", "yaml.unsafe_load", "eval", "exec", "os.system"}


@cache
def tracked() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listing.stdout.split("\0") if name and (ROOT / name).is_file()]


def short(path):
    return str(path.relative_to(ROOT))


def calls(path):
    """(dotted name, call) of every call in a Python file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def keyword(call, name):
    return next((ast.unparse(argument.value) for argument in call.keywords if argument.arg == name), None)


@pytest.mark.parametrize("path", LIBRARY + NOTEBOOK_SOURCES, ids=short)
def test_randomness_is_explicit(path):
    for name, call in calls(path):
        assert not _GLOBAL_RANDOMNESS.match(name), f"{name} at line {call.lineno} draws from global state"
        assert name not in _TORCH_SEEDS, f"{name} at line {call.lineno} seeds global state"
        if name in _TORCH_DRAWS:
            assert keyword(call, "generator"), f"{name} at line {call.lineno} has no generator"
        if name.endswith("default_rng"):
            assert call.args, f"{name} at line {call.lineno} has no seed"


@pytest.mark.parametrize("path", LIBRARY + NOTEBOOK_SOURCES, ids=short)
def test_no_data_is_run_as_code(path):
    for name, call in calls(path):
        if name == "yaml.load":
            assert ast.unparse(call.args[1]) == "_UniqueKeyLoader"  # a SafeLoader
            continue
        assert name not in _FORBIDDEN, f"{name} at line {call.lineno}"
        assert not (name.startswith("subprocess.") and keyword(call, "shell") == "True"), (
            f"line {call.lineno}"
        )
        if name == "torch.load":
            assert keyword(call, "weights_only") == "True", f"line {call.lineno}"
        if name in ("np.load", "numpy.load"):
            assert keyword(call, "allow_pickle") == "False", f"line {call.lineno}"


@pytest.mark.parametrize(
    "path", [path for path in LIBRARY + NOTEBOOK_SOURCES if "blender" not in path.parts], ids=short
)
def test_only_the_blender_package_imports_bpy(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not any(name.split(".")[0] == "bpy" for name in names)


@pytest.mark.parametrize("path", LIBRARY, ids=short)
def test_modules_are_short_and_say_what_they_are(path):
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_MODULE
    assert not text.strip() or ast.get_docstring(ast.parse(text))


def test_no_gated_asset_is_in_the_repository():
    gated = re.compile(r"MANO_|SMPL|_NeuralAnnot|\.pkl$|\.pickle$|\.pth$|\.pt$", re.I)
    found = [short(path) for path in tracked() if gated.search(path.name)]
    assert not found


def test_nothing_in_the_repository_is_big():
    assert not [short(path) for path in tracked() if path.stat().st_size > 2_000_000]


def test_results_and_caches_are_not_in_the_repository():
    outside = {"runs", ".venv", ".snakemake", ".cache", "data"}
    assert not [short(path) for path in tracked() if path.relative_to(ROOT).parts[0] in outside]


def test_no_machines_paths_are_in_the_repository():
    places = [*(str(place) for place in (ROOT, Path.home())), "/root", "/home"]
    own = re.compile("|".join(rf"{re.escape(place)}/\w" for place in places).encode())
    binary = {".png", ".jpg", ".npz", ".safetensors"}
    files = [path for path in tracked() if path.suffix not in binary and path != Path(__file__)]
    assert not [short(path) for path in files if own.search(path.read_bytes())]


def test_relative_links_in_the_documents_lead_somewhere():
    broken = []
    for path in [path for path in tracked() if path.suffix == ".md"]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
            if not re.match(r"[a-z]+:", target) and not (path.parent / target).exists():
                broken.append(f"{short(path)}: {target}")
    assert not broken


@pytest.mark.parametrize("path", NOTEBOOK_SOURCES, ids=short)
def test_notebook_cells_are_short(path):
    cells = [source for kind, source in sources(notebook_from_source(path)) if kind == "code"]
    lengths = [len([line for line in source.splitlines() if line.strip()]) for source in cells]
    assert max(lengths) <= 40
    assert statistics.median(lengths) <= 8


@pytest.mark.parametrize("path", NOTEBOOK_SOURCES, ids=short)
def test_notebooks_begin_alike(path):
    cells = notebook_from_source(path).cells
    title = cells[0].source.splitlines()[0]
    assert re.match(rf"# {path.stem[:2]} · \w", title)
    for word in ("**Question**", "**Paper**", "**Needs**", "**Takes**"):
        assert word in cells[0].source
    parameters = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(parameters) == 1
    declared = [line.split("#")[0].strip() for line in parameters[0].source.splitlines() if line.strip()]
    expected = ['scale: str = "demo"', "seed: int = 0", 'out_dir: str = "runs"', 'data_root: str = ""']
    assert declared[:4] == expected


@pytest.mark.parametrize("path", NOTEBOOK_SOURCES, ids=short)
def test_notebooks_have_exercises_with_hidden_solutions(path):
    text = path.read_text()
    assert "## Exercises" in text and text.count("<details>") == text.count("</details>") >= 1


@pytest.mark.parametrize("path", NOTEBOOK_SOURCES, ids=short)
def test_links_between_notebooks_lead_somewhere(path):
    for target in re.findall(r"\]\(([\w./-]+\.(?:ipynb|md|py))\)", path.read_text()):
        assert (ROOT / "notebooks" / target).exists() or (ROOT / "notebooks" / "src" / target).with_suffix(
            ".py"
        ).exists()


def test_every_notebook_source_is_committed_executed():
    assert [path.stem for path in NOTEBOOKS] == [path.stem for path in NOTEBOOK_SOURCES]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_committed_notebooks_are_their_sources_executed(path):
    notebook = nbformat.read(path, as_version=4)
    assert sources(notebook) == sources(notebook_from_source(ROOT / "notebooks" / "src" / f"{path.stem}.py"))
    assert dict(notebook.metadata.kernelspec) == KERNEL
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.execution_count
            assert not [output for output in cell.outputs if output.output_type == "error"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_committed_notebooks_are_small(path):
    assert path.stat().st_size < MOST_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=short)
def test_every_picture_has_alt_text(path):
    for cell in nbformat.read(path, as_version=4).cells:
        for output in cell.get("outputs", []):
            for mime in output.get("data", {}):
                if mime.startswith("image/"):
                    alt = output.get("metadata", {}).get(mime, {}).get("alt", "")
                    assert alt.strip(), f"a picture of cell {cell.source[:60]!r} has no alt text"
