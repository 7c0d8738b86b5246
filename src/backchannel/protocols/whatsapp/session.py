"""One connection to WhatsApp's chat servers, as far as it is in clear. Bytes in, events out.

Since 2016 that is the two hellos of a Noise handshake; before, FunXMPP's stream header and the
request to be let in, which names the account. Nothing is read once both sides encrypt, or after
HEARD frames. Held: one frame a side, at most 64 KiB.
"""

from backchannel.events import Gap, SignOn
from backchannel.model import MORE, Claim, More, Side, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.framed import Framed
from backchannel.protocols.whatsapp import funxmpp, wire
from backchannel.protocols.whatsapp.wire import CLIENT, ENCRYPTED, FUNXMPP, SERVER, Opening
from backchannel.reader import WireError

HEARD = 16
"""Frames in clear after which FunXMPP is left alone: it has five."""


def recognise(peek: Peek) -> Claim | More | None:
    """Claim a client that opens as WhatsApp's does, and goes on with its first message."""
    if peek.transport != "tcp":
        return None
    try:
        opening = wire.read_opening(peek.client)
        if opening is None:
            return MORE
        fits = _goes_on(opening, peek.client[opening.size :])
    except WireError:
        return None
    if fits is None:
        return MORE
    said = "stream header" if opening.version == FUNXMPP else "Noise client hello"
    return Claim("whatsapp", evidence=f"WA {opening}, {said}") if fits else None


def _goes_on(opening: Opening, data: bytes) -> bool | None:
    """Say whether *data* begins with the client's first frame; None: "need more"."""
    if opening.version != FUNXMPP:
        return wire.begins_hello(data, CLIENT)
    if opening.dictionary != funxmpp.DICTIONARY:
        return False
    frame = wire.take_frame(bytearray(data), FUNXMPP)
    if frame is None:
        return None
    return frame[0] == 0 and funxmpp.read_element(frame[1]).tag == funxmpp.STREAM


class Session(Framed):
    """Both sides of one connection."""

    def __init__(self, start: Start) -> None:  # noqa: ARG002 - nothing of it is needed
        super().__init__()
        self.service = "whatsapp"
        self._opening: Opening | None = None
        self._client = ""
        """What the client calls itself, where it does."""
        self._heard = 0
        self._encrypted: set[Side] = set()

    def _step(self, side: Side, buffer: bytearray, told: list[Output]) -> bool:
        if self.done or side in self._deaf:
            buffer.clear()
            return False
        if self._opening is None:
            return self._open(side, buffer)
        frame = wire.take_frame(buffer, self._opening.version)
        if frame is None:
            return False
        if self._opening.version == FUNXMPP:
            self._element(side, *frame, told)
        else:
            self._hello(side, frame[1], told)
        return True

    def _open(self, side: Side, buffer: bytearray) -> bool:
        if side is Side.SERVER:
            raise WireError("the server speaks first")
        self._opening = wire.read_opening(bytes(buffer))
        if self._opening is None:
            return False
        del buffer[: self._opening.size]
        return True

    def _hello(self, side: Side, body: bytes, told: list[Output]) -> None:
        if side is Side.CLIENT:
            static = wire.read_hello(body, CLIENT).static
            told.append(SignOn(account="", method="noise-ik" if static else "noise-xx"))
            self._deaf.add(side)  # the rest of what it says is encrypted
            return
        wire.read_hello(body, SERVER)
        self.standing, self.done = Standing.PARSED, True

    def _element(self, side: Side, flags: int, body: bytes, told: list[Output]) -> None:
        self._heard += 1
        if flags & ENCRYPTED:
            self._encrypted.add(side)
        self.done = len(self._encrypted) == len(Side) or self._heard >= HEARD
        if flags or side in self._encrypted:
            return
        element = funxmpp.read_element(body)
        if element.tag == funxmpp.STREAM:
            self._client = str(element.attributes.get(funxmpp.RESOURCE, self._client))
            if side is Side.SERVER:
                self.standing = Standing.PARSED
        elif element.tag == funxmpp.AUTH and side is Side.CLIENT:
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
