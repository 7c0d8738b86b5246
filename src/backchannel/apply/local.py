"""The firewalls of this host by name, and the folder that knows what was applied to them."""

import os
from pathlib import Path

from backchannel.apply.firewall import Firewall
from backchannel.apply.iptables import Iptables
from backchannel.apply.nftables import Nftables
from backchannel.apply.state import SYSTEM, State
from backchannel.errors import UsageError

FIREWALLS: dict[str, type[Firewall]] = {"nftables": Nftables, "iptables": Iptables}


def firewall(name: str) -> Firewall:
    """Return a firewall of this host. Raises UsageError, MissingProgramError."""
    if name not in FIREWALLS:
        raise UsageError(f"{name} cannot be loaded on this host; {' and '.join(FIREWALLS)} can")
    return FIREWALLS[name]()


def state(folder: Path | None) -> State:
    """Return what is known of earlier applications."""
    if folder is None:
        home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state")
        folder = SYSTEM if os.geteuid() == 0 else home / "backchannel/policy"
    made = State(folder)
    made.make()
    return made
