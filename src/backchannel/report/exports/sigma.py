"""Our rules as Sigma rules, for logs that hold our events or our findings.

A rule whose test is a plain comparison of an event's own fields becomes a Sigma rule over events
(`--events`). Every other one (it counts, calls a function, looks at a stream) becomes a Sigma rule
over the findings that we make ourselves (`--ecs`), by the rule's id.
Source: Sigma rules specification 2.1.0 (SigmaHQ/sigma-specification).
"""

import ast
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

from backchannel.detect.model import Rule

OURS = UUID("9d0c2b52-0c0a-5f63-8a0e-5a5e8d2f6b31")
_LEVEL = {"info": "informational"}
Selection = dict[str, Any]


def rule(ours: Rule) -> dict[str, Any]:
    """Return one of our rules as a Sigma rule of plain values."""
    selections = _translated(ours)
    over_events = selections is not None
    if selections is None:
        selections = [{"rule.id": ours.id}]
    detection: dict[str, Any] = {
        f"selection{number or ''}": told for number, told in enumerate(selections)
    }
    detection["condition"] = "selection" if len(selections) == 1 else "1 of selection*"
    return {
        "title": ours.title[:256],
        "id": str(uuid5(OURS, ours.id)),
        "status": "test",
        "description": ours.rationale,
        "references": list(ours.references),
        "author": "backchannel",
        "date": "2026-11-21",
        "tags": [f"attack.{technique.lower()}" for technique in ours.attack],
        "logsource": {"product": "backchannel", "service": "events" if over_events else "findings"},
        "detection": detection,
        "falsepositives": [ours.false_positives],
        "level": _LEVEL.get(ours.severity, ours.severity),
    }


def _translated(ours: Rule) -> list[Selection] | None:
    """Return the rule's test as Sigma selections; None where Sigma cannot say it."""
    if ours.count is not None or "stream" in ours.events:
        return None
    tests = _tests(ast.parse(ours.when, mode="eval").body)
    if tests is None:
        return None
    tags = list(ours.events)
    return [{"event": tags[0] if len(tags) == 1 else tags, **each} for each in tests]


def _tests(node: ast.expr) -> list[Selection] | None:
    """Return alternatives, each a mapping that must hold in full; None if there is no such form."""
    if isinstance(node, ast.Constant) and node.value is True:
        return [{}]
    if isinstance(node, ast.Compare):
        return _comparison(node)
    if not isinstance(node, ast.BoolOp):
        return None
    parts = [_tests(value) for value in node.values]
    if any(part is None for part in parts):
        return None
    known = [part for part in parts if part is not None]
    if isinstance(node.op, ast.Or):
        return [each for part in known for each in part]
    merged: Selection = {}
    for part in known:
        if len(part) != 1 or merged.keys() & part[0].keys():
            return None
        merged |= part[0]
    return [merged]


def _comparison(node: ast.Compare) -> list[Selection] | None:
    """Return `field == word` and `field in (words)` as a selection."""
    if len(node.ops) != 1 or not isinstance(node.left, ast.Name):
        return None
    if not isinstance(node.ops[0], ast.Eq | ast.In):
        return None
    values = list(_constants(node.comparators[0]))
    if not values or (isinstance(node.ops[0], ast.In) and len(values) == 1 and not values[0]):
        return None
    return [{node.left.id: values[0] if len(values) == 1 else values}]


def _constants(node: ast.expr) -> Iterator[str | int | bool]:
    parts = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
    for part in parts:
        if not isinstance(part, ast.Constant) or not isinstance(part.value, str | int):
            return
        yield part.value
