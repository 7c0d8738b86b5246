"""A service's sheet as sections of text and tables, whatever it will be shown in."""

from collections.abc import Callable, Iterable, Sequence
from typing import get_args

import msgspec

from backchannel.catalogue.model import Fact, Service
from backchannel.catalogue.risks import PAPER
from backchannel.grades import Severity

Cited = Callable[[Iterable[str]], str]

ACK = {"yes": "yes", "no": "no", "first-no": "1st no", "none": "-"}
"""The ACK bit in words: `1st no` is set on all packets but the first."""
HIGH = ("1024-65535", ">1023")
"""The range of ports that clients take, and the classic way to write it."""
_PROXY = {
    "socks4": "SOCKS4",
    "socks5": "SOCKS5",
    "http": "HTTP",
    "https": "HTTPS",
    "udp-relay": "UDP relay",
}
FILTER_COLUMNS = ("dir", "prot", "source", "port", "destination", "port", "ACK")


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A heading with paragraphs, a table, or both. Numbers in the last cell are sources."""

    title: str
    paragraphs: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    below: frozenset[str] = frozenset()
    """Columns of long text, which a narrow terminal shows below the rest of their row."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One service's sheet."""

    id: str
    title: str
    about: str
    kind: str = ""
    state: str = ""
    lead: str = ""
    """What it is, in its first sentence."""
    ports: tuple[str, ...] = ()
    """Ports of all its capabilities; none of those that nobody can know beforehand."""
    gravest: str = ""
    """Its risk of the highest severity, with that severity."""
    sections: tuple[Section, ...]


def page(service: Service) -> Page:
    """Return the sheet of a service: characteristics first, then risks and what to do."""
    numbers = {name: str(place) for place, name in enumerate(service.sources, 1)}

    def cited(names: Iterable[str]) -> str:
        return " ".join(f"[{numbers[name]}]" for name in names)

    made = [
        _about(service, cited),
        _programs(service, cited),
        _capabilities(service, cited),
        _filtering(service, cited),
        _proxying(service, cited),
        _nat(service, cited),
        _domains(service, cited),
        _networks(service, cited),
        _risks(service, cited),
        _measures(service, cited),
        _facts("Best practice", service.practice, cited),
        _facts("Recommendations", service.recommendations, cited),
        _disputes(service, numbers),
        _matrix(service, numbers),
        _sources(service),
    ]
    kind = service.kind.replace("-", " ")
    return Page(
        id=service.id,
        title=service.name,
        about=f"{kind}, {service.status.state}",
        kind=kind,
        state=service.status.state,
        lead=_first_sentence(service.summary.text),
        ports=_ports(service),
        gravest=_gravest(service),
        sections=tuple(section for section in made if section.paragraphs or section.rows),
    )


def _first_sentence(text: str) -> str:
    end = text.find(". ")
    return text if end < 0 else text[: end + 1]


def _ports(service: Service) -> tuple[str, ...]:
    """Return the ports that capabilities name, each once and in order of first mention."""
    named = (port for row in service.capabilities for port in row.ports)
    return tuple(dict.fromkeys(port for port in named if not port.endswith("/dynamic")))


def _gravest(service: Service) -> str:
    order = get_args(Severity)
    worst = max(service.risks, key=lambda risk: order.index(risk.severity), default=None)
    return f"{worst.id.replace('-', ' ')} ({worst.severity})" if worst else ""


def _about(service: Service, cited: Cited) -> Section:
    date = f" ({service.status.date})" if service.status.date else ""
    paragraphs = [
        f"{service.summary.text} {cited(service.summary.sources)}",
        (
            f"{service.status.state.capitalize()}{date}. {service.status.note} "
            f"{cited(service.status.sources)}"
        ),
        f"{service.architecture.text} {cited(service.architecture.sources)}",
    ]
    if service.clients:
        named = (f"{c.name} ({c.note})" if c.note else c.name for c in service.clients)
        paragraphs.append(f"Programs: {', '.join(named)}.")
    rows = tuple((role.role, role.what) for role in service.architecture.roles)
    return Section(
        title="What it is",
        paragraphs=tuple(paragraphs),
        columns=("machine", "what it does"),
        rows=rows,
    )


def _programs(service: Service, cited: Cited) -> Section:
    return Section(
        title="Programs on a machine",
        below=frozenset({"packages", "units", "notes"}),
        columns=("program", "files", "packages", "units", "notes", "cited"),
        rows=tuple(
            (
                row.name,
                ", ".join(row.files),
                ", ".join(row.packages),
                ", ".join(row.units),
                row.note,
                cited(row.sources),
            )
            for row in service.programs
        ),
    )


