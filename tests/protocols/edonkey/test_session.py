"""eDonkey over TCP: golden conversation, witnesses, what each message means, laws, loss."""

import hashlib
import random
import struct
import subprocess
import zlib
from pathlib import Path
from shutil import which

import msgspec
import pytest
import yaml
from cryptography.hazmat.decrepit.ciphers.algorithms import ARC4
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import kit
from tests.matcher import fits
from tests.protocols.edonkey import build
from tests.protocols.edonkey.build import ALICE, BOB, FILE, emule, frame, packed, place

from backchannel.effects import Expect, FileClose, FileData, FileOpen
from backchannel.events import (
    Anomaly,
    Download,
    Gap,
    Malformed,
    Message,
    Peer,
    PeerAddress,
    Profile,
    Search,
    SearchHit,
    Share,
    SignOff,
    SignOn,
    SignOnAnswer,
    Software,
)
from backchannel.model import MORE, Claim, Side, Standing
from backchannel.protocols import Peek
from backchannel.protocols.edonkey import PROTOCOL, parts, wire
from backchannel.protocols.edonkey.events import (
    Browse,
    Callback,
    EdonkeyServer,
    FileComment,
    FileParts,
    FilePreview,
    QueueRank,
)
from backchannel.protocols.edonkey.md4 import Md4, md4
from backchannel.protocols.edonkey.session import FRAME, Session, recognise

C, S = Side.CLIENT, Side.SERVER
RECORDED = kit.EXAMPLES / "edonkey" / "amule_kad_transfer.pcap"
PUBLIC = kit.CORPUS / "public" / "edonkey" / "edonkey.pcap"
[FLOW] = kit.claimed(RECORDED, recognise)
WITH_SERVER = kit.EXAMPLES / "edonkey" / "amule_server_kad_browse.pcap"
SERVED = kit.claimed(WITH_SERVER, recognise)
MANIFEST = yaml.safe_load((kit.EXAMPLES / "manifest.yaml").read_text())["captures"]
HASH = FILE.hex()


def told(*steps: tuple[Side, bytes | int]) -> list:
    return kit.decode(Session(build.TCP), list(steps))


def heard(kind: type, *steps: tuple[Side, bytes | int]) -> list:
    return kit.events(told(*steps), kind)


def claim(client: bytes, server: bytes = b"", *, begun: bool = True):
    return recognise(Peek("tcp", client[:4096], server[:4096], begun, build.TCP))


# -- real traffic ----------------------------------------------------------------------------------


def test_golden(request):
    session = Session(FLOW.start)
    found = kit.decode(session, FLOW.steps)
    assert session.standing is Standing.PARSED
    kit.check_golden(request.path.parent / "amule.jsonl", found)


def test_witness_the_file_has_the_hash_that_it_was_asked_by():
    """Put together from the bytes on the wire: aMule's own name for the file is its MD4."""
    found = kit.decode(Session(FLOW.start), FLOW.steps)
    data = b"".join(value.data for value in kit.effects(found, FileData))
    [download] = kit.events(found, Download)
    assert (len(data), md4(data).hex()) == (400_000, download.hash)
    assert kit.effects(found, FileClose)[0].verified is True
    assert kit.effects(found, FileOpen)[-1].name == "feas_ed2k_sample.bin"


@pytest.mark.parametrize("number", range(len(SERVED)))
def test_golden_with_a_server_and_a_browser(number, request):
    flow = SERVED[number]
    found = kit.decode(Session(flow.start), flow.steps)
    assert not kit.events(found, Malformed)
    kit.check_golden(request.path.parent / f"server-{number}.jsonl", found)


def test_witness_what_two_amules_told_their_server():
    """From the manifest: nicknames that were configured, the file that was shared, the search."""
    entry = next(e for e in MANIFEST if e["path"].endswith(WITH_SERVER.name))
    found = [kit.decode(Session(flow.start), flow.steps) for flow in SERVED]
    names = {p.nickname for each in found for p in kit.events(each, Profile)}
    assert names == set(entry["nicknames"])
    searches = {s.text for each in found for s in kit.events(each, Search) if not s.detail}
    assert searches == set(entry["searches"])
    wanted = {(file["name"], file["size"], file["ed2k"]) for file in entry["shares"]}
    shares = [f for each in found for s in kit.events(each, Share) for f in s.files]
    assert {(f.name, f.size, f.hash) for f in shares} == wanted
    assert len(shares) == 2, "offered to the server, and browsed"


def test_witness_an_obfuscated_connection_to_a_real_amule():
    """It answered under the other key, so the keys are right; its hash was told in clear before."""
    path = Path(__file__).parent / "captures" / "amule_obfuscated.pcap"
    user = "133916f2950e826dc5677f9da2896fa6"
    clear, hidden = [flow for flow in kit.flows(path) if flow.start.transport == "tcp"]
    names = [p.account for p in kit.events(kit.decode(Session(clear.start), clear.steps), Profile)]
    assert names == [ALICE.hex(), user]
    start = msgspec.structs.replace(hidden.start, context=bytes.fromhex(user))
    found = kit.decode(Session(start), hidden.steps)
    programs = [(s.name, s.version) for s in kit.events(found, Software)]
    assert programs == [("aMule", "2.3.3")] * 2
    assert [m.text for m in kit.events(found, Message)] == ["low tide at nine"]
    assert not kit.events(found, Malformed)


