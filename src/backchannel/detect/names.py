"""What an expression of a rule may name, and where that is found in what the rule looks at.

A place is a piece of Python over `seen`, an `Observation` or an `Ended`, in brackets where it needs
them: it is put into the expression instead of the name.
"""

from collections.abc import Mapping

from backchannel.detect.found import ACCOUNTS
from backchannel.events import Event

SIDES = "client", "server"
"""Words for `Side`, by number."""
ANY = {
    "service": "seen.service",
    "protocol": "seen.protocol",
    "stack": "seen.stack",
    "client": "seen.flow.client.address",
    "client_port": "seen.flow.client.port",
    "server": "seen.flow.server.address",
    "server_port": "seen.flow.server.port",
    "transport": "seen.flow.transport",
    "account": "seen.account",
}
"""What is known of all that rules look at."""
OBSERVED = ANY | {
    "capability": "(seen.event.capability or '')",
    "side": "SIDES[seen.side]",
    "target": "(str(seen.target) if seen.target else '')",
}
"""What is known of every event beside its fields."""
ENDED = ANY | {
    "capability": "''",
    "bytes": "seen.octets",
    "seconds": "((seen.last - seen.first) / 1e9)",
    "depth": "seen.depth",
    "target": "(str(seen.target) if seen.target else '')",
    "target_host": "(seen.target.address if seen.target else '')",
    "target_port": "(seen.target.port if seen.target else seen.flow.server.port)",
}
"""What is known of a stream that ended."""
DEFAULTS = {
    "name": "''",
    "files": "()",
    "media": "''",
    "text": "''",
    "sender": "''",
    "recipient": "''",
    "owner": "''",
}
"""What an expression may name in any event, whether it has it or not."""
TEXTS = {"service", "protocol", "stack", "client", "server", "transport", "account", "side"}
"""Those of them that are texts."""


def observed(kind: type[Event]) -> dict[str, str]:
    """Return the places of all that an event of a *kind* tells."""
    fields = {name: f"seen.event.{name}" for name in kind.__struct_fields__}
    # where an event has a field of the same name (a program called `client`), the flow's wins
    places = DEFAULTS | fields | {"program": fields.get("client", "''")} | OBSERVED
    if hasattr(kind, "account"):
        places["account"] = "(seen.event.account or seen.account)"
    return places


def speakers(places: Mapping[str, str]) -> list[str]:
    """Return those of the names that can hold an account."""
    return [name for name in ACCOUNTS if places.get(name) not in {None, DEFAULTS.get(name)}]
