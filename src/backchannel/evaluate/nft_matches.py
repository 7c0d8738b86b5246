"""The words of an nftables rule that test a packet."""

from collections.abc import Callable, Mapping
from datetime import time

from backchannel.errors import InputError
from backchannel.evaluate.packet import Packet, Test, unknown
from backchannel.evaluate.values import Addresses, ports

ENDS = ("\n", ";")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PROTOCOLS = {"icmpv6": "ipv6-icmp", "6": "tcp", "17": "udp", "50": "esp", "51": "ah", "1": "icmp"}
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr")


class Reader:
    """The words of a text, one after the other, with their lines."""

    def __init__(self, tokens: list[tuple[str, int]], path: str) -> None:
        self._tokens, self._path = tokens, path
        self._at, self._begun = 0, 0

    @property
    def line(self) -> int:
        """The line of the word that was taken last."""
        return self._tokens[self._at - 1][1] if self._at else 1

    def error(self, what: str) -> InputError:
        """Return an error at the word that was taken last."""
        return unknown(self._path, self.line, what)

    def peek(self) -> str | None:
        """Return the next word without taking it."""
        return self._tokens[self._at][0] if self._at < len(self._tokens) else None

    def take(self) -> str:
        """Return the next word. Raises InputError at the end."""
        word = self.peek()
        if word is None:
            raise self.error("the text ends in the middle")
        self._at += 1
        return word

    def back(self) -> None:
        """Give the last word back."""
        self._at -= 1

    def next_word(self) -> str | None:
        """Return the next word, over ends of lines; None at the end of the text."""
        while (word := self.peek()) in ENDS:
            self._at += 1
        return None if word is None else self.take()

    def word_in_line(self) -> str | None:
        """Return the next word of this line; None at its end, or before a closing brace."""
        word = self.peek()
        return None if word is None or word in (*ENDS, "}") else self.take()

    def expect(self, wanted: str) -> None:
        """Take *wanted*, over ends of lines."""
        word = self.next_word()
        if word != wanted:
            raise self.error(f"`{word}` where `{wanted}` was expected")

    def begin(self) -> None:
        """Remember the place, for `said`."""
        self._begun = self._at

    def said(self) -> str:
        """Return what was read since `begin`."""
        words = [word for word, _ in self._tokens[self._begun : self._at] if word != "\n"]
        return " ".join(words).replace(" ,", ",")

    def rest_of_line(self, stop: str = "\n", until: tuple[str, ...] = ()) -> list[str]:
        """Take and return the words to the end of the line, or up to one of *until*."""
        words = []
        while (word := self.peek()) is not None and word not in (*ENDS, "}", stop, *until):
            words.append(self.take())
        return words

    def skip_line(self) -> None:
        """Pass over the rest of the line."""
        self.rest_of_line()

    def skip_block(self) -> None:
        """Pass over `{ ... }`."""
        self.expect("{")
        depth = 1
        while depth:
            depth += {"{": 1, "}": -1}.get(self.take(), 0)

    def braced(self) -> list[str]:
        """Return the items of `{ a, b }`, over ends of lines."""
        self.expect("{")
        items, item = list[str](), list[str]()
        while (word := self.take()) != "}":
            if word == ",":
                items.append("".join(item))
                item = []
            elif word == "{":
                raise self.error("a set in a set")
            elif word != "\n":
                item.append(word.strip('"'))
        items.append("".join(item))
        return [each for each in items if each]


Sets = Mapping[str, Addresses]


def match(word: str, reader: Reader, sets: Sets) -> Test:
    """Return the test that begins with *word*."""
    if word in ("iifname", "oifname", "iif", "oif"):
        return _interface(word, reader)
    if word in ("ip", "ip6"):
        return _network(word, reader, sets)
    if word in ("tcp", "udp", "th"):
        return _transport(word, reader)
    if word == "meta":
        return _meta(reader)
    if word == "ct":
        return _conntrack(reader)
    if word in ("icmp", "icmpv6"):
        return _icmp(word, reader)
    raise reader.error(f"`{word}` in a rule")


def _values(reader: Reader) -> tuple[bool, list[str]]:
    """Return whether the values are to be other ones, and the values."""
    word = reader.peek()
    other = word == "!="
    if word in ("!=", "=="):
        reader.take()
    if reader.peek() == "{":
        return other, reader.braced()
    values = [reader.take().strip('"')]
    while reader.peek() == ",":
        reader.take()
        values.append(reader.take().strip('"'))
    return other, values


def _interface(word: str, reader: Reader) -> Test:
    other, names = _values(reader)
    plain = {name for name in names if not name.endswith("*")}
    stems = tuple(name[:-1] for name in names if name.endswith("*"))
    coming = word.startswith("i")

    def test(packet: Packet) -> bool:
        name = packet.arrives if coming else packet.leaves
        return (name in plain or (bool(stems) and name.startswith(stems))) != other

    return test


