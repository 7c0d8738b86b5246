# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A queue of the kernel whose packets wait for our verdict; `nfqueue.pyi` says what calls mean.

Facts: Linux `include/uapi/linux/netfilter/nfnetlink_queue.h` and `netlink.h`. Every length in a message
is compared with what is left of it before it is used.
"""

import os
import socket
import struct

from libc.errno cimport EAGAIN, EINTR, ENOBUFS, errno as last_error
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from backchannel.wire cimport be16, be32

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/socket.h>
    #include <sys/uio.h>
    #include <linux/netlink.h>
    #ifdef __SANITIZE_ADDRESS__
    #include <sanitizer/asan_interface.h>
    #else
    #define __asan_poison_memory_region(at, size)
    #define __asan_unpoison_memory_region(at, size)
    #endif

    /* Receive up to `most` datagrams, each into its own `room` bytes; sizes come back in `sizes`. */
    static int receive_many(int handle, uint8_t *store, size_t room, int most, uint32_t *sizes)
    {
        struct mmsghdr messages[64];
        struct iovec parts[64];
        struct sockaddr_nl senders[64];
        int at, got;
        if (most > 64) most = 64;
        __asan_unpoison_memory_region(store, room * most);
        memset(senders, 0, sizeof(senders));
        memset(messages, 0, sizeof(struct mmsghdr) * most);
        for (at = 0; at < most; at++) {
            parts[at].iov_base = store + room * at;
            parts[at].iov_len = room;
            messages[at].msg_hdr.msg_iov = &parts[at];
            messages[at].msg_hdr.msg_iovlen = 1;
            messages[at].msg_hdr.msg_name = &senders[at];
            messages[at].msg_hdr.msg_namelen = sizeof(senders[at]);
        }
        got = recvmmsg(handle, messages, most, MSG_DONTWAIT, 0);
        for (at = 0; at < got; at++) {
            int whole = !(messages[at].msg_hdr.msg_flags & MSG_TRUNC);
            /* only the kernel (port 0) may speak to us */
            sizes[at] = whole && senders[at].nl_pid == 0 ? messages[at].msg_len : 0;
            __asan_poison_memory_region(store + room * at + sizes[at], room - sizes[at]);
        }
        return got;
    }
    static inline void put16(uint8_t *p, uint16_t v) { memcpy(p, &v, 2); }
    static inline void put32(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }
    static inline void net16(uint8_t *p, uint16_t v) { v = __builtin_bswap16(v); memcpy(p, &v, 2); }
    static inline void net32(uint8_t *p, uint32_t v) { v = __builtin_bswap32(v); memcpy(p, &v, 4); }
    static inline uint16_t host16(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return v; }
    static inline uint32_t host32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }
    static inline long send_all(int handle, const void *data, size_t size)
    { return send(handle, data, size, 0); }
    """
    int receive_many(int, uint8_t*, size_t, int, uint32_t*) nogil
    void put16(uint8_t*, uint16_t) noexcept nogil
    void put32(uint8_t*, uint32_t) noexcept nogil
    void net16(uint8_t*, uint16_t) noexcept nogil
    void net32(uint8_t*, uint32_t) noexcept nogil
    uint16_t host16(const uint8_t*) noexcept nogil
    uint32_t host32(const uint8_t*) noexcept nogil
    long send_all(int, const void*, size_t) nogil

DROP, ACCEPT = 0, 1

cdef enum:
    NETFILTER = 12          # NETLINK_NETFILTER
    PACKET = 3 << 8         # subsystem queue, messages
    VERDICT = 3 << 8 | 1
    CONFIG = 3 << 8 | 2
    ERROR = 2               # NLMSG_ERROR
    HEADER = 20             # nlmsghdr and nfgenmsg
    OUTBOX = 1 << 17
    ATTRIBUTE = 0x3FFF      # without the flags "nested" and "network byte order"
    LONGEST = 65535
    PAYLOAD = 65531         # what an attribute holds

    A_HEADER = 1
    A_VERDICT = 2
    A_MARK = 3
    A_IN = 5
    A_OUT = 6
    A_BRIDGE_IN = 7
    A_BRIDGE_OUT = 8
    A_PAYLOAD = 10
    A_FULL = 13
    A_INFO = 14

