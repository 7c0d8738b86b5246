"""Makes hostile conversations out of sound ones: mostly well framed, badly filled. No I/O.

A conversation is what `tests.kit` calls steps: (side, bytes, or the size of a gap). All chance
comes from the `Random` that is passed in, so that a seed repeats a run.
"""

import re
from collections.abc import Callable, Sequence
from random import Random

from backchannel.contract import Length
from backchannel.model import Side

Step = tuple[Side, bytes | int]

FRAMES: dict[str, Length] = {
    "dns": Length(0, 2, 2),
    "gnutella": Length(19, 4, 23, little=True),
    "icq-peer": Length(0, 2, 2, little=True),
    "ike": Length(24, 4),
    "msn-p2p": Length(0, 4, 4, little=True),
    "msn-webcam": Length(8, 4, 24, little=True),
    "msnftp": Length(1, 2, 3, little=True),
    "odc": Length(28, 4, 76),
    "oft": Length(4, 2),
    "oscar": Length(4, 2, 6),
    "rdp": Length(2, 2),
    "t120": Length(2, 2),
    "tls": Length(3, 2, 5),
    "toc": Length(4, 2, 6),
    "yahoo-webcam": Length(4, 4, 13),
    "ycht": Length(14, 2, 16),
    "ymsg": Length(8, 2, 20),
    "ypns": Length(8, 4, little=True),
}
"""Where a protocol's frames tell their size; others are mutated as plain bytes or as text."""

LARGEST = 1 << 17
"""Bytes of a mutated step at most."""
_NUMBERS = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000)
_LARGE = (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000, (1 << 63) - 1, (1 << 64) - 1)
_WORDS = (
    *(b"", b"0", b"-1", b"1", b"65535", b"65536", b"4294967296", b"99999999999999999999"),
    *(b"9" * 5000, b"0x10", b"1e9", b"\xb2", "٣".encode(), b"\xff\xfe", b"\0", b"%00", b"%zz"),
    *(b"a" * 3000, b"=" * 40, b"://", b"[::1]:5", b"999.1.1.1:80", b"\r\n\r\n", b"NaN", b"{", b"<"),
    *(
        "\ud800".encode(errors="surrogatepass"),
        b"=?utf-8?b?/w?=",
        b"chunked",
        b"gzip",
        b"&#x110000;",
    ),
)
_COUNTED = re.compile(
    rb"(Content-Length: *|^[A-Z]{3} (?:[^\r\n]* )?)(\d{1,9})(\r?\n)", re.IGNORECASE | re.MULTILINE
)

Alter = Callable[[Random, bytes, bytes], bytes]
"""(chance, bytes, bytes of another conversation) -> mutated bytes."""


def mutate(rng: Random, name: str, seeds: Sequence[Sequence[Step]]) -> list[Step]:
    """Return a conversation of protocol *name* made from one or two of *seeds*."""
    steps = excerpt(rng, rng.choice(seeds))
    other = excerpt(rng, rng.choice(seeds))
    if rng.random() < 0.2:
        steps = steps[: rng.randint(0, len(steps))] + other[rng.randint(0, len(other)) :]
    donor = b"".join(data for _, data in other if isinstance(data, bytes))[: 1 << 16]
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4, 6, 10))):
        if not steps:
            break
        if rng.random() < 0.25:
            steps = rng.choice(_ORDERS)(rng, steps)
            continue
        at = rng.randrange(len(steps))
        side, data = steps[at]
        if isinstance(data, bytes):
            steps[at] = side, _fill(rng, name, data, donor)[:LARGEST]
    if rng.random() < 0.03:
        steps = _flood(rng, steps)
    return steps


def excerpt(rng: Random, steps: Sequence[Step]) -> list[Step]:
    """Return the beginning of a conversation, short more often than long."""
    limit = rng.choice((1 << 10, 1 << 12, 1 << 13, 1 << 14, 1 << 16))
    taken: list[Step] = []
    for side, data in steps:
        if limit <= 0:
            break
        taken.append((side, data[: max(limit, 64)] if isinstance(data, bytes) else data))
        limit -= len(data) if isinstance(data, bytes) else 1
    return taken


