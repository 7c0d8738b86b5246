"""A session between a node and its supernode: the handshake, the ciphers, then messages.

    client   hello (12 bytes)            | encrypted: network name, NUL, frames
    server   answer (8 bytes)            | encrypted: network name, NUL, frames

The supernode's stream is keyed with its own seed, the client's with both seeds XORed, and both
with the type that the supernode chose. All of it is in clear, so the session can be read from
outside. Each side holds at most one frame of 64 KiB; what the client sends before the answer was
seen waits in at most EARLY bytes.
"""

from backchannel.events import Gap, Malformed
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.fasttrack import wire
from backchannel.protocols.fasttrack.cipher import Cipher, UnknownCipherError
from backchannel.protocols.fasttrack.events import Encryption, Network
from backchannel.protocols.fasttrack.framing import Frame, Framer
from backchannel.protocols.fasttrack.messages import Link, tell
from backchannel.reader import WireError

EARLY = 65536
SKIPPED = 1 << 18
"""Bytes of holes over which the key stream of a side is still followed; larger ones end it.
Following costs time for bytes that nobody sent, so it must be earned: see EARNED."""
EARNED = 16
"""Bytes of further holes for each byte that came."""


class _Direction:
    """One side of a session."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.clear = bytearray()
        """What came before this side's key was known: its handshake, perhaps more."""
        self.cipher: Cipher | None = None
        self.name: bytearray | None = bytearray()
        """The network's name as far as it has come; None once it is over."""
        self.framer = Framer()
        self.deaf = False
        self.owed = 0
        """Bytes by which the key stream is behind, because nobody could read them."""
        self.credit = SKIPPED
        """Bytes of holes over which it may be followed."""

    def hush(self) -> None:
        """Read no further until a gap gives a new beginning."""
        self.deaf = True
        self.clear.clear()
        self.framer.gap()


class Session:
    """One node's session with its supernode."""

    def __init__(self, start: Start) -> None:
        self.standing = Standing.CLAIMED
        self.done = False
        self._link = Link(start.client, start.server)
        self._sides = {side: _Direction(side) for side in Side}
        self._hello: wire.Hello | None = None
        self._seed: int | None = None
        self._kind = 0

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        direction, out = self._sides[side], list[Output]()
        if self.done:
            return []
        if direction.deaf:
            direction.owed += len(data)
        elif direction.cipher is not None:
            direction.credit = min(SKIPPED, direction.credit + EARNED * len(data))
            self._read(direction, direction.cipher.crypt(data), out)
        else:
            direction.clear += data
            self._handshake(out)
            if direction.cipher is None and len(direction.clear) > EARLY:
                direction.hush()
                out.append(Malformed(reason="no key: the other side's handshake was not seen"))
        return out

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen: its key stream goes on without them."""
        direction = self._sides[side]
        direction.owed += size
        if direction.cipher is None or direction.owed > direction.credit:
            direction.hush()
            self.done = all(other.deaf for other in self._sides.values())
        else:
            direction.credit -= direction.owed
            direction.cipher.skip(direction.owed)
            direction.owed, direction.deaf, direction.name = 0, False, None
            direction.framer.gap()
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        direction, out = self._sides[side], list[Output]()
        if not direction.deaf:
            for frame in direction.framer.end():
                self._tell(direction, frame, out)
        return out

    # -- the handshake -------------------------------------------------------------------------

    def _handshake(self, out: list[Output]) -> None:
        """Make keys of the bytes in clear: the supernode's first, then the client's."""
        client, server = self._sides[Side.CLIENT], self._sides[Side.SERVER]
        if self._hello is None and len(client.clear) >= wire.HELLO:
            self._hello = wire.read_hello(bytes(client.clear[: wire.HELLO]))
            if not wire.plausible(self._hello.kind):
                self._refute()
                return
        if self._seed is None and len(server.clear) >= wire.ANSWER:
            self._answer(server, out)
        self._meet(client, out)

    def _meet(self, client: _Direction, out: list[Output]) -> None:
        if self._hello and self._seed is not None and not (client.deaf or client.cipher):
            client.cipher = Cipher(self._hello.seed ^ self._seed, self._kind)
            self._begin(client, wire.HELLO, out)

    def _answer(self, server: _Direction, out: list[Output]) -> None:
        seed, self._kind = wire.read_answer(bytes(server.clear[: wire.ANSWER]))
        if not wire.plausible(self._kind):
            self._refute()
            return
        requested = f"{self._hello.kind:#x}" if self._hello else ""
        try:
            server.cipher = Cipher(seed, self._kind)
        except UnknownCipherError:
            self.standing, self.done = Standing.PARSED, True
        readable = server.cipher is not None
        out.append(Encryption(requested=requested, used=f"{self._kind:#x}", readable=readable))
        if readable:
            self._seed = seed
            self._meet(self._sides[Side.CLIENT], out)  # what follows may come in another segment
            if not self.done:
                self._begin(server, wire.ANSWER, out)

    def _begin(self, direction: _Direction, handshake: int, out: list[Output]) -> None:
        assert direction.cipher is not None
        waiting = bytes(direction.clear[handshake:])
        direction.clear.clear()
        self._read(direction, direction.cipher.crypt(waiting), out)

    def _refute(self) -> None:
        self.standing, self.done = Standing.REFUTED, True

    # -- plain text ----------------------------------------------------------------------------

    def _read(self, direction: _Direction, plain: bytes, out: list[Output]) -> None:
        if direction.name is not None:
            plain = self._name(direction, direction.name, plain, out)
        if direction.deaf or direction.name is not None:
            return
        try:
            for frame in direction.framer.feed(plain):
                self._tell(direction, frame, out)
        except WireError as error:
            direction.hush()
            out.append(Malformed(reason=str(error)))

    def _name(
        self, direction: _Direction, name: bytearray, plain: bytes, out: list[Output]
    ) -> bytes:
        """Take the network's name off the front of *plain*; return what follows it."""
        name += plain
        head, ended, rest = bytes(name).partition(b"\0")
        if not ended and len(head) <= wire.NAME_LIMIT:
            return b""
        if not ended or not wire.is_name(head):
            direction.hush()
            out.append(Malformed(reason="no network name where one must be"))
            if self.standing is Standing.CLAIMED:
                self._refute()
            return b""
        direction.name = None
        self.standing = Standing.PARSED
        self._link.networks[direction.side] = network = wire.text(head)
        client = direction.side is Side.CLIENT
        out.append(Network(name=network, role="client" if client else "server"))
        if not client:
            server = self._link.server
            out.extend(self._link.supernode(server.address, server.port))
        return rest

    def _tell(self, direction: _Direction, frame: Frame, out: list[Output]) -> None:
        """A broken body costs one message."""
        try:
            for output in tell(self._link, direction.side, frame):
                out.append(output)  # noqa: PERF402 - what came before an error must stand
        except WireError as error:
            out.append(Malformed(reason=f"message {frame.kind:#04x}: {error}"))
