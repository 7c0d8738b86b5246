# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The host names a first payload tells; `names_py` says the same in plain Python.

    TLS    ClientHello: server_name (RFC 6066 §3), the outer one where ECH hides another
    DNS    names of questions and answers (RFC 1035 §4), over UDP, or TCP with its length
    HTTP   Host (RFC 9112 §3.2)

The answers are 1: of interest, 0: not, EARLY: the payload ends before it could tell.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memchr, memcmp, memcpy

from backchannel.wire cimport be16

cdef enum:
    LONGEST_NAME = 255
    MAX_RECORDS = 32
    MAX_POINTERS = 16
    COUNT = 6               # where DNS over TCP counts its questions, fewer than 256
    BAD = -2                # the payload is not what it seemed to be


cdef inline uint64_t add(uint64_t hash, uint8_t byte) noexcept nogil:
    """FNV-1a; over our own list, so nobody can make it collide."""
    return (hash ^ byte) * ((<uint64_t>1 << 40) + 0x1B3)


cdef bint record(hello_t* hello) noexcept nogil:
    """Move to a byte of the handshake; False where there is none."""
    while not hello.left:
        if hello.size - hello.at < 5 or hello.data[hello.at] != 0x16:
            return False
        hello.left = be16(hello.data + hello.at + 3)
        hello.at += 5
    return hello.at < hello.size


cdef int64_t number(hello_t* hello, int size) noexcept nogil:
    """Read a number of *size* bytes, or EARLY."""
    cdef int64_t value = 0
    cdef int byte
    for byte in range(size):
        if not record(hello):
            return EARLY
        value = value << 8 | hello.data[hello.at]
        hello.at += 1
        hello.left -= 1
        hello.read += 1
    return value


cdef bint pass_over(hello_t* hello, int64_t size) noexcept nogil:
    """Move *size* bytes on; False where there are fewer, or *size* is EARLY."""
    cdef uint32_t step
    if size < 0:
        return False
    while size:
        if not record(hello):
            return False
        step = <uint32_t>min(size, <int64_t>min(hello.left, hello.size - hello.at))
        hello.at += step
        hello.left -= step
        hello.read += step
        size -= step
    return True


cdef uint32_t host_value(const uint8_t* data, uint32_t size, uint32_t at) noexcept nogil:
    """Return where the value of a Host line that begins at *at* begins; 0 for other lines."""
    cdef const char* name = b"host"
    if size - at < 5 or not same(data + at, <const uint8_t*>name, 4):
        return 0
    at += 4
    while at < size and (data[at] == 32 or data[at] == 9):
        at += 1
    if at == size or data[at] != 58:
        return 0
    at += 1
    while at < size and (data[at] == 32 or data[at] == 9):
        at += 1
    return at


cdef int64_t dns_name(
    const uint8_t* data, uint32_t size, uint32_t at, uint8_t* name, uint32_t* length
) noexcept nogil:
    """Read a name into *name*; return where the message goes on, EARLY or BAD.

    Pointers lead backwards only, and not many after each other.
    """
    cdef int64_t after = 0
    cdef uint32_t label, target, jumps = 0, used = 0
    while True:
        if at >= size:
            return EARLY
        label = data[at]
        if label >= 0xC0:
            if at + 2 > size:
                return EARLY
            if not jumps:
                after = at + 2
            target = (label & 0x3F) << 8 | data[at + 1]
            jumps += 1
            if target >= at or jumps > MAX_POINTERS:
                return BAD
            at = target
        elif label >= 0x40:
            return BAD
        elif label == 0:
            length[0] = used - 1 if used else 0
            return after if jumps else at + 1
        else:
            if at + 1 + label > size:
                return EARLY
            if used + label + 1 > LONGEST_NAME:
                return BAD
            memcpy(name + used, data + at + 1, label)
            used += label + 1
            name[used - 1] = 46
            at += 1 + label


