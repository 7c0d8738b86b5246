"""Magics: what makes a flow wanted, whatever the size and order of its segments."""

import struct
from itertools import chain, zip_longest

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.flows.frames import ACK, SYN, Talk, both, ethernet, ip, pcap, udp
from tests.matcher import Matcher

from backchannel.contract import Length, Magic, Spread
from backchannel.flows.core import FlowCore as Core
from backchannel.flows.core_py import FlowCore as Twin
from backchannel.flows.delivery import CLOSED, DATA
from backchannel.flows.magics import LONGEST
from backchannel.flows.match_py import Fit, fits
from backchannel.flows.settings import FlowSettings
from backchannel.protocols import load
from backchannel.protocols.dns import PROTOCOL as DNS

FLAP = Magic("tcp", b"\x2a\x01", b"\xff\xf8", length=Length(at=4, size=2, bias=6))
DEEP = Magic("tcp", b"MAGIC", at=40)
SIZED = Magic("tcp", b"\x05", sizes=(3, 4), first=True)
FRAME = b"\x2a\x02\0\1\0\x04body"


def hits_of(talk, magics, **options):
    told = both(pcap(talk.frames), list(enumerate(magics)), **options)
    return told.columns["hits"], told


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("magic", [FLAP, DEEP, SIZED])
def test_segment_sizes_hide_nothing(magic, size):
    data = {FLAP: FRAME, DEEP: bytes(40) + b"MAGIC", SIZED: b"\x05\1\0"}[magic]
    talk = Talk().open()
    for at in range(0, len(data), size):
        talk.send(0, data[at : at + size])
    hits, told = hits_of(talk, [magic])
    assert hits == [1]
    assert told.bytes_of(0) == data
    assert told.rows[0].missed == (0, 0)


def test_first_bytes_are_put_in_order_whatever_is_repeated_before_the_hole_is_filled():
    """The second half comes first and, as nobody answers, again; then both in one."""
    talk = Talk().open().send(0, FRAME[4:], at=4).send(0, FRAME[4:], at=4).send(0, FRAME, at=0)
    hits, told = hits_of(talk, [FLAP])
    assert hits == [1]
    assert told.bytes_of(0) == FRAME


def test_the_order_of_segments_hides_nothing():
    talk = Talk().open().send(0, FRAME[5:], at=5).send(0, FRAME[:2], at=0).send(0, FRAME[2:5], at=2)
    hits, told = hits_of(talk, [FLAP])
    assert hits == [1]
    assert told.bytes_of(0) == FRAME


def test_either_side_can_say_what_it_is():
    talk = Talk().open().send(0, b"xyz").send(1, FRAME)
    hits, told = hits_of(talk, [FLAP])
    assert hits == [1]
    assert told.story()[:1] == [(1, DATA, FRAME)]
    assert told.rows[0].missed == (3, 0)


def test_bytes_of_both_sides_are_kept_while_it_is_not_known():
    """One byte of each side fits; all of it is delivered, in the order in which it came."""
    talk = Talk().open().send(0, FRAME[:1]).send(1, FRAME[:1]).send(0, FRAME[1:]).send(1, b"what?")
    hits, told = hits_of(talk, [FLAP])
    assert hits == [1]
    assert [what for _, kind, what in told.story() if kind == DATA] == [
        FRAME[:1],
        FRAME[:1],
        FRAME[1:],
        b"what?",
    ]
    assert told.rows[0].missed == (0, 0)


def test_a_flow_nobody_wants_is_counted_and_never_delivered():
    talk = Talk().open().send(0, b"GET / HTTP/1.1\r\n\r\n").send(1, b"HTTP/1.1 200 OK\r\n\r\n")
    hits, told = hits_of(talk, [FLAP, DEEP, SIZED])
    assert hits == [0]
    assert told.deliveries == []
    assert told.columns["client_payload_bytes"] == [18]
    assert told.columns["server_payload_bytes"] == [19]


