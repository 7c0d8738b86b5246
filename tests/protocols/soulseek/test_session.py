"""Soulseek: recorded conversations, each message, masked ones, and the laws."""

import random
import struct
import zlib
from ipaddress import ip_address
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit
from tests.matcher import fits

from backchannel.effects import Expect, FileClose, FileData, FileOpen
from backchannel.events import (
    Credential,
    Download,
    Gap,
    Malformed,
    Message,
    Offer,
    OfferAnswer,
    Peer,
    PeerAddress,
    Presence,
    Profile,
    Room,
    Search,
    SearchHit,
    Share,
    SignOff,
    SignOn,
    SignOnAnswer,
    Transfer,
)
from backchannel.model import MORE, Claim, Confidence, Endpoint, Side, Standing
from backchannel.pipeline import Scan
from backchannel.protocols import Peek, Start
from backchannel.protocols.edonkey.events import Browse, QueueRank
from backchannel.protocols.ends import REMEMBERED
from backchannel.protocols.gnutella.inflater import Inflater
from backchannel.protocols.soulseek import PROTOCOL, listing, wire
from backchannel.protocols.soulseek.context import Call
from backchannel.protocols.soulseek.listing import Shares
from backchannel.protocols.soulseek.peer import OFFERED
from backchannel.protocols.soulseek.server import MEMBERS
from backchannel.protocols.soulseek.session import Session, recognise
from backchannel.protocols.soulseek.talk import Talk
from backchannel.reader import WireError

C, S = Side.CLIENT, Side.SERVER
START = Start("tcp", Endpoint("192.0.2.1", 40000), Endpoint("192.0.2.2", 443))
RECORDED = kit.EXAMPLES / "soulseek" / "aioslsk_chat_browse_download.pcap"
MASKED = Path(__file__).parent / "captures" / "aioslsk_obfuscated.pcap"
FLOWS = [flow for flow in kit.flows(RECORDED) if flow.steps]


def text(word: str | bytes) -> bytes:
    data = word.encode() if isinstance(word, str) else word
    return struct.pack("<I", len(data)) + data


