"""Engines that judge extracted files: YARA rules, a running clamd, lists of hashes.

Each is made once a run and asked for one file at a time. An engine that fails on a file says so by
`Unscanned`; one that cannot start raises UsageError or InputError before anything is read.
"""

import re
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from backchannel.errors import InputError, UsageError, reason

Name = Literal["yara", "clamav", "hash-list"]
LARGEST = 256 << 20
"""Bytes of a file that engines are given; larger ones are counted as not scanned."""
TIMEOUT = 30
"""Seconds for one file and engine."""
RULES = 10_000
"""Files of YARA rules."""
LABEL = 200
_SHA256 = re.compile(r"([0-9a-fA-F]{64})(?:[\s,;]+(.*))?")


class Unscanned(Exception):  # noqa: N818 - no error of ours
    """An engine could not judge a file; the text says why, in a few words."""


class Match(msgspec.Struct, frozen=True):
    """One thing that an engine found in a file."""

    engine: Name
    rule: str


class Scanner(Protocol):
    """One engine."""

    name: Name

    def scan(self, path: Path, sha256: str) -> list[Match]:
        """Judge a file with that hash. Raises Unscanned."""


class Hashes:
    """A list of SHA-256 hashes with a label each: `hash label`, also with commas."""

    name: Name = "hash-list"

    def __init__(self, path: Path) -> None:
        """Raises InputError with the line that is not a hash."""
        self._labels = dict[str, str]()
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            raise InputError(path, error.strerror or str(error)) from error
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            found = _SHA256.fullmatch(text)
            if found is None:
                raise InputError(path, "is not a SHA-256 with a label", f"line {number}")
            self._labels[found[1].lower()] = (found[2] or path.name).strip()[:LABEL]

    def scan(self, path: Path, sha256: str) -> list[Match]:  # noqa: ARG002 - see Scanner
        """See Scanner."""
        label = self._labels.get(sha256)
        return [] if label is None else [Match("hash-list", label)]


class Yara:
    """YARA rules, run by YARA-X; needs the extra `files`."""

    name: Name = "yara"

    def __init__(self, path: Path) -> None:
        """*path*: a file of rules, or a folder of .yar and .yara files. Raises InputError."""
        try:
            import yara_x  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise UsageError("--yara needs YARA-X: pip install 'backchannel[files]'") from error
        compiler = yara_x.Compiler()
        compiler.enable_includes(False)
        for file in _rule_files(path):
            compiler.new_namespace(file.stem)
            try:
                compiler.add_source(file.read_text(encoding="utf-8"), origin=str(file))
            except (yara_x.CompileError, OSError, UnicodeDecodeError) as error:
                raise InputError(file, reason(error)) from error
        self._scanner = yara_x.Scanner(compiler.build())
        self._scanner.set_timeout(TIMEOUT)
        self._failures = (yara_x.ScanError, yara_x.TimeoutError)

    def scan(self, path: Path, sha256: str) -> list[Match]:  # noqa: ARG002 - see Scanner
        """See Scanner."""
        try:
            found = self._scanner.scan(path.read_bytes())
        except self._failures as error:
            raise Unscanned(type(error).__name__) from error
        return [Match("yara", rule.identifier[:LABEL]) for rule in found.matching_rules]


def _rule_files(path: Path) -> list[Path]:
    found = [path]
    if path.is_dir():
        found = sorted(each for each in path.rglob("*.yar*") if each.suffix in (".yar", ".yara"))
    if not found or len(found) > RULES:
        raise InputError(path, f"{len(found)} files of YARA rules; there must be 1 to {RULES}")
    return found


def judge(scanner: Scanner, path: Path, sha256: str) -> list[Match]:
    """Ask one engine for one file, within the bounds. Raises Unscanned."""
    try:
        if path.stat().st_size > LARGEST:
            raise Unscanned("too large")
        return scanner.scan(path, sha256)
    except OSError as error:
        raise Unscanned(error.strerror or "unreadable") from error
