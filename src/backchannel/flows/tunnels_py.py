"""Packets inside UDP and GRE, in plain Python: the twin of `tunnels`.

Sources: RFC 2784, 2890, 7637 (GRE), 2637 (PPTP), 2661 (L2TP), 7348 (VXLAN), 8926 (Geneve), 3GPP TS
29.281 (GTP-U), RFC 5415 and 5416 (CAPWAP), draft-foschiano-erspan-03, draft-wilson-wrec-wccp-v2-01
§4.12; EoIP as routers of MikroTik send it, and CAPWAP as Cisco's devices do, by Wireshark's
description.
"""

from collections.abc import Callable

from backchannel.flows.counters import GRE_PROTOCOL, GRE_VERSION, PPP_PROTOCOL
from backchannel.flows.links_py import ENTERED, IPV4, IPV6, MPLS, MPLS_UP, VLAN_TYPES

BRIDGED = 0x6558  # transparent Ethernet bridging
EOIP, PPP, WCCP, ERSPAN, ERSPAN3 = 0x6400, 0x880B, 0x883E, 0x88BE, 0x22EB
L2TP_PORT, GTP_PORT, GENEVE_PORT, CAPWAP_PORT = 1701, 2152, 6081, 5247
VXLAN_PORTS = frozenset({4789, 4790, 8472})
CHECKSUM, ROUTING, KEY, SEQUENCE, ACKNOWLEDGED = 0x8000, 0x4000, 0x2000, 0x1000, 0x80
MAX_EXTENSIONS = 8
WIFI_HEADER, SNAP = 24, b"\xaa\xaa\x03\0\0\0"

Number = Callable[[int, int], None]
Inside = tuple[str, int, bytes]
"""The tunnel's name, and the Ethernet type and bytes of what is inside."""


def in_udp(data: bytes) -> Inside | None:
    """Return what a datagram, with its UDP header, carries; None if it is not a packet."""
    if len(data) < 16:
        return None
    target, source = int.from_bytes(data[2:4]), int.from_bytes(data[:2])
    return _by_port(target, data[8:]) or _by_port(source, data[8:])


def _by_port(port: int, data: bytes) -> Inside | None:
    if port in VXLAN_PORTS:
        return _vxlan(data)
    if port == GENEVE_PORT:
        return _geneve(data)
    if port == GTP_PORT:
        return _gtp(data)
    if port == CAPWAP_PORT:
        return _capwap(data)
    return _l2tp(data) if port == L2TP_PORT else None


def _shown(name: str, kind: int, data: bytes) -> Inside | None:
    """Make sure that *data* has a packet in it, and is what it is said to be."""
    spoken, start = kind, 0
    if kind == BRIDGED:
        for _ in range(3):
            if len(data) < start + 15:
                return None
            spoken = int.from_bytes(data[start + 12 : start + 14])
            if spoken not in VLAN_TYPES:
                break
            start += 4
        start += 14
    if spoken in {IPV4, IPV6}:
        shown = _ip(name, data[start:])
        return (name, kind, data) if shown and shown[1] == spoken else None
    return (name, kind, data) if spoken in ENTERED else None


def _ip(name: str, data: bytes) -> Inside | None:
    kind = {4: IPV4, 6: IPV6}.get(data[0] >> 4) if data else None
    return None if kind is None else (name, kind, data)


def _ppp(data: bytes) -> tuple[int, bytes] | None:
    """Return the protocol of a PPP packet and what it carries; None where it is cut."""
    start = 2 if data[:2] == b"\xff\x03" else 0
    if len(data) < start + 2:
        return None
    size = 1 if data[start] & 1 else 2  # the protocol field may be compressed to one byte
    return int.from_bytes(data[start : start + size]), data[start + size :]


def _vxlan(data: bytes) -> Inside | None:
    """Reserved bits are ignored as RFC 7348 §5 demands; with one of them set, the generic extension
    names what is inside (draft-ietf-nvo3-vxlan-gpe).
    """
    if not data[0] & 8:
        return None
    kind = {1: IPV4, 2: IPV6, 3: BRIDGED}.get(data[3], 0) if data[0] & 4 else BRIDGED
    return _shown(f"vxlan:{int.from_bytes(data[4:7])}", kind, data[8:])


def _geneve(data: bytes) -> Inside | None:
    size, kind = 8 + (data[0] & 0x3F) * 4, int.from_bytes(data[2:4])
    if len(data) < size or data[0] & 0xC0 or data[1] & 0x80:
        return None  # cut, another version, or for the ends alone
    return _shown(f"geneve:{int.from_bytes(data[4:7])}", kind, data[size:])


def _gtp(data: bytes) -> Inside | None:
    if data[0] & 0xF8 != 0x30 or data[1] != 0xFF:  # version 1 of GTP-U, and a user's packet
        return None
    size = 8
    if data[0] & 7:
        size += 4
        if len(data) < size:
            return None
        extension = data[size - 1] if data[0] & 4 else 0
        for _ in range(MAX_EXTENSIONS):
            if not extension:
                break
            if len(data) <= size or not data[size] or len(data) < size + data[size] * 4:
                return None
            size += data[size] * 4
            extension = data[size - 1]
        if extension:
            return None
    return _ip("gtp", data[size:])


