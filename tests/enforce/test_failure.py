"""What the kernel does when a part of the guard dies, hangs, or cannot keep up."""

import os
import signal
import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.enforce.guarding import guard, services, until
from tests.enforce.lab import PATIENCE, SERVER, World, isolated, isolated_as_root, play
from tests.enforce.test_guard import AIM

from backchannel.enforce import kernel, remote, ruleset, upkeep
from backchannel.errors import UsageError
from backchannel.policy.load import load as load_policy

OPEN = "rules: [{deny: [aim, icq]}]"
CLOSED = "rules: [{deny: [aim, icq], from: 10.1.0.0/24, on-failure: closed}]"


def gone(*processes):
    """Wait until processes have ended, though nobody may have asked for their last words yet."""

    def ended(process):
        try:
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
        except OSError:
            return True

    return until(lambda: all(map(ended, processes)))


def rules(world):
    """What the guard has in the kernel that brings packets to it."""
    return world.router.sh("iptables-save -t mangle")


def loaded(world):
    """All rules of the guard in the kernel, without what they have counted."""
    table = world.router.sh(f"nft --stateless list table inet {ruleset.TABLE} || true")
    return table, [line for line in rules(world).splitlines() if ruleset.CHAIN in line]


def connects(world, version=4, timeout=PATIENCE):
    """Whether a new connection comes through, with a byte from its client."""
    with world.server.listen(version, SERVER[version], 80) as listener:
        try:
            with world.client.connect(SERVER[version], 80, timeout) as near:
                far, _ = listener.accept()
                with far:
                    near.sendall(b"x")
                    far.settimeout(timeout)
                    return far.recv(1) == b"x"
        except OSError:
            return False


def shut(world):
    """Whether a new connection is held up; its first packet is sent twice."""
    return not connects(world, timeout=1.5)


@isolated
def test_killed_and_open_all_passes_and_the_rules_go():
    world = World()
    with guard(world, OPEN) as running:
        assert connects(world)
        inspector = running.inspector
        os.kill(running.pid, signal.SIGKILL)
        assert gone(running.pid, inspector)
        assert connects(world)
        assert until(lambda: ruleset.TABLE not in world.router.sh("nft list tables"))
        assert until(lambda: ruleset.CHAIN not in rules(world))


@isolated
def test_killed_and_closed_what_the_rule_speaks_of_is_held_up():
    world = World()
    with guard(world, CLOSED) as running:
        assert connects(world)
        inspector = running.inspector
        os.kill(running.pid, signal.SIGKILL)
        assert gone(running.pid, inspector)
        assert shut(world)
        assert until(lambda: ruleset.CHAIN not in rules(world))
        assert shut(world)
        assert connects(world, 6)  # the rule speaks of IPv4 addresses
        assert "packets 0" not in world.router.sh(
            "nft list counter inet backchannel_guard closed_dropped"
        )


@pytest.mark.parametrize("limit", ["observe", "alert"])
@isolated
def test_killed_and_closed_all_passes_where_nothing_was_refused(limit):
    world = World()
    with guard(world, CLOSED, limit=limit) as running:
        assert connects(world)
        os.kill(running.pid, signal.SIGKILL)
        assert gone(running.pid)
        assert connects(world)
        assert until(lambda: ruleset.TABLE not in world.router.sh("nft list tables"))


@pytest.mark.parametrize("policy", [OPEN, CLOSED])
@isolated
def test_without_inspector_the_policy_holds_at_once_until_another_one_judges(policy):
    world = World()
    with guard(world, policy) as running:
        first = running.inspector
        os.kill(running.pid, signal.SIGSTOP)  # so that nobody starts another one yet
        os.kill(first, signal.SIGKILL)
        assert gone(first)
        assert shut(world) if policy == CLOSED else connects(world)
        assert connects(world, 6)
        os.kill(running.pid, signal.SIGCONT)
        assert until(lambda: running.inspector not in (0, first))
        assert until(lambda: "NFQUEUE" in rules(world))
        assert connects(world)
        assert running.status()["inspector_restarts"] == 1
        refused = play(world, AIM, 443)
        assert running.told() == [("reset", "aim", "")]
    assert "Reset" in refused.failed


