"""Whose bytes are these? A peer's by its handshake, or amid a stream by requests and blocks.

An encrypted connection (MSE) opens with random bytes, which nothing marks. One that another flow
announced is claimed by them; any other only if its peers agreed on plain text behind the keys, by
the handshake of the side that answers.
"""

from backchannel.model import MORE, Claim, Confidence, More
from backchannel.protocols import PEEK_LIMIT, Peek
from backchannel.protocols.bittorrent.wire import HANDSHAKE, OPENING, begins
from backchannel.protocols.random_opening import OTHERS
from backchannel.reader import different

KEY, PADDING = 96, 512
"""Bytes of the number that each side of MSE sends first, and of the padding behind it at most."""
SEALED = KEY + PADDING + 8 + 4 + 2 + PADDING + HANDSHAKE
"""Bytes in which the plain handshake of the answering side begins and ends, if there is one."""
_FIRST, _REPEATED = 16, 5
"""Of so many first bytes of a number, so many at most repeat one before them."""
_DIFFERENT = 56
"""Different bytes that 96 random ones have at least: on average 80, with a deviation of 4."""
_NEVER = PEEK_LIMIT + 1
_BEGUN = More(holds=False, client=_FIRST, server=1)
_KEY = More(holds=False, client=KEY, server=1)
_ANSWER = More(holds=False, client=KEY + PADDING + 1, server=1)
_ANSWERED = More(holds=False, client=_NEVER, server=_FIRST)
_OTHER_KEY = More(holds=False, client=_NEVER, server=KEY)
"""What is waited for where the client has begun, and the server: when that tells something new."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim what opens with a handshake or comes to one behind keys, goes on with requests, or was
    announced.
    """
    if peek.transport != "tcp":
        return None
    client, server, begun = peek.client, peek.server, peek.begun
    for data in (client, server):
        if data.startswith(OPENING):
            return Claim("bittorrent", evidence="handshake of a peer")
        if not begun and begins(data):
            return Claim("bittorrent", evidence="request for a block, or the block")
    if _may_open(client) or _may_open(server):
        return MORE
    if peek.start.service == "bittorrent":
        return _sealed(client)
    return _behind_keys(client, server) if begun else None


def _may_open(data: bytes) -> bool:
    return len(data) > 0 and data[0] == OPENING[0] and OPENING.startswith(data)


def _sealed(data: bytes) -> Claim | More | None:
    """Claim the random number that opens an encrypted connection."""
    if len(data) < KEY:
        return MORE
    if not _random(data):
        return None
    evidence = "an announced connection that opens with random bytes"
    return Claim("bittorrent", Confidence.EXPECTED, evidence)


def _behind_keys(client: bytes, server: bytes) -> Claim | More | None:
    """Claim a plain handshake behind the random numbers of both sides."""
    if client.startswith(OTHERS) or not _random(client):
        return None
    if len(client) < KEY:
        return None if server else _BEGUN if len(client) < _FIRST else _KEY
    if not server:
        return _ANSWER if len(client) <= KEY + PADDING else None
    if not _random(server):
        return None
    size = len(server)
    if size < KEY:
        return _ANSWERED if size < _FIRST else _OTHER_KEY
    if server.find(OPENING, KEY, SEALED) >= 0:
        return Claim("bittorrent", evidence="handshake of a peer behind an exchange of keys")
    return More(holds=False, client=_NEVER, server=size + 1) if size < SEALED else None


def _random(data: bytes) -> bool:
    """Whether bytes look random as far as they go: one number in a hundred thousand does not."""
    if min(len(data), _FIRST) - different(data, _FIRST) > _REPEATED:
        return False
    return len(data) < KEY or different(data, KEY) >= _DIFFERENT
