"""Whose bytes are these? A tracker's, by the number that opens UDP, or by what a GET asks."""

from backchannel.model import MORE, Claim, More
from backchannel.protocols import Peek
from backchannel.protocols.bittorrent_tracker.requests import read_request

_CONNECT = bytes.fromhex("000004172710198000000000")
_GET = b"GET /"
_LONGEST = 4096
_SIZE = 16


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a request to connect, or one that names an info hash and who asks."""
    data = peek.client
    if peek.transport == "udp":
        return _connects(data, peek.server)
    if peek.transport != "tcp" or not data or data[: len(_GET)] != _GET[: len(data)]:
        return None
    line, newline, _ = data.partition(b"\n")
    if not newline:
        return MORE if len(data) < _LONGEST else None
    target = line[len(_GET) - 1 :].rpartition(b" HTTP/1.")[0].decode("latin-1")
    request = read_request(target)
    if request is None:
        return None
    kind = "announces to" if request.announce else "scrapes"
    return Claim("bittorrent-tracker", evidence=f"GET that {kind} a tracker")


def _connects(asks: bytes, answers: bytes) -> Claim | None:
    if len(asks) != _SIZE or not asks.startswith(_CONNECT):
        return None
    if answers and (len(answers) != _SIZE or answers[:8] != bytes(4) + asks[12:]):
        return None
    return Claim("bittorrent-tracker", evidence="connects to a tracker")
