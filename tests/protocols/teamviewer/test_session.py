"""TeamViewer: openings made by hand, as nDPI and libprotoident have them. No capture was found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher

from backchannel.events import Gap, Software
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.teamviewer import PROTOCOL
from backchannel.protocols.teamviewer.session import OPENING, Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.10", 40000), Endpoint("192.0.2.1", 5938))
ASKS, ANSWERS = OPENING + bytes(range(32)), OPENING + bytes(range(50, 82))
TALK = [(C, ASKS), (S, ANSWERS), (C, b"\x11\x30" + bytes(range(90))), (S, b"\x17\x24\x1b\0\0")]


def look(client=b"", server=b"", transport="tcp"):
    return recognise(Peek(transport, client, server, True, START))


def say(*steps):
    session = Session(START)
    return session, kit.events(kit.decode(session, steps))


def test_it_is_claimed_once_both_sides_opened_in_the_same_way():
    assert isinstance(look(ASKS, ANSWERS), Claim)
    assert isinstance(look(ASKS + b"\x11\x30", ANSWERS + b"\x17"), Claim)
    assert {look(ASKS[:size]) for size in range(1, 38)} == {MORE}
    assert {look(ASKS, ANSWERS[:size]) for size in range(37)} == {MORE}
    assert look(ASKS, ANSWERS, "udp") is None


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"", ANSWERS),
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


def test_the_program_is_told_once():
    session, told = say(*TALK)
    assert told == [Software(name="TeamViewer")]
    assert (session.standing, session.done) == (Standing.PARSED, True)
    assert say((C, ASKS))[0].standing is Standing.CLAIMED
    assert say((C, ASKS), (S, b"no"))[0].standing is Standing.REFUTED
    assert say((C, ASKS), (S, 9), (S, ANSWERS))[1] == [Gap(size=9)]


@pytest.mark.parametrize("size", [1, 5, 37])
def test_how_tcp_cuts_it_changes_nothing(size):
    kit.check_segmentation(lambda: Session(START), TALK, size)


@given(st.lists(st.tuples(st.sampled_from(Side), st.binary(max_size=60) | st.just(ASKS))))
def test_garbage_is_never_raised(steps):
    kit.check_garbage(lambda: Session(START), steps)


def test_on_any_port(tmp_path):
    packets = craft.tcp(TALK, server=Endpoint("198.51.100.7", 8111))
    (row,) = Scan(craft.write(tmp_path / "one.pcap", packets)).document.services
    assert (row.service, row.stack, row.confidence) == ("teamviewer", "teamviewer", "parsed")


def test_no_other_captures_flows_are_claimed():
    for path in kit.foreign():
        for flow in kit.flows(path):
            assert not isinstance(recognise(kit.peek(flow)), Claim)
