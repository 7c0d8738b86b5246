"""OSCAR sessions: golden captures, outside witnesses, and the laws."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit
from tests.protocols.oscar.craft import (
    AUTH_COOKIE,
    COOKIE,
    START,
    C,
    S,
    Talk,
    events,
    flap,
    hello,
    im,
    im_from,
    info,
    name8,
    part,
    snac,
    tlv,
    u16,
)

from backchannel.events import Anomaly, Gap, Malformed, Message, SignOff, SignOn, Typing
from backchannel.model import Claim, Standing
from backchannel.protocols import Start
from backchannel.protocols.oscar import wire
from backchannel.protocols.oscar.session import SNACS, Session, recognise

HERE = Path(__file__).parent
CAPTURES = sorted([*kit.EXAMPLES.glob("aim/*.pcap"), *kit.EXAMPLES.glob("icq/icq_o*.pcap")])
PUBLIC = kit.CORPUS / "public/oscar-icq/Oscar.pcap"
every_capture = pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)

NOOP = snac(1, 0x16)


def test_there_are_captures():
    """An empty glob must fail, or the parametrised tests pass by not running."""
    assert len(CAPTURES) >= 9


@every_capture
def test_golden(capture):
    """The events of a real conversation, one JSON line each."""
    told = [
        told
        for flow in kit.claimed(capture, recognise)
        for told in kit.decode(Session(flow.start), flow.steps)
    ]
    kit.check_golden(HERE / "golden" / f"{capture.stem}.jsonl", told)


@every_capture
def test_real_clients_break_nothing(capture):
    """tshark marks no frame of these captures malformed, so neither may we."""
    for flow in kit.claimed(capture, recognise):
        session = Session(flow.start)
        told = kit.decode(session, flow.steps)
        assert not kit.events(told, Malformed)
        assert not kit.events(told, Anomaly)
        assert session.standing is Standing.PARSED


def test_witness_roasted_capture():
    """Counted by tshark: `tshark -r icq_oscar_roast_8im.pcap -d tcp.port==5190-5191,aim -T fields
    -e aim_messaging.channelid`, and the manifest.
    """
    flows = kit.claimed(kit.EXAMPLES / "icq/icq_oscar_roast_8im.pcap", recognise)
    assert [str(flow) for flow in flows] == [
        "tcp 10.1.0.2:35820 > 10.2.0.2:5190",
        "tcp 10.1.0.2:55028 > 10.2.0.2:5191",
        "tcp 10.1.0.2:35824 > 10.2.0.2:5190",
        "tcp 10.1.0.2:55036 > 10.2.0.2:5191",
    ]
    told = [event for flow in flows for _, event in kit.decode(Session(flow.start), flow.steps)]
    count = Counter(type(event).__name__ for event in told)
    assert count["Message"] == 16  # each of the 8 leaves one client and reaches the other
    assert count["SignOn"] == 4
    assert count["SignOff"] == 2


@pytest.mark.skipif(not PUBLIC.exists(), reason=f"{PUBLIC} is not here")
def test_witness_session_with_holes_on_port_443():
    """Facts of the corpus's manifest: 33 and 25 FLAP frames, holes of 9751 and 61340 bytes."""
    (flow,) = kit.flows(PUBLIC)
    frames = [0, 0]

    class Counting(Session):
        def _frame(self, side, *rest):
            frames[side] += 1
            super()._frame(side, *rest)

    session = Counting(flow.start)
    told = kit.decode(session, flow.steps)
    assert frames == [33, 25]
    assert [gap.size for gap in kit.events(told, Gap)] == [9751, 61340]
    assert session.service == "icq"
    (sign_on,) = kit.events(told, SignOn)
    assert (sign_on.client, sign_on.version) == ("Adium/1.5.10", "20.52.0 build 3096")
    sent, received = kit.events(told, Message)
    assert (sent.sender, sent.recipient, sent.text) == ("157901844", "461758769", "HI!")
    assert sent.markup == "<HTML><BODY><HTML><FONT>HI!</FONT></HTML></BODY></HTML>"
    assert (received.sender, received.text) == ("461758769", "hey")
    assert [(typing.sender, typing.active) for typing in kit.events(told, Typing)][:2] == [
        ("157901844", True),
        ("157901844", False),
    ]
    assert not kit.events(told, Anomaly)


# -- law 1: segmentation -----------------------------------------------------------------------


@every_capture
@pytest.mark.parametrize("size", [1, 7, 1448])
def test_segmentation_changes_nothing(capture, size):
    for flow in kit.claimed(capture, recognise):
        kit.check_segmentation(lambda flow=flow: Session(flow.start), flow.steps, size)


