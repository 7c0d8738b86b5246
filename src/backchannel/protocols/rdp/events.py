"""What only RDP has to tell."""

from backchannel.events import Event
from backchannel.model import Capability


class _Desktop(Event, frozen=True, kw_only=True):
    use: Capability | None = None
    """`remote-assistance` where an invitation announced the connection."""
    accounts: tuple[str, ...] = ()
    """Who is helped and who helps, where it was announced."""

    @property
    def capability(self) -> Capability | None:
        """What the connection was announced for; None for a remote desktop of its own."""
        return self.use


class RemoteDesktop(_Desktop, frozen=True, kw_only=True):
    """A client wants to control a desktop: what it says of itself in clear."""

    client: str = ""
    """Name of the client's computer."""
    build: int = 0
    version: str = ""
    screen: str = ""
    """Size asked for, such as `1024x768`."""
    keyboard: str = ""
    """Layout as a language identifier in hexadecimal."""
    channels: tuple[str, ...] = ()
    """Virtual channels asked for: `rdpdr` (drives), `cliprdr` (clipboard), `rdpsnd` ..."""


class DesktopSecurity(_Desktop, frozen=True, kw_only=True):
    """How a remote desktop is protected: what the client offers, what the server takes."""

    offered: tuple[str, ...] = ()
    """`rdp`, `tls`, `credssp` ..., of which the server takes one."""
    chosen: str = ""
    """One of those, or `refused`, or for RDP's own security the cipher, `none` among them."""
    detail: str = ""


class DesktopTransport(_Desktop, frozen=True, kw_only=True):
    """A remote desktop opens a transport over UDP beside its connection: asked for, or accepted."""

    accepted: bool
    lossy: bool = False
    """Whether what is lost may stay lost: the transport for sound and picture, under DTLS."""
    version: str = ""
    """Highest version of the transport that the side speaks: `1`, `2`, `3`, or another's number."""