cdef class Names:
    """Domain suffixes of interest."""

    def __init__(self, names):
        cdef uint64_t size = 16, at, hash
        wanted = sorted({name.encode() for name in names if name})
        while size < 4 * len(wanted):
            size *= 2
        self.table = <suffix_t*>calloc(size, sizeof(suffix_t))
        if self.table == NULL:
            raise MemoryError
        self.mask, self.text = size - 1, b"".join(wanted)
        self.start = self.text
        start = 0
        for name in wanted:
            hash = 0
            for byte in reversed(name):
                hash = add(hash, byte)
            at = hash & self.mask
            while self.table[at].size:
                at = (at + 1) & self.mask
            self.table[at] = suffix_t(hash, start, len(name))
            start += len(name)

    def __dealloc__(self):
        free(self.table)

    cdef int of_interest(self, bint stream, const uint8_t* data, uint32_t size) noexcept nogil:
        """Whether a payload of at least one byte names a listed host."""
        if not stream:
            return self.dns(data, size, True)
        cdef uint32_t at = 0
        if data[0] == 0x16 and (size == 1 or data[1] == 3):
            return self.tls(data, size)
        if size > COUNT and not data[COUNT]:  # no text, though the length of DNS may look like it
            return self.dns(data + 2, size - 2, False)
        while at < size and (data[at] == 13 or data[at] == 10):  # empty lines before a request
            at += 1
        if at == size:
            return EARLY
        if 0x41 <= data[at] <= 0x5A:
            return self.http(data + at, size - at)
        return self.dns(data + 2, size - 2, False) if size > 2 else EARLY

    cdef bint listed(self, const uint8_t* name, uint32_t size) noexcept nogil:
        """Whether *name*, or a domain above it, is on the list."""
        cdef uint64_t hash = 0, slot
        cdef uint32_t at, length
        cdef const suffix_t* suffix
        if size > LONGEST_NAME:
            return False
        while size and name[size - 1] == 46:  # "."
            size -= 1
        at = size
        while at:
            at -= 1
            hash = add(hash, lower(name[at]))
            if at and name[at - 1] != 46:
                continue
            slot, length = hash & self.mask, size - at
            while self.table[slot].size:
                suffix = &self.table[slot]
                if suffix.hash == hash and suffix.size == length:
                    if same(name + at, self.start + suffix.at, length):
                        return True
                slot = (slot + 1) & self.mask
        return False

    cdef int tls(self, const uint8_t* data, uint32_t size) noexcept nogil:
        """A ClientHello may lie in several records, whose headers are passed over."""
        cdef hello_t hello = hello_t(data, size, 0, 0, 0)
        cdef int64_t end, kind, length
        kind = number(&hello, 1)
        if kind != 1:
            return EARLY if kind == EARLY else 0
        length = number(&hello, 3)
        if length < 0:
            return EARLY
        end = hello.read + length
        if not pass_over(&hello, 34) or not pass_over(&hello, number(&hello, 1)):
            return EARLY
        if not pass_over(&hello, number(&hello, 2)) or not pass_over(&hello, number(&hello, 1)):
            return EARLY
        if hello.read >= end:
            return 0
        length = number(&hello, 2)
        if length < 0:
            return EARLY
        end = min(end, length + hello.read)
        while hello.read < end:
            kind, length = number(&hello, 2), number(&hello, 2)
            if length < 0:
                return EARLY
            if kind == 0:
                return self.server_name(&hello, length)
            if not pass_over(&hello, length):
                return EARLY
        return 0

    cdef int server_name(self, hello_t* hello, int64_t length) noexcept nogil:
        """The first name of the extension."""
        cdef uint8_t body[5 + LONGEST_NAME]
        cdef int64_t size = min(length, <int64_t>sizeof(body)), at
        for at in range(size):
            if not record(hello):
                return EARLY
            body[at] = <uint8_t>number(hello, 1)
        if not pass_over(hello, length - size):
            return EARLY
        if length < 5 or body[2] or be16(body + 3) > length - 5:
            return 0
        return self.listed(body + 5, be16(body + 3))

    cdef int http(self, const uint8_t* data, uint32_t size) noexcept nogil:
        """The first Host line before the empty one."""
        cdef uint32_t at = 0, start = 0, end
        cdef const uint8_t* line
        while not start:
            line = <const uint8_t*>memchr(data + at, 10, size - at)
            if line == NULL:
                return EARLY
            at = <uint32_t>(line - data) + 1
            if at > 1 and size - at > 1 and not memcmp(line - 1, <const char*>b"\r\n\r\n", 4):
                return 0
            start = host_value(data, size, at)
        end = start
        while end < size and data[end] != 13 and data[end] != 10:
            end += 1
        if end == size:
            return EARLY
        while end > start and (data[end - 1] == 32 or data[end - 1] == 9):
            end -= 1
        at = end
        while at > start and 48 <= data[at - 1] <= 57:
            at -= 1
        if at > start and data[at - 1] == 58:
            end = at - 1
        return self.listed(data + start, end - start)

    cdef int dns(self, const uint8_t* data, uint32_t size, bint whole) noexcept nogil:
        """*whole*: what is missing will not come, as in a datagram."""
        cdef uint8_t name[LONGEST_NAME + 1]
        cdef uint32_t questions, records, record, length
        cdef int64_t at = 12
        if size < 12:
            return 0 if whole else EARLY
        questions = be16(data + 4)
        records = min(questions + be16(data + 6), <uint32_t>MAX_RECORDS)
        for record in range(records):
            length = 0
            at = dns_name(data, size, <uint32_t>at, name, &length)
            if at == BAD:
                return 0
            if at == EARLY:
                return 0 if whole or record else EARLY
            if self.listed(name, length):
                return 1
            at += 4
            if record >= questions:
                if at > <int64_t>size - 6:
                    return 0
                at += 6 + be16(data + at + 4)
            if at > size:
                return 0
        return 0
