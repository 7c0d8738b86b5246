"""SOCKS: what real proxies and clients said, what the specifications allow, and the laws."""

import hmac
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.craft import MTU, tcp, write
from tests.kit import (
    CORPUS,
    check_garbage,
    check_golden,
    check_segmentation,
    claimed,
    decode,
    effects,
    events,
    flows,
    joined,
    peek,
)

from backchannel.effects import Expect, Inner, InnerEnd, InnerGap, Open
from backchannel.events import (
    Credential,
    Event,
    Gap,
    Malformed,
    NameLearned,
    ProxyAnswer,
    ProxyRequest,
    SignOn,
    SignOnAnswer,
)
from backchannel.model import LATER, MORE, Claim, Endpoint, More, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.socks.contexts import Inbound, Relay
from backchannel.protocols.socks.session import Session, recognise

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
RECORDED = sorted((HERE / "captures").glob("*.pcap"))
CAPTURES = [*RECORDED, EXAMPLES / "aim/aim_socks5.pcap"]
C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("10.0.0.5", 40000), Endpoint("10.0.0.1", 1080))
CHOSEN = [(C, b"\5\1\0"), (S, b"\5\0")]
ASK = b"\5\1\0\3\x04host\0\x50"
DONE = b"\5\0\0\1\x0a\0\0\1\x10\x20"


def make(start=START):
    return lambda: Session(start)


def tell(steps, start=START, **options):
    return joined(decode(Session(start), steps, **options))


def carried(told, side):
    return b"".join(item.data for item in effects(told, Inner) if item.side is side)


def told_of(capture, number):
    flow = claimed(capture, recognise)[number]
    return joined(decode(Session(flow.start), flow.steps))


def look(client=b"", server=b"", begun=True, transport="tcp", start=START):
    return recognise(Peek(transport, client, server, begun, start))


# -- real conversations ----------------------------------------------------------------------


def test_there_are_captures():
    assert len(CAPTURES) == 6


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_golden(capture):
    told = []
    for flow in flows(capture):
        if isinstance(recognise(peek(flow)), Claim):
            session = Session(flow.start)
            told += decode(session, flow.steps)
            assert session.standing is Standing.PARSED
    check_golden(HERE / f"{capture.stem}.jsonl", told)


def test_what_the_aim_client_was_told_to_do():
    """Witness: the manifest. Alice signs on through microsocks, without a login, twice."""
    capture = EXAMPLES / "aim/aim_socks5.pcap"
    for number, port, octets in ((0, 5190, (171, 365)), (1, 5191, (1624, 1594))):
        told = told_of(capture, number)
        (request,) = events(told, ProxyRequest)
        assert (request.command, request.host, request.port) == ("connect", "10.61.0.1", port)
        (opened,) = effects(told, Open)
        assert (opened.host, opened.port, opened.label) == ("10.61.0.1", port, "socks5")
        # The other leg of each connection, counted by tshark, carries the same bytes.
        assert (len(carried(told, C)), len(carried(told, S))) == octets


def test_what_curl_asked_of_microsocks():
    """Witness: record.py. Right password, wrong password, none, and SOCKS4 to a SOCKS5 server."""
    capture = HERE / "captures/microsocks-login.pcap"
    first, second, third, fourth = (told_of(capture, number) for number in range(4))
    for told, password, accepted in ((first, "s3cret", True), (second, "wrong", False)):
        (credential,) = events(told, Credential)
        assert (credential.account, credential.secret) == ("bob", password)
        assert (credential.kind, credential.scheme) == ("plain", "socks5-userpass")
        assert [answer.accepted for answer in events(told, SignOnAnswer)] == [accepted]
    assert carried(first, C).startswith(b"GET /page HTTP/1.1\r\nHost: localhost:8000")
    assert carried(first, S).endswith(b"page /page \n")
    codes = [
        answer.code for told in (second, third, fourth) for answer in events(told, ProxyAnswer)
    ]
    assert codes == ["authentication-failed", "no-acceptable-method", "socks5-server"]


def test_what_curl_asked_of_dante():
    """Witness: record.py, curl's own messages (reply 91 of SOCKS4, reply 5 of SOCKS5)."""
    told = [told_of(HERE / "captures/dante-connect.pcap", number) for number in range(6)]
    asked = [(e.scheme, e.host, e.port) for one in told for e in events(one, ProxyRequest)]
    assert asked == [
        ("socks4", "127.0.0.1", 8000),
        ("socks4a", "localhost", 8000),
        ("socks5", "127.0.0.1", 8000),
        ("socks5", "localhost", 8000),
        ("socks5", "localhost", 8001),
        ("socks4", "127.0.0.1", 8001),
    ]
    codes = [answer.code for one in told for answer in events(one, ProxyAnswer)]
    assert codes == [
        "granted",
        "rejected",
        "succeeded",
        "succeeded",
        "connection-refused",
        "rejected",
    ]
    assert [len(effects(one, Open)) for one in told] == [1, 0, 1, 1, 0, 0]


def test_what_was_sent_before_the_answer_came():
    told = told_of(HERE / "captures/dante-early.pcap", 1)
    assert carried(told, C) == b"GET /early HTTP/1.0\r\nHost: early\r\n\r\n"
    assert carried(told, S).endswith(b"page /early \n")


