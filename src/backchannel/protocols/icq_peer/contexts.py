"""What announces a connection between clients; apart, because OSCAR needs nothing else of them."""

import msgspec

from backchannel.model import Capability


class Announced(msgspec.Struct, frozen=True, kw_only=True):
    """A file transfer or a chat to come; context of the expected connection."""

    use: Capability
    sender: str = ""
    recipient: str = ""
    id: str = ""