def number(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def address(where: str) -> bytes:
    return ip_address(where).packed[::-1]


def frame(code: int, body: bytes = b"") -> bytes:
    return struct.pack("<II", len(body) + 4, code) + body


def small(code: int, body: bytes = b"") -> bytes:
    return struct.pack("<IB", len(body) + 1, code) + body


def packed(code: int, body: bytes) -> bytes:
    return frame(code, zlib.compress(body))


def shared(name: str, size: int, *attributes: tuple[int, int]) -> bytes:
    said = number(len(attributes)) + b"".join(number(*each) for each in attributes)
    return b"\1" + text(name) + struct.pack("<Q", size) + text("mp3") + said


LOGIN = frame(1, text("alice") + text("tidepw") + number(175) + text("a" * 32) + number(1))
LET_IN = frame(1, b"\1" + text("welcome") + address("203.0.113.5") + text("b" * 32) + b"\0")
INIT = small(1, text("alice") + text("P") + number(0))
TREE = small(1, text("alice") + text("D") + number(0))
FILE = small(1, text("alice") + text("F") + number(0))
PIERCE = small(0, number(77))


def told(*steps: tuple[Side, bytes | int], start=START) -> list:
    return kit.decode(Session(start), list(steps))


def heard(kind: type, *steps: tuple[Side, bytes | int], start=START) -> list:
    return kit.events(told(*steps, start=start), kind)


def claim(client: bytes, server: bytes = b"", *, begun: bool = True, start=START):
    return recognise(Peek("tcp", client[:4096], server[:4096], begun, start))


def expecting(*calls: Call) -> Start:
    return msgspec.structs.replace(START, context=calls[0], others=calls[1:])


# -- real traffic ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(FLOWS)))
def test_golden(number, request):
    flow = FLOWS[number]
    if recognise(kit.peek(flow)) is MORE:  # a late answer to a call, with nothing behind it
        assert sum(len(data) for _, data in flow.steps) == 9
        return
    session = Session(flow.start)
    found = kit.decode(session, flow.steps)
    assert not kit.events(found, Malformed)
    kit.check_golden(request.path.parent / f"aioslsk-{number}.jsonl", found)


@pytest.mark.parametrize("path", [RECORDED, MASKED], ids=["plain", "masked"])
def test_witness_what_the_programs_logged(path):
    """alice: results, the share that she browsed, `State.COMPLETE 20000`."""
    run = list(Scan(path))
    hits = [f.name for seen in run if isinstance(seen.event, SearchHit) for f in seen.event.files]
    assert [name.rpartition("\\")[2] for name in hits] == [
        "Harbour Tide - Nine Lamps.ogg",
        "Harbour Tide - Low Water.mp3",
    ]
    [browsed] = [seen.event for seen in run if isinstance(seen.event, Share) and seen.event.files]
    assert sorted(file.size for file in browsed.files) == [3000, 20000]
    [moved] = [seen.event for seen in run if isinstance(seen.event, Transfer)]
    assert (moved.complete, moved.size, moved.sender, moved.recipient) == (
        True,
        20000,
        "bob",
        "alice",
    )
    assert moved.name.endswith("Harbour Tide - Low Water.mp3")
    secrets = {
        seen.event.account: seen.event.secret for seen in run if isinstance(seen.event, Credential)
    }
    assert secrets == {"bob": "harbourpw", "alice": "tidepw"}
    assert not [seen for seen in run if isinstance(seen.event, Malformed)]


def test_witness_masked_ports_are_met():
    stacks = {str(seen.flow.server) for seen in Scan(MASKED)}
    assert "198.51.100.10:2235" in stacks


# -- recognised ------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [LOGIN, INIT, TREE, FILE, PIERCE + small(4, number(1))])
def test_openings_are_claimed(data):
    found = claim(data)
    assert isinstance(found, Claim)
    assert found.confidence is Confidence.SIGNATURE
    assert any(fits(magic, data) for magic in PROTOCOL.magic)


def test_an_old_sign_on_has_a_name_a_password_and_a_version():
    assert isinstance(claim(frame(1, text("a") + text("") + number(150))), Claim)


def test_an_answer_to_a_call_alone_is_too_little():
    assert claim(PIERCE) is MORE
    assert isinstance(claim(PIERCE, frame(4, number(9))), Claim)
    assert isinstance(claim(PIERCE, start=expecting(Call("bob", token=77))), Claim)
    expected = claim(PIERCE, start=expecting(Call("bob", token=78)))
    assert expected.confidence is Confidence.EXPECTED
    assert claim(PIERCE + b"GET / HTTP/1.1") is None


@pytest.mark.parametrize("data", [LOGIN[:-1], INIT[:-1], PIERCE[:8], LOGIN[:4], b"\5"])
def test_a_part_of_an_opening_needs_more(data):
    assert claim(data) is MORE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        small(1, text("alice") + text("X") + number(0)),
        small(1, text("al\0ce") + text("P") + number(0)),
        small(1, text("alice") + text("P") + number(0) + b"\1"),
        frame(1, text("alice") + text("pw") + number(5)),
        frame(1, text("") + text("pw") + number(175)),
        frame(1, text("alice") + text("pw") + number(175) + text("a" * 32) + b"xx"),
        frame(2, number(2234)),
        struct.pack("<II", 1 << 20, 1),
    ],
)
def test_what_does_not_fit_is_nobodys(data):
    assert claim(data) is None


@pytest.mark.parametrize("flipped", [False, True])
def test_where_the_syn_was_not_captured_an_opening_tells(flipped):
    sides = (b"", LOGIN) if flipped else (LOGIN, b"")
    found = claim(*sides, begun=False)
    assert isinstance(found, Claim)
    assert found.flipped is flipped
    assert claim(LOGIN[:20], begun=False) is MORE
    assert claim(LOGIN[4:], begun=False) is None
    assert claim(b"\5\0\0\0\0" + bytes(4), begun=False) is None


def test_random_bytes_behind_the_magic_are_nobodys():
    chance = random.Random(5)
    for _ in range(3000):
        size = chance.choice((5, 20, 60, 300))
        head = struct.pack("<IB", size, chance.randrange(2))
        assert not isinstance(claim(head + chance.randbytes(size)), Claim)
        assert not isinstance(claim(head + bytes(3) + number(5) + chance.randbytes(size)), Claim)


