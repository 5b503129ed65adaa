import struct

from hypothesis import given
from hypothesis import strategies as st

from renderih_lib.render import exr


def uncompressed(rows: int) -> bytes:
    """A file of scan lines of one pixel, one half float each, written by hand from the specification."""
    box = struct.pack("<4i", 0, 0, 0, rows - 1)
    attributes = [
        (b"channels", b"chlist", b"Y\0" + struct.pack("<iiii", 1, 0, 1, 1) + b"\0"),
        (b"compression", b"compression", b"\0"),
        (b"dataWindow", b"box2i", box),
        (b"displayWindow", b"box2i", box),
        (b"lineOrder", b"lineOrder", b"\0"),
    ]
    data = b"v/1\x01" + struct.pack("<i", 2)
    for name, kind, value in attributes:
        data += name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value
    start = len(data) + 1 + 8 * rows
    table = struct.pack(f"<{rows}Q", *(start + 10 * row for row in range(rows)))
    return data + b"\0" + table + b"".join(struct.pack("<iiH", row, 2, row) for row in range(rows))


@given(st.integers(1, 20), st.data())
def test_no_beginning_of_a_file_is_whole(rows, data):
    whole = uncompressed(rows)
    assert exr.is_whole(whole)
    assert not exr.is_whole(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.integers(1, 20), st.text(max_size=60))
def test_a_line_of_text_comes_back_and_the_pixels_stay(rows, line):
    whole = uncompressed(rows)
    told = exr.with_text(whole, "renderih", line)
    assert exr.text(told, "renderih") == line and exr.text(whole, "renderih") == ""
    assert exr.is_whole(told) and told.endswith(whole[-10 * rows :])
    assert not exr.is_whole(told[:-1])


@given(st.binary(max_size=200))
def test_noise_is_no_panorama(noise):
    assert not exr.is_whole(b"v/1\x01" + bytes(4) + noise) or len(noise) > 40
    assert not exr.is_whole(noise)
