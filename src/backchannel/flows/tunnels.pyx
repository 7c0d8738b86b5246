# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Packets inside UDP and GRE; `tunnels_py` says the same in plain Python, and names the sources.

A port is a reason to look and no more: what follows must have the shape of the tunnel's header, and
carry a packet. What has not stays the flow that it is.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from backchannel.flows.links cimport (
    BRIDGED_TYPE,
    IPV4_TYPE,
    IPV6_TYPE,
    MPLS_TYPE,
    MPLS_UPSTREAM,
    is_entered,
    is_tag,
)
from backchannel.flows.state cimport GRE_PROTOCOL, GRE_VERSION, PPP_PROTOCOL, bump_numbered, counts_t
from backchannel.wire cimport be16, be24, be32, le16

cdef enum:
    UDP_HEADER = 8
    EOIP_TYPE = 0x6400
    PPP_TYPE = 0x880B
    WCCP_TYPE = 0x883E
    ERSPAN_TYPE = 0x88BE        # types I and II
    ERSPAN3_TYPE = 0x22EB
    CHECKSUM = 0x8000           # flags of GRE
    ROUTING = 0x4000
    KEY = 0x2000
    SEQUENCE = 0x1000
    ACKNOWLEDGED = 0x80
    MAX_EXTENSIONS = 8          # of GTP
    WIFI_HEADER = 24
    SNAP = 0xAAAA0300

_NAMES = {
    IPIP_TUNNEL: "ipip",
    SIX_IN_FOUR_TUNNEL: "6in4",
    AH_TUNNEL: "ah",
    GRE_TUNNEL: "gre",
    EOIP_TUNNEL: "eoip",
    ERSPAN_TUNNEL: "erspan",
    PPTP_TUNNEL: "pptp",
    WCCP_TUNNEL: "wccp",
    GENEVE_TUNNEL: "geneve",
    GTP_TUNNEL: "gtp",
    L2TP_TUNNEL: "l2tp",
    VXLAN_TUNNEL: "vxlan",
    CAPWAP_TUNNEL: "capwap",
}


cdef str tunnel_name(uint64_t tunnel):
    """Return the text for an entry of walk_t.tunnels."""
    kind, number = tunnel >> 32, tunnel & 0xFFFFFFFF
    numbered = number or kind == VXLAN_TUNNEL or kind == GENEVE_TUNNEL
    return f"{_NAMES[kind]}:{number}" if numbered else _NAMES[kind]


cdef inline bint tell(
    tunnel_t* found, uint64_t name, uint32_t number, uint32_t header, uint32_t kind
) noexcept nogil:
    found.name, found.header, found.kind = name << 32 | number, header, kind
    return kind != 0


cdef inline uint32_t ip_kind(const uint8_t* at, uint32_t size, uint32_t start) noexcept nogil:
    """Return the Ethernet type of the IP packet that begins at *start*; 0 for none."""
    if size <= start:
        return 0
    return IPV4_TYPE if at[start] >> 4 == 4 else IPV6_TYPE if at[start] >> 4 == 6 else 0


cdef inline uint32_t ppp_header(const uint8_t* at, uint32_t size, uint32_t start) noexcept nogil:
    """Return the size of a PPP header at *start*, whose protocol field may be one byte; 0: cut."""
    cdef uint32_t header = 0
    if size >= start + 2 and at[start] == 0xFF and at[start + 1] == 3:
        header = 2
    if size < start + header + 2:
        return 0
    return header + 1 if at[start + header] & 1 else header + 2


cdef inline uint32_t ppp_protocol(const uint8_t* at, uint32_t start, uint32_t header) noexcept nogil:
    return at[start + header - 1] if header & 1 else be16(at + start + header - 2)


# -- in UDP ----------------------------------------------------------------------------------------

cdef bint in_udp(const uint8_t* at, uint32_t size, tunnel_t* found) noexcept nogil:
    """Say whether a datagram, with its UDP header, carries a packet."""
    return size >= 16 and (
        by_port(be16(at + 2), at, size, found) or by_port(be16(at), at, size, found)
    )


cdef bint by_port(
    uint32_t port, const uint8_t* at, uint32_t size, tunnel_t* found
) noexcept nogil:
    if port == VXLAN_PORT or port == VXLAN_GPE_PORT or port == VXLAN_OLD_PORT:
        return vxlan(at, size, found)
    if port == GENEVE_PORT:
        return geneve(at, size, found)
    if port == GTP_PORT:
        return gtp(at, size, found)
    if port == CAPWAP_PORT:
        return capwap(at, size, found)
    return port == L2TP_PORT and l2tp(at, size, found)


