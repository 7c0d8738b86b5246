"""Every kind of event that there is, by its tag."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from backchannel import events, protocols
from backchannel.detect import events as added
from backchannel.events import Event, tag_of


@cache
def event_types() -> tuple[type[Event], ...]:
    """Return every kind of event. A class whose name begins with `_` is only a base of others."""
    modules = [events, added]
    for name in protocols.load():
        own = f"{protocols.__name__}.{name.replace('-', '_')}.events"
        if find_spec(own):
            modules.append(import_module(own))
    kinds = {
        value: None
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Event) and value is not Event
        if not name.startswith("_")
    }
    return tuple(kinds)


@cache
def kinds() -> dict[str, type[Event]]:
    """Return those by tag."""
    return {tag_of(kind): kind for kind in event_types()}
