"""Another policy under way: what goes on, what is cut, what may go on now, and what is wrong."""

import os
import signal
import socket
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from tests.enforce.guarding import guard, services, until
from tests.enforce.lab import PATIENCE, SERVER, World, isolated, play
from tests.enforce.test_guard import AIM, AIM_MESSAGES, HTTP, OTHER_PORT, arrived, sizes

from backchannel.enforce import connections, kernel, ruleset, status
from backchannel.enforce.marks import Marks
from backchannel.enforce.nfqueue import ACCEPT, Queue
from backchannel.policy.load import load as load_policy

NOBODY = "rules: [{deny: [kazaa]}]"
NO_AIM = "rules: [{deny: [aim, icq]}]"
MARKS = Marks()


@contextmanager
def talk(world, steps, port=OTHER_PORT):
    """Play *steps* on a connection; yield its two ends, still open."""
    with world.server.listen(4, SERVER[4], port) as listener:
        near = world.client.connect(SERVER[4], port)
        far, _ = listener.accept()
        with near, far:
            for end in (near, far):
                end.settimeout(PATIENCE)
            for side, data in steps:
                (near, far)[side].sendall(data)
                left = len(data)
                while left:
                    left -= len((far, near)[side].recv(left))
            yield near, far


def marks(world):
    """The verdicts on all TCP connections now."""
    with world.router.inside():
        return sorted(each.mark & MARKS.mask for each in connections.every() if each.protocol == 6)


def passes(one, other, patience=PATIENCE):
    """Whether a byte each way arrives."""
    one.settimeout(patience)
    other.settimeout(patience)
    try:
        one.sendall(b"x")
        other.sendall(b"y")
        return (other.recv(1), one.recv(1)) == (b"x", b"y")
    except OSError:
        return False


@isolated
def test_a_chat_that_was_allowed_is_cut_and_all_else_goes_on():
    world = World()
    with (
        guard(world, NOBODY) as running,
        talk(world, HTTP * 4, 80) as web,
        talk(world, AIM) as chat,
    ):
        assert passes(*web)
        assert passes(*chat)
        assert marks(world) == [MARKS.passes, MARKS.passes]
        assert running.reload(NO_AIM)["reloaded"]
        assert until(lambda: marks(world) == [MARKS.passes, MARKS.resets])
        assert not passes(*chat)
        assert passes(*web)
        assert running.told() == [("reset", "aim", "")]
        assert running.lines()[0]["line"] == "deny-aim-icq"
        assert running.lines()[0]["confidence"] == "parsed"
        again = play(world, AIM, 443)
        assert "Reset" in again.failed


@isolated
def test_a_chat_under_our_eyes_is_judged_anew_at_its_next_packet():
    world = World()
    no_files = "rules: [{deny: [aim, icq], capabilities: [file-transfer]}]"
    with guard(world, no_files) as running, talk(world, AIM_MESSAGES[:6]) as chat:
        assert marks(world) == [0]  # files may still be offered: it stays with us
        assert running.reload(NO_AIM)["reloaded"]
        side, data = AIM_MESSAGES[6]
        chat[side].sendall(data)
        with pytest.raises(OSError, match="reset"):
            chat[side].recv(1)
        assert running.told() == [("reset", "aim", "")]


@isolated
def test_a_chat_that_was_refused_goes_on_when_it_is_allowed():
    world = World()
    silent = "rules: [{deny: [aim, icq], refuse: drop}]"
    with guard(world, silent) as running, talk(world, AIM[:3]) as (near, far):
        rest = AIM[3][1]
        far.sendall(rest)
        assert until(lambda: marks(world) == [MARKS.drops])
        assert running.told() == [("dropped", "aim", "")]
        assert running.reload(NOBODY)["reloaded"]
        assert near.recv(len(rest)) == rest  # the kernel sends it again, and now it passes


@isolated
def test_what_was_decided_before_a_reload_is_reviewed_though_the_inspector_dies_meanwhile():
    world = World()
    with guard(world, NOBODY) as running, talk(world, AIM):
        assert marks(world) == [MARKS.passes]
        first = running.inspector
        os.kill(first, signal.SIGSTOP)  # so that it takes no command any more
        assert running.reload(NO_AIM)["reloaded"]
        with suppress(ProcessLookupError):  # where the command is long, that was noticed
            os.kill(first, signal.SIGKILL)
        assert until(lambda: running.inspector not in (0, first))
        assert until(lambda: marks(world) == [0])


@isolated
def test_what_was_never_to_be_blocked_is_judged_when_it_no_longer_is():
    world = World()
    policy = "guard: {never-block: [10.2.0.2]}\n" + NO_AIM
    with guard(world, policy) as running, talk(world, AIM) as chat:
        assert passes(*chat)
        assert marks(world) == [MARKS.passes]
        assert running.reload(NO_AIM)["reloaded"]
        assert until(lambda: marks(world) == [0])


