"""Headers and frames: what is read, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.protocols.quic.build import (
    CLIENT_ID,
    HELLO,
    PING,
    SERVER_ID,
    TARGET,
    V1,
    V2,
    ack,
    crypto,
    early,
    head,
    initial,
    negotiation,
    packets,
    retry,
    varint,
)

from backchannel.protocols.quic import wire
from backchannel.protocols.quic.crypto import LIMIT, PIECES, CryptoStream
from backchannel.protocols.quic.versions import EARLY, INITIAL, RETRY, name_of
from backchannel.reader import Reader, WireError


@pytest.mark.parametrize(
    ("data", "value"),
    [  # RFC 9000 A.1
        ("c2197c5eff14e88c", 151_288_809_941_952_652),
        ("9d7f3e7d", 494_878_333),
        ("7bbd", 15_293),
        ("25", 37),
        ("4025", 37),
    ],
)
def test_integers_of_variable_size(data, value):
    assert wire.varint(Reader(bytes.fromhex(data))) == value


@pytest.mark.parametrize("version", [V1, V2])
def test_packets_stand_one_behind_the_other(version):
    data = initial(crypto(b"x"), size=0, version=version) + early(version=version)
    first, second = packets(data + b"\x40" + bytes(30))
    assert (first.kind, first.target, first.source) == (INITIAL, TARGET, CLIENT_ID)
    assert (second.kind, second.start, second.end) == (EARLY, first.end, len(data))
    (again,) = packets(retry(version=version))
    assert (again.kind, again.source) == (RETRY, SERVER_ID)


def test_what_fills_a_datagram_is_no_packet():
    assert len(packets(initial(PING, size=0) + bytes(1100))) == 1


@pytest.mark.parametrize(
    "data",
    [
        HELLO[:40],
        HELLO[:-1],
        head(0, V1, bytes(21), b"") + varint(0) + varint(40) + bytes(40),
        head(0, V1, bytes(8), bytes(21)) + varint(0) + varint(40) + bytes(40),
        head(0, V1, bytes(8), b"") + varint(90) + varint(40) + bytes(40),
        head(0, V1, bytes(8), b"") + varint(0) + varint(19) + bytes(40),
        head(3, V1, b"", bytes(8)) + bytes(16),
        b"\xc0\x1a\x2a\x3a\x4a" + HELLO[5:],
    ],
)
def test_what_is_no_packet(data):
    with pytest.raises(WireError):
        packets(data)


def test_a_server_tells_its_versions():
    found = wire.read_negotiation(negotiation(0x1A2A3A4A, V1, V2))
    assert found is not None
    assert (found.target, found.source, found.versions) == (CLIENT_ID, TARGET, (0x1A2A3A4A, V1, V2))
    assert [name_of(number) for number in found.versions] == ["1a2a3a4a", "1", "2"]
    assert wire.read_negotiation(HELLO) is None
    assert wire.read_negotiation(b"\xca\0\0") is None
    for broken in (negotiation(), negotiation(V1)[:-1], negotiation(*[V1] * 65)):
        with pytest.raises(WireError):
            wire.read_negotiation(broken)


def test_frames_of_an_initial():
    payload = (
        PING
        + ack(ranges=((1, 2), (3, 4)))
        + crypto(b"abc", 4000)
        + bytes(20)
        + ack(counts=(1, 2, 3))
        + PING
        + crypto(b"d")
        + b"\x1c\x01\0\0"
        + crypto(b"after the close")
    )
    assert wire.read_crypto(payload) == [(4000, b"abc"), (0, b"d")]


@pytest.mark.parametrize(
    "payload",
    [b"\x08\0", b"\x1e", b"\x06\0\x05abcd", b"\x02\0\0\x44\0\0", b"\x02\0\0\x7f\xff\0", b"\x06"],
)
def test_what_no_initial_holds(payload):
    with pytest.raises(WireError):
        wire.read_crypto(payload)


# -- the stream of the handshake -------------------------------------------------------------


def message(size):
    return b"\1" + size.to_bytes(3) + bytes(at % 251 for at in range(size))


@given(st.lists(st.tuples(st.integers(0, 299), st.integers(1, 60)), max_size=30), st.randoms())
def test_pieces_in_any_order_and_overlapping(cuts, random):
    whole = message(296)
    pieces = [*cuts, *((at, 30) for at in range(0, 300, 30))]
    random.shuffle(pieces)
    stream = CryptoStream()
    told = None
    for at, size in pieces:
        stream.add(at, whole[at : at + size])
        told = told or stream.next_message()
    assert told == (1, whole[4:])


def test_messages_come_one_by_one_and_bytes_that_came_first_stay():
    stream = CryptoStream()
    stream.add(0, message(5) + message(3)[:2])
    assert stream.next_message() == (1, bytes(range(5)))
    assert stream.next_message() is None
    stream.add(4, b"changed")
    assert stream.next_message() is None
    stream.add(11, message(3)[2:])
    assert stream.next_message() == (1, bytes(range(3)))


def test_of_pieces_that_wait_the_longest_counts():
    for sizes in ((2, 8), (8, 2)):
        stream = CryptoStream()
        for size in sizes:
            stream.add(10, message(14)[10 : 10 + size])
        stream.add(0, message(14)[:10])
        assert stream.next_message() == (1, bytes(range(14)))


def test_the_bounds_of_a_stream():
    stream = CryptoStream()
    stream.add(LIMIT - 1, b"x")
    with pytest.raises(WireError):
        stream.add(LIMIT - 1, b"xy")
    for at in range(2, PIECES + 1):
        stream.add(2 * at, b"x")
    with pytest.raises(WireError):
        stream.add(1, b"x")
