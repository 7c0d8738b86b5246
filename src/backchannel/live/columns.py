"""Rows of flows as columns on their way from a parser to the watch, which checks what comes."""

from array import array
from collections.abc import Callable
from itertools import pairwise

import msgspec

from backchannel.flows.columns import NUMBERS, TEXTS, Choices, Column, Texts
from backchannel.live.framing import Broken

WORDS = ("transport", "state", "tunnel")
"""Columns of few different words."""
VLANS = "vlans"
"""The column of few different lists of numbers."""
NAMES = frozenset({*NUMBERS, *TEXTS, *WORDS, VLANS})


class Numbers(msgspec.Struct, frozen=True, tag="numbers"):
    """A column of numbers: array type code and bytes."""

    code: str
    data: bytes


class Picks(msgspec.Struct, frozen=True, tag="picks"):
    """A column with few different values."""

    codes: bytes
    values: tuple[str | tuple[int, ...], ...]


class Strings(msgspec.Struct, frozen=True, tag="strings"):
    """A column of text."""

    offsets: bytes
    text: bytes


Packed = dict[str, Numbers | Picks | Strings]
"""Columns by name, as they travel."""


def pack(columns: dict[str, Column]) -> Packed:
    """Return the core's columns as they travel."""
    out: Packed = {}
    for name, column in columns.items():
        if isinstance(column, array):
            out[name] = Numbers(column.typecode, column.tobytes())
        elif isinstance(column, Texts):
            out[name] = Strings(column.offsets.tobytes(), bytes(column.text))
        else:
            out[name] = Picks(column.codes.tobytes(), tuple(column.values))
    return out


def unpack(told: Packed) -> dict[str, Column]:
    """Return what `pack` made as columns again. Raises Broken where they are not the core's."""
    if told.keys() != NAMES:
        raise Broken(f"columns {', '.join(sorted(told.keys() ^ NAMES))}")
    out: dict[str, Column] = {}
    for name, column in told.items():
        try:
            out[name] = _column(name, column)
        except ValueError as error:
            raise Broken(f"column {name}: {error}") from None
    if len({len(column) for column in out.values()}) > 1:
        raise Broken("columns of different length")
    return out


def changed(column: Column, each: Callable[[int], int]) -> Column:
    """Return a column of numbers with what *each* makes of them. Raises Broken for what is too
    large then.
    """
    assert isinstance(column, array)
    try:
        return array(column.typecode, map(each, column))
    except OverflowError as error:
        raise Broken(f"numbers: {error}") from None


def _column(name: str, told: Numbers | Picks | Strings) -> Column:
    if isinstance(told, Numbers) and told.code == NUMBERS.get(name):
        return array(told.code, told.data)
    if isinstance(told, Strings) and name in TEXTS:
        return _texts(told)
    if isinstance(told, Picks) and all(_is_pick(name, value) for value in told.values):
        codes = array("I", told.codes)
        if codes and max(codes) >= len(told.values):
            raise ValueError("codes without a value")
        return Choices(codes, list(told.values))
    raise ValueError("of another form")


def _texts(told: Strings) -> Texts:
    offsets = array("i", told.offsets)
    sound = offsets and not offsets[0] and offsets[-1] == len(told.text)
    if not sound or any(a > b for a, b in pairwise(offsets)):
        raise ValueError("offsets outside the text")
    return Texts(offsets, told.text)


def _is_pick(name: str, value: str | tuple[int, ...]) -> bool:
    if isinstance(value, str):
        return name in WORDS
    return name == VLANS and all(0 <= number <= 0xFFFF for number in value)
