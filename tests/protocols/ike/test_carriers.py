"""What carries IKE and ESP: UDP, markers, keep-alives, TCP; and what only looks like it."""

import random
from itertools import pairwise

import msgspec
import pytest
from tests import kit
from tests.matcher import Matcher
from tests.protocols.ike.craft import (
    MARKER,
    NATT,
    ODD,
    START,
    TCP,
    C,
    S,
    decode,
    encrypted_1,
    esp,
    events,
    frame,
    protected,
    sa_answer,
    sa_init,
    u32,
)

from backchannel.effects import Tie
from backchannel.events import Anomaly, Gap, Malformed
from backchannel.model import Claim, Confidence, Standing
from backchannel.protocols import load
from backchannel.protocols.esp.events import EspTraffic, NatKeepalive
from backchannel.protocols.ike.context import Float
from backchannel.protocols.ike.events import IkeMessage
from backchannel.protocols.ike.session import Session, recognise

A, B = 0xC0000001, 0xC0000002


def figures(outputs, spi=A):
    found = [e for e in kit.events(outputs, EspTraffic) if e.spi == u32(spi).hex() and e.final]
    return found[-1] if found else None


def peek(*steps, start=NATT):
    return kit.peek(kit.Flow(start, list(steps)))


# -- ESP in UDP without IKE --------------------------------------------------------------------


def test_three_datagrams_in_sequence_after_the_first_are_proof():
    session = Session(NATT)
    for sequence in (900, 901, 902):
        assert session.feed(C, esp(A, sequence)) == []
        assert session.standing is Standing.CLAIMED
    told = session.feed(C, esp(A, 903))
    assert session.standing is Standing.PARSED
    (first,) = kit.events([(C, output) for output in told], EspTraffic)
    assert (first.packets, first.first, first.last) == (4, 900, 903)


def test_both_sides_count_together():
    steps = [(C, esp(A, 1)), (S, esp(B, 1)), (C, esp(A, 2)), (S, esp(B, 2)), (S, esp(B, 3))]
    assert decode(steps, NATT)[1].standing is Standing.PARSED


def test_two_in_sequence_are_enough_when_no_more_come():
    outputs, session = decode([(C, esp(A, 7)), (C, esp(A, 8))], NATT)
    assert session.standing is Standing.PARSED
    assert figures(outputs).packets == 2


@pytest.mark.parametrize(
    "steps",
    [
        [(C, esp(A, 1))],
        [(C, esp(A, 1)), (S, esp(B, 1))],
        [(C, esp(A, 1)), (C, esp(A, 1))],
        [(C, esp(A, 5)), (C, esp(A, 900))],
        [(C, esp(A, 1)), (C, esp(A, 2)[:-1])],
        [(C, esp(A, 1)), (C, esp(A, 2)), (C, b"hello")],
        [(C, esp(spi, 1)) for spi in range(A, A + 9)],
        [(C, esp(A, at)) for at in (9, 3, 700, 44, 2, 99999, 1, 8, 3)],
        [(C, b"\xff")],
        [(C, b"\xff"), (S, b"\xff"), (C, b"\xff"), (S, b"\xff")],
    ],
    ids=range(10),
)
def test_less_is_nothing_at_all(steps):
    outputs, session = decode(steps, NATT)
    assert session.standing is Standing.REFUTED
    assert [e for e in kit.events(outputs) if not isinstance(e, NatKeepalive)] == []
    assert kit.effects(outputs) == []


def test_a_refuted_session_stays_silent():
    _, session = decode([(C, esp(A, 1)), (C, b"hello")], NATT)
    assert [session.feed(C, esp(A, at)) for at in range(2, 20)] == [[]] * 18


def test_elsewhere_the_proof_takes_longer():
    steps = [(C, esp(A, at)) for at in range(1, 9)]
    assert decode(steps, ODD)[1].standing is Standing.REFUTED
    steps.append((C, esp(A, 9)))
    outputs, session = decode(steps, ODD)
    assert session.standing is Standing.PARSED
    assert figures(outputs).packets == 9


