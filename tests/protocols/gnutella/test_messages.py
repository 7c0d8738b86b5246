"""Gnutella messages of every kind, over TCP and UDP, built from their descriptions."""

import struct
import zlib
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.protocols.gnutella import build

from backchannel.effects import Expect
from backchannel.events import Malformed, Peer, PeerAddress, Search, SearchHit, SignOff
from backchannel.model import Claim, Side, Standing
from backchannel.protocols import Peek
from backchannel.protocols.gnutella import ggep, plausible, wire
from backchannel.protocols.gnutella.events import Messages, VendorMessage
from backchannel.protocols.gnutella.session import Session, recognise
from backchannel.reader import WireError

C, S = Side.CLIENT, Side.SERVER
SHAKEN = [(C, build.CONNECT), (S, build.OK), (C, build.CONFIRM)]


def tell(*parts: bytes):
    """What the server's messages mean."""
    return kit.decode(Session(build.TCP), [*SHAKEN, (S, b"".join(parts))])


def only(kind, *parts: bytes):
    return kit.events(tell(*parts), kind)


def datagrams(*parts: bytes):
    return kit.decode(Session(build.UDP), [(S, part) for part in parts])


@given(
    guid=st.just(bytes(range(16))) | st.binary(min_size=16, max_size=16),
    kind=st.sampled_from([*wire.NAMES, 0x03, 0xFF]),
    way=st.binary(min_size=2, max_size=2) | st.just(bytes((3, 2))),
    body=st.binary(max_size=30),
    size=st.sampled_from([None, 0, 200, 1 << 20]),
)
def test_what_may_not_begin_is_no_message_of_a_stream(guid, kind, way, body, size):
    counted = len(body) if size is None else size
    data = guid + bytes([kind]) + way + counted.to_bytes(4, "little") + body
    if plausible.count_messages(data) >= 0:
        assert recognise(Peek("tcp", data, b"", False, build.TCP)) is not None


# -- pongs ---------------------------------------------------------------------------------------


def test_a_pong_is_a_peer_with_its_files():
    extra = build.ggep(("VC", b"LIME\x48"), ("UP", b"\x01\x0a\x02"), ("GUE", b"\x02"))
    [peer] = only(Peer, build.pong("203.0.113.5", 6348, 12, 3400, extra))
    assert peer == Peer(
        address="203.0.113.5",
        port=6348,
        role="ultrapeer",
        software="LimeWire 4.8",
        files=12,
        kilobytes=3400,
    )


def test_pongs_carry_a_host_cache():
    extra = build.ggep(
        ("IPP", build.host("203.0.113.1", 1) + build.host("203.0.113.2", 6346) + b"cut"),
        ("IPP6", build.host("2001:db8::1", 6347)),
        ("DHTIPP", build.host("203.0.113.3", 6348)),
        ("PHC", b"cache.example.com:9999\nother.example.com&x=1"),
        ("IP", build.host("198.51.100.1", 40000)),
    )
    told = tell(build.pong("127.0.0.0", 6346, extra=extra))
    assert [(peer.address, peer.port, peer.role) for peer in kit.events(told, Peer)] == [
        ("203.0.113.1", 1, ""),
        ("203.0.113.2", 6346, ""),
        ("2001:db8::1", 6347, ""),
        ("203.0.113.3", 6348, "dht"),
        ("cache.example.com", 9999, "host-cache"),
        ("other.example.com", 6346, "host-cache"),
    ]
    [seen] = kit.events(told, PeerAddress)
    assert (seen.how, seen.address, seen.port) == ("pong-ip", "198.51.100.1", 40000)


def test_a_peer_is_told_once():
    pong = build.pong("203.0.113.5", 6348, 12, 3400)
    assert len(only(Peer, pong, pong, build.pong("203.0.113.6", 6348))) == 2


def test_a_servent_with_ipv6_alone_gives_it_in_ggep():
    six = build.ggep(("6", ip_address("2001:db8::7").packed))
    [peer] = only(Peer, build.pong("127.0.0.0", 6346, extra=six))
    assert (peer.address, peer.port) == ("2001:db8::7", 6346)
    assert not only(Peer, build.pong("0.0.0.0", 0))


# -- queries -------------------------------------------------------------------------------------


