"""MSNFTP: a golden, what the manifest says, made-by-hand variants, and the laws."""

import hashlib
from pathlib import Path

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests import kit

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.events import Anomaly, Gap, Malformed, OfferAnswer
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.msnftp.context import FileInvitation
from backchannel.protocols.msnftp.session import Session, recognise

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
CAPTURE = EXAMPLES / "msn/msn_msnp8_msnftp_bitlbee.pcap"
C, S = Side.CLIENT, Side.SERVER
ALICE, BOB = "alice@example.com", "bob@example.com"
INVITED = FileInvitation("33267", ALICE, BOB, auth="93301", name="a.txt", size=5000)
START = Start("tcp", Endpoint("192.0.2.1", 4000), Endpoint("192.0.2.2", 6891))
TOLD = Start("tcp", START.client, START.server, context=INVITED)
DATA = bytes(range(256)) * 20


def blocks(data, size=2045):
    return b"".join(
        b"\0" + len(piece).to_bytes(2, "little") + piece
        for piece in (data[at : at + size] for at in range(0, len(data), size))
    )


def transfer(data=DATA, *, cookie=b"93301", size=2045, receiver=C, bye=b"16777989"):
    sender = receiver.other
    return [
        (receiver, b"VER MSNFTP\r\n"),
        (sender, b"VER MSNFTP\r\n"),
        (receiver, b"USR bob@example.com " + cookie + b"\r\n"),
        (sender, b"FIL %d\r\n" % len(data)),
        (receiver, b"TFR\r\n"),
        (sender, blocks(data, size)),
        (receiver, b"BYE " + bye + b"\r\n"),
    ]


def said(steps, start=TOLD):
    return kit.decode(Session(start), steps)


def whole(told):
    (opened,) = kit.effects(told, FileOpen)
    data = bytearray(opened.size)
    for piece in kit.effects(told, FileData):
        data[piece.offset : piece.offset + len(piece.data)] = piece.data
    assert len(kit.effects(told, FileClose)) == 1
    return bytes(data), opened


# -- captures ----------------------------------------------------------------------------------


def sessions():
    return kit.claimed(CAPTURE, recognise)


def test_golden():
    told = [pair for flow in sessions() for pair in kit.decode(Session(flow.start), flow.steps)]
    kit.check_golden(HERE / "msn_msnp8_msnftp_bitlbee.jsonl", told)


def test_the_recorded_files_are_whole():
    """Witness: the manifest's SHA-256 of what was sent; BitlBee wrote all MSNFTP bytes."""
    entries = yaml.safe_load((EXAMPLES / "manifest.yaml").read_text())["captures"]
    (facts,) = [e["files"] for e in entries if e["path"].endswith(CAPTURE.name)]
    flows = sessions()
    assert [flow.start.server.port for flow in flows] == [6891, 6891]
    for flow, fact in zip(flows, facts, strict=True):
        data, opened = whole(kit.decode(Session(flow.start), flow.steps))
        assert hashlib.sha256(data).hexdigest() == fact["sha256"]
        assert (opened.size, opened.recipient) == (fact["size"], fact["to"])


# -- by hand -----------------------------------------------------------------------------------


@pytest.mark.parametrize("receiver", [C, S])
@pytest.mark.parametrize("size", [1, 3, 2045, 65535])
def test_either_side_may_receive_and_blocks_have_any_size(receiver, size):
    data, opened = whole(said(transfer(DATA[:2500], size=size, receiver=receiver)))
    assert data == DATA[:2500]
    assert opened.shared
    assert (opened.name, opened.sender, opened.recipient) == ("a.txt", ALICE, BOB)
    assert opened.id == "33267"


def test_without_an_announcement_the_file_is_this_flows_own():
    data, opened = whole(said(transfer(), START))
    assert data == DATA
    assert not opened.shared
    assert (opened.recipient, opened.sender) == (BOB, "")


def test_a_wrong_cookie_that_is_turned_away():
    told = said(transfer(cookie=b"1")[:3])
    assert [a.kind for a in kit.events(told, Anomaly)] == ["wrong-cookie"]
    assert not kit.effects(told, FileOpen)


def test_a_wrong_cookie_that_is_taken_was_announced_for_another_transfer():
    told = said(transfer(cookie=b"1"))
    assert not kit.events(told, Anomaly)
    data, opened = whole(told)
    assert (data, opened.shared, opened.name) == (DATA, False, "")


def test_somebody_else_fetches_the_file():
    steps = [(side, data.replace(b"bob@", b"eve@")) for side, data in transfer()]
    assert [a.kind for a in kit.events(said(steps), Anomaly)] == ["stranger-fetches-file"]


