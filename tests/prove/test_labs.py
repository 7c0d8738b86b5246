"""Labs as processes: what they leave behind (nothing), and what they say when they cannot work."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from tests.prove.labs import need_labs, promise, shipped, table

from backchannel.errors import InputError, PrivilegeError, UsageError
from backchannel.prove import labs, proof
from backchannel.prove.enforcers import GuardCommand, Text
from backchannel.prove.lab import Plan
from backchannel.prove.run import Cell, Job
from backchannel.prove.worker import Failed

WORKER = [sys.executable, "-m", "backchannel.prove.worker"]


def job(text=None, methods=("standard",), enforced=None, patience=1.3):
    conversations = (shipped()["aim", "message"][0],)
    cells = tuple(Cell(id=n, conversation=0, method=method) for n, method in enumerate(methods))
    ruleset = enforced or (Text("nftables", "x.nft", text) if text else None)
    return Job(
        plan=Plan(), enforced=ruleset, conversations=conversations, cells=cells, patience=patience
    )


def networks(processes=None):
    """The network namespaces that these processes (or any) are in or hold open."""
    found = set()
    everyone = [int(each.name) for each in Path("/proc").glob("[0-9]*")]
    for process in (Path("/proc", str(number)) for number in processes or everyone):
        try:
            links = [process / "ns/net", *(process / "fd").iterdir()]
        except OSError:
            continue
        for link in links:
            try:
                target = str(link.readlink())
            except OSError:
                continue
            if target.startswith("net:"):
                found.add(target)
    return found


def pinned(processes):
    """Open every network namespace that these processes hold."""
    found = []
    for process in processes:
        own = Path(f"/proc/{process}")
        try:
            links = [own / "ns/net", *(own / "fd").iterdir()]
        except OSError:  # a program of the lab's that has ended
            continue
        for link in links:
            try:
                if str(link.readlink()).startswith("net:"):
                    found.append(os.open(link, os.O_RDONLY))
            except OSError:
                continue
    return found


def children(process):
    """The process and everything below it."""
    found = [process]
    for each in Path(f"/proc/{process}/task").glob("*/children"):
        for child in each.read_text().split():
            found += children(int(child))
    return found


def gone(processes, seconds=60.0):
    until = time.monotonic() + seconds
    while any(Path(f"/proc/{each}").exists() for each in processes):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("delay", [0.15, 0.3, 0.5, 0.8, 1.2, 2.0])
@pytest.mark.parametrize("whom", ["outer", "inner"])
def test_a_kill_at_any_step_leaves_nothing(delay, whom):
    need_labs()
    own = networks([os.getpid()])
    methods = ("standard", "midstream", "socks5", "other-port")
    text = table("tcp dport 5190 drop")
    worker = subprocess.Popen(WORKER, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    worker.stdin.write(msgspec.msgpack.encode(job(text, methods, patience=60)))
    worker.stdin.close()
    time.sleep(delay)
    family = children(worker.pid)
    pins = pinned(family)  # while we hold them too, their numbers are not given to others
    made = networks(family) - own
    inner = family[1] if len(family) > 1 else worker.pid  # there may be none yet
    os.kill(inner if whom == "inner" else worker.pid, signal.SIGKILL)
    worker.wait(60)
    assert gone(family[1:])
    others = [int(each.name) for each in Path("/proc").glob("[0-9]*")]
    left = made & networks([each for each in others if each != os.getpid()])
    for each in pins:
        os.close(each)
    assert not left


@pytest.mark.parametrize("delay", [0.0, 0.3, 1.5])
def test_whoever_asked_dies_and_the_lab_with_it(delay, tmp_path):
    need_labs()
    (tmp_path / "job").write_bytes(
        msgspec.msgpack.encode(job(table("tcp dport 5190 drop"), patience=60))
    )
    code = (
        "import os, subprocess, sys, time\n"
        f"with open({str(tmp_path / 'job')!r}, 'rb') as job:\n"
        f"    command = [*{WORKER!r}, str(os.getpid())]\n"
        "    worker = subprocess.Popen(command, stdin=job, stdout=subprocess.DEVNULL)\n"
        "print(worker.pid, flush=True)\ntime.sleep(600)\n"
    )
    asker = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    worker = int(asker.stdout.readline())
    time.sleep(delay)
    family = children(worker)
    asker.kill()
    asker.wait(60)
    asker.stdout.close()
    assert gone(family)


def test_the_host_sees_nothing_of_it():
    need_labs()
    before = subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout
    reports = labs.run([job(table("tcp dport 5190 drop"))])
    after = subprocess.run(["ip", "link"], capture_output=True, text=True, check=True).stdout
    assert reports[0].results[0].played.passed == 0
    names = lambda text: [line.split(":")[1] for line in text.splitlines() if line[0].isdigit()]  # noqa: E731 - a word for it
    assert names(before) == names(after)


def test_progress_is_told():
    need_labs()
    told = []
    labs.run([job(table("accept"), ("standard", "ipv6"))], told.append)
    assert sum(told) == 4  # each without and with the ruleset


def test_a_guard_that_does_not_start_is_said_with_its_words():
    need_labs()
    broken = GuardCommand("guard x", (sys.executable, "-c", "raise SystemExit('no queue here')"))
    with pytest.raises(InputError, match="guard x: the guard did not start: no queue here"):
        labs.run([job(enforced=broken)])


def test_a_guard_stands_in_the_routers_network():
    """Any program can be the guard: this one loads a rule, and dies with the lab."""
    need_labs()
    rules = table("tcp dport 5190 drop")
    code = (
        "import subprocess, time\n"
        f"subprocess.run(['nft', '-f', '-'], input={rules!r}, text=True, check=True)\n"
        "print('standing', flush=True)\ntime.sleep(600)\n"
    )
    guard = GuardCommand("guard", (sys.executable, "-c", code), ready="standing")
    (report,) = labs.run([job(enforced=guard)])
    assert report.results[0].played.passed == 0
    assert report.results[0].decided[0].verdict == "drop"


def test_no_namespaces_no_lab(tmp_path):
    """Where the kernel refuses, the message says what would allow it."""
    code = (
        "from backchannel.prove import namespaces\n"
        "def refuse(flags):\n    raise PermissionError(1, 'Operation not permitted')\n"
        "namespaces.unshare = refuse\n"
        "from backchannel.prove import worker\nworker.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=msgspec.msgpack.encode(job()),
        capture_output=True,
        check=False,
    )
    told = msgspec.json.decode(done.stdout)
    assert told["what"] == "not-allowed"
    assert "user.max_user_namespaces" in told["why"]


def test_a_missing_program_is_named(tmp_path, monkeypatch):
    code = (
        "from backchannel.prove import worker, enforcers\n"
        "enforcers.shutil.which = lambda _: None\nworker.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=msgspec.msgpack.encode(job()),
        capture_output=True,
        check=False,
    )
    assert msgspec.json.decode(done.stdout) == {
        "type": "failed",
        "why": "ip is needed: sudo apt-get install iproute2",
        "what": "missing",
        "path": "",
    }


def test_errors_of_labs_have_their_kinds():
    assert isinstance(labs._error(Failed("x", "not-allowed")), PrivilegeError)
    assert isinstance(labs._error(Failed("x", "missing")), UsageError)
    assert isinstance(labs._error(Failed("x", "input", "f")), InputError)


def test_plays_are_counted_beforehand():
    subject = proof.Subject(
        policy="p", promises=(promise("aim", "message"),), enforced=Text("nftables", "x", "")
    )
    settings = proof.Settings(methods=("standard", "source-port", "ipv6"))
    assert proof.plays(subject, shipped(), settings) == 4  # UDP's method does not fit AIM


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a capability to give up")
def test_a_namespace_in_which_nobody_may_be_root_is_said():
    """As AppArmor has it on Ubuntu: a namespace may be made, and its users not be mapped."""
    code = "from backchannel.prove.namespaces import isolate; isolate()"
    without = ("setpriv", "--bounding-set=-setfcap", "--inh-caps=-all")
    ran = subprocess.run((*without, sys.executable, "-c", code), capture_output=True, check=False)
    assert b"PrivilegeError: this machine lets nobody make namespaces here" in ran.stderr
