"""What decoders ask of the engine, beside the events they tell.

A decoder has no clock, no sockets and no view of other flows. Where a protocol reaches beyond one
flow it says so with one of these values, in the same list as its events, and the engine acts.
"""

from typing import Any

import msgspec

from backchannel.model import Capability, Side, Transport


class Effect(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The base of all effects. Python looks for cycles only among those that hold a value of a
    protocol's own, which may lead anywhere.
    """


class Spoken(Effect, frozen=True, kw_only=True):
    """*side* said what follows in this list, though bytes of the other brought it to an end."""

    side: Side


class Expect(Effect, frozen=True, kw_only=True, gc=True):
    """A flow to come: whoever connects to *address*:*port* speaks *protocol*."""

    protocol: str
    """A protocol folder's name."""
    purpose: Capability
    address: str = ""
    """The listening end. Empty: any address, and then *port* or *source* must be given."""
    port: int = 0
    """0: any port of *address*."""
    source: str = ""
    """Address that will connect, where known. A wrong one loses what the announcement tells."""
    transport: Transport = "tcp"
    accounts: tuple[str, ...] = ()
    context: Any = None
    """A frozen value for the session of the expected flow, such as a transfer's cookie."""
    lifetime: int = 300
    """Seconds for which it stands."""
    repeat: bool = False
    """True where several flows may come; otherwise the first one fulfils it."""


class Tie(Effect, frozen=True, kw_only=True):
    """Puts this flow into the session that *key* names; flows with one key are one session."""

    key: str
    """Unique within the protocol, such as a digest of a login cookie or an SPI pair."""
    account: str = ""
    """Whose session it is, where this flow knows."""


class Remember(Effect, frozen=True, kw_only=True, gc=True):
    """Keeps a value that says something of other flows, too: their sessions ask `Start.recall`."""

    key: str
    """Begins with the protocol's name. What is known under it is replaced."""
    value: Any
    """Frozen, and bounded by who tells it: a few are kept, the latest."""


class Open(Effect, frozen=True, kw_only=True):
    """An inner stream begins: a proxy connected, a gateway session started."""

    channel: str = ""
    """Names the stream within this flow, or among all flows when *shared*."""
    shared: bool = False
    host: str = ""
    """Where it leads, name or address."""
    port: int = 0
    transport: Transport = "tcp"
    label: str = ""
    """What stands in the stack for the carrier, such as `socks5`; empty: the protocol's name."""
    inbound: bool = False
    """True where the far end opened it (a SOCKS BIND), so that it is the stream's client."""
    whole: bool = False
    """True where all that the flow brings from the next packet on belongs to it as it is, so that
    the session is asked no more: only gaps and ends come to it still."""


class Inner(Effect, frozen=True, kw_only=True):
    """Bytes of an inner stream, in order (or one datagram where the stream is UDP)."""

    side: Side
    data: bytes
    channel: str = ""
    shared: bool = False


class InnerGap(Effect, frozen=True, kw_only=True):
    """Bytes of an inner stream that were never seen."""

    side: Side
    size: int
    channel: str = ""
    shared: bool = False


class InnerEnd(Effect, frozen=True, kw_only=True):
    """One side of an inner stream, or both (None), ended."""

    side: Side | None = None
    channel: str = ""
    shared: bool = False


class FileOpen(Effect, frozen=True, kw_only=True):
    """A file's bytes are about to come. The engine hashes them, and keeps them with `--extract`."""

    key: str
    """Names the file within this flow, or among all flows when *shared* (ranges of one file)."""
    shared: bool = False
    use: Capability = Capability.FILE_TRANSFER
    name: str = ""
    size: int | None = None
    """Declared size; None where not told."""
    sender: str = ""
    recipient: str = ""
    id: str = ""
    sha1: str = ""
    """Declared SHA-1 in hexadecimal, checked when the file is whole."""
    md5: str = ""


class FileData(Effect, frozen=True, kw_only=True):
    """Bytes of an open file at *offset*. Later bytes for the same place are ignored."""

    key: str
    offset: int
    data: bytes
    shared: bool = False


class FileClose(Effect, frozen=True, kw_only=True):
    """No more bytes come. The engine answers with a `Transfer` event on this flow."""

    key: str
    shared: bool = False
    verified: bool | None = None
    """What the protocol's own checksum said, where the decoder could compute it."""


class FilePaused(Effect, frozen=True, kw_only=True):
    """No more of a shared file comes for now; other ranges may, here or over other flows.

    The engine closes the file if it is whole, and answers with its `Transfer` then. What never
    becomes whole is told when nothing more has come for hours, or at the end of the run.
    """

    key: str


EFFECTS = frozenset(Effect.__subclasses__())
"""All of them: to look up a type is much faster than to ask whether something is an instance."""
