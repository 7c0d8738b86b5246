"""The units under a real systemd: sandboxed as they are shipped, they watch and guard."""

import json
import os
import shutil

import pytest
from tests.packaging import systemd

RAW, ADMIN = 1 << 13, 1 << 12
CAPTURE = systemd.ROOT / "examples/aim/aim_oft.pcap"
WATCH, GUARD = "backchannel-watch", "backchannel-guard"
HASTE = """
mkdir -p /etc/systemd/system/{unit}.service.d
printf '[Service]\\nWatchdogSec=3\\n' > /etc/systemd/system/{unit}.service.d/haste.conf
systemctl daemon-reload
"""
SETTINGS = """
[capture]
interfaces = ["mon0"]
[output]
events = "/var/log/backchannel/events.jsonl"
report = "/var/log/backchannel/report.html"
"""
POLICY = """
policy: 1
guard: {on-failure: closed}
rules:
  - {deny: [aim, icq], name: no-files, capabilities: [file-transfer], best-effort: true}
"""
MONITORED = "ip link add mon0 type veth peer name far0; ip link set mon0 up; ip link set far0 up"
ROUTED = """
mkdir -p /run/netns
sysctl -qw net.ipv4.ip_forward=1
for each in 1 2; do
  ip netns add host$each
  ip link add to$each type veth peer name eth0 netns host$each
  ip addr add 10.$each.0.1/24 dev to$each; ip link set to$each up
  ip -n host$each addr add 10.$each.0.2/24 dev eth0; ip -n host$each link set eth0 up
  ip -n host$each route add default via 10.$each.0.1
done
"""
TALK = """
import socket, sys
FILE = b"OFT2\\x01\\x00\\x01\\x01" + bytes(248)
WEB = b"GET / HTTP/1.1\\r\\nHost: here\\r\\n\\r\\n"
if sys.argv[1] == "serve":
    server = socket.create_server(("10.2.0.2", 9999))
    while True:
        near, _ = server.accept()
        with near:
            near.settimeout(60)
            try:
                near.sendall(b"%d" % len(near.recv(65536, socket.MSG_WAITALL)))
            except OSError:
                pass
try:
    with socket.create_connection(("10.2.0.2", 9999), timeout=60) as far:
        far.sendall({"file": FILE, "web": WEB}[sys.argv[1]])
        far.shutdown(socket.SHUT_WR)
        print("answered" if far.recv(99) else "closed")
except TimeoutError:
    print("silence")
except OSError:
    print("refused")
"""


@pytest.fixture(autouse=True)
def _possible():
    if reason := systemd.why_not():
        tell = pytest.fail if os.environ.get("CI") and reason.startswith("needs /") else pytest.skip
        tell(reason)


def rights(machine, process):
    """Return the user and the effective capabilities of *process*, and whether seccomp is on."""
    lines = machine.sh(f"cat /proc/{process}/status").splitlines()
    told = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return told["Uid"].split()[0], int(told["CapEff"], 16), told["Seccomp"] == "2"


def main_process(machine, unit):
    """Return the number of the unit's main process; 0 while there is none."""
    return int(machine.show(unit, "MainPID"))


def freeze(machine, unit):
    """Stop the main process without ending it, and wait until systemd has another."""
    machine.sh(HASTE.format(unit=unit) + f"systemctl restart {unit}")
    frozen = main_process(machine, unit)
    machine.sh(f"kill -STOP {frozen}")
    machine.until("another process", lambda: main_process(machine, unit) not in {0, frozen})
    machine.until("active", lambda: machine.show(unit, "ActiveState") == "active")


