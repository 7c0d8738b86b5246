"""Asks recognisers about the first bytes of both sides: a claim, more bytes, or nobody's."""

from collections.abc import Callable, Iterable

from backchannel.contract import Peek
from backchannel.model import MORE, Claim, More

PEEK_LIMIT = 4096
"""Bytes of each side shown to recognisers; a protocol that needs more cannot be told apart."""


Ask = Callable[[str, Peek], Claim | More | None]
"""Asks the recogniser of a protocol by name."""


def decide(ask: Ask, candidates: Iterable[str], peek: Peek) -> Claim | More | None:
    """Return the first claim among *candidates*, in their order, or MORE, or None for nobody.

    While an earlier candidate still asks for more, a later one may claim: a recogniser that is
    sure needs nobody's leave, and one that is not would keep the flow undecided for ever.
    """
    waiting = False
    for name in candidates:
        answer = ask(name, peek)
        if type(answer) is Claim:
            return answer
        waiting = waiting or answer is not None
    return MORE if waiting else None
