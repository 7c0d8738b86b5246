# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""One frame's headers, outermost to innermost; `decode_py` says the same in plain Python.

Pointers, with one explicit length check before each header: 1.3 times as fast as bounds checks at
each byte, and these would guard the buffer only, not the packet. Sanitizers watch over it in tests.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from backchannel.flows.fragments cimport name_t
from backchannel.flows.links cimport (
    BRIDGED_TYPE,
    IPV4_TYPE,
    IPV6_TYPE,
    enter,
    ethernet,
    typed,
    unwrap as unwrap_link,
)
from backchannel.flows.state cimport (
    BAD,
    BAD_IP,
    BAD_TCP,
    BAD_UDP,
    FRAGMENTS,
    GOOD,
    LONG_EXTENSIONS,
    PROTECTED,
    TCP,
    TRUNCATED_IP,
    TRUNCATED_PAYLOAD,
    TRUNCATED_TRANSPORT,
    UDP,
    bump,
)
from backchannel.flows.tunnels cimport (
    AH_TUNNEL,
    IPIP_TUNNEL,
    SIX_IN_FOUR_TUNNEL,
    in_gre,
    in_udp,
    may_carry,
    tunnel_t,
)
from backchannel.wire cimport be16, be32, be64, le16, mix, prefetch

cdef enum:
    ICMP = 1
    IPIP = 4
    DCCP = 33
    SIX_IN_FOUR = 41
    FRAGMENT_HEADER = 44
    GRE = 47
    AH = 51
    ICMP6 = 58
    SCTP = 132
    UDP_LITE = 136
    AH_HEADER = 12          # without the check value
    MAX_EXTENSIONS = 8
    ETHERNET = 1            # link type
    VLAN_TYPE = 0x8100

cdef enum:
    NOT_A_TUNNEL
    LEAVE
    IP_INSIDE

cdef uint8_t answers[2][256]    # of ICMP and ICMPv6: the type that answers a type
cdef uint8_t answered[2][256]


def _fill_answers():
    from backchannel.flows.community import ICMP as icmp, ICMP6 as icmp6, icmp_ports

    for which, protocol in enumerate((icmp, icmp6)):
        for kind in range(256):
            answer = icmp_ports(protocol, kind, 256)[1]
            answered[which][kind] = answer != 256
            answers[which][kind] = answer & 255


_fill_answers()


