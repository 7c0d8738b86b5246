"""AnyDesk's connections, with relays and between programs, as their TLS shows them. Bytes in,
events out.

AnyDesk asks with OpenSSL's ciphers, for no name, and says its version in the ALPN of connections
to relays. Certificates stand in clear, as they do before TLS 1.3: programs show each other one of
their own make for "AnyDesk Client", relays one for "AnyNet Relay" by AnyDesk's own authority.
Either side's proves it. Nothing else is read.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from backchannel.events import Gap, Software
from backchannel.model import LATER, MORE, Claim, More, Side, Standing
from backchannel.protocols import PEEK_LIMIT, Output, Peek, Start
from backchannel.protocols.anydesk.events import AnydeskConnection
from backchannel.protocols.tls import wire as tls
from backchannel.protocols.tls.certificate import names_in
from backchannel.reader import WireError
from backchannel.text import utf8

_ALPN = b"anydesk/"
_PROGRAM, _RELAY = "AnyDesk Client", "AnyNet Relay"
_AUTHORITIES = ("AnyNet Root CA", "philandro Software GmbH", "AnyDesk Software GmbH")
Shown = Literal["program", "relay", ""]


class Hello(NamedTuple):
    """What the client's first message says."""

    version: bytes
    """Behind `anydesk/` in the ALPN; empty where there is none."""
    named: bool
    """It asks for a host's name, as AnyDesk does not where only its certificate tells."""


def read_hello(data: bytes) -> Hello | None:
    """Read the client's hello; None: "need more". Raises WireError for anything else."""
    for kind, body in _messages(data):
        if kind != tls.CLIENT_HELLO:
            break
        hello = tls.read_client_hello(body)
        said = (each[len(_ALPN) :] for each in hello.alpn if each.startswith(_ALPN))
        return Hello(next(said, b""), bool(hello.name))
    else:
        if len(data) < PEEK_LIMIT:
            return None
    raise WireError("no client hello")


def shown(data: bytes) -> Shown | None:
    """Return whose certificate a side shows; empty for nobody's, None: "need more"."""
    try:
        for kind, body in _messages(data):
            if kind == tls.CERTIFICATE:
                names, issuer = names_in(tls.read_certificate(body))
                if _PROGRAM in names and issuer == _PROGRAM:
                    return "program"
                return "relay" if _RELAY in names and issuer in _AUTHORITIES else ""
    except WireError:
        return ""
    return None if len(data) < PEEK_LIMIT else ""


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the messages of the handshake, as far as they are whole and in clear. What is no record
    raises WireError, behind the messages before it.
    """
    buffer, at = bytearray(data), 0
    handshake, place = bytearray(), 0
    while (record := tls.read_record(buffer, at)) is not None and record[0] == tls.HANDSHAKE:
        _, start, at = record
        handshake += buffer[start:at]
        while (message := tls.read_message(handshake, place)) is not None:
            end = place + tls.HEAD + message[1]
            if end > len(handshake):
                break
            yield message[0], bytes(handshake[place + tls.HEAD : end])
            place = end


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a connection by the hello's ALPN, or by a certificate of either side where the hello
    asks for no name.
    """
    try:
        hello = read_hello(peek.client) if peek.client else None
    except WireError:
        return None
    if hello is None:
        return MORE
    if hello.version:
        return Claim("anydesk", evidence=f"ALPN anydesk/{utf8(hello.version)[:32]}", sure=True)
    if hello.named:
        return None
    found = [shown(data) for data in (peek.server, peek.client) if data]
    if whose := next((each for each in found if each), None):
        name = _RELAY if whose == "relay" else _PROGRAM
        return Claim("anydesk", evidence=f"certificate of {name}", sure=True)
    return None if "" in found else LATER  # now it is the server's turn


class Session:
    """One connection. Held: the first PEEK_LIMIT bytes of each side, until its certificate came."""

    def __init__(self, start: Start) -> None:  # noqa: ARG002 - nothing of it is needed
        self.service = "anydesk"
        self.standing = Standing.CLAIMED
        self.done = False
        self._seen = [bytearray(), bytearray()]
        self._told = False

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if self.done:
            return []
        seen = self._seen[side]
        seen += data[: PEEK_LIMIT - len(seen)]
        told: list[Output] = []
        if side is Side.CLIENT and not self._told:
            told += self._hello(bytes(seen))
        whose = shown(bytes(seen))
        if whose:
            self.standing = Standing.PARSED
            self._leave()
            told.append(
                AnydeskConnection(shown=whose, by="client" if side is Side.CLIENT else "server")
            )
        elif all(len(each) >= PEEK_LIMIT for each in self._seen):
            self._leave()
        return told

    def _hello(self, data: bytes) -> list[Output]:
        try:
            hello = read_hello(data)
        except WireError:
            return []
        if hello is None:
            return []
        self._told = True
        if not hello.version:
            return []
        version, _, system = utf8(hello.version).partition("/")
        return [Software(name="AnyDesk", version=f"{version} {system}".strip(), role="client")]

    def _leave(self) -> None:
        self.done = True
        for each in self._seen:
            each.clear()

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - of either side
        """*size* bytes of *side* were never seen: its records behind them cannot be told apart."""
        self._leave()
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is summed up."""
        return []
