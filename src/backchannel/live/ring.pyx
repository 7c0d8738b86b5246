# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""A packet socket's ring in memory that the kernel shares: blocks in, chunks of frames out.

The kernel fills whole blocks (TPACKET_V3; Documentation/networking/packet_mmap.rst). A block is ours
from the moment its status says so until `release`. No packet becomes a Python object.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memmove

from backchannel.capture.records cimport Chunk, frame_t
from backchannel.wire cimport prefetch

cdef extern from "<linux/if_packet.h>" nogil:
    struct tpacket_hdr_v1:
        uint32_t block_status
        uint32_t num_pkts
        uint32_t offset_to_first_pkt
        uint64_t seq_num
    union tpacket_bd_header_u:
        tpacket_hdr_v1 bh1
    struct tpacket_block_desc:
        tpacket_bd_header_u hdr
    struct tpacket_hdr_variant1:
        uint32_t tp_vlan_tci
        uint16_t tp_vlan_tpid
    struct sockaddr_ll:
        uint16_t sll_protocol
        int sll_ifindex
        uint16_t sll_hatype
        uint8_t sll_pkttype
        uint8_t sll_halen
        uint8_t sll_addr[8]
    size_t TPACKET_ALIGN(size_t)
    struct tpacket3_hdr:
        uint32_t tp_next_offset
        uint32_t tp_sec
        uint32_t tp_nsec
        uint32_t tp_snaplen
        uint32_t tp_len
        uint32_t tp_status
        uint16_t tp_mac
        tpacket_hdr_variant1 hv1
    enum:
        TP_STATUS_USER
        TP_STATUS_VLAN_VALID
        TP_STATUS_VLAN_TPID_VALID

cdef extern from *:
    """
    #include <sys/mman.h>
    #include <errno.h>
    static inline uint32_t status_of(const uint32_t *p)
    { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
    static inline void give_back(uint32_t *p) { __atomic_store_n(p, 0, __ATOMIC_RELEASE); }
    static inline void *share(int fd, size_t size)
    {
        void *p = mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        return p == MAP_FAILED ? 0 : p;
    }
    static inline int last_error(void) { return errno; }
    """
    uint32_t status_of(const uint32_t*) noexcept nogil
    void give_back(uint32_t*) noexcept nogil
    void* share(int, size_t) noexcept nogil
    void unshare "munmap"(void*, size_t) noexcept nogil
    int last_error() noexcept nogil

cdef enum:
    ETHERNET = 1            # link type
    ADDRESSES = 12          # bytes of both Ethernet addresses
    TAG = 4                 # bytes of an 802.1Q tag; as many are kept free before each frame
    TAGGED = 0x8100
    COOKED = 276            # link type LINUX_SLL2
    COOKED_HEAD = 20        # bytes of its header
    OUTGOING = 4            # kind of a packet that this machine sends
    LOOPBACK = 772          # hardware type
    RECORD = 16             # bytes of a pcap record's header


cdef class Ring:
    """The blocks of one socket, taken in turn."""

    cdef uint8_t* memory
    cdef size_t size
    cdef uint32_t block_size, blocks, at
    cdef bint held
    cdef Chunk chunk
    cdef readonly uint32_t link
    """Link type of its frames, as in pcap files."""
    cdef readonly uint64_t broken
    """Frames whose place in their block was impossible; always 0 with a sound kernel."""

    def __init__(self, int fd, uint32_t link, uint32_t block_size, uint32_t blocks):
        """Map the ring of *fd*, which was set up with as many blocks; somebody else may have read
        from it before. Raises OSError.
        """
        self.size = <size_t>block_size * blocks
        self.memory = <uint8_t*>share(fd, self.size)
        if self.memory == NULL:
            raise OSError(last_error(), "the packet ring cannot be mapped")
        self.link, self.block_size, self.blocks = link, block_size, blocks
        self.chunk = Chunk.__new__(Chunk)
        self.at = self.oldest()

    cdef uint32_t oldest(self) noexcept nogil:
        """Return the block to begin with: the first that is full, or the one that the kernel fills.
        The kernel numbers blocks when it begins them.
        """
        cdef uint32_t at, first = 0, newest = 0
        cdef uint64_t number, least = 0, most = 0
        cdef bint full = False
        cdef tpacket_block_desc* block
        for at in range(self.blocks):
            block = <tpacket_block_desc*>(self.memory + <size_t>at * self.block_size)
            number = block.hdr.bh1.seq_num
            if status_of(&block.hdr.bh1.block_status) & TP_STATUS_USER:
                if not full or number < least:
                    full, first, least = True, at, number
            elif number > most:
                newest, most = at, number
        return first if full else newest

    def __dealloc__(self):
        if self.memory != NULL:
            unshare(self.memory, self.size)

    def next(self):
        """Return the next full block's frames, or None. They are good until `release`."""
        cdef tpacket_block_desc* block
        if self.held:
            raise ValueError("release() the block before")
        block = <tpacket_block_desc*>(self.memory + <size_t>self.at * self.block_size)
        if not status_of(&block.hdr.bh1.block_status) & TP_STATUS_USER:
            return None
        self.held, self.chunk.count, self.chunk.keep = True, 0, self
        with nogil:
            self.walk(block)
        return self.chunk

    def release(self):
        """Give the block back to the kernel."""
        cdef tpacket_block_desc* block
        if not self.held:
            return
        block = <tpacket_block_desc*>(self.memory + <size_t>self.at * self.block_size)
        self.held, self.chunk.count, self.chunk.keep = False, 0, None
        give_back(&block.hdr.bh1.block_status)
        self.at = self.at + 1 if self.at + 1 < self.blocks else 0

    cdef int walk(self, tpacket_block_desc* block) except -1 nogil:
        """Describe every frame of the block."""
        cdef uint8_t* start = <uint8_t*>block
        cdef size_t place = block.hdr.bh1.offset_to_first_pkt
        cdef uint32_t left = block.hdr.bh1.num_pkts
        cdef tpacket3_hdr* head
        cdef uint8_t* data
        cdef uint8_t* packet
        cdef frame_t* frame
        while left:
            left -= 1
            head = <tpacket3_hdr*>(start + place)
            if place + head.tp_mac + head.tp_snaplen > self.block_size:
                self.broken += 1
                return 0
            place += head.tp_next_offset
            if left:
                prefetch(start + place)
            data = <uint8_t*>head + head.tp_mac
            if self.link == COOKED and doubled(origin(head)):
                continue
            frame = self.chunk.push()
            frame.time = <int64_t>head.tp_sec * 1000000000 + head.tp_nsec
            frame.captured, frame.original, frame.link = head.tp_snaplen, head.tp_len, self.link
            if head.tp_status & TP_STATUS_VLAN_VALID and self.link == ETHERNET:
                if frame.captured >= ADDRESSES:
                    data = tagged(data, head)
                    frame.captured += TAG
                    frame.original += TAG
            elif self.link == COOKED:
                packet = data
                data = cooked(data, head)
                frame.captured += <uint32_t>(packet - data)
                frame.original += <uint32_t>(packet - data)
            frame.data = data
            prefetch(data)  # the decoder comes next: a tenth less time a packet
        return 0


