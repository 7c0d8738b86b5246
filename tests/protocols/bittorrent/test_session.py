"""Peers over TCP: two recorded conversations, messages made by hand, the laws, foreign captures."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import fits
from tests.protocols.bittorrent import build
from tests.protocols.tls.test_session import HELLO, TLS13

from backchannel.effects import Expect, FileClose, FileData, FileOpen, Remember
from backchannel.events import (
    Download,
    Gap,
    Malformed,
    Peer,
    PeerAddress,
    Share,
    Software,
)
from backchannel.model import MORE, Capability, Claim, Confidence, Endpoint, More, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.bittorrent import PROTOCOL, wire
from backchannel.protocols.bittorrent import recognise as recogniser
from backchannel.protocols.bittorrent.events import PeerHandshake, PeersSealed, PeerTraffic, Torrent
from backchannel.protocols.bittorrent.session import SEALED, Session, recognise
from backchannel.protocols.tls.events import TlsHello

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.1", 40000), Endpoint("198.51.100.7", 6881))
MIDWAY = Start("tcp", START.client, START.server, begun=False)
TOLD = Start(
    "tcp",
    START.client,
    START.server,
    service="bittorrent",
    purpose=Capability.FILE_SHARING,
)
RECORDED = kit.EXAMPLES / "bittorrent" / "libtorrent_tcp_plain.pcap"
SEALED_TALK = kit.EXAMPLES / "bittorrent" / "libtorrent_tcp_mse.pcap"
PUBLIC = kit.CORPUS / "public" / "bittorrent"
MINE = sorted((kit.EXAMPLES / "bittorrent").glob("*.pcap"))

CONTENT = random.Random(7).randbytes(50_000)
INFO = build.info(CONTENT)
FOUND = build.digest(INFO)
GREETED = [(C, build.hello(build.ONE, FOUND)), (S, build.hello(build.OTHER, FOUND))]
BOOK = [
    (S, build.block(at >> 14, 0, CONTENT[at : at + (1 << 14)]))
    for at in range(0, len(CONTENT), 1 << 14)
]
TALK = [
    *GREETED,
    (C, build.extensions(v=b"libtorrent/2.1.1.0", p=6889, yourip=bytes([203, 0, 113, 77]))),
    (S, build.extensions(v=b"Transmission 3.00", metadata_size=len(INFO))),
    (C, build.message(15) + build.message(9, b"\x1a\xe1") + build.message(2)),
    (S, build.message(14) + build.message(1)),
    (S, build.metadata(INFO)),
    (C, b"".join(map(build.request, range(4)))),
    *BOOK,
    (C, build.have(0) + build.have(1) + bytes(4)),
    (S, build.extended(1, {b"added": bytes([192, 0, 2, 50, 26, 225]), b"added.f": b"\x02"})),
]

UNNAMED = [*TALK[:6], *TALK[7:]]
"""The same without the info dictionary, so that no file is told with the address of its sender."""


def told(*steps, start=START):
    return kit.decode(Session(start), list(steps))


def claim(client, server=b"", start=START):
    return recognise(Peek("tcp", client, server, start.begun, start))


def waits(client, server=b""):
    """Whether bytes are waited for that a guard need not hold."""
    answer = claim(client, server)
    return isinstance(answer, More) and not answer.holds


def traffic(steps):
    return {side: value for side, value in steps if isinstance(value, PeerTraffic)}


# -- recognised ----------------------------------------------------------------------------------


def test_a_handshake_is_claimed_as_soon_as_its_name_is_there():
    hello = build.hello()
    assert claim(hello[:19]) is MORE
    assert isinstance(claim(hello[:20]), Claim)
    assert isinstance(claim(b"", hello), Claim)
    assert not isinstance(claim(b"\x13BitTorrent protocoX"), Claim)
    assert fits(PROTOCOL.magic[0], hello)


@pytest.mark.parametrize(
    "data",
    [
        build.request(9, 1 << 14),
        build.request(9, 1 << 14).replace(b"\x0d\x06", b"\x0d\x08"),
        build.request(9, 1 << 14).replace(b"\x0d\x06", b"\x0d\x10"),
        build.block(9, 0, bytes(1 << 14)),
    ],
)
def test_a_stream_joined_midway_is_claimed_by_requests_and_blocks(data):
    assert isinstance(claim(data, start=MIDWAY), Claim)
    assert any(fits(magic, data[:1460]) for magic in PROTOCOL.magic)
    assert not isinstance(claim(data), Claim), "nobody begins like that"
    assert claim(data[:16], start=MIDWAY) is None
    assert claim(data.replace(b"\x40", b"\x41"), start=MIDWAY) is None


@pytest.mark.parametrize(
    ("data", "free"),
    [
        (build.hello()[:17], ()),
        (build.request(9, 1 << 14), (5, 6, 7, 8, 9, 10)),
        (build.block(9, 0, bytes(1 << 14))[:17], (6, 7, 8, 9, 10, 13, 14, 15, 16)),
    ],
)
def test_every_byte_counts_by_which_a_message_is_found_amid_a_stream(data, free):
    assert wire.begins(data)
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 0x21]) + data[at + 1 :]
        assert wire.begins(changed) is (at in free), at


FORMS = build.hello(), build.request(9, 1 << 14), build.block(9, 0, bytes(1 << 14))


@given(st.binary(max_size=12), st.sampled_from(FORMS), st.integers(0, 3))
def test_the_first_beginning_in_a_stream_is_found_wherever_it_is(before, form, zeros):
    before += bytes(zeros)
    data = before + form + bytes(8)
    found = next(at for at in range(len(data)) if wire.begins(data[at:]))
    lane = wire.Lane(begun=False)
    lane.add(data)
    lane.next()
    wanted = wire.Lane(begun=False)
    wanted.add(data[found:])
    wanted.next()
    assert (lane.kind, lane.piece, lane.body) == (wanted.kind, wanted.piece, wanted.body)


def test_random_bytes_by_themselves_are_claimed_where_they_were_announced_alone():
    sealed = random.Random(1).randbytes(200)
    assert not isinstance(claim(sealed), Claim)
    assert claim(sealed[:95], start=TOLD) is MORE
    found = claim(sealed, start=TOLD)
    assert isinstance(found, Claim)
    assert found.confidence is Confidence.EXPECTED
    assert claim(b"GET / HTTP/1.1\r\nHost: example.org\r\n" * 9, start=TOLD) is None


def keys(padding=100):
    """Return what each side of MSE says first: its number, and as much padding."""
    noise = random.Random(5)
    return noise.randbytes(96 + padding), noise.randbytes(96 + padding)


@pytest.mark.parametrize("padding", [0, 512])
def test_a_plain_handshake_behind_an_exchange_of_keys_is_claimed(padding):
    """Witness for the form: nDPI's `bittorrent_tcp_miss.pcapng`, which tshark calls BitTorrent."""
    client, server = keys(padding)
    rest = random.Random(6).randbytes(14 + padding)
    hello = build.hello(build.OTHER)
    assert isinstance(claim(client, server + rest + hello), Claim)
    assert any(fits(magic, client, begun=True) for magic in PROTOCOL.magic)
    assert waits(client)
    assert waits(client, server[:95])
    assert waits(client, server + rest + hello[:19])
    assert claim(client, server + rest + hello, start=MIDWAY) is None