def test_the_magic_and_the_recogniser_agree_on_esp_that_has_just_begun():
    matcher = Matcher(load())
    for start in (NATT, ODD):
        assert "ike" in matcher.candidates("udp", esp(A, 1))
        claim = recognise(peek((C, esp(A, 1)), start=start))
        assert (claim.protocol, claim.confidence) == ("ike", Confidence.PORT)
    assert "ike" not in matcher.candidates("udp", esp(A, 16))
    assert "ike" not in matcher.candidates("udp", esp(A, 1), begun=False)
    assert recognise(peek((C, esp(A, 16)), start=ODD)) is None
    assert isinstance(recognise(peek((C, esp(A, 1 << 31)))), Claim)  # on port 4500, also an old SA


def test_a_header_of_ike_is_sure_at_the_first_datagram_and_esp_never_is():
    """Also amid an exchange, on any port: the guard need not wait for more."""
    for start in (NATT, ODD):
        assert recognise(peek((C, MARKER + protected(8, 35, 35, 1)), start=start)).sure
        assert not recognise(peek((C, esp(A, 1)), start=start)).sure


def test_esp_beside_ike_is_told_from_its_first_packet():
    steps = [(C, MARKER + protected(8, 35, 35, 1)), (S, MARKER + protected(0x20, 35, 36, 1))]
    told = events([*steps, (S, esp(B, 1))], EspTraffic, NATT)
    assert [(event.packets, event.final) for event in told] == [(1, False), (1, True)]


def test_esp_that_waited_for_its_proof_is_told_when_ike_vouches_for_it():
    outputs, session = decode(
        [(C, esp(A, 70)), (S, MARKER + sa_init()), (C, MARKER + sa_answer())], NATT
    )
    assert session.standing is Standing.PARSED
    assert figures(outputs).first == 70


def test_an_announced_flow_needs_less():
    start = msgspec.structs.replace(NATT, context=Float(key="ike/aa/bb"))
    claim = recognise(peek((C, esp(A, 5000)), start=start))
    assert claim.confidence is Confidence.EXPECTED
    assert decode([(C, esp(A, 5000)), (C, esp(A, 5001))], start)[1].standing is Standing.PARSED
    assert decode([(C, esp(A, 5000))], start)[1].standing is Standing.PARSED
    assert decode([(C, b"hello")], start)[1].standing is Standing.REFUTED
    assert recognise(peek((C, b"hello"), start=start)) is None


def test_esp_on_port_500_and_behind_the_old_marker():
    steps = [(C, sa_init()), (S, sa_answer())]
    steps += [(C, bytes(8) + esp(A, at)) for at in (1, 2, 3)]
    steps += [(C, esp(B, at)) for at in (1, 2)]
    outputs, _ = decode(steps, START)
    assert (figures(outputs).packets, figures(outputs, B).packets) == (3, 2)


def test_wrapped_esp():
    outputs, _ = decode(
        [(C, MARKER + sa_init()), *((C, u32(2) + bytes(4) + esp(A, at)) for at in (1, 2))], NATT
    )
    assert figures(outputs).packets == 2


def test_openvpn_is_not_esp():
    """A peer number, a rising number and, while idle, pings of 40 bytes."""
    pings = [(C, esp(0x48000003, at, 40)) for at in range(1, 200)]
    assert decode(pings, NATT)[1].standing is Standing.REFUTED
    assert decode([*pings, (C, esp(0x48000003, 200, 41))], NATT)[1].standing is Standing.REFUTED


def test_esp_whose_spi_looks_like_openvpn_takes_longer():
    steps = [(C, esp(0x48000003, at, 40 + at % 3 * 4)) for at in range(1, 100)]
    assert decode(steps, NATT)[1].standing is Standing.PARSED
    assert decode(steps[:64], NATT)[1].standing is Standing.REFUTED


