r"""ADC's messages. Bytes in, values out.

    BINF AAAB NIbob DEa\sword ...     a line of words: who may hear it and what it is, four letters;
                                      then who says it, to whom, and parameters
    B and F: all, or some, of a hub   D and E: one (E: the sender too)   I: from the hub
    H: to the hub   C: between clients   U: by UDP, from a client's long id

A hub names users by short ids of four letters. `\s`, `\n` and `\\` are escapes.
"""

from typing import NamedTuple

from backchannel.patterns import later
from backchannel.reader import WireError
from backchannel.text import utf8

WORDS = 256
_HEAD = later(rb"([BCDEFHIU])([A-Z][A-Z0-9]{2})(?: |$)")
_SID = later(r"[A-Z2-7]{4}$")
_CID = later(r"[A-Z2-7]{39}$")
_SENT_BY_USER = frozenset("BDEF")


class Message(NamedTuple):
    """One line."""

    way: str
    """Who may hear it: the first letter."""
    name: str
    sender: str
    """A user's short id, or by UDP the long one; empty where the line has none."""
    target: str
    words: tuple[str, ...]

    def get(self, key: str, default: str = "") -> str:
        """Return the first parameter named *key*."""
        return next((word[2:] for word in self.words if word[:2] == key), default)

    def all(self, key: str) -> list[str]:
        """Return all parameters named *key*."""
        return [word[2:] for word in self.words if word[:2] == key]


def read(raw: bytes) -> Message:
    """Return the message in a line. Raises WireError where it is none."""
    found = _HEAD.match(raw)
    if found is None:
        raise WireError("not a line of ADC")
    way, name = found[1].decode(), found[2].decode()
    words = utf8(raw[found.end() :]).split(" ")[:WORDS]
    sender = target = ""
    if way in _SENT_BY_USER:
        sender = _taken(words, _SID)
        if way in "DE":
            target = _taken(words, _SID)
        elif way == "F" and words and words[0][:1] in ("+", "-"):
            words.pop(0)  # what those who hear it must have
    elif way == "U":
        sender = _taken(words, _CID)
    return Message(way, name, sender, target, tuple(map(plain, words)))


def _taken(words: list[str], pattern: object) -> str:
    if not words or not pattern.match(words[0]):  # type: ignore[attr-defined]
        raise WireError("no id of a user")
    return words.pop(0)


def plain(word: str) -> str:
    """Return a word without escapes."""
    if "\\" not in word:
        return word
    parts = word.split("\\\\")
    return "\\".join(part.replace("\\s", " ").replace("\\n", "\n") for part in parts)
