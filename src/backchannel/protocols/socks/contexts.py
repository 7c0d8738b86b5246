"""What an announced flow's session is told: the part that the flow plays for a SOCKS connection."""

import re

import msgspec

from backchannel.effects import Expect
from backchannel.model import Capability
from backchannel.protocols.socks.wire import Reply

_BYTESTREAM = re.compile(r"[0-9a-f]{40}")


class Relay(msgspec.Struct, frozen=True):
    """The flow carries the datagrams of a UDP ASSOCIATE."""

    user: str = ""


class Inbound(msgspec.Struct, frozen=True):
    """The flow is the connection that a BIND waits for; the proxy passes it to *owner*."""

    scheme: str
    owner: str


def announced(context: Relay | Inbound, reply: Reply, proxy: str, user: str) -> Expect:
    """Return the flow that *reply* names. *proxy* is the address of the proxy itself, which a reply
    without one means (RFC 1928 §6).
    """
    datagrams = isinstance(context, Relay)
    return Expect(
        protocol="socks",
        purpose=Capability.TUNNEL,
        address=proxy if reply.address in ("", "0.0.0.0", "::") else reply.address,  # noqa: S104
        port=reply.port,
        transport="udp" if datagrams else "tcp",
        accounts=(user,) if user else (),
        context=context,
        repeat=datagrams,
    )


def inside(host: str, port: int) -> list[Expect]:
    """Return what the target alone says of the stream inside: a SHA-1 in hexadecimal as host, with
    port 0, is no place, but the file of an XMPP bytestream (XEP-0065 §5.3.2).
    """
    if port or not _BYTESTREAM.fullmatch(host):
        return []
    return [Expect(protocol="xmpp", purpose=Capability.FILE_TRANSFER, address=host)]
