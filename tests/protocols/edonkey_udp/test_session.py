"""Datagrams of eDonkey and Kad: what each means, sealed ones, and the laws."""

import hashlib
import random
import struct
import zlib

import msgspec
import pytest
import yaml
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit
from tests.matcher import fits
from tests.protocols.edonkey import build
from tests.protocols.edonkey.build import ALICE, BOB, FILE, place, text

from backchannel.effects import Expect
from backchannel.events import (
    Download,
    Gap,
    Malformed,
    Peer,
    PeerAddress,
    Search,
    SearchHit,
    Share,
)
from backchannel.model import MORE, Claim, Side, Standing
from backchannel.protocols import Peek
from backchannel.protocols.edonkey.events import Callback, EdonkeyServer, FileComment, QueueRank
from backchannel.protocols.edonkey.md4 import md4
from backchannel.protocols.edonkey.talk import Receiver
from backchannel.protocols.edonkey_udp import PROTOCOL, kad, plain
from backchannel.protocols.edonkey_udp.events import KadNode
from backchannel.protocols.edonkey_udp.memory import KINDS, identity
from backchannel.protocols.edonkey_udp.sealed import KEYS, TRIES, Keys
from backchannel.protocols.edonkey_udp.session import ENOUGH, MALFORMED, Session, recognise

C, S = Side.CLIENT, Side.SERVER
RECORDED = kit.EXAMPLES / "edonkey" / "amule_server_kad_browse.pcap"
FLOWS = kit.claimed(RECORDED, recognise)
MANIFEST = yaml.safe_load((kit.EXAMPLES / "manifest.yaml").read_text())["captures"]
ONE, TWO = bytes(range(16)), bytes(range(100, 116))
TARGET = bytes(range(32, 48))
TURNED = b"".join(ALICE[at : at + 4][::-1] for at in range(0, 16, 4))
"""A user hash as Kad sends it."""


def turned(address: str) -> bytes:
    return place(address, 0)[3::-1]


def packet(kind: int, body: bytes = b"", protocol: int = 0xE4) -> bytes:
    return bytes((protocol, kind)) + body


def node(address: str, udp: int = 4672, tcp: int = 4662, id_: bytes = TWO) -> bytes:
    return id_ + turned(address) + struct.pack("<HHB", udp, tcp, 9)


def kad_tags(*pairs: tuple[int, int | bytes]) -> bytes:
    return bytes([len(pairs)]) + b"".join(build.tag(*pair) for pair in pairs)


def told(*steps: tuple[Side, bytes | int], start=build.UDP) -> list:
    return kit.decode(Session(start), list(steps))


def heard(kind: type, *steps: tuple[Side, bytes | int]) -> list:
    return kit.events(told(*steps), kind)


def claim(client: bytes, server: bytes = b"", start=build.UDP):
    return recognise(Peek("udp", client, server, True, start))


HELLO = packet(0x11, ONE + struct.pack("<HB", 4662, 9) + kad_tags((0xFC, 5000)))
HELLO_RES = packet(0x19, TWO + struct.pack("<HB", 4663, 8) + kad_tags())
REQ = packet(0x21, b"\x0b" + TARGET + TWO)
RES = packet(0x29, TARGET + b"\2" + node("203.0.113.1") + node("203.0.113.2", 5000, id_=ONE))
BOOTSTRAP_RES = packet(
    0x09, TWO + struct.pack("<HBH", 4662, 8, 1) + node("203.0.113.7", id_=TARGET)
)
SOURCE = kad_tags((0xFF, 1), (0xFE, 0xCB007107), (0xFD, 4662), (0xFC, 4672))
SEARCH = packet(0x33, TARGET + struct.pack("<H", 0))
STATUS_REQ = packet(0x96, bytes.fromhex("25a6aa55"), 0xE3)
STATUS = packet(0x97, bytes.fromhex("25a6aa55") + struct.pack("<IIII", 9, 70, 1000, 5), 0xE3)


