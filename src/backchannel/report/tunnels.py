"""Where proxies led: which client asked which proxy for what, what it said, and what went through.

A row is one target of one client at one proxy. Whoever sends the requests chooses the targets, so
each client has TARGETS rows at each proxy and the run ROWS in all; requests beyond are counted.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TypeAlias

from backchannel.engine.bounded import Bounded
from backchannel.engine.ended import Ended
from backchannel.engine.observation import Observation
from backchannel.events import NameLearned, ProxyAnswer, ProxyRequest
from backchannel.model import Endpoint
from backchannel.report import document as doc
from backchannel.report.rows import ROWS, Names
from backchannel.text import endpoint
from backchannel.when import rfc3339

TARGETS = 256
"""Targets of one client at one proxy."""
OPEN = 65_536
"""Inner streams under way of which it is remembered to which row they belong."""
FEW = 16
"""Words of each kind kept for one row."""
PROXIES = frozenset({"socks", "http-proxy"})
"""Services of which an answer tells of a tunnel also where nobody saw the request."""
MEETING = "oscar-rendezvous"
"""Scheme of a proxy that leads nowhere: whoever is to meet comes to it."""

User: TypeAlias = tuple[str, str, str, str, str]
"""Service, stack, scheme, client and proxy."""
Inside: TypeAlias = tuple[int, int, str, int]
"""An inner stream: serial of its flow, depth, host and port."""


class TunnelRow:
    """One target under way."""

    __slots__ = (
        "accounts",
        "answers",
        "asked",
        "commands",
        "first",
        "frame",
        "granted",
        "host",
        "inside",
        "last",
        "names",
        "octets",
        "port",
        "refused",
        "services",
        "user",
    )

    def __init__(self, user: User, host: str, port: int, frame: int, time: int) -> None:
        self.user, self.host, self.port, self.frame = user, host, port, frame
        self.first = self.last = time
        self.asked = self.granted = self.refused = self.octets = 0
        self.answers: dict[str, int] = {}
        self.accounts, self.commands, self.names = Names(FEW), Names(FEW), Names(FEW)
        self.inside, self.services = Names(FEW), Names(FEW)

    def seen(self, time: int) -> None:
        """Stretch the row over a time (ns since 1970)."""
        if time < self.first:
            self.first = time
        elif time > self.last:
            self.last = time

    def again(self) -> "TunnelRow":
        """Return a row of the same target without figures, for what is under way."""
        row = TunnelRow(self.user, self.host, self.port, self.frame, self.first)
        row.commands, row.accounts = self.commands, self.accounts
        return row

    def done(self) -> doc.Tunnel:
        """Return the row as it stands in the document."""
        service, stack, scheme, client, proxy = self.user
        return doc.Tunnel(
            service=service,
            stack=stack,
            scheme=scheme,
            commands=self.commands.sorted(),
            client=client,
            proxy=proxy,
            accounts=self.accounts.sorted(),
            host=self.host,
            port=self.port,
            names=self.names.sorted(),
            asked=self.asked,
            granted=self.granted,
            refused=self.refused,
            answers=dict(sorted(self.answers.items())),
            inside=self.inside.sorted(),
            services=self.services.sorted(),
            bytes=self.octets,
            first_seen=rfc3339(self.first),
            last_seen=rfc3339(self.last),
            frame=self.frame,
        )


class Tunnels:
    """All targets of a run."""

    def __init__(self, unseen: Counter[str]) -> None:
        """*unseen* counts what did not fit."""
        self._unseen = unseen
        self._users: dict[User, dict[tuple[str, int], TunnelRow]] = {}
        self._rows = 0
        self._open = Bounded[Inside, TunnelRow](
            OPEN, "requests to proxies no longer waited for", self._count
        )

    def under_way(self) -> list[tuple[Inside, TunnelRow]]:
        """Return the inner streams that have not ended, for the report of the next period."""
        again = {id(row): row.again() for row in self._open.values()}
        return [(inside, again[id(row)]) for inside, row in self._open.items()]

    def go_on(self, under_way: Iterable[tuple[Inside, TunnelRow]]) -> None:
        """Know inner streams that were asked for before: when they end they are shown."""
        for inside, row in under_way:
            self._open.put(inside, row)

    def asked(self, seen: Observation, event: ProxyRequest) -> None:
        """Take a client's request."""
        if event.scheme == MEETING:
            return
        row = self._row(seen, event.scheme, event.host, event.port)
        if row is None:
            return
        row.asked += 1
        row.commands.add(event.command)
        row.accounts.add(event.user or seen.account)
        self._open.put(_below(seen, event.host, event.port), row)

    def answered(self, seen: Observation, event: ProxyAnswer) -> None:
        """Take what the proxy said. A BIND is answered twice; both ends of it lead to the row."""
        host, port = event.asked_host, event.asked_port
        if not host and seen.service not in PROXIES:
            return
        row = self._row(seen, event.scheme, host, port)
        if row is None:
            return
        row.accounts.add(seen.account)
        if event.accepted:
            row.granted += 1
        else:
            row.refused += 1
            if event.scheme != "http":  # whose refusal is a page that is carried like another
                self._open.pop(_below(seen, host, port), None)
        if event.code in row.answers or len(row.answers) < FEW:
            row.answers[event.code] = row.answers.get(event.code, 0) + 1
        if event.accepted and not host:  # nobody saw the request, but bytes follow
            self._open.put(_below(seen, host, port), row)
        if "bind" in row.commands:
            self._open.put(_below(seen, event.address, event.port), row)

    def named(self, seen: Observation, event: NameLearned, target: Endpoint) -> None:
        """Take a name that a stream told which leads to *target*."""
        row = self._open.get(_inside(seen.flow.serial, seen.stack, target))
        if row is None or event.how not in {"sni", "host"}:
            return
        if event.name.lower() != row.host.lower():
            row.names.add(event.name)

    def ended(self, stream: Ended) -> None:
        """Take an inner stream that ended."""
        if stream.target is None:
            return
        opened = self._open.pop(_inside(stream.flow.serial, stream.stack, stream.target), None)
        row = self._listed(opened) if opened is not None else None
        if row is None:
            return
        row.octets += stream.octets
        row.seen(stream.last)
        if stream.protocol != "unknown":
            row.inside.add(stream.stack)
        row.services.add(stream.service)
        if stream.name.lower() != row.host.lower():
            row.names.add(stream.name)

    def document(self) -> tuple[doc.Tunnel, ...]:
        """Return all rows as they stand in the document."""
        told: list[doc.Tunnel] = []
        for _, rows in sorted(self._users.items()):
            for _, row in sorted(rows.items()):
                told.append(row.done())
        return tuple(told)

    def _row(self, seen: Observation, scheme: str, host: str, port: int) -> TunnelRow | None:
        client, proxy = seen.flow.client, seen.target or seen.flow.server
        if seen.flipped and seen.target is None:  # a proxy that connects back
            client, proxy = proxy, client
        where, time = endpoint(proxy.address, proxy.port), seen.time
        user = seen.service, seen.stack, scheme, client.address, where
        rows = self._users.get(user)
        row = rows.get((host.lower(), port)) if rows is not None else None
        if row is None:
            row = self._listed(TunnelRow(user, host, port, seen.frame, time))
        if row is not None:
            row.seen(time)
        return row

    def _listed(self, row: TunnelRow) -> TunnelRow | None:
        """Return the row that is shown of a row's target: itself where there is none yet. None:
        there is no room.
        """
        rows = self._users.get(row.user, {})
        key = row.host.lower(), row.port
        if key in rows:
            return rows[key]
        if self._rows >= ROWS or len(rows) >= TARGETS:
            self._count("requests to proxies whose targets are not shown: table full")
            return None
        self._rows += 1
        self._users.setdefault(row.user, rows)[key] = row
        return row

    def _count(self, what: str) -> None:
        self._unseen[what] += 1


def _below(seen: Observation, host: str, port: int) -> Inside:
    return seen.flow.serial, seen.stack.count("/") + 1, host.lower(), port


def _inside(serial: int, stack: str, target: Endpoint) -> Inside:
    return serial, stack.count("/"), target.address.lower(), target.port
