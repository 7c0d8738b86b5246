"""A list on a terminal: a table where it fits, else a block of words for each row."""

from collections.abc import Iterable, Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

WIDE = 116
"""Columns that a terminal must have for a table of more than four columns."""


class Listing:
    """Rows under headings, and a title where there is one. *lead* columns stand first; the rest
    are named words when narrow.
    """

    def __init__(
        self, title: str, columns: Sequence[str], right: Iterable[str] = (), lead: int = 2
    ) -> None:
        self._title, self._columns, self._lead = title, columns, lead
        self._right = frozenset(right)
        self._rows: list[tuple[Text, ...]] = []

    def add(self, *cells: Text | str) -> None:
        """Add a row; text from the wire must be escaped already."""
        self._rows.append(tuple(Text(cell) if isinstance(cell, str) else cell for cell in cells))

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        narrow = options.max_width < WIDE and len(self._columns) > 4
        if self._title:
            yield Text(self._title, style="bold")
        yield self._words() if narrow else self._table()

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for column in self._columns:
            table.add_column(
                column,
                header_style="dim",
                justify="right" if column in self._right else "left",
                overflow="fold",
            )
        for row in self._rows:
            table.add_row(*row)
        return table

    def _words(self) -> Table:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(overflow="fold", max_width=24)
        grid.add_column(overflow="fold")
        for row in self._rows:
            told = Text(", ").join(
                Text.assemble((f"{name} ", "dim"), cell)
                for name, cell in zip(self._columns[self._lead :], row[self._lead :], strict=True)
                if cell
            )
            lead = [cell for cell in row[: self._lead] if cell]
            grid.add_row(lead[0] if lead else "", Text("  ").join([*lead[1:], told]))
        return grid
