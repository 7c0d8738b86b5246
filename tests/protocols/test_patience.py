"""A recogniser that passed does not change its mind while only the same sides speak.

The engine relies on it: who said `None` is not asked again before the other side's first bytes.
"""

from collections.abc import Iterator

import pytest
from tests.test_anywhere import CONVERSATIONS, HANDMADE, conversation

from backchannel.model import Claim, Endpoint, Side
from backchannel.protocols import Peek, Protocol, Start, load

START = Start("tcp", Endpoint("10.0.0.2", 40000), Endpoint("10.0.0.9", 12345))
STREAMS = [
    protocol for protocol in load().values() if any(m.transport == "tcp" for m in protocol.magic)
]


def openings() -> Iterator[tuple[bytes, bytes]]:
    """Yield the first bytes of both sides of a conversation of every protocol."""
    for name in [*CONVERSATIONS, *HANDMADE]:
        sides = {Side.CLIENT: b"", Side.SERVER: b""}
        for side, data in conversation(name)[:20]:
            sides[side] += data
        yield sides[Side.CLIENT][:700], sides[Side.SERVER][:700]


OPENINGS = list(dict.fromkeys(openings()))


def shown(client: bytes, server: bytes) -> Iterator[list[tuple[bytes, bytes]]]:
    """Yield what is seen of a stream, step by step, while the same sides have spoken."""
    yield [(client[:size], b"") for size in sizes(client)]
    yield [(b"", server[:size]) for size in sizes(server)]
    if client:
        yield [(client, server[:size]) for size in sizes(server)]


def sizes(data: bytes) -> list[int]:
    return [*range(1, min(len(data), 64)), *range(64, len(data), 23), len(data)] if data else []


@pytest.mark.parametrize("protocol", STREAMS, ids=lambda protocol: protocol.name)
@pytest.mark.parametrize("begun", [True, False])
def test_who_passed_passes_with_more_bytes(protocol: Protocol, begun):
    for client, server in OPENINGS:
        for steps in shown(client, server):
            passed = False
            for seen in steps:
                answer = protocol.recognise(Peek("tcp", *seen, begun, START))
                assert not passed or answer is None, seen
                if isinstance(answer, Claim):
                    break
                passed = answer is None
