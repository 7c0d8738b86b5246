"""What the open part of a TLS handshake tells."""

from backchannel.events import Event


class TlsHello(Event, frozen=True, kw_only=True):
    """A client says what it can do and which name it wants."""

    version: str
    """The highest version offered: `1.3`, `1.2`, `1.1`, `1.0`, `ssl3` or in hexadecimal."""
    name: str = ""
    """The server name (SNI)."""
    alpn: tuple[str, ...] = ()
    ech: bool = False
    """True when the hello carries an encrypted one (ECH), so that *name* may be a front."""
    ja3: str = ""
    ja4: str = ""


class TlsAnswer(Event, frozen=True, kw_only=True):
    """A server says what it chose."""

    version: str
    cipher: str
    """In hexadecimal, such as `1301`."""
    alpn: str = ""


class TlsCertificate(Event, frozen=True, kw_only=True):
    """The names in a server's certificate, which TLS 1.3 hides."""

    names: tuple[str, ...]
    """Alternative names, or where there are none the common name."""
    issuer: str = ""
