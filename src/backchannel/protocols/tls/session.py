"""One TLS connection: the hellos and, before TLS 1.3, the server's certificate. Then no more.

A hello may come in any number of segments and records. Holds, of each side until its part is read,
at most one record and one handshake message: below 85 KiB.
"""

import re

from backchannel.decoder import Decoder
from backchannel.events import Gap, Malformed, NameLearned
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.patterns import later
from backchannel.protocols import Output, Peek, Start, in_full
from backchannel.protocols.tls import wire
from backchannel.protocols.tls.certificate import names_in
from backchannel.protocols.tls.events import TlsAnswer, TlsCertificate, TlsHello
from backchannel.protocols.tls.told import tell_answer, tell_hello
from backchannel.protocols.tls.wire import (
    CERTIFICATE,
    CLIENT_HELLO,
    DATA,
    HANDSHAKE,
    SERVER_DONE,
    SERVER_HELLO,
    read_certificate,
    read_client_hello,
    read_message,
    read_record,
    read_server_hello,
)
from backchannel.reader import WireError, cut_buffer

NAMES = 8
"""Names of a certificate that are told on; those of the big carriers have hundreds."""
_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side
_HELLOS = (CLIENT_HELLO, SERVER_HELLO)
_SSL2 = 0x80
_TELLING = 6
"""Bytes of a handshake's first message that show which it is."""
_SHORTEST, _MOST, _LONGEST = 38, wire.MAX_MESSAGE, wire.MAX_RECORD
"""Bytes of a hello at least, of one at most, and of a record."""
_BY_CLIENT = Claim("tls", evidence="TLS client hello")
_BY_SERVER = Claim("tls", evidence="TLS server hello")
_ANSWER = later(rb"\x16\x03[\x00-\x04]..\x02|\x15\x03[\x00-\x04]\x00\x02[\x01\x02]", re.DOTALL)
"""How a record with a server's hello begins, or with an alert instead."""
PATIENCE = 131_072
"""Bytes of a side, its longest hello among them, after which the other is no longer waited for."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim what opens with a client's hello, or, from the other side, a server's."""
    if peek.transport != "tcp" or not (peek.client or peek.server):
        return None
    client, server = _opening(peek.client), _opening(peek.server)
    if client == CLIENT_HELLO and (server in (MORE, SERVER_HELLO, 0) or not peek.begun):
        return _BY_CLIENT
    if server == SERVER_HELLO and not peek.client:
        return _BY_SERVER
    if not peek.begun and (client == SERVER_HELLO or server == CLIENT_HELLO):
        fits = client in (MORE, SERVER_HELLO) and server in (MORE, CLIENT_HELLO)
        return Claim("tls", evidence="TLS hello", flipped=True) if fits else None
    return MORE if client == MORE and server in (MORE, SERVER_HELLO, 0) else None


def _opening(data: bytes) -> int | More | None:
    """Return which hello *data* opens with; 0 for an alert, MORE while it fits, None if neither."""
    if not data:
        return MORE
    if data[0] == _SSL2:
        return _ssl2_opening(data)
    if _is_one_record(data):
        return _hello(data[5], data[9], data[6] << 16 | data[7] << 8 | data[8])
    handshake, at = bytearray(), 0
    try:
        while (record := _record_start(data, at)) is not None and len(handshake) < _TELLING:
            kind, start, end = record
            if kind == wire.ALERT and not handshake:
                return 0
            if kind != HANDSHAKE:
                return None
            handshake += data[start:end]
            at = end
    except WireError:
        return None
    if len(handshake) < _TELLING:
        return MORE if not handshake or handshake[0] in _HELLOS else None
    return _hello(handshake[0], handshake[4], int.from_bytes(handshake[1:4], "big"))


def _is_one_record(data: bytes) -> bool:
    """Whether *data* is one record of the handshake, or a part of it that shows what it opens with:
    as nearly always, so that nothing is put together.
    """
    if len(data) < 5 + _TELLING or data[0] != HANDSHAKE or data[1] != 3 or data[2] > 4:
        return False
    size = data[3] << 8 | data[4]
    return max(_TELLING, len(data) - 5) <= size <= _LONGEST


def _hello(kind: int, version: int, size: int) -> int | None:
    """Return a message's *kind* if it is a hello's, with that version and size; None if not."""
    fits = kind in (CLIENT_HELLO, SERVER_HELLO) and version == 3 and _SHORTEST <= size <= _MOST
    return kind if fits else None


