"""One QUIC connection: the hellos in its first packets. Then no more.

A claim is proved by the first Initial whose tag verifies. Looked at are DATAGRAMS of a flow, and of
these, while nothing is proved, TRIES that cannot be opened, so that whoever begins with such ones
hides nothing. Holds two streams of a handshake, see `crypto`, and the keys of one connection.
"""

from backchannel.decoder import Decoder
from backchannel.events import Gap, Malformed, NameLearned
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start, in_full
from backchannel.protocols.quic.crypto import CryptoStream
from backchannel.protocols.quic.events import QuicStep
from backchannel.protocols.quic.keys import Keys, proves
from backchannel.protocols.quic.recognise import can_begin, recognise
from backchannel.protocols.quic.versions import EARLY, INITIAL, RETRY, VERSIONS, name_of
from backchannel.protocols.quic.wire import (
    PACKETS,
    Negotiation,
    Packet,
    is_long,
    read_crypto,
    read_negotiation,
    read_packet,
)
from backchannel.protocols.tls import wire as tls
from backchannel.protocols.tls.events import TlsAnswer, TlsHello
from backchannel.protocols.tls.told import tell_answer, tell_hello
from backchannel.reader import WireError

__all__ = ["Session", "prepare", "recognise"]

DATAGRAMS = 32
"""Looked at in all, of both sides. Hellos take two or three each; the rest is for repetitions."""
PATIENCE = 12
"""Looked at behind the client's hello, for the server's."""
TRIES = 8
"""Datagrams that could be a client's first, and cannot be opened."""
_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side


def prepare() -> None:
    """Have the library of ciphers load what it needs."""
    packet = Packet(VERSIONS[1], INITIAL, b"", b"")
    packet.number, packet.end = 1, 64
    Keys(packet.version, b"").open(_CLIENT, bytes(64), packet)