# -- with the server -------------------------------------------------------------------------------


def test_a_sign_on_with_its_password():
    found = told((C, LOGIN), (S, LET_IN))
    [sign_on] = kit.events(found, SignOn)
    assert (sign_on.account, sign_on.method, sign_on.version) == ("alice", "plain", "175")
    [secret] = kit.events(found, Credential)
    assert (secret.account, secret.kind, secret.secret) == ("alice", "plain", "tidepw")
    assert kit.events(found, SignOnAnswer)[0].accepted
    [seen] = kit.events(found, PeerAddress)
    assert (seen.account, seen.address, seen.how) == ("alice", "203.0.113.5", "seen-as")


def test_a_refusal_a_new_password_and_a_second_sign_on():
    refused = frame(1, b"\0" + text("INVALIDPASS"))
    [answer] = heard(SignOnAnswer, (C, LOGIN), (S, refused))
    assert (answer.accepted, answer.reason) == (False, "INVALIDPASS")
    assert heard(Credential, (C, LOGIN + frame(142, text("new"))))[-1].secret == "new"
    assert heard(SignOff, (C, LOGIN), (S, frame(41)))[0].account == "alice"


def test_where_somebody_listens_is_expected():
    found = told((C, LOGIN + frame(2, number(2234, 1, 2235))))
    places = [(e.address, e.port, e.context.masked) for e in kit.effects(found, Expect)]
    assert places == [("192.0.2.1", 2234, False), ("192.0.2.1", 2235, True)]


def test_where_others_are_is_told_and_expected():
    answer = frame(3, text("bob") + address("203.0.113.7") + number(2234, 1) + b"\xbb\x08")
    call = frame(
        18,
        text("carol")
        + text("F")
        + address("203.0.113.8")
        + number(2234, 9)
        + b"\0"
        + number(1, 99),
    )
    nobody = frame(3, text("dan") + address("0.0.0.0") + number(0))
    found = told((C, LOGIN), (S, answer + call + nobody))
    addresses = [(a.account, a.address, a.port) for a in kit.events(found, PeerAddress)]
    assert addresses == [("bob", "203.0.113.7", 2234), ("carol", "203.0.113.8", 2234)]
    expected = kit.effects(found, Expect)
    assert [(e.port, e.context.masked, e.source) for e in expected] == [
        (2234, False, "192.0.2.1"),
        (2235, True, "192.0.2.1"),
        (2234, False, "192.0.2.1"),
        (99, True, "192.0.2.1"),
    ]
    assert expected[2].context == Call("carol", "alice", "F", 9)


def test_messages():
    found = told(
        (
            C,
            LOGIN + frame(13, text("harbour") + text("hi")) + frame(22, text("bob") + text("psst")),
        ),
        (C, frame(149, number(2) + text("bob") + text("carol") + text("both"))),
        (S, frame(13, text("harbour") + text("alice") + text("hi"))),
        (S, frame(13, text("harbour") + text("bob") + text("ho"))),
        (S, frame(22, number(5, 0) + text("bob") + text("yes") + b"\1") * 2),
        (S, frame(22, number(6, 0) + text("bob") + text("late") + b"\0")),
        (S, frame(66, text("closing")) + frame(152, text("pier") + text("dan") + text("hum"))),
    )
    said = [(m.sender, m.recipient, m.room, m.text, m.kind) for m in kit.events(found, Message)]
    assert said == [
        ("alice", "", "harbour", "hi", "text"),
        ("alice", "bob", "", "psst", "text"),
        ("alice", "bob", "", "both", "text"),
        ("alice", "carol", "", "both", "text"),
        ("bob", "", "harbour", "ho", "text"),
        ("bob", "alice", "", "yes", "text"),
        ("bob", "alice", "", "late", "offline"),
        ("server", "alice", "", "closing", "server"),
        ("dan", "", "pier", "hum", "text"),
    ]


