"""What could not be seen, in rows that a person reads; the JSON document counts each by itself.

Names of EtherTypes and link services: IEEE Registration Authority, IANA's "IEEE 802 Numbers".
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from backchannel.listed import listed
from backchannel.report.document import Document
from backchannel.text import escape

NAMES = 6
"""Files that are named in one row."""
NUMBERS = 4
"""Kinds of one family that are named in its row."""
_NUMBERED = re.compile(
    r"(link type|ethertype|ppp protocol|llc|address family|gre protocol|gre version) (\S+)\Z"
)
_KNOWN = {
    "ethertype 0x0806": "ARP",
    "ethertype 0x0842": "Wake-on-LAN",
    "ethertype 0x8035": "RARP",
    "ethertype 0x809b": "AppleTalk",
    "ethertype 0x8137": "IPX",
    "ethertype 0x8809": "LACP",
    "ethertype 0x888e": "802.1X",
    "ethertype 0x88cc": "LLDP",
    "ethertype 0x88f7": "PTP",
    "ethertype 0x8902": "CFM",
    "ethertype 0x9000": "loopback",
    "llc 0x42": "spanning tree",
    "llc 0xe0": "IPX",
    "llc 0xf0": "NetBIOS",
    "llc 0xfe": "IS-IS",
}


class Row(NamedTuple):
    """One thing that could not be seen."""

    text: str
    times: int = 0
    """0: not counted."""
    grave: bool = False
    """A capture is damaged: what came after the damage is not in the answer."""


def rows(document: Document) -> list[Row]:
    """Return everything that weakens the answer, damaged captures first; empty for nothing."""
    return [*_damaged(document), *_passed_over(document), *counted(document.unseen)]


def _damaged(document: Document) -> Iterator[Row]:
    for each in document.inputs:
        if each.damage:
            yield Row(escape(f"{each.path}: {each.damage}"), grave=True)


def _passed_over(document: Document) -> Iterator[Row]:
    """Yield the files in folders that were not read, one row a reason."""
    by_reason = dict[str, list[str]]()
    for each in document.passed_over:
        by_reason.setdefault(each.reason, []).append(each.path)
    for reason, paths in by_reason.items():
        yield Row(f"not read, {reason}: {listed(map(escape, paths), NAMES)}", len(paths))


def counted(unseen: dict[str, int]) -> Iterator[Row]:
    """Yield the counters; kinds that only a number tells apart are one row."""
    families = dict[str, dict[str, int]]()
    for name, times in unseen.items():
        if found := _NUMBERED.match(name):
            families.setdefault(found[1], {})[name] = times
    for name, times in unseen.items():
        if (found := _NUMBERED.match(name)) is None:
            yield Row(escape(name), times)
        elif (kinds := families.pop(found[1], None)) is not None:
            yield _family(found[1], kinds)


def _family(family: str, kinds: dict[str, int]) -> Row:
    order = sorted(kinds.items(), key=lambda kind: (-kind[1], kind[0]))
    told = [_kind(name, name.removeprefix(family + " ")) for name, _ in order]
    return Row(f"{family} {listed(told, NUMBERS)}", sum(kinds.values()))


def _kind(name: str, number: str) -> str:
    return f"{number} ({_KNOWN[name]})" if name in _KNOWN else number
