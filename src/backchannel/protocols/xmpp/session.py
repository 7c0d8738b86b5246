"""One XMPP stream: both directions' bytes in, events out.

Holds for each side at most one stanza of 512 KiB (see `xml`), and bounded tables of what was asked,
told and offered. Behind STARTTLS all is TLS: what follows is handed on as an inner stream, up to
TLS_LOOK bytes of a side, in which it says all that it says in the clear, and then left alone.
Compressed streams (XEP-0138) are undone, up to EXPANSION times their size. Behind XML that is not
well-formed a proved stream goes on at the next stanza: a server would close it, but who works with
its client need not.
A SOCKS5 bytestream (see `bytestreams`) is a session of this protocol too.
"""

import zlib

from backchannel.effects import Inner, InnerEnd, InnerGap, Open
from backchannel.events import Anomaly, Gap, Malformed, SignOff, Software
from backchannel.model import Side, Standing
from backchannel.protocols import Output, Start
from backchannel.protocols.xmpp import names, people
from backchannel.protocols.xmpp.bytestreams import Bytestream, Plan
from backchannel.protocols.xmpp.elements import Element, Foot, Head, Item, Oversized
from backchannel.protocols.xmpp.files import Files
from backchannel.protocols.xmpp.login import Login, offer
from backchannel.protocols.xmpp.messages import message
from backchannel.protocols.xmpp.queries import KINDS, Queries
from backchannel.protocols.xmpp.recognise import destination, recognise
from backchannel.protocols.xmpp.state import State
from backchannel.protocols.xmpp.unicode import Unicode
from backchannel.protocols.xmpp.xml import STREAMS, Reader
from backchannel.reader import WireError

__all__ = ["Session", "recognise"]

TLS_LOOK = 32_768
EXPANSION = 20
SPARE = 65_536
"""Bytes by which compressed data may grow beyond that: the first stanzas of a list are alike."""
FAULTS = 16
"""Places of a side that are not well-formed, of which each is told."""
_ROOTS = (STREAMS, "http://www.jabber.com/streams/flash")
_PROVED = 2
"""Known stanzas of one side that prove the claim, where the other side was not captured."""


class _Lane:
    """One side: its XML, and what lies around that."""

    __slots__ = ("deaf", "expanded", "faults", "handed", "inflate", "raw", "reader", "unicode")

    def __init__(self, *, begun: bool) -> None:
        self.reader, self.unicode = Reader(begun=begun), Unicode(begun=begun)
        self.deaf = False
        self.faults = 0
        self.inflate: zlib._Decompress | None = None
        self.raw = self.expanded = 0
        self.handed = 0
        """Bytes handed on as TLS."""


