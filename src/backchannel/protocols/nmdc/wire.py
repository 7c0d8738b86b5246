r"""NMDC's commands and what stands in them. Bytes in, values out.

    $Word rest|        <nick> said in the hub's chat|        | alone: still there

    $MyINFO $ALL nick about<program V:1,M:A,H:1/0/0,S:5>$ $speed flag$mail$bytes shared$|
    $Search address:port or Hub:nick F?T?0?1?words$with$dollars|      also TTH:<hash>
    $SR nick folder\file 05 size free/all 05 hub's name or TTH:<hash> (address:port)|

The texts of old programs are in the code page of their country; `$` and `|` in them are `&#36;`
and `&#124;`.
"""

import re
from ipaddress import ip_address
from typing import NamedTuple

from backchannel.events import SharedFile
from backchannel.patterns import later
from backchannel.reader import WireError
from backchannel.text import utf8

_WORD = later(rb"\$[A-Z][A-Za-z0-9]{0,23}:?(?: |$)")
_TAG = later(r"^(.*)<([^<>]{1,40}?),? ?V:([^,<>]{1,40})((?:,[A-Z]:[^,<>]{0,80})*)>$", re.DOTALL)
_ENDPOINT = later(r"^(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15})):(\d{1,5})([SNR]{0,2})")
_SEARCH = later(r"^(?:Hub:(\S+)|(\S+)) ([TF])\?([TF])\?(\d{1,20})\?(\d{1,2})\?(.+)$", re.DOTALL)
_TREE = later(r"TTH:([A-Z2-7]{39})$")
KINDS = ("", "any", "audio", "archive", "document", "program", "picture", "video", "folder", "hash")


class Command(NamedTuple):
    """One command: `$Word` and what follows, or a line of chat whose word is empty."""

    word: str
    rest: str


class Info(NamedTuple):
    """What a user says of themselves."""

    nick: str
    about: str
    mail: str
    program: str
    version: str
    shared: int


class Query(NamedTuple):
    """A search."""

    nick: str
    address: str
    port: int
    text: str
    detail: str


class Result(NamedTuple):
    """One answer to a search."""

    nick: str
    file: SharedFile
    detail: str


def read(raw: bytes) -> Command:
    """Return the command that *raw* is. Raises WireError where it is none."""
    if raw.startswith(b"$"):
        found = _WORD.match(raw)
        if found is None:
            raise WireError("no command")
        return Command(found[0].decode().strip(), utf8(raw[found.end() :]))
    if b"\0" in raw:
        raise WireError("neither a command nor chat")
    return Command("", utf8(raw))


def chat(text: str) -> tuple[str, str] | None:
    """Return who says what in a line of chat; None where it is no person's."""
    nick, close, said = text[1:].partition("> ")
    return (nick, plain(said)) if text.startswith("<") and close and nick else None


def plain(text: str) -> str:
    """Return a text without the escapes for the two signs of the protocol."""
    return text.replace("&#36;", "$").replace("&#124;", "|").replace("&amp;", "&")


def endpoint(text: str) -> tuple[str, int, bool] | None:
    """Return the address, the port and whether TLS is wanted; None for anything else."""
    found = _ENDPOINT.match(text)
    if found is None or not 0 < int(found[3]) < 65536:
        return None
    place = address(found[1] or found[2])
    return (place, int(found[3]), "S" in found[4]) if place else None


def address(text: str) -> str:
    """Return an address as it is written; empty for what is none."""
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def info(rest: str) -> Info | None:
    """Read what follows $MyINFO; None for anything else."""
    head, *fields = rest.removeprefix("$ALL ").split("$")
    nick, space, about = head.partition(" ")
    if not nick or not space or len(fields) < 4:
        return None
    found = _TAG.match(about)
    program, version = (found[2], found[3]) if found else ("", "")
    size = int(fields[3]) if fields[3].isdecimal() and len(fields[3]) < 19 else 0
    return Info(nick, plain(found[1] if found else about), fields[2], program, version, size)


def search(rest: str) -> Query | None:
    """Read what follows $Search; None for anything else."""
    found = _SEARCH.match(rest)
    if found is None:
        return None
    nick, where, limited, most, size, kind, words = found.groups()
    place = endpoint(where) if where else None
    if not nick and place is None:
        return None
    told, port = (place[0], place[1]) if place else ("", 0)
    name = KINDS[int(kind)] if int(kind) < len(KINDS) else kind
    detail = [name] if name else []
    if limited == "T":
        detail.append(f"{'at most' if most == 'T' else 'at least'} {size} bytes")
    text = words if words.startswith("TTH:") else words.replace("$", " ")
    return Query(nick or "", told, port, plain(text), ", ".join(detail))


def result(rest: str) -> Result | None:
    """Read what follows $SR; None for anything else."""
    parts = rest.split("\x05")
    nick, space, path = parts[0].partition(" ")
    if not nick or not space or len(parts) < 2:
        return None
    size = 0
    if len(parts) > 2:  # a folder has no size
        told, slots = parts[1].partition(" ")[::2]
        if not told.isdecimal() or len(told) > 18:
            return None
        size = int(told)
    else:
        path, _, slots = path.rpartition(" ")
    where = parts[2 if len(parts) > 2 else 1].rpartition(" (")[0]
    tree = _TREE.match(where)
    file = SharedFile(name=plain(path), size=size, hash=f"TTH:{tree[1]}" if tree else "")
    return Result(nick, file, f"slots {slots}" if slots else "")
