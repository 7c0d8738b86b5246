"""The names of a policy's groups and zones, and the addresses they stand for."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
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
from pathlib import Path

from backchannel.errors import reason
from backchannel.policy.document import GroupFile, Names, Policy, Zone
from backchannel.policy.model import Networks, Party
from backchannel.suggest import suggest
from backchannel.yamlfile import MAX_SIZE, Where

ANY = "any"
TOLD = 20
"""Errors told of one group's file; more would bury the others."""
Block = IPv4Network | IPv6Network
Complain = Callable[[Where, str], None]


def blocks(text: str) -> list[Block]:
    """Return the networks of an address, a network or a range. Raises ValueError saying why not."""
    first, dash, last = text.partition("-")
    if dash:
        low, high = ip_address(first.strip()), ip_address(last.strip())
        if isinstance(low, IPv4Address) and isinstance(high, IPv4Address):
            return list(summarize_address_range(low, high))
        if isinstance(low, IPv6Address) and isinstance(high, IPv6Address):
            return list(summarize_address_range(low, high))
        raise ValueError(f"{text} goes from one IP version to the other")
    try:
        return [ip_network(text)]
    except ValueError as error:
        if "host bits" in str(error):
            net = ip_network(text, strict=False)
            raise ValueError(
                f"{text} has host bits set; write {net}, or {first.split('/')[0]}"
            ) from error
        raise


def networks(found: Iterable[Block]) -> Networks:
    """Return the set of *found*, sorted and merged."""
    found = list(found)
    return Networks(
        v4=tuple(collapse_addresses(net for net in found if isinstance(net, IPv4Network))),
        v6=tuple(collapse_addresses(net for net in found if isinstance(net, IPv6Network))),
    )


class Book:
    """Every name of one policy. What is wrong goes to *complain*, with its place."""

    def __init__(self, policy: Policy, folder: Path, complain: Complain) -> None:
        self._policy, self._folder, self._complain = policy, folder, complain
        self._groups = dict[str, list[Block]]()
        self._open = list[str]()
        self._parties = dict[tuple[str, ...], Party]()
        self._digest = hashlib.sha256()
        self.used = set[str]()
        """Groups and zones that something named."""
        for name in policy.groups:
            self._group(name)
        self._check_names()

    @property
    def digest(self) -> bytes:
        """SHA-256 of all group files, in the order of the policy."""
        return self._digest.digest()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Everything that may stand where addresses are asked for."""
        return (ANY, *self._policy.groups, *self._policy.zones)

    def party(self, names: Names, where: Where) -> Party:
        """Return who *names* are; the same object for the same groups and zones."""
        listed = (names,) if isinstance(names, str) else names
        if listed not in self._parties:
            self._parties[listed] = self._party(listed, where)
        if all(name in self._policy.groups or name in self._policy.zones for name in listed):
            return self._parties[listed]
        return self._parties.pop(listed)  # what is wrong with it is told at each place

    def _party(self, listed: tuple[str, ...], where: Where) -> Party:
        label = ", ".join(listed)
        if not listed:
            self._complain(where, "names nobody; write `any` for everybody")
        if ANY in listed:
            if len(listed) > 1:
                self._complain(where, "`any` is everybody already; write it alone")
            return Party(ANY)
        zones = [self._policy.zones[name] for name in listed if name in self._policy.zones]
        interfaces = tuple(dict.fromkeys(name for zone in zones for name in zone.interfaces))
        if not interfaces:
            return Party(label, networks(self._blocks(listed, where)))
        self.used.update(listed)
        if len(listed) == 1:
            inside = networks(self._blocks(zones[0].networks, ("zones", listed[0], "networks")))
            return Party(label, inside or Networks(any=True), interfaces)
        if len(zones) < len(listed) or any(zone.networks for zone in zones):
            self._complain(
                where, "a zone with interfaces stands alone, or beside zones of interfaces only"
            )
        return Party(label, Networks(any=True), interfaces)

    def addresses(self, names: Iterable[str], where: Where) -> Networks:
        """Return the addresses of *names*, for places where interfaces mean nothing."""
        return networks(self._blocks(tuple(names), where))

    def _blocks(self, names: tuple[str, ...], where: Where) -> Iterator[Block]:
        for place, name in enumerate(names):
            at = (*where, place) if len(names) > 1 else where
            if name in self._policy.groups:
                self.used.add(name)
                yield from self._group(name)
            elif name in self._policy.zones:
                self.used.add(name)
                zone = self._policy.zones[name]
                yield from self._blocks(zone.networks, ("zones", name, "networks"))
            else:
                yield from self._block(name, at)

    def _block(self, text: str, where: Where) -> list[Block]:
        try:
            return blocks(text)
        except ValueError as error:
            looks = any(char.isdigit() for char in text) and ("." in text or ":" in text)
            why = str(error) if looks else f"no group or zone {text!r}; {suggest(text, self.names)}"
            self._complain(where, why)
            return []

    def _group(self, name: str) -> list[Block]:
        """Return a group's networks, each group read once however often it is named."""
        if name in self._groups:
            return self._groups[name]
        where = ("groups", name)
        if name in self._open:
            self._complain(where, f"contains itself: {' > '.join([*self._open, name])}")
            return []
        self._open.append(name)
        listed = self._policy.groups[name]
        if isinstance(listed, GroupFile):
            found = list(self._file(listed, where))
        else:
            found = list(self._blocks(listed, where))
        self._open.pop()
        self._groups[name] = found
        return found

    def _file(self, group: GroupFile, where: Where) -> Iterator[Block]:
        path = self._folder / group.file
        try:
            if path.stat().st_size > MAX_SIZE:
                self._complain((*where, "file"), f"{path} is larger than {MAX_SIZE >> 20} MiB")
                return
            data = path.read_bytes()
        except OSError as error:
            self._complain((*where, "file"), f"{path}: {reason(error)}")
            return
        self._digest.update(data)
        bad = 0
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            text = line.partition("#")[0].strip()
            if not text:
                continue
            try:
                yield from blocks(text)
            except ValueError as error:
                bad += 1
                if bad <= TOLD:
                    self._complain((*where, "file"), f"{path}:{number}: {error}")
        if bad > TOLD:
            self._complain((*where, "file"), f"{path}: {bad - TOLD} more lines are not addresses")

    def _check_names(self) -> None:
        for name, zone in self._policy.zones.items():
            where = ("zones", name)
            if name in self._policy.groups:
                self._complain(where, "is the name of a group too")
            _check_zone(zone, where, self._complain)
        for kind in ("groups", "zones"):
            if ANY in getattr(self._policy, kind):
                self._complain((kind, ANY), "`any` is everybody; choose another name")


def _check_zone(zone: Zone, where: Where, complain: Complain) -> None:
    if not zone.interfaces and not zone.networks:
        complain(where, "needs `interfaces`, `networks`, or both")
    for place, name in enumerate(zone.interfaces):
        # what Linux allows, less what any firewall's language would take for more than a name
        plain = name.replace("-", "").replace("_", "").replace(".", "").replace("+", "")
        if not (0 < len(name) <= 15 and plain.isascii() and plain.isalnum()):
            complain((*where, "interfaces", place), f"{name!r} is not an interface name")
