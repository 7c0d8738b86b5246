"""Our own typed events as JSON lines (`--events`), one observation a line, keys in order.

A kind of event has the same keys each time, so it gets a struct whose fields are the keys of its
line: filling one in takes less than half of what a dictionary takes to be made and sorted.
"""

from collections.abc import Callable
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

import msgspec

from backchannel.engine.observation import FlowInfo, Observation
from backchannel.events import Event
from backchannel.model import Confidence, Endpoint, Side
from backchannel.privacy import REDACTED, Disclosure, sensitive_fields
from backchannel.when import rfc3339

FLOWS = 1024
"""Flows whose text is remembered."""
_CONFIDENCE = {each: each.word for each in Confidence}
_SIDES = {each: each.name.lower() for each in Side}
_ENCODE = msgspec.json.Encoder(order="deterministic").encode


def line(seen: Observation, disclosure: Disclosure) -> bytes:
    """Return the observation as one line of JSON, newline included."""
    return _ENCODE(_writer(type(seen.event), disclosure)(seen)) + b"\n"


@lru_cache(maxsize=FLOWS)
def _flow(info: FlowInfo, target: Endpoint | None) -> msgspec.Raw:
    """Return a flow's identity, encoded."""
    told = {
        "serial": info.serial,
        "transport": info.transport,
        "client": str(info.client),
        "server": str(info.server),
        "community_id": info.community_id,
        **({"vlans": info.vlans} if info.vlans else {}),
        **({"tunnel": info.tunnel} if info.tunnel else {}),
        **({"target": str(target)} if target else {}),
    }
    return msgspec.Raw(_ENCODE(told))


_PLACE = {name: name for name in ("time", "frame", "service", "protocol", "stack", "account")}
"""Where and when, as an observation has it."""
_WRITTEN: dict[str, Callable[[Observation], object]] = {
    "time": lambda seen: rfc3339(seen.time),
    "confidence": lambda seen: _CONFIDENCE[seen.confidence],
    "side": lambda seen: _SIDES[seen.side],
    "flow": lambda seen: _flow(seen.flow, seen.target),
}
"""What is written otherwise than an observation has it."""


@cache
def _writer(kind: type[Event], disclosure: Disclosure) -> Callable[[Observation], msgspec.Struct]:
    """Return what makes a line of an event of that *kind*, private fields redacted."""
    fields = kind.__struct_fields__
    paths = _PLACE | dict.fromkeys(_WRITTEN, "time") | {"event": "event.__struct_config__.tag"}
    paths |= {name: f"event.{name}" for name in fields}  # before an observation's own
    if kind.CAPABILITY is not None and "use" not in fields:
        paths["capability"] = "event.CAPABILITY"
    names = sorted(paths)
    look_up = attrgetter(*(paths[name] for name in names))
    fill_in = msgspec.defstruct("Line", names)
    written = [(names.index(name), _WRITTEN[name]) for name in _WRITTEN if name not in fields]
    private = sensitive_fields(kind).items()
    hidden = [names.index(name) for name, matter in private if disclosure.hides(matter)]

    def write(seen: Observation) -> msgspec.Struct:
        values: list[Any] = list(look_up(seen))
        for at, form in written:
            values[at] = form(seen)
        for at in hidden:
            if values[at]:
                values[at] = REDACTED
        return fill_in(*values)

    return write
