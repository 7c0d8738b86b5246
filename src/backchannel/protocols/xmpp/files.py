"""Files: who offers which, and the bytes of those that come through the stream itself.

    SI      (XEP-0095, 0096) an offer, its answer, and which way the bytes will go
    IBB     (XEP-0047) the bytes, in base64, in numbered blocks
    S5B     (XEP-0065) who listens for the connection that brings them: see `bytestreams`
    OOB     (XEP-0066) an address of the web;  upload (XEP-0363) a place on a web server
    SFS     (XEP-0447) an address with a name and a size, as before it SIMS (XEP-0385)

Jingle (see `jingle`) makes other offers, and uses the same ways. At most MAX_OPEN files are known.
"""

import hashlib
from functools import partial
from urllib.parse import unquote

import msgspec

from backchannel.effects import FileClose, FileData
from backchannel.events import Anomaly, Offer, OfferAnswer
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.xmpp import bytestreams, names
from backchannel.protocols.xmpp.bytestreams import Plan
from backchannel.protocols.xmpp.elements import Element
from backchannel.protocols.xmpp.login import condition
from backchannel.protocols.xmpp.state import Parties, State, parties

MAX_OPEN = 64
MAX_SIZE = 1 << 62
MAX_BLOCK = 65_535
MAX_SHARED, MAX_SOURCES = 32, 8
_FILE = Capability.FILE_TRANSFER
_SEQUENCE = 0x10000
Named = tuple[str, str]
"""A session's peer and id. Both its ends use the id, and a third may use the same."""


def named(who: Parties, session: str) -> Named:
    """Return what to know a session by."""
    return who.peer, session[:128]


class _Incoming(msgspec.Struct):
    """A file whose blocks are coming."""

    plan: Plan
    key: str
    block: int
    at: int = 0
    """Offset of the next block, if none is missing."""
    next: int = 0
    """Number of the next block; numbers on the wire begin again at 0, this one does not."""
    whole: bool = True
    hash: "hashlib._Hash | None" = None

    def verified(self) -> bool | None:
        """What a declared hash says that the engine does not check itself."""
        if self.hash is None or not self.whole:
            return None
        if self.plan.size is not None and self.at != self.plan.size:
            return None
        return self.hash.hexdigest() == self.plan.hash[1]


