"""WireGuard and disco: captures with tshark's counts beside them, datagrams by hand, the laws."""

import random
import struct
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.matcher import Matcher

from backchannel.effects import Tie
from backchannel.events import Gap
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.wireguard import PROTOCOL, session, wire
from backchannel.protocols.wireguard.events import (
    TailscaleNode,
    WireguardHandshake,
    WireguardKeepalive,
    WireguardTraffic,
)
from backchannel.protocols.wireguard.session import Session, recognise

C, S = Side.CLIENT, Side.SERVER
CAPTURE = kit.CORPUS / "public/wireguard/wireguard.pcap"
NEGATIVES = kit.NEGATIVES
with_corpus = pytest.mark.skipif(not CAPTURE.exists(), reason="the public corpus is not here")
START = Start("udp", Endpoint("10.0.0.1", 40000), Endpoint("198.51.100.1", 53))
MATCHER = Matcher({"wireguard": PROTOCOL})
DISCO = b"TS\xf0\x9f\x92\xac"


def noise(seed, size):
    return random.Random(seed).randbytes(size)


def initiation(sender=0x11111111, reserved=b"\0\0\0", code=bytes(16)):
    return b"\x01" + reserved + struct.pack("<I", sender) + noise(sender, 124) + code


def response(sender=0x22222222, receiver=0x11111111, reserved=b"\0\0\0", code=bytes(16)):
    return b"\x02" + reserved + struct.pack("<II", sender, receiver) + noise(sender, 64) + code


def cookie(receiver=0x11111111):
    return b"\x03\0\0\0" + struct.pack("<I", receiver) + noise(receiver, 56)


def data(counter, receiver=0x22222222, size=96, reserved=b"\0\0\0"):
    head = b"\x04" + reserved + struct.pack("<IQ", receiver, counter)
    return head + noise(counter, size - 16)


def disco(node=1, size=92):
    return DISCO + noise(node, 32) + noise(99, size - 38)


def look(client=b"", server=b""):
    return recognise(Peek("udp", client, server, True, START))


def say(*steps, ends=True):
    made = Session(START)
    return made, kit.decode(made, steps, ends=ends)


# -- captures ----------------------------------------------------------------------------------


@with_corpus
def test_what_tshark_counts_in_the_public_capture():
    """tshark: 2 flows; per flow and receiver index its packets of data, and two handshakes."""
    first, second = kit.claimed(CAPTURE, recognise)
    events = kit.events(kit.decode(Session(first.start), first.steps))
    stages = [
        (e.stage, e.initiator_index, e.rekey) for e in events if isinstance(e, WireguardHandshake)
    ]
    assert stages == [
        ("initiated", "30d037d8", False),
        ("answered", "30d037d8", False),
        ("initiated", "bffd41c5", True),
        ("answered", "bffd41c5", True),
    ]
    assert figures(events) == {"ab7df406": 6, "30d037d8": 5, "26de9eb9": 4, "bffd41c5": 3}
    joined = kit.events(kit.decode(Session(second.start), second.steps))
    assert figures(joined) == {"8d6940be": 18, "5e61a66d": 12}
    assert [e.first for e in joined if isinstance(e, WireguardTraffic)] == [107, 112, 107, 112]


def figures(events):
    return {
        e.index: e.packets for e in events if isinstance(e, WireguardTraffic) and e.state == "ends"
    }


@with_corpus
@pytest.mark.parametrize("name", ["zoom2.pcap", "cloudflare-warp.pcap", "raknet.pcap"])
def test_what_others_take_for_wireguard(name):
    """tshark calls Zoom's datagrams WireGuard; WARP's capture is QUIC."""
    assert not kit.claimed(NEGATIVES / name, recognise)


# -- recognise ---------------------------------------------------------------------------------

WARP = b"\xaa\xbb\xcc"


