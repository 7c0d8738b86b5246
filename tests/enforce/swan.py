"""strongSwan as it is installed: charon, which speaks IKE and ESP, and swanctl, which commands it.

The kernel needs no IPsec: charon's own (`kernel-libipsec`) puts ESP into UDP, and pretends to see
a translator so that the other end does the same.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.enforce.lab import PATIENCE, Net, World
from tests.live.world import needs

PATH = "/usr/bin:/usr/sbin:/bin:/sbin"
DAEMON = """
charon-systemd {{
  load = {plugins} {tunnels} kernel-netlink socket-default vici
  port = {port}
  port_nat_t = {port_nat_t}
  retransmit_tries = 5
  retransmit_timeout = 0.5
  retransmit_base = 1
  i_dont_care_about_security_and_use_aggressive_mode_psk = yes
{settings}
  plugins {{
    vici {{ socket = unix://{folder}/vici }}
    kernel-libipsec {{ allow_peer_ts = yes }}
  }}
  filelog {{
    log {{
      path = {folder}/log
      default = 1
      flush_line = yes
    }}
  }}
}}
swanctl {{ load = random aes sha1 sha2 hmac pem pkcs1 x509 openssl }}
"""
PLUGINS = "random nonce aes sha1 sha2 hmac kdf gmp"
CONNECTIONS = """
connections {{
  lab {{
    version = {version}
    aggressive = {aggressive}
    childless = allow
    local_addrs = {here}
    remote_addrs = {there}
    local_port = {local_port}
    remote_port = {remote_port}
    proposals = aes256-sha256-modp2048
    local {{
      auth = psk
      id = {me}@lab.example
    }}
    remote {{
      auth = psk
      id = {other}@lab.example
    }}
    children {{
      net {{
        local_ts = {inner}/32
        remote_ts = {outer}/32
        esp_proposals = aes128-sha256
      }}
    }}
  }}
}}
secrets {{
  ike {{ secret = "a key that both know" }}
}}
"""
TUN = "/dev/net/tun"
HOME = "192.168.7.2"
INSIDE = {"left": "10.9.1.1", "right": "10.9.2.1", "second": "10.9.3.1"}
"""The address of each end within the tunnel."""


def needed(*others: str) -> None:
    """Skip the test where strongSwan or another program is missing; with CI=true fail."""
    needs("charon-systemd", "swanctl", "nft", *others)
    plugin = "/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so"
    for path, told in ((plugin, "libcharon-extra-plugins is not installed"), (TUN, f"no {TUN}")):
        if not Path(path).exists():
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(told)


def behind_nat(world: World) -> Net:
    """Return a network, of 192.168.7.2, for which the lab's client now translates addresses."""
    home = Net()
    near = world.client.fd
    home.sh(
        f"ip link add h0 type veth peer name n0 netns /proc/self/fd/{near}",
        "ip link set lo up",
        "ip link set h0 up",
        f"ip addr add {HOME}/24 dev h0",
        "ip route add default via 192.168.7.1",
        keep=(near,),
    )
    world.client.sh(
        "ip link set n0 up",
        "ip addr add 192.168.7.1/24 dev n0",
        "sysctl -qw net.ipv4.ip_forward=1",
    )
    translate(world.client, "c0")
    return home


def translate(net: Net, interface: str) -> None:
    """Give what leaves by *interface* its address."""
    net.sh(
        "nft add table ip nat",
        "nft 'add chain ip nat out { type nat hook postrouting priority 100; }'",
        f"nft add rule ip nat out oifname {interface} masquerade",
    )


SPIS = re.compile(r"CHILD_SA net\{\d+\} established with SPIs (\w{8})_i (\w{8})_o")
"""In charon's log: the numbers that it chose for what it gets and what it sends."""


class Ports(NamedTuple):
    """Where charon listens, and where it goes."""

    port: int = 500
    port_nat_t: int = 4500
    remote: int = 500


USUAL = Ports()
ODD = Ports(0, 0, 4712), Ports(4711, 4712)
"""Of a client and a server that keep away from ports 500 and 4500."""


class Swan:
    """One end: a running charon."""

    def __init__(
        self,
        net: Net,
        me: str,
        here: str,
        there: str,
        *,
        ports: Ports = USUAL,
        aggressive: bool = False,
        tunnels: bool = True,
        plugins: str = PLUGINS,
        settings: str = "",
        configured: str = "",
        files: Callable[[Path], None] | None = None,
    ) -> None:
        """*tunnels*: with ESP; without it there is only IKE, and no pretended translator.
        *plugins* are those of charon beside the usual ones, *settings* more lines for its part of
        strongswan.conf, *configured* is a swanctl.conf in place of the lab's, and *files* puts
        more beside it.
        """
        other = "left" if me == "right" else "right"
        self.net, self.me, self.other, self.folder = net, me, other, Path(f"/run/{me}")
        self.folder.mkdir()
        daemon = DAEMON.format(
            plugins=plugins,
            tunnels="kernel-libipsec" if tunnels else "",
            settings=settings,
            port=ports.port,
            port_nat_t=ports.port_nat_t,
            folder=self.folder,
        )
        connections = CONNECTIONS.format(
            version=1 if aggressive else 2,
            aggressive="yes" if aggressive else "no",
            here=here,
            there=there,
            local_port=ports.port if ports.remote == 500 else ports.port_nat_t,
            remote_port=ports.remote,
            me=me,
            other=other,
            inner=INSIDE.get(me, HOME),
            outer=INSIDE[other],
        )
        (self.folder / "strongswan.conf").write_text(daemon)
        (self.folder / "swanctl.conf").write_text(configured or connections)
        if files is not None:
            files(self.folder)
        if me in INSIDE:
            net.sh(f"ip addr replace {INSIDE[me]}/32 dev lo")
        # a copy, because a profile of AppArmor would bind the one that is installed to /etc
        program = shutil.copy(shutil.which("charon-systemd", path=PATH), self.folder / "charon")
        self.process = net.start(program, env=self._environment())
        self._until(lambda: not self.control("--stats", check=False).returncode)
        self.control("--load-all", "--file", str(self.folder / "swanctl.conf"), "--noprompt")

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": PATH,
            "STRONGSWAN_CONF": str(self.folder / "strongswan.conf"),
            "SWANCTL_DIR": str(self.folder),
        }

    def _until(self, condition, patience: float = PATIENCE) -> None:
        end = time.monotonic() + patience
        while not condition():
            assert self.process.poll() is None, self.told()
            assert time.monotonic() < end, self.told()
            time.sleep(0.05)

    def told(self) -> str:
        """What charon wrote so far."""
        log = self.folder / "log"
        return log.read_text() if log.exists() else ""

    def control(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run swanctl."""
        with self.net.inside():
            done = subprocess.run(
                ["swanctl", *arguments, "--uri", f"unix://{self.folder}/vici"],
                env=self._environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=2 * PATIENCE,
            )
        assert not check or not done.returncode, done.stdout + done.stderr
        return done

    def initiate(self, *, tunnel: bool = True) -> bool:
        """Negotiate with the other end, and for a *tunnel*; say whether it stands."""
        what = ("--child", "net") if tunnel else ("--ike", "lab")
        return not self.control("--initiate", *what, check=False).returncode

    def ping(self, count: int = 3, patience: float = PATIENCE, size: int = 100) -> int:
        """Send so many pings of *size* bytes through the tunnel, each when the one before was
        answered or had its *patience* of seconds; return how many were answered.
        """
        self.net.sh("sysctl -qw net.ipv4.ping_group_range='0 0'")
        with self.net.inside():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
        answered, to = 0, (INSIDE[self.other], 0)
        with made:
            made.settimeout(patience)
            made.bind((INSIDE[self.me], 0))
            for number in range(count):
                made.sendto(struct.pack(">BBHHH", 8, 0, 0, 0, number) + bytes(size), to)
                with contextlib.suppress(TimeoutError):
                    while made.recv(2000)[6:8] != number.to_bytes(2):
                        pass  # late answers to those before
                    answered += 1
        return answered

    def close(self) -> None:
        """End charon."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