def test_a_bind_announces_the_connection_it_waits_for():
    """Witness: record.py printed the second reply: a peer at 127.0.0.1:46106."""
    capture = HERE / "captures/dante-bind.pcap"
    told = told_of(capture, 0)
    (expect,) = effects(told, Expect)
    arrival = next(flow for flow in flows(capture) if flow.start.client.port == 46106)
    assert (expect.address, expect.port) == ("127.0.0.1", arrival.start.server.port)
    assert expect.transport == "tcp"
    (opened,) = effects(told, Open)
    assert (opened.host, opened.port, opened.inbound) == ("127.0.0.1", 46106, True)
    # The peer is the inner stream's client, although its bytes come from the proxy.
    assert carried(told, C).startswith(b"GET /inbound")
    assert carried(told, S).startswith(b"HTTP/1.1 204")
    announced = msgspec.structs.replace(arrival.start, context=expect.context)
    claim = recognise(msgspec.structs.replace(peek(arrival), start=announced))
    assert isinstance(claim, Claim)
    leg = joined(decode(Session(announced), arrival.steps))
    assert effects(leg, Open)[0].label == "socks5-bind"
    assert (carried(leg, C), carried(leg, S)) == (carried(told, C), carried(told, S))


def test_a_udp_associate_announces_its_datagrams():
    """Witness: record.py. Two datagrams to an echo server at 127.0.0.1:5300, and its answers."""
    capture = HERE / "captures/dante-udp.pcap"
    (expect,) = effects(told_of(capture, 0), Expect)
    relay = next(
        flow
        for flow in flows(capture)
        if flow.start.transport == "udp" and flow.start.server.port == expect.port
    )
    assert (expect.address, expect.transport, expect.repeat) == ("127.0.0.1", "udp", True)
    announced = msgspec.structs.replace(relay.start, context=expect.context)
    assert isinstance(recognise(msgspec.structs.replace(peek(relay), start=announced)), Claim)
    assert recognise(peek(relay)) is None  # UDP shows nothing by itself
    told = decode(Session(announced), relay.steps)
    inner = [(item.side, item.data, item.channel) for item in effects(told, Inner)]
    assert inner == [
        (C, b"one", "127.0.0.1:5300"),
        (S, b"echo one", "127.0.0.1:5300"),
        (C, b"two", "127.0.0.1:5300"),
        (S, b"echo two", "127.0.0.1:5300"),
    ]
    (opened,) = effects(told, Open)
    assert (opened.transport, opened.host, opened.port) == ("udp", "127.0.0.1", 5300)


FACTS = {
    # The manifest's facts: own parser there, by hand here.
    "shadowsocks.pcap": [("socks5", "128.95.155.198", 80, "succeeded", "0.0.0.0", 4112)],
    "socks-auth.pcap": [("socks5", "192.168.0.2", 22, "succeeded", "192.168.0.1", 55951)],
    "socks-http-example.pcap": [
        ("socks4", "93.184.216.119", 80, "granted", "10.180.156.249", 57266),
        ("socks4a", "www.example.com", 80, "granted", "10.180.156.249", 57267),
        ("socks5", "93.184.216.119", 80, "succeeded", "10.180.156.249", 57268),
    ],
    "socks-http-pass.pcap": [
        (None, "", 0, "no-acceptable-method", "", 0),
        (None, "", 0, "authentication-failed", "", 0),
        ("socks5", "93.184.216.119", 80, "succeeded", "10.180.156.249", 33214),
    ],
    "socks-with-ssl.pcap": [("socks5", "www.google.com", 443, "succeeded", "0.0.0.0", 443)],
    "socks.pcap": [
        ("socks5", "www.google.com", 80, "succeeded", "10.0.0.2", 80),
        ("socks4", "93.184.216.119", 80, "granted", "10.180.156.249", 57266),
        ("socks4a", "www.example.com", 80, "granted", "10.180.156.249", 57267),
        ("socks5", "93.184.216.119", 80, "succeeded", "10.180.156.249", 57268),
    ],
    "socks4-https.pcap": [("socks4a", "login.live.com", 443, "granted", "131.253.61.80", 443)],
    "socks5-http-302.pcap": [("socks5", "www.google.com", 80, "succeeded", "10.0.0.2", 80)],
    "socks5-rdp.pcap": [("socks5", "10.0.0.1", 3389, "succeeded", "0.0.0.0", 0)],
    "socks5-smtp-503.pcap": [("socks5", "010.000.00.003", 25, "succeeded", "10.0.0.1", 53709)],
    "tls_heur__vmess-tcp.pcapng": [
        ("socks5", "2a00:1450:4006:80d::200e", 443, "succeeded", "127.0.0.1", 1080)
    ],
}
LOGINS = {
    "socks-auth.pcap": [("bob", "alice")],
    "socks-http-pass.pcap": [("testuser", "testpass"), ("testuser", "testuser")],
}
corpus = pytest.mark.skipif(not (CORPUS / "public").exists(), reason="no corpus of captures")


