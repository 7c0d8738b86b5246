"""Whose datagrams are these? WireGuard by handshakes that fit each other, or data that counts up.

Type and reserved bytes are 32 bits, and an answer repeats the index that was asked with, 32 more.
An initiation or an answer alone is claimed where a zero second code is behind it and a key before:
128 bits more, so that nothing else looks like it; both together prove it. Data alone is a question
that the session has to answer.
"""

from backchannel.model import MORE, Claim, More
from backchannel.protocols import Peek
from backchannel.protocols.wireguard.wire import (
    COOKIE,
    INITIATION,
    PLAIN,
    RESPONSE,
    Disco,
    Message,
    index,
    read,
)


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a flow of WireGuard or disco."""
    if peek.transport != "udp":
        return None
    client, server = read(peek.client), read(peek.server)
    if (peek.client and client is None) or (peek.server and server is None):
        return None
    for one in (client, server):
        if isinstance(one, Disco):
            what = f"disco message of node {one.key[:16]}"
            return Claim("wireguard", evidence=what, sure=True)
    return _messages(client, server)  # type: ignore[arg-type]


def _messages(client: Message | None, server: Message | None) -> Claim | More | None:
    for asked, other in ((client, server), (server, client)):
        if asked is not None and asked.kind == INITIATION:
            return _initiated(asked, other)
    first = client or server
    if first is None or any(one and _unusual(one) for one in (client, server)):
        return None
    answers = first.kind == RESPONSE
    what = f"WireGuard {'response' if answers else 'data'} for index {index(first.receiver)}"
    return Claim("wireguard", evidence=what, sure=answers)


def _unusual(message: Message) -> bool:
    """Whether *message* says too little where nothing was asked before."""
    kind = message.kind
    return message.reserved != PLAIN or kind == COOKIE or (kind == RESPONSE and not message.bare)


def _initiated(asked: Message, other: Message | None) -> Claim | More | None:
    if other is not None and other.kind in (RESPONSE, COOKIE) and other.receiver == asked.sender:
        words = "response" if other.kind == RESPONSE else "cookie reply"
        what = f"WireGuard initiation {index(asked.sender)} and the {words} to it"
        return Claim("wireguard", evidence=what, sure=True)
    if asked.reserved != PLAIN or not asked.bare:
        return MORE if other is None else None
    if other is not None and _unusual(other):
        return None
    return Claim("wireguard", evidence=f"WireGuard initiation {index(asked.sender)}", sure=True)