# -- real traffic ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(FLOWS)))
def test_golden(number, request):
    flow = FLOWS[number]
    session = Session(flow.start)
    found = kit.decode(session, flow.steps)
    assert session.standing is Standing.PARSED
    assert not kit.events(found, Malformed)
    kit.check_golden(request.path.parent / f"amule-{number}.jsonl", found)


def test_witness_node_ids_are_those_that_amule_kept():
    """From `preferencesKad.dat` of both; they are kept as they are sent."""
    [flow] = [flow for flow in FLOWS if flow.start.server.port == 4672]
    entry = next(e for e in MANIFEST if e["path"].endswith(RECORDED.name))
    found = kit.decode(Session(flow.start), flow.steps)
    ids = {end.address: identity(bytes.fromhex(entry["kad_ids"][end.address])) for end in
           (flow.start.client, flow.start.server)}  # fmt: skip
    assert [node.id for node in kit.events(found, KadNode)] == list(ids.values())


def test_witness_obfuscated_nodes_are_read_with_the_ids_that_amule_kept():
    """The ids are from `preferencesKad.dat`; nobody told them in clear, so the test does."""
    path = kit.EXAMPLES / "edonkey" / "amule_packed_kad_obfuscated.pcap"
    entry = next(e for e in MANIFEST if e["path"].endswith(path.name))
    [flow] = [f for f in kit.flows(path) if f.start.server.port == 4672]
    assert recognise(kit.peek(flow)) is None
    ends = flow.start.server, flow.start.client
    server, client = (Receiver(node=bytes.fromhex(entry["kad_ids"][e.address])) for e in ends)
    start = msgspec.structs.replace(flow.start, context=server, others=(client,))
    assert isinstance(recognise(kit.peek(kit.Flow(start, flow.steps))), Claim)
    session = Session(start)
    found = kit.decode(session, flow.steps)
    assert session.standing is Standing.PARSED
    for node, receiver in zip(kit.events(found, KadNode), (client, server), strict=True):
        counts = dict(node.counts)
        assert counts.pop("sealed") == sum(counts.values())
        assert node.id == identity(receiver.node)
        assert {"req", "res", "ping", "pong"} <= set(counts)


# -- recognised ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        HELLO,
        HELLO_RES,
        RES,
        BOOTSTRAP_RES,
        b"\xe5\x29" + zlib.compress(RES[2:]),
        packet(0x98, b"\1" + text(b"tide"), 0xE3),
    ],
)
def test_datagrams_with_much_form_are_claimed_alone(data):
    assert isinstance(claim(data), Claim)
    assert isinstance(claim(b"", data), Claim)
    assert any(fits(magic, data) for magic in PROTOCOL.magic)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (packet(0x60), packet(0x61, b"\x40\x12")),
        (packet(0x01), BOOTSTRAP_RES),
        (REQ, packet(0x29, TARGET + b"\0")),
        (packet(0x90, FILE, 0xC5), packet(0x91, b"\5\0", 0xC5)),
        (STATUS_REQ, STATUS),
    ],
)
def test_others_need_the_other_side_to_fit(asked, answer):
    assert claim(asked) is MORE
    assert isinstance(claim(asked, answer), Claim)
    assert claim(asked, b"\0" + answer) is None
    assert any(fits(magic, asked) for magic in PROTOCOL.magic)


def test_who_repeats_the_first_bytes_does_not_answer():
    """As DNS does with the number of its question: here e397, which is a server's status."""
    asked = bytes.fromhex("e397 0100 0001 0000 0000 0000 03777777 07 6578616d706c65 00 0001 0001")
    answer = asked[:2] + b"\x81\x80" + asked[4:]
    assert claim(asked) is MORE
    assert claim(asked, answer) is None
    assert claim(REQ, REQ) is None
    assert isinstance(claim(packet(0x60), packet(0x60)), Claim), "nodes that ping each other"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xe4",
        b"\xe4\x99",
        REQ + b"\0",
        REQ[:-1],
        packet(0x21, b"\x03" + TARGET + TWO),
        RES + b"\0",
        HELLO[:-1],
        b"\xe5\x29" + zlib.compress(RES[2:])[:-3],
        packet(0xA2, bytes(4), 0xE3),
    ],
)
def test_what_does_not_end_where_it_should_is_nobodys(data):
    assert not isinstance(claim(data), Claim)
    assert claim(data) is not MORE


