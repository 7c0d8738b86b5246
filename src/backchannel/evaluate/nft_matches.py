"""The words of an nftables rule that test a packet."""

from collections.abc import Callable, Mapping
from datetime import time

from backchannel.evaluate.nft_words import Reader
from backchannel.evaluate.packet import Packet, Test
from backchannel.evaluate.values import Addresses, ports

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PROTOCOLS = {"icmpv6": "ipv6-icmp", "6": "tcp", "17": "udp", "50": "esp", "51": "ah", "1": "icmp"}
FLAGS = ("fin", "syn", "rst", "psh", "ack", "urg", "ecn", "cwr")


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
        values = reader.braced()
        if not values:
            raise reader.error("a set of nothing")
        return other, values
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
        address = packet.address(field == "saddr")
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
        sign, number = reader.take(), reader.take()
        if not number.isdecimal():
            raise reader.error(f"`{sign} {number}`")
        other, spans = False, [_COMPARED[sign](int(number))]
    else:
        other, texts = _values(reader)
        try:
            spans = [ports(text) for text in texts]
        except ValueError as error:
            raise reader.error(str(error)) from error
    carriers = ("tcp", "udp") if carrier == "th" else (carrier,)

    def test(packet: Packet) -> bool:
        port = packet.port(field == "sport")
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