def _l2tp(data: bytes) -> Inside | None:
    flags, start = int.from_bytes(data[:2]), 6
    if flags & 0x8000 or flags & 0x34FF != 2:  # for the ends themselves, or another version
        return None
    start += 2 * bool(flags & 0x4000) + 4 * bool(flags & 0x0800)
    if flags & 0x0200:
        if len(data) < start + 2:
            return None
        start += 2 + int.from_bytes(data[start : start + 2])
    opened = _ppp(data[start:])
    return _ip("l2tp", opened[1]) if opened and opened[0] in {0x21, 0x57} else None


def _capwap(data: bytes) -> Inside | None:
    size = (data[1] >> 3) * 4
    if data[0] or data[3] & 0x88 or size < 8:  # DTLS; a fragment; for the ends alone
        return None
    if not data[2] & 1:
        return _shown("capwap", BRIDGED, data[size:])
    body = _wifi(data[size:])
    if body[:6] != SNAP:
        return None
    shown = _ip("capwap", body[8:])
    return shown if shown and shown[1] == int.from_bytes(body[6:8]) else None


def _wifi(data: bytes) -> bytes:
    """Return what an 802.11 frame with data carries; nothing for another frame."""
    if len(data) < WIFI_HEADER:
        return b""
    control, flags = data[:2]
    if control & 15 != 8:  # Cisco's devices swap the two
        control, flags = flags, control
    if control & 0x4F != 8:
        return b""
    return data[WIFI_HEADER + 6 * (flags & 3 == 3) + 2 * (control >> 7) :]


def in_gre(data: bytes, number: Number) -> Inside | None:
    """Return what a GRE packet carries; what is not taken apart is counted by number."""
    if len(data) < 4:
        return None
    flags, kind = int.from_bytes(data[:2]), int.from_bytes(data[2:4])
    if flags & 7:
        return _enhanced(flags, kind, data, number)
    size, key = 4 + 4 * bool(flags & CHECKSUM), 0
    if flags & KEY:
        if len(data) < size + 4:
            return None
        key, size = int.from_bytes(data[size : size + 4]), size + 4
    size += 4 * bool(flags & SEQUENCE)
    if len(data) < size or flags & ROUTING:  # source routes: never seen, long deprecated
        return None
    body = data[size:]
    if kind in {IPV4, IPV6, MPLS, MPLS_UP}:
        return _named("gre", key), kind, body
    if kind == BRIDGED:  # it may be NVGRE's: the low byte differs from flow to flow
        return _named("gre", key >> 8), kind, body
    found = None
    if kind == ERSPAN and not flags & SEQUENCE:  # type I: the frame, and nothing before it
        found = "erspan", BRIDGED, body
    elif kind in {ERSPAN, ERSPAN3}:
        found = _erspan(body, kind)
    elif kind == WCCP:  # version 2 has a header of its own
        found = _ip("wccp", body if body and body[0] >> 4 == 4 else body[4:])
    if found is None:
        number(GRE_PROTOCOL, kind)
    return found


def _enhanced(flags: int, kind: int, data: bytes, number: Number) -> Inside | None:
    """Read GRE of a later version than 0."""
    if flags & 7 == 1 and kind == PPP:
        return _pptp(flags, data, number)
    if flags & 7 == 1 and kind == EOIP and len(data) >= 8 and any(data[4:6]):
        return _named("eoip", int.from_bytes(data[6:8], "little")), BRIDGED, data[8:]
    number(GRE_VERSION, flags & 7)
    return None


def _named(kind: str, number: int) -> str:
    return f"{kind}:{number}" if number else kind


def _erspan(data: bytes, kind: int) -> Inside | None:
    size, version, frame = (8, 1, 0) if kind == ERSPAN else (12, 2, 0)
    if len(data) < size or data[0] >> 4 != version:
        return None
    name = _named("erspan", int.from_bytes(data[2:4]) & 0x3FF)
    if kind == ERSPAN3:
        frame = data[10] >> 2 & 0x1F
        size += 8 * (data[11] & 1)  # more, for one platform
    if len(data) < size:
        return None
    if frame == 0:
        return name, BRIDGED, data[size:]
    return _ip(name, data[size:]) if frame == 2 else None


def _pptp(flags: int, data: bytes, number: Number) -> Inside | None:
    if not flags & SEQUENCE:  # it acknowledges, and carries nothing
        return None
    opened = _ppp(data[16 if flags & ACKNOWLEDGED else 12 :])
    if opened is None:
        return None
    if opened[0] not in {0x21, 0x57}:
        number(PPP_PROTOCOL, opened[0])
        return None
    return _ip("pptp", opened[1])
