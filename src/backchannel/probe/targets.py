"""Whom one may ask of those that are named (see `named`).

Nothing is asked by accident. What is private may be asked up to `MOST_UNASKED` hosts; more, and any
public address, only where a file of authorised networks has it. Where such a file is given it holds
for everything. Addresses that stand for many (multicast, broadcast) are never asked.
"""

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import NamedTuple

from backchannel.errors import InputError, UsageError
from backchannel.probe.named import (
    MOST,
    Address,
    Network,
    Target,
    hosts,
    lines,
    networks,
    widened,
    words,
)

MOST_UNASKED = 256
"""Private hosts that may be asked without a file."""
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
_ANY_PORT = 9


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
    remarks: tuple[str, ...] = ()
    """What is done otherwise than the words say."""


def authority(path: Path, today: date) -> Authority:
    """Read a file of authorised networks: `PREFIX WHO ALLOWED IT [until YYYY-MM-DD]` or
    `!PREFIX WHY NOT`, one a line. Raises InputError with every line that is wrong.
    """
    allowed, denied, errors = list[Allowed](), list[Network](), list[str]()
    for number, line in lines(path):
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


def choose(named: Iterable[str], excluded: Iterable[str], authorised: Authority | None) -> Chosen:
    """Return whom the words *named* name, without the *excluded* ones. Raises UsageError where one
    may not be asked, or too many are named.
    """
    asked, refused = list(words(named)), list(words(excluded))
    out = [network for word in refused for network in networks(word)]
    if authorised is not None:
        out += authorised.denied
    choice = _Choice(out, authorised)
    for word in asked:
        for target in hosts(word):
            choice.take(word, target)
    return replace(choice.made(), remarks=_remarks(*asked, *refused) + tuple(choice.remarks))


def _remarks(*said: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for word in said if (text := widened(word))))


class _Choice:
    """Hosts one by one, until there are too many."""

    def __init__(self, out: list[Network], authorised: Authority | None) -> None:
        self.remarks = list[str]()
        self._out, self._authorised = out, authorised
        self._hosts, self._used = dict[str, Target](), dict[int, Allowed]()
        self._left_out = self._private = 0

    def take(self, word: str, target: Target) -> None:
        """Take a host that *word* names, unless it is to be left out. Raises UsageError."""
        address = ip_address(target.address)
        if target.address in self._hosts:
            return
        if any(_has(network, address) for network in self._out):
            self._left_out += 1
            return
        line = _may(address, word, self._authorised)
        if _reaches_many(address):
            self._left_out += 1
            self.remarks.append(f"{address} is a link's broadcast address, and left out")
            return
        if line is not None:
            self._used[line.line] = line
        elif not address.is_loopback:
            self._private += 1
        self._hosts[target.address] = target
        if self._private > MOST_UNASKED:
            raise UsageError(
                f"more than {MOST_UNASKED} hosts: name the networks and who allowed it in a "
                "file, a prefix a line, and give it with --authorised FILE"
            )
        if len(self._hosts) > MOST:
            raise UsageError(f"more than {MOST:,} hosts: ask a part of them at a time")

    def made(self) -> Chosen:
        """Return whom to ask."""
        by = tuple(f"{each.network}: {each.who}" for _, each in sorted(self._used.items()))
        return Chosen(tuple(self._hosts.values()), self._left_out, by)


def among(
    suggested: Iterable[str],
    named: Iterable[str],
    excluded: Iterable[str],
    authorised: Authority | None,
) -> Chosen:
    """Return those of the *suggested* addresses that *named* has and that the file has, where they
    are given. Raises UsageError where neither is: anybody may send what a capture holds.
    """
    asked = list(words(named))
    within = [network for word in asked for network in networks(word)]
    if not within and authorised is None:
        raise UsageError(
            "--from names nobody who may be asked: a capture holds what anybody sent. Name the "
            "networks among whose hosts to ask, or give --authorised FILE"
        )
    given = list(suggested)
    fit = [
        each
        for each in given
        if (not within or any(_has(network, ip_address(each)) for network in within))
        and (authorised is None or authorised.of(ip_address(each)) is not None)
    ]
    picked = choose(fit, excluded, authorised)
    return replace(
        picked,
        left_out=picked.left_out + len(given) - len(fit),
        remarks=_remarks(*asked) + picked.remarks,
    )


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


def _reaches_many(address: Address) -> bool:
    """Whether an address is the broadcast address of a link of this host: then the kernel wants to
    hear first that broadcasting is meant (socket(7), SO_BROADCAST). Nothing is sent.
    """
    if address.version == 6:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        try:
            link.connect((str(address), _ANY_PORT))
        except PermissionError:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            return link.connect_ex((str(address), _ANY_PORT)) == 0
        except OSError:
            pass
    return False


def _has(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network
