"""Receivers of alerts: one module a protocol, and the delivery that they share.

A sink has `deliver(alert, body)`, which returns when the receiver has it. It raises OSError when it
could not be told and should be tried again, and Refused when trying again is of no use.
"""

from typing import Protocol

from backchannel.live.alert import Alert


class Refused(Exception):  # noqa: N818 - what the alert was
    """The receiver has looked at the alert and does not want it."""


class Sink(Protocol):
    """One receiver."""

    def deliver(self, alert: Alert, body: bytes) -> None:
        """Bring *alert*, *body* in JSON, to the receiver."""

    def close(self) -> None:
        """Let go of the connection."""
