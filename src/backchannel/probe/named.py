"""What the words mean that name hosts: addresses, blocks, ranges, names, and files of them.

    10.1.2.7    10.1.2.0/24    10.1.2.7/24    10.1.2.1-20    10.1.2.1-10.1.3.9    10.1.2-3.1,7,*
    fd00::7     fd00::/120     fe80::1%eth0   mail.example.net                    @FILE

A block that is written by one of its hosts stands for its network, and octets may be lists, ranges
and `*`, as nmap's users write them.
"""

import re
import socket
from collections.abc import Iterable, Iterator
from functools import reduce
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
    summarize_address_range,
)
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from backchannel.errors import InputError, UsageError, reason

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
MOST = 65_536
"""Hosts of one run."""
LARGEST_FILE = 1 << 20
_RANGE = re.compile(r"([0-9a-fA-F]*[.:][0-9a-fA-F.:]*)-([0-9a-fA-F.:]+)\Z")
"""Such as 10.0.0.1-20; db-01 is a name."""
_OCTETS = re.compile(r"[0-9,*-]+(?:\.[0-9,*-]+){3}\Z")
_OCTET = re.compile(r"(?:(\d{1,3})|(\d{0,3})-(\d{0,3})|\*)\Z")


class Target(NamedTuple):
    """A host to ask."""

    address: str
    name: str = ""
    """As the user called it, where that was a name."""


def words(words: Iterable[str]) -> Iterator[str]:
    """Yield words; in place of `@FILE` its lines."""
    for word in words:
        if word.startswith("@"):
            yield from (line for _, line in lines(Path(word[1:])))
        else:
            yield word


def lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbers and texts of a file's lines, without comments and empty ones."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise InputError(path, f"larger than {LARGEST_FILE >> 20} MiB")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(path, reason(error)) from error
    except UnicodeDecodeError as error:
        raise InputError(path, f"is not UTF-8 at byte {error.start}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if told := line.partition("#")[0].strip():
            yield number, told


def hosts(word: str) -> Iterator[Target]:
    """Yield the hosts that a word names. Raises UsageError."""
    found = _literal(word)
    if found is None:
        name = "" if "%" in word else word  # an address of this link is no name
        yield from (Target(address, name) for address in _resolved(word))
        return
    for network in found:
        if network.num_addresses > MOST + 2:
            raise UsageError(f"{word}: {network.num_addresses:,} addresses; at most {MOST:,}")
        block = "/" in word  # of a range, the first and the last address are hosts as well
        yield from (Target(str(address)) for address in (network.hosts() if block else network))


def networks(word: str) -> Iterator[Network]:
    """Yield what a word to exclude stands for, whole."""
    yield from _literal(word) or [
        ip_network(address.partition("%")[0]) for address in _resolved(word)
    ]


def _literal(word: str) -> list[Network] | None:
    """Return the networks of an address, a block or a range; None for a name."""
    if "/" in word:
        try:
            return [ip_network(word, strict=False)]
        except ValueError as error:
            raise UsageError(f"{word}: {error}") from error
    try:
        return [ip_network(ip_address(word.partition("%")[0]))] if "%" not in word else None
    except ValueError:
        pass
    if found := _RANGE.match(word):
        return _range(word, found[1], found[2])
    return _octets(word) if _OCTETS.match(word) else None


def _range(word: str, first: str, last: str) -> list[Network]:
    """Return what lies between two addresses; of *last* the last number may be given alone."""
    if "." not in last and ":" not in last:
        last = f"{first.rpartition('.')[0]}.{last}"
    try:
        return list(summarize_address_range(ip_address(first), ip_address(last)))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{word}: not a range: {error}") from error


def _octets(word: str) -> list[Network]:
    """Return the addresses whose numbers stand for themselves, in lists, or in ranges."""
    octets = [sorted(_octet(word, each)) for each in word.split(".")]
    number = reduce(lambda so_far, each: so_far * len(each), octets, 1)
    if number > MOST:
        raise UsageError(f"{word}: {number:,} addresses; at most {MOST:,}")
    singles = (IPv4Network(bytes(each)) for each in product(*octets))
    return list(collapse_addresses(singles))


def _octet(word: str, text: str) -> set[int]:
    told = set[int]()
    for piece in text.split(","):
        found = _OCTET.match(piece)
        alone = found[1] if found else None
        first, last = (alone, alone) if alone else ("", "") if not found else found.group(2, 3)
        low, high = int(first or 0), int(last or 255)
        if found is None or not low <= high <= 255:
            raise UsageError(f"{word}: {piece!r} is none of 7, 1-20 and *, up to 255")
        told.update(range(low, high + 1))
    return told


def widened(word: str) -> str:
    """Return what to say of a block that is written by one of its hosts; else nothing."""
    if "/" not in word:
        return ""
    network = ip_network(word, strict=False)
    same = ip_address(word.partition("/")[0]) == network.network_address
    return "" if same else f"{word} is taken as its network, {network}"


def _resolved(name: str) -> list[str]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UsageError(
            f"{name}: neither an address nor a name that resolves: {reason(error)}"
        ) from error
    return list(dict.fromkeys(_written(each[4]) for each in found))


def _written(place: tuple[Any, ...]) -> str:
    """Return an address as text; of one link, with the interface behind it (RFC 4007 §11)."""
    scope = place[3] if len(place) == 4 else 0
    return f"{place[0]}%{socket.if_indextoname(scope)}" if scope else str(place[0])
