"""The users of a tree of files: /etc/passwd, passwd(5)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from backchannel.host.root import DATABASE, Root

_NUMBER = re.compile(r"[0-9]{1,10}")


class User(NamedTuple):
    """One user."""

    name: str
    uid: int
    home: str


def read(root: Root) -> list[User]:
    """Return the users, each with a home that is there, and that is no other's."""
    found, homes = [], set[tuple[int, int]]()
    for fields in _lines(root):
        if len(fields) >= 7 and _NUMBER.fullmatch(fields[2]) and fields[5].startswith("/"):
            home = fields[5].rstrip("/")
            state = root.status(home) if home else None
            if state is not None and (state.st_dev, state.st_ino) not in homes:
                homes.add((state.st_dev, state.st_ino))
                found.append(User(fields[0], int(fields[2]), home))
    return found


def names(root: Root) -> dict[int, str]:
    """Return the users' names by their numbers."""
    found = dict[int, str]()
    for fields in _lines(root):
        if len(fields) >= 3 and _NUMBER.fullmatch(fields[2]):
            found.setdefault(int(fields[2]), fields[0])
    return found


def _lines(root: Root) -> Iterator[list[str]]:
    for line in root.read("/etc/passwd", DATABASE).split(b"\n"):
        yield line.decode("utf-8", "replace").split(":")
