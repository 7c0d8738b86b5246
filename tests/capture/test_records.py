"""pcap and pcapng framing: every variant, every clock, and lengths that lie. Both readers."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backchannel.capture import records, records_py
from backchannel.capture.records_py import LATEST, MAX_RECORD

BOTH = {"compiled": records, "twin": records_py}
PACKET = bytes(range(14)) + b"payload"


def cut(data, step=1 << 20):
    """What both readers make of *data*, given in pieces of *step* bytes; they must agree."""
    told = read(data, step)
    return told if isinstance(told, str) else told[:3]


def read(data, step=1 << 20):
    """As `cut`; and what was left out: how many packets, from where on, of which interface."""
    told = [_cut(framing, data, step) for framing in BOTH.values()]
    assert told[0] == told[1]
    return told[0]


def _cut(framing, data, step):
    try:
        reader = framing.Records(data[:24])
    except (ValueError, EOFError) as error:
        return str(error)
    packets, held, at = [], b"", 0
    while True:
        held += data[at : at + step]
        before = reader.offset
        chunk = reader.cut(memoryview(bytearray(held)), len(held))
        found = [(time, link, bytes(kept), size) for time, link, kept, size in chunk]
        assert len(found) == len(chunk)
        packets += found
        held = held[reader.offset - before :]
        at += step
        if at >= len(data) or reader.damage:
            left_out = reader.left_out, reader.left_out_at, reader.left_out_interface
            return packets, reader.offset, reader.damage, left_out


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("magic", "tick", "extra"),
    [(0xA1B2C3D4, 1000, 0), (0xA1B23C4D, 1, 0), (0xA1B2CD34, 1000, 8)],
)
@pytest.mark.parametrize("step", [1 << 20, 24, 7])
def test_pcap(order, magic, tick, extra, step):
    head = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, 0x0400_0071)
    record = struct.pack(order + "IIII", 17, 999, len(PACKET), 2000) + bytes(extra) + PACKET
    packets, offset, damage = cut(head + record * 3, step)
    assert packets == [(17 * 10**9 + 999 * tick, 0x71, PACKET, 2000)] * 3
    assert offset == len(head + record * 3)
    assert damage == ""


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order="<", major=1):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, major, 0, -1))


def interface(order="<", link=1, snap=0, *, resolution=None, offset=None, endless=False):
    body = struct.pack(order + "HHI", link, 0, snap)
    body += struct.pack(order + "HH4s", 2, 4, b"eth0")
    if resolution is not None:
        body += struct.pack(order + "HHB3x", 9, 1, resolution)
    if offset is not None:
        body += struct.pack(order + "HHq", 14, 8, offset)
    return block(order, 1, body if endless else body + bytes(4))


def enhanced(order="<", which=0, units=0, data=PACKET, *, captured=None, size=999):
    length = len(data) if captured is None else captured
    head = struct.pack(order + "5I", which, units >> 32, units & 0xFFFFFFFF, length, size)
    return block(order, 6, head + data)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("step", [1 << 20, 9])
def test_pcapng(order, step):
    obsolete = struct.pack(order + "HH4I", 1, 0, 0, 5_000_000, len(PACKET), 21) + PACKET
    data = (
        section(order)
        + interface(order, link=1)
        + interface(order, link=113, resolution=9, snap=10, endless=True)
        + enhanced(order, 0, 1_700_000_000_123_456)
        + block(order, 4, b"names, passed over")
        + block(order, 0x80000001, b"somebody's own")
        + enhanced(order, 1, 7)
        + block(order, 2, obsolete)
        + block(order, 3, struct.pack(order + "I", 300) + PACKET)
        + block(order, 5, bytes(12))
    )
    packets, offset, damage = cut(data, step)
    assert packets == [
        (1_700_000_000_123_456_000, 1, PACKET, 999),
        (7, 113, PACKET, 999),
        (5_000_000, 113, PACKET, 21),
        (5_000_000, 1, PACKET + bytes(3), 300),
    ]
    assert (offset, damage) == (len(data), "")


def test_sections_in_both_byte_orders_forget_each_others_interfaces():
    data = section(">") + interface(">", 101) + enhanced(">") + section("<") + interface("<", 9)
    packets, _, damage = cut(data + enhanced("<"))
    assert [link for _, link, _, _ in packets] == [101, 9]
    assert damage == ""
    good = data + section(">")
    assert read(good + enhanced(">"))[3] == (1, len(good), 0)


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
def test_packets_of_unknown_interfaces_are_left_out_and_counted_and_all_others_are_read(step):
    """tshark ends at the first of them ("interface index 7 is not less than ..."); we go on."""
    data = section() + block("<", 3, struct.pack("<I", 21) + PACKET)
    good = interface() + enhanced()
    wrong = enhanced(which=7) + block("<", 2, struct.pack("<2H4I", 9, 0, 0, 1, 0, 0))
    packets, offset, damage, left_out = read(data + good + wrong + good + section() + good, step)
    assert len(packets) == 3
    assert (offset, damage) == (len(data + good + wrong + good + section() + good), "")
    assert left_out == (3, len(section()), 0)
    assert read(GOOD + wrong, step)[3] == (2, len(GOOD), 7)


@pytest.mark.parametrize(
    ("resolution", "units", "nanoseconds"),
    [
        (0, 3, 3_000_000_000),
        (3, 3, 3_000_000),
        (6, 3, 3000),
        (9, 3, 3),
        (12, 3999, 3),
        (18, 3_999_999_999, 3),
        (19, (1 << 64) - 1, 1_844_674_407),
        (127, (1 << 64) - 1, 0),
        (0x80, 3, 3_000_000_000),
        (0x80 | 1, 3, 1_500_000_000),
        (0x80 | 10, 1024, 1_000_000_000),
        (0x80 | 32, 1 << 31, 500_000_000),
        (0x80 | 63, 1 << 62, 500_000_000),
        (0x80 | 127, (1 << 64) - 1, 0),
        (0, (1 << 64) - 1, LATEST),
    ],
)
def test_every_clock(resolution, units, nanoseconds):
    packets, _, _ = cut(section() + interface(resolution=resolution) + enhanced(units=units))
    assert packets[0][0] == nanoseconds


@pytest.mark.parametrize(
    ("offset", "nanoseconds"), [(5, 5_000_001_000), (-5, 0), (1 << 62, LATEST), (-(1 << 63), 0)]
)
def test_clock_offsets(offset, nanoseconds):
    packets, _, _ = cut(section() + interface(offset=offset) + enhanced(units=1))
    assert packets[0][0] == nanoseconds


def test_simple_packets_are_cut_to_the_snap_length():
    data = section() + interface(snap=5) + block("<", 3, struct.pack("<I", 21) + PACKET)
    assert cut(data)[0] == [(0, 1, PACKET[:5], 21)]


GOOD = section() + interface() + enhanced()
HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
ODD_LENGTHS = bytearray(enhanced())
ODD_LENGTHS[-4:] = b"\1\0\0\0"
BROKEN = {
    "long record": (HEAD + bytes(8) + struct.pack("<II", MAX_RECORD + 1, 1), 24, "record of"),
    "negative record": (HEAD + bytes(8) + b"\xff" * 8, 24, "record of 4294967295 bytes"),
    "short block": (GOOD + struct.pack("<II", 6, 8) + bytes(8), len(GOOD), "block of 8 bytes"),
    "odd block": (GOOD + struct.pack("<II", 6, 33) + bytes(40), len(GOOD), "block of 33 bytes"),
    "endless block": (GOOD + b"\6\0\0\0\xfc\xff\xff\xff\0\0\0\0", len(GOOD), "block of"),
    "lengths differ": (GOOD + bytes(ODD_LENGTHS), len(GOOD), "two lengths differ"),
    "packet beyond its block": (GOOD + enhanced(captured=25), len(GOOD), "packet of 25 bytes"),
    "short packet": (GOOD + block("<", 6, bytes(16)), len(GOOD), "short packet block"),
    "short old packet": (GOOD + block("<", 2, bytes(16)), len(GOOD), "short packet block"),
    "short simple packet": (GOOD + block("<", 3, b""), len(GOOD), "short packet block"),
    "short interface": (section() + block("<", 1, bytes(4)), len(section()), "short interface"),
    "short section": (
        GOOD + block("<", 0x0A0D0D0A, struct.pack("<I", 0x1A2B3C4D)),
        len(GOOD),
        "short section",
    ),
    "no byte order": (GOOD + block("<", 0x0A0D0D0A, bytes(16)), len(GOOD), "byte-order magic"),
    "other version": (GOOD + section(major=2), len(GOOD), "pcapng version 2"),
}


@pytest.mark.parametrize(("data", "good", "reason"), BROKEN.values(), ids=BROKEN)
def test_damage_is_where_it_is_and_what_came_before_is_good(data, good, reason):
    packets, offset, damage = cut(data)
    assert offset == good
    assert reason in damage
    if data.startswith(GOOD):
        assert len(packets) == 1


def test_too_many_interfaces():
    assert "too many interfaces" in cut(section() + interface() * 65_537)[2]


@pytest.mark.parametrize("head", [b"", b"PK\3\4" + bytes(20), b"GMBU" + bytes(20)])
def test_what_is_no_capture(head):
    assert cut(head) == "neither pcap nor pcapng"


def test_a_head_that_is_too_short_to_say():
    assert cut(HEAD[:23]) == "cut off within the file's header"


def test_more_than_the_buffer_holds_is_refused():
    with pytest.raises(ValueError, match="more bytes"):
        records.Records(HEAD).cut(memoryview(bytearray(30)), 31)


def test_a_chunk_outlives_the_next_ones():
    """Its memory is used again only when nobody holds it."""
    data = memoryview(bytearray(HEAD + struct.pack("<IIII", 1, 2, 3, 4) + b"abc"))
    reader = records.Records(bytes(data[:24]))
    first = reader.cut(data, len(data))
    kept = [list(reader.cut(data[24:], 19)) for _ in range(5)]
    assert [bytes(packet[2]) for packet in first] == [b"abc"]
    assert len(kept) == 5


blocks = st.one_of(
    st.just(section()),
    st.just(section(">")),
    st.builds(interface, link=st.sampled_from([1, 113]), resolution=st.integers(0, 255)),
    st.builds(enhanced, which=st.integers(0, 2), units=st.integers(0, (1 << 64) - 1)),
    st.builds(enhanced, st.just(">"), captured=st.integers(0, 40)),
    st.binary(max_size=30),
)
bends = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=5)


@given(st.lists(blocks, max_size=8), bends, st.integers(1, 300))
def test_any_pcapng_gets_the_same_answer_from_both(parts, changes, step):
    data = bytearray(section() + interface() + b"".join(parts))
    for at, value in changes:
        data[at % len(data)] = value
    cut(bytes(data), step)


@given(st.binary(max_size=120), bends, st.integers(1, 100))
def test_any_pcap_gets_the_same_answer_from_both(tail, changes, step):
    data = bytearray(HEAD + struct.pack("<IIII", 1, 2, 3, 4) + b"abc" + tail)
    for at, value in changes:
        data[at % len(data)] = value
    cut(bytes(data), step)
