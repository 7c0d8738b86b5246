"""Findings as CEF lines, the Common Event Format of ArcSight (format 0).

Source: Micro Focus / OpenText, ArcSight Common Event Format Implementation Standard, version 25.
A header escapes backslash and pipe, a value of the extension backslash, equals sign and line end.
"""

from collections.abc import Iterator

from backchannel.detect.model import Finding
from backchannel.report.document import Document
from backchannel.report.exports.common import OUT_OF_TEN, endpoint, milliseconds
from backchannel.report.words import harmless
from backchannel.text import escape as visible

MESSAGE = "msg"
"""The sentence of a finding, in which names are visible text already."""


def lines(document: Document) -> Iterator[str]:
    """Yield a line for each finding, without its end."""
    name, _, version = document.tool.partition(" ")
    for finding in document.findings:
        head = (
            "CEF:0",
            name,
            name,
            version,
            finding.rule,
            finding.title,
            str(OUT_OF_TEN[finding.severity]),
        )
        told = " ".join(
            f"{key}={_value(key, value)}" for key, value in _extension(finding) if value
        )
        yield "|".join((head[0], *map(_header, head[1:]), told))


def _extension(finding: Finding) -> Iterator[tuple[str, str]]:
    yield "externalId", finding.id
    yield "cat", finding.category
    yield "app", finding.service
    yield "start", str(milliseconds(finding.first_seen))
    yield "end", str(milliseconds(finding.last_seen))
    yield "cnt", str(finding.count)
    yield MESSAGE, finding.summary
    yield "suser", finding.accounts[0] if finding.accounts else ""
    yield "duser", finding.accounts[1] if len(finding.accounts) > 1 else ""
    for place in finding.evidence[:1]:
        yield from _side(place.client, "src", "spt", "c6a2", "Source IPv6 Address")
        yield from _side(place.server, "dst", "dpt", "c6a3", "Destination IPv6 Address")
        yield "proto", place.transport.upper() if place.transport != "ip" else ""
        yield "cs1", place.stack
        yield "cs1Label", "stack"
        yield "cs2", place.path
        yield "cs2Label", "capture"
        yield "cn1", str(place.path_frame)
        yield "cn1Label", "frame"
    if finding.attack:
        yield "cs3", ",".join(finding.attack)
        yield "cs3Label", "attack"
    yield "cs4", finding.confidence
    yield "cs4Label", "confidence"


def _side(text: str, key: str, port_key: str, key6: str, label: str) -> Iterator[tuple[str, str]]:
    address, port = endpoint(text)
    if ":" in address:
        yield key6, address
        yield f"{key6}Label", label
    else:
        yield key, address
    yield port_key, str(port) if port else ""


def _header(text: str) -> str:
    # control characters and line ends are visible text already after `visible`, whose
    # backslashes are escaped here once more, as CEF wants
    return visible(text).replace("\\", "\\\\").replace("|", "\\|")


def _value(key: str, text: str) -> str:
    shown = harmless(text) if key == MESSAGE else visible(text)
    return shown.replace("\\", "\\\\").replace("=", "\\=")
