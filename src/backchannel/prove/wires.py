"""The two ends of one flow, as sockets in two networks, and how bytes are carried between them.

Both ends are ours and in one process, so a step is over when its bytes have come out at the other
end, unchanged; when nothing comes for as long as the patience lasts, the flow is stopped.
"""

import asyncio
import errno
import math
import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Literal

Cut = Literal["whole", "bytes", "disorder"]
"""How the sender cuts what it sends: as it comes; in segments of one byte; every first part
late, so that the second part overtakes it."""
Ending = Literal["silence", "reset", "refused", "unreachable", "altered", "unresolved"]
ONE_BYTE = 256
"""Bytes of one step that are sent one by one; the rest follows whole."""
_ROOM = 1 << 18
"""Bytes of a sender's buffer, of which the kernel gives as many as it may: each segment of one byte
takes a kilobyte of it while nobody acknowledges. Where all of a step's have room, a sender need not
wait for its turn among the lab's others, which on a busy machine may be a pause within a message.
"""
_RESENT = 0.4
"""Seconds after which a datagram that did not arrive is sent again, as its program would."""
_TCP_INFO_DATA_SEGMENTS_IN = 152
_ENDINGS: dict[int, Ending] = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EACCES: "unreachable",  # ICMP: administratively prohibited
    errno.EPERM: "unreachable",
    errno.ETIMEDOUT: "silence",
}


class StoppedError(Exception):
    """The flow got no further."""

    def __init__(self, how: Ending) -> None:
        self.how: Ending = how
        super().__init__(how)


def stopped(error: OSError) -> StoppedError:
    """Return what an error of a socket means."""
    return StoppedError(_ENDINGS.get(error.errno or 0, "unreachable"))


class Arrived:
    """What came out at an end during one step."""

    def __init__(self) -> None:
        self.octets = self.packets = 0


class Patience:
    """Waits that end after so many ticks of the event loop.

    A tick is late when the machine is busy or this process has not run, and so the patience lasts
    as long as the lab itself needs: a loaded machine makes a proof slow, not wrong.
    """

    TICK = 0.05

    def __init__(self, seconds: float, over: Callable[[], None]) -> None:
        self._left = max(1, round(seconds / self.TICK))
        self._over = over
        self._timer = asyncio.get_running_loop().call_later(self.TICK, self._tick)

    def _tick(self) -> None:
        self._left -= 1
        if self._left:
            self._timer = asyncio.get_running_loop().call_later(self.TICK, self._tick)
        else:
            self._over()

    def end(self) -> None:
        """Wait no longer."""
        self._timer.cancel()


@asynccontextmanager
async def patiently(seconds: float) -> AsyncIterator[None]:
    """Raise StoppedError where the block takes longer, or a socket in it fails."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(None) as limit:
            patience = Patience(seconds, lambda: limit.reschedule(loop.time()))
            try:
                yield
            finally:
                patience.end()
    except TimeoutError:
        raise StoppedError("silence") from None
    except OSError as error:
        raise stopped(error) from error


async def ready(
    sockets: Sequence[socket.socket], seconds: float, *, full: Sequence[socket.socket] = ()
) -> bool:
    """Wait until one of *sockets* has something to tell, or one that was *full* has room; False
    where none had in time.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Future[bool] = loop.create_future()

    def tell(value: bool) -> None:
        if not told.done():
            told.set_result(value)

    for each in sockets:
        loop.add_reader(each, tell, True)
    for each in full:
        loop.add_writer(each, tell, True)
    patience = Patience(seconds, lambda: tell(False))
    try:
        return await told
    finally:
        patience.end()
        for each in sockets:
            loop.remove_reader(each)
        for each in full:
            loop.remove_writer(each)


class TcpWire:
    """A TCP connection: `ends[0]` opened it."""

    def __init__(self, opener: socket.socket, listener: socket.socket, patience: float) -> None:
        self.ends = (opener, listener)
        self.patience = patience
        self._sent = [0, 0]
        """Bytes of each side that were sent before their step began."""
        for end in self.ends:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)

    async def carry(
        self, side: int, data: bytes, cut: Cut, arrived: Arrived, more: Sequence[bytes] = ()
    ) -> None:
        """Send *data* from one end and have it at the other; *more* is what the same end sends
        next, for which it does not wait. Raises StoppedError.
        """
        receiver = self.ends[1 - side]
        before = _segments(receiver)
        try:
            await self._carry(side, (data, *more), cut, arrived)
        except OSError as error:
            raise stopped(error) from error
        finally:
            arrived.packets = max(_segments(receiver) - before, 1 if arrived.octets else 0)

    async def _carry(self, side: int, pieces: Sequence[bytes], cut: Cut, arrived: Arrived) -> None:
        sender, receiver = self.ends[side], self.ends[1 - side]
        data, size, got = pieces[0], sum(map(len, pieces)), 0
        stop: OSError | StoppedError | None = None  # of the sender: what came before it counts
        while got < len(data):
            moved = False
            if stop is None and self._sent[side] < size:
                try:
                    self._sent[side] += _SENDERS[cut](sender, *_at(pieces, self._sent[side]))
                    moved = True
                except BlockingIOError:
                    pass
                except OSError as error:
                    stop = error
            try:
                chunk = receiver.recv(min(len(data) - got, 1 << 16))
            except BlockingIOError:
                if stop is not None:
                    raise stop from None
                chunk = None
            if chunk is not None:
                moved = True
                if not chunk:
                    raise StoppedError("reset")
                if chunk != data[got : got + len(chunk)]:
                    raise StoppedError("altered")
                got += len(chunk)
                arrived.octets = got
            if not moved:
                stop = await self._wait(sender, receiver, more=self._sent[side] < size)
        self._sent[side] = max(0, self._sent[side] - len(data))

    async def _wait(
        self, sender: socket.socket, receiver: socket.socket, *, more: bool
    ) -> OSError | StoppedError | None:
        """Wait for the receiver, or for the sender to learn that nothing will come of it, which is
        returned; where it has *more* to send, also for room.
        """
        if not await ready([receiver, sender], self.patience, full=[sender] if more else []):
            raise StoppedError("silence")
        try:
            return None if sender.recv(1, socket.MSG_PEEK) else StoppedError("reset")
        except BlockingIOError:
            return None
        except OSError as error:
            return error

    def close(self) -> None:
        """Reset the connection: nothing of it stays in the kernel."""
        for end in self.ends:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.close()


