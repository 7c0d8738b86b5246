"""Calls through Telegram's relays: nDPI's capture, and packets made by hand after the sources.

Facts about the capture: the addresses stand in the bytes that tshark shows, and the client then
sends to the other side's from the same port.
"""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher

from backchannel.effects import Expect, Tie
from backchannel.events import Gap, Malformed, PeerAddress
from backchannel.model import MORE, Capability, Claim, Confidence, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.telegram_call import PROTOCOL
from backchannel.protocols.telegram_call.events import TelegramRelay
from backchannel.protocols.telegram_call.session import (
    ADDRESSES,
    DIRECT,
    PINGS,
    WATCHED,
    Session,
    recognise,
)
from backchannel.protocols.telegram_call.wire import IDENTITY, PEER, PEER6, SELF

C, S = Side.CLIENT, Side.SERVER
START = Start("udp", Endpoint("192.168.1.77", 23174), Endpoint("91.108.8.7", 521))
STREAM = Start("tcp", Endpoint("192.168.1.77", 23174), Endpoint("91.108.8.7", 521))
REAL = kit.CORPUS / "public" / "telegram" / "telegram.pcap"
TAG = bytes(range(0x40, 0x50))
MARK = b"\xff" * 12


def ping(number, tag=TAG):
    return tag + MARK + b"\xfe\xff\xff\xff" + struct.pack("<Q", number)


ASK = TAG + MARK + b"\xff" * 4


def mapped(address):
    address = ip_address(address)
    return bytes(10) + b"\xff\xff" + address.packed if address.version == 4 else address.packed


def self_info(number, address="203.0.113.7", port=56413, tag=TAG):
    head = tag + MARK + struct.pack("<IIQ", SELF, 1_588_000_000, number)
    return head + mapped(address) + struct.pack("<I", port)


def peer_info(own, peer, kind=PEER):
    ends = [ip_address(a).packed + struct.pack("<I", port) for a, port in (own, peer)]
    return TAG + MARK + struct.pack("<I", kind) + b"".join(ends)


def old_media(number, size=80):
    return TAG + bytes((number * 7 + at * 13) & 0xFF for at in range(size))


def new_media(number, size=50):
    head = TAG[:12] + struct.pack("<I", 99) + struct.pack("<I", 7) + struct.pack(">I", size)
    return head + bytes((number + at) & 0xFF for at in range(size)) + bytes(-(24 + size) % 4)


OWN, OTHER = ("203.0.113.7", 56413), ("198.51.100.20", 60723)
TALK = [
    (C, ping(5)),
    (S, self_info(5)),
    (S, old_media(1)),
    (C, old_media(2)),
    (C, ASK),
    (S, peer_info(OWN, OTHER)),
    *[step for n in range(5) for step in ((C, old_media(n)), (S, old_media(n + 50)))],
]
EXPECTED = Expect(
    protocol="telegram-call",
    purpose=Capability.VOICE_VIDEO,
    address="198.51.100.20",
    port=60723,
    source="192.168.1.77",
    transport="udp",
    context=DIRECT,
)


def seen(address, port, how):
    return PeerAddress(
        use=Capability.VOICE_VIDEO,
        account="",
        address=address,
        port=port,
        transport="udp",
        how=how,
    )


def framed(*packets):
    return b"".join(struct.pack("<I", len(packet)) + packet for packet in packets)


HELLO = b"\xee" * 4 + framed(TAG + bytes(4))
OVER_TCP = [
    (C, HELLO),
    (S, framed(new_media(1))),
    (C, framed(new_media(2), new_media(3))),
    (S, framed(new_media(4))),
]


def look(client=b"", server=b"", start=START, begun=True):
    return recognise(Peek(start.transport, client, server, begun, start))


def say(*steps, start=START):
    session = Session(start)
    return session, kit.decode(session, steps)


# -- recognition ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "server", "flipped"),
    [
        (ping(1), b"", False),
        (ASK, b"", False),
        (ping(1), self_info(1), False),
        (old_media(1), self_info(1), False),
        (self_info(1), b"", True),
        (peer_info(OWN, OTHER), ping(2), True),
        (old_media(1), ping(2), True),
    ],
)
def test_what_is_for_a_relay_or_from_it_is_claimed(client, server, flipped):
    claim = look(client, server)
    assert isinstance(claim, Claim)
    assert claim.flipped is flipped


