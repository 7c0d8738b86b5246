"""OSCAR through HTTP. No capture of the real gateway is known: a recorded OSCAR session is put into
its packets, laid out as three clients write them (Miranda, SIM-IM, Jimm), and must come out whole.
"""

import re
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import fits

from backchannel.effects import Expect, Inner, InnerEnd, InnerGap, Open, Tie
from backchannel.events import Gap, Malformed, ProxyAnswer, ProxyRequest
from backchannel.model import MORE, Capability, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.oscar_http import PROTOCOL
from backchannel.protocols.oscar_http.session import Session, recognise

EXAMPLES = Path(__file__).parents[3] / "examples"
RECORDED = EXAMPLES / "icq/icq_oscar_roast_8im.pcap"
C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.10", 4000), Endpoint("192.0.2.80", 80))
MIDDLE = Start("tcp", START.client, START.server, begun=False)
SID = "00112233445566778899aabbccddeeff"
CHANNEL = f"{SID}/1@192.0.2.10"
HELLO, CONNECT, CONNECTED, DATA, CLOSE, CLOSED = range(2, 8)


def packet(kind, connection, data=b""):
    return struct.pack(">HHHII", 12 + len(data), 0x0443, kind, 0, connection) + data


def named(host, port):
    return struct.pack(">H", len(host)) + host.encode() + struct.pack(">H", port)


