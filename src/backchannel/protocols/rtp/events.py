"""What only RTP has to tell."""

from typing import Literal

from backchannel.events import Content, Event
from backchannel.model import Capability


class MediaStream(Event, frozen=True, kw_only=True):
    """Voice or video goes one way over a flow: told when it is certain, and when it is over."""

    CAPABILITY = Capability.VOICE_VIDEO
    state: Literal["begins", "ends", "counted"]
    """`counted`: it goes on, and enough was seen of it to stop counting."""
    ssrc: str
    """The sender's number for it, in hexadecimal."""
    payload: str
    """Names of its encodings; `dynamic 96` where only the call's arrangement knows."""
    media: Literal["audio", "video", ""] = ""
    accounts: tuple[str, ...] = ()
    """Who talks, where the call was announced."""
    packets: int = 0
    octets: int = 0
    lost: int = 0
    """Packets that were sent, by the sequence numbers, and not seen."""


class Participant(Event, frozen=True, kw_only=True):
    """Somebody in a call tells about themselves (RTCP SDES, RFC 3550 §6.5)."""

    CAPABILITY = Capability.VOICE_VIDEO
    ssrc: str
    cname: str
    """Canonical name, mostly `user@host`."""
    name: str = ""
    email: Content = ""
    phone: Content = ""
    location: Content = ""
