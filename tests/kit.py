"""What every protocol's tests stand on: conversations from captures, and the laws.

A conversation is a list of (side, bytes or gap size) of one flow, read here by a small reader of
its own that shares nothing with the product's packet path, so that the two can be compared.

    flows(capture)                -> every TCP and UDP flow of a capture, with its conversation
    claimed(capture, recognise)   -> those that a protocol claims
    foreign(captures)             -> captures in which it must claim nothing
    decode(session, steps)        -> what a session tells about it
    recut(steps, size)            -> the same bytes in other segments
    check_golden(path, told)      -> compares with a golden file; UPDATE_GOLDEN=1 rewrites it
    check_segmentation / check_garbage / check_gaps -> the laws, for any session class
"""

import gc
import os
import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from difflib import unified_diff
from functools import cache, reduce
from ipaddress import ip_address
from operator import or_
from pathlib import Path
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

import msgspec

from backchannel.detect.kinds import event_types
from backchannel.effects import Effect, FileData, Inner, Spoken
from backchannel.events import Event
from backchannel.model import Claim, Endpoint, More, Side
from backchannel.protocols import Output, Peek, Session, Start

CORPUS = Path(os.environ.get("BACKCHANNEL_CORPUS", Path(__file__).parents[2] / "shared/captures"))
"""Captures with ground truth that are not part of the repository; tests skip without them."""

EXAMPLES = Path(__file__).parents[1] / "examples"
"""Captures of our own."""
NEGATIVES = CORPUS / "public/negatives"
"""Captures of protocols that we do not decode."""

Step = tuple[Side, bytes | int]
Recogniser = Callable[[Peek], Claim | More | None]


class Flow(msgspec.Struct):
    """One flow of a capture."""

    start: Start
    steps: list[Step]

    def __str__(self) -> str:
        return f"{self.start.transport} {self.start.client} > {self.start.server}"


def packets(path: Path) -> Iterator[bytes]:
    """Yield the IP packets of a classic pcap or pcapng file with Ethernet or raw IP frames."""
    data = path.read_bytes()
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        yield from _pcapng(data)
        return
    order = "<" if data[0] in (0xD4, 0x4D) else ">"
    link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        frame = data[at + 16 : at + 16 + size]
        at += 16 + size
        if packet := _network(link, frame):
            yield packet


def _pcapng(data: bytes) -> Iterator[bytes]:
    at, order, links = 0, "<", list[int]()
    while at + 12 <= len(data):
        if data[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8] == 0x4D else ">"
            links = []
        kind, size = struct.unpack_from(order + "II", data, at)
        if size < 12:
            return
        if kind == 1:
            links.append(struct.unpack_from(order + "H", data, at + 8)[0])
        elif kind == 6:
            which, _, _, held = struct.unpack_from(order + "IIII", data, at + 8)
            frame = data[at + 28 : at + 28 + held]
            if packet := _network(links[which], frame):
                yield packet
        at += size


def _network(link: int, frame: bytes) -> bytes:
    if link in (12, 101, 228, 229):
        return frame
    if link in (0, 108):  # BSD loopback: an address family of four bytes
        return frame[4:]
    if link == 113:
        return frame[16:]
    if link == 276:
        return frame[20:]
    if link != 1:
        return b""
    at = 12
    while frame[at : at + 2] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    return frame[at + 2 :] if frame[at : at + 2] in (b"\x08\x00", b"\x86\xdd") else b""


def split(packet: bytes) -> tuple[int, str, str, bytes] | None:
    """Return (protocol, source, destination, payload); None for what this reader leaves out."""
    if len(packet) >= 20 and packet[0] >> 4 == 4 and not int.from_bytes(packet[6:8]) & 0x3FFF:
        size, total = (packet[0] & 15) * 4, int.from_bytes(packet[2:4])
        source, target = ip_address(packet[12:16]), ip_address(packet[16:20])
        return packet[9], str(source), str(target), packet[size : total or None]
    if len(packet) >= 40 and packet[0] >> 4 == 6 and packet[6] in (6, 17, 50, 51):
        end = 40 + int.from_bytes(packet[4:6])
        source, target = ip_address(packet[8:24]), ip_address(packet[24:40])
        return packet[6], str(source), str(target), packet[40:end]
    return None


