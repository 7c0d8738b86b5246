"""A sender whose packets wait with us hears from nobody, and may stop: it is told, in its
receiver's name, that they came.

    held, a hole before them    "I have these": the sender repeats what is missing at once
    held, a message's begin     "I have these but the first": the sender goes on with the rest

Selective acknowledgements (RFC 2018) promise nothing: the sender keeps every byte until its
receiver acknowledges it, so that nothing is lost if we refuse, or die. What is acknowledged beside
them is only what the receiver itself acknowledged before.
"""

import socket
from collections.abc import Iterable, Iterator, Sequence

from backchannel.enforce import inject
from backchannel.enforce.tcp import ahead

WINDOW = 2048
"""What the receiver's window is taken to be where it did not say yet."""


def nudge(
    held: Sequence[tuple[int, int]], head: bytes, acked: int, window: int, *, message: bool
) -> Iterator[bytes]:
    """Yield the packets that tell the sender of *held* segments (begin, end) that they came.

    *head* is the newest of them, its headers at least; *acked* and *window* are the receiver's last
    word. With *message*, nothing is missing before them, and the first is kept back as if it were.

    Where timestamps are in use, one packet bears the receiver's last one that we saw echoed. The
    sender may have seen a later one since, and drops it then (RFC 7323 §5.3); so another bears
    none, which some drop instead (§3.2).
    """
    blocks = merged(held, acked)
    if message and blocks:
        begin, end = blocks[0]
        first = next(stop for start, stop in held if start == begin)
        blocks[:1] = [(first, end)] if first != end else []
    if not blocks:
        return
    try:
        segment = inject.Segment(head)
    except ValueError:
        return
    if segment.protocol != socket.IPPROTO_TCP:
        return
    for times in dict.fromkeys((segment.times, None)):
        yield inject.acknowledgement(segment, acked, window, blocks[::-1], times)


def merged(held: Iterable[tuple[int, int]], acked: int) -> list[tuple[int, int]]:
    """Return what *held* covers, in its order, touching parts as one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(held, key=lambda each: ahead(each[0], acked)):
        if found and ahead(begin, found[-1][1]) <= 0:
            if ahead(end, found[-1][1]) > 0:
                found[-1] = found[-1][0], end
        else:
            found.append((begin, end))
    return found
