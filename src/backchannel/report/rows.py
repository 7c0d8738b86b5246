"""Rows of the document under way: they take what is seen, within a bound, and close as values."""

from collections import Counter

from backchannel.engine.observation import FlowInfo
from backchannel.model import Confidence, Endpoint
from backchannel.report import document as doc
from backchannel.when import rfc3339

ROWS = 10_000
"""Rows of each table of the document."""
NAMES = 1_000
"""Accounts, hosts and the like kept for one row."""


class Names:
    """A set that keeps its order and its bound."""

    __slots__ = ("_held", "_last", "_limit")

    def __init__(self, limit: int = NAMES) -> None:
        self._held: dict[str, None] = {}
        self._last = ""
        self._limit = limit

    def add(self, name: str) -> None:
        """Keep *name* unless it is empty or there is no room."""
        if name is self._last:  # as nearly always
            return
        self._last = name
        if name and name not in self._held and len(self._held) < self._limit:
            self._held[name] = None

    def sorted(self) -> tuple[str, ...]:
        """Return what was kept, in order."""
        return tuple(sorted(self._held) if len(self._held) > 1 else self._held)

    def __contains__(self, name: str) -> bool:
        return name in self._held


class Tally:
    """A count that is raised where it stands."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class ServiceRow:
    """One service row under way."""

    def __init__(self) -> None:
        self.confidence = Confidence.PORT
        self.evidence = ""
        self.capabilities, self.accounts, self.software = Names(), Names(), Names()
        self.clients, self.servers = Names(), Names()
        self.packets = self.octets = self.flow_count = 0
        self.first = self.last = 0
        self.dated = False
        """Whether anything was seen, so that these two are times."""
        self.flow: FlowInfo | None = None
        self.target: Endpoint | None = None
        """Whose clients and servers were taken in last, where events speak of what is carried."""
        self.events: dict[str, Tally] = {}
        self.exposed: dict[str, int] = {}

    def seen(self, first: int, last: int) -> None:
        """Stretch the row over a span of time (ns since 1970)."""
        if not self.dated or first < self.first:
            self.first, self.dated = first, True
        if last > self.last:  # noqa: PLR1730 - called for each event, and `max` takes longer
            self.last = last

    def tally(self, tag: str) -> Tally:
        """Return the count of events of a kind, to be raised."""
        tally = self.events.get(tag)
        if tally is None:
            tally = self.events[tag] = Tally()
        return tally

    def expose(self, word: str) -> None:
        """Count something that an eavesdropper gains."""
        self.exposed[word] = self.exposed.get(word, 0) + 1

    def carry(self, flow: FlowInfo, target: Endpoint | None) -> None:
        """Take in whose what *flow* carries is."""
        if self.flow is not flow or self.target is not target:  # nearly always those of last time
            self.flow, self.target = flow, target
            self.clients.add(flow.client.address)
            self.servers.add(str(target or flow.server))

    def claim(self, confidence: Confidence, evidence: str) -> None:
        """Take a claim; the strongest one's evidence is kept."""
        if confidence > self.confidence:
            self.confidence, self.evidence = confidence, evidence or self.evidence
        elif not self.evidence:
            self.evidence = evidence

    def done(self, service: str, protocol: str, stack: str) -> doc.Service:
        """Return the row as it stands in the document."""
        return doc.Service(
            service=service,
            protocol=protocol,
            stack=stack,
            confidence=self.confidence.word,  # type: ignore[arg-type]
            evidence=self.evidence,
            capabilities=self.capabilities.sorted(),
            accounts=self.accounts.sorted(),
            hosts=doc.Hosts(clients=self.clients.sorted(), servers=self.servers.sorted()),
            software=self.software.sorted(),
            flows=self.flow_count,
            packets=self.packets,
            bytes=self.octets,
            first_seen=rfc3339(self.first),
            last_seen=rfc3339(self.last),
            events={tag: self.events[tag].count for tag in sorted(self.events)},
            exposed=dict(sorted(self.exposed.items())),
        )


class AccountRow:
    """One account row under way."""

    def __init__(self) -> None:
        self.names, self.addresses, self.disclosed = Names(16), Names(64), Names(64)
        self.software, self.credentials = Names(16), Names(16)
        self.contacts: Names = Names(10_000)
        self.sent = self.received = self.sign_ons = 0

    def signed_on(self, address: str, program: str) -> None:
        """Count a sign-on from *address* with *program*."""
        self.sign_ons += 1
        self.addresses.add(address)
        self.software.add(program)

    def done(self, service: str, account: str) -> doc.Account:
        """Return the row as it stands in the document."""
        return doc.Account(
            service=service,
            account=account,
            names=self.names.sorted(),
            addresses=self.addresses.sorted(),
            disclosed=self.disclosed.sorted(),
            software=self.software.sorted(),
            credentials=self.credentials.sorted(),
            contacts=len(self.contacts.sorted()),
            sent=self.sent,
            received=self.received,
            sign_ons=self.sign_ons,
        )


class Pairs:
    """Two counts for each (service, from, to)."""

    def __init__(self, unseen: Counter[str]) -> None:
        """*unseen* counts what did not fit."""
        self._unseen = unseen
        self._counts: dict[tuple[str, str, str], list[int]] = {}

    def of(self, service: str, first: str, second: str) -> list[int]:
        """Return the two counts of a pair, to be changed; a throw-away one when all is full."""
        key = service, first, second
        counts = self._counts.get(key)
        if counts is None:
            counts = [0, 0]
            if len(self._counts) < ROWS:
                self._counts[key] = counts
            else:
                self._unseen["pairs not shown: table full"] += 1
        return counts

    def sorted(self) -> list[tuple[tuple[str, str, str], list[int]]]:
        """Return all of them, in order."""
        return sorted(self._counts.items(), key=_as_text)


def _as_text(pair: tuple[tuple[str, str, str], list[int]]) -> str:
    """Return what orders pairs as their keys do: one text takes a tenth of a tuple to compare."""
    return "\0".join(pair[0])
