"""The parts of the view on a terminal: values in, what rich prints out. No state.

Everything that came from the wire is escaped before it is shown.
"""

from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from backchannel.detect.model import Finding
from backchannel.report.words import harmless, size, span, times
from backchannel.text import escape

SEVERITY = {
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "yellow",
    "low": "cyan",
    "info": "dim",
}
MARK = {"critical": "CRIT", "high": "HIGH", "medium": "MED ", "low": "LOW ", "info": "INFO"}
HELP = (
    ("up, down", "choose a finding"),
    ("enter", "its details; again or escape: back"),
    ("/", "show only findings with some text; enter keeps it, escape drops it"),
    ("s", "show only this severity and worse: info, low, medium, high, critical"),
    ("n", "what the watch has said of itself"),
    ("p", "pause the view; nothing is missed meanwhile"),
    ("g, G", "the newest finding, the oldest"),
    ("q", "stop, with everything written"),
)


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the first lines tell."""

    interfaces: Mapping[str, bool]
    """Name -> up."""
    running: float
    packets: float
    """A second."""
    octets: float
    """A second."""
    total: int
    flows: int
    drops: int
    waiting: int
    """Alerts not delivered."""
    counts: Mapping[str, int]
    """Findings by severity."""
    paused: bool
    beside: str = ""
    """What is done beside watching, in a few words."""


class Notice(msgspec.Struct, frozen=True):
    """Something that the watch said of itself, and when (UTC)."""

    at: str
    text: str


class ServiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One service of the table."""

    title: str
    clients: int
    events: int
    flows: int
    fresh: bool
    """Something happened in the last seconds."""


class TalkerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One client of a service."""

    client: str
    title: str
    octets: int
    rate: float
    """Bytes a second."""


def head(told: Head, width: int) -> Text:
    """Return two lines: what is watched and how fast, and what was found. Figures for which a
    terminal of *width* columns has no room are left out, those that matter least first.
    """
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(" backchannel ", "bold reverse")
    for name, up in told.interfaces.items():
        text.append(f" {escape(name)}", "bold green" if up else "bold red")
        if not up:
            text.append(" DOWN", "bold red")
    text.append("   ")  # what needs somebody first
    text.append(f"drops {told.drops:,}", "bold red" if told.drops else "green")
    if told.waiting:
        text.append(f"   {told.waiting:,} alerts wait", "bold yellow")
    if told.paused:
        text.append("   PAUSED ", "bold black on yellow")
    for figure, style in (
        (clock(told.running), ""),
        (f"{told.packets:,.0f} packets/s", ""),
        (bits(told.octets), ""),
        (f"{told.flows:,} flows", "dim"),
        (f"{told.total:,} packets", "dim"),
    ):
        if text.cell_len + len(figure) + 3 > width:
            break
        text.append(f"   {figure}", style)
    text.append("\n ")
    for name, style in SEVERITY.items():
        count = told.counts.get(name, 0)
        text.append(f"{count} {name}", style if count else "dim")
        text.append("   ")
    text.append(told.beside, "bold red" if "reset" in told.beside else "dim")
    return text


def services(rows: Sequence[ServiceLine], height: int) -> Table:
    """Return the table of services."""
    table = _table("service", ">clients", ">ended", ">events")
    for row in rows[: height - 1]:
        style = "bold" if row.fresh else ""
        table.add_row(
            Text(row.title, style, no_wrap=True, overflow="ellipsis"),
            f"{row.clients:,}",
            f"{row.flows:,}",
            f"{row.events:,}",
        )
    _more(table, len(rows), height)
    return table


def talkers(rows: Sequence[TalkerLine], height: int) -> Table:
    """Return the table of who talks most."""
    table = _table("top talkers", "by", ">in all", ">now")
    for row in rows[: height - 1]:
        table.add_row(
            row.client,
            Text(row.title, no_wrap=True, overflow="ellipsis"),
            size(row.octets),
            bits(row.rate) if row.rate >= 1 else Text("-", "dim"),
        )
    _more(table, len(rows), height)
    return table


def findings(
    rows: Sequence[Finding], height: int, chosen: int, begun: int, about: str, *, wide: bool
) -> RenderableType:
    """Return the newest findings, *begun* rows down, the *chosen* one marked; where it was seen
    only on a *wide* screen.
    """
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=5, no_wrap=True, overflow="ellipsis")
    if wide:
        table.add_column(ratio=2, no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True, justify="right", min_width=5)
    title = Text(f"findings{about}", "bold", no_wrap=True, overflow="ellipsis")
    for number, row in enumerate(rows[begun : begun + height - 1], begun):
        place = row.evidence[0] if row.evidence else None
        ends = f"{escape(place.client)} > {escape(place.server)}" if place else ""
        table.add_row(
            Text(row.last_seen[11:19], "dim"),
            Text(MARK[row.severity], SEVERITY[row.severity]),
            Text(harmless(row.summary), no_wrap=True, overflow="ellipsis"),
            *([Text(ends, "dim", no_wrap=True, overflow="ellipsis")] if wide else []),
            Text(f"{row.count:,}x" if row.count > 1 else "", "dim"),
            style="reverse" if number == chosen else "",
        )
    if not rows:
        none = "none of them fits" if about else "nothing found yet"
        table.add_row("", "", Text(none, "dim"), "")
    return Group(title, table)


def details(row: Finding, console: Console, width: int) -> list[Text]:
    """Return everything about one finding, in lines of at most *width* columns."""
    lines = [
        Text.assemble((MARK[row.severity], SEVERITY[row.severity]), " ", (row.title, "bold")),
        Text(harmless(row.summary)),
        Text(),
        *_field("seen", f"{times(row.count)}, {span(row.first_seen, row.last_seen)} UTC"),
        *_field("service", f"{row.service}, {row.confidence}; rule {row.rule}"),
        *_field("hosts", ", ".join(map(escape, row.hosts))),
        *_field("accounts", ", ".join(map(escape, row.accounts))),
        *_field("ATT&CK", ", ".join(row.attack)),
        Text(),
        *_field("why", row.rationale),
        *_field("what to do", row.countermeasure),
        *_field("can be wrong", row.false_positives),
        *_field("check by", row.disproof),
        Text(),
        Text("evidence", "bold"),
    ]
    for place in row.evidence:
        ends = f"{escape(place.client)} > {escape(place.server)}"
        lines.append(Text(f"  {place.time}  {ends}  {place.stack}  {escape(place.excerpt)}"))
        if place.community_id:
            lines.append(Text(f"    {place.community_id}", "dim"))
    return [part for line in lines for part in line.wrap(console, width) or [line]]


def page(lines: Sequence[Text], height: int, begun: int) -> RenderableType:
    """Return what fits of *lines*, *begun* lines down; the last one says how many follow."""
    left = len(lines) - begun - height
    if left <= 0:
        return Group(*lines[begun:])
    more = Text(f"{left + 1:,} more lines", "dim")
    return Group(*lines[begun : begun + height - 1], more)


def help_page() -> RenderableType:
    """Return what the keys do."""
    table = Table.grid(padding=(0, 2))
    for key, what in HELP:
        table.add_row(Text(key, "bold"), what)
    return Group(Text("keys", "bold"), table)


def notices(told: Sequence[Notice], console: Console, width: int) -> list[Text]:
    """Return what the watch has said of itself, the newest first, in lines of *width* columns."""
    lines = [Text("notices", "bold")]
    for each in reversed(told):
        line = Text.assemble((f"{each.at}  ", "dim"), escape(each.text))
        lines += line.wrap(console, width)
    return lines if told else [*lines, Text("none yet", "dim")]


def foot(*, filter_: str, typing: bool, notice: Notice | None) -> Text:
    """Return the last lines: the newest notice, if any, and what is being typed, or the keys."""
    text = Text(no_wrap=True, overflow="ellipsis")
    if notice is not None:
        text.append(f" {notice.at}  {escape(notice.text)}\n", "yellow")
    if typing:
        return text.append(f" show findings with: {filter_}", "bold").append(" ", "reverse")
    for key, what in (("q", "quit"), ("p", "pause"), ("/", "filter"), ("enter", "details"),
                      ("n", "notices"), ("?", "keys")):  # fmt: skip
        text.append(f" {key} ", "reverse").append(f" {what}  ")
    return text


def clock(seconds: float) -> str:
    """Return a time since a beginning: `0:12:31`, or with days before."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{f'{days} d ' if days else ''}{hours}:{minutes:02}:{rest:02}"


def bits(octets: float) -> str:
    """Return a rate of bytes a second as bits."""
    value = octets * 8
    for unit in ("bit/s", "kbit/s", "Mbit/s"):
        if value < 1000:
            return (
                f"{value:.0f} {unit}" if value >= 10 or unit == "bit/s" else f"{value:.1f} {unit}"
            )
        value /= 1000
    return f"{value:.2f} Gbit/s"


def _field(name: str, text: str) -> list[Text]:
    if not text:
        return []
    return [Text.assemble((f"{name:<13}", "dim"), text)]


def _table(*columns: str) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    cells = []
    for number, name in enumerate(columns):
        right = name.startswith(">")
        table.add_column(
            justify="right" if right else "left",
            no_wrap=True,
            ratio=None if right or number else 1,
            overflow="ellipsis",
        )
        cells.append(Text(name.lstrip(">"), "bold" if not number else "dim"))
    table.add_row(*cells)
    return table


def _more(table: Table, rows: int, height: int) -> None:
    if not rows:
        table.add_row(Text("none yet", "dim"))
    elif rows > height - 1:
        table.add_row(Text(f"and {rows - height + 1} more", "dim"))