def test_queries_ask_for_words_hashes_and_metadata():
    assert only(Search, build.query(b"annual report", flags=0x00C8)) == [
        Search(text="annual report", id=build.GUID.hex(), detail="1 hops")
    ]
    by_hash = only(Search, build.query(b"", b"urn:\x1c" + build.URN + b"\0"))
    assert [search.text for search in by_hash] == [build.URN.decode()]
    short = build.ggep(("H", b"\x01" + build.SHA1), ("u", b"sha1:ABC234"))
    both = only(Search, build.query(b"song", short))
    assert [search.text for search in both] == ["song", "urn:sha1:ABC234", build.URN.decode()]
    rich = only(Search, build.query(b"", b'<?xml version="1.0"?><audios><audio title="x"/>'))
    assert rich[0].text.endswith('<audio title="x"/>')
    long = only(Search, build.query(b"", build.ggep(("XQ", b"words beyond the limit"))))
    assert [search.text for search in long] == ["words beyond the limit"]


def test_flags_of_a_query_are_named():
    extra = build.ggep(("M", b"\x0c"), ("QK", b"key!"), ("WH", b"\x01"))
    [search] = only(Search, build.query(b"new", extra, flags=0xF600, hops=3))
    assert search.detail == (
        "firewalled, wants metadata, leaf-guided, out-of-band, firewall-to-firewall, "
        "audio, video, what is new, GUESS, 3 hops"
    )


def test_out_of_band_queries_tell_the_asker_s_address():
    """The first four bytes of the id and bytes 13 and 14, as the proposal says."""
    guid = ip_address("203.0.113.77").packed + b"123456789" + struct.pack("<H", 6350) + b"\0"
    told = tell(build.query(b"song", flags=0x8400, guid=guid))
    [address] = kit.events(told, PeerAddress)
    assert (address.how, address.address, address.port, address.transport) == (
        "out-of-band-query",
        "203.0.113.77",
        6350,
        "udp",
    )
    assert not only(PeerAddress, build.query(b"song", flags=0x0400, guid=guid))


# -- query hits ----------------------------------------------------------------------------------


def test_a_hit_names_files_hashes_and_the_servent():
    results = (
        build.result(1, 9, b"report.pdf", build.URN + b"\x1curn:md5:x"),
        build.result(7, 0xFFFFFFFF, b"movie.avi", build.ggep(("LF", b"\0\0\0\0\2"), cobs=True)),
        build.result(
            3, 5, b"other", build.ggep(("H", b"\x02" + build.SHA1 + b"t" * 24), cobs=True)
        ),
        build.result(4, 6, "naïve.txt".encode()),
    )
    [found] = only(SearchHit, build.hit(*results))
    assert (found.owner, found.address, found.port, found.id) == (
        build.SERVENT.hex(),
        "198.51.100.7",
        6346,
        build.GUID.hex(),
    )
    assert [(file.name, file.size, file.detail) for file in found.files] == [
        ("report.pdf", 9, "index 1"),
        ("movie.avi", 2 << 32, "index 7"),
        ("other", 5, "index 3"),
        ("naïve.txt", 6, "index 4"),
    ]
    assert found.files[0].hash == build.URN.decode()
    assert found.files[2].hash.startswith("urn:bitprint:" + build.URN.decode()[9:] + ".")
    assert ggep.sha1_of(found.files[2].hash) == build.SHA1.hex()


@pytest.mark.parametrize(
    ("trailer", "detail"),
    [
        (b"", ""),
        (b"BEAR\x01\x05", "BearShare, firewalled, busy"),
        (b"BEAR\x01\x2c", "BearShare, busy"),
        # The second byte says that push holds, the first its value; busy the other way round.
        (b"LIME\x02\x05\x05", "LimeWire, firewalled, busy"),
        (b"LIME\x02\x04\x01", "LimeWire"),
        (b"LIME\x02\x0c\x0d", "LimeWire, busy, has uploaded"),
        (b"LIME\x04\x01\x01\x05\x00\x01<x/>\x00", "LimeWire, firewalled, metadata"),
        (b"XXXX\x02\x00\x00", "XXXX"),
        (b"\x01\x02\x03\x04\x02\x00\x00", ""),
    ],
)
def test_the_trailer_tells_program_and_flags(trailer, detail):
    [found] = only(SearchHit, build.hit(build.result(1, 2, b"a.txt"), trailer=trailer))
    assert found.detail == detail


