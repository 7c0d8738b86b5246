"""What the policy says of what a flow shows, and the telling of what is only to be told."""

from ipaddress import ip_address

from backchannel.enforce.flow import Asked, Flow, turned
from backchannel.enforce.law import Ends, Law
from backchannel.enforce.record import Action, Book, Case
from backchannel.engine.stream import Stream
from backchannel.flows.core import FlowCore
from backchannel.policy.model import Line

Found = tuple[Line, Case]
"""The line that refuses, and what it refuses."""


class Asking:
    """The policy, asked about flows."""

    def __init__(self, core: FlowCore, law: Law, book: Book) -> None:
        self._core, self._book = core, book
        self.law = law
        """May be replaced by another at any time."""
        self.now = 0
        """Nanoseconds since 1970: the time of what is told."""

    def ask(self, flow: Flow, asked: Asked) -> Found | None:
        """Ask about one use; remember that it was asked. Return what refuses it in earnest."""
        flow.note(asked)
        ends, cases = asked.ends, list(asked.cases)
        if asked.either:
            cases.sort(key=lambda case: self._lines(flow, case, ends)[0] is None)
            cases = cases[:1]
        found = [
            (line, case) for case in cases if (line := self._refused(flow, case, ends)) is not None
        ]
        if found and len(found) == len(cases):
            return found[0]
        return None  # it may be the service that is allowed: later bytes tell

    def ask_again(self, flow: Flow) -> Found | None:
        """The policy has changed: ask about everything that the flow has shown so far."""
        for asked in list(flow.asked.values()):
            if asked.cases[0].stands and (found := self.ask(flow, asked)) is not None:
                return found
        return None

    def concerned(self, services: tuple[str, ...], ends: Ends) -> bool:
        """Say whether the policy refuses or tells of anything of *services*, whoever opened."""
        law, back = self.law, turned(ends)
        return any(
            law.decide(each, ends).concerns or law.decide(each, back).concerns for each in services
        )

    def spared(self, flow: Flow) -> bool:
        """Say whether nothing of the flow may be refused."""
        row, ends = flow.row, flow.ends
        return self.law.spared(ends) or self.law.lifeline(ends, row.transport, row.server.port)

    def tell(self, flow: Flow, line: Line, case: Case, action: Action) -> None:
        """Record what was done; what only is told, once for each flow, line and use."""
        if action in ("observed", "alerted", "spared"):
            key = line.name, case.service, case.capability
            if key in flow.told:
                return
            flow.told.add(key)
        row = flow.row if flow.over else self._core.row(flow.slot)
        self._book.tell(row, line, case, action, self.now)

    def _refused(self, flow: Flow, case: Case, ends: Ends) -> Line | None:
        """Return the line that refuses a use in earnest; tell of what is only to be told."""
        found, alerts = self._lines(flow, case, ends)
        for line in alerts:
            self.tell(flow, line, case, "alerted")
        if found is None:
            return None
        mode = self.law.mode(found)
        if self.spared(flow):
            self.tell(flow, found, case, "spared")
        elif mode == "observe":
            self.tell(flow, found, case, "observed")
        elif mode == "alert":
            self.tell(flow, found, case, "alerted")
        else:
            return found
        return None

    def _lines(self, flow: Flow, case: Case, ends: Ends) -> tuple[Line | None, tuple[Line, ...]]:
        """Return the line that refuses a use, and those that want to be told of it."""
        found: Line | None = None
        alerts: tuple[Line, ...] = ()
        for each in (ends,) if flow.row.begun else (ends, turned(ends)):
            decision = self.law.decide(case.service, each)
            if case.capability is None:
                found = found or decision.all
            else:
                found = found or decision.refused.get(case.capability)
                alerts = alerts or decision.alerted.get(case.capability, ())
        return found, alerts


def between(flow: Flow, stream: Stream) -> Ends:
    """Return who talks to whom in a stream; a proxy's client talks to its target."""
    if stream.target is None:
        return flow.ends
    try:
        target = str(ip_address(stream.target.address))
    except ValueError:
        return flow.ends
    return Ends(flow.ends.client, target, flow.ends.client_interface, flow.ends.server_interface)
