"""eDonkey: what a session holds stays bounded; values at the edges of their forms."""

import struct

import pytest
from tests import kit
from tests.protocols.edonkey import build
from tests.protocols.edonkey.build import BOB, FILE, emule, frame, packed, place, text
from tests.protocols.edonkey.test_session import ANNOUNCED, GREETED, sealed

from backchannel.effects import FileData
from backchannel.events import Malformed, Peer, SearchHit, Share
from backchannel.model import Side
from backchannel.protocols import Peek
from backchannel.protocols.edonkey import parts, query, software, tags
from backchannel.protocols.edonkey import talk as talking
from backchannel.protocols.edonkey.recognise import AHEAD, next_frame, recognise
from backchannel.protocols.edonkey.sealed import EARNED, FREE_GAP
from backchannel.protocols.edonkey.session import Session
from backchannel.protocols.edonkey.sources import MOST
from backchannel.protocols.ends import REMEMBERED
from backchannel.reader import Reader, WireError

C, S = Side.CLIENT, Side.SERVER


def told(*steps: tuple[Side, bytes | int], start=build.TCP) -> list:
    return kit.decode(Session(start), [*GREETED, *steps])


def hash_(number: int) -> bytes:
    return number.to_bytes(16)


def test_files_parts_and_blocks_under_way_are_few():
    session = Session(build.TCP)
    kit.decode(session, GREETED, ends=False)
    for number in range(3 * parts.FILES):
        session.feed(S, build.part(0, b"x", hash_(number)))
    for number in range(3 * parts.RUNNING):
        session.feed(S, build.part(number * parts.PART, b"x"))
        session.feed(S, build.packed_parts(number * 1000, bytes(range(256)), 10)[:40])
    incoming = session._incoming
    assert len(incoming._files) == parts.FILES
    file = incoming._files[FILE.hex(), S]
    assert (len(file.running), len(file.blocks)) == (parts.RUNNING, parts.BLOCKS)


def test_a_block_that_is_whole_is_let_go():
    session = Session(build.TCP)
    session.feed(S, build.packed_parts(0, b"tide" * 100))
    session.feed(S, build.packed_parts(0, b"lamp" * 100))
    [file] = session._incoming._files.values()
    assert not file.blocks
    assert file.octets == 800


def test_what_was_told_and_learnt_is_bounded():
    talk = talking.Talk(build.TCP)
    for number in range(3 * REMEMBERED):
        talk.is_new("x", number)
        talk.learn(str(number), "name", 7)
    assert len(talk._told) <= REMEMBERED
    assert (len(talk._names), len(talk._sizes)) == (talking.NAMED, talking.NAMED)
    assert talk.name(str(3 * REMEMBERED - 1)) == "name"


def test_a_long_list_is_told_in_part():
    one = build.file(FILE, b"x", 1)
    many = talking.LISTED + 5
    found = told((S, packed(0x4B, struct.pack("<I", many) + one * many)))
    [share] = kit.events(found, Share)
    assert (share.total, len(share.files)) == (many, talking.LISTED)


def test_tags_beyond_the_bound_are_walked_over():
    many = b"".join(build.tag(b"t%d" % number, number) for number in range(tags.MOST + 9))
    reader = Reader(many + b"end")
    assert len(tags.read(reader, tags.MOST + 9)) == tags.MOST
    assert reader.rest() == b"end"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"\x85\x09\1", 1),
        (b"\x88\x09\1\2", 513),
        (b"\x8b\x09" + bytes(7) + b"\1", 1 << 56),
        (b"\x84\x09\0\0\x80\x3f", 1.0),
        (b"\x86\x09\x09\0\xff\xff", b"\xff\xff"),
        (b"\x87\x09\2\0\0\0ab", b"ab"),
        (b"\x8a\x09\2ab", b"ab"),
        (b"\x81\x09" + FILE, FILE),
        (b"\x91\x09a", "a"),
        (b"\xa6\x09" + b"a" * 22, "a" * 22),
        (b"\x82\x09\5\0\xef\xbb\xbfab", "ab"),
    ],
)
def test_every_type_of_tag(raw, value):
    reader = Reader(raw + b"!")
    assert tags.read(reader, 1) == {9: value}
    assert reader.rest() == b"!"


