# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Flows as Python sees them: `FlowRow`s and `FlowInfo`s."""

from ipaddress import IPv6Address

from cpython.unicode cimport PyUnicode_1BYTE_DATA, PyUnicode_New
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from backchannel.flows.row import CLOSED, CLOSING, ESTABLISHED, MIDSTREAM, OPENING, PORTED, RESET
from backchannel.flows.row import FlowInfo, FlowRow
from backchannel.model import Endpoint

cimport backchannel.flows.state as c
from backchannel.flows.slots cimport (
    bytes_of,
    ends_t,
    holes_of,
    opening,
    packets_of,
    payload_of,
    rare_of,
)
from backchannel.flows.state cimport (
    BEGUN,
    CLIENT_HIGH,
    FINISHED_0,
    FINISHED_1,
    TCP,
    UDP,
    join,
    rare_t,
    rest_t,
)


cdef tuple NO_TYPES = (0, 0)  # nearly all have this one
cdef tuple NO_FLAGS = (0, 0)
cdef bint[256] HAS_PORTS = [number in PORTED for number in range(256)]


cdef inline uint8_t digit(uint32_t value) noexcept:
    return 48 + value if value < 10 else 87 + value


cdef tuple make_ends(Slots slots, uint32_t slot):
    """Return (client, server)."""
    cdef const flow_t* flow = &slots.flows[slot]
    cdef const ends_t* ends
    cdef bint ported = HAS_PORTS[<uint8_t>flow.high]
    if flow.bits & c.WIDE:
        ends = &slots.ends[slots.rest[slot].ends]
        low, high = ipv6(ends.low), ipv6(ends.high)
    else:
        low, high = ipv4(flow.low >> 32), ipv4(<uint32_t>flow.low)
    first = Endpoint(low, flow.high >> 48 if ported else 0)
    second = Endpoint(high, flow.high >> 32 & 0xFFFF if ported else 0)
    return (second, first) if flow.bits & CLIENT_HIGH else (first, second)


cdef inline str plain(const uint8_t* text, Py_ssize_t size):
    """Return ASCII as text: to decode it takes three times as long."""
    made = PyUnicode_New(size, 127)
    memcpy(PyUnicode_1BYTE_DATA(made), text, size)
    return made


cdef str ipv4(uint32_t address):
    """Return an address as text, as `ipaddress` does, which takes a hundred times as long."""
    cdef uint8_t text[16]
    cdef uint32_t size = 0, at, part
    for at in range(4):
        part = address >> 24 - 8 * at & 255
        if part >= 100:
            text[size] = digit(part // 100)
            size += 1
        if part >= 10:
            text[size] = digit(part // 10 % 10)
            size += 1
        text[size], text[size + 1] = digit(part % 10), b"."
        size += 2
    return plain(text, size - 1)


cdef str ipv6(const uint8_t* address):
    """Return an address as text, as `ipaddress` does: the longest run of zeros is left out."""
    cdef uint8_t text[48]
    cdef uint16_t groups[8]
    cdef uint32_t size = 0, at, shift, run = 0, longest = 1, skipped = 8
    for at in range(8):
        groups[at] = address[2 * at] << 8 | address[2 * at + 1]
        run = 0 if groups[at] else run + 1
        if run > longest:
            longest, skipped = run, at + 1 - run
    if not skipped and longest == 5 and groups[5] == 0xFFFF:  # IPv4 inside: versions differ
        return str(IPv6Address(address[:16]))
    at = 0
    while at < 8:
        if at == skipped:
            text[size] = b":"
            size += 1
            if not at:
                text[size] = b":"
                size += 1
            at += longest
            continue
        for shift in range(12, -1, -4):
            if not shift or groups[at] >> shift:
                text[size] = digit(groups[at] >> shift & 15)
                size += 1
        at += 1
        if at < 8:
            text[size] = b":"
            size += 1
    return plain(text, size)


cdef str transport_of(int protocol):
    return "tcp" if protocol == TCP else "udp" if protocol == UDP else "ip"


cdef object make_info(Slots slots, uint32_t slot, Contexts contexts):
    """Return who talks with whom in a flow."""
    cdef const flow_t* flow = &slots.flows[slot]
    cdef const rest_t* rest = &slots.rest[slot]
    cdef int protocol = <uint8_t>flow.high
    cdef uint32_t context = <uint32_t>(flow.high >> 9) & 0x7FFFFF
    client, server = make_ends(slots, slot)
    vlans, tunnel = contexts.describe(context) if context else ((), "")
    return FlowInfo(
        join(rest.serial, rest.serial_high),
        transport_of(protocol),
        client,
        server,
        protocol,
        vlans,
        tunnel,
        flow.bits & BEGUN != 0,
        types_of(flow),
    )


cdef object make_row(Slots slots, uint32_t slot, Contexts contexts):
    """Return what is known of a flow."""
    cdef const flow_t* flow = &slots.flows[slot]
    cdef const rest_t* rest = &slots.rest[slot]
    cdef const rare_t* rare = rare_of(rest)
    cdef int protocol = <uint8_t>flow.high
    cdef uint32_t context = <uint32_t>(flow.high >> 9) & 0x7FFFFF
    client, server = make_ends(slots, slot)
    vlans, tunnel = contexts.describe(context) if context else ((), "")
    expected, missed, hits, conflicts = (), (0, 0), 0, 0
    if rest.extra != NULL:
        expected = tuple([rest.extra.tokens[at] for at in range(rest.extra.token_count)])
        missed = rest.extra.missed[0], rest.extra.missed[1]
        hits, conflicts = rest.extra.hits, rest.extra.conflicts
    return FlowRow(  # in the order of its fields: by name it takes half as long again
        join(rest.serial, rest.serial_high),
        transport_of(protocol),
        protocol,
        client,
        server,
        types_of(flow),
        vlans,
        tunnel,
        flow.bits & BEGUN != 0,
        hits,
        expected,
        missed,
        rest.first_time,
        flow.last_time,
        join(rest.first_frame, rest.first_frame_high),
        join(flow.last_frame, flow.last_frame_high),
        (packets_of(flow, rare, 0), packets_of(flow, rare, 1)),
        (bytes_of(flow, rare, 0), bytes_of(flow, rare, 1)),
        (payload_of(flow, rare, 0), payload_of(flow, rare, 1)),
        (flow.flags[0], flow.flags[1]) if protocol == TCP else NO_FLAGS,
        state_of(flow) if protocol == TCP else "",
        rare.retransmissions if rare != NULL else 0,
        conflicts,
        rare.out_of_order if rare != NULL else 0,
        (holes_of(rest, rare, 0), holes_of(rest, rare, 1)),
        rare.zero_windows if rare != NULL else 0,
    )


cdef tuple types_of(const flow_t* flow):
    """Return ICMP's type and code, which stand where TCP has its flags."""
    if <uint8_t>flow.high == TCP or not (flow.flags[0] or flow.flags[1]):
        return NO_TYPES
    return flow.flags[0], flow.flags[1]


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
