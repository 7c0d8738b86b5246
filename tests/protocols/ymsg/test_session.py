"""YMSG: goldens, what witnesses say of the captures, and the laws."""

import re
import struct
from html import unescape
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit

from backchannel.effects import Expect, Tie
from backchannel.events import (
    Contacts,
    Credential,
    Gap,
    Malformed,
    Message,
    Offer,
    Presence,
    SignOn,
    SignOnAnswer,
)
from backchannel.model import MORE, Claim, Endpoint, Side, Standing
from backchannel.protocols import Peek, Start
from backchannel.protocols.ymsg import crypt, wire
from backchannel.protocols.ymsg.session import HANDLERS, Session, recognise

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
CAPTURES = sorted((EXAMPLES / "yahoo").glob("*.pcap"))
NAMES = [path.stem for path in CAPTURES]
FACTS = {
    Path(entry["path"]).stem: entry
    for entry in yaml.safe_load((EXAMPLES / "manifest.yaml").read_text())["captures"]
    if entry["path"].startswith("yahoo/")
}
PASSWORDS = {"alice_w": "tea4two!", "bob_b": "fix1t-now"}
START = Start("tcp", Endpoint("10.0.0.1", 1111), Endpoint("10.0.0.2", 5050))
MIDDLE = Start("tcp", Endpoint("10.0.0.1", 1111), Endpoint("10.0.0.2", 5050), begun=False)


def pack(service, *pairs, status=0, session=7, version=16):
    body = b"".join(b"%d\xc0\x80%s\xc0\x80" % (k, str(v).encode()) for k, v in pairs)
    return struct.pack(">4sHHHHII", b"YMSG", version, 0, len(body), service, status, session) + body


def said(*steps, start=START):
    return kit.decode(Session(start), steps)


def sessions(path):
    return [flow for flow in kit.flows(path) if recognise(kit.peek(flow))]


def story(path):
    return [kit.decode(Session(flow.start), flow.steps) for flow in sessions(path)]


def everything(path):
    return [pair for told in story(path) for pair in told]


# -- captures ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_golden(path):
    kit.check_golden(HERE / f"{path.stem}.jsonl", everything(path))


@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_the_two_sign_ons_are_found_and_nothing_else(path):
    flows = sessions(path)
    assert [flow.start.server.port for flow in flows] == [5050, 5050]
    assert all(flow.start.begun for flow in flows)
    told = everything(path)
    assert not kit.events(told, Malformed)
    assert {event.account for event in kit.events(told, SignOn)} == {"alice_w", "bob_b"}
    accepted = {(e.account, e.accepted) for e in kit.events(told, SignOnAnswer)}
    assert accepted == {("alice_w", True), ("bob_b", True)}


@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_every_message_of_the_manifest_is_told_as_written(path):
    """Witness: the manifest, written by who drove the clients. Both legs are in the capture."""
    facts = [
        (m["from"], m["to"], unescape(re.sub(r"<[^>]*>", "", m["text"])))
        for m in FACTS[path.stem]["messages"]
    ]
    told = kit.events(everything(path), Message)
    texts = [(m.sender, m.recipient, m.text) for m in told if m.kind == "text"]
    assert sorted(texts) == sorted(facts * 2)
    # The client of version 15 also buzzed (the manifest does not list it, the bytes say <ding>).
    others = [(m.sender, m.recipient, m.kind) for m in told if m.kind != "text"]
    assert others == [("bob_b", "alice_w", "nudge")] * (2 if "15" in path.stem else 0)


@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_formatting_is_undone_and_kept(path):
    bold = [m for m in kit.events(everything(path), Message) if m.text.startswith("bold and")]
    assert {m.text for m in bold} == {"bold and italic text"}
    assert all("\x1b[1mbold\x1b[x1m" in m.markup for m in bold)


@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_the_file_is_offered_and_its_http_flows_announced(path):
    (fact,) = FACTS[path.stem]["files"]
    told = everything(path)
    offers = [o for o in kit.events(told, Offer) if o.use == "file-transfer"]
    assert (fact["from"], fact["to"], fact["name"]) in {
        (o.sender, o.recipient, o.name) for o in offers
    }
    expected = kit.effects(told, Expect)
    assert {e.protocol for e in expected} == {"yahoo-http"}
    assert {fact["from"], fact["to"]} <= {name for e in expected for name in e.accounts}


@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_presence_and_contacts(path):
    told = everything(path)
    lists = {(c.owner, e.account) for c in kit.events(told, Contacts) for e in c.entries}
    assert {("alice_w", "bob_b"), ("bob_b", "alice_w")} <= lists
    assert {"alice_w", "bob_b"} <= {p.account for p in kit.events(told, Presence)}


@pytest.mark.parametrize("stem", ["ymsg9_libpurple200", "ymsg12_libpurple200"])
def test_the_responses_open_to_the_known_passwords_alone(stem):
    told = everything(EXAMPLES / "yahoo" / f"{stem}.pcap")
    hashes = [c for c in kit.events(told, Credential) if c.scheme == "yahoo-md5"]
    assert {c.account for c in hashes} == set(PASSWORDS)
    for c in hashes:
        assert crypt.verify(c.account, c.salt, c.secret, PASSWORDS[c.account])
        assert not crypt.verify(c.account, c.salt, c.secret, "tea4two")
    assert {c.scheme for c in kit.events(told, Credential)} >= {"yahoo-md5", "yahoo-md5crypt"}


