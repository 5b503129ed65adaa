"""Hands read from files in MANO's format, which tests/hand writes from the open hand."""

import importlib.util
from pathlib import Path

import pytest

from renderih_lib.hand.mano import load_mano
from renderih_lib.hand.pair import HandPair

_spec = importlib.util.spec_from_file_location(
    "hand_fixtures", Path(__file__).parents[1] / "hand" / "conftest.py"
)
_fixtures = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_fixtures)
hand, mano_contents, write_mano = _fixtures.hand, _fixtures.mano_contents, _fixtures.write_mano


@pytest.fixture
def mano_hands(mano_contents, write_mano) -> HandPair:
    return HandPair(
        *(load_mano(write_mano(mano_contents(side, 0.002), side), side) for side in ("right", "left"))
    )
