"""OpenVPN met on its way: amid the handshake, or in a stream of data."""

import struct

import pytest
from tests import kit
from tests.protocols.openvpn.test_session import (
    ALICE,
    BOB,
    CRYPT,
    MATCHER,
    PLAIN,
    SHA1,
    SHA256,
    SHAPES,
    TCP,
    UDP,
    C,
    S,
    ack,
    answered,
    asked,
    data,
    framed,
    look,
    noise,
    say,
    tls,
)

from backchannel.model import MORE, Claim, Standing
from backchannel.protocols import Peek
from backchannel.protocols.openvpn.joining import joined
from backchannel.protocols.openvpn.session import recognise

MIDWAY = TCP.__class__("tcp", TCP.client, TCP.server, begun=False)


def met(client=b"", server=b""):
    return recognise(Peek("tcp", client, server, False, MIDWAY))


def at(packet, time, shape):
    """The packet with another time in its wrapping."""
    place = 13 + shape.hmac
    return packet[:place] + struct.pack(">I", time) + packet[place + 4 :]


def after(packet, shape):
    """The packet with the next replay id, which tls-crypt has in clear."""
    number = struct.unpack_from(">I", packet, 9)[0] + 1
    return packet[:9] + struct.pack(">I", number) + packet[13:] if shape == CRYPT else packet


@SHAPES
def test_a_handshake_is_known_amid_it(shape):
    """By one packet it is a question; who goes on with its session, or answers it, proves it."""
    hello, answer = tls(ALICE, 1, noise(5, 90), BOB, shape), ack(BOB, ALICE, 1, shape=shape)
    for packet in (hello, answer):
        claim = look(packet)
        assert isinstance(claim, Claim)
        assert not claim.sure
        assert MATCHER.candidates("udp", packet) == ["openvpn"]
    for then in ((S, answer), (C, after(hello, shape))):
        made, _ = say((C, hello), ends=False)
        assert made.standing is Standing.CLAIMED
        made.feed(*then)
        assert made.standing is Standing.PARSED
    assert isinstance(look(hello, answer), Claim)
    assert say((C, hello))[0].standing is Standing.REFUTED


def test_a_name_servers_answer_that_comes_twice_is_none():
    """Id, flags and counts pass for a session, the name's length and first letters for a replay."""
    name = b"\x0bratings-wrs\x08symantec\x03com\0\0\x1c\0\1"
    records = b"\xc0\x0c\0\5\0\1\0\0\1\3\0\x1f\x0bratings-wrs\x08symantec\3com\3ntn\xc0\x18"
    told = b"\x58\xb1\x81\x80\0\1\0\1\0\0\0\0" + name + records
    assert isinstance(look(b"", told), Claim)
    made, _ = say((S, told), (S, told), ends=False)
    assert made.standing is Standing.CLAIMED
    assert say((S, told), (S, told))[0].standing is Standing.REFUTED


def test_others_do_not_answer_it():
    hello = tls(ALICE, 1, noise(5, 90), BOB, CRYPT)
    for other in (
        at(ack(BOB, ALICE, shape=CRYPT), 0x6A000200, CRYPT),
        ack(BOB, ALICE, shape=SHA1),
        ack(BOB, ALICE),
    ):
        assert look(hello, other) is None
        made, _ = say((C, hello), (S, other), ends=False)
        assert made.standing is Standing.CLAIMED
    assert look(tls(ALICE, 1, b"\x16\3\1", BOB), ack(BOB, BOB)) is None


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x20",
        b"\x20" + noise(1, 80),
        at(ack(ALICE, BOB, shape=CRYPT), 77, CRYPT),
        ack(ALICE, BOB, 256),
        ack(ALICE, bytes(8)),
        ack(bytes(8), BOB),
        ack(ALICE, BOB) + b"\0",
        tls(ALICE, 300, b"\x16\3\1", BOB),
        tls(ALICE, 1, b"", BOB),
        tls(ALICE, 1, b"\x16\3\1"),
        b"\x29" + ack(ALICE, BOB)[1:],
        ack(ALICE, BOB, shape=CRYPT)[:17] + bytes(45),
    ],
)
def test_what_tells_too_little_is_no_packet_amid_a_handshake(packet):
    assert joined(packet) is None
    assert look(packet) is None


@pytest.mark.parametrize("shape", [PLAIN, SHA1, SHA256, CRYPT])
def test_a_servers_reset_is_sure(shape):
    claim = look(b"", answered(shape=shape))
    assert claim.sure
    assert not claim.flipped