@pytest.mark.parametrize(
    "data",
    [
        ping(1) + b"\0",
        ping(1)[:-1],
        ASK + bytes(4),
        old_media(1),
        new_media(1),
        b"\xff" * 32,
        b"\xff" * 40,
        TAG + MARK + bytes(12),
        bytes(40),
        bytes(range(20)),
        b"",
    ],
)
def test_what_is_near_is_not(data):
    assert look(data) is None
    assert look(data, data) is None


def test_over_tcp_both_must_use_the_tag():
    heard = framed(new_media(1))
    assert isinstance(look(HELLO, heard, STREAM), Claim)
    for size in range(len(HELLO)):
        assert look(HELLO[:size], b"", STREAM) is MORE
    assert look(HELLO, heard[:30], STREAM) is MORE
    assert look(HELLO, heard, STREAM, begun=False) is None
    assert look(HELLO, framed(b"x" * 60), STREAM) is None
    assert look(HELLO, b"\xff" * 60, STREAM) is None
    assert look(HELLO[:-1] + b"\1", heard, STREAM) is None
    assert look(b"\xee" * 4 + framed(bytes(20)), framed(bytes(60)), STREAM) is None


def test_a_direct_flow_is_claimed_only_where_it_was_announced():
    sealed = bytes(range(80))
    told = Start("udp", START.client, START.server, context=DIRECT, service="telegram")
    claim = look(sealed, sealed[:48], told)
    assert isinstance(claim, Claim)
    assert claim.confidence is Confidence.EXPECTED
    assert look(sealed) is None
    assert look(sealed[:40], b"", told) is None
    assert look(sealed, sealed[:50], told) is None
    assert look(sealed[:16], b"", told) is None
    session = Session(told)
    assert (session.done, session.service) == (True, "telegram")


def test_the_magic_lets_these_pass_and_little_else():
    matcher = Matcher({"telegram-call": PROTOCOL})
    six = peer_info(("2001:db8::1", 5), ("2001:db8::2", 6), PEER6)
    for data in (ping(1), ASK, self_info(1), peer_info(OWN, OTHER), six):
        assert matcher.candidates("udp", data) == ["telegram-call"]
    for data in (old_media(1), ping(1) + b"\0", bytes(40), TAG + MARK + bytes(12)):
        assert matcher.candidates("udp", data) == []
    assert matcher.candidates("tcp", HELLO) == ["telegram-call"]


# -- what is told --------------------------------------------------------------------------------


def test_a_call_tells_where_both_are_and_that_media_goes_through_the_relay():
    session, told = say(*TALK)
    assert kit.events(told) == [
        seen(*OWN, "reflector-self"),
        TelegramRelay(form="libtgvoip"),
        seen(*OTHER, "reflector-peer"),
    ]
    tie, announced = kit.effects(told)
    assert announced == EXPECTED
    assert isinstance(tie, Tie)
    assert (session.standing, session.service, session.done) == (
        Standing.PARSED,
        "telegram",
        False,
    )


def test_the_tie_is_the_calls_and_not_the_tag_itself():
    ends = ping(1), ping(1, TAG[:12] + b"abcd"), ping(1, bytes(16)), ping(1, TAG[::-1])
    ties = [kit.effects(say((C, data))[1]) for data in ends]
    assert ties[0] == ties[1] != ties[3]
    assert ties[2] == []
    assert TAG.hex() not in str(ties)


def test_calls_of_newer_clients_are_told_apart():
    _, told = say((C, ping(1)), (C, new_media(1)), (S, new_media(2)))
    assert kit.events(told) == [TelegramRelay(form="webrtc")]
    _, told = say((C, ping(1)), (C, new_media(1)), (S, old_media(2)))
    assert kit.events(told) == [TelegramRelay(form="libtgvoip")]


@pytest.mark.parametrize("size", [28, 31])
def test_a_packet_of_the_relays_that_is_cut_off_is_no_media(size):
    session, told = say((C, ping(1)), (S, self_info(1)[:size]), (C, old_media(1)))
    assert session.standing is Standing.CLAIMED
    assert kit.events(told, TelegramRelay) == []


def test_an_answer_must_be_to_a_ping_that_was_asked_and_of_the_same_call():
    session, told = say((C, ping(5)), (S, self_info(6)))
    assert kit.events(told) == []
    assert session.standing is Standing.PARSED
    session, told = say((C, ping(5)), (S, self_info(5, tag=TAG[::-1])))
    assert kit.events(told) == []
    assert session.standing is Standing.CLAIMED


