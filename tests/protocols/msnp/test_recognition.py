"""What is claimed as MSNP, what is not, and who is the client amid a stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.matcher import fits
from tests.protocols.msnp.craft import (
    ALICE,
    BOB,
    GUID,
    MIDDLE,
    START,
    SWITCHBOARD,
    C,
    S,
    got,
    line,
    payload,
    sent,
)

from backchannel.model import MORE, Claim, Endpoint, More
from backchannel.protocols import Peek, Start, load
from backchannel.protocols.msnp import PROTOCOL
from backchannel.protocols.msnp.grammar import SEEK, judge
from backchannel.protocols.msnp.session import Session, recognise

FEW = 24
"""Bytes of which a header with zeros in the right places may be the beginning."""


def peeked(client=b"", server=b"", begun=True):
    return recognise(Peek("tcp", client, server, begun, START if begun else MIDDLE))


OPENINGS = [
    line("VER 1 MSNP8 CVR0"),
    line("VER 0 MSNP7 MSNP6 MSNP5 MSNP4 CVR0"),
    line("VER 12345 MSNP18 MSNP17 CVR0"),
    line("VER 0 MSNP2"),
    line(f"USR 1 {ALICE} 1835953129.20013021.2623242"),
    line(f"USR 1 {ALICE};{GUID} 480c96a6c6a6701e02a3"),
    line(f"ANS 1 {ALICE} 849102291.520491113 11752013"),
]


@pytest.mark.parametrize("opening", OPENINGS)
def test_every_opening_of_a_client(opening):
    assert isinstance(peeked(opening), Claim)
    assert any(fits(magic, opening) for magic in PROTOCOL.magic)


@pytest.mark.parametrize(
    "opening",
    [line("VER 1 MSNP8"), line(f"USR 1 OK {ALICE} Alice"), line("XFR 2 NS 10.0.0.1:1863 0 x")],
)
def test_the_server_alone_is_enough(opening):
    assert isinstance(peeked(b"", opening), Claim)


@pytest.mark.parametrize("opening", OPENINGS)
def test_few_bytes_ask_for_more(opening):
    for size in range(1, len(opening) - 1):
        assert isinstance(peeked(opening[:size]), More), opening[:size]
        assert any(fits(magic, opening[:size]) for magic in PROTOCOL.magic)


MID_CLIENT = [
    sent("text/plain", "hello"),
    payload("UUX 8", "<Data><PSM></PSM></Data>"),
    line("CHG 9 NLN 0") + line("PNG") + line(f"CAL 3 {BOB}"),
    payload("ADL 7", "<ml l='1'></ml>"),
    line(f"ADC 16 FL N={BOB} F=Bob"),
]
MID_SERVER = [
    got("text/plain", "hello"),
    line(f"NLN AWY {BOB} Bob 268435456"),
    line(f"NLN NLN 1:{BOB} Bob 2416181284:00 0"),
    line(f"RNG 11752013 198.51.100.9:1863 CKI 849102291.520491932 {BOB} Bob"),
    line("XFR 4 SB 198.51.100.9:1863 CKI 17262740.1050826919"),
    line(f"LST {BOB} Bob 11 0"),
    line(f"JOI {BOB} Bob") + line(f"BYE {BOB}"),
    payload(f"UBX {BOB} 1", "<Data></Data>"),
    payload("ADL 0", "<ml><d n='example.net'><c n='eve' l='8' t='1'/></d></ml>"),
    line("ADL 6 OK") + line("RML 7 OK"),
]


@pytest.mark.parametrize("data", MID_CLIENT)
def test_joined_amid_the_clients_side(data):
    assert peeked(data, begun=False).flipped is False
    if not data.startswith(b"ADC"):  # both sides send it
        assert peeked(b"", data, begun=False).flipped
    assert any(fits(magic, data, begun=False) for magic in PROTOCOL.magic)


@pytest.mark.parametrize("data", MID_SERVER)
def test_joined_amid_the_servers_side(data):
    assert peeked(data, begun=False).flipped
    assert peeked(b"", data, begun=False).flipped is False
    assert any(fits(magic, data, begun=False) for magic in PROTOCOL.magic)


def test_the_port_decides_where_both_sides_send_such_lines():
    """As in the sign-on of libpurple 2.4.3 with MSNP13, joined at the end of the first message."""
    added = line(f"ADC 16 FL N={BOB} F=Bob")
    back = Start("tcp", client=MIDDLE.server, server=MIDDLE.client, begun=False)
    assert recognise(Peek("tcp", added, b"", False, back)).flipped
    assert recognise(Peek("tcp", b"", added, False, back)).flipped
    assert recognise(Peek("tcp", sent("text/plain", "hello"), b"", False, back)).flipped is False
    assert recognise(Peek("tcp", added, b"", True, back)).flipped is False


def test_keep_alives_alone_when_both_sides_show_them():
    ping, answer = line("PNG"), line("QNG 48")
    assert peeked(ping, answer, begun=False).flipped is False
    assert peeked(answer, ping, begun=False).flipped
    assert not isinstance(peeked(ping * 2, begun=False), Claim)
    assert not isinstance(peeked(b"", answer, begun=False), Claim)


def test_both_sides_agree_on_who_is_who():
    assert peeked(MID_SERVER[0], MID_CLIENT[0], begun=False).flipped
    assert not peeked(MID_CLIENT[0], MID_SERVER[0], begun=False).flipped
    assert not isinstance(peeked(MID_CLIENT[0], MID_CLIENT[0], begun=False), Claim)


FOREIGN = [
    b"VER MSNFTP\r\n",
    b"USR bob@example.com 1795253404\r\n",
    b"MSG subject 1 11\r\nHello World\r\n",  # NATS
    b"MSG foo.bar 9 11\r\nMIME\r\n",
    b":bob!b@h PRIVMSG #x :hi\r\n",
    b"NICK bob\r\nUSER bob 0 * :Bob\r\n",
    b"USER alice@example.com\r\nPASS x\r\n",
    b"VRFY bob@example.com\r\n",
    b"EHLO example.com\r\nMAIL FROM:<bob@example.com>\r\n",
    b"LIST\r\nSTAT\r\n",
    b"LST 1 2 3 4 5\r\n",
    b"ADD 1 2\r\nADD 3 4\r\n",
    b"ANS 1 yes\r\n",
    b"ACK 1\r\nACK 2\r\nACK 3\r\n",
    b"BYE 12\r\n",
    b"OUT of order\r\nOUT\r\n",
    b"VER 1\r\nVER 2\r\n",
    b"CAL 2 bob\r\n",
    b"SYN 1 2\r\nACK 3\r\n",
    b"D\x00\x00\x00\x1cNLN NLN bob@example.com Bob\x00",
    b"T\x00\x00\x00\x21\x00\x01MSG 1 N 5\r\nMIME-Version: 1.0\r\n",
    b"INF\r\n",
    b"\x00" * 64,
    b"VER " + b"x" * 3000,
]


@pytest.mark.parametrize("data", FOREIGN)
@pytest.mark.parametrize("begun", [True, False])
def test_what_only_looks_like_it(data, begun):
    assert not isinstance(peeked(data, begun=begun), Claim)
    assert not isinstance(peeked(b"", data, begun=begun), Claim)


def test_an_open_line_is_given_up_when_the_other_side_is_foreign():
    assert peeked(b"USR 1 al", b"220 mail.example ESMTP\r\n") is None
    assert peeked(b"VER 1 ", b"\x16\x03\x01") is None


def test_datagrams_are_not():
    assert recognise(Peek("udp", OPENINGS[0], b"", True, START)) is None


def foreign():
    here = kit.Path(__file__).parents[3] / "examples"
    for room in (here, kit.CORPUS / "public"):
        for path in sorted([*room.rglob("*.pcap"), *room.rglob("*.pcapng"), *room.rglob("*.cap")]):
            if "malformed" not in path.parts and path.parent.name != "msn":
                yield path


def test_no_other_protocol_is_claimed():
    """By any of MSN's protocols, nor even waited for once a few bytes are there."""
    if not kit.CORPUS.exists():
        pytest.skip("the corpus is not here")
    ours = [load()[name] for name in ("msnp", "msnftp", "msn-p2p", "msn-webcam")]
    gateway = load()["msn-gateway"]
    seen = 0
    for path in foreign():
        for flow in kit.flows(path):
            peek = kit.peek(flow)
            answers = {protocol.name: protocol.recognise(peek) for protocol in ours}
            few = len(peek.client) < FEW and len(peek.server) < FEW
            claims = [name for name, said in answers.items() if said and not (few and said is MORE)]
            assert not claims, f"{path}: {flow} {claims}"
            assert not isinstance(gateway.recognise(peek), Claim), f"{path}: {flow}"
            seen += 1
    assert seen > 1000


