"""The contact list as TOC writes it: one entry a line.

TOC 1: `g Group`, `b name`, `d denied`. TOC 2: `g:Group`, `b:name:alias`, `d:denied`.
"""

from collections.abc import Iterator
from typing import Literal

from backchannel.events import Contact, Contacts
from backchannel.protocols import Output

ENTRIES = 1000


def contacts(owner: str, text: str, *, change: str = "list") -> Iterator[Output]:
    """Return the entries of a list as one event."""
    if entries := tuple(_entries(text)):
        word: Literal["list", "add"] = "add" if change == "add" else "list"
        yield Contacts(owner=owner, change=word, entries=entries)


def _entries(text: str) -> Iterator[Contact]:
    group = ""
    for line in text.splitlines()[:ENTRIES]:
        kind, name, alias = line[:1], *_parts(line)
        if kind == "g":
            group = name
        elif kind == "b" and name:
            yield Contact(account=name, nickname=alias, group=group)
        elif kind == "d" and name:
            yield Contact(account=name, blocked=True)


def _parts(line: str) -> tuple[str, str]:
    """Return (name, alias) of a line."""
    if line[1:2] != ":":
        return line[2:], ""
    name, _, more = line[2:].partition(":")
    return name, more.partition(":")[0]