cdef class Decoder:
    """Finds the innermost packet of a frame. Remembers nothing but unfinished datagrams."""

    cdef int prepare(self, const bounds_t* bounds, counts_t* counts) except -1:
        """Set bounds and counts, which must outlive this object."""
        self.bounds, self.counts = bounds, counts
        self.contexts, self.fragments = Contexts(), Fragments()
        self.contexts.prepare(bounds, counts)
        self.fragments.prepare(bounds, counts)
        self.walk.counts = counts
        return 0

    cdef void decode(
        self,
        const frame_t* frames,
        packet_t* packets,
        uint32_t count,
        uint64_t number,
        const uint64_t* index,
        uint64_t mask,
    ) noexcept nogil:
        """Fill *packets*; `good` says where there is one. *number* is the first frame's.

        The entries of an *index* where their flows may be are fetched meanwhile; NULL and 0: of none.
        """
        cdef const uint32_t* single = self.contexts.single
        cdef const bounds_t* bounds = self.bounds
        cdef packet_t* packet
        cdef uint32_t at
        for at in range(count):
            packet = &packets[at]
            packet.time, packet.frame = frames[at].time, number + at
            if plain(&frames[at], packet, single, bounds):
                packet.good = GOOD
            else:
                packet.good = self.decode_one(&frames[at], packet, &self.protectors[at])
            prefetch(index + (<uint32_t>packet.hash & mask))

    cdef int decode_one(
        self, const frame_t* frame, packet_t* packet, packet_t* protector
    ) noexcept nogil:
        """Fill *packet*, and where it is PROTECTED, *protector* too. BAD: there is none, which was
        counted.
        """
        cdef uint32_t size = frame.captured
        cdef const uint8_t* data
        cdef body_t body
        self.walk.left = self.bounds.depth
        self.walk.vlan_count = self.walk.tunnel_count = 0
        data = unwrap_link(&self.walk, frame.link, frame.data, &size)
        if data == NULL or not self.ip(data, size, &body, frame.time):
            return BAD
        if not self.innermost(&body, frame.time):
            return BAD
        if body.protocol != AH or not self.bounds.ah:
            return self.finish(&body, packet)
        self.finish(&body, protector)
        protector.time, protector.frame, protector.candidate = frame.time, packet.frame, 0
        if self.beneath(&body, frame.time) and self.finish(&body, packet):
            return PROTECTED
        packet[0] = protector[0]
        return GOOD

    cdef bint innermost(self, body_t* body, int64_t time) noexcept nogil:
        """Go through all tunnels. False: nothing comes of this packet, or not yet."""
        cdef const uint8_t* data
        cdef uint32_t size
        cdef int opened
        while True:
            opened = self.unwrap(body, &data, &size)
            if opened == NOT_A_TUNNEL:
                return True
            if opened == LEAVE or not self.ip(data, size, body, time):
                return False

    cdef bint beneath(self, body_t* body, int64_t time) noexcept nogil:
        """Go through all AH headers, and tunnels in them. False: nothing comes of it, or not yet."""
        while body.protocol == AH:
            if not self.authenticated(body, time) or not self.innermost(body, time):
                return False
        return True

    cdef bint authenticated(self, body_t* body, int64_t time) noexcept nogil:
        """Go on behind an AH header (RFC 4302 §2). False: that cannot be."""
        cdef uint32_t header
        cdef const uint8_t* at = body.data
        if body.captured < AH_HEADER:
            return False
        header = (at[1] + 2) * 4
        if header < AH_HEADER or header > body.captured or not enter(&self.walk):
            return False
        self.walk.tunnels[self.walk.tunnel_count] = <uint64_t>AH_TUNNEL << 32
        self.walk.tunnel_count += 1
        body.protocol = at[0]
        body.data += header
        body.captured -= header
        body.length -= header
        return not body.wide or self.extensions(body, time)

    cdef bint finish(self, const body_t* body, packet_t* packet) noexcept nogil:
        """Fill *packet* with what *body* carries. False: no transport can be read."""
        if not self.transport(body, packet):
            return False
        packet.context = 0
        if self.walk.vlan_count | self.walk.tunnel_count:
            packet.context = self.contexts.number(&self.walk)
        make_key(packet, self.bounds)
        return True

    # -- IP ----------------------------------------------------------------------------------------

    cdef bint ip(self, const uint8_t* data, uint32_t size, body_t* body, int64_t time) noexcept nogil:
        """Read the IP header. False: nothing comes of this packet, or not yet."""
        if not self.bounds.vlans:
            self.walk.vlan_count = 0
        if not size:
            return leave(self.counts, TRUNCATED_IP)
        if data[0] >> 4 == 4:
            return self.ip4(data, size, body, time)
        if data[0] >> 4 == 6:
            return self.ip6(data, size, body, time)
        return leave(self.counts, BAD_IP)

    cdef bint ip4(
        self, const uint8_t* data, uint32_t size, body_t* body, int64_t time
    ) noexcept nogil:
        cdef uint32_t header, total, place
        if size < 20:
            return leave(self.counts, TRUNCATED_IP)
        header, total = (data[0] & 15) * 4, be16(data + 2)
        if not total:  # left by cards that cut segments themselves
            total = size
        if header < 20 or total < header:
            return leave(self.counts, BAD_IP)
        if size < header:
            return leave(self.counts, TRUNCATED_IP)
        body.protocol, body.wide, body.size = data[9], False, total
        body.source, body.target = data + 12, data + 16
        body.data, body.length = data + header, total - header
        body.captured = min(size, total) - header
        place = be16(data + 6)
        if place & 0x3FFF:
            return self.fragment(
                body, be16(data + 4), (place & 0x1FFF) * 8, (place & 0x2000) != 0, header, time
            )
        return True

    cdef bint ip6(
        self, const uint8_t* data, uint32_t size, body_t* body, int64_t time
    ) noexcept nogil:
        if size < 40:
            return leave(self.counts, TRUNCATED_IP)
        body.length = be16(data + 4)
        if not body.length:
            body.length = size - 40
        body.protocol, body.wide, body.size = data[6], True, 40 + body.length
        body.source, body.target = data + 8, data + 24
        body.data, body.captured = data + 40, min(size - 40, body.length)
        return self.extensions(body, time)

    cdef bint extensions(self, body_t* body, int64_t time) noexcept nogil:
        """Go on behind the extension headers of IPv6. False: nothing comes of it, or not yet."""
        cdef uint32_t step, place, header
        cdef const uint8_t* at
        for step in range(MAX_EXTENSIONS):
            if not is_extension(body.protocol):
                return True
            if body.captured < 8:
                return leave(self.counts, TRUNCATED_IP)
            at, header = body.data, 8
            if body.protocol != FRAGMENT_HEADER:
                header += at[1] * 8
            if body.length < header:
                return leave(self.counts, BAD_IP)
            if body.captured < header:
                return leave(self.counts, TRUNCATED_IP)
            place = be16(at + 2)
            body.data += header
            body.captured -= header
            body.length -= header
            if body.protocol == FRAGMENT_HEADER and place & 0xFFF9:
                body.protocol = at[0]
                if not self.fragment(body, be32(at + 4), place & 0xFFF8, place & 1, 40, time):
                    return False
            else:
                body.protocol = at[0]
        return leave(self.counts, LONG_EXTENSIONS)

    cdef bint fragment(
        self, body_t* body, uint32_t id, uint32_t start, bint more, uint32_t header, int64_t time
    ) noexcept nogil:
        """Keep a fragment. True when its datagram is whole, which then is the body."""
        cdef name_t name
        cdef walk_t* walk = &self.walk
        cdef uint32_t address = 16 if body.wide else 4
        bump(self.counts, FRAGMENTS)
        if body.captured < body.length:
            return leave(self.counts, TRUNCATED_PAYLOAD)
        memset(&name, 0, sizeof(name))
        memcpy(name.source, body.source, address)
        memcpy(name.target, body.target, address)
        memcpy(name.vlans, walk.vlans, walk.vlan_count * sizeof(walk.vlans[0]))
        memcpy(name.tunnels, walk.tunnels, walk.tunnel_count * sizeof(walk.tunnels[0]))
        name.vlan_count, name.tunnel_count = walk.vlan_count, walk.tunnel_count
        name.id, name.protocol, name.wide = id, body.protocol, body.wide
        body.data = self.fragments.add(
            &name, start, body.data, body.length, more, time, &body.length
        )
        body.captured, body.size = body.length, header + body.length
        return body.data != NULL

    # -- what IP carries ---------------------------------------------------------------------------

    cdef int unwrap(self, body_t* body, const uint8_t** data, uint32_t* size) noexcept nogil:
        """Go into a tunnel, if *body* is one: IP_INSIDE, and *data* is the next IP packet."""
        cdef tunnel_t found
        cdef const uint8_t* at = body.data
        found.header = found.kind = 0
        if body.protocol == UDP:
            if body.captured < 16 or not may_carry(at) or not in_udp(at, body.captured, &found):
                return NOT_A_TUNNEL
        elif body.protocol == IPIP:
            found.name = <uint64_t>IPIP_TUNNEL << 32
        elif body.protocol == SIX_IN_FOUR:
            found.name = <uint64_t>SIX_IN_FOUR_TUNNEL << 32
        elif body.protocol == GRE:
            if not in_gre(at, body.captured, self.counts, &found):
                return NOT_A_TUNNEL
        else:
            return NOT_A_TUNNEL
        if not enter(&self.walk):
            return LEAVE
        self.walk.tunnels[self.walk.tunnel_count] = found.name
        self.walk.tunnel_count += 1
        data[0], size[0] = at + found.header, body.captured - found.header
        if found.kind == BRIDGED_TYPE:
            data[0] = ethernet(&self.walk, data[0], size)
        elif found.kind:
            data[0] = typed(&self.walk, found.kind, data[0], size)
        return LEAVE if data[0] == NULL else IP_INSIDE

    cdef bint transport(self, const body_t* body, packet_t* packet) noexcept nogil:
        """Read the transport header. False where there is none to be read."""
        cdef const uint8_t* at = body.data
        cdef uint32_t header = 0, length = body.length, said
        packet.protocol, packet.wide, packet.size = body.protocol, body.wide, body.size
        packet.source, packet.target = body.source, body.target
        packet.ports = 0
        packet.flags = 0
        if body.protocol == TCP:
            if body.captured < 20:
                return leave(self.counts, TRUNCATED_TRANSPORT)
            header = (at[12] >> 4) * 4
            if header < 20 or header > length:
                return leave(self.counts, BAD_TCP)
            packet.ports = be32(at)
            packet.seq, packet.ack = be32(at + 4), be32(at + 8)
            packet.flags, packet.window = at[13], be16(at + 14)
        elif body.protocol == UDP:
            if body.captured < 8:
                return leave(self.counts, TRUNCATED_TRANSPORT)
            packet.ports = be32(at)
            header, said = 8, be16(at + 4)
            if said >= 8 and said <= length:
                length = said
            elif said or length < 0xFFFF:  # jumbograms say 0 (RFC 2675 §4)
                bump(self.counts, BAD_UDP)
        elif body.protocol == ICMP or body.protocol == ICMP6:
            if body.captured < 2:
                return leave(self.counts, TRUNCATED_TRANSPORT)
            icmp(body.protocol == ICMP6, at, packet)
        elif body.protocol == SCTP or body.protocol == DCCP or body.protocol == UDP_LITE:
            if body.captured < 4:
                return leave(self.counts, TRUNCATED_TRANSPORT)
            packet.ports = be32(at)
        packet.length = length - header
        packet.payload = at + header
        packet.captured = min(body.captured, length)
        packet.captured = packet.captured - header if packet.captured > header else 0
        if packet.captured < packet.length:
            bump(self.counts, TRUNCATED_PAYLOAD)
        return True


