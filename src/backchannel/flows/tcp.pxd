"""What a TCP segment does to its flow's sequence numbers and flags."""

from libc.stdint cimport uint32_t

from backchannel.flows.state cimport counts_t, flow_t, packet_t

cdef enum:
    FIN = 1
    SYN = 2
    RST = 4
    ACK = 16

cdef enum:
    NOT_OPENED
    BY_SYN                  # the packet at hand opens the new connection, or answers its SYN
    BY_DATA                 # the packet at hand is its first data

cdef enum:
    STALE                   # nothing new in it
    FRESH
    RESTARTED               # ... and its side goes on somewhere else entirely

cdef int reopens(flow_t* flow, const packet_t* packet, int side) noexcept nogil
cdef void begin(flow_t* flow, const packet_t* packet, int opened) noexcept nogil
cdef uint32_t control(
    flow_t* flow, const packet_t* packet, int side, counts_t* counts
) noexcept nogil
cdef int track(
    flow_t* flow, int side, uint32_t seq, uint32_t length, counts_t* counts
) noexcept nogil
