"""T.120: no public capture shows it, so its connections are built after T.123, T.125 and T.124.
tshark's dissectors of X.224, T.125 and T.124 read what `build` makes the same way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.matcher import Matcher
from tests.protocols.t120 import build

from backchannel.events import Gap, Malformed
from backchannel.model import LATER, MORE, Capability, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.t120 import PROTOCOL, mcs, session, tpkt
from backchannel.protocols.t120.events import Conference, ConferenceApplication, ConferenceNames
from backchannel.protocols.t120.session import Session, recognise
from backchannel.reader import WireError

CLIENT, SERVER = Side.CLIENT, Side.SERVER
ENDS = Endpoint("192.0.2.1", 40000), Endpoint("192.0.2.2", 1503)
START = Start("tcp", *ENDS)
INVITED = Start("tcp", *ENDS, accounts=("a@x", "b@y"), service="msn", purpose=Capability.WHITEBOARD)
REQUEST, CONFIRM = build.x224(0xE0), build.x224(0xD0, number=1)
JOIN = build.connect_initial(build.conference(b"\x40\x00\x10"))
JOINED = build.connect_response(build.conference(b"\x50\x00\x00"))
OPENING = [(CLIENT, REQUEST), (SERVER, CONFIRM), (CLIENT, JOIN), (SERVER, JOINED)]
WHITEBOARD = b"\x05\x00\x14\x7e\x00\x01"
FILES = b"\x05\x00\x14\x7f\x00\x01"
SHARING = b"\x06\x00\x14\x81\x00\x00\x01"
ROSTER = b"\x34\x00" + WHITEBOARD + "Anna Smith".encode("utf-16-be") + b"\1" + SHARING


def look(client=b"", server=b"", start=START):
    return recognise(Peek("tcp", client, server, True, start))


def say(*steps, start=START):
    told = Session(start)
    return told, kit.events(kit.decode(told, steps))


# -- whose bytes -------------------------------------------------------------------------------


def test_a_conference_is_claimed_by_its_connection():
    claim = look(REQUEST + JOIN, CONFIRM)
    assert isinstance(claim, Claim)
    assert "join" in claim.evidence
    assert isinstance(look(REQUEST + build.connect_initial(b"anything else")), Claim)
    assert Matcher({"t120": PROTOCOL}).candidates("tcp", REQUEST) == ["t120"]


@pytest.mark.parametrize("size", [1, 2, 5, len(REQUEST), len(REQUEST) + 9, len(REQUEST + JOIN) - 1])
def test_more_is_asked_until_the_connection_has_come(size):
    said = (REQUEST + JOIN)[:size]
    assert look(said) is (LATER if said == REQUEST else MORE)  # a guard keeps no whole one waiting


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"\x03\x01\x00\x0b", b""),
        (b"\x03\x00\x00\x05\0", b""),
        (build.tpkt(b"\x06\xe0\0\0\0\0\x40"), b""),  # X.224 class 4
        (build.tpkt(b"\x05\xe0\0\0\0\0\0"), b""),
        (build.x224(0xD0), b""),
        (build.x224(0xE0, b"Cookie: mstshash=x\r\n"), b""),
        (build.x224(0xE0, b"\1\0\x08\0\0\0\0\0"), b""),
        (REQUEST, build.x224(0xD0, b"\2\0\x08\0\0\0\0\0")),
        (REQUEST, b"\x03\x00\x00\x0b\x06\x80\0\0\0\0\0"),
        (REQUEST + build.data(b"\x32\x01\0\0"), CONFIRM),  # S7comm rides on the same
        (REQUEST + build.connect_initial(build.desktop(b"")), CONFIRM),
        (REQUEST + JOINED, CONFIRM),
        (REQUEST + b"GET /", CONFIRM),
        (b"GET / HTTP/1.0\r\n\r\n", b""),
    ],
)
def test_what_is_not_ours(client, server):
    assert look(client, server) is None


def test_an_invitation_makes_the_request_enough():
    claim = look(REQUEST, start=INVITED)
    assert isinstance(claim, Claim)
    assert look(build.x224(0xE0, b"Cookie: mstshash=x\r\n"), start=INVITED) is None


def test_parameters_of_iso_are_no_cookie():
    request = build.x224(0xE0, b"\xc0\x01\x0b")
    assert isinstance(look(request + JOIN), Claim)


# -- what is told ------------------------------------------------------------------------------


def test_who_asks_for_what():
    told, events = say(*OPENING)
    assert told.standing is Standing.PARSED
    assert events == [
        Conference(asked="join", role="client"),
        Conference(asked="joined", role="server"),
    ]


@pytest.mark.parametrize(("number", "asked"), list(enumerate(mcs.ASKED)))
@pytest.mark.parametrize("size", [20, 300])
def test_what_t124_asks_or_answers(number, asked, size):
    """ITU-T T.124 §8.7, ConnectGCCPDU: three bits of choice behind an extension bit."""
    user_data = build.conference(bytes([number << 4]) + bytes(size))
    assert mcs.Connect(True, user_data).asked == asked


def test_applications_and_names_of_a_roster():
    twice = build.sent(1, ROSTER)
    _, events = say(*OPENING, (CLIENT, twice), (SERVER, build.sent(1, ROSTER + FILES, kind=0x68)))
    assert events[2:] == [
        ConferenceApplication(standard="T.126", use=Capability.WHITEBOARD),
        ConferenceApplication(standard="T.128", use=Capability.APP_SHARING),
        ConferenceNames(names=("Anna Smith",)),
        ConferenceApplication(standard="T.127", use=Capability.FILE_TRANSFER),
    ]
    assert [event.capability for event in events[2:4]] == ["whiteboard", "app-sharing"]


def test_what_is_shared_is_not_taken_for_names():
    _, events = say(*OPENING, (CLIENT, build.sent(1007, ROSTER)))
    assert not [event for event in events if isinstance(event, ConferenceNames)]


def test_an_announced_conference_belongs_to_who_announced_it():
    told, events = say(*OPENING, start=INVITED)
    assert told.service == "msn"
    assert {(event.use, event.accounts) for event in events} == {("whiteboard", ("a@x", "b@y"))}
    assert {event.capability for event in events} == {"whiteboard"}


def test_a_desktop_is_given_back():
    told, events = say((CLIENT, REQUEST), (CLIENT, build.connect_initial(build.desktop(b""))))
    assert (told.standing, told.done, events) == (Standing.REFUTED, True, [])


def test_a_long_conference_is_left_alone_once_enough_was_seen():
    told, _ = say(*OPENING, *[(CLIENT, build.sent(1007, bytes(16_000)))] * 80)
    assert told.done
    assert kit.footprint(told) < 100_000


# -- loss and garbage --------------------------------------------------------------------------


def test_lost_framing_is_said_once_then_silence_until_a_gap():
    told, events = say(*OPENING, (CLIENT, b"junk"), (CLIENT, build.sent(1, ROSTER)))
    assert [type(event) for event in events[2:]] == [Malformed]
    again = told.gap(CLIENT, 5) + told.feed(CLIENT, b"\x03\x00\x02" + build.sent(1, ROSTER))
    assert again[0] == Gap(size=5)
    assert ConferenceNames(names=("Anna Smith",)) in again


@pytest.mark.parametrize(
    "body",
    [
        b"\x7f\x65\x05\x04",
        JOIN[7:].replace(b"\x04\x01\x01\x04\x01\x01", b"\x04\x01\x01\x05\x01\x01"),
        b"\x7f\x65\x83\0\0\1",
        b"\x7f\x65\x03\x04\x01\x01",
        b"\x7f\x66\x03\x0a\x02\0",
    ],
)
def test_a_broken_connection_costs_one_message(body):
    with pytest.raises(WireError):
        mcs.read_connect(body)
    _, events = say(*OPENING, (CLIENT, build.data(body)), (CLIENT, build.sent(1, WHITEBOARD)))
    assert [type(event) for event in events[2:]] == [Malformed, ConferenceApplication]


FOREIGN = kit.CORPUS / "public/negatives"


@pytest.mark.skipif(not FOREIGN.exists(), reason="the public corpus is not here")
def test_nothing_in_ordinary_traffic_is_claimed():
    flows = [flow for path in sorted(FOREIGN.glob("*.pcap*")) for flow in kit.flows(path)]
    assert len(flows) > 100
    tcp = [flow for flow in flows if flow.start.transport == "tcp"]
    assert not [str(flow) for flow in tcp if isinstance(recognise(kit.peek(flow)), Claim)]


STREAM = [*OPENING, (CLIENT, build.sent(1, ROSTER)), (SERVER, build.sent(2, FILES, kind=0x68))]
UNITS = st.one_of(
    st.binary(max_size=50),
    st.binary(min_size=3, max_size=60).map(build.tpkt),
    st.binary(max_size=60).map(build.data),
    st.builds(build.sent, st.integers(0, 3), st.binary(max_size=60)),
    st.binary(max_size=60).map(build.connect_initial),
    st.sampled_from([REQUEST, CONFIRM, JOIN, JOINED]),
)


@pytest.mark.parametrize("size", [1, 2, 5, 11, 64])
def test_segmentation_changes_nothing(size):
    kit.check_segmentation(lambda: Session(START), STREAM, size)


@given(
    st.lists(st.tuples(st.sampled_from(Side), UNITS | st.integers(1, 99)), max_size=10),
    st.integers(1, 40),
)
def test_garbage_is_never_raised_and_cuts_change_nothing(steps, size):
    kit.check_garbage(lambda: Session(START), steps)
    kit.check_segmentation(lambda: Session(START), steps, size)
    client = b"".join(data for side, data in steps if side is CLIENT and isinstance(data, bytes))
    look(client[:4096])
    look(client[:4096], start=INVITED)


def test_memory_is_one_packet():
    told = Session(START)
    for _ in range(100):
        told.feed(CLIENT, b"\x03\x00\xff\xff" + bytes(600))
        told.gap(CLIENT, 1)
    assert kit.footprint(told) < 70_000


def test_a_limit_stands():
    assert session.LIMIT == 1 << 20
    assert [unit.code for unit in tpkt.units(REQUEST + JOIN)[0]] == [tpkt.REQUEST, tpkt.DATA]
