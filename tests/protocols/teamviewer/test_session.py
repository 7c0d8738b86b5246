"""TeamViewer: messages made by hand, of the form of those in nDPI's capture `teamviewer.pcap`."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher

from backchannel.events import Gap, Software
from backchannel.model import LATER, MORE, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.teamviewer import PROTOCOL
from backchannel.protocols.teamviewer.session import OPENING, Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.10", 40000), Endpoint("192.0.2.1", 5938))
UDP = Start("udp", Endpoint("192.0.2.10", 40000), Endpoint("192.0.2.20", 36037))
ASKS, ANSWERS = OPENING + bytes(range(32)), OPENING + bytes(range(50, 82))
TALK = [(C, ASKS), (S, ANSWERS), (C, b"\x11\x30" + bytes(range(90))), (S, b"\x17\x24\x1b\0\0")]


def second(command=0x36, body=bytes(range(24)), header=24, number=1):
    """Return a message of version 2, as servers answer with one."""
    return (
        struct.pack("<3sBIIIII", bytes((0x11, 0x30, command)), 0, len(body), number, 0, 27, header)
        + body
    )


def datagram(number=0, body=b"", flow=b"\0\0\3"):
    """Return a message in a datagram."""
    return struct.pack("<II3s3sH", number, 0, flow, b"\x17\x24\x47", len(body)) + body


TALK_2 = [(C, ASKS + b"\x17\x24\x28\x02\0ab"), (S, second()), (S, second(0x3C)), (C, second(0x3C))]
HOLE, BACK = datagram(body=b"192.0.2.20"), datagram(body=b"192.0.2.10")


def look(client=b"", server=b"", transport="tcp"):
    return recognise(Peek(transport, client, server, True, START))


def say(*steps, start=START):
    session = Session(start)
    return session, kit.events(kit.decode(session, steps))


def test_it_is_claimed_once_both_sides_opened_in_the_same_way():
    assert isinstance(look(ASKS, ANSWERS), Claim)
    assert isinstance(look(ASKS + b"\x11\x30", ANSWERS + b"\x17"), Claim)
    assert {look(ASKS[:size]) for size in range(1, 37)} == {MORE}
    assert look(ASKS) is LATER  # no guard holds it back: its sender waits for the answer
    assert {look(ASKS, ANSWERS[:size]) for size in range(1, 37)} == {MORE}
    assert look(ASKS, ANSWERS, "udp") is None


def test_a_server_may_answer_in_version_2():
    claimed = look(ASKS, second())
    assert isinstance(claimed, Claim)
    assert claimed.evidence.endswith("version 2 back")
    assert {look(ASKS, second()[:size]) for size in range(1, 24)} == {MORE}
    assert look(b"", second()) is None
    assert look(second(), second()) is None


def test_datagrams_are_whole_messages():
    assert isinstance(look(HOLE, BACK, "udp"), Claim)
    assert isinstance(look(HOLE, transport="udp"), Claim), "what opens has ten bytes of zero"
    late = datagram(7, b"secret", b"\x44\x26\x0b")
    assert look(late, transport="udp") is MORE
    assert isinstance(look(late, datagram(9, flow=b"\x44\x26\3"), "udp"), Claim)
    assert look(late, late[:-1], "udp") is None
    assert look(late + b"\0", transport="udp") is None
    assert look(HOLE, BACK) is None
    assert look(b"", b"", "udp") is None


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"", ANSWERS),
        (ASKS, second(header=25)),
        (ASKS, second(body=bytes(0x10000))),
        (ASKS, b"\x11\x30\x36\1" + second()[4:]),
        (ASKS + b"\x17\x25", ANSWERS),
        (ASKS, ANSWERS + b"GET"),
        (ASKS, b"HTTP/1.1"),
        (b"\x17\x03\x03\0\x20" + bytes(32), ANSWERS),
        (b"\x17\x24\x0a\x21\0" + bytes(33), ANSWERS),
    ],
)
def test_what_is_near_is_not(client, server):
    assert look(client, server) is None


def test_the_magic():
    matcher = Matcher({"teamviewer": PROTOCOL})
    assert matcher.candidates("tcp", ASKS) == ["teamviewer"]
    assert matcher.candidates("tcp", b"\x17\x03\x03\0\x20" + bytes(40)) == []


MIDWAY = Start("tcp", START.client, START.server, begun=False)
TWO = second(number=7) + second(0x3C, number=8)


def amid(client=b"", server=b""):
    return recognise(Peek("tcp", client, server, False, MIDWAY))


def test_a_connection_is_claimed_on_its_way_by_two_messages():
    """Form: nDPI's `teamviewer.pcap`, whose connection to a server goes on like this."""
    for client, server in ((TWO, b""), (b"", TWO), (TWO, bytes(9)), (second(), second(number=9))):
        assert isinstance(amid(client, server), Claim)
    assert isinstance(amid(TWO[:-24]), Claim), "two headers are enough"
    assert amid(second()) is MORE
    assert Matcher({"teamviewer": PROTOCOL}).candidates("tcp", second()) == ["teamviewer"]
    assert look(TWO) is None, "nobody begins like that"


@pytest.mark.parametrize(
    "data",
    [
        second(number=7) + second(number=9),
        second(number=7) + second(header=25, number=8),
        second(number=7) + ASKS,
        second(body=bytes(0x10000)),
        b"\x11\x31" + TWO[2:],
        TWO[1:],
        b"",
    ],
)
def test_what_is_near_amid_a_connection_is_not(data):
    assert not isinstance(amid(data), Claim)