class _Tcp:
    """Puts both sides of one TCP flow in order; what never came is a gap at the end."""

    def __init__(self) -> None:
        self.next: list[int | None] = [None, None]
        self.held: list[dict[int, bytes]] = [{}, {}]
        self.steps: list[Step] = []

    def add(self, side: Side, sequence: int, flags: int, data: bytes) -> None:
        if flags & 2:
            self.next[side] = (sequence + 1) & 0xFFFFFFFF
            return
        if self.next[side] is None:
            self.next[side] = sequence
        if data:
            self.held[side].setdefault(sequence, data)
        self._drain(side)

    def _drain(self, side: Side) -> None:
        held = self.held[side]
        while held:
            want = self.next[side] or 0
            for sequence in sorted(held, key=lambda s: (s - want + 2**31) & 0xFFFFFFFF):
                skip = (want - sequence) & 0xFFFFFFFF
                if skip < 2**31:
                    data = held.pop(sequence)[skip:]
                    if data:
                        self.steps.append((side, data))
                        self.next[side] = (want + len(data)) & 0xFFFFFFFF
                    break
            else:
                return

    def finish(self) -> list[Step]:
        """Deliver what is behind holes, each hole as a gap of its size."""
        for side in Side:
            while held := self.held[side]:
                want = self.next[side] or 0
                first = min(held, key=lambda s: (s - want) & 0xFFFFFFFF)
                self.steps.append((side, (first - want) & 0xFFFFFFFF))
                self.next[side] = first
                self._drain(side)
        return self.steps


def flows(path: Path) -> list[Flow]:
    """Return every TCP, UDP, ESP and AH flow of a capture in order of its first packet."""
    found: dict[Any, tuple[Start, _Tcp | list[Step]]] = {}
    for packet in packets(path):
        if (parts := split(packet)) is None:
            continue
        protocol, source, target, data = parts
        ports = protocol in (6, 17)
        if len(data) < {6: 20, 17: 8, 50: 8, 51: 8}.get(protocol, 1 << 16):
            continue
        a = Endpoint(source, int.from_bytes(data[:2]) if ports else 0)
        b = Endpoint(target, int.from_bytes(data[2:4]) if ports else 0)
        key = (protocol, *sorted(((a.address, a.port), (b.address, b.port))))
        flags = data[13] if protocol == 6 else 0
        if key not in found or (flags & 0x12) == 2:
            generation = sum(1 for k in found if k[:3] == key)
            if key in found:
                found[(*key, generation)] = found.pop(key)
            if flags & 0x12 == 0x12:
                a, b = b, a
            kind = {6: "tcp", 17: "udp"}.get(protocol, "ip")
            start = Start(kind, a, b, begun=protocol != 6 or bool(flags & 2))  # type: ignore[arg-type]
            found[key] = start, _Tcp() if protocol == 6 else []
            if flags & 0x12 == 0x12:
                a, b = b, a
        start, held = found[key]
        side = (
            Side.CLIENT
            if (a.address, a.port) == (start.client.address, start.client.port)
            else Side.SERVER
        )
        if isinstance(held, _Tcp):
            held.add(side, int.from_bytes(data[4:8]), flags, data[(data[12] >> 4) * 4 :])
        else:
            held.append((side, data[8:] if ports else data))
    return [
        Flow(start, held.finish() if isinstance(held, _Tcp) else held)
        for start, held in found.values()
    ]


def peek(flow: Flow, limit: int = 4096) -> Peek:
    """Return what a recogniser would see of *flow* (for UDP: each side's first datagram)."""
    first = {Side.CLIENT: b"", Side.SERVER: b""}
    for side, data in flow.steps:
        if isinstance(data, bytes) and (flow.start.transport == "tcp" or not first[side]):
            first[side] = (first[side] + data)[:limit]
    return Peek(
        flow.start.transport, first[Side.CLIENT], first[Side.SERVER], flow.start.begun, flow.start
    )


def claimed(capture: Path, recognise: Recogniser) -> list[Flow]:
    """Return the flows of a capture that *recognise* claims."""
    return [flow for flow in flows(capture) if isinstance(recognise(peek(flow)), Claim)]


def foreign(*mine: Path) -> list[Path]:
    """Return the captures of other protocols: the examples but *mine*, and NEGATIVES if there."""
    names = {path.name for path in mine}
    others = sorted(path for path in EXAMPLES.glob("*/*.pcap") if path.name not in names)
    return others + sorted(NEGATIVES.rglob("*.pcap*"))


def decode(
    session: Session, steps: Sequence[Step], *, ends: bool = True
) -> list[tuple[Side, Output]]:
    """Feed *steps* to *session* and return what it told, each with the side it was told for."""
    told: list[tuple[Side, Output]] = []
    for side, data in steps:
        outputs = session.feed(side, data) if isinstance(data, bytes) else session.gap(side, data)
        told += spoken(side, outputs)
    if ends:
        for side in Side:
            told += spoken(side, session.end(side))
    return told


@cache
def _decoder() -> msgspec.msgpack.Decoder[Any]:
    event: Any = reduce(or_, event_types())
    return msgspec.msgpack.Decoder(event)


def check_sayable(event: Event) -> None:
    """Law 3: a watch's parsing process can tell every event, and the watching one believes it."""
    assert _decoder().decode(msgspec.msgpack.encode(event)) == event


def spoken(side: Side, outputs: Sequence[Output]) -> list[tuple[Side, Output]]:
    """Return outputs with the side that each is told of."""
    told: list[tuple[Side, Output]] = []
    for output in outputs:
        if isinstance(output, Event):
            check_sayable(output)
        if isinstance(output, Spoken):
            side = output.side
        else:
            told.append((side, output))
    return told