def test_one_number_both_ways_is_openvpns_at_once():
    """A client's number at its server stands in both sides' packets; SPIs are each side's own."""
    for spi, expected in ((0x48000003, Standing.REFUTED), (A, Standing.CLAIMED)):
        session = Session(NATT)
        for at in range(1, 3):
            session.feed(C, esp(spi, at))
        assert session.standing is Standing.CLAIMED
        session.feed(S, esp(spi, 1))
        assert session.standing is expected


def test_one_direction_that_cannot_be_openvpn_is_enough():
    """Both ends of OpenVPN send its data packets: pings of one size, then, are ESP all the same."""
    steps = [step for at in range(1, 5) for step in ((C, esp(0x48000003, at)), (S, esp(B, at)))]
    assert decode(steps, NATT)[1].standing is Standing.PARSED
    both = [
        step for at in range(1, 60) for step in ((C, esp(0x48000003, at)), (S, esp(0x4F0000AA, at)))
    ]
    assert decode(both, NATT)[1].standing is Standing.REFUTED


def test_wireguard_is_not_esp():
    steps = [(C, b"\1\0\0\0" + bytes(random.Random(1).randbytes(144)))]
    steps += [(S, b"\2\0\0\0" + random.Random(2).randbytes(88))]
    steps += [
        (C, b"\4\0\0\0" + b"peer" + at.to_bytes(8, "little") + random.Random(at).randbytes(80))
        for at in range(20)
    ]
    outputs, session = decode(steps, NATT)
    assert session.standing is Standing.REFUTED
    assert kit.events(outputs) == []


@pytest.mark.parametrize("seed", range(20))
def test_numbered_packets_of_any_length_are_not_esp(seed):
    """What many games send: an identifier, a counter, something encrypted."""
    chance = random.Random(seed)
    steps = [
        (C, b"GAME" + u32(at) + chance.randbytes(chance.randrange(30, 200))) for at in range(1, 40)
    ]
    assert decode(steps, ODD)[1].standing is Standing.REFUTED


# -- keep-alives -------------------------------------------------------------------------------


def test_keep_alives_alone_show_an_idle_tunnel_on_port_4500():
    outputs, session = decode([(C, b"\xff")] * 3, NATT)
    assert session.standing is Standing.PARSED
    assert [event.count for event in kit.events(outputs, NatKeepalive)] == [1, 2, 3]
    assert isinstance(recognise(peek((C, b"\xff"))), Claim)
    assert recognise(peek((C, b"\xff"), start=ODD)) is None


def test_a_flood_of_keep_alives_is_told_in_steps():
    outputs, _ = decode([(C, MARKER + sa_init()), *[(C, b"\xff")] * 100_000], NATT)
    counts = [event.count for event in kit.events(outputs, NatKeepalive)]
    assert counts[:256] == list(range(1, 257))
    assert 300 < len(counts) < 600
    assert all(after - before <= before / 8 for before, after in pairwise(counts[256:]))


def test_sides_keep_their_own_count():
    told = events([(C, b"\xff"), (S, b"\xff"), (C, b"\xff")], NatKeepalive, NATT)
    assert [event.count for event in told] == [1, 1, 2]


# -- other traffic -----------------------------------------------------------------------------


def test_foreign_datagrams_within_a_tunnel_are_counted():
    steps = [(C, MARKER + sa_init()), *[(C, b"not ipsec at all!")] * 10]
    found = events(steps, Anomaly, NATT)
    assert [event.kind for event in found] == ["foreign-datagrams"] * 4
    assert found[-1].detail.startswith("8 datagrams")


def test_reserved_spis_and_stumps_are_named():
    flow = [(C, MARKER + sa_init()), (C, esp(A, 1)), (C, u32(A) + b"\0\0")]
    outputs, _ = decode([*flow, (C, u32(99) + bytes(40))], NATT)
    assert [e.reason for e in kit.events(outputs, Malformed)] == ["ESP packet of 6 bytes"]
    assert [e.kind for e in kit.events(outputs, Anomaly)] == ["foreign-datagrams"]


