"""Patterns that are compiled when first used are the patterns that `re.compile` makes; and none of
a decoder takes more than time in proportion to its text, whatever the text is.
"""

import re
import re._constants as node
import re._parser as tree
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

from backchannel import detect, protocols
from backchannel.patterns import Later, later

MODULES = [
    info.name
    for room in (protocols, detect)
    for info in walk_packages(room.__path__, f"{room.__name__}.")
]
LONG = 20_000
"""Characters of a text made to hurt."""
FOREIGN = 2_000
"""Characters behind it that a repeat with a bound does not reach over."""
LIMIT = 0.1
"""Seconds of processor time; what takes time in proportion takes a thousandth."""
_REPEATS = node.MAX_REPEAT, node.MIN_REPEAT, node.POSSESSIVE_REPEAT


def test_a_pattern_is_compiled_once_and_when_first_used(monkeypatch):
    compiled = []
    compile_ = re.compile
    monkeypatch.setattr(re, "compile", lambda *told: compiled.append(told) or compile_(*told))
    pattern = later(rb"(A+)", re.IGNORECASE)
    assert not compiled
    assert [pattern.fullmatch(b"aA")[1], pattern.fullmatch(b"a")[1]] == [b"aA", b"a"]
    assert compiled == [(rb"(A+)", re.IGNORECASE)]
    assert (pattern.pattern, pattern.groups) == (rb"(A+)", 1)


def test_a_pattern_whose_syntax_is_wrong_says_so_when_used():
    with pytest.raises(re.error):
        later("(").match("")


def test_every_pattern_of_a_decoder_compiles():
    """What `re.compile` would have said while the module was loaded."""
    found = [
        value
        for name in MODULES
        for value in vars(import_module(name)).values()
        if isinstance(value, Later)
    ]
    assert len(found) > 40
    for pattern in found:
        assert isinstance(pattern.pattern, str | bytes)


# -- texts made to hurt --------------------------------------------------------------------------


def _one_of(items) -> str:
    """Return a character of a set."""
    ranges = {
        node.CATEGORY_DIGIT: (48, 57),
        node.CATEGORY_SPACE: (32, 32),
        node.CATEGORY_WORD: (97, 122),
        node.CATEGORY_NOT_SPACE: (97, 97),
        node.CATEGORY_NOT_DIGIT: (97, 97),
        node.CATEGORY_NOT_WORD: (33, 33),
    }
    held = []
    for kind, value in items:
        if kind is node.LITERAL:
            held.append((value, value))
        elif kind is node.RANGE:
            held.append(value)
        elif kind is node.CATEGORY:
            held.append(ranges[value])
    if items[0][0] is not node.NEGATE:
        return chr(held[0][0])
    return next(c for c in "a .0~\0" if not any(low <= ord(c) <= high for low, high in held))


def _least(nodes) -> str:
    """Return a short text that fits, but for what looks around."""
    text = ""
    for kind, value in nodes:
        if kind is node.LITERAL:
            text += chr(value)
        elif kind is node.NOT_LITERAL:
            text += "a" if value != ord("a") else "b"
        elif kind is node.ANY:
            text += "a"
        elif kind is node.IN:
            text += _one_of(value)
        elif kind in _REPEATS:
            text += _least(value[2]) * value[0]
        elif kind is node.SUBPATTERN:
            text += _least(value[-1])
        elif kind is node.ATOMIC_GROUP:
            text += _least(value)
        elif kind is node.BRANCH:
            text += _least(value[1][0])
    return text


def _pumped(nodes, before="") -> Iterator[tuple[str, str]]:
    """Yield, for each repeat of a pattern, what stands before it and what may be repeated."""
    for kind, value in nodes:
        if kind in _REPEATS:
            if value[1] >= 64:
                for unit in (_least(value[2]) or "a", " ", "a", "1", "."):
                    yield before, unit
            yield from _pumped(value[2], before)
        elif kind is node.SUBPATTERN:
            yield from _pumped(value[-1], before)
        elif kind is node.ATOMIC_GROUP:
            yield from _pumped(value, before)
        elif kind is node.BRANCH:
            for branch in value[1]:
                yield from _pumped(branch, before)
        elif kind is node.ASSERT:
            yield from _pumped(value[1], before)
        before += _least([(kind, value)])


def hurting(pattern: str | bytes, flags: int) -> Iterator[str]:
    """Yield texts that repeat what a pattern repeats, and fit it nearly."""
    seen = dict.fromkeys(_pumped(tree.parse(pattern, flags)))
    for before, unit in seen:
        for one in (unit, f"{unit} ", f" {unit}"):
            for behind in ("", "\0", "\0" * FOREIGN):
                yield before + one * (LONG // len(one)) + behind


@contextmanager
def within(seconds: float):
    """Raise TimeoutError when the processor was busy for longer."""

    def late(*_told):
        raise TimeoutError

    old = signal.signal(signal.SIGVTALRM, late)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, old)


def _patterns(value) -> Iterator[tuple[str | bytes, int]]:
    """Yield pattern and flags of what a module's variable holds."""
    if isinstance(value, Later):
        yield value._arguments
    elif isinstance(value, re.Pattern):
        yield value.pattern, value.flags & ~re.UNICODE
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _patterns(each)
    elif isinstance(value, dict):
        yield from _patterns(list(value.values()))


def _uses(name: str, source: str) -> set[str]:
    """Return how a pattern is used: searched for in a text, or laid at its beginning."""
    searched = re.search(rf"\b{name}\.(search|finditer|findall|sub|split)\b", source)
    return {"match", "fullmatch"} | ({"search"} if searched else set())


def _slow(compiled: re.Pattern, use: str, text: str) -> bool:
    made = text.encode("latin-1", "replace") if isinstance(compiled.pattern, bytes) else text
    before = time.process_time()
    try:
        with within(LIMIT):
            getattr(compiled, use)(made)
    except TimeoutError:
        return True
    return time.process_time() - before > LIMIT


def test_a_pattern_that_hurts_is_found():
    assert any(_slow(re.compile(r"\s*x"), "search", text) for text in hurting(r"\s*x", 0))
    assert any(_slow(re.compile("(a+)+b"), "match", text) for text in hurting("(a+)+b", 0))
    lazy = r"x: *(.{0,200}?)\s*$"  # what follows the blanks is longer than what it may take
    assert any(_slow(re.compile(lazy), "match", text) for text in hurting(lazy, 0))


@pytest.mark.parametrize("module", MODULES)
def test_no_text_makes_a_pattern_slow(module):
    held = import_module(module)
    stem = Path(str(held.__file__).partition(".cpython")[0])
    written = [path for end in (".py", ".pyx") if (path := stem.with_suffix(end)).exists()]
    source = written[0].read_text()
    for name, value in vars(held).items():
        for pattern, flags in _patterns(value):
            compiled = re.compile(pattern, flags)
            for use in _uses(name, source):
                for text in hurting(pattern, flags):
                    assert not _slow(compiled, use, text), (name, use, text[:60])
