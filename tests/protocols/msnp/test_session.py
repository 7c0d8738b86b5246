"""MSNP: goldens, what witnesses say of the captures, and the laws."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests import kit
from tests.protocols.msnp.craft import (
    BOB,
    MIDDLE,
    START,
    SWITCHBOARD,
    C,
    S,
    got,
    line,
    mime,
    p2p,
    payload,
    sent,
)
from tests.protocols.msnp.strategies import commands, messages

from backchannel.effects import Expect, FileData, FileOpen, Inner, Tie
from backchannel.events import (
    Contacts,
    Credential,
    Malformed,
    Message,
    PeerAddress,
    Presence,
    Profile,
    SignOff,
    SignOn,
    SignOnAnswer,
    Software,
    Typing,
)
from backchannel.model import Claim, Side, Standing
from backchannel.protocols import load
from backchannel.protocols.msnp.session import Session, recognise

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
CAPTURES = sorted((EXAMPLES / "msn").glob("*.pcap"))
FACTS = {
    Path(entry["path"]).stem: entry
    for entry in yaml.safe_load((EXAMPLES / "manifest.yaml").read_text())["captures"]
    if entry["path"].startswith("msn/")
}
every_capture = pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
ALICE_W, BOB_B = "alice.wonder@hotmail.com", "bob.builder@hotmail.com"


def plain(path):
    """(flow, what is told) of each MSNP flow that no tunnel carries."""
    return [
        (flow, kit.decode(Session(flow.start), flow.steps))
        for flow in kit.flows(path)
        if isinstance(recognise(kit.peek(flow)), Claim)
    ]


def tunnelled(path, carrier):
    """What is told of each inner stream that *carrier*'s decoder hands back."""
    protocol = load()[carrier]
    inner = {}
    for number, flow in enumerate(kit.flows(path)):
        if not isinstance(protocol.recognise(kit.peek(flow)), Claim):
            continue
        told = kit.decode(protocol.session(flow.start), flow.steps)
        for piece in kit.effects(told, Inner):
            channel = piece.channel if piece.shared else (number, piece.channel)
            inner.setdefault(channel, (flow, []))[1].append((piece.side, piece.data))
    return [
        (flow, kit.decode(Session(flow.start), steps))
        for flow, steps in inner.values()
        if steps[0][1][:4] in (b"VER ", b"USR ", b"ANS ")
    ]


def conversations(path):
    return plain(path) or tunnelled(path, "msn-gateway") or tunnelled(path, "http-proxy")


def everything(path):
    return [pair for _, told in conversations(path) for pair in told]


# -- captures ----------------------------------------------------------------------------------


def test_there_are_captures():
    assert len(CAPTURES) == 9
    assert set(FACTS) == {path.stem for path in CAPTURES}


@every_capture
def test_golden(path):
    """The events of real conversations, one JSON line each."""
    kit.check_golden(HERE / "golden" / f"{path.stem}.jsonl", everything(path))


@every_capture
def test_nothing_real_is_malformed(path):
    assert not kit.events(everything(path), Malformed)


@every_capture
def test_every_message_of_the_manifest_is_told_once_a_leg(path):
    """Witness: the manifest. Both legs are in the captures: who sends it, and who gets it."""
    facts = [
        (fact["from"], fact["to"], fact["text"].strip())
        for fact in FACTS[path.stem]["messages"]
        if fact.get("plaintext_in_pcap", True)
    ]
    for fact in FACTS[path.stem]["messages"]:
        assert fact["from"] in (ALICE_W, BOB_B)
    texts = [message for message in kit.events(everything(path), Message) if message.kind == "text"]
    told = Counter((m.sender, m.recipient, m.text.strip()) for m in texts)
    # libpurple turns <b> and <i> into the message's format before it sends.
    wanted = Counter(
        (a, b, "bold and italic formatting" if "<b>" in text else text) for a, b, text in facts
    )
    assert told == Counter({fact: 2 * count for fact, count in wanted.items()})
    assert all(message.size == len(message.text) for message in texts)


