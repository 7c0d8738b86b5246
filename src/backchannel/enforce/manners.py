"""When a packet must not be answered, whatever the policy says of it.

Facts: RFC 1122 §3.2.2 and RFC 4443 §2.4(e), when no ICMP error may be sent; RFC 9293 §3.10.7, that
a reset is never answered by one.
"""

from ipaddress import ip_address

from backchannel.enforce.inject import Segment
from backchannel.flows.community import ICMP, ICMP6

FRAGMENT = 44
"""Next header of IPv6: a fragment."""


def silence(segment: Segment, hop: bytes = b"") -> str:
    """Say why no ICMP error may answer *segment*; empty where one may.

    *hop*: the Ethernet address that it was sent to, where there is one.
    """
    if segment.protocol in {ICMP, ICMP6}:
        return "ICMP is not answered by ICMP"
    if _later_fragment(segment):
        return "a later fragment of a datagram"
    if hop and hop[0] & 1:
        return "it was for many"
    source, target = ip_address(segment.source), ip_address(segment.target)
    if target.is_multicast or target == _BROADCAST:
        return "it was for many"
    if source.is_multicast or source == _BROADCAST or source.is_unspecified:
        return "its sender is not a host"
    return ""


_BROADCAST = ip_address("255.255.255.255")


def _later_fragment(segment: Segment) -> bool:
    if segment.version == 4:
        return bool(int.from_bytes(segment.packet[6:8], "big") & 0x1FFF)
    if segment.protocol != FRAGMENT:
        return False
    return bool(int.from_bytes(segment.transport[2:4].ljust(2, b"\0"), "big") & 0xFFF8)