def test_every_kind_has_a_magic():
    rare = {(0xC5, 0xFE), (0xE3, 0x9C), (0xE3, 0x9E)}
    heads = [(m.pattern[:2], m.mask[:2]) for m in PROTOCOL.magic]
    for protocol, table in ((0xE4, kad.MESSAGES), (0xC5, plain.CLIENTS), (0xE3, plain.SERVERS)):
        for kind in table:
            head = bytes((protocol, kind))
            met = [p for p, m in heads if bytes(a & b for a, b in zip(head, m, strict=True)) == p]
            assert bool(met) is ((protocol, kind) not in rare), head.hex()


def test_random_bytes_behind_the_magic_are_nobodys():
    chance = random.Random(3)
    for _ in range(5000):
        size = chance.choice((2, 4, 18, 19, 20, 28, 35, 36, 60, 200))
        data = bytes((chance.choice(b"\xe3\xc5\xe4\xe5"), chance.randrange(256)))
        assert not isinstance(claim(data + chance.randbytes(size)), Claim)


def test_only_datagrams_are_claimed():
    assert recognise(Peek("tcp", HELLO, b"", True, build.TCP)) is None


# -- Kad -------------------------------------------------------------------------------------------


def test_numbers_are_words_turned_round():
    assert identity(bytes(range(16))) == "03020100070605040b0a09080f0e0d0c"


def test_nodes_greet_each_other():
    found = told((C, HELLO), (S, HELLO_RES), (C, packet(0x22, ONE + kad_tags())))
    addresses = [
        (a.how, a.account, a.address, a.port, a.transport) for a in kit.events(found, PeerAddress)
    ]
    assert addresses == [
        ("listening-port", identity(ONE), "192.0.2.1", 4662, "tcp"),
        ("listening-port", identity(ONE), "192.0.2.1", 5000, "udp"),
        ("listening-port", identity(TWO), "192.0.2.2", 4663, "tcp"),
    ]
    nodes = kit.events(found, KadNode)
    assert [(n.id, n.version) for n in nodes] == [(identity(ONE), 9), (identity(TWO), 8)]
    assert nodes[0].counts == (("hello-req", 1), ("hello-res-ack", 1))
    contexts = [(e.address, e.port, e.context.node) for e in kit.effects(found, Expect)]
    assert contexts == [("192.0.2.1", 4672, ONE), ("192.0.2.2", 53, TWO)]


def test_contacts_are_peers_and_expected():
    found = told((C, packet(0x01)), (S, BOOTSTRAP_RES), (C, REQ), (S, RES), (C, REQ), (S, RES))
    peers = [(p.address, p.port, p.role, p.software) for p in kit.events(found, Peer)]
    assert peers == [
        ("203.0.113.7", 4672, "kad node", "Kad 9"),
        ("203.0.113.1", 4672, "kad node", "Kad 9"),
        ("203.0.113.2", 5000, "kad node", "Kad 9"),
    ]
    [_, server] = kit.events(found, KadNode)
    assert (server.contacts, dict(server.counts)["res"]) == (5, 2)
    expected = {(e.address, e.port, e.context.node) for e in kit.effects(found, Expect)}
    assert {("203.0.113.2", 5000, ONE), ("203.0.113.7", 4672, TARGET)} <= expected