def test_rooms_and_presence():
    found = told(
        (C, LOGIN + frame(28, number(1))),
        (S, frame(14, text("harbour") + number(2) + text("alice") + text("bob") + bytes(16))),
        (S, frame(16, text("harbour") + text("dan")) + frame(17, text("harbour") + text("dan"))),
        (S, frame(15, text("harbour")) + frame(7, text("bob") + number(2) + b"\0")),
        (S, frame(5, text("dan") + b"\1" + number(0)) + frame(5, text("eve") + b"\0")),
    )
    rooms = [(r.account, r.action, r.others) for r in kit.events(found, Room)]
    assert rooms == [
        ("alice", "join", ("bob",)),
        ("dan", "join", ()),
        ("dan", "leave", ()),
        ("alice", "leave", ()),
    ]
    assert [(p.account, p.status) for p in kit.events(found, Presence)] == [
        ("alice", "away"),
        ("bob", "online"),
        ("dan", "offline"),
    ]


def test_searches_and_shares():
    found = told(
        (C, LOGIN + frame(26, number(4) + text("tide")) + frame(103, number(5) + text("lamp"))),
        (C, frame(42, text("bob") + number(6) + text("rope")) + frame(35, number(3, 40))),
        (C, frame(120, text("harbour") + number(7) + text("buoy"))),
        (S, frame(26, text("bob") + number(8) + text("mast"))),
        (S, frame(93, b"\3" + number(0) + text("dan") + number(9) + text("keel"))),
        (S, frame(26, text("alice") + number(4) + text("tide"))),
        (S, frame(102, number(1) + text("eve") + address("203.0.113.9") + number(2234))),
    )
    assert [(s.account, s.id, s.text, s.detail) for s in kit.events(found, Search)] == [
        ("alice", "4", "tide", ""),
        ("alice", "5", "lamp", "wish"),
        ("alice", "6", "rope", "at bob"),
        ("alice", "7", "buoy", "at harbour"),
        ("bob", "8", "mast", ""),
        ("dan", "9", "keel", ""),
    ]
    assert kit.events(found, Share)[0].total == 40
    [parent] = kit.events(found, Peer)
    assert (parent.address, parent.role) == ("203.0.113.9", "parent")


# -- between users ---------------------------------------------------------------------------------

HITS = text("bob") + number(4, 1) + shared("music\\a.mp3", 70, (0, 192), (1, 61))
HITS += b"\1" + number(1000, 2, 0)


def test_hits():
    [hit] = heard(SearchHit, (C, INIT), (S, packed(9, HITS)))
    assert (hit.owner, hit.address, hit.id) == ("bob", "192.0.2.2", "4")
    assert hit.detail == "free, 1000 bytes/s, queue 2"
    [file] = hit.files
    assert (file.name, file.size, file.detail) == ("music\\a.mp3", 70, "kbit/s 192, seconds 61")


def share(folders: int = 2, files: int = 3) -> bytes:
    body = number(folders)
    for folder in range(folders):
        body += text(f"f{folder}") + number(files)
        body += b"".join(shared(f"{one}.mp3", one) for one in range(files))
    return body + number(0, 0)


def test_a_share_is_browsed():
    found = told((C, INIT + frame(4)), (S, packed(5, share())))
    assert kit.events(found, Browse)[0].by == "alice"
    [listed] = kit.events(found, Share)
    assert (listed.total, len(listed.files)) == (6, 6)
    assert listed.files[4].name == "f1\\1.mp3"


def test_a_large_share_is_counted_and_its_beginning_told():
    found = told((C, INIT), (S, packed(5, share(50, 200)) + frame(43, text("x"))))
    [listed] = kit.events(found, Share)
    assert (listed.total, len(listed.files)) == (10_000, listing.LISTED)
    assert kit.events(found, Download)


def test_bytes_behind_the_end_of_a_list_are_malformed_and_end_at_once():
    """zlib went on for ever where the end came in the second piece of a block."""
    body = zlib.compress(number(1) + text("f") + number(9000) + bytes(70_000)) + b"x" * 13
    with pytest.raises(WireError):
        list(Inflater().feed(zlib.compress(bytes(70_000)) + b"x" * 13))
    assert heard(Malformed, (C, INIT), (S, frame(5, body)))