def test_random_spis_are_bounded():
    chance = random.Random(5)
    steps = [(C, MARKER + sa_init())]
    steps += [(C, esp(chance.randrange(256, 1 << 32), 1)) for _ in range(3000)]
    outputs, session = decode(steps, NATT)
    kinds = [event.kind for event in kit.events(outputs, Anomaly)]
    assert kinds == ["many-spis"] * 3  # at 512, 1024 and 2048
    assert len(kit.effects(outputs, Tie)) <= 256
    assert len(kit.events(outputs, EspTraffic)) <= 2 * 256
    assert kit.footprint(session) < 1 << 16


def test_an_association_among_random_spis_is_still_found():
    chance = random.Random(6)
    steps = [(C, MARKER + sa_init())]
    steps += [(C, esp(chance.randrange(256, 1 << 32), 1)) for _ in range(300)]
    steps += [(C, esp(A, at)) for at in range(1, 30)]
    outputs, _ = decode(steps, NATT)
    assert figures(outputs).packets == 29


def test_many_rekeys_let_the_oldest_go_with_its_figures():
    steps = [(C, MARKER + sa_init())]
    steps += [(C, esp(A + at, number)) for at in range(70) for number in (1, 2)]
    outputs, _ = decode(steps, NATT)
    final = [event for event in kit.events(outputs, EspTraffic) if event.final]
    assert len(final) == 70
    assert {event.packets for event in final} == {2}


# -- TCP ---------------------------------------------------------------------------------------

TUNNEL = [
    (C, b"IKETCP" + frame(MARKER + sa_init())),
    (S, frame(MARKER + sa_answer())),
    (C, frame(MARKER + protected(8, 35, 35, 1))),
    (S, frame(MARKER + protected(0x20, 35, 36, 1))),
    *((C, frame(esp(A, at))) for at in range(1, 7)),
    *((S, frame(esp(B, at))) for at in range(1, 7)),
]


def test_a_stream_of_ike_and_esp():
    outputs, session = decode(TUNNEL, TCP)
    assert session.standing is Standing.PARSED
    told = kit.events(outputs, IkeMessage)
    assert [event.framing for event in told] == ["tcp"] * 4
    assert [event.exchange for event in told] == ["IKE_SA_INIT"] * 2 + ["IKE_AUTH"] * 2
    assert (figures(outputs).packets, figures(outputs, B).packets) == (6, 6)
    assert figures(outputs).carrier == "tcp"
    assert kit.events(outputs, Malformed) == []


def test_the_prefix_vouches_for_esp():
    outputs, session = decode([(C, b"IKETCP" + frame(esp(A, 1)))], TCP)
    assert session.standing is Standing.PARSED
    assert figures(outputs).packets == 1


def test_a_stream_that_is_joined_at_a_frame():
    start = msgspec.structs.replace(TCP, begun=False)
    outputs, session = decode([(S, frame(MARKER + protected(0x20, 37, 0, 9))), *TUNNEL[4:]], start)
    assert figures(outputs).packets == 6
    assert session.standing is Standing.PARSED


