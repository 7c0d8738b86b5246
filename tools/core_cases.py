"""Cases for `fuzz_core`: frames, conversations, fragments and files that no honest program makes.

usage: core_cases.py SECONDS CASES FIRST FILE     (FILE is told the number of the case in hand)

Every packet lies in a buffer of just its size, so that a sanitizer notices one byte read too many.
Each case also goes through the plain Python twin, which must tell the same.
"""

import ctypes
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from backchannel.capture import records, records_py
from backchannel.contract import Length, Magic, Spread
from backchannel.flows import core, core_py
from backchannel.flows.settings import FlowSettings

ODD = (0, 1, 4, 6, 8, 0x0F, 0x11, 0x29, 0x2C, 0x2F, 0x3C, 0x45, 0x60, 0x64, 0x81, 0x86, 0x88, 0xAA)
LINKS = (0, 1, 1, 1, 9, 12, 50, 51, 101, 104, 105, 108, 113, 127, 147, 192, 228, 276)
ENDS = b"\x0a\0\0\1", b"\x0a\0\0\2"
Frames = list[tuple[int, bytes]]
"""(microseconds, bytes)"""


def ip4(protocol: int, body: bytes, *, back: bool = False, name: int = 1, at: int = 0) -> bytes:
    """Return an IPv4 packet between two fixed hosts, the other way round where *back*."""
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), name, at, 64, protocol, 0)
    return head + ENDS[back] + ENDS[not back] + body


def ip6(protocol: int, body: bytes) -> bytes:
    """Return an IPv6 packet between two fixed hosts."""
    return struct.pack(">IHBB", 6 << 28, len(body), protocol, 9) + ENDS[0] * 4 + ENDS[1] * 4 + body


def udp(source: int, target: int, data: bytes) -> bytes:
    """Return a UDP datagram."""
    return struct.pack(">HHHH", source, target, 8 + len(data), 0) + data


PAYLOADS = (
    b"\x16\3\1\0\x50\1\0\0\x4c\3\3" + bytes(33) + b"\0\2\x13\1\1\0\0\x20\0\0\0\x13\0\x11\0\0\x0e",
    b"\0\1\1\0\0\1\0\1\0\0\0\0\5oscar\3aol\3com\0\0\1\0\1\xc0\x0c\0\1\0\1\0\0\0\1\0\4abcd",
    b"GET / HTTP/1.1\r\nHost: login.oscar.aol.com\r\nX-Gnutella: 1\r\n\r\n",
    b"\x2a\1\0\1\0\4\0\0\0\1",
)
ERSPAN = b"\x20\0\0\7" + bytes(6) + b"\x08\1"
TUNNELS = (
    lambda inner: ip4(4, inner),
    lambda inner: ip6(41, inner),
    lambda inner: ip4(47, b"\x30\0\x08\0" + bytes(8) + inner),
    lambda inner: ip4(47, b"\0\0\x65\x58" + bytes(12) + b"\x08\0" + inner),
    lambda inner: ip4(17, udp(9, 4789, b"\x08" + bytes(19) + b"\x08\0" + inner)),
    lambda inner: ip4(17, udp(9, 6081, b"\1\0\x08\0" + bytes(8) + inner)),
    lambda inner: ip4(17, udp(9, 2152, b"\x34\xff" + bytes(9) + b"\x85\1\0\0\0" + inner)),
    lambda inner: ip4(17, udp(9, 1701, b"\x48\2" + bytes(10) + b"\xff\3\0\x21" + inner)),
    lambda inner: ip4(47, b"\x10\0\x22\xeb" + bytes(4) + ERSPAN + bytes(20) + b"\x08\0" + inner),
    lambda inner: ip4(47, b"\x30\x81\x88\x0b" + bytes(12) + b"\x21" + inner),
    lambda inner: ip4(47, b"\0\0\x88\x3e" + bytes(4) + inner),
    lambda inner: ip6(0, b"\x3c\0" + bytes(6) + b"\4\0" + bytes(6) + inner),
    lambda inner: ip6(44, b"\x11\0\0\0\0\0\0\1" + udp(1, 2, inner)),
)


