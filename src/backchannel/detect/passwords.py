"""The password audit: tries the best-known passwords on captured logins. Off unless asked for.

Guessed are, in this order: what people make of their own account name, the list that comes with
the package, and the operator's words. Nothing is sent anywhere: challenge and response are in the
capture. Bounded: at most WORDS of the operator's words, LOGINS different logins, and EFFORT for
the whole run, in which one MD5 counts 1 and slower schemes more; what did not fit is counted.
"""

from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Literal

from backchannel.detect.events import PasswordGuessed
from backchannel.detect.guessing import SCHEMES, Scheme
from backchannel.engine.observation import Observation
from backchannel.errors import InputError, reason
from backchannel.events import Credential
from backchannel.text import utf8

WORDS = 1_000_000
WORD = 128
"""Characters of a word; longer lines are not passwords."""
LOGINS = 10_000
EFFORT = 10_000_000
"""About half a minute of one core."""
USUAL = 1024
"""Characters of challenge and response that a scheme's cost is meant for; longer ones cost more."""
LIST = "weak-passwords.txt"

Guess = tuple[str, Literal["account name", "well-known list", "own list"]]
"""A word, and where it is from."""


class Audit:
    """Follows credentials; each different one is tried once."""

    def __init__(self, words: tuple[str, ...] = (), effort: int = EFFORT) -> None:
        """*words*: the operator's own list."""
        self._words = words
        self._left = effort
        self._tried: set[int] = set()
        self.counters: Counter[str] = Counter()

    def follow(self, seen: Observation) -> Iterator[PasswordGuessed]:
        """Try the lists on a captured hash; tell the password where one fits."""
        event = seen.event
        if not isinstance(event, Credential) or event.kind != "hash" or not self._fresh(event):
            return
        scheme = SCHEMES.get(event.scheme)
        if scheme is None:
            self.counters[f"logins that no password was tried on: {event.scheme}"] += 1
            return
        if not event.salt:
            self.counters["logins that no password was tried on: no challenge seen"] += 1
            return
        try:
            found = self._guess(event, scheme)
        except ValueError:
            self.counters["logins that no password was tried on: incomplete or variant"] += 1
            return
        if found is not None:
            word, source = found
            yield PasswordGuessed(
                account=event.account, scheme=event.scheme, password=word, source=source
            )

    def _fresh(self, event: Credential) -> bool:
        key = hash((event.scheme, event.account, event.secret, event.salt))
        if key in self._tried:
            return False
        if len(self._tried) >= LOGINS:
            self.counters["logins that no password was tried on: too many"] += 1
            return False
        self._tried.add(key)
        return True

    def _guess(self, event: Credential, scheme: Scheme) -> Guess | None:
        cost = scheme.cost * (1 + (len(event.salt) + len(event.secret)) // USUAL)
        for guess in self._guesses(event.account):
            if self._left < cost:
                self.counters["logins that not every password was tried on: effort spent"] += 1
                return None
            self._left -= cost
            if scheme.test(event, guess[0]):
                return guess
        return None

    def _guesses(self, account: str) -> Iterator[Guess]:
        yield from ((word, "account name") for word in of_account(account))
        yield from ((word, "well-known list") for word in well_known())
        yield from ((word, "own list") for word in self._words)


def of_account(account: str) -> tuple[str, ...]:
    """Return what people make of their own name."""
    local = account.rpartition("\\")[2].partition("@")[0][:WORD]
    plain = local.replace(" ", "").lower()
    made = [local, plain, *(plain + end for end in ("1", "12", "123", "1234")), plain[::-1]]
    return tuple(dict.fromkeys(word for word in made if word))


@cache
def well_known() -> tuple[str, ...]:
    """Return the list that comes with the package."""
    lines = files(__package__).joinpath(LIST).read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if line and not line.startswith("#"))


def read(path: Path) -> tuple[str, ...]:
    """Return the words of a file, one per line, UTF-8 or else Latin-1. Raises InputError."""
    words = list[str]()
    try:
        with path.open("rb") as file:
            while len(words) < WORDS and (line := file.readline(1 << 16)):
                word = utf8(line.rstrip(b"\r\n"))
                if 0 < len(word) <= WORD:
                    words.append(word)
            more = bool(file.read(1))
    except OSError as error:
        raise InputError(path, reason(error)) from error
    if more:
        raise InputError(path, f"has more than {WORDS} words; split it")
    return tuple(words)
