"""What processes of this room say to each other, as bytes: MessagePack, with networks as text."""

from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import msgspec


def _text(value: object) -> str:
    if isinstance(value, IPv4Network | IPv6Network):
        return str(value)
    raise NotImplementedError(type(value))


def _network(kind: type, value: Any) -> object:
    if kind in {IPv4Network, IPv6Network}:
        return kind(value)
    raise NotImplementedError(kind)


encode = msgspec.msgpack.Encoder(enc_hook=_text).encode
"""Returns the bytes of a struct, or of a union of them that are told apart by their tags."""


def decoder(kind: Any) -> Callable[[bytes], Any]:
    """Return what makes a *kind* of the bytes of one. It raises msgspec.MsgspecError."""
    return msgspec.msgpack.Decoder(kind, dec_hook=_network).decode


def decode(data: bytes, kind: Any) -> Any:
    """Return the *kind* that *data* are the bytes of. Raises msgspec.MsgspecError."""
    return decoder(kind)(data)
