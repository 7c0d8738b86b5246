"""Gathers a run: observations and ended streams in, one `Document` out.

Memory is bounded by the limits below, whatever the length of the capture; what did not fit is
counted and shown with everything else that could not be seen.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from backchannel.detect.model import Finding
from backchannel.engine.ended import Ended
from backchannel.engine.observation import FlowInfo, Observation, Place
from backchannel.engine.stream import Group
from backchannel.events import (
    Anomaly,
    Contacts,
    Credential,
    Event,
    Malformed,
    Message,
    PeerAddress,
    Profile,
    Search,
    Share,
    SignOn,
    Software,
    Transfer,
)
from backchannel.model import Confidence, Endpoint, Side
from backchannel.privacy import REDACTED, Disclosure
from backchannel.report import document as doc
from backchannel.report.rows import AccountRow, ServiceRow
from backchannel.report.timeline import Timeline
from backchannel.when import rfc3339

ROWS = 10_000
"""Rows of each table of the document."""

Key = tuple[str, str, str]  # service, protocol, stack


class Summary:
    """Collects what the engine tells and makes the document at the end."""

    def __init__(self, disclosure: Disclosure) -> None:
        self._disclosure = disclosure
        self._services: dict[Key, ServiceRow] = {}
        self._found: dict[tuple[str, str, str, str], tuple[ServiceRow, bool]] = {}
        self._kinds: dict[type[Event], _Kind] = {}
        self._accounts: dict[tuple[str, str], AccountRow] = {}
        self._secrets: dict[tuple[str, str, str, str, str], doc.Secret] = {}
        self._files: list[doc.File] = []
        self._addresses: dict[tuple[str, str, str, int, str], doc.Address] = {}
        self._anomalies: Counter[str] = Counter()
        self._pairs: dict[tuple[str, str, str], list[int]] = {}
        self._talks: dict[tuple[str, str, str], list[int]] = {}
        self._timeline = Timeline()
        self.unseen: Counter[str] = Counter()

    # -- what the engine tells -----------------------------------------------------------------

    def add(self, seen: Observation) -> None:
        """Take one observation."""
        event = seen.event
        kind = self._kinds.get(type(event)) or self._kind(type(event))
        row = self._service(seen)
        if row is not None:
            row.events[kind.tag] = row.events.get(kind.tag, 0) + 1
            row.seen(seen.time, seen.time)
            if capability := event.capability if kind.asks else kind.capability:
                row.capabilities.add(capability)
            if seen.account:
                row.accounts.add(seen.account)
            self._timeline.add(seen.service, seen.time)
            if word := kind.exposed or _exposed(event):
                row.exposed[word] += 1
        elif type(event) is not Malformed:
            return
        if kind.handler is not None:
            kind.handler(self, seen, event)

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
        row: ServiceRow | None = None
        carried: str | None = None
        for kind in kinds:
            known = self._kinds.get(kind) or self._kind(kind)
            if row is None or known.protocol != carried:
                carried = known.protocol
                key = service, carried or protocol, stack, carried
                row = self._place(key, confidence, flow, target)
                if row is None:
                    continue
                row.seen(time, time)
                if account:
                    row.accounts.add(account)
            row.events[known.tag] = row.events.get(known.tag, 0) + 1
            if known.capability:
                row.capabilities.add(known.capability)
            self._timeline.add(service, time)

    def _kind(self, kind: type[Event]) -> "_Kind":
        made = self._kinds[kind] = _Kind(kind)
        return made

    def _service(self, seen: Observation) -> ServiceRow | None:
        if not seen.service:
            return None
        key = seen.service, seen.protocol, seen.stack, seen.event.PROTOCOL
        return self._place(key, seen.confidence, seen.flow, seen.target)

    def _place(
        self,
        key: tuple[str, str, str, str],
        confidence: Confidence,
        flow: FlowInfo,
        target: Endpoint | None,
    ) -> ServiceRow | None:
        """Return the row of an event: service, protocol, stack, and the protocol it speaks of."""
        found = self._found.get(key)
        if found is None:
            found = self._find(*key)
            if found is None:
                return None
            self._found[key] = found
        row, carried = found
        if confidence > row.confidence:
            row.claim(confidence, "")
        if carried and (row.flow is not flow or row.target is not target):
            row.flow, row.target = flow, target  # nearly always the same as last time
            row.clients.add(flow.client.address)
            row.servers.add(str(target or flow.server))
        return row

    def _find(
        self, service: str, protocol: str, stack: str, carried: str
    ) -> tuple[ServiceRow, bool] | None:
        """Return the row of an event, and whether it is about what its flow's protocol carries."""
        inside = carried not in {"", stack.rsplit("/", 1)[-1]}
        row = self._row((service, protocol, f"{stack}/{protocol}" if inside else stack))
        return None if row is None else (row, inside)

    def _row(self, key: Key) -> ServiceRow | None:
        row = self._services.get(key)
        if row is None:
            if len(self._services) >= ROWS:
                self.unseen["service rows not shown: table full"] += 1
                return None
            row = self._services[key] = ServiceRow()
        return row

    def end(self, stream: Ended) -> None:
        """Take a stream that ended with a claim; figures are those of its flow or inner bytes."""
        if not stream.service:
            return
        row = self._row((stream.service, stream.protocol, stream.stack))
        if row is None:
            return
        row.claim(stream.confidence, stream.evidence)
        row.flow_count += 1
        row.packets += stream.packets
        row.octets += stream.octets
        row.seen(stream.first, stream.last)
        row.clients.add(stream.client.address)
        row.servers.add(str(stream.server))
        row.accounts.add(stream.account)
        ends = stream.service, stream.client.address, stream.server.address
        pair = self._bounded(self._pairs, ends)
        pair[0] += 1
        pair[1] += stream.octets

    def _bounded(
        self, table: dict[tuple[str, str, str], list[int]], key: tuple[str, str, str]
    ) -> list[int]:
        """Return the two counts of *key*; a throw-away pair when the table is full."""
        if key not in table and len(table) >= ROWS:
            self.unseen["pairs not shown: table full"] += 1
            return [0, 0]
        return table.setdefault(key, [0, 0])

    # -- one event kind each -------------------------------------------------------------------

    def _account(self, seen: Observation, name: str) -> AccountRow | None:
        if not name:
            return None
        key = seen.service, name
        found = self._accounts.get(key)
        if found is None:
            if len(self._accounts) >= ROWS:
                self.unseen["account rows not shown: table full"] += 1
                return None
            found = self._accounts[key] = AccountRow()
        return found

    def _sign_on(self, seen: Observation, event: SignOn) -> None:
        if account := self._account(seen, event.account):
            account.sign_ons += 1
            account.addresses.add(_near(seen))
            account.software.add(f"{event.client} {event.version}".strip())
        if row := self._service(seen):
            row.accounts.add(event.account)
            row.software.add(f"{event.client} {event.version}".strip())

    def _credential(self, seen: Observation, event: Credential) -> None:
        if account := self._account(seen, event.account):
            account.credentials.add(f"{event.kind}: {event.scheme}")
        if row := self._service(seen):
            row.accounts.add(event.account)
        key = seen.service, event.account, event.kind, event.scheme, event.secret
        if key in self._secrets:
            return
        if len(self._secrets) >= ROWS:
            self.unseen["credentials not shown: table full"] += 1
            return
        hide = self._disclosure.hides("secret")
        self._secrets[key] = doc.Secret(
            service=seen.service,
            account=event.account,
            kind=event.kind,
            scheme=event.scheme,
            secret=REDACTED if hide else event.secret,
            salt=REDACTED if hide and event.salt else event.salt,
            client=str(seen.flow.client),
            server=str(seen.target or seen.flow.server),
            time=rfc3339(seen.time),
            frame=seen.frame,
        )

    def _message(self, seen: Observation, event: Message) -> None:
        if account := self._account(seen, event.sender):
            account.sent += 1
        if account := self._account(seen, event.recipient):
            account.received += 1
        if event.sender and (to := event.recipient or event.room):
            self._bounded(self._talks, (seen.service, event.sender, to))[0] += 1

    def _contacts(self, seen: Observation, event: Contacts) -> None:
        account = self._account(seen, event.owner or seen.account)
        if account is None:
            return
        for entry in event.entries:
            if event.change != "remove":
                account.contacts.add(entry.account)

    def _profile(self, seen: Observation, event: Profile) -> None:
        if account := self._account(seen, event.account):
            account.names.add(event.nickname)

    def _software(self, seen: Observation, event: Software) -> None:
        text = f"{event.name} {event.version}".strip()
        if row := self._service(seen):
            row.software.add(text)
        if event.account and (account := self._account(seen, event.account)):
            account.software.add(text)

    def _transfer(self, seen: Observation, event: Transfer) -> None:
        if event.sender and event.recipient:
            self._bounded(self._talks, (seen.service, event.sender, event.recipient))[1] += 1
        if row := self._service(seen):
            row.accounts.add(event.sender)
            row.accounts.add(event.recipient)
        if len(self._files) >= ROWS:
            self.unseen["files not shown: table full"] += 1
            return
        self._files.append(
            doc.File(
                service=seen.service,
                capability=event.use,
                name=event.name,
                size=event.size,
                seen=event.seen,
                complete=event.complete,
                sha256=event.sha256,
                verified=event.verified,
                media=event.media,
                sender=event.sender,
                recipient=event.recipient,
                client=str(seen.flow.client),
                server=str(seen.target or seen.flow.server),
                stack=seen.stack,
                time=rfc3339(seen.time),
                frame=seen.frame,
            )
        )

    def _peer_address(self, seen: Observation, event: PeerAddress) -> None:
        if account := self._account(seen, event.account):
            account.disclosed.add(event.address)
        key = seen.service, event.account, event.address, event.port, event.how
        if key in self._addresses:
            return
        if len(self._addresses) >= ROWS:
            self.unseen["disclosed addresses not shown: table full"] += 1
            return
        self._addresses[key] = doc.Address(
            service=seen.service,
            account=event.account,
            address=event.address,
            port=event.port,
            capability=event.use,
            how=event.how,
            time=rfc3339(seen.time),
            frame=seen.frame,
        )

    def _anomaly(self, seen: Observation, event: Anomaly) -> None:
        self._anomalies[f"{seen.service}: {event.kind}"] += 1

    def _malformed(self, seen: Observation, _event: Malformed) -> None:
        self.unseen[f"malformed {seen.protocol} messages"] += 1

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
            services=tuple(row.done(*key) for key, row in sorted(self._services.items())),
            accounts=tuple(row.done(*key) for key, row in sorted(self._accounts.items())),
            sessions=tuple(_session_row(group) for group in sorted(groups, key=_begun)),
            credentials=tuple(self._secrets.values()),
            files=tuple(self._files),
            addresses=tuple(self._addresses.values()),
            pairs=tuple(
                doc.Pair(service=key[0], client=key[1], server=key[2], flows=flows, bytes=octets)
                for key, (flows, octets) in sorted(self._pairs.items())
            ),
            conversations=tuple(
                doc.Conversation(
                    service=key[0], sender=key[1], recipient=key[2], messages=messages, files=files
                )
                for key, (messages, files) in sorted(self._talks.items())
            ),
            activity=doc.Activity(
                start=rfc3339(self._timeline.start),
                step=self._timeline.step,
                events=self._timeline.series(),
            ),
            anomalies=dict(sorted(self._anomalies.items())),
            unseen={name: count for name, count in sorted(unseen.items()) if count},
        )


