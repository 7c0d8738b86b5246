# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Flows that ended, kept for the flow table: C structures, until they leave as columns."""

from array import array
from binascii import b2a_base64
from ipaddress import IPv6Address

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdio cimport snprintf
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from backchannel.flows.columns import NUMBERS, Choices, Texts, choices
from backchannel.flows.community import icmp_ports
from backchannel.flows.row import PORTED

from backchannel.flows.rows cimport state_of
from backchannel.flows.slots cimport bytes_of, holes_of, packets_of, payload_of
from backchannel.flows.state cimport BEGUN, CLIENT_HIGH, TCP, UDP, WIDE, extra_t, join
from backchannel.hashes cimport sha1

cdef enum Number:
    # The columns of numbers, in the order of `columns.NUMBERS`.
    SERIAL
    PROTOCOL
    CLIENT_PORT
    SERVER_PORT
    ICMP_TYPE
    ICMP_CODE
    BEGUN_
    HITS
    FIRST_TIME
    LAST_TIME
    FIRST_FRAME
    LAST_FRAME
    CLIENT_PACKETS
    SERVER_PACKETS
    CLIENT_BYTES
    SERVER_BYTES
    CLIENT_PAYLOAD
    SERVER_PAYLOAD
    CLIENT_FLAGS
    SERVER_FLAGS
    CLIENT_GAPS
    SERVER_GAPS
    RETRANSMISSIONS
    CONFLICTS
    OUT_OF_ORDER
    ZERO_WINDOWS

cdef uint8_t ported[256]
cdef uint8_t one_way[2][256]    # ICMP and ICMPv6 types without an answer


def _fill():
    for protocol in range(256):
        ported[protocol] = protocol in PORTED
    for which, protocol in enumerate((1, 58)):
        for kind in range(256):
            one_way[which][kind] = icmp_ports(protocol, kind, 256)[1] == 256


_fill()


cdef class Closed:
    """All of them since they were last asked for."""

    def __dealloc__(self):
        free(self.rows)

    cdef void add(self, Slots slots, uint32_t slot) noexcept nogil:
        """Keep a flow that ended."""
        cdef const extra_t* extra = slots.rest[slot].extra
        cdef closed_t* grown
        cdef closed_t* row
        if self.count == self.room:
            grown = <closed_t*>realloc(self.rows, (2 * self.room + 1024) * sizeof(closed_t))
            if grown == NULL:
                self.failed = True
                return
            self.rows, self.room = grown, 2 * self.room + 1024
        row = &self.rows[self.count]
        memset(row, 0, sizeof(closed_t))
        row.flow, row.rest = slots.flows[slot], slots.rest[slot]
        if row.flow.bits & WIDE:
            row.ends = slots.ends[row.rest.ends]
        if extra != NULL:
            row.hits, row.conflicts = extra.hits, extra.conflicts
            if extra.rare != NULL:
                row.rare = extra.rare[0]
        self.count += 1

    cdef dict columns(self, Contexts contexts):
        """Return the rows as columns, and forget them."""
        cdef uint64_t at
        cdef uint8_t[::1] transports = bytearray(self.count)
        states, around = [], []
        for at in range(self.count):
            transports[at] = kind_of(&self.rows[at].flow)
            states.append(state_of(&self.rows[at].flow) if transports[at] == 0 else "")
            around.append((self.rows[at].flow.high >> 9) & 0x7FFFFF)
        described = {number: contexts.describe(number) for number in set(around)}
        out = {name: self.numbers(name, code) for name, code in NUMBERS.items()}
        names = ("tcp", "udp", "ip")
        out["transport"] = choices([names[code] for code in transports])
        out["state"] = choices(states)
        out["vlans"] = choices([described[number][0] for number in around])
        out["tunnel"] = choices([described[number][1] for number in around])
        out["client_address"], out["server_address"] = self.addresses(False), self.addresses(True)
        out["community_id"] = self.community_ids()
        free(self.rows)
        self.rows, self.count, self.room = NULL, 0, 0
        return out

    cdef object numbers(self, str name, str code):
        """Return one column of numbers."""
        cdef int which = list(NUMBERS).index(name)
        cdef uint64_t at, value
        column = array(code, bytes(self.count * array(code).itemsize))
        cdef uint8_t[::1] raw = memoryview(column).cast("B") if self.count else bytearray(1)
        cdef int size = column.itemsize
        for at in range(self.count):
            value = number_of(&self.rows[at], which)
            memcpy(&raw[at * size], &value, size)  # little-endian: the low bytes come first
        return column

    cdef object addresses(self, bint server):
        """Return one end's addresses."""
        cdef uint64_t at
        cdef char text[16]
        cdef uint32_t v4
        cdef int size
        cdef uint8_t high
        offsets, out, end = array("i", [0]), bytearray(), 0
        for at in range(self.count):
            high = is_high(&self.rows[at].flow, server)
            if self.rows[at].flow.bits & WIDE:
                out += str(IPv6Address(wide_end(&self.rows[at], high)[:16])).encode()
            else:
                v4 = <uint32_t>(self.rows[at].flow.low if high else self.rows[at].flow.low >> 32)
                size = snprintf(
                    text, 16, "%u.%u.%u.%u", v4 >> 24, v4 >> 16 & 255, v4 >> 8 & 255, v4 & 255
                )
                out += text[:size]
            offsets.append(len(out))
        return Texts(offsets, bytes(out))

    cdef object community_ids(self):
        """Return the Community IDs, version 1, seed 0; `row.community_id` says how."""
        cdef uint64_t at
        cdef uint8_t text[40]
        cdef int size
        offsets, out = array("i", [0]), bytearray()
        for at in range(self.count):
            size = hashed(&self.rows[at], text)
            out += b"1:" + b2a_base64(sha1(text[:size]), newline=False)
            offsets.append(len(out))
        return Texts(offsets, bytes(out))


