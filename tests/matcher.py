"""Compares a payload with every protocol's magic. Bytes in, candidate names out.

The compiled core and its twin say the same. This one is a second opinion for the tests, and shows
which magic a payload of a protocol meets.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from backchannel.contract import Magic, Protocol
from backchannel.flows import match_py
from backchannel.model import Transport


class Matcher:
    """All protocols' magics, ordered so that one payload meets only those that may fit."""

    def __init__(self, protocols: Mapping[str, Protocol]) -> None:
        self._by_first: dict[tuple[Transport, int], list[_Entry]] = {}
        for protocol in protocols.values():
            for magic in protocol.magic:
                entry = _entry(protocol.name, magic)
                for first in _first_bytes(magic):
                    self._by_first.setdefault((magic.transport, first), []).append(entry)

    def candidates(
        self, transport: Transport, payload: bytes, *, begun: bool = True, number: int = 0
    ) -> list[str]:
        """Return the protocols whose magic fits *payload*, most specific pattern first."""
        if not payload:
            return []
        fitting: dict[str, int] = {}
        size = len(payload)
        for name, magic, at, end, mask, value in self._by_first.get((transport, payload[0]), ()):
            if size >= end and int.from_bytes(payload[at:end], "big") & mask != value:
                continue  # as `fits` would say, and as nearly all of them do
            if number and magic.number and number != magic.number:
                continue
            if fits(magic, payload, begun=begun):
                fitting[name] = max(fitting.get(name, 0), len(magic.pattern))
        return sorted(fitting, key=lambda name: (-fitting[name], name))


class _Entry(NamedTuple):
    """A magic, with its pattern as numbers: the bytes from *at* to *end*, masked, are *value*."""

    name: str
    magic: Magic
    at: int
    end: int
    mask: int
    value: int


def _entry(name: str, magic: Magic) -> _Entry:
    end = magic.at + len(magic.pattern)
    mask = int.from_bytes(magic.mask or b"\xff" * len(magic.pattern), "big")
    value = int.from_bytes(magic.pattern, "big") & mask
    return _Entry(name, magic, magic.at, end, mask, value)


def fits(magic: Magic, payload: bytes, *, begun: bool = True) -> bool:
    """Say whether *payload* passes *magic*; a short TCP payload passes as far as it goes."""
    if magic.first and not begun:
        return False
    return match_py.fits(magic, payload, opening=True) is not match_py.Fit.NO


def _first_bytes(magic: Magic) -> Iterable[int]:
    if magic.at or not magic.pattern:
        return range(256)
    mask = magic.mask[0] if magic.mask else 0xFF
    return (byte for byte in range(256) if byte & mask == magic.pattern[0] & mask)
