"""Resolved rules as JSON, and back: how a policy travels to where it is enforced."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import msgspec

from backchannel.policy.model import Rules

FORMAT = 1


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """Rules with what a reader should know before using them."""

    made_by: str
    gaps: tuple[str, ...] = ()
    """What whoever enforces them does less than the policy says."""
    rules: Rules
    format: int = FORMAT


def dumps(sealed: Sealed) -> str:
    """Return *sealed* as indented JSON; the same rules give the same text."""
    return msgspec.json.format(msgspec.json.encode(sealed, enc_hook=str), indent=2).decode()


def loads(text: str | bytes) -> Sealed:
    """Return what `dumps` wrote. Raises msgspec.ValidationError, also for another format."""
    sealed = msgspec.json.decode(text, type=Sealed, dec_hook=_network, strict=True)
    if sealed.format != FORMAT:
        raise msgspec.ValidationError(f"format {sealed.format}; this version reads {FORMAT}")
    return sealed


def _network(kind: type, value: Any) -> Any:
    if kind in (IPv4Network, IPv6Network) and isinstance(value, str):
        network = ip_network(value)
        if isinstance(network, kind):
            return network
    raise ValueError(f"{value!r} is no {kind.__name__}")