def _network(family: str, reader: Reader, sets: Sets) -> Test:
    field = reader.take()
    version = 4 if family == "ip" else 6
    if field in ("protocol", "nexthdr"):
        inner = _protocol(reader)
        return lambda packet: packet.source.version == version and inner(packet)
    if field not in ("saddr", "daddr"):
        raise reader.error(f"`{family} {field}`")
    other, texts = _values(reader)
    addresses = _addresses(reader, sets, texts)

    def test(packet: Packet) -> bool:
        address = packet.source if field == "saddr" else packet.destination
        return address.version == version and (address in addresses) != other

    return test


def _addresses(reader: Reader, sets: Sets, texts: list[str]) -> Addresses:
    if texts[0].startswith("@"):
        if texts[0][1:] not in sets:
            raise reader.error(f"the set {texts[0]}, which is not there")
        return sets[texts[0][1:]]
    try:
        return Addresses(texts)
    except ValueError as error:
        raise reader.error(str(error)) from error


def _transport(carrier: str, reader: Reader) -> Test:
    field = reader.take()
    if field == "flags" and carrier == "tcp":
        return _flags(reader)
    if field not in ("sport", "dport"):
        raise reader.error(f"`{carrier} {field}`")
    if reader.peek() in (">=", "<=", ">", "<"):
        sign, number = reader.take(), int(reader.take())
        spans = [_COMPARED[sign](number)]
        other = False
    else:
        other, texts = _values(reader)
        try:
            spans = [ports(text) for text in texts]
        except ValueError as error:
            raise reader.error(str(error)) from error
    carriers = ("tcp", "udp") if carrier == "th" else (carrier,)

    def test(packet: Packet) -> bool:
        port = packet.source_port if field == "sport" else packet.destination_port
        return packet.carrier in carriers and any(port in span for span in spans) != other

    return test


_COMPARED: dict[str, Callable[[int], range]] = {
    ">=": lambda number: range(number, 65_536),
    "<=": lambda number: range(number + 1),
    ">": lambda number: range(number + 1, 65_536),
    "<": range,
}


def _flags(reader: Reader) -> Test:
    """Read `& (syn | ack) == syn`, or a list of flags of which one must be set."""
    if reader.peek() != "&":
        other, names = _values(reader)
        wanted = frozenset(part for name in names for part in name.split("|"))
        return lambda packet: packet.carrier == "tcp" and bool(packet.flags & wanted) != other
    reader.take()
    mask = _flag_set(reader)
    sign = reader.take()
    value = _flag_set(reader)
    if sign not in ("==", "!="):
        raise reader.error(f"`{sign}` between flags")
    return lambda packet: (
        packet.carrier == "tcp" and (packet.flags & mask == value) == (sign == "==")
    )


def _flag_set(reader: Reader) -> frozenset[str]:
    """Read `(syn | ack)`, `syn|ack` or `syn`."""
    words = [reader.take()]
    while words[0].startswith("(") and not words[-1].endswith(")"):
        words.append(reader.take())
    while reader.peek() == "|":
        words += [reader.take(), reader.take()]
    names = frozenset("".join(words).strip("()").replace(" ", "").split("|"))
    if not names <= {*FLAGS, "0x0"}:
        raise reader.error(f"flags {', '.join(sorted(names))}")
    return names - {"0x0"}


def _meta(reader: Reader) -> Test:
    field = reader.take()
    if field in ("iifname", "oifname"):
        return _interface(field, reader)
    if field == "l4proto":
        return _protocol(reader)
    if field == "nfproto":
        other, families = _values(reader)
        versions = {{"ipv4": 4, "ipv6": 6}.get(name) for name in families}
        return lambda packet: (packet.source.version in versions) != other
    if field == "day":
        other, days = _values(reader)
        numbers = {DAYS.index(day) for day in days if day in DAYS}
        return lambda packet: packet.at is None or (packet.at.weekday() in numbers) != other
    if field == "hour":
        return _hour(reader)
    raise reader.error(f"`meta {field}`")


def _protocol(reader: Reader) -> Test:
    other, names = _values(reader)
    wanted = {PROTOCOLS.get(name, name) for name in names}
    return lambda packet: (packet.carrier in wanted) != other


def _hour(reader: Reader) -> Test:
    other, texts = _values(reader)
    while (reader.peek() or "").startswith(("-", '"')):
        texts.append(reader.take().strip('"'))
    try:
        low, high = (time.fromisoformat(part) for part in "".join(texts).split("-"))
    except ValueError as error:
        raise reader.error(f"hours {' '.join(texts)}") from error

    def test(packet: Packet) -> bool:
        if packet.at is None:
            return True
        now = packet.at.time()
        within = low <= now <= high if low <= high else (now >= low or now <= high)
        return within != other

    return test


def _conntrack(reader: Reader) -> Test:
    field = reader.take()
    other, names = _values(reader)
    if field == "state":
        return lambda packet: (packet.state in names) != other
    if field == "direction" and names in (["reply"], ["original"]):
        wanted = (names == ["reply"]) != other
        return lambda packet: packet.reply == wanted
    raise reader.error(f"`ct {field} {' '.join(names)}`")


def _icmp(word: str, reader: Reader) -> Test:
    if reader.take() != "type":
        raise reader.error(f"`{word}` without `type`")
    other, kinds = _values(reader)
    carrier = "icmp" if word == "icmp" else "ipv6-icmp"
    return lambda packet: packet.carrier == carrier and (packet.icmp in kinds) != other
