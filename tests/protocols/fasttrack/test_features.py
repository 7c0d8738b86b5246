"""FastTrack messages and transfers that no capture shows, built from the descriptions."""

import hashlib
import re
from pathlib import Path

import pytest
from tests import craft, kit
from tests.protocols.fasttrack import forge
from tests.protocols.fasttrack.forge import file, ipv4, packed, place, tag, u16, u32

from backchannel import scan
from backchannel.effects import Expect, FileClose, FileData, FileOpen, FilePaused
from backchannel.events import (
    Anomaly,
    Download,
    Gap,
    Malformed,
    Offer,
    OfferAnswer,
    Peer,
    PeerAddress,
    Search,
    SearchHit,
    Share,
    SharedFile,
    SignOn,
    Transfer,
)
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.fasttrack import link, transfer
from backchannel.protocols.fasttrack.announced import Known
from backchannel.protocols.fasttrack.cipher import Cipher
from backchannel.protocols.fasttrack.events import (
    Encryption,
    ListingRequest,
    Network,
    NetworkSettings,
    NetworkSize,
    Unshare,
)
from backchannel.protocols.fasttrack.session import Session, recognise
from backchannel.protocols.fasttrack.uuhash import UUHash
from backchannel.protocols.http import session as http_session

EXAMPLES = Path(__file__).parents[3] / "examples/fasttrack"
CLIENT, SERVER = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.1", 40000), Endpoint("192.0.2.2", 2345))
DIGEST = bytes(range(20))
USER = place("10.0.0.7", 1214) + b"\x60\0" + b"anna"


def said(talk, start=START):
    return kit.decode(Session(start), talk.steps)


def one(side, kind, body, flags=0):
    """The events of one message, behind a handshake and the user's name."""
    talk = forge.Talk().say(CLIENT, 0x02, USER)
    before = len(said(talk))
    return [value for _, value in said(talk.say(side, kind, body, flags))[before:]]


# -- messages ----------------------------------------------------------------------------------


def test_every_order_of_header_bytes_is_met():
    talk = forge.Talk()
    for number in range(40):
        talk.say(CLIENT, 0x06, b"\0\1\0\x32" + u16(number) + b"\1\xa1\1" + b"\5\0\3abc")
    texts = [search.id for search in kit.events(said(talk), Search)]
    assert texts == [str(number) for number in range(40)]


def test_search_terms():
    terms = (
        b"\5\0" + packed(5) + b"songs",
        b"\0\3" + packed(20) + DIGEST,
        b"\2" + packed(0x15) + packed(1) + packed(96),
        b"\4" + packed(5) + packed(2) + packed(300),
        b"\5\6" + packed(5) + "café".encode(),
        b"\6" + packed(0x25) + packed(1) + b"\2",  # KaZaA puts this into every search
    )
    body = b"\0\1\0\x64" + u16(77) + b"\1\xa2" + bytes([len(terms)]) + b"".join(terms)
    (found,) = one(CLIENT, 0x06, body)
    text = f"songs hash={DIGEST.hex()} quality<=96 seconds>=300 artist:café"
    detail = "video; at most 100 results"
    assert found == Search(text=text, id="77", account="anna", detail=detail)


def test_a_search_by_a_magnet_link_s_hash():
    """giFT's PROTOCOL, tag 0x10003: the usual hash, then 16 bytes of a tree."""
    term = b"\0" + packed(0x10003) + packed(36) + DIGEST + bytes(16)
    body = u16(1) + u16(0x10) + u16(9) + b"\x01\xbf\x01" + term
    [told] = one(CLIENT, 0x06, body)
    assert told.text == f"hash={DIGEST.hex()}"


def test_a_search_passed_on_between_supernodes():
    body = bytes(4) + u16(9) + b"\1\xbf\1" + b"\5\0\2hi"
    promoted = Peer(address="192.0.2.1", port=40000, role="supernode")
    passed_on = Search(text="hi", id="9", detail="everything; forwarded between supernodes")
    assert one(CLIENT, 0x0A, body) == [passed_on, promoted]


def test_results_name_an_owner_once():
    first = place("10.0.0.9", 3001) + b"\x60" + b"otto\1KaZaA\0"
    again = place("10.0.0.9", 3001) + b"\x60\2"
    other = place("10.0.0.8", 0) + b"\x60" + b"eva\1KaZaA\0"
    song = file(
        DIGEST, 5, 1000, tag(2, b"a.mp3"), tag(5, packed(200)), tag(0x0D, packed(4) + packed(3))
    )
    body = place("198.18.0.1", 1214) + u16(3) + u16(3) + first + song + again + song + other + song
    supernode, hit, announced, unreachable = one(SERVER, 0x07, body)
    assert supernode == Peer(address="198.18.0.1", port=1214, role="supernode")
    shared = SharedFile(
        name="a.mp3", size=1000, hash=DIGEST.hex(), detail="seconds=200; resolution=4x3"
    )
    assert hit == SearchHit(
        owner="otto", address="10.0.0.9", port=3001, id="3", files=(shared, shared)
    )
    assert unreachable == SearchHit(owner="eva", address="10.0.0.8", id="3", files=(shared,))
    assert isinstance(announced, Expect)
    assert (announced.address, announced.port, announced.accounts) == ("10.0.0.9", 3001, ("otto",))
    assert announced.context == Known(names=((DIGEST.hex(), "a.mp3"),))


