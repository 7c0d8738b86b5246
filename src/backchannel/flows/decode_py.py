"""One frame's headers, outermost to innermost, in plain Python: the twin of `decode`.

    frame -> links -> IP, extension headers, fragments -> tunnel -> links or IP ... -> transport

Sources: RFC 791, 8200 (IP), 2003, 4213 (IP in IP), 4302 (AH).
"""

from collections.abc import Callable

from backchannel.flows.community import ICMP, ICMP6, icmp_ports
from backchannel.flows.fragments_py import Fragments
from backchannel.flows.links_py import Count, Links
from backchannel.flows.row import PORTED
from backchannel.flows.tunnels_py import BRIDGED, Inside, in_gre, in_udp

EXTENSIONS = frozenset({0, 43, 60, 135, 139, 140})
MAX_EXTENSIONS = 8
TCP, UDP, IPIP, SIX_IN_FOUR, GRE, AH = 6, 17, 4, 41, 47, 51
AH_HEADER = 12  # without the check value

Context = tuple[tuple[int, ...], tuple[str, ...]]
"""(VLAN ids, tunnels), outermost first."""


class Packet:
    """The innermost packet of a frame."""

    __slots__ = (
        "ack",
        "context",
        "flags",
        "length",
        "payload",
        "ports",
        "protector",
        "protocol",
        "seq",
        "size",
        "source",
        "target",
        "types",
        "window",
    )

    def __init__(self, context: Context, source: bytes, target: bytes, protocol: int) -> None:
        self.context, self.source, self.target, self.protocol = context, source, target, protocol
        self.ports = self.types = (0, 0)
        self.size = self.length = self.seq = self.ack = self.flags = self.window = 0
        self.payload = b""
        self.protector: Packet | None = None
        """The AH packet around it."""


