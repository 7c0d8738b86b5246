"""A proof on a terminal: a letter a cell, then every broken promise with the rule behind it."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from backchannel.listed import listed
from backchannel.prove import words
from backchannel.prove.document import Cell, Proof, Proofs
from backchannel.report.words import count
from backchannel.text import escape

MOST = 12
"""Broken promises, differences and untried promises that are listed; JSON has all."""
_SIGNS = {"blocked": "b", "leaks": "l", "passes": "p", "renewed": "r", "untried": "-"}
_STYLES = {"kept": "green", "broken": "bold red", "gap": "yellow", "open": "dim"}


def render(proofs: Proofs) -> RenderableType:
    """Return everything, ready to print."""
    proof = proofs.proof
    parts: list[RenderableType] = [_head(proof), _matrix(proof), _legend(proof)]
    more = _broken(proof), _remarks(proof), _unproved(proof), _counters(proof)
    parts += [part for part in more if part]
    if proofs.against is not None:
        parts += [_head(proofs.against), _against(proof, proofs.against)]
    spaced: list[RenderableType] = []
    for part in parts:
        spaced += [part, Text()]
    return Group(*spaced)


def _head(proof: Proof) -> Text:
    good = not proof.count("broken")
    slower = words.slower(proof)
    return Text.assemble(
        (words.short(proof.policy), "bold"),
        f" against {words.short(proof.ruleset.name)} ({proof.ruleset.kind}): ",
        (words.headline(proof), "green" if good else "bold red"),
        f"\n{proof.plays:,} conversations played in {proof.seconds:.0f} s on {proof.kernel}",
        f"; {slower}" if slower else "",
    )


def sign(cell: Cell) -> str:
    """Return a cell as a letter: a capital where a promise is broken."""
    letter = _SIGNS[cell.outcome]
    if cell.kept == "gap":
        return "~"
    return letter.upper() if cell.kept == "broken" else letter


def _matrix(proof: Proof) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    for name in ("service", "capability", "way", "rule"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for letter, _ in zip(words.LETTERS, proof.methods, strict=False):
        table.add_column(letter, no_wrap=True, min_width=1)
    for row in proof.rows:
        cells = [Text(sign(cell), style=_STYLES[cell.kept]) for cell in row.cells]
        table.add_row(row.service, row.capability, row.way, row.action, *cells)
    return table


def _legend(proof: Proof) -> Text:
    methods = zip(words.LETTERS, proof.methods, strict=False)
    ways = ", ".join(f"{letter} {method.title}" for letter, method in methods)
    return Text(
        f"{ways}\nb blocked, l leaks first, p passes, r begins anew and passes, - not tried; a "
        "capital letter breaks the promise, ~ is a gap that the policy accepts",
        style="dim",
    )


def _broken(proof: Proof) -> RenderableType | None:
    found = list(words.broken(proof))
    if not found:
        return None
    grid = Table.grid(padding=(0, 2))
    grid.add_column(overflow="fold", ratio=2)
    grid.add_column(overflow="fold", ratio=3)
    for each in found[:MOST]:
        row = each.row
        what, where = (
            f"{words.promise(row)} ({row.way})",
            f"{escape(row.line)}, {escape(row.place)}",
        )
        how = f"{listed(each.methods, 4)}: {words.outcome(each.cells[0], row.action)}"
        rule = escape(words.decided(each.cells[0])) if each.cells[0].rule else ""
        grid.add_row(Text(what), Text(how, "red"))
        grid.add_row(Text(where), Text(rule, "dim"))
    title = "Broken promises" if len(found) <= MOST else f"Broken promises ({MOST} of {len(found)})"
    return Group(Text(title, style="bold"), grid)


def _remarks(proof: Proof) -> RenderableType | None:
    if not proof.remarks:
        return None
    lines = [Text(f"  {escape(each)}", "yellow") for each in proof.remarks]
    return Group(Text("The guard said meanwhile", style="bold"), *lines)


def _unproved(proof: Proof) -> RenderableType | None:
    if not proof.unproved:
        return None
    lines = [Text(f"  {why}: {listed(names, 6)}") for why, names in words.unproved(proof)]
    return Group(Text(f"Not proved: {count(len(proof.unproved), 'promise')}", style="bold"), *lines)


def _counters(proof: Proof) -> RenderableType | None:
    if not proof.counters:
        return None
    lines = list(_counted(proof))
    return Group(Text("Counters that moved (packets)", style="bold"), *lines[:MOST])


def _counted(proof: Proof) -> Iterator[Text]:
    for each in sorted(proof.counters, key=lambda counter: -counter.packets):
        yield Text(f"  {each.packets:>8,}  {escape(each.rule)}", overflow="ellipsis", no_wrap=True)


def _against(one: Proof, other: Proof) -> RenderableType:
    found = list(words.differences(one, other))
    if not found:
        return Text("Both rulesets do the same in every cell.", style="green")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("what", "method", words.short(one.ruleset.name), words.short(other.ruleset.name)):
        table.add_column(name, overflow="fold")
    for each in found[: 4 * MOST]:
        table.add_row(
            f"{each.row.service} {each.row.capability} ({each.row.way})",
            each.title,
            Text(each.one.outcome, style=_STYLES[each.one.kept]),
            Text(each.other.outcome, style=_STYLES[each.other.kept]),
        )
    return Group(Text(f"Differences: {len(found)}", style="bold"), table)
