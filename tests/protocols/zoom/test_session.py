"""Zoom: datagrams made by hand after Princeton's plug-in for Wireshark and nDPI's captures.

Facts about nDPI's captures (`zoom.pcap`, `zoom2.pcap`, `zoom_p2p.pcapng`), which are not part of
this repository, are on the protocol's page.
"""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher
from tests.protocols.zoom import build
from tests.protocols.zoom.build import (
    ALICE,
    AUDIO,
    BOB,
    BOUND,
    COOKIE,
    MEETING,
    OPENED,
    PEERS,
    SCREEN,
    SHOWN,
    TALK,
    TRIED,
    VIDEO,
    answer,
    audio,
    bind,
    direct,
    opening,
    ping,
    question,
    reliable,
    report,
    screen,
    screen_served,
    served,
    told,
    video,
    video_plain,
)

from backchannel.effects import Tie
from backchannel.events import Gap, PeerAddress
from backchannel.model import MORE, Capability, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.rtp.events import MediaStream
from backchannel.protocols.zoom import PROTOCOL, session, wire
from backchannel.protocols.zoom.events import ZoomFlow, ZoomMedia
from backchannel.protocols.zoom.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("udp", Endpoint("192.0.2.1", 40000), Endpoint("198.51.100.9", 8801))
ASKED = [(S, ping(1)), (C, ping(1, 4))]
LEGACY = [
    (C, opening(version=2)),
    (S, answer(version=2)),
    (C, b"\5" + bind(AUDIO)),
    (C, b"\5" + audio(1)),
    (S, b"\5" + report()),
]


def sealed(number, kind=3, cookie=COOKIE):
    """A ping of version 3 with more to say, and its digest."""
    return ping(number, kind, cookie)[:13] + b"\1\2\1x\5\x40" + bytes(64) + b"\xff"


def look(client=b"", server=b"", transport="udp"):
    return recognise(Peek(transport, client, server, True, START))


def say(*steps):
    made = Session(START)
    return made, kit.decode(made, steps)


def first(told):
    return [
        (side, event.media, event.path, event.ssrc, event.payload)
        for side, event in told
        if isinstance(event, ZoomMedia)
    ]


def streams(told):
    return [(side, event) for side, event in told if isinstance(event, MediaStream)]


@pytest.mark.parametrize(
    ("client", "server", "flipped", "sure"),
    [
        (opening(), b"", False, True),
        (opening(version=2), b"", False, True),
        (opening(), answer(), False, True),
        (b"", opening(), True, True),
        (answer(), b"", True, False),
        (b"", answer(version=2), False, False),
        (question(), b"", False, True),
        (told((203, 0, 113, 7), 9), b"", True, False),
        (b"", told((203, 0, 113, 7), 9), False, False),
        (question(), told((203, 0, 113, 7), 9), False, True),
        (direct("10.0.0.7", 9), b"", False, True),
        (b"", direct("2001:db8::7", 9), False, True),
        (served(audio(1), C), b"", False, False),
        (served(audio(1), S), b"", True, False),
        (served(video(1), S), b"", True, False),
        (served(video_plain(1), C), b"", False, False),
        (served(screen_served(1), C), b"", False, False),
        (served(report(), C), b"", False, False),
        (audio(1), b"", False, False),
        (b"", video(1), False, False),
        (screen(1), b"", False, False),
        (ping(1), ping(1, 4), True, False),
        (ping(1, 4), ping(1), False, False),
        (ping(1)[:13], ping(1, 4)[:13], True, False),
        (served(bytes(40), S), ping(1, 4), True, False),
        (served(bytes(40), C), ping(1), False, False),
        (sealed(1), sealed(1, 4), False, False),
        (sealed(1), served(bytes(40), S), False, False),
        (served(bytes(40), S), sealed(1), True, False),
    ],
)
def test_what_is_claimed(client, server, flipped, sure):
    claim = look(client, server)
    assert isinstance(claim, Claim)
    assert (claim.flipped, claim.sure) == (flipped, sure)


def changed(data, at, value):
    return data[:at] + bytes((value,)) + data[at + 1 :]


