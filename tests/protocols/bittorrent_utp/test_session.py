"""uTP: recorded flows, connections made by hand, the laws, foreign captures."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import fits
from tests.protocols.bittorrent import test_session as peers
from tests.protocols.bittorrent_utp import build
from tests.protocols.bittorrent_utp.build import DATA, FIN, RESET, STATE, SYN, packet

from backchannel.effects import Inner, InnerEnd, InnerGap, Open
from backchannel.model import MORE, Capability, Claim, Confidence, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.bittorrent.events import PeersSealed, PeerTraffic, Torrent
from backchannel.protocols.bittorrent_utp import PROTOCOL
from backchannel.protocols.bittorrent_utp.events import UtpConnection
from backchannel.protocols.bittorrent_utp.lane import LATE
from backchannel.protocols.bittorrent_utp.session import CONNECTIONS, Session, recognise

C, S = Side.CLIENT, Side.SERVER
START = Start("udp", Endpoint("192.0.2.1", 6881), Endpoint("198.51.100.7", 51413))
TOLD = Start("udp", START.client, START.server, service="bittorrent")
MINE = sorted((kit.EXAMPLES / "bittorrent").glob("*.pcap"))
PUBLIC = kit.CORPUS / "public" / "bittorrent" / "bittorrent_utp.pcap"
ID, FIRST, ANSWER = build.ID, build.FIRST, build.ANSWER
ASKS, AGREES = packet(SYN, ID, FIRST, 0), packet(STATE, ID, ANSWER, FIRST)
HELLO = peers.GREETED[0][1]
TALK = build.connection(peers.TALK)


def told(*steps, start=START):
    return kit.decode(Session(start), list(steps))


def claim(client, server=b"", start=START, transport="udp"):
    return recognise(Peek(transport, client, server, True, start))


def inner(steps, side, channel=str(ID)):
    found = [value for value in kit.effects(steps, Inner) if value.channel == channel]
    return b"".join(value.data for value in found if value.side is side)


# -- recognised ----------------------------------------------------------------------------------


def test_an_answer_to_a_syn_is_what_proves_it():
    assert claim(ASKS) is MORE
    assert claim(b"", AGREES) is MORE
    found = claim(ASKS, AGREES)
    assert isinstance(found, Claim)
    assert found.evidence == "SYN of uTP and its answer"
    assert claim(ASKS, packet(STATE, ID + 1, ANSWER, FIRST)) is None
    assert claim(ASKS, packet(STATE, ID, ANSWER, FIRST + 1)) is None
    assert claim(ASKS, packet(SYN, ID, ANSWER, FIRST)) is None
    assert claim(ASKS, AGREES, transport="tcp") is None


def test_amid_a_connection_both_sides_have_to_agree():
    one, other = packet(DATA, ID + 1, 90, 500, b"x"), packet(STATE, ID, 501, 90)
    assert isinstance(claim(one, other), Claim)
    assert isinstance(claim(other, one), Claim)
    assert claim(one, packet(STATE, ID + 1, 501, 90)) is None
    assert claim(one, packet(STATE, ID, 501, 9000)) is None
    assert claim(one, packet(STATE, ID, 9000, 90)) is None


def test_an_announced_flow_needs_no_answer():
    found = claim(ASKS, start=TOLD)
    assert isinstance(found, Claim)
    assert found.confidence is Confidence.EXPECTED
    assert claim(b"d1:ad2:id20:", start=TOLD) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        ASKS[:19],
        b"\x42" + ASKS[1:],
        b"\x51" + ASKS[1:],
        ASKS + b"payload",
        packet(DATA, ID, 1, 1),
        packet(STATE, ID, 1, 1, b"payload"),
        packet(STATE, ID, 1, 1, extensions=[(1, b"abc")]),
        packet(STATE, ID, 1, 1, extensions=[(9, b"abcd")]),
        packet(STATE, ID, 1, 1, extensions=[(1, b"abcd")])[:-1],
        packet(STATE, ID, 1, 1, extensions=[(1, b"abcd")] * 5),
        AGREES[:12] + b"\x01" + AGREES[13:],
    ],
)
def test_what_is_no_packet_is_nobodys(data):
    assert not isinstance(claim(ASKS, data), Claim)
    if data:
        assert claim(data, AGREES) is None


@pytest.mark.parametrize(
    "data",
    [
        ASKS,
        packet(SYN, ID, 1, 0, extensions=[(2, bytes(8))]),
        packet(DATA, ID, 1, 9, b"x"),
        AGREES,
        packet(STATE, ID, 1, 9, extensions=[(1, b"\1\0\0\0")]),
    ],
)
def test_what_opens_a_flow_passes_the_magic(data):
    assert any(fits(magic, data) for magic in PROTOCOL.magic)


def test_no_foreign_capture_is_claimed():
    for path in kit.foreign(*MINE):
        assert not kit.claimed(path, recognise), path


# -- recorded ------------------------------------------------------------------------------------


@pytest.mark.skipif(not PUBLIC.exists(), reason="needs the corpus")
def test_a_block_between_libtorrent_and_utorrent():
    """Witness: tshark 4.0.17 with `-d udp.port==40959,bt-utp` shows the handshakes and piece 888 in
    two blocks; both programs name themselves in their peer ids."""
    seen = [each for each in Scan(PUBLIC) if each.stack.endswith("bittorrent-utp/bittorrent")]
    traffic = [each.event for each in seen if isinstance(each.event, PeerTraffic)]
    assert [(each.peer[:8], each.uploaded, each.pieces, each.taken) for each in traffic] == [
        ("-LT1100-", 32768, 1, 1),
        ("2d554d31", 0, 0, 0),
    ]


def test_a_magnet_link_over_utp():
    """Witness: libtorrent's log (metadata received, pieces 0 and 1 finished) and the SHA-256 of the
    files that it wrote.
    """
    run = Scan(kit.EXAMPLES / "bittorrent" / "bittorrent_magnet_utp.pcap")
    seen = [each.event for each in run if each.stack == "bittorrent-utp/bittorrent"]
    [torrent] = [each for each in seen if isinstance(each, Torrent)]
    assert (torrent.name, torrent.size, torrent.files, torrent.pieces) == (
        "tide-tables",
        27_587,
        3,
        2,
    )
    assert {(each.name, each.sha256[:16], each.verified) for each in run.document.files} == {
        ("tide-tables/about this.txt", "5b532707e0b91d97", True),
        ("tide-tables/harbour.txt", "35c367b1c5262a15", True),
        ("tide-tables/charts/north.bin", "88e9441bf287f11f", True),
    }
    sent = [each for each in seen if isinstance(each, PeerTraffic)]
    assert [(each.uploaded, each.verified, each.failed) for each in sent] == [
        (0, 0, 0),
        (27_587, 2, 0),
    ]


def test_an_encrypted_connection_is_counted_and_holds_no_stream():
    """Witness: tshark 4.0.17 lists the data packets; what is behind their headers makes 1,197 and
    21,332 bytes, each number once."""
    seen = list(Scan(kit.EXAMPLES / "bittorrent" / "libtorrent_dht_nat.pcap"))
    [connection] = [each.event for each in seen if isinstance(each.event, UtpConnection)]
    assert not connection.readable
    assert (connection.sent, connection.received) == (1197, 21_332)
    assert {each.stack for each in seen} == {"bittorrent-dht", "bittorrent-dht/bittorrent-utp"}


# -- connections ---------------------------------------------------------------------------------


def test_the_exchange_proves_the_flow():
    session = Session(START)
    session.feed(C, ASKS)
    session.feed(C, ASKS)
    assert session.standing is Standing.CLAIMED
    session.feed(S, packet(STATE, ID, ANSWER, FIRST + 9))
    assert session.standing is Standing.CLAIMED
    session.feed(S, AGREES)
    assert session.standing is Standing.PARSED


@pytest.mark.parametrize("opener", Side)
def test_what_it_carries_is_an_inner_stream(opener):
    steps = told(*build.connection(peers.TALK, opener))
    for side in Side:
        sent = b"".join(data for who, data in peers.TALK if who is side)
        assert inner(steps, side) == sent
    [opened] = kit.effects(steps, Open)
    assert (opened.transport, opened.host, opened.port) == ("tcp", "198.51.100.7", 51413)
    assert opened.inbound is (opener is S)
    [ended] = kit.effects(steps, InnerEnd)
    [connection] = kit.events(steps, UtpConnection)
    assert ended.channel == str(connection.id) == str(ID)
    assert (connection.ended, connection.lost, connection.readable) == ("fin", 0, True)
    assert connection.sent == sum(len(data) for side, data in peers.TALK if side is C)


def test_peers_are_decoded_inside(tmp_path):
    path = craft.write(tmp_path / "utp.pcap", craft.datagrams(TALK, server=START.server))
    seen = list(Scan(path))
    assert {each.stack for each in seen} == {"bittorrent-utp", "bittorrent-utp/bittorrent"}
    [torrent] = [each.event for each in seen if isinstance(each.event, Torrent)]
    assert torrent.name == "book"


def test_the_first_packet_behind_an_answer_has_its_number_or_the_next():
    for first in (ANSWER, ANSWER + 1):
        steps = [
            (C, ASKS),
            (S, AGREES),
            (C, packet(DATA, ID + 1, FIRST + 1, first - 1, HELLO)),
            (S, packet(DATA, ID, first + 1, FIRST + 1, b"later")),
            (S, packet(DATA, ID, first, FIRST + 1, b"sooner ")),
        ]
        assert inner(told(*steps), S) == b"sooner later"


def test_packets_come_in_any_order_and_twice():
    noise = random.Random(2)
    sent = HELLO + noise.randbytes(30_000)
    parts = [sent[at : at + 700] for at in range(0, len(sent), 700)]
    packets = [
        (C, packet(DATA, ID + 1, FIRST + 1 + at, ANSWER - 1, part)) for at, part in enumerate(parts)
    ]
    for _ in range(5):
        mixed = packets[:1] + packets[1:10] * 2
        noise.shuffle(mixed)
        rest = packets[10:]
        steps = told((C, ASKS), (S, AGREES), *mixed, *rest)
        assert inner(steps, C) == sent
        assert kit.events(steps, UtpConnection)[0].sent == len(sent)


def test_what_was_acknowledged_and_not_captured_is_a_gap():
    number = FIRST + 1
    steps = told(
        (C, ASKS),
        (S, AGREES),
        (C, packet(DATA, ID + 1, number, ANSWER - 1, HELLO)),
        (C, packet(DATA, ID + 1, number + 3, ANSWER - 1, b"behind")),
        (S, packet(STATE, ID, ANSWER, number + 2)),
        (S, packet(STATE, ID, ANSWER, number + 9000)),
    )
    assert [gap.size for gap in kit.effects(steps, InnerGap)] == [0]
    assert inner(steps, C) == HELLO + b"behind"
    assert kit.events(steps, UtpConnection)[0].lost == 2


@pytest.mark.parametrize(("late", "gaps"), [(1, 0), (LATE, 0), (LATE + 1, 1)])
def test_packets_may_be_captured_behind_their_acknowledgements(late, gaps):
    """As where each direction has an interface of its own."""
    sent = [b"%d," % at for at in range(LATE + 3)]
    number = FIRST + 2
    asked = [
        (C, packet(DATA, ID + 1, number + at, ANSWER - 1, part)) for at, part in enumerate(sent)
    ]
    heard = [(S, packet(STATE, ID, ANSWER, number + at)) for at in range(len(sent))]
    steps = [(C, ASKS), (S, AGREES), (C, packet(DATA, ID + 1, FIRST + 1, ANSWER - 1, HELLO))]
    steps += heard[:late]
    for at, each in enumerate(asked):
        steps += [each, *heard[late + at : late + at + 1]]
    steps = told(*steps)
    assert len(kit.effects(steps, InnerGap)) == gaps
    assert (inner(steps, C) == HELLO + b"".join(sent)) is not gaps


def test_more_early_packets_than_are_held_are_a_gap():
    number = FIRST + 1
    early = [(C, packet(DATA, ID + 1, number + at, ANSWER - 1, b"x")) for at in range(2, 2 + 65)]
    steps = told((C, ASKS), (S, AGREES), (C, packet(DATA, ID + 1, number, 0, HELLO)), *early)
    assert len(kit.effects(steps, InnerGap)) == 1
    assert inner(steps, C) == HELLO + b"x" * 65


def test_what_was_early_and_had_its_turn_is_held_no_more():
    number, steps = FIRST + 2, list(TALK[:2])
    steps.append((C, packet(DATA, ID + 1, FIRST + 1, 0, HELLO)))
    for _ in range(100):
        steps += [(C, packet(DATA, ID + 1, number + at, 0, bytes(1000))) for at in (1, 0)]
        number += 2
    assert not kit.effects(told(*steps), InnerGap)


@pytest.mark.parametrize("opening", [b"\x13BitTorrent PROTOCOL", random.Random(6).randbytes(96)])
def test_other_streams_are_counted_only(opening):
    steps = told(*build.connection([(C, opening), (S, opening)]))
    assert not kit.effects(steps)
    assert kit.events(steps, PeersSealed) == [PeersSealed(carrier="utp")]
    [connection] = kit.events(steps, UtpConnection)
    assert (connection.sent, connection.readable) == (len(opening), False)


def test_a_reset_ends_a_connection():
    steps = told(*TALK[:4], (S, packet(RESET, ID, 1, 1)))
    assert kit.events(steps, UtpConnection)[0].ended == "reset"
    assert kit.effects(steps, InnerEnd)


def test_an_end_that_comes_early_waits_for_what_is_before_it():
    number = FIRST + 1
    steps = [
        (C, ASKS),
        (S, AGREES),
        (C, packet(FIN, ID + 1, number + 1, ANSWER - 1)),
        (S, packet(FIN, ID, ANSWER, FIRST)),
    ]
    assert not kit.events(kit.decode(Session(START), steps, ends=False), UtpConnection)
    steps.append((C, packet(DATA, ID + 1, number, ANSWER, HELLO)))
    [connection] = kit.events(kit.decode(Session(START), steps, ends=False), UtpConnection)
    assert (connection.ended, connection.sent) == ("fin", len(HELLO))


def test_a_connection_that_was_joined_midway():
    session = Session(START)
    talk = [
        (S, packet(STATE, ID, 700, 90)),
        (C, packet(DATA, ID + 1, 91, 699, b"one ")),
        (C, packet(DATA, ID + 1, 92, 699, b"two ")),
        (S, packet(DATA, ID, 700, 92, b"three")),
    ]
    steps = kit.decode(session, talk)
    assert session.standing is Standing.PARSED
    assert (inner(steps, C), inner(steps, S)) == (b"one two ", b"three")
    flipped = kit.decode(Session(START), [(side.other, data) for side, data in talk])
    assert inner(flipped, C) == b"one two ", "who opened it is the client"
    assert kit.effects(flipped, Open)[0].inbound


def test_connections_of_one_flow_are_told_apart_and_bounded():
    steps = []
    for number in range(100, 100 + 10 * (CONNECTIONS + 3), 10):
        steps += build.connection([(C, HELLO)], number=number)[:3]
    found = told(*steps)
    assert len(kit.events(found, UtpConnection)) == CONNECTIONS + 3
    assert len(kit.effects(found, Open)) == CONNECTIONS + 3
    again = told(*TALK[:6], *build.connection([(S, HELLO)], opener=S)[:5])
    assert len(kit.events(again, UtpConnection)) == 2


def test_the_hash_table_s_messages_are_a_stream_of_their_own():
    query = b"d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"
    steps = told(*TALK[:4], (S, query), (C, query))
    opened = [value for value in kit.effects(steps, Open) if value.transport == "udp"]
    assert [value.channel for value in opened] == ["dht"]
    assert inner(steps, S, "dht") == inner(steps, C, "dht") == query


def test_a_foreign_datagram_refutes_what_is_not_proved():
    session = Session(START)
    session.feed(C, ASKS)
    session.feed(S, b"something else")
    assert session.standing is Standing.REFUTED
    session = Session(START)
    assert kit.decode(session, [*TALK[:4], (S, b"something else")])
    assert session.standing is Standing.PARSED


# -- the laws ------------------------------------------------------------------------------------

packets = st.builds(
    packet,
    st.integers(0, 5),
    st.integers(ID - 2, ID + 2),
    st.integers(0, 40),
    st.integers(0, 40),
    st.binary(max_size=30),
)


@given(st.lists(st.tuples(st.sampled_from(Side), st.one_of(st.binary(max_size=60), packets))))
def test_law_garbage(chunks):
    kit.check_garbage(lambda: Session(START), chunks)
    kit.check_garbage(lambda: Session(START), [*TALK[:5], *chunks])


@given(st.permutations(TALK[:24]))
def test_the_order_of_packets_never_raises(steps):
    kit.check_garbage(lambda: Session(START), steps)


def test_memory_is_bounded():
    steps = []
    for number in range(0, 10_000, 5):
        steps += [(C, packet(SYN, number, 1, 0)), (S, packet(STATE, number, 9, 1))]
        for at in range(60):
            steps.append((C, packet(DATA, number + 1, 3 + at, 8, bytes(1400))))
            steps.append((S, packet(DATA, number, 11 + at, 1, bytes(1400))))
        if len(steps) > 20_000:
            break
    kit.check_garbage(lambda: Session(START), steps, bound=CONNECTIONS * (2 << 16) + (1 << 16))


def test_it_is_for_sharing_files_alone():
    assert UtpConnection(id=1, sent=0, received=0).capability is Capability.FILE_SHARING
