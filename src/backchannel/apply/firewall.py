"""What loading needs of a firewall of this host, whichever it is."""

from typing import Literal, Protocol

import msgspec

from backchannel.policy.compile import File

Does = Literal["overrides allow", "overrides deny", "bypasses"]


class Foreign(msgspec.Struct, frozen=True):
    """A rule that is not ours and stands in ours' way."""

    where: str
    """Table and chain, in the firewall's own words."""
    rule: str
    does: Does
    why: str


class Firewall(Protocol):
    """One firewall's programs. What is not ours is never touched."""

    name: str

    def live(self) -> str:
        """Return our rules as the kernel has them now, without counts; empty where none are."""

    def preview(self, files: tuple[File, ...]) -> str:
        """Return what `live` would be after loading *files*, from a kernel where nothing runs.

        Raises InputError where the kernel does not take the text.
        """

    def load(self, files: tuple[File, ...], *, lock: int = -1) -> None:
        """Put *files* in our rules' place, in one step."""

    def restore(self, live: str, *, lock: int = -1) -> None:
        """Make our rules what `live` once returned, in one step; nothing is left for empty."""

    def foreign(self) -> list[Foreign]:
        """Return the rules of others that decide before ours, or past them."""