@corpus
@pytest.mark.parametrize("name", FACTS)
def test_public_captures(name):
    found, logins = [], []
    for flow in flows(CORPUS / "public/socks" / name):
        if not isinstance(recognise(peek(flow)), Claim):
            continue
        session = Session(flow.start)
        told = decode(session, flow.steps)
        assert session.standing is Standing.PARSED
        assert not events(told, Malformed)
        request = next(iter(events(told, ProxyRequest)), None)
        (answer,) = events(told, ProxyAnswer)
        asked = (request.scheme, request.host, request.port) if request else (None, "", 0)
        found.append((*asked, answer.code, answer.address, answer.port))
        logins += [(event.account, event.secret) for event in events(told, Credential)]
    assert found == FACTS[name]
    assert logins == LOGINS.get(name, [])


# -- by the specification --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "host"),
    [
        (b"\1\x7f\0\0\1", "127.0.0.1"),
        (b"\3\x0bexample.net", "example.net"),
        (b"\4" + bytes(15) + b"\1", "::1"),
    ],
)
def test_addresses_of_every_kind(place, host):
    told = tell([*CHOSEN, (C, b"\5\1\0" + place + b"\x1f\x90"), (S, DONE), (C, b"hello")])
    (request,) = events(told, ProxyRequest)
    assert (request.host, request.port) == (host, 8080)
    assert carried(told, C) == b"hello"
    assert effects(told, Open) == [Open(host=host, port=8080, label="socks5", whole=True)]


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (1, "general-failure"),
        (2, "not-allowed"),
        (3, "network-unreachable"),
        (4, "host-unreachable"),
        (5, "connection-refused"),
        (6, "ttl-expired"),
        (7, "command-not-supported"),
        (8, "address-type-not-supported"),
        (0xF0, "onion-descriptor-not-found"),
        (0x33, "reply-0x33"),
    ],
)
def test_refusals_by_name(code, word):
    told = tell([*CHOSEN, (C, ASK), (S, bytes((5, code, 0, 1)) + bytes(6)), (C, b"ignored")])
    (answer,) = events(told, ProxyAnswer)
    assert (answer.code, answer.accepted) == (word, False)
    assert not effects(told)


def test_a_refusal_may_name_no_address():
    """As Tor 0.4.9.11 answered tor-resolve when it had no network: frame 10 of what we captured."""
    ask = bytes.fromhex("05f000030f7777772e6578616d706c652e636f6d0000")
    told = tell([*CHOSEN, (C, ask), (S, bytes.fromhex("05040000000000000000"))])
    assert [(asked.command, asked.host) for asked in events(told, ProxyRequest)] == [
        ("resolve", "www.example.com")
    ]
    assert [(answer.code, answer.address) for answer in events(told, ProxyAnswer)] == [
        ("host-unreachable", "")
    ]
    assert not events(told, Malformed)


@pytest.mark.parametrize("reply", [b"\5\2", b"\5\2\0\1\0\0\0\0\0"])
def test_a_refusal_cut_short_by_the_server(reply):
    told = tell([*CHOSEN, (C, ASK), (S, reply)])
    assert [answer.code for answer in events(told, ProxyAnswer)] == ["not-allowed"]


@pytest.mark.parametrize(
    ("code", "word"),
    [(0x5B, "rejected"), (0x5C, "identd-unreachable"), (0x5D, "identd-mismatch")],
)
def test_socks4_refusals(code, word):
    told = tell([(C, b"\4\1\0\x50\1\2\3\4me\0"), (S, bytes((0, code)) + bytes(6))])
    assert [answer.code for answer in events(told, ProxyAnswer)] == [word]
    assert events(told, ProxyRequest)[0].user == "me"


def test_the_unspecified_address_is_no_name_to_come():
    told = tell([(C, b"\4\1\0\x50\0\0\0\0me\0x"), (S, b"\0\x5a" + bytes(6))])
    assert events(told, ProxyRequest)[0].scheme == "socks4"
    assert carried(told, C) == b"x"


def test_a_socks4_reply_may_start_with_its_version():
    told = tell([(C, b"\4\1\0\x50\1\2\3\4\0"), (S, b"\4\x5a" + bytes(6) + b"inner")])
    assert carried(told, S) == b"inner"


def test_a_socks4_server_refuses_a_greeting():
    session = Session(START)
    told = decode(session, [(C, b"\5\1\0"), (S, b"\0\x5b" + bytes(6))])
    assert [answer.code for answer in events(told, ProxyAnswer)] == ["socks4-server"]
    assert session.standing is Standing.PARSED


def test_tor_look_ups():
    ask = b"\5\xf0\0\3\x0bexample.org\0\0"
    told = tell([*CHOSEN, (C, ask), (S, b"\5\0\0\1\1\2\3\4\0\0")])
    assert events(told, ProxyRequest)[0].command == "resolve"
    assert events(told, NameLearned) == [NameLearned(name="example.org", addresses=("1.2.3.4",))]
    told = tell([*CHOSEN, (C, b"\5\xf1\0\1\1\2\3\4\0\0"), (S, b"\5\0\0\3\x03a.b\0\0")])
    assert events(told, NameLearned) == [NameLearned(name="a.b", addresses=("1.2.3.4",))]
    assert not effects(told)


def test_an_unknown_command_is_named_by_its_number():
    told = tell([*CHOSEN, (C, b"\5\x77\0\1" + bytes(6))])
    assert events(told, ProxyRequest)[0].command == "command-0x77"


