"""Gnutella2: packets over TCP and UDP, built from two descriptions; the laws, and loss.

Real traffic is read in `tests/protocols/gnutella/test_public.py`, where the corpus is at hand.
"""

import struct
import zlib
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit
from tests.protocols.gnutella import build
from tests.protocols.gnutella.build import packet

from backchannel.effects import Expect
from backchannel.events import (
    Gap,
    Malformed,
    Peer,
    PeerAddress,
    Profile,
    Search,
    SearchHit,
    Software,
)
from backchannel.model import Claim, Side, Standing
from backchannel.protocols import Peek
from backchannel.protocols.gnutella.events import Messages, RouteTable
from backchannel.protocols.gnutella2 import tree
from backchannel.protocols.gnutella2.session import Session, recognise
from backchannel.reader import WireError

C, S = Side.CLIENT, Side.SERVER
SHAKEN = [(C, build.G2_CONNECT), (S, build.G2_OK), (C, build.G2_CONFIRM)]
SERVENT = build.SERVENT.hex()

LNI = packet(
    "LNI",
    packet("NA", payload=build.host("203.0.113.1", 6346)),
    packet("GU", payload=build.SERVENT),
    packet("V", payload=b"RAZA"),
    packet("LS", payload=struct.pack("<II", 300, 40_000)),
    packet("HS", payload=struct.pack("<HH", 12, 300)),
)
KHL = packet(
    "KHL",
    packet("TS", payload=struct.pack("<I", 1_600_000_000)),
    packet("NH", packet("HS", payload=b"\1\0\2\0"), payload=build.host("203.0.113.2", 6347)),
    packet(
        "NH", packet("NA", payload=build.host("203.0.113.3", 6348)), packet("V", payload=b"QAZA")
    ),
    packet("CH", packet("V", payload=b"RAZA"), payload=build.host("203.0.113.4", 6349) + b"time"),
)
Q2 = packet(
    "Q2",
    packet("UDP", payload=build.host("203.0.113.5", 6350) + b"key!"),
    packet("DN", payload=b"annual report\0"),
    packet("URN", payload=b"sha1\0" + build.SHA1),
    packet("MD", payload=b"<audio/>"),
    packet("SZR", payload=struct.pack("<II", 5, 900)),
    packet("I", payload=b"URL\0DN\0"),
    packet("NAT"),
    payload=build.GUID,
)
FILE = packet(
    "H",
    packet("URN", payload=b"ed2k\0" + bytes(range(16))),
    packet("URN", payload=b"bp\0" + build.SHA1 + b"t" * 24),
    packet("URL"),
    packet("DN", payload=struct.pack("<I", 1400) + b"report.pdf"),
    packet("ID", payload=struct.pack("<I", 7)),
)
LARGE = packet(
    "H",
    packet("SZ", payload=struct.pack("<Q", 5 << 32)),
    packet("DN", payload=b"movie.avi"),
    packet("URN", payload=b"sha1\0" + build.SHA1),
)
QH2 = packet(
    "QH2",
    packet("GU", payload=build.SERVENT),
    packet("NA", payload=build.host("203.0.113.6", 6351)),
    packet("V", payload=b"RAZA"),
    packet("FW"),
    packet("BH"),
    packet("UPRO", packet("NICK", payload=b"nobody")),
    packet("NH", payload=build.host("203.0.113.7", 6352)),
    FILE,
    LARGE,
    payload=b"\2" + build.GUID,
)
PUSH = packet("PUSH", packet("TO", payload=build.SERVENT), payload=build.host("203.0.113.8", 6353))
QA = packet(
    "QA",
    packet("D", payload=build.host("203.0.113.9", 6354) + b"\5\0"),
    packet("S", payload=build.host("203.0.113.10", 6355) + b"time"),
    packet("FR", payload=build.host("203.0.113.11", 6356)),
    payload=build.GUID,
)
HAW = packet(
    "HAW",
    packet("NA", payload=build.host("203.0.113.12", 6357)),
    packet("V", payload=b"RAZA"),
    payload=b"\x64\0" + build.GUID,
)
ALL = LNI + KHL + packet("PI") + packet("PO") + Q2 + QH2 + PUSH + QA + HAW


