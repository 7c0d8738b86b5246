"""`iq` stanzas: questions, their answers, and the table of what is inside them."""

from collections.abc import Callable

from backchannel.events import Anomaly, Presence, Software
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.xmpp import names, people, pictures, pubsub
from backchannel.protocols.xmpp.elements import Element
from backchannel.protocols.xmpp.files import Files
from backchannel.protocols.xmpp.jingle import GOOGLE, Jingle
from backchannel.protocols.xmpp.login import Login
from backchannel.protocols.xmpp.state import State, parties

Handler = Callable[[Side, Element, Element], list[Output]]

_ASKED_BY_CLIENTS = frozenset({names.AUTH, names.REGISTER})
_OWN = frozenset({names.AUTH, names.BIND, names.ROSTER, names.BLOCKING, names.PRIVATE})
"""What passes between a client and its own server only."""
KINDS = frozenset({"get", "set", "result", "error"})


class Queries:
    """Hands what is inside an iq to whoever knows it."""

    def __init__(self, state: State, login: Login, files: Files) -> None:
        self._state, self._login, self._files = state, login, files
        self._handlers: dict[str, Handler] | None = None
        """Made for the first iq, as many streams have none."""

    def _known(self) -> dict[str, Handler]:
        login, files = self._login, self._files
        jingle = Jingle(self._state, files)
        return {
            names.AUTH: login.old,
            names.REGISTER: login.register,
            names.BIND: self._bind,
            names.ROSTER: self._with_state(people.roster),
            names.BLOCKING: self._with_state(people.blocking),
            names.VCARD: self._with_state(people.vcard),
            names.VERSION: self._version,
            names.DISCO: self._disco,
            names.LAST: self._last,
            names.SI: files.offered,
            names.IBB: files.opened,
            names.BYTESTREAMS: files.bytestream,
            names.OOB_QUERY: files.given,
            names.JINGLE: jingle.take,
            GOOGLE: jingle.take,
            names.PUBSUB: self._with_state(pubsub.queried),
            names.PRIVATE: self._with_state(pubsub.private),
            names.BITS: self._with_state(pictures.bits),
            **dict.fromkeys(names.UPLOADS, files.upload),
        }

    def take(self, side: Side, stanza: Element) -> list[Output]:
        """Say what an iq means: an answer to what was asked, and what is inside."""
        told: list[Output] = []
        kind = stanza.get("type")
        if kind in ("result", "error") and (answered := self._state.answer(side, stanza)):
            told += answered(stanza, kind == "result")
        if kind == "error":  # it repeats what was asked
            return told
        if self._handlers is None:
            self._handlers = self._known()
        for inner in stanza.children[:4]:
            handler = self._handlers.get(inner.ns)
            if handler is None:
                continue
            if side is Side.SERVER and inner.ns in _OWN and not self._state.own(stanza):
                told.append(_forged(stanza, inner))
            elif inner.ns not in _ASKED_BY_CLIENTS or side is Side.CLIENT:
                told += handler(side, stanza, inner)
        return told

    def _with_state(self, act: Callable[[State, Side, Element, Element], list[Output]]) -> Handler:
        return lambda side, stanza, inner: act(self._state, side, stanza, inner)

    def _bind(self, side: Side, stanza: Element, bind: Element) -> list[Output]:
        jid = bind.said("jid")
        if side is Side.CLIENT or stanza.get("type") != "result" or not jid:
            return []
        return people.bound(self._state, jid)

    # -- programs ----------------------------------------------------------------------------------

    def _version(self, side: Side, stanza: Element, query: Element) -> list[Output]:
        name, version = query.said("name")[:128], query.said("version")[:128]
        if stanza.get("type") != "result" or not name:
            return []
        return self._software(side, stanza, name, version)

    def _disco(self, side: Side, stanza: Element, query: Element) -> list[Output]:
        if stanza.get("type") != "result":
            return []
        for identity in query.all("identity"):
            if identity.get("category") in ("client", "server") and identity.get("name"):
                return self._software(side, stanza, identity.get("name")[:128], "")
        return []

    def _software(self, side: Side, stanza: Element, name: str, version: str) -> list[Output]:
        state, account = self._state, parties(self._state, side, stanza).sender
        if not state.changed("program", account, f"{name} {version}"):
            return []
        role = people.role_of(state, account, side)
        return [Software(name=name, version=version, role=role, account=account)]  # type: ignore[arg-type]

    def _last(self, side: Side, stanza: Element, query: Element) -> list[Output]:
        """Last activity (XEP-0012): of an account that is away; of a server it is its age."""
        account = parties(self._state, side, stanza).sender
        idle = names.number(query.get("seconds"), 1 << 40)
        if stanza.get("type") != "result" or not idle or not names.is_account(account):
            return []
        return [Presence(account=account, status="idle", idle=idle, text=query.text.strip())]


def _forged(stanza: Element, inner: Element) -> Anomaly:
    """Servers pass on what anybody sends to a client's full address, and a client that believes it
    takes a stranger's list for its own (CVE-2015-8688).
    """
    who = names.bare(stanza.get("from"))
    return Anomaly(kind="spoofed-sender", detail=f"{who} speaks as the server: {inner.ns}")
