"""Patterns that are compiled when first used are the patterns that `re.compile` makes."""

import re
from importlib import import_module
from pkgutil import walk_packages

import pytest

from backchannel import protocols
from backchannel.patterns import Later, later

MODULES = [info.name for info in walk_packages(protocols.__path__, f"{protocols.__name__}.")]


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
