"""What starts a program: units of systemd, scripts of init, desktops' autostart, and cron.

Facts: systemd.unit(5), systemd.service(5), the Desktop Application Autostart Specification,
crontab(5), Debian Policy 9.3.
"""

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, NamedTuple

from backchannel.host.root import Root
from backchannel.host.users import User

Kind = Literal["unit", "user-unit", "init", "autostart", "cron"]
UNITS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
         "/lib/systemd/system")  # fmt: skip
USER_UNITS = ("/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user")
_EXEC = re.compile(r"^Exec(?:Start(?:Pre|Post)?)?\s*=\s*(.+)$", re.MULTILINE)
_HIDDEN = re.compile(r"^Hidden\s*=\s*true$", re.MULTILINE | re.IGNORECASE)
LONGEST = 4096
"""Characters of a command that are looked at."""
COMMANDS = 64
"""Commands of a unit that are looked at."""
_PREFIXES = "@-:+!|"
"""What may stand before a command of a unit."""


class Starter(NamedTuple):
    """One thing that starts programs."""

    kind: Kind
    name: str
    file: str
    enabled: bool
    """Whether it starts by itself: at boot, at a login, at a time."""
    programs: tuple[str, ...]
    """Programs that it names: paths, or names to be found in PATH."""

    def starts(self, paths: Iterable[str]) -> bool:
        """Say whether it starts the file that has these paths."""
        ways = set(paths)
        bare = {posixpath.basename(path) for path in ways}
        return any(word in ways or word in bare for word in self.programs)


def find(root: Root, users: Sequence[User]) -> list[Starter]:
    """Return everything that starts programs in this tree."""
    found = [
        *_units(root, "unit", UNITS),
        *_units(root, "user-unit", USER_UNITS),
        *_init(root),
        *_autostart(root, "/etc/xdg/autostart"),
        *_cron(root),
    ]
    for user in users:
        found += _units(root, "user-unit", [f"{user.home}/.config/systemd/user"])
        found += _autostart(root, f"{user.home}/.config/autostart")
    return sorted(set(found))


def _units(root: Root, kind: Kind, folders: Sequence[str]) -> Iterator[Starter]:
    seen, wanted = set[str](), _wanted(root, folders)
    for folder in folders:
        for name in root.names(folder):
            if not name.endswith(".service") or name in seen:
                continue  # the first folder wins
            seen.add(name)
            programs = tuple(_commands(root.text(f"{folder}/{name}")))
            plain, at, _ = name.partition("@")
            enabled = any(each == name or (at and each.startswith(f"{plain}@")) for each in wanted)
            if programs:
                yield Starter(kind, name, f"{folder}/{name}", enabled, programs)


def _wanted(root: Root, folders: Sequence[str]) -> set[str]:
    """Return the units that others want: those that are started with them."""
    return {
        name
        for folder in folders
        for each in root.names(folder)
        if each.endswith((".wants", ".requires"))
        for name in root.names(f"{folder}/{each}")
    }


def _commands(text: str) -> Iterator[str]:
    for found in islice(_EXEC.finditer(text), COMMANDS):
        words = _split(found[1].lstrip(_PREFIXES))
        yield from words[:1]
        if len(words) > 1 and posixpath.basename(words[0]) in ("env", "sh", "bash", "nice"):
            yield from (word for word in words[1:] if word.startswith("/"))


def _split(line: str) -> list[str]:
    line = line[:LONGEST]
    try:
        return shlex.split(line, comments=False)
    except ValueError:  # an open quote
        return line.split()


def _init(root: Root) -> Iterator[Starter]:
    running = {
        name[3:]
        for level in "2345"
        for name in root.names(f"/etc/rc{level}.d")
        if re.match(r"S\d\d", name)
    }
    for name in root.names("/etc/init.d"):
        text = root.text(f"/etc/init.d/{name}")
        daemon = re.findall(r"^(?:DAEMON|PROG|EXEC)\s*=\s*['\"]?(/[\w./+-]+)", text, re.MULTILINE)
        if daemon:
            yield Starter("init", name, f"/etc/init.d/{name}", name in running, tuple(daemon))


def _autostart(root: Root, folder: str) -> Iterator[Starter]:
    for name in root.names(folder):
        if name.endswith(".desktop"):
            text = root.text(f"{folder}/{name}")
            if programs := tuple(_commands(text)):
                on = not _HIDDEN.search(text)
                yield Starter("autostart", name, f"{folder}/{name}", on, programs)


def _cron(root: Root) -> Iterator[Starter]:
    folder = "/var/spool/cron/crontabs"
    files = ["/etc/crontab"]
    files += [f"/etc/cron.d/{name}" for name in root.names("/etc/cron.d")]
    files += [f"{folder}/{name}" for name in root.names(folder)]
    for file in files:
        words = {
            word
            for line in root.text(file).splitlines()
            if not line.lstrip().startswith("#")
            for word in re.split(r"[\s;&|]+", line)
            if word.startswith("/")
        }
        if words:
            yield Starter("cron", posixpath.basename(file), file, True, tuple(sorted(words)))
