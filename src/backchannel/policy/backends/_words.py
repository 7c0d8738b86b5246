"""What every text begins with, and text that is safe inside a comment of any firewall."""

import re
import textwrap
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import count

from backchannel import __version__
from backchannel.policy.compile import Gap
from backchannel.policy.model import Line, Party, Rules
from backchannel.text import escape

WIDTH = 100


def plain(text: str, longest: int = 500) -> str:
    """Return *text* in printable ASCII, without quotes and backslashes, cut to *longest*."""
    ascii_only = escape(text).encode("ascii", "backslashreplace").decode()
    return ascii_only.translate({ord('"'): "'", ord("\\"): "/"})[:longest]


def slug(text: str, longest: int) -> str:
    """Return *text* as an identifier: letters, digits and `_`, the first one a letter."""
    made = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    return (made if made[:1].isalpha() else f"net_{made}")[:longest].strip("_")


def unused(
    base: str, taken: Collection[str], joint: str = "_", fold: Callable[[str], str] = str
) -> str:
    """Return *base*, or else the first of `base_2`, `base_3` and so on that is not *taken*.

    *fold* makes names equal that the firewall does not tell apart; those *taken* are folded.
    """
    made, numbers = base, count(2)
    while fold(made) in taken:
        made = f"{base}{joint}{next(numbers)}"
    return made


def heading(
    rules: Rules,
    gaps: tuple[Gap, ...],
    load: Iterable[str],
    mark: str = "#",
    silent: Iterable[str] = (),
) -> list[str]:
    """Return the comment lines at the top: who made it of what, how to load it, what it lacks."""
    made = (
        f"Made by backchannel {__version__} from policy '{plain(rules.name)}' "
        f"(sha256 {plain(rules.digest)}) for {plain(rules.today) or 'any day'}."
    )
    lines = [*_wrapped(made), *load]
    if rules.expired:
        lines += _wrapped(f"Left out, their day has passed: {', '.join(rules.expired)}.")
    lines += silent
    if gaps:
        lines += ["", "It does less than the policy says:", *_grouped(gaps)]
    else:
        lines += ["It does all that the policy says."]
    return [f"{mark} {line}".rstrip() for line in lines]


def about(line: Line, mark: str = "#") -> list[str]:
    """Return the comment lines above what was made of *line*."""
    services = dict[str, list[str]]()
    for use in line.uses:
        services.setdefault(use.service, []).append(use.capability.value)
    what = "; ".join(f"{name} {' '.join(able)}" for name, able in services.items())
    arrow = {"out": "->", "in": "<-", "both": "<->"}[line.direction]
    said = [
        f"{line.name} ({line.place}): {line.action} {line.ours.label} {arrow} {line.theirs.label}",
        textwrap.shorten(what, 400, placeholder=" ..."),
    ]
    if line.exempts:
        said.append(f"exempt from {line.exempts}, owner {line.owner}, until {line.expires}")
    if line.reason:
        said.append(f"reason: {line.reason}")
    return [f"{mark} {part}" for text in said for part in _wrapped(plain(text))]


def short(line: Line) -> str:
    """Return a line's name and place for a comment inside a rule."""
    return plain(f"{line.name} {line.place}", 100)


def interfaces(party: Party) -> tuple[str, ...]:
    """Return the party's interfaces, checked again, as they go into text without quotes."""
    for name in party.interfaces:
        if not re.fullmatch(r"[A-Za-z0-9_.+-]{1,15}", name):
            raise ValueError(f"{name!r} is not an interface name")
    return party.interfaces


def _grouped(gaps: tuple[Gap, ...]) -> Iterator[str]:
    """Yield the gaps' lines; uses of a line with the same gap stand together."""
    groups = dict[tuple[str, str, str, str, str], list[str]]()
    for gap in gaps:
        found = gap.judgement
        key = (gap.line, gap.place, found.level, found.why, found.nearest)
        groups.setdefault(key, []).append(gap.use)
    for (line, place, level, why, nearest), uses in groups.items():
        text = f"{line} ({place}), {level}: {', '.join(uses)}: {why}"
        text += f"; nearest: {nearest}" if nearest else ""
        yield from _wrapped(plain(text, 2000), "  ")


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False
    )
