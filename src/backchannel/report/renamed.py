"""The document under pseudonyms: every table, field by field."""

import re
from collections.abc import Iterable

import msgspec

from backchannel.detect.model import Evidence, Finding
from backchannel.report import document as doc
from backchannel.report.pseudonyms import Pseudonyms

_HARMLESS = re.compile(r"[A-Za-z][A-Za-z0-9 ,()'+-]{0,80}\Z")
_NAMED = re.compile(r"name (\S+)\Z")
_replace = msgspec.structs.replace


def renamed(document: doc.Document, names: Pseudonyms) -> doc.Document:
    """Return the document with everything in it renamed; its matrix is to be built from it.

    Findings are told under pseudonyms already (`Detector(present=...)`), but for their places.
    """
    return _replace(
        document,
        inputs=tuple(_replace(row, path=names.name(row.path, "file")) for row in document.inputs),
        passed_over=tuple(
            _replace(row, path=names.name(row.path, "file")) for row in document.passed_over
        ),
        findings=tuple(_finding(row, names) for row in document.findings),
        services=tuple(_service(row, names) for row in document.services),
        accounts=tuple(_account(row, names) for row in document.accounts),
        sessions=tuple(
            _replace(row, account=names.name(row.account, "account")) for row in document.sessions
        ),
        credentials=tuple(
            _replace(
                row,
                account=names.name(row.account, "account"),
                client=names.name(row.client, "host"),
                server=names.name(row.server, "host"),
            )
            for row in document.credentials
        ),
        files=tuple(_file(row, names) for row in document.files),
        addresses=tuple(
            _replace(
                row,
                account=names.name(row.account, "account"),
                address=names.name(row.address, "host"),
            )
            for row in document.addresses
        ),
        associations=tuple(
            sorted(
                (
                    _replace(
                        row,
                        client=names.name(row.client, "host"),
                        server=names.name(row.server, "host"),
                    )
                    for row in document.associations
                ),
                key=lambda row: (row.client, row.server),
            )
        ),
        tunnels=tuple(sorted((_tunnel(row, names) for row in document.tunnels), key=_place)),
        pairs=tuple(
            _replace(
                row, client=names.name(row.client, "host"), server=names.name(row.server, "host")
            )
            for row in document.pairs
        ),
        conversations=tuple(
            _replace(
                row,
                sender=names.name(row.sender, "account"),
                recipient=names.name(row.recipient, "account"),
            )
            for row in document.conversations
        ),
        settings=document.settings | {"names": "pseudonyms made with a key"},
    )


def _finding(row: Finding, names: Pseudonyms) -> Finding:
    return _replace(
        row,
        id=names.name(row.id, "id").removeprefix("id-"),
        evidence=tuple(_evidence(place, names) for place in row.evidence),
    )


def _evidence(place: Evidence, names: Pseudonyms) -> Evidence:
    return _replace(
        place,
        path=names.name(place.path, "file"),
        community_id="",
        client=names.name(place.client, "host"),
        server=names.name(place.server, "host"),
    )


def _service(row: doc.Service, names: Pseudonyms) -> doc.Service:
    return _replace(
        row,
        evidence=_claim(row.evidence, names),
        accounts=_sorted(names.name(name, "account") for name in row.accounts),
        hosts=doc.Hosts(
            clients=_sorted(names.name(host, "host") for host in row.hosts.clients),
            servers=_sorted(names.name(host, "host") for host in row.hosts.servers),
        ),
    )


def _claim(evidence: str, names: Pseudonyms) -> str:
    """Return what a claim rests on, unless something from the wire may stand in it."""
    if named := _NAMED.match(evidence):
        return f"name {names.name(named[1], 'host')}"
    return evidence if not evidence or _HARMLESS.match(evidence) else "[left out]"


def _account(row: doc.Account, names: Pseudonyms) -> doc.Account:
    return _replace(
        row,
        account=names.name(row.account, "account"),
        names=_sorted(names.name(name, "name") for name in row.names),
        addresses=_sorted(names.name(each, "host") for each in row.addresses),
        disclosed=_sorted(names.name(each, "host") for each in row.disclosed),
    )


def _file(row: doc.File, names: Pseudonyms) -> doc.File:
    return _replace(
        row,
        name=names.name(row.name, "file"),
        sender=names.name(row.sender, "account"),
        recipient=names.name(row.recipient, "account"),
        client=names.name(row.client, "host"),
        server=names.name(row.server, "host"),
    )


def _tunnel(row: doc.Tunnel, names: Pseudonyms) -> doc.Tunnel:
    return _replace(
        row,
        client=names.name(row.client, "host"),
        proxy=names.name(row.proxy, "host"),
        accounts=_sorted(names.name(name, "account") for name in row.accounts),
        host=names.name(row.host, "host"),
        names=_sorted(names.name(name, "host") for name in row.names),
    )


def _place(row: doc.Tunnel) -> tuple[str, str, str, str, int, int]:
    """What rows are in order of: that of the names would tell something of them."""
    return row.service, row.stack, row.client, row.host, row.port, row.frame


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
