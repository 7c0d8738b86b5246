"""What a run would send, to whom and in what order: a versioned document.

Its JSON schema is generated from these types. The same words give the same bytes: ids are zero.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec

from backchannel import __version__
from backchannel.model import Endpoint
from backchannel.probe.hello import Asked
from backchannel.probe.order import HELLOS
from backchannel.probe.pace import Limits
from backchannel.probe.plan import Work, least_seconds, said_to, sample
from backchannel.probe.port import Wishes
from backchannel.probe.ports import Expected
from backchannel.probe.ports import Port as Asking
from backchannel.text import escape

VERSION = 1
"""Grows when a field changes its meaning or goes; new fields do not change it."""
_SERVER, _CLIENT = Endpoint("192.0.2.1", 1), Endpoint("192.0.2.2", 40000)


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """Something that may be said."""

    name: str
    transport: str
    data: str
    """Its bytes in hexadecimal, to host 192.0.2.1 from 192.0.2.2, with ids of zeros."""
    source: str
    """Where it is described."""
    after: tuple[str, ...] = ()
    """Protocols behind which alone it is said: to a port that has shown to speak one of them."""
    about: str = ""
    """What it does to who gets it, where that is more than an answer."""


class Port(msgspec.Struct, frozen=True, kw_only=True):
    """A port that is asked."""

    port: int
    transport: str
    expected: tuple[str, ...]
    """Services that the catalogue has at this port."""
    hellos: tuple[str, ...]
    """What is said at most, in order, where nothing is understood: names of `Planned.hellos`, and
    `greeting` (listening) and `tls`."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Hosts that are asked the same."""

    hosts: tuple[str, ...]
    ports: tuple[Port, ...]


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A run that did not take place."""

    version: int = VERSION
    tool: str
    settings: dict[str, str]
    """What was asked for, in words: ports, rates, who allowed it."""
    hosts: int
    left_out: int
    """Hosts that were named and are excluded, or that a capture suggests and nobody named."""
    ports: int
    """Of all hosts together: a connection or a datagram each at least."""
    least_seconds: int
    """By the rates; hosts that do not answer take longer."""
    groups: tuple[Group, ...]
    hellos: tuple[Hello, ...]


def planned(work: Work, wishes: Wishes, limits: Limits, settings: Mapping[str, str]) -> Planned:
    """Return what *work* would do."""
    hosts = defaultdict[tuple[tuple[Asking, Expected], ...], list[str]](list)
    for target, plan in work.hosts:
        hosts[tuple(plan.items())].append(target.address)
    groups = tuple(
        Group(
            hosts=tuple(addresses),
            ports=tuple(_port(port, about, wishes) for port, about in ports),
        )
        for ports, addresses in hosts.items()
    )
    said = {name for group in groups for port in group.ports for name in port.hellos}
    return Planned(
        tool=f"backchannel {__version__}",
        settings=dict(settings),
        hosts=len(work.hosts),
        left_out=work.chosen.left_out,
        ports=work.questions,
        least_seconds=round(least_seconds(work, limits)),
        groups=groups,
        hellos=tuple(_hellos(said, wishes)),
    )


def _port(port: Asking, about: Expected, wishes: Wishes) -> Port:
    return Port(
        port=port.number,
        transport=port.transport,
        expected=about.services,
        hellos=tuple(said_to(port, about.protocols, wishes)),
    )


def _hellos(names: set[str], wishes: Wishes) -> Iterator[Hello]:
    """Yield what has one of these *names*, and what may follow once somebody answered."""
    asked = Asked(_SERVER, _CLIENT, "", wishes.through, wishes.torrent)
    for hello in HELLOS:
        later = bool(hello.after) and (not hello.needs or hello.needs in wishes.given)
        if hello.name in names or later:
            yield Hello(
                name=hello.name,
                transport=hello.transport,
                data=sample(hello, asked).hex(),
                source=escape(hello.source),
                after=hello.after,
                about=hello.about,
            )
