"""Whose first bytes these are: Gnutella, Gnutella2, or nobody's. No memory.

Both networks open with the same handshake on TCP and share HTTP and ports, so one function
decides and both protocols ask it.
"""

import re

from backchannel.model import MORE, Claim, More
from backchannel.patterns import later
from backchannel.protocols import PEEK_LIMIT, Peek
from backchannel.protocols.gnutella import handshake, wire
from backchannel.protocols.gnutella.handshake import Block
from backchannel.protocols.gnutella.vendors import KNOWN
from backchannel.reader import WireError

_LETTERS = b"CGHPQ"
"""With which handshakes, pushes, chats, HTTP and calls from a queue begin."""
_KINDS = bytes(kind in wire.NAMES for kind in range(256))
_HEADER_SIZE, _HIGHEST = wire.HEADER, wire.HIGHEST
_LONGEST_LINE = 512
_BARE_PINGS, _BARE_SIZE = (b"\x0cPI", b"\x08PI", b"\x48\0PI", b"\x4c\0PI"), 12
_GIV = later(rb"GIV \d{1,10}:[0-9A-Fa-f]{32}/")
_PUSH = later(rb"PUSH guid:[0-9A-Fa-f]{32}\r?\n")
_QUEUE = later(rb"QUEUE [0-9A-Fa-f]{32} [\d\[]")
_CHAT = later(rb"CHAT CONNECT/0\.\d\r?\n")
_CHAT_LINE = 19
_WORDS = (b"GET ", b"HEAD ", b"HTTP/1.", b"CHAT ")
_PULLED = (
    (b"GIV ", _GIV, 4 + 10 + 1 + 32 + 1),
    (b"PUSH guid:", _PUSH, 44),
    (b"QUEUE ", _QUEUE, 6 + 32 + 2),
)

_VERSIONS = (b" HTTP/1.0", b" HTTP/1.1")
_LONGEST_TARGET = 2001
_ABSOLUTE = later(rb"https?://([^/\s:]{1,255}|\[[^/\s\]]{1,50}\])(?::\d{1,5})?(?=/)", re.IGNORECASE)
_OURS = later(
    rb"/(?:uri-res/N2[RX]\?urn:(?:sha1|bitprint|tree|ed2k|md5)"
    rb"|gnutella/(?:thex|tigertree|push-?proxy|metadata|preview|browse)\b|gnet/push-proxy\b)"
)
"""Targets that only servents ask for."""
_OUR_FOLDERS = b"/uri-res/", b"/gnutella/", b"/gnet/"
"""How they begin, so that the pattern is compiled for few."""
_SHARED = later(rb"(?:/get/\d{1,10}/.|/gnutella/res/|/$)")
"""Targets that need a header of a servent beside them."""
_HEADER = later(
    rb"\n(?:X-Gnutella-[\w-]+|X-(?:N|F|NF|P)?Alt|X-Queued?|X-Node|X-FW-Node-Info|X-Thex-URI"
    rb"|X-(?:Gnutella-)?Content-URN|X-Push-Prox\w+|Alt-Location):",
    re.IGNORECASE,
)
_ANSWER_HEADER = later(
    rb"\n(?:X-Gnutella-Content-URN|X-Gnutella-Alternate-Location|X-Thex-URI|X-NAlt"
    rb"|X-Content-URN: *urn:(?:sha1|bitprint|tree|ed2k)|X-Queued?: *(?:position|ID)=)",
    re.IGNORECASE,
)
_REFERRER = later(rb"\nReferr?er: *Gnutella\b", re.IGNORECASE)
_BY_INDEX = b"/get/"
_UNVERSIONED = later(rb"HTTP \d{3} ")
"""How the first programs answered: no version (Clip2's description of 0.4)."""
_ACCEPT = later(rb"\nAccept:[^\r\n]*application/x-gnutella", re.IGNORECASE)
_AGENT = later(rb"\n(?:User-Agent|Server): *([^\r\n]{1,200})", re.IGNORECASE)
_BINARY = later(rb"\nContent-Type: *application/binary\r?\n", re.IGNORECASE)
"""What servents call any file, and web servers none (Clip2's description of 0.4)."""

_CACHE = later(
    rb"[?&](?:hostfile=1|urlfile=1|bfile=1|gwcs=1|get=1|update=1|ip1?=[\d.]+(?::|%3A)\d"
    rb"|statfile=1|ping=1|url1?=http)",
    re.IGNORECASE,
)
_CACHE_CLIENT = later(rb"[?&](?:client=[A-Za-z]{4}|net=gnutella2?\b)", re.IGNORECASE)