@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_flows_of_one_session_are_tied_by_its_cookie(path):
    told = everything(path)
    ties = {tie.account: tie.key for tie in kit.effects(told, Tie)}
    assert set(ties) == {"alice_w", "bob_b"}
    assert len(set(ties.values())) == 2
    assert not any(c.secret in key for c in kit.events(told, Credential) for key in ties.values())


# -- recognition -------------------------------------------------------------------------------


def peeked(client=b"", server=b"", begun=True):
    return recognise(Peek("tcp", client, server, begun, START if begun else MIDDLE))


def test_every_version_on_any_port_is_claimed():
    for version in range(5, 20):
        for written in (version, version << 8):
            assert isinstance(peeked(pack(0x57, (1, "a"), version=written)), Claim)
    assert isinstance(peeked(pack(0x57, version=0x65)), Claim)


def test_what_only_looks_like_it_is_passed():
    assert peeked(b"YMSG" + b"\xff" * 40) is None
    assert peeked(b"YMSG" + b"A" * 40) is None
    assert peeked(pack(0x57, (1, "a")).replace(b"1\xc0\x80", b"x\xc0\x80")) is None
    assert peeked(pack(0x57, (1, "a")), b"HTTP/1.1 200 OK\r\n") is None
    assert recognise(Peek("udp", pack(0x57, (1, "a")), b"", True, START)) is None


def test_few_bytes_ask_for_more():
    whole = pack(0x57, (1, "a"))
    assert all(peeked(whole[:size]) is MORE for size in range(1, 20))
    assert isinstance(peeked(whole[:20]), Claim)


def test_where_there_never_was_such_a_version_the_first_field_decides():
    """Programs for rooms left anything in the version (dumps in MODHandles.bas, 2004)."""
    room = pack(0x98, (104, "Linux:1"), version=0x1234)
    assert all(peeked(room[:size]) is MORE for size in range(1, 25))
    assert all(isinstance(peeked(room[:size]), Claim) for size in range(25, len(room) + 1))
    assert all(peeked(b"", room[:size], begun=False) is MORE for size in range(1, 25))
    assert peeked(pack(0x98, version=0x1234)) is None
    assert peeked(room[:20] + b"no field") is None


def test_an_empty_body_of_the_web_messenger_may_come_in_two_pieces():
    whole = pack(0x57)[:8] + b"\0\2" + pack(0x57)[10:] + wire.SEPARATOR
    assert all(isinstance(peeked(whole[:size]), Claim) for size in range(20, len(whole) + 1))


def test_a_flow_joined_in_the_middle_is_turned_the_right_way_round():
    from_server, from_client = pack(6, (4, "a"), (5, "b"), (14, "x"), version=0), pack(6, (1, "b"))
    assert peeked(from_server, from_client, begun=False).flipped
    assert peeked(from_server, begun=False).flipped
    assert peeked(b"", from_client, begun=False).flipped  # a bare ACK of the server came first
    assert not peeked(from_client, from_server, begun=False).flipped
    assert not peeked(b"", from_server, begun=False).flipped
    assert not peeked(from_client, from_client, begun=False).flipped  # from peer to peer
    assert not peeked(from_server, from_client).flipped


def test_a_flow_joined_inside_a_packet_tells_from_the_next_one_on():
    told = said(
        (Side.SERVER, b"c\xc0\x8014\xc0\x80half a packet\xc0\x80YMS"),
        (Side.SERVER, pack(6, (4, "ann"), (5, "bob"), (14, "whole"), version=0)),
        start=MIDDLE,
    )
    assert [m.text for m in kit.events(told, Message)] == ["whole"]
    assert not kit.events(told, Malformed)


def test_a_real_packet_of_version_12_on_a_foreign_port():
    """Witness: tshark reads it as service 0x15, session 0x958ce9fe."""
    path = kit.CORPUS / "public/ymsg/sec-client-dying.pcapng"
    if not path.exists():
        pytest.skip("the corpus is not here")
    claims = [recognise(kit.peek(flow)) for flow in kit.flows(path)]
    assert any("service 0x15" in claim.evidence for claim in claims if claim)


# -- laws --------------------------------------------------------------------------------------

TALK = [
    (Side.CLIENT, pack(0x57, (1, "ann"))),
    (Side.SERVER, pack(0x57, (1, "ann"), (94, "abcdefghijklmnopqrst"), (13, 0), version=0)),
    (Side.CLIENT, pack(0x54, (0, "ann"), (6, "r6"), (96, "r96"), (1, "ann"), status=12)),
    (Side.SERVER, pack(0x55, (87, "Pals:bob,eve\n"), (88, "mal"), (59, "Y\tv=1"), version=0)),
    (Side.SERVER, pack(0x0F, (0, "ann"), (7, "bob"), (10, 99), (19, "tea"), version=0)),
    (Side.CLIENT, pack(0x06, (1, "ann"), (5, "bob"), (14, "hello"), (97, 1))),
    (Side.SERVER, pack(0xDC, (4, "bob"), (5, "ann"), (265, "id"), (222, 1), (27, "f"), (28, 9))),
    (Side.CLIENT, pack(0x02, (0, "ann"))),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 19, 20, 21, 64, 1000])
