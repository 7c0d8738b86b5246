"""What the HTML report shows of a document: findings in groups, what to do first, services, hosts.

Pure functions, bounded by the limits below; the JSON document has everything.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from backchannel.detect.model import SEVERITIES, Finding
from backchannel.report.document import Association, Document, Service, Tunnel
from backchannel.report.words import count, exposed, place, portless, ranked

FULL = 25
"""Findings of one rule with all their evidence; more of them get a line each."""
BRIEF = 200
"""Findings of one rule that get a line."""
ACTIONS = 6
"""Entries of `what to do first`."""
HOSTS = 500
NAMES = 1_000
"""Names kept for one host or action."""


class Group(NamedTuple):
    """The findings of one rule."""

    rule: Finding
    """Any of them: the rule's texts are the same in all."""
    severity: str
    full: Sequence[Finding]
    brief: Sequence[Finding]
    hidden: int
    total: int
    times: int


class Action(NamedTuple):
    """One thing to do, and what it answers."""

    text: str
    severity: str
    groups: Sequence[Group]
    findings: int
    services: Sequence[str]
    who: Sequence[str]
    """Accounts, or hosts where no account is known."""


class Block(NamedTuple):
    """One service with all its stacks."""

    service: str
    rows: Sequence[Service]
    flows: int
    bytes: int
    first: str
    last: str
    accounts: Sequence[str]
    clients: Sequence[str]
    servers: Sequence[str]
    software: Sequence[str]
    capabilities: Sequence[str]
    exposed: Sequence[tuple[str, int]]
    findings: Counter[str]


class Host(NamedTuple):
    """One address and what it did."""

    address: str
    uses: Sequence[str]
    serves: Sequence[str]
    accounts: Sequence[str]
    bytes: int
    findings: int
    worst: str


def groups(findings: Sequence[Finding]) -> list[Group]:
    """Return findings by rule, the gravest and then the most frequent rule first."""
    by_rule = dict[tuple[int, str], list[Finding]]()
    for each in findings:
        by_rule.setdefault((-SEVERITIES.index(each.severity), each.rule), []).append(each)
    order = sorted(by_rule.items(), key=lambda item: (item[0][0], -len(item[1]), item[0][1]))
    return [_group(sorted(found, key=_by_service)) for _, found in order]


def worst(findings: Sequence[Finding], most: int) -> list[Finding]:
    """Return *most* findings in their order: one of each rule, the gravest first, before a second
    of any, so that a rule that finds much hides no other.
    """
    turn = Counter[tuple[str, str]]()
    order = list[tuple[int, int, int]]()
    for number, each in enumerate(findings):
        kind = each.severity, each.rule
        order.append((turn[kind], -SEVERITIES.index(each.severity), number))
        turn[kind] += 1
    return [findings[number] for number in sorted(number for *_, number in sorted(order)[:most])]


def _group(found: Sequence[Finding]) -> Group:
    return Group(
        rule=found[0],
        severity=found[0].severity,
        full=found[:FULL],
        brief=found[FULL : FULL + BRIEF],
        hidden=max(len(found) - FULL - BRIEF, 0),
        total=len(found),
        times=sum(each.count for each in found),
    )


def _by_service(finding: Finding) -> tuple[str, str, str]:
    return finding.service, finding.first_seen, finding.id


def actions(found: Sequence[Group], findings: Sequence[Finding]) -> list[Action]:
    """Return what to do first: countermeasures, by the gravity and number of what they answer."""
    by_text = dict[str, list[Group]]()
    for group in found:
        if group.severity != "info":
            by_text.setdefault(group.rule.countermeasure, []).append(group)
    affected = dict[str, dict[str, None]]()
    for each in findings:
        names = affected.setdefault(each.countermeasure, {})
        for name in each.accounts[:1] or each.hosts[:1]:
            if len(names) < NAMES:
                names[name] = None
    made = [
        Action(
            text=text,
            severity=answered[0].severity,
            groups=answered,
            findings=sum(group.total for group in answered),
            services=sorted({each.service for group in answered for each in group.full}),
            who=list(affected[text]),
        )
        for text, answered in by_text.items()
    ]
    made.sort(key=lambda each: (-SEVERITIES.index(each.severity), -each.findings))
    return made[:ACTIONS]


def blocks(document: Document) -> list[Block]:
    """Return one block a service, most bytes first."""
    by_service = dict[str, list[Service]]()
    for row in document.services:
        by_service.setdefault(row.service, []).append(row)
    severities = dict[str, Counter[str]]()
    for each in document.findings:
        severities.setdefault(each.service, Counter())[each.severity] += 1
    made = [
        _block(name, rows, severities.get(name, Counter())) for name, rows in by_service.items()
    ]
    return sorted(made, key=lambda block: (-block.bytes, block.service))


