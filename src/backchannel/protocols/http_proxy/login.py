"""Who signs on to a proxy, request by request, and whether the proxy lets them in.

HTTP has no login of its own: each request may bring credentials, and 407 instead of an answer says
that they were not good enough (RFC 9110 §15.5.8). NTLM and Negotiate take several requests, of
which only the one that proves something is a sign-on. Holds at most PENDING requests.
"""

from collections import deque

from backchannel.events import SignOn, SignOnAnswer
from backchannel.protocols.http.fields import parameters
from backchannel.protocols.http.heads import Head

PENDING = 1024
"""As many as `Conversation` waits for."""
_REFUSED = 407


class Logins:
    """The sign-ons of one connection to a proxy."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[str, str, SignOn | None]] = deque(maxlen=PENDING)
        """Requests without an answer, by method and target, each with the sign-on it brought."""
        self._told: SignOn | None = None
        """The last sign-on, unless it was refused: what later requests repeat is not a new one."""
        self._answered = False
        """Whether its answer was told."""

    def asked(self, head: Head, signing: SignOn | None) -> list[SignOn]:
        """Take a request with the sign-on in it; return that where it is a new one."""
        self._waiting.append((head.method, head.target, signing))
        if signing is None or signing == self._told:
            return []
        self._told, self._answered = signing, False
        return [signing]

    def answered(self, head: Head, accepted: bool) -> list[SignOnAnswer]:
        """Take an answer; return what it says of the sign-on. *accepted*: the request went on.

        A refusal for another reason than the login (403, 502) tells nothing of it, nor does a
        Digest challenge that says the password was right and only its nonce too old.
        """
        signing = self._pop(head) if head.method else None
        if signing is None or (signing == self._told and self._answered and accepted):
            return []
        refused = head.status == _REFUSED
        if not (accepted or refused) or (refused and _stale(head)):
            return []
        if signing == self._told:
            self._answered, self._told = accepted, signing if accepted else None
        reason = str(head.status) if refused else ""
        return [SignOnAnswer(account=signing.account, accepted=accepted, reason=reason)]

    def _pop(self, head: Head) -> SignOn | None:
        """Return the sign-on of the request that *head* answers, past those that lost theirs."""
        while self._waiting:
            method, target, signing = self._waiting.popleft()
            if (method, target) == (head.method, head.target):
                return signing
        return None


def _stale(head: Head) -> bool:
    """Whether a challenge says so (RFC 7616 §3.3)."""
    return any(
        parameters(value.partition(" ")[2]).get("stale", "").lower() == "true"
        for value in head.all("proxy-authenticate")
    )
