"""The threat matrix: each service by each risk. Findings and the catalogue in, cells out.

A cell never claims that something is absent: it was *seen*; or it is *possible* for the service
and was not seen; or it was *not assessed*, and why; or the catalogue names no such risk (*none*).
What was seen and then accepted by a suppression is *accepted*.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import msgspec

from backchannel.catalogue.index import Index
from backchannel.catalogue.risks import PAPER, RiskId
from backchannel.detect.model import SEVERITIES, Finding
from backchannel.grades import Severity
from backchannel.report.document import Cell, Document, Matrix, MatrixRow, Service
from backchannel.text import escape

CATEGORIES: tuple[RiskId, ...] = get_args(RiskId)
LINKS = 32
"""Findings that a cell names; how many there are in all is counted."""

TITLES: Mapping[str, str] = {
    "cleartext": "Sent in the clear",
    "credential-exposure": "Logins exposed",
    "file-transfer": "Files transferred",
    "malware": "Malware",
    "misconfigured-sharing": "Too much shared",
    "address-disclosure": "Addresses disclosed",
    "identity-theft": "Identity theft",
    "social-engineering": "Social engineering",
    "known-exploit": "Known exploits",
    "remote-control": "Remote control",
    "spyware": "Spyware",
    "message-logging": "Messages logged",
    "bandwidth-copyright": "Bandwidth, copyright",
    "evasion": "Evades control",
    "nat-breakage": "Broken by NAT",
    "weak-tunnel": "Weak tunnel",
    "tunnel-abuse": "Tunnel abused",
}
"""What a reader sees for a category."""

_BLIND = {
    "port": "only its port was seen; nothing of it was decoded",
    "name": "only its name was seen; what it carries was not decoded",
    "expected": "another flow announced it; its own bytes were not decoded",
    "signature": "its bytes were recognised, and no exchange was decoded",
}


def build(
    document: Document, index: Index, rules: Iterable[str], before: Matrix | None = None
) -> Matrix:
    """Return the matrix of a document. *rules* are the categories that some rule looks for.

    *before* is the matrix as it was before findings were suppressed.
    """
    found = dict[tuple[str, str], list[Finding]]()
    for finding in document.findings:
        found.setdefault((finding.service, finding.category), []).append(finding)
    known = frozenset(rules)
    services = dict[str, list[Service]]()
    for service in document.services:
        services.setdefault(service.service, []).append(service)
    for name, _ in found:
        services.setdefault(name, [])
    damaged = _damage(document)
    then = {row.service: row for row in before.rows} if before else {}
    rows = []
    for name in sorted(services):
        told, why = _risks(index, name), damaged or _undecoded(services[name])
        cells = tuple(
            _cell(category, found.get((name, category), ()), told, why, known)
            for category in CATEGORIES
        )
        if name in then:
            cells = tuple(map(_accepted, cells, then[name].cells))
        rows.append(
            MatrixRow(
                service=name, title=index.title(name), cells=cells, paper2002=_paper(index, name)
            )
        )
    return Matrix(categories=CATEGORIES, rows=tuple(rows), limits=_limits(document))


def _cell(
    category: RiskId,
    found: Sequence[Finding],
    told: Mapping[str, Severity] | None,
    why: str,
    rules: frozenset[str],
) -> Cell:
    possible = told is not None and category in told
    if found:
        return Cell(
            category=category,
            state="seen",
            findings=len(found),
            times=sum(each.count for each in found),
            severity=max((each.severity for each in found), key=SEVERITIES.index),
            possible=possible,
            links=tuple(each.id for each in found[:LINKS]),
        )
    if not why and category not in rules:
        why = "no rule looks for it"
    if told is not None and not possible:
        return Cell(category=category, state="none", why="the catalogue names no such risk for it")
    if why or told is None:
        return Cell(
            category=category,
            state="not-assessed" if why else "none",
            why=why or "not seen; the catalogue says nothing of this service",
            possible=possible,
        )
    return Cell(
        category=category,
        state="possible",
        severity=told[category],
        possible=True,
        why="possible for this service; not seen here",
    )


def _accepted(now: Cell, before: Cell) -> Cell:
    """Say of a cell whose findings are all suppressed that they were accepted, not absent."""
    if before.state != "seen" or now.state == "seen":
        return now
    count = "1 finding" if before.findings == 1 else f"{before.findings:,} findings"
    return msgspec.structs.replace(now, state="accepted", why=f"seen; {count} suppressed")


def _undecoded(rows: Sequence[Service]) -> str:
    """Say why nothing can be said of what a service carries; empty where it was decoded."""
    strengths = {row.confidence for row in rows}
    if not rows or "parsed" in strengths:
        return ""
    return next(why for strength, why in reversed(_BLIND.items()) if strength in strengths)


def unassessed(matrix: Matrix) -> list[tuple[str, list[str]]]:
    """Return why something was not assessed, and of which services."""
    reasons = dict[str, list[str]]()
    for row in matrix.rows:
        for why in dict.fromkeys(c.why for c in row.cells if c.state == "not-assessed"):
            reasons.setdefault(why, []).append(row.title)
    return list(reasons.items())


def _damage(document: Document) -> str:
    """Say so where every capture was damaged; where only some were, the limits tell."""
    if document.inputs and all(entry.damage for entry in document.inputs):
        return "the capture is damaged, and what came after the damage was not read"
    return ""


def _limits(document: Document) -> tuple[str, ...]:
    """Return what weakens every *possible* and *none*: damaged captures, lost and cut bytes."""
    bad = [entry.path for entry in document.inputs if entry.damage]
    told = [f"{escape(path)} is damaged and was read to the damage" for path in bad[:8]]
    if len(bad) > 8:
        told.append(f"{len(bad) - 8:,} more captures are damaged")
    lost = {name: count for name, count in document.unseen.items() if name in _LOST}
    told += [f"{_LOST[name]} ({name}: {count:,})" for name, count in lost.items()]
    return tuple(told)


_LOST = {
    "truncated payloads": "packets were cut short when captured",
    "tcp bytes never seen": "bytes are missing in the capture",
    "flows evicted to bound memory": "flows were dropped before their end",
    "802.11 protected": "Wi-Fi frames were encrypted",
}


# The index tells a service's risks as {id: severity}; one without them leaves the cells *none*.
def _risks(index: Index, service: str) -> Mapping[str, Severity] | None:
    told: Any = getattr(index.services.get(service), "risks", None)
    return dict(told) if told else None


def _paper(index: Index, service: str) -> dict[str, bool] | None:
    row: Any = getattr(index.services.get(service), "matrix2002", None)
    if row is None:
        return None
    return {title: bool(getattr(row, name)) for name, title in PAPER.items()}


def as_csv(matrix: Matrix) -> str:
    """Return the matrix as CSV: a row for each service and category, the 2002 columns behind."""
    import csv  # noqa: PLC0415 - only where asked

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180 §2
    writer.writerow(
        ["service", "category", "state", "severity", "findings", "times", "possible", "why", "ids"]
    )
    for row in matrix.rows:
        for cell in row.cells:
            writer.writerow(
                [
                    row.service,
                    cell.category,
                    cell.state,
                    cell.severity or "",
                    cell.findings,
                    cell.times,
                    "yes" if cell.possible else "no",
                    cell.why,
                    " ".join(cell.links),
                ]
            )
        for title, marked in (row.paper2002 or {}).items():
            state = "marked" if marked else "not marked"
            writer.writerow([row.service, f"2002: {title}", state, "", "", "", "", "", ""])
    return text.getvalue()
