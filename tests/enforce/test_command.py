"""`backchannel guard` as a user runs it: started, asked, stopped."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.enforce.guarding import current, until
from tests.enforce.lab import PATIENCE, World, isolated, play
from tests.enforce.test_guard import HTTP, NO_FILES, OFT, OTHER_PORT, arrived, sizes

from backchannel.enforce import kernel
from backchannel.enforce.nfqueue import Queue

COMMAND = (sys.executable, "-c", "from backchannel.cli import main; main()", "guard")


def run(world, *arguments):
    """Run a command in the router's network until it ends."""
    with world.router.inside():
        return subprocess.run(
            [*COMMAND, *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=2 * PATIENCE,
        )


@isolated
def test_started_asked_and_stopped():
    world = World()
    Path("/run/policy.yaml").write_text(f"policy: 1\n{NO_FILES}")
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind("/run/notify")
    systemd.settimeout(PATIENCE)
    with world.router.inside():
        running = subprocess.Popen(
            [*COMMAND, "/run/policy.yaml", "--log", "/run/log", "--report", "/run/report"],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "400000"},
        )
    assert systemd.recv(4096).startswith(b"READY=1\nSTATUS=guarding by policy")
    assert systemd.recv(4096) == b"WATCHDOG=1"
    assert "guarding forward by /run/policy.yaml: 1 line\n" in running.stderr.readline()
    told = play(world, OFT, OTHER_PORT)
    passed = play(world, HTTP, 80)
    line = running.stderr.readline()
    assert re.search(r" reset aim file-transfer: 10\.1\.0\.2:\d+ -> 10\.2\.0\.2:27015 oft ", line)
    shown = run(world, "status")
    assert shown.returncode == 0, shown.stderr
    for words in ("file-transfer", "deny-aim-icq-more-file-transfer", "known reset", "undecided"):
        assert words in shown.stdout
    status = current(lambda: json.loads(run(world, "status", "--json").stdout))
    assert [each["times"] for each in status["refusals"]] == [1]
    assert status["kernel"]["known_reset"][0] >= 1
    elsewhere = subprocess.run(  # its socket is a file, and the counters are its own
        [*COMMAND, "status"], capture_output=True, text=True, check=True, env=os.environ
    )
    assert "kernel: known reset" in elsewhere.stdout
    if where := os.environ.get("SHOW_STATUS"):
        Path(where).write_text(shown.stdout)
    systemd.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while systemd.recv(4096):
            pass
    systemd.settimeout(PATIENCE)
    running.send_signal(signal.SIGTERM)
    while systemd.recv(4096) != b"STOPPING=1":
        pass
    assert running.wait(PATIENCE) == 1
    systemd.close()
    report = json.loads(Path("/run/report").read_text())
    assert (report["refusals"], report["kernel"].keys()) == (
        status["refusals"],
        status["kernel"].keys(),
    )
    logged = json.loads(Path("/run/log").read_text())
    assert (logged["action"], logged["stack"], logged["place"]) == (
        "reset",
        "oft",
        "policy.yaml:2",
    )
    assert "Reset" in told.failed
    assert arrived(passed) == sizes(HTTP)


@isolated
def test_what_cannot_be_is_told_with_its_code():
    world = World()
    Path("/run/bad.yaml").write_text("policy: 1\nrules: [{deny: no-such-service}]")
    bad = run(world, "/run/bad.yaml")
    assert bad.returncode == 2
    assert "bad.yaml:2" in bad.stderr
    Path("/run/vain.yaml").write_text("policy: 1\nrules: [{deny: matrix, capabilities: [message]}]")
    vain = run(world, "/run/vain.yaml")
    assert vain.returncode == 2
    assert "vain.yaml:2: " in vain.stderr
    assert "the guard cannot enforce matrix message: no decoder" in vain.stderr
    nobody = run(world, "status")
    assert nobody.returncode == 2
    assert "no guard answers at /run/backchannel/guard.sock" in nobody.stderr
    assert "start one with `backchannel guard POLICY`" in nobody.stderr
    assert run(world, "clear").returncode == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may everything")
