"""Which message a datagram is, and what it means. Nothing is remembered here."""

from typing import NamedTuple

from backchannel.model import Side
from backchannel.protocols import Output, Start
from backchannel.protocols.deflated import inflate
from backchannel.protocols.edonkey import wire
from backchannel.protocols.edonkey_udp import kad, plain
from backchannel.protocols.edonkey_udp.kad import Reads
from backchannel.protocols.edonkey_udp.memory import Memory
from backchannel.reader import Reader, WireError

TABLES = {
    wire.EDONKEY: plain.SERVERS,
    wire.EMULE: plain.CLIENTS,
    wire.KAD: kad.MESSAGES,
    wire.KAD_PACKED: kad.MESSAGES,
}


class Kind(NamedTuple):
    """A kind of datagram."""

    name: str
    reads: Reads
    strong: bool
    """Whether one alone has so much form that it cannot be chance."""


def kind_of(data: bytes) -> Kind | None:
    """Return which kind *data* is; None where there is none such."""
    table = TABLES.get(data[0]) if len(data) > 1 else None
    found = table.get(data[1]) if table else None
    return Kind(*found) if found else None


def read(kind: Kind, data: bytes, memory: Memory, side: Side) -> list[Output]:
    """Return what a datagram of *side* means; raises WireError where it does not fit its kind."""
    body = inflate(data[2:]) if data[0] == wire.KAD_PACKED else data[2:]
    reader = Reader(body)
    told = list(kind.reads(memory, side, reader))
    if reader:
        raise WireError(f"{len(reader)} bytes behind a {kind.name}")
    return told


def fits(data: bytes, start: Start) -> Kind | None:
    """Return which kind *data* is if it can be read to its last byte."""
    kind = kind_of(data)
    try:
        if kind is not None:
            read(kind, data, Memory(start), Side.CLIENT)
    except WireError:
        return None
    return kind
