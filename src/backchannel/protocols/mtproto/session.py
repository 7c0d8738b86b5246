"""One connection of Telegram's, as far as it is in clear. Bytes in, events out.

A bounded look: after FRAMES frames, or once both sides named a key, nothing more is read. Held: of
each side the beginning of one frame, and of the client its first 64 bytes.
"""

from backchannel.effects import Tie
from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.mtproto import wire
from backchannel.protocols.mtproto.events import (
    TelegramConnection,
    TelegramError,
    TelegramHandshake,
    TelegramKey,
)
from backchannel.protocols.mtproto.recognise import recognise
from backchannel.protocols.mtproto.wire import CENTRES, TEST, Frames, Message, Opening
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]

FRAMES = 32
"""Frames of one connection that are looked at: a handshake has six, and all else is encrypted."""


class Session:
    """Both sides of one connection."""

    def __init__(self, start: Start) -> None:  # noqa: ARG002 - nothing of it is needed
        self.service = "telegram"
        self.standing = Standing.CLAIMED
        self.done = False
        self._first = bytearray()
        """The client's bytes until they show how it begins."""
        self._opening: Opening | None = None
        self._frames: tuple[Frames, ...] = ()
        self._seen = 0
        self._keys: dict[Side, str] = {}
        """The last key that each side named."""
        self._told: set[str] = set()

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
            if self.standing is Standing.CLAIMED:
                self.standing = Standing.REFUTED
        return told

    def _open(self, side: Side, data: bytes, told: list[Output]) -> bytes:
        """Read how the client begins; return the bytes behind that."""
        if side is Side.SERVER:
            raise WireError("the server speaks first")
        self._first += data
        opening = self._opening = wire.read_opening(bytes(self._first))
        if opening is None:
            return b""
        rest = bytes(self._first[opening.size :])
        self._first.clear()
        self._frames = tuple(Frames(opening.framing, server=bool(each)) for each in Side)
        told.append(_connection(opening))
        return rest

    def _read(self, side: Side, data: bytes, told: list[Output]) -> None:
        assert self._opening is not None
        cipher = self._opening.server if side else self._opening.client
        frames = self._frames[side]
        frames.add(cipher.update(data) if cipher else data)
        while not self.done and (frame := frames.take()) is not None:
            self._message(side, wire.read_message(frame, frames.framing), told)
            self._seen += 1
            self.done = self.done or self._seen >= FRAMES

    def _message(self, side: Side, message: Message, told: list[Output]) -> None:
        if side is Side.SERVER:
            self.standing = Standing.PARSED
        if message.error:
            told.append(TelegramError(code=message.error))
        elif message.key:
            self._key(side, message.key, told)
        elif message.step != "msgs_ack":
            told.append(TelegramHandshake(step=message.step, server_keys=message.server_keys))

    def _key(self, side: Side, key: str, told: list[Output]) -> None:
        self._keys[side] = key
        if key not in self._told:
            self._told.add(key)
            told += [TelegramKey(key=key), Tie(key=f"telegram/{key}")]
        self.done = self._keys.get(side.other) == key

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
        return TelegramConnection(framing=opening.framing, obfuscated=opening.client is not None)
    return TelegramConnection(
        framing=opening.framing,
        obfuscated=True,
        centre=centre,
        media=opening.centre < 0,
        test=test,
    )