def test_empty_folders_are_walked_over():
    body = number(3) + text("a") + number(0) + text("b") + number(1) + shared("x", 1)
    shares = Shares()
    locked = number(0, 1) + text("locked") + number(1) + shared("secret", 9)
    shares.feed(zlib.compress(body + text("c") + number(0) + locked))
    assert (shares.total, shares.told[0].name, shares._folders) == (1, "b\\x", 0)


def test_a_list_that_is_none_costs_itself():
    bad = number(1) + text("a") + number(1) + b"\1" + number(0xFFFFFFFF) + bytes(70_000)
    for body in (b"no zlib", zlib.compress(bad)):
        found = told((C, INIT), (S, frame(5, body) + frame(43, text("x"))))
        assert kit.events(found, Malformed)
        assert kit.events(found, Download)
        assert not kit.events(found, Share)


def test_a_folder_and_a_user_are_asked_about():
    folder = number(1) + text("f") + number(1) + text("f") + number(1) + shared("x.mp3", 4)
    found = told(
        (C, INIT + frame(36, number(1) + text("f"))),
        (S, packed(37, folder) + frame(16, text("sailor") + b"\0" + number(1, 2) + b"\1")),
    )
    assert kit.events(found, Browse)[0].folder == "f"
    assert kit.events(found, Share)[0].files[0].name == "f\\x.mp3"
    [profile] = kit.events(found, Profile)
    assert profile.text == "sailor"


DATA = bytes(random.Random(2).choices(b"tide", k=5000))


def test_a_file_is_asked_for_offered_and_sent():
    asked = told(
        (C, INIT + frame(43, text("f\\x.mp3"))),
        (S, frame(44, text("f\\x.mp3") + number(3))),
        (S, frame(40, number(1, 9) + text("f\\x.mp3") + struct.pack("<Q", len(DATA)))),
        (C, frame(41, number(9) + b"\1")),
    )
    [download] = kit.events(asked, Download)
    assert (download.name, download.account) == ("f\\x.mp3", "alice")
    [rank] = kit.events(asked, QueueRank)
    assert (rank.account, rank.rank, rank.name) == ("alice", 3, "f\\x.mp3")
    [offer] = kit.events(asked, Offer)
    assert (offer.recipient, offer.id, offer.size) == ("alice", "9", 5000)
    assert kit.events(asked, OfferAnswer)[0].accepted
    [named] = kit.effects(asked, FileOpen)
    sent = told((S, b""), (C, FILE), (C, number(9)), (S, struct.pack("<Q", 0)), (C, DATA))
    [opened] = kit.effects(sent, FileOpen)
    assert named.key == "9:192.0.2.2:192.0.2.1"
    assert opened.key == "9:192.0.2.1:192.0.2.2"
    assert (opened.shared, named.shared, opened.sender) == (True, True, "alice")
    assert b"".join(value.data for value in kit.effects(sent, FileData)) == DATA
    assert kit.effects(sent, FileClose)[0].key == opened.key


def test_who_answers_a_call_receives_the_file():
    start = expecting(Call("bob", "alice", "F", 77))
    found = told((C, PIERCE), (S, number(9)), (C, struct.pack("<Q", 100)), (S, DATA), start=start)
    [opened] = kit.effects(found, FileOpen)
    assert (opened.sender, opened.recipient) == ("bob", "alice")
    assert kit.effects(found, FileData)[0].offset == 100


def test_refusals():
    found = told(
        (C, INIT),
        (S, frame(41, number(9) + b"\0" + text("Queued"))),
        (S, frame(50, text("x") + text("Banned")) + frame(46, text("x"))),
    )
    answers = [(a.id, a.accepted, a.reason) for a in kit.events(found, OfferAnswer)]
    assert answers == [
        ("9", False, "Queued"),
        ("x", False, "Banned"),
        ("x", False, "upload failed"),
    ]


def test_the_tree_of_searches():
    search = small(3, number(0x31) + text("bob") + number(4) + text("tide"))
    above = small(93, b"\3" + number(0x31) + text("dan") + number(5) + text("lamp"))
    for opening in (TREE, PIERCE):
        found = told((C, opening + small(4, number(0)) + small(5, text("eve")) + search + above))
        assert [(s.account, s.text) for s in kit.events(found, Search)] == [
            ("bob", "tide"),
            ("dan", "lamp"),
        ]
        assert not kit.events(found, Malformed)


