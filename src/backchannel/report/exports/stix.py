"""Findings as a STIX 2.1 bundle, with the same ids for the same things each time.

Each finding is a note about observed data: the flows of its evidence with addresses and accounts.
Its techniques are attack patterns, seen in sightings; its countermeasure is a course of action.
Each target to which a proxy led is observed data: traffic within traffic to the proxy.
Source: OASIS STIX Version 2.1, June 2021. Ids of observables are those of §2.9, all others are
UUIDv5 in a namespace of our own.
"""

import json
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any
from uuid import UUID, uuid5

import msgspec

from backchannel.detect.attack import TECHNIQUES
from backchannel.detect.model import Evidence, Finding
from backchannel.report.document import Document, Tunnel
from backchannel.report.exports.common import endpoint

OBSERVABLES = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""The namespace that STIX 2.1 §2.9 gives for observables."""
OURS = UUID("5b1f0f0e-8c39-5d0c-9a55-2d2f1c1b7a10")
BORN = "2026-11-21T00:00:00.000Z"
"""`created` of what does not depend on a capture: ourselves, techniques, countermeasures."""
SEEN_AT_MOST = 999_999_999
"""Bound of counts (§4.14, §5.2)."""

Object = dict[str, Any]


def bundle(document: Document) -> bytes:
    """Return the bundle as JSON."""
    made = _Bundle()
    made.author(document.tool)
    for finding in document.findings:
        made.finding(finding)
    for tunnel in document.tunnels:
        if tunnel.host and (tunnel.granted or tunnel.bytes):
            made.tunnel(tunnel)
    if document.findings:
        made.report(document)
    objects = list(made.objects.values())
    name = "\0".join(sorted(made.objects))
    return msgspec.json.format(
        msgspec.json.encode({"type": "bundle", "id": _id("bundle", name), "objects": objects}),
        indent=1,
    )


class _Bundle:
    """Objects by id, so that what two findings share stands there once."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self._author = ""

    def author(self, tool: str) -> None:
        self._author = _id("identity", tool)
        self._keep(
            {
                "type": "identity",
                "id": self._author,
                "created": BORN,
                "modified": BORN,
                "name": tool,
                "identity_class": "system",
            }
        )

    def finding(self, finding: Finding) -> None:
        seen = self._observed(finding)
        techniques = [self._technique(each) for each in finding.attack]
        action = self._action(finding.countermeasure)
        for technique in techniques:
            self._sighting(finding, technique, seen)
            self._relation(action, "mitigates", technique)
        text = (
            f"{finding.summary}\n\nWhy it matters: {finding.rationale}\nWhat would show it wrong: "
            f"{finding.disproof}\nWhat to do: {finding.countermeasure}"
        )
        self._domain(
            "note",
            finding.id,
            finding.first_seen,
            finding.last_seen,
            abstract=finding.title,
            content=text,
            labels=[finding.category, f"severity-{finding.severity}", f"rule-{finding.rule}"],
            confidence=_CONFIDENCE[finding.confidence],
            object_refs=[seen, *techniques],
        )

    def tunnel(self, tunnel: Tunnel) -> None:
        proxy, proxy_port = endpoint(tunnel.proxy)
        family = "ipv6" if ":" in tunnel.client else "ipv4"
        outer = self._traffic((tunnel.client, 0), (proxy, proxy_port), [family, tunnel.scheme])
        inside = [part for stack in tunnel.inside[:1] for part in stack.split("/")[1:]]
        inner = self._traffic(
            (tunnel.client, 0), (tunnel.host, tunnel.port), inside or ["tcp"], within=outer[-1]
        )
        told = "\0".join((tunnel.stack, tunnel.scheme, tunnel.client, tunnel.proxy, inner[-1]))
        self._domain(
            "observed-data",
            told,
            tunnel.first_seen,
            tunnel.last_seen,
            first_observed=tunnel.first_seen,
            last_observed=tunnel.last_seen,
            number_observed=min(max(tunnel.asked, 1), SEEN_AT_MOST),
            object_refs=list(dict.fromkeys([*outer, *inner])),
        )

    def report(self, document: Document) -> None:
        about = [key for key in self.objects if key != self._author]
        self._domain(
            "report",
            "\0".join(about),
            document.traffic.first_seen,
            document.traffic.last_seen,
            name="Back channels in network captures",
            report_types=["observed-data"],
            published=document.traffic.last_seen,
            object_refs=about,
        )

    def _observed(self, finding: Finding) -> str:
        refs: dict[str, None] = {}
        for place in finding.evidence:
            refs |= dict.fromkeys(self._flow(place))
        for account in finding.accounts:
            refs[self._account(account, finding.service)] = None
        return self._domain(
            "observed-data",
            finding.id,
            finding.first_seen,
            finding.last_seen,
            first_observed=finding.first_seen,
            last_observed=finding.last_seen,
            number_observed=min(finding.count, SEEN_AT_MOST),
            object_refs=list(refs),
        )

    def _flow(self, place: Evidence) -> Iterable[str]:
        client, server = endpoint(place.client), endpoint(place.server)
        family = "ipv6" if ":" in client[0] else "ipv4"
        carried = [place.transport] if place.transport != "ip" else []
        return self._traffic(client, server, [family, *carried, *place.stack.split("/")])

    def _traffic(
        self,
        client: tuple[str, int],
        server: tuple[str, int],
        protocols: list[str],
        within: str = "",
    ) -> list[str]:
        """Return the ids of both ends and of what went between them, *within* other traffic."""
        source, target = self._address(client[0]), self._address(server[0])
        facts: Object = {
            "src_ref": source,
            "dst_ref": target,
            **({"src_port": client[1]} if client[1] else {}),
            **({"dst_port": server[1]} if server[1] else {}),
            "protocols": protocols,
            **({"encapsulated_by_ref": within} if within else {}),
        }
        return [source, target, self._observable("network-traffic", facts)]

    def _address(self, address: str) -> str:
        try:  # a client may ask a proxy for anything: 010.000.00.003 is no address
            kind = f"ipv{ip_address(address).version}-addr"
        except ValueError:
            kind = "domain-name"
        return self._observable(kind, {"value": address})

    def _account(self, account: str, service: str) -> str:
        return self._observable("user-account", {"account_type": service, "account_login": account})

    def _technique(self, technique: str) -> str:
        return self._domain(
            "attack-pattern",
            technique,
            BORN,
            BORN,
            name=TECHNIQUES.get(technique, technique),
            external_references=[{"source_name": "mitre-attack", "external_id": technique}],
        )

    def _action(self, text: str) -> str:
        return self._domain(
            "course-of-action",
            text,
            BORN,
            BORN,
            name=text.partition(";")[0].rstrip("."),
            description=text,
        )

    def _sighting(self, finding: Finding, technique: str, seen: str) -> None:
        self._domain(
            "sighting",
            f"{finding.id} {technique}",
            finding.first_seen,
            finding.last_seen,
            first_seen=finding.first_seen,
            last_seen=finding.last_seen,
            count=min(finding.count, SEEN_AT_MOST),
            sighting_of_ref=technique,
            observed_data_refs=[seen],
            where_sighted_refs=[self._author],
        )

    def _relation(self, source: str, kind: str, target: str) -> None:
        self._domain(
            "relationship",
            f"{source} {kind} {target}",
            BORN,
            BORN,
            relationship_type=kind,
            source_ref=source,
            target_ref=target,
        )

    def _domain(self, kind: str, told: str, created: str, modified: str, /, **facts: Any) -> str:
        common = {"type": kind, "id": _id(kind, told), "created_by_ref": self._author}
        return self._keep({**common, "created": created, "modified": modified, **facts})

    def _observable(self, kind: str, facts: Object) -> str:
        # the canonical JSON of RFC 8785 for what stands here: text and small numbers
        plain = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return self._keep({"type": kind, "id": f"{kind}--{uuid5(OBSERVABLES, plain)}", **facts})

    def _keep(self, made: Object) -> str:
        if "spec_version" not in made:
            made = {"type": made["type"], "spec_version": "2.1", **made}
        key: str = made["id"]
        self.objects.setdefault(key, made)
        return key


_CONFIDENCE = {"port": 10, "name": 35, "expected": 60, "signature": 80, "parsed": 95}
"""On STIX's scale of 0 to 100 (appendix A)."""


def _id(kind: str, name: str) -> str:
    return f"{kind}--{uuid5(OURS, f'{kind} {name}')}"
