"""What decoders tell: one frozen value a fact, in the words of the domain.

Every protocol speaks this vocabulary, so that reports, findings and policy need to know no
protocol. A protocol adds an event of its own (in its folder's `events.py`, derived from `Event`)
only for what nothing here can say. Events hold no time, address pair or frame number: the engine
adds those.

Private matter is typed, not remembered: `Secret` (passwords, hashes, cookies, keys) and
`Content` (message text, profiles) are redacted by every sink unless the operator asks.
"""

from functools import cache
from typing import Annotated, ClassVar, Literal

import msgspec

from backchannel.model import Capability

Secret = Annotated[str, msgspec.Meta(extra={"sensitive": "secret"})]
"""Passwords, password hashes, cookies and keys; shown only with `--secrets`."""
Content = Annotated[str, msgspec.Meta(extra={"sensitive": "content"})]
"""Text of messages and profiles; shown only with `--content`."""


def _tag(name: str) -> str:
    """`InstantMessage` -> `instant-message`."""
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in name).lstrip("-")


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="event", tag=_tag):
    """The base of all events. `capability` says which ability of the service was used.

    Their fields hold facts and lead nowhere, so that Python need not look for cycles among them.
    """

    CAPABILITY: ClassVar[Capability | None] = None
    PROTOCOL: ClassVar[str] = ""
    """Set where the event speaks of another protocol than its flow's (ESP inside IKE's UDP)."""

    @property
    def capability(self) -> Capability | None:
        """The ability that this event shows in use; None where it shows none."""
        return self.CAPABILITY


@cache
def tag_of(kind: type[Event]) -> str:
    """Return the word that stands for a *kind* of event in outputs and rules: `sign-on`."""
    return str(kind.__struct_config__.tag)


# -- what the monitor itself could not see -----------------------------------------------------


class Malformed(Event, frozen=True, kw_only=True):
    """Bytes broke the protocol. A broken body costs one message; lost framing costs the side."""

    reason: str


class Gap(Event, frozen=True, kw_only=True):
    """*size* bytes of this side were never seen."""

    size: int


class Anomaly(Event, frozen=True, kw_only=True):
    """Well framed, but not what an honest program sends: an exploit's shape, a replay, abuse."""

    kind: str
    """Kebab-case and permanent, such as `oversized-game-request` or `sequence-jump`."""
    detail: str = ""


# -- who ---------------------------------------------------------------------------------------


class LoginOffer(Event, frozen=True, kw_only=True):
    """A server says how one may log in, to somebody who has not yet."""

    methods: tuple[str, ...] = ()
    """As the protocol names them: SASL's mechanisms, `stun-long-term`, `jabber-register` for who
    makes an account by itself."""
    realm: str = ""
    """Whose accounts they are: a domain, a realm, the server's own name."""
    tls: Literal["", "offered", "required"] = ""
    """Whether TLS may, or must, begin on this connection first."""


class SignOn(Event, frozen=True, kw_only=True):
    """Somebody asks to be let in."""

    CAPABILITY = Capability.LOGIN
    account: str
    method: str = ""
    """How it is proved: `roasted-password`, `md5-challenge`, `cookie`, `token`, `plain` ..."""
    client: str = ""
    """The program that signs on, and its version, where it says so."""
    version: str = ""


class Credential(Event, frozen=True, kw_only=True):
    """A login secret was sent in a form that an eavesdropper can use."""

    CAPABILITY = Capability.LOGIN
    account: str
    kind: Literal["plain", "recoverable", "hash", "token"]
    """plain: in the clear; recoverable: without guessing; hash: can be guessed offline;
    token: replayable."""
    scheme: str
    """How it was protected, such as `oscar-roast`, `oscar-md5`, `msn-md5`, `socks5-userpass`."""
    secret: Secret = ""
    """The password, or the response, hash or token in hexadecimal or as sent."""
    salt: Secret = ""
    """What is needed beside the secret to test a guess: the challenge, as sent."""


class SignOnAnswer(Event, frozen=True, kw_only=True):
    """The service lets somebody in or refuses."""

    CAPABILITY = Capability.LOGIN
    account: str
    accepted: bool
    reason: str = ""
    """Why, in words or as the protocol puts it."""