@pytest.mark.parametrize(
    "data",
    [
        opening()[:42],
        changed(opening(), 1, 1),
        changed(opening(), 2, 4),
        changed(opening(), 26, 3),
        changed(opening(), 37, 1),
        changed(answer(), 27, 1),
        answer(version=2)[:34],
        question() + b"\0",
        changed(question(), 43, 0x31),
        changed(told((1, 2, 3, 4), 5), 25, 2),
        told((1, 2, 3, 4), 5)[:31],
        direct("10.0.0.7", 0),
        direct("10.0.0.777", 9),
        direct("10.0.0.7", 9) + b"\0",
        direct("10.0.0.7", 9)[:-1] + b"\1",
        direct("10.0.0.7", 9, call=b"x" * 36),
        direct("10.0.0.7", 9, call=b"0A1B"),
        changed(direct("10.0.0.7", 9), 24, 0x80),
        changed(served(audio(1), C), 7, 2),
        changed(served(audio(1), C), 7, 8),
        changed(served(audio(1), C), 26, 0),
        served(audio(1), C) + b"\0",
        changed(served(video(1), C), 8, 0x11),
        changed(served(video(1), C), 32, 0x40),
        changed(served(report(), C), 25, 0x20),
        served(report(), C)[:-1],
        served(bind(AUDIO), C),
        served(b"", C),
        bind(AUDIO),
        b"\x0f",
        b"\x05",
        bytes(200),
        b"",
    ],
)
def test_what_is_near_is_not(data):
    for client, server in ((data, b""), (b"", data)):
        assert not isinstance(look(client, server), Claim)


def test_one_ping_says_nothing_yet_and_two_of_different_flows_nothing_at_all():
    assert look(ping(1)) is MORE
    assert look(b"", ping(1)) is MORE
    assert look(ping(1), ping(2)) is None
    assert look(ping(1, 4), ping(1, 4)) is None
    assert look(ping(1), ping(2, 4)) is None
    assert look(ping(1), ping(1, cookie=b"\1\2\3\4")) is None
    assert look(ping(1, cookie=bytes(4)), ping(1, cookie=bytes(4))) is None
    assert look(ping(1), b"x" * 40) is None
    assert look(opening(), transport="tcp") is None


def kcp(command, conversation=3, sequence=7, body=b""):
    """A segment of KCP, whose acknowledgement (82) repeats what a push (81) says."""
    return (
        struct.pack(
            "<IBBHIIII", conversation, command, 0, 128, 0x1EADBEEF, sequence, sequence, len(body)
        )
        + body
    )


ECHO = b"\3\0\0\1 hello echo!!"


@pytest.mark.parametrize("conversation", [3, 4, 5, 7])
def test_kcp_is_no_ping(conversation):
    push, ack = (kcp(command, conversation, body=body) for command, body in ((81, b"x"), (82, b"")))
    steps = [(C, push), (S, ack), (S, push), (C, ack)] * 3
    for client, server in ((push, ack), (ack, push), (push, push)):
        assert not isinstance(look(client, server), Claim)
    assert say(*steps)[0].standing is not Standing.PARSED


@pytest.mark.parametrize(
    "data", [ECHO, ping(1), ping(1, 4), ping(1)[:13], served(bytes(40), S), b"\7\0\0\0\0" + COOKIE]
)
def test_an_echo_is_no_answer(data):
    assert not isinstance(look(data, data), Claim)
    assert say(*[(C, data), (S, data)] * 5)[0].standing is not Standing.PARSED


@pytest.mark.parametrize("more", [b"", b"\0", b"\1\xff", b"\1\x05\x02ab\xff", b"\1\1\0\x05\3abc\0"])
def test_what_a_ping_may_end_with(more):
    asks, answers = (ping(1, kind)[:13] + more for kind in (3, 4))
    assert isinstance(look(answers, asks), Claim)
    assert wire.cookie(asks) == COOKIE
    for wrong in (
        b"\2",
        b"\0\0",
        b"\1",
        b"\1\5\2a\xff",
        b"\1\5\2abc\xff",
        b"\1\5\xff",
        b"\1\5\1a\1",
    ):
        assert wire.cookie(ping(1)[:13] + wrong) == b""
        assert look(ping(1)[:13] + wrong, answers) is None
    assert wire.cookie(ping(1, cookie=b"\0\0\1\1")) == b"", "as any count may be"


def test_pings_of_both_sides_with_their_digest_are_claimed_and_proved_once_repeated():
    assert isinstance(look(sealed(1), sealed(7)), Claim)
    assert isinstance(look(sealed(1), sealed(7, 4)), Claim)
    assert look(sealed(1), sealed(1)) is None, "an echo"
    assert look(sealed(1), sealed(7, cookie=b"\1\2\3\4")) is None
    steps = [(C, sealed(1)), (S, sealed(7)), (S, sealed(1, 4)), (C, sealed(7, 4))]
    assert say(*steps)[0].standing is Standing.CLAIMED
    assert say(*steps, (C, sealed(2)), (S, sealed(2, 4)))[0].standing is Standing.PARSED


