"""Files of other people's datasets: read without being run, each fault one error with a remedy."""

import io
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from renderih_lib.tree import Tree

numbers = st.floats(-1e6, 1e6, width=32)


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path, "thing")


def put(tree, name, data: bytes) -> str:
    path = tree.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return name


def packed(save, *arguments, **arrays) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *arguments, **arrays)
    return buffer.getvalue()


def one_error(kind, *words):
    """One line that names the dataset and its page."""
    return pytest.raises(kind, match=r"^thing: (?s:.*)" + r".*".join(words) + r".*; see docs/data/thing.md$")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=2, max_size=2), max_size=4))
def test_rows_are_what_json_would_give(tmp_path_factory, tables):
    tree = Tree(tmp_path_factory.mktemp("rows"), "thing")
    for indent in (None, 1):
        put(tree, "a.json", json.dumps(tables, indent=indent).encode())
        expected = np.array(tree.json("a.json", list), np.float32).reshape(-1, 2, 3)
        np.testing.assert_array_equal(tree.rows("a.json", (2, 3)), expected)


@pytest.mark.parametrize("text", ["[[1, 2]", "[[1, 2],", "[[1, 2] [3, 4]]", "[[1, 2]]]", "", "[[1, nope]]"])
def test_rows_of_broken_json_are_refused(tree, text):
    with one_error(ValueError, "a.json: not readable as JSON"):
        tree.rows(put(tree, "a.json", text.encode()), (2,))


@pytest.mark.parametrize(
    ("save", "read", "expected"),
    [
        (lambda: json.dumps({"a": 1}).encode(), lambda t, n: t.json(n, dict), {"a": 1}),
        (lambda: b"a: [1, 2]", lambda t, n: t.yaml(n), {"a": [1, 2]}),
        (
            lambda: packed(np.savez, a=np.arange(3)),
            lambda t, n: t.npz(n, ("a", "b")),
            {"a": [0, 1, 2], "b": None},
        ),
        (lambda: packed(np.save, np.arange(3)), lambda t, n: t.npy(n), [0, 1, 2]),
        (lambda: pickle.dumps({"a": np.arange(3)}, 2), lambda t, n: t.pickle(n), {"a": [0, 1, 2]}),
        (lambda: pickle.dumps({"a": np.float32(2)}), lambda t, n: t.pickle(n), {"a": 2}),
        (
            lambda: packed(np.save, np.array({"a": {"b": np.eye(2)}}, object), allow_pickle=True),
            lambda t, n: t.object_npy(n)["a"],
            {"b": np.eye(2).tolist()},
        ),
        (lambda: "ä".encode(), lambda t, n: t.text(n), "ä"),
    ],
)
def test_contents_come_back(tree, save, read, expected):
    found = read(tree, put(tree, "below/file", save()))
    if isinstance(expected, dict):
        assert set(found) == set(expected)
        found = {key: value.tolist() if hasattr(value, "tolist") else value for key, value in found.items()}
    assert np.asarray(found).tolist() == expected if isinstance(expected, list) else found == expected


READS = {
    "image": lambda t: t.image("below/file"),
    "json": lambda t: t.json("below/file", dict),
    "yaml": lambda t: t.yaml("below/file"),
    "npz": lambda t: t.npz("below/file", ("a",)),
    "npy": lambda t: t.npy("below/file"),
    "pickle": lambda t: t.pickle("below/file"),
    "object_npy": lambda t: t.object_npy("below/file"),
}


@pytest.mark.parametrize("kind", READS)
@settings(max_examples=15, deadline=None)
@given(data=st.binary(max_size=40))
def test_any_bytes_are_one_clear_error_at_most(tmp_path_factory, kind, data):
    tree = Tree(tmp_path_factory.mktemp("bytes"), "thing")
    put(tree, "below/file", data)
    try:
        READS[kind](tree)
    except ValueError as error:
        assert str(error).startswith("thing: below/file: ") and str(error).endswith(
            "; see docs/data/thing.md"
        )
        assert "\n" not in str(error)
        assert error.__suppress_context__ or error.__context__ is None


