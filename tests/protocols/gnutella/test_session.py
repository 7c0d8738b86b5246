"""Gnutella: golden captures, witnesses, the laws, loss, and what must not be claimed."""

import hashlib
import random
import struct
import zlib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit
from tests.matcher import Matcher
from tests.protocols.gnutella import build

from backchannel.effects import FileData, FileOpen, Inner, Open
from backchannel.events import Anomaly, Gap, Malformed, Peer, Search, SearchHit
from backchannel.model import Claim, More, Side, Standing
from backchannel.protocols import Peek, load
from backchannel.protocols.gnutella import connection, inflater, memory, wire
from backchannel.protocols.gnutella.events import Handshake, Messages, RouteTable
from backchannel.protocols.gnutella.session import Session, recognise
from backchannel.protocols.gnutella2 import session as gnutella2

HERE = Path(__file__).parent
EXAMPLES = Path(__file__).parents[3] / "examples"
CAPTURE = EXAMPLES / "gnutella" / "gtkg_handshake_query_download.pcap"
FLOWS = [flow for flow in kit.flows(CAPTURE) if flow.steps]
SERVENTS = [flow for flow in FLOWS if isinstance(recognise(kit.peek(flow)), Claim)]
C, S = Side.CLIENT, Side.SERVER


def tell(*steps: tuple[Side, bytes | int], start=build.TCP, make=Session):
    return kit.decode(make(start), list(steps))


def peek(client: bytes = b"", server: bytes = b"", *, begun: bool = True, start=build.TCP) -> Peek:
    return Peek(start.transport, client[:4096], server[:4096], begun, start)


# -- real traffic --------------------------------------------------------------------------------


def test_there_are_captures():
    """Two connections, UDP, one download; the connect-back that says only two newlines is not."""
    assert [flow.start.transport for flow in SERVENTS] == ["tcp", "udp", "tcp", "tcp"]
    assert len(FLOWS) == 5


@pytest.mark.parametrize("number", range(len(SERVENTS)))
def test_golden(number):
    flow = SERVENTS[number]
    session = Session(flow.start)
    told = kit.decode(session, flow.steps)
    assert session.standing is Standing.PARSED
    kit.check_golden(HERE / f"gtkg-{number}-{flow.start.transport}.jsonl", told)


def told_of_capture():
    return [value for flow in SERVENTS for _, value in kit.decode(Session(flow.start), flow.steps)]


def test_witness_the_probe_that_recorded_it_asked_these_words():
    """The queries stand in the manifest, written by who sent them; one was relayed to the leaf."""
    asked = [value.text for value in told_of_capture() if isinstance(value, Search)]
    assert sorted(asked) == ["feasibility sample", "leaf readme", "leaf readme"]


def test_witness_the_file_has_the_hash_that_it_was_asked_by():
    """Computed here from the bytes on the wire, compared with the URN in the request."""
    told = told_of_capture()
    [opened] = [value for value in told if isinstance(value, FileOpen)]
    data = b"".join(value.data for value in told if isinstance(value, FileData))
    assert (len(data), opened.size) == (300_000, 300_000)
    assert hashlib.sha1(data).hexdigest() == opened.sha1
    assert opened.name == "feasibility sample song.mp3"
    assert opened.id == "urn:sha1:DEOEO7AQEWWSV3XIV6EVSHQN7YG64F5D"


def test_witness_hits_name_the_files_that_the_manifest_and_the_download_name():
    hits = [value for value in told_of_capture() if isinstance(value, SearchHit)]
    assert {file.name for hit in hits for file in hit.files} == {
        "feasibility sample song.mp3",
        "leaf readme document.txt",
    }


def test_witness_deflate_streams_hold_exactly_whole_messages():
    """What zlib itself makes of each stream is as long as the messages that were counted."""
    flow = SERVENTS[0]
    for side, blocks in ((C, 2), (S, 1)):
        stream = b"".join(data for who, data in flow.steps if who is side)
        for _ in range(blocks):
            stream = stream.partition(b"\r\n\r\n")[2]
        plain = zlib.decompressobj().decompress(stream)
        [summary] = [
            value
            for who, value in kit.decode(Session(flow.start), flow.steps)
            if isinstance(value, Messages) and who is side
        ]
        assert summary.octets == len(plain)


