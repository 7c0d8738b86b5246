"""Writes what a scan was asked for; what goes wrong with a file says which one it was."""

import errno
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
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
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Errors of a disk, a quota or a file that takes no more."""


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
        """Write what still waits; standard output stays open. What a full disk cut goes again."""
        if self._path != STDOUT:
            try:
                with named(self._path):
                    self._file.close()
            except OSError:
                _end_at_a_line(self._path)
                raise


def _end_at_a_line(path: Path) -> None:
    """Take the beginning of a line off the end of a file, where it is one that has an end."""
    if not path.is_file():
        return
    with suppress(OSError), path.open("r+b") as file:
        at = size = file.seek(0, os.SEEK_END)
        while at:
            at = max(at - BUFFER, 0)
            file.seek(at)
            place = file.read(min(BUFFER, size - at)).rfind(b"\n")
            if place >= 0:
                file.truncate(at + place + 1)
                return
        file.truncate(0)


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
    try:
        with named(path), path.open(mode) as file:
            file.write(data)
    except OSError as error:
        if error.errno in FULL:
            _take_back(path, mode)
        raise


def _take_back(path: Path, mode: Literal["wb", "ab"]) -> None:
    """Leave no half of a document: a page without its end looks like a short one."""
    if mode == "ab":
        _end_at_a_line(path)
    elif path.is_file():
        with suppress(OSError):
            os.truncate(path, 0)


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