def test_witness_packed_pieces_of_a_real_amule_make_the_file_that_it_shared():
    path = kit.EXAMPLES / "edonkey" / "amule_packed_kad_obfuscated.pcap"
    entry = next(e for e in MANIFEST if e["path"].endswith(path.name))
    found = [kit.decode(Session(f.start), f.steps) for f in kit.claimed(path, recognise)]
    pieces = [p for each in found for p in kit.effects(kit.joined(each), FileData)]
    data = b"".join(p.data for p in sorted(pieces, key=lambda p: p.offset))
    assert hashlib.sha256(data).hexdigest() == entry["files"][0]["sha256"]
    [summary] = [s for each in found for s in kit.events(each, FileParts)]
    assert (summary.octets, summary.parts, summary.right) == (21888, 1, 1)


@pytest.mark.skipif(which("tshark") is None, reason="tshark is not installed")
def test_witness_tshark_reads_the_same_hashes_and_names():
    fields = ["edonkey.clientinfo", "edonkey.client_hash", "edonkey.string"]
    ask = ["tshark", "-r", str(RECORDED), "-Y", "edonkey.client_hash", "-T", "fields"]
    ask += [part for field in fields[1:] for part in ("-e", field)]
    lines = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.splitlines()
    found = kit.decode(Session(FLOW.start), FLOW.steps)
    profiles = [(value.account, value.nickname) for value in kit.events(found, Profile)]
    assert profiles == [tuple(line.split("\t")) for line in lines if line.split("\t")[0]]


@pytest.mark.skipif(not PUBLIC.exists(), reason="public captures are not there")
def test_witness_two_emules_that_nobody_here_made():
    """tshark: eMule 0.48a is version tag 0000c000; the first client names server 85.17.172.34."""
    [flow] = kit.claimed(PUBLIC, recognise)
    found = kit.decode(Session(flow.start), flow.steps)
    programs = [(value.name, value.version) for value in kit.events(found, Software)]
    assert programs == [("eMule", "0.48a (xl build61)"), ("eMule", "0.48a (VeryCD 090304)")]
    assert [(peer.address, peer.port) for peer in kit.events(found, Peer)] == [
        ("85.17.172.34", 4321),
        ("212.63.206.35", 4242),
    ]


@pytest.mark.parametrize("size", [1, 3, 7, 61, 509, 1460])
def test_segmentation_of_the_recording_changes_nothing(size):
    steps = FLOW.steps[:40] if size < 61 else FLOW.steps
    kit.check_segmentation(lambda: Session(FLOW.start), steps, size)


# -- recognised ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "evidence"),
    [
        (build.LOGIN, "sign-on to a server"),
        (build.HELLO, "greeting between clients"),
        (build.HELLO_ANSWER, "answer to a greeting between clients"),
        (build.part(1000, bytes(10240)), "frames in a row, all of known kinds"),
    ],
)
def test_greetings_and_pieces_are_claimed(data, evidence):
    found = claim(data)
    assert isinstance(found, Claim)
    assert found.evidence == evidence
    assert any(fits(magic, data) for magic in PROTOCOL.magic)


def test_other_messages_are_claimed_when_three_follow_each_other():
    one = frame(0x34, bytes(8))
    assert claim(one) is MORE
    assert claim(one * 2) is MORE
    assert isinstance(claim(one * 3), Claim)
    assert isinstance(claim(one, emule(0x60, bytes(12)) * 2), Claim)


def midway(*steps):
    """A session that was not seen to begin."""
    made = Session(msgspec.structs.replace(build.TCP, begun=False))
    for side, data in steps:
        made.feed(side, data)
    return made


@pytest.mark.parametrize(
    "message",
    [
        frame(0x4E, build.text(b"low tide at nine")),
        frame(0x38, build.text(b"server version 17.15")) + frame(0x34, bytes(8)),
        frame(0x16, b"\1" + build.text(b"tide")),
        frame(0x4A) + frame(0x58, FILE),
    ],
)
def test_one_whole_message_is_enough_where_a_connection_is_met_on_its_way(message):
    """For the guard: a scan waits for more, and tells nothing if none comes."""
    assert isinstance(claim(message, begun=False), Claim)
    assert claim(message) is MORE
    made = midway((C, message))
    assert made.aligned
    assert made.standing is Standing.CLAIMED
    assert any(fits(each, message, begun=False) for each in PROTOCOL.magic) is (message[5] != 0x4A)


@pytest.mark.parametrize(
    "message",
    [
        frame(0x4E, build.text(b"low tide") + b"\0"),
        frame(0x4E, build.text(b"low tide")[:-1]),
        frame(0x16, b"\1" + build.text(b"tide") + b"more"),
        frame(0x5B, FILE),
    ],
)
def test_a_message_that_is_not_read_to_its_end_shows_nothing(message):
    made = midway((C, message))
    assert not made.aligned
    made.end(C)
    assert made.standing is Standing.REFUTED


