"""Where a program's settings are looked for, and what is told of them."""

import re
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from itertools import pairwise
from typing import NamedTuple

from backchannel.catalogue.risks import RiskId
from backchannel.grades import Severity
from backchannel.host.processes import Process
from backchannel.host.root import Root
from backchannel.host.users import User


class Exposure(NamedTuple):
    """One thing that settings expose."""

    file: str
    """The file that says so; `command line of process 17` where no file does."""
    id: str
    severity: Severity
    category: RiskId
    text: str


class Place(NamedTuple):
    """A tree of files, with those who use the program."""

    root: Root
    users: Sequence[User]
    processes: Sequence[Process]
    """Those of the program that run."""

    def files(self, folder: str, *endings: str) -> Iterator[str]:
        """Yield the paths of the files in *folder* that end so."""
        for name in self.root.names(folder):
            if name.endswith(endings):
                yield f"{folder}/{name}"

    def configured(self, option: str, usual: str, inside: str = "") -> list[str]:
        """Return the settings files in use: those that running processes were given by *option*,
        and the *usual* one where some process, or none at all, was given another. *inside* is the
        file's name where the option names its folder.
        """
        found = dict[str, None]()
        for process in self.processes:
            given = _option(process.words, option)
            folder = f"/proc/{process.pid}/cwd/" if given and given[0] != "/" else ""
            found[f"{folder}{given}{inside}" if given else usual] = None
        return list(found) or [usual]

    def readable(self, file: str) -> bool:
        """Say whether others than its owner and group may read a file."""
        state = self.root.status(file)
        return state is not None and bool(state.st_mode & 0o004)


def _option(words: Sequence[str], name: str) -> str:
    """Return the value of a single-letter option, as getopt(3) reads it; empty for none."""
    for word, following in pairwise((*words[1:], "")):
        if word == name:
            return following
        if word.startswith(name):
            return word[len(name) :]
    return ""


def assigned(text: str, name: str) -> str | None:
    """Return the value of the last line `name value` or `name = value`; None for none.

    Lines that begin with `#`, `;` or `--` are comments. Names have no case.
    """
    pattern = rf"^[ \t]*{re.escape(name)}(?:[ \t]*[=:]|[ \t])([^\r\n]*)$"
    found = re.findall(pattern, text, re.MULTILINE | re.IGNORECASE)
    return str(found[-1]).strip().removesuffix(";").rstrip().strip("\"'") if found else None


def sections(text: str) -> dict[str, str]:
    """Return the text of each `[section]` of a settings file, by its name in lower case."""
    found, name = dict[str, list[str]](), ""
    for line in text.splitlines():
        if head := re.match(r"[ \t]*\[([^\]]+)\][ \t]*$", line):
            name = head[1].strip().lower()
        else:
            found.setdefault(name, []).append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def only_here(address: str) -> bool:
    """Say whether an address can be reached from this machine alone."""
    host = address.strip("[]").lower()
    if host == "localhost" or host.startswith("unix:"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
