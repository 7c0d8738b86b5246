"""One link of Tor's: what TLS shows of it. Bytes in, events out.

Nothing is read once the certificate or the sizes of records have proved the claim, or have refuted
it; nor after RECORDS records. Held: of each side one record, below 19 KiB, until it is passed over,
and of the server one message of the handshake, at most 64 KiB.
"""

from backchannel.events import Gap
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start, in_full
from backchannel.protocols.tls import wire as tls
from backchannel.protocols.tls.certificate import names_in
from backchannel.protocols.tls.events import TlsAnswer, TlsHello
from backchannel.protocols.tls.told import tell_answer, tell_hello
from backchannel.protocols.tor import wire
from backchannel.protocols.tor.events import TorLink
from backchannel.protocols.tor.wire import Sizes
from backchannel.reader import WireError

RECORDS = 24


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a client's hello of Tor's shape."""
    if peek.transport != "tcp":
        return None
    try:
        hello = wire.read_hello(peek.client)
    except WireError:
        return None
    if hello is None:
        return MORE
    if not wire.shape(hello):
        return None
    return Claim("tor", evidence=f"TLS hello with Tor's ciphers, for the random name {hello.name}")


class Session:
    """Both sides of one link."""

    def __init__(self, start: Start) -> None:
        self._hellos, self._answers = in_full(start, TlsHello, TlsAnswer)
        """Which are told in full; for the others their class is enough."""
        self.service = "tor"
        self.standing = Standing.CLAIMED
        self.done = False
        self._records = {side: bytearray() for side in Side}
        self._handshake = bytearray()
        """The server's messages."""
        self._seen = 0
        self._name = ""
        self._sizes: Sizes | None = None
        """From when the server chose TLS 1.3."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if self.done:
            return []
        told: list[Output] = []
        buffer = self._records[side]
        buffer += data
        try:
            at = 0
            while not self.done and (found := tls.read_record(buffer, at)) is not None:
                kind, start, at = found
                self._record(side, kind, bytes(buffer[start:at]), told)
                self._seen += 1
                if self._seen >= RECORDS:
                    self._leave()
            del buffer[:at]
        except WireError:
            self._refute()
        return told

    def _record(self, side: Side, kind: int, body: bytes, told: list[Output]) -> None:
        if side is Side.SERVER:
            if kind == tls.HANDSHAKE and self._sizes is None:
                self._answer(body, told)
        elif not self._name:
            self._hello(body, told)
        elif kind == tls.DATA and self._sizes is not None:
            fits = self._sizes.add(len(body))
            if fits is not None:
                self._prove(fits, TorLink(name=self._name, proof="cells"), told)

    def _hello(self, body: bytes, told: list[Output]) -> None:
        if len(body) < 4:
            raise WireError("no client hello")
        hello = tls.read_client_hello(body[4:])
        if not wire.shape(hello):
            raise WireError("not Tor's hello")
        self._name = hello.name
        told.append(tell_hello(hello) if self._hellos else TlsHello)

    def _answer(self, body: bytes, told: list[Output]) -> None:
        messages = self._handshake
        messages += body
        while self._sizes is None and not self.done:
            found = tls.read_message(messages)
            if found is None or len(messages) < 4 + found[1]:
                return
            kind, size = found
            message = bytes(messages[4 : 4 + size])
            del messages[: 4 + size]
            if kind == tls.SERVER_HELLO:
                self._chosen(tls.read_server_hello(message), told)
            elif kind == tls.CERTIFICATE:
                names, issuer = names_in(tls.read_certificate(message))
                fits = wire.names_relay(names, issuer)
                self._prove(fits, TorLink(name=self._name, proof="certificate"), told)

    def _chosen(self, hello: tls.ServerHello, told: list[Output]) -> None:
        if hello.retry:
            return
        told.append(tell_answer(hello) if self._answers else TlsAnswer)
        if hello.version >= tls.TLS13:
            self._sizes = Sizes()

    def _prove(self, fits: bool, link: TorLink, told: list[Output]) -> None:
        if not fits:
            self._refute()
            return
        self.standing = Standing.PARSED
        told.append(link)
        self._leave()

    def _refute(self) -> None:
        self.standing = Standing.REFUTED
        self._leave()

    def _leave(self) -> None:
        self.done = True
        self._handshake.clear()
        for buffer in self._records.values():
            buffer.clear()

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - of either side
        """*size* bytes of *side* were never seen: the records after them cannot be told apart."""
        self._leave()
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is summed up."""
        return []
