import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderih_lib.json_records import records

leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
values = st.recursive(leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3))


def flattened(value, depth: int, keys: tuple = ()):
    """The same by a parse of everything."""
    if depth == 0 or not isinstance(value, dict | list):
        return [(keys, value)]
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return [found for key, entry in items for found in flattened(entry, depth - 1, (*keys, key))]


@settings(deadline=None)
@given(value=values, depth=st.integers(0, 4), indent=st.sampled_from([None, 0, 3]))
def test_entries_are_those_of_a_whole_parse(value, depth, indent):
    assert list(records(json.dumps(value, indent=indent), depth)) == flattened(value, depth)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_every_cut_of_a_text_is_an_error(depth):
    text = json.dumps({"a": [1, {"b": "c"}], "d": {"e": [], "f": "g"}})
    for end in range(len(text)):
        with pytest.raises(json.JSONDecodeError):
            list(records(text[:end], depth))


@pytest.mark.parametrize("text", ['{"a": 1} x', "[1 2]", '{"a" 1}', '{"a": 1,}', "[1,]", "{1: 2}"])
def test_what_is_not_json_is_an_error(text):
    with pytest.raises(json.JSONDecodeError):
        list(records(text, 2))


def test_what_comes_before_the_fault_was_given_out():
    found = records("[1, 2, x", 1)
    assert [next(found), next(found)] == [((0,), 1), ((1,), 2)]
