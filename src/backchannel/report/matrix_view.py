"""The threat matrix on a terminal: risks down, services across, in columns that fit."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from backchannel.report.document import Cell, Matrix
from backchannel.report.matrix import TITLES
from backchannel.text import escape

COLUMNS = 8
"""Services in one table; more of them get tables of their own."""
_MARK = {"possible": "o", "not-assessed": "?", "accepted": "x", "none": "\u00b7"}
_STYLE = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "", "info": "dim"}


def render(matrix: Matrix) -> RenderableType | None:
    """Return the matrix, ready to print; None where no service was seen."""
    if not matrix.rows:
        return None
    parts: list[RenderableType] = [Text("Threat matrix", style="bold")]
    parts += [_table(matrix, start) for start in range(0, len(matrix.rows), COLUMNS)]
    parts.append(
        Text(
            "number: findings; o: possible, not seen; ?: not assessed; x: accepted; "
            "\u00b7: neither",
            style="dim",
        )
    )
    parts += [Text(f"{title}: {why}", style="dim") for title, why in _reasons(matrix)]
    if matrix.limits:
        parts.append(Text("less may have been seen than there was: " + "; ".join(matrix.limits)))
    return Group(*parts)


def _table(matrix: Matrix, start: int) -> Table:
    rows = matrix.rows[start : start + COLUMNS]
    table = Table(box=None, pad_edge=False, padding=(0, 1))
    table.add_column("", no_wrap=True)
    for row in rows:
        table.add_column(escape(row.service), header_style="bold", justify="center", no_wrap=True)
    for place, category in enumerate(matrix.categories):
        cells = [row.cells[place] for row in rows]
        if any(cell.state != "none" for cell in cells):
            table.add_row(TITLES[category].lower(), *(_cell(cell) for cell in cells))
    return table


def _cell(cell: Cell) -> Text:
    if cell.state == "seen":
        return Text(f"{cell.findings:,}", style=_STYLE[cell.severity or "low"])
    return Text(_MARK[cell.state], style="dim")


def _reasons(matrix: Matrix) -> list[tuple[str, str]]:
    """Return for each service why something was not assessed."""
    return [
        (escape(row.title), f"not assessed: {why}")
        for row in matrix.rows
        for why in dict.fromkeys(c.why for c in row.cells if c.state == "not-assessed")
    ]
