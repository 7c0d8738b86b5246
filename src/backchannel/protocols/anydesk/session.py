"""Discovery datagrams, in clear: who is there. Datagrams in, events out.

    3e d1 01 | number u32 | 0 u32 | 02 | system u8 | host | user | text | text | 00 | text
        | 02 | port u16

Big-endian; a text is a length u32 and so many bytes. Old programs print the names as a format, so
that one with `%n` in it writes to their memory (CVE-2020-13160). Held: what was told last.
"""

from typing import NamedTuple

from backchannel.events import Anomaly, Gap
from backchannel.model import Claim, More, Side, Standing
from backchannel.patterns import later
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.anydesk import connection
from backchannel.protocols.anydesk.events import AnydeskAnnounced
from backchannel.reader import Reader, WireError
from backchannel.text import utf8

_MAGIC, _KIND = b"\x3e\xd1\x01", 2
_LINUX = 2
_LONGEST = 1024
_WRITES = later(rb"%[0-9$*.\-]{0,24}[hlLqjzt]{0,2}n")
TOLD = 64
"""Machines that one flow tells of."""


class Announcement(NamedTuple):
    """One datagram."""

    host: bytes
    user: bytes
    system: int


def read(data: bytes) -> Announcement:
    """Read a datagram. Raises WireError for anything else."""
    reader = Reader(data)
    if reader.take(3) != _MAGIC:
        raise WireError("no discovery")
    reader.skip(8)
    if reader.u8() != _KIND:
        raise WireError("another kind of discovery")
    system, host, user = reader.u8(), _text(reader), _text(reader)
    _text(reader)
    _text(reader)
    reader.skip(1)
    _text(reader)
    if reader.u8() != _KIND or not reader.u16():
        raise WireError("no port to answer to")
    return Announcement(host, user, system)


def _text(reader: Reader) -> bytes:
    size = reader.u32()
    if size > _LONGEST:
        raise WireError(f"text of {size} bytes")
    return reader.take(size)


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a whole announcement, or a connection whose TLS is AnyDesk's."""
    if peek.transport == "tcp":
        return connection.recognise(peek)
    if peek.transport != "udp":
        return None
    try:
        read(peek.client)
    except WireError:
        return None
    return Claim("anydesk", evidence="discovery 3e d1 01, whole")


class Discovery:
    """The datagrams of one flow, most of which go to a group or to everybody."""

    def __init__(self, start: Start) -> None:  # noqa: ARG002 - nothing of it is needed
        self.service = "anydesk"
        self.standing = Standing.CLAIMED
        self.done = False
        self._told: set[Announcement] = set()

    def feed(self, side: Side, data: bytes) -> list[Output]:  # noqa: ARG002 - any side's
        """Take one datagram."""
        try:
            found = read(data)
        except WireError:
            return []
        self.standing = Standing.PARSED
        if found in self._told or len(self._told) >= TOLD:
            return []
        self._told.add(found)
        system = "linux" if found.system == _LINUX else str(found.system)
        told: list[Output] = [
            AnydeskAnnounced(host=utf8(found.host), user=utf8(found.user), system=system)
        ]
        if _WRITES.search(found.host) or _WRITES.search(found.user):
            told.append(Anomaly(kind="anydesk-format-string", detail="CVE-2020-13160"))
        return told

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - any side's
        """Datagrams have no holes; only a truncated capture says so."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is summed up."""
        return []


def Session(start: Start) -> connection.Session | Discovery:  # noqa: N802 - what a decoder is called
    """Return the decoder of one flow."""
    return connection.Session(start) if start.transport == "tcp" else Discovery(start)
