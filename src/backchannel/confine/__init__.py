"""Gives up, for good, what a process that reads hostile bytes does not need.

`confine` makes the process somebody without rights, without files (Landlock), and without system
calls but those that compute, wait, and use what is open (seccomp). What the kernel does not have is
left out, and said.
"""

import msgspec

from backchannel.confine import identity, landlock, seccomp


class Confinement(msgspec.Struct, frozen=True):
    """What took hold."""

    user: int
    """The user id that the process has now."""
    landlock: int
    """Landlock's ABI; 0: the kernel has none, files are kept away by seccomp alone."""
    seccomp: bool
    missing: tuple[str, ...] = ()
    """What did not take hold, and why."""

    def __str__(self) -> str:
        parts = [f"user {self.user}"]
        parts += [f"Landlock ABI {self.landlock}"] if self.landlock else []
        parts += ["seccomp"] if self.seccomp else []
        return ", ".join([*parts, *self.missing])


def confine(
    calls: frozenset[str] = seccomp.COMPUTE, user: str = identity.USER, *, keep: int = 0
) -> Confinement:
    """Give up everything but *calls* on what is open. There is no way back.

    *keep*: bits of the capabilities that using it needs. Everything that may be imported must have
    been imported before. Raises OSError where rights that are there cannot be given up: then the
    process must not go on.
    """
    missing = list[str]()
    identity.drop(user, keep)
    abi = landlock.restrict()
    if not abi:
        missing.append("no Landlock in this kernel")
    filtered = seccomp.restrict(calls)
    if not filtered:
        missing.append("no seccomp for this kernel or machine")
    return Confinement(identity.current(), abi, filtered, tuple(missing))