def test_witness_tshark_counts_the_datagrams():
    """tshark -Y udp: four datagrams of the client, four of the server."""
    told = kit.decode(Session(SERVENTS[1].start), SERVENTS[1].steps)
    counts = [sum(n for _, n in value.counts) for _, value in told if isinstance(value, Messages)]
    assert counts == [3, 4]


# -- laws ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 23, 64, 97, 511, 512, 513])
def test_segmentation_changes_nothing(number, size):
    flow = SERVENTS[number]
    kit.check_segmentation(lambda: Session(flow.start), flow.steps, size)


@pytest.mark.parametrize("size", [61, 1460])
def test_segmentation_changes_nothing_of_a_download(size):
    flow = SERVENTS[3]
    kit.check_segmentation(lambda: Session(flow.start), flow.steps, size)


PLAIN = (
    build.message(0x00)
    + build.pong("203.0.113.5", 6348, 12, 3400, build.ggep(("UP", b"\2\1\5")))
    + build.query(b"annual report", b"urn:sha1:\x1c" + build.URN)
    + build.hit(build.result(1, 9, b"report.pdf", build.URN))
    + build.push("203.0.113.9", 6349)
    + build.vendor(b"LIME", 12, 2, b"\x07\x01")
    + build.message(0x30, b"\0" + struct.pack("<IB", 65536, 7), ttl=1, hops=0)
    + build.message(0x30, b"\1\1\1\0\4" + bytes([0x10, 0, 0xF0]), ttl=1, hops=0)
    + build.message(0x02, struct.pack("<H", 200) + b"Shutting Down\r\n\r\n", ttl=1, hops=0)
)
CONNECTION = [(C, build.CONNECT), (S, build.OK), (C, build.CONFIRM + PLAIN), (S, PLAIN)]
DEFLATED = [
    (C, build.CONNECT.replace(b"\r\n\r\n", b"\r\nAccept-Encoding: deflate\r\n\r\n")),
    (S, build.OK.replace(b"\r\n\r\n", b"\r\nContent-Encoding: deflate\r\n\r\n")),
    (C, build.CONFIRM + PLAIN),
    (S, zlib.compress(PLAIN)),
]


@given(size=st.integers(1, 97))
@settings(max_examples=25)
@pytest.mark.parametrize("steps", [CONNECTION, DEFLATED], ids=["plain", "deflated"])
def test_segmentation_changes_nothing_of_hand_made_streams(steps, size):
    kit.check_segmentation(lambda: Session(build.TCP), steps, size)


@given(
    at=st.integers(0, 2000),
    flip=st.integers(1, 255),
    size=st.integers(1, 97),
    steps=st.sampled_from([CONNECTION, DEFLATED]),
)
@settings(max_examples=120)
def test_segmentation_changes_nothing_of_damaged_streams(at, flip, size, steps):
    """A damaged deflate stream gives what stands before the damage, however it was cut."""
    side, data = steps[3]
    broken = bytearray(data)
    broken[at % len(broken)] ^= flip
    damaged = [*steps[:3], (side, bytes(broken))]
    kit.check_segmentation(lambda: Session(build.TCP), damaged, size)


bodies = st.binary(max_size=60) | st.builds(
    lambda head, tail: head + tail,
    st.sampled_from(
        [build.SERVENT, b"\x80\0word\0", b"\xc3\x81u\x40", b"LIME\x06\0\1\0", b"\1\1\1\1\4", b"\5"]
    ),
    st.binary(max_size=40),
)
messages = st.builds(
    lambda kind, body, ttl: build.message(kind, body, ttl=ttl),
    st.sampled_from(sorted(wire.NAMES)),
    bodies,
    st.integers(0, 255),
)


@given(st.lists(st.tuples(st.sampled_from(Side), st.binary(max_size=80) | messages), max_size=30))
@settings(max_examples=300)
def test_garbage_is_reported_never_raised(chunks):
    steps = [(C, build.CONNECT), (S, build.OK), (C, build.CONFIRM), *chunks]
    kit.check_garbage(lambda: Session(build.TCP), steps)
    kit.check_garbage(lambda: Session(build.TCP), chunks)