@pytest.mark.parametrize(
    ("who", "words", "reason"),
    [
        (C, b"BYE 2164261682\r\n", "cancelled by the receiver"),
        (C, b"BYE 2147942405\r\n", "out of disk space"),
        (C, b"BYE 42\r\n", "code 42"),
        (C, b"CCL\r\n", "cancelled"),
        (S, b"\x01\x00\x00", "cancelled"),
    ],
)
def test_broken_off(who, words, reason):
    told = said([*transfer()[:5], (S, blocks(DATA[:2045])), (who, words)])
    (answer,) = kit.events(told, OfferAnswer)
    assert (answer.accepted, answer.reason) == (False, reason)
    assert answer.sender == (BOB if who is C else ALICE)
    assert len(kit.effects(told, FileClose)) == 1


def test_the_end_closes_what_was_cut():
    assert len(kit.effects(said(transfer()[:5]), FileClose)) == 1


# -- recognition -------------------------------------------------------------------------------


def peeked(client=b"", server=b"", begun=True):
    return recognise(Peek("tcp", client, server, begun, START))


def test_claimed_from_either_side_on_any_port():
    assert isinstance(peeked(b"VER MSNFTP\r\n"), Claim)
    assert isinstance(peeked(b"", b"VER MSNFTP\r\nmore"), Claim)
    assert isinstance(peeked(b"VER MSNFTP\r\n", begun=False), Claim)  # its SYN was not captured
    assert all(peeked(b"VER MSNFTP\r\n"[:size]) is MORE for size in range(1, 12))


@pytest.mark.parametrize(
    "data", [b"VER 1 MSNP8 CVR0\r\n", b"VERSION\r\n", b"VER MSNFTPX\r\n", b"\0" * 9]
)
def test_not_claimed(data):
    assert peeked(data) is None or data.startswith(b"VER MSNFTPX")
    assert not isinstance(peeked(data), Claim)
    assert not isinstance(peeked(data, begun=False), Claim)


# -- laws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100, 2048, 5000])
def test_segments_change_nothing(size):
    for flow in sessions():
        kit.check_segmentation(lambda flow=flow: Session(flow.start), flow.steps, size)
    kit.check_segmentation(lambda: Session(TOLD), transfer(size=7), size)


lines = st.sampled_from(
    [data for _, data in transfer(DATA[:99])] + [b"FIL 99999999999999999999\r\n"]
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Side), st.one_of(lines, st.binary(max_size=40), st.integers(1, 9))
        )
    )
)
def test_garbage(chunks):
    for start in (START, TOLD):
        kit.check_garbage(lambda start=start: Session(start), chunks, bound=4096)


@given(st.integers(0, 5100), st.integers(1, 5100))
def test_a_hole_anywhere_in_the_file_costs_just_what_it_hides(first, size):
    sent = blocks(DATA)
    size = min(size, len(sent) - first)
    if not size > 0:
        return
    steps = [*transfer()[:5], (S, sent[:first]), (S, size), (S, sent[first + size :])]
    told = said([step for step in steps if step[1]])
    assert not kit.events(told, Malformed)
    for piece in kit.effects(told, FileData):
        assert DATA[piece.offset : piece.offset + len(piece.data)] == piece.data
    seen = sum(len(piece.data) for piece in kit.effects(told, FileData))
    assert seen >= len(DATA) - size
    assert kit.events(told, Gap) == [Gap(size=size)]


def test_a_hole_among_the_lines():
    steps = transfer()
    told = said([steps[0], (S, 4), (S, b"MSNFTP\r\n"), *steps[2:]])
    assert whole(told)[0] == DATA


def test_a_line_without_end_is_not_held():
    session = Session(TOLD)
    told = kit.decode(session, [(C, b"USR " + b"x" * 400)] * 3, ends=False)
    assert len(kit.events(told, Malformed)) == 1
    assert kit.footprint(session) < 1024


def test_lost_framing():
    session = Session(TOLD)
    told = kit.decode(session, [(C, b"VER MSNFTP\r\n"), (C, b"GET / HTTP/1.0\r\n")] * 2)
    assert len(kit.events(told, Malformed)) == 1
    assert session.standing is Standing.REFUTED


@pytest.mark.parametrize(
    ("steps", "aligned"),
    [([], False), ([(C, b"NFTP\r\n")], False), ([(C, b"NFTP\r\n"), (S, b"VER MSNFTP\r\n")], True)],
)
def test_the_line_of_one_side_says_what_it_is(steps, aligned):
    session = Session(msgspec.structs.replace(START, begun=False))
    kit.decode(session, steps)
    assert session.aligned is aligned
