"""Entries of a long JSON text, one at a time: a text of a gigabyte would make objects of ten."""

import json
import re
from collections.abc import Generator

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()
_CLOSING = {"{": "}", "[": "]"}


def records(text: str, depth: int) -> Generator[tuple[tuple, object]]:
    """Keys and value of each entry `depth` levels below the root, in the order of the text.

    Keys are texts in objects and numbers in lists; entries that end above `depth` have fewer keys.

    Raises:
        json.JSONDecodeError: if the text is not JSON; what comes before that place was given out.
    """
    end = yield from _entries(text, 0, depth, ())
    if _skipped(text, end) != len(text):
        raise json.JSONDecodeError("expected the end", text, end)


def _entries(text: str, at: int, depth: int, keys: tuple) -> Generator[tuple[tuple, object], None, int]:
    """Entries below the value at a place of the text; returns the place behind it."""
    at = _skipped(text, at)
    opening = text[at : at + 1]
    if depth == 0 or opening not in _CLOSING:
        value, at = _DECODER.raw_decode(text, at)
        yield keys, value
        return at
    closing, number, at = _CLOSING[opening], 0, _skipped(text, at + 1)
    while text[at : at + 1] != closing:
        if number:
            at = _behind(text, at, ",")
        key = number
        if opening == "{":
            key, at = _DECODER.raw_decode(text, at)
            if not isinstance(key, str):
                raise json.JSONDecodeError("expected a name in quotes", text, at)
            at = _behind(text, _skipped(text, at), ":")
        at = _skipped(text, (yield from _entries(text, at, depth - 1, (*keys, key))))
        number += 1
    return at + 1


def _skipped(text: str, at: int) -> int:
    return _SPACE.match(text, at).end()


def _behind(text: str, at: int, sign: str) -> int:
    if text[at : at + 1] != sign:
        raise json.JSONDecodeError(f"expected {sign!r}", text, at)
    return _skipped(text, at + 1)
