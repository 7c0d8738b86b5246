"""Who is asked what: targets and ports put together, before anything is sent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backchannel.catalogue.model import Service
from backchannel.errors import UsageError
from backchannel.probe.hello import Asked, Hello
from backchannel.probe.named import Target
from backchannel.probe.order import hellos
from backchannel.probe.pace import Limits
from backchannel.probe.port import Wishes, turns
from backchannel.probe.ports import Expected, Plan, Port, askable, chosen, of_services, usual
from backchannel.probe.suggested import Suggestion
from backchannel.probe.targets import Authority, Chosen, among, choose

MOST_PORTS = 250_000
"""Ports of all hosts in one run: what is known of each is held until its end, 2 KB at most for one
that is closed.
"""


@dataclass(frozen=True)
class Work:
    """What a run will do."""

    hosts: tuple[tuple[Target, Plan], ...]
    chosen: Chosen
    passed_over: Mapping[Port, tuple[str, ...]] = field(default_factory=dict)
    """UDP ports that are not asked, because nobody there answers a hello of ours; with services."""
    only: frozenset[str] = frozenset()
    """Protocols whose hellos alone are said; empty: all."""

    @property
    def questions(self) -> int:
        """The least that is sent: a connection or a datagram for each port."""
        return sum(len(plan) for _, plan in self.hosts)


def work(
    words: Iterable[str],
    *,
    excluded: Iterable[str],
    authorised: Authority | None,
    ports: str,
    services: Iterable[str],
    catalogue: Mapping[str, Service],
    suggestions: Iterable[Suggestion] | None,
) -> Work:
    """Return what is to be done. *suggestions*: ask only these, as far as somebody allows it."""
    named = list(words)
    asked = of_services(services, catalogue)
    known = usual(asked or catalogue)
    only = frozenset(each for service in asked.values() for each in service.protocols)
    if suggestions is not None:
        given = list(suggestions)
        hosts = dict.fromkeys(each.address for each in given)
        picked = among(hosts, named, excluded, authorised)
        return _bounded(_suggested(given, picked, known, only))
    if not named:
        raise UsageError("no target given; name an address, a block, a range, a name or @FILE")
    picked = choose(named, excluded, authorised)
    if not picked.hosts:
        why = "; ".join(picked.remarks) or "all that were named are excluded"
        raise UsageError(f"no host is left to ask: {why}")
    plan = chosen(ports, known) if ports else known
    passed = {} if ports else _unasked(plan)
    kept = {port: about for port, about in plan.items() if port not in passed}
    return _bounded(Work(tuple((host, kept) for host in picked.hosts), picked, passed, only))


def _bounded(made: Work) -> Work:
    if made.questions > MOST_PORTS:
        raise UsageError(
            f"{made.questions:,} ports in all; ask at most {MOST_PORTS:,} in one run, such as a "
            "part of the hosts or of the ports"
        )
    return made


def _suggested(
    given: Iterable[Suggestion], picked: Chosen, known: Plan, only: frozenset[str]
) -> Work:
    plans = dict[str, Plan]()
    for each in given:
        if each.port.transport == "udp" and not askable("udp", each.expected):
            continue
        if only and not only & set(each.expected.protocols):
            continue
        about = known.get(each.port, each.expected)
        plans.setdefault(each.address, {})[each.port] = Expected(
            tuple(sorted({*about.services, *each.expected.services})),
            tuple(sorted({*about.protocols, *each.expected.protocols})),
        )
    hosts = tuple((host, plans[host.address]) for host in picked.hosts if host.address in plans)
    if not hosts:
        raise UsageError("--from suggests nobody to ask: it shows no service of such a host")
    return Work(hosts, picked, {}, only)


def _unasked(plan: Plan) -> dict[Port, tuple[str, ...]]:
    return {
        port: about.services
        for port, about in plan.items()
        if port.transport == "udp" and not askable("udp", about)
    }


def said_to(port: Port, about: tuple[str, ...], wishes: Wishes) -> list[str]:
    """Return the names of what is said to a port at most, in order, where nothing is understood."""
    told = wishes.allow(hellos(port.transport, port.number, about, wishes.given))
    if port.transport == "udp":
        return [each.name for each in told]
    steps = turns(told, port.number, about)
    return ["greeting", *(each.name if each else "tls" for each in steps)]


def sample(hello: Hello, asked: Asked) -> bytes:
    """Return the bytes of a hello as they would be, but for ids, which are zero here."""
    return hello.make(asked)


def least_seconds(done: Work, limits: Limits) -> float:
    """Return how long the run takes at least, by its rates."""
    most = max((len(plan) for _, plan in done.hosts), default=0)
    return max(done.questions / limits.rate, most / limits.host_rate)
