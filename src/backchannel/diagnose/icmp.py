"""ICMP errors about IKE and ESP: the quoted packet tells which one did not arrive.

ICMP    type u8 | code u8 | checksum u16 | rest u32 | IP header | 8 bytes or more    RFC 792
ICMPv6  the same, the rest being the MTU of a packet too big                         RFC 4443
"""

from ipaddress import IPv6Address
from socket import IPPROTO_ICMP, IPPROTO_UDP, inet_ntoa
from typing import Literal, TypeAlias

from backchannel.diagnose.events import IcmpRefusal
from backchannel.reader import Reader, WireError

Reason: TypeAlias = Literal["port", "protocol", "prohibited", "unreachable", "too-big"]
ESP = 50
IPSEC_PORTS = frozenset({500, 4500})
_UNREACHABLE, _TOO_BIG_6, _UNREACHABLE_6 = 3, 2, 1
_CODES: dict[int, Reason] = {
    2: "protocol",
    3: "port",
    4: "too-big",
    9: "prohibited",
    10: "prohibited",
    13: "prohibited",
}
_CODES_6: dict[int, Reason] = {1: "prohibited", 4: "port", 5: "prohibited", 6: "prohibited"}


def refusal(number: int, message: bytes) -> IcmpRefusal | None:
    """Return what an ICMP *message*, of IP protocol *number*, refuses; None for what is no error,
    or is about other traffic.
    """
    try:
        reader = Reader(message)
        kind, code = reader.u8(), reader.u8()
        reader.take(2)
        rest = reader.u32()
        if number == IPPROTO_ICMP:
            if kind != _UNREACHABLE:
                return None
            reason = _CODES.get(code, "unreachable")
            mtu = rest & 0xFFFF
        elif kind == _TOO_BIG_6:
            reason, mtu = "too-big", rest
        elif kind == _UNREACHABLE_6:
            reason, mtu = _CODES_6.get(code, "unreachable"), 0
        else:
            return None
        return _quoted(reader, reason, mtu if reason == "too-big" else 0)
    except WireError:
        return None


def _quoted(reader: Reader, reason: Reason, mtu: int) -> IcmpRefusal | None:
    first = reader.u8()
    if first >> 4 == 4:
        reader.take(8)
        protocol = reader.u8()
        reader.take(2)
        source, target = inet_ntoa(reader.take(4)), inet_ntoa(reader.take(4))
        reader.take(max(0, (first & 15) * 4 - 20))
    elif first >> 4 == 6:
        reader.take(5)
        protocol = reader.u8()
        reader.take(1)
        source, target = str(IPv6Address(reader.take(16))), str(IPv6Address(reader.take(16)))
    else:
        return None
    if protocol == ESP:
        ports = 0, 0
    elif protocol == IPPROTO_UDP:
        ports = reader.u16(), reader.u16()
        if not IPSEC_PORTS.intersection(ports):
            return None
    else:
        return None
    return IcmpRefusal(
        reason=reason,
        source=source,
        target=target,
        protocol=protocol,
        source_port=ports[0],
        target_port=ports[1],
        mtu=mtu,
    )
