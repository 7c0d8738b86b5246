"""One self-contained HTML page: printable, light and dark, no script, nothing fetched.

Everything from the wire is first made visible (`text.escape`) and then escaped by the template
engine; a content security policy in the page forbids scripts and loading besides.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup, escape

from backchannel.catalogue.index import Index
from backchannel.catalogue.risks import PAPER, PAPER_SOURCE
from backchannel.detect.attack import TECHNIQUES
from backchannel.detect.model import ATTACK_VERSION, SEVERITIES, Evidence, Finding
from backchannel.listed import listed
from backchannel.privacy import REDACTED
from backchannel.report import charts, matrix, merged, views, words
from backchannel.report import unseen as unseen_rows
from backchannel.report.document import Cell, Document
from backchannel.report.matrix import TITLES
from backchannel.report.places import Places
from backchannel.templates import style, template
from backchannel.text import escape as visible

LIMIT = 500
"""Rows of one table in the page; the JSON document has all of them."""
PLACES = 5
"""Places of one finding in the page; the JSON document has all that were kept."""
SECTIONS = (
    ("matrix", "Threat matrix"),
    ("first", "What to do first"),
    ("findings", "Findings"),
    ("services", "Services"),
    ("hosts", "Hosts"),
    ("tunnels", "Where proxies led"),
    ("associations", "IPsec between hosts"),
    ("accounts", "Accounts"),
    ("logins", "Exposed logins"),
    ("talkers", "Who talks to whom"),
    ("timeline", "When"),
    ("files", "Files"),
    ("addresses", "Addresses"),
    ("anomalies", "Anomalies"),
    ("unseen", "What could not be seen"),
    ("made", "How this was made"),
)
_RIGHT = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"
_FROM_THE_RIGHT = re.compile(f"([{_RIGHT}](?:[{_RIGHT} ]*[{_RIGHT}])?)")
"""Words of scripts that are written from right to left (Unicode's blocks of Hebrew, Arabic and so
on), with the blanks between them."""
_ALWAYS = frozenset({"matrix", "first", "findings", "services", "unseen", "made"})


def page(document: Document, index: Index, heading: str = "") -> str:
    """Return the report as one HTML document, the same whenever it is made.

    *heading* is the reader's own title for it, such as the name of a site.
    """
    shown, places = _shown(document, index), Places(document)
    there = {
        "tunnels": shown["tunnels"],
        "associations": shown["associations"],
        "hosts": shown["hosts"],
        "accounts": shown["accounts"],
        "logins": shown["logins"],
        "talkers": document.pairs or document.conversations,
        "timeline": document.activity.events,
        "files": shown["files"],
        "addresses": shown["addresses"],
        "anomalies": document.anomalies,
    }
    made = template(__package__, "report.html", title_of=index.title, show=_show)
    return made.render(
        document=document,
        heading=heading,
        style=style(__package__, "report.css"),
        contents=[entry for entry in SECTIONS if entry[0] in _ALWAYS or there.get(entry[0])],
        **shown,
        **_HELPERS,
        seen_in=places.brief,
        titles=index.title,
    )


def _shown(document: Document, index: Index) -> dict[str, Any]:
    blocks, groups = views.blocks(document), views.groups(document.findings)
    order = [block.service for block in blocks]
    colours = {name: place % charts.COLOURS for place, name in enumerate(order)}
    names = {name: index.title(name) for name in order}
    hosts, more_hosts = views.hosts(document)
    on_page = frozenset(each.id for group in groups for each in (*group.full, *group.brief))
    return {
        "title": ", ".join(names.values()) or "nothing found",
        "lead": views.lead(document, list(names.values())),
        "severities": _severities(document.findings),
        "blocks": blocks,
        "unassessed": matrix.unassessed(document.matrix),
        "unseen": unseen_rows.rows(document),
        "groups": groups,
        "actions": views.actions(groups, document.findings),
        "tunnels": views.by_use(document.tunnels),
        "associations": views.by_trouble(document.associations),
        "hosts": hosts,
        "more_hosts": more_hosts,
        "accounts": [
            row for row in document.accounts if row.sign_ons or row.sent or row.credentials
        ],
        "logins": merged.logins(document.credentials),
        "files": merged.files(document.files),
        "addresses": merged.addresses(document.addresses),
        "colours": colours,
        "timeline": charts.timeline(document.activity, names, colours),
        "volume": charts.volume(
            [(block.service, block.bytes, colours[block.service]) for block in blocks], names
        ),
        "talkers": charts.talkers(document.pairs, colours),
        "secrets_shown": any(row.secret != REDACTED for row in document.credentials),
        "cell_link": lambda cell: _cell_link(cell, on_page),
    }


def _severities(findings: Sequence[Finding]) -> list[tuple[str, int]]:
    found = Counter(each.severity for each in findings)
    return [(name, found[name]) for name in reversed(SEVERITIES)]


def _cell_link(cell: Cell, on_page: frozenset[str]) -> str:
    """Return the anchor of the first finding of a cell that the page shows."""
    return next((f"#f-{each}" for each in cell.links if each in on_page), "#findings")


def _cell_words(cell: Cell) -> str:
    """Return a cell as words, for screen readers and as a hint."""
    title = TITLES[cell.category]
    if cell.state == "seen":
        found = words.count(cell.findings, "finding")
        return f"{title}: seen, {found}, worst {cell.severity}"
    state = cell.state.replace("-", " ").replace("none", "not seen")
    return f"{title}: {state}{f' ({cell.why})' if cell.why else ''}"


def _show(text: str) -> str:
    """Return a text from the wire as it is shown."""
    return _isolated(visible(text))


def _isolated(text: str) -> str:
    """Return text in which what is written from right to left turns round nothing beside it: the
    number or address after a name would stand before it.
    """
    if text.isascii():
        return text
    parts = _FROM_THE_RIGHT.split(text)
    return Markup("").join(
        Markup("<bdi>{}</bdi>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def _few(names: Sequence[str], most: int) -> str:
    return _isolated(listed(map(visible, names), most))


def _more(rows: Sequence[object], limit: int = LIMIT) -> Markup:
    """Say so where a table does not hold all rows."""
    more = len(rows) - limit
    if more <= 0:
        return Markup("")
    told = words.count(more, "more row is", "more rows are")
    return Markup('<p class="more">{} in the JSON document.</p>').format(told)


def _prose(text: str) -> Markup:
    """Return our own prose with what stands in backticks as code."""
    parts = re.split(r"`([^`]*)`", visible(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    )


def _told(finding: Finding) -> str:
    """Return a finding's summary without the service, which stands beside it."""
    return _isolated(words.harmless(finding.summary).removeprefix(f"{finding.service}: "))


