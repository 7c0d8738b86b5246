"""The guard as a service: alerts, evidence, figures, and what becomes of them when things fail."""

import contextlib
import functools
import json
import os
import signal
import subprocess
import time
from pathlib import Path

from tests.enforce.commanded import commanded, configure
from tests.enforce.guarding import until
from tests.enforce.lab import PATIENCE, World, isolated, play
from tests.enforce.test_guard import AIM, HTTP, OFT, OTHER_PORT, arrived, sizes
from tests.live.receivers import Listener, Subscriber, Web, nats_server
from tests.live.world import needs

NO_AIM = "rules: [{deny: [aim, icq]}]"
NO_FILES = "rules: [{deny: [aim, icq, msn, yahoo], capabilities: [file-transfer]}]"
FOLDERS = 'log = "/run/log/guard.jsonl"\nspool = "/run/spool.sqlite"\n'


def syslog(port, transport="tcp"):
    """A receiver in TOML."""
    return (
        f'[[alerts.syslog]]\nname = "siem"\ntransport = "{transport}"\n'
        f'address = "127.0.0.1:{port}"\n'
    )


def needing(program):
    """Run a test where *program* is; asked before the test has a process of its own."""

    def decorate(test):
        @functools.wraps(test)
        def run():
            needs(program)
            test()

        return run

    return decorate


@needing("nats-server")
@isolated
def test_a_refusal_reaches_every_receiver_once():
    world = World()
    with world.router.inside():
        log, web = Listener(), Web()
    with (
        world.router.inside(),
        nats_server() as bus,
    ):
        subscriber = Subscriber(bus)
        config = (
            FOLDERS
            + syslog(log.port)
            + f'[[alerts.webhook]]\nurl = "http://127.0.0.1:{web.port}/hook"\n'
            + f'[[alerts.nats]]\nurl = "nats://127.0.0.1:{bus}"\nsubject = "guard"\n'
        )
        with commanded(world, NO_AIM, config) as running:
            for _ in range(3):
                play(world, AIM, 443)
            assert until(lambda: len(running.log()) == 3)
            assert until(lambda: log.messages() and web.posts)
            subject, head, body = subscriber.next()
            status = running.status()
    (line,) = log.messages()
    assert line.startswith("<108>1 ")
    assert 'policy-refused [finding@32473 id="' in line
    assert "aim of 10.1.0.2 was refused, and its ends were reset, line deny-aim-icq" in line
    ((_, _, posted, _),) = web.posts
    told = json.loads(posted)
    assert told["finding"]["hosts"] == ["10.1.0.2"]
    assert (told["finding"]["severity"], told["finding"]["count"]) == ("medium", 1)
    assert subject == "guard.medium"
    assert f"Nats-Msg-Id: {told['id']}" in head
    assert json.loads(body) == told
    assert status["refusals"][0]["times"] == 3


@isolated
def test_a_receiver_that_is_away_gets_its_alert_after_a_restart_of_the_guard():
    world = World()
    with world.router.inside():
        log = Listener()
    port = log.port
    log.close()
    with commanded(world, NO_AIM, FOLDERS + syslog(port)) as running:
        assert "Reset" in play(world, AIM, 443).failed
        assert until(lambda: "siem cannot be reached" in running.said)
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait(PATIENCE)
    with world.router.inside():
        log = Listener(port)
    with commanded(world, NO_AIM, FOLDERS + syslog(port)):
        assert until(lambda: len(log.messages()) == 1, 2 * PATIENCE)


