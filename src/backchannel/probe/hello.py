"""What a hello is: the first valid message that a client of some protocol sends, as data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from backchannel.model import Endpoint, Transport

NOWHERE = "probe.invalid"
"""A name that never resolves (RFC 6761 §6.4): proxies are asked to lead there, and cannot."""
AGENT = "backchannel-probe"
"""What we call ourselves wherever a protocol has a place for it, so that logs show who asked."""


@dataclass(frozen=True)
class Asked:
    """What a hello may depend on."""

    server: Endpoint
    client: Endpoint
    name: str = ""
    """The host's name, where the user gave one."""
    through: Endpoint | None = None
    """Where proxies are asked to lead; only what the user names."""
    torrent: bytes = b""
    """Info-hash of a torrent, 20 bytes."""
    now: int = 1_750_000_000
    """Seconds since 1970, for messages that hold their time."""
    nonce: bytes = field(default=bytes(32))
    """Random bytes for ids and keys, 32 of them; the same for a question and its repetitions."""

    @property
    def host(self) -> str:
        """What to call the host in messages."""
        return self.name or self.server.address.partition("%")[0]


Make = Callable[[Asked], bytes]
Reply = Callable[[Asked, Sequence[bytes]], bytes]
"""Its second argument: what was answered to each thing that was said so far."""


class Upgrade(NamedTuple):
    """How TLS begins on a connection that is in clear (STARTTLS)."""

    offered: Callable[[bytes], bool]
    """Whether an answer to the hello offers it."""
    ask: bytes
    granted: Callable[[bytes], bool]
    """Whether the answer to that says that TLS may begin."""


@dataclass(frozen=True)
class Hello:
    """One thing to say."""

    name: str
    protocols: tuple[str, ...]
    """Decoders of ours that may understand the answer; the first is whom it is meant for."""
    transport: Transport
    make: Make
    source: str
    """Where the format is described."""
    reply: Reply | None = None
    """What to say to an answer; nothing where it returns no bytes."""
    rounds: int = 1
    """How many answers are replied to at most."""
    after: tuple[str, ...] = ()
    """Protocols behind which alone it is said: to a port that has shown to speak one of them."""
    beside: tuple[str, ...] = ()
    """Protocols beside which it is said all the same: many programs answer a web browser."""
    ports: tuple[int, ...] = ()
    """Usual ports beside those of the catalogue."""
    only: tuple[int, ...] = ()
    """Ports to which alone it is said; empty: to any."""
    needs: Literal["", "through", "torrent", "aggressive"] = ""
    """An option without which it is not said."""
    upgrade: Upgrade | None = None
    """How to go on inside TLS where the answer offers that; the hello is said once more there."""
    tls: Literal["no", "also"] = "no"
    """Whether it is said inside TLS, too."""
    alike: bool = False
    """Whether the very same bytes are a good answer."""
    believed: Callable[[bytes, bytes], bool] = lambda _answer, _before: True
    """Whether an answer is one of what was asked for, where others answer the same in form. The
    second argument is what the port answered to a web browser; empty where it was not asked.
    """
    about: str = ""
    """What it does to who gets it, where that is more than an answer."""
