"""YCHT, made by hand as four programs make and read it: no capture shows it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit

from backchannel.effects import Tie
from backchannel.events import (
    Credential,
    Gap,
    Malformed,
    Message,
    Presence,
    Room,
    SignOff,
    SignOn,
    SignOnAnswer,
)
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.ycht.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.1", 1), Endpoint("198.51.100.2", 8002))
ROOM = "Linux, FreeBSD, Solaris:1"


def pack(version, kind, body):
    data = body if isinstance(body, bytes) else body.encode()
    return struct.pack(">4sIIHH", b"YCHT", version, kind, 0, len(data)) + data


def c(kind, *fields, version=0xAE):
    """libpurple `ycht_packet_send`: version ae; Fines' robot has 100, coozzzzz's class 166."""
    return C, pack(version, kind, "\x01".join(fields))


def s(kind, *fields):
    """libpurple's ycht.h shows such packets of version 100."""
    body = b"\xc0\x80".join(f if isinstance(f, bytes) else f.encode() for f in fields)
    return S, pack(0x100, kind, body)


def member(name):
    """As libpurple's ycht.h shows one."""
    return f"{name}\x020\x02 \x022769036\x0258936\x02"


LOGIN = [
    c(0x01, "ann", "Y=v=1&n=abc&l=0dd/o&p=x; T=z=def&sk=1"),
    s(0x01),
]
TALK = [
    *LOGIN,
    c(0x11, ROOM),
    s(0x11, ROOM, "Unix in all flavors.", "ad.html", "0", f"{member('ann')}\x01{member('bob')}"),
    s(0x11, ROOM, "Unix in all flavors.", "", "0", member("sgooki888")),
    c(0x41, ROOM, "\x1b[1mhi\x1b[x1m all"),
    s(0x41, ROOM, "bob", b'<font face="tahoma">caf\xc3\xa9</font>'),
    s(0x43, ROOM, "bob", "waves"),
    s(0x42, ROOM, "bob", ". o O ( hm )"),
    c(0x45, "ann", "bob", "psst", "-1:-1"),
    s(0x45, "bob", "ann", "what?", "-1:-1"),
    s(0x17, "come over", "The Bored Room:1", "eve"),
    s(0x68, "1", "bob", "2"),
    s(0x68, "0", "bob", "4"),
    s(0x12, ROOM, "cccc4cccc"),
    c(0x62),
    c(0x02, "ann"),
]


def said(*steps):
    return kit.decode(Session(START), steps)


def test_signing_on_and_off():
    told = said(*TALK)
    assert kit.events(told, SignOn) == [
        SignOn(account="ann", method="cookie", client="Yahoo! Chat")
    ]
    (cookie,) = kit.events(told, Credential)
    assert (cookie.scheme, cookie.secret) == (
        "yahoo-cookie",
        "Y=v=1&n=abc&l=0dd/o&p=x; T=z=def&sk=1",
    )
    assert len(kit.effects(told, Tie)) == 1
    assert kit.events(told, SignOnAnswer) == [SignOnAnswer(account="ann", accepted=True)]
    assert kit.events(told, SignOff) == [SignOff(account="ann")]
    assert not kit.events(told, Malformed)


def test_refusals():
    """coozzzzz's `Packet_Parse`: an error begins so, whatever the kind; 2 and 65 end it."""
    told = said(LOGIN[0], s(0x01, "*** Danger Will Robinson!!!", "no such user"))
    assert kit.events(told, SignOnAnswer) == [
        SignOnAnswer(account="ann", accepted=False, reason="no such user")
    ]
    told = said(*LOGIN, s(0x11, "That room is full.  Try a similar room?"), s(0x65, "bye"))
    assert not kit.events(told, Room)
    assert kit.events(told, SignOff) == [SignOff(account="ann", reason="bye")]


def test_rooms():
    assert [(r.action, r.room, r.account, r.others) for r in kit.events(said(*TALK), Room)] == [
        ("join", ROOM, "ann", ()),
        ("join", ROOM, "ann", ("bob",)),
        ("join", ROOM, "sgooki888", ()),
        ("invite", "The Bored Room:1", "eve", ("ann",)),
        ("leave", ROOM, "cccc4cccc", ()),
    ]


