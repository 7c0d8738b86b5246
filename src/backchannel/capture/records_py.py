"""Cuts captures into packets: pcap and pcapng framing, in plain Python.

The twin of the compiled `records`, and the oracle of its tests. Sources: draft-ietf-opsawg-pcap,
draft-ietf-opsawg-pcapng.

    pcap     magic u32 | version 2+2 | zone, sigfigs 4+4 | snap length u32 | link type u32
             then: seconds u32 | fraction u32 | captured u32 | original u32 | bytes
    pcapng   blocks: type u32 | length u32 | body | length u32
"""

import struct
from collections.abc import Iterator

MAX_RECORD = 16 << 20
"""Longest record or block that is read; anything longer is taken for damage."""
MAX_INTERFACES = 65_536
"""Interfaces of one pcapng section; a file with more is taken for damage."""
LATEST = (1 << 63) - 1

Packet = tuple[int, int, memoryview, int]

_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    # Kuznetzov's variant: eight more bytes in each record
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
}
SECTION, INTERFACE, OLD_PACKET, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6
_ORDERS = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}


class Chunk:
    """Whole packets, in order: time, link type, captured bytes, size on the wire."""

    def __init__(self, packets: list[Packet]) -> None:
        self._packets = packets

    def __len__(self) -> int:
        """Packets in it."""
        return len(self._packets)

    def __iter__(self) -> Iterator[Packet]:
        """Yield (nanoseconds since 1970, link type, captured bytes, size on the wire)."""
        return iter(self._packets)


class _Damaged(Exception):  # noqa: N818 - a verdict
    """Nothing can be read from here on."""


class _NoInterface(Exception):  # noqa: N818 - a verdict
    """A packet of which nobody knows what it is; its block is whole."""