@pytest.mark.parametrize("kind", READS)
def test_a_missing_file_is_named(tree, kind):
    with one_error(FileNotFoundError, "below/file: No such file or directory; download and unpack it"):
        READS[kind](tree)


def test_a_missing_root_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="thing: .*nowhere: no such folder; see docs/data/thing.md"):
        Tree(tmp_path / "nowhere", "thing")


@pytest.mark.parametrize(("ending", "cut"), [("png", 40), ("jpg", 400)])
def test_pictures_of_any_mode_are_rgb_and_cut_ones_are_refused(tree, ending, cut):
    noise = np.random.default_rng(0).integers(0, 256, (40, 50), dtype=np.uint8)
    data = packed(Image.fromarray(noise).save, {"png": "PNG", "jpg": "JPEG"}[ending])
    assert tree.image(put(tree, "a", data)).shape == (40, 50, 3)
    with one_error(ValueError, "a: not readable as an image"):
        tree.image(put(tree, "a", data[:-cut]))


class Bomb:
    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return open, (self.victim, "w")


@pytest.mark.parametrize("kind", ["pickle", "object_npy"])
def test_nothing_in_a_pickle_is_run(tree, kind, tmp_path):
    bomb = {"a": Bomb(str(tmp_path / "victim"))}
    data = (
        pickle.dumps(bomb) if kind == "pickle" else packed(np.save, np.array(bomb, object), allow_pickle=True)
    )
    put(tree, "below/file", data)
    with one_error(ValueError, "below/file: .*refused, the file asks for .*open"):
        READS[kind](tree)
    assert not (tmp_path / "victim").exists()


def test_yaml_makes_no_objects(tree):
    with one_error(ValueError, "a: not readable as YAML"):
        tree.yaml(put(tree, "a", b"a: !!python/object/apply:os.getcwd []"))


def test_an_npy_that_is_no_dictionary_is_refused(tree):
    with one_error(ValueError, "a: not readable as npy .*expected one pickled dictionary"):
        tree.object_npy(put(tree, "a", packed(np.save, np.arange(3))))
    words = np.empty((), object)
    words[()] = ["x"]
    with one_error(ValueError, "a: the file: expected named entries, got list"):
        tree.object_npy(put(tree, "a", packed(np.save, words, allow_pickle=True)))


@pytest.mark.parametrize(
    ("values", "shape", "message"),
    [
        ([1, 2], 3, "expected 3 finite numbers, got 2 of them"),
        ([[1, 2], [3, 4]], (4,), r"expected finite numbers of shape \(4,\), got shape \(2, 2\)"),
        ([1, float("nan")], 2, "expected 2 finite numbers"),
        ("12", 2, "expected 2 finite numbers, got 0"),
        (None, (2, 2), r"expected finite numbers of shape \(2, 2\)"),
        ([[1], [1, 2]], 3, "expected 3 finite numbers, got 0"),
    ],
)
def test_wrong_numbers_are_named(tree, values, shape, message):
    with one_error(ValueError, f"a: key: {message}"):
        tree.numbers("a", "key", values, shape)


@given(st.lists(numbers, min_size=6, max_size=6))
def test_right_numbers_pass(tmp_path_factory, values):
    tree = Tree(tmp_path_factory.getbasetemp(), "thing")
    table = np.array(values).reshape(2, 3)
    np.testing.assert_array_equal(tree.numbers("a", "key", table.tolist(), (2, 3)), table)
    np.testing.assert_array_equal(tree.numbers("a", "key", table, 6), values)


def test_names_are_relative_and_sorted(tree):
    for name in ("b/2.txt", "a/10.txt", "a/9.txt"):
        put(tree, name, b"")
    assert tree.names("*/*.txt", "texts") == ["a/10.txt", "a/9.txt", "b/2.txt"]
    with one_error(FileNotFoundError, r"\*.png: nothing matches, expected pictures"):
        tree.names("*.png", "pictures")
