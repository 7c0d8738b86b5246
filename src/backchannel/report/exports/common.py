"""What every export says alike: severities as numbers, times in milliseconds, split addresses."""

from collections.abc import Mapping
from datetime import UTC, datetime

from backchannel.grades import Severity

OUT_OF_TEN: Mapping[Severity, int] = {"info": 1, "low": 3, "medium": 5, "high": 8, "critical": 10}


def milliseconds(moment: str) -> int:
    """Return a time of the document (RFC 3339, UTC) as milliseconds since 1970."""
    told = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    return round(told.timestamp() * 1000)


def endpoint(text: str) -> tuple[str, int]:
    """Return address and port of `10.0.0.1:80` or `[fe80::1]:80`; port 0 where none is told."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        return text, 0
    return host.strip("[]"), int(port)
