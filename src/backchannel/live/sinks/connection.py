"""A TCP or TLS connection that knows when the other side has what was sent."""

import contextlib
import fcntl
import select
import socket
import ssl
import struct
import termios
import time
from pathlib import Path

TIMEOUT = 10.0
"""Seconds for connecting, for each write, and for the other side to acknowledge."""
HIGHEST_PORT = 0xFFFF


def split(address: str, default: int = 0) -> tuple[str, int]:
    """Return host and port of `host:port` or `[address]:port`. Raises ValueError."""
    host, colon, port = address.rpartition(":")
    if not colon or "]" in port:
        host, port = address, str(default)
    host = host.strip("[]")
    if not host or not port.isdigit() or not 0 < int(port) <= HIGHEST_PORT:
        raise ValueError(f"{address!r} is not host:port")
    return host, int(port)


def context(ca: Path | None, certificate: Path | None = None) -> ssl.SSLContext:
    """Return how to speak TLS: the other side must prove its name. Raises OSError, SSLError."""
    made = ssl.create_default_context(cafile=str(ca) if ca else None)
    if certificate is not None:
        made.load_cert_chain(str(certificate))
    return made


class Connection:
    """One connection, opened."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Connect. Raises OSError; a certificate that does not prove itself is one."""
        raw = socket.create_connection((host, port), timeout=TIMEOUT)
        try:
            self.socket = tls.wrap_socket(raw, server_hostname=host) if tls else raw
        except BaseException:
            raw.close()
            raise
        self._encrypted = tls is not None

    def start_tls(self, tls: ssl.SSLContext, host: str) -> None:
        """Speak TLS from here on."""
        self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        self._encrypted = True

    def send(self, data: bytes) -> None:
        """Send *data* and wait until the other side's system has acknowledged it.

        Raises OSError where it does not in time, or has hung up: then it may or may not have it.
        """
        if self._hung_up():
            raise ConnectionResetError("the receiver closed the connection")
        self.socket.sendall(data)
        until = time.monotonic() + TIMEOUT
        while self._unacknowledged():
            if time.monotonic() > until:
                raise TimeoutError("the receiver does not acknowledge what was sent")
            if self._hung_up():
                raise ConnectionResetError("the receiver closed the connection")
            time.sleep(0.002)

    def receive(self, size: int = 65536) -> bytes:
        """Return what comes next. Raises OSError, also where the other side hung up."""
        data = self.socket.recv(size)
        if not data:
            raise ConnectionResetError("the receiver closed the connection")
        return data

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self.socket.close()

    def _hung_up(self) -> bool:
        """Say whether the other side closed: a receiver that only listens never sends."""
        if not select.select([self.socket], [], [], 0)[0]:
            return False
        if self._encrypted:
            return self._read_ended()
        return self.socket.recv(1, socket.MSG_PEEK) == b""

    def _read_ended(self) -> bool:
        """Read records that hold no data, such as session tickets; say whether it is the end."""
        self.socket.setblocking(False)
        try:
            return self.socket.recv(4096) == b""
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        finally:
            self.socket.settimeout(TIMEOUT)

    def _unacknowledged(self) -> int:
        """Return the bytes sent that the other side's TCP has not acknowledged."""
        answer = fcntl.ioctl(self.socket.fileno(), termios.TIOCOUTQ, struct.pack("i", 0))
        return int(struct.unpack("i", answer)[0])