@isolated
def test_another_receiver_and_another_policy_after_a_reload():
    world = World()
    with world.router.inside():
        one, two = Listener(), Listener()
    with commanded(world, NO_FILES, FOLDERS + syslog(one.port)) as running:
        assert "Reset" in play(world, OFT, OTHER_PORT).failed
        assert until(lambda: len(one.messages()) == 1)
        configure(NO_AIM, FOLDERS + "queue = 7\n" + syslog(two.port))
        running.process.send_signal(signal.SIGHUP)
        assert until(lambda: running.status()["reloads"] == 1)
        changed = "queue of [guard] was changed; that takes effect at the next start"
        assert until(lambda: changed in running.said)
        assert "Reset" in play(world, AIM, 443).failed
        assert until(lambda: len(two.messages()) == 1)
        assert len(one.messages()) == 1
        Path("/run/guard.toml").write_text("[guard]\npolicee = 1\n")
        running.process.send_signal(signal.SIGHUP)
        assert until(lambda: "did you mean policy?" in running.said)
        assert "/run/guard.toml:2" in running.status()["trouble"]
        assert "Reset" in play(world, AIM, 443).failed


@needing("tshark")
@isolated
def test_the_conversation_of_a_refusal_is_evidence():
    world = World()
    config = FOLDERS + 'evidence = "/run/evidence"\n'
    with commanded(world, NO_FILES, config) as running:
        refused = play(world, OFT, OTHER_PORT)
        passed = play(world, HTTP, 80)
        assert until(lambda: len(running.log()) == 1)
        (line,) = running.log()
    assert "Reset" in refused.failed
    assert arrived(passed) == sizes(HTTP)
    (file,) = Path("/run/evidence").iterdir()
    assert file.name == line["pcap"] == f"{line['id']}-deny-aim-icq-more-file-transfer.pcap"
    assert file.stat().st_mode & 0o777 == 0o600
    shown = subprocess.run(
        ["tshark", "-r", file, "-T", "fields", "-e", "ip.src", "-e", "tcp.flags.str", "-e",
         "tcp.len"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    rows = [line.split("\t") for line in shown]
    assert {row[0] for row in rows} == {"10.1.0.2", "10.2.0.2"}
    assert "S" in rows[0][1]  # from its first packet on
    assert int(rows[-1][2]) == len(OFT[0][1])  # to the one that was refused


@isolated
def test_its_figures_are_served():
    world = World()
    with commanded(world, NO_AIM, FOLDERS + 'metrics = "127.0.0.1:9470"\n') as running:
        play(world, AIM, 443)
        play(world, HTTP, 80)
        name = (
            'backchannel_guard_refusals_total{action="reset",line="deny-aim-icq",service="aim",'
            'capability=""}'
        )
        known = 'backchannel_guard_kernel_packets_total{what="known_reset"}'
        assert until(lambda: running.metrics().get(name) == 1)
        assert until(lambda: running.metrics()[known] >= 1)
        found = running.metrics()
        assert found['backchannel_guard_up{part="inspector"}'] == 1
        received = found['backchannel_guard_queue_received_total{queue="0",fails="open"}']
        assert received == found['backchannel_guard_queue_answered_total{queue="0",fails="open"}']
        assert received >= 8
        os.kill(running.status()["inspector"], signal.SIGKILL)
        restarts = 'backchannel_guard_restarts_total{part="inspector"}'
        assert until(lambda: running.metrics()[restarts] == 1)
        assert until(lambda: running.metrics()['backchannel_guard_up{part="inspector"}'] == 1)
        assert running.metrics()[name] == 1  # what was counted stays counted


@isolated
def test_while_the_inspector_hangs_status_and_metrics_say_that_nothing_is_judged():
    world = World()
    up = 'backchannel_guard_up{part="inspector"}'
    with commanded(world, NO_AIM, FOLDERS + 'metrics = "127.0.0.1:9470"\n') as running:
        inspector = running.status()["inspector"]
        os.kill(inspector, signal.SIGSTOP)
        assert until(lambda: running.metrics()[up] == 0)
        told = running.shown()
        assert "packets are NOT judged at the moment" in told
        assert "these are its last figures" in told
        os.kill(inspector, signal.SIGCONT)
        assert until(lambda: running.metrics()[up] == 1)
        assert "NOT judged" not in running.shown()
        assert "not judged now, they pass or are held up as on-failure says" in running.said


@isolated
def test_a_full_disk_costs_records_and_never_a_packet():
    world = World()
    small = "mount -t tmpfs -o size=64k none"
    for folder in ("log", "evidence", "spool"):
        Path(f"/run/{folder}").mkdir()
        subprocess.run(f"{small} /run/{folder}", shell=True, check=True)
    config = (
        'log = "/run/log/guard.jsonl"\nspool = "/run/spool/alerts.sqlite"\n'
        'evidence = "/run/evidence"\nmetrics = "127.0.0.1:9470"\n' + syslog(9)
    )
    with commanded(world, NO_AIM, config) as running:
        for folder in ("log", "evidence", "spool"):
            path = Path(f"/run/{folder}/filler")
            with contextlib.suppress(OSError), path.open("wb", buffering=0) as filler:
                while filler.write(bytes(512)):
                    pass  # until it is full
        for _ in range(3):
            assert "Reset" in play(world, AIM, 443).failed
        assert arrived(play(world, HTTP, 80)) == sizes(HTTP)
        assert until(lambda: "lines wait, and may be lost" in running.said)
        assert until(lambda: "refusals have no evidence" in running.said)
        lost = 'backchannel_output_lost_total{output="evidence"}'
        assert until(lambda: running.metrics()[lost] == 3)
        assert running.status()["refusals"][0]["times"] == 3
        assert running.status()["inspector_restarts"] == 0
        assert "evidence: records lost: 3\n" in running.shown()
        assert "alerts that wait for siem: 1\n" in running.shown()
        for folder in ("log", "evidence", "spool"):
            Path(f"/run/{folder}/filler").unlink()
        time.sleep(1.1)  # it looks again after a second
        assert "Reset" in play(world, AIM, 443).failed
        assert until(lambda: len(running.log()) == 4)  # those that waited, too
        assert until(lambda: "evidence is written again; 3 were lost" in running.said)
        assert len(list(Path("/run/evidence").iterdir())) == 1
        with world.router.inside():
            log = Listener(9)
        assert until(lambda: len(log.messages()) == 1, 3 * PATIENCE)  # it waited in memory


@isolated
def test_an_interface_that_goes_down_and_comes_back_is_guarded_again():
    world = World()
    policy = """zones: {inside: {interfaces: [r1]}}
rules: [{deny: [aim, icq], from: inside}]"""
    with commanded(world, policy, FOLDERS) as running:
        assert "Reset" in play(world, AIM, 443).failed
        world.router.sh("ip link set r1 down")
        assert "connect" in play(world, AIM, 443).failed
        world.router.sh("ip link set r1 up")
        assert until(lambda: arrived(play(world, HTTP, 80, patience=5)) == sizes(HTTP))
        assert until(lambda: "Reset" in play(world, AIM, 443).failed)  # once the name is known
        number = world.router.sh("ip -o link show r1").split(":")[0]
        another(world)  # of the same name, by another number
        assert world.router.sh("ip -o link show r1").split(":")[0] != number
        assert until(lambda: arrived(play(world, HTTP, 80, patience=5)) == sizes(HTTP))
        assert until(lambda: "Reset" in play(world, AIM, 443).failed)
        assert running.status()["inspector_restarts"] == 0
        assert until(lambda: len(running.log()) == 3)


def another(world):
    """Take the client's link away and give it another one."""
    world.client.sh("ip link del c0")
    add = f"ip link add c0 type veth peer name r1 netns /proc/self/fd/{world.router.fd}"
    with world.client.inside():
        subprocess.run(add.split(), check=True, pass_fds=(world.router.fd,))
    world.client.sh(
        "ip link set c0 up", "ip addr add 10.1.0.2/24 dev c0", "ip route add default via 10.1.0.1"
    )
    world.router.sh("ip link set r1 up", "ip addr add 10.1.0.1/24 dev r1")
