"""The syntax of swanctl.conf (and strongswan.conf): text in, sections out.

    key = value            a value ends with its line, or at # or }; it may stand in quotes
    name { ... }           the same name twice is one section
    name : base, base { }  with the settings of other sections
    include PATTERN

Source: strongswan.conf(5). Values in sections of secrets are skipped as they are read.
"""

import re
from collections.abc import Callable

from backchannel.diagnose.configured.settings import (
    LONGEST,
    MOST,
    SECRETS,
    Section,
    Setting,
    secret,
)
from backchannel.errors import InputError

_TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+|\#[^\n]*)|(?P<newline>\n)|(?P<mark>[{}:=,])
    |"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<word>[^\s{}:=,"\#]+)|(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_VALUE = re.compile(r'[ \t]*(?:"((?:\\.|[^"\\])*)"|([^\n#}"]*))', re.DOTALL)
_ESCAPES = {"\\n": "\n", "\\t": "\t", '\\"': '"', "\\\\": "\\"}
DEEPEST = 16
Include = Callable[[str, Section], None]
"""Reads what a pattern names into a section."""


class Parser:
    """One file. Raises InputError where it is no such configuration: it never says what stands
    there, which may be a part of a secret.
    """

    def __init__(self, file: str, text: str, include: Include) -> None:
        self._file, self._text, self._include = file, text, include
        self._at, self._line, self._made = 0, 1, 0

    def read(self, into: Section) -> None:
        """Read the whole file into a section."""
        self._body(into, 0, hidden=False)

    def _wrong(self, what: str) -> InputError:
        return InputError(self._file, f"line {self._line}: {what}")

    def _next(self) -> tuple[str, str]:
        """Return kind and text of the next token; kind `end` behind the last."""
        while (match := _TOKEN.match(self._text, self._at)) is not None:
            self._at = match.end()
            kind = match.lastgroup or ""
            self._line += match.group().count("\n")
            if kind not in {"space", "newline"}:
                return kind, match[kind]
        return "end", ""

    def _body(self, into: Section, depth: int, *, hidden: bool) -> None:
        if depth > DEEPEST:
            raise self._wrong("sections too deep")
        while True:
            kind, name = self._next()
            if kind == "end" or (kind == "mark" and name == "}"):
                if (kind == "end") != (depth == 0):
                    raise self._wrong("a section is not closed" if depth else "} without {")
                return
            if kind not in {"word", "quoted"}:
                raise self._wrong("something else where a name should be")
            if name == "include" and kind == "word":
                self._included(into, hidden)
            else:
                self._named(into, name, depth, hidden=hidden)

    def _included(self, into: Section, hidden: bool) -> None:
        pattern = self._value().strip()
        if pattern and not hidden:
            self._include(pattern, into)

    def _named(self, into: Section, name: str, depth: int, *, hidden: bool) -> None:
        self._made += 1
        if self._made > MOST:
            raise self._wrong("too many settings")
        line = self._line
        kind, mark = self._next()
        if kind == "mark" and mark == "=":
            value = self._value()
            if not hidden and not secret(name):
                into.settings[name] = Setting(value[:LONGEST], self._file, line)
            return
        bases: list[str] = []
        if kind == "mark" and mark == ":":
            kind, mark = self._next()
            while kind != "end" and mark != "{":
                if kind in {"word", "quoted"}:
                    bases.append(mark)
                kind, mark = self._next()
        if kind != "mark" or mark != "{":
            raise self._wrong("= or { should follow a name")
        away = hidden or (depth == 0 and name == SECRETS)
        inner = Section(self._file, line)
        if not away:
            inner = into.sections.setdefault(name, inner)
        inner.bases += tuple(bases)
        self._body(inner, depth + 1, hidden=away)

    def _value(self) -> str:
        match = _VALUE.match(self._text, self._at)
        if match is None:
            return ""
        self._at = match.end()
        self._line += match.group().count("\n")
        if match[1] is not None:
            return re.sub(r"\\.", lambda each: _ESCAPES.get(each[0], each[0][1:]), match[1])
        return match[2].strip()


Known = dict[tuple[str, ...], Section]


def resolved(
    root: Section, path: tuple[str, ...], known: Known | None = None, depth: int = 0
) -> Section:
    """Return the section at *path* with what its bases say, which are named from the root on.

    *known* are those that were begun: each is laid together once, however many others name it.
    """
    known = {} if known is None else known
    if path in known:
        return known[path]
    found: Section | None = root
    for name in path:
        found = found.sections.get(name) if found is not None else None
    if found is None:
        return Section()
    made = known[path] = Section(found.file, found.line)
    if depth < DEEPEST:
        for base in found.bases:
            _lay(made, resolved(root, tuple(base.split(".")), known, depth + 1))
    _lay(made, found)
    return made


def _lay(under: Section, over: Section) -> None:
    """Add to *under* what *over* says, which counts."""
    under.settings |= over.settings
    for name, section in over.sections.items():
        inner = Section(section.file, section.line)
        if name in under.sections:
            _lay(inner, under.sections[name])
        _lay(inner, section)
        under.sections[name] = inner
