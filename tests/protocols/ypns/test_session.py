"""YPNS, made by hand as three programs make and read it: no capture shows it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit

from backchannel.events import (
    Credential,
    Gap,
    Malformed,
    Message,
    Offer,
    Presence,
    Room,
    SignOff,
    SignOn,
    SignOnAnswer,
)
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.ypns.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.1", 1), Endpoint("198.51.100.2", 5050))
ERROR = 0xFFFFFFFF


def pack(version, service, content, kind, size=0):
    data = content if isinstance(content, bytes) else content.encode()
    data = data.ljust(size, b"\0") if size else data + b"\0"
    head = version.ljust(8, b"\0") + struct.pack("<6I", 104 + len(data), service, 0, 7, 0, kind)
    return head + b"nneul".ljust(36, b"\0") + b"tnneul".ljust(36, b"\0") + data


def c(service, content, kind=0):
    """libyahoo 0.18.4 `yahoo_sendcmd`: 1024 bytes of content, whatever it is."""
    return C, pack(b"YPNS2.0", service, content, kind, size=1024)


def s(service, content, kind=1):
    """Servers said YHOO1.0, which libyay insists on."""
    return S, pack(b"YHOO1.0", service, content, kind)


LOGIN = [
    c(0x01, "25udo5k8tkvjb\x01nneul,tnneul", 12),
    s(0x01, "2,buddy1(0,728EE9FB,0,1,0,0),buddy2(2,7AC00000,0,1,0,0)", 0),
]
TALK = [
    *LOGIN,
    c(0x06, "buddy1,hi, \x1b[1myou\x1b[x1m"),
    s(0x06, "buddy1,,well, hello"),
    s(0x06, "6,6,tnneul,nneul,Tue Mar  7 12:14:50 2000,test offline msg\x01", 5),
    s(0x06, "buddy2(9)", 4),
    s(0x20, "buddy2,,from a room"),
    c(0x03, "99\x01gone (fishing), back soon"),
    c(0x04, "0\x01 "),
    s(0x03, "gtkobject(99,(test), or\x01,6634CD3,0,1,0,0)"),
    s(0x02, "buddy1(0,728EE9FB,0,0,0,0)"),
    s(0x1F, "buddy2(0,7AC00000,0,0,0,0)"),
    s(0x0F, "eve,,let me in", 3),
    s(0x46, "eve,,http://filetransfer.msg.yahoo.com:80/eve/cat.gif?s=1,953000000,my cat"),
    c(0x12, ""),
    c(0x02, "nneul"),
]
CONFERENCE = [
    *LOGIN,
    c(0x18, "nneul-1\x02buddy1,buddy2\x02join us\x020"),
    s(0x19, "nneul-1\x02buddy1"),
    s(0x1A, "nneul-1\x02buddy2\x02no time"),
    c(0x1D, "nneul-1\x02buddy1\x02hello all"),
    s(0x1D, "nneul-1\x02buddy1\x02hello too"),
    s(0x1D, "nneul-1\x02buddy1\x02not sent", ERROR),
    c(0x1C, "nneul-1\x02eve\x02buddy1\x02buddy1\x02you too\x020"),
    s(0x1C, "nneul-1\x02buddy1\x02mallory", 11),
    s(0x1B, "nneul-1\x02buddy1"),
    c(0x1B, "nneul-1\x02eve"),
    s(0x18, "jaylubo-123\x02jaylubo\x02bob\x02come\x020"),
    c(0x19, "jaylubo-123\x02jaylubo,bob"),
    c(0x1A, "jaylubo-123\x02jaylubo,bob\x02later"),
    s(0x1C, "other-1\x02ann\x02x\x02bob\x02and you\x020", 1),
]


def said(*steps):
    return kit.decode(Session(START), steps)


def test_signing_on_and_off():
    told = said(*TALK)
    assert not kit.events(told, Malformed)
    assert kit.events(told, SignOn) == [
        SignOn(account="nneul", method="cookie", client="Yahoo! Pager")
    ]
    (cookie,) = kit.events(told, Credential)
    assert (cookie.kind, cookie.scheme, cookie.secret) == (
        "token",
        "yahoo-pager-cookie",
        "25udo5k8tkvjb",
    )
    assert kit.events(told, SignOnAnswer) == [SignOnAnswer(account="nneul", accepted=True)]
    assert kit.events(told, SignOff) == [SignOff(account="nneul")]


def test_others_sign_on_with_the_account():
    """Wireshark's packet-yhoo.c: message type ffffffff is an error, as in YMSG."""
    told = kit.events(said(LOGIN[0], s(0x01, "", ERROR)), SignOnAnswer)
    assert told == [SignOnAnswer(account="nneul", accepted=False)]
    told = kit.events(said(*LOGIN, s(0x02, "", ERROR)), SignOff)
    assert told == [SignOff(account="nneul", reason="signed on elsewhere")]


def test_messages():
    """Their forms, and the kept one, stand in libyahoo's `yahoo_parsepacket_message`."""
    told = kit.events(said(*TALK), Message)
    assert [(m.sender, m.recipient, m.kind, m.text) for m in told] == [
        ("tnneul", "buddy1", "text", "hi, you"),
        ("buddy1", "tnneul", "text", "well, hello"),
        ("nneul", "tnneul", "offline", "test offline msg"),
        ("buddy2", "tnneul", "text", "from a room"),
        ("eve", "tnneul", "authorization", "let me in"),
        ("eve", "tnneul", "text", "my cat"),
    ]


