"""Looks at what outputs are written to before the scan begins, not after an hour of it."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from backchannel.capture.sources import ForeignCapture, NotACapture, Source
from backchannel.errors import UsageError

STDIN = STDOUT = Path("-")


def check(
    files: Mapping[str, Path | None], folder: Path | None, inputs: Iterable[str], *, json: bool
) -> None:
    """Raise UsageError when an output cannot be written, or would overwrite another or a capture.

    *files* are the outputs by the names of their options; *folder* is the one of `--extract`.
    """
    wanted = {f"--{name}": path for name, path in files.items() if path is not None}
    _apart(wanted, json=json)
    captures = list(map(Path, inputs))
    for option, path in wanted.items():
        if path == STDOUT:
            continue
        if path.is_dir():
            raise UsageError(f"{option} {path}: is a folder; name a file")
        if path.exists() and any(_same(each, path) for each in captures):
            raise UsageError(f"{option} {path}: is one of the captures; name another file")
        if path.is_file() and _is_capture(path):  # it may be in a folder that is read
            raise UsageError(f"{option} {path}: is a capture; name another file")
        _writable(option, path if path.exists() else path.parent)
    if folder is not None:
        _writable("--extract", folder)
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"--extract {folder}: is a file; name a folder")


def _apart(wanted: Mapping[str, Path], *, json: bool) -> None:
    """Raise UsageError when two outputs go to the same place."""
    takers: dict[Path, str] = {STDOUT: "--json"} if json else {}
    for option, given in wanted.items():
        path = given if given == STDOUT else Path(os.path.realpath(given))
        if path in takers and (given.is_file() or not given.exists()):  # a device may take several
            where = "standard output" if path == STDOUT else str(given)
            raise UsageError(f"{takers[path]} and {option} both go to {where}; give one a file")
        takers[path] = option


def _same(capture: Path, path: Path) -> bool:
    """Whether *path* is that capture, which may also be the file that is standard input."""
    if capture == STDIN and sys.stdin is None:  # its descriptor was closed before we began
        return False
    try:
        there = os.fstat(sys.stdin.fileno()) if capture == STDIN else capture.stat()
    except OSError:
        return False
    return os.path.samestat(there, path.stat())


def _is_capture(path: Path) -> bool:
    """Whether an existing file is a capture, in whatever format."""
    try:
        Source(str(path)).probe()
    except ForeignCapture:
        return True
    except NotACapture:
        return False
    return os.access(path, os.R_OK)


def _writable(option: str, path: Path) -> None:
    """Raise UsageError unless *path*, or the folder it will be made in, can be written."""
    while not path.exists() and path != path.parent:
        path = path.parent
    if not os.access(path, os.W_OK):
        raise UsageError(f"{option}: {path} cannot be written")
