"""One packet as a firewall sees it, and what becomes of it."""

from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Literal

import msgspec

from backchannel.errors import InputError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Hook = Literal["forward", "input", "output"]
State = Literal["new", "established", "related", "invalid", "untracked"]


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """The first packet of a flow unless `state` says otherwise."""

    carrier: str
    """tcp, udp, esp, ah, icmp, ipv6-icmp, or a protocol's number."""
    source: Address
    destination: Address
    source_port: int = 0
    destination_port: int = 0
    arrives: str = ""
    """Interface it came in by; empty for packets of this host's own."""
    leaves: str = ""
    state: State = "new"
    reply: bool = False
    """Whether it goes against the direction of the flow's first packet."""
    flags: frozenset[str] = frozenset({"syn"})
    """TCP's flags that are set."""
    icmp: str = ""
    """ICMP type in nftables' words, such as `echo-request`."""
    at: datetime | None = None
    """In the time zone that the firewall reckons in; None: rules with hours count as holding."""

    def address(self, source: bool) -> Address:
        """Return where it is from, or where it goes."""
        return self.source if source else self.destination

    def port(self, source: bool) -> int:
        """Return the port that it is from, or goes to."""
        return self.source_port if source else self.destination_port


Test = Callable[[Packet], bool]


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of a packet, and which line says so."""

    passes: bool
    line: int
    """Of the text; 0 for what holds where no rule decides."""
    rule: str
    """The rule as it stands in the text, or the default in words."""
    label: str = ""
    """Comment, label or remark of the rule: our texts name the policy's line in it."""
    way: tuple[str, ...] = ()
    """Rules that sent the packet to other chains, or back from them, before."""


def unknown(path: str, line: int, what: str) -> InputError:
    """Return the error for a line that cannot be evaluated."""
    return InputError(path, f"cannot be evaluated: {what}", f"line {line}")
