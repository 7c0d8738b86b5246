"""Trackers over UDP and HTTP: recorded and made by hand, the laws, foreign captures."""

import struct
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.matcher import fits

from backchannel.effects import Expect
from backchannel.events import (
    Credential,
    Gap,
    Malformed,
    PeerAddress,
    Search,
    SearchHit,
    Software,
)
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start, bencode
from backchannel.protocols.bittorrent_dht.events import Swarm
from backchannel.protocols.bittorrent_tracker import PROTOCOL
from backchannel.protocols.bittorrent_tracker.datagrams import ENOUGH, PENDING
from backchannel.protocols.bittorrent_tracker.events import TrackerAnnounce, TrackerAnswer
from backchannel.protocols.bittorrent_tracker.requests import key_in
from backchannel.protocols.bittorrent_tracker.session import Session, recognise
from backchannel.protocols.bittorrent_tracker.tell import HITS
from backchannel.protocols.bittorrent_tracker.web import LARGEST

C, S = Side.CLIENT, Side.SERVER
CLIENT, SERVER = Endpoint("192.0.2.1", 40000), Endpoint("198.51.100.7", 6969)
START, WEB = Start("udp", CLIENT, SERVER), Start("tcp", CLIENT, SERVER)
V6 = Start("udp", Endpoint("2001:db8::1", 40000), Endpoint("2001:db8::7", 6969))
MINE = sorted((kit.EXAMPLES / "bittorrent").glob("*.pcap"))
PUBLIC = kit.CORPUS / "public" / "bittorrent" / "tracker.pcap"
HASH, OTHER = bytes(range(190, 210)), bytes(range(30, 50))
PEER = b"-qB4650-abcdefghijkl"
PEERS = bytes([203, 0, 113, 5, 26, 225, 203, 0, 113, 6, 200, 213])
KEY = "0123456789abcdef0123456789abcdef"

# -- over UDP


def connect(transaction=7):
    return struct.pack(">QII", 0x41727101980, 0, transaction)


def connected(transaction=7):
    return struct.pack(">IIQ", 0, transaction, 99)


def announce(transaction=8, event=2, port=6881, address=0, options=b""):
    head = struct.pack(">QII20s20s", 99, 1, transaction, HASH, PEER)
    return head + struct.pack(">QQQIIIiH", 10, 20, 30, event, address, 5, -1, port) + options


def found(transaction=8, peers=PEERS):
    return struct.pack(">IIIII", 1, transaction, 1800, 4, 3) + peers


SCRAPE = struct.pack(">QII", 99, 2, 9) + HASH + OTHER
SCRAPED = struct.pack(">II6I", 2, 9, 1, 2, 3, 4, 5, 6)
TALK = [
    (C, connect()),
    (S, connected()),
    (C, announce()),
    (S, found()),
    (C, SCRAPE),
    (S, SCRAPED),
]

# -- over HTTP