def test_the_word_of_a_search_is_known_when_a_name_holds_it():
    word = md4(b"tide")
    sent = b"".join(word[at : at + 4][::-1] for at in range(0, 16, 4))
    file = FILE + kad_tags((1, b"Low.TIDE tables.pdf"), (2, 77), (3, b"Doc"))
    tree = b"\2" + text(b"Doc") + text(b"\3")
    found = told(
        (C, packet(0x33, sent + struct.pack("<H", 0x8000) + tree)),
        (S, packet(0x3B, TWO + sent + struct.pack("<H", 1) + file)),
    )
    first, second = kit.events(found, Search)
    assert (first.text, first.id) == ("type:Doc", word.hex())
    assert (second.text, second.id, second.detail) == ("tide", word.hex(), "keyword, by its hash")
    [hit] = kit.events(found, SearchHit)
    assert (hit.id, hit.files[0].name, hit.files[0].size) == (word.hex(), "Low.TIDE tables.pdf", 77)
    assert hit.files[0].hash == identity(FILE)


def test_a_search_by_a_hash_that_no_name_explains():
    assert heard(Search, (C, SEARCH), (C, SEARCH))[0].text == identity(TARGET)
    assert len(heard(Search, (C, SEARCH), (C, SEARCH))) == 1


def test_sources_of_a_file():
    found = told(
        (C, packet(0x34, TARGET + struct.pack("<HQ", 0, 4096))),
        (S, packet(0x3B, TWO + TARGET + struct.pack("<H", 1) + BOB + SOURCE)),
    )
    [search] = kit.events(found, Search)
    assert (search.text, search.detail) == (identity(TARGET), "sources")
    [hit] = kit.events(found, SearchHit)
    assert (hit.owner, hit.address, hit.port) == (identity(BOB), "203.0.113.7", 4662)
    [expected] = [e for e in kit.effects(found, Expect) if e.protocol == "edonkey"]
    assert (expected.source, expected.context.hex()) == ("192.0.2.1", identity(BOB))


def test_notes_of_a_file():
    notes = kad_tags((0xF7, 4), (0x0B, b"clear"), (1, b"chart.pdf"))
    found = told(
        (C, packet(0x35, TARGET + struct.pack("<Q", 9))),
        (S, packet(0x3B, TWO + TARGET + struct.pack("<H", 1) + BOB + notes)),
        (C, packet(0x45, TARGET + ALICE + notes)),
    )
    assert kit.events(found, Search)[0].detail == "notes"
    read, published = kit.events(found, FileComment)
    assert (read.hash, read.account, read.rating, read.text, read.name) == (
        identity(TARGET),
        identity(BOB),
        4,
        "clear",
        "chart.pdf",
    )
    assert published.account == identity(ALICE)


def test_files_and_sources_are_published():
    file = FILE + kad_tags((1, b"tide.txt"), (2, 77))
    found = told(
        (C, packet(0x43, TARGET + struct.pack("<H", 1) + file)),
        (S, packet(0x4B, TARGET + b"\5")),
        (C, packet(0x44, FILE + ALICE + kad_tags((0xFF, 1), (0xFD, 4662), (2, 77)))),
        (S, packet(0x4B, TARGET + b"\5\1")),
        (C, packet(0x4C)),
    )
    words, source = kit.events(found, Share)
    assert (words.owner, words.files[0].name) == ("192.0.2.1:4672", "tide.txt")
    assert (source.owner, source.files[0].hash) == (identity(ALICE), identity(FILE))
    [address] = kit.events(found, PeerAddress)
    assert (address.how, address.address, address.port) == ("listening-port", "192.0.2.1", 4662)
    assert not kit.events(found, Malformed)


def test_who_can_be_reached():
    found = told(
        (C, packet(0x50, struct.pack("<H", 4662))),
        (S, packet(0x58, turned("203.0.113.9"))),
        (C, packet(0x53, struct.pack("<H", 4662) + TURNED + b"\3")),
        (S, packet(0x59)),
        (C, packet(0x62, b"\0\x40\x12")),
    )
    hows = [(a.how, a.account, a.address) for a in kit.events(found, PeerAddress)]
    assert hows == [
        ("listening-port", "192.0.2.1:4672", "192.0.2.1"),
        ("seen-as", "192.0.2.1:4672", "203.0.113.9"),
        ("listening-port", ALICE.hex(), "192.0.2.1"),
    ]
    assert [e.context for e in kit.effects(found, Expect)] == [None, ALICE]
    assert not heard(PeerAddress, (S, packet(0x58, turned("192.0.2.1"))))


