"""What an answer says besides whose it is: the decoders' events as short lines.

No event is known here by more than its name: fields are told as they are, private ones redacted.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from backchannel.engine.observation import Observation
from backchannel.events import Software
from backchannel.privacy import Disclosure, shown
from backchannel.text import escape

LINES = 16
"""Lines of one answer."""
LONGEST = 160
"""Characters of a line."""
FEW = 4
"""Entries of a list that are told one by one."""
HIDDEN = Disclosure()
_PASSED_OVER = frozenset(
    {"software", "name-learned", "ike-message", "tls-hello", "malformed", "gap"}
)
"""Events that are told elsewhere, or say what the first line of a row says."""
_OURS = frozenset(
    {
        *(
            "event",
            "capability",
            "initiator_spi",
            "responder_spi",
            "version",
            "sender",
            "message_id",
        ),
        *("hashes", "asked_host", "asked_port", "number", "size", "frame", "id", "spi", "use"),
    }
)
"""Fields that say nothing of who answered."""


def software(events: Iterable[Observation]) -> tuple[str, ...]:
    """Return the programs that answers name, each once."""
    named = (_named(each.event) for each in events if isinstance(each.event, Software))
    return tuple(dict.fromkeys(escape(each)[:LONGEST] for each in named))


def _named(program: Software) -> str:
    """Return name and version; some say their name in their version, too."""
    if program.name and program.version.casefold().startswith(program.name.casefold()):
        return program.version
    return f"{program.name} {program.version}".strip()


def told(events: Iterable[Observation]) -> tuple[str, ...]:
    """Return what else they say, each once."""
    lines = dict.fromkeys(line for each in events for line in _line(each))
    return tuple(lines)[:LINES]


def _line(seen: Observation) -> Iterator[str]:
    fields = shown(seen.event, HIDDEN)
    name = str(fields["event"])
    if name in _PASSED_OVER or (name == "ike-notify" and not fields["error"]):
        return  # of IKE's notifications most say what the sender is able to
    words = [
        f"{key.replace('_', ' ')} {_word(value)}"
        for key, value in fields.items()
        if key not in _OURS and value not in ("", None, (), 0, False) and _word(value)
    ]
    if words:
        line = escape(f"{name.replace('-', ' ')}: {', '.join(words)}")
        yield line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _word(value: Any) -> str:
    """Return a field in few words."""
    if value is True:
        return "yes"
    if isinstance(value, tuple):
        shown_ones = [_word(each) for each in value[:FEW]]
        more = len(value) - FEW
        return " / ".join(shown_ones) + (f" and {more} more" if more > 0 else "")
    if isinstance(value, msgspec.Struct):
        name = getattr(value, "name", "") or getattr(value, "account", "")
        bits = getattr(value, "bits", 0)
        inner = getattr(value, "algorithms", ())
        if inner:
            return " ".join(_word(each) for each in inner)
        return f"{name} {bits}" if bits else str(name)
    return str(value)