FAIL_OPEN, GSO = 1, 4       # NFQA_CFG_F_*


cdef class Queue:
    """One NFQUEUE."""

    def __cinit__(self, int number, *, length=4096, buffer=8 << 20, fail_open=True, int handle=-1):
        cdef bytes flags
        self.handle = -1
        self.store = <uint8_t*>malloc(MOST * ROOM)
        self.outbox = <uint8_t*>malloc(OUTBOX)
        if self.store == NULL or self.outbox == NULL:
            raise MemoryError
        self.number, self.closed = number, not fail_open
        if handle >= 0:
            self.handle = handle
            return
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETFILTER)
        self.handle = made.detach()
        self.size_buffer(buffer)
        self.command(_attribute(1, struct.pack(">BxH", 1, 0)))  # bind
        self.command(_attribute(2, struct.pack(">IB", LONGEST, 2)))  # whole packets
        self.command(_attribute(3, struct.pack(">I", length)))
        flags = struct.pack(">I", GSO | (FAIL_OPEN if fail_open else 0))
        self.command(_attribute(4, struct.pack(">I", GSO | FAIL_OPEN)) + _attribute(5, flags))

    def __dealloc__(self):
        if self.handle >= 0:
            os.close(self.handle)
        free(self.store)
        free(self.outbox)

    def fileno(self):
        """Return the socket, to wait on."""
        return self.handle

    def receive(self):
        """Take the packets that wait, 64 at most; return how many."""
        return self.fetch()

    def payload(self, uint32_t at):
        """Return the bytes of a packet, from its IP header."""
        if at >= self.count:
            raise IndexError(at)
        return self.packets[at].payload[: self.packets[at].size]

    def identity(self, uint32_t at):
        """Return (id, mark, hook, interface it came from, interface it leaves by) of a packet."""
        if at >= self.count:
            raise IndexError(at)
        packet = self.packets[at]
        return packet.id, packet.mark, packet.hook, packet.incoming, packet.outgoing

    def judge(
        self, uint32_t packet, uint32_t verdict, mark=None, bytes payload=b""
    ):
        """Answer for the packet with this id."""
        cdef uint32_t word = 0 if mark is None else mark
        self.answer(
            packet, verdict, mark is not None, word, <const uint8_t*><const char*>payload, len(payload)
        )

    def flush(self):
        """Send the answers."""
        self.send()

    def close(self):
        """Leave the queue; the kernel drops what still waits in it."""
        if self.handle >= 0:
            os.close(self.handle)
        self.handle, self.count, self.outbox_size = -1, 0, 0

    # -- receiving ---------------------------------------------------------------------------------

    cdef int fetch(self) except -1:
        """Take what waits; return how many packets there are now."""
        cdef uint32_t sizes[MOST]
        cdef int got, at
        self.count = 0
        got = receive_many(self.handle, self.store, ROOM, MOST, sizes)
        if got < 0:
            if last_error == ENOBUFS:
                self.overruns += 1
            elif last_error != EAGAIN and last_error != EINTR:
                raise OSError(last_error, os.strerror(last_error))
            return 0
        for at in range(got):
            self.message(self.store + <size_t>at * ROOM, sizes[at])
        return self.count

    cdef void message(self, const uint8_t* data, uint32_t size) noexcept nogil:
        """Read one datagram: a packet, or an error that an answer met."""
        cdef uint32_t length
        if size < 16:
            self.malformed += 1
            return
        length = host32(data)
        if length < HEADER or length > size:
            self.malformed += 1
        elif host16(data + 4) == ERROR:
            self.refused += 1
        elif host16(data + 4) != PACKET:
            self.malformed += 1
        elif self.parse(data + HEADER, length - HEADER, &self.packets[self.count]):
            self.count += 1
            self.received += 1
        else:
            self.malformed += 1

    cdef bint parse(self, const uint8_t* data, uint32_t size, queued_t* packet) noexcept nogil:
        """Read the attributes of one packet; False: there is no packet to answer for."""
        cdef uint32_t length, body, step
        cdef uint16_t kind
        cdef const uint8_t* value
        cdef bint known = False, bridge_in = False, bridge_out = False
        memset(packet, 0, sizeof(queued_t))
        while size >= 4:
            length, kind = host16(data), host16(data + 2) & ATTRIBUTE
            if length < 4 or length > size:
                break
            value, body = data + 4, length - 4
            if kind == A_PAYLOAD:
                packet.payload, packet.size = value, body
            elif kind == A_HEADER and body >= 7:
                packet.id, packet.hook, known = be32(value), value[6], True
            elif body >= 4:
                if kind == A_MARK:
                    packet.mark = be32(value)
                elif kind == A_IN:
                    packet.incoming = be32(value)
                elif kind == A_OUT:
                    packet.outgoing = be32(value)
                elif kind == A_BRIDGE_IN:
                    bridge_in = True
                elif kind == A_BRIDGE_OUT:
                    bridge_out = True
                elif kind == A_FULL:
                    packet.full = be32(value)
                elif kind == A_INFO:
                    packet.flags = be32(value)
            step = (length + 3) & ~<uint32_t>3
            if step >= size:
                break
            data, size = data + step, size - step
        packet.full = max(packet.full, packet.size)
        packet.bridged = bridge_in and bridge_out
        return known

    # -- answering ---------------------------------------------------------------------------------

    cdef int answer(
        self, uint32_t id, uint32_t verdict, bint marked, uint32_t mark,
        const uint8_t* payload, uint32_t size,
    ) except -1:
        """Put one verdict into the outbox; send it first where there is no room."""
        cdef uint32_t length = HEADER + 12 + (8 if marked else 0)
        cdef uint8_t* at
        if size > PAYLOAD:
            raise ValueError(f"an answer holds {PAYLOAD} bytes at most")
        if size:
            length += 4 + ((size + 3) & ~<uint32_t>3)
        if self.outbox_size + length > OUTBOX:
            self.send()
        at = self.outbox + self.outbox_size
        memset(at, 0, HEADER)
        put32(at, length)
        put16(at + 4, VERDICT)
        put16(at + 6, 1)  # a request
        net16(at + 18, self.number)
        at += HEADER
        put16(at, 12)
        put16(at + 2, A_VERDICT)
        net32(at + 4, verdict)
        net32(at + 8, id)
        at += 12
        if marked:
            put16(at, 8)
            put16(at + 2, A_MARK)
            net32(at + 4, mark)
            at += 8
        if size:
            put16(at, 4 + size)
            put16(at + 2, A_PAYLOAD)
            memcpy(at + 4, payload, size)
            memset(at + 4 + size, 0, -size & 3)
        self.outbox_size += length
        self.answered += 1
        return 0

    cdef int send(self) except -1:
        """Send what is in the outbox."""
        cdef uint32_t size = self.outbox_size
        cdef long sent
        if not size:
            return 0
        self.outbox_size = 0
        with nogil:
            sent = send_all(self.handle, self.outbox, size)
        if sent < 0:
            if last_error == ENOBUFS or last_error == EAGAIN:
                self.overruns += 1
            else:
                raise OSError(last_error, os.strerror(last_error))
        return 0

    # -- set-up ------------------------------------------------------------------------------------

    def size_buffer(self, int buffer):
        """Make room in the socket; more than the system's limit where we may."""
        SO_RCVBUFFORCE = 33
        with socket.socket(fileno=os.dup(self.handle)) as made:
            try:
                made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer)
            except PermissionError:  # in a user namespace only up to net.core.rmem_max
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)

    cdef int command(self, bytes attributes) except -1:
        """Send one request of configuration, and wait for the kernel's word."""
        head = struct.pack("=IHHII", HEADER + len(attributes), CONFIG, 1 | 4, 1, 0)
        family = struct.pack(">BBH", 0, 0, self.number)
        with socket.socket(fileno=os.dup(self.handle)) as made:
            made.settimeout(5)
            made.send(head + family + attributes)
            while True:
                told = made.recv(ROOM)
                if len(told) >= 20 and struct.unpack_from("=H", told, 4)[0] == ERROR:
                    break  # anything before it is a packet of a queue that was bound already
        failed = -struct.unpack_from("=i", told, 16)[0]
        if failed:
            raise OSError(failed, os.strerror(failed))
        return 0


cdef bytes _attribute(int kind, bytes value):
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) & 3)
