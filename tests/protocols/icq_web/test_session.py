"""Abuse of ICQ's personal web server: the known requests, what came of them, and the laws."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.matcher import fits

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import Anomaly, Gap
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.icq_web import PROTOCOL
from backchannel.protocols.icq_web.session import Session, abuse, recognise

START = Start("tcp", Endpoint("10.0.0.1", 1111), Endpoint("10.0.0.2", 80))
KNOWN = "/.html/......../windows/user.dat"
"""Witness: the target in the file getter by "Dr. Labrat", 1999."""


def get(target):
    return f"GET {target} HTTP/1.0\r\n\r\n\r\n".encode("latin-1")


def answer(status, body):
    return b"HTTP/1.0 %d x\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


def claim(request, reply=b""):
    return recognise(Peek("tcp", request, reply, True, START))


def talk(request, reply=b""):
    return kit.decode(Session(START), [(Side.CLIENT, request), (Side.SERVER, reply)])


@pytest.mark.parametrize(
    "target",
    [
        KNOWN,
        "/.html/......../db/8562000.idx",
        "/a2.html/....../NewDB/8562000.idx",
        "/....../autoexec.bat",
        "/%2e%2e%2e%2e/autoexec.bat",
        ".html/......",
        "..../Windows/Admin.pwl",
        "/guestbook.cgi?name=" + "0" * 30,
        "/cgi-bin/guestbook.cgi?name=" + "A" * 3000,
        "/" + "?" * 10,
    ],
)
def test_known_requests_are_abuse(target):
    assert abuse(target)
    assert isinstance(claim(get(target)), Claim)
    assert kit.events(talk(get(target)), Anomaly)[0].kind == abuse(target)
    if "%2e" not in target:
        assert any(fits(magic, get(target)) for magic in PROTOCOL.magic)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/index.html",
        "/../../etc/passwd",
        "/a...b",
        "/search?q=.../x",
        "/guestbook.cgi?name=Ann",
        "/x/...y/z",
        "/?",
    ],
)
def test_other_requests_are_nobodys(target):
    assert not abuse(target)
    assert claim(get(target)) is None


def test_other_first_bytes_are_nobodys():
    assert claim(b"") is None
    assert claim(b"POST " + get(KNOWN)[4:]) is None
    assert claim(get(KNOWN), b"220 ftp ready\r\n") is None
    assert recognise(Peek("udp", get(KNOWN), b"", True, START)) is None
    assert claim(get(KNOWN)[:20]) is MORE
    assert claim(b"GET /" + b"x" * 100) is None


def test_a_file_that_came_out():
    told = talk(get(KNOWN), answer(200, b"CREG secrets"))
    asked, got = kit.events(told, Anomaly)
    assert (asked.kind, asked.detail) == ("icq-web-traversal", KNOWN)
    assert got.kind == "icq-web-traversal-succeeded"
    assert "200" in got.detail
    (opened,) = kit.effects(told, FileOpen)
    assert (opened.name, opened.size) == ("user.dat", 12)
    assert b"".join(d.data for d in kit.effects(told, FileData)) == b"CREG secrets"
    assert len(kit.effects(told, FileClose)) == 1


def test_a_file_that_did_not():
    told = talk(get(KNOWN), answer(404, b"no"))
    assert [a.kind for a in kit.events(told, Anomaly)] == [
        "icq-web-traversal",
        "icq-web-traversal-refused",
    ]
    assert not kit.effects(told, FileOpen)


def test_a_crash_needs_no_answer():
    told = talk(get("/" + "?" * 200))
    assert [a.kind for a in kit.events(told, Anomaly)] == ["icq-web-crash"]


def test_a_hole_in_the_file_is_a_hole():
    reply = answer(200, b"x" * 1000)
    told = kit.decode(Session(START), [
        (Side.CLIENT, get(KNOWN)), (Side.SERVER, reply[:-600]), (Side.SERVER, 100),
        (Side.SERVER, reply[-500:]),
    ])  # fmt: skip
    assert kit.events(told, Gap) == [Gap(size=100)]
    parts = kit.effects(kit.joined(told), FileData)
    assert [(part.offset, len(part.data)) for part in parts] == [(0, 400), (500, 500)]


def test_standing_follows_the_first_request():
    session = Session(START)
    session.feed(Side.CLIENT, get(KNOWN))
    assert session.standing is Standing.PARSED


TALK = [
    (Side.CLIENT, get(KNOWN) + get("/" + "?" * 20)),
    (Side.SERVER, answer(200, b"CREG secrets") + answer(404, b"no")),
]


@given(st.integers(1, 120))
def test_segments_change_nothing(size):
    kit.check_segmentation(lambda: Session(START), TALK, size)


pieces = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([get(KNOWN), answer(200, b"x" * 50), answer(206, b""), get("/..../%zz%")]),
)


steps = st.tuples(st.sampled_from(Side), st.one_of(pieces, st.integers(1, 500)))


@given(st.lists(steps, max_size=8))
def test_garbage(chunks):
    kit.check_garbage(lambda: Session(START), chunks)


@given(st.binary(max_size=120), st.binary(max_size=60))
def test_random_bytes_are_never_claimed(client, server):
    assert not isinstance(claim(client, server), Claim)