@pytest.mark.parametrize("path", CAPTURES, ids=NAMES)
def test_segments_change_nothing(path, size):
    for flow in sessions(path):
        kit.check_segmentation(lambda flow=flow: Session(flow.start), flow.steps, size)


@given(size=st.integers(1, 90), start=st.sampled_from([START, MIDDLE]))
def test_segments_change_nothing_by_hand(size, start):
    kit.check_segmentation(lambda: Session(start), TALK, size)


values = st.one_of(
    st.binary(max_size=40), st.sampled_from([b"1", b"99", b"a:b,c\n", b"-1", b"\xff"])
)
KEYS = (
    "0 1 3 4 5 6 7 10 12 13 14 19 20 27 28 47 49 50 51 57 58 59 61 63 65 66 87 88 89 94 96 104 109"
    " 117 118 124 137 222 231 241 249 250 251 265 277 278 300 301 302 307"
)
keys = st.sampled_from([int(key) for key in KEYS.split()])
bodies = st.lists(st.tuples(keys, values), max_size=12)


@st.composite
def badly_filled(draw):
    service = draw(st.sampled_from(sorted(HANDLERS)))
    body = b"".join(b"%d\xc0\x80%s\xc0\x80" % pair for pair in draw(bodies))
    status = draw(st.sampled_from([0, 1, 2, 5, 11, 0xFFFFFFFF]))
    version = draw(st.sampled_from([0, 5, 9, 12, 16]))
    head = struct.pack(">4sHHHHII", b"YMSG", version, 0, len(body), service, status, 1)
    return draw(st.sampled_from(Side)), head + body


@given(st.lists(st.tuples(st.sampled_from(Side), st.binary(max_size=200)), max_size=6))
def test_garbage(chunks):
    kit.check_garbage(lambda: Session(START), chunks)
    kit.check_garbage(lambda: Session(MIDDLE), chunks)


@settings(max_examples=400)
@given(st.lists(badly_filled(), max_size=5))
def test_well_framed_badly_filled(chunks):
    kit.check_garbage(lambda: Session(START), chunks)


def test_random_bytes_are_never_claimed():
    @given(st.binary(max_size=300), st.binary(max_size=300), st.booleans())
    def check(client, server, begun):
        assert not isinstance(peeked(client, server, begun), Claim)

    check()


def test_a_hole_costs_what_it_hit_and_no_more():
    whole = pack(6, (4, "ann"), (5, "bob"), (14, "one"), version=0)
    told = said(
        (Side.SERVER, whole[:30]),
        (Side.SERVER, 500),
        (Side.SERVER, b"tail\xc0\x80" + whole.replace(b"one", b"two")),
    )
    assert [m.text for m in kit.events(told, Message)] == ["two"]
    assert kit.events(told, Gap) == [Gap(size=500)]


def test_lost_framing_is_said_once_and_then_the_side_is_silent():
    session = Session(START)
    kit.decode(session, [(Side.CLIENT, pack(6, (1, "a"), (5, "b"), (14, "x")))], ends=False)
    told = kit.decode(session, [(Side.CLIENT, b"GET / HTTP/1.0\r\n\r\n")] * 3, ends=False)
    assert len(kit.events(told, Malformed)) == 1
    assert session.standing is Standing.PARSED
    assert session.feed(Side.SERVER, pack(6, (4, "b"), (5, "a"), (14, "y"), version=0))


def test_a_claim_is_withdrawn_when_no_packet_follows():
    session = Session(START)
    session.feed(Side.CLIENT, b"YMSGnonsense nonsense nonsense")
    assert session.standing is Standing.REFUTED


def test_a_broken_body_costs_one_packet():
    broken = struct.pack(">4sHHHHII", b"YMSG", 16, 0, 8, 6, 0, 1) + b"x\xc0\x80y\xc0\x80.."
    told = said((Side.CLIENT, broken), (Side.CLIENT, pack(6, (1, "a"), (5, "b"), (14, "x"))))
    assert len(kit.events(told, Malformed)) == 1
    assert len(kit.events(told, Message)) == 1


def test_memory_is_bounded_by_what_the_docstring_says():
    session = Session(START)
    names = ",".join(f"name{n}" for n in range(7000))
    for _ in range(40):
        session.feed(Side.SERVER, pack(0x55, (87, f"G:{names}"), status=1, version=0))
    for n in range(400):
        offer = pack(0xDC, (4, "b"), (5, "a"), (265, f"{n}" * 40), (222, 1), (27, "f" * 4000))
        session.feed(Side.SERVER, offer)
    assert kit.footprint(session) < 1 << 20


def test_fields_are_bounded():
    body = b"1\xc0\x80\xc0\x80" * 20000
    assert len(wire.fields(body)) <= wire.MOST_FIELDS