def test_what_only_resembles_an_exchange_of_keys_is_left_alone():
    client, server = keys()
    hello = build.hello()
    assert claim(b"GET " + client[:60]) is None
    assert claim(client * 4) is None, "a peer waits for the other's number"
    assert waits(client[:95])
    assert claim(client[:95], server + hello) is None
    assert claim(client, bytes(96) + hello) is None
    assert claim(b"A" * 200, server + hello) is None
    assert claim(client, server + random.Random(7).randbytes(SEALED)) is None
    late = random.Random(8).randbytes(SEALED - 96 - 20 + 1)
    assert claim(client, server[:96] + late + hello) is None


@pytest.mark.parametrize("cut", [1, 40, 63, 1460])
def test_an_exchange_of_keys_that_nobody_announced_is_decoded(tmp_path, cut):
    client, server = keys()
    talk = [
        (C, client),
        (S, server),
        (C, random.Random(9).randbytes(150)),
        (S, random.Random(10).randbytes(40)),
        (S, build.hello(build.OTHER) + build.message(14)),
        (C, build.request(0)),
    ]
    run = Scan(craft.write(tmp_path / "keys.pcap", craft.tcp(talk, cut=cut)))
    kinds = {type(seen.event) for seen in run if seen.stack == "bittorrent"}
    assert {PeerHandshake, Download} <= kinds
    assert PeersSealed not in kinds
    (row,) = run.document.services
    assert (row.service, row.confidence) == ("bittorrent", "parsed")


