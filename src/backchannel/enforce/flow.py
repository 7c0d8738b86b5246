"""What the guard knows of a flow, while it goes on and after it was decided."""

from collections import OrderedDict

import msgspec

from backchannel.enforce.connections import Key, end_of, key
from backchannel.enforce.law import Ends
from backchannel.enforce.nudge import WINDOW
from backchannel.enforce.record import Case
from backchannel.enforce.signs import Sign
from backchannel.flows.row import FlowRow
from backchannel.model import Capability

ASKED = 64
"""Different uses of one flow that are remembered."""
REMEMBERED = 65_536
"""Decided flows that are remembered, in case the policy changes; the oldest ones go first."""


class Asked(msgspec.Struct, frozen=True):
    """One use that the policy was asked about."""

    cases: tuple[Case, ...]
    """One for each service that it may be of."""
    ends: Ends
    either: bool
    """Whether it is refused where one of them is; else where all are."""


class Flow:
    """What the guard knows of a flow that somebody wants."""

    __slots__ = (
        "acked",
        "again",
        "asked",
        "carried",
        "conflicts",
        "ends",
        "lates",
        "long",
        "over",
        "pending",
        "refused",
        "row",
        "slot",
        "stood",
        "told",
        "windows",
        "wronged",
    )

    def __init__(self, slot: int, row: FlowRow, ends: Ends) -> None:
        self.slot, self.row, self.ends = slot, row, ends
        self.conflicts = 0
        self.acked = [-1, -1]  # of each side, what the other one acknowledged last
        self.windows = [WINDOW, WINDOW]  # ... and for how much it had room then
        self.long: set[int] = set()  # sides whose message under way is not held any more
        self.wronged: set[int] = set()  # sides that we stopped amid their message
        self.lates = [0, 0]  # times that parts of a side's message had to be let pass
        self.pending: list[Sign] = []
        self.told: set[tuple[str, str, Capability | None]] = set()
        self.refused: int | None = None  # the mark that its packets get
        self.asked: dict[tuple[str, str, Capability | None], Asked] = {}
        self.carried: tuple[tuple[tuple[str, ...], Ends], ...] = ()
        """When it was given to the kernel: the services of each stream in it, and its ends."""
        self.again = False  # the policy changed: ask about everything once more
        self.stood = False  # it was there before us, as far as the kernel knew
        self.over = False  # the core knows it no more

    def note(self, asked: Asked) -> None:
        """Remember what was asked about it."""
        first = asked.cases[0]
        place = first.stack, first.service, first.capability
        if place in self.asked or len(self.asked) < ASKED:
            self.asked[place] = asked

    def forget_streams(self) -> None:
        """It is over in the core: keep only what a later question needs."""
        self.over, self.pending = True, []
        for place, asked in self.asked.items():
            cases = tuple(case.alone() for case in asked.cases)
            self.asked[place] = msgspec.structs.replace(asked, cases=cases)


class Memory:
    """Flows that were decided, by their connections' names."""

    def __init__(self) -> None:
        self._flows: OrderedDict[Key, Flow] = OrderedDict()
        self.forgotten = 0
        """Flows that had to be forgotten."""

    def keep(self, flow: Flow) -> None:
        """Remember *flow*, which was decided."""
        name = name_of(flow.row)
        self._flows[name] = flow
        self._flows.move_to_end(name)
        if len(self._flows) > REMEMBERED:
            self._flows.popitem(last=False)
            self.forgotten += 1

    def find(self, names: tuple[Key, ...]) -> Flow | None:
        """Return what was decided of a connection that has one of *names*."""
        for name in names:
            if (flow := self._flows.get(name)) is not None:
                return flow
        return None

    def drop(self, flow: Flow) -> None:
        """It is undecided again."""
        name = name_of(flow.row)
        if self._flows.get(name) is flow:
            del self._flows[name]


def turned(ends: Ends) -> Ends:
    """Return them the other way round."""
    return Ends(ends.server, ends.client, ends.server_interface, ends.client_interface)


def name_of(row: FlowRow) -> Key:
    """Return the name of the connection that a flow is."""
    return key(row.protocol, end_of(row.client), end_of(row.server))