def test_buddies_and_callbacks():
    found = told(
        (C, packet(0x51, ONE + ALICE + struct.pack("<H", 4662))),
        (S, packet(0x5A, ONE + BOB + struct.pack("<H", 4663) + b"\3")),
        (C, packet(0x52, ONE + FILE + struct.pack("<H", 4662))),
    )
    assert [(a.how, a.account) for a in kit.events(found, PeerAddress)] == [
        ("listening-port", identity(ALICE)),
        ("listening-port", identity(BOB)),
    ]
    [callback] = kit.events(found, Callback)
    assert (callback.account, callback.hash) == (identity(ONE), identity(FILE))


# -- clients and servers ---------------------------------------------------------------------------


def test_a_client_asks_again_for_its_place():
    part_map = struct.pack("<H", 9) + b"\xff\1"
    found = told(
        (C, packet(0x90, FILE + part_map + b"\3\0", 0xC5)),
        (S, packet(0x91, part_map + b"\7\0", 0xC5)),
        (C, packet(0x90, FILE, 0xC5)),
        (S, packet(0x93, b"", 0xC5)),
    )
    [download] = kit.events(found, Download)
    assert (download.hash, download.account) == (FILE.hex(), "192.0.2.1:4672")
    [rank] = kit.events(found, QueueRank)
    assert (rank.rank, rank.hash) == (7, FILE.hex())


def test_direct_callbacks():
    found = told(
        (C, packet(0x95, struct.pack("<H", 4662) + ALICE + b"\3", 0xC5)),
        (C, packet(0x94, BOB + FILE + b"\1\0\0\0", 0xC5)),
    )
    [address] = kit.events(found, PeerAddress)
    assert (address.account, address.how) == (ALICE.hex(), "listening-port")
    [callback] = kit.events(found, Callback)
    assert (callback.account, callback.hash) == (BOB.hex(), FILE.hex())


def test_a_server_is_asked_how_it_is():
    described = packet(0xA3, bytes.fromhex("fff01234") + build.tags((1, b"Harbour")), 0xE3)
    old = packet(0xA3, text(b"Old") + text(b"and small"), 0xE3)
    found = told(
        (C, STATUS_REQ),
        (S, STATUS),
        (C, packet(0xA2, bytes.fromhex("fff01234"), 0xE3)),
        (S, described.replace(bytes.fromhex("fff01234"), bytes.fromhex("fff01234"))),
        (C, packet(0xA2, b"", 0xE3)),
        (S, old),
    )
    status, new, older = kit.events(found, EdonkeyServer)
    assert (status.users, status.files) == (9, 70)
    assert (older.name, older.description) == ("Old", "and small")
    assert new.name == "Harbour"
    assert not kit.events(found, Malformed)
    assert not kit.events(found, KadNode)


def test_a_global_search():
    one = FILE + place("203.0.113.7", 4662) + build.tags((1, b"tide.txt"), (2, 5))
    answers = packet(0x99, one, 0xE3) + packet(0x99, BOB + one[16:], 0xE3)
    for question in (
        packet(0x98, b"\1" + text(b"tide"), 0xE3),
        packet(0x92, b"\1" + text(b"tide"), 0xE3),
        packet(0x90, build.tags((0x0E, 1)) + b"\1" + text(b"tide"), 0xE3),
    ):
        found = told((C, question), (S, answers))
        [search] = kit.events(found, Search)
        assert (search.text, search.detail) == ("tide", "global")
        hits = [(h.address, h.files[0].hash) for h in kit.events(found, SearchHit)]
        assert hits == [("203.0.113.7", FILE.hex()), ("203.0.113.7", BOB.hex())]


