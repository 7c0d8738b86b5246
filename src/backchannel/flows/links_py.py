"""From a frame to the IP packet in it, in plain Python: the twin of `links`.

    link layer -> tags: VLAN, MPLS, PPPoE -> IP

Sources: the link types of the tcpdump group (NFLOG: nfnetlink_log.h of Linux), IEEE 802.1Q,
802.1ah, 802.1BR and 802.11, radiotap.org, RFC 1661, 2516, 3032, 4385 and 4448 (Ethernet under
MPLS); for FabricPath, Zeek's `Ethernet.cc`.
"""

from collections.abc import Callable

from backchannel.flows.counters import ADDRESS_FAMILY, ETHERTYPE, LINK_TYPE, LLC, PPP_PROTOCOL

VLAN_TYPES = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})
IPV4, IPV6, MPLS, MPLS_UP, PPPOE = 0x0800, 0x86DD, 0x8847, 0x8848, 0x8864
ENTERED = VLAN_TYPES | {IPV4, IPV6, MPLS, MPLS_UP, PPPOE}
"""Ethernet types in which there may be an IP packet."""
SWITCH_TAGS = {0x8926: 6, 0x893F: 8, 0x8909: 8, 0x88E7: 18, 0x8903: 16}
"""Sizes of what switches put before an Ethernet type: VN-Tag, E-Tag (802.1BR), Cisco's metadata,
and with the addresses of the frame in it, the backbone's tag (802.1ah) and Cisco's FabricPath.
"""
MAX_LABELS = 16
NFLOG_PACKET, NFLOG_PAYLOAD = 1, 9

Count = Callable[[str], None]