class Talk:
    """A stream of XML."""

    def __init__(self, start: Start) -> None:
        self.service = "xmpp"
        self.standing = Standing.CLAIMED
        self.done = False
        self._state = state = State(start)
        self._lanes = [_Lane(begun=start.begun), _Lane(begun=start.begun)]
        self._login = Login(state)
        self._files = Files(state)
        self._queries = Queries(state, self._login, self._files)
        self._asked_tls = self._tls = self._asked_zlib = False
        self._known = [0, 0]
        self._unknown = 0
        self._ended: set[Side] = set()
        self._closed = False

    # -- what the engine calls ---------------------------------------------------------------------

    def feed(self, side: Side, data: bytes) -> list[Output]:
        """Take the next in-order bytes of *side*; return what they meant."""
        lane = self._lanes[side]
        if self.done or lane.deaf:
            return []
        if self._tls:
            return self._hand_on(side, data)
        told: list[Output] = []
        try:
            if lane.inflate is not None:
                self._expand(side, lane, data, told)
            else:
                lane.reader.add(lane.unicode.take(data))
                self._read(side, lane, told)
        except (WireError, zlib.error) as error:  # framing is lost: say so once, then be silent
            self._lost(lane, str(error), told)
        return told

    def gap(self, side: Side, size: int) -> list[Output]:
        """*size* bytes of *side* were never seen: go on at the next stanza."""
        lane = self._lanes[side]
        told: list[Output] = [Gap(size=size)]
        if self._tls:
            if not self.done:
                told.append(InnerGap(side=side, size=size))
        elif lane.inflate is not None:
            lane.deaf = True  # what comes refers to what is missing
        else:
            lane.deaf = False
            lane.reader.lose()
            lane.unicode.lose(size)
            self._state.amid = True
        return told

    def end(self, side: Side) -> list[Output]:
        """*side* will send no more."""
        self._ended.add(side)
        if self.done:
            return []
        told: list[Output] = [InnerEnd(side=side)] if self._tls else []
        if len(self._ended) == len(Side):
            self.done = True
            told += self._files.end()
        return told

    def partial(self, side: Side) -> bool:
        """Whether *side* has begun a stanza and not ended it."""
        lane = self._lanes[side]
        silent = self.done or self._tls or lane.deaf
        return not silent and (lane.reader.partial or lane.unicode.partial)

    @property
    def aligned(self) -> bool:
        """Whether all bytes so far were whole stanzas that are known."""
        return sum(self._known) > 0 and not self._unknown

    @property
    def amid(self) -> bool:
        """Whether parts came of a file or a call that may have begun before."""
        return self._state.amid

    # -- layers ------------------------------------------------------------------------------------

    def _read(self, side: Side, lane: _Lane, told: list[Output]) -> None:
        reader = lane.reader
        while not (self.done or self._tls):
            if self._asked_tls and reader.at_tls():
                self._encrypt(told)
                break
            inflate = lane.inflate
            try:
                item = reader.take()
                if item is None:
                    return
                self._item(side, item, told)
            except WireError as error:
                self._stumble(lane, error, told)
            if lane.inflate is not inflate:  # it begins behind this stanza
                self._expand(side, lane, reader.rest(), told)
        if self._tls and (rest := reader.rest()):
            told += self._hand_on(side, rest)

    def _item(self, side: Side, item: Item, told: list[Output]) -> None:
        if isinstance(item, Element):
            self._stanza(side, item, told)
        elif isinstance(item, Head):
            self._head(side, item)
        elif isinstance(item, Foot):
            self._foot(side, told)
        else:
            self._oversized(side, item, told)

    def _stumble(self, lane: _Lane, error: WireError, told: list[Output]) -> None:
        """What is no XML of a stream: where it is sure to be one, look for the next stanza."""
        if self.standing is not Standing.PARSED:
            raise error
        lane.faults += 1
        if lane.faults <= FAULTS:
            told.append(Malformed(reason=str(error)))
        lane.reader.recover()
        self._state.amid = True

    def _encrypt(self, told: list[Output]) -> None:
        """From here on both sides speak TLS."""
        self._tls = True
        self.standing = Standing.PARSED
        start = self._state.start
        told.append(Open(host=start.server.address, port=start.server.port))

    def _hand_on(self, side: Side, data: bytes) -> list[Output]:
        lane = self._lanes[side]
        data = data[: TLS_LOOK - lane.handed]
        told: list[Output] = [Inner(side=side, data=data)]
        lane.handed += len(data)
        if lane.handed >= TLS_LOOK:
            self.done = True
            told.append(InnerEnd())
        return told

    def _compress(self) -> None:
        for lane in self._lanes:
            lane.inflate = zlib.decompressobj()

    def _expand(self, side: Side, lane: _Lane, data: bytes, told: list[Output]) -> None:
        assert lane.inflate is not None
        for at in range(len(data)):  # byte by byte: what comes of one is the same in every segment
            made = lane.inflate.decompress(data[at : at + 1])
            lane.raw += 1
            if not made:
                continue
            lane.expanded += len(made)
            if lane.expanded > EXPANSION * lane.raw + SPARE:
                told.append(Anomaly(kind="compression-bomb", detail=f"{lane.expanded} bytes"))
                raise WireError("compressed data that grows too much")
            lane.reader.add(lane.unicode.take(made))
            self._read(side, lane, told)
            if self.done or lane.deaf:
                return

    def _lost(self, lane: _Lane, reason: str, told: list[Output]) -> None:
        told.append(Malformed(reason=reason))
        lane.deaf = True
        lane.reader.rest()
        if self.standing is Standing.CLAIMED:
            self.standing = Standing.REFUTED

    # -- the stream --------------------------------------------------------------------------------

    def _head(self, side: Side, head: Head) -> None:
        element = head.element
        if element.name != "stream" or element.ns not in _ROOTS:
            raise WireError(f"a root that is no stream: {element.name[:40]}")
        stream, self._closed = self._state.stream, False
        stream.content = head.content or stream.content
        if side is Side.CLIENT:
            stream.to = names.bare(element.get("to")) or stream.to
            stream.by = names.bare(element.get("from")) or stream.by
        else:
            stream.id = element.get("id")[:256]
            stream.told = names.bare(element.get("from"))
            stream.to = stream.to or stream.told
        self._count(side)

    def _foot(self, side: Side, told: list[Output]) -> None:
        self._count(side)
        if not self._closed:
            self._closed = True
            told.append(SignOff(account=self._state.account))

    def _oversized(self, side: Side, item: Oversized, told: list[Output]) -> None:
        self._count(side)
        self._state.amid = True
        told.append(Anomaly(kind="oversized-stanza", detail=item.name))

    def _count(self, side: Side) -> None:
        self._known[side] += 1
        if all(self._known) or max(self._known) >= _PROVED:
            self.standing = Standing.PARSED

    def _stanza(self, side: Side, stanza: Element, told: list[Output]) -> None:
        state = self._state
        self._meet(side, stanza)
        try:
            if stanza.name == "message":
                told += message(state, self._files, side, stanza)
            elif stanza.name == "presence":
                told += people.presence(state, side, stanza)
            elif stanza.name == "iq" and stanza.get("type") in KINDS:
                told += self._queries.take(side, stanza)
            elif not self._feature(side, stanza, told):
                self._unknown += 1
                return
        except WireError as error:
            told.append(Malformed(reason=f"{stanza.name[:40]}: {error}"))
        self._count(side)

    def _meet(self, side: Side, stanza: Element) -> None:
        """Learn whose a stream is that was joined in its middle."""
        state = self._state
        if side is Side.SERVER and not state.full and state.stream.content == "jabber:client":
            to = stanza.get("to")
            if names.is_account(to) and names.resource(to):
                state.meet(to)

    def _feature(self, side: Side, stanza: Element, told: list[Output]) -> bool:
        """Handle what is no stanza: features, TLS, compression, logins; say whether it is known."""
        name, ns = stanza.name, stanza.ns
        if ns in (names.SASL, names.SASL2):
            self._sasl(side, stanza, told)
        elif ns == names.TLS:
            if name == "starttls":
                self._asked_tls = True
            elif name == "proceed":
                self._encrypt(told)
        elif ns.startswith(names.RESUMPTION):
            told += people.resumable(self._state, side, stanza)
        elif ns in names.COMPRESS:
            if name == "compressed":
                self._compress()
        elif ns == names.DIALBACK:
            told += self._login.dialback(stanza) if name == "result" else []
        elif name == "handshake":
            told += self._login.handshake(side, stanza)
        elif ns == STREAMS and name == "features":
            self._features(stanza, told)
        elif ns == STREAMS and name == "error":
            reason = next((each.name for each in stanza.children if each.name != "text"), "")
            told.append(SignOff(account=self._state.account, reason=reason[:80] or "error"))
            self._closed = True
        else:
            return ns.startswith(("urn:xmpp:", "http://jabber.org/"))
        return True

    def _features(self, stanza: Element, told: list[Output]) -> None:
        caps = stanza.child("c", names.CAPS)
        state = self._state
        if caps and caps.get("node") and state.changed("caps", "", caps.get("node")):
            told.append(Software(name=caps.get("node")[:128], role="server"))
        told += offer(state, stanza)

    def _sasl(self, side: Side, stanza: Element, told: list[Output]) -> None:
        login = self._login
        match stanza.name:
            case "auth" | "authenticate":
                told += login.begin(stanza)
            case "challenge":
                told += login.challenge(stanza)
            case "response":
                told += login.respond(stanza.text)
            case "success" | "failure":
                told += login.answered(stanza, accepted=stanza.name == "success")
                if stanza.name == "success" and stanza.ns == names.SASL:
                    self._again(side)
            case _:
                pass

    def _again(self, side: Side) -> None:
        """Both sides begin their streams again, *side* with what comes behind this stanza."""
        self._lanes[side.other].unicode.begin()
        own = self._lanes[side]
        if not own.unicode.wide:  # else what is left is no more as it was sent
            rest = own.reader.rest()
            own.unicode.begin()
            own.reader.add(own.unicode.take(rest))


def Session(start: Start) -> Talk | Bytestream:  # noqa: N802 - what a protocol's decoder is called
    """A stream, or a file inside a SOCKS5 bytestream."""
    if host := destination(start.server):
        plans = (each for each in (start.context, *start.others) if isinstance(each, Plan))
        return Bytestream(next(plans, Plan()), host)
    return Talk(start)
