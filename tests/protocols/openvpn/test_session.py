"""OpenVPN: captures with facts of tshark and the programs' logs, packets by hand, the laws."""

import random
import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.matcher import Matcher

from backchannel.effects import Inner, InnerEnd, Open, Tie
from backchannel.events import Gap, Malformed
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.openvpn import PROTOCOL, channel, session, wire
from backchannel.protocols.openvpn.events import OpenvpnHandshake, OpenvpnTraffic
from backchannel.protocols.openvpn.session import Session, recognise
from backchannel.protocols.openvpn.wire import Shape

C, S = Side.CLIENT, Side.SERVER
ENDS = Endpoint("10.0.0.1", 40000), Endpoint("198.51.100.1", 443)
UDP, TCP = Start("udp", *ENDS), Start("tcp", *ENDS)
PUBLIC = kit.CORPUS / "public/openvpn"
with_corpus = pytest.mark.skipif(not PUBLIC.exists(), reason="the public corpus is not here")
EXAMPLES = sorted((kit.EXAMPLES / "openvpn").glob("*.pcap"))
MATCHER = Matcher({"openvpn": PROTOCOL})
TIME = 0x6A000000
PLAIN, SHA1, SHA256 = Shape("none"), Shape("tls-auth", 20), Shape("tls-auth", 32)
CRYPT, CRYPT2 = Shape("tls-crypt"), Shape("tls-crypt-v2")
SHAPES = pytest.mark.parametrize(
    "shape", [PLAIN, SHA1, SHA256, CRYPT], ids=lambda s: f"{s.wrapping}-{s.hmac}"
)
ALICE, BOB = bytes.fromhex("a1b2c3d4e5f60718"), bytes.fromhex("0f1e2d3c4b5a6978")


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def control(opcode, sid, body, shape=PLAIN, *, replay=1, key=0):
    head, guard = bytes([opcode << 3 | key]) + sid, struct.pack(">II", replay, TIME)
    if shape.wrapping == "none":
        return head + body
    if shape.wrapping == "tls-auth":
        return head + noise(replay, shape.hmac) + guard + body
    return head + guard + noise(replay, 32 + len(body))


def acks(*numbers, to=ALICE):
    return (
        bytes([len(numbers)])
        + b"".join(struct.pack(">I", n) for n in numbers)
        + (to if numbers else b"")
    )


def asked(sid=ALICE, shape=PLAIN):
    if shape is CRYPT2:
        key = noise(3, 297) + struct.pack(">H", 299)
        return control(10, sid, bytes(5), shape) + key
    return control(7, sid, bytes(5), shape)


def answered(sid=BOB, to=ALICE, shape=PLAIN):
    return control(8, sid, acks(0, to=to) + bytes(4), shape)


def tls(sid, number, payload, to=None, shape=PLAIN):
    body = (acks(0, to=to) if to else b"\0") + struct.pack(">I", number) + payload
    return control(4, sid, body, shape, replay=2)


def ack(sid, to, *numbers, shape=PLAIN):
    return control(5, sid, acks(*numbers or (0,), to=to), shape, replay=2)


def data(number=1, peer=7, size=120, key=0, sender=0):
    head = bytes([9 << 3 | key]) + peer.to_bytes(3, "big") + struct.pack(">I", number)
    return head + noise(number + sender, size - 8)


def old_data(seed=1, size=85):
    return b"\x30" + noise(seed, size - 1)


def framed(*packets):
    return b"".join(struct.pack(">H", len(packet)) + packet for packet in packets)


def look(client=b"", server=b"", transport="udp"):
    return recognise(Peek(transport, client, server, True, UDP if transport == "udp" else TCP))


def say(*steps, start=UDP, ends=True):
    made = Session(start)
    return made, kit.decode(made, steps, ends=ends)


def stages(told):
    return [(e.stage, e.wrapping, e.attempt) for e in kit.events(told, OpenvpnHandshake)]


# -- captures ----------------------------------------------------------------------------------