@given(
    st.integers(0, 700), st.integers(0, 1300), st.integers(0, 700), st.integers(0, 1300), st.data()
)
def test_asking_before_the_bytes_that_were_named_is_pointless(heard, said, more, later, data):
    """However random the bytes are, and whatever is among them: nothing is claimed by then."""
    noise = random.Random(data.draw(st.integers(0, 99)))
    size = data.draw(st.sampled_from([16, 64, 256]))
    values = bytes(value % size for value in range(256))
    client, server = [noise.randbytes(2000).translate(values) for _ in range(2)]
    at = data.draw(st.integers(0, 1400))
    server = server[:at] + build.hello(build.OTHER) + server[at:]
    answer = claim(client[:heard], server[:said])
    client, server = client[: max(heard, more)], server[: max(said, later)]
    if isinstance(answer, More) and len(client) < answer.client and len(server) < answer.server:
        assert not isinstance(claim(client, server), Claim)


def test_the_recogniser_is_asked_where_the_bytes_tell_something_new(tmp_path, monkeypatch):
    asked = []

    def counted(peek):
        asked.append(peek)
        return recognise(peek)

    monkeypatch.setattr(recogniser, "recognise", counted)
    noise = random.Random(3)
    talk = [(C, noise.randbytes(70)), *[(C, noise.randbytes(1)) for _ in range(200)]]
    talk += [(S, noise.randbytes(1)) for _ in range(95)] + [(C, noise.randbytes(20))] * 9
    packets = craft.tcp(talk, server=Endpoint("198.51.100.7", 6881), close=False)
    run = Scan(craft.write(tmp_path / "random.pcap", packets))
    assert not run.document.services
    assert 0 < len(asked) < 12


def test_what_a_database_says_before_tls_is_not_waited_for(tmp_path):
    """MySQL's server greets in 80 bytes, few of them different; TLS comes behind the answer."""
    login = b"\x20\0\0\1\x85\xae\xff\x19\0\0\0\1\xff" + bytes(23)
    greeting = b"\x4a\0\0\0\x0a8.0.36\0\x0c\0\0\0" + bytes(range(50, 70)) + bytes(42)
    talk = [(S, greeting), (C, login), (C, HELLO), (S, TLS13)]
    capture = craft.write(tmp_path / "database.pcap", craft.tcp(talk))
    seen = Scan(capture, everything=True)
    assert [item.event.name for item in seen if isinstance(item.event, TlsHello)]


def test_a_question_to_a_name_server_is_not_held_for_an_exchange_of_keys(tmp_path):
    question = bytes.fromhex(
        "1234 0100 0001 0000 0000 0000 07 6578616d706c65 03 6f7267 00 0001 0001"
    )
    data = len(question).to_bytes(2, "big") + question
    assert claim(data) is None
    packets = craft.tcp([(C, data)], server=Endpoint("198.51.100.7", 53), close=False)
    seen = [each for each in packets if each[12:16] == packets[0][12:16]]
    run = Scan(craft.write(tmp_path / "dns.pcap", seen), everything=True, collect_flows=True)
    assert run.flows()["stack"].to_pylist() == ["dns"]


def test_no_foreign_capture_is_claimed():
    for path in kit.foreign(*MINE):
        assert not kit.claimed(path, recognise), path


# -- recorded ------------------------------------------------------------------------------------