def test_a_bind_on_the_proxys_own_port_announces_nothing():
    """3proxy 1.0.0 says so: every later client of the proxy would be the awaited connection."""
    own = START.server
    listening = b"\5\0\0\1" + bytes(map(int, own.address.split("."))) + own.port.to_bytes(2)
    told = tell([*CHOSEN, (C, b"\5\2\0\1" + bytes(6)), (S, listening)])
    assert events(told, ProxyAnswer)[0].port == own.port
    assert not effects(told, Expect)


def test_the_unspecified_address_of_a_reply_is_the_proxys():
    told = tell([*CHOSEN, (C, b"\5\3\0\1" + bytes(6)), (S, b"\5\0\0\1\0\0\0\0\x12\x34")])
    (expect,) = effects(told, Expect)
    assert (expect.address, expect.port) == ("10.0.0.1", 0x1234)


def test_a_login_whose_answer_has_the_wrong_version():
    steps = [(C, b"\5\1\2"), (S, b"\5\2"), (C, b"\1\3bob\2pw"), (S, b"\5\0"), (C, ASK), (S, DONE)]
    told = tell(steps)
    assert events(told, SignOn) == [SignOn(account="bob", method="socks5-userpass")]
    assert events(told, SignOnAnswer) == [SignOnAnswer(account="bob", accepted=True)]
    assert effects(told, Open)
    assert events(told, ProxyRequest)[0].user == "bob"


def test_chap_gives_a_hash_that_can_be_attacked():
    """draft-ietf-aft-socks-chap with HMAC-MD5, as PuTTY does it: keyed with the password."""
    challenge = bytes(range(16))
    response = hmac.digest(b"secret", challenge, "md5")
    steps = [
        (C, b"\5\1\3"),
        (S, b"\5\3"),
        (C, b"\1\1\x11\1\x85"),
        (S, b"\1\2\x11\1\x85\3\x10" + challenge),
        (C, b"\1\2\2\3bob\4\x10" + response),
        (S, b"\1\1\0\1\0"),
        (C, ASK),
        (S, DONE),
        (C, b"in"),
    ]
    told = tell(steps)
    (credential,) = events(told, Credential)
    assert (credential.account, credential.kind) == ("bob", "hash")
    assert credential.scheme == "socks5-chap-hmac-md5"
    salt = bytes.fromhex(credential.salt)
    assert hmac.digest(b"secret", salt, "md5").hex() == credential.secret
    assert carried(told, C) == b"in"


def test_chap_refused():
    steps = [(C, b"\5\1\3"), (S, b"\5\3"), (C, b"\1\1\2\3bob"), (S, b"\1\1\0\1\xff")]
    told = tell(steps)
    assert [answer.accepted for answer in events(told, SignOnAnswer)] == [False]


GSSAPI = [
    (C, b"\5\2\0\1"),
    (S, b"\5\1"),
    (C, b"\1\1\0\3abc"),
    (S, b"\1\1\0\2de"),
    (C, b"\1\2\0\1\1"),
    (S, b"\1\2\0\1\1"),
]


def test_gssapi_without_protection():
    told = tell([*GSSAPI, (C, ASK), (S, DONE), (C, b"plain")])
    assert events(told, SignOn) == [SignOn(account="", method="socks5-gssapi")]
    assert carried(told, C) == b"plain"


def test_gssapi_with_protection_is_opaque():
    told = tell([*GSSAPI, (C, b"\1\3\0\x05\xaa\xbb\xcc\xdd\xee"), (S, b"\1\3\0\1\0"), (C, b"x")])
    assert [request.command for request in events(told, ProxyRequest)] == ["gssapi-protected"]
    assert not effects(told)


@pytest.mark.parametrize(
    ("method", "login", "command"),
    [
        (0x80, b"\1\2secret", "method-0x80-protected"),
        (5, b"\1\5reply", "cram-protected"),
        (8, b"\x00\x01", "multi-authentication-protected"),
    ],
)
def test_a_login_that_nobody_can_follow_is_not_called_another(method, login, command):
    session = Session(START)
    steps = [(C, bytes((5, 2, 0, method))), (S, bytes((5, method))), (C, login), (S, b"\1\0")]
    told = joined(decode(session, steps))
    assert [request.command for request in events(told, ProxyRequest)] == [command]
    assert not events(told, Malformed)
    assert session.standing is Standing.PARSED


def test_over_ssl_the_rest_is_tls():
    told = tell([(C, b"\5\2\0\6"), (S, b"\5\6"), (C, b"\x16\3\1\0\1\1"), (S, b"\x16\3\3")])
    assert events(told, SignOn) == [SignOn(account="", method="socks5-ssl")]
    assert [request.command for request in events(told, ProxyRequest)] == ["ssl-protected"]
    assert (carried(told, C), carried(told, S)) == (b"\x16\3\1\0\1\1", b"\x16\3\3")


@pytest.mark.parametrize(
    ("greeting", "choice"),
    [(b"\5\2\0\0", b"\5\0"), (b"\5\2\0\xff", b"\5\0"), (b"\5\1\2", b"\5\0")],
)
def test_a_careless_choice_of_method_hides_nothing(greeting, choice):
    """A method offered twice, or taken without an offer: request and reply show what it is."""
    assert isinstance(look(greeting), More)
    assert look(greeting + ASK)  # whoever does not wait for the choice is waited for
    assert look(greeting + b"GET /") is None
    assert look(greeting, choice) is MORE
    assert look(greeting + ASK, choice) is MORE
    assert isinstance(look(greeting + ASK, choice + DONE), Claim)
    assert look(greeting + b"GET /", choice + DONE) is None