@with_corpus
def test_what_tshark_says_of_the_public_captures():
    """tshark: ten conversations, all OpenVPN; a server that answers from another address."""
    flows = kit.claimed(PUBLIC / "openvpn.pcap", recognise)
    assert Counter(flow.start.transport for flow in flows) == {"udp": 7, "tcp": 3}
    shapes = Counter()
    for flow in flows:
        made = Session(flow.start)
        told = kit.decode(made, flow.steps)
        assert made.standing is Standing.PARSED
        assert kit.events(told, Malformed) == []
        shapes.update({(e.wrapping, e.hmac) for e in kit.events(told, OpenvpnHandshake)})
    assert shapes == {
        ("none", 0): 4,
        ("tls-auth", 160): 3,
        ("tls-auth", 512): 2,
        ("tls-crypt", 0): 1,
    }
    (hidden,) = kit.claimed(PUBLIC / "openvpn-tlscrypt.pcap", recognise)
    made = Session(hidden.start)
    told = kit.decode(made, hidden.steps)
    assert made.standing is Standing.PARSED
    assert stages(told) == [("initiated", "tls-crypt-v2", 1), ("answered", "tls-crypt-v2", 1)]


# -- recognise ---------------------------------------------------------------------------------


@SHAPES
def test_resets_of_every_wrapping_are_claimed(shape):
    assert isinstance(look(asked(shape=shape)), Claim)
    assert isinstance(look(asked(shape=shape), answered(shape=shape)), Claim)
    assert look(answered(shape=shape), asked(shape=shape)).flipped
    assert MATCHER.candidates("udp", asked(shape=shape)) == ["openvpn"]
    assert MATCHER.candidates("udp", answered(shape=shape)) == ["openvpn"]
    assert MATCHER.candidates("tcp", framed(asked(shape=shape))) == ["openvpn"]
    assert isinstance(look(framed(asked(shape=shape)), b"", "tcp"), Claim)


def test_a_key_for_each_client_makes_the_reset_long():
    assert wire.client_reset(asked(shape=CRYPT2)) == CRYPT2
    assert MATCHER.candidates("udp", asked(shape=CRYPT2)) == ["openvpn"]
    assert MATCHER.candidates("tcp", framed(asked(shape=CRYPT2))) == ["openvpn"]
    assert isinstance(look(asked(shape=CRYPT2), answered(shape=CRYPT)), Claim)
    assert look(asked(shape=CRYPT2)[:-1]) is None
    assert look(asked(shape=CRYPT2) + b"\0") is None
    short = control(10, ALICE, bytes(5), CRYPT2) + noise(3, 198) + b"\0\xc8"
    assert look(short) is None  # no key and tag fit into 200 bytes


@pytest.mark.parametrize("size", [16, 20, 28, 32, 48, 64])
def test_the_hmac_is_measured(size):
    assert wire.client_reset(asked(shape=Shape("tls-auth", size))) == Shape("tls-auth", size)


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (b"", b""),
        (b"\x39" + asked()[1:], b""),  # a reset has key 0
        (b"\x38" + bytes(13), b""),
        (asked()[:-1] + b"\1", b""),
        (asked()[:-1], b""),
        (asked() + b"\0", b""),
        (control(7, ALICE, bytes(5), CRYPT, replay=77), b""),
        (control(7, ALICE, bytes(4) + b"\1", SHA1), b""),
        (noise(1, 54), b""),
        (b"\x38" + noise(1, 53), b""),
        (asked(), answered(to=BOB)),
        (asked(), answered(shape=SHA1)),
        (asked(), noise(2, 26)),
        (answered(shape=CRYPT)[:-1], b""),
        (control(8, BOB, noise(4, 17), CRYPT, replay=2), b""),
        (data(), asked()),
        (data(size=20), b""),
        (old_data(), b""),
    ],
)
def test_what_is_not_ours(client, server):
    assert look(client, server) is None


def test_a_servers_reset_alone_tells_whose_session_it_answers():
    assert look(b"", answered()) == look(b"", answered())
    assert not look(b"", answered()).flipped
    assert look(answered()).flipped


def test_a_stream_is_waited_for():
    whole = framed(asked())
    for size in range(1, len(whole)):
        assert look(whole[:size], b"", "tcp") is MORE
    assert look(whole, framed(answered())[:9], "tcp") is MORE
    assert isinstance(look(whole, framed(answered()), "tcp"), Claim)
    assert look(b"\x00\x0e\x16" + whole[3:], b"", "tcp") is None
    assert look(b"GET / HTTP/1.1\r\n", b"", "tcp") is None
    assert look(whole, b"HTTP/1.1 200 OK\r\n", "tcp") is None
    assert recognise(Peek("ip", asked(), b"", True, UDP)) is None


# -- sessions ----------------------------------------------------------------------------------


