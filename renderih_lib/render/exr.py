"""Just enough of the OpenEXR file layout to tell whether a file is whole, and to write a line of text into it.

https://openexr.com/en/latest/OpenEXRFileLayout.html
"""

import struct

_MAGIC = b"v/1\x01"
_ROWS = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}  # of a chunk, by compression
_OTHER_LAYOUTS = 0b0001_1010  # flags of tiles, deep data and several parts


def is_whole(data: bytes) -> bool:
    """Whether the bytes are an EXR file and every chunk that its table names lies inside.

    Of tiled and multi-part files only the beginning is looked at.
    """
    if data[:4] != _MAGIC or len(data) < 8:
        return False
    if data[5] & _OTHER_LAYOUTS:
        return True
    try:
        for start in _chunks(data):
            (size,) = struct.unpack_from("<i", data, start + 4)
            if not 8 < start + 8 <= start + 8 + size <= len(data):
                return False
    except (struct.error, ValueError, KeyError, IndexError):
        return False
    return True


def text(data: bytes, name: str) -> str:
    """The text that `with_text` wrote under a name; empty if there is none."""
    return _header(data)[0].get(name.encode(), b"").decode()


def with_text(data: bytes, name: str, value: str) -> bytes:
    """The bytes of a file of scan lines with one more line of text in its header."""
    attributes, end = _header(data)
    added = name.encode() + b"\0string\0" + struct.pack("<i", len(value.encode())) + value.encode()
    starts = _chunks(data)
    table = struct.pack(f"<{len(starts)}Q", *(start + len(added) for start in starts))
    return data[:end] + added + b"\0" + table + data[end + 1 + len(table) :]


def _header(data: bytes) -> tuple[dict[bytes, bytes], int]:
    """Attributes by name, and where the zero stands that ends them."""
    at, attributes = 8, {}
    while data[at]:
        name_end = data.index(b"\0", at)
        type_end = data.index(b"\0", name_end + 1)
        (size,) = struct.unpack_from("<i", data, type_end + 1)
        attributes[data[at:name_end]] = data[type_end + 5 : type_end + 5 + size]
        at = type_end + 5 + size
    return attributes, at


def _chunks(data: bytes) -> tuple[int, ...]:
    """Where the chunks begin, from the table behind the header."""
    attributes, end = _header(data)
    _, low, _, high = struct.unpack("<4i", attributes[b"dataWindow"])
    count = -(-(high - low + 1) // _ROWS[attributes[b"compression"][0]])
    return struct.unpack_from(f"<{count}Q", data, end + 1)
