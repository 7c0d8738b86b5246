"""The document under pseudonyms: every table, field by field."""

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from backchannel.detect.model import Evidence, Finding
from backchannel.report import document as doc
from backchannel.report.pseudonyms import Kind, Pseudonyms

Row = TypeVar("Row", bound=msgspec.Struct)
_ENDS: dict[str, Kind] = {"client": "host", "server": "host"}
_PEOPLE: dict[str, Kind] = {"sender": "account", "recipient": "account"}
_FIELDS: dict[type, dict[str, Kind]] = {
    doc.Input: {"path": "file"},
    doc.PassedOver: {"path": "file"},
    Evidence: {"path": "file", **_ENDS},
    doc.Service: {"accounts": "account"},
    doc.Hosts: {"clients": "host", "servers": "host"},
    doc.Account: {"account": "account", "names": "name", "addresses": "host", "disclosed": "host"},
    doc.Session: {"account": "account"},
    doc.Secret: {"account": "account", **_ENDS},
    doc.File: {"name": "file", **_PEOPLE, **_ENDS},
    doc.Address: {"account": "account", "address": "host"},
    doc.Tunnel: {
        "client": "host",
        "proxy": "host",
        "host": "host",
        "names": "host",
        "accounts": "account",
    },
    doc.Association: _ENDS,
    doc.Pair: _ENDS,
    doc.Conversation: _PEOPLE,
}
"""What the fields of a row hold that is not shown; a list of such is sorted by its new names."""
_HARMLESS = re.compile(r"[A-Za-z][A-Za-z0-9 ,()'+-]{0,80}\Z")
_NAMED = re.compile(r"name (\S+)\Z")
_replace = msgspec.structs.replace


def renamed(document: doc.Document, names: Pseudonyms) -> doc.Document:
    """Return the document with everything in it renamed; its matrix is to be built from it.

    Findings are told under pseudonyms already (`Detector(present=...)`), but for their places.
    """
    return _replace(
        document,
        inputs=_rows(document.inputs, names),
        passed_over=_rows(document.passed_over, names),
        findings=tuple(_finding(row, names) for row in document.findings),
        services=tuple(_service(row, names) for row in document.services),
        accounts=_rows(document.accounts, names),
        sessions=_rows(document.sessions, names),
        credentials=_rows(document.credentials, names),
        files=_rows(document.files, names),
        addresses=_rows(document.addresses, names),
        associations=tuple(sorted(_rows(document.associations, names), key=_ends)),
        tunnels=tuple(sorted(_rows(document.tunnels, names), key=_place)),
        pairs=_rows(document.pairs, names),
        conversations=_rows(document.conversations, names),
        settings=document.settings | {"names": "pseudonyms made with a key"},
    )


def _rows(rows: Iterable[Row], names: Pseudonyms) -> tuple[Row, ...]:
    return tuple(_row(row, names) for row in rows)


def _row(row: Row, names: Pseudonyms, **changes: Any) -> Row:
    for field, kind in _FIELDS[type(row)].items():
        value = getattr(row, field)
        if isinstance(value, str):
            changes[field] = names.name(value, kind)
        else:
            changes[field] = tuple(sorted({names.name(each, kind) for each in value}))
    return _replace(row, **changes)


def _finding(row: Finding, names: Pseudonyms) -> Finding:
    return _replace(
        row,
        id=names.name(row.id, "id").removeprefix("id-"),
        evidence=tuple(_row(place, names, community_id="") for place in row.evidence),
    )


def _service(row: doc.Service, names: Pseudonyms) -> doc.Service:
    hosts, evidence = _row(row.hosts, names), _claim(row.evidence, names)
    return _row(row, names, hosts=hosts, evidence=evidence)


def _claim(evidence: str, names: Pseudonyms) -> str:
    """Return what a claim rests on, unless something from the wire may stand in it."""
    if named := _NAMED.match(evidence):
        return f"name {names.name(named[1], 'host')}"
    return evidence if not evidence or _HARMLESS.match(evidence) else "[left out]"


def _ends(row: doc.Association) -> tuple[str, str]:
    """What rows are in order of: that of the true names would tell something of them."""
    return row.client, row.server


def _place(row: doc.Tunnel) -> tuple[str, str, str, str, int, int]:
    """What rows are in order of, as above."""
    return row.service, row.stack, row.client, row.host, row.port, row.frame