@every_capture
def test_messages_come_in_the_order_they_were_sent(path):
    facts = [f for f in FACTS[path.stem]["messages"] if f.get("plaintext_in_pcap", True)]
    for _, told in conversations(path):
        texts = [m.text.strip()[:20] for m in kit.events(told, Message) if m.kind == "text"]
        if texts:
            assert texts == [
                "bold and italic form" if "<b>" in f["text"] else f["text"].strip()[:20]
                for f in facts
            ]


@every_capture
def test_both_sign_on_with_a_token_and_are_let_in(path):
    """Witness: the manifest's connected_event; the password goes over TLS alone."""
    told = everything(path)
    logins = [event for event in kit.events(told, SignOn) if "ticket" in event.method]
    if not FACTS[path.stem].get("connected_event", [True])[0]:
        assert not logins
        return
    assert Counter(event.account for event in logins) == {ALICE_W: 1, BOB_B: 1}
    assert all(event.client and event.version for event in logins)
    assert all(answer.accepted for answer in kit.events(told, SignOnAnswer))
    assert {answer.account for answer in kit.events(told, SignOnAnswer)} == {ALICE_W, BOB_B}
    kinds = {event.kind for event in kit.events(told, Credential)}
    assert kinds == {"token"}
    secrets = "".join(event.secret for event in kit.events(told, Credential))
    assert "tea4two" not in secrets
    assert "fix1t" not in secrets


@pytest.mark.parametrize(
    ("stem", "version", "method"),
    [
        ("msn_msnp8_msnftp_bitlbee", "8", "passport-ticket"),
        ("msn_msnp9_libpurple243", "9", "passport-ticket"),
        ("msn_msnp13_libpurple243", "13", "passport-ticket"),
        ("msn_msnp15_libpurple259", "15", "sso-ticket"),
        ("msn_msnp16_libpurple2711", "16", "sso-ticket"),
        ("msn_msnp18_libpurple2109_direct", "18", "sso-ticket"),
    ],
)
def test_the_version_agreed_on_and_how_the_account_is_proved(stem, version, method):
    """Witness: the manifest names the version; 8 to 14 use TWN, 15 and later SSO."""
    told = everything(EXAMPLES / "msn" / f"{stem}.pcap")
    servers = [event for event in kit.events(told, Software) if event.role == "server"]
    assert {(event.name, event.version) for event in servers} == {("MSNP", version)}
    assert {e.method for e in kit.events(told, SignOn)} == {method, "switchboard-cookie"}


def test_a_refused_version_is_no_sign_on():
    told = everything(EXAMPLES / "msn" / "msn_msnp8_libpurple243.pcap")
    assert {type(event) for event in kit.events(told)} == {Software, SignOff}
    assert len(kit.events(told, Software)) == 5


@every_capture
def test_switchboards_belong_to_the_login_that_was_sent_there(path):
    for flow, told in conversations(path):
        announced = kit.effects(told, Expect)
        servers = [expect for expect in announced if expect.protocol == "msnp"]
        assert all(expect.source == flow.start.client.address for expect in servers)
        assert {expect.protocol for expect in announced} <= {"msnp", "msn-p2p", "msnftp"}
    ties = kit.effects(everything(path), Tie)
    if "msnp8_libpurple" not in path.stem:
        assert {tie.account for tie in ties} == {ALICE_W, BOB_B}
        assert len({tie.key for tie in ties}) == 2


def test_every_switchboard_connection_was_announced():
    """Witness: the addresses of the flows that tcpdump saw."""
    told = [*conversations(EXAMPLES / "msn" / "msn_msnp9_libpurple243.pcap")]
    announced = Counter(
        (expect.source, expect.address, expect.port)
        for _, outputs in told
        for expect in kit.effects(outputs, Expect)
    )
    came = Counter(
        (flow.start.client.address, flow.start.server.address, flow.start.server.port)
        for flow, _ in told
        if flow.start.server.address == "10.99.0.2"
    )
    assert announced == came


