"""The conversations that ship with the package: one a service, capability and way.

`tools/conversations.py` cuts them from the recordings in `examples/` and in the tests.
"""

from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from backchannel.prove import recording
from backchannel.prove.conversation import Conversation, unpack

FOLDER = "conversations"
SUFFIX = ".conversation"
Library = dict[tuple[str, str], tuple[Conversation, ...]]
"""By service and capability; each way of it (`direct oft`, `udp/4000`) is one conversation."""


def shipped() -> Library:
    """Return the conversations of the package by service and capability."""
    folder = files(__package__).joinpath(FOLDER)
    found = sorted(each.name for each in folder.iterdir() if each.name.endswith(SUFFIX))
    return by_use(unpack(folder.joinpath(name).read_bytes()) for name in found)


def of_captures(paths: Iterable[Path]) -> Library:
    """Return the conversations of the user's captures. Raises InputError and UsageError."""
    return by_use(recording.cut(*paths))


def by_use(conversations: Iterable[Conversation]) -> Library:
    """Return conversations by service and capability."""
    found: Library = {}
    for each in conversations:
        key = each.service, str(each.capability)
        found[key] = (*found.get(key, ()), each)
    return found


def file_name(conversation: Conversation) -> str:
    """Return the name of a conversation's file."""
    way = conversation.way.replace("/", "-").replace(" ", "-")
    return f"{conversation.service}.{conversation.capability}.{way}{SUFFIX}"
