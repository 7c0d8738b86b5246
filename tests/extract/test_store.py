"""Files are put together from pieces in any order, within bounds, and never trust a name."""

import hashlib
import itertools
import resource
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backchannel.effects import FileClose, FileData, FileOpen
from backchannel.extract import store as store_module
from backchannel.extract.media import media_type
from backchannel.extract.store import FileStore

BODY = bytes(range(256)) * 8
SHA256 = hashlib.sha256(BODY).hexdigest()


def opened(**fields):
    return FileOpen(**{"key": "f", "name": "n.bin", "size": len(BODY)} | fields)


def pieces(cuts):
    edges = sorted({0, len(BODY), *cuts})
    return [FileData(key="f", offset=a, data=BODY[a:b]) for a, b in itertools.pairwise(edges)]


@given(st.lists(st.integers(0, len(BODY)), max_size=6), st.randoms())
def test_order_and_cuts_do_not_matter(cuts, chance):
    files = FileStore()
    files.open(1, opened())
    shuffled = pieces(cuts)
    chance.shuffle(shuffled)
    for piece in shuffled + shuffled[:2]:
        files.add(1, piece)
    transfer = files.close(1, FileClose(key="f"))
    assert (transfer.complete, transfer.sha256) == (True, SHA256)


@pytest.mark.parametrize(("size", "offset"), [(1 << 64, 0), (1 << 64, 1 << 63), (9, 1 << 63)])
def test_no_size_or_place_is_too_large(tmp_path, size, offset):
    files = FileStore(tmp_path)
    files.open(1, opened(size=size))
    files.add(1, FileData(key="f", offset=offset, data=BODY))
    transfer = files.close(1, FileClose(key="f"))
    assert (transfer.complete, transfer.seen, transfer.size) == (False, min(len(BODY), size), size)


def test_a_missing_piece_leaves_the_file_incomplete_and_unhashed():
    files = FileStore()
    files.open(1, opened())
    for piece in (pieces([100, 200])[0], pieces([100, 200])[2]):
        files.add(1, piece)
    transfer = files.close(1, FileClose(key="f", verified=True))
    assert (transfer.complete, transfer.sha256, transfer.verified) == (False, "", None)
    assert transfer.seen == len(BODY) - 100


def test_declared_hashes_decide_over_the_protocols_word():
    good, bad = hashlib.sha1(BODY).hexdigest(), hashlib.sha1(b"x").hexdigest()
    for sha1, said, verified in ((good, None, True), (bad, True, False), ("", True, True)):
        files = FileStore()
        files.open(1, opened(sha1=sha1))
        files.add(1, FileData(key="f", offset=0, data=BODY))
        assert files.close(1, FileClose(key="f", verified=said)).verified is verified


def test_bytes_past_the_declared_size_are_not_the_files():
    files = FileStore()
    files.open(1, opened())
    files.add(1, FileData(key="f", offset=0, data=BODY + b"trailing"))
    files.add(1, FileData(key="f", offset=len(BODY), data=b"more"))
    assert files.close(1, FileClose(key="f")).sha256 == SHA256


@given(st.lists(st.integers(0, len(BODY)), max_size=6), st.randoms())
def test_a_file_that_pauses_ends_when_it_is_whole(cuts, chance):
    files = FileStore()
    shuffled = [piece for piece in pieces(cuts) if piece.data]
    chance.shuffle(shuffled)
    for number, piece in enumerate(shuffled, 1):
        files.open(1, opened())
        files.add(1, piece)
        transfer = files.pause(1, "f")
        assert (transfer is not None) == (number == len(shuffled))
    assert (transfer.complete, transfer.sha256) == (True, SHA256)
    assert files.pause(1, "f") is None


