"""A recorded conversation as a script that real endpoints can play again.

One inside host talks to any number of outside ones. Within a flow each step waits for the step
before it, and for what other flows had done in the recording by then (`after`). A step is *told*
when it carries the capability that the conversation is about: what a ruleset lets through is
counted in told bytes, not in the sign-on that came before them.

Addresses and ports inside the bytes are rewritten (`Patch`) where a decoder said that they announce
a flow of this conversation and the new value has the same length; everything else is played
as it was recorded, and what is encrypted keeps the recorded addresses.
"""

from ipaddress import ip_address
from typing import Literal

import msgspec
import zstandard

from backchannel.model import Capability, Transport

VERSION = 1
LARGEST = 64 << 20
"""Bytes that one conversation may unpack to."""


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One side sends. TCP: a run of bytes; UDP: one datagram."""

    side: int
    """0: whoever opened the flow."""
    data: bytes
    told: bool = False


class Patch(msgspec.Struct, frozen=True, array_like=True):
    """A place in a step that names an address or a port of this conversation."""

    step: int
    offset: int
    size: int
    what: Literal["address", "port"]
    text: bool
    """Written in digits; otherwise in network byte order."""
    of: int
    """Address: an outside host's number, -1 for the inside host. Port: a flow's number."""


class After(msgspec.Struct, frozen=True, array_like=True):
    """A step waits until another flow has come so far."""

    step: int
    """0: the flow is not opened before."""
    flow: int
    steps: int


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """One connection, or one exchange of datagrams."""

    transport: Transport
    host: int
    """The outside host's number."""
    inbound: bool = False
    """True where the outside host opened it."""
    port: int
    """Where it was opened to."""
    source: int = 0
    """The port that UDP came from: IKE's answers go back to 500, and it tells ports; 0: any."""
    announced: bool = False
    """True where another flow named its address and port."""
    after: tuple[After, ...] = ()
    steps: tuple[Step, ...]
    patches: tuple[Patch, ...] = ()


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """What one inside host did with one service, up to and with one capability."""

    version: int = VERSION
    service: str
    capability: Capability
    source: str
    """The capture it was cut from."""
    inside: str
    """The inside host's recorded address."""
    hosts: tuple[str, ...]
    """The outside hosts' recorded addresses."""
    way: str
    """How the capability travels: `direct oft` between peers, or a server's port, as `udp/4000`."""
    names: tuple[str, ...] = ()
    """A host name of the service that a client would look up first."""
    flows: tuple[Flow, ...]
    until: int = 0
    """The frame of the capture with which it ends."""

    @property
    def transports(self) -> frozenset[str]:
        """Everything it is carried by."""
        return frozenset(flow.transport for flow in self.flows)

    @property
    def told(self) -> int:
        """Bytes that carry the capability."""
        return sum(len(step.data) for flow in self.flows for step in flow.steps if step.told)


def patched(
    flow: Flow, number: int, inside: str, hosts: tuple[str, ...], ports: list[int]
) -> bytes:
    """Return the bytes of step *number* with the addresses and ports that are used this time."""
    data = flow.steps[number].data
    for patch in flow.patches:
        if patch.step != number:
            continue
        new = _address(patch, inside, hosts) if patch.what == "address" else _port(patch, ports)
        if len(new) == patch.size:
            data = data[: patch.offset] + new + data[patch.offset + patch.size :]
    return data


def _address(patch: Patch, inside: str, hosts: tuple[str, ...]) -> bytes:
    address = hosts[patch.of] if patch.of >= 0 else inside
    return address.encode() if patch.text else ip_address(address).packed


def _port(patch: Patch, ports: list[int]) -> bytes:
    port = ports[patch.of]
    return str(port).encode() if patch.text else port.to_bytes(2)


def pack(conversation: Conversation) -> bytes:
    """Return the conversation as it is kept in a file."""
    return zstandard.ZstdCompressor(level=19).compress(msgspec.msgpack.encode(conversation))


def unpack(data: bytes) -> Conversation:
    """Return what `pack` wrote. Raises ValueError."""
    try:
        with zstandard.ZstdDecompressor().stream_reader(data) as stream:
            plain = stream.read(LARGEST)
        return msgspec.msgpack.decode(plain, type=Conversation)
    except (zstandard.ZstdError, msgspec.DecodeError) as error:
        raise ValueError(f"not a conversation: {error}") from None
