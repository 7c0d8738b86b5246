# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""From a frame to the IP packet in it; `links_py` says the same in plain Python.

Every function takes *data* and *size*, moves both past what it read, and returns where the IP
packet begins; NULL where there is none, which was counted. One length check stands before each
header: pointers are used because a check at each byte costs 1.3 times as much.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from backchannel.flows.state cimport (
    ADDRESS_FAMILY,
    ETHERTYPE,
    LINK_TYPE,
    LLC,
    PPP_PROTOCOL,
    TOO_DEEP,
    TRUNCATED_LINK,
    WIFI_AGGREGATES,
    WIFI_FRAGMENTS,
    WIFI_MANAGEMENT,
    WIFI_PROTECTED,
    bump,
    bump_numbered,
)
from backchannel.wire cimport be16, be32, le16, le32

cdef enum:
    NFLOG_PACKET = 1            # says which Ethernet type, where the family does not
    NFLOG_PAYLOAD = 9
    MAX_LABELS = 16
    VN_TAG = 0x8926             # what switches and their extenders say to one another ...
    E_TAG = 0x893F              # ... and its successor, IEEE 802.1BR
    METADATA = 0x8909           # Cisco's, such as a security group
    BACKBONE = 0x88E7           # IEEE 802.1ah: a whole frame follows
    FABRIC_PATH = 0x8903        # Cisco's: the same


cdef inline const uint8_t* leave(walk_t* walk, int why) noexcept nogil:
    bump(walk.counts, why)
    return NULL


cdef inline const uint8_t* skip(
    walk_t* walk, const uint8_t* data, uint32_t* size, uint32_t header
) noexcept nogil:
    """Move past *header* bytes; NULL where there are fewer."""
    if size[0] < header:
        return leave(walk, TRUNCATED_LINK)
    size[0] -= header
    return data + header


cdef bint enter(walk_t* walk) noexcept nogil:
    """Go one tag or tunnel deeper, if there may be one more."""
    if not walk.left:
        bump(walk.counts, TOO_DEEP)
        return False
    walk.left -= 1
    return True


# -- link layers -----------------------------------------------------------------------------------