def test_who_passed_amid_a_connection_passes_with_more_bytes():
    for data in (TWO, second() + bytes(90), ASKS + bytes(90), bytes(90)):
        said = [amid(b"", data[:size]) for size in range(1, len(data))]
        passed = [each is None for each in said]
        assert passed == sorted(passed)


@pytest.mark.parametrize("answer", [ANSWERS, second()])
def test_an_opening_is_enough_where_the_handshake_was_not_captured(tmp_path, answer):
    assert isinstance(amid(ASKS, answer), Claim)
    session, told = say((S, answer), (C, ASKS), start=MIDWAY)
    assert (session.standing, told) == (Standing.PARSED, [Software(name="TeamViewer")])
    packets = craft.tcp([(C, ASKS), (S, answer)], handshake=False)
    (row,) = Scan(craft.write(tmp_path / "opening.pcap", packets)).document.services
    assert (row.service, row.confidence) == ("teamviewer", "parsed")


def test_the_beginning_is_known_where_only_the_handshake_is_missing():
    assert isinstance(amid(ASKS, ANSWERS), Claim)
    assert amid(ASKS) is amid(ASKS[:3]) is MORE
    session, told = say((C, ASKS), (S, ANSWERS), start=MIDWAY)
    assert (session.standing, told) == (Standing.PARSED, [Software(name="TeamViewer")])


def test_a_connection_on_its_way_is_parsed():
    session, told = say((S, bytes(99)), (C, TWO[:30]), (C, TWO[30:]), (S, TWO), start=MIDWAY)
    assert (session.standing, session.done) == (Standing.PARSED, True)
    assert told == [Software(name="TeamViewer")]
    session, told = say((C, bytes(5000)), (S, bytes(5000)), start=MIDWAY)
    assert (session.standing, session.done, told) == (Standing.CLAIMED, True, [])


@given(st.integers(1, 60))
def test_segmentation_changes_nothing_amid_a_connection(size):
    for client in (TWO + second(number=9), second() + bytes(90), ASKS + bytes(90)):
        steps = [(S, second()), (C, client), (S, second(number=2))]
        kit.check_segmentation(lambda: Session(MIDWAY), steps, size)


def test_a_connection_met_on_its_way_is_found(tmp_path):
    steps = [(C, second(number=4)), (S, second(number=5)), (C, second(number=5))]
    capture = craft.write(tmp_path / "way.pcap", craft.tcp(steps, handshake=False))
    (row,) = Scan(capture).document.services
    assert (row.service, row.confidence) == ("teamviewer", "parsed")


def test_datagrams_meet_the_magic():
    matcher = Matcher({"teamviewer": PROTOCOL})
    assert matcher.candidates("udp", HOLE) == ["teamviewer"]
    assert matcher.candidates("udp", HOLE + b"\0") == matcher.candidates("udp", HOLE[:13]) == []


def test_datagrams_of_both_sides_prove_it():
    session, told = say((C, HOLE), (C, HOLE), start=UDP)
    assert (session.standing, told) == (Standing.CLAIMED, [])
    session, told = say((C, HOLE), (S, BACK), (S, b"no"), start=UDP)
    assert (session.standing, told) == (Standing.PARSED, [Software(name="TeamViewer")])
    assert say((C, HOLE), (S, b"no"), start=UDP)[0].standing is Standing.REFUTED


def test_an_echo_is_no_answer():
    late = datagram(7, b"secret", b"\x44\x26\x0b")
    assert look(late, late, "udp") is None
    assert look(HOLE, HOLE, "udp") is None
    session, told = say((C, HOLE), (C, late), (S, HOLE), (S, late), start=UDP)
    assert (session.standing, told) == (Standing.CLAIMED, [])
    session, told = say((C, HOLE), (S, HOLE), (S, BACK), start=UDP)
    assert (session.standing, told) == (Standing.PARSED, [Software(name="TeamViewer")])
    for number in range(900):
        session.feed(C, datagram(number))
    assert kit.footprint(session) < 4000


@pytest.mark.parametrize("talk", [TALK, TALK_2])
def test_the_program_is_told_once(talk):
    session, told = say(*talk)
    assert told == [Software(name="TeamViewer")]
    assert (session.standing, session.done) == (Standing.PARSED, True)
    assert say((C, ASKS))[0].standing is Standing.CLAIMED
    assert say((C, ASKS), (S, b"no"))[0].standing is Standing.REFUTED
    assert say((C, ASKS), (S, 9), (S, ANSWERS))[1] == [Gap(size=9)]


@pytest.mark.parametrize("size", [1, 5, 37])
@pytest.mark.parametrize("talk", [TALK, TALK_2])
def test_how_tcp_cuts_it_changes_nothing(talk, size):
    kit.check_segmentation(lambda: Session(START), talk, size)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Side), st.binary(max_size=60) | st.sampled_from((ASKS, HOLE, second()))
        )
    )
)
def test_garbage_is_never_raised(steps):
    kit.check_garbage(lambda: Session(START), steps)
    kit.check_garbage(lambda: Session(UDP), steps)


def test_on_any_port(tmp_path):
    packets = craft.tcp(TALK, server=Endpoint("198.51.100.7", 8111))
    (row,) = Scan(craft.write(tmp_path / "one.pcap", packets)).document.services
    assert (row.service, row.stack, row.confidence) == ("teamviewer", "teamviewer", "parsed")
