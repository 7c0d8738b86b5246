"""`backchannel policy matrix`: rule by firewall, what each can do and why not more."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from backchannel.cli import options
from backchannel.cli.policy import firewalls, rules
from backchannel.cli.streams import put_json
from backchannel.listed import listed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from backchannel.policy.matrix import Column, Matrix, Row

_SIGNS = {"enforces": ("yes", "green"), "partly": ("part", "yellow"), "cannot": ("no", "red")}
RULE = 16
"""Columns that the names of rules need in a table."""
_SHORT = {"windows": "win", "cisco-ios": "cisco", "dns-rpz": "rpz", "suricata": "suri"}


def matrix(
    path: options.Policy,
    *,
    to: options.Firewalls = (),
    why: bool = False,
    on: options.Day = "",
    json: bool = False,
    catalogue: options.Folders = (),
) -> int:
    """Show what each firewall can do for each rule, and why not more.

    Parameters
    ----------
    path
        The policy.
    to
        These firewalls only.
    why
        Say for each rule what gets through, and what else would do.
    on
        The day for which expiry is decided; by default today.
    json
        Write the matrix as JSON.
    catalogue
        Folders with your own service files.
    """
    from backchannel.policy.matrix import matrix as judge  # noqa: PLC0415 - only where called

    asked = firewalls(to)
    made = judge(rules(path, on, catalogue), asked)
    if json:
        put_json(made)
    else:
        _show(made, why=why)
    return 0


def _show(made: "Matrix", *, why: bool) -> None:
    from backchannel.report.console import console  # noqa: PLC0415 - only where shown

    out = console()
    wide = out.width >= RULE + sum(_width(column) + 1 for column in made.columns)
    (_table if wide else _lists)(out, made)
    if why:
        for name, rows in _by_line(made.rows).items():
            _reasons(out, name, rows)


def _width(column: "Column") -> int:
    return max(len(_SHORT.get(column.name, column.name)), len("refuses") * column.refuses, 4)


def _table(out: "Console", made: "Matrix") -> None:
    from rich.table import Table  # noqa: PLC0415 - only where shown
    from rich.text import Text  # noqa: PLC0415 - only where shown

    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    table.add_column("rule", overflow="fold")
    for column in made.columns:
        table.add_column(_SHORT.get(column.name, column.name), no_wrap=True)
    for name, rows in _by_line(made.rows).items():
        cells = (_cell([row.cells[column.name].level for row in rows]) for column in made.columns)
        table.add_row(Text(f"{name} ({rows[0].action})"), *cells)
    refusing = (Text("refuses" if c.refuses else "ok", style="dim") for c in made.columns)
    table.add_row(Text("compiles as it is", style="dim"), *refusing)
    out.print(table)
    out.print(Text("yes enforces, part partly (of all its uses), no cannot", style="dim"))


def _lists(out: "Console", made: "Matrix") -> None:
    """Say it of one rule after the other, where no table has room."""
    from rich.padding import Padding  # noqa: PLC0415 - only where shown
    from rich.text import Text  # noqa: PLC0415 - only where shown

    for name, rows in _by_line(made.rows).items():
        able = dict[str, list[str]]()
        for column in made.columns:
            cell = _cell([row.cells[column.name].level for row in rows])
            able.setdefault(cell.plain, []).append(column.name)
        out.print(Text(f"{name} ({rows[0].action})"))
        for word, style in _SIGNS.values():
            if word in able:
                told = Text.assemble((word, style), f": {', '.join(able[word])}")
                out.print(Padding(told, (0, 0, 0, 2), expand=False))
    refusing = ", ".join(column.name for column in made.columns if column.refuses)
    out.print(Text(f"compiles as it is: not for {refusing}" if refusing else "compiles as it is"))


def _by_line(rows: "Iterable[Row]") -> "dict[str, list[Row]]":
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.line, []).append(row)
    return found


def _cell(levels: list[str]) -> "Text":
    """Return one sign for all uses of a rule: the worst, but `partly` where they differ."""
    from rich.text import Text  # noqa: PLC0415 - only where shown

    worst = levels[0] if len(set(levels)) == 1 else "partly"
    word, style = _SIGNS[worst]
    return Text(word, style=style)


def _reasons(out: "Console", name: str, rows: "list[Row]") -> None:
    """Say why not more, each reason once with the firewalls and uses that it holds for."""
    from rich.padding import Padding  # noqa: PLC0415 - only where shown
    from rich.text import Text  # noqa: PLC0415 - only where shown

    found = dict[tuple[str, str], tuple[dict[str, None], dict[str, None]]]()
    for row in rows:
        for backend, judgement in row.cells.items():
            if judgement.level != "enforces":
                key = (judgement.why, judgement.nearest)
                backends, uses = found.setdefault(key, ({}, {}))
                backends[backend] = uses[row.use] = None
    if not found:
        return
    out.print()
    out.print(Text(f"{name} ({rows[0].place})", style="bold"))
    for (why, nearest), (backends, uses) in found.items():
        instead = f"; nearest: {nearest}" if nearest else ""
        out.print(
            Padding(Text(f"{', '.join(backends)}: {listed(uses)}:"), (0, 0, 0, 2), expand=False)
        )
        out.print(Padding(Text(f"{why}{instead}"), (0, 0, 0, 6), expand=False))
