"""STUN, TURN and ICE: RFC 5769's samples, captures and tshark, messages by hand, the laws."""

import random
import struct
import zlib
from collections import Counter
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher

from backchannel import scan
from backchannel.detect.guessing import SCHEMES
from backchannel.effects import Inner, InnerEnd, InnerGap, Open, Remember
from backchannel.events import (
    Credential,
    Gap,
    LoginOffer,
    Malformed,
    PeerAddress,
    ProxyAnswer,
    ProxyRequest,
    SignOn,
    SignOnAnswer,
    Software,
)
from backchannel.model import MORE, Capability, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.rtp.events import MediaStream
from backchannel.protocols.stun import PROTOCOL, calls, relay, session, wire
from backchannel.protocols.stun.events import (
    IceCheck,
    StunCarries,
    TurnAllocation,
    TurnPeerReached,
)
from backchannel.protocols.stun.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
ENDS = Endpoint("10.0.0.5", 40000), Endpoint("198.51.100.1", 443)
UDP, TCP = Start("udp", *ENDS), Start("tcp", *ENDS)
CALL = Start("udp", *ENDS, accounts=("a@x", "b@y"), service="msn", purpose=Capability.VOICE_VIDEO)
PUBLIC = kit.CORPUS / "public"
with_corpus = pytest.mark.skipif(not PUBLIC.exists(), reason="the public corpus is not here")
EXAMPLES = sorted((kit.EXAMPLES / "stun").glob("*.pcap"))
MATCHER = Matcher({"stun": PROTOCOL})

# RFC 5769, sections 2.1 to 2.4
ASKED = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e00"
    "01ff80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5"
    "b2d3f249c1b571a280280004e57a3bcf"
)
ANSWERED = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112"
    "a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
ANSWERED_6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113"
    "a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)
LONG_TERM = bytes.fromhex(
    "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015"
    "001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f726700"
    "00080014f67024656dd64a3e02b8e0712e85c9a28ca89666"
)


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def attribute(kind, value):
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def message(method, kind, *attributes, tid=1, cookie=wire.COOKIE):
    body = b"".join(attribute(*one) for one in attributes)
    bits = (method & 0xF) | (method & 0x70) << 1 | (method & 0xF80) << 2
    bits |= (kind & 1) << 4 | (kind & 2) << 7
    return struct.pack(">HH", bits, len(body)) + (cookie + noise(tid, 12)) + body


def xor(kind, host, port, tid=1):
    mask = wire.COOKIE + noise(tid, 12)
    packed = ip_address(host).packed
    value = struct.pack(">BBH", 0, 1 if len(packed) == 4 else 2, port ^ 0x2112)
    return kind, value + bytes(a ^ b for a, b in zip(packed, mask, strict=False))


def marked(data):
    """With a fingerprint."""
    head = data[:2] + struct.pack(">H", len(data) - 20 + 8) + data[4:]
    return head + b"\x80\x28\0\4" + struct.pack(">I", zlib.crc32(head) ^ 0x5354554E)


def look(client=b"", server=b"", start=UDP):
    return recognise(Peek(start.transport, client, server, True, start))


def say(*steps, start=UDP, ends=True):
    made = Session(start)
    return made, kit.decode(made, steps, ends=ends)


BINDING = message(1, 0)
BOUND = message(1, 2, xor(0x20, "203.0.113.9", 55555))
USER, REALM, NONCE = (0x06, b"alice"), (0x14, b"tulip.example"), (0x15, b"n0nce")
SIGNED = (0x08, bytes(20))
UDP_RELAY = (0x19, b"\x11\0\0\0")
LIFE = (0x0D, struct.pack(">I", 600))


def login(method, *attributes, tid):
    return message(method, 0, *attributes, USER, REALM, NONCE, SIGNED, tid=tid)


ALLOCATED = [
    (C, message(3, 0, UDP_RELAY, tid=2)),
    (S, message(3, 3, (0x09, b"\0\0\4\1"), REALM, NONCE, tid=2)),
    (C, login(3, UDP_RELAY, tid=3)),
    (
        S,
        message(
            3, 2, xor(0x16, "198.51.100.1", 50000, 3), xor(0x20, "203.0.113.9", 7, 3), LIFE, tid=3
        ),
    ),
]
PEER = "192.0.2.77"
BOUND_CHANNEL = [
    *ALLOCATED,
    (C, login(9, (0x0C, b"\x40\x01\0\0"), xor(0x12, PEER, 6000, 4), tid=4)),
    (S, message(9, 2, tid=4)),
]


