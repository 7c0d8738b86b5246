"""The cursor that all message bodies are read through: no read is ever short."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backchannel.reader import Reader, WireError


def test_numbers_in_both_byte_orders():
    data = bytes(range(1, 15))
    big, little = Reader(data), Reader(data)
    assert (big.u8(), big.u16(), big.u24(), big.u64()) == (1, 0x0203, 0x040506, 0x0708090A0B0C0D0E)
    assert (little.u16le(), little.u32le(), little.u64le()) == (
        0x0201,
        0x06050403,
        0x0E0D0C0B0A090807,
    )


@pytest.mark.parametrize("name", ["u8", "u16", "u24", "u32", "u64", "u16le", "u32le", "ipv4"])
def test_a_read_past_the_end_raises_and_consumes_nothing(name):
    reader = Reader(b"\1\2\3\4\5\6\7\10")
    reader.skip(8)
    with pytest.raises(WireError, match="at 8, 0 left"):
        getattr(reader, name)()
    assert reader.offset == 8


def test_a_negative_size_is_refused():
    with pytest.raises(WireError):
        Reader(b"abc").take(-1)
    with pytest.raises(WireError):
        Reader(b"abc").skip(-1)


def test_a_sub_reader_ends_where_its_bytes_end():
    reader = Reader(b"abcdef")
    inner = reader.sub(3)
    assert inner.rest() == b"abc"
    assert reader.rest() == b"def"
    with pytest.raises(WireError):
        inner.u8()


def test_until_consumes_the_mark_and_keeps_to_its_limit():
    reader = Reader(b"key\0value\0")
    assert reader.until(b"\0", 8) == b"key"
    with pytest.raises(WireError, match="within 3 bytes"):
        reader.until(b"\0", 3)
    assert reader.until(b"\0", 5) == b"value"


@given(st.binary(max_size=64), st.lists(st.integers(-2, 70), max_size=8))
def test_takes_are_exact_or_raise(data, sizes):
    reader, taken = Reader(data), b""
    for size in sizes:
        try:
            piece = reader.take(size)
        except WireError:
            continue
        assert len(piece) == size
        taken += piece
    assert taken + reader.rest() == data