def test_each_recorded_flow_is_claimed_by_one_protocol_at_most():
    names = ("msnp", "msnftp", "msn-p2p", "msn-gateway", "msn-webcam")
    claims = []
    for path in sorted((kit.Path(__file__).parents[3] / "examples/msn").glob("*.pcap")):
        for flow in kit.flows(path):
            peek = kit.peek(flow)
            found = [name for name in names if isinstance(load()[name].recognise(peek), Claim)]
            assert len(found) <= 1, (flow, found)
            claims += found
    assert set(claims) == {"msnp", "msnftp", "msn-p2p", "msn-gateway"}


@given(st.binary(max_size=300), st.binary(max_size=300), st.booleans())
def test_random_bytes_are_never_claimed(client, server, begun):
    assert not isinstance(peeked(client, server, begun), Claim)


@given(st.sampled_from(OPENINGS), st.binary(max_size=8), st.integers(0, 40))
def test_a_damaged_opening_raises_nothing(opening, noise, at):
    peeked(opening[:at] + noise + opening[at:])


def test_the_turned_session_reads_the_same():
    """The engine turns the sides where the claim is flipped."""
    steps = [(S, got("text/plain", "one")), (C, sent("text/plain", "two"))]
    turned = Start("tcp", Endpoint("a", 1), Endpoint("b", 2), begun=False)
    told = kit.decode(Session(turned), steps)
    assert [m.text for _, m in told if hasattr(m, "text")] == ["one", "two"]


def test_what_is_sought_after_a_gap_is_what_is_judged():
    """Each line that resynchronisation stops at is a line that counts as proof."""
    for side, data in [(S, row) for row in MID_SERVER] + SWITCHBOARD:
        found = SEEK[side].search(b"junk" + data)
        first, _, rest = data.partition(b"\r\n")
        judged = judge(first, b"\r\n" + rest)
        if judged and judged[1] > 1:
            assert found
            assert found.start() == 4