@given(st.lists(st.tuples(st.sampled_from(Side), st.binary(max_size=80) | messages), max_size=30))
@settings(max_examples=200)
def test_garbage_in_datagrams_is_reported_never_raised(chunks):
    kit.check_garbage(lambda: Session(build.UDP), chunks)


@given(
    st.lists(messages, max_size=12),
    st.lists(st.integers(1, 400), max_size=3),
    st.integers(1, 50),
)
@settings(max_examples=100)
def test_segmentation_changes_nothing_behind_gaps(parts, gaps, size):
    steps = [(C, build.CONNECT), (S, build.OK), (C, build.CONFIRM)]
    for number, part in enumerate(parts):
        steps.append((S, part))
        if number < len(gaps):
            steps.append((S, gaps[number]))
    kit.check_segmentation(lambda: Session(build.TCP), steps, size)


# -- loss ----------------------------------------------------------------------------------------


def test_a_broken_body_costs_one_message():
    told = tell(*CONNECTION[:2], (S, build.message(0x01, b"short") + build.query(b"still here")))
    events = kit.events(told)
    assert [type(value) for value in events[-3:]] == [Malformed, Search, Messages]
    assert events[-2].text == "still here"


def test_lost_framing_is_said_once_then_silence_until_a_gap():
    huge = build.GUID + struct.pack("<BBBI", 0x80, 1, 1, 1 << 20)
    session = Session(build.TCP)
    told = kit.decode(session, [*CONNECTION[:2], (S, huge), (S, PLAIN)], ends=False)
    assert [value.reason for value in kit.events(told, Malformed)] == [
        "message claims 1048576 bytes"
    ]
    assert not kit.events(told, Search)
    back = session.gap(S, 100) + session.feed(S, PLAIN)
    assert back[0] == Gap(size=100)
    assert "annual report" in [value.text for value in back if isinstance(value, Search)]


def test_a_gap_in_a_plain_stream_ends_at_two_headers_in_a_row():
    told = tell(*CONNECTION[:2], (S, PLAIN[:30]), (S, 5), (S, PLAIN[40:] + PLAIN))
    assert kit.events(told, Gap) == [Gap(size=5)]
    assert not kit.events(told, Malformed)
    assert "annual report" in [value.text for value in kit.events(told, Search)]


@pytest.mark.parametrize("size", [1, 30, 100])
def test_behind_a_gap_messages_inside_a_message_are_not_taken_for_it(size):
    """The outer header is the earlier one, even while the end of its body has not come."""
    inner = build.query(b"inside") * 3
    outer = build.vendor(b"ABCD", 1, 1, inner + bytes(60))
    steps = [*CONNECTION[:2], (S, 7), (S, b"cut" + outer + build.query(b"outside") * 2)]
    told = tell(*kit.recut(steps, size))
    assert {value.text for value in kit.events(told, Search)} == {"outside"}


def test_a_gap_in_a_deflate_stream_silences_that_side_only():
    head, stream = DEFLATED[:2], DEFLATED[3][1]
    told = tell(*head, (S, stream[:40]), (S, 9), (S, stream[49:]), (C, build.CONFIRM + PLAIN))
    assert kit.events(told, Gap) == [Gap(size=9)]
    assert not kit.events(told, Malformed)
    assert {side for side, value in told if isinstance(value, Search)} == {C}


def test_two_messages_amid_a_stream_are_not_enough():
    two = build.message(0x00) + build.query(b"word")
    assert isinstance(recognise(peek(two, begun=False)), More)
    assert isinstance(recognise(peek(two, build.message(0x00), begun=False)), Claim)


def test_messages_amid_a_stream_prove_themselves():
    """Three plausible messages make the claim; the session reads on from the first."""
    steps = [(S, PLAIN), (C, build.message(0x00))]
    assert isinstance(recognise(peek(build.message(0x00), PLAIN, begun=False)), Claim)
    session = Session(build.TCP)
    told = kit.decode(session, steps)
    assert session.standing is Standing.PARSED
    assert len(kit.events(told, SearchHit)) == 1


# -- handshakes ----------------------------------------------------------------------------------