@pytest.mark.parametrize(
    "data",
    [
        frame(0x54),
        frame(0x4E, build.text(b"low"))[:-1],
        frame(0x4E, build.text(b"low")) + b"\xe3",
        frame(0x4E, build.text(b"low")) + b"GET",
    ],
)
def test_what_is_more_or_less_than_whole_messages_is_not_claimed_alone(data):
    assert claim(data, begun=False) in (None, MORE)


def test_who_answers_like_a_server_is_the_server():
    answers = frame(0x40, bytes(4)) + frame(0x34, bytes(8)) * 2
    assert claim(answers, begun=False).flipped
    assert not claim(b"", answers, begun=False).flipped
    assert not claim(answers).flipped
    assert isinstance(claim(b"\xe3\1\0", answers, begun=False), Claim)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xe3",
        b"\xe3\1\0\0\0",
        build.HELLO[:-1],
        build.HELLO.replace(b"\2\1\0\1", b"\x70\1\0\1", 1),
        build.LOGIN[:40],
    ],
)
def test_a_part_of_a_greeting_is_not_claimed(data):
    assert not isinstance(claim(data), Claim)


@pytest.mark.parametrize(
    "data",
    [
        b"\xe3\0\0\0\0\1",
        b"\xe3\xff\xff\xff\xff\1",
        frame(0x99, b"\0"),
        frame(0x34, bytes(8)) * 2 + b"GET / HTTP/1.1",
        build.part(5, bytes(64)).replace(b"\x45\0\0\0", b"\x46\0\0\0"),
    ],
)
def test_what_does_not_fit_is_nobodys(data):
    assert claim(data) is None


def test_only_streams_are_claimed():
    assert recognise(Peek("udp", build.HELLO, b"", True, build.UDP)) is None


def test_random_bytes_behind_the_magic_are_nobodys():
    chance = random.Random(9)
    for _ in range(3000):
        head = bytes((chance.choice(b"\xe3\xc5\xd4"), chance.randrange(256), 0, 0, 0))
        data = head + bytes([chance.choice(b"\1\x46\x4c\x40\x38")]) + chance.randbytes(400)
        assert not isinstance(claim(data), Claim)


# -- with a server ---------------------------------------------------------------------------------


def test_a_sign_on_and_a_high_id():
    found = told(
        (C, build.LOGIN),
        (S, frame(0x40, place("192.0.2.1", 0)[:4] + struct.pack("<I", 0x7DB))),
    )
    [sign_on] = kit.events(found, SignOn)
    assert (sign_on.account, sign_on.client, sign_on.version) == (ALICE.hex(), "aMule 2.3.3", "60")
    [answer] = kit.events(found, SignOnAnswer)
    assert (answer.account, answer.accepted) == (ALICE.hex(), True)
    assert answer.reason.startswith("high id")
    [address] = kit.events(found, PeerAddress)
    assert (address.address, address.port, address.how) == ("192.0.2.1", 4662, "listening-port")
    [expected] = kit.effects(found, Expect)
    assert (expected.address, expected.port, expected.context) == ("192.0.2.1", 4662, ALICE)


def test_a_low_id_is_a_client_that_cannot_be_reached():
    seen = struct.pack("<IIII", 4711, 0, 4661, 0) + b""
    seen = struct.pack("<III", 4711, 0, 4661) + place("203.0.113.8", 0)[:4]
    found = told((C, build.LOGIN), (S, frame(0x40, seen)))
    assert kit.events(found, SignOnAnswer)[0].reason == "low id 4711: cannot be reached"
    [address] = kit.events(found, PeerAddress)
    assert (address.address, address.how) == ("203.0.113.8", "seen-as")


def test_refusals():
    for answer in (frame(0x05), frame(0x40, bytes(4))):
        assert not heard(SignOnAnswer, (C, build.LOGIN), (S, answer))[0].accepted
    assert heard(SignOff, (C, build.LOGIN + frame(0x18)))[0].account == ALICE.hex()


def test_a_server_introduces_itself():
    ident = BOB + place("198.51.100.9", 4661) + build.tags((1, b"Harbour"), (0x0B, b"all files"))
    message = b"server version 17.15 (lugdunum)"
    found = told(
        (C, build.LOGIN),
        (S, frame(0x38, build.text(message))),
        (S, frame(0x34, struct.pack("<II", 900, 40000)) + frame(0x41, ident)),
        (S, frame(0x32, b"\2" + place("198.51.100.1", 4661) + place("198.51.100.2", 5000))),
    )
    status, described = kit.events(found, EdonkeyServer)
    assert (status.users, status.files) == (900, 40000)
    assert (described.name, described.description) == ("Harbour", "all files")
    assert (described.address, described.port) == ("198.51.100.9", 4661)
    assert [(p.address, p.port) for p in kit.events(found, Peer)] == [
        ("198.51.100.1", 4661),
        ("198.51.100.2", 5000),
    ]
    [software] = kit.events(found, Software)
    assert (software.name, software.version, software.role) == ("lugdunum", "17.15", "server")
    [said] = kit.events(found, Message)
    assert (said.sender, said.recipient, said.kind) == ("server", ALICE.hex(), "server")


