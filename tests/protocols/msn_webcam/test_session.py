"""Webcam connections, made by hand as aMSN makes them: no capture shows one."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit

from backchannel.events import Gap, Malformed
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.msn_webcam.events import WebcamVideo
from backchannel.protocols.msn_webcam.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start(
    "tcp",
    Endpoint("192.0.2.1", 1),
    Endpoint("192.0.2.2", 6891),
    accounts=("alice@example.com", "bob@example.com"),
)


def frame(data=b"video", paused=0):
    words = (24, paused, 320, 240, 1, len(data))
    return struct.pack("<BBHHHI", *words) + b"ML20" + bytes(8) + data


HELLO = b"recipientid=129&sessionid=4411\r\n\r\n"
CONNECTED = b"connected\r\n\r\n"
TALK = [(C, HELLO), (S, CONNECTED), (C, CONNECTED), (S, frame() * 3 + frame(b"", 1) + frame())]


def said(*steps):
    return kit.decode(Session(START), steps)


def test_who_shows_whom_what():
    (video,) = kit.events(said(*TALK))
    assert video == WebcamVideo(
        sender="bob@example.com",
        recipient="alice@example.com",
        session="4411",
        width=320,
        height=240,
    )


def test_through_a_reflector():
    told = said(
        (C, b"VIEW ti=abc TSP/1.0\r\n\r\n"),
        (S, b"TSP/1.0 200 OK\r\n\r\nCONNECTED\r\n\r\n"),
        (C, b"\xd2\x04\x00\x00"),
        (S, frame()),
        (C, b"\xd2\x04\x00\x00"),
    )
    (video,) = kit.events(told)
    # An announcement of a reflector names first who shows pictures (aMSN `msncam.tcl`).
    assert (video.sender, video.recipient) == ("alice@example.com", "bob@example.com")
    (video,) = kit.events(said((C, b"PROD abc TSP/1.0\r\n\r\n" + frame())), WebcamVideo)
    assert video.sender == "alice@example.com"


def peeked(client=b"", server=b"", begun=True):
    return recognise(Peek("tcp", client, server, begun, START))


def test_recognition():
    assert isinstance(peeked(HELLO), Claim)
    assert isinstance(peeked(b"PROD t TSP/1.0\r\n\r\n"), Claim)
    assert all(peeked(HELLO[:size]) is MORE for size in range(14, len(HELLO)))
    for data in (b"recipientid=x\r\n\r\n", b"PROD\0", b"VIEW a b\r\n\r\n", b"connected\r\n\r\n"):
        assert not isinstance(peeked(data), Claim)


@given(st.integers(1, 90))
def test_segments_change_nothing(size):
    kit.check_segmentation(lambda: Session(START), TALK, size)


parts = st.sampled_from([data for _, data in TALK] + [frame(b"x" * 900), b"\xd2\x04"])


@given(
    st.lists(st.tuples(st.sampled_from(Side), parts | st.binary(max_size=40) | st.integers(1, 50)))
)
def test_garbage(chunks):
    kit.check_garbage(lambda: Session(START), chunks, bound=4096)


def test_loss():
    told = said(*TALK[:3], (S, frame(b"x" * 500)[:100]), (S, 300), (S, b"x" * 124 + frame()))
    assert kit.events(told, Gap)
    assert not kit.events(told, Malformed)
    told = said(*TALK[:3], (S, frame(b"x" * 500)[:100]), (S, 300), (S, b"x" * 124 + b"\0junk"))
    assert len(kit.events(told, Malformed)) == 1
    told = said(*TALK[:3], (S, 300), (S, b"junk" + frame()))
    assert [type(event) for event in kit.events(told)] == [Gap, WebcamVideo]


@pytest.mark.parametrize("data", [b"\0\0\0", b"nonsense\r\n\r\n", b"\x18" + b"\xff" * 40])
def test_lost_framing(data):
    session = Session(START)
    assert len(kit.events(kit.decode(session, [(C, data), (C, data)]), Malformed)) == 1
    assert session.standing is Standing.REFUTED