def test_the_first_handshake_of_all():
    """Version 0.4: two lines, then messages."""
    steps = [(C, b"GNUTELLA CONNECT/0.4\n\n"), (S, b"GNUTELLA OK\n\n" + PLAIN)]
    assert isinstance(recognise(peek(steps[0][1], steps[1][1])), Claim)
    told = tell(*steps)
    shaken = kit.events(told, Handshake)
    assert [(value.step, value.version, value.code) for value in shaken] == [
        ("connect", "0.4", 0),
        ("answer", "0.4", 200),
    ]
    assert kit.events(told, Search)


def test_hosts_to_try_are_peers_and_own_addresses_are_disclosed():
    answer = (
        b"GNUTELLA/0.6 503 Full\r\nUser-Agent: LimeWire/4.9.8\r\nListen-IP: 203.0.113.1:6350\r\n"
        b"Remote-IP: 198.51.100.9\r\nX-Try: 203.0.113.2:6346,203.0.113.3\r\n"
        b"X-Try-Ultrapeers: 203.0.113.4:6347 2004-01-01T00:00Z,\r\n"
        b"\t[2001:db8::5]:6348,999.1.1.1:5\r\n"
        b"X-Try-Hubs: 203.0.113.6:6346\r\nPeers: 203.0.113.7:80\r\nLeaves: 203.0.113.8:6346\r\n\r\n"
    )
    told = tell((C, build.CONNECT), (S, answer))
    assert {(value.address, value.port, value.role) for value in kit.events(told, Peer)} == {
        ("203.0.113.2", 6346, ""),
        ("203.0.113.3", 6346, ""),
        ("203.0.113.4", 6347, "ultrapeer"),
        ("2001:db8::5", 6348, "ultrapeer"),
        ("203.0.113.6", 6346, "hub"),
        ("203.0.113.7", 80, ""),
        ("203.0.113.8", 6346, "leaf"),
    }
    disclosed = {(value.how, value.address, value.port) for value in told_addresses(told)}
    assert disclosed == {("handshake", "203.0.113.1", 6350), ("remote-ip", "198.51.100.9", 0)}
    refusal = kit.events(told, Handshake)[-1]
    assert (refusal.code, refusal.reason, refusal.agent) == (503, "Full", "LimeWire/4.9.8")


def told_addresses(told):
    return [value for _, value in told if type(value).__name__ == "PeerAddress"]


def test_after_an_upgrade_to_tls_the_stream_is_handed_on():
    """The server agrees, the client confirms: what follows is TLS, whichever side speaks first."""
    offer = build.CONNECT.replace(b"\r\n\r\n", b"\r\nUpgrade: TLS/1.0\r\n\r\n")
    agree = build.OK.replace(b"\r\n\r\n", b"\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n\r\n")
    confirm = b"GNUTELLA/0.6 200 OK\r\nConnection: Upgrade\r\n\r\n"
    hello = b"\x16\x03\x01\x00\x05hello"
    told = tell((C, offer), (S, agree), (C, confirm + hello), (S, b"\x16\x03\x03answer"))
    assert [value.tls for value in kit.events(told, Handshake)] == [True, True, True]
    assert len(kit.effects(told, Open)) == 1
    inner = [(value.side, value.data) for value in kit.effects(told, Inner)]
    assert inner == [(C, hello), (S, b"\x16\x03\x03answer")]


def test_headers_without_end_are_refused():
    told = tell((C, b"GNUTELLA CONNECT/0.6\r\n" + b"X-Long: yes\r\n" * 2000))
    assert [value.reason for value in kit.events(told, Malformed)] == [
        "headers longer than 16384 bytes"
    ]
    cut = tell((C, b"GNUTELLA CONNECT/0.6\r\nX-Long: yes\r\n"))
    assert [value.reason for value in kit.events(cut, Malformed)] == [
        "connection ended inside handshake headers"
    ]