@pytest.mark.parametrize("nowhere", [b"\3\0\0\0", b"\0" * 7])
def test_a_reply_may_name_nothing(nowhere):
    told = tell([(C, b"\5\1\0"), (S, b"\5\0"), (C, ASK), (S, b"\5\0\0" + nowhere), (S, b"back")])
    (answer,) = events(told, ProxyAnswer)
    assert (answer.accepted, answer.address, answer.port) == (True, "", 0)
    assert carried(told, S) == b"back"
    udp = [(C, b"\5\1\0"), (S, b"\5\0"), (C, b"\5\3\0\1" + bytes(6)), (S, b"\5\0\0" + nowhere)]
    assert [each.address for each in effects(tell(udp), Expect)] == [START.server.address]


def test_a_relay_by_name_is_known_by_its_port():
    udp = [(C, b"\5\1\0"), (S, b"\5\0"), (C, b"\5\3\0\1" + bytes(6))]
    (expected,) = effects(tell([*udp, (S, b"\5\0\0\3\5relay\x30\x39")]), Expect)
    assert (expected.address, expected.source) == ("", START.client.address)
    assert (expected.port, expected.transport) == (12345, "udp")


def test_gssapi_aborted():
    told = tell([*GSSAPI[:3], (S, b"\1\xff")])
    assert [answer.code for answer in events(told, ProxyAnswer)] == ["authentication-failed"]


def test_a_method_nobody_knows_is_named():
    told = tell([(C, b"\5\1\x80"), (S, b"\5\x80"), (C, ASK), (S, DONE), (S, b"in")])
    assert [event.method for event in events(told, SignOn)] == ["socks5-method-0x80"]
    assert carried(told, S) == b"in"


def test_a_socks4_bind_has_two_replies():
    steps = [
        (C, b"\4\2\0\x15\1\2\3\4me\0"),
        (S, b"\0\x5a\x30\x39\0\0\0\0"),
        (S, b"\0\x5a\x04\xd2\1\2\3\4"),
        (S, b"from the peer"),
    ]
    told = tell(steps)
    (expect,) = effects(told, Expect)
    assert (expect.address, expect.port) == ("10.0.0.1", 12345)
    assert expect.context == Inbound("socks4", "10.0.0.5")
    assert effects(told, Open) == [Open(host="1.2.3.4", port=1234, label="socks4", inbound=True)]
    assert carried(told, C) == b"from the peer"


def test_the_end_of_a_side_ends_that_side_of_the_stream():
    session = Session(START)
    decode(session, [*CHOSEN, (C, ASK), (S, DONE)], ends=False)
    assert session.end(C) == [InnerEnd(side=C)]
    assert session.feed(S, b"still") == [Inner(side=S, data=b"still")]
    assert session.end(S) == [InnerEnd(side=S)]


# -- one side missing, gaps, faults ----------------------------------------------------------


def test_a_client_alone_is_followed():
    flow = b"\5\1\0" + ASK + b"GET / HTTP/1.0\r\n\r\n"
    assert isinstance(look(flow), Claim)
    session = Session(START)
    told = joined(decode(session, [(C, flow)]))
    assert events(told, ProxyRequest)[0].host == "host"
    assert carried(told, C) == b"GET / HTTP/1.0\r\n\r\n"
    assert not events(told, ProxyAnswer)
    assert session.standing is Standing.CLAIMED  # one side proves nothing


def test_a_client_alone_that_logs_in():
    told = tell([(C, b"\5\2\0\2"), (C, b"\1\1a\1b" + ASK + b"inner")])
    assert events(told, Credential)[0].secret == "b"
    assert carried(told, C) == b"inner"


@pytest.mark.parametrize("offered", [b"\0\1\2", b"\0\3\2"])
def test_a_client_alone_that_offers_more_than_a_password(offered):
    """curl offers GSSAPI as well, whose messages begin with 1 too."""
    greeting = b"\5%c%b" % (len(offered), offered)
    assert look(greeting + b"\1\1a\1b") is MORE
    assert isinstance(look(greeting + b"\1\1a\1b" + ASK), Claim)
    assert look(greeting + b"\1\1\0\3abc" + ASK) is MORE
    told = tell([(C, greeting), (C, b"\1\1a\1b" + ASK + b"inner")])
    assert events(told, Credential)[0].secret == "b"


def test_a_long_client_alone_is_not_held_back():
    session = Session(START)
    told = decode(session, [(C, b"\5\1\0" + ASK), (C, bytes(100_000))], ends=False)
    assert len(carried(told, C)) == 100_000


def test_a_server_alone_is_followed():
    flow = b"\5\2\1\0" + DONE + b"SSH-2.0-x\r\n"
    assert isinstance(look(b"", flow), Claim)
    session = Session(START)
    told = joined(decode(session, [(S, flow)]))
    assert events(told, ProxyAnswer)[0].accepted
    assert carried(told, S) == b"SSH-2.0-x\r\n"
    assert session.standing is not Standing.REFUTED