@pytest.mark.parametrize("policy", [OPEN, CLOSED])
@isolated
def test_hanging_the_policy_holds_within_a_second_until_it_lives_again(policy):
    world = World()
    with guard(world, policy) as running:
        inspector = running.inspector
        stopped = time.monotonic()
        os.kill(inspector, signal.SIGSTOP)
        assert until(lambda: "NFQUEUE" not in rules(world))
        assert time.monotonic() - stopped < 5  # on a machine that has nothing else to do, 0.7
        assert not running.answer()["current"]  # its figures are of before, and that is said
        assert shut(world) if policy == CLOSED else connects(world)
        assert connects(world, 6)
        os.kill(inspector, signal.SIGCONT)
        assert until(lambda: "NFQUEUE" in rules(world))
        assert connects(world)
        assert running.status()["inspector"] == inspector


@isolated
def test_an_inspector_that_hangs_for_long_is_replaced():
    world = World()
    remote.SILENCE = 2.0  # this process is the test's own; the guard is its child
    with guard(world, OPEN) as running:
        first = running.inspector
        os.kill(first, signal.SIGSTOP)
        assert until(lambda: running.inspector not in (0, first))
        assert until(lambda: "NFQUEUE" in rules(world))
        refused = play(world, AIM, 443)
        assert running.told() == [("reset", "aim", "")]
        assert not Path(f"/proc/{first}").exists()
    assert "Reset" in refused.failed


@isolated
def test_what_is_held_up_stays_so_while_the_rules_are_loaded(monkeypatch, tmp_path):
    """Step by step, as at the start and when an inspector lives again: here nobody reads the
    queue, so that nothing at all may pass.
    """
    world, made, steps = World(), texts(CLOSED, tmp_path), []
    with world.server.listen(4, SERVER[4], 9999, socket.SOCK_DGRAM) as far, world.router.inside():
        run = kernel._run

        def send(data):
            with world.client.inside():
                near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            with near:
                near.sendto(data, (SERVER[4], 9999))

        def run_and_try(command, text=""):
            said = run(command, text)
            if "-restore" in command[0] or command[0] == "nft":
                send(b"%d" % len(steps))
                steps.append(command)
            return said

        monkeypatch.setattr(kernel, "_run", run_and_try)
        kernel.load(made)
        guarding = loaded(world)
        kernel.fail(made)
        kernel.load(made)
        assert loaded(world) == guarding
        far.settimeout(0.5)
        passed = []
        with suppress(TimeoutError):
            while True:
                passed.append(steps[int(far.recv(9))])
        assert not passed
        assert len(steps) >= 9
        monkeypatch.undo()
        kernel.remove()
        send(b"all")
        far.settimeout(PATIENCE)
        assert far.recv(9) == b"all"


def texts(policy, folder):
    """What a guard loads for the text of a policy."""
    path = folder / "policy.yaml"
    path.write_text("policy: 1\n" + policy)
    return kernel.texts(ruleset.Plan(rules=load_policy(path, services())))


@pytest.mark.parametrize("policy", [OPEN, CLOSED])
@isolated
def test_while_only_the_guard_hangs_packets_are_judged_all_the_same(policy):
    world = World()
    with guard(world, policy) as running:
        os.kill(running.pid, signal.SIGSTOP)
        time.sleep(1.0)  # longer than anybody waits for a heart
        assert connects(world)
        refused = play(world, AIM, 443, patience=4)
        assert "NFQUEUE" in rules(world)
        assert running.lines() == []
        os.kill(running.pid, signal.SIGCONT)
        assert running.told() == [("reset", "aim", "")]
    assert refused.failed
    assert sum(len(data) for data in refused.received) <= 60


@isolated
def test_while_the_guard_hangs_a_sender_that_is_not_told_is_not_taken_for_a_slow_one():
    """Of a message in single bytes that it is to refuse nothing passes, though its sender stops:
    the guard's own process sends what has it go on, when it has the time.
    """
    world, data = World(), b"YMSG\x09\0\0\0\0\x0c\0W\0\0\0c\0\0\0\x001\xc0\x80alice_w\xc0\x80"
    with (
        guard(world, "rules: [{deny: yahoo, on-failure: closed}]") as running,
        world.server.listen(4, SERVER[4], 5050) as listener,
        world.client.connect(SERVER[4], 5050) as near,
        listener.accept()[0] as far,
    ):
        os.kill(running.pid, signal.SIGSTOP)
        for byte in data:
            near.send(bytes([byte]))
        far.settimeout(1.0)
        with pytest.raises(TimeoutError):
            far.recv(99)
        os.kill(running.pid, signal.SIGCONT)
        assert running.told() == [("reset", "yahoo", "")]
        far.settimeout(PATIENCE)
        with pytest.raises(ConnectionResetError):
            far.recv(99)


