"""How fast is asked: a place in a queue for each question, for all hosts and for each of them.

A question is a connection or a datagram, repetitions included.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What bounds a run. Times are seconds, sizes bytes."""

    rate: float = 100
    """Questions a second in all."""
    host_rate: float = 10
    """Questions a second to one host."""
    hosts: int = 64
    """Hosts that are asked at a time."""
    at_once: int = 4
    """Connections to one host at a time."""
    patience: float = 3.5
    """For a connection: longer than it takes to learn that no machine has the address (3 s)."""
    answer: float = 2.0
    """For the first byte of an answer."""
    apart: float = 0.5
    """Between two hellos that are guesses, while the one before may yet be answered."""
    greeting: float = 1.0
    """For a greeting."""
    quiet: float = 0.3
    """An answer is over when nothing more comes for so long."""
    longest: float = 6.0
    """For a whole exchange, however slowly it goes on."""
    most: int = 32 * 1024
    """Bytes of one answer that are read."""
    kept: int = 64 << 20
    """Bytes of all answers, and of what they told, that are kept for evidence and findings."""
    strange: int = 12
    """Ports in a row that answer a connection and to which no hello means anything, after which
    a host is told only its ports' own hellos: a trap, or a firewall that answers for all."""


class Pace:
    """Hands out turns."""

    def __init__(self, rate: float, host_rate: float) -> None:
        self._gap, self._host_gap = 1 / rate, 1 / host_rate
        self._next = 0.0
        self._hosts = defaultdict[str, _Queue](_Queue)

    async def turn(self, host: str) -> None:
        """Wait for the turn of a question to *host*."""
        loop, queue = asyncio.get_running_loop(), self._hosts[host]
        async with queue.lock:  # no place among all hosts is taken before it can be used
            await _until(loop, queue.next)
            at = max(loop.time(), self._next)
            self._next = at + self._gap
            await _until(loop, at)
            queue.next = loop.time() + self._host_gap

    def forget(self, host: str) -> None:
        """Drop what is known of a host that is done."""
        self._hosts.pop(host, None)


class _Queue:
    def __init__(self) -> None:
        self.lock, self.next = asyncio.Lock(), 0.0


async def _until(loop: asyncio.AbstractEventLoop, at: float) -> None:
    while (wait := at - loop.time()) > 0:
        await asyncio.sleep(wait)