def test_presence():
    """Records of friends are those of libyahoo's and libyay's comments."""
    told = kit.events(said(*TALK), Presence)
    assert [(p.account, p.status, p.text) for p in told] == [
        ("nneul", "invisible", ""),
        ("buddy1", "online", ""),
        ("buddy2", "busy", ""),
        ("buddy2", "stepped-out", ""),
        ("tnneul", "away", "gone (fishing), back soon"),
        ("tnneul", "online", ""),
        ("gtkobject", "away", "(test), or"),
        ("buddy1", "offline", ""),
        ("buddy2", "offline", ""),
    ]
    for broken in (
        "bob was not AWAY",
        "bob(",
        "bob(99,never ends,0)",
        "bob(0,1,0",
        "(0,1,0,1,0,0)",
    ):
        assert not kit.events(said(s(0x03, broken)), Presence)


def test_files():
    (offer,) = kit.events(said(*TALK), Offer)
    assert (offer.sender, offer.recipient, offer.name, offer.id, offer.detail) == (
        "eve",
        "tnneul",
        "cat.gif",
        "/eve/cat.gif?s=1",
        "filetransfer.msg.yahoo.com",
    )


def test_conferences():
    """Formats: the comments of libyahoo's `yahoo_cmd_*conf*` and `yahoo_parsepacket_conf*`."""
    told = said(*CONFERENCE)
    assert [(r.action, r.room, r.account, r.others) for r in kit.events(told, Room)] == [
        ("invite", "nneul-1", "tnneul", ("buddy1", "buddy2")),
        ("join", "nneul-1", "buddy1", ()),
        ("decline", "nneul-1", "buddy2", ()),
        ("invite", "nneul-1", "tnneul", ("eve",)),
        ("invite", "nneul-1", "buddy1", ("mallory",)),
        ("leave", "nneul-1", "buddy1", ()),
        ("leave", "nneul-1", "tnneul", ()),
        ("invite", "jaylubo-123", "jaylubo", ("tnneul", "bob")),
        ("join", "jaylubo-123", "tnneul", ("jaylubo", "bob")),
        ("decline", "jaylubo-123", "tnneul", ()),
        ("invite", "other-1", "ann", ("tnneul",)),
    ]
    assert [(m.sender, m.room, m.kind, m.text) for m in kit.events(told, Message)] == [
        ("tnneul", "nneul-1", "invitation", "join us"),
        ("tnneul", "nneul-1", "text", "hello all"),
        ("buddy1", "nneul-1", "text", "hello too"),
        ("tnneul", "nneul-1", "invitation", "you too"),
        ("jaylubo", "jaylubo-123", "invitation", "come"),
        ("ann", "other-1", "invitation", "and you"),
    ]


def peeked(client=b"", server=b"", begun=True):
    return recognise(Peek("tcp", client, server, begun, START))


def test_recognition():
    asked, answered = LOGIN[0][1], LOGIN[1][1]
    assert isinstance(peeked(asked, answered), Claim)
    assert isinstance(peeked(b"", answered), Claim)
    assert peeked(asked[:12]) is MORE
    for data in (b"YPNS", b"YP"):
        assert peeked(data) is MORE
    for data in (b"YPNS2,0\0", b"YPNS2.0 ", b"YPNS2.0\0\x20\0\0\0", b"YMSG\0\0\0\0", answered):
        assert peeked(data) is None
    assert peeked(asked, b"HTTP/1.0 200 OK") is None
    midway = peeked(answered, begun=False)
    assert isinstance(midway, Claim)
    assert midway.flipped


@given(size=st.integers(1, 900))
def test_segments_change_nothing(size):
    kit.check_segmentation(lambda: Session(START), CONFERENCE, size)


parts = st.sampled_from([data for _, data in TALK + CONFERENCE])


@given(
    st.lists(st.tuples(st.sampled_from(Side), parts | st.binary(max_size=40) | st.integers(1, 50)))
)
def test_garbage(chunks):
    kit.check_garbage(lambda: Session(START), chunks, bound=140_000)


def test_loss():
    told = said(*LOGIN, (S, TALK[3][1][:50]), (S, 30), (S, b"rest" + TALK[4][1]))
    assert [type(event) for event in kit.events(told)][-2:] == [Gap, Message]


@pytest.mark.parametrize("size", [1, 7, 2000])
def test_words_behind_a_loss_that_look_like_a_packets_beginning(size):
    rest = b"I love YHOO, YHOO1.0\0\1\0\0\0 and YHOO" + TALK[3][1] + TALK[4][1]
    steps = [(S, rest[at : at + size]) for at in range(0, len(rest), size)]
    told = said(*LOGIN, (S, 30), *steps)
    assert [m.kind for m in kit.events(told, Message)] == ["text", "offline"]
    assert not kit.events(told, Malformed)


@pytest.mark.parametrize("data", [b"nonsense", b"YPNS2.0\0\1\0\0\0"])
def test_lost_framing(data):
    session = Session(START)
    assert len(kit.events(kit.decode(session, [(C, data), (C, data)]), Malformed)) == 1
    assert session.standing is Standing.REFUTED