def _by_file(finding: Finding) -> list[tuple[str, str, list[Evidence]]]:
    """Return the places of a finding that the page shows by their file, with its SHA-256."""
    files = dict[tuple[str, str], list[Evidence]]()
    for place in finding.evidence[:PLACES]:
        files.setdefault((place.path, place.sha256), []).append(place)
    return [(path, digest, places) for (path, digest), places in files.items()]


def _shown_places(finding: Finding) -> int:
    return min(len(finding.evidence), PLACES)


_HELPERS: dict[str, Any] = {
    "attack_version": ATTACK_VERSION,
    "limit": LIMIT,
    "alarming": words.ALARMING,
    "exposed": words.exposed,
    "count": words.count,
    "times": words.times,
    "place": words.place,
    "carrier": words.carrier,
    "let_through": words.let_through,
    "behind": words.behind,
    "came": words.came,
    "kept": words.kept,
    "brief": words.brief,
    "harmless": words.harmless,
    "size": words.size,
    "short": words.short,
    "span": words.span,
    "show": _show,
    "few": _few,
    "more": _more,
    "prose": _prose,
    "by_file": _by_file,
    "host": merged.host,
    "shown_places": _shown_places,
    "techniques": TECHNIQUES,
    "told": _told,
    "within": words.within,
    "cell_words": _cell_words,
    "categories": TITLES,
    "paper_columns": tuple(PAPER.values()),
    "paper_source": PAPER_SOURCE,
}