cdef inline int kind_of(const flow_t* flow) noexcept nogil:
    cdef uint8_t protocol = <uint8_t>flow.high
    return 0 if protocol == TCP else 1 if protocol == UDP else 2


cdef inline bint is_high(const flow_t* flow, bint server) noexcept nogil:
    """Whether an end of the flow is the high end of its key."""
    return server != (flow.bits & CLIENT_HIGH != 0)


cdef inline const uint8_t* wide_end(const closed_t* row, bint high) noexcept nogil:
    """Return the IPv6 address of an end of the key."""
    if high:
        return row.ends.high
    return row.ends.low


cdef inline uint64_t port_of(const flow_t* flow, bint server) noexcept nogil:
    if not ported[<uint8_t>flow.high]:
        return 0
    return (flow.high >> 32 if is_high(flow, server) else flow.high >> 48) & 0xFFFF


cdef uint64_t number_of(const closed_t* row, int which) noexcept nogil:
    """Return one number of a row; pairs are in the order client, server."""
    cdef const flow_t* flow = &row.flow
    if CLIENT_PACKETS <= which <= SERVER_PACKETS:
        return packets_of(flow, &row.rare, which - CLIENT_PACKETS)
    if CLIENT_BYTES <= which <= SERVER_BYTES:
        return bytes_of(flow, &row.rare, which - CLIENT_BYTES)
    if CLIENT_PAYLOAD <= which <= SERVER_PAYLOAD:
        return payload_of(flow, &row.rare, which - CLIENT_PAYLOAD)
    if CLIENT_FLAGS <= which <= SERVER_FLAGS:
        return flow.flags[which - CLIENT_FLAGS] if <uint8_t>flow.high == TCP else 0
    if CLIENT_GAPS <= which <= SERVER_GAPS:
        return holes_of(&row.rest, &row.rare, which - CLIENT_GAPS)
    if CLIENT_PORT <= which <= SERVER_PORT:
        return port_of(flow, which == SERVER_PORT)
    if ICMP_TYPE <= which <= ICMP_CODE:
        return flow.flags[which - ICMP_TYPE] if <uint8_t>flow.high != TCP else 0
    if which == SERIAL:
        return join(row.rest.serial, row.rest.serial_high)
    if which == PROTOCOL:
        return <uint8_t>flow.high
    if which == BEGUN_:
        return flow.bits & BEGUN != 0
    if which == HITS:
        return row.hits
    if which == FIRST_TIME:
        return <uint64_t>row.rest.first_time
    if which == LAST_TIME:
        return <uint64_t>flow.last_time
    if which == FIRST_FRAME:
        return join(row.rest.first_frame, row.rest.first_frame_high)
    if which == LAST_FRAME:
        return join(flow.last_frame, flow.last_frame_high)
    if which == RETRANSMISSIONS:
        return row.rare.retransmissions
    if which == CONFLICTS:
        return row.conflicts
    if which == OUT_OF_ORDER:
        return row.rare.out_of_order
    return row.rare.zero_windows


cdef int hashed(const closed_t* row, uint8_t* text) noexcept nogil:
    """Write what a Community ID hashes; return its size. The key's low end comes first already.

    Only ICMP without an answer is hashed as it went, which is as its client sent it.
    """
    cdef const flow_t* flow = &row.flow
    cdef uint8_t protocol = <uint8_t>flow.high
    cdef bint turned = False
    cdef uint64_t at
    cdef int size = 2, end, address
    cdef uint32_t word
    if protocol == 1 or protocol == 58:
        turned = one_way[protocol == 58][flow.flags[0]] and flow.bits & CLIENT_HIGH != 0
    text[0] = text[1] = 0
    for end in range(2):
        if flow.bits & WIDE:
            memcpy(text + size, wide_end(row, end != turned), 16)
            size += 16
        else:
            word = <uint32_t>(flow.low if end != turned else flow.low >> 32)
            for address in range(4):
                text[size + address] = <uint8_t>(word >> (24 - 8 * address))
            size += 4
    text[size], text[size + 1] = protocol, 0
    size += 2
    if protocol == TCP or protocol == UDP or protocol == 132 or protocol == 1 or protocol == 58:
        for end in range(2):
            at = flow.high >> (32 if end != turned else 48)
            text[size], text[size + 1] = <uint8_t>(at >> 8), <uint8_t>at
            size += 2
    return size
