# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Cuts captures into packets; `records_py` says the same in plain Python.

Pointers are used here because the lengths are checked in the same lines: each record's own length is
compared with the bytes that are there before anything inside is read.
"""

from cpython.ref cimport Py_REFCNT
from libc.stdint cimport INT64_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc

from backchannel.wire cimport be16, be32, be64, le16, le32

cdef extern from *:
    """
    typedef unsigned __int128 wide;
    /* nanoseconds in a unit of if_tsresol; 0 where that is no whole number */
    static inline uint32_t unit_of(unsigned resolution)
    {
        uint32_t unit = 1;
        if (resolution > 9) return 0;
        while (resolution++ < 9) unit *= 10;
        return unit;
    }
    /* the same of so many units that are finer, or fractions of two */
    static __attribute__((noinline)) wide of_fractions(uint64_t units, unsigned resolution)
    {
        unsigned exponent = resolution & 0x7f;
        wide time = (wide)units;
        if (resolution & 0x80) return time * 1000000000u >> exponent;
        while (exponent-- > 9 && time) time /= 10;
        return time;
    }
    /* time in units of if_tsresol to nanoseconds; saturates */
    static inline int64_t in_nanoseconds(
        uint64_t units, uint32_t unit, unsigned resolution, int64_t offset)
    {
        __int128 sum = unit ? (wide)units * unit : of_fractions(units, resolution);
        sum += (__int128)offset * 1000000000;
        return sum < 0 ? 0 : sum > INT64_MAX ? INT64_MAX : (int64_t)sum;
    }
    """
    uint32_t unit_of(unsigned) noexcept nogil
    int64_t in_nanoseconds(uint64_t, uint32_t, unsigned, int64_t) noexcept nogil

cdef enum:
    LARGEST_RECORD = 16 << 20
    LARGEST_COUNT = 65536
    SECTION = 0x0A0D0D0A
    INTERFACE = 1
    OLD_PACKET = 2
    SIMPLE = 3
    ENHANCED = 6

cdef enum Fault:
    FINE
    LONG_RECORD
    LONG_BLOCK
    NO_ORDER
    LENGTHS_DIFFER
    SHORT_SECTION
    VERSION
    SHORT_INTERFACE
    MANY_INTERFACES
    SHORT_PACKET
    NO_INTERFACE
    LONG_PACKET

_FAULTS = {
    LONG_RECORD: "record of {} bytes",
    LONG_BLOCK: "block of {} bytes",
    NO_ORDER: "section without byte-order magic",
    LENGTHS_DIFFER: "block whose two lengths differ",
    SHORT_SECTION: "short section header",
    VERSION: "pcapng version {}",
    SHORT_INTERFACE: "short interface block",
    MANY_INTERFACES: "too many interfaces",
    SHORT_PACKET: "short packet block",
    LONG_PACKET: "packet of {} bytes in a shorter block",
}
_MAGIC = {  # magic -> (big-endian, nanoseconds a tick, bytes before the packet)
    b"\xd4\xc3\xb2\xa1": (False, 1000, 16),
    b"\xa1\xb2\xc3\xd4": (True, 1000, 16),
    b"\x4d\x3c\xb2\xa1": (False, 1, 16),
    b"\xa1\xb2\x3c\x4d": (True, 1, 16),
    b"\x34\xcd\xb2\xa1": (False, 1000, 24),
    b"\xa1\xb2\xcd\x34": (True, 1000, 24),
}


cdef inline uint32_t word(const uint8_t* at, bint swapped) noexcept nogil:
    return be32(at) if swapped else le32(at)


cdef class Chunk:
    """Whole packets, in order: time, link type, captured bytes, size on the wire."""

    def __dealloc__(self):
        free(self.frames)

    def __len__(self):
        """Packets in it."""
        return self.count

    def __iter__(self):
        """Yield (nanoseconds since 1970, link type, captured bytes, size on the wire)."""
        cdef Py_ssize_t at
        for at in range(self.count):
            yield (
                self.frames[at].time,
                self.frames[at].link,
                memoryview(self.frames[at].data[: self.frames[at].captured]),
                self.frames[at].original,
            )

    cdef frame_t* push(self) except NULL nogil:
        """Return room for one more frame."""
        if self.count == self.room:
            self.grow()
        self.count += 1
        return &self.frames[self.count - 1]

    cdef int grow(self) except -1 nogil:
        """Make room for more frames."""
        cdef Py_ssize_t room = 2 * self.room if self.room else 512
        cdef frame_t* grown = <frame_t*>realloc(self.frames, room * sizeof(frame_t))
        if grown == NULL:
            with gil:
                raise MemoryError
        self.frames, self.room = grown, room
        return 0


cdef class Records:
    """One capture's framing: what its headers said, and how far it was good."""

    def __init__(self, head):
        """*head*: the first 24 bytes. Raises ValueError when they begin no capture, EOFError when
        they may, and are fewer.
        """
        self.damage = ""
        magic = bytes(head[:4])
        if magic == b"\x0a\x0d\x0d\x0a":
            self.needed = 12
        elif magic in _MAGIC:
            if len(head) < 24:
                raise EOFError("cut off within the file's header")
            self.swapped, self.tick, self.header = _MAGIC[magic]
            self.link = int.from_bytes(head[20:24], "big" if self.swapped else "little") & 0xFFFF
            self.needed = 24
        else:
            raise ValueError("neither pcap nor pcapng")

    def __dealloc__(self):
        free(self.interfaces)

    def cut(self, data, Py_ssize_t size):
        """Cut the whole records among the first *size* bytes; `offset` moves past them."""
        cdef const uint8_t[::1] view = data
        cdef Chunk chunk = self.empty_chunk(data)
        cdef const uint8_t* start
        cdef Py_ssize_t used = 0
        if size > view.shape[0]:
            raise ValueError("more bytes than the buffer holds")
        if size <= 0 or self.damage:
            return chunk
        start = &view[0]
        if self.header and not self.offset and size >= 24:
            self.offset = used = 24
        if self.header:
            if self.offset:
                with nogil:
                    used = self.records(start + used, size - used, chunk)
        else:
            with nogil:
                used = self.blocks(start, size, chunk)
        if self.header and not self.offset:
            return chunk
        self.offset += used
        if self.fault != FINE:
            self.damage = _FAULTS[self.fault].format(self.value)
        return chunk

    cdef Py_ssize_t records(self, const uint8_t* data, Py_ssize_t size, Chunk chunk) except -1 nogil:
        """Cut pcap records; return the bytes used."""
        cdef Py_ssize_t at = 0, count = chunk.count, header = self.header
        cdef bint swapped = self.swapped
        cdef int64_t tick = self.tick
        cdef uint32_t seconds, parts, captured, original, link = self.link
        cdef const uint8_t* here
        cdef frame_t* frame
        while size - at >= header:
            here = data + at
            if swapped:
                seconds, parts = be32(here), be32(here + 4)
                captured, original = be32(here + 8), be32(here + 12)
            else:
                seconds, parts = le32(here), le32(here + 4)
                captured, original = le32(here + 8), le32(here + 12)
            if captured > LARGEST_RECORD:
                self.wrong(LONG_RECORD, captured)
                break
            if size - at - header < captured:
                header += captured
                break
            if count == chunk.room:
                chunk.grow()
            frame = &chunk.frames[count]
            count += 1
            frame.data = here + header
            frame.time = seconds * <int64_t>1000000000 + parts * tick
            frame.captured, frame.original = captured, original
            frame.link = link
            at += header + captured
        chunk.count, self.needed = count, header
        return at

    cdef Py_ssize_t blocks(self, const uint8_t* data, Py_ssize_t size, Chunk chunk) except -1 nogil:
        """Cut pcapng blocks; return the bytes used."""
        cdef Py_ssize_t at = 0
        cdef uint32_t total
        cdef const uint8_t* here
        cdef bint swapped = self.swapped
        while size - at >= 12:
            here = data + at
            if le32(here) == SECTION:
                if le32(here + 8) == 0x1A2B3C4D:
                    swapped = False
                elif be32(here + 8) == 0x1A2B3C4D:
                    swapped = True
                else:
                    self.wrong(NO_ORDER, 0)
                    return at
                self.swapped, self.interface_count = swapped, 0
            total = word(here + 4, swapped)
            if total < 12 or total % 4 or total > LARGEST_RECORD:
                self.wrong(LONG_BLOCK, total)
                return at
            if size - at < total:
                self.needed = total
                return at
            if word(here + total - 4, swapped) != total:
                self.wrong(LENGTHS_DIFFER, 0)
                return at
            self.block(word(here, swapped), here + 8, total - 12, chunk)
            if self.fault != FINE:
                if self.fault != NO_INTERFACE:
                    return at
                self.leave_out(self.offset + at)  # the block is whole, and so are those after it
            at += total
        self.needed = 12
        return at

    cdef inline int block(
        self, uint32_t kind, const uint8_t* body, uint32_t size, Chunk chunk
    ) except -1 nogil:
        """Read one block's *body*; blocks of other kinds are passed over."""
        if kind == ENHANCED or kind == OLD_PACKET:
            if size < 20:
                return self.wrong(SHORT_PACKET, 0)
            return self.packet(
                body, size, self.u32(body) if kind == ENHANCED else self.u16(body), chunk
            )
        if kind == SECTION:
            if size < 16:
                return self.wrong(SHORT_SECTION, 0)
            if self.u16(body + 4) != 1:
                return self.wrong(VERSION, self.u16(body + 4))
        elif kind == INTERFACE:
            return self.interface(body, size)
        elif kind == SIMPLE:
            return self.simple(body, size, chunk)
        return 0

    cdef int interface(self, const uint8_t* body, uint32_t size) except -1 nogil:
        """Remember an interface's link type, snap length and clock."""
        cdef interface_t* made
        cdef uint32_t at = 8, code, length
        if size < 8:
            return self.wrong(SHORT_INTERFACE, 0)
        if self.interface_count >= LARGEST_COUNT:
            return self.wrong(MANY_INTERFACES, 0)
        if self.interface_count == self.interface_room:
            self.interface_room = 2 * self.interface_room + 4
            made = <interface_t*>realloc(
                self.interfaces, self.interface_room * sizeof(interface_t)
            )
            if made == NULL:
                with gil:
                    raise MemoryError
            self.interfaces = made
        made = &self.interfaces[self.interface_count]
        self.interface_count += 1
        made.link, made.snap = self.u16(body), self.u32(body + 4)
        made.resolution, made.offset = 6, 0
        while size - at >= 4:
            code, length = self.u16(body + at), self.u16(body + at + 2)
            if code == 0 or length > size - at - 4:
                break
            if code == 9 and length == 1:
                made.resolution = body[at + 4]
            elif code == 14 and length == 8:
                made.offset = <int64_t>(
                    be64(body + at + 4)
                    if self.swapped
                    else <uint64_t>le32(body + at + 8) << 32 | le32(body + at + 4)
                )
            length = (length + 3) & ~<uint32_t>3
            if length > size - at - 4:
                break
            at += 4 + length
        made.unit = unit_of(made.resolution)
        return 0

    cdef inline int packet(
        self, const uint8_t* body, uint32_t size, uint32_t which, Chunk chunk
    ) except -1 nogil:
        """Read an enhanced or an obsolete packet block; after the interface they are alike."""
        cdef uint32_t high, low, captured, original
        cdef frame_t* frame
        cdef interface_t* at
        if self.swapped:
            high, low, captured, original = (
                be32(body + 4), be32(body + 8), be32(body + 12), be32(body + 16)
            )
        else:
            high, low, captured, original = (
                le32(body + 4), le32(body + 8), le32(body + 12), le32(body + 16)
            )
        if which >= self.interface_count:
            return self.wrong(NO_INTERFACE, which)
        if captured > size - 20:
            return self.wrong(LONG_PACKET, captured)
        at = &self.interfaces[which]
        self.last = in_nanoseconds(
            <uint64_t>high << 32 | low, at.unit, at.resolution, at.offset
        )
        if chunk.count == chunk.room:
            chunk.grow()
        frame = &chunk.frames[chunk.count]
        chunk.count += 1
        frame.data, frame.captured, frame.original = body + 20, captured, original
        frame.time, frame.link = self.last, at.link
        return 0

    cdef int simple(self, const uint8_t* body, uint32_t size, Chunk chunk) except -1 nogil:
        """Read a simple packet block: no time of its own, always interface 0."""
        cdef frame_t* frame
        cdef uint32_t original
        if size < 4:
            return self.wrong(SHORT_PACKET, 0)
        if not self.interface_count:
            return self.wrong(NO_INTERFACE, 0)
        original = self.u32(body)
        frame = chunk.push()
        frame.data = body + 4
        frame.captured = min(original, size - 4)
        if self.interfaces[0].snap and frame.captured > self.interfaces[0].snap:
            frame.captured = self.interfaces[0].snap
        frame.original, frame.time = original, self.last
        frame.link = self.interfaces[0].link
        return 0

    cdef void leave_out(self, uint64_t offset) noexcept nogil:
        """Count a packet of which nobody knows what it is."""
        if not self.left_out:
            self.left_out_at, self.left_out_interface = offset, <uint32_t>self.value
        self.left_out += 1
        self.fault = FINE

    cdef Chunk empty_chunk(self, object data):
        """Return a chunk without frames; an old one whose memory is there, if it is free.

        Whoever asks for a chunk usually still holds the one before, hence two.
        """
        cdef Chunk chunk = self.older
        self.older = None
        if chunk is None or Py_REFCNT(chunk) > 1:
            chunk = Chunk.__new__(Chunk)
        chunk.count, chunk.keep = 0, data
        self.older, self.newest = self.newest, chunk
        return chunk

    cdef uint32_t u32(self, const uint8_t* at) noexcept nogil:
        return word(at, self.swapped)

    cdef uint32_t u16(self, const uint8_t* at) noexcept nogil:
        return be16(at) if self.swapped else le16(at)

    cdef int wrong(self, int fault, uint64_t value) noexcept nogil:
        self.fault, self.value = fault, value
        return 0
