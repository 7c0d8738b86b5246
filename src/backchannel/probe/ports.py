"""Which ports to ask, and what may be there: by default those of the catalogue's filter tables."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from backchannel.catalogue.model import Service
from backchannel.errors import UsageError
from backchannel.model import Transport
from backchannel.probe.hello import Hello
from backchannel.probe.order import HELLOS, NEVER
from backchannel.suggest import suggest

WIDEST = 32
"""A range of more ports than this is not asked whole: of one up to FEW_ENDS its ends are."""
FEW_ENDS = 128
_EPHEMERAL = 1024, 65535
_PIECE = re.compile(r"(?:(tcp|udp)[/:])?(\d{1,5})(-(\d{0,5}))?\Z")
_SECTION = re.compile(r"([TU]):")
"""How nmap's users say of which transport all ports are that follow."""
_HIGHEST = 65535


class Port(NamedTuple):
    """A port to ask."""

    transport: Transport
    number: int

    def __str__(self) -> str:
        return f"{self.number}/{self.transport}"


class Expected(NamedTuple):
    """What may be at a port."""

    services: tuple[str, ...]
    protocols: tuple[str, ...]


Plan = dict[Port, Expected]


def usual(services: Mapping[str, Service]) -> Plan:
    """Return the ports of *services* by the catalogue, and of our hellos; with what uses them."""
    found = defaultdict[Port, set[str]](set)
    for service in services.values():
        for port in _named(service):
            found[port].add(service.id)
        for hello in _theirs(service):
            for number in (*hello.ports, *hello.only):
                found[Port(hello.transport, number)].add(service.id)
    return {
        port: _expected(found[port], services)
        for port in sorted(found)
        if port.transport == "udp" or port.number not in NEVER
    }


def chosen(text: str, known: Plan) -> Plan:
    """Return the ports that *text* names: `80,443,tcp/6660-6669,udp/500`, `T:80,443,U:500`; without
    a transport both of those that the catalogue has, or TCP. Raises UsageError.
    """
    plan, sticky = Plan(), ""
    for piece in filter(None, (each.strip() for each in text.split(","))):
        if found := _SECTION.match(piece):
            sticky = "tcp" if found[1] == "T" else "udp"
        transport, numbers = _piece(piece[2:] if found else piece)
        for number in numbers:
            for port in _both(transport or sticky, number, known):
                if port.transport == "tcp" and number in NEVER:
                    continue
                plan[port] = known.get(port, Expected((), ()))
    if not plan:
        raise UsageError(
            "--ports names no port that may be asked: those of printers, and of aMule's remote "
            "control, are not"
        )
    return plan


def _piece(text: str) -> tuple[str, range]:
    """Return the transport that a piece names, if any, and its numbers. Raises UsageError."""
    found = _PIECE.match(text)
    first = int(found[2]) if found else 0
    last = first if found is None or not found[3] else int(found[4] or _HIGHEST)
    if found is None or not 1 <= first <= last <= _HIGHEST:
        raise UsageError(f"--ports: {text!r} is not like 80, 6660-6669, 60000-, udp/500, U:500")
    return found[1] or "", range(first, last + 1)


def _both(transport: str, number: int, known: Plan) -> list[Port]:
    """Return a number as ports of *transport*; without one those that are *known*, or of TCP."""
    both = [Port("tcp", number), Port("udp", number)]
    if transport:
        return [each for each in both if each.transport == transport]
    return [each for each in both if each in known] or both[:1]


def of_services(names: Iterable[str], services: Mapping[str, Service]) -> dict[str, Service]:
    """Return the services by id. Raises UsageError for one that is not known."""
    asked = list(dict.fromkeys(part for name in names for part in name.split(",") if part))
    for name in asked:
        if name not in services:
            raise UsageError(f"--services: {name!r} is no service; {suggest(name, services)}")
    return {name: services[name] for name in asked}


def _named(service: Service) -> Iterable[Port]:
    for row in service.filtering:
        if row.transport not in {"tcp", "udp"}:
            continue
        for first, last in _ranges(row.destination_port):
            if (first, last) == _EPHEMERAL or last - first >= FEW_ENDS:
                continue
            wide = last - first >= WIDEST
            numbers = (first, last) if wide else range(first, last + 1)
            yield from (Port("tcp" if row.transport == "tcp" else "udp", each) for each in numbers)


def _ranges(text: str) -> Iterable[tuple[int, int]]:
    for piece in text.split(","):
        first, _, last = piece.strip().partition("-")
        if first.isdigit() and (not last or last.isdigit()):
            yield int(first), int(last or first)


def _theirs(service: Service) -> Iterable[Hello]:
    return (hello for hello in HELLOS if hello.protocols[0] in service.protocols)


def _expected(names: set[str], services: Mapping[str, Service]) -> Expected:
    protocols = {each for name in names for each in services[name].protocols}
    return Expected(tuple(sorted(names)), tuple(sorted(protocols)))


def askable(transport: Transport, expected: Expected) -> bool:
    """Whether we have a hello that somebody at such a port might answer."""
    return any(
        set(hello.protocols) & set(expected.protocols)
        for hello in HELLOS
        if hello.transport == transport
    )
