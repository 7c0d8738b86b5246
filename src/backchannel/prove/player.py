"""Plays one conversation by one method through the lab, and says how far it came."""

import asyncio
import socket
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from backchannel.prove import conversation as script
from backchannel.prove import methods, resolver
from backchannel.prove.conversation import Conversation, Flow
from backchannel.prove.lab import Lab
from backchannel.prove.proxies import Proxy, dialogue
from backchannel.prove.wires import (
    Arrived,
    Ending,
    StoppedError,
    TcpWire,
    UdpWire,
    open_tcp,
    patiently,
    stopped,
)

_MTU_DISCOVER, _DO_NOT = 10, 0
"""IP_MTU_DISCOVER, IP_PMTUDISC_DONT: packets may be cut into fragments on their way."""


class Places(msgspec.Struct, frozen=True):
    """The addresses of one play: nobody else uses the same pair of them at the same time."""

    inside: str
    hosts: tuple[str, ...]
    proxy: str
    resolver: str


class Played(msgspec.Struct, kw_only=True):
    """How far it came."""

    told: int = 0
    """Bytes that carry the capability, of those that were to pass under the ruleset."""
    passed: int = 0
    """How many of them arrived."""
    packets: int = 0
    """The packets in which they arrived."""
    before: int = 0
    """Other bytes of the conversation that arrived."""
    ending: Ending | None = None
    """Why it got no further; None where all of it arrived."""
    seconds: float = 0.0


class _Joins(msgspec.Struct, frozen=True):
    """Where a flow is when the ruleset is loaded: before a step, or half-way through it."""

    step: int
    """-1: the ruleset was there from the start."""
    half: bool = False

    def told(self, flow: Flow) -> int:
        """Return the bytes of the capability that come under the ruleset."""
        sizes = [len(step.data) if step.told else 0 for step in flow.steps]
        under = sum(sizes[max(self.step, 0) :])
        return under - len(flow.steps[0].data) // 2 if self.half else under