def layers(random: Random) -> bytes:
    """Return an IP packet inside a few tunnels, with payloads that look like something."""
    payload = random.choice((*PAYLOADS, random.randbytes(random.randrange(60))))
    packet = random.choice(
        [
            ip4(17, udp(random.randrange(9), 53, payload)),
            ip4(
                6,
                struct.pack(">HHIIBBHHH", 1, random.randrange(9), 1, 1, 0x50, 16, 9, 0, 0)
                + payload,
            ),
            ip4(random.choice([1, 33, 50, 132]), payload),
            ip6(58, payload),
        ]
    )
    for _ in range(random.choice([0, 0, 1, 3])):
        packet = random.choice(TUNNELS)(packet)
    return packet


def link_layer(random: Random, link: int, packet: bytes) -> bytes:
    """Return *packet* as a frame of link type *link*, with tags at times."""
    tags = b"".join(
        random.choice([b"\x81\0\0\7", b"\x88\xa8\0\1"]) for _ in range(random.choice([0, 0, 1, 2]))
    )
    wifi = b"\x88\1" + bytes(22) + b"\0\0\xaa\xaa\3\0\0\0\x08\0"
    heads = {
        0: b"\2\0\0\0",
        1: bytes(12)
        + tags
        + random.choice([b"\x08\0", b"\x08\0", b"\x86\xdd", b"\x88\x47\0\0\1\1"]),
        9: b"\xff\3\0\x21",
        50: b"\x0f\0\x08\0",
        51: b"\x11\0\0\1\0\x20\0\x21",
        104: b"\x0f\0\x08\0",
        105: wifi,
        108: b"\0\0\0\2",
        113: bytes(14) + b"\x08\0",
        127: b"\0\0\x09\0\2\0\0\0\0" + wifi,
        239: b"\2\0\0\5" + (4 + len(packet) & 0xFFFF).to_bytes(2, "little") + b"\x09\0",
        192: b"\0\0\x08\0\x69\0\0\0" + wifi,
        276: b"\x08\0" + bytes(18),
    }
    return heads.get(link, b"") + packet


def bend(random: Random, data: bytes) -> bytes:
    """Return *data* with some bytes changed, and cut at times, more often within the headers."""
    out = bytearray(data)
    for _ in range(random.choice([0, 0, 1, 2, 6])):
        if out:
            at = random.randrange(min(len(out), 100))
            near = (out[at] + random.choice([-4, -1, 1, 2, 4])) & 255
            flipped = out[at] ^ 1 << random.randrange(8)
            out[at] = random.choice((*ODD, random.randrange(256), flipped, near, near))
    if random.random() < 0.4:
        del out[random.randrange(min(len(out), random.choice([40, 80, 2000])) + 1) :]
    return bytes(out)


def frames_of_all_kinds(random: Random, link: int) -> Frames:
    """Return bent frames."""
    return [
        (1000 * n, bend(random, link_layer(random, link, layers(random))))
        for n in range(random.randrange(1, 12))
    ]