def test_what_follows_an_answer_to_a_call_may_come_from_either_side():
    found = told((C, PIERCE), (S, frame(43, text("x"))), (C, frame(4)))
    assert kit.events(found, Download)
    assert kit.events(found, Browse)


# -- masked ----------------------------------------------------------------------------------------


def mask(message: bytes, key: int) -> bytes:
    """As aioslsk does it: the key turns left by one bit for each word."""
    out = key.to_bytes(4, "little")
    for at in range(0, len(message), 4):
        key = (key << 1 | key >> 31) & 0xFFFFFFFF
        word = message[at : at + 4]
        out += bytes(a ^ b for a, b in zip(word, key.to_bytes(4, "little"), strict=False))
    return out


HIDDEN = expecting(Call("bob", masked=True))
MASKED_STEPS = [
    (C, mask(INIT, 0x12345678) + mask(frame(43, text("x" * 200)), 0xFFEE0001)),
    (S, mask(packed(9, HITS), 1) + mask(packed(5, share()), 0x80000001)),
]


def test_masked_messages_are_read_where_the_port_was_announced():
    assert isinstance(claim(MASKED_STEPS[0][1], start=HIDDEN), Claim)
    assert claim(MASKED_STEPS[0][1]) is None
    assert claim(MASKED_STEPS[0][1], start=expecting(Call("bob"))) is None
    found = told(*MASKED_STEPS, start=HIDDEN)
    assert kit.events(found, Download)[0].name == "x" * 200
    assert kit.events(found, SearchHit)[0].owner == "bob"
    assert kit.events(found, Share)[0].total == 6


def test_a_file_behind_a_masked_greeting_is_not_masked():
    found = told((C, mask(FILE, 99)), (C, number(9)), (S, bytes(8)), (C, DATA), start=HIDDEN)
    assert b"".join(value.data for value in kit.effects(found, FileData)) == DATA


def test_a_plain_connection_to_a_masked_port_is_read_too():
    assert heard(Download, (C, INIT + frame(43, text("x"))), start=HIDDEN)


# -- loss and laws ---------------------------------------------------------------------------------


def test_a_broken_body_costs_one_message():
    found = told((C, LOGIN + frame(13, number(99)) + frame(22, text("bob") + text("psst"))))
    assert len(kit.events(found, Malformed)) == 1
    assert kit.events(found, Message)


def test_lost_framing_is_said_once():
    found = told((C, LOGIN + b"\0" * 8 + frame(22, text("bob") + text("psst"))))
    assert len(kit.events(found, Malformed)) == 1
    assert not kit.events(found, Message)


def test_a_long_message_is_walked_over_and_a_gap_in_it_costs_nothing():
    long = frame(64, bytes(wire.FRAME + 100))
    found = told(
        (C, LOGIN), (S, LET_IN + long[:500]), (S, 1000), (S, long[1500:] + frame(66, text("hi")))
    )
    assert kit.events(found, Message)
    assert len(kit.events(found, Malformed)) == 1
    assert [gap.size for gap in kit.events(found, Gap)] == [1000]


def test_any_other_gap_ends_a_side():
    found = told((C, LOGIN), (S, LET_IN), (S, 3), (S, frame(66, text("hi"))))
    assert not kit.events(found, Message)


def test_a_gap_in_a_list_of_shares_costs_the_list():
    listed = packed(5, share(30, 30))
    steps = [(S, listed[:100]), (S, 50), (S, listed[150:] + frame(43, text("x")))]
    found = told((C, INIT), *steps)
    assert not kit.events(found, Share)
    assert not kit.events(found, Malformed)
    assert kit.events(found, Download)


def test_what_is_held_is_bounded():
    session = Session(START)
    session.feed(C, PIERCE + struct.pack("<IB", 4000, 4))
    for _ in range(600):
        session.feed(S, struct.pack("<IB", 4000, 4) + bytes(1000))
    assert kit.footprint(session) < 20_000
    talk = Talk(START)
    for each in range(3 * REMEMBERED):
        talk.is_new(each)
    assert len(talk._told) <= REMEMBERED
    session = Session(START)
    session.feed(C, INIT)
    for token in range(2 * OFFERED):
        session.feed(S, frame(40, number(1, token) + text("x")))
    assert len(session._talk.offered) == OFFERED