@SHAPES
def test_an_answer_proves_it(shape):
    made, told = say((C, asked(shape=shape)), (S, answered(shape=shape)), ends=False)
    assert [stage[:2] for stage in stages(told)] == [
        ("initiated", shape.wrapping),
        ("answered", shape.wrapping),
    ]
    hidden = shape is CRYPT  # whom it answers is encrypted: proved by the next packet
    assert made.standing is (Standing.CLAIMED if hidden else Standing.PARSED)
    made.feed(C, ack(ALICE, BOB, shape=shape))
    assert made.standing is Standing.PARSED
    initiated, done = kit.events(told, OpenvpnHandshake)
    assert (initiated.session, done.session, done.remote) == (ALICE.hex(), BOB.hex(), ALICE.hex())
    assert initiated.hmac == 8 * shape.hmac


def test_an_answer_to_somebody_else_is_none():
    made, told = say((C, asked()), (S, answered(to=BOB)), ends=False)
    assert (made.standing, len(stages(told))) == (Standing.CLAIMED, 1)


def test_attempts_are_counted_and_silence_is_told():
    made, told = say((C, asked()), (C, asked()), (C, asked()))
    assert made.standing is Standing.CLAIMED
    assert [(stage, attempt) for stage, _, attempt in stages(told)] == [
        ("initiated", 1),
        ("initiated", 2),
        ("initiated", 3),
        ("unanswered", 3),
    ]


def test_a_server_with_two_addresses_answers_in_another_flow():
    """In the public capture: the client's packets here, the server's there."""
    _, told = say((C, asked()), (C, ack(ALICE, BOB)))
    assert [stage[0] for stage in stages(told)] == ["initiated"]
    made, told = say((S, answered()), (S, ack(BOB, ALICE)))
    assert made.standing is Standing.PARSED
    assert [tie.key for tie in kit.effects(told, Tie)] == [f"openvpn/{BOB.hex()}"]


def test_a_client_that_begins_anew_has_another_session():
    _, told = say(
        (C, asked()),
        (S, answered()),
        (C, asked(BOB[::-1])),
        (S, answered(to=BOB[::-1])),
        ends=False,
    )
    assert [stage[0] for stage in stages(told)] == ["initiated", "answered"] * 2


def test_new_keys_are_told_once():
    # version 2.6 takes the keys of the first handshake to wrap the next in
    soft = [control(3, sid, bytes(5), CRYPT, key=1) for sid in (BOB, ALICE)]
    _, told = say((C, asked()), (S, answered()), (S, soft[0]), (C, soft[1]), ends=False)
    assert not kit.events(told, Malformed)
    (rekeying,) = [e for e in kit.events(told, OpenvpnHandshake) if e.stage == "rekeying"]
    assert (rekeying.key, rekeying.session) == (1, BOB.hex())


@pytest.mark.parametrize("other", [noise(1, 60), b"\x28" + BOB + noise(2, 40), b"\xff" * 60])
def test_what_does_not_go_on_is_withdrawn(other):
    made, _ = say((C, asked()), (S, other), (S, other), ends=False)
    assert made.standing is Standing.REFUTED
    assert made.feed(C, asked()) == []


# -- TLS inside --------------------------------------------------------------------------------


def inner(told, side):
    return b"".join(e.data for e in kit.effects(told, Inner) if e.side is side)


@pytest.mark.parametrize("shape", [PLAIN, SHA1, SHA256], ids=lambda s: s.wrapping)
def test_the_handshake_inside_is_put_in_order(shape):
    parts = [tls(ALICE, n, b"part %d;" % n, shape=shape) for n in (1, 2, 3)]
    steps = [(C, asked(shape=shape)), (S, answered(shape=shape))]
    steps += [(C, parts[at]) for at in (0, 2, 2, 0, 1)]
    steps += [(S, tls(BOB, 1, b"hello", to=ALICE, shape=shape))]
    _, told = say(*steps)
    assert inner(told, C) == b"part 1;part 2;part 3;"
    assert inner(told, S) == b"hello"
    assert len(kit.effects(told, Open)) == len(kit.effects(told, InnerEnd)) == 1


def test_encrypted_control_is_not_opened():
    _, told = say(
        (C, asked(shape=CRYPT)),
        (S, answered(shape=CRYPT)),
        (C, tls(ALICE, 1, b"x" * 90, shape=CRYPT)),
    )
    assert not kit.effects(told, Open)