def cut(rng: Random, steps: Sequence[Step]) -> list[Step]:
    """The same bytes in other segments: each run of one side is glued, then cut anywhere."""
    pieces: list[Step] = []
    for side, data in glue(steps):
        if isinstance(data, int):
            pieces.append((side, data))
            continue
        most = rng.choice((1, 3, 17, 100, 1460, 1 << 16)) if len(data) < 3000 else len(data) // 8
        at = 0
        while at < len(data):
            size = rng.randint(1, most)
            pieces.append((side, data[at : at + size]))
            at += size
    return pieces


def glue(steps: Sequence[Step]) -> list[Step]:
    """Each run of one side as one piece."""
    glued: list[Step] = []
    for side, data in steps:
        last = glued[-1] if glued else None
        if last and last[0] is side and isinstance(last[1], bytes) and isinstance(data, bytes):
            glued[-1] = side, last[1] + data
        elif data:
            glued.append((side, data))
    return glued


# -- the order of steps --------------------------------------------------------------------------


def _drop(rng: Random, steps: list[Step]) -> list[Step]:
    at = rng.randrange(len(steps))
    return steps[:at] + steps[at + 1 :]


def _repeat(rng: Random, steps: list[Step]) -> list[Step]:
    at = rng.randrange(len(steps))
    return steps[:at] + [steps[at]] * rng.randint(2, 5) + steps[at + 1 :]


def _swap(rng: Random, steps: list[Step]) -> list[Step]:
    a, b = rng.randrange(len(steps)), rng.randrange(len(steps))
    swapped = list(steps)
    swapped[a], swapped[b] = swapped[b], swapped[a]
    return swapped


def _lose(rng: Random, steps: list[Step]) -> list[Step]:
    """Bytes that were not seen: a step, a step's end, or ones that no step has."""
    at = rng.randrange(len(steps))
    side, data = steps[at]
    kept = rng.randint(0, len(data)) if isinstance(data, bytes) else 0
    size = rng.choice((1, 5, 1460, 1 << 20, (1 << 31) - 1))
    if isinstance(data, bytes):
        size = rng.choice((len(data) - kept or 1, size))
        return [*steps[:at], (side, data[:kept]), (side, size), *steps[at + 1 :]]
    return [*steps[:at], (side, size), *steps[at + 1 :]]


def _turn(rng: Random, steps: list[Step]) -> list[Step]:
    """One step, or all, from the other side."""
    if rng.random() < 0.4:
        return [(side.other, data) for side, data in steps]
    at = rng.randrange(len(steps))
    return [*steps[:at], (steps[at][0].other, steps[at][1]), *steps[at + 1 :]]


def _stop(rng: Random, steps: list[Step]) -> list[Step]:
    return steps[: rng.randint(1, len(steps))]


def _rename(rng: Random, steps: list[Step]) -> list[Step]:
    """Another number for what two steps have in common, and so may name something, everywhere."""
    one, other = rng.choice(steps)[1], rng.choice(steps)[1]
    size = rng.choice((2, 4, 4, 4, 8))
    if not isinstance(one, bytes) or not isinstance(other, bytes):
        return steps
    common = [
        at
        for at in range(min(len(one), len(other), 64) - size + 1)
        if one[at : at + size] == other[at : at + size] != bytes(size)
    ]
    if not common:
        return steps
    at = rng.choice(common)
    value = rng.choice((*_NUMBERS, *_LARGE, rng.getrandbits(64))) & (1 << 8 * size) - 1
    old, new = one[at : at + size], value.to_bytes(size, rng.choice(("big", "little")))
    return [
        (side, part.replace(old, new) if isinstance(part, bytes) else part) for side, part in steps
    ]


_ORDERS = (_drop, _repeat, _swap, _lose, _turn, _stop, _rename, _rename)


