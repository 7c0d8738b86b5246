"""The summary a person reads.

Every name that came from the wire is escaped before it is shown.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from backchannel.catalogue.index import Index
from backchannel.detect.model import SEVERITIES
from backchannel.listed import listed
from backchannel.privacy import REDACTED
from backchannel.report import matrix_view, merged, unseen
from backchannel.report.document import Account, Document, Service, Tunnel
from backchannel.report.listing import Listing
from backchannel.report.places import Places
from backchannel.report.views import by_trouble, by_use, gravity, led, worst
from backchannel.report.words import (
    ALARMING,
    behind,
    came,
    carrier,
    count,
    exposed,
    harmless,
    kept,
    let_through,
    place,
    portless,
    ranked,
    short,
    size,
    span,
)
from backchannel.text import escape

LIST = 12
"""Rows of each list beside the services; the JSON and HTML reports have all of them."""
_STRENGTH = {
    "parsed": "green",
    "signature": "cyan",
    "expected": "yellow",
    "name": "yellow",
    "port": "dim",
}


def render(document: Document, index: Index) -> RenderableType:
    """Return the whole summary, ready to print. What matters most stands last: on a terminal that
    scrolled it is what a person sees.
    """
    places = Places(document)
    parts: list[RenderableType] = [_headline(document)]
    if document.services:
        parts.append(_services(document, index))
    else:
        parts.append(Text("No back channel was found in what could be seen.", style="green"))
    parts += [
        part
        for part in (
            _accounts(document, index),
            _credentials(document, index, places),
            _tunnels(document, index, places),
            _associations(document, places),
            _files(document, index),
            _addresses(document, index, places),
            _anomalies(document),
            matrix_view.render(document.matrix),
            _findings(document, places),
            _unseen(document),
        )
        if part is not None
    ]
    return Group(*_spaced(parts), _end(document))


def _end(document: Document) -> Text:
    """Return the last line, which is read first."""
    if not document.services:
        return Text(gravity(document), style="dim")
    return Text(gravity(document), style="bold")


def _spaced(parts: Sequence[RenderableType]) -> list[RenderableType]:
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part, Text()]
    return spaced


def _table(title: str, *columns: str, right: Iterable[str] = ()) -> Listing:
    return Listing(title, columns, right)


def _names(names: Sequence[str], most: int = 4) -> Text:
    return Text(listed(map(escape, names), most))


def _headline(document: Document) -> Text:
    traffic = document.traffic
    text = Text()
    text.append(document.tool, style="bold")
    text.append(
        f"  {count(len(document.inputs), 'capture')}, {count(traffic.packets, 'packet')}, "
        f"{size(traffic.bytes)}, {count(traffic.flows, 'flow')}"
    )
    if traffic.packets:
        text.append(f", {short(traffic.first_seen)} to {short(traffic.last_seen)} UTC")
    return text


def _services(document: Document, index: Index) -> Group:
    """Return a block for each service: what and how sure, then who, what for and what leaked."""
    blocks: list[RenderableType] = []
    for row in document.services:
        about = Text()
        about.append(index.title(row.service), style="bold")
        about.append(f"  {escape(row.stack)}", style="bold")
        about.append("  ")
        about.append(row.confidence, style=_STRENGTH[row.confidence])
        about.append(f"  {_amount(row)}, {span(row.first_seen, row.last_seen)}")
        blocks += [about, _details(row, document.tunnels), Text()]
    return Group(*blocks[:-1])


def _amount(row: Service) -> str:
    """Return how much there was; what shares its flows with what carries it has none of its own."""
    if other := carrier(row):
        return f"in flows of {escape(other)}"
    return f"{count(row.flows, 'flow')}, {size(row.bytes)}"


def _details(row: Service, tunnels: Sequence[Tunnel]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(width=2)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, text in (
        ("accounts", _names(row.accounts)),
        ("clients", _names(row.hosts.clients)),
        ("servers", _names(list(map(portless, row.hosts.servers)))),
        ("led to", _names(led(row, tunnels))),
        ("used for", Text(", ".join(row.capabilities))),
        ("exposed", _exposed(row.exposed)),
    ):
        if text:
            table.add_row("", label, text)
    return table


def _exposed(told: dict[str, int]) -> Text:
    text = Text()
    for word, number in ranked(told):
        if text:
            text.append("; ")
        text.append(exposed(word, number), style="red" if word in ALARMING else "")
    return text


_SEVERITY = {
    "critical": "bold red",
    "high": "red",
    "medium": "yellow",
    "low": "",
    "info": "dim",
}


def _findings(document: Document, places: Places) -> RenderableType | None:
    """Return the worst findings, each with its rule, which `backchannel rules` explains; how many
    there are of each severity stands in the title, how many more of a rule beside its last one.
    """
    found = document.findings
    if not found and not document.suppressed:
        return None
    counts = Counter(each.severity for each in found)
    told = ", ".join(f"{counts[name]} {name}" for name in reversed(SEVERITIES) if counts[name])
    hidden = f"; {document.suppressed} suppressed" if document.suppressed else ""
    shown = worst(found, LIST)
    hidden += f"; {len(shown)} of {len(found):,} here" if len(shown) < len(found) else ""
    table = _table(
        f"Findings: {told or 'none'}{hidden}",
        "severity",
        "what",
        "times",
        "seen in",
        right=("times",),
    )
    left = Counter((each.severity, each.rule) for each in found)
    left.subtract((each.severity, each.rule) for each in shown)
    last = {(each.severity, each.rule): each for each in shown}
    for each in shown:
        place, kind = each.evidence[0], (each.severity, each.rule)
        more = f", {left[kind]:,} more" if left[kind] and last[kind] is each else ""
        table.add(
            Text(each.severity, style=_SEVERITY[each.severity]),
            Text.assemble(harmless(each.summary), "\n", (harmless(each.rule) + more, "dim")),
            f"{each.count:,}",
            places.of(place.frame),
        )
    return table


def _accounts(document: Document, index: Index) -> Listing | None:
    told = [row for row in document.accounts if row.sign_ons or row.sent or row.credentials]
    if not told:
        return None
    told.sort(key=lambda row: (_exposure(row), -row.sent - row.received))
    table = _table(
        _title("Accounts", len(told)),
        "service",
        "account",
        "from",
        "program",
        "contacts",
        "sent",
        "received",
        "login exposed as",
        right=("contacts", "sent", "received"),
    )
    for row in told[:LIST]:
        table.add(
            index.title(row.service),
            Text(escape(row.account)),
            _names(row.addresses, 2),
            _names(row.software, 1),
            f"{row.contacts or ''}",
            f"{row.sent or ''}",
            f"{row.received or ''}",
            Text(", ".join(row.credentials), style="red"),
        )
    return table


def _exposure(row: Account) -> int:
    """Return how badly the logins of an account are exposed: 0 is worst."""
    kinds = [scheme.partition(":")[0] for scheme in row.credentials]
    return min(map(merged.GRAVITY.index, kinds), default=len(merged.GRAVITY))


def _credentials(document: Document, index: Index, places: Places) -> Listing | None:
    rows = merged.logins(document.credentials)
    if not rows:
        return None
    told = any(each.row.secret != REDACTED for each in rows)
    table = _table(
        _title("Exposed logins", len(rows)),
        "service",
        "account",
        "exposed as",
        *(("secret",) if told else ()),
        "from",
        "to",
        "times",
        "seen in",
        right=("times",),
    )
    for each in rows[:LIST]:
        row = each.row
        table.add(
            index.title(row.service),
            Text(escape(row.account)),
            Text(f"{row.kind}: {escape(row.scheme)}", style="red"),
            *((Text(escape(row.secret)),) if told else ()),
            merged.host(row.client),
            Text(escape(row.server)),
            f"{each.times:,}" if each.times > 1 else "",
            places.of(row.frame),
        )
    return table


def _tunnels(document: Document, index: Index, places: Places) -> Listing | None:
    if not document.tunnels:
        return None
    table = _table(
        _title("Where proxies led", len(document.tunnels)),
        "client",
        "proxy",
        "as",
        "target",
        "asked",
        "answer",
        "inside",
        "bytes",
        "seen in",
        right=("asked", "bytes"),
    )
    for row in by_use(document.tunnels)[:LIST]:
        refused = row.refused and not row.granted
        table.add(
            row.client,
            Text(escape(row.proxy)),
            _names(row.accounts, 1),
            Text(escape(place(row.host, row.port))),
            f"{row.asked:,}",
            Text(
                let_through(row.asked, row.granted, row.refused), style="yellow" if refused else ""
            ),
            Text(", ".join(map(index.title, row.services)) or ", ".join(row.inside)),
            size(row.bytes) if row.bytes else "",
            places.of(row.frame),
        )
    return table


def _associations(document: Document, places: Places) -> Listing | None:
    if not document.associations:
        return None
    table = _table(
        _title("IPsec between hosts", len(document.associations)),
        "client",
        "server",
        "behind NAT",
        "key exchange",
        "sent",
        "received",
        "lost",
        "keep-alives",
        "seen in",
        right=("sent", "received", "lost"),
    )
    for row in by_trouble(document.associations)[:LIST]:
        table.add(
            row.client,
            Text(escape(row.server)),
            behind(row),
            Text(came(row), style="yellow" if row.failure else ""),
            size(row.sent.bytes) if row.sent.bytes else "",
            size(row.received.bytes) if row.received.bytes else "",
            f"{lost:,}" if (lost := row.sent.missing + row.received.missing) else "",
            kept(row),
            places.of(row.frame),
        )
    return table


def _files(document: Document, index: Index) -> Listing | None:
    rows = merged.files(document.files)
    if not rows:
        return None
    table = _table(
        _title("Files", len(rows)),
        "service",
        "name",
        "size",
        "whole",
        "type",
        "from",
        "to",
        "times",
        "sha-256",
        right=("size", "times"),
    )
    for each in rows[:LIST]:
        row = each.row
        table.add(
            index.title(row.service),
            Text(escape(row.name)),
            size(row.size),
            "yes" if row.complete else f"{size(row.seen)} seen",
            Text(escape(row.media)),
            Text(escape(row.sender)),
            Text(escape(row.recipient)),
            f"{each.times:,}" if each.times > 1 else "",
            row.sha256[:16],
        )
    return table


def _addresses(document: Document, index: Index, places: Places) -> Listing | None:
    rows = merged.addresses(document.addresses)
    if not rows:
        return None
    table = _table(
        _title("Addresses disclosed to others", len(rows)),
        "service",
        "account",
        "address",
        "ports",
        "for",
        "disclosed in",
        "times",
        "seen in",
        right=("times",),
    )
    for each in rows[:LIST]:
        row = each.row
        table.add(
            index.title(row.service),
            Text(escape(row.account)),
            Text(escape(row.address)),
            _names(list(map(str, each.ports)), 2),
            row.capability,
            Text(escape(row.how)),
            f"{each.times:,}" if each.times > 1 else "",
            places.of(row.frame),
        )
    return table


def _anomalies(document: Document) -> Listing | None:
    if not document.anomalies:
        return None
    table = _table("Anomalies", "what", "times", right=("times",))
    for name, number in document.anomalies.items():
        table.add(Text(escape(name)), f"{number:,}")
    return table


def _unseen(document: Document) -> RenderableType:
    rows = unseen.rows(document)
    if not rows:
        return Text(
            "Nothing was damaged, cut short, lost or dropped. "
            "Protocols without a decoder were not examined.",
            style="dim",
        )
    table = _table("Could not be seen", "what", "times", right=("times",))
    for row in rows:
        style = "red" if row.grave else ""
        table.add(Text(row.text, style=style), f"{row.times:,}" if row.times else "")
    return table


def _title(name: str, count: int) -> str:
    return f"{name} ({LIST} of {count:,})" if count > LIST else name
