"""What may be shown. Events go in, plain fields come out, private matter redacted.

Which fields are private is written in the events' types (`Secret`, `Content`), so a new event is
covered the day it is written.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_type_hints

import msgspec

from backchannel.events import Event, tag_of

REDACTED = "[redacted]"


class Disclosure(msgspec.Struct, frozen=True):
    """What the operator asked to see."""

    secrets: bool = False
    content: bool = False

    def hides(self, kind: str) -> bool:
        """Say whether matter of *kind* (`secret` or `content`) stays hidden."""
        return not (self.secrets if kind == "secret" else self.content)


@cache
def sensitive_fields(kind: type) -> dict[str, str]:
    """Return the private fields of an event class: name -> `secret` or `content`. A list of private
    texts is private as a whole.
    """
    found = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        for meta in _metadata(hint):
            if isinstance(meta, msgspec.Meta) and (extra := meta.extra):
                found[name] = str(extra["sensitive"])
    return found


def _metadata(hint: Any) -> Iterator[Any]:
    """Yield what a type is annotated with, at any depth: `tuple[Content, ...]`, `Secret | None`."""
    yield from getattr(hint, "__metadata__", ())
    for inner in get_args(hint):
        yield from _metadata(inner)


def redacted(value: Any) -> str | tuple[str, ...]:
    """Return what stands for a private *value*: a list of texts stays a list."""
    return (REDACTED,) if isinstance(value, tuple) else REDACTED


def shown(event: Event, disclosure: Disclosure) -> dict[str, Any]:
    """Return the event's tag and fields, private ones redacted unless asked for."""
    fields: dict[str, Any] = {"event": tag_of(type(event))}
    private = sensitive_fields(type(event))
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if value and name in private and disclosure.hides(private[name]):
            value = redacted(value)
        fields[name] = value
    capability = event.capability
    if capability is not None and "use" not in fields:
        fields["capability"] = capability
    return fields
