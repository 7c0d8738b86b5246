"""What the kernel says each packet met: nftables' own trace, read from netlink.

A rule of the lab's table marks packets for tracing; the kernel then tells every rule, with its
handle, that gave a verdict, for iptables rulesets as well where iptables is the nftables variant.
Facts: linux/netfilter/nf_tables.h (NFT_MSG_TRACE, NFTA_TRACE_*), linux/netfilter/nfnetlink.h.
"""

import socket
from collections import Counter, OrderedDict
from ipaddress import ip_address

import msgspec

from backchannel import netlink
from backchannel.prove.lab import MANY, Lab

TABLE = "backchannel_lab"
TRACED = 40
"""Packets of one direction of a conversation of one-byte segments that are traced."""
LOADED = f"""table inet {TABLE} {{
  set few {{
    type ipv4_addr . ipv4_addr; flags dynamic; size 65535; timeout 10m;
  }}
  chain arrive {{
    type filter hook prerouting priority -450; policy accept;
    ip saddr {MANY} jump some
    ip daddr {MANY} jump some
    meta nftrace set 1
  }}
  chain some {{
    update @few {{ ip saddr . ip daddr limit rate over 1/minute burst {TRACED} packets }} accept
  }}
}}
"""
"""Stands beside the ruleset, and has packets traced."""
TRACKING = f"""table inet {TABLE}_before {{
  chain arrive {{
    type filter hook prerouting priority -150; policy accept;
    ct state new,established,related,invalid accept
  }}
}}
"""
"""Stands before the ruleset is loaded, so that connections are tracked as on any router."""
_SOL_NETLINK, _ADD_MEMBERSHIP, _TRACE_GROUP = 270, 1, 9
_TRACE_MESSAGE = 10 << 8 | 17
_TABLE, _CHAIN, _HANDLE, _TYPE, _VERDICT, _ID, _NETWORK, _POLICY = 1, 2, 3, 4, 5, 6, 8, 16
_IS_POLICY = 1
VERDICTS = {
    0: "drop",
    1: "accept",
    2: "stolen",
    3: "queue",
    -1: "continue",
    -3: "jump",
    -4: "goto",
    -5: "return",
}
FINAL = frozenset({"drop", "accept", "stolen", "queue"})
"""Verdicts that end a packet's way through a chain of a hook."""
FAMILIES = {1: "inet", 2: "ip", 5: "netdev", 7: "bridge", 10: "ip6"}
_REMEMBERED = 4096
_BUFFER = 8 << 20


class Met(msgspec.Struct, frozen=True):
    """A rule, or a chain's policy (handle 0), and what it decided."""

    family: str
    table: str
    chain: str
    handle: int
    verdict: str


class Trace:
    """Counts, for each pair of addresses, the verdicts that its packets met in the router."""

    def __init__(self, lab: Lab) -> None:
        with lab.router.inside():
            self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, netlink.NETFILTER)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self.socket.bind((0, 0))
        self.socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _TRACE_GROUP)
        self.lost = 0
        """How often the kernel had more to tell than was read in time."""
        self._pairs: OrderedDict[int, tuple[str, str]] = OrderedDict()
        self._met: dict[tuple[str, str], Counter[Met]] = {}

    def read(self) -> None:
        """Take what the kernel has to tell; never waits."""
        while True:
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:  # ENOBUFS: some were lost, and reading goes on
                self.lost += 1
                continue
            self.hear(data)

    def hear(self, data: bytes) -> None:
        """Take one datagram of the kernel's."""
        for kind, message in netlink.messages(data):
            if kind == _TRACE_MESSAGE:
                self._take(message)

    def between(self, one: str, other: str) -> Counter[Met]:
        """Return what packets between two addresses met, in both directions."""
        none: Counter[Met] = Counter()
        return self._met.get((one, other), none) + self._met.get((other, one), none)

    def totals(self) -> Counter[Met]:
        """Return what all packets met."""
        return sum(self._met.values(), Counter())

    def forget(self) -> None:
        """Begin anew."""
        self.read()
        self._met.clear()

    def _take(self, message: bytes) -> None:
        told = dict(netlink.attributes(message[4:]))
        number = int.from_bytes(told.get(_ID, b""))
        if header := told.get(_NETWORK):
            self._pairs[number] = _addresses(header)
            self._pairs.move_to_end(number)
            if len(self._pairs) > _REMEMBERED:
                self._pairs.popitem(last=False)
        table = _text(told.get(_TABLE, b""))
        if table == TABLE or number not in self._pairs:
            return
        if (verdict := _verdict(told)) is not None:
            family = FAMILIES.get(message[0], "")
            met = Met(family, table, _text(told.get(_CHAIN, b"")), *verdict)
            self._met.setdefault(self._pairs[number], Counter())[met] += 1


def _verdict(told: dict[int, bytes]) -> tuple[int, str] | None:
    """Return (rule handle, verdict) of a rule that fitted, or of a policy (handle 0)."""
    if int.from_bytes(told.get(_TYPE, b"")) == _IS_POLICY:
        return 0, VERDICTS.get(int.from_bytes(told.get(_POLICY, b"")), "accept")
    inner = dict(netlink.attributes(told.get(_VERDICT, b"")))
    code = int.from_bytes(inner.get(1, b""), signed=True)
    verdict = VERDICTS.get(code if code < 0 else code & 0xFF)
    return (int.from_bytes(told.get(_HANDLE, b"")), verdict) if verdict else None


def _addresses(header: bytes) -> tuple[str, str]:
    if header[0] >> 4 == 6:
        return str(ip_address(header[8:24])), str(ip_address(header[24:40]))
    return socket.inet_ntoa(header[12:16]), socket.inet_ntoa(header[16:20])


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode("utf-8", "replace")