def test_files_are_offered():
    body = struct.pack("<I", 1) + build.file(FILE, b"tide tables.ogg", 4096)
    for offer in (frame(0x15, body), packed(0x15, body)):
        [share] = heard(Share, (C, build.LOGIN + offer))
        assert (share.owner, share.total) == (ALICE.hex(), 1)
        [shared] = share.files
        assert (shared.name, shared.size, shared.hash) == ("tide tables.ogg", 4096, HASH)
        assert shared.detail == "Audio"
    assert not heard(Share, (C, build.LOGIN + frame(0x15, bytes(4))))


TREE = (
    b"\0\0" + b"\1" + build.text(b"tide") + b"\0\2" + b"\1" + build.text(b"tables")
    + b"\0\0" + b"\2" + build.text(b"Audio") + build.text(b"\3")
    + b"\3" + struct.pack("<IB", 1000, 1) + build.text(b"\2")
)  # fmt: skip


def test_a_search_and_its_hits():
    hits = struct.pack("<I", 2) + build.file(FILE, b"a.ogg", 5, 0x0100007F, 4662)
    hits += build.file(BOB, b"b.ogg", 6, 99, 4662) + b"\1"
    found = told((C, build.LOGIN + frame(0x16, TREE)), (S, packed(0x33, hits)))
    [search] = kit.events(found, Search)
    assert search.text == "tide (tables not type:Audio size>1000)"
    assert search.account == ALICE.hex()
    first, second = kit.events(found, SearchHit)
    assert (first.address, first.port, first.files[0].name) == ("127.0.0.1", 4662, "a.ogg")
    assert (second.address, second.detail, second.files[0].hash) == ("", "low id 99", BOB.hex())


@pytest.mark.parametrize(
    "tree", [b"\0\3\1\1\0a\1\1\0a", b"\4", b"\0\0" * 100, b"\3" + bytes(4) + b"\x09\1\0\2"]
)
def test_a_search_that_is_none_is_malformed(tree):
    assert heard(Malformed, (C, build.LOGIN + frame(0x16, tree)))


def test_sources_by_id_and_with_the_key_of_their_obfuscation():
    plain = FILE + b"\2" + place("203.0.113.7", 4662) + struct.pack("<IH", 12, 4662)
    sealed = FILE + b"\1" + place("203.0.113.9", 4000) + b"\x83" + BOB
    found = told(
        (C, build.LOGIN + frame(0x19, FILE + struct.pack("<I", 4096))),
        (S, frame(0x42, plain) + frame(0x44, sealed)),
    )
    [search] = kit.events(found, Search)
    assert (search.text, search.detail) == (HASH, "sources")
    hits = [(h.owner, h.address, h.port, h.id, h.detail) for h in kit.events(found, SearchHit)]
    assert hits == [
        ("", "203.0.113.7", 4662, HASH, ""),
        ("", "", 4662, HASH, "low id 12"),
        (BOB.hex(), "203.0.113.9", 4000, HASH, ""),
    ]
    expected = [(e.address, e.source, e.context) for e in kit.effects(found, Expect)]
    assert expected[1:] == [
        ("203.0.113.7", "192.0.2.1", None),
        ("203.0.113.9", "192.0.2.1", BOB),
    ]


def test_callbacks():
    asked, failed = heard(
        Callback, (C, build.LOGIN + frame(0x1C, struct.pack("<I", 12))), (S, frame(0x36))
    )
    assert (asked.account, asked.status, failed.status) == ("low id 12", "asked", "failed")
    body = place("203.0.113.7", 4662) + b"\3" + BOB
    found = told((C, build.LOGIN), (S, frame(0x35, body)))
    assert kit.events(found, PeerAddress)[-1].how == "callback"
    assert kit.effects(found, Expect)[-1].context == BOB


# -- between clients -------------------------------------------------------------------------------

GREETED = [(C, build.HELLO), (S, build.HELLO_ANSWER)]


def test_a_greeting():
    found = told(*GREETED)
    programs = [(s.name, s.version, s.account) for s in kit.events(found, Software)]
    assert programs == [("aMule", "2.3.3", ALICE.hex()), ("eDonkey", "60", BOB.hex())]
    assert [p.nickname for p in kit.events(found, Profile)] == ["alice", "bob"]
    [address] = kit.events(found, PeerAddress)
    assert (address.account, address.address) == (ALICE.hex(), "192.0.2.1")
    assert kit.events(found, Peer)[0].address == "198.51.100.9"


def test_udp_port_and_buddy_of_a_greeting():
    about = build.tags((0xF9, 5000 << 16 | 4672), (0xFC, 0x0100007F), (0xFD, 4999))
    hello = frame(0x01, b"\x10" + ALICE + struct.pack("<IH", 5, 4662) + about + build.NOBODY)
    found = [(a.how, a.address, a.port, a.transport) for a in heard(PeerAddress, (C, hello))]
    assert found == [
        ("listening-port", "192.0.2.1", 4672, "udp"),
        ("listening-port", "192.0.2.1", 5000, "udp"),
        ("buddy", "127.0.0.1", 4999, "udp"),
    ]