class Records:
    """One capture's framing: what its headers said, and how far it was good."""

    def __init__(self, head: bytes) -> None:
        """*head*: the first 24 bytes. Raises ValueError when they begin no capture, EOFError when
        they may, and are fewer.
        """
        self.offset = 0
        self.damage = ""
        self.left_out = self.left_out_at = self.left_out_interface = 0
        self._interfaces: list[tuple[int, int, int, int]] = []  # link, snap, resolution, offset
        self._last = 0
        magic = bytes(head[:4])
        if magic == b"\x0a\x0d\x0d\x0a":
            self._order, self._header = "<", 0
            self.needed = 12
        elif magic in _PCAP:
            if len(head) < 24:
                raise EOFError("cut off within the file's header")
            self._order, self._tick, self._header = _PCAP[magic]
            self._link = struct.unpack(self._order + "I", head[20:24])[0] & 0xFFFF
            self.needed = 24
        else:
            raise ValueError("neither pcap nor pcapng")

    def cut(self, data: memoryview, size: int) -> Chunk:
        """Cut the whole records among the first *size* bytes; `offset` moves past them."""
        packets: list[Packet] = []
        at = 0
        if self._header and not self.offset:
            if size < 24:
                return Chunk([])
            at = self.offset = 24
            self.needed = self._header
        step = self._record if self._header else self._block
        while not self.damage:
            try:
                used, packet = step(data[at:size])
            except _Damaged as reason:
                self.damage = str(reason)
                break
            except _NoInterface as which:
                self._leave_out(*which.args)
                used, packet = self.needed, None
            if not used:
                break
            at += used
            self.offset += used
            if packet is not None:
                packets.append(packet)
        return Chunk(packets)

    def _leave_out(self, interface: int) -> None:
        if not self.left_out:
            self.left_out_at, self.left_out_interface = self.offset, interface
        self.left_out += 1

    def _record(self, data: memoryview) -> tuple[int, Packet | None]:
        self.needed = self._header
        if len(data) < self._header:
            return 0, None
        seconds, fraction, captured, original = struct.unpack_from(self._order + "IIII", data)
        if captured > MAX_RECORD:
            raise _Damaged(f"record of {captured} bytes")
        self.needed = self._header + captured
        if len(data) < self.needed:
            return 0, None
        time = seconds * 1_000_000_000 + fraction * self._tick
        return self.needed, (time, self._link, data[self._header : self.needed], original)

    def _block(self, data: memoryview) -> tuple[int, Packet | None]:
        self.needed = 12
        if len(data) < 12:
            return 0, None
        if bytes(data[:4]) == b"\x0a\x0d\x0d\x0a":
            order = _ORDERS.get(bytes(data[8:12]))
            if order is None:
                raise _Damaged("section without byte-order magic")
            self._order = order
            self._interfaces = []
        kind, size = struct.unpack_from(self._order + "II", data)
        if size < 12 or size % 4 or size > MAX_RECORD:
            raise _Damaged(f"block of {size} bytes")
        self.needed = size
        if len(data) < size:
            return 0, None
        if struct.unpack_from(self._order + "I", data, size - 4)[0] != size:
            raise _Damaged("block whose two lengths differ")
        return size, self._body(kind, data[8 : size - 4])

    def _body(self, kind: int, body: memoryview) -> Packet | None:
        if kind == SECTION:
            if len(body) < 16:
                raise _Damaged("short section header")
            major = struct.unpack_from(self._order + "H", body, 4)[0]
            if major != 1:
                raise _Damaged(f"pcapng version {major}")
        elif kind == INTERFACE:
            self._interface(body)
        elif kind == ENHANCED:
            if len(body) < 20:
                raise _Damaged("short packet block")
            which, high, low, captured, original = struct.unpack_from(self._order + "5I", body)
            return self._packet(which, high << 32 | low, body[20:], captured, original)
        elif kind == OLD_PACKET:
            if len(body) < 20:
                raise _Damaged("short packet block")
            which, _, high, low, captured, original = struct.unpack_from(self._order + "2H4I", body)
            return self._packet(which, high << 32 | low, body[20:], captured, original)
        elif kind == SIMPLE:
            return self._simple(body)
        return None

    def _interface(self, body: memoryview) -> None:
        if len(body) < 8:
            raise _Damaged("short interface block")
        if len(self._interfaces) >= MAX_INTERFACES:
            raise _Damaged("too many interfaces")
        link, _, snap = struct.unpack_from(self._order + "HHI", body)
        resolution, offset = 6, 0
        at = 8
        while len(body) - at >= 4:
            code, size = struct.unpack_from(self._order + "HH", body, at)
            value = body[at + 4 : at + 4 + size]
            if code == 0 or len(value) < size:
                break
            if code == 9 and size == 1:
                resolution = value[0]
            elif code == 14 and size == 8:
                offset = struct.unpack(self._order + "q", value)[0]
            at += 4 + (size + 3 & ~3)
        self._interfaces.append((link, snap, resolution, offset))

    def _packet(
        self, which: int, units: int, data: memoryview, captured: int, original: int
    ) -> Packet:
        if which >= len(self._interfaces):
            raise _NoInterface(which)
        if captured > len(data):
            raise _Damaged(f"packet of {captured} bytes in a shorter block")
        link, _, resolution, offset = self._interfaces[which]
        self._last = nanoseconds(units, resolution, offset)
        return self._last, link, data[:captured], original

    def _simple(self, body: memoryview) -> Packet:
        if len(body) < 4:
            raise _Damaged("short packet block")
        if not self._interfaces:
            raise _NoInterface(0)
        link, snap, _, _ = self._interfaces[0]
        original = struct.unpack_from(self._order + "I", body)[0]
        captured = min(original, len(body) - 4, snap or original)
        return self._last, link, body[4 : 4 + captured], original


def nanoseconds(units: int, resolution: int, offset: int) -> int:
    """Return nanoseconds since 1970: *resolution* is if_tsresol, *offset* if_tsoffset."""
    exponent = resolution & 0x7F
    if resolution & 0x80:
        time = units * 1_000_000_000 >> exponent
    elif exponent <= 9:
        time = units * 10 ** (9 - exponent)
    else:
        time = units // 10 ** (exponent - 9)
    return max(0, min(time + offset * 1_000_000_000, LATEST))