cdef bint shown(const uint8_t* at, uint32_t size, uint32_t start, uint32_t kind) noexcept nogil:
    """Whether what begins at *start* has a packet in it, and is what it is said to be."""
    cdef int tag
    if kind == BRIDGED_TYPE:
        for tag in range(3):
            if size < start + 15:
                return False
            kind = be16(at + start + 12)
            if not is_tag(kind):
                break
            start += 4
        start += 14
    if kind == IPV4_TYPE or kind == IPV6_TYPE:
        return kind == ip_kind(at, size, start)
    return is_entered(kind)


cdef inline uint32_t next_protocol(uint8_t number) noexcept nogil:
    """Return the Ethernet type that VXLAN's generic extension means."""
    if number == 1:
        return IPV4_TYPE
    return IPV6_TYPE if number == 2 else BRIDGED_TYPE if number == 3 else 0


cdef bint vxlan(const uint8_t* at, uint32_t size, tunnel_t* found) noexcept nogil:
    cdef uint32_t kind = BRIDGED_TYPE
    if not at[8] & 8:
        return False
    if at[8] & 4:
        kind = next_protocol(at[11])
    return shown(at, size, 16, kind) and tell(found, VXLAN_TUNNEL, be24(at + 12), 16, kind)


cdef bint geneve(const uint8_t* at, uint32_t size, tunnel_t* found) noexcept nogil:
    cdef uint32_t header = 16 + (at[8] & 0x3F) * 4, kind = be16(at + 10)
    if size < header or at[8] & 0xC0 or at[9] & 0x80:  # cut, another version, or for the ends alone
        return False
    return shown(at, size, header, kind) and tell(
        found, GENEVE_TUNNEL, be24(at + 12), header, kind
    )


cdef bint gtp(const uint8_t* at, uint32_t size, tunnel_t* found) noexcept nogil:
    cdef uint32_t header = 16, step
    cdef uint8_t extension
    if at[8] & 0xF8 != 0x30 or at[9] != 0xFF:  # version 1 of GTP-U, and a user's packet
        return False
    if at[8] & 7:
        header += 4
        if size < header:
            return False
        extension = at[header - 1] if at[8] & 4 else 0
        for step in range(MAX_EXTENSIONS):
            if not extension:
                break
            if size <= header or not at[header] or size < header + at[header] * 4:
                return False
            header += at[header] * 4
            extension = at[header - 1]
        if extension:
            return False
    return tell(found, GTP_TUNNEL, 0, header, ip_kind(at, size, header))


cdef bint l2tp(const uint8_t* at, uint32_t size, tunnel_t* found) noexcept nogil:
    cdef uint32_t flags = be16(at + UDP_HEADER), start = UDP_HEADER + 6, header, protocol
    if flags & 0x8000 or flags & 0x34FF != 2:  # for the ends themselves, or another version
        return False
    if flags & 0x4000:
        start += 2
    if flags & 0x0800:
        start += 4
    if flags & 0x0200:
        if size < start + 2:
            return False
        start += 2 + be16(at + start)
    header = ppp_header(at, size, start)
    if not header:
        return False
    protocol = ppp_protocol(at, start, header)
    if protocol != 0x21 and protocol != 0x57:
        return False
    start += header
    return tell(found, L2TP_TUNNEL, 0, start, ip_kind(at, size, start))


cdef bint capwap(const uint8_t* at, uint32_t size, tunnel_t* found) noexcept nogil:
    cdef uint32_t header = UDP_HEADER + (at[9] >> 3) * 4, kind
    if at[8] or at[11] & 0x88 or header < 16:  # DTLS; a fragment; for the ends alone
        return False
    if not at[10] & 1:
        return shown(at, size, header, BRIDGED_TYPE) and tell(
            found, CAPWAP_TUNNEL, 0, header, BRIDGED_TYPE
        )
    header += wifi_header(at, size, header)
    if size < header + 9 or be32(at + header) != SNAP or be16(at + header + 4):
        return False
    kind = be16(at + header + 6)
    header += 8
    return kind == ip_kind(at, size, header) and tell(found, CAPWAP_TUNNEL, 0, header, kind)


