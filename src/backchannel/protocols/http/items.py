"""What an HTTP/1.x conversation tells, beside the heads."""

from typing import TypeAlias

import msgspec

from backchannel.model import Side
from backchannel.protocols.http.heads import Head


class Body(msgspec.Struct, frozen=True):
    """The next bytes of a body, never empty."""

    data: bytes


class Skipped(msgspec.Struct, frozen=True):
    """*size* bytes of a body, as it is on the wire, or of Raw bytes were never seen."""

    size: int


class Done(msgspec.Struct, frozen=True):
    """A message is over; *complete* when every byte of it was seen."""

    complete: bool


class Broken(msgspec.Struct, frozen=True):
    """Something is wrong; when *lost*, so is the framing, and this side waits for a gap."""

    reason: str
    lost: bool = False


class Raw(msgspec.Struct, frozen=True):
    """Bytes that are HTTP/1 no longer, never empty."""

    data: bytes


Item: TypeAlias = Head | Body | Skipped | Done | Broken | Raw
Told: TypeAlias = list[tuple[Side, Item]]
