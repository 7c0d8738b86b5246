"""What an announced flow's session is told: the part that the flow plays for a SOCKS connection."""

import re
from ipaddress import ip_address

import msgspec

from backchannel.effects import Expect
from backchannel.model import Capability
from backchannel.protocols import Start
from backchannel.protocols.socks.wire import Reply

_BYTESTREAM = re.compile(r"[0-9a-f]{40}")


class Relay(msgspec.Struct, frozen=True):
    """The flow carries the datagrams of a UDP ASSOCIATE."""

    user: str = ""


class Inbound(msgspec.Struct, frozen=True):
    """The flow is the connection that a BIND waits for; the proxy passes it to *owner*."""

    scheme: str
    owner: str


def announced(context: Relay | Inbound, reply: Reply, ends: Start, user: str) -> Expect:
    """Return the flow that *reply* names. A reply without an address means that of the proxy itself
    (RFC 1928 §6). Where a relay has a name that nobody may have asked for, its port will do, as
    each datagram has a header that shows what it is.
    """
    datagrams = isinstance(context, Relay)
    address = reply.address
    if address in ("", "0.0.0.0", "::"):  # noqa: S104
        address = ends.server.address
    nameless = datagrams and reply.port > 0 and not _is_address(address)
    return Expect(
        protocol="socks",
        purpose=Capability.TUNNEL,
        address="" if nameless else address,
        source=ends.client.address if nameless else "",
        port=reply.port,
        transport="udp" if datagrams else "tcp",
        accounts=(user,) if user else (),
        context=context,
        repeat=datagrams,
    )


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def inside(host: str, port: int) -> list[Expect]:
    """Return what the target alone says of the stream inside: a SHA-1 in hexadecimal as host, with
    port 0, is no place, but the file of an XMPP bytestream (XEP-0065 §5.3.2).
    """
    if port or not _BYTESTREAM.fullmatch(host):
        return []
    return [Expect(protocol="xmpp", purpose=Capability.FILE_TRANSFER, address=host)]
