"""Webcam connections of Yahoo Messenger, made by hand as libyahoo2 and Kopete make them."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit

from backchannel.effects import Expect, Tie
from backchannel.events import Credential, Gap, Malformed, Offer, OfferAnswer, PeerAddress
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.msn_webcam.events import WebcamVideo
from backchannel.protocols.yahoo_webcam.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.1", 1), Endpoint("198.51.100.2", 5100))


def short(data):
    """A packet with a header of 8 bytes (libyahoo2 `_yahoo_webcam_connected`, to watch)."""
    return struct.pack(">BBBBI", 8, 0, 1, 0, len(data)) + data


def packet(kind, value=0, data=b"", reason=0):
    """A packet with a header of 13 bytes (libyahoo2 `yahoo_get_webcam_data` reads it)."""
    return struct.pack(">BBBBIBI", 13, reason, 5, 0, len(data), kind, value) + data


def named(host=b"", status=0):
    """What webcam.yahoo.com answers (libyahoo2 `yahoo_getwebcam_master`; Kopete's third byte)."""
    return struct.pack(">BBBB", 20, status, 6 if status else 4, 0) + host.ljust(16, b"\0")


ASKS = b"a=2\r\nc=us\r\ne=21\r\nu=bob\r\nt=k3y\r\ni=10.0.0.5\r\ng=ann\r\no=w-2-5-1\r\np=1\r\n"
GIVES = b"a=2\r\nc=us\r\nu=bob\r\nt=k3y\r\ni=10.0.0.5\r\no=w-2-5-1\r\np=1\r\nb=me\r\n"
WATCH = [
    (C, b"<REQIMG>" + short(ASKS)),
    (S, packet(0x13, 0, b"i=192.168.1.7\r\nj=203.0.113.9\r\n")),
    (S, packet(0, 1)),
    (S, packet(1, 1)),
    (S, packet(2, 7, b"\xff\x4f\xff\x51" + bytes(900)) + packet(2, 8, bytes(300))),
    (S, packet(7, 0, reason=1)),
]
SHOW = [
    (C, b"<SNDIMG>" + packet(1, 1, GIVES)),
    (S, packet(0, 0, b"u=eve\r\n")),
    (C, packet(0, 1, b"u=eve\r\n")),
    (C, packet(2, 7, bytes(500))),
    (S, packet(0x0C, 0, b"eve")),
    (S, packet(5, 7)),
    (S, packet(0, 0, b"u=mal\r\n")),
    (C, packet(0, 0, b"u=mal\r\n")),
    (S, packet(0x0D, 0, b"eve")),
]


def said(*steps):
    return kit.decode(Session(START), steps)


def test_who_watches_whom():
    told = said(*WATCH)
    asked, allowed = kit.events(told, Offer)[0], kit.events(told, OfferAnswer)[0]
    assert (asked.sender, asked.recipient, asked.use) == ("bob", "ann", "voice-video")
    assert (allowed.sender, allowed.recipient, allowed.accepted) == ("ann", "bob", True)
    assert kit.events(told, WebcamVideo) == [WebcamVideo(sender="ann", recipient="bob")]
    assert kit.events(told, Credential) == [
        Credential(account="bob", kind="token", scheme="yahoo-webcam-key", secret="k3y")
    ]
    (tie,) = kit.effects(told, Tie)
    assert (tie.account, tie.key[:13]) == ("bob", "yahoo-webcam:")
    assert [(a.account, a.address, a.how) for a in kit.events(told, PeerAddress)] == [
        ("bob", "10.0.0.5", "webcam"),
        ("ann", "192.168.1.7", "webcam"),
        ("ann", "203.0.113.9", "webcam"),
    ]
    assert not kit.events(told, Malformed)


def test_who_shows_whom():
    told = said(*SHOW)
    assert [(o.sender, o.recipient) for o in kit.events(told, Offer)] == [
        ("eve", "bob"),
        ("mal", "bob"),
    ]
    assert [(a.recipient, a.accepted) for a in kit.events(told, OfferAnswer)] == [
        ("eve", True),
        ("mal", False),
    ]
    assert [(v.sender, v.recipient) for v in kit.events(told, WebcamVideo)] == [
        ("bob", ""),
        ("bob", "eve"),
    ]
    assert not kit.events(told, Malformed)


def test_where_to_go():
    ask = (C, b"<RVWCFG>" + short(b"g=ann\r\n"))
    (expect,) = kit.effects(said(ask, (S, named(b"66.163.173.77"))), Expect)
    assert (expect.protocol, expect.address, expect.port) == ("yahoo-webcam", "66.163.173.77", 5100)
    assert expect.source == "192.0.2.1"
    (answer,) = kit.events(said(ask, (S, named(status=6))), OfferAnswer)
    assert (answer.sender, answer.accepted, answer.reason) == ("ann", False, "not shown")
    told = said((C, b"<RUPCFG>" + short(b"f=1\r\n")), (S, named(b"wc1.example")))
    assert [e.address for e in kit.effects(told, Expect)] == ["wc1.example"]


def test_refused():
    told = said(WATCH[0], (S, packet(0, 0)))
    assert [a.accepted for a in kit.events(told, OfferAnswer)] == [False]


@pytest.mark.parametrize(
    ("packets", "answers"),
    [
        ([packet(7, reason=1)], [(False, "no longer shown")]),
        ([packet(7, 3)], [(False, "closed")]),
        ([packet(0, 1), packet(7, reason=15)] * 2, [(True, ""), (False, "permission cancelled")]),
        ([packet(0, 1), packet(7, reason=1)], [(True, "")]),
        ([packet(0, 0), packet(7, reason=15)], [(False, "")]),
    ],
)
def test_closed(packets, answers):
    """libyahoo2 reads reasons 1, `user closed connection`, and f, `user cancelled permission`."""
    told = said(WATCH[0], *((S, data) for data in packets))
    assert [(a.accepted, a.reason) for a in kit.events(told, OfferAnswer)] == answers
    assert not kit.events(said(SHOW[0], (S, packet(7, reason=15))), OfferAnswer)


def peeked(client=b"", server=b""):
    return recognise(Peek("tcp", client, server, True, START))


def test_recognition():
    for _, data in (WATCH[0], SHOW[0]):
        assert isinstance(peeked(data), Claim)
        assert all(peeked(data[:size]) is MORE for size in range(1, 16))
    for data in (
        b"<REQIMG>GET / HT",
        b"<REQIMAGE",
        b"<SNDIMG>\r\n\r\nHTTP/1",
        b"<REQIMG>\x08\0\0\0\xff\0\0\0",
    ):
        assert peeked(data) is None
    assert recognise(Peek("udp", WATCH[0][1], b"", True, START)) is None


@pytest.mark.parametrize("talk", [WATCH, SHOW])
@given(size=st.integers(1, 90))
def test_segments_change_nothing(talk, size):
    kit.check_segmentation(lambda: Session(START), talk, size)


parts = st.sampled_from([data for _, data in WATCH + SHOW] + [named(b"1.2.3.4"), b"<RVWCFG>"])


@given(
    st.lists(st.tuples(st.sampled_from(Side), parts | st.binary(max_size=40) | st.integers(1, 50)))
)
def test_garbage(chunks):
    kit.check_garbage(lambda: Session(START), chunks, bound=16384)


def test_loss():
    picture = packet(2, 7, bytes(900))
    told = said(*WATCH[:1], (S, picture[:100]), (S, 300), (S, bytes(513) + packet(0, 1)))
    assert [type(event) for event in kit.events(told)][-2:] == [Gap, OfferAnswer]
    told = said(*WATCH[:1], (S, 5), (S, packet(0, 1)))
    assert not kit.events(told, OfferAnswer)


@pytest.mark.parametrize("data", [b"nonsense", b"<REQIMG>\x09", b"<REQIMG>\x08\0\1\0\1\0\0\0"])
def test_lost_framing(data):
    session = Session(START)
    assert len(kit.events(kit.decode(session, [(C, data), (C, data)]), Malformed)) == 1
    assert session.standing is Standing.REFUTED
