"""The hash table: BEP examples, what is told of queries and answers, the laws, foreign captures."""

import hashlib
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.matcher import fits

from backchannel.effects import Expect
from backchannel.events import Gap, Malformed, PeerAddress, Search, SearchHit, Share, Software
from backchannel.model import Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start, bencode
from backchannel.protocols.bencode import Value
from backchannel.protocols.bittorrent_dht import PROTOCOL, krpc
from backchannel.protocols.bittorrent_dht.events import DhtItem, DhtNode, Swarm
from backchannel.protocols.bittorrent_dht.session import (
    ENOUGH,
    KINDS,
    PENDING,
    REMEMBERED,
    Session,
    recognise,
)

C, S = Side.CLIENT, Side.SERVER
START = Start("udp", Endpoint("192.0.2.1", 6881), Endpoint("198.51.100.7", 51413))
ASKS, ANSWERS = b"abcdefghij0123456789", b"mnopqrstuvwxyz123456"
HASH = hashlib.sha1(b"a torrent", usedforsecurity=False).digest()
DATA = sorted((kit.EXAMPLES / "bittorrent").glob("*.pcap"))
RECORDED = kit.EXAMPLES / "bittorrent" / "libtorrent_dht_nat.pcap"
PUBLIC = kit.CORPUS / "public" / "bittorrent"

# BEP 5, "example packets".
PING = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
PONG = b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:re"
ERROR = b"d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee"
FIND = (
    b"d1:ad2:id20:abcdefghij01234567896:target20:mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe"
)
GET_PEERS = (
    b"d1:ad2:id20:abcdefghij01234567899:info_hash20:mnopqrstuvwxyz123456e"
    b"1:q9:get_peers1:t2:aa1:y1:qe"
)
FOUND_PEERS = (
    b"d1:rd2:id20:abcdefghij01234567895:token8:aoeusnth6:valuesl6:axje.u6:idhtnmee1:t2:aa1:y1:re"
)
ANNOUNCE = (
    b"d1:ad2:id20:abcdefghij012345678912:implied_porti1e9:info_hash20:mnopqrstuvwxyz123456"
    b"4:porti6881e5:token8:aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe"
)


def query(name: bytes, transaction: bytes = b"aa", top: dict | None = None, **body: Value) -> bytes:
    values: dict[bytes, Value] = {key.encode(): value for key, value in body.items()}
    values.setdefault(b"id", ASKS)
    return bencode.write({b"a": values, b"q": name, b"t": transaction, b"y": b"q", **(top or {})})


def answer(transaction: bytes = b"aa", top: dict | None = None, **body: Value) -> bytes:
    values: dict[bytes, Value] = {key.encode(): value for key, value in body.items()}
    values.setdefault(b"id", ANSWERS)
    return bencode.write({b"r": values, b"t": transaction, b"y": b"r", **(top or {})})


def told(*steps: tuple[Side, bytes]) -> list:
    return kit.decode(Session(START), list(steps))


def claim(client: bytes, server: bytes = b"", transport: str = "udp"):
    return recognise(Peek(transport, client, server, True, START))  # type: ignore[arg-type]


def nodes(steps: list) -> dict[Side, DhtNode]:
    return {side: value for side, value in steps if isinstance(value, DhtNode)}


# -- recognised ----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [PING, PONG, ERROR, FIND, GET_PEERS, FOUND_PEERS, ANNOUNCE])
def test_the_specification_s_messages_are_claimed(data):
    found = claim(data)
    assert isinstance(found, Claim)
    assert found.evidence.startswith("KRPC ")
    assert any(fits(magic, data) for magic in PROTOCOL.magic)
    assert isinstance(claim(b"\x21\0", data), Claim), "the other side may speak uTP"


