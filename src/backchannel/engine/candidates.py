"""Whose is a stream? The protocols whose magic fits its first bytes are asked, in a good order.

Streams change in that they note what was asked; what follows from an answer is the engine's matter.
"""

from collections.abc import Callable, Mapping

from backchannel.contract import Peek, Protocol
from backchannel.engine.stream import Stream
from backchannel.flows.core import FlowCore
from backchannel.flows.magics import LONGEST
from backchannel.model import MORE, Claim, More, Transport

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
        self._core, self._protocols, self._fault = core, protocols, fault
        bits = {name: 1 << number for number, name in enumerate(protocols)}
        self._names = list(protocols)
        self._context = {name: bits[name] for name, p in protocols.items() if p.context}
        self._all_context = sum(self._context.values())
        self._recognise: dict[str, Callable[[Peek], Claim | More | None]] = {}
        self._excluded: dict[int, frozenset[str]] = {}
        self._by_port: dict[tuple[Transport, int], list[str]] = {}
        for name, protocol in protocols.items():
            for place in protocol.ports:
                self._by_port.setdefault(place, []).append(name)
        self.look_at_ports()

    def look_at_ports(self) -> None:
        """Ask the core for the flows of ports where no magic can tell."""
        self._core.forget(PORTS_TOKEN)
        for transport, port in self._by_port:
            self._core.expect(PORTS_TOKEN, transport, "", port, "", FOREVER)

    def unmatched(self, hits: int) -> frozenset[str]:
        """Return the context protocols whose magic did not match: few sets, shared by all flows."""
        seen = hits & self._all_context
        if seen not in self._excluded:
            names = [name for name, bit in self._context.items() if not seen & bit]
            self._excluded[seen] = frozenset(names)
        return self._excluded[seen]

    def ask(self, stream: Stream) -> Claim | More | None:
        """Return whose the first bytes of a stream are: a claim, MORE, or None for nobody's."""
        start = stream.start
        client, server = stream.peeked
        if stream.candidates is None:
            stream.candidates = {}
        candidates = stream.candidates
        if stream.claim is not None:
            candidates.setdefault(stream.claim.protocol, 0)
        if client and not stream.matched & 1:
            self._match(stream, 0)
        if server and not stream.matched & 2:
            self._match(stream, 1)
        if not stream.ported:
            stream.ported = True
            for port in (start.client.port, start.server.port):
                for name in self._by_port.get((start.transport, port), ()):
                    candidates.setdefault(name, 0)
        sides = (1 if client else 0) | (2 if server else 0)
        excluded = stream.excluded
        wanted = [
            name for name, denied in candidates.items() if denied != sides and name not in excluded
        ]
        if not wanted:
            return None
        peek = Peek(start.transport, client, server, start.begun, start)
        first = [name for name in wanted if name not in self._context]
        answer = self._decide(stream, first, peek, sides)
        if answer is None and len(first) < len(wanted):  # what is decoded for its names comes last
            last = [name for name in wanted if name in self._context]
            answer = self._decide(stream, last, peek, sides)
        return answer

    def _decide(
        self, stream: Stream, names: list[str], peek: Peek, sides: int
    ) -> Claim | More | None:
        """Return the first claim of *names*, in their order, or MORE, or None for nobody.

        While an earlier candidate still asks for more, a later one may claim: a recogniser that is
        sure needs nobody's leave, and one that is not would keep the flow undecided for ever. One
        that passed is not asked again before the other side speaks.
        """
        answer: More | None = None
        for name in names:
            said = self._ask(name, peek)
            if type(said) is Claim:
                return said
            if said is None:
                stream.candidates[name] = sides  # type: ignore[index]
            else:
                answer = MORE
        return answer

    def _match(self, stream: Stream, side: int) -> None:
        """Learn who may speak from the first bytes of *side*: more bytes can only rule out some."""
        stream.matched |= 1 << side
        candidates = stream.candidates
        assert candidates is not None
        start, payload = stream.start, stream.peeked[side]
        # in fewer bytes of a stream others may fit too
        whole = not stream.tcp or len(payload) >= LONGEST
        if whole and stream.slot >= 0 and not candidates:
            bits = self._core.hits(stream.slot)
            if bits and not bits & (bits - 1):  # one alone, as nearly always
                name = self._names[bits.bit_length() - 1]
                if name not in stream.excluded:
                    candidates[name] = 0
                    return
        fitting = self._core.fitting(  # several; or wanted for its name, before it spoke
            start.transport, payload, begun=start.begun, number=start.number
        )
        for number in fitting:
            candidates.setdefault(self._names[number], 0)

    def _ask(self, name: str, peek: Peek) -> Claim | More | None:
        try:
            recognise = self._recognise.get(name)
            if recognise is None:
                recognise = self._recognise[name] = self._protocols[name].recognise
            return recognise(peek)
        except Exception:  # a fault of ours must not end the run
            self._fault(name)
            return None
