"""The mixing machine of FastTrack's key schedule: twenty 32-bit words go in, and come out mixed.

KaZaA's authors hid their keys behind large arbitrary programs rather than behind a secret. A
program is a set of routines that run each other, and *which* steps run depends on the words
themselves. Here a program is data (`mixes/*.mix`) and this module is the machine that runs it:

    routine 3: w5 ^ w0 ^ key % 16     choose the arm of this run: xor these, modulo 16
      w12 ^= w11 + 521b2180           a step: every run takes it
      7> w3 -= key; run 9 w4          an arm: only runs that chose 7; routine 9 has w4 as its key
      w4 += root w1 !                 end this routine where the result is odd

Numbers in steps are hexadecimal, arithmetic is modulo 2**32, `<<<` and `>>>` rotate. `key` belongs
to the running routine; `t` and `u` carry a part of an expression to the next step. `root x` is the
whole square root of x's low byte plus one; `sin x ? a : b` is a where the sine of x's low byte is
negative, else b, and `cos` alike; `x < y ? x : b` is x where it is less than y.
"""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

WORDS, MASK = 20, 0xFFFFFFFF
_WORD = MASK
"""For C a number, where MASK is an object for other modules."""
_KEY, _LOCALS = 20, 3
_REGISTERS = {f"w{at}": at for at in range(WORDS)} | {"key": _KEY, "t": 21, "u": 22}
_ALWAYS, _NOBODY = -1, -1

_Step = tuple[int, int, int, int, int, int, bool]
"""Target, fold, value (both numbers of an operator), registers a, b, c, end where odd.

The target becomes fold(target, value(a, b, c))."""
_Part = tuple[tuple[_Step, ...], int, int]
"""Steps, then the routine to run (_NOBODY: none) and the register that is its key."""

_ROOTS = bytes(math.isqrt(byte + 1) for byte in range(256))
_SINES = bytes(math.sin(byte) < 0 for byte in range(256))
_COSINES = bytes(math.cos(byte) < 0 for byte in range(256))
_ADD, _SUBTRACT, _MULTIPLY, _XOR, _AND, _OR, _LEFT, _RIGHT, _SET, _ROOT, _SINE, _COSINE, _LESS = (
    range(13)
)
_OPERATORS = {
    "+": _ADD,
    "-": _SUBTRACT,
    "*": _MULTIPLY,
    "^": _XOR,
    "&": _AND,
    "|": _OR,
    "<<<": _LEFT,
    ">>>": _RIGHT,
    "": _SET,
}
_CHOICES = {"sin": _SINE, "cos": _COSINE, "<": _LESS}


def _result(operator: int, a: int, b: int, c: int) -> int:
    """Return what *operator* makes of three words: a word."""
    if operator == _ADD:
        return a + b & _WORD
    if operator == _SUBTRACT:
        return a + _WORD + 1 - b & _WORD
    if operator == _MULTIPLY:
        return a * b & _WORD
    if operator == _XOR:
        return a ^ b
    if operator in (_AND, _OR):
        return a & b if operator == _AND else a | b
    if operator in (_LEFT, _RIGHT):
        count = b & 31 if operator == _LEFT else 32 - (b & 31)
        return (a << count | a >> (32 - count)) & _WORD
    return _chosen(operator, a, b, c)


def _chosen(operator: int, a: int, b: int, c: int) -> int:
    if operator == _SET:
        return b
    if operator == _ROOT:
        return _ROOTS[a & 255]
    if operator == _LESS:
        return a if a < b else c
    table = _SINES if operator == _SINE else _COSINES
    return b if table[a & 255] else c


