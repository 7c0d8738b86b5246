"""Discord's voice servers: datagrams made by hand after Discord's own documentation.

Facts about nDPI's capture: tshark shows its datagrams, and the answers' ports are those that the
clients sent from.
"""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import craft, kit
from tests.matcher import Matcher

from backchannel.events import Gap, PeerAddress
from backchannel.model import MORE, Capability, Claim, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.discord_voice import PROTOCOL, wire
from backchannel.protocols.discord_voice.session import WATCHED, Session, recognise
from backchannel.protocols.rtp.events import MediaStream

C, S = Side.CLIENT, Side.SERVER
START = Start("udp", Endpoint("192.0.2.1", 40000), Endpoint("198.51.100.9", 50004))
DISCORD = kit.CORPUS / "public" / "discord" / "discord.pcap"
SSRC = 0xACE3


def discovery(kind, address="", port=0, ssrc=SSRC, size=70):
    text = address.encode().ljust(64, b"\0")
    return struct.pack(">HHI", kind, size, ssrc) + text + struct.pack(">H", port)


def media(number, ssrc=SSRC, kind=0x78):
    """One packet of RTP with an extension, as Discord's modes `rtpsize` have it."""
    head = struct.pack(">BBHII", 0x90, kind, number, number * 960, ssrc)
    return head + b"\xbe\xde\0\1" + bytes(range(60))


def ping(number):
    return b"\x13\x37\xca\xfe" + struct.pack("<I", number)


ASKED, ANSWERED = discovery(1, port=0x6F74), discovery(2, "203.0.113.7", 40000)
CONTROL = b"\x80\xc9\0\1" + struct.pack(">I", SSRC) + bytes(24)
TALK = [
    (C, ASKED),
    (S, ANSWERED),
    (C, ping(1)),
    *[step for n in range(8) for step in ((C, media(n)), (S, media(n, 7)), (C, CONTROL))],
]
TOLD = PeerAddress(
    use=Capability.VOICE_VIDEO,
    account="",
    address="203.0.113.7",
    port=40000,
    transport="udp",
    how="ip-discovery",
)


def look(client=b"", server=b"", transport="udp"):
    return recognise(Peek(transport, client, server, True, START))


def say(*steps):
    session = Session(START)
    return session, kit.events(kit.decode(session, steps))


@pytest.mark.parametrize(
    ("client", "server", "flipped"),
    [
        (ASKED, b"", False),
        (ASKED, ANSWERED, False),
        (b"", ANSWERED, False),
        (ANSWERED, b"", True),
        (ANSWERED, ASKED, True),
        (media(1), ANSWERED, False),
        (ping(3), ping(3), False),
    ],
)
def test_either_half_of_a_discovery_is_claimed_and_a_ping_that_came_back(client, server, flipped):
    claim = look(client, server)
    assert isinstance(claim, Claim)
    assert claim.flipped is flipped


@pytest.mark.parametrize(
    ("client", "server"),
    [
        (ASKED + b"\0", b""),
        (ASKED[:-1], b""),
        (discovery(1, size=71), b""),
        (discovery(3), b""),
        (discovery(0), b""),
        (discovery(1, "203.0.113.7"), b""),
        (discovery(2), b""),
        (discovery(2, "203.0.113.7"), b""),
        (discovery(2, "203.0.113.777", 9), b""),
        (discovery(2, "203.0.113.7\0x", 9), b""),
        (discovery(2, "\xff", 9), b""),
        (bytes(74), b""),
        (media(1), media(2)),
        (ping(3), ping(4)),
        (ping(3), b"\0"),
    ],
)
def test_what_is_near_is_not(client, server):
    assert look(client, server) is None


def test_one_ping_says_nothing_yet():
    assert look(ping(3)) is MORE
    assert look(ASKED, transport="tcp") is None


def test_a_call_tells_where_the_client_is_and_that_media_goes_both_ways():
    session, told = say(*TALK)
    assert [event for event in told if isinstance(event, PeerAddress)] == [TOLD]
    streams = [event for event in told if isinstance(event, MediaStream)]
    assert [(event.state, event.ssrc, event.payload) for event in streams] == [
        ("begins", "0000ace3", "dynamic 120"),
        ("begins", "00000007", "dynamic 120"),
    ]
    assert (session.standing, session.done, session.service) == (Standing.PARSED, True, "discord")


