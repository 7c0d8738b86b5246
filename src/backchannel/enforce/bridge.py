"""Bridges: packets that go from one port to another do not belong to a guard that routes."""

import socket
from collections.abc import Collection, Iterator
from pathlib import Path

from backchannel.errors import UsageError


def ports(root: Path = Path("/sys/class/net")) -> Iterator[tuple[str, str]]:
    """Yield (bridge, port)."""
    for port in sorted(root.glob("*/brport/bridge")):
        yield port.resolve().name, port.parent.parent.name


def check(
    root: Path = Path("/sys/class/net"),
    settings: Path = Path("/proc/sys/net/bridge"),
    ours: Collection[str] | None = None,
) -> list[str]:
    """Return warnings. Raises UsageError where bridged packets would come to the queue.

    In a network namespace *root* may still show the host's interfaces; *ours* are those that count,
    by default what the kernel names here. Linux calls the IP hooks for bridged packets when
    `bridge-nf-call-iptables` is on; verdicts on such packets are known to go wrong.
    """
    here = {name for _, name in socket.if_nameindex()} if ours is None else ours
    bridges = sorted({bridge for bridge, _ in ports(root) if bridge in here})
    if not bridges:
        return []
    names = ", ".join(bridges)
    called = [
        name
        for name in ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables")
        if _on(settings / name)
    ]
    if called:
        off = " ".join(f"net.bridge.{name}=0" for name in called)
        raise UsageError(
            f"packets between ports of {names} would come to the guard, which cannot judge them "
            f"safely; turn that off (sysctl {off}), or take the ports out of the bridge"
        )
    return [f"what goes from port to port of {names} does not come by here and is not guarded"]


def _on(path: Path) -> bool:
    try:
        return path.read_text().strip() == "1"
    except OSError:
        return False