def test_answers_with_an_address_first_pass_the_magic():
    data = answer(top={b"ip": b"\xc0\0\2\1\x1a\xe1"})
    assert data.startswith(b"d2:ip")
    assert any(fits(magic, data) for magic in PROTOCOL.magic)
    assert isinstance(claim(data), Claim)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        PING[:-1],
        PING + b"x",
        b"d1:y1:q1:t2:aae",
        b"d1:ad2:id3:abce1:q4:ping1:t2:aa1:y1:qe",  # a node id has 20 bytes
        b"d1:ad2:id20:abcdefghij0123456789e1:q0:1:t2:aa1:y1:qe",
        b"d1:ad2:id20:abcdefghij0123456789e1:q2:\xff\xfe1:t2:aa1:y1:qe",
        b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t65:" + b"a" * 65 + b"1:y1:qe",
        b"d1:rd2:id20:mnopqrstuvwxyz123456e1:t2:aa1:y1:xe",
        b"d1:el3:abce1:t2:aa1:y1:ee",
        b"d8:announce3:urle",
        b"d1:ei1e1:t2:aa1:y1:ee",
    ],
)
def test_other_dictionaries_are_nobodys(data):
    assert claim(data) is None


def test_only_datagrams_are_claimed():
    assert claim(PING, transport="tcp") is None


def test_no_foreign_capture_is_claimed():
    for path in kit.foreign(*DATA):
        assert not kit.claimed(path, recognise), path


# -- told ----------------------------------------------------------------------------------------


def test_an_answer_proves_the_flow_and_a_question_alone_does_not():
    session = Session(START)
    session.feed(C, PING)
    session.feed(S, PONG.replace(b"2:aa", b"2:ab"))
    assert session.standing is Standing.CLAIMED
    session.feed(S, PONG)
    assert session.standing is Standing.PARSED


def test_a_search_and_who_has_it():
    """Witness: BEP 5, whose example peers are 97.120.106.101:11893 and 105.100.104.116:28269."""
    found = told((C, GET_PEERS), (S, FOUND_PEERS))
    [search] = kit.events(found, Search)
    assert (search.text, search.account) == (ANSWERS.hex(), ASKS.hex())
    hits = [(hit.address, hit.port, hit.id) for hit in kit.events(found, SearchHit)]
    assert hits == [
        ("97.120.106.101", 11893, ANSWERS.hex()),
        ("105.100.104.116", 28269, ANSWERS.hex()),
    ]
    places = [(e.transport, e.address, e.port, e.source) for e in kit.effects(found, Expect)]
    assert ("tcp", "97.120.106.101", 11893, "192.0.2.1") in places
    assert ("udp", "97.120.106.101", 11893, "192.0.2.1") in places


def test_what_was_told_is_not_told_again():
    found = told((C, GET_PEERS), (S, FOUND_PEERS), (C, GET_PEERS), (S, FOUND_PEERS))
    assert len(kit.events(found, Search)) == 1
    assert len(kit.events(found, SearchHit)) == 2
    assert nodes(found)[C].counts == (("get_peers", 2),)


def test_a_look_for_neighbours_is_no_search():
    near = ASKS[:4] + HASH[4:]
    assert not kit.events(told((C, query(b"get_peers", info_hash=near))), Search)
    assert kit.events(told((C, query(b"get_peers", info_hash=ASKS[:3] + HASH[3:]))), Search)


def test_flags_of_a_search_are_told():
    found = told((C, query(b"get_peers", info_hash=HASH, noseed=1, scrape=1)))
    assert kit.events(found, Search)[0].detail == "get_peers noseed scrape"


def test_an_announcement_names_the_port_or_implies_the_sender_s():
    for data, port in ((ANNOUNCE, 6881), (ANNOUNCE.replace(b"i1e9:", b"i0e9:"), 6881)):
        found = told((C, data))
        [share] = kit.events(found, Share)
        assert (share.owner, share.files[0].hash) == (ASKS.hex(), ANSWERS.hex())
        [address] = kit.events(found, PeerAddress)
        assert (address.address, address.port, address.how) == ("192.0.2.1", port, "announce-peer")
        assert {(e.transport, e.port) for e in kit.effects(found, Expect)} == {
            ("tcp", port),
            ("udp", port),
        }
    named = query(b"announce_peer", info_hash=HASH, port=7000, n=b"Harbour notes", seed=1)
    found = told((S, named))
    assert (kit.events(found, PeerAddress)[0].address, kit.effects(found, Expect)[0].port) == (
        "198.51.100.7",
        7000,
    )
    [shared] = kit.events(found, Share)[0].files
    assert (shared.name, shared.detail) == ("Harbour notes", "seed")
    assert not told((C, query(b"announce_peer", info_hash=HASH, port=70000)))[:-1]


