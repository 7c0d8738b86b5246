"""Broken promises as SARIF 2.1.0 (OASIS), for continuous integration: a result each, on the
policy's line. Gaps that the policy accepts are notes.
"""

import re
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import msgspec

from backchannel import __version__
from backchannel.prove import words
from backchannel.prove.document import Cell, Proof, Row

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_RULES = {
    "denied-passes": "A conversation that the policy denies passes.",
    "denied-leaks": "A conversation that the policy denies is blocked after some of it passed.",
    "allowed-blocked": "A conversation that the policy allows does not pass.",
}
_PLACE = re.compile(r"(.+):(\d+)\Z")


def sarif(proof: Proof) -> bytes:
    """Return the document."""
    titles = {method.id: method.title for method in proof.methods}
    results = [
        _result(proof, row, cell, titles[cell.method])
        for row in proof.rows
        for cell in row.cells
        if cell.kept in ("broken", "gap")
    ]
    run = {
        "tool": {"driver": _driver()},
        "invocations": [{"executionSuccessful": True}],
        "results": results,
        "columnKind": "unicodeCodePoints",
        "properties": {"ruleset": proof.ruleset.name, "sha256": proof.ruleset.sha256},
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _driver() -> dict[str, Any]:
    return {
        "name": "backchannel",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [
            {"id": name, "shortDescription": {"text": text}} for name, text in _RULES.items()
        ],
    }


def _result(proof: Proof, row: Row, cell: Cell, title: str) -> dict[str, Any]:
    rule = _rule(row, cell)
    what = f"{words.promise(row)} ({row.way}), by {title}: {words.outcome(cell, row.action)}"
    return {
        "ruleId": rule,
        "ruleIndex": list(_RULES).index(rule),
        "level": "error" if cell.kept == "broken" else "note",
        "message": {"text": f"{what}. Decided by: {words.decided(cell) or 'no rule seen'}."},
        "locations": [_location(proof, row)],
        "partialFingerprints": {
            "promise/v1": "/".join((row.line, row.service, row.capability, row.way, cell.method))
        },
        "properties": {
            "method": cell.method,
            "packets": cell.packets,
            "bytes": cell.octets,
            "source": row.source,
        },
    }


def _rule(row: Row, cell: Cell) -> str:
    if row.action == "allow":
        return "allowed-blocked"
    return "denied-leaks" if cell.outcome == "leaks" else "denied-passes"


def _location(proof: Proof, row: Row) -> dict[str, Any]:
    found = _PLACE.match(row.place)
    path = PurePath(proof.policy)
    physical: dict[str, Any] = {"artifactLocation": {"uri": quote(path.as_posix())}}
    if found:
        physical["region"] = {"startLine": int(found[2])}
    return {
        "physicalLocation": physical,
        "logicalLocations": [{"name": row.line, "kind": "member"}],
    }
