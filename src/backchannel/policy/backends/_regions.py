"""A policy without order: for each line, what of it no earlier line decides.

Where a firewall has no order of its own (to Windows a block beats every allow), or where its
`pass` would end the site's own rules too (pf), each `deny` is cut down by the lines before it. A
region is a box: who opens, who is called, ports of one carrier.
"""

from collections.abc import Iterable, Iterator
from socket import AF_INET, AF_INET6, inet_ntop

import msgspec

from backchannel.policy.backends import _judging
from backchannel.policy.backends._judging import Speaks
from backchannel.policy.model import Carrier, Line, Party, Rules
from backchannel.policy.parties import ALL, spans
from backchannel.policy.spans import Spans, common, without


class Addresses:
    """A set of addresses of both versions. The same object for the same party."""

    __slots__ = ("label", "spans")

    def __init__(self, label: str, four: Spans, six: Spans) -> None:
        self.label, self.spans = label, {4: four, 6: six}

    def __bool__(self) -> bool:
        return bool(self.spans[4] or self.spans[6])

    @property
    def everyone(self) -> bool:
        """Whether it is all addresses of both versions."""
        return self.spans == ALL


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """Flows that one line decides."""

    line: Line | None
    """None for connections that are never cut off."""
    opener: Addresses
    called: Addresses
    carrier: Carrier
    ports: Spans


class Regions:
    """The regions of one policy."""

    def __init__(self, rules: Rules, speaks: Speaks) -> None:
        self._parties = dict[int, tuple[Party, Addresses]]()
        self._cut = dict[tuple[int, int], tuple[Addresses, Addresses, Addresses]]()
        self._same = dict[tuple[Spans, Spans], Addresses]()
        self._rules, self._speaks = rules, speaks

    def all(self) -> Iterator[tuple[Region, list[Region]]]:
        """Yield every line's region as it is written, and what earlier lines leave of a `deny`.

        Only what lets pass cuts: that two lines refuse the same flow does no harm.
        """
        before = dict[Carrier, list[Region]]()
        for region in self._written():
            passed = before.setdefault(region.carrier, [])
            left = [region]
            if region.line and region.line.action == "deny":
                for earlier in passed:
                    if not region.ports or common(region.ports, earlier.ports):
                        left = [part for each in left for part in self._without(each, earlier)]
            else:
                passed.append(region)
            yield region, left

    def _written(self) -> Iterator[Region]:
        for each in self._rules.lifelines:
            yield Region(
                line=None,
                opener=self._addresses(each.client),
                called=self._addresses(each.server),
                carrier=each.ports.carrier,
                ports=each.ports.spans,
            )
        for entry in _judging.entries(self._rules, self._speaks):
            yield Region(
                line=entry.line,
                opener=self._addresses(entry.opener),
                called=self._addresses(entry.called),
                carrier=entry.carrier,
                ports=entry.ports,
            )

    def _addresses(self, party: Party) -> Addresses:
        key = id(party.networks)
        if key not in self._parties:
            made = Addresses(party.label, spans(party, 4), spans(party, 6))
            self._parties[key] = (party, made)
        return self._parties[key][1]

    def _without(self, region: Region, earlier: Region) -> Iterator[Region]:
        """Yield the parts of *region* that *earlier* does not decide; at most three."""
        shared = common(region.ports, earlier.ports)
        if region.ports and not shared:
            yield region
            return
        openers, opener_left = self._parted(region.opener, earlier.opener)
        callees, called_left = self._parted(region.called, earlier.called)
        if not openers or not callees:
            yield region
            return
        rest = without(region.ports, shared)
        if rest:
            yield msgspec.structs.replace(region, ports=rest)
        if opener_left:
            yield msgspec.structs.replace(region, ports=shared, opener=opener_left)
        if called_left:
            yield msgspec.structs.replace(region, ports=shared, opener=openers, called=called_left)

    def _parted(self, one: Addresses, other: Addresses) -> tuple[Addresses, Addresses]:
        """Return what *one* has in common with *other*, and the rest of *one*."""
        key = (id(one), id(other))
        if key not in self._cut:
            inside = {f: common(one.spans[f], other.spans[f]) for f in ALL}
            outside = {f: without(one.spans[f], inside[f]) for f in ALL}
            rest = self._made(f"{one.label} without {other.label}", outside)
            cut = self._made(f"{one.label} in {other.label}", inside) if rest else one
            self._cut[key] = (one, cut, rest)  # `one` is kept, so that its identity stays its own
        return self._cut[key][1:]

    def _made(self, label: str, found: dict[int, Spans]) -> Addresses:
        """Return a set of these spans: the same object however it came about."""
        key = (found[4], found[6])
        if key not in self._same:
            self._same[key] = Addresses(label, *key)
        return self._same[key]


def texts(addresses: Addresses, *, ranges: bool = True) -> Iterator[str]:
    """Yield *addresses* as networks; what is not a single network as `first-last`, if *ranges*."""
    for family, size, kind in ((4, 4, AF_INET), (6, 16, AF_INET6)):
        for low, high in addresses.spans[family]:
            count = high - low + 1
            if count & (count - 1) == 0 and low & (count - 1) == 0:
                networks: Iterable[tuple[int, int]] = [(low, size * 8 + 1 - count.bit_length())]
            elif ranges:
                first, last = (inet_ntop(kind, each.to_bytes(size)) for each in (low, high))
                yield f"{first}-{last}"
                continue
            else:
                networks = _networks(low, high, size * 8)
            for start, bits in networks:
                length = "" if bits == size * 8 else f"/{bits}"
                yield f"{inet_ntop(kind, start.to_bytes(size))}{length}"


def _networks(low: int, high: int, width: int) -> Iterator[tuple[int, int]]:
    """Yield first address and prefix length of the networks that make up a span."""
    while low <= high:
        size = low & -low or 1 << width
        while size > high - low + 1:
            size >>= 1
        yield low, width + 1 - size.bit_length()
        low += size
