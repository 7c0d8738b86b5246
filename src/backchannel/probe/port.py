"""One port of one host: what is said to it, until it is understood or nothing is left to say."""

import asyncio
import os
import ssl
import time
from base64 import b32encode
from bisect import insort
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from backchannel.model import Endpoint, Side
from backchannel.probe.exchange import End, Exchange
from backchannel.probe.hello import Asked, Hello
from backchannel.probe.judge import Verdict
from backchannel.probe.named import Target
from backchannel.probe.order import following, hellos, inside
from backchannel.probe.pace import Limits, Pace
from backchannel.probe.result import Result, State, Talked
from backchannel.probe.secure import TOR, Tls
from backchannel.probe.sockets import ask

TLS_FIRST = frozenset({443, 993, 5223, 5349, 6697, 8448, 9001})
"""Ports at which TLS is usual."""
ALPN = {443: ("http/1.1",), 8448: ("http/1.1",), 5223: ("xmpp-client",), 5349: ("stun.turn",)}
CARRIERS = frozenset({"tls", "tor"})
"""What a TLS hello's answer may be: behind it more can be said."""
GIVEN_UP = 2
"""Connections in a row that fail after one stood: the host, or somebody before it, has enough."""


class Read(Protocol):
    """Reads an exchange; see `Judge.judge`."""

    async def __call__(
        self,
        exchange: Exchange,
        hello: Hello | None = None,
        *,
        inner: bool = False,
        before: bytes = b"",
    ) -> Verdict:
        """Return what the exchange was."""


@dataclass(frozen=True)
class Wishes:
    """What the user asks for besides."""

    through: Endpoint | None = None
    torrent: bytes = b""
    aggressive: bool = False
    only: frozenset[str] = frozenset()
    """Protocols whose hellos alone are said; empty: all."""

    @property
    def given(self) -> tuple[str, ...]:
        """Return what hellos may need, as far as it is there."""
        there = {
            "through": self.through is not None,
            "torrent": bool(self.torrent),
            "aggressive": self.aggressive,
        }
        return tuple(name for name, has in there.items() if has)

    def allow(self, told: Collection[Hello]) -> list[Hello]:
        """Return the hellos that may be said."""
        return [
            each
            for each in told
            if not self.only or self.only & set(each.protocols[:1]) or each.name == "http"
        ]


