"""Findings as syslog lines (RFC 5424), with structured data.

The time is that of the finding, not of the export, so that the same capture gives the same lines.
"""

from collections.abc import Iterator, Mapping

from backchannel.detect.model import Finding
from backchannel.grades import Severity
from backchannel.report.document import Document
from backchannel.report.words import harmless
from backchannel.text import escape as visible

FACILITY = 13
"""Log audit (RFC 5424 §6.2.1)."""
SEVERITY: Mapping[Severity, int] = {"critical": 2, "high": 3, "medium": 4, "low": 5, "info": 6}
SD_ID = "finding@32473"
"""The enterprise number for documentation (RFC 5612): we have none of our own."""
BOM = "\ufeff"
"""Says that the message is UTF-8 (RFC 5424 §6.4)."""


def lines(document: Document) -> Iterator[str]:
    """Yield a line for each finding, without its end."""
    name = document.tool.partition(" ")[0]
    for finding in document.findings:
        yield line(finding, name)


def line(finding: Finding, name: str, *, host: str = "-", process: int = 0) -> str:
    """Return a finding as one message, without its end. *process* 0: not told."""
    priority = FACILITY * 8 + SEVERITY[finding.severity]
    data = "".join(f' {key}="{_value(value)}"' for key, value in _parameters(finding) if value)
    head = f"<{priority}>1 {finding.last_seen} {host} {name} {process or '-'} {finding.rule[:32]}"
    return f"{head} [{SD_ID}{data}] {BOM}{harmless(finding.summary)}"


def _parameters(finding: Finding) -> Iterator[tuple[str, str]]:
    yield "id", finding.id
    yield "category", finding.category
    yield "severity", finding.severity
    yield "confidence", finding.confidence
    yield "service", finding.service
    yield "count", str(finding.count)
    yield "firstSeen", finding.first_seen
    yield "attack", ",".join(finding.attack)
    for place in finding.evidence[:1]:
        yield "client", place.client
        yield "server", place.server
        yield "transport", place.transport
        yield "stack", place.stack
        yield "capture", place.path
        yield "frame", str(place.path_frame)
        yield "communityId", place.community_id
    if finding.accounts:
        yield "account", finding.accounts[0]


def _value(text: str) -> str:
    # RFC 5424 §6.3.3: quote, backslash and closing bracket are escaped
    return visible(text).replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