@isolated
def test_under_a_policy_that_allows_only_what_it_names_the_unknown_is_cut():
    world = World()
    only = "default: deny\nrules: [{allow: [aim, icq]}]"
    with guard(world, NOBODY) as running, talk(world, HTTP * 4, 80) as web:
        assert passes(*web)
        assert running.reload(only)["reloaded"]
        assert until(lambda: not passes(*web))
        assert ("reset", "", "") in running.told()


@isolated
def test_what_is_wrong_changes_nothing_and_is_told_with_its_line():
    world = World()
    with guard(world, NO_AIM) as running, talk(world, HTTP * 4, 80) as web:
        told = running.reload("rules:\n- deny: [aim]\n- deny: [no-such-service]")
        assert not told["reloaded"]
        assert "policy.yaml:4" in told["trouble"]
        assert "no-such-service" in running.status()["trouble"]
        refused = play(world, AIM, 443)
        assert running.told() == [("reset", "aim", "")]
        assert passes(*web)
        running.policy.write_text("policy: 1\n" + NOBODY)
        os.kill(running.pid, signal.SIGHUP)
        assert until(lambda: running.status()["reloads"] == 1)
        assert running.status()["trouble"] == ""
        assert arrived(play(world, AIM, 443)) == sizes(AIM)
    assert "Reset" in refused.failed


@isolated
def test_what_fails_closed_is_what_the_policy_of_now_says():
    world = World()
    closed = NO_AIM.replace("]}]", "], from: 10.1.0.0/24, on-failure: closed}]")
    with guard(world, NO_AIM) as running, talk(world, HTTP[:1], 80) as web:
        assert running.reload(closed)["reloaded"]
        assert passes(*web)
        with world.router.inside():
            (mark,) = [each.mark for each in connections.every() if each.protocol == 6]
        assert mark & MARKS.closed
        os.kill(running.inspector, signal.SIGSTOP)
        assert until(lambda: "NFQUEUE" not in world.router.sh("iptables-save -t mangle"))
        assert not passes(*web, patience=1.0)
        os.kill(running.inspector, signal.SIGCONT)
        assert passes(*web)
        assert running.reload(NO_AIM)["reloaded"]
        assert until(lambda: not closing(world))
        os.kill(running.inspector, signal.SIGSTOP)
        assert passes(*web)


def closing(world):
    """Connections that are marked to fail closed."""
    with world.router.inside():
        return [each for each in connections.every() if each.mark & MARKS.closed]


@isolated
def test_what_waits_in_the_queue_while_rules_are_renewed_is_not_lost():
    """The kernel drops what waits in a queue when a chain is taken off a hook: none may be."""
    world = World()
    texts = [kernel.texts(ruleset.Plan(rules=rules(policy))) for policy in (NO_AIM, NOBODY)]
    with (
        world.router.inside(),
        world.server.listen(4, SERVER[4], 9999, socket.SOCK_DGRAM) as far,
    ):
        queue = Queue(0)
        kernel.load(texts[0])
        with world.client.inside():
            near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for number in range(20):
            near.sendto(b"%02d" % number, (SERVER[4], 9999))
        assert until(lambda: [row[2] for row in status.kernel_rows(status.PROC)] == [20])
        kernel.renew(texts[1])
        for at in range(queue.receive()):
            queue.judge(queue.identity(at)[0], ACCEPT)
        queue.flush()
        assert [far.recv(9) for _ in range(20)] == [b"%02d" % at for at in range(20)]
        assert kernel.counters()["undecided"][0] == 20  # counters go on
        near.close()


def rules(policy):
    """A policy, read."""
    path = Path("/run/rules.yaml")
    path.write_text(f"policy: 1\n{policy}")
    return load_policy(path, services())


@isolated
def test_while_it_reloads_nothing_passes_unseen_and_nothing_is_lost():
    world = World()
    closed = NO_AIM.replace("]}]", "], from: 10.1.0.0/24, on-failure: closed}]")
    with (
        guard(world, NO_AIM) as running,
        world.server.listen(4, SERVER[4], 9999, socket.SOCK_DGRAM) as far,
        talk(world, HTTP * 4, 80) as web,
    ):
        before = running.status()["queues"][0]["received"]
        sent = 0
        for policy in (closed, NO_AIM) * 3:
            running.policy.write_text("policy: 1\n" + policy)
            os.kill(running.pid, signal.SIGHUP)
            for _ in range(30):
                # each from a port of its own, so that each is a new flow that must be judged
                with world.client.inside():
                    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                one.sendto(b"%d" % sent, (SERVER[4], 9999))
                assert far.recv(9) == b"%d" % sent
                one.close()
                sent += 1
                time.sleep(0.01)
            assert passes(*web)
        assert until(lambda: running.status()["reloads"] >= 5)
        seen = sum(each["received"] for each in running.status()["queues"]) - before
        assert seen >= sent
