"""Bridges: packets that go from one port to another do not belong to a guard that routes."""

from collections.abc import Iterator
from pathlib import Path

from backchannel.errors import UsageError


def ports(root: Path = Path("/sys/class/net")) -> Iterator[tuple[str, str]]:
    """Yield (bridge, port)."""
    for port in sorted(root.glob("*/brport/bridge")):
        yield port.resolve().name, port.parent.parent.name


def check(
    root: Path = Path("/sys/class/net"), settings: Path = Path("/proc/sys/net/bridge")
) -> list[str]:
    """Return warnings. Raises UsageError where bridged packets would come to the queue.

    Linux calls the IP hooks for bridged packets when `bridge-nf-call-iptables` is on; verdicts on
    such packets are known to go wrong.
    """
    bridges = sorted({bridge for bridge, _ in ports(root)})
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
