"""iptables: what texts for iptables-restore and ipset, or listings, do with a packet.

Read is the table `filter`. Limits count as not reached, and what only tells (LOG) does nothing.
"""

import re
from collections.abc import Callable
from datetime import time
from shlex import split

from backchannel.evaluate.chains import Chains, Ends, Rule, walk, words
from backchannel.evaluate.packet import Hook, Packet, Test, Verdict, unknown
from backchannel.evaluate.values import Addresses, ports, span

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PROTOCOLS = {"icmpv6": "ipv6-icmp", "ipv6-icmp": "ipv6-icmp", "6": "tcp", "17": "udp", "50": "esp"}
ICMP = {
    "router-solicitation": "nd-router-solicit",
    "router-advertisement": "nd-router-advert",
    "neighbour-solicitation": "nd-neighbor-solicit",
    "neighbour-advertisement": "nd-neighbor-advert",
    "133": "nd-router-solicit",
    "134": "nd-router-advert",
    "135": "nd-neighbor-solicit",
    "136": "nd-neighbor-advert",
}
"""Types of ICMPv6 as iptables and its listings write them, in nftables' words."""


class Iptables:
    """A ruleset of both versions of IP that packets can be shown."""

    def __init__(self, v4: str = "", v6: str = "", sets: str = "", path: str = "iptables") -> None:
        """Read the texts. Raises InputError with the line that cannot be evaluated."""
        known = _read_sets(sets, f"{path}.ipset")
        self._tables = {
            4: _Table(v4, f"{path}.v4", known),
            6: _Table(v6, f"{path}.v6", known),
        }

    def decide(self, packet: Packet, hook: Hook = "forward") -> Verdict:
        """Return what becomes of *packet* at *hook*."""
        table = self._tables[packet.source.version]
        name = hook.upper()
        way = list[Rule]()
        found = walk(table.chains, name, packet, way)
        if found is not None:
            return found
        policy = table.policies.get(name, "ACCEPT")
        said = f"policy {policy} of chain {name}"
        return Verdict(policy == "ACCEPT", 0, said, way=words(way))


class _Table:
    def __init__(self, text: str, path: str, sets: dict[str, Addresses]) -> None:
        self.chains, self.policies = Chains(), dict[str, str]()
        table = "filter"
        for number, line in enumerate(text.splitlines(), 1):
            if not line or line.startswith("#") or line == "COMMIT":
                continue
            try:
                if line.startswith("*"):
                    table = line[1:].strip()
                elif table != "filter":
                    continue
                elif line.startswith(":"):
                    self._chain(line)
                else:
                    self._rule(line, number, sets)
            except ValueError as error:
                raise unknown(path, number, str(error)) from error

    def _chain(self, line: str) -> None:
        """Read `:NAME POLICY [packets:bytes]`. Raises ValueError."""
        name, policy = line[1:].split()[:2]
        self.chains[name] = []
        if policy != "-":
            self.policies[name] = policy

    def _rule(self, line: str, number: int, sets: dict[str, Addresses]) -> None:
        """Read `-A CHAIN ...`. Raises ValueError with what is not known."""
        words = split(line)
        if len(words) < 2 or words[0] not in ("-A", "-I"):
            raise ValueError(f"`{line}`")
        rule = _Words(words[2:], sets).rule(number, line)
        chain = self.chains.setdefault(words[1], [])
        chain.insert(len(chain) if words[0] == "-A" else 0, rule)


_ENDS: dict[str, Ends] = {
    "ACCEPT": "accept",
    "DROP": "drop",
    "REJECT": "drop",
    "RETURN": "return",
    "LOG": "continue",
    "NFLOG": "continue",
}


_SILENT = ("--reject-with", "--log-prefix", "--log-level", "--limit", "--limit-burst")
"""Options that say what to tell, and how often: they test nothing that we count."""
_MODULES = {"tcp", "udp", "multiport", "conntrack", "comment", "set", "time", "limit", "icmp6"}
"""Modules whose options do the testing."""


class _Words:
    """The words of one rule after the chain's name."""

    def __init__(self, words: list[str], sets: dict[str, Addresses]) -> None:
        self._words, self._sets = words, sets
        self._at, self._not = 0, False

    def rule(self, line: int, text: str) -> Rule:
        """Return the rule. Raises ValueError with what is not known."""
        tests, target, label = list[Test](), "", ""
        ends: Ends = "continue"
        while self._at < len(self._words):
            word = self._take()
            if word == "!":
                self._not = True
                continue
            if word in ("-j", "-g"):
                target = self._take()
                ends = _ENDS.get(target, "goto" if word == "-g" else "jump")
            elif word == "--comment":
                label = self._take()
            elif word in _SILENT:
                self._take()
            else:
                tests.append(self._test(word))
            self._not = False
        return Rule(tuple(tests), ends, target, line, text, label)

    def _take(self) -> str:
        if self._at >= len(self._words):
            raise ValueError(f"`{self._words[-1] if self._words else ''}` without a value")
        self._at += 1
        return self._words[self._at - 1]

    def _test(self, word: str) -> Test:
        if word not in _TESTS:
            raise ValueError(f"`{word}`")
        made = _TESTS[word](self)
        if not self._not:
            return made
        return lambda packet: not made(packet)

    def set_match(self) -> Test:
        """Read `NAME src` or `NAME dst`."""
        name, end = self._take(), self._take()
        if name not in self._sets or end not in ("src", "dst"):
            raise ValueError(f"the set {name} {end}")
        return _in(self._sets[name], source=end == "src")

    def value(self) -> str:
        """Take an option's value."""
        return self._take()