def _record_start(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Return a record of which as much as is there may be read; an empty one is no TLS."""
    if len(data) < at + 5:
        read_record(bytearray(data), at)
        return None
    kind, size = data[at], int.from_bytes(data[at + 3 : at + 5], "big")
    if not size or size > wire.MAX_RECORD or data[at + 1] != 3 or data[at + 2] > 4:
        raise WireError("no TLS record")
    return kind, at + 5, at + 5 + size


def _ssl2_opening(data: bytes) -> int | More | None:
    try:
        if len(data) >= 5 and (data[2] != CLIENT_HELLO or data[3] != 3 or data[4] > 4):
            return None
        return CLIENT_HELLO if wire.read_ssl2_hello(data) else MORE
    except WireError:
        return None


class Half:
    """What is kept of one side."""

    def __init__(self) -> None:
        self.records, self.messages = bytearray(), bytearray()
        self.read = False
        """Whether all that it says openly was read."""
        self.seen = 0
        """Bytes that came from it."""
        self.before = False
        """Whether it may speak in the clear first: what agrees to STARTTLS may be there still."""

    def finish(self) -> None:
        """Read no more."""
        self.read = True
        self.records.clear()
        self.messages.clear()


class Session(Decoder):
    """One connection under TLS."""

    def __init__(self, start: Start) -> None:
        told = in_full(start, TlsHello, TlsAnswer, TlsCertificate)
        self._hellos, self._answers, self._certificates = told
        """Which are told in full; for the others their class is enough."""
        self.service = "tls"
        self.standing = _CLAIMED
        self.done = False
        self._client, self._server = Half(), Half()
        self._server.before = not start.begun
        self._hello_seen = False
        self._named = False

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if self.done:
            return []
        half = self._half(side)
        half.seen += len(data)
        out: list[Output] = []
        if not half.read:
            self._open(side, data, out)
        if half.read and half.seen > PATIENCE:
            self.done = True
        return out

    def _half(self, side: Side) -> Half:
        return self._server if side is _SERVER else self._client

    def _open(self, side: Side, data: bytes, out: list[Output]) -> None:
        """Read what *side* says openly."""
        half = self._half(side)
        half.records += data
        if half.before and not self._reaches_hello(half):
            if half.seen >= PATIENCE:
                self._finish(side)
            return
        try:
            self._cut(side, half, out)
        except WireError as error:
            out.append(Malformed(reason=str(error)))
            if self.standing is _CLAIMED and not self._hello_seen:
                self.standing = _REFUTED
            self._finish(side)

    def _reaches_hello(self, half: Half) -> bool:
        """Drop what was said in the clear before a hello; say whether that has begun, which it has
        within PATIENCE.
        """
        records = half.records
        found = _ANSWER.search(records)
        if found is None or half.seen - len(records) + found.end() > PATIENCE:
            del records[: 1 - _TELLING]  # it may begin there
            return False
        del records[: found.start()]
        half.before = False
        return True

    def gap(self, side: Side, size: int) -> list[Output]:
        """Bytes were never seen: what was open on this side is over."""
        self._finish(side)
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        self._finish(side)
        return []

    def _finish(self, side: Side) -> None:
        self._half(side).finish()
        self.done = self.done or (self._client.read and self._server.read)

    def _cut(self, side: Side, half: Half, out: list[Output]) -> None:
        """Cut records and messages off what came, until this side has said all."""
        records, at = half.records, 0
        if records and records[0] == _SSL2 and not self._hello_seen and side is _CLIENT:
            if (old := wire.read_ssl2_hello(records)) is not None:
                self._client_hello(old, out)
                self._finish(side)
            return
        while not half.read and (record := read_record(records, at)) is not None:
            kind, start, at = record
            if kind == HANDSHAKE:
                half.messages += cut_buffer(records, start, at)
                self._take_messages(side, half, out)
            elif kind == DATA or side is _SERVER:  # an alert, or what follows is closed
                self._finish(side)
        del records[:at]

    def _take_messages(self, side: Side, half: Half, out: list[Output]) -> None:
        messages = half.messages
        while not half.read and (found := read_message(messages)) is not None:
            kind, size = found
            if len(messages) < 4 + size:
                return
            body = cut_buffer(messages, 4, 4 + size)
            del messages[: 4 + size]
            self._message(side, kind, body, out)

    def _message(self, side: Side, kind: int, body: bytes, out: list[Output]) -> None:
        if side is _CLIENT:
            if kind != CLIENT_HELLO:
                raise WireError(f"handshake message {kind} where a client hello belongs")
            self._client_hello(read_client_hello(body, not self._hellos), out)
            self._finish(side)
        elif kind == SERVER_HELLO:
            self._server_hello(read_server_hello(body), out)
        elif kind == CERTIFICATE:
            self._finish(side)
            if der := read_certificate(body):
                self._certificate(der, out)
        elif kind == SERVER_DONE:
            self._finish(side)

    def _client_hello(self, hello: wire.ClientHello, out: list[Output]) -> None:
        self._hello_seen = True
        out.append(tell_hello(hello) if self._hellos else TlsHello)
        if hello.name:
            self._named = True
            out.append(NameLearned(name=hello.name, how="sni"))

    def _server_hello(self, hello: wire.ServerHello, out: list[Output]) -> None:
        if hello.retry:
            return
        if self._hello_seen:
            self.standing = _PARSED
        self._hello_seen = True
        out.append(tell_answer(hello) if self._answers else TlsAnswer)
        if hello.version >= wire.TLS13:
            self._finish(_SERVER)

    def _certificate(self, der: bytes, out: list[Output]) -> None:
        names, issuer = names_in(der, self._certificates or not self._named)
        out.append(
            TlsCertificate(names=names, issuer=issuer) if self._certificates else TlsCertificate
        )
        if not self._named:  # what the client asked for says more
            hosts = [name for name in names if "." in name and " " not in name][:NAMES]
            out += [NameLearned(name=name, how="certificate") for name in hosts]