class Player:
    """One conversation on its way."""

    def __init__(
        self,
        lab: Lab,
        conversation: Conversation,
        method: methods.Method,
        places: Places,
        patience: float,
    ) -> None:
        self.lab, self.conversation, self.method = lab, conversation, method
        self.places, self.patience = places, patience
        self.result = Played()
        self.ready = asyncio.Event()
        """Set when it waits for the ruleset (joined midstream), or has ended."""
        self.gate = asyncio.Event()
        """Set when the ruleset stands."""
        self._done = [0] * len(conversation.flows)
        self._moved = asyncio.Condition()
        self._ports = [self._port(flow) for flow in conversation.flows]
        self._proxies: list[Proxy] = []
        self._listeners: dict[tuple[str, int, str], socket.socket] = {}
        self._accepts: dict[socket.socket, asyncio.Lock] = defaultdict(asyncio.Lock)
        """One connection at a time on a listener, so that each is given its own other end."""
        self._stop: Ending | None = None

    async def play(self) -> Played:
        """Play it, from the first flow to where it ends or stops."""
        began = time.monotonic()
        try:
            if self.method.resolves:
                await self._resolve()
            if self.method.proxy:
                proxy = Proxy(self.lab, self.method.proxy, self.places.proxy)
                await proxy.open()
                self._proxies.append(proxy)
            self._listen()
            async with asyncio.TaskGroup() as group:
                for number in range(len(self.conversation.flows)):
                    group.create_task(self._flow(number))
        except StoppedError as stop:
            self._stop = stop.how
        finally:
            self.ready.set()
            for each in self._proxies:
                each.close()
            for listener in self._listeners.values():
                listener.close()
        self.result.seconds = time.monotonic() - began
        self.result.ending = self._stop
        return self.result

    async def _resolve(self) -> None:
        name, places = self.conversation.names[0], self.places
        got = await resolver.resolve(
            self.lab,
            name,
            places.hosts[0],
            client=places.inside,
            resolver=places.resolver,
            patience=self.patience,
        )
        if got != places.hosts[0]:
            raise StoppedError("altered")

    # -- ports and listeners

    def _port(self, flow: Flow) -> int:
        return self.method.port or flow.port

    def _called(self, number: int) -> tuple[str, int]:
        """Return where flow *number* is opened to."""
        flow = self.conversation.flows[number]
        return (
            self.places.inside if flow.inbound else self.places.hosts[flow.host],
            self._ports[number],
        )

    def _listen(self) -> None:
        """Listen everywhere from the start, as servers do."""
        for number, flow in enumerate(self.conversation.flows):
            address, port = self._called(number)
            if (address, port, flow.transport) in self._listeners:
                continue
            kind = socket.SOCK_STREAM if flow.transport == "tcp" else socket.SOCK_DGRAM
            where = self.lab.client if flow.inbound else self.lab.server
            made = self.lab.socket(where, self.method.version, kind)
            made.bind((address, port))
            if kind == socket.SOCK_STREAM:
                made.listen(64)
            self._listeners[address, port, flow.transport] = made

    def _opener(self, flow: Flow, *, source: int = 0) -> socket.socket:
        kind = socket.SOCK_STREAM if flow.transport == "tcp" else socket.SOCK_DGRAM
        where = self.lab.server if flow.inbound else self.lab.client
        made = self.lab.socket(where, self.method.version, kind)
        if self.method.fragments:
            made.setsockopt(socket.IPPROTO_IP, _MTU_DISCOVER, _DO_NOT)
        made.bind((self.places.hosts[flow.host] if flow.inbound else self.places.inside, source))
        return made

    # -- flows

    async def _flow(self, number: int) -> None:
        flow = self.conversation.flows[number]
        joins = self._joins(flow)
        self.result.told += joins.told(flow)
        try:
            await self._turn(flow, 0)
            await self._through(number, flow, joins)
        except StoppedError as stop:
            self._stop = self._stop or stop.how
            async with self._moved:
                self._done[number] = -1
                self._moved.notify_all()
        except OSError as error:
            raise stopped(error) from error

    async def _turn(self, flow: Flow, step: int) -> None:
        """Wait until what had happened before this step has happened.

        A flow that was stopped keeps others from opening, but not from going on.
        """
        waits = [each for each in flow.after if each.step == step]
        if not waits:
            return

        def reached() -> bool:
            return all(not 0 <= self._done[each.flow] < each.steps for each in waits)

        async with self._moved:
            await self._moved.wait_for(reached)
        if step == 0 and any(self._done[each.flow] < 0 for each in waits):
            raise StoppedError(self._stop or "silence")

    async def _through(self, number: int, flow: Flow, joins: "_Joins") -> None:
        wire = await self._open(number, flow)
        try:
            for place, step in enumerate(flow.steps):
                if place:
                    await self._turn(flow, place)
                data = self._data(number, place)
                if place == joins.step:
                    if joins.half:
                        await self._carry(wire, step.side, data[: len(data) // 2], told=False)
                        data = data[len(data) // 2 :]
                    self.ready.set()
                    await self.gate.wait()
                if step.side == 0 and place and self.method.moves and isinstance(wire, UdpWire):
                    self._move(wire, flow, self._called(number))
                more = self._more(number, place, joins) if isinstance(wire, TcpWire) else ()
                told = step.told and place >= joins.step
                await self._carry(wire, step.side, data, told=told, more=tuple(more))
                await self._reached(number, place + 1)
        finally:
            wire.close()

    def _more(self, number: int, place: int, joins: "_Joins") -> Iterator[bytes]:
        """Yield what the same side sends behind a step, without waiting for anybody: a recording
        tells apart what carries the capability and what does not, also within one message.
        """
        flow = self.conversation.flows[number]
        for later in range(place + 1, len(flow.steps)):
            waits = later == joins.step or any(each.step == later for each in flow.after)
            if waits or flow.steps[later].side != flow.steps[place].side:
                return
            yield self._data(number, later)

    def _joins(self, flow: Flow) -> "_Joins":
        """Return where in *flow* the ruleset is loaded."""
        first = next((n for n, step in enumerate(flow.steps) if step.told), -1)
        if not self.method.midstream or first < 0:
            return _Joins(-1)
        if first:
            return _Joins(first)
        return _Joins(0, half=True) if flow.transport == "tcp" else _Joins(1)

    def _data(self, number: int, place: int) -> bytes:
        flow, places = self.conversation.flows[number], self.places
        return script.patched(flow, place, places.inside, places.hosts, self._ports)

    async def _carry(
        self,
        wire: TcpWire | UdpWire,
        side: int,
        data: bytes,
        *,
        told: bool,
        more: Sequence[bytes] = (),
    ) -> None:
        """Carry one step, and count what came of it; *more* follows it at once."""
        arrived = Arrived()
        try:
            await wire.carry(side, data, self.method.cut, arrived, more)
        finally:
            if told:
                self.result.passed += arrived.octets
                self.result.packets += arrived.packets
            else:
                self.result.before += arrived.octets

    async def _reached(self, number: int, steps: int) -> None:
        """Tell the flows that wait for this one."""
        async with self._moved:
            self._done[number] = steps
            self._moved.notify_all()
        await asyncio.sleep(0)

    async def _open(self, number: int, flow: Flow) -> TcpWire | UdpWire:
        address, port = self._called(number)
        listener = self._listeners[address, port, flow.transport]
        if flow.transport == "udp":
            return self._open_udp(flow, listener, (address, port))
        opener = self._opener(flow)
        async with self._accepts[listener]:
            if not self.method.proxy or flow.inbound:
                return await open_tcp(opener, listener, (address, port), self.patience)
            return await self._open_proxied(opener, listener, (address, port))

    def _open_udp(self, flow: Flow, waiter: socket.socket, target: tuple[str, int]) -> UdpWire:
        opener = self._opener(flow, source=flow.source)
        opener.connect(target)
        return UdpWire(opener, waiter.dup(), self.patience)

    def _move(self, wire: UdpWire, flow: Flow, target: tuple[str, int]) -> None:
        opener = self._opener(flow)
        opener.connect(target)
        wire.move(opener)

    async def _open_proxied(
        self, opener: socket.socket, listener: socket.socket, target: tuple[str, int]
    ) -> TcpWire:
        """Connect through the proxy, which has to reach *listener* for the other end."""
        assert self.method.proxy
        loop = asyncio.get_running_loop()
        proxy = self._proxies[0]
        async with patiently(self.patience):
            await loop.sock_connect(opener, (proxy.address, proxy.port))
            for side, data in dialogue(self.method.proxy, target):
                if side == 0:
                    await loop.sock_sendall(opener, data)
                elif await _exactly(opener, len(data)) != data:
                    raise StoppedError("altered")
            accepted, _ = await loop.sock_accept(listener)
            return TcpWire(opener, accepted, self.patience)
        raise StoppedError("silence")


async def _exactly(sock: socket.socket, size: int) -> bytes:
    loop, got = asyncio.get_running_loop(), b""
    while len(got) < size:
        data = await loop.sock_recv(sock, size - len(got))
        if not data:
            raise StoppedError("reset")
        got += data
    return got