def events(told: Sequence[tuple[Side, Output]], kind: type[Event] | None = None) -> list[Any]:
    """Return only the events, or only those of one kind."""
    return [value for _, value in told if isinstance(value, kind or Event)]


def effects(told: Sequence[tuple[Side, Output]], kind: type[Effect] | None = None) -> list[Any]:
    """Return only the effects, or only those of one kind."""
    return [value for _, value in told if isinstance(value, kind or Effect)]


def recut(steps: Sequence[Step], size: int) -> list[Step]:
    """The same bytes, each run of one side glued together and cut into pieces of *size*."""
    glued: list[Step] = []
    for side, data in steps:
        last = glued[-1] if glued else None
        if isinstance(data, bytes) and last and last[0] is side and isinstance(last[1], bytes):
            glued[-1] = side, last[1] + data
        else:
            glued.append((side, data))
    cut: list[Step] = []
    for side, data in glued:
        if isinstance(data, bytes):
            cut += [(side, data[at : at + size]) for at in range(0, len(data), size)]
        else:
            cut.append((side, data))
    return cut


def joined(told: Sequence[tuple[Side, Output]]) -> list[tuple[Side, Output]]:
    """Glue neighbouring pieces of inner streams and files, whose cuts follow the segments."""
    out: list[tuple[Side, Output]] = []
    for side, value in told:
        last = out[-1][1] if out else None
        if last is not None and _continues(last, value):
            grown = msgspec.structs.replace(last, data=last.data + value.data)  # type: ignore[union-attr,type-var]
            out[-1] = side, grown
        else:
            out.append((side, value))
    return out


def _continues(last: Output, value: Output) -> bool:
    if isinstance(last, Inner) and isinstance(value, Inner):
        return (last.side, last.channel, last.shared) == (value.side, value.channel, value.shared)
    if isinstance(last, FileData) and isinstance(value, FileData):
        follows = last.offset + len(last.data) == value.offset
        return follows and (last.key, last.shared) == (value.key, value.shared)
    return False


def check_segmentation(make: Callable[[], Session], steps: Sequence[Step], size: int) -> None:
    """Law 1: however TCP cuts the stream, the story is the same."""
    assert joined(decode(make(), recut(steps, size))) == joined(
        decode(make(), recut(steps, 1 << 20))
    )


def check_garbage(
    make: Callable[[], Session], chunks: Sequence[Step], bound: int = 1 << 20
) -> None:
    """Law 2: any bytes give outputs, never an exception, and memory stays under *bound*."""
    session = make()
    for output in (value for _, value in decode(session, chunks)):
        assert isinstance(output, Event | Effect)
    assert footprint(session) <= bound


def footprint(root: object, limit: int = 200_000) -> int:
    """Return the bytes of text and buffers that *root* holds on to, followed through attributes.

    Of compiled classes those count that are public, or that the collector follows: all but private
    ones that are typed as text or bytes. Raises ValueError where there are more than *limit*.
    """
    seen: set[int] = set()
    todo, total = [root], 0
    while todo and len(seen) < limit:
        value = todo.pop()
        if id(value) in seen or isinstance(value, type):
            continue
        seen.add(id(value))
        if isinstance(value, bytes | bytearray | str):
            total += len(value)
        elif isinstance(value, dict):
            todo += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set | frozenset | deque):
            todo += list(value)
        elif type(value).__module__.startswith("backchannel"):
            todo += _held(value)
    if todo:
        raise ValueError(f"more than {limit} objects")
    return total


def _held(value: object) -> Iterator[object]:
    for cls in type(value).__mro__:
        for name, what in vars(cls).items():
            if isinstance(what, MemberDescriptorType | GetSetDescriptorType):
                yield getattr(value, name, None)
    yield from gc.get_referents(value)


def lines(told: Sequence[tuple[Side, Output]]) -> str:
    """Return what was told as JSON lines: side, kind, fields. File and inner bytes as sizes."""
    rows = []
    for side, value in joined(told):
        assert not isinstance(value, type), "an event told by its class, though all are read"
        row = {"side": side.name.lower(), "told": type(value).__name__}
        for name, field in msgspec.structs.asdict(value).items():
            row[name] = f"<{len(field)} bytes>" if isinstance(field, bytes) else field
        rows.append(msgspec.json.encode(row, order="deterministic").decode())
    return "\n".join(rows) + "\n"


def check_golden(path: Path, told: Sequence[tuple[Side, Output]]) -> None:
    """Compare with the golden file; with UPDATE_GOLDEN=1 rewrite it and show the difference."""
    new = lines(told)
    old = path.read_text() if path.exists() else ""
    if os.environ.get("UPDATE_GOLDEN"):
        print("".join(unified_diff(old.splitlines(True), new.splitlines(True), "old", "new")))
        path.write_text(new)
    else:
        assert new == old, f"{path} differs; look at it with UPDATE_GOLDEN=1"
