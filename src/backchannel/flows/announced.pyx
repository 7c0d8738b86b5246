# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Announced flows, and the filter in front of them.

The expectations themselves are kept in Python (`expect`). A new flow asks them only when somebody
waits for one of its ports, or for one of its addresses at any port.
"""

from ipaddress import ip_address

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from backchannel.flows.expect import Expectations

from backchannel.flows.state cimport EXPECTATIONS_DROPPED, bump


cdef inline uint32_t bucket(const uint8_t* address, uint32_t size) noexcept nogil:
    cdef uint32_t hash = 0x811C9DC5, at
    for at in range(size):
        hash = (hash ^ address[at]) * 0x01000193  # FNV-1a
    return (hash ^ hash >> 16) & (HOSTS - 1)


cdef inline bint has(const uint64_t* bits, uint32_t at) noexcept nogil:
    return bits[at // 64] >> at % 64 & 1


cdef class Announced:
    """All expectations."""

    def __dealloc__(self):
        free(self.ports)
        free(self.hosts)

    cdef int prepare(self, uint32_t limit, counts_t* counts) except -1:
        """Keep *limit* expectations at most; *counts* must outlive this object."""
        self.counts = counts
        self.ports = <uint32_t*>calloc(65536, sizeof(uint32_t))
        self.hosts = <uint32_t*>calloc(HOSTS, sizeof(uint32_t))
        if self.ports == NULL or self.hosts == NULL:
            raise MemoryError
        self.expectations = Expectations(limit, self._dropped, self._watch)
        return 0

    cdef bint may_hold(self, const packet_t* packet) noexcept nogil:
        """Whether somebody may wait for the flow of a packet."""
        cdef uint32_t size = 16 if packet.wide else 4
        return self.waiting and (
            has(self.asked_ports, packet.ports >> 16)
            or has(self.asked_ports, packet.ports & 0xFFFF)
            or has(self.asked_hosts, bucket(packet.source, size))
            or has(self.asked_hosts, bucket(packet.target, size))
        )

    cdef void note(self, uint32_t* counts, uint64_t* asked, uint32_t at, int change) noexcept:
        """Count one more or one less, and keep the bit that says whether there are any."""
        counts[at] += change
        asked[at // 64] &= ~(<uint64_t>1 << at % 64)
        asked[at // 64] |= <uint64_t>(counts[at] != 0) << at % 64

    cdef void remember(self, uint64_t serial, uint32_t slot) noexcept nogil:
        """Note a new flow: an expectation may look back on it."""
        self.recent[serial % RECENT] = recent_t(serial, slot)

    def _dropped(self, _name):
        bump(self.counts, EXPECTATIONS_DROPPED)

    def _watch(self, key, source, int change):
        """Let the filter know that an expectation came or went."""
        cdef bytes address
        _, host, port = key
        self.waiting += change
        if port:
            self.note(self.ports, self.asked_ports, <uint32_t>port & 0xFFFF, change)
        else:
            address = ip_address(host or source).packed
            self.note(self.hosts, self.asked_hosts, bucket(address, len(address)), change)