class Session(Decoder):
    """One flow of QUIC."""

    def __init__(self, start: Start) -> None:
        self._hellos, self._answers = in_full(start, TlsHello, TlsAnswer)
        """Which are told in full; for the others their class is enough."""
        self.service = "quic"
        self.standing = _CLAIMED
        self.done = False
        self._left, self._tries = DATAGRAMS, TRIES
        self._keys: Keys | None = None
        self._source = b""
        """The connection ID that the client gave itself."""
        self._client = _CLIENT
        """Which of the flow's sides is QUIC's client: who sent the first Initial that opened."""
        self._said: CryptoStream | None = None
        self._heard: CryptoStream | None = None
        """Of client and server, once a connection is proved; made when there is something."""
        self._hello_seen = self._restarts = self._early = self._broken = False

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take one datagram of *side*; return what it meant."""
        if self.done or self.standing is _REFUTED:
            return []
        out: list[Output] = []
        self._left -= 1
        if is_long(data):
            try:
                self._take(side, data, out)
            except WireError as error:
                self._malformed(error, out)
        if not self._left:
            self._finish()
        return out

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Datagrams have no holes; only a truncated capture says so."""
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """*side* sends no more: what was never proved is withdrawn."""
        self._finish()
        return []

    def _finish(self) -> None:
        self.standing = _PARSED if self._keys is not None else _REFUTED
        self.done = True
        self._said = self._heard = None

    def _malformed(self, error: WireError, out: list[Output]) -> None:
        """Say once that something is not as it should be: anybody can send such datagrams."""
        if self._keys is None:
            self._miss()
        elif not self._broken:
            self._broken = True
            out.append(Malformed(reason=str(error)))

    def _miss(self) -> None:
        """A datagram could have been the first, and proved nothing."""
        self._tries -= 1
        if not self._tries:
            self._finish()

    # -- packets ---------------------------------------------------------------------------------

    def _take(self, side: Side, data: bytes, out: list[Output]) -> None:
        found = read_negotiation(data)
        if found is not None:
            self._negotiated(side, found, out)
            return
        at = 0
        for _ in range(PACKETS):
            packet = read_packet(data, at)
            if packet is None or self.done:
                return
            at = packet.end
            if packet.kind == INITIAL and self._is_client(side):
                self._ask(side, data, packet, out)
            elif packet.kind == INITIAL:
                self._answer(data, packet, out)
            elif packet.kind == RETRY:
                self._retry(side, data, packet, out)
            elif packet.kind == EARLY and not self._early and self._fits(packet):
                self._early = True
                out.append(QuicStep(step="early-data", version=packet.version.name))

    def _is_client(self, side: Side) -> bool:
        return self._keys is None or side is self._client

    def _fits(self, packet: Packet) -> bool:
        """Whether *packet* goes where the client's first one went, which no stranger can know."""
        return self._keys is not None and packet.target == self._keys.connection

    def _negotiated(self, side: Side, found: Negotiation, out: list[Output]) -> None:
        """The server speaks other versions: who can repeat both IDs saw the client's packet."""
        keys = self._keys
        if keys is None or side is self._client or self._restarts:
            return
        if (found.target, found.source) == (self._source, keys.connection):
            self._restarts = True
            offered = tuple(name_of(number) for number in found.versions)
            step = QuicStep(step="version-negotiation", version=keys.version.name, offered=offered)
            out.append(step)

    def _retry(self, side: Side, data: bytes, packet: Packet, out: list[Output]) -> None:
        """The client shall begin again, to another destination, which changes the keys."""
        keys = self._keys
        if keys is None or side is self._client or self._restarts:
            return
        if proves(packet, data, keys.connection):
            self._restarts = True
            out.append(QuicStep(step="retry", version=keys.version.name))
            self._keys = Keys(keys.version, packet.source)

    def _ask(self, side: Side, data: bytes, packet: Packet, out: list[Output]) -> None:
        """Take an Initial of the client, or of who may be it."""
        keys = self._keys
        payload = keys.open(_CLIENT, data, packet) if keys is not None else None
        if payload is None:
            if not can_begin(packet, data):
                return
            made = Keys(packet.version, packet.target)
            payload = made.open(_CLIENT, data, packet)
            if payload is None:
                self._miss()
                return
            self._adopt(side, made, packet)
        if self._hello_seen:
            return
        try:
            self._client_said(payload, out)
        except WireError as error:  # the key opened it: nobody else sent this
            out.append(Malformed(reason=str(error)))
            self._finish()

    def _adopt(self, side: Side, keys: Keys, packet: Packet) -> None:
        """A connection begins: the flow's first, or the next after a negotiation."""
        self._keys, self._client, self._source = keys, side, packet.source
        self._said, self._heard = CryptoStream(), None

    def _answer(self, data: bytes, packet: Packet, out: list[Output]) -> None:
        """Take an Initial of the server, which may have chosen a compatible version (RFC 9368)."""
        keys = self._keys
        assert keys is not None
        if packet.version is not keys.version:
            keys = Keys(packet.version, keys.connection)
        payload = keys.open(_SERVER, data, packet)
        if payload is not None:
            self._server_said(payload, out)

    # -- hellos ----------------------------------------------------------------------------------

    def _client_said(self, payload: bytes, out: list[Output]) -> None:
        assert self._said is not None
        found = _message(self._said, payload)
        if found is None:
            return
        kind, body = found
        if kind != tls.CLIENT_HELLO:
            raise WireError(f"handshake message {kind} where a client hello belongs")
        self._greeted(tls.read_client_hello(body, not self._hellos), out)

    def _greeted(self, hello: tls.ClientHello, out: list[Output]) -> None:
        self._hello_seen = True
        self.standing = _PARSED
        self._left = PATIENCE
        assert self._keys is not None
        if hello.name:  # first, since all else is told only of a name that matters
            out.append(NameLearned(name=hello.name, how="sni"))
        out.append(QuicStep(step="initial", version=self._keys.version.name))
        out.append(tell_hello(hello, "q") if self._hellos else TlsHello)

    def _server_said(self, payload: bytes, out: list[Output]) -> None:
        if self._heard is None:
            self._heard = CryptoStream()
        while (found := _message(self._heard, payload)) is not None:
            payload = b""
            kind, body = found
            if kind != tls.SERVER_HELLO:
                raise WireError(f"handshake message {kind} where a server hello belongs")
            hello = tls.read_server_hello(body)
            if not hello.retry:
                out.append(tell_answer(hello) if self._answers else TlsAnswer)
                self._finish()
                return


def _message(stream: CryptoStream, payload: bytes) -> tuple[int, bytes] | None:
    """Add a payload to what a side said; return the next whole message and its kind."""
    for offset, piece in read_crypto(payload):
        stream.add(offset, piece)
    return stream.next_message()