def tell(*parts: bytes):
    return kit.decode(Session(build.TCP), [*SHAKEN, (S, b"".join(parts))])


def only(kind, *parts: bytes):
    return kit.events(tell(*parts), kind)


# -- packets -------------------------------------------------------------------------------------


def test_witness_the_ping_that_shareaza_sends_byte_for_byte():
    """From a public capture: control 48, a length byte of zero, the name; nothing else."""
    assert tree.read_packets(bytes.fromhex("48005049")) == [tree.Packet("PI", False, b"")]


def test_witness_the_frame_of_the_standard():
    """A compound packet whose only child has no length byte, and a payload behind the end mark."""
    data = bytes.fromhex("54 09 514832 14 4257 58 00 0102030405".replace(" ", ""))
    [root] = tree.read_packets(data[:-1])
    children, payload = tree.open_packet(root)
    assert root.name == "QH2"
    assert children == [tree.Packet("BWX", True, b"")]
    assert payload == bytes.fromhex("01020304")


def test_a_local_node_tells_address_files_and_program():
    told = tell(LNI)
    assert kit.events(told, Peer) == [
        Peer(
            address="203.0.113.1",
            port=6346,
            role="hub",
            software="Shareaza",
            files=300,
            kilobytes=40_000,
        )
    ]
    assert Software(name="Shareaza", role="peer", account=SERVENT) in kit.events(told, Software)
    own = [a for a in kit.events(told, PeerAddress) if a.how == "local-node"]
    assert [(a.address, a.port, a.account) for a in own] == [("203.0.113.1", 6346, SERVENT)]


def test_hubs_that_are_known():
    assert [(p.address, p.port, p.role, p.software) for p in only(Peer, KHL)] == [
        ("203.0.113.2", 6347, "hub", ""),
        ("203.0.113.3", 6348, "hub", "Quazaa"),
        ("203.0.113.4", 6349, "hub", "Shareaza"),
    ]
    seen = packet("KHLA", packet("YOURIP", payload=bytes([198, 51, 100, 1])))
    disclosed = [(a.how, a.address) for a in only(PeerAddress, seen)]
    assert disclosed[-1] == ("remote-ip", "198.51.100.1")


def test_a_search_tells_words_hash_wishes_and_where_to_answer():
    told = tell(Q2)
    detail = "<audio/>, 5 to 900 bytes, firewalled"
    assert kit.events(told, Search) == [
        Search(text="annual report", id=build.GUID.hex(), detail=detail),
        Search(text=build.URN.decode(), id=build.GUID.hex(), detail=detail),
    ]
    answer_to = kit.events(told, PeerAddress)[-1]
    assert (answer_to.how, answer_to.address, answer_to.port, answer_to.transport) == (
        "query",
        "203.0.113.5",
        6350,
        "udp",
    )


def test_a_hit_tells_files_and_who_has_them():
    told = tell(QH2)
    [found] = kit.events(told, SearchHit)
    assert (found.owner, found.address, found.port, found.id, found.detail) == (
        SERVENT,
        "203.0.113.6",
        6351,
        build.GUID.hex(),
        "Shareaza, firewalled, browsable",
    )
    assert [(file.name, file.size) for file in found.files] == [
        ("report.pdf", 1400),
        ("movie.avi", 5 << 32),
    ]
    assert found.files[0].hash.startswith("urn:bitprint:" + build.URN.decode()[9:])
    assert found.files[0].detail == f"urn:ed2k:{bytes(range(16)).hex()}, index 7"
    assert found.files[1].hash == build.URN.decode()
    assert [p.nickname for p in kit.events(told, Profile)] == ["nobody"]
    assert [(a.how, a.address) for a in kit.events(told, PeerAddress)][-2:] == [
        ("query-hit", "203.0.113.6"),
        ("push-proxy", "203.0.113.7"),
    ]