@pytest.mark.parametrize(
    ("client", "server", "answer"),
    [
        (initiation(), b"", Claim),
        (initiation(), response(), Claim),
        (initiation(), cookie(), Claim),
        (initiation(), response(receiver=5), Claim),  # to one that was asked later
        (b"", initiation(), Claim),
        (initiation(code=noise(1, 16)), b"", MORE),
        (initiation(code=noise(1, 16)), response(), Claim),
        (initiation(code=noise(1, 16)), response(receiver=5), None),
        (initiation(reserved=WARP), b"", MORE),
        (initiation(reserved=WARP), response(reserved=WARP), Claim),
        (initiation(reserved=WARP), response(), Claim),
        (initiation(reserved=WARP), response(receiver=5), None),
        (initiation(), response(receiver=5, reserved=WARP), None),
        (initiation(), noise(3, 92), None),
        (response(), b"", Claim),
        (response(code=noise(1, 16)), b"", None),
        (cookie(), b"", None),
        (data(7), b"", Claim),
        (data(7), data(3), Claim),
        (data(7, reserved=WARP), b"", None),
        (data(1 << 32), b"", None),
        (data(7, size=95), b"", None),
        (data(7)[:16] + bytes(80), b"", None),
        (disco(), b"", Claim),
        (data(7), disco(), Claim),
        (DISCO + bytes(86), b"", None),
        (disco(size=79), b"", None),
        (noise(3, 148), b"", None),
        (initiation()[:8] + b"a" * 124 + bytes(16), b"", None),
        (b"", b"", None),
    ],
)
def test_recognise(client, server, answer):
    found = look(client, server)
    assert found is answer or (answer is Claim and isinstance(found, Claim))


@pytest.mark.parametrize(
    "datagram",
    [initiation(), initiation(reserved=WARP), response(), data(7), data(7, size=32), disco()],
)
def test_the_magic_lets_pass_what_is_claimed(datagram):
    assert MATCHER.candidates("udp", datagram) == ["wireguard"]


@pytest.mark.parametrize(
    "datagram", [noise(1, 148), cookie(), data(1 << 33), data(7, size=90), b"\x04" + bytes(95)]
)
def test_the_magic_is_narrow(datagram):
    assert MATCHER.candidates("udp", datagram) == []


def test_tcp_is_not_asked():
    assert recognise(Peek("tcp", initiation(), response(), True, START)) is None


@pytest.mark.parametrize("size", [44, 54, 86, 91])
def test_handshakes_cut_by_the_snap_length_fit_each_other(size):
    asked, answered = initiation()[:size], response()[:size]
    assert isinstance(look(asked, answered), Claim)
    assert look(asked, b"") is MORE
    assert look(b"", answered) is not MORE
    assert look(asked, response(receiver=7)[:size]) is None
    assert look(initiation(reserved=b"abc")[:size], answered) is None
    steps = [(C, asked), (S, answered), *((C, data(n, size=97)) for n in range(3))]
    made, told = say(*steps)
    assert made.standing is Standing.PARSED
    assert [e.packets for e in kit.events(told) if isinstance(e, WireguardTraffic)][-1] == 3


# -- handshakes --------------------------------------------------------------------------------


def stages(told):
    return [
        (e.stage, e.initiator, e.initiator_index, e.responder_index, e.attempt, e.rekey)
        for e in kit.events(told, WireguardHandshake)
    ]


def test_an_answer_that_fits_proves_it():
    made, told = say((C, initiation(1)), (C, initiation(2)), (S, response(9, 2)), ends=False)
    assert made.standing is Standing.PARSED
    assert stages(told) == [
        ("initiated", "client", "00000001", "", 1, False),
        ("initiated", "client", "00000002", "", 2, False),
        ("answered", "client", "00000002", "00000009", 2, False),
    ]


def test_an_answer_to_nothing_proves_nothing():
    made, told = say((C, initiation(1)), (S, response(9, 5)))
    assert made.standing is Standing.CLAIMED
    assert [stage[0] for stage in stages(told)] == ["initiated", "unanswered"]


