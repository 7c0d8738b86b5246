"""Jingle (XEP-0166): files (XEP-0234) and calls (XEP-0167), and Google Talk's sessions before it.

An initiation is an offer; an acceptance, or an end before one, is its answer. Transports tell
addresses: ICE (XEP-0176) and raw UDP (XEP-0177) of media, SOCKS5 (XEP-0260) of files. In-band
bytes (XEP-0261) come as IBB under the session's own id. At most MAX_SESSIONS are known.
"""

from collections.abc import Iterator
from contextlib import suppress

import msgspec

from backchannel.effects import Expect
from backchannel.events import PeerAddress
from backchannel.model import Capability, Side
from backchannel.protocols import Output
from backchannel.protocols.bounded import remember
from backchannel.protocols.xmpp import bytestreams, names
from backchannel.protocols.xmpp.bytestreams import MAX_HOSTS, Plan
from backchannel.protocols.xmpp.elements import Element
from backchannel.protocols.xmpp.files import MAX_SIZE, Files, Named, answer, named, offer
from backchannel.protocols.xmpp.state import Parties, State, parties
from backchannel.reader import WireError

MAX_SESSIONS = 64
MAX_CONTENTS = 16
_FILES = "urn:xmpp:jingle:apps:file-transfer:"
_RTP = "urn:xmpp:jingle:apps:rtp:"
_TRANSPORTS = "urn:xmpp:jingle:transports:"
GOOGLE = "http://www.google.com/session"
_GOOGLE_SHARE = "http://www.google.com/session/share"
_GOOGLE_ACTIONS = {
    "initiate": "session-initiate",
    "accept": "session-accept",
    "reject": "session-terminate",
    "terminate": "session-terminate",
    "candidates": "transport-info",
    "transport-info": "transport-info",
}
_FILE, _CALL = Capability.FILE_TRANSFER, Capability.VOICE_VIDEO


class _Session(msgspec.Struct):
    """One session: what it is for, and who began it."""

    plan: Plan
    use: Capability
    answered: bool = False
    files: dict[str, Plan] = msgspec.field(default_factory=dict)
    """What each content brings, by its name."""


class Jingle:
    """The sessions of one connection."""

    def __init__(self, state: State, files: Files) -> None:
        self._state, self._files = state, files
        self._sessions: dict[Named, _Session] = {}

    def take(self, side: Side, stanza: Element, jingle: Element) -> list[Output]:
        """Say what an action means."""
        if stanza.get("type") != "set":
            return []
        action = jingle.get("action") or _GOOGLE_ACTIONS.get(jingle.get("type"), "")
        who = parties(self._state, side, stanza)
        name = named(who, jingle.get("sid") or jingle.get("id"))
        told: list[Output] = []
        if action == "session-initiate":
            told += self._initiated(who, name, jingle)
        elif action in ("session-accept", "session-terminate"):
            told += self._answered(who, name, jingle, accepted=action == "session-accept")
        elif name not in self._sessions:
            self._state.amid = True
        return told + self._transports(who, name, jingle)

    # -- offers and answers ------------------------------------------------------------------------

    def _initiated(self, who: Parties, name: Named, jingle: Element) -> list[Output]:
        contents = list(jingle.all("content"))[:MAX_CONTENTS] or [jingle]
        files = [found for each in contents if (found := _file(each)) is not None]
        if files:
            return self._files_offered(who, name, files)
        media = [word for each in contents if (word := _media(each))]
        if not media:
            return []
        plan = Plan(id=name[1], sender=who.sender, recipient=who.recipient)
        self._remember(name, _Session(plan, _CALL))
        return offer(plan, " and ".join(dict.fromkeys(media))[:80], _CALL)

    def _files_offered(
        self, who: Parties, name: Named, files: list[tuple[Element, Element]]
    ) -> list[Output]:
        told: list[Output] = []
        plans: dict[str, Plan] = {}
        for content, file in files:
            plan = _plan(who, name[1], content, file)
            plans[content.get("name")[:128]] = plan
            asked = _is_asked(content)
            shown = msgspec.structs.replace(plan, sender=who.sender, recipient=who.recipient)
            told += offer(shown, "asks for it" if asked else "", note=file.said("desc"))
        first = next(iter(plans.values()))
        self._remember(name, _Session(first, _FILE, files=plans))
        self._files.expect(first, name)
        return told

    def _remember(self, name: Named, session: _Session) -> None:
        remember(self._sessions, name, session, MAX_SESSIONS)

    def _answered(
        self, who: Parties, name: Named, jingle: Element, *, accepted: bool
    ) -> list[Output]:
        session = self._sessions.get(name)
        if session is None:
            self._state.amid = True
            return []
        if session.answered:
            return []
        session.answered = True
        reason = jingle.child("reason")
        why = (
            next((each.name for each in reason.children if each.name != "text"), "")
            if reason
            else ""
        )
        plan = Plan(id=name[1], sender=who.recipient, recipient=who.sender)
        return [answer(plan, accepted=accepted, reason=why[:64], use=session.use)]

    # -- addresses ---------------------------------------------------------------------------------

    def _transports(self, who: Parties, name: Named, jingle: Element) -> list[Output]:
        session = self._sessions.get(name)
        told: list[Output] = []
        if session is not None:
            self._bring(who, session, jingle)
        for transport in _transports(jingle):
            if transport.ns.startswith(_TRANSPORTS + "s5b:"):
                told += self._streamhosts(who, session, transport)
            else:
                use = session.use if session else _CALL
                told += self._candidates(who, use, transport)
        return told

    def _bring(self, who: Parties, session: _Session, jingle: Element) -> None:
        """Remember by which bytestream each file comes; that may change under way."""
        for content in list(jingle.all("content"))[:MAX_CONTENTS]:
            if plan := session.files.get(content.get("name")[:128]):
                for transport in content.all("transport"):
                    self._files.expect(plan, named(who, transport.get("sid")))

    def _streamhosts(
        self, who: Parties, session: _Session | None, transport: Element
    ) -> list[Output]:
        hosts = list(transport.all("candidate"))[:MAX_HOSTS]
        if not hosts:
            return []
        sid = transport.get("sid")
        own = bytestreams.destination(sid, who.source, who.target)
        named = transport.get("dstaddr").lower()[:40]
        plan = self._files.plan(sid, who, session.plan if session else None)
        told = bytestreams.disclosed(self._state, hosts)
        return told + bytestreams.announced(plan, who, hosts, {own: 0, named or own: 0})

    def _candidates(self, who: Parties, use: Capability, transport: Element) -> list[Output]:
        told: list[Output] = []
        for each in list(transport.all("candidate"))[:MAX_HOSTS]:
            host = names.address(each.get("ip") or each.get("address"))
            port = names.number(each.get("port"), 0xFFFF)
            carrier = "tcp" if "tcp" in each.get("protocol").lower() else "udp"
            if not host or not self._state.changed("at", f"{who.sender} {host} {port}", carrier):
                continue
            kind = each.get("type")[:16]
            told.append(
                PeerAddress(
                    use=use,
                    account=who.sender,
                    address=host,
                    port=port,
                    transport=carrier,  # type: ignore[arg-type]
                    how=f"{kind}-candidate" if kind else "candidate",
                )
            )
            if use is _CALL and carrier == "udp" and port:
                told.append(self._media(who, host, port))
        return told

    def _media(self, who: Parties, host: str, port: int) -> Expect:
        return Expect(
            protocol="rtp",
            purpose=_CALL,
            address=host,
            port=port,
            source=who.opener(host),
            transport="udp",
            accounts=(who.sender, who.recipient),
            repeat=True,
        )


