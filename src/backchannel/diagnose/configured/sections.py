"""The syntax of ipsec.conf, of strongSwan and of libreswan: text in, sections out.

    conn NAME              at the beginning of a line; its settings are the indented lines below
        key = value        # a comment
        also = NAME        the settings of another conn, where nothing else is said
    include PATTERN

Source: ipsec.conf(5) of both. `conn %default` holds for all conns below and above.
"""

from collections.abc import Callable

from backchannel.diagnose.configured.settings import LONGEST, MOST, Section, Setting, secret
from backchannel.errors import InputError

DEFAULT = "%default"
KINDS = frozenset({"conn", "config", "ca"})
DEEPEST = 16


def read(file: str, text: str, into: Section, include: Callable[[str, Section], None]) -> None:
    """Read a file: conns are sections named `conn NAME`. Raises InputError where it is none, which
    never says what stands there: it may be a part of a secret.
    """
    section: Section | None = None
    made = 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = _uncommented(raw)
        words = line.split()
        if not words:
            continue
        made += 1
        if made > MOST:
            raise InputError(file, f"line {number}: too many settings")
        if not raw[:1].isspace():
            section = _begin(file, number, words, into, include)
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise InputError(file, f"line {number}: no = in a setting")
        name, value = name.strip().lower(), value.strip().strip('"')
        if section is None:
            raise InputError(file, f"line {number}: a setting before any conn")
        if name == "also":
            section.bases += tuple(value.split())
        elif not secret(name):
            section.settings[name] = Setting(value[:LONGEST], file, number)


def _begin(
    file: str, number: int, words: list[str], into: Section, include: Callable[[str, Section], None]
) -> Section | None:
    kind = words[0].lower()
    if kind == "include" and len(words) > 1:
        include(words[1], into)
        return None
    if kind == "version":
        return Section()
    if kind in KINDS and len(words) == 2:
        return into.sections.setdefault(f"{kind} {words[1]}", Section(file, number))
    raise InputError(file, f"line {number}: what begins is no conn, config, ca or include")


def _uncommented(line: str) -> str:
    """Return a line without its comment, which # begins outside of quotes."""
    quoted = False
    for at, char in enumerate(line):
        if char == '"':
            quoted = not quoted
        elif char == "#" and not quoted and (at == 0 or line[at - 1].isspace()):
            return line[:at]
    return line


def resolved(
    root: Section, name: str, known: dict[str, Section] | None = None, depth: int = 0
) -> Section:
    """Return a conn with what %default and its `also` say. *known* are those that were begun:
    each is laid together once, however many others name it.
    """
    known = {} if known is None else known
    if name in known:
        return known[name]
    found = root.sections.get(f"conn {name}")
    if found is None:
        return Section()
    made = known[name] = Section(found.file, found.line)
    if not depth and name != DEFAULT:
        made.settings |= resolved(root, DEFAULT, known, depth + 1).settings
    if depth < DEEPEST:
        for base in found.bases:
            made.settings |= resolved(root, base, known, depth + 1).settings
    made.settings |= found.settings
    return made
