"""Tunnels to gateways that nobody allowed. Asked for with a list of those that are."""

from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path

from backchannel.detect.events import UnknownPeer
from backchannel.engine.observation import Observation
from backchannel.errors import InputError, reason

PAIRS = 100_000
"""Pairs of hosts that are told; further ones are counted."""
LINES = 100_000
Network = IPv4Network | IPv6Network


def read(path: Path) -> tuple[Network, ...]:
    """Return the addresses and prefixes of a file, one per line; `#` starts a comment.

    Raises InputError for what is neither, with its line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read: {reason(error)}") from error
    if len(lines) > LINES:
        raise InputError(path, f"a list of gateways has at most {LINES:,} lines")
    networks = list[Network]()
    for number, line in enumerate(lines, 1):
        if text := line.partition("#")[0].strip():
            try:
                networks.append(ip_network(text))
            except ValueError as error:
                raise InputError(path, f"line {number}: {error}") from error
    if not networks:
        raise InputError(path, "names no gateway, so every tunnel would be a finding")
    return tuple(networks)


class Peers:
    """Follows IPsec: a tunnel is allowed when one of its ends is a gateway of the list."""

    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self._allowed = allowed
        self._known = dict[tuple[str, str], bool]()
        self.counters: Counter[str] = Counter()

    def follow(self, seen: Observation) -> Iterator[UnknownPeer]:
        """Tell a pair of hosts once, when what was seen is part of a tunnel between them."""
        if seen.service != "ipsec":
            return
        pair = seen.flow.client.address, seen.flow.server.address
        if pair in self._known:
            return
        if len(self._known) >= PAIRS:
            self.counters["pairs of tunnel ends not compared: too many"] += 1
            return
        self._known[pair] = any(map(self._is_allowed, pair))
        if not self._known[pair]:
            yield UnknownPeer(address=_outside(*pair))

    def _is_allowed(self, address: str) -> bool:
        try:
            plain = ip_address(address)
        except ValueError:
            return False
        return any(plain in network for network in self._allowed)


def _outside(client: str, server: str) -> str:
    """Return the end that is public; the server where both or none are."""
    try:
        return client if ip_address(server).is_private > ip_address(client).is_private else server
    except ValueError:
        return server
