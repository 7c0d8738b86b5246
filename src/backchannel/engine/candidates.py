"""Whose is a stream? The protocols whose magic fits its first bytes are asked, in a good order.

Streams change in that they note what was asked; what follows from an answer is the engine's matter.
"""

from collections.abc import Callable, Iterable, Mapping

from backchannel.contract import Peek, Protocol
from backchannel.engine.known import Known
from backchannel.engine.stream import Stream
from backchannel.flows.core import FlowCore
from backchannel.flows.magics import LONGEST
from backchannel.model import Claim, More, Transport
from backchannel.patterns import later

EMPTY_LINES = later(rb"(?:\r?\n)++")
"""Servers pass over empty lines before a request (RFC 9112 section 2.2), so recognisers need not
know of them.
"""
REQUEST = later(rb"[A-Z]{3,16} ")
LINE_ENDS = (10, 13)
PORTS_TOKEN = -1
"""Names the core's standing expectations of ports; `Names` uses the numbers below it."""
FOREVER = 1 << 62


class Candidates:
    """All protocols of a run, asked for streams."""

    def __init__(
        self, core: FlowCore, protocols: Mapping[str, Protocol], fault: Callable[[str], None]
    ) -> None:
        """*protocols* stand in the order in which the core was given their numbers; *fault* is
        called with the name of one whose recogniser raised.
        """
        self._core, self._fault = core, fault
        self._all = [Known(each, number) for number, each in enumerate(protocols.values())]
        self._by_name = dict(zip(protocols, self._all, strict=True))
        self._by_bit = {each.bit: each for each in self._all}
        self._context = sum(each.bit for each in self._all if each.context)
        self._alike = _alike(zip(self._all, protocols.values(), strict=True))
        self._by_port: dict[int, list[tuple[Transport, Known]]] = {}
        for name, protocol in protocols.items():
            for transport, port in protocol.ports:
                self._by_port.setdefault(port, []).append((transport, self._by_name[name]))
        self.look_at_ports()

    def look_at_ports(self) -> None:
        """Ask the core for the flows of ports where no magic can tell."""
        self._core.forget(PORTS_TOKEN)
        for port, known in self._by_port.items():
            for transport in dict.fromkeys(transport for transport, _ in known):
                self._core.expect(PORTS_TOKEN, transport, "", port, "", FOREVER)

    def known(self, name: str) -> Known:
        """Return a protocol by its name."""
        return self._by_name[name]

    def unmatched(self, hits: int) -> int:
        """Return the context protocols whose magic did not match. One that has a magic for first
        bytes in common with a protocol that did may only lack the name that the core waits for.
        """
        for bit, alike in self._alike:
            if hits & bit:
                hits |= alike
        return self._context & ~hits

    def ask(self, stream: Stream, last: bool = False) -> Claim | More | None:
        """Return whose the first bytes of a stream are: a claim, MORE, or None for nobody's.

        *last*: no more will be shown, so that nobody is waited for.
        """
        client, server = stream.peeked
        stream.holding = 0
        claim = stream.claim
        if claim is not None:
            stream.consider(self._by_name[claim.protocol])
        if client and client[0] in LINE_ENDS and stream.tcp:
            client = _behind_empty_lines(client)
        if server and server[0] in LINE_ENDS and stream.tcp:
            server = _behind_empty_lines(server)
        if client and not stream.matched & 1:
            self._match(stream, 0, client)
        if server and not stream.matched & 2:
            self._match(stream, 1, server)
        if not stream.ported:
            self._look_up(stream)
        sides = (1 if client else 0) | (2 if server else 0)
        if stream.heard != sides:  # who passed before may think otherwise now
            stream.heard, stream.denied = sides, 0
        wanted = stream.considered & ~(stream.denied | stream.excluded)
        if not wanted:
            return None
        start = stream.beginning()
        peek = Peek(start.transport, client, server, start.begun, start)
        answer = self._decide(stream, wanted & ~self._context, peek)
        if answer is None or (last and type(answer) is not Claim):
            # what is decoded for its names comes last
            answer = self._decide(stream, wanted & self._context, peek)
        return answer

    def _decide(self, stream: Stream, wanted: int, peek: Peek) -> Claim | More | None:
        """Return the first claim of those *wanted*, in their order, or MORE, or None for nobody.

        While an earlier candidate still asks for more, a later one may claim: a recogniser that is
        sure needs nobody's leave, and one that is not would keep the flow undecided for ever. One
        that passed is not asked again before the other side speaks.
        """
        answer: More | None = None
        if not wanted:
            return None
        for known in stream.candidates or ():
            if not known.bit & wanted:
                continue
            try:
                said = known.recognise(peek)
            except Exception:  # a fault of ours must not end the run
                self._fault(known.name)
                said = None
            if type(said) is Claim:
                return said
            if said is None:
                stream.denied |= known.bit
            else:
                answer = said if answer is None else _both(answer, said)
                if said.holds:
                    stream.holding |= known.bit
        return answer

    def _match(self, stream: Stream, side: int, payload: bytes) -> None:
        """Learn who may speak from the first bytes of *side*: more bytes can only rule out some.
        *payload*: these, without the empty lines before a request.
        """
        whole = not stream.tcp
        if whole or payload[0] not in LINE_ENDS:  # else a request may be to come
            stream.matched |= 1 << side
            # in fewer bytes of a stream others may fit too
            whole = whole or (len(payload) >= LONGEST and payload is stream.peeked[side])
        if whole and stream.slot >= 0 and not stream.considered:
            alone = self._by_bit.get(self._core.hits(stream.slot))
            if alone is not None and not alone.bit & stream.excluded:  # as nearly always
                stream.consider(alone)
                return
        start = stream.beginning()
        fitting = self._core.fitting(  # several; or wanted for its name, before it spoke
            start.transport, payload, begun=start.begun, number=start.number
        )
        for number in fitting:
            stream.consider(self._all[number])
        if stream.slot >= 0 and not stream.tcp:  # its size in full, where a snap length cut it
            hits = self._core.hits(stream.slot)
            for known in self._all if hits else ():
                if hits & known.bit:
                    stream.consider(known)

    def _look_up(self, stream: Stream) -> None:
        """Learn who may speak from the ports."""
        stream.ported = True
        start = stream.beginning()
        for port in (start.client.port, start.server.port):
            for transport, known in self._by_port.get(port, ()):
                if transport == start.transport:
                    stream.placed = True
                    stream.consider(known)


def _behind_empty_lines(data: bytes) -> bytes:
    """Return the request behind the empty lines in front; all of *data* where there is none."""
    request = data.lstrip(b"\r\n")
    if not REQUEST.match(request):
        return data
    found = EMPTY_LINES.match(data)
    return request if found and found.end() == len(data) - len(request) else data


def _both(one: More, other: More) -> More:
    """Return the answer of two who wait."""
    if one is other:
        return one
    client, server = min(one.client, other.client), min(one.server, other.server)
    return More(one.holds or other.holds, client, server)


def _alike(protocols: Iterable[tuple[Known, Protocol]]) -> list[tuple[int, int]]:
    """Return the protocols that have a magic for first bytes in common with context protocols,
    with these.
    """
    known = [(each, {one for one in protocol.magic if one.first}) for each, protocol in protocols]
    found: list[tuple[int, int]] = []
    for each, magics in known:
        shared = [other.bit for other, theirs in known if other.context and theirs & magics]
        if shared and not each.context:
            found.append((each.bit, sum(shared)))
    return found