def test_a_meeting_tells_which_flow_is_for_what_and_who_is_heard():
    made, told = say(*TALK)
    assert (made.standing, made.service, made.done) == (Standing.PARSED, "zoom", False)
    assert first(told) == [
        (C, "audio", "server", "01000402", "dynamic 98"),
        (S, "audio", "server", "01000802", "dynamic 98"),
    ]
    assert [event.media for _, event in told if isinstance(event, ZoomFlow)] == ["audio"]
    assert [
        (side, event.state, event.media, event.ssrc, event.packets) for side, event in streams(told)
    ] == [
        (C, "begins", "audio", "01000402", 0),
        (S, "begins", "audio", "01000802", 0),
        (C, "ends", "audio", "01000402", 8),
        (S, "ends", "audio", "01000802", 8),
    ]


def test_the_flows_of_one_meeting_belong_together_and_its_number_is_not_told():
    _, told = say(*BOUND)
    (tie,) = [event for _, event in told if isinstance(event, Tie)]
    assert MEETING.hex() not in tie.key
    (other,) = [event for _, event in say((C, served(bind(VIDEO), C)))[1] if type(event) is Tie]
    assert other == tie
    (foreign,) = [
        event
        for _, event in say((C, served(bind(VIDEO, meeting=bytes(16)), C)))[1]
        if isinstance(event, Tie)
    ]
    assert foreign != tie


def test_a_screen_is_another_capability_and_told_with_its_first_packet():
    made, told = say(*SHOWN)
    assert [event.media for _, event in told if isinstance(event, ZoomFlow)] == ["screen"]
    (event,) = [event for _, event in told if isinstance(event, ZoomMedia)]
    assert (event.media, event.capability) == ("screen", Capability.APP_SHARING)
    assert streams(told) == []
    assert made.standing is Standing.PARSED
    flow = ZoomFlow(media="screen")  # stands ready in every meeting
    assert flow.capability is None


def test_people_heard_and_seen_are_voice_and_video():
    _, told = say(*OPENED, (C, served(video(1), C)), (S, served(video_plain(1, BOB + 1), S)))
    kinds = [event for _, event in told if isinstance(event, ZoomMedia)]
    assert [event.media for event in kinds] == ["video", "video"]
    assert {event.capability for event in kinds} == {Capability.VOICE_VIDEO}


def test_a_direct_flow_carries_everything_and_tells_where_each_is():
    made, told = say(*PEERS)
    assert made.standing is Standing.PARSED
    assert [
        (side, event.address, event.port, event.how)
        for side, event in told
        if isinstance(event, PeerAddress)
    ] == [
        (C, "198.51.100.9", 46757, "zoom-direct"),
        (S, "192.168.7.8", 40000, "zoom-direct"),
    ]
    assert [(side, media, path) for side, media, path, *_ in first(told)] == [
        (C, "audio", "direct"),
        (S, "audio", "direct"),
        (C, "video", "direct"),
        (S, "screen", "direct"),
    ]


def test_only_the_other_ones_attempt_at_the_same_call_proves_a_direct_flow():
    mine = direct("198.51.100.9", 9)
    theirs = direct("10.0.0.1", 9, call=b"0A1B2C3D-0000-4111-8222-333344446666")
    assert say((C, mine), (C, mine))[0].standing is Standing.CLAIMED
    assert say((C, mine), (S, theirs))[0].standing is Standing.CLAIMED
    assert say(*TRIED)[0].standing is Standing.PARSED


def test_where_a_client_is_seen_is_told_where_it_is_not_what_shows():
    made, events = say((C, question()), (S, told((203, 0, 113, 7), 65397)))
    assert events == [
        (
            S,
            PeerAddress(
                use=Capability.VOICE_VIDEO,
                account="",
                address="203.0.113.7",
                port=65397,
                transport="udp",
                how="stun-mapped",
            ),
        )
    ]
    assert made.standing is Standing.PARSED
    assert say((C, question()), (S, told((192, 0, 2, 1), 9)))[1] == []
    for steps in (
        [(C, question()), (S, told((203, 0, 113, 7), 9, bytes(16)))],
        [(C, question()), (C, told((203, 0, 113, 7), 9))],
        [(S, told((203, 0, 113, 7), 9))],
        [(S, question()), (S, told((203, 0, 113, 7), 9))],
        [(S, told((203, 0, 113, 7), 9)), (C, question())],
    ):
        made, events = say(*steps)
        assert (made.standing, events) == (Standing.CLAIMED, []), "nobody asked"