@pytest.mark.parametrize(
    ("status", "detail"), [(1, "firewalled"), (2, "busy"), (7, "firewalled, busy"), (4, "")]
)
def test_a_hit_of_early_shareaza_tells_its_state_in_one_byte(status, detail):
    """Shareaza, QueryHit.cpp and G2Packet.h: SS holds push 1, busy 2 and stable 4."""
    hit = packet(
        "QH2",
        packet("GU", payload=build.SERVENT),
        packet("SS", payload=bytes([status])),
        packet("H", packet("DN", payload=b"\5\0\0\0a.txt")),
        payload=b"\1" + build.GUID,
    )
    told = kit.decode(Session(build.TCP), [*SHAKEN, (S, hit)])
    assert [found.detail for found in kit.events(told, SearchHit)] == [detail]


def test_a_push_announces_a_connection():
    [announced] = kit.effects(tell(PUSH), Expect)
    assert (announced.address, announced.port, announced.accounts) == (
        "203.0.113.8",
        6353,
        (SERVENT,),
    )


def test_acknowledged_searches_advertisements_and_crawls_name_hubs():
    node = packet("NA", payload=build.host("203.0.113.13", 6358))
    leaf = packet("NL", packet("NA", payload=build.host("203.0.113.14", 6359)))
    crawl = packet("CRAWLA", packet("SELF", node, packet("V", payload=b"RAZA")), leaf)
    assert [(p.address, p.role) for p in only(Peer, QA, HAW, crawl)] == [
        ("203.0.113.9", "hub"),
        ("203.0.113.10", "hub"),
        ("203.0.113.11", "hub"),
        ("203.0.113.12", "hub"),
        ("203.0.113.13", "hub"),
        ("203.0.113.14", "leaf"),
    ]


def test_pings_and_key_requests_say_where_to_answer():
    ping = packet("PI", packet("UDP", payload=build.host("203.0.113.15", 6360)))
    key = packet("QKR", packet("RNA", payload=build.host("203.0.113.16", 6361)))
    found = [(a.how, a.address, a.transport) for a in only(PeerAddress, ping, key)]
    assert found[-2:] == [
        ("ping", "203.0.113.15", "udp"),
        ("query-key-request", "203.0.113.16", "udp"),
    ]


def test_a_profile_names_its_user():
    xml = b'<?xml version="1.0"?><gProfile><identity><handle primary="ann"/></identity></gProfile>'
    [profile] = only(Profile, packet("UPROD", packet("XML", payload=xml)))
    assert (profile.account, profile.nickname, profile.text) == ("ann", "ann", xml.decode())


def test_both_address_families_in_one_field():
    both = build.host("203.0.113.20", 6346) + build.host("2001:db8::20", 6347)
    wide = ip_address("2001:db8::21").packed + struct.pack("<H", 6348)
    nodes = packet("HAW", packet("NA", payload=both)), packet("HAW", packet("NA", payload=wide))
    later = build.host("2001:db8::22", 6349) + b"time"
    mixed = build.host("203.0.113.23", 6350) + b"time" + build.host("2001:db8::23", 6351)
    known = packet("KHL", packet("CH", packet("V", payload=b"RAZA"), payload=later))
    timed = packet("KHL", packet("CH", packet("V", payload=b"RAZA"), payload=mixed + b"time"))
    assert [(p.address, p.port) for p in only(Peer, *nodes, known, timed)] == [
        ("203.0.113.20", 6346),
        ("2001:db8::20", 6347),
        ("2001:db8::21", 6348),
        ("2001:db8::22", 6349),
        ("203.0.113.23", 6350),
        ("2001:db8::23", 6351),
    ]


def test_a_query_hash_table_has_patches_of_one_bit():
    table = bytearray(1 << 17)
    table[3], table[70_000] = 0x81, 0x10
    packed = zlib.compress(bytes(table))
    reset = packet("QHT", payload=b"\0" + struct.pack("<IB", 1 << 20, 1))
    patch = packet("QHT", payload=b"\1\1\1\1\1" + packed)
    assert only(RouteTable, reset, patch) == [
        RouteTable(slots=1 << 20, changed=3, patches=1, octets=len(packed))
    ]


