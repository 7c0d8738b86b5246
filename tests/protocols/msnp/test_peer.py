"""MSNSLP and P2P data over the switchboard, in both versions; and MSNP21's datagrams."""

import hashlib
from base64 import b64encode

import pytest
from tests import kit
from tests.protocols.msn_p2p import craft
from tests.protocols.msnp.craft import (
    ALICE,
    BOB,
    EVE,
    GUID,
    C,
    S,
    only,
    p2p,
    p2p_got,
    payload,
    talk,
)

from backchannel.effects import Expect, FileClose, FileData, FileOpen
from backchannel.events import (
    Anomaly,
    Malformed,
    Offer,
    OfferAnswer,
    PeerAddress,
)

DATA = bytes(range(256)) * 20


def chunks1(data, session, flags, size=1202):
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        yield craft.v1(piece, session=session, offset=at, total=len(data), flags=flags)


def chunks2(data, session, tf, size=1202):
    for at in range(0, len(data), size):
        piece = data[at : at + size]
        first = 1 if at == 0 else 0
        left = len(data) - at - len(piece)
        yield craft.v2(piece, session=session, tf=tf | first, remaining=left)


def whole(told):
    """The one file that was told, put together, and its FileOpen."""
    (opened,) = kit.effects(told, FileOpen)
    data = bytearray(opened.size)
    for piece in kit.effects(told, FileData):
        assert piece.key == opened.key
        data[piece.offset : piece.offset + len(piece.data)] = piece.data
    assert [effect.key for effect in kit.effects(told, FileClose)] == [opened.key]
    return bytes(data), opened


def wrapped(version, message, **more):
    return craft.v1(message, **more) if version == 1 else craft.v2(message, tf=1)


@pytest.mark.parametrize("version", [1, 2])
def test_a_file_in_both_versions(version):
    invite = craft.invite(
        ALICE, BOB, craft.FILE_GUID, 777, craft.file_context("a b.bin", len(DATA))
    )
    accept = craft.answer(BOB, ALICE, 777)
    chunks = chunks1(DATA, 777, craft.FILE_DATA) if version == 1 else chunks2(DATA, 777, 6)
    told = talk(
        (C, p2p(wrapped(version, invite))),
        (S, p2p_got(wrapped(version, accept))),
        *((C, p2p(chunk)) for chunk in chunks),
        (S, p2p_got(wrapped(version, craft.bye(BOB, ALICE)))),
    )
    offer = only(told, Offer)
    assert (offer.sender, offer.recipient, offer.id) == (ALICE, BOB, "777")
    assert (offer.name, offer.size, offer.use) == ("a b.bin", len(DATA), "file-transfer")
    assert only(told, OfferAnswer).accepted
    data, opened = whole(told)
    assert data == DATA
    assert (opened.name, opened.sender, opened.recipient) == ("a b.bin", ALICE, BOB)
    assert opened.shared
    assert not kit.events(told, Malformed)


@pytest.mark.parametrize("version", [1, 2])
def test_a_long_invitation_comes_in_pieces(version):
    context = craft.file_context("x.jpg", 5, preview=b"\x89PNG" + bytes(3000), version=3)
    invite = craft.invite(ALICE, BOB, craft.FILE_GUID, 778, context)
    pieces = chunks1(invite, 0, 0) if version == 1 else chunks2(invite, 0, 0)
    told = talk(*((C, p2p(piece)) for piece in pieces))
    offer = only(told, Offer)
    assert (offer.name, offer.size) == ("x.jpg", 5)
    assert "preview of 3004 bytes" in offer.detail
    preview, opened = whole(told)
    assert preview == b"\x89PNG" + bytes(3000)
    assert (opened.use, opened.name, opened.shared) == ("image", "preview of x.jpg", False)


