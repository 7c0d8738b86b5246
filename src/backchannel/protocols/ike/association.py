"""What is remembered of IKE SAs on one flow: who began, how far it came, what NAT hashes said.

Memory: SAS associations, the oldest going first, each with at most HASHES hashes and the marks of
RECENT messages; the CREDENTIALS latest aggressive exchanges keep seven payloads of PARTS bytes.
"""

from typing import TypeAlias

from backchannel.hashes import mark_of, with_mark
from backchannel.model import Endpoint
from backchannel.protocols.ike import psk
from backchannel.protocols.ike.nat import End, Heard, heard
from backchannel.protocols.ike.numbers import NOBODY, SA_INIT
from backchannel.protocols.ike.wire import Header

SAS = 64
HASHES = 16
RECENT = 16
INSISTENT = 2
"""Times that a message must come again to show that its sender gets no answer."""
KEPT_QUICK = 8
PARTS = 8192
CREDENTIALS = 8
UNSEEN = -1
"""No side."""
UNRANKED = -1
"""Rank of a stage that is not a step forward."""

STAGES = {
    "initiated": 0,
    "cookie-required": 1,
    "retry-required": 1,
    "redirected": 1,
    "refused": 1,
    "answered": 2,
    "answer-alone": 2,
    "authenticating": 3,
    "authentication-answered": 4,
    "established": 5,
    "silent": UNRANKED,
    "rekeying": UNRANKED,
    "deleting": UNRANKED,
}
"""Steps forward by rank; each is told once, and what has none each time."""
DECLINED, ANSWERED, ESTABLISHED = STAGES["refused"], STAGES["answered"], STAGES["established"]
INITIATED, AUTHENTICATING = STAGES["initiated"], STAGES["authenticating"]
VARIED = DECLINED, STAGES["authentication-answered"]
"""Ranks at which something else may be told."""
UNANSWERED = {INITIATED: "to begin", AUTHENTICATING: "to authenticate"}
"""Ranks at which a peer waits for the other, and what for."""
Step: TypeAlias = tuple[str, str]
"""A stage of `IkeStage`, and its detail."""
Outcome: TypeAlias = tuple[Step, int]
"""A step that is told at the end, and whose it is."""