def channel(data, number=0x4001, pad=False):
    return struct.pack(">HH", number, len(data)) + data + (bytes(-len(data) % 4) if pad else b"")


# -- messages ----------------------------------------------------------------------------------


def test_the_samples_of_rfc_5769():
    asked, answered, six = wire.read(ASKED), wire.read(ANSWERED), wire.read(ANSWERED_6)
    assert (asked.method, asked.kind, asked.intact) == (wire.BINDING, wire.REQUEST, True)
    assert asked.text(wire.USERNAME) == "evtj:h6vY"
    assert asked.text(wire.SOFTWARE) == "STUN test client"
    assert (answered.kind, answered.intact, six.intact) == (wire.SUCCESS, True, True)
    assert answered.endpoint(wire.XOR_MAPPED) == Endpoint("192.0.2.1", 32853)
    assert six.endpoint(wire.XOR_MAPPED) == Endpoint("2001:db8:1234:5678:11:2233:4455:6677", 32853)
    assert answered.transaction == asked.transaction


def test_the_long_term_sample_can_be_guessed():
    _, told = say((C, LONG_TERM))
    (found,) = kit.events(told, Credential)
    assert (found.account, found.kind, found.scheme) == ("マトリックス", "hash", "stun-long-term")
    assert SCHEMES[found.scheme].test(found, "TheMatrIX")
    assert not SCHEMES[found.scheme].test(found, "TheMatrix")


@pytest.mark.parametrize("method", [1, 3, 0x0B, 0x80, 0xFFF])
@pytest.mark.parametrize("kind", range(4))
def test_methods_and_classes(method, kind):
    read = wire.read(message(method, kind))
    assert (read.method, read.kind) == (method, kind)


@pytest.mark.parametrize(
    "data",
    [
        BINDING[:-1],
        BINDING + b"\0\0\0\0",
        b"\x40" + BINDING[1:],
        message(1, 0)[:2] + b"\0\1" + BINDING[4:] + b"\0",
        message(1, 0, (6, b"abcd"))[:-6] + b"\xff\xff" + b"abcd",
        message(1, 0, *[(n, b"") for n in range(0x9000, 0x9000 + wire.MOST + 1)]),
    ],
)
def test_what_is_no_message(data):
    with pytest.raises(wire.WireError):
        wire.read(data)


# -- recognise ---------------------------------------------------------------------------------

OLD = bytes.fromhex("9429ef88294dd52632c72931cb8dbb4c")


def old(kind, *attributes, transaction=OLD):
    return (
        message(1, kind, *attributes, cookie=b"")[:4]
        + transaction
        + b"".join(attribute(*one) for one in attributes)
    )


MAPPED = (1, b"\0\1\xd7\x0a\xac\x10\x3f\xe0")
CHANGE = (3, bytes(4))


@pytest.mark.parametrize(
    ("client", "server", "answer"),
    [
        (BINDING, b"", Claim),
        (b"", BOUND, Claim),
        (noise(1, 50), BOUND, Claim),  # in the middle of a call
        (BINDING, noise(1, 50), Claim),
        (old(0, CHANGE), b"", Claim),
        (old(0), b"", MORE),
        (old(0), old(2, MAPPED), Claim),
        (old(0), old(2, MAPPED, transaction=noise(9, 16)), None),
        (old(0, CHANGE), noise(2, 40), None),
        (b"", old(2, MAPPED), Claim),
        (noise(1, 40), old(2, MAPPED), None),
        (b"", old(2), None),
        (old(0, (0x9999, b"abcd")), b"", None),
        (old(1), b"", None),
        (BINDING[:4] + b"\x21\x12\xa4\x43" + BINDING[8:], b"", MORE),  # RFC 3489's 16 bytes
        (message(3, 0, cookie=b"\x21\x12\xa4\x43"), b"", None),
        (b"", b"", None),
        (noise(3, 100), b"", None),
    ],
)
def test_recognise(client, server, answer):
    found = look(client, server)
    assert found is answer or (answer is Claim and isinstance(found, Claim))
    if answer is Claim and not server:
        assert MATCHER.candidates("udp", client) == ["stun"]


def test_an_answer_alone_comes_from_the_server():
    assert look(BOUND).flipped
    assert not look(BINDING).flipped
    assert not look(BOUND, BINDING).flipped