def test_files_that_pause_keep_nothing_open(tmp_path):
    """A watch may meet thousands of downloads that are never finished."""
    files = FileStore(tmp_path)
    before = len(list(Path("/proc/self/fd").iterdir()))
    half = len(BODY) // 2
    for key in map(str, range(50)):
        files.open(1, opened(key=key))
        files.add(1, FileData(key=key, offset=half, data=BODY[half:]))
        assert files.pause(1, key) is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    files.add(1, FileData(key="7", offset=0, data=BODY[:half]))
    assert files.pause(1, "7").sha256 == SHA256
    files.close_scope(1)
    files.finish()
    assert (tmp_path / SHA256).read_bytes() == BODY
    assert [entry.complete for entry in files.extracted] == [True] + [False] * 49


def test_a_file_of_no_told_size_never_ends_by_a_pause():
    files = FileStore()
    files.open(1, opened(size=None))
    files.add(1, FileData(key="f", offset=0, data=BODY))
    assert files.pause(1, "f") is None
    assert files.close(1, FileClose(key="f")).complete


def test_scopes_keep_equal_keys_apart():
    files = FileStore()
    for scope, body in ((1, b"one"), (2, b"two!")):
        files.open(scope, opened(size=None))
        files.add(scope, FileData(key="f", offset=0, data=body))
    assert [t.size for t in files.close_scope(1)] == [3]
    assert [t.size for t in files.close_scope(2)] == [4]
    assert files._scopes == {}


def test_pieces_that_wait_are_bounded(monkeypatch):
    monkeypatch.setattr(store_module, "EARLY_BYTES", 10_000)
    counted = Counter()
    files = FileStore(count=lambda what: counted.update([what]))
    files.open(1, opened(size=None))
    for place in range(1, 200):
        files.add(1, FileData(key="f", offset=place * 10, data=b"x"))
    assert counted == {"files with pieces let go to bound memory": 2}
    files.add(1, FileData(key="f", offset=0, data=b"0123456789"))
    assert files.close(1, FileClose(key="f")).complete is False


def test_what_was_never_seen_of_files_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "MISSING_BYTES", 10_000)
    counted = Counter()
    files = FileStore(tmp_path, count=lambda what: counted.update([what]))
    for scope, offset in enumerate((6000, 4002, 4001, 1)):
        files.open(scope, opened(size=None))
        files.add(scope, FileData(key="f", offset=offset, data=b"x"))
        files.add(scope, FileData(key="f", offset=0, data=b"0"))
        files.close(scope, FileClose(key="f"))
    assert [each.size for each in files.extracted] == [6001, 1, 4002, 2]
    assert counted == {"files not written whole: extraction limit reached": 1}


def test_what_comes_later_is_not_missing_in_the_end(tmp_path, monkeypatch):
    """Pieces of a torrent come in any order."""
    monkeypatch.setattr(store_module, "MISSING_BYTES", 2000)
    files = FileStore(tmp_path)
    for scope in range(5):
        files.open(scope, opened(size=3000))
        for offset in (2000, 1000, 2000, 0):
            files.add(scope, FileData(key="f", offset=offset, data=bytes([scope]) * 1000))
        files.close(scope, FileClose(key="f"))
    assert [(each.size, each.complete) for each in files.extracted] == [(3000, True)] * 5


def test_what_a_limit_cut_short_is_not_called_complete(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "WRITTEN_BYTES", 1500)
    files = FileStore(tmp_path)
    files.open(1, opened(size=2000))
    for offset in (0, 1000):
        files.add(1, FileData(key="f", offset=offset, data=bytes(1000)))
    transfer = files.close(1, FileClose(key="f"))
    (kept,) = files.extracted
    assert (transfer.complete, kept.complete, kept.size) == (True, False, 1000)
    assert kept.file == f"{kept.sha256}.partial" != f"{transfer.sha256}.partial"


def test_open_files_are_bounded_and_the_oldest_is_told(monkeypatch):
    monkeypatch.setattr(store_module, "OPEN_FILES", 2)
    files = FileStore()
    told = [files.open(scope, opened(name=f"{scope}")) for scope in range(4)]
    assert [t.name if t else None for t in told] == [None, None, "0", "1"]