def recognise(peek: Peek, network: str = "gnutella") -> Claim | More | None:
    """Say whether these bytes are *network*'s."""
    if peek.transport == "udp":
        return _datagram(peek, network)
    client, server = peek.client, peek.server
    if not (client and client[0] in _LETTERS) and not (server and server[0] in _LETTERS):
        return _messages(peek) if network == "gnutella" else None
    if b"G" in (client[:1], server[:1]) and (
        handshake.opens(client[:20]) if client else handshake.opens(server[:20])
    ):
        answer = _handshake(peek, network)
        if answer is not None:
            return answer
    return _stream(peek) if network == "gnutella" else None


# -- datagrams ---------------------------------------------------------------------------------


def _datagram(peek: Peek, network: str) -> Claim | More | None:
    """The first datagram names the network; the other side's must belong to either."""
    from backchannel.protocols.gnutella.plausible import network_of  # noqa: PLC0415 - as below

    seen = [data for data in (peek.client, peek.server) if data]
    found = [network_of(data) for data in seen]
    if not found or not all(found) or found[0] != network:
        return None
    if len(seen) == 1 and seen[0].endswith(_BARE_PINGS) and len(seen[0]) <= _BARE_SIZE:
        return MORE  # vulnerability scanners send this to every port; an answer proves more
    kind = "Gnutella2 packet" if network == "gnutella2" else "Gnutella message"
    return Claim(network, evidence=f"{kind} fills the datagram")


# -- handshakes --------------------------------------------------------------------------------


def _handshake(peek: Peek, network: str) -> Claim | More | None:
    """The network is the one that the answer chooses, or else the only one that was offered."""
    client, server = peek.client, peek.server
    shortest = min((len(data) for data in (client, server) if data), default=0)
    if shortest < 14 and not (len(client) >= 17 or len(server) >= 14):
        return MORE
    flipped = not peek.begun and client.startswith(b"GNUTELLA/")
    if flipped:
        client, server = server, client
    if (client and not handshake.opens(client[:20])) and not server:
        return None
    asked, answered = _first_block(client), _first_block(server)
    if (answered or asked) is None:
        return _unfinished(client or server, network)
    networks = [block.networks if block else None for block in (asked, answered)]
    if handshake.choice(*networks)[0] != network:
        return None
    line = "GNUTELLA CONNECT" if asked else "GNUTELLA answer"
    return Claim(network, evidence=f"{line} with its headers", flipped=flipped)


def _first_block(data: bytes) -> Block | None:
    end = handshake.end_of_block(data)
    if not data.startswith(handshake.MARK) or not end:
        return None
    try:
        return handshake.read_block(data[:end])
    except WireError:
        return None


def _unfinished(data: bytes, network: str) -> Claim | More | None:
    """Headers whose end is not there yet. The first line is Gnutella's claim, which its session
    gives up when the rest of the headers choose the other network.
    """
    if b"\n" not in data:
        return MORE if len(data) < _LONGEST_LINE else None
    if not handshake.first_line(data):
        return None
    if network != "gnutella":
        return MORE if len(data) < PEEK_LIMIT else None
    return Claim("gnutella", evidence="GNUTELLA first line")


# -- HTTP, pushes, chat and bare messages ------------------------------------------------------


def _stream(peek: Peek) -> Claim | More | None:
    client, server = peek.client, peek.server
    first = client or server
    if any(word.startswith(first) for word in _WORDS):
        return MORE
    for mark, pattern, size in _PULLED:
        if first.startswith(mark) or mark.startswith(first):
            if pattern.match(first):
                return Claim("gnutella", evidence=f"{mark.decode().strip()} of an uploader")
            return MORE if len(first) < size and b"\n" not in first else None
    if first.startswith(b"CHAT "):
        if _CHAT.match(first):
            return Claim("gnutella", evidence="CHAT CONNECT")
        return MORE if len(first) < _CHAT_LINE and b"\n" not in first else None
    if client.startswith((b"GET ", b"HEAD ")):
        return _http(client, server, peek.start.server.address, False)
    if server.startswith((b"GET ", b"HEAD ")):
        return _http(server, client, peek.start.client.address, not peek.begun)
    if first.startswith(b"HTTP/1."):
        return _answer(first, not peek.begun and first is client)
    return _messages(peek)