def test_a_stream_is_known_by_its_first_message():
    for size in range(1, 20):
        assert look(BOUND[:size], start=TCP) is MORE
    assert isinstance(look(BINDING, start=TCP), Claim)
    for size in (20, len(BOUND)):
        assert isinstance(look(BOUND[:size], start=TCP), Claim)
    assert MATCHER.candidates("tcp", BINDING) == ["stun"]
    assert look(b"GET / HTTP/1.1\r\n\r\n      ", start=TCP) is None
    assert look(BINDING, b"HTTP/1.1 400 Bad Request\r\n", start=TCP) is None
    assert look(channel(bytes(40)), start=TCP) is None
    assert look(BINDING[:8] + b"x", b"\x7f", start=TCP) is None
    assert look(message(1, 0, (6, b"abcd"))[:-6] + b"\xff\xff" + b"abcd", start=TCP) is None


def test_the_magic_is_narrow():
    for data in (noise(1, 60), BINDING[:-1], b"\0\1\0\0" + bytes(16), BINDING + b"1234"):
        assert MATCHER.candidates("udp", data) == []


@pytest.mark.parametrize("path", kit.foreign(*EXAMPLES), ids=lambda path: path.name)
def test_nothing_else_is_claimed(path):
    """Some captures of others hold STUN: every flow claimed is shown by tshark to have it."""
    for flow in kit.claimed(path, recognise):
        assert any(
            data[4:8] == wire.COOKIE or data[:2] in (b"\0\1", b"\1\1")
            for _, data in flow.steps
            if isinstance(data, bytes)
        )


# -- bindings ----------------------------------------------------------------------------------


def test_the_address_behind_a_nat():
    made, told = say((C, BINDING), (S, BOUND))
    assert made.standing is Standing.PARSED
    assert kit.events(told) == [
        PeerAddress(
            use=Capability.VOICE_VIDEO,
            account="",
            address="203.0.113.9",
            port=55555,
            transport="udp",
            how="stun-mapped",
        )
    ]


def test_an_address_that_shows_anyway_is_no_news():
    _, told = say((C, BINDING), (S, message(1, 2, xor(0x20, "10.0.0.5", 9))))
    assert told == []