class SignOff(Event, frozen=True, kw_only=True):
    """A session ended, by its user or by the service."""

    account: str
    reason: str = ""


class Software(Event, frozen=True, kw_only=True):
    """A program names itself."""

    name: str
    version: str = ""
    role: Literal["client", "server", "peer"] = "client"
    account: str = ""


class Profile(Event, frozen=True, kw_only=True):
    """What somebody tells about themselves: nickname, mail address, profile text."""

    CAPABILITY = Capability.PRESENCE
    account: str
    nickname: str = ""
    text: Content = ""


class Contact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of a contact list."""

    account: str
    nickname: str = ""
    group: str = ""
    blocked: bool = False
    lists: tuple[str, ...] = ()
    """Where a service keeps several lists: `forward`, `allow`, `block`, `reverse`, `pending`."""


class Contacts(Event, frozen=True, kw_only=True):
    """Entries of *owner*'s contact list, as stored, added or removed."""

    CAPABILITY = Capability.PRESENCE
    owner: str
    change: Literal["list", "add", "remove"] = "list"
    entries: tuple[Contact, ...] = ()


class Presence(Event, frozen=True, kw_only=True):
    """Somebody is online, away, idle or gone."""

    CAPABILITY = Capability.PRESENCE
    account: str
    status: str
    """`online`, `away`, `busy`, `idle`, `invisible`, `offline` or the protocol's own word."""
    text: Content = ""
    idle: int = 0
    """Seconds idle, where told."""


# -- what they say -----------------------------------------------------------------------------


class Message(Event, frozen=True, kw_only=True):
    """A message from one account to another, or to a room. An empty name means not told here."""

    CAPABILITY = Capability.MESSAGE
    sender: str
    recipient: str
    text: Content = ""
    kind: str = "text"
    """`text`, `auto-response`, `offline`, `url`, `contacts`, `authorization`, `sms`, `nudge` ..."""
    room: str = ""
    size: int = 0
    """Characters of text, which stays when the text is redacted."""
    markup: Content = ""
    """The text as sent, where it carries markup (HTML, RTF) that *text* leaves out."""


class Typing(Event, frozen=True, kw_only=True):
    """Somebody is, or is no longer, writing."""

    CAPABILITY = Capability.MESSAGE
    sender: str
    recipient: str
    active: bool = True


class Room(Event, frozen=True, kw_only=True):
    """Somebody opens, joins or leaves a chat room or conference, or invites to it."""

    CAPABILITY = Capability.MESSAGE
    room: str
    action: Literal["create", "join", "leave", "invite", "decline"]
    account: str = ""
    others: tuple[str, ...] = ()
    """Other accounts that it concerns, such as those invited."""


class Warned(Event, frozen=True, kw_only=True):
    """One account complains about another (AIM's warnings)."""

    account: str
    """Who is complained about."""
    level: int = 0
    """Percent, after the complaint; 0 where not told."""
    by: str = ""
    """Who complains; empty where not told or anonymous."""


# -- what they offer each other ----------------------------------------------------------------


class _WithCapability(Event, frozen=True, kw_only=True):
    use: Capability
    """Which ability is meant."""

    @property
    def capability(self) -> Capability:
        """The ability named by the event itself."""
        return self.use


class Offer(_WithCapability, frozen=True, kw_only=True):
    """An invitation: a file, a call, a game, a shared program, a direct connection."""

    sender: str
    recipient: str
    id: str = ""
    """The protocol's own identifier of the invitation; answers repeat it."""
    name: str = ""
    """Declared name of the file, game or application."""
    size: int = 0
    """Declared size in bytes; 0 where not told."""
    count: int = 1
    """How many files it offers."""
    detail: str = ""
    note: Content = ""
    """What the sender writes beside it."""


class OfferAnswer(_WithCapability, frozen=True, kw_only=True):
    """An invitation is accepted, declined or withdrawn."""

    sender: str
    recipient: str
    id: str = ""
    accepted: bool
    reason: str = ""
    note: Content = ""
    """What the one who answers writes beside it."""