cdef inline bint leave(counts_t* counts, int why) noexcept nogil:
    bump(counts, why)
    return False


cdef inline bint is_extension(uint8_t protocol) noexcept nogil:
    return (
        protocol == 0
        or protocol == 43
        or protocol == FRAGMENT_HEADER
        or protocol == 60
        or protocol == 135
        or protocol == 139
        or protocol == 140
    )


cdef inline void icmp(int which, const uint8_t* at, packet_t* packet) noexcept nogil:
    """Let type and answering type (or code) stand for the ports, as Community ID does."""
    packet.ports = <uint32_t>at[0] << 16
    packet.ports |= answers[which][at[0]] if answered[which][at[0]] else at[1]


# -- what nearly all packets are -------------------------------------------------------------------


cdef inline bint plain(
    const frame_t* frame, packet_t* packet, const uint32_t* single, const bounds_t* bounds
) noexcept nogil:
    """Read TCP or UDP in a whole IP packet without options or extensions, in Ethernet, with one tag
    at most; *single* has the numbers of tags. False: it is something else, or wrong.
    """
    cdef const uint8_t* ip = frame.data + 14
    cdef uint32_t kind, context = 0, room = frame.captured - 14
    if frame.link != ETHERNET or frame.captured < 42:
        return False
    kind = be16(ip - 2)
    if kind == VLAN_TYPE:
        kind, context = be16(ip + 2), single[be16(ip) & 0xFFF]
        if not context:  # not met yet
            return False
        ip += 4
        room -= 4
    if kind == IPV4_TYPE:
        return plain4(ip, room, context, packet, bounds)
    return kind == IPV6_TYPE and plain6(ip, room, context, packet, bounds)


