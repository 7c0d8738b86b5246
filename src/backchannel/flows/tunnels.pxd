"""What a UDP datagram or a GRE packet carries, where that is another packet."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from backchannel.flows.state cimport counts_t
from backchannel.wire cimport be16

cdef enum:
    # What stands in the upper half of walk_t.tunnels; the lower half is the tunnel's number.
    IPIP_TUNNEL = 1
    SIX_IN_FOUR_TUNNEL
    AH_TUNNEL
    GRE_TUNNEL
    EOIP_TUNNEL
    ERSPAN_TUNNEL
    PPTP_TUNNEL
    WCCP_TUNNEL
    GENEVE_TUNNEL
    GTP_TUNNEL
    L2TP_TUNNEL
    VXLAN_TUNNEL
    CAPWAP_TUNNEL

cdef enum:
    L2TP_PORT = 1701
    GTP_PORT = 2152
    VXLAN_PORT = 4789
    VXLAN_GPE_PORT = 4790
    VXLAN_OLD_PORT = 8472   # still the default of Linux
    GENEVE_PORT = 6081
    CAPWAP_PORT = 5247      # the channel of data

cdef struct tunnel_t:
    uint64_t name
    uint32_t header         # bytes in front of what is inside
    uint32_t kind           # the Ethernet type of what is inside

cdef inline bint may_carry(const uint8_t* udp) noexcept nogil:
    """Whether a port is that of a tunnel, so that the content must be looked at."""
    return is_port(be16(udp + 2)) or is_port(be16(udp))


cdef inline bint is_port(uint32_t port) noexcept nogil:
    return port >= L2TP_PORT and port <= VXLAN_OLD_PORT and (
        port == VXLAN_PORT
        or port == GENEVE_PORT
        or port == CAPWAP_PORT
        or port == GTP_PORT
        or port == L2TP_PORT
        or port == VXLAN_OLD_PORT
        or port == VXLAN_GPE_PORT
    )

cdef bint in_udp(const uint8_t* at, uint32_t size, tunnel_t* found) noexcept nogil
cdef bint in_gre(
    const uint8_t* at, uint32_t size, counts_t* counts, tunnel_t* found
) noexcept nogil
cdef str tunnel_name(uint64_t tunnel)
