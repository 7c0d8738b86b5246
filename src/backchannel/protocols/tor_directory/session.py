"""Requests to Tor's directory, and what its answers say of who asks. Bytes in, events out.

Memory: that of one HTTP conversation.
"""

import re
from ipaddress import ip_address

from backchannel.events import Malformed, PeerAddress
from backchannel.model import MORE, Capability, Claim, More, Standing
from backchannel.protocols import Output, Peek, Start
from backchannel.protocols.http.carried import Carried
from backchannel.protocols.http.heads import Head, opens
from backchannel.protocols.http.turned import either_way
from backchannel.protocols.http.wire import Broken, Told
from backchannel.protocols.tor_directory.events import TorDirectory

_WHAT = {
    "status-vote/current/consensus": "consensus",
    "status-vote/next/consensus": "consensus",
    "status-vote/": "votes",
    "server/": "relays",
    "micro/": "microdescriptors",
    "extra/": "extra-info",
    "keys/": "keys",
    "hs/": "onion-service",
    "rendezvous": "onion-service",
    "post": "upload",
}
"""What stands behind /tor/, the longest first of those that begin alike (dir-spec)."""
_REQUEST = re.compile(rb"(?:GET|POST) /tor/([\x21-\x7e]*)( HTTP/1\.[01]\r?\n)?")
_FIRST = b"GET /tor/", b"POST /tor/"
_LONGEST_LINE, _LONGEST_TARGET = 4096, 128
_SEEN = "x-your-address-is"


@either_way
def recognise(peek: Peek) -> Claim | More | None:
    """Claim a connection whose first request is for a part of the directory."""
    if peek.transport != "tcp" or not opens(peek.server, request=False):
        return None
    line = peek.client.partition(b"\n")[0]
    if not any(line.startswith(each[: len(line)]) for each in _FIRST):
        return None
    found = _REQUEST.match(peek.client)
    if found is None or not found[2]:
        whole = len(line) < len(peek.client) or len(line) >= _LONGEST_LINE
        return None if whole else MORE
    target = found[1].decode("ascii")
    what = part(target)
    return Claim("tor-directory", evidence=f"request for Tor's {what}") if what else None


def part(target: str) -> str:
    """Return which part of the directory a path behind /tor/ is; empty for none."""
    return next((what for prefix, what in _WHAT.items() if target.startswith(prefix)), "")


class Session(Carried):
    """Both sides of one connection."""

    def __init__(self, start: Start) -> None:
        super().__init__(start)
        self.service = "tor"
        self._client = start.client.address
        self._told = ""
        """The address that was told last."""

    def _tell(self, items: Told) -> list[Output]:
        told: list[Output] = []
        for _, item in items:
            if isinstance(item, Broken):
                told.append(Malformed(reason=item.reason))
            elif isinstance(item, Head):
                told += self._request(item) if item.request else self._answer(item)
        return told

    def _request(self, head: Head) -> list[Output]:
        what = part(head.target.removeprefix("/tor/"))
        if not what or not head.target.startswith("/tor/"):
            return []
        return [TorDirectory(what=what, target=head.target[:_LONGEST_TARGET])]

    def _answer(self, head: Head) -> list[Output]:
        self.standing = Standing.PARSED
        try:
            seen = str(ip_address(head.get(_SEEN)))
        except ValueError:
            return []
        if seen in (self._client, self._told):
            return []
        self._told = seen
        return [PeerAddress(use=Capability.TUNNEL, account="", address=seen, how="directory-seen")]