def test_media_one_way_is_watched_for_a_while():
    steps = [(C, ASKED), (S, ANSWERED), *[(S, media(n)) for n in range(WATCHED)]]
    session, told = say(*steps)
    assert len(told) == 2
    assert session.done


def test_an_answer_proves_what_it_answers():
    assert say((C, ASKED))[0].standing is Standing.CLAIMED
    assert say((C, ASKED), (S, discovery(2, "203.0.113.7", 9, ssrc=5)))[0].standing is (
        Standing.CLAIMED
    )
    assert say((C, ping(9)), (S, ping(9)))[0].standing is Standing.PARSED
    assert say((C, ping(9)), (S, ping(8)))[0].standing is Standing.CLAIMED


def test_an_answer_has_the_whole_number_that_was_asked_with():
    for other in (SSRC ^ 1, SSRC ^ 1 << 31):
        session, _ = say((C, ASKED), (S, discovery(2, "203.0.113.7", 9, ssrc=other)))
        assert session.standing is Standing.CLAIMED


def test_a_server_does_not_ask_and_a_client_does_not_answer():
    session, told = say((S, ASKED), (C, ANSWERED), (S, ping(1)), (C, ping(1)))
    assert told == []
    assert session.standing is Standing.CLAIMED
    session, told = say((C, ASKED), (C, ANSWERED))
    assert told == []
    assert session.standing is Standing.CLAIMED


@pytest.mark.parametrize(
    ("kind", "control"), [(191, False), (192, True), (200, True), (223, True), (224, False)]
)
def test_control_packets_are_known_by_their_type(kind, control):
    assert wire.is_control(bytes((0x80, kind)) + bytes(6)) is control
    assert not wire.is_control(b"\x80")


def test_a_ping_has_its_mark_and_its_size():
    assert wire.is_ping(ping(1))
    assert not wire.is_ping(ping(1) + b"\0")
    assert not wire.is_ping(bytes(8))


def test_who_asks_twice_is_told_once():
    _, told = say((C, ASKED), (C, ASKED), (S, ANSWERED), (S, ANSWERED), (C, ANSWERED))
    assert told == [TOLD]


def test_an_answer_of_ipv6():
    _, told = say((S, discovery(2, "2001:db8::7", 9)), (S, 20))
    assert [told[0].address, told[1]] == ["2001:db8::7", Gap(size=20)]


@given(st.one_of(st.ip_addresses().map(str), st.text("0129.:", min_size=1, max_size=15)))
def test_addresses_are_those_that_the_standard_library_reads(text):
    try:
        expected = str(ip_address(text))
    except ValueError:
        expected = None
    found = wire.read_discovery(discovery(2, text, 9))
    assert (found and found.address) == expected


def test_the_magic_lets_both_pass_and_little_else():
    matcher = Matcher({"discord-voice": PROTOCOL})
    for data in (ASKED, ANSWERED, ping(1)):
        assert matcher.candidates("udp", data) == ["discord-voice"]
    for data in (media(1), ASKED[:70], bytes(74), ping(1) + b"\0", discovery(4)):
        assert matcher.candidates("udp", data) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Side),
            st.binary(max_size=80) | st.sampled_from([data for _, data in TALK]),
        )
    )
)
def test_garbage_is_never_raised(steps):
    kit.check_garbage(lambda: Session(START), steps)


def test_ones_own_address_told_to_oneself_is_no_finding(tmp_path):
    steps = [
        (S, discovery(2, "8.8.4.4", 40000)) if step == (S, ANSWERED) else step for step in TALK
    ]
    packets = craft.datagrams(steps, server=Endpoint("8.8.8.8", 3478))
    document = Scan(craft.write(tmp_path / "call.pcap", packets)).document
    assert [(row.service, row.stack, row.confidence) for row in document.services] == [
        ("discord", "discord-voice", "parsed")
    ]
    assert document.findings == ()


@pytest.mark.skipif(not DISCORD.exists(), reason="the public corpus is not here")
def test_real_calls():
    seen = list(Scan(DISCORD))
    told = [one for one in seen if isinstance(one.event, PeerAddress)]
    assert len(told) == 27
    assert all(one.event.port == one.flow.client.port for one in told)
    assert any(isinstance(one.event, MediaStream) for one in seen)