def test_an_address_is_told_once_of_each_version():
    steps = [
        (S, message(1, 2, xor(0x20, host, 7, tid), tid=tid))
        for host in ("203.0.113.9", "2001:db8::7")
        for tid in range(session.BINDINGS // 2 - 1)
    ]
    _, told = say((C, BINDING), *steps, (S, message(1, 2, (0x8022, b"late"))))
    addresses = [event.address for event in kit.events(told, PeerAddress)]
    assert addresses == ["203.0.113.9", "2001:db8::7"]
    assert kit.events(told, Software) == [Software(name="late", role="server")]


def test_a_program_whose_name_reads_like_an_address_hides_none():
    name = struct.pack(">H4s", 55555, ip_address("203.0.113.9").packed)
    _, told = say((C, BINDING), (S, message(1, 2, (0x8022, name), xor(0x20, "203.0.113.9", 55555))))
    assert [event.address for event in kit.events(told, PeerAddress)] == ["203.0.113.9"]


def test_a_question_alone_is_a_signature():
    assert say((C, BINDING))[0].standing is Standing.CLAIMED
    assert say((C, marked(BINDING)))[0].standing is Standing.PARSED
    assert say((S, BINDING), (S, BOUND))[0].standing is Standing.CLAIMED


def test_rfc_3489_tells_an_address_too():
    made, told = say((C, old(0)), (S, old(2, MAPPED)))
    assert made.standing is Standing.PARSED
    assert [e.address for e in kit.events(told, PeerAddress)] == ["172.16.63.224"]


def test_a_wrong_fingerprint_is_told():
    broken = marked(BINDING)[:-1] + b"\0"
    made, told = say((C, broken))
    assert [type(event) for event in kit.events(told)] == [Malformed]
    assert made.standing is Standing.CLAIMED


def test_broken_messages_withdraw_the_claim():
    made, told = say(*[(C, BINDING[:3] + b"\x08" + BINDING[4:])] * session.STRIKES)
    assert made.standing is Standing.REFUTED
    assert len(kit.events(told, Malformed)) == 1  # WhatsApp has such by the dozen
    assert made.feed(C, BINDING) == []


def check(*attributes, tid=1):
    return message(1, 0, (6, b"bob1:ann1"), *attributes, tid=tid)


def test_ice_checks_are_told_once_and_when_they_nominate():
    steps = [check((0x802A, bytes(8)), tid=n) for n in range(5)]
    nominated = check((0x802A, bytes(8)), (0x25, b""), (0xC057, bytes(4)), tid=9)
    _, told = say(*[(C, step) for step in steps], (C, nominated))
    first, second = kit.events(told, IceCheck)
    assert first == IceCheck(username="bob1:ann1", role="controlling")
    assert second == IceCheck(
        username="bob1:ann1", role="controlling", nominated=True, vendor="Google"
    )
    (other,) = kit.events(say((C, check((0x8029, bytes(8)), (0x8070, bytes(4)))))[1], IceCheck)
    assert (other.role, other.vendor) == ("controlled", "Microsoft")


def test_programs_name_themselves():
    _, told = say((C, ASKED), (S, ANSWERED), (S, message(1, 2, (0x8022, b"Coturn-4.6.1"))))
    assert kit.events(told, Software) == [
        Software(name="STUN test client", role="client"),
        Software(name="test vector", role="server"),
        Software(name="Coturn", version="4.6.1", role="server"),
    ]


# -- relays ------------------------------------------------------------------------------------


def test_an_allocation_is_told_with_who_and_where():
    _, told = say(*ALLOCATED)
    assert [type(e) for e in kit.events(told)] == [
        LoginOffer,
        SignOn,
        Credential,
        SignOnAnswer,
        TurnAllocation,
        PeerAddress,
    ]
    assert kit.events(told, LoginOffer) == [
        LoginOffer(methods=("stun-long-term",), realm="tulip.example")
    ]
    assert kit.events(told, TurnAllocation) == [
        TurnAllocation(
            state="granted",
            account="alice",
            realm="tulip.example",
            address="198.51.100.1",
            port=50000,
            lifetime=600,
        )
    ]
    assert kit.events(told, SignOnAnswer)[0].accepted
    assert kit.events(told, PeerAddress)[0].use is Capability.TUNNEL


def test_a_refusal_is_told_once():
    no = [(S, message(3, 3, (0x09, b"\0\0\4\1"), tid=n)) for n in (3, 5)]
    _, told = say(*ALLOCATED[:3], no[0], (C, login(3, UDP_RELAY, tid=5)), no[1])
    assert [(e.state, e.code) for e in kit.events(told, TurnAllocation)] == [("refused", 401)]
    assert [(e.accepted, e.reason) for e in kit.events(told, SignOnAnswer)] == [(False, "401")]


def test_who_asks_again_without_a_name_is_told_the_realm_once():
    _, told = say(*ALLOCATED[:2], *ALLOCATED[:2])
    assert len(kit.events(told, LoginOffer)) == 1
    _, told = say(ALLOCATED[0], (S, message(3, 3, (0x09, b"\0\0\4\1"), tid=1)))
    assert not kit.events(told)  # no realm: nothing was said of logins


def test_a_stale_nonce_refuses_nobody():
    stale = (S, message(3, 3, (0x09, b"\0\0\4\x26"), tid=3))
    _, told = say(*ALLOCATED[:3], stale)
    assert not kit.events(told, TurnAllocation) + kit.events(told, SignOnAnswer)


def test_an_answer_of_another_kind_is_none():
    _, told = say(*ALLOCATED[:3], (S, message(8, 2, xor(0x16, PEER, 1, 3), LIFE, tid=3)))
    assert not kit.events(told, TurnAllocation)
    assert not kit.events(told, ProxyAnswer)


def test_an_allocation_is_given_back():
    gone = [(C, login(4, (0x0D, bytes(4)), tid=8)), (S, message(4, 2, (0x0D, bytes(4)), tid=8))]
    more = [(C, login(4, LIFE, tid=7)), (S, message(4, 2, LIFE, tid=7))]
    _, told = say(*ALLOCATED, *more, *gone)
    assert [e.state for e in kit.events(told, TurnAllocation)] == ["granted", "released"]


def test_peers_are_asked_for_as_of_any_proxy():
    both = login(8, xor(0x12, PEER, 6000, 4), xor(0x12, "10.1.1.1", 0, 4), tid=4)
    steps = [(C, both), (S, message(8, 2, tid=4)), (C, both), (S, message(8, 2, tid=4))]
    _, told = say(*ALLOCATED, *steps)
    assert kit.events(told, ProxyRequest) == [
        ProxyRequest(scheme="turn", command="create-permission", host=host, port=port, user="alice")
        for host, port in ((PEER, 6000), ("10.1.1.1", 0))
    ]
    assert [(e.accepted, e.asked_host) for e in kit.events(told, ProxyAnswer)] == [
        (True, PEER),
        (True, "10.1.1.1"),
    ]
    peers = [e for e in kit.events(told, PeerAddress) if e.how == "turn-peer"]
    assert [(e.address, e.use) for e in peers] == [
        (PEER, Capability.TUNNEL),
        ("10.1.1.1", Capability.TUNNEL),
    ]


def test_a_peer_may_be_refused():
    no = message(8, 3, (0x09, b"\0\0\4\3"), tid=4)
    _, told = say(*ALLOCATED, (C, login(8, xor(0x12, PEER, 1, 4), tid=4)), (S, no))
    (answer,) = kit.events(told, ProxyAnswer)
    assert (answer.accepted, answer.code) == (False, "403")


def test_what_is_relayed_is_an_inner_stream():
    send = message(6, 1, xor(0x12, PEER, 6000, 9), (0x13, b"out"), tid=9)
    back = message(7, 1, xor(0x12, PEER, 6000, 10), (0x13, b"back"), tid=10)
    _, told = say(*BOUND_CHANNEL, (C, channel(b"one")), (S, channel(b"two!")), (C, send), (S, back))
    (opened,) = kit.effects(told, Open)
    assert (opened.host, opened.port, opened.label) == (PEER, 6000, "turn")
    assert [(e.side, e.data) for e in kit.effects(told, Inner)] == [
        (C, b"one"),
        (S, b"two!"),
        (C, b"out"),
        (S, b"back"),
    ]
    assert len(kit.effects(told, InnerEnd)) == 1
    assert StunCarries(kind="channel-data") in kit.events(told)


def test_a_peer_is_reached_when_something_comes_back():
    send = message(6, 1, xor(0x12, PEER, 6000, 9), (0x13, b"out"), tid=9)
    back = message(7, 1, xor(0x12, PEER, 6000, 10), (0x13, b"back"), tid=10)
    for silent in ((C, channel(b"one")), (C, send)):
        assert not kit.events(say(*BOUND_CHANNEL, silent)[1], TurnPeerReached)
    _, told = say(*BOUND_CHANNEL, (S, channel(b"two!")), (S, back), (S, channel(b"more")))
    [met] = kit.events(told, TurnPeerReached)
    assert met == TurnPeerReached(address=PEER, port=6000, relayed="198.51.100.1")


@pytest.mark.parametrize(("kind", "reached"), [(2, True), (3, False)])
def test_a_connection_that_the_relay_made_reaches_its_peer(kind, reached):
    asked = login(10, xor(0x12, PEER, 22, 4), tid=4)  # RFC 6062, section 4.3
    refused = () if reached else ((0x09, b"\0\0\4\x2f"),)
    _, told = say(*ALLOCATED, (C, asked), (S, message(10, kind, *refused, tid=4)))
    peers = [TurnPeerReached(address=PEER, port=22, transport="tcp", relayed="198.51.100.1")]
    assert kit.events(told, TurnPeerReached) == (peers if reached else [])


def test_datagrams_without_permission_asked_for_show_their_peer():
    send = message(6, 1, xor(0x12, PEER, 6000, 9), (0x13, b"out"), tid=9)
    _, told = say(*ALLOCATED, (C, send))
    assert [(e.command, e.host) for e in kit.events(told, ProxyRequest)] == [("send", PEER)]


def test_channel_data_needs_a_relay():
    """0x40 to 0x7f may begin anything where nothing was allocated."""
    _, told = say((C, BINDING), (C, channel(b"something")))
    assert not kit.effects(told, Open)
    assert kit.events(told, StunCarries) == [StunCarries(kind="other")]


def test_a_channel_bound_before_the_capture_leads_to_nobody_knows_where():
    _, told = say((C, BINDING), (C, channel(b"one", 0x4005, pad=True)), start=TCP)
    (opened,) = kit.effects(told, Open)
    assert (opened.host, opened.port) == ("", 0)


def test_tables_of_a_relay_are_bounded():
    asking = [
        (C, login(8, *(xor(0x12, f"10.9.{n}.{m}", 1, n) for m in range(40)), tid=n))
        for n in range(180)
    ]
    made, told = say(*ALLOCATED, *asking, ends=False)
    assert len(kit.events(told, ProxyRequest)) == relay.PEERS
    assert kit.footprint(made) < 100_000


# -- what shares the flow ----------------------------------------------------------------------


def rtp(n, ssrc=7, first=0x90, payload=111):
    extension = b"\xbe\xde\0\1\x10\xff\0\0" if first & 0x10 else b""
    return struct.pack(">BBHII", first, payload, n, n * 960, ssrc) + extension + noise(n, 40)


HELLO = bytes.fromhex("16fefd0000000000000000") + (
    b"\0\x41\1" + bytes(11) + b"\xfe\xfd" + bytes(32) + b"\0\0\0\2\xc0\x2b\1\0"
    b"\0\x0b\0\x0e\0\7\0\4\0\7\0\1\0"
)


def test_media_is_told_as_a_call():
    steps = [(C, BINDING), (S, BOUND), *[(C, rtp(n)) for n in range(9)]]
    made, told = say(*steps)
    begins, ends = kit.events(told, MediaStream)
    assert (begins.state, begins.payload, ends.packets) == ("begins", "dynamic 111", 9)
    assert begins.capability is Capability.VOICE_VIDEO
    assert made.service == "stun-turn"


def test_a_call_that_was_announced_stays_its_messengers():
    made, told = say((C, BINDING), *[(C, rtp(n)) for n in range(9)], start=CALL)
    assert made.service == "msn"
    assert {e.accounts for e in kit.events(told, MediaStream)} == {("a@x", "b@y")}


def test_dtls_says_whether_it_is_for_media():
    _, told = say((C, BINDING), (C, HELLO))
    (carried,) = kit.events(told, StunCarries)
    assert carried == StunCarries(
        kind="dtls", detail="DTLS 1.2, SRTP AEAD_AES_128_GCM, AES128_CM_HMAC_SHA1_80"
    )
    assert calls.hello(HELLO[:60]) == "DTLS 1.2"
    assert calls.hello(HELLO[:-13] + b"\0\0") == "DTLS 1.2, no SRTP"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (HELLO, "dtls"),
        (rtp(1), "media"),
        (b"\x80\xc8\0\6" + bytes(30), "media"),
        (b"\x10\0\0\1ZRTP" + bytes(20), "zrtp"),
        (noise(5, 40), "other"),
        (b"", "other"),
    ],
)
def test_kinds_of_rfc_7983(data, kind):
    assert calls.kind_of(data) == kind