def _in(addresses: Addresses, *, source: bool) -> Test:
    return lambda packet: packet.address(source) in addresses


def _address(words: _Words, *, source: bool) -> Test:
    return _in(Addresses(words.value().split(",")), source=source)


def _interface(words: _Words, *, coming: bool) -> Test:
    name = words.value()
    stem = name[:-1] if name.endswith("+") else None

    def test(packet: Packet) -> bool:
        seen = packet.arrives if coming else packet.leaves
        return seen.startswith(stem) if stem is not None else seen == name

    return test


def _module(words: _Words) -> Test:
    name = words.value()
    if name in ("ah", "esp"):  # an extension header of IPv6
        return lambda packet: packet.carrier == name
    if name not in _MODULES:
        raise ValueError(f"the module {name}")
    return lambda _: True


def _protocol(words: _Words) -> Test:
    name = words.value()
    wanted = PROTOCOLS.get(name, name)
    return lambda packet: wanted in ("all", packet.carrier)


def _port(words: _Words, *, source: bool) -> Test:
    spans = [ports(text) for text in words.value().split(",")]

    def test(packet: Packet) -> bool:
        port = packet.port(source)
        return any(port in span for span in spans)

    return test


def _flags(words: _Words) -> Test:
    mask, value = (frozenset(words.value().lower().split(",")) - {"none"} for _ in range(2))
    return lambda packet: packet.carrier == "tcp" and packet.flags & mask == value


def _state(words: _Words) -> Test:
    names = set(words.value().lower().split(","))
    return lambda packet: packet.state in names


def _direction(words: _Words) -> Test:
    reply = words.value() == "REPLY"
    return lambda packet: packet.reply == reply


def _icmp(words: _Words, carrier: str) -> Test:
    name = words.value()
    wanted = ICMP.get(name, name)
    return lambda packet: packet.carrier == carrier and packet.icmp == wanted


def _from(words: _Words) -> Test:
    start = time.fromisoformat(words.value())
    return lambda packet: packet.at is None or packet.at.time() >= start


def _until(words: _Words) -> Test:
    stop = time.fromisoformat(words.value())
    return lambda packet: packet.at is None or packet.at.time() <= stop


def _weekdays(words: _Words) -> Test:
    days = {DAYS.index(day) for day in words.value().split(",")}
    return lambda packet: packet.at is None or packet.at.weekday() in days


_TESTS: dict[str, Callable[[_Words], Test]] = {
    "-s": lambda words: _address(words, source=True),
    "-d": lambda words: _address(words, source=False),
    "-i": lambda words: _interface(words, coming=True),
    "-o": lambda words: _interface(words, coming=False),
    "-p": _protocol,
    "-m": _module,
    "--dport": lambda words: _port(words, source=False),
    "--sport": lambda words: _port(words, source=True),
    "--dports": lambda words: _port(words, source=False),
    "--sports": lambda words: _port(words, source=True),
    "--tcp-flags": _flags,
    "--ctstate": _state,
    "--ctdir": _direction,
    "--icmp-type": lambda words: _icmp(words, "icmp"),
    "--icmpv6-type": lambda words: _icmp(words, "ipv6-icmp"),
    "--match-set": _Words.set_match,
    "--timestart": _from,
    "--timestop": _until,
    "--weekdays": _weekdays,
}


def _read_sets(text: str, path: str) -> dict[str, Addresses]:
    """Return the sets that a text for `ipset restore` leaves."""
    found = dict[str, list[str]]()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or line.startswith("#"):
            continue
        try:
            _set_line(words, found)
        except (KeyError, IndexError, ValueError) as error:
            raise unknown(path, number, f"`{line}`") from error
    return {name: Addresses(texts) for name, texts in found.items()}


def _set_line(words: list[str], found: dict[str, list[str]]) -> None:
    """Do what one line says. Raises KeyError, IndexError or ValueError where it is not known."""
    if words[0] == "create" and re.fullmatch(r"hash:(net|ip)", words[2]):
        found.setdefault(words[1], [])
    elif words[0] == "add":
        span(words[2])
        found[words[1]].append(words[2])
    elif words[0] == "swap":
        found[words[1]], found[words[2]] = found[words[2]], found[words[1]]
    elif words[0] in ("destroy", "flush"):
        found[words[1]] = []
    else:
        raise ValueError(words[0])