def test_without_the_privilege(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(f"policy: 1\n{NO_FILES}")
    done = subprocess.run(
        [*COMMAND, str(path), "--control", "-"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 4


@isolated
def test_it_guards_on_where_nobody_reads_what_it_says():
    """A closed terminal, or a pipe whose reader left, ends neither the guard nor its watchdog."""
    world = World()
    Path("/run/policy.yaml").write_text(f"policy: 1\n{NO_FILES}")
    with world.router.inside():
        running = subprocess.Popen(
            [*COMMAND, "/run/policy.yaml", "--log", "-"],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    assert b"guarding" in running.stderr.readline()
    running.stderr.close()
    running.stdout.close()
    for _ in range(2):
        assert arrived(play(world, OFT, OTHER_PORT)) == [0, 0]
    status = current(lambda: json.loads(run(world, "status", "--json").stdout))
    assert [each["times"] for each in status["refusals"]] == [2]
    running.kill()
    running.wait(PATIENCE)
    assert until(lambda: "backchannel" not in world.router.sh("nft list tables"))


@isolated
def test_where_nothing_is_refused_it_says_so():
    """A policy made by `policy init` observes: whoever turns its rules into `deny` must know."""
    world, path = World(), Path("/run/policy.yaml")
    path.write_text(f"policy: 1\nguard: {{mode: observe}}\n{NO_FILES}")
    with world.router.inside():
        running = subprocess.Popen([*COMMAND, path], stderr=subprocess.PIPE, text=True)
    told = "it refuses nothing: no rule denies, or none goes further than observe or alert"
    assert "guarding forward" in running.stderr.readline()
    assert running.stderr.readline() == f"backchannel: {told}\n"
    assert told in run(world, "status").stdout
    path.write_text(f"policy: 1\n{NO_FILES}")
    assert run(world, "reload").returncode == 0
    assert "reloaded: " in running.stderr.readline()
    assert told not in run(world, "status").stdout
    path.write_text(f"policy: 1\n{NO_FILES.replace('deny', 'alert')}")
    assert run(world, "reload").returncode == 0
    running.terminate()
    _, said = running.communicate(timeout=PATIENCE)
    assert said.count(told) == 1


@isolated
def test_it_does_not_cut_the_connection_by_which_it_was_started():
    world = World()
    Path("/run/policy.yaml").write_text("policy: 1\ndefault: deny\nrules: [{allow: icq}]")
    ends = [world.router.listen(4, "10.1.0.1", port) for port in (2222, 2223)]
    told = {"SSH_CONNECTION": "10.1.0.2 50000 10.1.0.1 2222"}
    with world.router.inside():
        running = subprocess.Popen(
            [*COMMAND, "/run/policy.yaml", "--at", "both", "--report", "/run/report"],
            stderr=subprocess.PIPE,
            env={**os.environ, **told},
        )
    while b"never cut: 10.1.0.2 to port 2222" not in running.stderr.readline():
        assert running.poll() is None
    passed = []
    for listener in ends:
        near = world.client.connect("10.1.0.1", listener.getsockname()[1])
        far, _ = listener.accept()
        with near, far, contextlib.suppress(OSError):
            for number in range(20):
                near.sendall(b"%20d" % number)
                assert far.recv(20)
            passed.append(listener)
    assert passed == ends[:1]
    running.terminate()
    assert running.wait(PATIENCE) == 1


@pytest.mark.parametrize(
    "second",
    [[], ["--control", "/run/other.sock"], ["--control", "-", "--queue", "10", "--mark-bit", "20"]],
)
@isolated
def test_a_second_guard_is_refused_and_takes_nothing_from_the_first(second):
    world = World()
    Path("/run/policy.yaml").write_text(f"policy: 1\n{NO_FILES}")
    with world.router.inside():
        running = subprocess.Popen([*COMMAND, "/run/policy.yaml"], stderr=subprocess.PIPE)
    assert b"guarding" in running.stderr.readline()
    told = run(world, "/run/policy.yaml", *second)
    assert told.returncode == 2
    assert "a guard is at work in this network" in told.stderr
    assert arrived(play(world, OFT, OTHER_PORT)) == [0, 0]
    assert run(world, "status").returncode == 0
    running.terminate()
    assert running.wait(PATIENCE) == 1


@pytest.mark.parametrize("state", ["hangs", "is gone"])
@isolated
def test_a_second_guard_is_refused_while_the_inspector_of_the_first(state):
    """Then nothing goes to its queue, or nobody reads it: what the rules name is no sign."""
    world = World()
    Path("/run/policy.yaml").write_text(f"policy: 1\n{NO_FILES}")
    with world.router.inside():
        running = subprocess.Popen([*COMMAND, "/run/policy.yaml"], stderr=subprocess.PIPE)
    assert b"guarding" in running.stderr.readline()
    inspector = json.loads(run(world, "status", "--json").stdout)["inspector"]
    if state == "hangs":
        os.kill(inspector, signal.SIGSTOP)
        assert until(lambda: "NFQUEUE" not in world.router.sh("iptables-save -t mangle"))
    else:
        os.kill(running.pid, signal.SIGSTOP)  # so that it starts no other
        os.kill(inspector, signal.SIGKILL)
        assert until(lambda: bound(world) == {kernel.SIGN})
    for command in (["/run/policy.yaml", "--control", "-", "--queue", "10"], ["clear"]):
        told = run(world, *command)
        assert told.returncode == 2
        assert "a guard is at work in this network" in told.stderr
    for pid in (running.pid, inspector) if state == "hangs" else (running.pid,):
        os.kill(pid, signal.SIGCONT)
    assert current(lambda: json.loads(run(world, "status", "--json").stdout))["inspector"]
    assert until(lambda: "NFQUEUE" in world.router.sh("iptables-save -t mangle"))
    assert arrived(play(world, OFT, OTHER_PORT)) == [0, 0]
    running.terminate()
    assert running.wait(PATIENCE) == 1


def test_clear_without_privilege_says_how_to_get_it(tmp_path):
    denied = tmp_path / "iptables-save"
    denied.write_text("#!/bin/sh\necho Permission denied, you must be root >&2\nexit 4\n")
    denied.chmod(0o755)
    told = subprocess.run(
        (*COMMAND, "clear"),
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 4
    assert "run it as root, or with CAP_NET_ADMIN" in told.stderr


def bound(world):
    """The queues that somebody reads."""
    rows = world.router.sh("cat /proc/net/netfilter/nfnetlink_queue").splitlines()
    return {int(row.split()[0]) for row in rows}


@isolated
def test_beside_a_guard_nothing_is_cleared_and_what_it_left_is():
    world = World()
    Path("/run/policy.yaml").write_text(f"policy: 1\n{NO_FILES}")
    with world.router.inside():
        running = subprocess.Popen([*COMMAND, "/run/policy.yaml"], stderr=subprocess.PIPE)
    assert b"guarding" in running.stderr.readline()
    answer = json.loads(run(world, "status", "--json").stdout)
    before = world.router.sh("nft --stateless list ruleset")
    told = run(world, "clear")
    assert told.returncode == 2
    assert "a guard is at work in this network: end it first" in told.stderr
    assert world.router.sh("nft --stateless list ruleset") == before
    for process in (answer["watchdog"], running.pid, answer["inspector"]):
        os.kill(process, signal.SIGKILL)
    running.wait(PATIENCE)
    assert until(lambda: run(world, "clear").returncode == 0)
    assert "backchannel" not in world.router.sh("nft list ruleset").lower()


@isolated
def test_a_queue_of_another_program_is_named():
    world = World()
    Path("/run/policy.yaml").write_text(f"policy: 1\n{NO_FILES}")
    with world.router.inside():
        queue = Queue(1)
    told = run(world, "/run/policy.yaml")
    assert (told.returncode, "queue 1 of the kernel is in use" in told.stderr) == (2, True)
    queue.close()