def test_sizes_of_more_than_32_bits():
    assert tags.size({tags.SIZE: 5, tags.SIZE_HIGH: 2}) == (2 << 32) + 5
    assert tags.size({tags.SIZE: bytes([5, 0, 0, 0, 2, 0, 0, 0])}) == (2 << 32) + 5


def test_a_search_is_neither_deep_nor_wide_without_end():
    deep = b"\0\0" * (query.DEEPEST + 1) + (b"\1\1\0a") * (query.DEEPEST + 2)
    with pytest.raises(WireError, match="too large"):
        query.read(Reader(deep))
    assert query.read(Reader(b"\0\1\1\1\0a\1\1\0b")) == "(a or b)"


def test_versions_of_programs():
    packed_version = 3 << 24 | 2 << 17 | 99 << 10 | 1 << 7
    assert software.named({tags.EMULE_VERSION: packed_version}) == ("aMule", "2.99.1")
    assert software.named({tags.EMULE_VERSION: 50 << 10}) == ("eMule", "0.50a")
    assert software.named({tags.EMULE_VERSION: 0x77 << 24}) == ("program 77", "0.0.0")
    assert software.named({}) == ("eDonkey", "")


def test_a_body_that_unfolds_too_far_or_is_cut_short_is_malformed():
    assert kit.events(told((S, packed(0x4B, bytes(2 << 20)))), Malformed)
    cut = packed(0x4E, text(b"low tide"))
    cut = struct.pack("<BIB", 0xD4, len(cut) - 6 + 1 - 4, 0x4E) + cut[6:-4]
    assert kit.events(told((S, cut)), Malformed)


def test_sources_of_one_answer_are_bounded_and_low_ids_stay():
    low = struct.pack("<IH", 77, 4662) + place("198.51.100.9", 4661) + BOB
    [hit] = kit.events(told((S, emule(0x84, b"\3" + FILE + b"\1\0" + low))), SearchHit)
    assert (hit.address, hit.detail) == ("", "low id 77")
    many = b"".join(struct.pack("<IH", 0x0100007F + n, 1) + bytes(6) for n in range(MOST + 20))
    body = b"\1" + FILE + struct.pack("<H", MOST + 20) + many
    assert len(kit.events(told((S, emule(0x84, body))), SearchHit)) == MOST


def test_a_cipher_is_not_moved_on_without_end():
    piece = build.part(0, bytes(9000))
    steps = sealed([*GREETED, (S, piece[:500]), (S, piece[500:])])
    steps[3] = S, FREE_GAP + EARNED * sum(len(data) for _, data in steps[:3])
    session = Session(ANNOUNCED)
    kit.decode(session, steps, ends=False)
    assert session._lanes[S].deaf
    assert session.feed(S, b"more") == []


def test_holes_have_to_be_earned():
    session = Session(ANNOUNCED)
    kit.decode(session, sealed(GREETED), ends=False)
    session.gap(S, FREE_GAP)
    assert not session._lanes[S].deaf
    session.gap(S, FREE_GAP)
    assert session._lanes[S].deaf


def test_a_long_frame_is_not_believed_after_a_loss():
    long = struct.pack("<BIB", 0xE3, AHEAD + 1, 0x4E)
    real = frame(0x4E, text(b"x"))
    assert next_frame(bytearray(long + real + real)) == (len(long), True)
    assert next_frame(bytearray(b"junk" + real)) == (4, False)


def test_a_greeting_with_much_behind_it_is_none():
    long = frame(0x01, build.HELLO[6:] + bytes(40))
    assert recognise(Peek("tcp", long, b"", True, build.TCP)) is not None
    assert "greeting" not in str(recognise(Peek("tcp", long, b"", True, build.TCP)))


def test_servers_are_told_once():
    servers = frame(0x32, b"\2" + place("198.51.100.1", 4661) * 2)
    session = Session(build.TCP)
    assert len(kit.events(kit.decode(session, [(C, build.LOGIN), (S, servers)]), Peer)) == 1


def test_pieces_of_a_bomb_stop():
    bomb = build.packed_parts(0, bytes(30 << 20), 5000)
    found = told((S, bomb))
    assert sum(len(value.data) for value in kit.effects(found, FileData)) < 8 << 20
