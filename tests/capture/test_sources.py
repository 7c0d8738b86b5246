"""Where captures come from: files, folders, globs, standard input; plain or packed; damaged."""

import gzip
import hashlib
import os
import resource
import struct
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from random import Random
from time import process_time

import pytest
import zstandard

from backchannel.capture import Damage, find, sources, unpack
from backchannel.capture.sources import BUFFER
from backchannel.errors import InputError

HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)


def record(second, data=b"packet"):
    return struct.pack("<IIII", second, 0, len(data), len(data)) + data


def capture(*seconds):
    return HEAD + b"".join(record(second) for second in seconds)


def read(source):
    return [bytes(data) for chunk in source.chunks() for _, _, data, _ in chunk]


def pack(kind, data):
    if kind == "gz":
        return gzip.compress(data, mtime=0)
    if kind == "zst":
        return zstandard.ZstdCompressor(write_checksum=True).compress(data)
    return data


@pytest.fixture
def put(tmp_path):
    def write(name, data):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return str(path)

    return write


@pytest.mark.parametrize("kind", ["plain", "gz", "zst"])
def test_plain_and_packed(put, kind):
    data = capture(1, 2, 3)
    path = put("a.pcap", pack(kind, data))  # what the bytes say counts, not the name
    (source,) = sources([path])
    assert read(source) == [b"packet"] * 3
    assert source.packets == 3
    assert source.first_time == 10**9
    assert source.name == path
    assert source.done == source.total == Path(path).stat().st_size
    assert source.sha256() == hashlib.sha256(pack(kind, data)).hexdigest()


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_packed_in_several_members(put, kind):
    data = capture(*range(100))
    parts = [pack(kind, data[at : at + 300]) for at in range(0, len(data), 300)]
    (source,) = sources([put("a", b"".join(parts))])
    assert len(read(source)) == 100


def test_padding_after_gzip_is_allowed(put):
    (source,) = sources([put("a", gzip.compress(capture(1)) + bytes(512))])
    assert read(source) == [b"packet"]


def test_records_larger_than_the_buffer(put):
    large = os.urandom(3 * BUFFER)
    data = HEAD + record(1) + record(2, large) + record(3) + record(4, large[:BUFFER]) + record(5)
    (source,) = sources([put("a.pcap", data)])
    assert read(source) == [b"packet", large, b"packet", large[:BUFFER], b"packet"]


def test_a_folder_is_searched_and_what_is_no_capture_passed_over(put, tmp_path):
    for name in ("x/late.pcap", "early.pcapng", "notes.txt"):
        put(name, b"just text" if "txt" in name else capture(5 if "late" in name else 3))
    found = sources([str(tmp_path)])
    assert [source.name.rpartition("/")[2] for source in found] == ["early.pcapng", "late.pcap"]


def test_globs(put, tmp_path):
    put("one.pcap", capture(2))
    put("two.pcap", capture(1))
    found = sources([str(tmp_path / "*.pcap"), str(tmp_path / "one.pcap")])
    assert [source.first_time for source in found] == [10**9, 2 * 10**9]


@pytest.mark.parametrize("pattern", ["day*", "**", "day1/*"])
def test_folders_that_a_glob_names_are_searched(put, tmp_path, pattern):
    """As if the shell had named them."""
    tmp_path.joinpath("day1/hour").mkdir(parents=True)
    put("day1/hour/a.pcap", capture(1))
    assert len(sources([str(tmp_path / pattern)])) == 1


def test_a_capture_is_read_once_under_whatever_names(put, tmp_path):
    first, second = put("set0.pcap", capture(1)), put("set1.pcap", capture(2))
    (tmp_path / "latest.pcap").symlink_to(second)
    dotted = f"{tmp_path}/./set0.pcap"
    found = sources([second, str(tmp_path), dotted])
    assert [source.path for source in found] == [first, second]


def test_a_rotated_set_is_read_in_the_order_of_time(put):
    names = [
        put(f"set{number}.pcap", capture(time, time + 1))
        for number, time in ((0, 9), (1, 5), (2, 7))
    ]
    found = sources(names)
    for source in found:
        read(source)
    assert [source.first_time // 10**9 for source in found] == [5, 7, 9]
    assert [source.first_frame for source in found] == [1, 3, 5]


def test_standard_input():
    data = gzip.compress(capture(1, 2))
    script = (
        "from backchannel.capture import sources\n"
        "(s,) = sources(['-'])\n"
        "print(s.name, sum(len(c) for c in s.chunks()), s.total, s.done, s.sha256())"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], input=data, capture_output=True, check=True
    )
    assert run.stdout.split() == [b"-", b"2", b"0", str(len(data)).encode()]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty file"),
        (b"text", "neither pcap nor pcapng"),
        (b"PK\3\4" + bytes(40), "a zip archive, to be unpacked first"),
        (b"\xfd7zXZ\0" + bytes(40), "packed by xz, to be unpacked first"),
        (gzip.compress(bytes(257) + b"ustar" + bytes(250), mtime=0), "a tar archive, to be"),
        (b"GMBU\0\2" + bytes(200), "a capture of Microsoft Network Monitor; `editcap"),
        (b"snoop\0\0\0" + bytes(20), "a capture of snoop; `editcap"),
        (gzip.compress(b"", mtime=0), "empty file"),
        (gzip.compress(b"text" * 9, mtime=0), "neither pcap nor pcapng"),
    ],
)
def test_a_file_that_is_no_capture_is_refused(put, data, why):
    with pytest.raises(InputError, match=why):
        sources([put("a", data)])