def request(path="/announce", peer=PEER, host="tracker.example.org:6969", more="", **values):
    said = {"info_hash": quote(HASH), "peer_id": quote(peer), "port": 6881, "uploaded": 30}
    said |= {"downloaded": 10, "left": 20, "compact": 1, "event": "started"} | values
    query = "&".join(f"{name}={value}" for name, value in said.items() if value is not None)
    lines = [f"GET {path}?{query}{more} HTTP/1.1", f"Host: {host}", "User-Agent: Deluge/2.1.1"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(said, status="200 OK"):
    body = said if isinstance(said, bytes) else bencode.write(said)
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


SAID = {b"interval": 1800, b"complete": 3, b"incomplete": 4, b"downloaded": 9, b"peers": PEERS}
PAGES = [(C, request()), (S, answer(SAID))]


def told(*steps, start=START):
    return kit.decode(Session(start), list(steps))


def claim(data, server=b"", transport="udp"):
    return recognise(Peek(transport, data, server, True, START))


@pytest.mark.parametrize("asks", [connect(), announce()])
def test_an_answer_captured_first_turns_the_sides(asks):
    """Then who asks seems to be the server."""
    found = recognise(Peek("udp", b"", asks, True, START))
    assert isinstance(found, Claim)
    assert found.flipped
    assert isinstance(recognise(Peek("udp", connected(), connect(), True, START)), Claim)
    assert recognise(Peek("udp", connected(8), connect(), True, START)) is None


def hits(steps):
    return [(hit.address, hit.port, hit.id) for hit in kit.events(steps, SearchHit)]


# -- recognised ----------------------------------------------------------------------------------


def test_a_request_to_connect_is_claimed():
    assert isinstance(claim(connect()), Claim)
    assert isinstance(claim(connect(), connected()), Claim)
    assert fits(PROTOCOL.magic[0], connect())
    assert claim(connect(), connected(8)) is None
    assert claim(connect() + b"x") is None
    assert claim(b"\1" + connect()[1:]) is None


def test_an_announcement_is_claimed_amid_a_conversation():
    assert isinstance(claim(announce()), Claim)
    assert isinstance(claim(announce(event=3, options=b"\1\0"), found()), Claim)
    assert fits(PROTOCOL.magic[1], announce())
    for at in (8, 11, 56, 64, 72, 80, 83, 92):
        bad = bytearray(announce())
        bad[at] = 9
        assert claim(bytes(bad)) is None, at
    assert claim(announce(port=0)) is None
    assert claim(announce()[:97]) is None
    session = Session(START)
    session.feed(C, announce())
    assert session.standing is Standing.PARSED


def test_requests_that_name_a_torrent_and_who_asks_are_claimed():
    assert isinstance(claim(request(), transport="tcp"), Claim)
    assert fits(PROTOCOL.magic[2], request())
    assert claim(request()[:40], transport="tcp") is MORE
    assert claim(b"GE", transport="tcp") is MORE
    scrape = request("/scrape", peer_id=None)
    assert isinstance(claim(scrape, transport="tcp"), Claim)
    assert claim(request("/search", peer_id=None), transport="tcp") is None
    assert claim(request(info_hash="abc"), transport="tcp") is None
    assert claim(request().replace(b"GET", b"PUT"), transport="tcp") is None
    assert claim(b"GET /announce HTTP/1.1\r\n\r\n", transport="tcp") is None
    assert claim(b"GET /" + b"a" * 5000, transport="tcp") is None
    assert claim(request(), transport="ip") is None


def test_no_foreign_capture_is_claimed():
    for path in kit.foreign(*MINE):
        assert not kit.claimed(path, recognise), path


# -- recorded ------------------------------------------------------------------------------------


def test_a_private_tracker_and_its_log():
    """Witness: the tracker's log: start .10:6881, start .20:51413, stop and start of .20, complete
    .20:51413, stop .10:6881, all with the key; libtorrent's count of what it uploaded.
    """
    seen = list(Scan(kit.EXAMPLES / "bittorrent" / "bittorrent_private_tcp.pcap"))
    asked = [each.event for each in seen if isinstance(each.event, TrackerAnnounce)]
    assert [(each.stage, each.port) for each in asked] == [
        ("started", 6881),
        ("started", 51413),
        ("stopped", 51413),
        ("started", 51413),
        ("completed", 51413),
        ("stopped", 6881),
    ]
    assert asked[-1].uploaded == 55_174
    keys = {each.event.secret for each in seen if isinstance(each.event, Credential)}
    assert keys == {"7f3c9a1e55d2b8046b1cde90aa17f2e4"}
    assert not [each for each in seen if isinstance(each.event, Malformed)]


def test_a_tracker_over_udp_and_its_log():
    """Witness: the tracker's log: start .10:6881, start .20:6881, complete and stop of .20, stop of
    .10; libtorrent's: `received peers: 2`.
    """
    seen = list(Scan(kit.EXAMPLES / "bittorrent" / "bittorrent_magnet_utp.pcap"))
    asked = [
        (each.event.stage, each.flow.client.address)
        for each in seen
        if isinstance(each.event, TrackerAnnounce)
    ]
    one, other = "198.51.100.10", "198.51.100.20"
    assert asked == [
        ("started", one),
        ("started", other),
        ("completed", other),
        ("stopped", other),
    ], "the capture ended before the last"
    answers = [each.event.peers for each in seen if isinstance(each.event, TrackerAnswer)]
    assert answers[:2] == [1, 2]


@pytest.mark.skipif(not PUBLIC.exists(), reason="needs the corpus")
def test_deluge_and_the_tracker_of_a_distribution():
    """Witness: the request, and the answer as gunzip leaves it: complete is 4499, incomplete 109,
    and peers have 300 bytes."""
    seen = [each.event for each in Scan(PUBLIC)]
    [asked] = [each for each in seen if isinstance(each, TrackerAnnounce)]
    assert asked.hash == "e4be9e4db876e3e3179778b03e906297be5c8dbe"
    assert (asked.peer, asked.port, asked.left) == ("-DE13F0-VnpZRF8ZP9iv", 63448, 1921843200)
    assert (asked.stage, asked.tracker) == ("started", "torrent.ubuntu.com")
    assert len([each for each in seen if isinstance(each, SearchHit)]) == 50
    [swarm] = [each for each in seen if isinstance(each, Swarm)]
    assert (swarm.seeds, swarm.peers) == (4499, 109)


# -- over UDP ------------------------------------------------------------------------------------


def test_an_answer_proves_the_flow():
    session = Session(START)
    session.feed(C, connect())
    assert session.standing is Standing.CLAIMED
    session.feed(S, connected(3))
    assert session.standing is Standing.CLAIMED
    session.feed(S, connected())
    assert session.standing is Standing.PARSED


def test_an_announcement_and_who_is_there():
    steps = told(*TALK[:4])
    [asked] = kit.events(steps, TrackerAnnounce)
    assert (asked.hash, asked.peer, asked.stage) == (HASH.hex(), PEER.decode(), "started")
    assert (asked.downloaded, asked.left, asked.uploaded, asked.port) == (10, 20, 30, 6881)
    assert kit.events(steps, Software)[0].name == "qBittorrent"
    [place] = kit.events(steps, PeerAddress)
    assert (place.address, place.port, place.how) == ("192.0.2.1", 6881, "announce")
    assert hits(steps) == [
        ("203.0.113.5", 6881, HASH.hex()),
        ("203.0.113.6", 51413, HASH.hex()),
    ]
    [swarm] = kit.events(steps, Swarm)
    assert (swarm.hash, swarm.seeds, swarm.peers) == (HASH.hex(), 3, 4)
    [said] = kit.events(steps, TrackerAnswer)
    assert (said.interval, said.peers, said.failure) == (1800, 2, "")
    met = {
        (each.protocol, each.address, each.port, each.source) for each in kit.effects(steps, Expect)
    }
    assert ("bittorrent", "203.0.113.5", 6881, "192.0.2.1") in met
    assert ("bittorrent-utp", "192.0.2.1", 6881, "") in met


def test_who_leaves_is_not_met_and_addresses_may_be_named():
    assert not kit.events(told((C, announce(event=3))), PeerAddress)
    assert not kit.effects(told((C, announce(port=0))), Expect)
    steps = told((C, announce(address=0xCB007109)))
    assert [(p.address, p.how) for p in kit.events(steps, PeerAddress)] == [
        ("192.0.2.1", "announce"),
        ("203.0.113.9", "tracker-announce"),
    ]


def test_addresses_of_version_6():
    peers = bytes(15) + b"\x09" + b"\x1a\xe1"
    steps = told((C, connect()), (C, announce()), (S, found(peers=peers)), start=V6)
    assert hits(steps) == [("::9", 6881, HASH.hex())]


def test_a_scrape_tells_sizes_of_swarms():
    steps = told(*TALK[4:])
    assert [(s.text, s.detail) for s in kit.events(steps, Search)] == [
        (HASH.hex(), "scrape"),
        (OTHER.hex(), "scrape"),
    ]
    assert [(s.hash, s.seeds, s.downloads, s.peers) for s in kit.events(steps, Swarm)] == [
        (HASH.hex(), 1, 2, 3),
        (OTHER.hex(), 4, 5, 6),
    ]


def test_a_tracker_refuses():
    steps = told((C, announce()), (S, struct.pack(">II", 3, 8) + b"unregistered torrent"))
    [said] = kit.events(steps, TrackerAnswer)
    assert (said.failure, said.hash) == ("unregistered torrent", HASH.hex())
    assert not kit.events(steps, Swarm)


def test_the_key_in_a_url_that_options_bring():
    url = f"/{KEY}/announce".encode()
    options = (
        b"\1" + b"\2" + bytes([20]) + url[:20] + b"\2" + bytes([len(url) - 20]) + url[20:] + b"\0"
    )
    [key] = kit.events(told((C, announce(options=options))), Credential)
    assert (key.kind, key.scheme, key.secret) == ("token", "tracker-key", KEY)


@pytest.mark.parametrize(
    "data",
    [
        connect()[:15],
        connect()[1:] + b"\0",
        announce()[:97],
        announce(event=4),
        SCRAPE[:12] + b"\0\0\0\x09" * 2,
    ],
)
def test_broken_questions_are_told(data):
    bad = data if data != SCRAPE[:12] + b"\0\0\0\x09" * 2 else struct.pack(">QII", 99, 7, 9)
    assert kit.events(told(*TALK[:2], (C, bad)), Malformed)
    session = Session(START)
    session.feed(C, bad)
    assert session.standing is Standing.REFUTED


def test_answers_that_fit_no_question():
    assert not told((S, found()))
    assert kit.events(
        told((C, announce()), (S, SCRAPED.replace(b"\0\0\0\x09", b"\0\0\0\x08", 1))), Malformed
    )
    assert kit.events(told((C, announce()), (S, found()[:10])), Malformed)


def test_a_flow_is_left_alone_after_enough():
    session = Session(START)
    for number in range(ENOUGH):
        session.feed(C, connect(number))
    assert session.done
    assert kit.footprint(session) < PENDING * 1000


# -- over HTTP -----------------------------------------------------------------------------------


def test_an_announcement_over_http():
    session = Session(WEB)
    steps = kit.decode(session, PAGES)
    assert session.standing is Standing.PARSED
    [asked] = kit.events(steps, TrackerAnnounce)
    assert (asked.hash, asked.peer, asked.stage) == (HASH.hex(), PEER.decode(), "started")
    assert (asked.downloaded, asked.left, asked.uploaded, asked.port) == (10, 20, 30, 6881)
    assert asked.tracker == "tracker.example.org"
    assert hits(steps) == hits(told(*TALK[:4]))
    [swarm] = kit.events(steps, Swarm)
    assert (swarm.seeds, swarm.peers, swarm.downloads) == (3, 4, 9)
    names = [(each.name, each.version) for each in kit.events(steps, Software)]
    assert names == [("Deluge", "2.1.1"), ("qBittorrent", "4.6.5")]


def test_peers_in_dictionaries_and_of_version_6():
    entry = {b"peer id": PEER, b"ip": b"203.0.113.5", b"port": 6881}
    bad = [{b"ip": b"not an address", b"port": 1}, {b"ip": b"192.0.2.3", b"port": 0}, 5]
    said = {b"peers": [entry, *bad], b"peers6": bytes(15) + b"\x09\x1a\xe1"}
    steps = told((C, request()), (S, answer(said)), start=WEB)
    assert [hit[:2] for hit in hits(steps)] == [("::9", 6881), ("203.0.113.5", 6881)]


def test_what_else_a_tracker_says():
    said = {b"failure reason": b"no such torrent", b"external ip": bytes([203, 0, 113, 1])}
    steps = told((C, request()), (S, answer(said)), start=WEB)
    assert kit.events(steps, TrackerAnswer)[0].failure == "no such torrent"
    outside = kit.events(steps, PeerAddress)[-1]
    assert (outside.how, outside.address, outside.account) == (
        "seen-as",
        "203.0.113.1",
        PEER.decode(),
    )
    said = {b"interval": -5, b"complete": 1 << 62, b"warning message": b"old program"}
    [swarm] = kit.events(told((C, request()), (S, answer(said)), start=WEB), Swarm)
    assert swarm.seeds == 1 << 60


def test_a_scrape_over_http():
    files = {HASH: {b"complete": 1, b"incomplete": 3, b"downloaded": 2}, b"short": {}, OTHER: 5}
    asks = request("/scrape", peer_id=None, more=f"&info_hash={quote(OTHER)}")
    steps = told((C, asks), (S, answer({b"files": files})), start=WEB)
    assert [each.text for each in kit.events(steps, Search)] == [HASH.hex(), OTHER.hex()]
    [swarm] = kit.events(steps, Swarm)
    assert (swarm.hash, swarm.seeds, swarm.downloads, swarm.peers) == (HASH.hex(), 1, 2, 3)
    assert not kit.events(steps, TrackerAnswer)
    none = told((C, asks), (S, answer({b"files": {}})), start=WEB)
    assert not kit.events(none, Swarm)
    refused = told((C, asks), (S, answer({b"failure reason": b"no scrape"})), start=WEB)
    assert [said.failure for said in kit.events(refused, TrackerAnswer)] == ["no scrape"]


@pytest.mark.parametrize(
    ("path", "more", "key"),
    [
        (f"/{KEY}/announce", "", KEY),
        ("/announce.php", f"&passkey={KEY}", KEY),
        ("/tracker.php/abcdefghijklmnop1/announce", "", "abcdefghijklmnop1"),
        ("/announce", "", ""),
        ("/a-long-name-without-digits/announce", "", ""),
        ("/announce", "&key=12345678", ""),
    ],
)
def test_the_key_of_a_private_tracker_is_a_credential(path, more, key):
    keys = kit.events(told((C, request(path, more=more)), start=WEB), Credential)
    assert [each.secret for each in keys] == ([key] if key else [])
    assert key_in(f"{path}?x=1{more}") == key


def test_own_addresses_in_a_request():
    asks = request(ip="203.0.113.9", ipv6="2001:db8::5", port=70000, event="%00%01")
    steps = told((C, asks), start=WEB)
    assert not kit.events(steps, PeerAddress)
    asks = request(ip="203.0.113.9", ipv6="2001:db8::5", ipv4="<script>", left="-1")
    assert [p.address for p in kit.events(told((C, asks), start=WEB), PeerAddress)] == [
        "192.0.2.1",
        "203.0.113.9",
        "2001:db8::5",
    ]


def test_several_requests_of_one_connection():
    page = b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n"
    steps = told(
        (C, request() + page + request(event=None)),
        (S, answer(SAID) + answer(b"an icon") + answer({b"peers": b""})),
        start=WEB,
    )
    assert [said.peers for said in kit.events(steps, TrackerAnswer)] == [2, 0]


def test_answers_that_cannot_be_read():
    for body in (b"<html>busy</html>", b"d8:intervali5e", bencode.write({b"x": bytes(LARGEST)})):
        session = Session(WEB)
        assert not kit.events(
            kit.decode(session, [(C, request()), (S, answer(body))]), TrackerAnswer
        )
    whole = answer(SAID)
    steps = told((C, request()), (S, whole[:60]), (S, 20), (S, whole[80:]), start=WEB)
    assert kit.events(steps, Gap)
    assert not kit.events(steps, TrackerAnswer)


def test_what_is_told_of_one_answer_is_bounded():
    many = b"".join(struct.pack(">IH", number, 80) for number in range(1, 2000))
    steps = told((C, request()), (S, answer(SAID | {b"peers": many})), start=WEB)
    assert len(hits(steps)) == HITS
    assert kit.events(steps, TrackerAnswer)[0].peers > HITS


# -- the laws ------------------------------------------------------------------------------------


@given(st.integers(1, 600))
def test_law_segmentation(size):
    kit.check_segmentation(lambda: Session(WEB), PAGES, size)


@given(st.lists(st.tuples(st.sampled_from(Side), st.binary(max_size=120))))
def test_law_garbage(chunks):
    for start, talk in ((START, TALK), (WEB, PAGES)):
        kit.check_garbage(lambda start=start: Session(start), chunks)
        kit.check_garbage(lambda start=start: Session(start), [*talk[:1], *chunks])


@given(st.sampled_from([data for _, data in TALK]), st.integers(0, 120), st.binary(max_size=20))
def test_law_garbage_behind_a_good_beginning(data, at, rest):
    for side in Side:
        kit.check_garbage(lambda: Session(START), [*TALK[:3], (side, data[:at] + rest)])
