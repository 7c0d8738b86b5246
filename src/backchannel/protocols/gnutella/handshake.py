"""Header blocks of Gnutella handshakes. Bytes in, values out.

    CONNECT   GNUTELLA CONNECT/v CRLF (name: value CRLF)... CRLF
    ANSWER    GNUTELLA/v code reason CRLF (name: value CRLF)... CRLF
    0.4       GNUTELLA CONNECT/0.4 LF LF   and   GNUTELLA OK LF LF

"An Extensible Handshaking Protocol" (Bildson and Rohrs); RFC-Gnutella 0.6 §2.1. Both networks
share it; which one is meant is in Accept and Content-Type. Nothing here remembers anything.
"""

from ipaddress import ip_address

import msgspec

from backchannel.patterns import later
from backchannel.reader import WireError
from backchannel.text import decode

MARK = b"GNUTELLA"
LIMIT = 16_384
"""Longest header block: servents give up between 2 and 16 KiB."""
MAX_HEADERS = 100

_END = later(rb"\r?\n\r?\n")
_CONNECT = later(r"GNUTELLA CONNECT/(\d\.\d{1,2})")
_ANSWER = later(r"GNUTELLA/(\d\.\d{1,2}) +(\d{3})(?: +(.*))?")
_OLD_ANSWER = "GNUTELLA OK"
_OPENINGS = (b"GNUTELLA CONNECT/", b"GNUTELLA/", b"GNUTELLA OK")

_HOST = later(
    r"(?:(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})|\[([0-9A-Fa-f:.]{2,45})\])(?::(\d{1,5}))?(?![\w.:])"
)
DEFAULT_PORT = 6346


class Block(msgspec.Struct, frozen=True):
    """One header block."""

    connect: bool
    version: str
    code: int
    reason: str
    headers: tuple[tuple[str, str], ...]

    def get(self, *names: str) -> str:
        """Return the values of the headers of these names (lower case), joined by commas."""
        return ", ".join(value for name, value in self.headers if name.lower() in names)

    @property
    def networks(self) -> set[str]:
        """The networks that the sender will use, or else accepts; empty for old servents, which
        know one.
        """
        return named_networks(self.get("content-type")) or named_networks(self.get("accept"))


def named_networks(text: str) -> set[str]:
    """Return the networks whose media types are in *text*."""
    text = text.lower()
    found = {"gnutella"} if "application/x-gnutella-packets" in text else set()
    if "application/x-gnutella2" in text or "application/x-shareaza" in text:
        found.add("gnutella2")
    return found


def choice(asked: set[str] | None, answered: set[str] | None) -> tuple[str, bool]:
    """Return the network that two servents agree on, and whether that is certain.

    None stands for a header block that was not seen. Who names none speaks the older network, as
    does who answers that either would do (Shareaza's ShakeNeighbour).
    """
    only_second = asked == {"gnutella2"}
    if answered:
        return ("gnutella2" if answered == {"gnutella2"} else "gnutella"), True
    certain = answered is not None or asked is None or len(asked) < 2
    return ("gnutella2" if only_second else "gnutella"), certain


def opens(data: bytes | bytearray) -> bool:
    """Whether *data* can be the beginning of a header block. Empty data can."""
    return any(data[: len(mark)] == mark[: len(data)] for mark in _OPENINGS)


def end_of_block(data: bytes | bytearray, start: int = 0) -> int:
    """Return where the first header block in *data* ends; 0 while it does not."""
    found = _END.search(data, start)
    return found.end() if found else 0


def read_block(data: bytes) -> Block:
    """Read a whole block. Raises WireError if its first line is not a handshake's."""
    lines = _lines(data)
    first = lines[0].strip()
    headers = tuple(_header(line) for line in lines[1 : MAX_HEADERS + 1] if ":" in line)
    if found := _CONNECT.match(first):
        return Block(True, found[1], 0, "", headers)
    if found := _ANSWER.match(first):
        return Block(False, found[1], int(found[2]), found[3] or "", headers)
    if first == _OLD_ANSWER:
        return Block(False, "0.4", 200, "OK", headers)
    raise WireError(f"no Gnutella handshake: {first[:40]!r}")


def first_line(data: bytes) -> bool:
    """Whether the first line of *data*, which holds it whole, is one of a handshake."""
    try:
        read_block(data[: data.find(b"\n") + 1])
    except WireError:
        return False
    return True


def _lines(data: bytes) -> list[str]:
    """Return the lines, those that begin with a blank joined to the line before."""
    lines: list[str] = []
    for line in decode(data).replace("\r", "").split("\n"):
        if line[:1] in (" ", "\t") and lines:
            lines[-1] += " " + line.strip()
        elif line:
            lines.append(line)
    return lines or [""]


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip()[:64], value.strip()[:2048]


def addresses(text: str, limit: int = 256) -> list[tuple[str, int]]:
    """Return the addresses with ports in a header's value; without a port the usual one is meant.

    IPv6 addresses are in brackets; time stamps and host names beside them are passed over.
    """
    found = []
    for match in _HOST.finditer(text):
        port = int(match[3]) if match[3] else DEFAULT_PORT
        address = normal(match[1] or match[2])
        if address and 0 < port < 65_536:
            found.append((address, port))
        if len(found) == limit:
            break
    return found


def normal(text: str) -> str:
    """Return *text* as an address in its normal form; empty if it is not one."""
    try:
        return str(ip_address(text.strip(" []")))
    except ValueError:
        return ""