@pytest.mark.parametrize("stem", ["msn_msnp9_libpurple243", "msn_msnp8_msnftp_bitlbee"])
def test_the_stored_contact_list(stem):
    """Witness: the manifest's accounts; Carol never logs in and is on both lists."""
    told = everything(EXAMPLES / "msn" / f"{stem}.pcap")
    lists = {(c.owner, e.account, e.group) for c in kit.events(told, Contacts) for e in c.entries}
    friends = "Friends"
    assert lists == {
        (ALICE_W, BOB_B, friends),
        (ALICE_W, "carol@live.com", friends),
        (BOB_B, ALICE_W, friends),
        (BOB_B, "carol@live.com", friends),
    }


@pytest.mark.parametrize("stem", [p.stem for p in CAPTURES if "msnp1" in p.stem])
def test_the_contact_list_that_newer_clients_tell_the_server(stem):
    told = everything(EXAMPLES / "msn" / f"{stem}.pcap")
    lists = {(c.owner, e.account) for c in kit.events(told, Contacts) for e in c.entries}
    assert lists == {
        (ALICE_W, BOB_B),
        (ALICE_W, "carol@live.com"),
        (BOB_B, ALICE_W),
        (BOB_B, "carol@live.com"),
    }


def test_presence_nicknames_and_personal_messages():
    told = everything(EXAMPLES / "msn" / "msn_msnp18_libpurple2109_direct.pcap")
    states = {(p.account, p.status) for p in kit.events(told, Presence)}
    assert states >= {
        (ALICE_W, "online"),
        (ALICE_W, "away"),
        (ALICE_W, "offline"),
        (BOB_B, "online"),
        (BOB_B, "busy"),
    }
    profiles = kit.events(told, Profile)
    assert {(p.account, p.nickname) for p in profiles if p.nickname} == {
        (ALICE_W, "Alice W"),
        (BOB_B, "Bob B"),
    }
    assert {(p.account, p.text) for p in profiles if p.text} == {
        (ALICE_W, "back again"),
        (BOB_B, "Working hard"),
    }


@every_capture
def test_files_over_the_switchboard_are_whole(path):
    """Witness: the SHA-256 of the files that were sent, from the manifest."""
    facts = [fact for fact in FACTS[path.stem].get("files", ()) if fact["received_ok"]]
    if "msnftp" in path.stem:
        return
    legs = 0
    for _, told in conversations(path):
        opened = {effect.key: effect for effect in kit.effects(told, FileOpen)}
        if not kit.effects(told, FileData):
            continue
        legs += 1
        found = {}
        for key, effect in opened.items():
            data = bytearray(effect.size or 0)
            for piece in kit.effects(told, FileData):
                if piece.key == key:
                    data[piece.offset : piece.offset + len(piece.data)] = piece.data
            found[effect.name] = (
                effect.sender,
                effect.recipient,
                len(data),
                hashlib.sha256(data).hexdigest(),
            )
        assert found == {f["name"]: (f["from"], f["to"], f["size"], f["sha256"]) for f in facts}
    assert legs == (2 if facts else 0)


def test_a_switchboard_recorded_from_the_real_service():
    """Witness: the corpus manifest (read by hand with "follow TCP stream")."""
    path = kit.CORPUS / "public/msn/msnms-2.pcap"
    if not path.exists():
        pytest.skip("the corpus is not here")
    ((_, told),) = plain(path)
    brian, thomas = "tesla_brian@hotmail.com", "tesla_thomas@hotmail.com"
    assert [(m.sender, m.recipient, m.text) for m in kit.events(told, Message)] == [
        (brian, thomas, "Hey Brian"),
        (thomas, brian, "Hey man, whats up?"),
        (brian, thomas, "Not much, did you hear about the new IT guy they hired?"),
        (thomas, brian, "ohh yea, i hear he is a real jerk"),
        (brian, thomas, "I've heard the same"),
        (thomas, brian, "maybe we should try hacking into a server to mess with him?"),
        (brian, thomas, "sounds good to me"),
    ]
    assert len(kit.events(told, Typing)) == 13
    (cookie,) = kit.events(told, Credential)
    assert cookie.secret == "1835953129.20013021.2623242"
    assert not kit.events(told, PeerAddress)