@pytest.mark.parametrize("version", [1, 2])
def test_a_display_picture_is_sent_by_whom_it_was_asked_of(version):
    picture = b"\x89PNG\r\n\x1a\n" + DATA
    invite = craft.invite(ALICE, BOB, craft.OBJECT_GUID, 5, craft.msnobj(picture))
    chunks = chunks1(picture, 5, craft.OBJECT_DATA) if version == 1 else chunks2(picture, 5, 4)
    preparation = craft.v1(bytes(4), session=5) if version == 1 else craft.v2(bytes(4), session=5)
    told = talk(
        (C, p2p(wrapped(version, invite))),
        (S, p2p_got(wrapped(version, craft.answer(BOB, ALICE, 5)))),
        (S, p2p_got(preparation)),
        *((S, p2p_got(chunk)) for chunk in chunks),
    )
    assert only(told, Offer).detail == "request for display picture"
    data, opened = whole(told)
    assert data == picture
    assert (opened.use, opened.sender, opened.recipient) == ("image", BOB, ALICE)
    assert opened.sha1 == hashlib.sha1(picture).hexdigest()
    assert opened.name == "TFR2C.tmp"


def test_chunks_in_any_order_twice_and_beyond_the_end():
    pieces = list(chunks1(DATA, 9, craft.FILE_DATA))
    beyond = craft.v1(
        b"x" * 99, session=9, offset=len(DATA) - 1, total=len(DATA), flags=craft.FILE_DATA
    )
    invite = craft.invite(ALICE, BOB, craft.FILE_GUID, 9, craft.file_context("f", len(DATA)))
    order = [pieces[2], pieces[0], pieces[0], beyond, pieces[4], pieces[3], pieces[1]]
    told = talk((C, p2p(craft.v1(invite))), *((C, p2p(piece)) for piece in order))
    assert whole(told)[0] == DATA


def test_a_transfer_of_which_the_invitation_was_not_seen():
    told = talk(*((S, p2p_got(piece)) for piece in chunks1(DATA, 9, craft.OBJECT_DATA)))
    data, opened = whole(told)
    assert data == DATA
    assert (opened.use, opened.name, opened.sender, opened.recipient) == ("image", "", BOB, ALICE)


def test_a_broken_off_transfer_is_closed_by_its_bye_or_by_the_end():
    invite = craft.invite(ALICE, BOB, craft.FILE_GUID, 9, craft.file_context("f", len(DATA)))
    first = next(chunks1(DATA, 9, craft.FILE_DATA))
    start = [(C, p2p(craft.v1(invite))), (C, p2p(first))]
    told = talk(*start, (C, p2p(craft.v1(craft.bye(ALICE, BOB)))))
    assert len(kit.effects(told, FileClose)) == 1
    assert len(kit.effects(talk(*start), FileClose)) == 1


@pytest.mark.parametrize("status", ["603 Decline", "500 Internal Error", "481 No Such Call"])
def test_refusals(status):
    invite = craft.invite(BOB, ALICE, craft.FILE_GUID, 4, craft.file_context("f", 3))
    told = talk(
        (S, p2p_got(craft.v1(invite))),
        (C, p2p(craft.v1(craft.answer(ALICE, BOB, 4, status)))),
        (C, p2p(craft.v1(craft.answer(ALICE, BOB, 4, status)))),
    )
    answer = only(told, OfferAnswer)
    assert (answer.sender, answer.accepted, answer.reason) == (ALICE, False, status)


def test_withdrawn_before_it_was_answered():
    invite = craft.invite(ALICE, BOB, craft.FILE_GUID, 4, craft.file_context("f", 3))
    told = talk((C, p2p(craft.v1(invite))), (C, p2p(craft.v1(craft.bye(ALICE, BOB)))))
    assert only(told, OfferAnswer).reason == "withdrawn"


