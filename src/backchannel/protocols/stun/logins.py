"""Who asks a relay, and how that is proved: long-term credentials (RFC 8489 section 9.2).

The key is MD5 of `user:realm:password`, the code HMAC-SHA1 over the message: whoever saw one
message can test guesses. Held: PAIRS names.
"""

from backchannel.events import Credential, SignOn, SignOnAnswer
from backchannel.model import Side
from backchannel.protocols import Output
from backchannel.protocols.stun.wire import (
    ERROR,
    INTEGRITY,
    NONCE,
    REALM,
    REQUEST,
    SUCCESS,
    USERNAME,
    Message,
    error_code,
    signed,
)

PAIRS = 16
LONGEST = 4096
"""Bytes of a message that are kept to test guesses."""
REFUSALS = frozenset({401, 403, 441})
"""Codes that say no to somebody who has said who he is; 438 only asks again."""
SCHEME = "stun-long-term"


class Logins:
    """The accounts of one flow."""

    def __init__(self) -> None:
        self.account = self.realm = ""
        self._seen: set[tuple[str, str]] = set()
        self._answered = False
        self._asked: set[bytes] = set()

    def ask(self, message: Message, data: bytes) -> list[Output]:
        """Take a request."""
        if message.kind != REQUEST or message.integrity < 0:
            return []
        user, realm = message.text(USERNAME), message.text(REALM)
        if not user or not realm:
            return []
        if len(self._asked) < PAIRS:
            self._asked.add(message.transaction)
        if (user, realm) in self._seen or len(self._seen) >= PAIRS:
            return []
        self._seen.add((user, realm))
        self.account, self.realm, self._answered = user, realm, False
        return [SignOn(account=user, method=SCHEME), *self._credential(message, data)]

    def _credential(self, message: Message, data: bytes) -> list[Output]:
        code = message.attributes[INTEGRITY]
        if len(code) != 20 or len(data) > LONGEST or NONCE not in message.attributes:
            return []
        return [
            Credential(
                account=self.account,
                kind="hash",
                scheme=SCHEME,
                secret=code.hex(),
                salt=f"{signed(data, message.integrity).hex()} {self.realm}",
            )
        ]

    def answer(self, side: Side, message: Message) -> list[Output]:  # noqa: ARG002 - the relay's
        """Take an answer."""
        if message.transaction not in self._asked:
            return []
        self._asked.discard(message.transaction)
        code = error_code(message)
        accepted = message.kind == SUCCESS
        if self._answered or not (accepted or (message.kind == ERROR and code in REFUSALS)):
            return []
        self._answered = True
        reason = "" if accepted else str(code)
        return [SignOnAnswer(account=self.account, accepted=accepted, reason=reason)]