cdef const uint8_t* ethernet(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    """Return the IP packet in an Ethernet frame."""
    cdef const uint8_t* inner = skip(walk, data, size, 14)
    if inner == NULL:
        return NULL
    return typed(walk, be16(data + 12), inner, size)


cdef const uint8_t* null(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    cdef const uint8_t* inner = skip(walk, data, size, 4)
    cdef uint32_t family
    if inner == NULL:
        return NULL
    family = be32(data)  # in the byte order of the machine that captured
    if family > 0xFFFF:
        family = le32(data)
    if family == 2:
        return typed(walk, IPV4_TYPE, inner, size)
    if family == 10 or family == 24 or family == 28 or family == 30:
        return typed(walk, IPV6_TYPE, inner, size)
    bump_numbered(walk.counts, ADDRESS_FAMILY, family)
    return NULL


cdef const uint8_t* cisco(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    cdef const uint8_t* inner = skip(walk, data, size, 4)
    if inner == NULL:
        return NULL
    return typed(walk, be16(data + 2), inner, size)


cdef const uint8_t* ppp(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    if size[0] >= 4 and (data[0] == 0x0F or data[0] == 0x8F) and data[1] == 0:
        return cisco(walk, data, size)
    if size[0] >= 2 and data[0] == 0xFF and data[1] == 3:
        data += 2
        size[0] -= 2
    return ppp_payload(walk, data, size)


cdef const uint8_t* ppp_payload(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    cdef uint32_t protocol
    cdef const uint8_t* inner
    if size[0] and data[0] & 1:  # the protocol field may be compressed to one byte
        protocol = data[0]
        inner = skip(walk, data, size, 1)
    else:
        inner = skip(walk, data, size, 2)
        if inner == NULL:
            return NULL
        protocol = be16(data)
    if protocol == 0x21:
        return typed(walk, IPV4_TYPE, inner, size)
    if protocol == 0x57:
        return typed(walk, IPV6_TYPE, inner, size)
    bump_numbered(walk.counts, PPP_PROTOCOL, protocol)
    return NULL


cdef const uint8_t* cooked(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    cdef const uint8_t* inner = skip(walk, data, size, 16)
    if inner == NULL:
        return NULL
    return typed(walk, be16(data + 14), inner, size)


cdef const uint8_t* cooked2(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    cdef const uint8_t* inner = skip(walk, data, size, 20)
    if inner == NULL:
        return NULL
    return typed(walk, be16(data), inner, size)


cdef const uint8_t* ppi(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    cdef uint32_t header, link
    if size[0] < 8:
        return leave(walk, TRUNCATED_LINK)
    header, link = le16(data + 2), le32(data + 4)
    if header < 8 or header > size[0] or link == 192:  # PPI holds anything but PPI
        return leave(walk, TRUNCATED_LINK)
    size[0] -= header
    return by_type(walk, link, data + header, size)


cdef const uint8_t* radiotap(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    cdef uint32_t header, word = 4, at, present
    cdef bint padded
    if size[0] < 8:
        return leave(walk, TRUNCATED_LINK)
    header = le16(data + 2)
    if header < 8 or header > size[0]:
        return leave(walk, TRUNCATED_LINK)
    while data[word + 3] & 0x80:  # more words of "present" bits follow
        word += 4
        if word + 4 > header:
            return leave(walk, TRUNCATED_LINK)
    present, at = le32(data + 4), word + 4
    if present & 1:
        at = ((at + 7) & ~<uint32_t>7) + 8
    padded = (present & 2) != 0 and at < header and data[at] & 0x20 != 0
    size[0] -= header
    return wifi(walk, data + header, size, padded)


cdef const uint8_t* wifi(
    walk_t* walk, const uint8_t* data, uint32_t* size, bint padded
) noexcept nogil:
    cdef uint32_t subtype, flags, header
    if size[0] < 2:
        return leave(walk, TRUNCATED_LINK)
    subtype, flags = data[0] >> 4, data[1]
    if (data[0] >> 2) & 3 != 2 or subtype & 4:  # not a data frame, or one without data
        return leave(walk, WIFI_MANAGEMENT)
    if flags & 0x40:
        return leave(walk, WIFI_PROTECTED)
    header = 30 if flags & 3 == 3 else 24
    if size[0] < header:
        return leave(walk, TRUNCATED_LINK)
    if flags & 4 or data[22] & 15:
        return leave(walk, WIFI_FRAGMENTS)
    if subtype & 8:
        if size[0] < header + 2:
            return leave(walk, TRUNCATED_LINK)
        if data[header] & 0x80:
            return leave(walk, WIFI_AGGREGATES)
        header += 6 if flags & 0x80 else 2
    if padded:
        header = (header + 3) & ~<uint32_t>3
    data = skip(walk, data, size, header)
    if data == NULL:
        return NULL
    return llc(walk, data, size)


cdef const uint8_t* llc(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    cdef uint32_t kind
    if size[0] < 3:
        return leave(walk, TRUNCATED_LINK)
    if data[0] != 0xAA or data[1] != 0xAA or data[2] != 3:
        bump_numbered(walk.counts, LLC, data[0])
        return NULL
    if size[0] < 8:
        return leave(walk, TRUNCATED_LINK)
    kind = be16(data + 6)
    if kind < 0x600:  # a length again: not taken apart twice
        bump_numbered(walk.counts, ETHERTYPE, kind)
        return NULL
    size[0] -= 8
    return typed(walk, kind, data + 8, size)


cdef const uint8_t* nflog(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    """What Linux logs: attributes, in the byte order of the machine that captured."""
    cdef uint32_t length, attribute, kind
    if size[0] < 4:
        return leave(walk, TRUNCATED_LINK)
    kind = IPV4_TYPE if data[0] == 2 else IPV6_TYPE if data[0] == 10 else 0
    data, size[0] = data + 4, size[0] - 4
    while size[0] >= 4:
        length, attribute = le16(data), le16(data + 2)
        if length < 4 or length > size[0]:
            break
        if attribute == NFLOG_PACKET and length >= 6 and not kind:
            kind = be16(data + 4)
        elif attribute == NFLOG_PAYLOAD:
            data, size[0] = data + 4, length - 4
            return typed(walk, kind, data, size)
        length = min((length + 3) & ~<uint32_t>3, size[0])
        data, size[0] = data + length, size[0] - length
    return leave(walk, TRUNCATED_LINK)


# -- tags ------------------------------------------------------------------------------------------

cdef const uint8_t* typed(
    walk_t* walk, uint32_t kind, const uint8_t* data, uint32_t* size
) noexcept nogil:
    """Return the IP packet in what *kind*, an Ethernet type or a length, says *data* is."""
    while is_tag(kind):
        if size[0] < 4:
            return leave(walk, TRUNCATED_LINK)
        if not enter(walk):
            return NULL
        walk.vlans[walk.vlan_count] = be16(data) & 0xFFF
        walk.vlan_count += 1
        kind = be16(data + 2)
        data += 4
        size[0] -= 4
    if kind == IPV4_TYPE or kind == IPV6_TYPE:
        return data
    if kind == MPLS_TYPE or kind == MPLS_UPSTREAM:
        return mpls(walk, data, size)
    if kind == PPPOE_TYPE:
        return pppoe(walk, data, size)
    if kind < 0x600:
        return llc(walk, data, size)
    if kind == VN_TAG:
        return tagged(walk, data, size, 6)
    if kind == E_TAG or kind == METADATA:
        return tagged(walk, data, size, 8)
    if kind == BACKBONE:
        return tagged(walk, data, size, 18)
    if kind == FABRIC_PATH:
        return tagged(walk, data, size, 16)
    bump_numbered(walk.counts, ETHERTYPE, kind)
    return NULL


cdef const uint8_t* tagged(
    walk_t* walk, const uint8_t* data, uint32_t* size, uint32_t header
) noexcept nogil:
    """Return the IP packet behind a tag that ends in an Ethernet type."""
    cdef const uint8_t* inner = skip(walk, data, size, header)
    if inner == NULL or not enter(walk):
        return NULL
    return typed(walk, be16(inner - 2), inner, size)


cdef const uint8_t* mpls(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    cdef int label
    cdef bint bottom
    for label in range(MAX_LABELS):
        if size[0] < 4:
            return leave(walk, TRUNCATED_LINK)
        bottom = data[2] & 1
        data += 4
        size[0] -= 4
        if bottom:
            return labelled(walk, data, size)
    return leave(walk, TOO_DEEP)


cdef const uint8_t* labelled(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    """No label says what follows it: an IP packet, or a frame, often with a control word before."""
    cdef uint32_t word
    if size[0] and (data[0] >> 4 == 4 or data[0] >> 4 == 6):
        return data
    for word in range(0, 5, 4):
        if size[0] >= word + 15 and (not word or not be16(data) & 0xF0C0):
            if is_entered(be16(data + word + 12)):
                size[0] -= word
                return ethernet(walk, data + word, size) if enter(walk) else NULL
    bump_numbered(walk.counts, ETHERTYPE, MPLS_TYPE)
    return NULL


cdef const uint8_t* pppoe(walk_t* walk, const uint8_t* data, uint32_t* size) noexcept nogil:
    if size[0] < 6:
        return leave(walk, TRUNCATED_LINK)
    if data[0] != 0x11 or data[1]:
        bump_numbered(walk.counts, ETHERTYPE, PPPOE_TYPE)
        return NULL
    size[0] -= 6
    return ppp_payload(walk, data + 6, size)


# -- by link type ----------------------------------------------------------------------------------

cdef const uint8_t* by_type(
    walk_t* walk, uint32_t link, const uint8_t* data, uint32_t* size
) noexcept nogil:
    if link == 1:
        return ethernet(walk, data, size)
    if link == 12 or link == 14 or link == 101 or link == 228 or link == 229:
        return data if size[0] else leave(walk, TRUNCATED_LINK)
    if link == 113:
        return cooked(walk, data, size)
    if link == 239:
        return nflog(walk, data, size)
    if link == 276:
        return cooked2(walk, data, size)
    if link == 0 or link == 108:
        return null(walk, data, size)
    if link == 9 or link == 50:
        return ppp(walk, data, size)
    if link == 51:
        return pppoe(walk, data, size)
    if link == 104:
        return cisco(walk, data, size)
    if link == 105:
        return wifi(walk, data, size, False)
    if link == 127:
        return radiotap(walk, data, size)
    if link == 192:
        return ppi(walk, data, size)
    bump_numbered(walk.counts, LINK_TYPE, link)
    return NULL


cdef const uint8_t* unwrap(
    walk_t* walk, uint32_t link, const uint8_t* data, uint32_t* size
) noexcept nogil:
    """Return the IP packet in a frame of link type *link*."""
    return by_type(walk, link, data, size)
