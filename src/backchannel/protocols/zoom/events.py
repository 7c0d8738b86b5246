"""What only Zoom has to tell."""

from typing import Literal

from backchannel.events import Event
from backchannel.model import Capability


class ZoomMedia(Event, frozen=True, kw_only=True):
    """The first packet of a kind of media one way: somebody speaks, is seen, or shows a screen."""

    media: Literal["audio", "screen", "video"]
    ssrc: str
    """The sender's number for it, in hexadecimal; all but the last two digits are the participant's
    in the meeting."""
    payload: str
    """Name of its encoding; `dynamic 98`, as only the call's arrangement knows."""
    path: Literal["server", "direct"]
    """Through a media server, or from client to client."""

    @property
    def capability(self) -> Capability:
        """A screen is shared, or people are heard and seen."""
        return Capability.APP_SHARING if self.media == "screen" else Capability.VOICE_VIDEO


class ZoomFlow(Event, frozen=True, kw_only=True):
    """A client says what a flow to a media server is for. In each meeting one stands ready for
    screens, so that this alone shows nothing in use.
    """

    media: Literal["audio", "screen", "video"]
