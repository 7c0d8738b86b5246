"""One exchange with one port, over plain sockets: bytes out, bytes in, and how it ended.

Whatever the other end does, an exchange takes at most `Limits.patience` and `Limits.longest`, and
holds at most `Limits.most` bytes of it.
"""

import asyncio
import errno
import socket
import time
from collections.abc import Awaitable, Callable

from backchannel.model import Endpoint, Side, Transport
from backchannel.probe.exchange import End, Exchange, Step
from backchannel.probe.hello import Asked, Hello
from backchannel.probe.pace import Limits
from backchannel.probe.secure import Secure, Tls, secured

READ = 16 * 1024
STEPS = 64
"""Pieces of an exchange that are told apart; of datagrams no more are read."""
REPEATED = 2
"""Times that the kernel repeats a SYN: with one it would give up before it knows that no machine
has the address, which is another answer.
"""
TRIES = 2
"""Times that a datagram is sent before its silence counts: one may be lost."""
_NO_WAY = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ENOPROTOOPT}
)
_GONE = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED})
AskedOf = Callable[[Endpoint], Asked]
Turn = Callable[[], Awaitable[None]]


async def _at_once() -> None:
    """Wait for nothing."""


async def ask(
    server: Endpoint,
    transport: Transport,
    asked: AskedOf,
    limits: Limits,
    *,
    hello: Hello | None = None,
    tls: Tls | None = None,
    turn: Turn = _at_once,
) -> Exchange:
    """Say *hello* to a port, or only listen; return what was said and how it ended.

    *asked* tells what the hello depends on, once our own end is known. With *tls* it is said inside
    TLS; without a hello that is all. *turn* is waited for before each connection and datagram.
    """
    await turn()
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    said = hello.name if hello else "greeting"
    name = f"{tls.name}/{said}" if tls and hello else tls.name if tls else said
    exchange = Exchange(transport, Endpoint("", 0), server, name, time.time_ns())
    try:
        with socket.socket(family, kind) as link:
            link.setblocking(False)
            if transport == "tcp" and hasattr(socket, "TCP_SYNCNT"):
                link.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, REPEATED)
            await _open(link, exchange, limits)
            if exchange.end is not End.TIMEOUT:
                await _talk(Talk(link, exchange, limits, turn), hello, asked, limits, tls)
    except OSError as error:
        _ended(exchange, error)
    exchange.ended = time.time_ns()
    return exchange


async def _open(link: socket.socket, exchange: Exchange, limits: Limits) -> None:
    loop, server = asyncio.get_running_loop(), exchange.server
    place = socket.getaddrinfo(server.address, server.port, flags=socket.AI_NUMERICHOST)[0][4]
    exchange.end = End.TIMEOUT
    try:
        async with asyncio.timeout(limits.patience):
            await loop.sock_connect(link, place)
    except TimeoutError:
        return
    finally:
        exchange.client = Endpoint(*link.getsockname()[:2])
    exchange.end = End.SILENT
    if exchange.transport == "tcp":
        exchange.began = time.time_ns()


async def _talk(
    talk: "Talk", hello: Hello | None, asked: AskedOf, limits: Limits, tls: Tls | None
) -> None:
    exchange = talk.exchange
    link: Talk | Secure = talk
    if tls is not None:
        inner = await secured(talk, tls, limits.answer)
        if inner is None:
            return
        link = inner
    if hello is None:
        await link.hear(limits.greeting)
        return
    told = asked(exchange.client)
    message = hello.make(told)
    tries = 1 if exchange.transport == "tcp" else TRIES
    heard = False
    for number in range(tries):
        if number:
            await talk.wait_turn()
        await link.say(message)
        if heard := await link.hear(limits.answer / tries):
            break
    if heard and hello.reply and (more := hello.reply(told, exchange.bytes_of(Side.SERVER))):
        await link.say(more)
        await link.hear(limits.answer)


class Talk:
    """What goes over a link that stands, within the bounds of one exchange."""

    def __init__(self, link: socket.socket, exchange: Exchange, limits: Limits, turn: Turn) -> None:
        self.exchange, self._turn = exchange, turn
        self._link, self._limits, self._left = link, limits, limits.most
        self._until = asyncio.get_running_loop().time() + limits.longest

    async def wait_turn(self) -> None:
        """Wait until something may be sent again: time that is not the other end's."""
        loop = asyncio.get_running_loop()
        before = loop.time()
        await self._turn()
        self._until += loop.time() - before

    async def say(self, data: bytes) -> None:
        """Send *data* whole. Raises TimeoutError where nobody takes it."""
        self.exchange.steps.append(Step(Side.CLIENT, data, time.time_ns()))
        async with asyncio.timeout_at(self._until):
            await asyncio.get_running_loop().sock_sendall(self._link, data)

    async def take(self, patience: float) -> bytes | None:
        """Take what comes next; None where nothing did within *patience*, or nothing more is read;
        no bytes where the other end closed.
        """
        if self._left <= 0:
            self.exchange.cut = True
            return None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(loop.time() + patience, self._until)):
                data = await loop.sock_recv(self._link, min(READ, self._left))
        except TimeoutError:
            return None
        if not data and self.exchange.transport == "tcp":
            if self.exchange.end is not End.ANSWERED:
                self.exchange.end = End.LEFT
            return data
        self._left -= max(len(data), 1)
        self._keep(data)
        self.exchange.end = End.ANSWERED
        return data

    def _keep(self, data: bytes) -> None:
        """Keep what came; who sends a stream in crumbs makes no more work than others."""
        steps = self.exchange.steps
        if len(steps) < STEPS:
            steps.append(Step(Side.SERVER, data, time.time_ns()))
        elif self.exchange.transport == "udp":
            self._left = 0
        elif steps[-1].side is Side.SERVER:
            steps[-1] = steps[-1]._replace(data=steps[-1].data + data)
        else:
            steps.append(Step(Side.SERVER, data, time.time_ns()))

    async def hear(self, patience: float) -> bool:
        """Take what comes until it is quiet; say whether anything did. *patience* is for the first
        byte.
        """
        heard = False
        while data := await self.take(self._limits.quiet if heard else patience):
            heard = bool(data)
        return heard


def _ended(exchange: Exchange, error: OSError) -> None:
    """Keep what an error says of the other end, or of ours."""
    exchange.detail = error.strerror or str(error)
    if exchange.end is End.ANSWERED:
        return
    if error.errno == errno.ECONNREFUSED:
        exchange.end = End.REFUSED
    elif error.errno in _NO_WAY or (error.errno == errno.EACCES and exchange.client.port):
        exchange.end = End.UNREACHED
    elif error.errno in _GONE:
        exchange.end = End.RESET if exchange.end is End.SILENT else End.REFUSED
    elif isinstance(error, TimeoutError):
        exchange.end = End.TIMEOUT if exchange.end is End.TIMEOUT else End.SILENT
    else:
        exchange.end = End.UNSENT