def test_the_golden_of_the_recorded_session():
    flow = kit.claimed(RECORDED, recognise)[1]
    steps = kit.decode(Session(flow.start), flow.steps)
    kit.check_golden(kit.Path(__file__).with_name("plain.jsonl"), steps)


def test_the_recorded_session_carried_a_torrent_of_a_megabyte():
    """Witness: the driver made one file of 1 MiB in 64 pieces, and the receiver had all of it;
    tshark 4.0.17 counts 64 piece messages and 64 of Have."""
    flow = kit.claimed(RECORDED, recognise)[1]
    session = Session(flow.start)
    sent = traffic(kit.decode(session, flow.steps))
    assert (sent[C].uploaded, sent[C].pieces, sent[C].taken, sent[C].seeds) == (
        1 << 20,
        64,
        64,
        True,
    )
    assert (sent[S].uploaded, sent[S].has, sent[S].seeds) == (0, 64, False)
    assert dict(sent[S].counts)["have"] == 64
    assert session.standing is Standing.PARSED


def test_an_encrypted_connection_is_known_by_its_announcement():
    """Witness: the same programs, with encryption forced; the hash table was asked before."""
    run = Scan(SEALED_TALK)
    told = [type(seen.event) for seen in run if seen.stack == "bittorrent"]
    assert told == [PeersSealed], "nothing is told of sealed bytes but that they are"
    found = {each.stack: (each.confidence, each.bytes) for each in run.document.services}
    assert found["bittorrent"] == ("expected", 1_068_400)


@pytest.mark.skipif(not PUBLIC.exists(), reason="needs the corpus")
def test_a_program_of_2006():
    """Witness: tshark 4.0.17 reads the same handshakes; nDPI calls it BitTorrent."""
    [flow] = kit.claimed(PUBLIC / "BITTORRENT.pcap", recognise)
    steps = kit.decode(Session(flow.start), flow.steps)
    hashes = {each.hash for each in kit.events(steps, PeerHandshake)}
    assert hashes == {"e21ea9569b69bab33c97851d0298bdfa89bc9092"}
    assert {(each.name, each.version) for each in kit.events(steps, Software)} == {
        ("uTorrent", "1.6.1"),
        ("µTorrent", "1.6.1"),
    }
    assert not kit.events(steps, Malformed)
    assert traffic(steps)[S].blocks == 22  # the capture lost most packets; blocks are found again


@pytest.mark.skipif(not PUBLIC.exists(), reason="needs the corpus")
def test_all_flows_of_a_swarm_are_claimed():
    """Witness: nDPI's result for its own capture, 24 flows of BitTorrent."""
    found = kit.claimed(PUBLIC / "bittorrent.pcap", recognise)
    assert len(found) >= 20
    for flow in found:
        assert not kit.events(kit.decode(Session(flow.start), flow.steps), Malformed), flow


# -- handshakes and messages ---------------------------------------------------------------------


def test_two_handshakes_prove_the_connection_and_one_does_not():
    session = Session(START)
    session.feed(C, build.hello())
    assert session.standing is Standing.CLAIMED
    session.feed(S, build.hello(build.OTHER, bytes(20)))
    assert session.standing is Standing.CLAIMED, "another torrent's"
    session = Session(START)
    kit.decode(session, [(C, build.hello()), (S, build.hello(build.OTHER))])
    assert session.standing is Standing.PARSED


def test_handshakes_name_torrent_peer_program_and_abilities():
    one, _ = kit.events(told(*GREETED), PeerHandshake)
    assert (one.hash, one.peer) == (FOUND.hex(), build.ONE.decode())
    assert one.abilities == ("extensions", "fast", "dht")
    names = [(each.name, each.version) for each in kit.events(told(*GREETED), Software)]
    assert names == [("libtorrent", "2.1.1"), ("Transmission", "3.0.0")]
    [odd] = kit.events(told((C, build.hello(bytes(range(200, 220))))), PeerHandshake)
    assert odd.peer == bytes(range(200, 220)).hex()
    [new] = kit.events(told((C, build.hello(reserved=bytes(7) + b"\x10"))), PeerHandshake)
    assert new.abilities == ("version-2",)


