"""Events and findings as JSON lines in the Elastic Common Schema.

Field names, types and allowed values: elastic/ecs, generated/csv/fields.csv at b85f7573f0. What
ECS has no field for is in the one object `backchannel`.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from backchannel import __version__
from backchannel.detect.model import Evidence, Finding
from backchannel.engine.observation import Observation
from backchannel.events import (
    Credential,
    ProxyAnswer,
    ProxyRequest,
    SignOff,
    SignOn,
    SignOnAnswer,
    Transfer,
    tag_of,
)
from backchannel.model import Endpoint, Side
from backchannel.privacy import Disclosure, shown
from backchannel.report.exports.common import OUT_OF_TEN, endpoint
from backchannel.when import rfc3339

ECS_VERSION = "8.17.0"
"""The schema's version whose fields these are; later ones only add to them."""
_ENCODER = msgspec.json.Encoder(order="deterministic")
_ENCODE = _ENCODER.encode
_CATEGORIES: dict[type, str] = {
    SignOn: "authentication",
    SignOnAnswer: "authentication",
    SignOff: "session",
    Credential: "authentication",
    Transfer: "file",
}
_ANSWERS = (SignOnAnswer, ProxyAnswer)
"""Events with an outcome."""


def line(seen: Observation, disclosure: Disclosure) -> bytes:
    """Return an observation as one line, its end included."""
    return _ENCODE(event(seen, disclosure)) + b"\n"


def lines(told: Iterable[Observation], disclosure: Disclosure) -> bytes:
    """Return observations as such lines."""
    return _ENCODER.encode_lines([event(seen, disclosure) for seen in told])


def alert_line(finding: Finding) -> bytes:
    """Return a finding as one line, its end included."""
    return _ENCODE(alert(finding)) + b"\n"


def event(seen: Observation, disclosure: Disclosure) -> dict[str, Any]:
    """Return an observation as one ECS document of plain values."""
    flow, told = seen.flow, seen.event
    sides = (flow.client, flow.server)
    sender, receiver = sides if seen.side is Side.CLIENT else sides[::-1]
    category = _CATEGORIES.get(type(told))
    return {
        "@timestamp": rfc3339(seen.time),
        **_base(),
        "event": {
            "kind": "event",
            "category": ["network", *([category] if category else [])],
            "type": ["info"],
            "action": tag_of(type(told)),
            "module": "backchannel",
            "dataset": "backchannel.events",
            **({"outcome": _outcome(told)} if isinstance(told, _ANSWERS) else {}),
        },
        "network": {
            "type": "ipv6" if ":" in flow.client.address else "ipv4",
            **({"transport": flow.transport} if flow.transport != "ip" else {}),
            "protocol": seen.protocol,
            **({"application": seen.service} if seen.service else {}),
            **({"community_id": flow.community_id} if flow.community_id else {}),
            **({"vlan": {"id": str(flow.vlans[0])}} if flow.vlans else {}),
        },
        "source": _place(sender),
        "destination": _place(receiver),
        "client": _place(flow.client),
        "server": _place(flow.server),
        **({"user": {"name": seen.account}} if seen.account else {}),
        **({"file": _file(told)} if isinstance(told, Transfer) else {}),
        "related": {
            **_hosts({flow.client.address, flow.server.address, *_led(seen)}),
            **({"user": [seen.account]} if seen.account else {}),
        },
        "backchannel": {
            "stack": seen.stack,
            "confidence": seen.confidence.word,
            "flow": flow.serial,
            "frame": seen.frame,
            **({"target": str(seen.target)} if seen.target else {}),
            **shown(told, disclosure),
        },
    }


def alert(finding: Finding) -> dict[str, Any]:
    """Return a finding as one ECS document of plain values."""
    place = finding.evidence[0] if finding.evidence else None
    return {
        "@timestamp": finding.last_seen,
        **_base(),
        "message": finding.summary,
        "event": {
            "kind": "alert",
            "category": ["intrusion_detection", "network"],
            "type": ["info"],
            "action": finding.rule,
            "module": "backchannel",
            "dataset": "backchannel.findings",
            "id": finding.id,
            "severity": OUT_OF_TEN[finding.severity],
            "start": finding.first_seen,
            "end": finding.last_seen,
            "reason": finding.rationale,
        },
        "rule": {
            "id": finding.rule,
            "name": finding.title,
            "category": finding.category,
            "description": finding.rationale,
        },
        **({"threat": _threat(finding.attack)} if finding.attack else {}),
        "network": {"application": finding.service, **(_network(place) if place else {})},
        **({"source": _split(place.client), "destination": _split(place.server)} if place else {}),
        "related": {
            **_hosts(set(finding.hosts)),
            **({"user": list(finding.accounts)} if finding.accounts else {}),
        },
        "backchannel": {
            "service": finding.service,
            "severity": finding.severity,
            "confidence": finding.confidence,
            "count": finding.count,
            "countermeasure": finding.countermeasure,
            "evidence": [
                {"capture": each.path, "frame": each.path_frame, "time": each.time}
                for each in finding.evidence
            ],
        },
    }


def _base() -> dict[str, Any]:
    return {
        "ecs": {"version": ECS_VERSION},
        "observer": {"product": "backchannel", "type": "sensor", "version": __version__},
    }


def _network(place: Evidence) -> dict[str, Any]:
    return {
        "type": "ipv6" if ":" in endpoint(place.client)[0] else "ipv4",
        **({"transport": place.transport} if place.transport != "ip" else {}),
        **({"community_id": place.community_id} if place.community_id else {}),
    }


def _threat(attack: tuple[str, ...]) -> dict[str, Any]:
    subs = [each for each in attack if "." in each]
    return {
        "framework": "MITRE ATT&CK",
        "technique": {
            "id": sorted({each.split(".")[0] for each in attack}),
            **({"subtechnique": {"id": subs}} if subs else {}),
        },
    }


def _led(seen: Observation) -> list[str]:
    """Return where a proxy leads: as it was asked for, and where the stream inside goes."""
    told = seen.event
    led = [seen.target.address] if seen.target else []
    if isinstance(told, ProxyRequest):
        led.append(told.host)
    elif isinstance(told, ProxyAnswer):
        led.append(told.asked_host)
    return [host for host in led if host]


def _hosts(hosts: set[str]) -> dict[str, list[str]]:
    addresses = sorted(host for host in hosts if _is_address(host))
    names = sorted(hosts - set(addresses))
    return {**({"ip": addresses} if addresses else {}), **({"hosts": names} if names else {})}


def _outcome(told: SignOnAnswer | ProxyAnswer) -> str:
    return "success" if told.accepted else "failure"


def _place(end: Endpoint) -> dict[str, Any]:
    known = {"ip": end.address} if _is_address(end.address) else {}
    return {"address": end.address, **known, **({"port": end.port} if end.port else {})}


def _split(text: str) -> dict[str, Any]:
    return _place(Endpoint(*endpoint(text)))


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _file(told: Transfer) -> dict[str, Any]:
    return {
        "name": told.name,
        "size": told.size,
        **({"mime_type": told.media} if told.media else {}),
        **({"hash": {"sha256": told.sha256}} if told.sha256 else {}),
    }