def _capabilities(service: Service, cited: Cited) -> Section:
    return Section(
        title="Capabilities",
        below=frozenset({"how", "ports"}),
        columns=("capability", "how", "ports", "port can change", "peer to peer", "cited"),
        rows=tuple(
            (
                row.capability.value,
                row.how,
                ", ".join(row.ports),
                _yes(row.changeable),
                _yes(row.direct),
                cited(row.sources),
            )
            for row in service.capabilities
        ),
    )


_LEGEND = "ACK 1st no: set on all packets but the first, which opens the connection."
_MOVABLE = " Port *: the user or the program can choose another."


def port(spec: str) -> str:
    """Return a port column as it is shown."""
    return spec.replace(*HIGH)


def _filtering(service: Service, cited: Cited) -> Section:
    movable = any(row.changeable for row in service.filtering)
    return Section(
        title="Packet filtering characteristics",
        paragraphs=() if not service.filtering else (_LEGEND + (_MOVABLE if movable else ""),),
        below=frozenset({"what", "notes"}),
        columns=(*FILTER_COLUMNS, "what", "notes", "cited"),
        rows=tuple(
            (
                row.direction,
                row.transport.upper(),
                row.source,
                port(row.source_port),
                row.destination,
                port(row.destination_port) + ("*" if row.changeable else ""),
                ACK[row.ack],
                row.what,
                row.note,
                cited(row.sources),
            )
            for row in service.filtering
        ),
    )


def _proxying(service: Service, cited: Cited) -> Section:
    return Section(
        title="Proxying characteristics",
        columns=("proxy", "works", "how", "cited"),
        rows=tuple(
            (_PROXY[row.proxy], row.works, row.how, cited(row.sources)) for row in service.proxying
        ),
    )


def _nat(service: Service, cited: Cited) -> Section:
    nat = service.nat
    if nat is None:
        return Section(title="Address translation")
    kinds = (("embedded", nat.embedded), ("fails", nat.fails), ("mends it", nat.mends))
    return Section(
        title="Network address translation characteristics",
        columns=("kind", "what", "cited"),
        rows=tuple((kind, text, cited(nat.sources)) for kind, texts in kinds for text in texts),
    )


def _domains(service: Service, cited: Cited) -> Section:
    return Section(
        title="Host names",
        columns=("name", "for", "cited"),
        rows=tuple((row.name, row.use, cited(row.sources)) for row in service.domains),
    )


def _networks(service: Service, cited: Cited) -> Section:
    return Section(
        title="Addresses",
        columns=("prefix", "for", "cited"),
        rows=tuple((row.prefix, row.use, cited(row.sources)) for row in service.networks),
    )


def _risks(service: Service, cited: Cited) -> Section:
    return Section(
        title="Risks",
        below=frozenset({"why", "seen as"}),
        columns=("risk", "severity", "why", "seen as", "cited"),
        rows=tuple(
            (row.id, row.severity, row.why, ", ".join(row.seen_as), cited(row.sources))
            for row in service.risks
        ),
    )


def _measures(service: Service, cited: Cited) -> Section:
    return Section(
        title="Countermeasures, and what they miss",
        below=frozenset({"against", "how", "what it misses"}),
        columns=("measure", "how", "what it misses", "against", "cited"),
        rows=tuple(
            (row.id, row.how, row.misses, ", ".join(row.against), cited(row.sources))
            for row in service.countermeasures
        ),
    )


def _facts(title: str, facts: Sequence[Fact], cited: Cited) -> Section:
    return Section(
        title=title, paragraphs=tuple(f"{fact.text} {cited(fact.sources)}" for fact in facts)
    )


def _disputes(service: Service, numbers: dict[str, str]) -> Section:
    return Section(
        title="Where a source is wrong or dated",
        below=frozenset({"but", "evidence"}),
        columns=("says", "source", "but", "evidence"),
        rows=tuple(
            (row.says, f"[{numbers[row.source]}]", row.but, row.evidence)
            for row in service.disputes
        ),
    )


def _matrix(service: Service, numbers: dict[str, str]) -> Section:
    matrix = service.matrix2002
    if matrix is None:
        return Section(title="Threat matrix of 2002")
    return Section(
        title="Threat matrix of April 2002",
        columns=("risk", "marked then"),
        rows=tuple((words, _yes(getattr(matrix, name)) or "-") for name, words in PAPER.items()),
        paragraphs=(f"As the white paper saw it [{numbers[matrix.source]}].",),
    )


def _sources(service: Service) -> Section:
    return Section(
        title="Sources",
        columns=("no.", "title", "published", "read"),
        rows=tuple(
            (
                f"[{place}]",
                f"{source.title} {source.url}".strip(),
                source.published,
                source.read,
            )
            for place, source in enumerate(service.sources.values(), 1)
        ),
    )


def _yes(value: bool) -> str:
    return "yes" if value else ""