def test_messages():
    told = kit.events(said(*TALK), Message)
    assert [(m.sender, m.recipient, m.room, m.kind, m.text) for m in told] == [
        ("ann", "", ROOM, "text", "hi all"),
        ("bob", "", ROOM, "text", "café"),
        ("bob", "", ROOM, "emote", "waves"),
        ("bob", "", ROOM, "thought", ". o O ( hm )"),
        ("ann", "bob", "", "text", "psst"),
        ("bob", "ann", "", "text", "what?"),
        ("eve", "", "The Bored Room:1", "invitation", "come over"),
    ]
    assert told[0].markup == "\x1b[1mhi\x1b[x1m all"


def test_presence():
    assert [(p.account, p.status) for p in kit.events(said(*TALK), Presence)] == [
        ("bob", "online"),
        ("bob", "offline"),
    ]


def test_commands():
    """coozzzzz's class joins, tells and invites by commands of kind 71."""
    told = said(
        *LOGIN,
        c(0x71, "join The Bored Room:1", version=0x166),
        c(0x71, "tell Coozzzzz Hello you!", version=0x166),
        c(0x71, "invite eve and some words", version=0x166),
        c(0x71, "goto eve", version=0x166),
    )
    assert [(r.action, r.room, r.others) for r in kit.events(told, Room)] == [
        ("join", "The Bored Room:1", ()),
        ("invite", "The Bored Room:1", ("eve",)),
    ]
    (message,) = kit.events(told, Message)
    assert (message.recipient, message.text) == ("Coozzzzz", "Hello you!")


def peeked(client=b"", server=b"", begun=True):
    return recognise(Peek("tcp", client, server, begun, START))


def test_recognition():
    for _, data in TALK:
        assert isinstance(peeked(data), Claim)
        assert peeked(data[:12]) is MORE
    for data in (b"YCHT/1.0", b"YCHT\0\0\x20\0", b"YCHT\0\0\0\xae\0\1", b"YMSG\0\0\0\0"):
        assert peeked(data) is None
    assert peeked(TALK[0][1], b"HTTP/1.0 200 OK") is None


def whole_and_cut(data):
    """What is said of a flow joined in the middle, as its first bytes come."""
    return [peeked(data[:size], begun=False) for size in range(1, len(data) + 1)]


@pytest.mark.parametrize(
    ("steps", "flipped"),
    [
        ([s(0x41, ROOM, "bob", "hi")], True),
        ([s(0x01, "welcome"), s(0x11, ROOM, "", "", "", member("bob"))], True),
        ([c(0x11, ROOM), c(0x41, ROOM, "hi")], False),
    ],
)
def test_a_flow_joined_in_the_middle_is_claimed_once_its_fields_tell_the_sides(steps, flipped):
    *waits, last = whole_and_cut(b"".join(data for _, data in steps))
    claims = [answer for answer in [*waits, last] if answer is not MORE]
    assert claims
    assert {(type(claim), claim.flipped) for claim in claims} == {(Claim, flipped)}
    assert peeked(b"", steps[-1][1], begun=False).flipped is not flipped


def test_a_flow_joined_in_the_middle_without_fields_is_claimed_in_the_end():
    """Nothing tells its sides: who spoke first is the client."""
    data = b"".join([c(0x62)[1]] * 256)
    *waits, last = whole_and_cut(data[:4096])
    assert set(waits) == {MORE}
    assert not last.flipped


@given(size=st.integers(1, 90))
def test_segments_change_nothing(size):
    kit.check_segmentation(lambda: Session(START), TALK, size)


parts = st.sampled_from([data for _, data in TALK] + [pack(0xAE, 0x11, b"x\x01\xc0\x80")])


@given(
    st.lists(st.tuples(st.sampled_from(Side), parts | st.binary(max_size=40) | st.integers(1, 50)))
)
def test_garbage(chunks):
    kit.check_garbage(lambda: Session(START), chunks, bound=70_000)


def test_loss():
    told = said(*LOGIN, (S, TALK[6][1][:20]), (S, 30), (S, b"rest" + TALK[7][1]))
    assert [type(event) for event in kit.events(told)][-2:] == [Gap, Message]
    told = said(*LOGIN, (S, 30), (S, b"YCHT\0\0\xff no packet"), TALK[7])
    assert [type(event) for event in kit.events(told)][-2:] == [Gap, Message]


@pytest.mark.parametrize("data", [b"nonsense", b"YCHT\0\0\0\xae\1"])
def test_lost_framing(data):
    session = Session(START)
    assert len(kit.events(kit.decode(session, [(C, data), (C, data)]), Malformed)) == 1
    assert session.standing is Standing.REFUTED