def test_addresses_of_ipv6():
    packed = bytes.fromhex("20010db8000000000000000000000001 1ae1")
    found = told((C, GET_PEERS), (S, answer(values=[packed], nodes6=bytes(38 * 3), nodes=b"")))
    assert [(hit.address, hit.port) for hit in kit.events(found, SearchHit)] == [
        ("2001:db8::1", 6881)
    ]
    assert nodes(found)[S].nodes == 3


def test_nodes_are_counted_and_not_listed():
    found = told((C, FIND), (S, answer(nodes=bytes(range(26)) * 8)))
    assert nodes(found)[S].nodes == 8
    assert [type(value) for _, value in found] == [DhtNode, DhtNode]


def test_the_outer_address_of_who_asks():
    outside = b"\xcb\0\x71\5\x30\x39"
    found = told((C, PING), (S, answer(top={b"ip": outside})), (S, answer(top={b"ip": outside})))
    [address] = kit.events(found, PeerAddress)
    assert (address.account, address.address, address.port, address.transport, address.how) == (
        ASKS.hex(),
        "203.0.113.5",
        12345,
        "udp",
        "seen-as",
    )
    same = answer(top={b"ip": b"\xc0\0\2\1\x1a\xe1"})
    assert not kit.events(told((C, PING), (S, same)), PeerAddress)


def test_programs_name_themselves_once():
    found = told(
        (C, query(b"ping", top={b"v": b"LT\x02\x0b"})),
        (S, answer(top={b"v": b"UT\xa8\x6b"})),
        (C, query(b"ping", top={b"v": b"LT\x02\x0b"})),
    )
    assert [(side, s.name, s.version, s.role) for side, s in found if isinstance(s, Software)] == [
        (C, "libtorrent", "2.0.11", "peer"),
        (S, "uTorrent", "build 43115", "peer"),
    ]
    assert nodes(found)[C].software == "libtorrent 2.0.11"
    assert krpc.software(b"??\1\2") == ("", "")
    assert krpc.software(b"TR\x41\x06") == ("Transmission", "4106")
    assert krpc.software(b"TR") == ("Transmission", "")


def test_the_summary_of_a_side():
    found = told(
        (C, query(b"sample_infohashes", target=HASH, top={b"ro": 1})),
        (S, answer(num=700, samples=HASH * 20, interval=60)),
        (S, ERROR.replace(b"2:aa", b"2:zz")),
        (S, b"\x22\0" + bytes(18)),
    )
    assert nodes(found)[C] == DhtNode(
        id=ASKS.hex(), counts=(("sample_infohashes", 1),), read_only=True
    )
    assert nodes(found)[S] == DhtNode(
        id=ANSWERS.hex(),
        counts=(("answer", 1), ("error 201", 1), ("foreign", 1)),
        samples=20,
        stored=700,
        unasked=1,
    )


def test_where_nobody_reads_the_summary_its_kind_is_told():
    session = Session(Start("udp", START.client, START.server, read=lambda _tag, **_: False))
    session.feed(C, PING)
    assert session.end(C) == [DhtNode]
    assert session.end(S) == []


