"""Loads and removes the guard's rules. Programs do the work; nothing is left half done."""

import json
import shutil
import subprocess
from errno import EBUSY, EPERM
from pathlib import Path

import msgspec

from backchannel.enforce import ruleset
from backchannel.enforce.nfqueue import Queue
from backchannel.errors import PrivilegeError, UsageError

TIMEOUT = 20
"""Seconds that a program may take."""
SIGN = 65_535
"""A queue to which nothing is sent: who has it bound is the guard of this network."""
_RESTORE = ("--noflush", "-w", "5")
_QUEUES = Path("/proc/thread-self/net/netfilter/nfnetlink_queue")


class Texts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is loaded, ready made: whoever loads it needs no policy."""

    guarding: str
    """nft's text while the guard is there."""
    renewal: str
    """... that takes the place of other rules of ours while it is there."""
    failed: str
    """... and while it is not; empty: nothing is to be held up then."""
    mangle: str
    """iptables-restore's text."""
    mangle6: str


def texts(plan: ruleset.Plan) -> Texts:
    """Return the texts of a plan."""
    return Texts(
        guarding=ruleset.nft(plan),
        renewal=ruleset.nft_renewal(plan),
        failed=ruleset.nft(plan, "failed") if plan.closes else "",
        mangle=ruleset.mangle(plan, 4),
        mangle6=ruleset.mangle(plan, 6),
    )


def sees_payload() -> bool:
    """Say whether this kernel's nftables can look behind the TCP header."""
    table = f"{ruleset.TABLE}_probe"
    chain = "chain probe {\n@ih,0,8 0-255 return\n}"
    try:
        _run(("nft", "-f", "-"), f"table inet {table} {{\n{chain}\n}}\n")
        _run(("nft", "delete", "table", "inet", table))
    except UsageError:
        return False
    return True


def check() -> None:
    """Raise UsageError where a program that is needed is missing."""
    packages = {"nft": "nftables", "iptables-restore": "iptables", "ip6tables-restore": "iptables"}
    missing = [name for name in packages if shutil.which(name) is None]
    if missing:
        wanted = " ".join(dict.fromkeys(packages[name] for name in missing))
        raise UsageError(f"{missing[0]} is not installed; on Debian: apt-get install {wanted}")


def alone() -> Queue:
    """Return the sign of being the only guard in this network, which is good until it is closed.

    Raises UsageError where a guard is at work: it has the sign, whether its rules send anything to
    its queue now or not; or its inspector outlives it, and reads a queue that the rules name. Rules
    that a guard left behind are no guard.
    """
    try:
        if not _bound(ruleset.queues(_run(("iptables-save", "-t", "mangle")).splitlines())):
            return Queue(SIGN, length=1)
    except OSError as error:
        if error.errno not in (EPERM, EBUSY):
            raise
    raise UsageError("a guard is at work in this network: end it first")


def free(queue: int) -> None:
    """Raise UsageError where one of the two queues from *queue* on is somebody else's."""
    if taken := _bound({queue, queue + 1}):
        raise UsageError(
            f"queue {min(taken)} of the kernel is in use by another program; choose with --queue"
        )


def load(what: Texts) -> None:
    """Put the guard's rules into the kernel, in place of older ones. Raises UsageError; then what
    must not pass unseen is held up.

    That it is at every moment: it is held up until packets go to the queue.
    """
    _run(("nft", "-f", "-"), what.failed or what.guarding)
    remove_queue()
    _run(("iptables-restore", *_RESTORE), what.mangle)
    _run(("ip6tables-restore", *_RESTORE), what.mangle6)
    if what.failed:
        renew(what)


def renew(what: Texts) -> None:
    """Put other rules in place of the guard's that are loaded, in one step; packets go to the
    queue all the while. Raises UsageError where they are not taken: then nothing has changed.
    """
    _run(("nft", "-f", "-"), what.renewal)


def fail(what: Texts) -> None:
    """The guard is not there: let pass, or hold up, what the policy says. In few steps, at once."""
    if what.failed:
        _run(("nft", "-f", "-"), what.failed)
    for program in ("iptables-restore", "ip6tables-restore"):
        _run((program, *_RESTORE), ruleset.mangle_pause())


def tidy(what: Texts) -> None:
    """Nobody will guard again: leave only what holds up traffic, if anything is to be held up."""
    remove_queue()
    if not what.failed:
        _run(("nft", "-f", "-"), ruleset.nft_removal())


def stands(what: Texts, *, guarded: bool) -> bool:
    """Say whether the guard's rules are all there: other programs may flush what they will.
    *guarded*: whether packets are to go to the queue now.
    """
    if f"table inet {ruleset.TABLE}" not in _run(("nft", "list", "tables")).splitlines():
        return False
    if ruleset.emptied(_run(("nft", "--terse", "list", "table", "inet", ruleset.TABLE))):
        return False
    return all(
        ruleset.mangled(_run((f"{program}-save", "-t", "mangle")), text, guarded=guarded)
        for program, text in (("iptables", what.mangle), ("ip6tables", what.mangle6))
    )


def remove() -> None:
    """Take everything away again."""
    remove_queue()
    _run(("nft", "-f", "-"), ruleset.nft_removal())


def remove_queue() -> None:
    """Take the rules away that send packets to the queue."""
    for program in ("iptables", "ip6tables"):
        saved = _run((f"{program}-save", "-t", "mangle"))
        if text := ruleset.mangle_removal(saved.splitlines()):
            _run((f"{program}-restore", *_RESTORE), text)


def counters() -> dict[str, tuple[int, int]]:
    """Return (packets, bytes) of the table's counters by name; empty where it is not loaded."""
    try:
        said = _run(("nft", "-j", "list", "counters", "table", "inet", ruleset.TABLE))
    except UsageError:
        return {}
    found = [entry["counter"] for entry in json.loads(said)["nftables"] if "counter" in entry]
    return {each["name"]: (each["packets"], each["bytes"]) for each in found}


def _bound(numbers: set[int]) -> set[int]:
    """Return which queues of *numbers* somebody reads in this network."""
    try:
        found = {int(line.split()[0]) for line in _QUEUES.read_text().splitlines()}
    except PermissionError:  # only root may read it, also where a service may bind queues
        return set(filter(_taken, numbers))
    except FileNotFoundError:  # no queue was ever bound: the kernel has not loaded the module
        return set()
    return found & numbers


def _taken(number: int) -> bool:
    """Say whether a queue cannot be bound, by binding it."""
    try:
        Queue(number).close()
    except OSError as error:
        if error.errno not in (EPERM, EBUSY):
            raise
        return True
    return False


def _run(command: tuple[str, ...], text: str = "") -> str:
    done = subprocess.run(  # noqa: S603 - fixed programs; the text is made by `ruleset`
        command, input=text, capture_output=True, text=True, check=False, timeout=TIMEOUT
    )
    if done.returncode:
        said = " ".join(done.stderr.split())[:400]
        if any(word in said.lower() for word in ("not permitted", "permission denied")):
            raise PrivilegeError(
                f"{command[0]} says: {said}; run it as root, or with CAP_NET_ADMIN"
            )
        raise UsageError(f"{command[0]} rejects the guard's rules: {said}")
    return done.stdout
