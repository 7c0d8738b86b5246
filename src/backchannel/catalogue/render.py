"""Sheets for a terminal, as Markdown, and as HTML pages of a handbook."""

import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Template
from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from backchannel.catalogue.page import Page, Section
from backchannel.templates import style, template
from backchannel.text import escape

ROOMY = 30
"""Columns that a text needs to be read with ease inside a table."""
GAP = 2
SQUEEZED = 64
"""Columns of text in a line from which on one blank between them must do."""


def terminal(page: Page, width: int = 80) -> RenderableType:
    """Return the sheet for a terminal of *width* columns."""
    parts: list[RenderableType] = [
        Text.assemble((escape(page.title), "bold"), f"  {escape(page.about)}"),
        Text(),
    ]
    for section in page.sections:
        parts.append(Text(section.title, style="bold underline"))
        parts += [Text(escape(paragraph)) for paragraph in section.paragraphs]
        if section.rows:
            if section.paragraphs:
                parts.append(Text())
            parts.append(_rows(section, width))
        parts.append(Text())
    return Group(*parts)


def _rows(section: Section, width: int) -> RenderableType:
    """A table where it is easy to read at this width; otherwise long texts go below their row."""
    kept = [place for place in range(len(section.columns)) if any(r[place] for r in section.rows)]
    below = [place for place in kept if section.columns[place] in section.below]
    above = [place for place in kept if place not in below]
    widths = _widths(section, above, width)
    room = width - sum(widths) - GAP * len(above)
    if not below or room >= (ROOMY + GAP) * len(below):
        return _table(section, kept)
    return _records(section, above, below, widths)


def _widths(section: Section, places: list[int], width: int) -> list[int]:
    """Return the widths of columns; the widest give way until all fit."""
    widths = [
        max(len(section.columns[place]), *(len(escape(row[place])) for row in section.rows))
        for place in places
    ]
    while sum(widths) + len(widths) - 1 > width and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    return widths


def _table(section: Section, kept: list[int]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, GAP, 0, 0))
    for place in kept:
        longest = max(len(row[place]) for row in section.rows)
        table.add_column(section.columns[place], overflow="fold", no_wrap=longest <= 16)
    for row in section.rows:
        table.add_row(*(Text(escape(row[place])) for place in kept))
    return table


def _records(
    section: Section, above: list[int], below: list[int], widths: list[int]
) -> RenderableType:
    """Each row as a line of its short cells and, indented below it, its long ones."""
    blocks: list[RenderableType] = [_line([section.columns[p] for p in above], widths, "dim")]
    for row in section.rows:
        blocks.append(_line([escape(row[place]) for place in above], widths))
        for order, place in enumerate(below):
            if row[place]:
                label = f"{section.columns[place]}: " if order else ""
                text = Text.assemble((label, "dim"), escape(row[place]))
                blocks.append(Padding(text, (0, 0, 0, 4)))
    return Group(*blocks)


def _line(cells: Sequence[str], widths: Sequence[int], style: str = "") -> Table:
    grid = Table.grid(padding=(0, GAP if sum(widths) < SQUEEZED else 1, 0, 0))
    for place, width in enumerate(widths):
        bold = "bold" if not style and not place else style
        grid.add_column(width=width, overflow="fold", style=bold)
    grid.add_row(*(Text(cell) for cell in cells))
    return grid


def markdown(page: Page) -> str:
    """Return the sheet as Markdown."""
    lines = [f"# {_plain(page.title)}", "", f"*{_plain(page.about)}*", ""]
    for section in page.sections:
        lines += [f"## {section.title}", ""]
        for paragraph in section.paragraphs:
            lines += [_plain(paragraph), ""]
        if section.rows:
            lines.append("| " + " | ".join(section.columns) + " |")
            lines.append("|" + " --- |" * len(section.columns))
            lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in section.rows]
            lines.append("")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: no HTML, no line of its own."""
    text = escape(text).replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
    return text.replace("*.", "\\*.")


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def html(page: Page) -> str:
    """Return the sheet as one self-contained HTML page."""
    return _template("sheet.html").render(page=page, style=_style())


def handbook(pages: Sequence[Page], folder: Path) -> list[Path]:
    """Write every sheet and a table of contents as HTML into *folder*; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for page in pages:
        path = folder / f"{page.id}.html"
        text = _template("sheet.html").render(page=page, style=_style(), up="index.html")
        path.write_text(text, encoding="utf-8")
        written.append(path)
    contents = folder / "index.html"
    text = _template("handbook.html").render(pages=pages, style=_style())
    contents.write_text(text, encoding="utf-8")
    return [contents, *written]


def _style() -> Markup:
    return style(__package__, "handbook.css")


def _template(name: str) -> Template:
    return template(__package__, name, linked=_linked, show=escape)


_LINK = re.compile(r"\[(\d{1,3})\]|(https?://[^\s<>\"']+[^\s<>\"'.,;)])")


def _linked(text: str) -> Markup:
    """Return text with `[3]` leading to the third source, and web addresses to where they say."""
    text, made, at = escape(text), Markup(""), 0
    for found in _LINK.finditer(text):
        made += text[at : found.start()]
        if found[1]:
            made += Markup('<a class="cite" href="#source-{0}">[{0}]</a>').format(found[1])
        else:
            made += Markup('<a href="{0}" rel="noreferrer">{0}</a>').format(found[2])
        at = found.end()
    return made + text[at:]