def test_what_the_extension_handshake_says():
    steps = told(*TALK)
    programs = [(each.name, each.version) for each in kit.events(steps, Software)]
    assert programs[2:] == [("libtorrent", "2.1.1.0"), ("Transmission", "3.00")]
    places = [(p.how, p.address, p.port, p.transport) for p in kit.events(steps, PeerAddress)]
    assert places == [
        ("listening-port", "192.0.2.1", 6889, "tcp"),
        ("seen-as", "203.0.113.77", 0, "tcp"),
        ("dht-port", "192.0.2.1", 6881, "udp"),
    ]
    assert kit.events(steps, PeerAddress)[1].account == build.OTHER.decode()


def test_other_addresses_of_a_peer_and_a_program_without_version():
    said = build.extensions(
        v=b"Nameless", p=1234, ipv4=bytes([10, 0, 0, 9]), ipv6=bytes(15) + b"\x01"
    )
    steps = told(*GREETED, (S, said), (S, said))
    assert [(p.address, p.port) for p in kit.events(steps, PeerAddress)] == [
        ("198.51.100.7", 1234),
        ("10.0.0.9", 1234),
        ("::1", 1234),
    ]
    assert kit.events(steps, Software)[-1].name == "Nameless"
    bad = build.extensions(p=70000, v=5, yourip=b"abc", ipv4=b"")
    assert not kit.events(told(*GREETED, (S, bad)), PeerAddress)


def test_peers_that_were_told_are_expected_over_tcp_and_utp():
    steps = told(*TALK)
    [peer] = kit.events(steps, Peer)
    assert (peer.address, peer.port, peer.role) == ("192.0.2.50", 6881, "seed")
    expected = {
        (e.protocol, e.transport, e.address, e.port, e.source) for e in kit.effects(steps, Expect)
    }
    assert expected == {
        ("bittorrent", "tcp", "192.0.2.1", 6889, ""),
        ("bittorrent-utp", "udp", "192.0.2.1", 6889, ""),
        ("bittorrent-utp", "udp", "192.0.2.1", 6881, ""),
        ("bittorrent", "tcp", "192.0.2.50", 6881, "192.0.2.1"),
        ("bittorrent-utp", "udp", "192.0.2.50", 6881, "192.0.2.1"),
    }


def test_exchanged_peers_of_both_families_are_told_once_each():
    v6 = bytes(15) + b"\x09" + b"\x1a\xe1"
    said = {b"added": bytes([192, 0, 2, 51, 0, 80]) * 2, b"added6": v6, b"added6.f": b"\0"}
    steps = told(*GREETED, (C, build.extensions()), (S, build.extended(1, said)))
    found = [(p.address, p.port, p.role) for p in kit.events(steps, Peer)]
    assert found == [("192.0.2.51", 80, "peer"), ("::9", 6881, "peer")]


def test_a_third_peer_brings_two_together():
    body = bytes([4, 1, 0, 192, 0, 2, 60, 26, 225]) + bytes(4)
    steps = told(*GREETED, (C, build.extensions()), (S, build.message(20, body)))
    [place] = kit.events(steps, PeerAddress)
    assert (place.how, place.address, place.port, place.transport) == (
        "holepunch",
        "192.0.2.60",
        6881,
        "udp",
    )
    [expected] = kit.effects(steps, Expect)
    assert (expected.protocol, expected.source) == ("bittorrent-utp", "192.0.2.1")
    asks = build.message(20, bytes([4, 0]) + body[2:])
    assert not kit.events(told(*GREETED, (C, build.extensions()), (S, asks)), PeerAddress)


def test_numbers_of_extensions_are_those_that_the_other_side_chose():
    mine = build.extended(0, {b"m": {b"ut_pex": 99}})
    pex = build.extended(99, {b"added": bytes([192, 0, 2, 52, 0, 80])})
    assert kit.events(told(*GREETED, (C, mine), (S, pex)), Peer)
    assert not kit.events(told(*GREETED, (S, mine), (S, pex)), Peer)
    assert dict(traffic(told(*GREETED, (S, pex)))[S].counts) == {"unknown extension": 1}


