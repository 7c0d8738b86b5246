"""Writes what is made once, from the whole document: report, matrix and exports."""

import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from backchannel.catalogue.index import Index
from backchannel.report import matrix
from backchannel.report.digests import with_digests
from backchannel.report.document import Document

HASHED = frozenset({"report"})
"""Outputs that name the captures' SHA-256."""


def write(
    document: Document, index: Index, paths: Mapping[str, Path | None], heading: str = ""
) -> None:
    """Write the outputs that have a path; the keys are the options' names, `-` is for stdout.

    *heading* is the title of the report.
    """
    if any(paths.get(name) for name in HASHED):
        document = with_digests(document)
    for name, path in paths.items():
        if path is None:
            continue
        data = _make(name, document, index, heading)
        if path == Path("-"):
            sys.stdout.buffer.write(data)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def append_alerts(document: Document, path: Path, module: str) -> None:
    """Add the findings to a file of lines that holds the events already; *module* has its form."""
    alert_line = import_module(module).alert_line
    data = b"".join(map(alert_line, document.findings))
    if path == Path("-"):
        sys.stdout.buffer.write(data)
    else:
        with path.open("ab") as file:
            file.write(data)


def _make(name: str, document: Document, index: Index, heading: str) -> bytes:
    """Return one output. What nobody asked for is not imported."""
    if name == "report":
        from backchannel.report.html import page  # noqa: PLC0415 - only where asked

        return page(document, index, heading).encode()
    if name == "matrix":
        return matrix.as_csv(document.matrix).encode()
    if name == "stix":
        from backchannel.report.exports.stix import bundle  # noqa: PLC0415 - only where asked

        return bundle(document)
    module = import_module(f"backchannel.report.exports.{name}")
    return "".join(f"{line}\n" for line in module.lines(document)).encode()
