"""Flows as Python sees them."""

from backchannel.flows.contexts cimport Contexts
from backchannel.flows.slots cimport ends_t
from backchannel.flows.state cimport flow_t

cdef object make_row(const flow_t* flow, const ends_t* ends, Contexts contexts)
cdef object make_info(const flow_t* flow, const ends_t* ends, Contexts contexts)
cdef str state_of(const flow_t* flow)
cdef tuple make_ends(const flow_t* flow, const ends_t* ends)