def test_private_data_of_a_hit_tell_push_proxies_and_other_sources():
    private = build.ggep(
        ("PUSH", build.host("203.0.113.8", 6346)),
        ("PUSH6", build.host("2001:db8::8", 6347)),
        ("BH", b""),
        ("TLS", b""),
        ("HNAME", b"servent.example.com"),
        ("GTKGV", b"\x01\x01\x02\x03"),
    )
    alternates = build.ggep(("ALT", build.host("203.0.113.9", 6348)), cobs=True)
    trailer = b"GTKG\x02\x3d\x20\x01" + private
    told = tell(build.hit(build.result(1, 2, b"a.txt", alternates), trailer=trailer))
    [found] = kit.events(told, SearchHit)
    assert found.detail == ("gtk-gnutella, browsable, TLS, host servent.example.com, version 1.2.3")
    assert [(a.how, a.address, a.port, a.account) for a in kit.events(told, PeerAddress)] == [
        ("query-hit", "198.51.100.7", 6346, build.SERVENT.hex()),
        ("push-proxy", "203.0.113.8", 6346, build.SERVENT.hex()),
        ("push-proxy", "2001:db8::8", 6347, build.SERVENT.hex()),
        ("alternate", "203.0.113.9", 6348, ""),
    ]


def test_a_hit_that_is_cut_is_malformed():
    whole = build.hit(build.result(1, 2, b"a.txt"), trailer=b"")
    body = whole[23:]
    lies = bytes([9]) + body[1:]
    told = tell(build.message(0x81, lies), build.message(0x81, b"short"))
    assert [value.reason for value in kit.events(told, Malformed)] == [
        "query-hit: result of a query hit cut at 26",
        "query-hit: query hit of 5 bytes",
    ]


# -- pushes, byes, vendors -----------------------------------------------------------------------


def test_a_push_discloses_an_address_and_announces_a_connection():
    told = tell(build.push("203.0.113.9", 6349, 5))
    [address] = kit.events(told, PeerAddress)
    assert (address.how, address.address, address.port) == ("push", "203.0.113.9", 6349)
    [announced] = kit.effects(told, Expect)
    assert (announced.protocol, announced.address, announced.port) == (
        "gnutella",
        "203.0.113.9",
        6349,
    )
    assert announced.accounts == (build.SERVENT.hex(),)
    six = build.ggep(("6", ip_address("2001:db8::9").packed))
    [wide] = kit.effects(tell(build.push("127.0.0.0", 6349, extra=six)), Expect)
    assert wide.address == "2001:db8::9"
    assert not kit.effects(tell(build.push("203.0.113.9", 0)), Expect)


def test_a_bye_says_why():
    text = b"502 is in the number\r\nServer: x/1\r\n\r\n"
    body = struct.pack("<H", 502) + b"Send Queue Full\r\n" + text
    assert only(SignOff, build.message(0x02, body, ttl=1, hops=0)) == [
        SignOff(account="", reason="502 Send Queue Full")
    ]


def test_vendor_messages_are_named_and_their_addresses_told():
    pong2 = build.ggep(("C", b"\x01"), ("A", build.host("203.0.113.15", 6346)))
    pong1 = b"\x03\x02LIME\x00\x00\x08" + bytes(8) + b"\x00\x06" + build.host("203.0.113.16", 5)
    crawled = b"\x01\x01\x01" + build.host("203.0.113.13", 1) + b"tt"
    crawled += build.host("203.0.113.14", 2) + b"tt"
    told = tell(
        build.vendor(b"BEAR", 7, 1, struct.pack("<H", 6350)),
        build.vendor(b"LIME", 7, 1, build.host("203.0.113.11", 6346)),
        build.vendor(b"LIME", 22, 2, build.host("203.0.113.12", 6346), guid=build.SERVENT),
        build.vendor(b"LIME", 12, 2, b"\x07\x01"),
        build.vendor(b"LIME", 6, 1, crawled),
        build.vendor(b"LIME", 23, 1, b"\x13" + build.URN),
        build.vendor(b"LIME", 24, 2, pong2),
        build.vendor(b"LIME", 24, 1, pong1),
        build.vendor(b"LIME", 24, 1, b"\0\0"),
        build.vendor(bytes(4), 0, 0, b"\0\0"),
        build.vendor(b"ABCD", 300, 9),
    )
    assert [(v.code, v.meaning, v.detail) for v in kit.events(told, VendorMessage)] == [
        ("BEAR/7v1", "TCP connect back", "port 6350"),
        ("LIME/7v1", "TCP connect back redirect", ""),
        ("LIME/22v2", "push proxy acknowledgement", ""),
        ("LIME/12v2", "out-of-band reply indication", f"7 results for {build.GUID.hex()}"),
        ("LIME/6v1", "UDP crawler pong", "1 ultrapeers, 1 leaves"),
        ("LIME/23v1", "head ping", build.URN.decode()),
        ("LIME/24v2", "head pong", "whole file"),
        ("LIME/24v1", "head pong", "part of file"),
        ("LIME/24v1", "head pong", "file not found"),
        ("NULL/0v0", "messages supported", ""),
        ("ABCD/300v9", "", ""),
    ]
    assert [(a.how, a.address) for a in kit.events(told, PeerAddress)] == [
        ("connect-back", "203.0.113.11"),
        ("push-proxy", "203.0.113.12"),
        ("alternate", "203.0.113.15"),
        ("alternate", "203.0.113.16"),
    ]
    assert [(p.address, p.role) for p in kit.events(told, Peer)] == [
        ("203.0.113.13", "ultrapeer"),
        ("203.0.113.14", "leaf"),
    ]


