"""RTP: proved by counting; what tshark and nDPI say of captures; hand-made calls; the laws."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.matcher import Matcher

from backchannel.events import PeerAddress, Software
from backchannel.model import Capability, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.rtp import PROTOCOL, session, wire
from backchannel.protocols.rtp.events import MediaStream, Participant
from backchannel.protocols.rtp.session import Session, recognise

EXAMPLES = Path(__file__).parents[3] / "examples"
CLIENT, SERVER = Side.CLIENT, Side.SERVER
ENDS = Endpoint("192.0.2.1", 13324), Endpoint("192.0.2.2", 13325)
START = Start("udp", *ENDS)
CALL = Start("udp", *ENDS, accounts=("a@x", "b@y"), service="msn", purpose=Capability.VOICE_VIDEO)
NEGATIVES = kit.CORPUS / "public/negatives"
with_corpus = pytest.mark.skipif(not NEGATIVES.exists(), reason="the public corpus is not here")
MATCHER = Matcher({"rtp": PROTOCOL})


def rtp(sequence, *, ssrc=0xABCD, payload=0, size=160, first=0x80):
    head = bytes([first, payload]) + struct.pack(">HII", sequence & 0xFFFF, sequence * 160, ssrc)
    return head + b"\xd5" * size


def sdes(*items, ssrc=0xABCD):
    text = b"".join(bytes([kind, len(value)]) + value for kind, value in items) + b"\0"
    text += bytes(-len(text) % 4)
    body = ssrc.to_bytes(4, "big") + text
    return bytes([0x81, 202]) + (len(body) // 4).to_bytes(2, "big") + body


RECEIVER = b"\x80\xc9\0\1\0\0\xab\xcd"
SENDER = b"\x80\xc8\0\6\0\0\xab\xcd" + bytes(20)
BYE = b"\x81\xcb\0\1\0\0\xab\xcd"
QUERY = b"\x80\x61\1\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1"


def look(client=b"", server=b"", start=START):
    return recognise(Peek("udp", client, server, True, start))


def say(*steps, start=START):
    told = Session(start)
    return told, kit.decode(told, steps)


# -- captures ----------------------------------------------------------------------------------


def proved(path):
    """Flows that the magic lets through, that are claimed, and whose session proves it."""
    found = {}
    for flow in kit.flows(path):
        peek = kit.peek(flow)
        passes = any(MATCHER.candidates("udp", data) for data in (peek.client, peek.server))
        if flow.start.transport == "udp" and passes and isinstance(recognise(peek), Claim):
            told = Session(flow.start)
            events = kit.decode(told, flow.steps)
            if told.standing is Standing.PARSED:
                found[str(flow)] = kit.events(events)
            else:
                assert told.standing is Standing.REFUTED
                assert not events
    return found


# Witness: tshark's and nDPI's counts for these files (nDPI: sip 9 packets of RTP, and RTCP).
CARRYING = {
    "rtp.pcapng": {"udp 10.204.220.71:6000 > 10.204.220.171:6000": [("H263", 15)]},
    "sip.pcap": {
        "udp 192.168.1.2:30000 > 212.242.33.36:40392": [("PCMA", 9)],
        "udp 192.168.1.2:30001 > 212.242.33.36:40393": [],
    },
    "false_positives.pcapng": {
        "udp 10.192.92.81:52070 > 10.136.43.69:21048": [("PCMA", 15), ("PCMA", 15)],
        "udp 10.126.70.67:23784 > 10.236.7.225:50160": [("PCMA", 18), ("PCMA", 12)],
    },
}


@with_corpus
@pytest.mark.parametrize("path", sorted(NEGATIVES.glob("*.pcap*")), ids=lambda path: path.name)
def test_only_calls_are_proved_to_be_rtp(path):
    sums = {
        flow: [
            (event.payload, event.packets)
            for event in events
            if isinstance(event, MediaStream) and event.state == "ends" and not event.lost
        ]
        for flow, events in proved(path).items()
    }
    assert sums == CARRYING.get(path.name, {})


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.pcap")), ids=lambda path: path.stem)
def test_no_example_is_rtp(path):
    assert not proved(path)


@with_corpus
def test_a_participant_tells_its_inside_address():
    (told,) = [v for k, v in proved(NEGATIVES / "sip.pcap").items() if "30001" in k]
    cname = "11894297-4432a9f8@192.168.1.2"
    assert [type(event) for event in told] == [Participant, Software, PeerAddress]
    assert (told[0].cname, told[1].name, told[2].address) == (cname, "SIPPS", "192.168.1.2")


# -- proof -------------------------------------------------------------------------------------


def test_five_in_sequence_prove_a_stream():
    told, events = say(*[(CLIENT, rtp(65534 + n)) for n in range(4)])
    assert (told.standing, events) == (Standing.REFUTED, [])  # the flow ended before the proof
    told, events = say(*[(CLIENT, rtp(65534 + n)) for n in range(8)])
    assert told.standing is Standing.PARSED
    begins, ends = kit.events(events, MediaStream)
    assert (begins.state, begins.ssrc, begins.payload, begins.media) == (
        "begins",
        "0000abcd",
        "PCMU",
        "audio",
    )
    assert (ends.state, ends.packets, ends.octets, ends.lost) == ("ends", 8, 8 * 160, 0)
    assert ends.capability is Capability.VOICE_VIDEO


def test_losses_are_counted_across_the_wrap():
    sequence = [65530, 65531, 65533, 65534, 2, 3, 4, 3, 9]
    _, events = say(*[(SERVER, rtp(number)) for number in sequence])
    ends = kit.events(events, MediaStream)[-1]
    assert (ends.packets, ends.lost) == (9, 16 - 9)


@pytest.mark.parametrize(
    "datagrams",
    [
        [rtp(1), rtp(900), rtp(4000)],
        [rtp(1, ssrc=1), rtp(2, ssrc=2), rtp(3, ssrc=3)],
        [rtp(1), b"\x12\x34" + bytes(30), b"\x12\x34" + bytes(30)],
        [rtp(1), rtp(2, payload=40), rtp(3, payload=72)],
    ],
    ids=["jumps", "sources", "others", "types"],
)
def test_what_does_not_continue_is_withdrawn(datagrams):
    told = Session(START)
    for datagram in datagrams:
        told.feed(CLIENT, datagram)
    assert told.standing is Standing.REFUTED
    assert told.feed(CLIENT, RECEIVER + sdes((1, b"a@b"))) == []


def test_a_source_that_jumps_is_never_told():
    steps = [(CLIENT, rtp(n)) for n in (1, 2, 3, 900, 901, 902, 5000, 5001)]
    told, events = say(*steps, start=CALL)
    assert (told.standing, events) == (Standing.CLAIMED, [])


def test_packets_sent_twice_or_late_do_no_harm():
    told, events = say(*[(CLIENT, rtp(n)) for n in (1, 1, 2, 4, 3, 4, 5, 6, 6)])
    assert told.standing is Standing.PARSED
    assert kit.events(events, MediaStream)[-1].lost == 0


def test_keepalives_and_stun_do_no_harm():
    stun = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)
    steps = [(CLIENT, data) for n in range(5) for data in (rtp(n), stun, b"\0\0\0\0", b"")]
    assert say(*steps)[0].standing is Standing.PARSED


def test_a_stream_may_change_its_encoding_and_both_sides_talk():
    steps = [
        (side, rtp(n, ssrc=5 + side, payload=0 if n < 3 else 101))
        for n in range(6)
        for side in Side
    ]
    ends = [event for event in kit.events(say(*steps)[1], MediaStream) if event.state == "ends"]
    assert [(event.ssrc, event.payload) for event in ends] == [
        ("00000005", "PCMU, dynamic 101"),
        ("00000006", "PCMU, dynamic 101"),
    ]


def test_an_announced_call_belongs_to_who_announced_it_and_is_not_withdrawn():
    told, events = say(*[(CLIENT, rtp(n, payload=4, size=24)) for n in range(6)], start=CALL)
    assert told.service == "msn"
    assert {event.accounts for event in kit.events(events, MediaStream)} == {("a@x", "b@y")}
    assert say((CLIENT, rtp(1)), (CLIENT, bytes(40)), (CLIENT, bytes(40)), start=CALL)[
        0
    ].standing is (Standing.CLAIMED)
    assert say(start=START)[0].service == "rtp"


def test_a_long_call_is_left_alone_once_enough_was_seen():
    told = Session(START)
    steps = [(CLIENT, rtp(number)) for number in range(1200)]
    outputs = kit.events(kit.decode(told, steps, ends=False))
    assert told.done
    assert [event.state for event in outputs] == ["begins", "counted"]
    assert outputs[-1].packets == session.ENOUGH[False]
    assert told.end(CLIENT) == []


# -- RTCP --------------------------------------------------------------------------------------


def test_what_is_counted_is_told_of_whoever_sent_it():
    """Though the datagram that was enough came from one of them only."""
    made = Session(START)
    steps = [
        (side, rtp(number, ssrc=0xA0 + side))
        for number in range(session.ENOUGH[False] // 2)
        for side in (CLIENT, SERVER)
    ]
    told = [
        (side, event.ssrc, event.packets)
        for side, event in kit.decode(made, steps, ends=False)
        if isinstance(event, MediaStream) and event.state == "counted"
    ]
    assert told == [(CLIENT, "000000a0", 500), (SERVER, "000000a1", 500)]


def test_participants_are_told_once():
    compound = (
        SENDER
        + sdes(
            (1, b"eva@10.0.0.7"),
            (2, "Eva Müller".encode()),
            (3, b"e@x.org"),
            (6, b"NetMeeting 3.01"),
        )
        + BYE
    )
    told, events = say((CLIENT, compound), (CLIENT, compound))
    assert told.standing is Standing.PARSED
    participant, program, place = kit.events(events)
    assert participant == Participant(
        ssrc="0000abcd", cname="eva@10.0.0.7", name="Eva Müller", email="e@x.org"
    )
    assert (program.name, program.account) == ("NetMeeting 3.01", "eva@10.0.0.7")
    assert (place.address, place.how, place.transport) == ("10.0.0.7", "rtcp-cname", "udp")


@pytest.mark.parametrize("name", [b"a@b", b"aa@b", b"aaa@b", b"aaaa@b"])
def test_every_chunk_of_a_description_is_read(name):
    """Chunks end at the next word, with one to four bytes of zero (RFC 3550 §6.5)."""
    one, two = sdes((1, name)), sdes((1, b"z@y"), ssrc=0xEF)
    body = one[4:] + two[4:]
    both = b"\x82\xca" + (len(body) // 4).to_bytes(2, "big") + body
    told = kit.events(say((CLIENT, RECEIVER + both))[1], Participant)
    assert [(event.ssrc, event.cname) for event in told] == [
        ("0000abcd", name.decode()),
        ("000000ef", "z@y"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        RECEIVER[:-1],
        RECEIVER + b"\0",
        b"\x81" + RECEIVER[1:],
        SENDER[:2] + b"\0\5" + SENDER[4:-4],
        sdes((1, b"a")),
        BYE,
        b"\xa0" + RECEIVER[1:] + BYE,
        b"\x80\xc9\0\xff\0\0\xab\xcd",
        b"\x80\xc9\0\1\0\0\xab\xcd\x80\xd0\0\0",
    ],
)
def test_what_is_no_compound(data):
    assert wire.read_compound(data) is None


@pytest.mark.parametrize(
    "data",
    [RECEIVER, SENDER, RECEIVER + sdes((1, b"a@b")), SENDER + BYE, rtp(7), rtp(7, payload=0xE0)],
)
def test_what_may_be_ours(data):
    assert isinstance(look(data), Claim)
    assert isinstance(look(b"", data), Claim)
    assert MATCHER.candidates("udp", data) == ["rtp"]


@pytest.mark.parametrize(
    "data",
    [
        QUERY,
        rtp(7)[:12],
        rtp(7, payload=72),
        rtp(7, payload=50),
        rtp(7, first=0x40),
        rtp(7, first=0x8F, size=40),
        rtp(7, first=0xA0, size=20)[:-1] + b"\x60",
        rtp(7, first=0xA0, size=20)[:-1] + b"\0",
        rtp(7, first=0x90, size=2),
        rtp(7, first=0x90, size=20).replace(b"\xd5\xd5\xd5\xd5", b"\xd5\xd5\0\x20", 1),
    ],
)
def test_what_is_not_ours(data):
    assert look(data) is None
    assert look(rtp(1), data) is None


def test_a_call_shares_its_port_with_stun_where_it_was_announced():
    stun = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)
    assert look(stun, rtp(1)) is None
    assert isinstance(look(stun, rtp(1), CALL), Claim)


def test_headers_with_sources_extension_and_padding_are_measured():
    assert wire.read_packet(rtp(1, first=0x82, size=10)).size == 2
    extended = rtp(1, first=0x90, size=20).replace(b"\xd5\xd5\xd5\xd5", b"\xbe\xde\0\1", 1)
    assert wire.read_packet(extended).size == 12
    assert wire.read_packet(rtp(1, first=0xA0, size=20)[:-1] + b"\x04").size == 16


# -- laws --------------------------------------------------------------------------------------

DATAGRAMS = st.one_of(
    st.binary(max_size=60),
    st.builds(
        rtp, st.integers(0, 9), ssrc=st.integers(1, 3), first=st.sampled_from([0x80, 0x90, 0xA1])
    ),
    st.builds(
        lambda head, items: head + sdes(*items),
        st.sampled_from([RECEIVER, SENDER, b""]),
        st.lists(st.tuples(st.integers(1, 9), st.binary(max_size=30)), max_size=4),
    ),
    st.builds(
        lambda count, body: bytes([0x80 | count, 202, 0, 9]) + body,
        st.integers(0, 31),
        st.binary(min_size=36, max_size=36),
    ),
)


@given(st.lists(st.tuples(st.sampled_from(Side), DATAGRAMS), max_size=20), st.booleans())
def test_garbage_is_never_raised(steps, announced):
    kit.check_garbage(lambda: Session(CALL if announced else START), steps)
    for side, data in steps:
        look(data if side is CLIENT else b"", data if side is SERVER else b"")


def test_memory_is_bounded():
    told = Session(CALL)
    for n in range(5000):
        told.feed(CLIENT, rtp(n, ssrc=n))
        told.feed(SERVER, RECEIVER + sdes((1, b"x%d@y" % n)))
    assert len(told._streams) <= session.STREAMS
    assert kit.footprint(told) < 20_000