def test_in_the_middle_a_payload_must_fit_by_itself():
    whole = Talk().send(0, b"....").send(0, FRAME).send(1, b"answer")
    hits, told = hits_of(whole, [FLAP])
    assert hits == [1]
    assert told.rows[0].missed == (4, 0)
    part = Talk().send(0, b"....").send(0, FRAME[:1]).send(0, FRAME[1:])
    assert hits_of(part, [FLAP])[0] == [0]


def test_first_means_the_first_payload_of_a_side_that_was_seen_to_begin():
    magic = Magic("tcp", b"HELLO", first=True)
    assert hits_of(Talk().open().send(0, b"HELLO"), [magic])[0] == [1]
    assert hits_of(Talk().open().send(0, b".").send(0, b"HELLO"), [magic])[0] == [0]
    assert hits_of(Talk().send(0, b"HELLO"), [magic])[0] == [0]


def test_only_the_first_payloads_are_compared():
    talk = Talk()
    for _ in range(3):
        talk.send(0, b"....")
    talk.send(0, FRAME)
    assert hits_of(talk, [FLAP], settings=FlowSettings(payloads=3))[0] == [0]
    assert hits_of(talk, [FLAP], settings=FlowSettings(payloads=4))[0] == [1]


def test_when_no_more_can_be_kept_what_may_fit_is_a_hit():
    magic = Magic("tcp", b"\x01", minimum=4000)
    talk = Talk().open().send(0, b"\x01" + bytes(999))
    for _ in range(2):
        talk.send(0, bytes(1000))
    settings = FlowSettings(opening_bytes=2000)
    hits, told = hits_of(talk, [magic], settings=settings)
    assert hits == [1]
    assert told.bytes_of(0) == b"\x01" + bytes(2999)


def test_first_bytes_captured_behind_their_acknowledgement_are_still_the_first():
    """Two taps merged, or two queues of a card: the answer stands before what it answers."""
    magic = Magic("tcp", b"HELLO", first=True)
    talk = Talk().open().send(1, b"", ack=5).send(0, b"HELLO")
    assert hits_of(talk, [magic])[0] == [1]
    talk = Talk().open().send(1, b"answer", ack=5).send(0, b"HELLO")
    hits, told = hits_of(talk, [magic])
    assert hits == [1]
    assert told.bytes_of(0) == b"HELLO"


def test_first_bytes_that_were_never_captured_are_not_waited_for():
    """What came behind them is judged by itself, as in the middle of a stream."""
    talk = Talk().open().send(0, b"....", at=100).send(1, b"", ack=104, wait=0.06)
    hits, told = hits_of(talk.send(0, FRAME), [FLAP])
    assert hits == [1]
    assert told.bytes_of(0) == FRAME


def test_first_bytes_may_be_captured_behind_their_acknowledgement():
    talk = Talk().open().send(0, FRAME, at=len(FRAME)).send(1, b"", ack=2 * len(FRAME))
    hits, told = hits_of(talk.send(0, FRAME, at=0), [FLAP])
    assert hits == [1]
    assert told.bytes_of(0) == 2 * FRAME
    assert "tcp bytes never seen" not in told.counters


def test_magics_of_datagrams_are_exact():
    magic = Magic("udp", b"\0\1", at=2, sizes=(8, 12))
    for data, wanted in ((b"..\0\1....", 1), (b"..\0\1...", 0), (b"..\0", 0), (b"..\0\2....", 0)):
        frame = ethernet(ip("1.1.1.1", "2.2.2.2", 17, udp((1, 2), data)))
        assert both(pcap([(0, frame)]), [(0, magic)]).columns["hits"] == [wanted]