def test_the_first_request_of_a_side_is_told():
    [asked] = kit.events(told(*TALK), Download)
    assert (asked.hash, asked.name, asked.account) == (FOUND.hex(), "book", build.ONE.decode())


@pytest.mark.parametrize(
    ("bits", "seeds"),
    [(b"\xff\xf8", True), (b"\xff\xfa", False), (b"\xfe\xf8", False), (b"\xff\0", False)],
)
def test_a_bitfield_says_how_much_a_peer_has(bits, seeds):
    sent = traffic(told(*GREETED, (S, build.message(5, bits))))[S]
    assert (sent.has, sent.seeds) == (int.from_bytes(bits).bit_count(), seeds)


def test_messages_of_later_proposals_are_counted():
    hashes = build.message(22, bytes(48) + bytes(64))
    many = [
        build.message(13, bytes(4)),
        build.message(16, bytes(12)),
        build.message(17, bytes(4)),
        build.message(21, bytes(48)),
        build.message(23, bytes(48)),
        build.message(77, b"x"),
        hashes,
    ]
    counts = dict(traffic(told(*GREETED, (C, b"".join(many))))[C].counts)
    assert counts == dict.fromkeys(
        [
            "suggest",
            "reject",
            "allowed-fast",
            "hash-request",
            "hash-reject",
            "unknown",
            "hashes",
        ],
        1,
    )


# -- content -------------------------------------------------------------------------------------


def test_the_info_dictionary_names_the_torrent_and_its_files():
    steps = told(*TALK)
    [torrent] = kit.events(steps, Torrent)
    assert (torrent.hash, torrent.name, torrent.size) == (FOUND.hex(), "book", len(CONTENT))
    assert (torrent.files, torrent.pieces, torrent.piece_size) == (1, 4, 1 << 14)
    assert (torrent.version, torrent.private) == ("1", False)
    [share] = kit.events(steps, Share)
    assert share.owner == build.OTHER.decode()
    assert [(file.name, file.size, file.hash) for file in share.files] == [
        ("book", len(CONTENT), FOUND.hex())
    ]


def test_pieces_are_verified_and_make_the_file():
    steps = told(*TALK)
    sent = traffic(steps)[S]
    assert (sent.uploaded, sent.blocks, sent.pieces) == (len(CONTENT), 4, 4)
    assert (sent.verified, sent.failed, sent.taken, sent.seeds) == (4, 0, 2, True)
    [opened] = kit.effects(steps, FileOpen)
    assert (opened.name, opened.size, opened.id) == ("book", len(CONTENT), FOUND.hex())
    assert (opened.sender, opened.recipient) == ("198.51.100.7:6881", "192.0.2.1:40000")
    data = kit.effects(steps, FileData)
    assert b"".join(part.data for part in sorted(data, key=lambda part: part.offset)) == CONTENT
    assert [close.verified for close in kit.effects(steps, FileClose)] == [True]


def test_a_false_block_spoils_its_piece_alone():
    steps = list(TALK)
    at = steps.index(BOOK[1])
    steps[at] = S, build.block(1, 0, bytes(1 << 14))
    sent = traffic(told(*steps))[S]
    assert (sent.verified, sent.failed) == (3, 1)
    assert not kit.effects(told(*steps), FileClose)


def test_a_forged_info_dictionary_is_not_believed():
    forged = build.metadata(INFO.replace(b"book", b"bomb"))
    steps = told(*GREETED, (C, build.extensions()), (S, forged))
    assert not kit.events(steps, Torrent)
    [broken] = kit.events(steps, Malformed)
    assert broken.reason.startswith("ut_metadata: ")


def test_both_sides_may_send():
    steps = told(*TALK[:7], (C, BOOK[0][1]), *BOOK[1:])
    sent = traffic(steps)
    assert (sent[C].verified, sent[S].verified) == (1, 3)
    assert [close.verified for close in kit.effects(steps, FileClose)] == [True]


# -- what is missing or broken -------------------------------------------------------------------


