"""Flows as Python sees them."""

from libc.stdint cimport uint32_t

from backchannel.flows.contexts cimport Contexts
from backchannel.flows.slots cimport Slots
from backchannel.flows.state cimport flow_t

cdef object make_row(Slots slots, uint32_t slot, Contexts contexts)
cdef object make_info(Slots slots, uint32_t slot, Contexts contexts)
cdef str state_of(const flow_t* flow)
cdef tuple make_ends(Slots slots, uint32_t slot)
