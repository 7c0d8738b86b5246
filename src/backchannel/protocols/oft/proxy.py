"""The rendezvous proxy: how two clients that cannot reach each other meet at the service's.

    length u16 (of what follows) | version u16 = 044a | type u16 | 0 u32 | flags u16 | body

    CREATE   name8 | cookie 8 | TLV 1 capability      the first client opens a meeting
    CREATED  number u16 | address 4                   which it tells the other in a proposal
    JOIN     name8 | number u16 | cookie 8 | TLV 1    the other one comes
    READY                                             from here on the peers' own protocol

Sources: libpurple peer_proxy.c, peer.h; joscar rvproto/rvproxy; "On Sending Files via OSCAR".
"""

from collections.abc import Iterator

import msgspec

from backchannel.events import ProxyAnswer, ProxyRequest
from backchannel.model import Endpoint
from backchannel.protocols import Output
from backchannel.protocols.oscar import names, wire
from backchannel.reader import Reader, WireError

VERSION = b"\x04\x4a"
HEADER = 12
ERROR, CREATE, CREATED, JOIN, READY = 1, 2, 3, 4, 5
LONGEST = 512
"""More than a screen name, a cookie and a capability need."""
SCHEME = "oscar-rendezvous"


class Guest(msgspec.Struct):
    """Who came to the proxy, as far as this flow tells."""

    account: str = ""
    cookie: bytes = b""
    capability: str = ""


def begins(data: bytes) -> bool | None:
    """Whether a side begins with a proxy frame; None where that takes more bytes to say."""
    if data[:1] not in (b"", b"\0") or not VERSION.startswith(data[2:4]):
        return False
    return True if len(data) >= 4 else None


def take(data: bytes, at: int) -> tuple[int, int, bytes] | None:
    """Return (end, type, body) of the frame at *at*; None where it is not whole yet."""
    if len(data) < at + HEADER:
        return None
    size, kind = int.from_bytes(data[at : at + 2]), int.from_bytes(data[at + 4 : at + 6])
    if data[at + 2 : at + 4] != VERSION or not HEADER - 2 <= size <= LONGEST:
        raise WireError(f"not a proxy frame: {data[at : at + 6].hex()}")
    if not ERROR <= kind <= READY or any(data[at + 6 : at + 10]):
        raise WireError(f"proxy frame of type {kind:04x}")
    end = at + 2 + size
    return (end, kind, data[at + HEADER : end]) if len(data) >= end else None


def tell(guest: Guest, kind: int, body: bytes, server: Endpoint) -> Iterator[Output]:
    """Return what a frame says; remembers in *guest* who came."""
    reader = Reader(body)
    if kind in (CREATE, JOIN):
        guest.account = wire.name8(reader)
        if kind == JOIN:
            reader.skip(2)
        guest.cookie = reader.take(8)
        guest.capability = names.CAPABILITIES.get(wire.tlvs(reader).get(1, b""), "")
        yield ProxyRequest(
            scheme=SCHEME,
            command="create" if kind == CREATE else "join",
            host=server.address,
            port=server.port,
            user=guest.account,
        )
    elif kind == CREATED:
        reader.skip(2)
        yield ProxyAnswer(scheme=SCHEME, accepted=True, code="created", address=reader.ipv4())
    elif kind == READY:
        yield ProxyAnswer(scheme=SCHEME, accepted=True, code="ready")
    else:
        code = reader.u16() if len(reader) >= 2 else 0
        word = names.PROXY_ERRORS.get(code, f"error 0x{code:04x}")
        yield ProxyAnswer(scheme=SCHEME, accepted=False, code=word)


def opening(data: bytes) -> tuple[str | None, int]:
    """Return what the meeting that a side's first frames open is for (None: not told), and where
    these frames end. Raises WireError where they are not proxy frames.
    """
    at, guest, nowhere, wanted = 0, Guest(), Endpoint("", 0), None
    while begins(data[at : at + 4]) and (frame := take(data, at)):
        at, kind, body = frame
        list(tell(guest, kind, body, nowhere))
        if kind in (CREATE, JOIN):
            wanted = guest.capability
    return wanted, at
