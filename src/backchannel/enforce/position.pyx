# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Where the two sides of a TCP flow stand, as the packet core knows it. `position.pyi` says more."""

from libc.stdint cimport int64_t, uint32_t

from backchannel.flows.core cimport FlowCore
from backchannel.flows.state cimport KNOWN_0, NOT_KNOWN, STREAMING, flow_t


def position(FlowCore core not None, uint32_t slot, int side):
    """Return (in order, furthest) of a side, or None."""
    cdef flow_t* flow = core.get(slot)
    cdef int64_t ordered = NOT_KNOWN
    if not 0 <= side <= 1:
        raise ValueError("a side is 0 or 1")
    if not flow.bits & (KNOWN_0 << side):
        return None
    if flow.bits & STREAMING:
        ordered = core.slots.rest[slot].extra.halves[side].next
    furthest = flow.next[side]
    return (furthest if ordered == NOT_KNOWN else <uint32_t>ordered), furthest