def test_a_long_call_is_left_alone_once_enough_was_seen():
    steps = [(side, rtp(n, 7 + side)) for n in range(session.PACKETS) for side in Side]
    made, told = say((C, BINDING), (S, BOUND), *steps, ends=False)
    assert made.done
    assert Counter(e.state for e in kit.events(told, MediaStream)) == {"begins": 2, "counted": 2}
    assert [side for side, e in told if getattr(e, "state", "") == "counted"] == [C, S]
    assert made.feed(C, rtp(1)) == made.end(C) == []


def test_checks_that_never_end_are_left_alone_too():
    for steps, most in (([], session.BINDINGS), (ALLOCATED, session.MESSAGES)):
        made, _ = say(*steps, ends=False)
        for n in range(most - len(steps)):
            assert not made.done
            made.feed(C, check(tid=n))
        assert made.done


def test_relayed_bulk_is_left_alone_too():
    steps = [(C, channel(b"bulk")) for _ in range(session.PACKETS)]
    made, told = say(*BOUND_CHANNEL, *steps, ends=False)
    assert made.done
    assert len(kit.effects(told, InnerEnd)) == 1


# -- streams -----------------------------------------------------------------------------------

TALK = [
    *BOUND_CHANNEL,
    (C, channel(b"one", pad=True) + channel(b"three", pad=True)),
    (S, channel(b"two", pad=True) + message(1, 2, (0x8022, b"relay"))),
]


