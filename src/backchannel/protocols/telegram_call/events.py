"""What a relay of Telegram's calls shows beside addresses."""

from typing import Literal

from backchannel.events import Event
from backchannel.model import Capability


class TelegramRelay(Event, frozen=True, kw_only=True):
    """Encrypted media of a call goes through this relay, both ways."""

    CAPABILITY = Capability.VOICE_VIDEO
    form: Literal["libtgvoip", "webrtc"]
    """`libtgvoip`: calls of clients up to 2020; `webrtc`: of later ones."""
