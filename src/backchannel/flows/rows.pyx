# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Flows as Python sees them: `FlowRow`s."""

from ipaddress import IPv6Address

from libc.stdint cimport uint8_t, uint32_t

from backchannel.flows.row import CLOSED, CLOSING, ESTABLISHED, MIDSTREAM, OPENING, PORTED, RESET
from backchannel.flows.row import FlowRow
from backchannel.model import Endpoint

from backchannel.flows cimport state as c
from backchannel.flows.slots cimport opening
from backchannel.flows.state cimport BEGUN, CLIENT_HIGH, FINISHED_0, FINISHED_1, TCP, UDP

cdef extern from "Python.h":
    str PyUnicode_FromFormat(const char*, ...)


cdef tuple make_ends(const flow_t* flow, const ends_t* ends):
    """Return (client, server)."""
    ported = <uint8_t>flow.high in PORTED
    if flow.bits & c.WIDE:
        ends += flow.ends
        low, high = str(IPv6Address(ends.low[:16])), str(IPv6Address(ends.high[:16]))
    else:
        low, high = ipv4(flow.low >> 32), ipv4(<uint32_t>flow.low)
    first = Endpoint(low, flow.high >> 48 if ported else 0)
    second = Endpoint(high, flow.high >> 32 & 0xFFFF if ported else 0)
    return (second, first) if flow.bits & CLIENT_HIGH else (first, second)


cdef str ipv4(uint32_t address):
    """Return an address as text; `ipaddress` takes ten times as long."""
    return PyUnicode_FromFormat(
        b"%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255
    )


cdef object make_row(const flow_t* flow, const ends_t* ends, Contexts contexts):
    """Return what is known of a flow."""
    cdef int protocol = <uint8_t>flow.high
    client, server = make_ends(flow, ends)
    vlans, tunnel = contexts.describe(<uint32_t>(flow.high >> 9) & 0x7FFFFF)
    expected, missed, hits, conflicts = (), (0, 0), 0, 0
    if flow.extra != NULL:
        expected = tuple([flow.extra.tokens[at] for at in range(flow.extra.token_count)])
        missed = flow.extra.missed[0], flow.extra.missed[1]
        hits, conflicts = flow.extra.hits, flow.extra.conflicts
    return FlowRow(
        serial=flow.serial,
        transport="tcp" if protocol == TCP else "udp" if protocol == UDP else "ip",
        protocol=protocol,
        client=client,
        server=server,
        types=(flow.types[0], flow.types[1]),
        vlans=vlans,
        tunnel=tunnel,
        begun=flow.bits & BEGUN != 0,
        hits=hits,
        expected=expected,
        missed=missed,
        first_time=flow.first_time,
        last_time=flow.last_time,
        first_frame=flow.first_frame,
        last_frame=flow.last_frame,
        packets=(flow.packets[0], flow.packets[1]),
        bytes=(flow.bytes[0], flow.bytes[1]),
        payload_bytes=(flow.payload[0], flow.payload[1]),
        tcp_flags=(flow.flags[0], flow.flags[1]),
        state=state_of(flow) if protocol == TCP else "",
        retransmissions=flow.retransmissions,
        conflicts=conflicts,
        out_of_order=flow.out_of_order,
        gaps=(flow.holes[0], flow.holes[1]),
        zero_windows=flow.zero_windows,
    )


cdef str state_of(const flow_t* flow):
    """Return the word for a TCP flow's state."""
    if flow.bits & c.RESET:
        return RESET
    if flow.bits & (FINISHED_0 | FINISHED_1) == FINISHED_0 | FINISHED_1:
        return CLOSED
    if flow.bits & (FINISHED_0 | FINISHED_1):
        return CLOSING
    if opening(flow):
        return OPENING
    return ESTABLISHED if flow.bits & BEGUN else MIDSTREAM