def test_data_ends_the_look_at_the_handshake():
    steps = [(C, asked()), (S, answered()), (C, tls(ALICE, 1, b"one")), (C, data())]
    _, told = say(*steps, (C, tls(ALICE, 2, b"two")))
    assert inner(told, C) == b"one"


def test_packets_that_never_come_end_it_too():
    steps = [(C, tls(ALICE, n, b"x" * 900)) for n in range(3, 60)]
    made, told = say((C, asked()), (S, answered()), (C, tls(ALICE, 1, b"one")), *steps, ends=False)
    assert inner(told, C) == b"one"
    assert len(kit.effects(told, InnerEnd)) == 1
    assert kit.footprint(made) < 2000


def test_packets_that_come_again_change_nothing():
    parts = [(C, tls(ALICE, n, b"%02d" % n + bytes(900))) for n in range(1, 31)]
    _, told = say((C, asked()), (S, answered()), *parts, *parts, (C, tls(ALICE, 31, b"31")))
    assert inner(told, C).endswith(b"31")
    assert len(inner(told, C)) == 30 * 902 + 2


def test_nobody_acknowledges_so_much_at_once():
    eight, nine = (
        control(4, ALICE, acks(*range(count), to=BOB) + struct.pack(">I", 1) + b"one")
        for count in (8, 9)
    )
    assert inner(say((C, asked()), (S, answered()), (C, eight))[1], C) == b"one"
    assert inner(say((C, asked()), (S, answered()), (C, nine))[1], C) == b""


def test_so_much_of_it_is_enough():
    steps = [(S, tls(BOB, n, bytes(1200))) for n in range(1, 90)]
    _, told = say((C, asked()), (S, answered()), *steps, ends=False)
    assert channel.ENOUGH < len(inner(told, S)) <= channel.ENOUGH + 1200


def test_a_broken_packet_costs_itself():
    broken = control(4, ALICE, b"\x09" + bytes(30))
    _, told = say(
        (C, asked()), (S, answered()), (C, broken), (C, tls(ALICE, 1, b"one")), ends=False
    )
    assert [type(e) for e in kit.events(told, Malformed)] == [Malformed]
    assert inner(told, C) == b"one"


# -- data --------------------------------------------------------------------------------------


def traffic(told):
    return [
        (side, e.state, e.version, e.peer, e.packets, e.octets)
        for side, e in told
        if isinstance(e, OpenvpnTraffic)
    ]


def test_data_is_summed_up():
    steps = [(C, asked()), (S, answered()), (C, data(1)), (S, data(1)), (C, data(2, key=1))]
    _, told = say(*steps)
    assert traffic(told) == [
        (C, "begins", 2, 7, 1, 120),
        (S, "begins", 2, 7, 1, 120),
        (C, "ends", 2, 7, 2, 240),
        (S, "ends", 2, 7, 1, 120),
    ]
    assert kit.events(told, OpenvpnTraffic)[2].keys == (0, 1)


def test_data_of_version_1_has_no_peer():
    _, told = say((C, asked()), (S, answered()), (S, old_data()))
    assert traffic(told)[-1] == (S, "ends", 1, None, 1, 85)


def test_data_alone_proves_itself_by_counting_up():
    made, told = say(*[(side, data(n, sender=side)) for n in (90, 91) for side in Side])
    assert (made.standing, told) == (Standing.REFUTED, [])
    made, told = say(*[(side, data(n)) for n in (90, 91, 93, 94) for side in Side], ends=False)
    assert made.standing is Standing.PARSED
    assert [row[:2] for row in traffic(told)] == [(C, "begins"), (S, "begins")]
    assert MATCHER.candidates("udp", data()) == ["openvpn"]
    assert MATCHER.candidates("udp", data(peer=wire.NO_PEER)) == ["openvpn"]


@pytest.mark.parametrize(
    "packets",
    [
        [data(n, peer=n) for n in range(9)],
        [data(n) for n in (5, 900, 7, 4000, 2, 70, 1000)],
        [data(5) for _ in range(9)],
    ],
    ids=["peers", "numbers", "same"],
)
def test_data_that_does_not_continue_is_withdrawn(packets):
    made, told = say(*[(C, packet) for packet in packets])
    assert (made.standing, told) == (Standing.REFUTED, [])