def test_new_keys_may_be_asked_for_by_the_other_side():
    _, told = say(
        (C, initiation(1)), (S, response(9, 1)), (S, initiation(7)), (C, response(8, 7)), ends=False
    )
    assert stages(told)[2:] == [
        ("initiated", "server", "00000007", "", 1, True),
        ("answered", "server", "00000007", "00000008", 1, True),
    ]


def test_a_responder_under_load_asks_for_a_cookie():
    _, told = say(
        (C, initiation(1)), (S, cookie(1)), (C, initiation(2, code=noise(4, 16))), ends=False
    )
    assert [stage[0] for stage in stages(told)] == ["initiated", "cookie-required", "initiated"]


def test_reserved_bytes_of_warp_are_told():
    steps = [(C, initiation(1, WARP)), (S, response(9, 1, WARP))]
    steps += [(C, data(0, 9, reserved=WARP)), (S, data(0, 1, reserved=WARP))]
    _, told = say(*steps)
    assert {e.reserved for e in kit.events(told, WireguardHandshake)} == {"aabbcc"}
    assert figures(kit.events(told)) == {"00000009": 1, "00000001": 1}
    _, told = say(*steps[:2], (C, data(0, 9, reserved=b"abc")))
    assert figures(kit.events(told)) == {}


def test_a_datagram_that_the_capture_doubles_is_one_attempt():
    _, told = say((C, initiation(1)), (C, initiation(1)), ends=False)
    assert len(stages(told)) == 1


# -- data --------------------------------------------------------------------------------------


def test_data_alone_proves_itself_by_counting_up():
    made, told = say(*[(C, data(n)) for n in (70, 71, 73)])
    assert (made.standing, told) == (Standing.REFUTED, [])
    made, told = say(*[(C, data(n)) for n in (70, 71, 73, 72, 74)])
    assert made.standing is Standing.PARSED
    begins, ends = kit.events(told, WireguardTraffic)
    assert (begins.state, begins.first) == ("begins", 70)
    assert (ends.packets, ends.first, ends.last, ends.missing, ends.late) == (5, 70, 74, 0, 1)
    assert ends.octets == 5 * 96


def test_both_directions_count_for_the_proof():
    steps = [(side, data(n, 5 + side)) for n in (4, 5, 6) for side in Side]
    made, told = say(*steps, ends=False)
    assert made.standing is Standing.PARSED
    assert sorted(e.index for e in kit.events(told, WireguardTraffic)) == ["00000005", "00000006"]


@pytest.mark.parametrize(
    "datagrams",
    [
        [data(1, 1), data(2, 2), data(3, 3), data(4, 4)],
        [data(1), noise(1, 50), noise(2, 50)],
        [data(1), data(900), data(5), data(70000), data(20)],
    ],
    ids=["indices", "others", "jumps"],
)
def test_what_does_not_continue_is_withdrawn(datagrams):
    made, told = say(*[(C, datagram) for datagram in datagrams])
    assert (made.standing, told) == (Standing.REFUTED, [])
    assert made.feed(C, disco()) == []


def test_replays_and_losses_are_counted():
    steps = [(C, initiation(1)), (S, response(9, 1))]
    _, told = say(*steps, *[(C, data(n, 9)) for n in (0, 1, 1, 5, 5)])
    (ends,) = [e for e in kit.events(told, WireguardTraffic) if e.state == "ends"]
    assert (ends.replayed, ends.missing, ends.packets) == (2, 3, 5)


def test_keepalives_are_told_up_to_a_bound():
    steps = [(C, initiation(1)), (S, response(9, 1)), *[(C, data(n, 9, 32)) for n in range(90)]]
    _, told = say(*steps)
    assert [e.count for e in kit.events(told, WireguardKeepalive)] == list(range(1, 65))
    assert kit.events(told, WireguardTraffic)[-1].keepalives == 90


def test_a_full_packet_is_not_padded():
    """Seen in the public capture: the MTU inside is 1420, which is no multiple of 16."""
    for size, fits in ((1452, True), (100, False)):
        assert (wire.read(data(3, size=size)) is not None) is fits
        assert MATCHER.candidates("udp", data(3, size=size)) == ["wireguard"] * fits


