"""Files that are written for months: rotation by size and age, each step one rename."""

import os
import resource
import shutil
import time

import pyarrow.parquet as pq
import pytest
from tests.live.world import EXAMPLES

from backchannel import scan
from backchannel.live import files
from backchannel.live.files import FlowFile, Lines, Rotation


def lines(path, *, size=1000, age=None, keep=3):
    notices = []
    return Lines(path, Rotation(size, age, keep), notices.append), notices


def test_rotation_by_size_keeps_so_many_and_loses_no_line(tmp_path):
    file, notices = lines(tmp_path / "e", size=100, keep=3)
    for number in range(60):
        file.write(b"line %02d\n" % number)
        file.flush()
    file.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e", "e.1", "e.2", "e.3"]
    told = "".join((tmp_path / name).read_text() for name in ("e.3", "e.2", "e.1", "e"))
    assert told.splitlines() == [f"line {number:02}" for number in range(60)][-len(told) // 8 :]
    assert (tmp_path / "e.1").stat().st_size >= 100
    assert file.lost == 0
    assert notices == []


def test_rotation_by_age_only_where_there_is_something(tmp_path):
    file, _ = lines(tmp_path / "e", age=0.05)
    file.write(b"one\n")
    file.flush()
    time.sleep(0.06)
    file.flush()
    assert (tmp_path / "e.1").read_text() == "one\n"
    time.sleep(0.06)
    file.flush()
    assert not (tmp_path / "e.2").exists()
    file.close()


def test_a_file_is_gone_on_with(tmp_path):
    for text in (b"one\n", b"two\n"):
        file, _ = lines(tmp_path / "e")
        file.write(text)
        file.close()
    assert (tmp_path / "e").read_text() == "one\ntwo\n"


def test_lines_that_cannot_be_written_wait_and_the_oldest_go(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "WAITING", 30)
    monkeypatch.setattr(files, "RETRY", 0.0)
    file, notices = lines(tmp_path / "e")

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "write", full)
        for number in range(10):
            file.write(b"line %d\n" % number)
            file.flush()
    assert file.lost == 6
    file.flush()
    assert (tmp_path / "e").read_text() == "line 6\nline 7\nline 8\nline 9\n"
    assert notices == [
        f"{tmp_path / 'e'}: No space left on device; lines wait, and may be lost",
        f"{tmp_path / 'e'}: written again; 6 lines were lost in all",
    ]
    file.close()


def columns():
    run = scan(EXAMPLES / "aim/aim_presence.pcap", collect_flows=True)
    assert run.document
    return run._core.columns()


def test_flows_are_whole_files_only(tmp_path):
    path = tmp_path / "f.parquet"
    file = FlowFile(path, Rotation(1, None, 2), print)
    for number in range(3):
        file.write(columns(), {1: ("aim", "oscar", "parsed")})
        assert path.exists() == (number > 0)
        file.flush()
    file.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        f"f.parquet{n}" for n in ("", ".1", ".2")
    ]
    table = pq.read_table(path)
    assert (table.num_rows, table["service"][0].as_py()) == (6, "aim")


@pytest.mark.parametrize("created", [False, True])
@pytest.mark.parametrize("moved", [False, True])
def test_a_file_that_somebody_takes_away_is_begun_anew(tmp_path, moved, created):
    """As logrotate may do it, with a new file in its place or without one."""
    path = tmp_path / "new" / "e"
    file, notices = lines(path)
    file.write(b"one\n")
    file.flush()
    if moved:
        path.rename(tmp_path / "old")
    else:
        shutil.rmtree(path.parent)
    if created:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    for line in (b"two\n", b"three\n"):
        file.write(line)
        file.flush()
    file.close()
    assert path.read_text() == "two\nthree\n"
    assert notices == [f"{path}: somebody moved or deleted it; another is begun"]
    assert not moved or (tmp_path / "old").read_text() == "one\n"


def test_a_file_that_somebody_empties_has_never_half_a_line(tmp_path):
    """As logrotate does it with copytruncate; the next line is longer than there is room for."""
    path = tmp_path / "e"
    file, _ = lines(path, size=1 << 20)
    file.write(b"x" * 1000 + b"\n")
    file.flush()
    os.truncate(path, 0)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        file.write(b"y" * 3000 + b"\n")
        file.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == b""
    file.close()
    assert path.read_bytes() == b"y" * 3000 + b"\n"