def test_a_busy_tunnel_is_left_alone_once_enough_was_seen():
    steps = [(C, asked()), (S, answered()), *[(C, data(n)) for n in range(session.ENOUGH)]]
    made, told = say(*steps, ends=False)
    assert made.done
    assert traffic(told)[-1][:5] == (C, "counted", 2, 7, session.ENOUGH)
    assert made.feed(C, asked()) == made.end(C) == []


def test_chatter_of_others_ends_the_look():
    made, _ = say((C, asked()), (S, answered()), ends=False)
    for n in range(session.ENOUGH):
        assert not made.done
        made.feed(C, b"\xff" + noise(n, 20))
    assert made.done


# -- streams -----------------------------------------------------------------------------------

TALK = [
    (C, framed(asked())),
    (S, framed(answered())),
    (C, framed(ack(ALICE, BOB), tls(ALICE, 1, b"\x16\3\1 hello of a client"))),
    (S, framed(ack(BOB, ALICE, 1), tls(BOB, 1, b"\x16\3\3 hello of a server"))),
    (C, framed(tls(ALICE, 2, b"more"), data(1), data(2))),
    (S, framed(data(1), data(2), control(3, BOB, b"\0" + bytes(4), key=1))),
]


def test_a_stream_tells_the_same_as_datagrams():
    _, told = say(*TALK, start=TCP)
    assert inner(told, C) == b"\x16\3\1 hello of a clientmore"
    assert [stage[0] for stage in stages(told)] == ["initiated", "answered", "rekeying"]
    assert traffic(told)[-1] == (S, "ends", 2, 7, 2, 240)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 40])
def test_segmentation_changes_nothing(size):
    kit.check_segmentation(lambda: Session(TCP), TALK, size)


def test_a_gap_loses_the_stream():
    made, told = say(*TALK[:2], (C, 50), TALK[2], TALK[3], start=TCP, ends=False)
    assert Gap(size=50) in kit.events(told)
    assert inner(told, C) == b""
    assert made.gap(S, 9)[0] == Gap(size=9)
    assert made.done


def test_lost_framing_silences_the_side():
    made, told = say(*TALK[:2], (C, framed(b"\xff" * 20) + TALK[2][1]), start=TCP, ends=False)
    assert [type(e) for e in kit.events(told)][-1] is Malformed
    assert made.feed(C, TALK[2][1]) == []
    assert not made.partial(C)


def test_a_packet_that_is_not_whole_is_held():
    made, _ = say((C, TALK[0][1][:9]), start=TCP, ends=False)
    assert (made.partial(C), made.partial(S)) == (True, False)
    made.feed(C, TALK[0][1][9:])
    assert not made.partial(C)


# -- laws --------------------------------------------------------------------------------------

SIDS, KINDS = st.sampled_from([ALICE, BOB]), st.sampled_from([PLAIN, SHA1, CRYPT, CRYPT2])
PACKETS = st.one_of(
    st.binary(max_size=60),
    st.builds(asked, SIDS, KINDS),
    st.builds(answered, SIDS, SIDS, st.sampled_from([PLAIN, SHA1, CRYPT])),
    st.builds(tls, SIDS, st.integers(0, 5), st.binary(max_size=20), st.none() | SIDS),
    st.builds(ack, SIDS, SIDS, st.integers(0, 9)),
    st.builds(data, st.integers(0, 9), st.integers(6, 7)),
    st.builds(control, st.integers(0, 31), SIDS, st.binary(max_size=30), KINDS),
)


@given(st.lists(st.tuples(st.sampled_from(Side), PACKETS), max_size=30), st.booleans())
def test_garbage_is_never_raised(steps, stream):
    if stream:
        steps = [(side, framed(packet)) for side, packet in steps]
    start = TCP if stream else UDP
    kit.check_garbage(lambda: Session(start), steps, bound=100_000)
    for side, packet in steps:
        look(packet if side is C else b"", packet if side is S else b"", start.transport)


@given(
    st.lists(st.tuples(st.sampled_from(Side), PACKETS.map(framed)), max_size=12), st.integers(1, 30)
)
def test_any_stream_is_cut_anywhere(steps, size):
    kit.check_segmentation(lambda: Session(TCP), [(C, framed(asked())), *steps], size)


def test_memory_is_bounded():
    made = Session(UDP)
    for n in range(3000):
        made.feed(C, asked(noise(n, 8)))
        made.feed(C, tls(noise(n, 8), n % 40, noise(n, 900)))
    assert kit.footprint(made) < 30_000
