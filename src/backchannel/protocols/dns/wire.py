"""DNS messages. Bytes in, values out.

    message    id u16 | flags u16 | four counts u16 | questions | answers | ...     RFC 1035 §4
    question   name | type u16 | class u16
    record     name | type u16 | class u16 | ttl u32 | length u16 | data
    name       (length u8 | label)* 00, or the rest of an earlier one: 11 + offset of 14 bits

Big-endian. A pointer leads strictly backwards, and a name has at most 255 bytes, so that every name
ends. Only questions and answers are read, of these RECORDS at most. Nothing is remembered.
"""

from ipaddress import IPv6Address

from backchannel.reader import Reader, WireError

A, CNAME, AAAA, SVCB, HTTPS, ANY = 1, 5, 28, 64, 65, 255
INTERNET = 1
RECORDS = 512
QUESTIONS = 64
"""mDNS asks several at once."""
_RESPONSE, _OPCODE, _REPLY_CODE = 0x8000, 0x7800, 0x000F
_FLUSH = 0x8000
"""mDNS's mark in a class: unique record, or answer wanted directly (RFC 6762 §10.2, §5.4)."""
_NAME, _POINTERS = 255, 16
_DOT = 0x2E
_ALPN, _PORT, _IPV4_HINT, _ECH, _IPV6_HINT = 1, 3, 4, 5, 6


class Record:
    """One answer of a kind we read."""

    __slots__ = ("alpn", "ech", "hints", "kind", "name", "port", "value")

    def __init__(self, name: str, kind: int, value: str) -> None:
        """*value*: an address, or the name that an alias or a service stands for."""
        self.name, self.kind, self.value = name, kind, value
        self.hints: tuple[str, ...] = ()
        self.alpn: tuple[str, ...] = ()
        self.port, self.ech = 0, False


class Message:
    """One message, as far as it is read."""

    __slots__ = ("answers", "asked", "code", "response")

    def __init__(self, flags: int, asked: list[str], answers: list[Record]) -> None:
        """*asked*: the names in its questions."""
        self.response = bool(flags & _RESPONSE)
        self.code = flags & _REPLY_CODE
        """0: no error; 3: no such name."""
        self.asked, self.answers = asked, answers


def read_message(data: bytes) -> Message:
    """Return the message that *data* is. Raises WireError if it is not one."""
    reader = Reader(data)
    reader.skip(2)
    flags, questions, answers = reader.u16(), reader.u16(), reader.u16()
    reader.skip(2)
    reader.skip(2)
    if flags & _OPCODE or questions > QUESTIONS:
        raise WireError("not a DNS query or its answer")
    names: dict[int, str] = {}
    asked = [_question(data, reader, names) for _ in range(questions)]
    if not questions and not answers:
        raise WireError("DNS message that says nothing")
    found: list[Record] = []
    for _ in range(min(answers, RECORDS)):
        record = _record(data, reader, names)
        if record is not None:
            found.append(record)
    return Message(flags, asked, found)


def _question(data: bytes, reader: Reader, names: dict[int, str]) -> str:
    name = read_name(data, reader, names)
    kind, group = reader.u16(), reader.u16()
    if group & ~_FLUSH not in (INTERNET, ANY) or not kind:
        raise WireError(f"DNS question of type {kind} and class {group}")
    return name


def read_name(data: bytes, reader: Reader, names: dict[int, str]) -> str:
    """Return the name at *reader*, in lower case and without its last dot.

    *names* holds what was read at an offset before, so that pointers cost nothing twice.
    """
    labels: list[bytes] = []
    tail = ""
    start, lowest, size = reader.offset, reader.offset, 0
    jumps: list[tuple[int, int]] = []
    while length := reader.u8():
        if length >= 0xC0:
            target = (length & 0x3F) << 8 | reader.u8()
            if target >= lowest or len(jumps) >= _POINTERS:
                raise WireError("DNS name points forward, or too often")
            known = names.get(target)
            if known is not None:
                tail = known
                size += len(tail) + 1
                break
            jumps.append((target, len(labels)))
            lowest = target
            reader = Reader(data, target)
            continue
        if length > 63:
            raise WireError(f"DNS label of {length} bytes")
        labels.append(_label(reader.take(length)))
        size += length + 1
        if size > _NAME:
            break
    if size > _NAME:
        raise WireError("DNS name too long")
    for target, first in jumps:
        names[target] = _text(labels[first:], tail)
    name = names[start] = _text(labels, tail)
    return name


def _label(raw: bytes) -> bytes:
    """A dot inside a label is data, and must not look like the border of two."""
    return raw.replace(b".", b"\\.") if _DOT in raw else raw


def _text(labels: list[bytes], tail: str) -> str:
    """Return *labels*, and behind them a name that was read before, as one name."""
    name = b".".join(labels).decode("latin-1").lower()
    return f"{name}.{tail}" if name and tail else name or tail


def _record(data: bytes, reader: Reader, names: dict[int, str]) -> Record | None:
    name = read_name(data, reader, names)
    kind, group = reader.u16(), reader.u16()
    reader.skip(4)
    size = reader.u16()
    body = reader.sub(size)
    if group & ~_FLUSH != INTERNET:
        return None
    if kind == A and size == 4:
        return Record(name, kind, body.ipv4())
    if kind == AAAA and size == 16:
        return Record(name, kind, str(IPv6Address(body.take(16))))
    if kind == CNAME:
        return Record(name, kind, read_name(data, body, names))
    if kind in (SVCB, HTTPS):
        return _service(name, kind, data, body, names)
    return None


def _service(name: str, kind: int, data: bytes, body: Reader, names: dict[int, str]) -> Record:
    """RFC 9460 §2.2: priority, target (`.`: the name itself), parameters."""
    body.skip(2)
    target = read_name(data, body, names)
    found: dict[int, Reader] = {}
    while body:
        key = body.u16()
        found.setdefault(key, body.sub(body.u16()))
    hints = []
    if v4 := found.get(_IPV4_HINT):
        hints += [v4.ipv4() for _ in range(min(8, len(v4) // 4))]
    if v6 := found.get(_IPV6_HINT):
        hints += [str(IPv6Address(v6.take(16))) for _ in range(min(8, len(v6) // 16))]
    alpn = []
    while offered := found.get(_ALPN):
        alpn.append(offered.take(offered.u8()).decode("latin-1"))
    record = Record(name, kind, target or name)
    record.port = found[_PORT].u16() if _PORT in found else 0
    record.hints, record.alpn, record.ech = tuple(hints), tuple(alpn), _ECH in found
    return record
