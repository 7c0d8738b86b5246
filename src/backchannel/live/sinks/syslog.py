"""Syslog: RFC 5424 messages over UDP (RFC 5426), TCP (RFC 6587 §3.4.1) or TLS (RFC 5425).

On TCP and TLS each message has its length before it. Syslog has no acknowledgement of its own, so
a message counts as delivered when the receiver's system has acknowledged its bytes.
"""

import os
import socket

from backchannel.live.alert import Alert
from backchannel.live.config import Syslog
from backchannel.live.sinks.connection import Connection, context, split
from backchannel.report.exports.syslog import line

LARGEST_DATAGRAM = 2048
"""Bytes of a message over UDP (RFC 5426 §3.2: receivers should take as many)."""
PORTS = {"udp": 514, "tcp": 601, "tls": 6514}


class SyslogSink:
    """One syslog server."""

    def __init__(self, settings: Syslog) -> None:
        """Raises ValueError for an impossible address, and OSError for certificates."""
        self._host, self._port = split(settings.address, PORTS[settings.transport])
        self._transport = settings.transport
        self._tls = None
        if settings.transport == "tls":
            self._tls = context(settings.ca, settings.certificate)
        self._connection: Connection | None = None

    def deliver(self, alert: Alert, body: bytes) -> None:  # noqa: ARG002 - syslog is no JSON
        """Send the alert as one message."""
        message = line(alert.finding, "backchannel", host=alert.sensor, process=os.getpid())
        data = message.replace("\n", " ").encode()
        if self._transport == "udp":
            self._datagram(data)
            return
        try:
            if self._connection is None:
                self._connection = Connection(self._host, self._port, self._tls)
            self._connection.send(b"%d %b" % (len(data), data))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _datagram(self, data: bytes) -> None:
        (family, kind, *_, place), *_ = socket.getaddrinfo(
            self._host, self._port, type=socket.SOCK_DGRAM
        )
        with socket.socket(family, kind) as out:
            out.connect(place)  # so that a closed port is noticed, where the receiver says so
            out.send(data[:LARGEST_DATAGRAM])