def test_long_lists_of_users_are_told_in_part():
    many = number(MEMBERS + 5) + text("u") * (MEMBERS + 5)
    [room] = heard(Room, (C, LOGIN), (S, frame(14, text("harbour") + many)))
    assert len(room.others) == MEMBERS


def test_an_answer_that_unfolds_too_far_or_is_cut_short_is_malformed():
    assert heard(Malformed, (C, INIT), (S, packed(9, bytes(2 << 20))))
    whole = zlib.compress(HITS)
    assert heard(Malformed, (C, INIT), (S, frame(9, whole[:-3])))


def test_a_gap_in_a_file_keeps_the_place():
    found = told((C, FILE + number(9)), (S, bytes(8)), (C, DATA[:100]), (C, 50), (C, DATA[150:]))
    offsets = [value.offset for value in kit.effects(found, FileData)]
    assert offsets == [0, 150]
    assert not kit.effects(told((C, FILE + number(9)), (S, 8), (C, DATA)), FileData)


def test_standing():
    session = Session(START)
    session.feed(C, LOGIN)
    assert session.standing is Standing.CLAIMED
    session.feed(S, LET_IN)
    assert session.standing is Standing.PARSED
    session = Session(START)
    session.feed(C, b"GET / HTTP/1.1")
    assert session.standing is Standing.REFUTED


def test_partial():
    session = Session(START)
    session.feed(C, LOGIN[:20])
    assert session.partial(C)
    session.feed(C, LOGIN[20:])
    assert not session.partial(C)


CONVERSATIONS = {
    "server": (START, [(C, LOGIN), (S, LET_IN), (C, frame(22, text("bob") + text("psst"))),
                       (S, frame(13, text("h") + text("bob") + text("ho")) + b"\0" * 9)]),
    "peer": (START, [(C, INIT + frame(4)), (S, packed(5, share(9, 9)) + packed(9, HITS))]),
    "pierced": (START, [(C, PIERCE), (S, frame(43, text("x"))), (C, frame(4))]),
    "tree": (START, [(C, PIERCE + small(4, number(0)) + small(5, text("eve")))]),
    "file": (START, [(C, FILE + number(9)), (S, bytes(8)), (C, DATA)]),
    "masked": (HIDDEN, MASKED_STEPS),
}  # fmt: skip


@pytest.mark.parametrize("name", CONVERSATIONS)
@given(size=st.integers(1, 97))
@settings(max_examples=25)
def test_segmentation_changes_nothing(name, size):
    start, steps = CONVERSATIONS[name]
    kit.check_segmentation(lambda: Session(start), steps, size)


@pytest.mark.parametrize("number", [0, 2, 4])
@pytest.mark.parametrize("size", [1, 5, 64])
def test_segmentation_of_the_recording_changes_nothing(number, size):
    flow = FLOWS[number]
    kit.check_segmentation(lambda: Session(flow.start), flow.steps, size)


ANY = (
    st.builds(
        frame,
        st.sampled_from((*range(1, 60), 93, 102, 103, 120, 142, 149, 152)),
        st.binary(max_size=60),
    )
    | st.builds(small, st.integers(0, 8), st.binary(max_size=30))
    | st.builds(packed, st.sampled_from((5, 9, 37)), st.binary(max_size=90))
    | st.binary(max_size=40)
    | st.integers(1, 50)
)


@pytest.mark.parametrize("opening", [LOGIN, INIT, TREE, FILE, PIERCE, b""], ids=range(6))
@given(chunks=st.lists(st.tuples(st.sampled_from(Side), ANY), max_size=12))
@settings(max_examples=60)
def test_garbage_is_reported_never_raised(opening, chunks):
    for start in (START, HIDDEN, expecting(Call("bob", "alice", "F", 77))):
        kit.check_garbage(lambda start=start: Session(start), [(C, opening), *chunks])