@pytest.mark.parametrize(
    ("data", "why"),
    [(HEAD[:9], "cut off within the file's header"), (b"\x1f\x8b\x08nonsense", "damaged gzip")],
)
def test_a_file_that_breaks_off_before_its_first_packet(put, data, why):
    (source,) = sources([put("a", data)])
    with pytest.raises(Damage, match=why) as caught:
        read(source)
    assert caught.value.offset == 0


def test_nothing_there(tmp_path):
    for path in (tmp_path / "missing.pcap", tmp_path / "*.pcap"):
        with pytest.raises(InputError, match="not found"):
            sources([str(path)])
    (tmp_path / "empty.pcap").touch()
    for path in (tmp_path, tmp_path / "*.pcap"):
        with pytest.raises(InputError, match=r"no capture there \(empty.pcap: empty file\)"):
            sources([str(path)])


@pytest.mark.parametrize("kind", ["plain", "gz"])
def test_of_several_named_files_one_may_be_empty(put, kind):
    """As the last one of a rotated set whose disk was full."""
    names = [put(f"{number}.pcap", capture(number)) for number in (1, 2)]
    names.insert(1, put("3.pcap", pack(kind, b"")))
    empty, *good = sources(names)
    with pytest.raises(Damage, match="empty file"):
        read(empty)
    assert [len(read(each)) for each in good] == [1, 1]
    assert good[0].first_frame == 1
    with pytest.raises(InputError, match="empty file"):
        sources([names[1], put("4.pcap", b"")])


@pytest.mark.parametrize("kind", ["plain", "gz", "zst"])
def test_damage_is_told_after_the_last_good_packet(put, kind):
    data = capture(1, 2) + record(3)[:-1]
    (source,) = sources([put("a.pcap", pack(kind, data))])
    seen = []
    with pytest.raises(Damage, match="cut off within a record") as caught:
        seen.extend(bytes(packet) for chunk in source.chunks() for _, _, packet, _ in chunk)
    assert seen == [b"packet"] * 2
    assert caught.value.offset == 24 + 2 * 22
    assert str(caught.value) == "at byte 68: cut off within a record (21 bytes left)"