def test_results_before_a_broken_one_stand():
    good = place("10.0.0.9", 0) + b"\x60" + b"otto\1KaZaA\0" + file(DIGEST, 5, 10)
    body = place("198.18.0.1", 1214) + u16(3) + u16(2) + good + good[:-1]
    told = one(SERVER, 0x07, body)
    assert [type(value) for value in told] == [Peer, SearchHit, Malformed]
    assert len(told[1].files) == 1


def test_unshare():
    (told,) = one(CLIENT, 0x05, file(DIGEST, 5, 10, tag(2, b"gone.txt")))
    assert told == Unshare(
        owner="anna", file=SharedFile(name="gone.txt", size=10, hash=DIGEST.hex())
    )


def test_a_share_says_what_it_is():
    tags = tag(2, b"s.mp3"), tag(4, b"Song"), tag(1, packed(1999)), tag(0x77, b"?")
    (told,) = one(CLIENT, 0x22, b"\0\1\0\0" + file(DIGEST, 5, 1 << 33, *tags))
    detail = "audio; title=Song; year=1999"
    shared = SharedFile(name="s.mp3", size=1 << 33, hash=DIGEST.hex(), detail=detail)
    assert told == Share(owner="anna", files=(shared,))


def test_neighbours_show_a_supernode_on_either_side():
    body = place("198.18.0.2", 1001) + bytes(20)
    peers = one(CLIENT, 0x01, body)
    assert [(peer.address, peer.role) for peer in peers] == [
        ("192.0.2.1", "supernode"),
        ("198.18.0.2", "supernode"),
    ]


@pytest.mark.parametrize(
    ("flags", "header", "addresses"),
    [
        (
            0x80,
            place("198.18.0.3", 1) + place("198.18.0.4", 2) + b"\1",
            ["198.18.0.3", "198.18.0.4"],
        ),
        (0xC0, place("198.18.0.3", 1) + b"\0\0\5", ["198.18.0.3"]),
    ],
)
def test_messages_on_their_way_between_supernodes(flags, header, addresses):
    size = u32(2_000_000) + u32(900_000_000) + u16(35165) + u16(40) + bytes(48)
    *peers, network = one(CLIENT, 0x24, header + size, flags)
    assert [peer.address for peer in peers] == [*addresses, "192.0.2.1"]
    assert network == NetworkSize(users=2_000_000, files=900_000_000, gigabytes=35165 << 10)


def test_a_list_of_more_supernodes_than_kazaa_sends():
    nodes = b"".join(place("198.18.0.5", port) + b"\1\2" for port in range(1, 202))
    told = one(SERVER, 0x00, nodes)
    assert told[0] == Anomaly(kind="oversized-supernode-list", detail="201 entries (CVE-2003-0397)")
    assert len(told) == 202
    assert not [v for v in one(SERVER, 0x00, nodes[8:]) if isinstance(v, Anomaly)]


def test_settings_of_the_network():
    body = bytes(4) + b"\0\0\0\0\x30\0" + b"RequiredClientEncryptionBits:41\0UDPMode:7\0" + bytes(9)
    (told,) = one(SERVER, 0x1F, body)
    assert told == NetworkSettings(settings=("RequiredClientEncryptionBits:41", "UDPMode:7"))


def test_some_files_of_a_user():
    body = (
        bytes(3)
        + place("10.0.0.9", 3001)
        + place("198.18.0.6", 1214)
        + bytes(3)
        + b"otto\1KaZaA\0"
        + b"\1\xffJazz\0Band\0Song\0"
        + b"\1\xff\0\0Other\0"
    )
    supernode, shared, address = one(SERVER, 0x21, body)
    assert (supernode.address, supernode.role) == ("198.18.0.6", "supernode")
    assert shared == Share(
        owner="otto",
        files=(
            SharedFile(name="Song", detail="genre=Jazz; artist=Band"),
            SharedFile(name="Other"),
        ),
    )
    assert (address.account, address.address, address.port) == ("otto", "10.0.0.9", 3001)


def test_a_second_network_name_is_news_only_when_it_differs():
    assert one(SERVER, 0x1D, b"KaZaA") == []
    assert one(SERVER, 0x1D, b"MyNode") == [Network(name="MyNode", role="server")]