def test_a_message_between_clients():
    [said] = heard(Message, *GREETED, (C, frame(0x4E, build.text(b"low tide at nine"))))
    assert (said.sender, said.recipient) == (ALICE.hex(), BOB.hex())
    assert (said.text, said.size, said.kind) == ("low tide at nine", 16, "text")


def test_a_share_is_browsed():
    listed = struct.pack("<I", 1) + build.file(FILE, b"chart.pdf", 12)
    found = told(*GREETED, (C, frame(0x4A)), (S, frame(0x4B, listed)))
    assert kit.events(found, Browse)[0] == Browse(owner=BOB.hex(), by=ALICE.hex())
    assert kit.events(found, Share)[0].owner == BOB.hex()
    assert kit.events(found, Anomaly)[0].kind == "anonymous-listing"
    [_, denied] = heard(Browse, *GREETED, (C, frame(0x5D)), (S, frame(0x61)))
    assert (denied.owner, denied.by, denied.action) == (BOB.hex(), ALICE.hex(), "denied")


def test_folders_are_browsed():
    names = struct.pack("<I", 1) + build.text(b"C:\\harbour")
    found = told(
        *GREETED,
        (C, frame(0x5D)),
        (S, frame(0x5F, names)),
        (C, frame(0x5E, build.text(b"C:\\harbour"))),
        (
            S,
            frame(
                0x60,
                build.text(b"C:\\harbour") + struct.pack("<I", 1) + build.file(FILE, b"x", 1),
            ),
        ),
    )
    asked, named, one = kit.events(found, Browse)
    assert (asked.folder, named.folders, one.folder) == ("", ("C:\\harbour",), "C:\\harbour")
    assert kit.events(found, Share)[0].files[0].name == "x"


def test_a_request_in_single_messages():
    found = told(
        *GREETED,
        (C, frame(0x58, FILE) + frame(0x4F, FILE) + frame(0x54, FILE)),
        (S, frame(0x59, FILE + build.text(b"chart.pdf")) + emule(0x60, struct.pack("<H", 9))),
        (S, frame(0x5C, struct.pack("<I", 8))),
    )
    [download] = kit.events(found, Download)
    assert (download.hash, download.account) == (HASH, ALICE.hex())
    assert kit.events(found, Share)[0].files[0].name == "chart.pdf"
    assert [(r.rank, r.account, r.hash) for r in kit.events(found, QueueRank)] == [
        (9, ALICE.hex(), HASH),
        (8, ALICE.hex(), HASH),
    ]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (emule(0x92, FILE + b"\x58\x4f"), FILE),
        (emule(0xA4, FILE + struct.pack("<Q", 70) + b"\x58"), FILE),
        (emule(0xA9, b"\3" + FILE + struct.pack("<Q", 70) + b"\x58"), b"\1" + FILE),
        (emule(0xA9, b"\7" + FILE + struct.pack("<Q", 70) + bytes(20)), b"\5" + FILE + bytes(20)),
    ],
)
def test_a_request_in_one_message(question, answer):
    rest = b"\x50\x01\0\xff\x59" + build.text(b"chart.pdf") + b"\x9d" + bytes(20)
    kind = 0xAA if question[5] == 0xA9 else 0x93
    found = told(*GREETED, (C, question), (S, emule(kind, answer + rest)))
    assert kit.events(found, Download)[0].hash == HASH
    [shared] = kit.events(found, Share)[0].files
    assert (shared.name, shared.size) == ("chart.pdf", 0 if question[5] == 0x92 else 70)


def test_a_comment_and_a_preview():
    found = told(
        *GREETED,
        (C, frame(0x58, FILE)),
        (S, emule(0x61, b"\4" + struct.pack("<I", 4) + b"good")),
        (C, emule(0x90, FILE)),
        (S, emule(0x91, FILE + b"\2")),
    )
    [comment] = kit.events(found, FileComment)
    assert (comment.hash, comment.rating, comment.text) == (HASH, 4, "good")
    assert comment.account == BOB.hex()
    asked, sent = kit.events(found, FilePreview)
    assert (asked.action, sent.action, sent.frames) == ("asked", "sent", 2)


def source(version: int, address: str) -> bytes:
    packed_address = place(address, 4662)
    if version >= 3:
        packed_address = packed_address[3::-1] + packed_address[4:]
    entry = packed_address + place("198.51.100.9", 4661)
    return entry + (BOB if version > 1 else b"") + (b"\3" if version == 4 else b"")


@pytest.mark.parametrize("version", [1, 2, 3, 4])
def test_sources_are_exchanged(version):
    body = FILE + struct.pack("<H", 1) + source(version, "203.0.113.7")
    for answer in (emule(0x84, bytes([version]) + body), packed(0x84, bytes([version]) + body)):
        found = told(*GREETED, (C, emule(0x83, b"\4\0\0" + FILE)), (S, answer))
        assert kit.events(found, Search)[0].detail == "sources"
        [hit] = kit.events(found, SearchHit)
        owner = BOB.hex() if version > 1 else ""
        assert (hit.address, hit.port, hit.owner) == ("203.0.113.7", 4662, owner)
        assert kit.effects(found, Expect)[-1].context == (BOB if version > 1 else None)
    if version != 3:  # told without a version, the size of an entry says which it is
        assert heard(SearchHit, *GREETED, (S, emule(0x82, body)))[0].port == 4662


