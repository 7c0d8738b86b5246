"""The ways in which a conversation is tried: the same rows each time, so that proofs compare."""

from typing import Literal

import msgspec

from backchannel.prove import proxies
from backchannel.prove.conversation import Conversation
from backchannel.prove.wires import Cut

OTHER_PORT = 27015
"""A port that no service of the catalogue uses by default."""
FRAGMENT = 96
"""Bytes of an IPv4 fragment: the TCP header with its options fits into the first one, and most of
the data comes later."""


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """One way to play a conversation."""

    id: str
    title: str
    port: int = 0
    """Where the servers listen instead; 0: where they did when it was recorded."""
    proxy: proxies.Kind | None = None
    version: Literal[4, 6] = 4
    cut: Cut = "whole"
    fragments: bool = False
    midstream: bool = False
    moves: bool = False
    """UDP goes on from another source port."""
    resolves: bool = False
    """The client asks an outside resolver for the server's name first."""
    evades: bool = False
    """Hides the service from a filter of ports or names, so that `allow` promises nothing of it."""

    def fits(self, conversation: Conversation) -> bool:
        """Say whether it can be tried with this conversation at all."""
        if self.proxy or self.cut != "whole":
            return "tcp" in conversation.transports
        if self.moves:
            return "udp" in conversation.transports
        return bool(conversation.names) or not self.resolves


METHODS = {
    method.id: method
    for method in (
        Method(id="standard", title="standard port"),
        Method(id="other-port", title="another port", port=OTHER_PORT, evades=True),
        Method(id="port-80", title="port 80", port=80, evades=True),
        Method(id="port-443", title="port 443", port=443, evades=True),
        Method(id="port-53", title="port 53", port=53, evades=True),
        Method(id="socks4", title="SOCKS 4 proxy", proxy="socks4", evades=True),
        Method(id="socks5", title="SOCKS 5 proxy", proxy="socks5", evades=True),
        Method(id="http-connect", title="HTTP CONNECT", proxy="http-connect", evades=True),
        Method(id="ipv6", title="IPv6", version=6, evades=True),
        Method(id="one-byte", title="one-byte segments", cut="bytes"),
        Method(id="disorder", title="out of order", cut="disorder"),
        Method(id="fragments", title="IP fragments", fragments=True),
        Method(id="midstream", title="joined midstream", midstream=True),
        Method(id="source-port", title="UDP port change", moves=True, evades=True),
        Method(id="resolver", title="other resolver", resolves=True, evades=True),
    )
}