@pytest.mark.parametrize(
    ("guid", "use", "detail"),
    [
        (craft.WEBCAM_GUID, "voice-video", "webcam"),
        ("{1C9AA97E-9C05-4583-A3BD-908A196F1E92}", "voice-video", "request for webcam"),
        (craft.GAME_GUID, "game", "game"),
        ("{E073B06B-636E-45B7-ACA4-6D4B5978C93C}", "image", "wink"),
        ("{534142D5-1F2A-431F-A60C-B0CF723FDF7D}", "file-sharing", "shared folder"),
        ("{41D3E74E-04A2-4B37-96F8-08ACDB610874}", "image", "photo sharing"),
        ("{00000000-1111-2222-3333-444444444444}", "file-transfer", "unknown application"),
    ],
)
def test_applications_by_guid(guid, use, detail):
    told = talk((S, p2p_got(craft.v1(craft.invite(BOB, ALICE, guid, 3)))))
    offer = only(told, Offer)
    assert offer.use == use
    assert offer.detail.startswith(detail)


def test_an_invitation_sent_twice_is_told_once():
    packet = p2p_got(craft.v1(craft.invite(BOB, ALICE, craft.FILE_GUID, 4)))
    assert len(kit.events(talk((S, packet), (S, packet)), Offer)) == 1


def test_a_game_by_name():
    context = "1001;1;Tic Tac Toe\0".encode("utf-16-le")
    told = talk((S, p2p_got(craft.v1(craft.invite(BOB, ALICE, craft.GAME_GUID, 3, context)))))
    assert only(told, Offer).name == "Tic Tac Toe"


TRANSRESP = (
    "Bridge: TCPv1\r\nListening: true\r\n{nonce}"
    "IPv4External-Addrs: 203.0.113.8\r\nIPv4External-Port: 4183\r\n"
    "IPv4Internal-Addrs: 192.168.0.5 10.1.1.1\r\nIPv4Internal-Port: 2110\r\n"
)
PLACES = [("203.0.113.8", 4183), ("192.168.0.5", 2110), ("10.1.1.1", 2110)]


def test_a_direct_connection_discloses_addresses_and_is_announced():
    invite = craft.invite(ALICE, BOB, craft.FILE_GUID, 777, craft.file_context("f", len(DATA)))
    body = TRANSRESP.format(nonce="Nonce: {0216231B-E9E8-1F16-E7CD-90118D43EF66}\r\n")
    response = p2p_got(craft.v1(craft.direct(BOB, ALICE, body)))
    told = talk((C, p2p(craft.v1(invite))), (S, response), (S, response))
    assert [(a.account, a.address, a.port) for a in kit.events(told, PeerAddress)] == [
        (BOB, *place) for place in PLACES
    ]
    announced = kit.effects(told, Expect)
    assert [(e.address, e.port) for e in announced] == PLACES
    for expect in announced:
        assert (expect.protocol, expect.purpose) == ("msn-p2p", "file-transfer")
        assert expect.accounts == (ALICE, BOB)
        assert expect.context.nonce == "0216231B-E9E8-1F16-E7CD-90118D43EF66"
        assert [plan.session for plan in expect.context.plans] == [777]
    assert not kit.effects(told, FileClose)


@pytest.mark.parametrize("joined", [False, True])
def test_addresses_that_are_written_backwards(joined):
    if joined:
        body = "Listening: true\r\nstroPdnAsrddAlanretnI4vPI: 0112:5.0.861.291 0112:1.1.1.01\r\n"
    else:
        body = (
            "Listening: true\r\nHashed-Nonce: {AAAAAAAA-1111-1111-1111-222222222222}\r\n"
            "srddA-lanretnI4vPI: 5.0.861.291 1.1.1.01\r\ntroP-lanretnI4vPI: 0112\r\n"
            "IPv6-global: 2001:db8::5\r\nIPv6-Port: 2111\r\n"
        )
    told = talk((S, p2p_got(craft.v2(craft.direct(BOB, ALICE, body), tf=1))))
    found = {(a.address, a.port) for a in kit.events(told, PeerAddress)}
    assert found >= {("192.168.0.5", 2110), ("10.1.1.1", 2110)}
    if not joined:
        assert ("2001:db8::5", 2111) in found
        assert kit.effects(told, Expect)[0].context.hashed