@isolated
def test_a_fault_of_ours_opens_nothing():
    """An exception in the guard counts as its death: it does not take the rules away."""
    world = World()

    def broken(*_):
        raise RuntimeError("a fault of ours")

    with guard(world, CLOSED, tell=broken):
        assert connects(world)
        play(world, AIM, 443, patience=4)
        assert until(lambda: ruleset.CHAIN not in rules(world))
        assert shut(world)
        assert connects(world, 6)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
@isolated
def test_a_watchdog_that_is_lost_is_replaced(how):
    world = World()
    with guard(world, OPEN) as running:
        first = running.status()["watchdog"]
        os.kill(first, how)
        assert until(lambda: running.answer()["watchdog_restarts"])
        assert running.status()["watchdog"] != first
        assert connects(world)
        os.kill(running.inspector, signal.SIGSTOP)  # and the new one watches
        assert until(lambda: "NFQUEUE" not in rules(world))


@isolated
def test_a_watchdog_that_is_lost_while_nobody_guards_is_replaced_by_one_that_knows_it():
    world = World()
    with guard(world, OPEN) as running:
        inspector, first = running.inspector, running.answer()["watchdog"]
        os.kill(inspector, signal.SIGSTOP)
        assert until(lambda: "NFQUEUE" not in rules(world))
        assert until(lambda: not running.answer()["judging"])  # it has said so
        os.kill(first, signal.SIGKILL)
        assert until(lambda: running.answer()["watchdog_restarts"])
        os.kill(inspector, signal.SIGCONT)
        assert until(lambda: "NFQUEUE" in rules(world))
        assert running.status()["rules_restored"] == 0  # nobody had taken them away


@contextmanager
def flooded(world, running):
    """Guard and inspector stopped, the watchdog gone, and forty datagrams sent through them: what
    arrives, and the inspector's number.
    """
    watchdog, inspector = running.status()["watchdog"], running.inspector
    os.kill(running.pid, signal.SIGSTOP)
    os.kill(inspector, signal.SIGSTOP)
    os.kill(watchdog, signal.SIGKILL)
    with world.server.listen(4, SERVER[4], 9999, socket.SOCK_DGRAM) as far:
        with world.client.inside():
            near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with near:
            for number in range(40):
                near.sendto(b"%02d" % number, (SERVER[4], 9999))
        yield far, inspector


@isolated
def test_with_all_gone_a_full_queue_passes_and_is_counted():
    world = World()
    with guard(world, OPEN, length=8) as running:
        with flooded(world, running) as (far, inspector):
            assert [far.recv(9) for _ in range(32)] == [b"%02d" % at for at in range(8, 40)]
        os.kill(inspector, signal.SIGCONT)
        os.kill(running.pid, signal.SIGCONT)
        assert until(lambda: running.status()["queues"][0]["answered"] == 8)
        counted = "nft list counter inet backchannel_guard undecided"
        assert until(lambda: "packets 40 " in world.router.sh(counted))  # 32 of them nobody saw


@isolated
def test_with_all_gone_a_full_queue_that_fails_closed_drops_and_counts():
    world = World()
    with guard(world, CLOSED, length=8) as running:
        with flooded(world, running) as (far, inspector):
            far.settimeout(0.5)
            with pytest.raises(TimeoutError):
                far.recv(9)
            far.settimeout(PATIENCE)
            os.kill(inspector, signal.SIGCONT)  # what waited is judged now, and passes
            assert [far.recv(9) for _ in range(8)] == [b"%02d" % at for at in range(8)]
        os.kill(running.pid, signal.SIGCONT)
        assert until(lambda: running.status()["queues"][1]["dropped_full"] == 32)


def holds(process):
    """What the kernel says of a process' rights."""
    told = Path(f"/proc/{process}/status").read_text()
    found = dict(line.split(":\t", 1) for line in told.splitlines())
    assert int(found["CapEff"], 16) == int(found["CapPrm"], 16) == 1 << 12  # CAP_NET_ADMIN
    assert int(found["CapInh"], 16) == int(found["CapAmb"], 16) == 0
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    return found


@isolated
def test_what_the_inspector_holds_is_what_it_needs():
    world = World()
    with guard(world, OPEN) as running:
        holds(running.inspector)
        assert "seccomp" in running.status()["confined"]