def _flood(rng: Random, steps: list[Step]) -> list[Step]:
    """One step many times, a counter somewhere in it: what fills tables and buffers."""
    at = rng.randrange(len(steps)) if steps else 0
    if not steps or not isinstance(data := steps[at][1], bytes) or len(data) < 4:
        return steps
    times = min(3000, (1 << 18) // len(data))
    place = rng.randrange(len(data) - 3)
    size = rng.choice((1, 2, 3))
    many: list[Step] = []
    for number in range(times):
        count = (
            f"{number:03x}".encode()[-size:] if rng.random() < 0.5 else number.to_bytes(3)[-size:]
        )
        many.append((steps[at][0], data[:place] + count + data[place + size :]))
    return steps[: at + 1] + many + steps[at + 1 :]


# -- what is in a step ---------------------------------------------------------------------------


def _fill(rng: Random, name: str, data: bytes, donor: bytes) -> bytes:
    """Alter one frame and keep its length true, or alter the bytes as they come."""
    length = FRAMES.get(name)
    if length and rng.random() < 0.6:
        found = frames(data, length)
        if found:
            return _framed(rng, found, length, donor)
    altered = alter(rng, data, donor)
    if rng.random() < 0.5 and len(altered) != len(data):
        altered = recount(data, altered)
    return altered


def frames(data: bytes, length: Length) -> list[bytes]:
    """Cut *data* into frames; bytes after the last whole one count to it."""
    found, at = [], 0
    while at + length.at + length.size <= len(data):
        size = _value(data[at:], length) + length.bias
        if size < length.at + length.size or at + size > len(data):
            break
        found.append(data[at : at + size])
        at += size
    if found and at < len(data):
        found[-1] += data[at:]
    return found


def _value(data: bytes, length: Length) -> int:
    order = "little" if length.little else "big"
    return int.from_bytes(data[length.at : length.at + length.size], order)  # type: ignore[arg-type]


def _framed(rng: Random, found: list[bytes], length: Length, donor: bytes) -> bytes:
    at = rng.randrange(len(found))
    which = rng.random()
    if which < 0.1:
        found.insert(rng.randrange(len(found) + 1), found[at])
    elif which < 0.2:
        found[at], found[0] = found[0], found[at]
    else:
        head = length.at + length.size
        front, body = found[at][:head], found[at][head:]
        if rng.random() < 0.2:
            front = alter(rng, front, donor)[:head].ljust(head, b"\0")
        body = alter(rng, body, donor)[: (1 << 8 * min(length.size, 2)) - 1 - head]
        found[at] = true(front + body, length)
    return b"".join(found)


def true(frame: bytes, length: Length) -> bytes:
    """Return *frame* with its length field telling its length."""
    order = "little" if length.little else "big"
    value = max(0, len(frame) - length.bias) & (1 << 8 * length.size) - 1
    field = value.to_bytes(length.size, order)  # type: ignore[arg-type]
    return frame[: length.at] + field + frame[length.at + length.size :]


def recount(old: bytes, new: bytes) -> bytes:
    """Where text tells the length of what follows it, tell the new one."""
    grown = len(new) - len(old)

    def count(match: re.Match[bytes]) -> bytes:
        return match[1] + b"%d" % max(0, int(match[2]) + grown) + match[3]

    return _COUNTED.sub(count, new, count=1)


def alter(rng: Random, data: bytes, donor: bytes) -> bytes:
    """Return *data* changed in one way, as text where it is text; *donor* is from elsewhere."""
    if not data:
        return rng.randbytes(rng.randint(0, 40))
    printable = sum(32 <= byte < 127 or byte in b"\r\n\t" for byte in data[:200])
    if printable * 10 > 9 * min(len(data), 200) and rng.random() < 0.5:
        return rng.choice((_word, _word, _lines))(rng, data, donor)
    return rng.choice(_BYTES)(rng, data, donor)


def _flip(rng: Random, data: bytes, _donor: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        changed[rng.randrange(min(len(data), 1 << rng.randint(2, 17)))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _number(rng: Random, data: bytes, _donor: bytes) -> bytes:
    """An interesting number where a length, count or kind may be."""
    size = rng.choice((1, 1, 2, 2, 4, 8))
    at = rng.randrange(min(len(data), 1 << rng.randint(3, 17)))
    near = len(data) - at - size + rng.randint(-2, 2)
    value = rng.choice((*_NUMBERS, *_LARGE, max(0, near))) & (1 << 8 * size) - 1
    return data[:at] + value.to_bytes(size, rng.choice(("big", "little"))) + data[at + size :]


def _random(rng: Random, data: bytes, _donor: bytes) -> bytes:
    at = rng.randrange(len(data))
    size = rng.randint(1, min(64, len(data) - at))
    filler = rng.choice((rng.randbytes(size), b"\0" * size, b"\xff" * size, b"A" * size))
    return data[:at] + filler + data[at + size :]


def _shorten(rng: Random, data: bytes, _donor: bytes) -> bytes:
    return data[: rng.randrange(len(data))]


def _insert(rng: Random, data: bytes, donor: bytes) -> bytes:
    """Bytes more: random, from elsewhere, or the same again."""
    at, size = rng.randint(0, len(data)), 1 << rng.randint(0, 12)
    start = rng.randrange(max(1, len(donor)))
    many = rng.choice((rng.randbytes(min(size, 64)), donor[start : start + size], data[at:][:size]))
    return _enclosed(rng, data, at, 0, many)


def _remove(rng: Random, data: bytes, _donor: bytes) -> bytes:
    at = rng.randrange(len(data))
    return _enclosed(rng, data, at, rng.randint(1, min(256, len(data) - at)), b"")


def _copy(rng: Random, data: bytes, donor: bytes) -> bytes:
    """A piece of another conversation over what stood here."""
    at = rng.randrange(len(data))
    start, size = rng.randrange(max(1, len(donor))), 1 << rng.randint(0, 9)
    piece = donor[start : start + size]
    return data[:at] + piece + data[at + len(piece) :]


def _enclosed(rng: Random, data: bytes, at: int, gone: int, new: bytes) -> bytes:
    """Replace bytes at *at*; every other time what looks like their length is made true.

    A length looks so when it stands before them and ends with the data, as that of a nested value
    at the end does; or, one at random, when it reaches over them.
    """
    changed = bytearray(data[:at] + new + data[at + gone :])
    grown = len(new) - gone
    if rng.random() < 0.5:
        return bytes(changed)
    reaching = []
    for start in range(max(0, at - 64), at):
        for size, order in ((1, "big"), (2, "big"), (2, "little"), (4, "big"), (4, "little")):
            end = start + size
            value = int.from_bytes(data[start:end], order)  # type: ignore[arg-type]
            if end > at or not value or end + value > len(data) or end + value < at + gone:
                continue
            if end + value == len(data):
                _write(changed, start, size, order, value + grown)
            else:
                reaching.append((start, size, order, value))
    if reaching and rng.random() < 0.7:
        start, size, order, value = rng.choice(reaching)
        _write(changed, start, size, order, value + grown)
    return bytes(changed)


def _write(data: bytearray, at: int, size: int, order: str, value: int) -> None:
    value = max(0, value) & (1 << 8 * size) - 1
    data[at : at + size] = value.to_bytes(size, order)  # type: ignore[arg-type]


def _word(rng: Random, data: bytes, donor: bytes) -> bytes:
    """Another word: an odd one, or one that stands elsewhere."""
    words = list(re.finditer(rb"[^\s:=;,&?/<>\"]+", data))
    if not words:
        return data
    match = rng.choice(words)
    others = re.findall(rb"[^\s:=;,&?/<>\"]+", donor[:4096]) or [b""]
    new = rng.choice(_WORDS) if rng.random() < 0.6 else rng.choice(others)
    return data[: match.start()] + new + data[match.end() :]


def _lines(rng: Random, data: bytes, donor: bytes) -> bytes:
    """A line dropped, doubled, moved, made long, or taken from elsewhere."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    which = rng.randrange(5)
    if which == 0:
        del lines[at]
    elif which == 1:
        lines[at:at] = [lines[at]] * rng.choice((1, 1, 2, 300))
    elif which == 2:
        lines.insert(rng.randrange(len(lines)), lines.pop(at))
    elif which == 3:
        lines[at] = lines[at][:-1] + b"x" * rng.choice((100, 5000, 70000)) + lines[at][-1:]
    else:
        lines.insert(at, rng.choice(donor.split(b"\n")))
    return b"\n".join(lines)


_BYTES: tuple[Alter, ...] = (
    *(_flip, _flip, _number, _number, _number, _random),
    *(_shorten, _insert, _insert, _remove, _copy),
)
