"""One exchange with one port, over plain sockets: bytes out, bytes in, and how it ended.

Whatever the other end does, an exchange takes at most `Limits.patience` and `Limits.longest`, and
holds at most `Limits.most` bytes of it.
"""

import asyncio
import errno
import math
import os
import socket
import ssl
import struct
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from backchannel.model import Endpoint, Side, Transport
from backchannel.probe.exchange import End, Exchange, Step
from backchannel.probe.hello import Asked, Hello
from backchannel.probe.pace import Limits
from backchannel.probe.secure import Secure, Tls, secured

READ = 16 * 1024
LEAST = 64
"""Bytes that a piece of an answer counts as at least: each costs memory of its own."""
TRIES = 2
"""Times that a datagram is sent before its silence counts: one may be lost."""
_NO_WAY = frozenset(
    {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ENOPROTOOPT}
)
_GONE = frozenset({errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED})
_ERROR = struct.Struct("=IBBB")
"""How struct sock_extended_err begins: errno, origin, type, code."""
_ICMP, _ICMP6 = 2, 3
_PROHIBITED = {_ICMP: {(3, 9), (3, 10), (3, 13)}, _ICMP6: {(1, 1), (1, 5), (1, 6)}}
AskedOf = Callable[[Endpoint], Asked]
Turn = Callable[[], Awaitable[None]]


async def ask(
    server: Endpoint,
    transport: Transport,
    asked: AskedOf,
    limits: Limits,
    turn: Turn,
    *,
    hello: Hello | None = None,
    tls: Tls | None = None,
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
            if transport == "tcp":
                link.setsockopt(
                    socket.IPPROTO_TCP, socket.TCP_SYNCNT, _repetitions(limits.patience)
                )
            _keep_errors(link, keep=True)
            try:
                await _open(link, exchange, limits)
                if exchange.end is not End.TIMEOUT:
                    await _talk(Talk(link, exchange, limits, turn), hello, asked, tls)
            except OSError:
                _who_says_so(link, exchange)
                raise
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
    except OSError as error:
        raise OSError(error.errno, os.strerror(error.errno or 0)) from error
    finally:
        exchange.client = Endpoint(*link.getsockname()[:2])
    exchange.end = End.SILENT
    if exchange.transport == "tcp":
        _keep_errors(link, keep=False)  # of a connection that stands, they are hints only
        exchange.began = time.time_ns()


async def _talk(talk: "Talk", hello: Hello | None, asked: AskedOf, tls: Tls | None) -> None:
    exchange, limits = talk.exchange, talk.limits
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
    heard = await _said(talk, link, hello.make(told))
    if heard and tls is None and (within := await _upgraded(talk, hello, told)):
        link = within
        await link.say(hello.make(told))
        heard = await link.hear(limits.answer)
    for _ in range(hello.rounds if heard and hello.reply else 0):
        assert hello.reply is not None
        if not (more := hello.reply(told, exchange.answers())):
            return
        if exchange.transport == "udp":
            await talk.wait_turn()
        await link.say(more)
        if not await link.hear(limits.answer):
            return


async def _said(talk: "Talk", link: "Talk | Secure", message: bytes) -> bool:
    """Say a message, a datagram twice where one is in vain; return whether it was answered."""
    tries = TRIES if talk.exchange.transport == "udp" else 1
    for number in range(tries):
        if number:
            await talk.wait_turn()
        await link.say(message)
        if await link.hear(talk.limits.answer / tries):
            return True
    return False


async def _upgraded(talk: "Talk", hello: Hello, told: Asked) -> Secure | None:
    """Go on inside TLS where the answer to *hello* offers that; None where it does not come about.

    As elsewhere version 1.2 shows the certificate (see `secure`).
    """
    upgrade = hello.upgrade
    if upgrade is None or not upgrade.offered(talk.exchange.answers()[-1]):
        return None
    await talk.say(upgrade.ask)
    if not await talk.hear(talk.limits.answer):
        return None
    if not upgrade.granted(talk.exchange.answers()[-1]):
        return None
    return await secured(
        talk, Tls("starttls", ssl.TLSVersion.TLSv1_2, told.name), talk.limits.answer
    )


class Talk:
    """What goes over a link that stands, within the bounds of one exchange."""

    def __init__(self, link: socket.socket, exchange: Exchange, limits: Limits, turn: Turn) -> None:
        self.exchange, self.limits = exchange, limits
        self._link, self._turn, self._left = link, turn, limits.most
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
        self._left -= max(len(data), LEAST)
        self.exchange.steps.append(Step(Side.SERVER, data, time.time_ns()))
        self.exchange.end = End.ANSWERED
        return data

    async def hear(self, patience: float) -> bool:
        """Take what comes until it is quiet; say whether anything did. *patience* is for the first
        byte.
        """
        heard = False
        while data := await self.take(self.limits.quiet if heard else patience):
            heard = bool(data)
        return heard


def _repetitions(patience: float) -> int:
    """Return how often the kernel must repeat a SYN, so that it does not give up before we do: they
    go after 1, 3, 7... seconds (RFC 6298 §2, §5.5).
    """
    return max(1, math.ceil(math.log2(patience + 1)) - 1)


def _keep_errors(link: socket.socket, *, keep: bool) -> None:
    """Let the kernel keep the ICMP errors that a link gets (ip(7), IP_RECVERR)."""
    six = link.family == socket.AF_INET6
    link.setsockopt(*((socket.IPPROTO_IPV6, 25) if six else (socket.IPPROTO_IP, 11)), keep)


def _who_says_so(link: socket.socket, exchange: Exchange) -> None:
    """Keep whether an ICMP error came that says `prohibited`, or one from the host itself.

    Types and codes: RFC 1812 §5.2.7.1, RFC 4443 §3.1. Kernels before 5.8 keep none for TCP.
    """
    try:
        _, ancillary, _, _ = link.recvmsg(0, 512, socket.MSG_ERRQUEUE)
    except OSError:
        return
    itself = ip_address(exchange.server.address.partition("%")[0]).packed
    for _, _, data in ancillary:
        if len(data) < _ERROR.size:
            continue
        _, origin, kind, code = _ERROR.unpack_from(data)
        sender = data[24:40] if origin == _ICMP6 else data[20:24]  # in the sockaddr that follows
        exchange.itself = exchange.itself or (origin in _PROHIBITED and sender == itself)
        exchange.rejected = exchange.rejected or (kind, code) in _PROHIBITED.get(origin, ())


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