def test_files_are_kept_under_names_of_ours(tmp_path):
    files = FileStore(tmp_path / "out")
    files.open(1, opened(name="../../etc/passwd"))
    files.open(1, opened(key="g", name="/abs\0olute", size=10))
    for piece in reversed(pieces([500])):
        files.add(1, piece)
    files.add(1, FileData(key="g", offset=2, data=b"part"))
    files.close_scope(1)
    files.finish()
    assert (tmp_path / "out" / SHA256).read_bytes() == BODY
    lines = (tmp_path / "out" / "manifest.jsonl").read_bytes().splitlines()
    manifest = [msgspec.json.decode(line) for line in lines]
    assert [entry["declared_name"] for entry in manifest] == ["../../etc/passwd", "/abs\0olute"]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {
        SHA256,
        "manifest.jsonl",
        manifest[1]["file"],
    }
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_two_runs_may_write_into_one_folder(tmp_path):
    """A file would else hold the bytes of both, under a hash that is not its own."""
    stores = [FileStore(tmp_path), FileStore(tmp_path)]
    for number, files in enumerate(stores):
        files.open(1, opened(size=len(BODY)))
        files.add(1, FileData(key="f", offset=0, data=BODY[:100] if number else BODY))
    stores[1].abandon()
    stores[0].close_scope(1)
    assert (tmp_path / SHA256).read_bytes() == BODY
    assert not list(tmp_path.glob(".part-*"))


def test_more_files_may_be_under_way_than_a_process_may_open(tmp_path):
    count, before = 300, resource.getrlimit(resource.RLIMIT_NOFILE)
    files = FileStore(tmp_path)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        for offset in (0, 2):
            for scope in range(count):
                files.open(scope, opened(size=4))
                data = scope.to_bytes(2)
                files.add(scope, FileData(key="f", offset=offset, data=data))
        transfers = [each for scope in range(count) for each in files.close_scope(scope)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    for scope, transfer in enumerate(transfers):
        assert (tmp_path / transfer.sha256).read_bytes() == scope.to_bytes(2) * 2
    assert len(list(tmp_path.iterdir())) == count


def test_processes_of_the_same_number_may_write_into_one_folder(tmp_path):
    """As those of containers: each is the first one there."""
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from backchannel.effects import FileData, FileOpen\n"
        "from backchannel.extract.store import FileStore\n"
        "os.getpid = lambda: 1\n"
        "files = FileStore(Path(sys.argv[1]))\n"
        "files.open(1, FileOpen(key='f', name='n'))\n"
        "files.add(1, FileData(key='f', offset=0, data=b'x'))\n"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script, tmp_path], check=True)
    assert len(list(tmp_path.glob(".part-*"))) == 2


def test_bytes_of_a_file_nobody_opened_are_counted():
    counted = Counter()
    files = FileStore(count=lambda what: counted.update([what]))
    files.add(1, FileData(key="f", offset=0, data=b"x"))
    assert counted == {"file bytes without an open file": 1}


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"MZ\x90", "application/x-dosexec"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/wav"),
        ("Grüße".encode(), "text/plain"),
        (b"\x00\x01\x02", "application/octet-stream"),
        (b"", ""),
    ],
)
def test_media_types_come_from_content(head, name):
    assert media_type(head) == name


@contextmanager
def no_room():
    """Let no file grow, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [100, 100_000])
def test_where_there_is_no_room_is_said(tmp_path, size):
    """Also where the bytes were so few that they are only written at the end."""
    files = FileStore(tmp_path)
    files.open(1, opened(size=None))

    def write():
        files.add(1, FileData(key="f", offset=0, data=bytes(size)))
        files.close(1, FileClose(key="f"))

    with no_room(), pytest.raises(OSError, match=f"File too large: '{tmp_path}'"):
        write()
    files.abandon()
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.jsonl"]


def test_that_there_is_no_room_for_the_manifest_is_said(tmp_path):
    files = FileStore(tmp_path)
    files.open(1, opened(size=None))
    files.add(1, FileData(key="f", offset=0, data=b"x"))
    files.close(1, FileClose(key="f"))
    with no_room(), pytest.raises(OSError, match=f"File too large: '{tmp_path}'"):
        files.finish()
