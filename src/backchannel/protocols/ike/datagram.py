"""What is in one datagram, or one frame of a TCP stream? Bytes in, a kind and an offset out.

    0xFF                                  NAT keep-alive                          RFC 3948 §2.3
    0 u32 | ISAKMP header ...             IKE behind a non-ESP marker             RFC 3948 §2.2
    ISAKMP header ...                     IKE as on port 500                      RFC 7296 §3.1
    SPI u32, 256 or more | sequence ...   ESP                                     RFC 3948 §2.1
    0 u64 | ESP                           ESP behind the first drafts' non-IKE marker, on port 500
    2 u32 | WESP header 4 | ESP           wrapped ESP                             RFC 5840 §2.1

The port decides nothing: some begin NAT traversal on port 500, or on any other.
"""

from enum import IntEnum
from typing import TypeAlias

from backchannel.protocols.esp.flow import plausible
from backchannel.protocols.ike.wire import Header, read_header


class Kind(IntEnum):
    """What a datagram holds."""

    OTHER = 0
    IKE = 1
    ESP = 2
    KEEPALIVE = 3


_OTHER, _IKE, _ESP, _KEEPALIVE = Kind
_MARKER = bytes(4)
_NON_IKE = bytes(8)
_WESP = 2

Found: TypeAlias = tuple[Kind, int, Header | None]
_NOTHING: Found = _OTHER, 0, None
_ESP_AT_0: Found = _ESP, 0, None
_ESP_AT_8: Found = _ESP, 8, None
_ALIVE: Found = _KEEPALIVE, 0, None


def classify(data: bytes, cut: bool = False) -> Found:
    """Return what *data* holds, at which offset it begins, and IKE's header where it is IKE.

    *cut*: an IKE message may be shorter than its header says, as where a capture cut it.
    """
    octets = data
    if len(data) >= len(_MARKER):
        if not octets[0] | octets[1] | octets[2]:
            if not octets[3]:
                return _marked(data, cut)
            if octets[3] == _WESP and plausible(data[8:]):
                return _ESP_AT_8
    elif data == b"\xff":
        return _ALIVE
    header = read_header(data, 0, cut)
    if header is not None:
        return _IKE, 0, header
    return _ESP_AT_0 if plausible(data) else _NOTHING


def _marked(data: bytes, cut: bool) -> Found:
    header = read_header(data, 4, cut)
    if header is not None:
        return _IKE, 4, header
    header = read_header(data)  # an SPI may begin with four zeros
    if header is not None:
        return _IKE, 0, header
    if data.startswith(_NON_IKE) and plausible(data[8:]):
        return _ESP_AT_8
    return _NOTHING
