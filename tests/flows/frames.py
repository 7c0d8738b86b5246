"""Frames made by hand, and cores to give them to.

frames  a list of (seconds, bytes); `pcap` makes a capture of them
play    gives a capture to one of the two cores, and says what it told
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from types import ModuleType
from typing import Any

import msgspec

from backchannel.capture import records, records_py
from backchannel.contract import Magic
from backchannel.flows import core, core_py
from backchannel.flows.delivery import CLOSED, DATA, Delivery
from backchannel.flows.row import FlowRow
from backchannel.flows.settings import FlowSettings

CORES: dict[str, tuple[ModuleType, ModuleType]] = {
    "compiled": (core, records),
    "twin": (core_py, records_py),
}
EVERYTHING = [(0, Magic("tcp")), (1, Magic("udp")), (2, Magic("ip"))]
"""Magics that make every flow wanted."""
A, B = "10.0.0.1", "10.0.0.2"
DEFAULTS = FlowSettings()
SYN, ACK, FIN, RST = 2, 16, 1, 4
START = 1_700_000_000

Frame = tuple[float, bytes]


# -- bytes -----------------------------------------------------------------------------------------


def pcap(frames: Iterable[Frame], link: int = 1, snap: int = 1 << 18) -> bytes:
    """Return a nanosecond capture of *frames*, cut to *snap* bytes each."""
    out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snap, link)]
    for time, frame in frames:
        nanoseconds = round(time * 1e9)
        seconds, rest = START + nanoseconds // 10**9, nanoseconds % 10**9
        kept = frame[:snap]
        out += [struct.pack("<IIII", seconds, rest, len(kept), len(frame)), kept]
    return b"".join(out)


def ethernet(packet: bytes, tags: bytes = b"") -> bytes:
    """Return an Ethernet frame; *tags* stand between the addresses and the type."""
    kind = b"\x08\x00" if packet[0] >> 4 == 4 else b"\x86\xdd"
    return bytes(12) + tags + kind + packet


def vlan(number: int, kind: int = 0x8100) -> bytes:
    """Return an 802.1Q tag with its type before it, to stand before the next type."""
    return struct.pack(">HH", kind, number)


def ip(
    source: str, target: str, protocol: int, body: bytes, *, name: int = 1, place: int = 0
) -> bytes:
    """Return an IPv4 or IPv6 packet; *name* and *place* are IPv4's id, and flags and
    fragment offset.
    """
    a, b = ip_address(source).packed, ip_address(target).packed
    if len(a) == 4:
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), name, place, 64, protocol, 0)
        return head + a + b + body
    return struct.pack(">IHBB", 6 << 28, len(body), protocol, 64) + a + b + body


def tcp(ports: tuple[int, int], seq: int, ack: int, flags: int, data: bytes = b"") -> bytes:
    """Return a TCP segment."""
    low = seq & 0xFFFFFFFF, ack & 0xFFFFFFFF
    return struct.pack(">HHIIBBHHH", *ports, *low, 0x50, flags, 1024, 0, 0) + data


def udp(ports: tuple[int, int], data: bytes) -> bytes:
    """Return a UDP datagram."""
    return struct.pack(">HHHH", *ports, 8 + len(data), 0) + data


class Talk:
    """A TCP conversation, segment by segment. Sequence numbers count from the first byte."""

    def __init__(
        self,
        ports: tuple[int, int] = (40_000, 80),
        start: tuple[int, int] = (1000, 5000),
        ends: tuple[str, str] = (A, B),
    ) -> None:
        self.ports, self.start, self.ends = ports, start, ends
        self.frames: list[Frame] = []
        self.time = 0.0
        self.reach = [0, 0]

    def open(self) -> "Talk":
        """SYN, SYN-ACK, ACK."""
        return self.send(0, b"", at=-1, flags=SYN).send(1, b"", at=-1, flags=SYN | ACK).send(0, b"")

    def send(
        self,
        side: int,
        data: bytes,
        *,
        at: int | None = None,
        flags: int = ACK,
        ack: int | None = None,
        wait: float = 0.001,
    ) -> "Talk":
        """One segment of *side*; *at*: where its data stand in the stream, by default next."""
        self.time += wait
        at = self.reach[side] if at is None else at
        ack = self.reach[1 - side] if ack is None else ack
        number = self.start[1 - side] + ack if flags & ACK else 0
        ports = self.ports if side == 0 else self.ports[::-1]
        ends = self.ends if side == 0 else self.ends[::-1]
        segment = tcp(ports, self.start[side] + at, number, flags, data)
        self.frames.append((self.time, ethernet(ip(*ends, 6, segment))))
        self.reach[side] = max(self.reach[side], at + len(data) + bool(flags & FIN))
        return self


# -- running ---------------------------------------------------------------------------------------


class Told(msgspec.Struct):
    """What a core told of a capture."""

    batches: list[list[Delivery]]
    serials: list[int]
    """Of the flows of all deliveries."""
    rows: list[FlowRow]
    """Of the wanted flows that ended, in the order in which they ended."""
    counters: dict[str, int]
    totals: dict[str, int]
    columns: dict[str, Any]

    @property
    def deliveries(self) -> list[Delivery]:
        return [delivery for batch in self.batches for delivery in batch]

    def story(self) -> list[tuple[int, int, bytes | int]]:
        """Return (side, kind, what) of all deliveries, for captures with one flow."""
        return [(side, kind, what) for _, side, kind, _, _, what in self.deliveries]

    def bytes_of(self, side: int) -> bytes:
        """Return all bytes delivered of one side."""
        return b"".join(what for at, kind, what in self.story() if at == side and kind == DATA)


Act = Callable[[Any, list[Delivery]], None]


def play(
    which: str,
    capture: bytes,
    magics: Sequence[tuple[int, Magic]] = EVERYTHING,
    settings: FlowSettings = DEFAULTS,
    *,
    act: Act = lambda _core, _batch: None,
    step: int = 1 << 20,
    **options: Any,
) -> Told:
    """Give *capture* to a core in chunks of *step* bytes; *act* is called for each batch."""
    cores, framing = CORES[which]
    made = cores.FlowCore(magics, settings, collect=True, **options)
    told = Told([], [], [], {}, {}, {})
    reader = framing.Records(capture[:24])
    held = b""
    for at in range(0, len(capture), step):
        held += capture[at : at + step]
        before = reader.offset
        chunk = reader.cut(memoryview(held), len(held))
        made.feed(chunk)
        _drain(made, told, act)
        held = held[reader.offset - before :]
    made.finish()
    _drain(made, told, act)
    told.counters, told.totals, told.columns = (
        made.counters(),
        made.totals(),
        {name: list(column) for name, column in made.columns().items()},
    )
    return told


def _drain(made: Any, told: Told, act: Act) -> None:
    while batch := made.take():
        told.batches.append(batch)
        for slot, *_ in batch:
            told.serials.append(made.row(slot).serial)
            _agrees(made, slot)
        told.rows += [made.row(slot) for slot, _, kind, _, _, _ in batch if kind == CLOSED]
        act(made, batch)


def _agrees(made: Any, slot: int) -> None:
    """Hold what a core says of a flow in part against its row."""
    row, info = made.row(slot), made.info(slot)
    assert (info.serial, info.transport, info.client, info.server, info.number) == (
        row.serial,
        row.transport,
        row.client,
        row.server,
        row.protocol,
    )
    assert (info.vlans, info.tunnel, info.begun, info.types) == (
        row.vlans,
        row.tunnel,
        row.begun,
        row.types,
    )
    assert made.whole(slot) is (row.begun and row.missed == (0, 0))
    assert made.hits(slot) == row.hits
    figures = sum(row.packets), sum(row.bytes), row.first_time, row.last_time
    assert made.figures(slot) == figures


def both(capture: bytes, *args: Any, **options: Any) -> Told:
    """Give *capture* to both cores, demand the same answer, and return it."""
    told = play("compiled", capture, *args, **options)
    assert play("twin", capture, *args, **options) == told
    return told
