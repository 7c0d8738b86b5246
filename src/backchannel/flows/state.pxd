"""What the compiled rooms of the core share: packets, flows, streams, deliveries, counts.

Plain C structures, so that the rooms work without the GIL and without calls where none is needed.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport realloc

cdef enum:
    BATCH = 32          # packets decoded together; also the expiry hand's round
    DEEPEST = 16        # tags and tunnels of one packet, whatever the setting
    MAX_NAMED = 256     # different names that hold a number, such as `ethertype 0x88cc`
    TCP = 6
    UDP = 17
    NOT_KNOWN = -1

# -- counts: the order of `counters.COUNTED` and `counters.NUMBERED` -------------------------------

cdef enum:
    TRUNCATED_LINK
    TRUNCATED_IP
    BAD_IP
    TRUNCATED_TRANSPORT
    BAD_TCP
    BAD_UDP
    TRUNCATED_PAYLOAD
    TOO_DEEP
    LONG_EXTENSIONS
    FRAGMENTS
    FRAGMENTS_TIMED_OUT
    FRAGMENTS_DROPPED
    FRAGMENTS_UNFINISHED
    FRAGMENTS_BAD
    FRAGMENTS_OVERLAPPING
    FRAGMENTS_CONFLICTING
    FLOWS_EVICTED
    CONTEXTS_MERGED
    EXPECTATIONS_DROPPED
    GAPS_ACKNOWLEDGED
    GAPS_WAITED
    GAPS_BOUND
    GAPS_AT_END
    BYTES_NEVER_SEEN
    OPENING_DROPPED
    OUT_OF_WINDOW
    RESTARTS
    RESETS_IGNORED
    AFTER_THE_END
    CONFLICTS
    WIFI_PROTECTED
    WIFI_FRAGMENTS
    WIFI_AGGREGATES
    WIFI_MANAGEMENT
    COUNTS

cdef enum:
    LINK_TYPE
    ETHERTYPE
    PPP_PROTOCOL
    LLC
    ADDRESS_FAMILY
    GRE_PROTOCOL
    GRE_VERSION
    NUMBERED

cdef struct named_t:
    uint32_t kind
    uint32_t value
    uint64_t count

cdef struct counts_t:
    uint64_t fixed[COUNTS]
    named_t named[MAX_NAMED]
    uint64_t other[NUMBERED]
    int names

cdef inline void bump(counts_t* counts, int what) noexcept nogil:
    counts.fixed[what] += 1

cdef inline void bump_numbered(counts_t* counts, uint32_t kind, uint32_t value) noexcept nogil:
    """Count under a name that holds *value*; under `other` once there are too many names."""
    cdef int at
    for at in range(counts.names):
        if counts.named[at].kind == kind and counts.named[at].value == value:
            counts.named[at].count += 1
            return
    if counts.names == MAX_NAMED:
        counts.other[kind] += 1
        return
    counts.named[counts.names] = named_t(kind, value, 1)
    counts.names += 1

# -- one packet ------------------------------------------------------------------------------------

cdef enum:
    BAD                     # nothing to put into a flow
    GOOD
    PROTECTED               # it came in an AH packet, which belongs to another flow

cdef struct packet_t:
    uint64_t low            # key: addresses (IPv4), or a keyed hash of them (IPv6)
    uint64_t high           # key: ports, context, protocol
    uint64_t hash
    int64_t time
    uint64_t frame
    const uint8_t* source   # 4 or 16 bytes
    const uint8_t* target
    const uint8_t* payload  # of ICMP: its type and code come first
    uint32_t captured       # bytes of payload that are here
    uint32_t length         # bytes of payload that were sent
    uint32_t size           # of the innermost IP packet
    uint32_t seq
    uint32_t ack
    uint32_t candidate      # slot + 1 where the flow probably is
    uint32_t context
    uint32_t ports          # of source and target, or what stands for them (ICMP)
    uint16_t window
    uint8_t protocol
    uint8_t flags
    bint wide               # IPv6
    bint from_high          # sent by the high end of the key
    int good                # BAD, GOOD or PROTECTED

# -- what only few flows have ----------------------------------------------------------------------

cdef enum:
    MAX_TOKENS = 8

cdef struct segment_t:
    segment_t* after
    int64_t time
    uint64_t frame
    uint32_t seq
    uint32_t size
    uint32_t ack            # its sender had the other side's bytes before this one
    uint32_t answers        # 0: it waits for none of them
    uint8_t data[1]         # *size* bytes

cdef struct history_t:
    uint32_t start
    uint32_t size
    uint32_t room           # bytes of data
    uint8_t data[1]

cdef struct half_t:
    int64_t next            # sequence number of the next byte to deliver, or NOT_KNOWN
    int64_t acked
    int64_t fin
    int64_t fin_time        # when it came
    segment_t* first
    segment_t* last
    history_t* history      # what was delivered last; NULL: nothing yet
    uint32_t held           # cost of all segments
    uint32_t segments
    uint8_t ended
    uint8_t full            # bytes were let go while nobody wanted the stream yet
    uint8_t vain            # answers that waited for its bytes in vain, since one did not

cdef struct rare_t:
    uint64_t packets[2]     # what was taken out of flow_t before it ran over
    uint64_t bytes[2]
    uint64_t payload[2]
    uint64_t holes[2]       # what rest_t.holes cannot hold
    uint32_t pending        # first byte after another SYN
    uint32_t retransmissions
    uint32_t out_of_order
    uint32_t zero_windows

cdef struct extra_t:
    uint64_t hits
    uint64_t missed[2]
    int64_t* tokens         # MAX_TOKENS; NULL: none
    rare_t* rare            # NULL: nothing of it happened
    half_t* halves          # two; NULL: it has no streams
    uint32_t conflicts      # segments that repeat bytes with other content
    uint8_t token_count
    uint8_t deliver         # the streams' bytes are wanted

# -- one flow: a cache line that every packet touches, and a rest that few do ----------------------

cdef enum:
    USED = 1
    CLIENT_HIGH = 2         # the client is the high end of the key
    BEGUN = 4
    WANTED = 8
    DROPPED = 16
    RESET = 32
    LEAVING = 64            # CLOSED was delivered; the slot is kept until the next `take`
    PENDING = 128           # another SYN was seen, see rare_t.pending
    PENDING_SERVER = 256    # ... from the server's side
    FINISHED_0 = 512
    FINISHED_1 = 1024
    OPENED_0 = 2048         # the first byte of the side was seen
    OPENED_1 = 4096
    KNOWN_0 = 8192          # flow_t.next is known
    KNOWN_1 = 16384
    INITIAL_0 = 32768       # rest_t.initial is known
    INITIAL_1 = 65536
    STREAMING = 131072      # extra_t.halves are in use
    WIDE = 262144           # IPv6
    KEPT = 524288           # it is proved what it speaks: `FlowCore.keep`
    RELEASED = 1 << 26      # it was wanted, and is met like any other again: `FlowCore.release`
    QUIET_0 = 1 << 24       # nobody looks at what the side sends: see `settled`
    QUIET_1 = 1 << 25
    STRAY_0 = 1 << 20       # segments out of window in a row: two bits for each side
    STRAYS_0 = 3 << 20      # three: the next one is believed
    ANY_STRAYS = 15 << 20

cdef struct flow_t:
    uint64_t low
    uint64_t high
    int64_t last_time
    uint32_t bits
    uint32_t next[2]        # sequence number after the furthest byte seen
    uint32_t bytes[2]       # since rare_t was added to, as are packets and payload
    uint32_t payload[2]     # not 0 once there was any
    uint32_t last_frame     # its low half
    uint16_t last_frame_high
    uint8_t packets[2]
    uint8_t flags[2]        # TCP flags, or-ed; type and code of ICMP
    uint8_t tested[2]       # payloads compared with the magics

cdef struct rest_t:
    int64_t first_time
    extra_t* extra          # only where the flow is wanted, or its first bytes are awaited
    uint32_t initial[2]     # sequence number of the first byte
    uint32_t holes[2]       # bytes before flow_t.next that were not seen; see `holes_of`
    uint32_t hole_end[2]    # where the last of these holes ends, while there is one
    uint32_t serial         # low halves
    uint32_t first_frame
    uint16_t serial_high
    uint16_t first_frame_high
    uint32_t ends           # where the addresses are, if they do not fit into the key

cdef inline uint64_t join(uint32_t low, uint16_t high) noexcept nogil:
    """Return a number from its parts: 48 bits are enough for all packets that there will be."""
    return <uint64_t>high << 32 | low

# -- deliveries ------------------------------------------------------------------------------------

cdef enum:
    DATA
    GAP
    END
    CLOSED

cdef enum:
    IDLE
    REUSED
    EVICTED
    FINISHED

cdef struct delivery_t:
    const uint8_t* data
    uint64_t value          # size of DATA and GAP, reason of CLOSED
    int64_t time
    uint64_t frame
    segment_t* owner        # freed once the delivery is handed out
    uint32_t slot
    uint8_t side
    uint8_t kind

cdef struct out_t:
    delivery_t* batch
    uint32_t count
    uint32_t room
    bint failed             # out of memory: the run cannot go on
    int64_t time            # of the packet in hand
    uint64_t frame

# -- settings, as the rooms need them --------------------------------------------------------------

cdef struct bounds_t:
    int64_t least_idle      # the least of all the following
    int64_t opening_idle
    int64_t closed_idle
    int64_t idle[3][3]      # [nobody's, wanted, proved][tcp, udp, other]; nanoseconds
    int64_t history_idle
    int64_t hole_wait
    int64_t late            # how long data may come behind their acknowledgement
    int64_t fragment_wait
    uint64_t key[2]
    uint64_t max_flows
    uint64_t total_bytes
    uint64_t fragment_bytes
    uint32_t stream_bytes
    uint32_t stream_segments
    uint32_t opening_bytes
    uint32_t history_bytes
    uint32_t payloads
    uint32_t fragments
    uint32_t fragment_parts
    uint32_t depth
    uint32_t contexts
    bint answers_wait       # for what they answer
    bint ah                 # look inside AH
    bint vlans              # VLAN ids tell flows apart

cdef inline void put(
    out_t* out, uint32_t slot, int side, int kind, const uint8_t* data, uint64_t value
) noexcept nogil:
    """Deliver as of the packet in hand. The bytes of DATA stay where they are until handed out."""
    cdef delivery_t* grown
    if out.count == out.room:
        grown = <delivery_t*>realloc(out.batch, (2 * out.room + 64) * sizeof(delivery_t))
        if grown == NULL:
            out.failed = True
            return
        out.batch, out.room = grown, 2 * out.room + 64
    out.batch[out.count] = delivery_t(data, value, out.time, out.frame, NULL, slot, side, kind)
    out.count += 1
