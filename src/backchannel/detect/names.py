"""What an expression of a rule may name, and where that is found in what the rule looks at.

A place is a piece of Python over `seen`, an `Observation` or an `Ended`, in brackets where it needs
them: it is put into the expression instead of the name.
"""

from typing import Any, Literal, NamedTuple, get_args, get_origin

from backchannel.events import Event, tag_of

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
    "flipped": "seen.flipped",
    "target": "(str(seen.target) if seen.target else '')",
}
"""What is known of every event beside its fields."""
ENDED = ANY | {
    "capability": "''",
    "bytes": "seen.octets",
    "seconds": "((seen.last - seen.first) / 1e9)",
    "confidence": "seen.confidence.name.lower()",
    "depth": "seen.depth",
    "tied": "seen.tied",
    "target": "((str(seen.target) or 'a target not seen') if seen.target else '')",
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
TEXTS = {
    "service",
    "protocol",
    "stack",
    "client",
    "server",
    "transport",
    "account",
    "side",
    "confidence",
}
"""Those of them that are texts."""
FEW = frozenset(
    {
        *("service", "protocol", "transport", "depth", "flipped"),
        *("accepted", "action", "chosen", "final", "how", "kind", "method", "scheme", "stage"),
        *("state", "use"),
    }
)
"""Names that have few values, words of ours and numbers of a few: a rule that asks for one of them
is asked once for all events that have the same.
"""
ACCOUNTS = "account", "sender", "recipient", "owner"
"""Names that can hold an account."""
PERSONS = *ACCOUNTS, "peer"
"""Names of which an empty one is said to be somebody."""


def observed(kind: type[Event]) -> dict[str, str]:
    """Return the places of all that an event of a *kind* tells."""
    fields = {name: f"seen.event.{name}" for name in kind.__struct_fields__}
    # where an event has a field of the same name (a program called `client`), the flow's wins
    places = DEFAULTS | fields | {"program": fields.get("client", "''")} | OBSERVED
    if hasattr(kind, "account"):
        places["account"] = "(seen.event.account or seen.account)"
    return places


class Vocabulary(NamedTuple):
    """What rules may name in one kind of event, or in streams that ended."""

    tag: str
    places: dict[str, str]
    texts: set[str]
    """Names that are texts."""
    speakers: tuple[str, ...]
    """Names that hold an account."""


NONE = Vocabulary("", ANY, TEXTS, ())
"""Of what no rule looks at."""


def tag(kind: type) -> str:
    """Return the word by which rules know a *kind* of event, or streams that ended."""
    return tag_of(kind) if issubclass(kind, Event) else "stream"


def vocabulary(kind: type) -> Vocabulary:
    """Return that of a *kind* of event; of any other type, that of `Ended`."""
    if not issubclass(kind, Event):
        return Vocabulary(tag(kind), ENDED, TEXTS, ("account",))
    fields = {name: _annotation(kind, name) for name in kind.__struct_fields__}
    texts = {name for name, annotation in fields.items() if _is_text(annotation)}
    # the sender of an IKE message is no account, but a word for an end of the tunnel
    speakers = ("account", *[name for name in ACCOUNTS[1:] if fields.get(name) is str])
    return Vocabulary(tag(kind), observed(kind), TEXTS | texts, speakers)


def _is_text(annotation: Any) -> bool:
    """Say whether a field can hold nothing but a text."""
    words = get_args(annotation) if get_origin(annotation) is Literal else ()
    return annotation is str or (bool(words) and all(isinstance(word, str) for word in words))


def _annotation(kind: type, name: str) -> Any:
    """Return what a field is said to be; None where there is no such field."""
    told = (vars(base).get("__annotations__", {}) for base in kind.__mro__)
    return next((fields[name] for fields in told if name in fields), None)
