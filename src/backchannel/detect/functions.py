"""The library of functions that rules may call. Each is pure, and takes what the wire brings."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Any

from backchannel.hashes import sha256
from backchannel.patterns import later

_TEXT = 65_536
"""Characters of a text that a pattern looks at."""
_NAME = 255
"""Characters of a host's name, of which DNS allows no more."""
_SHORT = 32
"""Characters of a text that may be one of our own words, which come again and again."""
_REMEMBERED = 1024
"""Addresses and words of which an answer is remembered: the same ones come again."""


@lru_cache(maxsize=512)
def _pattern(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def matches(text: object, pattern: str) -> bool:
    """Say whether the pattern (regular expression, any case) is found in the text."""
    return _pattern(pattern).search(str(text)[:_TEXT]) is not None


def mentions(text: object, *words: str) -> bool:
    """Say whether one of *words*, in small letters, is in the text (any case). A pattern takes ten
    times as long.
    """
    said = str(text)
    return _mentioned(said, words) if len(said) <= _SHORT else _any_in(said[:_TEXT], words)


@lru_cache(maxsize=_REMEMBERED)
def _mentioned(text: str, words: tuple[str, ...]) -> bool:
    return _any_in(text, words)


def _any_in(text: str, words: tuple[str, ...]) -> bool:
    small = text.lower()
    for word in words:  # noqa: SIM110 - a generator costs more than all of it
        if word in small:
            return True
    return False


def belongs(host: object, *domains: str) -> bool:
    """Say whether a host's name is one of *domains*, or below one of them (in any case)."""
    name = str(host)[-_NAME:].lower().rstrip(".")
    if not name.endswith(domains):
        return False
    while name and name not in domains:
        name = name.partition(".")[2]
    return name != ""


@lru_cache(maxsize=_REMEMBERED)
def private(address: object) -> bool:
    """Say whether an address belongs to no public network (RFC 1918, ULA, link-local ...)."""
    return _reach(str(address))[0]


@lru_cache(maxsize=_REMEMBERED)
def public(address: object) -> bool:
    """Say whether an address is reachable from the Internet."""
    return _reach(str(address))[1]


_OCTETS = frozenset(map(str, range(256)))
_SPECIAL = frozenset(map(str, (0, 10, 100, 127, 169, 172, *range(224, 256))))
_APART = frozenset({"192.168", "198.18", "198.19"})
"""The first number of IPv4 addresses, or the first two, of which all, or many, are not public."""
_MIXED = frozenset({"192.0", "192.31", "192.52", "192.88", "192.175", "198.51", "203.0"})
"""The first two of addresses that are not all alike."""


def _reach(address: str) -> tuple[bool, bool]:
    """Say whether an address is private, and whether it is public."""
    octets = address.split(".")
    if len(octets) == 4 and _OCTETS.issuperset(octets):  # a hundredth of what `ipaddress` takes
        begins = f"{octets[0]}.{octets[1]}"
        if begins not in _MIXED:
            special = octets[0] in _SPECIAL or begins in _APART
            return _parsed(f"{begins}.0.0") if special else (False, True)
    return _parsed(address)


@lru_cache(maxsize=_REMEMBERED)
def _parsed(address: str) -> tuple[bool, bool]:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False, False
    if isinstance(parsed, IPv6Address):
        if parsed.teredo is not None:  # which the library counts among the special ones
            return False, True
        parsed = parsed.ipv4_mapped or parsed
    return parsed.is_private, parsed.is_global


_DIGITS = later(r"\d(?<![\d.].)(?:[ -]?\d){12,18}(?![\d.])")
"""It begins with what it looks for, so that other characters are passed over at once."""


_ISSUED = later(
    r"(?:4(?:\d{12}|\d{15}|\d{18})|3(?:0[0-5]|[689]\d)\d{11}|3[47]\d{13}|35\d{14}|5[1-5]\d{14}|2[2-7]\d{14}"
    r"|(?:5[0678]|6\d)\d{14,17})\Z"
)
"""Beginnings of numbers with the lengths that they come in: Visa, Diners Club, American Express,
JCB, Mastercard, and what has 16 to 19 digits and begins with 50, 56 to 58 or 6 (Maestro, Discover,
UnionPay).
"""


def card_number(text: object) -> bool:
    """Say whether the text holds what looks like a card number: digits as an issuer gives them,
    with Luhn's check.
    """
    for found in _DIGITS.finditer(str(text)[:_TEXT]):
        told = "".join([char for char in found[0] if char.isdigit()])
        if _ISSUED.match(told) is None:
            continue
        digits = [int(char) for char in told]
        doubled = [2 * d - 9 if d > 4 else 2 * d for d in digits[-2::-2]]
        if len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0:
            return True
    return False


_PROGRAM = later(
    r"\.(exe|scr|pif|com|bat|cmd|vbs|vbe|js|jse|wsf|hta|lnk|cpl|msi|dll|ps1|jar|reg|chm)\s*\Z",
    re.IGNORECASE,
)
_PROGRAM_MEDIA = frozenset(
    {
        "application/x-dosexec",
        "application/x-executable",
        "application/x-mach-binary",
        "application/x-ms-shortcut",
        "text/x-script",
    }
)
_DISGUISE = later(
    r"\.(txt|rtf|docx?|xlsx?|pptx?|pps|pdf|csv|html?|eml|jpe?g|gif|png|bmp|tiff?|mp[234]|mpe?g|wav|wma|wmv|ogg|flac"
    r"|avi|mkv|mov|zip|rar|7z|iso|torrent)\s*\.[a-z0-9]{2,4}\s*\Z|\s{8}\.",
    re.IGNORECASE,
)
"""The extension of a document, picture, recording or archive before another one: `vlc-3.0.exe` and
`jquery.min.js` have points too, and hide nothing."""
_DIRECTION = later("[\u202a-\u202e\u2066-\u2069]")


def program_name(name: object) -> bool:
    """Say whether a file of that name runs when it is opened on Windows."""
    return _PROGRAM.search(str(name)[:_TEXT]) is not None


def program_media(media: object) -> bool:
    """Say whether a media type is that of a program or script."""
    return media in _PROGRAM_MEDIA


def hidden(name: object) -> bool:
    """Say whether a name hides that it is a program: two extensions, spaces, direction tricks."""
    text = str(name)[:_TEXT]
    if _DIRECTION.search(text):
        return True
    return program_name(text) and _DISGUISE.search(text) is not None


def names_in(name: object, files: Iterable[Any]) -> list[str]:
    """Return the names that an event speaks of: its own, and those of its list of files."""
    return [str(name), *(file.name for file in files)]


def any_of(names: Iterable[object], pattern: str) -> bool:
    """Say whether the pattern is found in one of *names*."""
    return any(matches(name, pattern) for name in names)


def any_hidden(names: Iterable[object]) -> bool:
    """Say whether one of *names* hides that it is a program."""
    return any(map(hidden, names))


def any_program(names: Iterable[object]) -> bool:
    """Say whether one of *names* is that of a program."""
    return any(map(program_name, names))


def first_of(names: Iterable[str], pattern: str = "") -> str:
    """Return the first of *names* that is hidden, or that the pattern is found in."""
    found = (each for each in names if (matches(each, pattern) if pattern else hidden(each)))
    return next(found, "")


_LINK = later(r"(?:https?://|www\.)[^\s<>\"']{1,512}", re.IGNORECASE)


def link(text: object) -> str:
    """Return a digest of the first link in a text; empty for none."""
    found = _LINK.search(str(text)[:_TEXT])
    return digest(found[0]) if found else ""


def digest(text: object) -> str:
    """Return a short digest, so that private matter can be compared without being kept."""
    return sha256(str(text).encode("utf-8", "replace"))[:8].hex()


def amount(number: object, unit: str) -> str:
    """Return a number with its unit; empty for none."""
    return f"{number} {unit}" if number else ""


OWN_PORTS: dict[str, frozenset[int]] = {
    # the white paper's and the texts' ports, with those that public clients and servers use
    "aim": frozenset({5190, 5191, 5192, 5193, 4443, 9898}),
    "icq": frozenset({5190, 5191, 5192, 5193, 4000, 3570, 3574, 7320, 6701}),
    "msn": frozenset({1863, 6891, 80}),
    "yahoo": frozenset({5050, 5101, 80}),
    "kazaa": frozenset({1214}),
    "gnutella": frozenset({6346, 6347, 6348, 6349}),
    "edonkey": frozenset({4661, 4662, 4242}),
    "soulseek": frozenset({2234, 2235, 2240, 2242, 2271}),
    "ipsec": frozenset({500, 848, 4500}),
    "socks": frozenset({1080}),
    "xmpp": frozenset({5222, 5223, 5269, 5270, 5275, 5347}),
}


def odd_port(service: str, *ports: int) -> bool:
    """Say whether none of *ports* is one that the service uses by itself."""
    own = OWN_PORTS.get(service)
    return own is not None and own.isdisjoint(ports)


def join(values: Iterable[object]) -> str:
    """Return the values with commas between them."""
    try:
        return ", ".join(values)  # type: ignore[arg-type]
    except TypeError:  # one is no text
        return ", ".join(map(str, values))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "matches": matches,
    "mentions": mentions,
    "belongs": belongs,
    "private": private,
    "public": public,
    "card_number": card_number,
    "program_name": program_name,
    "program_media": program_media,
    "hidden": hidden,
    "names_in": names_in,
    "first_of": first_of,
    "link": link,
    "digest": digest,
    "odd_port": odd_port,
    "len": len,
    "join": join,
    "amount": amount,
    "any_of": any_of,
    "any_hidden": any_hidden,
    "any_program": any_program,
}