def test_an_address_seen_by_the_other_and_one_to_call_back():
    found = told(
        *GREETED,
        (S, emule(0x98, place("203.0.113.5", 0)[:4])),
        (S, emule(0x99, ALICE + FILE + place("203.0.113.6", 4000))),
    )
    hows = [(a.how, a.account, a.address) for a in kit.events(found, PeerAddress)][1:]
    assert hows == [("seen-as", ALICE.hex(), "203.0.113.5"), ("callback", "", "203.0.113.6")]
    assert not heard(PeerAddress, *GREETED, (S, emule(0x98, place("192.0.2.1", 0)[:4])))[1:]


# -- files -----------------------------------------------------------------------------------------

DATA = bytes(random.Random(1).choices(b"tide", k=30_000))
NAMED = md4(DATA)


def file_told(*steps: tuple[Side, bytes | int]):
    found = told(*GREETED, *steps)
    data = bytearray(len(DATA))
    for value in kit.effects(found, FileData):
        data[value.offset : value.offset + len(value.data)] = value.data
    [summary] = kit.events(found, FileParts)
    return bytes(data), summary, kit.effects(found, FileClose)


def test_a_file_of_one_part_plain_and_packed():
    ask = emule(0xA4, NAMED + struct.pack("<Q", len(DATA)))
    half = 15_000
    data, summary, closed = file_told(
        (C, ask),
        (S, build.part(0, DATA[:half], NAMED)),
        (S, build.packed_parts(half, DATA[half:], hash_=NAMED)),
    )
    assert data == DATA
    assert (summary.octets, summary.parts, summary.right, summary.wrong) == (30_000, 1, 1, 0)
    assert [close.verified for close in closed] == [True]


def test_a_file_of_unknown_size_is_whole_where_its_hash_says_so():
    _, summary, closed = file_told((S, build.part(0, DATA, NAMED)))
    assert (summary.right, closed[0].verified) == (1, True)
    _, summary, closed = file_told((S, build.part(0, DATA[:-1], NAMED)))
    assert (summary.parts, summary.right, summary.wrong, closed) == (0, 0, 0, [])


def test_a_file_with_another_hash_is_wrong():
    ask = emule(0xA4, FILE + struct.pack("<Q", len(DATA)))
    _, summary, closed = file_told((C, ask), (S, build.part(0, DATA, FILE)))
    assert (summary.right, summary.wrong, closed[0].verified) == (0, 1, False)


def test_a_file_of_two_parts(monkeypatch):
    monkeypatch.setattr(parts, "PART", 20_000)
    hashes = md4(DATA[:20_000]), md4(DATA[20_000:])
    name = md4(b"".join(hashes))
    listed = frame(0x52, name + struct.pack("<H", 2) + b"".join(hashes))
    whole = (S, build.part(0, DATA, name))
    _, summary, closed = file_told((S, listed), whole)
    assert (summary.parts, summary.right, closed[0].verified) == (2, 2, True)
    _, summary, closed = file_told((S, listed), (S, build.part(0, DATA[:25_000], name)))
    assert (summary.parts, summary.right, summary.wrong, closed) == (2, 1, 0, [])
    _, summary, closed = file_told(whole, (S, listed))
    assert (summary.right, closed[0].verified) == (2, True)
    bad = bytearray(DATA)
    bad[5] ^= 1
    _, summary, closed = file_told((S, listed), (S, build.part(0, bytes(bad), name)))
    assert (summary.right, summary.wrong, closed[0].verified) == (1, 1, False)
    _, summary, _ = file_told((S, build.part(0, DATA, name)))
    assert (summary.parts, summary.wrong) == (0, 0)


def test_hashes_that_do_not_make_the_file_s_are_malformed():
    assert heard(Malformed, *GREETED, (S, frame(0x52, FILE + b"\1\0" + bytes(16))))


def test_pieces_in_64_bits():
    body = NAMED + struct.pack("<QQ", 0, len(DATA)) + DATA
    data, summary, _ = file_told((S, emule(0xA2, body)))
    assert (data, summary.right) == (DATA, 1)
    stream = zlib.compress(DATA)
    body = NAMED + struct.pack("<QI", 0, len(stream)) + stream
    assert file_told((S, emule(0xA1, body)))[0] == DATA


def test_a_gap_inside_a_piece_keeps_the_place():
    piece = build.part(0, DATA, NAMED)
    data, summary, closed = file_told(
        (S, piece[:10_000]), (S, 500), (S, piece[10_500:] + frame(0x4E, build.text(b"after")))
    )
    begin = 10_000 - 30
    assert data == DATA[:begin] + bytes(500) + DATA[begin + 500 :]
    assert (summary.right, closed) == (0, [])
    assert heard(Message, *GREETED, (S, piece[:10_000]), (S, len(piece) - 10_000),
                 (S, frame(0x4E, build.text(b"after"))))  # fmt: skip


def test_a_piece_of_the_wrong_length_costs_itself():
    bad = frame(0x46, FILE + struct.pack("<II", 0, 9) + b"tide")
    found = told(*GREETED, (S, bad + frame(0x4E, build.text(b"after"))))
    assert kit.events(found, Malformed)
    assert kit.events(found, Message)
    assert not kit.effects(found, FileData)