bodies = st.builds(
    lambda kind, flags, request, body: snac(*kind, body, flags=flags, request=request),
    st.sampled_from([*SNACS, (1, 1), (4, 1), (0x15, 1), (0x99, 1)]),
    st.sampled_from([0, 1, 0x8000]),
    st.integers(0, 3),
    st.binary(max_size=60)
    | st.lists(
        st.builds(tlv, st.sampled_from([1, 2, 3, 4, 5, 6, 8, 0x0A, 0x0C]), st.binary(max_size=40)),
        max_size=4,
    ).map(b"".join)
    | st.builds(
        lambda channel, name, rest: COOKIE + u16(channel) + name + rest,
        st.integers(0, 5),
        st.sampled_from([name8("bob"), info("bob"), info("700100300", tlv(0x0C, bytes(37)))]),
        st.binary(max_size=80) | st.builds(lambda b: tlv(5, bytes(2) + COOKIE + b), st.binary()),
    ),
)
frames = st.builds(
    flap,
    st.sampled_from([2, 2, 2, 2, 1, 3, 4, 5]),
    bodies | st.binary(max_size=20),
    st.integers(0, 9),
)
steps = st.lists(
    st.tuples(st.sampled_from([C, S]), frames | st.binary(min_size=1, max_size=40)), max_size=12
)
gaps = st.lists(st.tuples(st.sampled_from([C, S]), frames | st.integers(1, 5000)), max_size=12)


@settings(max_examples=150)
@given(conversation=steps | gaps, size=st.integers(1, 9))
def test_segmentation_changes_nothing_on_garbage(conversation, size):
    kit.check_segmentation(lambda: Session(START), conversation, size)


@settings(max_examples=100)
@given(conversation=steps | gaps, size=st.integers(1, 9))
def test_segmentation_changes_nothing_in_mid_stream(conversation, size):
    start = Start("tcp", START.client, START.server, begun=False)
    kit.check_segmentation(lambda: Session(start), conversation, size)


# -- law 2: garbage ----------------------------------------------------------------------------


@settings(max_examples=300)
@given(steps | gaps)
def test_garbage_is_reported_never_raised(conversation):
    kit.check_garbage(lambda: Session(START), conversation, 1 << 19)


def test_memory_stays_bounded_over_a_long_hostile_session():
    talk = Talk()
    for number in range(3000):
        name = f"somebody {number}" * 10
        talk.s(3, 0x0B, info(name, tlv(0x0A, u16(1) + u16(number)), tlv(0x1D, b"")))
        talk.c(4, 6, im(name, part(b"hi")), request=number)
        talk.c(1, 4, u16(0x0E) + tlv(1, u16(4) + name8(name)), request=number)
        talk.c(0x15, 2, tlv(1, bytes(14)), request=number)
    assert kit.footprint(talk.session) < 1 << 20


def test_a_frame_that_never_ends_holds_no_more_than_a_frame():
    session = Session(START)
    session.feed(C, b"\x2a\x02\0\0\xff\xff" + bytes(50_000))
    for _ in range(15_000):
        assert session.feed(C, b"\0") == []
    assert kit.footprint(session) < 1 << 17


# -- loss --------------------------------------------------------------------------------------


def test_a_broken_body_costs_one_frame():
    talk = Talk()
    told = (
        talk.frame(C, 2, b"\0\x04\0") + talk.c(4, 6, b"short") + talk.c(4, 6, im("bob", part(b"x")))
    )
    assert [type(event) for event in told] == [Malformed, Malformed, Message]


def test_what_came_before_the_break_is_kept():
    broken = info("700100200")[:-2] + u16(2) + tlv(0x0A, bytes([10, 0, 0, 1])) + b"\0\x0c\0\x25\1"
    (told,) = events(Talk("").s(1, 0x0F, broken))
    assert isinstance(told, Malformed)
    talk = Talk("")
    talk.s(1, 0x0F, broken)
    assert talk.session.service == "icq"


def test_a_tlv_that_runs_over_the_end_is_malformed_not_shortened():
    (told,) = Talk().c(2, 4, tlv(2, b"profile")[:-1])
    assert isinstance(told, Malformed)
    (told,) = Talk().c(2, 4, tlv(2, b"profile") + b"\0")
    assert isinstance(told, Malformed)


def test_of_two_tlvs_with_one_tag_the_first_counts():
    (told,) = Talk().c(2, 4, tlv(2, b"first") + tlv(2, b"second"))
    assert told.text == "first"


