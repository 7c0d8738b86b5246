"""IP datagrams in pieces: order, overlaps, lies and bounds."""

import struct
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.flows.frames import both, ethernet, ip, pcap, udp

from backchannel.flows.delivery import DATA
from backchannel.flows.settings import FlowSettings

WHOLE = udp((1234, 5678), bytes(range(92)))
MORE = 0x2000


def piece(start, end, *, version=4, name=1, data=WHOLE, last=None):
    """The fragment of *data* from *start* to *end*."""
    more = end < len(data) if last is None else not last
    body = data[start:end]
    if version == 4:
        place = start // 8 | (MORE if more else 0)
        return ethernet(ip("10.0.0.1", "10.0.0.2", 17, body, name=name, place=place))
    header = struct.pack(">BBHI", 17, 0, start | more, name)
    return ethernet(ip("fd00::1", "fd00::2", 44, header + body))


def told_of(*frames, gap=0.001, **settings):
    timed = [(number * gap, frame) for number, frame in enumerate(frames)]
    return both(pcap(timed), settings=FlowSettings(**settings))


def payloads(told):
    return [d[5] for d in told.deliveries if d[2] == DATA]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_any_order_gives_the_datagram(version, order):
    pieces = [piece(start, min(start + 32, 100), version=version) for start in range(0, 100, 32)]
    told = told_of(*[pieces[number] for number in order])
    assert payloads(told) == [WHOLE[8:]]
    assert told.counters == {"fragments": 4}
    (row,) = told.rows
    assert row.packets == (1, 0)
    assert row.bytes == (len(WHOLE) + (20 if version == 4 else 40), 0)
    assert row.first_frame == 4


def test_an_atomic_fragment_is_a_whole_packet():
    told = told_of(piece(0, 100, version=6))
    assert payloads(told) == [WHOLE[8:]]
    assert told.counters == {}


def test_repeated_pieces_keep_what_came_first():
    other = WHOLE[:8] + bytes(92)
    told = told_of(
        piece(0, 40), piece(32, 64, data=other), piece(0, 40, data=other), piece(56, 100)
    )
    assert payloads(told) == [WHOLE[8:40] + bytes(24) + WHOLE[64:]]
    assert told.counters == {
        "fragments": 4,
        "fragments conflicting": 3,
    }


def test_the_same_piece_again_is_only_overlapping():
    told = told_of(piece(0, 40), piece(0, 40), piece(40, 100))
    assert payloads(told) == [WHOLE[8:]]
    assert told.counters == {"fragments": 3, "fragments overlapping": 1}


@pytest.mark.parametrize(
    "bad",
    [
        [piece(0, 40), piece(40, 100), piece(40, 60, last=True)][2:],  # alone: no contradiction
        [piece(40, 100), piece(40, 56, last=True)],
        [piece(40, 56, last=True), piece(40, 80, last=False)],
        [piece(0, 13, last=False)],
        [piece(8, 8, last=False)],
    ],
)
def test_pieces_that_contradict_each_other(bad):
    told = told_of(*bad)
    assert payloads(told) == []
    assert told.counters.get("fragments bad", 0) + told.counters.get("fragments unfinished", 0) == 1


def test_a_datagram_larger_than_can_be():
    frame = ethernet(ip("1.1.1.1", "2.2.2.2", 17, bytes(800), place=0x1FFF))
    assert told_of(frame).counters == {"fragments": 1, "fragments bad": 1}


def test_datagrams_wait_for_a_bounded_time():
    told = told_of(piece(0, 40), piece(40, 100), gap=31)
    assert payloads(told) == []
    assert told.counters["fragments timed out"] == 1


def test_unfinished_datagrams_are_bounded():
    frames = [piece(0, 40, name=number) for number in range(10)]
    told = told_of(*frames, fragments=4)
    assert told.counters["fragments dropped to bound memory"] == 6
    assert told.counters["fragments unfinished"] == 4
    told = told_of(*frames, fragment_bytes=100)
    assert told.counters["fragments dropped to bound memory"] == 8


def test_pieces_of_a_datagram_are_bounded():
    frames = [piece(start, start + 8) for start in range(0, 96, 16)]
    assert told_of(*frames, fragment_parts=5).counters["fragments bad"] == 1


def test_fragments_of_other_flows_do_not_mix():
    frames = [piece(0, 40, name=1), piece(0, 40, name=2), piece(40, 100, name=2)]
    told = told_of(*frames)
    assert payloads(told) == [WHOLE[8:]]
    assert told.counters["fragments unfinished"] == 1


def test_a_truncated_fragment_is_not_put_in():
    frames = [(0.0, piece(0, 40)), (0.1, piece(40, 100))]
    told = both(pcap(frames, snap=80))
    assert payloads(told) == []
    assert told.counters["truncated payloads"] == 1


@given(
    st.lists(
        st.tuples(st.integers(0, 11), st.integers(1, 6), st.booleans(), st.booleans()), max_size=12
    ),
    st.sampled_from([4, 6]),
)
def test_any_pieces_get_the_same_answer_from_both(pieces, version):
    other = bytes(100)
    told_of(
        *[
            piece(8 * at, 8 * (at + size), version=version, last=last, data=other if odd else WHOLE)
            for at, size, last, odd in pieces
        ],
        fragment_parts=4,
    )