class Decoder:
    """Finds the innermost packet of a frame. Remembers nothing but unfinished datagrams."""

    def __init__(
        self,
        count: Count,
        number: Callable[[int, int], None],
        fragments: Fragments,
        depth: int,
        *,
        ah: bool = True,
        vlans: bool = True,
    ) -> None:
        """*count* takes a name of `COUNTED`, *number* an index of `NUMBERED` and the number."""
        self._count, self._number, self._fragments = count, number, fragments
        self._links = Links(count, number, depth)
        self._tunnels: tuple[str, ...] = ()
        self._time, self._ah, self._vlans = 0, ah, vlans
        self._protector: Packet | None = None

    def decode(self, link: int, frame: bytes, time: int) -> Packet | None:
        """Return the innermost IP packet; None where there is none, which is counted by name."""
        self._tunnels, self._time, self._protector = (), time, None
        data = self._links.unwrap(link, frame)
        packet = None if data is None else self._ip(data)
        if packet is None:
            return self._protector
        packet.protector = self._protector
        return packet

    def _leave(self, what: str) -> Packet | None:
        """Count why nothing comes of this frame, and return nothing."""
        self._count(what)
        return None

    # -- IP ------------------------------------------------------------------------------------

    def _ip(self, data: bytes) -> Packet | None:
        if not self._vlans:
            self._links.vlans = ()
        if not data:
            return self._leave("truncated ip header")
        if data[0] >> 4 == 4:
            return self._ip4(data)
        if data[0] >> 4 == 6:
            return self._ip6(data)
        return self._leave("bad ip header")

    def _ip4(self, data: bytes) -> Packet | None:
        if len(data) < 20:
            return self._leave("truncated ip header")
        header, total = (data[0] & 15) * 4, int.from_bytes(data[2:4])
        total = total or len(data)  # 0 is left by cards that cut segments themselves
        if header < 20 or total < header:
            return self._leave("bad ip header")
        if len(data) < header:
            return self._leave("truncated ip header")
        place = int.from_bytes(data[6:8])
        protocol, source, target = data[9], data[12:16], data[16:20]
        body, length = data[header:total], total - header
        if place & 0x3FFF:
            name = (data[4:6], source, target, protocol)
            start, more = (place & 0x1FFF) * 8, bool(place & 0x2000)
            whole = self._fragment(name, start, body, length, more=more)
            if whole is None:
                return None
            body, length, total = whole, len(whole), header + len(whole)
        return self._inside(source, target, protocol, body, length, total)

    def _ip6(self, data: bytes) -> Packet | None:
        if len(data) < 40:
            return self._leave("truncated ip header")
        length = int.from_bytes(data[4:6]) or len(data) - 40
        source, target, protocol = data[8:24], data[24:40], data[6]
        total = 40 + length
        return self._extensions(source, target, protocol, data[40:total], length, total)

    def _extensions(  # noqa: PLR0917 - what an IP header says
        self, source: bytes, target: bytes, protocol: int, body: bytes, length: int, total: int
    ) -> Packet | None:
        """Go on behind the extension headers of IPv6."""
        for _ in range(MAX_EXTENSIONS):
            if protocol in EXTENSIONS:
                if len(body) < 8:
                    return self._leave("truncated ip header")
                protocol, size = body[0], 8 + body[1] * 8
            elif protocol == 44:
                if len(body) < 8:
                    return self._leave("truncated ip header")
                name = (body[4:8], source, target, body[0])
                place, protocol, size = int.from_bytes(body[2:4]), body[0], 8
                if place & 0xFFF9:
                    start, more = place & 0xFFF8, bool(place & 1)
                    joined = self._fragment(name, start, body[8:], length - 8, more=more)
                    if joined is None:
                        return None
                    body, length, total, size = joined, len(joined), 40 + len(joined), 0
            else:
                return self._inside(source, target, protocol, body, length, total)
            if length < size:
                return self._leave("bad ip header")
            if len(body) < size:
                return self._leave("truncated ip header")
            body, length = body[size:], length - size
        return self._leave("ipv6 extension headers too long")

    def _fragment(
        self,
        name: tuple[bytes, bytes, bytes, int],
        start: int,
        body: bytes,
        length: int,
        *,
        more: bool,
    ) -> bytes | None:
        self._count("fragments")
        if len(body) < length:
            self._count("truncated payloads")
            return None
        key = (self._links.vlans, self._tunnels, *name)
        return self._fragments.add(key, start, body, self._time, more=more)

    # -- what IP carries -----------------------------------------------------------------------

    def _inside(  # noqa: PLR0917 - what an IP header says
        self, source: bytes, target: bytes, protocol: int, body: bytes, length: int, total: int
    ) -> Packet | None:
        if protocol in {IPIP, SIX_IN_FOUR}:
            if not self._links.enter():
                return None
            self._tunnels += ("ipip" if protocol == IPIP else "6in4",)
            return self._ip(body)
        if opened := self._opened(protocol, body):
            name, kind, inside = opened
            if not self._links.enter():
                return None
            self._tunnels += (name,)
            return self._tunnelled(kind, inside)
        packet = Packet((self._links.vlans, self._tunnels), source, target, protocol)
        packet.size = total
        if protocol == AH and self._ah:
            if self._protector is None:
                self._protector = self._transport(packet, body, length)
            return self._authenticated(packet, body, length)
        if protocol in PORTED:
            if len(body) < 4:
                return self._leave("truncated transport header")
            packet.ports = int.from_bytes(body[:2]), int.from_bytes(body[2:4])
        return self._transport(packet, body, length)

    def _authenticated(self, ah: Packet, body: bytes, length: int) -> Packet | None:
        """Go on behind an AH header (RFC 4302 §2)."""
        header = (body[1] + 2) * 4 if len(body) >= AH_HEADER else 0
        if not AH_HEADER <= header <= len(body) or not self._links.enter():
            return None
        self._tunnels += ("ah",)
        inner = self._extensions if len(ah.source) == 16 else self._inside
        return inner(ah.source, ah.target, body[0], body[header:], length - header, ah.size)

    def _opened(self, protocol: int, body: bytes) -> Inside | None:
        if protocol == UDP:
            return in_udp(body)
        return in_gre(body, self._number) if protocol == GRE else None

    def _tunnelled(self, kind: int, data: bytes) -> Packet | None:
        """Go on with what a tunnel carries: a whole frame, or what its ethertype says."""
        links = self._links
        inner = links.ethernet(data) if kind == BRIDGED else links.typed(kind, data)
        return None if inner is None else self._ip(inner)

    def _transport(self, packet: Packet, body: bytes, length: int) -> Packet | None:
        header = 0
        if packet.protocol == TCP:
            if len(body) < 20:
                return self._leave("truncated transport header")
            header = (body[12] >> 4) * 4
            if header < 20 or header > length:
                return self._leave("bad tcp header")
            packet.seq, packet.ack = int.from_bytes(body[4:8]), int.from_bytes(body[8:12])
            packet.flags, packet.window = body[13], int.from_bytes(body[14:16])
        elif packet.protocol == UDP:
            if len(body) < 8:
                return self._leave("truncated transport header")
            header, said = 8, int.from_bytes(body[4:6])
            if 8 <= said <= length:
                length = said
            elif said or length < 0xFFFF:  # jumbograms say 0 (RFC 2675 §4)
                self._count("bad udp length")
        elif packet.protocol in {ICMP, ICMP6}:
            if len(body) < 2:
                return self._leave("truncated transport header")
            packet.types = body[0], body[1]
            packet.ports = icmp_ports(packet.protocol, body[0], body[1])
        packet.length = length - header
        packet.payload = body[header:length]
        if len(packet.payload) < packet.length:
            self._count("truncated payloads")
        return packet