@pytest.mark.parametrize("loss", [b"GET /", b"\x21\x02", b"\x2a\x09", b"\x2a\x00"])
def test_lost_framing_is_said_once_then_silence_until_a_gap(loss):
    session = Session(START)
    session.feed(C, flap(1, hello()) + flap(2, NOOP, 1) + flap(2, NOOP, 2))
    assert [type(event) for event in session.feed(C, loss)] == [Malformed]
    assert session.standing is Standing.PARSED
    message = flap(2, snac(4, 6, im("bob", part(b"hi"))), 9)
    assert session.feed(C, message) == []
    gap, told = session.gap(C, 9) + session.feed(C, message)
    assert gap == Gap(size=9)
    assert told.text == "hi"


@pytest.mark.parametrize("loss", [b"GET /", b"\x2a\x09", b"\x2a\x00\0\0"])
def test_lost_framing_is_said_as_soon_byte_by_byte(loss):
    whole, bytewise = Session(START), Session(START)
    told = [event for at in range(len(loss)) for event in bytewise.feed(C, loss[at : at + 1])]
    assert told == whole.feed(C, loss)
    assert len(told) == 1


def test_lost_framing_on_one_side_leaves_the_other_alone():
    talk = Talk()
    talk.session.feed(C, b"?")
    assert [event.text for event in talk.s(4, 7, im_from("bob", part(b"still here")))] == [
        "still here"
    ]


def test_lost_framing_before_anything_was_decoded_refutes_the_claim():
    session = Session(START)
    session.feed(C, flap(1, hello()) + b"HTTP")
    assert session.standing is Standing.REFUTED


def test_a_gap_forgets_the_half_frame_before_it():
    session = Session(START)
    whole = flap(2, snac(4, 6, im("bob", part(b"hi"))))
    session.feed(C, whole[:20])
    gap, told = session.gap(C, 9) + session.feed(C, whole)
    assert (gap, told.text) == (Gap(size=9), "hi")


@pytest.mark.parametrize("junk", [b"", b"*", b"*\2", b"\x2a\x02\0\x07\0\x20and so on", bytes(99)])
def test_after_a_gap_the_next_frame_is_found_by_its_look(junk):
    session = Session(START)
    session.gap(C, 1)
    told = session.feed(C, junk + flap(2, snac(4, 6, im("bob", part(b"hi")))))
    assert [event.text for event in told] == ["hi"]


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_frame_is_found_alike_however_it_is_cut(cut):
    """The sequence number 2a04 looks like the beginning of a sign-off frame."""
    frame = flap(2, snac(4, 6, im("bob", part(b"hi"))), 0x2A04)
    session = Session(START)
    session.gap(C, 1)
    told = session.feed(C, frame[:cut]) + session.feed(C, frame[cut:])
    assert [event.text for event in told] == ["hi"]


def test_a_session_joined_in_mid_frame_finds_its_feet():
    session = Session(Start("tcp", START.client, START.server, begun=False))
    talk = flap(2, snac(4, 6, im("bob", part(b"lost"))), 7)
    told = session.feed(C, talk[30:] + flap(2, snac(4, 6, im("bob", part(b"found"))), 8))
    assert [event.text for event in told] == ["found"]


@pytest.mark.parametrize(
    ("data", "aligned"),
    [
        (flap(2, snac(4, 6, im("bob", part(b"whole"))), 7), True),
        (flap(2, snac(4, 6, im("bob", part(b"whole"))), 7) + b"*", False),
        (b"rest of one" + flap(2, snac(4, 6, im("bob", part(b"whole"))), 7), False),
        (flap(2, snac(4, 6, im("bob", part(b"half"))), 7)[:-1], False),
        (flap(2, snac(0x99, 6), 7), False),
        (bytes(200), False),
    ],
)
def test_a_session_joined_midway_knows_whether_only_whole_frames_came(data, aligned):
    session = Session(Start("tcp", START.client, START.server, begun=False))
    session.feed(C, data)
    assert session.aligned is aligned
    assert session.standing is not Standing.PARSED


def test_a_contact_list_of_numbers_is_icqs_where_nobody_said_whose_it_is():
    def heard(*names):
        items = b"".join(u16(len(n)) + n + u16(1) + u16(9) + u16(0) + u16(0) for n in names)
        session = Session(Start("tcp", START.client, START.server, begun=False))
        session.feed(S, flap(2, snac(0x13, 6, b"\0" + u16(len(names)) + items), 7))
        return session.service

    assert heard(b"700100300", b"700100400") == "icq"
    assert heard(b"700100300", b"bob") == ""


