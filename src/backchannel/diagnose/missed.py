"""What a capture itself did not see: no loss on the way, though it is at the other place alone.

A packet was missed by the capture of a place
- where its sender is at that place, and the packet came to the other one all the same;
- where nothing of its sender is in that capture, while what it sent was answered, or was an answer
  with which the peer went on: only one direction was captured there;
- where it came after the capture there had ended. What was sent from there later, and came to the
  other place, tells when it had.
"""

from collections.abc import Sequence

from backchannel.diagnose.asking import Question
from backchannel.diagnose.clocks import Role
from backchannel.diagnose.document import Which

PLACES: tuple[Which, Which] = "near", "far"
OTHER_PLACE: dict[Which, Which] = {"near": "far", "far": "near"}
OTHER_ROLE: dict[Role, Role] = {"initiator": "responder", "responder": "initiator"}


def arrived(asked: Sequence[tuple[Role, Question]]) -> frozenset[Role]:
    """Return the ends whose messages reached the other one, by the questions of one IKE SA at one
    place, in order, and who asked them.
    """
    found: set[Role] = set()
    for number, (role, question) in enumerate(asked):
        if question.answers:
            found.add(role)
        if question.went_on([later for _, later in asked[number + 1 :]]):
            found.add(OTHER_ROLE[role])
    return frozenset(found)
