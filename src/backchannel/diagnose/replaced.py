"""A tunnel that fell silent when another client of the same gateway came up: two with one identity.

A client is an address and a port, so that two behind a NAT are told apart beyond it too.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from backchannel.diagnose.asking import SECOND
from backchannel.diagnose.cases import Case, Found, evidence
from backchannel.diagnose.facts import Passage, Stream, source, target
from backchannel.model import Endpoint

BEFORE, BEHIND = 5 * SECOND, SECOND
"""How long before another client came up, or after, the last packet to the silent one may be."""
ENOUGH = 3
"""Packets of the silent one since then."""


class Granted(NamedTuple):
    """A client that was authenticated."""

    time: int
    frame: int
    client: Endpoint


class _Way(NamedTuple):
    """What went between two places."""

    last: int
    last_frame: int
    parts: list[tuple[Stream, Passage]]


def granted(cases: Sequence[Case]) -> dict[str, list[Granted]]:
    """Return by gateway who was authenticated, in the order of time."""
    found: dict[str, list[Granted]] = defaultdict(list)
    for case in cases:
        for spi, attempt in case.attempts.items():
            for seen in attempt.stages if case.stands(spi) else ():
                if seen.event.stage == "authentication-answered":  # type: ignore[attr-defined]
                    came = Granted(seen.time, seen.frame, target(seen))
                    found[source(seen).address].append(came)
    for each in found.values():
        each.sort()
    return found


def find(case: Case, came_up: Mapping[str, Sequence[Granted]]) -> Iterator[Found]:
    """Yield that a tunnel of *case* gave way to who *came up*, the first time."""
    gateway = case.ends[1]
    others = came_up.get(gateway, ())
    ways = _ways(case) if len(others) > 1 else {}
    for (here, there), out in ways.items():
        back = ways.get((there, here))
        if there.address != gateway or back is None or out.last <= back.last:
            continue
        at = bisect_left(others, back.last - BEHIND, key=itemgetter(0))
        other = next((each for each in others[at:] if each.client != here), None)
        if other is None or other.time > back.last + BEFORE:
            continue
        frames = _since(out, max(other.time, back.last))
        if len(frames) >= ENOUGH:
            yield _found(here, gateway, other, back, frames)
            return


def _found(
    client: Endpoint, gateway: str, other: Granted, back: _Way, frames: tuple[int, ...]
) -> Found:
    told = {"sender": str(client), "receiver": gateway, "winner": str(other.client)}
    because = [
        evidence(f"{other.client} was authenticated by {gateway}", (other.frame,), other.time),
        evidence(f"the last packet of ESP to {client}", (back.last_frame,), back.last),
        evidence(f"{len(frames):,} packets of ESP from {client} since then", frames),
    ]
    return Found("replaced", "possible", because, told, other.frame)


def _ways(case: Case) -> dict[tuple[Endpoint, Endpoint], _Way]:
    """Return what ESP went between which places."""
    parts: dict[tuple[Endpoint, Endpoint], list[tuple[Stream, Passage]]] = defaultdict(list)
    for stream in case.streams:
        for passage in stream.passages:
            parts[passage.source, passage.target].append((stream, passage))
    ways: dict[tuple[Endpoint, Endpoint], _Way] = {}
    for ends, each in parts.items():
        last = max((passage.last, passage.last_frame) for _, passage in each)
        ways[ends] = _Way(*last, each)
    return ways


def _since(way: _Way, time: int) -> tuple[int, ...]:
    """Return the frames of a way behind a *time*, as far as they are kept."""
    frames: list[int] = []
    for stream, passage in way.parts:
        first = bisect_left(stream.frames, passage.first_frame)
        last = bisect_right(stream.frames, passage.last_frame)
        part = zip(stream.times[first:last], stream.frames[first:last], strict=True)
        frames += [frame for at, frame in part if at > time]
    return tuple(sorted(frames))
