"""One connection between two ICQ clients: bytes in, events and effects out.

What a connection is for shows only after its inits: messages, files or a chat. A Session holds at
most one packet a side (2 bytes and 64 KiB) and what `state.State` and `chat.Chat` say.
"""

from collections.abc import Iterator

from backchannel.effects import Tie
from backchannel.events import Gap, Malformed, PeerAddress
from backchannel.model import MORE, Capability, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.icq_peer import chat, files, messages, wire
from backchannel.protocols.icq_peer.contexts import Announced
from backchannel.protocols.icq_peer.state import State
from backchannel.protocols.icq_peer.wire import Init
from backchannel.reader import WireError

_LENGTH = 2
_INIT_SIZES = {b"\x1a\0", b"\x2c\0", b"\x30\0"}
_NO_ADDRESS = "0.0.0.0"  # noqa: S104 - a value on the wire, nothing is bound


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a connection that opens with a client's init, and an answer that fits it."""
    if peek.transport != "tcp":
        return None
    if peek.client or peek.begun:
        return _judge(peek.client, peek.server) if peek.client else None
    return _judge(peek.server, b"", flipped=True)


def _judge(caller: bytes, other: bytes, *, flipped: bool = False) -> Claim | More | None:
    head = caller[:_LENGTH]
    if not any(size[: len(head)] == head for size in _INIT_SIZES):
        return None
    if len(caller) < _LENGTH + 1:
        return None if other else MORE
    size = int.from_bytes(head, "little")
    body = caller[_LENGTH : _LENGTH + size]
    if body[0] != 0xFF:
        return None
    if len(body) < size:
        return MORE
    init = wire.read_init(body)
    if init is None or (init.version >= 6 and not _accepts(other)):
        return None
    evidence = f"init of version {init.version} from UIN {init.uin}"
    return Claim("icq-peer", evidence=evidence, flipped=flipped)


def _accepts(answer: bytes) -> bool:
    """Say whether the other side accepted a version 6 init, as far as it goes."""
    expected = b"\x04\0" + wire.OK
    return answer[: len(expected)] == expected[: len(answer)]


class Session:
    """Decodes both sides of one connection."""

    def __init__(self, start: Start) -> None:
        self.service = "icq"
        self.standing = Standing.CLAIMED
        self.done = False
        self._state = State(start)
        context = start.context
        self._announced = context if isinstance(context, Announced) else None
        self._buffers = {side: bytearray() for side in Side}
        self._deaf: set[Side] = set()
        self._files: files.Files | None = None
        self._chat: chat.Chat | None = None

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        if self.done or side in self._deaf:
            return []
        buffer = self._buffers[side]
        buffer += data
        told: list[Output] = []
        try:
            while not self.done and not self._keys(side):
                if self._files and self._files.amid and side is self._files.sender:
                    told += self._files.rest(buffer)
                end = _LENGTH + int.from_bytes(buffer[:_LENGTH], "little")
                if len(buffer) < max(_LENGTH, end):
                    break
                body = bytes(buffer[_LENGTH:end])
                del buffer[:end]
                told += self._packet(side, body) if body else []
        except WireError as error:
            return [*told, *self._lose(side, str(error))]
        if self._chat and self._keys(side):
            told += self._chat.keys(side, bytes(buffer))
            buffer.clear()
        return told

    def _keys(self, side: Side) -> bool:
        return self._chat is not None and not self._chat.framed(side)

    def _lose(self, side: Side, reason: str) -> list[Output]:
        """Without an init nothing here was ICQ's; with one, the side is silent from now on."""
        if self._state.init is None and self.standing is Standing.CLAIMED:
            self.standing = Standing.REFUTED
        self._deaf.add(side)
        self._buffers[side].clear()
        return [Malformed(reason=reason)]

    # -- packets -------------------------------------------------------------------------------

    def _packet(self, side: Side, body: bytes) -> list[Output]:
        if self._files:
            return list(self._files.packet(side, body))
        if self._chat:
            return list(self._chat.packet(side, body))
        if init := wire.read_init(body):
            return list(self._init(side, init))
        if self._state.init is None:
            raise WireError("the first packet is not an init")
        if body == wire.OK or wire.is_confirmation(body):
            self.standing = Standing.PARSED
            return []
        if files.is_hello(body):
            self.standing = Standing.PARSED
            self._files = files.Files(self._state, self._announced)
            return list(self._files.packet(side, body))
        if chat.is_opening(body):
            self.standing = Standing.PARSED
            self._chat = chat.Chat(self._state)
            self._state.caller = side
            return list(self._chat.packet(side, body))
        return self._message(side, body)

    def _init(self, side: Side, init: Init) -> Iterator[Output]:
        state = self._state
        first = state.init is None
        state.names[side] = str(init.uin)
        if called := self._called(init):
            state.names.setdefault(side.other, called)
        state.version = init.version if first else min(state.version, init.version)
        if first:
            state.init, state.caller = init, side
            if init.cookie:
                yield Tie(key=f"icq-cookie:{init.cookie:08x}")
        for address in dict.fromkeys((init.outer, init.inner)):
            if address != _NO_ADDRESS:
                yield PeerAddress(
                    use=Capability.MESSAGE,
                    account=str(init.uin),
                    address=address,
                    port=init.port,
                    how="peer-init",
                )

    def _called(self, init: Init) -> str:
        """Return the UIN of the called side: from the init, else from what announced the call."""
        if init.recipient:
            return str(init.recipient)
        others = [name for name in self._state.start.accounts if name != str(init.uin)]
        return others[0] if len(others) == 1 else ""

    def _message(self, side: Side, body: bytes) -> list[Output]:
        """A broken message costs itself, never the connection."""
        state = self._state
        try:
            message = wire.read_message(body, state.version)
            if message.uin:
                state.names[side] = str(message.uin)
            told = list(messages.tell(state, side, message))
        except WireError as error:
            return [Malformed(reason=f"message of {len(body)} bytes: {error}")]
        self.standing = Standing.PARSED
        self.done = messages.goes_secure(message)
        return told

    # -- ends and holes ------------------------------------------------------------------------

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen."""
        told: list[Output] = [Gap(size=size)]
        held = bytes(self._buffers[side])
        self._buffers[side].clear()
        if self._chat and self._keys(side):
            self._chat.gap(side, size)
            return told
        if self.done or side in self._deaf:
            return told
        if self._files and side is self._files.sender:
            outputs = self._files.hole(held, size)
            if outputs is not None:
                return told + outputs
        # Packets have no mark of their own, so the next one cannot be found.
        self._deaf.add(side)
        return told

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        self._buffers[side].clear()
        if self._chat:
            return self._chat.end(side)
        return list(self._files.close()) if self._files and side is self._files.sender else []