def _is_asked(content: Element) -> bool:
    """Say whether the other side is to send."""
    return content.get("senders") == "responder"


def _plan(who: Parties, sid: str, content: Element, file: Element) -> Plan:
    """Return what is known of a file that a content offers, or asks for."""
    there, back = (who.sender, who.recipient), (who.recipient, who.sender)
    sender, recipient = back if _is_asked(content) else there
    return Plan(
        id=sid,
        sender=sender,
        recipient=recipient,
        name=(file.said("name") or file.get("name"))[:1024],
        size=names.number(file.said("size") or file.get("size"), MAX_SIZE) or None,
        hash=_hash(file),
    )


def _transports(jingle: Element) -> Iterator[Element]:
    """Yield the transports of all contents; Google's candidates stand in the session itself."""
    if jingle.ns == GOOGLE:
        yield jingle
        yield from jingle.all("transport")
    for content in list(jingle.all("content"))[:MAX_CONTENTS]:
        yield from content.all("transport")


def _file(content: Element) -> tuple[Element, Element] | None:
    """Return a content and the file that it offers or asks for."""
    description = content.child("description")
    if description is None:
        return None
    if description.ns.startswith(_FILES):
        inner = description.child("offer") or description.child("request") or description
        file = inner.child("file")
        return (content, file) if file is not None else None
    if description.ns == _GOOGLE_SHARE:
        manifest = description.child("manifest")
        file = manifest.child("file") if manifest else None
        return (content, file) if file is not None else None
    return None


def _media(content: Element) -> str:
    """Return what a content of a call carries; empty for other contents."""
    description = content.child("description")
    if description is None:
        return ""
    if description.ns.startswith(_RTP):
        return description.get("media") or "media"
    google = description.ns.startswith(f"{GOOGLE}/")
    return description.ns.rpartition("/")[2] if google else ""


def _hash(file: Element) -> tuple[str, str]:
    """Return the declared hash (XEP-0300): base64, or in old versions hexadecimal."""
    best = ("", "")
    for each in list(file.all("hash"))[:8]:
        algorithm, text = each.get("algo").lower(), each.text.strip()
        if algorithm not in ("sha-256", "sha-512", "sha-1", "md5"):
            continue
        digits = {"sha-256": 64, "sha-512": 128, "sha-1": 40, "md5": 32}[algorithm]
        if len(text) != digits:
            with suppress(WireError):
                text = names.base64(text).hex()
        if len(text) == digits and best[0] != "sha-256":
            best = algorithm, text.lower()
    return best
