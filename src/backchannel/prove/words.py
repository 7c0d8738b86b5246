"""A proof in words: the same ones on the terminal, in SARIF and on the page."""

import statistics
from collections.abc import Iterable, Iterator
from pathlib import PurePath

import msgspec

from backchannel.prove.document import Cell, Proof, Row
from backchannel.report.words import count, size
from backchannel.text import escape

LETTERS = "abcdefghijklmnopqrstuvwxyz"
ENDINGS = {
    "silence": "dropped without an answer",
    "reset": "reset",
    "refused": "refused",
    "unreachable": "refused by ICMP",
    "unresolved": "the name was not resolved",
    "altered": "bytes were changed on the way",
}


class Broken(msgspec.Struct, frozen=True):
    """The cells of one row that break its promise in the same way."""

    row: Row
    cells: tuple[Cell, ...]
    methods: tuple[str, ...]


def headline(proof: Proof) -> str:
    """Return the proof in a sentence."""
    broken, kept, gaps = proof.count("broken"), proof.count("kept"), proof.count("gap")
    said = [f"{count(broken, 'promise')} of {kept + broken + gaps:,} broken"]
    if gaps:
        said.append(f"{count(gaps, 'gap')} that the policy accepts")
    return ", ".join(said)


def short(paths: str) -> str:
    """Return the names of files without their folders."""
    return escape(", ".join(PurePath(path).name for path in paths.split(", ")))


def outcome(cell: Cell, action: str = "deny") -> str:
    """Return what became of one cell of a row that allows or denies."""
    if cell.outcome == "untried":
        return f"not tried: {cell.why}"
    if cell.outcome == "blocked":
        said = f"blocked ({ENDINGS.get(cell.ending, cell.ending)})"
        return f"{said}, {size(cell.before)} of the sign-on before it" if cell.before else said
    if cell.outcome == "leaks":
        passed = f"{count(cell.packets, 'packet')} / {size(cell.octets)}"
        if action == "allow":
            return f"is stopped after {passed}: {ENDINGS.get(cell.ending, cell.ending)}"
        return f"leaks {passed} before it is blocked"
    if cell.outcome == "renewed":
        return "reset where it was met on its way, and passes when it begins anew"
    slower = f", {cell.slower:.2f} times as long" if cell.slower is not None else ""
    return f"passes ({count(cell.packets, 'packet')} / {size(cell.octets)}{slower})"


def decided(cell: Cell) -> str:
    """Return which rule decided, and how often it was met."""
    if not cell.rule:
        return ""
    return f"{cell.rule} [{cell.verdict}, {count(cell.hits, 'packet')}]"


def slower(proof: Proof) -> str:
    """Return how much longer allowed conversations take under the ruleset; empty if unknown."""
    ratios = [cell.slower for row in proof.rows for cell in row.cells if cell.slower is not None]
    if not ratios:
        return ""
    middle = statistics.median(ratios)
    of = f"(median of {len(ratios)}, no network delay)"
    return f"what is allowed takes {middle:.2f} times as long {of}"


def broken(proof: Proof) -> Iterator[Broken]:
    """Yield broken promises, the cells of a row together where the same rule did the same."""
    titles = {method.id: method.title for method in proof.methods}
    for row in proof.rows:
        groups: dict[tuple[str, str], list[Cell]] = {}
        for cell in row.cells:
            if cell.kept == "broken":
                groups.setdefault((cell.outcome, cell.rule), []).append(cell)
        for cells in groups.values():
            yield Broken(row, tuple(cells), tuple(titles[cell.method] for cell in cells))


def promise(row: Row) -> str:
    """Return what was promised."""
    who = "" if row.ours == "any" else f" to {row.ours}"
    where = "" if row.theirs == "any" else f" with {row.theirs}"
    return f"{row.action} {row.service} {row.capability}{who}{where}"


class Difference(msgspec.Struct, frozen=True):
    """A cell that two rulesets answer differently."""

    row: Row
    title: str
    one: Cell
    other: Cell


def differences(one: Proof, other: Proof) -> Iterator[Difference]:
    """Yield the cells whose outcome differs between two proofs of the same policy."""
    titles = {method.id: method.title for method in one.methods}
    theirs = {_key(row, cell): cell for row in other.rows for cell in row.cells}
    for row in one.rows:
        for cell in row.cells:
            match = theirs.get(_key(row, cell))
            if match is not None and match.outcome != cell.outcome:
                yield Difference(row, titles[cell.method], cell, match)


def _key(row: Row, cell: Cell) -> tuple[str, ...]:
    return row.line, row.service, row.capability, row.way, cell.method


def unproved(proof: Proof) -> Iterable[tuple[str, list[str]]]:
    """Return why promises were not tried, each with the services and capabilities it is about."""
    found: dict[str, list[str]] = {}
    for each in proof.unproved:
        found.setdefault(each.why, []).append(f"{each.service} {each.capability}")
    return found.items()
