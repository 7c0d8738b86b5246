"""Sheets for a terminal, as Markdown, and as HTML pages of a handbook."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from backchannel.catalogue.page import Page, Section


def terminal(page: Page) -> RenderableType:
    """Return the sheet for a terminal."""
    parts: list[RenderableType] = [Text.assemble((page.title, "bold"), f"  {page.about}"), Text()]
    for section in page.sections:
        parts.append(Text(section.title, style="bold underline"))
        parts += [Text(paragraph) for paragraph in section.paragraphs]
        if section.rows:
            parts.append(_table(section))
        parts.append(Text())
    return Group(*parts)


def _table(section: Section) -> Table:
    """A table without the columns that are empty in every row."""
    kept = [
        place for place in range(len(section.columns)) if any(row[place] for row in section.rows)
    ]
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for place in kept:
        short = max(len(row[place]) for row in section.rows) <= 16
        table.add_column(section.columns[place], overflow="fold", no_wrap=short)
    for row in section.rows:
        table.add_row(*(Text(row[place]) for place in kept))
    return table


def markdown(page: Page) -> str:
    """Return the sheet as Markdown."""
    lines = [f"# {page.title}", "", f"*{page.about}*", ""]
    for section in page.sections:
        lines += [f"## {section.title}", ""]
        for paragraph in section.paragraphs:
            lines += [paragraph, ""]
        if section.rows:
            lines.append("| " + " | ".join(section.columns) + " |")
            lines.append("|" + " --- |" * len(section.columns))
            lines += ["| " + " | ".join(map(_cell, row)) + " |" for row in section.rows]
            lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def html(page: Page) -> str:
    """Return the sheet as one self-contained HTML page."""
    return _template("sheet.html").render(page=page, style=_style())


def handbook(pages: Sequence[Page], folder: Path) -> list[Path]:
    """Write every sheet and a table of contents as HTML into *folder*; return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for page in pages:
        path = folder / f"{page.id}.html"
        path.write_text(_template("sheet.html").render(page=page, style=_style(), up="index.html"))
        written.append(path)
    contents = folder / "index.html"
    contents.write_text(_template("handbook.html").render(pages=pages, style=_style()))
    return [contents, *written]


def _style() -> Markup:
    return Markup(files(__package__).joinpath("templates/handbook.css").read_text("utf-8"))  # noqa: S704


def _template(name: str) -> Template:
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
