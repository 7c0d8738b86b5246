"""What DNS tells beside names for addresses."""

from backchannel.events import Event


class ServiceBinding(Event, frozen=True, kw_only=True):
    """How a name's service is reached (HTTPS and SVCB records, RFC 9460)."""

    name: str
    target: str
    alpn: tuple[str, ...] = ()
    port: int = 0
    """0 where the service's own port is meant."""
    ech: bool = False
    """Whether connections to it can hide the name they want (ECH)."""