def get(path, host="http.proxy.icq.com"):
    return (C, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nPragma: no-cache\r\n\r\n".encode())


def post(body, seq=1, sid=SID):
    head = f"POST /data?sid={sid}&seq={seq} HTTP/1.1\r\nHost: 192.0.2.80\r\n"
    return (C, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def poll(sid=SID):
    return get(f"/monitor?sid={sid}", "192.0.2.80")


def reply(body=b"", status="200 OK"):
    return (S, f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


HELLO_BODY = struct.pack(">HHHIH", 10 + 16 + 14, 0x0443, HELLO, 0, 0) + bytes.fromhex(SID)
HELLO_BODY += named("192.0.2.81", 80)
TALK = [
    get("/hello"),
    reply(HELLO_BODY),
    post(packet(CONNECT, 1, named("login.icq.com", 5190))),
    reply(),
    poll(),
    reply(packet(CONNECTED, 1, b"\0") + packet(DATA, 1, b"*\x01\0\x01")),
    poll(),
    reply(packet(DATA, 1, b"\0\x04\0\0\0\1")),
    post(packet(DATA, 1, b"*\x01\0\x01\0\4\0\0\0\1"), 2),
    reply(),
    post(packet(CLOSE, 1), 3),
    reply(),
    poll(),
    reply(packet(CLOSED, 1, b"\0")),
]


def said(*steps, start=START):
    return kit.decode(Session(start), steps)


def carried(told):
    return [(i.side, i.data) for i in kit.effects(told, Inner)]


# -- by hand -----------------------------------------------------------------------------------


def test_hello_names_session_and_gateway():
    told = said(*TALK[:2])
    assert kit.effects(told) == [
        Tie(key=f"{SID}@192.0.2.10"),
        Expect(
            protocol="oscar-http",
            purpose=Capability.LOGIN,
            address="192.0.2.81",
            port=80,
            source="192.0.2.10",
            repeat=True,
        ),
    ]
    assert not kit.events(told)


def test_a_connection_is_one_inner_stream():
    told = said(*TALK)
    assert kit.effects(told, Open) == [
        Open(channel=CHANNEL, shared=True, host="login.icq.com", port=5190, label="http")
    ]
    assert carried(told) == [
        (S, b"*\x01\0\x01"),
        (S, b"\0\x04\0\0\0\1"),
        (C, b"*\x01\0\x01\0\4\0\0\0\1"),
    ]
    assert {(i.channel, i.shared) for i in kit.effects(told, Inner)} == {(CHANNEL, True)}
    assert kit.effects(told, InnerEnd) == [
        InnerEnd(side=C, channel=CHANNEL, shared=True),
        InnerEnd(channel=CHANNEL, shared=True),
    ]
    assert kit.events(told) == [
        ProxyRequest(scheme="oscar-http", command="connect", host="login.icq.com", port=5190),
        ProxyAnswer(scheme="oscar-http", accepted=True, code="0"),
    ]
    assert kit.effects(told, Tie) == [Tie(key=f"{SID}@192.0.2.10")]


def test_a_gateway_without_a_port_is_at_80():
    body = HELLO_BODY[:-2] + b"\0\0"
    (_, expected) = kit.effects(said(TALK[0], reply(body)))
    assert (expected.address, expected.port) == ("192.0.2.81", 80)


def test_the_case_of_a_session_id_does_not_matter():
    told = said(TALK[0], reply(HELLO_BODY), poll(SID.upper()), reply(packet(DATA, 1, b"x")))
    assert {i.channel for i in kit.effects(told, Inner)} == {CHANNEL}
    assert len(kit.effects(told, Tie)) == 1


def test_a_number_used_again_is_a_new_stream():
    told = said(*TALK, post(packet(DATA, 1, b"x")))
    assert len(kit.effects(told, Open)) == 2


def test_only_the_client_closes():
    told = said(poll(), reply(packet(CLOSE, 1)), post(packet(CLOSED, 1)))
    assert not kit.effects(told, InnerEnd)
    assert [m.reason for m in kit.events(told)] == [
        "unexpected packet of type 6",
        "unexpected packet of type 7",
    ]


def test_a_connection_refused():
    told = said(poll(), reply(packet(CONNECTED, 2, b"\x05")))
    assert kit.events(told) == [ProxyAnswer(scheme="oscar-http", accepted=False, code="5")]


def test_two_connections_two_streams():
    told = said(post(packet(DATA, 1, b"a") + packet(DATA, 2, b"b") + packet(DATA, 1, b"c")))
    assert [(i.channel[33], i.data) for i in kit.effects(told, Inner)] == [
        ("1", b"a"),
        ("2", b"b"),
        ("1", b"c"),
    ]
    assert len(kit.effects(told, Open)) == 2


@pytest.mark.parametrize(
    ("host", "service"),
    [("login.icq.com", "icq"), ("login.oscar.aol.com", "aim"), ("192.0.2.5", "icq")],
)
def test_the_server_shows_the_service(host, service):
    session = Session(START)
    assert session.standing is Standing.CLAIMED
    kit.decode(session, [post(packet(CONNECT, 1, named(host, 5190)))])
    assert session.service == service
    assert session.standing is Standing.PARSED


def test_the_last_named_server_counts():
    session = Session(START)
    for host in ("aimhttp.oscar.aol.com", "http.proxy.icq.com"):
        kit.decode(session, [get("/hello", host)])
    assert session.service == "icq"


def test_a_hole_where_nothing_is_carried_is_no_streams():
    assert kit.effects(said(poll(), (S, 60))) == [Tie(key=f"{SID}@192.0.2.10")]


def test_what_belongs_to_no_session_is_not_carried():
    inner = packet(DATA, 1, b"x")
    plain = (C, b"POST /form HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner)
    told = said(
        plain, reply(inner), poll(), reply(inner, "502 Bad Gateway"), TALK[-4], reply(inner)
    )
    assert not carried(told)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>not found</html>", "not a packet of the HTTP gateway"),
        (packet(DATA, 1, b"abc")[:-1], "a body ends amid a packet of the HTTP gateway"),
        (struct.pack(">HHHII", 11, 0x0443, DATA, 0, 1), "not a packet of the HTTP gateway"),
        (packet(9, 1), "unexpected packet of type 9"),
        (packet(CONNECT, 1, b"\0"), "unexpected packet of type 3"),
    ],
)
def test_malformed_bodies_do_not_stop_the_session(body, reason):
    told = said(poll(), reply(body), poll(), reply(packet(DATA, 1, b"on")))
    assert kit.events(told, Malformed) == [Malformed(reason=reason)]
    assert carried(told) == [(S, b"on")]


def test_a_malformed_packet_does_not_stop_the_body():
    told = said(post(packet(CONNECT, 1, b"\0\x09abc") + packet(DATA, 1, b"on")))
    assert len(kit.events(told, Malformed)) == 1
    assert carried(told) == [(C, b"on")]


def test_a_hole_is_handed_on():
    side, data = reply(packet(DATA, 1, b"x" * 100))
    told = said(
        *TALK[:6], poll(), (side, data[:-60]), (S, 60), poll(), reply(packet(DATA, 1, b"on"))
    )
    assert kit.effects(told, InnerGap) == [InnerGap(side=S, size=60, channel=CHANNEL, shared=True)]
    assert kit.events(told, Gap) == [Gap(size=60)]
    assert carried(told)[-1] == (S, b"on")
    assert not kit.events(told, Malformed)


def test_joined_amid_the_session():
    told = said(*TALK[8:], start=MIDDLE)
    assert kit.effects(told, Open) == [Open(channel=CHANNEL, shared=True, label="http")]
    assert carried(told) == [(C, b"*\x01\0\x01\0\4\0\0\0\1")]


# -- a recorded session inside -----------------------------------------------------------------


def tunnelled(recorded):
    """Put OSCAR connections into the gateway's packets, as steps of (request, answer)."""
    yield TALK[:2]
    for number, flow in enumerate(recorded, 1):
        host = named(flow.start.server.address, flow.start.server.port)
        yield [post(packet(CONNECT, number, host)), reply()]
        for side, data in flow.steps:
            for at in range(0, len(data), 512):  # the size that Miranda and ICQ 5.1 cut at
                body = packet(DATA, number, data[at : at + 512])
                yield [post(body), reply()] if side is C else [poll(), reply(body)]
        yield [post(packet(CLOSE, number)), reply()]


def story(packets, tmp_path):
    """What OSCAR's streams tell; and the stacks they were found in."""
    run = Scan(craft.write(tmp_path / "made.pcap", packets))
    told = [(seen.service, seen.side, seen.event) for seen in run if seen.protocol == "oscar"]
    return told, {row.stack for row in run.document.services}


@pytest.fixture(scope="module")
def recorded():
    return kit.flows(RECORDED)[:2]


@pytest.fixture
def plain(recorded, tmp_path):
    packets = []
    for flow in recorded:
        ends = {"client": flow.start.client, "server": flow.start.server}
        packets += craft.tcp(flow.steps, **ends)
    told, _ = story(packets, tmp_path)
    assert len(told) > 20
    return told


def test_one_connection_carries_it_all(recorded, plain, tmp_path):
    steps = [step for exchange in tunnelled(recorded) for step in exchange]
    told, stacks = story(craft.tcp(steps, client=recorded[0].start.client), tmp_path)
    assert told == plain
    assert stacks == {"oscar-http", "http/oscar"}


def test_every_request_a_connection_of_its_own(recorded, plain, tmp_path):
    packets = []
    for port, exchange in enumerate(tunnelled(recorded), 30_000):
        packets += craft.tcp(exchange, client=Endpoint(recorded[0].start.client.address, port))
    assert story(packets, tmp_path)[0] == plain


def test_through_a_web_proxy(recorded, plain, tmp_path):
    absolute = re.compile(rb"^(GET|POST) ")
    steps = [
        (side, absolute.sub(rb"\1 http://gateway.example", data))
        for exchange in tunnelled(recorded)
        for side, data in exchange
    ]
    told, stacks = story(craft.tcp(steps, client=recorded[0].start.client), tmp_path)
    assert told == plain
    assert "http/http/oscar" in stacks


# -- recognition -------------------------------------------------------------------------------


def peeked(client=b"", server=b"", begun=True):
    return recognise(Peek("tcp", client, server, begun, START if begun else MIDDLE))


@pytest.mark.parametrize(
    "step", [TALK[0], TALK[2], TALK[4], get("/hello", "aimhttp.oscar.aol.com")]
)
def test_requests_are_claimed(step):
    data = step[1]
    assert isinstance(peeked(data), Claim)
    assert peeked(b"", data, begun=False).flipped
    assert not isinstance(peeked(b"", data), Claim)
    assert any(fits(magic, data) for magic in PROTOCOL.magic)
    for size in range(18, 46):
        assert peeked(data[:size]) is MORE


@pytest.mark.parametrize(
    "data",
    [
        get("/hello", "www.example")[1],
        get("/hello", "mosaicq.com")[1],
        get("/monitor?sid=12345", "www.example")[1],
        get(f"/data?sid={SID}&seq=1")[1],
        get("/")[1],
        b"POST /data?sid=zz",
        b"\0" * 40,
    ],
)
def test_not_claimed(data):
    for begun in (True, False):
        assert peeked(data, begun=begun) is None
        assert not isinstance(peeked(b"", data, begun=begun), Claim)


# -- laws --------------------------------------------------------------------------------------


@given(st.integers(1, 90), st.sampled_from([START, MIDDLE]))
def test_segments_change_nothing(size, start):
    kit.check_segmentation(lambda: Session(start), TALK, size)


bodies = st.builds(packet, st.integers(0, 9), st.integers(0, 3), st.binary(max_size=40))
parts = st.sampled_from([data for _, data in TALK]) | st.builds(
    lambda body, make: make(body)[1], bodies, st.sampled_from([post, reply])
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


def test_memory_is_bounded():
    session = Session(START)
    session.feed(*post(b"".join(packet(DATA, n, b"x") for n in range(2000))))
    endless = (C, post(b"")[1].replace(b"Length: 0", b"Length: 99999999"))
    session.feed(*endless)
    session.feed(C, struct.pack(">HHHII", 65535, 0x0443, DATA, 0, 1))
    for _ in range(60):
        session.feed(C, b"x" * 1000)
    assert kit.footprint(session) < 120_000