def test_a_gap_inside_a_block_costs_the_piece():
    first = BOOK[0][1]
    steps = told(*TALK[:7], (S, first[:5000]), (S, 1000), (S, first[6000:]), *BOOK[1:])
    sent = traffic(steps)[S]
    assert (sent.verified, sent.failed, sent.blocks, sent.uploaded) == (
        3,
        0,
        4,
        len(CONTENT) - 1000,
    )
    assert [gap.size for gap in kit.events(steps, Gap)] == [1000]


def test_a_gap_up_to_the_end_of_a_block_loses_nothing_behind():
    first = BOOK[0][1]
    steps = told(*TALK[:7], (S, first[:5000]), (S, len(first) - 5000), (S, build.have(3)))
    assert traffic(steps)[S].has == 1


def test_pieces_from_elsewhere_are_not_taken_from_here():
    steps = told(*GREETED, BOOK[0], (C, build.have(0) + build.have(0) + build.have(3)))
    assert (traffic(steps)[S].taken, traffic(steps)[C].has) == (1, 2)


@pytest.mark.parametrize("size", [0, 20_000])
def test_behind_a_larger_gap_the_next_block_is_found(size):
    steps = told(*TALK[:7], (S, BOOK[0][1][:5000]), (S, size), (S, bytes(700)), *BOOK[2:])
    assert traffic(steps)[S].verified == 2
    assert not kit.events(steps, Malformed)


def test_a_capture_that_starts_midway():
    session = Session(MIDWAY)
    steps = kit.decode(
        session,
        [(C, b"\1" * 99 + build.request(3)), (S, bytes(77) + BOOK[0][1]), (C, build.have(0))],
    )
    assert session.standing is Standing.PARSED
    sent = traffic(steps)
    assert (sent[S].blocks, sent[S].taken, sent[C].has) == (1, 1, 1)
    assert (sent[S].hash, sent[S].peer) == ("", "")


def test_what_is_no_handshake_refutes_the_claim():
    session = Session(START)
    session.feed(C, b"\x13BitTorrent protocol"[:12] + b"!")
    assert session.standing is Standing.REFUTED
    assert session.done


@pytest.mark.parametrize(
    "bad",
    [
        build.message(0, b"x"),
        build.message(4, bytes(3)),
        build.message(6, bytes(11)),
        build.message(7, bytes(7)),
        build.message(20),
        (1 << 30).to_bytes(4) + b"\x05",
        (wire.LARGEST_BLOCK + 14).to_bytes(4) + b"\x07",
    ],
)
def test_lost_framing_silences_a_side_until_a_gap(bad):
    talk = [*GREETED, (S, bad), (S, build.have(1))]
    steps = told(*talk)
    assert len(kit.events(steps, Malformed)) == 1
    assert S not in traffic(steps)
    steps = told(*talk, (S, 10), *BOOK)
    assert traffic(steps)[S].blocks >= 3


@pytest.mark.parametrize(
    "body", [b"\0", b"\0i5e", b"\0d", b"\x02i5e", b"\x02d8:msg_typei1ee", b"\x01le", b"\x04\x01\0"]
)
def test_a_broken_extension_costs_one_message(body):
    steps = told(*GREETED, (C, build.extensions()), (S, build.message(20, body) + build.have(1)))
    assert traffic(steps)[S].has == 1
    assert len(kit.events(steps, Malformed)) == 1


def test_plain_text_behind_an_encrypted_handshake_is_read():
    """By BEP-less practice (Vuze's MSE): the answering side's handshake comes in plain text."""
    noise = random.Random(3)
    session = Session(TOLD)
    talk = [
        (C, noise.randbytes(300)),
        (S, noise.randbytes(400) + build.hello(build.OTHER)),
        (S, build.message(14)),
        (C, build.request(0)),
    ]
    steps = kit.decode(session, talk)
    assert session.standing is Standing.PARSED
    assert [each.peer for each in kit.events(steps, PeerHandshake)] == [build.OTHER.decode()]
    assert kit.events(steps, Download)


