"""Values inside HTTP header fields and targets. Text in, values out; nothing raises.

Sources: RFC 9110 §10.1.5 (product), §11.4 (auth parameters), RFC 3986 §3.2 (authority), RFC 9112
§3.2.2 (absolute form).
"""

import re

import msgspec

_PRODUCT = re.compile(r"([\w!#$%&'*+.^`|~-]+)(?:/([\w!#$%&'*+.^`|~-]+))?(?:\s+\S.*)?", re.DOTALL)
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[^\s:/\[\]@]{1,255})(?::(\d{1,5}))?")
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,15})://(?:([^\s/?#@]*)@)?([^\s/?#]++)([^\r\n]*)")
_PARAMETER = re.compile(r'([\w-]{1,40}\*?)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))')

_DIGITS = 18
PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443, "ftp": 21, "gopher": 70}


class Uri(msgspec.Struct, frozen=True):
    """An absolute URI with an authority."""

    scheme: str
    """In lower case."""
    user: str
    """Name and, after a colon, password, as sent; empty where there are none."""
    host: str
    port: int
    path: str
    """In origin form: path and query, at least `/`."""


def product(value: str) -> tuple[str, str]:
    """Return (name, version) of the first product, the one that counts (RFC 9110 §10.1.5).

    Browsers all call themselves Mozilla/5.0; their description is returned whole, as a name.
    """
    value = value.strip()
    found = _PRODUCT.fullmatch(value)
    if found is None or found[1] == "Mozilla" or (found[2] is None and " " in value):
        return value, ""
    return found[1], found[2] or ""


def authority(text: str) -> tuple[str, int] | None:
    """Return (host, port or 0) of `host[:port]`, IPv6 without its brackets, or None."""
    found = _AUTHORITY.fullmatch(text)
    if found is None or int(found[2] or 0) > 65535:
        return None
    return found[1].strip("[]"), int(found[2] or 0)


def natural(text: str) -> int | None:
    """Return the number that *text* is; None where it is none, or more than anybody means."""
    digits = text.lstrip("0")  # any number of them may stand before it (RFC 9110 §8.6)
    if not text.isascii() or not text.isdigit() or len(digits) > _DIGITS:
        return None
    return int(digits or "0")


def absolute(target: str) -> Uri | None:
    """Return *target* as an absolute URI; None when it is in another form."""
    if (found := _URI.fullmatch(target)) is None or (place := authority(found[3])) is None:
        return None
    scheme, path = found[1].lower(), found[4].partition("#")[0]
    port = place[1] or PORTS.get(scheme, 0)
    return Uri(scheme, found[2] or "", place[0], port, path if path[:1] == "/" else "/" + path)


def parameters(text: str) -> dict[str, str]:
    """Return the parameters of a challenge or of credentials, names in lower case."""
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(text):
        quoted = match[2]
        value = match[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        found.setdefault(match[1].lower(), value)
    return found
