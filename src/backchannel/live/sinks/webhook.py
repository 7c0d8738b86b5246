"""Webhooks: each alert is one HTTP POST with a JSON body."""

import http.client
import urllib.parse
from pathlib import Path

from backchannel import __version__
from backchannel.live.alert import Alert
from backchannel.live.config import Webhook
from backchannel.live.sinks import Refused
from backchannel.live.sinks.connection import TIMEOUT, context

AGAIN = frozenset({408, 425, 429})
"""Answers of the 400s that say: later."""


class WebhookSink:
    """One web server."""

    def __init__(self, settings: Webhook) -> None:
        """Raises ValueError for an impossible URL, and OSError for files that cannot be read."""
        parts = urllib.parse.urlsplit(settings.url)
        if not parts.hostname:
            raise ValueError(f"{settings.url!r} names no host")
        self._host, self._port, self._tls = parts.hostname, parts.port, None
        if parts.scheme == "https":
            self._tls = context(settings.ca)
        self._target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        self._headers = {
            "Content-Type": "application/json",
            "User-Agent": f"backchannel/{__version__}",
        }
        if settings.authorization is not None:
            self._headers["Authorization"] = _secret(settings.authorization)

    def deliver(self, alert: Alert, body: bytes) -> None:
        """Post the alert. Raises OSError unless the answer is a 200, Refused for most 400s."""
        made: http.client.HTTPConnection
        if self._tls is not None:
            made = http.client.HTTPSConnection(
                self._host, self._port, timeout=TIMEOUT, context=self._tls
            )
        else:
            made = http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT)
        headers = {**self._headers, "Idempotency-Key": alert.id}
        try:
            made.request("POST", self._target, body, headers)
            answer = made.getresponse()
            answer.read(65536)
        except http.client.HTTPException as error:
            raise ConnectionError(f"no proper HTTP: {type(error).__name__}") from None
        finally:
            made.close()
        if 200 <= answer.status < 300:
            return
        told = f"HTTP status {answer.status}"
        if 400 <= answer.status < 500 and answer.status not in AGAIN:
            raise Refused(told)
        raise ConnectionError(told)

    def close(self) -> None:
        """Nothing stays open."""


def _secret(path: Path) -> str:
    text = path.read_text(encoding="latin-1").strip()
    if "\n" in text or "\r" in text:
        raise ValueError(f"{path}: one line is wanted")
    return text
