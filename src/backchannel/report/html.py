"""One self-contained HTML page: printable, light and dark, no script, nothing fetched.

Everything from the wire is first made visible (`text.escape`) and then escaped by the template
engine; a content security policy in the page forbids scripts and loading besides.
"""

from collections import Counter
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from backchannel.catalogue.index import Index
from backchannel.report import charts
from backchannel.report.document import Document
from backchannel.report.terminal import size
from backchannel.text import escape

LIMIT = 2_000
"""Rows of one table in the page; the JSON document has all of them."""
_ALARMING = frozenset({"password-plain", "password-recoverable", "password-hash", "token"})
_SECTIONS = (
    ("services", "Services"),
    ("timeline", "When"),
    ("volume", "How much"),
    ("talkers", "Who talks to whom"),
    ("credentials", "Exposed logins"),
    ("accounts", "Accounts"),
    ("files", "Files"),
    ("addresses", "Addresses"),
    ("anomalies", "Anomalies"),
    ("unseen", "Not seen"),
    ("made", "How it was made"),
)


def page(document: Document, index: Index) -> str:
    """Return the report as one HTML document."""
    order = [service for service, _ in _by_volume(document)]
    colours = {service: place % charts.COLOURS for place, service in enumerate(order)}
    titles = {service: index.title(service) for service in order}
    volume = [(service, octets, colours[service]) for service, octets in _by_volume(document)]
    accounts = [row for row in document.accounts if row.sign_ons or row.sent or row.credentials]
    activity = document.activity
    drawn = {
        "timeline": charts.timeline(activity, titles, colours) if activity.events else "",
        "volume": charts.volume(volume, titles),
        "talkers": charts.talkers(document.pairs, colours),
        "accounts": accounts,
    }
    return _template().render(
        document=document,
        title=", ".join(titles.values()) or "nothing found",
        lead=_lead(document, titles),
        style=Markup(files(__package__).joinpath("templates/report.css").read_text("utf-8")),  # noqa: S704 - our own file
        contents=[
            (_ANCHORS.get(name, name), title)
            for name, title in _SECTIONS
            if name in {"services", "unseen", "made"}
            or drawn.get(name)
            or (name not in drawn and getattr(document, name, None))
        ],
        colours=colours,
        alarming=_ALARMING,
        limit=LIMIT,
        titles=index.title,
        show=escape,
        few=_few,
        cut=_cut,
        size=size,
        short=lambda moment: moment[:19].replace("T", " "),
        **drawn,
    )


_ANCHORS = {"credentials": "logins"}


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _by_volume(document: Document) -> list[tuple[str, int]]:
    """Each service's bytes on the wire, most first. Inner streams travel in their carrier's."""
    octets: Counter[str] = Counter()
    for row in document.services:
        octets[row.service] += row.bytes
    return sorted(octets.items(), key=lambda item: (-item[1], item[0]))


def _lead(document: Document, titles: dict[str, str]) -> str:
    """The answer in a sentence or two."""
    if not document.services:
        return "No back channel was found in what could be seen."
    names = list(titles.values())
    told = f"{len(names)} service{'s' if len(names) > 1 else ''}: {', '.join(names)}."
    exposed: Counter[str] = Counter()
    for row in document.services:
        exposed.update(row.exposed)
    logins = sum(exposed[word] for word in _ALARMING)
    parts = [
        f"{logins:,} login secret{'s' if logins != 1 else ''}" if logins else "",
        f"{exposed['message']:,} messages" if exposed["message"] else "",
        f"{exposed['file']:,} files" if exposed["file"] else "",
        f"{exposed['address']:,} addresses" if exposed["address"] else "",
    ]
    seen = [part for part in parts if part]
    return told + (f" Open to anybody on the path: {', '.join(seen)}." if seen else "")


def _few(names: Sequence[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(escape(name) for name in names[:most]) + (
        f" and {more:,} more" if more > 0 else ""
    )


def _cut(rows: Sequence[object]) -> Markup:
    """Say so where a table does not hold all rows."""
    more = len(rows) - LIMIT
    if more <= 0:
        return Markup("")
    return Markup('<p class="more">{:,} more rows are in the JSON document.</p>').format(more)
