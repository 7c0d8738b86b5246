"""Junos: what firewall filters do with a packet that comes in on an interface.

Read are filters of the families inet and inet6, with prefix lists, in groups or without. A filter
knows no flows: `tcp-established` is a TCP packet with ACK or RST. What no term fits is discarded.
"""

import re
from collections.abc import Iterator

from backchannel.evaluate.chains import Ends, Rule
from backchannel.evaluate.packet import Hook, Packet, Test, Verdict, unknown
from backchannel.evaluate.values import Addresses, ports

FAMILIES = {"inet": 4, "inet6": 6}
CARRIERS = {"icmp6": "ipv6-icmp"}
ICMP = {
    "router-solicit": "nd-router-solicit",
    "router-advertisement": "nd-router-advert",
    "neighbor-solicit": "nd-neighbor-solicit",
    "neighbor-advertisement": "nd-neighbor-advert",
}
"""Types of ICMPv6 in Junos' words, in nftables' words."""
_TOKEN = re.compile(r'/\*.*?\*/|#[^\n]*|"[^"\n]*"|[{};\[\]]|\n|[^\s{};\[\]"]+', re.DOTALL)


class Node:
    """One statement: its words, and the statements in its braces."""

    def __init__(self, words: list[str], line: int, note: str) -> None:
        self.words, self.line, self.note = words, line, note
        self.inner = list[Node]()

    def all(self, *words: str) -> Iterator["Node"]:
        """Yield the statements within that begin with *words*, however deep."""
        for node in self.inner:
            if tuple(node.words[: len(words)]) == words:
                yield node
            yield from node.all(*words)


class Junos:
    """The filters of one configuration, applied as input on every interface."""

    def __init__(self, text: str, path: str = "junos") -> None:
        """Read *text*. Raises InputError with the line that cannot be evaluated."""
        self._path = path
        root = _tree(text, path)
        self._lists = {
            node.words[1]: Addresses(" ".join(each.words) for each in node.inner)
            for node in root.all("prefix-list")
        }
        self._filters = {
            FAMILIES[family.words[1]]: [
                self._term(term) for each in family.all("filter") for term in each.all("term")
            ]
            for family in root.all("family")
        }

    def decide(self, packet: Packet, hook: Hook = "forward") -> Verdict:
        """Return what becomes of *packet*; a filter has no hooks, it stands where it is applied."""
        del hook
        for rule in self._filters.get(packet.source.version, ()):
            if rule.ends != "continue" and rule.fits(packet):
                return Verdict(rule.ends == "accept", rule.line, rule.text, rule.label)
        return Verdict(passes=False, line=0, rule="the end of the filter: discard")

    def _term(self, term: Node) -> Rule:
        tests = list[Test]()
        ends: Ends = "accept"
        for part in term.inner:
            if part.words == ["from"]:
                tests += [self._test(node) for node in part.inner]
            elif part.words[0] == "then":
                said = [node.words for node in part.inner] or [part.words[1:]]
                ends = next((_ENDS[each[0]] for each in said if each[0] in _ENDS), ends)
            else:
                raise unknown(self._path, part.line, f"`{' '.join(part.words)}`")
        text = f"term {term.words[1]}"
        return Rule(tuple(tests), ends, "", term.line, text, term.note)

    def _test(self, node: Node) -> Test:
        word, values = node.words[0], [each for each in node.words[1:] if each not in "[]"]
        try:
            if word in ("source-prefix-list", "destination-prefix-list"):
                return _in(self._named(node), source=word.startswith("source"))
            if word in ("source-address", "destination-address"):
                found = [Addresses([" ".join(each.words) for each in node.inner] or values)]
                return _in(found, source=word.startswith("source"))
            if word in ("protocol", "payload-protocol", "next-header"):
                carriers = {CARRIERS.get(each, each) for each in values}
                return lambda packet: packet.carrier in carriers
            if word in ("source-port", "destination-port"):
                return _ports(values, source=word.startswith("source"))
            if word == "icmp-type":
                kinds = {ICMP.get(each, each) for each in values}
                return lambda packet: packet.icmp in kinds
            if word == "tcp-established":
                return lambda packet: bool(packet.flags & {"ack", "rst"})
        except (KeyError, ValueError) as error:
            raise unknown(self._path, node.line, f"`{' '.join(node.words)}` ({error})") from error
        raise unknown(self._path, node.line, f"`{' '.join(node.words)}`")

    def _named(self, node: Node) -> list[Addresses]:
        names = [each.words[0] for each in node.inner] or node.words[1:]
        return [self._lists[name] for name in names]


_ENDS: dict[str, Ends] = {
    "accept": "accept",
    "discard": "drop",
    "reject": "drop",
    "next": "continue",
}
"""How a term ends, by its word; without one it accepts."""


def _in(sets: list[Addresses], *, source: bool) -> Test:
    def test(packet: Packet) -> bool:
        address = packet.address(source)
        return any(address in each for each in sets)

    return test


def _ports(values: list[str], *, source: bool) -> Test:
    spans = [ports(value) for value in values]

    def test(packet: Packet) -> bool:
        port = packet.port(source)
        return any(port in span for span in spans)

    return test


def _tree(text: str, path: str) -> Node:
    """Return the statements of a configuration; comments go to the statement after them."""
    root = Node([], 1, "")
    open_nodes, words, line, note, first = [root], list[str](), 1, "", 1
    for word in _TOKEN.findall(text):
        if word.startswith("/*"):
            note = word[2:-2].strip()
        elif word == "{":
            node = Node(words, first, note)
            open_nodes[-1].inner.append(node)
            open_nodes.append(node)
            words, note = [], ""
        elif word == "}":
            if len(open_nodes) == 1 or words:
                raise unknown(path, line, "a brace too many")
            open_nodes.pop()
        elif word == ";":
            open_nodes[-1].inner.append(Node(words, first, note))
            words = []
        elif word != "\n" and not word.startswith("#"):
            first = first if words else line
            words.append(word.strip('"'))
        line += word.count("\n")
    if len(open_nodes) > 1:
        raise unknown(path, open_nodes[-1].line, "a brace that is not closed")
    return root
