"""pf: what the rules of an anchor do with a packet that opens a flow, or has no state.

The last rule that fits decides, or the first with `quick`. A forwarded packet is asked about
twice, coming in and going out, and keeps its tag between. `pass proto tcp` without flags keeps
state and so means `flags S/SA`. Packets of a flow that has a state are not asked about.
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from backchannel.evaluate.packet import Hook, Packet, Test, Verdict, unknown
from backchannel.evaluate.values import Addresses, ports

Way = Literal["in", "out"]
ICMP = {
    "routersol": "nd-router-solicit",
    "routeradv": "nd-router-advert",
    "neighbrsol": "nd-neighbor-solicit",
    "neighbradv": "nd-neighbor-advert",
}
FLAGS = {"S": "syn", "A": "ack", "F": "fin", "R": "rst", "P": "psh", "U": "urg"}
_TOKEN = re.compile(r'"[^"\n]*"|[{},]|>=|<=|[^\s{},"]+')


class _Rule(NamedTuple):
    passes: bool
    quick: bool
    way: Way | None
    tests: tuple[Test, ...]
    tagged: str
    tag: str
    line: int
    text: str
    label: str

    def fits(self, packet: Packet, way: Way, tag: str) -> bool:
        here = self.way in (None, way) and self.tagged in ("", tag)
        return here and all(test(packet) for test in self.tests)


class Pf:
    """The rules of one anchor."""

    def __init__(self, text: str, path: str = "pf") -> None:
        """Read *text*. Raises InputError with the line that cannot be evaluated."""
        self._tables = dict[str, Addresses]()
        self._rules = list[_Rule]()
        for number, line in _lines(text):
            words = _Words(_TOKEN.findall(line))
            try:
                if words.peek() == "table":
                    self._table(words)
                else:
                    self._rules.append(_Reader(words, self._tables).rule(number, line))
            except (ValueError, KeyError, IndexError) as error:
                raise unknown(path, number, f"`{line}` ({error})") from error

    def decide(self, packet: Packet, hook: Hook = "forward") -> Verdict:
        """Return what becomes of *packet*: of a forwarded one, coming in and then going out."""
        if packet.state in ("established", "related"):
            return Verdict(passes=True, line=0, rule="the flow has a state")
        ways: dict[Hook, tuple[Way, ...]] = {
            "forward": ("in", "out"),
            "input": ("in",),
            "output": ("out",),
        }
        verdict, tag = Verdict(passes=True, line=0, rule="no rule: pass"), ""
        for way in ways[hook]:
            found = self._last(packet, way, tag)
            if found is not None:
                tag = found.tag or tag
                if not found.passes or not verdict.line:
                    verdict = Verdict(found.passes, found.line, found.text, found.label)
                if not found.passes:
                    return verdict
        return verdict

    def _last(self, packet: Packet, way: Way, tag: str) -> _Rule | None:
        last = None
        for rule in self._rules:
            if rule.fits(packet, way, tag):
                last = rule
                if rule.quick:
                    break
        return last

    def _table(self, words: "_Words") -> None:
        words.take()
        name = words.take().strip("<>")
        if words.peek() in ("const", "persist"):
            words.take()
        self._tables[name] = Addresses(words.braced())


class _Words:
    def __init__(self, words: list[str]) -> None:
        self._words = words

    def peek(self) -> str:
        return self._words[0] if self._words else ""

    def take(self) -> str:
        return self._words.pop(0)

    def braced(self) -> list[str]:
        """Take `{ a, b }`, or one word."""
        if self.peek() != "{":
            return [self.take()]
        self.take()
        found = list[str]()
        while (word := self.take()) != "}":
            if word != ",":
                found.append(word)
        return found


class _Reader:
    """Reads the words of one rule."""

    def __init__(self, words: _Words, tables: dict[str, Addresses]) -> None:
        self._words, self._tables = words, tables
        self._tests = list[Test]()
        self._carrier, self._flags = "", False
        self._tagged = self._tag = self._label = ""

    def rule(self, line: int, text: str) -> _Rule:
        """Return the rule. Raises ValueError, KeyError or IndexError where it is not known."""
        words = self._words
        action = words.take()
        if action not in ("pass", "block"):
            raise ValueError(action)
        if action == "block" and words.peek() in ("drop", "return"):
            words.take()
        way: Way | None = None
        if words.peek() in ("in", "out"):
            way = "in" if words.take() == "in" else "out"
        quick = words.peek() == "quick"
        if quick:
            words.take()
        while words.peek():
            word = words.take()
            if word not in _PARTS:
                raise ValueError(word)
            _PARTS[word](self)
        if action == "pass" and self._carrier == "tcp" and not self._flags:
            self._tests.append(_flags("S", "SA"))
        tests = tuple(self._tests)
        passes = action == "pass"
        return _Rule(passes, quick, way, tests, self._tagged, self._tag, line, text, self._label)

    def interface(self) -> None:
        """`on lo0`: an interface of the packet's."""
        name = self._words.take()
        self._tests.append(lambda packet: name in (packet.arrives, packet.leaves))

    def family(self, version: int) -> None:
        """`inet` or `inet6`."""
        self._tests.append(lambda packet: packet.source.version == version)

    def protocol(self) -> None:
        """`proto tcp`."""
        names = set(self._words.braced())
        self._carrier = next(iter(names)) if len(names) == 1 else ""
        self._tests.append(lambda packet: packet.carrier in names)

    def end(self, *, source: bool) -> None:
        """`from <staff> port { 1, 2 }`."""
        texts = self._words.braced()
        if texts != ["any"]:
            found = self._addresses(texts)
            self._tests.append(lambda packet: packet.address(source) in found)
        if self._words.peek() == "port":
            self._words.take()
            spans = self._ports()
            self._tests.append(lambda packet: _within(packet, spans, source=source))

    def _addresses(self, texts: list[str]) -> Addresses:
        if texts[0].startswith("<"):
            return self._tables[texts[0].strip("<>")]
        return Addresses(texts)

    def _ports(self) -> list[range]:
        if self._words.peek() in (">=", "<="):
            sign, number = self._words.take(), int(self._words.take())
            return [range(number, 65_536) if sign == ">=" else range(number + 1)]
        return [ports(text) for text in self._words.braced()]

    def flags(self) -> None:
        """`flags S/SA`, `flags /S` or `flags any`."""
        text = self._words.take()
        self._flags = True
        if text != "any":
            value, mask = text.split("/")
            self._tests.append(_flags(value, mask))

    def icmp(self) -> None:
        """`icmp-type { a, b }`."""
        kinds = {ICMP.get(name, name) for name in self._words.braced()}
        self._tests.append(lambda packet: packet.icmp in kinds)

    def tagged(self) -> None:
        """`tagged NAME`."""
        self._tagged = self._words.take()

    def tag(self) -> None:
        """`tag NAME`."""
        self._tag = self._words.take()

    def label(self) -> None:
        """`label "name"`."""
        self._label = self._words.take().strip('"')

    def nothing(self) -> None:
        """`all` and `keep state` change nothing."""


