"""nftables: what a text for `nft -f`, or a listing, does with a packet.

Read are tables of the families ip, ip6 and inet with their sets, chains and rules; of rules what
filters packets. Limits count as not reached, and what only tells (counter, log) does nothing.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from backchannel.evaluate.chains import Chains, Ends, Rule, walk, words
from backchannel.evaluate.nft_matches import match
from backchannel.evaluate.nft_words import Reader
from backchannel.evaluate.packet import Hook, Packet, Test, Verdict
from backchannel.evaluate.values import Addresses

FAMILIES = ("ip", "ip6", "inet")
PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50}


class _Base(NamedTuple):
    """A chain at a hook."""

    family: str
    table: str
    chain: str
    hook: str
    priority: int
    policy: str
    line: int


class Nftables:
    """A ruleset that packets can be shown."""

    def __init__(self, text: str, path: str = "nftables") -> None:
        """Read *text*. Raises InputError with the line that cannot be evaluated."""
        self._path = path
        self._chains = dict[tuple[str, str], Chains]()
        self._sets = dict[tuple[str, str], dict[str, Addresses]]()
        self._bases = list[_Base]()
        self._read(Reader(text, path))

    def decide(self, packet: Packet, hook: Hook = "forward") -> Verdict:
        """Return what becomes of *packet* at *hook*: every base chain there must let it pass."""
        passed = Verdict(passes=True, line=0, rule=f"no chain at {hook}")
        for base in sorted(self._bases, key=lambda each: each.priority):
            if base.hook != hook or not _of_family(base.family, packet):
                continue
            chains = self._chains[base.family, base.table]
            way = list[Rule]()
            found = walk(chains, base.chain, packet, way)
            if found is None:
                passes = base.policy == "accept"
                said = f"policy {base.policy} of chain {base.chain}"
                found = Verdict(passes, 0, said, way=words(way))
            if not found.passes:
                return found
            if found.line or not passed.line:
                passed = found
        return passed

    # -- the text --------------------------------------------------------------------------------

    def _read(self, reader: Reader) -> None:
        while (word := reader.next_word()) is not None:
            if word == "table":
                self._table(reader)
            elif word in ("delete", "destroy", "add") and reader.peek() == "table":
                reader.take()
                key = self._name(reader)
                if word != "add":
                    self._forget(key)
            elif word == "flush" and reader.peek() == "ruleset":
                reader.take()
                for key in list(self._chains):
                    self._forget(key)
            else:
                raise reader.error(f"`{word}` outside a table")

    def _name(self, reader: Reader) -> tuple[str, str]:
        family = reader.take() if reader.peek() in (*FAMILIES, "arp", "bridge", "netdev") else "ip"
        if family not in FAMILIES:
            raise reader.error(f"tables of the family {family}")
        return family, reader.take()

    def _forget(self, key: tuple[str, str]) -> None:
        self._chains.pop(key, None)
        self._sets.pop(key, None)
        self._bases = [base for base in self._bases if (base.family, base.table) != key]

    def _table(self, reader: Reader) -> None:
        key = self._name(reader)
        self._chains.setdefault(key, {})
        self._sets.setdefault(key, {})
        for word in reader.block():
            if word == "set":
                name = reader.take()
                self._sets[key][name] = self._elements(reader)
            elif word == "chain":
                self._chain(reader, key)
            elif word in ("counter", "quota", "limit"):
                reader.take()
                reader.skip_block()
            elif word in ("flags", "comment"):
                reader.skip_line()
            else:
                raise reader.error(f"`{word}` in a table")

    def _elements(self, reader: Reader) -> Addresses:
        texts = list[str]()
        for word in reader.block():
            if word == "elements":
                reader.expect("=")
                texts = reader.braced()
            elif word == "type" and not (reader.peek() or "").endswith("_addr"):
                raise reader.error(f"sets of {reader.peek()}")
            elif word in ("type", "flags", "auto-merge", "comment", "size", "policy"):
                reader.skip_line()
            else:
                raise reader.error(f"`{word}` in a set")
        try:
            return Addresses(texts)
        except ValueError as error:
            raise reader.error(str(error)) from error

    def _chain(self, reader: Reader, key: tuple[str, str]) -> None:
        name = reader.take()
        rules = self._chains[key].setdefault(name, [])
        for word in reader.block():
            if word == "type":
                self._bases.append(_base(reader, key, name))
            elif word == "policy":
                policy = reader.take()
                self._bases = [
                    base._replace(policy=policy) if base[:3] == (*key, name) else base
                    for base in self._bases
                ]
            elif word == "comment":
                reader.skip_line()
            else:
                reader.back()
                rules.append(_rule(reader, self._sets[key]))


def _base(reader: Reader, key: tuple[str, str], name: str) -> _Base:
    kind = reader.take()
    if kind != "filter":
        raise reader.error(f"chains of type {kind}")
    reader.expect("hook")
    hook = reader.take()
    reader.expect("priority")
    words = reader.rest_of_line(stop=";")
    text = "".join(words)
    found = re.match(r"([a-z]+)?([+-]?\d+)?$", text)
    if not found or (found[1] and found[1] not in PRIORITIES):
        raise reader.error(f"priority {text}")
    priority = PRIORITIES.get(found[1] or "", 0) + int(found[2] or 0)
    return _Base(*key, name, hook, priority, "accept", reader.line)


_VERDICTS: dict[str, Ends] = {
    "accept": "accept",
    "drop": "drop",
    "return": "return",
    "jump": "jump",
    "goto": "goto",
    "continue": "continue",
}


def _rule(reader: Reader, sets: dict[str, Addresses]) -> Rule:
    """Read one rule, to the end of its line."""
    reader.begin()
    tests, label, ends, target, line = list[Test](), "", "continue", "", 0
    while (word := reader.word_in_line()) is not None:
        line = line or reader.line
        if word in _VERDICTS:
            ends = word
            target = reader.take() if word in ("jump", "goto") else ""
        elif word == "reject":
            ends = "drop"
            reader.rest_of_line(until=("comment",))
        elif word == "comment":
            label = reader.take().strip('"')
        elif word in _SILENT:
            _SILENT[word](reader)
        else:
            tests.append(match(word, reader, sets))
    return Rule(tuple(tests), _VERDICTS[ends], target, line, reader.said(), label)


def _counter(reader: Reader) -> None:
    if reader.peek() == "name":
        reader.take()
        reader.take()
    elif reader.peek() == "packets":
        for _ in range(4):
            reader.take()


def _log(reader: Reader) -> None:
    while reader.peek() in ("prefix", "level", "flags", "group", "snaplen", "queue-threshold"):
        reader.take()
        reader.take()


def _limit(reader: Reader) -> None:
    reader.expect("rate")
    if reader.peek() == "over":
        raise reader.error("`limit rate over`")
    reader.take()
    if reader.peek() == "burst":
        for _ in range(3):
            reader.take()


_SILENT: dict[str, Callable[[Reader], None]] = {"counter": _counter, "log": _log, "limit": _limit}


def _of_family(family: str, packet: Packet) -> bool:
    return family == "inet" or (family == "ip") == (packet.source.version == 4)