def test_a_stream_tells_the_same_as_datagrams():
    _, told = say(*TALK, start=TCP)
    assert [e.data for e in kit.effects(told, Inner)] == [b"one", b"three", b"two"]
    assert kit.events(told, Software) == [Software(name="relay", role="server")]
    assert [e.state for e in kit.events(told, TurnAllocation)] == ["granted"]


@pytest.mark.parametrize("size", [1, 2, 3, 19, 40])
def test_segmentation_changes_nothing(size):
    assert told_of(TALK, size) == told_of(TALK, 1 << 20)


def told_of(steps, size):
    return kit.joined(kit.decode(Session(TCP), kit.recut(steps, size)))


def lengths(*pieces):
    return b"".join(struct.pack(">H", len(piece)) + piece for piece in pieces)


ICE = [
    (C, lengths(marked(check((0x802A, bytes(8)))))),
    (S, lengths(BOUND, b"", HELLO)),
    (C, lengths(*[rtp(n) for n in range(6)])),
]


def test_ice_over_tcp_has_lengths_in_front():
    """RFC 4571, as RFC 6544 uses it; one of nDPI's captures has it too."""
    assert MATCHER.candidates("tcp", ICE[0][1]) == ["stun"]
    assert isinstance(look(ICE[0][1], start=TCP), Claim)
    for size in range(1, 22):
        assert look(ICE[0][1][:size], start=TCP) is MORE
    assert look(b"\0\x09" + ICE[0][1][2:], start=TCP) is None
    made, told = say(*ICE, start=TCP)
    assert made.standing is Standing.PARSED
    assert [type(e) for e in kit.events(told)] == [
        IceCheck,
        PeerAddress,
        StunCarries,
        StunCarries,
        MediaStream,
        MediaStream,
    ]
    assert told_of(ICE, 1) == told


