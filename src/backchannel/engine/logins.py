"""Flows that one login ties together."""

FLOWS_OF_A_LOGIN = 4096
"""Flows that are listed of a login."""


class Group:
    """Flows that one login ties together; two groups become one when a flow belongs to both."""

    __slots__ = ("account", "first", "flows", "into", "last", "service")

    def __init__(self, service: str, now: int) -> None:
        self.service, self.account = service, ""
        self.flows: dict[int, str] = {}
        """By their serials, the protocol that tied each."""
        self.first = self.last = now
        self.into: Group | None = None

    def root(self) -> "Group":
        """Return the group that this one has become part of, or itself."""
        group = self
        while group.into is not None:
            group = group.into
        if group is not self:
            self.into = group
        return group

    def add(self, serial: int) -> bool:
        """Take in a flow; False: there are too many already."""
        if len(self.flows) >= FLOWS_OF_A_LOGIN and serial not in self.flows:
            return False
        self.flows.setdefault(serial, "")
        return True

    def absorb(self, other: "Group") -> None:
        """Take in the flows of *other*, which becomes part of this group."""
        if len(self.flows) < len(other.flows):  # or many small ones would each copy a large one
            self.flows, other.flows = other.flows, self.flows
        for serial, protocol in other.flows.items():
            if not self.add(serial):
                break
            self.flows[serial] = self.flows[serial] or protocol
        other.flows = {}
        self.first, self.last = min(self.first, other.first), max(self.last, other.last)
        if not self.account:
            self.account, self.service = other.account, other.service
        other.into = self
