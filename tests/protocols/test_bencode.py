"""Bencoding: values of BEP 3's own examples, bounds, and what is broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backchannel.protocols import bencode
from backchannel.protocols.bencode import Value
from backchannel.reader import WireError

VALUES = st.recursive(
    st.integers(-(2**63), 2**63) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=4), inner),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("data", "value"),
    [  # BEP 3, "bencoding"
        (b"4:spam", b"spam"),
        (b"i3e", 3),
        (b"i-3e", -3),
        (b"i0e", 0),
        (b"i%de" % (2**64 - 1), 2**64 - 1),
        (b"l4:spam4:eggse", [b"spam", b"eggs"]),
        (b"d3:cow3:moo4:spam4:eggse", {b"cow": b"moo", b"spam": b"eggs"}),
        (b"d4:spaml1:a1:bee", {b"spam": [b"a", b"b"]}),
        (b"0:", b""),
        (b"le", []),
        (b"de", {}),
    ],
)
def test_the_specification_s_examples(data: bytes, value: Value) -> None:
    assert bencode.read(data) == (value, len(data))
    assert bencode.write(value) == data


@given(VALUES, st.binary(max_size=8))
def test_what_was_written_is_read_and_its_end_is_found(value: Value, behind: bytes) -> None:
    data = bencode.write(value)
    assert bencode.read(b"xy" + data + behind, 2) == (value, 2 + len(data))


@given(VALUES)
def test_no_part_of_a_value_is_a_value(value: Value) -> None:
    data = bencode.write(value)
    for size in range(len(data)):
        with pytest.raises(WireError):
            bencode.read(data[:size])


@pytest.mark.parametrize(
    "data",
    [
        b"x",
        b"ie",
        b"i-e",
        b"i1x2e",
        b"i 1e",
        b"i+1e",
        b"i" + b"1" * 30 + b"e",
        b"i%de" % 2**64,
        b"i%de" % (-(2**63) - 1),
        b"i" + b"9" * 21 + b"e",
        b":",
        b"-1:a",
        b" 1:a",
        b"1_0:aaaaaaaaaa",
        b"99999999999:a",
        b"di1ei2ee",
        b"d1:ae",
        b"l1:a",
    ],
)
def test_what_is_broken_says_so(data: bytes) -> None:
    with pytest.raises(WireError):
        bencode.read(data)


def test_depth_and_number_of_values_are_bounded() -> None:
    deep = b"l" * bencode.DEPTH + b"e" * bencode.DEPTH
    assert bencode.read(deep)[1] == len(deep)
    with pytest.raises(WireError, match="deep"):
        bencode.read(b"l" + deep + b"e")
    many = b"l" + b"0:" * (bencode.ITEMS - 1) + b"e"
    assert bencode.read(many)[1] == len(many)
    with pytest.raises(WireError, match="many"):
        bencode.read(b"l0:" + many[1:])


def test_of_two_equal_keys_the_first_counts() -> None:
    assert bencode.read(b"d1:ai1e1:ai2ee")[0] == {b"a": 1}


def test_a_dictionary_is_all_that_was_sent() -> None:
    assert bencode.read_dict(b"d1:ai1ee") == {b"a": 1}
    with pytest.raises(WireError, match="no dictionary"):
        bencode.read_dict(b"le")
    with pytest.raises(WireError, match="1 bytes behind"):
        bencode.read_dict(b"dex")


def test_a_value_of_another_kind_is_as_one_that_is_not_there() -> None:
    values = bencode.read_dict(b"d1:dde1:ii7e1:ll1:xe1:s2:hie")
    assert bencode.inner(values, b"d") == {} == bencode.inner(values, b"i")
    assert (bencode.number(values, b"i"), bencode.number(values, b"s", 9)) == (7, 9)
    assert (bencode.listed(values, b"l"), bencode.listed(values, b"s")) == ([b"x"], [])
    assert (bencode.octets(values, b"s"), bencode.octets(values, b"i")) == (b"hi", b"")
