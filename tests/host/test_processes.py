"""Processes, on this machine and on a /proc made by hand."""

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from backchannel.host import processes

OURS = [sys.executable, "-c", "import sys; print('here', flush=True); sys.stdin.read()", "--word"]


@pytest.fixture
def child():
    process = subprocess.Popen(OURS, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"here\n"
    yield process
    process.communicate()


def test_a_process_as_it_is(child):
    told = processes.one(child.pid)
    assert (told.pid, told.parent, told.uid) == (child.pid, os.getpid(), os.getuid())
    assert told.executable == os.path.realpath(sys.executable)
    assert told.words[-1] == "--word"
    assert abs(told.started / 1e9 - time.time()) < 60
    assert told.network == str(Path("/proc/self/ns/net").readlink())
    assert told.mounts == str(Path("/proc/self/ns/mnt").readlink())
    found, unseen = processes.read()
    assert told in found
    assert isinstance(unseen, Counter)
    assert [each.pid for each in found] == sorted(each.pid for each in found)


def test_a_number_that_went_to_another_is_not_the_same_process(child):
    told = processes.one(child.pid)
    assert processes.again(told)
    assert not processes.again(told._replace(started=told.started - 1))
    assert processes.one(2**22 + 1) is None


def test_a_file_that_is_gone_is_told(tmp_path):
    copy = tmp_path / "sleeper"
    copy.write_bytes(Path("/bin/sleep").read_bytes())
    copy.chmod(0o755)
    process = subprocess.Popen([copy, "60"])
    try:
        copy.unlink()
        told = processes.one(process.pid)
        assert (told.executable, told.deleted) == (str(copy), True)
    finally:
        process.kill()
        process.wait()


def made(tmp_path, stat, cgroup="0::/\n", cmdline=b"x\0"):
    folder = tmp_path / "17"
    folder.mkdir()
    (tmp_path / "stat").write_text("cpu 1\nbtime 1000\n")
    (folder / "stat").write_bytes(stat)
    (folder / "cgroup").write_text(cgroup)
    (folder / "cmdline").write_bytes(cmdline)
    (folder / "status").write_text("Name:\tx\nUid:\t33\t0\t0\t0\n")
    return processes.read(str(tmp_path))[0]


NUMBERS = b" S 1 " + b"0 " * 17 + b"250 0"


def test_a_name_may_hold_anything(tmp_path):
    (told,) = made(tmp_path, b"17 (a) S 1 (b\n) )" + NUMBERS)
    assert (told.name, told.parent, told.uid) == ("a) S 1 (b\n) ", 1, 33)
    assert told.started == 1_000_000_000_000 + 250 * 10**9 // os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("junk", [b"", b"17 (x", b"17 (x) S 1 0", b"\xff" * 99])
def test_a_process_that_ends_meanwhile_is_none(tmp_path, junk):
    assert made(tmp_path, junk) == []


def test_a_process_whose_user_cannot_be_told_is_not_roots(tmp_path):
    made(tmp_path, b"17 (x)" + NUMBERS)
    (tmp_path / "17/status").unlink()
    assert processes.read(str(tmp_path))[0] == []


def test_threads_of_the_kernel_are_left_out(tmp_path):
    assert made(tmp_path, b"17 (kworker/0:1)" + NUMBERS, cmdline=b"") == []


@pytest.mark.parametrize(
    ("cgroup", "unit", "container"),
    [
        ("0::/system.slice/amule-daemon.service\n", "amule-daemon.service", ""),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope\n",
            "user@1000.service/app-x.scope",
            "",
        ),
        (  # a user may call his own units, and the groups in them, as he likes
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/sshd.service\n",
            "user@1000.service/sshd.service",
            "",
        ),
        ("0::/system.slice/web.service/system.slice/sshd.service\n", "web.service", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice\n", "user@1000.service", ""),
        (
            "0::/system.slice/docker-0123456789abcdef0123.scope\n",
            "docker-0123456789abcdef0123.scope",
            "docker 0123456789ab",
        ),
        ("12:pids:/docker/0123456789abcdef\n1:name=systemd:/docker/0123456789abcdef\n0::/\n", "",
         "docker 0123456789ab"),
        ("0::/machine.slice/libpod-aaaabbbbcccc1111.scope/container\n",
         "libpod-aaaabbbbcccc1111.scope", "podman aaaabbbbcccc"),
        ("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-0123456789abffff.scope\n",
         "cri-containerd-0123456789abffff.scope", "containerd 0123456789ab"),
        ("0::/lxc.payload.web/system.slice/tor@default.service\n", "tor@default.service",
         "lxc web"),
        ("", "", ""),
    ],
)  # fmt: skip
def test_units_and_containers_are_read_from_control_groups(tmp_path, cgroup, unit, container):
    (told,) = made(tmp_path, b"17 (x)" + NUMBERS, cgroup)
    assert (told.unit, told.container) == (unit, container)
