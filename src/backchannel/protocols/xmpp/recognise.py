"""Whether a flow's first bytes are XMPP, and who is the client when nobody saw it begin.

A stream begins with a root of one namespace, which is evidence enough. Where the beginning was not
captured, it needs a stanza with what only XMPP's have. What runs inside a SOCKS5 bytestream is
anything: there its announcement is asked, or the host that the request named (XEP-0065).
"""

from backchannel.model import MORE, Claim, Confidence, Endpoint, More
from backchannel.patterns import later
from backchannel.protocols import Peek
from backchannel.protocols.xmpp.unicode import utf8

PORTS = (5222, 5223, 5269, 5275, 5347)
"""Where servers listen: told only where neither the bytes nor the opening say who the client is."""
MAX_HEAD = 2048
_DESTINATION = later(r"[0-9a-f]{40}")
_PROLOGUE = later(rb"(?:\xef\xbb\xbf)?\s{0,64}(?:<\?xml\s[^<>]{0,200}\?>)?\s{0,64}")
_HEAD = later(rb"<(?:[A-Za-z][\w.-]{0,31}:)?stream(?=\s)([^<>]{0,2048})>")
_WAIT = later(
    rb"(?:<(?:\?(?:x(?:m(?:l(?:\s[^<>]{0,200})?)?)?)?"
    rb"|(?:[\w.-]{0,32}:)?(?:s(?:t(?:r(?:e(?:a(?:m(?:\s[^<>]{0,2048})?)?)?)?)?)?)?|[\w.-]{0,32})?)?\Z"
)
"""What may still become a declaration or a root."""
_NAMESPACE = later(
    rb"xmlns(?::[\w.-]{1,32})?\s?=\s?[\"'](?:http://etherx\.jabber\.org/streams"
    rb"|http://www\.jabber\.com/streams/flash)[\"']"
)
_STANZA = later(
    rb"\s{0,64}(?:"
    rb"<(?P<iq>iq)\s(?=[^<>]{0,1024}\btype\s?=\s?[\"'](?:get|set|result|error)[\"'])[^<>]{1,1024}>"
    rb"|<(?P<message>message)\s[^<>]{1,1024}>|<(?P<presence>presence)(?:\s[^<>]{0,1024})?>"
    rb"|<(?P<sasl>auth|challenge|response|success|starttls|proceed)\s"
    rb"[^<>]{0,1024}urn:ietf:params:xml:ns:xmpp-(?:sasl|tls)[\"'][^<>]{0,1024}>"
    rb"|<stream:(?P<stream>features|error)(?:\s[^<>]{0,512})?/?>|(?P<foot></stream:stream\s?>)"
    rb"|<db:(?P<db>result|verify)\s[^<>]{1,1024}>"
    rb")"
)
_KNOWN = later(
    rb"xmlns\s?=\s?[\"'](?:jabber:(?:iq|x):|urn:xmpp:|urn:ietf:params:xml:ns:xmpp-"
    rb"|http://jabber\.org/(?:protocol|features)/|vcard-temp[\"'])"
)
_ADDRESSED = later(rb"\s(?:to|from)\s?=\s?[\"'][^\"'<>\s@]{1,256}@[\w.-]{1,256}")
_PARTIAL = later(
    rb"\s{0,64}<(?:/?(?:[a-z]{0,9}|stream:[a-z]{0,8}|db:[a-z]{0,6})(?:\s[^<>]{0,1024})?)?\Z"
)
_OF_CLIENT = later(rb"\s*<(?:auth|response|starttls)\b")
_OF_SERVER = later(rb"\s*<(?:challenge|success|proceed|failure|stream:features|stream:error)\b")
_FROM = later(rb"\sfrom\s?=")


def recognise(peek: Peek) -> Claim | More | None:
    """Claim the beginning of a stream, a stanza amid one, or a bytestream."""
    if peek.transport != "tcp":
        return None
    if (inside := _bytestream(peek)) is not None:
        return inside
    if peek.begun:
        verdicts = [_begins(utf8(peek.client or peek.server))]
    else:
        verdicts = [_begins(data) or _amid(data) for data in (peek.client, peek.server) if data]
    for verdict in verdicts:
        if isinstance(verdict, str):
            flipped = not peek.begun and _flipped(peek)
            return Claim("xmpp", evidence=verdict, flipped=flipped)
    return MORE if any(verdicts) else None


def destination(server: Endpoint) -> str:
    """Return the host that a SOCKS5 bytestream was asked for; empty for anything else."""
    return server.address if not server.port and _DESTINATION.fullmatch(server.address) else ""


def _bytestream(peek: Peek) -> Claim | None:
    if not destination(peek.start.server):
        return None
    return Claim("xmpp", Confidence.EXPECTED, "host of a SOCKS5 bytestream")


def _begins(data: bytes) -> str | More | None:
    """Judge the root's opening tag."""
    found = _PROLOGUE.match(data)
    head = _HEAD.match(data, found.end() if found else 0)
    if head is not None:
        return "root of an XMPP stream" if _NAMESPACE.search(head[1]) else None
    rest = data[found.end() if found else 0 :]
    return MORE if len(data) < MAX_HEAD and _WAIT.match(rest) else None


def _amid(data: bytes) -> str | More | None:
    """Judge a stanza."""
    found = _STANZA.match(data)
    if found is None:
        return MORE if len(data) < MAX_HEAD and _PARTIAL.match(data) else None
    name = found.lastgroup or ""
    if name in ("sasl", "stream", "foot", "db"):
        return f"<{name} of an XMPP stream" if name != "foot" else "end of an XMPP stream"
    rest = data[found.end() : found.end() + 1024]
    if _KNOWN.search(rest) or (name != "iq" and _ADDRESSED.search(found[0])):
        return f"{name} stanza"
    if name == "iq" and b" id=" in found[0]:
        return "iq stanza"
    return MORE if len(rest) < 256 and not found[0].endswith(b"/>") else None


def _flipped(peek: Peek) -> bool:
    """Say whether the side called client shows that it is the server."""
    score = _server_like(peek.client) - _server_like(peek.server)
    if score:
        return score > 0
    return peek.start.client.port in PORTS and peek.start.server.port not in PORTS


def _server_like(data: bytes) -> int:
    """Weigh what only servers send, which put the sender's address into stanzas."""
    tag = data[:MAX_HEAD].partition(b">")[0]
    if not tag:
        return 0
    if _OF_CLIENT.match(tag):
        return -2
    if _OF_SERVER.match(tag):
        return 2
    return 1 if _FROM.search(tag) else -1
