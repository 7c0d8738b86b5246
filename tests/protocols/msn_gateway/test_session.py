"""MSNP through HTTP: what the recorded gateway carried, made-by-hand cases, and the laws."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.matcher import fits

from backchannel.effects import Inner, InnerEnd, InnerGap, Open
from backchannel.events import Credential, Gap, ProxyRequest
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.msn_gateway import PROTOCOL
from backchannel.protocols.msn_gateway.session import Session, recognise

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
CAPTURE = EXAMPLES / "msn/msn_msnp15_httpgateway.pcap"
C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.10", 4000), Endpoint("192.0.2.80", 80))
MIDDLE = Start("tcp", START.client, START.server, begun=False)


def post(query, body=b"", host="http://gateway.messenger.example", more=""):
    head = (
        f"POST {host}/gateway/gateway.dll?{query} HTTP/1.1\r\nHost: gateway.messenger.example\r\n"
        f"Content-Type: application/x-msn-messenger\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    )
    return (C, head.encode() + body)


def reply(session, body=b"", more="", status="200 OK"):
    head = (
        f"HTTP/1.1 {status}\r\nX-MSN-Messenger: SessionID={session}; GW-IP=192.0.2.80{more}\r\n"
        f"Content-Type: application/x-msn-messenger\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (S, head.encode() + body)


OPEN = post("Action=open&Server=NS&IP=messenger.hotmail.com", b"VER 1 MSNP8 CVR0\r\n")
TALK = [
    OPEN,
    reply("77.111", b"VER 1 MSNP8\r\n"),
    post("SessionID=77.111", b"CVR 2 0x0409 ..\r\n"),
    reply("77.222", b"CVR 2 ..\r\n"),
    post("Action=poll&SessionID=77.222"),
    reply("77.333", b"QNG 9\r\n"),
    post("SessionID=77.333", b"OUT\r\n"),
    reply("77.444", b"", "; Session=close"),
]
CHANNEL = "77@192.0.2.10"


def said(*steps, start=START):
    return kit.decode(Session(start), steps)


def carried(told):
    return [(piece.side, piece.data) for piece in kit.effects(kit.joined(told), Inner)]


# -- captures ----------------------------------------------------------------------------------


def test_golden():
    told = [
        pair
        for flow in kit.flows(CAPTURE)
        if isinstance(recognise(kit.peek(flow)), Claim)
        for pair in kit.decode(Session(flow.start), flow.steps)
    ]
    kit.check_golden(HERE / "msn_msnp15_httpgateway.jsonl", told)


def test_the_inner_sessions_are_identified_afresh():
    """Witness: the manifest; four connections, two to each server, all on port 80."""
    run = Scan(CAPTURE)
    seen = list(run)
    inner = {
        (
            row.protocol,
            row.stack,
            row.confidence.word if hasattr(row.confidence, "word") else row.confidence,
        )
        for row in run.document.services
        if row.service == "msn"
    }
    assert inner == {("msn-gateway", "msn-gateway", "parsed"), ("msnp", "http/msnp", "parsed")}
    opened = [o.event for o in seen if isinstance(o.event, ProxyRequest)]
    assert [(event.command, event.host) for event in opened].count(("open SB", "10.99.0.2")) == 2
    assert len(opened) == 4


# -- by hand -----------------------------------------------------------------------------------


def test_one_session_is_one_inner_stream():
    told = said(*TALK)
    opened = kit.effects(told, Open)
    assert opened == [
        Open(channel=CHANNEL, shared=True, host="messenger.hotmail.com", port=1863, label="http")
    ]
    assert {(p.channel, p.shared) for p in kit.effects(told, Inner)} == {(CHANNEL, True)}
    assert carried(told) == [
        (C, b"VER 1 MSNP8 CVR0\r\n"),
        (S, b"VER 1 MSNP8\r\n"),
        (C, b"CVR 2 0x0409 ..\r\n"),
        (S, b"CVR 2 ..\r\nQNG 9\r\n"),
        (C, b"OUT\r\n"),
    ]
    assert kit.effects(told, InnerEnd) == [InnerEnd(channel=CHANNEL, shared=True)]
    (request,) = kit.events(told, ProxyRequest)
    assert (request.command, request.host) == ("open NS", "messenger.hotmail.com")


def test_several_connections_carry_one_session():
    first, second = said(*TALK[:2]), said(*TALK[2:6])
    assert {p.channel for p in kit.effects(first + second, Inner)} == {CHANNEL}
    assert len(kit.effects(second, Open)) == 1


def test_the_session_before_and_behind_a_proxy_are_two():
    behind = Start("tcp", Endpoint("192.0.2.99", 4000), START.server)
    (opened,) = kit.effects(said(*TALK[:2], start=behind), Open)
    assert opened.channel != CHANNEL


def test_the_proxys_password_is_exposed():
    more = "Proxy-Authorization: Basic Ym9iOnNlY3JldA==\r\n"
    told = said(post("Action=poll&SessionID=1.2", more=more))
    (credential,) = kit.events(told, Credential)
    assert (credential.account, credential.secret) == ("bob", "secret")


def test_other_requests_on_the_connection_are_not_carried():
    other = (
        C,
        b"POST http://www.example/x?SessionID=77.1 HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody",
    )
    plain = (S, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback")
    assert carried(said(*TALK[:2], other, plain))[2:] == []


def test_a_refused_session():
    told = said(OPEN, reply("1.2", b"<html>", status="503 Busy"))
    assert not kit.effects(told, Open)
    assert not carried(told)


def test_holes_are_handed_on():
    side, data = reply("77.5", b"x" * 100)
    told = said(
        *TALK[:2], post("Action=poll&SessionID=77.4"), (side, data[:-60]), (S, 40), (S, b"x" * 20)
    )
    (gap,) = kit.effects(told, InnerGap)
    assert (gap.side, gap.size, gap.channel, gap.shared) == (S, 40, CHANNEL, True)
    assert kit.events(told, Gap) == [Gap(size=40)]


def test_joined_amid_the_session():
    told = said(*TALK[3:], start=MIDDLE)
    assert kit.effects(told, Open)[0].channel == CHANNEL
    assert (S, b"CVR 2 ..\r\nQNG 9\r\n") in carried(told)


# -- recognition -------------------------------------------------------------------------------


def peeked(client=b"", server=b"", begun=True):
    return recognise(Peek("tcp", client, server, begun, START if begun else MIDDLE))


@pytest.mark.parametrize("host", ["", "http://192.0.2.80", "http://gateway.messenger.hotmail.com"])
def test_requests_in_both_forms(host):
    data = post("Action=open&Server=NS&IP=1.2.3.4", host=host)[1]
    assert isinstance(peeked(data), Claim)
    assert peeked(b"", data, begun=False).flipped
    assert peeked(data[:20]) is MORE
    assert any(fits(magic, data) for magic in PROTOCOL.magic)


def test_an_answer_alone():
    data = reply("77.1")[1]
    assert isinstance(peeked(b"", data, begun=False), Claim)
    assert peeked(data, begun=False).flipped
    assert any(fits(magic, data, begun=False) for magic in PROTOCOL.magic)


@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\n",
        b"POST http://www.example/gateway.dll HTTP/1.1\r\n",
        b"GET /gateway/gateway.dll?x HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\nX-MSN-Messenger: SessionID=",
        b"\0" * 40,
    ],
)
def test_not_claimed(data):
    for begun in (True, False):
        assert peeked(data, begun=begun) is None
        assert not isinstance(peeked(b"", data, begun=begun), Claim)


# -- laws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_segments_change_nothing(size):
    for flow in kit.flows(CAPTURE):
        if isinstance(recognise(kit.peek(flow)), Claim):
            kit.check_segmentation(lambda flow=flow: Session(flow.start), flow.steps, size)


@given(st.integers(1, 90), st.sampled_from([START, MIDDLE]))
def test_segments_change_nothing_by_hand(size, start):
    kit.check_segmentation(lambda: Session(start), TALK, size)


parts = st.sampled_from(
    [data for _, data in TALK] + [b"HTTP/1.1 200 OK\r\n\r\n", b"POST [x? HTTP/1.1\r\n\r\n"]
)


@given(
    st.lists(
        st.tuples(st.sampled_from(Side), parts | st.binary(max_size=60) | st.integers(1, 50)),
        max_size=20,
    )
)
def test_garbage(chunks):
    for start in (START, MIDDLE):
        kit.check_garbage(lambda start=start: Session(start), chunks)


def test_the_first_body_is_bounded():
    session = Session(START)
    head = post("Action=open&Server=NS&IP=x")[1].replace(b"Length: 0", b"Length: 99999999")
    session.feed(C, head)
    for _ in range(100):
        session.feed(C, b"x" * 10_000)
    assert kit.footprint(session) < 100_000
    assert session.standing is Standing.CLAIMED


def test_a_whole_request_to_a_gateway_says_what_it_is():
    side, request = post("SessionID=77.111", b"USR 3 SSO I ann@example.net\r\n")
    session = Session(MIDDLE)
    session.feed(side, request[:-1])
    assert not session.aligned
    session.feed(side, request[-1:])
    assert session.aligned
    assert session.amid, "what it carries may be the rest of an offer"
    other = Session(MIDDLE)
    other.feed(side, request.replace(b"gateway.dll", b"gateway.cgi"))
    assert not other.aligned