BEHIND = (
    b"\x8a"  # two proxies, transfers between firewalls of version 1, TLS
    + build.SERVENT
    + build.host("203.0.113.20", 6350)
    + b"\x80"
    + build.host("203.0.113.21", 6351)
    + build.host("203.0.113.22", 6352)
    + b"\x01"
    + build.GUID
    + build.host("203.0.113.23", 6353)
)


@pytest.mark.parametrize(
    ("version", "body", "detail"),
    [
        (
            1,
            b"\x07\x05LIME\x00\x00"
            + bytes([len(BEHIND)])
            + BEHIND
            + b"\x00\x06"
            + build.host("203.0.113.24", 6354),
            "whole file, firewalled",
        ),
        (
            1,
            b"\x07\x0aLIME\x00\x00\x08"
            + bytes(8)
            + b"\x00"
            + bytes([len(BEHIND)])
            + BEHIND
            + b"\x00\x06"
            + build.host("203.0.113.24", 6354),
            "part of file, downloading",
        ),
        (
            2,
            build.ggep(
                ("C", b"\x01"),
                ("V", b"LIME"),
                ("P", BEHIND),
                ("A", build.host("203.0.113.24", 6354)),
            ),
            "whole file",
        ),
    ],
)
def test_a_head_pong_tells_who_has_the_file(version, body, detail):
    """LimeWire, HeadPongImpl and PushEndpointFactoryImpl: no ranges of a whole file, though the
    first byte, an echo of what was asked, says so; addresses behind push proxies.
    """
    told = tell(build.vendor(b"LIME", 24, version, body))
    assert [message.detail for message in kit.events(told, VendorMessage)] == [detail]
    servent, other = build.SERVENT.hex(), build.GUID.hex()
    assert [(a.how, a.address, a.port, a.account) for a in kit.events(told, PeerAddress)] == [
        ("alternate", "203.0.113.24", 6354, ""),
        ("firewalled", "203.0.113.20", 6350, servent),
        ("push-proxy", "203.0.113.21", 6351, servent),
        ("push-proxy", "203.0.113.22", 6352, servent),
        ("push-proxy", "203.0.113.23", 6353, other),
    ]
    assert not kit.events(told, Malformed)


def test_a_head_pong_of_a_file_that_is_not_there():
    missing = build.vendor(b"LIME", 24, 2, build.ggep(("C", b"\0")))
    assert [message.detail for message in only(VendorMessage, missing)] == ["file not found"]


def test_housekeeping_is_told_once():
    flow = build.vendor(b"BEAR", 4, 1, b"\x05")
    assert len(only(VendorMessage, flow, flow, flow)) == 1


# -- UDP -----------------------------------------------------------------------------------------


