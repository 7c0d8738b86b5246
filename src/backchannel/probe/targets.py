"""Whom to ask: addresses, blocks, ranges, names and files of them; and whom one may ask.

Nothing is asked by accident. What is private may be asked up to `MOST_UNASKED` hosts; more, and any
public address, only where a file of authorised networks has it. Where such a file is given it holds
for everything. Addresses that stand for many (multicast, broadcast) are never asked.
"""

import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
    summarize_address_range,
)
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from backchannel.errors import InputError, UsageError, reason

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
MOST_UNASKED = 256
"""Private hosts that may be asked without a file."""
MOST = 65_536
"""Hosts of one run."""
LARGEST_FILE = 1 << 20
_RANGE = re.compile(r"([0-9a-fA-F]*[.:][0-9a-fA-F.:]*)-([0-9a-fA-F.:]+)\Z")
"""Such as 10.0.0.1-20; db-01 is a name."""
_UNTIL = re.compile(r",?\s*\buntil\b\s*([^\s,;]*)", re.IGNORECASE)
_SITES = tuple(
    map(
        ip_network,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"),
            *("fc00::/7", "fe80::/10"),
        ),
    )
)
"""RFC 1918, RFC 6598, RFC 3927; RFC 4193, RFC 4291 §2.5.6."""
_THIS = IPv4Network("0.0.0.0/8")


class Target(NamedTuple):
    """A host to ask."""

    address: str
    name: str = ""
    """As the user called it, where that was a name."""


class Allowed(NamedTuple):
    """A line of the file of authorised networks."""

    network: Network
    who: str
    until: date | None
    line: int


@dataclass(frozen=True)
class Authority:
    """Who may be asked, as the user's file says."""

    path: Path
    allowed: tuple[Allowed, ...] = ()
    denied: tuple[Network, ...] = ()

    def of(self, address: Address) -> Allowed | None:
        """Return the line that allows *address*, the narrowest; None where there is none."""
        fit = [each for each in self.allowed if address in each.network]
        return max(fit, key=lambda each: each.network.prefixlen, default=None)


@dataclass(frozen=True)
class Chosen:
    """Whom a run asks."""

    hosts: tuple[Target, ...]
    left_out: int = 0
    """Hosts that were named and are excluded, or that a capture suggests and nobody named."""
    by: tuple[str, ...] = field(default=())
    """Who allowed it: lines of the file that were needed, in words."""


def authority(path: Path, today: date) -> Authority:
    """Read a file of authorised networks: `PREFIX WHO ALLOWED IT [until YYYY-MM-DD]` or
    `!PREFIX WHY NOT`, one a line. Raises InputError with every line that is wrong.
    """
    allowed, denied, errors = list[Allowed](), list[Network](), list[str]()
    for number, line in _lines(path):
        refused = line.startswith("!")
        prefix, who = (*line.lstrip("!").split(None, 1), "", "")[:2]
        try:
            network = ip_network(prefix)
        except ValueError as error:
            errors.append(f"line {number}: {error}")
            continue
        if refused:
            denied.append(network)
            continue
        try:  # what is no day must not be taken for one that never comes
            last = min(map(date.fromisoformat, _UNTIL.findall(who)), default=None)
        except ValueError as error:
            errors.append(f"line {number}: until: {error}; write a day as 2026-12-31")
            continue
        who = _UNTIL.sub("", who).strip(" ,")
        if not who:
            errors.append(f"line {number}: who allowed {prefix}? Write it behind the prefix")
        elif last is None or last >= today:
            allowed.append(Allowed(network, who, last, number))
    if errors:
        raise InputError(path, "\n" + "\n".join(errors))
    return Authority(path, tuple(allowed), tuple(denied))


def choose(words: Iterable[str], excluded: Iterable[str], authorised: Authority | None) -> Chosen:
    """Return whom *words* name, without the *excluded* ones. Raises UsageError where one may not be
    asked, or too many are named.
    """
    out = [network for word in _words(excluded) for network in _networks(word)]
    if authorised is not None:
        out += authorised.denied
    hosts, left_out, private = dict[str, Target](), 0, 0
    used = dict[int, Allowed]()
    for word in _words(words):
        for target in _hosts(word):
            address = ip_address(target.address)
            if target.address in hosts:
                continue
            if any(_has(network, address) for network in out):
                left_out += 1
                continue
            line = _may(address, word, authorised)
            if line is not None:
                used[line.line] = line
            elif not address.is_loopback:
                private += 1
            hosts[target.address] = target
            if private > MOST_UNASKED:
                raise UsageError(
                    f"more than {MOST_UNASKED} hosts: name the networks and who allowed it in a "
                    "file, a prefix a line, and give it with --authorised FILE"
                )
            if len(hosts) > MOST:
                raise UsageError(f"more than {MOST:,} hosts: ask a part of them at a time")
    by = tuple(f"{each.network}: {each.who}" for _, each in sorted(used.items()))
    return Chosen(tuple(hosts.values()), left_out, by)


