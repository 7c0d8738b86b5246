"""The gateway's packets, one or several in a body.

    u16 length of what follows | u16 version 0x0443 | u16 type | u32 0 | u32 connection | data

    2 hello    the gateway's answer to /hello, where six zeros stand in place of the eight bytes
               before the data: session id (16), host (u16 length), port
    3 connect  the client names an OSCAR server: host (u16 length), port
    4 connected, 7 closed          the gateway's answers: a byte, 0 when it went well
    5 data     FLAP frames, cut anywhere
    6 close    the client is done with a connection

Holds one packet, at most 64 KiB. Sources: Miranda `icq_http.cpp`, SIM-IM `proxy.cpp`, Jimm
`Icq.java`.
"""

from collections.abc import Iterator

import msgspec

from backchannel.reader import Reader, WireError

VERSION = b"\x04\x43"
HELLO, CONNECT, CONNECTED, DATA, CLOSE, CLOSED = range(2, 8)
_HEADER, _HELLO_HEADER = 14, 12


class Packet(msgspec.Struct, frozen=True):
    """One packet."""

    kind: int
    connection: int
    """The client counts its connections through the gateway."""
    data: bytes


class Packets:
    """Cuts one body into packets."""

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def waiting(self) -> bool:
        """Whether a packet was begun."""
        return bool(self._held)

    def feed(self, data: bytes) -> Iterator[Packet]:
        """Yield the packets that *data* completes. Raises WireError where they cannot be cut."""
        held, at = self._held, 0
        held += data
        while at + 4 <= len(held):
            size = int.from_bytes(held[at : at + 2], "big")
            if held[at + 2 : at + 4] != VERSION or size < _HEADER - 2:
                raise WireError("not a packet of the HTTP gateway")
            end = at + 2 + size
            if end > len(held):
                break
            kind = int.from_bytes(held[at + 4 : at + 6], "big")
            connection = int.from_bytes(held[at + 10 : at + 14], "big")
            start = at + (_HELLO_HEADER if kind == HELLO else _HEADER)
            yield Packet(kind, connection, bytes(held[start:end]))
            at = end
        del held[:at]


def session_id(reader: Reader) -> str:
    """Read the id that a hello brings, as requests write it."""
    return reader.take(16).hex()


def target(reader: Reader) -> tuple[str, int]:
    """Read a host and a port; 0 where there is no port."""
    host = reader.take(min(reader.u16(), 255)).decode("latin-1")
    return host, reader.u16() if len(reader) >= 2 else 0
