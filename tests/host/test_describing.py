"""What is told of processes that hold sockets, though they would have it otherwise."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backchannel.host import describing, processes
from backchannel.host.describing import Describer

SLEEP = os.path.realpath(shutil.which("sleep"))
needs_dpkg = pytest.mark.skipif(
    not Path("/var/lib/dpkg/info/coreutils.md5sums").exists(), reason="no package of Debian's"
)


@pytest.fixture
def sleeper():
    process = subprocess.Popen([SLEEP, "60"])
    yield until_it_is(process, SLEEP)
    process.kill()
    process.wait()


def until_it_is(process, path):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        told = processes.one(process.pid)
        if told is not None and told.executable == path:
            return told
        time.sleep(0.01)
    raise AssertionError("it did not come in time")


def described(*those):
    describer = Describer()
    for number, each in enumerate(those, 1):
        describer.take(number, each)
    found = {}
    while (told := describer.next()) is not None:
        found[told.program] = told
    return found


@needs_dpkg
def test_what_a_package_brought_is_compared_with_it(sleeper):
    (told,) = described(sleeper).values()
    assert (told.package, told.content, told.apart) == ("deb:coreutils", "intact", ())


@needs_dpkg
def test_a_file_that_is_told_under_another_path_first_is_itself_all_the_same(sleeper):
    """Else who runs it in a tree of his own could say whose it is everywhere."""
    told = described(sleeper._replace(executable="/nowhere/else"), sleeper)
    assert [told[number].package for number in (1, 2)] == ["", "deb:coreutils"]
    assert told[1].sha256 == told[2].sha256 != ""


@needs_dpkg
def test_what_an_upgrade_replaced_is_not_called_altered(tmp_path):
    """It runs on, with the content that it had."""
    copy = tmp_path / "old"
    copy.write_bytes(Path(SLEEP).read_bytes() + b"old")
    copy.chmod(0o755)
    process = subprocess.Popen([copy, "60"])
    try:
        told = until_it_is(process, str(copy))._replace(executable=SLEEP)
        (running,) = described(told).values()
        (replaced,) = described(told._replace(deleted=True)).values()
    finally:
        process.kill()
        process.wait()
    assert (running.package, running.content) == ("deb:coreutils", "altered")
    assert (replaced.package, replaced.content) == ("deb:coreutils", "unknown")


FORGED = """
mount -t tmpfs t /var/lib/dpkg && mkdir /var/lib/dpkg/info
mount --bind {copy} {sleep}
printf 'Package: coreutils\\nStatus: install ok installed\\nVersion: 9\\n\\n' > /var/lib/dpkg/status
echo {sleep} > /var/lib/dpkg/info/coreutils.list
m=$(md5sum < {sleep})
echo "${{m%% *}}  {name}" > /var/lib/dpkg/info/coreutils.md5sums
echo ready
exec {sleep} 60
"""


@needs_dpkg
@pytest.mark.parametrize("most", [describing.DATABASE, 10])
def test_a_tree_of_ones_own_is_told_with_what_it_says(tmp_path, monkeypatch, most):
    """There anybody's file is at any path, and belongs to any package; its database may be without
    end.
    """
    monkeypatch.setattr(describing, "DATABASE", most)
    copy = tmp_path / "copy"
    copy.write_bytes(Path(SLEEP).read_bytes() + b"x")
    copy.chmod(0o755)
    script = FORGED.format(copy=copy, sleep=SLEEP, name=SLEEP[1:])
    process = subprocess.Popen(["unshare", "-Urm", "sh", "-c", script], stdout=subprocess.PIPE)
    try:
        if process.stdout.readline() != b"ready\n":
            pytest.skip("no namespaces of one's own here")
        (told,) = described(until_it_is(process, SLEEP)).values()
    finally:
        process.kill()
        process.communicate()
    brought = ("deb:coreutils", "intact") if most > 10 else ("", "unknown")
    assert (told.path, told.package, told.content) == (SLEEP, *brought)
    assert told.apart == ("files", "users")


def test_of_one_user_few_files_are_kept_open_and_all_are_described(sleeper):
    describer = Describer()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(describing.OPEN + 20):
        describer.take(number, sleeper)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + describing.OPEN
    told = [describer.next() for _ in range(describing.OPEN + 20)]
    assert {each.sha256 for each in told} == {told[0].sha256} != {""}
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_nobodys_many_programs_keep_others_waiting(sleeper):
    describer = Describer()
    for number in range(50):
        describer.take(number, sleeper._replace(uid=1000))
    describer.take(99, sleeper._replace(uid=1001))
    assert [describer.next().uid for _ in range(2)] == [1000, 1001]


def test_in_a_hurry_only_paths_are_told(sleeper):
    describer = Describer()
    describer.take(1, sleeper)
    describer.hurry()
    told = describer.next()
    assert (told.path, told.sha256, told.package) == (SLEEP, "", "")
    assert describer.next() is None


def test_a_process_that_ended_is_told_by_what_was_seen(sleeper):
    gone = sleeper._replace(pid=2**22 + 1, executable=sys.executable)
    (told,) = described(gone).values()
    assert (told.path, told.sha256) == (sys.executable, "")
