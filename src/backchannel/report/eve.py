"""EVE JSON lines (`--eve`), for whoever already collects Suricata's.

Only fields of Suricata's schema stand at the top, with its meanings; all of ours are in the one
object `backchannel`. Source: the schema in Suricata's tree, etc/schema.json at 398687d5d4.
A file that went over the wire is a `fileinfo` record, a finding an `alert`, everything else has the
event type `backchannel`.
"""

import zlib
from collections.abc import Iterable
from typing import Any

import msgspec

from backchannel.detect.model import Evidence, Finding
from backchannel.engine.observation import Observation
from backchannel.events import Transfer
from backchannel.grades import Severity
from backchannel.model import Side
from backchannel.privacy import Disclosure, shown
from backchannel.report.exports.common import endpoint
from backchannel.when import rfc3339

_ENCODER = msgspec.json.Encoder(order="deterministic")
_ENCODE = _ENCODER.encode
_PROTO = {"tcp": "TCP", "udp": "UDP"}
_APP_PROTO = {"http-proxy": "http"} | {name: name for name in ("http", "tls", "quic", "dns", "ike")}


def line(seen: Observation, disclosure: Disclosure) -> bytes:
    """Return the observation as one EVE record, newline included."""
    return _ENCODE(record(seen, disclosure)) + b"\n"


def lines(told: Iterable[Observation], disclosure: Disclosure) -> bytes:
    """Return observations as such lines."""
    return _ENCODER.encode_lines([record(seen, disclosure) for seen in told])


def record(seen: Observation, disclosure: Disclosure) -> dict[str, Any]:
    """Return the observation as one EVE record of plain values."""
    sender, receiver = seen.flow.client, seen.flow.server
    if seen.side is Side.SERVER:
        sender, receiver = receiver, sender
    ported = seen.flow.transport != "ip"
    event = seen.event
    return {
        "timestamp": _timestamp(rfc3339(seen.time)),
        "flow_id": seen.flow.serial,
        "pcap_cnt": seen.frame,
        "event_type": "fileinfo" if isinstance(event, Transfer) else "backchannel",
        **({"vlan": list(seen.flow.vlans)} if seen.flow.vlans else {}),
        "src_ip": sender.address,
        **({"src_port": sender.port} if ported else {}),
        "dest_ip": receiver.address,
        **({"dest_port": receiver.port} if ported else {}),
        "proto": _PROTO.get(seen.flow.transport, "IP"),
        "ip_v": 6 if ":" in sender.address else 4,
        "app_proto": _app_proto(seen.protocol),
        "direction": "to_server" if seen.side is Side.CLIENT else "to_client",
        **({"community_id": seen.flow.community_id} if seen.flow.community_id else {}),
        **({"fileinfo": _fileinfo(event)} if isinstance(event, Transfer) else {}),
        "backchannel": {
            "service": seen.service,
            "protocol": seen.protocol,
            "stack": seen.stack,
            "confidence": seen.confidence.word,
            **({"account": seen.account} if seen.account else {}),
            **({"target": str(seen.target)} if seen.target else {}),
            **shown(event, disclosure),
        },
    }


GENERATOR = 25_187
"""Id of the generator of our alerts, so that none of Suricata's signatures has the same ids."""
_SEVERITY: dict[Severity, int] = {"critical": 1, "high": 1, "medium": 2, "low": 3, "info": 4}
"""Suricata's priorities; 1 is the gravest. The exact word is in the metadata."""


def alert_line(finding: Finding) -> bytes:
    """Return a finding as one EVE record, newline included."""
    return _ENCODE(alert(finding)) + b"\n"


def alert(finding: Finding) -> dict[str, Any]:
    """Return a finding as one EVE record of plain values: of its first place, at its last time."""
    place = finding.evidence[0] if finding.evidence else None
    return {
        "timestamp": _timestamp(finding.last_seen),
        "event_type": "alert",
        **(_where(place) if place else {}),
        "alert": {
            "action": "allowed",
            "gid": GENERATOR,
            "signature_id": signature_id(finding.rule),
            "rev": 1,
            "signature": finding.title,
            "category": finding.category,
            "severity": _SEVERITY[finding.severity],
            "metadata": {"signature_severity": [finding.severity]},
        },
        "backchannel": {
            "event": "finding",
            "service": finding.service,
            "id": finding.id,
            "rule": finding.rule,
            "summary": finding.summary,
            "confidence": finding.confidence,
            "count": finding.count,
            "first_seen": finding.first_seen,
            "accounts": list(finding.accounts),
            "attack": list(finding.attack),
            "countermeasure": finding.countermeasure,
        },
    }


def signature_id(rule: str) -> int:
    """Return the number of a rule: made of its name alone, so that it stays the same."""
    return zlib.crc32(rule.encode()) & 0x7FFF_FFFF


def _where(place: Evidence) -> dict[str, Any]:
    client, server = endpoint(place.client), endpoint(place.server)
    return {
        "flow_id": place.flow,
        "pcap_cnt": place.frame,
        "src_ip": client[0],
        **({"src_port": client[1]} if client[1] else {}),
        "dest_ip": server[0],
        **({"dest_port": server[1]} if server[1] else {}),
        "proto": _PROTO.get(place.transport, "IP"),
        "ip_v": 6 if ":" in client[0] else 4,
        "app_proto": _app_proto(place.stack.rpartition("/")[2]),
        **({"community_id": place.community_id} if place.community_id else {}),
    }


def _app_proto(protocol: str) -> str:
    return _APP_PROTO.get(protocol, protocol)


def _fileinfo(event: Transfer) -> dict[str, Any]:
    return {
        "filename": event.name,
        "state": "CLOSED" if event.complete else "TRUNCATED",
        "size": event.seen,
        "gaps": not event.complete,
        "stored": False,
        **({"sha256": event.sha256} if event.sha256 else {}),
    }


def _timestamp(moment: str) -> str:
    """Return a time of ours as Suricata writes them."""
    return moment.removesuffix("Z") + "+0000"