def test_a_server_alone_is_followed_though_its_client_is_a_gap():
    """As the core tells it: what the server acknowledged was sent."""
    for steps in (
        [(C, 60), (S, b"\5\0" + DONE + b"SSH")],
        [(S, b"\5\0"), (C, 60), (S, DONE + b"SSH")],
    ):
        told = joined(decode(Session(START), steps))
        assert events(told, ProxyAnswer)[0].accepted
        assert carried(told, S) == b"SSH"


def test_a_gap_in_the_stream_is_the_streams_gap():
    told = tell([*CHOSEN, (C, ASK), (S, DONE), (S, b"a"), (S, 7), (S, b"b")])
    assert events(told, Gap) == [Gap(size=7)]
    assert effects(told, InnerGap) == [InnerGap(side=S, size=7)]


def test_a_gap_that_swallows_the_reply():
    told = tell([*CHOSEN, (C, ASK), (S, 10), (S, b"220 ready\r\n")])
    assert carried(told, S) == b"220 ready\r\n"
    assert effects(told, InnerGap) == [InnerGap(side=S, size=10)]


def test_a_login_is_read_where_the_proxys_side_is_a_gap():
    """A capture of one direction: what the proxy said is told as lost when the flow ends."""
    login = b"\1\5alice\6sesame"
    told = tell([(C, b"\5\2\0\2"), (C, login), (C, ASK), (C, b"x"), (S, 14)])
    (credential,) = events(told, Credential)
    assert (credential.account, credential.secret) == ("alice", "sesame")
    assert events(told, ProxyRequest)[0].host == "host"
    assert carried(told, C) == b"x"


def test_who_said_it_is_told_where_a_client_is_ahead_of_its_turn():
    """The proxy's choice of a method comes last, and yet it never signed on."""
    told = tell([(C, b"\5\1\2" + b"\1\5alice\6sesame" + ASK), (S, b"\5\2\1\0" + DONE)])
    sides = {type(event): side for side, event in told if isinstance(event, Event)}
    assert sides[SignOn] == sides[Credential] == sides[ProxyRequest] == C
    assert sides[SignOnAnswer] == sides[ProxyAnswer] == S
    capture = HERE / "captures/dante-early.pcap"
    said = [(type(seen.event), seen.side) for seen in Scan(capture)]
    assert {side for kind, side in said if kind is ProxyRequest} == {C}
    assert {side for kind, side in said if kind is ProxyAnswer} == {S}


def test_a_gap_before_the_request():
    told = tell([(C, b"\5\1\0"), (S, 2), (C, ASK), (S, DONE), (C, b"x")])
    assert carried(told, C) == b"x"
    told = tell([(C, 3), (S, b"\5\0"), (C, ASK), (S, DONE), (C, b"x")])
    assert not [event for event in events(told, Malformed) if "SOCKS5 reply" in event.reason]


@pytest.mark.parametrize(
    "steps",
    [
        [*CHOSEN, (C, b"\4\1\0\x50\1\2\3\4\0")],
        [*CHOSEN, (C, b"\5\1\0\2\1\2\3\4\0\0")],
        [*CHOSEN, (C, b"\5\1\0\3\0\0\0")],
        [*CHOSEN, (C, ASK), (S, b"\4\0\0\1" + bytes(6))],
        [(C, b"\5\1\0"), (S, b"\7\0")],
        [(C, b"\5\1\2"), (S, b"\5\2"), (C, b"\2\1a\1b")],
        [(C, b"\4\1\0\x50\1\2\3\4" + b"x" * 300)],
        [(C, b"\4\1\0\x50\1\2\3\4\0"), (S, b"\0\x59")],
        [(C, b"\5\1\1"), (S, b"\5\1"), (C, b"\1\7")],
    ],
)
def test_what_is_no_socks_after_all_is_said_once_and_refuted(steps):
    session = Session(START)
    told = decode(session, [*steps, (C, b"more"), (S, b"more")])
    assert len(events(told, Malformed)) == 1
    assert not effects(told)
    assert session.standing is Standing.REFUTED
    assert session.done


# -- datagrams -------------------------------------------------------------------------------

RELAY = Start("udp", START.client, START.server, context=Relay("bob"))
TO = b"\1\x08\x08\x08\x08\0\x35"


def test_datagrams_to_names_and_their_answers():
    name = b"\3\x0bexample.net\0\x35"
    steps = [(C, b"\0\0\0" + name + b"q"), (S, b"\0\0\0" + TO + b"a"), (C, b"\0\0\0" + TO + b"q2")]
    told = tell(steps, RELAY)
    assert [item.channel for item in effects(told, Inner)] == ["example.net:53"] * 3
    assert [request.user for request in events(told, ProxyRequest)] == ["bob"]


def test_a_datagram_in_pieces():
    steps = [(C, bytes((0, 0, n)) + TO + text) for n, text in ((1, b"a"), (2, b"b"), (0x83, b"c"))]
    assert [item.data for item in effects(tell(steps, RELAY), Inner)] == [b"abc"]
    told = tell([steps[0], steps[2]], RELAY)
    assert not effects(told, Inner)
    assert events(told, Malformed) == [Malformed(reason="piece of a datagram out of order")]
    told = tell([steps[0], (C, b"\0\0\0" + TO + b"whole"), steps[1]], RELAY)
    assert [item.data for item in effects(told, Inner)] == [b"whole"]


