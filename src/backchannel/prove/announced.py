"""Where a conversation's bytes name its own addresses and ports, so that they can be rewritten."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_address

import msgspec

from backchannel.events import PeerAddress
from backchannel.prove.conversation import Flow, Patch

Told = tuple[int, PeerAddress]
"""An address that a decoder found, and the frame that held it."""


class Made(msgspec.Struct, frozen=True):
    """A flow, and for each of its steps the first and the last frame of it."""

    flow: Flow
    frames: list[tuple[int, int]]


class _Names(msgspec.Struct, frozen=True):
    """Everything that a conversation's bytes may name."""

    inside: str
    hosts: tuple[str, ...]
    called: list[tuple[str, int]]
    """Where each flow is opened to."""

    def number(self, address: str) -> int:
        return self.hosts.index(address) if address in self.hosts else -1


def found(
    made: Sequence[Made], told: Sequence[Sequence[Told]], inside: str, hosts: tuple[str, ...]
) -> tuple[Flow, ...]:
    """Return the flows with their patches; *told* is what the decoders found in each of them."""
    named = {
        (event.address, event.port) for addresses in told for _, event in addresses if event.port
    }
    flows = [each.flow for each in made]
    called = [(inside if flow.inbound else hosts[flow.host], flow.port) for flow in flows]
    names = _Names(inside, hosts, called)
    complete = []
    for number, each in enumerate(made):
        patches = [*_by_decoders(number, each, told[number], names), *_by_text(each.flow, names)]
        complete.append(
            msgspec.structs.replace(
                each.flow, patches=tuple(dict.fromkeys(patches)), announced=called[number] in named
            )
        )
    return tuple(complete)


def _by_decoders(number: int, made: Made, told: Sequence[Told], names: _Names) -> Iterator[Patch]:
    """Yield the places of addresses and ports that a decoder found, in digits or in binary."""
    lasts = [last for _, last in made.frames]
    for frame, event in told:
        step = bisect_left(lasts, frame)
        if step >= len(lasts):
            continue
        data = made.flow.steps[step].data
        if event.address in (*names.hosts, names.inside):
            forms = (True, event.address.encode()), (False, ip_address(event.address).packed)
            yield from _places(step, data, names.number(event.address), forms)
        yield from _ports(step, data, _announced(number, event, names), event.port)


def _announced(number: int, event: PeerAddress, names: _Names) -> int:
    """Return the flow that is opened to this port, best to this very address; -1 for none."""
    fitting = [
        (address != event.address, other)
        for other, (address, port) in enumerate(names.called)
        if port == event.port and other != number
    ]
    return min(fitting)[1] if fitting else -1


def _ports(step: int, data: bytes, of: int, port: int) -> Iterator[Patch]:
    if of < 0 or not port:
        return
    digits = str(port).encode()
    if data.count(digits) == 1:
        yield Patch(step, data.find(digits), len(digits), "port", True, of)
    for at in _all(data, b"\x00\x02" + port.to_bytes(2)):  # a TLV of two bytes, as OSCAR has it
        yield Patch(step, at + 2, 2, "port", False, of)


def _by_text(flow: Flow, names: _Names) -> Iterator[Patch]:
    """Yield the places of `address:port` in digits, as servers hand over to other servers."""
    for step, each in enumerate(flow.steps):
        for other, (address, port) in enumerate(names.called):
            for at in _all(each.data, f"{address}:{port}".encode()):
                size = len(address)
                yield Patch(step, at, size, "address", True, names.number(address))
                yield Patch(step, at + size + 1, len(str(port)), "port", True, other)


def _places(
    step: int, data: bytes, of: int, forms: Iterable[tuple[bool, bytes]]
) -> Iterator[Patch]:
    for text, form in forms:
        for at in _all(data, form):
            yield Patch(step, at, len(form), "address", text, of)


def _all(data: bytes, what: bytes) -> Iterator[int]:
    at = data.find(what)
    while at >= 0:
        yield at
        at = data.find(what, at + len(what))
