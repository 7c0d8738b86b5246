"""Packed addresses: the layout of BEP 23 and BEP 32, and what names nobody."""

from backchannel.protocols.compact import V6, addresses, text


def test_ipv4_and_ports_are_big_endian() -> None:
    packed = bytes.fromhex("c0000201 1ae1 c6336402 c8d5")
    assert addresses(packed) == [("192.0.2.1", 6881), ("198.51.100.2", 51413)]


def test_ipv6_takes_eighteen_bytes() -> None:
    packed = bytes.fromhex("20010db8000000000000000000000001 1ae1")
    assert addresses(packed * 2, V6) == [("2001:db8::1", 6881)] * 2


def test_what_is_left_and_what_is_empty_names_nobody() -> None:
    assert addresses(b"\xc0\0\2\1\x1a") == []
    assert addresses(b"\xc0\0\2\1\0\0" + b"\0\0\0\0\x1a\xe1" + b"\xc0\0\2\1\x1a\xe1\xc0") == [
        ("192.0.2.1", 6881)
    ]


def test_as_many_are_read_as_were_asked_for() -> None:
    assert len(addresses(b"\xc0\0\2\1\x1a\xe1" * 9, most=5)) == 5


def test_other_sizes_are_no_address() -> None:
    assert (text(b"\1\2\3\4"), text(b"\1\2\3"), text(bytes(15) + b"\1")) == ("1.2.3.4", "", "::1")
