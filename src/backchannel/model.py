"""The nouns every room shares: sides, endpoints, confidence, capabilities, claims.

Values only. Nothing here does I/O, reads a clock or imports another room.
"""

from enum import IntEnum, StrEnum
from typing import Literal, final

import msgspec

from backchannel.text import endpoint

Transport = Literal["tcp", "udp", "ip"]
"""What carries a flow. `ip` is for protocols directly over IP, such as plain ESP and AH."""


class Side(IntEnum):
    """Who sent it. The client opened the flow (SYN), or spoke first where no opening was seen."""

    CLIENT = 0
    SERVER = 1

    other: "Side"
    """The opposite side: a field, as decoders ask for it with most messages."""


Side.CLIENT.other, Side.SERVER.other = Side.SERVER, Side.CLIENT


class Confidence(IntEnum):
    """How we know what a flow is, weakest first. A `PORT` guess is a hint, never a finding."""

    PORT = 1
    NAME = 2
    EXPECTED = 3
    SIGNATURE = 4
    PARSED = 5

    @property
    def word(self) -> str:
        """The word printed for it."""
        return _WORDS[self]


_WORDS = {each: each.name.lower() for each in Confidence}


class Capability(StrEnum):
    """What a service lets people do. Events, findings, policy and proof all speak of these."""

    MESSAGE = "message"
    PRESENCE = "presence"
    IMAGE = "image"
    VOICE_VIDEO = "voice-video"
    GAME = "game"
    FILE_TRANSFER = "file-transfer"
    FILE_SHARING = "file-sharing"
    SEARCH = "search"
    APP_SHARING = "app-sharing"
    REMOTE_ASSISTANCE = "remote-assistance"
    WHITEBOARD = "whiteboard"
    LOGIN = "login"
    TUNNEL = "tunnel"


class Standing(IntEnum):
    """What a session thinks of its own claim after the bytes it has read so far."""

    REFUTED = 0
    """The bytes are not this protocol after all; the engine withdraws the claim."""
    CLAIMED = 1
    """Nothing speaks against it, and no exchange has been decoded yet."""
    PARSED = 2
    """A handshake or another well-formed exchange was decoded."""


class Endpoint(msgspec.Struct, frozen=True, gc=False):
    """An address and port. Port 0 means unknown, or a transport without ports.

    Without address it is the end of a tunnel that nobody saw asked for, and its text is empty.
    """

    address: str
    port: int

    def __str__(self) -> str:
        return endpoint(self.address, self.port)


@final
class Claim(msgspec.Struct, frozen=True, gc=False):
    """A name for a flow, how sure we are and what the name rests on."""

    protocol: str
    confidence: Confidence = Confidence.SIGNATURE
    evidence: str = ""
    """One clause a person can check, such as `FLAP sign-on frame from the server`."""
    flipped: bool = False
    """True where the bytes show that the side called client is the server (mid-stream starts)."""
    sure: bool = False
    """True where nothing else looks like this, so that a guard refuses it before an answer comes:
    of a tunnel the first datagram is the last that can be held back."""


class More(msgspec.Struct, frozen=True, gc=False):
    """A recogniser's answer when the bytes so far fit, and too few have come to say."""

    holds: bool = True
    """Whether a guard lets them wait for the next ones, as they may begin what is refused; False
    where what comes later shows by itself what it is."""
    client: int = 0
    server: int = 0
    """Bytes of the sides; where both sides have fewer, it is not asked again, if the stream's
    beginning was seen, before it ends or more of it has come than is kept."""


MORE = More()
LATER = More(holds=False)
"""The answer where what comes later shows by itself what it is."""
