# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Finds the packets of some conversations among all: frames in, records of a pcap file out.

Frames are taken apart by the same decoder as everywhere, so tags and tunnels hide nothing. Of a
datagram in fragments only the last one is found.
"""

from ipaddress import ip_address

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memcpy

from backchannel.flows.settings import FlowSettings

from backchannel.capture.records cimport Chunk, frame_t
from backchannel.flows.decode cimport Decoder
from backchannel.flows.state cimport BATCH, PROTECTED, bounds_t, counts_t, packet_t

cdef enum:
    MOST = 256              # conversations looked for at a time
    RECORD = 16             # bytes of a pcap record's header
    TCP = 6
    UDP = 17

cdef struct talk_t:
    uint32_t number         # what it is evidence of
    uint32_t size           # of an address
    uint16_t ports[2]
    uint8_t ends[2][16]


cdef class Picker:
    """Looks for conversations between two ends each, whoever sent."""

    cdef talk_t talks[MOST]
    cdef uint32_t count
    cdef bounds_t bounds
    cdef counts_t counts
    cdef Decoder decoder
    cdef packet_t packets[BATCH]

    def __init__(self, talks):
        """*talks*: (number, address, port, address, port); port 0 means no TCP and no UDP."""
        settings = FlowSettings()
        self.bounds.key[0], self.bounds.key[1] = 1, 1
        self.bounds.depth, self.bounds.contexts = settings.tunnel_depth, settings.contexts
        self.bounds.ah = settings.ah
        self.bounds.fragments, self.bounds.fragment_parts = 64, settings.fragment_parts
        self.bounds.fragment_bytes = 1 << 20
        self.bounds.fragment_wait = settings.fragment_wait * 1000000000
        self.decoder = Decoder()
        self.decoder.prepare(&self.bounds, &self.counts)
        if len(talks) > MOST:
            raise ValueError(f"at most {MOST} conversations at a time")
        for number, one, port, other, other_port in talks:
            self.add(number, ip_address(one).packed, port, ip_address(other).packed, other_port)

    cdef int add(
        self, uint32_t number, bytes one, uint16_t port, bytes other, uint16_t other_port
    ) except -1:
        cdef talk_t* talk = &self.talks[self.count]
        if len(one) != len(other):
            return 0
        talk.number, talk.size = number, <uint32_t>len(one)
        talk.ports[0], talk.ports[1] = port, other_port
        memcpy(talk.ends[0], <const char*>one, talk.size)
        memcpy(talk.ends[1], <const char*>other, talk.size)
        self.count += 1
        return 0

    def pick(self, Chunk chunk not None):
        """Return (number, link type, record) of every frame of a conversation looked for."""
        cdef Py_ssize_t at = 0, step
        cdef uint32_t place, talk
        cdef uint32_t head[4]
        cdef frame_t* frame
        out = []
        while at < chunk.count:
            step = min(<Py_ssize_t>BATCH, chunk.count - at)
            self.decoder.fragments.release()
            with nogil:
                self.decoder.decode(
                    &chunk.frames[at], self.packets, <uint32_t>step, 0, NULL, 0
                )
            for place in range(<uint32_t>step):
                if not self.packets[place].good:
                    continue
                for talk in range(self.count):
                    if not self.part(place, &self.talks[talk]):
                        continue
                    frame = &chunk.frames[at + place]
                    head[0] = <uint32_t>(frame.time // 1000000000)
                    head[1] = <uint32_t>(frame.time % 1000000000)
                    head[2], head[3] = frame.captured, frame.original
                    record = (<const char*>head)[:RECORD] + frame.data[: frame.captured]
                    out.append((self.talks[talk].number, frame.link, record))
            at += step
        return out

    cdef bint part(self, uint32_t place, const talk_t* talk) noexcept nogil:
        """Whether a packet, or the AH packet around it, is part of *talk*."""
        if belongs(&self.packets[place], talk):
            return True
        return self.packets[place].good == PROTECTED and belongs(
            &self.decoder.protectors[place], talk
        )


cdef bint belongs(const packet_t* packet, const talk_t* talk) noexcept nogil:
    """Whether a packet goes between the ends of *talk*."""
    cdef uint32_t ports
    cdef int side
    cdef bint ported = packet.protocol == TCP or packet.protocol == UDP
    if packet.wide != (talk.size == 16) or ported != (talk.ports[0] != 0 or talk.ports[1] != 0):
        return False
    for side in range(2):
        if ported:
            ports = <uint32_t>talk.ports[side] << 16 | talk.ports[1 - side]
            if packet.ports != ports:
                continue
        if memcmp(packet.source, talk.ends[side], talk.size) == 0:
            if memcmp(packet.target, talk.ends[1 - side], talk.size) == 0:
                return True
    return False