def _block(name: str, rows: Sequence[Service], findings: Counter[str]) -> Block:
    told: Counter[str] = Counter()
    for row in rows:
        told.update(row.exposed)
    return Block(
        service=name,
        rows=sorted(rows, key=lambda row: (-row.bytes, row.stack)),
        flows=sum(row.flows for row in rows),
        bytes=sum(row.bytes for row in rows),
        first=min(row.first_seen for row in rows),
        last=max(row.last_seen for row in rows),
        accounts=_all(row.accounts for row in rows),
        clients=_all(row.hosts.clients for row in rows),
        servers=list(map(portless, _all(row.hosts.servers for row in rows))),
        software=_all(row.software for row in rows),
        capabilities=_all(row.capabilities for row in rows),
        exposed=ranked(told),
        findings=findings,
    )


def _all(many: Iterable[Sequence[str]]) -> list[str]:
    return sorted({name for names in many for name in names})


def by_trouble(rows: Sequence[Association]) -> list[Association]:
    """Return IPsec between hosts: what failed first, then what carried most."""
    return sorted(rows, key=lambda row: (not row.failure, -row.sent.bytes - row.received.bytes))


def by_use(tunnels: Sequence[Tunnel]) -> list[Tunnel]:
    """Return where proxies led: services that we know first, then what carried most."""
    return sorted(
        tunnels,
        key=lambda row: (not row.services, -row.bytes, not row.granted, -row.asked, row.frame),
    )


def led(service: Service, tunnels: Sequence[Tunnel]) -> list[str]:
    """Return the targets to which a proxy's row of services led, without those it refused."""
    wanted = service.service, service.stack
    rows = [row for row in tunnels if (row.service, row.stack) == wanted]
    went = by_use([row for row in rows if row.host and (row.granted or row.bytes)])
    return list(dict.fromkeys(place(row.host, row.port) for row in went))


class _HostRow:
    """One host under way."""

    def __init__(self) -> None:
        self.uses, self.serves, self.accounts = set[str](), set[str](), set[str]()
        self.bytes = self.findings = 0
        self.worst = -1


def hosts(document: Document) -> tuple[list[Host], int]:
    """Return the hosts, those with the gravest findings first, and how many are left out."""
    rows = dict[str, _HostRow]()
    for pair in document.pairs:
        client, server = (rows.setdefault(name, _HostRow()) for name in (pair.client, pair.server))
        client.uses.add(pair.service)
        server.serves.add(pair.service)
        client.bytes += pair.bytes
        if server is not client:
            server.bytes += pair.bytes
    for account in document.accounts:
        for address in account.addresses:
            if address in rows and len(rows[address].accounts) < NAMES:
                rows[address].accounts.add(account.account)
    for finding in document.findings:
        for address in finding.hosts:
            row = rows.setdefault(address, _HostRow())
            row.findings += 1
            row.worst = max(row.worst, SEVERITIES.index(finding.severity))
    order = sorted(
        rows.items(), key=lambda item: (-item[1].worst, -item[1].findings, -item[1].bytes, item[0])
    )
    made = [
        Host(
            address=address,
            uses=sorted(row.uses),
            serves=sorted(row.serves),
            accounts=sorted(row.accounts),
            bytes=row.bytes,
            findings=row.findings,
            worst=SEVERITIES[row.worst] if row.worst >= 0 else "",
        )
        for address, row in order[:HOSTS]
    ]
    return made, max(len(order) - HOSTS, 0)


def lead(document: Document, titles: Sequence[str]) -> list[str]:
    """Return what was found, in a few sentences."""
    if not document.services:
        return ["No back channel was found in what could be seen."]
    told: Counter[str] = Counter()
    for row in document.services:
        told.update(row.exposed)
    parts = [exposed(word, number) for word, number in ranked(told)[:5]]
    sentences = [f"{count(len(titles), 'back channel')} in use: {_list(titles)}."]
    if parts:
        sentences.append(f"Open to anybody on the path: {_list(parts, '; ')}.")
    return [*sentences, gravity(document)]


def gravity(document: Document) -> str:
    """Return how many findings there are and which kind is the gravest, in a sentence: of the worst
    severity the one of which there are most, as the first of `groups` is.
    """
    found = Counter(each.severity for each in document.findings)
    if not found:
        return "No rule found anything to act on."
    told = [f"{found[name]:,} {name}" for name in ("critical", "high") if found[name]]
    grave = f", {' and '.join(told)}" if told else ""
    first = document.findings[0].severity
    kinds = Counter((each.rule, each.title) for each in document.findings if each.severity == first)
    _, title = min(kinds, key=lambda kind: (-kinds[kind], kind[0]))
    return f"{count(found.total(), 'finding')}{grave}; the worst: “{title}”."


def _list(words: Sequence[str], between: str = ", ") -> str:
    return between.join(words[:-1]) + " and " + words[-1] if len(words) > 1 else "".join(words)