def test_a_peer_that_moves_is_tied_to_the_same_key():
    _, told = say((C, initiation(1)), (S, response(9, 1)), (C, data(0, 9)), (S, data(0, 1)))
    server = "wireguard/198.51.100.1/00000009"
    assert Counter(tie.key for tie in kit.effects(told, Tie)) == {
        server: 2,
        "wireguard/10.0.0.1/00000001": 2,
    }
    moved = Session(Start("udp", Endpoint("203.0.113.4", 1), START.server))
    told = kit.decode(moved, [(C, data(n, 9)) for n in range(40, 44)])
    assert [tie.key for tie in kit.effects(told, Tie)] == [server]


def test_a_busy_tunnel_is_left_alone_once_enough_was_seen():
    made, told = say(
        (C, initiation(1)),
        (S, response(9, 1)),
        (S, data(0, 1)),
        *[(C, data(n, 9)) for n in range(session.ENOUGH - 1)],
        ends=False,
    )
    assert made.done
    ended = [(side, e.packets) for side, e in told if getattr(e, "state", "") == "counted"]
    assert ended == [(C, session.ENOUGH - 1), (S, 1)]
    assert made.feed(C, initiation(3)) == made.end(C) == []


def test_chatter_of_others_ends_the_look():
    made, _ = say((C, initiation(1)), (S, response(9, 1)), ends=False)
    for n in range(session.ENOUGH):
        assert not made.done
        made.feed(C, noise(n, 60))
    assert made.done


def test_keys_that_give_way_are_told():
    steps = [(C, initiation(1)), (S, response(9, 1))]
    steps += [(C, data(0, number)) for number in range(100, 100 + session.KEYS + 2)]
    _, told = say(*steps, ends=False)
    assert [e.index for e in kit.events(told) if getattr(e, "state", "") == "ends"] == [
        "00000064",
        "00000065",
    ]


# -- disco -------------------------------------------------------------------------------------


def test_nodes_of_tailscale():
    made, told = say((C, disco(1)), (C, disco(1)), (S, disco(2, 110)), (C, data(1)), ends=False)
    assert (made.service, made.standing) == ("tailscale", Standing.PARSED)
    keys = [e.key for e in kit.events(told, TailscaleNode)]
    assert keys == [noise(1, 32).hex(), noise(2, 32).hex()]
    assert kit.effects(told, Tie)[0].key == "tailscale/" + "/".join(sorted(keys))


def test_one_disco_message_is_a_signature_only():
    made, _ = say((C, disco(1)))
    assert made.standing is Standing.CLAIMED


def test_nodes_are_bounded():
    _, told = say(*[(C, disco(n)) for n in range(99)])
    assert len(kit.events(told, TailscaleNode)) == session.NODES


# -- laws --------------------------------------------------------------------------------------

INDEX = st.integers(0, 3)
DATAGRAMS = st.one_of(
    st.binary(max_size=60),
    st.builds(initiation, INDEX, st.sampled_from([bytes(3), WARP])),
    st.builds(response, INDEX, INDEX),
    st.builds(cookie, INDEX),
    st.builds(
        data, st.integers(0, 9) | st.integers(0, (1 << 64) - 1), INDEX, st.sampled_from([32, 96])
    ),
    st.builds(disco, INDEX),
)


@given(st.lists(st.tuples(st.sampled_from(Side), DATAGRAMS), max_size=30))
def test_garbage_is_never_raised(steps):
    kit.check_garbage(lambda: Session(START), steps, bound=20_000)
    for side, datagram in steps:
        look(datagram if side is C else b"", datagram if side is S else b"")


def test_memory_is_bounded():
    made = Session(START)
    for n in range(3000):
        made.feed(C, initiation(n + 1))
        made.feed(S, response(n + 5, n + 1))
        made.feed(C, data(n, n))
    assert sum(map(len, made._keys)) <= 2 * session.KEYS
    assert kit.footprint(made) < 20_000


def test_a_truncated_capture_says_so():
    assert Session(START).gap(C, 40) == [Gap(size=40)]
