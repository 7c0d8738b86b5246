"""Options of `scan` that look closer at what was found. Nothing of it runs unless asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from backchannel.detect.follow import Follower
from backchannel.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Checks:
    """What to look closer at."""

    audit_passwords: bool = False
    """Try well-known passwords on captured login hashes; nothing is sent anywhere."""
    wordlist: Path | None = None
    """Words of your own for --audit-passwords, one a line."""

    def followers(self) -> Iterator[Follower]:
        """Make what was asked for. Raises UsageError and InputError."""
        if self.wordlist is not None and not self.audit_passwords:
            raise UsageError("--wordlist is for --audit-passwords; give both")
        if self.audit_passwords:
            from backchannel.detect import passwords  # noqa: PLC0415 - only where asked

            yield passwords.Audit(passwords.read(self.wordlist) if self.wordlist else ())
