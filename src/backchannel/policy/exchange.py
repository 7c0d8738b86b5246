"""Resolved rules as JSON, and back: how a policy travels to where it is enforced.

Parties are written once and named by their number, as thousands of addresses may be behind each.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import msgspec
from msgspec.structs import replace

from backchannel.policy.model import Lifeline, Line, Party, Rules

FORMAT = 1
_NOBODY = Party("")
_ENDS = {"lines": ("ours", "theirs"), "lifelines": ("client", "server")}


class Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """Rules with what a reader should know before using them."""

    made_by: str
    gaps: tuple[str, ...] = ()
    """What whoever enforces them does less than the policy says."""
    rules: Rules


class _Parties:
    def __init__(self) -> None:
        self._numbers = dict[int, int]()
        self.all = list[Party]()

    def number(self, party: Party) -> int:
        if id(party) not in self._numbers:
            self._numbers[id(party)] = len(self.all)
            self.all.append(party)
        return self._numbers[id(party)]


def dumps(sealed: Sealed) -> str:
    """Return *sealed* as indented JSON; the same rules give the same text."""
    parties = _Parties()
    rules = replace(sealed.rules, lines=(), lifelines=())
    told = msgspec.to_builtins(rules, enc_hook=str)
    for name, ends in _ENDS.items():
        told[name] = []
        for each in getattr(sealed.rules, name):
            bare = msgspec.to_builtins(replace(each, **dict.fromkeys(ends, _NOBODY)))
            bare |= {end: parties.number(getattr(each, end)) for end in ends}
            told[name].append(bare)
    document = {
        "format": FORMAT,
        "made_by": sealed.made_by,
        "gaps": sealed.gaps,
        "rules": told,
        "parties": msgspec.to_builtins(parties.all, enc_hook=str),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def loads(text: str | bytes) -> Sealed:
    """Return what `dumps` wrote. Raises msgspec.ValidationError, also for another format."""
    document = msgspec.json.decode(text, type=dict[str, Any])
    if document.get("format") != FORMAT:
        raise msgspec.ValidationError(
            f"format {document.get('format')}; this version reads {FORMAT}"
        )
    parties = _convert(document.get("parties"), tuple[Party, ...])
    told = _convert(document.get("rules"), dict[str, Any])
    made = {
        name: tuple(
            _whole(each, kind, parties, _ENDS[name])
            for each in _convert(told.pop(name, None), list[Any])
        )
        for name, kind in (("lines", Line), ("lifelines", Lifeline))
    }
    rules = _convert(told | {"lines": [], "lifelines": []}, Rules)
    return Sealed(
        made_by=_convert(document.get("made_by"), str),
        gaps=_convert(document.get("gaps"), tuple[str, ...]),
        rules=replace(rules, **made),
    )


def _whole(told: Any, kind: Any, parties: tuple[Party, ...], ends: tuple[str, str]) -> Any:
    """Return a line or lifeline with its parties in the place of their numbers."""
    fields = _convert(told, dict[str, Any])
    numbers = _convert([fields.get(end) for end in ends], tuple[int, int])
    if not all(0 <= number < len(parties) for number in numbers):
        raise msgspec.ValidationError(f"there is no party {numbers}")
    bare = _convert(fields | {end: {"label": ""} for end in ends}, kind)
    return replace(bare, **{end: parties[n] for end, n in zip(ends, numbers, strict=True)})


def _convert(value: Any, kind: Any) -> Any:
    return msgspec.convert(value, kind, dec_hook=_network, strict=True)


def _network(kind: type, value: Any) -> Any:
    if kind in (IPv4Network, IPv6Network) and isinstance(value, str):
        network = ip_network(value)
        if isinstance(network, kind):
            return network
    raise ValueError(f"{value!r} is not of type {kind.__name__}")
