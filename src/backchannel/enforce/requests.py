"""What a parser may ask of the process that sends packets: resets and ICMP messages, nothing else.

The parser reads hostile bytes, so that its requests are input like any other: typed, bounded, and
held against the never-block list once more (`sender`). No request says what a packet holds, only
which connection it is about.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

MOST_NUMBERS = 4
LARGEST = 2048
"""Bytes of a request."""

Address = Annotated[bytes, Meta(min_length=4, max_length=16)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Number = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]


class Wire(msgspec.Struct, frozen=True, array_like=True):
    """Where in the wire the one that is told sits, as far as the packet that was seen shows it."""

    tags: Annotated[bytes, Meta(max_length=8)] = b""
    """VLAN tags, four bytes each."""
    hop: Annotated[bytes, Meta(max_length=6)] = b""
    """Ethernet address of whoever hands packets on to it; empty where the link tells none."""


class Reset(msgspec.Struct, frozen=True, array_like=True, tag="reset"):
    """Tell *target* that the TCP connection to *source* is over."""

    source: Address
    target: Address
    source_port: Port
    target_port: Port
    numbers: Annotated[tuple[Number, ...], Meta(min_length=1, max_length=MOST_NUMBERS)]
    """Sequence numbers, the likeliest first."""
    ack: Number | None = None
    wire: Wire = Wire()


class Probe(msgspec.Struct, frozen=True, array_like=True, tag="probe"):
    """Have *target* say what it waits for: an acknowledgement without data, as a keep-alive's."""

    source: Address
    target: Address
    source_port: Port
    target_port: Port
    number: Number
    ack: Number
    wire: Wire = Wire()


class Unreachable(msgspec.Struct, frozen=True, array_like=True, tag="unreachable"):
    """Tell the sender of a datagram that it does not arrive."""

    quoted: Annotated[bytes, Meta(min_length=20, max_length=1280)]
    """The beginning of the datagram, from its IP header."""
    wire: Wire = Wire()


Request = Reset | Probe | Unreachable

encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Request).decode


def decode(data: bytes) -> Request:
    """Return the request in *data*. Raises ValueError if it holds none."""
    made: Request = _decode(data)
    if not isinstance(made, Unreachable) and not (len(made.source) == len(made.target) in {4, 16}):
        raise ValueError("addresses of no IP version, or of two")
    if len(made.wire.tags) % 4 or len(made.wire.hop) not in {0, 6}:
        raise ValueError("no tags, or no Ethernet address")
    return made
