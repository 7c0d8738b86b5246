"""What Telegram's connections tell, all of whose messages are encrypted."""

from typing import Literal

from backchannel.events import Event
from backchannel.model import Capability


class TelegramConnection(Event, frozen=True, kw_only=True):
    """A client opens a connection to a data centre."""

    framing: Literal["abridged", "intermediate", "padded", "full"]
    obfuscated: bool = False
    """Whether the client hides it behind a key that it sends along."""
    centre: int = 0
    """The data centre that is asked for, 1 to 5; 0 where that is not told."""
    media: bool = False
    """Whether it is for files only."""
    test: bool = False
    """Whether it is for Telegram's test system."""


class TelegramHandshake(Event, frozen=True, kw_only=True):
    """One message of the exchange by which a client gets a new key."""

    CAPABILITY = Capability.LOGIN
    step: str
    """By the protocol's own name, such as `req_pq_multi`, `resPQ` or `dh_gen_ok`."""
    server_keys: tuple[str, ...] = ()
    """Fingerprints of the server's RSA keys, in hexadecimal; from `resPQ`."""


class TelegramKey(Event, frozen=True, kw_only=True):
    """The connection uses a key that was made before; told once for each."""

    CAPABILITY = Capability.LOGIN
    key: str
    """The key's id in hexadecimal. It stands for one installation at one data centre, for months or
    (a temporary key) for a day; nobody can tell which."""


class TelegramError(Event, frozen=True, kw_only=True):
    """The server refuses in clear: 404 does not know the key, 429 too many, 444 no such centre."""

    code: int
