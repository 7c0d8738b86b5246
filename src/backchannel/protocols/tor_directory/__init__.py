"""Tor's directory in clear: HTTP to an authority, or to a relay of before 2021."""

from backchannel.protocols import Magic, Protocol

PROTOCOL = Protocol(
    name="tor-directory",
    title="Tor directory",
    service="tor",
    magic=(Magic("tcp", b"GET /tor/"), Magic("tcp", b"POST /tor/")),
)
