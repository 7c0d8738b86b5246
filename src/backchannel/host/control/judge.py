"""Decides whether a program may run, and says why: by its path, content, package and service.

Nothing is read here but the package database, and that only of programs that the store does not
know as they are.
"""

from collections.abc import Callable, Iterable
from datetime import date
from fnmatch import fnmatchcase
from typing import Literal, NamedTuple

from backchannel.host.candidates import called
from backchannel.host.control.document import Action, Policy, Rule
from backchannel.host.control.trust import Entry, Store
from backchannel.host.known import Known
from backchannel.host.listed import Owner
from backchannel.host.root import Digests
from backchannel.model import Confidence

Reason = Literal[
    "never-denied",
    "allowed",
    "trusted",
    "upgraded",
    "installed",
    "denied",
    "cut",
    "unknown",
    "altered",
    "wrong-path",
    "expired",
]
WORDS: dict[Action, Reason] = {"allow": "allowed", "cut": "cut", "deny": "denied"}
"""What a rule's action is called as a reason."""
_PROVED = ("trusted", "upgraded", "installed")
"""Reasons that content gives, wherever it lies."""
NEVER = (
    *(f"/usr/{folder}/{name}" for folder in ("bin", "sbin") for name in (
        "init", "systemd*", "agetty", "getty", "login", "su", "sudo", "sulogin", "sshd",
        "sh", "bash", "dash", "zsh", "busybox", "kill", "mount", "umount", "env",
        "dpkg*", "apt", "apt-get", "apt-key", "rpm", "dnf", "yum", "apk", "pacman",
    )),
    "/usr/lib/systemd/*",
    "/usr/lib/openssh/*",
    "/usr/lib/apt/*",
    "/usr/lib/dpkg/*",
    "/usr/lib*/ld-*.so*",
    "/usr/lib/*/ld-*.so*",
    "/lib*/ld-*.so*",
)  # fmt: skip
"""Without these nobody could log in, mend the policy, or start anything at all."""


class Verdict(NamedTuple):
    """What is decided of one program."""

    action: Action
    reason: Reason
    rule: str = ""
    """The rule that decided, or the exception that ran out."""
    package: str = ""
    entry: Entry | None = None
    """What the store should list from now on: a program that came by a package since."""
    altered: bool = False
    """Whether its content is not what store or package say, though it may run."""


class Judge:
    """Decides by a policy and a trust store. *owner* asks the package database for a path."""

    def __init__(
        self,
        policy: Policy,
        store: Store,
        known: Known,
        *,
        owner: Callable[[str], Owner | None],
        today: date,
        ours: Iterable[str] = (),
    ) -> None:
        """*ours* are our own files, without which nobody would answer."""
        self._policy, self._store, self._known, self._owner = policy, store, known, owner
        self._never = (*_both(NEVER), *ours, *policy.never)
        self._today = today.isoformat()

    def knows(self, path: str) -> bool:
        """Say whether store or package have a program at *path*."""
        return path in self._store.by_path or self._owner(path) is not None

    def decide(
        self, path: str, content: Digests, *, here: Callable[[], bool] = lambda: True
    ) -> Verdict:
        """Decide whether the program at *path* with this content may run. *here* says whether it
        is the file that this machine has there: with mounts of its own, anybody has any file
        anywhere, and a path speaks for nobody.
        """
        reason, package, entry = self._trusted(path, content)
        altered = reason == "altered"
        if any(fnmatchcase(path, each) for each in self._never) and here():
            return Verdict("allow", "never-denied", "", package, entry, altered)
        over = ""
        for rule in self._policy.rules:
            if not self._fits(rule, path, content, package, reason):
                continue
            if (
                self._frees(rule)
                and content.sha256 not in rule.sha256
                and not (reason in _PROVED or here())
            ):
                continue
            if rule.expires is not None and rule.expires < self._today:
                over = over or (rule.name if rule.action == "allow" else "")
                continue
            return Verdict(rule.action, WORDS[rule.action], rule.name, package, entry, altered)
        action: Action = "allow"
        if reason in ("unknown", "wrong-path"):
            action = self._policy.unknown
        elif altered:
            action = self._policy.altered
        if action != "allow" and over:
            return Verdict(action, "expired", over, package, entry, altered)
        return Verdict(action, reason, "", package, entry, altered)

    def _frees(self, rule: Rule) -> bool:
        """Say whether a rule lets run what would not run without it."""
        return rule.action == "allow" or (rule.action == "cut" and self._policy.unknown == "deny")

    def _trusted(self, path: str, content: Digests) -> tuple[Reason, str, Entry | None]:
        """Return what store and package say of a program, its package, and what the store is to
        learn.
        """
        listed = self._store.by_path.get(path)
        if listed is not None and listed.sha256 == content.sha256:
            return "trusted", listed.package, None
        owner = self._owner(path)
        package = owner.package if owner else (listed.package if listed else "")
        if owner is not None and owner.agrees(content):
            entry = Entry(
                path=path, sha256=content.sha256, package=owner.package, version=owner.version
            )
            return ("upgraded" if listed else "installed"), package, entry
        if listed is not None or (owner is not None and owner.digest):
            return "altered", package, None
        elsewhere = self._store.by_sha256.get(content.sha256)
        return ("wrong-path" if elsewhere else "unknown"), package, None

    def _fits(self, rule: Rule, path: str, content: Digests, package: str, reason: Reason) -> bool:
        """Say whether a rule is about a program. What allows by package asks for its content; what
        does not is also about copies of the package's programs, wherever they lie: but for what
        another package brought there, though it is the same.
        """
        if content.sha256 in rule.sha256 or any(fnmatchcase(path, each) for each in rule.paths):
            return True
        if rule.action == "allow":
            return reason != "altered" and self._is_of(rule, path, package)
        if self._is_of(rule, path, package):
            return True
        if package and reason in _PROVED:
            return False
        twin = self._store.by_sha256.get(content.sha256)
        return twin is not None and self._is_of(rule, twin.path, twin.package)

    def _is_of(self, rule: Rule, path: str, package: str) -> bool:
        """Say whether a package's program at *path* is one of a rule's packages or services."""
        if package and package in rule.packages:
            return True
        return bool(rule.services) and any(
            match.service in rule.services and match.confidence > Confidence.NAME
            for match in self._known.matches(called(path), package, intact=True)
        )


def _both(patterns: Iterable[str]) -> Iterable[str]:
    """Yield paths with and without `/usr`, which not every system has merged."""
    for pattern in patterns:
        yield pattern
        if pattern.startswith("/usr/"):
            yield pattern.removeprefix("/usr")