class PeerAddress(_WithCapability, frozen=True, kw_only=True):
    """A protocol disclosed somebody's address to somebody else."""

    account: str
    """Whose address it is."""
    address: str
    port: int = 0
    """0 where not told."""
    transport: Literal["tcp", "udp"] = "tcp"
    how: str = ""
    """In which message: `rendezvous`, `contact-online`, `invitation`, `query-hit` ..."""


class Transfer(_WithCapability, frozen=True, kw_only=True):
    """A file was transferred. The engine adds size seen and hashes to what was declared."""

    sender: str
    recipient: str
    name: str
    size: int
    """Declared size in bytes."""
    seen: int
    """Bytes of it that the capture holds."""
    complete: bool
    sha256: str = ""
    """Of the whole file; empty when parts are missing."""
    verified: bool | None = None
    """Whether the protocol's own checksum or hash agrees; None where there is none to check."""
    media: str = ""
    """What the first bytes say it is, such as `image/png` or `application/x-dosexec`."""
    id: str = ""
    """The protocol's own identifier, as in the `Offer` that arranged it."""


class SharedFile(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One file that somebody shares or that a search found."""

    name: str
    size: int = 0
    """Bytes; 0 where not told."""
    hash: str = ""
    """As the protocol has it."""
    detail: str = ""


class Share(Event, frozen=True, kw_only=True):
    """Files that *owner* offers to others: a listing or an announcement."""

    CAPABILITY = Capability.FILE_SHARING
    owner: str
    files: tuple[SharedFile, ...] = ()
    total: int = 0
    """How many files the owner says there are, where that is more than are listed."""


class Search(Event, frozen=True, kw_only=True):
    """Somebody looks for something."""

    CAPABILITY = Capability.SEARCH
    text: str
    id: str = ""
    """The protocol's own identifier of the search; hits repeat it."""
    account: str = ""
    detail: str = ""
    """What else it asks for or says: kinds of files, flags, how far it has travelled."""


class SearchHit(Event, frozen=True, kw_only=True):
    """Somebody has what was looked for."""

    CAPABILITY = Capability.SEARCH
    owner: str
    address: str = ""
    port: int = 0
    id: str = ""
    files: tuple[SharedFile, ...] = ()
    detail: str = ""
    """What the owner says of itself: program, busy, behind a firewall."""


class Download(Event, frozen=True, kw_only=True):
    """A request for a shared file."""

    CAPABILITY = Capability.FILE_SHARING
    name: str
    account: str = ""
    hash: str = ""
    first: int = 0
    last: int | None = None
    """Byte range asked for; None means to the end."""


class Peer(Event, frozen=True, kw_only=True):
    """A member of a peer-to-peer network, as told by another."""

    address: str
    port: int
    role: str = ""
    software: str = ""
    files: int = 0
    kilobytes: int = 0


MENTIONS = PeerAddress, Peer
"""They tell where something could be had, and use nothing."""


# -- tunnels, proxies and names ----------------------------------------------------------------


class ProxyRequest(Event, frozen=True, kw_only=True):
    """A client asks a proxy to connect somewhere."""

    CAPABILITY = Capability.TUNNEL
    scheme: str
    """`socks4`, `socks4a`, `socks5`, `http-connect` or `http`."""
    command: str
    """What it asks for, such as `connect`, `bind`, `udp-associate` or an HTTP method."""
    host: str
    port: int
    user: str = ""


class ProxyAnswer(Event, frozen=True, kw_only=True):
    """What the proxy said to it."""

    CAPABILITY = Capability.TUNNEL
    scheme: str
    accepted: bool
    code: str
    """The proxy's answer by name or number."""
    address: str = ""
    """Address and port that the proxy names; for a BIND, where it listens."""
    port: int = 0
    asked_host: str = ""
    """Where the client had asked to be led; empty where that was not captured."""
    asked_port: int = 0


class NameLearned(Event, frozen=True, kw_only=True):
    """A name for addresses (DNS), or the name a client asked for (SNI, Host) or a
    server showed (certificate).
    """

    name: str
    addresses: tuple[str, ...] = ()
    how: Literal["dns", "sni", "host", "certificate"] = "dns"