def test_the_answer_decides_between_the_networks():
    """Offered both, the answer's Content-Type chooses; the wrong claim gives up."""
    both = build.CONNECT.replace(
        b"\r\n\r\n",
        b"\r\nAccept: application/x-gnutella2,application/x-gnutella-packets\r\n\r\n",
    )
    first = Session(build.TCP)
    first.feed(C, both)
    assert first.standing is Standing.CLAIMED
    first.feed(S, build.G2_OK)
    assert first.standing is Standing.REFUTED
    second = gnutella2.Session(build.TCP)
    kit.decode(second, [(C, both), (S, build.G2_OK)], ends=False)
    assert second.standing is Standing.PARSED
    for data, name in ((build.G2_OK, "gnutella2"), (build.OK, "gnutella")):
        claims = [module.recognise(peek(both, data)) for module in (Recogniser, gnutella2)]
        assert [claim.protocol for claim in claims if claim] == [name]


@pytest.mark.parametrize(
    ("said", "network"),
    [
        ("", "gnutella"),
        ("Content-Type: application/x-gnutella-packets\r\n", "gnutella"),
        ("Content-Type: application/x-gnutella2\r\n", "gnutella2"),
    ],
)
def test_what_an_answer_will_send_counts_for_more_than_what_it_accepts(said, network):
    """Shareaza's ShakeNeighbour and MLDonkey's gnutellaServers go by the Content-Type alone."""
    both = "Accept: application/x-gnutella2,application/x-gnutella-packets\r\n"
    offer = f"GNUTELLA CONNECT/0.6\r\n{both}\r\n".encode()
    answer = f"GNUTELLA/0.6 200 OK\r\n{both}{said}\r\n".encode()
    claims = [module.recognise(peek(offer, answer)) for module in (Recogniser, gnutella2)]
    assert [claim.protocol for claim in claims if claim] == [network]
    kind = Session if network == "gnutella" else gnutella2.Session
    session = kind(build.TCP)
    kit.decode(session, [(C, offer), (S, answer)], ends=False)
    assert session.standing is Standing.PARSED


def test_an_answer_that_changes_the_network_late_is_followed():
    """Who offered one network and is answered in the other: what was proved stays proved."""
    offer = build.CONNECT.replace(
        b"\r\n\r\n", b"\r\nAccept: application/x-gnutella-packets\r\n\r\n"
    )
    session = Session(build.TCP)
    kit.decode(session, [(C, offer), (S, build.G2_OK)], ends=False)
    assert session.standing is Standing.PARSED
    told = session.feed(
        S, build.packet("HAW", build.packet("NA", payload=build.host("1.2.3.4", 5)))
    )
    assert [type(value) for value in told] == [Peer]


class Recogniser:
    recognise = staticmethod(recognise)


def test_one_side_alone_is_enough():
    assert isinstance(recognise(peek(build.CONNECT)), Claim)
    assert isinstance(recognise(peek(b"", build.OK)), Claim)
    seen = recognise(peek(build.OK, b"", begun=False))
    assert isinstance(seen, Claim)
    assert seen.flipped
    assert isinstance(gnutella2.recognise(peek(b"", build.G2_OK)), Claim)
    assert recognise(peek(b"", build.G2_OK)) is None


@given(st.integers(1, 60))
def test_a_beginning_is_waited_for(size):
    answer = recognise(peek(build.CONNECT[:size]))
    assert isinstance(answer, More if size < 22 else Claim)


# -- abuse ---------------------------------------------------------------------------------------


def test_messages_that_travel_too_far_are_told_once_a_kind():
    far = build.query(b"a", ttl=200, hops=0) + build.query(b"b", ttl=90, hops=0)
    told = tell(*CONNECTION[:2], (S, far + build.query(b"c", ttl=1, hops=40) + PLAIN))
    assert [value.detail for value in kit.events(told, Anomaly)] == [
        "query with TTL 200, 0 hops",
        "query with TTL 1, 40 hops",
    ]