@pytest.mark.slow
def test_the_watch_unit():
    with systemd.machine({"backchannel.toml": SETTINGS}) as machine:
        machine.sh(MONITORED)
        machine.start(WATCH)
        assert machine.show(WATCH, "StatusText") == "watching mon0"
        main = main_process(machine, WATCH)
        user, capabilities, filtered = rights(machine, main)
        assert (user != "0", capabilities, filtered) == (True, RAW, True)
        parsers = machine.sh(f"pgrep -P {main}").split()
        assert [rights(machine, each) for each in parsers] == [(user, 0, True)]

        shutil.copy(CAPTURE, machine.shared / "capture.pcap")
        machine.sh("tcpreplay -q -i far0 -t /run/shared/capture.pcap")
        events = "cat /var/log/backchannel/events.jsonl"
        machine.until("the file's event", lambda: "kestrel_notes.txt" in machine.sh(events))
        machine.sh(f"systemctl reload {WATCH}")
        machine.until("reloaded", lambda: "reloaded" in machine.journal(WATCH))
        machine.sh(f"systemctl stop {WATCH}")
        assert machine.show(WATCH, "Result") == "success", machine.journal(WATCH)
        assert "kestrel_notes.txt" in machine.sh("cat /var/log/backchannel/report.html")

        freeze(machine, WATCH)
        assert machine.show(WATCH, "StatusText") == "watching mon0"


@pytest.mark.slow
def test_the_guard_unit():
    with systemd.machine({"policy.yaml": POLICY}) as machine:
        (machine.shared / "talk.py").write_text(TALK)
        python = "/opt/backchannel/bin/python3 /run/shared/talk.py"
        machine.sh(ROUTED)
        machine.sh(f"systemd-run --unit=server ip netns exec host2 {python} serve")

        def sent(what):
            return machine.sh(f"ip netns exec host1 {python} {what}")

        machine.until("a server", lambda: sent("web") == "answered")
        assert sent("file") == "answered"
        machine.start(GUARD)
        assert machine.show(GUARD, "StatusText").startswith("guarding by ")
        main = main_process(machine, GUARD)
        user, capabilities, filtered = rights(machine, main)
        assert (user != "0", capabilities, filtered) == (True, RAW | ADMIN, True)
        assert (sent("web"), sent("file")) == ("answered", "refused")
        told = machine.sh("cat /var/log/backchannel-guard/guard.jsonl").splitlines()
        assert json.loads(told[-1])["capability"] == "file-transfer"

        machine.sh(f"kill -KILL {main}")
        machine.until("another process", lambda: main_process(machine, GUARD) not in {0, main})
        machine.until("active", lambda: machine.show(GUARD, "ActiveState") == "active")
        assert (sent("web"), sent("file")) == ("answered", "refused")

        freeze(machine, GUARD)
        assert (sent("web"), sent("file")) == ("answered", "refused")
        machine.sh(f"systemctl stop {GUARD}")
        assert machine.show(GUARD, "Result") == "success", machine.journal(GUARD)
        assert "backchannel" not in machine.sh("nft list tables")
        assert sent("file") == "answered"


@pytest.mark.slow
def test_both_units_on_one_machine():
    """Neither takes the other's files, or takes them away: systemd gives a unit's folders to its
    user when it starts, and removes those under /run when it stops.
    """
    with systemd.machine({"backchannel.toml": SETTINGS, "policy.yaml": POLICY}) as machine:
        machine.sh(MONITORED)
        files = "stat -c '%n %u' /run/backchannel/guard.sock /var/log/backchannel*/*"
        machine.start(GUARD)
        machine.start(WATCH)
        before = machine.sh(files)
        assert len({line.split()[1] for line in before.splitlines()}) == 2
        machine.sh(f"systemctl restart {WATCH}")
        machine.sh(f"systemctl restart {GUARD}")
        assert set(before.splitlines()) <= set(machine.sh(files).splitlines())
        machine.sh(f"systemctl stop {WATCH}")
        assert machine.sh("backchannel guard status").startswith("policy ")
        machine.sh(f"systemctl stop {GUARD}")
        assert machine.show(GUARD, "Result") == "success", machine.journal(GUARD)