def test_a_guess_query_and_its_out_of_band_answer():
    """The query, the indication, the claim, and a hit that was compressed for UDP."""
    found = build.hit(build.result(1, 9, b"report.pdf"))
    packed = zlib.compress(found[23:])
    deflated = build.message(0x81, packed, ttl=0x81, hops=0)
    told = datagrams(
        build.query(b"report", build.ggep(("QK", b"\1\2\3\4"), ("SCP", b""), ("Z", b""))),
        build.vendor(b"LIME", 12, 2, b"\x01\x01"),
        build.vendor(b"LIME", 11, 3, b"\x01" + build.ggep(("SO", b"token"))),
        deflated,
    )
    assert [type(value).__name__ for _, value in told] == [
        "Search",
        "VendorMessage",
        "VendorMessage",
        "SearchHit",
        "PeerAddress",
        "Messages",
    ]
    assert kit.events(told, Messages)[0].counts == (("query", 1), ("query-hit", 1), ("vendor", 2))


def test_the_host_cache_s_ping_and_pong_are_recognised():
    ping = build.message(0x00, build.ggep(("SCP", b"\x01")), ttl=1, hops=0)
    packed = b"".join(build.host(f"203.0.113.{n}", 6346) for n in range(1, 20))
    pong = build.pong("203.0.113.100", 9999, extra=build.ggep(("UDPHC", b""), ("IPP", packed)))
    seen = Peek("udp", ping, pong, True, build.UDP)
    assert isinstance(recognise(seen), Claim)
    told = kit.decode(Session(build.UDP), [(C, ping), (S, pong)])
    assert len(kit.events(told, Peer)) == 20


def test_a_host_cache_says_so_and_may_go_by_a_name():
    """LimeWire, PingReplyImpl: `UDPHC` marks a UDP host cache and holds its name, or nothing."""
    nameless = build.pong("203.0.113.100", 9999, extra=build.ggep(("UDPHC", b"")))
    named = build.pong("203.0.113.101", 9998, extra=build.ggep(("UDPHC", b"uhc.example.org")))
    assert only(Peer, nameless, named) == [
        Peer(address="203.0.113.100", port=9999, role="host-cache"),
        Peer(address="203.0.113.101", port=9998, role="host-cache"),
        Peer(address="uhc.example.org", port=9998, role="host-cache"),
    ]


def test_a_deflated_body_that_expands_without_end_is_refused():
    bomb = build.message(0x81, zlib.compress(bytes(1 << 20)), ttl=0x81, hops=0)
    told = datagrams(build.message(0x00), build.pong("1.2.3.4", 5), bomb)
    assert "expand beyond" in kit.events(told, Malformed)[0].reason


def test_gnutella_inside_the_semi_reliable_layer():
    """GTA: the same layer as Gnutella2's, with Gnutella messages in it; parts in any order."""
    found = build.hit(*(build.result(n, 9, b"file %d" % n) for n in range(60)))
    parts = build.layered(found, tag=b"GTA", size=300)
    extended = b"GTA\x32\0\1\2\0" + bytes(4)
    assert len(parts) > 2
    session = Session(build.UDP)
    told = kit.decode(session, [(S, part) for part in (*reversed(parts), parts[0], extended)])
    assert len(kit.events(told, SearchHit)[0].files) == 60
    assert len(kit.events(told, SearchHit)) == 1
    assert session.standing is Standing.PARSED
    assert isinstance(recognise(Peek("udp", parts[0], b"", True, build.UDP)), Claim)


def test_an_id_that_begins_like_the_layer_is_still_an_id():
    told = datagrams(build.query(b"word", guid=b"GTA" + build.GUID[3:]))
    assert [search.text for search in kit.events(told, Search)] == ["word"]


def test_unfinished_payloads_are_bounded():
    session = Session(build.UDP)
    for sequence in range(1, 3000):
        [first, *_] = build.layered(bytes(1200), sequence=sequence, tag=b"GTA", size=1100)
        session.feed(S, first)
    assert kit.footprint(session) < 16_384
    big = [b"GTA\0\0\1" + bytes([n, 255]) + bytes(1400) for n in range(1, 60)]
    told = datagrams(*big)
    assert "more than 65536" in kit.events(told, Malformed)[0].reason


