"""Whose bytes are these? A tracker's, by what opens UDP, or by what is asked.

An announcement over UDP has 32 bits of its kind, and 80 of others that are always 0.
"""

from backchannel.model import MORE, Claim, More
from backchannel.protocols import Peek
from backchannel.protocols.bittorrent_tracker.requests import read_request
from backchannel.protocols.http.turned import either_way

_CONNECT = bytes.fromhex("000004172710198000000000")
_GET = b"GET /"
_ASKS = b"info_hash="
_LONGEST = 4096
_SIZE, _ANNOUNCE = 16, 98
_STOPPED, _WANTED = 3, 10_000


@either_way
def recognise(peek: Peek) -> Claim | More | None:
    """Claim a request to connect, or one that names an info hash and who asks. Over UDP the answer
    may have been captured first, so that who asks seems to be the server.
    """
    data = peek.client
    if peek.transport == "udp":
        for flipped, asks, answers in ((False, data, peek.server), (True, peek.server, data)):
            if said := _connects(asks, answers) or _announces(asks):
                return Claim("bittorrent-tracker", evidence=said, flipped=flipped)
        return None
    if peek.transport != "tcp" or not data or data[: len(_GET)] != _GET[: len(data)]:
        return None
    line, newline, _ = data.partition(b"\n")
    if not newline:
        return MORE if len(data) < _LONGEST else None
    if _ASKS not in line.lower():
        return None
    target = line[len(_GET) - 1 :].rpartition(b" HTTP/1.")[0].decode("latin-1")
    request = read_request(target)
    if request is None:
        return None
    kind = "announces to" if request.announce else "scrapes"
    return Claim("bittorrent-tracker", evidence=f"GET that {kind} a tracker")


def _connects(asks: bytes, answers: bytes) -> str:
    """Return what a request to connect says, which such answers fit; empty for others."""
    if len(asks) != _SIZE or not asks.startswith(_CONNECT):
        return ""
    if answers and (len(answers) != _SIZE or answers[:8] != bytes(4) + asks[12:]):
        return ""
    return "connects to a tracker"


def _announces(data: bytes) -> str:
    """Return the same of an announcement whose connection was not seen: its amounts, event and port
    can be one's.
    """
    if len(data) < _ANNOUNCE or data[8:12] != b"\0\0\0\x01":
        return ""
    if data[80:83] != b"\0\0\0" or data[83] > _STOPPED:
        return ""  # as nearly always
    amounts = (data[at : at + 2] for at in (56, 64, 72))
    port, wanted = data[96:98], int.from_bytes(data[92:96], signed=True)
    if any(map(any, amounts)) or not any(port) or not -1 <= wanted <= _WANTED:
        return ""
    return "announces to a tracker"
