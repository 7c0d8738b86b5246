"""A network in a process: client, router with the ruleset, server, and a plain hop on either side.

    client c0 -- n0 near n1 -- IN router OUT -- f0 far f1 -- s0 server

The hops are where packets are lost on purpose or cut into fragments, so that the router meets them
as it would from a network. Neighbours and routes are static: no ARP, no router advertisements, and
a ruleset that drops ICMPv6 changes nothing but what it drops. The client has every inside address,
the server every outside one.
"""

import socket
import subprocess
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec

from backchannel.prove.namespaces import Network

OUTSIDE = (IPv4Network("93.0.0.0/8"), IPv6Network("2606:2800:220::/48"))
"""Addresses of servers that nobody chose. Ordinary ones, because rulesets treat the reserved
ranges for documentation and benchmarks as forged; no packet of them ever leaves the lab."""
MANY = IPv4Network("94.0.0.0/8")
"""Such addresses for conversations of very many packets, of which only some are traced."""
INSIDE = (IPv4Network("10.9.0.0/16"), IPv6Network("fd09:9::/64"))
"""Addresses of clients that nobody chose."""
Net = IPv4Network | IPv6Network
_HERE = {4: "169.254.7.", 6: "fe80::7:"}
_ENDS = (("c0", "n0"), ("n1", "in"), ("out", "f0"), ("f1", "s0"))


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How the lab's network is laid out."""

    inside_interface: str = "lan0"
    """The router's interface towards the clients, as the ruleset names it."""
    outside_interface: str = "wan0"
    inside: tuple[str, ...] = ()
    """Further networks of the client's side."""
    outside: tuple[str, ...] = ()
    """Further networks of the server's side."""


class LabError(RuntimeError):
    """The lab could not be built; the message holds what the tool said."""


class Lab:
    """The five networks. Gone with the process."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        names = ("client", "near", "router", "far", "server")
        self.client, self.near, self.router, self.far, self.server = map(Network, names)
        self._inside = [*INSIDE, *map(ip_network, plan.inside)]
        self._outside = [*OUTSIDE, MANY, *map(ip_network, plan.outside)]
        self._wire()
        for hop in (self.near, self.router, self.far):
            hop.set("net/ipv4/ip_forward", 1)
            hop.set("net/ipv6/conf/all/forwarding", 1)
        for end in (self.client, self.server):
            end.set("net/ipv4/tcp_no_metrics_save", 1)
            end.set("net/ipv4/ip_local_port_range", "20000 60999")
            end.set("net/ipv4/ip_unprivileged_port_start", 0)
            end.set("net/ipv6/ip_nonlocal_bind", 1)

    def socket(self, where: Network, version: int, kind: int) -> socket.socket:
        """Return a new socket of *kind* (SOCK_STREAM, SOCK_DGRAM) that does not block."""
        with where.inside():
            made = socket.socket(
                socket.AF_INET6 if version == 6 else socket.AF_INET, kind | socket.SOCK_NONBLOCK
            )
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return made

    def fragment(self, addresses: Iterable[str], size: int) -> None:
        """Have the near hop cut packets to *addresses* into fragments of *size* bytes."""
        self._ip(
            self.near,
            [
                f"route replace {address}/32 via {_HERE[4]}3 dev n1 onlink mtu lock {size}"
                for address in addresses
            ],
        )

    def _interface(self, name: str) -> str:
        return {"in": self.plan.inside_interface, "out": self.plan.outside_interface}.get(
            name, name
        )

    def _wire(self) -> None:
        chain = (self.client, self.near, self.router, self.far, self.server)
        commands: dict[Network, list[str]] = {network: ["link set lo up"] for network in chain}
        for place, (left, right) in enumerate(_ENDS):
            ends = self._interface(left), self._interface(right)
            macs = f"02:00:00:00:{place:02x}:01", f"02:00:00:00:{place:02x}:02"
            far_end = chain[place + 1].descriptor
            commands[chain[place]].append(
                f"link add {ends[0]} address {macs[0]} type veth peer name {ends[1]} "
                f"address {macs[1]} netns /proc/self/fd/{far_end}"
            )
        for place, (left, right) in enumerate(_ENDS):
            for side in (0, 1):
                network = chain[place + side]
                name = self._interface((left, right)[side])
                mac = f"02:00:00:00:{place:02x}:{2 - side:02x}"
                commands[network] += self._link(name, mac, place, side)
        for place, network in enumerate(chain):
            commands[network] += self._routes(place)
        for network in chain[:-1]:  # first all the wires, then what runs over them
            self._ip(network, [line for line in commands[network] if line.startswith("link add")])
        for network in chain:
            self._quiet(network)
            self._ip(
                network, [line for line in commands[network] if not line.startswith("link add")]
            )

    def _quiet(self, network: Network) -> None:
        with network.inside():
            names = [name for _, name in socket.if_nameindex() if name != "lo"]
        for name in names:
            network.set(f"net/ipv6/conf/{name}/addr_gen_mode", 1)
            network.set(f"net/ipv6/conf/{name}/accept_dad", 0)

    def _link(self, name: str, mac: str, place: int, side: int) -> Iterator[str]:
        """Yield what brings one end up: *place* counts the wires, *side* 0 is its left end."""
        other = place + 1 + (1 - side)
        yield f"link set {name} up"
        yield f"address add {_HERE[4]}{place + 1 + side}/32 dev {name}"
        yield f"address add {_HERE[6]}{place + 1 + side}/128 dev {name} nodad"
        for version in (4, 6):
            yield f"neighbour add {_HERE[version]}{other} lladdr {mac} dev {name} nud permanent"

    def _routes(self, place: int) -> Iterator[str]:
        """Yield the routes of the network at *place* in the chain."""
        if place == 0:
            yield from (f"route replace local {net} dev lo" for net in self._inside)
        if place == 4:
            yield from (f"route replace local {net} dev lo" for net in self._outside)
        left = {0: "", 1: "n0", 2: "in", 3: "f0", 4: "s0"}[place]
        right = {0: "c0", 1: "n1", 2: "out", 3: "f1", 4: ""}[place]
        for version in (4, 6):
            onlink = "onlink" if version == 4 else ""
            everywhere = "0.0.0.0/0" if version == 4 else "::/0"
            if right:
                yield (
                    f"route replace {everywhere} via {_HERE[version]}{place + 2} "
                    f"dev {self._interface(right)} {onlink}"
                )
            if left:
                inside = [str(net) for net in self._inside if net.version == version]
                for net in [everywhere] if place == 4 else inside:
                    yield (
                        f"route replace {net} via {_HERE[version]}{place} "
                        f"dev {self._interface(left)} {onlink}"
                    )

    def _ip(self, network: Network, lines: Iterable[str]) -> None:
        text = "\n".join(lines)
        with network.inside():
            done = subprocess.run(
                ["ip", "-batch", "-"],
                input=text,
                capture_output=True,
                text=True,
                check=False,
                pass_fds=[
                    each.descriptor for each in (self.near, self.router, self.far, self.server)
                ],
            )
        if done.returncode:
            raise LabError(f"ip in the {network.name} network: {done.stderr.strip()}\n{text}")
