"""Files of configuration: a path in, connections out."""

import glob
from pathlib import Path

from backchannel.diagnose.configured import braces, sections
from backchannel.diagnose.configured.connections import Connection, from_ipsec, from_swanctl
from backchannel.diagnose.configured.settings import Section
from backchannel.errors import InputError

LARGEST = 4 << 20
FILES = 256
DEEPEST = 10
"""Bytes of a file, files, and how deep they include each other."""
CLOSED = ".secrets"
"""How the names of files of secrets end."""
NAMES = "swanctl.conf", "ipsec.conf"
"""What is read of a folder; without them all that ends in .conf."""


def read(path: Path) -> list[Connection]:
    """Return the connections of a file or folder. Raises InputError where there is none to read."""
    if not path.is_dir():
        return _Files().read(path)
    found = [path / name for name in NAMES if (path / name).is_file()]
    found = found or sorted(each for each in path.glob("*.conf") if each.is_file())
    if not found:
        raise InputError(str(path), "no swanctl.conf, ipsec.conf or other .conf there")
    return [each for file in found for each in _Files().read(file)]


class _Files:
    """One configuration, of as many files as it includes."""

    def __init__(self) -> None:
        self._opened = 0
        self._depth = 0

    def read(self, path: Path) -> list[Connection]:
        """Return the connections of a file."""
        text = self._text(path)
        root = Section()
        self._parse(path, text, root)
        if "connections" in root.sections:
            return list(from_swanctl(root))
        return list(from_ipsec(root))

    def _text(self, path: Path) -> str:
        if path.name.endswith(CLOSED):
            raise InputError(str(path), "holds secrets, and is not opened")
        self._opened += 1
        if self._opened > FILES:
            raise InputError(str(path), f"more than {FILES} files are included")
        try:
            with path.open("rb") as file:
                data = file.read(LARGEST + 1)
        except OSError as error:
            raise InputError(str(path), error.strerror or str(error)) from None
        if len(data) > LARGEST:
            raise InputError(str(path), "too large for a configuration")
        return data.decode("utf-8", "replace")

    def _parse(self, path: Path, text: str, into: Section) -> None:
        def include(pattern: str, section: Section) -> None:
            self._include(path, pattern, section, brace=brace)

        brace = _has_braces(text)
        if brace:
            braces.Parser(str(path), text, include).read(into)
        else:
            sections.read(str(path), text, into, include)

    def _include(self, path: Path, pattern: str, section: Section, *, brace: bool) -> None:
        """Read what a pattern names, beside the file where it is no absolute one."""
        self._depth += 1
        if self._depth > DEEPEST:
            raise InputError(str(path), "files include each other too deep")
        for name in sorted(glob.glob(str(path.parent / pattern))):  # noqa: PTH207 - may be absolute
            if name.endswith(CLOSED) or not Path(name).is_file():
                continue
            file = Path(name)
            text = self._text(file)
            if brace:
                self._brace(file, text, section)
            else:
                self._parse(file, text, section)
        self._depth -= 1

    def _brace(self, file: Path, text: str, section: Section) -> None:
        def include(pattern: str, inner: Section) -> None:
            self._include(file, pattern, inner, brace=True)

        braces.Parser(str(file), text, include).read(section)


def _has_braces(text: str) -> bool:
    """Whether a file is of swanctl.conf's kind: sections of ipsec.conf begin with a word of it."""
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words and words[0].lower() in {"conn", "config", "ca", "version"} and "{" not in line:
            return False
        if words and words[0] != "include":
            return True
    return True
