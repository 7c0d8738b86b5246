"""Writes what is made once, from the whole document: report, matrix and exports."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from backchannel.catalogue import index as catalogue
from backchannel.report import matrix
from backchannel.report.digests import with_digests
from backchannel.report.document import Document

HASHED = ("report",)
"""Outputs that name the captures' SHA-256."""


def write(document: Document, paths: Mapping[str, Path | None]) -> None:
    """Write the outputs that have a path; the keys are the options' names."""
    if any(paths.get(name) for name in HASHED):
        document = with_digests(document)
    for name, path in paths.items():
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_make(name, document).encode("utf-8"))


def _make(name: str, document: Document) -> str:
    """Return one output's text. What nobody asked for is not imported."""
    if name == "report":
        from backchannel.report.html import page  # noqa: PLC0415 - only where asked

        return page(document, catalogue.load(), written=datetime.now(tz=UTC).strftime("%d %B %Y"))
    assert name == "matrix", name
    return matrix.as_csv(document.matrix)
