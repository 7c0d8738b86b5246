"""TPKT and X.224 class 0, which carry T.120 conferences and remote desktops. Bytes in, values out.

    TPKT   version 3 u8 | reserved u8 | length u16, header included                    RFC 1006 §6
    X.224  length u8, itself not included | code u8 | ...                         ITU-T X.224 §13
           e0 connection request, d0 confirm: destination u16 | source u16 | class u8 | parameters
           f0 data: end mark u8 | the upper layer's bytes

A `Packets` holds at most one packet of 64 KiB.
"""

import re

from backchannel.reader import WireError, cut, cut_buffer

REQUEST, CONFIRM, DATA = 0xE0, 0xD0, 0xF0
_VERSION, _HEADER, _LEAST = 3, 4, 7
_DATA_PACKET = re.compile(rb"\x03\x00..\x02\xf0\x80", re.DOTALL)


class Unit:
    """One X.224 unit."""

    __slots__ = ("body", "code")

    def __init__(self, code: int, body: bytes) -> None:
        """*body* is what follows the class of REQUEST and CONFIRM, the upper layer's bytes of
        DATA.
        """
        self.code, self.body = code, body


class Packets:
    """Cuts the bytes of one side into X.224 units."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._seeking = False

    def add(self, data: bytes) -> None:
        """Take bytes."""
        held = self._held
        held += data

    def take(self) -> Unit | None:
        """Cut off the next whole unit; None: "need more". Raises WireError where it is no TPKT."""
        held = self._held
        if self._seeking and not self._found():
            return None
        size = _size(cut_buffer(held, 0, _HEADER), 0, len(held))
        if not size:
            return None
        packet = cut_buffer(held, _HEADER, size)
        del held[:size]
        return read_unit(packet)

    def gap(self) -> None:
        """Bytes are missing: go on at the next packet of data."""
        self._held.clear()
        self._seeking = True

    def _found(self) -> bool:
        """Drop what stands before the next packet of data; say whether there is one."""
        if (found := _DATA_PACKET.search(self._held)) is None:
            del self._held[: -_LEAST + 1]
            return False
        del self._held[: found.start()]
        self._seeking = False
        return True


def _size(data: bytes, at: int, left: int) -> int:
    """Return the size of the TPKT that begins *at* an offset; 0 where not all of it is in the
    *left* bytes. Raises WireError if it is not one.
    """
    if left and data[at] != _VERSION:
        raise WireError(f"TPKT must start with 03, got {data[at]:02x}")
    if left < _HEADER:
        return 0
    size = data[at + 2] << 8 | data[at + 3]
    if size < _LEAST:
        raise WireError(f"TPKT of {size} bytes")
    return size if left >= size else 0


def read_unit(packet: bytes) -> Unit:
    """Read the X.224 unit of one TPKT. Raises WireError if it is not of class 0."""
    length, code = packet[0], packet[1] & 0xF0
    if code in (REQUEST, CONFIRM):
        if length != len(packet) - 1 or length < 6 or packet[6] & 0xF0:
            raise WireError("X.224 connection of another class or length")
        return Unit(code, cut(packet, 7, len(packet)))
    return Unit(code, cut(packet, 3 if code == DATA and length == 2 else 2, len(packet)))


def is_whole(data: bytes) -> bool:
    """Say whether *data* ends where a packet ends."""
    at = 0
    while len(data) - at > _HEADER:
        at += max(int.from_bytes(data[at + 2 : at + 4]), _HEADER)
    return at == len(data)


def units(data: bytes) -> tuple[list[Unit], bool]:
    """Return the whole units at the front of *data*, and whether all of it fits."""
    found: list[Unit] = []
    at = 0
    try:
        while size := _size(data, at, len(data) - at):
            found.append(read_unit(cut(data, at + _HEADER, at + size)))
            at += size
    except WireError:
        return found, False
    return found, True
