"""The connections by which this host is administered right now, which no policy may cut off."""

import os
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path

from backchannel.policy.decide import Flow, decide
from backchannel.policy.model import Lifeline, Line, Networks, Party, Ports, Rules

PARENTS = 16
"""How far up the tree of processes we look; `sudo` and shells stand between us and sshd."""


def sessions() -> list[Flow]:
    """Return the SSH connections that this process hangs from."""
    found = dict[str, Flow]()
    for told in _told():
        parts = told.split()
        if len(parts) != 4 or not (parts[1] + parts[3]).isdigit():
            continue
        try:
            client, server = ip_address(parts[0]), ip_address(parts[2])
        except ValueError:
            continue
        found[told] = Flow(
            carrier="tcp",
            client=client,
            server=server,
            client_port=int(parts[1]),
            server_port=int(parts[3]),
        )
    return list(found.values())


def cut(rules: Rules, flows: list[Flow]) -> list[str]:
    """Return why *rules* must not be loaded: what would become of *flows*, in words."""
    told = []
    for flow in flows:
        decision = decide(rules, flow)
        if decision.verdict == "deny":
            by = decision.by
            who = f"{by.name} ({by.place})" if isinstance(by, Line) else "the default"
            told.append(
                f"{who} would cut the connection from {flow.client} to port {flow.server_port} "
                f"by which you are here; add  management: [{{from: {flow.client}, "
                f"port: tcp/{flow.server_port}}}]"
            )
    return told


def lifeline(flow: Flow) -> Lifeline:
    """Return the rule that keeps whoever is at *flow*'s client connected, and lets them back."""
    ports = Ports("tcp", flow.server_port, flow.server_port)
    return Lifeline("SSH_CONNECTION", _alone(flow.client), _alone(flow.server), ports)


def _alone(address: IPv4Address | IPv6Address) -> Party:
    if isinstance(address, IPv4Address):
        return Party(str(address), Networks(v4=(IPv4Network(int(address)),)))
    return Party(str(address), Networks(v6=(IPv6Network(int(address)),)))


def _told() -> Iterator[str]:
    """Yield what SSH_CONNECTION is here and in our parents, as far as we may look."""
    yield os.environ.get("SSH_CONNECTION", "")
    process = os.getppid()
    for _ in range(PARENTS):
        folder = Path("/proc") / str(process)
        try:
            environment = (folder / "environ").read_bytes()
            status = (folder / "status").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return
        for entry in environment.split(b"\0"):
            if entry.startswith(b"SSH_CONNECTION="):
                yield entry.partition(b"=")[2].decode("ascii", "replace")
        parent = next((x for x in status.splitlines() if x.startswith("PPid:")), "PPid: 0")
        process = int(parent.split()[1])
        if process <= 1:
            return