class Files:
    """The files of one connection."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._plans: dict[Named, Plan] = {}
        """Offers by the session that will bring the bytes."""
        self._coming: dict[Named, _Incoming] = {}

    def expect(self, plan: Plan, session: Named) -> None:
        """Remember what a session will bring."""
        if session[1]:
            remember(self._plans, session, plan, MAX_OPEN)

    def plan(self, session: str, who: Parties, otherwise: Plan | None = None) -> Plan:
        """Return what is known of a session; who opens it sends, where that is not known."""
        known = self._plans.get(named(who, session), otherwise)
        return known or Plan(id=session[:128], sender=who.sender, recipient=who.recipient)

    def end(self) -> list[Output]:
        """The connection is over: what has not ended stays incomplete."""
        coming, self._coming = self._coming, {}
        return [FileClose(key=each.key) for each in coming.values()]

    # -- offers ------------------------------------------------------------------------------------

    def offered(self, side: Side, stanza: Element, si: Element) -> list[Output]:
        """`si`: a file is offered; its answer is what the iq gets."""
        file = si.child("file", names.SI_FILE)
        if stanza.get("type") != "set" or file is None:
            return []
        who = parties(self._state, side, stanza)
        plan = Plan(
            id=si.get("id")[:128],
            sender=who.sender,
            recipient=who.recipient,
            name=file.get("name")[:1024],
            size=names.number(file.get("size"), MAX_SIZE) or None,
            hash=("md5", file.get("hash").lower()) if file.get("hash") else ("", ""),
        )
        self.expect(plan, named(who, plan.id))
        self._state.ask(side, stanza, partial(self._si_answered, plan))
        return offer(plan, note=file.said("desc"))

    def _si_answered(self, plan: Plan, stanza: Element, accepted: bool) -> list[Output]:
        return [answer(plan, accepted=accepted, reason="" if accepted else condition(stanza))]

    def shared(self, who: Parties, stanza: Element) -> list[Output]:
        """Addresses of files in a message."""
        told: list[Output] = []
        urls: set[str] = set()
        for sharing in _sharings(stanza):
            told += self._described(who, stanza, sharing, urls)
        for x in stanza.all("x", names.OOB):
            url = x.said("url")
            if url and url not in urls:
                told += self._at(who, url, x.said("desc"), stanza.get("id"))
        return told

    def _described(
        self, who: Parties, stanza: Element, sharing: Element, urls: set[str]
    ) -> list[Output]:
        """A file with its name and where it is; *urls* takes the addresses."""
        file, sources = sharing.child("file"), sharing.child("sources")
        if file is None:
            return []
        found = (
            [each.get("target") or each.get("uri") for each in sources.children[:MAX_SOURCES]]
            if sources
            else []
        )
        urls.update(filter(None, found))
        plan = Plan(
            id=stanza.get("id")[:128],
            sender=who.sender,
            recipient=who.recipient,
            name=file.said("name")[:1024],
            size=names.number(file.said("size"), MAX_SIZE) or None,
        )
        places = dict.fromkeys(_place(url) for url in found if url)
        return offer(plan, " ".join(places), note=file.said("desc"))

    def given(self, side: Side, stanza: Element, query: Element) -> list[Output]:
        """`jabber:iq:oob`: an address whose file the other one is to fetch."""
        url = query.said("url")
        if stanza.get("type") != "set" or not url:
            return []
        who = parties(self._state, side, stanza)
        plan = Plan(id=stanza.get("id")[:128], sender=who.sender, recipient=who.recipient)
        self._state.ask(side, stanza, partial(self._si_answered, plan))
        return self._at(who, url, query.said("desc"), stanza.get("id"))

    def _at(self, who: Parties, url: str, text: str, offered: str) -> list[Output]:
        place = _place(url)
        name = unquote(place.rstrip("/").rpartition("/")[2])
        plan = Plan(id=offered[:128], sender=who.sender, recipient=who.recipient, name=name[:1024])
        return offer(plan, place, note=text)

    def upload(self, side: Side, stanza: Element, request: Element) -> list[Output]:
        """A place for a file on a web server is asked for; the answer names it."""
        if stanza.get("type") == "get" and request.name == "request":
            who = parties(self._state, side, stanza)
            plan = Plan(
                id=stanza.get("id")[:128],
                sender=who.sender,
                recipient=who.recipient,
                name=(request.get("filename") or request.said("filename"))[:1024],
                size=names.number(request.get("size") or request.said("size"), MAX_SIZE) or None,
            )
            self._state.ask(side, stanza, partial(self._slot, plan))
        return []

    def _slot(self, plan: Plan, stanza: Element, accepted: bool) -> list[Output]:
        if not accepted:
            return [answer(plan, accepted=False, reason=condition(stanza))]
        slot = stanza.child("slot")
        get = slot.child("get") if slot else None
        put_ = slot.child("put") if slot else None
        urls = [each.get("url") or each.text.strip() for each in (put_, get) if each]
        return offer(plan, " ".join(dict.fromkeys(_place(url) for url in urls if url)))

    # -- bytes in the stream -----------------------------------------------------------------------

    def opened(self, side: Side, stanza: Element, element: Element) -> list[Output]:
        """`open`, `data` or `close` of an in-band bytestream in an iq."""
        who = parties(self._state, side, stanza)
        if stanza.get("type") != "set":
            return []
        if element.name == "open":
            return self._open(who, element)
        if element.name == "data":
            return self._block(who, element)
        return self._close(named(who, element.get("sid")))

    def blocks(self, who: Parties, stanza: Element) -> list[Output]:
        """Blocks that come in messages."""
        told: list[Output] = []
        for data in stanza.all("data", names.IBB):
            told += self._block(who, data)
        return told

    def _open(self, who: Parties, element: Element) -> list[Output]:
        name = named(who, element.get("sid"))
        told = self._close(name)
        return told + self._begin(who, name, names.number(element.get("block-size"), MAX_BLOCK))

    def _begin(self, who: Parties, name: Named, block: int) -> list[Output]:
        plan = self.plan(name[1], who)
        told: list[Output] = []
        if len(self._coming) >= MAX_OPEN:
            told += self._close(next(iter(self._coming)))
        algorithm = plan.hash[0].replace("-", "")
        running = None
        if algorithm in ("sha256", "sha512"):
            running = hashlib.new(algorithm)
        key = f"ibb:{name[1]}"
        if any(each.key == key for each in self._coming.values()):
            key += f" {name[0]}"
        coming = _Incoming(plan=plan, key=key, block=block, hash=running)
        self._coming[name] = coming
        return [*told, bytestreams.opening(plan, coming.key)]

    def _block(self, who: Parties, element: Element) -> list[Output]:
        name = named(who, element.get("sid"))
        told: list[Output] = []
        data = names.base64(element.text)
        if (coming := self._coming.get(name)) is None:
            self._state.amid = True
            told = self._begin(who, name, len(data))
            coming = self._coming[name]
        ahead = (names.number(element.get("seq"), _SEQUENCE - 1) - coming.next) % _SEQUENCE
        if ahead >= _SEQUENCE // 2:  # sent again
            return told
        if ahead:
            coming.whole = False
        at = coming.at + ahead * coming.block
        coming.at, coming.next = at + len(data), coming.next + ahead + 1
        if coming.hash is not None:
            coming.hash.update(data)
        return [*told, FileData(key=coming.key, offset=at, data=data)] if data else told

    def _close(self, name: Named) -> list[Output]:
        coming = self._coming.pop(name, None)
        return [FileClose(key=coming.key, verified=coming.verified())] if coming else []

    # -- bytes beside the stream -------------------------------------------------------------------

    def bytestream(self, side: Side, stanza: Element, query: Element) -> list[Output]:
        """`bytestreams`: who listens for a SOCKS5 connection that brings the bytes."""
        who = parties(self._state, side, stanza)
        hosts = list(query.all("streamhost"))[: bytestreams.MAX_HOSTS]
        told = bytestreams.disclosed(self._state, hosts)
        if stanza.get("type") == "set" and hosts:
            plan = self.plan(query.get("sid"), who)
            name = bytestreams.destination(plan.id, who.source, who.target)
            told += bytestreams.announced(plan, who, hosts, (name,))
        return told


def _sharings(stanza: Element) -> list[Element]:
    """Return the descriptions of files in a message."""
    found = list(stanza.all("file-sharing", names.SHARING))
    for reference in stanza.all("reference"):
        found += reference.all("media-sharing", names.MEDIA_SHARING)
    return found[:MAX_SHARED]


def _place(url: str) -> str:
    """Return an address up to what may let somebody in: the query, which often holds a token, and
    the key of an encrypted file (XEP-0454).
    """
    return url.partition("#")[0].partition("?")[0][:2048]


def offer(plan: Plan, detail: str = "", use: Capability = _FILE, *, note: str = "") -> list[Output]:
    """Return that a file is offered, and whether its name is one that leaves its folder."""
    told: list[Output] = []
    if ".." in plan.name.replace("\\", "/").split("/") or plan.name[:1] in ("/", "\\"):
        told.append(Anomaly(kind="path-in-file-name", detail=plan.name))
    told.append(
        Offer(
            use=use,
            sender=plan.sender,
            recipient=plan.recipient,
            id=plan.id,
            name=plan.name,
            size=plan.size or 0,
            detail=detail,
            note=note,
        )
    )
    return told


def answer(plan: Plan, *, accepted: bool, reason: str = "", use: Capability = _FILE) -> OfferAnswer:
    """Return what the one who was offered something says."""
    return OfferAnswer(
        use=use,
        sender=plan.recipient,
        recipient=plan.sender,
        id=plan.id,
        accepted=accepted,
        reason=reason,
    )
