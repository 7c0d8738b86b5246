"""Files for their owner alone."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from backchannel.cli.private import opened
from backchannel.errors import UsageError


def write(path, text, **options):
    with ExitStack() as stack:
        opened(path, stack, **options).write(text)


def test_it_is_written_anew_or_added_to_and_others_may_not_read_it(tmp_path):
    path = tmp_path / "new/file"
    write(path, b"one")
    path.chmod(0o644)
    write(path, b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o600)
    write(path, b"three", append=True)
    assert path.read_bytes() == b"twothree"


def test_what_is_unfit_stays_as_it_was(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a letter")
    with pytest.raises(UsageError, match="is a letter; name another file"):
        write(path, b"x", unfit=lambda _: "is a letter")
    assert path.read_bytes() == b"a letter"
    path.write_bytes(b"")
    write(path, b"x", unfit=lambda _: "is a letter")
    assert path.read_bytes() == b"x"


def test_the_file_that_is_judged_is_the_one_that_is_written(tmp_path):
    """Though its name leads to another one at once."""
    path, other = tmp_path / "file", tmp_path / "other"
    path.write_bytes(b"a record")
    other.write_bytes(b"a letter")

    def judge(told):
        assert told.read_bytes() == b"a record"
        path.unlink()
        path.symlink_to(other)
        return ""

    write(path, b"new", unfit=judge)
    assert other.read_bytes() == b"a letter"


@pytest.mark.parametrize("append", [True, False])
def test_a_file_of_another_user_is_not_used(tmp_path, append):
    """Who made it beforehand could read what root writes."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make a file of somebody else's")
    path = tmp_path / "file"
    path.write_bytes(b"")
    os.chown(path, 1000, 1000)
    with pytest.raises(UsageError, match="belongs to another user"):
        write(path, b"secret", append=append)
    assert path.read_bytes() == b""


def test_devices_are_used_as_they_are(tmp_path):
    before = Path("/dev/null").stat().st_mode
    write(Path("/dev/null"), b"x")
    assert Path("/dev/null").stat().st_mode == before
    with pytest.raises(UsageError, match="is a folder"):
        write(tmp_path, b"x")