@pytest.mark.parametrize(
    ("steps", "proved"),
    [
        ([(C, opening())], False),
        ([(C, opening()), (S, answer())], True),
        ([(C, opening()), (S, answer(bytes(16)))], False),
        ([(C, opening()), (C, answer())], False),
        ([(C, opening(version=2)), (S, answer(version=2))], True),
        ([(C, opening(version=2)), (S, answer(version=1))], True),
        ([(C, ping(1)), (S, ping(7))], False),
        ([(C, ping(1)), (C, ping(2))], False),
        ([(C, ping(1)), (S, ping(1, 4))], False),
        ([*ASKED, (S, ping(2)), (C, ping(2, 4))], True),
        ([*ASKED, (C, ping(2)), (S, ping(2, 4))], False),
        ([*ASKED, *ASKED], False),
        ([*ASKED, (S, ping(3)), (C, ping(2, 4))], False),
        ([*ASKED, (C, served(bytes(40), C))], True),
        ([(C, ping(1)), (S, ping(7, cookie=b"\1\2\3\4"))], False),
        ([(S, answer()), (C, served(bytes(60), C))], True),
        ([(C, b"\7\0\0\0\0" + COOKIE), (S, ping(1))], True),
        ([(C, served(audio(1), C))], False),
        ([(C, served(audio(1), C)), (C, served(audio(2), C))], True),
        ([(C, served(audio(65535), C)), (C, served(audio(65536), C))], True),
        ([(C, served(audio(1), C)), (C, served(audio(1), C))], False),
        ([(C, served(audio(1), C)), (C, served(audio(80), C))], False),
        ([(C, served(audio(1), C)), (C, served(audio(2, ssrc=7), C))], False),
        ([(C, served(report(), C))], True),
        ([(C, served(report()[:-1], C))], False),
        ([(C, audio(1)), (S, audio(2))], False),
        ([(C, screen(1)), (C, screen(2))], True),
    ],
)
def test_what_proves_it(steps, proved):
    assert (say(*steps)[0].standing is Standing.PARSED) is proved


def test_version_two_has_a_header_of_one_byte():
    made, told = say(*LEGACY)
    assert made.standing is Standing.PARSED
    assert [event.media for _, event in told if isinstance(event, ZoomFlow)] == ["audio"]
    assert first(told) == [(C, "audio", "server", "01000402", "dynamic 98")]


def test_three_datagrams_of_something_else_before_any_proof_refute_it():
    made, _ = say((C, served(audio(1), C)), *[(C, b"\xaa" * 60)] * 2)
    assert made.standing is Standing.CLAIMED
    made, told = say((C, served(audio(1), C)), *[(C, b"\xaa" * 60)] * 3, (C, served(audio(2), C)))
    assert made.standing is Standing.REFUTED
    assert len(first(told)) == 1
    made, _ = say(*OPENED, *[(C, b"\xaa" * 60)] * 9)
    assert made.standing is Standing.PARSED


@pytest.mark.parametrize(
    "junk",
    [
        *(bytes((kind,)) + b"\xaa" * 60 for kind in (3, 4, 5, 6, 7)),
        *(bytes((kind,)) + bytes(60) for kind in (3, 4, 5, 6, 7)),
        served(bytes(60), C, cookie=b"\1\2\3\4"),
        ping(1)[:13] + b"\2",
        ping(1, cookie=b"\1\2\3\4"),
        kcp(81, 5, body=bytes(30)),
    ],
)
def test_what_begins_as_zoom_does_and_is_none_of_it_refutes_it_too(junk):
    for begun in ((C, served(audio(1), C)), (C, opening())):
        assert say(begun, *[(C, junk)] * 2)[0].standing is Standing.CLAIMED
    assert say((C, served(audio(1), C)), *[(C, junk)] * 3)[0].standing is Standing.REFUTED
    assert say(*OPENED, *[(C, junk)] * 9)[0].standing is Standing.PARSED


def test_kinds_that_nobody_has_described_are_no_strike_where_the_number_is_the_flows():
    unknown = [(S, served(b"\x15" + bytes(40), S, n)) for n in range(9)]
    made, _ = say((S, answer()), (S, ping(1)), *unknown)
    assert made.standing is Standing.CLAIMED
    made, _ = say((S, served(audio(1), S)), *unknown)
    assert made.standing is Standing.REFUTED


def test_a_flow_is_left_alone_after_a_while_but_a_direct_one_only_once_a_screen_was_shown(
    monkeypatch,
):
    monkeypatch.setattr(session, "WATCHED", 15)
    made, told = say(*TALK, (S, served(screen_served(1), S)))
    assert made.done
    assert [(side, event.state) for side, event in streams(told)] == [
        (C, "begins"),
        (C, "counted"),
    ]
    assert len(first(told)) == 2
    made, _ = say(*PEERS[:-1])
    assert not made.done
    assert say(*PEERS)[0].done


