"""What only OSCAR tells."""

from backchannel.events import Event
from backchannel.model import Capability


class ServiceRedirect(Event, frozen=True, kw_only=True):
    """The service sends the client on to another server."""

    CAPABILITY = Capability.LOGIN
    account: str
    service: str
    """What waits there: `messaging`, `chat`, `buddy icons` ..."""
    host: str
    port: int


class RequestFailed(Event, frozen=True, kw_only=True):
    """The service could not or would not do what the client asked."""

    service: str
    """Which part of it: `messaging`, `user lookup` ..."""
    code: int
    reason: str
    about: str = ""
    """Whom the request concerned, where that is known."""