def test_an_address_to_test_by_udp():
    assert one(SERVER, 0x15, place("198.18.0.7", 99)) == [Peer(address="198.18.0.7", port=99)]


def test_a_user_signs_on_once_however_often_it_is_named():
    talk = forge.Talk()
    for _ in range(3):
        talk.say(CLIENT, 0x02, USER)
    talk.say(CLIENT, 0x02, USER.replace(b"anna", b"otto"))
    told = said(talk)
    assert [event.account for event in kit.events(told, SignOn)] == ["anna", "otto"]
    assert len(kit.events(told, PeerAddress)) == 4


def test_numbers_and_counts_are_bounded():
    long = b"\0\1\0\0" + DIGEST + b"\x81\x80\x80\x80\x80\x00\1\0"
    (told,) = one(CLIENT, 0x22, long)
    assert "packed number longer than 5 bytes" in told.reason
    (told,) = one(CLIENT, 0x22, b"\0\1\0\0" + DIGEST + b"\1\1" + packed(257))
    assert "257 tags" in told.reason


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (0x02, b"\1\2\3"),
        (0x05, DIGEST),
        (0x06, b"\0\1\0\x32\0\0\1\xa1\2" + b"\5\0\3abc"),
        (0x07, b"\1"),
        (0x09, bytes(11)),
        (0x0D, bytes(9)),
        (0x22, b"\0\1\0\0" + DIGEST + b"\x85\x85\x85\x85\x85\1"),
        (0x22, b"\0\1\0\0" + DIGEST + b"\1\1" + packed(999)),
        (0x2C, b"\1\2\3"),
    ],
)
def test_a_broken_body_costs_one_message(kind, body):
    talk = forge.Talk().say(CLIENT, kind, body).say(CLIENT, 0x02, USER)
    told = said(talk)
    assert len(kit.events(told, Malformed)) == 1
    assert f"{kind:#04x}" in kit.events(told, Malformed)[0].reason
    assert [event.account for event in kit.events(told, SignOn)] == ["anna"]


# -- handshakes, holes, lost framing -----------------------------------------------------------


@pytest.mark.parametrize("name", [b"KaZaA\0", b"\1\2\3\0"])
@pytest.mark.parametrize("size", [1, 8, 9])
def test_a_client_that_does_not_wait_is_read_before_what_follows_the_answer(name, size):
    early = Cipher(7 ^ 5, 0x29).crypt(name)
    late = forge.answer(5, 0x29) + Cipher(5, 0x29).crypt(b"KaZaA\0\x50")
    steps = [(CLIENT, forge.hello(7) + early), (SERVER, late)]
    whole, cut = Session(START), Session(START)
    told = kit.events(kit.decode(whole, steps))
    assert kit.events(kit.decode(cut, kit.recut(steps, size))) == told
    assert cut.standing is whole.standing
    roles = [event.role for event in told if isinstance(event, Network)]
    assert roles == (["client", "server"] if name[0] > 32 else [])
    assert (whole.standing is Standing.REFUTED) == (not roles)


@pytest.mark.parametrize("kind", [0x2D, 0x101])
def test_a_session_that_nobody_can_decrypt_is_still_named(kind):
    steps = [(CLIENT, forge.hello()), (SERVER, forge.answer(5, kind) + b"secret")]
    session = Session(START)
    told = kit.decode(session, steps)
    assert kit.events(told) == [Encryption(requested="0x29", used=f"{kind:#x}", readable=False)]
    assert session.done
    assert session.standing is Standing.PARSED


@pytest.mark.parametrize(
    "steps",
    [
        [(CLIENT, forge.hello()), (SERVER, b"\1\2\3\4\5\6\7\x08")],
        [(CLIENT, forge.hello()), (SERVER, forge.answer(5, 0x29) + bytes(80))],
        [(CLIENT, bytes([1, *bytes(11)]))],
    ],
    ids=["answer", "name", "hello"],
)
def test_a_claim_that_the_bytes_contradict_is_withdrawn(steps):
    session = Session(START)
    kit.decode(session, steps)
    assert session.standing is Standing.REFUTED
    assert session.done
    assert session.feed(SERVER, forge.answer(5, 0x29)) == []


def test_what_the_client_sends_before_the_answer_is_kept():
    talk = forge.Talk().say(CLIENT, 0x02, USER)
    talk.steps.sort(key=lambda step: step[0])  # all of the client's first
    told = said(talk)
    assert [event.account for event in kit.events(told, SignOn)] == ["anna"]


def test_a_client_whose_answer_never_comes_is_not_kept_for_ever():
    session = Session(START)
    told = kit.decode(session, [(CLIENT, forge.hello())] + [(CLIENT, bytes(4096))] * 20)
    assert [event.reason[:6] for event in kit.events(told, Malformed)] == ["no key"]
    assert kit.footprint(session) < 10_000


