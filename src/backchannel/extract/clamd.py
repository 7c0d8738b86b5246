r"""A client of ClamAV's daemon: sends a file over a socket and reads the verdict.

The protocol is that of clamd(8), command INSTREAM: `zINSTREAM\0`, then chunks with a 32-bit size
in network order before each, a size of 0 at the end; the answer ends with a zero byte:
`stream: OK`, `stream: NAME FOUND` or `... ERROR`. Files leave this machine only when told to.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

from backchannel.errors import UsageError, reason
from backchannel.extract.scanners import LABEL, TIMEOUT, Match, Name, Unscanned

_CHUNK = 1 << 16
_ANSWER = 4096
"""Bytes of an answer that are read."""


class Clamd:
    """A clamd that listens at `unix:/path` or `host:port`."""

    name: Name = "clamav"

    def __init__(self, address: str, *, remote: bool = False) -> None:
        """*remote* allows a host that is not this one. Raises UsageError; asks it for life."""
        self._unix, self._place = _parsed(address)
        if not self._unix and not remote and not _loopback(self._place[0]):
            raise UsageError(
                f"--clamd {address} would send files to another machine; "
                "allow it with --clamd-remote"
            )
        try:
            answer = self._ask([b"zPING\0"])
        except OSError as error:
            raise UsageError(f"no clamd answers at {address}: {reason(error)}") from error
        if answer != "PONG":
            raise UsageError(f"what answers at {address} is not clamd")

    def scan(self, path: Path, sha256: str) -> list[Match]:  # noqa: ARG002 - see Scanner
        """See Scanner."""
        answer = self._ask(_stream(path))
        verdict = answer.removeprefix("stream: ")
        if verdict == "OK":
            return []
        if verdict.endswith(" FOUND"):
            return [Match("clamav", verdict.removesuffix(" FOUND")[:LABEL])]
        raise Unscanned("clamd's limit or error")

    def _ask(self, pieces: Iterator[bytes] | list[bytes]) -> str:
        with closing(self._connected()) as connection:
            try:
                for piece in pieces:
                    connection.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has said already why it wants no more
            answer = b""
            while len(answer) < _ANSWER and not answer.endswith(b"\0"):
                if not (more := connection.recv(_ANSWER)):
                    break
                answer += more
        return answer.rstrip(b"\0").decode("utf-8", "replace")

    def _connected(self) -> socket.socket:
        if not self._unix:
            return socket.create_connection(self._place, timeout=TIMEOUT)
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(TIMEOUT)
        try:
            connection.connect(self._place[0])
        except OSError:
            connection.close()
            raise
        return connection


def _stream(path: Path) -> Iterator[bytes]:
    yield b"zINSTREAM\0"
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield struct.pack(">I", len(chunk)) + chunk
    yield bytes(4)


def _parsed(address: str) -> tuple[bool, tuple[str, int]]:
    """Return whether it is a socket in the file system, and the place."""
    if address.startswith("unix:"):
        return True, (address.removeprefix("unix:"), 0)
    host, colon, port = address.rpartition(":")
    if not colon or not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise UsageError(f"--clamd {address}: give unix:/path or host:port")
    return False, (host.strip("[]"), int(port))


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