def test_a_packed_block_that_is_damaged_costs_itself():
    bad = emule(0x40, FILE + struct.pack("<II", 0, 90) + b"\x78\x9c" + bytes(40))
    found = told(*GREETED, (S, bad + frame(0x4E, build.text(b"after"))))
    assert kit.events(found, Malformed)
    assert kit.events(found, Message)


def test_a_bomb_ends_early():
    bomb = build.packed_parts(0, bytes(40 << 20), 10_000)
    found = told(*GREETED, (S, bomb))
    assert sum(len(value.data) for value in kit.effects(found, FileData)) < 8 << 20
    assert kit.events(found, Malformed)


# -- obfuscated ------------------------------------------------------------------------------------

ANNOUNCED = msgspec.structs.replace(build.TCP, context=BOB)


def rc4(secret: bytes) -> CipherContext:
    key = hashlib.md5(secret, usedforsecurity=False).digest()
    cipher = Cipher(ARC4(key), mode=None).encryptor()
    cipher.update(bytes(1024))
    return cipher


def sealed(steps: list[tuple[Side, bytes]], user: bytes = BOB, padding: int = 5) -> list:
    """As eMule does it, written from the description and not from the decoder."""
    random_part = b"\x01\x02\x03\x04"
    ways = {C: rc4(user + b"\x22" + random_part), S: rc4(user + b"\xcb" + random_part)}
    pad = bytes([padding]) + b"p" * padding
    heads = {
        C: bytes.fromhex("c46f5e83") + b"\0\0" + pad,
        S: bytes.fromhex("c46f5e83") + b"\0" + pad,
    }
    out = []
    for side, data in steps:
        head = heads.pop(side, b"")
        clear = b"\x77" + random_part if side is C and head else b""
        out.append((side, clear + ways[side].update(head + data)))
    return out


def test_a_connection_to_who_has_a_hash_that_was_told_is_opened():
    steps = sealed([*GREETED, (C, frame(0x4E, build.text(b"low tide at nine")))])
    found = recognise(Peek("tcp", steps[0][1], steps[1][1], True, ANNOUNCED))
    assert isinstance(found, Claim)
    assert found.evidence == "opened with the user hash that was told"
    session = Session(ANNOUNCED)
    told = kit.decode(session, steps)
    assert session.standing is Standing.PARSED
    assert kit.events(told, Message)[0].text == "low tide at nine"
    assert not kit.events(told, Malformed)


def test_one_of_several_announced_hashes_opens_it():
    start = msgspec.structs.replace(build.TCP, context=ALICE, others=(None, BOB))
    assert heard_at(start, Message, *sealed([*GREETED, (C, frame(0x4E, build.text(b"x")))]))


def heard_at(start, kind: type, *steps: tuple[Side, bytes | int]) -> list:
    return kit.events(kit.decode(Session(start), list(steps)), kind)


def test_another_hash_or_none_opens_nothing():
    steps = sealed(GREETED, ALICE)
    assert recognise(Peek("tcp", steps[0][1], b"", True, ANNOUNCED)) is None
    assert recognise(Peek("tcp", steps[0][1], b"", True, build.TCP)) is None
    assert recognise(Peek("tcp", steps[0][1], b"", False, ANNOUNCED)) is None
    assert recognise(Peek("tcp", steps[0][1][:8], b"", True, ANNOUNCED)) is MORE
    session = Session(ANNOUNCED)
    session.feed(C, steps[0][1])
    assert session.standing is Standing.REFUTED


def test_an_announced_connection_in_clear_is_read_as_ever():
    assert heard_at(ANNOUNCED, Profile, *GREETED)
    assert isinstance(recognise(Peek("tcp", build.HELLO, b"", True, ANNOUNCED)), Claim)


def test_a_gap_in_an_obfuscated_file_keeps_the_place():
    piece = build.part(0, DATA, NAMED)
    steps = sealed([*GREETED, (S, piece[:9000]), (S, piece[9000:9100]), (S, piece[9100:])])
    steps[3] = S, 100
    told = kit.decode(Session(ANNOUNCED), steps)
    pieces = kit.effects(kit.joined(told), FileData)
    assert [(p.offset, p.data == DATA[p.offset : p.offset + len(p.data)]) for p in pieces] == [
        (0, True),
        (9100 - 30, True),
    ]
    assert not kit.events(told, Malformed)


def test_a_gap_in_an_obfuscated_opening_ends_it():
    steps = sealed(GREETED)
    told = kit.decode(Session(ANNOUNCED), [(C, steps[0][1][:20]), (C, 5), (C, steps[0][1][25:])])
    assert [type(value) for _, value in told] == [Gap]


@given(size=st.integers(1, 60))
@settings(max_examples=25)
def test_segmentation_of_an_obfuscated_connection_changes_nothing(size):
    kit.check_segmentation(lambda: Session(ANNOUNCED), sealed(CONVERSATION), size)


# -- loss and laws ---------------------------------------------------------------------------------