def test_swarms_are_estimated():
    """Witness: the filter of BEP 33 for 1256 addresses, whose estimate is 1224.9308."""
    inserted = [bytes([192, 0, 2, last]) for last in range(256)]
    inserted += [bytes.fromhex("20010db8") + bytes(10) + n.to_bytes(2) for n in range(0x3E8)]
    bits = bytearray(256)
    for octets in inserted:
        digest = hashlib.sha1(octets, usedforsecurity=False).digest()
        for at in (0, 2):
            index = (digest[at] | digest[at + 1] << 8) % 2048
            bits[index // 8] |= 1 << index % 8
    assert bits.hex().startswith("f6c3f5eaa07ffd91bde89f777f26fb2bff37bdb8")
    assert krpc.estimate(bytes(bits)) == 1225
    assert (krpc.estimate(bytes(256)), krpc.estimate(b""), krpc.estimate(b"\xff" * 256)) == (
        0,
        0,
        7806,
    )
    found = told(
        (C, query(b"get_peers", info_hash=HASH, scrape=1)),
        (S, answer(BFsd=bytes(bits), BFpe=bytes(256))),
    )
    assert kit.events(found, Swarm) == [Swarm(hash=HASH.hex(), seeds=1225, peers=0, estimated=True)]


def test_stored_items():
    """Witness: BEP 44's test vectors 1 and 3: the targets of a key with and without salt, and of
    the value `Hello World!`.
    """
    key = bytes.fromhex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548")
    common = {"k": key, "seq": 4, "sig": bytes(64), "token": b"x", "v": b"Hello World!"}
    plain, salted, fixed = (
        kit.events(told((C, query(b"put", **more))), DhtItem)[0]
        for more in (common, {**common, "salt": b"foobar"}, {"v": b"Hello World!", "token": b"x"})
    )
    assert plain.target == "4a533d47ec9c7d95b1ad75f576cffc641853b750"
    assert salted.target == "411eba73b6f087ca51a3795d9c8c938d365e32c1"
    assert fixed.target == "e5f96f6f38320f0f33959cb4d3d656452117aadb"
    assert (salted.action, salted.key, salted.salt, salted.sequence, salted.size, salted.value) == (
        "put",
        key.hex(),
        "foobar",
        4,
        12,
        "Hello World!",
    )
    target = bytes.fromhex(fixed.target)
    found = told(
        (C, query(b"get", target=target)), (S, answer(v=b"\0\1", token=b"t")), (C, query(b"get"))
    )
    assert [(item.action, item.target, item.value) for item in kit.events(found, DhtItem)] == [
        ("get", fixed.target, ""),
        ("found", fixed.target, "0001"),
    ]


# -- broken, lost, hostile -----------------------------------------------------------------------


def test_a_broken_message_is_told_once_a_side_and_another_protocol_s_never():
    found = told((C, PING), (C, PING[:-2]), (C, PING[:-2]), (S, b"\x22\0" + bytes(18)), (S, PONG))
    assert len(kit.events(found, Malformed)) == 1
    assert dict(nodes(found)[C].counts) == {"ping": 1, "foreign": 2}


def test_a_broken_message_after_many_names_is_told_once():
    names = [(C, query(b"n%d" % number)) for number in range(KINDS)]
    found = told(*names, (C, PING[:-2]), (C, PING[:-2]))
    assert len(kit.events(found, Malformed)) == 1
    assert dict(nodes(found)[C].counts)["other"] == 2


def test_a_datagram_cut_by_the_capture_is_a_gap():
    session = Session(START)
    assert session.gap(C, 40) == [Gap(size=40)]


def test_a_flow_is_left_alone_after_enough_datagrams():
    session = Session(START)
    for _ in range(ENOUGH - 1):
        session.feed(C, PING)
    assert not session.done
    session.feed(C, PING)
    assert session.done


def test_memory_is_bounded():
    session = Session(START)
    for number in range(3000):
        mark = number.to_bytes(4)
        session.feed(C, query(b"get_peers", mark, info_hash=mark * 5))
        session.feed(C, query(b"x%d" % number, mark))
        session.feed(S, answer(mark[::-1], values=[mark + b"\1\1"]))
    assert kit.footprint(session) < 1 << 20
    [node] = session.end(C)
    assert len(node.counts) == KINDS + 1
    assert sum(count for _, count in node.counts) == 6000
    assert (PENDING, REMEMBERED) == (64, 1024)


def test_of_a_question_only_what_its_answer_needs_is_kept():
    session = Session(START)
    for number in range(PENDING):
        mark = number.to_bytes(4)
        session.feed(C, query(b"get_peers", mark, info_hash=mark * 5, more=bytes(60_000)))
    assert kit.footprint(session) < 1 << 16


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.binary(max_size=60)
            | st.builds(
                lambda body, y, q: bencode.write(
                    {b"a": {b"id": ASKS, **body}, b"r": {b"id": ASKS, **body}, b"t": b"a",
                     b"q": q, b"y": y, b"ip": b"123456", b"e": [1, b""]}
                ),
                st.dictionaries(
                    st.sampled_from([b"info_hash", b"values", b"v", b"port", b"nodes", b"BFsd",
                                     b"target", b"k", b"num", b"n", b"salt", b"seq"]),
                    st.integers(-9, 70000) | st.binary(max_size=40) | st.just(HASH)
                    | st.lists(st.binary(max_size=18) | st.integers(), max_size=3),
                ),
                st.sampled_from([b"q", b"r", b"e"]),
                st.sampled_from([b"get_peers", b"announce_peer", b"put", b"get", b"ping"]),
            ),
        ),
        max_size=12,
    )
)  # fmt: skip
def test_any_datagrams_are_taken(steps):
    kit.check_garbage(lambda: Session(START), steps)


