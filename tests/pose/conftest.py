"""MANO-format files for the tests of poses, with the fixtures of tests/hand that make them."""

import importlib.util
import pickle
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "hand_fixtures", Path(__file__).parents[1] / "hand" / "conftest.py"
)
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
hand, mano_contents = _fixtures.hand, _fixtures.mano_contents


@pytest.fixture(scope="session")
def mano_folder(tmp_path_factory, mano_contents) -> Path:
    """A folder with MANO_RIGHT.pkl and MANO_LEFT.pkl: the open hand in MANO's format, with pose blend shapes."""
    folder = tmp_path_factory.mktemp("mano")
    for side in ("right", "left"):
        contents = mano_contents(side, 1e-4)
        (folder / f"MANO_{side.upper()}.pkl").write_bytes(pickle.dumps(contents, protocol=2))
    return folder