def conversation(random: Random, link: int) -> Frames:
    """Return a TCP conversation as no honest network delivers it."""
    start = [random.choice([0, 0xFFFFFF00, random.getrandbits(32)]) for _ in range(2)]
    reach, now, frames = [0, 0], 0, []
    content = [random.randbytes(3000) for _ in range(2)]
    if random.random() < 0.5:
        content[0] = b"\x2a\1\0\1\0\4" + content[0]
    for _ in range(random.randrange(3, 60)):
        now += random.choice([1, 1000, 400_000, 5_000_000])
        side = random.randrange(2)
        flags = random.choice([16] * 12 + [2, 18, 17, 4, 20, 0])
        at = reach[side] + random.choice([0, 0, 0, 0, -300, -10, -1, 1, 50, 700])
        if random.random() < 0.02:
            at += random.choice([1 << 20, 1 << 30, 1 << 31])
        size = random.choice([0, 1, 1, 3, 40, 600])
        data = content[side][at : at + size] if at >= 0 else random.randbytes(size)
        if random.random() < 0.05:
            data = random.randbytes(len(data))
        seq = start[side] + 1 + at - bool(flags & 2)
        ack = start[1 - side] + 1 + reach[1 - side] + random.choice([0, 0, 0, 9, 900, -20])
        if at < 3000:
            reach[side] = max(reach[side], at + len(data))
        if random.random() < 0.02:
            start[side] = random.getrandbits(32)
        ports = (40_000, 80) if side == 0 else (80, 40_000)
        segment = struct.pack(
            ">HHIIBBHHH", *ports, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 9, 0, 0
        )
        frame = link_layer(random, link, ip4(6, segment + data, back=bool(side)))
        frames.append((now, bend(random, frame) if random.random() < 0.05 else frame))
    return frames