def test_nobody_listens_nobody_is_expected():
    body = TRANSRESP.format(nonce="").replace("true", "false")
    told = talk((S, p2p_got(craft.v1(craft.direct(BOB, ALICE, body)))))
    assert not kit.effects(told, Expect)
    assert len(kit.events(told, PeerAddress)) == 3


def camera(text, first=b"\x80\x11\x22\x01\x08\x00"):
    """A webcam's control message, as aMSN's `send_data` makes it."""
    body = f"{text}\0".encode("utf-16-le")
    return first + len(body).to_bytes(4, "little") + body


TCP = (
    "<tcp><tcpport>6891</tcpport><tcplocalport>6891</tcplocalport>"
    "<tcpexternalport>6891</tcpexternalport><tcpipaddress1>203.0.113.4</tcpipaddress1>"
    "<tcpipaddress2>192.168.0.9</tcpipaddress2></tcp>"
)
PRODUCER = (
    "<producer><version>2.0</version><rid>129</rid><session>7</session><ctypes>0</ctypes>"
    "<cpu>9</cpu>{}<codec></codec><channelmode>1</channelmode></producer>\r\n\r\n"
)


def places_of(told):
    return [(a.account, a.address, a.port, a.transport) for a in kit.events(told, PeerAddress)]


@pytest.mark.parametrize("flags", [0, craft.OBJECT_DATA])
@pytest.mark.parametrize("invited", [True, False])
def test_webcam_addresses(flags, invited):
    """aMSN until 0.97 flags a webcam's messages as nothing, papyon's `MessageBlob.get_chunk`, which
    aMSN 0.98 took over, as it does an object's data: they are no object.
    """
    pieces = list(chunks1(camera(PRODUCER.format(TCP)), 42, flags, size=300))
    invite = (S, p2p_got(craft.v1(craft.invite(BOB, ALICE, craft.WEBCAM_GUID, 42))))
    told = talk(*([invite] if invited else []), *((S, p2p_got(piece)) for piece in pieces))
    assert len(pieces) > 1
    assert places_of(told) == [
        (BOB, "203.0.113.4", 6891, "tcp"),
        (BOB, "192.168.0.9", 6891, "tcp"),
    ]
    assert {a.use for a in kit.events(told, PeerAddress)} == {"voice-video"}
    assert {e.protocol for e in kit.effects(told, Expect)} == {"msn-webcam"}
    assert not kit.effects(told, FileOpen)


def test_webcam_addresses_that_are_told_for_udp():
    """aMSN's `ConnectSockets` tries udpexternalip with the TCP ports; KMess and Kopete tell one
    internal address and port for UDP beside it.
    """
    udp = (
        "<udp><udplocalport>7786</udplocalport><udpexternalport>31863</udpexternalport>"
        "<udpexternalip>198.51.100.6</udpexternalip><a1_port>31859</a1_port>"
        "<udpinternalipaddress1>10.0.0.7</udpinternalipaddress1></udp>"
    )
    tcp = "<tcp><tcpport>80</tcpport><tcpipaddress1>10.0.0.7</tcpipaddress1></tcp>"
    told = talk((S, p2p_got(craft.v1(camera(PRODUCER.format(tcp + udp)), session=42))))
    assert places_of(told) == [
        (BOB, "10.0.0.7", 80, "tcp"),
        (BOB, "198.51.100.6", 80, "tcp"),
        (BOB, "10.0.0.7", 7786, "udp"),
    ]
    assert [(e.address, e.port) for e in kit.effects(told, Expect)] == [
        ("10.0.0.7", 80),
        ("198.51.100.6", 80),
    ]


