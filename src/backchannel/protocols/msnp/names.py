"""Names as MSN writes them: accounts with their decorations, nicknames, addresses.

bob@example.com                       before MSNP16
bob@example.com;{endpoint GUID}       MSNP16 and later: one of several places
1:bob@example.com                     MSNP18 and later: 1 Messenger, 4 telephone, 9 circle,
                                      10 temporary group, 32 Yahoo; `;via=9:...` names a circle
<msnmsgr:bob@example.com>             in MSNSLP
"""

import re
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import unquote_to_bytes

from backchannel.patterns import later
from backchannel.text import decode

LIMIT = 320
"""The longest account kept: 64 + 1 + 255 characters (RFC 5321)."""
_NETWORK = later(r"^(\d{1,2}):(?=.)")
_SLP = later(r"^<?(?:msnmsgr|mailto|sip):", re.IGNORECASE)
_VIA = later(r";via=(?:\d{1,2}:)?([^;]+)", re.IGNORECASE)
_IPV4 = later(r"(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{1,5}))?(?![\d.])")


def account(text: str) -> str:
    """Return the bare account, lower case: Passport names are compared so."""
    text = _SLP.sub("", text.strip()).strip("<>")
    text = _NETWORK.sub("", text)
    return text.partition(";")[0].strip()[:LIMIT].lower()


def network(text: str) -> int:
    """Return the network number before an account, 0 where there is none."""
    found = _NETWORK.match(text)
    return int(found[1]) if found else 0


def circle(text: str) -> str:
    """Return the circle or group that an account's `via` names, or ''."""
    found = _VIA.search(text)
    return found[1][:LIMIT].lower() if found else ""


def nickname(text: str) -> str:
    """Undo the URL encoding of a nickname or group name."""
    return decode(unquote_to_bytes(text)) if "%" in text else text


def endpoint(text: str) -> tuple[str, int]:
    """Split `10.0.0.1:1863`; ('', 0) where the host is no IP address (a name cannot be matched)."""
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, ""
    host = address(host.strip("[]"))
    return (host, number(port, 0xFFFF)) if host else ("", 0)


def address(text: str) -> str:
    """Return an IP address in its usual form; '' if it is not one or names no host."""
    try:
        value: IPv4Address | IPv6Address = ip_address(text.strip())
    except ValueError:
        return ""
    return "" if value.is_unspecified or value.is_multicast else str(value)


def addresses_in(text: str) -> list[tuple[str, int]]:
    """Return up to 16 IPv4 addresses of free text, each with the port behind it or 0."""
    found = [(address(host), number(port, 0xFFFF)) for host, port in _IPV4.findall(text[:16384])]
    return [pair for pair in found if pair[0]][:16]


def number(text: str, highest: int) -> int:
    """Return a decimal number; 0 if it is not one, or above *highest*."""
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        return 0
    value = int(text)
    return value if value <= highest else 0


def digest(*parts: str) -> str:
    """A key that ties flows together and tells nobody the secret it is made of."""
    return sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