cdef uint8_t* tagged(uint8_t* data, const tpacket3_hdr* head) noexcept nogil:
    """Put the tag that the kernel took out back between addresses and type."""
    cdef uint32_t kind = TAGGED
    cdef uint8_t* start = data - TAG  # PACKET_RESERVE keeps them free
    if head.tp_status & TP_STATUS_VLAN_TPID_VALID and head.hv1.tp_vlan_tpid:
        kind = head.hv1.tp_vlan_tpid
    memmove(start, data, ADDRESSES)
    start[ADDRESSES], start[ADDRESSES + 1] = <uint8_t>(kind >> 8), <uint8_t>kind
    start[ADDRESSES + 2] = <uint8_t>(head.hv1.tp_vlan_tci >> 8)
    start[ADDRESSES + 3] = <uint8_t>head.hv1.tp_vlan_tci
    return start


cdef inline const sockaddr_ll* origin(const tpacket3_hdr* head) noexcept nogil:
    """Where a packet came from; the kernel puts it behind the header."""
    return <const sockaddr_ll*>(<const uint8_t*>head + TPACKET_ALIGN(sizeof(tpacket3_hdr)))


cdef inline bint doubled(const sockaddr_ll* told) noexcept nogil:
    """Whether it is a packet on its way out by the loopback, where it comes in again."""
    return told.sll_pkttype == OUTGOING and told.sll_hatype == LOOPBACK


cdef uint8_t* cooked(uint8_t* data, const tpacket3_hdr* head) noexcept nogil:
    """Put before an IP packet what is told of its link, and its tag if it has one."""
    cdef const sockaddr_ll* told = origin(head)
    cdef uint8_t* start = data
    cdef uint32_t number = <uint32_t>told.sll_ifindex, kind = TAGGED
    cdef uint8_t first = (<const uint8_t*>&told.sll_protocol)[0]
    cdef uint8_t second = (<const uint8_t*>&told.sll_protocol)[1]
    if head.tp_status & TP_STATUS_VLAN_VALID:
        if head.tp_status & TP_STATUS_VLAN_TPID_VALID and head.hv1.tp_vlan_tpid:
            kind = head.hv1.tp_vlan_tpid
        start -= TAG
        start[0] = <uint8_t>(head.hv1.tp_vlan_tci >> 8)
        start[1] = <uint8_t>head.hv1.tp_vlan_tci
        start[2], start[3] = first, second
        first, second = <uint8_t>(kind >> 8), <uint8_t>kind
    start -= COOKED_HEAD  # PACKET_RESERVE keeps them free
    start[0], start[1], start[2], start[3] = first, second, 0, 0
    start[4], start[5] = <uint8_t>(number >> 24), <uint8_t>(number >> 16)
    start[6], start[7] = <uint8_t>(number >> 8), <uint8_t>number
    start[8], start[9] = <uint8_t>(told.sll_hatype >> 8), <uint8_t>told.sll_hatype
    start[10], start[11] = told.sll_pkttype, min(told.sll_halen, <uint8_t>8)
    memcpy(start + 12, told.sll_addr, 8)
    return start


def pcap_records(Chunk chunk not None):
    """Return the chunk's frames as records of a pcap file with nanoseconds."""
    cdef Py_ssize_t at, size = 0
    cdef uint8_t* to
    cdef uint32_t head[4]
    cdef frame_t* frame
    for at in range(chunk.count):
        size += RECORD + chunk.frames[at].captured
    out = bytearray(size)
    if not size:
        return out
    to = out
    for at in range(chunk.count):
        frame = &chunk.frames[at]
        head[0] = <uint32_t>(frame.time // 1000000000)
        head[1] = <uint32_t>(frame.time % 1000000000)
        head[2], head[3] = frame.captured, frame.original
        memcpy(to, head, RECORD)
        memcpy(to + RECORD, frame.data, frame.captured)
        to += RECORD + frame.captured
    return out