def test_a_lost_frame_is_said_once_then_silence_until_a_gap():
    talk = forge.Talk().raw(CLIENT, b"X").say(CLIENT, 0x02, USER).say(SERVER, 0x2C, ipv4("1.2.3.4"))
    told = said(talk)
    assert [event.reason for event in kit.events(told, Malformed)] == [
        "a FastTrack frame cannot start with 58"
    ]
    assert not kit.events(told, SignOn)
    assert [event.address for event in kit.events(told, PeerAddress)] == ["1.2.3.4"]
    lost = talk.frame(CLIENT, 0x02, USER)
    talk.ciphers[CLIENT].skip(len(lost))
    talk.steps.append((CLIENT, len(lost)))
    talk.say(CLIENT, 0x02, USER).raw(CLIENT, b"P")
    told = said(talk)
    assert kit.events(told, Gap) == [Gap(size=len(lost))]
    assert [event.account for event in kit.events(told, SignOn)] == ["anna"]


@pytest.mark.parametrize(
    "lure",
    [
        b"K\x02\0\0\x08" + USER[:8] + b"x",  # a whole message, and no frame behind it
        b"K\x02\0\0\xff" + bytes(255) + b"K",  # a user's name longer than any
        b"K\0\0\0\x09" + bytes(9) + b"K",  # a list of supernodes, but not of whole ones
    ],
)
def test_what_only_looks_like_a_message_behind_a_hole_is_passed_over(lure):
    talk = forge.Talk().say(CLIENT, 0x02, USER)
    talk.steps.append((CLIENT, 50))
    talk.ciphers[CLIENT].skip(50)
    talk.raw(CLIENT, lure).say(CLIENT, 0x05, file(DIGEST, 5, 10)).raw(CLIENT, b"R")
    told = said(talk)
    behind = [event for event in kit.events(told) if isinstance(event, Unshare | SignOn | Peer)]
    assert [type(event) for event in behind[1:]] == [SignOn, Unshare]


@pytest.mark.parametrize("missing", range(1, 10))
def test_messages_behind_a_hole_are_found_again(missing):
    """The order of header bytes is unknown there, so it is guessed, frame by frame."""
    talk = forge.Talk().say(CLIENT, 0x02, USER)
    for number in range(12):
        body = b"\0\1\0\x32" + u16(number) + b"\1\xa1\1" + b"\5\0" + packed(9) + b"KPR KPR K"
        plain = talk.frame(CLIENT, 0x06, body)
        if number == missing:
            talk.ciphers[CLIENT].skip(len(plain) - 4)
            talk.steps.append((CLIENT, len(plain) - 4))
            plain = plain[-4:]
        talk.raw(CLIENT, plain)
    told = said(talk)
    found = [int(search.id) for search in kit.events(told, Search)]
    assert found == [number for number in range(12) if number != missing]
    assert not kit.events(told, Malformed)


def test_a_hole_larger_than_the_stream_is_followed_ends_the_reading():
    for size, users in ((link.SKIPPED, ["anna"]), (link.SKIPPED + 1, [])):
        talk = forge.Talk()
        talk.steps.append((CLIENT, size))
        talk.ciphers[CLIENT].skip(size)
        told = said(talk.say(CLIENT, 0x02, USER).raw(CLIENT, b"P"))
        assert [event.account for event in kit.events(told, SignOn)] == users


def test_holes_are_followed_only_as_far_as_bytes_came():
    """Each costs our time and the sender nothing: a packet with a far sequence number is enough."""
    talk, session = forge.Talk(), Session(START)
    kit.decode(session, talk.steps, ends=False)
    half = link.SKIPPED // 2
    for ended in (False, False, True):
        session.gap(CLIENT, half)
        talk.ciphers[CLIENT].skip(half)
        talk.steps.clear()
        kit.decode(session, talk.say(CLIENT, 0x02, USER).steps, ends=False)
        assert session._talk._sides[CLIENT].deaf is ended


def test_a_hole_in_the_handshake_leaves_the_other_side():
    talk = forge.Talk().say(SERVER, 0x2C, ipv4("1.2.3.4")).say(CLIENT, 0x02, USER)
    talk.steps[0] = CLIENT, 12
    told = said(talk)
    assert [event.address for event in kit.events(told, PeerAddress)] == ["1.2.3.4"]
    assert kit.events(told, Gap) == [Gap(size=12)]
    assert not kit.events(told, SignOn)


# -- HTTP --------------------------------------------------------------------------------------


def http(*steps, start=START):
    return kit.decode(Session(start), steps)


def look(client=b"", server=b"", start=START):
    return recognise(Peek("tcp", client, server, True, start))


