"""Writes what a scan was asked for; what goes wrong with a file says which one it was."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Literal

from backchannel.catalogue.index import Index
from backchannel.cli.targets import STDOUT
from backchannel.report import matrix
from backchannel.report.digests import with_digests
from backchannel.report.document import Document

HASHED = frozenset({"report"})
"""Outputs that name the captures' SHA-256."""


BUFFER = 1 << 18
"""Bytes of lines that are written at once."""


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Let what goes wrong tell of which file: the error of a full disk does not."""
    try:
        yield
    except OSError as error:
        if path != STDOUT:
            error.filename = error.filename or str(path)
        raise


class Lines:
    """A file of lines that is written while captures are read; `-` is standard output."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path == STDOUT:
            self._file: IO[bytes] = sys.stdout.buffer
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb", buffering=BUFFER)

    def write(self, data: bytes) -> None:
        """Add whole lines."""
        with named(self._path):
            self._file.write(data)

    def close(self) -> None:
        """Write what still waits; standard output stays open."""
        if self._path != STDOUT:
            with named(self._path):
                self._file.close()


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
        put(path, _make(name, document, index, heading))


def append_alerts(document: Document, path: Path, module: str) -> None:
    """Add the findings to a file of lines that holds the events already; *module* has its form."""
    alert_line = import_module(module).alert_line
    put(path, b"".join(map(alert_line, document.findings)), "ab")


def put(path: Path, data: bytes, mode: Literal["wb", "ab"] = "wb") -> None:
    """Write a whole file; `-` is standard output."""
    if path == STDOUT:
        sys.stdout.buffer.write(data)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with named(path), path.open(mode) as file:
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