cdef inline bint plain4(
    const uint8_t* ip, uint32_t room, uint32_t context, packet_t* packet, const bounds_t* bounds
) noexcept nogil:
    cdef uint32_t total = be16(ip + 2), protocol = ip[9]
    if ip[0] != 0x45 or le16(ip + 6) & 0xFF3F or total > room or total < 28:
        return False
    if not carried(packet, protocol, ip + 20, total - 20):
        return False
    packet.size, packet.context, packet.wide = total, context, False
    packet.source, packet.target = ip + 12, ip + 16
    make_key4(packet, be64(ip + 12), packet.ports, context << 9 | protocol, bounds)
    return True


cdef bint plain6(
    const uint8_t* ip, uint32_t room, uint32_t context, packet_t* packet, const bounds_t* bounds
) noexcept nogil:
    cdef uint32_t size = be16(ip + 4)
    if ip[0] >> 4 != 6 or 40 + size > room or size < 8:
        return False
    if not carried(packet, ip[6], ip + 40, size):
        return False
    packet.size, packet.context, packet.wide = 40 + size, context, True
    packet.source, packet.target = ip + 8, ip + 24
    make_key6(packet, bounds)
    return True


cdef inline bint carried(
    packet_t* packet, uint32_t protocol, const uint8_t* at, uint32_t size
) noexcept nogil:
    """Read a TCP or UDP header, with what is behind it *size* bytes, at least 8."""
    cdef uint32_t header = 8
    packet.flags = 0
    if protocol == TCP:
        if size < 20:
            return False
        header = at[12] >> 2 & 60
        if header < 20 or header > size:
            return False
        packet.seq, packet.ack = be32(at + 4), be32(at + 8)
        packet.flags, packet.window = at[13], be16(at + 14)
    elif protocol != UDP or be16(at + 4) != size or may_carry(at):
        return False
    packet.protocol, packet.ports = protocol, be32(at)
    packet.payload = at + header
    packet.length = packet.captured = size - header
    return True