# -- UDP -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("deflate", [False, True])
def test_parts_in_any_order_make_a_packet(deflate):
    many = packet("QH2", packet("GU", payload=build.SERVENT), *[FILE] * 40, payload=b"\0" * 17)
    parts = build.layered(many, deflate=deflate, size=100 if deflate else 400)
    acknowledgement = parts[0][:3] + b"\3" + parts[0][4:6] + b"\1\0"
    steps = [(C, part) for part in reversed(parts)] + [(S, acknowledgement), (C, parts[0])]
    session = Session(build.UDP)
    told = kit.decode(session, steps)
    [found] = kit.events(told, SearchHit)
    assert len(found.files) == 40
    assert session.standing is Standing.PARSED
    assert not kit.events(told, Malformed)
    [client, server] = kit.events(told, Messages)
    assert client.counts == (("QH2", 1), ("part", len(parts) + 1))
    assert server.counts == (("acknowledgement", 1),)


def test_a_repeated_datagram_is_told_once():
    [once] = build.layered(QH2)
    told = kit.decode(Session(build.UDP), [(C, once), (C, once), (S, once)])
    assert [side for side, value in told if isinstance(value, SearchHit)] == [C, S]


def test_datagrams_are_recognised_whatever_their_port():
    for payload in (Q2, LNI, KHL):
        for deflate in (False, True):
            [data] = build.layered(payload, deflate=deflate, size=5000)
            assert isinstance(recognise(Peek("udp", data, b"", True, build.UDP)), Claim)
            assert recognise(Peek("udp", data[:-1], b"", True, build.UDP)) is None
            assert recognise(Peek("udp", b"GNE" + data[3:], b"", True, build.UDP)) is None
    flags = b"GND\x0c" + build.layered(Q2)[0][4:]
    assert recognise(Peek("udp", flags, b"", True, build.UDP)) is None
    assert recognise(Peek("udp", b"GND\0\0\1\2\1" + Q2, b"", True, build.UDP)) is None


def test_both_networks_share_a_port():
    """Servents that speak both send both on one flow; what came first named it."""
    [second] = build.layered(Q2)
    first = build.query(b"annual report")
    seen = Peek("udp", second, first, True, build.UDP)
    assert isinstance(recognise(seen), Claim)
    told = kit.decode(Session(build.UDP), [(C, second), (S, first)])
    assert [search.text for search in kit.events(told, Search)] == [
        "annual report",
        build.URN.decode(),
        "annual report",
    ]


def test_a_payload_that_expands_without_end_is_refused():
    [bomb] = build.layered(bytes(1 << 20), deflate=True, size=5000, sequence=2)
    told = kit.decode(Session(build.UDP), [(C, build.layered(Q2)[0]), (C, bomb)])
    assert "expand beyond" in kit.events(told, Malformed)[0].reason


# -- laws and loss -------------------------------------------------------------------------------

G2_DEFLATE = build.G2_OK.replace(b"\r\n\r\n", b"\r\nContent-Encoding: deflate\r\n\r\n")
PLAIN = [*SHAKEN, (S, ALL), (C, LNI)]
DEFLATED = [SHAKEN[0], (S, G2_DEFLATE + zlib.compress(ALL)), SHAKEN[2], (C, LNI)]


def test_deflated_and_plain_tell_the_same():
    told = [
        [value for _, value in kit.decode(Session(build.TCP), steps)] for steps in (PLAIN, DEFLATED)
    ]
    assert {type(value).__name__ for value in told[0]} >= {"Peer", "Search", "SearchHit"}
    kinds = [sorted(type(value).__name__ for value in values) for values in told]
    assert kinds[0] == kinds[1]


@pytest.mark.parametrize("steps", [PLAIN, DEFLATED], ids=["plain", "deflated"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 12, 64, 97])
def test_segmentation_changes_nothing(steps, size):
    kit.check_segmentation(lambda: Session(build.TCP), steps, size)


