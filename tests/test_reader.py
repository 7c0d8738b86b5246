"""The cursor that all message bodies are read through: no read is ever short."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import backchannel
from backchannel.reader import Reader, WireError, different

SOURCE = Path(backchannel.__file__).with_name("reader.py")
SIZES = st.integers(-3, 70) | st.sampled_from([2**31, 2**63 - 1, 2**63, 2**64 - 1, -(2**63) - 1])
NUMBERS = ("u8", "u16", "u24", "u32", "u64", "u16le", "u32le", "u64le", "ipv4")
STEPS = st.one_of(
    st.sampled_from([(name,) for name in (*NUMBERS, "rest", "__len__", "__bool__")]),
    st.tuples(st.sampled_from(["take", "skip", "peek", "sub"]), SIZES),
    st.tuples(st.just("until"), st.binary(min_size=1, max_size=2), st.integers(0, 70)),
)


@given(st.binary(max_size=300), st.integers(-1, 310))
def test_how_many_different_bytes_there_are(octets, size):
    assert different(octets, size) == len(set(octets[: max(size, 0)]))


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


def plain():
    """Return the module as Python reads it, whatever was compiled of it."""
    spec = importlib.util.spec_from_file_location("plain_reader", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLAIN = plain()


def played(module, data, offset, end, steps):
    """Return what each step gives, and where it leaves the reader; a sub-reader takes over."""
    reader, told = module.Reader(data, offset, end), []
    for name, *arguments in steps:
        try:
            value = getattr(reader, name)(*arguments)
        except module.WireError as error:
            value = str(error)
        if name == "sub" and isinstance(value, module.Reader):
            told.append(reader.offset)
            reader = value
        else:
            told.append(value)
        told.append((reader.offset, len(reader)))
    return told


@given(
    st.binary(max_size=64),
    st.integers(0, 70),
    st.none() | st.integers(-2, 70),
    st.lists(STEPS, max_size=12),
)
def test_compiled_it_is_what_python_reads(data, offset, end, steps):
    assert played(PLAIN, data, offset, end, steps) == played(
        importlib.import_module("backchannel.reader"), data, offset, end, steps
    )


@given(st.binary(max_size=16), st.integers(-3, 20), st.integers(-3, 20))
def test_a_part_is_what_a_slice_is_from_the_first_byte_on(data, start, end):
    wanted = data[start : max(end, 0)] if start >= 0 else b""
    for module in (PLAIN, importlib.import_module("backchannel.reader")):
        part, kept = module.cut(data, start, end), module.cut_buffer(bytearray(data), start, end)
        assert part == wanted
        assert (kept, type(kept)) == (wanted, bytes)


def test_bytes_before_the_first_are_not_read():
    for module in (PLAIN, importlib.import_module("backchannel.reader")):
        reader = module.Reader(b"abcdef", -4)
        with pytest.raises(module.WireError):
            reader.take(2)