def test_datagrams_without_the_header():
    session = Session(RELAY)
    assert events(decode(session, [(C, b"\1\2\3")]), Malformed)
    assert session.standing is Standing.REFUTED
    session = Session(RELAY)
    told = decode(session, [(C, b"\0\0\0" + TO + b"x"), (C, b"\0\0\0\2x"), (C, 5)])
    assert events(told, Malformed)
    assert events(told, Gap)
    assert session.standing is Standing.PARSED


def test_targets_are_bounded():
    told = tell(
        [(C, b"\0\0\0\1" + n.to_bytes(4, "big") + b"\0\x35x") for n in range(300)],
        RELAY,
        ends=False,
    )
    assert len(effects(told, Open)) == 300
    assert len(effects(told, InnerEnd)) == 300 - 256


# -- whose bytes are these -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"\5", b""),
        (b"\5\1", b""),
        (b"\5\1\0", b""),
        (b"\5\1\0", b"\5"),
        (b"\5\1\0\5\1\0\3\x04ho", b""),
        (b"\5\1\2\1\3bob", b""),
        (b"\4\1\0\x50\1\2\3\4us", b""),
        (b"\4\1\0\x50\1\2\3\4us\0", b""),
        (b"\4\1\0\x50\1\2\3\4us\0", b"\0\x5a\0"),
        (b"", b"\5\0\5\0\0\1"),
        (b"", b"\5\1\0"),
        (b"", b"\4\1\0\x25\0\0\1\0"),
    ],
)
def test_undecided(client, server):
    asked = client in (b"\5\1\0", b"\4\1\0\x50\1\2\3\4us\0")
    whole = asked and not server  # it is the server's turn: no guard waits for more
    assert look(client, server) is (LATER if whole else MORE)


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"\5\1\0", b"\5\0"),
        (b"\5\2\0\2", b"\5\2"),
        (b"\5\2\0\2", b"\5\xff"),
        (b"\5\1\0", b"\0\x5b" + bytes(6)),
        (b"\5\xff" + bytes(range(255)), b"\5\xfe"),
        (b"\5\1\0" + ASK, b""),
        (b"\4\1\0\x50\1\2\3\4us\0", b"\0\x5a" + bytes(6)),
        (b"\4\1\0\x50\1\2\3\4us\0", b"\5\xff"),
        (b"\4\1\0\x50\0\0\0\1us\0host.name\0", b""),
        (b"", b"\5\0" + DONE),
    ],
)
def test_claimed(client, server):
    assert isinstance(look(client, server), Claim)


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"\5\0", b""),
        (b"\5\1\xff", b""),
        (b"\5\1\0", b"\5\1"),
        (b"\5\1\0", b"\5\2"),
        (b"\5\1\0", b"\7\0"),
        (b"\5\1\0", b"220 hi"),
        (b"\5\1\0", b"\5\0\4"),
        (b"\5\1\0\6", b""),
        (b"\5\1\0\5\x09", b""),
        (b"\5\1\0\5\1\0\3\4h st\0\x50", b""),
        (b"\5\1\0\5\1\0\2", b""),
        (b"\5\1\0", b"\0\x5a" + bytes(6)),
        (b"\4\3\0\x50\1\2\3\4us\0", b""),
        (b"\4\1\0\x50\1\2\3\4u\1s\0", b""),
        (b"\4\1\0\x50\0\2\3\4us\0", b""),
        (b"\4\1\0\x50\1\2\3\4us\0", b"\1\x5a"),
        (b"\4\1\0\x50\1\2\3\4us\0", b"\0\x59"),
        (b"\4\1\0\x50\1\2\3\4us\0", b"\5\0"),
        (b"\4\1\0\x25\0\0\1\0", b"\x12\1\0\x34"),
        (b"", b"\5\0\0\5\0"),
        (b"GET / HTTP/1.0\r\n\r\n", b"\5\0"),
        (b"\5\0\x0b\3\x10\0\0\0", b"\5\0\x0c\3\x10\0\0\0"),
    ],
)
def test_not_ours(client, server):
    assert look(client, server) is None


def test_amid_a_stream_both_sides_must_agree():
    assert look(b"\5\1\0" + ASK, b"", begun=False) is None
    assert isinstance(look(b"\5\1\0", b"\5\0", begun=False), Claim)
    claim = look(b"\5\2", b"\5\2\0\2", begun=False)
    assert isinstance(claim, Claim)
    assert claim.flipped


def _foreign():
    public = CORPUS / "public"
    own = {public / "socks"}
    return [path for path in sorted(public.rglob("*.pcap*")) if path.parent not in own]


@corpus
def test_foreign_captures_give_no_claim():
    names = re.compile("socks|prox")  # of the captures that hold SOCKS
    examples = [path for path in EXAMPLES.rglob("*.pcap") if not names.search(path.name)]
    checked = 0
    for path in [*_foreign(), *examples]:
        if path.parent.name == "malformed":
            continue
        for flow in flows(path):
            checked += 1
            assert not isinstance(recognise(peek(flow)), Claim), (path, str(flow))
    assert checked > 500


# -- the laws --------------------------------------------------------------------------------

