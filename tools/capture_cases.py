"""Whole captures made hostile: recorded frames bent, conversations mutated, clocks gone mad.

All chance comes from the `Random` that is passed in, so that a seed repeats a capture.
"""

import struct
from collections.abc import Callable, Sequence
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests import craft, kit
from tools.core_cases import bend
from tools.mutations import Step, alter, mutate

from backchannel import protocols
from backchannel.capture.records import Records
from backchannel.contract import Start
from backchannel.model import Claim, Endpoint

RAW, SECOND = 101, 1_000_000_000
DATAGRAM = 60_000
"""Bytes of a datagram at most, so that its headers can tell its size."""
_MOST = (1 << 12, 1 << 14, 1 << 15, 1 << 16, 1 << 17)
"""Bytes of frames that are taken from a seed."""
_HEADS = {0: 4, 1: 14, 12: 0, 101: 0, 108: 4, 113: 16, 228: 0, 229: 0, 276: 20}
"""Bytes before the IP packet, by link type."""
_NOW = 1_700_000_000 * SECOND
_BEGINNINGS = (
    *(0, 1, 999_999_999, 86_399 * SECOND),
    *((1 << 31) * SECOND - 1, (1 << 32) * SECOND, 253_402_300_799 * SECOND),
    *((1 << 63) - 1, (1 << 63) - SECOND, (1 << 63) - 3600 * SECOND, (1 << 64) - 1, 1 << 62),
)
"""Nanoseconds at which something ends: a second, a number of 31, 32 or 63 bits, the year 9999."""
_STEPS = (0, 1, 1000, SECOND, 61 * SECOND, 3601 * SECOND, 400 * 86_400 * SECOND, 1 << 60)
_SIZES = (0, 1, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_PROTOCOLS = protocols.load()


class Frame(NamedTuple):
    """A packet as a capture holds it."""

    time: int
    """Nanoseconds since 1970; whatever 64 bits can say."""
    link: int
    data: bytes
    size: int
    """Bytes that it had on the wire, or is said to have had."""


class Seed:
    """A capture to begin with, or conversations without one."""

    def __init__(self, frames: Sequence[Frame], flows: Callable[[], Sequence[kit.Flow]]) -> None:
        self.frames = frames
        self._flows = flows

    @cached_property
    def flows(self) -> list[tuple[str, kit.Flow]]:
        """The conversations, each with the protocol that claims it, if one does."""
        return [(_claimed(flow), flow) for flow in self._flows() if flow.steps]

    @cached_property
    def claimed(self) -> list[int]:
        """Which of the conversations a protocol claims."""
        return [number for number, (name, _) in enumerate(self.flows) if name]


def read(path: Path) -> Seed:
    """Return a capture as a seed; an empty one where it is none."""
    data = path.read_bytes()
    try:
        records = Records(data[:24])
    except (ValueError, EOFError):
        return Seed([], list)
    chunk = records.cut(data, len(data))
    frames = [Frame(time, link, bytes(seen), size) for time, link, seen, size in chunk]
    return Seed(frames, lambda: _readable(path))


def capture(frames: Sequence[Frame]) -> bytes:
    """Return a pcapng file of *frames*, its clocks counting nanoseconds from 1970."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        size = struct.pack("<I", len(body) + 12)
        return struct.pack("<I", kind) + size + body + size

    links = sorted({frame.link for frame in frames})
    out = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    out += [block(1, struct.pack("<HHIHHB3x", link, 0, 0, 9, 1, 9)) for link in links]
    for time, link, data, size in frames:
        high, low = time >> 32 & 0xFFFFFFFF, time & 0xFFFFFFFF
        out.append(
            block(6, struct.pack("<5I", links.index(link), high, low, len(data), size) + data)
        )
    return b"".join(out)


def mutated(rng: Random, seeds: Sequence[Seed]) -> list[Frame]:
    """Return the frames of a hostile capture made of one of *seeds*."""
    drawn = rng.choices(seeds, k=4)
    seed = next((one for one in drawn if one.claimed), drawn[0])  # few captures have back channels
    if seed.frames and (rng.random() < 0.4 or not seed.flows):
        frames = _bent(rng, _excerpt(rng, seed.frames), seeds)
    else:
        frames = _conversations(rng, seed)
    return _timed(rng, frames) if rng.random() < 0.3 else frames


# -- frames --------------------------------------------------------------------------------------


def _excerpt(rng: Random, frames: Sequence[Frame]) -> list[Frame]:
    """Return the beginning of a capture, or what somebody saw who came later."""
    left, start = rng.choice(_MOST), rng.randrange(len(frames)) if rng.random() < 0.2 else 0
    taken = []
    for frame in frames[start:]:
        left -= len(frame.data) + 60
        if left < 0 and taken:
            break
        taken.append(frame)
    return taken


def _bent(rng: Random, frames: list[Frame], seeds: Sequence[Seed]) -> list[Frame]:
    """Change what some frames carry and keep their sizes; a few are lost, doubled, cut or moved."""
    others = rng.choice(seeds).frames or frames
    for _ in range(rng.choice((1, 2, 4, 8, 16))):
        at = rng.randrange(len(frames))
        frame, which = frames[at], rng.random()
        if which < 0.7:
            start = _payload(frame)
            old = frame.data[start:]
            new = alter(rng, old, rng.choice(others).data)[: len(old)].ljust(len(old), b"\0")
            frames[at] = frame._replace(data=frame.data[:start] + new)
        elif which < 0.75:
            frames[at] = frame._replace(data=bend(rng, frame.data))
        elif which < 0.8:
            frames[at] = frame._replace(data=frame.data[: rng.randrange(len(frame.data) + 1)])
        elif which < 0.85:
            frames[at] = frame._replace(size=rng.choice(_SIZES))
        elif which < 0.9:
            frames.insert(rng.randrange(len(frames) + 1), frame)
        elif which < 0.95:
            frames.insert(rng.randrange(len(frames)), frames.pop(at))
        elif len(frames) > 1:
            del frames[at]
    return frames


def _payload(frame: Frame) -> int:
    """Return where the transport's payload begins, or something in the frame at least."""
    data, at = frame.data, _HEADS.get(frame.link, 0)
    if len(data) < at + 40:
        return min(at, len(data))
    first = data[at]
    kind, start = (data[at + 6], at + 40) if first >> 4 == 6 else (data[at + 9], at)
    if first >> 4 == 4:
        start += 4 * (first & 15)
    if kind == 17:
        start += 8
    elif kind == 6 and start + 12 < len(data):
        start += 4 * (data[start + 12] >> 4)
    return start if start < len(data) else at


def _timed(rng: Random, frames: Sequence[Frame]) -> list[Frame]:
    """Give frames other times: standing, running, going back, jumping to where numbers end."""
    now = rng.choice((*_BEGINNINGS, _NOW))
    step = rng.choice(_STEPS) * rng.choice((1, 1, 1, -1))
    odd = rng.choice((0.0, 0.02, 0.2))
    timed = []
    for frame in frames:
        now += step
        if rng.random() < odd:
            now = rng.choice(_BEGINNINGS)
        timed.append(frame._replace(time=min(max(now, 0), (1 << 64) - 1)))
    return timed


# -- conversations ---------------------------------------------------------------------------------


def _conversations(rng: Random, seed: Seed) -> list[Frame]:
    """Some neighbouring conversations of a seed, most of them mutated, side by side or in turn."""
    known = seed.claimed if rng.random() < 0.9 else None
    first = rng.choice(known or range(len(seed.flows)))
    packets: list[list[bytes]] = []
    for name, flow in seed.flows[first : first + rng.choice((1, 1, 2, 3, 6))]:
        kind = flow.start.transport
        alike = [other.steps for _, other in seed.flows if other.start.transport == kind]
        steps = flow.steps[: 1 << 10]
        if rng.random() < 0.8:
            steps = mutate(rng, name, [steps, *alike[: 1 << 6]])
        packets.append(_packets(rng, flow.start, steps))
    merged = (
        _merged(rng, packets) if rng.random() < 0.5 else [one for some in packets for one in some]
    )
    step = rng.choice((1_000_000, SECOND))
    return [
        Frame(_NOW + number * step, RAW, packet, len(packet))
        for number, packet in enumerate(merged)
    ]


def _packets(rng: Random, start: Start, steps: Sequence[Step]) -> list[bytes]:
    """Return the packets of a conversation, in a tunnel at times."""
    client, server = _whole(start.client, craft.CLIENT), _whole(start.server, craft.SERVER)
    if rng.random() < 0.02:
        client, server = Endpoint(client.address, 0), Endpoint(server.address, 0)
    whole = [(side, data[:DATAGRAM] if isinstance(data, bytes) else data) for side, data in steps]
    if start.transport == "udp":
        return craft.datagrams(whole, client=client, server=server)
    if start.transport == "ip":
        ends = client.address, server.address
        return [
            craft.ip(ends[side], ends[side.other], 51 if data[2:4] == b"\0\0" else 50, data)
            for side, data in whole
            if isinstance(data, bytes)
        ]
    if rng.random() < 0.1:
        through = rng.choice((craft.through_socks5, craft.through_connect))
        steps = through(steps, server)
    begun = start.begun != (rng.random() < 0.1)
    cut = rng.choice((craft.MTU, craft.MTU, 9000, 100))
    return craft.tcp(
        steps, client=client, server=server, cut=cut, handshake=begun, close=rng.random() < 0.7
    )


def _whole(end: Endpoint, otherwise: Endpoint) -> Endpoint:
    """Return *end*, or the other where it has no address, as in some tests."""
    try:
        ip_address(end.address)
    except ValueError:
        return otherwise
    return end


def _merged(rng: Random, many: Sequence[Sequence[bytes]]) -> list[bytes]:
    """Return the packets of all in one order that keeps each one's."""
    turns = [number for number, packets in enumerate(many) for _ in packets]
    rng.shuffle(turns)
    left = [iter(packets) for packets in many]
    return [next(left[number]) for number in turns]


def _readable(path: Path) -> list[kit.Flow]:
    try:
        return kit.flows(path)
    except (struct.error, IndexError):  # the kit's reader is for sound captures
        return []


def _claimed(flow: kit.Flow) -> str:
    seen = kit.peek(flow)
    claims = (name for name, each in _PROTOCOLS.items() if isinstance(each.recognise(seen), Claim))
    return next(claims, "")