def test_who_names_executables_after_every_query_is_a_worm():
    def answer(text: bytes, name: bytes, size: int = 70_000, servent: bytes = build.SERVENT):
        guid = hashlib.md5(text).digest()
        found = build.hit(build.result(1, size, name), guid=guid, servent=servent)
        return build.query(text, guid=guid) + found

    honest = answer(b"winzip", b"winzip.exe") + answer(b"pictures", b"my pictures.exe")
    assert not kit.events(tell(*CONNECTION[:2], (S, honest)), Anomaly)
    worm = answer(b"Winzip", b"winzip.EXE") + answer(b"free music", b"free music.exe") * 2
    [anomaly] = kit.events(tell(*CONNECTION[:2], (S, worm)), Anomaly)
    assert anomaly.kind == "worm-query-hit"
    assert build.SERVENT.hex() in anomaly.detail
    [gnuman] = kit.events(tell(*CONNECTION[:2], (S, answer(b"any", b"any.exe", 8192))), Anomaly)
    assert gnuman.kind == "worm-query-hit"
    [bare] = kit.events(tell(*CONNECTION[:2], (S, answer(b"any", b"Any", 8192))), Anomaly)
    assert bare.kind == "worm-query-hit"


def test_a_deflate_bomb_ends_the_side():
    bomb = zlib.compress(build.message(0x00) * 200_000)
    steps = [*DEFLATED[:2], (S, bomb)]
    told = tell(*steps)
    assert [value.kind for value in kit.events(told, Anomaly)] == ["deflate-bomb"]
    [counted] = [value for side, value in told if isinstance(value, Messages)]
    assert counted.octets < 3 << 20
    kit.check_segmentation(lambda: Session(build.TCP), steps, 13)


def test_memory_stays_bounded_whatever_is_told():
    """A pong a millisecond for hours: addresses are remembered, but not all of them."""
    session = Session(build.TCP)
    kit.decode(session, CONNECTION[:2], ends=False)
    for number in range(10_000):
        address = f"{20 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.1"
        told = session.feed(S, build.pong(address, 6346))
        assert [value.address for value in told] == [address]
        session.feed(
            S,
            build.query(
                b"%d" % number + b"x" * 1000, guid=hashlib.md5(told[0].address.encode()).digest()
            ),
        )
    assert kit.footprint(session) < 1 << 18
    assert len(session._part._memory._hosts) <= memory.MAX_HOSTS
    session.feed(S, build.message(0x81, bytes(60_000))[:-1])
    assert kit.footprint(session) < 1 << 19


def test_a_routing_table_is_summed_up():
    """Two words set, one cleared: three entries that are not zero, in two patches of zlib."""
    entries = bytearray(32768)
    entries[5], entries[900], entries[30000] = 0x90, 0x0A, 0x07
    packed = zlib.compress(bytes(entries))
    stream = build.message(0x30, b"\0" + struct.pack("<IB", 65536, 7), ttl=1, hops=0)
    for number, part in ((1, packed[:20]), (2, packed[20:])):
        stream += build.message(0x30, bytes([1, number, 2, 1, 4]) + part, ttl=1, hops=0)
    [table] = kit.events(tell(*CONNECTION[:2], (S, stream)), RouteTable)
    assert table == RouteTable(slots=65536, changed=3, patches=2, octets=len(packed))
    lost = stream[: 23 + 6] + stream[23 + 6 + 23 + 5 + 20 :]
    told = tell(*CONNECTION[:2], (S, lost))
    assert [value.reason for value in kit.events(told, Malformed)] == [
        "qrp: patch 2 of 2 where 1 was due"
    ]


def test_a_routing_table_that_expands_without_end_is_given_up():
    packed = zlib.compress(bytes(8 << 20))
    stream = build.message(0x30, b"\0" + struct.pack("<IB", 1 << 30, 7), ttl=1, hops=0)
    stream += build.message(0x30, bytes([1, 1, 1, 1, 8]) + packed, ttl=1, hops=0)
    told = tell(*CONNECTION[:2], (S, stream))
    assert not kit.events(told, RouteTable)
    assert "expands beyond" in kit.events(told, Malformed)[0].reason


# -- what must not be claimed --------------------------------------------------------------------


def test_random_bytes_are_nobody_s():
    source = random.Random(6346)
    for size in (23, 31, 40, 200, 1400):
        for _ in range(400):
            data = source.randbytes(size)
            for start in (build.TCP, build.UDP):
                seen = peek(data, source.randbytes(size), start=start)
                assert recognise(seen) is None
                assert gnutella2.recognise(seen) is None


