"""The connection of a multipoint service (ITU-T T.125), and the conference in it (T.124).

    7f 65   Connect-Initial: BER; two selectors, a flag, three sets of parameters, user data
    7f 66   Connect-Response: BER; result, id, parameters, user data
    64, 68  send data request, indication: PER; initiator u16, channel u16, priority, length, data

The user data of a connection opens with T.124's object identifier, then a PER-encoded message whose
first bits say what is asked: create, query, join or invite. Remote desktops (MS-RDPBCGR §2.2.1.3)
ride on the same and mark their own data with `Duca` and `McDn`.
"""

from typing import NamedTuple

from backchannel.reader import Reader, WireError

INITIAL, RESPONSE = b"\x7f\x65", b"\x7f\x66"
_SEND = {0x64, 0x68}
_OCTETS, _BOOLEAN, _SEQUENCE, _ENUMERATED, _INTEGER = 0x04, 0x01, 0x30, 0x0A, 0x02
_BEFORE_DATA = {
    INITIAL: (_OCTETS, _OCTETS, _BOOLEAN, _SEQUENCE, _SEQUENCE, _SEQUENCE),
    RESPONSE: (_ENUMERATED, _INTEGER, _SEQUENCE),
}
_CONFERENCE = b"\x00\x05\x00\x14\x7c\x00\x01"
"""T.124's identifier { 0 0 20 124 0 1 } as a PER key of five bytes."""
ASKED = (
    "create",
    "created",
    "query",
    "queried",
    "join",
    "joined",
    "invite",
    "invited",
)
DESKTOP = {True: b"Duca", False: b"McDn"}
_MARK_WITHIN = 64


class Connect(NamedTuple):
    """The user data of a connection, either way."""

    initial: bool
    data: bytes

    @property
    def desktop(self) -> bytes | None:
        """What a remote desktop says here; None for a conference of another kind."""
        mark = DESKTOP[self.initial]
        at = self.data.find(mark, 0, _MARK_WITHIN)
        return None if at < 0 else _counted(self.data[at + len(mark) :])

    @property
    def asked(self) -> str:
        """What T.124 is asked or answers; empty where the data is not T.124's."""
        key, rest = self.data[: len(_CONFERENCE)], Reader(self.data, len(_CONFERENCE))
        if key != _CONFERENCE or len(rest) < 2:
            return ""
        rest.skip(2 if rest.peek(1)[0] & 0x80 else 1)
        return ASKED[rest.u8() >> 4 & 7] if rest else ""


def read_connect(data: bytes) -> Connect:
    """Read a Connect-Initial or -Response. Raises WireError where *data* is neither."""
    kind, reader = data[:2], Reader(data, 2)
    if kind not in (INITIAL, RESPONSE):
        raise WireError("not an MCS connection")
    body = reader.sub(_length(reader))
    for tag in _BEFORE_DATA[kind]:
        _field(body, tag)
    return Connect(kind == INITIAL, _field(body, _OCTETS))


def _field(reader: Reader, tag: int) -> bytes:
    """Read one BER field that must have *tag* (T.125 §7)."""
    if (found := reader.u8()) != tag:
        raise WireError(f"BER field {found:02x} where {tag:02x} must be")
    return reader.take(_length(reader))


def _length(reader: Reader) -> int:
    """Read a BER length of at most two bytes (X.690 §8.1.3)."""
    first = reader.u8()
    if first < 0x80:
        return first
    if first not in (0x81, 0x82):
        raise WireError(f"BER length of form {first:02x}")
    return reader.u8() if first == 0x81 else reader.u16()


def read_sent(data: bytes) -> tuple[int, bytes] | None:
    """Return (channel, bytes) of a send data unit (T.125 §7 part 10); None for any other."""
    if len(data) < 8 or data[0] not in _SEND:
        return None
    return int.from_bytes(data[3:5], "big"), _counted(data[6:])


def _counted(data: bytes) -> bytes:
    """Return the bytes behind a PER length determinant (X.691 §10.9), as far as they go."""
    if not data:
        return b""
    if data[0] & 0x80:
        size = int.from_bytes(data[:2], "big") & 0x3FFF
        return data[2 : 2 + size]
    return data[1 : 1 + data[0]]
