"""Shows packets to this machine's kernel, and says which passed a router between two networks.

`passed` runs this file again in a network namespace of its own. There `eth1` and `ppp0` are the
router's interfaces; frames are put on the far ends of their cables, and looked for on the other.
"""

import json
import os
import pickle
import shutil
import socket
import struct
import subprocess
import sys
import time

import pytest

QUIET = 0.5
"""Seconds without a new frame after which none is waited for."""
BURST = 200
"""Frames on their way at once; more than a socket's buffer holds would be lost."""
NUMBERS = {"tcp": 6, "udp": 17, "esp": 50, "ah": 51, "icmp": 1, "ipv6-icmp": 58}
FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32}
NEXT = {4: "192.0.2.254", 6: "2001:db8:ffff::254"}
FAR = "02:00:00:00:00:99"
SETUP = """
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
sysctl -qw net.netfilter.nf_conntrack_checksum=0 || true
sysctl -qw net.ipv4.icmp_ratelimit=0 || true
ip link set lo up
ip link add eth1 address 02:00:00:00:00:11 type veth peer name far1
ip link add ppp0 address 02:00:00:00:00:22 type veth peer name far2
for name in eth1 ppp0 far1 far2; do
    sysctl -qw net.ipv4.conf.$name.rp_filter=0 net.ipv6.conf.$name.accept_dad=0
    ip link set $name arp off; ip link set $name up
done
sysctl -qw net.ipv6.conf.far1.disable_ipv6=1 net.ipv6.conf.far2.disable_ipv6=1
for way in "eth1 ppp0 100" "ppp0 eth1 200"; do
    set -- $way
    ip neigh add 192.0.2.254 lladdr 02:00:00:00:00:99 dev $2 nud permanent
    ip -6 neigh add 2001:db8:ffff::254 lladdr 02:00:00:00:00:99 dev $2 nud permanent
    ip rule add iif $1 lookup $3 priority $3
    ip -6 rule add iif $1 lookup $3 priority $3
    ip route add default via 192.0.2.254 dev $2 onlink table $3
    ip -6 route add default via 2001:db8:ffff::254 dev $2 onlink table $3
done
"""


def need(*programs):
    """Skip, or fail in continuous integration, where a program is missing."""
    missing = [name for name in programs if not shutil.which(name, path="/usr/sbin:/sbin:/usr/bin")]
    if missing:
        tell = pytest.fail if os.environ.get("CI") else pytest.skip
        tell(f"needs {', '.join(missing)}; tools/setup installs it where it can")


def passed(packets, loads):
    """Return the places in *packets* of those that the kernel let pass.

    *loads* are commands with their input, which load the ruleset.
    """
    need("unshare", "ip", "sysctl", *(command[0] for command, _ in loads))
    rights = [] if os.geteuid() == 0 else ["--map-root-user"]
    tried = subprocess.run(["unshare", "--net", *rights, "true"], capture_output=True, check=False)
    if tried.returncode:
        tell = pytest.fail if os.environ.get("CI") else pytest.skip
        tell(f"needs user and network namespaces: {tried.stderr.decode()}")
    ran = subprocess.run(
        ["unshare", "--net", *rights, sys.executable, __file__],
        input=pickle.dumps(([_frame(n, packet) for n, packet in enumerate(packets)], loads)),
        capture_output=True,
        check=False,
        timeout=300,
        env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
    )
    assert ran.returncode == 0, ran.stderr.decode()[-2000:]
    return set(json.loads(ran.stdout))


def _frame(number, packet):
    """Return the interface a packet comes by, and its frame, which says its number."""
    mark = b"bkch" + struct.pack(">I", number)
    if packet.carrier in ("tcp", "udp"):
        ports = struct.pack(">HH", packet.source_port, packet.destination_port)
        flags = sum(FLAGS[name] for name in packet.flags)
        if packet.carrier == "tcp":
            inner = ports + struct.pack(">IIBBHHH", 1000, 0, 0x50, flags, 8192, 0, 0) + mark
        else:
            inner = ports + struct.pack(">HH", 8 + len(mark), 0) + mark
    elif packet.carrier == "esp":
        inner = struct.pack(">II", 0x1234_5678, 1) + mark * 4
    else:
        inner = struct.pack(">BBHII", NUMBERS["tcp"], 4, 0, 0x1234_5678, 1) + bytes(12) + mark
    protocol = NUMBERS[packet.carrier]
    source, target = packet.source.packed, packet.destination.packed
    if packet.source.version == 4:
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(inner), 0, 0, 64, protocol, 0)
        head = head[:10] + _checksum(head + source + target) + source + target
        return packet.arrives, b"\x08\x00" + head + inner
    head = struct.pack(">IHBB", 6 << 28, len(inner), protocol, 64) + source + target
    return packet.arrives, b"\x86\xdd" + head + inner


def _checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF)


# -- inside the namespace ----------------------------------------------------------------------


def _main():
    frames, loads = pickle.load(sys.stdin.buffer)
    subprocess.run(["sh", "-ec", SETUP], check=True)
    for command, text in loads:
        subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.DEVNULL)
    near = {"eth1": "far1", "ppp0": "far2"}
    out = {name: _socket(far) for name, far in near.items()}
    addresses = {"eth1": bytes.fromhex("020000000011"), "ppp0": bytes.fromhex("020000000022")}
    seen = set()
    for start in range(0, len(frames), BURST):
        burst = frames[start : start + BURST]
        for name, frame in burst:
            out[name].send(addresses[name] + bytes.fromhex("020000000001") + frame)
        _listen(out.values(), seen)
    end, before = time.monotonic() + QUIET, 0
    while time.monotonic() < end:
        _listen(out.values(), seen)
        if len(seen) != before:  # the router may be late on a busy machine
            end, before = time.monotonic() + QUIET, len(seen)
        time.sleep(0.01)
    json.dump(sorted(seen), sys.stdout)


def _socket(name):
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    made.bind((name, 0))
    made.setblocking(False)
    return made


def _listen(sockets, seen):
    """Take what came out of the router: frames to the far host with a number of ours."""
    far = bytes.fromhex(FAR.replace(":", ""))
    for each in sockets:
        while True:
            try:
                frame = each.recv(2048)
            except BlockingIOError:
                break
            at = frame.rfind(b"bkch")
            if frame[:6] == far and at > 0:
                seen.add(struct.unpack(">I", frame[at + 4 : at + 8])[0])


if __name__ == "__main__":
    _main()