def test_a_webcam_that_a_reflector_passes_on():
    """aMSN's `SendReflData`: who shows pictures names the reflector and the ticket, in hexadecimal
    and upper case.
    """
    words = b"ru=http://m1reflector14.spotlife.net:9012&ti=abc123"
    message = camera(f"ReflData:{words.hex().upper()}", b"\x80\0\0\0\x08\0")
    told = talk((C, p2p(craft.v1(message, session=42))))
    (expect,) = kit.effects(told, Expect)
    assert (expect.address, expect.port) == ("m1reflector14.spotlife.net", 9012)
    assert (expect.protocol, expect.accounts, expect.repeat) == ("msn-webcam", (ALICE, BOB), True)
    many = b"&".join(b"a=%d" % number for number in range(12)).hex()
    for broken in ("7", "72753D687474703A2F2F5B", "", many):
        message = camera(f"ReflData:{broken}")
        assert not kit.effects(talk((C, p2p(craft.v1(message, session=42)))), Expect)


def test_a_name_that_is_a_path_and_a_sender_who_is_another():
    invite = craft.invite(EVE, ALICE, craft.FILE_GUID, 4, craft.file_context("..\\a.exe", 3))
    told = talk((S, p2p_got(craft.v1(invite))))
    assert [a.kind for a in kit.events(told, Anomaly)] == ["spoofed-sender", "path-in-file-name"]


def test_broken_packets_cost_themselves():
    told = talk(
        (S, p2p_got(b"short")),
        (S, p2p_got(craft.v1(b"no slp at all"))),
        (S, p2p_got(craft.v1(b"x" * 30, session=1, offset=99, total=9, flags=craft.FILE_DATA))),
        (S, p2p_got(craft.v1(craft.invite(BOB, ALICE, craft.FILE_GUID, 4)))),
    )
    assert len(kit.events(told, Malformed)) == 3
    assert only(told, Offer).id == "4"


# -- notifications -----------------------------------------------------------------------------


def test_a_direct_connection_negotiated_through_the_notification_server():
    body = TRANSRESP.format(nonce="")
    data = craft.direct(BOB, ALICE, body).rstrip(b"\0")
    told = talk((S, payload(f"UBN {BOB};{GUID} 3", data)), (C, payload(f"UUN 5 {BOB} 3", data)))
    assert len(kit.effects(told, Expect)) == 3
    assert only(told, Anomaly).kind == "spoofed-sender"  # the second claims to be Bob's


SIP = """INVITE sip:alice@example.com SIP/2.0\r
CSeq: 1 INVITE\r
Call-ID: c4ll\r
Content-Type: application/sdp\r
\r
v=0\r
c=IN IP4 203.0.113.2\r
m=audio 31337 RTP/AVP 114\r
a=candidate:1 1 UDP 2130706431 192.168.0.7 5000 typ host\r
a=candidate:x 1 pw TCP-ACT 0.15 203.0.113.2 5002\r
m=video 31338 RTP/AVP 34\r
"""


@pytest.mark.parametrize("tunnelled", [False, True])
def test_calls_by_sip(tunnelled):
    def carried(text):
        coded = b64encode(text.encode()).decode()
        return f'<sip e="base64" fid="1" i="g"><msg>{coded}</msg></sip>' if tunnelled else text

    reply = "SIP/2.0 603 Decline\r\nCSeq: 1 INVITE\r\nCall-ID: c4ll\r\n\r\n"
    told = talk(
        (S, payload(f"UBN {BOB} 12", carried(SIP))), (C, payload(f"UUN 5 {BOB} 12", carried(reply)))
    )
    offer, answer = only(told, Offer), only(told, OfferAnswer)
    assert (offer.sender, offer.use, offer.id, offer.detail) == (
        BOB,
        "voice-video",
        "c4ll",
        "call: audio, video",
    )
    assert (answer.sender, answer.accepted, answer.reason) == (ALICE, False, "603 Decline")
    found = {(a.address, a.port, a.transport) for a in kit.events(told, PeerAddress)}
    assert found == {
        ("192.168.0.7", 5000, "udp"),
        ("203.0.113.2", 5002, "tcp"),
        ("203.0.113.2", 31337, "udp"),
        ("203.0.113.2", 31338, "udp"),
    }
    assert {e.protocol for e in kit.effects(told, Expect)} == {"rtp"}