def test_a_session_joined_on_the_wrong_foot_turns_itself_round():
    """Where nothing showed who opened the connection, the messages do."""
    session = Session(START)
    told = session.feed(S, flap(2, snac(4, 6, im("bob", part(b"hi")))))
    told += session.feed(C, flap(2, snac(4, 0x14, COOKIE + u16(1) + name8("bob") + u16(2))))
    message, typing = told
    assert (message.recipient, typing.sender) == ("bob", "bob")


def test_an_old_sign_off_frame_without_its_length():
    """What open-oscar-server sends AIM before 4.3: marker, channel and sequence, then the end."""
    talk = Talk()
    assert talk.session.feed(S, b"\x2a\x04\0\x01") == []
    (event,) = talk.session.end(S)
    assert event == SignOff(account="alice", reason="closed by the service")


# -- sequence and direction --------------------------------------------------------------------


def counted(*sequences: int) -> list[str]:
    session = Session(START)
    told = [event for n in sequences for event in session.feed(C, flap(2, NOOP, n))]
    return [event.kind for event in told]


def test_frames_that_count_up_are_silent():
    assert counted(5, 6, 7) == []
    assert counted(0xFFFE, 0xFFFF, 0, 1) == []
    assert counted(0x7FFF, 0, 1) == []  # ICQ clients that count to 7fff


def test_a_jump_is_an_anomaly_and_the_count_goes_on_from_there():
    assert counted(5, 7, 8) == ["sequence-jump"]
    assert counted(5, 5) == ["sequence-jump"]
    assert counted(5, 0) == ["sequence-jump"]


def test_a_jump_that_loss_explains_is_silent():
    session = Session(START)
    session.feed(C, flap(2, NOOP, 5))
    session.gap(C, 100)
    assert session.feed(C, flap(2, NOOP, 50) + flap(2, NOOP, 51)) == []


def test_a_keep_alive_that_is_not_counted_is_no_jump():
    session = Session(START)
    frames = flap(2, NOOP, 5) + flap(5, b"", 0) + flap(2, NOOP, 6) + flap(5, b"", 7)
    assert session.feed(C, frames + flap(2, NOOP, 8)) == []


def test_a_server_that_cannot_count_does_not_fill_the_log():
    assert len(counted(*[0] * 100)) == 8


def test_the_two_sides_count_for_themselves():
    session = Session(START)
    assert session.feed(C, flap(2, NOOP, 5)) + session.feed(S, flap(2, NOOP, 900)) == []


def test_a_client_that_plays_the_service_is_an_anomaly_and_not_believed():
    talk = Talk()
    (odd,) = talk.c(4, 7, im_from("bob", part(b"forged")))
    assert (odd.kind, odd.detail) == ("wrong-direction", "04/07 from the client")


# -- other people's flows ----------------------------------------------------------------------


def test_peers_files_are_not_claimed():
    flows = kit.flows(kit.EXAMPLES / "aim/aim_oft.pcap")
    assert [
        type(recognise(kit.peek(flow))) for flow in flows if flow.start.server.port == 5190
    ] == [
        Claim,
        Claim,
        type(None),
        type(None),
    ]


def test_the_frame_pattern_is_never_longer_than_its_size():
    """Resynchronisation waits for this many bytes."""
    longest = max(
        (
            flap(2, NOOP),
            flap(1, hello(tlv(6, AUTH_COOKIE))),
            flap(4, tlv(1, b"x")),
        ),
        key=lambda frame: wire.FRAME.match(frame).end(),
    )
    assert wire.FRAME.match(longest).end() <= wire.FRAME_SIZE


@pytest.mark.parametrize(
    ("other", "service"), [("700100200", "icq"), ("bob", ""), ("7up", ""), ("\u0661\u0662", "")]
)
def test_an_account_that_nothing_names_is_one_of_icq_where_it_talks_to_numbers(other, service):
    talk = Talk("")
    talk.c(4, 6, im(other, part(b"x")))
    assert talk.session.service == service
    talk = Talk("")
    talk.s(4, 7, im_from(other, part(b"x")))
    assert talk.session.service == service


def test_a_name_is_believed_more_than_whom_it_talks_to():
    talk = Talk("alice")
    talk.c(4, 6, im("700100200", part(b"x")))
    assert talk.session.service == "aim"
    talk = Talk("")
    talk.c(4, 6, im("700100200", part(b"x")))
    talk.s(1, 0x0F, info("alice"))
    assert talk.session.service == "aim"