class Association:
    """One IKE SA, by the initiator's SPI. `begin` makes it."""

    __slots__ = (
        "_initiator_spi",
        "_key",
        "_last",
        "_responder_spi",
        "account",
        "again",
        "asker",
        "farewell",
        "hashes",
        "initiator",
        "judged",
        "messages",
        "method",
        "method_of_nat",
        "parted",
        "parts",
        "quick",
        "rank",
        "recent",
        "refused",
        "responder",
        "side",
        "spoke",
        "stage",
        "tied",
        "version",
    )

    def begin(self, header: Header, side: int) -> None:
        """Take what the first message says, and the *side* of the initiator."""
        self.initiator, self.responder = header.initiator, header.responder
        self.version = header.version
        self._key = self._initiator_spi = self._responder_spi = ""
        self.side = side
        """The initiator's; UNSEEN where IKEv1's beginning was not seen."""
        self.stage: Step = "", ""
        self.rank = UNRANKED
        self.messages = 0
        self.spoke = 0
        """Bits of the sides that have said something of it."""
        self.recent = b""
        """Marks of the messages that came last, RECENT at most."""
        self.asker, self.again = UNSEEN, 0
        """The side that spoke last and waits, and how often its last message came again since."""
        self._last = 0
        """The hash of that message, of which there may be several for one question: fragments."""
        self.hashes: tuple[Heard, ...] = ()
        self.judged = 0
        self.parts: psk.Parts | None = None
        self.method = 0
        """How IKEv1 authenticates, by the number that was chosen."""
        self.method_of_nat = ""
        self.account = ""
        self.quick: dict[int, list[int]] | None = None
        self.farewell: dict[int, int] | None = None
        """By side, the message id of its latest IKEv2 request that may end it: an empty answer to
        one does not show that it is up."""
        self.parted = False
        """Whether the latest request may have ended it and was answered: it may come again, as when
        two renewals cross, and nobody waits for more."""
        self.refused: Outcome | None = None
        """An error in clear that came after an answer. Anybody may say so: it counts where nothing
        follows."""
        self.tied = False
        """Whether the flow was tied to the SA's others."""

    def key(self) -> str:
        """Names the SA among all flows; empty while nobody has answered, or agreed."""
        if not self._key and self.responder != NOBODY and self.rank != DECLINED:
            self._key = f"ike/{self.initiator_spi()}/{self.responder_spi()}"
        return self._key

    def initiator_spi(self) -> str:
        """Return the initiator's SPI in words."""
        if not self._initiator_spi:
            self._initiator_spi = f"{self.initiator:016x}"
        return self._initiator_spi

    def responder_spi(self) -> str:
        """Return the responder's; empty while nobody has answered."""
        if not self._responder_spi and self.responder != NOBODY:
            self._responder_spi = f"{self.responder:016x}"
        return self._responder_spi

    def sender(self, side: int) -> End | None:
        """Who of the two *side* is."""
        if UNSEEN in (self.side, side):
            return None
        return "initiator" if side == self.side else "responder"

    def is_of(self, header: Header) -> bool:
        """Say whether *header*, which has its initiator's SPI, can belong to it."""
        if header.version != self.version:
            return False
        return header.opens or self.responder in (header.responder, NOBODY) or self._asks(header)

    def _asks(self, header: Header) -> bool:
        """Say whether *header* may be of an answer to the same question asked again. Whoever wants
        a cookie, or another group, has no SPI yet, and may put in any (RFC 7296 §2.6).
        """
        return header.exchange == SA_INIT and header.answers and self.rank < ANSWERED

    def name_responder(self, responder: int) -> None:
        """Take the responder's SPI, which an answer told."""
        if responder not in (NOBODY, self.responder):
            self.responder, self._key, self._responder_spi = responder, "", ""

    def outcome(self) -> Outcome | None:
        """Return how it failed: that it was refused, or what one peer waits for in vain; None where
        the other has answered, or nobody asked. Where the SA may be up already, it takes a question
        that is asked three times. Who names the other's SPI had an answer to what came before.
        """
        alone = self.one_sided()
        if self.refused is not None and self.rank <= AUTHENTICATING:
            return self.refused
        if self.rank in UNANSWERED and (alone or self.again):
            named = self.responder != NOBODY
            if named and not self.again and self.rank == INITIATED:
                return None  # IKEv1 goes on: its answers took another way
            count = self.messages if alone and not named else self.again + 1
            return ("unanswered", f"{_messages(count)}, {UNANSWERED[self.rank]}"), self.asker
        if self.again >= INSISTENT and not self.parted:
            stage = "unanswered" if self.rank in (DECLINED, ANSWERED) else "silent"
            return (stage, _messages(self.again + 1)), self.asker
        if alone or self.rank >= ESTABLISHED or not self.quick:
            return None
        quick = [spoken for spoken in self.quick.values() if len(spoken) == 1]
        return (("unanswered", "quick mode"), self.asker) if quick else None

    def one_sided(self) -> bool:
        """Say whether one side only has said something of it."""
        return self.spoke in (1, 2)

    def step(self, step: Step, side: int = UNSEEN) -> bool:
        """Go forward with what *side* said; False where the SA is there or beyond already, and
        nothing is to be told.

        What an answer may say instead of an answer can change until there is one, and so can that
        to an authentication in several rounds.
        """
        rank = STAGES[step[0]]
        if rank == UNRANKED:
            return True
        if step[0] == "refused" and self.rank >= ANSWERED:
            self.refused = step, side
        if rank < self.rank or (rank == self.rank and (rank not in VARIED or step == self.stage)):
            return False
        self.stage, self.rank = step, rank
        return True

    def repeats(self, side: int, message: bytes, answers: bool) -> bool:
        """Say whether *message* of *side* came before, and remember it, and who waits: nobody where
        it *answers*.
        """
        mark = mark_of(message, side)
        recent = with_mark(self.recent, mark, RECENT)
        known = recent is self.recent
        self.recent = recent
        if known and side == self.asker:
            self.again += mark == self._last
        else:
            self.asker, self.again = UNSEEN if answers else side, 0
            self._last = mark
        return known

    def keep(self, of: End, by: End, value: bytes, header: Header, seen: Endpoint) -> None:
        """Remember a NAT hash, within the bound; for what it says see `nat.heard`."""
        if len(self.hashes) >= HASHES:
            return
        for known in self.hashes:
            if known.says(of, by, value, header, seen):
                return
        self.hashes += (heard(of, by, value, header, seen),)


class Table:
    """The associations of one flow, by the initiator's SPI."""

    def __init__(self) -> None:
        self.begun = 0
        """How many there were."""
        self.latest: Association | None = None
        """The one that was begun last. It is among those that are held."""
        self._credentials: list[Association] | None = None
        self._held: dict[int, Association] = {}

    def find(self, header: Header, side: int) -> Association:
        """Return the association of *header*, which may begin with it."""
        known = self.latest
        if known is None or known.initiator != header.initiator:
            known = self._held.get(header.initiator)
        if known is None or not known.is_of(header):
            known = begin(header, _initiator(header, side))
            self._put(known)
        else:
            known.name_responder(header.responder)
        return known

    def expect_credential(self, association: Association) -> None:
        """Keep the parts of an aggressive exchange; those of the oldest are forgotten."""
        association.parts = psk.Parts()
        if self._credentials is None:
            self._credentials = []
        self._credentials.append(association)
        if len(self._credentials) > CREDENTIALS:
            self._credentials.pop(0).parts = None

    def held(self) -> list[Association]:
        """Return all of them, oldest first."""
        return list(self._held.values())

    def _put(self, association: Association) -> None:
        self.begun += 1
        self._held.pop(association.initiator, None)
        if len(self._held) >= SAS:
            del self._held[next(iter(self._held))]
        self._held[association.initiator] = self.latest = association


def _messages(count: int) -> str:
    return "1 message" if count == 1 else f"{count} messages"


def begin(header: Header, side: int) -> Association:
    """Return what begins with *header*, without the call that `__init__` would be."""
    made = Association.__new__(Association)
    made.begin(header, side)
    return made


def _initiator(header: Header, side: int) -> int:
    """Return the initiator's side: IKEv2 tells in every message, IKEv1 by the missing answer."""
    if header.version == 2:
        return side if header.from_initiator else 1 - side
    return side if header.opens else UNSEEN