KAZAA = (
    b"HTTP/1.1 200 OK\r\nServer: KazaaClient Feb 11 2002 14:21:54\r\nX-Kazaa-Username: otto\r\n"
    b"X-Kazaa-Network: KaZaA\r\nX-Kazaa-IP: 10.0.0.9:1214\r\n"
    b"X-Kazaa-SupernodeIP: 198.18.0.1:1214\r\n"
)
BROWSER = b"GET / HTTP/1.0\r\nHost: 10.0.0.9:1214\r\n\r\n"
PAGE = (
    b'<HTML><BODY><TABLE><TR><TD><A HREF="/12397/read%20me.txt">read me.txt</A></TD></TR>'
    b"<tr><td><a href=/3226/a&amp;b.mp3>a&amp;b.mp3</a></td></tr><a href='/help'>?</a>"
    b"</TABLE></HTML>"
)


def test_a_list_open_to_anybody():
    answer = KAZAA + b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE
    told = kit.events(http((CLIENT, BROWSER), (SERVER, answer)))
    assert ListingRequest(path="/") in told
    (shared,) = [event for event in told if isinstance(event, Share)]
    assert shared == Share(
        owner="otto",
        files=(
            SharedFile(name="read me.txt", detail="number=12397"),
            SharedFile(name="a&b.mp3", detail="number=3226"),
        ),
    )
    assert Anomaly(kind="anonymous-listing", detail="2 files told to whoever asks") in told


@pytest.mark.parametrize("rest", [b"", b" else.mp3>b.mp3</a></td></tr></TABLE></HTML>"])
def test_a_list_ends_at_a_hole_and_no_name_is_made_of_what_is_cut(rest):
    seen = PAGE[: PAGE.index(b"&amp;b")]
    answer = KAZAA + b"Content-Length: %d\r\n\r\n" % len(PAGE) + seen
    hole = (SERVER, len(PAGE) - len(seen) - len(rest)), (SERVER, rest)
    steps = (CLIENT, BROWSER), (SERVER, answer), *(hole if rest else ())
    told = kit.events(http(*steps))
    (shared,) = [event for event in told if isinstance(event, Share)]
    assert [entry.name for entry in shared.files] == ["read me.txt"]


def test_a_binary_list_ends_at_a_hole():
    one, two = file(DIGEST, 5, 10, tag(2, b"one.txt")), file(DIGEST, 6, 20, tag(2, b"two.txt"))
    head = KAZAA + b"\r\nHTTP/1.0 200 OK\r\n\r\n"
    steps = (SERVER, head + one + two[:-3]), (SERVER, 100), (SERVER, b"HTTP" + one)
    told = kit.events(http((CLIENT, BROWSER), *steps))
    (shared,) = [event for event in told if isinstance(event, Share)]
    assert [entry.name for entry in shared.files] == ["one.txt"]
    assert not [event for event in told if isinstance(event, Malformed)]


def test_a_binary_list_behind_a_challenge():
    """As giFT's PROTOCOL tells it: a 403 without an end, a response, then the real answer."""
    listed = file(DIGEST, 5, 10, tag(2, b"one.txt")) + file(DIGEST, 6, 20, tag(2, b"two.txt"))
    answer = b"HTTP/1.0 403 Forbidden 38 2273515777\r\n\r\n"
    real = b"HTTP/1.0 200 OK\r\nX-Kazaa-Username: otto\r\n\r\n"
    told = kit.events(
        http(
            (CLIENT, b"GET /.files HTTP/1.0\r\nX-Kazaa-Network: KaZaA\r\n\r\n"),
            (SERVER, answer),
            (CLIENT, b"\1\2\3\4\0\0"),
            (SERVER, real + listed),
        )
    )
    (shared,) = [event for event in told if isinstance(event, Share)]
    assert [(entry.name, entry.size) for entry in shared.files] == [
        ("one.txt", 10),
        ("two.txt", 20),
    ]
    cut = kit.events(
        http((CLIENT, b"GET /.files HTTP/1.0\r\n\r\n"), (SERVER, answer + listed[:-3]))
    )
    assert [event.files[0].name for event in cut if isinstance(event, Share)] == ["one.txt"]
    assert any(isinstance(event, Malformed) for event in cut)


BODY = b"x" * 5000
HASH = UUHash(len(BODY))
HASH.update(BODY)
NAMED = HASH.digest().hex()


def ranged(first, last, body, extra=b""):
    head = KAZAA.replace(b"200 OK", b"206 Partial Content") + extra
    sizes = b"Content-Range: bytes %d-%d/5000\r\nContent-Length: %d\r\n\r\n"
    return head + sizes % (first, last, len(body)) + body