def test_global_sources_callbacks_and_servers():
    sources = packet(0x9B, FILE + b"\1" + place("203.0.113.7", 4662), 0xE3)
    found = told(
        (C, packet(0x9A, FILE + BOB, 0xE3)),
        (
            C,
            packet(0x94, ALICE + struct.pack("<I", 5) + ONE + struct.pack("<IQ", 0, 1 << 33), 0xE3),
        ),
        (S, sources + packet(0x9B, BOB + b"\0", 0xE3)),
        (C, packet(0x9C, place("192.0.2.1", 4662) + struct.pack("<I", 7), 0xE3)),
        (S, packet(0x9E, struct.pack("<I", 7), 0xE3)),
        (C, packet(0xA0, place("192.0.2.1", 4661), 0xE3)),
        (S, packet(0xA1, b"\1" + place("198.51.100.1", 4661), 0xE3)),
    )
    assert [s.text for s in kit.events(found, Search)] == [h.hex() for h in (FILE, BOB, ALICE, ONE)]
    [hit] = kit.events(found, SearchHit)
    assert (hit.address, hit.id) == ("203.0.113.7", FILE.hex())
    assert [c.status for c in kit.events(found, Callback)] == ["asked", "failed"]
    [server] = kit.events(found, Peer)
    assert (server.address, server.role) == ("198.51.100.1", "server")
    assert not kit.events(found, Malformed)


# -- sealed ----------------------------------------------------------------------------------------


def seal(
    body: bytes, secret: bytes, keys: tuple[int, int] | None = (0, 0), padding: int = 0
) -> bytes:
    """As eMule does it, written from the description and not from the decoder."""
    key = hashlib.md5(secret + b"\x12\x34").digest()
    marker = b"\x0d" if keys is None else b"\x0c"
    inner = bytes.fromhex("c12e5f39") + bytes([padding]) + b"p" * padding
    inner += b"" if keys is None else struct.pack("<II", *keys)
    return marker + b"\x12\x34" + Cipher(ARC4(key), mode=None).encryptor().update(inner + body)


NODE = msgspec.structs.replace(build.UDP, context=Receiver(node=TWO))


def test_an_announced_node_opens_what_it_gets_and_its_keys_what_it_sends():
    asked = seal(HELLO, TWO, (0, 0xAABBCCDD))
    answer = seal(HELLO_RES, struct.pack("<I", 0xAABBCCDD), (0xAABBCCDD, 0x11223344))
    again = seal(REQ, struct.pack("<I", 0x11223344), (0x11223344, 0xAABBCCDD), padding=7)
    assert isinstance(claim(asked, start=NODE), Claim)
    assert claim(asked) is None
    session = Session(NODE)
    found = kit.decode(session, [(C, asked), (S, answer), (C, again)])
    assert session.standing is Standing.PARSED
    client, server = kit.events(found, KadNode)
    assert client.counts == (("hello-req", 1), ("req", 1), ("sealed", 2))
    assert server.counts == (("hello-res", 1), ("sealed", 1))
    assert not kit.events(found, Malformed)


def test_a_user_hash_opens_what_its_client_gets():
    start = msgspec.structs.replace(build.UDP, context=Receiver(user=BOB))
    secret = BOB + place("192.0.2.1", 0)[:4] + b"\x5b"
    asked = seal(packet(0x90, FILE, 0xC5), secret, None)
    assert isinstance(claim(asked, start=start), Claim)
    session = Session(start)
    assert kit.events(kit.decode(session, [(C, asked)]), Download)[0].hash == FILE.hex()


def test_a_node_s_own_word_opens_what_comes_to_it_later():
    found = told((S, HELLO_RES), (C, seal(REQ, TWO)))
    assert kit.events(found, KadNode)[0].counts == (("req", 1), ("sealed", 1))


def test_another_node_s_id_opens_nothing():
    start = msgspec.structs.replace(build.UDP, context=Receiver(node=ONE))
    assert claim(seal(HELLO, TWO), start=start) is None
    found = kit.decode(Session(start), [(C, seal(HELLO, TWO))])
    assert not kit.events(found)


