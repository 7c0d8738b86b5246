"""The compiled core and its plain Python twin tell the same of everything, byte by byte.

The strategies make what is hard: conversations with forged, lost, repeated and reordered segments,
and real frames with their headers bent.
"""

import struct
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.flows.frames import (
    ACK,
    EVERYTHING,
    FIN,
    RST,
    SYN,
    Talk,
    both,
    ethernet,
    ip,
    pcap,
    play,
    udp,
)

from backchannel.contract import Length, Magic, Spread
from backchannel.flows.delivery import CLOSED, DATA
from backchannel.flows.settings import FlowSettings

PICKY = [
    (0, Magic("tcp", b"\x2a\x01", b"\xff\xf8", length=Length(4, 2, 6))),
    (1, Magic("tcp", b"\3", at=30)),
    (2, Magic("udp", b"\0", at=3)),
    (3, Magic("tcp", sizes=(10, 25), first=True)),
    (4, Magic("tcp", sizes=(11, 30), binary=True, first=True, unanswered=True)),
    (5, Magic("tcp", b"\3\0", b"\0\0", some=(b"\0\1",), spread=Spread(2, 8, 5), first=True)),
    (6, Magic("udp", length=Length(0, 1, unit=2, bias=1, chain=True), multiple=3)),
]
TINY = FlowSettings(
    max_flows=6,
    opening_idle=1,
    closed_idle=1,
    tcp_idle=2,
    tcp_unproved_idle=2,
    tcp_wanted_idle=3,
    udp_idle=1,
    udp_wanted_idle=2,
    other_idle=1,
    other_wanted_idle=2,
    payloads=2,
    stream_bytes=900,
    stream_segments=4,
    opening_bytes=300,
    hole_wait=1,
    history_bytes=50,
    history_idle=1,
    total_bytes=4000,
    fragments=2,
    fragment_bytes=300,
    fragment_parts=3,
    fragment_wait=1,
    tunnel_depth=2,
    contexts=2,
    expectations=3,
    key=77,
)
TIGHT = FlowSettings(opening_bytes=200, stream_bytes=400, hole_wait=2, vlans=False, key=99)
every_setting = st.sampled_from([FlowSettings(), TINY, TIGHT])
every_magic = st.sampled_from([EVERYTHING, PICKY])


def meddle(seed):
    """An act like an engine's: now and then it drops, wants, expects and forgets."""

    def fresh():
        random = Random(seed)

        def act(core, batch):
            for slot, _, kind, time, _, _ in batch:
                what = random.random()
                if what < 0.05:
                    core.drop(slot)
                elif what < 0.08:
                    core.want(slot)
                elif what < 0.11:
                    core.release(slot)
                elif what < 0.15 and kind == DATA:
                    row = core.row(slot)
                    end = random.choice([row.client, row.server])
                    until = time + random.randrange(10**10)
                    core.expect(random.randrange(4), row.transport, end.address, 0, "", until)
                elif what < 0.17:
                    core.forget(random.randrange(4))
                elif what < 0.2 and kind == CLOSED:
                    core.row(slot)

        return act

    return fresh


def same(capture, magics, bounds, seed=0, step=1 << 20):
    act = meddle(seed)
    told = [
        play(which, capture, magics, bounds, act=act(), step=step) for which in ("compiled", "twin")
    ]
    assert told[0] == told[1]


HEADERS = (
    *(b"", b"", b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", b"PROXY UNKNOWN\r\n"),
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
)
"""What a load balancer sends first; the twins pass over it."""
offsets = st.sampled_from([-300, -60, -10, -1, 0, 0, 0, 0, 1, 10, 60, 300]) | st.sampled_from(
    [1 << 20, 1 << 30, 1 << 31, -(1 << 30)]
)
segments = st.tuples(
    st.integers(0, 1),
    st.sampled_from([0, 1, 1, 2, 5, 30, 100, 400]),
    offsets,
    st.sampled_from([ACK] * 8 + [SYN, SYN | ACK, FIN | ACK, RST, RST | ACK, 0]),
    st.sampled_from([0, 0, 0, 7, 500, -5]),
    st.sampled_from([0.0, 0.001, 0.04, 0.4, 1.1, 4.0]),
    st.booleans(),
)


@given(
    st.lists(segments, max_size=40),
    st.tuples(st.sampled_from([0, 0xFFFFFF80, 0x7FFFFFF0]), st.booleans()),
    every_magic,
    every_setting,
    st.integers(0, 99),
)
@settings(max_examples=300)
def test_conversations(steps, beginning, magics, bounds, seed):
    start, opened = beginning
    talk = Talk(start=(start, start))
    if opened:
        talk.open()
    content = HEADERS[seed % len(HEADERS)] + Random(seed).randbytes(3000)
    for side, size, offset, flags, ack, wait, odd in steps:
        at = talk.reach[side] + offset
        data = content[max(0, at) : max(0, at) + size]
        if odd and data:
            data = bytes([data[0] ^ 1]) + data[1:]
        before = list(talk.reach)
        talk.send(side, data, at=at, flags=flags, ack=before[1 - side] + ack, wait=wait)
        if not -1000 < offset < 1000:
            talk.reach = before
    same(pcap(talk.frames), magics, bounds, seed, 60 if seed % 2 else 1 << 20)


@given(
    st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 3), st.floats(0, 2)),
        max_size=60,
    ),
    every_magic,
    st.integers(0, 99),
)
def test_many_flows_in_a_small_table(packets, magics, seed):
    frames, now = [], 0.0
    for source, target, vlan, wait in packets:
        now += wait
        tag = b"\x81\0" + struct.pack(">H", vlan) if vlan else b""
        datagram = udp((source, target), bytes(source))
        frames.append(
            (now, ethernet(ip(f"10.0.0.{source}", f"10.0.0.{target}", 17, datagram), tag))
        )
    same(pcap(frames), magics, TINY, seed)


