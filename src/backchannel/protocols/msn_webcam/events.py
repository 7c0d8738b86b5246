"""What only a webcam connection says."""

from backchannel.events import Event
from backchannel.model import Capability


class WebcamVideo(Event, frozen=True, kw_only=True):
    """Somebody's webcam picture begins to flow."""

    CAPABILITY = Capability.VOICE_VIDEO
    sender: str
    recipient: str
    session: str = ""
    width: int = 0
    height: int = 0
