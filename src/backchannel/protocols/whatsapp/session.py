"""One connection to WhatsApp's chat servers, as far as it is in clear. Bytes in, events out.

Since 2016 that is the two hellos of a Noise handshake; before, FunXMPP's stream header and the
request to be let in, which names the account. Nothing is read once both sides encrypt, or after
HEARD frames. Where only the client was captured, that it goes on with a whole frame of a sealed key
and more proves as much as the server's hello. Held: one frame a side, at most 64 KiB.
"""

from backchannel.decoder import Decoder
from backchannel.events import Gap, Malformed, SignOn
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.whatsapp import funxmpp
from backchannel.protocols.whatsapp.wire import (
    CLIENT,
    ENCRYPTED,
    FINISH,
    FUNXMPP,
    SERVER,
    Opening,
    begins_hello,
    read_hello,
    read_opening,
    take_frame,
)
from backchannel.reader import WireError, cut, cut_buffer

HEARD = 16
"""Frames in clear after which FunXMPP is left alone: it has five."""
_REFUTED, _CLAIMED, _PARSED = Standing
_CLIENT, _SERVER = Side
_CLIENTS, _SERVERS, _BOTH = 1, 2, 3
"""Sides, as bits."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a client that opens as WhatsApp's does, and goes on with its first message."""
    if peek.transport != "tcp":
        return None
    try:
        opening = read_opening(peek.client)
        if opening is None:
            return MORE
        fits = _goes_on(opening, cut(peek.client, opening.size, len(peek.client)))
    except WireError:
        return None
    if fits is None:
        return MORE
    said = "stream header" if opening.version == FUNXMPP else "Noise client hello"
    evidence = f"WA {opening.version}.{opening.dictionary}, {said}"
    return Claim("whatsapp", evidence=evidence) if fits else None


def _goes_on(opening: Opening, data: bytes) -> bool | None:
    """Say whether *data* begins with the client's first frame; None: "need more"."""
    if opening.version != FUNXMPP:
        return begins_hello(data, CLIENT)
    if opening.dictionary != funxmpp.DICTIONARY:
        return False
    frame = take_frame(bytearray(data), FUNXMPP)
    if frame is None:
        return None
    return frame[0] == 0 and funxmpp.read_element(frame[1]).tag == funxmpp.STREAM


class Session(Decoder):
    """Both sides of one connection."""

    def __init__(self, start: Start) -> None:  # noqa: ARG002 - nothing of it is needed
        self.service = "whatsapp"
        self.standing = _CLAIMED
        self.done = False
        self._opening: Opening | None = None
        self._client = ""
        """What the client calls itself, where it does."""
        self._greeted = False
        """Whether the client's hello came: the rest of what it says is encrypted."""
        self._static = False
        """Whether that hello was all of the client's part: it need not end a handshake."""
        self._heard = 0
        self._buffers = bytearray(), bytearray()
        """What is there of each side's next frame."""
        self._deaf = self._encrypted = 0
        """Sides, as bits: those that say nothing in clear any more, and those of which it is known
        that they encrypt.
        """

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        told: list[Output] = []
        bit = _SERVERS if side is _SERVER else _CLIENTS
        if self.done or self._deaf & bit:
            return told
        buffer = self._buffers[side]
        buffer += data
        try:
            while buffer and not self.done and not self._deaf & bit:
                if not self._step(side, buffer, told):
                    return told
        except WireError as error:
            told.append(Malformed(reason=str(error)))
            self._deaf |= bit
            if self.standing is _CLAIMED:
                self.standing = _REFUTED
        buffer.clear()
        return told

    def _step(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        """Take one frame off *buffer*, add what it means to *told*; say whether there was one."""
        opening = self._opening
        if opening is None:
            return self._open(side, buffer)
        frame = take_frame(buffer, opening.version)
        if frame is None:
            return False
        if opening.version == FUNXMPP:
            self._element(side, frame[0], frame[1], told)
        else:
            self._hello(side, frame[1], told)
        return True

    def _open(self, side: Side, buffer: bytearray) -> bool:
        if side is _SERVER:
            raise WireError("the server speaks first")
        opening = self._opening = read_opening(cut_buffer(buffer, 0, len(buffer)))
        if opening is None:
            return False
        del buffer[: opening.size]
        return True

    def _hello(self, side: Side, body: bytes, told: list[Output]) -> None:
        if side is _SERVER:
            read_hello(body, SERVER)
        elif not self._greeted:
            static = self._static = read_hello(body, CLIENT).static
            told.append(SignOn(account="", method="noise-ik" if static else "noise-xx"))
            self._greeted = True
            return
        elif len(body) < FINISH:
            if not self._static:
                raise WireError(f"{len(body)} bytes behind a hello")
            self._heard += 1  # a short message proves nothing
            self.done = self._heard >= HEARD
            return
        self.standing, self.done = _PARSED, True

    def _element(self, side: Side, flags: int, body: bytes, told: list[Output]) -> None:
        self._heard += 1
        if flags & ENCRYPTED:
            self._encrypted |= 1 << side
        self.done = self._encrypted == _BOTH or self._heard >= HEARD
        if flags or self._encrypted >> side & 1:
            return
        element = funxmpp.read_element(body)
        if element.tag == funxmpp.STREAM:
            self._client = str(element.attributes.get(funxmpp.RESOURCE, self._client))
            if side is _SERVER:
                self.standing = _PARSED
        elif element.tag == funxmpp.AUTH and side is _CLIENT:
            told.append(_sign_on(element, self._client))

    def gap(self, side: Side, size: int) -> list[Output]:  # noqa: ARG002 - of either side
        """*size* bytes of *side* were never seen: what follows is encrypted, or soon will be."""
        self.done = True
        return [Gap(size=size)]

    def end(self, side: Side) -> list[Output]:  # noqa: ARG002 - the contract's shape
        """Nothing is held that would mean anything."""
        return []


def _sign_on(element: funxmpp.Element, client: str) -> SignOn:
    user = element.attributes.get(funxmpp.USER, "")
    mechanism = element.attributes.get(funxmpp.MECHANISM, "")
    return SignOn(
        account=user if isinstance(user, str) else "",
        method="WAUTH-2" if mechanism == funxmpp.WAUTH_2 else str(mechanism),
        client=client,
    )
