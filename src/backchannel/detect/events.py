"""Events that no decoder tells: what a policy, the password audit or a list has to say.

They stand beside the decoders' in every output, and rules look at them in the same way.
"""

from typing import Literal

from backchannel.events import Event, Secret
from backchannel.model import Capability


class PolicyMatch(Event, frozen=True, kw_only=True):
    """A policy refuses a use, or wants it reported. Only from a watch that prevents."""

    action: Literal["observed", "alerted", "reset", "dropped", "declined", "spared", "unanswered"]
    """What was done. `observed`: it would have been refused; `spared`: so it would, but for the
    never-block list; `unanswered`: it is refused, and no reset or ICMP could be sent."""
    line: str
    """The policy's line."""
    place: str
    """Where it is written: `policy.yaml:12`."""
    used: str = ""
    """The capability; empty for the service as a whole."""
    why: str = ""
    """What in the traffic showed it."""


class PasswordGuessed(Event, frozen=True, kw_only=True):
    """The password audit found the password behind a captured hash. Only when asked for."""

    CAPABILITY = Capability.LOGIN
    account: str
    scheme: str
    password: Secret
    source: Literal["account name", "well-known list", "own list"]
    """Where the guess came from."""


class UnknownPeer(Event, frozen=True, kw_only=True):
    """A tunnel between two hosts, neither of which is on the list of allowed gateways."""

    CAPABILITY = Capability.TUNNEL
    address: str
    """The end that is outside; the server's where both are."""


class FileMatched(Event, frozen=True, kw_only=True):
    """An engine found something in a transferred file. Only when asked for."""

    use: Capability
    """Which ability the file was transferred by."""
    sender: str
    recipient: str
    name: str
    sha256: str
    engine: Literal["yara", "clamav", "hash-list"]
    rule: str
    """Name of the rule or signature, or the label of the hash."""

    @property
    def capability(self) -> Capability:
        """The ability named by the event itself."""
        return self.use
