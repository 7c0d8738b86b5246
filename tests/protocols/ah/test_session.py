"""AH over IP: a public capture, headers made by hand, and the laws."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.matcher import Matcher

from backchannel.effects import Tie
from backchannel.events import Gap, Malformed
from backchannel.model import Claim, Endpoint, Side, Standing
from backchannel.protocols import Start, load
from backchannel.protocols.ah.events import AhTraffic
from backchannel.protocols.ah.session import Session, recognise
from backchannel.protocols.ah.wire import read_header

C, S = Side.CLIENT, Side.SERVER
START = Start("ip", Endpoint("192.0.2.9", 0), Endpoint("192.0.2.1", 0), number=51)
CAPTURE = kit.CORPUS / "public/ike-ipsec/ah_direct_transport.pcapng"
with_corpus = pytest.mark.skipif(not CAPTURE.exists(), reason="the corpus of captures is not here")


def packet(spi, sequence, inside=6, icv=12, payload=b"in clear"):
    head = struct.pack(">BBHII", inside, (12 + icv) // 4 - 2, 0, spi, sequence)
    return head + b"\x5a" * icv + payload


def decode(steps):
    session = Session(START)
    return kit.decode(session, steps), session


@with_corpus
def test_the_capture_as_tshark_reads_it():
    """tshark: AH SPI 0x604816f6 and 0xaf8683ef, sequence 1, ICMP inside."""
    (flow,) = [flow for flow in kit.flows(CAPTURE) if flow.start.transport == "ip"]
    assert isinstance(recognise(kit.peek(flow)), Claim)
    session = Session(flow.start)
    told = [e for e in kit.events(kit.decode(session, flow.steps), AhTraffic) if e.final]
    assert {(e.spi, e.packets, e.first, e.last, e.inside) for e in told} == {
        ("604816f6", 1, 1, 1, "icmp"),
        ("af8683ef", 1, 1, 1, "icmp"),
    }
    assert session.standing is Standing.PARSED


@pytest.mark.parametrize("icv", [8, 12, 16, 24, 32, 64])
def test_every_size_of_check_value(icv):
    header = read_header(packet(0x1000, 7, icv=icv))
    assert (header.sequence, header.size) == (7, 12 + icv)
    assert isinstance(recognise(peek((C, packet(0x1000, 7, icv=icv)))), Claim)


def test_figures():
    steps = [(C, packet(0x1000, at)) for at in (1, 2, 4, 4, 5)] + [(S, packet(0x2000, 1, 17))]
    outputs, session = decode(steps)
    final = {e.spi: e for e in kit.events(outputs, AhTraffic) if e.final}
    one, other = final["00001000"], final["00002000"]
    assert (one.packets, one.missing, one.replayed, one.last, one.inside) == (5, 1, 1, 5, "tcp")
    assert (other.packets, other.inside) == (1, "udp")
    assert one.octets == 5 * 32
    assert session.standing is Standing.PARSED


def test_reports_come_when_the_number_doubled():
    outputs, _ = decode([(C, packet(0x1000, at)) for at in range(1, 101)])
    assert [e.packets for e in kit.events(outputs, AhTraffic)] == [1, 16, 32, 64, 100]


def test_ties_are_those_of_the_hosts_and_of_the_association():
    outputs, _ = decode([(C, packet(0x1000, 1)), (S, packet(0x2000, 1))])
    assert [tie.key for tie in kit.effects(outputs, Tie)] == [
        "ipsec/192.0.2.1/192.0.2.9",
        "ah/192.0.2.1/00001000",
        "ah/192.0.2.9/00002000",
    ]


def test_one_packet_is_a_claim_and_a_second_the_proof():
    assert decode([(C, packet(0x1000, 1))])[1].standing is Standing.CLAIMED
    assert decode([(C, packet(0x1000, at)) for at in (1, 2)])[1].standing is Standing.PARSED


def peek(*steps, number=51):
    start = Start("ip", START.client, START.server, number=number)
    return kit.peek(kit.Flow(start, list(steps)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        packet(0x1000, 1)[:19],
        packet(0, 1),
        packet(0x1000, 1, inside=200),
        b"\6\4\0\1" + packet(0x1000, 1)[4:],
        b"\6\0\0\0" + packet(0x1000, 1)[4:],
        b"\6\xff\0\0" + packet(0x1000, 1)[4:],
    ],
    ids=range(7),
)
def test_others_are_not_ah(data):
    assert recognise(peek((C, data))) is None


def test_the_number_of_another_protocol_is_believed():
    assert recognise(peek((C, packet(0x1000, 1)), number=50)) is None
    assert isinstance(recognise(peek((C, packet(0x1000, 1)), number=0)), Claim)
    matcher = Matcher(load())
    assert matcher.candidates("ip", packet(0x1000, 1), number=51) == ["ah"]
    assert matcher.candidates("ip", packet(0x1000, 1), number=50) == ["esp"]


def test_broken_packets_are_named_now_and_then():
    outputs, _ = decode([(C, packet(0x1000, 1)), *[(C, b"\1")] * 9])
    assert len(kit.events(outputs, Malformed)) == 4


def test_a_gap_is_told():
    assert Session(START).gap(C, 5) == [Gap(size=5)]


def test_many_associations_are_bounded():
    outputs, session = decode([(C, packet(0x1000 + at, 1)) for at in range(1000)])
    assert kit.footprint(session) < 1 << 16
    assert len([e for e in kit.events(outputs, AhTraffic) if e.final]) == 256
    outputs, _ = decode([(C, packet(0x1000 + at, n)) for at in range(300) for n in (1, 2)])
    final = [e for e in kit.events(outputs, AhTraffic) if e.final]
    assert [e.packets for e in final] == [2] * 300


@given(
    st.lists(
        st.tuples(
            st.sampled_from([C, S]),
            st.binary(max_size=60)
            | st.builds(packet, st.integers(250, 262), st.integers(0, 60), st.integers(0, 70)),
        ),
        max_size=40,
    )
)
def test_garbage_is_told_never_raised(steps):
    kit.check_garbage(lambda: Session(START), steps, bound=1 << 16)