def test_a_flow_file_that_breaks_is_given_up_and_another_begun(tmp_path, monkeypatch):
    notices = []
    path = tmp_path / "f"
    file = FlowFile(path, Rotation(1 << 30, None, 2), notices.append)
    file.write(columns(), {})
    with monkeypatch.context() as patch:
        patch.setattr(
            file._writer, "write_table", lambda *_: (_ for _ in ()).throw(OSError(28, "full"))
        )
        file.write(columns(), {})
    assert file.lost == 12  # those that were written before are gone with the file
    assert "full; its flows are lost" in notices[0]
    file.write(columns(), {})
    file.close()
    assert pq.read_table(path).num_rows == 6
    assert not (tmp_path / "f.part").exists()


def test_a_flow_file_that_somebody_takes_away_is_begun_anew(tmp_path):
    notices = []
    file = FlowFile(tmp_path / "f", Rotation(1 << 30, None, 2), notices.append)
    file.write(columns(), {})
    (tmp_path / "f.part").unlink()
    file.flush()
    assert file.lost == 6
    assert "No such file or directory; its flows are lost" in notices[0]
    file.write(columns(), {})
    file.close()
    assert pq.read_table(tmp_path / "f").num_rows == 6


@pytest.mark.parametrize("ends", [False, True])
def test_rows_of_a_flow_file_whose_name_another_has_are_lost(tmp_path, ends):
    """As logrotate leaves it that makes a new file in place of what it moves."""
    notices = []
    file = FlowFile(tmp_path / "f", Rotation(1 << 30, None, 2), notices.append)
    file.write(columns(), {})
    (tmp_path / "f.part").rename(tmp_path / "old")
    (tmp_path / "f.part").touch()
    if ends:
        file.close()
    else:
        file.flush()
    assert file.lost == 6
    assert notices == [f"{tmp_path}/f.part: somebody moved or deleted it; its flows are lost"]
    assert not (tmp_path / "f").exists()
    file.write(columns(), {})
    file.close()
    assert pq.read_table(tmp_path / "f").num_rows == 6


def test_a_flow_file_that_somebody_empties_is_given_up(tmp_path):
    """As logrotate does it with copytruncate; what is written then leaves a hole before it."""
    notices = []
    file = FlowFile(tmp_path / "f", Rotation(1 << 30, None, 2), notices.append)
    file.write(columns(), {})
    os.truncate(tmp_path / "f.part", 0)
    file.write(columns(), {})
    file.close()
    assert file.lost == 12
    assert notices == [f"{tmp_path}/f.part: somebody emptied it; its flows are lost"]
    assert not list(tmp_path.iterdir())


def test_the_folder_of_a_flow_file_is_made_again(tmp_path):
    folder, notices = tmp_path / "flows", []
    file = FlowFile(folder / "f", Rotation(1 << 30, None, 2), notices.append)
    file.write(columns(), {})
    file.close()
    shutil.rmtree(folder)
    file.write(columns(), {})
    file.close()
    assert pq.read_table(folder / "f").num_rows == 6
    assert (file.lost, notices) == (0, [])


def test_rows_for_which_no_flow_file_can_be_begun_are_lost(tmp_path):
    folder, notices = tmp_path / "flows", []
    file = FlowFile(folder / "f", Rotation(1 << 30, None, 2), notices.append)
    for _ in range(3):
        file.write(columns(), {})
    file.close()
    shutil.rmtree(folder)
    folder.touch()
    for times in (1, 2):
        file.write(columns(), {})
        assert file.lost == 6 * times
    folder.unlink()
    file.write(columns(), {})
    file.close()
    assert notices == [
        f"{folder}/f.part: File exists; its flows are lost",
        f"{folder}/f: written again; 12 flows were lost in all",
    ]


def test_a_flow_file_whose_folder_is_a_file_now_is_given_up(tmp_path):
    folder, notices = tmp_path / "flows", []
    file = FlowFile(folder / "f", Rotation(1 << 30, None, 2), notices.append)
    file.write(columns(), {})
    shutil.rmtree(folder)
    folder.touch()
    file.flush()
    assert file.lost == 6
    assert "Not a directory; its flows are lost" in notices[0]


@pytest.mark.parametrize("keep", [1, 3])
def test_no_more_are_kept_than_asked(tmp_path, keep):
    file, _ = lines(tmp_path / "e", size=1, keep=keep)
    for _ in range(6):
        file.write(b"x\n")
        file.flush()
    file.close()
    assert len(list(tmp_path.iterdir())) == keep + 1


def test_never_half_a_line(tmp_path, monkeypatch):
    file, _ = lines(tmp_path / "e")
    file.write(b"whole\n")
    file.flush()
    write, calls = files.os.write, []

    def half(fd, data):
        calls.append(data)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return write(fd, data[:3])

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "write", half)
        file.write(b"another\n")
        file.flush()
    assert len(calls) == 2
    assert (tmp_path / "e").read_text() == "whole\n"
    monkeypatch.setattr(files, "RETRY", 0.0)
    file.close()
    assert (tmp_path / "e").read_text() == "whole\nanother\n"