def test_the_hash_table_on_the_same_port_names_its_nodes():
    def contact(vendor: bytes, address: str, port: int) -> bytes:
        packed = ip_address(address).packed
        return (
            vendor + b"\0\0" + bytes(20) + bytes([len(packed)]) + packed + struct.pack(">H", port)
        )

    head = contact(b"LIME", "203.0.113.1", 6346) + b"\1\0\0\0"
    nodes = contact(b"GTKG", "203.0.113.2", 6347) + contact(b"WSHR", "2001:db8::2", 6348)
    found = build.message(0x44, b"\x06" + head + b"\4keys" + b"\2" + nodes, ttl=0, hops=0)
    assert isinstance(recognise(Peek("udp", found, b"", True, build.UDP)), Claim)
    told = datagrams(found, build.message(0x44, b"\x63" + head))
    assert [(p.address, p.port, p.software) for p in kit.events(told, Peer)] == [
        ("203.0.113.1", 6346, "LimeWire"),
        ("203.0.113.2", 6347, "gtk-gnutella"),
        ("2001:db8::2", 6348, "WireShare"),
    ]
    assert [value.reason for value in kit.events(told, Malformed)] == ["dht: DHT opcode 99"]


def test_foreign_datagrams_are_counted_and_told_once():
    told = datagrams(build.pong("1.2.3.4", 5), b"x" * 30, b"y" * 30)
    assert len(kit.events(told, Malformed)) == 1
    assert ("foreign", 2) in kit.events(told, Messages)[0].counts


# -- extension blocks ----------------------------------------------------------------------------


@given(
    st.dictionaries(
        st.sampled_from(["A", "BB", "CCCC", "VC.123456789012"]), st.binary(max_size=300)
    ),
    st.booleans(),
    st.booleans(),
)
def test_extensions_are_read_as_they_were_written(values, cobs, deflate):
    data = build.ggep(*values.items(), cobs=cobs, deflate=deflate) if values else b""
    if not cobs and not deflate:
        data = b"urn:sha1:X\x1c" + data
    found = ggep.read_extensions(data)
    assert (found.ggep, found.damaged) == (values, False)


@pytest.mark.parametrize(
    ("size", "coded"),
    [
        (0, "40"),
        (63, "7f"),
        (64, "8140"),
        (4095, "bf7f"),
        (4096, "818040"),
    ],
)
def test_witness_boundary_cases_of_the_length_coding(size, coded):
    """The table of GGEP 0.51, "Boundary Cases"."""
    assert build.ggep_length(size).hex() == coded
    data = b"\xc3\x81A" + bytes.fromhex(coded) + bytes(size)
    assert len(ggep.read_extensions(data).ggep["A"]) == size


@pytest.mark.parametrize(
    "data",
    [
        b"\xc3",
        b"\xc3\x80",
        b"\xc3\x81A",
        b"\xc3\x81A\x41",
        b"\xc3\x81A\xc1x",
        b"\xc3\x81A\x80\x80\x80\x40",
        b"\xc3\xc1A\x42\x05x",
        b"\xc3\xa1A\x43xyz",
        b"\xc3\xa1A" + build.ggep_length(1040) + zlib.compress(bytes(1 << 20)),
    ],
)
def test_damaged_extensions_end_the_block(data):
    found = ggep.read_extensions(data)
    assert found.damaged
    assert not found.ggep


def test_of_equal_extensions_the_first_counts():
    data = build.ggep(("A", b"first"), ("A", b"second")) + build.ggep(("A", b"third"))
    assert ggep.read_extensions(data).ggep == {"A": b"first"}


def test_cobs_by_its_definition():
    assert ggep.uncobs(bytes([3, 1, 2, 1, 2, 9])) == bytes([1, 2, 0, 0, 9])
    assert ggep.uncobs(bytes([255]) + b"x" * 254 + bytes([2, 121])) == b"x" * 254 + b"y"
    with pytest.raises(WireError):
        ggep.uncobs(b"\x00")


def test_witness_the_example_urns_of_huge():
    """HUGE 0.94 §2.3: a bitprint becomes a SHA-1 by cutting it; case does not matter."""
    sha1 = ggep.sha1_of("urn:sha1:PLSTHIPQGSSZTS5FJUPAKUZWUGYQYPFB")
    assert ggep.base32(bytes.fromhex(sha1)) == "PLSTHIPQGSSZTS5FJUPAKUZWUGYQYPFB"
    long = "urn:BITPRINT:plsthipqgsszts5fjupakuzwugyqypfb." + "A" * 39
    assert ggep.sha1_of(long) == sha1
    assert ggep.base32(b"\x0f\xf5") == "B72Q"
    assert ggep.sha1_of("urn:sha1:SHORT") == ggep.sha1_of("urn:sha1:" + "1" * 32) == ""
    assert ggep.sha1_of("urn:md5:" + "A" * 32) == ggep.sha1_of("urn:sha1:" + "é" * 32) == ""