def test_a_gap_loses_the_stream():
    made, told = say(*TALK[:4], (C, 50), *TALK[4:], start=TCP, ends=False)
    assert Gap(size=50) in kit.events(told)
    assert not kit.events(told, ProxyRequest)
    made.gap(S, 9)
    assert made.done


def test_lost_framing_silences_the_side():
    made, told = say((C, BINDING + b"\xff" * 9 + BINDING), start=TCP, ends=False)
    assert [type(e) for e in kit.events(told)] == [Malformed]
    assert not made.partial(C)
    assert made.feed(C, BINDING) == []


def test_a_message_that_is_not_whole_is_held():
    made, _ = say((C, BOUND[:30]), start=TCP, ends=False)
    assert (made.partial(C), made.partial(S)) == (True, False)


def test_a_connection_through_the_relay_is_somebody_elses():
    steps = [(C, login(11, (0x2A, b"abcd"), tid=5)), (S, message(11, 2, tid=5) + ANSWERED)]
    made, told = say(*steps, start=TCP)
    assert not made.done
    assert not kit.events(told, Software)
    assert [part.data for part in kit.effects(told, Inner)] == [ANSWERED]
    assert kit.joined(told_of(steps, 1)) == kit.joined(told)


# -- captures ----------------------------------------------------------------------------------


@with_corpus
def test_what_tshark_says_of_the_public_captures():
    """tshark: XOR-MAPPED-ADDRESS, XOR-RELAYED-ADDRESS and REALM of these files, by flow."""
    relayed, mapped, realms = set(), set(), set()
    for name in ("stun.pcap", "turn.pcap", "stun_zoom.pcapng"):
        for flow in kit.claimed(PUBLIC / "stun" / name, recognise):
            made = Session(flow.start)
            told = kit.decode(made, flow.steps)
            assert made.standing is not Standing.REFUTED
            granted = [e for e in kit.events(told, TurnAllocation) if e.state == "granted"]
            relayed |= {(e.address, e.port) for e in granted}
            realms |= {e.realm for e in granted}
            mapped |= {e.address for e in kit.events(told, PeerAddress) if e.how == "stun-mapped"}
    assert relayed == {
        ("10.2.0.86", 44908),
        ("31.13.86.54", 53789),
        ("66.55.92.16", 40576),
        ("104.30.147.243", 51142),
    }
    domains = {"turn.l.google.com", "turner.facebook", "apps-host.com", "turn.cloudflare.com"}
    assert realms == domains
    assert {"93.47.225.225", "93.47.226.1", "108.56.17.155", "93.33.105.111"} <= mapped


# -- laws --------------------------------------------------------------------------------------

TIDS = st.integers(0, 3)
ATTRIBUTES = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from([1, 6, 8, 9, 12, 13, 18, 19, 20, 21, 22, 32, 37]),
            st.binary(max_size=24),
        ),
        st.sampled_from([USER, REALM, NONCE, SIGNED, UDP_RELAY, LIFE, xor(0x12, PEER, 6000)]),
    ),
    max_size=6,
)
PACKETS = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda method, kind, attributes, tid: message(method, kind, *attributes, tid=tid),
        st.sampled_from([1, 3, 4, 6, 7, 8, 9, 10, 11, 12]),
        st.integers(0, 3),
        ATTRIBUTES,
        TIDS,
    ),
    st.builds(rtp, st.integers(0, 9), st.integers(1, 3)),
    st.builds(channel, st.binary(max_size=20), st.sampled_from([0x4001, 0x4002]), st.just(True)),
    st.sampled_from([ASKED, ANSWERED, LONG_TERM, HELLO, *[data for _, data in BOUND_CHANNEL]]),
)


