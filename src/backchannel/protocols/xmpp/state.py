"""What one stream remembers: whose it is, what was asked, and what was told. Bounded."""

import hashlib
from collections.abc import Callable

import msgspec

from backchannel.model import Side
from backchannel.protocols import Output, Start
from backchannel.protocols.bounded import remember
from backchannel.protocols.xmpp.elements import Element
from backchannel.protocols.xmpp.names import MAX_JID, bare

ASKED = 128
SAID = 2048
SENT = 64
ACCOUNTS, RESOURCES = 1024, 4
SHORT = 64
"""Characters of a name or text that are remembered as they are; of longer ones a hash is."""


Answered = Callable[[Element, bool], list[Output]]
"""Given the answer to an iq, and whether it is a result and no error."""


class Stream(msgspec.Struct):
    """What the streams' headers say."""

    content: str = "jabber:client"
    """The namespace of stanzas: of a client, a server or a component."""
    id: str = ""
    """The server's identifier of the stream, which old logins are salted with."""
    to: str = ""
    """The domain that the client asks for."""
    told: str = ""
    """The domain that the server says it is."""
    by: str = ""
    """Who opened it, where told: the calling server."""


class State:
    """One connection. Handlers read and change it; it decides nothing by itself."""

    def __init__(self, start: Start) -> None:
        self.start = start
        self.stream = Stream()
        self.account = ""
        """Whose connection it is, without resource."""
        self.full = ""
        """The same with its resource, once known."""
        self.amid = False
        """Whether parts came of something that began before the stream was met."""
        self._asked: dict[tuple[Side, str, str], Answered] = {}
        """By who asks, the question's id, and who is asked."""
        self._said: dict[tuple[str, str], str] = {}
        """What was told last about whom."""
        self._online: dict[str, set[str]] = {}
        """Accounts, and with which addresses they are online."""
        self._sent: dict[tuple[str, str], None] = {}
        self._heard: dict[int, None] = {}

    def ask(self, side: Side, stanza: Element, answered: Answered) -> None:
        """Remember what to do with the answer to an iq."""
        key = side, stanza.get("id")[:128], self._other(side, stanza)
        remember(self._asked, key, answered, ASKED)

    def answer(self, side: Side, stanza: Element) -> Answered | None:
        """Return, and forget, what waits for an answer that *side* gives: of who was asked, or of
        the server itself (RFC 6120 §8.1.2.1). Who guesses an id answers nothing (CVE-2013-6483).
        """
        name, who = stanza.get("id")[:128], self._other(side, stanza)
        asked = self._asked.pop((side.other, name, who), None)
        if asked is None and not who:
            keys = [key for key in self._asked if key[:2] == (side.other, name)]
            asked = self._asked.pop(keys[0]) if keys else None
        return asked

    def changed(self, about: str, who: str, text: str) -> bool:
        """Note what is said of somebody; return whether it is new."""
        key, text = (about, _short(who)), _short(text)
        known = self._said.get(key)
        if known == text:
            return False
        remember(self._said, key, text, SAID)
        return bool(text) or known is not None

    def note(self, message: tuple[str, str, str]) -> None:
        """Remember a message: who sent it, its id and what it said."""
        remember(self._heard, hash(message), None, SAID)

    def heard(self, message: tuple[str, str, str]) -> bool:
        """Return whether a message was told before, which an archive repeats."""
        return hash(message) in self._heard

    def sent(self, room: str, stanza: Element) -> None:
        """Remember a message to a room, which the room will repeat to everybody."""
        if name := stanza.get("id"):
            remember(self._sent, (room, name[:128]), None, SENT)

    def echoed(self, room: str, stanza: Element) -> bool:
        """Return whether a room repeats what was sent to it from here."""
        key = room, stanza.get("id")[:128]
        if key not in self._sent:
            return False
        del self._sent[key]
        return True

    def own(self, stanza: Element) -> bool:
        """Return whether the server sent a stanza itself, as far as it is known whose stream it is,
        and did not pass it on.
        """
        return not self.account or not self._other(Side.SERVER, stanza)

    def _other(self, side: Side, stanza: Element) -> str:
        """Return with whom the client talks in a stanza; empty for its own server."""
        other = bare(stanza.get("to" if side is Side.CLIENT else "from"))
        own = other in {self.account, self.account.partition("@")[2], bare(self.stream.to)}
        return "" if own else other

    def seen(self, full: str, *, here: bool) -> None:
        """Note that one of an account's programs is online, or no longer."""
        account, full = _short(bare(full)), _short(full)
        known = self._online.get(account)
        if known is None:
            known = set()
            remember(self._online, account, known, ACCOUNTS)
        if not here:
            known.discard(full)
        elif len(known) < RESOURCES:
            known.add(full)

    def elsewhere(self, full: str) -> bool:
        """Return whether an account is online with another program."""
        return bool(self._online.get(_short(bare(full))))

    # -- who ---------------------------------------------------------------------------------------

    def meet(self, full: str, account: str = "") -> None:
        """Learn whose connection it is."""
        self.full = full[:MAX_JID]
        self.account = account or bare(self.full)

    def sender(self, side: Side, stanza: Element) -> str:
        """Return the full address of who sends a stanza; servers add it to what clients send."""
        if given := stanza.get("from")[:MAX_JID]:
            return given
        if side is Side.CLIENT:
            return self.full or self.account
        return self.account

    def recipient(self, side: Side, stanza: Element) -> str:
        """Return the full address that a stanza is for; without one it is the client's own."""
        if given := stanza.get("to")[:MAX_JID]:
            return given
        return self.account if side is Side.CLIENT else self.full or self.account


class Parties(msgspec.Struct, frozen=True):
    """Who says something to whom: full addresses, and accounts."""

    source: str
    target: str
    peer: str = ""
    """The account that our client talks with; between servers, both."""
    comes: str = ""
    """Address of who will connect to what the source tells of: our client's, where somebody else
    tells it; empty where that is not known."""

    def opener(self, address: str) -> str:
        """Return the address from which *address* will be connected to; empty for anybody's, as of
        a client that talks over another version of IP.
        """
        return self.comes if (":" in self.comes) == (":" in address) else ""

    @property
    def sender(self) -> str:
        """The account that says it."""
        return bare(self.source)

    @property
    def recipient(self) -> str:
        """The account that it is for."""
        return bare(self.target)


def parties(state: State, side: Side, stanza: Element) -> Parties:
    """Return who takes part in a stanza."""
    source, target = state.sender(side, stanza), state.recipient(side, stanza)
    if state.stream.content != "jabber:client":
        return Parties(source, target, " ".join(sorted((bare(source), bare(target)))))
    if side is Side.CLIENT:
        return Parties(source, target, bare(target))
    return Parties(source, target, bare(source), state.start.client.address)


def _short(text: str) -> str:
    """Return what stands for a text in a table, to be compared only."""
    if len(text) <= SHORT:
        return text
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