def test_packets_left_out_are_told_at_the_end(put):
    def made(kind, body):
        size = struct.pack("<I", 12 + len(body))
        return struct.pack("<I", kind) + size + body + size

    def packet(which):
        return made(6, struct.pack("<5I", which, 0, 1, 4, 4) + b"data")

    good = made(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + made(1, b"\1" + bytes(7))
    for wrong, told in ((1, "this packet was"), (1001, "this packet and 1,000 more were")):
        data = good + packet(0) + packet(5) * wrong + packet(0)
        (source,) = sources([put(f"{wrong}.pcapng", data)])
        with pytest.raises(Damage) as caught:
            read(source)
        assert source.packets == 2
        assert str(caught.value) == f"at byte 84: packet of unknown interface 5; {told} left out"


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_packing_that_breaks_off(put, kind):
    whole = pack(kind, HEAD + b"".join(record(n, os.urandom(1000)) for n in range(900)))
    (source,) = sources([put("a", whole[: len(whole) * 2 // 3])])
    with pytest.raises(Damage, match="ends early"):
        read(source)
    assert source.packets > 0


@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_packing_that_is_damaged(put, kind):
    random = Random(1)  # the same every time: damage that hits a record's header says so instead
    noise = HEAD + b"".join(record(n, random.randbytes(1000)) for n in range(900))
    whole = bytearray(pack(kind, noise))
    whole[600_000:600_008] = b"\xff" * 8
    (source,) = sources([put("a", bytes(whole))])
    with pytest.raises(Damage, match=r"damaged (gzip|Zstandard)"):
        read(source)
    assert source.packets > 100


@pytest.mark.parametrize("broken", [-6, -400])  # in the check behind the data, and in the data
def test_what_comes_before_damaged_packing_is_read(put, broken):
    """As much as `gzip -dc` gives, though the library gives nothing of a call that fails."""
    noise = Random(1)
    data = HEAD + b"".join(record(second, noise.randbytes(300)) for second in range(200))
    packed = bytearray(gzip.compress(data, mtime=0))
    packed[broken] ^= 0x55
    path = put("a.gz", bytes(packed))
    unpacked = subprocess.run(["gzip", "-dc", path], capture_output=True, check=False).stdout
    (source,) = sources([path])
    found: list[bytes] = []

    def read_on():
        found.extend(bytes(data) for chunk in source.chunks() for _, _, data, _ in chunk)

    with pytest.raises(Damage, match="damaged gzip"):
        read_on()
    assert len(found) == (len(unpacked) - len(HEAD)) // 316 >= 198


def test_zstandard_with_frames_to_be_skipped(put):
    """As pzstd writes it: a frame that says how long the next one is, before each."""
    data = capture(*range(100))
    parts = b"".join(
        struct.pack("<III", 0x184D2A50, 4, len(packed)) + packed
        for packed in (pack("zst", data[:500]), pack("zst", data[500:]))
    )
    (source,) = sources([put("a.zst", parts)])
    assert len(read(source)) == 100


def test_a_million_empty_frames_take_seconds(put):
    begun = process_time()
    with pytest.raises(InputError, match="empty file"):
        sources([put("a.zst", struct.pack("<II", 0x184D2A50, 0) * (1 << 18))])
    assert process_time() - begun < 3


def test_a_file_that_goes_away(put):
    path = put("a.pcap", capture(1))
    (source,) = sources([path])
    Path(path).unlink()
    with pytest.raises(Damage, match="No such file"):
        read(source)


def bomb(kind):
    """A capture that unpacks to a gigabyte of zeros, which are records of no bytes."""
    makers = {"gz": zlib.compressobj(9, wbits=31), "zst": zstandard.ZstdCompressor().compressobj()}
    packer = makers[kind]
    pieces = [packer.compress(HEAD)]
    pieces += [packer.compress(bytes(1 << 24)) for _ in range(64)]
    return b"".join([*pieces, packer.flush()])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gz", "zst"])
def test_an_archive_that_expands_without_end(put, kind, monkeypatch):
    monkeypatch.setattr(unpack, "FREE", 1 << 28)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (source,) = sources([put("bomb", bomb(kind))])
    with pytest.raises(Damage, match="expands more than"):
        for _ in source.chunks():
            pass
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 150


def test_a_slow_pipe_gives_what_is_there():
    """Live input through a pipe: a chunk comes when there is one, not when the buffer is full."""
    script = (
        "import sys\n"
        "from backchannel.capture import sources\n"
        "(s,) = sources(['-'])\n"
        "for c in s.chunks(): print(len(c), flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdin is not None
        assert run.stdout is not None
        timer = threading.Timer(20, run.kill)
        timer.start()
        run.stdin.write(capture(1))
        run.stdin.flush()
        assert run.stdout.readline() == b"1\n"
        run.stdin.write(record(2) + record(3))
        run.stdin.flush()
        assert run.stdout.readline() == b"2\n"
        run.stdin.close()
        timer.cancel()


def test_a_named_pipe_is_read_once(tmp_path):
    """A shell's `<(program)` is one; it cannot be looked at before."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=[gzip.compress(capture(1, 2))])
    writer.start()
    (source,) = sources([str(path)])
    assert read(source) == [b"packet"] * 2
    writer.join()
    assert source.total == 0
    assert not source.sha256()


def test_standard_input_that_is_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InputError, match="standard input is closed"):
        sources(["-"])


def test_a_folder_that_cannot_be_read_is_told(put):
    """The superuser may read anything, so somebody else asks."""
    folder = Path(put("day/a.pcap", capture(1))).parent
    closed = folder / "closed"
    closed.mkdir()
    closed.chmod(0)
    script = (
        "import os; from backchannel.capture import find, Damage\n"
        "os.getuid() or os.setuid(65534)\n"
        "for s in find(['.']).captures:\n"
        "    try: print(s.name, sum(len(c) for c in s.chunks()))\n"
        "    except Damage as e: print(s.name, e.message)"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    assert told == "./closed Permission denied\n./a.pcap 1\n"


def test_a_capture_of_another_format_in_a_folder_is_named_and_not_passed_over(put):
    put("day/a", b"GMBU\0\2" + bytes(200))
    put("day/notes.txt", b"no capture")
    good = put("day/b", capture(1, 2))
    foreign, read = sources([str(Path(good).parent)])
    assert Path(foreign.path).name == "a"
    with pytest.raises(Damage, match=r"^a capture of Microsoft Network Monitor"):
        list(foreign.chunks())
    assert sum(len(chunk) for chunk in read.chunks())


def test_what_else_is_in_a_folder_is_told_once(put):
    put("day/notes.txt", b"no capture")
    folder = str(Path(put("day/a.pcap", capture(1))).parent)
    found = find([folder, folder + "/*"])
    assert [Path(each.path).name for each in found.captures] == ["a.pcap"]
    assert [(Path(each.path).name, each.message) for each in found.others] == [
        ("notes.txt", "neither pcap nor pcapng")
    ]
