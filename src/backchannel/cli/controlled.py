"""`backchannel host control`: the work behind its options."""

import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from backchannel.cli.controlling import judging
from backchannel.cli.hosting import FOUND
from backchannel.cli.private import opened
from backchannel.cli.streams import complain
from backchannel.errors import InputError, UsageError, in_one_line
from backchannel.host.control import trust
from backchannel.host.control.controller import Controller, Refusal, until_told
from backchannel.host.control.document import Mode, Policy
from backchannel.host.control.judge import Judge
from backchannel.host.control.writers import refuse_others
from backchannel.live.units import Duration
from backchannel.text import escape

ORDER: tuple[Mode, ...] = ("observe", "alert", "deny")


def control(
    policy: Path,
    *,
    store: Path,
    on: Sequence[Path],
    mode: Mode | None,
    log: Path | None,
    stall: float,
    own: Sequence[Path],
    duration: str | None,
    quiet: bool,
) -> int:
    """Control programs until told to stop; return 1 where one was refused, or would have been.

    Raises UsageError, InputError and PrivilegeError.
    """
    if not 1 <= stall <= 60:
        raise UsageError(f"--stall {stall:g}: between 1 and 60 seconds")
    seconds = _seconds(duration)
    folders = [str(each) for each in on] or ["/"]
    with ExitStack() as stack:
        rule = _Rule(policy, store, own)
        telling = _Telling(log, stack, quiet=quiet)
        limited = min(rule.policy.mode, mode or rule.policy.mode, key=ORDER.index)
        controller = Controller(
            rule.judge, limited, folders, tell=telling.tell, learn=rule.learn, limit=stall,
            cuts=_cuts(rule.policy), again=rule.again,
        )  # fmt: skip
        until_told(controller)
        where = ", ".join(map(in_one_line, folders))
        telling.say(f"control of programs on {where}, mode {limited}; Ctrl-C ends it")
        controller.run(time.monotonic() + seconds)
        rule.keep()
        counts = (f"{count:,} {name}" for name, count in sorted(controller.counts.items()))
        telling.say(", ".join(counts) or "nothing was run")
    return FOUND if controller.refused else 0


def _seconds(duration: str | None) -> float:
    try:
        return float(Duration.read(duration)) if duration is not None else float("inf")
    except ValueError as error:
        raise UsageError(f"--duration {duration}: {error}; for example 90s or 8h") from None


class _Rule:
    """The policy and the store as they are now."""

    def __init__(self, policy: Path, store: Path, own: Sequence[Path]) -> None:
        self._path, self._store, self._own = policy, store, own
        self._learned = list[trust.Entry]()
        self.policy, self._trusted, self.judge = self._read()

    def _read(self) -> tuple[Policy, trust.Store, Judge]:
        for path in (self._path, self._store):
            refuse_others(path)
        trusted = trust.read(self._store)
        for entry in self._learned:
            trusted.add(entry)
        policy, judge = judging(self._path, self._store, self._own, trusted)
        if not trusted and policy.unknown != "allow":
            raise UsageError(
                f"{self._store}: trusts no program, and the policy does not let those run that are "
                f"not trusted; run `backchannel host learn {self._store}`"
            )
        return policy, trusted, judge

    def again(self) -> Judge | None:
        """Read both anew; where that cannot be done, say why, and return nothing."""
        try:
            policy, trusted, judge = self._read()
        except (UsageError, InputError) as error:
            complain(f"the policy stays as it was: {error}")
            return None
        if _cuts(policy) and not _cuts(self.policy):
            complain("the policy stays as it was: programs are cut only after a new start")
            return None
        self.policy, self._trusted = policy, trusted
        complain(f"read anew: {in_one_line(self._path)} and {in_one_line(self._store)}")
        return judge

    def learn(self, entry: trust.Entry) -> None:
        """Trust a program that came by a package."""
        self._trusted.add(entry)
        self._learned.append(entry)

    def keep(self) -> None:
        """Put into the store what was learnt; others may have written it meanwhile."""
        if self._learned:
            store = trust.read(self._store)
            for entry in self._learned:
                store.add(entry)
            trust.write(self._store, store)


def _cuts(policy: Policy) -> bool:
    actions = {policy.unknown, policy.altered, *(rule.action for rule in policy.rules)}
    return "cut" in actions


class _Telling:
    """Where refusals are told."""

    def __init__(self, log: Path | None, stack: ExitStack, *, quiet: bool) -> None:
        self._quiet = quiet
        self._log = opened(log, stack, append=True) if log is not None else None

    def tell(self, refusal: Refusal) -> None:
        """Write a line for a refusal, and print one."""
        if self._log is not None:
            self._log.write(msgspec.json.encode(refusal) + b"\n")
            self._log.flush()
        if not self._quiet:
            print(_words(refusal), flush=True)

    def say(self, text: str) -> None:
        """Say something of the control itself."""
        if not self._quiet:
            print(text, file=sys.stderr, flush=True)


def _words(refusal: Refusal) -> str:
    rule = f" by {refusal.rule}" if refusal.rule else ""
    by = f", run by {escape(refusal.by)}" if refusal.by else ""
    return (
        f"{refusal.time[11:19]} {refusal.action} {refusal.reason}{rule}: "
        f"{escape(refusal.path)}{by} (process {refusal.pid}, user {refusal.uid})"
    )
