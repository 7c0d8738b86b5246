"""Verdicts: what the policy says of a packet, given what its flow shows in use.

Every packet of a flow that somebody wants comes here, after the engine has seen its bytes and
before anybody else has. It passes, waits, or is refused; the flow stays with us, or becomes the
kernel's for good.
"""

from collections.abc import Callable, Iterator, Sequence

from backchannel.contract import Output
from backchannel.enforce import signs
from backchannel.enforce.asking import Asking, Found, between
from backchannel.enforce.connections import Key
from backchannel.enforce.flow import Asked, Flow, Memory, name_of, turned
from backchannel.enforce.hold import Holds
from backchannel.enforce.law import MILD, Ends, Law
from backchannel.enforce.marks import Marks
from backchannel.enforce.nfqueue import ACCEPT, DROP
from backchannel.enforce.record import Book, Case
from backchannel.enforce.refuse import Refuser
from backchannel.enforce.sift import NONE, SETTLED, UNDECIDED, WANTED, Packet, Sift
from backchannel.enforce.signs import Sign
from backchannel.enforce.waits import Waits
from backchannel.engine.engine import Engine
from backchannel.engine.stream import Stream
from backchannel.flows.core import CLOSED, Delivery, FlowCore
from backchannel.model import Side
from backchannel.policy.model import Line

PENDING = 64
"""Signs of one flow that wait until it is known whose they are."""


