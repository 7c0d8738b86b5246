"""XMPP inside HTTP: a session with Prosody, and what it does not do by hand.

The witness of the recording is the script that was the client, and Prosody's own answers.
"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import craft, kit

from backchannel.effects import Inner, InnerEnd, Open
from backchannel.events import Credential, Gap, Malformed, Message, SignOnAnswer
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.xmpp_bosh.session import LARGEST, MAX_ASKED, Session, recognise

RECORDED = kit.EXAMPLES / "xmpp/prosody_bosh.pcap"
HERE = Path(__file__).parent
C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("10.0.0.2", 40000), Endpoint("10.0.0.5", 8080))
NS = "xmlns='http://jabber.org/protocol/httpbind'"
TALK = [
    step for flow in kit.flows(RECORDED) for step in flow.steps if flow.start.transport == "tcp"
]


def post(body, path="/http-bind"):
    data = body.encode()
    return f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def answer(body):
    data = body.encode()
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


def begun():
    session = Session(START)
    session.feed(C, post(f"<body rid='1' to='a.example' {NS}/>"))
    told = session.feed(S, answer(f"<body sid='x&apos;1' authid='77' from='a.example' {NS}/>"))
    return session, told


def test_golden():
    (flow,) = kit.claimed(RECORDED, recognise)
    session = Session(flow.start)
    kit.check_golden(HERE / "prosody_bosh.jsonl", kit.decode(session, flow.steps))
    assert session.standing is Standing.PARSED


def test_what_is_inside_is_decoded():
    seen = list(Scan(RECORDED))
    assert {s.stack for s in seen} == {"bosh/xmpp"}
    (login,) = (s.event for s in seen if isinstance(s.event, Credential))
    assert (login.account, login.secret) == ("alice@garden.example", "tea4two!")
    assert [s.event.accepted for s in seen if isinstance(s.event, SignOnAnswer)] == [True]
    assert [s.event.text for s in seen if isinstance(s.event, Message)] == ["by way of the web"]


def test_requests_that_nobody_answers_are_bounded():
    session, _ = begun()
    for number in range(4 * MAX_ASKED):
        session.feed(C, post(f"<body rid='{number}' sid='x' {NS}>{'y' * 4096}</body>"))
        session.feed(C, post(f"<body rid='{number}' to='{'z' * 4096}' {NS}/>"))
    assert len(session._asked) == MAX_ASKED
    assert kit.footprint(session) < MAX_ASKED * 8192


@pytest.mark.parametrize(("size", "told"), [(LARGEST - 6, 0), (LARGEST - 5, 1)])
def test_a_body_is_held_up_to_its_bound(size, told):
    session, _ = begun()
    out = session.feed(C, post("<body>".ljust(size + 6, "y")))
    assert len(kit.events([(C, value) for value in out], Malformed)) == told


def test_the_root_that_is_left_out_is_put_before():
    session, told = begun()
    assert told[0] == Open(
        channel="x'1@10.0.0.2", shared=True, host="a.example", port=5222, label="bosh"
    )
    client, server = (each.data for each in told[1:])
    assert b" to='a.example'>" in client
    assert b" from='a.example' id='77'>" in server
    assert session.aligned


BODY = f"<body rid='1' to='a.example' {NS}/>"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "body",
    [
        BODY,
        f"<?xml version='1.0'?>\n{BODY}",
        BODY.replace("<body", "<b:body").replace("xmlns", "xmlns:b"),
        BODY.replace("<body", "<body a='>/>'"),
        BODY.replace("<body", f"<body a='{'x' * 1500}'"),
        BODY.replace("httpbind", "&#104;ttpbind"),
        BODY.replace("/>", "\n></body >\n"),
    ],
)
def test_bodies_in_forms_that_prosody_takes(body, encoding):
    """Each opened a session with Prosody 0.12.3."""
    data = body.encode(encoding)
    head = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % len(data)
    for more in (b"", b"X: y\r\n" * 60):
        claim = recognise(Peek("tcp", (head + more + b"\r\n" + data)[:4096], b"", True, START))
        assert isinstance(claim, Claim)
    asked = head + b"\r\n" + data
    assert None not in [look(asked[:size]) for size in range(1, len(asked))]
    session = Session(START)
    assert session.feed(C, head + b"\r\n" + data) == []
    opened, root, _ = session.feed(S, answer(f"<body sid='x' authid='7' {NS}/>"))
    assert (opened.channel, opened.host) == ("x@10.0.0.2", "a.example")
    assert b" to='a.example'>" in root.data


def test_a_restart_begins_the_stream_again():
    session, _ = begun()
    body = f"<body rid='2' sid='x&apos;1' xmpp:restart='true' to='a.example' {NS}/>"
    (inner,) = session.feed(C, post(body))
    assert inner.data.startswith(b"<stream:stream")
    (inner,) = session.feed(C, post(f"<body rid='3' sid='x&apos;1' {NS}><presence/></body>"))
    assert inner.data == b"<presence/>"


def test_a_session_goes_on_over_another_connection(tmp_path):
    """Two requests may be under way, each on a connection of its own."""
    head, tail = TALK[:8], TALK[8:]
    packets = craft.tcp(head) + craft.tcp(tail, client=Endpoint("10.9.0.2", 40_777))
    seen = [s.event for s in Scan(craft.write(tmp_path / "two.pcap", packets))]
    assert [e.text for e in seen if isinstance(e, Message)] == ["by way of the web"]
    assert [e.sender for e in seen if isinstance(e, Message)] == ["alice@garden.example"]


def test_the_end_is_told_with_the_answer():
    session, _ = begun()
    body = f"<body rid='2' sid='x&apos;1' type='terminate' {NS}><presence/></body>"
    assert [type(each) for each in session.feed(C, post(body))] == [Inner]
    inner, ended = session.feed(S, answer(f"<body {NS}><presence/></body>"))
    assert isinstance(inner, Inner)
    assert ended == InnerEnd(channel="x'1@10.0.0.2", shared=True)


def test_bodies_that_are_too_long_broken_or_not_bosh():
    session, _ = begun()
    long = f"<body sid='x' {NS}>{'x' * LARGEST}</body>"
    (told,) = session.feed(C, post(long))
    assert isinstance(told, Malformed)
    assert session.feed(C, post(f"<body sid='x' {NS}><presence/>")) == []
    assert session.feed(C, post("a=b")) == []
    assert session.feed(S, answer("<html/>")) == []


def test_a_gap_in_a_body_loses_that_body():
    session, _ = begun()
    data = post(f"<body sid='x' {NS}><message/><message/></body>")
    session.feed(C, data[:-30])
    assert session.partial(C)
    assert session.gap(C, 10) == [Gap(size=10)]
    assert session.feed(C, data[-20:]) == []
    assert not session.partial(C)
    told = session.feed(C, post(f"<body sid='x' {NS}><presence/></body>"))
    assert told[-1].data.endswith(b"<presence/>")


def look(data):
    return recognise(Peek("tcp", data, b"", True, START))


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_recognised_by_the_body(mark):
    data = post(f"{mark}<?xml version='1.0'?>\n<body rid='1' {NS}/>", "/any/where")
    for size in range(1, len(data)):
        assert look(data[:size]) is MORE or isinstance(look(data[:size]), Claim), data[:size]
    assert isinstance(look(data), Claim)
    assert look(post("<body rid='1' xmlns='urn:other'/>")) is None
    assert look(post("<html><body>http://jabber.org/protocol/httpbind</body></html>")) is None
    assert look(b"GET /http-bind HTTP/1.1\r\n\r\n") is None
    assert look(b"POST /http-bind HTTP/1.1\r\n" + b"a: b\r\n" * 900) is None


@pytest.mark.parametrize("size", [1, 7, 300])
def test_law_1_cuts_change_nothing(size):
    kit.check_segmentation(lambda: Session(START), TALK, size)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([C, S]), st.binary(max_size=300)), max_size=10))
def test_law_2_any_bytes(chunks):
    kit.check_garbage(lambda: Session(START), chunks)


BODIES = (
    *(f"<body {NS}/>", f"<body sid='a' rid='1' {NS}>x</body>", "<body", "", "</body>"),
    *(f"<body sid='a' type='terminate' {NS}/>", f"<body rid='2' to='b' {NS}/>"),
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([C, S]),
            st.sampled_from(BODIES),
        ),
        max_size=8,
    )
)
def test_law_2_well_framed_and_badly_filled(bodies):
    steps = [(side, (post if side is C else answer)(body)) for side, body in bodies]
    kit.check_garbage(lambda: Session(START), steps)
    kit.check_segmentation(lambda: Session(START), steps, 9)