@pytest.mark.parametrize("cut", [1, 5, 50, 101, 102, 103])
def test_a_gap_costs_what_it_hid_and_one_frame_at_most(cut):
    """The next two frames in a row of a known SPI show where frames begin."""
    behind = b"".join(frame(esp(A, at)) for at in range(7, 15))
    outputs, _ = decode([*TUNNEL, (C, cut), (C, behind[cut:])], TCP)
    assert kit.events(outputs, Gap) == [Gap(size=cut)]
    assert kit.events(outputs, Malformed) == []
    seen = figures(outputs)
    assert seen.last == 14
    assert seen.packets + seen.missing == 14
    assert seen.missing == -(-cut // 102)


def test_ike_is_found_behind_a_gap_too():
    message = MARKER + protected(8, 37, 0, 5)
    steps = [(C, 9), (C, b"rest of something" + frame(message) + frame(MARKER + encrypted_1(5, 9)))]
    steps.append((C, frame(esp(A, 7))))
    outputs, _ = decode([*TUNNEL, *steps], TCP)
    assert len(kit.events(outputs, IkeMessage)) == 6


def test_lost_framing_is_said_once():
    steps = [*TUNNEL, (C, frame(b"neither of them")), (C, frame(esp(A, 7))), (C, b"\0\1")]
    outputs, session = decode(steps, TCP)
    assert len(kit.events(outputs, Malformed)) == 1
    assert figures(outputs).packets == 6
    session = Session(TCP)
    kit.decode(session, steps, ends=False)
    session.gap(C, 4)
    told = session.feed(C, frame(esp(A, 20)) + frame(esp(A, 21)) + frame(esp(A, 22)))
    assert told == []  # counted, and nothing to tell
    assert kit.events([(C, e) for e in session.end(C)], EspTraffic)[0].last >= 21


@pytest.mark.parametrize("broken", [b"\0\0", b"\0\1\xff", b"\0\2"])
def test_a_frame_without_contents_is_malformed(broken):
    outputs, _ = decode([*TUNNEL, (S, broken)], TCP)
    assert len(kit.events(outputs, Malformed)) == 1


def test_a_stream_holds_little():
    session = Session(TCP)
    session.feed(C, b"IKETCP")
    for _ in range(2000):
        session.feed(C, b"\xff\xff" + bytes(98))
    assert kit.footprint(session) < 1 << 18
    session.gap(S, 1)
    for _ in range(300):
        session.feed(S, bytes(1000))
    assert kit.footprint(session) < 1 << 19


# -- cut by the capture ------------------------------------------------------------------------


def short(steps, size):
    """What a snap length leaves of datagrams."""
    return [(side, data[:size]) for side, data in steps]


@pytest.mark.parametrize("size", [46, 54])
def test_esp_that_the_capture_cut_is_esp(size):
    steps = short([(C, esp(A, n, 100)) for n in (7, 8, 10, 11, 12)], size)
    assert isinstance(recognise(peek(*steps)), Claim)
    outputs, session = decode(steps, NATT)
    assert session.standing is Standing.PARSED
    assert kit.events(outputs, Anomaly) == []
    seen = figures(outputs)
    assert (seen.packets, seen.first, seen.last, seen.missing) == (5, 7, 12, 1)


def test_ike_that_the_capture_cut_leads_to_its_esp():
    ike = [
        (C, MARKER + sa_init()),
        (S, MARKER + sa_answer()),
        (C, MARKER + protected(8, 35, 35, 1)),
    ]
    steps = short([*ike, *[(C, esp(A, n, 100)) for n in range(1, 9)]], 54)
    outputs, session = decode(steps, NATT)
    assert session.standing is Standing.PARSED
    assert figures(outputs).packets == 8
    assert len(kit.events(outputs, IkeMessage)) == 3
    assert kit.events(outputs, Anomaly) == []


@pytest.mark.parametrize(
    "steps",
    [
        [(C, esp(A, n, 100)[: 50 + n]) for n in (1, 3, 5, 7)],  # of many sizes
        [(C, esp(A + n, 1, 100)[:54]) for n in range(8)],  # of many SPIs
        [(C, esp(A, 9 - n, 100)[:54]) for n in range(8)],  # going backwards
        [(C, esp(A, 1 + n * 50_000, 100)[:54]) for n in range(8)],  # by leaps
        [(C, esp(A, 1, 100)[:54])] * 8,
    ],
)
def test_what_is_no_multiple_of_four_needs_more_to_be_esp(steps):
    outputs, session = decode(steps, NATT)
    assert session.standing is Standing.REFUTED
    assert kit.events(outputs, EspTraffic) == []


def test_cut_messages_are_believed_on_usual_ports_alone():
    cut = protected(8, 35, 35, 1)[:40]
    assert isinstance(recognise(peek((C, MARKER + cut))), Claim)
    assert recognise(peek((C, MARKER + cut), start=ODD)) is None