@isolated_as_root
def test_started_by_root_it_judges_as_somebody_else():
    world = World()
    with guard(world, OPEN) as running:
        found = holds(running.inspector)
        assert "0" not in found["Uid"].split() + found["Gid"].split()
        assert int(found["CapBnd"], 16) == 0
        assert connects(world)
        refused = play(world, AIM, 443)
        assert running.told() == [("reset", "aim", "")]
        assert running.status()["queues"][0]["refused"] == 0
    assert "Reset" in refused.failed


@pytest.mark.parametrize(
    "taken",
    [
        "nft flush ruleset",
        "nft delete table inet backchannel_guard",
        "nft flush table inet backchannel_guard",
        "nft flush chain inet backchannel_guard before_forward",
        "iptables -t mangle -F",
        "iptables -t mangle -F FORWARD",
        f"iptables -t mangle -F {ruleset.CHAIN}",
        f"iptables -t mangle -D {ruleset.CHAIN} 5",
    ],
)
@isolated
def test_rules_that_another_program_took_away_are_loaded_again(taken):
    world = World()
    with guard(world, OPEN) as running:
        before = loaded(world)
        world.router.sh(taken)
        assert loaded(world) != before
        assert until(lambda: running.status()["rules_restored"] == 1)
        assert loaded(world) == before
        assert "Reset" in play(world, AIM, 443).failed
        assert running.status()["rules_restored"] == 1


@isolated
def test_where_only_one_of_two_hooks_is_left_the_rules_are_loaded_again():
    world = World()
    with guard(world, OPEN, hooks=("input", "output")) as running:
        world.router.sh("iptables -t mangle -F INPUT")
        assert until(lambda: running.status()["rules_restored"] == 1)
        assert rules(world).count(f"-j {ruleset.CHAIN}") == 2


@pytest.mark.parametrize("policy", [OPEN, CLOSED])
@isolated
def test_rules_taken_away_while_the_inspector_hangs_send_nothing_to_its_queue(policy):
    world = World()
    with guard(world, policy) as running:
        inspector = running.inspector
        os.kill(inspector, signal.SIGSTOP)
        assert until(lambda: "NFQUEUE" not in rules(world))
        paused = loaded(world)
        world.router.sh("nft flush ruleset")
        assert until(lambda: running.answer()["rules_restored"] == 1)
        assert loaded(world) == paused
        assert shut(world) if policy == CLOSED else connects(world, timeout=5)
        os.kill(inspector, signal.SIGCONT)
        assert until(lambda: "NFQUEUE" in rules(world))
        assert connects(world)


@isolated
def test_rules_that_cannot_be_loaded_are_told_once_and_tried_with_patience(monkeypatch):
    remarks, tried, trouble = [], [], [UsageError("no nft")]
    monkeypatch.setattr(upkeep, "remark", remarks.append)
    monkeypatch.setattr(kernel, "stands", lambda *_, **__: bool(made.restored))

    def restore():
        tried.append(now)
        if trouble:
            raise trouble[0]

    watchdog = SimpleNamespace(texts=None, guards=True, restore=restore)
    made = upkeep.Upkeep(0.0)
    monkeypatch.setattr(made, "changed", lambda: True)  # loading in vain changes rules, too
    for tenth in range(600):
        now = tenth / 10
        made.hear(now)
        made.look(now, watchdog)
        if now == 40:
            trouble.clear()
    assert len(remarks) == 2
    assert remarks[0] == "its rules may be gone, and could not be loaded: no nft"
    assert "loaded again" in remarks[1]
    assert made.restored == 1
    assert len(tried) < 8


@isolated
def test_who_may_not_read_the_list_of_queues_finds_the_guard_all_the_same(monkeypatch):
    """As a service does that is not root: the kernel's list is for root's eyes only."""
    world = World()
    monkeypatch.setattr(kernel, "_QUEUES", Unreadable())
    with world.router.inside():
        kernel.alone()
        kernel.free(7)
        with guard(world, OPEN, queue=7):
            with pytest.raises(UsageError, match="a guard is at work in this network"):
                kernel.alone()
            with pytest.raises(UsageError, match="queue 8 of the kernel is in use"):
                kernel.free(8)
            kernel.free(9)


class Unreadable:
    """A file that is not for us."""

    def read_text(self):
        raise PermissionError