# -- real traffic --------------------------------------------------------------------------------


def test_the_recorded_session():
    """Witness: the log of libtorrent, from which the facts of the manifest are."""
    entries = yaml.safe_load((kit.EXAMPLES / "manifest.yaml").read_text())["captures"]
    [facts] = [entry["dht"] for entry in entries if entry["path"].endswith(RECORDED.name)]
    found, inside = [], "10.20.0.2"
    for flow in kit.claimed(RECORDED, recognise):
        found += kit.decode(Session(flow.start), flow.steps)
    addresses = {e.how: set() for e in kit.events(found, PeerAddress)}
    for event in kit.events(found, PeerAddress):
        addresses[event.how].add(f"{event.address}:{event.port}")
    assert addresses == {"seen-as": {facts["outside"]}, "announce-peer": set(facts["announced"])}
    assert facts["searched"] in {search.text for search in kit.events(found, Search)}
    hits = {f"{e.address}:{e.port}" for e in kit.events(found, SearchHit)}
    assert hits >= {facts["found"]}
    expected = {(e.address, e.port, e.source) for e in kit.effects(found, Expect)}
    assert ("192.0.2.20", 6881, inside) in expected
    items = [item for item in kit.events(found, DhtItem) if item.action != "get"]
    stored = {(i.target, i.value, i.key, i.sequence) for i in items}
    assert stored == {
        (i["target"], i["value"], i.get("key", ""), i.get("sequence", 0)) for i in facts["items"]
    }
    assert {item.salt for item in items} == {"", "harbour"}
    assert {(s.name, s.version) for s in kit.events(found, Software)} == {("libtorrent", "2.1.1")}


def test_the_golden_of_the_recorded_session():
    flow = kit.claimed(RECORDED, recognise)[0]
    kit.check_golden(
        Path(__file__).parent / "libtorrent_dht_nat-0.jsonl",
        kit.decode(Session(flow.start), flow.steps),
    )


@pytest.mark.skipif(not PUBLIC.exists(), reason="the corpus of public captures is not here")
def test_suricata_s_capture():
    """Witness: tshark reads 16 messages, two errors (201, 203) and one answer of two peers."""
    found = []
    for flow in kit.claimed(Path(PUBLIC / "bittorrent-dht.pcap"), recognise):
        found += kit.decode(Session(flow.start), flow.steps)
    counts = [dict(node.counts) for node in kit.events(found, DhtNode)]
    assert sum(sum(count.values()) for count in counts) == 16
    assert [name for count in counts for name in count if "error" in name] == [
        "error 201",
        "error 203",
    ]
    assert len(kit.events(found, SearchHit)) == 2
    assert {share.files[0].hash for share in kit.events(found, Share)} == {ANSWERS.hex()}
