"""Info dictionaries of both versions, from BEP 3, 47 and 52."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.protocols.bittorrent import build

from backchannel.protocols import bencode
from backchannel.protocols.bittorrent.metadata import Assembly
from backchannel.protocols.bittorrent.torrent import LARGEST, agrees, read_info
from backchannel.reader import WireError

FOLDER = [
    {b"length": 10_000, b"path": [b"a", b"one.txt"]},
    {b"length": 6_384, b"path": [b".pad", b"6384"], b"attr": b"p"},
    {b"length": 0, b"path": [b"empty"]},
    {b"length": 20_000, b"path": [b"two"], b"path.utf-8": ["zwö".encode()]},
]
OLD = build.info(bytes(36_384), files=FOLDER, private=1)
TREE = {
    b"a": {b"one.txt": {b"": {b"length": 10_000, b"pieces root": bytes(32)}}},
    b"two": {b"": {b"length": 20_000, b"pieces root": bytes(32)}},
}
NEW = bencode.write(
    {b"name": b"book", b"piece length": 1 << 14, b"meta version": 2, b"file tree": TREE}
)


def test_several_files_and_a_filler():
    info = read_info(OLD)
    assert [(part.name, part.size, part.first, part.filler) for part in info.files] == [
        ("book/a/one.txt", 10_000, 0, False),
        ("book/.pad/6384", 6_384, 10_000, True),
        ("book/empty", 0, 16_384, False),
        ("book/zwö", 20_000, 16_384, False),
    ]
    assert (info.version, info.private, info.size, info.pieces) == ("1", True, 36_384, 3)
    assert [info.length(piece) for piece in range(4)] == [1 << 14, 1 << 14, 3616, 0]


def test_version_2_begins_files_at_pieces():
    info = read_info(NEW)
    assert [(part.name, part.first) for part in info.files] == [
        ("book/a/one.txt", 0),
        ("book/two", 1 << 14),
    ]
    assert (info.version, info.pieces, info.hash(0)) == ("2", 3, b"")
    alone = bencode.read_dict(NEW) | {b"file tree": {b"book": TREE[b"two"]}}
    assert [part.name for part in read_info(bencode.write(alone)).files] == ["book"]
    both = bencode.read_dict(OLD) | {b"meta version": 2, b"file tree": TREE}
    assert read_info(bencode.write(both)).version == "1+2"


def test_bytes_are_found_in_their_files():
    info = read_info(OLD)
    assert list(info.spans(9_990, 20)) == [(0, 9_990, 10), (1, 0, 10)]
    assert list(info.spans(16_384, 5)) == [(2, 0, 5)]
    assert list(info.spans(36_380, 100)) == [(2, 19_996, 4)]
    assert list(info.spans(40_000, 5)) == []
    assert list(read_info(NEW).spans(9_999, 6_400)) == [(0, 9_999, 1), (1, 0, 15)]


def test_hashes_of_both_versions_agree():
    assert agrees(OLD, hashlib.sha1(OLD).digest())
    assert agrees(NEW, hashlib.sha256(NEW).digest()[:20])
    assert not agrees(OLD, bytes(20))


@pytest.mark.parametrize(
    "change",
    [
        {b"piece length": 0},
        {b"piece length": 1 << 40},
        {b"pieces": bytes(40)},
        {b"pieces": b""},
        {b"files": [5]},
        {b"files": [{b"path": [b"x"]}]},
        {b"files": [{b"length": -1, b"path": [b"x"]}]},
        {b"files": [{b"length": 1 << 60, b"path": [b"x"]}]},
    ],
)
def test_what_cannot_be_is_refused(change):
    with pytest.raises(WireError):
        read_info(bencode.write(bencode.read_dict(OLD) | change))


@pytest.mark.parametrize("tree", [{b"x": 5}, {b"x": {b"": 5}}, {b"x": {b"": {}}}])
def test_broken_trees_are_refused(tree):
    with pytest.raises(WireError):
        read_info(bencode.write(bencode.read_dict(NEW) | {b"file tree": tree}))


@given(st.binary(max_size=200), st.integers(0, 400))
def test_any_bytes_are_read_or_refused(data, at):
    for raw in (data, OLD[:at] + data, NEW[:at] + data + NEW[at:]):
        try:
            read_info(raw)
        except WireError:
            continue


def take(piece, size, data, kind=1):
    said = {b"msg_type": kind, b"piece": piece, b"total_size": size}
    return bencode.write(said) + data


def test_an_info_dictionary_comes_in_any_order():
    whole = bytes(range(256)) * 100
    assembly = Assembly()
    assert assembly.take(take(1, len(whole), whole[1 << 14 :])) is None
    assert assembly.take(take(0, len(whole), b"", kind=0)) is None
    assert assembly.take(take(0, len(whole), whole[: 1 << 14])) == whole
    assert assembly.take(take(0, 5, b"after")) == b"after"


def test_who_names_another_size_begins_anew():
    assembly = Assembly()
    assert assembly.take(take(0, 1 << 15, bytes(1 << 14))) is None
    assert assembly.take(take(1, (1 << 14) + 5, b"hello")) is None
    assert assembly.take(take(0, (1 << 14) + 5, bytes(1 << 14))) == bytes(1 << 14) + b"hello"


@pytest.mark.parametrize(
    "body",
    [
        take(0, LARGEST + 1, bytes(1 << 14)),
        take(2, 1 << 14, b""),
        take(-1, 5, b"hello"),
        take(0, 5, b"hell"),
        take(0, 0, b""),
        b"i5e",
    ],
)
def test_impossible_pieces_of_it_are_refused(body):
    with pytest.raises(WireError):
        Assembly().take(body)
