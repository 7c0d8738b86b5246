# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The newest packets, so that a refusal can show its conversation; `recent.pyi` says what calls mean.

One arena that is written round and round. A position counts bytes since the start and never comes
again, so that a chain of a flow's records ends by itself where they are overwritten.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from backchannel.enforce.recent cimport record_t

cdef uint64_t NOWHERE = <uint64_t>-1


cdef class Recent:
    """The newest packets of all flows."""

    def __cinit__(self, uint64_t size, uint32_t flows):
        self.size, self.flows = size & ~<uint64_t>7, flows
        self.arena = <uint8_t*>malloc(self.size)
        self.newest = <uint64_t*>malloc(flows * sizeof(uint64_t))
        if self.arena == NULL or self.newest == NULL or not flows:
            raise MemoryError
        for at in range(flows):
            self.newest[at] = NOWHERE

    def __dealloc__(self):
        free(self.arena)
        free(self.newest)

    def keep(self, uint64_t serial, int64_t time, bytes packet):
        """Keep a packet of the flow *serial*."""
        self.put(serial, time, <const uint8_t*><const char*>packet, len(packet))

    def packets(self, uint64_t serial, uint64_t most):
        """Return (time, packet) of the flow's newest packets, the oldest first."""
        cdef uint64_t at = self.newest[serial % self.flows], octets = 0
        cdef record_t* record
        found = []
        while at != NOWHERE and at + self.size >= self.head:
            record = <record_t*>(self.arena + at % self.size)
            octets += record.size
            if record.serial != serial or octets > most:
                break
            data = (<uint8_t*>record + sizeof(record_t))[: record.size]
            found.append((record.time, data))
            at = record.before
        return found[::-1]

    cdef void put(
        self, uint64_t serial, int64_t time, const uint8_t* data, uint32_t size
    ) noexcept nogil:
        """Write a record over the oldest ones."""
        cdef uint64_t need = (sizeof(record_t) + size + 7) & ~<uint64_t>7
        cdef uint64_t left = self.size - self.head % self.size
        cdef uint64_t* newest = &self.newest[serial % self.flows]
        cdef record_t* record
        if need > self.size // 4:
            return
        if need > left:  # a record lies in one piece
            self.head += left
        record = <record_t*>(self.arena + self.head % self.size)
        record.before, record.serial, record.time, record.size = newest[0], serial, time, size
        memcpy(<uint8_t*>record + sizeof(record_t), data, size)
        newest[0] = self.head
        self.head += need
