"""Blocks in any order, of many files; what is held while pieces are not whole."""

import random

from hypothesis import given
from hypothesis import strategies as st
from tests import kit
from tests.protocols.bittorrent import build

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.model import Side
from backchannel.protocols.bittorrent import pieces
from backchannel.protocols.bittorrent.pieces import Bits, Content
from backchannel.protocols.bittorrent.torrent import read_info

C, S = Side.CLIENT, Side.SERVER
SIZE = 1 << 14
BYTES = random.Random(5).randbytes(5 * SIZE + 100)
FILES = [
    {b"length": SIZE // 2, b"path": [b"one"]},
    {b"length": 3 * SIZE, b"path": [b"two"]},
    {b"length": SIZE // 2, b"path": [b"pad"], b"attr": b"p"},
    {b"length": SIZE + 100, b"path": [b"three"]},
]
INFO = read_info(build.info(BYTES, piece_size=SIZE, files=FILES))


def content():
    return Content(INFO, "aa", ("client", "server"))


def blocks(size):
    for at in range(0, len(BYTES), SIZE):
        piece = BYTES[at : at + SIZE]
        for begin in range(0, len(piece), size):
            yield at // SIZE, begin, piece[begin : begin + size]


@given(st.randoms(use_true_random=False), st.sampled_from([500, 2000, SIZE]))
def test_files_are_whole_and_verified_whatever_the_order(order, size):
    steps = list(blocks(size))
    order.shuffle(steps)
    made = content()
    out = [told for step in steps for told in made.add(S, *step)]
    names = {told.key: told.name for told in out if isinstance(told, FileOpen)}
    assert sorted(names.values()) == ["book/one", "book/three", "book/two"]
    for key, first, end in (
        ("0", 0, SIZE // 2),
        ("1", SIZE // 2, 7 * SIZE // 2),
        ("3", 4 * SIZE, None),
    ):
        parts = [told for told in out if isinstance(told, FileData) and told.key == key]
        parts.sort(key=lambda told: told.offset)
        assert b"".join(told.data for told in parts) == BYTES[first:end]
    assert made.verified[S] == 6
    closed = [told for told in out if isinstance(told, FileClose)]
    assert sorted(told.key for told in closed) == ["0", "1", "3"]
    assert all(told.verified for told in closed)


def test_a_file_is_open_until_its_last_piece_agrees():
    made = content()
    first, second = BYTES[:SIZE], BYTES[SIZE : 2 * SIZE]
    assert [type(told) for told in made.add(S, 0, 0, first)] == [
        FileOpen,
        FileData,
        FileOpen,
        FileData,
        FileClose,
    ]
    assert [type(told) for told in made.add(S, 1, 0, second)] == [FileData]
    assert [type(told) for told in made.add(S, 0, 0, first)] == [FileData], "the second file's"
    assert made.verified[S] == 2


def test_what_is_no_place_of_the_torrent_is_passed_over():
    made = content()
    assert made.add(S, 6, 0, b"x") == []
    assert made.add(S, 0, SIZE, b"xx") == []
    assert made.add(S, 0, 5, b"") == []


@given(st.integers(1, 40))
def test_of_a_block_that_goes_beyond_its_piece_the_rest_is_nothing_however_it_is_cut(size):
    made, block = content(), bytes(40)
    told = [
        item
        for at in range(0, len(block), size)
        for item in made.add(S, 0, SIZE - 20 + at, block[at : at + size])
    ]
    assert sum(len(item.data) for item in told if isinstance(item, FileData)) == 20


def test_bytes_that_came_early_are_bounded():
    large = read_info(build.info(bytes(64 * SIZE), piece_size=8 * SIZE))
    made = Content(large, "aa", ("client", "server"))
    for piece in range(8):
        for begin in range(1, 8 * SIZE, 1000):
            made.add(S, piece, begin, bytes(min(999, 8 * SIZE - begin)))
    assert kit.footprint(made) < pieces.EARLY + 20_000
    for piece in range(8):
        made.add(C, piece, 0, bytes(8 * SIZE))
    assert made.verified == [8, 0]


def test_pieces_under_way_are_bounded():
    large = read_info(build.info(bytes(200 * SIZE), piece_size=SIZE))
    made = Content(large, "aa", ("client", "server"))
    for piece in range(200):
        made.add(S, piece, 0, bytes(SIZE - 1))
    for piece in range(200 - pieces.UNDER_WAY, 200):
        made.add(S, piece, SIZE - 1, b"\0")
    made.add(S, 0, SIZE - 1, b"\0")
    assert made.verified[S] == pieces.UNDER_WAY


def test_files_under_way_are_bounded():
    files = [{b"length": 16, b"path": [b"%d" % at]} for at in range(SIZE // 4)]
    many = read_info(build.info(bytes(4 * SIZE), piece_size=SIZE, files=files))
    made = Content(many, "aa", ("client", "server"))
    opened = [told for told in made.add(S, 0, 0, bytes(SIZE - 1)) if isinstance(told, FileOpen)]
    assert len(opened) == pieces.OPEN


def test_bits_are_a_set_of_small_numbers():
    bits = Bits(100)
    assert [bits.add(number) for number in (3, 99, 3, 100)] == [True, True, False, False]
    assert [bits.has(number) for number in (3, 99, 98, 5000)] == [True, True, False, False]
    assert not Bits().has(0)
    assert bits.count == 2
