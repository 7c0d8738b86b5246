"""One frame's headers, outermost to innermost, in plain Python: the twin of `decode`.

    link -> tags (VLAN, MPLS, PPPoE) -> IP -> extension headers, fragments -> tunnel -> IP ...
         -> transport

Sources: the link types of the tcpdump group, IEEE 802.1Q and 802.11, radiotap.org, RFC 791, 1661,
2516, 2784, 2890, 3032, 7348, 8200.
"""

from collections.abc import Callable

from backchannel.flows.fragments_py import Fragments
from backchannel.flows.row import ICMP, ICMP6, PORTED, icmp_ports

VLAN_TYPES = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})
IPV4, IPV6, MPLS, MPLS_UP, PPPOE = 0x0800, 0x86DD, 0x8847, 0x8848, 0x8864
EXTENSIONS = frozenset({0, 43, 60, 135, 139, 140})
MAX_EXTENSIONS = 8
MAX_LABELS = 16
TCP, UDP, IPIP, SIX_IN_FOUR, GRE_PROTOCOL = 6, 17, 4, 41, 47
VXLAN_PORT = 4789

Count = Callable[[str], None]
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


class Decoder:
    """Finds the innermost packet of a frame. Remembers nothing but unfinished datagrams."""

    def __init__(self, count: Count, fragments: Fragments, depth: int) -> None:
        self._count, self._fragments, self._depth = count, fragments, depth
        self._vlans: tuple[int, ...] = ()
        self._tunnels: tuple[str, ...] = ()
        self._left = 0
        self._time = 0
        self._links: dict[int, Callable[[bytes], Packet | None]] = {
            0: self._null,
            1: self._ethernet,
            9: self._ppp,
            12: self._raw,
            14: self._raw,
            50: self._ppp,
            51: self._pppoe,
            101: self._raw,
            104: self._cisco,
            105: self._wifi,
            108: self._null,
            113: self._cooked,
            127: self._radiotap,
            192: self._ppi,
            228: self._raw,
            229: self._raw,
            276: self._cooked2,
        }

    def decode(self, link: int, frame: bytes, time: int) -> Packet | None:
        """Return the innermost IP packet; None where there is none, which is counted by name."""
        self._vlans, self._tunnels, self._left, self._time = (), (), self._depth, time
        return self._link(link, frame)

    def _link(self, link: int, frame: bytes) -> Packet | None:
        decode = self._links.get(link)
        if decode is None:
            self._count(f"link type {link}")
            return None
        return decode(frame)

    def _leave(self, what: str = "truncated link header") -> Packet | None:
        """Count why nothing comes of this frame, and return nothing."""
        self._count(what)
        return None

    # -- link layers ---------------------------------------------------------------------------

    def _ethernet(self, data: bytes) -> Packet | None:
        if len(data) < 14:
            return self._leave()
        return self._typed(int.from_bytes(data[12:14]), data[14:])

    def _null(self, data: bytes) -> Packet | None:
        if len(data) < 4:
            return self._leave()
        family = int.from_bytes(data[:4])  # in the byte order of the machine that captured
        if family > 0xFFFF:
            family = int.from_bytes(data[:4], "little")
        if family == 2:
            return self._typed(IPV4, data[4:])
        if family in {10, 24, 28, 30}:  # AF_INET6 of Linux, NetBSD, FreeBSD, Darwin
            return self._typed(IPV6, data[4:])
        self._count(f"address family {family}")
        return None

    def _raw(self, data: bytes) -> Packet | None:
        if not data:
            return self._leave()
        return self._ip(data)

    def _ppp(self, data: bytes) -> Packet | None:
        if len(data) >= 4 and data[0] in {0x0F, 0x8F} and data[1] == 0:
            return self._cisco(data)
        if data[:2] == b"\xff\x03":
            data = data[2:]
        return self._ppp_payload(data)

    def _ppp_payload(self, data: bytes) -> Packet | None:
        if data and data[0] & 1:  # the protocol field may be compressed to one byte
            protocol, data = data[0], data[1:]
        elif len(data) >= 2:
            protocol, data = int.from_bytes(data[:2]), data[2:]
        else:
            return self._leave()
        if protocol == 0x21:
            return self._typed(IPV4, data)
        if protocol == 0x57:
            return self._typed(IPV6, data)
        self._count(f"ppp protocol 0x{protocol:04x}")
        return None

    def _cisco(self, data: bytes) -> Packet | None:
        if len(data) < 4:
            return self._leave()
        return self._typed(int.from_bytes(data[2:4]), data[4:])

    def _cooked(self, data: bytes) -> Packet | None:
        if len(data) < 16:
            return self._leave()
        return self._typed(int.from_bytes(data[14:16]), data[16:])

    def _cooked2(self, data: bytes) -> Packet | None:
        if len(data) < 20:
            return self._leave()
        return self._typed(int.from_bytes(data[:2]), data[20:])

    def _ppi(self, data: bytes) -> Packet | None:
        if len(data) < 8:
            return self._leave()
        size, link = int.from_bytes(data[2:4], "little"), int.from_bytes(data[4:8], "little")
        if size < 8 or size > len(data):
            return self._leave()
        if link == 192 or not self._enter():
            return self._leave() if link == 192 else None
        return self._link(link, data[size:])

    def _radiotap(self, data: bytes) -> Packet | None:
        if len(data) < 8:
            return self._leave()
        size = int.from_bytes(data[2:4], "little")
        if size < 8 or size > len(data):
            return self._leave()
        at, word = 4, 4
        while data[word + 3] & 0x80:  # more words of "present" bits follow
            word += 4
            if word + 4 > size:
                return self._leave()
        present = int.from_bytes(data[at : at + 4], "little")
        at = word + 4
        if present & 1:
            at = (at + 7 & ~7) + 8
        padded = bool(present & 2) and at < size and bool(data[at] & 0x20)
        return self._wifi(data[size:], padded=padded)

    def _wifi(self, data: bytes, *, padded: bool = False) -> Packet | None:
        if len(data) < 2:
            return self._leave()
        kind, subtype, flags = data[0] >> 2 & 3, data[0] >> 4, data[1]
        if kind != 2:
            self._count("802.11 management")
            return None
        if subtype & 4:  # no data
            self._count("802.11 management")
            return None
        if flags & 0x40:
            self._count("802.11 protected")
            return None
        size = 30 if flags & 3 == 3 else 24
        if len(data) < size:
            return self._leave()
        if flags & 4 or data[22] & 15:
            self._count("802.11 fragments")
            return None
        if subtype & 8:
            if len(data) < size + 2:
                return self._leave()
            if data[size] & 0x80:
                self._count("802.11 aggregates")
                return None
            size += 6 if flags & 0x80 else 2
        if padded:
            size = size + 3 & ~3
        return self._llc(data[size:])

    def _llc(self, data: bytes) -> Packet | None:
        if len(data) < 3:
            return self._leave()
        if data[:3] != b"\xaa\xaa\x03":
            self._count(f"llc 0x{data[0]:02x}")
            return None
        if len(data) < 8:
            return self._leave()
        return self._typed(int.from_bytes(data[6:8]), data[8:])

    # -- tags ----------------------------------------------------------------------------------

    def _enter(self) -> bool:
        """Go one tag or tunnel deeper, if there may be one more."""
        if not self._left:
            self._count("too many tags or tunnels")
            return False
        self._left -= 1
        return True

    def _typed(self, kind: int, data: bytes) -> Packet | None:
        while kind in VLAN_TYPES:
            if len(data) < 4:
                return self._leave()
            if not self._enter():
                return None
            self._vlans += (int.from_bytes(data[:2]) & 0xFFF,)
            kind, data = int.from_bytes(data[2:4]), data[4:]
        if kind in {IPV4, IPV6}:
            return self._ip(data)
        if kind in {MPLS, MPLS_UP}:
            return self._mpls(data)
        if kind == PPPOE:
            return self._pppoe(data)
        if kind < 0x600:
            return self._llc(data)
        self._count(f"ethertype 0x{kind:04x}")
        return None

    def _mpls(self, data: bytes) -> Packet | None:
        for label in range(MAX_LABELS):
            if len(data) < 4 * label + 4:
                return self._leave()
            if data[4 * label + 2] & 1:
                data = data[4 * label + 4 :]
                if data and data[0] >> 4 in {4, 6}:
                    return self._ip(data)
                self._count("ethertype 0x8847")
                return None
        self._count("too many tags or tunnels")
        return None

    def _pppoe(self, data: bytes) -> Packet | None:
        if len(data) < 6:
            return self._leave()
        if data[0] != 0x11 or data[1]:
            self._count("ethertype 0x8864")
            return None
        return self._ppp_payload(data[6:])

    # -- IP ------------------------------------------------------------------------------------

    def _ip(self, data: bytes) -> Packet | None:
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
        body = data[40:total]
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
        key = (self._vlans, self._tunnels, *name)
        return self._fragments.add(key, start, body, self._time, more=more)

    # -- what IP carries -----------------------------------------------------------------------

    def _inside(  # noqa: PLR0917 - what an IP header says
        self, source: bytes, target: bytes, protocol: int, body: bytes, length: int, total: int
    ) -> Packet | None:
        if protocol in {IPIP, SIX_IN_FOUR}:
            if not self._enter():
                return None
            self._tunnels += ("ipip" if protocol == IPIP else "6in4",)
            return self._ip(body)
        if protocol == GRE_PROTOCOL and (opened := self._gre(body)) is not None:
            kind, name, rest = opened
            if not self._enter():
                return None
            self._tunnels += (name,)
            return self._ethernet(rest) if kind == 0x6558 else self._typed(kind, rest)
        if protocol == UDP and body[2:4] == b"\x12\xb5" and (frame := _vxlan(body)) is not None:
            if not self._enter():
                return None
            self._tunnels += (f"vxlan:{int.from_bytes(body[12:15])}",)
            return self._ethernet(frame)
        packet = Packet((self._vlans, self._tunnels), source, target, protocol)
        packet.size = total
        if protocol in PORTED:
            if len(body) < 4:
                return self._leave("truncated transport header")
            packet.ports = int.from_bytes(body[:2]), int.from_bytes(body[2:4])
        return self._transport(packet, body, length)

    def _gre(self, data: bytes) -> tuple[int, str, bytes] | None:
        """Return (ethertype, name of the tunnel, inside); None for GRE that is not taken apart."""
        if len(data) < 4:
            return None
        flags, kind = int.from_bytes(data[:2]), int.from_bytes(data[2:4])
        if flags & 7:
            self._count(f"gre version {flags & 7}")
            return None
        if kind not in {IPV4, IPV6, MPLS, 0x6558}:
            self._count(f"gre protocol 0x{kind:04x}")
            return None
        at, name = 4 + (4 if flags & 0xC000 else 0), "gre"
        size = at + 4 * bool(flags & 0x2000) + 4 * bool(flags & 0x1000)
        if len(data) < size or flags & 0x4000:  # source routes: never seen, long deprecated
            return None
        if flags & 0x2000:
            # With Ethernet inside it may be NVGRE's: the low byte differs from flow to flow.
            key = int.from_bytes(data[at : at + 4]) >> (8 if kind == 0x6558 else 0)
            name = f"gre:{key}" if key else "gre"
        return kind, name, data[size:]

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


def _vxlan(data: bytes) -> bytes | None:
    """Return the frame inside a UDP datagram that is VXLAN."""
    if len(data) < 16 or data[8:12] != b"\x08\0\0\0" or data[15]:
        return None
    return data[16:]
