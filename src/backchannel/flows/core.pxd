"""The packet core: what one run knows."""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from backchannel.capture.records cimport Chunk
from backchannel.flows.announced cimport Announced
from backchannel.flows.closed cimport Closed
from backchannel.flows.decode cimport Decoder
from backchannel.flows.due cimport Deliverer, Due
from backchannel.flows.payloads cimport Payloads
from backchannel.flows.slots cimport Slots
from backchannel.flows.state cimport BATCH, bounds_t, counts_t, delivery_t, flow_t, out_t, packet_t

cdef enum:
    MOST_LEAVING = 64       # flows that can end between two calls of `take`

@cython.final
cdef class FlowCore(Deliverer):
    cdef bounds_t bounds
    cdef counts_t counts
    cdef out_t out
    cdef Decoder decoder
    cdef Slots slots
    cdef Payloads payloads
    cdef Announced announced
    cdef Closed closed          # flows that ended, where asked for

    cdef Chunk chunk
    cdef Py_ssize_t position    # next frame of the chunk
    cdef packet_t batch[BATCH]
    cdef uint32_t batch_size
    cdef uint32_t batch_at
    cdef uint64_t frame         # frames decoded
    cdef uint64_t octets
    cdef int64_t first_time
    cdef int64_t last_time
    cdef uint64_t serial
    cdef delivery_t* handed     # what is handed over now, while `out` takes what comes meanwhile
    cdef uint32_t handed_room
    cdef uint32_t handed_count
    cdef uint32_t handed_at     # the next of them
    cdef list carried           # their payloads
    cdef Due due
    cdef uint64_t delivered     # least frame of the last batch taken
    cdef bint hand_moves        # before the next packet
    cdef uint32_t sweep         # moves of the hand that `expire` asked for
    cdef bint ended
    cdef uint32_t cursor        # next slot to end after `finish`
    cdef uint32_t leaving[MOST_LEAVING]
    cdef uint32_t leaving_count

    cdef void run(self) noexcept nogil
    cdef void handle(self) noexcept nogil
    cdef bint refill(self) noexcept nogil
    cdef void packet(self, const packet_t* packet) noexcept nogil
    cdef uint32_t create(self, const packet_t* packet, int opened) noexcept nogil
    cdef void close(self, uint32_t slot, int reason) noexcept nogil
    cdef void vacate(self, uint32_t slot) noexcept nogil
    cdef void finish_flow(self, uint32_t slot) noexcept nogil
    cdef void move_hand(self) noexcept nogil
    cdef int hand_over(self) except -1
    cdef flow_t* get(self, uint32_t slot) except NULL
    cdef list expected(self, uint32_t slot)
    cdef int fulfil(self, uint32_t slot) except -1
