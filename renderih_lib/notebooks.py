"""Notebooks as text: `notebooks/src/*.py` (py:percent) is the source, every .ipynb is built from it."""

import ast
import hashlib
from pathlib import Path

import jupytext
import nbformat

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
#: Tag of the cell that papermill adds after the parameters cell.
INJECTED = "injected-parameters"


def notebook_from_source(path: Path) -> nbformat.NotebookNode:
    """The unexecuted notebook of a py:percent file; equal sources give equal notebooks, cell ids included."""
    notebook = jupytext.read(path, fmt="py:percent")
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for index, cell in enumerate(notebook.cells):
        cell.id = hashlib.sha256(f"{index}\n{cell.source}".encode()).hexdigest()[:12]
    return notebook


def sources(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """(cell type, source) of every cell that an author wrote."""
    return [(c.cell_type, c.source) for c in notebook.cells if INJECTED not in c.metadata.get("tags", [])]


def library_files(path: Path) -> list[Path]:
    """Files of `renderih_lib` that a Python file imports, directly or not, at its top or inside a function; sorted."""
    package = Path(__file__).parent
    found: set[Path] = set()
    waiting = [Path(path)]
    while waiting:
        for name in _imported_names(waiting.pop()):
            for module in _module_files(package, name):
                if module not in found:
                    found.add(module)
                    waiting.append(module)
    return sorted(found)


def _imported_names(path: Path) -> set[str]:
    text = "\n".join(
        line for line in path.read_text().splitlines() if not line.lstrip().startswith(("%", "!"))
    )
    names: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def _module_files(package: Path, name: str) -> list[Path]:
    """The file of module `name` and the __init__ files on the way to it; none for other packages."""
    first, *rest = name.split(".")
    if first != package.name:
        return []
    files = [package / "__init__.py"]
    folder = package
    for part in rest:
        if (folder / part).is_dir():
            folder = folder / part
            files.append(folder / "__init__.py")
        elif (folder / f"{part}.py").is_file():
            files.append(folder / f"{part}.py")
    return [file for file in files if file.is_file()]
