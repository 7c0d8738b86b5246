"""Two gateways of strongSwan with a NAT router between them, recorded on both of its sides.

    left 10.1.0.2 -- r1 10.1.0.1 router 10.2.0.1 r2 -- 10.2.0.2 right

`near` is what was recorded at r1, `far` at r2. The router's rules are the cause of what fails, and
charon's log the witness.
"""

import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.enforce import swan
from tests.enforce.lab import CLIENT, PATIENCE, SERVER, Net, World
from tests.enforce.swan import INSIDE, PLUGINS, Swan

MARK = b"the last of what is recorded here"
NEAR, FAR = CLIENT[4], SERVER[4]
IKE = "aes256-sha256-modp2048"
ESP = "aes128-sha256"
CERTIFIED = f"{PLUGINS} pem pkcs1 x509 pubkey openssl constraints"


def configured(
    me: str,
    there: str,
    *,
    version: int = 2,
    proposals: str = IKE,
    esp: str = ESP,
    secret: str = "a key that both know",
    identity: str = "",
    expects: str = "",
    local_ts: str = "",
    remote_ts: str = "",
    more: str = "",
    child: str = "",
    auth: str = "psk",
) -> str:
    """Return one end's swanctl.conf. *more* are lines of the connection, *child* of its child."""
    other = "left" if me == "right" else "right"
    return f"""
connections {{
  lab {{
    version = {version}
    remote_addrs = {there}
    proposals = {proposals}
    {more}
    local {{
      auth = {auth}
      id = {identity or f"{me}@lab.example"}
      {f"certs = {me}.pem" if auth == "pubkey" else ""}
    }}
    remote {{
      auth = {auth}
      id = {expects or f"{other}@lab.example"}
    }}
    children {{
      net {{
        local_ts = {local_ts or INSIDE.get(me, "") + "/32"}
        remote_ts = {remote_ts or INSIDE[other] + "/32"}
        esp_proposals = {esp}
        {child}
      }}
    }}
  }}
}}
secrets {{
  ike {{ secret = "{secret}" }}
}}
"""


class Recorder:
    """A dumpcap on one interface of the router."""

    def __init__(self, net: Net, interface: str, path: Path) -> None:
        self.path = path
        self._process = net.start(
            *("dumpcap", "-q", "-P", "-i", interface, "-w", path, "-f", FILTER),
            stderr=subprocess.PIPE,
            text=True,
        )
        while "File:" not in self._process.stderr.readline():
            assert self._process.poll() is None

    def stop(self) -> None:
        """End it when it has written the mark."""
        wait = time.monotonic() + PATIENCE
        while MARK not in self.path.read_bytes():
            assert time.monotonic() < wait
            time.sleep(0.05)
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=PATIENCE)


DROPPED = re.compile(r"counter packets (\d+) bytes \d+ drop")
FILTER = "udp port 500 or udp port 4500 or icmp or esp or udp port 9 or ip[6:2] & 0x1fff != 0"


class Lab:
    """The world, its router translating, and the recorders."""

    def __init__(self, near: Path, far: Path, *, nat: str = "masquerade") -> None:
        self.world = world = World()
        self.router = world.router
        if nat:
            self.router.sh(
                "nft add table ip nat",
                "nft 'add chain ip nat out { type nat hook postrouting priority 100; }'",
                f"nft add rule ip nat out oifname r2 ip daddr {FAR} udp dport != 9 {nat}",
            )
        self.rules: list[str] = []
        self.dropped = 0
        """Packets that the router's rules dropped, by its own counters."""
        self.recorders = [
            Recorder(self.router, "r1", near),
            Recorder(self.router, "r2", far),
        ]
        self.ends: list[Swan] = []

    def drop(self, *rules: str, hook: str = "forward", priority: int = 0) -> None:
        """Have the router drop what these rules of nft match."""
        table = f"drop{len(self.rules)}"
        self.router.sh(
            f"nft add table ip {table}",
            f"nft 'add chain ip {table} f {{ type filter hook {hook} priority {priority}; }}'",
        )
        for rule in rules:
            self.rules.append(f"{rule} drop")
            self.router.sh(f"nft add rule ip {table} f '{rule} counter drop'")

    def forget(self, seconds: int) -> None:
        """Have the router forget a mapping of UDP after so many seconds."""
        for name in ("udp_timeout", "udp_timeout_stream"):
            self.router.sh(f"sysctl -qw net.netfilter.nf_conntrack_{name}={seconds}")
        self.rules.append(f"nf_conntrack_udp_timeout_stream={seconds}")

    def end(self, me: str, there: str = "", *, net: Net | None = None, **options) -> Swan:
        """Start a charon; *options* are those of `configured`, and `settings`, `plugins`, `files`
        for it."""
        there = there or (FAR if me == "left" else "%any")
        how = {
            key: options.pop(key) for key in ("settings", "plugins", "tunnels") if key in options
        }
        files: Callable[[Path], None] | None = options.pop("files", None)
        text = configured(me, there, **options)
        place = net or (self.world.client if me == "left" else self.world.server)
        made = Swan(place, me, "", there, configured=text, files=files, **how)
        self.ends.append(made)
        return made

    def both(self, **options) -> tuple[Swan, Swan]:
        """Start both ends with the same options."""
        return self.end("left", **options), self.end("right", **options)

    def close(self) -> None:
        """Stop everything, the recorders last."""
        for end in self.ends:
            if end.process.poll() is None:
                end.close()
        counted = self.router.sh("nft list ruleset ip | cat")
        self.dropped = sum(map(int, DROPPED.findall(counted)))
        tables = "$(nft list tables ip | awk '/drop/ {print $3}')"
        self.router.sh(f"for each in {tables}; do nft delete table ip $each; done")
        with self.world.client.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.sendto(MARK, (FAR, 9))
        for recorder in self.recorders:
            recorder.stop()


def needed() -> None:
    """Skip, or with CI=true fail, where a program is missing."""
    swan.needed("dumpcap")
