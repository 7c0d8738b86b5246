"""What one IRC connection remembers. Every table has a bound beside it."""

from collections import OrderedDict
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Literal

import msgspec

from backchannel.effects import Spoken
from backchannel.events import Credential, LoginOffer, PeerAddress, SignOn
from backchannel.model import Capability, Side
from backchannel.protocols import Output, Start
from backchannel.protocols.irc.context import DccOffer
from backchannel.protocols.irc.wire import fold

ADDRESSES = 512
"""People whose address was told."""
SENT = 64
"""Latest texts of our client, by which the server's echo of them is known."""
OFFERS = 64
PEOPLE = 256
"""People whose presence is remembered, so that it is not told again."""
MESSAGES = 1024
"""Messages with an id of which it is remembered that they were told."""
BATCHES = 16
CUT = 256
"""Characters of an echo that may be a longer text's beginning: servers cut at 512 bytes."""
NAME = 128
"""Characters that are kept of a name."""
SECRET = 512
CHANNELS = "#&+!"
STATUSES = "~&@%+"


class Sasl(msgspec.Struct):
    """An exchange of AUTHENTICATE lines."""

    mechanism: str = ""
    account: str = ""
    challenge: str = ""
    """What the server sent, as it sent it."""
    first: str = ""
    """The client's first message, without its header."""
    parts: dict[int, str] = msgspec.field(default_factory=dict)
    """Base64 that goes on in the next line, by side."""


class Place(msgspec.Struct, frozen=True):
    """Where somebody listens, as told."""

    address: str
    """Empty where none was told."""
    port: int


class State:
    """Who our client is, and what was told already."""

    def __init__(self, start: Start) -> None:
        self.address = start.client.address
        self.midway = not start.begun
        """Whether offers may have come before."""
        self.nick = ""
        self.user = ""
        self.password = ""
        """Of PASS, until it is known whose it is."""
        self.network = ""
        self.signed = self.welcomed = self.gone = self.bouncer = False
        self.channels = CHANNELS
        """Characters with which names of channels begin."""
        self.sasl = Sasl()
        self.oper = ""
        self.tls = False
        """TLS follows: STARTTLS was granted."""
        self.abilities: dict[str, str] = {}
        """What the server's lines say of logins, until the last one."""
        self.offered: LoginOffer | None = None
        """The latest that was told."""
        self.watched: frozenset[str] = frozenset()
        self.offers: OrderedDict[tuple[str, str], tuple[DccOffer, Place]] = OrderedDict()
        """By who offers and the offer's id."""
        self._presence: OrderedDict[str, str] = OrderedDict()
        self._addresses: set[tuple[str, str]] = set()
        self._sent: OrderedDict[tuple[str, str], str] = OrderedDict()
        """Labels of what was said (IRCv3 labeled-response), by target and text."""
        self._told: OrderedDict[tuple[str, int], None] = OrderedDict()
        """Ids of messages (IRCv3 message-ids), and hashes of their texts."""
        self._typing: OrderedDict[tuple[str, str], None] = OrderedDict()
        """Who is writing to whom."""
        self.past: OrderedDict[str, None] = OrderedDict()
        """Batches under way that repeat what was said before."""

    # -- names ---------------------------------------------------------------------------------

    def meet(self, told: str) -> None:
        """Learn our client's name from whom a numeric is for, in a flow joined midway."""
        if not self.nick and told not in ("", "*") and not self.channel(told):
            self.nick, self.signed, self.welcomed = told[:NAME], True, True

    def mine(self, nick: str) -> bool:
        """Whether a name is our client's."""
        return bool(self.nick) and fold(nick) == fold(self.nick)

    def channel(self, target: str) -> str:
        """Return the channel that a target names, or ''."""
        if target[:1] in STATUSES and target[1:2] and target[1:2] in self.channels:
            target = target[1:]
        return target[:NAME] if target and target[0] in self.channels else ""

    # -- what was told already -----------------------------------------------------------------

    def present(self, nick: str, status: str) -> bool:
        """Note somebody's *status*; say whether it is news."""
        key = fold(nick[:NAME])
        if self._presence.get(key, "online") == status:
            return False
        self._presence[key] = status
        if len(self._presence) > PEOPLE:
            self._presence.popitem(last=False)
        return True

    def address_of(
        self, nick: str, host: str, how: str, use: Capability = Capability.PRESENCE
    ) -> Iterator[Output]:
        """Tell a person's address, once, where a host is one."""
        address = literal(host)
        key = fold(nick[:NAME]), address
        if not address or key in self._addresses or len(self._addresses) >= ADDRESSES:
            return
        self._addresses.add(key)
        yield PeerAddress(use=use, account=nick[:NAME], address=address, how=how)

    def note_sent(self, target: str, text: str, label: str) -> None:
        """Remember what our client said."""
        self._sent[fold(target), text] = label[:NAME]
        if len(self._sent) > SENT:
            self._sent.popitem(last=False)

    def echoed(self, target: str, text: str, label: str) -> bool:
        """Say whether our client said this, and forget it. The server may have changed the text,
        and have cut it.
        """
        target = fold(target)
        if self._sent.pop((target, text), None) is not None:
            return True
        for key, known in self._sent.items():
            cut = key[0] == target and len(text) >= CUT and key[1].startswith(text)
            if cut or (label and known == label):
                del self._sent[key]
                return True
        return False

    def again(self, name: str, text: str) -> bool:
        """Say whether this text was told before under this id. Servers choose ids, and so nothing
        is hidden by one alone.
        """
        if not name:
            return False
        key = name[:NAME], hash(text)
        if key in self._told:
            return True
        self._told[key] = None
        if len(self._told) > MESSAGES:
            self._told.popitem(last=False)
        return False

    def writes(self, sender: str, target: str, *, active: bool) -> bool:
        """Note whether somebody is writing; say whether it is news."""
        if not active and not self._typing:
            return False
        key = fold(sender[:NAME]), fold(target[:NAME])
        if active is (key in self._typing):
            return False
        if active:
            self._typing[key] = None
            if len(self._typing) > PEOPLE:
                self._typing.popitem(last=False)
        else:
            del self._typing[key]
        return True

    # -- secrets -------------------------------------------------------------------------------

    def sign_on(self) -> Iterator[Output]:
        """Tell who signs on, and with what password."""
        if not self.signed and not self.sasl.account:  # else the account is more than a name
            self.signed = True
            yield SignOn(account=self.nick, method="plain" if self.password else "nickname")
        yield from self.server_password()

    def signed_on(self) -> Iterator[Output]:
        """The same, where the server answers what the client did not say in full: not all servers
        want USER, and a capture may begin behind it.
        """
        if told := list(self.sign_on()):
            yield from (Spoken(side=Side.CLIENT), *told, Spoken(side=Side.SERVER))

    def server_password(self) -> Iterator[Output]:
        """Tell the password of PASS as soon as it is known whose it is, or will not be."""
        secret, self.password = self.password, ""
        if not secret:
            return
        kind: Literal["token", "plain"] = "token" if secret.startswith("oauth:") else "plain"
        yield Credential(account=self.nick, kind=kind, scheme="irc-pass", secret=secret)


def literal(host: str) -> str:
    """Return a host in the normal form of addresses; '' where it is a name."""
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return ""