@pytest.mark.parametrize(
    "data",
    [
        bytes(23),
        bytes(600),
        b"\xff" * 23,
        build.message(0x00, ttl=0, hops=0),
        build.message(0x00, ttl=60),
        build.message(0x00, guid=bytes(16)),
        build.message(0x00, b"no extension"),
        build.message(0x01, bytes(14) + b"tail"),
        build.message(0x80, b"\x80\0no end"),
        build.message(0x31, b"lime\1\0\1\0", ttl=1, hops=0),
        build.message(0x99, b"unknown"),
        build.pong("1.2.3.4", 5)[:-1],
        build.pong("1.2.3.4", 5) + b"x",
    ],
)
def test_what_only_looks_like_a_datagram_is_refused(data):
    assert recognise(peek(data, start=build.UDP)) is None


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /get/5/report.pdf HTTP/1.1\r\nHost: example.com\r\nUser-Agent: curl/8\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: example.com\r\nAccept: text/html\r\n\r\n",
        b"GET /search?client=firefox&q=gnutella HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"GET /a?get=1&client=abc HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"GET /ping?ping=1 HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"HEAD /uri-res/other HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"GIVE 1:2/\n\n",
        b"GNUTELLA IS OLD\r\n\r\n",
        b"GNUTELLA CONNECT please\r\n\r\n",
    ],
)
def test_the_ordinary_web_is_refused(request_):
    assert recognise(peek(request_, b"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n")) is None
    assert recognise(peek(request_)) is None


def test_a_foreign_answer_spoils_a_datagram():
    message = build.query(b"word")
    assert isinstance(recognise(peek(message, start=build.UDP)), Claim)
    assert recognise(peek(message, b"what do you mean?", start=build.UDP)) is None


@given(st.integers(1, 120))
@settings(max_examples=120)
def test_nothing_that_came_is_left_inside_the_inflater(size):
    """Also where a piece of output is full and its input used up."""
    packed = zlib.compress(bytes(100_000))[:size]
    given_ = b"".join(inflater.Inflater().feed(packed))
    assert given_ == zlib.decompressobj().decompress(packed)


def test_a_ping_that_scanners_send_is_no_claim_until_it_is_answered():
    [ping] = build.layered(build.packet("PI"))
    [pong] = build.layered(build.packet("PO"))
    assert isinstance(gnutella2.recognise(peek(ping, start=build.UDP)), More)
    assert isinstance(gnutella2.recognise(peek(ping, pong, start=build.UDP)), Claim)
    assert recognise(peek(ping, pong, start=build.UDP)) is None


def test_what_turns_out_to_be_something_else_is_withdrawn():
    stream, datagrams = Session(build.TCP), Session(build.UDP)
    stream.feed(C, build.message(0x00) + b"\xff" * 40)
    assert stream.standing is Standing.REFUTED
    datagrams.feed(C, build.message(0x00))
    assert datagrams.standing is Standing.CLAIMED
    datagrams.feed(S, b"something else entirely")
    assert datagrams.standing is Standing.REFUTED


def test_the_header_pattern_that_ends_a_gap_wants_a_real_header():
    assert connection._HEADER.match(bytes(23)) is None
    assert connection._HEADER.match(build.message(0x80, b"x" * 40))
    assert connection._HEADER.match(build.message(0x80, bytes(30_000))) is None


def test_events_can_be_written_and_read():
    """Every event of the protocol survives JSON, which sinks write."""
    for value in told_of_capture():
        if not isinstance(value, FileData):
            assert msgspec.json.encode(value)


def test_whatever_is_claimed_has_the_magic_that_brings_it_to_the_recogniser():
    """Else the core would never ask."""
    matcher = Matcher({name: load()[name] for name in ("gnutella", "gnutella2")})
    paths = [CAPTURE, *sorted((kit.CORPUS / "public" / "gnutella").glob("*.pcap*"))]
    for flow in (flow for path in paths for flow in kit.flows(path) if flow.steps):
        seen = kit.peek(flow)
        for name, module in (("gnutella", Recogniser), ("gnutella2", gnutella2)):
            if isinstance(module.recognise(seen), Claim):
                found = [
                    matcher.candidates(flow.start.transport, data, begun=seen.begun)
                    for data in (seen.client, seen.server)
                ]
                assert name in [*found[0], *found[1]], flow