ODD = (0, 1, 4, 6, 8, 0x0F, 0x11, 0x29, 0x2C, 0x2F, 0x45, 0x60, 0x64, 0x81, 0x86, 0x88, 0xAA, 0xFF)
ENDS = "1.1.1.1", "2.2.2.2"
AH = b"\x11\4\0\0\0\0\1\0\0\0\0\1" + bytes(12)
GRE_BRIDGED = b"\x30\0\x65\x58" + bytes(20) + b"\x08\0" + bytes(40)
PPPOE = b"\x88\x64\x11\0\0\1\0\x20\0\x21"
INNER = ip("3.3.3.3", "4.4.4.4", 17, udp((5, 6), bytes(20)))
IN_UDP = (
    (6081, b"\1\0\x08\0" + bytes(8)),
    (2152, b"\x34\xff" + bytes(9) + b"\x85\1\0\0\0"),
    (1701, b"\x48\2" + bytes(10) + b"\xff\3\0\x21"),
)
IN_GRE = (
    b"\x10\0\x88\xbe\0\0\0\1\x10\0\0\7" + bytes(16) + b"\x08\0",
    b"\x10\0\x22\xeb\0\0\0\1\x20\0\0\7" + bytes(6) + b"\x08\1" + bytes(8),
    b"\x30\x81\x88\x0b" + bytes(12) + b"\x21",
    b"\x20\1\x64\0\0\x40\7\0" + bytes(12) + b"\x08\0",
    b"\0\0\x88\x3e" + bytes(4),
)
SEEDS = [
    ethernet(ip(*ENDS, 17, udp((1, 53), bytes(60)))),
    ethernet(ip("fd00::1", "fd00::2", 44, b"\x11\0\0\1\0\0\0\7" + udp((1, 53), bytes(60)))),
    ethernet(ip("fd00::1", "fd00::2", 60, b"\0\0" + bytes(6) + b"\x3c\0" + bytes(70))),
    ethernet(ip(*ENDS, 47, GRE_BRIDGED)),
    ethernet(ip(*ENDS, 51, AH + udp((1, 53), bytes(60)))),
    ethernet(
        ip("fd00::1", "fd00::2", 51, b"\x3c" + AH[1:] + b"\x33\0" + bytes(6) + AH + bytes(30))
    ),
    ethernet(ip(*ENDS, 51, b"\4" + AH[1:] + ip("3.3.3.3", "4.4.4.4", 6, bytes(40)))),
    ethernet(ip(*ENDS, 17, udp((1, 4789), b"\x08" + bytes(7) + bytes(60)))),
    *(ethernet(ip(*ENDS, 17, udp((1, port), head + INNER))) for port, head in IN_UDP),
    *(ethernet(ip(*ENDS, 47, head + INNER)) for head in IN_GRE),
    bytes(12) + b"\x88\x47\0\0\1\1" + bytes(4) + bytes(12) + b"\x08\0" + INNER,
    b"\2\0\0\5\x0a\0\x0a\0prefix\0\0" + b"\x50\0\x09\0" + INNER,
    bytes(12) + b"\x81\0\0\1" + PPPOE + ip(*ENDS, 1, bytes(20)),
    bytes(12) + b"\x88\x47\0\0\1\1" + ip(*ENDS, 4, ip("3.3.3.3", "4.4.4.4", 50, b"x")),
    bytes(12) + b"\0\x30\xaa\xaa\3\0\0\0\x08\0" + ip(*ENDS, 6, bytes(40)),
    b"\0\0\x09\0\2\0\0\0\0\x88\1" + bytes(22) + b"\0\0\xaa\xaa\3\0\0\0\x08\0" + bytes(30),
]
LINKS = (0, 1, 9, 12, 50, 51, 101, 104, 105, 108, 113, 127, 147, 192, 228, 239, 276)
bends = st.lists(
    st.tuples(st.integers(0, 80), st.sampled_from(ODD) | st.integers(0, 255)), max_size=6
)


@given(
    st.lists(st.tuples(st.sampled_from(SEEDS), bends, st.integers(0, 200)), max_size=8),
    st.sampled_from(LINKS),
    every_setting,
)
@settings(max_examples=400)
def test_bent_frames(parts, link, bounds):
    frames = []
    for number, (seed, changes, size) in enumerate(parts):
        frame = bytearray(seed)
        for at, value in changes:
            frame[at % len(frame)] = value
        frames.append((number * 0.3, bytes(frame[:size])))
    same(pcap(frames, link), EVERYTHING, bounds)


def test_the_comparison_can_fail():
    """A core that told something else would be noticed."""
    talk = Talk().open().send(0, b"hello")
    told = both(pcap(talk.frames))
    other = both(pcap(Talk().open().send(0, b"hellO").frames))
    assert told != other
