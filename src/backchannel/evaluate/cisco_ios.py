"""Cisco IOS: what named extended access lists do with a packet that comes in on an interface.

Read are lists for IPv4 and IPv6 with object groups and periodic time ranges. An access list knows
no flows: `established` is a TCP packet with ACK or RST. What no entry fits is denied.
"""

from collections.abc import Callable, Iterator
from datetime import time
from ipaddress import ip_address

from backchannel.evaluate.chains import Ends, Rule
from backchannel.evaluate.packet import Hook, Packet, Test, Verdict, unknown
from backchannel.evaluate.values import Addresses

CARRIERS = {"ahp": "ah", "esp": "esp", "tcp": "tcp", "udp": "udp"}
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
WHOLE = ("ip", "ipv6")
ICMP = {"nd-ns": "nd-neighbor-solicit", "nd-na": "nd-neighbor-advert"}
"""Types in IOS's words, in nftables' words."""


class CiscoIos:
    """The access lists of one configuration, both applied inbound on every interface."""

    def __init__(self, text: str, path: str = "cisco-ios") -> None:
        """Read *text*. Raises InputError with the line that cannot be evaluated."""
        self._path = path
        self._lists: dict[int, list[Rule]] = {4: [], 6: []}
        self._groups = dict[str, list[str]]()
        self._times = dict[str, list[Test]]()
        self._read(text)

    def decide(self, packet: Packet, hook: Hook = "forward") -> Verdict:
        """Return what becomes of *packet*; a list has no hooks, it stands where it is applied."""
        del hook
        for rule in self._lists[packet.source.version]:
            if rule.fits(packet):
                return Verdict(rule.ends == "accept", rule.line, rule.text, rule.label)
        return Verdict(passes=False, line=0, rule="the end of the list: deny")

    def _read(self, text: str) -> None:
        take: Callable[[list[str], int, str], None] | None = None
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            if not words or line.startswith("!") or line == "end":
                continue
            try:
                if line.startswith(" ") and take is not None:
                    take(words, number, line.strip())
                else:
                    take = self._section(words)
            except (ValueError, IndexError, KeyError) as error:
                raise unknown(self._path, number, f"`{line.strip()}` ({error})") from error

    def _section(self, words: list[str]) -> Callable[[list[str], int, str], None]:
        if words[:3] == ["ip", "access-list", "extended"]:
            return _Entries(self, 4).take
        if words[:2] == ["ipv6", "access-list"]:
            return _Entries(self, 6).take
        if words[0] == "object-group" and words[1] in ("network", "v6-network"):
            members = self._groups.setdefault(words[2], [])
            return lambda member, _number, _text: members.append(_member(member))
        if words[0] == "time-range":
            tests = self._times.setdefault(words[1], [])
            return lambda period, _number, _text: tests.append(_period(period))
        raise ValueError("not a list, a group or a time range")

    def add(self, version: int, rule: Rule) -> None:
        """Add an entry to the list of an IP version."""
        self._lists[version].append(rule)

    def group(self, name: str) -> list[str]:
        """Return the members of an object group."""
        return self._groups[name]

    def hours(self, name: str) -> Test:
        """Return the test of a time range."""
        tests = self._times[name]
        return lambda packet: packet.at is None or any(test(packet) for test in tests)


class _Entries:
    """The entries of one list, in order."""

    def __init__(self, lists: CiscoIos, version: int) -> None:
        self._lists, self._version, self._remark = lists, version, ""

    def take(self, words: list[str], number: int, text: str) -> None:
        """Read one line of the list. Raises ValueError where it is not known."""
        if words[0] == "remark":
            self._remark = " ".join(words[1:])
            return
        if words[0] not in ("permit", "deny"):
            raise ValueError(words[0])
        tests = tuple(self._tests(iter(words[1:])))
        ends: Ends = "accept" if words[0] == "permit" else "drop"
        self._lists.add(self._version, Rule(tests, ends, "", number, text, self._remark))

    def _tests(self, words: Iterator[str]) -> Iterator[Test]:
        carrier = next(words)
        rest = _Rest(list(words))
        if carrier in CARRIERS:
            yield _carrier(CARRIERS[carrier])
        elif carrier == "icmp":
            name = "icmp" if self._version == 4 else "ipv6-icmp"
            yield _carrier(name)
        elif carrier not in WHOLE:
            raise ValueError(carrier)
        for source in (True, False):
            yield from self._end(rest, source=source)
            yield from _ports(rest, source=source)
        for word in rest:
            if word == "established":
                yield lambda packet: bool(packet.flags & {"ack", "rst"})
            elif word == "time-range":
                yield self._lists.hours(rest.take())
            elif carrier == "icmp":
                yield _icmp(ICMP.get(word, word))
            else:
                raise ValueError(word)

    def _end(self, rest: "_Rest", *, source: bool) -> Iterator[Test]:
        word = rest.take()
        if word == "any":
            return
        if word == "host":
            texts = [rest.take()]
        elif word == "object-group":
            texts = self._lists.group(rest.take())
        elif "/" in word:
            texts = [word]
        else:
            texts = [_wild(word, rest.take())]
        addresses = Addresses(texts)
        yield lambda packet: packet.address(source) in addresses


class _Rest:
    """The words of an entry that were not read yet."""

    def __init__(self, words: list[str]) -> None:
        self._words = words

    def take(self) -> str:
        """Return the next word. Raises IndexError at the end."""
        return self._words.pop(0)

    def peek(self) -> str:
        """Return the next word without taking it; empty at the end."""
        return self._words[0] if self._words else ""

    def __iter__(self) -> Iterator[str]:
        while self._words:
            yield self._words.pop(0)


def _icmp(kind: str) -> Test:
    return lambda packet: packet.icmp == kind


def _carrier(name: str) -> Test:
    return lambda packet: packet.carrier == name


def _ports(rest: _Rest, *, source: bool) -> Iterator[Test]:
    word = rest.peek()
    if word not in ("eq", "range", "gt", "lt"):
        return
    rest.take()
    first = int(rest.take())
    span = {"eq": range(first, first + 1), "gt": range(first + 1, 65_536), "lt": range(first)}.get(
        word
    )
    inside = range(first, int(rest.take()) + 1) if span is None else span
    yield lambda packet: packet.port(source) in inside


def _wild(address: str, mask: str) -> str:
    """Return an address and the bits that may differ as a network."""
    bits = int(ip_address(mask))
    if bits & (bits + 1):
        raise ValueError(f"the mask {mask} has holes")
    return f"{address}/{32 - bits.bit_length()}"


def _member(words: list[str]) -> str:
    if words[0] == "host":
        return words[1]
    return words[0] if "/" in words[0] else f"{words[0]}/{words[1]}"


def _period(words: list[str]) -> Test:
    """Read `periodic Friday Saturday 22:00 to 23:59`; the last minute belongs to it."""
    if words[0] != "periodic" or words[-2] != "to":
        raise ValueError(words[0])
    names = words[1:-3]
    days = set(range(7)) if names == ["daily"] else {DAYS.index(name) for name in names}
    start, end = (_clock(words[at]) for at in (-3, -1))

    def test(packet: Packet) -> bool:
        if packet.at is None:
            return True
        now = packet.at.time().replace(second=0, microsecond=0)
        return packet.at.weekday() in days and start <= now <= end

    return test


def _clock(text: str) -> time:
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute))
