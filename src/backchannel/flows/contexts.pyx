# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Numbers for combinations of VLAN tags and tunnels, which are part of a flow's key.

0 is no tags and no tunnels. Once there are `FlowSettings.contexts`, all further ones share one.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp

from backchannel.flows.state cimport CONTEXTS_MERGED, bounds_t, bump, counts_t
from backchannel.flows.tunnels cimport tunnel_name
from backchannel.wire cimport mix

cdef enum:
    BUCKETS = 4096          # a power of two

SHARED = (), "other"
"""Tags and tunnel of the packets that are told apart no longer."""


cdef inline bint same(const walk_t* a, const walk_t* b) noexcept nogil:
    return (
        a.vlan_count == b.vlan_count
        and a.tunnel_count == b.tunnel_count
        and not memcmp(a.vlans, b.vlans, a.vlan_count * sizeof(a.vlans[0]))
        and not memcmp(a.tunnels, b.tunnels, a.tunnel_count * sizeof(a.tunnels[0]))
    )


cdef class Contexts:
    """All combinations seen."""

    def __dealloc__(self):
        free(self.all)
        free(self.buckets)

    cdef int prepare(self, const bounds_t* bounds, counts_t* counts) except -1:
        """Set bounds and counts, which must outlive this object."""
        self.bounds, self.counts = bounds, counts
        self.room = 64
        self.all = <context_t*>calloc(self.room, sizeof(context_t))
        self.buckets = <uint32_t*>calloc(BUCKETS, sizeof(uint32_t))
        if self.all == NULL or self.buckets == NULL:
            raise MemoryError
        return 0

    cdef uint32_t number(self, const walk_t* walk) noexcept nogil:
        """Return the number of what is around a packet."""
        cdef uint64_t hash = walk.vlan_count
        cdef uint32_t at, number
        if not walk.tunnel_count:
            if not walk.vlan_count:
                return 0
            if walk.vlan_count == 1 and self.single[walk.vlans[0]]:
                return self.single[walk.vlans[0]]
        for at in range(walk.vlan_count):
            hash = mix(hash ^ walk.vlans[at], self.bounds.key[0] | 1)
        for at in range(walk.tunnel_count):
            hash = mix(hash ^ walk.tunnels[at], self.bounds.key[1] | 1)
        hash &= BUCKETS - 1
        number = self.buckets[hash]
        while number:
            if same(&self.all[number].around, walk):
                return number
            number = self.all[number].next
        if self.count >= self.bounds.contexts:
            bump(self.counts, CONTEXTS_MERGED)
            return self.bounds.contexts + 1
        return self.add(walk, hash)

    cdef uint32_t add(self, const walk_t* walk, uint64_t bucket) noexcept nogil:
        cdef context_t* grown
        self.count += 1
        if self.count == self.room:
            grown = <context_t*>realloc(self.all, 2 * self.room * sizeof(context_t))
            if grown == NULL:
                self.failed = True
                self.count -= 1
                return self.bounds.contexts + 1
            self.all = grown
            self.room *= 2
        self.all[self.count].around = walk[0]
        self.all[self.count].next = self.buckets[bucket]
        self.buckets[bucket] = self.count
        if walk.vlan_count == 1 and not walk.tunnel_count:
            self.single[walk.vlans[0]] = self.count
        return self.count

    def describe(self, uint32_t number):
        """Return (VLAN ids, tunnels as text) of a number."""
        cdef const walk_t* around
        if number > self.count:
            return SHARED
        around = &self.all[number].around
        vlans = tuple([around.vlans[at] for at in range(around.vlan_count)])
        tunnels = [tunnel_name(around.tunnels[at]) for at in range(around.tunnel_count)]
        return vlans, "/".join(tunnels)