names = st.sampled_from(
    ["LNI", "KHL", "Q2", "QH2", "QA", "HAW", "PUSH", "PI", "QKR", "UPROD", "CRAWLA", "QHT", "XYZ"]
)
children = st.recursive(
    st.builds(
        lambda name, payload: packet(name, payload=payload),
        st.sampled_from(
            [
                "NA",
                "GU",
                "V",
                "LS",
                "H",
                "DN",
                "URN",
                "SZ",
                "NH",
                "CH",
                "UDP",
                "TO",
                "D",
                "UPRO",
                "NICK",
            ]
        ),
        st.binary(max_size=30),
    ),
    lambda inner: st.builds(
        lambda name, parts: packet(name, *parts),
        st.sampled_from(["H", "NH", "UPRO"]),
        st.lists(inner),
    ),
    max_leaves=6,
)
packets = st.builds(
    lambda name, parts, payload: packet(name, *parts, payload=payload),
    names,
    st.lists(children, max_size=4),
    st.binary(max_size=40),
)


@given(st.lists(st.tuples(st.sampled_from(Side), packets | st.binary(max_size=60)), max_size=20))
@settings(max_examples=300)
def test_garbage_is_reported_never_raised(chunks):
    kit.check_garbage(lambda: Session(build.TCP), [*SHAKEN, *chunks])


datagrams = st.builds(
    lambda head, data: b"GND" + head + data, st.binary(min_size=5, max_size=5), packets
)


@given(st.lists(st.tuples(st.sampled_from(Side), datagrams | st.binary(max_size=60)), max_size=20))
@settings(max_examples=200)
def test_garbage_in_datagrams_is_reported_never_raised(chunks):
    kit.check_garbage(lambda: Session(build.UDP), chunks)


@given(st.lists(packets, min_size=1, max_size=6), st.integers(0, 400), st.integers(1, 255))
@settings(max_examples=150)
def test_segmentation_changes_nothing_of_damaged_streams(parts, at, flip):
    data = bytearray(b"".join(parts))
    data[at % len(data)] ^= flip
    kit.check_segmentation(lambda: Session(build.TCP), [*SHAKEN, (S, bytes(data))], 3)


def test_a_broken_packet_costs_only_itself():
    broken = packet("QH2", payload=b"short") + bytes([0x54, 3]) + b"QH2" + b"\xff\xff\xff"
    told = tell(broken, Q2)
    assert len(kit.events(told, Malformed)) == 2
    assert len(kit.events(told, Search)) == 2


def test_lost_framing_is_said_once_then_silence_until_a_gap():
    for lost in (b"\x02\x01", b"\x40\x00!", b"\xc0\xff\xff\xffA"):
        session = Session(build.TCP)
        told = kit.decode(session, [*SHAKEN, (S, lost), (S, ALL)], ends=False)
        assert len(kit.events(told, Malformed)) == 1
        assert not kit.events(told, Search)
        back = session.gap(S, 7) + session.feed(S, b"lost" + ALL)
        assert back[0] == Gap(size=7)
        assert [value.text for value in back if isinstance(value, Search)][:1] == ["annual report"]


@given(st.integers(1, 30), st.binary(max_size=40))
@settings(max_examples=100)
def test_segmentation_changes_nothing_behind_a_gap(size, lost):
    """Also where the first place that fits is known only once more has come."""
    start = b"\x80\x10\0Q2" + lost + LNI[:9] + KHL + Q2
    steps = [*SHAKEN, (S, 5), (S, start)]
    kit.check_segmentation(lambda: Session(build.TCP), steps, size)


def test_a_packet_that_claims_too_much_is_refused():
    told = tell(b"\xd0" + (300_000).to_bytes(3, "little") + b"QH2")
    assert [value.reason for value in kit.events(told, Malformed)] == ["packet claims 300000 bytes"]


def test_memory_stays_bounded_by_one_packet():
    session = Session(build.TCP)
    kit.decode(session, SHAKEN, ends=False)
    session.feed(S, b"\xd0" + (262_144).to_bytes(3, "little") + b"QH2" + bytes(262_000))
    assert kit.footprint(session) < 300_000


def test_children_without_end_are_bounded():
    many = packet("QH2", *[packet("NH")] * 10_000)
    children, _ = tree.open_packet(tree.read_packets(many)[0])
    assert len(children) == tree.MAX_CHILDREN
    with pytest.raises(WireError):
        tree.open_packet(tree.Packet("H", True, b"\x40"))


def test_big_endian_packets_are_not_spoken():
    with pytest.raises(WireError):
        tree.read_packets(b"\x4a\x01PI\0")