def test_a_gap_is_told():
    assert say(*OPENED, (S, 20))[1] == [(S, Gap(size=20))]


def test_reports_name_nobody():
    _, told = say(*OPENED, (C, served(report(), C)))
    assert told == []


@pytest.mark.parametrize(
    ("data", "at", "kind", "start"),
    [
        (audio(1), 0, wire.VOICE, 19),
        (served(audio(1), C), 8, wire.VOICE, 27),
        (video(1), 0, wire.VIDEO, 24),
        (video_plain(1), 0, wire.VIDEO, 20),
        (screen(1), 0, wire.SCREEN, 20),
        (screen_served(1), 0, wire.SCREEN, 27),
        (report(kind=0x21), 0, wire.REPORT, 16),
        (report(kind=0x23), 0, wire.REPORT, 16),
        (bind(VIDEO), 0, wire.BIND, 0),
        (reliable(bind(SCREEN)), 0, wire.BIND, 7),
        (bind(SCREEN, kind=0x0D), 0, wire.BIND, 0),
    ],
)
def test_inner_packets(data, at, kind, start):
    inner = wire.read_inner(data, at)
    assert (inner.kind, inner.start) == (kind, start)


@pytest.mark.parametrize(
    "data",
    [
        bind(0),
        bind(4),
        bind(AUDIO)[:22],
        changed(bind(AUDIO), 1, 2),
        changed(bind(AUDIO), 18, 2),
        report(kind=0x24),
        video(1)[:35],
        b"\x15\1" + bytes(60),
    ],
)
def test_what_is_no_inner_packet(data):
    assert wire.read_inner(data, 0) is None


MAGICAL = [
    opening(),
    opening(version=2),
    answer(),
    answer(version=2),
    question(),
    told((1, 2, 3, 4), 5),
    direct("10.0.0.7", 9),
    ping(1),
    ping(1, 4),
    *(served(kind(1), side) for kind in (audio, video, video_plain) for side in Side),
    served(screen_served(1), S),
    served(report(), C),
    audio(1),
    video(1),
    video_plain(1),
    screen(1),
    report(kind=0x21),
]


def test_the_magic_lets_them_pass_and_little_else():
    matcher = Matcher({"zoom": PROTOCOL})
    for data in MAGICAL:
        assert matcher.candidates("udp", data) == ["zoom"], data[:12].hex()
    for data in (
        bytes(100),
        build.rtp(1, ALICE),
        served(audio(1), C) + b"\0",
        changed(served(audio(1), C), 7, 2),
        opening()[:42],
        question()[:43],
        served(bind(AUDIO), C),
        b"\1\0\2" + bytes(100),
    ):
        assert matcher.candidates("udp", data) == []


ANY = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.binary(max_size=90)
        | st.sampled_from([*MAGICAL, served(bind(SCREEN), C), reliable(bind(SCREEN))])
        | st.builds(
            lambda data, at, value: changed(data, at % len(data), value),
            st.sampled_from([data for data in MAGICAL if len(data) > 20]),
            st.integers(0, 99),
            st.integers(0, 255),
        ),
    )
)


@given(ANY)
def test_garbage_is_never_raised(steps):
    kit.check_garbage(lambda: Session(START), steps)


@given(st.binary(min_size=1, max_size=60))
def test_random_bytes_are_not_claimed(data):
    assert not isinstance(look(data, data[::-1]), Claim)


def test_a_meeting_in_a_capture(tmp_path):
    packets = [
        *craft.datagrams(TALK, server=Endpoint("198.51.100.9", 31_337)),
        *craft.datagrams(SHOWN, client=Endpoint("10.9.0.2", 41_000), server=START.server),
    ]
    document = Scan(craft.write(tmp_path / "meeting.pcap", packets)).document
    (row,) = document.services
    assert (row.service, row.stack, row.confidence, row.flows) == ("zoom", "zoom", "parsed", 2)
    assert set(row.capabilities) == {"voice-video", "app-sharing"}
    assert document.findings == ()


def test_a_meeting_met_midway_is_known_by_its_media(tmp_path):
    packets = craft.datagrams(TALK[6:], server=Endpoint("198.51.100.9", 31_337))
    document = Scan(craft.write(tmp_path / "midway.pcap", packets)).document
    assert [(row.service, row.confidence) for row in document.services] == [("zoom", "parsed")]