cdef inline uint32_t wifi_header(const uint8_t* at, uint32_t size, uint32_t start) noexcept nogil:
    """Return the size of the header of an 802.11 frame with data; *size*: it is another frame."""
    cdef uint32_t control, flags
    if size < start + WIFI_HEADER:
        return size
    control, flags = at[start], at[start + 1]
    if control & 15 != 8:  # Cisco's devices swap the two
        control, flags = flags, control
    if control & 0x4F != 8:
        return size
    return WIFI_HEADER + (6 if flags & 3 == 3 else 0) + (2 if control & 0x80 else 0)


# -- in GRE ----------------------------------------------------------------------------------------

cdef bint in_gre(
    const uint8_t* at, uint32_t size, counts_t* counts, tunnel_t* found
) noexcept nogil:
    """Say whether a GRE packet carries another; what is not taken apart is counted by number."""
    cdef uint32_t flags, kind, header = 4, key = 0
    if size < 4:
        return False
    flags, kind = be16(at), be16(at + 2)
    if flags & 7:
        if flags & 7 == 1 and kind == PPP_TYPE:
            return pptp(at, size, counts, found)
        if flags & 7 == 1 and kind == EOIP_TYPE and size >= 8 and be16(at + 4):
            return tell(found, EOIP_TUNNEL, le16(at + 6), 8, BRIDGED_TYPE)
        bump_numbered(counts, GRE_VERSION, flags & 7)
        return False
    if flags & CHECKSUM:
        header += 4
    if flags & KEY:
        if size < header + 4:
            return False
        key = be32(at + header)
        header += 4
    if flags & SEQUENCE:
        header += 4
    if size < header or flags & ROUTING:  # source routes: never seen, long deprecated
        return False
    if kind == IPV4_TYPE or kind == IPV6_TYPE or kind == MPLS_TYPE or kind == MPLS_UPSTREAM:
        return tell(found, GRE_TUNNEL, key, header, kind)
    if kind == BRIDGED_TYPE:  # it may be NVGRE's: the low byte differs from flow to flow
        return tell(found, GRE_TUNNEL, key >> 8, header, kind)
    if kind == ERSPAN_TYPE and not flags & SEQUENCE:  # type I: the frame, and nothing before it
        return tell(found, ERSPAN_TUNNEL, 0, header, BRIDGED_TYPE)
    if (kind == ERSPAN_TYPE or kind == ERSPAN3_TYPE) and erspan(at, size, header, kind, found):
        return True
    if kind == WCCP_TYPE:
        if ip_kind(at, size, header) != IPV4_TYPE:  # version 2 has a header of its own
            header += 4
        if tell(found, WCCP_TUNNEL, 0, header, ip_kind(at, size, header)):
            return True
    bump_numbered(counts, GRE_PROTOCOL, kind)
    return False


cdef bint erspan(
    const uint8_t* at, uint32_t size, uint32_t start, uint32_t kind, tunnel_t* found
) noexcept nogil:
    cdef uint32_t header = 8 if kind == ERSPAN_TYPE else 12, frame = 0
    if size < start + header or at[start] >> 4 != (1 if kind == ERSPAN_TYPE else 2):
        return False
    if kind == ERSPAN3_TYPE:
        frame = at[start + 10] >> 2 & 0x1F
        if at[start + 11] & 1:  # more, for one platform
            header += 8
            if size < start + header:
                return False
    if frame == 0:
        kind = BRIDGED_TYPE
    elif frame == 2:
        kind = ip_kind(at, size, start + header)
    else:
        return False
    return tell(found, ERSPAN_TUNNEL, be16(at + start + 2) & 0x3FF, start + header, kind)


cdef bint pptp(
    const uint8_t* at, uint32_t size, counts_t* counts, tunnel_t* found
) noexcept nogil:
    cdef uint32_t flags = be16(at), start = 8, header, protocol
    if not flags & SEQUENCE:  # it acknowledges, and carries nothing
        return False
    start += 8 if flags & ACKNOWLEDGED else 4
    header = ppp_header(at, size, start)
    if not header:
        return False
    protocol = ppp_protocol(at, start, header)
    if protocol != 0x21 and protocol != 0x57:
        bump_numbered(counts, PPP_PROTOCOL, protocol)
        return False
    start += header
    return tell(found, PPTP_TUNNEL, 0, start, ip_kind(at, size, start))