def test_a_download_by_number_is_described_by_its_tags():
    tags = (b"4=A song", b"2=song.mp3", b"21=128", b"oops", b"3=" + NAMED.encode())
    tags = b"".join(b"X-KazaaTag: %s\r\n" % tag for tag in tags)
    request = (
        b"GET /13609/my%20song.mp3 HTTP/1.1\r\nX-Kazaa-Username: eva\r\nX-Kazaa-XferId: 7\r\n\r\n"
    )
    told = http((CLIENT, request), (SERVER, ranged(0, 4999, BODY, tags)))
    assert Download(name="my song.mp3", account="eva") in kit.events(told, Download)
    shared = SharedFile(
        name="my song.mp3", size=5000, hash=NAMED, detail="title=A song; quality=128"
    )
    assert kit.events(told, Share) == [Share(owner="otto", files=(shared,))]
    (opened,) = kit.effects(told, FileOpen)
    assert (opened.name, opened.sender, opened.recipient) == ("my song.mp3", "otto", "eva")
    assert [end.verified for end in kit.effects(told, FileClose)] == [True]


def test_a_hash_that_does_not_agree_is_said():
    request = b"GET /.hash=%s HTTP/1.1\r\n\r\n" % NAMED.encode()
    told = http((CLIENT, request), (SERVER, ranged(0, 4999, b"y" + BODY[1:])))
    assert [end.verified for end in kit.effects(told, FileClose)] == [False]


def test_a_hole_in_a_file_leaves_it_unverified_and_in_place():
    request = b"GET /.hash=%s HTTP/1.1\r\n\r\n" % NAMED.encode()
    answer = ranged(0, 4999, BODY)
    head = answer[: -len(BODY)]
    told = http(
        (CLIENT, request), (SERVER, head + BODY[:1000]), (SERVER, 500), (SERVER, BODY[1500:])
    )
    pieces = [(piece.offset, len(piece.data)) for piece in kit.effects(told, FileData)]
    assert pieces == [(0, 1000), (1500, 3500)]
    assert not kit.effects(told, FileClose)
    assert len(kit.effects(told, FilePaused)) == 1


def test_ranges_of_one_file_share_a_key_among_flows():
    request = b"GET /.hash=%s HTTP/1.1\r\nRange: bytes=%d-%d\r\n\r\n"
    keys = set()
    for first, last in ((0, 1999), (2000, 4999)):
        told = http(
            (CLIENT, request % (NAMED.encode(), first, last)),
            (SERVER, ranged(first, last, BODY[first : last + 1])),
        )
        assert [piece.offset for piece in kit.effects(told, FileData)] == [first]
        assert not kit.effects(told, FileClose)
        assert len(kit.effects(told, FilePaused)) == 1
        keys |= {(opened.key, opened.shared, opened.size) for opened in kit.effects(told, FileOpen)}
    assert keys == {(f"{NAMED}:5000 {START.client.address}", True, 5000)}


def test_a_download_that_broke_off_and_was_resumed_is_one_file(tmp_path):
    """giFT-FastTrack (fst_download.c) asks again with a Range from where it stopped."""
    first = [
        (CLIENT, b"GET /.hash=%s HTTP/1.1\r\n\r\n" % NAMED.encode()),
        (SERVER, ranged(0, 4999, BODY)[:-2000]),
    ]
    rest = [
        (CLIENT, b"GET /.hash=%s HTTP/1.1\r\nRange: bytes=3000-4999\r\n\r\n" % NAMED.encode()),
        (SERVER, ranged(3000, 4999, BODY[3000:])),
    ]
    packets = [
        packet
        for port, steps in ((40_001, first), (40_002, rest))
        for packet in craft.tcp(steps, client=Endpoint("10.9.0.2", port))
    ]
    found = scan(craft.write(tmp_path / "resumed.pcap", packets))
    [transfer] = [seen.event for seen in found if isinstance(seen.event, Transfer)]
    assert (transfer.complete, transfer.size) == (True, 5000)
    assert transfer.sha256 == hashlib.sha256(BODY).hexdigest()


def test_a_busy_kazaa_as_mldonkey_met_it():
    """Request and answer as logged in MLDonkey's fasttrackPandora.ml: its own scheme before the
    path, and line ends of both kinds.
    """
    request = (
        b"GET FastTrack://62.175.4.76:2798/.hash=9c1e0c03f1a38ba838feaf4b8ac0d560b43bc148 HTTP/1.1"
        b"\r\nHost: 62.175.4.76:2798\r\nUser-Agent: MLDonkey 2.4-1\r\nRange: bytes=0-262143\r\n\r\n"
    )
    answer = (
        b"HTTP/1.0 503 Service Unavailable\nRetry-After: 284\r\nX-Kazaa-Username: johnl\r\n"
        b"X-Kazaa-Network: KaZaA\r\nX-Kazaa-IP: 62.251.115.29:1457\r\n"
        b"X-Kazaa-SupernodeIP: 195.169.211.25:3534\r\n\n"
    )
    assert isinstance(recognise(Peek("tcp", request, b"", True, START)), Claim)
    told = http((CLIENT, request), (SERVER, answer))
    wanted = "9c1e0c03f1a38ba838feaf4b8ac0d560b43bc148"
    assert kit.events(told, Download) == [Download(name="", hash=wanted, first=0, last=262_143)]
    [refused] = kit.events(told, OfferAnswer)
    assert (refused.sender, refused.id, refused.reason) == (
        "johnl",
        wanted,
        "503 Service Unavailable",
    )
    assert kit.events(told, Peer) == [Peer(address="195.169.211.25", port=3534, role="supernode")]