class PortProbe:
    """Asks one port. Everything that is said goes through `_say`, which keeps the pace."""

    def __init__(
        self,
        target: Target,
        result: Result,
        *,
        read: Read,
        pace: Pace,
        limits: Limits,
        wishes: Wishes,
        slots: asyncio.Semaphore,
        brief: bool,
    ) -> None:
        """*read* is `Judge.judge`, elsewhere. *slots*: the host's connections at a time. *brief*:
        say only the port's own hellos, to a host that answers everywhere.
        """
        self._target, self._result, self._read = target, result, read
        self._pace, self._limits, self._wishes, self._brief = pace, limits, wishes, brief
        self._slots, self._failures, self._echoes = slots, 0, False

    async def run(self) -> None:
        """Ask; the result is filled on the way, so that it is good whenever this is broken off."""
        if self._result.port.transport == "udp":
            await self._datagrams()
        else:
            await self._connections()

    # -- UDP ---------------------------------------------------------------------------------------

    async def _datagrams(self) -> None:
        result, wishes = self._result, self._wishes
        queue = wishes.allow(
            hellos("udp", result.port.number, result.expected.protocols, wishes.given)
        )
        family = ""
        while queue:
            hello = queue.pop(0)
            if family and hello.protocols[0] != family:
                continue
            talked = await self._say(hello)
            end, claim = talked.exchange.end, talked.verdict.claim
            if result.state is State.SILENT and end in {End.REFUSED, End.UNREACHED, End.UNSENT}:
                self._failed(talked.exchange)
                return
            if claim is not None:
                result.state, family = State.OPEN, hello.protocols[0]
                names = {each.name for each in queue}
                queue += [each for each in self._beside(family) if each.name not in names]
            elif end is End.ANSWERED and result.state is State.SILENT:
                result.state = State.OTHER

    # -- TCP ---------------------------------------------------------------------------------------

    async def _connections(self) -> None:
        result = self._result
        first = await self._say(None)
        end = first.exchange.end
        if not first.exchange.connected:
            self._failed(first.exchange)
        elif end is End.ANSWERED and first.verdict.claim is None:
            result.state = State.OTHER
        elif first.verdict.claim is not None:
            result.state = State.OPEN
            await self._queue(self._beside(first.verdict.claim.protocol))
        else:
            result.state = State.MUTE
            await self._all()

    async def _all(self) -> None:
        """Say hellos until one is understood, TLS where it is usual or when text was in vain.

        Each is waited for as far as TLS and the port's own go. Those behind are guesses: one more
        is said while the ones before may yet be answered, so that a mute port is soon done with.
        """
        number, expected = self._result.port.number, self._result.expected
        told = self._wishes.allow(hellos("tcp", number, expected.protocols, self._wishes.given))
        steps = turns(told, number, expected.protocols, brief=self._brief)
        own = sum(each is not None and _owns(number, expected.protocols, each) for each in steps)
        waited_for = 1 + max(own, steps.index(None))
        for step in steps[:waited_for]:
            if self._over():
                return
            if found := await (self._one(step) if step else self._tls(told)):
                await self._queue(self._beside(found))
                return
        for found in await self._guesses([each for each in steps[waited_for:] if each]):
            await self._queue(self._beside(found))

    async def _guesses(self, told: list[Hello]) -> list[str]:
        """Say hellos, each a while after the one before; return what was understood first, and
        whatever was on its way by then.
        """
        tasks = list[asyncio.Task[str]]()
        try:
            async with asyncio.TaskGroup() as group:
                for hello in told:
                    if self._over() or any(each.done() and each.result() for each in tasks):
                        break
                    begun = asyncio.Event()
                    tasks.append(group.create_task(self._one(hello, begun)))
                    await begun.wait()
                    await asyncio.wait(tasks[-1:], timeout=self._limits.apart)
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        return list(dict.fromkeys(found for each in tasks if (found := each.result())))

    def _over(self) -> bool:
        """Whether no more may be said; keep why."""
        if self._echoes:
            self._result.remark = "sends back what it gets: an echo service"
        elif self._failures >= GIVEN_UP:
            self._result.remark = "took no more connections after some hellos"
        else:
            return False
        return True

    async def _one(self, hello: Hello, begun: asyncio.Event | None = None) -> str:
        """Say one hello; return the protocol of the answer, empty where it was not understood.
        *begun* is set when its turn has come.
        """
        talked = await self._say(hello, begun=begun)
        claim = talked.verdict.claim
        if claim is not None:
            self._result.state = State.OPEN
            return claim.protocol
        if talked.exchange.end is End.ANSWERED and self._result.state is State.MUTE:
            self._result.state = State.OTHER
        if talked.exchange.bytes_of(Side.SERVER) == talked.exchange.bytes_of(Side.CLIENT) != b"":
            self._echoes = True
        return ""

    def _beside(self, protocol: str) -> list[Hello]:
        said = [each.exchange.hello for each in self._result.talked]
        transport = self._result.port.transport
        return self._wishes.allow(following(protocol, said, self._wishes.given, transport))

    async def _queue(self, queue: list[Hello]) -> None:
        """Say what stands beside a protocol that was found, and beside what that finds."""
        while queue and self._failures < GIVEN_UP:
            found = await self._one(queue.pop(0))
            if found:
                names = {each.name for each in queue}
                queue += [each for each in self._beside(found) if each.name not in names]

    # -- TLS ---------------------------------------------------------------------------------------

    async def _tls(self, told: list[Hello]) -> str:
        """Open TLS, and say hellos inside it; return the protocol of the answer, if it is known."""
        tls = self._opening(ssl.TLSVersion.TLSv1_2)
        first = await self._say(None, tls)
        if not first.exchange.secrets and first.exchange.end is End.ANSWERED:
            tls = self._opening(ssl.TLSVersion.TLSv1_3)  # it may be too old
            first = await self._say(None, tls)
        claim = first.verdict.claim
        if claim is None:
            return ""
        self._result.state = State.OPEN
        if claim.protocol not in CARRIERS or not first.exchange.secrets:
            return claim.protocol
        expected = "tor" in self._result.expected.protocols
        if (expected or not (self._brief or self._wishes.only)) and await self._tor():
            return "tor"
        if first.inner.claim is None:
            await self._within(tls, told)
        return claim.protocol

    def _opening(self, highest: ssl.TLSVersion) -> Tls:
        name = "tls" if highest is ssl.TLSVersion.TLSv1_2 else "tls-1.3"
        alpn = ALPN.get(self._result.port.number, ())
        return Tls(name, highest, self._target.name, alpn)

    async def _tor(self) -> bool:
        """Say TLS's hello as Tor's clients do; say whether a relay answered."""
        shape = b32encode(os.urandom(10)).decode().lower()
        tls = Tls("tor", ssl.TLSVersion.TLSv1_2, f"www.{shape}.com", (), TOR)
        claim = (await self._say(None, tls)).verdict.claim
        return claim is not None and claim.protocol == "tor"

    async def _within(self, tls: Tls, told: list[Hello]) -> None:
        queue = inside(told)
        while queue and self._failures < GIVEN_UP:
            talked = await self._say(queue.pop(0), tls)
            claim = talked.inner.claim
            if claim is not None:
                said = [each.exchange.hello.rpartition("/")[2] for each in self._result.talked]
                queue = inside(
                    self._wishes.allow(following(claim.protocol, said, self._wishes.given))
                )

    # -- one exchange ------------------------------------------------------------------------------

    async def _say(
        self, hello: Hello | None, tls: Tls | None = None, begun: asyncio.Event | None = None
    ) -> Talked:
        port = self._result.port
        server = Endpoint(self._target.address, port.number)

        async def turn() -> None:
            await self._pace.turn(server.address)
            if begun is not None:
                begun.set()

        async with self._slots:
            exchange = await ask(
                *(server, port.transport, partial(self._asked, os.urandom(32)), self._limits, turn),
                hello=hello,
                tls=tls,
            )
        talked = Talked(exchange)
        insort(self._result.talked, talked, key=lambda each: each.exchange.began)
        if self._result.state is State.UNASKED:
            self._result.state = State.SILENT
        self._failures = 0 if exchange.connected else self._failures + 1
        await self._understand(talked, hello, tls)
        return talked

    def _asked(self, nonce: bytes, client: Endpoint) -> Asked:
        return Asked(
            Endpoint(self._target.address, self._result.port.number),
            client,
            self._target.name,
            self._wishes.through,
            self._wishes.torrent,
            int(time.time()),
            nonce,
        )

    async def _understand(self, talked: Talked, hello: Hello | None, tls: Tls | None) -> None:
        """Have the answers read. Not here: others' answers and times would wait for that."""
        exchange = talked.exchange
        if any(step.side is Side.SERVER for step in exchange.steps):
            before = self._answer_to("http")
            talked.verdict = await self._read(exchange, None if tls else hello, before=before)
        if exchange.inside:
            before = self._answer_to(f"{tls.name}/http" if tls else "")
            talked.inner = await self._read(exchange, hello, inner=True, before=before)

    def _answer_to(self, hello: str) -> bytes:
        """Return what the port answered to a hello; nothing where it was not said."""
        found = (each.exchange for each in self._result.talked if each.exchange.hello == hello)
        exchange = next(found, None)
        return exchange.bytes_of(Side.SERVER) if exchange else b""

    def _failed(self, exchange: Exchange) -> None:
        """Keep why nothing was learned."""
        if exchange.end is End.REFUSED:
            self._result.state = State.CLOSED
            return
        if exchange.end is End.UNREACHED:
            self._result.state = State.UNREACHED
        elif exchange.end is End.UNSENT:
            self._result.state = State.UNASKED
        self._result.remark = exchange.detail


def turns(
    told: list[Hello], port: int, expected: Collection[str], *, brief: bool = False
) -> list[Hello | None]:
    """Return *told*, the port's own first, with None where TLS is tried: first where that is usual,
    else behind one hello that is not the port's own. *brief*: only its own, and TLS.
    """
    own = [each for each in told if _owns(port, expected, each)]
    rest = [] if brief else [each for each in told if each not in own]
    steps: list[Hello | None] = [*own, *rest]
    steps.insert(0 if port in TLS_FIRST else len(own) + 1, None)
    return steps


def _owns(port: int, expected: Collection[str], hello: Hello) -> bool:
    """Whether a hello is one of those that are usual at *port*, or of what is *expected* there."""
    return port in hello.ports or hello.protocols[0] in expected