# -- laws --------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 7, 48, 1000])
@every_capture
def test_segments_change_nothing(path, size):
    for flow in kit.flows(path):
        if isinstance(recognise(kit.peek(flow)), Claim):
            kit.check_segmentation(lambda flow=flow: Session(flow.start), flow.steps, size)


TALK = [
    *SWITCHBOARD,
    (C, sent("text/plain; charset=UTF-8", "Hi Bob")),
    (S, got("text/plain; charset=UTF-8", "multi\r\nline\r\n\r\nMSG 4 N 3\r\n")),
    (S, got("text/x-msmsgscontrol", TypingUser=BOB)),
    (C, p2p(b"\x00" * 48)),
    (S, line(f"BYE {BOB}") + line("QNG 41") + payload("UBX bob@example.com", "<Data></Data>")),
    (S, payload("NOT", "<NOTIFICATION><TEXT>x</TEXT></NOTIFICATION>") + line("911 5")),
    (C, line("OUT")),
]


@given(size=st.integers(1, 90), start=st.sampled_from([START, MIDDLE]))
def test_segments_change_nothing_by_hand(size, start):
    kit.check_segmentation(lambda: Session(start), TALK, size)


sides = st.sampled_from(Side)
starts = st.sampled_from([START, MIDDLE])


@given(st.lists(st.tuples(sides, st.one_of(st.binary(max_size=200), st.integers(1, 99)))), starts)
def test_garbage(chunks, start):
    kit.check_garbage(lambda: Session(start), chunks)


@settings(max_examples=500)
@given(st.lists(st.tuples(sides, st.one_of(commands(), messages())), max_size=12), starts)
@example([(S, b"MSG " + b"9" * 4000 + b"\r\n")], START)
def test_well_framed_badly_filled(chunks, start):
    kit.check_garbage(lambda: Session(start), chunks)


@settings(max_examples=100)
@given(st.lists(messages(), max_size=8), st.integers(1, 60))
def test_badly_filled_and_cut_anywhere(chunks, size):
    steps = [*SWITCHBOARD, *((S, chunk) for chunk in chunks)]
    kit.check_segmentation(lambda: Session(START), steps, size)


def test_memory_is_bounded():
    """Tables of people and of half messages do not grow with what is sent."""
    session = Session(START)
    for number in range(4000):
        session.feed(S, line(f"JOI user{number}@example.com {'n' * 600}"))
        session.feed(S, line(f"NLN NLN u{number}@example.com {'n' * 600} 0"))
        session.feed(C, line(f"CHG {number} NLN"))
        half = mime("text/plain", "x" * 900, Message_ID=f"{number}", Chunks=3)
        session.feed(S, payload(f"MSG {BOB} b", half))
        session.feed(S, line(f"LSG {number} {'g' * 600} 0"))
    assert kit.footprint(session) < 2 << 20
    assert session.standing is Standing.PARSED


def test_half_messages_without_a_body_are_bounded_too():
    session = Session(START)
    for number in range(1000):
        empty = mime("text/plain", "", Message_ID=f"{number}", Chunks=9, More="m" * 600)
        session.feed(S, payload(f"MSG {BOB} b", empty))
    assert kit.footprint(session) < 1 << 16


@pytest.mark.parametrize(
    ("data", "aligned"),
    [
        (sent("text/plain", "hi"), True),
        (sent("text/plain", "hi") + b"MSG", False),
        (sent("text/plain", "hi")[:-1], False),
        (b"rest of one\r\n" + sent("text/plain", "hi"), False),
        (b"XYZ 1\r\n", False),
        (sent("application/x-msnmsgrp2p", bytes(52)), True),
    ],
)
def test_a_session_joined_midway_knows_whether_only_whole_commands_came(data, aligned):
    session = Session(MIDDLE)
    session.feed(C, data)
    assert session.aligned is aligned
    assert session.standing is not Standing.PARSED


@pytest.mark.parametrize("kind", ["text/plain", "application/x-msnmsgrp2p"])
def test_a_part_of_a_session_that_nobody_saw_begin_may_be_anything(kind):
    session = Session(MIDDLE)
    session.feed(C, sent(kind, bytes(52) if "p2p" in kind else "hi"))
    assert session.amid is ("p2p" in kind)
