"""Whether a flow's first bytes are MSNP, and who is the client when nobody saw it begin."""

import re

import msgspec

from backchannel.model import MORE, Claim, More
from backchannel.protocols import Peek
from backchannel.protocols.msnp.grammar import judge
from backchannel.protocols.msnp.wire import MAX_LINE

_OPENING = re.compile(rb"[A-Z]{3}(?:[ \r][\t -~\x80-\xff]*\r?)?")
_PREFIX = re.compile(rb"[A-Z]{1,2}")
ENOUGH = 4
PORT = 1863
MAX_LINES = 12
_LENGTH = re.compile(rb" (\d{1,6})\r?$")
_WITH_PAYLOAD = frozenset(
    (b"MSG", b"UUX", b"UUN", b"UBX", b"UBN", b"ADL", b"RML", b"FQY", b"SDG", b"NFY", b"PUT", b"DEL")
) | {b"NOT", b"GCF", b"QRY"}


class Seen(msgspec.Struct):
    """What one side's bytes say."""

    client: int = 0
    server: int = 0
    either: int = 0
    lines: int = 0
    open: bool = False
    """True while more bytes may still prove it."""
    foreign: bool = False
    evidence: str = ""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim one line that is MSNP's alone, or several that are MSNP's together."""
    if peek.transport != "tcp":
        return None
    sides = [_read(peek.client), _read(peek.server)]
    if any(side.foreign for side in sides):
        return None
    either = sides[0].either + sides[1].either
    forward = sides[0].client + sides[1].server
    backward = sides[0].server + sides[1].client
    flipped = not peek.begun and (backward > forward or _only_the_port_tells(peek, forward))
    if max(forward, backward) + either >= ENOUGH and not (forward if flipped else backward):
        evidence = next((side.evidence for side in sides if side.evidence), "several MSNP lines")
        return Claim("msnp", evidence=evidence, flipped=flipped)
    return MORE if any(side.open for side in sides) else None


def _only_the_port_tells(peek: Peek, known: int) -> bool:
    """Whether nothing but MSNP's port says that the side called client is the server."""
    return not known and peek.start.client.port == PORT != peek.start.server.port


def _read(data: bytes) -> Seen:
    """Judge the lines of one side, up to the first that is not MSNP's."""
    seen = Seen()
    at = 0
    while at < len(data) and seen.lines < MAX_LINES:
        end = data.find(b"\r\n", at)
        if end < 0:
            _unfinished(seen, data[at:])
            break
        line, rest = data[at:end], data[end : end + 64]
        judged = judge(line, rest)
        if judged is None:
            # The head of a payload may still be on its way.
            seen.open = len(rest) < 24 and line[:3] in _WITH_PAYLOAD
            seen.foreign = not seen.lines and not seen.open
            break
        direction, weight = judged
        setattr(seen, direction, getattr(seen, direction) + weight)
        if weight >= 2 and not seen.evidence:
            seen.evidence = f"{line[:3].decode()} line of the {direction} side"
        seen.lines += 1
        at = end + 2 + _payload(line)
    else:
        seen.open = 0 < seen.lines < MAX_LINES
    return seen


def _payload(line: bytes) -> int:
    if line[:3] not in _WITH_PAYLOAD or line.count(b" ") < 1:
        return 0
    if line[:3] == b"QRY":
        return 32 if line.count(b" ") == 3 else 0
    found = _LENGTH.search(line)
    return int(found[1]) if found else 0


def _unfinished(seen: Seen, data: bytes) -> None:
    """A line without its end: it may become one as long as it is text that begins like MSNP."""
    fits = _OPENING.fullmatch(data) or _PREFIX.fullmatch(data)
    seen.open = bool(fits) and len(data) < min(MAX_LINE, 2048)
    seen.foreign = not seen.lines and not seen.open