_PARTS: dict[str, Callable[[_Reader], None]] = {
    "on": _Reader.interface,
    "inet": lambda reader: reader.family(4),
    "inet6": lambda reader: reader.family(6),
    "proto": _Reader.protocol,
    "all": _Reader.nothing,
    "keep": _Reader.nothing,
    "state": _Reader.nothing,
    "from": lambda reader: reader.end(source=True),
    "to": lambda reader: reader.end(source=False),
    "flags": _Reader.flags,
    "icmp-type": _Reader.icmp,
    "icmp6-type": _Reader.icmp,
    "tagged": _Reader.tagged,
    "tag": _Reader.tag,
    "label": _Reader.label,
}


def _flags(value: str, mask: str) -> Test:
    wanted, asked = ({FLAGS[letter] for letter in letters} for letters in (value, mask))
    return lambda packet: packet.carrier != "tcp" or packet.flags & asked == wanted


def _within(packet: Packet, spans: list[range], *, source: bool) -> bool:
    port = packet.port(source)
    return any(port in span for span in spans)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield rules with their line; what ends in a backslash goes on, and so does an open brace."""
    whole, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        part = line.partition("#")[0].strip()
        first = first if whole else number
        whole = f"{whole} {part.removesuffix(chr(92))}".strip()
        if part.endswith("\\") or whole.count("{") > whole.count("}"):
            continue
        if whole:
            yield first, whole
        whole = ""
    if whole:
        yield first, whole
