"""NATS: publishes each alert on a subject, with its id in a header.

The core protocol is five verbs of text, so it is spoken here rather than asking for a library with
an event loop. Source: docs.nats.io, reference/reference-protocols/nats-protocol. A PONG to the PING
after a message says that the server has taken it; an -ERR before it, that it has not.

    INFO {json}     CONNECT {json}     HPUB subject headers-size size     PING     PONG
"""

import json
import urllib.parse
from pathlib import Path

from backchannel import __version__
from backchannel.live.alert import Alert
from backchannel.live.config import Nats
from backchannel.live.sinks import Refused
from backchannel.live.sinks.connection import Connection, context

LONGEST_LINE = 1 << 20
PORT = 4222


class NatsSink:
    """One NATS server."""

    def __init__(self, settings: Nats) -> None:
        """Raises ValueError for an impossible URL, and OSError for files that cannot be read."""
        parts = urllib.parse.urlsplit(settings.url)
        if not parts.hostname:
            raise ValueError(f"{settings.url!r} names no host")
        self._host, self._port = parts.hostname, parts.port or PORT
        self._wants_tls, self._ca = parts.scheme == "tls", settings.ca
        self._subject = settings.subject
        self._login = _login(settings.credentials) if settings.credentials else {}
        if self._wants_tls:
            context(self._ca)
        self._connection: Connection | None = None
        self._buffer = b""
        self._info: dict[str, object] = {}

    def deliver(self, alert: Alert, body: bytes) -> None:
        """Publish the alert on `SUBJECT.SEVERITY`, and wait until the server has it."""
        try:
            if self._connection is None:
                self._connect()
            self._publish(alert, body)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._buffer = None, b""

    def _publish(self, alert: Alert, body: bytes) -> None:
        subject = f"{self._subject}.{alert.finding.severity}"
        if self._info.get("headers"):
            head = f"NATS/1.0\r\nNats-Msg-Id: {alert.id}\r\n\r\n".encode()
            first = f"HPUB {subject} {len(head)} {len(head) + len(body)}\r\n"
        else:
            head, first = b"", f"PUB {subject} {len(body)}\r\n"
        most = self._info.get("max_payload")
        if isinstance(most, int) and len(head) + len(body) > most:
            raise Refused(f"larger than the {most} bytes that the server takes")
        self._send(first.encode() + head + body + b"\r\nPING\r\n")
        self._wait_for_pong()

    def _connect(self) -> None:
        """Open the connection, and log in."""
        self._buffer = b""
        self._connection = Connection(self._host, self._port)
        verb, _, told = self._line().partition(" ")
        if verb != "INFO":
            raise ConnectionError("no NATS server")
        try:
            self._info = json.loads(told)
        except ValueError:
            raise ConnectionError("a NATS server whose greeting is not JSON") from None
        if self._wants_tls or self._info.get("tls_required"):
            self._connection.start_tls(context(self._ca), self._host)
        options = {
            "verbose": False,
            "pedantic": False,
            "tls_required": self._wants_tls,
            "name": "backchannel",
            "lang": "python",
            "version": __version__,
            "protocol": 1,
            "headers": True,
            "no_responders": False,
            **self._login,
        }
        self._send(b"CONNECT " + json.dumps(options).encode() + b"\r\nPING\r\n")
        self._wait_for_pong()

    def _wait_for_pong(self) -> None:
        while True:
            verb, _, told = self._line().partition(" ")
            if verb == "PONG":
                return
            if verb == "PING":
                self._send(b"PONG\r\n")
            elif verb == "-ERR":
                raise ConnectionError(f"the NATS server says {told[:200]}")

    def _send(self, data: bytes) -> None:
        assert self._connection is not None
        self._connection.socket.sendall(data)

    def _line(self) -> str:
        assert self._connection is not None
        while b"\r\n" not in self._buffer:
            if len(self._buffer) > LONGEST_LINE:
                raise ConnectionError("a line without an end")
            self._buffer += self._connection.receive()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line.decode("utf-8", "replace")


def _login(path: Path) -> dict[str, str]:
    user, colon, password = path.read_text(encoding="utf-8").strip().partition(":")
    return {"user": user, "pass": password} if colon else {"auth_token": user}
