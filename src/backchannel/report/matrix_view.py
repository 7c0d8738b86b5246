"""The threat matrix on a terminal: risks down, services across, in columns that fit."""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from backchannel.report.document import Cell, Matrix, MatrixRow
from backchannel.report.matrix import TITLES, unassessed
from backchannel.report.words import within
from backchannel.text import escape

LABELS = 22
"""Columns that the names of risks take."""
_MARK = {"possible": "o", "not-assessed": "?", "accepted": "x", "none": "\u00b7"}
_STYLE = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "", "info": "dim"}


def render(matrix: Matrix) -> RenderableType | None:
    """Return the matrix, ready to print; None where no service was seen."""
    if not matrix.rows:
        return None
    parts: list[RenderableType] = [Text("Threat matrix", style="bold")]
    parts.append(_Tables(matrix))
    parts.append(
        Text(
            "number: findings; o: possible, not seen; ?: not assessed; x: accepted; "
            "\u00b7: neither",
            style="dim",
        )
    )
    parts += [
        Text(f"not assessed: {', '.join(map(escape, titles))}: {why}", style="dim")
        for why, titles in unassessed(matrix)
    ]
    if matrix.limits:
        parts.append(Text("some traffic may have been missed: " + "; ".join(matrix.limits)))
    return Group(*parts)


class _Tables:
    """As many services side by side as the terminal has room for, the others below."""

    def __init__(self, matrix: Matrix) -> None:
        self._matrix = matrix

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        rows = self._matrix.rows
        wanted = sum(len(escape(row.service)) + 2 for row in rows)
        # tables of about the same width, not one long and one short
        lines = min(-(-wanted // max(options.max_width - LABELS, 1)), len(rows))
        across = -(-len(rows) // lines)
        for start in range(0, len(rows), across):
            yield _table(self._matrix, rows[start : start + across])


def _table(matrix: Matrix, rows: Sequence[MatrixRow]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("", no_wrap=True)
    for row in rows:
        table.add_column(escape(row.service), header_style="bold", justify="center", no_wrap=True)
    for place, category in enumerate(matrix.categories):
        cells = [row.cells[place] for row in rows]
        if any(cell.state != "none" for cell in cells):
            table.add_row(within(TITLES[category]), *(_cell(cell) for cell in cells))
    return table


def _cell(cell: Cell) -> Text:
    if cell.state == "seen":
        return Text(f"{cell.findings:,}", style=_STYLE[cell.severity or "low"])
    return Text(_MARK[cell.state], style="dim")