@given(
    st.lists(st.tuples(st.sampled_from(Side), PACKETS), max_size=30),
    st.sampled_from([UDP, TCP, CALL]),
)
def test_garbage_is_never_raised(steps, start):
    kit.check_garbage(lambda: Session(start), steps, bound=100_000)
    for side, data in steps:
        look(data if side is C else b"", data if side is S else b"", start)


@given(st.lists(st.tuples(st.sampled_from(Side), PACKETS), max_size=12), st.integers(1, 30))
def test_any_stream_is_cut_anywhere(steps, size):
    assert told_of(steps, size) == told_of(steps, 1 << 20)


# -- TCP through a relay (RFC 6062) ------------------------------------------------------------

NUMBER = (0x2A, b"\0\0\0\7")
TCP_PEER = (0x12, xor(0x12, "192.0.2.80", 443, 5)[1])
CONNECTED = [
    (C, login(3, (0x19, b"\6\0\0\0"), tid=3)),
    (S, message(3, 2, xor(0x16, "198.51.100.1", 50000, 3), tid=3)),
    (C, login(10, TCP_PEER, tid=5)),
    (S, message(10, 2, NUMBER, tid=5)),
]
JOINED = [(C, login(11, NUMBER, tid=6)), (S, message(11, 2, tid=6))]
IRC = [(C, b"NICK bob\r\nUSER bob 0 * :Bob\r\n"), (S, b":irc.x 001 bob :Welcome\r\n")]


def test_what_one_side_said_before_a_relay_carries_comes_before_what_opens_it():
    steps = [(C, b"\0\0\0"), (S, message(11, 2, tid=6) + b"hello")]
    for size in (1, 7, 1 << 20):
        assert [value.data for _, value in told_of(steps, size) if isinstance(value, Inner)] == [
            b"\0\0\0",
            b"hello",
        ]


@pytest.mark.parametrize(("control", "target"), [(CONNECTED, "192.0.2.80:443"), ([], "")])
def test_what_a_connection_through_a_relay_carries(control, target, tmp_path):
    relay_ = Endpoint("198.51.100.1", 3478)
    first = craft.tcp(control, client=Endpoint("10.0.0.5", 4001), server=relay_, close=False)
    second = craft.tcp([*JOINED, *IRC], client=Endpoint("10.0.0.5", 4002), server=relay_)
    path = craft.write(tmp_path / "relay.pcap", [*first, *second])
    inside = [seen for seen in scan(path) if seen.stack == "turn/irc"]
    assert {str(seen.target) for seen in inside} == {target}
    assert "bob" in {seen.account for seen in inside}


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_connection_through_a_relay_loses_no_byte(size):
    steps = [*JOINED[:1], (S, JOINED[1][1] + b"out"), (C, b"in"), (S, 9), (S, b"more")]
    made, told = say(*kit.recut(steps, size), start=TCP)
    parts = kit.effects(told, Inner)
    for side, data in ((C, b"in"), (S, b"outmore")):
        assert b"".join(part.data for part in parts if part.side is side) == data
    assert [gap.size for gap in kit.effects(told, InnerGap)] == [9]
    assert {end.side for end in kit.effects(told, InnerEnd)} == {C, S}
    assert not made.done


def test_connections_through_relays_that_are_kept_are_bounded():
    kept = {}
    begun = Start("tcp", *ENDS, recall=kept.get)
    for n in range(relay.PEERS + 9):
        made = Session(begun)
        answer = message(10, 2, (0x2A, n.to_bytes(4, "big")), tid=n)
        for side, data in ((C, login(10, TCP_PEER, tid=n)), (S, answer)):
            for output in made.feed(side, data):
                if isinstance(output, Remember):
                    kept[output.key] = output.value
    assert 100 < len(kept[relay.CONNECTIONS]) <= relay.PEERS


def test_who_signs_with_sha_256_is_told():
    """RFC 8489 section 14.6: a MESSAGE-INTEGRITY-SHA256 in the place of the older one."""
    asked = message(3, 0, UDP_RELAY, USER, REALM, NONCE, (0x1C, bytes(32)), tid=3)
    told = say((C, asked), ALLOCATED[3])[1]
    assert [event.account for event in kit.events(told, SignOn)] == ["alice"]
    assert [event.accepted for event in kit.events(told, SignOnAnswer)] == [True]
    assert not kit.events(told, Credential)
