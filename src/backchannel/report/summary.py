"""Gathers a run: observations and ended streams in, one `Document` out.

Memory is bounded by the limits below, whatever the length of the capture; what did not fit is
counted and shown with everything else that could not be seen.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import astuple

from backchannel.detect.model import Finding
from backchannel.engine.ended import Ended
from backchannel.engine.logins import Group
from backchannel.engine.observation import FlowInfo, Observation, Place
from backchannel.events import (
    Contacts,
    Credential,
    Event,
    Message,
    PeerAddress,
    Profile,
    Search,
    Share,
    Transfer,
    tag_of,
)
from backchannel.model import Endpoint
from backchannel.privacy import Disclosure
from backchannel.report import document as doc
from backchannel.report.facts import ANYWHERE, HANDLERS, Facts
from backchannel.report.rows import Pairs, ServiceRow
from backchannel.report.services import Services, Spot
from backchannel.report.timeline import Timeline
from backchannel.text import endpoint
from backchannel.when import rfc3339


class Summary:
    """Collects what the engine tells and makes the document at the end."""

    def __init__(self, disclosure: Disclosure) -> None:
        self.unseen: Counter[str] = Counter()
        self._kinds: dict[type[Event], _Kind] = {}
        self._services = Services(self.unseen)
        self._facts = Facts(disclosure, self.unseen)
        self._pairs = Pairs(self.unseen)
        self._timeline = Timeline()

    # -- what the engine tells -----------------------------------------------------------------

    def next(self, disclosure: Disclosure) -> "Summary":
        """Return an empty summary of what comes now, which knows what is under way."""
        made = Summary(disclosure)
        made._facts.tunnels.go_on(self._facts.tunnels.under_way())
        return made

    def hear(self, told: Iterable[Any]) -> None:
        """Take all that was *told*, in order: observations, streams that ended, and what `count`
        takes.
        """
        for each in told:
            kind = type(each)
            if kind is tuple:
                kinds, place, flow, target, time = each
                self.count(kinds, place, flow, target, time)
            elif kind is Ended:
                self.end(each)
            else:
                self.add(each)

    def add(self, seen: Observation) -> None:
        """Take one observation."""
        time, _, flow, stack, protocol, service, confidence, _, event, target, account, _ = astuple(
            seen
        )
        kind = self._kinds.get(type(event))
        if kind is None:
            kind = self._kind(type(event))
        row: ServiceRow | None = None
        if service:
            spot = kind.spot
            row = self._services.count(spot, service, protocol, stack, confidence)
        if row is not None:
            row.seen(time, time)
            if spot.place is not None and spot.place.inside:
                row.carry(flow, target)
            if kind.asks and (capability := event.capability):
                row.capabilities.add(capability)
            if account:
                row.accounts.add(account)
            self._timeline.add(service, time)
            if kind.exposes:
                row.expose(kind.exposed or _exposed(event))
        elif not kind.anywhere:
            return
        if kind.handler is not None:
            kind.handler(self._facts, seen, event, row)

    def count(
        self,
        kinds: Sequence[type[Event]],
        place: Place,
        flow: FlowInfo,
        target: Endpoint | None,
        time: int,
    ) -> None:
        """Take events of *kinds* that READ does not name, of which only the class is told."""
        stack, protocol, service, confidence, account = place
        if not service:
            return
        last: ServiceRow | None = None
        latest: type[Event] | None = None
        counted = 0
        for kind in kinds:
            if kind is not latest:
                latest, known = kind, self._kinds.get(kind)
                if known is None:
                    known = self._kind(kind)
                spot = known.spot
            row = self._services.count(spot, service, spot.carried or protocol, stack, confidence)
            if row is None:
                continue
            counted += 1
            if row is last:
                continue
            last = row
            row.seen(time, time)
            if spot.place is not None and spot.place.inside:
                row.carry(flow, target)
            if account:
                row.accounts.add(account)
        if counted:
            self._timeline.add(service, time, counted)

    def _kind(self, kind: type[Event]) -> "_Kind":
        made = self._kinds[kind] = _Kind(kind)
        return made

    def end(self, stream: Ended) -> None:
        """Take a stream that ended with a claim; figures are those of its flow or inner bytes."""
        (  # all at once: one by one they take four times as long
            _, stack, protocol, service, confidence, evidence, account, client, server, _, depth, _,
            packets, octets, first, last, _, _,
        ) = astuple(stream)  # fmt: skip
        if depth:
            self._facts.tunnels.ended(stream)
        if not service:
            return
        if account:
            self._facts.ended(stream)
        row = self._services.row((service, protocol, stack))
        if row is None:
            return
        row.claim(confidence, evidence)
        row.flow_count += 1
        row.packets += packets
        row.octets += octets
        row.seen(first, last)
        near, far = client.address, server.address
        row.clients.add(near)
        row.servers.add(endpoint(far, server.port))
        row.accounts.add(account)
        pair = self._pairs.of(service, near, far)
        pair[0] += 1
        pair[1] += octets

    # -- the document --------------------------------------------------------------------------

    def document(
        self,
        *,
        tool: str,
        inputs: Iterable[doc.Input],
        traffic: doc.Traffic,
        groups: Iterable[Group] = (),
        findings: tuple[Finding, ...] = (),
        counters: dict[str, int] | None = None,
    ) -> doc.Document:
        """Return everything gathered, in an order that does not depend on chance."""
        unseen = self.unseen + Counter(counters or {})
        return doc.Document(
            tool=tool,
            inputs=tuple(inputs),
            traffic=traffic,
            findings=findings,
            services=self._services.done(),
            sessions=tuple(_session_row(group) for group in sorted(groups, key=_begun)),
            pairs=tuple(
                doc.Pair(service=key[0], client=key[1], server=key[2], flows=flows, bytes=octets)
                for key, (flows, octets) in self._pairs.sorted()
            ),
            activity=doc.Activity(
                start=rfc3339(self._timeline.start),
                step=self._timeline.step,
                events=self._timeline.series(),
            ),
            unseen={name: count for name, count in sorted(unseen.items()) if count},
            **self._facts.document(),
        )


_EXPOSED: dict[type[Event], str] = {
    Message: "message",
    Contacts: "contact-list",
    PeerAddress: "address",
    Profile: "profile",
    Transfer: "file",
    Search: "search",
    Share: "shared-files",
}


READ = frozenset((*HANDLERS, *(tag_of(kind) for kind in _EXPOSED)))
"""Tags of the events whose content the summary takes in; of all others it counts the kind."""


class _Kind:
    """What is so of all events of one kind."""

    __slots__ = ("anywhere", "asks", "exposed", "exposes", "handler", "spot")

    def __init__(self, kind: type[Event]) -> None:
        self.asks = kind.capability is not Event.capability
        """Whether each event names its own capability."""
        self.spot = Spot(
            tag_of(kind), kind.PROTOCOL, str((not self.asks and kind.CAPABILITY) or "")
        )
        self.exposed = _EXPOSED.get(kind, "")
        self.exposes = bool(self.exposed) or kind is Credential
        self.handler, self.anywhere = HANDLERS.get(tag_of(kind)), kind in ANYWHERE


def _exposed(event: Credential) -> str:
    """Return the word for the secret that an eavesdropper gains by it."""
    return "token" if event.kind == "token" else f"password-{event.kind}"


def _begun(group: Group) -> tuple[int, tuple[int, ...]]:
    return group.first, tuple(group.flows)


def _session_row(group: Group) -> doc.Session:
    return doc.Session(
        service=group.service,
        account=group.account,
        flows=tuple(sorted(group.flows)),
        first_seen=rfc3339(group.first),
        last_seen=rfc3339(group.last),
    )
