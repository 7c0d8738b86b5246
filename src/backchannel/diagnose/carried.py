"""Whether ESP comes through from one place to the other, and what of it does not."""

from collections.abc import Iterator, Sequence

from backchannel.diagnose.cases import Found, evidence
from backchannel.diagnose.clocks import ROLES, Role
from backchannel.diagnose.document import Certainty, Evidence
from backchannel.diagnose.missed import OTHER_PLACE, OTHER_ROLE
from backchannel.diagnose.sides import Met, Sides, Sighting

ENOUGH = 3
SHARE = 0.01
"""Packets, and the part of all, that must be lost."""


def find(sides: Sides) -> Iterator[Found]:
    """Yield what two places together say of ESP."""
    came = {role: [each for each in sides.met if _is(each.near, role)] for role in ROLES}
    for role in ROLES:
        place = sides.place(role)
        lost = [each for each in sides.only[place] if _is(each, role)]
        if lost:
            yield from _Way(sides, role, came[role], lost).found()
    for role in ROLES:
        back = OTHER_ROLE[role]
        sent = [each for each in sides.only[sides.place(back)] if _is(each, back)]
        blind = any(back in silent for silent in sides.deaf.values())
        if len(came[role]) >= ENOUGH and not came[back] and not sent and not blind:
            yield _unanswered(came[role])


def _is(seen: Sighting, role: Role) -> bool:
    return seen.role == role and seen.what.startswith("ESP")


class _Way:
    """ESP of one end: what *came* to the other place, and what was *lost* before it."""

    def __init__(
        self, sides: Sides, role: Role, came: Sequence[Met], lost: Sequence[Sighting]
    ) -> None:
        self.sides, self.role, self.came, self.lost = sides, role, came, lost
        self.place = sides.place(role)
        self.other = OTHER_PLACE[self.place]
        first = lost[0]
        self.words = {
            "sender": first.source.address,
            "receiver": first.target.address,
            "port": str(first.target.port),
        }

    def found(self) -> Iterator[Found]:
        """Yield what is to be said of what was lost."""
        lost, sent = len(self.lost), len(self.came) + len(self.lost)
        if sent < ENOUGH or lost / sent < SHARE or lost < self._expected(sent):
            return
        name = "plain-esp-dropped" if self.lost[0].what == "ESP" else "esp-dropped"
        because = [self._counted()]
        first = self.lost[0].frame
        if not self.came:
            if any(not each.near.what.startswith("ESP") for each in self.sides.met):
                because.append(evidence("IKE between the two comes through"))
            yield Found(name, self._sure(), because, self.words, first)
        elif self._within() < ENOUGH:
            return  # they came, and went on when the other capture was over
        elif lost >= ENOUGH and (last := self._last()) is not None:
            because.append(last)
            yield Found(name, self._sure(), because, self.words, first)
        elif lost >= ENOUGH and (size := self._larger()):
            told = self.words | {"size": str(size)}
            because.append(
                evidence(f"all that were lost have {size:,} bytes or more, all that came fewer")
            )
            yield Found("esp-too-large", self._sure(), because, told, first)
        elif lost >= ENOUGH:
            told = self.words | {"percent": f"{100 * lost / sent:.1f} %"}
            yield Found("esp-lost", self._sure(), because, told, first)

    def _expected(self, sent: int) -> float:
        """Return how many of the packets *sent* may be missed by the capture at the other place, by
        how many of its own it misses, with room for chance.
        """
        share = self.sides.incomplete(self.other)
        return 2 * share * sent + ENOUGH if share else 0

    def _sure(self) -> Certainty:
        """How sure it is that they did not arrive, rather than that they were not captured."""
        missed = self.sides.incomplete(self.other) >= SHARE
        heard = self.sides.hears(self.other, self.role)
        return "certain" if self._within() >= ENOUGH and heard and not missed else "likely"

    def _within(self) -> int:
        """Return how many of the lost were sent while the other capture surely went on."""
        return sum(self.sides.covered(each.time, self.place) for each in self.lost)

    def _counted(self) -> Evidence:
        sent = len(self.came) + len(self.lost)
        return evidence(
            f"{sent:,} packets of {self.lost[0].what} of {self.words['sender']} were sent, "
            f"{len(self.came):,} came to the other place",
            tuple(each.frame for each in self.lost),
            self.lost[0].time,
            of=self.place,
        )

    def _last(self) -> Evidence | None:
        """Say which was the last that came, where none did from then on."""
        mine = [each.near if self.place == "near" else each.far for each in self.came]
        last = max(mine, key=lambda each: each.time)
        if last.time > self.lost[0].time:
            return None
        text = "this was the last one that came, and none did from then on"
        return evidence(text, (last.frame,), last.time, of=self.place)

    def _larger(self) -> int:
        """Return the size of the least that was lost, where all that came are smaller; else 0."""
        least = min(each.octets for each in self.lost)
        return least if least > max(each.near.octets for each in self.came) else 0


def _unanswered(came: Sequence[Met]) -> Found:
    """ESP of one end arrives, and the other one sends none."""
    first = came[0].near
    told = {"sender": first.source.address, "receiver": first.target.address}
    because = [
        evidence(
            f"{len(came):,} packets of {first.what} of {first.source.address} come to the other "
            "place, and none leaves there",
            (first.frame,),
            first.time,
        )
    ]
    return Found("esp-unanswered", "certain", because, told, first.frame)
