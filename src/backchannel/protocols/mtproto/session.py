"""One connection of Telegram's, as far as it is in clear. Bytes in, events out.

A bounded look: after FRAMES frames, or once both sides named a key, nothing more is read. Held: of
each side the beginning of one frame, and of the client its first 64 bytes.
"""

from backchannel.decoder import Decoder
from backchannel.effects import Tie
from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.mtproto import obfuscation
from backchannel.protocols.mtproto.events import (
    TelegramConnection,
    TelegramError,
    TelegramHandshake,
    TelegramKey,
)
from backchannel.protocols.mtproto.obfuscation import Cipher
from backchannel.protocols.mtproto.recognise import recognise
from backchannel.protocols.mtproto.wire import (
    CENTRES,
    TEST,
    Frames,
    Message,
    Opening,
    read_message,
    read_opening,
)
from backchannel.reader import WireError

__all__ = ["Session", "prepare", "recognise"]

FRAMES = 32
"""Frames of one connection that are looked at: a handshake has six, and all else is encrypted."""

_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side


def prepare() -> None:
    """Load the library of ciphers."""
    obfuscation.load()


class _Half:
    """One side, from when it is known how the client begins."""

    __slots__ = ("cipher", "frames", "key")

    def __init__(self, opening: Opening, server: bool) -> None:
        self.frames = Frames(opening.framing, server)
        self.cipher = Cipher(opening.key, server) if opening.key else None
        self.key = ""
        """The last one that it named."""


class Session(Decoder):
    """Both sides of one connection."""

    def __init__(self, start: Start) -> None:  # noqa: ARG002 - nothing of it is needed
        self.service = "telegram"
        self.standing = _CLAIMED
        self.done = False
        self._first = bytearray()
        """The client's bytes until they show how it begins."""
        self._opening: Opening | None = None
        self._client: _Half | None = None
        self._server: _Half | None = None
        self._seen = 0
        self._told: tuple[str, ...] = ()
        """The keys that were told."""

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if self.done:
            return []
        told: list[Output] = []
        try:
            if self._opening is None:
                data = self._open(side, data, told)
            if self._opening is not None and data:
                self._read(side, data, told)
        except WireError as error:
            told.append(Malformed(reason=str(error)))
            self.done = True
            if self.standing is _CLAIMED:
                self.standing = _REFUTED
        if self.done:
            self._client = self._server = None
        return told

    def _open(self, side: Side, data: bytes, told: list[Output]) -> bytes:
        """Read how the client begins; return the bytes behind that."""
        if side is _SERVER:
            raise WireError("the server speaks first")
        self._first += data
        opening = self._opening = read_opening(bytes(self._first))
        if opening is None:
            return b""
        rest = bytes(self._first[opening.size :])
        self._first.clear()
        told.append(_connection(opening))
        return rest

    def _half(self, side: Side) -> _Half:
        """Return what is known of *side*, made when it first speaks: many a server says nothing."""
        opening = self._opening
        assert opening is not None
        half = self._server if side is _SERVER else self._client
        if half is None:
            half = _Half(opening, side is _SERVER)
            if side is _SERVER:
                self._server = half
            else:
                self._client = half
        return half

    def _read(self, side: Side, data: bytes, told: list[Output]) -> None:
        half = self._half(side)
        frames = half.frames
        frames.add(half.cipher.update(data) if half.cipher is not None else data)
        while not self.done:
            frame = frames.take()
            if frame is None:
                return
            self._message(side, half, read_message(frame, frames.framing), told)
            self._seen += 1
            self.done = self.done or self._seen >= FRAMES

    def _message(self, side: Side, half: _Half, message: Message, told: list[Output]) -> None:
        if side is _SERVER:
            self.standing = _PARSED
        if message.error:
            told.append(TelegramError(code=message.error))
        elif message.key:
            half.key = message.key
            self._key(message.key, told)
        elif message.step != "msgs_ack":
            told.append(TelegramHandshake(step=message.step, server_keys=message.server_keys))

    def _key(self, key: str, told: list[Output]) -> None:
        if key not in self._told:
            self._told = (*self._told, key)
            told += [TelegramKey(key=key), Tie(key=f"telegram/{key}")]
        client, server = self._client, self._server
        self.done = client is not None and server is not None and client.key == server.key

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - of either side
        """*size* bytes of *side* were never seen: what follows is encrypted, or soon will be."""
        self.done = True
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is held that would mean anything."""
        return []


def _connection(opening: Opening) -> TelegramConnection:
    centre = abs(opening.centre)
    test = centre > TEST
    centre -= TEST * test
    if centre not in CENTRES:  # some clients leave random bytes there
        return TelegramConnection(framing=opening.framing, obfuscated=bool(opening.key))
    return TelegramConnection(
        framing=opening.framing,
        obfuscated=True,
        centre=centre,
        media=opening.centre < 0,
        test=test,
    )