LOGIN = [(C, b"\5\2\0\2"), (S, b"\5\2"), (C, b"\1\3bob\2pw"), (S, b"\1\0")]
CHAP = [(C, b"\5\1\3"), (S, b"\5\3"), (C, b"\1\1\2\3bob"), (S, b"\1\1\3\2ab")]
STREAMS = {
    "userpass": [*LOGIN, (C, ASK), (S, DONE)],
    "chap": [*CHAP, (C, b"\1\1\4\2cd"), (S, b"\1\1\0\1\0"), (C, ASK)],
    "gssapi": [*GSSAPI, (C, ASK), (S, DONE), (C, b"plain"), (S, b"back")],
    "bind": [*CHOSEN, (C, b"\5\2\0\1" + bytes(6)), (S, DONE + DONE + b"hello"), (C, b"there")],
    "early": [(C, b"\5\1\0" + ASK + b"early"), (S, b"\5\0" + DONE + b"late")],
    "socks4a": [(C, b"\4\1\0\x50\0\0\0\1me\0a.b\0early"), (S, b"\0\x5a" + bytes(6) + b"late")],
    "broken": [*CHOSEN, (C, b"\5\1\0\x09junk")],
}  # fmt: skip


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_segmentation(name, size):
    check_segmentation(make(), STREAMS[name], size)


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
@pytest.mark.parametrize("size", [1, 7])
def test_segmentation_of_captures(capture, size):
    for flow in flows(capture):
        if flow.start.transport == "tcp":
            check_segmentation(make(flow.start), flow.steps, size)


MESSAGES = st.sampled_from([data for steps in STREAMS.values() for _, data in steps])
TORN = st.builds(
    lambda data, cut, tail: data[:cut] + tail, MESSAGES, st.integers(0, 20), st.binary(max_size=6)
)
chunks = st.lists(
    st.tuples(st.sampled_from(Side), MESSAGES | TORN | st.binary(max_size=30) | st.integers(1, 99)),
    max_size=12,
)  # fmt: skip


@settings(max_examples=200)
@given(chunks)
def test_garbage(steps):
    check_garbage(make(), steps)
    check_garbage(make(RELAY), steps)


@given(chunks, st.integers(1, 9))
@example([(C, b"\5\2\0\2"), (S, b"\5\1\0\3")], 1)  # what is broken was the server's
@example(  # what waits behind a reply was its own side's
    [(C, b"\5\1\0"), (S, b"\5\0" + DONE), (C, ASK + b"x")], 1
)
def test_any_cut_of_garbage(steps, size):
    check_segmentation(make(), steps, size)


@given(st.binary(max_size=40), st.binary(max_size=40), st.booleans())
def test_recognise_never_raises(client, server, begun):
    look(client, server, begun)
    look(b"\5" + client, b"\5" + server, begun)
    look(b"\4\1" + client, b"\0" + server, begun)


def test_memory_is_bounded():
    for steps in (
        [(C, b"\5\xff"), (S, bytes(1000))],
        [(C, b"\5\1\1"), (S, b"\5\1"), (C, b"\1\1\xff\xff")],
    ):
        session = Session(START)
        decode(session, steps, ends=False)
        for _ in range(300):
            session.feed(C, bytes(1000))
            session.feed(S, bytes(1000))
        check_garbage(lambda session=session: session, [])


# -- a proxy that connects back --------------------------------------------------------------

USER, PROXY = b"\5\1\0" + ASK, b"\5\0" + DONE
BACK = [(S, b"\5\1\0"), (C, b"\5\0"), (S, ASK), (C, DONE), (S, b"GET / HTTP/1.0\r\n\r\n")]


def test_a_caller_may_be_the_proxy():
    assert look(b"", b"\5\1\0") is MORE
    assert look(b"\5\0", b"\5\1\0").flipped
    assert look(b"\0\x5a\0\0\0\0\0\0", b"\4\1\0\x50\x0a\0\0\1\0").flipped
    assert look(b"hello\n" + PROXY, USER).flipped
    for size in range(len(PROXY)):
        assert look(b"hello\n" + PROXY[:size], USER) is MORE


@pytest.mark.parametrize(
    ("caller", "called"),
    [
        (b"hello\n" * 20 + PROXY, USER),
        (b"hello\n" + PROXY, b"\5\2\0\xff" + ASK),
        (b"hello\n" + PROXY, b"\5\1\0\5\x09" + ASK),
        (b"hello\n" + b"\5\0\5\x09\0\1" * 30, USER),
        (b"hello\n", b"\5\1\0\5\1\0\5\0\0"),
        (b"\1" * 200, b"\5\1\0"),
        (b"", b"\5\0\x0b\3\x10"),
    ],
)
def test_what_only_looks_like_a_proxy_that_connects_back(caller, called):
    assert look(caller, called) is None


@pytest.mark.parametrize(("first", "cut"), [(b"", 1), (b"", MTU), (b"NZ\x8d\x08\x87\x4e", MTU)])
def test_a_proxy_that_connects_back(tmp_path, first, cut):
    packets = tcp(
        [*([(C, first)] if first else []), *BACK, (C, b"HTTP/1.0 200 OK\r\n\r\n")], cut=cut
    )
    run = Scan(write(tmp_path / "back.pcap", packets))
    told = [seen for seen in run if isinstance(seen.event, ProxyRequest)]
    assert [(seen.stack, seen.event.host) for seen in told] == [("socks", "host")]
    (row,) = [row for row in run.document.services if row.service == "socks"]
    assert row.confidence == "parsed"
    assert row.hosts.servers == ("10.9.0.2:40001",)
    assert not run.document.anomalies