# -- keys ------------------------------------------------------------------------------------------


cdef inline void make_key(packet_t* packet, const bounds_t* bounds) noexcept nogil:
    """Key and hash: the lower end (address, then port) comes first."""
    cdef uint32_t kind = packet.context << 9 | packet.protocol
    if packet.wide:
        make_key6(packet, bounds)
    else:  # the addresses stand beside each other in any header
        make_key4(packet, be64(packet.source), packet.ports, kind, bounds)


cdef inline void make_key4(
    packet_t* packet, uint64_t ends, uint32_t ports, uint32_t kind, const bounds_t* bounds
) noexcept nogil:
    """Which end is lower is as good as random: no branch depends on it."""
    cdef uint64_t turned = ends << 32 | ends >> 32
    cdef uint32_t swapped = ports << 16 | ports >> 16
    cdef bint from_high = ends > turned
    if ends == turned:
        from_high = ports > swapped
    packet.from_high = from_high
    packet.low = turned if from_high else ends
    packet.high = <uint64_t>(swapped if from_high else ports) << 32 | kind
    make_hash(packet, bounds)


cdef void make_key6(packet_t* packet, const bounds_t* bounds) noexcept nogil:
    cdef uint64_t s = be64(packet.source), s2 = be64(packet.source + 8)
    cdef uint64_t t = be64(packet.target), t2 = be64(packet.target + 8)
    cdef uint32_t ports = packet.ports, swapped = ports << 16 | ports >> 16
    packet.from_high = s > t or (s == t and (s2 > t2 or (s2 == t2 and ports > swapped)))
    if packet.from_high:
        s, t, s2, t2, ports = t, s, t2, s2, swapped
    packet.low = mix(s ^ bounds.key[0], s2 ^ bounds.key[1]) ^ mix(
        t ^ bounds.key[1], t2 ^ (bounds.key[0] + 1)
    )
    packet.high = <uint64_t>ports << 32 | packet.context << 9 | 1 << 8 | packet.protocol
    make_hash(packet, bounds)


cdef inline void make_hash(packet_t* packet, const bounds_t* bounds) noexcept nogil:
    packet.hash = mix(packet.low ^ bounds.key[0], packet.high ^ bounds.key[1])
    packet.hash ^= packet.hash >> 32