def fragments(random: Random, link: int) -> Frames:
    """Return pieces of datagrams: repeated, overlapping, lost, contradicting."""
    frames, now = [], 0
    whole = udp(1, 2, random.randbytes(random.randrange(200)))
    for _ in range(random.randrange(1, 30)):
        now += random.choice([1, 1000, 20_000_000])
        at = 8 * random.randrange(0, len(whole) // 8 + 2)
        piece = whole[at : at + random.choice([8, 16, 64, 200, 5])]
        more = at + len(piece) < len(whole) or random.random() < 0.1
        if random.random() < 0.1:
            piece = random.randbytes(len(piece))
        name = random.randrange(3)
        if random.random() < 0.5:
            packet = ip4(17, piece, name=name, at=at // 8 | more << 13)
        else:
            packet = ip6(44, struct.pack(">BBHI", 17, 0, at & 0xFFF8 | more, name) + piece)
        frames.append((now, link_layer(random, link, packet)))
    return frames


def pcap(frames: Frames, link: int) -> bytes:
    """Return a capture of *frames*."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link)]
    for time_, frame in frames:
        seconds, rest = divmod(time_, 1_000_000)
        out += [struct.pack("<IIII", seconds, rest, len(frame), len(frame)), frame]
    return b"".join(out)


def pcapng(random: Random, frames: Frames, link: int) -> bytes:
    """Return a capture of *frames* in blocks of all kinds."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    options = struct.pack("<HHB3xHHq", 9, 1, random.randrange(256), 14, 8, random.randrange(-9, 9))
    out = [section, block(1, struct.pack("<HHI", link, 0, random.choice([0, 20])) + options)]
    for time_, frame in frames:
        size = len(frame) + random.choice([0] * 20 + [1, 4, 5])
        head = struct.pack("<5I", 0, 0, time_ & 0xFFFFFFFF, size, len(frame))
        old = struct.pack("<HH4I", 0, 0, 0, time_ & 0xFFFFFFFF, size, len(frame))
        kinds = [
            block(6, head + frame),
            block(2, old + frame),
            block(3, struct.pack("<I", len(frame)) + frame),
            block(random.randrange(4, 12), frame),
        ]
        out.append(random.choice([*kinds, kinds[0], kinds[0]]))
    return b"".join(out)


# -- running ---------------------------------------------------------------------------------------


def fuzz(seconds: float, cases: int, seed: int, last: Path) -> int:
    """Run cases until the time is up; return 1 at a difference. A sanitizer ends the process.

    The number of the case in hand stands in *last*.
    """
    began, done = time.monotonic(), 0
    while done < cases and time.monotonic() - began < seconds:
        last.write_text(str(seed + done))
        if not one_case(seed + done):
            return 1
        done += 1
    print(f"{done} cases from seed {seed} in {time.monotonic() - began:.0f} s: nothing found")
    return 0


SOME = [
    (0, Magic("tcp", b"\x2a\1", b"\xff\xf8", minimum=6)),
    (1, Magic("tcp", b"\3", at=30)),
    (2, Magic("tcp", b"GET ", anywhere=(b"x-gnutella",))),
    (3, Magic("tcp", b"\x16\3")),
    (3, Magic("udp")),
    (4, Magic("udp", length=Length(2, 2, unit=4, bias=4, chain=True))),
    (5, Magic("tcp", bytes(64), bytes(64), some=(b"\1",), spread=Spread(48, 16, 6))),
    (6, Magic("tcp", sizes=(12, 14), binary=True, first=True, unanswered=True)),
]
EVERY = [(0, Magic("tcp")), (1, Magic("udp")), (2, Magic("ip"))]
UNTOUCHED = {"tunnel_depth", "key", "contexts", "payloads"}
KINDS = (frames_of_all_kinds, frames_of_all_kinds, conversation, conversation, fragments)


class Case:
    """A capture, and how it is to be read."""

    def __init__(self, number: int) -> None:
        random = self.random = Random(number)
        link = random.choice(LINKS)
        frames = random.choice(KINDS)(random, link)
        data = pcapng(random, frames, link) if random.random() < 0.3 else pcap(frames, link)
        if random.random() < 0.2:
            data = data[:24] + bend(random, data[24:])
        self.data = data
        self.step = random.choice([1, 50, 1 << 20])
        self.magics, self.gate = random.choice([(SOME, [3]), (EVERY, [])])
        tight = {
            name: random.choice([1, 2, 3, 200, 900])
            for name in FlowSettings.__struct_fields__
            if name not in UNTOUCHED
        }
        self.bounds = FlowSettings(**tight) if random.random() < 0.6 else FlowSettings()


def one_case(number: int) -> bool:
    """Run case *number* on both cores, and say whether they agree."""
    told = [
        run(Case(number), framing, cores, Random(number))
        for framing, cores in ((records, core), (records_py, core_py))
    ]
    if told[0] != told[1]:
        print("the core and its twin differ", file=sys.stderr)
    return bool(told[0] == told[1])


def meddle(made: Any, batch: Sequence[Any], random: Random) -> list[Any]:
    """Do what an engine does with deliveries; return what the core said to it."""
    told = []
    for slot, _, _, when, _, _ in batch:
        what = random.random()
        if what < 0.1:
            made.drop(slot)
        elif what < 0.2:
            made.want(slot)
        elif what < 0.3:
            row = made.row(slot)
            told.append(row)
            made.expect(1, row.transport, row.server.address, 0, "", when + 10**9)
        elif what < 0.35:
            made.forget(1)
        elif what < 0.45:
            made.release(slot)
    return told


def run(case: Case, framing: Any, cores: Any, random: Random) -> Any:
    """Feed the capture in pieces, each in memory of its own size; return all that was told."""
    options = {"names": ["oscar.aol.com"], "name_gated": case.gate, "collect": True}
    made = cores.FlowCore(case.magics, case.bounds, **options)
    told: list[Any] = []

    def drain() -> None:
        while batch := made.take():
            told.append(batch)
            told.extend(meddle(made, batch, random))

    try:
        reader = framing.Records(case.data[:24])
    except (ValueError, EOFError) as error:
        return str(error)
    held = b""
    for at in range(0, len(case.data), case.step):
        held += case.data[at : at + case.step]
        if case.step == 1 and len(held) < reader.needed:
            continue
        before = reader.offset
        exact = (ctypes.c_char * len(held)).from_buffer_copy(held)
        made.feed(reader.cut(memoryview(exact).cast("B"), len(held)))
        drain()
        held = held[reader.offset - before :]
        if reader.damage:
            break
    made.finish()
    drain()
    columns = {name: list(column) for name, column in made.columns().items()}
    return told, made.counters(), made.totals(), columns, reader.damage, reader.offset


if __name__ == "__main__":
    seconds, cases, first, last = sys.argv[1:]
    sys.exit(fuzz(float(seconds), int(cases), int(first), Path(last)))