class Links:
    """Unwraps one frame at a time, and remembers the tags that were around it."""

    def __init__(self, count: Count, number: Callable[[int, int], None], depth: int) -> None:
        """*count* takes a name of `COUNTED`, *number* an index of `NUMBERED` and the number."""
        self._count, self._number, self._depth, self._left = count, number, depth, 0
        self.vlans: tuple[int, ...] = ()
        self._links: dict[int, Callable[[bytes], bytes | None]] = {
            0: self._null,
            1: self.ethernet,
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
            239: self._nflog,
            276: self._cooked2,
        }

    def unwrap(self, link: int, frame: bytes) -> bytes | None:
        """Begin a frame; return the IP packet in it. None: there is none, and it was counted."""
        self.vlans, self._left = (), self._depth
        return self._inside(link, frame)

    def _inside(self, link: int, frame: bytes) -> bytes | None:
        decode = self._links.get(link)
        if decode is None:
            self._number(LINK_TYPE, link)
            return None
        return decode(frame)

    def _leave(self, what: str = "truncated link header") -> bytes | None:
        """Count why nothing comes of this frame, and return nothing."""
        self._count(what)
        return None

    # -- link layers ---------------------------------------------------------------------------

    def ethernet(self, data: bytes) -> bytes | None:
        """Return the IP packet in an Ethernet frame."""
        if len(data) < 14:
            return self._leave()
        return self.typed(int.from_bytes(data[12:14]), data[14:])

    def _null(self, data: bytes) -> bytes | None:
        if len(data) < 4:
            return self._leave()
        family = int.from_bytes(data[:4])  # in the byte order of the machine that captured
        if family > 0xFFFF:
            family = int.from_bytes(data[:4], "little")
        if family == 2:
            return self.typed(IPV4, data[4:])
        if family in {10, 24, 28, 30}:  # AF_INET6 of Linux, NetBSD, FreeBSD, Darwin
            return self.typed(IPV6, data[4:])
        self._number(ADDRESS_FAMILY, family)
        return None

    def _raw(self, data: bytes) -> bytes | None:
        if not data:
            return self._leave()
        return data

    def _ppp(self, data: bytes) -> bytes | None:
        if len(data) >= 4 and data[0] in {0x0F, 0x8F} and data[1] == 0:
            return self._cisco(data)
        if data[:2] == b"\xff\x03":
            data = data[2:]
        return self._ppp_payload(data)

    def _ppp_payload(self, data: bytes) -> bytes | None:
        if data and data[0] & 1:  # the protocol field may be compressed to one byte
            protocol, data = data[0], data[1:]
        elif len(data) >= 2:
            protocol, data = int.from_bytes(data[:2]), data[2:]
        else:
            return self._leave()
        if protocol == 0x21:
            return self.typed(IPV4, data)
        if protocol == 0x57:
            return self.typed(IPV6, data)
        self._number(PPP_PROTOCOL, protocol)
        return None

    def _cisco(self, data: bytes) -> bytes | None:
        if len(data) < 4:
            return self._leave()
        return self.typed(int.from_bytes(data[2:4]), data[4:])

    def _cooked(self, data: bytes) -> bytes | None:
        if len(data) < 16:
            return self._leave()
        return self.typed(int.from_bytes(data[14:16]), data[16:])

    def _cooked2(self, data: bytes) -> bytes | None:
        if len(data) < 20:
            return self._leave()
        return self.typed(int.from_bytes(data[:2]), data[20:])

    def _ppi(self, data: bytes) -> bytes | None:
        if len(data) < 8:
            return self._leave()
        size, link = int.from_bytes(data[2:4], "little"), int.from_bytes(data[4:8], "little")
        if size < 8 or size > len(data):
            return self._leave()
        if link == 192:  # PPI holds anything but PPI
            return self._leave()
        return self._inside(link, data[size:])

    def _radiotap(self, data: bytes) -> bytes | None:
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

    def _wifi(self, data: bytes, *, padded: bool = False) -> bytes | None:
        if len(data) < 2:
            return self._leave()
        kind, subtype, flags = data[0] >> 2 & 3, data[0] >> 4, data[1]
        if kind != 2 or subtype & 4:  # not a data frame, or one without data
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

    def _llc(self, data: bytes) -> bytes | None:
        if len(data) < 3:
            return self._leave()
        if data[:3] != b"\xaa\xaa\x03":
            self._number(LLC, data[0])
            return None
        if len(data) < 8:
            return self._leave()
        kind = int.from_bytes(data[6:8])
        if kind < 0x600:  # a length again: not taken apart twice
            self._number(ETHERTYPE, kind)
            return None
        return self.typed(kind, data[8:])

    def _nflog(self, data: bytes) -> bytes | None:
        """What Linux logs: attributes, in the byte order of the machine that captured."""
        kind, at = {2: IPV4, 10: IPV6}.get(data[0], 0) if data else 0, 4
        while at + 4 <= len(data):
            length = int.from_bytes(data[at : at + 2], "little")
            if length < 4 or at + length > len(data):
                break
            attribute = int.from_bytes(data[at + 2 : at + 4], "little")
            if attribute == NFLOG_PACKET and length >= 6 and not kind:
                kind = int.from_bytes(data[at + 4 : at + 6])
            elif attribute == NFLOG_PAYLOAD:
                return self.typed(kind, data[at + 4 : at + length])
            at += length + 3 & ~3
        return self._leave()

    # -- tags ----------------------------------------------------------------------------------

    def enter(self) -> bool:
        """Go one tag or tunnel deeper, if there may be one more."""
        if not self._left:
            self._count("too many tags or tunnels")
            return False
        self._left -= 1
        return True

    def typed(self, kind: int, data: bytes) -> bytes | None:
        """Return the IP packet in what *kind*, an Ethernet type or a length, says *data* is."""
        while kind in VLAN_TYPES:
            if len(data) < 4:
                return self._leave()
            if not self.enter():
                return None
            self.vlans += (int.from_bytes(data[:2]) & 0xFFF,)
            kind, data = int.from_bytes(data[2:4]), data[4:]
        if kind in {IPV4, IPV6}:
            return data
        if kind in {MPLS, MPLS_UP}:
            return self._mpls(data)
        if kind == PPPOE:
            return self._pppoe(data)
        if kind < 0x600:
            return self._llc(data)
        if kind in SWITCH_TAGS:
            return self._tagged(data, SWITCH_TAGS[kind])
        self._number(ETHERTYPE, kind)
        return None

    def _tagged(self, data: bytes, header: int) -> bytes | None:
        """Return the IP packet behind a tag that ends in an Ethernet type."""
        if len(data) < header:
            return self._leave()
        if not self.enter():
            return None
        return self.typed(int.from_bytes(data[header - 2 : header]), data[header:])

    def _mpls(self, data: bytes) -> bytes | None:
        for label in range(MAX_LABELS):
            if len(data) < 4 * label + 4:
                return self._leave()
            if data[4 * label + 2] & 1:
                return self._labelled(data[4 * label + 4 :])
        self._count("too many tags or tunnels")
        return None

    def _labelled(self, data: bytes) -> bytes | None:
        """No label says what follows it: an IP packet, or a frame, often after a control word."""
        if data and data[0] >> 4 in {4, 6}:
            return data
        for word in (0, 4):
            if word and int.from_bytes(data[:2]) & 0xF0C0:
                continue
            kind = int.from_bytes(data[word + 12 : word + 14])
            if len(data) > word + 14 and kind in ENTERED:
                return self.ethernet(data[word:]) if self.enter() else None
        self._number(ETHERTYPE, MPLS)
        return None

    def _pppoe(self, data: bytes) -> bytes | None:
        if len(data) < 6:
            return self._leave()
        if data[0] != 0x11 or data[1]:
            self._number(ETHERTYPE, PPPOE)
            return None
        return self._ppp_payload(data[6:])