def test_a_client_is_known_behind_the_servers_reset_alone():
    hello = tls(ALICE, 1, noise(5, 90), BOB, CRYPT)
    made, _ = say((S, answered(shape=CRYPT)), (C, hello), ends=False)
    assert made.standing is Standing.PARSED
    late = at(hello, 0x6A000200, CRYPT)
    assert say((S, answered(shape=CRYPT)), (C, late), ends=False)[0].standing is Standing.CLAIMED


def test_a_stream_is_known_by_the_side_that_begins_a_packet():
    """The other side was met within one: of that nothing more is read, and nothing waits for it."""
    rest, answer = framed(asked())[8:], framed(answered())
    claim = met(rest, answer)
    assert (claim.sure, claim.flipped) == (True, False)
    assert met(answer[:20]) is MORE
    assert met(rest) is None
    steps = (C, rest), (S, answer), (S, framed(tls(BOB, 1, noise(5, 90), ALICE)))
    made, _ = say(*steps, start=MIDWAY, ends=False)
    assert made.standing is Standing.PARSED
    assert not made.partial(C)


def test_a_stream_of_data_proves_itself_by_counting_up():
    stream = framed(*(data(number) for number in range(70, 90)))
    assert MATCHER.candidates("tcp", stream) == ["openvpn"]
    assert isinstance(met(stream[:124]), Claim)
    assert isinstance(met(noise(3, 50), stream), Claim)
    made, _ = say((S, noise(3, 50)), (C, stream), start=MIDWAY, ends=False)
    assert made.standing is Standing.PARSED
    odd = framed(*(data(number) for number in (7, 900, 5, 1200, 3)))
    assert say((C, odd), start=MIDWAY)[0].standing is Standing.REFUTED
    for other in (stream[:100], stream[:122] + b"\x17\3\3\0\x50", noise(4, 400), stream[3:]):
        assert met(other) is None


@SHAPES
def test_a_handshake_in_a_stream_is_known_amid_it(shape):
    packets = tls(ALICE, 1, noise(5, 90), BOB, shape), ack(BOB, ALICE, 1, shape=shape)
    hello, answer = map(framed, packets)
    for client, server in ((hello, b""), (noise(6, 40), answer), (hello, answer)):
        assert isinstance(met(client, server), Claim)
    assert MATCHER.candidates("tcp", hello) == ["openvpn"]
    made, _ = say(
        (C, noise(6, 40)),
        (S, answer),
        (S, framed(after(packets[1], shape))),
        start=MIDWAY,
        ends=False,
    )
    assert made.standing is Standing.PARSED
    assert met(hello[:50]) is None


def test_how_a_stream_that_was_met_on_its_way_is_cut_changes_nothing():
    good = framed(tls(BOB, 1, noise(5, 90), ALICE), ack(BOB, ALICE, 1))
    for steps in (
        ((S, good + noise(7, 300)), (C, noise(8, 100))),
        ((S, noise(7, 300) + good), (C, framed(answered(ALICE, BOB)) + noise(9, 90))),
    ):
        for size in (1, 2, 3, 50):
            whole, cut = say(*steps, start=MIDWAY), say(*kit.recut(steps, size), start=MIDWAY)
            assert kit.joined(whole[1]) == kit.joined(cut[1])
            assert whole[0].standing is cut[0].standing


@pytest.mark.parametrize("path", kit.foreign(*(kit.EXAMPLES / "openvpn").glob("*.pcap")))
def test_nothing_else_is_met_on_its_way(path):
    """Every stream as if its beginning had not been seen."""
    for flow in kit.flows(path):
        if flow.start.transport != "tcp":
            continue
        first = [next((data for side, data in flow.steps if side is who), b"") for who in (C, S)]
        first = [each if isinstance(each, bytes) else b"" for each in first]
        claim = recognise(Peek("tcp", *first, False, flow.start))
        assert claim in (None, MORE), (flow, claim)


@pytest.mark.parametrize("name", ["openvpn26_tls_crypt_v2", "openvpn26_tls_auth"])
def test_a_recording_is_known_wherever_its_handshake_is_met(name):
    """By three packets; in clear, the first of them acknowledges something."""
    (flow, *_) = kit.claimed(kit.EXAMPLES / f"openvpn/{name}.pcap", recognise)
    steps = [step for step in flow.steps if step[1][0] >> 3 in (4, 5, 8, 11)]
    met = [number for number in range(len(steps) - 3) if joined(steps[number][1])]
    assert len(met) > 10
    for number in met:
        made, _ = say(*steps[number : number + 3], start=UDP, ends=False)
        assert made.standing is Standing.PARSED, number