class Mixer:
    """One mixing program, whose steps are read when they first run: few seeds need few of them.

    *text* is trusted: it comes with the package.
    """

    def __init__(self, text: str) -> None:
        self._registers = dict(_REGISTERS)
        self._constants: list[int] = []
        self._choosers: list[tuple[tuple[int, ...], int]] = []
        self._lines: list[list[str]] = []
        self._chosen: dict[tuple[int, int], tuple[_Part, ...]] = {}
        for line in map(str.strip, text.splitlines()):
            if line.startswith("routine"):
                self._open(line)
            elif line and not line.startswith("#"):
                self._lines[-1].append(line)

    def mix(self, words: Sequence[int], key: int) -> list[int]:
        """Return *words* mixed by the program, which starts with *key*."""
        registers = [*words, *[0] * _LOCALS, *self._constants]
        self._run(0, key, registers)
        return registers[:WORDS]

    def _run(self, number: int, key: int, registers: list[int]) -> None:
        kept, registers[_KEY] = registers[_KEY], key
        for steps, callee, source in self._parts(number, registers):
            for target, fold, value, a, b, c, odd in steps:
                got = _result(value, registers[a], registers[b], registers[c])
                got = _result(fold, registers[target], got, 0)
                registers[target] = got
                if odd and got & 1:
                    registers[_KEY] = kept
                    return
            if callee != _NOBODY:
                self._run(callee, registers[source], registers)
        registers[_KEY] = kept

    def _parts(self, number: int, registers: list[int]) -> tuple[_Part, ...]:
        """Return what routine *number* does this time: every step, and those of the chosen arm."""
        operands, modulus = self._choosers[number]
        chosen = 0
        for operand in operands:
            chosen ^= registers[operand]
        arm = chosen % modulus
        if (parts := self._chosen.get((number, arm))) is None:
            parts = self._chosen[number, arm] = tuple(_joined(self._taken(number, arm)))
            registers += self._constants[len(registers) - WORDS - _LOCALS :]  # what is new
        return parts

    def _open(self, line: str) -> None:
        """Begin the routine of a line such as `routine 3: w5 ^ key % 16`."""
        operands, _, modulus = line.partition(": ")[2].partition(" % ")
        names = operands.split(" ^ ") if operands else []
        self._choosers.append((tuple(map(self._register, names)), int(modulus or 1)))
        self._lines.append([])

    def _taken(self, number: int, chosen: int) -> list[_Part]:
        """Read the steps of routine *number*, and of its arms only the *chosen* one."""
        parts: list[_Part] = []
        for line in self._lines[number]:
            arm, found, rest = line.partition("> ")
            when = int(arm) if found and arm.isdecimal() else _ALWAYS
            if when in (_ALWAYS, chosen):
                parts += map(self._part, (line if when == _ALWAYS else rest).split("; "))
        return parts

    def _part(self, text: str) -> _Part:
        words = text.split()
        if words[0] == "run":
            return (), int(words[1]), self._register(words[2])
        return (self._step(words),), _NOBODY, 0

    def _step(self, words: list[str]) -> _Step:
        """Understand a step such as `w3 += w4 * 5e`."""
        target, fold, *rest = words
        odd = rest[-1] == "!"
        value, operands = _value(rest[:-1] if odd else rest)
        a, b, c = [*map(self._register, operands), 0, 0][:3]
        return self._register(target), _OPERATORS[fold[:-1]], value, a, b, c, odd

    def _register(self, name: str) -> int:
        """Return the register called *name*; a number has one that holds it."""
        if (found := self._registers.get(name)) is None:
            found = self._registers[name] = WORDS + _LOCALS + len(self._constants)
            self._constants.append(int(name, 16))
        return found


def _value(words: list[str]) -> tuple[int, list[str]]:
    """Return the operator and the operands of an expression, by its shape."""
    match words:
        case [x]:
            return _AND, [x, x]  # x & x is x
        case ["root", x]:
            return _ROOT, [x, x]
        case [a, sign, b]:
            return _OPERATORS[sign], [a, b]
        case [("sin" | "cos") as test, x, "?", a, ":", b]:
            return _CHOICES[test], [x, a, b]
        case [x, "<", y, "?", _, ":", b]:
            return _CHOICES["<"], [x, y, b]
    raise ValueError(f"not a step of a mixing program: {words}")


def _joined(parts: list[_Part]) -> list[_Part]:
    """Glue neighbouring steps together up to each run of another routine."""
    steps: list[_Step] = []
    joined: list[_Part] = []
    for more, callee, source in parts:
        steps += more
        if callee != _NOBODY:
            joined.append((tuple(steps), callee, source))
            steps = []
    return [*joined, (tuple(steps), _NOBODY, 0)]


KINDS = (0x02, 0x20, 0x80)
"""Encryption types that have a mixing program."""


@cache
def program(kind: int) -> Mixer:
    """Return the mixing program of encryption type *kind*, one of KINDS."""
    return Mixer((Path(__file__).parent / "mixes" / f"{kind:02x}.mix").read_text("ascii"))