def among(
    suggested: Iterable[str],
    words: Iterable[str],
    excluded: Iterable[str],
    authorised: Authority | None,
) -> Chosen:
    """Return those of the *suggested* addresses that *words* name and that the file has, where they
    are given. Raises UsageError where neither is: anybody may send what a capture holds.
    """
    named = [network for word in _words(words) for network in _networks(word)]
    if not named and authorised is None:
        raise UsageError(
            "--from names nobody who may be asked: a capture holds what anybody sent. Name the "
            "networks among whose hosts to ask, or give --authorised FILE"
        )
    given = list(suggested)
    fit = [
        each
        for each in given
        if (not named or any(_has(network, ip_address(each)) for network in named))
        and (authorised is None or authorised.of(ip_address(each)) is not None)
    ]
    picked = choose(fit, excluded, authorised)
    return replace(picked, left_out=picked.left_out + len(given) - len(fit))


def _may(address: Address, word: str, authorised: Authority | None) -> Allowed | None:
    """Return the line that allows an address; None where none is needed. Raises UsageError."""
    if _for_many(address):
        raise UsageError(f"{word}: {address} is no host's address, and is never asked")
    if address.is_loopback:
        return None
    if authorised is not None:
        line = authorised.of(address)
        if line is None:
            raise UsageError(
                f"{word}: {address} is in none of the networks of {authorised.path} (a line whose "
                "last day is over counts no more)"
            )
        return line
    if not _inside(address):
        raise UsageError(
            f"{word}: {address} is a public address; name its network and who allowed it in a "
            "file, a prefix a line, and give it with --authorised FILE"
        )
    return None


def _inside(address: Address) -> bool:
    """Whether an address is one of a site's own: of those lists alone, as others that are not
    public (for documentation, say) lead wherever the default route does.
    """
    return any(_has(network, address) for network in _SITES)


def _for_many(address: Address) -> bool:
    """Whether an address stands for many hosts, or for none."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return True
    return (
        address.is_multicast
        or address.is_unspecified
        or (isinstance(address, IPv4Address) and (address.is_reserved or address in _THIS))
    )


def _has(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network


# -- what words mean -------------------------------------------------------------------------------


def _words(words: Iterable[str]) -> Iterator[str]:
    """Yield words; in place of `@FILE` its lines."""
    for word in words:
        if word.startswith("@"):
            yield from (line for _, line in _lines(Path(word[1:])))
        else:
            yield word


def _lines(path: Path) -> Iterator[tuple[int, str]]:
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


def _hosts(word: str) -> Iterator[Target]:
    networks = _literal(word)
    if networks is None:
        name = "" if "%" in word else word  # an address of this link is no name
        yield from (Target(address, name) for address in _resolved(word))
        return
    for network in networks:
        if network.num_addresses > MOST + 2:
            raise UsageError(f"{word}: {network.num_addresses:,} addresses; at most {MOST:,}")
        block = "/" in word  # of a range, the first and the last address are hosts as well
        yield from (Target(str(address)) for address in (network.hosts() if block else network))


def _networks(word: str) -> Iterator[Network]:
    """Yield what a word to exclude stands for, whole."""
    networks = _literal(word)
    yield from networks or [ip_network(address.partition("%")[0]) for address in _resolved(word)]


def _literal(word: str) -> list[Network] | None:
    """Return the networks of an address, a block or a range; None for a name."""
    if "/" in word:
        try:
            return [ip_network(word)]
        except ValueError as error:
            raise UsageError(f"{word}: {error}") from error
    try:
        return [ip_network(ip_address(word.partition("%")[0]))] if "%" not in word else None
    except ValueError:
        pass
    if (found := _RANGE.match(word)) is None:
        return None
    last = (
        found[2]
        if "." in found[2] or ":" in found[2]
        else f"{found[1].rpartition('.')[0]}.{found[2]}"
    )
    try:
        one, other = ip_address(found[1]), ip_address(last)
        return list(summarize_address_range(one, other))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{word}: not a range: {error}") from error


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
