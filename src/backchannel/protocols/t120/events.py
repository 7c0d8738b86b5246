"""What only T.120 has to tell."""

from typing import Literal

from backchannel.events import Content, Event
from backchannel.model import Capability


class Conference(Event, frozen=True, kw_only=True):
    """Two nodes of a data conference connect."""

    asked: str
    """What the caller wants, or the called answers: `create`, `join`, `invite`, `created` ..."""
    role: Literal["client", "server"]
    use: Capability | None = None
    """What the flow was announced for, where it was."""
    accounts: tuple[str, ...] = ()

    @property
    def capability(self) -> Capability | None:
        """What it was announced for."""
        return self.use


class ConferenceApplication(Event, frozen=True, kw_only=True):
    """A node of the conference offers or uses an application by its standard."""

    standard: str
    """`T.126`, `T.127`, `T.128`."""
    use: Capability

    @property
    def capability(self) -> Capability:
        """What the application is for."""
        return self.use


class ConferenceNames(Event, frozen=True, kw_only=True):
    """Names that the roster of a conference tells: nodes, people, places."""

    names: tuple[Content, ...]