def test_an_address_is_told_once_and_only_where_it_says_more():
    _, told = say((C, ping(5)), (S, self_info(5)), (C, ping(6)), (S, self_info(6)))
    assert kit.events(told) == [seen(*OWN, "reflector-self")]
    _, told = say((C, ping(5)), (S, self_info(5, "192.168.1.77")), (S, self_info(5, "0.0.0.0")))
    assert kit.events(told) == []
    _, told = say((C, ping(5)), (S, self_info(5, port=0)), (S, self_info(5, port=70000)))
    assert kit.events(told) == []


def test_ipv6():
    six = peer_info(("2001:db8::1", 5), ("2001:db8::2", 6), PEER6)
    _, told = say((C, ping(5)), (S, self_info(5, "2001:db8::9", 77)), (S, six))
    assert [(e.address, e.port, e.how) for e in kit.events(told)] == [
        ("2001:db8::9", 77, "reflector-self"),
        ("2001:db8::1", 5, "reflector-self"),
        ("2001:db8::2", 6, "reflector-peer"),
    ]


def test_over_tcp_the_same():
    session, told = say(*OVER_TCP, start=STREAM)
    assert kit.events(told) == [TelegramRelay(form="webrtc")]
    assert session.standing is Standing.PARSED
    session, told = say(*OVER_TCP[:2], (S, 9), *OVER_TCP[2:], start=STREAM)
    assert kit.events(told) == [Gap(size=9)]
    assert session.done
    for steps in (((C, b"\xef" * 40),), ((C, HELLO), (S, bytes(40)))):
        session, told = say(*steps, start=STREAM)
        assert isinstance(told[-1][1], Malformed)
        assert session.standing is Standing.REFUTED


def test_what_is_held_and_told_is_bounded():
    pings = [(C, ping(n)) for n in range(150)]
    session, _ = say(*pings)
    assert len(session._pings) == PINGS * IDENTITY
    asked = [step for n in range(30) for step in ((C, ping(n)), (S, self_info(n, port=1 + n)))]
    _, told = say(*asked)
    assert len(kit.events(told)) == ADDRESSES
    session, _ = say(*[(C, old_media(n)) for n in range(WATCHED)])
    assert session.done


@pytest.mark.parametrize("size", [1, 3, 20, 64])
def test_how_tcp_cuts_it_changes_nothing(size):
    kit.check_segmentation(lambda: Session(STREAM), OVER_TCP, size)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.binary(max_size=90)
            | st.sampled_from([data for _, data in TALK + OVER_TCP])
            | st.binary(max_size=60).map(lambda data: TAG + MARK + data),
        )
    ),
    st.sampled_from([START, STREAM]),
)
def test_garbage_is_never_raised(steps, start):
    kit.check_garbage(lambda: Session(start), steps, bound=1 << 17)


# -- whole scans ---------------------------------------------------------------------------------


def test_a_call_goes_on_directly(tmp_path):
    direct = [(C, bytes(range(64))), (S, bytes(range(48)))]
    relay, peer = Endpoint("91.108.8.7", 521), Endpoint(*OTHER)
    packets = [
        *craft.datagrams(TALK, client=START.client, server=relay),
        *craft.datagrams(direct, client=START.client, server=peer),
    ]
    document = Scan(craft.write(tmp_path / "call.pcap", packets)).document
    (row,) = document.services
    assert (row.service, row.stack, row.confidence, row.flows) == (
        "telegram",
        "telegram-call",
        "parsed",
        2,
    )


def test_only_the_other_sides_address_is_a_finding(tmp_path):
    told = [
        (C, ping(5)),
        (S, self_info(5, "8.8.4.4")),
        (S, peer_info(("8.8.4.4", 9), ("9.9.9.9", 9))),
    ]
    packets = craft.datagrams(told, client=START.client, server=START.server)
    document = Scan(craft.write(tmp_path / "call.pcap", packets)).document
    assert [(each.rule, each.summary) for each in document.findings] == [
        ("public-address-told", "telegram: the address of somebody (9.9.9.9) was disclosed")
    ]


@pytest.mark.skipif(not REAL.exists(), reason="the public corpus is not here")
def test_real_calls():
    run = Scan(REAL)
    told = {
        (one.event.how, one.event.address, one.event.port)
        for one in run
        if isinstance(one.event, PeerAddress)
    }
    assert told == {
        ("reflector-self", "87.11.205.195", 56413),
        ("reflector-peer", "87.11.205.195", 60723),
        ("reflector-self", "87.11.205.195", 62541),
        ("reflector-peer", "87.11.205.195", 59772),
    }
    (row,) = run.document.services
    assert (row.stack, row.flows) == ("telegram-call", 14)  # 12 of them to relays, 2 direct