def test_a_search_result_names_what_is_fetched_by_hash():
    start = Start(
        "tcp",
        START.client,
        START.server,
        accounts=("otto",),
        context=Known(names=((NAMED, "song.mp3"),)),
    )
    request = b"GET /.hash=%s HTTP/1.1\r\n\r\n" % NAMED.encode()
    told = http(
        (CLIENT, request), (SERVER, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), start=start
    )
    assert [event.name for event in kit.events(told, Download)] == ["song.mp3"]
    assert kit.events(told, OfferAnswer) == [
        OfferAnswer(
            use="file-transfer",
            sender="otto",
            recipient="",
            id=NAMED,
            accepted=False,
            reason="503 Busy",
        )
    ]


@pytest.mark.parametrize("cut", range(1, 30))
def test_a_push_may_come_in_any_pieces(cut):
    give = b"GIVE 4253679545\r\n\r\n"
    request = b"GET /.hash=%s HTTP/1.1\r\nX-Kazaa-Username: eva\r\n\r\n" % NAMED.encode()
    stream = give + ranged(0, 4999, BODY)
    told = http(
        (CLIENT, stream[: min(cut, len(give))]),
        (CLIENT, give[cut:]),
        (SERVER, request),
        (CLIENT, stream[len(give) :]),
    )
    events = kit.events(told)
    assert events[0] == OfferAnswer(
        use="file-transfer", sender="", recipient="", id="4253679545", accepted=True
    )
    (opened,) = kit.effects(told, FileOpen)
    assert (opened.sender, opened.recipient) == ("otto", "eva")
    assert [end.verified for end in kit.effects(told, FileClose)] == [True]


def test_a_patient_client_is_no_abuse():
    request = b"GET /.hash=%s HTTP/1.1\r\nA: %s\r\n\r\n" % (NAMED.encode(), b"b" * 500)
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    told = http(*[(CLIENT, request), (SERVER, answer)] * 40)
    assert not kit.events(told, Anomaly)


def test_abuse_of_the_web_server():
    flood = b"GET /.hash=%s HTTP/1.1\r\n\r\n" % NAMED.encode() * transfer.UNANSWERED
    told = http((CLIENT, flood * 2))
    assert [event.kind for event in kit.events(told, Anomaly)] == ["request-flood"]
    long = b"GET /.hash=" + b"a" * 2000 + b" HTTP/1.1\r\n\r\n"
    told = http((CLIENT, long))
    assert [event.kind for event in kit.events(told, Anomaly)] == ["oversized-request"]
    endless = [(CLIENT, b"GET /.files HTTP/1.1\r\n")] + [
        (CLIENT, b"A: " + b"b" * 1000 + b"\r\n")
    ] * 40
    told = http(*endless)
    assert [event.kind for event in kit.events(told, Anomaly)] == ["oversized-request"]


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"GET /.hash=" + b"0" * 40 + b" HTTP/1.1\r\n", b""),
        (b"HEAD /.hash=" + b"0" * 40 + b" HTTP/1.1\r\n", b""),
        (b"GIVE 1\r\n", b""),
        (b"GET /5/x HTTP/1.1\r\nX-Kazaa-Username: a\r\n", b""),
        (b"GET /a HTTP/1.1\r\nUser-Agent: PeerEnabler/2.0\r\n", b""),
        (b"GET /a HTTP/1.1\r\nUserAgent: KazaaClient Nov\r\n", b""),
        (BROWSER, KAZAA),
        (b"GET / HTTP/1.0\r\nHost: 10.0.0.9\r\n\r\n", KAZAA),
        (b"GET /.files HTTP/1.0\r\n\r\n", KAZAA),
        (b"", KAZAA),
        (b"GET /ab", KAZAA),
    ],
)
def test_whose_http_it_is(client, server):
    assert isinstance(look(client, server), Claim)


