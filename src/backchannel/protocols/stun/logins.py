"""Who asks a relay, and how that is proved: long-term credentials (RFC 8489 section 9.2).

The key is MD5 of `user:realm:password`, the code HMAC-SHA1 over the message: whoever saw one
message can test guesses. Of those signed with SHA-256 (section 14.6) only the name is told. Held:
PAIRS names.
"""

from backchannel.events import Credential, SignOn, SignOnAnswer
from backchannel.protocols import Output
from backchannel.protocols.packed import MARK, marked, unmarked
from backchannel.protocols.stun.wire import (
    ERROR,
    INTEGRITY,
    INTEGRITY_SHA256,
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
        self._seen = self._asked = b""
        """Who asked, and the transactions of questions that nobody answered yet."""
        self._answered = False

    def ask(self, message: Message, data: bytes) -> list[Output]:
        """Take a request."""
        if message.kind != REQUEST:
            return []
        if message.integrity < 0 and not message.has(INTEGRITY_SHA256):
            return []
        user, realm = message.text(USERNAME), message.text(REALM)
        if not user or not realm:
            return []
        if len(self._asked) < PAIRS * MARK:
            self._asked = marked(self._asked, message.transaction)
        seen = marked(self._seen, (user, realm))
        if seen is self._seen or len(seen) > PAIRS * MARK:
            return []
        self._seen = seen
        self.account, self.realm, self._answered = user, realm, False
        return [SignOn(account=user, method=SCHEME), *self._credential(message, data)]

    def _credential(self, message: Message, data: bytes) -> list[Output]:
        code = message.value(INTEGRITY)
        if code is None or len(code) != 20 or len(data) > LONGEST or not message.has(NONCE):
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

    def answer(self, message: Message) -> list[Output]:
        """Take an answer."""
        asked = unmarked(self._asked, message.transaction)
        if asked is self._asked:
            return []
        self._asked = asked
        code = error_code(message)
        accepted = message.kind == SUCCESS
        if self._answered or not (accepted or (message.kind == ERROR and code in REFUSALS)):
            return []
        self._answered = True
        reason = "" if accepted else str(code)
        return [SignOnAnswer(account=self.account, accepted=accepted, reason=reason)]
