"""IKEv1 fragments, as Cisco and Microsoft send them: parts in, whole messages out.

    HEADER, next payload 132 | next u8 | 0 | length u16 | fragment id u16 | number u8 | flags u8 |
    part of the message, whose own header comes with the first

Flag 1 is on the last one; numbers begin at 1. Public description: [MS-IKEE] §2.2.3.
Memory: SETS unfinished messages of LONGEST bytes.
"""

from backchannel.reader import Reader

SETS = 4
LONGEST = 65_535
LAST = 1


class Fragments:
    """The unfinished messages of one flow."""

    def __init__(self) -> None:
        self._sets: dict[tuple[int, int, int], tuple[dict[int, bytes], list[int]]] = {}

    def add(self, side: int, initiator: int, body: bytes) -> tuple[int, int, bytes]:
        """Take a fragment payload's *body*; return its number, how many, and the whole message.

        How many is 0 and the message empty while they are not known. Raises WireError for a body
        that is cut short.
        """
        reader = Reader(body)
        which, number, flags = reader.u16(), reader.u8(), reader.u8()
        key = side, initiator, which
        if key not in self._sets and len(self._sets) >= SETS:
            del self._sets[next(iter(self._sets))]
        parts, total = self._sets.setdefault(key, ({}, [0]))
        parts.setdefault(number, reader.rest())
        if flags & LAST:
            total[0] = number
        if sum(map(len, parts.values())) > LONGEST:
            del self._sets[key]
            return number, 0, b""
        if not total[0] or any(at not in parts for at in range(1, total[0] + 1)):
            return number, total[0], b""
        del self._sets[key]
        return number, total[0], b"".join(parts[at] for at in range(1, total[0] + 1))
