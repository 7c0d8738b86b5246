"""Sets of numbers, such as ports or addresses, as spans (first, last): sorted, and apart."""

from collections.abc import Iterable

Span = tuple[int, int]
Spans = tuple[Span, ...]


def merged(spans: Iterable[Span]) -> Spans:
    """Return *spans* sorted, with those that overlap or touch as one."""
    found = list[Span]()
    for low, high in sorted(spans):
        if found and low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return tuple(found)


def common(one: Spans, other: Spans) -> Spans:
    """Return what is in both, in one walk."""
    found, at, to = list[Span](), 0, 0
    while at < len(one) and to < len(other):
        low, high = max(one[at][0], other[to][0]), min(one[at][1], other[to][1])
        if low <= high:
            found.append((low, high))
        if one[at][1] < other[to][1]:
            at += 1
        else:
            to += 1
    return tuple(found)


def without(one: Spans, inside: Spans) -> Spans:
    """Return *one* less *inside*, which has nothing that is not in *one*."""
    found, to = list[Span](), 0
    for low, high in one:
        start = low
        while to < len(inside) and inside[to][1] <= high:
            if inside[to][0] > start:
                found.append((start, inside[to][0] - 1))
            start = inside[to][1] + 1
            to += 1
        if start <= high:
            found.append((start, high))
    return tuple(found)