def _at(pieces: Sequence[bytes], sent: int) -> tuple[bytes, int]:
    """Return the piece of which the next byte is, and how many of its own were sent."""
    for piece in pieces:
        if sent < len(piece):
            return piece, sent
        sent -= len(piece)
    return b"", 0


def _whole(sender: socket.socket, data: bytes, sent: int) -> int:
    return sender.send(data[sent : sent + (1 << 16)])


def _bytewise(sender: socket.socket, data: bytes, sent: int) -> int:
    """Send a byte that the kernel does not join with the next ones while it waits for its turn."""
    if sent < ONE_BYTE:
        return sender.send(data[sent : sent + 1], socket.MSG_EOR)
    return sender.send(data[sent:])


def _disordered(sender: socket.socket, data: bytes, sent: int) -> int:
    """Send a half that dies at the next hop and a half that does not: TCP repeats the first."""
    half = min((len(data) - sent + 1) // 2, 700)
    if sent or half == len(data):
        return _whole(sender, data, sent)
    _set_hops(sender, 1)
    count = sender.send(data[:half])
    _set_hops(sender, 64)
    return count + sender.send(data[half : half + 700])


def _set_hops(end: socket.socket, hops: int) -> None:
    if end.family == socket.AF_INET6:
        end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
    else:
        end.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)


_SENDERS: dict[Cut, Callable[[socket.socket, bytes, int], int]] = {
    "whole": _whole,
    "bytes": _bytewise,
    "disorder": _disordered,
}


def _segments(end: socket.socket) -> int:
    """Return the number of segments with data that the kernel has received on this connection."""
    info = end.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int(struct.unpack_from("=I", info, _TCP_INFO_DATA_SEGMENTS_IN)[0])


class UdpWire:
    """Datagrams between a socket that opens and one that waits."""

    def __init__(self, opener: socket.socket, waiter: socket.socket, patience: float) -> None:
        self.ends = [opener, waiter]
        self.patience = patience
        self._peer: tuple[object, ...] | None = None

    async def carry(
        self,
        side: int,
        data: bytes,
        cut: Cut,  # noqa: ARG002 - datagrams are not cut
        arrived: Arrived,
        more: Sequence[bytes] = (),  # noqa: ARG002 - as above: each is a step of its own
    ) -> None:
        """Send one datagram and have it at the other end. Raises StoppedError."""
        try:
            for _ in range(max(1, math.ceil(self.patience / _RESENT))):
                self._send(side, data)
                if await self._receive(side, data, min(_RESENT, self.patience)):
                    arrived.octets, arrived.packets = len(data), 1
                    return
            raise StoppedError("silence")
        except OSError as error:
            raise stopped(error) from error

    def _send(self, side: int, data: bytes) -> None:
        if side == 0:
            self.ends[0].send(data)
        elif self._peer is None:
            raise StoppedError("silence")
        else:
            self.ends[1].sendto(data, self._peer)

    async def _receive(self, side: int, data: bytes, patience: float) -> bool:
        receiver, sender = self.ends[1 - side], self.ends[side]
        while True:
            try:
                got, peer = receiver.recvfrom(1 << 16)
            except BlockingIOError:
                if not await ready([receiver, sender], patience):
                    return False
                if side == 0:
                    _look(sender)
                continue
            if side == 0:
                self._peer = peer
            if got == data:
                return True

    def move(self, opener: socket.socket) -> None:
        """Go on from another socket, and so from another port."""
        self.ends[0].close()
        self.ends[0] = opener

    def close(self) -> None:
        """Close both ends."""
        for end in self.ends:
            end.close()


def _look(sender: socket.socket) -> None:
    """Raise what ICMP told the sender; data that waits there stays."""
    try:
        sender.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return


async def open_tcp(
    opener: socket.socket, listener: socket.socket, target: tuple[str, int], patience: float
) -> TcpWire:
    """Connect *opener* to *target*, where *listener* listens. Raises StoppedError."""
    loop = asyncio.get_running_loop()
    async with patiently(patience):
        await loop.sock_connect(opener, target)
        accepted, _ = await loop.sock_accept(listener)
        return TcpWire(opener, accepted, patience)
    raise StoppedError("silence")