def test_what_does_not_open_is_not_tried_for_ever():
    session = Session(NODE)
    for _ in range(TRIES):
        session.feed(C, seal(HELLO, ONE))
    session.feed(C, seal(HELLO, TWO))
    assert not kit.events([(S, e) for e in session.end(C)], KadNode)


def test_keys_and_padding_at_their_edges():
    keys = Keys()
    for number in range(1, 3 * KEYS):
        keys.add(S, bytes([number]) * 16)
    assert len(keys._secrets[S]) == KEYS
    keys.add(S, TWO)
    assert keys.open(S, seal(HELLO, TWO, padding=15)) == HELLO
    high = bytearray(seal(HELLO, TWO, padding=3))
    high[7] ^= 0x50  # the upper half of the size is chance
    assert keys.open(S, bytes(high)) == HELLO


# -- laws ------------------------------------------------------------------------------------------


def test_lists_and_memories_are_bounded():
    session = Session(build.UDP)
    listed = b"".join(node(f"10.{n >> 8}.{n & 255}.1", id_=n.to_bytes(16)) for n in range(1, 201))
    found = []
    for turn in range(4):
        some = listed.replace(b"\x0a", bytes([11 + turn]))
        found += session.feed(S, packet(0x29, bytes([turn]) * 16 + b"\xc8" + some))
    assert len(kit.events([(S, each) for each in found], Peer)) <= kad.TOLD
    node_ = session._memory.nodes[S]
    for number in range(3 * KINDS):
        node_.count(f"kind {number}")
    assert len(node_.counts) <= KINDS + 1


def test_answers_that_follow_each_other_are_bounded():
    one = FILE + place("203.0.113.7", 4662) + build.tags((1, b"tide.txt"))
    many = packet(0x99, one, 0xE3) * (plain.AGAIN + 5)
    assert len(heard(SearchHit, (S, many))) == 0, "a datagram that goes on is none"
    assert len(heard(SearchHit, (S, packet(0x99, one, 0xE3) * plain.AGAIN))) == plain.AGAIN


def test_broken_datagrams_are_told_and_bounded():
    broken = [(C, REQ + b"\0")] * (MALFORMED + 3) + [(C, b"something else")]
    found = told((C, HELLO), *broken)
    assert len(kit.events(found, Malformed)) == MALFORMED
    assert dict(kit.events(found, KadNode)[0].counts)["other"] == MALFORMED + 4


def test_a_flow_is_left_alone_after_enough():
    session = Session(build.UDP)
    for _ in range(ENOUGH):
        assert not session.done
        session.feed(C, packet(0x60))
    assert session.done


def test_both_sides_or_three_datagrams_prove_it():
    session = Session(build.UDP)
    session.feed(C, HELLO)
    assert session.standing is Standing.CLAIMED
    session.feed(S, HELLO_RES)
    assert session.standing is Standing.PARSED
    session = Session(build.UDP)
    for _ in range(3):
        session.feed(C, REQ)
    assert session.standing is Standing.PARSED


def test_a_gap_is_told():
    assert isinstance(Session(build.UDP).gap(C, 5)[0], Gap)


ANY = st.builds(
    lambda protocol, kind, body: bytes((protocol, kind)) + body,
    st.sampled_from((0xE3, 0xC5, 0xE4, 0xE5)),
    st.sampled_from(sorted({*kad.MESSAGES, *plain.SERVERS, *plain.CLIENTS})),
    st.binary(max_size=120) | st.sampled_from([d[2:] for d in (HELLO, RES, BOOTSTRAP_RES, REQ)]),
)


@given(st.lists(st.tuples(st.sampled_from(Side), ANY | st.binary(max_size=60) | st.integers(1, 9))))
@settings(max_examples=200)
def test_garbage_is_reported_never_raised(chunks):
    kit.check_garbage(lambda: Session(NODE), chunks)


@given(ANY, ANY)
def test_recognise_never_raises(client, server):
    claim(client, server)