class Judge:
    """Answers for queued packets. `deliver` and `judge` are what `Sift` calls."""

    def __init__(
        self,
        core: FlowCore,
        engine: Engine,
        law: Law,
        *,
        book: Book,
        refuser: Refuser,
        marks: Marks,
        standing: frozenset[Key] = frozenset(),
        interface: Callable[[int], str] = lambda _: "",
        service_of_name: Callable[[str], str] = lambda _: "",
    ) -> None:
        self._core, self._engine, self._book = core, engine, book
        self._asking = Asking(core, law, book)
        self._refuser, self._marks, self._interface = refuser, marks, interface
        self._service_of_name = service_of_name
        self._standing = standing
        self._flows: dict[int, Flow] = {}
        self.memory = Memory()
        self.waits = Waits(self._asking, self._flows, refuser)
        self._said: list[tuple[Stream, Output]] = []
        self._sift: Sift | None = None

    @property
    def _law(self) -> Law:
        return self._asking.law

    @property
    def now(self) -> int:
        """Nanoseconds since 1970; whoever brings packets sets it."""
        return self._asking.now

    @now.setter
    def now(self, now: int) -> None:
        self._asking.now = self.waits.now = now

    def attach(self, sift: Sift, holds: Holds) -> None:
        """Meet those that call, and are called."""
        self._sift = sift
        self.waits.attach(sift, holds)

    # -- what the sift calls ---------------------------------------------------------------------

    def heard(self, stream: Stream, _side: Side, output: Output) -> None:
        """A session said something: `Engine` calls it."""
        self._said.append((stream, output))

    def deliver(self, batch: Sequence[Delivery]) -> None:
        """Bring what the core delivers to the engine."""
        self._engine.handle(batch)
        for delivery in batch:
            if delivery[2] == CLOSED and (flow := self._flows.pop(delivery[0], None)):
                flow.forget_streams()
                if flow.refused is not None:  # nobody goes on with it: what comes is judged afresh
                    self.memory.drop(flow)

    def judge(self, packet: Packet) -> None:
        """Answer for one packet."""
        known = packet.kind == SETTLED and signs.known(self._engine.stream(packet.slot))
        if packet.kind == WANTED or known:
            self._wanted(packet)
        elif packet.kind == UNDECIDED:
            self._undecided(packet)
        elif packet.kind == SETTLED and self._law.rules.default == "allow":
            self.waits.release(packet)
            self._pass(packet)
        else:
            self._unknown(packet)
        self._said.clear()
        assert self._sift is not None
        self._sift.careful = bool(self.waits.holds)

    def find(self, flow: Flow, said: Sequence[tuple[Stream, Output]], now: int) -> Found | None:
        """Return what is refused of what *flow* shows by now (*said*: by its sessions just now),
        for callers that cannot hold packets; report what is only to be reported.
        """
        self._said[:], self.now = said, now
        found = self._found(flow, self._engine.stream(flow.slot))
        self._said.clear()
        return found

    # -- flows that somebody wants ---------------------------------------------------------------

    def _wanted(self, packet: Packet) -> None:
        flow = self._flow(packet)
        if flow.refused is not None:  # it came before the kernel knew
            self._answer(packet, flow.refused)
            return
        if packet.conflicts > flow.conflicts and not self._law.mild:
            flow.conflicts = packet.conflicts
            self._book.count("packets dropped: a retransmission with other content")
            packet.queue.judge(packet.number, DROP)
            return
        self.waits.note(packet, flow)
        stream = self._engine.stream(packet.slot)
        found = self._found(flow, stream)
        if found is not None:
            self._refuse(packet, flow, *found)
        elif (patched := self._refuser.again(packet)) is not None:
            self._rewritten(packet, flow, stream, patched)
        elif packet.ahead > 0:
            self.waits.behind_a_hole(packet)
        elif self._strange(packet, flow, stream):
            self._stranger(packet, flow)
        elif stream is not None and self.waits.within_message(packet, flow, stream):
            self.waits.for_the_end(packet, flow, known=stream.session is not None)
        elif stream is not None and not packet.tunnelled and self._finished(flow, stream):
            flow.carried = tuple(self._carried(flow, stream))
            self.memory.keep(flow)
            self._pass(packet)
        else:
            packet.queue.judge(packet.number, ACCEPT)

    def _rewritten(self, packet: Packet, flow: Flow, stream: Stream | None, patched: bytes) -> None:
        """Answer for a packet that repeats what was overwritten. It cannot wait, because nothing
        would overwrite it then: where it would have to, or cannot be overwritten, it is sent again.
        """
        waits = packet.ahead > 0 or (
            stream is not None and self.waits.within_message(packet, flow, stream)
        )
        if waits or not patched:
            self._book.count("packets dropped: they repeat what was overwritten, and cannot pass")
            packet.queue.judge(packet.number, DROP)
        else:
            packet.queue.judge(packet.number, ACCEPT, None, patched)

    def _strange(self, packet: Packet, flow: Flow, stream: Stream | None) -> bool:
        """Say whether it is of a connection that stood before us and does not say what it is."""
        if packet.midway:
            return stream is None or not self._plain(flow, stream)
        if not flow.stood or stream is None or signs.proved(stream):
            return False
        ends = between(flow, stream)
        families = [self._law.family(each, stream.service) for each in signs.possible(stream)]
        return any(
            family and all(self._law.decide(each, ends).all for each in family)
            for family in families
        )

    def _plain(self, flow: Flow, stream: Stream) -> bool:
        """Say whether it is known of a stream what the policy says of it."""
        if not signs.proved(stream) or signs.amid(stream):
            return False
        family = self._law.speakers(stream.spoken, stream.service)
        ends = between(flow, stream)
        refused = [self._law.decide(each, ends).refused.keys() for each in family]
        return len({frozenset(each - signs.OFFERED) for each in refused}) <= 1

    def _flow(self, packet: Packet) -> Flow:
        flow = self._flows.get(packet.slot)
        if flow is None or flow.row.serial != packet.serial:
            row = self._core.row(packet.slot)
            interfaces = self._interface(packet.incoming), self._interface(packet.outgoing)
            mine, other = interfaces if packet.side == 0 else interfaces[::-1]
            ends = Ends(row.client.address, row.server.address, mine, other)
            flow = self._flows[packet.slot] = Flow(packet.slot, row, ends)
            if self._standing and row.transport == "udp":
                flow.stood = name_of(row) in self._standing
        return flow

    def _found(self, flow: Flow, stream: Stream | None) -> Found | None:
        """Return what is refused of a flow: by what announced it, until somebody reads it."""
        return self._announced(flow) if stream is None else self._look(flow, stream)

    def _announced(self, flow: Flow) -> Found | None:
        """Judge a flow by what announced it, before its first byte."""
        for token in flow.row.expected:
            made = self._engine.announced(token)
            if made is None or not made.expect.port:
                continue  # a host alone: whatever comes from there may be something else
            expect = made.expect
            for service in self._law.speakers(expect.protocol, made.service):
                case = Case(service, expect.purpose, expect.protocol, made.evidence)
                found = self._asking.ask(flow, Asked((case,), flow.ends, either=True))
                if found is not None:
                    return found
        return None

    def _look(self, flow: Flow, stream: Stream) -> Found | None:
        """Judge a flow by what it shows in use by now."""
        if flow.again:
            flow.again = False
            if (found := self._asking.ask_again(flow)) is not None:
                return found
        mine = set(signs.tree(stream)) if self._said else set()  # others may have ended meanwhile
        said = (told for told in self._said if told[0] in mine)
        fresh = [sign for told in said if (sign := signs.of_output(*told)) is not None]
        for sign in (*flow.pending, *signs.of_stream(stream), *fresh):
            if sign.stands and sign.proved:
                found = self._judge_sign(flow, sign)
                if found is not None:
                    return found
        flow.pending = [
            sign for sign in (*flow.pending, *fresh) if sign.stands and not sign.settled
        ][-PENDING:]
        return None

    def _judge_sign(self, flow: Flow, sign: Sign) -> Found | None:
        stream = sign.stream
        service = sign.service or stream.service
        if sign.name:
            service = self._service_of_name(sign.name)
            if not service:
                return None
        ends = between(flow, stream)
        speakers = self._law.speakers(sign.protocol, "" if sign.anonymous else service)
        if not speakers:
            return None
        cases = (Case(each, sign.capability, stream.stack, sign.why, stream) for each in speakers)
        asked = Asked(tuple(cases), ends, either=sign.anonymous or sign.sure)
        return self._asking.ask(flow, asked)

    # -- flows that nobody wants -----------------------------------------------------------------

    def _undecided(self, packet: Packet) -> None:
        """A flow that nobody wants yet: its first bytes may be those of something refused."""
        if packet.ahead > 0 or packet.opening:
            flow = self._flow(packet)
            self.waits.note(packet, flow)
            if packet.ahead > 0:
                self.waits.behind_a_hole(packet)
            else:
                self.waits.for_the_end(packet, flow)
            return
        self.waits.release(packet)
        if packet.midway:
            self._stranger(packet, self._flow(packet))
        else:
            packet.queue.judge(packet.number, ACCEPT)

    def _unknown(self, packet: Packet) -> None:
        """A flow of nobody we know, under a policy that allows only what it names."""
        if packet.kind == NONE or packet.slot < 0:
            if self._law.mild:
                packet.queue.judge(packet.number, ACCEPT)
                return
            self._book.count("packets dropped: of no flow, and what is not allowed is denied")
            packet.queue.judge(packet.number, DROP)
            return
        assert packet.kind == SETTLED
        flow = self._flow(packet)
        if flow.refused is not None:
            self._answer(packet, flow.refused)
            return
        if flow.asked:  # it named a service that the policy allows, and shows no more
            self._pass(packet)
            return
        line, case = self._law.default, Case("", None, "unknown", "nothing known of it")
        mode = self._law.mode(line)
        spared = self._asking.spared(flow)
        if not spared and mode not in MILD:
            self._refuse(packet, flow, line, case)
            return
        if not spared:
            self._asking.tell(flow, line, case, "observed" if mode == "observe" else "alerted")
        self._pass(packet)

    def _stranger(self, packet: Packet, flow: Flow) -> None:
        """A connection that stood before us and does not say at once what it is: where a rule
        wants it, its ends must begin anew.
        """
        line = self._law.renews(flow.ends) or self._law.renews(turned(flow.ends))
        if flow.refused is not None:
            self._answer(packet, flow.refused)
        elif line is None or self._asking.spared(flow) or self._law.mode(line) in MILD:
            packet.queue.judge(packet.number, ACCEPT)
        else:
            self._refuse(packet, flow, line, Case("", None, "unknown", "joined midstream"))

    # -- verdicts --------------------------------------------------------------------------------

    def _finished(self, flow: Flow, stream: Stream) -> bool:
        """Say whether nothing that can still come on the flow concerns the policy."""
        for each in signs.tree(stream):
            if each.deaf or each.is_done():
                continue
            if each.spoken in signs.CARRIERS and each.children:
                continue
            if each.session is None or not signs.proved(each) or each.spoken in signs.CARRIERS:
                return False
            if each.protocol is not None and each.protocol.context:
                return False
            ends = between(flow, each)
            family = self._law.family(each.spoken, each.service)
            if self._asking.concerned(family, ends):
                return False
        return True

    def _carried(self, flow: Flow, stream: Stream) -> Iterator[tuple[tuple[str, ...], Ends]]:
        """Yield the services that each stream of the flow may serve, and its ends."""
        for each in signs.tree(stream):
            if not each.deaf:
                yield self._law.family(each.spoken, each.service), between(flow, each)

    def _pass(self, packet: Packet) -> None:
        """The kernel passes the flow from now on."""
        assert self._sift is not None
        self._sift.decided(packet.packets)
        self._book.count("flows given to the kernel to pass")
        self._answer(packet, self._marks.passes)

    def _refuse(self, packet: Packet, flow: Flow, line: Line, case: Case) -> None:
        """Refuse the packet, and with it the flow, unless the offer in it can be taken out."""
        assert self._sift is not None
        holds = self.waits.holds
        first = holds.first(packet.slot, packet.serial, packet.side)
        if (
            line.refuse == "decline"
            and first is None
            and case.stream is not None
            and case.capability is not None
        ):
            patched = self._refuser.decline(packet, case.stream)
            if patched is not None:
                self._asking.tell(flow, line, case, "declined")
                packet.queue.judge(packet.number, ACCEPT, None, patched)
                return
        self._sift.decided(packet.packets)
        refused = self._cut(flow, line, case)
        holds.drop(packet.slot, packet.serial)
        if refused == self._marks.resets:
            self._refuser.reset(packet, first)
        self._refuser.over(packet)
        if not packet.tunnelled:
            self.memory.keep(flow)
        self._answer(packet, refused)

    def _cut(self, flow: Flow, line: Line, case: Case) -> int:
        """Refuse the whole flow; return the mark that says so."""
        resets = self._law.mode(line) == "reset" or line.refuse != "drop"
        flow.refused = self._marks.resets if resets else self._marks.drops
        self._asking.tell(flow, line, case, "reset" if resets else "dropped")
        return flow.refused

    def _answer(self, packet: Packet, verdict: int) -> None:
        """Let the kernel act on *verdict*, now and from now on."""
        if packet.tunnelled and verdict != self._marks.passes:
            self._book.count("packets dropped inside tunnels")  # the mark would be the tunnel's
            packet.queue.judge(packet.number, DROP)
            return
        packet.queue.judge(packet.number, ACCEPT, packet.mark & ~self._marks.mask | verdict)

    # -- another policy --------------------------------------------------------------------------

    def reload(self, law: Law, service_of_name: Callable[[str], str] | None = None) -> None:
        """Judge by another policy from now on. What is decided is revised one by one."""
        self._asking.law = law
        self._service_of_name = service_of_name or self._service_of_name
        for flow in list(self._flows.values()):
            flow.again = True
            if flow.refused is not None:
                self.revise(flow)

    def revise(self, flow: Flow) -> int:
        """Return the mark that the connection of a decided flow has by the policy of now."""
        found = self._asking.ask_again(flow)
        if found is not None:
            return flow.refused or self._cut(flow, *found)
        if flow.refused is None and not any(self._asking.concerned(*each) for each in flow.carried):
            return self._marks.passes
        flow.refused = None
        self.memory.drop(flow)
        if not flow.over:
            flow.again = True
            self._core.want(flow.slot)
        return 0