def test_lost_framing_is_said_once_until_a_gap():
    session = Session(build.TCP)
    kit.decode(session, GREETED, ends=False)
    assert [type(e) for e in session.feed(S, b"GET / HTTP/1.1\r\n")] == [Malformed]
    assert session.feed(S, frame(0x4E, build.text(b"unheard"))) == []
    two = frame(0x4E, build.text(b"one")) + frame(0x4E, build.text(b"two"))
    after = [*session.gap(S, 100), *session.feed(S, b"rest of something" + two)]
    assert [type(e) for e in after] == [Gap, Message, Message]


def test_behind_a_loss_a_piece_is_known_by_its_length():
    session = Session(build.TCP)
    kit.decode(session, GREETED, ends=False)
    session.gap(S, 9)
    told = session.feed(S, b"\xe3\x07\0\0\0\x46" + b"x" * 90 + build.part(0, DATA))
    assert [type(e) for e in told] == [FileOpen, FileData]


def test_a_session_without_frames_gives_the_flow_back():
    session = Session(build.TCP)
    session.feed(C, b"not a frame at all")
    assert session.standing is Standing.REFUTED


def test_standing_needs_both_sides_or_three_messages():
    session = Session(build.TCP)
    session.feed(C, build.HELLO)
    assert session.standing is Standing.CLAIMED
    session.feed(S, build.HELLO_ANSWER)
    assert session.standing is Standing.PARSED
    session = Session(build.TCP)
    session.feed(C, build.HELLO + frame(0x4A) * 2)
    assert session.standing is Standing.PARSED


def test_a_long_message_is_walked_over():
    long = frame(0x4B, bytes(FRAME + 5))
    found = told(*GREETED, (S, long + frame(0x4E, build.text(b"after"))))
    assert [m.reason for m in kit.events(found, Malformed)] == [
        f"a message of {FRAME + 6} bytes is not read"
    ]
    assert kit.events(found, Message)


def test_partial_is_a_message_not_a_piece():
    session = Session(build.TCP)
    session.feed(C, build.HELLO[:9])
    assert session.partial(C)
    session.feed(C, build.HELLO[9:])
    assert not session.partial(C)
    session.feed(C, build.part(0, DATA)[:500])
    assert not session.partial(C)


CONVERSATION = [
    (C, build.HELLO),
    (S, build.HELLO_ANSWER + emule(0x01, b"\x44\1" + build.tags((0x55, b"mod"), (0x26, 3)))),
    (C, emule(0xA4, NAMED + struct.pack("<Q", len(DATA)) + b"\x58")),
    (S, emule(0x93, NAMED + b"\x59" + build.text(b"tide.txt"))),
    (S, build.part(0, DATA[:9_000], NAMED) + build.packed_parts(9_000, DATA[9_000:], 700, NAMED)),
    (C, frame(0x4E, build.text(b"thanks")) + packed(0x84, b"\2" + FILE + struct.pack("<H", 1)
        + source(2, "203.0.113.7"))),
    (S, b"broken" + frame(0x4E, build.text(b"unheard"))),
]  # fmt: skip


@given(size=st.integers(1, 2000))
@settings(max_examples=25)
def test_segmentation_changes_nothing(size):
    kit.check_segmentation(lambda: Session(build.TCP), CONVERSATION, size)


@given(size=st.integers(1, 300), at=st.integers(0, 40))
@settings(max_examples=25)
def test_segmentation_behind_a_gap_changes_nothing(size, at):
    data = b"\xc5\x20\0\0\0\x01" + bytes(at) + build.HELLO + frame(0x4E, build.text(b"x")) * 3
    kit.check_segmentation(lambda: Session(build.TCP), [(C, 7), (C, data)], size)


FRAMES = st.builds(
    lambda protocol, kind, body: frame(kind, body, protocol),
    st.sampled_from((0xE3, 0xC5)),
    st.sampled_from(sorted(wire.EDONKEY_KINDS | wire.EMULE_KINDS)),
    st.binary(max_size=80) | st.sampled_from((build.HELLO[6:], DATA[:300], TREE)),
) | st.builds(packed, st.integers(0, 255), st.binary(max_size=60))


@given(st.lists(st.tuples(st.sampled_from(Side), FRAMES | st.integers(1, 99) | st.binary())))
@settings(max_examples=200)
def test_garbage_is_reported_never_raised(chunks):
    kit.check_garbage(lambda: Session(build.TCP), chunks)
    kit.check_garbage(lambda: Session(ANNOUNCED), chunks)


def test_md4_is_rfc_1320_s():
    """RFC 1320, A.5; in pieces it is the same."""
    assert md4(b"").hex() == "31d6cfe0d16ae931b73c59d7e0c089c0"
    assert md4(b"abc").hex() == "a448017aaf21d8525fc10ae87aa6729d"
    digits = b"1234567890" * 8
    assert md4(digits).hex() == "e33b4ddc9c38f2199c3e7b164fcc0536"
    running = Md4()
    for at in range(0, len(digits), 7):
        running.update(digits[at : at + 7])
        running.digest()
    assert running.digest() == md4(digits)
    assert hashlib.sha256(md4(DATA)).digest() == hashlib.sha256(NAMED).digest()
