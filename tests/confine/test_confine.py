"""A confined process can compute and use what is open, and nothing else."""

import os
import signal
import subprocess
import sys

import pytest

from backchannel.confine import landlock, seccomp
from backchannel.confine.calls import AUDIT, NUMBERS

BEGIN = """
import mmap, os, socket, sys, time
from backchannel.confine import confine
inside, outside = os.pipe()
done = confine()
def refused(what):
    try:
        what()
    except OSError as error:
        return type(error).__name__
    return "allowed"
"""


def run(text):
    return subprocess.run(
        [sys.executable, "-c", BEGIN + text],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "what",
    [
        'lambda: open("/etc/hostname").close()',
        'lambda: open("/tmp/x", "w").close()',
        'lambda: os.listdir("/")',
        "lambda: socket.socket()",
        "lambda: socket.socket(socket.AF_UNIX)",
        "lambda: os.fork()",
        "lambda: os.kill(1, 0)",
        "lambda: os.setuid(0)",
        "lambda: os.unlink('/tmp/x')",
        "lambda: os.symlink('/a', '/tmp/b')",
        "lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)",
        "lambda: os.chdir('/')",
        "lambda: os.dup2(0, 9)",
    ],
)
def test_is_refused(what):
    ran = run(f"print(refused({what}))")
    assert ran.stdout.strip() in ("PermissionError", "FileNotFoundError"), (ran.stdout, ran.stderr)


@pytest.mark.parametrize("what", ["os.execv('/bin/true', ['true'])", "os.memfd_create('x')"])
def test_what_only_an_attacker_asks_for_ends_the_process(what):
    assert run(what).returncode == -signal.SIGSYS


def test_computing_and_using_what_is_open_goes_on():
    ran = run("""
os.write(outside, b"through")
assert os.read(inside, 7) == b"through"
buffer = bytearray(50_000_000)
time.sleep(0.01)
assert len(os.urandom(8)) == 8
print(time.time() > 0, "\\xe9".encode("utf-8"), sum(range(1000)))
""")
    assert ran.stdout.split()[0] == "True", ran.stderr


def test_it_says_what_took_hold():
    ran = run("print(done.user, done.landlock, done.seccomp); print(done)")
    user, abi, filtered = ran.stdout.splitlines()[0].split()
    assert int(abi) == landlock.abi()
    assert filtered == "True"
    if os.geteuid() == 0:
        assert int(user) != 0
    with_status = run('print(open("/dev/null"))')
    assert with_status.returncode == 1


def test_children_of_threads_are_filtered_too():
    ran = run("""
import threading
found = []
thread = threading.Thread(target=lambda: found.append(refused(lambda: socket.socket())))
try:
    thread.start(); thread.join()
except RuntimeError:
    found.append("no threads")
print(found)
""")
    assert "allowed" not in ran.stdout, ran.stdout


def test_the_filter_reads_as_its_list():
    steps = seccomp.program({"read", "mmap"}, NUMBERS["x86_64"], AUDIT["x86_64"])
    assert verdict(steps, "read") == "allow"
    assert verdict(steps, "mmap", 3) == "allow"
    assert verdict(steps, "mmap", 4) == "refuse"
    assert verdict(steps, "write") == "refuse"
    assert verdict(steps, "execve") == "kill"
    assert verdict(steps, "read", audit=AUDIT["aarch64"]) == "kill"
    assert verdict(steps, 0x4000_0000) == "kill"


@pytest.mark.parametrize("machine", NUMBERS)
def test_every_machine_has_a_filter_for_every_call(machine):
    numbers = NUMBERS[machine]
    steps = seccomp.program(seccomp.JUDGE, numbers, AUDIT[machine])
    assert len(steps) < 4096
    for name, number in numbers.items():
        wanted = "allow" if name in seccomp.JUDGE else "kill" if name in seccomp.FATAL else "refuse"
        assert verdict(steps, number, audit=AUDIT[machine]) == wanted, name


def verdict(steps, call, third=0, audit=AUDIT["x86_64"]):
    """Run a filter as the kernel would, in a few lines of our own."""
    number = (
        NUMBERS["x86_64"].get(call, 1 if call == "write" else None)
        if isinstance(call, str)
        else call
    )
    memory = {0: number, 4: audit, 32: third}
    at, value = 0, 0
    while True:
        code, yes, no, k = steps[at]
        at += 1
        if code == 0x20:
            value = memory[k]
        elif code == 0x54:
            value &= k
        elif code == 0x15:
            at += yes if value == k else no
        elif code == 0x35:
            at += yes if value >= k else no
        else:
            return {0x7FFF0000: "allow", 0x80000000: "kill"}.get(k, "refuse")
