"""Whose bytes are these? IKE by its header; ESP in UDP as a suspicion that must prove itself.

An ISAKMP header with its version, exchange, flags and a length that fits to the byte is beyond
chance, on any port, at any time. One ESP datagram is not: its claim has the confidence of a port's
guess, and the session withdraws it unless several datagrams prove it.
"""

from backchannel.model import MORE, Claim, Confidence, More, Side
from backchannel.protocols import Peek
from backchannel.protocols.esp.cleartext import inside
from backchannel.protocols.esp.flow import number, plausible, possible
from backchannel.protocols.ike import registry
from backchannel.protocols.ike.context import Float
from backchannel.protocols.ike.datagram import Kind, classify
from backchannel.protocols.ike.numbers import AGGRESSIVE, BASE, HEADER, MAIN, SA_INIT, is_version
from backchannel.protocols.ike.stream import PREFIX
from backchannel.protocols.ike.wire import Header, read_header

PORTS = (4500, 500)
"""Where one datagram that may be ESP is worth a session. Elsewhere it must look like the first."""
EARLY = 16
"""Sequence numbers of an SA that has just begun; the magic asks for the same."""
STUB = 4
"""Bytes of a datagram that is no message of anything: some open a NAT's mapping so."""
RANDOM_SIZE = 32
"""Bytes of what must be ciphertext that are looked at."""
FRAME_HEADER = 2 + 4 + HEADER
"""A TCP frame's length, the non-ESP marker and ISAKMP's header."""
MARKER = bytes(4)
_CLIENT, _SERVER = Side
_OTHER, _IKE, _ESP, _KEEPALIVE = Kind


def recognise(peek: Peek) -> Claim | More | None:
    """Claim UDP with IKE or ESP in it, and TCP that encapsulates them."""
    if peek.transport == "udp":
        return _datagrams(peek)
    if peek.transport == "tcp":
        return _streams(peek)
    return None


# -- UDP ---------------------------------------------------------------------------------------


def _datagrams(peek: Peek) -> Claim | More | None:
    kinds: list[Kind] = []
    usual = _usual(peek)
    for side, data in ((_CLIENT, peek.client), (_SERVER, peek.server)):
        if not data:
            continue
        kind, offset, header = classify(data, usual)
        if header is not None:
            return _claim_ike(peek, side, header, " behind a non-ESP marker" if offset else "")
        kinds.append(kind)
    if _OTHER in kinds and usual and _may_be_cut(peek):
        return Claim("ike", Confidence.PORT, "what may be ESP in UDP, cut by the capture")
    if _OTHER in kinds and usual and len(peek.client) <= STUB and len(peek.server) <= STUB:
        return Claim("ike", Confidence.PORT, "a few bytes, as keep a mapping open, on IKE's port")
    if not kinds or _OTHER in kinds:
        return None
    if isinstance(peek.start.context, Float):
        return Claim("ike", Confidence.EXPECTED, "ESP or keep-alives where IKE announced them")
    if _ESP in kinds and _may_be_esp(peek, usual):
        return Claim("ike", Confidence.PORT, "ESP in UDP: an SPI whose sequence rises")
    if set(kinds) == {_KEEPALIVE} and usual:
        return Claim("ike", Confidence.PORT, "NAT keep-alives")
    return None


def _claim_ike(peek: Peek, side: Side, header: Header, where: str) -> Claim:
    name = registry.exchange(header.version, header.exchange)
    return Claim(
        "ike",
        evidence=f"IKEv{header.version} {name}{where}",
        sure=True,
        flipped=_initiator_known(peek, header) and _by_responder(header) == (side is _CLIENT),
    )


def _initiator_known(peek: Peek, header: Header) -> bool:
    """Whether the message tells who opened the flow, and not only who began the latest SA."""
    if header.version == 1:
        first = header.exchange in (BASE, MAIN, AGGRESSIVE)
        return first and header.message_id == 0 and not header.encrypted
    if header.exchange == SA_INIT:
        return True
    client, server = peek.start.client.port in PORTS, peek.start.server.port in PORTS
    return client != server and client == _by_responder(header)


def _by_responder(header: Header) -> bool:
    """Whether the SA's responder sent it. IKEv1: whether it is an answer to the first message."""
    return not header.opens if header.version == 1 else not header.from_initiator


def _usual(peek: Peek) -> bool:
    """Whether ESP in UDP is to be expected on the ports."""
    return peek.start.client.port in PORTS or peek.start.server.port in PORTS


def _may_be_esp(peek: Peek, usual: bool) -> bool:
    """Whether each side's datagram looks encrypted, or is NULL-encrypted ESP.

    Between ports of its own, ESP must have just begun to be suspected: any application may number
    its packets.
    """
    for data in (peek.client, peek.server):
        if not plausible(data):
            continue
        if not usual and number(data) >= EARLY:
            return False
        if not _mixed(data[8 : 8 + RANDOM_SIZE]) and not inside(data):
            return False
    return True


def _may_be_cut(peek: Peek) -> bool:
    """Whether each side's datagram looks like ESP without its end."""
    for data in (peek.client, peek.server):
        if data and not (possible(data) and _mixed(data[8 : 8 + RANDOM_SIZE])):
            return False
    return True


def _mixed(data: bytes) -> bool:
    """Whether as many different bytes are among *data* as among random ones, some to spare."""
    return len(set(data)) >= len(data) * 5 // 8


def needed(usual: bool) -> int:
    """Return how many ESP datagrams must follow each other before they are believed."""
    return 3 if usual else 8


# -- TCP ---------------------------------------------------------------------------------------


def _streams(peek: Peek) -> Claim | More | None:
    if peek.client.startswith(PREFIX):
        return Claim("ike", evidence="stream prefix IKETCP")
    if peek.server.startswith(PREFIX):
        return Claim("ike", evidence="stream prefix IKETCP", flipped=True)
    answers = [_frame(data) for data in (peek.client, peek.server) if data]
    for answer in answers:
        if isinstance(answer, Claim):
            return answer
    if peek.begun and None in answers:  # zeros of one side are no frame where the other has none
        return None
    return MORE if MORE in answers else None


def _frame(data: bytes) -> Claim | More | None:
    """A stream without its prefix begins with a frame of IKE; frames of ESP prove too little."""
    size = int.from_bytes(data[:2], "big")
    if len(data) < FRAME_HEADER:
        fits = data[2:6] == MARKER[: max(0, len(data) - 2)]
        return MORE if fits or PREFIX.startswith(data) else None
    if data[2:6] != MARKER or int.from_bytes(data[30:34], "big") != size - 6:
        return None
    if len(data) < size:
        return MORE if is_version(data[23]) else None
    header = read_header(data[:size], 6)
    if header is None:
        return None
    name = registry.exchange(header.version, header.exchange)
    return Claim("ike", evidence=f"IKEv{header.version} {name} in a TCP frame")