def test_the_answering_side_first_means_that_the_sides_are_swapped():
    assert look(KAZAA).flipped
    assert look(b"", b"GET /.hash=" + b"0" * 40 + b" HTTP/1.1\r\n").flipped
    assert not look(b"GIVE 77\r\n", b"GET /.hash=" + b"0" * 40 + b" HTTP/1.1\r\n").flipped


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"GIVE me\r\n", b""),
        (b"GIVE 12345678901\r\n", b""),
        (b"GIV 1:ABC/x\n\n", b""),
        (b"GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n", b""),
        (b"GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n", KAZAA),
        (BROWSER, b"HTTP/1.1 200 OK\r\nServer: Apache\r\n\r\nx-kazaa"),
        (b"GET /2010/a.html HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"),
        (b"", b"HTTP/1.1 200 OK\r\n\r\n\nX-Kazaa-IP: 1"),
        (b"HELO example\r\n", b""),
    ],
)
def test_whose_http_it_is_not(client, server):
    assert look(client, server) is None


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"G", b""),
        (b"GET /.ha", b""),
        (b"GIVE 12", b""),
        (BROWSER, b""),
        (BROWSER, b"HTTP/1.1 200 OK\r\nA"),
    ],
)
def test_more_is_asked_while_it_may_be(client, server):
    assert look(client, server) is MORE


def test_plain_http_yields_when_the_answer_names_kazaa():
    web = http_session.Session(START)
    web.feed(CLIENT, BROWSER)
    assert web.standing is Standing.CLAIMED
    assert web.feed(SERVER, KAZAA + b"Content-Length: 0\r\n\r\n") == []
    assert web.standing is Standing.REFUTED


def test_a_whole_scan_finds_every_flow_and_names_the_files():
    """Ten flows, three of them known by the answer only; then downloads named by a search."""
    found = scan(EXAMPLES / "ft_http_1214.pcap")
    paths = [seen.event.path for seen in found if isinstance(seen.event, ListingRequest)]
    assert paths == ["/", "/.files"]
    assert [(row.service, row.flows) for row in found.document.services] == [("kazaa", 10)]
    downloads = [
        seen.event
        for seen in scan(EXAMPLES / "ft_push_give.pcap")
        if isinstance(seen.event, Transfer)
    ]
    names = ["moonlight_demo.mp3", "moonlight_readme.txt"] * 2
    assert [(event.name, event.verified) for event in downloads] == [(name, True) for name in names]


def test_an_announced_request_by_number_needs_no_header():
    start = Start("tcp", START.client, START.server, context=Known())
    plain = b"GET /5/x.mp3 HTTP/1.1\r\nHost: 10.0.0.9:1214\r\n\r\n"
    assert isinstance(look(plain, start=start), Claim)
    assert look(plain) is MORE


@pytest.mark.parametrize("value", ["300.1.1.1:1", "1.2.3.4:99999", "x", "1.2.3:4", ""])
def test_an_address_that_is_none_is_not_told(value):
    answer = re.sub(rb"10\.0\.0\.9:1214", value.encode(), KAZAA) + b"Content-Length: 0\r\n\r\n"
    told = http((CLIENT, BROWSER), (SERVER, answer))
    assert not kit.events(told, PeerAddress)
    assert len(kit.events(told, Peer)) == 1


def test_an_address_without_a_port():
    answer = KAZAA.replace(b"10.0.0.9:1214", b"10.0.0.9") + b"Content-Length: 0\r\n\r\n"
    told = http((CLIENT, BROWSER), (SERVER, answer))
    assert [(e.address, e.port) for e in kit.events(told, PeerAddress)] == [("10.0.0.9", 0)]


def test_mid_stream_start_finds_the_next_request():
    start = Start("tcp", START.client, START.server, begun=False)
    request = b"GET /.hash=%s HTTP/1.1\r\n\r\n" % NAMED.encode()
    told = http(
        (CLIENT, b"rest of it\r\n\r\n" + request),
        (SERVER, b"file bytes" + ranged(0, 4999, BODY)),
        start=start,
    )
    assert [event.hash for event in kit.events(told, Download)] == [NAMED]
    assert [opened.size for opened in kit.effects(told, FileOpen)] == [5000]


def test_the_offer_of_a_push_is_told_with_where_to_connect():
    body = (
        u32(9)
        + place("10.0.0.7", 1214)
        + place("10.0.0.9", 0)
        + place("198.18.0.1", 1214)
        + b"otto"
    )
    peer, pusher, offer, asker, announced = one(CLIENT, 0x0D, body)
    assert peer == Peer(address="198.18.0.1", port=1214, role="supernode")
    assert (pusher.account, pusher.address, pusher.port) == ("otto", "10.0.0.9", 0)
    assert offer == Offer(
        use="file-transfer", sender="anna", recipient="otto", id="9", detail="push"
    )
    assert (asker.account, asker.address, asker.port) == ("anna", "10.0.0.7", 1214)
    assert (announced.address, announced.port, announced.protocol) == (
        "10.0.0.7",
        1214,
        "fasttrack",
    )
