"""A finding on its way out: with an id that stays the same however often it is sent."""

import msgspec

from backchannel.detect.model import SEVERITIES, Finding
from backchannel.report.words import harmless

_ENCODE = msgspec.json.Encoder(order="deterministic").encode


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What receivers get as JSON, and what lies in the spool."""

    id: str
    """The same for every attempt to deliver it, so that receivers can drop doubles."""
    kind: str = "finding"
    repeated: bool
    """True when the finding was told before and goes on."""
    sensor: str
    """Name of the machine."""
    time: str
    finding: Finding


def alert(finding: Finding, sensor: str, *, repeated: bool) -> Alert:
    """Return the alert for *finding* as it stands now."""
    return Alert(
        id=f"{finding.id}-{finding.first_seen}-{finding.count}",
        repeated=repeated,
        sensor=sensor,
        time=finding.last_seen,
        finding=finding,
    )


def body(made: Alert) -> bytes:
    """Return an alert as JSON."""
    return _ENCODE(made)


def read(data: bytes) -> Alert:
    """Return the alert that `body` made."""
    return msgspec.json.decode(data, type=Alert)


def reaches(finding: Finding, least: str) -> bool:
    """Say whether *finding* is of severity *least* or worse."""
    return SEVERITIES.index(finding.severity) >= SEVERITIES.index(least)


def text(finding: Finding) -> str:
    """Return a finding as one line for people, harmless on a terminal."""
    place = finding.evidence[0] if finding.evidence else None
    where = f"  {place.client} > {place.server}" if place else ""
    times = f"  {finding.count:,} times" if finding.count > 1 else ""
    return f"{finding.severity:<8}  {harmless(finding.summary)}{where}{times}"
