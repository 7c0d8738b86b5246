"""Values in firewalls' texts: addresses, ports, names, and sets of them."""

from bisect import bisect_right
from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from socket import getservbyname

from backchannel.evaluate.packet import Address


class Addresses:
    """A set of addresses of both versions, asked in logarithmic time."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Take addresses, networks and ranges `a-b`. Raises ValueError."""
        spans: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for text in texts:
            version, low, high = span(text)
            spans[version].append((low, high))
        self._spans = {version: _merged(found) for version, found in spans.items()}
        self._lows = {version: [low for low, _ in found] for version, found in self._spans.items()}

    def __contains__(self, address: Address) -> bool:
        number, version = int(address), address.version
        place = bisect_right(self._lows[version], number) - 1
        return place >= 0 and number <= self._spans[version][place][1]


def span(text: str) -> tuple[int, int, int]:
    """Return IP version, first and last address of an address, a network or a range."""
    first, dash, last = text.partition("-")
    if dash:
        low, high = ip_address(first.strip()), ip_address(last.strip())
        if low.version != high.version or int(low) > int(high):
            raise ValueError(f"{text} is not an address range")
        return low.version, int(low), int(high)
    net = ip_network(text, strict=False)
    return net.version, int(net.network_address), int(net.broadcast_address)


def ports(text: str) -> range:
    """Return the ports of a number, a range `a-b` or `a:b`, or a service's name."""
    first, dash, last = text.replace(":", "-").partition("-")
    if dash and first.isdigit() and last.isdigit():
        return range(int(first), int(last) + 1)
    if text.isdigit():
        return range(int(text), int(text) + 1)
    try:
        number = getservbyname(text, "tcp")
    except OSError:
        raise ValueError(f"{text} is not a port") from None
    return range(number, number + 1)


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged = list[tuple[int, int]]()
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], high)
        else:
            merged.append((low, high))
    return merged
