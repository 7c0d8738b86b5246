"""Whether these are FastTrack's first bytes: a session, a file over HTTP, or pings over UDP."""

import re

from backchannel.model import MORE, Claim, More
from backchannel.patterns import later
from backchannel.protocols import Peek, Start
from backchannel.protocols.fasttrack import pings, wire
from backchannel.protocols.fasttrack.announced import Known
from backchannel.protocols.fasttrack.cipher import Cipher, UnknownCipherError

TELLING = 4
"""Bytes that tell HTTP and push from the handshake of a session."""
GIFT = wire.GIFT_NONCE.to_bytes(4, "big")
_TEXT = bytes((9, 10, 13, *range(0x20, 0x7F)))
GIVE = later(rb"GIVE (\d{1,10})\r?\n")
GIVE_LINE = 24
_OWN_PATH = later(
    rb"(?:GET|HEAD) (?:FastTrack://[\d.]{7,15}:\d{1,5})?/\.hash=[0-9a-fA-F]{40}", re.IGNORECASE
)
_MAYBE_PATH = later(
    rb"(?:GET|HEAD) /(?:\d{1,10}/|\.(?:files|supernode|status|network|download)|\s)"
)
_MARK = later(
    rb"\n(?:x-kazaa|user-?agent: *(?:kazaa|peerenabler/|gift-fasttrack)"
    rb"|server: *(?:kazaa|gift-fasttrack))",
    re.IGNORECASE,
)
_NAMES = b"kazaa", b"peerenabler/", b"gift-fasttrack"
"""Of which one is in every such mark."""
_HOST = later(rb"\nhost: *([^\s:]+)(:\d+)?\r?\n", re.IGNORECASE)
_ADDRESS = later(rb"[\d.]+")
_WORDS = (b"GIVE", b"GET ", b"HEAD", b"HTTP")
_OPENINGS = frozenset(word[:size] for word in _WORDS for size in range(5))


def recognise(peek: Peek) -> Claim | More | None:
    """Say whether these bytes are FastTrack's, in any of its three forms."""
    if peek.transport == "udp":
        return pings.recognise(peek)
    first = peek.client or peek.server
    text = is_text(first)
    answer = _text(peek) if text else None
    return _link(peek) if answer is None and (len(first) < TELLING or not text) else answer


# -- sessions ----------------------------------------------------------------------------------


def _link(peek: Peek) -> Claim | More | None:
    """Claim a flow whose first bytes are a hello, or an answer, with a possible cipher type.

    The mask over the type leaves one random hello in 2**23; text is turned away before that.
    """
    client, server = peek.client, peek.server
    if not client:
        return _answer_only(server)
    if len(client) < wire.HELLO:
        return None if server else MORE
    if len(client) > wire.HELLO and not server and client[:4] != GIFT:
        return None  # a client waits for the answer
    if _is_plain(client[: wire.HELLO]):
        return None
    hello = wire.read_hello(client[: wire.HELLO])
    if not wire.plausible(hello.kind):
        return None
    if server and _named(server) is None:
        return None
    return Claim("fasttrack", evidence=f"hello that asks for encryption {hello.kind:#x}")


def _answer_only(server: bytes) -> Claim | More | None:
    """Only the supernode was recorded: its first eight bytes decrypt a network's name."""
    found = _named(server)
    if found is None or found is MORE:
        return found
    return Claim("fasttrack", evidence=f"answer, then the name of the network {found}")


def _named(server: bytes) -> str | More | None:
    """Return the name behind an answer, MORE where more bytes decide, None for no answer."""
    if len(server) < wire.ANSWER or _is_plain(server[: wire.ANSWER]):
        return MORE if len(server) < wire.ANSWER else None
    seed, kind = wire.read_answer(server)
    if not wire.plausible(kind):
        return None
    try:
        plain = Cipher(seed, kind).crypt(server[wire.ANSWER : wire.ANSWER + wire.NAME_LIMIT + 1])
    except UnknownCipherError:
        return f"that nobody can decrypt (encryption {kind:#x})"
    name, ended, _ = plain.partition(b"\0")
    if name and not wire.is_name(name):
        return None
    return (wire.text(name) or None) if ended else MORE


def _is_plain(data: bytes) -> bool:
    """Whether *data* is printable text alone."""
    return not data.translate(None, _TEXT)


# -- HTTP --------------------------------------------------------------------------------------


def is_text(data: bytes) -> bool:
    """Whether *data*, as far as it goes, begins like HTTP or a push."""
    return data[:4] in _OPENINGS


def _text(peek: Peek) -> Claim | More | None:
    """Claim HTTP that asks by hash, pushes, or names KaZaA in a head of either side."""
    for flipped, first in ((False, peek.client), (True, peek.server)):
        if first[:5] == b"GIVE ":
            return _given(first, flipped=flipped)
    for flipped, asked, answered in (
        (False, peek.client, peek.server),
        (True, peek.server, peek.client),
    ):
        if asked[:4] in (b"GET ", b"HEAD"):
            return _asked(asked, answered, peek.start, flipped=flipped)
    first = peek.client or peek.server
    if first[:4] == b"GIVE"[: len(first)]:
        return _given(first, flipped=not peek.client)
    if first[:4] == b"HTTP":
        return _marked(first, flipped=first is peek.client)
    return MORE if len(first) < 4 and is_text(first) else None


def _given(first: bytes, *, flipped: bool) -> Claim | More | None:
    if GIVE.match(first):
        return Claim("fasttrack", evidence="push: GIVE and a number", flipped=flipped)
    return MORE if len(first) < GIVE_LINE and b"\n" not in first else None


def _asked(asked: bytes, answered: bytes, start: Start, *, flipped: bool) -> Claim | More | None:
    if _OWN_PATH.match(asked):
        return Claim("fasttrack", evidence="HTTP request by UUHash", flipped=flipped)
    if isinstance(marked := _marked(asked, flipped=flipped), Claim):
        return marked
    if isinstance(start.context, Known) and _MAYBE_PATH.match(asked):
        return Claim(
            "fasttrack", evidence="request that a search result announced", flipped=flipped
        )
    if _elsewhere(asked):
        return None
    if isinstance(marked := _marked(answered, flipped=flipped), Claim) or not answered:
        return marked or MORE
    unfinished = b"\n" not in asked or _MAYBE_PATH.match(asked)
    return marked if unfinished else None


def _elsewhere(asked: bytes) -> bool:
    """Whether a request wants a named host without a port: nodes have neither name nor fixed port.

    It spares the waiting for an answer to most requests of browsers.
    """
    host = _HOST.search(asked)
    return host is not None and not (host[2] or _ADDRESS.fullmatch(host[1]))


def _marked(head: bytes, *, flipped: bool) -> Claim | More | None:
    """Claim what names KaZaA in its head; MORE while the head has not ended."""
    block, ended, _ = head.partition(b"\r\n\r\n")
    low = block.lower()
    if any(name in low for name in _NAMES) and (found := _MARK.search(block)):
        mark = found[0].decode("latin-1").strip()
        return Claim("fasttrack", evidence=f"HTTP head with {mark}", flipped=flipped)
    return None if ended or len(head) >= 4096 else MORE