def test_an_encrypted_connection_is_left_alone():
    noise = random.Random(4)
    session = Session(TOLD)
    assert not session.feed(C, noise.randbytes(300))
    assert not session.feed(S, noise.randbytes(1000))
    assert not session.done
    assert session.feed(S, noise.randbytes(SEALED)) == [PeersSealed(carrier="tcp")]
    assert session.done
    short = kit.decode(Session(TOLD), [(C, noise.randbytes(300)), (S, noise.randbytes(100))])
    assert kit.events(short, PeersSealed) == [PeersSealed(carrier="tcp")]
    assert session.standing is Standing.CLAIMED


def test_the_guard_waits_for_a_whole_handshake():
    session = Session(START)
    session.feed(C, build.hello()[:30])
    assert session.partial(C)
    session.feed(C, build.hello()[30:])
    assert not session.partial(C)
    session.feed(S, build.hello(build.OTHER) + BOOK[0][1][:500])
    assert not session.partial(S), "of a block each byte is told as it comes"


# -- the laws ------------------------------------------------------------------------------------


@given(st.integers(1, 4000))
def test_law_segmentation(size):
    kit.check_segmentation(lambda: Session(START), TALK, size)


@pytest.mark.parametrize("size", [1, 2, 5, 17, 68])
def test_law_segmentation_behind_gaps(size):
    steps = [*TALK[:7], (S, BOOK[0][1][:500]), (S, 0), *BOOK[1:], (C, 3), *TALK[7:8]]
    kit.check_segmentation(lambda: Session(START), steps, size)


framed = st.one_of(
    st.binary(max_size=60),
    st.builds(build.message, st.integers(0, 255), st.binary(max_size=90)),
    st.sampled_from([data for _, data in TALK]).map(lambda data: data[:400]),
)


@given(st.lists(st.tuples(st.sampled_from(Side), st.one_of(framed, st.integers(0, 999)))))
def test_law_garbage(chunks):
    for start in (START, MIDWAY, TOLD):
        kit.check_garbage(lambda start=start: Session(start), chunks)
        kit.check_garbage(lambda start=start: Session(start), [*GREETED, *chunks])


def test_memory_is_bounded_by_hostile_numbers():
    """Pieces that cannot be, blocks that never end, files and runs without number."""
    noise = random.Random(9)
    steps = [*TALK[:7]]
    for at in range(3000):
        piece = noise.choice([at, at * 8, 0xFFFFFFFF, (1 << 21) - 1])
        steps.append((S, build.block(piece, noise.randrange(1 << 14), b"x" * 40)))
        steps.append((C, build.have(piece)))
    kit.check_garbage(lambda: Session(START), steps, bound=3 << 20)


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_law_segmentation_of_what_is_encrypted(size):
    """A handshake that comes too late is chance, however the stream is cut."""
    noise = random.Random(8)
    for ahead in (SEALED - 68, SEALED - 67, SEALED, SEALED + 500):
        talk = [
            (C, noise.randbytes(200)),
            (S, noise.randbytes(ahead) + build.hello(build.OTHER) + build.have(1)),
        ]
        kit.check_segmentation(lambda: Session(TOLD), talk, size)
        steps = kit.decode(Session(TOLD), talk)
        assert bool(kit.events(steps, PeerHandshake)) is (ahead == SEALED - 68)


# -- what other connections said -----------------------------------------------------------------


def test_an_info_dictionary_of_another_connection_serves():
    """Witness of the recording: the files that Transmission wrote, over its second connection."""
    [kept] = kit.effects(told(*TALK), Remember)
    known = {kept.key: kept.value}
    start = Start("tcp", START.client, START.server, recall=known.get)
    again = [*GREETED, *TALK[7:8], *BOOK]
    steps = told(*again, start=start)
    assert traffic(steps)[S].verified == 4
    assert kit.events(steps, Download)[0].name == "book"
    assert [each.verified for each in kit.effects(steps, FileClose)] == [True]
    assert not traffic(told(*again, start=Start("tcp", START.client, START.server, recall={}.get)))[
        S
    ].verified
    run = Scan(kit.EXAMPLES / "bittorrent" / "bittorrent_private_tcp.pcap")
    list(run)
    assert {(each.sha256[:16], each.verified) for each in run.document.files} == {
        ("5b532707e0b91d97", True),
        ("35c367b1c5262a15", True),
        ("88e9441bf287f11f", True),
    }
