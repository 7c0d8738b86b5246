"""From a frame to the IP packet in it."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from backchannel.flows.state cimport DEEPEST, counts_t

cdef enum:
    IPV4_TYPE = 0x0800
    IPV6_TYPE = 0x86DD
    MPLS_TYPE = 0x8847
    MPLS_UPSTREAM = 0x8848
    PPPOE_TYPE = 0x8864
    BRIDGED_TYPE = 0x6558

cdef struct walk_t:
    # The tags and tunnels around one packet.
    counts_t* counts
    uint32_t left           # how many more there may be
    uint32_t vlan_count
    uint32_t tunnel_count
    uint16_t vlans[DEEPEST]
    uint64_t tunnels[DEEPEST]

cdef inline bint is_tag(uint32_t kind) noexcept nogil:
    return kind == 0x8100 or kind == 0x88A8 or kind == 0x9100 or kind == 0x9200


cdef inline bint is_entered(uint32_t kind) noexcept nogil:
    """Whether there may be an IP packet in what has this Ethernet type."""
    return is_tag(kind) or (
        kind == IPV4_TYPE
        or kind == IPV6_TYPE
        or kind == MPLS_TYPE
        or kind == MPLS_UPSTREAM
        or kind == PPPOE_TYPE
    )

cdef bint enter(walk_t* walk) noexcept nogil
cdef const uint8_t* unwrap(
    walk_t* walk, uint32_t link, const uint8_t* data, uint32_t* size
) noexcept nogil
cdef const uint8_t* ethernet(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil
cdef const uint8_t* typed(
    walk_t* walk, uint32_t kind, const uint8_t* data, uint32_t* size
) noexcept nogil