def _http(request: bytes, answer: bytes, asked: str, flipped: bool) -> Claim | More | None:
    """*asked* is the address of the peer that gets the request."""
    target = _target(request)
    if not target:
        return MORE if b"\n" not in request and len(request) < 4096 else None
    if target[:1] != b"/" and (absolute := _ABSOLUTE.match(target)):
        if absolute[1].strip(b"[]").decode("latin-1") != asked:
            return None  # a proxy is asked to fetch it, and what it carries is looked at there
        target = target[absolute.end() :]
    if target.startswith(_OUR_FOLDERS) and _OURS.match(target):
        return Claim("gnutella", evidence="request that only servents make", flipped=flipped)
    low = target.lower()
    named = b"client=" in low or b"net=gnutella" in low
    if named and _CACHE.search(target) and _CACHE_CLIENT.search(target):
        return Claim("gnutella", evidence="request to a web cache for hosts", flipped=flipped)
    if not _SHARED.match(target):
        return None
    head, whole = _head(request)
    if _servent(head, target) or (answer and _ANSWER_HEADER.search(answer[:4096])):
        return Claim("gnutella", evidence="download with a servent's headers", flipped=flipped)
    if not whole and len(request) < 4096:
        return MORE
    if not target.startswith(_BY_INDEX) or _AGENT.search(head):
        return None
    return _early(answer, flipped)


def _early(answer: bytes, flipped: bool) -> Claim | More | None:
    """Judge the *answer* to a request by index that names no program, as those of 2000 did.

    A name alone proves nothing here: a web server may be called Gift or Ares, too.
    """
    head, whole = _head(answer)
    if _UNVERSIONED.match(answer) or (_BINARY.search(head) and _known(head)):
        return Claim("gnutella", evidence="download that a servent answers", flipped=flipped)
    return None if whole or len(answer) >= 4096 else MORE


def _head(data: bytes) -> tuple[bytes, bool]:
    """Return the lines of the head that *data* begins with, none of them cut off, and whether it is
    there as a whole.
    """
    end = handshake.end_of_block(data)
    return data[: end or data.rfind(b"\n") + 1], end > 0


def _target(request: bytes) -> bytes:
    """Return the target of a GET or HEAD; empty where it is something else, or not all there."""
    line, newline, _ = request.partition(b"\n")
    verb, _, rest = line.removesuffix(b"\r").partition(b" ")
    target, version = rest[:-9], rest[-9:]
    fits = newline and verb in (b"GET", b"HEAD") and version in _VERSIONS
    plain = target[:1].strip() and b"\r" not in target and len(target) <= _LONGEST_TARGET
    return target if fits and plain else b""


def _servent(head: bytes, target: bytes) -> bool:
    """Whether a header is one that only servents send."""
    if target == b"/":
        return _ACCEPT.search(head) is not None
    if _HEADER.search(head) or _REFERRER.search(head):
        return True
    return _known(head)


def _known(head: bytes) -> bool:
    """Whether a head names a servent."""
    agent = _AGENT.search(head)
    return agent is not None and KNOWN.match(agent[1].decode("latin-1")) is not None


def _answer(data: bytes, flipped: bool) -> Claim | More | None:
    """An answer whose request was not seen."""
    head, end, _ = data.partition(b"\r\n\r\n")
    if _ANSWER_HEADER.search(head):
        return Claim("gnutella", evidence="answer with a servent's headers", flipped=flipped)
    return None if end or len(data) >= 4096 else MORE


def _messages(peek: Peek) -> Claim | More | None:
    """Messages amid a stream: several whole ones in a row, and nothing else."""
    if peek.begun:
        return None  # it would begin with a handshake
    client, server = peek.client, peek.server
    asked, answered = len(client) >= _HEADER_SIZE, len(server) >= _HEADER_SIZE
    if not (asked or answered):
        return MORE
    if asked and not _begins(client):
        return None  # as nearly always, so that nothing that reads messages is loaded
    if answered and not _begins(server):
        return None
    from backchannel.protocols.gnutella.plausible import (  # noqa: PLC0415
        ENOUGH,
        count_messages,
    )

    seen = [data for data, whole in ((client, asked), (server, answered)) if whole]
    counts = list(map(count_messages, seen))
    if min(counts) < 0:
        return None
    if sum(counts) >= ENOUGH:
        return Claim("gnutella", evidence=f"{sum(counts)} messages in a row")
    return MORE if max(len(client), len(server)) < 4096 else None


def _begins(data: bytes) -> bool:
    """Whether a header at the front of *data* has a kind, a way and a size that streams have."""
    way = data[17] + data[18]
    small = not data[22] and (not data[21] or (data[21] == 1 and not data[20] and not data[19]))
    return bool(_KINDS[data[16]]) and 0 < way <= _HIGHEST and small
