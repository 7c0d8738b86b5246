"""The semi-reliable layer over UDP of both networks: datagrams in, whole payloads out.

    DATAGRAM   tag 3 | flags u8 | sequence u16 | part u8 | count u8 | data
    tag        GND Gnutella2, GTA Gnutella
    flags      deflate 01 | acknowledge me 02 | cumulative 10 | extended 20

A count of zero acknowledges a part, and may repeat its flags. gtk-gnutella
doc/gnutella/udp_transceiver (which quotes the Gnutella2 standard); Shareaza's Datagrams. One side
holds at most MAX_PENDING payloads of MAX_SIZE.
"""

from collections import OrderedDict

import msgspec

from backchannel.protocols.deflated import inflate
from backchannel.reader import WireError

HEADER = 8
TAGS = (b"GND", b"GTA")
DEFLATE, ACKNOWLEDGE = 0x01, 0x02
CRITICAL = 0x0F
"""Flags that a receiver must know."""
MAX_PENDING, MAX_SIZE = 8, 65_536
MAX_PAYLOAD = 262_144
MAX_FINISHED = 64


class Datagram(msgspec.Struct, frozen=True, gc=False):
    """One datagram of the layer."""

    tag: bytes
    flags: int
    sequence: int
    part: int
    count: int
    """Parts of the payload; 0 for an acknowledgement."""
    data: bytes


def read_datagram(data: bytes) -> Datagram:
    """Read one datagram. Raises WireError if it does not belong to the layer."""
    if len(data) < HEADER or data[:3] not in TAGS:
        raise WireError("no datagram of the semi-reliable layer")
    part, count, flags = data[6], data[7], data[3]
    if flags & CRITICAL & ~(DEFLATE | ACKNOWLEDGE):
        raise WireError(f"flags {flags:02x}")
    if count and not 0 < part <= count:
        raise WireError(f"part {part} of {count}")
    if not count and len(data) > HEADER + 4:
        raise WireError(f"acknowledgement of {len(data)} bytes")
    return Datagram(data[:3], flags, int.from_bytes(data[4:6], "big"), part, count, data[HEADER:])


class Assembly:
    """Puts the parts of one side's payloads together; parts may come twice and in any order."""

    def __init__(self) -> None:
        self._pending: OrderedDict[int, dict[int, bytes]] = OrderedDict()
        self._finished: OrderedDict[int, None] = OrderedDict()

    def take(self, datagram: Datagram) -> bytes | None:
        """Return the payload that *datagram* completes; None for a part, a repetition or an
        acknowledgement. Raises WireError for one too large or not to be inflated.
        """
        if not datagram.count or datagram.sequence in self._finished:
            return None
        parts = self._pending.setdefault(datagram.sequence, {})
        if len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)
        parts[datagram.part] = datagram.data
        if sum(map(len, parts.values())) > MAX_SIZE:
            del self._pending[datagram.sequence]
            raise WireError(f"payload of more than {MAX_SIZE} bytes")
        if len(parts) < datagram.count:
            return None
        return self._finish(datagram, parts)

    def _finish(self, datagram: Datagram, parts: dict[int, bytes]) -> bytes:
        del self._pending[datagram.sequence]
        self._finished[datagram.sequence] = None
        if len(self._finished) > MAX_FINISHED:
            self._finished.popitem(last=False)
        whole = b"".join(parts[number] for number in sorted(parts))
        return inflate(whole, MAX_PAYLOAD) if datagram.flags & DEFLATE else whole