def _tag(kind: type[Event]) -> str:
    return str(kind.__struct_config__.tag)


_HANDLERS: dict[type[Event], Any] = {
    SignOn: Summary._sign_on,  # noqa: SLF001
    Credential: Summary._credential,  # noqa: SLF001
    Message: Summary._message,  # noqa: SLF001
    Contacts: Summary._contacts,  # noqa: SLF001
    Profile: Summary._profile,  # noqa: SLF001
    Software: Summary._software,  # noqa: SLF001
    Transfer: Summary._transfer,  # noqa: SLF001
    PeerAddress: Summary._peer_address,  # noqa: SLF001
    Anomaly: Summary._anomaly,  # noqa: SLF001
    Malformed: Summary._malformed,  # noqa: SLF001
}

_EXPOSED: dict[type[Event], str] = {
    Message: "message",
    Contacts: "contact-list",
    PeerAddress: "address",
    Profile: "profile",
    Transfer: "file",
    Search: "search",
    Share: "shared-files",
}


READ = frozenset(_tag(kind) for kind in (*_HANDLERS, *_EXPOSED))
"""Tags of the events whose content the summary takes in; of all others it counts the kind."""


class _Kind:
    """What is so of all events of one kind."""

    __slots__ = ("asks", "capability", "exposed", "handler", "protocol", "tag")

    def __init__(self, kind: type[Event]) -> None:
        self.tag, self.protocol = _tag(kind), kind.PROTOCOL
        self.capability = kind.CAPABILITY
        self.asks = kind.capability is not Event.capability
        """Whether each event names its own capability."""
        self.exposed = _EXPOSED.get(kind, "")
        self.handler = _HANDLERS.get(kind)


def _exposed(event: Event) -> str:
    """Return the word for the secret that an eavesdropper gains by it; empty for none."""
    if type(event) is Credential:
        return "token" if event.kind == "token" else f"password-{event.kind}"
    return ""


def _near(seen: Observation) -> str:
    """The address from which somebody signs on: the side that sent it."""
    return (seen.flow.client if seen.side is Side.CLIENT else seen.flow.server).address


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