@pytest.mark.parametrize(
    ("magic", "fits_cut"),
    [
        (Magic("udp", b"\1\2", sizes=(90,)), True),
        (Magic("udp", b"\1\2", multiple=9, minimum=60), True),
        (Magic("udp", b"\1\2", length=Length(2, 2)), True),
        (Magic("udp", b"\1\2", sizes=(22,)), True),  # as is
        (Magic("udp", b"\1\2", sizes=(80,)), False),
        (Magic("udp", b"\3", sizes=(90,)), False),
        (Magic("udp", b"\3", at=80, sizes=(90,)), False),  # it was not captured
    ],
)
def test_a_snap_length_does_not_hide_the_size_of_a_datagram(magic, fits_cut):
    body = bytes((1, 2, 0, 90)) + b"\3" * 86
    frame = ethernet(ip("10.0.0.1", "10.0.0.2", 17, udp((5, 6), body)))
    told = both(pcap([(0.0, frame)], snap=64), [(0, magic)])
    assert told.bytes_of(0) == (body[:22] if fits_cut else b"")


V1 = b"PROXY TCP4 192.0.2.1 198.51.100.2 5555 443\r\n"
V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12)
FOR_WHOM = [V1, b"PROXY UNKNOWN\r\n", V2, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"]


@pytest.mark.parametrize("header", FOR_WHOM)
@pytest.mark.parametrize("apart", [False, True])
def test_the_header_of_a_load_balancer_is_no_part_of_the_stream(header, apart):
    """haproxy's PROXY protocol, versions 1 and 2: what is behind it begins there."""
    talk = Talk().open()
    talk = talk.send(0, header).send(0, b"askit") if apart else talk.send(0, header + b"askit")
    talk.send(0, header + b"ask", at=0)  # again
    told = both(pcap(talk.send(1, b"told").send(0, b"more").frames), [(0, ASKS)])
    assert told.story()[:-1] == [(0, DATA, b"askit"), (1, DATA, b"told"), (0, DATA, b"more")]
    assert told.rows[0].missed == (0, 0)
    assert told.rows[0].payload_bytes[0] == len(header) + 9 + len(header + b"ask")


@pytest.mark.parametrize(
    "header", [V1[:-2], b"PROXY TCP5 \r\n", V1.replace(b" 443", b" " * 90), V2[:12], V2[:20]]
)
def test_what_is_no_such_header_belongs_to_the_stream(header):
    talk = Talk().open().send(0, header).send(0, b"ask")
    told = both(pcap(talk.frames))
    assert told.bytes_of(0) == header + b"ask"


def test_a_header_is_passed_over_where_the_flow_is_wanted_already():
    talk = Talk().open().send(1, b"told").send(0, V1 + b"ask").send(1, b"more")
    assert both(pcap(talk.frames)).story()[:-1] == [
        (1, DATA, b"told"),
        (0, DATA, b"ask"),
        (1, DATA, b"more"),
    ]


ASKS = Magic("tcp", b"askit", first=True)


def test_protocol_numbers_are_part_of_a_magic():
    magics = [(0, Magic("ip", number=50)), (1, Magic("ip", b"\0\0", at=2))]
    frames = [ethernet(ip("1.1.1.1", "2.2.2.2", number, bytes(20))) for number in (50, 51)]
    assert [r.hits for r in both(pcap([(0, f) for f in frames]), magics).rows] == [3, 2]


def test_masks_and_lengths():
    little = Magic("udp", b"\xe3", length=Length(at=1, size=4, bias=5, little=True))
    part = Magic("udp", b"\xe3", length=Length(at=1, size=2, whole=False))
    masked = Magic("udp", b"\x40\x10", b"\xc0\xf0")
    for magic, data, fit in (
        (little, b"\xe3\3\0\0\0abc", Fit.YES),
        (little, b"\xe3\4\0\0\0abc", Fit.NO),
        (little, b"\xe3\3\0", Fit.NO),
        (part, b"\xe3\0\3", Fit.YES),
        (part, b"\xe3\0\4", Fit.NO),
        (masked, b"\x7f\x1f", Fit.YES),
        (masked, b"\x80\x1f", Fit.NO),
    ):
        assert fits(magic, data, opening=True) is fit
        frame = ethernet(ip("1.1.1.1", "2.2.2.2", 17, udp((1, 2), data)))
        assert both(pcap([(0, frame)]), [(0, magic)]).columns["hits"] == [fit is Fit.YES]


RANDOM = Magic("udp", spread=Spread(at=2, size=4, least=3))
WORDS = Magic("udp", b"\0\0", b"\xf0\0", some=(b"\x0f", b"\0\x81"), multiple=4)
REPORTS = Magic("udp", length=Length(at=2, size=2, unit=4, bias=4, chain=True))
BINARY = Magic("udp", sizes=(4,), binary=True)
OTHERS = Magic("udp", unless=(b"ab", b"\x16\x03\x01"), minimum=3)


@pytest.mark.parametrize(
    ("magic", "data", "fit"),
    [
        (RANDOM, b"..aabc", Fit.YES),
        (RANDOM, b"..aabb", Fit.NO),
        (RANDOM, b"..abc", Fit.NO),
        (WORDS, b"\x01\x80..", Fit.YES),
        (WORDS, b"\x0f\x01......", Fit.YES),
        (WORDS, b"\x00\x80..", Fit.NO),
        (WORDS, b"\x01\x7e..", Fit.NO),
        (WORDS, b"\x01\x80...", Fit.NO),
        (REPORTS, b"..\0\0", Fit.YES),
        (REPORTS, b"..\0\x01....", Fit.YES),
        (REPORTS, b"..\0\x01......\0\0", Fit.YES),
        (REPORTS, b"..\0\x01......\0\x01", Fit.NO),
        (REPORTS, b"..\0\x01.......", Fit.NO),
        (REPORTS, b"..\0\x01.....", Fit.NO),
        (REPORTS, b"..\0\x02....", Fit.NO),
        (REPORTS, b"..\xff\xff....", Fit.NO),
        (REPORTS, b"..\0", Fit.NO),
        (BINARY, b"a\tz\n", Fit.NO),
        (BINARY, b"a\tz\0", Fit.YES),
        (BINARY, b"a\tz\x7f", Fit.YES),
        (OTHERS, b"abc", Fit.NO),
        (OTHERS, b"acb", Fit.YES),
        (OTHERS, b"\x16\x03\x01..", Fit.NO),
        (OTHERS, b"\x16\x03\x02..", Fit.YES),
        (OTHERS, b"a", Fit.NO),
    ],
)
def test_what_looks_random_or_adds_up(magic, data, fit):
    assert fits(magic, data, opening=True) is fit
    frame = ethernet(ip("1.1.1.1", "2.2.2.2", 17, udp((1, 2), data)))
    assert both(pcap([(0, frame)]), [(0, magic)]).columns["hits"] == [fit is Fit.YES]


def test_a_chain_that_does_not_move_on_ends():
    stuck = Magic("udp", length=Length(at=0, size=1, chain=True))
    frame = ethernet(ip("1.1.1.1", "2.2.2.2", 17, udp((1, 2), b"\1\0\1")))
    assert both(pcap([(0, frame)]), [(0, stuck)]).columns["hits"] == [0]


SEED = Magic("tcp", sizes=(12, 14), binary=True, first=True, unanswered=True)


@pytest.mark.parametrize("size", [1, 5, 12])
def test_who_speaks_first_is_waited_for_until_the_other_side_speaks(size):
    data = bytes(range(12))
    talk, cut = Talk().open(), Talk().open().send(0, data[:6]).send(1, b"hello").send(0, data[6:])
    for at in range(0, len(data), size):
        talk.send(0, data[at : at + size])
    assert hits_of(talk.send(1, b"hello"), [SEED])[0] == [1]
    assert hits_of(cut, [SEED])[0] == [0]
    assert hits_of(Talk().open().send(1, b"hello").send(0, data), [SEED])[0] == [1]


def test_what_was_not_waited_for_is_judged_by_itself():
    """And what another magic still waits for stays."""
    talk = Talk().open().send(0, b"\0" * 6).send(1, b"hello").send(0, FRAME)
    hits, told = hits_of(talk, [SEED, FLAP])
    assert hits == [2]
    assert told.bytes_of(0) == FRAME
    talk = Talk().open().send(0, b"\0" * 6).send(1, b"hello").send(0, bytes(34) + b"MAGIC")
    hits, told = hits_of(talk, [SEED, DEEP])
    assert hits == [2]
    assert (told.bytes_of(1), told.rows[0].missed) == (b"hello", (0, 0))


def test_what_others_begin_with_is_told_in_any_segments():
    magic = Magic("tcp", unless=(b"ab", b"xyz"), minimum=4, first=True)
    for data, fit in ((b"a", Fit.MAYBE), (b"ab", Fit.NO), (b"xy", Fit.MAYBE), (b"acab", Fit.YES)):
        assert fits(magic, data, opening=True) is fit
    for text, hit in ((b"abcd", [0]), (b"xyzw", [0]), (b"xywz", [1])):
        talk = Talk().open()
        for at in range(len(text)):
            talk.send(0, text[at : at + 1])
        assert hits_of(talk, [magic])[0] == hit


def test_text_goes_on_being_waited_for_while_it_is_short():
    assert fits(SEED, b"RFB 004.001\n", opening=True) is Fit.MAYBE
    assert fits(SEED, b"@RSYNCD: 30.0\n", opening=True) is Fit.NO
    assert fits(SEED, b"RFB 004.001\n\0\0", opening=True) is Fit.YES


@pytest.mark.parametrize(
    ("magic", "why"),
    [
        (Magic("udp", b"\0", some=(b"\1\1",)), "masks"),
        (Magic("udp", b"\0", some=(b"\1",) * 3), "masks"),
        (Magic("tcp", multiple=4), "no size"),
        (Magic("tcp", length=Length(0, 1, chain=True)), "no size"),
        (Magic("udp", spread=Spread(50, 15, 3)), "too far"),
        (Magic("tcp", unless=(b"ab",), minimum=1), "longer"),
        (Magic("tcp", unless=(b"",), minimum=1), "compared"),
        (Magic("tcp", unless=(bytes(9),), minimum=9), "compared"),
        (Magic("tcp", unless=(b"a",) * 17, minimum=9), "compared"),
    ],
)
def test_what_cannot_be_compared_is_refused(magic, why):
    with pytest.raises(ValueError, match=why):
        both(pcap([]), [(0, magic)])


def test_all_words_together_are_bounded():
    words = [tuple(b"word%02d" % number for number in range(at, at + 32)) for at in (0, 32, 64)]
    magics = [Magic("tcp", b"GET ", anywhere=each) for each in words]
    assert hits_of(Talk().open().send(0, b"GET /WORD33\n\n"), magics[:2])[0] == [2]
    with pytest.raises(ValueError, match="too many words"):
        Core(list(enumerate(magics)))


@pytest.mark.parametrize(
    "magic",
    [Magic("tcp", bytes(LONGEST + 1)), Magic("tcp", at=2000), Magic("tcp", sizes=tuple(range(65)))],
)
def test_a_magic_that_cannot_be_compiled_is_refused(magic):
    with pytest.raises(ValueError, match="too long"):
        both(pcap([]), [(0, magic)])
    with pytest.raises(ValueError, match="index"):
        both(pcap([]), [(64, Magic("tcp"))])


magics = st.builds(
    Magic,
    st.just("tcp"),
    st.binary(max_size=4),
    spread=st.none() | st.builds(Spread, st.integers(0, 4), st.integers(1, 4), st.integers(1, 3)),
    binary=st.booleans(),
    unanswered=st.booleans(),
    at=st.integers(0, 6),
    sizes=st.lists(st.integers(1, 12), max_size=2).map(tuple),
    minimum=st.integers(0, 10),
    length=st.none()
    | st.builds(
        Length,
        st.integers(0, 4),
        st.integers(1, 3),
        st.integers(-2, 8),
        little=st.booleans(),
        whole=st.booleans(),
    ),
    first=st.booleans(),
)
few = st.binary(max_size=12).map(lambda data: bytes(byte & 3 for byte in data))


@given(magics, few.filter(bool), st.integers(1, 12))
def test_no_cut_hides_what_fits(magic, data, size):
    """What a magic fits as a whole is a hit however it was cut."""
    magic = msgspec.structs.replace(magic, pattern=bytes(byte & 3 for byte in magic.pattern))
    talk = Talk().open()
    for at in range(0, len(data), size):
        talk.send(0, data[at : at + size])
    (hit,), _ = hits_of(talk, [magic])
    if fits(magic, data, opening=True) is Fit.YES:
        assert hit
    elif size >= len(data):
        assert not hit


# -- names -----------------------------------------------------------------------------------------

GATED = [(0, Magic("tcp", b"\x16\x03")), (0, Magic("tcp", b"GET ")), (0, Magic("udp", at=0))]
GATED += [(0, magic) for magic in DNS.magic if magic.transport == "tcp"]
NAMES = ["oscar.aol.com", "messenger.hotmail.com"]


def client_hello(name: bytes, padding: int = 0) -> bytes:
    server = struct.pack(">HBH", len(name) + 3, 0, len(name)) + name
    filler = struct.pack(">HH", 21, padding) + bytes(padding)
    extensions = filler + struct.pack(">HH", 0, len(server)) + server
    body = b"\3\3" + bytes(32) + b"\0" + b"\0\2\x13\1" + b"\1\0"
    body += struct.pack(">H", len(extensions)) + extensions
    hello = b"\1" + len(body).to_bytes(3) + body
    return b"\x16\3\1" + struct.pack(">H", len(hello)) + hello


def question(*names: bytes, answer: bytes = b"") -> bytes:
    text = b"".join(
        b"".join(bytes([len(label)]) + label for label in name.split(b".")) + b"\0\0\1\0\1"
        for name in names
    )
    if answer:
        text += b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"
        text += b"".join(bytes([len(part)]) + part for part in answer.split(b".")) + b"\0"
        text += b"\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"
    return struct.pack(">HHHHHH", 1, 0, len(names), 2 * bool(answer), 0, 0) + text


def wanted(data: bytes, transport="tcp", size=1460, **options) -> bool:
    if transport == "udp":
        frames = [(0.0, ethernet(ip("1.1.1.1", "2.2.2.2", 17, udp((1, 53), data))))]
    else:
        talk = Talk().open()
        for at in range(0, len(data), size):
            talk.send(0, data[at : at + size])
        frames = talk.frames
    told = both(pcap(frames), GATED, names=NAMES, name_gated=[0], **options)
    return any(d[2] == CLOSED for d in told.deliveries)


HOSTS = [
    (b"oscar.aol.com", True),
    (b"login.oscar.aol.com", True),
    (b"LOGIN.Oscar.AOL.com", True),
    (b"oscar.aol.com.", True),
    (b"notoscar.aol.com", False),
    (b"oscar.aol.com.evil.net", False),
    (b"aol.com", False),
    (b"x" * 300 + b".oscar.aol.com", False),
]


@pytest.mark.parametrize(("host", "ours"), HOSTS)
def test_names_of_interest(host, ours):
    assert wanted(client_hello(host)) is ours
    assert wanted(b"GET / HTTP/1.1\r\nAccept: x\r\nhOsT : " + host + b":8080\r\n\r\n") is ours
    if max(map(len, host.split(b"."))) < 64 and not host.endswith(b"."):
        assert wanted(question(host), "udp") is ours


@pytest.mark.parametrize("size", [10, 50, 600, 1460])
def test_a_long_client_hello_is_waited_for(size):
    """Post-quantum key shares make it longer than a segment."""
    assert wanted(client_hello(b"login.oscar.aol.com", 1800), size=size)
    assert not wanted(client_hello(b"www.example.org", 1800), size=size)


def test_a_client_hello_in_several_records():
    hello = client_hello(b"login.oscar.aol.com", 300)[5:]
    parts = [hello[at : at + 100] for at in range(0, len(hello), 100)]
    data = b"".join(b"\x16\3\1" + struct.pack(">H", len(part)) + part for part in parts)
    assert wanted(data)
    assert not wanted(data.replace(b"oscar", b"other"))


def test_a_client_hello_that_never_ends_is_wanted():
    assert wanted(client_hello(b"www.example.org", 1800)[:1500] * 1, size=1460) is False
    settings = FlowSettings(opening_bytes=1500)
    assert wanted(client_hello(b"www.example.org", 1800), settings=settings)


def test_a_server_hello_or_nonsense_is_not_of_interest():
    assert not wanted(b"\x16\3\3\0\x40\2" + bytes(63))
    assert not wanted(client_hello(b"")[:-9] + b"\xff" * 9)


def test_requests_without_a_host():
    assert not wanted(b"GET / HTTP/1.0\r\n\r\n")
    assert not wanted(b"GET / HTTP/1.0\r\n\r\nHost: oscar.aol.com\r\n")
    assert wanted(b"GET / HTTP/1.1\r\nHost: oscar.aol.com\r\n\r\n", size=3)


def test_dns_questions_and_answers():
    assert wanted(question(b"www.example.org", b"x.oscar.aol.com"), "udp")
    assert wanted(question(b"www.example.org", answer=b"x.oscar.aol.com"), "udp")
    assert not wanted(question(b"www.example.org", answer=b"example.org"), "udp")
    assert not wanted(question(b"oscar.aol.com")[:20], "udp")


@pytest.mark.parametrize("size", [0x00FF, 0x0A41, 0x0D4A, 0x1601])
def test_the_length_of_dns_over_tcp_may_look_like_text_or_tls(size):
    def sized(name, answer):
        data = question(name, answer=answer)
        return struct.pack(">H", size) + data + bytes(size - len(data))

    assert wanted(sized(b"www.example.org", b"x.oscar.aol.com"))
    assert not wanted(sized(b"www.example.org", b"x.example.org"))


def test_dns_pointers_in_circles():
    circle = struct.pack(">HHHHHH", 1, 0, 1, 0, 0, 0) + b"\1a\xc0\x0c\0\1\0\1"
    assert not wanted(circle, "udp")
    chain = struct.pack(">HHHHHH", 1, 0, 40, 0, 0, 0) + b"\0\0\1\0\1" * 40
    assert not wanted(chain, "udp")


def test_everything_lifts_the_gate():
    assert wanted(client_hello(b"www.example.org"), everything=True)


@given(st.binary(max_size=60), st.sampled_from(["tcp", "udp"]))
def test_any_payload_gets_the_same_answer_from_both(data, transport):
    start = {"tcp": [b"\x16\3\1", b"GET "], "udp": [question(b"a.oscar.aol.com")[:14]]}[transport]
    for prefix in start:
        wanted(prefix + data, transport)


hellos = st.builds(
    client_hello, st.sampled_from([b"a.oscar.aol.com", b"x.org"]), st.integers(0, 40)
)
changes = st.lists(st.tuples(st.integers(0, 130), st.integers(0, 255)), max_size=4)


@given(
    hellos
    | st.builds(question, st.sampled_from([b"oscar.aol.com", b"x.org"]), answer=st.just(b"b.c")),
    changes,
    st.integers(1, 200),
)
def test_damaged_messages_get_the_same_answer_from_both(data, spots, size):
    broken = bytearray(data)
    for at, value in spots:
        broken[at % len(broken)] = value
    wanted(bytes(broken[:size]), "tcp")
    wanted(bytes(broken[:size]), "udp")


WEB = Magic("tcp", b"GET ", anywhere=(b"x-gnutella", b"/uri-res/"))
BLANK = b"\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "ours"),
    [
        (b"GET / HTTP/1.1\r\nX-GnuTella-Alt: 1" + BLANK, True),
        (b"GET / HTTP/1.1" + BLANK + b"x-gnutella", False),
        (b"GET / HTTP/1.1\n\nx-gnutella", False),
        (b"GET /URI-res/N2R HTTP/1.0\n\n", True),
        (b"GET / HTTP/1.1\r\nX-Gnu: tella" + BLANK, False),
        (b"GET / HTTP/1.1\r\nno end", False),
        (b"GET / HTTP/1.1\r\nX-Gnutella", True),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_words_anywhere_in_a_head(head, ours, size):
    talk = Talk().open()
    for at in range(0, len(head), size):
        talk.send(0, head[at : at + size])
    assert hits_of(talk, [WEB])[0] == [ours]


@given(
    st.lists(st.text("ab1=[{", min_size=3, max_size=7).map(str.encode), min_size=1, max_size=5),
    st.lists(st.text("abAB1=[{\r\n", max_size=9).map(str.encode), max_size=5),
    st.lists(st.integers(0, 4), max_size=3),
    st.integers(1, 40),
)
def test_words_of_any_size_are_found_wherever_they_stand(words, between, which, size):
    """Both cores say the same, and what Python says where there is no blank line."""
    parts = zip_longest(between, [words[at % len(words)] for at in which], fillvalue=b"")
    head = b"".join(chain.from_iterable(parts))
    talk = Talk().open()
    for at in range(0, 4 + len(head), size):
        talk.send(0, (b"GET " + head)[at : at + size])
    hits = hits_of(talk, [Magic("tcp", b"GET ", anywhere=tuple(words))])[0]
    if b"\n\n" not in head and b"\n\r\n" not in head:
        assert hits == [any(word in head.lower() for word in words)]


@given(
    st.lists(
        st.sampled_from(
            [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"Host: oscar.aol.com", b"host", b"x"]
        ),
        max_size=9,
    )
)
def test_lines_of_a_head_get_the_same_answer_from_both(lines):
    wanted(b"GET /" + b"".join(lines))


def test_words_are_checked():
    for word in (b"xx", b"Upper", b"x" * 33):
        with pytest.raises(ValueError, match="words"):
            both(pcap([]), [(0, Magic("tcp", anywhere=(word,)))])


def test_only_acknowledgements_are_no_payload():
    talk = Talk().send(0, b"", at=-1, flags=SYN).send(1, b"", at=-1, flags=SYN | ACK)
    assert hits_of(talk, [Magic("tcp")])[0] == [0]


PROTOCOLS = load()
NUMBERS = {name: number for number, name in enumerate(PROTOCOLS)}
MAGICS = [(NUMBERS[name], magic) for name, p in PROTOCOLS.items() for magic in p.magic]
CORE, TWIN, PLAIN = Core(MAGICS), Twin(MAGICS), Matcher(PROTOCOLS)
STARTS = (
    b"GNUTELLA CONNECT/0.6\r\n",
    b"*\1\0\1\0\4\0\0\0\1",
    b"VER 1 MSNP8 CVR0\r\n",
    b"YMSG\0\x0b",
    b"\4\1",
)


@given(
    st.builds(
        lambda start, size, rest: start[:size] + rest,
        st.sampled_from([*STARTS, b""]),
        st.integers(0, 24),
        st.binary(max_size=80),
    ),
    st.sampled_from(["tcp", "udp", "ip"]),
    st.booleans(),
    st.sampled_from([0, 6, 17, 50, 51]),
)
def test_what_fits_is_said_in_the_same_way_everywhere(data, transport, begun, number):
    """The core's answer about streams that it never sees, its twin's, and the plain matcher's."""
    said = CORE.fitting(transport, data, begun=begun, number=number)
    assert said == TWIN.fitting(transport, data, begun=begun, number=number)
    named = PLAIN.candidates(transport, data, begun=begun, number=number)
    assert said == [NUMBERS[name] for name in named]
